"""Verdicts as text: a table for the terminal, JSON for programs, JUnit for continuous integration."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from lrtheory.checking import Entry
from lrtheory.thresholds import Threshold


def table(entries: Sequence[Entry], recorded: Mapping[str, str]) -> str:
    """Return the verdicts as an aligned table; a verdict that is not the recorded one says so."""
    rows = [("claim", "verdict", "measured", "", "interval", "level", "claimed", "seeds", "status", "statement")]
    for e in entries:
        v, before = e.verdict, recorded.get(e.claim.id)
        was = f" (was {before})" if before not in (None, v.verdict) else ""
        rows.append((
            e.claim.id, v.verdict + was, measured(e), strip(e), interval(e), level(e), e.claim.relation.predicted,
            seeds(e), e.claim.status, e.claim.statement + (f" [{v.note}]" if v.note else ""),
        ))  # fmt: skip
    return _aligned(rows)


LINE_COLUMNS = ("line", "rate", "between", "interval", "published")


def line_rows(found: Sequence[Threshold]) -> list[tuple[str, ...]]:
    """Return lines between regimes as text, in ``LINE_COLUMNS``."""
    return [
        (
            t.line.name, f"{t.rate:.3g}", f"{t.low:.3g} and {t.high:.3g}",
            f"[{t.interval[0]:.3g}, {t.interval[1]:.3g}]",
            "-" if t.line.published is None else f"{t.line.published:.3g}",
        )
        for t in found
    ]  # fmt: skip


def line_table(found: Sequence[Threshold]) -> str:
    """Return lines between regimes as an aligned table."""
    return _aligned([LINE_COLUMNS, *line_rows(found)])


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]) - 1)]
    lines = ["  ".join([*(c.ljust(w) for c, w in zip(r, widths, strict=False)), r[-1]]) for r in rows]
    return "\n".join([lines[0], "-" * min(len(lines[0]), 120), *lines[1:]])


def measured(entry: Entry) -> str:
    """Return the deciding number with its unit and, on an axis, where it was read."""
    v = entry.verdict
    return " ".join(part for part in (f"{v.estimate:.4g}", entry.claim.unit, v.where and f"({v.where})") if part)


def interval(entry: Entry) -> str:
    """Return the interval at the level at which the claim was decided."""
    return f"[{entry.verdict.low:.4g}, {entry.verdict.high:.4g}]"


def level(entry: Entry) -> str:
    """Return the confidence level of the interval, and how it was made where seeds may have been added."""
    return f"{100 * entry.verdict.level:.4g} %" + (" any-time" if entry.verdict.method == "any-time" else "")


def seeds(entry: Entry) -> str:
    """Return on how many independent replicates a verdict stands, and how many of them have no value."""
    v = entry.verdict
    text = f"{v.n}" if v.n == v.n_seeds else f"{v.n} data seeds, {v.n_seeds} runs"
    return text + (f" ({v.n_missing} without a value)" if v.n_missing else "")


def strip(entry: Entry, width: int = 21) -> str:
    """Return a picture of the interval (─●─) over the range that is claimed (░); empty where there is no such range."""
    bounds, v = entry.claim.relation.bounds, entry.verdict
    if bounds is None or not math.isfinite(v.low + v.high):
        return ""
    finite = [b for b in bounds if math.isfinite(b)]
    left, right = min([*finite, v.low]), max([*finite, v.high])
    pad = 0.15 * (right - left) or 1.0
    left, right = left - pad, right + pad

    def column(value: float) -> int:
        return min(max(math.floor((value - left) / (right - left) * width), 0), width - 1)

    inside = range(column(max(bounds[0], left)), column(min(bounds[1], right)) + 1)
    cells = ["░" if i in inside else "·" for i in range(width)]
    for i in range(column(v.low), column(v.high) + 1):
        cells[i] = "─"
    cells[column(v.estimate)] = "●"
    return "".join(cells)


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def as_records(entries: Sequence[Entry], recorded: Mapping[str, str], scale: str) -> list[dict[str, Any]]:
    """Return the verdicts as plain data; a number that is infinite or missing is None."""
    return [
        {
            "id": e.claim.id,
            "paper": e.claim.paper,
            "statement": e.claim.statement,
            "reference": e.claim.reference,
            "status": e.claim.status,
            "verdict": e.verdict.verdict,
            "recorded": recorded.get(e.claim.id),
            "claimed": e.claim.relation.predicted,
            "estimate": _number(e.verdict.estimate),
            "interval": [_number(e.verdict.low), _number(e.verdict.high)],
            "level": e.verdict.level,
            "unit": e.claim.unit,
            "where": e.verdict.where,
            "method": e.verdict.method,
            "n_seeds": e.verdict.n_seeds,
            "n_replicates": e.verdict.n,
            "n_missing": e.verdict.n_missing,
            "note": e.verdict.note,
            "sim": e.sim.experiment.name,
            "scale": scale,
        }
        for e in entries
    ]


def as_json(entries: Sequence[Entry], recorded: Mapping[str, str], scale: str) -> str:
    """Return :func:`as_records` as JSON text."""
    return json.dumps(as_records(entries, recorded, scale), indent=1, ensure_ascii=False, allow_nan=False)


def as_junit(entries: Sequence[Entry], recorded: Mapping[str, str], scale: str) -> str:
    """Return a JUnit file: one suite a sim, one case a claim, which fails when its verdict is not the recorded one."""
    from xml.etree import ElementTree

    changed = [e for e in entries if recorded.get(e.claim.id, e.verdict.verdict) != e.verdict.verdict]
    root = ElementTree.Element(
        "testsuites", name=f"lrtheory claims, scale {scale}", tests=str(len(entries)), failures=str(len(changed))
    )
    suites: dict[str, Any] = {}
    for e in entries:
        name = e.sim.experiment.name
        if name not in suites:
            own = [x for x in entries if x.sim.experiment.name == name]
            suites[name] = ElementTree.SubElement(
                root, "testsuite", name=name, tests=str(len(own)),
                failures=str(sum(x in changed for x in own)),
            )  # fmt: skip
        case = ElementTree.SubElement(suites[name], "testcase", classname=f"{scale}.{name}", name=e.claim.id)
        said = f"{e.verdict.verdict}: {e.claim.statement}; claimed {e.claim.relation.predicted}, "
        said += f"measured {measured(e)} {interval(e)}, seeds: {seeds(e)}"
        if e in changed:
            message = f"recorded {recorded[e.claim.id]}, now {e.verdict.verdict}"
            ElementTree.SubElement(case, "failure", message=message).text = said
        ElementTree.SubElement(case, "system-out").text = said
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True)
