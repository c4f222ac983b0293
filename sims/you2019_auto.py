"""Decay when the loss stops falling, instead of at epochs that were fixed before."""

from __future__ import annotations

from _you2019 import END, LARGE, LAW, LOOKED, MIDDLE, NETWORK, OURS, RECALLED, ROOT_SEED, final

from lrtheory import Claim, Experiment
from lrtheory.claims import Regime
from lrtheory.probes.you2019 import ByKind
from lrtheory.relations import greater, less
from lrtheory.schedules import AutoDecay

STEPS = 100  # 40 epochs

experiment = Experiment(
    name="you2019_auto",
    problem=NETWORK,
    dynamics=LAW,
    # Windows of 2 epochs: at the large rate the loss wanders by more than 1 % from one to the next.
    schedule=AutoDecay(rates=(LARGE, MIDDLE, END), window=5.0, tolerance=0.01),
    probes=(ByKind(),),
    n_steps=STEPS,
    n_records=20,
    seeds=1,
    data_seeds=8,
    root_seed=ROOT_SEED,
    precision="f32",
    scales={
        "smoke": {"data_seeds": 2, "n_steps": 2, "n_records": 1},
        "laptop": {},
        "paper": {"data_seeds": 64},
    },
)  # fmt: skip

WHOLE = Regime("40 epochs", lambda ds: int(ds.step.max()) == STEPS)
EPOCH = 2.5  # steps of the clock


def _at_decay(ds, name):
    """Return what was recorded last before the first decay, for each run; NaN where there was none."""
    first = ds.stage_step.isel(stage_index=0)
    record = (ds.step <= first).sum("record") - 1
    return ds[name].isel(record=record.clip(min=0)).where(first > 0)


claims = [
    Claim(
        id="you2019-auto",
        statement="the loss stops falling at the large rate within 20 epochs, and the rate is cut: the epoch of the first decay",
        reference=f"{RECALLED}: moving averages of the loss pick decay times",
        status="derived",
        unit="epoch",
        quantity=lambda ds: ds.stage_step.isel(stage_index=0).where(ds.stage_step.isel(stage_index=0) > 0) / EPOCH,
        relation=less(20.0),
        regime=WHOLE,
    ),
    Claim(
        id="you2019-auto-complex",
        statement="complex patterns are learnt after it: their test accuracy rises by .3 or more",
        reference=RECALLED,
        status="recalled",
        quantity=lambda ds: final(ds, "test_accuracy_complex") - _at_decay(ds, "test_accuracy_complex"),
        relation=greater(0.3),
        regime=WHOLE,
        choices=LOOKED,
    ),
    Claim(
        id="you2019-auto-final",
        statement="and ends above .84, where decay at fixed epochs from the same rate ends (main setting, another root seed)",
        reference=OURS,
        status="derived",
        quantity=lambda ds: final(ds, "test_accuracy_complex"),
        relation=greater(0.84),
        regime=WHOLE,
        choices=LOOKED,
    ),
]
