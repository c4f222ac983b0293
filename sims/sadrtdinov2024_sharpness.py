"""Sharpness at equal loss: runs in regime 1 that stop at the same training loss, and how sharp they are there."""

from __future__ import annotations

import numpy as np
from _sadrtdinov2024 import LAW, NETWORK, OURS, ROOT_SEED, at

from lrtheory import Axis, Claim, Experiment
from lrtheory.probes.sadrtdinov2024 import Curves, SphereSharpness
from lrtheory.probes.sadrtdinov2024_regimes import final
from lrtheory.relations import decreasing, greater, less
from lrtheory.schedules import Stages

LEVEL = 0.05

experiment = Experiment(
    name="sadrtdinov2024_sharpness",
    problem=NETWORK,
    dynamics=LAW,
    schedule=Stages(rates=(1e-3,), levels=(LEVEL,), caps=(1e9,), observe=("loss",)),
    probes=(Curves(), SphereSharpness()),
    n_steps=200,
    n_records=20,
    axes={"rate": Axis("schedule.rates.0", (1e-4, 3.16e-4, 1e-3, 3.16e-3, 5.62e-3), unit="time per iteration")},
    seeds=1,
    data_seeds=32,
    root_seed=ROOT_SEED,
    precision="f32",
    scales={"smoke": {"data_seeds": 3, "n_steps": 20, "n_records": 4}, "laptop": {}, "paper": {"seeds": 4}},
)


claims = [
    Claim(
        id="sadrtdinov2024-sharpness",
        statement="in regime 1 the larger the rate the flatter the weights at equal loss (log10 of the sharpness falls)",
        reference="Kodryan et al. 2022: larger rates of regime 1 lead to flatter points at equal loss; on another network",
        status="paper",
        quantity=lambda ds: np.log10(ds.sharpness),
        relation=decreasing("rate"),
    ),
    Claim(
        id="sadrtdinov2024-sharpness-accuracy",
        statement="and they generalise better there: test accuracy at equal loss is higher at 5.62e-3 than at 1e-4 (points)",
        reference=OURS,
        status="derived",
        quantity=lambda ds: at(final(ds, "test_accuracy"), 5.62e-3) - at(final(ds, "test_accuracy"), 1e-4),
        relation=greater(0.0),
    ),
    Claim(
        id="sadrtdinov2024-sharpness-edge",
        statement="they stay below the edge of stability of descent: the sharpness is less than 2/rate at 5.62e-3 (ratio)",
        reference=OURS,
        status="derived",
        quantity=lambda ds: at(ds.sharpness, 5.62e-3) * 5.62e-3 / 2,
        relation=less(1.0),
    ),
]
