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
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lrtheory.errors import StoreError
from lrtheory.experiment import Experiment

if TYPE_CHECKING:
    import xarray as xr


def describe(value: Any) -> Any:
    """Return ``value`` as plain JSON data: dataclasses by class and fields, functions by name, arrays as lists."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: describe(getattr(value, f.name)) for f in dataclasses.fields(value) if f.name != "scales"}
        return {"class": type(value).__name__, **fields}
    if isinstance(value, Mapping):
        return {str(k): describe(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [describe(v) for v in value]
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if value is None or isinstance(value, bool | int | float | str):
        return value
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
    """Return a digest of named arrays: their names, shapes, types and bytes."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
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


class Store:
    """One results folder, open for writing."""

    def __init__(self, folder: str | Path, experiment: Experiment) -> None:
        """Open or create ``folder`` for ``experiment``.

        Raises:
            StoreError: when it belongs to another configuration (the fields are named), holds something else, or
                cannot be written.
        """
        self.folder = Path(folder)
        self.config = describe(experiment)
        self._data = self.folder / "data.zarr"
        self._done = self.folder / "done"
        found = _read_json(self.folder / "config.json")
        if found is None and self.folder.is_dir() and any(self.folder.iterdir()):
            if not set(os.listdir(self.folder)) <= {"config.json", "config.json.partial", "done", "data.zarr"}:
                raise StoreError(f"{self.folder} is not a results folder: it has files of something else in it")
        if found is not None:
            found, wanted = found["experiment"], json.loads(json.dumps(self.config))
            different = differences(found, wanted)
            if different:
                listed = "; ".join(different[:6]) + (f"; and {len(different) - 6} more" if len(different) > 6 else "")
                raise StoreError(
                    f"{self.folder} holds results of another configuration ({listed}): "
                    "choose another --results, or remove it"
                )

    @property
    def complete(self) -> bool:
        """Tell whether every chunk is there."""
        return (self.folder / "manifest.json").exists()

    def plan(self) -> dict[str, int] | None:
        """Return the chunk shape this folder was begun with, or None."""
        found = _read_json(self.folder / "config.json")
        return None if found is None or not self._data.is_dir() else found["chunks"]

    def begin(self, template: Mapping[str, Variable], chunks: Mapping[str, int], n_chunks: int) -> None:
        """Write the empty store; its Zarr chunks are the chunks of the sweep, so regions never share one."""
        import zarr

        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(self._data, ignore_errors=True)
            shutil.rmtree(self._done, ignore_errors=True)
            self._done.mkdir()
            group = zarr.create_group(self._data, zarr_format=3)
            for name, variable in template.items():
                grid = tuple(chunks.get(d, n) for d, n in zip(variable.dims, variable.shape, strict=True))
                array = group.create_array(
                    name, shape=variable.shape, dtype=_stored(variable.dtype), chunks=tuple(max(c, 1) for c in grid),
                    fill_value=fill_value(variable.dtype), dimension_names=variable.dims, attributes=variable.attrs,
                )  # fmt: skip
                if variable.values is not None:
                    array[...] = variable.values
            plan = {"experiment": self.config, "chunks": dict(chunks), "n_chunks": n_chunks}
            write_json(self.folder / "config.json", plan)
        except OSError as error:
            raise StoreError(f"cannot write results in {self.folder}: {error.strerror or error}") from None

    def write(self, index: int, arrays: Mapping[str, np.ndarray], regions: Mapping[str, tuple[slice, ...]]) -> None:
        """Write chunk ``index`` into its region, then mark it done."""
        import zarr

        try:
            group = zarr.open_group(self._data, mode="r+", zarr_format=3)
            for name, array in arrays.items():
                group[name][regions[name]] = array  # type: ignore[index]
            write_json(self._done / f"{index:06d}.json", {"chunk": index, "sha256": checksum(arrays)})
        except OSError as error:
            raise StoreError(
                f"cannot write results in {self.folder}: {error.strerror or error}; the chunks written so far are kept"
            ) from None

    def is_done(self, index: int, regions: Mapping[str, tuple[slice, ...]]) -> bool:
        """Tell whether chunk ``index`` is on disk with the numbers its checksum says."""
        import zarr

        mark = _read_json(self._done / f"{index:06d}.json")
        if mark is None:
            return False
        try:
            group = zarr.open_group(self._data, mode="r", zarr_format=3)
            arrays = {name: np.asarray(group[name][region]) for name, region in regions.items()}  # type: ignore[index]
        except Exception:  # whatever keeps a damaged store from being read, the remedy is the same: run the chunk again
            return False
        return mark.get("sha256") == checksum(arrays)

    def finish(self, manifest: Mapping[str, Any]) -> None:
        """Write the manifest: the results are complete."""
        try:
            write_json(self.folder / "manifest.json", manifest)
        except OSError as error:
            raise StoreError(f"cannot write results in {self.folder}: {error.strerror or error}") from None


def open_results(folder: str | Path) -> xr.Dataset:
    """Return the results in ``folder`` as an ``xarray.Dataset`` whose attributes are the manifest.

    Raises:
        StoreError: when the folder has no results, or they are incomplete (``lrtheory run`` resumes them).

    Example:
        >>> ds = open_results("results/laptop/quadratic_plateau")  # doctest: +SKIP
    """
    folder = Path(folder)
    manifest = _read_json(folder / "manifest.json")
    if manifest is None:
        begun = (folder / "config.json").exists()
        raise StoreError(f"{folder} has {'unfinished' if begun else 'no'} results: run its sim first (it resumes)")
    import xarray as xr

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
    """Return name, done and total chunks, and completeness of a results folder."""
    folder = Path(folder)
    config = _read_json(folder / "config.json")
    if config is None:
        raise StoreError(f"{folder} has no results")
    manifest = _read_json(folder / "manifest.json")
    return {
        "name": config["experiment"]["name"],
        "done": len(list((folder / "done").glob("*.json"))),
        "total": config["n_chunks"],
        "complete": manifest is not None,
        "manifest": manifest,
    }
