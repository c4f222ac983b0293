"""Full-batch gradient descent with decay: without noise of batches there is nothing to remove, and nothing is gained."""

from __future__ import annotations

from _you2019 import LOOKED, OURS, RECALLED, ROOT_SEED, constant, decayed, final

from lrtheory import Axis, Claim, Experiment
from lrtheory.claims import Regime
from lrtheory.dynamics import GD
from lrtheory.probes.sharpness import Sharpness
from lrtheory.probes.you2019 import ByKind
from lrtheory.probes.you2019_memory import at_equal_fit, at_step
from lrtheory.problems.you2019 import PatternNetwork
from lrtheory.problems.you2019_network import LayerNormNetwork
from lrtheory.relations import equal, greater, less, ratio

#: Decay once everything is fitted, and decay before.
LATE, EARLY, STEPS = 400, 20, 600

experiment = Experiment(
    name="you2019_gd",
    problem=PatternNetwork(
        d=64, simple=3, complex=30, n_simple=600, n_complex=600, n_noisy=120, network=LayerNormNetwork(hidden=(64, 64))
    ),
    dynamics=GD(),
    schedule=constant(1.0, (LATE,)),
    probes=(ByKind(), Sharpness()),
    n_steps=STEPS,
    n_records=3,
    record_at=(EARLY, 40, 60, 80, 100),
    axes={
        "schedule": Axis(
            "schedule",
            (decayed(1.0, 0.1, at=(LATE,)), decayed(1.0, 0.1, at=(EARLY,)), constant(1.0, (LATE,)), constant(0.1, (LATE,))),
            labels=("1.0, decayed late", "1.0, decayed early", "1.0", "0.1"),
        )
    },
    seeds=1,
    data_seeds=6,
    root_seed=ROOT_SEED,
    precision="f32",
    scales={
        "smoke": {"data_seeds": 2, "n_steps": 2, "n_records": 2, "record_at": (1,)},
        "laptop": {},
        "paper": {"data_seeds": 32},
    },
)  # fmt: skip

WHOLE = Regime("600 steps", lambda ds: int(ds.step.max()) == STEPS)


def _end(ds, name, schedule):
    return final(ds.sel(schedule=schedule), name)


def _at_loss(ds, schedule, loss=0.7):
    """Return the sharpness when the loss on noisy rows first falls to a level, interpolated between records."""
    cells = ds.sel(schedule=schedule)
    return at_equal_fit(cells.assign(fit=-cells.train_loss_noisy), "sharpness", "fit", -loss)


def _late(ds):
    return _end(ds, "test_accuracy_complex", "1.0, decayed late") - _end(ds, "test_accuracy_complex", "1.0")


claims = [
    Claim(
        id="you2019-10",
        statement="full-batch GD gains nothing from decay: after 400 steps at 1.0, test accuracy on complex patterns ends where it does without (0 ± .02)",
        reference=RECALLED,
        status="recalled",
        quantity=_late,
        relation=equal(0.0, 0.02),
        regime=WHOLE,
    ),
    Claim(
        id="you2019-10-early",
        statement="nor before everything is fitted: with decay after 20 steps it ends below that without",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _end(ds, "test_accuracy_complex", "1.0, decayed early") - _end(ds, "test_accuracy_complex", "1.0"),
        relation=less(0.0),
        regime=WHOLE,
    ),
    Claim(
        id="you2019-11",
        statement="there is no bouncing to remove: at 1.0 the sharpness after 100 steps is below 2/eta = 2",
        reference=OURS,
        status="derived",
        quantity=lambda ds: at_step(ds.sel(schedule="1.0"), "sharpness", 100),
        relation=less(2.0),
        regime=WHOLE,
    ),
    Claim(
        id="you2019-11-start",
        statement="though the start is above it: sharpness over 2/eta = 2 before the first step",
        reference=OURS,
        status="derived",
        quantity=lambda ds: at_step(ds.sel(schedule="1.0"), "sharpness", 0),
        relation=greater(2.0),
    ),
    Claim(
        id="you2019-12",
        statement="a small rate ends sharper: after 600 steps the sharpness at .1 is over 3 times that at 1.0",
        reference=OURS,
        status="derived",
        quantity=lambda ds: (_end(ds, "sharpness", "0.1"), _end(ds, "sharpness", "1.0")),
        relation=ratio(low=3.0),
        regime=WHOLE,
    ),
    Claim(
        id="you2019-12-equal",
        statement="for being slow alone: at equal loss of .7 on noisy rows the sharpness at .1 is that at 1.0 within a quarter",
        reference=OURS,
        status="derived",
        quantity=lambda ds: tuple(_at_loss(ds, rate) for rate in ("0.1", "1.0")),
        relation=ratio(0.8, 1.25),
        regime=WHOLE,
        choices=LOOKED,
    ),
]
