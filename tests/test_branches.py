"""Branches of sub-paths, and what is measured on the ends of all paths of a cell.

A branch is held against a run with its schedule alone; ends against the records of the same run. Bits are asked of the
toy, which is elementwise but for sums over a few coordinates; here its random numbers are the words of its keys, which
takes a fraction of the time to compile.
"""

from __future__ import annotations

import json
from typing import Any, ClassVar

import numpy as np
import pytest
import xarray as xr

from lrtheory import SubPaths, program
from lrtheory.description import describe
from lrtheory.dynamics import GD
from lrtheory.errors import ConfigError, StoreError
from lrtheory.experiment import Axis, Experiment, get_value, parse_value, with_value, with_values
from lrtheory.lazy import jax, jnp
from lrtheory.probes.quadratic import Directions
from lrtheory.problems.quadratic import Quadratic
from lrtheory.program import group_bytes, precision, template
from lrtheory.pytree import pytree, static
from lrtheory.schedules import BY_CAP, BY_LEVEL, NOT_ENDED, Constant, FromFunction, Piecewise, Stages
from lrtheory.simulate import cell_keys, record_steps, simulate
from lrtheory.store import open_results, status
from lrtheory.sub_paths import Branches
from lrtheory.sweep import run
from tests.toys import Ball, Kick, Loss, Toy, Watch, cached_compiles, toy

DECAYS = (0, 7, 20)
RATES, LABELS = (0.2, 0.05, 0.6), ("middle", "low", "high")
LOW = (0.2, 0.4)
CELL = ("curvature", "rate", "first", "seed", "data_seed")


def branches(rates=RATES, labels=None):
    labels = labels or (LABELS if len(rates) == 3 else tuple("abcdefgh"[: len(rates)]))
    return Branches(schedules=tuple(Constant(rate=r) for r in rates), labels=labels)


def sub_paths(schedule=None, **changes):
    fields = {"decay_steps": DECAYS, "schedule": schedule or branches(), "n_steps": 6, "n_records": 3}
    return SubPaths(**{**fields, **changes})


def words(key: Any, d: int) -> Any:
    """Return d numbers in [-1, 1), two of them different."""
    return jnp.resize(jax.random.key_data(key), d).astype(float) / 2**31 - 1


@pytree
class Spot(Toy):
    """The toy with a target and a start that are words of keys."""

    d: int = static(2)

    def data(self, key: Any) -> dict[str, Any]:
        return {"target": words(key, self.d)}

    def init(self, key: Any) -> Any:
        return words(key, self.d)


@pytree
class Push(Kick):
    """The law of the toy with words for noise."""

    def step(self, problem: Any, data: Any, state: Ball, lr: Any, key: Any) -> tuple[Ball, dict[str, Any]]:
        loss, gradient = jax.value_and_grad(problem.loss)(state.w, data)
        kick = self.noise * words(key, problem.d)
        return Ball(state.w - lr * gradient - lr * kick, kick), {"loss": loss}


@pytree
class Look(Watch):
    """The probe of the toy with a test input of words."""

    def prepare(self, problem: Any, data: Any, key: Any) -> Any:
        return words(key, problem.d)


@pytree
class Ends:
    """What is seen at the ends: the states, what was prepared, and numbers of other types."""

    dims: ClassVar[dict[str, tuple[str, ...]]] = {
        "end_w": ("coordinate",), "tuned_w": ("branch", "coordinate"), "tuned_positive": ("branch",)
    }  # fmt: skip
    units: ClassVar[dict[str, str]] = {"end_w": "m", "apart": "m^2"}

    many: bool = static(True)

    def prepare(self, problem: Any, data: Any, key: Any) -> Any:
        return words(key, problem.d)

    def __call__(self, problem: Any, data: Any, params: Any, kept: Any) -> dict[str, Any]:
        return {"kept_now": kept[0]}

    def ends(self, problem: Any, data: Any, params: Any, others: Any, kept: Any) -> dict[str, Any]:
        found = {"end_w": params.w, "end_loss": problem.loss(params.w, data), "end_kept": kept[0]}
        if others is None:
            return {**found, "alone": jnp.ones((), bool)}
        if not self.many:
            return {**found, "one_w": others.w}
        return {
            **found, "tuned_w": others.w, "tuned_kick": others.kick[0], "tuned_positive": jnp.sum(others.w > 0, -1),
            "apart": jnp.sum((others.w[0] - others.w[-1]) ** 2),
        }  # fmt: skip


def branching(**changes):
    """Return the toy with three branches, noise, axes of every kind of role and seeds of data seeds."""
    axes = {
        "curvature": Axis("problem.curvature", (1.0, 2.0)),
        "rate": Axis("schedule.rate", (0.1, 0.3)),
        "first": Axis("sub_paths.schedule.schedules.0.rate", LOW),
    }
    fields = {
        "problem": Spot(), "dynamics": Push(), "probes": (Look(), Ends()), "sub_paths": sub_paths(), "axes": axes,
        "seeds": 2, "data_seeds": 3,
    }  # fmt: skip
    return toy(**{**fields, **changes})


