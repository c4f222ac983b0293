"""L-S against S with a finite network: anneal, then stop at a training loss, on the setting of li2019_small_infinite."""

from __future__ import annotations

from lrtheory import Claim, Experiment
from lrtheory.dynamics import NoisyGD
from lrtheory.probes.li2019 import QBranch, Signal, TestP, TrainByKind
from lrtheory.problems.li2019 import BlockNetwork
from lrtheory.relations import ratio
from lrtheory.schedules import algorithms

ETA1 = 0.5
CAP = 2500.0
ALGORITHMS = algorithms(1e-4 * ETA1, anneal=1000.0, end=CAP, anneal_at=0.12, stop_at=0.075, large=ETA1)

experiment = Experiment(
    name="li2019_finite",
    problem=BlockNetwork(d=50, kappa=0.35, gamma0=0.3 / 50**0.5, r=0.05, s=10.0, m_w=512, m_v=10_240),
    dynamics=NoisyGD(weight_decay=2e-4, reference_rate=ETA1, macro_step=ETA1),
    schedule=ALGORITHMS.values[1],
    probes=(TrainByKind(), TestP(n_test=4000), QBranch(), Signal()),
    n_steps=round(CAP / ETA1) + 3,
    n_records=25,
    axes={"algorithm": ALGORITHMS},
    seeds=16,
    precision="f32",
    scales={
        "smoke": {
            "seeds": 4, "problem.m_w": 64, "problem.m_v": 2048, "n_steps": 503,
            "axes.algorithm": algorithms(1e-4 * ETA1, anneal=100.0, end=250.0, stop_at=0.075, large=ETA1),
        },
        "laptop": {},
        "paper": {"seeds": 64, "problem.m_w": 1024, "problem.m_v": 20_480},
    },
)  # fmt: skip


def at_stop(ds, algorithm):
    """Return the state at which an algorithm stopped; NaN for a seed that did not reach the level."""
    end = ds.sel(algorithm=algorithm).isel(record=-1)
    return end.where(end.stage_reason.isel(stage_index=-1) == 1)


claims = [
    Claim(
        id="li2019-1e",
        statement="a finite network shows the separation too: P-only test error of S at least 1.5 times that of L-S at training loss 0.075",
        reference="Li, Wei, Ma 2019, arXiv 1907.04595: separation of L-S and S; setting and factor are lrtheory's",
        status="recalled",
        quantity=lambda ds: (at_stop(ds, "S").p_test_error, at_stop(ds, "L-S").p_test_error),
        relation=ratio(low=1.5),
        choices="d = 50, |z| = 10 and the stop at 0.075 were chosen so that minutes suffice; the factor is smaller than at d = 100",
    ),
]
