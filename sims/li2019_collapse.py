"""Is it the rate or the noise? A finite network over (rate eta, noise factor f), stopped at equal cumulative rate.

The temperature is theta = f^2 eta/eta1. Cells of one temperature and different rates must agree; a large rate without
noise must behave as a small rate does; a small rate with its noise raised to theta = 1 as a large one does.
"""

from __future__ import annotations

from lrtheory import Axis, Claim, Experiment
from lrtheory.claims import Regime
from lrtheory.dynamics import NoisyGD
from lrtheory.probes.li2019 import QBranch, Signal, TrainByKind
from lrtheory.problems.li2019 import BlockNetwork
from lrtheory.relations import ratio
from lrtheory.schedules import Stages

ETA1 = 0.4
RATES = (0.1, 0.4)
#: Squared noise factors: (0.1, 0.04) and (0.4, 0.01) have theta = 0.01, (0.1, 4) and (0.4, 1) have theta = 1.
FACTORS = (0.0, 0.01, 0.04, 1.0, 4.0)
TIME = 150.0

experiment = Experiment(
    name="li2019_collapse",
    problem=BlockNetwork(d=50, kappa=0.5, gamma0=0.3 / 50**0.5, r=0.05, s=10.0, m_w=128, m_v=5120),
    dynamics=NoisyGD(weight_decay=2e-4, reference_rate=ETA1),
    schedule=Stages(rates=(ETA1,), levels=(-1.0,), caps=(TIME,), observe=("loss",)),
    probes=(TrainByKind(), QBranch(), Signal()),
    n_steps=round(TIME / min(RATES)) + 1,
    n_records=10,
    axes={
        "rate": Axis("schedule.rates.0", RATES),
        "factor2": Axis("dynamics.noise_factor", tuple(f**0.5 for f in FACTORS), labels=FACTORS),
    },
    seeds=16,
    precision="f32",
    scales={
        "smoke": {"seeds": 3, "schedule.caps.0": 60.0, "n_steps": 601, "problem.m_v": 1024},
        "laptop": {},
        "paper": {"seeds": 64, "problem.m_v": 20_480, "problem.m_w": 512},
    },
)


def _learnt(ds, rate, factor2):
    """Return -D2 at the end: how much of Q is learnt."""
    return -ds.d2.isel(record=-1).sel(rate=rate, factor2=factor2, method="nearest")


def _apart(ds, first, second):
    """Return the difference of two D2, and D2 without noise: full D2."""
    return _learnt(ds, *first) - _learnt(ds, *second), _learnt(ds, ETA1, 0.0)


CHOICES = "lambda = 2e-4, t = 150 and |z| = 10: chosen so that temperatures differ visibly within seconds"
REFERENCE = "lrtheory: the rate enters only through theta"
#: Earlier the temperatures have hardly come apart, and their gaps are not yet large against full D2.
LATE = Regime(f"t = {TIME:g}", lambda ds: float(ds.time.max()) > 0.999 * TIME)

claims = [
    Claim(
        id="li2019-12a",
        statement="only the temperature matters: D2 at theta = 0.01 is the same at rate 0.1 and 0.4, within 10 % of full D2",
        reference=REFERENCE,
        status="derived",
        quantity=lambda ds: _apart(ds, (0.1, 0.04), (0.4, 0.01)),
        relation=ratio(-0.1, 0.1),
        regime=LATE,
        choices=CHOICES,
    ),
    Claim(
        id="li2019-12a-control",
        statement="positive control: at equal noise factor 0.2 a rate of 0.1 leaves more D2 than 0.4, by over 10 % of full D2",
        reference=REFERENCE,
        status="derived",
        quantity=lambda ds: _apart(ds, (0.1, 0.04), (0.4, 0.04)),
        relation=ratio(low=0.1),
        regime=LATE,
        choices=CHOICES,
    ),
    Claim(
        id="li2019-12c",
        statement="noise only: a small rate with its noise raised to theta = 1 has the D2 of the large rate, within 10 % of full D2",
        reference=REFERENCE,
        status="derived",
        quantity=lambda ds: _apart(ds, (0.1, 4.0), (0.4, 1.0)),
        relation=ratio(-0.1, 0.1),
        regime=LATE,
        choices=CHOICES,
    ),
    Claim(
        id="li2019-12d",
        statement="negative control, rate only: without noise a large rate has the D2 of a small one, within 10 % of full D2",
        reference=REFERENCE,
        status="derived",
        quantity=lambda ds: _apart(ds, (0.1, 0.0), (0.4, 0.0)),
        relation=ratio(-0.1, 0.1),
        choices=CHOICES,
    ),
    Claim(
        id="li2019-12e",
        statement="and the noise does block Q: at theta = 1 and the large rate, D2 is below half of full D2",
        reference=REFERENCE,
        status="derived",
        quantity=lambda ds: (_learnt(ds, 0.4, 1.0), _learnt(ds, 0.4, 0.0)),
        relation=ratio(high=0.5),
        choices=CHOICES,
    ),
]
