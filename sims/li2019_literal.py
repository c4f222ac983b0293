"""The exponents of the paper, literally, at a dimension that can be simulated: is there an effect?

|z| = 1, alpha ~ U[0, 1], gamma0 = d^(-1/2), r = d^(-3/4), lambda = d^(-5/4), kappa = 1/2, at d = 100 (paper scale:
400), for three weight-decay times 1/lambda. The rough learning time of Q, 200/(r |z|^2), is below 1/lambda only for
d > 4*10^4, and below that of P, 5 d, only for d in the millions.
"""

from __future__ import annotations

import math

from lrtheory import Claim, Experiment
from lrtheory.dynamics.li2019_modes import ModeFlow
from lrtheory.probes.li2019_infinite import QBranch, Signal, TestP, TrainByKind
from lrtheory.problems.li2019_infinite import InfiniteWidth
from lrtheory.relations import less, share
from lrtheory.schedules import algorithms
from lrtheory.theory import li2019 as theory

D = 100
KAPPA = 0.5


def _algorithms(d):
    """Return L-S and S over 3/lambda of time, half of it at the large rate."""
    horizon = 3.0 / float(theory.literal_exponents(d, KAPPA).lam)
    return algorithms(1e-5, anneal=horizon / 2, end=horizon)


def _literal(d):
    """Return the values that the paper's exponents give at dimension d (recalled); 500 steps a run."""
    exponents = theory.literal_exponents(d, KAPPA)
    return {
        "problem.d": d,
        "problem.gamma0": d**-0.5,
        "problem.r": float(exponents.r),
        "dynamics.weight_decay": float(exponents.lam),
        "dynamics.h": 3.0 / float(exponents.lam) / 500,
        "axes.algorithm": _algorithms(d),
    }


ALGORITHMS = _algorithms(D)

experiment = Experiment(
    name="li2019_literal",
    problem=InfiniteWidth(d=D, kappa=KAPPA, s=1.0, alpha_low=0.0),
    dynamics=ModeFlow(),
    schedule=ALGORITHMS.values[1],
    probes=(TrainByKind(), TestP(n_test=4000), QBranch(), Signal()),
    n_steps=502,
    n_records=50,
    axes={"algorithm": ALGORITHMS},
    seeds=16,
    precision="f32",
    scales={
        "smoke": {"seeds": 4, **_literal(D), "dynamics.h": 3.0 * D**1.25 / 100, "n_steps": 102},
        "laptop": _literal(D),
        "paper": {"seeds": 32, **_literal(400)},
    },
)


def _end(ds, algorithm):
    return ds.sel(algorithm=algorithm).isel(record=-1)


REFERENCE = "Li, Wei, Ma 2019: regime (recalled); what it gives at reachable d is lrtheory's question"
CHOICES = "d = 100 at laptop scale, 400 at paper scale; t = 3/lambda; levels chosen for lrtheory"

claims = [
    Claim(
        id="li2019-literal-1",
        statement="with the paper's exponents the effect is visible at reachable d: S learns Q (Q-only training loss below 1/2 log 2)",
        reference=REFERENCE,
        status="derived",
        quantity=lambda ds: _end(ds, "S").train_loss_q_only,
        relation=less(0.5 * math.log(2)),
        unit="nat",
        choices=CHOICES,
    ),
    Claim(
        id="li2019-literal-2",
        statement="with the paper's exponents the effect is visible at reachable d: P error of S exceeds that of L-S by 0.01, for at least half of seeds",
        reference=REFERENCE,
        status="derived",
        quantity=lambda ds: _end(ds, "S").p_test_error - _end(ds, "L-S").p_test_error > 0.01,
        relation=share(0.5),
        choices=CHOICES,
    ),
]
