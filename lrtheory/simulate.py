"""From initial point to records: nested loops over steps, with the probes read between blocks of steps.

The functions here know one cell (one problem, one dynamics, one schedule, one seed) and a batch of cells; which cells
there are is the business of :mod:`lrtheory.sweep`. A batch has two levels: *groups* differ in what determines the data
(problem and seed), *members* of a group differ in dynamics and schedule only and share the data, the initial point and
the noise: comparisons of learning rates are paired, and a kernel or a design matrix is held once a group.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from lrtheory.errors import unknown
from lrtheory.gaussian import fold_in
from lrtheory.lazy import jax, jnp
from lrtheory.readings import measure, measure_constants, measure_ends, prepare, refuse_twice
from lrtheory.schedules import Phase
from lrtheory.sub_paths import Branches

#: A cell whose loss is not finite, or above this, has diverged.
DIVERGED_LOSS = 1e15


class Keys(NamedTuple):
    """The random streams of a cell: data, initial point, noise, probes."""

    data: Any
    init: Any
    noise: Any
    probe: Any


class Clock(NamedTuple):
    """What a cell carries from step to step.

    ``time`` is the cumulative time of the dynamics (for plain SGD the sum of learning rates). ``stop_step`` and
    ``diverged_at`` are -1 until the schedule stops the cell, or its loss is above ``DIVERGED_LOSS``; then the state is
    frozen.
    """

    state: Any
    phase: Phase
    step: Any
    time: Any
    stop_step: Any
    diverged_at: Any


#: The axes of clocks that count their steps as one number, so that the noise they share is drawn once: of the sub-paths
#: of a cell, and of the members of a group where the law ``shares_draws``. (Other members are not batched so: XLA then
#: contracts multiply-adds by the size of a batch, and bits depend on it.)
IN_STEP: Any = Clock._make(None if field == "step" else 0 for field in Clock._fields)

#: Folded into the noise key, where a step is otherwise: the noise of sub-paths.
SUB_PATHS = 2**31 - 1


def stream_key(root_seed: int, stream: str, seed: Any) -> Any:
    """Return the key of a named random stream of one seed; no other seed or stream changes it.

    Example:
        >>> import jax
        >>> a, b = stream_key(0, "data", 3), stream_key(0, "init", 3)
        >>> bool((jax.random.key_data(a) != jax.random.key_data(b)).any())
        True
    """
    root = jax.random.key(root_seed)
    return jax.random.fold_in(jax.random.fold_in(root, zlib.crc32(stream.encode()) % 2**31), seed)


def cell_keys(root_seed: int, seed: Any, data_seed: Any = None) -> Keys:
    """Return the keys of a cell.

    Without a data seed all of them follow the seed. With one, seeds are nested in it: data and probes (test sets)
    follow the data seed alone, so that its seeds share them; initial point and noise follow both, so that cells of two
    data seeds have no random number in common, and data seeds are independent replicates.
    """
    outer = seed if data_seed is None else data_seed
    keys = Keys(*(stream_key(root_seed, stream, outer) for stream in Keys._fields))
    if data_seed is None:
        return keys
    return keys._replace(init=jax.random.fold_in(keys.init, seed), noise=jax.random.fold_in(keys.noise, seed))


def record_steps(n_steps: int, n_records: int, spacing: str) -> np.ndarray:
    """Return the steps at which the probes are read: 0, ..., n_steps, evenly or logarithmically spaced."""
    n_records = min(n_records, n_steps)
    if spacing == "log":
        steps = np.append(np.geomspace(1, n_steps, n_records), n_steps)
    else:
        steps = np.linspace(0, n_steps, n_records + 1)[1:]
    return np.unique(np.concatenate([[0], np.rint(steps)]).astype(int))


def begin(problem: Any, dynamics: Any, keys: Keys) -> tuple[Any, Any]:
    """Return the training data and the initial parameters, in fewer coordinates where that is exact.

    A problem may offer ``reduce(data, params) -> (data, params)``, exact for laws that stay in the span of the start
    and the gradients; whether it is used is a fact of the law's class, so it does not depend on any number.
    """
    data, params = problem.data(keys.data), problem.init(keys.init)
    if hasattr(problem, "reduce") and _stays_in_span(dynamics):
        return problem.reduce(data, params)
    return data, params


def _stays_in_span(dynamics: Any) -> bool:
    """Tell whether a law stays in the span; a class with a step of its own does not inherit the fact."""
    for cls in type(dynamics).__mro__:
        if "stays_in_span" in vars(cls):
            return bool(dynamics.stays_in_span)
        if "step" in vars(cls):
            break
    return False


def clock_at(schedule: Any, state: Any, diverged: Any = False) -> Clock:
    """Return the clock of a cell that is in ``state`` before the first step of ``schedule``."""
    phase = schedule.init()
    never = jnp.full((), -1)
    return Clock(
        state,
        phase,
        step=jnp.zeros((), int),
        time=jnp.zeros(()),
        stop_step=jnp.where(schedule.stopped(phase), 0, never),
        diverged_at=jnp.where(diverged, 0, never),
    )


def start(problem: Any, dynamics: Any, schedule: Any, data: Any, params: Any) -> Clock:
    """Return the clock of a cell before its first step."""
    return clock_at(schedule, dynamics.init(problem, data, params))


def advance(problem: Any, dynamics: Any, schedule: Any, data: Any, noise_key: Any, clock: Clock, n: Any) -> Clock:
    """Return the clock after ``n`` more steps."""
    # A law need not be one of ours.
    draws = getattr(dynamics, "draws", fold_in)

    def step(_: Any, clock: Clock) -> Clock:
        lr = schedule(clock.step, clock.time, clock.phase)
        key = draws(noise_key, clock.step)
        state, observed = dynamics.step(problem, data, clock.state, lr, key)
        for name in schedule.observe:
            if name not in observed:
                raise unknown("observed quantity", name, observed)
        running = (clock.stop_step < 0) & (clock.diverged_at < 0)
        diverges = running & ~(observed["loss"] < DIVERGED_LOSS)
        phase = schedule.advance(clock.phase, clock.step, clock.time, observed)
        # A frozen cell must not move through its schedule any more.
        phase = jax.tree.map(lambda new, old: jnp.where(running & ~diverges, new, old), phase, clock.phase)
        moves = running & ~diverges & (phase.stage == clock.phase.stage)
        stops = running & ~diverges & schedule.stopped(phase)
        return Clock(
            state=jax.tree.map(lambda new, old: jnp.where(moves, new, old), state, clock.state),
            phase=phase,
            step=clock.step + 1,
            time=jnp.where(moves, clock.time + dynamics.dt(lr), clock.time),
            stop_step=jnp.where(stops, clock.step, clock.stop_step),
            diverged_at=jnp.where(diverges, clock.step, clock.diverged_at),
        )

    return jax.lax.fori_loop(0, n, step, clock)


def outcome(clock: Clock) -> dict[str, Any]:
    """Return how a cell ended: when each stage ended and why, when it stopped, when it diverged."""
    return {
        "stage_step": clock.phase.end_step,
        "stage_time": clock.phase.end_time,
        "stage_reason": clock.phase.end_reason,
        "stop_step": clock.stop_step,
        "diverged_at": clock.diverged_at,
    }


def simulate(
    problem: Any,
    dynamics: Any,
    schedule: Any,
    probes: Sequence[Any],
    keys: Keys,
    steps: np.ndarray,
    over_groups: Callable[..., Any] = lambda f, *axes: f,
    over_members: Callable[..., Any] = lambda f, *axes: f,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the records and the outcome of a cell, or of a batch of them.

    As it stands it runs one cell. With ``over_groups = over_members = jax.vmap`` the leaves of ``problem`` and ``keys``
    have a leading group axis, those of ``dynamics`` and ``schedule`` a leading member axis, and the results lead with
    (group, member). Parameters are never stacked: only what the probes return is kept.

    Args:
        problem, dynamics, schedule, probes: see the modules of those names.
        keys: the random streams.
        steps: the steps at which probes are read, starting with 0; not traced.
        over_groups, over_members: ``jax.vmap`` or the identity.

    Returns:
        records (name -> array whose axis 0 is the record) and outcome (name -> array).
    """
    paths = simulate_paths(problem, dynamics, schedule, None, probes, keys, steps, over_groups, over_members)
    return paths.records, paths.outcome


