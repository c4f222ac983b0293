"""Closed forms of scale-invariant weights on a sphere against random scale-invariant functions and plain iteration.

Gradients are exact to rounding (complex steps). Seeds are fixed; the tests of time means hold to a stated tolerance.
"""

from __future__ import annotations

import doctest

import numpy as np
import pytest

from lrtheory.theory import sadrtdinov2024 as law
from lrtheory.theory import sadrtdinov2024_measures as measure
from lrtheory.theory import sadrtdinov2024_toy as toy

ALPHA = np.array([0.2, 0.5, 1.0, 2.0, 4.0])
SIZES = (3, 4, 6)  # dimensions of the groups of the random functions
ENDS = np.cumsum(SIZES)[:-1]


class Random:
    """A smooth random function of 13 weights in three groups, invariant to the scale of each; ``broken`` ends that."""

    def __init__(self, seed, broken=0.0):
        rng = np.random.default_rng(seed)
        self.square, self.inner = rng.standard_normal((13, 13)), rng.standard_normal((13, 5))
        self.broken = broken

    def __call__(self, w):
        groups = np.split(w, ENDS, axis=-1)
        u = np.concatenate([g / np.sqrt(np.sum(g * g, axis=-1, keepdims=True)) for g in groups], axis=-1)
        loss = np.einsum("...i,ij,...j", u, self.square, u) + np.sum(np.sin(u @ self.inner), axis=-1)
        return loss + self.broken * np.sum(w, axis=-1)

    def gradient(self, w, h=1e-30):
        return np.imag(self(w + 1j * h * np.eye(len(w)))) / h


def norms(v):
    return np.array([np.linalg.norm(part) for part in np.split(v, ENDS)])


def start(seed=0, radius=1.0):
    w = np.random.default_rng(seed).standard_normal(13)
    return radius * w / np.linalg.norm(w)


def direction_of_groups(w):
    return np.concatenate([part / np.linalg.norm(part) for part in np.split(w, ENDS)])


@pytest.mark.parametrize("module", [law, toy, measure])
def test_examples_of_the_docstrings_run(module):
    result = doctest.testmod(module)
    functions = [name for name, f in vars(module).items() if getattr(f, "__module__", "") == module.__name__]
    own = set(functions) - {"arrays", "inside", "on_simplex", "_pick"}
    assert result.failed == 0
    assert result.attempted >= len(own) > 10 and all(">>>" in vars(module)[name].__doc__ for name in own)


# --- exact invariances --------------------------------------------------------------------------------------


def test_gradient_of_scaled_weights():
    f, w = Random(1), start(1)
    per_weight = np.repeat([0.3, 2.0, 7.0], SIZES)
    assert f(per_weight * w) == pytest.approx(f(w), rel=1e-13)
    np.testing.assert_allclose(f.gradient(per_weight * w), law.scaled_gradient(f.gradient(w), per_weight), rtol=1e-10)
    broken = Random(1, broken=0.1)
    assert np.abs(broken.gradient(2 * w) - law.scaled_gradient(broken.gradient(w), 2.0)).max() > 0.01


def test_gradient_has_no_radial_part():
    for seed in range(5):
        w = start(seed, radius=3.0)
        parts = [np.split(v, ENDS) for v in (w, Random(seed).gradient(w), Random(seed, broken=0.5).gradient(w))]
        assert max(abs(law.radial_cosine(a, g)) for a, g in zip(parts[0], parts[1], strict=True)) < 1e-14
        assert max(abs(law.radial_cosine(a, g)) for a, g in zip(parts[0], parts[2], strict=True)) > 1e-2
    cosine = law.radial_cosine(w, np.stack([w, -2 * w, Random(0).gradient(w)]))
    np.testing.assert_allclose(cosine[:2], [1, -1])
    assert cosine.shape == (3,)


