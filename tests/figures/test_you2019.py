"""Four figures of You et al. 2019 and what they share, drawn from small made-up results: nothing is simulated here."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import to_rgb

import figures.__main__ as program
from figures import _you2019 as you
from figures import style
from tests.figures.test_li2019 import _texts

FOLDER = Path(style.__file__).parent
NAMES = ("you2019_order", "you2019_gained", "you2019_memorisation", "you2019_matched")
PROBLEM = {"class": "PatternNetwork", "batch": 32, "classes": 10, "simple": 10, "complex": 100, "n_simple": 2000,
           "n_complex": 2000, "n_noisy": 400}  # fmt: skip
LABELS = ("2.0, decayed", "1.0, decayed", "0.3, decayed", "2.0", "0.3", "0.1", "0.03")
RATES = (0.03, 0.3, 1.0, 2.0, 3.0)
KINDS = ("train_accuracy_simple", "train_accuracy_complex", "train_accuracy_noisy", "test_accuracy_simple",
         "test_accuracy_complex")  # fmt: skip


def _stages(label, boundaries):
    rate, _, decayed = label.partition(",")
    rates = [float(rate), 0.1, 0.01] if decayed else [float(rate)] * 3
    return {"class": "Piecewise", "rates": rates, "boundaries": boundaries}


def _of(rng, noise, sizes, values):
    """Return values of some dimensions as a variable that has runs, too, and a little noise."""
    dims = (*[d for d in values.dims if d not in ("record", "sub_record")], "seed", "data_seed",
            *[d for d in values.dims if d in ("record", "sub_record")])  # fmt: skip
    whole = values.expand_dims(seed=1, data_seed=sizes).transpose(*dims)
    return whole + noise * 0.02 * rng.standard_normal(whole.shape)


def _curves(epochs, labels=LABELS, decay=20.0, collapse=None):
    """Return accuracies that differ between schedules and kinds, rise with the epoch, and again at the decay."""
    epochs = np.asarray(epochs, float)
    out = {}
    for i, name in enumerate(KINDS):
        rows = []
        for j, label in enumerate(labels):
            ceiling = 0.9 - 0.1 * (i % 3) - 0.04 * j
            curve = 0.1 + (ceiling - 0.1) * (1 - np.exp(-epochs / 3))
            if "decayed" in label:
                curve += 0.1 * (epochs > decay)
            if label == collapse:
                curve -= 0.5 * ((epochs > 25) & (epochs < 30))
            rows.append(curve)
        out[name] = xr.DataArray(rows, {"schedule": list(labels)}, ("schedule", "record"))
    return out


def main(data_seeds=4, *, steps=None, labels=LABELS, noise=1.0, iterations=25, problem=PROBLEM, at=(110.0, 165.0)):
    """Return made-up results of the sim of seven schedules; 1 epoch is 5.5 steps."""
    steps = [*range(0, 111, 11), 111, 112, 113, 115, 117, *range(121, 221, 11)] if steps is None else steps
    experiment = {
        "problem": problem,
        "dynamics": {"class": "EpochSGD", "iterations": iterations},
        "axes": {"schedule": {"labels": list(labels), "values": [_stages(label, list(at)) for label in labels]}},
    }
    rng = np.random.default_rng(0)
    n = sum(problem[size] for size in ("n_simple", "n_complex", "n_noisy"))
    curves = _curves(np.asarray(steps) * iterations * problem["batch"] / n, labels, collapse="0.3")
    data = {name: _of(rng, noise, data_seeds, values) for name, values in curves.items()}
    ds = xr.Dataset(data, {"step": ("record", steps)}, {"experiment": experiment})
    return ds.assign_coords(seed=[0], data_seed=np.arange(data_seeds))


def matched(data_seeds=4, **more):
    """Return made-up results of the control of frequency."""
    problem = PROBLEM | {"n_simple": 400, "n_complex": 4000}
    more = {"steps": list(range(0, 121, 6)), "labels": ("2.0, decayed", "0.03"), "at": (60.0, 90.0)} | more
    return main(data_seeds, iterations=50, problem=problem, **more)


def decay(data_seeds=4, *, decay_steps=(5, 25, 50, 75), sub_steps=(0, 5, 10, 15, 20, 25, 30, 35), noise=1.0):
    """Return made-up results of the sim of decays and returns."""
    rng = np.random.default_rng(0)
    time = xr.DataArray(np.arange(len(decay_steps)), dims="decay_step")
    branch = xr.DataArray([0.0, 1.0], dims="branch")
    layer = xr.DataArray(np.arange(3), dims="layer")
    sub = xr.DataArray(np.asarray(sub_steps), dims="sub_record")
    data = {}
    for i, name in enumerate(("train_simple", "train_complex", "train_noisy", "test_complex")):
        gained = (0.1 + 0.1 * i + 0.05 * time) * (1 - branch)
        data[f"gained_{name}"], data[f"explained_{name}"] = gained, gained * (0.2 + 0.2 * time)
    data["turn"] = 0.2 + 0.1 * layer + 0.05 * time + 0.3 * branch
    data["noise_turn"] = 0.1 + 0.1 * layer + 0.05 * time
    data["sub_test_accuracy_complex"] = 0.3 + 0.02 * time + 0.3 * (sub > 0) * (1 - branch * (sub > 20))
    steps = sorted({0, *decay_steps})
    data["test_accuracy_complex"] = xr.DataArray(0.2 + 0.001 * np.asarray(steps), dims="record")
    stages = [{"rates": [0.1, after], "boundaries": [20.0]} for after in (0.01, 2.0)]
    experiment = {
        "problem": PROBLEM,
        "dynamics": {"class": "EpochSGD", "iterations": 55},
        "schedule": {"class": "Constant", "rate": 2.0},
        "sub_paths": {"schedule": {"labels": ["decay", "return"], "schedules": stages}},
    }
    ds = xr.Dataset(
        {name: _of(rng, noise, data_seeds, values) for name, values in data.items()}, attrs={"experiment": experiment}
    )
    return ds.assign_coords(seed=[0], data_seed=np.arange(data_seeds), branch=["decay", "return"],
                            decay_step=list(decay_steps), step=("record", steps),
                            sub_step=("sub_record", list(sub_steps)))  # fmt: skip


def rates(
    data_seeds=4, *, at=(0.03, 0.3, 1.0, 2.0, 3.0), weight_decays=(0.0, 5e-4, 2e-3), steps=range(0, 51, 2), noise=1.0
):
    """Return made-up results of the sim of rates: noisy = complex - .1, and the largest rate never fits."""
    rng = np.random.default_rng(0)
    rate = xr.DataArray(list(at), dims="rate")
    weight_decay = xr.DataArray(list(weight_decays), dims="weight_decay")
    step = xr.DataArray(np.asarray(steps, float), dims="record")
    slow = 1 + 100 * weight_decay * rate
    fit = 0.2 + 0.75 * (1 - np.exp(-step / 10)) / slow - 0.6 * (rate > 2.5) * (weight_decay > 1e-3) * (step > 0)
    data = {"train_accuracy_complex": fit, "train_accuracy_noisy": fit - 0.1,
            "test_accuracy_complex": fit - 0.1 + 0.02 * rate}  # fmt: skip
    experiment = {"problem": PROBLEM, "dynamics": {"class": "EpochSGD", "iterations": 55}}
    order = ("rate", "weight_decay", "record")
    made = {name: _of(rng, noise, data_seeds, values.transpose(*order)) for name, values in data.items()}
    ds = xr.Dataset(made, attrs={"experiment": experiment})
    return ds.assign_coords(seed=[0], data_seed=np.arange(data_seeds), rate=list(at), weight_decay=list(weight_decays),
                            step=("record", list(steps)))  # fmt: skip


MADE = {"you2019_main": main, "you2019_decay": decay, "you2019_rates": rates, "you2019_matched": matched}
#: What smoke runs leave: few steps, no decay reached, two rates and weight decays.
SMOKE = {
    "you2019_main": {"steps": [0, 1, 2, 4]},
    "you2019_matched": {"steps": [0, 2]},
    "you2019_decay": {"decay_steps": (1, 2), "sub_steps": (0, 2)},
    "you2019_rates": {"at": (0.03, 2.0), "weight_decays": (0.0, 2e-3), "steps": (0, 2)},
}


def inputs(name, *arguments, **more):
    """Return made-up results for each of the sims that a figure reads."""
    return [MADE[sim](*arguments, **more) for sim in program.inputs(name)]


@pytest.fixture
def drawn():
    """Draw a figure in the style of the project; close it after the test."""
    made = []

    def draw(name, *datasets, render=False):
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


def _line(ax, label):
    """Return the values of the curve that bears a label."""
    (line,) = [line for line in ax.lines if line.get_label() == label]
    return line.get_xdata(), line.get_ydata()


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_is_drawn_whole(name, drawn):
    """Labelled, nothing clipped, nothing too small, the inputs untouched, nothing left open."""
    before = plt.get_fignums()
    datasets = inputs(name)
    copies = [ds.copy(deep=True) for ds in datasets]
    figure = drawn(name, *datasets, render=True)
    assert figure.get_figwidth() in style.WIDTHS.values()
    assert "4 data seeds" in _title(figure) and "99 %" in _title(figure)
    for ax in figure.axes:
        shared_x = any(other.get_xlabel() for other in ax.get_shared_x_axes().get_siblings(ax))
        shared_y = any(other.get_ylabel() for other in ax.get_shared_y_axes().get_siblings(ax))
        assert (ax.get_xlabel() or shared_x) and (ax.get_ylabel() or shared_y or ax in figure.axes[1:3])
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
def test_smoke_results_are_drawn(name, drawn):
    drawn(name, *[MADE[sim](2, **SMOKE[sim]) for sim in program.inputs(name)], render=True)


@pytest.mark.parametrize("name", NAMES)
def test_one_data_seed_does(name, drawn):
    assert "1 data seed;" in _title(drawn(name, *inputs(name, 1)))


@pytest.mark.parametrize("name", NAMES)
def test_a_diverged_run_does_not_stop_it(name, drawn):
    datasets = inputs(name)
    for ds in datasets:
        for variable in ds.data_vars:
            ds[variable].loc[{"data_seed": 1}] = np.nan
    drawn(name, *datasets, render=True)


@pytest.mark.parametrize("name", [*NAMES, "_you2019"])
def test_figures_import_neither_sims_nor_jax(name):
    for node in ast.walk(ast.parse((FOLDER / f"{name}.py").read_text("utf-8"))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            assert not any(m.split(".")[0] in ("sims", "jax", "jaxlib") for m in modules), modules


# --- what they share ----------------------------------------------------------------------------------------


def test_an_epoch_uses_every_row_once():
    assert you.epochs(main())[-1] == pytest.approx(40) and you.epochs(matched())[-1] == pytest.approx(40)
    assert you.epochs(decay(), [5, 50]).tolist() == pytest.approx([2, 20])
    full = main()
    del full.attrs["experiment"]["dynamics"]["iterations"]  # full-batch gradient descent
    np.testing.assert_array_equal(you.epochs(full), full.step.values)
    images = {"experiment": {"problem": {"n_train": 1200, "batch": 32}, "dynamics": {"iterations": 75}}}
    assert you.epochs(xr.Dataset(coords={"step": ("record", [1])}, attrs=images))[0] == pytest.approx(2)


def test_decays_are_where_a_rate_changes():
    found = you.decays(main(), "1.0, decayed")
    np.testing.assert_allclose(found, [(20, 0.1), (30, 0.01)])
    assert you.decays(main(), "0.3") == ()


def test_schedules_look_as_they_start_and_are_told_apart():
    looks = [you.look(label) for label in (*LABELS, "2.0, decayed early")]
    assert len({look.name for look in looks}) == len({(look.colour, look.linestyle) for look in looks}) == len(looks)
    assert you.look("2.0").colour == you.look("2.0, decayed").colour == style.LARGE
    assert (you.look("0.03").colour, you.look("0.03").name) == (style.SMALL, "0.03, constant")
    assert you.look("2.0, decayed").linestyle == "-" != you.look("2.0").linestyle
    assert len({you.rate_look(rate) for rate in (3.0, *you.RATES, 1e-4)}) == len(you.RATES) + 2


def test_marks_are_apart():
    assert you.apart(np.array([0, 2, 2.2, 2.4, 3.5, 6])) == [0, 1, 4, 5]


def test_data_seeds_are_the_replicates_and_a_missing_run_is_not_dropped():
    array = xr.DataArray([[[1.0, 2.0, 6.0]], [[3.0, 4.0, np.nan]]], dims=("seed", "rate", "data_seed"))
    assert np.isnan(you.interval(array, "rate").mean)
    mean, low, high = you.interval(array.isel(data_seed=[0, 1]), "rate")
    half = 63.6567 * np.sqrt(0.5) / np.sqrt(2)  # t with one degree of freedom, at 99.5 %
    np.testing.assert_allclose([mean, low, high], [[2.5], [2.5 - half], [2.5 + half]], rtol=1e-5)


def test_titles_tell_seeds():
    text = you.note_of(main(4), matched(3), drawn="bands").replace("\N{NO-BREAK SPACE}", " ")
    assert text == "4 and 3 data seeds; bands: 99 % t-intervals of the mean over data seeds"
    assert you.note_of(main(4), matched(4)).count("data\N{NO-BREAK SPACE}seed") == 1


# --- each figure --------------------------------------------------------------------------------------------


def test_order_draws_each_schedule_where_it_belongs(drawn):
    ds = main()
    figure = drawn("you2019_order", ds)
    for ax, name in zip(figure.axes, (*KINDS[:3], "test_accuracy_complex"), strict=False):
        for label in LABELS:
            x, y = _line(ax, you.look(label).name)
            np.testing.assert_allclose(x, you.epochs(ds))
            np.testing.assert_allclose(y, ds[name].sel(schedule=label).mean(("seed", "data_seed")))
    after = figure.axes[4]
    x, y = _line(after, "noisy")
    np.testing.assert_allclose(x * 5.5, [0, 1, 2, 3, 5, 7, 11], atol=1e-9)  # steps after the decay
    near = ds.train_accuracy_noisy.sel(schedule="2.0, decayed").mean(("seed", "data_seed"))
    np.testing.assert_allclose(y, near.isel(record=slice(10, 17)))


def test_order_names_the_single_runs_that_collapse(drawn):
    ds = main()
    test = drawn("you2019_order", ds).axes[3]
    runs = [line.get_ydata() for line in test.lines if line.get_linewidth() == 0.5]
    np.testing.assert_allclose(runs, ds.test_accuracy_complex.sel(schedule="0.3").isel(seed=0))
    assert any("single" in text.get_text() for text in test.texts)
    ds.test_accuracy_complex[:] = 0.5
    assert not any("single" in text.get_text() for text in drawn("you2019_order", ds).axes[3].texts)


def test_gained_bars_are_shares_and_their_full_part_is_explained(drawn):
    ax = drawn("you2019_gained", decay(noise=0.0)).axes[0]
    bars = {box.get_label(): box for box in ax.containers if box.get_label()[:2] in ("_g", "_e")}
    for i, name in enumerate(("train simple", "train complex", "train noisy", "test complex")):
        gained = 0.1 + 0.1 * i + 0.05 * np.arange(4)
        for what, heights in (("gained", gained), ("explained", gained * [0.2, 0.4, 0.6, 0.8])):
            np.testing.assert_allclose([bar.get_height() for bar in bars[f"_{what} {name}"]], heights)
        full, pale = (bars[f"_{what} {name}"][0].get_facecolor()[:3] for what in ("explained", "gained"))
        assert full == to_rgb(you.KINDS[name.split()[1]].colour) and sum(pale) > sum(full)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["2", "10", "20", "30"]


def test_turns_are_those_of_the_decayed_branch_a_point_a_layer_and_decay(drawn):
    ax = drawn("you2019_gained", decay(noise=0.0)).axes[1]
    points = [(box.lines[0].get_xdata()[0], box.lines[0].get_ydata()[0]) for box in ax.containers]
    expected = [(0.1 + 0.1 * i + 0.05 * j, 0.2 + 0.1 * i + 0.05 * j) for i in range(3) for j in range(4)]
    np.testing.assert_allclose(points, expected)


def test_a_return_is_drawn_beside_what_was_there_before(drawn):
    ax = drawn("you2019_gained", decay(noise=0.0)).axes[2]
    for j, label in enumerate(("2", "10", "20", "30")):
        x, y = _line(ax, label)
        np.testing.assert_allclose(x, 0.4 * np.arange(0, 36, 5))
        np.testing.assert_allclose(y, 0.3 + 0.02 * j + 0.3 * np.array([0, 1, 1, 1, 1, 0, 0, 0]))
    before = [line.get_ydata()[0] for line in ax.lines if line.get_marker() == "<"]
    np.testing.assert_allclose(before, 0.2 + 0.001 * np.array([5, 25, 50, 75]))


def test_memorisation_is_read_at_the_last_epoch_and_at_equal_fit(drawn):
    ds = rates(noise=0.0)
    a, b, *_ = drawn("you2019_memorisation", ds).axes
    assert a.get_title(loc="left").endswith("after 20 epochs")
    for i, (last, fitted) in enumerate(zip(a.containers, b.containers, strict=True)):
        x, y = last.lines[0].get_data()
        np.testing.assert_allclose(x, ds.rate)
        np.testing.assert_allclose(y, ds.train_accuracy_noisy.isel(weight_decay=i, record=-1, seed=0, data_seed=0))
        level = np.full(5, 0.35)  # .1 below the fit, at every rate
        if i == 2:
            level[-1] = np.nan
        np.testing.assert_allclose(fitted.lines[0].get_ydata(), level)
    assert [text.get_text() for text in b.texts] == ["weight decay 0.002: not reached at 3"]


def test_along_training_noisy_is_on_one_curve_and_test_is_not(drawn):
    _, _, c, d = drawn("you2019_memorisation", rates(noise=0.0)).axes
    for rate in (0.03, 0.3, 1.0, 2.0):
        for ax, shift in ((c, -0.1), (d, -0.1 + 0.02 * rate)):
            x, y = _line(ax, f"{rate:g}")
            known = np.isfinite(y)
            # Not before the first record, nor beyond where the fit ends.
            assert known.sum() > 5 and x[known].max() < 0.95
            started = known & (x > 0.2)
            np.testing.assert_allclose(y[started], x[started] + shift)


def test_matched_names_bits_and_copies_and_draws_its_own_results(drawn):
    half, equal = main(), matched()
    figure = drawn("you2019_matched", half, equal)
    said = {
        0: ["simple: 3.32 bits, 20 copies", "complex: 6.64 bits, 2 copies", "noisy: 1 copy"],
        1: ["simple: 3.32 bits, 4 copies", "complex: 6.64 bits, 4 copies", "noisy: 1 copy"],
    }
    for i, ax in enumerate(figure.axes):
        row, column = divmod(i, 2)
        ds, schedule = (half, equal)[column], ("2.0, decayed", "0.03")[row]
        assert ("half" in ax.get_title(loc="left")) == (column == 0)
        assert column or you.look(schedule).name in ax.get_ylabel()
        for label, kind in zip(said[column], ("simple", "complex", "noisy"), strict=True):
            x, y = _line(ax, label)
            np.testing.assert_allclose(x, you.epochs(ds))
            np.testing.assert_allclose(
                y, ds[f"train_accuracy_{kind}"].sel(schedule=schedule).mean(("seed", "data_seed"))
            )
