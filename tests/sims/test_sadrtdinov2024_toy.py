"""The toy function and the equilibrium of weight decay: another program's steps, directions of the claims, controls.

Claims on few seeds are not judged here: what is checked is that their quantities lie where they say, and do not on runs
of which they are false.
"""

from __future__ import annotations

import numpy as np
import pytest

import lrtheory
from lrtheory import cli
from lrtheory.experiment import at_scale, parse_value, with_values
from lrtheory.lazy import jax
from lrtheory.probes import sadrtdinov2024_norms as norms
from lrtheory.probes import sadrtdinov2024_toy as toy
from lrtheory.problems.sadrtdinov2024_toy import ToyFunction
from lrtheory.sims import load_sim
from lrtheory.simulate import cell_keys
from lrtheory.theory import sadrtdinov2024 as spheres
from lrtheory.theory import sadrtdinov2024_toy as theory

NAMES = ("sadrtdinov2024_equilibrium", "sadrtdinov2024_toy")
ALPHA = np.array([0.2, 0.5, 1.0, 2.0, 4.0])


def sim(name, **settings):
    """Return the experiment of a sim with some fields set, given as text where the command line takes text."""
    experiment = load_sim(name).experiment
    values = {path.replace("__", "."): value for path, value in settings.items()}
    return with_values(
        experiment, {p: parse_value(experiment, p, v) if isinstance(v, str) else v for p, v in values.items()}
    )


def quantities(name):
    """Return the quantities of the claims of a sim, by what follows the number of the claim."""
    return {claim.id.split("-", 2)[2]: claim.quantity for claim in load_sim(name).claims}


@pytest.mark.parametrize("name", NAMES)
def test_a_sim_is_named_as_its_file_and_sound_at_every_scale(name):
    found = load_sim(name)
    assert found.experiment.name == name
    for scale in ("smoke", "laptop", "paper"):
        at_scale(found.experiment, scale).check()


# --- the function -----------------------------------------------------------------------------------------------------


def test_the_function_is_invariant_to_the_scale_of_each_group_and_has_its_closed_form():
    params = np.random.default_rng(0).standard_normal((5, 2))
    loss = jax.jit(lambda w: ToyFunction().loss(w, ()))
    value = float(loss(params))
    assert value == pytest.approx(theory.value(np.arctan2(*params.T), ALPHA), rel=1e-5)
    assert float(loss(params * [[2.0], [3.0], [0.1], [1.0], [5.0]])) == pytest.approx(value, rel=1e-5)
    assert float(loss(params * [2.0, 1.0])) != pytest.approx(value, rel=1e-3)


# --- every step -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def every_step():
    """The sim of the toy function on 2 starts, each of 300 steps recorded."""
    return lrtheory.run(sim("sadrtdinov2024_toy", seeds=2, n_steps=300, n_records=300))


def test_steps_are_those_of_angles_and_shares_in_numpy(every_step):
    """Another program: angles, no weights and no gradients. Chaos multiplies rounding, hence 20 steps and 1e-6."""
    ds = every_step
    sin2 = ds.turning * ds.share / ALPHA
    for k in (0.5, 1.2, 3.0, 20.0):
        cell = ds.sel(k=k)
        rate = float(cell.lr[0, 0])
        assert rate == pytest.approx(k / ALPHA.sum())
        start = start_angles(cell.seed.values)
        shares = cell.share.isel(record=0).values
        for step in range(20):
            now = cell.isel(record=step)
            np.testing.assert_allclose(now.loss, theory.value(start, ALPHA), rtol=1e-6)
            np.testing.assert_allclose(now.share, shares, rtol=1e-6)
            np.testing.assert_allclose(abs(np.sin(2 * start)), sin2.sel(k=k).isel(record=step), atol=1e-6)
            start, shares = theory.step(start, shares, rate, ALPHA)
    assert not np.allclose(ds.share.sel(k=3.0).isel(record=20), ds.share.sel(k=3.0).isel(record=0), rtol=0.01)


