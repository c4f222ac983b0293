"""A false negative: without normalisation units die at a large rate, and decay cannot teach what is left of a network."""

from __future__ import annotations

import dataclasses

from _you2019 import LAW, LOOKED, NETWORK, OURS, ROOT_SEED, constant, decayed, final

from lrtheory import Axis, Claim, Experiment
from lrtheory.claims import Regime
from lrtheory.probes.you2019 import ByKind, DeadUnits
from lrtheory.problems.you2019_network import LayerNormNetwork, PlainNetwork
from lrtheory.relations import greater, less

#: Decay after 10 of 20 epochs.
AT, STEPS = (25,), 50

experiment = Experiment(
    name="you2019_relu",
    problem=NETWORK,
    dynamics=dataclasses.replace(LAW, weight_decay=0.0),
    schedule=decayed(1.0, 0.05, at=AT),
    probes=(ByKind(n_train=400, n_test=400), DeadUnits(n_train=400)),
    n_steps=STEPS,
    n_records=10,
    axes={
        "network": Axis("problem.network", (LayerNormNetwork(), PlainNetwork()), labels=("layer norm", "plain")),
        "schedule": Axis(
            "schedule",
            (decayed(0.8, 0.05, at=AT), decayed(1.0, 0.05, at=AT), constant(0.05, AT)),
            labels=("0.8, decayed", "1.0, decayed", "0.05"),
        ),
    },
    seeds=1,
    data_seeds=6,
    root_seed=ROOT_SEED,
    precision="f32",
    scales={
        "smoke": {"data_seeds": 2, "n_steps": 2, "n_records": 1},
        "laptop": {},
        "paper": {"data_seeds": 64},
    },
)  # fmt: skip

#: Where a network has lost its units, what decay teaches it says nothing of decay.
ALIVE = Regime(
    "fewer than a tenth of the units of any layer dead on the plain network",
    lambda ds: float(ds.dead_units.sel(network="plain").max()) < 0.1,
)
WHOLE = Regime("20 epochs", lambda ds: int(ds.step.max()) == STEPS)


def _learnt(ds, network, schedule):
    return final(ds.sel(network=network, schedule=schedule), "test_accuracy_complex")


def _dead(ds, network, schedule):
    """Return the share of dead units in the second hidden layer at the end."""
    return final(ds.sel(network=network, schedule=schedule), "dead_units").isel(hidden_layer=1)


claims = [
    Claim(
        id="you2019-relu",
        statement="on a plain relu network too, with decay from 1.0 complex patterns are learnt: test accuracy above .8",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _learnt(ds, "plain", "1.0, decayed"),
        relation=greater(0.8),
        regime=ALIVE,
    ),
    Claim(
        id="you2019-relu-norm",
        statement="with layer normalisation they are, at the same rates and without weight decay",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _learnt(ds, "layer norm", "1.0, decayed"),
        relation=greater(0.8),
        regime=WHOLE,
    ),
    Claim(
        id="you2019-relu-small",
        statement="and on the plain network at a small rate throughout: at .05 it ends above decay from 1.0 by .2 or more",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _learnt(ds, "plain", "0.05") - _learnt(ds, "plain", "1.0, decayed"),
        relation=greater(0.2),
        regime=WHOLE,
        choices=LOOKED,
    ),
    Claim(
        id="you2019-relu-dead",
        statement="a large rate kills units of a plain network: at 1.0 over .4 of its second layer is dead",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _dead(ds, "plain", "1.0, decayed"),
        relation=greater(0.4),
        regime=WHOLE,
        choices=LOOKED,
    ),
    Claim(
        id="you2019-relu-alive",
        statement="control: with layer normalisation at the same rate less than .1",
        reference=OURS,
        status="derived",
        quantity=lambda ds: _dead(ds, "layer norm", "1.0, decayed"),
        relation=less(0.1),
        regime=WHOLE,
        choices=LOOKED,
    ),
]
