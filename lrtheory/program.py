"""The compiled program of a chunk, and what it will return."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from lrtheory.errors import ConfigError
from lrtheory.experiment import Experiment, static_axes, with_value
from lrtheory.grid import roles, sizes_of
from lrtheory.lazy import jax, jnp
from lrtheory.part import Variable
from lrtheory.simulate import cell_keys, record_steps, simulate, start

#: How many times a batch was traced since import; the tests hold it to one a sweep.
trace_count = 0

UNITS = {"time": "time", "lr": "time per step", "stage_time": "time", "stage_step": "step", "stop_step": "step"}


@contextlib.contextmanager
def precision(experiment: Experiment) -> Iterator[None]:
    """Compute in the experiment's precision, whatever the process is set to."""
    with jax.enable_x64(experiment.precision == "f64"), jax.default_matmul_precision("highest"):
        yield


def fixed_apart(experiment: Experiment, at: Mapping[str, int]) -> Experiment:
    """Return the experiment with every axis that is compiled apart fixed to one of its values."""
    for dim in static_axes(experiment):
        axis = experiment.axes[dim]
        value = axis.values[at[dim]]
        experiment = with_value(experiment, axis.path, value)
        fixed = dataclasses.replace(axis, values=(value,), labels=None)
        experiment = dataclasses.replace(experiment, axes={**experiment.axes, dim: fixed})
    return experiment


def all_apart(experiment: Experiment) -> list[Experiment]:
    """Return the experiment at every combination of the values that are compiled apart."""
    dims = static_axes(experiment)
    sizes = sizes_of(experiment)
    combinations = itertools.product(*(range(sizes[d]) for d in dims))
    return [fixed_apart(experiment, dict(zip(dims, at, strict=True))) for at in combinations]


def stacked(experiment: Experiment, dims: Sequence[str], part: str, index: Sequence[Mapping[str, int]]) -> Any:
    """Return ``part`` of the experiment as one pytree whose leaves are stacked over ``index``.

    Raises:
        ConfigError: when the values of an axis differ in structure.
    """
    axes = {d: experiment.axes[d] for d in dims if d in experiment.axes}
    flavours = []
    for at in index:
        changed = experiment
        for dim, axis in axes.items():
            if axis.path.split(".")[0] == part:
                changed = with_value(changed, axis.path, axis.values[at[dim]])
        flavours.append(getattr(changed, part))
    structures = list(dict.fromkeys(str(jax.tree.structure(f)) for f in flavours))
    if len(structures) > 1:
        raise ConfigError(
            f"the values of an axis of {part} must differ in numbers only, but two are {structures[0]} "
            f"and {structures[1]}"
        )
    return jax.tree.map(lambda *leaves: np.stack([np.asarray(v, float) for v in leaves]), *flavours)


def _floats(tree: Any) -> Any:
    return jax.tree.map(lambda v: jnp.asarray(v, float), tree)


def _steps(experiment: Experiment) -> np.ndarray:
    return record_steps(experiment.n_steps, experiment.n_records, experiment.record_spacing)


def _first(experiment: Experiment) -> tuple[int, int]:
    """Return the first seed and the first data seed: where there are data seeds, seeds are numbered within one."""
    return (experiment.first_seed, 0) if experiment.data_seeds is None else (0, experiment.first_seed)


def _batch(experiment: Experiment) -> Callable[..., Any]:
    """Return the function of one chunk: stacked leaves and seeds in, arrays (group, member, ...) out.

    The data seeds are None where the data are tied to the seed.
    """
    steps = _steps(experiment)

    def run_chunk(problem: Any, dynamics: Any, schedule: Any, seed: Any, data_seed: Any) -> dict[str, Any]:
        global trace_count
        trace_count += 1
        keys = jax.vmap(lambda s, d: cell_keys(experiment.root_seed, s, d))(seed, data_seed)
        records, outcome = simulate(
            problem, dynamics, schedule, experiment.probes, keys, steps, over_groups=jax.vmap, over_members=jax.vmap
        )
        return {**{k: jnp.moveaxis(v, 0, 2) for k, v in records.items()}, **outcome}

    return run_chunk