def same(a, b):
    xr.testing.assert_equal(a, b)
    for name in a.variables:
        assert a[name].dtype == b[name].dtype and a[name].dims == b[name].dims, name


@pytest.fixture(scope="module", autouse=True)
def compile_once(tmp_path_factory):
    with cached_compiles(tmp_path_factory.mktemp("compiled")):
        yield


@pytest.fixture(scope="module")
def whole():
    return run(branching(), chunks=1)


@pytest.fixture(scope="module")
def single():
    """The same with one schedule in place of branches, at every rate that a branch has."""
    axes = {n: a for n, a in branching().axes.items() if n != "first"}
    axes["late"] = Axis("sub_paths.schedule.rate", (*RATES, LOW[1]))
    late = sub_paths(schedule=Constant(rate=0.1))
    return run(branching(axes=axes, sub_paths=late, probes=(Look(), Ends(many=False))), chunks=1)


# --- a branch is a run of its own -------------------------------------------------------------------------------------


def test_every_branch_is_the_run_with_its_schedule_alone(whole, single):
    names = [n for n in single.data_vars if str(n).startswith("sub_")]
    assert {"sub_w", "sub_loss", "sub_time", "sub_stage_step", "sub_diverged_at", "sub_positive"} <= set(names)
    assert set(names) == {n for n in whole.data_vars if str(n).startswith("sub_")}
    for first in LOW:
        for label, rate in zip(LABELS, (first, *RATES[1:]), strict=True):
            ours, alone = whole.sel(first=first, branch=label), single.sel(late=rate)
            for name in names:
                assert ours[name].dims == alone[name].dims and ours[name].dtype == alone[name].dtype
                if ours[name].dtype.kind == "f":
                    np.testing.assert_allclose(ours[name], alone[name], rtol=1e-12, atol=1e-12, err_msg=name)
                else:
                    np.testing.assert_array_equal(ours[name], alone[name], err_msg=name)
    # Negative control: branches are not of one rate.
    last = whole.sub_w.isel(sub_record=-1)
    assert (abs(last.sel(branch="low") - last.sel(branch="high")) > 1e-6).all()


def test_the_main_path_and_other_branches_know_nothing_of_a_branch(whole, single):
    for name in ("w", "loss", "kick", "time", "lr", "diverged_at", "test_loss", "target", "stage_step"):
        ours, alone = whole[name], single[name].isel(late=0, drop=True)
        for first in LOW:
            np.testing.assert_array_equal(ours.sel(first=first), alone, err_msg=name)
    others = whole.sel(branch=["low", "high"])
    for name in ("sub_w", "sub_loss", "sub_kick"):
        np.testing.assert_array_equal(others[name].isel(first=0), others[name].isel(first=1))
    swept = whole.sub_w.sel(branch="middle").isel(sub_record=-1)
    assert (swept.isel(first=0) != swept.isel(first=1)).all()


def test_branches_share_their_noise_to_the_bit(whole):
    kicks = whole.sub_kick.isel(sub_record=slice(1, None))
    one = kicks.isel(branch=0, decay_step=0, rate=0, first=0, curvature=0)
    assert (kicks == one).all()
    assert len(np.unique(one)) == one.size


def test_dimensions_coordinates_units_and_types(whole):
    assert whole.branch.values.tolist() == list(LABELS) and "branch" in whole.coords
    path = (*CELL, "decay_step", "branch")
    for name in ("sub_loss", "sub_time", "sub_lr", "sub_stage", "sub_positive", "sub_fitted", "sub_test_loss"):
        assert whole[name].dims == (*path, "sub_record"), name
    assert whole.sub_w.dims == whole.sub_kick.dims == (*path, "sub_record", "coordinate")
    for name in ("sub_diverged_at", "sub_stop_step"):
        assert whole[name].dims == path, name
    for name in ("sub_stage_step", "sub_stage_time", "sub_stage_reason"):
        assert whole[name].dims == (*path, "sub_stage_index"), name
    assert whole.loss.dims == (*CELL, "record") and whole.stage_step.dims == (*CELL, "stage_index")
    assert whole.sub_loss.attrs["units"] == "nat" and whole.sub_fitted.dtype == bool
    rate = xr.DataArray(list(RATES), dims="branch", coords={"branch": list(LABELS)})
    rate = xr.where(rate.branch == "middle", whole["first"], rate)
    assert (whole.sub_lr == rate).all() and (abs(whole.sub_time - rate * whole.sub_step) < 1e-12).all()


