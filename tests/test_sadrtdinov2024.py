"""The scale-invariant network of Sadrtdinov et al. (2024) and what is measured on it, against loops in NumPy.

The reference below knows the formulas of the paper only: it takes one input at a time and one unit at a time.
Statistical tests compare the least of n p-values with 1e-4/n (Bonferroni): a false-alarm rate of at most 1e-4 each.
"""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from lrtheory.dynamics.sphere import Averaged
from lrtheory.errors import ConfigError
from lrtheory.probes.sadrtdinov2024 import Basin, Curves, EndSets, Features, SphereSharpness, accuracy, angle
from lrtheory.problems.sadrtdinov2024 import TickNetwork, TrainingSet
from lrtheory.problems.sadrtdinov2024_data import Inputs
from lrtheory.simulate import begin, cell_keys
from lrtheory.theory import sadrtdinov2024 as law
from lrtheory.theory import sadrtdinov2024_measures as measures
from lrtheory.theory import sadrtdinov2024_toy as toy

ALARM = 1e-4
NET = TickNetwork(n=12, n_features=2, informative=2.0, width=4, batch=4)
KEY = jax.random.key(4)


@pytest.fixture(autouse=True)
def in_float64(x64):
    """Numbers are compared in float64, but where a test says otherwise."""


# --- the reference ----------------------------------------------------------------------------------------------------


def normalised(h, eps):
    mean = sum(h) / len(h)
    variance = sum((v - mean) ** 2 for v in h) / len(h)
    return [(v - mean) / (variance + eps) ** 0.5 for v in h]


def output(w, x, head, eps):
    """Return the output for one input, unit by unit."""
    for layer in ("w1", "w2"):
        h = [sum(a * b for a, b in zip(row, x, strict=True)) for row in np.asarray(w[layer], float).tolist()]
        x = [max(v, 0.0) for v in normalised(h, eps)]
    return sum(a * b for a, b in zip(np.asarray(head).tolist(), x, strict=True))


def outputs(w, x, head, eps=1e-7):
    return np.array([output(w, row, head, eps) for row in np.asarray(x).tolist()])


def loss(w, x, y, head, eps=1e-7):
    return float(np.mean(np.log1p(np.exp(-np.asarray(y) * outputs(w, x, head, eps)))))


def right(w, x, y, head):
    """Return the share of right answers in %."""
    return 100.0 * np.mean(np.sign(outputs(w, x, head)) == np.asarray(y))


def flat(w):
    return np.concatenate([np.asarray(leaf).ravel() for leaf in (w["w1"], w["w2"])])


def shaped(vector, net=NET):
    first = net.width * 2 * net.n_features
    return {"w1": vector[:first].reshape(net.width, -1), "w2": vector[first:].reshape(net.width, net.width)}


#: Seeds and data seeds of the cells below: all four pairs of two of each, then new ones.
SEEDS, DATA_SEEDS = np.array([[0, 0], [1, 0], [0, 1], [1, 1], *([i, i] for i in range(2, 3998))]).T


#: One of them, whose outputs have both signs.
CELL = 6


@jax.jit
def begun(net, seeds, data_seeds):
    return jax.vmap(lambda s, d: begin(net, None, cell_keys(0, s, d)))(seeds, data_seeds)


@pytest.fixture(scope="module")
def cells():
    with jax.enable_x64(True):
        return jax.tree.map(np.asarray, begun(NET, SEEDS, DATA_SEEDS))


@pytest.fixture(scope="module")
def cell(cells):
    with jax.enable_x64(True):
        return jax.tree.map(lambda leaf: jnp.asarray(leaf[CELL]), cells)


def some_inputs(seed, *shape):
    """Return inputs of two features and labels, as no law would draw them: of a law it is asked elsewhere."""
    rng = np.random.default_rng(seed)
    return Inputs(jnp.asarray(rng.uniform(-2, 2, (*shape, 4))), jnp.asarray(rng.choice([-1.0, 1.0], shape)))


@jax.jit
def at_ends(probe, data, params, others, aux):
    return probe.ends(NET, data, params, others, aux)


@jax.jit
def compiled_output(net, w, x, head):
    return net.output(w, x, head)


