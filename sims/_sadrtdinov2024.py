"""What the sims of Sadrtdinov et al. (2024) share: the tick network, the paper's rates, schedules and lengths.

A step of the clock is 100 iterations on batches of 16 (:class:`lrtheory.dynamics.SphereSGD`). Data seeds are the
replicates; the training seeds of one share its data. Every comparison of rates is on the same batches.

Bounds and margins of the claims were fixed on runs of root seed 0, some of them after looking (their ``choices`` say
which), and the numbers of data seeds on runs of root seed 1, in which many claims were undecided; the runs that are
judged are of another root seed, ROOT_SEED.
"""

from __future__ import annotations

from lrtheory.dynamics import SphereSGD
from lrtheory.probes.sadrtdinov2024 import Basin, Curves, Features
from lrtheory.problems.sadrtdinov2024 import TickNetwork
from lrtheory.schedules import Constant
from lrtheory.sub_paths import Branches

PAPER = "Sadrtdinov et al. 2024"
OURS = "lrtheory: derived for the tick network of Sadrtdinov et al. 2024"
ROOT_SEED = 2
LOOKED = "the bound was chosen after looking at runs of another root seed"

#: The paper's 23 pre-training rates: 10^(-4.5 + .25 j), 10^(-2.25 + .125 j), 10^(-1.25 + .25 j), to three digits.
RATES = (
    3.16e-5, 5.62e-5, 1e-4, 1.78e-4, 3.16e-4, 5.62e-4, 1e-3, 1.78e-3, 3.16e-3,
    5.62e-3, 7.5e-3, 1e-2, 1.33e-2, 1.78e-2, 2.37e-2, 3.16e-2, 4.22e-2,
    5.62e-2, 0.1, 0.178, 0.316, 0.562, 1.0,
)  # fmt: skip
#: Thirteen of them, which keep both sides of every line.
SOME_RATES = (3.16e-5, 1e-4, 1e-3, 3.16e-3, 5.62e-3, 7.5e-3, 1e-2, 1.33e-2, 1.78e-2, 2.37e-2, 4.22e-2, 5.62e-2, 0.178)
#: Fine-tuning: the smallest and the largest rate of the paper's, and one between.
LOW, MID, HIGH = 3.16e-5, 1e-3, 7.5e-3

NETWORK = TickNetwork()
LAW = SphereSGD()
PROBES = (Curves(), Basin(), Features())
FINE_TUNING = Branches(
    schedules=(Constant(rate=LOW), Constant(rate=MID), Constant(rate=HIGH)), labels=("low", "mid", "high")
)


def at(array, *rates):
    """Return what belongs to the given rates: without the axis for one rate, along it for several."""
    return array.sel(rate=rates[0] if len(rates) == 1 else list(rates))
