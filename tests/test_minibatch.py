"""Minibatch laws and isotropic noise: samplers, the draws of a step, exact laws on linear regression, and the span.

Tests of counts are chi-squared at p > 1e-4. Tests of moments ask for |z| < 4 in each cell, so at most 6.3e-5 false
alarms a cell (Bonferroni). Each comes with a wrong law that it refuses.
"""

from __future__ import annotations

import itertools
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

import lrtheory
from lrtheory.dynamics import (
    GD,
    SDE,
    SGD,
    Adam,
    GradientFlow,
    Langevin,
    MinibatchMomentum,
    MinibatchSGD,
    Momentum,
    NoisyGD,
    Optax,
    Reshuffled,
    WithReplacement,
)  # fmt: skip
from lrtheory.dynamics.minibatch import Epoch, below
from lrtheory.experiment import Axis, Experiment
from lrtheory.gaussian import bits, quantile
from lrtheory.problems.quadratic import Quadratic
from lrtheory.pytree import pytree, static
from lrtheory.schedules import Constant
from lrtheory.theory import quadratic as law

KEY = jax.random.key(11)


# --- toys ---------------------------------------------------------------------------------------------------


@pytree
class Line:
    """Linear regression with label noise, on inputs that are the same for every key."""

    n: int = static(3)
    k: int = static(2)
    batch: int = static(1)
    sigma: float = 0.5

    def data(self, key):
        rng = np.random.default_rng(self.n * self.k)
        return {"x": jnp.asarray(rng.standard_normal((self.n, self.k))), "y": jnp.asarray(rng.standard_normal(self.n))}

    def init(self, key):
        return jnp.linspace(-1.0, 1.0, self.k)

    def loss(self, params, data):
        return 0.5 * jnp.mean((data["x"] @ params - data["y"]) ** 2)

    def batch_loss_and_gradient(self, params, data, index, xi):
        x = data["x"][index]
        residual = x @ params - data["y"][index] - self.sigma * xi
        return 0.5 * jnp.mean(residual**2), residual @ x / len(index)

    def gradient_noise(self, key, params, data):
        return self.sigma * jax.random.normal(key, (self.n,)) @ data["x"] / self.n


@pytree
class Reduced(Line):
    """The same with ``reduce`` to the span of the inputs and the start."""

    def reduce(self, data, params):
        frame = jnp.linalg.qr(jnp.concatenate([data["x"], params[None]]).T)[0]
        return {**data, "x": data["x"] @ frame}, params @ frame


@pytree
class Echo:
    """Its gradient is what the law hands over: the indices, then the normal numbers."""

    n: int = static(7)
    batch: int = static(2)

    def data(self, key):
        return ()

    def init(self, key):
        return jnp.zeros(2 * self.batch)

    def loss(self, params, data):
        return jnp.sum(params)

    def batch_loss_and_gradient(self, params, data, index, xi):
        return jnp.sum(xi), jnp.concatenate([index.astype(xi.dtype), xi])


@pytree
class Weights:
    """The weights alone."""

    def __call__(self, problem, data, params, aux):
        return {"w": params}


@pytree
class Wrongly(Reshuffled):
    """The classical mistake: exchange with any entry, not with one of those that are left."""

    def draw(self, state, words, n):
        def one(state, word):
            order, at = state
            other = below(word, np.uint32(n)).astype(np.int32)
            drawn, moved = order[other], order[at]
            order = order.at[other].set(moved).at[at].set(drawn)
            return Epoch(order, jnp.where(at + 1 == n, 0, at + 1)), drawn

        # What an epoch gives is its order at the end.
        state, _ = jax.lax.scan(one, state, words)
        return state.order, state


def run(problem: Any, dynamics: Any, *, rates: Any, n_steps: int, seeds: int, n_records: int = 1) -> Any:
    return lrtheory.run(
        Experiment(
            name="test", problem=problem, dynamics=dynamics, schedule=Constant(rate=1.0), probes=(Weights(),),
            n_steps=n_steps, n_records=n_records, axes={"rate": Axis("schedule.rate", rates)}, seeds=seeds,
        )
    )  # fmt: skip


