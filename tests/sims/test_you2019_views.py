"""The two classical views of decay, on a quadratic and in a spiked well: steps by hand, directions of claims, controls.

Runs are as long as those of the sims, on few seeds: quantities must lie where their claims say, and must not on runs of
which the claims are false, made by exchanging the labels of cells. Seeds are fixed.
"""

from __future__ import annotations

import numpy as np
import pytest

import lrtheory
from lrtheory.experiment import at_scale, with_values
from lrtheory.lazy import jax
from lrtheory.problems.you2019_well import SpikedWell
from lrtheory.sims import load_sim
from lrtheory.simulate import cell_keys
from lrtheory.theory import quadratic as law
from lrtheory.theory import you2019 as view
from lrtheory.theory import you2019_well as well

NAMES = ("you2019_quadratic", "you2019_well")


def run(name, **settings):
    """Return a sim run with some fields set."""
    values = {path.replace("__", "."): value for path, value in settings.items()}
    return lrtheory.run(with_values(load_sim(name).experiment, values))


def quantities(name):
    """Return the quantities of the claims of a sim, by id without the stem."""
    return {claim.id.removeprefix("you2019-"): claim.quantity for claim in load_sim(name).claims}


def exchanged(ds, dim):
    """Return results with the two labels of a dimension exchanged."""
    return ds.assign_coords({dim: ds[dim].values[::-1]})


def swapped(ds, rate):
    """Return results in which the constant schedule of a rate and the decayed one are exchanged."""
    names = {f"{rate}": f"{rate}, decayed", f"{rate}, decayed": f"{rate}"}
    return ds.assign_coords(schedule=[names.get(str(s), str(s)) for s in ds.schedule.values])


@pytest.mark.parametrize("name", NAMES)
def test_a_sim_is_named_as_its_file_and_sound_at_every_scale(name):
    found = load_sim(name)
    assert found.experiment.name == name and found.experiment.root_seed == 1
    for scale in ("smoke", "laptop", "paper"):
        at_scale(found.experiment, scale).check()


# --- the well -----------------------------------------------------------------------------------------------------


def test_the_slope_of_the_well_is_its_closed_form():
    problem = SpikedWell(curvature=1.5, depth=0.12, width=0.05, positions=(1.0, -0.7))
    slope = jax.jit(jax.grad(lambda x: problem.loss(x, ())))
    for x in (-0.75, 0.2, 0.97):
        spikes = [well.smoothed_slope(x, 1.5, 0.12, 0.05, p) - 1.5 * x for p in (1.0, -0.7)]
        assert float(slope(np.array([x]))[0]) == pytest.approx(1.5 * x + sum(spikes), rel=1e-4)
        assert abs(sum(spikes)) > 0.1 or x == 0.2
    assert problem.stable_rate() == pytest.approx(2 / (0.12 / 0.05**2 + 1.5))


def test_starts_and_noise_of_the_well():
    """2 numbers of 4,000 draws each: false alarms below 1.3e-4."""
    problem = SpikedWell(positions=(2.0, 1.0), noise=3.0, spread=0.1)
    keys = jax.random.split(jax.random.key(0), 4000)
    starts = np.asarray(jax.jit(jax.vmap(problem.init))(keys))
    noise = np.asarray(jax.jit(jax.vmap(lambda k: problem.gradient_noise(k, np.zeros(1), ())))(keys))
    assert starts.shape == noise.shape == (4000, 1)
    assert abs(starts.mean() - 2.0) < 4 * 0.1 / np.sqrt(4000)
    assert abs((noise**2).mean() / 9 - 1) < 4 * np.sqrt(2 / 4000)


@pytest.mark.parametrize(
    ("problem", "field"),
    [
        (SpikedWell(curvature=0.0), "problem.curvature"),
        (SpikedWell(depth=-0.1), "problem.depth"),
        (SpikedWell(width=float("inf")), "problem.width"),
        (SpikedWell(positions=()), "problem.positions"),
        (SpikedWell(positions=(float("nan"),)), "problem.positions"),
        (SpikedWell(noise=-1.0), "problem.noise"),
        (SpikedWell(spread=-1.0), "problem.spread"),
    ],
)
def test_bad_numbers_of_the_well_are_refused_by_name(problem, field):
    with pytest.raises(lrtheory.ConfigError, match=f"^{field} = "):
        problem.check()
    SpikedWell(depth=0.0, noise=0.0).check()


