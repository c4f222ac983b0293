"""The sims of Ren, Ma, Ying 2024 on few seeds: another program's numbers, the reference table, controls, the wall.

The simulation in NumPy shares nothing with lrtheory: all d coordinates, its own formulas and its own random numbers.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kurtosis

import lrtheory
from lrtheory import cli
from lrtheory.dynamics import MinibatchSGD
from lrtheory.experiment import Experiment, at_scale, parse_value, with_values
from lrtheory.probes.ren2024 import Manifold, min_norm_risk, tail_mean
from lrtheory.probes.ren2024_predicted import predicted_b
from lrtheory.problems.ren2024 import NormScaledRegression
from lrtheory.schedules import Constant
from lrtheory.sims import load_sim, sim_names

NAMES = sorted(name for name in sim_names() if name.startswith("ren2024"))
#: Final levels are means over the last steps of a sub-path.
TAIL = 4000


def sim(name, **settings):
    """Return the experiment of a sim with some fields set, given as text where the command line takes text."""
    experiment = load_sim(name).experiment
    values = {path.replace("__", "."): value for path, value in settings.items()}
    return with_values(
        experiment, {p: parse_value(experiment, p, v) if isinstance(v, str) else v for p, v in values.items()}
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_sim_is_named_as_its_file_and_sound_at_every_scale(name):
    found = load_sim(name)
    assert found.experiment.name == name
    for scale in ("smoke", "laptop", "paper"):
        at_scale(found.experiment, scale).check()
    assert all(claim.id.startswith("ren2024-") for claim in found.claims)


# --- another program --------------------------------------------------------------------------------------------------


def simulated(problem, sigma, rate, n_steps, runs, seed):
    """Simulate label-noise SGD in NumPy, each run on a training set of its own; return (b, risk) at the end."""
    n, d, batch, gamma, radius = problem.n, problem.d, problem.batch, problem.gamma, problem.radius
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((runs, n, d))
    star = np.eye(d)[0]
    y = x @ star + problem.static_noise * rng.standard_normal((runs, n))
    alpha = rng.standard_normal((runs, d))
    alpha *= radius / np.linalg.norm(alpha, axis=1, keepdims=True)
    w = alpha * radius ** (-gamma / (1 + gamma))
    cells = np.arange(runs)[:, None]
    for _ in range(n_steps):
        index = rng.integers(n, size=(runs, batch))
        rows, labels = x[cells, index], y[cells, index] + sigma * rng.standard_normal((runs, batch))
        norm = np.linalg.norm(w, axis=1)[:, None]
        residual = np.einsum("rbd,rd->rb", rows, norm**gamma * w) - labels
        by_predictor = np.einsum("rb,rbd->rd", residual, rows) / batch
        unit = w / norm
        along = np.sum(unit * by_predictor, axis=1, keepdims=True)
        w = w - rate * norm**gamma * (by_predictor + gamma * along * unit)
    alpha = np.linalg.norm(w, axis=1, keepdims=True) ** gamma * w
    # The kernel part is what least squares leaves of alpha.
    kernel = [a - xi.T @ np.linalg.lstsq(xi.T, a, rcond=None)[0] for a, xi in zip(alpha, x, strict=True)]
    return np.sum(np.square(kernel), axis=1), 0.5 * np.sum((alpha - star) ** 2, axis=1)


def z_scores(a, b):
    """Return the differences of mean and of log standard deviation of two samples, in standard errors."""
    mean = (a.mean() - b.mean()) / np.sqrt(a.var(ddof=1) / a.size + b.var(ddof=1) / b.size)
    # var(log s) = (kurtosis + 2)/(4 size), with the excess kurtosis of the samples
    excess = max(kurtosis(np.r_[a - a.mean(), b - b.mean()]), 0.0)
    spread = np.log(a.std(ddof=1) / b.std(ddof=1)) / np.sqrt((excess + 2) / 4 * (1 / a.size + 1 / b.size))
    return np.array([mean, spread])


@pytest.mark.parametrize(
    "problem",
    [NormScaledRegression(n=8, d=30), NormScaledRegression(n=8, d=30, gamma=0.5, batch=2, label_noise=1.5)],
    ids=["one input, gamma 1", "two inputs, gamma 0.5"],
)
def test_a_plain_simulation_in_numpy_agrees_in_distribution(problem):
    """Log b and log risk, 300 runs against 300: 8 z-scores below 4.5, which by chance fails 5 times in 100,000.

    Fresh noise stronger by a fifth moves the mean of log b further than that.
    """
    rate, n_steps, runs = 4e-3, 2000, 300
    ds = lrtheory.run(
        Experiment(
            name="sgd", problem=problem, dynamics=MinibatchSGD(), schedule=Constant(rate=rate), probes=(Manifold(),),
            n_steps=n_steps, n_records=1, seeds=runs, precision="f64",
        )
    )  # fmt: skip
    ours = [np.log(ds[name].isel(record=-1).values) for name in ("b", "risk")]
    assert np.log(ds.b.isel(record=0)).mean() - ours[0].mean() > 0.5, "it hardly moved"
    theirs = np.log(simulated(problem, problem.label_noise, rate, n_steps, runs, seed=1))
    z = np.array([z_scores(a, b) for a, b in zip(ours, theirs, strict=True)])
    assert (abs(z) < 4.5).all(), z
    stronger = np.log(simulated(problem, 1.2 * problem.label_noise, rate, n_steps, runs, seed=2))
    assert z_scores(ours[0], stronger[0])[0] > 4.5


# --- controls ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def controls():
    """The four cells of the sim as it stands, on 8 seeds."""
    return lrtheory.run(sim("ren2024_controls", seeds=8))


def test_without_an_exponent_b_stays_and_with_it_b_moves(controls):
    linear, moved = (np.abs(controls.b.sel(gamma=g) / controls.b0.sel(gamma=g) - 1) for g in (0.0, 1.0))
    assert float(linear.max()) < 1e-9
    after = tail_mean(controls, "b", TAIL).sel(gamma=0.0) / controls.b0.sel(gamma=0.0)
    np.testing.assert_allclose(after, 1.0, rtol=1e-9)
    assert float(moved.isel(record=-1).min()) > 0.1


def test_only_lasting_noise_on_minima_of_different_sharpness_makes_the_decay_step_matter(controls):
    """Risk after a decay at 32,000 steps over that at 2,000, seed by seed: 1 in three of four cells."""
    final = tail_mean(controls, "risk", TAIL)
    flat = final / final.isel(decay_step=0)
    np.testing.assert_allclose(flat.sel(gamma=1.0, sigma=0.0), 1.0, atol=0.01)
    np.testing.assert_allclose(flat.sel(gamma=0.0), 1.0, atol=0.02)
    assert (flat.sel(gamma=1.0, sigma=1.0).isel(decay_step=-1) < 0.5).all()


def test_the_claims_of_the_controls_fail_on_the_cell_that_drifts(controls):
    """Every quantity of a negative control is far outside its margin where gamma = 1 and sigma = 1."""
    claims = {claim.id: claim for claim in load_sim("ren2024_controls").claims}
    drifting = controls.sel(gamma=[1.0], sigma=[1.0])
    as_without_noise = drifting.assign_coords(sigma=[0.0])
    as_linear = drifting.assign_coords(gamma=[0.0])
    for name, ds in (
        ("ren2024-10", as_without_noise),
        ("ren2024-10-b", as_without_noise),
        ("ren2024-11-risk", as_linear),
    ):
        assert (np.abs(claims[name].quantity(ds) - 1) > 0.3).all(), name
        assert (np.abs(claims[name].quantity(controls) - 1) < 0.02).all(), name
    assert not claims["ren2024-11"].quantity(as_linear).any() and claims["ren2024-11"].quantity(controls).all()


# --- the reference problem --------------------------------------------------------------------------------------------

#: Of one training set, mean over six seeds of the noise.
FINAL_RISK = (2.33, 1.65, 1.28, 0.87, 0.68, 0.58, 0.49, 0.45, 0.42, 0.408)
FLAT_RISK = 2.262  # at any decay step from 2,000 on, without label noise
B_AND_ODE = {2000: (2.59, 2.92), 8000: (0.99, 1.18), 16000: (0.39, 0.46), 32000: (0.117, 0.131), 60000: (0.026, 0.030)}
PLATEAU = {"loss": 0.0136, "predicted": 0.01349}


@pytest.fixture(scope="module")
def decay():
    """The sim of late decay at its reference rate, on 20 training sets."""
    return lrtheory.run(sim("ren2024_decay", seeds=20, axes__rate="1e-3")).isel(rate=0)


def sds_off(number, values):
    """Return how many between-training-set standard deviations a number is off the mean of the seeds."""
    return abs(number - values.mean("seed")) / values.std("seed", ddof=1)


def test_final_risk_against_the_decay_step_is_that_of_the_reference_table(decay):
    """The table's training set is one more draw: within 3 s.d., which it would miss at a rate of 1 % a number.

    The ten numbers are far from independent. The flat risk that the table has without label noise is outside.
    """
    final = tail_mean(decay, "risk", TAIL)
    assert (sds_off(np.array(FINAL_RISK), final.transpose("seed", "decay_step")) < 3).all()
    assert (sds_off(FLAT_RISK, final).sel(decay_step=slice(4000, None)) > 3).all()
    assert final.sizes == {"seed": 20, "decay_step": 10}
    assert (final.mean("seed").diff("decay_step") < 0).all()
    assert float((final / min_norm_risk(decay)).isel(decay_step=-1).mean()) == pytest.approx(1, abs=0.05)


def test_b_its_drift_equation_and_the_plateau_are_those_of_the_reference_table(decay):
    """17 numbers within 3 s.d. of the seeds; one more draw would miss at a rate of 1 % a number."""
    steps = np.array(list(B_AND_ODE))
    b = decay.b.isel(record=np.searchsorted(decay.step.values, steps)).rename(record="at").drop_vars("step")
    ode = predicted_b(decay, 1e-6 * decay.decay_step.sel(decay_step=steps), gamma=1.0).rename(decay_step="at")
    ode = ode.drop_vars("at")
    measured, predicted = (np.array(v) for v in zip(*B_AND_ODE.values(), strict=True))
    for number, values in ((measured, b), (predicted, ode), (measured / predicted, b / ode)):
        assert (sds_off(number, values.transpose("seed", "at")) < 3).all()
    late = decay.isel(record=(decay.step > 50000).values).mean("record")
    assert float(sds_off(PLATEAU["loss"], late.loss)) < 3
    assert float(sds_off(PLATEAU["predicted"], 1e-3 * late.trace_hessian / 4)) < 3


# --- the wall ---------------------------------------------------------------------------------------------------------


def test_rates_above_the_wall_run_and_say_what_share_diverged():
    """At 0.02 every run of P0 diverges, at 1e-3 none: (rate |w|^2 |x|^2 is 6 there, and 0.3 here)."""
    experiment = at_scale(load_sim("ren2024_collapse").experiment, "smoke")
    settings = {
        "axes.rate": (1e-3, 0.02),
        "n_steps": 400,
        "sub_paths.n_steps": 200,
        "sub_paths.decay_steps": (100, 400),
    }
    ds = lrtheory.run(with_values(experiment, {**settings, "seeds": 6}))
    diverged = ds.diverged_at >= 0
    assert diverged.mean("seed").values.tolist() == [0.0, 1.0]
    assert ds.attrs["diverged_share"] == pytest.approx(0.5)
    last = ds.risk.isel(record=-1)
    assert np.isfinite(last.sel(rate=1e-3)).all() and np.isnan(last.sel(rate=0.02)).all()
    late = ds.isel(decay_step=-1)
    assert (late.sub_diverged_at.sel(rate=0.02) >= 0).all() and np.isnan(late.sub_risk.sel(rate=0.02)).all()
    assert np.isfinite(late.sub_risk.sel(rate=1e-3)).all()


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "setting", "message"),
    [
        ("decay", "problem.n=100", "problem.n = 100"),
        ("decay", "problem.gamma=-1", "problem.gamma = -1.0"),
        ("decay", "problem.gama=1", "did you mean 'gamma'?"),
        ("decay", "problem.label_noise=-0.1", "problem.label_noise = -0.1"),
        ("decay", "problem.radius=0", "problem.radius = 0.0"),
        ("decay", "problem.alignment=2", "problem.alignment = 2.0"),
        ("decay", "problem.eigenvalues=-1", "problem.eigenvalues = -1.0"),
        ("decay", "problem.batch=0", "problem.batch = 0"),
        ("decay", "axes.rate=-1e-3", "schedule.rate = -0.001"),
        ("decay", "axes.rate=nan", "schedule.rate = nan"),
        ("decay", "dynamics.weight_decay=-1", "dynamics.weight_decay = -1.0"),
        ("decay", "dynamics.momentum=1", "unknown field 'momentum'"),
        ("decay", "sub_paths.decay_steps=0,70000", "sub_paths.decay_steps"),
        ("decay", "sub_paths.decay_steps=-1", "sub_paths.decay_steps"),
        ("decay", "sub_paths.n_steps=0", "sub_paths.n_steps = 0"),
        ("decay", "sub_paths.schedule.rate=-1", "schedule.rate = -1.0"),
        ("controls", "axes.gamma=0,-1", "problem.gamma = -1.0"),
        ("controls", "axes.sigma=nan", "problem.label_noise = nan"),
        ("controls", "problem.gamma=1", "axes.gamma"),
        ("collapse", "axes.rate=", "at least one value"),
        ("phases", "record_spacing=cubic", "record_spacing = 'cubic'"),
    ],
)
def test_bad_settings_of_a_sim_get_one_line(name, setting, message, capsys, tmp_path):
    arguments = ["run", f"ren2024_{name}", "--set", setting, "--results", str(tmp_path / "r")]
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    out, err = capsys.readouterr()
    assert stop.value.code == 2, err
    assert err.startswith("lrtheory: ") and err.count("\n") == 1 and out == ""
    assert message in err and not (tmp_path / "r").exists()
