"""The networks after You et al. (2019) and what is measured on them, against NumPy.

The reference below knows the formulas only: layers, normalisation, and their gradients are written out. Statistical
tests compare the least of n p-values with 1e-4/n (Bonferroni): a false-alarm rate of at most 1e-4 each.
"""

from __future__ import annotations

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats

from lrtheory import SubPaths
from lrtheory.dynamics import EpochSGD
from lrtheory.dynamics.checkpoints import Averaged
from lrtheory.errors import ConfigError
from lrtheory.probes.you2019 import ByKind, DeadUnits, Decays, turns
from lrtheory.problems.you2019 import PatternNetwork, TrainingSet
from lrtheory.problems.you2019_data import Inputs
from lrtheory.problems.you2019_network import LayerNormNetwork, PlainNetwork, cross_entropy
from lrtheory.schedules import Constant
from lrtheory.simulate import cell_keys, simulate_paths
from lrtheory.sub_paths import Branches

ALARM = 1e-4
#: A test is nearly all compiling, which takes a fifth of the time without optimisation.
compiled = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
KEY = jax.random.key(4)
NORMED = PatternNetwork(
    d=6, classes=3, simple=2, complex=4, n_simple=12, n_complex=12, n_noisy=5, batch=4,
    network=LayerNormNetwork(hidden=(5, 7)),
)  # fmt: skip
PLAIN = dataclasses.replace(NORMED, network=PlainNetwork(hidden=(5, 7)))
LAYERS = ("Dense_0", "Dense_1", "Dense_2")


@pytest.fixture(autouse=True)
def in_float64(x64):
    """Numbers are compared in float64, but where a test says otherwise."""


# --- the reference ----------------------------------------------------------------------------------------------------


def forward(w, x, normalised):
    """Return logits, and of each hidden layer its inputs, normalised values, scales and outputs."""
    kept, h = [], np.asarray(x, float)
    for name in LAYERS[:-1]:
        before, z = h, h @ np.asarray(w[name]["kernel"], float)
        scale = np.ones((len(z), 1))
        if normalised:
            scale = np.sqrt(z.var(1, keepdims=True) + 1e-6)
            z = (z - z.mean(1, keepdims=True)) / scale
        h = np.maximum(z, 0)
        kept.append((before, z, scale, h))
    return h @ np.asarray(w[LAYERS[-1]]["kernel"], float), kept


def losses(logits, y):
    return scipy.special.logsumexp(logits, axis=1) - logits[np.arange(len(y)), y]


def gradient(w, x, y, normalised):
    """Return the gradient of the mean loss, by hand."""
    logits, kept = forward(w, x, normalised)
    back = (scipy.special.softmax(logits, axis=1) - np.eye(logits.shape[1])[y]) / len(y)
    out = {LAYERS[-1]: kept[-1][3].T @ back}
    back = back @ np.asarray(w[LAYERS[-1]]["kernel"]).T
    for name, (before, z, scale, _) in reversed(list(zip(LAYERS, kept, strict=False))):
        back = back * (z > 0)
        if normalised:
            back = (back - back.mean(1, keepdims=True) - z * (back * z).mean(1, keepdims=True)) / scale
        out[name] = before.T @ back
        back = back @ np.asarray(w[name]["kernel"]).T
    return out


def is_normed(net):
    return isinstance(net.network, LayerNormNetwork)


@functools.cache
def cell(net_normed=True):
    net = NORMED if net_normed else PLAIN
    with jax.enable_x64(True):
        return compiled(net.data)(jax.random.key(0)), compiled(net.init)(jax.random.key(1))


def begun(net):
    return cell(is_normed(net))


@compiled
def logits_of(net, w, x):
    return net.logits(w, x)


@compiled
def stepped(net, w, data, index):
    return net.batch_loss_and_gradient(w, data, index)


both = pytest.mark.parametrize("net", [NORMED, PLAIN], ids=["normed", "plain"])


# --- the network ------------------------------------------------------------------------------------------------------