def test_every_branch_begins_where_the_main_path_was(whole):
    first = whole.isel(sub_record=0)
    at = whole.isel(record=np.searchsorted(whole.step.values, DECAYS)).rename(record="decay_step")
    for name in ("w", "kick", "loss", "target", "positive"):
        for label in LABELS:
            ours = first["sub_" + name].sel(branch=label)
            np.testing.assert_array_equal(ours, at[name].transpose(*ours.dims))


def descending(**changes):
    """Return an experiment of descent on a quadratic with two directions, from a fixed start."""
    fields = {
        "name": "quadratic", "problem": Quadratic(eigenvalues=(1.0, 0.25), mean=(1.0, -2.0)), "dynamics": GD(),
        "schedule": Constant(rate=0.1), "probes": (Directions(),), "n_steps": 9, "n_records": 9, "seeds": 1,
    }  # fmt: skip
    return Experiment(**{**fields, **changes})


def test_one_branch_is_a_dimension_of_length_one():
    decays, rates = (0, 4, 9), (0.7,)
    sub = SubPaths(decay_steps=decays, schedule=branches(rates), n_steps=5, n_records=5)
    ds = run(descending(sub_paths=sub)).isel(seed=0)
    curvature, start = np.array([1.0, 0.25]), np.array([1.0, -2.0])
    assert ds.sub_w.dims == ("decay_step", "branch", "sub_record", "direction") and ds.sizes["branch"] == 1
    factor = lambda rate, n: (1 - rate * curvature) ** np.asarray(n)[..., None]  # noqa: E731
    for i, decay in enumerate(decays):
        np.testing.assert_allclose(ds.sub_w[i, 0], start * factor(0.1, decay) * factor(0.7, np.arange(6)), rtol=1e-12)


def staged(w, schedule, n):
    """Return where descent on w^2/2 is after n steps, step and reason of the ends of its stages, and its stop."""
    stage, time, since, stop, ends = 0, 0.0, 0.0, -1, [(-1, NOT_ENDED)] * len(schedule.rates)
    for step in range(n + 1):  # one more step is looked at
        level, cap = 0.5 * w**2 <= schedule.levels[stage], time - since >= schedule.caps[stage] - 1e-9
        if level or cap:
            ends[stage] = step, BY_LEVEL if level else BY_CAP
            stage, since = stage + 1, time
            if stage == len(schedule.rates):
                return w, ends, step
        elif step < n:
            w, time = w - schedule.rates[stage] * w, time + schedule.rates[stage]
    return w, ends, stop


def test_a_branch_may_be_staged_and_each_ends_its_own_stages():
    stages = tuple(
        Stages(rates=(rate, last), levels=(level, 0.001), caps=(cap, 1e9), observe=("loss", "loss"))
        for rate, last, level, cap in ((0.5, 0.5, 0.02, 1e9), (0.1, 0.01, 0.0, 0.45), (0.25, 0.5, 0.01, 1e9))
    )
    sub = SubPaths(decay_steps=(0, 5), schedule=Branches(schedules=stages, labels=("a", "b", "c")), n_steps=20)
    ds = run(descending(sub_paths=sub, problem=Quadratic(eigenvalues=(1.0,), mean=(1.0,)), n_records=3)).isel(seed=0)
    assert ds.sub_stage_step.dims == ("decay_step", "branch", "sub_stage_index")
    assert ds.sub_stage_step.sizes["sub_stage_index"] == 2 and ds.sizes["stage_index"] == 1
    for i, decay in enumerate(sub.decay_steps):
        for j, schedule in enumerate(stages):
            w, ends, stop = staged(0.9**decay, schedule, 20)
            one = ds.isel(decay_step=i, branch=j)
            assert list(zip(one.sub_stage_step.values, one.sub_stage_reason.values, strict=True)) == ends
            assert one.sub_stop_step == stop
            np.testing.assert_allclose(one.sub_w[-1, 0], w, rtol=1e-12)
    first = ds.isel(sub_stage_index=0, decay_step=0)
    assert first.sub_stage_step.values.tolist() == [3, 5, 7]
    assert first.sub_stage_reason.values.tolist() == [BY_LEVEL, BY_CAP, BY_LEVEL]
    assert (ds.sub_stop_step.sel(branch="b") == -1).all() and (ds.sub_stop_step.sel(branch="a") > 0).all()


def test_branches_may_be_piecewise():
    pieces = tuple(Piecewise(rates=(0.1, rate), boundaries=(2,)) for rate in (0.2, 0.4))
    sub = sub_paths(Branches(schedules=pieces, labels=("a", "b")), decay_steps=(3,), n_records=6)
    ds = run(descending(sub_paths=sub)).isel(seed=0, decay_step=0)
    np.testing.assert_allclose(ds.sub_lr, [[0.1] * 2 + [rate] * 5 for rate in (0.2, 0.4)])


