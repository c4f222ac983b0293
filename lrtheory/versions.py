"""Refuse the JAX releases that are known to break this library, and check the one installed by computing.

Everything but :func:`large_batch_check` works without importing JAX.
"""

from __future__ import annotations

from importlib import metadata

#: Releases refused, with the reason. ``pyproject.toml`` excludes the same ones.
REFUSED = {
    "0.10.2": "silently wrong numbers on CPU at large batch, https://github.com/jax-ml/jax/issues/39103",
    "0.11.0": "breaks flax, https://github.com/google/flax/issues/5596",
    "0.11.1": "breaks flax, https://github.com/google/flax/issues/5596",
    "0.11.2": "breaks flax, https://github.com/google/flax/issues/5596",
}

#: A sound installation stays below this in :func:`large_batch_check`: float32 rounding, with room.
LARGE_BATCH_TOLERANCE = 1e-5


def check_jax(version: str, package: str = "jax") -> None:
    """Refuse a release of JAX that is known to break this library.

    Args:
        version: version of ``package`` as its metadata gives it; a local part (``+cuda12``) is ignored.
        package: ``"jax"`` or ``"jaxlib"``; only used in the message.

    Raises:
        ImportError: the release is refused; the message is one line and says what to install instead.

    Example:
        >>> check_jax("0.10.1")
    """
    reason = REFUSED.get(version.partition("+")[0])
    if reason is not None:
        raise ImportError(
            f"{package} {version} is refused: {reason}; install the pinned versions: "
            "pip install -c constraints.txt -e ."
        )


def check_installed_jax() -> None:
    """Apply :func:`check_jax` to the installed jax and jaxlib, from their metadata.

    Raises:
        ImportError: one of them is refused or missing.
    """
    for package in ("jax", "jaxlib"):
        try:
            version = metadata.version(package)
        except metadata.PackageNotFoundError:
            raise ImportError(f"{package} is not installed: pip install -c constraints.txt -e .") from None
        check_jax(version, package)


def large_batch_check(n: int = 40_000) -> float:
    r"""Compute a batched matrix-vector product and reduction on the default device, and compare with NumPy.

    The rows are :math:`x_i = (i, 0, 0)` for :math:`i < n`, the matrix is the identity, and the value of a row
    is :math:`\|A x_i\|^2 = i^2`, computed by ``jit(vmap(...))`` in float32 and in float64. jaxlib 0.10.2 gets
    the later rows wrong on CPU, and every sweep of this library is a computation of this form.

    Args:
        n: batch size; the defect of jaxlib 0.10.2 shows above 2**14 rows in float64 and 2**15 in float32.

    Returns:
        The largest :math:`|v_i - i^2| / \max(i^2, 1)` over rows and both precisions; NaN counts as infinite.
        A sound installation stays below ``LARGE_BATCH_TOLERANCE``; 0.10.2 gives 8e-3 on CPU.

    Reference:
        https://github.com/jax-ml/jax/issues/39103
    """
    import numpy as np

    from lrtheory.lazy import jax, jnp

    exact = np.arange(n, dtype=np.float64) ** 2
    worst = 0.0
    with jax.enable_x64(True):
        for dtype in (np.float32, np.float64):
            rows = np.zeros((n, 3), dtype)
            rows[:, 0] = np.arange(n)

            def value(row, dtype=dtype):
                # "highest" keeps accelerators from rounding float32 inputs to fewer bits, which is no defect.
                product = jnp.matmul(jnp.eye(3, dtype=dtype), row, precision="highest")
                return jnp.sum(product**2)

            values = jax.jit(jax.vmap(value))(rows)
            error = np.abs(np.asarray(values, np.float64) - exact) / np.maximum(exact, 1.0)
            worst = max(worst, float(np.nan_to_num(error, nan=np.inf).max()))
    return worst
