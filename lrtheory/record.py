"""docs/claims.md: the verdicts that a run at a named scale gave, written and read by one module."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from lrtheory.checking import Entry
from lrtheory.errors import ConfigError
from lrtheory.papers import PAPERS
from lrtheory.tables import LINE_COLUMNS, interval, level, line_rows, measured, seeds
from lrtheory.thresholds import Threshold

COLUMNS = ("claim", "verdict", "statement", "claimed", "measured", "interval", "level", "seeds", "status", "stands on")


LINES_SAY = (
    "Rates of the grid on which criteria of lrtheory's change, with 95 % bootstrap intervals over data seeds, and the "
    "rates that the paper sets by hand. What other scales gave stands in `claims-SCALE.md` beside this file."
)


@dataclasses.dataclass(frozen=True)
class Record:
    """The verdicts of docs/claims.md: claim -> "holds", "refuted" or "undecided", and the scale they were given at."""

    scale: str
    verdicts: Mapping[str, str]

    def at(self, scale: str) -> Mapping[str, str]:
        """Return the recorded verdicts if they were given at ``scale``, else none: another run may say otherwise."""
        return self.verdicts if scale == self.scale else {}


def markdown(
    entries: Sequence[Entry], scale: str, alpha: float, lines_of: Mapping[str, Sequence[Threshold]] | None = None
) -> str:
    """Return docs/claims.md (of another scale: docs/claims-SCALE.md).

    Args:
        entries: the verdicts.
        scale: at which they were given.
        alpha: the chance that one of them is wrong, at most.
        lines_of: name of a sim -> the lines between its regimes, if any.
    """
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
    for name, found in (lines_of or {}).items():
        lines += ["", f"## Lines between the regimes of `{name}`", "", LINES_SAY, ""]
        lines += ["| " + " | ".join(LINE_COLUMNS) + " |", "|---" * len(LINE_COLUMNS) + "|"]
        lines += ["| " + " | ".join(c.replace("|", "\\|") for c in row) + " |" for row in line_rows(found)]
    return "\n".join([*lines, "", "Choices:", "", *(f"{i}. {note}" for i, note in enumerate(notes, 1))]) + "\n"


def find_record(path: Path | None = None, scale: str = "laptop") -> Record:
    """Return the record of a scale, here or in the checkout; an empty one where there is none.

    It is docs/claims-SCALE.md where there is such a file, else docs/claims.md.

    Raises:
        ConfigError: ``path`` was named and cannot be read as such a file.
    """
    folders = (Path("docs"), Path(__file__).resolve().parents[1] / "docs")
    names = (f"claims-{scale}.md", "claims.md")
    places = [path] if path else [folder / name for folder in folders for name in names]
    for place in places:
        if place.is_file():
            text = place.read_text("utf-8")
            said = re.search(r"^Recorded at scale `(\w+)`", text, re.M)
            if said is None:
                break
            rows = re.findall(r"^\| (\S+) \| \*\*(holds|refuted|undecided)\*\* \|", text, re.M)
            return Record(said[1], dict(rows))
    if path is not None:
        raise ConfigError(f"--recorded {path} is not allowed: it must be made by `lrtheory check --format markdown`")
    return Record("", {})