@both
def test_weights_are_matrices_without_biases_in_the_precision_of_the_run(net):
    _, w = begun(net)
    shapes = {name: {kind: leaf.shape for kind, leaf in layer.items()} for name, layer in w.items()}
    assert shapes == {"Dense_0": {"kernel": (6, 5)}, "Dense_1": {"kernel": (5, 7)}, "Dense_2": {"kernel": (7, 3)}}
    assert {leaf.dtype for leaf in jax.tree.leaves(w)} == {np.dtype(np.float64)}
    with jax.enable_x64(False):
        found = jax.eval_shape(net.init, KEY)
        assert {leaf.dtype for leaf in jax.tree.leaves(found)} == {np.dtype(np.float32)}


@both
def test_outputs_losses_and_hidden_layers_are_those_of_the_formula(net):
    data, w = begun(net)
    want, kept = forward(w, data.x, is_normed(net))
    np.testing.assert_allclose(logits_of(net, w, data.x), want, rtol=1e-10, atol=1e-12)
    hidden = compiled(net.hidden)(w, data.x)
    assert [h.shape for h in hidden] == [(29, 5), (29, 7)]
    for found, (_, _, _, h) in zip(hidden, kept, strict=True):
        np.testing.assert_allclose(found, h, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(compiled(net.loss)(w, data), losses(want, np.asarray(data.y)).mean(), rtol=1e-11)
    index = np.array([3, 0, 3, 28])
    value, _ = stepped(net, w, data, index)
    np.testing.assert_allclose(value, losses(want[index], np.asarray(data.y)[index]).mean(), rtol=1e-11)
    part = slice(5, 9)
    value = compiled(net.loss_on)(w, data.x[part], data.y[part])
    np.testing.assert_allclose(value, losses(want[part], np.asarray(data.y)[part]).mean(), rtol=1e-11)


@both
def test_the_gradient_is_that_of_the_formula_and_of_finite_differences(net):
    data, w = begun(net)
    index = np.array([7, 1, 20, 7])
    x, y = np.asarray(data.x)[index], np.asarray(data.y)[index]
    _, found = stepped(net, w, data, index)
    want = gradient(w, x, y, is_normed(net))
    rng, step = np.random.default_rng(5), 1e-6
    for name in LAYERS:
        np.testing.assert_allclose(found[name]["kernel"], want[name], rtol=1e-8, atol=1e-11)
        assert np.abs(want[name]).max() > 1e-3
        for _ in range(10):
            at = tuple(rng.integers(0, size) for size in want[name].shape)
            values = []
            for sign in (1, -1):
                moved = {**w, name: {"kernel": w[name]["kernel"].at[at].add(sign * step)}}
                values.append(losses(forward(moved, x, is_normed(net))[0], y).mean())
            np.testing.assert_allclose((values[0] - values[1]) / (2 * step), want[name][at], rtol=1e-5, atol=1e-8)


@both
def test_a_batch_of_all_is_the_whole_and_fresh_noise_is_not_read(net):
    data, w = begun(net)
    value, found = stepped(net, w, data, jnp.arange(29))
    again = compiled(net.batch_loss_and_gradient)(w, data, jnp.arange(29), jnp.full(29, np.nan))
    whole = compiled(jax.value_and_grad(net.loss))(w, data)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-15), (value, found), again)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-14), (value, found), whole)


def test_cross_entropy_is_finite_for_huge_outputs_and_right_for_equal_ones():
    logits = np.array([[1e5, -1e5, 0.0], [0.0, 0.0, 0.0], [1e5, 1e5, -1e5], [3.0, 1.0, 2.0]])
    y = np.array([1, 2, 0, 0])
    np.testing.assert_allclose(cross_entropy(jnp.asarray(logits), jnp.asarray(y)), losses(logits, y), rtol=1e-14)
    assert losses(logits, y)[1] == pytest.approx(np.log(3)) and losses(logits, y)[0] == 2e5
    slope = jax.grad(lambda a: cross_entropy(a, jnp.asarray(y)).sum())(jnp.asarray(logits))
    np.testing.assert_allclose(slope, scipy.special.softmax(logits, axis=1) - np.eye(3)[y], rtol=1e-12, atol=1e-15)