def walk(problem: Any, dynamics: Any, data: Any, w: Any, *, rate: Any, keys: Any) -> Any:
    """Return the parameters after each step, and the observed losses."""

    def step(state, key):
        state, observed = dynamics.step(problem, data, state, rate, key)
        return state, (dynamics.params(state), observed["loss"])

    return jax.lax.scan(step, dynamics.init(problem, data, w), keys)[1]


def ends(problem: Any, dynamics: Any, *, rate: float, n_steps: int, walks: int) -> np.ndarray:
    """Return where ``walks`` independent walks end, (walks, k)."""
    data, w = problem.data(KEY), problem.init(KEY)

    def end(seed):
        keys = jax.random.split(jax.random.fold_in(KEY, seed), n_steps)
        return walk(problem, dynamics, data, w, rate=rate, keys=keys)[0][-1]

    return np.asarray(jax.jit(jax.vmap(end))(jnp.arange(walks)))


# --- samplers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 3, 20, 255, 256, 40000, 2**16 - 1])
def test_whole_numbers_are_the_exact_floor(n):
    edges = [-(-(k * 2**32) // n) + d for k in range(1, n, max(1, n // 500)) for d in (-1, 0)]
    words = [0, 1, 2**16 - 1, 2**16, 2**31, 2**32 - 1, *edges, *np.random.default_rng(n).integers(0, 2**32, 2000)]
    expected = [int(word) * n // 2**32 for word in words]
    found = jax.jit(below)(jnp.asarray(np.array(words, np.uint32)), jnp.uint32(n))
    assert found.dtype == np.uint32
    np.testing.assert_array_equal(found, expected)


def draws(sampler: Any, n: int, batch: int, steps: int, key: Any = KEY) -> np.ndarray:
    """Return the indices of consecutive batches, (steps, batch)."""
    words = bits(key, steps * batch).reshape(steps, batch)

    def step(state, words):
        index, state = sampler.draw(state, words, n)
        return state, index

    return np.asarray(jax.jit(lambda words: jax.lax.scan(step, sampler.init(n), words)[1])(words))


def pvalue(index: np.ndarray, base: int) -> float:
    """Return that of a chi-squared test: each row of whole numbers below ``base`` is as likely as any other."""
    counts = np.bincount(index @ base ** np.arange(index.shape[1]), minlength=base ** index.shape[1])
    return scipy.stats.chisquare(counts).pvalue


@pytest.mark.parametrize("batch", [1, 3, 7, 10])
def test_every_epoch_is_a_permutation_however_batches_straddle_epochs(batch):
    index = draws(Reshuffled(), 7, batch, 7 * 30)
    assert index.shape == (7 * 30, batch) and index.dtype == np.int32
    epochs = index.reshape(-1, 7)
    np.testing.assert_array_equal(np.sort(epochs, axis=1), np.broadcast_to(np.arange(7), epochs.shape))
    assert len(np.unique(epochs, axis=0)) > 0.9 * len(epochs)
    # Batches cut one and the same sequence.
    np.testing.assert_array_equal(index.ravel(), draws(Reshuffled(), 7, 1, 7 * 30 * batch).ravel())
    if batch > 1:
        afresh = draws(WithReplacement(), 7, batch, 7 * 30).reshape(-1, 7)
        assert (np.sort(afresh, axis=1) != np.arange(7)).any(axis=1).mean() > 0.9


def test_orders_are_uniform_in_every_epoch_and_independent_of_the_last():
    """3 tests at p > 1e-4. The orders of an even and the next, odd epoch are 36 pairs, each as likely."""
    orders = {order: i for i, order in enumerate(itertools.permutations(range(3)))}

    def numbered(epochs):
        return np.array([orders[tuple(epoch)] for epoch in epochs.tolist()]).reshape(-1, 2)

    pairs = numbered(draws(Reshuffled(), 3, 1, 3 * 40000).reshape(-1, 3))
    assert pvalue(pairs, 6) > 1e-4
    # of a longer list: where one entry is drawn, in 20 epochs after the start
    late = draws(Reshuffled(), 20, 1, 20 * 20000).reshape(-1, 20)
    assert all(pvalue(np.argmax(late == i, axis=1)[:, None], 20) > 1e-4 for i in (0, 19))
    assert pvalue(numbered(draws(Wrongly(), 3, 3, 40000)), 6) < 1e-10


def test_with_replacement_every_batch_is_as_likely():
    """2 tests at p > 1e-4: pairs inside a batch, and across batches. Without replacement no pair is of equals."""
    index = draws(WithReplacement(), 7, 2, 40000)
    assert index.dtype == np.int32
    assert pvalue(index, 7) > 1e-4
    assert pvalue(index.ravel()[1:-1].reshape(-1, 2), 7) > 1e-4
    assert pvalue(draws(Reshuffled(), 7, 2, 40000), 7) < 1e-10


# --- what a step draws --------------------------------------------------------------------------------------


def test_a_step_draws_its_words_at_once(x64):
    problem = Line(n=3, k=2, batch=4)
    data, w = problem.data(KEY), problem.init(KEY)
    words = bits(KEY, 8)
    index, xi = np.asarray(words[:4], object) * 3 // 2**32, np.asarray(quantile(words[4:]), float)
    dynamics = MinibatchSGD(weight_decay=0.3)
    state, observed = dynamics.step(problem, data, dynamics.init(problem, data, w), 0.1, KEY)
    x, y = np.asarray(data["x"])[index.astype(int)], np.asarray(data["y"])[index.astype(int)]
    residual = x @ w - y - 0.5 * xi
    np.testing.assert_allclose(observed["loss"], np.mean(residual**2) / 2, rtol=1e-14)
    np.testing.assert_allclose(state.params, w - 0.1 * (residual @ x / 4 + 0.3 * w), rtol=1e-14)


def test_indices_and_normal_numbers_are_independent():
    """KS on 80000 numbers at p > 1e-4; 49 + 21 cells at |z| < 4: false alarms below 0.5 %."""
    problem, n_steps = Echo(n=7, batch=2), 40000
    found, _ = jax.jit(lambda keys: walk(problem, MinibatchSGD(), (), jnp.zeros(4), rate=-1.0, keys=keys))(
        jax.random.split(KEY, n_steps)
    )
    found = np.diff(np.asarray(found, float), axis=0, prepend=0.0)
    index, xi = np.rint(found[:, :2]).astype(int), found[:, 2:]
    assert pvalue(index, 7) > 1e-4
    assert scipy.stats.kstest(xi.ravel(), "norm").pvalue > 1e-4
    for i, j in itertools.product(range(2), repeat=2):
        means = [xi[index[:, i] == at, j].mean() * np.sqrt((index[:, i] == at).sum()) for at in range(7)]
        assert np.abs(means).max() < 4
    assert abs(np.mean(xi[:, 0] * xi[:, 1])) * np.sqrt(n_steps) < 4


@pytest.mark.parametrize("dynamics", [MinibatchSGD(), MinibatchSGD(sampling=Reshuffled()), MinibatchMomentum(beta=0.5)])
def test_rates_of_a_seed_share_inputs_and_noise_and_seeds_do_not(dynamics):
    ds = run(Echo(), dynamics, rates=(0.5, 0.25), n_steps=12, n_records=12, seeds=3)
    w = ds.w.transpose("rate", "seed", "record", ...).values
    np.testing.assert_array_equal(w[0], 2 * w[1])  # a factor of two rounds nothing
    kicks = np.diff(w[0], axis=1)
    for a, b in itertools.combinations(range(3), 2):
        assert (kicks[a] != kicks[b])[..., 2:].all()
    assert (kicks[:, 1:] != kicks[:, :-1])[..., 2:].all()


# --- momentum and weight decay in closed form ---------------------------------------------------------------


@pytest.mark.parametrize("beta", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("decay", [0.0, 0.4])
def test_one_input_without_noise_has_a_closed_form(x64, beta, decay):
    r"""w_k = w_inf + a r_1^k + b r_2^k, r the roots of r^2 - (1 + beta - eta (h + decay)) r + beta."""
    problem, rate, n_steps = Line(n=1, k=1, sigma=0.0), 0.5, 25
    data = {"x": jnp.array([[1.2]]), "y": jnp.array([0.7])}
    dynamics = MinibatchMomentum(beta=beta, weight_decay=decay)
    start = 2.0
    keys = jax.random.split(KEY, n_steps)
    found, losses = walk(problem, dynamics, data, jnp.array([start]), rate=rate, keys=keys)
    h = 1.2**2
    limit = 1.2 * 0.7 / (h + decay)
    # At rest before the first step, so that it has the length of one without momentum.
    first = start - rate * (h + decay) * (start - limit)
    roots = np.roots([1.0, -(1.0 + beta - rate * (h + decay)), beta]).astype(complex)
    a, b = np.linalg.solve([[1.0, 1.0], roots], np.array([start - limit, first - limit], complex))
    exact = limit + (a * roots[0] ** np.arange(n_steps + 1) + b * roots[1] ** np.arange(n_steps + 1)).real
    np.testing.assert_allclose(found[:, 0], exact[1:], rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(losses, 0.5 * (1.2 * exact[:-1] - 0.7) ** 2, rtol=1e-9, atol=1e-13)
    if beta == 0:
        plain, _ = walk(problem, MinibatchSGD(weight_decay=decay), data, jnp.array([start]), rate=rate, keys=keys)
        np.testing.assert_allclose(found, plain, rtol=1e-14)


# --- exact moments on linear regression ---------------------------------------------------------------------


class Affine:
    """One random affine step z <- A z + b + noise: outcomes with equal weights, and the moments they give."""

    def __init__(self, outcomes: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> None:
        self.a, self.b, self.spread = (np.stack(part) for part in zip(*outcomes, strict=True))

    def moments(self, start: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and E[z z^T] after ``steps`` steps."""
        mean, second = start, np.outer(start, start)
        for _ in range(steps):
            cross = self.a @ mean[:, None] * self.b[:, None, :]
            products = self.a @ second @ self.a.transpose(0, 2, 1) + self.b[:, :, None] * self.b[:, None, :]
            second = (products + cross + cross.transpose(0, 2, 1) + self.spread).mean(0)
            mean = (self.a @ mean + self.b).mean(0)
        return mean, second


def batch_step(problem: Line, rows: Any, rate: float, beta: float = 0.0, decay: float = 0.0) -> Any:
    """Return (A, b, covariance of the noise) of z = (w, v) for a batch of given inputs."""
    data, k = problem.data(KEY), problem.k
    x, y = np.asarray(data["x"])[list(rows)], np.asarray(data["y"])[list(rows)]
    # v' = beta v + g, w' = w - rate v': the force on v enters w times -rate.
    into = np.concatenate([-rate * np.eye(k), np.eye(k)])
    curvature = x.T @ x / len(x) + decay * np.eye(k)
    stays = np.diag([1.0] * k + [0.0] * k)
    a = stays + into @ np.concatenate([curvature, beta * np.eye(k)], axis=1)
    noise = problem.sigma * into @ x.T / len(x)
    return a, -into @ x.T @ y / len(x), noise @ noise.T


def after(first: Any, then: Any) -> Any:
    """Return the affine step of one after the other."""
    a, b, spread = first
    return then[0] @ a, then[0] @ b + then[1], then[0] @ spread @ then[0].T + then[2]


def largest_z(found: np.ndarray, mean: np.ndarray, second: np.ndarray) -> float:
    """Return the largest |z| of means and of mean products, (walks, k) against exact moments; 5 cells at k = 2."""
    k = found.shape[1]
    products = (found[:, :, None] * found[:, None, :])[:, *np.triu_indices(k)]
    both = np.concatenate([found, products], axis=1)
    exact = np.concatenate([mean[:k], second[:k, :k][np.triu_indices(k)]])
    return float(np.abs((both.mean(0) - exact) / (both.std(0) / np.sqrt(len(both)))).max())


WALKS = 20000


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("beta", [0.0, 0.6])
def test_moments_with_replacement(x64, batch, beta):
    """5 cells each: false alarms below 0.04 % each."""
    problem, rate, decay, n_steps = Line(batch=batch), 0.25, 0.2, 12
    dynamics = MinibatchMomentum(beta=beta, weight_decay=decay) if beta else MinibatchSGD(weight_decay=decay)
    found = ends(problem, dynamics, rate=rate, n_steps=n_steps, walks=WALKS)
    start = np.concatenate([problem.init(KEY), np.zeros(2)])

    def moments(problem, beta, decay):
        batches = itertools.product(range(3), repeat=problem.batch)
        return Affine([batch_step(problem, b, rate, beta, decay) for b in batches]).moments(start, n_steps)

    assert largest_z(found, *moments(problem, beta, decay)) < 4
    # Negative controls: another batch, less noise, less weight decay, more momentum.
    assert largest_z(found, *moments(Line(batch=3 - batch), beta, decay)) > 8
    assert largest_z(found, *moments(Line(batch=batch, sigma=0.3), beta, decay)) > 8
    assert largest_z(found, *moments(problem, beta, 0.05)) > 8
    assert largest_z(found, *moments(problem, beta + 0.3, decay)) > 8


@pytest.mark.parametrize("batch", [1, 3])
def test_moments_of_reshuffled_inputs(x64, batch):
    """5 cells each: false alarms below 0.04 % each. An epoch is one affine step, of six as likely as each other."""
    problem, rate, epochs = Line(batch=batch, sigma=0.2), 0.3, 4
    found = ends(problem, MinibatchSGD(sampling=Reshuffled()), rate=rate, n_steps=3 * epochs // batch, walks=WALKS)
    start = np.concatenate([problem.init(KEY), np.zeros(2)])
    orders = []
    for order in itertools.permutations(range(3)):
        outcome, *rest = [batch_step(problem, order[i : i + batch], rate) for i in range(0, 3, batch)]
        for then in rest:
            outcome = after(outcome, then)
        orders.append(outcome)
    assert largest_z(found, *Affine(orders).moments(start, epochs)) < 4
    afresh = Affine([batch_step(problem, b, rate) for b in itertools.product(range(3), repeat=batch)])
    assert largest_z(found, *afresh.moments(start, 3 * epochs // batch)) > 8
    if batch == 1:  # one order for ever; for a batch of all inputs their order is nothing
        assert largest_z(found, *Affine(orders[:1]).moments(start, epochs)) > 8


# --- isotropic noise ----------------------------------------------------------------------------------------


def test_isotropic_noise_has_the_plateau_of_a_quadratic():
    """4 cells of variance and 2 of correlation: false alarms below 0.04 %."""
    lam, rates, noise, seeds = np.array([1.0, 0.4]), (0.3, 1.7), 0.3, 2000
    ds = run(Quadratic(eigenvalues=tuple(lam), mean=0.0), Langevin(noise=noise), rates=rates, n_steps=100, seeds=seeds)
    for rate in rates:
        w = ds.w.sel(rate=rate).isel(record=-1).transpose("seed", ...).values
        variance = law.stationary_variance(rate, lam, noise)

        def z(variance, w=w):
            mean_square = (w**2 / variance).mean(0)
            return (np.cbrt(mean_square) - (1 - 2 / (9 * seeds))) / np.sqrt(2 / (9 * seeds))

        assert np.abs(z(variance)).max() < 4
        assert abs(np.mean(w[:, 0] * w[:, 1]) / np.sqrt(variance.prod() / seeds)) < 4
        assert np.abs(z(law.stationary_variance(rate, lam, 1.3 * noise))).min() > 8
        # Noise of labels follows the curvature: another plateau.
        assert np.abs(z(law.stationary_variance(rate, lam, noise * np.sqrt(lam)))).max() > 8


def test_isotropic_noise_is_another_for_each_leaf_and_none_at_zero(x64):
    @pytree
    class Tree:
        def loss(self, params, data):
            return sum(0.5 * jnp.sum(leaf**2) for leaf in jax.tree.leaves(params))

    w = {"a": jnp.ones(1000), "b": jnp.ones((1000,)), "c": jnp.ones(())}
    moved, observed = Langevin(noise=2.0).step(Tree(), (), w, 0.1, KEY)
    assert jax.tree.map(jnp.shape, moved) == jax.tree.map(jnp.shape, w)
    np.testing.assert_allclose(observed["loss"], 1000.5, rtol=1e-14)
    noise = [np.asarray((0.9 - moved[name]) / 0.2) for name in "ab"]
    assert abs(np.mean(noise[0] * noise[1])) * np.sqrt(1000) < 4
    assert all(scipy.stats.kstest(z, "norm").pvalue > 1e-4 for z in noise)
    still, _ = Langevin(noise=0.0).step(Tree(), (), w, 0.1, KEY)
    descent, _ = GD().step(Tree(), (), w, 0.1, KEY)
    jax.tree.map(np.testing.assert_array_equal, still, descent)


# --- the span of start and gradients ------------------------------------------------------------------------

MINIBATCH = {
    "sgd": MinibatchSGD(weight_decay=0.1),
    "reshuffled": MinibatchSGD(sampling=Reshuffled()),
    "momentum": MinibatchMomentum(beta=0.5, weight_decay=0.1),
}
INSIDE = {
    **MINIBATCH,
    "descent": GD(),
    "noise of the problem": SGD(),
    "flow": GradientFlow(),
    "diffusion": SDE(substeps=2),
    "heavy ball": Optax(rule=Momentum(beta=0.5)),
    "Nesterov": Optax(rule=Momentum(beta=0.5, nesterov=True)),
}
OUTSIDE = {"isotropic": Langevin(noise=0.1), "Adam": Optax(rule=Adam())}


@pytest.mark.parametrize("name", [*INSIDE, *OUTSIDE])
def test_laws_that_stay_in_the_span_move_alike_in_its_coordinates(x64, name):
    """The fact is what it says: exactly the laws that claim it are the same in the reduced coordinates."""
    dynamics = {**INSIDE, **OUTSIDE}[name]
    problem = Reduced(n=3, k=9, batch=2)
    data, w = problem.data(KEY), problem.init(KEY)
    small, v = problem.reduce(data, w)
    frame = np.linalg.qr(np.concatenate([data["x"], w[None]]).T)[0]
    assert v.shape == (4,)
    keys = jax.random.split(KEY, 30)
    full, losses = walk(problem, dynamics, data, w, rate=0.1, keys=keys)
    reduced, same_losses = walk(problem, dynamics, small, v, rate=0.1, keys=keys)
    apart = np.abs(np.asarray(full) - np.asarray(reduced) @ frame.T).max()
    assert dynamics.stays_in_span == (name in INSIDE)
    if name in INSIDE:
        assert apart < 1e-13
        np.testing.assert_allclose(losses, same_losses, rtol=1e-11)
        assert np.abs(full[-1] - full[0]).max() > 0.1
    else:
        assert apart > 0.01


def test_the_fact_is_of_the_law_and_a_rule_that_says_nothing_leaves_the_span():
    class Silent:
        transformation = None  # asked for its fact only

    assert not Optax(rule=Silent()).stays_in_span
    assert not NoisyGD.stays_in_span


@pytest.mark.parametrize("name", ["momentum", "heavy ball", "isotropic", "Adam"])
def test_only_laws_that_stay_in_the_span_are_run_in_its_coordinates(name):
    ds = run(Reduced(n=3, k=9), {**INSIDE, **OUTSIDE}[name], rates=(0.1,), n_steps=2, seeds=1)
    assert ds.w.shape[-1] == (4 if name in INSIDE else 9)


# --- batches of cells, and refusals -------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*MINIBATCH, "isotropic"])
def test_a_batch_of_cells_moves_as_its_cells_do(x64, name):
    dynamics = {**MINIBATCH, **OUTSIDE}[name]
    problem = Line(n=5, k=4, batch=3)
    data, w = problem.data(KEY), problem.init(KEY)
    rates = jnp.array([0.01, 0.1, 0.2])
    keys = jax.random.split(KEY, (3, 20))
    together = jax.jit(jax.vmap(lambda r, k: walk(problem, dynamics, data, w, rate=r, keys=k)))(rates, keys)
    for i in range(3):
        state, found = dynamics.init(problem, data, w), []
        for key in keys[i]:
            state, observed = dynamics.step(problem, data, state, rates[i], key)
            found.append((dynamics.params(state), observed["loss"]))
        # Normal numbers are float32, and a program may round them otherwise than its operations one by one.
        np.testing.assert_allclose(together[0][i], [w for w, _ in found], atol=2e-7)
        np.testing.assert_allclose(together[1][i], [loss for _, loss in found], atol=2e-6)


def test_a_sampler_is_an_axis_like_any_other():
    """One program a sampler; an epoch of reshuffled inputs has each input once, of others hardly ever."""
    ds = lrtheory.run(
        Experiment(
            name="test", problem=Echo(n=7, batch=1), dynamics=MinibatchSGD(), schedule=Constant(rate=1.0),
            probes=(Weights(),), n_steps=7, n_records=1, seeds=50,
            axes={"sampling": Axis("dynamics.sampling", (WithReplacement(), Reshuffled()), labels=("afresh", "once"))},
        )
    )  # fmt: skip
    total = ds.w.isel(record=-1, w_0=0).transpose("sampling", "seed").values
    np.testing.assert_array_equal(total[1], -21)
    assert (total[0] != -21).mean() > 0.5


class Plain:
    """A problem with a loss and nothing else."""

    n: ClassVar[int] = 3

    def loss(self, params, data):
        return jnp.sum(params**2)


@pytest.mark.parametrize("dynamics", [MinibatchSGD(), MinibatchMomentum()])
def test_problems_without_minibatches_or_too_large_are_refused(dynamics):
    with pytest.raises(lrtheory.ConfigError, match=rf"{type(dynamics).__name__} needs .*'batch_loss_and_gradient'"):
        dynamics.init(Plain(), (), jnp.zeros(2))
    with pytest.raises(lrtheory.ConfigError, match=r"^problem\.n = 65536 .* below 65536"):
        dynamics.init(Echo(n=2**16), (), jnp.zeros(2))
    dynamics.init(Echo(n=2**16 - 1), (), jnp.zeros(2))
    Langevin().init(Plain(), (), jnp.zeros(2))


@pytest.mark.parametrize(
    ("dynamics", "field"),
    [
        (MinibatchSGD(weight_decay=-0.1), "weight_decay"),
        (MinibatchSGD(sampling=3.0), "sampling"),
        (MinibatchMomentum(weight_decay=float("nan")), "weight_decay"),
        (MinibatchMomentum(beta=1.0), "beta"),
        (MinibatchMomentum(beta=-0.1), "beta"),
        (MinibatchMomentum(beta=float("nan")), "beta"),
        (Langevin(noise=-1.0), "noise"),
        (Langevin(noise=float("inf")), "noise"),
    ],
)
def test_bad_numbers_are_refused(dynamics, field):
    with pytest.raises(lrtheory.ConfigError, match=rf"^dynamics\.{field} = "):
        dynamics.check()
