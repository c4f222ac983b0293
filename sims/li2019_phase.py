"""Where is there a separation? P error of S over that of L-S, over (annealed temperature, capacity r^3 s^2/lambda)."""

from __future__ import annotations

from lrtheory import Axis, Experiment
from lrtheory.dynamics.li2019_modes import ModeFlow
from lrtheory.probes.li2019_infinite import QBranch, Signal, TestP, TrainByKind
from lrtheory.problems.li2019_infinite import InfiniteWidth
from lrtheory.schedules import large_then_small, small_only

#: Stages end by their caps only, so that all cells are compared at equal cumulative rate.
NEVER = {"anneal_at": -1.0, "stop_at": -1.0}

experiment = Experiment(
    name="li2019_phase",
    problem=InfiniteWidth(),
    dynamics=ModeFlow(weight_decay=1e-4, h=8.0),
    schedule=small_only(1.0, 1e-5, **NEVER, cap=6000.0),
    probes=(TrainByKind(), TestP(n_test=4000), QBranch(), Signal()),
    n_steps=751,
    n_records=6,
    axes={
        "algorithm": Axis(
            "schedule",
            (
                large_then_small(1.0, 1e-5, **NEVER, caps=(4000.0, 2000.0)),
                small_only(1.0, 1e-5, **NEVER, cap=6000.0),
            ),
            labels=("L-S", "S"),
        ),
        "theta": Axis("schedule.rates.1", (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)),
        "r": Axis("problem.r", (0.007, 0.01, 0.014, 0.02, 0.028, 0.04)),
    },
    seeds=4,
    precision="f32",
    scales={
        "smoke": {
            "seeds": 4, "dynamics.h": 20.0, "n_steps": 301, "axes.theta": (1e-5, 1e-2), "axes.r": (0.01, 0.02),
        },
        "laptop": {},
        "paper": {"seeds": 64, "dynamics.h": 4.0, "n_steps": 1501},
    },
)  # fmt: skip

claims = []
