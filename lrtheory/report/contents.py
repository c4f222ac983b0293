"""What stands on the page, and in which order; ``page.html.j2`` says how it looks."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from lrtheory.checking import Entry
from lrtheory.papers import PAPERS, Paper
from lrtheory.report import words
from lrtheory.report.drawings import Strip, strip
from lrtheory.report.pictures import Picture
from lrtheory.report.sources import Source, Sources

VERDICTS = ("holds", "refuted", "undecided")

#: Where claims stand whose stem is no paper's.
YOURS = Paper("yours", (), None, "Your claims", "", "what do your own experiments say?")

_FACTS = (
    ("lrtheory_version", "lrtheory", str),
    ("jax_version", "JAX", str),
    ("device", "device", str),
    ("seconds", "wall time", words.duration),
    ("cells", "cells", lambda n: f"{n:,}"),
    ("data_seeds", "data seeds", str),
    ("seeds", "seeds", str),
    ("seeds_added", "seeds added after looking", str),
    ("diverged_share", "diverged", lambda share: f"{100 * share:.3g} % of the cells"),
)


class Link(NamedTuple):
    """A place on the page and what it is called."""

    href: str
    text: str


@dataclasses.dataclass(frozen=True)
class Card:
    """A claim as it is shown."""

    entry: Entry
    anchor: str
    strip: Strip | None
    measured: str
    interval: str
    level: str
    p: str
    seeds: str
    was: str
    line: Link | None
    experiment: Link
    figures: tuple[Link, ...]


@dataclasses.dataclass(frozen=True)
class Figure:
    """A picture with its number, and the claims whose results it shows."""

    number: int
    picture: Picture
    claims: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Group:
    """Claims on one experiment, and the figures beside them."""

    sim: str
    cards: list[Card]
    figures: list[Figure]


@dataclasses.dataclass(frozen=True)
class Block:
    """An experiment: what made the results, and the text of its sim file."""

    sim: str
    anchor: str
    about: str
    facts: list[tuple[str, str]]
    configuration: Mapping[str, str]
    sources: list[Source]
    claims: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Section:
    """A paper."""

    paper: Paper
    counts: Mapping[str, int]
    headlines: list[Group]
    others: list[Group]
    experiments: list[Block]

    @property
    def total(self) -> int:
        """Return the number of claims."""
        return sum(self.counts.values())


def sectioned(entries: Sequence[Entry], found: Sequence[Picture], recorded: Mapping[str, str]) -> list[Section]:
    """Return the papers that have claims, in the order of ``PAPERS``; a user's own claims come last."""
    by_paper = {stem: [e for e in entries if e.claim.paper == stem] for stem in PAPERS}
    by_paper[YOURS.stem] = [e for e in entries if e.claim.paper not in PAPERS]
    by_paper = {stem: own for stem, own in by_paper.items() if own}
    # Places of the page in their order: a paper's headline claims, then its others, by experiment.
    places: dict[_Place, list[Entry]] = {}
    for stem, own in by_paper.items():
        for e in sorted(own, key=lambda e: not e.claim.headline):
            places.setdefault((stem, e.claim.headline, _name(e)), []).append(e)
    figures = _numbered(places, entries, found)

    sources = Sources()
    owned = {source.anchor for e in entries if (source := sources.get(e.sim.path)) is not None}
    every = [figure for here in figures.values() for figure in here]
    cards = {id(e): _card(e, recorded, sources, every) for e in entries}
    sections: list[Section] = []
    described: set[str] = set()  # an experiment with claims on two papers is shown once,
    listed: set[str] = set()  # and so is a file with two experiments, or with claims on two
    for stem, own in by_paper.items():
        heads, others = (
            [
                Group(place[2], [cards[id(e)] for e in part], figures.get(place, []))
                for place, part in places.items()
                if place[:2] == (stem, head)
            ]
            for head in (True, False)
        )
        names = [sim for sim in dict.fromkeys(map(_name, own)) if sim not in described]
        described.update(names)
        blocks = [_block([e for e in entries if _name(e) == sim], sources, owned, listed) for sim in names]
        sections.append(Section(PAPERS.get(stem, YOURS), counted(own), heads, others, blocks))
    return sections


