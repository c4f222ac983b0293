"""How long P and Q take to be fitted: P in proportion to d, Q in proportion to 1/r and a power of the level.

Constant temperature: theta = 1 for P, 1e-5 for Q. alpha ~ U[0, 1] as in the paper, so that small-alpha inputs are late.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from lrtheory import Axis, Claim, Experiment
from lrtheory.claims import Regime
from lrtheory.dynamics.li2019_modes import ModeFlow
from lrtheory.probes.li2019_infinite import QBranch, TrainByKind
from lrtheory.problems.li2019_infinite import InfiniteWidth
from lrtheory.relations import between, slope
from lrtheory.schedules import Constant
from lrtheory.statistics import first_time, log_slope

LEVELS = (0.2, 0.14, 0.1)
REFERENCE = "Li, Wei, Ma 2019: steps to fit"

CHOICES = "levels of the loss, lambda = 1e-5 and gamma0 sqrt(d) = 0.3: chosen for lrtheory"


def _dimensions(values):
    """Return the axis of d at fixed gamma0 sqrt(d): the margin of P in units of its noise stays the same."""
    return Axis("problem", tuple(InfiniteWidth(d=d, gamma0=0.3 / d**0.5, alpha_low=0.0) for d in values), labels=values)


experiment = Experiment(
    name="li2019_times",
    problem=InfiniteWidth(alpha_low=0.0),
    dynamics=ModeFlow(weight_decay=1e-5, h=2.0),
    schedule=Constant(rate=1.0),
    probes=(TrainByKind(), QBranch()),
    n_steps=1000,
    n_records=500,
    axes={
        "theta": Axis("schedule.rate", (1.0, 1e-5)),
        "d": _dimensions((50, 100, 200)),
        "r": Axis("problem.r", (0.014, 0.02, 0.028, 0.04)),
    },
    seeds=12,
    precision="f32",
    scales={
        "smoke": {
            "seeds": 3,
            "axes.d": _dimensions((50, 100)),
            "axes.r": (0.02, 0.04),
            "dynamics.h": 8.0,
            "n_steps": 250,
        },
        "laptop": {},
        "paper": {
            "seeds": 64,
            "axes.d": _dimensions((50, 100, 200, 400)),
            "dynamics.h": 1.0,
            "n_steps": 2000,
            "n_records": 1000,
        },
    },
)


def _time(ds, name, theta, level, **at):
    """Return when a loss first falls to a level, with the dimensions that are left."""
    cells = ds.sel(theta=theta, method="nearest").sel(**at)
    loss = cells[name].transpose(..., "record")
    return loss.isel(record=0).copy(data=first_time(cells.time.transpose(*loss.dims).values, loss.values, level))


def _slope_level(ds):
    """Return, a seed, the slope of log time against log level of the Q-only loss, at the largest r."""
    times = [_time(ds, "train_loss_q_only", 1e-5, x, d=100, r=float(ds.r[-1])) for x in LEVELS]
    return log_slope(LEVELS, np.stack(times, axis=-1))


def _points(axis):
    """Return the regime of a slope along an axis: two points fit any power."""
    return Regime(f"three values of {axis} or more", lambda ds: ds.sizes[axis] >= 3)


def _bound_and_scaling(number, statement, quantity, relation, bound, scaling, regime=None):
    """Return a claim on the recalled upper bound of the time, and one on the scaling as an equality.

    Args:
        number: of the prediction.
        statement: what grows, and how.
        quantity: times, or slopes.
        relation: bounds of the slope -> relation.
        bound: of the slope, by the upper bound of the time.
        scaling: of the slope, where time grows as that bound does.
        regime: of both claims.
    """
    shared = {"quantity": quantity, "choices": CHOICES, "regime": regime}
    return [
        Claim(
            id=f"li2019-{number}-bound", statement=f"{statement}: no faster than the bound (slope in {list(bound)})",
            reference=f"{REFERENCE} (an upper bound)", status="recalled", relation=relation(*bound), **shared,
        ),
        Claim(
            id=f"li2019-{number}", statement=f"{statement}: as the bound (slope in {list(scaling)})",
            reference="lrtheory: the bound read as an equality", status="derived", relation=relation(*scaling), **shared,
        ),
    ]  # fmt: skip


claims = [
    *_bound_and_scaling(
        "14a",
        "growth with d of the time to fit P at a large rate (loss of mixed inputs 0.5) against d^1",
        lambda ds: _time(ds, "train_loss_both", 1.0, 0.5, r=float(ds.r[0])),
        functools.partial(slope, "d"),
        (-math.inf, 1.2),
        (0.8, 1.2),
        _points("d"),
    ),
    *_bound_and_scaling(
        "14b",
        "growth with 1/r of the time to fit Q at a small rate (Q-only loss 0.35) against r^-1",
        lambda ds: _time(ds, "train_loss_q_only", 1e-5, 0.35, d=100),
        functools.partial(slope, "r"),
        (-1.2, math.inf),
        (-1.2, -0.8),
        _points("r"),
    ),
    *_bound_and_scaling(
        "14c",
        "growth with 1/eps of the time to fit Q to loss eps (0.2 to 0.1, alpha ~ U[0, 1]) against eps^-3",
        _slope_level,
        between,
        (-3.5, math.inf),
        (-3.5, -2.5),
    ),
]