def test_runs_of_equal_effective_rate_have_equal_directions():
    """Two spheres, and free descent at the matching rate; one that keeps its rate slows down."""
    f, elr, radius, steps = Random(2), 0.02, 28.0, 40
    unit, large = start(2), start(2, radius)
    free, constant = start(2, 0.4), start(2, 0.4)
    constant_rate = law.matching_rate(elr, 1.0, 0.4)
    rates = [law.matching_rate(elr, 1.0, radius)]
    for _ in range(steps):
        rates.append(law.matching_rate(elr, 1.0, np.linalg.norm(free)))
        unit = law.sphere_step(unit, f.gradient(unit), elr)
        large = law.sphere_step(large, f.gradient(large), rates[0], radius)
        free = free - rates[-1] * f.gradient(free)
        constant = constant - constant_rate * f.gradient(constant)
    np.testing.assert_allclose(large / radius, unit, atol=1e-10)
    np.testing.assert_allclose(free / np.linalg.norm(free), unit, atol=1e-10)
    assert np.abs(constant / np.linalg.norm(constant) - unit).max() > 0.1
    assert rates[0] == pytest.approx(15.68) and law.effective_rate(rates[0], radius) == pytest.approx(elr)
    assert rates[-1] > 1.5 * rates[1]  # the norm has grown, so the test was one
    np.testing.assert_allclose(law.effective_rate([0.0, 0.3], [[1.0], [2.0]]), [[0, 0.3], [0, 0.075]])


# --- one step -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [1e-3, 0.3, 20.0])
def test_turns_and_norms_of_one_step(rate):
    f, w = Random(3), start(3)
    g = f.gradient(w)
    after = law.sphere_step(w, g, rate)
    assert np.linalg.norm(after) == pytest.approx(1, rel=1e-14)
    pairs = zip(np.split(w, ENDS), np.split(after, ENDS), strict=True)
    by_hand = [np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b)) for a, b in pairs]
    np.testing.assert_allclose(law.turn(rate, norms(g), norms(w)), by_hand, rtol=1e-7)
    np.testing.assert_allclose(np.tan(by_hand), law.tangent(rate, norms(g), norms(w)), rtol=1e-7)
    assert law.turn(rate, np.linalg.norm(g), 1.0) == pytest.approx(np.arccos(w @ after), rel=1e-7)
    np.testing.assert_allclose(law.tangent(rate, norms(g), norms(w)), rate * norms(w) * norms(g) / norms(w) ** 2)
    free = w - rate * 0.4 * w - rate * g
    np.testing.assert_allclose(law.free_norm(norms(w), norms(g), rate, 0.4), norms(free), rtol=1e-12)
    whole = np.linalg.norm(w - rate * g)
    assert law.free_norm(1.0, np.linalg.norm(g), rate) == pytest.approx(whole, rel=1e-12) and whole > 1
    g = Random(3, broken=1.0).gradient(w)  # not scale-invariant: not orthogonal, and the norm is another
    assert np.abs(law.free_norm(norms(w), norms(g), rate) / norms(w - rate * g) - 1).max() > 1e-4


def test_step_projects_the_concatenation():
    w, g = start(4), Random(4).gradient(start(4))
    after = norms(law.sphere_step(w, g, 1.0))
    assert np.abs(after / norms(w) - 1).max() > 0.1
    many = law.sphere_step(np.stack([w, w]), np.stack([g, 0 * g]), 1.0, 2.0)
    np.testing.assert_allclose(many, [2 * law.sphere_step(w, g, 0.5 * 2), 2 * w], rtol=1e-12)


# --- exchange of norm ---------------------------------------------------------------------------------------


def test_norm_exchange_along_a_run():
    """Step by step and over the whole run, at a rate large enough for both to matter; growth follows from it."""
    f, w, rate, steps = Random(5), start(5), 0.15, 60
    first, tangents = norms(w) ** 2, []
    for _ in range(steps):
        g = f.gradient(w)
        tangents.append(law.tangent(rate, norms(g), norms(w)))
        before, w = norms(w) ** 2, law.sphere_step(w, g, rate)
        np.testing.assert_allclose(law.exchange(before, tangents[-1]), norms(w) ** 2, rtol=1e-11)
    last, fastest = norms(w) ** 2, np.argmax(tangents[0])
    assert law.exchange(first, tangents[0])[fastest] > first[fastest]
    np.testing.assert_allclose(law.shares_after(first, tangents), last, rtol=1e-9)
    assert np.abs(last / first - 1).max() > 0.5
    growth = law.log_growth(tangents)
    np.testing.assert_allclose(np.diff(growth), np.diff(np.log(last / first)) / steps, atol=1e-12)
    assert np.ptp(growth) > 1e-3  # not yet stationary
    # projecting each group by itself exchanges nothing
    each = direction_of_groups(w - rate * f.gradient(w)) * np.repeat(norms(w), SIZES)
    assert np.abs(norms(each) ** 2 - law.exchange(norms(w) ** 2, tangents[-1])).max() > 1e-4