@jax.jit
def compiled_gradient(net, w, data, index):
    return net.batch_loss_and_gradient(w, data, index)


# --- the network ------------------------------------------------------------------------------------------------------


def test_outputs_and_losses_are_those_of_the_formula(cell):
    data, w = cell
    want = outputs(w, data.x, data.head)
    np.testing.assert_allclose(compiled_output(NET, w, data.x, data.head), want, rtol=1e-10)
    assert len(np.unique(np.sign(want))) == 2
    index = jnp.array([3, 0, 3, 11])
    found, _ = compiled_gradient(NET, w, data, index)
    np.testing.assert_allclose(found, loss(w, data.x[index], data.y[index], data.head), rtol=1e-10)
    np.testing.assert_allclose(jax.jit(NET.loss)(w, data), loss(w, data.x, data.y, data.head), rtol=1e-10)
    # Epsilon is inside the root and in both layers.
    other = dataclasses.replace(NET, eps=0.3)
    np.testing.assert_allclose(
        compiled_output(other, w, data.x, data.head), outputs(w, data.x, data.head, 0.3), rtol=1e-10
    )


def test_the_gradient_of_a_batch_is_that_of_finite_differences(cell):
    data, w = cell
    index = np.array([7, 1, 10, 7])
    x, y, head = np.asarray(data.x)[index], np.asarray(data.y)[index], np.asarray(data.head)
    at, step = flat(w), 1e-6
    want = [
        (loss(shaped(at + step * e), x, y, head) - loss(shaped(at - step * e), x, y, head)) / (2 * step)
        for e in np.eye(at.size)
    ]
    _, gradient = compiled_gradient(NET, w, data, jnp.asarray(index))
    np.testing.assert_allclose(flat(gradient), want, rtol=1e-6, atol=1e-7)
    assert np.abs(want).max() > 0.1


def test_noise_of_labels_is_not_read_and_a_batch_of_all_is_the_whole(cell):
    data, w = cell
    index = jnp.arange(12)
    a = compiled_gradient(NET, w, data, index)
    b = jax.jit(NET.batch_loss_and_gradient)(w, data, index, jnp.full(12, np.nan))
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-12), a, b)
    value, gradient = jax.jit(jax.value_and_grad(NET.loss))(w, data)
    np.testing.assert_allclose(a[0], value, rtol=1e-14)
    np.testing.assert_allclose(flat(a[1]), flat(gradient), rtol=1e-11, atol=1e-14)


def test_compiled_is_eager_and_a_batch_of_networks_its_networks(cell):
    data, _ = cell
    ws = jax.jit(jax.vmap(NET.init))(jax.random.split(KEY, 3))
    together = jax.jit(jax.vmap(NET.loss, (0, None)))(ws, data)
    for i in range(3):
        one = jax.tree.map(lambda leaf, i=i: leaf[i], ws)
        np.testing.assert_allclose(together[i], NET.loss(one, data), rtol=1e-12)


def test_huge_outputs_give_finite_losses(cell):
    data, w = cell
    net = dataclasses.replace(NET, head_norm=1e6)
    huge = data._replace(head=1e5 * data.head)
    found = [compiled_gradient(net, w, huge._replace(head=sign * huge.head), jnp.arange(4)) for sign in (1, -1)]
    assert all(np.isfinite(value) and np.isfinite(flat(gradient)).all() for value, gradient in found)
    assert sum(value for value, _ in found) > 1e4
    # Dead units: equal rows make all of a layer equal, and its normalisation 0.
    dead = {"w1": jnp.ones_like(w["w1"]), "w2": w["w2"]}
    value, gradient = compiled_gradient(NET, dead, data, jnp.arange(4))
    np.testing.assert_allclose(value, np.log(2), rtol=1e-6)
    assert np.isfinite(flat(gradient)).all()


# --- invariances ------------------------------------------------------------------------------------------------------

FACTORS = (0.1, 0.5, 3.0, 100.0)


def largest_change(net, data, w, layer, factors=FACTORS):
    """Return by how much outputs change at most where a layer is scaled, relative to the largest output."""
    base = compiled_output(net, w, data.x, data.head)
    change = [np.abs(compiled_output(net, {**w, layer: c * w[layer]}, data.x, data.head) - base).max() for c in factors]
    return max(change) / np.abs(base).max()


