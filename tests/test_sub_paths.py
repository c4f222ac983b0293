"""Sub-paths: what branches off a main path goes on as a run of its own would, and the main path knows nothing of it.

References are written out here (powers, recursions in NumPy), not taken from the engine. Bits are asked of the toy,
which is elementwise but for sums over three coordinates.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pytest
import xarray as xr

from lrtheory import SubPaths, cli, program
from lrtheory.description import describe
from lrtheory.dynamics import GD, SDE, SGD, GradientFlow, Langevin
from lrtheory.dynamics.preconditioned import Adam, Momentum, Optax
from lrtheory.errors import ConfigError, StoreError
from lrtheory.experiment import Axis, Experiment, parse_value, with_values
from lrtheory.lazy import jax, jnp
from lrtheory.probes.quadratic import Directions
from lrtheory.problems.quadratic import Quadratic
from lrtheory.problems.ren2024 import NormScaledRegression
from lrtheory.program import group_bytes, precision, template
from lrtheory.pytree import pytree, static
from lrtheory.schedules import BY_CAP, BY_LEVEL, NOT_ENDED, Constant, Piecewise, Stages
from lrtheory.sims import load_sim
from lrtheory.simulate import DIVERGED_LOSS, begin, cell_keys
from lrtheory.store import open_results, status
from lrtheory.sweep import Programs, plan, run
from tests.toys import USER_SIM, Kick, Loss, Toy, Watch, cached_compiles, toy

DECAYS = (0, 7, 20)
SUB = SubPaths(decay_steps=DECAYS, schedule=Constant(rate=0.2), n_steps=6, n_records=3)
GRID = {
    "curvature": Axis("problem.curvature", (1.0, 2.0)),
    "late": Axis("sub_paths.schedule.rate", (0.2, 0.05)),
    "rate": Axis("schedule.rate", (0.1, 0.3)),
}


@pytree
class Facts:
    """Constants of a cell: a number of its own stream, where it starts, an integer, and a vector."""

    dims: ClassVar[dict[str, tuple[str, ...]]] = {"start": ("coordinate",)}
    units: ClassVar[dict[str, str]] = {"start": "m"}

    def prepare(self, problem, data, key):
        return jax.random.key_data(key)[0].astype(float)

    def constants(self, problem, data, params, kept):
        return {"kept": kept, "start": params.w, "size": jnp.asarray(problem.d, int), "one": 1.0}

    def __call__(self, problem, data, params, kept):
        return {"kept_now": kept}


def branching(**changes):
    """Return the toy with sub-paths, noise, constants and three axes; some fields replaced."""
    return toy(**{"axes": GRID, "seeds": 5, "sub_paths": SUB, "probes": (Watch(), Facts()), **changes})


def sub_paths(**changes):
    return dataclasses.replace(SUB, **changes)


def on_quadratic(dynamics, **changes):
    """Return an experiment on a quadratic with two directions, from a fixed start."""
    fields = {
        "name": "quadratic", "problem": Quadratic(eigenvalues=(1.0, 0.25), mean=(1.0, -2.0)), "dynamics": dynamics,
        "schedule": Constant(rate=0.1), "probes": (Directions(),), "n_steps": 20, "n_records": 4, "seeds": 1,
        "sub_paths": SUB,
    }  # fmt: skip
    return Experiment(**{**fields, **changes})


LAMBDA, START = np.array([1.0, 0.25]), np.array([1.0, -2.0])


def same(a, b):
    xr.testing.assert_equal(a, b)
    for name in a.variables:
        assert a[name].dtype == b[name].dtype and a[name].dims == b[name].dims, name


def main_part(ds, steps):
    """Return what is recorded of the main path at given steps, without anything of sub-paths."""
    names = [n for n in ds.variables if str(n).startswith("sub_") or n == "decay_step"]
    return ds.drop_vars(names).isel(record=np.flatnonzero(np.isin(ds.step.values, steps)))


@pytest.fixture(scope="module", autouse=True)
def compile_once(tmp_path_factory):
    with cached_compiles(tmp_path_factory.mktemp("compiled")):
        yield


@pytest.fixture(scope="module")
def whole():
    """2 x 2 x 2 x 5 cells with three sub-paths each, in one chunk."""
    return run(branching(), chunks=1)


# --- the main path knows nothing of them ------------------------------------------------------------------------------


def test_the_main_path_has_the_same_bits_with_and_without_sub_paths(whole):
    alone = run(branching(sub_paths=None, axes={n: GRID[n] for n in ("curvature", "rate")}), chunks=1)
    assert set(alone.step.values) < set(whole.step.values) == set(alone.step.values) | set(DECAYS)
    assert not [n for n in alone.variables if str(n).startswith("sub_") or n == "decay_step"]
    for late in whole.late.values:
        same(main_part(whole, alone.step.values).sel(late=late, drop=True), alone)


def test_a_sub_path_begins_with_the_record_of_the_main_path_at_its_decay(whole):
    first = whole.isel(sub_record=0)
    at = whole.isel(record=np.searchsorted(whole.step.values, DECAYS)).rename(record="decay_step")
    for name in ("loss", "test_loss", "w", "kick", "target", "positive", "fitted", "kept_now"):
        np.testing.assert_array_equal(first["sub_" + name].values, at[name].transpose(*first["sub_" + name].dims))
    # Negative control: the three are not one state, and no sub-path stays where it was.
    assert (first.sub_w.isel(decay_step=0) != first.sub_w.isel(decay_step=1)).all()
    assert (whole.sub_w.isel(sub_record=1) != first.sub_w).all()


def test_dimensions_coordinates_units_and_types(whole):
    cell = ("curvature", "late", "rate", "seed")
    assert whole.loss.dims == (*cell, "record") and whole.sub_loss.dims == (*cell, "decay_step", "sub_record")
    assert whole.sub_w.dims == (*whole.sub_loss.dims, "coordinate")
    assert whole.sub_diverged_at.dims == whole.sub_stop_step.dims == (*cell, "decay_step")
    assert whole.sub_stage_step.dims == (*cell, "decay_step", "sub_stage_index")
    assert whole.decay_step.values.tolist() == list(DECAYS) and whole.sub_step.values.tolist() == [0, 2, 4, 6]
    assert {"decay_step", "sub_step"} <= set(whole.coords) and whole.sub_step.dims == ("sub_record",)
    assert whole.sub_step.attrs["units"] == whole.decay_step.attrs["units"] == "step"
    assert whole.sub_loss.attrs["units"] == "nat" and whole.sub_time.attrs["units"] == "time"
    assert whole.sub_fitted.dtype == bool and whole.sub_positive.dtype.kind == "i"
    # Steps and time of a sub-path count from its decay, and the rate is its own; the main path does not know of it.
    assert (abs(whole.sub_time - whole.late * whole.sub_step) < 1e-12).all() and (whole.sub_lr == whole.late).all()
    assert (whole.w == whole.w.isel(late=0)).all() and (whole.lr == whole.rate).all()
    assert (whole.sub_diverged_at == -1).all() and (whole.sub_stop_step == -1).all()


def test_constants_are_recorded_once_before_the_first_step(whole):
    cell = ("curvature", "late", "rate", "seed")
    assert whole.kept.dims == whole.size.dims == whole.one.dims == cell and whole.start.dims == (*cell, "coordinate")
    np.testing.assert_array_equal(whole.start, whole.w.isel(record=0))
    np.testing.assert_array_equal(whole.kept, whole.kept_now.isel(record=0))
    assert len(np.unique(whole.kept)) == 5 and (whole["size"] == 3).all() and whole["size"].dtype.kind == "i"
    assert whole.start.attrs["units"] == "m" and whole.kept.attrs["units"] == ""
    assert not {"sub_kept", "sub_start", "sub_size", "sub_one"} & set(whole.variables)


# --- closed forms -----------------------------------------------------------------------------------------------------

MAIN_RATES, SUB_RATES = (0.1, 0.5, 30.0), (0.05, 0.7, 9.0)
BRANCHES = (0, 2, 4, 5, 6, 7, 12, 20)


@pytest.fixture(scope="module")
def descent():
    """Descent where one rate of the main path diverges, and one rate of sub-paths; every step is recorded."""
    axes = {"rate": Axis("schedule.rate", MAIN_RATES), "late": Axis("sub_paths.schedule.rate", SUB_RATES)}
    sub = sub_paths(decay_steps=BRANCHES, n_steps=15, n_records=15)
    with np.errstate(all="raise"):
        return run(on_quadratic(GD(), axes=axes, sub_paths=sub, n_records=20)).isel(seed=0)


def powers(rate, steps):
    """Return the factors by which descent multiplies the two directions in ``steps`` steps."""
    return (1 - rate * LAMBDA) ** np.asarray(steps)[..., None]


def first_beyond(w):
    """Return the first step at which the loss of a path w (step, direction) is above the bound, -1 if it never is."""
    beyond = (0.5 * (LAMBDA * w**2).sum(-1)) >= DIVERGED_LOSS
    return int(np.argmax(beyond)) if beyond.any() else -1


def test_descent_goes_on_from_the_decay_at_its_own_rate(descent):
    assert descent.sub_w.dims == ("rate", "late", "decay_step", "sub_record", "direction")
    for rate in MAIN_RATES[:2]:
        for late in SUB_RATES[:2]:
            got = descent.sub_w.sel(rate=rate, late=late)
            want = START * powers(rate, BRANCHES)[:, None] * powers(late, np.arange(16))
            np.testing.assert_allclose(got, want, rtol=1e-11)
            np.testing.assert_allclose(
                descent.sub_loss.sel(rate=rate, late=late), 0.5 * (LAMBDA * want**2).sum(-1), rtol=1e-11
            )
            assert (descent.sub_diverged_at.sel(rate=rate, late=late) == -1).all()
    # The main path does not see the rates of sub-paths, not even one that diverges.
    assert (descent.w.isel(late=0) == descent.w).sel(rate=list(MAIN_RATES[:2])).all()
    assert (descent.diverged_at.isel(late=0) == descent.diverged_at).all()


def test_after_the_main_path_diverged_there_is_nothing_to_branch_off(descent):
    main = START * powers(30.0, np.arange(21))
    diverged_at = first_beyond(main)
    # A decay before, one at the very step, and some after: what the choice of decay steps is for.
    assert {diverged_at - 1, diverged_at, diverged_at + 1} <= set(BRANCHES)
    assert (descent.diverged_at.sel(rate=30.0) == diverged_at).all()
    for late in SUB_RATES:
        got = descent.sel(rate=30.0, late=late)
        for decay in BRANCHES:
            one = got.sel(decay_step=decay)
            if decay >= diverged_at:
                assert one.sub_diverged_at == 0
                assert np.isnan(one.sub_w).all() and np.isnan(one.sub_loss).all()
            else:
                want = main[decay] * powers(late, np.arange(16))
                at = first_beyond(want)
                assert one.sub_diverged_at == at
                kept = slice(0, at if at >= 0 else None)
                np.testing.assert_allclose(one.sub_w[kept], want[kept], rtol=1e-11)
        assert np.isfinite(got.sub_time).all()


def test_a_sub_path_that_diverges_by_itself_says_at_which_of_its_steps(descent):
    seen = set()
    for rate in MAIN_RATES[:2]:
        for decay in BRANCHES:
            one = descent.sel(rate=rate, late=9.0, decay_step=decay)
            want = START * powers(rate, decay) * powers(9.0, np.arange(16))
            at = first_beyond(want)
            assert one.sub_diverged_at == at and (descent.diverged_at.sel(rate=rate) == -1).all()
            seen.add(at)
            alive = at if at >= 0 else 16
            np.testing.assert_allclose(one.sub_w[:alive], want[:alive], rtol=1e-11)
            assert np.isnan(one.sub_w[alive:]).all() and np.isnan(one.sub_loss[alive:]).all()
            # The clock stops with the state.
            np.testing.assert_allclose(one.sub_time, 9.0 * np.minimum(np.arange(16), alive), rtol=1e-12)
    assert len(seen - {-1}) > 3 and 0 not in seen
    assert descent.attrs["diverged_share"] == pytest.approx(1 / 3)


def test_the_velocity_is_carried_over_and_the_schedule_counts_steps_from_the_decay():
    rates, decays = (0.05, 0.2), (0, 1, 5, 20)
    late = Piecewise(rates=(0.02, 0.1), boundaries=(4,))
    sub = SubPaths(decay_steps=decays, schedule=late, n_steps=12, n_records=12)
    ds = run(on_quadratic(Optax(rule=Momentum(beta=0.8)), axes={"rate": Axis("schedule.rate", rates)}, sub_paths=sub))

    def path(w, v, rates):
        """Return (position, velocity) before and after every step of heavy-ball descent."""
        out = [(w, v)]
        for rate in rates:
            v = 0.8 * v + LAMBDA * w
            w = w - rate * v
            out.append((w, v))
        return out

    after, without = [0.02] * 4 + [0.1] * 8, 0.0
    for i, rate in enumerate(rates):
        main = path(START, np.zeros(2), [rate] * 20)
        for j, decay in enumerate(decays):
            want = np.array([w for w, _ in path(*main[decay], after)])
            np.testing.assert_allclose(ds.sub_w[i, 0, j], want, rtol=1e-11, atol=1e-14)
            at_rest = np.array([w for w, _ in path(main[decay][0], np.zeros(2), after)])
            without = max(without, np.abs(at_rest - want).max())
    np.testing.assert_allclose(ds.sub_lr, np.broadcast_to([0.02] * 4 + [0.1] * 9, ds.sub_lr.shape))
    assert without > 0.1  # negative control: with the velocity set to 0 these paths would be elsewhere


def staged(w, schedule, n):
    """Return position, step, reason and time of the ends, and the stop, of descent (curvature 1) under stages."""
    stage, time, since, stop = 0, 0.0, 0.0, -1
    path, ends = [], [(-1, NOT_ENDED)] * len(schedule.rates)
    for step in range(n + 1):
        path.append(w)
        if stop >= 0:
            continue
        level, cap = 0.5 * w**2 <= schedule.levels[stage], time - since >= schedule.caps[stage] - 1e-9
        if level or cap:
            ends[stage] = step, BY_LEVEL if level else BY_CAP
            stage, since = stage + 1, time
            stop = step if stage == len(schedule.rates) else -1
        else:
            w, time = w - schedule.rates[stage] * w, time + schedule.rates[stage]
    return np.array(path), ends, stop


def test_a_staged_schedule_with_a_stop_for_sub_paths_of_a_main_path_that_stops_too():
    main = Stages(rates=(0.1,), levels=(0.004,), caps=(1e9,))
    late = Stages(rates=(0.5, 0.05), levels=(0.02, 0.001), caps=(1e9, 0.8), observe=("loss", "loss"))
    decays = (0, 3, 10, 40)
    e = on_quadratic(
        GD(), problem=Quadratic(eigenvalues=(1.0,), mean=(1.0,)), schedule=main, n_steps=40, n_records=40,
        sub_paths=SubPaths(decay_steps=decays, schedule=late, n_steps=36, n_records=36),
    )  # fmt: skip
    ds = run(e).isel(seed=0)
    path, _, stop = staged(1.0, main, 40)
    assert 10 < stop < 40 and ds.stop_step == stop
    np.testing.assert_allclose(ds.w[:, 0], path, rtol=1e-11)
    stops, reasons, firsts = [], set(), []
    for i, decay in enumerate(decays):
        want, ends, stopped = staged(path[decay], late, 36)
        one = ds.isel(decay_step=i)
        np.testing.assert_allclose(one.sub_w[:, 0], want, rtol=1e-11)
        assert one.sub_stop_step == stopped and one.sub_diverged_at == -1
        assert list(zip(one.sub_stage_step.values, one.sub_stage_reason.values, strict=True)) == ends
        stops.append(stopped)
        firsts.append(ends[0][0])
        reasons |= {reason for _, reason in ends}
    assert ds.sub_stage_step.sizes["sub_stage_index"] == 2 and ds.sizes["stage_index"] == 1
    # The cases that this is about: some begin below the first level, some end by cap; they stop at different steps.
    assert 0 in firsts and max(firsts) > 0 and reasons == {BY_LEVEL, BY_CAP} and len(set(stops)) >= 3


# --- noise ------------------------------------------------------------------------------------------------------------

NOISE_DECAYS, LATE = (0, 3, 10, 20), 0.05


@pytest.fixture(scope="module")
def noisy():
    """SGD with additive noise, every step recorded, 200 seeds."""
    sub = SubPaths(decay_steps=NOISE_DECAYS, schedule=Constant(rate=LATE), n_steps=20, n_records=20)
    problem = Quadratic(eigenvalues=(1.0, 0.25), noise=0.3, mean=(1.0, -2.0))
    axes = {"rate": Axis("schedule.rate", (0.1, 0.5))}
    return run(on_quadratic(SGD(), problem=problem, axes=axes, n_records=20, seeds=200, sub_paths=sub))


def noise_of(w, rate):
    """Return the noise of every step of a path w (..., step, direction)."""
    return (w[..., :-1, :] * (1 - rate * LAMBDA) - w[..., 1:, :]) / rate


def test_the_difference_of_two_sub_paths_is_deterministic(noisy):
    w = noisy.sub_w.values
    factor = (1 - LATE * LAMBDA) ** np.arange(21)[:, None]
    for i in range(4):
        for j in range(i):
            difference = w[:, :, i] - w[:, :, j]
            np.testing.assert_allclose(difference, difference[..., :1, :] * factor, atol=1e-12)
    # Negative control: a sub-path by itself is not.
    assert np.abs(w - w[..., :1, :] * factor).max() > 0.01


def test_the_noise_of_sub_paths_is_shared_by_decays_and_rates_and_by_nothing_else(noisy):
    sub = noise_of(noisy.sub_w.values, LATE)
    np.testing.assert_allclose(sub, np.broadcast_to(sub[:1, :, :1], sub.shape), atol=1e-11)
    sub = sub[0, :, 0]
    main = np.stack([noise_of(noisy.w.isel(rate=i).values, r) for i, r in enumerate((0.1, 0.5))])
    np.testing.assert_allclose(main[0], main[1], atol=1e-11)
    drawn = np.sort(np.concatenate([main[0].ravel(), sub.ravel()]))
    # 16000 normal numbers, the closest two of which are some 4e-9 apart: none was drawn twice.
    assert np.diff(drawn).min() > 1e-12


def test_the_noise_of_sub_paths_is_independent_of_the_main_path_and_of_other_seeds(noisy):
    """Correlations with the main path's noise at equal step and after the decay, with other seeds, and over time.

    8000 pairs or somewhat fewer each; under independence |z| > 4.5 has probability 7e-6, and there are 14 of them:
    false alarm below 1e-4.
    """
    sub, main = noise_of(noisy.sub_w.values, LATE)[0, :, 0], noise_of(noisy.w.isel(rate=0).values, 0.1)
    pairs = [(sub[:, : 20 - t], main[:, t:]) for t in NOISE_DECAYS[:3]]
    pairs += [(sub[:, t:], main[:, : 20 - t]) for t in (1, 3)]
    pairs += [(sub[s:], sub[:-s]) for s in (1, 2, 7)] + [(sub[s:], main[:-s]) for s in (1, 2, 7)]
    pairs += [(sub[:, 1:], sub[:, :-1]), (sub[..., :1], sub[..., 1:]), (sub[..., :1], main[..., 1:])]
    z = [np.sqrt(a.size) * np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in pairs]
    assert np.abs(z).max() < 4.5, z
    # It is noise of the size that the problem says; 5 standard errors of the variance of 8000 numbers.
    assert abs(sub.var() / 0.09 - 1) < 5 * np.sqrt(2 / 8000) and abs(sub.mean()) < 5 * 0.3 / np.sqrt(8000)


def test_kicks_of_sub_paths_have_the_same_bits_at_every_decay(whole):
    kicks = whole.sub_kick.isel(sub_record=slice(1, None))
    assert (kicks == kicks.isel(decay_step=0, rate=0, late=0, curvature=0)).all()
    one = kicks.isel(decay_step=0, rate=0, late=0, curvature=0).values.ravel()
    main = whole.kick.isel(rate=0, late=0, curvature=0, record=slice(1, None)).values.ravel()
    assert len(np.unique(np.concatenate([one, main]))) == one.size + main.size


# --- chunks, disk, data seeds, compiles -------------------------------------------------------------------------------


def test_one_trace_a_sweep_and_chunks_added_seeds_and_results_on_disk_hold_them_to_the_bit(whole, tmp_path):
    before = program.trace_count
    two = run(branching(seeds=2), results=tmp_path / "r", chunks=2)
    assert program.trace_count == before + 1 and len(list((tmp_path / "r" / "done").iterdir())) == 2
    same(two, whole.isel(seed=slice(0, 2)))

    # A chunk of sub-paths that is gone is run again, and three seeds are added.
    (tmp_path / "r" / "manifest.json").unlink()
    next(p for p in (tmp_path / "r" / "data.zarr" / "sub_w" / "c").rglob("*") if p.is_file()).unlink()
    with pytest.raises(StoreError, match="unfinished"):
        open_results(tmp_path / "r")
    five = run(branching(), results=tmp_path / "r", chunks=3)
    assert five.attrs["seeds_added"] == 3 and status(tmp_path / "r")["replicates"] == 5
    same(five, whole)
    same(open_results(tmp_path / "r", 4), whole.isel(seed=slice(0, 4)))
    for name in whole.variables:
        assert dict(five[name].attrs) == dict(whole[name].attrs), name

    for other, said in (
        (sub_paths(decay_steps=(0, 8, 20)), r"sub_paths\.decay_steps\.1: 7 -> 8"),
        (sub_paths(schedule=Constant(rate=0.3)), r"sub_paths\.schedule\.rate: 0\.2 -> 0\.3"),
    ):
        with pytest.raises(StoreError, match=said):
            run(branching(sub_paths=other), results=tmp_path / "r")


def test_data_seeds_hold_them_too():
    ds = run(branching(axes={"rate": GRID["rate"]}, seeds=3, data_seeds=2), chunks=3)
    assert ds.sub_loss.dims == ("rate", "seed", "data_seed", "decay_step", "sub_record")
    assert ds.attrs["chunk"]["seed"] == 1
    target = ds.sub_target.isel(sub_record=0, rate=0, decay_step=0)
    assert (target == target.isel(seed=0)).all() and len(np.unique(target)) == 2 * 3
    kicks = ds.sub_kick.isel(sub_record=-1)
    assert (kicks == kicks.isel(rate=0, decay_step=0)).all() and len(np.unique(kicks)) == 3 * 2 * 3
    assert ds.kept.dims == ("rate", "seed", "data_seed")


# --- memory -----------------------------------------------------------------------------------------------------------


#: Bytes of the parameters of the problem below, which are the state of its law.
STATE = 4000 * 8


def wide(decays, **changes):
    """Return an experiment whose cells have a large state and record next to nothing."""
    sub = None if decays is None else SubPaths(decay_steps=decays, schedule=Constant(rate=0.1), n_steps=2, n_records=1)
    problem = Quadratic(eigenvalues=np.ones(4000))
    fields = {"probes": (), "seeds": 64, "n_steps": 40, "n_records": 1, "sub_paths": sub, **changes}
    return on_quadratic(GD(), problem=problem, **fields)


def test_the_bytes_of_a_group_count_every_sub_path():
    decays = tuple(range(40))
    with precision(wide(None)):
        none, one, many = (group_bytes(wide(d)) for d in (None, (3,), decays))
        twice = group_bytes(wide(decays, axes={"rate": Axis("schedule.rate", (0.1, 0.2))}))
    assert none <= one and many - one >= 39 * STATE and twice - many >= 40 * STATE


def test_the_plan_knows_what_sub_paths_need():
    e, alone = wide(tuple(range(20))), wide(None)
    with precision(e):
        few, _ = plan(alone, Programs(alone, jax.devices()[:1]), None, None)
        cut, _ = plan(e, Programs(e, jax.devices()[:1]), None, None)
        assert len(cut.regions()) > 2 * len(few.regions())
        # What a main path fits into does not hold the 20 states of a cell that branches.
        plan(alone, Programs(alone, jax.devices()[:1]), 20 * STATE, 64)
        with pytest.raises(ConfigError, match="the need of one cell"):
            plan(e, Programs(e, jax.devices()[:1]), 20 * STATE, 64)


# --- fewer coordinates ------------------------------------------------------------------------------------------------


@pytree
class Mirrored(Toy):
    """The toy with an exact change of coordinates, a reflection, that marks the data it made."""

    def data(self, key):
        return {"target": jnp.linspace(-1.0, 1.0, self.d), "reduced": jnp.zeros(())}

    def init(self, key):
        return self.spread * jnp.arange(2.0, self.d + 2)

    def reduce(self, data, params):
        return {"target": -data["target"], "reduced": data["reduced"] + 1}, -params


class Counted(NamedTuple):
    w: Any
    count: Any
    started: Any


@pytree
class Leaves:
    """Descent that counts its steps and remembers on which data it was started; it says nothing of a span.

    What it observes is infinite at rates above 1, whatever the state.
    """

    is_stochastic: ClassVar[bool] = False

    def init(self, problem, data, params):
        return Counted(params, jnp.zeros((), int), data["reduced"])

    def step(self, problem, data, state, lr, key):
        loss, gradient = jax.value_and_grad(problem.loss)(state.w, data)
        observed = jnp.where(lr > 1, jnp.inf, loss)
        return Counted(state.w - lr * gradient, state.count + 1, state.started), {"loss": observed}

    def params(self, state):
        return state

    def dt(self, lr):
        return lr


@pytree
class Stays(Leaves):
    """The same, which says that it stays in the span."""

    stays_in_span: ClassVar[bool] = True


@pytree
class Seen:
    """What a probe sees of the data, whenever it is asked."""

    dims: ClassVar[dict[str, tuple[str, ...]]] = {"w": ("coordinate",)}

    def prepare(self, problem, data, key):
        return data["reduced"]

    def constants(self, problem, data, params, kept):
        return {"prepared": kept, "reduced_at_first": data["reduced"]}

    def __call__(self, problem, data, params, kept):
        return {
            "loss": problem.loss(params.w, data), "w": params.w, "count": params.count, "started": params.started,
            "reduced": data["reduced"],
        }  # fmt: skip


@pytest.fixture(scope="module")
def spans():
    """A law that says that it stays in the span beside one that does not, at a rate that diverges too."""
    law = Axis("dynamics", (Leaves(), Stays()), labels=("leaves", "stays"))
    axes = {"law": law, "rate": Axis("schedule.rate", (0.1, 0.3, 2.0))}
    return run(branching(problem=Mirrored(), dynamics=Leaves(), probes=(Seen(),), axes=axes, seeds=2))


def test_a_problem_is_reduced_exactly_where_the_law_stays_in_the_span(spans):
    ds = spans.sel(rate=[0.1, 0.3])
    for name in ("prepared", "reduced_at_first", "reduced", "started", "sub_reduced", "sub_started"):
        assert (ds[name].sel(law="stays") == 1).all() and (ds[name].sel(law="leaves") == 0).all(), name
    for name in ("w", "sub_w"):
        assert (ds[name].sel(law="stays") == -ds[name].sel(law="leaves")).all() and (ds[name] != 0).all()
    np.testing.assert_array_equal(ds.sub_loss.sel(law="stays"), ds.sub_loss.sel(law="leaves"))
    # State that is not a float is carried over as well.
    assert ds.sub_count.dtype.kind == "i" and (ds.sub_count == ds.decay_step + ds.sub_step).all()


def test_a_main_path_that_diverged_has_no_sub_paths_even_if_they_would_see_nothing_wrong(spans):
    ds = spans.sel(rate=2.0)
    assert (ds.diverged_at == 0).all() and (ds.sub_diverged_at.sel(decay_step=[7, 20]) == 0).all()
    assert np.isnan(ds.sub_w.sel(decay_step=[7, 20])).all()
    # Before its first step it had not diverged; constants are of the start, and stay.
    assert (ds.sub_diverged_at.sel(decay_step=0) == -1).all() and np.isfinite(ds.sub_w.sel(decay_step=0)).all()
    assert np.isfinite(ds.prepared).all()


@pytest.mark.parametrize(
    ("law", "stays"),
    [
        (GD(), True), (SGD(), True), (GradientFlow(), True), (SDE(), True), (Stays(), True),
        (Optax(rule=Momentum()), True), (Optax(rule=Adam()), False), (Langevin(), False), (Leaves(), False),
        (Kick(), False),
    ],
    ids=lambda v: str(v) if isinstance(v, bool) else type(getattr(v, "rule", v)).__name__,
)  # fmt: skip
def test_which_laws_stay_in_the_span(law, stays):
    keys = cell_keys(0, 3)
    calls = []

    class Counting(Mirrored):
        def reduce(self, data, params):
            calls.append(1)
            return super().reduce(data, params)

    data, w = begin(Counting(), law, keys)
    assert len(calls) == stays and float(data["reduced"]) == stays
    np.testing.assert_array_equal(w, (-1 if stays else 1) * Mirrored().init(keys.init))
    # A problem that cannot be reduced is left alone.
    data, w = begin(Toy(), law, keys)
    np.testing.assert_array_equal(w, Toy().init(keys.init))
    assert set(data) == {"target"}


# --- bad input --------------------------------------------------------------------------------------------------------


@pytree
class Named:
    """A probe that records, or has as constants, numbers of given names."""

    out: tuple[str, ...] = static(())
    const: tuple[str, ...] = static(())

    def constants(self, problem, data, params, kept):
        return {name: jnp.sum(params.w) for name in self.const}

    def __call__(self, problem, data, params, kept):
        return {name: jnp.sum(params.w) for name in self.out}


def refused(experiment, said):
    """Hold an experiment to be refused in one line before anything is compiled."""
    with pytest.raises(ConfigError, match=said) as error, precision(experiment):
        experiment.check()
        template(experiment)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "steps",
    [
        (), (0, 21), (21,), (5, 3), (3, 3), (-1,), (-1, 4), (0, 2.5), (0.0, 5.0), (0, None), (0, "5"), "05",
        (0, float("nan")), (0, float("inf")), ((0, 1),),
        5, None, (True,), range(3),
    ],
    ids=repr,
)  # fmt: skip
def test_decay_steps_that_cannot_be(steps):
    refused(branching(sub_paths=sub_paths(decay_steps=steps)), r"sub_paths\.decay_steps = ")


def test_the_last_step_may_be_a_decay_step_and_not_the_one_after():
    branching(n_steps=20).check()
    refused(branching(n_steps=19), r"sub_paths\.decay_steps = 20 .* at most n_steps = 19")


@pytest.mark.parametrize("field", ["n_steps", "n_records"])
@pytest.mark.parametrize(
    "value", [0, -3, 1.5, 2.0, None, "3", float("inf"), True], ids=repr
)
def test_lengths_that_cannot_be(field, value):
    refused(branching(sub_paths=sub_paths(**{field: value})), rf"sub_paths\.{field} = ")


def test_the_schedule_of_sub_paths_is_checked_at_every_value_of_an_axis():
    for rate in (-0.1, float("nan"), float("inf")):
        refused(branching(sub_paths=sub_paths(schedule=Constant(rate=rate))), r"schedule\.rate = ")
        refused(branching(axes={"late": Axis("sub_paths.schedule.rate", (0.1, rate))}), r"schedule\.rate = ")
    late = Stages(rates=(0.1,), levels=(0.1,), caps=(1.0,), observe=("lost",))
    refused(branching(axes={}, sub_paths=sub_paths(schedule=late)), "observed quantity 'lost'")


def test_axes_that_cannot_be():
    late = Axis("sub_paths.schedule.rate", (0.1, 0.2))
    refused(branching(sub_paths=None, axes={"late": late}), r"axis path = 'sub_paths\.schedule\.rate' is not allowed")
    refused(branching(axes={"late": Axis("sub_path.schedule.rate", (0.1,))}), "axis path = .* or sub_paths")
    refused(branching(axes={"late": Axis("sub_paths.schedule.rates", (0.1,))}), "did you mean 'rate'")
    refused(branching(axes={"a": late, "b": late}), "leave out one")
    for name in ("decay_step", "sub_record", "sub_step"):
        refused(branching(axes={name: late}), name)
        refused(branching(axes={name: GRID["rate"]}, sub_paths=None), name)
    for name in ("sub_loss", "sub_time", "sub_diverged_at"):
        refused(branching(axes={name: late}), name)
    for records in ((1, 3), (3, 1)):
        refused(branching(axes={"n": Axis("sub_paths.n_records", records)}), r"sub_paths\.schedule, of all")


def test_an_axis_may_not_be_called_like_the_stages_of_sub_paths():
    refused(branching(axes={"sub_stage_index": GRID["rate"]}), "sub_stage_index")


@pytest.mark.parametrize(("path", "values"), [("n_steps", (6, 12)), ("decay_steps", ((0, 5), (0, 10)))])
def test_an_axis_may_not_move_the_steps_of_sub_paths(path, values):
    base = sub_paths(**{path: values[0]})
    refused(branching(axes={"a": Axis(f"sub_paths.{path}", values)}, sub_paths=base), path)


@pytest.mark.parametrize(
    "probes",
    [
        (Loss(), Named(out=("sub_loss",))), (Named(out=("sub_time",)),), (Named(out=("sub_stage_step",)),),
        (Named(out=("sub_diverged_at",)),), (Loss(), Named(const=("sub_loss",))), (Named(const=("sub_lr",)),),
        (Loss(), Named(const=("loss",))), (Named(out=("a",), const=("a",)),), (Loss(), Named(out=("loss",))),
        (Named(out=("diverged_at",)),),
        (Named(out=("sub_step",)),),
        (Named(out=("step",)),),
        (Named(out=("decay_step",)),),
        (Named(const=("sub_step",)),),
        (Named(const=("diverged_at",)),),
        (Named(const=("a",)), Named(const=("a",))),
    ],
    ids=lambda probes: "+".join(",".join(getattr(p, "out", ("loss",)) + getattr(p, "const", ())) for p in probes),
)  # fmt: skip
def test_nothing_is_recorded_under_the_name_of_something_else(probes):
    refused(branching(probes=probes), "recorded twice|is called like|is a coordinate")


def test_nothing_is_written_where_an_experiment_is_refused(tmp_path):
    for e in (branching(n_steps=19), branching(probes=(Loss(), Named(out=("sub_loss",))))):
        with pytest.raises(ConfigError):
            run(e, results=tmp_path / "r")
    assert not (tmp_path / "r").exists()


# --- the command line -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        ("decay_steps", "0,5,10", (0, 5, 10)), ("decay_steps", "(4, 9)", (4, 9)), ("decay_steps", "[20]", (20,)),
        ("decay_steps", "1e1", (10,)), ("n_steps", "12", 12), ("n_records", "2", 2), ("schedule.rate", "0.5", 0.5),
    ],
)  # fmt: skip
def test_numbers_of_sub_paths_are_read(path, text, value):
    e = branching(axes={})
    read = parse_value(e, f"sub_paths.{path}", text)
    assert read == value and type(read) is type(value)
    if isinstance(value, tuple):
        assert [type(v) for v in read] == [int] * len(value)
    changed = with_values(e, {f"sub_paths.{path}": read})
    changed.check()
    assert json.dumps(describe(changed)) != json.dumps(describe(e))


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        ("decay_steps", "", "decay_steps = ()"), ("decay_steps", "0,1.5", "decay_steps = '1.5'"),
        ("decay_steps", "5,0", "decay_steps = (5, 0)"), ("decay_steps", "-5,0", "decay_steps = (-5, 0)"),
        ("decay_steps", "0,nan", "decay_steps"), ("decay_steps", "0,inf", "decay_steps"),
        ("decay_steps", "none", "must be a number"), ("decay_steps", "late", "must be a number"),
        ("decay_steps", "0,51", "at most n_steps = 50"), ("n_steps", "2.5", "must be a whole number"),
        ("n_records", "0", "n_records = 0"), ("decay_step", "0", "did you mean 'decay_steps'"),
        ("schedule", "0.1", "set one of its fields (rate)"), ("schedule.rate", "-1", "rate = -1.0"),
    ],
)  # fmt: skip
def test_a_bad_number_on_the_command_line_is_one_line(path, text, said, sim, call, tmp_path):
    code, out, err = call(
        "run", sim, "--scale", "smoke", "--results", tmp_path / "r", "--set", f"sub_paths.{path}={text}"
    )
    assert code == 2 and out == "" and err.count("\n") == 1 and said in err, err
    assert not (tmp_path / "r").exists()


@pytest.fixture
def sim(tmp_path):
    """A user's sim with sub-paths."""
    path = tmp_path / "mine.py"
    text = USER_SIM.replace("STEPS", "100").replace("Claim, Experiment", "Claim, Experiment, SubPaths")
    text = text.replace("SGD", "GD")  # quicker to compile
    more = "sub_paths=SubPaths(decay_steps=(0, 50), schedule=Constant(rate=0.05), n_steps=10, n_records=2),"
    path.write_text(text.replace("    seeds=20,", f"    seeds=20,\n    {more}"))
    return path


