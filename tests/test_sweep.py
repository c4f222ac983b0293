"""Sweeps: one compile, chunks and devices that change no number, axes of every kind, memory that is respected."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import threading
from typing import ClassVar

import numpy as np
import pytest
import xarray as xr

from lrtheory import program, sweep
from lrtheory.errors import ConfigError
from lrtheory.experiment import Axis
from lrtheory.grid import Box, shrink
from lrtheory.lazy import jax, jnp
from lrtheory.program import precision
from lrtheory.pytree import pytree, static
from lrtheory.schedules import Constant, Piecewise, Stages
from lrtheory.store import open_results
from lrtheory.sweep import Programs, plan, run
from tests.toys import RATES, Loss, Toy, cached_compiles, toy

GRID = {"curvature": Axis("problem.curvature", (1.0, 2.0)), "rate": Axis("schedule.rate", RATES)}


def same(a, b):
    xr.testing.assert_equal(a, b)
    for name in a.variables:
        assert a[name].dtype == b[name].dtype, name
        assert a[name].dims == b[name].dims, name


@pytest.fixture(scope="module", autouse=True)
def compile_once(tmp_path_factory):
    with cached_compiles(tmp_path_factory.mktemp("compiled")):
        yield


@pytest.fixture(scope="module")
def whole():
    """The grid of 2 x 3 x 5 cells in one chunk."""
    return run(toy(axes=GRID, seeds=5), chunks=1)


class Count:
    """Number of traces of sweeps inside the block."""

    def __enter__(self):
        self.before = program.trace_count
        return self

    def __exit__(self, *_):
        self.n = program.trace_count - self.before


# --- one compile ------------------------------------------------------------------------------------------------------


def test_one_trace_for_a_whole_sweep_of_many_rates_and_seeds_in_many_chunks():
    rates = tuple(np.geomspace(0.01, 1.0, 50).tolist())
    e = toy(axes={"rate": Axis("schedule.rate", rates), "noise": Axis("dynamics.noise", (0.0, 0.1))}, seeds=11)
    with Count() as traces:
        ds = run(e, chunks=9)
    assert traces.n == 1 and ds.attrs["cells"] == 1100
    assert not np.isnan(ds.loss).any()


def test_one_trace_for_each_value_of_an_axis_of_shapes():
    axes = {"d": Axis("problem.d", (1, 2)), "rate": Axis("schedule.rate", RATES)}
    with Count() as traces:
        run(toy(axes=axes, probes=(Loss(),), seeds=6), chunks=6)
    assert traces.n == 2


def test_one_trace_for_each_shape_also_when_the_axis_before_it_is_cut():
    axes = {"curvature": Axis("problem.curvature", tuple(range(1, 9))), "d": Axis("problem.d", (1, 2))}
    with Count() as traces:
        run(toy(axes=axes, probes=(Loss(),), seeds=1), chunks=4)
    assert traces.n == 2


# --- chunks and devices -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunks", [7, 30])
def test_whole_is_chunks_to_the_bit(whole, chunks):
    ds = run(toy(axes=GRID, seeds=5), chunks=chunks)
    assert ds.attrs["chunk"] != whole.attrs["chunk"]
    same(ds, whole)


def test_chunks_that_do_not_divide_the_grid_are_filled_up_and_cut_off(whole):
    # 5 seeds in chunks of 2: the last one holds 1.
    ds = run(toy(axes=GRID, seeds=5), chunks=2)
    assert ds.attrs["chunk"]["seed"] not in (1, 5)
    same(ds, whole)


def test_more_seeds_keep_the_numbers_of_the_first(whole):
    more = run(toy(axes=GRID, seeds=7))
    same(more.isel(seed=slice(0, 5)), whole)
    later = run(toy(axes=GRID, seeds=2, first_seed=3))
    assert later.seed.values.tolist() == [3, 4]
    same(later, whole.sel(seed=[3, 4]))


def test_another_root_seed_changes_every_draw(whole):
    other = run(toy(axes=GRID, seeds=5, root_seed=1))
    assert not (other.target == whole.target).any()


def test_one_device_is_two_devices_to_the_bit(whole, tmp_path):
    program = f"""
