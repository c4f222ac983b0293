"""The sims of Li, Wei, Ma 2019: declared well, and on small runs the effect, its controls, and the limit of width."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import lrtheory
from lrtheory import Axis, Experiment
from lrtheory.dynamics import NoisyGD
from lrtheory.dynamics.li2019_modes import ModeFlow
from lrtheory.experiment import at_scale
from lrtheory.probes import li2019 as finite_probes
from lrtheory.probes import li2019_infinite as infinite_probes
from lrtheory.problems.li2019 import BlockNetwork
from lrtheory.problems.li2019_infinite import InfiniteWidth
from lrtheory.schedules import Constant, large_then_small, small_only
from lrtheory.sims import load_sim, sim_names

LAW = {"d": 50, "kappa": 0.35, "gamma0": 0.3 / 50**0.5, "r": 0.05, "s": 10.0}


@pytest.mark.parametrize("name", sorted(n for n in sim_names() if n.startswith("li2019")))
def test_a_sim_is_named_as_its_file_and_sound_at_every_scale(name):
    sim = load_sim(name)
    assert sim.experiment.name == name
    for scale in ("smoke", "laptop", "paper"):
        at_scale(sim.experiment, scale).check()
    assert all(claim.id.startswith("li2019-") for claim in sim.claims)


@pytest.fixture(scope="module")
def annealed():
    """L-S and S at equal time 1500, annealed to theta = 1e-5 or, as a control, not at all."""
    levels = {"anneal_at": -1.0, "stop_at": -1.0}
    both = (
        large_then_small(1.0, 1e-5, **levels, caps=(1000.0, 500.0)),
        small_only(1.0, 1e-5, **levels, cap=1500.0),
    )
    return lrtheory.run(
        Experiment(
            name="annealed",
            problem=InfiniteWidth(**LAW),
            dynamics=ModeFlow(weight_decay=2e-4, h=5.0),
            schedule=both[1],
            probes=(infinite_probes.TestP(n_test=2000), infinite_probes.TrainByKind(), infinite_probes.QBranch()),
            n_steps=301,
            n_records=3,
            axes={
                "algorithm": Axis("schedule", both, labels=("L-S", "S")),
                "theta": Axis("schedule.rates.1", (1e-5, 1.0)),
            },
            seeds=6,
            precision="f32",
        )
    ).isel(record=-1)


def test_annealing_separates_the_algorithms(annealed):
    """Every seed errs more under S; by chance alone 6 of 6 has probability 1/64, and the gap is far above its noise."""
    cold = annealed.sel(theta=1e-5, method="nearest")
    gap = (cold.p_test_error.sel(algorithm="S") - cold.p_test_error.sel(algorithm="L-S")).values
    assert (gap > 0).all() and gap.mean() > 5 * gap.std(ddof=1) / np.sqrt(gap.size)
    assert (cold.train_loss_q_only < 0.2).all()


def test_without_annealing_there_is_no_separation(annealed):
    """Control: at theta = 1 throughout the two schedules are one, and Q is learnt by neither."""
    hot = annealed.sel(theta=1.0)
    np.testing.assert_allclose(hot.time.sel(algorithm="L-S"), hot.time.sel(algorithm="S"), rtol=1e-6)
    np.testing.assert_allclose(hot.d2.sel(algorithm="L-S"), hot.d2.sel(algorithm="S"), rtol=1e-3)
    np.testing.assert_allclose(hot.p_test_error.sel(algorithm="L-S"), hot.p_test_error.sel(algorithm="S"), atol=2e-3)
    assert (hot.train_loss_q_only > 0.5).all()


@pytest.fixture(scope="module")
def widths():
    """D2 and P loss at t = 60 and theta = 1e-4: finite networks of growing width, and infinite width, seed by seed."""
    shared = {"n_records": 1, "seeds": 8, "precision": "f32"}
    finite = Experiment(
        name="finite",
        problem=BlockNetwork(**LAW, m_w=32, m_v=640),
        dynamics=NoisyGD(weight_decay=2e-4, reference_rate=0.5, macro_step=0.5),
        schedule=Constant(rate=0.5e-4),
        probes=(finite_probes.QBranch(), finite_probes.TestP(n_test=2000), finite_probes.Activations()),
        n_steps=120,
        axes={
            "width": Axis("problem", tuple(BlockNetwork(**LAW, m_w=m, m_v=20 * m) for m in (32, 512)), labels=(32, 512))
        },
        **shared,
    )
    infinite = dataclasses.replace(
        finite,
        problem=InfiniteWidth(**LAW),
        dynamics=ModeFlow(weight_decay=2e-4, h=0.5),
        schedule=Constant(rate=1e-4),
        probes=(infinite_probes.QBranch(), infinite_probes.TestP(n_test=2000)),
        axes={},
    )
    return tuple(lrtheory.run(e).isel(record=-1) for e in (finite, infinite))


def test_the_finite_network_tends_to_infinite_width(widths):
    """Paired by training set. The bias at width 512 is within 4 standard errors plus 3 %: false alarms about 1e-4."""
    finite, infinite = widths
    for name, share in (("d2", 0.03), ("p_test_loss", 0.03)):
        limit = infinite[name].values
        off = (finite[name] - infinite[name]).transpose("width", "seed").values / np.abs(limit).mean()
        error = off.std(axis=1, ddof=1) / np.sqrt(off.shape[1])
        assert abs(off[1].mean()) < share + 4 * error[1], name
        assert np.abs(off[1]).mean() < np.abs(off[0]).mean(), name


def test_the_signal_changes_fewer_activations_as_the_network_widens(widths):
    """A factor 16 in width: a slope of -1/2 would give 4, less than 2 or more than 8 is no square root."""
    ratio = widths[0].changed_w.sel(width=32).mean() / widths[0].changed_w.sel(width=512).mean()
    assert 2 < float(ratio) < 8