def scaled(w, name, factor):
    return {**w, name: {"kernel": factor * w[name]["kernel"]}}


def test_normalised_outputs_do_not_change_when_a_hidden_layer_is_scaled_and_plain_ones_do():
    for net in (NORMED, PLAIN):
        data, w = begun(net)
        base = logits_of(net, w, data.x)
        size = np.abs(base).max()
        for factor in (0.3, 3.0, 100.0):
            for name in LAYERS[:2]:
                found = logits_of(net, scaled(w, name, factor), data.x)
                if is_normed(net):  # but for flax's epsilon, 1e-6 of a variance
                    assert np.abs(found - base).max() < 1e-4 * size
                else:
                    np.testing.assert_allclose(found, factor * base, rtol=1e-11, atol=1e-12 * factor)
            np.testing.assert_allclose(logits_of(net, scaled(w, LAYERS[2], factor), data.x), factor * base, rtol=1e-11)
        # A single unit alone is not scaled for free in either.
        one = {**w, "Dense_0": {"kernel": w["Dense_0"]["kernel"].at[:, 0].multiply(5.0)}}
        assert np.abs(logits_of(net, one, data.x) - base).max() > 1e-2 * size


def test_the_gradient_of_a_normalised_layer_is_orthogonal_to_it_and_scales_inversely():
    for net in (NORMED, PLAIN):
        data, w = begun(net)
        _, g = stepped(net, w, data, jnp.arange(29))
        for name in LAYERS[:2]:
            a, b = np.ravel(w[name]["kernel"]), np.ravel(g[name]["kernel"])
            cosine = abs(a @ b) / np.linalg.norm(a) / np.linalg.norm(b)
            assert cosine < 1e-4 if is_normed(net) else cosine > 1e-2
            if is_normed(net):
                _, h = stepped(net, scaled(w, name, 10.0), data, jnp.arange(29))
                np.testing.assert_allclose(10 * h[name]["kernel"], g[name]["kernel"], rtol=1e-3, atol=1e-6)


def test_weights_start_with_the_variance_of_he_and_the_last_layer_at_half():
    """Normal numbers that are cut off, with variance 2/fan-in after the cut; a quarter of that in the last layer."""
    net = dataclasses.replace(NORMED, d=20, network=LayerNormNetwork(hidden=(30, 10)))
    w = compiled(jax.vmap(net.init))(jax.random.split(KEY, 200))
    p, samples = [], []
    for name, fan_in, gain in (("Dense_0", 20, 2.0), ("Dense_1", 30, 2.0), ("Dense_2", 10, 0.5)):
        values = np.asarray(w[name]["kernel"])
        z = (values / np.sqrt(gain / fan_in)).ravel()
        cut = scipy.stats.truncnorm(-2, 2)
        p.append(2 * scipy.stats.norm.sf(abs(z.mean()) * np.sqrt(z.size)))
        fourth = cut.stats(moments="k") + 3  # of the standardised law
        p.append(2 * scipy.stats.norm.sf(abs(np.mean(z**2) - 1) / np.sqrt((fourth - 1) / z.size)))
        p.append(scipy.stats.kstest(z * cut.std(), cut.cdf).pvalue)
        assert np.abs(z).max() <= 2 / cut.std() + 1e-6
        samples.append(values.reshape(200, -1)[:, :30])
    for a, b in ((0, 1), (0, 2), (1, 2)):
        p.append(scipy.stats.ttest_1samp((samples[a] * samples[b]).mean(1), 0).pvalue)
    assert min(p) > ALARM / len(p), p


def test_networks_of_any_depth_and_batches_of_networks():
    data, _ = begun(NORMED)
    for kind in (LayerNormNetwork, PlainNetwork):
        for hidden in ((2,), (4, 4, 4), [5, 7]):
            net = dataclasses.replace(NORMED, network=kind(hidden=hidden))
            net.check()
            w = jax.eval_shape(net.init, KEY)
            assert [leaf.shape[1] for leaf in jax.tree.leaves(w)] == [*hidden, 3]
    ws = compiled(jax.vmap(NORMED.init))(jax.random.split(KEY, 3))
    together = compiled(jax.vmap(NORMED.loss, (0, None)))(ws, data)
    loss = compiled(NORMED.loss)
    alone = [float(loss(jax.tree.map(lambda leaf, i=i: leaf[i], ws), data)) for i in range(3)]
    np.testing.assert_allclose(together, alone, rtol=1e-11)
    assert len(set(alone)) == 3


