"""The sims of the noisy quadratic at smoke scale: shapes, the claims that 16 seeds can decide, and the figure."""

from __future__ import annotations

import numpy as np
import pytest

import lrtheory
from figures import quadratic_plateau as figure
from figures import style
from sims import quadratic_plateau, quadratic_sde


@pytest.fixture(scope="module")
def results():
    return tuple(lrtheory.run(sim.experiment, scale="smoke") for sim in (quadratic_plateau, quadratic_sde))


def test_shapes_and_divergence(results):
    sgd, sde = results
    assert dict(sgd.sizes) | {"rate": 4, "noise": 3, "seed": 16, "direction": 3} == dict(sgd.sizes)
    assert dict(sde.sizes) | {"substeps": 3, "rate": 3, "seed": 16} == dict(sde.sizes)
    diverged = (sgd.diverged_at >= 0).mean(["noise", "seed"])
    assert diverged.values.tolist() == [0, 0, 0, 1]
    assert np.isnan(sgd.w.sel(rate=2.1).isel(record=-1)).all()
    assert np.isfinite(sgd.w.sel(rate=1.9)).all()


@pytest.mark.parametrize("sim", [quadratic_plateau, quadratic_sde], ids=["sgd", "sde"])
def test_claims_give_one_number_a_seed_at_every_scale(sim, results):
    ds = results[0] if sim is quadratic_plateau else results[1]
    assert len({claim.id for claim in sim.claims}) == len(sim.claims)
    for claim in sim.claims:
        assert claim.id.startswith("quadratic")
        values = np.asarray(claim.quantity(ds))
        assert values.shape == (16,) and np.isfinite(values).all(), claim.id


def test_verdicts_that_do_not_need_many_seeds(results):
    """Claims 7 and 8 are deterministic; the SDE law is off by 15, and 1.0 by far outside its interval: see claim 6."""
    verdicts = {claim.id: claim.verdict(results[0]).verdict for claim in quadratic_plateau.claims}
    assert {verdicts[f"quadratic-{i}"] for i in (7, 8, 9)} == {"holds"}
    assert verdicts["quadratic-6"] == "refuted"
    assert "refuted" not in {verdicts[f"quadratic-{i}"] for i in (1, 2, 3, 4, 5)}


def test_figure_draws_what_was_measured(results):
    with style.context():
        drawn = figure.draw(*results)
    try:
        drawn.canvas.draw()
        a, b, c = drawn.axes
        assert a.get_xscale() == a.get_yscale() == "log" and c.get_yscale() == "log"
        assert "16 seeds" in drawn.get_suptitle() and "99 %" in drawn.get_suptitle()
        assert any("100 %" in text.get_text() for text in a.texts)
        assert any("annealing" in text.get_text() for text in b.texts)
    finally:
        import matplotlib.pyplot as plt

        plt.close(drawn)