def test_shares_after_a_long_run_do_not_overflow():
    tangents = np.full((3000, 2), 10.0)
    tangents[0] = [0.0, 1.0]
    np.testing.assert_allclose(law.shares_after([0.5, 0.5], tangents), [1 / 3, 2 / 3])


@pytest.mark.parametrize("rate", [0.01, 0.2])
def test_steady_state_of_constant_gammas(rate):
    """Groups that turn for ever with a constant gamma: literally in the plane, each with a tangential gradient."""
    gamma = np.array([0.3, 1.0, 3.0])
    w = np.array([0.2, 0.5, np.sqrt(1 - 0.29)], complex)
    for _ in range(round(12 / (rate * gamma.sum()) ** 2)):
        w = w - rate * 1j * w / np.abs(w) * gamma / np.abs(w)
        w = w / np.linalg.norm(w)
    np.testing.assert_allclose(np.abs(w) ** 2, law.balanced_shares(gamma), rtol=1e-6)
    s = law.tangent(rate, gamma / np.abs(w), np.abs(w))
    np.testing.assert_allclose(s, law.balanced_tangent(rate, gamma), rtol=1e-6)
    np.testing.assert_allclose(law.log_growth([s, s]), np.log1p(law.balanced_tangent(rate, gamma) ** 2), rtol=1e-6)


# --- weight decay -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("decay", [1e-2, 5e-3])
def test_equilibrium_under_weight_decay(decay):
    """Linear functions of the direction drawn afresh, in 20 dimensions: E[gamma^2] = 19. 40 runs, to 2 %."""
    rng, rate, d = np.random.default_rng(6), 0.5, 20
    w = rng.standard_normal((40, d))
    burn, steps = round(5 / (rate * decay)), round(10 / (rate * decay))
    sums = np.zeros(3)
    for k in range(steps):
        rho = np.linalg.norm(w, axis=1, keepdims=True)
        xi = rng.standard_normal(w.shape)
        g = (xi - (xi * w).sum(1, keepdims=True) * w / rho**2) / rho
        new = (1 - rate * decay) * w - rate * g
        if k >= burn:
            cosine = (new * w).sum(1) / np.linalg.norm(new, axis=1) / rho[:, 0]
            sums += [np.mean(rho**4), np.mean(law.effective_rate(rate, rho)), np.mean(np.arccos(cosine) ** 2)]
        w = new
    fourth, elr, square_turn = sums / (steps - burn)
    gamma = np.sqrt(d - 1)
    assert fourth == pytest.approx(law.decay_norm(rate, decay, gamma) ** 4, rel=0.02)
    assert elr == pytest.approx(law.decay_effective_rate(rate, decay, gamma), rel=0.02)
    assert np.sqrt(square_turn) == pytest.approx(law.decay_turn(rate, decay), rel=0.02)


def test_equilibrium_of_a_constant_gamma_to_first_order():
    """The exact fixed point of the norms is off by eta lam/2 relatively in rho^4, so by half as much at half of it."""
    errors = []
    for decay in (0.08, 0.04):
        rho = 1.0
        for _ in range(500):
            rho = law.free_norm(rho, 2.0 / rho, 0.5, decay)
        errors.append(rho**4 / law.decay_norm(0.5, decay, 2.0) ** 4 - 1)
        assert law.tangent(0.5, 2.0 / rho, rho) == pytest.approx(law.decay_turn(0.5, decay), rel=0.02)
        assert errors[-1] == pytest.approx(0.5 * decay / 2, rel=0.05)
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.05)


# --- the toy function ---------------------------------------------------------------------------------------


def cartesian(w, alpha):
    """Toy function of weights (..., n, 2) as it is written."""
    return np.sum(alpha * w[..., 0] ** 2 / (w[..., 0] ** 2 + w[..., 1] ** 2), axis=-1)


def cartesian_step(w, alpha, rate):
    """One step with the gradient written out."""
    x, y = w[..., 0], w[..., 1]
    factor = 2 * alpha * x * y / (x**2 + y**2) ** 2
    w = w - rate * np.stack([factor * y, -factor * x], -1)
    return w / np.sqrt(np.sum(w**2, axis=(-2, -1), keepdims=True))


def polar(w):
    return np.arctan2(w[..., 0], w[..., 1]), np.sum(w**2, axis=-1)


