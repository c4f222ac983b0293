"""Schedules: their values, and exactly when their stages begin and end."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from lrtheory import program, sweep
from lrtheory.errors import ConfigError
from lrtheory.experiment import Axis
from lrtheory.lazy import jax, jnp
from lrtheory.schedules import (
    BY_CAP,
    BY_LEVEL,
    NOT_ENDED,
    AutoDecay,
    Constant,
    Cosine,
    FromFunction,
    Piecewise,
    Schedule,
    Stages,
)
from lrtheory.simulate import cell_keys, simulate
from tests.toys import Kick, Toy, Watch, cached_compiles, toy


@pytest.fixture(scope="module", autouse=True)
def compile_once(tmp_path_factory):
    with cached_compiles(tmp_path_factory.mktemp("compiled")):
        yield


def rates(schedule, steps):
    phase = schedule.init()
    return [float(schedule(step, 0.0, phase)) for step in steps]


def follow(schedule, losses, lr=1.0):
    """Show a schedule a list of losses, one a step, as simulate does; return the phase after each."""
    phase, time, seen = schedule.init(), 0.0, []
    for step, loss in enumerate(losses):
        new = schedule.advance(phase, step, time, {"loss": loss})
        if new.stage == phase.stage:
            time += lr
        phase = new
        seen.append(phase)
    return seen


def run_cell(schedule, n_steps, problem=None, dynamics=None, records=None):
    """Return records and outcome of one noiseless toy cell, read at every step."""
    problem = Toy() if problem is None else problem
    dynamics = Kick(noise=0.0) if dynamics is None else dynamics
    steps = np.arange(n_steps + 1) if records is None else np.asarray(records)
    run = jax.jit(lambda s: simulate(problem, dynamics, s, (Watch(),), cell_keys(0, 1, 1), steps))
    return jax.tree.map(np.asarray, run(jax.tree.map(float, schedule)))


# --- values -----------------------------------------------------------------------------------------------------------


def test_constant_is_constant(x64):
    assert rates(Constant(rate=0.3), [0, 1, 10**6]) == [0.3, 0.3, 0.3]


def test_piecewise_changes_at_its_boundaries_and_not_before(x64):
    schedule = Piecewise(rates=(1.0, 0.1, 0.01), boundaries=(10, 20))
    assert rates(schedule, [0, 9, 10, 19, 20, 1000]) == [1.0, 1.0, 0.1, 0.1, 0.01, 0.01]


def test_cosine_has_its_peak_its_middle_and_its_end(x64):
    schedule = Cosine(peak=2.0, final=0.5, steps=100)
    assert rates(schedule, [0, 50, 100, 200]) == pytest.approx([2.0, 1.25, 0.5, 0.5])


def test_cosine_warms_up_linearly_and_meets_its_peak(x64):
    schedule = Cosine(peak=1.0, steps=110, warmup=10)
    assert rates(schedule, [0, 4, 9, 10]) == pytest.approx([0.1, 0.5, 1.0, 1.0])
    assert rates(schedule, [60, 110]) == pytest.approx([0.5, 0.0])


def test_from_function_scales_any_function_of_the_step(x64):
    schedule = FromFunction(function=lambda step: 1.0 / (step + 1), scale=2.0)
    assert rates(schedule, [0, 1, 3]) == pytest.approx([2.0, 1.0, 0.5])


def test_from_function_runs_an_optax_schedule(x64):
    import optax

    schedule = FromFunction(function=optax.linear_schedule(1.0, 0.0, 10))
    assert rates(schedule, [0, 5, 10]) == pytest.approx([1.0, 0.5, 0.0])


@pytest.mark.parametrize(
    "schedule",
    [
        Constant(rate=0.5),
        Piecewise(rates=(1.0, 0.1), boundaries=(10,)),
        Cosine(peak=1.0, steps=10),
        FromFunction(function=lambda s: 1.0),
    ],
)
def test_open_loop_schedules_never_leave_their_stage(schedule, x64):
    phase = schedule.init()
    after = schedule.advance(phase, 7, 7.0, {"loss": 0.0})
    assert int(after.stage) == 0 and not bool(schedule.stopped(after)) and schedule.observe == ()


@pytest.mark.parametrize("flag", [False, True])
def test_rates_follow_the_precision_of_the_process(flag):
    with jax.enable_x64(flag):
        want = jnp.zeros(()).dtype
        for schedule in (
            Constant(rate=1.0),
            Piecewise(rates=(1.0, 2.0), boundaries=(3,)),
            Cosine(peak=1.0, steps=4.0),
            Stages(rates=(1.0,), levels=(0.0,), caps=(1.0,)),
        ):
            lr = jax.jit(lambda s, schedule=schedule: schedule(s, 0.0, schedule.init()))(1)
            assert lr.dtype == want, type(schedule).__name__


# --- stages, shown a list of losses -----------------------------------------------------------------------------------


def test_a_level_ends_a_stage_at_the_step_that_shows_it(x64):
    schedule = Stages(rates=(1.0, 0.1), levels=(0.5, 0.2), caps=(math.inf, math.inf), observe=("loss", "loss"))
    seen = follow(schedule, [0.9, 0.6, 0.5, 0.4, 0.2, 0.1])
    assert [int(p.stage) for p in seen] == [0, 0, 1, 1, 2, 2]
    assert seen[-1].end_step.tolist() == [2, 4]
    # Steps 0 and 1 moved one time unit each; step 2 moved nothing; step 3 moved one.
    assert seen[-1].end_time.tolist() == [2.0, 3.0]
    assert seen[-1].end_reason.tolist() == [BY_LEVEL, BY_LEVEL]
    assert bool(schedule.stopped(seen[-1]))


def test_a_cap_ends_a_stage_when_its_time_is_up(x64):
    schedule = Stages(rates=(1.0, 0.1), levels=(0.0, 0.0), caps=(3.0, math.inf), observe=("loss", "loss"))
    seen = follow(schedule, [1.0] * 6)
    assert [int(p.stage) for p in seen] == [0, 0, 0, 1, 1, 1]
    assert seen[-1].end_step.tolist() == [3, -1]
    assert seen[-1].end_time[0] == 3.0 and np.isnan(seen[-1].end_time[1])
    assert seen[-1].end_reason.tolist() == [BY_CAP, NOT_ENDED]


def test_the_level_names_the_reason_when_level_and_cap_fall_together(x64):
    schedule = Stages(rates=(1.0,), levels=(0.5,), caps=(2.0,))
    assert follow(schedule, [1.0, 1.0, 0.5])[-1].end_reason.tolist() == [BY_LEVEL]


def test_a_cap_counts_from_the_start_of_its_own_stage(x64):
    schedule = Stages(rates=(1.0, 1.0), levels=(0.5, 0.0), caps=(9.0, 2.0), observe=("loss", "loss"))
    seen = follow(schedule, [1.0, 1.0, 0.4, 0.4, 0.4, 0.4])
    assert seen[-1].end_step.tolist() == [2, 5]


def test_a_sum_of_rates_reaches_a_cap_in_spite_of_rounding(x64):
    # 0.1 added ten times is 0.9999999999999999.
    schedule = Stages(rates=(0.1,), levels=(-1.0,), caps=(1.0,))
    assert follow(schedule, [1.0] * 12, lr=0.1)[-1].end_step.tolist() == [10]


def test_a_stage_with_cap_zero_is_skipped_before_the_first_step(x64):
    schedule = Stages(rates=(1.0, 0.1), levels=(0.5, 0.2), caps=(0.0, math.inf), observe=("loss", "loss"))
    phase = schedule.init()
    assert int(phase.stage) == 1 and float(schedule(0, 0.0, phase)) == pytest.approx(0.1)
    assert phase.end_step.tolist() == [0, -1] and phase.end_reason.tolist() == [BY_CAP, NOT_ENDED]
    assert phase.end_time[0] == 0.0
    # The level of the skipped stage means nothing any more.
    assert [int(p.stage) for p in follow(schedule, [0.4, 0.2])] == [1, 2]


def test_a_later_stage_with_cap_zero_moves_nothing(x64):
    schedule = Stages(rates=(1.0, 5.0, 0.1), levels=(-1.0,) * 3, caps=(2.0, 0.0, 2.0), observe=("loss",) * 3)
    last = follow(schedule, [1.0] * 10)[-1]
    assert last.end_time.tolist()[:2] == [2.0, 2.0]


def test_all_stages_skipped_is_stopped_from_the_start(x64):
    schedule = Stages(rates=(1.0,), levels=(0.5,), caps=(0.0,))
    assert bool(schedule.stopped(schedule.init()))
    records, outcome = run_cell(schedule, 3)
    assert outcome["stop_step"] == 0 and (records["w"] == records["w"][0]).all() and (records["time"] == 0).all()


def test_each_stage_waits_for_its_own_observed_quantity(x64):
    schedule = Stages(rates=(1.0, 0.1), levels=(0.5, 0.5), caps=(9.0, 9.0), observe=("half_loss", "loss"))
    assert schedule.observe == ("half_loss", "loss")
    phase = schedule.advance(schedule.init(), 0, 0.0, {"loss": 0.8, "half_loss": 0.4})
    assert int(phase.stage) == 1
    assert int(schedule.advance(phase, 1, 0.0, {"loss": 0.8, "half_loss": 0.4}).stage) == 1
    assert int(schedule.advance(phase, 1, 0.0, {"loss": 0.5, "half_loss": 0.25}).stage) == 2


def test_after_the_last_stage_the_phase_does_not_change_any_more(x64):
    schedule = Stages(rates=(1.0,), levels=(0.5,), caps=(9.0,))
    a, b = follow(schedule, [0.4, 0.3])
    for before, after in zip(a, b, strict=True):
        np.testing.assert_array_equal(before, after)


# --- stages, in a cell ------------------------------------------------------------------------------------------------


def test_a_stage_is_left_exactly_at_the_state_that_was_observed(x64):
    free, _ = run_cell(Constant(rate=1.0), 30)
    loss = free["loss"]
    level = float(loss[7])
    schedule = Stages(rates=(1.0, 0.25), levels=(level, -1.0), caps=(1e9, 1e9), observe=("loss", "loss"))
    records, outcome = run_cell(schedule, 30)
    # The observed state is that before step 7; step 7 moves nothing; step 8 moves at the second rate.
    assert outcome["stage_step"].tolist() == [7, -1] and outcome["stage_reason"].tolist() == [BY_LEVEL, NOT_ENDED]
    np.testing.assert_array_equal(records["w"][:8], free["w"][:8])
    np.testing.assert_array_equal(records["w"][8], records["w"][7])
    np.testing.assert_array_equal(records["time"][:10], [0, 1, 2, 3, 4, 5, 6, 7, 7, 7.25])
    np.testing.assert_array_equal(records["stage"][:10], [0] * 8 + [1, 1])
    np.testing.assert_array_equal(records["lr"][:10], [1.0] * 8 + [0.25, 0.25])
    assert outcome["stage_time"][0] == 7.0
    step = records["w"][8] - 0.25 * (records["w"][8] - records["target"][8]) / 3
    np.testing.assert_allclose(records["w"][9], step, rtol=1e-14)


def test_a_stopped_cell_is_frozen_where_it_was_seen(x64):
    free, _ = run_cell(Constant(rate=1.0), 20)
    schedule = Stages(rates=(1.0,), levels=(float(free["loss"][5]),), caps=(1e9,))
    records, outcome = run_cell(schedule, 20, dynamics=Kick(noise=0.0))
    assert outcome["stop_step"] == 5 and outcome["diverged_at"] == -1
    for name in ("w", "loss", "test_loss", "kick"):
        np.testing.assert_array_equal(records[name][5:], np.broadcast_to(free[name][5], records[name][5:].shape))
    np.testing.assert_array_equal(records["time"][5:], 5.0)


def test_a_stopped_cell_is_frozen_also_between_sparse_records_and_under_noise(x64):
    schedule = Stages(rates=(1.0,), levels=(-1.0,), caps=(6.0,))
    dense, outcome = run_cell(schedule, 20, dynamics=Kick(noise=0.3))
    sparse, same = run_cell(schedule, 20, dynamics=Kick(noise=0.3), records=[0, 5, 20])
    assert outcome["stop_step"] == same["stop_step"] == 6
    np.testing.assert_array_equal(sparse["w"], dense["w"][[0, 5, 20]])
    np.testing.assert_array_equal(sparse["w"][-1], dense["w"][6])


def test_a_cell_that_diverges_does_not_go_through_its_stages(x64):
    # |1 - lr/3| = 2.3 a step: above 1e15 long before 200 steps; the level -1 is never reached and the cap is late.
    schedule = Stages(rates=(10.0, 0.1), levels=(-1.0, -1.0), caps=(1e4, 1e4), observe=("loss", "loss"))
    records, outcome = run_cell(schedule, 200, records=[0, 100, 200])
    assert outcome["diverged_at"] > 0 and outcome["stop_step"] == -1
    assert outcome["stage_step"].tolist() == [-1, -1] and records["stage"].tolist() == [0, 0, 0]


def test_an_unknown_observed_quantity_is_refused_with_the_nearest(x64):
    schedule = Stages(rates=(1.0,), levels=(0.5,), caps=(9.0,), observe=("los",))
    with pytest.raises(ConfigError, match=r"observed quantity 'los'.*'loss'"):
        run_cell(schedule, 3)


def test_stages_are_swept_in_one_program_and_agree_with_cells_run_alone(x64):
    parts = tuple(
        Stages(rates=(a, b), levels=(0.1, 0.01), caps=caps, observe=("loss", "half_loss"))
        for a, b, caps in ((1.0, 0.1, (20.0, 20.0)), (0.5, 0.2, (0.0, 8.0)), (2.0, 0.1, (2.0, math.inf)))
    )
    e = toy(
        schedule=parts[0],
        axes={"way": Axis("schedule", parts, labels=("a", "b", "c"))},
        n_steps=60,
        n_records=6,
        seeds=2,
    )
    before = program.trace_count
    ds = sweep.run(e)
    assert program.trace_count == before + 1
    for label, part in zip("bc", parts[1:], strict=True):
        alone = sweep.run(dataclasses.replace(e, schedule=part, axes={}))
        for name in alone:
            np.testing.assert_array_equal(ds.sel(way=label)[name], alone[name], err_msg=f"{label} {name}")


# --- bad numbers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [-0.1, math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    "make",
    [
        lambda r: Constant(rate=r),
        lambda r: Piecewise(rates=(0.1, r), boundaries=(3,)),
        lambda r: Cosine(peak=r, steps=10),
        lambda r: Cosine(peak=1.0, final=r, steps=10),
        lambda r: FromFunction(function=lambda s: 1.0, scale=r),
        lambda r: Stages(rates=(0.1, r), levels=(0.0, 0.0), caps=(1.0, 1.0), observe=("loss", "loss")),
    ],
)
def test_bad_rates_are_refused(make, rate):
    with pytest.raises(ConfigError, match=r"^schedule\.\S+ = -?(0\.1|nan|inf) is not allowed: .*>= 0$"):
        make(rate).check()


@pytest.mark.parametrize(
    ("schedule", "field"),
    [
        (Piecewise(rates=(1.0, 0.1), boundaries=()), "boundaries"),
        (Piecewise(rates=(1.0, 0.1, 0.2), boundaries=(5, 3)), "boundaries"),
        (Piecewise(rates=(1.0, 0.1), boundaries=(math.nan,)), "boundaries"),
        (Cosine(peak=1.0, steps=10, warmup=10), "warmup"),
        (Cosine(peak=1.0, steps=10, warmup=-1), "warmup"),
        (Cosine(peak=1.0, steps=math.nan), "warmup|steps"),
        (Stages(rates=(1.0,), levels=(0.1, 0.2), caps=(1.0,)), "levels"),
        (Stages(rates=(1.0,), levels=(0.1,), caps=(1.0, 2.0)), "caps"),
        (Stages(rates=(1.0, 1.0), levels=(0.1, 0.1), caps=(1.0, 1.0)), "observe"),
        (Stages(rates=(1.0,), levels=(0.1,), caps=(-1.0,)), r"caps\.0"),
        (Stages(rates=(1.0,), levels=(0.1,), caps=(math.nan,)), r"caps\.0"),
        (Stages(rates=(1.0,), levels=(math.nan,), caps=(1.0,)), r"levels\.0"),
        (Constant(rate=None), "rate"),
    ],
)
def test_other_bad_numbers_are_refused(schedule, field):
    with pytest.raises(ConfigError, match=rf"^schedule\.({field}) = "):
        schedule.check()


def test_a_schedule_of_ones_own_needs_only_a_call(x64):
    from lrtheory.pytree import pytree

    @pytree
    class Inverse(Schedule):
        scale: float = 1.0

        def __call__(self, step, time, phase):
            return self.scale / (1.0 + step)

    records, _ = run_cell(Inverse(), 3)
    np.testing.assert_allclose(records["time"], [0, 1, 1.5, 1 + 0.5 + 1 / 3])


# --- decay when the loss has stopped falling -----------------------------------------------------------------------

AUTO = AutoDecay(rates=(1.0, 0.1, 0.01), window=2.0, tolerance=0.1)


def stages(schedule, losses):
    return [int(phase.stage) for phase in follow(schedule, losses)]


def test_the_rate_is_cut_at_the_end_of_the_first_window_that_has_not_fallen():
    # Windows of mean 8, 6, 5.5: the last has fallen by less than a tenth.
    assert stages(AUTO, [8, 8, 6, 6, 5.5, 5.5]) == [0, 0, 0, 0, 0, 1]
    end = follow(AUTO, [8, 8, 6, 6, 5.5, 5.5])[-1]
    assert end.end_step.tolist() == [5, -1, -1] and end.end_reason.tolist() == [BY_LEVEL, NOT_ENDED, NOT_ENDED]


def test_a_loss_that_falls_is_never_cut_and_means_are_compared_not_steps():
    assert stages(AUTO, [0.8**k for k in range(40)]) == [0] * 40
    # Up and down within a window, down from one to the next.
    assert stages(AUTO, [9, 7, 7, 5, 5, 3, 3, 1]) == [0] * 8


def test_a_new_stage_compares_with_its_own_windows_and_the_last_rate_stays():
    # 5, 5 ends the first stage; the windows 2 and 2 of the second are compared with each other, not with 5.
    assert stages(AUTO, [5, 5, 5, 5, 2, 2, 2, 2]) == [0, 0, 0, 1, 1, 1, 1, 2]
    losses = [1.0] * 40
    assert stages(AUTO, losses)[-1] == 2 and not bool(AUTO.stopped(follow(AUTO, losses)[-1]))


def test_a_rise_is_allowed_with_a_tolerance_below_0():
    up = [1, 1, 1.05, 1.05]
    assert stages(AUTO, up)[-1] == 1
    assert stages(dataclasses.replace(AUTO, tolerance=-0.1), up)[-1] == 0


def test_the_step_that_decides_moves_nothing_and_the_next_has_the_next_rate():
    """A loss that cannot fall: at rate 0 nothing moves, so every window is the last one."""
    schedule = AutoDecay(rates=(0.0, 0.5), window=2.0)
    records, ended = run_cell(schedule, 8)
    cut = int(ended["stage_step"][0])
    assert cut == 3
    w = records["w"]
    np.testing.assert_array_equal(w[: cut + 2], np.broadcast_to(w[0], w[: cut + 2].shape))
    assert np.abs(w[cut + 2] - w[cut + 1]).min() > 0


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"rates": (1.0, -0.1)}, "schedule.rates.1"), ({"window": 0.0}, "schedule.window"),
        ({"window": 2.5}, "schedule.window"), ({"tolerance": 1.0}, "schedule.tolerance"),
        ({"tolerance": math.nan}, "schedule.tolerance"),
    ],
)  # fmt: skip
def test_bad_numbers_of_a_decay_by_itself_are_refused(changes, field):
    with pytest.raises(ConfigError, match=field):
        dataclasses.replace(AUTO, **changes).check()
