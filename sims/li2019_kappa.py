"""More samples per dimension: P error of L-S and S against kappa = sqrt(d/N), with p0 = kappa^2/2, at equal time."""

from __future__ import annotations

import numpy as np

from lrtheory import Axis, Claim, Experiment
from lrtheory.dynamics.li2019_modes import ModeFlow
from lrtheory.probes.li2019_infinite import QBranch, Signal, TestP, TrainByKind
from lrtheory.problems.li2019_infinite import InfiniteWidth
from lrtheory.schedules import algorithms
from lrtheory.statistics import ratio_of_means

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


def _errors(ds, algorithm):
    end = ds.p_test_error.isel(record=-1).sel(algorithm=algorithm)
    return end.sortby("kappa").transpose("seed", "kappa")


def _fall(ds, algorithm):
    """Return, a seed, the error at the largest kappa minus that at the smallest."""
    return _errors(ds, algorithm).isel(kappa=-1) - _errors(ds, algorithm).isel(kappa=0)


def _relative_fall(ds, algorithm):
    """Return 1 minus the error at the smallest kappa over that at the largest, as pseudo-values of the seeds."""
    return 1 - ratio_of_means(_errors(ds, algorithm).isel(kappa=0), _errors(ds, algorithm).isel(kappa=-1))


def _ratio(ds, kappa):
    """Return the ratio S / L-S of mean errors at a place of the kappa axis, as pseudo-values of the seeds."""
    return ratio_of_means(*(_errors(ds, name).isel(kappa=kappa) for name in ("S", "L-S")))


claims = [
    Claim(
        id="li2019-15a",
        statement="P error of L-S falls from kappa = 0.5 to 0.25",
        reference="Li, Wei, Ma 2019: error of L-S of order p kappa log(1/eps1) (recalled); comparison derived",
        status="derived",
        quantity=lambda ds: _fall(ds, "L-S"),
        allowed=(0.0, np.inf),
        choices=CHOICES,
    ),
    Claim(
        id="li2019-15b",
        statement="the ratio of the P errors S / L-S grows as kappa falls from 0.5 to 0.25",
        reference="lrtheory: kappa scan",
        status="derived",
        quantity=lambda ds: _ratio(ds, 0) - _ratio(ds, -1),
        allowed=(0.0, np.inf),
        choices=CHOICES,
    ),
    Claim(
        id="li2019-15c",
        statement="S gains less from samples than L-S: its relative fall of the P error over the same range is smaller",
        reference="lrtheory: kappa scan",
        status="derived",
        quantity=lambda ds: _relative_fall(ds, "L-S") - _relative_fall(ds, "S"),
        allowed=(0.0, np.inf),
        choices=CHOICES,
    ),
]
