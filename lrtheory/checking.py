"""Hold the claims of sims against their results: once, or with more and more seeds until all are decided."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lrtheory.claims import Claim, Verdict, Weighed, decide, weigh
from lrtheory.errors import ConfigError, StoreError
from lrtheory.experiment import Experiment, at_scale, with_values
from lrtheory.inference import ANYTIME, Inference
from lrtheory.sims import Sim

if TYPE_CHECKING:
    import xarray as xr


@dataclasses.dataclass(frozen=True)
class Entry:
    """One line of a report: a claim, its verdict, the sim that declares it, and the manifest of the results."""

    claim: Claim
    verdict: Verdict
    sim: Sim
    attrs: Mapping[str, Any]


def open_results_of(sim: Sim, scale: str, results: Path) -> xr.Dataset | None:
    """Return the results of a sim at a scale; None where there are none.

    Raises:
        StoreError: results of another configuration. More or fewer replicates are the same statement, decided better or
            worse; any other difference would make it a statement about something else.
    """
    from lrtheory.store import configuration, describe, differences, open_results

    folder = results / scale / sim.experiment.name
    made_by = configuration(folder)
    if made_by is None:
        return None
    wanted = describe(at_scale(sim.experiment, scale))
    field = "seeds" if wanted["data_seeds"] is None else "data_seeds"
    if made_by[field] is not None:
        wanted[field] = made_by[field]
    different = differences(made_by, wanted)
    if different:
        raise StoreError(
            f"{folder} is not of this sim's configuration ({'; '.join(different[:3])}): remove it and run the "
            "sim again, or choose another --results"
        )
    return open_results(folder)


def assess(sims: Sequence[Sim], scale: str, results: Path, alpha: float) -> tuple[list[Entry], list[str]]:
    """Return the verdicts of one report over sims, and the names of those that have claims but no results.

    Args:
        sims: the sims.
        scale: the scale that was run.
        results: the folder that ``lrtheory run`` was given.
        alpha: the chance that the report has a wrong verdict, at most.
    """
    _refuse_twins(sims)
    weighed, missing = [], []
    for sim in sims:
        if sim.claims:
            ds = open_results_of(sim, scale, results)
            if ds is None:
                missing.append(sim.experiment.name)
            else:
                weighed += _weigh_all(sim, ds)
    return _entries(weighed, alpha), missing


def until_decided(
    sims: Sequence[Sim],
    scale: str,
    results: Path,
    alpha: float,
    *,
    seeds: int | None,
    max_seeds: int,
    say: Callable[[str], None],
) -> list[Entry]:
    """Run sims, and add a quarter more seeds wherever a claim is undecided, until none is or ``max_seeds`` is met.

    Seeds go to the same results. Every look is judged by the any-time method, so the stated error holds however often
    one looks. A claim that more seeds cannot decide (a missing value, outside its regime) is left.

    Args:
        sims, scale, results, alpha: as in :func:`assess`.
        seeds: how many a sim without results begins with (data seeds, where it has these); None: as it declares.
        max_seeds: none is added beyond this many.
        say: is told what is run, one line a time.
    """
    from lrtheory.store import mark_looked, replicates
    from lrtheory.sweep import run

    _refuse_twins(sims)
    by_name: dict[str, list[Sim]] = {}  # several files may have claims on one experiment
    for sim in sims:
        if sim.claims:
            by_name.setdefault(sim.experiment.name, []).append(sim)
    found: dict[str, list[_Line]] = {}
    wanted: dict[str, int] = {}
    for name, [sim, *_] in by_name.items():
        experiment = at_scale(sim.experiment, scale)
        declared = experiment.seeds if experiment.data_seeds is None else experiment.data_seeds
        if not replicates(results / scale / name):
            wanted[name] = min(declared if seeds is None else seeds, max_seeds)
    waiting = list(by_name)
    look = 1
    while True:
        for name in waiting:
            if name in wanted:
                experiment = _with_replicates(at_scale(by_name[name][0].experiment, scale), wanted[name])
                run(experiment, results=results / scale / name)
            mark_looked(results / scale / name)
            lines = []
            for sim in by_name[name]:
                ds = open_results_of(sim, scale, results)
                lines += [] if ds is None else _weigh_all(sim, ds, ANYTIME)
            found[name] = lines
        entries = _entries([line for name in by_name for line in found[name]], alpha)
        undecided = [e for e in entries if e.verdict.verdict == "undecided"]
        more = [e for e in undecided if e.verdict.more_seeds_may_decide and e.verdict.n < max_seeds]
        say(f"look {look}: {len(entries) - len(undecided)} of {len(entries)} claims decided")
        if not more:
            if undecided:
                say(f"undecided with the seeds that --max-seeds {max_seeds} allows, or for want of something else: "
                    + ", ".join(e.claim.id for e in undecided))  # fmt: skip
            return entries
        waiting = list(dict.fromkeys(e.sim.experiment.name for e in more))
        for name in waiting:
            own = [e for e in more if e.sim.experiment.name == name]
            n = own[0].verdict.n
            wanted[name] = next_size(n, max_seeds)
            seconds = own[0].attrs["seconds"] / n * (wanted[name] - n)
            ids = ", ".join(e.claim.id for e in own)
            say(f"  {name}: {n} -> {wanted[name]} seeds, about {seconds:.0f} s, for {ids}")
        look += 1


def next_size(n: int, most: int) -> int:
    """Return how many seeds there are at the next look: a quarter more, ``most`` at most."""
    return min(most, n + -(-n // 4))


_Line = tuple[Sim, Claim, Weighed, Mapping[str, Any]]


def _weigh_all(sim: Sim, ds: xr.Dataset, inference: Inference | None = None) -> list[_Line]:
    return [(sim, claim, weigh(claim, ds, inference), ds.attrs) for claim in sim.claims]


def _entries(lines: Sequence[_Line], alpha: float) -> list[Entry]:
    verdicts = decide([weighed for _, _, weighed, _ in lines], alpha)
    return [Entry(claim, v, sim, attrs) for (sim, claim, _, attrs), v in zip(lines, verdicts, strict=True)]


def _with_replicates(experiment: Experiment, n: int | None) -> Experiment:
    field = "seeds" if experiment.data_seeds is None else "data_seeds"
    return experiment if n is None else with_values(experiment, {field: n})


def _refuse_twins(sims: Sequence[Sim]) -> None:
    ids = collections.Counter(claim.id for sim in sims for claim in sim.claims)
    for name, times in ids.items():
        if times > 1:
            raise ConfigError(f"claim id {name!r} is there {times} times: it must be unique in a report")
