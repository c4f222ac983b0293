"""The compiled program of a chunk, and what it will return."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import math
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from lrtheory.errors import ConfigError
from lrtheory.experiment import Experiment, static_axes, with_value
from lrtheory.grid import roles, sizes_of
from lrtheory.lazy import jax, jnp
from lrtheory.part import Variable
from lrtheory.simulate import Paths, begin, cell_keys, record_steps, simulate_paths, start
from lrtheory.sub_paths import Branches

#: Held by a program that calls LAPACK while it runs on a CPU: on two host devices at once such programs may wait for
#: each other for ever (jaxlib 0.10.1).
_lapack = threading.Lock()

#: How many times a batch was traced since import; the tests hold it to one a sweep.
trace_count = 0

UNITS = {"time": "time", "lr": "time per step", "stage_time": "time", "stage_step": "step", "stop_step": "step"}

#: What is recorded of each stage of a schedule.
STAGES = ("stage_step", "stage_time", "stage_reason")
#: Names of the dimensions and coordinates of results.
DIMENSIONS = {
    "record", "step", "seed", "data_seed", "stage_index", "decay_step", "branch", "sub_record", "sub_step",
    "sub_stage_index",
}  # fmt: skip

#: The parts of an experiment in which the members of a group differ.
MEMBER_PARTS = ("dynamics", "schedule", "sub_paths")

#: What is recorded of sub-paths is called as on the main path, with this in front.
SUB = "sub_"


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
    """Return the steps at which a main path is looked at: records, evenly spaced and others, and decays."""
    steps = record_steps(experiment.n_steps, experiment.n_records, experiment.record_spacing)
    decays = () if experiment.sub_paths is None else experiment.sub_paths.decay_steps
    return np.unique(np.concatenate([steps, experiment.record_at, decays])).astype(int)


def _sub_steps(experiment: Experiment) -> np.ndarray:
    return record_steps(experiment.sub_paths.n_steps, experiment.sub_paths.n_records, "linear")


def _sub_dims(experiment: Experiment) -> tuple[str, ...]:
    """Return the dimensions of the sub-paths of a cell."""
    if experiment.sub_paths is None:
        return ()
    return ("decay_step", "branch") if isinstance(experiment.sub_paths.schedule, Branches) else ("decay_step",)


def _first(experiment: Experiment) -> tuple[int, int]:
    """Return the first seed and the first data seed: where there are data seeds, seeds are numbered within one."""
    return (experiment.first_seed, 0) if experiment.data_seeds is None else (0, experiment.first_seed)


def _batch(experiment: Experiment) -> Callable[..., Any]:
    """Return the function of one chunk: stacked leaves and seeds in, arrays (group, member, ...) out.

    The data seeds are None where the data are tied to the seed.
    """
    steps = _steps(experiment)

    def run_chunk(
        problem: Any, dynamics: Any, schedule: Any, sub_paths: Any, seed: Any, data_seed: Any
    ) -> dict[str, Any]:
        global trace_count
        trace_count += 1
        keys = jax.vmap(lambda s, d: cell_keys(experiment.root_seed, s, d))(seed, data_seed)
        parts = (problem, dynamics, schedule, sub_paths, experiment.probes, keys, steps)
        paths = simulate_paths(*parts, jax.vmap, jax.vmap)
        after = 2 + len(_sub_dims(experiment))  # the record goes after (group, member) and the dimensions of sub-paths
        return {
            **{k: jnp.moveaxis(v, 0, 2) for k, v in paths.records.items()},
            **paths.outcome,
            **{SUB + k: jnp.moveaxis(v, 0, after) for k, v in paths.sub_records.items()},
            **{SUB + k: v for k, v in paths.sub_outcome.items()},
            **paths.ends,
        }

    return run_chunk


def _shapes(experiment: Experiment) -> Paths:
    """Return the shapes of what :func:`simulate_paths` returns of one cell, without computing anything."""
    # Every value of every axis must fit the program, before anything is written.
    for dims, parts in zip(roles(experiment)[1:], (("problem",), MEMBER_PARTS), strict=True):
        for name in dims:
            if name in experiment.axes:
                cells = [{name: i} for i in range(len(experiment.axes[name].values))]
                for part in parts:
                    stacked(experiment, [name], part, cells)

    def one_cell(seed: Any) -> Any:
        e = experiment
        problem, dynamics, schedule, sub_paths = _floats((e.problem, e.dynamics, e.schedule, e.sub_paths))
        keys = cell_keys(e.root_seed, seed)
        return simulate_paths(problem, dynamics, schedule, sub_paths, e.probes, keys, _steps(e))

    return jax.eval_shape(one_cell, 0)


#: Dimensions after those of a cell, and shape and type of what is recorded of one cell.
Layout = tuple[tuple[str, ...], Any]


def _laid_out(experiment: Experiment, inner: Mapping[str, tuple[str, ...]]) -> dict[str, Layout]:
    """Return the layout of everything that is recorded.

    Raises:
        ConfigError: when something is called like something else.
    """

    def laid_out(found: Mapping[str, Any], lead: tuple[str, ...], prefix: str) -> dict[str, Layout]:
        out = {}
        for name, value in found.items():
            n = value.ndim - len(lead)
            extra = (prefix + "stage_index",) if name in STAGES else inner.get(name)
            out[prefix + name] = (*lead, *(extra or (f"{name}_{i}" for i in range(n)))), value
        return out

    paths, sub_dims = _shapes(experiment), _sub_dims(experiment)
    # The records of sub-paths are in front where they are made, and after the decay steps where they are kept.
    n = len(sub_dims)
    sub_records = {
        k: jax.ShapeDtypeStruct((*v.shape[1 : n + 1], v.shape[0], *v.shape[n + 1 :]), v.dtype)
        for k, v in paths.sub_records.items()
    }
    parts = (
        laid_out(paths.records, ("record",), ""),
        laid_out(paths.outcome, (), ""),
        laid_out(sub_records, (*sub_dims, "sub_record"), SUB),
        laid_out(paths.sub_outcome, sub_dims, SUB),
        laid_out(paths.ends, sub_dims[:1], ""),
    )
    twice = [name for name, n in Counter(itertools.chain(*parts)).items() if n > 1]
    if twice:
        raise ConfigError(f"{twice[0]!r} is recorded twice: rename what a probe returns")
    taken = sorted(DIMENSIONS & set(itertools.chain(*parts)))
    if taken:
        raise ConfigError(f"{taken[0]!r} is a coordinate of every result: rename what the probe returns")
    return {name: value for part in parts for name, value in part.items()}


def template(experiment: Experiment) -> dict[str, Variable]:
    """Return what the results will hold: every variable with its dimensions, shape, type and attributes.

    Raises:
        ConfigError: when an axis is called like a variable, or changes the shape of one.
    """
    inner: dict[str, tuple[str, ...]] = {}
    units = dict(UNITS)
    for probe in experiment.probes:
        inner.update(getattr(probe, "dims", {}))
        units.update(getattr(probe, "units", {}))
    sizes = sizes_of(experiment)
    variants = [_laid_out(e, inner) for e in all_apart(experiment)]
    for other in variants[1:]:
        for name, (_, value) in variants[0].items():
            seen = other[name][1].shape
            if seen != value.shape:
                axes = ", ".join(static_axes(experiment))
                raise ConfigError(
                    f"{name} has shape {value.shape} at one value of axis {axes} and {seen} at another: "
                    "leave out the probe that records it"
                )
    out: dict[str, Variable] = {}
    for name, (dims, value) in variants[0].items():
        unit = units.get(name, units.get(name.removeprefix(SUB), ""))
        out[name] = Variable((*sizes, *dims), (*sizes.values(), *value.shape), value.dtype, {"units": unit})
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
    if experiment.sub_paths is not None:
        coordinates["decay_step"] = (list(experiment.sub_paths.decay_steps), "step")
        if isinstance(experiment.sub_paths.schedule, Branches):
            coordinates["branch"] = (list(experiment.sub_paths.schedule.labels), "")
    for name, (values, unit) in coordinates.items():
        array = np.asarray(values)
        out[name] = Variable((name,), array.shape, array.dtype, {"units": unit, **mark}, array)
    if experiment.sub_paths is not None:
        sub_steps = _sub_steps(experiment)
        out["sub_step"] = Variable(("sub_record",), sub_steps.shape, np.dtype("int64"), out["step"].attrs, sub_steps)
    return out


def group_bytes(experiment: Experiment) -> int:
    """Return the bytes of data and state that a group of cells moves through at every step, without computing."""
    e = all_apart(experiment)[-1]
    problem, dynamics, schedule = _floats((e.problem, e.dynamics, e.schedule))

    def one_cell(seed: Any) -> Any:
        data, params = begin(problem, dynamics, cell_keys(e.root_seed, seed))
        return data, start(problem, dynamics, schedule, data, params)

    def size(tree: Any) -> int:
        return sum(v.size * v.dtype.itemsize for v in jax.tree.leaves(tree))

    data, clock = jax.eval_shape(one_cell, 0)
    sizes = sizes_of(experiment)
    paths = 1 if e.sub_paths is None else e.sub_paths.n_paths
    return size(data) + math.prod(sizes[d] for d in roles(experiment)[2]) * paths * size(clock)


class Program:
    """The program of one chunk shape, for one value of the axes compiled apart; compiled where it is first used."""

    def __init__(self, experiment: Experiment, at: Mapping[str, int], chunk: Mapping[str, int]) -> None:
        """Compile nothing yet; ``at`` are the values of the axes compiled apart."""
        _, self.groups, self.members = roles(experiment)
        self.experiment, self.chunk = fixed_apart(experiment, at), dict(chunk)
        self._jitted = jax.jit(_batch(self.experiment))
        self._compiled: dict[Any, Any] = {}
        self._alone: contextlib.AbstractContextManager[Any] = contextlib.nullcontext()
        self._tracing = threading.Lock()

    def _on(self, device: Any) -> Any:
        """Return the program compiled for ``device``; it is traced once, whatever the number of devices."""
        if device not in self._compiled:
            place = jax.sharding.SingleDeviceSharding(device)
            arguments = self._arguments({d: slice(0, n) for d, n in self.chunk.items()})
            shapes = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=place), arguments)
            with self._tracing:
                lowered = self._jitted.lower(*shapes)
            if device.platform == "cpu" and "lapack_" in lowered.as_text():
                self._alone = _lapack
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
            *(stacked(e, self.members, part, members) for part in MEMBER_PARTS),
        )
        return (*jax.tree.map(lambda a: np.asarray(a, jnp.zeros(()).dtype), leaves), seed, data_seed)

    def run(self, region: Mapping[str, slice], device: Any) -> dict[str, np.ndarray]:
        """Return the arrays of a region, with the dimensions of the experiment in front."""
        # Precision is a setting of the thread, and this is a worker's.
        with precision(self.experiment):
            arguments = jax.device_put(self._arguments(region), device)
            program = self._on(device)
            with self._alone:
                results = jax.device_get(program(*arguments))
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
