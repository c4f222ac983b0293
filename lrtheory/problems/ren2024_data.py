"""The data of the model of Ren, Ma, Ying (2024): a training set in the coordinates of a run, and spectra of the inputs.

Reference: Ren, Ma, Ying 2024, arXiv 2401.11600; spectra and noise are lrtheory's (derived).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from lrtheory.errors import finite, require


class Sample(NamedTuple):
    """A training set of n inputs in k coordinates, and what the population risk needs; k = d, or n + 1 if reduced.

    Attributes:
        x: (n, k) inputs.
        y: (n,) labels, with their static noise.
        basis: (k, n) orthonormal basis of the row space of x, as columns.
        foot: (k,) the minimum-norm interpolator alpha_dagger = X^+ y.
        moment: Sigma, the covariance of the inputs: its diagonal (k,) in the full form, (k, k) in the reduced one.
        cross: (k,) Sigma alpha*.
        null_risk: () alpha*^T Sigma alpha*/2, the risk of alpha = 0.
        best_risk: () the least risk of all interpolators, (y - X alpha*)^T (X Sigma^-1 X^T)^-1 (y - X alpha*)/2.
    """

    x: Any
    y: Any
    basis: Any
    foot: Any
    moment: Any
    cross: Any
    null_risk: Any
    best_risk: Any

    @property
    def is_reduced(self) -> bool:
        """Whether the coordinates are those of ``reduce``; the last one is then along the kernel part of the start."""
        return self.moment.ndim == 2

    def row_part(self, v: Any) -> Any:
        """Return the coordinates (n,) of P_X v, the part of v (k,) in the row space."""
        return v @ self.basis

    def kernel_part(self, v: Any) -> Any:
        """Return P_K v (k,), the part of v (k,) in the kernel of x."""
        return v - self.basis @ self.row_part(v)

    def apply_moment(self, v: Any) -> Any:
        """Return Sigma v, shape (k,)."""
        return self.moment @ v if self.is_reduced else self.moment * v


def spiked(d: int, spikes: int, large: float, small: float) -> tuple[float, ...]:
    """Return the spectrum of few strong directions on a flat tail: ``spikes`` times ``large``, then ``small``.

    Args:
        d: number of dimensions.
        spikes: how many strong directions, 0 <= spikes <= d.
        large, small: variances, large >= small > 0.

    Returns:
        d eigenvalues, descending.

    Raises:
        ConfigError: for numbers outside their ranges.

    Example:
        >>> spiked(4, 1, 2.0, 0.5)
        (2.0, 0.5, 0.5, 0.5)
    """
    _check_dimension(d)
    require(
        isinstance(spikes, int) and 0 <= spikes <= d,
        field="spikes", value=spikes, allowed=f"a whole number from 0 to d = {d}",
    )  # fmt: skip
    require(finite(small) and small > 0, field="small", value=small, allowed="finite and > 0")
    require(finite(large) and large >= small, field="large", value=large, allowed=f"finite and >= small = {small!r}")
    return (float(large),) * spikes + (float(small),) * (d - spikes)


def power_law(d: int, exponent: float, largest: float = 1.0) -> tuple[float, ...]:
    """Return the spectrum lam_i = largest * i^(-exponent), i = 1, ..., d.

    Args:
        d: number of dimensions.
        exponent: >= 0.
        largest: the first eigenvalue, > 0.

    Returns:
        d eigenvalues, descending.

    Raises:
        ConfigError: for numbers outside their ranges.

    Example:
        >>> power_law(4, 2.0)
        (1.0, 0.25, 0.1111111111111111, 0.0625)
    """
    _check_dimension(d)
    require(finite(exponent) and exponent >= 0, field="exponent", value=exponent, allowed="finite and >= 0")
    require(finite(largest) and largest > 0, field="largest", value=largest, allowed="finite and > 0")
    return tuple(float(largest) * float(i) ** -float(exponent) for i in range(1, d + 1))


def _check_dimension(d: int) -> None:
    require(isinstance(d, int) and d >= 1, field="d", value=d, allowed="a whole number >= 1")
