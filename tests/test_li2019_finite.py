"""The finite block network: shortcuts against the long way, the split against the literal run, noise, probes."""

from __future__ import annotations

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lrtheory.dynamics import NoisyGD, SplitParams
from lrtheory.errors import ConfigError
from lrtheory.probes.li2019 import Activations, QBranch, Signal, TestP, TrainByKind
from lrtheory.problems.li2019 import BlockNetwork
from lrtheory.schedules import Constant
from lrtheory.simulate import Keys, simulate
from lrtheory.theory import li2019 as theory

NET = BlockNetwork(d=6, kappa=0.5, q0=0.25, m_w=10, m_v=8, tau0_w=0.7, tau0_v=0.9, r=0.3, s=2.0)
PLAIN = dataclasses.replace(NET, noise_members=2)
LAW = NoisyGD(weight_decay=0.02, reference_rate=0.5)
KEY = jax.random.key(11)


@functools.partial(jax.jit, static_argnames="n")
def run(net, law, rate, n):
    """Data, state after ``n`` steps, and what was observed before each of them."""
    data = net.data(jax.random.fold_in(KEY, 1))

    def step(state, i):
        return law.step(net, data, state, rate, jax.random.fold_in(KEY, 100 + i))

    start = law.init(net, data, net.init(jax.random.fold_in(KEY, 2)))
    return data, *jax.lax.scan(step, start, jnp.arange(n))


