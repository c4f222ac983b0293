"""The grid of cells of an experiment, and how it is cut into chunks."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lrtheory.experiment import Experiment, static_axes


class Box(NamedTuple):
    """The grid of cells and how it is cut: dimension names, sizes, and sizes of one chunk, in the same order."""

    dims: tuple[str, ...]
    sizes: tuple[int, ...]
    chunks: tuple[int, ...]

    @property
    def chunk(self) -> dict[str, int]:
        """Return dimension -> size of one chunk."""
        return dict(zip(self.dims, self.chunks, strict=True))

    def regions(self) -> list[dict[str, slice]]:
        """Return the region of every chunk, in the order of their numbers."""
        starts = [range(0, n, c) for n, c in zip(self.sizes, self.chunks, strict=True)]
        return [
            {d: slice(a, min(a + c, n)) for d, a, n, c in zip(self.dims, at, self.sizes, self.chunks, strict=True)}
            for at in itertools.product(*starts)
        ]


def cells_in(region: Mapping[str, slice]) -> int:
    """Return the number of cells of a region."""
    return math.prod(s.stop - s.start for s in region.values())


def sizes_of(experiment: Experiment) -> dict[str, int]:
    """Return dimension -> number of values."""
    sizes = {name: len(axis.values) for name, axis in experiment.axes.items()}
    sizes["seed"] = experiment.seeds
    if experiment.data_seeds is not None:
        sizes["data_seed"] = experiment.data_seeds
    return {d: sizes[d] for d in experiment.dims}


def roles(experiment: Experiment) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Return the dimensions that are compiled apart, those of groups, and those of the members of a group."""
    apart = static_axes(experiment)
    members = tuple(n for n, a in experiment.axes.items() if n not in apart and a.path.split(".")[0] != "problem")
    groups = tuple(d for d in experiment.dims if d not in apart and d not in members)
    return apart, groups, members


def shrink(shape: Mapping[str, int], order: Sequence[str], cells: float) -> dict[str, int]:
    """Return a chunk shape of at most ``cells`` cells: dimensions are cut in ``order``, evenly.

    Example:
        >>> shrink({"rate": 4, "seed": 17}, ["seed", "rate"], 64)
        {'rate': 4, 'seed': 9}
    """
    out = dict(shape)
    for dim in order:
        excess = math.prod(out.values()) / max(cells, 1)
        if excess <= 1:
            break
        most = max(1, math.floor(out[dim] / excess))
        # As even as possible: 17 values in chunks of at most 16 are 9 + 8, not 16 + 1.
        out[dim] = -(-out[dim] // -(-out[dim] // most))
    return out
