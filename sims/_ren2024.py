"""What the sims of Ren, Ma and Ying (2024) share: the reference problem P0, and what their claims read off results.

P0 is f = |w| w.x (gamma = 1), n = 20 inputs x ~ N(0, I) in d = 100 dimensions, |alpha*| = 1, static label noise 0.1,
|alpha_0| = 3 in a random direction; SGD draws one input a step and adds fresh label noise of s.d. 1; rate 1e-3, then
1e-4. Each seed has a training set of its own. The paper's noise, spectrum and numbers are not known: these are lrtheory's.

Bounds and margins of the claims were fixed on runs of root seed 0, some of them after looking (their ``choices`` say
which); the runs that are judged are of another root seed, ROOT_SEED.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from lrtheory.probes.ren2024 import tail_mean
from lrtheory.problems.ren2024 import FullNormScaledRegression, NormScaledRegression

PAPER = "Ren, Ma, Ying 2024"
OURS = "lrtheory: derived for the model of Ren, Ma, Ying 2024 with fresh label noise"
CHOICES = "the noise model and every number of the setting are lrtheory's: those of the paper are not known"

P0 = NormScaledRegression(n=20, d=100, gamma=1.0, label_noise=1.0, static_noise=0.1, alpha_star=1.0, radius=3.0)
#: The same in all d coordinates.
FULL = FullNormScaledRegression(**{f.name: getattr(P0, f.name) for f in dataclasses.fields(P0)})
ROOT_SEED = 1

HIGH, LOW = 1e-3, 1e-4
#: The decay steps of P0, and the length of what follows.
DECAY_STEPS = (0, 2000, 4000, 8000, 12000, 16000, 24000, 32000, 44000, 60000)
AFTER = 20000
#: Final levels are means over the last steps of a sub-path.
TAIL = 4000


def nearest(ds, step):
    """Return the number of the record of the main path that is nearest to a step."""
    return int(np.abs(ds.step.values - step).argmin())


def final(ds, name="risk"):
    """Return the final level of a sub-path, for each seed and decay step (and axis)."""
    return tail_mean(ds, name, TAIL)
