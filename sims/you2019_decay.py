"""What happens at a decay, whenever it comes: what is gained, how far the weights go, and what a return undoes."""

from __future__ import annotations

from _you2019 import END, LARGE, LAW, LOOKED, MIDDLE, NETWORK, OURS, RECALLED, ROOT_SEED, decayed

from lrtheory import Claim, Experiment, SubPaths
from lrtheory.claims import Regime
from lrtheory.probes.you2019 import ByKind, Decays
from lrtheory.probes.you2019_decays import beyond_average, explained, gained, kept, reach
from lrtheory.relations import equal, greater, less, ratio
from lrtheory.schedules import Constant
from lrtheory.sub_paths import Branches

#: Steps of .4 epochs: decays after 2, 10, 20 and 30 epochs; 8 epochs at the middle rate, then 6 at either end's.
DECAYS, MIDDLE_STEPS, SUB_STEPS = (5, 25, 50, 75), 20, 35

experiment = Experiment(
    name="you2019_decay",
    problem=NETWORK,
    dynamics=LAW,
    schedule=Constant(rate=LARGE),
    probes=(ByKind(), Decays()),
    n_steps=DECAYS[-1],
    n_records=15,
    sub_paths=SubPaths(
        decay_steps=DECAYS,
        schedule=Branches(
            schedules=(decayed(MIDDLE, END, at=(MIDDLE_STEPS,)), decayed(MIDDLE, LARGE, at=(MIDDLE_STEPS,))),
            labels=("decay", "return"),
        ),
        n_steps=SUB_STEPS,
        n_records=7,
    ),
    seeds=1,
    data_seeds=12,
    root_seed=ROOT_SEED,
    precision="f32",
    scales={
        "smoke": {
            "data_seeds": 2, "n_steps": 2, "n_records": 1, "sub_paths.decay_steps": (1, 2), "sub_paths.n_steps": 2,
            "sub_paths.n_records": 1,
        },
        "laptop": {},
        "paper": {"data_seeds": 64},
    },
)  # fmt: skip

WHOLE = Regime("decays after 2, 10, 20 and 30 epochs", lambda ds: list(ds.decay_step.values) == list(DECAYS))
#: The decay after 20 epochs, that of the other sims; and those from a large rate that has settled.
AT, SETTLED = 50, DECAYS[1:]


def _at(found, step=AT):
    """Return what belongs to a decay: of one reading, or of a pair."""
    return tuple(_at(part, step) for part in found) if isinstance(found, tuple) else found.sel(decay_step=step)


def _settled(found):
    """Return the mean over the decays after 10, 20 and 30 epochs: of one reading, or of a pair."""
    if isinstance(found, tuple):
        return tuple(_settled(part) for part in found)
    return found.sel(decay_step=list(SETTLED)).mean("decay_step")


def _decayed(ds, name):
    """Return what was recorded at the end of decay from each decay step."""
    return ds[f"sub_{name}"].sel(branch="decay").isel(sub_record=-1)


claims = [
    Claim(
        id="you2019-average",
        statement="decay does more than average noise away: its test accuracy on complex patterns ends above that of the averaged large-rate weights by .05 or more",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _at(beyond_average(ds)),
        relation=greater(0.05),
        regime=WHOLE,
        choices=LOOKED,
    ),
    Claim(
        id="you2019-average-most",
        statement="but most of the gain is noise averaged away: of the complex test inputs gained by decay at least half are right under the average already",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _at(explained(ds)),
        relation=ratio(low=0.5),
        regime=WHOLE,
        choices=LOOKED,
    ),
    Claim(
        id="you2019-average-early",
        statement="before the large rate has settled it is learning: after 2 epochs less than a third of the gain is right under the average",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _at(explained(ds), DECAYS[0]),
        relation=ratio(high=1 / 3),
        regime=WHOLE,
        choices=LOOKED,
    ),
    Claim(
        id="you2019-gained",
        statement="what decay gains are complex patterns: the gained share of complex training rows is over 3 times that of simple ones (mean over the decays after 10, 20 and 30 epochs)",
        reference=RECALLED,
        status="recalled",
        quantity=lambda ds: _settled(gained(ds)),
        relation=ratio(low=3.0),
        regime=WHOLE,
    ),
    Claim(
        id="you2019-gained-noisy",
        statement="and noise: the gained share of noisy rows is above that of complex ones",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _at((ds.gained_train_noisy - ds.gained_train_complex).sel(branch="decay")),
        relation=greater(0.0),
        regime=WHOLE,
        choices=LOOKED,
    ),
    Claim(
        id="you2019-moved",
        statement="after decay the weights go far beyond the noise: they turn from their average by over 3 times what noise turns them",
        reference="lrtheory: what is expected if decay learns new patterns",
        status="derived",
        quantity=lambda ds: _at(reach(ds)),
        relation=ratio(low=3.0),
        regime=WHOLE,
    ),
    Claim(
        id="you2019-return",
        statement="what decay taught is kept: 4 to 6 epochs after a return to 2.0 the test accuracy on complex patterns is above that before the decay by .1 or more",
        reference="lrtheory: what is expected if decay learns new patterns",
        status="derived",
        quantity=lambda ds: _settled(kept(ds)),
        relation=greater(0.1),
        regime=WHOLE,
    ),
    Claim(
        id="you2019-return-lost",
        statement="4 to 6 epochs after a return it is what it was, within .05",
        reference="lrtheory: what is expected if decay removes noise",
        status="derived",
        quantity=lambda ds: _settled(kept(ds)),
        relation=equal(0.0, 0.05),
        regime=WHOLE,
        choices=LOOKED,
    ),
    Claim(
        id="you2019-time",
        statement="a longer large-rate stage does not help without end: decay after 30 epochs ends below decay after 10, in test accuracy on complex patterns",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _at(_decayed(ds, "test_accuracy_complex"), 75) - _at(_decayed(ds, "test_accuracy_complex"), 25),
        relation=less(0.0),
        regime=WHOLE,
        choices=LOOKED,
    ),
    Claim(
        id="you2019-time-early",
        statement="but some is needed: decay after 10 epochs ends above decay after 2, by .02 or more",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _at(_decayed(ds, "test_accuracy_complex"), 25) - _at(_decayed(ds, "test_accuracy_complex"), 5),
        relation=greater(0.02),
        regime=WHOLE,
        choices=LOOKED,
    ),
]