def _shapes(experiment: Experiment) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the shapes of records and outcome of one cell, without computing anything."""
    # Every value of every axis must fit the program, before anything is written.
    for dims, part in zip(roles(experiment)[1:], ("problem", ("dynamics", "schedule")), strict=True):
        for name in dims:
            if name in experiment.axes:
                cells = [{name: i} for i in range(len(experiment.axes[name].values))]
                for p in (part,) if isinstance(part, str) else part:
                    stacked(experiment, [name], p, cells)

    def one_cell(seed: Any) -> Any:
        keys = cell_keys(experiment.root_seed, seed)
        parts = (_floats(experiment.problem), _floats(experiment.dynamics), _floats(experiment.schedule))
        return simulate(*parts, experiment.probes, keys, _steps(experiment))

    return jax.eval_shape(one_cell, 0)


def template(experiment: Experiment) -> dict[str, Variable]:
    """Return what the results will hold: every variable with its dimensions, shape, type and attributes.

    Raises:
        ConfigError: when an axis is called like a variable, or changes the shape of one.
    """
    variants = [_shapes(e) for e in all_apart(experiment)]
    records, outcome = variants[0]
    for other in variants[1:]:
        for name, value in {**records, **outcome}.items():
            seen = {**other[0], **other[1]}[name].shape
            if seen != value.shape:
                axes = ", ".join(static_axes(experiment))
                raise ConfigError(
                    f"{name} has shape {value.shape} at one value of axis {axes} and {seen} at another: "
                    "leave out the probe that records it"
                )
    inner: dict[str, tuple[str, ...]] = {}
    units = dict(UNITS)
    for probe in experiment.probes:
        inner.update(getattr(probe, "dims", {}))
        units.update(getattr(probe, "units", {}))
    sizes = sizes_of(experiment)
    out: dict[str, Variable] = {}
    for name, value in records.items():
        extra = inner.get(name, tuple(f"{name}_{i}" for i in range(value.ndim - 1)))
        dims, shape = (*sizes, "record", *extra), (*sizes.values(), *value.shape)
        out[name] = Variable(dims, shape, value.dtype, {"units": units.get(name, "")})
    for name, value in outcome.items():
        dims = (*sizes, *(("stage_index",) if name.startswith("stage_") else ()))
        out[name] = Variable(dims, (*sizes.values(), *value.shape), value.dtype, {"units": units.get(name, "")})
    taken = {*out, *(d for dims in inner.values() for d in dims)}
    clash = sorted(taken & set(experiment.axes))
    if clash:
        raise ConfigError(f"axis {clash[0]!r} is called like a recorded variable or dimension: give it another name")
    mark = {"coordinate": True}
    steps = _steps(experiment)
    out["step"] = Variable(("record",), steps.shape, np.dtype("int64"), {"units": "step", **mark}, steps)
    coordinates: dict[str, tuple[Any, str]] = {n: (a.coordinate, a.unit) for n, a in experiment.axes.items()}
    first_seed, first_data_seed = _first(experiment)
    coordinates["seed"] = (list(range(first_seed, first_seed + experiment.seeds)), "")
    if experiment.data_seeds is not None:
        coordinates["data_seed"] = (list(range(first_data_seed, first_data_seed + experiment.data_seeds)), "")
    for name, (values, unit) in coordinates.items():
        array = np.asarray(values)
        out[name] = Variable((name,), array.shape, array.dtype, {"units": unit, **mark}, array)
    return out


def group_bytes(experiment: Experiment) -> int:
    """Return the bytes of data and state that a group of cells moves through at every step, without computing."""
    e = all_apart(experiment)[-1]
    parts = (_floats(e.problem), _floats(e.dynamics), _floats(e.schedule))

    def begin(seed: Any) -> Any:
        keys = cell_keys(e.root_seed, seed)
        data = parts[0].data(keys.data)
        return data, start(*parts, data, keys)

    def size(tree: Any) -> int:
        return sum(v.size * v.dtype.itemsize for v in jax.tree.leaves(tree))

    data, clock = jax.eval_shape(begin, 0)
    sizes = sizes_of(experiment)
    members = math.prod(sizes[d] for d in roles(experiment)[2])
    return size(data) + members * size(clock)


class Program:
    """The program of one chunk shape, for one value of the axes compiled apart; compiled where it is first used."""

    def __init__(self, experiment: Experiment, at: Mapping[str, int], chunk: Mapping[str, int]) -> None:
        """Compile nothing yet; ``at`` are the values of the axes compiled apart."""
        _, self.groups, self.members = roles(experiment)
        self.experiment, self.chunk = fixed_apart(experiment, at), dict(chunk)
        self._jitted = jax.jit(_batch(self.experiment))
        self._compiled: dict[Any, Any] = {}
        self._tracing = threading.Lock()

    def _on(self, device: Any) -> Any:
        """Return the program compiled for ``device``; it is traced once, whatever the number of devices."""
        if device not in self._compiled:
            place = jax.sharding.SingleDeviceSharding(device)
            arguments = self._arguments({d: slice(0, n) for d, n in self.chunk.items()})
            shapes = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=place), arguments)
            with self._tracing:
                lowered = self._jitted.lower(*shapes)
            self._compiled[device] = lowered.compile()
        return self._compiled[device]

    def memory(self, device: Any) -> int:
        """Return the bytes that a chunk needs on a device: arguments, results and temporaries."""
        m = self._on(device).memory_analysis()
        return 0 if m is None else int(m.argument_size_in_bytes + m.output_size_in_bytes + m.temp_size_in_bytes)

    def _arguments(self, region: Mapping[str, slice]) -> Any:
        """Return the stacked leaves and seeds of a region, filled up to the chunk's shape with copies."""

        def cells(dims: Sequence[str]) -> list[dict[str, int]]:
            ranges = [[min(region[d].start + i, region[d].stop - 1) for i in range(self.chunk[d])] for d in dims]
            return [dict(zip(dims, at, strict=True)) for at in itertools.product(*ranges)]

        e, groups, members = self.experiment, cells(self.groups), cells(self.members)
        first_seed, first_data_seed = _first(e)
        seed = np.array([g["seed"] + first_seed for g in groups], np.int32)
        data_seed = None
        if e.data_seeds is not None:
            data_seed = np.array([g["data_seed"] + first_data_seed for g in groups], np.int32)
        leaves = (
            stacked(e, self.groups, "problem", groups),
            stacked(e, self.members, "dynamics", members),
            stacked(e, self.members, "schedule", members),
        )
        return (*jax.tree.map(lambda a: np.asarray(a, jnp.zeros(()).dtype), leaves), seed, data_seed)

    def run(self, region: Mapping[str, slice], device: Any) -> dict[str, np.ndarray]:
        """Return the arrays of a region, with the dimensions of the experiment in front."""
        # Precision is a setting of the thread, and this is a worker's.
        with precision(self.experiment):
            arguments = jax.device_put(self._arguments(region), device)
            results = jax.device_get(self._on(device)(*arguments))
        order = (*self.groups, *self.members)
        apart = [d for d in self.experiment.dims if d not in order]
        shape = tuple(self.chunk[d] for d in order)
        keep = tuple(slice(0, region[d].stop - region[d].start) for d in order)
        now = [*apart, *order]
        axes = [now.index(d) for d in self.experiment.dims]
        out = {}
        for name, array in results.items():
            array = array.reshape(*shape, *array.shape[2:])[keep]
            array = np.expand_dims(array, tuple(range(len(apart))))
            out[name] = array.transpose(*axes, *range(len(now), array.ndim))
        return out
