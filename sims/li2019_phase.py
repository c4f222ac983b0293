"""Where is there a separation? P error of S over that of L-S, over (annealed temperature, capacity r^3 s^2/lambda)."""

from __future__ import annotations

from lrtheory import Axis, Experiment
from lrtheory.dynamics.li2019_modes import ModeFlow
from lrtheory.probes.li2019_infinite import QBranch, Signal, TestP, TrainByKind
from lrtheory.problems.li2019_infinite import InfiniteWidth
from lrtheory.schedules import algorithms

ALGORITHMS = algorithms(1e-5, anneal=4000.0, end=6000.0)

experiment = Experiment(
    name="li2019_phase",
    problem=InfiniteWidth(),
    dynamics=ModeFlow(weight_decay=1e-4, h=8.0),
    schedule=ALGORITHMS.values[1],
    probes=(TrainByKind(), TestP(n_test=4000), QBranch(), Signal()),
    n_steps=751,
    n_records=6,
    axes={
        "algorithm": ALGORITHMS,
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
