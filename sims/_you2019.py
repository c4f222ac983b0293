"""What the sims after You et al. (2019) share: the network, the law, schedules, and readers of accuracies by kind.

The setting: 10 simple and 100 complex patterns a class in 128 dimensions, 2,000 training rows of each and 400 noisy ones,
noise of .5 around the patterns, a network of two hidden layers of 256 with layer normalisation, SGD on batches of 32,
weight decay 2e-3. 4,400 rows are 137.5 iterations an epoch, so steps of the clock of 55 iterations are .4 epochs.

No number of the paper is known here. Data seeds are the replicates. Bounds of claims were fixed on runs of root seed 0,
some of them after looking (their ``choices`` say which), and the numbers of data seeds on runs of root seed 1, in which
some claims were undecided; the runs that are judged are of another root seed, ROOT_SEED.
"""

from __future__ import annotations

from lrtheory.dynamics import EpochSGD
from lrtheory.problems.you2019 import PatternNetwork
from lrtheory.schedules import Piecewise

PAPER = "You et al. 2019 (claim read in the abstract; setting and bound are lrtheory's)"
RECALLED = "You et al. 2019 (recalled; setting and bound are lrtheory's)"
OURS = "lrtheory: derived for pattern separation after You et al. 2019"
ROOT_SEED = 2
LOOKED = "the bound was chosen after looking at runs of another root seed"

NETWORK = PatternNetwork()
WEIGHT_DECAY = 2e-3
#: Steps of .4 epochs; averages of checkpoints over 10 epochs.
LAW = EpochSGD(weight_decay=WEIGHT_DECAY, iterations=55, averages=(25,))

#: The large rate, what it is decayed to, and the small one that is held throughout.
LARGE, MIDDLE, END, SMALL = 2.0, 0.1, 0.01, 0.03


def decayed(*rates, at):
    """Return a schedule that goes through the rates, from each to the next at the given steps of the clock."""
    return Piecewise(rates=tuple(rates), boundaries=tuple(float(step) for step in at))


def constant(rate, at):
    """Return a constant rate in the form of :func:`decayed`, so that both are values of one axis."""
    return decayed(*(rate for _ in range(len(at) + 1)), at=at)


def stage(ds, name, last, records=2):
    """Return the mean of what was recorded at the last few records up to a step of the clock."""
    steps = ds.step.values
    ends = [i for i in range(len(steps)) if steps[i] <= last][-records:]
    return ds[name].isel(record=ends).mean("record")


def final(ds, name):
    """Return what was recorded at the end."""
    return ds[name].isel(record=-1)