@pytest.fixture(scope="module")
def in_well():
    """The sim of the well on 32 seeds."""
    return run("you2019_well", seeds=32)


def test_gradient_descent_in_the_well_is_that_of_numpy(in_well):
    """From the recorded starts, by the closed form of the slope; 30 steps, so that rounding has not grown."""
    cells = in_well.sel(law="GD", schedule="0.006", depth=0.12).isel(direction=0)
    at = cells.step.values
    x = cells.w.isel(record=0).values
    for step in range(1, 31):
        x = x - 0.006 * well.smoothed_slope(x, 1.0, 0.12, 0.03, 1.0)
        if step in at:
            np.testing.assert_allclose(cells.w.isel(record=int(np.searchsorted(at, step))), x, rtol=1e-9)
    assert np.abs(x - cells.w.isel(record=0)).max() > 1e-3


def test_who_leaves_the_spurious_minimum_and_who_does_not(in_well):
    found = quantities("you2019_well")
    for name in ("well-stays", "well-escapes", "well-parabola", "well-noise", "well-unstable", "well-climbs"):
        assert found[name](in_well).all(), name
    # Without noise none of those that leave does, and with it none of those that stay does.
    other = exchanged(in_well, "law")
    for name in ("well-escapes", "well-climbs", "well-noise", "well-unstable"):
        assert not found[name](other).any(), name
    # Nor is it the rate alone: without the spike the small one comes down, with it that control fails.
    other = exchanged(in_well, "depth")
    assert not found["well-stays"](other).any() and not found["well-parabola"](other).any()


def test_times_of_escape(in_well):
    """Means of 32 exponential-like times have an error of about 18 %."""
    found = quantities("you2019_well")
    ratio = {name: [part.mean() for part in found[f"well-{name}"](in_well)] for name in ("smooth", "slower")}
    assert ratio["smooth"][0] / ratio["smooth"][1] < 1.35 and ratio["slower"][0] / ratio["slower"][1] > 2.5
    times = found["well-passage"](in_well).mean("seed").values
    spike = {"curvature": 1.0, "depth": 0.12, "width": 0.03, "position": 1.0, "noise": 3.2}
    expected = [well.escape_time(0.9923, 0.5, rate=r, **spike) for r in (0.003, 0.006, 0.012)]
    np.testing.assert_allclose(times, expected, rtol=0.5)
    assert times[0] > 2 * times[1]
    # Kleinberg's condition: 0.012 is above the rate of smoothing, 0.003 far below, and his bound holds at neither.
    smoothing = well.smoothing_rate(1.0, 0.12, 0.03, 1.0, noise=3.2)
    assert 0.003 < smoothing / 3 and smoothing < 0.012
    assert np.isnan(view.kleinberg_distance([0.003, 0.012], 1.0, 2 / SpikedWell().stable_rate(), 3.2)).all()


def test_distance_and_what_a_decay_does_to_it(in_well):
    """32 seeds: floors have errors of about 9 to 11 %."""
    found = quantities("you2019_well")
    assert float(found["well-floor"](in_well).mean()) == pytest.approx(1.0, abs=0.25)
    assert float(found["well-decayed"](in_well).mean()) == pytest.approx(1.0, abs=0.35)
    before, after = (part.mean() for part in found["well-ratio"](in_well))
    assert 6.5 < before / after < 15
    decayed, small = (part.mean() for part in found["well-same-rate"](in_well))
    assert decayed < 0.01 * small
    assert float(found["well-early"](in_well).mean()) > 0.15
    assert found["well-gd"](in_well).all()
    other = swapped(swapped(in_well, 0.006), 0.002)
    before, after = (part.mean() for part in found["well-ratio"](other))
    assert before / after < 0.2 and float(found["well-early"](other).mean()) < 0
    assert float(found["well-decayed"](swapped(swapped(in_well, 0.006), 0.012)).mean()) > 5
    assert not found["well-gd"](exchanged(in_well, "law")).any()


# --- the quadratic --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def on_quadratic():
    """The sim of the quadratic on 24 seeds."""
    return run("you2019_quadratic", seeds=24)


