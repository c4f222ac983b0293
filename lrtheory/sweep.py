"""Run an experiment: every combination of its axes and seeds, in one compiled program, chunk by chunk.

A chunk is a box of the grid of cells: the unit of ``vmap``, of work on a device, of one Zarr region, and of recovery.
The program is traced once however many learning rates and seeds there are (once a value for axes that change shapes);
the last chunk of a row is filled up with copies, whose results are dropped.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import itertools
import math
import queue
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import lrtheory
from lrtheory.errors import ConfigError, StoreError
from lrtheory.experiment import Experiment, at_scale, static_axes, with_value
from lrtheory.lazy import jax, jnp
from lrtheory.pytree import register_pending
from lrtheory.simulate import cell_keys, record_steps, simulate
from lrtheory.store import Store, Variable, describe, fill_value, open_results

if TYPE_CHECKING:
    import xarray as xr

#: On a CPU a chunk of about this many cells keeps both the vector units and the progress bar busy.
CPU_CELLS = 256

#: How many times a batch was traced since import; the tests hold it to one a sweep.
trace_count = 0

SEED_DIMS = ("seed", "data_seed")


class Box(NamedTuple):
    """The grid of cells and how it is cut: dimension names, sizes, and sizes of one chunk, in the same order."""

    dims: tuple[str, ...]
    sizes: tuple[int, ...]
    chunks: tuple[int, ...]

    @property
    def n_chunks(self) -> int:
        """Return the number of chunks."""
        return math.prod(-(-n // c) for n, c in zip(self.sizes, self.chunks, strict=True))

    def slices(self) -> list[dict[str, slice]]:
        """Return the region of every chunk."""
        starts = [range(0, n, c) for n, c in zip(self.sizes, self.chunks, strict=True)]
        return [
            {d: slice(a, min(a + c, n)) for d, a, n, c in zip(self.dims, at, self.sizes, self.chunks, strict=True)}
            for at in itertools.product(*starts)
        ]


def roles(experiment: Experiment) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Return the dimensions that are compiled apart, those of groups, and those of the members of a group."""
    apart = static_axes(experiment)
    members = tuple(n for n, a in experiment.axes.items() if n not in apart and not a.path.startswith("problem"))
    groups = tuple(d for d in experiment.dims if d not in apart and d not in members)
    return apart, groups, members


def sizes_of(experiment: Experiment) -> dict[str, int]:
    """Return dimension -> number of values."""
    sizes = {name: len(axis.values) for name, axis in experiment.axes.items()}
    sizes["seed"] = experiment.seeds
    if experiment.data_seeds is not None:
        sizes["data_seed"] = experiment.data_seeds
    return {d: sizes[d] for d in experiment.dims}


