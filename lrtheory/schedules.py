"""Learning-rate schedules: pytrees that are called.

The numbers of a schedule are leaves, so that thousands of schedules of one kind run in one compiled program. A schedule
says what the rate is, ``schedule(step, time, phase) -> lr``, and when its next stage begins,
``schedule.advance(phase, step, time, observed) -> phase``. ``time`` is the cumulative rate: the sum of the time
advanced by the steps so far. Leaving the last stage stops the cell: its state is frozen.

Rates are per step; boundaries are in steps; caps of :class:`Stages` are in time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

from lrtheory.errors import finite, require
from lrtheory.experiment import Axis
from lrtheory.lazy import jnp
from lrtheory.pytree import pytree, static

#: How a stage ended, as recorded in ``stage_reason``.
NOT_ENDED, BY_LEVEL, BY_CAP = 0, 1, 2


class Phase(NamedTuple):
    """Where a cell stands in its schedule, and how its earlier stages ended.

    ``end_step``, ``end_time`` and ``end_reason`` have one entry a stage: the first step that no longer belongs to it
    (-1: not ended), the time then (NaN: not ended), and one of ``NOT_ENDED``, ``BY_LEVEL``, ``BY_CAP``. ``memory`` is
    what a schedule remembers of what it has observed.
    """

    stage: Any
    start_time: Any
    end_step: Any
    end_time: Any
    end_reason: Any
    memory: Any = ()


def _rate(field: str, value: Any) -> None:
    require(finite(value) and value >= 0, field=field, value=value, allowed="a finite learning rate >= 0")


class Schedule:
    """What every schedule shares: it starts in stage 0 and, unless it says otherwise, stays there.

    ``observe`` names the observed quantities that it waits for.
    """

    n_stages: ClassVar[int] = 1
    observe: ClassVar[tuple[str, ...]] = ()

    def init(self) -> Phase:
        """Return the phase before the first step."""
        n = self.n_stages
        return Phase(
            stage=jnp.zeros((), int),
            start_time=jnp.zeros(()),
            end_step=jnp.full(n, -1),
            end_time=jnp.full(n, jnp.nan),
            end_reason=jnp.zeros(n, int),
        )

    def advance(self, phase: Phase, step: Any, time: Any, observed: dict[str, Any]) -> Phase:
        """Return the phase after ``observed`` was seen at ``step``; open-loop schedules never leave theirs."""
        return phase

    def stopped(self, phase: Phase) -> Any:
        """Tell whether the last stage is over."""
        return phase.stage >= self.n_stages


@pytree
class Constant(Schedule):
    """The same rate at every step: ``lr = rate``."""

    rate: float

    def check(self) -> None:
        """Refuse a negative or non-finite rate."""
        _rate("schedule.rate", self.rate)

    def __call__(self, step: Any, time: Any, phase: Phase) -> Any:
        """Return the rate."""
        return jnp.asarray(self.rate, dtype=float)


@pytree
class Piecewise(Schedule):
    """Constant rates between given steps: ``lr = rates[i]`` for ``boundaries[i-1] <= step < boundaries[i]``.

    Example:
        >>> s = Piecewise(rates=(1.0, 0.1), boundaries=(100,))
        >>> float(s(99, 0.0, s.init())), round(float(s(100, 0.0, s.init())), 3)
        (1.0, 0.1)
    """

    rates: tuple[float, ...]
    boundaries: tuple[float, ...]

    def check(self) -> None:
        """Refuse bad rates, a wrong number of boundaries, or boundaries out of order."""
        for i, rate in enumerate(self.rates):
            _rate(f"schedule.rates.{i}", rate)
        ordered = finite(self.boundaries) and list(self.boundaries) == sorted(self.boundaries)
        require(
            len(self.boundaries) == len(self.rates) - 1 and ordered,
            field="schedule.boundaries",
            value=self.boundaries,
            allowed=f"{len(self.rates) - 1} increasing steps",
        )

    def __call__(self, step: Any, time: Any, phase: Phase) -> Any:
        """Return the rate of the piece that holds ``step``."""
        piece = jnp.searchsorted(jnp.asarray(self.boundaries, dtype=float), step, side="right")
        return jnp.asarray(self.rates, dtype=float)[piece]


@pytree
class Cosine(Schedule):
    """Linear warm-up, then a half cosine from ``peak`` to ``final`` over ``steps`` steps in all.

    ``lr = final + (peak - final) (1 + cos(pi u)) / 2``, u the fraction of the steps after warm-up that is done.
    """

    peak: float
    final: float = 0.0
    steps: float
    warmup: float = 0.0

    def check(self) -> None:
        """Refuse bad rates or a warm-up that does not fit."""
        _rate("schedule.peak", self.peak)
        _rate("schedule.final", self.final)
        require(0 <= self.warmup < self.steps, field="schedule.warmup", value=self.warmup, allowed="in [0, steps)")

    def __call__(self, step: Any, time: Any, phase: Phase) -> Any:
        """Return the rate at ``step``."""
        u = jnp.clip((step - self.warmup) / (self.steps - self.warmup), 0.0, 1.0)
        rising = self.peak * (step + 1) / jnp.maximum(self.warmup, 1.0)
        falling = self.final + (self.peak - self.final) * 0.5 * (1 + jnp.cos(jnp.pi * u))
        return jnp.where(step < self.warmup, rising, falling)


@pytree
class FromFunction(Schedule):
    """Any function of the step, for instance an optax schedule: ``lr = scale * function(step)``."""

    function: Callable[[Any], Any] = static()
    scale: float = 1.0

    def check(self) -> None:
        """Refuse a bad scale."""
        _rate("schedule.scale", self.scale)

    def __call__(self, step: Any, time: Any, phase: Phase) -> Any:
        """Return the scaled rate."""
        return jnp.asarray(self.scale * self.function(step), dtype=float)


@pytree
class Stages(Schedule):
    """Rates held until an observed quantity falls to a level: anneal when the loss has come down, then stop.

    Stage i has the rate ``rates[i]``. It ends at the first step whose ``observed[observe[i]] <= levels[i]``, or when it
    has lasted ``caps[i]`` of time, whichever is first; what ended it is recorded. A stage is left exactly at the state
    that was observed: the step in which it ends moves nothing, and the next one has the next rate. After the last stage
    the cell is frozen. A stage with cap 0 is skipped before the first step.

    Example:
        The schedule L-S of Li, Wei, Ma 2019, and S with the same structure:

        >>> large_then_small = Stages(rates=(1.0, 1e-5), levels=(0.12, 0.03), caps=(4e3, 6e3),
        ...                           observe=("excess_loss", "loss"))
        >>> small = Stages(rates=(1.0, 1e-5), levels=(0.12, 0.03), caps=(0.0, 1e4), observe=("excess_loss", "loss"))
    """

    rates: tuple[float, ...]
    levels: tuple[float, ...]
    caps: tuple[float, ...]
    observe: tuple[str, ...] = static(("loss",))  # type: ignore[assignment]

    @property
    def n_stages(self) -> int:  # type: ignore[override]
        """Return the number of stages."""
        return len(self.rates)

    def check(self) -> None:
        """Refuse bad rates, negative caps, or lists of different lengths."""
        for i, rate in enumerate(self.rates):
            _rate(f"schedule.rates.{i}", rate)
        for name in ("levels", "caps", "observe"):
            require(
                len(getattr(self, name)) == len(self.rates),
                field=f"schedule.{name}",
                value=getattr(self, name),
                allowed=f"{len(self.rates)} entries, one a stage",
            )
        for i, level in enumerate(self.levels):
            require(level == level, field=f"schedule.levels.{i}", value=level, allowed="a number or -inf (never)")
        for i, cap in enumerate(self.caps):
            require(cap >= 0, field=f"schedule.caps.{i}", value=cap, allowed=">= 0 (time)")

    def init(self) -> Phase:
        """Return the phase before the first step: the first stage whose cap is not 0."""
        skipped = jnp.cumprod(jnp.asarray(self.caps, dtype=float) <= 0)
        phase = super().init()
        return phase._replace(
            stage=jnp.sum(skipped, dtype=int),
            end_step=jnp.where(skipped, 0, phase.end_step),
            end_time=jnp.where(skipped, 0.0, phase.end_time),
            end_reason=jnp.where(skipped, BY_CAP, phase.end_reason),
        )

    def __call__(self, step: Any, time: Any, phase: Phase) -> Any:
        """Return the rate of the present stage."""
        return jnp.asarray(self.rates, dtype=float)[jnp.minimum(phase.stage, self.n_stages - 1)]

    def advance(self, phase: Phase, step: Any, time: Any, observed: dict[str, Any]) -> Phase:
        """Return the next phase: the next stage if the level or the cap of this one was reached."""
        here = jnp.minimum(phase.stage, self.n_stages - 1)
        seen = jnp.stack([jnp.asarray(observed[name], dtype=float) for name in self.observe])[here]
        by_level = seen <= jnp.asarray(self.levels, dtype=float)[here]
        # Time is a sum of rates: without the slack, rounding would add a step.
        by_cap = time - phase.start_time >= (1 - 1e-6) * jnp.asarray(self.caps, dtype=float)[here]
        ends = (by_level | by_cap) & (phase.stage < self.n_stages)
        at = (jnp.arange(self.n_stages) == phase.stage) & ends
        return Phase(
            stage=phase.stage + ends,
            start_time=jnp.where(ends, time, phase.start_time),
            end_step=jnp.where(at, step, phase.end_step),
            end_time=jnp.where(at, time, phase.end_time),
            end_reason=jnp.where(at, jnp.where(by_level, BY_LEVEL, BY_CAP), phase.end_reason),
        )


class Windows(NamedTuple):
    """Mean losses of windows of steps: how many steps of this one are seen, their sum, and the mean of the last one."""

    seen: Any
    total: Any
    last: Any


@pytree
class AutoDecay(Schedule):
    r"""Decay when the loss has stopped falling: the mean loss of a window of steps against that of the window before.

    .. math:: \bar L_k > (1 - \text{tolerance})\,\bar L_{k-1} \quad\Rightarrow\quad \text{the next rate}

    In a new stage the comparison begins anew, so a stage lasts two windows at least. The last rate is kept.

    Attributes:
        rates: one a stage.
        window: steps of the clock in a window, a whole number.
        tolerance: the relative fall of a window that counts as falling; below 0, a rise is allowed.

    Example:
        >>> schedule = AutoDecay(rates=(1.0, 0.1), window=2.0, tolerance=0.01)
        >>> phase = schedule.init()
        >>> for step, loss in enumerate([3.0, 3.0, 2.0, 2.0, 2.0, 2.0]):
        ...     phase = schedule.advance(phase, step, 0.0, {"loss": loss})
        >>> int(phase.stage), phase.end_step.tolist()
        (1, [5, -1])

    Reference: the paper of You et al. 2019 picks decay times from moving averages of the loss (recalled); the rule is
    lrtheory's.
    """

    observe: ClassVar[tuple[str, ...]] = ("loss",)

    rates: tuple[float, ...]
    window: float
    tolerance: float = 0.01

    @property
    def n_stages(self) -> int:  # type: ignore[override]
        """Return the number of stages."""
        return len(self.rates)

    def check(self) -> None:
        """Refuse bad rates, a window that is not a whole number of steps, or a tolerance of 1 or more."""
        for i, rate in enumerate(self.rates):
            _rate(f"schedule.rates.{i}", rate)
        require(
            finite(self.window) and self.window >= 1 and self.window == int(self.window),
            field="schedule.window", value=self.window, allowed="a whole number of steps >= 1",
        )  # fmt: skip
        require(
            finite(self.tolerance) and self.tolerance < 1,
            field="schedule.tolerance", value=self.tolerance, allowed="below 1",
        )  # fmt: skip

    def init(self) -> Phase:
        """Return the phase before the first step."""
        return super().init()._replace(memory=Windows(jnp.zeros(()), jnp.zeros(()), jnp.full((), jnp.inf)))

    def __call__(self, step: Any, time: Any, phase: Phase) -> Any:
        """Return the rate of the present stage."""
        return jnp.asarray(self.rates, dtype=float)[phase.stage]

    def advance(self, phase: Phase, step: Any, time: Any, observed: dict[str, Any]) -> Phase:
        """Return the next phase: the next stage if a window is full and its mean loss has not fallen."""
        seen, total = phase.memory.seen + 1, phase.memory.total + observed["loss"]
        full, mean = seen >= self.window, total / self.window
        # An infinite last mean, before the first window of a stage is full, is above everything.
        ends = full & (mean > (1 - self.tolerance) * phase.memory.last) & (phase.stage < self.n_stages - 1)
        last = jnp.where(ends, jnp.inf, jnp.where(full, mean, phase.memory.last))
        at = (jnp.arange(self.n_stages) == phase.stage) & ends
        return Phase(
            stage=phase.stage + ends,
            start_time=jnp.where(ends, time, phase.start_time),
            end_step=jnp.where(at, step, phase.end_step),
            end_time=jnp.where(at, time, phase.end_time),
            end_reason=jnp.where(at, BY_LEVEL, phase.end_reason),
            memory=Windows(jnp.where(full, 0.0, seen), jnp.where(full, 0.0, total), last),
        )


def large_then_small(
    large: float, small: float, *, anneal_at: float, stop_at: float, caps: tuple[float, float]
) -> Stages:
    """Return the schedule L-S of Li, Wei, Ma 2019 (recalled): anneal at a low excess loss, stop at a low loss.

    Args:
        large, small: the two rates.
        anneal_at: eps1: the large rate ends when loss - q log 2 <= eps1 (q: share of Q-only inputs).
        stop_at: eps2: the run stops when the loss <= eps2 at the small rate; -inf never stops.
        caps: longest time at either rate.
    """
    return Stages(rates=(large, small), levels=(anneal_at, stop_at), caps=caps, observe=("excess_loss", "loss"))


def small_only(large: float, small: float, *, anneal_at: float, stop_at: float, cap: float) -> Stages:
    """Return the schedule S of Li, Wei, Ma 2019: the small rate throughout, with the structure of L-S.

    The large rate is held for no time at all, so that both schedules are values of one axis.
    """
    return large_then_small(large, small, anneal_at=anneal_at, stop_at=stop_at, caps=(0.0, cap))


def algorithms(
    small: float, *, anneal: float, end: float, anneal_at: float = -1.0, stop_at: float = -1.0, large: float = 1.0
) -> Axis:
    """Return L-S and S as two labelled values of one axis.

    Args:
        small, large: the rates.
        anneal: longest time at the large rate of L-S.
        end: longest time in all, the same for both.
        anneal_at, stop_at: levels that end a stage before its time; -1, below any loss, never does.
    """
    levels = {"anneal_at": anneal_at, "stop_at": stop_at}
    both = (
        large_then_small(large, small, **levels, caps=(anneal, end - anneal)),
        small_only(large, small, **levels, cap=end),
    )
    return Axis("schedule", both, labels=("L-S", "S"))


__all__ = [
    "BY_CAP", "BY_LEVEL", "NOT_ENDED", "AutoDecay", "Constant", "Cosine", "FromFunction", "Phase", "Piecewise",
    "Schedule", "Stages", "Windows", "algorithms", "large_then_small", "small_only",
]  # fmt: skip
