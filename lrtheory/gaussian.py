"""Standard normal numbers from a counter, several times cheaper than ``jax.random.normal`` on a CPU.

Noise is drawn at every step of every cell, and ``jax.random.normal`` then costs as much as the matrix products. Two
things make it slow there: the cipher runs as a loop that writes its state to memory between rounds, and the inverse
error function calls ``log1p`` and two polynomials. Here both are one straight line of cheap operations, which XLA
fuses with whatever consumes the numbers.

**Law.** The bits are those of ``jax.random.bits`` (Threefry-2x32, 20 rounds, one 32-bit word a number), so they depend
on the key and the position only: not on a batch, a chunk, or a device. A word gives a sign and a two-sided tail
probability p on the midpoints of a grid of 2^31, and the normal number is sign * z(w), w = -log p, with z a rational
function that is within 1.2e-7 of the exact quantile for all p >= 2^-32 (|z| <= 6.34). Rounding to float32 is of the
same size. The numbers are float32 in either precision, then widened: a run in float64 sees the noise of a run in
float32.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lrtheory.lazy import jax, jnp

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
"""Rotations of Threefry-2x32 (Salmon, Moraes, Dror, Shaw 2011), alternating every four rounds."""

LOG1P = (
    0.99999997, -0.49999996, 0.33334193, -0.25001352, 0.19955933, -0.16577993, 0.14977401, -0.14269258, 0.08533313,
)  # fmt: skip
"""log(1 + m)/m on [sqrt(1/2) - 1, sqrt(2) - 1]: Chebyshev interpolation, error 3e-8."""

NUMERATOR = (
    1.2533072358495756, 1.9771317255519105, 0.8145674152488923, 0.09492276243020183, 0.00255722975691785,
    7.0732283575761244e-06,
)  # fmt: skip
DENOMINATOR = (
    1.0, 2.077424851174625, 1.260791348489718, 0.24828685427065286, 0.01381098454098967, 0.00014246160082413256,
)  # fmt: skip
"""The quantile of two-sided tail p is w NUMERATOR(w)/DENOMINATOR(w), w = -log p <= 32 log 2: fitted, error 1.2e-7."""


def bits(key: Any, n: int, stream: int = 0) -> Any:
    """Return n random 32-bit words; with ``stream = 0`` those of ``jax.random.bits(key, (n,))``.

    Args:
        key: one key of ``jax.random.key`` (Threefry, the default kind).
        n: how many, below 2^32.
        stream: another stream of the same key.

    Raises:
        ValueError: the key is of another kind.
    """
    words = jax.random.key_data(key)
    if words.shape != (2,):
        raise ValueError(f"key of kind {jax.random.key_impl(key)!r} is not allowed: it must be one Threefry key")
    low = jax.lax.iota(np.uint32, n)
    a, b = _threefry(words, jnp.full_like(low, stream), low)
    return a ^ b


def fold_in(key: Any, number: Any) -> Any:
    """Return ``jax.random.fold_in(key, number)``, the same key, as one straight line of operations.

    A step is folded into the noise key of every cell, and the loop of the general one costs as much as a small step.
    Keys of another kind than Threefry take the general one.

    Example:
        >>> import jax
        >>> key = jax.random.key(3)
        >>> bool((jax.random.key_data(fold_in(key, 7)) == jax.random.key_data(jax.random.fold_in(key, 7))).all())
        True
    """
    words = jax.random.key_data(key)
    if words.shape != (2,):
        return jax.random.fold_in(key, number)
    pair = jnp.stack(_threefry(words, jnp.zeros((), np.uint32), jnp.asarray(number).astype(np.uint32)))
    # Without the barrier XLA fuses the cipher into every use of the key, and runs it once for each.
    return jax.random.wrap_key_data(jax.lax.optimization_barrier(pair), impl=jax.random.key_impl(key))


def _threefry(words: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """Return the two words that the cipher makes of two words a and b, any shape, under a key of two words."""
    schedule = (words[0], words[1], words[0] ^ words[1] ^ np.uint32(0x1BD11BDA))
    a, b = a + schedule[0], b + schedule[1]
    for group in range(5):
        for turn in ROTATIONS[group % 2]:
            a = a + b
            b = ((b << np.uint32(turn)) | (b >> np.uint32(32 - turn))) ^ a
        a = a + schedule[(group + 1) % 3]
        b = b + schedule[(group + 2) % 3] + np.uint32(group + 1)
    return a, b


def quantile(words: Any) -> Any:
    """Return the float32 normal number of each word: the top bit is the sign, the others the tail probability."""
    sign = words & np.uint32(0x80000000)
    tail = jax.lax.bitcast_convert_type(words ^ sign, np.int32).astype(np.float32)
    w = -_log((tail + np.float32(0.5)) * np.float32(2.0**-31))
    z = w * _horner(NUMERATOR, w) / _horner(DENOMINATOR, w)
    return jax.lax.bitcast_convert_type(jax.lax.bitcast_convert_type(z, np.uint32) | sign, np.float32)


def normal(key: Any, shape: tuple[int, ...], stream: int = 0) -> Any:
    """Return independent N(0, 1) numbers of the given shape, in the default float type.

    Example:
        >>> import jax
        >>> z = normal(jax.random.key(0), (1000, 100))
        >>> z.shape, abs(float(z.mean())) < 0.02, abs(float(z.std()) - 1) < 0.02
        ((1000, 100), True, True)
    """
    return quantile(bits(key, math.prod(shape), stream)).reshape(shape).astype(jnp.result_type(float))


def _log(x: Any) -> Any:
    """Logarithm of a normal positive float32 from exponent and mantissa, error 3e-8 beside rounding."""
    pattern = jax.lax.bitcast_convert_type(x, np.int32)
    exponent = (pattern - np.int32(0x3F3504F3)) >> 23  # the mantissa that is left lies in [sqrt(1/2), sqrt(2))
    m = jax.lax.bitcast_convert_type(pattern - (exponent << 23), np.float32) - np.float32(1)
    return exponent.astype(np.float32) * np.float32(math.log(2)) + m * _horner(LOG1P, m)


def _horner(coefficients: tuple[float, ...], x: Any) -> Any:
    """Polynomial in float32, lowest power first."""
    value = jnp.full_like(x, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        value = value * x + np.float32(coefficient)
    return value
