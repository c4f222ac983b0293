"""Complexity without frequency: kinds that are counted alike and differ in the functions that they ask for.

The label of an input is one sign, or the product of two or of three. Layers of 128 units; width, dimension and rates are
of the first trial that was made, on root seed 0.
"""

from __future__ import annotations

from _you2019 import END, LARGE, LAW, LOOKED, MIDDLE, OURS, PAPER, ROOT_SEED, SMALL, constant, decayed, final, stage

from lrtheory import Axis, Claim, Experiment
from lrtheory.claims import Regime
from lrtheory.probes.you2019 import ByKind
from lrtheory.problems.you2019_network import LayerNormNetwork
from lrtheory.problems.you2019_signs import SignNetwork
from lrtheory.relations import equal, greater, less, ratio

#: 4,400 rows, as in the main setting: decays after 20 and 30 of 40 epochs.
AT, STEPS = (50, 75), 100

experiment = Experiment(
    name="you2019_signs",
    problem=SignNetwork(network=LayerNormNetwork(hidden=(128, 128))),
    dynamics=LAW,
    schedule=decayed(LARGE, MIDDLE, END, at=AT),
    probes=(ByKind(n_train=1000, n_test=1000),),
    n_steps=STEPS,
    n_records=20,
    axes={
        "schedule": Axis(
            "schedule",
            (
                decayed(LARGE, MIDDLE, END, at=AT),
                decayed(1.0, MIDDLE, END, at=AT),
                *(constant(rate, AT) for rate in (LARGE, MIDDLE, SMALL)),
            ),
            labels=("2.0, decayed", "1.0, decayed", "2.0", "0.1", "0.03"),
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


def _stage_1(ds, kind, schedule="2.0, decayed"):
    return stage(ds.sel(schedule=schedule), f"test_accuracy_{kind}", AT[0], 3)


def _end(ds, kind, schedule="2.0, decayed"):
    return final(ds.sel(schedule=schedule), f"test_accuracy_{kind}")


def _gain(ds, kind, schedule="2.0, decayed"):
    return _end(ds, kind, schedule) - _stage_1(ds, kind, schedule)


claims = [
    Claim(
        id="you2019-signs",
        statement="at equal frequency too, simple functions come first: at 2.0 (16 to 20 epochs) test accuracy on one sign is above that on products of two by .2 or more",
        reference=f"{PAPER}; functions in place of patterns are lrtheory's",
        status="derived",
        quantity=lambda ds: _stage_1(ds, "one") - _stage_1(ds, "two"),
        relation=greater(0.2),
        regime=WHOLE,
        choices=LOOKED,
    ),
    Claim(
        id="you2019-signs-gain",
        statement="and decay teaches complex ones: the gain on products of two signs is over 2 times that on one",
        reference=f"{PAPER}; functions in place of patterns are lrtheory's",
        status="derived",
        quantity=lambda ds: (_gain(ds, "two"), _gain(ds, "one")),
        relation=ratio(low=2.0),
        regime=WHOLE,
        choices=LOOKED,
    ),
    Claim(
        id="you2019-signs-control",
        statement="negative control: without decay nothing is gained on products of two signs in the same epochs (0 ± .1)",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _gain(ds, "two", "2.0"),
        relation=equal(0.0, 0.1),
        regime=WHOLE,
    ),
    Claim(
        id="you2019-signs-best",
        statement="here decay beats small constant rates: from 1.0 it ends above the constant .1 on products of two signs by .05 or more",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _end(ds, "two", "1.0, decayed") - _end(ds, "two", "0.1"),
        relation=greater(0.05),
        regime=WHOLE,
        choices=LOOKED,
    ),
    Claim(
        id="you2019-signs-lasts",
        statement="and suppression lasts: in the end the accuracy on noisy rows is lower than at the constant .1 by .1 or more",
        reference=OURS,
        status="derived",
        quantity=lambda ds: final(ds.sel(schedule="0.1"), "train_accuracy_noisy")
        - final(ds.sel(schedule="1.0, decayed"), "train_accuracy_noisy"),
        relation=greater(0.1),
        regime=WHOLE,
        choices=LOOKED,
    ),
    Claim(
        id="you2019-signs-three",
        statement="what is too complex stays unlearnt: test accuracy on products of three signs ends below .55 with decay from 1.0",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _end(ds, "three", "1.0, decayed"),
        relation=less(0.55),
        regime=WHOLE,
        choices=LOOKED,
    ),
]
