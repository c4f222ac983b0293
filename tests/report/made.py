"""A small report: judged claims on two papers and of a user's own, a figure, and recorded verdicts."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import xarray as xr

from lrtheory import report
from lrtheory.checking import Entry
from lrtheory.claims import Claim, Regime, judge
from lrtheory.relations import between, equal, greater, increasing, less
from lrtheory.sims import Sim
from tests.toys import toy

SPREAD = np.linspace(-0.1, 0.1, 16)
RESULTS = xr.Dataset(
    {
        "x": ("seed", 0.5 + SPREAD),
        "wide": ("seed", 100 * SPREAD),
        "gone": ("seed", np.where(np.arange(16) == 3, np.nan, 0.5)),
        "curve": (("seed", "rate"), 0.5 + SPREAD[:, None] + [0.0, 1.0, 3.0] + 0.1 * SPREAD[::-1, None] * [1, 2, 3]),
    },
    coords={"rate": [0.1, 0.2, 0.4]},
)
ATTRS = {
    "name": "made", "experiment": {"name": "made", "problem": {"class": "Toy", "d": 100}, "rates": [0.1, 0.2]},
    "lrtheory_version": "0.1.0", "jax_version": "0.10.1", "device": "2 x cpu", "seconds": 83.2, "cells": 48,
    "seeds": 16, "seeds_added": 0, "diverged_share": 0.0,
}  # fmt: skip
LONG = "a statement that is as long as statements are, " + "with_one_word_that_no_line_can_hold" * 4
CLAIMS = {
    "first": [
        Claim(id="li2019-1", statement=f"x is above 0, {LONG}", quantity=lambda ds: ds.x, relation=greater(0.0),
              unit="nat", choices="the toy was chosen", headline=True, status="recalled", reference="a paper, Eq. 3"),
        Claim(id="li2019-2", statement="x is below 0.2", quantity=lambda ds: ds.x, relation=less(0.2),
              status="paper", reference="abstract"),
        Claim(id="li2019-3", statement="the curve rises", quantity=lambda ds: ds.curve, relation=increasing("rate"),
              status="derived"),
        Claim(id="li2019-4", statement="gone is above 0", quantity=lambda ds: ds.gone, relation=greater(0.0),
              status="derived"),
        Claim(id="mine-1", statement='a <b>bold</b> claim & its "quotes"', quantity=lambda ds: ds.x,
              relation=equal(0.0, 0.1)),
    ],
    "second": [
        Claim(id="quadratic-1", statement="wide is about 0", quantity=lambda ds: ds.wide, relation=between(-99, 1e3),
              status="derived", headline=True),
        Claim(id="quadratic-2", statement="later", quantity=lambda ds: ds.x, relation=greater(0.0),
              regime=Regime("t >= 3/lambda", lambda ds: False), status="derived"),
    ],
}  # fmt: skip
SIMS = {"first": Path(__file__), "second": Path(__file__).parents[1] / "toys.py"}
ALT = "A grey <square> & nothing else: look at it."
RECORDED = {"li2019-1": "refuted", "li2019-2": "refuted"}


def entries(**attrs) -> list[Entry]:
    """Return the claims, judged in one report."""
    sims = [Sim(SIMS[name], toy(name=name), tuple(claims)) for name, claims in CLAIMS.items()]
    pairs = [(claim, sim) for sim in sims for claim in sim.claims]
    verdicts = judge([(claim, RESULTS) for claim, _ in pairs])
    return [Entry(c, v, sim, ATTRS | attrs) for (c, sim), v in zip(pairs, verdicts, strict=True)]


def verdicts() -> dict[str, str]:
    """Return claim -> verdict."""
    return {e.claim.id: e.verdict.verdict for e in entries()}


def replays() -> list[SimpleNamespace]:
    """Return what lrtheory.replay returns."""
    seeds = {"sequential_mean": 5.2, "sequential_low": 4.0, "sequential_high": 9.0, "fixed": 4, "planned": 16}
    return [SimpleNamespace(claim_id=id, replications=1000, **seeds) for id in ("li2019-1", "quadratic-1")]


def picture(path: Path, size: tuple[int, int] = (140, 60), **text: str) -> Path:
    """Draw a PNG that carries text, as figures do."""
    from PIL import Image, PngImagePlugin

    info = PngImagePlugin.PngInfo()
    for key, value in text.items():
        info.add_text(key, value)
    Image.new("RGB", size, "grey").save(path, pnginfo=info)
    return path


def page(folder: Path, **changes) -> Path:
    """Write the report, with one figure, under a folder."""
    figures = folder / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    picture(figures / "square.png", Title="A square", Description=ALT, Source="first,second")
    picture(figures / "stray.png")
    given = {"scale": "smoke", "alpha": 0.05, "recorded": RECORDED, "replays": replays()} | changes
    return report.write(given.pop("entries", entries()), figures=figures, out=folder / "report", **given)
