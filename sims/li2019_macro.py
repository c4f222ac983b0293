"""Macro-steps against literal steps: a small rate simulated by steps longer than itself."""

from __future__ import annotations

from lrtheory import Axis, Claim, Experiment
from lrtheory.dynamics import NoisyGD
from lrtheory.probes.li2019 import QBranch, Signal, TrainByKind
from lrtheory.problems.li2019 import BlockNetwork
from lrtheory.relations import ratio
from lrtheory.schedules import Stages

ETA1 = 0.5
RATE = 0.05
TIME = 100.0

experiment = Experiment(
    name="li2019_macro",
    problem=BlockNetwork(d=50, kappa=0.5, gamma0=0.3 / 50**0.5, r=0.05, s=10.0, m_w=128, m_v=5120),
    dynamics=NoisyGD(weight_decay=2e-4, reference_rate=ETA1),
    schedule=Stages(rates=(RATE,), levels=(-1.0,), caps=(TIME,), observe=("loss",)),
    probes=(TrainByKind(), QBranch(), Signal()),
    n_steps=round(TIME / RATE) + 1,
    n_records=10,
    axes={"macro_step": Axis("dynamics.macro_step", (0.0, 0.5), unit="time")},
    seeds=48,
    precision="f32",
    scales={
        "smoke": {"seeds": 3, "schedule.caps.0": 20.0, "n_steps": 401, "problem.m_v": 1024},
        "laptop": {},
        "paper": {"seeds": 64, "problem.m_v": 20_480, "problem.m_w": 512},
    },
)


def _apart(end):
    """Return the difference to literal steps, and the value of literal steps."""
    literal = end.sel(macro_step=0.0)
    return end.sel(macro_step=0.5) - literal, literal


CHOICES = "lambda = 2e-4, t = 100, |z| = 10 and 48 seeds: chosen to decide within seconds"

claims = [
    Claim(
        id="li2019-12b",
        statement="macro-steps of 10 times the rate reproduce D2 of literal steps within 10 %",
        reference="lrtheory: macro-steps",
        status="derived",
        quantity=lambda ds: _apart(-ds.d2.isel(record=-1)),
        relation=ratio(-0.1, 0.1),
        choices=CHOICES,
    ),
    Claim(
        id="li2019-12f",
        statement="macro-steps of 10 times the rate reproduce |w_eff| of literal steps within 2 %",
        reference="lrtheory: macro-steps",
        status="derived",
        quantity=lambda ds: _apart(ds.w_norm.isel(record=-1)),
        relation=ratio(-0.02, 0.02),
        choices=CHOICES,
    ),
]
