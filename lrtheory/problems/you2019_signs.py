r"""Functions of one, two and three signs: kinds that differ in what must be computed, and in nothing that is counted.

Inputs are N(0, I) in d coordinates. Each belongs to a kind k = 1, 2, 3, which three further coordinates tell (the k-th
is ``mark``, the others 0), and has the label

.. math:: y = [\,\textstyle\prod_{i \in B_k} \mathrm{sign}\,x_i > 0\,]

with B_k a set of k coordinates; the sets are disjoint. Kinds are equally frequent, and no input is seen twice, so that
neither frequency nor the entropy of patterns tells them apart. What differs is the class of functions that a kind asks
for: one sign is linear, and the product of two or three is not correlated with any of its factors.

Reference: derived for lrtheory, to part complexity from frequency; in pattern separation after You et al. 2019, arXiv
1908.01878 (recalled), they go together.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from lrtheory.errors import finite, is_length, require
from lrtheory.lazy import jax, jnp
from lrtheory.problems.you2019_data import Inputs
from lrtheory.problems.you2019_network import Classifier
from lrtheory.pytree import pytree, static

#: The kinds, by the number of signs that make the label.
SIGNS = {"one": 1, "two": 2, "three": 3}


class SignSet(NamedTuple):
    """Training rows x (n, d + 3) with labels y (n,), those of one sign first, then two, three, noisy."""

    x: Any
    y: Any


@pytree
class SignNetwork(Classifier):
    """A classifier of products of signs; fields ``network`` and ``batch`` as in ``Classifier``.

    Attributes:
        n_coordinates: d, those that are not marks (static), 6 or more.
        n_kind: training rows of each kind (static).
        n_noisy: rows of random kinds with random labels (static).
        mark: the value that tells the kind.

    Example:
        >>> import jax
        >>> problem = SignNetwork(n_kind=100, n_noisy=10)
        >>> data = problem.data(jax.random.key(0))
        >>> data.x.shape, {kind: len(part.y) for kind, part in problem.train_inputs(data, 50).items()}
        ((310, 19), {'one': 50, 'two': 50, 'three': 50, 'noisy': 10})
    """

    kinds: ClassVar[tuple[str, ...]] = (*SIGNS, "noisy")
    test_kinds: ClassVar[tuple[str, ...]] = tuple(SIGNS)
    classes: ClassVar[int] = 2

    n_coordinates: int = static(16)
    n_kind: int = static(1400)
    n_noisy: int = static(200)
    mark: float = 2.0

    def check(self) -> None:
        """Raise :class:`lrtheory.errors.ConfigError` unless every number is allowed."""
        for name, least in (("n_coordinates", sum(SIGNS.values())), ("n_kind", 1)):
            value = getattr(self, name)
            require(
                is_length(value) and value >= least,
                field=f"problem.{name}", value=value, allowed=f"a whole number >= {least}",
            )  # fmt: skip
        require(
            self.n_noisy == 0 or is_length(self.n_noisy),
            field="problem.n_noisy", value=self.n_noisy, allowed="a whole number >= 0",
        )  # fmt: skip
        require(finite(self.mark), field="problem.mark", value=self.mark, allowed="a finite number")
        self.check_network(self.n)

    @property
    def d(self) -> int:
        """Return the dimension of an input, marks included."""
        return self.n_coordinates + len(SIGNS)

    @property
    def n(self) -> int:
        """Return the number of training rows."""
        return len(SIGNS) * self.n_kind + self.n_noisy

    def _of_kind(self, key: Any, kind: str, n: int) -> Inputs:
        """Draw n inputs of a kind."""
        which = list(SIGNS).index(kind)
        start = sum(list(SIGNS.values())[:which])
        x = jax.random.normal(key, (n, self.n_coordinates))
        marks = self.mark * jax.nn.one_hot(jnp.full(n, which), len(SIGNS))
        product = jnp.prod(jnp.sign(x[:, start : start + SIGNS[kind]]), axis=1)
        return Inputs(jnp.concatenate([x, marks], axis=1), (product > 0).astype(int))

    def _noisy(self, key: Any, n: int) -> Inputs:
        of_inputs, of_kinds, of_labels = jax.random.split(key, 3)
        x = jax.random.normal(of_inputs, (n, self.n_coordinates))
        which = jax.random.randint(of_kinds, (n,), 0, len(SIGNS))
        x = jnp.concatenate([x, self.mark * jax.nn.one_hot(which, len(SIGNS))], axis=1)
        return Inputs(x, jax.random.randint(of_labels, (n,), 0, self.classes))

    def data(self, key: Any) -> SignSet:
        """Draw the training rows."""
        keys = jax.random.split(key, len(SIGNS) + 1)
        parts = [self._of_kind(k, kind, self.n_kind) for kind, k in zip(SIGNS, keys[:-1], strict=True)]
        if self.n_noisy:
            parts.append(self._noisy(keys[-1], self.n_noisy))
        return SignSet(*(jnp.concatenate(both) for both in zip(*parts, strict=True)))

    def train_inputs(self, data: SignSet, n: int) -> dict[str, Inputs]:
        """Return the first n training rows of each kind, or all there are."""
        out, start = {}, 0
        for kind, size in (*((kind, self.n_kind) for kind in SIGNS), ("noisy", self.n_noisy)):
            rows = slice(start, start + min(n, size))
            if size:
                out[kind] = Inputs(data.x[rows], data.y[rows])
            start += size
        return out

    def test_inputs(self, data: SignSet, key: Any, n: int) -> dict[str, Inputs]:
        """Draw n test inputs of each kind."""
        keys = jax.random.split(key, len(SIGNS))
        return {kind: self._of_kind(k, kind, n) for kind, k in zip(SIGNS, keys, strict=True)}