@pytest.fixture
def call(capsys, monkeypatch):
    """Call the command line in this process, on one device; return exit status and what it printed."""
    monkeypatch.setenv("XLA_FLAGS", "")

    def run(*arguments):
        with pytest.raises(SystemExit) as stop:
            cli.main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return stop.value.code, out, err

    return run


def test_decay_steps_and_rate_are_set_on_the_command_line(sim, call, tmp_path):
    given = ("--set", "sub_paths.decay_steps=10,40", "--set", "sub_paths.schedule.rate=0.3", "--seeds", "2")
    code, out, err = call("run", sim, "--scale", "smoke", "--results", tmp_path / "r", *given)
    assert (code, err) == (0, "") and "4 cells" in out
    ds = open_results(tmp_path / "r" / "smoke" / "mine")
    assert ds.decay_step.values.tolist() == [10, 40] and (ds.sub_lr == 0.3).all()
    assert {10, 40} <= set(ds.step.values.tolist())
    code, out, _ = call("run", sim, "--scale", "smoke", "--results", tmp_path / "r", *given)
    assert code == 0 and "nothing to do" in out


# --- what a sim and a law say of themselves ---------------------------------------------------------------------------


def test_sims_of_two_folders_have_each_the_module_beside_them(tmp_path):
    """Both import ``_shared``; neither sees that of the other, whatever the order."""
    text = (
        "from _shared import RATE\nfrom lrtheory import Experiment\nfrom lrtheory.dynamics import GD\n"
        "from lrtheory.problems.quadratic import Quadratic\nfrom lrtheory.schedules import Constant\n"
        "experiment = Experiment(name='own', problem=Quadratic(), dynamics=GD(), schedule=Constant(rate=RATE),\n"
        "                        probes=(), n_steps=1)\n"
    )
    for name, rate in (("a", 0.1), ("b", 0.2)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "own.py").write_text(text)
        (tmp_path / name / "_shared.py").write_text(f"RATE = {rate}\n")
    before = list(sys.path)
    rates = [load_sim(tmp_path / name / "own.py").experiment.schedule.rate for name in ("a", "b", "a")]
    assert rates == [0.1, 0.2, 0.1]
    assert sys.path == before and "_shared" not in sys.modules


@pytest.mark.parametrize("repeats", [False, True])
def test_a_law_that_changes_the_step_of_another_must_say_anew_that_it_stays_in_the_span(repeats):
    facts = {"stays_in_span": True, "__annotations__": {"stays_in_span": ClassVar[bool]}} if repeats else {}
    own = pytree(type("Own", (GD,), {"step": lambda self, *arguments: GD.step(self, *arguments), **facts}))
    same = pytree(type("Same", (GD,), {}))
    problem = NormScaledRegression(n=3, d=8)
    shapes = [begin(problem, law, cell_keys(0, 0))[1].shape for law in (GD(), same(), own())]
    assert shapes == [(4,), (4,), (4,) if repeats else (8,)]


def test_a_record_may_be_called_like_a_stage():
    @pytree
    class Stagelike:
        dims: ClassVar[dict[str, tuple[str, ...]]] = {"stage_x": ("coordinate",)}

        def __call__(self, problem, data, params, kept):
            return {"stage_x": jnp.zeros(3)}

    with precision(branching()):
        assert template(branching(probes=(Stagelike(),)))["stage_x"].dims[-1] == "coordinate"