# --- axes, chunks, disk -----------------------------------------------------------------------------------------------


def test_axes_that_change_shapes_and_labelled_schedules(whole):
    triples = tuple(tuple(Constant(rate=r) for r in (first, *RATES[1:])) for first in LOW)
    axes = {
        "d": Axis("problem.d", (2, 5)),
        "tuning": Axis("sub_paths.schedule.schedules", triples, labels=("slow", "quick")),
        "rate": Axis("schedule.rate", (0.1, 0.3)),
    }
    ds = run(branching(axes=axes, probes=(Loss(),)))
    dims = ("d", "tuning", "rate", "seed", "data_seed", "decay_step", "branch", "sub_record")
    assert ds.sub_loss.dims == dims and ds.tuning.values.tolist() == ["slow", "quick"]
    for label, first in zip(ds.tuning.values, LOW, strict=True):
        ours, alone = ds.sel(d=2, tuning=label), whole.sel(curvature=1.0, first=first)
        np.testing.assert_allclose(ours.sub_loss, alone.sub_loss, rtol=1e-12)
        np.testing.assert_array_equal(ours.sub_lr, alone.sub_lr)
    other = ds.sub_loss.sel(d=5).isel(sub_record=-1)
    assert np.isfinite(other).all() and (other != ds.sub_loss.sel(d=2).isel(sub_record=-1)).all()


def test_chunks_added_seeds_and_results_on_disk_hold_branches_and_ends_to_the_bit(whole, tmp_path):
    folder, less = tmp_path / "r", {"probes": (Loss(), Ends())}
    only_seen = {"w", "kick", "target", "test_loss", "positive", "fitted"}
    whole = whole.drop_vars({*only_seen, *(f"sub_{name}" for name in only_seen)})
    before = program.trace_count
    two = run(branching(data_seeds=2, **less), results=folder, chunks=2)
    assert program.trace_count == before + 1 and len(list((folder / "done").iterdir())) == 2
    same(two, whole.isel(data_seed=slice(0, 2)))

    # A chunk that is gone, of ends and of branches, is run again; a data seed is added.
    (folder / "manifest.json").unlink()
    for name in ("tuned_w", "sub_loss"):
        next(p for p in (folder / "data.zarr" / name / "c").rglob("*") if p.is_file()).unlink()
    with pytest.raises(StoreError, match="unfinished"):
        open_results(folder)
    three = run(branching(**less), results=folder, chunks=3)
    assert three.attrs["seeds_added"] == 1 and status(folder)["replicates"] == 3
    same(three, whole)
    assert {"tuned_w", "end_w", "apart", "sub_loss"} <= set(whole.data_vars)
    for name in set(whole.variables) - {"loss", "sub_loss"}:  # the probe of the loss alone names no unit
        assert dict(three[name].attrs) == dict(whole[name].attrs), name

    for other, said in (
        (branches((0.2, 0.07, 0.6)), r"sub_paths\.schedule\.schedules\.1\.rate: 0\.05 -> 0\.07"),
        (branches(RATES, ("middle", "low", "up")), r"sub_paths\.schedule\.labels\.2: high -> up"),
    ):
        with pytest.raises(StoreError, match=said) as error:
            run(branching(sub_paths=sub_paths(other), **less), results=folder)
        assert "\n" not in str(error.value)


def test_the_bytes_of_a_group_count_every_branch():
    state = 500 * 8
    few, many = (
        descending(
            problem=Quadratic(eigenvalues=np.ones(500)), probes=(),
            sub_paths=sub_paths(branches((0.1,) * n), decay_steps=(0, 3)),
        )
        for n in (1, 8)
    )  # fmt: skip
    assert (few.sub_paths.n_paths, many.sub_paths.n_paths, sub_paths(Constant(rate=0.1)).n_paths) == (2, 16, 3)
    with precision(few):
        assert group_bytes(many) - group_bytes(few) >= 14 * state


def test_numbers_of_a_branch_are_set_by_their_path():
    e = branching(axes={})
    for path, text, value in (
        ("schedules.1.rate", "0.01", 0.01), ("schedules.0.rate", "1", 1.0), ("labels", "x,y,z", ("x", "y", "z")),
    ):  # fmt: skip
        read = parse_value(e, f"sub_paths.schedule.{path}", text)
        assert read == value
        changed = with_value(e, f"sub_paths.schedule.{path}", read)
        changed.check()
        assert get_value(changed, f"sub_paths.schedule.{path}") == value
        assert json.dumps(describe(changed)) != json.dumps(describe(e))
        assert type(changed.sub_paths.schedule.schedules) is tuple
        assert get_value(e, f"sub_paths.schedule.{path}") != value
    scaled = with_values(e, {"sub_paths.schedule.schedules.2.rate": 0.5, "sub_paths.n_steps": 3})
    assert [s.rate for s in scaled.sub_paths.schedule.schedules] == [0.2, 0.05, 0.5]
    for path, text, said in (
        ("schedules.3.rate", "0.1", "unknown field '3'"), ("schedules.0.rat", "0.1", "did you mean 'rate'"),
        ("schedules.0", "0.1", "set one of its fields"), ("schedules", "0.1", "set one of its fields"),
        ("schedules.0.rate", "fast", "must be a number"), ("rate", "0.1", "unknown field 'rate'"),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=said) as error:
            parse_value(e, f"sub_paths.schedule.{path}", text)
        assert "\n" not in str(error.value)
    with pytest.raises(ConfigError, match=r"is swept by axis 'first'"):
        parse_value(branching(), "sub_paths.schedule.schedules.0.rate", "0.1")