def toy_start(runs, alpha, seed):
    w = np.random.default_rng(seed).standard_normal((runs, len(alpha), 2))
    return w / np.sqrt(np.sum(w**2, axis=(1, 2), keepdims=True))


def toy_run(load, steps, runs=12, seed=7, alpha=ALPHA):
    """Weights at the end, and over the second half the mean of F and of shares (..., n), and the growth."""
    w, rate = toy_start(runs, alpha, seed), load / alpha.sum()
    f, shares, growth, burn = 0.0, 0.0, 0.0, steps // 2
    for k in range(steps):
        if k >= burn:
            phi, u = polar(w)
            f, shares = f + toy.value(phi, alpha), shares + u
            growth = growth + np.log1p(law.tangent(rate, alpha * np.abs(np.sin(2 * phi)) / np.sqrt(u), np.sqrt(u)) ** 2)
        w = cartesian_step(w, alpha, rate)
    return w, f / (steps - burn), shares / (steps - burn), growth / (steps - burn)


def test_toy_step_and_value_are_those_of_the_weights():
    w = toy_start(6, ALPHA, 8)
    for k in range(2):  # the gradient of the tests is that of the function
        move = np.zeros_like(w[0])
        move[1, k % 2] = 1e-6
        slope = (cartesian(w + move, ALPHA) - cartesian(w - move, ALPHA)) / 2e-6
        x, y = w[:, 1, 0], w[:, 1, 1]
        by_hand = 2 * ALPHA[1] * x * y / (x**2 + y**2) ** 2 * (y if k % 2 == 0 else -x)
        np.testing.assert_allclose(slope, by_hand, rtol=1e-6)
    rate = 0.2
    phi, u = polar(w)
    for _ in range(4):
        np.testing.assert_allclose(toy.value(phi, ALPHA), cartesian(w, ALPHA), rtol=1e-10)
        phi, u = toy.step(phi, u, rate, ALPHA)
        w = cartesian_step(w, ALPHA, rate)
        np.testing.assert_allclose(u, polar(w)[1], rtol=1e-9)
        np.testing.assert_allclose(np.sin(phi - polar(w)[0]), 0, atol=1e-9)


def test_toy_converges_below_the_threshold_and_only_there():
    """The smallest margin of the final shares over eta alpha is positive, and small when the threshold is near."""
    margins = []
    for load in (0.5, 0.9):
        rate = load * toy.threshold(ALPHA)
        assert toy.load(rate, ALPHA) == pytest.approx(load)
        w, mean, _, _ = toy_run(load, 3000)
        u = polar(w)[1]
        assert mean.max() < 1e-6
        margins.append((u / toy.smallest_shares(rate, ALPHA)).min())
        assert margins[-1] > 1
        assert np.all(toy.sharpness(u, ALPHA) < 2 / rate) and np.all(np.abs(toy.multipliers(u, rate, ALPHA)) < 1)
    assert margins[1] < 1.2
    assert toy_run(1.1, 3000)[1].min() > 0.1
    assert toy.smallest_shares(toy.threshold(ALPHA) * 0.999, ALPHA).sum() == pytest.approx(0.999)


def test_toy_sharpness_and_multipliers_by_brute_force():
    u, h, rate = np.array([0.1, 0.3, 0.6]), 1e-4, 0.04
    alpha = np.array([1.0, 2.0, 0.5])
    base = np.stack([np.zeros(3), np.sqrt(u)], -1).ravel()
    f = lambda v: cartesian((v / np.linalg.norm(v)).reshape(3, 2), alpha)  # noqa: E731
    e = h * np.eye(6)
    hessian = [[sum(a * b * f(base + a * p + b * q) for a in (-1, 1) for b in (-1, 1)) for p in e] for q in e]
    top = np.linalg.eigvalsh(np.array(hessian) / (4 * h**2))[-1]
    assert toy.sharpness(u, alpha) == pytest.approx(top, rel=1e-5) == 20
    phi = np.array([1e-6, -2e-6, 1e-6])
    w = np.stack([np.sqrt(u) * np.sin(phi), np.sqrt(u) * np.cos(phi)], -1)
    ratio = polar(cartesian_step(w, alpha, rate))[0] / phi
    np.testing.assert_allclose(ratio, toy.multipliers(u, rate, alpha), rtol=1e-6)
    # no shares beat those of the orbit
    others = np.random.default_rng(9).dirichlet(np.ones(3), 200)
    flattest = toy.sharpness(toy.orbit_shares(1.0, alpha), alpha)
    assert flattest == pytest.approx(2 * alpha.sum()) and np.all(toy.sharpness(others, alpha) > flattest)


