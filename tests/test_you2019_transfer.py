"""The linear probe against NumPy's ridge regression, and transferability with its interval."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from lrtheory.errors import ConfigError
from lrtheory.lazy import jax, jnp
from lrtheory.probes.you2019_transfer import Transfer, gains, ridge, transferred
from lrtheory.problems.you2019 import PatternNetwork
from lrtheory.problems.you2019_data import PATTERNS, Blocks
from lrtheory.problems.you2019_network import LayerNormNetwork

PROBLEM = PatternNetwork(
    d=24, simple=2, complex=6, n_simple=40, n_complex=120, n_noisy=10, form=Blocks(size=8), sigma=0.2,
    network=LayerNormNetwork(hidden=(16, 20)), batch=8,
)  # fmt: skip


@pytest.mark.parametrize("rho", [1e-3, 1e-2, 1.0])
def test_ridge_is_that_of_numpy_at_any_condition_number(rho):
    """Features of a relu network are far from independent: here of condition 1e6."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 30)) @ np.diag(np.geomspace(1, 1e-3, 30)) @ rng.standard_normal((30, 30))
    y = rng.standard_normal((200, 4))
    gram = x.T @ x
    wanted = np.linalg.solve(gram + rho * np.trace(gram) / 30 * np.eye(30), x.T @ y)
    found = np.asarray(ridge(jnp.asarray(x, np.float32), jnp.asarray(y, np.float32), rho))
    np.testing.assert_allclose(x @ found, x @ wanted, atol=5e-3 * np.abs(x @ wanted).max())


def test_the_probe_is_what_numpy_makes_of_the_features():
    keys = jax.random.split(jax.random.key(3), 3)
    data, w = PROBLEM.data(keys[0]), PROBLEM.init(keys[1])
    probe = Transfer(n_fit=80, n_test=60)
    aux = probe.prepare(PROBLEM, data, keys[2])
    found = probe(PROBLEM, data, w, aux)

    def features(x):
        return np.asarray(PROBLEM.hidden(w, x)[-1], float)

    f, one_hot = features(aux.fit.x), np.eye(10)[np.asarray(aux.fit.y)]
    centred, targets = f - f.mean(0), one_hot - one_hot.mean(0)
    gram = centred.T @ centred
    weights = np.linalg.solve(gram + probe.rho * np.trace(gram) / 20 * np.eye(20), centred.T @ targets)
    by_kind = []
    for kind in PATTERNS:
        outputs = (features(aux.target[kind].x) - f.mean(0)) @ weights + one_hot.mean(0)
        by_kind.append(np.mean(outputs.argmax(1) == np.asarray(aux.target[kind].y)))
        assert float(found[f"target_accuracy_{kind}"]) == pytest.approx(by_kind[-1], abs=1.5 / 60)
    assert float(found["target_accuracy"]) == pytest.approx(np.mean(by_kind), abs=1.5 / 60)
    source = np.mean([
        np.mean(np.asarray(PROBLEM.logits(w, part.x)).argmax(1) == np.asarray(part.y)) for part in aux.source.values()
    ])  # fmt: skip
    assert float(found["source_accuracy"]) == pytest.approx(source)


def test_the_target_task_shares_simple_patterns_under_other_labels_and_no_complex_ones():
    data = PROBLEM.data(jax.random.key(0))
    aux = Transfer(n_fit=80, n_test=120).prepare(PROBLEM, data, jax.random.key(1))
    patterns = {kind: np.asarray(part.x) for kind, part in PROBLEM.patterns(data.key).items()}

    def nearest(inputs, kind):
        # The block of the pattern: clutter in the other is no part of it.
        block = slice(0, 8) if kind == "simple" else slice(8, 24)
        x = np.asarray(inputs.x)[:, block]
        apart = ((x[:, None] - patterns[kind][None, :, block]) ** 2).sum(-1)
        return apart.min(1) / x.shape[1]

    assert nearest(aux.target["simple"], "simple").max() < 0.25  # sigma^2 = .04
    assert nearest(aux.source["complex"], "complex").max() < 0.25
    assert np.median(nearest(aux.target["complex"], "complex")) > 0.25


@pytest.mark.parametrize(("name", "value"), [("n_fit", 1), ("n_test", 0), ("rho", 1e-4), ("rho", float("nan"))])
def test_bad_numbers_are_refused_by_name(name, value):
    with pytest.raises(ConfigError, match=f"probe.{name}"):
        Transfer(**{name: value}).check()


# --- transferability ----------------------------------------------------------------------------------------------

CUTS = (0, 10, 20, 30)


def made(n=40, spread=0.01, seed=0):
    """Return accuracies of n data seeds: stages add (.4, .1, 0) to the source, (.2, -.02, 0) to the target."""
    rng = np.random.default_rng(seed)
    mean = {"source_accuracy": [0.1, 0.5, 0.6, 0.6], "target_accuracy": [0.3, 0.5, 0.48, 0.48]}
    data = {
        name: (("seed", "data_seed", "record"), np.asarray(values) + spread * rng.standard_normal((1, n, 4)))
        for name, values in mean.items()
    }
    return xr.Dataset(data, {"step": ("record", list(CUTS))})


def test_what_a_stage_added_is_the_difference_of_its_ends():
    target, source = gains(made(spread=0.0), CUTS)
    assert list(target.stage) == [1, 2, 3]
    np.testing.assert_allclose(target.isel(seed=0, data_seed=0), [0.2, -0.02, 0.0], atol=1e-12)
    np.testing.assert_allclose(source.isel(seed=0, data_seed=0), [0.4, 0.1, 0.0], atol=1e-12)


def test_transferability_is_undefined_where_the_source_gains_nothing():
    found = transferred(made(), CUTS)
    assert found.value[:2] == pytest.approx([0.5, -0.2], abs=0.05)
    assert np.isnan([found.value[2], found.low[2], found.high[2]]).all()
    assert (found.low[:2] < found.value[:2]).all() and (found.value[:2] < found.high[:2]).all()


def test_the_interval_covers_at_about_its_level():
    """200 samples of 20 data seeds: 95 % bootstrap intervals cover in above 84 %, 5 s.d. below .93."""
    hits = [(found.low[:2] <= (0.5, -0.2)) & ((0.5, -0.2) <= found.high[:2])
            for found in (transferred(made(n=20, seed=seed), CUTS) for seed in range(200))]  # fmt: skip
    assert (np.mean(hits, axis=0) > 0.84).all() and (np.mean(hits, axis=0) < 0.999).all()