# --- ends -------------------------------------------------------------------------------------------------------------


def test_ends_of_branches_are_the_states_at_the_decays_and_at_the_last_records(whole):
    at = whole.isel(record=np.searchsorted(whole.step.values, DECAYS)).rename(record="decay_step")
    cell = (*CELL, "decay_step")
    np.testing.assert_array_equal(whole.end_w, at.w.transpose(*cell, "coordinate"))
    np.testing.assert_allclose(whole.end_loss, at.loss.transpose(*cell), rtol=1e-14)
    # The step that is looked at after the last record is dropped: what is seen is the state of the last record.
    last = whole.isel(sub_record=-1)
    np.testing.assert_array_equal(whole.tuned_w, last.sub_w)
    np.testing.assert_array_equal(whole.tuned_positive, last.sub_positive)
    apart = ((last.sub_w.sel(branch="middle") - last.sub_w.sel(branch="high")) ** 2).sum("coordinate")
    np.testing.assert_allclose(whole.apart, apart, rtol=1e-12)
    np.testing.assert_array_equal(whole.end_kept, whole.kept_now.isel(record=0).expand_dims(decay_step=3, axis=-1))


def test_ends_have_their_dimensions_units_and_types(whole):
    cell = (*CELL, "decay_step")
    assert whole.end_loss.dims == whole.apart.dims == whole.end_kept.dims == cell
    assert whole.end_w.dims == (*cell, "coordinate") and whole.tuned_w.dims == (*cell, "branch", "coordinate")
    assert whole.tuned_positive.dims == (*cell, "branch") and whole.tuned_positive.dtype.kind == "i"
    assert whole.tuned_kick.dims == (*cell, "tuned_kick_0")  # no name was given
    assert whole.end_w.attrs["units"] == "m" and whole.apart.attrs["units"] == "m^2"
    assert "alone" not in whole and not [n for n in whole.variables if str(n).startswith(("sub_end", "sub_tuned"))]


def test_ends_of_single_sub_paths(single):
    at = single.isel(record=np.searchsorted(single.step.values, DECAYS)).rename(record="decay_step")
    np.testing.assert_array_equal(single.end_w, at.w.transpose(*single.end_w.dims))
    np.testing.assert_array_equal(single.one_w, single.sub_w.isel(sub_record=-1))
    assert single.one_w.dims == ("curvature", "rate", "late", "seed", "data_seed", "decay_step", "one_w_0")
    assert "branch" not in single.dims


def test_ends_without_sub_paths_and_records_that_know_nothing_of_them(whole):
    axes = {n: branching().axes[n] for n in ("curvature", "rate")}
    ends, none = (
        run(branching(axes=axes, sub_paths=None, probes=probes), chunks=1)
        for probes in ((Look(), Ends()), (Look(), Silent()))
    )
    assert ends.end_w.dims == ("curvature", "rate", "seed", "data_seed", "coordinate") and ends.alone.dtype == bool
    np.testing.assert_array_equal(ends.end_w, ends.w.isel(record=-1))
    np.testing.assert_allclose(ends.end_loss, ends.loss.isel(record=-1), rtol=1e-14)
    np.testing.assert_array_equal(ends.end_kept, ends.kept_now.isel(record=-1))
    assert ends.alone.all() and not {"decay_step", "branch"} & set(ends.dims)
    # Records are the same to the bit whether anything reads the ends or not, and with branches at other steps.
    added = {"end_w", "end_loss", "end_kept", "alone"}
    assert set(ends.variables) - set(none.variables) == added
    same(ends.drop_vars(added), none)
    kept = whole.isel(record=np.flatnonzero(np.isin(whole.step.values, none.step.values)))
    for name in none.data_vars:
        for first in range(2):
            np.testing.assert_array_equal(kept[name].isel(first=first), none[name], err_msg=name)


@pytree
class Silent:
    """As the probe of ends, but that it has none."""

    prepare = Ends.prepare

    def __call__(self, problem: Any, data: Any, params: Any, kept: Any) -> dict[str, Any]:
        return {"kept_now": kept[0]}


