"""What a decay of the rate teaches: simple patterns first, complex ones after the decay, and the noise with them.

Seven schedules on the same data, starts and batches: decay in two steps after 20 and 30 of 40 epochs, from three rates,
and four constant rates.
"""

from __future__ import annotations

import dataclasses

from _you2019 import (
    END,
    LARGE,
    LAW,
    LOOKED,
    MIDDLE,
    NETWORK,
    OURS,
    PAPER,
    RECALLED,
    ROOT_SEED,
    SMALL,
    constant,
    decayed,
    final,
    stage,
)

from lrtheory import Axis, Claim, Experiment
from lrtheory.claims import Regime
from lrtheory.probes.you2019 import ByKind
from lrtheory.relations import greater, less, ratio

#: Steps of .18 epochs: decays after 20 and 30 epochs, the end after 40.
AT, STEPS = (110, 165), 220

experiment = Experiment(
    name="you2019_main",
    problem=NETWORK,
    dynamics=dataclasses.replace(LAW, iterations=25, averages=(11,)),
    schedule=decayed(LARGE, MIDDLE, END, at=AT),
    probes=(ByKind(),),
    n_steps=STEPS,
    n_records=20,
    record_at=(111, 112, 113, 115, 117, 166, 167, 168, 170, 172),
    axes={
        "schedule": Axis(
            "schedule",
            (
                decayed(LARGE, MIDDLE, END, at=AT),
                decayed(1.0, MIDDLE, END, at=AT),
                decayed(0.3, MIDDLE, END, at=AT),
                *(constant(rate, AT) for rate in (LARGE, 0.3, MIDDLE, SMALL)),
            ),
            labels=("2.0, decayed", "1.0, decayed", "0.3, decayed", "2.0", "0.3", "0.1", "0.03"),
        )
    },
    seeds=1,
    data_seeds=10,
    root_seed=ROOT_SEED,
    precision="f32",
    scales={
        "smoke": {"data_seeds": 2, "n_steps": 4, "n_records": 2, "record_at": (1,)},
        "laptop": {},
        "paper": {"data_seeds": 64},
    },
)  # fmt: skip
WHOLE = Regime("40 epochs, decays after 20 and 30", lambda ds: int(ds.step.max()) == STEPS)
DECAYED = "2.0, decayed"
BEST = "on runs of another root seed .1 was the best constant rate after 40 epochs of 2.0, .3, .1, .03, and decay from 1.0 and .3 was added"


def _stage_1(ds, name, schedule):
    return stage(ds.sel(schedule=schedule), name, AT[0])


def _end(ds, name, schedule):
    return final(ds.sel(schedule=schedule), name)


def _gain(ds, kind):
    """Return what the test accuracy of a kind gains from the end of the large rate to the end."""
    return _end(ds, f"test_accuracy_{kind}", DECAYED) - _stage_1(ds, f"test_accuracy_{kind}", DECAYED)


def _against(ds, schedule, other):
    """Return the final test accuracy on complex patterns of one schedule less that of another."""
    return _end(ds, "test_accuracy_complex", schedule) - _end(ds, "test_accuracy_complex", other)


