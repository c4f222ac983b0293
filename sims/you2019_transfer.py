"""Whether what is learnt late serves other tasks less, stage by stage, under decay and at constant rates."""

from __future__ import annotations

import dataclasses

from _you2019 import END, LARGE, LAW, LOOKED, MIDDLE, NETWORK, OURS, PAPER, ROOT_SEED, constant, decayed

from lrtheory import Axis, Claim, Experiment
from lrtheory.claims import Regime
from lrtheory.probes.you2019_transfer import Transfer, gains
from lrtheory.problems.you2019_data import Blocks
from lrtheory.relations import equal, greater, less
from lrtheory.statistics import pseudo_values

AT, STEPS = (50, 75), 100

experiment = Experiment(
    name="you2019_transfer",
    problem=dataclasses.replace(NETWORK, form=Blocks()),
    dynamics=LAW,
    schedule=decayed(LARGE, MIDDLE, END, at=AT),
    probes=(Transfer(),),
    n_steps=STEPS,
    n_records=4,
    axes={
        "schedule": Axis(
            "schedule",
            (decayed(LARGE, MIDDLE, END, at=AT), constant(LARGE, AT), constant(MIDDLE, AT)),
            labels=("2.0, decayed", "2.0", "0.1"),
        )
    },
    seeds=1,
    data_seeds=12,
    root_seed=ROOT_SEED,
    precision="f32",
    scales={
        "smoke": {"data_seeds": 2, "n_steps": 4, "n_records": 4},
        "laptop": {},
        "paper": {"data_seeds": 64},
    },
)  # fmt: skip

WHOLE = Regime("40 epochs, decays after 20 and 30", lambda ds: int(ds.step.max()) == STEPS)
CUTS = (0, *AT, STEPS)
DECAYED = "2.0, decayed"


def _gains(ds, schedule, stage):
    """Return what a stage added to target and source accuracy, for each run."""
    return tuple(gain.sel(stage=stage) for gain in gains(ds.sel(schedule=schedule), CUTS))


def _falls(ds):
    """Return pseudo-values, one a data seed, of T_1 - T_2 under decay."""

    def value(cells):
        first, second = (_gains(cells, DECAYED, stage) for stage in (1, 2))
        return float(first[0].mean() / first[1].mean() - second[0].mean() / second[1].mean())

    return pseudo_values(ds[["target_accuracy", "source_accuracy"]], value, "data_seed")


claims = [
    Claim(
        id="you2019-13",
        statement="what is learnt late serves another task less: the transferability of the first stage is above that of the second by .1 or more",
        reference=f"{PAPER}; the direction is the paper's, tasks and bound are lrtheory's",
        status="paper",
        quantity=_falls,
        relation=greater(0.1),
        regime=WHOLE,
    ),
    Claim(
        id="you2019-13-second",
        statement="what the second stage adds hardly serves the target: its target gain is below .02",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _gains(ds, DECAYED, 2)[0],
        relation=less(0.02),
        regime=WHOLE,
        choices=LOOKED,
    ),
    Claim(
        id="you2019-13-source",
        statement="while the source gains by .2 or more in it",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _gains(ds, DECAYED, 2)[1],
        relation=greater(0.2),
        regime=WHOLE,
        choices=LOOKED,
    ),
    Claim(
        id="you2019-13-third",
        statement="transferability of the third stage is undefined: the source gains less than .02 in it",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _gains(ds, DECAYED, 3)[1],
        relation=less(0.02),
        regime=WHOLE,
    ),
    Claim(
        id="you2019-13-control",
        statement="control: at the constant rate .1 the first 20 epochs have learnt all that the source teaches, and the next 10 add less than .03",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _gains(ds, "0.1", 2)[1],
        relation=less(0.03),
        regime=WHOLE,
        choices=LOOKED,
    ),
    Claim(
        id="you2019-13-final",
        statement="in the end both serve the target alike: accuracy of the probe with decay is that at the constant rate .1 within .02",
        reference=OURS,
        status="derived",
        quantity=lambda ds: ds.target_accuracy.sel(schedule=DECAYED).isel(record=-1) - ds.target_accuracy.sel(schedule="0.1").isel(record=-1),
        relation=equal(0.0, 0.02),
        regime=WHOLE,
        choices=LOOKED,
    ),
]
