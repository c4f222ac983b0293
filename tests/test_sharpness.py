"""The largest eigenvalue by Lanczos, against matrices of a prescribed spectrum."""

from __future__ import annotations

import numpy as np
import pytest

from lrtheory.errors import ConfigError
from lrtheory.lazy import jax, jnp
from lrtheory.probes.sharpness import Sharpness, largest_by_lanczos
from lrtheory.problems.quadratic import Quadratic


def symmetric(spectrum, seed=0):
    """Return a symmetric matrix of a spectrum, in a random basis."""
    q, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((len(spectrum), len(spectrum))))
    return (q * np.asarray(spectrum, float)) @ q.T


def largest(matrix, n, seed=1):
    start = np.random.default_rng(seed).standard_normal(len(matrix))
    with jax.enable_x64(True):
        return float(largest_by_lanczos(lambda v: jnp.asarray(matrix) @ v, jnp.asarray(start), n))


@pytest.mark.parametrize(
    "spectrum",
    [np.linspace(0, 1, 40), np.geomspace(1e-6, 10, 40), np.linspace(-5, 2, 40), [3.0] * 5 + [1.0] * 35],
    ids=["even", "graded", "mostly negative", "repeated"],
)
def test_it_is_the_largest_eigenvalue_not_the_largest_magnitude(spectrum):
    assert largest(symmetric(spectrum), 25) == pytest.approx(max(spectrum), rel=2e-3)


def test_few_steps_find_a_gap_and_never_overshoot():
    spectrum = np.r_[np.linspace(0, 1, 99), 4.0]
    found = [largest(symmetric(spectrum), n) for n in (2, 4, 8, 12)]
    assert np.all(np.diff(found) > -1e-9) and max(found) <= 4 + 1e-9
    assert found[-1] == pytest.approx(4.0, rel=1e-6)
    # Power iteration of as many products would be at (1/4)^12 too; two products are not enough for either.
    assert found[0] < 3.9


def test_an_invariant_subspace_ends_the_search_without_false_numbers():
    assert largest(np.diag([2.0, 2.0, 2.0]), 3) == pytest.approx(2.0)
    assert largest(np.zeros((4, 4)), 4) == 0.0


def test_the_probe_reads_the_hessian_of_the_loss():
    problem = Quadratic(eigenvalues=(0.5, 2.0, 1.0))
    probe, key = Sharpness(), jax.random.key(0)
    data = problem.data(key)
    found = probe(problem, data, problem.init(key), probe.prepare(problem, data, key))
    assert float(found["sharpness"]) == pytest.approx(2.0, rel=1e-4)


@pytest.mark.parametrize("n", [1, 0, 2.5, True])
def test_it_takes_two_steps_at_least(n):
    with pytest.raises(ConfigError, match=r"probe\.n_iterations"):
        Sharpness(n_iterations=n).check()
