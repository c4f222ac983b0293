"""One part of results on disk: a Zarr store, written chunk by chunk, so that nothing computed is lost.

Its folder holds

* ``config.json``: every number of the experiment; a folder made by another configuration is refused;
* ``data.zarr``: the ``xarray.Dataset``, made as an empty template first, then filled region by region;
* ``done/<chunk>.json``: written after a chunk's region, with a checksum of its numbers; a chunk without one, or whose
  numbers do not match it, is run again;
* ``manifest.json``: written last, at once: its presence says that the part is complete.

How parts make up the results of an experiment is the business of :mod:`lrtheory.store`.
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

from lrtheory.description import describe, differences
from lrtheory.errors import StoreError
from lrtheory.experiment import Experiment
from lrtheory.grid import Box

if TYPE_CHECKING:
    import xarray as xr

#: What a folder may hold in which a part was about to be begun: it comes before config.json.
BEGUN = ("config.json.partial", "done", "data.zarr")
#: The folder beside a part in which further parts are kept.
ADDED = "added"


def write_json(path: Path, content: Any) -> None:
    """Write ``content`` to ``path`` at once: a reader sees the old file or the new one, never a part."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("w") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def read_json(path: Path) -> Any:
    """Return the content of a JSON file; None where there is none to be read."""
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


def box_of(config: Mapping[str, Any]) -> Box:
    """Return how the store of a configuration is cut."""
    grid = config["grid"]
    return Box(tuple(grid["dims"]), tuple(grid["sizes"]), tuple(grid["chunks"]))


def read_config(folder: Path) -> dict[str, Any] | None:
    """Return the configuration of a part, its experiment and its grid; None where there is none of ours."""
    found = read_json(folder / "config.json")
    ours = isinstance(found, dict) and "grid" in found and isinstance(found.get("experiment"), dict)
    return found if ours else None


class Store:
    """The folder of one part, open for writing."""

    def __init__(self, folder: str | Path, experiment: Experiment) -> None:
        """Look at ``folder``; nothing is written yet.

        Raises:
            StoreError: when it belongs to another configuration (the fields are named) or holds something else.
        """
        self.folder = Path(folder)
        self.experiment = experiment
        self.config = json.loads(json.dumps(describe(experiment)))
        self._data = self.folder / "data.zarr"
        self._done = self.folder / "done"
        found = read_config(self.folder)
        if found is not None:
            different = differences(found["experiment"], self.config)
            if different:
                listed = "; ".join(different[:6]) + (f"; and {len(different) - 6} more" if len(different) > 6 else "")
                raise StoreError(
                    f"{self.folder} holds results of another configuration ({listed}): "
                    "choose another --results, or remove it"
                )
        elif self.folder.is_dir() and not set(os.listdir(self.folder)) <= {*BEGUN, ADDED}:
            raise StoreError(f"{self.folder} is not a results folder: there is something else in it")

    @property
    def finished(self) -> bool:
        """Tell whether the manifest is there: every chunk was written, whatever became of it since."""
        return (self.folder / "manifest.json").exists()

    @property
    def complete(self) -> bool:
        """Tell whether the manifest is there and every chunk has the numbers that its checksum says."""
        return self.finished and damaged(self.folder) is None

    def box(self, template: Mapping[str, Variable]) -> Box | None:
        """Return how the store was cut when it was begun; None where it must be begun (anew)."""
        import zarr

        config = read_config(self.folder)
        if config is None:
            return None
        try:
            group = zarr.open_group(self._data, mode="r", zarr_format=3)
            sound = all(tuple(group[name].shape) == v.shape for name, v in template.items())  # type: ignore[union-attr]
        except Exception:  # whatever is wrong with the store's own metadata, the remedy is to begin it anew
            return None
        return box_of(config) if sound else None

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

    mark = read_json(folder / "done" / f"{index:06d}.json")
    if not isinstance(mark, dict):
        return False
    try:
        group = zarr.open_group(folder / "data.zarr", mode="r", zarr_format=3)
        where = {name: tuple(region.get(d, slice(None)) for d in ds) for name, ds in dims.items()}
        arrays = {name: np.asarray(group[name][w]) for name, w in where.items()}  # type: ignore[index]
    except Exception:  # whatever keeps a damaged store from being read, the remedy is the same: run the chunk again
        return False
    return mark.get("sha256") == checksum(arrays)


def damaged(folder: Path) -> int | None:
    """Return the number of the first chunk that is not what its checksum says, or None."""
    import zarr

    config = read_config(folder)
    if config is None:
        return 0
    try:
        group = zarr.open_group(folder / "data.zarr", mode="r", zarr_format=3)
        computed = {n: a for n, a in group.arrays() if not a.attrs.get("coordinate")}
        dims = {n: tuple(map(str, a.metadata.dimension_names)) for n, a in computed.items()}  # type: ignore[union-attr]
    except Exception:  # as above: unreadable is damaged
        return 0
    for index, region in enumerate(box_of(config).regions()):
        if not _is_done(folder, index, dims, region):
            return index
    return None


def read(folder: Path) -> xr.Dataset:
    """Return the numbers of a complete part, with its manifest as attributes.

    Raises:
        StoreError: when a chunk does not have the numbers that its checksum says.
    """
    import xarray as xr

    bad = damaged(folder)
    if bad is not None:
        raise StoreError(f"{folder} is damaged (chunk {bad}): run its sim again, which repairs it")
    dataset = xr.open_zarr(folder / "data.zarr", consolidated=False, chunks=None, zarr_format=3, mask_and_scale=False)
    coordinates = [str(name) for name in dataset.data_vars if dataset[name].attrs.get("coordinate")]
    dataset = dataset.set_coords(coordinates).load().assign_attrs(read_json(folder / "manifest.json"))
    # Variable-length strings do not work as an index everywhere; fixed-length ones do.
    text = {
        str(n): (c.dims, np.asarray([str(v) for v in c.values]), c.attrs)
        for n, c in dataset.coords.items()
        if c.dtype.kind not in "iufb"
    }
    return dataset.assign_coords(text)