@pytest.mark.parametrize(
    ("field", "network"),
    [("hidden", kind(hidden=value)) for kind in (LayerNormNetwork, PlainNetwork)
     for value in ((), (0,), (8, 1), (8, 2.5), 8, None, ("8",))],
)  # fmt: skip
def test_networks_that_cannot_be_are_refused_in_one_line(field, network):
    with pytest.raises(ConfigError, match=rf"^problem\.network\.{field} = .* is not allowed: it must be ") as error:
        dataclasses.replace(NORMED, network=network).check()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("batch", [0, -1, 2.0, 30, None, "4"])
def test_batches_that_cannot_be_are_refused_in_one_line(batch):
    with pytest.raises(ConfigError, match=r"^problem\.batch = .* is not allowed: it must be .* n = 29") as error:
        dataclasses.replace(NORMED, batch=batch).check()
    assert "\n" not in str(error.value)
    dataclasses.replace(NORMED, batch=29).check()


# --- accuracy by kind -------------------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize(("n_train", "n_test"), [(5, 7), (500, 40)])
def test_accuracy_and_loss_by_kind_are_those_of_numpy(net, n_train, n_test):
    data, w = begun(net)
    probe = ByKind(n_train=n_train, n_test=n_test)
    aux = compiled(lambda d, k: probe.prepare(net, d, k))(data, KEY)
    found = compiled(lambda d, w, a: probe(net, d, w, a))(data, w, aux)
    averaged = Averaged(w, jax.tree.map(lambda v: v[None] * 9, w), {})
    seen = compiled(lambda d, w, a: probe(net, d, w, a))(data, averaged, aux)
    x, y = np.asarray(data.x), np.asarray(data.y)
    rows = {"simple": (0, 12), "complex": (12, 12), "noisy": (24, 5)}
    sets = {f"train_{{}}_{k}": (x[a : a + min(n, n_train)], y[a : a + min(n, n_train)]) for k, (a, n) in rows.items()}
    sets |= {f"test_{{}}_{k}": tuple(map(np.asarray, aux[k])) for k in ("simple", "complex")}
    assert set(found) == {name.format(what) for name in sets for what in ("accuracy", "loss")}
    for name, (inputs, labels) in sets.items():
        logits, _ = forward(w, inputs, is_normed(net))
        assert len(inputs) == len(labels) == (n_test if "test" in name else min(n_train, 5 if "noisy" in name else 12))
        np.testing.assert_allclose(found[name.format("accuracy")], np.mean(logits.argmax(1) == labels), rtol=1e-12)
        np.testing.assert_allclose(found[name.format("loss")], losses(logits, labels).mean(), rtol=1e-10)
    for name, value in found.items():  # the weights now, not their averages
        np.testing.assert_allclose(seen[name], value, rtol=1e-12)
        assert ("loss" in name) == (ByKind.units.get(name) == "nat")
    assert len({round(float(v), 6) for n, v in found.items() if "accuracy" in n}) > 2


def test_without_noisy_rows_nothing_is_said_of_them():
    net = dataclasses.replace(NORMED, n_noisy=0)
    data, aux = jax.eval_shape(net.data, KEY), jax.eval_shape(lambda k: ByKind().prepare(net, net.data(k), k), KEY)
    found = jax.eval_shape(lambda d, w, a: ByKind()(net, d, w, a), data, begun(NORMED)[1], aux)
    assert len(found) == 8 and not any("noisy" in name for name in found)


# --- decays, on outputs that are written down -------------------------------------------------------------------------