def test_gradient_descent_is_its_closed_form_at_every_rate_cut_and_put_back(on_quadratic):
    lam = np.array([1e-3, 1e-2, 1e-1, 1.0])
    problem = load_sim("you2019_quadratic").experiment.problem
    with jax.enable_x64(True):
        starts = np.stack([problem.init(cell_keys(1, seed).init) for seed in range(24)])
    steps = on_quadratic.step.values[:, None]
    for rate in (1.9, 1.9995):
        for end, cut in (("", 1.0), (", decayed", 0.1)):
            at_cut = np.clip(steps - 5000, 0, 20000)
            factor = law.sgd_mean(steps - at_cut, rate, lam, 1.0) * law.sgd_mean(at_cut, cut * rate, lam, 1.0)
            w = on_quadratic.w.sel(law="GD", schedule=f"{rate}{end}").transpose("seed", "record", "direction")
            np.testing.assert_allclose(w, starts[:, None] * factor, rtol=1e-7, atol=1e-30)


def test_floors_ratios_and_time_constants(on_quadratic):
    """24 seeds: errors of about 5 % in the flattest direction, less in the others; transients 10 %."""
    found = quantities("you2019_quadratic")
    np.testing.assert_allclose(found["15"](on_quadratic).mean("seed"), 1.0, atol=0.2)
    np.testing.assert_allclose(found["15"](on_quadratic).mean("seed").sel(direction=[1e-2, 1e-1]), 1.0, atol=0.08)
    ratios = {name: [part.mean() for part in found[f"15-{name}"](on_quadratic)] for name in ("tenfold", "gain", "back")}
    assert 8 < ratios["tenfold"][0] / ratios["tenfold"][1] < 12
    assert ratios["gain"][0] / ratios["gain"][1] == pytest.approx(1.0, abs=0.04)
    assert ratios["back"][0] / ratios["back"][1] == pytest.approx(1.0, abs=0.1)
    assert float(found["15-relaxes"](on_quadratic).mean()) == pytest.approx(1.0, abs=0.35)
    assert float(found["15-slow"](on_quadratic).mean()) > 3
    # Constant runs that are taken for decayed ones have the old floor, which is not that of the new rate.
    other = swapped(swapped(on_quadratic, 1.0), 1.9)
    before, after = (part.mean() for part in found["15-tenfold"](other))
    assert before / after < 0.5
    assert float(found["15-relaxes"](other).mean()) > 2
    assert float(found["15"](other).mean("seed").sel(direction=1.0)) < 0.9


def test_what_only_noise_is_removed_means(on_quadratic):
    found = quantities("you2019_quadratic")
    averaged, decayed = (part.mean() for part in found["15-average"](on_quadratic))
    assert averaged < 0.6 * decayed
    assert float(found["15-average-law"](on_quadratic).mean()) == pytest.approx(1.0, abs=0.45)
    assert 0.5 < float(found["15-moved"](on_quadratic).mean()) < 1.5
    # An average of few iterates is no better than one, and that of the law is far from it.
    few = view.averaged_variance(2, 1.0, 1e-3, 0.1, 50)
    assert few > 0.9 * law.stationary_variance(1.0, 1e-3, 0.1) > 9 * view.averaged_variance(400, 1.0, 1e-3, 0.1, 50)
    # Gradient descent moves away from nothing: far less than the noise radius after 5,000 steps.
    assert float(found["15-moved"](exchanged(on_quadratic, "law")).mean()) < 0.1


def test_without_noise_decay_gains_where_it_bounces_and_nowhere_else(on_quadratic):
    found = quantities("you2019_quadratic")
    assert found["15-gd"](on_quadratic).all() and found["15-diverges"](on_quadratic).all()
    assert found["15-bounce"](on_quadratic).mean() > 0.9
    # With noise decay gains at these rates, and what is above the threshold is what diverges.
    assert not found["15-gd"](exchanged(on_quadratic, "law")).any()
    assert not found["15-bounce"](swapped(on_quadratic, 1.9995)).all()
    other = on_quadratic.assign_coords(schedule=np.roll(on_quadratic.schedule.values, 1))
    assert not found["15-diverges"](other).any()
    assert view.regime(1.9995, [1.0, 1e-3]).tolist() == ["alternating", "monotone"]
    assert view.regime(2.05, [1.0, 1e-3]).tolist() == ["divergent", "monotone"]
