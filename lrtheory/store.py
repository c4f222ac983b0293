"""Results on disk: one Zarr store an experiment, written chunk by chunk, so that nothing computed is lost.

A results folder holds

* ``config.json``: every number of the experiment; a folder made by another configuration is refused;
* ``data.zarr``: the ``xarray.Dataset``, made as an empty template first, then filled region by region;
* ``done/<chunk>.json``: written after a chunk's region, with a checksum of its numbers; a chunk without one, or whose
  numbers do not match it, is run again;
* ``manifest.json``: written last, at once: its presence says that the results are complete.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import inspect
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lrtheory.errors import StoreError
from lrtheory.experiment import Experiment
from lrtheory.grid import Box

if TYPE_CHECKING:
    import xarray as xr


def _own_code(thing: Any) -> dict[str, str]:
    """Return a digest of the source of a user's class or function; nothing for those of the libraries.

    A user's physics is part of the configuration: results of another ``loss`` are other results.
    """
    if (thing.__module__ or "").split(".")[0] in ("lrtheory", "jax", "optax", "numpy", "builtins"):
        return {}
    try:
        return {"source": hashlib.sha256(inspect.getsource(thing).encode()).hexdigest()[:16]}
    except (OSError, TypeError):  # typed into an interpreter that keeps no source
        return {}


def _function(value: Any) -> dict[str, Any]:
    if isinstance(value, functools.partial):
        return {**_function(value.func), "arguments": describe([value.args, value.keywords])}
    closure = [describe(cell.cell_contents) for cell in getattr(value, "__closure__", None) or ()]
    return {"function": value.__qualname__, **_own_code(value), **({"closure": closure} if closure else {})}


def describe(value: Any) -> Any:
    """Return ``value`` as plain JSON data: dataclasses by class and fields, functions by code, arrays as lists."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: describe(getattr(value, f.name)) for f in dataclasses.fields(value) if f.name != "scales"}
        return {"class": type(value).__name__, **_own_code(type(value)), **fields}
    if isinstance(value, Mapping):
        return {str(k): describe(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [describe(v) for v in value]
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if inspect.isfunction(value) or isinstance(value, functools.partial):
        return _function(value)
    return getattr(value, "__qualname__", type(value).__name__)


def _flat(config: Any, path: str = "") -> dict[str, Any]:
    if isinstance(config, dict):
        items = config.items()
    elif isinstance(config, list):
        items = ((str(i), v) for i, v in enumerate(config))
    else:
        return {path: config}
    out: dict[str, Any] = {}
    for key, value in items:
        out.update(_flat(value, f"{path}.{key}" if path else str(key)))
    return out


def differences(old: Any, new: Any) -> list[str]:
    """Return ``field: old -> new`` for every field in which two descriptions differ."""
    a, b = _flat(old), _flat(new)
    keys = [k for k in {**a, **b} if json.dumps(a.get(k)) != json.dumps(b.get(k))]
    return [f"{k}: {a.get(k, 'absent')} -> {b.get(k, 'absent')}" for k in keys]


def write_json(path: Path, content: Any) -> None:
    """Write ``content`` to ``path`` at once: a reader sees the old file or the new one, never a part."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("w") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


def checksum(arrays: Mapping[str, np.ndarray]) -> str:
    """Return a digest of named arrays: their names, shapes, types and numbers (a NaN is a NaN, whatever its bits)."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        if array.dtype.kind == "f":
            array = np.where(np.isnan(array), np.asarray(np.nan, array.dtype), array)
        digest.update(f"{name}{array.shape}{array.dtype.str}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


@dataclasses.dataclass(frozen=True)
class Variable:
    """Name-free description of one array of the store; ``values`` only for coordinates, known from the start."""

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: Any
    attrs: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    values: np.ndarray | None = None


def fill_value(dtype: Any) -> Any:
    """Return what stands where nothing was computed: NaN for floats, -1 for integers."""
    kind = np.dtype(dtype).kind
    return {"f": np.nan, "c": complex(np.nan), "b": False, "U": ""}.get(kind, -1)


def _stored(dtype: Any) -> Any:
    # Fixed-length strings have no Zarr 3 specification yet; variable-length ones do.
    return str if np.dtype(dtype).kind == "U" else dtype


def regions_of(variables: Mapping[str, Variable], region: Mapping[str, slice]) -> dict[str, tuple[slice, ...]]:
    """Return, for every variable, the part of it that belongs to a region of the grid of cells."""
    return {name: tuple(region.get(d, slice(None)) for d in v.dims) for name, v in variables.items()}


def _box(config: Mapping[str, Any]) -> Box:
    grid = config["grid"]
    return Box(tuple(grid["dims"]), tuple(grid["sizes"]), tuple(grid["chunks"]))


def _config(folder: Path) -> dict[str, Any] | None:
    """Return the configuration of a results folder; None where there is none of ours."""
    found = _read_json(folder / "config.json")
    return found if isinstance(found, dict) and {"experiment", "grid"} <= set(found) else None


class Store:
    """One results folder, open for writing."""

    def __init__(self, folder: str | Path, experiment: Experiment) -> None:
        """Look at ``folder``; nothing is written yet.

        Raises:
            StoreError: when it belongs to another configuration (the fields are named) or holds something else.
        """
        self.folder = Path(folder)
        self.config = json.loads(json.dumps(describe(experiment)))
        self._data = self.folder / "data.zarr"
        self._done = self.folder / "done"
        found = _config(self.folder)
        if found is not None:
            different = differences(found["experiment"], self.config)
            if different:
                listed = "; ".join(different[:6]) + (f"; and {len(different) - 6} more" if len(different) > 6 else "")
                raise StoreError(
                    f"{self.folder} holds results of another configuration ({listed}): "
                    "choose another --results, or remove it"
                )
        elif self.folder.is_dir() and not set(os.listdir(self.folder)) <= {"config.json.partial", "done", "data.zarr"}:
            raise StoreError(f"{self.folder} is not a results folder: there is something else in it")

    @property
    def complete(self) -> bool:
        """Tell whether the manifest is there and every chunk has the numbers that its checksum says."""
        return (self.folder / "manifest.json").exists() and _damaged(self.folder) is None

    def box(self, template: Mapping[str, Variable]) -> Box | None:
        """Return how the store was cut when it was begun; None where it must be begun (anew)."""
        import zarr

        config = _config(self.folder)
        if config is None:
            return None
        try:
            group = zarr.open_group(self._data, mode="r", zarr_format=3)
            sound = all(tuple(group[name].shape) == v.shape for name, v in template.items())  # type: ignore[union-attr]
        except Exception:  # whatever is wrong with the store's own metadata, the remedy is to begin it anew
            return None
        return _box(config) if sound else None

    def begin(self, template: Mapping[str, Variable], box: Box) -> None:
        """Write the empty store; its Zarr chunks are the chunks of the sweep, so regions never share one."""
        import zarr

        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            # config.json says that the store is whole: it goes first and comes last.
            (self.folder / "config.json").unlink(missing_ok=True)
            (self.folder / "manifest.json").unlink(missing_ok=True)
            shutil.rmtree(self._data, ignore_errors=True)
            shutil.rmtree(self._done, ignore_errors=True)
            self._done.mkdir()
            group = zarr.create_group(self._data, zarr_format=3)
            for name, variable in template.items():
                sizes = zip(variable.dims, variable.shape, strict=True)
                array = group.create_array(
                    name,
                    shape=variable.shape,
                    dtype=_stored(variable.dtype),
                    chunks=tuple(max(box.chunk.get(d, n), 1) for d, n in sizes),
                    fill_value=fill_value(variable.dtype),
                    dimension_names=variable.dims,
                    attributes=dict(variable.attrs),
                )
                if variable.values is not None:
                    array[...] = variable.values
            write_json(self.folder / "config.json", {"experiment": self.config, "grid": box._asdict()})
        except OSError as error:
            raise StoreError(f"cannot write results in {self.folder}: {error.strerror or error}") from None

    def write(
        self,
        index: int,
        arrays: Mapping[str, np.ndarray],
        variables: Mapping[str, Variable],
        region: Mapping[str, slice],
    ) -> None:
        """Write chunk ``index`` into its region, then mark it done."""
        import zarr

        try:
            # A store that was damaged after it was finished is unfinished while it is repaired.
            (self.folder / "manifest.json").unlink(missing_ok=True)
            group = zarr.open_group(self._data, mode="r+", zarr_format=3)
            for name, where in regions_of(variables, region).items():
                group[name][where] = arrays[name]  # type: ignore[index]
            write_json(self._done / f"{index:06d}.json", {"chunk": index, "sha256": checksum(arrays)})
        except OSError as error:
            raise StoreError(
                f"cannot write results in {self.folder}: {error.strerror or error}; the chunks written so far are kept"
            ) from None

    def is_done(self, index: int, variables: Mapping[str, Variable], region: Mapping[str, slice]) -> bool:
        """Tell whether chunk ``index`` is on disk with the numbers its checksum says."""
        return _is_done(self.folder, index, {name: v.dims for name, v in variables.items()}, region)

    def finish(self, manifest: Mapping[str, Any]) -> None:
        """Write the manifest, with the share of diverged cells: the results are complete."""
        import zarr

        group = zarr.open_group(self._data, mode="r", zarr_format=3)
        share = float((np.asarray(group["diverged_at"][...]) >= 0).mean())  # type: ignore[index]
        try:
            write_json(self.folder / "manifest.json", {**manifest, "diverged_share": share})
        except OSError as error:
            raise StoreError(f"cannot write results in {self.folder}: {error.strerror or error}") from None


def _is_done(folder: Path, index: int, dims: Mapping[str, tuple[str, ...]], region: Mapping[str, slice]) -> bool:
    import zarr

    mark = _read_json(folder / "done" / f"{index:06d}.json")
    if not isinstance(mark, dict):
        return False
    try:
        group = zarr.open_group(folder / "data.zarr", mode="r", zarr_format=3)
        where = {name: tuple(region.get(d, slice(None)) for d in ds) for name, ds in dims.items()}
        arrays = {name: np.asarray(group[name][w]) for name, w in where.items()}  # type: ignore[index]
    except Exception:  # whatever keeps a damaged store from being read, the remedy is the same: run the chunk again
        return False
    return mark.get("sha256") == checksum(arrays)


def _damaged(folder: Path) -> int | None:
    """Return the number of the first chunk that is not what its checksum says, or None."""
    import zarr

    config = _config(folder)
    if config is None:
        return 0
    try:
        group = zarr.open_group(folder / "data.zarr", mode="r", zarr_format=3)
        computed = {n: a for n, a in group.arrays() if not a.attrs.get("coordinate")}
        dims = {n: tuple(map(str, a.metadata.dimension_names)) for n, a in computed.items()}  # type: ignore[union-attr]
    except Exception:  # as above: unreadable is damaged
        return 0
    for index, region in enumerate(_box(config).regions()):
        if not _is_done(folder, index, dims, region):
            return index
    return None


def open_results(folder: str | Path) -> xr.Dataset:
    """Return the results in ``folder`` as an ``xarray.Dataset`` whose attributes are the manifest.

    Raises:
        StoreError: when the folder has no results, they are incomplete (running the sim resumes them), or a chunk does
            not have the numbers that its checksum says.

    Example:
        >>> ds = open_results("results/laptop/quadratic_plateau")  # doctest: +SKIP
    """
    import xarray as xr

    folder = Path(folder)
    manifest = _read_json(folder / "manifest.json")
    if manifest is None:
        begun = _config(folder) is not None
        raise StoreError(f"{folder} has {'unfinished' if begun else 'no'} results: run its sim first (it resumes)")
    damaged = _damaged(folder)
    if damaged is not None:
        raise StoreError(f"{folder} is damaged (chunk {damaged}): run its sim again, which repairs it")
    dataset = xr.open_zarr(folder / "data.zarr", consolidated=False, chunks=None, zarr_format=3, mask_and_scale=False)
    coordinates = [str(name) for name in dataset.data_vars if dataset[name].attrs.get("coordinate")]
    dataset = dataset.set_coords(coordinates).load().assign_attrs(manifest)
    # Variable-length strings do not work as an index everywhere; fixed-length ones do.
    text = {
        str(n): (c.dims, np.asarray([str(v) for v in c.values]), c.attrs)
        for n, c in dataset.coords.items()
        if c.dtype.kind not in "iufb"
    }
    return dataset.assign_coords(text)


def status(folder: str | Path) -> dict[str, Any]:
    """Return name, done and total chunks, and the manifest (None: unfinished) of a results folder.

    Raises:
        StoreError: when there are no results.
    """
    folder = Path(folder)
    config = _config(folder)
    if config is None:
        raise StoreError(f"{folder} has no results")
    return {
        "name": config["experiment"]["name"],
        "done": len(list((folder / "done").glob("*.json"))),
        "total": len(_box(config).regions()),
        "manifest": _read_json(folder / "manifest.json"),
    }


def configuration(folder: str | Path) -> Any:
    """Return the description of the experiment that made the results in ``folder``."""
    config = _config(Path(folder))
    return None if config is None else config["experiment"]
