"""What is measured on a quadratic: the coordinates, and the plateau they fluctuate on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from lrtheory.pytree import pytree

if TYPE_CHECKING:
    import xarray as xr


@pytree
class Directions:
    """Loss and every coordinate of w, so that each direction can be held against its own law.

    Outputs: ``loss`` (the problem's loss) and ``w`` of shape (d,), dimension ``direction``.
    """

    name: ClassVar[str] = "directions"
    dims: ClassVar[dict[str, tuple[str, ...]]] = {"w": ("direction",)}
    units: ClassVar[dict[str, str]] = {}

    def __call__(self, problem: Any, data: Any, params: Any, aux: Any) -> dict[str, Any]:
        """Return the loss and the coordinates at ``params``, one array of shape (d,)."""
        return {"loss": problem.loss(params, data), "w": params}


def mean_square(ds: xr.Dataset, first: int, last: int) -> xr.DataArray:
    """Return the time average of w^2 over the records of steps ``first`` to ``last``, both included.

    On a plateau it estimates the stationary variance, without bias if the start is forgotten by ``first``:
    one value a cell, seed and direction. The records of one seed are correlated, the seeds are not: intervals
    go over seeds. A diverged cell gives NaN.
    """
    kept = (ds.step >= first) & (ds.step <= last)
    # skipna=False: a cell that diverged has no plateau, whatever its earlier records say.
    return (ds.w.isel(record=kept.values) ** 2).mean("record", skipna=False)


def annealing_step(ds: xr.Dataset) -> int:
    """Return the first recorded step at which every cell with a piecewise constant rate has reached its last rate."""
    reached = (ds.lr == ds.lr.isel(record=-1)).all([d for d in ds.lr.dims if d != "record"])
    return int(ds.step.values[int(reached.argmax("record"))])
