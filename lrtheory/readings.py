"""What the probes read of a cell: on the way, once before the first step, and at the ends of all its paths together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from lrtheory.errors import ConfigError
from lrtheory.lazy import jax, jnp


def prepare(problem: Any, probes: Sequence[Any], data: Any, key: Any) -> tuple[Any, ...]:
    """Return what each probe keeps for the whole run (test sets, say)."""
    return tuple(
        probe.prepare(problem, data, jax.random.fold_in(key, i)) if hasattr(probe, "prepare") else ()
        for i, probe in enumerate(probes)
    )


def measure(
    problem: Any, dynamics: Any, schedule: Any, probes: Sequence[Any], data: Any, aux: Any, clock: Any
) -> Any:
    """Return what is recorded of a cell now: name -> array."""
    params = dynamics.params(clock.state)
    values = {
        "time": clock.time,
        "lr": schedule(clock.step, clock.time, clock.phase),
        "stage": clock.phase.stage,
    }
    for probe, kept in zip(probes, aux, strict=True):
        for name, value in probe(problem, data, params, kept).items():
            refuse_twice(name, values)
            values[name] = jnp.asarray(value)
    return values


def refuse_twice(name: str, names: Iterable[str]) -> None:
    """Raise ``ConfigError`` for a name that something else is recorded by."""
    if name in names:
        raise ConfigError(f"{name!r} is recorded twice: leave out one of the probes, or rename what it returns")


def measure_constants(problem: Any, dynamics: Any, probes: Sequence[Any], data: Any, aux: Any, clock: Any) -> Any:
    """Return what is recorded of a cell once, before its first step: name -> array."""
    params = dynamics.params(clock.state)
    values: dict[str, Any] = {}
    for probe, kept in zip(probes, aux, strict=True):
        if hasattr(probe, "constants"):
            for name, value in probe.constants(problem, data, params, kept).items():
                refuse_twice(name, values)
                values[name] = jnp.asarray(value)
    return values


def measure_ends(
    problem: Any, dynamics: Any, probes: Sequence[Any], data: Any, aux: Any, path: Any, subs: Any
) -> dict[str, Any]:
    """Return what is recorded of the end of a path and those of the sub-paths that branch off there: name -> array.

    Args:
        problem, dynamics, probes, data, aux: of one cell.
        path: the state of the main path, and whether it has diverged.
        subs: the same of its sub-paths, at their ends, with an axis of branches where there are branches; None where
            there are no sub-paths.
    """
    state, diverged = path
    params = dynamics.params(state)
    others = None
    if subs is not None:
        lost = subs[1]
        others = jax.vmap(dynamics.params)(subs[0]) if jnp.ndim(lost) else dynamics.params(subs[0])
        diverged = diverged | jnp.any(lost)
    values: dict[str, Any] = {}
    for probe, kept in zip(probes, aux, strict=True):
        if hasattr(probe, "ends"):
            for name, value in probe.ends(problem, data, params, others, kept).items():
                refuse_twice(name, values)
                value = jnp.asarray(value)
                floats = jnp.issubdtype(value.dtype, jnp.floating)
                values[name] = jnp.where(diverged, jnp.nan, value) if floats else value
    return values
