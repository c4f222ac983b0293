"""The sample that a claim is decided on: one row an independent replicate."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lrtheory.errors import ConfigError, unknown
from lrtheory.evidence import Relation
from lrtheory.relations import Ratio, Share

if TYPE_CHECKING:
    import xarray as xr


class Sample(NamedTuple):
    """Numbers of independent replicates, and what a relation needs to judge them.

    Attributes:
        values: shape (n,), (n, points) for a relation along an axis, or (n, 2) for a ratio; NaN where there is none.
        x: coordinate of that axis, shape (points,), or None.
    """

    values: np.ndarray
    x: np.ndarray | None


def sample(relation: Relation, quantity: Callable[[xr.Dataset], Any], ds: xr.Dataset) -> Sample:
    """Return the numbers whose means ``relation`` speaks of.

    Raises:
        ConfigError: a quantity of another shape, or of another kind (true/false) than the relation asks for.
    """
    if relation.along is not None and relation.along not in ds.sizes:
        raise unknown("axis", relation.along, [str(d) for d in ds.sizes])
    raw = quantity(ds)
    if isinstance(relation, Ratio):
        if not isinstance(raw, tuple) or len(raw) != 2:
            raise ConfigError("its quantity must be a pair (x, y), whose ratio of means is claimed")
        values, x = np.stack([_replicates(relation, ds, part)[0] for part in raw], 1), None
    else:
        values, x = _replicates(relation, ds, raw)
    return Sample(relation.numbers(values, x), x)


def _replicates(relation: Relation, ds: xr.Dataset, raw: Any) -> tuple[np.ndarray, np.ndarray | None]:
    import xarray as xr

    replicate, along = "data_seed" if "data_seed" in ds.sizes else "seed", relation.along
    wanted = (replicate,) if along is None else (replicate, along)
    what = " and ".join(d.replace("_", " ") for d in wanted)
    x = None if along is None else ds[along].values
    counts = isinstance(relation, Share)
    if not isinstance(raw, tuple) and (np.asarray(raw).dtype.kind == "b") > counts:
        raise ConfigError("its quantity is true or false: claim a share(at_least=...) of it")
    if isinstance(raw, tuple):
        raise ConfigError("its quantity is a pair: claim a ratio(...) of it")
    if isinstance(raw, xr.DataArray):
        if replicate == "data_seed" and "seed" in raw.dims:
            if counts:
                raise ConfigError("a share counts data seeds: say which, as by .all('seed')")
            raw = raw.mean("seed", skipna=False)
        if set(raw.dims) != set(wanted):
            raise ConfigError(
                f"its quantity has dimensions {', '.join(map(str, raw.dims)) or 'none'}: it must have one number a "
                f"{what}, since cells of one seed are not independent"
            )
        raw = raw.transpose(*wanted)
        # A quantity may keep a part of an axis (the stable rates, say).
        x = raw[along].values if along is not None else None
    elif replicate == "data_seed":
        raise ConfigError("with data seeds its quantity must be a DataArray, which names them")
    values = np.asarray(raw)
    shape = (ds.sizes[replicate],) if x is None else (ds.sizes[replicate], x.size)
    if values.shape != shape or values.dtype.kind not in "biuf":
        raise ConfigError(
            f"its quantity has shape {values.shape} and type {values.dtype}: it must be one number a {what}, {shape}, "
            "since cells of one seed are not independent"
        )
    values = values.astype(float)
    if counts and not (np.isnan(values) | (values == 0) | (values == 1)).all():
        raise ConfigError("a share needs a quantity that is true or false (or 1, 0, and NaN) for each seed")
    return values, x
