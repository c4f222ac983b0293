"""What happens right after annealing: Q is learnt within a few hundred units of time while P hardly moves."""

from __future__ import annotations

import numpy as np

from lrtheory import Axis, Claim, Experiment
from lrtheory.dynamics.li2019_modes import ModeFlow
from lrtheory.probes.li2019_infinite import QBranch, Signal, TrainByKind
from lrtheory.problems.li2019_infinite import InfiniteWidth
from lrtheory.relations import equal, greater, less
from lrtheory.schedules import large_then_small
from lrtheory.statistics import first_time

ANNEAL = 4000.0
REFERENCE = "Li, Wei, Ma 2019, arXiv 1907.04595"
CHOICES = "setting of li2019_separation (exploratory)"


def _annealed_to(theta):
    return large_then_small(1.0, theta, anneal_at=0.12, stop_at=-1.0, caps=(ANNEAL, 1000.0))


experiment = Experiment(
    name="li2019_annealing",
    problem=InfiniteWidth(),
    dynamics=ModeFlow(weight_decay=1e-4, h=8.0),
    schedule=_annealed_to(1e-5),
    probes=(TrainByKind(), QBranch(), Signal()),
    n_steps=626,
    n_records=626,
    axes={
        # theta = 1: never annealed, the negative control.
        "theta": Axis("schedule.rates.1", (1.0, 1e-1, 1e-2, 1e-3, 1e-5))
    },
    seeds=16,
    precision="f32",
    scales={
        "smoke": {"seeds": 4, "dynamics.h": 20.0, "n_steps": 252, "n_records": 252},
        "laptop": {},
        "paper": {"seeds": 256, "dynamics.h": 4.0, "n_steps": 1251, "n_records": 1251},
    },
)


def _before_after(ds, name, theta=1e-5):
    """Return a variable at the last record before annealing and at the end, for one annealed temperature."""
    cells = ds[name].sel(theta=theta, method="nearest")
    clock = ds.time.sel(theta=theta, method="nearest").isel(seed=0).values
    return cells.isel(record=int((clock <= ANNEAL * (1 + 1e-6)).sum()) - 1), cells.isel(record=-1)


def _jump(ds, theta):
    before, after = _before_after(ds, "d2", theta)
    return after / before


def _half_time(ds):
    """Return, a seed, how long after annealing D2 has made half of its way to its value 1000 units later."""
    cells = ds.sel(theta=1e-5, method="nearest")
    before, after = _before_after(ds, "d2")
    way = ((cells.d2 - before) / (after - before)).transpose("seed", "record")
    time = cells.time.transpose("seed", "record").values
    late = time > ANNEAL * (1 + 1e-6)
    return first_time(time - ANNEAL, np.where(late, 1 - way.values, 1.0), 0.5)


def _moved(ds):
    before, after = _before_after(ds, "w_eff")
    return np.sqrt(((after - before) ** 2).sum("coordinate") / (before**2).sum("coordinate"))


claims = [
    Claim(
        id="li2019-4a",
        statement="annealing lets Q be learnt: |D2| grows at least tenfold within 1000 units of time",
        reference=f"{REFERENCE}: Q only after annealing; numbers derived",
        status="derived",
        quantity=lambda ds: _jump(ds, 1e-5),
        relation=greater(10.0),
        choices=CHOICES,
    ),
    Claim(
        id="li2019-4b",
        statement="the jump of D2 is fast: half of it within d = 100 units of time, against 5 d to learn P",
        reference=f"{REFERENCE}: Q only after annealing; numbers derived",
        status="derived",
        quantity=_half_time,
        relation=less(100.0),
        unit="time",
        choices=CHOICES,
    ),
    Claim(
        id="li2019-4c",
        statement="negative control: without annealing D2 stays within 25 % of its value over the same 1000 units",
        reference="lrtheory",
        status="derived",
        quantity=lambda ds: _jump(ds, 1.0),
        relation=equal(1.0, 0.25),
        choices=CHOICES,
    ),
    Claim(
        id="li2019-6a",
        statement="after annealing the P branch keeps its direction: cos(w_eff, w*) changes by less than 0.01",
        reference=f"{REFERENCE}: g learns Q while r hardly moves; the band is lrtheory's",
        status="derived",
        quantity=lambda ds: abs(np.subtract(*_before_after(ds, "cos_w"))),
        relation=less(0.01),
        choices=CHOICES,
    ),
    Claim(
        id="li2019-6b",
        statement="after annealing the signal of the P branch moves by less than a quarter of its norm in 1000 units",
        reference=f"{REFERENCE}: g learns Q while r hardly moves; the band is lrtheory's",
        status="derived",
        quantity=_moved,
        relation=less(0.25),
        choices=CHOICES,
    ),
]
