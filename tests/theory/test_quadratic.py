"""The noisy quadratic against its exact laws.

Statistical tests turn each cell (rate x direction x time x statistic) into a z that is N(0, 1) if the law is
right, and ask |z| < 4 of all of them: P(|z| > 4) = 6.3e-5 for one, so at most ``6.3e-5 x cells`` false alarms
for a test (Bonferroni; each test states its number of cells). Seeds are fixed: a test that passes once passes
always.
"""

from __future__ import annotations

import jax
import numpy as np
import pytest

import lrtheory
from lrtheory.dynamics import GD, SDE, SGD, GradientFlow
from lrtheory.experiment import Axis, Experiment
from lrtheory.probes.quadratic import Directions
from lrtheory.problems.quadratic import LabelNoise, Quadratic
from lrtheory.schedules import Constant, Cosine, Piecewise
from lrtheory.simulate import cell_keys
from lrtheory.theory import quadratic as law

LAM = np.array([1.0, 0.5, 0.1])
RATES = (0.05, 0.3, 1.0, 1.5, 1.9)
SEEDS = 1000


def simulate(
    problem, dynamics, schedule=None, *, rates=RATES, n_steps=60, n_records=6, seeds=SEEDS, data_seeds=None, **more
):
    """Run a sweep over constant rates (or one given schedule) in float64."""
    axes = {"rate": Axis("schedule.rate", rates)} if schedule is None else {}
    return lrtheory.run(
        Experiment(
            name="test",
            problem=problem,
            dynamics=dynamics,
            schedule=schedule or Constant(rate=1.0),
            probes=(Directions(),),
            n_steps=n_steps,
            n_records=n_records,
            axes={**axes, **more},
            seeds=seeds,
            data_seeds=data_seeds,
        )
    )


def rates_of(ds):
    """Return the rate of every step from records at every step or of a constant schedule, shape (..., step)."""
    return ds.lr.isel(seed=0).values[..., :-1]


def z_of_mean(w, mean, variance):
    """Return z of the mean over seeds, axis 0."""
    return (w.mean(0) - mean) / np.sqrt(variance / len(w))


def z_of_variance(w, mean, variance):
    """Return z of the variance about the predicted mean: chi^2 through the cube root of Wilson and Hilferty."""
    n = len(w)
    chi2 = (((w - mean) ** 2) / variance).mean(0)
    return (np.cbrt(chi2) - (1 - 2 / (9 * n))) / np.sqrt(2 / (9 * n))


def worst(w, mean, variance):
    """Return the largest |z| over cells and both statistics; w has shape (seed, ...)."""
    return max(np.abs(z(w, mean, variance)).max() for z in (z_of_mean, z_of_variance))