@pytest.mark.parametrize("load", [1.02, 1.5, 4.0])
def test_toy_orbit_has_period_two(load):
    rate = load / ALPHA.sum()
    phi = toy.orbit_angle(rate, ALPHA) * np.array([1, -1, 1, 1, -1])
    u = toy.orbit_shares(rate, ALPHA)
    w = np.stack([np.sqrt(u) * np.sin(phi), np.sqrt(u) * np.cos(phi)], -1)
    after = cartesian_step(w, ALPHA, rate)
    np.testing.assert_allclose(after, w * [-1, 1], atol=1e-12)
    np.testing.assert_allclose(cartesian_step(after, ALPHA, rate), w, atol=1e-12)
    assert cartesian(w, ALPHA) == pytest.approx(toy.plateau(rate, ALPHA), rel=1e-10)
    np.testing.assert_allclose(np.tan(2 * np.abs(phi)), toy.orbit_tangent(rate, ALPHA))
    wrong = np.stack([np.sqrt(u) * np.sin(1.01 * phi), np.sqrt(u) * np.cos(1.01 * phi)], -1)
    assert np.abs(cartesian_step(wrong, ALPHA, rate) - wrong * [-1, 1]).max() > 1e-5


@pytest.mark.parametrize("load", [1.2, 2.0])
def test_toy_orbit_is_neutral_to_first_order(load):
    """Jacobian of step and reflection by differences: 8 multipliers of modulus 1, one of 2/k^2 - 1 and the scale."""
    rate, h = load / ALPHA.sum(), 1e-6
    u = toy.orbit_shares(rate, ALPHA)
    base = np.r_[np.full(5, toy.orbit_angle(rate, ALPHA)), np.log(u)]

    def move(v):
        shares = np.exp(v[5:])
        phi, shares = toy.step(v[:5], shares / shares.sum(), rate, ALPHA)
        return np.r_[-phi, np.log(shares)]

    jacobian = np.array([(move(base + h * e) - move(base - h * e)) / (2 * h) for e in np.eye(10)]).T
    sizes = np.sort(np.abs(np.linalg.eigvals(jacobian)))
    np.testing.assert_allclose(sizes, np.sort(np.r_[np.ones(8), abs(2 / load**2 - 1), 0]), atol=1e-6)


@pytest.mark.parametrize("load", [1.05, 1.4, toy.LAST_ORBIT])
def test_toy_runs_end_on_the_orbit(load):
    """F to 1e-4 of A, shares and growth to 1 %; at 1.2 some runs end elsewhere, and so the test leaves it out."""
    rate = load / ALPHA.sum()
    _, mean, shares, growth = toy_run(load, 6000)
    np.testing.assert_allclose(mean, toy.plateau(rate, ALPHA), atol=1e-4 * ALPHA.sum())
    np.testing.assert_allclose(shares, np.tile(toy.orbit_shares(rate, ALPHA), (12, 1)), rtol=0.01)
    np.testing.assert_allclose(growth, np.log1p(toy.orbit_tangent(rate, ALPHA) ** 2), rtol=0.01)
    assert abs(toy.plateau(0.98 * rate, ALPHA) - mean.mean()) > 1e-3 * ALPHA.sum()


@pytest.mark.parametrize("load", [2.0, 5.0, 20.0])
def test_toy_chaotic_runs(load):
    """Mean of F within 4 %, growth equal over groups to 1 %; shares flatter than those of the orbit from k = 3 on."""
    rate = load / ALPHA.sum()
    w, mean, shares, growth = toy_run(load, 4000)
    assert mean.mean() == pytest.approx(toy.plateau(rate, ALPHA), rel=0.04)
    assert np.std(cartesian(w, ALPHA)) > 0.1  # no orbit
    np.testing.assert_allclose(growth / growth.mean(1, keepdims=True), 1, atol=0.01)
    flat = np.ptp(np.log(shares.mean(0))) / np.ptp(np.log(toy.orbit_shares(rate, ALPHA)))
    assert flat < 0.9 if load > 3 else flat > 0.9
    if load == 20:
        assert mean.mean() / toy.random_value(ALPHA) == pytest.approx(0.95, abs=0.03)
        assert toy.plateau(rate, ALPHA) / toy.random_value(ALPHA) == pytest.approx(0.95)