class Table:
    """A problem whose weights are its outputs: input i is the i-th unit vector."""

    n = 8

    def inputs(self, first, y):
        return Inputs(jnp.eye(self.n)[first : first + len(y)], jnp.asarray(y))

    def train_inputs(self, data, n):
        parts = {"simple": self.inputs(0, [0, 1, 1]), "noisy": self.inputs(3, [1, 0])}
        return {kind: Inputs(part.x[:n], part.y[:n]) for kind, part in parts.items()}

    def test_inputs(self, data, key, n):
        return {"complex": self.inputs(5, [1, 0, 1][:n])}

    def logits(self, params, x):
        return x @ params["table"]


def table(answers):
    """Return weights that answer 0 or 1 on each input, and a leaf that only turns are measured of."""
    return {"other": jnp.array([1.0, 0.0]), "table": jnp.asarray(np.eye(2)[list(answers)] * [1.0, 1.5])}


def at_ends(now, mean, after, window=None, probe=None):
    problem, probe = Table(), probe or Decays()
    params = Averaged(
        now, jax.tree.map(lambda v, w: jnp.stack([v, w]), mean, now),
        {"square": jnp.full(2, 100.0) if window is None else window},
    )  # fmt: skip
    others = Averaged(jax.tree.map(lambda *leaves: jnp.stack(leaves), *after), (), {})
    read = compiled(lambda p, o: probe.ends(problem, (), p, o, probe.prepare(problem, (), KEY)))
    return {k: np.asarray(v) for k, v in read(params, others).items()}


def test_what_is_gained_lost_and_explained_is_counted():
    """Labels: simple 0 1 1, noisy 1 0, test of complex 1 0 1."""
    before = table([1, 1, 0, 0, 0, 0, 0, 0])  # right: -1-, -1, -1-
    mean = table([0, 0, 0, 1, 1, 1, 1, 1])  # right: 1--, 1-, 1-1
    first = table([0, 0, 1, 1, 0, 1, 1, 0])  # right: 1-1, 11, 1--
    second = table([1, 1, 0, 0, 0, 0, 0, 0])  # as before
    found = at_ends(before, mean, [first, second, mean])
    third = 1 / 3
    want = {
        "gained_train_simple": [2 * third, 0, third], "lost_train_simple": [third, 0, third],
        "explained_train_simple": [third, 0, third], "average_train_accuracy_simple": third,
        "gained_train_noisy": [0.5, 0, 0.5], "lost_train_noisy": [0, 0, 0.5],
        "explained_train_noisy": [0.5, 0, 0.5], "average_train_accuracy_noisy": 0.5,
        "gained_test_complex": [third, 0, 2 * third], "lost_test_complex": [third, 0, third],
        "explained_test_complex": [third, 0, 2 * third], "average_test_accuracy_complex": 2 * third,
    }  # fmt: skip
    for name, values in want.items():
        np.testing.assert_allclose(found[name], values, atol=1e-12, err_msg=name)
    assert set(found) == {*want, "turn", "noise_turn"}
    # Every dimension that is declared is one that is returned.
    for name, value in found.items():
        assert value.ndim == len(Decays.dims.get(name, ())), name
    # The first rows and test inputs only.
    fewer = at_ends(before, mean, [first], probe=Decays(n_train=1, n_test=2))
    np.testing.assert_allclose(fewer["gained_train_simple"], [1.0])
    np.testing.assert_allclose(fewer["gained_test_complex"], [0.5])


@pytest.mark.parametrize("angle", [0.0, 1e-7, 0.3, np.pi / 2, 2.0, np.pi])
def test_turns_are_angles_of_leaves_between_the_average_and_the_end(angle):
    """To their own digits, small ones too, whatever the norms."""
    mean = table([0] * 8)
    turned = np.array([np.cos(angle), np.sin(angle)])
    found = at_ends(mean, mean, [{**mean, "other": 7 * jnp.asarray(turned)}, mean])
    np.testing.assert_allclose(found["turn"], [[angle, 0], [0, 0]], rtol=1e-8, atol=1e-15)
    a, b = np.random.default_rng(6).standard_normal((2, 3, 4))
    want = np.arccos(np.sum(a * b) / np.linalg.norm(a) / np.linalg.norm(b))
    np.testing.assert_allclose(turns([jnp.asarray(a)], [jnp.asarray(5 * b)]), [want], rtol=1e-12)
    with jax.enable_x64(False):
        small = turns([jnp.asarray([1.0, 3e-6])], [jnp.asarray([1.0, 0.0])])
        np.testing.assert_allclose(small, 3e-6, rtol=1e-5)


