"""The figures of Sadrtdinov et al. 2024, drawn from small made-up results: nothing is simulated here."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

import figures.__main__ as program
from figures import _sadrtdinov2024 as sad
from figures import style
from tests.figures.test_li2019 import _texts

FOLDER = Path(style.__file__).parent
NAMES = sorted(path.stem for path in FOLDER.glob("sadrtdinov2024_*.py"))
AVERAGES = [2, 5, 10, 20, 50]
LOW, MID, HIGH = 3.16e-5, 1e-3, 7.5e-3
RATES = (3.16e-5, 1e-3, 5.62e-3, 1e-2, 1.33e-2, 2.37e-2, 0.1)
#: Of RATES: the last of regime 1, the first of 2B, the first of 3.
CONVERGED, POOR, RANDOM = 5.62e-3, 2.37e-2, 0.1


def _constant(rate):
    return {"class": "Constant", "rate": rate}


EXPERIMENT = {
    "problem": {"class": "TickNetwork", "n": 512, "n_features": 16, "batch": 16},
    "dynamics": {"class": "SphereSGD", "iterations": 100, "averages": AVERAGES},
    "probes": [
        {"class": "Curves"}, {"class": "Basin", "average": 1}, {"class": "Features", "n_test": 2000, "n_single": 1000},
    ],
    "schedule": _constant(LOW),
    "n_steps": 20,
    "sub_paths": {
        "class": "SubPaths", "decay_steps": [20], "n_steps": 10,
        "schedule": {"labels": ["low", "mid", "high"], "schedules": [_constant(LOW), _constant(MID), _constant(HIGH)]},
    },
}  # fmt: skip


def results(rates=RATES, *, data_seeds=4, seeds=2, converged=CONVERGED, poor=POOR, random=RANDOM, noise=1.0):
    """Return a dataset with the variables and attributes of the sim of rates; regimes end where they are told."""
    rng = np.random.default_rng(0)
    rates = np.asarray(rates)
    sizes = {"rate": rates.size, "seed": seeds, "data_seed": data_seeds, "decay_step": 1, "record": 3, "sub_record": 3,
             "branch": 3, "average": 5, "pair": 3, "feature": 16}  # fmt: skip
    one, two, three = rates <= converged, (rates > converged) & (rates < random), rates >= random
    bad = rates >= poor

    def of(values, *more, scale=0.1):
        """Return numbers of rates as a variable with runs, further dimensions and a little noise."""
        dims = ("rate", "seed", "data_seed", *more)
        array = np.zeros([sizes[d] for d in dims]) + np.reshape(values, (-1, *[1] * (len(dims) - 1)))
        return dims, array + noise * scale * rng.standard_normal(array.shape)

    loss = np.select([one, two, three], [5e-3, 0.5, 5.0])
    pre = np.select([one, two, three], [72.0, 65.0, 50.0])
    after = np.where(bad, 60.0, 76.0)
    barrier = np.where(bad, 5.0, 0.5)
    data = {
        "batch_loss": of(loss, "record", scale=1e-3),
        "random_loss": of(np.full(rates.size, 3.0)),
        "train_accuracy": of(np.where(three, 50.0, 90.0), "record"),
        "test_accuracy": of(pre, "record"),
        "sub_test_accuracy": of(after, "decay_step", "branch", "sub_record"),
        "average_accuracy": of(np.where(bad, 55.0, 75.0), "decay_step", "average"),
        "angle": of(np.full(rates.size, 1.0), "decay_step", "pair"),
        "test_barrier": of(barrier, "decay_step", "pair"),
        "train_barrier": of(2 * barrier, "decay_step", "pair"),
    }  # fmt: skip
    for name, more in (("feature", ()), ("average_feature", ("average",)), ("tuned_feature", ("branch",))):
        data[f"{name}_accuracy"] = of(np.where(bad, 51.0, 53.0), "decay_step", *more, "feature")
    branches, averages = data["sub_test_accuracy"][1], data["average_accuracy"][1]
    branches += np.arange(3)[:, None]
    averages += 0.5 * np.arange(5)
    coordinates = {"rate": rates, "seed": np.arange(seeds), "data_seed": np.arange(data_seeds), "decay_step": [20],
                   "branch": ["low", "mid", "high"], "step": ("record", [0, 10, 20]),
                   "sub_step": ("sub_record", [0, 5, 10])}  # fmt: skip
    return xr.Dataset(data, coordinates, {"experiment": EXPERIMENT})


def repair(**more):
    """Return made-up results of fine-tuning in two stages."""
    ds = results((LOW, 1e-2, 2.37e-2), **more).assign_coords(branch=["low", "1, low", "2A, low"])
    ways = [{"class": "Piecewise", "rates": [r, LOW], "boundaries": [5.0]} for r in (LOW, 3.16e-3, 1e-2)]
    schedule = {"labels": list(ds.branch.values), "schedules": ways}
    ds.attrs["experiment"] = EXPERIMENT | {"sub_paths": EXPERIMENT["sub_paths"] | {"schedule": schedule}}
    return ds


def toy(data_seeds=4):
    """Return made-up results of the toy function, which has no data seeds."""
    rng = np.random.default_rng(0)
    alpha, k = np.array([0.2, 0.5, 1.0, 2.0, 4.0]), np.array([0.3, 0.9, 1.1, 1.3, 1.6, 2.0, 5.0, 20.0])
    cells = (k.size, data_seeds)
    noise = 1 + 1e-3 * rng.random((*cells, 9))
    law = np.maximum(0, alpha.sum() * (1 - 1 / k) / 2)
    lr = np.broadcast_to((k / alpha.sum())[:, None, None], noise.shape)
    groups = np.broadcast_to(alpha / alpha.sum(), (*noise.shape, 5)).copy()
    turning = np.sqrt(np.maximum(k**2 - 1, 0))[:, None, None, None] / lr[..., None] * noise[..., None]
    dims = ("k", "seed", "record")
    data = {
        "loss": (dims, law[:, None, None] * noise), "lr": (dims, lr), "share": ((*dims, "group"), groups),
        "turning": ((*dims, "group"), turning * np.ones(5)), "sharpness": (dims[:2], 10 + rng.random(cells)),
    }  # fmt: skip
    coordinates = {"k": k, "seed": np.arange(data_seeds), "step": ("record", 31 * np.arange(9))}
    experiment = {"problem": {"class": "ToyFunction", "alpha": alpha.tolist()}, "n_steps": 248}
    return xr.Dataset(data, coordinates, {"experiment": experiment})


MADE = {"sadrtdinov2024_rates": results, "sadrtdinov2024_repair": repair, "sadrtdinov2024_toy": toy}


def inputs(name, **more):
    """Return made-up results for each of the sims that a figure reads."""
    return [MADE[sim](**more) for sim in program.inputs(name)]


@pytest.fixture
def drawn(monkeypatch):
    """Draw a figure in the style of the project; close it after the test."""
    monkeypatch.setattr(sad, "RESAMPLES", 10)  # the resamples take most of the time
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


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_is_drawn_whole(name, drawn):
    """Labelled, nothing clipped, nothing too small, the inputs untouched, nothing left open."""
    before = plt.get_fignums()
    datasets = inputs(name)
    copies = [ds.copy(deep=True) for ds in datasets]
    figure = drawn(name, *datasets)
    assert figure.get_figwidth() in style.WIDTHS.values()
    assert ("4 data seeds × 2 training seeds" if "data_seed" in datasets[0].dims else "4 seeds") in _title(figure)
    for ax in figure.axes:
        shared_x = any(other.get_xlabel() for other in ax.get_shared_x_axes().get_siblings(ax))
        shared_y = any(other.get_ylabel() for other in ax.get_shared_y_axes().get_siblings(ax))
        assert (ax.get_ylabel() or shared_y) and (ax.get_xlabel() or shared_x or ax.get_label() == "<colorbar>")
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
    title = _title(drawn(name, *inputs(name, data_seeds=1)))
    assert "1 data seed × 2 training seeds" in title or "1 seeds" in title


@pytest.mark.parametrize("name", [n for n in NAMES if "sadrtdinov2024_toy" not in program.inputs(n)])
def test_a_diverged_run_does_not_stop_it(name, drawn):
    datasets = inputs(name)
    for ds in datasets:
        for variable in set(ds.data_vars) - {"random_loss"}:
            ds[variable].loc[{"rate": ds.rate[-1], "seed": 1, "data_seed": 0}] = np.nan
    drawn(name, *datasets, render=False)


@pytest.mark.parametrize("name", [*NAMES, "_sadrtdinov2024"])
def test_figures_import_neither_sims_nor_jax(name):
    for node in ast.walk(ast.parse((FOLDER / f"{name}.py").read_text("utf-8"))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            assert not any(m.split(".")[0] in ("sims", "jax", "jaxlib") for m in modules), modules


# --- what they share ----------------------------------------------------------------------------------------


@pytest.fixture
def few(monkeypatch):
    """Return the regimes with few resamples."""
    monkeypatch.setattr(sad, "RESAMPLES", 10)
    return sad.regimes


def middle(low, high):
    return pytest.approx((low * high) ** 0.5)


def test_edges_lie_between_rates_and_each_rate_in_its_regime(few):
    found = few(results())
    assert found.edges == (middle(CONVERGED, 1e-2), middle(1.33e-2, POOR), middle(POOR, RANDOM))
    # Without a doubt in any resample, an edge lies between the rates next to it.
    assert found.spans == ((CONVERGED, 1e-2), (1.33e-2, POOR), (POOR, RANDOM))
    for i in range(5):
        places = sad.beside(RATES, i, 5)
        assert [sum(place > edge for edge in found.edges) for place in places] == [0, 0, 0, 1, 1, 2, 3]


def test_an_interval_is_widened_by_the_neighbour_beyond_it(few):
    ds = results(data_seeds=6)
    # Two of six data seeds converge at one rate more, two at one rate less: the median of a resample does either.
    ds.batch_loss.loc[{"rate": 1e-2, "data_seed": [0, 1]}] = 1e-3
    ds.batch_loss.loc[{"rate": 5.62e-3, "data_seed": [4, 5]}] = 0.5
    found = few(ds)
    low, high = found.lines[0].interval
    assert (low, high) == (1e-3, CONVERGED) and found.spans[0] == (1e-3, 1e-2)


@pytest.mark.parametrize(
    ("limits", "edges"),
    [
        ({"converged": 1.0, "poor": 2.0, "random": 2.0}, (np.inf, np.inf, np.inf)),  # all converge
        ({"converged": 0.0, "poor": 2.0}, (0.0, middle(POOR, RANDOM), middle(POOR, RANDOM))),  # none does, and no 2B
        ({"poor": 2.0}, (middle(CONVERGED, 1e-2), middle(POOR, RANDOM), middle(POOR, RANDOM))),  # no 2B
        ({"poor": 1e-2}, (middle(CONVERGED, 1e-2), middle(CONVERGED, 1e-2), middle(POOR, RANDOM))),  # no 2A
        ({"random": 2.0}, (middle(CONVERGED, 1e-2), middle(1.33e-2, POOR), np.inf)),  # no 3
    ],
)
def test_regimes_that_are_not_within_the_rates(few, limits, edges):
    assert few(results(**limits)).edges == edges


def test_too_small_a_rate_to_converge_is_not_above_the_line(few):
    ds = results(converged=1.0, poor=2.0, random=2.0)
    ds.batch_loss.loc[{"rate": RATES[0]}] = 0.02
    assert few(ds).edges[0] == np.inf


def test_shading_names_what_is_there(few):
    figure, (top, below) = plt.subplots(2)
    sad.rate_axis(results(), top, below)
    left, right = top.get_xlim()
    sad.shade(few(results(poor=2.0)), top, below)
    assert [text.get_text() for text in top.texts] == ["1", "2A", "3"] and not below.texts
    for ax in (top, below):
        bands = [(p.get_x(), p.get_x() + p.get_width()) for p in ax.patches]
        a, b = float(np.sqrt(CONVERGED * 1e-2)), float(np.sqrt(POOR * RANDOM))
        np.testing.assert_allclose(bands, [(left, a), (a, b), (b, right)])
        colours = [plt.matplotlib.colors.to_hex(p.get_facecolor()) for p in ax.patches]
        assert colours == [sad.REGIMES[name] for name in ("1", "2A", "3")]
    assert top.get_xlim() == (left, right)
    plt.close(figure)


def test_data_seeds_are_the_replicates_and_a_missing_run_is_not_dropped():
    array = xr.DataArray([[[1.0, 2.0, 6.0]], [[3.0, 4.0, np.nan]]], dims=("seed", "rate", "data_seed"))
    np.testing.assert_array_equal(sad.replicates(array, "rate"), [[2.0], [3.0], [np.nan]])
    assert np.isnan(sad.interval(array, "rate").mean) and np.isnan(sad.quartiles(array, "rate").mean)
    whole = array.isel(data_seed=[0, 1])
    np.testing.assert_array_equal(sad.quartiles(whole, "rate"), [[2.5], [1.75], [3.25]])
    mean, low, high = sad.interval(whole, "rate")
    half = 63.6567 * np.sqrt(0.5) / np.sqrt(2)  # t with one degree of freedom, at 99.5 %
    np.testing.assert_allclose([mean, low, high], [[2.5], [2.5 - half], [2.5 + half]], rtol=1e-5)


def test_titles_tell_seeds_and_lengths():
    assert sad.seeds_of(results(data_seeds=1, seeds=3)).split() == ["1", "data", "seed", "×", "3", "training", "seeds"]
    words = sad.parameters(results())
    assert words["n"] == 512 and words[sad.unbroken("pre-training")] == "2,000 iterations"
    assert [sad.branch_rate(results(), branch) for branch in ("low", "mid", "high")] == [LOW, MID, HIGH]


# --- each figure --------------------------------------------------------------------------------------------


def test_accuracies_are_those_of_their_names(drawn):
    figure = drawn("sadrtdinov2024_rates", results(noise=0.0), render=False)
    curves = {box.get_label(): box.lines[0].get_ydata() for box in figure.axes[0].containers}
    bad = np.asarray(RATES) >= POOR
    expected = {
        "pre-trained": [72, 72, 72, 65, 65, 65, 50],
        "fine-tuned, low (3.16×10⁻⁵)": np.where(bad, 60, 76),
        "fine-tuned, mid (10⁻³)": np.where(bad, 61, 77),
        "fine-tuned, high (0.0075)": np.where(bad, 62, 78),
        "average of 10 checkpoints": np.where(bad, 56, 76),
    }
    assert curves.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(curves[name], values, err_msg=name)
    colours = {box.get_label(): box.lines[0].get_color() for box in figure.axes[0].containers}
    assert list(colours.values()) == [path.colour for path in sad.PATHS.values()]


def test_pairs_are_those_of_the_probe(drawn):
    ds = results(noise=0.0)
    ds["angle"] = ds.angle + xr.DataArray([0.0, 0.1, 0.2], dims="pair")
    ds["test_barrier"] = ds.test_barrier + xr.DataArray([0.0, 1.0, 2.0], dims="pair")
    figure = drawn("sadrtdinov2024_basins", ds, render=False)
    for ax, values in ((figure.axes[0], (1.0, 1.1, 1.2)), (figure.axes[1], (0.5, 1.5, 2.5))):
        lines = {line.get_label(): line for line in ax.lines if line.get_label()[0] != "_"}
        assert list(lines) == [
            "fine-tuned low – high", "average of 5 – fine-tuned low", "average of 5 – fine-tuned high",
        ]  # fmt: skip
        for line, value, (first, second) in zip(lines.values(), values, sad.PAIRS, strict=True):
            assert line.get_ydata()[0] == pytest.approx(value)
            ends = (line.get_markerfacecolor(), line.get_markerfacecoloralt())
            assert ends == (sad.PATHS[first].colour, sad.PATHS[second].colour)


def test_the_square_root_axis_is_undone_by_its_inverse():
    basins = importlib.import_module("figures.sadrtdinov2024_basins")
    values = np.array([-0.04, 0.0, 2.0, 25.0])
    np.testing.assert_allclose(basins._square(basins._root(values)), values, atol=1e-15)