@pytest.fixture(scope="module")
def full_size():
    """The network of the paper in float32 and in float64."""
    rng = np.random.default_rng(3)
    x, y = rng.uniform(-2, 2, (512, 32)), rng.choice([-1.0, 1.0], 512)
    head, start = rng.uniform(-1, 1, 32), rng.standard_normal((2, 32, 32))
    head, start = 10 * head / np.linalg.norm(head), start / np.linalg.norm(start)
    found = {}
    for x64 in (False, True):
        with jax.enable_x64(x64):
            w = {"w1": jnp.asarray(start[0]), "w2": jnp.asarray(start[1])}
            found[x64] = TrainingSet(*map(jnp.asarray, (x, y, head))), w
    return found


def test_outputs_do_not_change_when_a_layer_is_scaled(full_size):
    """To rounding in W1; in W2 to 1e-3, which is epsilon, so that it is exact where there is none."""
    net = TickNetwork()
    with jax.enable_x64(False):
        data, w = full_size[False]
        assert w["w1"].dtype == data.x.dtype == np.float32
        assert largest_change(net, data, w, "w1") < 5e-7
        assert largest_change(net, data, w, "w2") < 2e-3
        assert largest_change(net, data, w, "w2", (0.5, 3.0, 100.0)) < 1e-4
    data, w = full_size[True]
    assert largest_change(net, data, w, "w1") < 2e-8
    assert 1e-5 < largest_change(net, data, w, "w2") < 2e-3
    exact = dataclasses.replace(net, eps=1e-30)
    for layer in ("w1", "w2"):
        assert largest_change(exact, data, w, layer) < 1e-12
        # Outside the regime: with an epsilon of the size of the variance nothing is invariant.
        assert largest_change(dataclasses.replace(net, eps=1.0), data, w, layer) > 0.1
    # Nor are single units: only a layer as a whole.
    assert largest_change(net, data, {**w, "w1": w["w1"].at[0].multiply(2.0)}, "w1") < 2e-8
    one = {**w, "w1": w["w1"].at[0].multiply(2.0)}
    base = compiled_output(net, w, data.x, data.head)
    assert np.abs(compiled_output(net, one, data.x, data.head) - base).max() > 0.01


def test_a_small_second_layer_is_not_invariant(full_size):
    """For norms below 1e-3 epsilon is felt, in W2 only."""
    data, w = full_size[True]
    assert largest_change(TickNetwork(), data, w, "w2", (1e-3,)) > 0.5
    assert largest_change(TickNetwork(), data, w, "w1", (1e-3,)) < 1e-3


@pytest.mark.parametrize("x64", [False, True])
def test_the_gradient_of_a_layer_is_orthogonal_to_it(full_size, x64):
    net = TickNetwork()
    with jax.enable_x64(x64):
        data, w = full_size[x64]
        for index in (jnp.arange(16), jnp.arange(100, 116)):
            for eps in (1e-7, *((1e-30,) if x64 else ())):
                _, g = compiled_gradient(dataclasses.replace(net, eps=eps), w, data, index)
                cosine = {n: abs(law.radial_cosine(np.ravel(w[n]), np.ravel(g[n]))) for n in w}
                if eps < 1e-20:
                    assert max(cosine.values()) < 1e-13
                else:
                    assert cosine["w1"] < (1e-9 if x64 else 1e-6) and cosine["w2"] < 1e-5
        # Negative control: the gradient of one output alone is not orthogonal to the row of a unit.
        rows = [law.radial_cosine(np.asarray(a), np.asarray(b)) for a, b in zip(w["w1"], g["w1"], strict=True)]
        assert np.abs(rows).max() > 0.1


def test_what_is_radial_in_a_gradient_is_epsilon(cell):
    """f(cW; eps) = f(W; eps/c^2) for both layers at once, so <W, dL/dW> = -2 eps dL/deps, exactly."""
    data, w = cell
    net = dataclasses.replace(NET, eps=1e-3)
    by_net, by_weights = jax.jit(jax.grad(lambda net, w: net.loss(w, data), (0, 1)))(net, w)
    radial, by_eps = float(flat(w) @ flat(by_weights)), by_net.eps
    np.testing.assert_allclose(radial, -2e-3 * by_eps, rtol=1e-9)
    assert abs(radial) > 1e-6


