"""The nonlinear model of Ren, Ma, Ying (2024): problem and probes against closed forms, and the reduced form."""

from __future__ import annotations

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from scipy.stats import chi2

from lrtheory.dynamics import GradientFlow
from lrtheory.errors import ConfigError
from lrtheory.probes.ren2024 import (
    Manifold,
    Sharpness,
    best_b_on_ray,
    best_risk_on_ray,
    min_norm_risk,
    risk_on_ray,
    tail_mean,
)
from lrtheory.problems.ren2024 import FullNormScaledRegression, NormScaledRegression, OnManifold, Unplaced
from lrtheory.problems.ren2024_data import power_law, spiked
from lrtheory.theory import ren2024 as flow
from lrtheory.theory import ren2024_manifold as theory
from lrtheory.theory import ren2024_risk as risk_theory

KEY = jax.random.key(5)
STAR = (0.5, -0.3, 0.0, 0.2, 0.4, 0.1, -0.6, 0.3, 0.2)
FIELDS = {"n": 5, "d": 9, "batch": 2, "eigenvalues": power_law(9, 0.7, 2.0), "alpha_star": STAR, "radius": 1.7}
FULL, REDUCED = FullNormScaledRegression(**FIELDS), NormScaledRegression(**FIELDS)
GAMMAS = (0.0, 0.5, 1.0, 2.5)


def both(gamma, **changes):
    """Full and reduced form of one problem: (problem, data, params) of either, and the frame E (d, n + 1)."""
    full = dataclasses.replace(FULL, gamma=gamma, **changes)
    problem = dataclasses.replace(REDUCED, gamma=gamma, **changes)
    data, w = full.data(jax.random.fold_in(KEY, 1)), full.init(jax.random.fold_in(KEY, 2))
    kernel = theory.kernel_part(w, data.x)
    frame = np.c_[data.basis, kernel / np.linalg.norm(kernel)]
    return (full, data, w), (problem, *problem.reduce(data, w)), frame


def batches(problem, steps, key=KEY):
    """Indices and normal numbers (steps, B)."""
    shape = (steps, problem.batch)
    return jax.random.randint(key, shape, 0, problem.n), jax.random.normal(jax.random.fold_in(key, 1), shape)


@functools.partial(jax.jit, static_argnames="each")
def descend(problem, data, w, index, xi, rate, each):
    """Minibatch steps, written out; the weights before each of them that is a multiple of ``each``."""

    def step(w, batch):
        return w - rate * problem.batch_loss_and_gradient(w, data, *batch)[1], None

    def block(w, batches):
        return jax.lax.scan(step, w, batches)[0], w

    blocks = jax.tree.map(lambda v: v.reshape(-1, each, *v.shape[1:]), (index, xi))
    return jax.lax.scan(block, w, blocks)[1]


# --- problem ------------------------------------------------------------------------------------------------


def test_a_training_set_is_what_it_says(x64):
    data = FULL.data(KEY)
    assert {v.dtype for v in data} == {jnp.dtype("float64")}
    np.testing.assert_allclose(data.basis.T @ data.basis, np.eye(5), atol=1e-14)
    np.testing.assert_allclose(data.foot, theory.min_norm(data.x, data.y), rtol=1e-10)
    v = jnp.arange(9.0)
    np.testing.assert_allclose(data.kernel_part(v), theory.kernel_part(v, data.x), atol=1e-13)
    np.testing.assert_allclose(data.basis @ data.row_part(v), theory.row_part(v, data.x), atol=1e-13)


def test_single_precision_is_the_default():
    (full, data, w), (problem, small, v), _ = both(1.0)
    assert {leaf.dtype for leaf in jax.tree.leaves((data, w, small, v))} == {jnp.dtype("float32")}
    on_manifold = OnManifold(**FIELDS)
    assert on_manifold.reduce(full.data(KEY), on_manifold.init(KEY))[1].dtype == jnp.float32
    index, xi = (a[0] for a in batches(full, 1))
    for p, d, u in ((full, data, w), (problem, small, v)):
        out = (*p.batch_loss_and_gradient(u, d, index, xi), p.gradient_noise(KEY, u, d), p.risk(u, d))
        assert {leaf.dtype for leaf in out} == {jnp.dtype("float32")}
    assert float(problem.loss(v, small)) == pytest.approx(float(full.loss(w, data)), rel=1e-4)