def test_an_experiment_without_branches_or_ends_is_a_batch_of_single_cells():
    """To the bit, cell by cell."""
    steps = record_steps(20, 4, "linear")

    @jax.jit
    def alone(rate, seed, data_seed):
        parts = jax.tree.map(lambda v: jnp.asarray(v, float), (Spot(), Push(), Constant(rate=rate)))
        return simulate(*parts, (Look(),), cell_keys(0, seed, data_seed), steps)

    e = toy(problem=Spot(), dynamics=Push(), probes=(Look(),), seeds=2, data_seeds=2)
    with precision(e):
        ds = run(e)
        for seed, data_seed in ((0, 0), (0, 1), (1, 0), (1, 1)):
            for rate in ds.rate.values:
                records, outcome = alone(rate, seed, data_seed)
                assert set(records) | set(outcome) == set(ds.data_vars)
                one = ds.sel(seed=seed, data_seed=data_seed, rate=rate)
                for name, value in {**records, **outcome}.items():
                    np.testing.assert_array_equal(one[name], value, err_msg=name)


def test_a_stopped_path_ends_where_it_stopped():
    """Stages that end at different steps: ends see the frozen states."""
    late = tuple(Stages(rates=(r,), levels=(0.05,), caps=(1e9,)) for r in (0.1, 0.6))
    main = Stages(rates=(0.3,), levels=(0.2,), caps=(1e9,))
    sub = SubPaths(decay_steps=(0, 2, 9), schedule=Branches(schedules=late, labels=("a", "b")), n_steps=12, n_records=4)
    e = descending(problem=Quadratic(eigenvalues=(1.0,), mean=(1.0,)), schedule=main, sub_paths=sub, probes=(Place(),))
    ds = run(e).isel(seed=0)
    assert 0 < ds.stop_step < 9 and (ds.sub_stop_step.sel(branch="b") > 0).any()
    w = [1.0]
    while 0.5 * w[-1] ** 2 > 0.2:
        w.append(0.7 * w[-1])
    assert ds.stop_step == len(w) - 1
    np.testing.assert_allclose(ds.end[:, 0], [w[min(d, len(w) - 1)] for d in (0, 2, 9)], rtol=1e-12)
    for j, rate in enumerate((0.1, 0.6)):
        for i in range(3):
            v, n = float(ds.end[i, 0]), 0
            while 0.5 * v**2 > 0.05 and n < 12:
                v, n = v * (1 - rate), n + 1
            np.testing.assert_allclose(ds.tuned[i, j, 0], v, rtol=1e-12)


@pytree
class Place:
    """Where paths are, and where they end."""

    dims: ClassVar[dict[str, tuple[str, ...]]] = {
        "w": ("direction",), "end": ("direction",), "tuned": ("branch", "direction"), "count": (),
    }  # fmt: skip

    def __call__(self, problem: Any, data: Any, params: Any, aux: Any) -> dict[str, Any]:
        return {"w": params}

    def ends(self, problem: Any, data: Any, params: Any, others: Any, aux: Any) -> dict[str, Any]:
        found = {"end": params, "count": jnp.full((), 7, int)}
        return found if others is None else {**found, "tuned": others}


#: Rates at which descent from 1 on a curvature of 1 is above the bound on the loss after 4, 6 and 8 steps, or never.
FAST, AT = (100.0, 30.0, 12.0, 0.1), (4, 6, 8, -1)


def diverging(**changes):
    fields = {"problem": Quadratic(eigenvalues=(1.0,), mean=(1.0,)), "probes": (Place(),)}
    return run(descending(**{**fields, **changes})).isel(seed=0)


@pytest.fixture(scope="module")
def one_diverges():
    """Of two branches the first diverges, before its last record, at it, or after it."""
    sub = SubPaths(decay_steps=(0, 3), schedule=branches((1.0, 0.1)), n_steps=6, n_records=6)
    axes = {"fast": Axis("sub_paths.schedule.schedules.0.rate", FAST)}
    return diverging(sub_paths=sub, axes=axes, schedule=Constant(rate=0.0), n_steps=3, n_records=3)


def test_a_branch_that_diverges_leaves_the_records_of_others(one_diverges):
    ds = one_diverges
    stops = [at if at <= 6 else -1 for at in AT]
    for i in range(2):
        assert ds.sub_diverged_at.sel(branch="a").isel(decay_step=i).values.tolist() == stops
        np.testing.assert_allclose(ds.sub_w[:, i, 1, :, 0], np.tile(0.9 ** np.arange(7), (4, 1)), rtol=1e-12)
    assert (ds.sub_diverged_at.sel(branch="b") == -1).all() and (ds.diverged_at == -1).all()
    for rate, at, one in zip(FAST, stops, ds.sub_w[:, 0, 0, :, 0].values, strict=True):
        alive = at if at >= 0 else 7
        np.testing.assert_allclose(one[:alive], (1 - rate) ** np.arange(alive), rtol=1e-12)
        assert np.isnan(one[alive:]).all()


