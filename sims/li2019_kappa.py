"""More samples per dimension: P error of L-S and S against kappa = sqrt(d/N), with p0 = kappa^2/2, at equal time."""

from __future__ import annotations

from lrtheory import Axis, Claim, Experiment
from lrtheory.claims import Regime
from lrtheory.dynamics.li2019_modes import ModeFlow
from lrtheory.probes.li2019_infinite import QBranch, Signal, TestP, TrainByKind
from lrtheory.problems.li2019_infinite import InfiniteWidth
from lrtheory.relations import greater, increasing
from lrtheory.schedules import algorithms

CHOICES = "setting of li2019_separation (exploratory), compared at t = 6000"

ALGORITHMS = algorithms(1e-5, anneal=4000.0, end=6000.0)

experiment = Experiment(
    name="li2019_kappa",
    problem=InfiniteWidth(),
    dynamics=ModeFlow(weight_decay=1e-4, h=8.0),
    schedule=ALGORITHMS.values[1],
    probes=(TrainByKind(), TestP(n_test=4000), QBranch(), Signal()),
    n_steps=751,
    n_records=15,
    axes={
        "algorithm": ALGORITHMS,
        "kappa": Axis("problem.kappa", (0.5, 0.35, 0.25)),
    },
    seeds=16,
    precision="f32",
    scales={
        "smoke": {"seeds": 3, "dynamics.h": 20.0, "n_steps": 301, "axes.kappa": (0.5, 0.35)},
        "laptop": {},
        "paper": {
            "seeds": 128, "dynamics.h": 4.0, "n_steps": 1501,
            "axes.kappa": (0.7, 0.5, 0.42, 0.35, 0.3, 0.25),
        },
    },
)  # fmt: skip


def _error(ds, algorithm):
    return ds.p_test_error.isel(record=-1).sel(algorithm=algorithm)


def _left(ds, algorithm):
    """Return, for each seed, the error at kappa = 0.25 over that at 0.5."""
    error = _error(ds, algorithm)
    return error.sel(kappa=0.25) / error.sel(kappa=0.5)


claims = [
    Claim(
        id="li2019-15a",
        statement="P error of L-S falls as kappa falls, from each kappa to the next",
        reference="Li, Wei, Ma 2019: error of L-S of order p kappa log(1/eps1) (recalled); comparison derived",
        status="derived",
        quantity=lambda ds: _error(ds, "L-S"),
        relation=increasing("kappa"),
        choices=CHOICES,
    ),
    Claim(
        id="li2019-15b",
        statement="the advantage of L-S grows as kappa falls: its P error over that of S falls, from each kappa to the next",
        reference="lrtheory: kappa scan",
        status="derived",
        quantity=lambda ds: _error(ds, "L-S") / _error(ds, "S"),
        relation=increasing("kappa"),
        choices=CHOICES,
    ),
    Claim(
        id="li2019-15c",
        statement="S gains less from samples than L-S: of its P error at kappa = 0.5 a larger share is left at 0.25",
        reference="lrtheory: kappa scan",
        status="derived",
        quantity=lambda ds: _left(ds, "S") - _left(ds, "L-S"),
        relation=greater(0.0),
        regime=Regime("kappa = 0.25 and 0.5", lambda ds: {0.25, 0.5} <= set(ds.kappa.values)),
        choices=CHOICES,
    ),
]
