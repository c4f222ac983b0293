"""Sub-paths: what becomes of a run if its rate is cut at one step or at another, without running it again for each.

A *main path* is run once; at every decay step a sub-path branches off its state and goes on by itself, all sub-paths of
all cells in the same compiled program (the protocol of Ren, Ma and Ying 2024, recalled).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lrtheory.errors import require
from lrtheory.experiment import static_part
from lrtheory.lazy import jax, jnp
from lrtheory.pytree import pytree, static

if TYPE_CHECKING:
    import xarray as xr


@pytree
class Branches:
    """Several schedules in place of one: from each decay step, as many sub-paths branch off.

    Results have a dimension ``branch`` after ``decay_step``.

    Attributes:
        schedules: of one kind, differing in numbers only.
        labels: a name for each (static), the coordinate of ``branch``.

    Example:
        >>> from lrtheory.schedules import Constant
        >>> fine_tuning = Branches(schedules=(Constant(rate=1e-4), Constant(rate=1e-3)), labels=("low", "high"))
    """

    schedules: tuple[Any, ...]
    labels: tuple[str, ...] = static()

    def check(self) -> None:
        """Refuse labels that do not match the schedules; each schedule checks its own numbers."""
        for name in ("schedules", "labels"):
            value = getattr(self, name)
            require(
                isinstance(value, tuple | list) and len(value) > 0,
                field=f"branches.{name}", value=value, allowed="a tuple of one or more",
            )  # fmt: skip
        require(
            len(set(self.labels)) == len(self.labels) == len(self.schedules),
            field="branches.labels", value=self.labels,
            allowed=f"{len(self.schedules)} different names, one a schedule",
        )  # fmt: skip
        for schedule in self.schedules:
            _check_schedule("branches.schedules", schedule)
        require(
            len({repr(static_part(schedule)) for schedule in self.schedules}) == 1,
            field="branches.schedules", value=self.schedules, allowed="schedules that differ in numbers only",
        )  # fmt: skip

    def stacked(self) -> Any:
        """Return the schedules as one, whose numbers have an axis of branches in front."""
        return jax.tree.map(lambda *numbers: jnp.stack([jnp.asarray(v) for v in numbers]), *self.schedules)


def _check_schedule(field: str, schedule: Any) -> None:
    require(
        callable(schedule) and hasattr(schedule, "advance"),
        field=field, value=schedule, allowed="a schedule, such as Constant(rate=1e-4)",
    )  # fmt: skip
    if hasattr(schedule, "check"):
        schedule.check()


@pytree
class SubPaths:
    """Sub-paths of an experiment, given as its field ``sub_paths``.

    What a probe records of a main path as ``X``, it records of the sub-paths as ``sub_X`` with dimensions (axes, seed,
    decay_step, sub_record); the coordinate ``sub_step`` counts from the decay. The sub-paths of a seed share their
    noise, step by step from the decay, so that decay steps are compared on paired noise; it is independent of the main
    path's. The state of the law (a velocity, say) is carried over. A sub-path of a cell that had diverged has diverged
    at 0.

    Attributes:
        decay_steps: steps of the main path at which a sub-path branches off, increasing (static); the probes of the
            main path are read there too.
        schedule: the rate of the sub-paths; its steps and its time count from the decay. Several of them:
            :class:`Branches`.
        n_steps: steps of each sub-path (static).
        n_records: how often the probes are read, evenly, besides once at the decay (static).

    Example:
        >>> from lrtheory.schedules import Constant
        >>> sub_paths = SubPaths(decay_steps=(0, 1000, 4000), schedule=Constant(rate=1e-4), n_steps=2000)
    """

    decay_steps: tuple[int, ...] = static()
    schedule: Any
    n_steps: int = static()
    n_records: int = static(50)

    def check(self) -> None:
        """Refuse decay steps out of order or below 0, and bad lengths; the schedule checks its own numbers."""
        steps = self.decay_steps
        require(
            isinstance(steps, tuple | list) and len(steps) > 0 and all(_is_whole(s, 0) for s in steps)
            and sorted(set(steps)) == list(steps),
            field="sub_paths.decay_steps", value=steps, allowed="a tuple of increasing whole numbers >= 0",
        )  # fmt: skip
        for name in ("n_steps", "n_records"):
            value = getattr(self, name)
            require(_is_whole(value, 1), field=f"sub_paths.{name}", value=value, allowed="a whole number >= 1")
        if isinstance(self.schedule, Branches):
            self.schedule.check()
        else:
            _check_schedule("sub_paths.schedule", self.schedule)

    @property
    def n_paths(self) -> int:
        """Return the number of sub-paths of a cell."""
        return len(self.decay_steps) * (len(self.schedule.schedules) if isinstance(self.schedule, Branches) else 1)


def _is_whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def at_decay(ds: xr.Dataset, name: str) -> xr.DataArray:
    """Return what was recorded of the main path at each decay step, with ``decay_step`` in place of the record.

    Args:
        ds: results of an experiment with sub-paths.
        name: what a probe calls it.
    """
    found = ds[name].isel(record=np.searchsorted(ds.step.values, ds.decay_step.values))
    return found.rename(record="decay_step").assign_coords(decay_step=ds.decay_step)
