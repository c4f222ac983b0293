"""Figures of You et al. 2019 that tell explanations apart, drawn from made-up results: nothing is simulated here."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

import figures.__main__ as program
from figures import _you2019 as you
from figures import _you2019_readings as readings
from figures import style
from figures import you2019_explanations as table
from lrtheory.probes.you2019_memory import at_equal_fit
from lrtheory.sims import load_sim
from lrtheory.statistics import Interval
from lrtheory.theory import quadratic as law
from tests.figures.test_li2019 import _texts

FOLDER = Path(style.__file__).parent
NAMES = ["you2019_digits", "you2019_explanations", "you2019_transfer", "you2019_views"]
NETWORK = {"class": "PatternNetwork", "n_simple": 2000, "n_complex": 2000, "n_noisy": 400, "batch": 32}
LAM = np.array([1e-3, 1e-2, 1e-1, 1.0])


def _piecewise(*rates, at):
    return {"class": "Piecewise", "rates": list(rates), "boundaries": [float(step) for step in at]}


def _axis(schedules):
    return {"schedule": {"class": "Axis", "values": list(schedules.values()), "labels": list(schedules)}}


def _dataset(axes, data, coordinates, experiment, *, replicates, data_seeds=True):
    """Return a dataset whose variables have axes, seeds and more dimensions; ``data`` gives (dimensions, array)."""
    seeds = {"seed": [0], "data_seed": np.arange(replicates)} if data_seeds else {"seed": np.arange(replicates)}
    return xr.Dataset(data, {**axes, **seeds, **coordinates}, {"experiment": experiment})


def _noisy(rng, values, dims, sizes, scale=0.01):
    """Return values with a little noise of each data seed, as (dimensions, array)."""
    shape = [sizes[dim] for dim in dims]
    return dims, np.broadcast_to(values, shape) + scale * rng.standard_normal(shape)


def decay(n=6, *, average=0.7, kept=0.0, turn=1.1):
    """Return made-up results of sub-paths from decays: .45 before and .85 after on complex patterns."""
    rng = np.random.default_rng(1)
    sizes = {"seed": 1, "data_seed": n, "decay_step": 4, "branch": 2, "record": 16, "sub_record": 8, "layer": 3}
    runs, at = ("seed", "data_seed"), ("seed", "data_seed", "decay_step")
    data = {"test_accuracy_complex": _noisy(rng, 0.45, (*runs, "record"), sizes)}
    ends = np.full((2, 8), 0.45)
    ends[0, 1:], ends[1, 1:] = 0.85, 0.45 + kept
    data["sub_test_accuracy_complex"] = _noisy(rng, ends, (*at, "branch", "sub_record"), sizes)
    data["average_test_accuracy_complex"] = _noisy(rng, average, at, sizes)
    shares = {"test_complex": (0.4, 0.28), "train_complex": (0.5, 0.3), "train_simple": (0.06, 0.06)}
    for name, (gained, explained) in shares.items():
        for what, value in (("gained", gained), ("explained", explained)):
            data[f"{what}_{name}"] = _noisy(rng, value, (*at, "branch"), sizes, 0.002)
    data["noise_turn"] = _noisy(rng, [0.3, 0.4, 0.5], (*at, "layer"), sizes)
    data["turn"] = _noisy(rng, turn * np.array([0.3, 0.4, 0.5]), (*at, "branch", "layer"), sizes)
    branches = [_piecewise(0.1, 0.01, at=(20,)), _piecewise(0.1, 2.0, at=(20,))]
    experiment = {
        "problem": NETWORK, "dynamics": {"class": "EpochSGD", "iterations": 55}, "n_steps": 75,
        "schedule": {"class": "Constant", "rate": 2.0},
        "sub_paths": {"decay_steps": [5, 25, 50, 75], "n_steps": 35,
                      "schedule": {"labels": ["decay", "return"], "schedules": branches}},
    }  # fmt: skip
    coordinates = {"decay_step": [5, 25, 50, 75], "branch": ["decay", "return"], "step": ("record", 5 * np.arange(16)),
                   "sub_step": ("sub_record", 5 * np.arange(8))}  # fmt: skip
    return _dataset({}, data, coordinates, experiment, replicates=n)


def main(n=6):
    """Return made-up results of schedules: decay brings .85 on complex patterns, a constant 2.0 leaves .45."""
    schedules = {"2.0, decayed": _piecewise(2.0, 0.1, 0.01, at=(110, 165)), "2.0": _piecewise(2, 2, 2, at=(110, 165))}
    sizes = {"schedule": 2, "seed": 1, "data_seed": n, "record": 21}
    values = np.full((2, 1, 1, 21), 0.45)
    values[0, ..., 11:] = 0.85
    data = {"test_accuracy_complex": _noisy(np.random.default_rng(2), values, tuple(sizes), sizes)}
    experiment = {"problem": NETWORK, "dynamics": {"iterations": 25}, "axes": _axis(schedules), "n_steps": 220}
    return _dataset({"schedule": list(schedules)}, data, {"step": ("record", 11 * np.arange(21))}, experiment,
                    replicates=n)  # fmt: skip


def gd(n=6, early=-0.04):
    """Return made-up results of gradient descent: decay early ends below that without."""
    labels = ["1.0, decayed late", "1.0, decayed early", "1.0", "0.1"]
    sizes = {"schedule": 4, "seed": 1, "data_seed": n, "record": 9}
    values = np.reshape([0.6, 0.6 + early, 0.6, 0.6], (4, 1, 1, 1))
    data = {"test_accuracy_complex": _noisy(np.random.default_rng(3), values, tuple(sizes), sizes, 0.002)}
    steps = [0, 20, 40, 60, 80, 100, 200, 400, 600]
    return _dataset({"schedule": labels}, data, {"step": ("record", steps)}, {"problem": NETWORK, "dynamics": {}},
                    replicates=n)  # fmt: skip


def transfer(n=6):
    """Return made-up results of transfer: in stage 2 of decay the source gains .3 and the target .03, in stage 3 0."""
    stages = {"2.0, decayed": (2.0, 0.1, 0.01), "2.0": (2.0,) * 3, "0.1": (0.1,) * 3}
    schedules = {name: _piecewise(*rates, at=(50, 75)) for name, rates in stages.items()}
    source = np.array([[0.1, 0.3, 0.5, 0.8, 0.8], [0.1, 0.3, 0.5, 0.5, 0.5], [0.1, 0.6, 0.9, 0.9, 0.9]])
    target = np.array([[0.2, 0.5, 0.6, 0.63, 0.63], [0.2, 0.5, 0.6, 0.6, 0.6], [0.2, 0.5, 0.6, 0.6, 0.6]])
    sizes = {"schedule": 3, "seed": 1, "data_seed": n, "record": 5}
    rng = np.random.default_rng(4)
    data = {name: _noisy(rng, values[:, None, None], tuple(sizes), sizes, 5e-4)
            for name, values in (("source_accuracy", source), ("target_accuracy", target))}  # fmt: skip
    experiment = {
        "problem": NETWORK, "dynamics": {"iterations": 55}, "axes": _axis(schedules), "n_steps": 100,
        "probes": [{"class": "Transfer", "n_fit": 1000, "n_test": 1000, "rho": 0.01}],
    }  # fmt: skip
    return _dataset({"schedule": list(schedules)}, data, {"step": ("record", 25 * np.arange(5))}, experiment,
                    replicates=n)  # fmt: skip


def images(n=6, *, early=True):
    """Return made-up results on images: accuracies that rise at their own speeds."""
    schedules = {"2.0, decayed": _piecewise(2.0, 0.2, 0.02, at=(30, 40))}
    if early:
        schedules["2.0, decayed early"] = _piecewise(2.0, 0.2, 0.02, at=(10, 20))
    schedules |= {name: _piecewise(*[float(name)] * 3, at=(30, 40)) for name in ("2.0", "0.3", "0.03")}
    sizes = {"schedule": len(schedules), "seed": 1, "data_seed": n, "record": 51}
    rng = np.random.default_rng(5)
    time = np.linspace(0, 1, 51)
    speed = np.arange(1, len(schedules) + 1)[:, None, None, None]
    curves = {
        "train_accuracy_right": 1 - 0.9 * np.exp(-8 * speed * time), "train_accuracy_wrong": 0.1 + 0.15 * speed * time,
        "test_accuracy_clean": 0.9 - 0.8 * np.exp(-20 * time) - 0.05 * time,
    }  # fmt: skip
    data = {name: _noisy(rng, values, tuple(sizes), sizes, 1e-3) for name, values in curves.items()}
    experiment = {
        "problem": {"class": "ImageNetwork", "n_train": 1200, "n_wrong": 240, "batch": 32},
        "dynamics": {"iterations": 75}, "axes": _axis(schedules), "n_steps": 50,
    }  # fmt: skip
    return _dataset({"schedule": list(schedules)}, data, {"step": ("record", np.arange(51))}, experiment, replicates=n)


def quadratic(n=64):
    """Return stationary draws of SGD from the law of each direction and rate, and gradient descent."""
    rng = np.random.default_rng(6)
    s, steps = 0.1, 500 * np.arange(61)
    schedules = {f"{rate}": _piecewise(rate, rate, rate, at=(5000, 25000)) for rate in (1.0, 1.9, 2.05)}
    schedules["1.0, decayed"] = _piecewise(1.0, 0.1, 1.0, at=(5000, 25000))
    w = np.zeros((2, len(schedules), n, steps.size, 4))
    for i, stages in enumerate(schedules.values()):
        rates = np.array(stages["rates"])[np.searchsorted(stages["boundaries"], steps)]  # of the step before
        variance = law.stationary_variance(rates[:, None], LAM, s)
        w[1, i] = np.sqrt(variance) * rng.standard_normal((n, steps.size, 4))
        w[0, i] = np.exp(-1e-3 * np.minimum(steps, 20_000))[:, None]
    sizes = ("law", "schedule", "seed", "record")
    data = {"w": ((*sizes, "direction"), w), "loss": (sizes, 0.5 * (LAM * w**2).sum(-1))}
    problem = {"class": "Quadratic", "eigenvalues": LAM.tolist(), "noise": s, "mean": 0.0, "std": 1.0}
    experiment = {"problem": problem, "dynamics": {"class": "SGD"}, "axes": _axis(schedules), "n_steps": 30_000}
    axes = {"law": ["GD", "SGD"], "schedule": list(schedules)}
    return _dataset(axes, data, {"step": ("record", steps)}, experiment, replicates=n, data_seeds=False)


def spiked(n=40):
    """Return made-up results of the well: SGD out at .006 and .012, half of it at .002, not at .0006, no GD out."""
    rng = np.random.default_rng(7)
    steps = np.unique(np.geomspace(1, 12_001, 80).astype(int)) - 1
    schedules = {f"{rate}": _piecewise(rate, rate, at=(4000,)) for rate in (0.0006, 0.002, 0.006, 0.012)}
    schedules["0.006, decayed"] = _piecewise(0.006, 0.0006, at=(4000,))
    x = np.ones((2, 2, len(schedules), n, steps.size))
    for i, stages in enumerate(schedules.values()):
        rate = stages["rates"][0]
        out = {0.0006: 0, 0.002: n // 2}.get(rate, n)
        rates = np.where(steps < 4000, rate, stages["rates"][1])
        there = np.sqrt(law.stationary_variance(rates, 1.0, 3.2)) * rng.standard_normal((n, steps.size))
        way = np.exp(-rate * steps)
        x[1, 1, i, :out] = np.where(way > 0.2, way, there[:out])
        x[0, :, i] = np.maximum(way, 0.01)
    data = {"w": (("depth", "law", "schedule", "seed", "record", "direction"), x[..., None])}
    problem = {"class": "SpikedWell", "curvature": 1.0, "depth": 0.12, "width": 0.03, "positions": [1.0], "noise": 3.2}
    experiment = {"problem": problem, "dynamics": {"class": "SGD"}, "axes": _axis(schedules), "n_steps": 12_000}
    axes = {"depth": [0.0, 0.12], "law": ["GD", "SGD"], "schedule": list(schedules)}
    return _dataset(axes, data, {"step": ("record", steps)}, experiment, replicates=n, data_seeds=False)


MADE = {
    "you2019_main": main, "you2019_decay": decay, "you2019_gd": gd, "you2019_transfer": transfer,
    "you2019_digits": images, "you2019_mnist": lambda n: images(n, early=False), "you2019_quadratic": quadratic,
    "you2019_well": spiked,
}  # fmt: skip


def inputs(name, n=6):
    """Return made-up results for each of the sims that a figure reads."""
    return [MADE[sim](n) for sim in program.inputs(name)]


@pytest.fixture
def drawn():
    """Draw a figure in the style of the project; close it after the test."""
    made = []

    def draw(name, *datasets, render=True):
        with style.context():
            made.append(importlib.import_module(f"figures.{name}").draw(*datasets))
            if render:
                made[-1].canvas.draw()
        return made[-1]

    yield draw
    for figure in made:
        plt.close(figure)


def _title(figure):
    return " ".join(figure.get_suptitle().replace("\N{NO-BREAK SPACE}", " ").split())


def _points(ax):
    """Return means and markers by the labels of the points with bars of a panel."""
    return {box.get_label(): box.lines[0].get_xydata() for box in ax.containers if len(box.lines[0].get_xdata())}


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_is_drawn_whole(name, drawn):
    """Nothing clipped, nothing too small, the inputs untouched, nothing left open."""
    before = plt.get_fignums()
    datasets = inputs(name)
    copies = [ds.copy(deep=True) for ds in datasets]
    figure = drawn(name, *datasets)
    assert figure.get_figwidth() in style.WIDTHS.values()
    page = figure.bbox.padded(2)
    for text in _texts(figure):
        box = text.get_window_extent()
        assert page.contains(box.x0, box.y0) and page.contains(box.x1, box.y1), text.get_text()
        assert text.get_fontsize() >= 7, text.get_text()
    for ds, copy in zip(datasets, copies, strict=True):
        xr.testing.assert_identical(ds, copy)
    plt.close(figure)
    assert plt.get_fignums() == before


@pytest.mark.parametrize("name", NAMES)
def test_one_data_seed_does(name, drawn):
    drawn(name, *inputs(name, 1))


@pytest.mark.parametrize("name", [*NAMES, "_you2019_readings"])
def test_figures_import_neither_sims_nor_jax(name):
    for node in ast.walk(ast.parse((FOLDER / f"{name}.py").read_text("utf-8"))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            assert not any(m.split(".")[0] in ("sims", "jax", "jaxlib") for m in modules), modules


def test_missing_runs_stop_nothing(drawn):
    decays = decay()
    for name in decays.data_vars:
        decays[name].loc[{"data_seed": 0}] = np.nan
    figure = drawn("you2019_explanations", main(), decays, gd(), render=False)
    assert "5 without a number" in _title(figure)
    pictures = images()
    pictures.train_accuracy_wrong.loc[{"schedule": "2.0", "data_seed": 0}] = np.nan
    drawn("you2019_digits", pictures, images(early=False), render=False)
    transferred = transfer()
    transferred.target_accuracy.loc[{"schedule": "2.0", "data_seed": 0}] = np.nan
    drawn("you2019_transfer", transferred, render=False)


# --- the table ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ends", "word"),
    [
        ((-0.01, 0.04), "noise removed"), ((0.2, 0.3), "new patterns"), ((0.2, np.inf), "new patterns"),
        ((0.0, 0.08), "against new patterns"), ((0.07, 0.2), "against noise alone"), ((0.0, 0.2), "undecided"),
        ((0.06, 0.09), "neither"), ((np.nan, np.nan), "not measured"), ((-np.inf, np.inf), "undecided"),
    ],
)  # fmt: skip
def test_the_interval_decides(ends, word):
    assert readings.speaks_for(Interval(0.0, *ends), (-0.05, 0.05), (0.1, np.inf)) == word
    assert word in table.VERDICTS


def _verdicts(figure):
    """Return names of observables to verdicts, as they are written."""
    cells = [ax.texts[0].get_text().replace("\n", " ") for ax in figure.axes if ax.texts]
    names = {row.name for row in readings.rows_of(decay(), gd())}
    starts = [i for i, text in enumerate(cells) if text in names]
    return {cells[i]: cells[i + 4] for i in starts}


def test_verdicts_follow_the_data(drawn):
    noise = _verdicts(drawn("you2019_explanations", main(), decay(average=0.84), gd(), render=False))
    assert noise == {
        "averaged large-rate weights": "noise removed", "what the average explains": "noise removed",
        "inputs gained, by kind": "new patterns", "distance moved": "noise removed",
        "full-batch GD, decay late": "noise removed", "full-batch GD, decay early": "noise removed",
        "return to the large rate": "noise removed",
    }  # fmt: skip
    other = decay(average=0.5, kept=0.3, turn=6.0)
    other["explained_test_complex"] = 0.1 * other.gained_test_complex
    other["gained_train_complex"] = other.gained_train_simple * 1.0
    figure = drawn("you2019_explanations", main(), other, gd(early=0.06), render=False)
    assert _verdicts(figure) == {
        "averaged large-rate weights": "new patterns", "what the average explains": "new patterns",
        "inputs gained, by kind": "noise removed", "distance moved": "new patterns",
        "full-batch GD, decay late": "noise removed", "full-batch GD, decay early": "new patterns",
        "return to the large rate": "new patterns",
    }  # fmt: skip
    assert "of 7 readings 2 speak for noise removed, 5 for new patterns; averaged" in _title(figure)
    remarks = {text.get_text().replace("\n", " ") for ax in figure.axes for text in ax.texts}
    late = other.isel(decay_step=slice(1, None), branch=0)
    ratio = float(late.explained_train_complex.mean() / late.explained_train_simple.mean())
    assert f"but {ratio:.1f} by averaging alone" in remarks and "decay costs: slower" not in remarks


def test_a_decay_that_costs_is_said_to(drawn):
    figure = drawn("you2019_explanations", main(), decay(), gd(early=-0.06), render=False)
    assert any("decay costs" in text.get_text() for ax in figure.axes for text in ax.texts)


def test_numbers_are_those_of_the_claims():
    """Each row has the mean of the quantity of the claim on it."""
    decays, descent = decay(), gd()
    rows = {row.name: row.measured.mean for row in readings.rows_of(decays, descent)}
    claims = {claim.id: claim for sim in ("you2019_decay", "you2019_gd") for claim in load_sim(sim).claims}
    pairs = {
        "averaged large-rate weights": "you2019-average", "what the average explains": "you2019-average-most",
        "inputs gained, by kind": "you2019-gained", "distance moved": "you2019-moved",
        "return to the large rate": "you2019-return-lost", "full-batch GD, decay late": "you2019-10",
        "full-batch GD, decay early": "you2019-10-early",
    }  # fmt: skip
    assert rows.keys() == pairs.keys()
    for name, claim in pairs.items():
        verdict = claims[claim].verdict(descent if claim.startswith("you2019-10") else decays)
        assert rows[name] == pytest.approx(verdict.estimate, rel=1e-12), name
    gains = readings.to_explain(main())
    assert gains["2.0, decayed"].mean == pytest.approx(0.4, abs=0.02)
    assert gains["2.0"].mean == pytest.approx(0.0, abs=0.02)


def test_strips_show_the_numbers_in_the_ranges_of_the_rows(drawn):
    figure = drawn("you2019_explanations", main(), decay(), gd(), render=False)
    strips = [ax for ax in figure.axes if ax.containers]
    rows = readings.rows_of(decay(), gd())
    for ax, row in zip(strips, rows, strict=True):
        assert ax.containers[0].lines[0].get_xdata()[0] == pytest.approx(row.measured.mean)
        spans = [(p.get_x(), p.get_x() + p.get_width()) for p in ax.patches]
        for span, (low, high) in zip(spans, (row.noise, row.patterns), strict=True):
            np.testing.assert_allclose(span, (max(low, row.limits[0]), min(high, row.limits[1])))
        small = [x for line in ax.lines for x in line.get_xdata() if line.get_markerfacecolor() == "white"]
        np.testing.assert_allclose(sorted(small), sorted(v for values in row.others.values() for v in values))


# --- transfer, images -----------------------------------------------------------------------------------------


def test_transferability_is_the_ratio_of_gains_and_undefined_where_nothing_is_gained(drawn):
    figure = drawn("you2019_transfer", transfer(), render=False)
    shown = _points(figure.axes[3])
    np.testing.assert_allclose(shown["2.0, decayed"][:2, 1], [0.4 / 0.4, 0.03 / 0.3], atol=0.01)
    assert np.isnan(shown["2.0, decayed"][2, 1]) and np.isnan(shown["2.0, constant"][1:, 1]).all()
    words = [text for text in figure.axes[3].texts if text.get_text() == "undefined"]
    assert len(words) == 1 + 2 + 2
    gains = [box.lines[0].get_ydata() for box in figure.axes[2].containers if len(box.lines[0].get_xdata())]
    np.testing.assert_allclose(gains[:2], [[0.4, 0.3, 0.0], [0.4, 0.03, 0.0]], atol=0.005)


def test_records_without_the_decays_make_one_stage(drawn):
    ds = transfer().isel(record=slice(0, 2))
    figure = drawn("you2019_transfer", ds, render=False)
    assert list(figure.axes[3].get_xticks()) == [1]


def test_images_are_compared_over_epochs_and_at_equal_fit(drawn):
    module = importlib.import_module("figures.you2019_digits")
    ds = images()
    figure = drawn("you2019_digits", ds, images(early=False), render=False)
    curves = {line.get_label(): line for line in figure.axes[0].lines}
    assert {"2.0, decayed early", "0.03, constant"} <= curves.keys()
    epochs, wrong = curves["0.3, constant"].get_xydata().T
    assert epochs[-1] == 100  # 50 steps of 75 batches of 32 of 1,200 rows
    np.testing.assert_allclose(wrong, ds.train_accuracy_wrong.sel(schedule="0.3").mean(("seed", "data_seed")))
    shown = _points(figure.axes[2])
    expected = [
        at_equal_fit(ds.sel(schedule="0.3"), "train_accuracy_wrong", "train_accuracy_right", level).mean("data_seed")
        for level in module.LEVELS
    ]
    np.testing.assert_allclose(shown["0.3, constant"][:, 1], np.squeeze(expected))


# --- the two views --------------------------------------------------------------------------------------------


def test_floors_lie_on_the_law_and_only_those_that_have_settled_are_drawn(drawn):
    figure = drawn("you2019_views", quadratic(), spiked(), render=False)
    shown = _points(figure.axes[0])
    x = np.concatenate([shown["constant"][:, 0], shown["after the cut"][:, 0]])
    # Of the cut rate .1, the flattest direction relaxes too slowly to be drawn; 2.05 is not stable.
    assert sorted(x) == pytest.approx(sorted([*LAM, *(1.9 * LAM), *(0.1 * LAM[1:])]))
    y = np.concatenate([shown["constant"][:, 1], shown["after the cut"][:, 1]])
    # 64 seeds of 10 to 51 draws: five standard errors are 0.3 at most; a false alarm is rarer than 1e-5.
    np.testing.assert_allclose(y, x / (2 - x), rtol=0.3)


def test_shares_times_and_distances_are_those_of_the_runs(drawn):
    figure = drawn("you2019_views", quadratic(), spiked(), render=False)
    axes = {ax.get_title(loc="left").partition("well: ")[2]: ax for ax in figure.axes}
    shares = _points(axes["out of the spike in 12,000 steps"])
    np.testing.assert_allclose(shares["constant"], [[0.0006, 0], [0.002, 0.5], [0.006, 1], [0.012, 1]])
    np.testing.assert_allclose(shares["cut to a tenth"], [[0.006, 1]])
    assert (shares["no noise"][:, 1] == 0).all()
    times = _points(axes["time to half way"])
    assert times["with it"][:, 0].tolist() == [0.006, 0.012]  # at the others not every run gets there
    np.testing.assert_allclose(times["with it"][:, 1], np.log(2), rtol=0.1)
    late = _points(axes["distance from the wide minimum"])
    np.testing.assert_allclose(late["constant"][0], [0.0006, 1.0])
    floor = law.stationary_variance(np.array([0.006, 0.012]), 1.0, 3.2)
    # 40 runs of 4 draws or more: the standard error is below .12 of the floor.
    np.testing.assert_allclose(late["constant"][2:, 1], floor, rtol=0.6)
    np.testing.assert_allclose(late["cut to a tenth"][0, 1], floor[0] / 10, rtol=0.6)


def test_labels_of_epochs_are_those_of_the_sim():
    assert float(you.epochs(decay(), 50)) == 20.0