def long_loss(w, v, net, x1, x2, y):
    """The network as the paper writes it: W and V in R^(m x d), x2 in R^d, output weights +-1/sqrt(2 units)."""
    a = np.repeat([1.0, -1.0], net.m_w // 2) / np.sqrt(2 * net.m_w)
    b = np.repeat([1.0, -1.0], net.m_v // 2) / np.sqrt(2 * net.m_v)
    f = jnp.maximum(x1 @ w.T, 0) @ a + jnp.maximum(x2 @ v.T, 0) @ b
    return jnp.mean(jnp.log1p(jnp.exp(-y * f)))


def long_arrays(net, key):
    """Training set and weights the long way: coordinates of V outside the plane of x2 are drawn too."""
    patterns = net.sample(jax.random.fold_in(key, 1))
    rng = np.random.default_rng(3)
    w = rng.standard_normal((net.m_w, net.d))
    v = rng.standard_normal((net.m_v, net.d))
    short = {
        "w": jnp.asarray(w).reshape(2, net.m_w // 2, net.d),
        "v": jnp.asarray(v[:, :2]).reshape(2, net.m_v // 2, 2).swapaxes(1, 2),
    }
    return patterns, jnp.asarray(w), jnp.asarray(v), short


def test_loss_and_gradient_are_those_of_the_long_way(x64):
    patterns, w, v, short = long_arrays(NET, KEY)
    data = NET.data(jax.random.fold_in(KEY, 1))
    arguments = (NET, patterns.x1, NET.embed_q(patterns), patterns.y)
    loss, (grad_w, grad_v) = jax.value_and_grad(long_loss, argnums=(0, 1))(w, v, *arguments)
    found, gradient = jax.value_and_grad(NET.loss)(short, data)
    np.testing.assert_allclose(found, loss, rtol=1e-13)
    np.testing.assert_allclose(gradient["w"].reshape(NET.m_w, NET.d), grad_w, atol=1e-15)
    in_plane = gradient["v"].swapaxes(1, 2).reshape(NET.m_v, 2)
    np.testing.assert_allclose(in_plane, grad_v[:, :2], atol=1e-15)
    assert not np.any(grad_v[:, 2:])


def test_gradient_agrees_with_finite_differences(x64):
    _, _, _, short = long_arrays(NET, KEY)
    data = NET.data(jax.random.fold_in(KEY, 1))
    gradient = jax.grad(NET.loss)(short, data)
    direction = jax.tree.map(lambda g: g / jnp.linalg.norm(g), gradient)
    step = 1e-6
    ahead, behind = (jax.tree.map(lambda p, u, e=e: p + e * u, short, direction) for e in (step, -step))
    slope = (NET.loss(ahead, data) - NET.loss(behind, data)) / (2 * step)
    expected = sum(jnp.vdot(g, u) for g, u in zip(*map(jax.tree.leaves, (gradient, direction)), strict=True))
    assert abs(slope - expected) < 1e-7


@pytest.mark.parametrize("net", [NET, PLAIN], ids=["paired", "plain"])
def test_split_is_the_literal_run(x64, net):
    """U <- (1 - eta lam) U - eta (grad + xi) on the unsplit weights, with the same xi: equal to rounding.

    Step by step and not compiled as one, so that xi, which is float32, rounds alike in both.
    """
    rate, n = 0.3, 12
    data = jax.jit(net.data)(jax.random.fold_in(KEY, 1))
    state = LAW.init(net, data, net.init(jax.random.fold_in(KEY, 2)))
    for i in range(n):
        state, _ = LAW.step(net, data, state, rate, jax.random.fold_in(KEY, 100 + i))
    tau = {k: theory.tau_xi(t, LAW.reference_rate, LAW.weight_decay) for k, t in net.noise_scale().items()}
    full = jax.tree.map(jnp.shape, net.zeros(), is_leaf=lambda x: hasattr(x, "shape"))
    u = {k: jnp.broadcast_to(p, full[k]) for k, p in net.init(jax.random.fold_in(KEY, 2)).items()}
    for i in range(n):
        gradient, xi = jax.grad(net.loss)(u, data), net.noise(jax.random.fold_in(KEY, 100 + i))
        u = {
            k: (1 - rate * LAW.weight_decay) * u[k] - rate * (gradient[k] + tau[k] * jnp.broadcast_to(xi[k], full[k]))
            for k in u
        }
    total = state.total()
    for k in u:
        np.testing.assert_allclose(total[k], u[k], rtol=0, atol=1e-12)
    assert jnp.linalg.norm(state.signal["w"]) > 1e-3


def test_paired_network_starts_at_exactly_zero_and_plain_one_does_not():
    for net, zero in ((NET, True), (PLAIN, False)):
        data, state, _ = run(net, LAW, 0.3, 0)
        f = net.output(state.total(), data)
        assert bool(jnp.all(f == 0)) == zero
        assert jax.tree.map(jnp.shape, state.total()) == {"w": (2, 5, 6), "v": (2, 2, 4)}


def test_noise_stays_stationary_at_the_reference_rate_and_follows_its_law_below():
    """Mean square of 36,000 noise coordinates after 60 literal steps, |z| < 4 each: false alarm 3 x 6e-5.

    Negative control: the variance that belongs to the other rate is refused, and without noise it only decays.
    """
    net = dataclasses.replace(NET, m_w=12_000, tau0_w=3.0)
    lam, eta1, n = 0.02, 0.5, 60
    theta = 0.01
    start = net.init(jax.random.fold_in(KEY, 2))["w"] / net.tau0_w
    count = start.size

    def ratio(law, rate):
        # The signal plays no part in the noise: a law without a loss would do, the real one is what is tested.
        return float(jnp.mean(jnp.square(run(net, law, rate, n)[1].noise["w"] / net.tau0_w)))

    law = NoisyGD(weight_decay=lam, reference_rate=eta1)
    macro = dataclasses.replace(law, macro_step=0.5)
    spread = np.sqrt(2 / count)
    assert abs(ratio(law, eta1) - 1) < 4 * spread
    # Given the start, only the fresh share of the variance is random; the spread of the whole is an upper bound.
    expected = theory.noise_variance_ratio_steps(n, theta * eta1, eta1, lam)
    small = ratio(law, theta * eta1)
    assert abs(small - expected) < 4 * spread * expected
    law_of_time = theory.noise_variance_ratio(n * 0.5, lam, theta)
    long = ratio(macro, theta * eta1)
    assert abs(long - law_of_time) < 4 * spread * law_of_time + 0.02 * law_of_time  # macro-step error about lam h
    assert abs(long - 1) > 20 * spread
    silent = ratio(dataclasses.replace(law, noise_factor=0.0), eta1)
    assert silent == pytest.approx(float(jnp.mean(jnp.square(start))) * (1 - eta1 * lam) ** (2 * n), rel=1e-4)


def test_macro_steps_agree_with_literal_steps(x64):
    """At theta = 0.01 the losses at equal time agree within 10 % of the fall; at equal steps they do not."""
    net = dataclasses.replace(NET, m_w=400, m_v=400, tau0_w=10.0, tau0_v=10.0)
    law = NoisyGD(weight_decay=1e-3, reference_rate=0.5)
    literal = run(net, law, 0.005, 2000)[2]
    macro = run(net, dataclasses.replace(law, macro_step=0.05), 0.005, 200)[2]
    fall = np.log(2) - literal["loss"][-1]
    assert fall > 0.05
    assert abs(macro["loss"][-1] - literal["loss"][-1]) < 0.1 * fall
    assert abs(macro["loss"][-1] - literal["loss"][199]) > 0.3 * fall  # negative control


def test_same_temperature_gives_the_same_run_whatever_the_schedule_is_called():
    """S with the noise of theta = 1 is L: the law only knows rate, step and noise power."""
    rate, eta1 = 0.005, 0.5
    hot = dataclasses.replace(LAW, macro_step=eta1, noise_factor=np.sqrt(eta1 / rate))
    _, a, _ = run(NET, LAW, eta1, 20)
    _, b, _ = run(NET, hot, rate, 20)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(x, y, rtol=2e-4, atol=2e-5)


def test_observed_excess_loss_leaves_q_only_at_chance():
    data, _, seen = run(NET, LAW, 0.3, 1)
    q = float(np.mean(data.patterns.q_only))
    assert q == pytest.approx(0.25, abs=0.02)
    assert float(seen["loss"][0]) == pytest.approx(np.log(2))
    assert float(seen["excess_loss"][0]) == pytest.approx((1 - q) * np.log(2), rel=1e-5)


def test_kernel_at_start_is_the_infinite_width_one(x64):
    """Tangent kernels of the two branches, m_w != m_v; |z| < 4.5 on at most 11 entries: false alarm below 1e-4."""
    net = dataclasses.replace(NET, m_w=20_000, m_v=10_000)
    params = jax.tree.map(lambda n: jnp.concatenate([n, n]), net.init(KEY))
    x = jnp.asarray([[0.3, 1.0, 0, 0, 0, 0], [0.8, -0.2, 0.1, 0, 0, 0]]).T
    tangent = jax.jacobian(lambda w: net.p_output(w, x))(params["w"]).reshape(2, -1)
    for i, j in ((0, 0), (0, 1)):
        inner, norms = float(x[:, i] @ x[:, j]), float(jnp.linalg.norm(x[:, i]) * jnp.linalg.norm(x[:, j]))
        expected = theory.branch_kernel(inner, norms)
        # a pair shares its pattern: m_w/2 independent units of mean `expected`, each 0 or inner / 2 of the sum
        p_on = expected / (inner / 2)
        spread = abs(inner) / 2 * np.sqrt(p_on * (1 - p_on) / (net.m_w / 2))
        assert abs(float(tangent[i] @ tangent[j]) - expected) < 4.5 * spread
    tangent = jax.jacobian(net.q_output)(params["v"]).reshape(3, -1)
    kernel = theory.q_kernel(net.r, net.s)
    scale = net.s**2 / 2 * np.sqrt(0.25 / (net.m_v / 2))
    assert np.max(np.abs(np.asarray(tangent @ tangent.T) - kernel)) < 4.5 * scale


def test_vmapped_cells_are_the_loop_and_keys_fix_the_noise():
    keys = jax.vmap(lambda i: jax.random.fold_in(KEY, i))(jnp.arange(5))
    together = jax.jit(jax.vmap(NET.noise))(keys)
    draw = jax.jit(NET.noise)
    for i in range(5):
        alone = draw(keys[i])
        for k in alone:
            np.testing.assert_array_equal(together[k][i], alone[k])
    assert not np.any(np.asarray(together["w"][0]).ravel()[:8] == np.asarray(together["v"][0]).ravel()[:8])


def test_probes_read_what_the_long_way_gives(x64):
    probes = (TrainByKind(), TestP(n_test=500), QBranch(), Signal(), Activations())
    data, state, _ = run(NET, LAW, 0.3, 60)
    patterns = jax.jit(NET.sample)(jax.random.fold_in(KEY, 1))

    @jax.jit
    def last_reading(state):
        return [p(NET, data, state, p.prepare(NET, data, KEY)) for p in probes]

    last = {name: np.asarray(value) for reading in last_reading(state) for name, value in reading.items()}
    w = state.total()["w"].reshape(NET.m_w, NET.d)
    v = jnp.pad(state.total()["v"].swapaxes(1, 2).reshape(NET.m_v, 2), ((0, 0), (0, NET.d - 2)))
    a = np.repeat([1.0, -1.0], NET.m_w // 2) / np.sqrt(2 * NET.m_w)
    b = np.repeat([1.0, -1.0], NET.m_v // 2) / np.sqrt(2 * NET.m_v)
    x2 = NET.embed_q(patterns)
    f = jnp.maximum(patterns.x1 @ w.T, 0) @ a + jnp.maximum(x2 @ v.T, 0) @ b
    losses = jnp.logaddexp(0, -patterns.y * f)
    np.testing.assert_allclose(last["train_loss"], losses.mean(), rtol=1e-10)
    for kind in ("p_only", "q_only", "both"):
        mask = np.asarray(getattr(patterns, kind))
        np.testing.assert_allclose(last[f"train_loss_{kind}"], losses[mask].mean(), rtol=1e-10)
        residual = jax.nn.sigmoid(-patterns.y * f)[mask].mean()
        np.testing.assert_allclose(last[f"train_residual_{kind}"], residual, rtol=1e-10)
    g = jnp.maximum(jnp.pad(NET.points(), ((0, 0), (0, NET.d - 2))) @ v.T, 0) @ b
    np.testing.assert_allclose(last["d2"], g[0] + g[2] - 2 * g[1], rtol=1e-8, atol=1e-12)
    w_eff = 4 * a @ state.signal["w"].reshape(NET.m_w, NET.d)
    np.testing.assert_allclose(last["w_eff"], w_eff, rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(last["cos_w"], w_eff[0] / np.linalg.norm(w_eff), rtol=1e-9)
    noise_w = jnp.broadcast_to(state.noise["w"], (2, 5, 6)).reshape(NET.m_w, NET.d)
    changed = ((patterns.x1 @ w.T > 0) != (patterns.x1 @ noise_w.T > 0))[np.asarray(patterns.has_p)]
    np.testing.assert_allclose(last["changed_w"], changed.mean(), rtol=1e-12)
    noise_v = jnp.broadcast_to(state.noise["v"], (2, 2, 4)).swapaxes(1, 2).reshape(NET.m_v, 2)
    noise_v = jnp.pad(noise_v, ((0, 0), (0, NET.d - 2)))
    changed = ((x2 @ v.T > 0) != (x2 @ noise_v.T > 0))[np.asarray(patterns.has_q)]
    np.testing.assert_allclose(last["changed_v"], changed.mean(), rtol=1e-12)
    assert 0 < last["changed_v"] < 0.5
    frozen = (patterns.x1 @ w.T * (patterns.x1 @ noise_w.T > 0)) @ a + (x2 @ v.T * (x2 @ noise_v.T > 0)) @ b
    np.testing.assert_allclose(last["split_gap"], jnp.abs(f - frozen).mean(), rtol=1e-9)
    np.testing.assert_allclose(last["signal_norm_w"], jnp.linalg.norm(state.signal["w"]), rtol=1e-12)
    assert last["sigma2"] > 0
    no_signal = SplitParams(NET.zeros(), state.noise)
    assert np.isnan(Signal()(NET, data, no_signal, ())["cos_w"])


def test_probes_run_in_simulate():
    probes = (TrainByKind(), TestP(n_test=50), QBranch(), Signal(), Activations())
    keys = Keys(*(jax.random.fold_in(KEY, i) for i in range(4)))
    found, _ = jax.jit(lambda keys: simulate(NET, LAW, Constant(rate=0.3), probes, keys, np.array([0, 2, 4])))(keys)
    assert found["train_loss"].shape == (3,) and found["w_eff"].shape == (3, 6) and found["g"].shape == (3, 3)
    assert found["train_loss"][0] == pytest.approx(np.log(2)) and found["changed_w"][0] == 0
    declared = {name for p in probes for name in p.units}
    assert declared == set(found) - {"time", "lr", "stage"}


def test_monte_carlo_p_error_of_a_linear_state_is_the_closed_form():
    """W pairs that hold only a direction u give r = c <u, x>: P error is `error_from_cosine`.  |z| < 4: 6e-5."""
    net = dataclasses.replace(NET, d=50, kappa=1.0, gamma0=0.3 / np.sqrt(50))
    u = np.zeros(50)
    u[:2] = 0.6, 0.8
    # relu(<u,x>) and relu(-<u,x>) on + and - members: their difference is linear
    w = jnp.asarray(np.stack([np.tile(u, (5, 1)), np.tile(-u, (5, 1))]), jnp.float32)
    split = SplitParams({"w": w, "v": jnp.zeros((2, 2, 4))}, {"w": jnp.zeros((1, 5, 50)), "v": jnp.zeros((1, 2, 4))})
    probe = TestP(n_test=40_000)
    found = probe(net, None, split, probe.prepare(net, None, KEY))
    expected = theory.error_from_cosine(0.6, net.gamma0, 50)
    assert found["p_test_error_se"] == pytest.approx(np.sqrt(expected * (1 - expected) / 40_000), rel=0.05)
    assert abs(found["p_test_error"] - expected) < 4 * found["p_test_error_se"]


def test_wide_and_strong_start_moves_fewer_activations():
    """Width and a large tau0 bring the network to its frozen-activation form; a narrow, weak one is far from it."""
    gaps, shares = [], []
    for m, tau in ((20, 0.3), (2000, 3.0)):
        net = dataclasses.replace(NET, m_w=m, m_v=m, tau0_w=tau, tau0_v=tau)
        data, state, _ = run(net, LAW, 0.3, 60)
        found = jax.jit(Activations())(net, data, state, ())
        gaps.append(float(found["split_gap"] / found["output_size"]))
        shares.append(float(found["changed_w"]))
    assert shares[1] < 0.2 * shares[0]
    assert gaps[1] < 0.2 * gaps[0]


@pytest.mark.parametrize(
    ("field", "value"),
    [("m_w", 0), ("m_w", 7), ("m_v", 2.5), ("noise_members", 3), ("tau0_v", 0.0), ("d", 0), ("q0", 1.5)],
)
def test_bad_numbers_are_refused_by_name(field, value):
    with pytest.raises(ConfigError, match=rf"problem\.{field} = "):
        dataclasses.replace(NET, **{field: value}).check()


def test_good_numbers_pass():
    NET.check()
    PLAIN.check()
