"""Large, then small, against the small rate throughout: at the same number of steps, and at the same summed rate.

The drift runs on the sum of eta^2, so a small rate that is given ten times the steps still has a tenth of the drift.
"""

from __future__ import annotations

from _ren2024 import CHOICES, HIGH, LOW, OURS, P0, ROOT_SEED

from lrtheory import Axis, Claim, Experiment
from lrtheory.claims import Regime
from lrtheory.dynamics import MinibatchSGD
from lrtheory.probes.ren2024 import Manifold
from lrtheory.probes.ren2024_predicted import predicted_b
from lrtheory.relations import equal, greater
from lrtheory.schedules import Piecewise

PHASE = 60000  # steps at the large rate
END = 600000  # the small rate has then gone as far, summed, as the large one in its phase

experiment = Experiment(
    name="ren2024_schedules",
    problem=P0,
    dynamics=MinibatchSGD(),
    schedule=Piecewise(rates=(HIGH, LOW), boundaries=(PHASE,)),
    probes=(Manifold(),),
    n_steps=END,
    n_records=600,
    axes={"first": Axis("schedule.rates.0", (LOW, HIGH), unit="time per step")},
    seeds=16,
    root_seed=ROOT_SEED,
    precision="f64",
    scales={
        "smoke": {"seeds": 3, "n_steps": 20000, "n_records": 20, "schedule.boundaries": (5000,)},
        "laptop": {},
        "paper": {"seeds": 128},
    },
)

LONG = Regime("600,000 steps", lambda ds: int(ds.step.max()) >= END)


def _around(ds, name, first, step, width):
    """Return the mean over the records of the last ``width`` steps up to ``step``, for each seed."""
    kept = (ds.step > step - width) & (ds.step <= step)
    return ds[name].sel(first=first).isel(record=kept.values).mean("record", skipna=False)


def _large(ds):
    """Return the risk 20,000 steps after the large phase."""
    return _around(ds, "risk", HIGH, PHASE + 20000, 4000)


claims = [
    Claim(
        id="ren2024-steps",
        statement="at the same number of steps the small rate alone has more than three times the risk of large-then-small",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _around(ds, "risk", LOW, PHASE + 20000, 4000) / _large(ds),
        relation=greater(3.0),
        regime=LONG,
        choices=CHOICES,
    ),
    Claim(
        id="ren2024-summed-rate",
        statement="at the summed rate of the large phase, after ten times its steps, the small rate alone still has more than twice the risk of large-then-small",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _around(ds, "risk", LOW, END, 4000) / _large(ds),
        relation=greater(2.0),
        regime=LONG,
        choices=CHOICES,
    ),
    Claim(
        id="ren2024-clock",
        statement="after 600,000 steps at the small rate b is that of the drift equation within 10 %",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _around(ds, "b", LOW, END, 4000) / predicted_b(ds.sel(first=LOW), LOW**2 * END, gamma=P0.gamma),
        relation=equal(1.0, 0.1),
        regime=LONG,
    ),
]
