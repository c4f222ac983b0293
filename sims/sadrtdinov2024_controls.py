"""Controls: without informative features nothing generalises; with a single one there is no choice between features."""

from __future__ import annotations

from _sadrtdinov2024 import LAW, LOOKED, LOW, NETWORK, OURS, PROBES, ROOT_SEED, at

from lrtheory import Axis, Claim, Experiment, SubPaths
from lrtheory.claims import Regime
from lrtheory.probes.sadrtdinov2024_regimes import averaged, gap, pretrained, tuned
from lrtheory.relations import equal, greater, less
from lrtheory.schedules import Constant
from lrtheory.sub_paths import Branches

experiment = Experiment(
    name="sadrtdinov2024_controls",
    problem=NETWORK,
    dynamics=LAW,
    schedule=Constant(rate=LOW),
    probes=PROBES,
    n_steps=100,
    n_records=5,
    sub_paths=SubPaths(
        decay_steps=(100,),
        schedule=Branches(schedules=(Constant(rate=LOW), Constant(rate=3.16e-3)), labels=("low", "high")),
        n_steps=50,
        n_records=2,
    ),
    axes={
        "rate": Axis("schedule.rate", (3.16e-3, 1e-2, 2.37e-2), unit="time per iteration"),
        "informative": Axis("problem.informative", (0.0, 1.0, 16.0)),
    },
    seeds=1,
    data_seeds=24,
    root_seed=ROOT_SEED,
    precision="f32",
    scales={
        "smoke": {
            "data_seeds": 2, "n_steps": 10, "n_records": 2, "sub_paths.decay_steps": (10,), "sub_paths.n_steps": 4,
        },
        "laptop": {},
        "paper": {"seeds": 4},
    },
)  # fmt: skip

LONG = Regime("10,000 + 5,000 iterations", lambda ds: int(ds.step.max()) >= 100)


def _none(ds):
    return ds.sel(informative=0.0)


def _one(ds):
    return ds.sel(informative=1.0)


def _of_one(ds):
    """Return the accuracy of the average of 10 checkpoints on inputs in which one feature alone is informative."""
    return averaged(_one(ds), 10, "average_feature_accuracy")


claims = [
    Claim(
        id="sadrtdinov2024-control-none",
        statement="without informative features test accuracy is chance after fine-tuning from 2A (50 ± 1.5 %)",
        reference=OURS,
        status="derived",
        quantity=lambda ds: at(tuned(_none(ds), "low"), 1e-2),
        relation=equal(50.0, 1.5),
    ),
    Claim(
        id="sadrtdinov2024-control-none-gap",
        statement="and no feature stands out (1e-2: the gap between the first two is below 2 points)",
        reference=OURS,
        status="derived",
        quantity=lambda ds: at(gap(_none(ds).feature_accuracy.isel(decay_step=-1)), 1e-2),
        relation=less(2.0),
    ),
    Claim(
        id="sadrtdinov2024-control-one",
        statement="with one informative feature that one alone is used: the others are worth 50 ± 1.5 %, mean over them (1e-2)",
        reference=OURS,
        status="derived",
        quantity=lambda ds: at(_of_one(ds).isel(feature=slice(1, None)).mean("feature"), 1e-2),
        relation=equal(50.0, 1.5),
    ),
    Claim(
        id="sadrtdinov2024-control-one-gain",
        statement="the gain of 2A does not need a choice between features: with one, fine-tuning from 1e-2 is better than training at 3.16e-3 by 5 points or more",
        reference=OURS,
        status="derived",
        quantity=lambda ds: at(tuned(_one(ds), "low"), 1e-2) - at(pretrained(_one(ds)), 3.16e-3),
        relation=greater(5.0),
        regime=LONG,
        choices=LOOKED,
    ),
]