def test_gradients_scale_inversely_with_the_weights(cell):
    data, w = cell
    net, index = dataclasses.replace(NET, eps=1e-30), jnp.arange(4)
    value, g = compiled_gradient(net, w, data, index)
    for factors in ((28.0, 28.0), (0.1, 7.0)):
        scaled = {n: c * leaf for c, (n, leaf) in zip(factors, w.items(), strict=True)}
        again, h = compiled_gradient(net, scaled, data, index)
        np.testing.assert_allclose(again, value, rtol=1e-12)
        for c, n in zip(factors, w, strict=True):
            np.testing.assert_allclose(h[n], law.scaled_gradient(g[n], c), rtol=1e-9, atol=1e-12)


# --- starts and output weights ----------------------------------------------------------------------------------------


def test_starts_are_uniform_on_the_unit_sphere_of_all_weights(cells):
    """d = 32: a squared coordinate has the law Beta(1/2, 31/2), the share of a layer Beta(8, 8), signs are fair."""
    w = cells[1]
    v = np.concatenate([w["w1"].reshape(4000, 16), w["w2"].reshape(4000, 16)], 1)
    np.testing.assert_allclose(np.linalg.norm(v, axis=1), 1.0, rtol=1e-14)
    p = [scipy.stats.kstest(v[:, i] ** 2, "beta", args=(0.5, 15.5)).pvalue for i in range(32)]
    share = (v[:, :16] ** 2).sum(1)
    p.append(scipy.stats.kstest(share, "beta", args=(8, 8)).pvalue)
    p += [scipy.stats.binomtest(int((v[:, i] > 0).sum()), 4000).pvalue for i in range(32)]
    z = np.sqrt(4000) * np.corrcoef(v.T)[np.triu_indices(32, 1)]
    p += list(2 * scipy.stats.norm.sf(np.abs(z)))
    assert min(p) > ALARM / len(p), min(p)
    # Negative control: layers put on spheres of their own have coordinates of nearly the same law, and no free share.
    assert scipy.stats.kstest(np.full(4000, 0.5), "beta", args=(8, 8)).pvalue < 1e-12
    cube = v * np.abs(v).max() / np.abs(v).max(1, keepdims=True)
    assert scipy.stats.kstest(cube[:, 0] ** 2, "beta", args=(0.5, 15.5)).pvalue < 1e-12


def test_the_start_has_norm_one_in_float32():
    with jax.enable_x64(False):
        w = jax.jit(TickNetwork().init)(KEY)
    assert w["w1"].dtype == np.float32 and w["w1"].shape == w["w2"].shape == (32, 32)
    assert abs(np.linalg.norm(flat(w).astype(float)) - 1) < 3e-7


def test_output_weights_follow_the_data_seed_and_the_start_both(cells):
    data, w = cells
    for leaf in data:
        np.testing.assert_array_equal(leaf[0], leaf[1])
        np.testing.assert_array_equal(leaf[2], leaf[3])
    assert (data.head[0] != data.head[2]).all() and (data.x[0] != data.x[2]).all()
    starts = w["w1"][:100]
    assert len(np.unique(starts)) == starts.size
    np.testing.assert_allclose(np.linalg.norm(data.head, axis=1), 10.0, rtol=1e-14)