def test_ends_are_nan_exactly_where_a_last_record_is(one_diverges):
    ds = one_diverges
    # Ends are measured on all paths together, so one that has diverged is enough; what cannot hold a NaN stays.
    lost = np.isnan(ds.sub_w.sel(branch="a").isel(sub_record=-1, direction=0))
    assert lost.isel(decay_step=0).values.tolist() == [True, True, False, False]
    for name in ("end", "tuned"):
        assert (np.isnan(ds[name]) == lost).all() and np.isfinite(ds[name].where(~lost, 0.0)).all()
    np.testing.assert_array_equal(ds.tuned[2:], ds.sub_w.isel(sub_record=-1)[2:])
    assert (ds["count"] == 7).all()
    # Without sub-paths too: at the last record one of them is seen to have diverged in the step after it.
    ds = diverging(axes={"rate": Axis("schedule.rate", FAST)}, n_steps=6, n_records=2)
    assert ds.diverged_at.values.tolist() == [4, 6, -1, -1]
    assert np.isnan(ds.end[:, 0]).values.tolist() == [True, True, False, False]
    np.testing.assert_array_equal(ds.end, ds.w.isel(record=-1))


def test_a_main_path_that_diverges_has_ends_at_decays_before_it_did():
    sub = SubPaths(decay_steps=(2, 5, 6, 7), schedule=branches((0.1, 0.2)), n_steps=2, n_records=2)
    ds = diverging(sub_paths=sub, schedule=Constant(rate=30.0))
    assert ds.diverged_at == 6
    np.testing.assert_allclose(ds.end[:2, 0], [(-29.0) ** 2, (-29.0) ** 5], rtol=1e-12)
    assert np.isfinite(ds.tuned[:2]).all() and np.isnan(ds.end[2:]).all() and np.isnan(ds.tuned[2:]).all()
    assert (ds.sub_diverged_at[:2] == -1).all() and (ds.sub_diverged_at[2:] == 0).all()


# --- bad input --------------------------------------------------------------------------------------------------------


def refused(experiment, said):
    """Hold an experiment to be refused in one line before anything is compiled."""
    with pytest.raises(ConfigError, match=said) as error, precision(experiment):
        experiment.check()
        template(experiment)
    assert "\n" not in str(error.value)


def with_branches(schedules, labels):
    return branching(axes={}, sub_paths=sub_paths(Branches(schedules=schedules, labels=labels)))


SLOW, QUICK, HALVED = Constant(rate=0.1), Constant(rate=0.2), Piecewise(rates=(0.2, 0.1), boundaries=(3,))


@pytest.mark.parametrize(
    ("schedules", "labels", "said"),
    [
        ((), (), r"schedules = \(\) .* one or more"),
        ((SLOW,), (), r"labels = \(\) .* one or more"),
        ((SLOW, QUICK), ("a",), r"labels = \('a',\) .* 2 different names"),
        ((SLOW, QUICK), ("a", "a"), r"labels = \('a', 'a'\) .* 2 different names"),
        ((SLOW, QUICK), ("a", "b", "c"), r"labels = .* 2 different names"),
        ((SLOW, QUICK), "ab", r"labels = 'ab' .* a tuple"),
        ((SLOW,), None, r"labels = None .* a tuple"),
        (SLOW, ("a",), r"schedules = Constant.* a tuple"),
        ((SLOW, Piecewise(rates=(0.1,), boundaries=())), ("a", "b"), r"schedules = .* differ in numbers only"),
        ((Piecewise(rates=(0.1,), boundaries=()), HALVED), ("a", "b"), r"schedules = .* differ in numbers only"),
        ((FromFunction(function=abs), FromFunction(function=float)), ("a", "b"), r"schedules = .* numbers only"),
        ((SLOW, 0.1), ("a", "b"), r"schedules = 0\.1 .* a schedule"),
        ((SLOW, Constant(rate=-1.0)), ("a", "b"), r"rate = -1\.0"),
        ((SLOW, Constant(rate=float("nan"))), ("a", "b"), r"rate = nan"),
        ((Branches(schedules=(SLOW,), labels=("a",)),), ("b",), r"schedules = .* a schedule"),
    ],
    ids=lambda v: None,
)  # fmt: skip
def test_branches_that_cannot_be(schedules, labels, said):
    refused(with_branches(schedules, labels), said)


