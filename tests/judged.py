"""Judged claims without a simulation, for tests of what is made of verdicts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from lrtheory.checking import Entry
from lrtheory.claims import Claim, judge
from lrtheory.relations import greater, increasing, less
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


def claims() -> list[Claim]:
    """Return a claim that holds, one that is refuted, one undecided, one with a missing seed, one along an axis."""
    return [
        Claim(id="toy-1", statement="x is above 0 | for all <rates>", quantity=lambda ds: ds.x, relation=greater(0.0),
              unit="nat", choices="the toy was chosen", headline=True),
        Claim(id="toy-2", statement="x is below 0.2", quantity=lambda ds: ds.x, relation=less(0.2)),
        Claim(id="toy-3", statement="wide is above 0", quantity=lambda ds: ds.wide, relation=greater(0.0)),
        Claim(id="toy-4", statement="gone is above 0", quantity=lambda ds: ds.gone, relation=greater(0.0)),
        Claim(id="li2019-x", statement="the curve rises", quantity=lambda ds: ds.curve, relation=increasing("rate"),
              reference="lrtheory", status="derived", choices="the toy was chosen"),
    ]  # fmt: skip


def entries() -> list[Entry]:
    """Return the claims, judged in one report."""
    sim = Sim(Path(__file__), toy(name="toy"), tuple(claims()))
    attrs = {"name": "toy", "seconds": 1.0, "cells": 48, "seeds": 16, "seeds_added": 0, "diverged_share": 0.0}
    verdicts = judge([(c, RESULTS) for c in sim.claims])
    return [Entry(c, v, sim, attrs) for c, v in zip(sim.claims, verdicts, strict=True)]