def test_output_weights_are_a_direction_from_a_cube_times_the_norm(cells):
    """Two-sample tests against directions made in NumPy; the largest of the four entries tells a cube from a ball."""
    head = cells[0].head[1:][DATA_SEEDS[1:] > 1] / 10
    data, _ = begun(dataclasses.replace(NET, head_norm=3.0), SEEDS, DATA_SEEDS)
    np.testing.assert_allclose(data.head, 0.3 * cells[0].head, rtol=1e-13)
    np.testing.assert_array_equal(data.x, cells[0].x)
    rng = np.random.default_rng(0)
    cube, ball = rng.uniform(-1, 1, (len(head), 4)), rng.standard_normal((len(head), 4))
    cube, ball = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (cube, ball))
    p = [scipy.stats.ks_2samp(head[:, i], cube[:, i]).pvalue for i in range(4)]
    p.append(scipy.stats.ks_2samp(np.abs(head).max(1), np.abs(cube).max(1)).pvalue)
    assert min(p) > ALARM / len(p), p
    assert scipy.stats.ks_2samp(np.abs(head).max(1), np.abs(ball).max(1)).pvalue < 1e-6


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("width", 1), ("width", 2.0), ("batch", 0), ("batch", 513), ("batch", 1.5), ("head_norm", 0.0),
        ("head_norm", -1.0), ("head_norm", float("inf")), ("eps", 0.0), ("eps", float("nan")), ("eps", "x"),
    ],
)  # fmt: skip
def test_bad_numbers_are_refused_in_one_line(field, value):
    with pytest.raises(ConfigError, match=rf"^problem\.{field} = .* is not allowed: it must be ") as error:
        TickNetwork(**{field: value}).check()
    assert "\n" not in str(error.value)


# --- probes -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def seen(cell):
    """What a law would show: weights of any norm, two averages, numbers of a window."""
    with jax.enable_x64(True):
        rng = np.random.default_rng(8)
        draw = lambda *lead: {  # noqa: E731
            "w1": jnp.asarray(rng.normal(size=(*lead, 4, 4))), "w2": jnp.asarray(rng.normal(size=(*lead, 4, 4)))
        }  # fmt: skip
        window = {"batch_loss": 0.25, "gradient_norm": 3.0, "turn2": 0.5, "log_growth": jnp.array([0.1, 0.2])}
        return Averaged(draw(), draw(2), window), Averaged(draw(3), draw(3, 2), window)


def nth(tree, i):
    return {n: np.asarray(leaf)[i] for n, leaf in tree.items()}


def test_test_sets_have_their_sizes_and_follow_the_law_of_the_problem():
    key = jax.random.key(0)
    test, _ = jax.eval_shape(Curves(n_test=30).prepare, NET, None, key)
    assert test.x.shape == (30, 4) and test.y.shape == (30,)
    assert jax.eval_shape(Basin(n_test=30).prepare, NET, None, key).x.shape == (30, 4)
    sets = jax.eval_shape(Features(n_test=30, n_single=20).prepare, NET, None, key)
    assert sets.test.x.shape == (30, 4) and sets.single.x.shape == (2, 20, 4) and sets.single.y.shape == (2, 20)


def test_curves(cell, seen):
    (data, _), (now, _) = cell, seen
    probe = Curves(n_test=30)
    aux = test, _ = some_inputs(1, 30), KEY
    found = {k: np.asarray(v) for k, v in jax.jit(probe)(NET, data, now, aux).items()}
    np.testing.assert_allclose(found.pop("train_loss"), loss(now.now, data.x, data.y, data.head), rtol=1e-10)
    np.testing.assert_allclose(found.pop("train_accuracy"), right(now.now, data.x, data.y, data.head))
    np.testing.assert_allclose(found.pop("test_accuracy"), right(now.now, test.x, test.y, data.head))
    norms = [np.sum(np.asarray(now.now[n]) ** 2) for n in ("w1", "w2")]
    np.testing.assert_allclose(found.pop("share"), np.array(norms) / sum(norms), rtol=1e-12)
    assert found.pop("batch_loss") == 0.25 and found.pop("gradient_norm") == 3.0
    np.testing.assert_array_equal(found.pop("log_growth"), [0.1, 0.2])
    assert not found

    points = jax.jit(jax.vmap(NET.init))(jax.random.split(aux[1], 32))
    want = np.mean([loss(nth(points, i), data.x, data.y, data.head) for i in range(32)])
    np.testing.assert_allclose(jax.jit(probe.constants)(NET, data, now, aux)["random_loss"], want, rtol=1e-10)


def test_an_output_of_zero_is_half_right_and_nan_is_no_accuracy(cell):
    data, w = cell
    dead = {"w1": jnp.zeros_like(w["w1"]), "w2": w["w2"]}
    assert accuracy(NET, dead, data, data.head) == 50.0
    assert np.isnan(accuracy(NET, {**w, "w1": w["w1"] * np.nan}, data, data.head))