def test_every_value_of_an_axis_over_a_branch_is_checked():
    path = "sub_paths.schedule.schedules"
    refused(branching(axes={"first": Axis(f"{path}.0.rate", (0.1, -0.5))}), r"rate = -0\.5")
    refused(branching(axes={"first": Axis(f"{path}.3.rate", (0.1,))}), "unknown field '3'")
    refused(branching(axes={"first": Axis(f"{path}.0.rates", (0.1,))}), "did you mean 'rate'")
    short = Axis(path, ((SLOW, QUICK, SLOW), (SLOW, QUICK)), labels=("three", "two"))
    refused(branching(axes={"first": short}), r"labels = \('middle', 'low', 'high'\) .* 2 different names")
    refused(branching(axes={"a": Axis(f"{path}.0.rate", (0.1,)), "b": Axis(f"{path}.0.rate", (0.2,))}), "leave out one")
    late = Stages(rates=(0.1,), levels=(0.1,), caps=(1.0,), observe=("lost",))
    refused(with_branches((late,), labels=("a",)), "observed quantity 'lost'")


def test_an_axis_may_not_change_which_branches_there_are():
    """They are a coordinate, which is one for all cells."""
    renamed, one = branches(labels=("x", "y", "z")), Constant(rate=0.1)
    path = "sub_paths.schedule"
    refused(branching(axes={"a": Axis(f"{path}.labels", (LABELS, ("x", "y", "z")))}), "branches of the experiment")
    for values in ((branches(), renamed), (branches(), one), (one, one)):
        refused(branching(axes={"a": Axis(path, values, labels=("p", "q"))}), "branches of the experiment")
    refused(
        branching(axes={"a": Axis(path, (branches(), branches()), labels=("p", "q"))}, sub_paths=sub_paths(one)),
        "branches of the experiment",
    )
    branching(axes={"a": Axis(path, (branches(), branches((0.1, 0.2, 0.3))), labels=("p", "q"))}).check()


def test_an_axis_may_not_be_called_like_a_branch_or_an_end():
    rate = Axis("schedule.rate", (0.1, 0.2))
    for sub in (None, sub_paths(), sub_paths(Constant(rate=0.1))):
        refused(branching(axes={"branch": rate}, sub_paths=sub, probes=(Loss(),)), "branch")
    for name in ("end_loss", "coordinate"):
        refused(branching(axes={name: rate}, sub_paths=None, probes=(Loss(), Ends())), f"'{name}'")


@pytree
class Named:
    """A probe that records, has as constants, or finds at the ends, numbers of given names."""

    out: tuple[str, ...] = static(())
    const: tuple[str, ...] = static(())
    end: tuple[str, ...] = static(())

    def __call__(self, problem: Any, data: Any, params: Any, kept: Any) -> dict[str, Any]:
        return dict.fromkeys(self.out, jnp.sum(params.w))

    def constants(self, problem: Any, data: Any, params: Any, kept: Any) -> dict[str, Any]:
        return dict.fromkeys(self.const, jnp.sum(params.w))

    def ends(self, problem: Any, data: Any, params: Any, others: Any, kept: Any) -> dict[str, Any]:
        return dict.fromkeys(self.end, jnp.sum(params.w))


@pytest.mark.parametrize("kind", ["branches", "one", "none"])
def test_nothing_is_found_at_the_ends_under_the_name_of_something_else(kind):
    sub = {"branches": sub_paths(), "one": sub_paths(Constant(rate=0.1)), "none": None}[kind]
    refuse = [
        (Named(end=("a",)), Named(end=("a",))), (Named(out=("a",), end=("a",)),), (Named(const=("a",), end=("a",)),),
        (Loss(), Named(end=("loss",))), (Named(end=("time",)),), (Named(end=("diverged_at",)),),
        (Named(end=("stage_step",)),), (Named(end=("branch",)),), (Named(end=("decay_step",)),),
        (Named(end=("step",)),), (Named(end=("seed",)),), (Named(end=("sub_step",)),),
    ]  # fmt: skip
    if kind == "none":
        refuse = refuse[:4]
    else:
        refuse = refuse if kind == "branches" else refuse[3:4]
        refuse += [(Loss(), Named(end=("sub_loss",))), (Named(end=("sub_diverged_at",)),), (Named(end=("sub_lr",)),)]
    for probes in refuse:
        refused(branching(axes={}, sub_paths=sub, probes=probes), "recorded twice|is called like|is a coordinate")
    with precision(branching()):
        found = template(branching(axes={}, sub_paths=sub, probes=(Loss(), Named(end=("a",)))))["a"]
    assert found.dims == ("seed", "data_seed", *(() if sub is None else ("decay_step",)))


def test_nothing_is_written_where_branches_or_ends_are_refused(tmp_path):
    for e in (with_branches((SLOW,), labels=()), branching(probes=(Loss(), Named(end=("loss",))))):
        with pytest.raises(ConfigError):
            run(e, results=tmp_path / "r")
    assert not (tmp_path / "r").exists()
