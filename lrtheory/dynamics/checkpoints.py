"""What laws share that make many iterations in a step of the clock: checkpoints, running averages, norms of leaves."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from lrtheory.lazy import jax, jnp


class Averaged(NamedTuple):
    """What probes see: the weights now, averages of the last checkpoints, means over the last steps of the clock.

    ``averages`` has the leaves of ``now`` with a leading axis of the lengths; ``window`` is a dict of numbers, and of
    arrays with one entry a leaf.
    """

    now: Any
    averages: Any
    window: dict[str, Any]


def square(tree: Any) -> Any:
    """Return the squared norm of each leaf, (leaves,)."""

    def one(leaf: Any) -> Any:
        # A CPU adds up a whole array one number at a time, which took 7 of the 16 us of an iteration; over the first
        # axis of 32 columns it adds rows. The barrier keeps XLA from joining the two sums.
        columns = jnp.reshape(leaf, (-1, math.gcd(jnp.size(leaf), 32)))
        return jnp.sum(jax.lax.optimization_barrier(jnp.sum(columns**2, axis=0)))

    return jnp.stack([one(leaf) for leaf in jax.tree.leaves(tree)])


def mean_so_far(count: Any, old: Any, new: Any, length: Any) -> Any:
    """Return a running mean that begins anew after every ``length`` checkpoints; ``count`` were before ``new``."""
    n = count % length
    return jnp.where(n == 0, new, old + (new - old) / (n + 1))


def averages_so_far(count: Any, averages: Any, now: Any, lengths: tuple[int, ...]) -> Any:
    """Return running averages of weights, one of each length on the leading axis."""
    ns = jnp.asarray(lengths, dtype=float)
    return jax.tree.map(
        lambda old, new: jax.vmap(mean_so_far, (None, 0, None, 0))(count, old, new, ns), averages, now
    )  # fmt: skip
