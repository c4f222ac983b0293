"""What every test shares: a backend without a screen, CPU unless told otherwise, and float64 on request."""

from __future__ import annotations

import os

# Bit-equality is promised on CPU only. `JAX_PLATFORMS=cuda make test` runs the suite on a GPU.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("MPLBACKEND", "agg")

import pytest


@pytest.fixture
def x64():
    """Run the test in float64."""
    from lrtheory.lazy import jax

    with jax.enable_x64(True):
        yield
