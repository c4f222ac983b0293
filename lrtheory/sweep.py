"""Run an experiment: every combination of its axes and seeds, in one compiled program, chunk by chunk.

A chunk is a box of the grid of cells: the unit of ``vmap``, of work on a device, of one Zarr region, and of recovery.
The program is traced once however many learning rates and seeds there are (once a value for axes that change shapes);
the last chunk of a row is filled up with copies, whose results are dropped.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import itertools
import math
import queue
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import lrtheory
from lrtheory.description import describe
from lrtheory.errors import ConfigError
from lrtheory.experiment import Experiment, at_scale, static_axes
from lrtheory.grid import Box, cells_in, roles, shrink, sizes_of
from lrtheory.lazy import jax
from lrtheory.part import Store, Variable, fill_value, regions_of
from lrtheory.program import Program, all_apart, group_bytes, precision, template
from lrtheory.pytree import register_pending
from lrtheory.store import open_results, renew, unfinished

if TYPE_CHECKING:
    import xarray as xr

#: A chunk on a CPU has at most this many cells, enough to keep the vector units busy, ...
CPU_CELLS = 256
#: ... and at most this many bytes of data and state: beyond the cache of a core every step waits for memory.
CPU_BYTES = 2**20


class Programs:
    """The compiled programs of a sweep, each made when it is first needed and kept."""

    def __init__(self, experiment: Experiment, devices: Sequence[Any]) -> None:
        """Compile nothing yet."""
        self.experiment, self.devices = experiment, devices
        self._made: dict[Any, Program] = {}

    def get(self, at: Mapping[str, int], chunk: Mapping[str, int]) -> Program:
        """Return the program of a chunk shape at one value of every axis that is compiled apart."""
        key = (tuple(at[d] for d in static_axes(self.experiment)), tuple(chunk.items()))
        if key not in self._made:
            self._made[key] = Program(self.experiment, at, chunk)
        return self._made[key]


def plan(
    experiment: Experiment, programs: Programs, memory: int | None, n_chunks: int | None
) -> tuple[Box, int | None]:
    """Return how the grid is cut, and the bytes that a chunk is expected to need (None where no budget was given).

    Seeds are cut first, then the other dimensions of groups, then those of members. The memory that a chunk needs is
    what its compiled program says: a chunk over the budget is replaced by one that fits, on the line through two sizes.

    Raises:
        ConfigError: when not even one cell fits into ``memory``.
    """
    apart, groups, members = roles(experiment)
    sizes = sizes_of(experiment)
    whole = {d: (1 if d in apart else n) for d, n in sizes.items()}
    order = list(dict.fromkeys(["seed", *groups, *members]))
    total = math.prod(whole.values())
    devices = programs.devices
    limit = -(-total // len(devices))
    if n_chunks is not None:
        limit = max(1, total * len(all_apart(experiment)) // n_chunks)
    elif devices[0].platform == "cpu":
        n_members = math.prod(whole[d] for d in members)
        limit = min(limit, CPU_CELLS, n_members * max(1, CPU_BYTES // max(group_bytes(experiment), 1)))
    shape = shrink(whole, order, limit)

    def box(shape: Mapping[str, int]) -> Box:
        return Box(tuple(sizes), tuple(sizes.values()), tuple(shape[d] for d in sizes))

    if memory is None:
        return box(shape), None

    def need(shape: Mapping[str, int]) -> int:
        combinations = itertools.product(*(range(sizes[d]) for d in apart))
        return max(programs.get(dict(zip(apart, at, strict=True)), shape).memory(devices[0]) for at in combinations)

    needed = need(shape)
    if needed > memory:
        one = shrink(whole, order, 1)
        base = need(one)
        if base > memory:
            raise ConfigError(
                f"--memory = {memory} bytes is not allowed: it must be at least {base}, the need of one cell"
            )
        a_cell = (needed - base) / max(math.prod(shape.values()) - 1, 1)
        shape = shrink(whole, order, 1 + (memory - base) / a_cell)
        needed = need(shape)
        while needed > memory:
            shape = shrink(whole, order, math.prod(shape.values()) // 2)
            needed = need(shape)
    return box(shape), needed


def default_memory(device: Any) -> int | None:
    """Return the budget of a chunk where none is given: four fifths of an accelerator's memory, None on a CPU."""
    limit = None if device.platform == "cpu" else (device.memory_stats() or {}).get("bytes_limit")
    return None if limit is None else int(0.8 * limit)


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
        results: a folder to keep the results in; a run that was cut off is resumed there, with the chunks it was begun
            with. Where it holds fewer seeds (data seeds, if the experiment has them), the missing ones are run and kept
            beside what is there; where it holds more, nothing is run. None keeps the results in memory only.
        memory: bytes that one chunk may need on a device; by default four fifths of an accelerator's.
        chunks: number of chunks to cut the grid into, roughly; by default it follows from devices and memory.
        devices: JAX devices; all of the default backend by default.
        progress: show a bar on chunks; by default only in a terminal.

    Returns:
        An ``xarray.Dataset`` with dimensions (axes..., seed, record), what :func:`lrtheory.open_results` reads: as many
        seeds as were asked for, the first ones of those in ``results``.

    Raises:
        ConfigError: a bad number, with its field, its value and what is allowed.
        StoreError: ``results`` belongs to another configuration or cannot be written.
        KeyboardInterrupt: after Ctrl-C, once the chunks in hand are written.

    Example:
        >>> ds = lrtheory.run("quadratic_plateau", scale="smoke")  # doctest: +SKIP
    """
    if not isinstance(experiment, Experiment):
        from lrtheory.sims import load_sim

        experiment = load_sim(experiment).experiment
    if scale is not None:
        experiment = at_scale(experiment, scale)
    experiment.check()
    how = {"memory": memory, "chunks": chunks, "devices": devices, "progress": progress}
    if results is None:
        return _in_memory(*_run_part(experiment, None, **how))
    for part in unfinished(results, experiment):
        _run_part(part.experiment, part, **how)
        renew(results)
    return open_results(results, experiment.seeds if experiment.data_seeds is None else experiment.data_seeds)


def _run_part(
    experiment: Experiment,
    store: Store | None,
    *,
    memory: int | None,
    chunks: int | None,
    devices: Sequence[Any] | None,
    progress: bool | None,
) -> tuple[dict[str, Variable], dict[str, np.ndarray], dict[str, Any]]:
    """Run what a part lacks; return its variables, its arrays (none of them where there is a store), its manifest."""
    register_pending()
    began = time.time()
    devices = list(devices) if devices is not None else jax.local_devices()
    programs = Programs(experiment, devices)
    with precision(experiment):
        variables = template(experiment)
        computed = {name: v for name, v in variables.items() if v.values is None}
        box = None if store is None else store.box(variables)
        needed = None
        if box is None:
            budget = default_memory(devices[0]) if memory is None else memory
            box, needed = plan(experiment, programs, budget, chunks)
            if store is not None:
                store.begin(variables, box)
        todo = [(i, r) for i, r in enumerate(box.regions()) if store is None or not store.is_done(i, computed, r)]
        arrays = {}
        if store is None:
            arrays = {n: np.full(v.shape, fill_value(v.dtype), v.dtype) for n, v in computed.items()}
        with _ctrl_c() as stop:
            for index, region, values in _execute(experiment, programs, box.chunk, todo, progress, stop):
                if store is not None:
                    store.write(index, values, computed, region)
                else:
                    for name, where in regions_of(computed, region).items():
                        arrays[name][where] = values[name]
    manifest = {
        "name": experiment.name,
        "experiment": describe(experiment),
        "lrtheory_version": lrtheory.__version__,
        "jax_version": jax.__version__,
        "device": f"{len(devices)} x {devices[0].device_kind}",
        "seconds": round(time.time() - began, 2),
        "cells": math.prod(box.sizes),
        "chunk": box.chunk,
        "chunk_bytes": needed,
        "seeds": experiment.seeds,
        **({} if experiment.data_seeds is None else {"data_seeds": experiment.data_seeds}),
    }
    if store is not None:
        store.finish(manifest)
    return variables, arrays, manifest


def _in_memory(variables: Mapping[str, Variable], arrays: Mapping[str, np.ndarray], manifest: Any) -> xr.Dataset:
    import xarray as xr

    data = {n: (variables[n].dims, a, dict(variables[n].attrs)) for n, a in arrays.items()}
    coordinates = {n: (v.dims, v.values, dict(v.attrs)) for n, v in variables.items() if v.values is not None}
    share = float((arrays["diverged_at"] >= 0).mean())
    return xr.Dataset(data, coordinates, {**manifest, "diverged_share": share, "seeds_added": 0, "looked": False})


@contextlib.contextmanager
def _ctrl_c() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C into an event, so that no write is cut in half; the second one interrupts at once."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def ask(*_: Any) -> None:
        stop.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        print("\nfinishing the chunk in hand; Ctrl-C again drops it", file=sys.stderr)

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


def _execute(
    experiment: Experiment,
    programs: Programs,
    chunk: Mapping[str, int],
    todo: Sequence[tuple[int, dict[str, slice]]],
    progress: bool | None,
    stop: threading.Event,
) -> Iterator[tuple[int, dict[str, slice], dict[str, np.ndarray]]]:
    """Yield (index, region, arrays) of every chunk in ``todo`` as the devices finish them, until ``stop`` is set."""
    from tqdm import tqdm

    free: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for device in programs.devices:
        free.put(device)
    apart = static_axes(experiment)

    def fixed(item: tuple[int, dict[str, slice]]) -> tuple[int, ...]:
        return tuple(item[1][d].start for d in apart)

    def work(program: Program, region: dict[str, slice]) -> dict[str, np.ndarray]:
        device = free.get()
        try:
            return program.run(region, device)
        finally:
            free.put(device)

    cells = sum(cells_in(region) for _, region in todo)
    bar = tqdm(total=cells, unit="cell", desc=experiment.name, disable=None if progress is None else not progress)
    pool = concurrent.futures.ThreadPoolExecutor(len(programs.devices))
    try:
        for at, same in itertools.groupby(sorted(todo, key=fixed), key=fixed):
            program = programs.get(dict(zip(apart, at, strict=True)), chunk)
            waiting = {pool.submit(work, program, region): (index, region) for index, region in same}
            while waiting:
                if stop.is_set():
                    waiting = {future: where for future, where in waiting.items() if not future.cancel()}
                done, _ = concurrent.futures.wait(waiting, 0.2, concurrent.futures.FIRST_COMPLETED)
                while done:  # emptied, not iterated: a finished chunk's arrays must not outlive its writing
                    future = done.pop()
                    index, region = waiting.pop(future)
                    yield index, region, future.result()
                    del future
                    bar.update(cells_in(region))
            if stop.is_set():
                raise KeyboardInterrupt
    finally:
        bar.close()
        # Not to wait: after a second Ctrl-C, or a failed chunk, what still runs ends by itself.
        pool.shutdown(wait=False, cancel_futures=True)