def line(a, b, data, inputs, points):
    """Return errors in % on the straight line."""
    return np.array([
        100 - right({n: (1 - t) * a[n] + t * b[n] for n in a}, inputs.x, inputs.y, data.head)
        for t in np.linspace(0, 1, points)
    ])  # fmt: skip


def test_basin(cell, seen):
    (data, _), (now, others) = cell, seen
    probe = Basin(n_points=7, average=0)
    test = some_inputs(2, 40)
    assert probe(NET, data, now, test) == {}
    found = at_ends(probe, data, now, others, test)
    low, high, mean = nth(others.now, 0), nth(others.now, 2), nth(now.averages, 0)
    some = False
    for i, (a, b) in enumerate([(low, high), (mean, low), (mean, high)]):
        np.testing.assert_allclose(found["angle"][i], measures.angle(flat(a), flat(b)), rtol=1e-12)
        for name, inputs in (("train_barrier", data), ("test_barrier", test)):
            want = measures.barrier(line(a, b, data, inputs, 7))
            np.testing.assert_allclose(found[name][i], want, atol=1e-10)
            some = some or want > 1
    assert some and set(found) == set(Basin.dims)


def test_angles_keep_their_digits_and_know_no_norm(cell):
    _, w = cell
    turned = {n: 5.0 * leaf for n, leaf in w.items()}
    assert angle(w, turned) < 1e-15
    assert abs(angle(w, {n: -leaf for n, leaf in w.items()}) - np.pi) < 1e-12
    near = {**w, "w1": w["w1"] + 1e-9 * jnp.ones_like(w["w1"])}
    u, v = flat(w), flat(near) - flat(w)
    want = np.linalg.norm(v - (v @ u) * u)
    np.testing.assert_allclose(angle(w, near), want, rtol=1e-5)


def test_features(cell, seen):
    (data, _), (now, others) = cell, seen
    probe, aux = Features(), EndSets(some_inputs(3, 30), some_inputs(4, 2, 20))
    assert probe(NET, data, now, aux) == {}
    found = at_ends(probe, data, now, others, aux)

    def by_feature(w):
        return [right(w, aux.single.x[j], aux.single.y[j], data.head) for j in range(2)]

    averages = [nth(now.averages, i) for i in range(2)]
    want = {
        "feature_accuracy": by_feature(now.now),
        "average_feature_accuracy": [by_feature(w) for w in averages],
        "average_accuracy": [right(w, aux.test.x, aux.test.y, data.head) for w in averages],
        "average_train_accuracy": [right(w, data.x, data.y, data.head) for w in averages],
        "tuned_feature_accuracy": [by_feature(nth(others.now, i)) for i in range(3)],
    }
    assert set(found) == set(want)
    for name, value in want.items():
        np.testing.assert_allclose(found[name], value, atol=1e-10, err_msg=name)
        assert len(probe.dims[name]) == np.ndim(value)
    assert len(np.unique(want["average_feature_accuracy"])) > 1

    # Without sub-paths there is nothing of them, and without averages nothing of those.
    ends = lambda params: jax.eval_shape(lambda p: probe.ends(NET, data, p, None, aux), params)  # noqa: E731
    assert set(ends(now)) == set(want) - {"tuned_feature_accuracy"}
    none = now._replace(averages={n: leaf[:0] for n, leaf in now.averages.items()})
    assert set(ends(none)) == {"feature_accuracy"}


def hessian_on_sphere(problem, data, w):
    """Return P H P at weights of norm 1, with the Hessian as a matrix."""
    at = flat(w)
    p = np.eye(at.size) - np.outer(at, at)
    return p @ hessian(problem, data, at) @ p


def hessian(problem, data, at):
    return np.asarray(jax.jit(jax.hessian(lambda v: problem.loss(shaped(v), data)))(jnp.asarray(at)))


