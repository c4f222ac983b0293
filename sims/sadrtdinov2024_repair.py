"""Two-stage repair: does a passage through regime 2A mend what pre-training in regime 2B left?

Pre-training at one rate, then one of three ways to the small rate: at once; after a stage at a rate of regime 1; after
a stage at a rate of regime 2A.
"""

from __future__ import annotations

from _sadrtdinov2024 import LAW, LOW, NETWORK, OURS, PAPER, ROOT_SEED, at

from lrtheory import Axis, Claim, Experiment, SubPaths
from lrtheory.claims import Regime
from lrtheory.probes.sadrtdinov2024 import Curves
from lrtheory.probes.sadrtdinov2024_regimes import tuned
from lrtheory.relations import equal, greater, less
from lrtheory.schedules import Constant, Piecewise
from lrtheory.sub_paths import Branches

#: Rates of regime 1 and 2A for the passage, and its length and that of the whole sub-path, in steps of the clock.
FIRST, SECOND = 3.16e-3, 1e-2
STAGE, AFTER = 200, 300

experiment = Experiment(
    name="sadrtdinov2024_repair",
    problem=NETWORK,
    dynamics=LAW,
    schedule=Constant(rate=LOW),
    probes=(Curves(),),
    n_steps=100,
    n_records=5,
    sub_paths=SubPaths(
        decay_steps=(100,),
        schedule=Branches(
            schedules=tuple(Piecewise(rates=(stage, LOW), boundaries=(float(STAGE),)) for stage in (LOW, FIRST, SECOND)),
            labels=("low", "1, low", "2A, low"),
        ),
        n_steps=AFTER,
        n_records=30,
    ),
    axes={"rate": Axis("schedule.rate", (LOW, SECOND, 2.37e-2, 4.22e-2, 0.1), unit="time per iteration")},
    seeds=1,
    data_seeds=48,
    root_seed=ROOT_SEED,
    precision="f32",
    scales={
        "smoke": {
            "data_seeds": 3, "n_steps": 5, "axes.rate": (LOW, SECOND, 2.37e-2),
            "sub_paths.decay_steps": (5,), "sub_paths.n_steps": 15, "sub_paths.n_records": 15,
            **{f"sub_paths.schedule.schedules.{i}.boundaries": (10.0,) for i in range(3)},
        },
        "laptop": {},
        "paper": {"seeds": 10},
    },
)  # fmt: skip

LONG = Regime("10,000 + 20,000 + 10,000 iterations", lambda ds: int(ds.step.max()) >= 100)
EARLY, RANDOM = 2.37e-2, 0.1


def _gain(ds, rate, branch, other="low"):
    """Return what one way to the low rate gains over another, in points."""
    return at(tuned(ds, branch) - tuned(ds, other), rate)


claims = [
    Claim(
        id="sadrtdinov2024-repair",
        statement="after pre-training in 2B (2.37e-2), a passage through 2A before fine-tuning gains accuracy (points)",
        reference=f"{PAPER}: passing through 2A repairs a start in 2B",
        status="paper",
        quantity=lambda ds: _gain(ds, EARLY, "2A, low"),
        relation=greater(0.0),
        regime=LONG,
    ),
    Claim(
        id="sadrtdinov2024-repair-full",
        statement="and then the start is forgotten: what 2A, low leads to from 2.37e-2 and from 1e-2 differs by at most 3 points",
        reference=f"{PAPER}: passing through 2A repairs a start in 2B; the margin is lrtheory's",
        status="paper",
        quantity=lambda ds: at(tuned(ds, "2A, low"), EARLY) - at(tuned(ds, "2A, low"), 1e-2),
        relation=equal(0.0, 3.0),
        regime=LONG,
    ),
    Claim(
        id="sadrtdinov2024-repair-random",
        statement="it gains accuracy after a start in regime 3 (.1) too (points)",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _gain(ds, RANDOM, "2A, low"),
        relation=greater(0.0),
        regime=LONG,
    ),
    Claim(
        id="sadrtdinov2024-repair-first",
        statement="a passage of the same length through regime 1 (3.16e-3) gains less than one through 2A, after 2.37e-2 (points)",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _gain(ds, EARLY, "1, low", "2A, low"),
        relation=less(0.0),
        regime=LONG,
    ),
    Claim(
        id="sadrtdinov2024-repair-control",
        statement="control: after pre-training in 2A itself a further stage in 2A changes accuracy by at most 3 points",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _gain(ds, 1e-2, "2A, low"),
        relation=equal(0.0, 3.0),
        regime=LONG,
    ),
]
