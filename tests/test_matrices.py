"""Functions of matrices by products alone, against LAPACK in NumPy; and programs that call LAPACK, one at a time."""

from __future__ import annotations

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lrtheory.matrices import inverse_root, largest_eigenvalue


@pytest.fixture
def x64():
    with jax.enable_x64(True):
        yield


def with_spectrum(eigenvalues, seed=0):
    """Return a symmetric matrix with these eigenvalues in random axes."""
    axes, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((len(eigenvalues),) * 2))
    return (axes * eigenvalues) @ axes.T


@pytest.mark.parametrize("condition", [1.0, 1e2, 1e4, 1e8])
@pytest.mark.parametrize("n", [1, 2, 20])
def test_inverse_root(x64, n, condition):
    g = with_spectrum(np.geomspace(1.0, condition, n) * 37.0)
    root = np.asarray(inverse_root(jnp.asarray(g)))
    assert np.allclose(root @ g @ root, np.eye(n), atol=1e-13 * condition + 1e-12)
    assert np.allclose(root, root.T, atol=(1e-15 * condition + 1e-12) * abs(root).max())


def test_a_matrix_that_is_not_positive_definite_has_no_inverse_root(x64):
    assert not np.isfinite(np.asarray(inverse_root(jnp.diag(jnp.array([1.0, -0.5]))))).all()


@pytest.mark.parametrize("close", [0.0, 0.5, 0.9, 0.999, 1.0 - 1e-6, 1.0])
def test_largest_eigenvalue(x64, close):
    g = with_spectrum(np.array([0.0, 0.1, 1.0, 7.0 * close, 7.0]))
    found = float(largest_eigenvalue(jnp.asarray(g)))
    assert 7.0 * (1 - 2e-6) <= found <= 7.0 * (1 + 1e-12)
    if close <= 0.999:
        assert found == pytest.approx(7.0, rel=1e-12)


def test_largest_eigenvalue_of_nothing_and_in_single_precision():
    assert float(largest_eigenvalue(jnp.zeros((3, 3)))) == 0.0
    g = with_spectrum(np.array([1e-3, 1.0, 30.0])).astype(np.float32)
    assert float(largest_eigenvalue(jnp.asarray(g))) == pytest.approx(30.0, rel=1e-5)


CONCURRENT = """
import faulthandler, sys
faulthandler.dump_traceback_later(60, exit=True)
import lrtheory
from lrtheory.dynamics import SGD
from lrtheory.probes.quadratic import Directions
from lrtheory.problems.quadratic import LabelNoise
from lrtheory.schedules import Constant
e = lrtheory.Experiment(
    name="lapack", problem=LabelNoise(eigenvalues=(1.0,) * 20, n=100), dynamics=SGD(), schedule=Constant(rate=0.1),
    probes=(Directions(),), n_steps=2, n_records=1, seeds=3200,
)
ds = lrtheory.run(e, chunks=200, progress=False)
print(ds.sizes["seed"])
"""


def test_programs_with_lapack_calls_do_not_wait_for_each_other():
    """Of 100 pairs of such chunks on two host devices some would hang; they are run one at a time."""
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    done = subprocess.run(
        [sys.executable, "-c", CONCURRENT], capture_output=True, text=True, env={**os.environ, **flags}, check=False,
        timeout=120,
    )  # fmt: skip
    assert done.stdout.strip() == "3200", done.stderr[-500:]
