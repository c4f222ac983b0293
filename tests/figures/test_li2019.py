"""The figures of Li, Wei, Ma 2019, drawn from small made-up results: nothing is simulated here."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from figures import style

FOLDER = Path(style.__file__).parent
NAMES = sorted(path.stem for path in FOLDER.glob("li2019_*.py"))
T_ANNEAL, T_END = 4000.0, 6000.0
PROBLEM = {
    "class": "InfiniteWidth", "d": 100, "kappa": 0.35, "gamma0": 0.03, "p_only_ratio": 0.5, "q0": 0.25, "r": 0.02,
    "s": 28.0, "alpha_low": 0.5,
}  # fmt: skip
BLOCK = {**PROBLEM, "class": "BlockNetwork", "d": 50, "r": 0.05, "s": 10.0, "m_w": 64, "m_v": 1280}
SMALL = {**PROBLEM, "d": 50, "r": 0.05, "s": 10.0}
SCHEDULE = {"class": "Stages", "rates": [1.0, 1e-5], "levels": [0.12, 0.03], "caps": [4000.0, 2000.0]}


def results(axes, *, n_seeds=4, n_records=30, end=T_END, problem=PROBLEM, anneals=True, seed=0):
    """Return a dataset with the variables and the manifest of a sim: smooth curves that differ between cells."""
    rng = np.random.default_rng(seed)
    sizes = {**{name: len(values) for name, values in axes.items()}, "seed": n_seeds, "record": n_records + 1}
    shape = tuple(sizes.values())
    cells = shape[:-1]
    time = np.broadcast_to(np.linspace(0, end, n_records + 1), shape).copy()
    rate = 1 + rng.random((*cells, 1))
    fall = np.exp(-4 * rate * time / end)
    values = {
        "time": time,
        "lr": np.where(time < T_ANNEAL, 1.0, 1e-5),
        "d2": -0.02 - rate * (1 - fall),
        "cos_w": 0.9 + 0.05 * (1 - fall) * rate / 2,
        "p_test_error": 0.05 * rate + 0.4 * fall,
        "p_test_loss": 0.3 * rate + 0.1 * fall,
        "changed_w": 0.01 * rate + 0 * time,
        "changed_v": 0.02 * rate + 0 * time,
    }
    for i, kind in enumerate(("", "_p_only", "_q_only", "_both")):
        values[f"train_loss{kind}"] = 0.03 + 0.66 * fall ** (1 + i)
    stages = (*axes, "seed", "stage_index")
    data = {name: (tuple(sizes), value) for name, value in values.items()}
    data["stage_time"] = (stages, np.broadcast_to([T_ANNEAL if anneals else 0.0, end], (*cells, 2)).copy())
    data["stage_reason"] = (stages, np.broadcast_to([2, 1], (*cells, 2)).copy())
    data["diverged_at"] = (tuple(sizes)[:-1], np.full(cells, -1))
    coordinates = {**{k: np.asarray(v) for k, v in axes.items()}, "seed": np.arange(n_seeds)}
    experiment = {"problem": problem, "dynamics": {"class": "ModeFlow", "weight_decay": 1e-4}, "schedule": SCHEDULE}
    return xr.Dataset(data, coordinates, {"experiment": experiment})


ALGORITHM = {"algorithm": ["L-S", "S"]}


def inputs(name, n_seeds=4):
    """Return made-up results for each of the sims that a figure reads."""
    more = {"n_seeds": n_seeds}
    return {
        "li2019_separation": lambda: [results(ALGORITHM | {"stop_at": [0.03, 0.035]}, **more)],
        "li2019_order": lambda: [results(ALGORITHM, end=3e4, **more)],
        "li2019_annealing": lambda: [results({"theta": [1.0, 0.1, 1e-3, 1e-5]}, **more)],
        "li2019_temperature": lambda: [
            results({"theta": [1e-5, 1e-3, 0.1, 1.0]}, anneals=False, **more),
            results({"theta": [1e-4, 1e-2, 1.0]}, problem=SMALL, end=1000.0, **more),
            results({"theta": [1e-4, 0.1, 1.0]}, problem=BLOCK, end=1000.0, seed=1, **more),
        ],
        "li2019_phase": lambda: [results(ALGORITHM | {"theta": [1e-5, 1e-3, 1.0], "r": [0.01, 0.02]}, **more)],
        "li2019_capacity": lambda: [results({"r": [0.005, 0.01, 0.02], "weight_decay": [1e-4, 4e-4]}, **more)],
        "li2019_kappa": lambda: [results(ALGORITHM | {"kappa": [0.5, 0.35, 0.25]}, **more)],
        "li2019_width": lambda: [
            results({"width": [64, 256, 1024], "theta": [1e-4, 1.0]}, problem=BLOCK, end=500.0, seed=1, **more),
            results({"theta": [1e-4, 1e-2, 1.0]}, problem=SMALL, end=1000.0, **more),
        ],
    }[name]()


@pytest.fixture
def drawn():
    """Draw a figure in the style of the project; close it after the test."""
    made = []

    def draw(name, datasets, render=True):
        with style.context():
            made.append(importlib.import_module(f"figures.{name}").draw(*datasets))
            if render:
                made[-1].canvas.draw()
        return made[-1]

    yield draw
    for figure in made:
        plt.close(figure)


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_is_drawn_whole(name, drawn):
    """Labelled, nothing clipped, nothing too small, the inputs untouched, nothing left open."""
    before = plt.get_fignums()
    datasets = inputs(name)
    copies = [ds.copy(deep=True) for ds in datasets]
    assert len(datasets) == len(importlib.import_module(f"figures.{name}").INPUTS)
    figure = drawn(name, datasets)
    assert isinstance(figure, Figure) and figure.get_figwidth() in style.WIDTHS.values()
    title = figure.get_suptitle().replace("\N{NO-BREAK SPACE}", " ")
    assert "4 seeds" in title and "99 %" in title
    assert "κ = 0.35" in title or name == "li2019_kappa"
    for ax in figure.axes:
        shared = any(other.get_xlabel() for other in ax.get_shared_x_axes().get_siblings(ax))
        assert ax.get_ylabel() and (ax.get_xlabel() or shared or ax.get_label() == "<colorbar>")
    page = figure.bbox.padded(2)
    for text in _texts(figure):
        box = text.get_window_extent()
        assert page.contains(box.x0, box.y0) and page.contains(box.x1, box.y1), text.get_text()
        assert text.get_fontsize() >= 7, text.get_text()
    for ds, copy in zip(datasets, copies, strict=True):
        xr.testing.assert_identical(ds, copy)
    plt.close(figure)
    assert plt.get_fignums() == before


def _texts(figure):
    """Return the texts that are drawn: not the labels of ticks beyond the limits of an axis."""
    axes = [axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)]
    ticks = {id(label) for axis in axes for label in axis.get_ticklabels(which="both")}
    texts = figure.findobj(lambda o: isinstance(o, plt.Text) and id(o) not in ticks)
    return [text for text in texts if text.get_visible() and text.get_text().strip()]


@pytest.mark.parametrize("name", NAMES)
def test_one_seed_does(name, drawn):
    assert "1 seed" in drawn(name, inputs(name, 1)).get_suptitle()


@pytest.mark.parametrize("name", NAMES)
def test_a_diverged_seed_does_not_stop_it(name, drawn):
    datasets = inputs(name, 2)
    for ds in datasets:
        for variable in ds.data_vars:
            if "record" in ds[variable].dims and variable not in ("time", "lr"):
                ds[variable].loc[{"seed": 1, "record": slice(20, None)}] = np.nan
    drawn(name, datasets, render=False)


@pytest.mark.parametrize("name", [*NAMES, "_li2019", "style"])
def test_figures_import_neither_sims_nor_jax(name):
    for node in ast.walk(ast.parse((FOLDER / f"{name}.py").read_text("utf-8"))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            assert not any(m.split(".")[0] in ("sims", "jax", "jaxlib") for m in modules), modules


def test_importing_all_of_them_loads_no_jax():
    lines = [f"import figures.{name}" for name in NAMES]
    code = "; ".join(["import sys", *lines, "print(sorted({m.split('.')[0] for m in sys.modules} & {'jax', 'sims'}))"])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=FOLDER.parent)
    assert done.stdout.strip() == "[]"


def test_separation_states_the_ratio_and_who_did_not_stop(drawn):
    ds = results(ALGORITHM | {"stop_at": [0.03, 0.035]}, n_seeds=6)
    ds["p_test_error"].loc[{"algorithm": "L-S"}] = 0.02 + 0.001 * np.arange(6)[:, None]
    ds["p_test_error"].loc[{"algorithm": "S"}] = 0.10 + 0.005 * np.arange(6)[:, None]
    ds["stage_reason"].loc[{"algorithm": "S", "seed": 5, "stage_index": 1}] = 2
    figure = drawn("li2019_separation", [ds])
    assert any("× 5.0" in text.get_text() for text in figure.axes[0].texts)
    assert "reached by 5 seeds" in " ".join(figure.get_suptitle().split("\n"))


def test_phase_hatches_where_the_difference_is_not_sure(drawn):
    ds = results(ALGORITHM | {"theta": [1e-5, 1.0], "r": [0.01, 0.02]}, n_seeds=5)
    error = ds["p_test_error"]
    error.loc[{"algorithm": "L-S"}] = 0.02
    error.loc[{"algorithm": "S"}] = 0.10
    error.loc[{"algorithm": "S", "theta": 1.0}] = 0.02
    figure = drawn("li2019_phase", [ds])
    hatched = [patch.get_xy() for patch in figure.axes[0].patches if patch.get_hatch()]
    assert sorted(hatched) == [(0.5, -0.5), (0.5, 0.5)]
    assert sorted(text.get_text() for text in figure.axes[0].texts) == ["1.0", "1.0", "5.0", "5.0"]


def test_width_needs_the_same_training_sets(drawn):
    finite, infinite = inputs("li2019_width")
    with pytest.raises(ValueError, match=r"lack seeds \[3\]"):
        drawn("li2019_width", [finite, infinite.isel(seed=[0, 1, 2])])


@pytest.mark.parametrize(
    ("value", "text"),
    [(1e-5, "10⁻⁵"), (2e-4, "2×10⁻⁴"), (0.02, "0.02"), (0.002, "0.002"), (0.01, "10⁻²"), (1.0, "1"), (0.35, "0.35")],
)
def test_numbers_as_a_reader_writes_them(value, text):
    assert style.number(value) == text