def shrink(shape: dict[str, int], order: Sequence[str], cells: float) -> dict[str, int]:
    """Return a chunk shape of at most ``cells`` cells: dimensions are cut in ``order``, evenly."""
    shape = dict(shape)
    for dim in order:
        excess = math.prod(shape.values()) / max(cells, 1)
        if excess <= 1:
            break
        whole = shape[dim]
        n = max(1, math.floor(whole / excess))
        # As even as possible: 17 values in chunks of at most 16 are 9 + 8, not 16 + 1.
        shape[dim] = -(-whole // -(-whole // n))
    return shape


def leaves_at(experiment: Experiment, dims: Sequence[str], part: str, index: Sequence[Mapping[str, int]]) -> Any:
    """Return ``part`` of the experiment as one pytree whose leaves are stacked over ``index``."""
    flavours = []
    for at in index:
        changed = experiment
        for dim in dims:
            axis = experiment.axes.get(dim)
            if axis is not None and axis.path.split(".")[0] == part:
                changed = with_value(changed, axis.path, axis.values[at[dim]])
        flavours.append(getattr(changed, part))
    structures = {str(jax.tree.structure(f)) for f in flavours}
    if len(structures) > 1:
        raise ConfigError(f"the values of an axis of {part} differ in structure or static fields: {sorted(structures)}")
    return jax.tree.map(lambda *leaves: np.stack([np.asarray(v, float) for v in leaves]), *flavours)


def _batch(experiment: Experiment) -> Callable[..., Any]:
    """Return the function of one chunk: stacked leaves and seeds in, arrays (group, member, ...) out."""
    steps = record_steps(experiment.n_steps, experiment.n_records, experiment.record_spacing)

    def run_chunk(problem: Any, dynamics: Any, schedule: Any, seed: Any, data_seed: Any) -> dict[str, Any]:
        global trace_count
        trace_count += 1
        keys = jax.vmap(lambda s, d: cell_keys(experiment.root_seed, s, d))(seed, data_seed)
        records, outcome = simulate(
            problem, dynamics, schedule, experiment.probes, keys, steps, over_groups=jax.vmap, over_members=jax.vmap
        )
        return {**{k: jnp.moveaxis(v, 0, 2) for k, v in records.items()}, **outcome}

    return run_chunk


def _floats(tree: Any) -> Any:
    return jax.tree.map(lambda v: jnp.asarray(v, float), tree)


def template(experiment: Experiment) -> dict[str, Variable]:
    """Return what the results will hold: every variable with its dimensions, shape, type and attributes."""
    sizes = sizes_of(experiment)
    steps = record_steps(experiment.n_steps, experiment.n_records, experiment.record_spacing)

    def one_cell(seed: Any) -> Any:
        keys = cell_keys(experiment.root_seed, seed, seed)
        parts = (_floats(experiment.problem), _floats(experiment.dynamics), _floats(experiment.schedule))
        return simulate(*parts, experiment.probes, keys, steps)

    records, outcome = jax.eval_shape(one_cell, 0)
    inner: dict[str, tuple[str, ...]] = {}
    units = {"time": "time", "lr": "time per step", "stage_time": "time", "stage_step": "step", "stop_step": "step"}
    for probe in experiment.probes:
        inner.update(getattr(probe, "dims", {}))
        units.update(getattr(probe, "units", {}))
    grid = (experiment.dims, tuple(sizes.values()))
    out: dict[str, Variable] = {}
    for name, value in records.items():
        extra = inner.get(name, tuple(f"{name}_{i}" for i in range(value.ndim - 1)))
        dims, shape = (*grid[0], "record", *extra), (*grid[1], *value.shape)
        out[name] = Variable(dims, shape, value.dtype, {"units": units.get(name, "")})
    for name, value in outcome.items():
        dims = (*grid[0], *(("stage_index",) if name.startswith("stage_") else ()))
        out[name] = Variable(dims, (*grid[1], *value.shape), value.dtype, {"units": units.get(name, "")})
    mark = {"coordinate": True}
    out["step"] = Variable(("record",), steps.shape, np.dtype("int64"), {"units": "step", **mark}, steps)
    first = experiment.first_seed
    coordinates: dict[str, tuple[Any, str]] = {n: (a.coordinate, a.unit) for n, a in experiment.axes.items()}
    coordinates["seed"] = (list(range(first, first + experiment.seeds)), "")
    if experiment.data_seeds is not None:
        coordinates["data_seed"] = (list(range(experiment.data_seeds)), "")
    for name, (values, unit) in coordinates.items():
        array = np.asarray(values)
        out[name] = Variable((name,), array.shape, array.dtype, {"units": unit, **mark}, array)
    return out


@contextlib.contextmanager
def precision(experiment: Experiment) -> Iterator[None]:
    """Compute in the experiment's precision, whatever the process is set to."""
    with jax.enable_x64(experiment.precision == "f64"), jax.default_matmul_precision("highest"):
        yield


def memory_of(compiled: Any) -> int:
    """Return the bytes that a compiled chunk needs: arguments, results and temporaries."""
    m = compiled.memory_analysis()
    return 0 if m is None else int(m.argument_size_in_bytes + m.output_size_in_bytes + m.temp_size_in_bytes)


class Program:
    """The compiled program of one chunk shape, on every device, for one value of the axes compiled apart."""

    def __init__(self, experiment: Experiment, chunk: Mapping[str, int], devices: Sequence[Any]) -> None:
        """Trace and compile for ``devices``."""
        self.experiment, self.chunk = experiment, dict(chunk)
        _, self.groups, self.members = roles(experiment)
        self._first = dict.fromkeys(experiment.dims, 0)
        jitted = jax.jit(_batch(experiment))
        full = {d: slice(0, n) for d, n in self.chunk.items()}
        arguments = self.arguments(full)
        self.compiled = {}
        for device in devices:
            place = jax.sharding.SingleDeviceSharding(device)
            shapes = jax.tree.map(lambda a, p=place: jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=p), arguments)
            self.compiled[device] = jitted.lower(*shapes).compile()

    def arguments(self, region: Mapping[str, slice]) -> Any:
        """Return the stacked leaves and seeds of a region, filled up to the chunk's shape with copies."""

        def cells(dims: Sequence[str]) -> list[dict[str, int]]:
            ranges = [
                [min(region[d].start + i, region[d].stop - 1) for i in range(self.chunk[d])] for d in dims
            ]
            return [{**self._first, **dict(zip(dims, at, strict=True))} for at in itertools.product(*ranges)]

        e, groups, members = self.experiment, cells(self.groups), cells(self.members)
        seed = np.array([g["seed"] + e.first_seed for g in groups], np.int32)
        data_seed = seed if e.data_seeds is None else np.array([g["data_seed"] for g in groups], np.int32)
        leaves = (
            leaves_at(e, self.groups, "problem", groups),
            leaves_at(e, self.members, "dynamics", members),
            leaves_at(e, self.members, "schedule", members),
        )
        return (*jax.tree.map(lambda a: np.asarray(a, jnp.zeros(()).dtype), leaves), seed, data_seed)

    def run(self, region: Mapping[str, slice], device: Any) -> dict[str, np.ndarray]:
        """Return the arrays of a region, with the dimensions of the experiment in front."""
        # The precision of the thread that compiled does not reach the threads that run.
        with precision(self.experiment):
            arguments = jax.device_put(self.arguments(region), device)
            results = jax.device_get(self.compiled[device](*arguments))
        order = (*self.groups, *self.members)
        apart = [d for d in self.experiment.dims if d not in order]
        shape = tuple(self.chunk[d] for d in order)
        keep = tuple(slice(0, region[d].stop - region[d].start) for d in order)
        out = {}
        for name, array in results.items():
            array = array.reshape(*shape, *array.shape[2:])[keep]
            array = np.expand_dims(array, tuple(range(len(apart))))
            now = [*apart, *order]
            axes = [now.index(d) for d in self.experiment.dims]
            out[name] = array.transpose(*axes, *range(len(now), array.ndim))
        return out