def test_inputs_and_labels_follow_their_law(x64):
    """6 numbers, each outside 5 standard errors with probability 6e-7."""
    problem = dataclasses.replace(FULL, static_noise=0.7)
    data = jax.vmap(problem.data)(jax.random.split(KEY, 2000))
    count = data.y.size
    for i in (0, 4, 8):
        share = jnp.mean(data.x[..., i] ** 2) / problem.eigenvalues[i]
        assert abs(float(share) - 1) < 5 * (2 / count) ** 0.5
    error = data.y - data.x @ jnp.asarray(STAR)
    assert abs(float(jnp.mean(error**2)) / 0.49 - 1) < 5 * (2 / count) ** 0.5
    assert abs(float(jnp.mean(error * data.x[..., 0]))) < 5 * (2.0 * 0.49 / count) ** 0.5
    assert abs(float(jnp.mean(data.x[..., 0] * data.x[..., 1]))) < 5 * (2.0 * 2.0 * 2**-0.7 / count) ** 0.5


@pytest.mark.parametrize("gamma", GAMMAS)
def test_start_is_at_its_radius_with_its_alignment(x64, gamma):
    for alignment in (0.0, 0.4, 1.0):
        problem = dataclasses.replace(FULL, gamma=gamma, alignment=alignment)
        w = problem.init(KEY)
        alpha = problem.predictor(w)
        np.testing.assert_allclose(alpha, theory.predictor(w, gamma), rtol=1e-12)
        assert float(jnp.linalg.norm(alpha)) == pytest.approx(1.7, rel=1e-12)
        cosine = float(alpha @ jnp.asarray(STAR)) / 1.7 / np.linalg.norm(STAR)
        u = jax.random.normal(KEY, (9,))
        u_star = float(u @ jnp.asarray(STAR) / jnp.linalg.norm(u)) / np.linalg.norm(STAR)
        a, c = alignment, u_star
        assert cosine == pytest.approx((a + (1 - a) * c) / np.sqrt(a**2 + (1 - a) ** 2 + 2 * a * (1 - a) * c), rel=1e-9)


def test_random_starts_are_uniform_on_the_sphere(x64):
    """Mean and covariance of 4000 directions in 9 dimensions; false alarm 1e-6."""
    w = jax.vmap(dataclasses.replace(FULL, gamma=0.0, radius=1.0).init)(jax.random.split(KEY, 4000))
    assert float(4000 * 9 * jnp.sum(jnp.mean(w, 0) ** 2)) < chi2.ppf(1 - 1e-6, 9)
    # E w_i^4 = 3/(d (d + 2)), here within 5 standard errors; for the corners of a cube it would be 1/d^2
    assert float(jnp.mean(w**4)) == pytest.approx(3 / 99, rel=0.09)