claims = [
    Claim(
        id="you2019-1",
        statement="a large rate suppresses memorising noise: after 20 epochs the accuracy on noisy rows is lower at 2.0 than at .03 by .2 or more",
        reference=PAPER,
        status="paper",
        quantity=lambda ds: _stage_1(ds, "train_accuracy_noisy", "0.03") - _stage_1(ds, "train_accuracy_noisy", "2.0"),
        relation=greater(0.2),
        regime=WHOLE,
        headline=True,
    ),
    Claim(
        id="you2019-2-simple",
        statement="at the large rate simple patterns come first: training accuracy above that of complex ones by .1 or more (20 epochs)",
        reference=PAPER,
        status="paper",
        quantity=lambda ds: _stage_1(ds, "train_accuracy_simple", DECAYED) - _stage_1(ds, "train_accuracy_complex", DECAYED),
        relation=greater(0.1),
        regime=WHOLE,
    ),
    Claim(
        id="you2019-2-noisy",
        statement="and noisy rows last: training accuracy on complex patterns above that on noisy rows by .1 or more (20 epochs)",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _stage_1(ds, "train_accuracy_complex", DECAYED) - _stage_1(ds, "train_accuracy_noisy", DECAYED),
        relation=greater(0.1),
        regime=WHOLE,
    ),
    Claim(
        id="you2019-3",
        statement="decay teaches complex patterns: their gain in test accuracy after the large rate is over 3 times that of simple ones",
        reference=PAPER,
        status="paper",
        quantity=lambda ds: (_gain(ds, "complex"), _gain(ds, "simple")),
        relation=ratio(low=3.0),
        regime=WHOLE,
        headline=True,
    ),
    Claim(
        id="you2019-4",
        statement="a constant large rate does not learn them: its test accuracy on complex patterns ends below that with decay by .15 or more",
        reference=RECALLED,
        status="recalled",
        quantity=lambda ds: _against(ds, DECAYED, "2.0"),
        relation=greater(0.15),
        regime=WHOLE,
    ),
    Claim(
        id="you2019-5",
        statement="decay from 2.0 is better on complex patterns than the constant small rate .03, by .03 or more in test accuracy",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _against(ds, DECAYED, "0.03"),
        relation=greater(0.03),
        regime=WHOLE,
    ),
    Claim(
        id="you2019-5-1.0",
        statement="so is decay from 1.0",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _against(ds, "1.0, decayed", "0.03"),
        relation=greater(0.03),
        regime=WHOLE,
        choices=LOOKED,
    ),
    Claim(
        id="you2019-6",
        statement="decay from 2.0 beats every constant rate: its final test accuracy on complex patterns is above that of the constant .1",
        reference=f"{PAPER}; tuned constant rates are lrtheory's question",
        status="derived",
        quantity=lambda ds: _against(ds, DECAYED, "0.1"),
        relation=greater(0.0),
        regime=WHOLE,
        choices=BEST,
    ),
    Claim(
        id="you2019-6-1.0",
        statement="decay from 1.0 ends above the constant .1",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _against(ds, "1.0, decayed", "0.1"),
        relation=greater(0.0),
        regime=WHOLE,
        choices=BEST,
    ),
    Claim(
        id="you2019-6-0.3",
        statement="decay from .3, which suppresses no noise, ends above the constant .1 by .03 or more",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _against(ds, "0.3, decayed", "0.1"),
        relation=greater(0.03),
        regime=WHOLE,
        choices=BEST,
    ),
    Claim(
        id="you2019-6-large",
        statement="where decay starts matters more than decay: from .3 test accuracy on complex patterns ends above that from 2.0 by .08 or more",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _against(ds, "0.3, decayed", DECAYED),
        relation=greater(0.08),
        regime=WHOLE,
        choices=f"{BEST}; {LOOKED}",
    ),
    Claim(
        id="you2019-6-collapse",
        statement="the constant .3 does not keep what it has learnt: test accuracy on complex patterns falls by .1 or more from epoch 20 to 40",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _stage_1(ds, "test_accuracy_complex", "0.3") - _end(ds, "test_accuracy_complex", "0.3"),
        relation=greater(0.1),
        regime=WHOLE,
        choices=LOOKED,
    ),
    Claim(
        id="you2019-7",
        statement="suppression lasts: with decay the noise is memorised less in the end than at the small rate throughout, by .2 or more",
        reference=f"{PAPER}; that it lasts is lrtheory's question",
        status="derived",
        quantity=lambda ds: _end(ds, "train_accuracy_noisy", "0.03") - _end(ds, "train_accuracy_noisy", DECAYED),
        relation=greater(0.2),
        regime=WHOLE,
        headline=True,
    ),
    Claim(
        id="you2019-7-end",
        statement="after decay the noise is memorised: training accuracy on noisy rows above .9 at the end",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _end(ds, "train_accuracy_noisy", DECAYED),
        relation=greater(0.9),
        regime=WHOLE,
    ),
    Claim(
        id="you2019-7-speed",
        statement="and soon: 2 epochs after the first decay the accuracy on noisy rows has risen by .15 or more",
        reference=OURS,
        status="derived",
        quantity=lambda ds: stage(ds.sel(schedule=DECAYED), "train_accuracy_noisy", 121, 1) - _stage_1(ds, "train_accuracy_noisy", DECAYED),
        relation=greater(0.15),
        regime=WHOLE,
        choices=LOOKED,
    ),
    Claim(
        id="you2019-control-constant",
        statement="negative control: without decay the same epochs gain nothing, test accuracy on complex patterns at 2.0 rises by less than .1 from epoch 20 to 40",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _end(ds, "test_accuracy_complex", "2.0") - _stage_1(ds, "test_accuracy_complex", "2.0"),
        relation=less(0.1),
        regime=WHOLE,
    ),
]
