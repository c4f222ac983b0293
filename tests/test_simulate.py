"""One cell and a batch of cells: transformations change nothing, records are where they belong, randomness is paired.

Bit-equality is asked of the toy, which is elementwise but for sums over three coordinates. It does not hold for
problems with a large matrix product: the CPU's GEMM blocks the contraction differently for different batch sizes, so
a cell alone and in a batch differ in the last bits. There the test is agreement to rounding over a short run.
"""

from __future__ import annotations

import functools

import numpy as np
import pytest

from lrtheory.errors import ConfigError
from lrtheory.lazy import jax, jnp
from lrtheory.schedules import Constant, Stages
from lrtheory.simulate import DIVERGED_LOSS, cell_keys, record_steps, simulate, stream_key
from tests.toys import Kick, Loss, Toy, Watch, cached_compiles

STEPS = np.array([0, 3, 10, 25])
PROBES = (Watch(),)


@pytest.fixture(scope="module", autouse=True)
def compile_once(tmp_path_factory):
    with cached_compiles(tmp_path_factory.mktemp("compiled")):
        yield


@functools.cache
def one_cell(steps, root, problem_type):
    """Return the compiled function of one cell; the parts are arguments, so that it is compiled once a kind."""
    del problem_type

    def run(problem, dynamics, schedule, seed, data_seed):
        return simulate(problem, dynamics, schedule, PROBES, cell_keys(root, seed, data_seed), np.array(steps))

    return run, jax.jit(run)


def cell(rate=0.3, seed=0, data_seed=None, problem=None, dynamics=None, schedule=None, steps=STEPS, jit=True, root=0):
    problem = Toy() if problem is None else problem
    dynamics = Kick() if dynamics is None else dynamics
    schedule = Constant(rate=rate) if schedule is None else schedule
    run = one_cell(tuple(steps.tolist()), root, type(problem))[jit]
    parts = jax.tree.map(lambda v: jnp.asarray(v, float), (problem, dynamics, schedule))
    return jax.tree.map(np.asarray, run(*parts, seed, data_seed))


def equal(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


def close(a, b, rtol):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=rtol, atol=rtol), a, b)


def batched(n_seeds, rates):
    """Return the compiled batch of seeds (groups) x rates (members), and its results."""

    def run(problem, dynamics, schedule, seeds):
        keys = jax.vmap(lambda s: cell_keys(0, s))(seeds)
        return simulate(problem, dynamics, schedule, PROBES, keys, STEPS, over_groups=jax.vmap, over_members=jax.vmap)

    stack = lambda value, n: jnp.full(n, value)  # noqa: E731
    problem = jax.tree.map(lambda v: stack(v, n_seeds), Toy())
    dynamics = jax.tree.map(lambda v: stack(v, len(rates)), Kick())
    schedule = Constant(rate=jnp.asarray(rates, float))
    return jax.tree.map(np.asarray, jax.jit(run)(problem, dynamics, schedule, jnp.arange(n_seeds)))


# --- transformations --------------------------------------------------------------------------------------------------


def test_jit_is_eager(x64):
    # Not to the bit: compiled code may fuse a multiplication and an addition into one rounding.
    with jax.disable_jit():
        eager = cell(jit=False, steps=np.array([0, 2, 5]))
    close(cell(steps=np.array([0, 2, 5])), eager, 1e-13)


def test_vmap_is_a_loop_to_the_bit_whatever_the_size_of_the_batch(x64):
    # 1, 8 and 32 cells. XLA computes the same sums in the same order for them all, but where a batch is a whole number
    # of vector registers it may round a product and a sum once instead of twice. That touches what is recorded, by a
    # bit in the last place, and not the path: the state is equal to the bit.
    rates = (0.1, 0.3, 1.0, 2.0)
    alone = {(s, r): cell(rate=r, seed=s) for s in (0, 3, 7) for r in (0.3, 2.0)}
    for n_seeds, n_rates in ((1, 1), (8, 1), (8, 4)):
        some = rates[-n_rates:]
        records, outcome = batched(n_seeds, some)
        for (s, r), (want, end) in alone.items():
            if s < n_seeds and r in some:
                at = (s, some.index(r))
                for name, value in records.items():
                    if name in ("loss", "test_loss"):
                        np.testing.assert_allclose(value[(slice(None), *at)], want[name], rtol=4e-16)
                    else:
                        np.testing.assert_array_equal(value[(slice(None), *at)], want[name])
                equal({k: v[at] for k, v in outcome.items()}, end)