class Paths(NamedTuple):
    """What is returned of a cell, or of a batch of them: each a dict, name -> array.

    ``records`` have the record on axis 0. Those of sub-paths have the axis of decay steps (and branches) after (group,
    member), and so has ``ends``, what was measured on the ends of the paths together; the last three are empty where
    there is nothing of the kind.
    """

    records: dict[str, Any]
    outcome: dict[str, Any]
    sub_records: dict[str, Any]
    sub_outcome: dict[str, Any]
    ends: dict[str, Any]


def simulate_paths(
    problem: Any,
    dynamics: Any,
    schedule: Any,
    sub_paths: Any,
    probes: Sequence[Any],
    keys: Keys,
    steps: np.ndarray,
    over_groups: Callable[..., Any] = lambda f, *axes: f,
    over_members: Callable[..., Any] = lambda f, *axes: f,
) -> Paths:
    """Return records and outcome as :func:`simulate`, the same of sub-paths, and what probes measure on the ends.

    ``sub_paths`` (:class:`lrtheory.sub_paths.SubPaths`, or None) varies by member; its decay steps must be among
    ``steps``.
    """
    cells = IN_STEP if getattr(dynamics, "shares_draws", False) else 0

    def over_cells(
        function: Callable[..., Any], by_member: Sequence[Any], by_group: Sequence[Any], out: Any = 0
    ) -> Any:
        return over_groups(over_members(function, tuple(by_member), out), tuple(by_group))

    data, params = over_groups(lambda p, k: begin(p, dynamics, k), (0, 0))(problem, keys)
    aux = over_groups(lambda p, d, k: prepare(p, probes, d, k), (0, 0, 0))(problem, data, keys.probe)
    clock = over_cells(start, (None, 0, 0, None, None), (0, None, None, 0, 0), cells)(
        problem, dynamics, schedule, data, params
    )
    constants = over_cells(
        lambda p, dy, d, a, c: measure_constants(p, dy, probes, d, a, c),
        (None, 0, None, None, cells),
        (0, None, 0, 0, 0),
    )(problem, dynamics, data, aux, clock)

    def follow(
        schedule: Any, noise: Any, clock: Clock, steps: np.ndarray, kept_steps: Sequence[int], inner: Any
    ) -> Any:
        """Return the records, the last clock, and the states at the kept steps; ``inner`` batches a cell."""
        slot_of = {step: i for i, step in enumerate(kept_steps)}
        forward = over_cells(
            inner(advance, (None, None, 0, None, None, IN_STEP, None), IN_STEP),
            (None, 0, 0, None, None, cells, None),
            (0, None, None, 0, 0, 0, None),
            cells,
        )
        read = over_cells(
            inner(lambda p, dy, s, d, a, c: measure(p, dy, s, probes, d, a, c), (None, None, 0, None, None, IN_STEP)),
            (None, 0, 0, None, None, cells),
            (0, None, None, 0, 0, 0),
        )

        def block(carry: tuple[Clock, Any], of_block: tuple[Any, Any]) -> tuple[tuple[Clock, Any], Any]:
            (clock, kept), (n, slot) = carry, of_block
            over = jnp.all((clock.stop_step >= 0) | (clock.diverged_at >= 0))
            # The predicate is one for the whole batch, so this is a real branch: frozen batches cost nothing.
            clock = jax.lax.cond(
                over,
                lambda c: c._replace(step=c.step + n),
                lambda c: forward(problem, dynamics, schedule, data, noise, c, n),
                clock,
            )
            if slot_of:
                now = (clock.state, clock.diverged_at >= 0)
                # There is no slot for a record at which nothing is kept: what is set there is dropped.
                kept = jax.tree.map(lambda slots, one: slots.at[slot].set(one, mode="drop"), kept, now)
            return (clock, kept), read(problem, dynamics, schedule, data, aux, clock)

        # A block of no steps comes first, so that the probes are compiled once. After the last record one more step is
        # looked at and dropped, so that what the final state shows (a level, a divergence) is not missed.
        lengths = jnp.asarray([*np.diff(steps, prepend=0), 1])
        slots = jnp.asarray([*(slot_of.get(int(step), len(slot_of)) for step in steps), len(slot_of)])
        now = (clock.state, clock.diverged_at >= 0)
        kept = jax.tree.map(lambda v: jnp.broadcast_to(v, (len(slot_of), *jnp.shape(v))), now)
        (last, kept), records = jax.lax.scan(block, (clock, kept), (lengths, slots))
        return _without_diverged(records, last.diverged_at, steps), last, kept

    reads_ends = any(hasattr(probe, "ends") for probe in probes)
    last_step = (int(steps[-1]),) if reads_ends else ()
    kept_steps = last_step if sub_paths is None else sub_paths.decay_steps
    records, last, kept = follow(schedule, keys.noise, clock, steps, kept_steps, lambda f, *axes: f)
    ended = outcome(last)
    for name in constants:
        refuse_twice(name, {**ended, **records})
    main = records, {**ended, **constants}

    def at_end(kept: Any, last: Clock) -> Any:
        """Return the states that were kept of the last step; that one of them has diverged is seen a step later."""
        states, _ = kept
        return jax.tree.map(lambda slots: slots[0], states), last.diverged_at >= 0

    def ends(p: Any, dy: Any, d: Any, a: Any, path: Any, subs: Any) -> Any:
        return measure_ends(p, dy, probes, d, a, path, subs)

    if sub_paths is None:
        if not reads_ends:
            return Paths(*main, {}, {}, {})
        read_ends = over_cells(ends, (None, 0, None, None, 0, None), (0, None, 0, 0, 0, None))
        return Paths(*main, {}, {}, read_ends(problem, dynamics, data, aux, at_end(kept, last), None))

    branched = isinstance(sub_paths.schedule, Branches)
    schedules = over_members(lambda s: s.schedule.stacked() if branched else s.schedule, (0,))(sub_paths)

    def inner(function: Callable[..., Any], axes: Sequence[Any], out: Any = 0) -> Any:
        """Batch a function over branches, whose schedules differ, then over decay steps, whose states differ too."""
        function = jax.vmap(function, tuple(axes), out) if branched else function
        # Only clocks lead with the decay steps, and the only other thing that is batched is a schedule.
        return jax.vmap(function, tuple(a if a is IN_STEP else None for a in axes), out)

    begin_subs = jax.vmap(clock_at, (0, None, None), IN_STEP) if branched else clock_at
    clock = over_cells(jax.vmap(begin_subs, (None, 0, 0), IN_STEP), (0, 1, 1), (None, 1, 1), cells)(schedules, *kept)
    noise = over_groups(lambda key: jax.random.fold_in(key, SUB_PATHS), (0,))(keys.noise)
    sub_steps = record_steps(sub_paths.n_steps, sub_paths.n_records, "linear")
    sub_last = (sub_paths.n_steps,) if reads_ends else ()
    sub_records, last, sub_kept = follow(schedules, noise, clock, sub_steps, sub_last, inner)
    found: dict[str, Any] = {}
    if reads_ends:
        by_decay = jax.vmap(ends, (None, None, None, None, 0, 0))
        read_ends = over_cells(by_decay, (None, 0, None, None, 1, 0), (0, None, 0, 0, 1, 0))
        found = read_ends(problem, dynamics, data, aux, kept, at_end(sub_kept, last))
    return Paths(*main, sub_records, outcome(last), found)


def _without_diverged(records: dict[str, Any], diverged_at: Any, steps: np.ndarray) -> dict[str, Any]:
    """Return the records without that of the last, extra step, and NaN from the record at which a cell had diverged."""
    seen_diverged = jnp.asarray(steps).reshape(-1, *(1,) * diverged_at.ndim) >= diverged_at
    diverged = (diverged_at >= 0) & seen_diverged

    def keep(value: Any) -> Any:
        value = value[:-1]
        if not jnp.issubdtype(value.dtype, jnp.floating):
            return value
        return jnp.where(diverged.reshape(*diverged.shape, *(1,) * (value.ndim - diverged.ndim)), jnp.nan, value)

    clocks = {"time", "lr"}
    return {k: v[:-1] if k in clocks else keep(v) for k, v in records.items()}
