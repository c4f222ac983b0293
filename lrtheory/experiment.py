"""An experiment: problem x dynamics x schedule x probes, the axes it is swept over, and its scales.

Declaring, changing and checking an experiment needs no JAX. Every number in it has a dotted path
(``problem.gamma0``, ``schedule.rates.1``, ``axes.theta``) by which a scale, the command line, or
:func:`with_values` can set it; a misspelt path is an error that names the nearest field.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from lrtheory.errors import ConfigError, require, unknown
from lrtheory.pytree import is_static

#: Names of variables and dimensions that every result has.
TAKEN = {
    "record", "step", "time", "lr", "stage", "stage_index", "stage_step", "stage_time", "stage_reason", "stop_step",
    "diverged_at", "seed", "data_seed", "decay_step", "branch", "sub_record", "sub_step",
    "sub_stage_index",
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Axis:
    """One swept dimension: the field at ``path`` takes each of ``values`` in turn.

    A value is a number, or a whole part of the experiment (two schedules of one kind, say), which ``labels`` then name.

    Example:
        >>> Axis("schedule.rate", (0.1, 1.0)).coordinate
        [0.1, 1.0]
    """

    path: str
    values: Sequence[Any]
    labels: Sequence[Any] | None = None
    unit: str = ""

    def __post_init__(self) -> None:
        """Refuse an empty axis, or labels that do not match the values."""
        require(len(self.values) > 0, field=f"axis {self.path}", value=self.values, allowed="at least one value")
        if self.labels is not None:
            require(
                len(self.labels) == len(self.values),
                field=f"labels of axis {self.path}",
                value=self.labels,
                allowed=f"{len(self.values)} labels, one a value",
            )

    @property
    def coordinate(self) -> list[Any]:
        """Return the labels, or the values where they are plain numbers."""
        if self.labels is not None:
            return list(self.labels)
        if all(isinstance(v, int | float | str) for v in self.values):
            return list(self.values)
        return list(range(len(self.values)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Experiment:
    """What is simulated, for which cells, and what is recorded.

    Attributes:
        name: the stem of the results folder.
        problem, dynamics, schedule, probes: see the modules of those names.
        n_steps: steps of the shared clock in one cell (on its main path, if it has sub-paths).
        n_records: how often the probes are read, besides once before the first step.
        record_spacing: ``"linear"`` or ``"log"`` spacing of those steps.
        record_at: further steps at which the probes are read, where more is to be seen: after a decay, say.
        sub_paths: what branches off at given steps and goes on by itself, a :class:`~lrtheory.sub_paths.SubPaths`;
            None: nothing does.
        axes: dimension name -> :class:`Axis`; all combinations are run.
        seeds: number of seeds; of each data seed, where there are data seeds.
        data_seeds: number of data seeds, as a dimension of its own. Seeds of one data seed share the data and differ in
            the initial point and the noise; two data seeds share nothing, and are the replicates of the experiment.
            None ties the data to the seed: seeds share nothing, and are the replicates.
        first_seed: the first replicate. Seeds are ``first_seed .. first_seed + seeds - 1``; with data seeds these are
            ``first_seed .. first_seed + data_seeds - 1``, and the seeds of each are ``0 .. seeds - 1``.
        root_seed: changes every random number at once.
        precision: ``"f32"`` or ``"f64"``.
        scales: scale name -> dotted path -> value, applied by :func:`at_scale`.
    """

    name: str
    problem: Any
    dynamics: Any
    schedule: Any
    probes: tuple[Any, ...]
    n_steps: int
    n_records: int = 50
    record_spacing: str = "linear"
    record_at: tuple[int, ...] = ()
    sub_paths: Any = None
    axes: Mapping[str, Axis] = dataclasses.field(default_factory=dict)
    seeds: int = 16
    data_seeds: int | None = None
    first_seed: int = 0
    root_seed: int = 0
    precision: str = "f64"
    scales: Mapping[str, Mapping[str, Any]] = dataclasses.field(
        default_factory=lambda: {"smoke": {}, "laptop": {}, "paper": {}}
    )

    @property
    def dims(self) -> tuple[str, ...]:
        """Return the dimensions of a cell, slowest first in memory last: axes, then seeds."""
        return (*self.axes, "seed", *(("data_seed",) if self.data_seeds is not None else ()))

    def check(self) -> None:
        """Check every number of the experiment at every value of every axis.

        Raises:
            ConfigError: one line naming the field, its value and what is allowed.
        """
        for name in ("n_steps", "n_records", "seeds", "data_seeds"):
            value = getattr(self, name)
            if value is None and name == "data_seeds":
                continue
            require(isinstance(value, int) and value >= 1, field=name, value=value, allowed="a whole number >= 1")
        require(self.precision in ("f32", "f64"), field="precision", value=self.precision, allowed="'f32' or 'f64'")
        require(
            self.record_spacing in ("linear", "log"),
            field="record_spacing", value=self.record_spacing, allowed="'linear' or 'log'",
        )  # fmt: skip
        require(
            isinstance(self.record_at, tuple | list)
            and all(isinstance(step, int) and 0 <= step <= self.n_steps for step in self.record_at),
            field="record_at", value=self.record_at, allowed=f"whole numbers from 0 to n_steps = {self.n_steps}",
        )  # fmt: skip
        require(
            callable(self.schedule),
            field="schedule", value=self.schedule, allowed="a schedule, such as Constant(rate=1e-3)",
        )  # fmt: skip
        roots = ("problem", "dynamics", "schedule", *(() if self.sub_paths is None else ("sub_paths",)))
        clash = sorted(TAKEN & set(self.axes))
        require(not clash, field="axes", value=clash, allowed="named otherwise: these names are taken by results")
        for axis in self.axes.values():
            require(
                axis.path.split(".")[0] in roots,
                field="axis path", value=axis.path, allowed=f"a field of {', '.join(roots[:-1])} or {roots[-1]}",
            )  # fmt: skip
            # Their steps are coordinates of the results, the same for every cell.
            require(
                axis.path.split(".")[0] != "sub_paths" or axis.path.startswith("sub_paths.schedule"),
                field="axis path", value=axis.path, allowed="sub_paths.schedule, of all that sub-paths are made of",
            )  # fmt: skip
        _check_overlap(self.axes)
        _check_parts(self)
        for axis in self.axes.values():
            for value in axis.values:
                changed = with_value(self, axis.path, value)
                _check_parts(changed)
                require(
                    _branches(changed) == _branches(self),
                    field=f"axis {axis.path}", value=_branches(changed),
                    allowed=f"the branches of the experiment, {_branches(self)}: they are a coordinate of its results",
                )  # fmt: skip


def _branches(experiment: Experiment) -> tuple[str, ...] | None:
    labels = getattr(getattr(experiment.sub_paths, "schedule", None), "labels", None)
    return None if labels is None else tuple(labels)


def _check_overlap(axes: Mapping[str, Axis]) -> None:
    """Refuse two axes of one field; a part of a labelled whole may be swept by an axis after it."""
    names = list(axes)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            a, b = axes[first].path, axes[second].path
            if a == b or a.startswith(b + "."):
                raise ConfigError(
                    f"axis {second!r} sets {b} after axis {first!r} has set {a}: "
                    + ("leave out one" if a == b else f"put {second!r} before {first!r}")
                )


def _check_parts(experiment: Experiment) -> None:
    for part in (
        experiment.problem, experiment.dynamics, experiment.schedule, experiment.sub_paths, *experiment.probes
    ):  # fmt: skip
        check = getattr(part, "check", None)
        if check is not None:
            check()
    if experiment.sub_paths is not None:
        last = max(experiment.sub_paths.decay_steps)
        require(
            last <= experiment.n_steps,
            field="sub_paths.decay_steps", value=last, allowed=f"at most n_steps = {experiment.n_steps}, the main path",
        )  # fmt: skip


def _children(node: Any) -> list[str]:
    if isinstance(node, Mapping):
        return list(node)
    if isinstance(node, list | tuple):
        return [str(i) for i in range(len(node))]
    if dataclasses.is_dataclass(node):
        return [f.name for f in dataclasses.fields(node) if f.init]
    return []


def get_value(node: Any, path: str) -> Any:
    """Return what stands at the dotted ``path``.

    Raises:
        ConfigError: when a part of the path is unknown, with the nearest known name.
    """
    for name in path.split("."):
        children = _children(node)
        if name not in children:
            raise unknown("field", name, children)
        if isinstance(node, Mapping):
            node = node[name]
        else:
            node = node[int(name)] if isinstance(node, list | tuple) else getattr(node, name)
    return node


def with_value(node: Any, path: str, value: Any) -> Any:
    """Return a copy of ``node`` in which ``value`` stands at the dotted ``path``.

    ``axes.NAME`` takes a plain sequence of numbers and keeps the axis's path.

    Raises:
        ConfigError: when a part of the path is unknown, with the nearest known name.
    """
    name, _, rest = path.partition(".")
    old = get_value(node, name)
    if rest:
        new = with_value(old, rest, value)
    elif isinstance(old, Axis) and not isinstance(value, Axis):
        if old.labels is not None:
            raise ConfigError(
                f"axis {name!r} is labelled ({', '.join(map(str, old.labels))}): its values cannot be set"
            )
        new = dataclasses.replace(old, values=tuple(value) if isinstance(value, list | tuple) else (value,))
    else:
        new = value
    if isinstance(node, Mapping):
        return {**node, name: new}
    if isinstance(node, list | tuple):
        items = list(node)
        items[int(name)] = new
        return type(node)(items) if not hasattr(node, "_fields") else type(node)(*items)
    return dataclasses.replace(node, **{name: new})


def with_values(experiment: Experiment, values: Mapping[str, Any]) -> Experiment:
    """Return ``experiment`` with every dotted path in ``values`` set."""
    for path, value in values.items():
        experiment = with_value(experiment, path, value)
    return experiment


def parse_value(experiment: Experiment, path: str, text: str) -> Any:
    """Read ``text`` as a value of the kind that stands at ``path``.

    Numbers, words, ``none``, ``inf``, and comma-separated lists of them are understood.

    Raises:
        ConfigError: when the text is not of that kind.
    """
    if path.split(".")[0] == "scales":
        raise ConfigError(f"{path} is not allowed: scales are applied before it; set the field itself")
    old = get_value(experiment, path)
    for name, axis in experiment.axes.items():
        if axis.path == path or axis.path.startswith(path + "."):
            raise ConfigError(f"{path} is swept by axis {name!r}, which would override it: set axes.{name}")
    if isinstance(old, Axis):
        old = tuple(old.values)
    if isinstance(old, list | tuple):
        parts = [p.strip() for p in text.strip("()[]").split(",") if p.strip()]
        whole = _is_whole(experiment, path)
        return tuple(_scalar(path, p, old[0] if old else 0.0, whole) for p in parts)
    return _scalar(path, text.strip(), old, _is_whole(experiment, path))


def _is_whole(experiment: Any, path: str) -> bool:
    """Tell whether the field at ``path`` is declared as a whole number."""
    head, _, name = path.rpartition(".")
    owner = get_value(experiment, head) if head else experiment
    fields = dataclasses.fields(owner) if dataclasses.is_dataclass(owner) else ()
    kind = next((str(f.type) for f in fields if f.name == name), "")
    return "int" in kind and "float" not in kind


def _scalar(path: str, text: str, old: Any, whole: bool) -> Any:
    if dataclasses.is_dataclass(old) or callable(old) or isinstance(old, Mapping):
        fields = ", ".join(_children(old)) or "nothing"
        raise ConfigError(f"{path} is a {type(old).__name__}, not a number: set one of its fields ({fields})")
    if isinstance(old, str):
        return text
    if text.lower() == "none":
        if old is not None and not path == "data_seeds":
            raise ConfigError(f"{path} = {text!r} is not allowed: it must be a number")
        return None
    if isinstance(old, bool):
        if text.lower() in ("true", "false"):
            return text.lower() == "true"
        raise ConfigError(f"{path} = {text!r} is not allowed: it must be true or false")
    try:
        number = float(text)
    except ValueError:
        raise ConfigError(f"{path} = {text!r} is not allowed: it must be a number") from None
    integral = math.isfinite(number) and number == int(number)
    if whole and not integral:
        raise ConfigError(f"{path} = {text!r} is not allowed: it must be a whole number")
    return int(number) if whole or (isinstance(old, int) and integral) else number


def at_scale(experiment: Experiment, scale: str) -> Experiment:
    """Return ``experiment`` with the values of one of its scales applied.

    Raises:
        ConfigError: when the experiment has no such scale.
    """
    if scale not in experiment.scales:
        raise unknown("scale", scale, experiment.scales)
    return with_values(experiment, experiment.scales[scale])


def static_axes(experiment: Experiment) -> tuple[str, ...]:
    """Return the names of the axes that change shapes: each of their values is compiled by itself."""
    return tuple(
        name
        for name, axis in experiment.axes.items()
        if _path_is_static(experiment, axis.path) or len({repr(static_part(v)) for v in axis.values}) > 1
    )


def static_part(value: Any) -> Any:
    """Return what of ``value`` belongs to the compiled program: classes and static fields."""
    if isinstance(value, list | tuple):
        return [static_part(v) for v in value]
    if not dataclasses.is_dataclass(value):
        return None
    fields = [f for f in dataclasses.fields(value) if f.init]
    return type(value).__name__, [
        getattr(value, f.name) if is_static(f) else static_part(getattr(value, f.name)) for f in fields
    ]


def _path_is_static(node: Any, path: str) -> bool:
    name, _, rest = path.partition(".")
    if dataclasses.is_dataclass(node):
        for field in dataclasses.fields(node):
            if field.name == name and is_static(field):
                return True
    return bool(rest) and _path_is_static(get_value(node, name), rest)