@pytest.mark.parametrize(("n", "d"), [(200, 100)])
def test_a_large_matrix_product_agrees_to_rounding_over_a_short_run(x64, n, d):
    from lrtheory.dynamics import GD
    from lrtheory.probes.quadratic import Directions
    from lrtheory.problems.quadratic import LabelNoise

    problem = LabelNoise(n=n, eigenvalues=np.linspace(0.1, 1.0, d), mean=1.0)
    steps = np.array([0, 20])

    def many(rates):
        keys = jax.vmap(lambda s: cell_keys(0, s))(jnp.zeros(1, int))
        one = jax.tree.map(lambda v: jnp.asarray(v, float)[None], problem)
        run = lambda s: simulate(  # noqa: E731
            one, GD(), s, (Directions(),), keys, steps, over_groups=jax.vmap, over_members=jax.vmap
        )
        return np.asarray(jax.jit(run)(Constant(rate=rates))[0]["w"][-1, 0])

    rates = jnp.linspace(0.1, 1.0, 8)
    together = many(rates)
    np.testing.assert_allclose(many(rates[3:4])[0], together[3], rtol=1e-11)


def test_f32_is_near_f64():
    # The streams of the two precisions are different draws, so the noise and the random start are switched off.
    problem, dynamics = Toy(spread=0.0), Kick(noise=0.0)
    target = np.linspace(-1, 1, 3)
    out = {}
    for flag in (False, True):
        with jax.enable_x64(flag):
            fixed = type("Fixed", (), {
                "data": lambda s, k: {"target": jnp.asarray(target, float)}, "init": lambda s, k: problem.init(k),
                "loss": lambda s, p, d: problem.loss(p, d), "d": 3,
            })()  # fmt: skip
            run = jax.jit(
                lambda r, fixed=fixed: simulate(fixed, dynamics, Constant(rate=r), (Loss(),), cell_keys(0, 0), STEPS)
            )
            out[flag] = jax.tree.map(np.asarray, run(0.3)[0])
    assert out[False]["loss"].dtype == np.float32 and out[True]["loss"].dtype == np.float64
    np.testing.assert_allclose(out[False]["loss"], out[True]["loss"], rtol=1e-5)
    np.testing.assert_allclose(out[False]["time"], out[True]["time"], rtol=1e-6)


def test_where_the_records_are_does_not_change_the_path(x64):
    dense, end = cell(steps=np.arange(26))
    sparse, same = cell(steps=STEPS)
    equal({k: v[STEPS] for k, v in dense.items()}, sparse)
    equal(end, same)


# --- records ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_steps", [1, 2, 7, 100, 4001])
@pytest.mark.parametrize("n_records", [1, 2, 5, 100])
@pytest.mark.parametrize("spacing", ["linear", "log"])
def test_records_start_at_zero_end_at_the_end_and_increase(n_steps, n_records, spacing):
    steps = record_steps(n_steps, n_records, spacing)
    assert steps[0] == 0 and steps[-1] == n_steps and (np.diff(steps) > 0).all()
    assert len(steps) <= max(min(n_records, n_steps), 2) + 1
    if spacing == "linear":
        assert len(steps) == min(n_records, n_steps) + 1 and np.ptp(np.diff(steps)) <= 1


def test_log_records_have_equal_ratios():
    assert record_steps(10_000, 5, "log").tolist() == [0, 1, 10, 100, 1000, 10_000]