def test_a_number_for_alpha_star_is_its_length_along_the_first_axis(x64):
    number = dataclasses.replace(FULL, alpha_star=0.8)
    vector = dataclasses.replace(FULL, alpha_star=(0.8, *(0.0,) * 8))
    for a, b in zip(number.data(KEY), vector.data(KEY), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("gamma", GAMMAS)
def test_risk_is_the_closed_form_and_the_average_over_test_inputs(x64, gamma):
    """The average over 100 000 test inputs is within 5 standard errors: probability 6e-7 of a false alarm."""
    (full, data, w), (problem, small, v), _ = both(gamma)
    alpha = full.predictor(w)
    exact = risk_theory.risk(alpha, STAR, full.eigenvalues)
    assert float(full.risk(w, data)) == pytest.approx(exact, rel=1e-12)
    assert float(problem.risk(v, small)) == pytest.approx(exact, rel=1e-12)
    x = jnp.sqrt(jnp.asarray(full.eigenvalues)) * jax.random.normal(KEY, (100_000, 9))
    losses = 0.5 * (x @ (alpha - jnp.asarray(STAR))) ** 2
    assert abs(float(losses.mean()) - exact) < 5 * float(losses.std()) / 100_000**0.5
    # were Sigma left out it would show
    assert abs(risk_theory.risk(alpha, STAR) - exact) > 20 * float(losses.std()) / 100_000**0.5


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("batch", [1, 2, 12])  # one by one, at the threshold, larger than n
def test_minibatch_gradient_is_that_of_autodiff(x64, gamma, batch):
    for problem, data, w in both(gamma, batch=batch)[:2]:

        def noisy(w, index, xi, problem=problem, data=data):
            f = jnp.linalg.norm(w) ** problem.gamma * data.x[index] @ w
            return 0.5 * jnp.mean((f - data.y[index] - problem.label_noise * xi) ** 2)

        for index, xi in zip(*batches(problem, 3), strict=True):
            loss, gradient = problem.batch_loss_and_gradient(w, data, index, xi)
            expected = jax.value_and_grad(noisy)(w, index, xi)
            assert float(loss) == pytest.approx(float(expected[0]), rel=1e-12)
            np.testing.assert_allclose(gradient, expected[1], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("gamma", GAMMAS)
def test_gradient_of_the_loss_is_jacobian_times_that_of_the_predictor(x64, gamma):
    full, data, w = both(gamma)[0]
    norm, unit = np.linalg.norm(w), np.asarray(w) / np.linalg.norm(w)
    jacobian = norm**gamma * (np.eye(9) + gamma * np.outer(unit, unit))
    np.testing.assert_allclose(jax.jacobian(full.predictor)(w), jacobian, atol=1e-12)
    residual = data.x @ full.predictor(w) - data.y
    assert float(full.loss(w, data)) == pytest.approx(float(residual @ residual) / 10, rel=1e-12)
    np.testing.assert_allclose(jax.grad(full.loss)(w, data), jacobian @ data.x.T @ residual / 5, rtol=1e-9, atol=1e-12)
    # all inputs once, no fresh noise: the batch is the training set
    all_of_them = full.batch_loss_and_gradient(w, data, jnp.arange(5), jnp.zeros(5))
    np.testing.assert_allclose(all_of_them[1], jax.grad(full.loss)(w, data), rtol=1e-9, atol=1e-12)


def test_linear_regression_can_start_at_zero(x64):
    problem = dataclasses.replace(REDUCED, gamma=0.0, radius=0.0)
    problem.check()
    data, w = problem.reduce(problem.data(KEY), problem.init(KEY))
    assert not w.any()
    gradient = jax.grad(problem.loss)(w, data)
    np.testing.assert_allclose(gradient, -data.x.T @ data.y / 5, rtol=1e-12)
    np.testing.assert_allclose(
        problem.batch_loss_and_gradient(w, data, jnp.arange(5), jnp.zeros(5))[1], gradient, rtol=1e-12
    )
    probe = Manifold()
    for value in (*probe(problem, data, w, ()).values(), *probe.constants(problem, data, w, ()).values()):
        assert np.isfinite(value).all()


@pytest.mark.parametrize("gamma", [0.0, 1.5])
def test_gradient_noise_has_the_covariance_of_the_minibatch_but_for_the_mean(x64, gamma):
    """Second moments of 40 000 draws along 10 directions, each within 5 standard errors: false alarm below 1e-4."""
    n_draws = 40_000
    for problem, data, w in both(gamma, label_noise=0.6)[:2]:

        def minibatch(index, xi, problem=problem, data=data, w=w):
            return problem.batch_loss_and_gradient(w, data, index, xi)[1]

        residual = data.x @ problem.predictor(w) - data.y
        per_input = jax.vmap(minibatch)(jnp.arange(5)[:, None], jnp.zeros((5, 1))) / residual[:, None]  # grad f_i
        exact = jnp.einsum("i,ij,ik->jk", (0.36 + residual**2) / (5 * 2), per_input, per_input)
        mean = jax.grad(problem.loss)(w, data)
        along = jnp.r_[jax.random.normal(jax.random.fold_in(KEY, 7), (9, len(w))), mean[None]]
        expected = jnp.einsum("ai,ij,aj->a", along, exact, along)
        keys = jax.random.split(KEY, n_draws)
        noise = jax.vmap(lambda k, p=problem, d=data, w=w: p.gradient_noise(k, w, d))(keys)
        around_mean = jax.vmap(minibatch)(*batches(problem, n_draws)) - mean
        dropped = (along @ mean) ** 2 / problem.batch
        for draws, squared_mean in ((noise, 0.0), (around_mean, dropped)):
            squares = (draws @ along.T) ** 2
            error = jnp.abs(squares.mean(0) + squared_mean - expected)
            assert (error < 5 * squares.std(0) / n_draws**0.5).all()
        assert dropped[-1] > 20 * squares[:, -1].std() / n_draws**0.5, "what was dropped would not show"


# --- reduced form -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gamma", GAMMAS)
def test_reduced_form_measures_what_the_full_form_does(x64, gamma):
    full, reduced, frame = both(gamma)
    assert full[1].x.shape == (5, 9) and reduced[1].x.shape == (5, 6) and reduced[2].shape == (6,)
    np.testing.assert_allclose(frame @ reduced[2], full[2], atol=1e-14)
    probes = (Manifold(), Sharpness())
    for probe in probes:
        values, small = probe(*full, ()), probe(*reduced, ())
        assert values.keys() == small.keys()
        for name in values:
            np.testing.assert_allclose(small[name], values[name], rtol=1e-10, err_msg=name)
    values, small = (Manifold().constants(*form, ()) for form in (full, reduced))
    for name in values:
        np.testing.assert_allclose(small[name], values[name], rtol=1e-10, atol=1e-13, err_msg=name)


@pytest.mark.parametrize("gamma", GAMMAS)
def test_reduced_form_moves_as_the_full_form_does(x64, gamma):
    full, reduced, _ = both(gamma)
    index, xi = batches(FULL, 3000)
    paths = [descend(*form, index, xi, 0.02, each=50) for form in (full, reduced)]
    measured = [
        jax.vmap(lambda w, form=form: Manifold()(*form[:2], w, ()))(path)
        for form, path in zip((full, reduced), paths, strict=True)
    ]
    assert float(measured[0]["risk"].std()) > 1e-3, "nothing moved"
    for name, values in measured[0].items():
        # rounding of a risk or a distance is relative to what was subtracted
        np.testing.assert_allclose(jnp.abs(measured[1][name]), jnp.abs(values), rtol=1e-9, atol=1e-12, err_msg=name)


def test_reduced_form_takes_the_noise_of_the_full_form(x64):
    full, reduced, frame = both(1.5)
    noise = [problem.gradient_noise(KEY, w, data) for problem, data, w in (full, reduced)]
    np.testing.assert_allclose(frame @ noise[1], noise[0], rtol=1e-9, atol=1e-13)


def test_a_law_that_leaves_the_span_is_not_reduced_exactly(x64):
    """Negative control: isotropic noise leaves the span of start and gradients."""
    full, _, frame = both(1.0)
    index, xi = batches(FULL, 1)
    kick = jax.random.normal(KEY, (9,))
    after = full[2] - 0.02 * (full[0].batch_loss_and_gradient(full[2], full[1], index[0], xi[0])[1] + kick)
    assert np.linalg.norm(after - frame @ (frame.T @ after)) > 1e-3


@pytest.mark.parametrize("gamma", GAMMAS)
def test_direction_of_the_kernel_part_never_changes(x64, gamma):
    problem, data, w = both(gamma)[0]
    index, xi = batches(FULL, 3000)
    path = descend(problem, data, w, index, xi, 0.02, each=1)
    kernel = theory.kernel_part(path, data.x)
    norm = np.linalg.norm(kernel, axis=-1)
    cosine = kernel @ kernel[0] / norm / norm[0]
    if gamma == 0.0:
        np.testing.assert_allclose(norm, norm[0], rtol=1e-12)
    else:
        assert norm.min() < 0.7 * norm[0], "it did not move"
    # rounding leaves the ray by 1e-16 of |w| a step, at random
    assert (np.linalg.norm(kernel - cosine[:, None] * norm[:, None] * kernel[0] / norm[0], axis=-1) < 1e-13).all()
    residual = theory.predictor(path[0], gamma) @ data.x[index[0]].T - data.y[index[0]] - xi[0]
    factor = theory.kernel_factor(path[0], data.x[index[0]], residual, 0.02, gamma)
    np.testing.assert_allclose(kernel[1], factor * kernel[0], rtol=1e-11)


def test_label_noise_shrinks_the_kernel_part_and_linear_regression_keeps_it(x64):
    end = {}
    for gamma in (0.0, 1.0):
        problem, data, w = both(gamma)[1]
        path = descend(problem, data, w, *batches(FULL, 4000), 0.02, each=4000 // 10)
        b = jax.vmap(lambda w, p=problem, d=data: Manifold()(p, d, w, ())["b"])(path)
        end[gamma] = float(b[-1] / b[0])
    assert end[0.0] == pytest.approx(1.0, rel=1e-14)
    assert end[1.0] < 0.5


# --- started on the manifold --------------------------------------------------------------------------------


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("b0", [0.0, 2.5])
def test_start_on_the_manifold(x64, gamma, b0):
    problem = OnManifold(**FIELDS, gamma=gamma, b0=b0)
    problem.check()
    full = both(gamma)[0]
    data, w = problem.reduce(full[1], problem.init(jax.random.fold_in(KEY, 2)))
    values, constants = Manifold()(problem, data, w, ()), Manifold().constants(problem, data, w, ())
    assert float(values["loss"]) < 1e-25 and float(values["row_distance"]) < 1e-25
    assert float(values["b"]) == pytest.approx(b0, rel=1e-12, abs=1e-30)
    assert float(constants["b0"]) == pytest.approx(b0, rel=1e-12, abs=1e-30)
    assert float(values["s"]) == pytest.approx(float(constants["m"]) + b0, rel=1e-12)
    point = theory.plane_point(b0, constants["m"], gamma)
    np.testing.assert_allclose((values["plane_a"], values["plane_rho"]), point, rtol=1e-10, atol=1e-14)
    exact = risk_theory.manifold_risk(b0, full[1].x, full[1].y, STAR, full[2], problem.eigenvalues)
    assert float(values["risk"]) == pytest.approx(float(exact), rel=1e-10)


def test_start_on_the_manifold_refuses_a_law_that_leaves_the_span():
    problem = OnManifold(**FIELDS)
    start = problem.init(KEY)
    assert isinstance(start, Unplaced)
    for look in (problem.loss, problem.risk):
        with pytest.raises(ConfigError, match="stays_in_span"):
            look(start, problem.data(KEY))


# --- probes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gamma", GAMMAS)
def test_probes_return_the_coordinates_of_the_theory(x64, gamma):
    full, data, w = both(gamma)[0]
    values, constants = Manifold()(full, data, w, ()), Manifold().constants(full, data, w, ())
    alpha = theory.predictor(w, gamma)
    m, b, s = theory.coordinates(alpha, data.x, data.y)
    expected = {
        "b": b,
        "s": s,
        "row_distance": np.sum(theory.row_part(alpha - theory.min_norm(data.x, data.y), data.x) ** 2),
        "plane_a": w @ theory.min_norm(data.x, data.y) / np.sqrt(m),
        "plane_rho": np.linalg.norm(theory.kernel_part(w, data.x)),
        "trace_hessian": np.trace(theory.hessian(alpha, data.x, gamma)),
    }
    for name, value in expected.items():
        assert float(values[name]) == pytest.approx(float(value), rel=1e-9), name
    spectrum = np.linalg.eigvalsh(data.x @ data.x.T / 5)
    expected = {
        "m": m, "b0": b, "s0": s, "trace": spectrum.sum(), "power": np.mean(data.y**2),
        "sharpness0": np.linalg.eigvalsh(theory.hessian(alpha, data.x, gamma))[-1],
        "null_risk": risk_theory.risk(np.zeros(9), STAR, full.eigenvalues),
        "best_risk": risk_theory.risk(
            risk_theory.best_on_manifold(data.x, data.y, STAR, full.eigenvalues), STAR, full.eigenvalues
        ),
    }  # fmt: skip
    for name, value in expected.items():
        assert float(constants[name]) == pytest.approx(float(value), rel=1e-9), name
    assert float(Sharpness()(full, data, w, ())["sharpness"]) == pytest.approx(expected["sharpness0"], rel=1e-10)


@pytest.mark.parametrize("gamma", GAMMAS)
def test_on_the_manifold_sharpness_is_that_of_the_hessian_and_off_it_is_not(x64, gamma):
    problem = OnManifold(**FIELDS, gamma=gamma, b0=1.3)
    data, w = problem.reduce(problem.data(KEY), problem.init(KEY))
    hessian = jax.hessian(problem.loss)(w, data)
    trace = float(Manifold()(problem, data, w, ())["trace_hessian"])
    assert trace == pytest.approx(float(jnp.trace(hessian)), rel=1e-9)
    constants = Manifold().constants(problem, data, w, ())
    closed = theory.trace_hessian(constants["m"] + 1.3, constants["trace"], constants["power"], gamma)
    assert trace == pytest.approx(float(closed), rel=1e-9)
    largest = float(jnp.linalg.eigvalsh(hessian)[-1])
    assert float(Sharpness()(problem, data, w, ())["sharpness"]) == pytest.approx(largest, rel=1e-9)
    off = 1.5 * w
    differs = abs(float(jnp.trace(jax.hessian(problem.loss)(off, data)) / problem.trace_hessian(off, data)) - 1)
    assert differs < 1e-9 if gamma == 0 else differs > 0.01


def test_signed_coordinate_tells_a_kernel_part_that_was_reversed(x64):
    (full, data, _), (problem, small, v), frame = both(1.0)
    turned = v.at[-1].multiply(-1)
    values, there = Manifold()(problem, small, turned, ()), Manifold()(full, data, frame @ turned, ())
    assert float(values["plane_rho"]) == pytest.approx(-float(there["plane_rho"]), rel=1e-10)
    assert float(values["plane_rho"]) < 0 and float(values["b"]) == pytest.approx(float(there["b"]), rel=1e-10)
    assert float(values["risk"]) != pytest.approx(float(problem.risk(v, small)), rel=1e-3)


def test_risk_in_the_plane_is_the_risk(x64):
    (full, data, w), (problem, small, v), _ = both(1.0)
    constants = Manifold().constants(problem, small, v, ())
    foot, kernel = np.asarray(data.foot), theory.kernel_part(w, data.x)
    for x, y in ((0.3, -0.8), (1.1, 0.6)):
        point = np.array([x, y])
        quadratic = constants["null_risk"] - constants["plane_cross"] @ point
        quadratic = quadratic + point @ constants["plane_moment"] @ point / 2
        alpha = x * foot / np.linalg.norm(foot) + y * kernel / np.linalg.norm(kernel)
        assert float(quadratic) == pytest.approx(float(risk_theory.risk(alpha, STAR, full.eigenvalues)), rel=1e-10)


def test_gradient_flow_keeps_the_invariant_and_ends_where_the_theory_says(x64):
    """Probe, autodiff of the loss and theory together, in the reduced form."""
    problem, data, w = both(1.0, n=3)[1]
    law = GradientFlow(substeps=2)
    end = jax.jit(lambda w: jax.lax.fori_loop(0, 4000, lambda i, w: law.step(problem, data, w, 0.02, KEY)[0], w))(w)
    values, constants = Manifold()(problem, data, end, ()), Manifold().constants(problem, data, w, ())
    assert float(values["row_distance"]) < 1e-10
    before, after = (flow.invariant(b, s, 1.0) for b, s in (
        (constants["b0"], constants["s0"]), (values["b"], values["s"])))  # fmt: skip
    assert after == pytest.approx(before, rel=1e-5)
    expected = flow.flow_end(constants["b0"], constants["s0"], constants["m"], 1.0)
    assert float(values["b"]) == pytest.approx(expected, rel=1e-4) and expected < 0.99 * float(constants["b0"])


# --- from results -------------------------------------------------------------------------------------------


def dataset(problem, seeds=3):
    """Constants of some training sets, as an experiment would keep them, with data and starts."""
    keys = jax.random.split(KEY, seeds)
    forms = [(problem.data(k), problem.init(jax.random.fold_in(k, 1))) for k in keys]
    cells = [Manifold().constants(problem, *problem.reduce(*form), ()) for form in forms]
    dims = {name: ("seed", *Manifold.dims.get(name, ())) for name in cells[0]}
    return forms, xr.Dataset({k: (dims[k], np.stack([np.asarray(c[k]) for c in cells])) for k in dims})


def test_risks_on_the_ray_are_those_of_the_theory(x64):
    forms, ds = dataset(dataclasses.replace(REDUCED, alignment=0.7))
    b = xr.DataArray(np.linspace(0.0, 2.0, 5), dims="b")
    for seed, (data, w) in enumerate(forms):
        of_theory = (data.x, data.y, STAR, w, FULL.eigenvalues)
        np.testing.assert_allclose(
            risk_on_ray(ds, b).isel(seed=seed), risk_theory.manifold_risk(b.values, *of_theory), rtol=1e-9
        )
        best = risk_theory.best_b_on_ray(*of_theory)
        assert float(best_b_on_ray(ds)[seed]) == pytest.approx(best, rel=1e-9) and best > 0
        assert float(best_risk_on_ray(ds)[seed]) == pytest.approx(
            float(risk_theory.manifold_risk(best, *of_theory)), rel=1e-9
        )
        assert float(min_norm_risk(ds)[seed]) == pytest.approx(
            float(risk_theory.risk(data.foot, STAR, FULL.eigenvalues)), rel=1e-9
        )
    assert (best_risk_on_ray(ds) < 0.99 * min_norm_risk(ds)).all(), "aligned with alpha*, minimum norm is not the best"


def test_a_ray_that_leads_away_has_its_best_at_minimum_norm(x64):
    _, ds = dataset(dataclasses.replace(REDUCED, alignment=0.9))
    away = ds.assign(plane_cross=-ds.plane_cross)
    assert (best_b_on_ray(away) == 0).all()
    np.testing.assert_allclose(best_risk_on_ray(away), min_norm_risk(away), rtol=1e-12)


def test_tail_mean_takes_the_last_steps_and_keeps_divergence():
    values = np.arange(12.0).reshape(2, 6)
    values[1, -1] = np.nan
    ds = xr.Dataset(
        {"sub_risk": (("decay_step", "sub_record"), values)},
        coords={"sub_step": ("sub_record", [0, 20, 40, 60, 80, 100])},
    )
    assert float(tail_mean(ds, "risk", 40)[0]) == 4.5
    assert float(tail_mean(ds, "risk", 1)[0]) == 5.0
    assert float(tail_mean(ds, "risk", 1000)[0]) == 2.5
    assert np.isnan(tail_mean(ds, "risk", 40)[1])
    with pytest.raises(ConfigError, match="steps"):
        tail_mean(ds, "risk", 0)


# --- what is refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n", 9), ("n", 0), ("n", 2.0), ("d", 5), ("batch", 0), ("gamma", -0.1), ("gamma", float("nan")),
        ("label_noise", -1.0), ("static_noise", float("inf")), ("eigenvalues", 0.0), ("eigenvalues", (1.0, 2.0)),
        ("eigenvalues", (1.0,) * 8 + (-1.0,)), ("alpha_star", (1.0,)), ("alpha_star", float("nan")), ("radius", 0.0),
        ("radius", -1.0), ("alignment", 1.1), ("alignment", -0.1),
    ],
)  # fmt: skip
def test_bad_numbers_are_refused_by_name(name, value):
    REDUCED.check()
    with pytest.raises(ConfigError, match="problem." + ("n" if name == "d" else name) + " = "):
        dataclasses.replace(REDUCED, **{name: value}).check()


def test_what_has_no_direction_is_refused():
    with pytest.raises(ConfigError, match=r"problem.alignment"):
        dataclasses.replace(REDUCED, alpha_star=0.0, alignment=0.5).check()
    dataclasses.replace(REDUCED, alpha_star=0.0).check()
    with pytest.raises(ConfigError, match=r"problem.b0"):
        OnManifold(b0=-1.0).check()
    with pytest.raises(ConfigError, match=r"problem.radius"):
        OnManifold(gamma=0.0, radius=0.0).check()


def test_spectra():
    assert spiked(5, 2, 3.0, 0.1) == (3.0, 3.0, 0.1, 0.1, 0.1)
    assert spiked(2, 0, 3.0, 0.1) == (0.1, 0.1) and spiked(2, 2, 3.0, 0.1) == (3.0, 3.0)
    np.testing.assert_allclose(power_law(4, 1.5, 2.0), 2.0 * np.arange(1, 5) ** -1.5)
    assert power_law(3, 0.0) == (1.0, 1.0, 1.0)
    for bad, name in (
        (lambda: spiked(3, 4, 1.0, 0.1), "spikes"), (lambda: spiked(3, 1, 0.1, 1.0), "large"),
        (lambda: spiked(3, 1, 1.0, 0.0), "small"), (lambda: spiked(0, 0, 1.0, 0.1), "d"),
        (lambda: power_law(3, -1.0), "exponent"), (lambda: power_law(3, 1.0, 0.0), "largest"),
        (lambda: power_law(2.5, 1.0), "d"),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=f"^{name} = "):
            bad()
