r"""Pattern separation (PS10) after You et al. (2019): classes made of few patterns or of many, and noise.

Each class has ``simple`` patterns of one kind and ``complex`` ones of the other; an input is one of them, with its
class as label. The complexity of a kind is

.. math:: C = \mathbb{E}_y\,H(P(x \mid y)) \quad \text{bits},

with x the pattern of an input: log2 10 = 3.32 for ten patterns a class, log2 100 = 6.64 for a hundred. Draws are
balanced: every pattern of a kind appears as often as any other, up to one. So with as many inputs of both kinds a
complex pattern is seen ten times more rarely, and patterns that are drawn alike differ in nothing else: ``n_simple``
and ``n_complex`` in the ratio of the numbers of patterns make a control in which both kinds are equally frequent.

With ``sigma = 0`` an input is its pattern and there is nothing to generalise to; with noise around the patterns, test
inputs are new copies.

Reference: You, Long, Wang, Jordan 2019, arXiv 1908.01878: two kinds of patterns and their complexity (recalled).
Everything else, noisy inputs among them above all, is derived for lrtheory.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from lrtheory.errors import finite, is_length, require
from lrtheory.lazy import jax, jnp
from lrtheory.pytree import pytree, static
from lrtheory.theory.you2019 import complexity

#: The kinds of patterns, in the order of the rows of a training set; noisy rows come last.
PATTERNS = ("simple", "complex")
NOISY = "noisy"


class Inputs(NamedTuple):
    """Inputs and labels: x (n, d), y (n,) whole numbers. Patterns are inputs too."""

    x: Any
    y: Any


@pytree
class Gaussian:
    """Patterns N(0, I_d); both kinds are drawn alike."""

    def patterns(self, key: Any, kind: str, n: int, d: int) -> Any:
        """Draw n patterns of a kind, (n, d)."""
        return jax.random.normal(key, (n, d))

    def copies(self, key: Any, patterns: Any, kind: str, sigma: Any) -> Any:
        """Draw an input around each pattern, (n, d)."""
        return patterns + sigma * jax.random.normal(key, patterns.shape)


@pytree
class Pixels(Gaussian):
    """Images: every pixel of a pattern is -1 or +1; d = 256 are 16 x 16 pixels."""

    def patterns(self, key: Any, kind: str, n: int, d: int) -> Any:
        """Draw n patterns of a kind, (n, d)."""
        return jax.random.rademacher(key, (n, d), dtype=float)


@pytree
class Blocks:
    """Simple patterns in the first coordinates, complex ones in the others, clutter where an input has no pattern.

    Attributes:
        size: coordinates of simple patterns (static).
        scale: simple patterns are N(0, scale^2), complex ones N(0, 1).
        clutter: standard deviation in the coordinates that an input's pattern does not use.
    """

    size: int = static(16)
    scale: float = 1.5
    clutter: float = 0.6

    def check(self) -> None:
        """Raise ``ConfigError`` for an empty block, or numbers below 0."""
        require(
            is_length(self.size),
            field="problem.form.size", value=self.size, allowed="a whole number >= 1",
        )  # fmt: skip
        for name in ("scale", "clutter"):
            value = getattr(self, name)
            require(finite(value) and value >= 0, field=f"problem.form.{name}", value=value, allowed=">= 0")

    def _used(self, kind: str, d: int) -> Any:
        first = jnp.arange(d) < self.size
        return first if kind == "simple" else ~first

    def patterns(self, key: Any, kind: str, n: int, d: int) -> Any:
        """Draw n patterns of a kind, (n, d)."""
        scale = self.scale if kind == "simple" else 1.0
        return jnp.where(self._used(kind, d), scale * jax.random.normal(key, (n, d)), 0.0)

    def copies(self, key: Any, patterns: Any, kind: str, sigma: Any) -> Any:
        """Draw an input around each pattern, (n, d)."""
        spread = jnp.where(self._used(kind, patterns.shape[1]), sigma, self.clutter)
        return patterns + spread * jax.random.normal(key, patterns.shape)


@pytree
class RandomInputs:
    """Noisy rows: a pattern of their own each, that no other input shares, half of them of each kind; random label.

    The inputs have the law of the others, so that nothing but its being alone tells that a row is noise.
    """

    def draw(self, law: PatternLaw, key: Any, patterns: dict[str, Inputs], n: int) -> Inputs:
        """Draw n noisy rows."""
        of_labels, *keys = jax.random.split(key, 3)
        parts = []
        for kind, k, size in zip(PATTERNS, keys, _halves(n), strict=True):
            of_patterns, of_copies = jax.random.split(k)
            own = law.form.patterns(of_patterns, kind, size, law.d)
            parts.append(law.form.copies(of_copies, own, kind, law.sigma))
        return Inputs(jnp.concatenate(parts), jax.random.randint(of_labels, (n,), 0, law.classes))


@pytree
class WrongLabels:
    """Noisy rows: inputs of the patterns, half of each kind, with a wrong label, each wrong one equally likely."""

    def draw(self, law: PatternLaw, key: Any, patterns: dict[str, Inputs], n: int) -> Inputs:
        """Draw n noisy rows."""
        of_labels, *keys = jax.random.split(key, 3)
        parts = [
            law.copies(k, patterns, kind, size) for kind, k, size in zip(PATTERNS, keys, _halves(n), strict=True)
        ]
        x, y = (jnp.concatenate(both) for both in zip(*parts, strict=True))
        return Inputs(x, (y + jax.random.randint(of_labels, (n,), 1, law.classes)) % law.classes)


def _halves(n: int) -> tuple[int, int]:
    return n - n // 2, n // 2


@pytree
class PatternLaw:
    """The law of inputs.

    Attributes:
        d: dimension of an input (static).
        classes: number of classes (static).
        simple, complex: patterns a class, of either kind (static).
        n_simple, n_complex, n_noisy: training rows of each kind (static).
        sigma: standard deviation around a pattern, in each coordinate.
        form: how patterns are drawn: :class:`Gaussian`, :class:`Pixels` or :class:`Blocks`.
        noisy: what noisy rows are: :class:`RandomInputs` or :class:`WrongLabels`.

    Example:
        >>> law = PatternLaw()
        >>> law.n, {kind: round(bits, 2) for kind, bits in law.complexity().items()}
        (4400, {'simple': 3.32, 'complex': 6.64})
    """

    d: int = static(128)
    classes: int = static(10)
    simple: int = static(10)
    complex: int = static(100)
    n_simple: int = static(2000)
    n_complex: int = static(2000)
    n_noisy: int = static(400)
    sigma: float = 0.5
    form: Any = Gaussian()
    noisy: Any = RandomInputs()

    def check(self) -> None:
        """Raise :class:`lrtheory.errors.ConfigError` unless every number is allowed."""
        for name in ("d", "simple", "complex", "n_simple", "n_complex"):
            self._check_whole(name, 1)
        self._check_whole("classes", 2)
        self._check_whole("n_noisy", 0)
        require(finite(self.sigma) and self.sigma >= 0, field="problem.sigma", value=self.sigma, allowed=">= 0")
        require(
            callable(getattr(self.form, "copies", None)),
            field="problem.form", value=self.form, allowed="Gaussian(), Pixels() or Blocks()",
        )  # fmt: skip
        require(
            callable(getattr(self.noisy, "draw", None)),
            field="problem.noisy", value=self.noisy, allowed="RandomInputs() or WrongLabels()",
        )  # fmt: skip
        if isinstance(self.form, Blocks):
            self.form.check()
            require(
                self.form.size < self.d, field="problem.form.size", value=self.form.size, allowed=f"below d = {self.d}"
            )

    def _check_whole(self, name: str, least: int) -> None:
        value = getattr(self, name)
        require(
            isinstance(value, int) and not isinstance(value, bool) and value >= least,
            field=f"problem.{name}", value=value, allowed=f"a whole number >= {least}",
        )  # fmt: skip

    @property
    def sizes(self) -> dict[str, int]:
        """Return the training rows of each kind, in their order."""
        return {"simple": self.n_simple, "complex": self.n_complex, NOISY: self.n_noisy}

    @property
    def n(self) -> int:
        """Return the number of training rows."""
        return sum(self.sizes.values())

    def complexity(self) -> dict[str, float]:
        """Return E_y H(P(x|y)) in bits of the training rows of each kind of pattern, from how often each is drawn."""
        out = {}
        for kind in PATTERNS:
            a_class, rows = getattr(self, kind), self.sizes[kind]
            counts = [[0] * self.classes for _ in range(a_class * self.classes)]
            for row in range(rows):
                pattern = row % len(counts)
                counts[pattern][pattern % self.classes] += 1
            out[kind] = complexity(counts)
        return out

    def patterns(self, key: Any) -> dict[str, Inputs]:
        """Draw the patterns of both kinds with their labels."""
        out = {}
        for kind, k in zip(PATTERNS, jax.random.split(key), strict=True):
            n = self.classes * getattr(self, kind)
            out[kind] = Inputs(self.form.patterns(k, kind, n, self.d), jnp.arange(n) % self.classes)
        return out

    def copies(self, key: Any, patterns: dict[str, Inputs], kind: str, n: int) -> Inputs:
        """Draw n inputs of a kind: around each of its patterns in turn."""
        x, y = patterns[kind]
        which = jnp.arange(n) % len(y)
        return Inputs(self.form.copies(key, x[which], kind, self.sigma), y[which])

    def rows(self, key: Any, patterns: dict[str, Inputs]) -> Inputs:
        """Draw the training rows: simple, complex, noisy."""
        keys = jax.random.split(key, 3)
        parts = [self.copies(k, patterns, kind, self.sizes[kind]) for kind, k in zip(PATTERNS, keys[:2], strict=True)]
        if self.n_noisy:
            parts.append(self.noisy.draw(self, keys[2], patterns, self.n_noisy))
        return Inputs(*(jnp.concatenate(both) for both in zip(*parts, strict=True)))

    def relabelled(self, key: Any, patterns: dict[str, Inputs]) -> dict[str, Inputs]:
        """Return the patterns of a target task: the same simple ones with permuted labels, new complex ones."""
        of_labels, of_patterns = jax.random.split(key)
        x, y = patterns["simple"]
        return {**self.patterns(of_patterns), "simple": Inputs(x, jax.random.permutation(of_labels, y))}