from lrtheory.lazy import jax
assert len(jax.devices()) == 2
import lrtheory
from lrtheory import program, sweep
from tests.test_sweep import GRID
from tests.toys import toy
ds = lrtheory.run(toy(axes=GRID, seeds=5), results={str(tmp_path / "two")!r}, chunks=7)
assert ds.attrs["device"].startswith("2 x"), ds.attrs["device"]
assert program.trace_count == 1, sweep.trace_count
"""
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=2"
    environment = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    same(open_results(tmp_path / "two"), whole)


def test_the_stored_dataset_is_the_one_in_memory(whole, tmp_path):
    stored = run(toy(axes=GRID, seeds=5), results=tmp_path / "r", chunks=7)
    same(stored, whole)
    for name in whole.variables:
        assert {k: v for k, v in stored[name].attrs.items()} == dict(whole[name].attrs), name
    assert set(stored.attrs) == set(whole.attrs)


# --- what the results look like ---------------------------------------------------------------------------------------


def test_dimensions_coordinates_units_and_types(whole):
    assert whole.loss.dims == ("curvature", "rate", "seed", "record")
    assert whole.w.dims == (*whole.loss.dims, "coordinate")
    assert whole.stage_step.dims == ("curvature", "rate", "seed", "stage_index")
    assert whole.diverged_at.dims == whole.stop_step.dims == ("curvature", "rate", "seed")
    assert whole.rate.values.tolist() == list(RATES) and whole.seed.values.tolist() == [0, 1, 2, 3, 4]
    assert whole.step.values.tolist() == [0, 5, 10, 15, 20] and "step" in whole.coords
    assert whole.loss.attrs["units"] == "nat" and whole.step.attrs["units"] == "step"
    assert whole.fitted.dtype == bool and whole.positive.dtype.kind == "i" and whole.loss.dtype == np.float64
    assert whole.attrs["diverged_share"] == 0 and whole.attrs["cells"] == 30
    assert (abs(whole.time - whole.rate * whole.step) < 1e-12).all()


def test_cells_of_the_sweep_are_cells_alone(whole):
    e = toy(problem=Toy(curvature=2.0), schedule=Constant(rate=0.3), axes={}, seeds=1, first_seed=2)
    alone = run(e)
    cell = whole.sel(curvature=2.0, rate=0.3, seed=[2])
    same(alone, cell.drop_vars(["curvature", "rate"]))


def test_precision_is_the_experiments_whatever_the_process_is_set_to(whole):
    with jax.enable_x64(True):
        single = run(toy(axes=GRID, seeds=5, precision="f32"))
    assert single.loss.dtype == np.float32 and jnp.zeros(()).dtype == np.float32
    np.testing.assert_allclose(single.time, whole.time, rtol=1e-6)


def test_a_diverged_cell_is_recorded_and_counted():
    with np.errstate(all="raise"):
        ds = run(toy(axes={"rate": Axis("schedule.rate", (0.1, 1e9))}))
    assert ds.attrs["diverged_share"] == 0.5
    assert (ds.diverged_at.sel(rate=0.1) == -1).all() and (ds.diverged_at.sel(rate=1e9) > 0).all()
    assert np.isnan(ds.loss.sel(rate=1e9).isel(record=-1)).all() and not np.isnan(ds.loss.sel(rate=0.1)).any()


# --- axes of every kind -----------------------------------------------------------------------------------------------


def test_axes_of_dynamics_and_data_seeds():
    e = toy(axes={"noise": Axis("dynamics.noise", (0.0, 0.1))}, seeds=3, data_seeds=2)
    ds = run(e, chunks=4)
    assert ds.loss.dims == ("noise", "seed", "data_seed", "record")
    target, start = ds.target.isel(record=0, noise=0), ds.w.isel(record=0, noise=0)
    assert (target.isel(seed=0) == target).all()
    assert len(np.unique(target)) == 2 * 3 and len(np.unique(start)) == 3 * 2 * 3
    assert (ds.kick.sel(noise=0.0) == 0).all() and (ds.kick.sel(noise=0.1).isel(record=slice(1, None)) != 0).all()
    # Data seeds as an axis have the data of the seeds of the same number.
    tied = run(toy(axes={}, seeds=2))
    np.testing.assert_array_equal(tied.target.isel(record=0), target.isel(seed=0))


def test_labelled_axes_take_whole_parts(tmp_path):
    parts = tuple(
        Stages(rates=(1.0, 0.1), levels=(0.1, -1.0), caps=caps, observe=("loss", "loss"))
        for caps in ((8.0, 9.0), (0.0, 9.0))
    )
    e = toy(schedule=parts[0], axes={"way": Axis("schedule", parts, labels=("large", "small"))})
    ds = run(e, results=tmp_path / "r")
    assert ds.way.values.tolist() == ["large", "small"] and ds.way.dtype.kind == "U"
    assert (ds.sel(way="small").stage_step.isel(stage_index=0) == 0).all()
    assert (ds.sel(way="large").stage_step.isel(stage_index=0) > 0).all()
    same(run(e), ds)


def test_an_axis_over_one_entry_of_a_tuple():
    e = toy(
        schedule=Piecewise(rates=(0.1, 0.5), boundaries=(10,)),
        axes={"late": Axis("schedule.rates.1", (0.0, 0.5)), "at": Axis("schedule.boundaries.0", (5, 10))},
    )
    ds = run(e)
    np.testing.assert_allclose(ds.time.isel(record=-1, seed=0), [[0.5, 1.0], [8.0, 6.0]], rtol=1e-12)


def test_an_axis_that_is_not_last_among_problem_and_schedule_axes():
    # Groups and members are interleaved in the order of the axes.
    axes = {"rate": GRID["rate"], "curvature": GRID["curvature"], "noise": Axis("dynamics.noise", (0.0, 0.1, 0.2))}
    ds = run(toy(axes=axes, seeds=2), chunks=5)
    assert ds.loss.dims == ("rate", "curvature", "noise", "seed", "record")
    reference = run(toy(axes={n: axes[n] for n in ("curvature", "noise", "rate")}, seeds=2))
    xr.testing.assert_equal(ds, reference.transpose(*ds.dims).transpose("rate", "curvature", "noise", "seed", ...))


def test_a_static_axis_with_outputs_of_one_shape():
    axes = {"rate": GRID["rate"], "d": Axis("problem.d", (1, 2))}
    ds = run(toy(axes=axes, probes=(Loss(),)), chunks=4)
    for d in (1, 2):
        alone = run(toy(axes={"rate": GRID["rate"]}, problem=Toy(d=d), probes=(Loss(),)))
        same(ds.sel(d=d).drop_vars("d"), alone)


@pytest.mark.parametrize("sizes", [(1, 3), (2, 3)])
def test_a_static_axis_that_changes_the_shape_of_an_output_is_refused(sizes, tmp_path):
    e = toy(axes={"d": Axis("problem.d", sizes)})
    with pytest.raises(ConfigError, match=r"(kick|target|w) has shape .*axis d "):
        run(e, results=tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_parts_of_different_kinds_are_compiled_apart():
    parts = (Constant(rate=0.1), Piecewise(rates=(0.1, 0.2), boundaries=(3,)))
    with Count() as traces:
        ds = run(toy(axes={"way": Axis("schedule", parts, labels=("a", "b"))}, probes=(Loss(),)))
    assert traces.n == 2
    for label, part in zip("ab", parts, strict=True):
        same(ds.sel(way=label).drop_vars("way"), run(toy(axes={}, schedule=part, probes=(Loss(),))))


def test_parts_with_other_numbers_of_stages_are_refused_before_anything_is_written(tmp_path):
    parts = (Constant(rate=0.1), Stages(rates=(0.1, 0.2), levels=(0.1, 0.1), caps=(9.0, 9.0), observe=("loss", "loss")))
    with pytest.raises(ConfigError, match=r"stage_[a-z]+ has shape"):
        run(toy(axes={"way": Axis("schedule", parts, labels=("a", "b"))}), results=tmp_path / "r")
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("name", ["loss", "coordinate", "test_loss"])
def test_an_axis_may_not_be_called_like_an_output_of_a_probe(name):
    with pytest.raises(ConfigError, match=name):
        run(toy(axes={name: Axis("schedule.rate", RATES)}))


def test_arrays_may_be_leaves():
    from lrtheory.dynamics import SGD
    from lrtheory.probes.quadratic import Directions
    from lrtheory.problems.quadratic import Quadratic

    values = tuple(np.array([1.0, c]) for c in (0.1, 0.2))
    e = toy(problem=Quadratic(eigenvalues=values[0]), dynamics=SGD(), probes=(Directions(),))
    e = dataclasses.replace(e, axes={"spectrum": Axis("problem.eigenvalues", values)})
    ds = run(e)
    assert ds.spectrum.values.tolist() == [0, 1]
    np.testing.assert_allclose(ds.w.isel(record=-1, seed=0)[:, 1], [(1 - 0.01) ** 20, (1 - 0.02) ** 20], rtol=1e-12)


def test_a_misfit_of_problem_and_dynamics_is_refused_before_anything_is_written(tmp_path):
    from lrtheory.dynamics import SGD

    with pytest.raises(ConfigError, match="'gradient_noise', which Toy lacks"):
        run(toy(dynamics=SGD()), results=tmp_path / "r")
    assert not (tmp_path / "r").exists()


# --- how the grid is cut ----------------------------------------------------------------------------------------------


def test_shrink_cuts_in_order_and_evenly():
    assert shrink({"a": 3, "seed": 17}, ["seed", "a"], 51) == {"a": 3, "seed": 17}
    assert shrink({"a": 3, "seed": 17}, ["seed", "a"], 48) == {"a": 3, "seed": 9}
    assert shrink({"a": 3, "seed": 17}, ["seed", "a"], 2) == {"a": 2, "seed": 1}
    assert shrink({"a": 3, "seed": 17}, ["seed", "a"], 0.1) == {"a": 1, "seed": 1}


@pytest.mark.parametrize("cells", [1, 2, 3, 5, 7, 12, 30, 60, 119, 120, 1000])
def test_shrink_never_goes_over(cells):
    shape = shrink({"a": 4, "b": 5, "seed": 6}, ["seed", "b", "a"], cells)
    assert np.prod(list(shape.values())) <= cells and min(shape.values()) >= 1


def test_slices_cover_the_grid_once():
    box = Box(("a", "seed"), (5, 7), (2, 3))
    seen = np.zeros((5, 7), int)
    for region in box.regions():
        seen[region["a"], region["seed"]] += 1
    assert (seen == 1).all() and len(box.regions()) == 9


# --- memory -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wide():
    """An experiment whose cells need some tens of kilobytes."""
    return toy(problem=Toy(d=2000), probes=(Loss(),), axes={"rate": GRID["rate"]}, seeds=20, n_steps=2, n_records=1)


def planned(experiment, memory=None, chunks=None):
    """Return how the grid is cut, the bytes planned for a chunk, and those that its programs need at each shape."""
    with precision(experiment):
        programs = Programs(experiment, jax.devices()[:1])
        box, expected = plan(experiment, programs, memory, chunks)
        first = [{d: r.start for d, r in region.items()} for region in box.regions()]
        needed = max(programs.get(at, box.chunk).memory(jax.devices()[0]) for at in first)
    return box, expected, needed


def test_a_chunk_fits_into_the_memory_it_is_given(wide):
    free, most, _ = planned(wide, 2**40, chunks=1)
    tight, expected, needed = planned(wide, most // 3, chunks=1)
    assert len(free.regions()) == 1 and len(tight.regions()) > 1
    assert needed == expected <= most // 3
    # And it is not cut much finer than it has to be.
    assert len(tight.regions()) <= 5


def test_memory_changes_no_number(wide):
    # Sums over 2000 coordinates: their order may depend on the size of the batch.
    budget = planned(wide, 2**40)[1] // 3
    ds = run(wide, memory=budget)
    assert 0 < ds.attrs["chunk_bytes"] <= budget
    np.testing.assert_allclose(ds.loss, run(wide).loss, rtol=1e-13)


def test_a_cell_that_does_not_fit_is_an_error_and_nothing_is_written(wide, tmp_path):
    with pytest.raises(ConfigError, match=r"memory = 1000 bytes is not allowed: .* [0-9]+, the need of one cell"):
        run(wide, memory=1000, results=tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_memory_is_that_of_the_largest_shape():
    e = toy(axes={"d": Axis("problem.d", (1, 20_000))}, probes=(Loss(),), seeds=8, n_steps=2, n_records=1)
    _, expected, needed = planned(e, 4_000_000)
    assert needed <= expected <= 4_000_000


def test_finished_chunks_are_let_go():
    """The arrays of a chunk may not outlive its turn: a paper-scale sweep is larger than memory."""
    import gc
    import weakref

    e = toy(seeds=8)
    with precision(e):
        programs = Programs(e, jax.devices()[:1])
        box, _ = plan(e, programs, None, 8)
        alive = []
        for _, _, values in sweep._execute(
            e, programs, box.chunk, list(enumerate(box.regions())), False, threading.Event()
        ):
            # Chunks that have been consumed; one of them may still be in the hands of its thread.
            gc.collect()
            assert sum(ref() is not None for ref in alive) <= 1
            alive.append(weakref.ref(values["loss"]))
            del values
    assert len(alive) == 8


# --- probes, and the call from Python ---------------------------------------------------------------------------------


def test_outputs_without_declared_dims_get_dims_of_their_own():
    @pytree
    class Plain:
        """Vectors without names."""

        n: int = static(2)
        units: ClassVar[dict[str, str]] = {}

        def __call__(self, problem, data, params, aux):
            return {"v": jnp.ones((self.n, 3))}

    ds = run(toy(probes=(Plain(),), axes={}))
    assert ds.v.dims == ("seed", "record", "v_0", "v_1") and ds.v.shape == (4, 5, 2, 3)


def test_no_probe_is_needed():
    assert set(run(toy(probes=(), axes={})).data_vars) == {
        "time", "lr", "stage", "stage_step", "stage_time", "stage_reason", "stop_step", "diverged_at",
    }  # fmt: skip


def test_run_from_python_applies_a_scale_and_checks():
    ds = run(toy(scales={"smoke": {"seeds": 1, "axes.rate": (0.2,)}}), scale="smoke")
    assert ds.sizes["seed"] == 1 and ds.rate.values.tolist() == [0.2]
    with pytest.raises(ConfigError, match="unknown scale"):
        run(toy(), scale="smoky")
    with pytest.raises(ConfigError, match="seeds = 0"):
        run(toy(seeds=0))


@pytest.mark.parametrize(
    ("platform", "stats", "budget"),
    [("cpu", {"bytes_limit": 100}, None), ("gpu", {"bytes_limit": 100}, 80), ("gpu", None, None), ("tpu", {}, None)],
)
def test_the_default_budget_is_most_of_an_accelerators_memory(platform, stats, budget):
    class Device:
        def __init__(self):
            self.platform = platform

        def memory_stats(self):
            return stats

    assert sweep.default_memory(Device()) == budget


# --- further records ----------------------------------------------------------------------------------------------


def test_further_records_are_read_and_change_no_other():
    plain, more = (run(toy(n_steps=12, n_records=3, record_at=at)) for at in ((), (5, 1, 8)))
    assert plain.step.values.tolist() == [0, 4, 8, 12] and more.step.values.tolist() == [0, 1, 4, 5, 8, 12]
    same(plain[["w"]], more[["w"]].isel(record=[0, 2, 4, 5]))
    assert (more.w.isel(record=1) != more.w.isel(record=0)).all()