def test_the_noise_turn_is_that_of_the_spread_of_checkpoints():
    """Directly: from weights that the law has gone through, along and across their average."""
    law, net = EpochSGD(iterations=2, averages=(4, 2), weight_decay=0.1), NORMED
    data, w = begun(net)
    step = compiled(lambda state, i: law.step(net, data, state, 0.5, law.draws(KEY, i))[0])
    state, path = law.init(net, data, w), []
    for i in range(4):
        state = step(state, jnp.asarray(i))
        path.append(state.seen.now)
    probe = Decays(n_train=5, n_test=5)

    @compiled
    def ends(seen, data):
        others = Averaged(jax.tree.map(lambda leaf: leaf[None], seen.now), (), {})
        return probe.ends(net, data, seen, others, probe.prepare(net, data, KEY))

    found = ends(law.params(state), data)
    for i, name in enumerate(LAYERS):
        leaves = np.stack([np.asarray(one[name]["kernel"]) for one in path])
        mean = leaves.mean(0)
        spread = np.sqrt(np.mean([np.sum((leaf - mean) ** 2) for leaf in leaves]))
        np.testing.assert_allclose(found["noise_turn"][i], np.arctan2(spread, np.linalg.norm(mean)), rtol=1e-8)
        last = np.ravel(leaves[-1]) / np.linalg.norm(leaves[-1]), np.ravel(mean) / np.linalg.norm(mean)
        np.testing.assert_allclose(found["turn"][0, i], 2 * np.arcsin(np.linalg.norm(last[0] - last[1]) / 2), rtol=1e-8)
        assert found["noise_turn"][i] > 1e-3
    # Nothing is gained by the weights that were there.
    assert all(float(v[0]) == 0 for k, v in found.items() if k.startswith(("gained", "lost", "explained")))


def test_no_spread_is_no_turn_even_where_rounding_makes_it_negative():
    mean = table([0] * 8)
    norms = jnp.stack([jnp.sum(leaf**2) for leaf in jax.tree.leaves(mean)])
    for window in (norms, norms * (1 - 1e-12)):
        np.testing.assert_array_equal(at_ends(mean, mean, [mean], window)["noise_turn"], [0.0, 0.0])
    np.testing.assert_allclose(at_ends(mean, mean, [mean], 2 * norms)["noise_turn"], [np.pi / 4] * 2, rtol=1e-12)


def test_decays_says_what_it_needs():
    w = table([0] * 8)
    seen = Averaged(w, jax.tree.map(lambda v: v[None], w), {"square": jnp.ones(2)})
    for params, others in ((seen, None), (seen, seen), (w, seen)):
        with pytest.raises(ConfigError, match=r"Decays needs sub_paths\.schedule = Branches.* averages") as error:
            Decays().ends(Table(), (), params, others, Decays().prepare(Table(), (), KEY))
        assert "\n" not in str(error.value)


# --- dead units -------------------------------------------------------------------------------------------------------




