"""Descent on a sphere, against the step of the theory replayed in NumPy on the batches that the law drew.

Which batches it drew is read off a problem that writes down what it is handed. A statistical test compares the least of
its n p-values with 1e-4/n: a false-alarm rate of at most 1e-4.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

import lrtheory
from lrtheory import Axis, Experiment, SubPaths
from lrtheory.dynamics import DecayedSGD, SphereGD, SphereSGD
from lrtheory.errors import ConfigError
from lrtheory.gaussian import fold_in
from lrtheory.problems.quadratic import Quadratic
from lrtheory.problems.sadrtdinov2024 import TickNetwork
from lrtheory.pytree import pytree, static
from lrtheory.schedules import Constant
from lrtheory.simulate import SUB_PATHS, begin, cell_keys, simulate
from lrtheory.sub_paths import Branches
from lrtheory.theory import sadrtdinov2024 as theory
from lrtheory.theory import sadrtdinov2024_toy as toy

ALARM = 1e-4
#: Batches of 4 of 10 inputs, so that batches end in the next epoch; 7 iterations, so that steps of the clock do too.
N, BATCH, ITERATIONS = 10, 4, 7
NET = TickNetwork(n=N, n_features=2, informative=2.0, width=4, batch=BATCH)
LAW = SphereSGD(iterations=ITERATIONS, averages=(1, 2, 3), window=2)
KEY = jax.random.key(3)
STEPS = 7


@pytest.fixture(autouse=True)
def in_float64(x64):
    """Numbers are compared in float64, but where a test says otherwise."""


# --- what is handed to the problem ------------------------------------------------------------------------------------


@pytree
class Notes:
    """It writes the inputs of each iteration into a row of its weights, and turns two others by what it is handed.

    All weights are scaled together by the projection or by decay; every row has a 1 in front, by which it is read.
    """

    n: int = static(N)
    batch: int = static(BATCH)
    rows: int = static(STEPS * ITERATIONS)

    def data(self, key: Any) -> Any:
        return ()

    def init(self, key: Any) -> Any:
        notes = jnp.zeros((self.rows, 1 + self.batch))
        return {"notes": notes, "turned": jnp.array([1.0, 2.0]), "unit": jnp.ones(())}

    def loss(self, params: Any, data: Any) -> Any:
        return jnp.sum(params["unit"])

    def batch_loss_and_gradient(self, params: Any, data: Any, index: Any, xi: Any = None) -> Any:
        row = jnp.sum(params["notes"][:, 0] != 0)
        line = jnp.concatenate([jnp.ones(1), index + 1.0])
        notes = jnp.zeros_like(params["notes"]).at[row].set(-params["unit"] * line)
        turn = jnp.mean(index) * jnp.array([-1.0, 1.0]) * params["turned"][::-1]
        loss = jnp.sum(index) / jnp.sum(params["turned"] ** 2)
        return loss, {"notes": notes, "turned": turn, "unit": jnp.zeros(())}


def read(params):
    """Return the inputs of every iteration, (iterations, batch); rows that were not written are 0/0."""
    notes = params["notes"]
    return notes[..., 1:] / notes[..., :1] - 1


def whole_numbers(orders):
    found = np.rint(orders)
    assert np.abs(orders - found).max() < 1e-9
    return found.astype(int)


@functools.cache
def compiled(problem_type):
    """Return the compiled step of a law; the law and the problem are arguments, so numbers of them are not compiled."""
    del problem_type
    return jax.jit(lambda problem, law, data, state, lr, key: law.step(problem, data, state, lr, key))


def step(problem, law, data, state, lr, key):
    return compiled(type(problem))(problem, law, data, state, lr, key)


def walk(problem, law, data, w, lr, keys):
    """Return the states before and after every step, and what was observed."""
    states, seen = [law.init(problem, data, w)], []
    for key in keys:
        state, observed = step(problem, law, data, states[-1], lr, key)
        states.append(state)
        seen.append(float(observed["loss"]))
    return states, seen


def orders_of(law, keys):
    """Return the inputs of every iteration, (iterations, batch), as a problem sees them that writes them down."""
    states, _ = walk(Notes(), law, (), Notes().init(None), 1.0, keys)
    return whole_numbers(np.asarray(read(states[-1].seen.now))[: len(keys) * law.iterations])


@pytest.fixture(scope="module")
def keys():
    return jax.random.split(KEY, STEPS)


@pytest.fixture(scope="module")
def orders(keys):
    with jax.enable_x64(True):
        return orders_of(LAW, keys)


# --- orders -----------------------------------------------------------------------------------------------------------


def test_every_epoch_of_a_step_visits_every_input_once_and_no_two_are_alike(orders):
    assert orders.shape == (STEPS * ITERATIONS, BATCH)
    epochs = []
    for one in orders.reshape(STEPS, ITERATIONS * BATCH):
        assert (np.sort(one[:10]) == np.arange(N)).all() and (np.sort(one[10:20]) == np.arange(N)).all()
        assert len(set(one[20:])) == ITERATIONS * BATCH - 20  # the last epoch is cut off
        epochs += [tuple(one[:10]), tuple(one[10:20])]
    assert len(set(epochs)) == len(epochs)


def test_orders_do_not_depend_on_numbers_of_the_law_or_on_the_rate(orders, keys):
    np.testing.assert_array_equal(orders_of(dataclasses.replace(LAW, radius=28.0), keys[:2]), orders[: 2 * ITERATIONS])
    decayed = DecayedSGD(iterations=ITERATIONS, averages=(), window=1, weight_decay=0.3)
    np.testing.assert_array_equal(orders_of(decayed, keys[:2]), orders[: 2 * ITERATIONS])
    assert (orders_of(LAW, keys[1:2]) != orders[:ITERATIONS]).any()


def test_orders_are_uniformly_random_and_epochs_independent():
    """Chi-squared of where each input is in the first and second epoch, and of where it was against where it is."""
    law, problem = dataclasses.replace(LAW, averages=(1,)), Notes(rows=ITERATIONS)
    state = law.init(problem, (), problem.init(None))
    many = jax.jit(jax.vmap(lambda key: read(law.step(problem, (), state, 1.0, key)[0].seen.now)))
    found = whole_numbers(np.asarray(many(jax.random.split(jax.random.key(5), 3000)))).reshape(3000, -1)
    places = np.argsort(found[:, :10], axis=1), np.argsort(found[:, 10:20], axis=1)
    p = [scipy.stats.chisquare(np.bincount(place[:, i], minlength=10)).pvalue for place in places for i in range(N)]
    pairs = [(places[0][:, i], places[1][:, i]) for i in range(N)] + [(found[:, 9], found[:, 10])]
    for a, b in pairs:
        p.append(scipy.stats.chisquare(np.bincount(10 * a + b, minlength=100)).pvalue)
    # Neighbours within an epoch are any two different inputs.
    counts = np.bincount(10 * found[:, 0] + found[:, 1], minlength=100).reshape(10, 10)
    assert (np.diag(counts) == 0).all()
    p.append(scipy.stats.chisquare(counts[~np.eye(10, dtype=bool)]).pvalue)
    assert min(p) > ALARM / len(p), min(p)


# --- the step, its averages and its window ----------------------------------------------------------------------------


def flat(w):
    return np.concatenate([np.asarray(leaf, float).ravel() for leaf in jax.tree.leaves(w)])


def norms2(w):
    return np.array([np.sum(np.asarray(leaf, float) ** 2) for leaf in jax.tree.leaves(w)])


@jax.jit
def gradient_of(net, w, data, index):
    return net.batch_loss_and_gradient(w, data, index)


def replay(net, data, w, orders, move, eta):
    """Return weights before and after every iteration, and losses and gradients at them, one iteration at a time.

    ``move(weights, gradient)`` is on the concatenation of all leaves.
    """
    shape = [(n, leaf.shape) for n, leaf in w.items()]

    def shaped(vector):
        ends = np.cumsum([int(np.prod(s)) for _, s in shape])[:-1]
        return {n: part.reshape(s) for (n, s), part in zip(shape, np.split(vector, ends), strict=True)}

    path, losses, gradients = [w], [], []
    for index in orders:
        loss, g = gradient_of(net, path[-1], data, jnp.asarray(index))
        losses.append(float(loss))
        gradients.append(g)
        path.append(shaped(move(flat(path[-1]), flat(g))))
    return path, np.array(losses), gradients


@jax.jit
def begun(keys):
    return begin(NET, LAW, keys)


@pytest.fixture(scope="module")
def start():
    with jax.enable_x64(True):
        return begun(cell_keys(0, 4))


@pytest.fixture(scope="module")
def run_and_replay(start, keys, orders):
    """A run of the law, the same in NumPy, and the rate."""
    with jax.enable_x64(True):
        (data, w), lr, radius = start, 3e-3, 2.0
        law = dataclasses.replace(LAW, radius=radius)
        states, observed = walk(NET, law, data, w, lr, keys)
        first = {n: radius * np.asarray(leaf) for n, leaf in w.items()}
        eta = lr * radius**2
        found = replay(NET, data, first, orders, lambda v, g: theory.sphere_step(v, g, eta, radius), eta)
        return states, observed, found, eta


def test_a_step_is_that_of_the_theory_on_the_same_batches(run_and_replay):
    states, observed, (path, losses, _), _ = run_and_replay
    for i, state in enumerate(states):
        want = path[i * ITERATIONS]
        for name in want:
            np.testing.assert_allclose(state.seen.now[name], want[name], rtol=1e-9, atol=1e-12)
        assert abs(np.linalg.norm(flat(state.seen.now)) - 2) < 1e-13
        assert float(state.count) == i
    np.testing.assert_allclose(observed, losses.reshape(STEPS, ITERATIONS).mean(1), rtol=1e-9)
    # It is no step of each layer by itself, whose norms would stay.
    assert np.abs(norms2(path[-1]) - norms2(path[0])).min() > 1e-3


def test_averages_are_means_of_checkpoints_since_the_last_multiple(run_and_replay):
    states, _, (path, _, _), _ = run_and_replay
    checkpoints = [flat(path[(i + 1) * ITERATIONS]) for i in range(STEPS)]
    # Before the first step there is nothing but the start.
    for i in range(3):
        np.testing.assert_array_equal(flat({n: v[i] for n, v in states[0].seen.averages.items()}), flat(path[0]))
    multiples = 0
    for done in range(1, STEPS + 1):
        averages = states[done].seen.averages
        for i, k in enumerate(LAW.averages):
            since = done % k or k
            want = np.mean(checkpoints[done - since : done], axis=0)
            np.testing.assert_allclose(flat({n: v[i] for n, v in averages.items()}), want, rtol=1e-9, atol=1e-12)
            multiples += since == k > 1
    assert multiples == 3 + 2
    # An average lies inside the sphere.
    assert np.linalg.norm(np.mean(checkpoints[3:6], axis=0)) < 2 - 1e-6


def test_the_window_holds_means_over_iterations_of_the_last_steps(run_and_replay):
    states, _, (path, losses, gradients), eta = run_and_replay
    before, g2 = np.array([norms2(w) for w in path[:-1]]), np.array([norms2(g) for g in gradients])
    turn = [np.arccos(np.clip(flat(a) @ flat(b) / 4, -1, 1)) for a, b in itertools.pairwise(path)]
    every = {
        "batch_loss": losses,
        "gradient_norm": 2.0 * np.sqrt(g2.sum(1)),
        "turn2": np.square(turn),
        "log_growth": np.log1p(theory.tangent(eta, np.sqrt(g2), np.sqrt(before)) ** 2),
    }
    assert set(states[0].seen.window) == set(every)
    for name, values in every.items():
        assert np.isnan(np.asarray(states[0].seen.window[name])).all()
        for done in range(1, STEPS + 1):
            since = done % 2 or 2
            want = values[(done - since) * ITERATIONS : done * ITERATIONS].mean(0)
            # An angle from an arccos has lost digits.
            np.testing.assert_allclose(
                states[done].seen.window[name], want, rtol=1e-4 if name == "turn2" else 1e-8, err_msg=name
            )
    last = theory.turn(eta, np.sqrt(g2.sum(1)), 2.0)[-ITERATIONS:]
    np.testing.assert_allclose(np.mean(last**2), states[-1].seen.window["turn2"], rtol=1e-8)


def test_norm_is_exchanged_between_layers_by_the_law(run_and_replay):
    """On real steps: shares by the tangents of the turns; here with an epsilon, so not to rounding."""
    states, _, (path, _, gradients), eta = run_and_replay
    shares = np.array([norms2(w) for w in path]) / 4
    s = theory.tangent(eta, np.sqrt([norms2(g) for g in gradients]), np.sqrt(4 * shares[:-1]))
    one = theory.exchange(shares[:-1], s)
    np.testing.assert_allclose(one, shares[1:], rtol=0, atol=1e-8)
    after = norms2(states[-1].seen.now) / 4
    np.testing.assert_allclose(theory.shares_after(shares[0], s), after, rtol=0, atol=1e-7)
    assert np.abs(after - shares[0]).max() > 1e-3


def test_without_epsilon_log_growth_accounts_for_every_change_of_shares(start, keys):
    """The log of the ratio of shares changes by the sum of the differences of log(1 + s^2), exactly."""
    data, w = start
    net = dataclasses.replace(NET, eps=1e-30)
    for radius, lr in ((1.0, 3e-3), (28.0, 0.1)):
        states, _ = walk(net, dataclasses.replace(LAW, radius=radius), data, w, lr, keys)
        # A window is of two steps.
        gained = sum(np.asarray(state.seen.window["log_growth"]) for state in states[2::2]) * 2 * ITERATIONS
        ratio = [np.log(norms2(states[i].seen.now)) @ [1, -1] for i in (0, 6)]
        np.testing.assert_allclose(ratio[1] - ratio[0], gained @ [1, -1], rtol=1e-9)
        assert abs(ratio[1] - ratio[0]) > 1e-3


def test_time_advances_by_the_rate_of_every_iteration():
    assert LAW.dt(0.5) == ITERATIONS * 0.5 and DecayedSGD().dt(0.1) == pytest.approx(10.0) and SphereGD().dt(0.1) == 0.1


# --- radius -----------------------------------------------------------------------------------------------------------


def directions(net, start, lr, x64):
    with jax.enable_x64(x64):
        data, w = jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf), float), start)
        found = []
        for radius in (1.0, 12.0, 28.0):
            keys = jax.random.split(KEY, 15)
            states, _ = walk(net, dataclasses.replace(LAW, radius=radius), data, w, lr, keys)
            now = flat(states[-1].seen.now)
            assert states[-1].seen.now["w1"].dtype == (np.float64 if x64 else np.float32)
            assert abs(np.linalg.norm(now) / radius - 1) < (1e-14 if x64 else 5e-7)
            found.append((now / radius, states[-1].seen.window))
        return found, flat(w)


@pytest.mark.parametrize(("x64", "eps", "bound"), [(True, 1e-30, 1e-13), (True, 1e-7, 2e-6), (False, 1e-7, 2e-6)])
def test_runs_of_equal_rate_have_equal_directions_on_any_sphere(start, x64, eps, bound):
    """Over 105 iterations that converge: to rounding without epsilon; with it, to what it is worth."""
    (one, middle, large), w = directions(dataclasses.replace(NET, eps=eps), start, 1e-3, x64)
    for other in (middle, large):
        assert np.abs(one[0] - other[0]).max() < bound
        for name in one[1]:  # and so are means of the window, the effective gradient norm among them
            np.testing.assert_allclose(one[1][name], other[1][name], rtol=max(20 * bound, 1e-11), err_msg=name)
    if eps > 1e-20 and x64:
        assert np.abs(one[0] - large[0]).max() > 1e-9
    assert np.abs(one[0] - w).max() > 0.01


# --- weight decay -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def decayed(start, keys, orders):
    """Runs off the sphere with and without decay, and the same in NumPy."""
    with jax.enable_x64(True):
        (data, w), eta, found = start, 0.02, {}
        net = dataclasses.replace(NET, eps=1e-30)
        for decay in (0.0, 3.0):
            law = DecayedSGD(iterations=ITERATIONS, averages=(1, 2, 3), window=2, radius=1.5, weight_decay=decay)
            states, _ = walk(net, law, data, w, eta, keys)
            first = {n: 1.5 * np.asarray(leaf) for n, leaf in w.items()}
            move = lambda v, g, decay=decay: v - eta * (g + decay * v)  # noqa: E731
            found[decay] = states, replay(net, data, first, orders, move, eta), eta
        return found


@pytest.mark.parametrize("decay", [0.0, 3.0])
def test_off_the_sphere_the_rate_is_plain_and_norms_follow_the_law(decayed, decay):
    states, (path, losses, gradients), eta = decayed[decay]
    for i, state in enumerate(states):
        want = path[i * ITERATIONS]
        for name in want:
            np.testing.assert_allclose(state.seen.now[name], want[name], rtol=1e-8, atol=1e-11)
    before, g2 = np.array([norms2(w) for w in path]), np.array([norms2(g) for g in gradients])
    # Each layer by itself, and the whole.
    for rho2, size2 in ((before, g2), (before.sum(1), g2.sum(1))):
        want = theory.free_norm(np.sqrt(rho2[:-1]), np.sqrt(size2), eta, decay)
        np.testing.assert_allclose(np.sqrt(rho2[1:]), want, rtol=1e-10)
    rho2 = before.sum(1)
    if decay == 0:
        assert (np.diff(before, axis=0) > 0).all()
    else:
        assert rho2.min() < 2.25 - 0.1
    last = slice(-ITERATIONS, None)  # 7 steps, a window of 2
    window = states[-1].seen.window
    want = {
        "batch_loss": losses, "gamma2": rho2[:-1] * g2.sum(1), "norm4": rho2[:-1] ** 2,
        "gradient_norm": np.sqrt(rho2[:-1] * g2.sum(1)),
        # Of the weights as they have shrunk when they turn.
        "turn2": np.arctan(eta * np.sqrt(g2.sum(1) / rho2[:-1]) / (1 - eta * decay)) ** 2,
        "log_growth": np.log1p(eta**2 * g2 / before[:-1] / (1 - eta * decay) ** 2),
    }  # fmt: skip
    angles = [np.arccos(np.clip(flat(a) @ flat(b) / np.sqrt(a2 * b2), -1, 1)) for a, b, a2, b2 in zip(
        path[:-1], path[1:], rho2[:-1], rho2[1:], strict=True
    )]  # fmt: skip
    np.testing.assert_allclose(window["turn2"], np.mean(np.square(angles)[last]), rtol=1e-4)
    assert set(window) == set(want)
    for name, values in want.items():
        np.testing.assert_allclose(window[name], values[last].mean(0), rtol=1e-7, err_msg=name)


# --- full-batch descent -----------------------------------------------------------------------------------------------


@pytree
class Groups:
    """The toy function of scale-invariant groups of two weights."""

    alpha: Any = dataclasses.field(default_factory=lambda: np.array([0.2, 0.5, 1.0]))

    def data(self, key: Any) -> Any:
        return ()

    def init(self, key: Any) -> Any:
        x, y = jax.random.normal(key, (2, len(self.alpha)))
        return [x, (y,)]  # any tree of weights

    def loss(self, params: Any, data: Any) -> Any:
        x, (y,) = params
        return jnp.sum(self.alpha * x**2 / (x**2 + y**2))


def angles_and_shares(w):
    x, y = np.asarray(w[0]), np.asarray(w[1][0])
    return np.arctan2(x, y), (x**2 + y**2) / np.sum(x**2 + y**2)


@pytest.mark.parametrize("radius", [1.0, 28.0])
def test_descent_on_the_toy_function_is_its_recursion(radius):
    problem, law = Groups(), SphereGD(radius=radius)
    state = law.init(problem, (), problem.init(KEY))
    phi, u = angles_and_shares(state)
    rate = 0.9 / problem.alpha.sum()
    for _ in range(30):
        np.testing.assert_allclose(np.linalg.norm(flat(state)), radius, rtol=1e-14)
        state, observed = step(problem, law, (), state, rate, KEY)
        np.testing.assert_allclose(observed["loss"], toy.value(phi, problem.alpha), rtol=1e-9, atol=1e-13)
        phi, u = toy.step(phi, u, rate, problem.alpha)
        found, shares = angles_and_shares(state)
        np.testing.assert_allclose(np.sin(found) ** 2, np.sin(phi) ** 2, rtol=1e-8, atol=1e-13)
        np.testing.assert_allclose(shares, u, rtol=1e-9)
        u = u / u.sum()


def test_descent_converges_below_the_threshold_and_ends_on_the_orbit_above():
    problem, law = Groups(alpha=np.array([1.0, 3.0])), SphereGD()

    @jax.jit
    def last(rate, n):
        state = law.init(problem, (), problem.init(jax.random.key(1)))
        return jax.lax.fori_loop(0, n, lambda _, s: law.step(problem, (), s, rate, KEY)[0], state)

    for rate, want in ((0.8 / 4, 0.0), (1.25 / 4, toy.plateau(1.25 / 4, problem.alpha))):
        values = [float(problem.loss(last(rate, n), ())) for n in (20_000, 20_001)]
        # Runs come to the orbit slowly: each value to 1e-3, the mean over a period to 1e-4.
        np.testing.assert_allclose(values, want, atol=1e-3)
        assert abs(np.mean(values) - want) < 1e-4
    _, u = angles_and_shares(last(1.25 / 4, 20_000))
    np.testing.assert_allclose(u, toy.orbit_shares(1.25 / 4, problem.alpha), atol=2e-2)


# --- in the engine ----------------------------------------------------------------------------------------------------


@pytree
class Everything:
    """All that a law shows, in rows, and the notes as they are read."""

    dims: ClassVar[dict[str, tuple[str, ...]]] = {
        "order": ("iteration", "place"), "now": ("w",), "averages": ("average", "w"), "growth": ("leaf",)
    }  # fmt: skip

    def __call__(self, problem, data, params, aux):
        row = lambda tree: jnp.concatenate([leaf.reshape(-1) for leaf in tree.values()])  # noqa: E731
        return {
            "order": read(params.now), "now": row(params.now), "averages": jax.vmap(row)(params.averages),
            "growth": params.window["log_growth"], "batch_loss": params.window["batch_loss"],
        }  # fmt: skip


RATES, TUNED = (0.5, 1.0, 0.25), (0.1, 2.0)


@pytest.fixture(scope="module")
def noted():
    """Three rates of two laws, two seeds of two data seeds, two decay steps, two branches."""
    with jax.enable_x64(True):
        return lrtheory.run(
            Experiment(
                name="noted", problem=Notes(), dynamics=LAW, schedule=Constant(rate=1.0),
                probes=(Everything(),), n_steps=3, n_records=3, seeds=2, data_seeds=2,
                axes={"rate": Axis("schedule.rate", RATES), "radius": Axis("dynamics.radius", (1.0, 28.0))},
                sub_paths=SubPaths(
                    decay_steps=(1, 3), n_steps=2, n_records=2,
                    schedule=Branches(schedules=tuple(Constant(rate=r) for r in TUNED), labels=("low", "high")),
                ),
            )
        )  # fmt: skip


def test_members_of_a_group_see_the_same_batches_and_groups_do_not(noted):
    main = noted.order.isel(record=-1).transpose("seed", "data_seed", "rate", "radius", "iteration", "place").values
    main = whole_numbers(main[..., : 3 * ITERATIONS, :])
    assert (main == main[:, :, :1, :1]).all()
    groups = main[:, :, 0, 0].reshape(4, -1)
    assert len({tuple(g) for g in groups}) == 4
    for steps in groups.reshape(-1, ITERATIONS * BATCH):
        assert (np.sort(steps[:10]) == np.arange(N)).all()
    # They are what the law draws of the keys of the cell.
    for seed, data_seed in ((0, 0), (1, 1)):
        noise = cell_keys(0, seed, data_seed).noise
        keys = [fold_in(noise, jnp.asarray(i)) for i in range(3)]
        want = orders_of(LAW, keys)
        np.testing.assert_array_equal(main[seed, data_seed, 0, 0], want)


def test_branches_and_decay_steps_see_the_same_batches_which_are_new(noted):
    dims = ("seed", "data_seed", "decay_step", "branch", "rate", "radius", "iteration", "place")
    sub = noted.sub_order.isel(sub_record=-1).transpose(*dims).values
    early, late = (whole_numbers(sub[:, :, i, ..., 7 * d : 7 * (d + 2), :]) for i, d in enumerate((1, 3)))
    assert (early == early[:, :, :1, :1, :1]).all() and (early == late).all()
    main = noted.order.isel(record=-1).transpose("seed", "data_seed", "rate", "radius", "iteration", "place").values
    assert (early[:, :, 0, 0, 0] != main[:, :, 0, 0, :14]).any((-1, -2)).all()
    noise = jax.random.fold_in(cell_keys(0, 1, 0).noise, SUB_PATHS)
    keys = [fold_in(noise, jnp.asarray(i)) for i in range(2)]
    want = orders_of(LAW, keys)
    np.testing.assert_array_equal(early[1, 0, 0, 0, 0], want)


def test_members_of_a_sweep_and_their_branches_are_the_runs_that_they_would_be_alone(noted):
    """Alone is the compiled step of the law, called one by one with the keys of the cell."""
    assert (noted.diverged_at == -1).all() and (noted.sub_diverged_at == -1).all()
    assert (abs(noted.time - ITERATIONS * noted.rate * noted.step) < 1e-12).all()

    def same(one, prefix, states):
        for i, state in enumerate(states):
            np.testing.assert_allclose(one[prefix + "now"][i], flat(state.seen.now), rtol=1e-10, atol=1e-14)
            averages = np.stack([flat({n: v[j] for n, v in state.seen.averages.items()}) for j in range(3)])
            np.testing.assert_allclose(one[prefix + "averages"][i], averages, rtol=1e-10, atol=1e-14)
            for name, mean in (("growth", "log_growth"), ("batch_loss", "batch_loss")):
                np.testing.assert_allclose(one[prefix + name][i], state.seen.window[mean], rtol=1e-10)

    problem = Notes()
    for seed, data_seed in ((0, 0), (1, 0), (1, 1)):
        noise = cell_keys(0, seed, data_seed).noise
        streams = noise, jax.random.fold_in(noise, SUB_PATHS)
        main, sub = ([fold_in(stream, jnp.asarray(i)) for i in range(3)] for stream in streams)
        for rate, radius in ((0.5, 28.0), (0.25, 1.0)):
            law = dataclasses.replace(LAW, radius=radius)
            one = noted.sel(seed=seed, data_seed=data_seed, rate=rate, radius=radius)
            states, _ = walk(problem, law, (), problem.init(None), rate, main)
            same(one, "", states)
            # A branch goes on from the state of the law, averages and window included, at its own rate.
            for decay, branch, tuned in ((1, "high", 2.0), (3, "low", 0.1)):
                after = [states[decay]]
                for key in sub[:2]:
                    after.append(step(problem, law, (), after[-1], tuned, key)[0])
                same(one.sel(decay_step=decay, branch=branch), "sub_", after)


def sizes_of_sorts(jaxpr):
    """Return the shapes of everything that is sorted in a program, which is how an order is drawn."""
    found = []
    for eqn in jaxpr.eqns:
        if eqn.primitive.name == "sort":
            found.append(eqn.invars[0].aval.shape)
        for value in eqn.params.values():
            for inner in value if isinstance(value, list | tuple) else [value]:
                inner = getattr(inner, "jaxpr", inner)
                found += sizes_of_sorts(inner) if hasattr(inner, "eqns") else []
    return found


@pytest.mark.parametrize("shares", [True, False])
def test_an_order_is_drawn_once_for_all_members_of_a_group(shares):
    facts = {"shares_draws": False, "__annotations__": {"shares_draws": ClassVar}}
    law = SphereSGD if shares else pytree(type("Other", (SphereSGD,), facts))
    groups, members = 2, 5

    def sweep(problem, dynamics, schedule, seeds):
        cells = jax.vmap(lambda s: cell_keys(0, s))(seeds)
        return simulate(problem, dynamics, schedule, (), cells, np.array([0, 2]), jax.vmap, jax.vmap)

    dynamics = law(radius=jnp.ones(members), iterations=ITERATIONS, averages=(1,))
    arguments = Notes(rows=14), dynamics, Constant(rate=jnp.ones(members)), jnp.arange(groups)
    shapes = sizes_of_sorts(jax.make_jaxpr(sweep)(*arguments).jaxpr)
    assert shapes and all((members in shape) != shares for shape in shapes), shapes


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [SphereSGD, DecayedSGD, SphereGD])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf"), "1", None], ids=repr)
def test_a_radius_that_cannot_be(kind, value):
    refused(kind(radius=value), "radius")


@pytest.mark.parametrize("kind", [SphereSGD, DecayedSGD])
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("iterations", 0), ("iterations", -1), ("iterations", 1.5), ("iterations", 100.0), ("iterations", True),
        ("iterations", None), ("window", 0), ("window", 2.5), ("window", "10"), ("averages", (0,)),
        ("averages", (2, -1)), ("averages", (2, 2.5)), ("averages", 5), ("averages", None), ("averages", (True,)),
        ("averages", ("2",)),
    ],
)  # fmt: skip
def test_lengths_that_cannot_be(kind, field, value):
    refused(kind(**{field: value}), field)


@pytest.mark.parametrize("value", [-1e-3, float("nan"), float("inf"), "x"], ids=repr)
def test_a_weight_decay_that_cannot_be(value):
    refused(DecayedSGD(weight_decay=value), "weight_decay")


def refused(law, field):
    with pytest.raises(ConfigError, match=rf"^dynamics\.{field} = .* is not allowed: it must be ") as error:
        law.check()
    assert "\n" not in str(error.value)


def test_laws_at_the_edge_are_allowed():
    for law in (SphereSGD(averages=(), iterations=1, window=1), DecayedSGD(weight_decay=0.0), SphereGD(radius=1e-3)):
        law.check()


@pytest.mark.parametrize("law", [SphereSGD(), DecayedSGD()], ids=lambda law: type(law).__name__)
def test_problems_without_minibatches_are_refused(law):
    with pytest.raises(ConfigError, match=rf"{type(law).__name__} needs .*'batch_loss_and_gradient'") as error:
        law.init(Quadratic(), (), jnp.ones(2))
    assert "\n" not in str(error.value)
    SphereGD().init(Quadratic(), (), jnp.ones(2))
