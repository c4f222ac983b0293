"""From finite to infinite width: the network of Li, Wei, Ma at growing width, on the training sets of li2019_small_infinite."""

from __future__ import annotations

from lrtheory import Axis, Claim, Experiment
from lrtheory.claims import Regime
from lrtheory.dynamics import NoisyGD
from lrtheory.probes.li2019 import Activations, QBranch, Signal, TestP, TrainByKind
from lrtheory.problems.li2019 import BlockNetwork
from lrtheory.relations import equal, follows, slope
from lrtheory.schedules import Constant
from lrtheory.theory import li2019 as theory

ETA1 = 0.5
THETAS = (1e-4, 1.0)
LAMBDA = 2e-4
WIDTHS = (64, 256, 1024)


def _network(m_w):
    """Return the network with m_w units on P and 20 times as many on Q, which needs more (exploratory)."""
    return BlockNetwork(d=50, kappa=0.35, gamma0=0.3 / 50**0.5, r=0.05, s=10.0, m_w=m_w, m_v=20 * m_w)


def _axis(widths):
    return Axis("problem", tuple(_network(m) for m in widths), labels=widths)


experiment = Experiment(
    name="li2019_width",
    problem=_network(WIDTHS[0]),
    dynamics=NoisyGD(weight_decay=LAMBDA, reference_rate=ETA1, macro_step=ETA1),
    schedule=Constant(rate=ETA1),
    probes=(TrainByKind(), TestP(n_test=4000), QBranch(), Signal(), Activations()),
    n_steps=1000,
    n_records=25,
    axes={
        "width": _axis(WIDTHS),
        "theta": Axis("schedule.rate", tuple(ETA1 * theta for theta in THETAS), labels=THETAS),
    },
    seeds=8,
    precision="f32",
    scales={
        "smoke": {"seeds": 4, "axes.width": _axis((32, 128)), "n_steps": 200, "n_records": 10},
        "laptop": {},
        "paper": {"seeds": 32, "axes.width": _axis((64, 256, 1024, 4096)), "n_steps": 2000},
    },
)


def _end(ds, name, theta):
    return ds[name].isel(record=-1).sel(theta=theta)


def _law_of_variance(ds):
    """Return the law of the variance of the noise at every record, at the small rate: all cells share its clock."""
    time = ds.time.sel(theta=THETAS[0]).isel(width=-1, seed=0)
    return theory.noise_variance_ratio(time.values, LAMBDA, THETAS[0])


#: Two points fit any power.
POINTS = Regime("three widths or more", lambda ds: ds.sizes["width"] >= 3)

CHOICES = "W at the large rate and V at the small one, where each learns; 20 units on Q for each unit on P, tau0 = 10 and 100: chosen so that the widest network is near the limit"

claims = [
    Claim(
        id="li2019-10a",
        statement="the share of W activations changed by the signal, at theta = 1, falls as a power of width: slope in [-0.7, -0.3]",
        reference="Li, Wei, Ma 2019: patterns are set by the noise (recalled); exponent expected from |signal of a unit| ~ m^(-1/2)",
        status="derived",
        quantity=lambda ds: _end(ds, "changed_w", 1.0),
        relation=slope("width", -0.7, -0.3),
        regime=POINTS,
        choices=CHOICES,
    ),
    Claim(
        id="li2019-10b",
        statement="the share of V activations changed by the signal, at theta = 1e-4, falls as a power of width: slope in [-0.7, -0.3]",
        reference="Li, Wei, Ma 2019: patterns are set by the noise (recalled); exponent expected from |signal of a unit| ~ m^(-1/2)",
        status="derived",
        quantity=lambda ds: _end(ds, "changed_v", 1e-4),
        relation=slope("width", -0.7, -0.3),
        regime=POINTS,
        choices=CHOICES,
    ),
    Claim(
        id="li2019-10c",
        statement="the gap between the network and the one with the activations of its noise falls with width (slope < 0)",
        reference="Li, Wei, Ma 2019: patterns are set by the noise (recalled)",
        status="recalled",
        quantity=lambda ds: _end(ds, "split_gap", 1.0),
        relation=slope("width", -float("inf"), 0.0),
        regime=POINTS,
        choices=CHOICES,
    ),
    Claim(
        id="li2019-11a",
        statement="at the large rate the noise keeps its variance: Var/tau0^2 over 1, within 2 % (by construction: a check of the code)",
        reference="Li, Wei, Ma 2019: stationarity of the noise (recalled)",
        status="derived",
        quantity=lambda ds: _end(ds, "sigma2", 1.0).isel(width=-1),
        relation=equal(1.0, 0.02),
    ),
    Claim(
        id="li2019-11b",
        statement="at theta = 1e-4, Var/tau0^2 follows theta + (1 - theta) e^(-2 lambda t) at every record, within 2 % (a check of the code)",
        reference="lrtheory: noise variance",
        status="derived",
        quantity=lambda ds: ds.sigma2.sel(theta=1e-4).isel(width=-1),
        relation=follows(_law_of_variance, "record", relative=0.02),
    ),
]
