"""The results of an experiment on disk, which can grow: a base part, and parts of further replicates beside it.

A results folder is a part (:mod:`lrtheory.part`), the base; ``added/<first>-<last>`` in it are further parts, each the
same experiment at the replicates of those numbers. Nothing that is complete is ever written again: more replicates are
another part. Replicates are what statistics takes as independent: data seeds where an experiment has them, else seeds.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from lrtheory.description import describe, differences
from lrtheory.errors import StoreError
from lrtheory.experiment import Experiment, with_values
from lrtheory.part import ADDED, Store, box_of, damaged, read, read_config, read_json

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
    "Store", "configuration", "describe", "differences", "is_complete", "mark_looked", "open_results", "parts_of",
    "renew", "replicates", "status", "unfinished",
]  # fmt: skip


class Added(NamedTuple):
    """A part beside the base, by the name of its folder: its first replicate and how many there are."""

    folder: Path
    first: int
    n: int


def _added(folder: Path) -> list[Added]:
    """Return the parts beside the base, finished or not, in the order of their replicates."""
    out = []
    for path in (folder / ADDED).glob("*-*"):
        numbers = re.fullmatch(r"(-?\d+)-(-?\d+)", path.name)
        if numbers is not None and path.is_dir():
            out.append(Added(path, int(numbers[1]), int(numbers[2]) + 1 - int(numbers[1])))
    return sorted(out, key=lambda part: (part.first, part.n))


def _check_order(folder: Path, end: int, added: list[Added]) -> None:
    """Refuse parts that overlap, or leave replicates out; ``end`` is the number after the last one of the base.

    Raises:
        StoreError: one line naming the part and the replicate that it should begin with.
    """
    for part in added:
        if part.first != end or part.n < 1:
            raise StoreError(
                f"{folder} has parts that do not follow one another: {ADDED}/{part.folder.name} must begin with "
                f"replicate {end}; remove it"
            )
        end += part.n


def _field(data_seeds: int | None) -> str:
    """Return the field of an experiment that counts its replicates."""
    return "seeds" if data_seeds is None else "data_seeds"


def _dimension(dataset: xr.Dataset) -> str:
    return "data_seed" if "data_seed" in dataset.dims else "seed"


def parts_of(folder: str | Path, experiment: Experiment) -> list[Store]:
    """Return the parts of the results of ``experiment``, base first: those on disk, then one of what they lack.

    Nothing is written. Parts on disk are returned whole, also where ``experiment`` has fewer replicates.

    Raises:
        StoreError: when the folder belongs to another configuration or holds something else, or the parts overlap or
            leave replicates out.
    """
    folder = Path(folder)
    field = _field(experiment.data_seeds)
    wanted, first = getattr(experiment, field), experiment.first_seed
    added = _added(folder)
    config = read_config(folder)
    if config is not None:
        held = config["experiment"].get(field)
        n = held if isinstance(held, int) else wanted
    else:  # a base that must be begun (anew) ends where the parts beside it begin
        n = added[0].first - first if added else wanted
        if n < 1:
            raise StoreError(f"{folder} has parts from replicate {first + n} on, but begins with {first}: remove it")
    base = Store(folder, with_values(experiment, {field: n}))
    _check_order(folder, first + n, added)
    parts = [base]
    for part in added:
        parts.append(Store(part.folder, with_values(experiment, {"first_seed": part.first, field: part.n})))
        n += part.n
    if n < wanted:
        name = f"{first + n:06d}-{first + wanted - 1:06d}"
        more = with_values(experiment, {"first_seed": first + n, field: wanted - n})
        parts.append(Store(folder / ADDED / name, more))
    return parts


def unfinished(folder: str | Path, experiment: Experiment) -> list[Store]:
    """Return the parts that must be run, in order, before the folder has every replicate of ``experiment``.

    A damaged part is one of them whatever its replicates: results with it cannot be opened. A part that was begun and
    not finished is one only where its replicates, or later ones, are asked for.

    Raises:
        StoreError: as :func:`parts_of`.
    """
    out, held = [], 0
    field = _field(experiment.data_seeds)
    for part in parts_of(folder, experiment):
        needed = held < getattr(experiment, field)
        if not part.complete and (needed or part.finished):
            out.append(part)
        held += getattr(part.experiment, field)
    return out


def is_complete(folder: str | Path, experiment: Experiment) -> bool:
    """Tell whether the folder has every replicate of ``experiment``, whole: there is nothing to run.

    Raises:
        StoreError: as :func:`parts_of`.
    """
    return not unfinished(folder, experiment)


def renew(folder: str | Path) -> None:
    """Set the time of the base's manifest to now: what is made from the results is older than they are.

    Raises:
        StoreError: when it cannot be set.
    """
    try:
        (Path(folder) / "manifest.json").touch()
    except OSError as error:
        raise StoreError(f"cannot write results in {folder}: {error.strerror or error}") from None


def _finished_parts(folder: Path) -> list[tuple[Path, int]]:
    """Return the folders of the base and of the parts that follow it without a gap, with their replicates.

    Raises:
        StoreError: when parts overlap, leave replicates out, or are of another configuration than the base.
    """
    config = read_config(folder)
    if config is None or not (folder / "manifest.json").exists():
        return []
    base = config["experiment"]
    field = _field(base["data_seeds"])
    added = _added(folder)
    _check_order(folder, base["first_seed"] + base[field], added)
    out = [(folder, base[field])]
    for part in added:
        found = read_config(part.folder)
        if found is not None:
            expected = {**base, "first_seed": part.first, field: part.n}
            different = differences(expected, found["experiment"])
            if different:
                raise StoreError(
                    f"{part.folder} is of another configuration than {folder} ({'; '.join(different[:6])}): remove it"
                )
        if not (part.folder / "manifest.json").exists():
            break
        out.append((part.folder, part.n))
    return out


def replicates(folder: str | Path) -> int:
    """Return how many complete replicates a folder holds: seeds, or data seeds where the experiment has them.

    Those of the base and of the complete parts that follow it; 0 where there are no results, the base is unfinished,
    or a part is damaged: another run repairs it.

    Raises:
        StoreError: when parts overlap, leave replicates out, or are of another configuration than the base.
    """
    parts = _finished_parts(Path(folder))
    return 0 if any(damaged(part) is not None for part, _ in parts) else sum(n for _, n in parts)


#: Name of an empty file: how many replicates there are may have followed from what they showed.
LOOKED = "looked"


def mark_looked(folder: str | Path) -> None:
    """Remember that results are being looked at to see whether they want more replicates."""
    (Path(folder) / LOOKED).touch()


def open_results(folder: str | Path, first: int | None = None) -> xr.Dataset:
    """Return the results in ``folder`` as an ``xarray.Dataset`` whose attributes are the manifest.

    Where replicates were added, those of the complete parts follow those of the base; ``seeds`` (or ``data_seeds``),
    ``cells``, ``seconds`` and ``diverged_share`` are of all of them, and the other fields are the base's. The attribute
    ``seeds_added`` counts the replicates that are not of the base; ``looked`` is that of :func:`mark_looked`.

    Args:
        folder: what a run was given.
        first: return only that many replicates, the first ones.

    Raises:
        StoreError: when the folder has no results, they are incomplete (running the sim resumes them), a chunk does
            not have the numbers that its checksum says, or parts do not belong together.

    Example:
        >>> ds = open_results("results/laptop/quadratic_plateau")  # doctest: +SKIP
    """
    import xarray as xr

    folder = Path(folder)
    if read_json(folder / "manifest.json") is None:
        begun = read_config(folder) is not None
        raise StoreError(f"{folder} has {'unfinished' if begun else 'no'} results: run its sim first (it resumes)")
    base = read(folder)
    along = _dimension(base)
    n_base = base.sizes[along]
    datasets, held = [base], n_base
    for part, n in _finished_parts(folder)[1:]:
        if first is None or held < first:
            datasets.append(read(part))
            held += n
    dataset = base
    if len(datasets) > 1:
        dataset = xr.concat(
            datasets, along, data_vars="minimal", coords="minimal", compat="override", join="exact",
            combine_attrs="override",
        )  # fmt: skip
    if first is not None:
        dataset = dataset.isel({along: slice(0, first)})
    counts = {"seeds": dataset.sizes["seed"]}
    if along == "data_seed":
        counts["data_seeds"] = dataset.sizes["data_seed"]
    return dataset.assign_attrs(
        **counts,
        cells=dataset.diverged_at.size,
        seconds=round(sum(d.attrs["seconds"] for d in datasets), 2),
        diverged_share=float((dataset.diverged_at >= 0).mean()),
        seeds_added=max(0, dataset.sizes[along] - n_base),
        looked=(folder / LOOKED).exists(),
    )


def status(folder: str | Path) -> dict[str, Any]:
    """Return how far the results in ``folder`` are, over all their parts; numbers are not checked.

    Returns:
        ``name``; ``done`` and ``total`` chunks; ``field``, what counts the replicates (``seeds`` or ``data_seeds``);
        ``replicates``, how many are complete, and ``begun``, how many there are with unfinished ones; and ``manifest``,
        the base's with the ``seconds`` of all parts (None: something is unfinished).

    Raises:
        StoreError: when there are no results, or parts do not belong together.
    """
    folder = Path(folder)
    config = read_config(folder)
    if config is None:
        raise StoreError(f"{folder} has no results")
    finished = _finished_parts(folder)
    added = _added(folder)
    folders = [folder, *(part.folder for part in added)]
    configs = [found for found in map(read_config, folders) if found is not None]
    manifests = [read_json(part / "manifest.json") for part in folders]
    manifest = None
    if all(manifests):
        manifest = {**manifests[0], "seconds": round(sum(m["seconds"] for m in manifests), 2)}
    experiment = config["experiment"]
    field = _field(experiment["data_seeds"])
    return {
        "name": experiment["name"],
        "done": sum(len(list((part / "done").glob("*.json"))) for part in folders),
        "total": sum(len(box_of(found).regions()) for found in configs),
        "replicates": sum(n for _, n in finished),
        "field": field,
        "begun": experiment[field] + sum(part.n for part in added),
        "manifest": manifest,
    }


def configuration(folder: str | Path) -> Any:
    """Return the description of the experiment that made the base of the results in ``folder``."""
    config = read_config(Path(folder))
    return None if config is None else config["experiment"]
