"""Where learning rates lead: pre-training at a constant rate, then fine-tuning at small rates, or averaging.

The protocol of the paper on its tick data: regimes of the rate, accuracy after fine-tuning and averaging, angles and
barriers between what comes out, and the features that it uses.
"""

from __future__ import annotations

import numpy as np
from _sadrtdinov2024 import (
    FINE_TUNING,
    LAW,
    LOOKED,
    LOW,
    NETWORK,
    OURS,
    PAPER,
    PROBES,
    RATES,
    ROOT_SEED,
    SOME_RATES,
    at,
)

from lrtheory import Axis, Claim, Experiment, SubPaths
from lrtheory.claims import Regime
from lrtheory.probes.sadrtdinov2024_regimes import LINES, averaged, final, gap, pretrained, ranked, tuned
from lrtheory.relations import crosses, equal, follows, greater, increasing, less, ratio, unimodal
from lrtheory.schedules import Constant
from lrtheory.statistics import pseudo_values
from lrtheory.theory.sadrtdinov2024_measures import CONVERGED as CONVERGENCE

experiment = Experiment(
    name="sadrtdinov2024_rates",
    problem=NETWORK,
    dynamics=LAW,
    schedule=Constant(rate=LOW),
    probes=PROBES,
    n_steps=200,
    n_records=20,
    sub_paths=SubPaths(decay_steps=(200,), schedule=FINE_TUNING, n_steps=100, n_records=5),
    axes={"rate": Axis("schedule.rate", SOME_RATES, unit="time per iteration")},
    seeds=1,
    data_seeds=64,
    root_seed=ROOT_SEED,
    precision="f32",
    scales={
        "smoke": {
            "data_seeds": 4, "axes.rate": (LOW, 3.16e-3, 1e-2, 1.78e-2, 0.178),
            "n_steps": 30, "n_records": 3,
            "sub_paths.decay_steps": (30,), "sub_paths.n_steps": 10, "sub_paths.n_records": 2,
        },
        "laptop": {},
        "paper": {
            "root_seed": 1, "seeds": 10, "data_seeds": 5, "axes.rate": RATES, "n_steps": 400, "n_records": 100,
            "sub_paths.decay_steps": (400,), "sub_paths.n_steps": 200, "sub_paths.n_records": 50,
        },
    },
)  # fmt: skip

lines = LINES

#: Rates in regime 1 that have converged by 20,000 iterations, two in 2A, and one each late in 2B and in 3.
CONVERGED = (1e-3, 3.16e-3, 5.62e-3)
GOOD = (1e-2, 1.33e-2)
LATE, RANDOM = 4.22e-2, 0.178

LENGTH = Regime("20,000 + 10,000 iterations or more", lambda ds: int(ds.step.max()) >= 200)
LONG = Regime("40,000 + 20,000 iterations", lambda ds: int(ds.step.max()) >= 400)


def _loss(ds):
    return final(ds, "batch_loss")


def _converged_at(ds, step):
    """Return, for each run at 7.5e-3, whether its batch loss was below 1e-2 around a step of the clock."""
    record = int(np.abs(ds.step.values - step).argmin())
    return (at(ds.batch_loss.isel(record=record), 7.5e-3) < CONVERGENCE).astype(float)


def _top(accuracies):
    """Return the accuracy of the best feature of each run."""
    return ranked(accuracies).isel(feature=0)


def _features(ds):
    return ds.feature_accuracy.isel(decay_step=-1)


def _tuned_features(ds):
    return ds.tuned_feature_accuracy.sel(branch="low").isel(decay_step=-1)


def _average_features(ds):
    return averaged(ds, 10, "average_feature_accuracy")


def _same_top(ds):
    """Return, for each run, whether pre-trained weights and the average of 10 checkpoints use the same feature most."""
    return (_features(ds).argmax("feature") == _average_features(ds).argmax("feature")).astype(float)


def _gain(ds):
    """Return the accuracy after fine-tuning at the low rate, less that of pre-training at that rate."""
    return tuned(ds, "low") - at(pretrained(ds), LOW)


def _averaging(ds):
    """Return what averaging 10 checkpoints gains over the last one."""
    return averaged(ds, 10) - pretrained(ds)


def _pair(ds, name, pair):
    return ds[name].isel(decay_step=-1, pair=pair)


def _worst_pair(ds, name):
    """Return the largest over the three pairs of the mean over training seeds."""
    return ds[name].isel(decay_step=-1).mean("seed").max("pair")