def test_sharpness_is_the_largest_eigenvalue_of_the_hessian_on_the_sphere(cell):
    data, w = cell
    matrix = hessian_on_sphere(NET, data, w)
    probe = SphereSharpness(n_iterations=9)
    assert probe(NET, data, Averaged(w, (), {}), None) == {}
    read = jax.jit(lambda w, aux: probe.ends(NET, data, Averaged(w, (), {}), None, aux)["sharpness"])
    # Step for step: the same power iteration with the matrix, from the same start, of any norm.
    u, v = flat(w), np.random.default_rng(0).standard_normal(32)
    found = read(w, shaped(jnp.asarray(v)))
    v = v - (v @ u) * u
    for _ in range(9):
        v = matrix @ (v / np.linalg.norm(v))
    np.testing.assert_allclose(found, np.linalg.norm(v), rtol=1e-9)
    # At the end of all iterations: the largest in magnitude.
    values, vectors = np.linalg.eigh(matrix)
    top = np.argmax(np.abs(values))
    largest = np.abs(values[top])
    np.testing.assert_allclose(read(w, shaped(jnp.asarray(vectors[:, top]))), largest, rtol=1e-9)
    assert abs(found / largest - 1) > 1e-6
    # Whatever the norm of the weights; and without the projection it would be another number.
    larger = {n: 28 * leaf for n, leaf in w.items()}
    np.testing.assert_allclose(read(larger, shaped(jnp.asarray(vectors[:, top]))), largest, rtol=1e-9)
    assert abs(np.abs(np.linalg.eigvalsh(hessian(NET, data, u))).max() / largest - 1) > 1e-6


class Groups:
    """The toy function on two groups."""

    alpha = np.array([1.0, 3.0])

    def loss(self, w, data):
        return jnp.sum(self.alpha * w["x"] ** 2 / (w["x"] ** 2 + w["y"] ** 2))

    def init(self, key):
        x, y = jax.random.normal(key, (2, 2))
        return {"x": x, "y": y}


def test_sharpness_of_the_toy_function_is_its_closed_form():
    problem, shares = Groups(), np.array([0.6, 0.4])
    w = {"x": jnp.zeros(2), "y": jnp.asarray(np.sqrt(shares))}
    probe = SphereSharpness(n_iterations=60)
    found = probe.ends(problem, (), Averaged(w, (), {}), None, probe.prepare(problem, (), KEY))["sharpness"]
    np.testing.assert_allclose(found, toy.sharpness(shares, problem.alpha), rtol=1e-10)
    np.testing.assert_allclose(found, 15.0, rtol=1e-10)


def test_probes_say_what_they_need(cell, seen):
    """Branches to compare, and an average that the law has: an index too large would be read as the last."""
    (data, _), (now, others) = cell, seen
    aux, sets = some_inputs(2, 40), EndSets(some_inputs(3, 30), some_inputs(4, 2, 20))
    one = jax.tree.map(lambda leaf: leaf[0], others._replace(window={}))
    for call in (
        lambda: Basin().ends(NET, data, now, None, aux),
        lambda: Basin().ends(NET, data, now, one, aux),
        lambda: Features().ends(NET, data, now, one, sets),
    ):
        with pytest.raises(ConfigError, match=r"needs sub_paths\.schedule = Branches") as error:
            jax.eval_shape(call)
        assert "\n" not in str(error.value)
    for average in (2, -1):
        with pytest.raises(ConfigError, match=rf"^probe\.average = {average} is not allowed"):
            jax.eval_shape(lambda average=average: Basin(average=average).ends(NET, data, now, others, aux))


@pytest.mark.parametrize(
    ("probe", "field"),
    [
        (Curves(n_test=1), "n_test"), (Curves(n_test=2.5), "n_test"), (Basin(n_test=0), "n_test"),
        (Basin(n_points=1), "n_points"), (Basin(n_points=2.5), "n_points"),
        (Features(n_test=None), "n_test"), (Features(n_single=0), "n_single"),
        (SphereSharpness(n_iterations=1), "n_iterations"), (SphereSharpness(n_iterations="9"), "n_iterations"),
    ],
)  # fmt: skip
def test_bad_numbers_of_probes_are_refused_in_one_line(probe, field):
    with pytest.raises(ConfigError, match=rf"^probe\.{field} = .* is not allowed: it must be ") as error:
        probe.check()
    assert "\n" not in str(error.value)
