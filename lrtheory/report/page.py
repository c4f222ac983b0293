"""The page as one file without a network: styles, script and figures are inside it.

What it shows comes from the claims, the manifests, the sim files as text, and the text in the figures' PNG files;
neither sims nor figures are imported.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lrtheory.checking import Entry
from lrtheory.claims import STATUSES
from lrtheory.replay import POWER
from lrtheory.report import words
from lrtheory.report.contents import VERDICTS, counted, sectioned, slug
from lrtheory.report.drawings import dots
from lrtheory.report.pictures import pictures


def write(
    entries: Sequence[Entry],
    *,
    scale: str,
    figures: Path,
    out: Path,
    alpha: float,
    recorded: Mapping[str, str],
    replays: Sequence[Any] = (),
) -> Path:
    """Write ``index.html`` at once: a reader sees the old page or the new one. The same results give the same bytes.

    Args:
        entries: claims with their verdicts, sims and manifests.
        scale: the scale that was run.
        figures: folder of the PNG files; those that do not say which sims they read are left out.
        out: folder to write in; it is made.
        alpha: the chance that any verdict of the report is wrong, at most.
        recorded: claim -> the verdict that was recorded at this scale, where there is one.
        replays: seeds used until claims were decided (:class:`lrtheory.replay.Replay`).

    Returns:
        The file that was written.

    Raises:
        StoreError: a figure that cannot be read.
    """
    text = render(entries, scale=scale, figures=figures, alpha=alpha, recorded=recorded, replays=replays)
    out.mkdir(parents=True, exist_ok=True)
    page = out / "index.html"
    partial = page.with_name(f".{page.name}.partial")
    try:
        partial.write_text(text, "utf-8")
        os.replace(partial, page)
    finally:
        partial.unlink(missing_ok=True)
    return page


def render(
    entries: Sequence[Entry],
    *,
    scale: str,
    figures: Path,
    alpha: float,
    recorded: Mapping[str, str],
    replays: Sequence[Any] = (),
) -> str:
    """Return the page as text; the arguments are those of :func:`write`."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": words.number, "slug": slug}
    sections = sectioned(entries, pictures(figures), recorded)
    changed = [c for s in sections for g in [*s.headlines, *s.others] for c in g.cards if c.was]
    text = environment.get_template("page.html.j2").render(
        sections=sections,
        verdicts=VERDICTS,
        counts=counted(entries),
        changed=changed,
        total=len(entries),
        scale=scale,
        alpha=words.percent(alpha),
        recorded=recorded,
        dots=dots(replays),
        power=words.percent(POWER),
        statuses=sorted({e.claim.status for e in entries}, key=STATUSES.index),
        methods={e.verdict.method for e in entries},
    )
    return text.strip() + "\n"  # the macros leave empty lines
