"""The temperature crossover of a finite network: P error and Q loss against theta = eta/eta1.

Rates below the large one are simulated by macro-steps of its length. Same training sets as ``li2019_small_infinite``.
"""

from __future__ import annotations

import numpy as np

from lrtheory import Axis, Experiment
from lrtheory.dynamics import NoisyGD
from lrtheory.probes.li2019 import QBranch, Signal, TestP, TrainByKind
from lrtheory.problems.li2019 import BlockNetwork
from lrtheory.schedules import Constant

#: The large rate, at which the noise is stationary.
ETA1 = 0.5
THETAS = (1e-4, 1e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0)

PAPER_THETAS = tuple(float(f"{v:.4g}") for v in np.geomspace(1e-4, 1.0, 31))


def _axis(thetas):
    return Axis("schedule.rate", tuple(ETA1 * theta for theta in thetas), labels=thetas)


experiment = Experiment(
    name="li2019_temperature_finite",
    problem=BlockNetwork(d=50, kappa=0.35, gamma0=0.3 / 50**0.5, r=0.05, s=10.0, m_w=512, m_v=10_240),
    dynamics=NoisyGD(weight_decay=2e-4, reference_rate=ETA1, macro_step=ETA1),
    schedule=Constant(rate=ETA1),
    probes=(TrainByKind(), TestP(n_test=4000), QBranch(), Signal()),
    n_steps=2000,
    n_records=10,
    axes={"theta": _axis(THETAS)},
    seeds=8,
    precision="f32",
    scales={
        "smoke": {"seeds": 4, "n_steps": 400, "problem.m_w": 64, "problem.m_v": 1024},
        "laptop": {},
        "paper": {"seeds": 32, "problem.m_w": 1024, "problem.m_v": 20_480, "axes.theta": _axis(PAPER_THETAS)},
    },
)
