"""SGD over reshuffled epochs, against loops in NumPy on the batches that the law drew.

Which batches it drew is read off a problem that writes down what it is handed. The statistical test compares the least
of its n p-values with 1e-4/n: a false-alarm rate of at most 1e-4.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats

import lrtheory
from lrtheory import Axis, Experiment, SubPaths
from lrtheory.dynamics import EpochSGD
from lrtheory.dynamics.checkpoints import Averaged, mean_so_far, square
from lrtheory.errors import ConfigError
from lrtheory.problems.quadratic import Quadratic
from lrtheory.pytree import pytree, static
from lrtheory.schedules import Constant
from lrtheory.simulate import SUB_PATHS, cell_keys, simulate
from lrtheory.sub_paths import Branches

ALARM = 1e-4
KEY = jax.random.key(3)
#: 11 inputs: a multiple of no batch and of no step below.
N = 11


@pytest.fixture(autouse=True)
def in_float64(x64):
    """Numbers are compared in float64, but where a test says otherwise."""


# --- what is handed to the problem ------------------------------------------------------------------------------------


@pytree
class Notes:
    """It writes the inputs of each iteration into a row of its weights, at a rate of any size and with any decay.

    Weights shrink together by decay; every row has a 1 in front, by which it is read.
    """

    n: int = static(N)
    batch: int = static(4)
    rows: int = static(30)

    def data(self, key: Any) -> Any:
        return ()

    def init(self, key: Any) -> Any:
        return {"notes": jnp.zeros((self.rows, 1 + self.batch)), "unit": jnp.ones(())}

    def loss(self, params: Any, data: Any) -> Any:
        return params["unit"]

    def batch_loss_and_gradient(self, params: Any, data: Any, index: Any, xi: Any = None) -> Any:
        row = jnp.sum(params["notes"][:, 0] != 0)
        line = jnp.concatenate([jnp.ones(1), index + 1.0])
        notes = jnp.zeros_like(params["notes"]).at[row].set(-line)
        return jnp.sum(index).astype(float), {"notes": notes, "unit": jnp.zeros(())}


def read(params):
    """Return the inputs of every iteration, (iterations, batch); rows that were not written are 0/0."""
    return params["notes"][..., 1:] / params["notes"][..., :1] - 1


def whole_numbers(orders):
    found = np.rint(orders)
    assert np.abs(orders - found).max() < 1e-9
    return found.astype(int)


@functools.cache
def compiled(problem_type):
    """Return the compiled step of a law; the law and the problem are arguments, so numbers of them are not compiled."""
    del problem_type
    return jax.jit(lambda problem, law, data, state, lr, draws: law.step(problem, data, state, lr, draws))


def walk(problem, law, data, w, lr, key, steps, first=0):
    """Return the states before and after every step, and what was observed."""
    states, seen = [law.init(problem, data, w)], []
    for i in range(first, first + steps):
        draws = law.draws(key, jnp.asarray(i))
        state, observed = compiled(type(problem))(problem, law, data, states[-1], lr, draws)
        states.append(state)
        seen.append(float(observed["loss"]))
    return states, seen


def sequence(law, batch, steps, key=KEY, n=N, lr=1.0):
    """Return the inputs that a law hands over, in order."""
    problem = Notes(n=n, batch=batch, rows=steps * law.iterations)
    states, _ = walk(problem, law, (), problem.init(None), lr, key, steps)
    return whole_numbers(np.asarray(read(states[-1].seen.now))).ravel()


# --- epochs -----------------------------------------------------------------------------------------------------------

#: Batch, iterations, steps: steps shorter than an epoch, as long, a little longer, much longer, of one input, of all.
SHAPES = (
    (4, 2, 9), (1, 11, 5), (11, 1, 5), (4, 3, 6), (3, 25, 2), (1, 1, 40), (5, 7, 3), (11, 3, 2), (10, 1, 7), (2, 6, 6),
)  # fmt: skip


@pytest.mark.parametrize(("batch", "iterations", "steps"), SHAPES)
def test_every_epoch_sees_every_input_once_wherever_steps_and_batches_end(batch, iterations, steps):
    found = sequence(EpochSGD(iterations=iterations), batch, steps)
    assert found.shape == (batch * iterations * steps,)
    whole = len(found) // N
    epochs = found[: whole * N].reshape(whole, N)
    np.testing.assert_array_equal(np.sort(epochs, axis=1), np.broadcast_to(np.arange(N), epochs.shape))
    rest = found[whole * N :]
    assert len(set(rest)) == len(rest)
    assert whole >= 3 and len({tuple(epoch) for epoch in epochs}) == whole


def test_the_sequence_of_inputs_depends_on_the_key_alone():
    """Whatever the batch, the iterations, the rate and the decay: all of them read one sequence."""
    sequences = [sequence(EpochSGD(iterations=iterations), batch, steps) for batch, iterations, steps in SHAPES]
    sequences.append(sequence(EpochSGD(iterations=2, weight_decay=0.3, averages=(1, 2)), 4, 9, lr=0.5))
    longest = max(sequences, key=len)
    for one in sequences:
        np.testing.assert_array_equal(one, longest[: len(one)])
    assert (sequence(EpochSGD(iterations=2), 4, 9, key=jax.random.key(4)) != longest[:72]).any()


def test_a_step_far_from_the_start_knows_its_epoch():
    """Step 1000 of 7 inputs begins in epoch 636, at the fifth input of its order."""
    law, problem = EpochSGD(iterations=7), Notes(batch=1, rows=28)
    found = []
    for first in (1000, 1003):
        states, _ = walk(problem, law, (), problem.init(None), 1.0, KEY, 4, first)
        found.append(whole_numbers(np.asarray(read(states[-1].seen.now))).ravel())
    at = 1000 * 7 % N
    assert at == 4
    np.testing.assert_array_equal(np.sort(found[0][N - at : 2 * N - at]), np.arange(N))
    assert len(set(found[0][: N - at])) == N - at
    np.testing.assert_array_equal(found[0][21:], found[1][:7])


def test_orders_are_uniformly_random_and_epochs_independent():
    """Chi-squared of where each input is in two epochs, of where it was against where it is, and of neighbours."""
    n, law = 5, EpochSGD(iterations=1)
    problem = Notes(n=n, batch=n, rows=2)

    @jax.jit
    @jax.vmap
    def two_epochs(key):
        state = law.init(problem, (), problem.init(None))
        for i in range(2):
            state, _ = law.step(problem, (), state, 1.0, law.draws(key, jnp.asarray(i)))
        return read(state.seen.now)

    found = whole_numbers(np.asarray(two_epochs(jax.random.split(jax.random.key(5), 4000))))
    places = np.argsort(found, axis=-1)
    p = [scipy.stats.chisquare(np.bincount(places[:, e, i], minlength=n)).pvalue for e in range(2) for i in range(n)]
    pairs = [(places[:, 0, i], places[:, 1, i]) for i in range(n)] + [(found[:, 0, -1], found[:, 1, 0])]
    p += [scipy.stats.chisquare(np.bincount(n * a + b, minlength=n * n)).pvalue for a, b in pairs]
    # All 120 orders.
    counts = np.unique(found[:, 0] @ n ** np.arange(n), return_counts=True)[1]
    assert len(counts) == 120
    p.append(scipy.stats.chisquare(counts).pvalue)
    assert min(p) > ALARM / len(p), min(p)


# --- the step, against NumPy ------------------------------------------------------------------------------------------


@pytree
class Softmax:
    """Linear softmax regression with two leaves of weights."""

    batch: int = static(4)
    n: int = static(N)

    def data(self, key: Any) -> Any:
        rng = np.random.default_rng(1)
        return jnp.asarray(rng.standard_normal((self.n, 3))), jnp.asarray(rng.integers(0, 4, self.n))

    def init(self, key: Any) -> Any:
        return {"b": jax.random.normal(key, (4,)), "w": jax.random.normal(jax.random.fold_in(key, 1), (3, 4))}

    def loss(self, params: Any, data: Any) -> Any:
        x, y = data
        logits = x @ params["w"] + params["b"]
        return jnp.mean(jax.nn.logsumexp(logits, axis=1) - logits[jnp.arange(len(y)), y])

    def batch_loss_and_gradient(self, params: Any, data: Any, index: Any, xi: Any = None) -> Any:
        return jax.value_and_grad(self.loss)(params, (data[0][index], data[1][index]))


STEPS, LR, DECAY = 13, 0.3, 0.2
LAW = EpochSGD(iterations=5, weight_decay=DECAY, averages=(4, 1, 3))


@pytest.fixture(scope="module")
def run_and_replay():
    """A run of the law, and checkpoints and mean losses of a loop in NumPy with its own gradient."""
    with jax.enable_x64(True):
        problem = Softmax()
        data, w = problem.data(None), problem.init(KEY)
        states, observed = walk(problem, LAW, data, w, LR, KEY, STEPS)
        inputs = sequence(LAW, problem.batch, STEPS).reshape(STEPS, LAW.iterations, problem.batch)
    x, y = (np.asarray(a) for a in data)
    b, w = np.array(w["b"]), np.array(w["w"])
    path, losses = [{"b": b, "w": w}], []
    for step in inputs:
        total = 0.0
        for index in step:
            logits = x[index] @ w + b
            chance = scipy.special.softmax(logits, axis=1)
            total += -np.mean(np.log(chance[range(len(index)), y[index]]))
            wrong = (chance - np.eye(4)[y[index]]) / len(index)
            b, w = b - LR * (wrong.sum(0) + DECAY * b), w - LR * (x[index].T @ wrong + DECAY * w)
        path.append({"b": b, "w": w})
        losses.append(total / len(step))
    return states, observed, path, losses


def test_a_step_is_the_loop_in_numpy(run_and_replay):
    states, observed, path, losses = run_and_replay
    for i, (state, want) in enumerate(zip(states, path, strict=True)):
        for name, leaf in want.items():
            np.testing.assert_allclose(state.seen.now[name], leaf, rtol=1e-11, atol=1e-13)
            assert state.seen.now[name].dtype == np.float64
        assert float(state.count) == i
        assert isinstance(LAW.params(state), Averaged) and LAW.params(state) is state.seen
    np.testing.assert_allclose(observed, losses, rtol=1e-11)
    # Losses are those before each iteration, which fall.
    assert losses[-1] < losses[0]


def test_averages_are_means_of_checkpoints_since_the_last_multiple(run_and_replay):
    states, _, path, _ = run_and_replay
    for name, leaf in path[0].items():  # before the first step there is nothing but the start
        np.testing.assert_array_equal(states[0].seen.averages[name], np.stack([leaf] * 3))
    multiples = 0
    for done in range(1, STEPS + 1):
        for i, k in enumerate(LAW.averages):
            since = done % k or k
            multiples += since == k > 1
            for name in path[0]:
                want = np.mean([w[name] for w in path[done - since + 1 : done + 1]], axis=0)
                np.testing.assert_allclose(states[done].seen.averages[name][i], want, rtol=1e-11, atol=1e-13)
    assert multiples == 3 + 4


def test_the_window_is_the_mean_square_over_the_checkpoints_of_the_first_average(run_and_replay):
    states, _, path, _ = run_and_replay

    def squares(w):
        return [np.sum(w["b"] ** 2), np.sum(w["w"] ** 2)]

    np.testing.assert_allclose(states[0].seen.window["square"], squares(path[0]), rtol=1e-13)
    for done in range(1, STEPS + 1):
        since = done % 4 or 4
        window = states[done].seen.window
        assert set(window) == {"square"}
        want = np.mean([squares(w) for w in path[done - since + 1 : done + 1]], axis=0)
        np.testing.assert_allclose(window["square"], want, rtol=1e-11)
        # With the average of the same length it is the spread around it.
        mean = [states[done].seen.averages[name][0] for name in ("b", "w")]
        spread = [
            np.mean([np.sum((w[name] - m) ** 2) for w in path[done - since + 1 : done + 1]])
            for name, m in zip(("b", "w"), mean, strict=True)
        ]
        np.testing.assert_allclose(window["square"] - square(mean), spread, rtol=1e-8, atol=1e-12)


def test_decay_alone_is_a_power_and_no_decay_is_plain():
    problem = Notes(batch=4, rows=10)
    for decay in (0.0, 0.25):
        law = EpochSGD(iterations=5, weight_decay=decay)
        states, _ = walk(problem, law, (), problem.init(None), 0.1, KEY, 2)
        np.testing.assert_allclose(states[-1].seen.now["unit"], (1 - 0.1 * decay) ** 10, rtol=1e-13)
    assert EpochSGD(iterations=7).dt(0.5) == 3.5


# --- what laws with checkpoints share ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (1,), (7,), (32,), (48,), (3, 5), (96, 2), (2, 3, 4)])
def test_square_is_the_squared_norm_of_any_leaf(shape):
    leaf = np.random.default_rng(2).standard_normal(shape)
    tree = {"a": jnp.asarray(leaf), "b": jnp.asarray([3.0, 4.0])}
    for function in (square, jax.jit(square)):
        np.testing.assert_allclose(function(tree), [np.sum(leaf**2), 25.0], rtol=1e-13)
    many = jax.vmap(square)(jax.tree.map(lambda v: jnp.stack([v, 2 * v]), tree))
    np.testing.assert_allclose(many, np.outer([1, 4], [np.sum(leaf**2), 25.0]), rtol=1e-13)


def test_a_running_mean_begins_anew_after_its_length_and_forgets_what_was_not_a_number():
    values, found = np.array([4.0, 1.0, 7.0, 5.0, 2.0, 8.0, 3.0]), []
    mean = jnp.nan
    for count, value in enumerate(values):
        mean = mean_so_far(float(count), mean, value, 3.0)
        found.append(float(mean))
    np.testing.assert_allclose(found, [4.0, 2.5, 4.0, 5.0, 3.5, 5.0, 3.0], rtol=1e-14)


# --- in the engine ----------------------------------------------------------------------------------------------------


@pytree
class Everything:
    """All that a law shows, and the notes as they are read."""

    dims: ClassVar[dict[str, tuple[str, ...]]] = {
        "order": ("iteration", "place"), "average": ("length",), "square": ("leaf",)
    }  # fmt: skip

    def __call__(self, problem, data, params, aux):
        return {
            "order": read(params.now), "unit": params.now["unit"], "average": params.averages["unit"],
            "square": params.window["square"],
        }  # fmt: skip


RATES, DECAYS, TUNED = (0.5, 1.0), (0.0, 0.3), (0.1, 0.2)
ENGINE = EpochSGD(iterations=2, averages=(2, 3))


@pytest.fixture(scope="module")
def noted():
    """Two rates with and without decay, two seeds of two data seeds, two decay steps, two branches."""
    with jax.enable_x64(True):
        return lrtheory.run(
            Experiment(
                name="noted", problem=Notes(rows=20), dynamics=ENGINE, schedule=Constant(rate=1.0),
                probes=(Everything(),), n_steps=4, n_records=4, seeds=2, data_seeds=2,
                axes={
                    "rate": Axis("schedule.rate", RATES), "weight_decay": Axis("dynamics.weight_decay", DECAYS),
                },
                sub_paths=SubPaths(
                    decay_steps=(1, 4), n_steps=4, n_records=4,
                    schedule=Branches(schedules=tuple(Constant(rate=r) for r in TUNED), labels=("low", "high")),
                ),
            )
        )  # fmt: skip


def test_members_of_a_group_see_the_same_batches_and_groups_do_not(noted):
    dims = ("seed", "data_seed", "rate", "weight_decay", "iteration", "place")
    main = whole_numbers(noted.order.isel(record=-1).transpose(*dims).values[..., :8, :])
    assert (main == main[:, :, :1, :1]).all()
    groups = main[:, :, 0, 0].reshape(4, -1)
    assert len({tuple(g) for g in groups}) == 4
    for seed, data_seed in ((0, 0), (0, 1), (1, 0), (1, 1)):
        want = sequence(ENGINE, 4, 4, cell_keys(0, seed, data_seed).noise)
        np.testing.assert_array_equal(main[seed, data_seed, 0, 0].ravel(), want)


def test_branches_and_decay_steps_see_the_same_epochs_which_are_new_and_begin_at_the_decay(noted):
    dims = ("seed", "data_seed", "decay_step", "branch", "rate", "weight_decay", "iteration", "place")
    sub = noted.sub_order.isel(sub_record=-1).transpose(*dims).values
    early, late = (whole_numbers(sub[:, :, i, ..., 2 * d : 2 * d + 8, :]) for i, d in enumerate((1, 4)))
    assert (early == early[:, :, :1, :1, :1]).all() and (early == late).all()
    for seed, data_seed in ((0, 0), (1, 1)):
        noise = jax.random.fold_in(cell_keys(0, seed, data_seed).noise, SUB_PATHS)
        found = early[seed, data_seed, 0, 0, 0].ravel()
        np.testing.assert_array_equal(found, sequence(ENGINE, 4, 4, noise))
        np.testing.assert_array_equal(np.sort(found[:N]), np.arange(N))
        assert (found != sequence(ENGINE, 4, 4, cell_keys(0, seed, data_seed).noise)).any()


def test_members_of_a_sweep_and_their_branches_are_the_runs_that_they_would_be_alone(noted):
    assert (noted.diverged_at == -1).all() and (noted.sub_diverged_at == -1).all()
    assert (abs(noted.time - 2 * noted.rate * noted.step) < 1e-12).all()

    def same(one, prefix, states):
        for i, state in enumerate(states):
            seen = state.seen
            np.testing.assert_allclose(one[prefix + "unit"][i], seen.now["unit"], rtol=1e-12)
            np.testing.assert_allclose(one[prefix + "average"][i], seen.averages["unit"], rtol=1e-12)
            np.testing.assert_allclose(one[prefix + "square"][i], seen.window["square"], rtol=1e-12)

    problem = Notes(rows=20)
    for seed, data_seed, rate, decay in ((0, 0, 0.5, 0.3), (1, 0, 1.0, 0.0), (1, 1, 1.0, 0.3)):
        noise = cell_keys(0, seed, data_seed).noise
        law = dataclasses.replace(ENGINE, weight_decay=decay)
        one = noted.sel(seed=seed, data_seed=data_seed, rate=rate, weight_decay=decay)
        states, _ = walk(problem, law, (), problem.init(None), rate, noise, 4)
        same(one, "", states)
        # A branch goes on from the state of the law, averages and window included, at its own rate.
        for at, branch, tuned in ((1, "high", 0.2), (4, "low", 0.1)):
            state, after = states[at], [states[at]]
            for i in range(4):
                draws = law.draws(jax.random.fold_in(noise, SUB_PATHS), jnp.asarray(i))
                state, _ = compiled(Notes)(problem, law, (), state, tuned, draws)
                after.append(state)
            same(one.sel(decay_step=at, branch=branch), "sub_", after)


def sorts(jaxpr, within=()):
    """Return what is sorted in a program, which is how an order is drawn: its shape, and whether under a condition."""
    found = []
    for eqn in jaxpr.eqns:
        if eqn.primitive.name == "sort":
            found.append((eqn.invars[0].aval.shape, "cond" in within))
        for value in eqn.params.values():
            for inner in value if isinstance(value, list | tuple) else [value]:
                inner = getattr(inner, "jaxpr", inner)
                found += sorts(inner, (*within, eqn.primitive.name)) if hasattr(inner, "eqns") else []
    return found


def test_an_order_is_drawn_once_for_all_members_and_the_next_epochs_only_where_it_is_read():
    groups, members = 2, 5

    def sweep(problem, dynamics, schedule, seeds):
        cells = jax.vmap(lambda s: cell_keys(0, s))(seeds)
        return simulate(problem, dynamics, schedule, (), cells, np.array([0, 2]), jax.vmap, jax.vmap)

    def shapes(iterations):
        dynamics = EpochSGD(iterations=iterations, averages=(1,), weight_decay=jnp.ones(members))
        arguments = Notes(rows=14), dynamics, Constant(rate=jnp.ones(members)), jnp.arange(groups)
        return sorts(jax.make_jaxpr(sweep)(*arguments).jaxpr)

    # A real condition lies around all of it: cells that are frozen cost nothing.
    short, long = shapes(2), shapes(7)
    assert [shape for shape, _ in short] == [(groups, N)] * 2
    assert [shape for shape, _ in long] == [(groups, 4, N)]
    # One key decides for a single run too: the second epoch is behind a condition.
    law, problem = EpochSGD(iterations=2), Notes()
    step = jax.make_jaxpr(lambda w: law.step(problem, (), law.init(problem, (), w), 1.0, law.draws(KEY, 3)))
    assert sorted(sorts(step(problem.init(None)).jaxpr)) == [((N,), False), ((N,), True)]


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("iterations", 0), ("iterations", -1), ("iterations", 1.5), ("iterations", 10.0), ("iterations", True),
        ("iterations", None), ("averages", ()), ("averages", (0,)), ("averages", (2, -1)), ("averages", (2, 2.5)),
        ("averages", 5), ("averages", None), ("averages", (True,)), ("averages", ("2",)), ("weight_decay", -1e-3),
        ("weight_decay", float("nan")), ("weight_decay", float("inf")), ("weight_decay", "x"), ("weight_decay", None),
    ],
)  # fmt: skip
def test_numbers_that_cannot_be_are_refused_in_one_line(field, value):
    with pytest.raises(ConfigError, match=rf"^dynamics\.{field} = .* is not allowed: it must be ") as error:
        EpochSGD(**{field: value}).check()
    assert "\n" not in str(error.value)


def test_a_law_at_the_edge_is_allowed_and_problems_without_minibatches_are_refused():
    EpochSGD(iterations=1, averages=(1,), weight_decay=0).check()
    with pytest.raises(ConfigError, match=r"EpochSGD needs .*'batch_loss_and_gradient'") as error:
        EpochSGD().init(Quadratic(), (), jnp.ones(2))
    assert "\n" not in str(error.value)