# --- the laws among themselves ------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.0, 0.05, 1.0, 1.9, 2.0, 2.4])
def test_constant_rate_is_a_special_case_of_the_sequence(rate):
    mean, var = law.sgd_moments(np.full(30, rate), LAM, 0.3, 1.0, 0.2)
    k = np.arange(31)[:, None]
    np.testing.assert_allclose(law.sgd_mean(k, rate, LAM, 1.0), mean, rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(law.sgd_variance(k, rate, LAM, 0.3, 0.2), var, rtol=1e-12)


def test_sequence_is_the_sum_in_its_docstring():
    rates = np.random.default_rng(0).uniform(0, 2.2, 12)
    mean, var = law.sgd_moments(rates, LAM, 0.3, 1.0, 0.2)
    q = 1 - rates[:, None] * LAM
    tails = np.array([np.prod(q[k + 1 :], axis=0) for k in range(12)])
    np.testing.assert_allclose(mean[-1], np.prod(q, axis=0), rtol=1e-12)
    expected = 0.2 * np.prod(q, axis=0) ** 2 + ((rates[:, None] * 0.3 * tails) ** 2).sum(0)
    np.testing.assert_allclose(var[-1], expected, rtol=1e-12)


def test_stationary_law_is_the_long_time_limit_and_a_fixed_point():
    v = law.stationary_variance(1.7, LAM, 0.3)
    np.testing.assert_allclose(law.sgd_variance(10_000, 1.7, LAM, 0.3, 5.0), v, rtol=1e-12)
    np.testing.assert_allclose(law.sgd_variance(1, 1.7, LAM, 0.3, v), v, rtol=1e-12)
    np.testing.assert_allclose(law.plateau(1.7, LAM, 0.3), 1.7 * 0.09 / (2 * (2 - 1.7 * LAM)), rtol=1e-12)


def test_random_walk_at_the_threshold_and_digits_at_tiny_rates():
    assert law.sgd_variance(7, 2.0, 1.0, 0.5) == pytest.approx(7 * (2.0 * 0.5) ** 2)
    # (1 - q^2k) / (1 - q^2) -> k, where subtraction would leave no digit
    assert law.sgd_variance(3, 1e-18, 1.0, 1.0) == pytest.approx(3e-36, rel=1e-12)


def test_annealing_is_the_sequence_started_on_the_old_plateau():
    v1 = law.stationary_variance(1.5, LAM, 0.3)
    _, var = law.sgd_moments(np.full(20, 0.1), LAM, 0.3, 0.0, v1)
    np.testing.assert_allclose(law.annealed_variance(np.arange(21)[:, None], 1.5, 0.1, LAM, 0.3), var, rtol=1e-12)
    gain = law.annealing_gain(1.5, 0.1, LAM)
    np.testing.assert_allclose(gain, v1 / law.stationary_variance(0.1, LAM, 0.3), rtol=1e-12)
    assert np.all(gain > 15)


def test_relaxation_steps():
    assert law.relaxation_steps(1e-3, 1.0) == pytest.approx(1000, rel=1e-3)
    assert law.relaxation_steps(1.0, 1.0) == 0
    assert law.relaxation_steps(1.5, 1.0) == pytest.approx(1 / np.log(2))


def test_euler_maruyama_goes_to_the_sde_with_weak_order_one():
    n = 2 ** np.arange(4, 10)
    rates = np.full(5, 1.5)
    limit = law.sde_moments(rates, LAM, 0.3, 1.0)
    for part in (0, 1):
        errors = [np.abs(law.em_moments(rates, LAM, 0.3, 1.0, substeps=int(k))[part] - limit[part]).max() for k in n]
        slope = np.polyfit(np.log(n), np.log(errors), 1)[0]
        assert slope == pytest.approx(-1, abs=0.05)
    errors = [law.em_stationary_variance(1.5, 1.0, 0.3, substeps=int(k)) for k in n]
    errors -= law.sde_stationary_variance(1.5, 1.0, 0.3)
    assert np.polyfit(np.log(n), np.log(errors), 1)[0] == pytest.approx(-1, abs=0.05)


def test_sde_and_flow_laws():
    mean, var = law.sde_moments(np.full(5, 0.4), LAM, 0.3, 1.0, 0.2)
    np.testing.assert_allclose(mean[-1], law.flow(2.0, LAM, 1.0), rtol=1e-12)
    np.testing.assert_allclose(var[-1], law.sde_variance(2.0, 0.4, LAM, 0.3, 0.2), rtol=1e-12)
    np.testing.assert_allclose(law.sgd_to_sde(RATES, 1.0), 2 / (2 - np.array(RATES)), rtol=1e-12)
    np.testing.assert_allclose(law.sde_plateau(0.4, LAM, 0.3), 0.4 * 0.09 / 4, rtol=1e-12)


def test_outside_the_regime_a_prediction_is_nan():
    for rate in (0.0, -0.1, 2.0, 3.0):
        for f in (law.stationary_variance, law.plateau):
            assert np.isnan(f(rate, 1.0, 0.3))
        assert np.isnan(law.relaxation_steps(rate, 1.0))
        assert np.isnan(law.sgd_to_sde(rate, 1.0))
        assert np.isnan(law.annealing_gain(rate, 0.1, 1.0))
        assert np.isnan(law.annealed_variance(3, 0.1, rate, 1.0, 0.3))
    assert np.isnan(law.sgd_mean(3, 0.1, -1.0, 1.0))
    assert np.isnan(law.sgd_mean(-1, 0.1, 1.0, 1.0))
    assert np.isnan(law.sgd_variance(3, 0.1, 0.0, 1.0))
    assert np.isnan(law.sde_variance(-1.0, 0.1, 1.0, 1.0))
    assert np.isnan(law.sde_stationary_variance(0.0, 1.0, 1.0))
    assert np.isnan(law.flow(-1.0, 1.0, 1.0))
    assert np.isnan(law.em_stationary_variance(8.0, 1.0, 0.3, substeps=4))
    assert np.isfinite(law.em_stationary_variance(7.9, 1.0, 0.3, substeps=4))
    assert np.isnan(law.stability_threshold([1.0, -1.0]))
    assert np.isnan(law.label_noise_std(1.0, 0.1, batch=0))
    # and inside an array the regime is decided entry by entry
    assert np.isnan(law.plateau([0.1, 2.5], 1.0, 0.3)).tolist() == [False, True]


# --- the laws against the simulation ------------------------------------------------------------------------


def test_gd_is_exact_to_rounding_also_above_the_threshold():
    ds = simulate(Quadratic(eigenvalues=tuple(LAM)), GD(), rates=(*RATES, 2.3), n_records=60, seeds=1)
    w = ds.w.isel(seed=0).values  # rate, record, direction
    exact = law.sgd_mean(ds.step.values[:, None], ds.rate.values[:, None, None], LAM, 1.0)
    np.testing.assert_allclose(w, exact, rtol=1e-11, atol=1e-15)
    np.testing.assert_allclose(ds.loss.isel(seed=0), law.expected_loss(exact, 0.0, LAM), rtol=1e-11, atol=1e-25)
    np.testing.assert_allclose(ds.time.isel(seed=0), ds.rate.values[:, None] * ds.step.values, rtol=1e-12)


def test_flow_is_the_limit_of_gd_with_slope_one():
    rates = (1 / 8, 1 / 16, 1 / 32, 1 / 64)
    ds = simulate(Quadratic(eigenvalues=tuple(LAM)), GD(), rates=rates, n_steps=64, n_records=64, seeds=1)
    flow = law.flow(1.0, LAM, 1.0)
    errors = [np.abs(ds.w.isel(seed=0, rate=i).values[round(1 / r)] - flow).max() for i, r in enumerate(rates)]
    assert np.polyfit(np.log(rates), np.log(errors), 1)[0] == pytest.approx(1, abs=0.05)


def test_flow_is_integrated_with_order_four():
    n = (4, 8, 16, 32)
    ds = simulate(
        Quadratic(eigenvalues=tuple(LAM)),
        GradientFlow(),
        rates=(1.0,),
        n_steps=2,
        n_records=2,
        seeds=1,
        substeps=Axis("dynamics.substeps", n),
    )
    w = ds.w.isel(seed=0, record=-1, rate=0).values  # substeps, direction
    errors = np.abs(w - law.flow(2.0, LAM, 1.0)).max(axis=1)
    assert np.polyfit(np.log(n), np.log(errors), 1)[0] == pytest.approx(-4, abs=0.1)
    assert errors[-1] < 1e-7


@pytest.mark.parametrize("power", [0.0, 0.5])
def test_sgd_moments_in_every_cell(power):
    """180 cells: false alarms below 1.1 %."""
    problem = Quadratic(eigenvalues=tuple(LAM), noise=0.3, noise_power=power, mean=1.0, std=0.2)
    ds = simulate(problem, SGD())
    noise = 0.3 * LAM**power
    for i, rate in enumerate(RATES):
        w = ds.w.isel(rate=i).transpose("seed", "record", "direction").values[:, 1:]
        mean, var = (m[ds.step.values[1:]] for m in law.sgd_moments(np.full(60, rate), LAM, noise, 1.0, 0.04))
        assert worst(w, mean, var) < 4, rate


def test_expected_loss_and_its_spread():
    """30 cells, a sum of chi^2 (its skewness turns 6.3e-5 into about 3e-4): false alarms below 1 %."""
    ds = simulate(Quadratic(eigenvalues=tuple(LAM), noise=0.3), SGD())
    for i, rate in enumerate(RATES):
        mean, var = (m[ds.step.values[1:]] for m in law.sgd_moments(np.full(60, rate), LAM, 0.3, 1.0))
        loss = ds.loss.isel(rate=i).transpose("seed", "record").values[:, 1:]
        z = z_of_mean(loss, law.expected_loss(mean, var, LAM), law.loss_variance(mean, var, LAM))
        assert np.abs(z).max() < 4, rate


@pytest.mark.parametrize(
    ("dynamics", "schedule", "substeps"),
    [
        (SGD(), Piecewise(rates=(1.8, 0.1), boundaries=(30,)), 1),
        (SDE(substeps=3), Cosine(peak=1.8, final=0.01, warmup=5, steps=60), 3),
    ],
    ids=["SGD-annealing", "SDE-cosine"],
)
def test_moments_under_any_schedule(dynamics, schedule, substeps):
    """36 cells a case: false alarms below 0.25 % each."""
    ds = simulate(Quadratic(eigenvalues=tuple(LAM), noise=0.3), dynamics, schedule, n_records=60)
    rates = rates_of(ds)
    assert rates.shape == (60,) and np.ptp(rates) > 1
    mean, var = law.em_moments(rates, LAM, 0.3, 1.0, substeps=substeps)
    at = np.arange(10, 61, 10)
    w = ds.w.transpose("seed", "record", "direction").values[:, at]
    assert worst(w, mean[at], var[at]) < 4


@pytest.mark.parametrize("substeps", [1, 8])
def test_euler_maruyama_moments_in_every_cell(substeps):
    """180 cells: false alarms below 1.1 % each."""
    ds = simulate(Quadratic(eigenvalues=tuple(LAM), noise=0.3), SDE(substeps=substeps))
    for i, rate in enumerate(RATES):
        w = ds.w.isel(rate=i).transpose("seed", "record", "direction").values[:, 1:]
        mean, var = (m[ds.step.values[1:]] for m in law.em_moments(np.full(60, rate), LAM, 0.3, 1.0, substeps=substeps))
        assert worst(w, mean, var) < 4, rate


def test_label_noise_is_a_quadratic_in_its_own_axes():
    """36 cells: false alarms below 0.25 %. Rotating to the axes of the design gives independent directions."""
    problem = LabelNoise(n=16, eigenvalues=tuple(LAM), sigma=0.8, mean=(1.0, -0.5, 0.25))
    ds = simulate(problem, SGD(), rates=(0.3, 1.5), data_seeds=1)
    with jax.enable_x64(True):
        axes = np.asarray(problem.data(cell_keys(0, 0, 0).data)["v"])
    noise = law.label_noise_std(LAM, 0.8, batch=16)
    for i, rate in enumerate(ds.rate.values):
        w = ds.w.isel(rate=i, data_seed=0).transpose("seed", "record", "direction").values[:, 1:] @ axes
        moments = law.sgd_moments(np.full(60, rate), LAM, noise, np.array([1.0, -0.5, 0.25]) @ axes)
        mean, var = (m[ds.step.values[1:]] for m in moments)
        assert worst(w, mean, var) < 4, rate
        loss = ds.loss.isel(rate=i, data_seed=0).transpose("seed", "record").values[:, 1:]
        np.testing.assert_allclose(loss, 0.5 * (LAM * w**2).sum(-1), rtol=1e-10)


def test_annealing_lowers_the_plateau_as_predicted():
    """8 cells: false alarms below 0.06 %. Just before annealing, soon after, and long after."""
    problem = Quadratic(eigenvalues=(1.0, 0.5), noise=0.3, mean=0.0)
    ds = simulate(problem, SGD(), Piecewise(rates=(1.9, 0.1), boundaries=(200,)), n_steps=320, n_records=64)
    w = ds.w.transpose("seed", "record", "direction").values
    lam = np.array([1.0, 0.5])
    for step in (200, 205, 215, 320):
        expected = law.annealed_variance(step - 200, 1.9, 0.1, lam, 0.3)
        assert np.abs(z_of_variance(w[:, step // 5], 0.0, expected)).max() < 4, step
    # and a wrong time constant, that of the old rate, is seen
    wrong = law.annealed_variance(15, 1.9, 0.2, lam, 0.3)
    assert np.abs(z_of_variance(w[:, 43], 0.0, wrong)).max() > 8


def test_runs_diverge_above_the_threshold_only():
    assert law.stability_threshold(LAM) == 2.0
    ds = simulate(
        Quadratic(eigenvalues=tuple(LAM), noise=0.1), SGD(), rates=(1.95, 1.99, 2.05, 2.5), n_steps=1000, seeds=20
    )
    diverged = (ds.diverged_at >= 0).mean("seed").values
    assert diverged.tolist() == [0, 0, 1, 1]
    assert np.isnan(ds.loss.isel(rate=3, record=-1)).all()


# --- negative controls --------------------------------------------------------------------------------------


def test_sde_law_fails_at_large_rates_by_the_predicted_factor():
    """The SDE law is right to 2 % at eta lam = 0.05 and wrong by 2/(2 - eta lam) at 1.5 and 1.9."""
    ds = simulate(Quadratic(eigenvalues=(1.0,), noise=0.3, mean=0.0), SGD(), rates=(0.05, 1.5, 1.9), n_steps=400)
    w = ds.w.isel(record=-1, direction=0).transpose("seed", "rate").values
    sde = law.sde_stationary_variance(ds.rate.values, 1.0, 0.3)
    z = z_of_variance(w, 0.0, sde)
    assert abs(z[0]) < 4
    assert z[1] > 20 and z[2] > 20
    ratio = (w**2).mean(0) / sde
    np.testing.assert_allclose(ratio[1:], [4.0, 20.0], rtol=4 * np.sqrt(2 / SEEDS))


def test_an_sde_with_many_substeps_obeys_the_sde_law_where_sgd_does_not():
    ds = simulate(
        Quadratic(eigenvalues=(1.0,), noise=0.3, mean=0.0),
        SDE(),
        rates=(1.5,),
        n_steps=40,
        n_records=1,
        substeps=Axis("dynamics.substeps", (1, 64)),
    )
    w = ds.w.isel(record=-1, direction=0, rate=0).transpose("seed", "substeps").values
    z = z_of_variance(w, 0.0, law.sde_stationary_variance(1.5, 1.0, 0.3))
    assert z[0] > 20 and abs(z[1]) < 4


def test_without_noise_there_is_no_plateau():
    ds = simulate(Quadratic(eigenvalues=(1.0, 0.5), noise=0.0), SGD(), n_steps=2000, seeds=2)
    assert ds.loss.isel(record=-1).max() < 1e-40
    assert law.plateau(1.0, 1.0, 0.0) == 0


@pytest.mark.parametrize(
    ("problem", "field"),
    [
        (Quadratic(eigenvalues=(1.0, 0.0)), "problem.eigenvalues"),
        (Quadratic(eigenvalues=()), "problem.eigenvalues"),
        (Quadratic(noise=-0.1), "problem.noise"),
        (Quadratic(eigenvalues=(1.0, 0.5), std=(0.1, 0.1, 0.1)), "problem.std"),
        (Quadratic(mean=float("nan")), "problem.mean"),
        (LabelNoise(n=1, eigenvalues=(1.0, 0.5)), "problem.n"),
        (LabelNoise(sigma=float("inf")), "problem.sigma"),
    ],
)
def test_bad_numbers_are_refused_by_name(problem, field):
    with pytest.raises(lrtheory.ConfigError, match=f"^{field} = "):
        problem.check()
