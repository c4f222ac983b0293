"""The infinite-width network of Li, Wei, Ma (2019): its equations, its closed forms, and a plain implementation."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lrtheory.dynamics.li2019_modes import ModeFlow, noise_variance, renewal
from lrtheory.errors import ConfigError
from lrtheory.probes.li2019_infinite import KINDS, QBranch, Signal, TestP, TrainByKind
from lrtheory.problems.li2019_infinite import (
    InfiniteWidth,
    arcsine_coefficients,
    p_nodes,
    pair_kernels,
    power_quadrature,
    q_nodes,
)
from lrtheory.theory import li2019 as theory

pytestmark = pytest.mark.usefixtures("x64")

SMALL = InfiniteWidth(d=25, kappa=0.5, gamma0=0.06, r=0.05, s=14.0, n_pair=4)


def d2(g):
    return float(g[0] + g[2] - 2 * g[1])


def run(problem, data, dynamics, stages, modes=None):
    """Modes after the stages ((time, theta), ...)."""
    modes = problem.init(jax.random.key(0)) if modes is None else modes

    @jax.jit
    def hold(modes, theta, n):
        return jax.lax.fori_loop(0, n, lambda _, m: dynamics.step(problem, data, m, theta, None)[0], modes)

    for time, theta in stages:
        modes = hold(modes, jnp.asarray(theta), round(time / float(dynamics.h)))
    return modes


# --- the sum over powers ------------------------------------------------------------------------------------


def test_arcsine_series():
    u = np.array([-0.9, 0.3, 0.7])
    powers = u[:, None] ** (2 * np.arange(400) + 1)
    np.testing.assert_allclose(powers @ arcsine_coefficients(400), np.arcsin(u), rtol=1e-12)


@pytest.mark.parametrize(("kwargs", "tolerance"), [({}, 2e-5), ({"ratio": 4}, 2e-6), ({"points": 2, "top": 1e7}, 2e-3)])
def test_quadrature_gives_the_arcsine(kwargs, tolerance):
    """Relative to pi/2 - arcsin, from angles of 1e-4 (powers up to 1e8) to right angles."""
    powers, weights = power_quadrature(**kwargs)
    assert np.all(weights > 0) and len(powers) < 90
    np.testing.assert_allclose(weights.sum(), np.pi / 2, rtol=1e-12)
    angle = np.geomspace(2e-3 if "top" in kwargs else 1e-4, 1.5, 60)
    gap = (weights * -np.expm1(powers * np.log(np.cos(angle))[:, None])).sum(1)
    np.testing.assert_allclose(gap, angle, rtol=tolerance)


def test_kernel_at_any_correlation():
    """sum_j a_j rho^j cos^j / 2 is the branch kernel (pi - arccos(rho cos))/(4 pi), for Q and for the diagonal of P."""
    data = SMALL.data(jax.random.key(0))
    cosine = np.exp(np.asarray(SMALL.log_cos_q()))
    for rho in (1.0, 0.999, 0.9, 0.3, 0.0):
        powers, factors = p_nodes(refine=2)
        diagonal = 0.5 * (0.25 + factors @ rho**powers)
        np.testing.assert_allclose(diagonal, (np.pi - np.arccos(rho)) / (4 * np.pi), rtol=2e-5)
        kernel = np.sum(np.asarray(data.gram) * (rho ** q_nodes()[0])[:, None, None], axis=0)
        exact = np.asarray(SMALL.gram_q()) * (np.pi - np.arccos(np.clip(rho * cosine, -1, 1))) / (4 * np.pi)
        np.testing.assert_allclose(kernel, exact, rtol=2e-5)


def test_three_points_agree_with_all_inputs():
    """The output from modes of single inputs, x2 embedded in R^d, is the one from modes gathered on three points."""
    data = SMALL.data(jax.random.key(1))
    x2 = np.asarray(SMALL.embed_q(data.patterns))
    norms = np.linalg.norm(x2, axis=1)
    keep = norms > 0
    x2, inner = x2[keep], x2[keep] @ x2[keep].T
    cosine = np.clip(inner / np.outer(norms[keep], norms[keep]), 0, 1)
    powers, factors = q_nodes()
    single = np.random.default_rng(0).normal(size=(len(powers), keep.sum())) / (1 + powers[:, None])
    long_way = 0.5 * sum(a * (inner * cosine**j) @ s for a, j, s in zip(factors, powers, single, strict=True))
    gathered = jnp.asarray(single @ np.asarray(data.point_weights)[:, keep].T)
    g = SMALL.output_q(SMALL.init(None)._replace(q=gathered), data)
    np.testing.assert_allclose(np.asarray(SMALL.at_inputs(g, data))[keep], long_way, rtol=1e-6, atol=1e-6)


def test_a_small_turn_of_the_patterns_is_seen():
    """An angle phi << r since the gradient was taken lowers the contrast by the share 3 phi/(2 r).

    Only the diagonal of the kernel feels it, through powers far above 1/r^2; a sum cut off at a few 1/r^2 misses it.
    """
    problem = InfiniteWidth(d=10, r=0.02)
    gram = np.asarray(problem.data(jax.random.key(0)).gram)
    contrast = np.array([1.0, -2.0, 1.0]) / np.sqrt(6)
    phi = 1e-4
    turned = np.sum(gram * np.exp(-0.5 * phi**2 * q_nodes()[0])[:, None, None], axis=0)
    share = 1 - (contrast @ turned @ contrast) / (contrast @ gram.sum(0) @ contrast)
    assert share == pytest.approx(1.5 * phi / problem.r, rel=2e-2)


# --- laws of motion -----------------------------------------------------------------------------------------


def test_renewal_and_variance_are_exact():
    """Two half-steps make one step, the variance is the law of Ornstein-Uhlenbeck, and rho its correlation."""
    theta, lam, h = 0.1, 0.03, 7.0
    half = noise_variance(1.0, theta, lam, h / 2)
    np.testing.assert_allclose(noise_variance(half, theta, lam, h / 2), noise_variance(1.0, theta, lam, h), rtol=1e-12)
    end = float(noise_variance(1.0, theta, lam, h))
    np.testing.assert_allclose(end, theory.noise_variance_ratio(h, lam, theta), rtol=1e-12)
    whole = float(renewal(1.0, theta, lam, h))
    np.testing.assert_allclose(
        float(renewal(1.0, theta, lam, h / 2)) + float(renewal(half, theta, lam, h / 2)), whole, rtol=1e-12
    )
    # U_t = e^(-lam h) U_0 + independent noise, so the correlation is e^(-lam h) times the ratio of deviations
    np.testing.assert_allclose(np.exp(-whole), np.exp(-lam * h) / np.sqrt(end), rtol=1e-12)
    assert float(renewal(1.0, 1.0, lam, h)) == pytest.approx(lam * h)
    assert float(renewal(1.0, 0.0, lam, h)) == 0.0


def memory_form(problem, data, lam, h, stages):
    """Margins y f by the integral over all past residuals with the kernel K_rho(s,t): no modes, no quadrature."""
    x1, x2 = np.asarray(data.patterns.x1), np.asarray(problem.embed_q(data.patterns))
    y, n = np.asarray(data.patterns.y), problem.n

    def inner_and_cosine(x):
        inner, norms = x @ x.T, np.linalg.norm(x, axis=1)
        scale = np.outer(norms, norms)
        cosine = np.divide(inner, scale, out=np.zeros_like(inner), where=scale > 0)
        np.fill_diagonal(cosine, np.where(norms > 0, 1.0, 0.0))
        return inner, np.clip(cosine, -1, 1)

    blocks = [inner_and_cosine(x1), inner_and_cosine(x2)]
    thetas = np.concatenate([np.full(round(time / h), theta) for time, theta in stages])
    log_rho, past, f = np.zeros(0), np.zeros((0, n)), np.zeros(n)
    sigma2, age = 1.0, np.zeros(0)
    for theta in thetas:
        c = -y / (1 + np.exp(y * f)) / n
        step = 0.5 * np.log1p(theta * np.expm1(2 * lam * h) / sigma2)
        sigma2 = theta + (sigma2 - theta) * np.exp(-2 * lam * h)
        # gradients are taken at the middle of their step
        log_rho, age = np.append(log_rho - step, -step / 2), np.append(age + h, h / 2)
        past = np.vstack([past, c])
        f = np.zeros(n)
        for inner, cosine in blocks:
            angle = np.arccos(np.exp(log_rho)[:, None, None] * cosine)
            f -= h * np.einsum("s,sij,sj->i", np.exp(-lam * age), inner * (np.pi - angle) / (4 * np.pi), past)
    return y * f


def test_memoryless_form_is_the_memory_form():
    """Modes against the double integral, through an annealing, on ten inputs: the difference is first order in h."""
    problem = InfiniteWidth(d=8, kappa=0.9, gamma0=0.1, r=0.3, s=4.0, p_only_ratio=0.3, n_pair=4, refine=2)
    data = problem.data(jax.random.key(2))
    assert all(int(getattr(data.patterns, kind).sum()) for kind in KINDS)
    stages, lam = ((24.0, 1.0), (12.0, 0.05)), 0.05
    coarse, fine = (memory_form(problem, data, lam, h, stages) for h in (0.2, 0.1))
    exact = 2 * fine - coarse
    error = {}
    for h in (0.4, 0.1):
        modes = run(problem, data, ModeFlow(weight_decay=lam, h=h, q_substeps=4), stages)
        error[h] = np.linalg.norm(problem.margins(modes, data) - exact) / np.linalg.norm(exact)
    assert error[0.4] < 1e-2
    assert error[0.1] < 3e-3
    # a control: without renewal of the patterns (theta = 0) the same stages end elsewhere
    frozen = run(problem, data, ModeFlow(weight_decay=lam, h=0.4, q_substeps=4), ((36.0, 0.0),))
    assert np.linalg.norm(problem.margins(frozen, data) - exact) / np.linalg.norm(exact) > 5e-2


def plain_modes(problem, data, lam, stages, h=4.0, n_sub=50, n_q=20000, n_diagonal=100):
    """(loss, D2, w, P output) the plain way: ``n_q`` powers, explicit Q sub-steps, midpoint forces, numpy.

    The tail of the powers is put into the last one. That is a bias: at theta = 1 it makes D2 1 % too large with 5000
    powers and .14 % with 20000 (measured at r = .05; the quadrature is converged).
    """
    x1, y, n = np.asarray(data.patterns.x1), np.asarray(data.patterns.y), problem.n
    weights = np.asarray(data.point_weights)

    def factors(n_odd):
        b = arcsine_coefficients(n_odd)
        b[-1] += np.pi / 2 - b.sum()
        return np.concatenate([[0.0], 2.0 * np.arange(n_odd) + 1]), np.concatenate([[0.25], b / (2 * np.pi)])

    j_q, a_q = factors(n_q)
    gram = np.asarray(problem.gram_q()) * np.exp(j_q[:, None, None] * np.asarray(problem.log_cos_q()))
    gram = (0.5 * a_q[:, None, None] * gram).transpose(1, 0, 2).reshape(3, -1)
    j_p, a_p = factors(n_diagonal)
    norm = np.linalg.norm(x1, axis=1)
    inner = x1 @ x1.T
    cosine = inner / np.where(np.outer(norm, norm) > 0, np.outer(norm, norm), 1.0)
    off = 1 - np.eye(n)
    pairs = [0.5 * a_p[k] * inner * cosine ** j_p[k] * off for k in range(5)]
    s_p, s_q, sigma2 = np.zeros((len(j_p), n)), np.zeros((len(j_q), 3)), 1.0

    def outputs():
        return sum(k @ s for k, s in zip(pairs, s_p, strict=False)) + 0.5 * norm**2 * (a_p @ s_p), gram @ s_q.ravel()

    for time, theta in stages:
        for _ in range(round(time / h)):
            nu = lam * theta / sigma2
            f_p, g = outputs()
            total = np.zeros(n)
            keep, force = np.exp(-(lam + j_q * nu) * h / n_sub), np.exp(-(lam + j_q * nu) * h / n_sub / 2)
            for _ in range(n_sub):
                c = -y / (1 + np.exp(y * (f_p + g @ weights))) / n
                s_q = keep[:, None] * s_q - h / n_sub * force[:, None] * (weights @ c)
                g = gram @ s_q.ravel()
                total += c / n_sub
            rate = (lam + j_p * nu) * h
            s_p = np.exp(-rate)[:, None] * s_p - h * np.exp(-rate / 2)[:, None] * total
            sigma2 += (theta - sigma2) * (1 - np.exp(-2 * lam * h))
    f_p, g = outputs()
    return np.logaddexp(0, -y * (f_p + g @ weights)).mean(), d2(g), x1.T @ s_p[0], f_p


def test_agreement_with_the_plain_implementation():
    """Quadrature and implicit steps against plain powers and explicit sub-steps, before, during and after annealing.

    The small temperature is 1e-9: a sum cut off at the power 40000 does not see angles of patterns below about 1/200,
    and at theta = 1e-5 an angle sqrt(2 nu t) = 4e-4 already costs D2 .7 % (1.5 angle/r of the contrast), which the
    quadrature sees and the plain sum does not.
    """
    data = SMALL.data(jax.random.key(3))
    for stages in (((200.0, 1.0),), ((200.0, 1.0), (40.0, 1e-9)), ((100.0, 1e-9),)):
        loss, curvature, w, f_p = plain_modes(SMALL, data, 1e-4, stages)
        modes = run(SMALL, data, ModeFlow(), stages)
        assert float(SMALL.loss(modes, data)) == pytest.approx(loss, rel=4e-3)
        assert d2(SMALL.output_q(modes, data)) == pytest.approx(curvature, rel=4e-3)
        assert np.linalg.norm(modes.w - w) < 1e-2 * np.linalg.norm(w)
        assert np.linalg.norm(SMALL.output_p(modes, data) - f_p) < 1e-2 * np.linalg.norm(f_p)


def test_halving_the_step_changes_little():
    """At h = 4 with 8 sub-steps the outcome is within 1 % of h = 1 with 16, and nearer at h = 2: first order."""
    data = SMALL.data(jax.random.key(4))
    stages = ((800.0, 1.0), (200.0, 1e-5))

    def outcome(h, n_sub):
        modes = run(SMALL, data, ModeFlow(h=h, q_substeps=n_sub), stages)
        return np.array([float(SMALL.loss(modes, data)), d2(SMALL.output_q(modes, data))])

    fine = outcome(1.0, 16)
    error = {h: np.abs(outcome(h, 8) / fine - 1) for h in (4.0, 2.0)}
    assert np.all(error[4.0] < 1e-2)
    assert np.linalg.norm(error[2.0]) < 0.7 * np.linalg.norm(error[4.0])


def test_off_diagonal_powers_beyond_the_first_hardly_matter_at_large_d():
    outputs = []
    for n_pair in (1, 4):
        problem = InfiniteWidth(d=100, kappa=0.5, n_pair=n_pair)
        data = problem.data(jax.random.key(5))
        outputs.append(problem.output_p(run(problem, data, ModeFlow(), ((400.0, 1.0), (100.0, 1e-5))), data))
    assert np.linalg.norm(outputs[0] - outputs[1]) < 1e-3 * np.linalg.norm(outputs[1])


# --- closed forms -------------------------------------------------------------------------------------------


def test_contrast_eigenvalue():
    """(1, -2, 1)/sqrt 6: r s^2/(6 pi) at rho = 1; the r^2 term cancels at rho < 1, where it is s^2 r^4/(8 pi phi^3)."""
    problem = InfiniteWidth(d=10, r=0.02, s=28.0)
    gram = np.asarray(problem.data(jax.random.key(0)).gram)
    contrast = np.array([1.0, -2.0, 1.0]) / np.sqrt(6)
    value = contrast @ gram.sum(0) @ contrast
    assert value == pytest.approx(0.02 * 28**2 / (6 * np.pi), rel=2e-3)
    assert value == pytest.approx(float(theory.contrast_eigenvalue_frozen(0.02, 28.0)), rel=2e-3)
    for phi in (0.02, 0.1, 0.3):
        renewed = contrast @ np.sum(gram * (np.cos(phi) ** q_nodes()[0])[:, None, None], axis=0) @ contrast
        assert renewed == pytest.approx(theory.contrast_eigenvalue(0.02, 28.0, np.cos(phi)), rel=1e-3)
    assert renewed == pytest.approx(28**2 * 0.02**4 / (8 * np.pi * phi**3), rel=0.06)


@pytest.mark.parametrize("theta", [1e-5, 1.0])
def test_early_slope_of_the_curvature(theta):
    """dD2/dt = -E[alpha] (1 - p) r s^2/(8 pi) from rest, at any rate: |z| < 4 over 200 data sets (false alarm 6e-5)."""
    problem = InfiniteWidth(d=16, kappa=0.25, r=0.02, s=28.0, alpha_low=0.0)
    h = 1e-4

    def slope(key):
        data = problem.data(key)
        modes, _ = ModeFlow(h=h, q_substeps=1).step(problem, data, problem.init(key), theta, None)
        g = problem.output_q(modes, data)
        return (g[0] + g[2] - 2 * g[1]) / h

    slopes = np.asarray(jax.jit(jax.vmap(slope))(jax.random.split(jax.random.key(6), 200)))
    expected = theory.d2_slope_small_rate(problem.r, problem.s, problem.p0, problem.mean_alpha)
    assert expected == pytest.approx(-0.5 * (1 - problem.p0) * 0.02 * 28**2 / (8 * np.pi))
    z = (slopes.mean() - expected) / (slopes.std(ddof=1) / np.sqrt(slopes.size))
    assert abs(z) < 4


def test_curvature_is_blocked_at_the_large_rate_only():
    """|D2| tends to E[alpha] mu r^3 s^2/(12 pi lam), q <= mu <= 1 - p, if theta = 1; it passes it if theta is small.

    The formula is of leading order in r and for mean counts: 10 % are allowed at either end.
    """
    lam = 1e-4
    problem = InfiniteWidth(d=40, kappa=0.5, gamma0=0.05, r=0.02, s=28.0)
    data = problem.data(jax.random.key(7))
    low, high = theory.d2_large_rate_interval(problem.r, problem.s, lam, problem.mean_alpha, problem.p0, problem.q0)
    assert high == pytest.approx(0.75 * (1 - problem.p0) * 0.02**3 * 28**2 / (12 * np.pi * lam))
    dynamics = ModeFlow(weight_decay=lam)
    modes = run(problem, data, dynamics, ((4000.0, 1.0),))
    measured = -d2(problem.output_q(modes, data))
    assert 0.9 * low < measured < 1.1 * high
    after = run(problem, data, dynamics, ((200.0, 1e-5),), modes)
    assert -d2(problem.output_q(after, data)) > 5 * high


def test_small_margin_separation_appears_in_one_data_set():
    """The headline on one data set, at equal training loss .03: S errs at least 3 times as often on P-only inputs."""
    problem, probe = InfiniteWidth(), TestP(n_test=2000)
    data = problem.data(jax.random.key(8))
    aux = probe.prepare(problem, data, jax.random.key(9))
    dynamics = ModeFlow(h=8.0, q_substeps=6)

    @jax.jit
    def until(modes, theta, level, cap):
        def step(carry):
            modes, _, i = carry
            new, _ = dynamics.step(problem, data, modes, theta, None)
            return new, problem.loss(new, data), i + 1

        return jax.lax.while_loop(lambda c: (c[1] > level) & (c[2] < cap), step, (modes, jnp.asarray(1.0), 0))[:2]

    start = problem.init(jax.random.key(0))
    large, _ = until(start, 1.0, 0.0, 500)
    outcomes = [until(large, 1e-5, 0.03, 600), until(start, 1e-5, 0.03, 1200)]
    assert [float(loss) for _, loss in outcomes] == pytest.approx([0.03, 0.03], rel=0.02)
    errors = [float(probe(problem, data, modes, aux)["p_test_error"]) for modes, _ in outcomes]
    assert errors[1] > 3 * errors[0]


# --- interfaces ---------------------------------------------------------------------------------------------


def test_observed_belongs_to_the_state_before():
    data = SMALL.data(jax.random.key(10))
    modes = run(SMALL, data, ModeFlow(), ((40.0, 1.0),))
    _, observed = ModeFlow().step(SMALL, data, modes, 1.0, None)
    assert float(observed["loss"]) == pytest.approx(float(SMALL.loss(modes, data)), rel=1e-12)
    chance = float(np.mean(np.asarray(data.patterns.q_only))) * np.log(2)
    assert float(observed["excess_loss"]) == pytest.approx(float(observed["loss"]) - chance, rel=1e-12)


def test_batch_of_rates_equals_single_runs_and_compiles_once():
    data = SMALL.data(jax.random.key(11))
    traces = []

    @jax.jit
    def forward(theta, lam):
        traces.append(theta)
        dynamics = ModeFlow(weight_decay=lam)
        step = lambda _, m: dynamics.step(SMALL, data, m, theta, None)[0]  # noqa: E731
        return SMALL.loss(jax.lax.fori_loop(0, 20, step, SMALL.init(None)), data)

    thetas = np.array([1.0, 0.1, 1e-5, 0.0])
    single = [float(forward(theta, 1e-3)) for theta in thetas]
    assert len(traces) == 1
    batch = jax.vmap(forward, (0, None))(jnp.asarray(thetas), 1e-3)
    np.testing.assert_allclose(batch, single, rtol=1e-10)


def test_without_weight_decay_nothing_is_renewed():
    """lam = 0: no noise is injected, patterns stay, the modes of all powers are equal and the temperature is idle."""
    data = SMALL.data(jax.random.key(12))
    hot, cold = (run(SMALL, data, ModeFlow(weight_decay=0.0), ((80.0, theta),)) for theta in (1.0, 0.0))
    np.testing.assert_array_equal(hot.p, cold.p)
    np.testing.assert_allclose(hot.p, np.broadcast_to(hot.p[0], hot.p.shape), rtol=1e-12)
    assert float(hot.sigma2) == 1.0


def test_probes():
    data = SMALL.data(jax.random.key(13))
    modes = run(SMALL, data, ModeFlow(), ((200.0, 1.0), (40.0, 1e-5)))
    train = TrainByKind()(SMALL, data, modes, ())
    assert set(train) == set(TrainByKind.units)
    share = {kind: float(np.mean(np.asarray(getattr(data.patterns, kind)))) for kind in KINDS}
    for what in ("loss", "error", "residual"):
        total = sum(share[kind] * float(train[f"train_{what}_{kind}"]) for kind in KINDS)
        assert total == pytest.approx(float(train[f"train_{what}"]), rel=1e-12)
    assert float(train["train_loss"]) == pytest.approx(float(SMALL.loss(modes, data)))

    branch = QBranch()(SMALL, data, modes, ())
    assert float(branch["d2"]) == pytest.approx(d2(branch["g"]))
    signal = Signal()(SMALL, data, modes, ())
    assert float(signal["cos_w"]) == pytest.approx(float(modes.w[0] / np.linalg.norm(modes.w)))
    assert np.isnan(Signal()(SMALL, data, SMALL.init(None), ())["cos_w"])

    probe = TestP(n_test=400)
    aux = probe.prepare(SMALL, data, jax.random.key(14))
    measured = probe(SMALL, data, modes, aux)
    kernel = np.asarray(pair_kernels(aux.x, data.patterns.x1, 4)).reshape(4, SMALL.n, 400)
    output = np.asarray(aux.x @ modes.w) / 8 + np.einsum("kin,ki->n", kernel, np.asarray(modes.p[:4]))
    assert float(measured["p_test_error"]) == np.mean(output * aux.y < 0)
    assert float(measured["p_test_loss"]) == pytest.approx(np.logaddexp(0, -output * np.asarray(aux.y)).mean())


def test_output_at_a_training_input_is_the_sum_with_its_diagonal():
    """A test input equal to a training input misses exactly the diagonal term."""
    data = SMALL.data(jax.random.key(15))
    modes = run(SMALL, data, ModeFlow(), ((80.0, 0.3),))
    full = pair_kernels(data.patterns.x1, data.patterns.x1, 4).reshape(4, SMALL.n, SMALL.n)
    own = jnp.einsum("kii,ki->i", full, modes.p[:4])
    outside = data.patterns.x1 @ modes.w / 8 + modes.p[:4].reshape(-1) @ full.reshape(-1, SMALL.n) - own
    diagonal = data.half_norm2 * (jnp.asarray(p_nodes()[1]) @ modes.p)
    np.testing.assert_allclose(SMALL.output_p(modes, data), outside + diagonal, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("bad", [{"weight_decay": -1.0}, {"weight_decay": float("nan")}, {"h": 0.0}, {"q_substeps": 0}])
def test_bad_dynamics_is_refused(bad):
    with pytest.raises(ConfigError, match=f"dynamics.{next(iter(bad))}"):
        ModeFlow(**bad).check()


@pytest.mark.parametrize("bad", [{"n_pair": 0}, {"n_pair": 5}, {"refine": 0}, {"r": 1.0}, {"q0": 2.0}])
def test_bad_problem_is_refused(bad):
    with pytest.raises(ConfigError, match=f"problem.{next(iter(bad))}"):
        InfiniteWidth(**bad).check()