def _correlation(ds, rates):
    """Return pseudo-values, one a data seed, of the correlation over runs of a_(1) and SWA5 accuracy, mean over rates."""

    def value(cells):
        pairs = ([at(v, rate).values.ravel() for v in (_top(_features(cells)), averaged(cells, 5))] for rate in rates)
        return float(np.mean([np.corrcoef(x, y)[0, 1] for x, y in pairs]))

    return pseudo_values(ds[["feature_accuracy", "average_accuracy"]].sel(rate=list(rates)), value, "data_seed")


claims = [
    Claim(
        id="sadrtdinov2024-line-1",
        statement="runs converge at 5.62e-3 and not at 1e-2: the mean of log10(batch loss/1e-2) is below and above 0",
        reference=f"{PAPER}, the line 1|2 at 7.5e-3; the criterion is lrtheory's",
        status="paper",
        quantity=lambda ds: at(np.log10(_loss(ds) / CONVERGENCE), 5.62e-3, 1e-2),
        relation=crosses("rate", 0.0),
        regime=LENGTH,
    ),
    Claim(
        id="sadrtdinov2024-line-1-length",
        statement="the line moves with length: at 7.5e-3 more runs have converged after 20,000 iterations than after 10,000 (share)",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _converged_at(ds, 200) - _converged_at(ds, 100),
        relation=greater(0.0),
        regime=LENGTH,
    ),
    Claim(
        id="sadrtdinov2024-line-2",
        statement="the average of 5 checkpoints is better than pre-training at the smallest rate at 1.33e-2 and worse at 2.37e-2: by how many points it is worse",
        reference=f"{PAPER}, the line 2A|2B at 1.78e-2; the criterion is lrtheory's",
        status="paper",
        quantity=lambda ds: at(at(pretrained(ds), LOW) - averaged(ds, 5), 1.33e-2, 2.37e-2),
        relation=crosses("rate", 0.0),
        regime=LENGTH,
        headline=True,
    ),
    Claim(
        id="sadrtdinov2024-line-3",
        statement="the batch loss is below that of random points of the sphere at 4.22e-2 and above it at 5.62e-2",
        reference=f"{PAPER}, the line 2|3 at 5.6e-2; the criterion is lrtheory's",
        status="paper",
        quantity=lambda ds: at(_loss(ds) - ds.random_loss, 4.22e-2, 5.62e-2),
        relation=crosses("rate", 0.0),
        regime=LENGTH,
    ),
    Claim(
        id="sadrtdinov2024-1-plateau",
        statement="in regime 2 the batch loss rests on a plateau between .3 and 1, at each rate from 1e-2 to 2.37e-2",
        reference=OURS,
        status="derived",
        quantity=lambda ds: at(_loss(ds), 1e-2, 1.33e-2, 1.78e-2, 2.37e-2),
        relation=follows(lambda ds: np.full(4, 0.65), "rate", margin=0.35),
        regime=LENGTH,
    ),
    Claim(
        id="sadrtdinov2024-1-chance",
        statement="in regime 3 the training accuracy is chance (50 ± 2 %), at 5.62e-2 and .178",
        reference=f"{PAPER}: in regime 3 the weights move at random",
        status="paper",
        quantity=lambda ds: at(final(ds, "train_accuracy"), 5.62e-2, RANDOM),
        relation=follows(lambda ds: np.full(2, 50.0), "rate", margin=2.0),
        regime=LENGTH,
    ),
    Claim(
        id="sadrtdinov2024-2",
        statement="in regime 1 the larger the rate the better the test accuracy (3.16e-5 to 5.62e-3)",
        reference=f"{PAPER}: within regime 1 accuracy grows with the rate",
        status="paper",
        quantity=lambda ds: at(pretrained(ds), LOW, *CONVERGED),
        relation=increasing("rate"),
        regime=LENGTH,
    ),
    Claim(
        id="sadrtdinov2024-4",
        statement="accuracy after fine-tuning at the low rate rises with the pre-training rate to a peak in 2A, then falls (3.16e-5, 1e-3, 1e-2, 2.37e-2, .178)",
        reference=f"{PAPER}: fine-tuning from regime 2A is best",
        status="paper",
        quantity=lambda ds: at(_gain(ds), LOW, 1e-3, 1e-2, 2.37e-2, RANDOM),
        relation=unimodal("rate"),
        regime=LENGTH,
        headline=True,
    ),
    Claim(
        id="sadrtdinov2024-4-random",
        statement="fine-tuning from regime 3 is worse than no pre-training at a large rate at all (points)",
        reference=OURS,
        status="derived",
        quantity=lambda ds: at(_gain(ds), RANDOM),
        relation=less(0.0),
        regime=LENGTH,
    ),
    Claim(
        id="sadrtdinov2024-4-late",
        statement="fine-tuning from late 2B (4.22e-2) gains nothing over pre-training at the low rate: 0 ± 3 points",
        reference=OURS,
        status="derived",
        quantity=lambda ds: at(_gain(ds), LATE),
        relation=equal(0.0, 3.0),
        regime=LONG,
        choices="the margin is three standard errors of the 50 runs of the paper's protocol",
    ),
    Claim(
        id="sadrtdinov2024-5",
        statement="the gap between the best feature and the second is larger in 2A (1e-2, 1.33e-2) than at 3.16e-3 and 2.37e-2, by 2 points or more",
        reference=f"{PAPER}: regime 2A learns fewer features; the gap is lrtheory's",
        status="paper",
        quantity=lambda ds: at(gap(_features(ds)), *GOOD).mean("rate")
        - at(gap(_features(ds)), 3.16e-3, 2.37e-2).mean("rate"),
        relation=greater(2.0),
        regime=LENGTH,
        choices=LOOKED,
        headline=True,
    ),
    Claim(
        id="sadrtdinov2024-5-elsewhere",
        statement="the gap is at most 2 points in regimes 1, late 2B and 3 (3.16e-5, 1e-3, 3.16e-3, 4.22e-2, .178)",
        reference=OURS,
        status="derived",
        quantity=lambda ds: at(gap(_features(ds)), LOW, 1e-3, 3.16e-3, LATE, RANDOM),
        relation=follows(lambda ds: np.full(5, 1.0), "rate", margin=1.0),
        regime=LENGTH,
    ),
    Claim(
        id="sadrtdinov2024-5-second",
        statement="the second feature is worth 52 to 55 % at every rate",
        reference=OURS,
        status="derived",
        quantity=lambda ds: ranked(_features(ds)).isel(feature=1),
        relation=follows(lambda ds: np.full(ds.sizes["rate"], 53.25), "rate", margin=1.75),
        regime=LENGTH,
        choices="widened from 52 to 54 %, the range over rates of longer runs, and to 51.5 at the largest rates, after looking",
    ),
    Claim(
        id="sadrtdinov2024-6-tuned",
        statement="fine-tuning at the low rate from 2A (1e-2, 1.33e-2) makes the best feature better (points)",
        reference=f"{PAPER}: fine-tuning makes features sparser",
        status="paper",
        quantity=lambda ds: at(_top(_tuned_features(ds)) - _top(_features(ds)), *GOOD).mean("rate"),
        relation=greater(0.0),
        regime=LENGTH,
    ),
    Claim(
        id="sadrtdinov2024-6-averaged",
        statement="averaging 10 checkpoints in 2A makes the best feature better still than fine-tuning does (points)",
        reference=OURS,
        status="derived",
        quantity=lambda ds: at(_top(_average_features(ds)) - _top(_tuned_features(ds)), *GOOD).mean("rate"),
        relation=greater(0.0),
        regime=LENGTH,
    ),
    Claim(
        id="sadrtdinov2024-6-same",
        statement="up to 5.62e-3 the average of checkpoints uses the same feature most as the last checkpoint, in 80 % of runs or more",
        reference=OURS,
        status="derived",
        quantity=lambda ds: at(_same_top(ds), *CONVERGED).mean("rate"),
        relation=greater(0.8),
        regime=LENGTH,
    ),
    Claim(
        id="sadrtdinov2024-6-other",
        statement="late in 2B (4.22e-2) it does so in less than 60 % of runs",
        reference=OURS,
        status="derived",
        quantity=lambda ds: at(_same_top(ds), LATE),
        relation=less(0.6),
        regime=LENGTH,
        choices=LOOKED,
    ),
    Claim(
        id="sadrtdinov2024-7-small",
        statement="at the smallest rate, what fine-tuning at the low and at the high rate lead to are parted by a training barrier of more than 15 %",
        reference=OURS,
        status="derived",
        quantity=lambda ds: at(_pair(ds, "train_barrier", 0), LOW),
        relation=greater(15.0),
        regime=LENGTH,
    ),
    Claim(
        id="sadrtdinov2024-7-angle",
        statement="and by an angle of more than 1.4 rad",
        reference=OURS,
        status="derived",
        quantity=lambda ds: at(_pair(ds, "angle", 0), LOW),
        relation=greater(1.4),
        regime=LENGTH,
    ),
    Claim(
        id="sadrtdinov2024-7-stable",
        statement="from 1e-3 to 5.62e-3 they lie less than .35 rad apart",
        reference=OURS,
        status="derived",
        quantity=lambda ds: at(_pair(ds, "angle", 0), *CONVERGED),
        relation=follows(lambda ds: np.full(3, 0.175), "rate", margin=0.175),
        regime=LENGTH,
    ),
    Claim(
        id="sadrtdinov2024-8",
        statement="from 2A (1e-2, 1.33e-2) both ends of fine-tuning and the average lie in one basin: the mean test barrier is at most 3 % for each pair",
        reference=f"{PAPER}: from regime 2A all fine-tuned points and the average share one basin",
        status="paper",
        quantity=lambda ds: at(_worst_pair(ds, "test_barrier"), *GOOD).max("rate"),
        relation=less(3.0),
        regime=LENGTH,
        choices="the largest of three pairs and two rates is taken in each data seed; 2 % would be of the median",
        headline=True,
    ),
    Claim(
        id="sadrtdinov2024-8-late",
        statement="from 2B (4.22e-2) they do not: the test barrier between low and high is 4 % or more",
        reference=f"{PAPER}: from regime 2B there is no common basin; the bound is lrtheory's",
        status="paper",
        quantity=lambda ds: at(_pair(ds, "test_barrier", 0), LATE),
        relation=greater(4.0),
        regime=LENGTH,
    ),
    Claim(
        id="sadrtdinov2024-9",
        statement="averaging gains more in 2A (1e-2) than early in 2B (2.37e-2) (points)",
        reference=f"{PAPER}: averaging helps in regime 2A",
        status="paper",
        quantity=lambda ds: at(_averaging(ds), 1e-2) - at(_averaging(ds), 2.37e-2),
        relation=greater(0.0),
        regime=LENGTH,
    ),
    Claim(
        id="sadrtdinov2024-9-converged",
        statement="control: in regime 1 averaging gains nothing (0 ± 1 points, 1e-3 to 5.62e-3)",
        reference=OURS,
        status="derived",
        quantity=lambda ds: at(_averaging(ds), *CONVERGED).mean("rate"),
        relation=equal(0.0, 1.0),
        regime=LENGTH,
    ),
    Claim(
        id="sadrtdinov2024-9-random",
        statement="control: in regime 3 averaging gains nothing (0 ± 1 points, .178)",
        reference=OURS,
        status="derived",
        quantity=lambda ds: at(_averaging(ds), RANDOM),
        relation=equal(0.0, 1.0),
    ),
    Claim(
        id="sadrtdinov2024-10",
        statement="at the end of 2A and in 2B (1.78e-2, 2.37e-2) the average of 50 checkpoints is worse than that of 5 (points)",
        reference=OURS,
        status="derived",
        quantity=lambda ds: at(averaged(ds, 50) - averaged(ds, 5), 1.78e-2, 2.37e-2).mean("rate"),
        relation=less(0.0),
        regime=LENGTH,
    ),
    Claim(
        id="sadrtdinov2024-11",
        statement="in 2A (1e-2, 1.33e-2) the accuracy of the average follows the best feature: their correlation over runs is above .8",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _correlation(ds, GOOD),
        relation=greater(0.8),
        regime=LENGTH,
    ),
    Claim(
        id="sadrtdinov2024-11-converged",
        statement="in regime 1 (1e-3, 3.16e-3) it does not: the correlation is below .45",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _correlation(ds, (1e-3, 3.16e-3)),
        relation=less(0.45),
        regime=LENGTH,
    ),
    Claim(
        id="sadrtdinov2024-12",
        statement="the effective gradient norm falls with the rate from 1e-2 to 2.37e-2: R|g| at 2.37e-2 is less than .8 of that at 1e-2 (ratio of means)",
        reference=OURS,
        status="derived",
        quantity=lambda ds: (at(final(ds, "gradient_norm"), 2.37e-2), at(final(ds, "gradient_norm"), 1e-2)),
        relation=ratio(high=0.8),
        regime=LENGTH,
    ),
    Claim(
        id="sadrtdinov2024-12-random",
        statement="in regime 3 (.178) it is ten times what it is at 2.37e-2, or more (ratio of means)",
        reference=OURS,
        status="derived",
        quantity=lambda ds: (at(final(ds, "gradient_norm"), RANDOM), at(final(ds, "gradient_norm"), 2.37e-2)),
        relation=ratio(low=10.0),
        regime=LENGTH,
    ),
    Claim(
        id="sadrtdinov2024-13-net",
        statement="in regimes 2 and 3 both layers turn alike: the means of log(1 + s^2) over 1,000 iterations agree within 5 % (1e-2 to .178)",
        reference=OURS,
        status="derived",
        quantity=lambda ds: (lambda g: g.isel(group=0) / g.isel(group=1))(
            final(ds, "log_growth").sel(rate=ds.rate >= 9e-3)
        ),
        relation=follows(lambda ds: np.ones(int((ds.rate >= 9e-3).sum())), "rate", margin=0.05),
        regime=LENGTH,
    ),
]