def _at_apart(experiment: Experiment, region: Mapping[str, slice]) -> Experiment:
    """Return the experiment with the axes that are compiled apart fixed to their value in ``region``."""
    for dim in static_axes(experiment):
        axis = experiment.axes[dim]
        value = axis.values[region[dim].start]
        experiment = with_value(experiment, axis.path, value)
        fixed = dataclasses.replace(axis, values=(value,), labels=None)
        experiment = dataclasses.replace(experiment, axes={**experiment.axes, dim: fixed})
    return experiment


def plan(experiment: Experiment, devices: Sequence[Any], memory: int | None, n_chunks: int | None) -> tuple[Box, int]:
    """Return how the grid is cut, and the bytes that a chunk is expected to need.

    The first axis to be cut is the seed, then the other group dimensions, then the members. Memory is what the compiled
    program says it needs: a chunk that is over the budget is replaced by one that fits, on the line through two sizes.

    Raises:
        ConfigError: when not even one cell fits into ``memory``.
    """
    apart, groups, members = roles(experiment)
    sizes = sizes_of(experiment)
    whole = {d: (1 if d in apart else n) for d, n in sizes.items()}
    order = [d for d in ("seed", "data_seed", *groups, *members) if d in whole and d not in apart]
    order = list(dict.fromkeys(order))
    total = math.prod(whole.values())
    limit = -(-total // len(devices))
    if n_chunks is not None:
        limit = -(-total // n_chunks)
    elif devices[0].platform == "cpu":
        limit = min(limit, CPU_CELLS)
    shape = shrink(whole, order, limit)
    if memory is None:
        return Box(tuple(sizes), tuple(sizes.values()), tuple(shape.values())), 0
    fixed = _at_apart(experiment, {d: slice(0, 1) for d in sizes})

    def need(shape: Mapping[str, int]) -> int:
        return memory_of(Program(fixed, shape, devices[:1]).compiled[devices[0]])

    needed = need(shape)
    if needed > memory:
        least = shrink(whole, order, 1)
        base = need(least)
        if base > memory:
            raise ConfigError(f"--memory {memory} bytes is not allowed: one cell needs {base} bytes")
        a_cell = (needed - base) / max(math.prod(shape.values()) - math.prod(least.values()), 1)
        shape = shrink(whole, order, math.prod(least.values()) + (memory - base) / a_cell)
        needed = need(shape)
        while needed > memory:
            shape = shrink(whole, order, math.prod(shape.values()) // 2)
            needed = need(shape)
    return Box(tuple(sizes), tuple(sizes.values()), tuple(shape.values())), needed


def _regions(variables: Mapping[str, Variable], region: Mapping[str, slice]) -> dict[str, tuple[slice, ...]]:
    return {
        name: tuple(region.get(d, slice(None)) for d in v.dims) for name, v in variables.items() if v.values is None
    }


def run(
    experiment: Experiment | str | Path,
    scale: str | None = None,
    *,
    results: str | Path | None = None,
    memory: int | None = None,
    chunks: int | None = None,
    devices: Sequence[Any] | None = None,
    progress: bool | None = None,
) -> xr.Dataset:
    """Run an experiment and return its results.

    Args:
        experiment: an :class:`~lrtheory.Experiment`, or the name or path of a sim file.
        scale: the scale to apply first (``"smoke"``, ``"laptop"``, ``"paper"``); None runs the experiment as it stands.
        results: a folder to keep the results in; a run that was cut off is resumed there. None keeps them in memory.
        memory: bytes that one chunk may need on a device.
        chunks: number of chunks to cut the grid into, roughly; by default it follows from devices and memory.
        devices: JAX devices; all of the default backend by default.
        progress: show a bar on chunks; by default only in a terminal.

    Returns:
        An ``xarray.Dataset`` with dimensions (axes..., seed, record), what :func:`lrtheory.open_results` reads.

    Raises:
        ConfigError: a bad number, with its field, its value and what is allowed.
        StoreError: ``results`` belongs to another configuration or cannot be written.

    Example:
        >>> ds = lrtheory.run("quadratic_plateau", scale="smoke")  # doctest: +SKIP
    """
    if not isinstance(experiment, Experiment):
        from lrtheory.sims import load_sim

        experiment = load_sim(experiment).experiment
    if scale is not None:
        experiment = at_scale(experiment, scale)
    experiment.check()
    store = None if results is None else Store(results, experiment)
    if store is not None and store.complete:
        return open_results(store.folder)
    register_pending()
    began = time.time()
    devices = list(devices) if devices is not None else jax.local_devices()
    with precision(experiment):
        variables = template(experiment)
        shape = store.plan() if store is not None else None
        if shape is None:
            box, needed = plan(experiment, devices, memory, chunks)
            if store is not None:
                store.begin(variables, dict(zip(box.dims, box.chunks, strict=True)), box.n_chunks)
        else:
            sizes = sizes_of(experiment)
            box, needed = Box(tuple(sizes), tuple(sizes.values()), tuple(shape[d] for d in sizes)), 0
        arrays = {} if store is not None else {
            n: np.full(v.shape, fill_value(v.dtype), v.dtype) for n, v in variables.items() if v.values is None
        }  # fmt: skip
        todo = list(enumerate(box.slices()))
        if store is not None:
            todo = [(i, r) for i, r in todo if not store.is_done(i, _regions(variables, r))]
        for index, region, values in _execute(experiment, box, todo, devices, progress):
            regions = _regions(variables, region)
            if store is not None:
                store.write(index, values, regions)
            else:
                for name, value in values.items():
                    arrays[name][regions[name]] = value
    diverged = None
    manifest = {
        "name": experiment.name,
        "scale": scale or "",
        "experiment": describe(experiment),
        "lrtheory_version": lrtheory.__version__,
        "jax_version": jax.__version__,
        "device": f"{len(devices)} x {devices[0].device_kind}",
        "seconds": round(time.time() - began, 2),
        "cells": math.prod(box.sizes),
        "chunk": dict(zip(box.dims, box.chunks, strict=True)),
        "chunk_bytes": needed,
        "seeds": experiment.seeds,
    }
    if store is None:
        import xarray as xr

        data = {n: (variables[n].dims, a, dict(variables[n].attrs)) for n, a in arrays.items()}
        coordinates = {n: (v.dims, v.values, dict(v.attrs)) for n, v in variables.items() if v.values is not None}
        dataset = xr.Dataset(data, coordinates, manifest)
        diverged = float((dataset["diverged_at"] >= 0).mean())
        return dataset.assign_attrs(diverged_share=diverged)
    import zarr

    group = zarr.open_group(store.folder / "data.zarr", mode="r", zarr_format=3)
    diverged = float((np.asarray(group["diverged_at"][...]) >= 0).mean())  # type: ignore[index]
    store.finish({**manifest, "diverged_share": diverged})
    return open_results(store.folder)


def _execute(
    experiment: Experiment, box: Box, todo: Sequence[tuple[int, dict[str, slice]]], devices: Sequence[Any], progress: Any
) -> Iterator[tuple[int, dict[str, slice], dict[str, np.ndarray]]]:
    """Yield (index, region, arrays) of every chunk in ``todo`` as the devices finish them."""
    from tqdm import tqdm

    chunk = dict(zip(box.dims, box.chunks, strict=True))
    free: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for device in devices:
        free.put(device)
    apart = static_axes(experiment)
    cells = sum(math.prod(s.stop - s.start for s in region.values()) for _, region in todo)
    bar = tqdm(total=cells, unit="cell", desc=experiment.name, disable=None if progress is None else not progress)
    pool = concurrent.futures.ThreadPoolExecutor(len(devices))

    def work(program: Program, region: dict[str, slice]) -> dict[str, np.ndarray]:
        device = free.get()
        try:
            return program.run(region, device)
        finally:
            free.put(device)

    try:
        for _, same in itertools.groupby(todo, key=lambda item: tuple(item[1][d].start for d in apart)):
            items = list(same)
            program = Program(_at_apart(experiment, items[0][1]), chunk, devices)
            waiting = {pool.submit(work, program, region): (i, region) for i, region in items}
            try:
                for future in concurrent.futures.as_completed(dict(waiting)):
                    index, region = waiting.pop(future)
                    yield index, region, future.result()
                    bar.update(math.prod(s.stop - s.start for s in region.values()))
            except KeyboardInterrupt:
                bar.write("finishing the chunk in hand; Ctrl-C again drops it", file=sys.stderr)
                running = {f: where for f, where in waiting.items() if not f.cancel()}
                for future, (index, region) in running.items():
                    yield index, region, future.result()
                raise
    finally:
        bar.close()
        # Not to wait: a second Ctrl-C, or a failed chunk, leaves what still runs to end by itself.
        pool.shutdown(wait=False, cancel_futures=True)


__all__ = ["Box", "StoreError", "open_results", "plan", "run", "template"]
