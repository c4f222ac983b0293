"""Normal numbers from a counter: the bits are JAX's, the quantile is scipy's, the law is normal."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats

from lrtheory.gaussian import bits, fold_in, normal, quantile

KEY = jax.random.key(5)


def test_bits_are_those_of_jax_and_streams_differ():
    for n in (1, 7, 1000):
        np.testing.assert_array_equal(bits(KEY, n), jax.random.bits(KEY, (n,)))
    assert np.mean(np.asarray(bits(KEY, 1000)) == np.asarray(bits(KEY, 1000, stream=1))) < 0.01


def test_quantile_is_exact_to_float32_over_the_whole_range():
    magnitude = np.unique(
        np.concatenate([np.geomspace(1, 2**31 - 1, 4000), np.linspace(0, 2**31 - 1, 4000)]).astype(np.uint32)
    )
    exact = -scipy.special.ndtri((magnitude + 0.5) / 2**32)
    for sign in (1, -1):
        word = magnitude | np.uint32(0x80000000 if sign < 0 else 0)
        np.testing.assert_allclose(quantile(jnp.asarray(word)), sign * exact, atol=6e-7, rtol=2e-7)


def test_law_is_normal():
    """Kolmogorov-Smirnov on 1e6 numbers and four moments at |z| < 4: false alarm 1e-4 + 4 x 6e-5."""
    z = np.asarray(normal(KEY, (1_000_000,)), float)
    assert scipy.stats.kstest(z, "norm").pvalue > 1e-4
    n = z.size
    assert abs(z.mean()) < 4 / np.sqrt(n)
    assert abs(np.mean(z**2) - 1) < 4 * np.sqrt(2 / n)
    assert abs(np.mean(z**3)) < 4 * np.sqrt(15 / n)
    assert abs(np.mean(z**4) - 3) < 4 * np.sqrt(96 / n)


def test_float64_sees_the_numbers_of_float32(x64):
    wide = normal(KEY, (3, 5))
    assert wide.dtype == np.float64
    np.testing.assert_array_equal(wide, wide.astype(np.float32))


def test_a_key_of_another_kind_is_refused():
    with pytest.raises(ValueError, match="Threefry"):
        bits(jax.random.key(0, impl="rbg"), 4)


@pytest.mark.parametrize("number", [0, 1, 12345, 2**31 - 1])
def test_folding_in_a_number_gives_the_key_of_jax(number):
    keys = jax.random.split(jax.random.key(5), 3)
    ours = jax.jit(jax.vmap(lambda k: fold_in(k, jnp.asarray(number))))(keys)
    theirs = jax.vmap(lambda k: jax.random.fold_in(k, number))(keys)
    assert (jax.random.key_data(ours) == jax.random.key_data(theirs)).all()
    assert ours.dtype == theirs.dtype


def test_keys_of_another_kind_are_folded_by_jax():
    key = jax.random.key(5, impl="rbg")
    assert (jax.random.key_data(fold_in(key, 3)) == jax.random.key_data(jax.random.fold_in(key, 3))).all()
