"""In which order are P and Q learnt, and how long does the advantage of L-S last? Infinite width, never stopped.

The headline setting of ``li2019_separation`` without the stop at a training loss: three weight-decay times 1/lambda, so
that L-S and S can be compared at equal cumulative rate, long after annealing at t = 4000.
"""

from __future__ import annotations

from lrtheory import Claim, Experiment
from lrtheory.dynamics.li2019_modes import ModeFlow
from lrtheory.probes.li2019_infinite import QBranch, Signal, TestP, TrainByKind
from lrtheory.problems.li2019_infinite import InfiniteWidth
from lrtheory.relations import greater, less, ratio
from lrtheory.schedules import algorithms
from lrtheory.statistics import first_time

ANNEAL = 4000.0
END = 30_000.0
REFERENCE = "Li, Wei, Ma 2019, arXiv 1907.04595"
CHOICES = "setting of li2019_separation (exploratory); times and levels chosen for lrtheory"

ALGORITHMS = algorithms(1e-5, anneal=ANNEAL, end=END)

experiment = Experiment(
    name="li2019_order",
    problem=InfiniteWidth(),
    dynamics=ModeFlow(weight_decay=1e-4, h=8.0),
    schedule=ALGORITHMS.values[1],
    probes=(TrainByKind(), TestP(n_test=4000), QBranch(), Signal()),
    n_steps=3751,
    n_records=375,
    axes={"algorithm": ALGORITHMS},
    seeds=16,
    precision="f32",
    scales={
        "smoke": {"seeds": 3, "dynamics.h": 20.0, "n_steps": 1501},
        "laptop": {},
        "paper": {"seeds": 256, "dynamics.h": 4.0, "n_steps": 7501},
    },
)


def at(ds, algorithm, time):
    """Return the last record of an algorithm at or before a time, which all its cells share."""
    cells = ds.sel(algorithm=algorithm)
    clock = cells.time.isel(seed=0).values
    return cells.isel(record=int((clock <= time * (1 + 1e-6)).sum()) - 1)


def _p_after_q(ds, algorithm):
    """Return, a seed, by how much time P-only inputs reach a training loss of 0.36 later than Q-only inputs do."""
    cells = ds.sel(algorithm=algorithm).transpose("seed", "record", ...)
    p, q = (first_time(cells.time.values, cells[f"train_loss_{kind}"].values, 0.36) for kind in ("p_only", "q_only"))
    return p - q


def _errors(ds, time):
    return at(ds, "S", time).p_test_error, at(ds, "L-S", time).p_test_error


claims = [
    Claim(
        id="li2019-2a",
        statement="at the large rate Q stays unlearnt: Q-only training loss above 3/4 log 2 when annealing begins",
        reference=f"{REFERENCE}: order of learning; the level is lrtheory's",
        status="recalled",
        quantity=lambda ds: at(ds, "L-S", ANNEAL).train_loss_q_only,
        relation=greater(0.52),
        unit="nat",
        choices=CHOICES,
    ),
    Claim(
        id="li2019-2b",
        statement="at the large rate P is learnt: P-only training loss below 1/2 log 2 when annealing begins",
        reference=f"{REFERENCE}: order of learning; the level is lrtheory's",
        status="recalled",
        quantity=lambda ds: at(ds, "L-S", ANNEAL).train_loss_p_only,
        relation=less(0.3466),
        unit="nat",
        choices=CHOICES,
    ),
    Claim(
        id="li2019-2c",
        statement="at the small rate Q is learnt first: its training loss reaches 0.36 before that of P-only inputs does",
        reference=f"{REFERENCE}: order of learning; the level is lrtheory's",
        status="recalled",
        quantity=lambda ds: _p_after_q(ds, "S"),
        relation=greater(0.0),
        headline=True,
        unit="time",
        choices=CHOICES,
    ),
    Claim(
        id="li2019-2d",
        statement="with a large rate, then annealing, P is learnt first",
        reference=f"{REFERENCE}: order of learning; the level is lrtheory's",
        status="recalled",
        quantity=lambda ds: _p_after_q(ds, "L-S"),
        relation=less(0.0),
        headline=True,
        unit="time",
        choices=CHOICES,
    ),
    Claim(
        id="li2019-long-1",
        statement="the factor 3 in P error, S over L-S at equal cumulative rate, lasts to t = 1/lambda",
        reference="lrtheory: how long the separation lasts",
        status="derived",
        quantity=lambda ds: _errors(ds, 1.0e4),
        relation=ratio(low=3.0),
        choices=CHOICES,
    ),
    Claim(
        id="li2019-long-3",
        statement="the factor 3 in P error lasts to t = 3/lambda",
        reference="lrtheory: how long the separation lasts",
        status="derived",
        quantity=lambda ds: _errors(ds, 3.0e4),
        relation=ratio(low=3.0),
        choices=CHOICES,
    ),
    Claim(
        id="li2019-long-0",
        statement="some advantage is left at t = 3/lambda: P error of S exceeds that of L-S",
        reference="lrtheory: how long the separation lasts",
        status="derived",
        quantity=lambda ds: _errors(ds, END),
        relation=ratio(low=1.0),
        choices=CHOICES,
    ),
]