def test_toy_value_of_a_random_point():
    """8000 points: P(|z| > 4) = 6.3e-5."""
    f = cartesian(toy_start(8000, ALPHA, 10), ALPHA)
    assert abs(f.mean() - toy.random_value(ALPHA)) < 4 * f.std() / np.sqrt(len(f))
    assert toy.plateau(1e9, ALPHA) == pytest.approx(toy.random_value(ALPHA), rel=1e-8)


# --- basins -------------------------------------------------------------------------------------------------


def test_angles():
    u, v = np.random.default_rng(11).standard_normal((2, 4, 50))
    by_hand = [np.arccos(a @ b / np.sqrt(a @ a * (b @ b))) for a, b in zip(u, v, strict=True)]
    np.testing.assert_allclose(measure.angle(u, v), by_hand, rtol=1e-12)
    np.testing.assert_allclose(measure.angle(3 * u, 0.2 * v), by_hand, rtol=1e-12)
    a, b = u[0] / np.linalg.norm(u[0]), u[1] / np.linalg.norm(u[1])
    mean = 0.5 * (a + b)  # an averaged point, inside the sphere
    assert measure.angle(a, mean) == pytest.approx(0.5 * measure.angle(a, b))
    assert np.arccos(a @ mean) > measure.angle(a, mean) + 0.1  # what the product without norms gives
    tiny = 1e-9 * (b - (a @ b) * a) / np.linalg.norm(b - (a @ b) * a)
    assert measure.angle(a, a + tiny) == pytest.approx(1e-9, rel=1e-6)
    np.testing.assert_allclose(measure.angle(u, np.stack([u[0], -u[1], u[2], u[3]])), [0, np.pi, 0, 0], atol=1e-7)


def test_straight_lines_between_points_of_a_sphere():
    rng, radius = np.random.default_rng(12), 2.5
    u, v = radius * np.array([x / np.linalg.norm(x) for x in rng.standard_normal((2, 6))])
    omega, a = measure.angle(u, v), np.linspace(0, 1, 11)
    points = (1 - a)[:, None] * u + a[:, None] * v
    np.testing.assert_allclose(measure.path_norm(a, omega, radius), np.linalg.norm(points, axis=1), rtol=1e-12)
    np.testing.assert_allclose(measure.path_angle(a, omega), measure.angle(points, u), atol=1e-8)
    assert measure.path_norm(a, omega, radius).min() == pytest.approx(radius * np.cos(omega / 2))
    assert np.abs(measure.path_angle(a, omega) - a * omega).max() > 0.01  # not run through evenly
    assert np.argmax(np.diff(measure.path_angle(a, omega))) in (4, 5)


def test_barrier():
    a = np.array([0.0, 0.1, 0.5, 1.0])
    e = np.random.default_rng(13).uniform(0, 90, (6, 4))
    by_hand = [max(r[i] - (1 - a[i]) * r[0] - a[i] * r[3] for i in range(4)) for r in e]
    np.testing.assert_allclose(measure.barrier(e, a), by_hand)
    assert np.abs(measure.barrier(e) - by_hand).max() > 1  # the fractions matter
    np.testing.assert_allclose(measure.barrier(e[:, ::-1], 1 - a[::-1]), by_hand)  # direction does not
    line = np.linspace(10, 30, 11)
    np.testing.assert_allclose(measure.barrier(line + 8 * np.sin(np.pi * np.linspace(0, 1, 11))), 8)
    np.testing.assert_allclose(measure.barrier([line, line - 5 * (line > 10) * (line < 30)]), 0, atol=1e-13)


# --- features -----------------------------------------------------------------------------------------------


def test_features_by_hand():
    rng = np.random.default_rng(14)
    a = rng.uniform(45, 75, (40, 16))
    ranked = np.array([sorted(run, reverse=True) for run in a])
    np.testing.assert_allclose(measure.sorted_features(a), ranked.mean(0))
    assert np.abs(measure.sorted_features(a) - np.sort(a.mean(0))[::-1]).max() > 5  # the order of the two matters
    np.testing.assert_allclose(measure.feature_gap(a), ranked[:, 0] - ranked[:, 1])
    a[:10] = np.minimum(a[:10], 60.0)  # at the level is not above it
    share = measure.sparse_share(a)
    assert share == np.mean([max(run) > 60 for run in a]) and 0 < share < 1
    by_hand = [sum(max(x - 50, 0) for x in r) ** 2 / sum(max(x - 50, 0) ** 2 for x in r) for r in a]
    np.testing.assert_allclose(measure.participation(a), by_hand)