def test_records_are_read_before_the_step_of_their_number(x64):
    # Noiseless: distance to the target shrinks by 1 - rate * curvature / d a step.
    rate = 0.3
    records, _ = cell(rate=rate, dynamics=Kick(noise=0.0))
    distance = records["w"] - records["target"]
    np.testing.assert_allclose(distance, distance[0] * (1 - rate / 3) ** STEPS[:, None], rtol=1e-12)
    np.testing.assert_allclose(records["time"], rate * STEPS, rtol=1e-12)
    np.testing.assert_array_equal(records["lr"], np.full(len(STEPS), rate))
    np.testing.assert_array_equal(records["kick"][0], 0)


def test_types_of_outputs_are_kept(x64):
    records, _ = cell()
    assert records["fitted"].dtype == bool and records["positive"].dtype.kind == "i"
    assert records["w"].shape == (len(STEPS), 3)


def test_two_probes_may_not_record_one_name(x64):
    class Again:
        def __call__(self, problem, data, params, aux):
            return {"loss": jnp.zeros(())}

    class Time:
        def __call__(self, problem, data, params, aux):
            return {"time": jnp.zeros(())}

    for probes, name in (((Watch(), Again()), "loss"), ((Time(),), "time")):
        with pytest.raises(ConfigError, match=name):
            simulate(Toy(), Kick(), Constant(rate=0.1), probes, cell_keys(0, 0), STEPS)


# --- divergence -------------------------------------------------------------------------------------------------------


def test_a_diverged_cell_is_nan_from_then_on_and_says_when(x64):
    # The loss grows by (10/3)^2 a step.
    steps = np.arange(60)
    records, outcome = cell(rate=13.0, dynamics=Kick(noise=0.0), steps=steps)
    at = int(outcome["diverged_at"])
    growth = records["loss"][0] * (10.0 / 3.0) ** (2.0 * steps)
    assert at == int(np.argmax(growth >= DIVERGED_LOSS)) > 0
    # diverged_at is the first step whose state is beyond the bound; the step itself is the first record that knows.
    assert np.isfinite(records["loss"][:at]).all() and (records["loss"][:at] < DIVERGED_LOSS).all()
    assert np.isnan(records["loss"][at + 1 :]).all() and np.isnan(records["w"][at + 1 :]).all()
    assert outcome["stop_step"] == -1
    assert np.isfinite(records["time"]).all() and records["time"][-1] == records["time"][at]


def test_a_nan_loss_is_a_divergence(x64):
    _, outcome = cell(problem=Toy(curvature=np.nan))
    assert outcome["diverged_at"] == 0


def test_divergence_at_the_last_step_is_divergence_too(x64):
    # One step takes the loss over the bound, and there is no further step that would observe it.
    records, outcome = cell(rate=1e10, dynamics=Kick(noise=0.0), steps=np.array([0, 1]))
    assert outcome["diverged_at"] == 1 and np.isnan(records["loss"][-1])


def test_a_cell_that_diverges_does_not_disturb_its_batch(x64):
    records, outcome = batched(2, (0.3, 1e9))
    assert (outcome["diverged_at"][:, 1] > 0).all() and (outcome["diverged_at"][:, 0] == -1).all()
    want, _ = cell(rate=0.3, seed=1)
    equal({k: v[:, 1, 0] for k, v in records.items()}, want)


def test_a_batch_whose_cells_are_all_over_is_not_computed_any_more(x64):
    # 10^9 more steps would take minutes.
    schedule = Stages(rates=(1.0,), levels=(-1.0,), caps=(4.0,))
    records, outcome = cell(schedule=schedule, steps=np.array([0, 10, 10**9]))
    assert outcome["stop_step"] == 4
    np.testing.assert_array_equal(records["w"][1], records["w"][2])


# --- randomness -------------------------------------------------------------------------------------------------------


