"""Laws of motion beyond plain SGD: noisy gradient descent with its split, and descent along an optax rule.

Statistical tests state their number of cells; |z| < 4 in each, so at most 6.3e-5 false alarms a cell
(Bonferroni).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lrtheory
from lrtheory.dynamics import GD, SDE, SGD, Adam, Momentum, NoisyGD, Optax, SplitParams
from lrtheory.experiment import Axis, Experiment
from lrtheory.probes.quadratic import Directions
from lrtheory.problems.quadratic import Quadratic
from lrtheory.pytree import pytree
from lrtheory.schedules import Constant
from lrtheory.theory import quadratic as law

LAM = np.array([1.0, 0.4])
SEEDS = 2000


@pytree
class Paired:
    """A quadratic on pairs of units that share their noise: full shape (2, d), noise shape (1, d)."""

    tau0: float = 0.5

    def data(self, key):
        return ()

    def init(self, key):
        return {"u": self.tau0 * jax.random.normal(key, (1, 2))}

    def zeros(self):
        return {"u": jnp.zeros((2, 2))}

    def noise(self, key):
        return {"u": jax.random.normal(key, (1, 2))}

    def noise_scale(self):
        return {"u": self.tau0}

    def loss(self, params, data):
        # The second unit of a pair is pulled towards 1, the first to 0.
        return 0.5 * jnp.sum(LAM * (params["u"] - jnp.array([[0.0], [1.0]])) ** 2)


@pytree
class Split:
    """Signal, noise and total of the first unit of the pair, and both totals."""

    dims = {}  # noqa: RUF012

    def __call__(self, problem, data, params, aux):
        assert isinstance(params, SplitParams)
        total = params.total()["u"]
        return {
            "loss": problem.loss(params.total(), data),
            "signal": params.signal["u"],
            "noise": params.noise["u"][0],
            "total": total,
        }


def run(problem, dynamics, probe, *, n_steps, rates=(0.5,), n_records=1, seeds=SEEDS, **axes):
    return lrtheory.run(
        Experiment(
            name="test",
            problem=problem,
            dynamics=dynamics,
            schedule=Constant(rate=1.0),
            probes=(probe,),
            n_steps=n_steps,
            n_records=n_records,
            axes={"rate": Axis("schedule.rate", rates), **axes},
            seeds=seeds,
        )
    )


def z_of_variance(w, variance):
    """Return z of the mean square over seeds, axis 0: chi^2 through the cube root of Wilson and Hilferty."""
    n = len(w)
    return (np.cbrt((w**2 / variance).mean(0)) - (1 - 2 / (9 * n))) / np.sqrt(2 / (9 * n))


# --- noisy gradient descent ---------------------------------------------------------------------------------


def test_noise_is_stationary_at_the_reference_rate_and_cools_below_it():
    """8 cells: false alarms below 0.05 %."""
    lam, eta1, tau0 = 0.05, 0.5, 0.5
    ds = run(
        Paired(tau0=tau0), NoisyGD(weight_decay=lam, reference_rate=eta1), Split(), rates=(eta1, 0.1), n_steps=300,
        n_records=2,
    )  # fmt: skip
    noise = ds.noise.transpose("rate", "seed", "record", ...).values
    # The noise part alone is SGD of curvature lam without a loss: started and kept at tau0^2 by its own law.
    tau_xi = tau0 * np.sqrt(1 - (1 - eta1 * lam) ** 2) / eta1
    assert law.stationary_variance(eta1, lam, tau_xi) == pytest.approx(tau0**2, rel=1e-12)
    for i, rate in enumerate((eta1, 0.1)):
        for record, step in ((1, 150), (2, 300)):
            expected = law.sgd_variance(step, rate, lam, tau_xi, tau0**2)
            assert np.abs(z_of_variance(noise[i, :, record], expected)).max() < 4
    assert (noise[1, :, 2] ** 2).mean() < 0.5 * tau0**2


@pytest.mark.parametrize("macro_step", [0.0, 0.4], ids=["literal", "macro"])
def test_total_obeys_its_exact_law(macro_step):
    """8 cells: false alarms below 0.05 % each. U is SGD of curvature lam_i + lam, step h, noise tau_xi sqrt(eta/h)"""
    lam, eta1, tau0, eta = 0.1, 1.0, 0.5, 0.05
    dynamics = NoisyGD(weight_decay=lam, reference_rate=eta1, macro_step=macro_step)
    ds = run(Paired(tau0=tau0), dynamics, Split(), rates=(eta,), n_steps=40, n_records=2)
    h = max(eta, macro_step)
    tau_xi = tau0 * np.sqrt(1 - (1 - eta1 * lam) ** 2) / eta1
    np.testing.assert_allclose(ds.time.isel(record=-1), 40 * h, rtol=1e-12)
    total = ds.total.isel(rate=0).transpose("seed", "record", ...).values
    target = np.array([[0.0], [1.0]]) * LAM / (LAM + lam)  # where decay and loss balance
    for record, step in ((1, 20), (2, 40)):
        mean = target * (1 - law.sgd_mean(step, h, LAM + lam, 1.0))
        var = law.sgd_variance(step, h, LAM + lam, np.sqrt(eta / h) * tau_xi, tau0**2)
        assert np.abs(z_of_variance(total[:, record] - mean, var)).max() < 4


def test_split_is_exact_and_pairs_share_their_noise(x64):
    problem, dynamics = Paired(), NoisyGD(weight_decay=0.1, reference_rate=0.5)
    start = problem.init(jax.random.key(0))
    state = dynamics.init(problem, (), start)
    assert state.signal["u"].shape == (2, 2) and state.noise["u"].shape == (1, 2)
    u = state.total()["u"]
    tau_xi = 0.5 * np.sqrt(1 - (1 - 0.05) ** 2) / 0.5
    for k in range(20):
        key = jax.random.key(k + 1)
        gradient = jax.grad(problem.loss)({"u": u}, ())["u"]
        u = (1 - 0.2 * 0.1) * u - 0.2 * (gradient + tau_xi * problem.noise(key)["u"])
        state, observed = dynamics.step(problem, (), state, 0.2, key)
    np.testing.assert_allclose(state.total()["u"], u, rtol=1e-13)
    assert set(observed) == {"loss"}


def test_switches_of_the_noise():
    """Negative control: noise_factor = 0 leaves decayed initial weights; sqrt(eta1 / eta) keeps them warm. 2 cells."""
    lam, eta1, eta = 0.05, 0.5, 0.1
    factors = (0.0, float(np.sqrt(eta1 / eta)))
    ds = run(
        Paired(), NoisyGD(weight_decay=lam, reference_rate=eta1), Split(), rates=(eta,), n_steps=400,
        factor=Axis("dynamics.noise_factor", factors),
    )  # fmt: skip
    noise = ds.noise.isel(rate=0).transpose("factor", "seed", "record", ...).values
    np.testing.assert_allclose(noise[0, :, 1], (1 - eta * lam) ** 400 * noise[0, :, 0], rtol=1e-10)
    tail = law.sgd_variance(400, eta, lam, factors[1] * 0.5 * np.sqrt(eta1 * lam * (2 - eta1 * lam)) / eta1, 0.25)
    assert tail == pytest.approx(0.25, rel=0.02)
    assert np.abs(z_of_variance(noise[1, :, 1], tail)).max() < 4


@pytest.mark.parametrize(
    "changes",
    [{"weight_decay": -1.0}, {"reference_rate": 0.0}, {"macro_step": float("nan")}, {"noise_factor": -1.0},
     {"weight_decay": 2.0, "reference_rate": 1.0}],
)  # fmt: skip
def test_bad_numbers_of_noisy_gd_are_refused(changes):
    with pytest.raises(lrtheory.ConfigError, match=r"^dynamics\."):
        NoisyGD(**changes).check()


# --- optax rules --------------------------------------------------------------------------------------------


def momentum_variance(rate, lam, noise, beta):
    """Stationary variance of heavy-ball SGD, an AR(2) process (standard), for 0 < rate lam < 2 (1 + beta)."""
    return rate * noise**2 / lam * (1 + beta) / ((1 - beta) * (2 * (1 + beta) - rate * lam))


def test_momentum_has_its_stationary_variance():
    """12 cells (2 rates x 3 betas x 2 directions): false alarms below 0.08 %."""
    betas = (0.0, 0.5, 0.9)
    ds = run(
        Quadratic(eigenvalues=tuple(LAM), noise=0.3, mean=0.0), Optax(rule=Momentum()), Directions(), rates=(0.3, 1.7),
        n_steps=300, beta=Axis("dynamics.rule.beta", betas),
    )  # fmt: skip
    for rate in (0.3, 1.7):
        for beta in betas:
            w = ds.w.sel(rate=rate, beta=beta).isel(record=-1).transpose("seed", "direction").values
            assert np.abs(z_of_variance(w, momentum_variance(rate, LAM, 0.3, beta))).max() < 4, (rate, beta)
    # no momentum: the law of SGD
    np.testing.assert_allclose(momentum_variance(0.3, LAM, 0.3, 0.0), law.stationary_variance(0.3, LAM, 0.3))


def test_momentum_moves_the_threshold():
    """At 2 (1 + beta) / lam: with beta = 0.5 a rate of 2.9 is stable and 3.1 is not."""
    ds = run(
        Quadratic(eigenvalues=(1.0,)), Optax(rule=Momentum(beta=0.5)), Directions(), rates=(2.9, 3.1), n_steps=2000,
        seeds=1,
    )  # fmt: skip
    assert (ds.diverged_at >= 0).values.ravel().tolist() == [False, True]


def test_adam_without_memory_is_sign_descent(x64):
    problem, dynamics = Quadratic(eigenvalues=(1.0, 0.1), mean=1.0), Optax(rule=Adam(b1=0.0, b2=0.0, eps=1e-12))
    state = dynamics.init(problem, (), problem.init(jax.random.key(0)))
    state, _ = dynamics.step(problem, (), state, 0.25, jax.random.key(0))
    np.testing.assert_allclose(dynamics.params(state), [0.75, 0.75], rtol=1e-6)


def test_bad_rules_are_refused():
    with pytest.raises(lrtheory.ConfigError, match=r"^dynamics\.rule\.beta = "):
        Optax(rule=Momentum(beta=1.0)).check()
    with pytest.raises(lrtheory.ConfigError, match=r"^dynamics\.rule = "):
        Optax(rule=3.0).check()


# --- what laws ask of problems
# -------------------------------------------------------------------------------


@pytest.mark.parametrize("dynamics", [SGD(), SDE(), NoisyGD()])
def test_a_problem_without_the_noise_is_refused_by_name(dynamics):
    @pytree
    class Plain:
        def loss(self, params, data):
            return jnp.sum(params**2)

    with pytest.raises(lrtheory.ConfigError, match=type(dynamics).__name__):
        dynamics.init(Plain(), (), jnp.zeros(2))
    GD().init(Plain(), (), jnp.zeros(2))


def test_one_substep_of_the_sde_is_sgd_for_the_same_draw(x64):
    problem, key = Quadratic(eigenvalues=(1.0, 0.4), noise=0.3), jax.random.key(5)
    w = problem.init(key)
    sde, _ = SDE(substeps=1).step(problem, (), w, 0.7, key)
    sgd, _ = SGD().step(problem, (), w, 0.7, jax.random.fold_in(key, 0))
    np.testing.assert_allclose(sde, sgd, rtol=1e-14)