def test_dead_units_are_those_that_no_row_reaches():
    """All inputs are positive but in one row: a unit of negative weights is dead, until that row is looked at."""
    net = dataclasses.replace(PLAIN, d=2, network=PlainNetwork(hidden=(4, 5)))
    x = np.abs(np.random.default_rng(7).standard_normal((29, 2))) + 0.1
    x[11] = -1.0  # the last simple row
    data = TrainingSet(jnp.asarray(x), jnp.zeros(29, int), KEY)
    one = np.array([[1.0, -1.0, 0.0, 2.0], [1.0, -2.0, 0.0, 1.0]])  # alive, dead but for one row, dead, alive
    two = np.zeros((4, 5))
    two[0] = [1.0, -1.0, 0.0, 1.0, -1.0]
    two[1] = [0.0, 0.0, 0.0, 0.0, 2.0]  # the last unit lives on the one row alone
    last = np.arange(15).reshape(5, 3) % 4.0
    w = {name: {"kernel": jnp.asarray(v)} for name, v in zip(LAYERS, (one, two, last), strict=True)}
    read = compiled(lambda n, w: DeadUnits(n_train=n)(net, data, w, ()), static_argnums=0)
    np.testing.assert_allclose(read(500, w)["dead_units"], [1 / 4, 2 / 5], rtol=1e-12)
    np.testing.assert_allclose(read(11, w)["dead_units"], [2 / 4, 3 / 5], rtol=1e-12)
    seen = Averaged(w, jax.tree.map(lambda v: v[None] * 0, w), {})
    np.testing.assert_allclose(read(11, seen)["dead_units"], [2 / 4, 3 / 5], rtol=1e-12)
    dead = {**w, "Dense_0": {"kernel": jnp.zeros((2, 4))}}
    np.testing.assert_allclose(read(500, dead)["dead_units"], [1.0, 1.0])
    # No gradient reaches the weights into a dead unit, and some reaches those of a unit that lives.
    _, g = stepped(net, w, data, jnp.arange(29))
    columns = np.abs(np.asarray(g["Dense_1"]["kernel"])).sum(0)
    np.testing.assert_array_equal(columns > 0, [True, False, False, True, True])


@pytest.mark.parametrize(
    ("probe", "field"),
    [
        (ByKind(n_train=0), "n_train"), (ByKind(n_test=0), "n_test"), (ByKind(n_test=2.5), "n_test"),
        (Decays(n_train=-1), "n_train"), (Decays(n_test=None), "n_test"), (DeadUnits(n_train="9"), "n_train"),
    ],
)  # fmt: skip
def test_bad_numbers_of_probes_are_refused_in_one_line(probe, field):
    with pytest.raises(ConfigError, match=rf"^probe\.{field} = .* is not allowed: it must be ") as error:
        probe.check()
    assert "\n" not in str(error.value)


# --- in the engine ----------------------------------------------------------------------------------------------------


def test_a_decay_in_the_engine_gains_what_the_accuracies_say():
    """Gained less lost is the change of accuracy from the decay to the end of the branch; in float64, as asked."""
    law = EpochSGD(iterations=3, averages=(2,), weight_decay=2e-3)
    branches = Branches(schedules=(Constant(rate=1.0), Constant(rate=0.1)), labels=("kept", "decayed"))
    subs = SubPaths(decay_steps=(4, 8), n_steps=6, n_records=1, schedule=branches)
    probes = ByKind(n_train=50, n_test=9), Decays(n_train=50, n_test=9)

    @compiled
    def run(problem, law, schedule, subs, keys):
        return simulate_paths(problem, law, schedule, subs, probes, keys, np.array([0, 4, 8]))

    # As the engine hands them over: numbers of the precision of the run, which weights must not widen.
    parts = jax.tree.map(lambda v: jnp.asarray(v, float), (NORMED, law, Constant(rate=1.0), subs))
    paths = jax.tree.map(np.asarray, run(*parts, cell_keys(0, 1)))
    ends = paths.ends
    assert ends["noise_turn"].shape == (2, 3) and ends["turn"].shape == (2, 2, 3)
    assert (ends["noise_turn"] > 0).all() and (ends["turn"] > 0).all()
    moved = 0.0
    for kind in NORMED.kinds:
        before = paths.records[f"train_accuracy_{kind}"][1:]
        after = paths.sub_records[f"train_accuracy_{kind}"][-1]
        assert before.dtype == np.float64 and after.shape == (2, 2)
        gained, lost, explained = (ends[f"{what}_train_{kind}"] for what in ("gained", "lost", "explained"))
        np.testing.assert_allclose(gained - lost, after - before[:, None], atol=1e-12, err_msg=kind)
        assert (explained <= gained + 1e-12).all() and (gained >= 0).all() and (lost >= 0).all()
        moved += gained.sum()
    assert moved > 0
