"""Only the temperature matters: P error and Q loss against a constant theta = eta/eta1, at infinite width."""

from __future__ import annotations

import numpy as np

from lrtheory import Axis, Claim, Experiment
from lrtheory.dynamics.li2019_modes import ModeFlow
from lrtheory.probes.li2019_infinite import QBranch, Signal, TestP, TrainByKind
from lrtheory.problems.li2019_infinite import InfiniteWidth
from lrtheory.relations import decreasing, increasing, less
from lrtheory.schedules import Constant

CHOICES = "setting of li2019_separation (exploratory); equal cumulative rate t = 4000, training losses differ"

experiment = Experiment(
    name="li2019_temperature",
    problem=InfiniteWidth(),
    dynamics=ModeFlow(weight_decay=1e-4, h=8.0),
    schedule=Constant(rate=1.0),
    probes=(TrainByKind(), TestP(n_test=4000), QBranch(), Signal()),
    n_steps=500,
    n_records=20,
    axes={"theta": Axis("schedule.rate", tuple(float(f"{v:.3g}") for v in np.geomspace(1e-5, 1.0, 16)))},
    seeds=16,
    precision="f32",
    scales={
        "smoke": {"seeds": 4, "dynamics.h": 16.0, "n_steps": 250, "axes.theta": (1e-5, 1e-3, 1e-2, 1e-1, 1.0)},
        "laptop": {},
        "paper": {
            "seeds": 64,
            "dynamics.h": 4.0,
            "n_steps": 1000,
            "axes.theta": tuple(float(f"{v:.4g}") for v in np.geomspace(1e-5, 1.0, 41)),
        },
    },
)


def _p_error(ds):
    return ds.p_test_error.isel(record=-1).transpose("seed", "theta")


def _rank_correlation(ds):
    """Return, a seed, Spearman's rank correlation between theta and the final P error."""
    from scipy import stats

    return [stats.spearmanr(ds.theta.values, row).statistic for row in _p_error(ds).values]


def _largest_decade(ds):
    """Return, a seed, the largest fall of the P error over one decade of theta, as a share of the whole fall."""
    error, log_theta = _p_error(ds).values, np.log10(ds.theta.values)
    start = np.linspace(log_theta[0], log_theta[-1] - 1, 81)
    falls = [np.interp(start, log_theta, row) - np.interp(start + 1, log_theta, row) for row in error]
    return np.max(falls, axis=1) / (error[:, 0] - error[:, -1])


claims = [
    Claim(
        id="li2019-13a",
        statement="P error falls with the temperature theta: nowhere is it above that at a smaller theta by more than 0.005",
        reference="lrtheory: temperature scan; the tolerance is lrtheory's",
        status="derived",
        quantity=_p_error,
        relation=decreasing("theta", tolerance=0.005),
        choices=f"{CHOICES}; the tolerance was chosen after looking",
    ),
    Claim(
        id="li2019-13a-rank",
        statement="P error falls in rank with the temperature theta (mean Spearman correlation below -0.9)",
        reference="lrtheory: temperature scan",
        status="derived",
        quantity=_rank_correlation,
        relation=less(-0.9),
        choices=CHOICES,
    ),
    Claim(
        id="li2019-13b",
        statement="Q-only training loss rises with the temperature theta, from each value to the next",
        reference="lrtheory: temperature scan",
        status="derived",
        quantity=lambda ds: ds.train_loss_q_only.isel(record=-1),
        relation=increasing("theta"),
        choices=CHOICES,
    ),
    Claim(
        id="li2019-13c",
        statement="the crossover is smooth at d = 100: no decade of theta carries more than 80 % of the fall of the P error",
        reference="lrtheory: temperature scan; the band is lrtheory's",
        status="derived",
        quantity=_largest_decade,
        relation=less(0.8),
        choices=CHOICES,
    ),
]
