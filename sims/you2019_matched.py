"""The control of complexity: as many complex patterns a class, but every pattern of either kind equally often."""

from __future__ import annotations

import dataclasses

from _you2019 import END, LARGE, LAW, LOOKED, MIDDLE, NETWORK, OURS, ROOT_SEED, SMALL, constant, decayed, final, stage

from lrtheory import Axis, Claim, Experiment
from lrtheory.claims import Regime
from lrtheory.probes.you2019 import ByKind
from lrtheory.relations import equal, greater

#: 4,800 rows are 150 iterations an epoch: steps of a third of one.
AT, STEPS = (60, 90), 120

experiment = Experiment(
    name="you2019_matched",
    problem=dataclasses.replace(NETWORK, n_simple=400, n_complex=4000, n_noisy=400),
    dynamics=dataclasses.replace(LAW, iterations=50, averages=(30,)),
    schedule=decayed(LARGE, MIDDLE, END, at=AT),
    probes=(ByKind(n_train=1000),),
    n_steps=STEPS,
    n_records=20,
    axes={
        "schedule": Axis(
            "schedule", (decayed(LARGE, MIDDLE, END, at=AT), constant(SMALL, AT)), labels=("2.0, decayed", "0.03")
        )
    },
    seeds=1,
    data_seeds=12,
    root_seed=ROOT_SEED,
    precision="f32",
    scales={
        "smoke": {"data_seeds": 2, "n_steps": 2, "n_records": 1},
        "laptop": {},
        "paper": {"data_seeds": 64},
    },
)  # fmt: skip

WHOLE = Regime("40 epochs, decays after 20 and 30", lambda ds: int(ds.step.max()) == STEPS)


def _stage_1(ds, kind, split="train"):
    return stage(ds.sel(schedule="2.0, decayed"), f"{split}_accuracy_{kind}", AT[0])


def _gain(ds, kind):
    return final(ds.sel(schedule="2.0, decayed"), f"test_accuracy_{kind}") - _stage_1(ds, kind, "test")


claims = [
    Claim(
        id="you2019-8",
        statement="complexity is frequency: with every pattern equally often, simple and complex ones are learnt alike at the large rate (training accuracy after 20 epochs, difference 0 ± .05)",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _stage_1(ds, "simple") - _stage_1(ds, "complex"),
        relation=equal(0.0, 0.05),
        regime=WHOLE,
        headline=True,
    ),
    Claim(
        id="you2019-8-gain",
        statement="and decay teaches both alike: their gains in test accuracy differ by 0 ± .05",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _gain(ds, "simple") - _gain(ds, "complex"),
        relation=equal(0.0, 0.05),
        regime=WHOLE,
    ),
    Claim(
        id="you2019-9",
        statement="noise lags for want of copies: the accuracy on patterns, of 4 copies each, is above that on noisy rows by .15 or more (20 epochs)",
        reference=OURS,
        status="derived",
        quantity=lambda ds: (_stage_1(ds, "simple") + _stage_1(ds, "complex")) / 2 - _stage_1(ds, "noisy"),
        relation=greater(0.15),
        regime=WHOLE,
    ),
    Claim(
        id="you2019-8-decay",
        statement="in this control decay is better than the constant small rate .03 too, in test accuracy on complex patterns",
        reference=OURS,
        status="derived",
        quantity=lambda ds: final(ds.sel(schedule="2.0, decayed"), "test_accuracy_complex")
        - final(ds.sel(schedule="0.03"), "test_accuracy_complex"),
        relation=greater(0.0),
        regime=WHOLE,
        choices=LOOKED,
    ),
]