def start_angles(seeds):
    """Return the angles of the starts of the sim, which are drawn before any step."""
    root = load_sim("sadrtdinov2024_toy").experiment.root_seed
    with jax.enable_x64(True):
        starts = np.stack([ToyFunction().init(cell_keys(root, int(seed)).init) for seed in seeds])
    np.testing.assert_allclose(np.sum(np.square(starts), (1, 2)), 1.0, rtol=1e-12)
    return np.arctan2(*np.moveaxis(starts, -1, 0))


def test_what_shares_gain_is_the_growth_of_the_norm(every_step):
    """Sums of log(1 + s^2) over all steps, and the same read off the shares at both ends."""
    summed = np.log1p((every_step.lr * every_step.turning) ** 2).isel(record=slice(0, -1)).mean("record")
    from_shares = toy.growth_difference(every_step, 1.0)
    np.testing.assert_allclose(summed - summed.mean("group"), from_shares, atol=1e-12)
    assert float(abs(from_shares.isel(k=slice(5, None))).max()) > 1e-3


# --- the claims of the toy function -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def long():
    """The sim of the toy function as it stands, on 16 starts."""
    return lrtheory.run(sim("sadrtdinov2024_toy", seeds=16))


def test_below_the_threshold_runs_rest_on_minima_that_are_stable_and_nowhere_else(long):
    found = quantities("sadrtdinov2024_toy")
    for name in ("converges", "threshold", "shares", "sharpness"):
        assert found[name](long).all(), name
    below = long.sel(k=long.k < 1).isel(record=-1)
    closed = theory.sharpness(below.share.transpose("seed", "k", "group").values, ALPHA)
    np.testing.assert_allclose(below.sharpness.transpose("seed", "k"), closed, rtol=1e-5)
    # The bound is a bound, and not far from what is reached.
    assert float((below.sharpness * below.lr / 2).sel(k=0.9).min()) > 0.9
    shifted = long.sel(k=[1.1, 1.2, 1.3]).assign_coords(k=[0.1, 0.5, 0.9])
    for name in ("converges", "shares", "sharpness"):
        assert not found[name](shifted).any(), name
    assert not found["threshold"](long.sel(k=[0.7, 0.9]).assign_coords(k=[2.0, 3.0])).any()


def test_the_plateau_is_the_closed_form_but_next_to_resonances_and_in_chaos(long):
    found = quantities("sadrtdinov2024_toy")
    assert found["orbit"](long).mean() > 0.8
    assert found["resonance"](long).mean() > 0.5 and found["exact"](long).mean() < 0.5
    assert found["chaos"](long).all()
    at_rest = toy.fluctuation(long.sel(k=1.3), 0.25)
    assert float(at_rest.max()) < 1e-2
    ratio = found["plateau"](long).mean("seed")
    np.testing.assert_allclose(ratio, 1.0, atol=0.04)
    assert float(ratio.sel(k=3.0)) > 1.015
    assert np.isnan(toy.over_law(long.sel(k=[0.9]), 0.25, ALPHA)).all()
    means = found["rises"](long).mean("seed").values
    assert (np.diff(means) > 0).all() and means[-1] == pytest.approx(0.957, abs=0.02)


def test_growth_is_the_same_for_all_groups_and_turns_are_not(long):
    found = quantities("sadrtdinov2024_toy")
    assert found["growth"](long).all()
    assert float(found["growth-sampled"](long).mean()) == pytest.approx(1, abs=0.015)
    assert float(found["turn"](long).mean()) < 0.96
    on_orbit = toy.log_growth(long.sel(k=[1.3, 1.6]), 0.25).mean("seed").transpose("k", "group")
    orbit = np.log1p(theory.orbit_tangent(np.array([1.3, 1.6]) / ALPHA.sum(), ALPHA) ** 2)
    np.testing.assert_allclose(on_orbit, np.broadcast_to(orbit[:, None], on_orbit.shape), rtol=2e-3)
    # Before it is stationary growth differs.
    early = long.isel(record=slice(0, 2)).sel(k=long.k > 1)
    difference = toy.growth_difference(early, 1.0)
    assert (abs(difference).max("group") > 1e-2).mean() > 0.5


