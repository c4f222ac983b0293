"""Where learning rates lead: pre-training at a constant rate, then fine-tuning at small rates, or averaging.

The protocol of the paper on its tick data: regimes of the rate, accuracy after fine-tuning and averaging, angles and
barriers between what comes out, and the features that it uses.
"""

from __future__ import annotations

from _sadrtdinov2024 import FINE_TUNING, LAW, LOW, NETWORK, PROBES, RATES, ROOT_SEED, SOME_RATES

from lrtheory import Axis, Experiment, SubPaths
from lrtheory.schedules import Constant

experiment = Experiment(
    name="sadrtdinov2024_rates",
    problem=NETWORK,
    dynamics=LAW,
    schedule=Constant(rate=LOW),
    probes=PROBES,
    n_steps=200,
    n_records=20,
    sub_paths=SubPaths(decay_steps=(200,), schedule=FINE_TUNING, n_steps=100, n_records=5),
    axes={"rate": Axis("schedule.rate", SOME_RATES, unit="time per iteration")},
    seeds=2,
    data_seeds=16,
    root_seed=ROOT_SEED,
    precision="f32",
    scales={
        "smoke": {
            "seeds": 1, "data_seeds": 4, "axes.rate": (LOW, 3.16e-3, 1e-2, 1.78e-2, 0.178),
            "n_steps": 50, "n_records": 5,
            "sub_paths.decay_steps": (50,), "sub_paths.n_steps": 20, "sub_paths.n_records": 2,
        },
        "laptop": {},
        "paper": {
            "seeds": 10, "data_seeds": 5, "axes.rate": RATES, "n_steps": 400, "n_records": 100,
            "sub_paths.decay_steps": (400,), "sub_paths.n_steps": 200, "sub_paths.n_records": 50,
        },
    },
)  # fmt: skip
claims = []