@pytest.mark.parametrize("used", [1, 3, 16])
def test_participation_counts_the_features_in_use(used):
    a = np.where(np.arange(16) < used, 58.0, 49.0)
    assert measure.participation(a) == pytest.approx(used)
    assert measure.participation(np.r_[a, np.full(20, 30.0)]) == pytest.approx(used)  # worse than chance is no use
    assert measure.participation(50 + 7 * (a - 50)) == pytest.approx(used)
    uneven = measure.participation(a + np.arange(16) / 10)
    assert 1 < uneven <= 16 and uneven != pytest.approx(used)


# --- regime lines -------------------------------------------------------------------------------------------

PLR = np.array([3.16e-5, 1e-3, 5.62e-3, 7.5e-3, 1e-2, 1.78e-2, 4.22e-2, 5.62e-2])


def reference():
    """Losses and accuracies (50, 8) like those of the synthetic problem, most of them from its table."""
    rng = np.random.default_rng(15)
    losses = np.tile([3e-3, 6e-5, 1e-8, 1e-3, 0.375, 0.6, 1.97, 3.9], (50, 1)) * rng.uniform(0.8, 1.2, (50, 8))
    losses[:12, 3] = 0.3  # 76 % of the runs converge
    pretrained = np.array([70.0, 73.4, 76.6, 75.6, 70.4, 61.2, 51.0, 50.0]) + rng.normal(0, 1, (50, 8))
    averaged = np.array([70.0, 73.4, 76.6, 77.2, 77.6, 65.7, 51.5, 50.0]) + rng.normal(0, 1, (50, 8))
    return losses, pretrained, averaged


def test_regime_lines_of_the_reference_problem():
    losses, pretrained, averaged = reference()
    first = measure.convergence_line(PLR, losses)
    assert first == 7.5e-3
    assert measure.random_line(PLR, losses, pretrained, 3.0, slack=1.5) == 5.62e-2
    assert measure.basin_line(PLR, first, averaged, pretrained) == 1.78e-2
    order = np.random.default_rng(16).permutation(8)  # the order of the rates is free
    moved = (PLR[order], losses[:, order], pretrained[:, order], averaged[:, order])
    assert measure.convergence_line(moved[0], moved[1]) == 7.5e-3
    assert measure.random_line(*moved[:3], 3.0, slack=1.5) == 5.62e-2
    assert measure.basin_line(moved[0], first, moved[3], moved[2]) == 1.78e-2


def test_each_part_of_a_criterion_counts():
    losses, pretrained, averaged = reference()
    assert measure.convergence_line(PLR, losses, level=1e-3) == 5.62e-3
    # most runs at 7.5e-3 not converged: the median says no
    few = losses.copy()
    few[:30, 3] = 0.3
    assert measure.convergence_line(PLR, few) == 5.62e-3
    assert measure.random_line(PLR, losses, pretrained, 1.5, slack=1.5) == 4.22e-2  # a smaller loss of random points
    assert np.isnan(measure.random_line(PLR, losses, pretrained + 10, 3.0, slack=1.5))  # no chance accuracy
    assert measure.random_line(PLR, losses, pretrained, 0.0, slack=1.5) == 4.22e-2  # the accuracy alone
    barriers = np.tile([30.0, 9, 0, 0, 2.5, 9, 9, 9], (50, 1))
    assert measure.basin_line(PLR, 7.5e-3, averaged, pretrained, barriers) == 1e-2
    assert measure.basin_line(PLR, 7.5e-3, averaged, pretrained, barriers, level=3.0) == 1.78e-2
    assert measure.basin_line(PLR, 7.5e-3, averaged + 30, pretrained, barriers) == 1e-2  # the barrier alone
    assert measure.basin_line(PLR, 2e-2, averaged, pretrained, barriers) == 4.22e-2  # above the first line only


# --- regimes ------------------------------------------------------------------------------------------------