def test_shares_are_those_of_the_orbit_and_flatten_in_chaos(long):
    found = quantities("sadrtdinov2024_toy")
    assert float(found["orbit-shares"](long).mean()) == pytest.approx(1, abs=0.01)
    assert float(found["flat"](long).mean()) > 1.15 and float(found["strongest"](long).mean()) < 0.95
    rise = found["flatter"](long).mean("seed")
    assert float(rise.sel(k=20.0)) > float(rise.sel(k=5.0)) > float(rise.sel(k=1.8))


# --- weight decay -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def decayed():
    """The sim of weight decay on two training sets, 4,000 iterations."""
    return lrtheory.run(sim("sadrtdinov2024_equilibrium", seeds=2, n_steps=40, n_records=20))


def test_norm_and_turn_find_the_equilibrium_where_the_network_does_not_converge(decayed):
    found = quantities("sadrtdinov2024_equilibrium")
    np.testing.assert_allclose(found["norm"](decayed), 1.0, atol=0.03)
    for name in ("turn", "product"):
        np.testing.assert_allclose(found[name](decayed), 1.0, atol=0.015)
    np.testing.assert_allclose(found["rate"](decayed), 1.0, atol=0.1)
    # The same by hand, and at another decay it is not the law.
    cell = decayed.sel(rate=0.5, decay=1e-2)
    gamma2 = norms.stationary(cell, "gamma2", 0.75)
    law = spheres.decay_norm(0.5, 1e-2, gamma2.values**0.5)
    np.testing.assert_allclose(norms.stationary(cell, "norm4", 0.75), law**4, rtol=0.03)
    other = decayed.sel(decay=[1e-2]).assign_coords(decay=[8e-3])
    assert (abs(norms.norm4_over_law(other, 0.75) - 1) > 0.1).all() and (norms.turn_over_law(other, 0.75) > 1.1).all()
    assert np.isnan(norms.norm4_over_law(decayed.sel(decay=[0.0]), 0.75)).all()


def test_where_it_converges_there_is_no_equilibrium(decayed):
    """How long it stays near the equilibrium before it converges is random: of two runs, one at least has."""
    found = quantities("sadrtdinov2024_equilibrium")
    converged = found["converges"](decayed) < -3
    assert converged.any()
    np.testing.assert_allclose(found["decays"](decayed)[converged.values], 1.0, atol=0.01)
    assert (found["cycle"](decayed)[converged.values] < 0.9).all()
    balanced = decayed.sel(decay=[1e-2]).assign_coords(decay=[4e-3])
    assert not (found["converges"](balanced) < -3).any()
    assert not (found["cycle"](balanced) < 0.9).any()


def test_without_weight_decay_the_norm_never_falls_and_soon_hardly_rises(decayed):
    found = quantities("sadrtdinov2024_equilibrium")
    assert found["free"](decayed).all()
    assert not found["free"](decayed.sel(decay=[1e-2]).assign_coords(decay=[0.0])).any()
    assert (found["free-rate"](decayed) < -3).all() and (found["free-bound"](decayed) < 0.01).all()


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "setting", "message"),
    [
        ("toy", "problem.alpha=1,-1", "problem.alpha = (1.0, -1.0)"),
        ("toy", "problem.alpha=nan", "problem.alpha"),
        ("toy", "dynamics.radius=0", "dynamics.radius = 0.0"),
        ("toy", "axes.k=1,2", "labelled"),
        ("equilibrium", "axes.decay=-1", "dynamics.weight_decay = -1.0"),
        ("equilibrium", "dynamics.window=0", "dynamics.window = 0"),
    ],
)
def test_bad_settings_of_a_sim_get_one_line(name, setting, message, capsys, tmp_path):
    arguments = ["run", f"sadrtdinov2024_{name}", "--set", setting, "--results", str(tmp_path / "r")]
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    out, err = capsys.readouterr()
    assert stop.value.code == 2, err
    assert err.startswith("lrtheory: ") and err.count("\n") == 1 and out == ""
    assert message in err and not (tmp_path / "r").exists()
