"""The exponents of the paper, literally, at a dimension that can be simulated: is there an effect?

|z| = 1, alpha ~ U[0, 1], gamma0 = d^(-1/2), r = d^(-3/4), lambda = d^(-5/4), kappa = 1/2, at d = 100 (paper scale:
400). Q needs about 200/(r |z|^2) units of time, longer than 1/lambda: d would have to be in the millions.
"""

from __future__ import annotations

import math

from lrtheory import Axis, Claim, Experiment
from lrtheory.dynamics.li2019_modes import ModeFlow
from lrtheory.probes.li2019_infinite import QBranch, Signal, TestP, TrainByKind
from lrtheory.problems.li2019_infinite import InfiniteWidth
from lrtheory.schedules import large_then_small, small_only

D = 100
NEVER = {"anneal_at": 0.12, "stop_at": -1.0}
LARGE, SMALL = 500.0, 500.0


def _literal(d):
    """Return the values that the paper's exponents give at dimension d (recalled)."""
    return {
        "problem.d": d,
        "problem.gamma0": d**-0.5,
        "problem.r": d**-0.75,
        "dynamics.weight_decay": d**-1.25,
    }


experiment = Experiment(
    name="li2019_literal",
    problem=InfiniteWidth(d=D, kappa=0.5, gamma0=D**-0.5, r=D**-0.75, s=1.0, alpha_low=0.0),
    dynamics=ModeFlow(weight_decay=D**-1.25, h=2.0),
    schedule=small_only(1.0, 1e-5, **NEVER, cap=LARGE + SMALL),
    probes=(TrainByKind(), TestP(n_test=4000), QBranch(), Signal()),
    n_steps=501,
    n_records=50,
    axes={
        "algorithm": Axis(
            "schedule",
            (
                large_then_small(1.0, 1e-5, **NEVER, caps=(LARGE, SMALL)),
                small_only(1.0, 1e-5, **NEVER, cap=LARGE + SMALL),
            ),
            labels=("L-S", "S"),
        )
    },
    seeds=16,
    precision="f32",
    scales={
        "smoke": {"seeds": 4, "dynamics.h": 10.0, "n_steps": 101},
        "laptop": {},
        "paper": {"seeds": 32, **_literal(400)},
    },
)


def _end(ds, algorithm):
    return ds.sel(algorithm=algorithm).isel(record=-1)


REFERENCE = "Li, Wei, Ma 2019: regime (recalled); its failure at reachable d is derived"

claims = [
    Claim(
        id="li2019-literal-1",
        statement="with the paper's exponents at d = 100, S learns Q: Q-only training loss below 1/2 log 2",
        reference=REFERENCE,
        status="recalled",
        quantity=lambda ds: _end(ds, "S").train_loss_q_only,
        allowed=(0.0, 0.5 * math.log(2)),
        unit="nat",
    ),
    Claim(
        id="li2019-literal-2",
        statement="with the paper's exponents at d = 100, P error of S exceeds that of L-S by 0.01",
        reference=REFERENCE,
        status="recalled",
        quantity=lambda ds: _end(ds, "S").p_test_error - _end(ds, "L-S").p_test_error,
        allowed=(0.01, float("inf")),
    ),
]