#: Stem, whether its claims are headlines, experiment.
_Place = tuple[str, bool, str]


def _numbered(
    places: Iterable[_Place], entries: Sequence[Entry], found: Sequence[Picture]
) -> dict[_Place, list[Figure]]:
    """Return the figures of each place: beside the first claims on the first of a figure's sims that has any."""
    with_claims = {_name(e) for e in entries}
    home = {p.name: next((s for s in p.sims if s in with_claims), None) for p in found}
    out: dict[_Place, list[Figure]] = {}
    done: set[str] = set()
    for place in places:
        for picture in found:
            if home[picture.name] == place[2] and picture.name not in done:
                done.add(picture.name)
                about = tuple(_anchor(e) for e in entries if _name(e) in picture.sims)
                out.setdefault(place, []).append(Figure(len(done), picture, about))
    return out


def _name(entry: Entry) -> str:
    return entry.sim.experiment.name


def counted(entries: Iterable[Entry]) -> dict[str, int]:
    """Return verdict -> number of claims."""
    said = [e.verdict.verdict for e in entries]
    return {word: said.count(word) for word in VERDICTS}


def slug(text: str) -> str:
    """Return what an anchor is made of."""
    return re.sub(r"[^\w.-]+", "-", text)


def _anchor(entry: Entry) -> str:
    return f"claim-{slug(entry.claim.id)}"


def _card(entry: Entry, recorded: Mapping[str, str], sources: Sources, figures: Iterable[Figure]) -> Card:
    claim, v = entry.claim, entry.verdict
    before = recorded.get(claim.id, v.verdict)
    file, number = claim.source
    source = sources.get(file)
    line = None
    if source is not None and 0 < number <= len(source.lines):
        line = Link(f"#{source.anchor}-{number}", f"{source.name}, line {number}")
    p = {"holds": v.p_holds, "refuted": v.p_refuted}.get(v.verdict, min(v.p_holds, v.p_refuted))
    seeds = f"{v.n}" if v.n == v.n_seeds else f"{v.n} data seeds, {v.n_seeds} runs"
    return Card(
        entry=entry,
        anchor=_anchor(entry),
        strip=strip(entry),
        measured=" ".join(t for t in (words.number(v.estimate), claim.unit, v.where and f"({v.where})") if t),
        interval=words.interval(v.low, v.high),
        level=words.percent(v.level),
        p="" if v.note or v.n_missing else f"= {words.number(p, 2)}" if p > 0 else "< 10⁻³⁰⁰",
        seeds=seeds + (f" ({v.n_missing} without a value)" if v.n_missing else ""),
        was=before if before != v.verdict else "",
        line=line,
        experiment=Link(f"#experiment-{slug(_name(entry))}", _name(entry)),
        figures=tuple(Link(f"#figure-{f.number}", f"Figure {f.number}") for f in figures if _anchor(entry) in f.claims),
    )


def _block(entries: Sequence[Entry], sources: Sources, owned: set[str], shown: set[str]) -> Block:
    """Describe the experiment of these claims, with its files that are not ``shown`` yet.

    Args:
        entries: all claims on the experiment.
        sources: where files come from.
        owned: anchors of the files that are a sim's own.
        shown: anchors of the files that stand on the page; those of this experiment are added.
    """
    first = entries[0]
    own = sources.get(first.sim.path)
    others = [sources.get(e.claim.source[0]) for e in entries]
    # Claims may be declared in a file of their own, or in that of another sim, which stands there.
    files = [f for f in (own, *others) if f is not None and (f is own or f.anchor not in owned)]
    files = list({f.anchor: f for f in files if f.anchor not in shown}.values())
    shown.update(f.anchor for f in files)
    return Block(
        sim=_name(first),
        anchor=f"experiment-{slug(_name(first))}",
        about=own.about if own is not None else "",
        facts=[(text, shown(first.attrs[key])) for key, text, shown in _FACTS if key in first.attrs],
        configuration=words.flat(first.attrs.get("experiment", {})),
        sources=files,
        claims=tuple(_anchor(e) for e in entries),
    )
