r"""A network that learns patterns of two complexities among noise, after You et al. (2019).

Reference: You, Long, Wang, Jordan 2019, arXiv 1908.01878: large rates suppress memorising noise, decay learns complex
patterns (paper). The network and every number are derived for lrtheory: those of the paper are not known here.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from lrtheory.lazy import jax
from lrtheory.problems.you2019_data import NOISY, PATTERNS, Inputs, PatternLaw
from lrtheory.problems.you2019_network import Classifier
from lrtheory.pytree import pytree


class TrainingSet(NamedTuple):
    """Rows x (n, d) with labels y (n,), simple, complex and noisy in this order; and the key of the patterns.

    The key stands for the patterns, which are as large as a tenth of the rows and are read for test sets only.
    """

    x: Any
    y: Any
    key: Any


@pytree
class PatternNetwork(PatternLaw, Classifier):
    """A classifier of patterns, trained by the cross-entropy on minibatches.

    Fields of the data law as in :class:`lrtheory.problems.you2019_data.PatternLaw`, ``network`` and ``batch`` as in
    :class:`lrtheory.problems.you2019_network.Classifier`.

    Example:
        >>> import jax
        >>> problem = PatternNetwork(n_simple=200, n_complex=200, n_noisy=40)
        >>> data, w = problem.data(jax.random.key(0)), problem.init(jax.random.key(1))
        >>> data.x.shape, problem.logits(w, data.x).shape
        ((440, 128), (440, 10))
    """

    kinds: ClassVar[tuple[str, ...]] = (*PATTERNS, NOISY)
    test_kinds: ClassVar[tuple[str, ...]] = PATTERNS

    def check(self) -> None:
        """Raise :class:`lrtheory.errors.ConfigError` unless every number is allowed."""
        super().check()
        self.check_network(self.n)

    def data(self, key: Any) -> TrainingSet:
        """Draw patterns and training rows."""
        of_patterns, of_rows = jax.random.split(key)
        x, y = self.rows(of_rows, self.patterns(of_patterns))
        return TrainingSet(x, y, of_patterns)

    def train_inputs(self, data: TrainingSet, n: int) -> dict[str, Inputs]:
        """Return the first n training rows of each kind, or all there are."""
        out, start = {}, 0
        for kind, size in self.sizes.items():
            rows = slice(start, start + min(n, size))
            if size:
                out[kind] = Inputs(data.x[rows], data.y[rows])
            start += size
        return out

    def test_inputs(self, data: TrainingSet, key: Any, n: int) -> dict[str, Inputs]:
        """Draw n test inputs of each kind of pattern: new copies of the training patterns."""
        patterns = self.patterns(data.key)
        keys = jax.random.split(key)
        return {kind: self.copies(k, patterns, kind, n) for kind, k in zip(PATTERNS, keys, strict=True)}