def test_rates_of_one_seed_share_data_start_noise_and_test_set(x64):
    records, _ = batched(3, (0.0, 0.1, 0.5))
    for name in ("target", "kick"):
        np.testing.assert_array_equal(records[name][:, :, 0], records[name][:, :, 2], err_msg=name)
    np.testing.assert_array_equal(records["w"][0, :, 0], records["w"][0, :, 2])
    np.testing.assert_array_equal(records["test_loss"][0, :, 0], records["test_loss"][0, :, 2])
    # And the noise of later records is noise: different seeds and steps have different kicks.
    kicks = records["kick"][1:, :, 0]
    assert len(np.unique(kicks)) == kicks.size


def test_noise_does_not_depend_on_dynamics_or_problem_values(x64):
    a, _ = cell(rate=0.1, seed=4)
    b, _ = cell(rate=0.7, seed=4, problem=Toy(curvature=2.0), dynamics=Kick(noise=0.2))
    np.testing.assert_allclose(2 * a["kick"], b["kick"], rtol=1e-15)
    np.testing.assert_array_equal(a["target"], b["target"])


def test_data_and_test_set_follow_the_data_seed_start_and_noise_both(x64):
    base, _ = cell(seed=1, data_seed=1)
    data, _ = cell(seed=1, data_seed=2)
    seed, _ = cell(seed=2, data_seed=1)
    same = lambda a, b, name: np.array_equal(a[name], b[name])  # noqa: E731
    assert same(base, seed, "target") and not same(base, data, "target")
    for other in (seed, data):
        assert not np.isclose(base["kick"][1:], other["kick"][1:]).any()
        assert not np.isclose(base["w"][0], other["w"][0]).any()
    keys = [cell_keys(0, s, d) for s, d in ((1, 1), (1, 2), (2, 1))]
    bits = [[tuple(jax.random.key_data(k).tolist()) for k in ks] for ks in zip(*keys, strict=True)]
    assert [len(set(stream)) for stream in bits] == [2, 3, 3, 2]  # data, init, noise, probe


def test_without_a_data_seed_every_stream_follows_the_seed():
    for seed in (0, 3):
        keys = cell_keys(7, seed)
        for name in keys._fields:
            assert getattr(keys, name) == stream_key(7, name, seed)


def test_streams_of_one_seed_and_seeds_of_one_stream_differ():
    keys = [
        stream_key(root, stream, seed)
        for root in (0, 1)
        for stream in ("data", "init", "noise", "probe")
        for seed in range(5)
    ]
    data = {tuple(np.asarray(jax.random.key_data(k)).tolist()) for k in keys}
    assert len(data) == 40


def test_a_key_is_a_function_of_root_stream_and_seed_alone():
    a, b = stream_key(3, "data", 7), jax.jit(lambda s: stream_key(3, "data", s))(7)
    np.testing.assert_array_equal(jax.random.key_data(a), jax.random.key_data(b))


def test_probes_of_one_kind_have_test_sets_of_their_own(x64):
    class Second(Watch):
        def __call__(self, problem, data, params, aux):
            return {"other": jnp.mean((aux - params.w) ** 2)}

    run = jax.jit(lambda: simulate(Toy(), Kick(), Constant(rate=0.1), (Watch(), Second()), cell_keys(0, 0), STEPS)[0])
    records = run()
    assert records["other"][0] != records["test_loss"][0]


def test_streams_look_independent(x64):
    """Correlations of data, start and first noise over 2000 seeds, 9 pairs of coordinates each.

    Under independence |z| > 4.5 has probability 7e-6 for each of 27 correlations: false alarm below 2e-4.
    """

    def draws(seed):
        keys = cell_keys(0, seed)
        return [jax.random.normal(k, (3,)) for k in (keys.data, keys.init, jax.random.fold_in(keys.noise, 0))]

    a, b, c = (np.asarray(v) for v in jax.jit(jax.vmap(draws))(jnp.arange(2000)))
    for x, y in ((a, b), (a, c), (b, c)):
        z = np.sqrt(2000) * np.corrcoef(x.T, y.T)[:3, 3:]
        assert np.abs(z).max() < 4.5