def test_outside_the_regime_a_prediction_is_nan():
    losses, pretrained, averaged = reference()
    values = [
        [law.effective_rate(*a) for a in [(-1, 1), (1, 0), (1, -1)]],
        [law.matching_rate(*a) for a in [(-1, 1, 1), (1, 0, 1), (1, 1, 0)]],
        law.scaled_gradient([1.0, 2.0], [0.0, -1.0]),
        [law.radial_cosine(*a) for a in [([0, 0], [1, 2]), ([1, 2], [0, 0])]],
        [law.sphere_step([1.0, 0.0], *a) for a in [([1, 0], 1), ([0, 1], -1), ([0, 1], 1, 0)]],
        [f(*a) for f in (law.tangent, law.turn) for a in [(-1, 1, 1), (1, -1, 1), (1, 1, 0)]],
        [law.free_norm(*a) for a in [(0, 1, 1), (1, -1, 1), (1, 1, -1), (1, 1, 1, -1)]],
        [law.exchange(u, [1.0, 2.0]) for u in ([0.5, 0.6], [1.0, 0.0], [1.5, -0.5])],
        [law.shares_after(u, [[1.0, 2.0]]) for u in ([0.5, 0.6], [1.0, 0.0], [1.5, -0.5])],
        law.balanced_shares([1.0, 0.0]),
        [law.balanced_tangent(*a) for a in [(-1, [1, 2]), (1, [1, 0])]],
        [f(*a, 1) for f in (law.decay_norm, law.decay_effective_rate) for a in [(0, 1), (0.01, 0), (1, 0.11)]],
        [f(0.1, 0.1, 0) for f in (law.decay_norm, law.decay_effective_rate)],
        [law.decay_turn(*a) for a in [(0, 1), (0.01, 0), (1, 0.11), (-0.1, -0.1)]],
        [f([1.0, 0.0]) for f in (toy.threshold, toy.random_value)],
        toy.value([1.0, 1.0], [1.0, -1.0]),
        toy.step([1.0, 1.0], [0.5, 0.6], 1.0, [1.0, 1.0]),
        toy.step([1.0, 1.0], [0.5, 0.5], -1.0, [1.0, 1.0]),
        toy.step([1.0, 1.0], [0.5, 0.5], 1.0, [1.0, 0.0]),
        [toy.load(*a) for a in [(-1, [1, 2]), (1, [1, 0])]],
        [toy.smallest_shares(rate, [1.0, 3.0]) for rate in (0.0, 0.25, 0.3)],
        [toy.sharpness(*a) for a in [([0.5, 0.6], [1, 1]), ([0.5, 0.5], [1, 0]), ([1, 0], [1, 1])]],
        [toy.multipliers(*a) for a in [([0.5, 0.6], 1, [1, 1]), ([0.5, 0.5], 1, [1, 0]), ([0.5, 0.5], -1, [1, 1])]],
        [f(rate, [1.0, 3.0]) for f in (toy.orbit_angle, toy.orbit_tangent, toy.plateau) for rate in (0, 0.2, 0.25)],
        [toy.orbit_shares(rate, [1.0, 3.0]) for rate in (0, 0.2, 0.25)],
        [measure.angle(*a) for a in [([0, 0], [1, 1]), ([1, 1], [0, 0])]],
        [measure.path_norm(*a) for a in [(-0.1, 1), (1.1, 1), (0.5, -1), (0.5, 3.2), (0.5, 1, 0)]],
        [measure.path_angle(*a) for a in [(-0.1, 1), (1.1, 1), (0.5, -1), (0.5, np.pi)]],
        [measure.barrier([1.0, 2.0], a) for a in ([0.1, 1.0], [0.0, 0.9])],
        measure.participation([50.0, 49.0]),
        measure.convergence_line(PLR, losses + 1),
        measure.random_line(PLR, losses, pretrained, 9.0, slack=1.5),
        measure.basin_line(PLR, 1.0, averaged, pretrained),
        measure.basin_line(PLR, np.nan, averaged, pretrained),
    ]
    for place, value in enumerate(values):
        assert np.isnan(value).all(), (place, value)


def test_nan_stays_in_its_own_cell():
    np.testing.assert_array_equal(np.isnan(law.exchange([[0.5, 0.5], [0.5, 0.6]], [1.0, 2.0])), [[0, 0], [1, 1]])
    assert np.isnan(toy.plateau([0.1, 0.5], [1.0, 3.0])).tolist() == [True, False]
    assert np.isnan(law.decay_turn([0.05, 0.2], 1.0)).tolist() == [False, True]
    assert np.isnan(measure.participation([[50.0, 40.0], [50.0, 60.0]])).tolist() == [True, False]
