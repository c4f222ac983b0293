"""docs/claims.md: the verdicts that a run at a named scale gave, written and read by one module."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from lrtheory.checking import Entry
from lrtheory.errors import ConfigError
from lrtheory.papers import PAPERS
from lrtheory.tables import interval, level, measured, seeds

COLUMNS = ("claim", "verdict", "statement", "claimed", "measured", "interval", "level", "seeds", "status", "stands on")


@dataclasses.dataclass(frozen=True)
class Record:
    """The verdicts of docs/claims.md: claim -> "holds", "refuted" or "undecided", and the scale they were given at."""

    scale: str
    verdicts: Mapping[str, str]

    def at(self, scale: str) -> Mapping[str, str]:
        """Return the recorded verdicts if they were given at ``scale``, else none: another run may say otherwise."""
        return self.verdicts if scale == self.scale else {}


def markdown(entries: Sequence[Entry], scale: str, alpha: float) -> str:
    """Return docs/claims.md."""
    notes = list(dict.fromkeys(e.claim.choices for e in entries if e.claim.choices))
    counts = {word: sum(e.verdict.verdict == word for e in entries) for word in ("holds", "refuted", "undecided")}
    lines = [
        "# Claims, and what the data say",
        "",
        f"Recorded at scale `{scale}`: " + ", ".join(f"{n} {word}" for word, n in counts.items()) + ".",
        "",
        f"Made by `make claims SCALE={scale}`, never by hand. The chance that a verdict on this page is wrong is at",
        f"most {100 * alpha:g} % (Holm's correction over all claims); each interval has the level at which its claim",
        "was decided. The status says what stands behind a claim: `paper`, read there; `recalled`, known second-hand;",
        "`derived`, worked out for lrtheory. Only `paper` may be held against the authors. A refuted claim is a",
        "result, not a failure.",
    ]
    for stem in dict.fromkeys([*PAPERS, *(e.claim.paper for e in entries)]):
        own = [e for e in entries if e.claim.paper == stem]
        if not own:
            continue
        paper = PAPERS.get(stem)
        lines += ["", f"## {stem}" + (f": {paper.question}" if paper else ""), ""]
        lines += ["| " + " | ".join((*COLUMNS, "notes")) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
        for e in own:
            v = e.verdict
            remarks = [f"({notes.index(e.claim.choices) + 1})"] if e.claim.choices else []
            remarks += [v.note] if v.note else []
            remarks += [f"regime: {e.claim.regime.text}"] if e.claim.regime else []
            cells = (
                e.claim.id, f"**{v.verdict}**", e.claim.statement, e.claim.relation.predicted, measured(e), interval(e),
                level(e), seeds(e), e.claim.status,
                e.claim.reference, "; ".join(remarks),
            )  # fmt: skip
            lines.append("| " + " | ".join(c.strip().replace("|", "\\|") for c in cells) + " |")
    return "\n".join([*lines, "", "Choices:", "", *(f"{i}. {note}" for i, note in enumerate(notes, 1))]) + "\n"


def find_record(path: Path | None = None) -> Record:
    """Return what docs/claims.md says, here or in the checkout; an empty record where there is none.

    Raises:
        ConfigError: ``path`` was named and cannot be read as such a file.
    """
    places = [path] if path else [Path("docs/claims.md"), Path(__file__).resolve().parents[1] / "docs" / "claims.md"]
    for place in places:
        if place.is_file():
            text = place.read_text("utf-8")
            scale = re.search(r"^Recorded at scale `(\w+)`", text, re.M)
            if scale is None:
                break
            rows = re.findall(r"^\| (\S+) \| \*\*(holds|refuted|undecided)\*\* \|", text, re.M)
            return Record(scale[1], dict(rows))
    if path is not None:
        raise ConfigError(f"--recorded {path} is not allowed: it must be made by `lrtheory check --format markdown`")
    return Record("", {})
