"""More samples per dimension: P error of L-S and S against kappa = sqrt(d/N), with p0 = kappa^2/2, at equal time."""

from __future__ import annotations

import numpy as np

from lrtheory import Axis, Claim, Experiment
from lrtheory.dynamics.li2019_modes import ModeFlow
from lrtheory.probes.li2019_infinite import QBranch, Signal, TestP, TrainByKind
from lrtheory.problems.li2019_infinite import InfiniteWidth
from lrtheory.schedules import large_then_small, small_only

#: Stages end by their caps only, so that all cells are compared at equal cumulative rate.
NEVER = {"anneal_at": -1.0, "stop_at": -1.0}
CHOICES = "setting of li2019_separation (exploratory), compared at t = 6000"

experiment = Experiment(
    name="li2019_kappa",
    problem=InfiniteWidth(),
    dynamics=ModeFlow(weight_decay=1e-4, h=8.0),
    schedule=small_only(1.0, 1e-5, **NEVER, cap=6000.0),
    probes=(TrainByKind(), TestP(n_test=4000), QBranch(), Signal()),
    n_steps=751,
    n_records=15,
    axes={
        "algorithm": Axis(
            "schedule",
            (
                large_then_small(1.0, 1e-5, **NEVER, caps=(4000.0, 2000.0)),
                small_only(1.0, 1e-5, **NEVER, cap=6000.0),
            ),
            labels=("L-S", "S"),
        ),
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


def _relative_excess(ds):
    """Return, a seed, a difference that is positive where S/L-S is larger at the smallest kappa than at the largest.

    The errors of other seeds are in the second factor of each product, so that products are not biased by a common seed.
    """
    small, large = _errors(ds, "S"), _errors(ds, "L-S")
    others = lambda x: (x.sum("seed") - x) / (x.sizes["seed"] - 1)  # noqa: E731
    return small.isel(kappa=0) * others(large.isel(kappa=-1)) - small.isel(kappa=-1) * others(large.isel(kappa=0))


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
        quantity=_relative_excess,
        allowed=(0.0, np.inf),
        choices=CHOICES,
    ),
]
