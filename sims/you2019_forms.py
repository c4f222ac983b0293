"""Other forms of the data: wrong labels in place of random inputs, images of 16 x 16 pixels."""

from __future__ import annotations

import dataclasses

from _you2019 import END, LARGE, LAW, LOOKED, MIDDLE, NETWORK, OURS, ROOT_SEED, constant, decayed, final, stage

from lrtheory import Axis, Claim, Experiment
from lrtheory.claims import Regime
from lrtheory.probes.you2019 import ByKind
from lrtheory.problems.you2019_data import Pixels, WrongLabels
from lrtheory.relations import greater, less, ratio

#: Decays after 20 and 30 of 40 epochs.
AT, STEPS = (50, 75), 100

experiment = Experiment(
    name="you2019_forms",
    problem=NETWORK,
    dynamics=LAW,
    schedule=decayed(LARGE, MIDDLE, END, at=AT),
    probes=(ByKind(),),
    n_steps=STEPS,
    n_records=20,
    axes={
        "form": Axis(
            "problem",
            (
                dataclasses.replace(NETWORK, noisy=WrongLabels()),
                dataclasses.replace(NETWORK, form=Pixels(), d=256),
            ),
            labels=("wrong labels", "pixels"),
        ),
        "schedule": Axis(
            "schedule", (decayed(LARGE, MIDDLE, END, at=AT), constant(MIDDLE, AT)), labels=("2.0, decayed", "0.1")
        ),
    },
    seeds=1,
    data_seeds=6,
    root_seed=ROOT_SEED,
    precision="f32",
    scales={
        "smoke": {"data_seeds": 2, "n_steps": 2, "n_records": 1},
        "laptop": {},
        "paper": {"data_seeds": 64},
    },
)  # fmt: skip

WHOLE = Regime("40 epochs, decays after 20 and 30", lambda ds: int(ds.step.max()) == STEPS)
DECAYED = "2.0, decayed"


def _stage_1(ds, name, form, schedule=DECAYED):
    return stage(ds.sel(form=form, schedule=schedule), name, AT[0])


def _end(ds, name, form, schedule=DECAYED):
    return final(ds.sel(form=form, schedule=schedule), name)


def _gains(ds, form):
    """Return what the training accuracies on complex and on simple patterns gain from the end of the large rate on."""
    names = ("test_accuracy_complex", "test_accuracy_simple")
    return tuple(_end(ds, name, form) - _stage_1(ds, name, form) for name in names)


claims = [
    Claim(
        id="you2019-pixels",
        statement="images of random pixels: decay teaches complex patterns, their gain in test accuracy is over 3 times that of simple ones",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _gains(ds, "pixels"),
        relation=ratio(low=3.0),
        regime=WHOLE,
    ),
    Claim(
        id="you2019-pixels-noise",
        statement="and the noise is memorised in the end as at the constant .1, less than .1 below it",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _end(ds, "train_accuracy_noisy", "pixels", "0.1") - _end(ds, "train_accuracy_noisy", "pixels"),
        relation=less(0.1),
        regime=WHOLE,
        choices=LOOKED,
    ),
    Claim(
        id="you2019-labels",
        statement="wrong labels on true inputs: decay teaches complex patterns, their gain in test accuracy is over 2 times that of simple ones",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _gains(ds, "wrong labels"),
        relation=ratio(low=2.0),
        regime=WHOLE,
        choices=LOOKED,
    ),
    Claim(
        id="you2019-labels-lasts",
        statement="of wrong labels the suppression lasts: in the end they are memorised less than at the constant .1 by .3 or more",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _end(ds, "train_accuracy_noisy", "wrong labels", "0.1") - _end(ds, "train_accuracy_noisy", "wrong labels"),
        relation=greater(0.3),
        regime=WHOLE,
        choices=LOOKED,
    ),
    Claim(
        id="you2019-labels-clean",
        statement="without better test accuracy for it: on complex patterns decay is not above the constant .1",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _end(ds, "test_accuracy_complex", "wrong labels") - _end(ds, "test_accuracy_complex", "wrong labels", "0.1"),
        relation=less(0.0),
        regime=WHOLE,
        choices=LOOKED,
    ),
]
