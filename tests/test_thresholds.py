"""Lines between regimes: brackets, intervals, and the adaptive search, on criteria whose lines are known."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from lrtheory import Axis, Experiment, cli
from lrtheory.dynamics import GD
from lrtheory.errors import ConfigError
from lrtheory.probes.quadratic import Directions
from lrtheory.problems.quadratic import Quadratic
from lrtheory.schedules import Constant
from lrtheory.thresholds import Line, bracket, find_thresholds, thresholds

RATES = np.array([0.1, 0.2, 0.4, 0.8])


def made(above):
    """Return results whose variable says, for each seed and rate, what is above."""
    values = np.asarray(above, float)
    return xr.Dataset({"up": (("seed", "rate"), values)}, {"rate": RATES[: values.shape[1]]})


def most(ds):
    return ds.up.mean("seed") > 0.5


@pytest.mark.parametrize(
    ("above", "rate", "sides"),
    [
        ([0, 0, 1, 1], "first above", (0.2, 0.4)),
        ([0, 0, 1, 1], "last below", (0.2, 0.4)),
        ([0, 1, 0, 1], "first above", (0.1, 0.2)),
        ([0, 1, 0, 1], "last below", (0.4, 0.8)),
        ([1, 0, 0, 1], "last below", (0.4, 0.8)),
        ([1, 1, 1, 1], "first above", (np.nan, np.nan)),
        ([1, 1, 1, 1], "last below", (np.nan, np.nan)),
        ([0, 0, 0, 0], "first above", (np.nan, np.nan)),
        ([0, 0, 0, 0], "last below", (np.nan, np.nan)),
    ],
)
def test_a_bracket_holds_the_line(above, rate, sides):
    assert bracket(Line("x", most, rate), made([above])) == pytest.approx(sides, nan_ok=True)
    # In whatever order the rates were given.
    assert bracket(Line("x", most, rate), made([above]).isel(rate=[2, 0, 3, 1])) == pytest.approx(sides, nan_ok=True)


def test_the_named_rate_is_below_or_above_and_the_interval_goes_over_replicates():
    sure = made([[0, 0, 1, 1]] * 6)
    first, last = thresholds(sure, [Line("a", most, "first above"), Line("b", most, "last below")])
    assert (first.rate, last.rate) == (0.4, 0.2) and first.interval == (0.4, 0.4) and last.interval == (0.2, 0.2)
    split = made([[0, 1, 1, 1]] * 3 + [[0, 0, 0, 1]] * 4)
    (found,) = thresholds(split, [Line("a", most, "first above")])
    assert found.rate == 0.8 and found.interval == (0.2, 0.8)
    nested = split.rename(seed="data_seed").expand_dims("seed")  # data seeds are drawn, not seeds
    (again,) = thresholds(nested, [Line("a", lambda ds: ds.up.mean(("seed", "data_seed")) > 0.5, "first above")])
    assert again.interval == (0.2, 0.8)


def test_a_criterion_that_answers_for_each_seed_is_refused():
    with pytest.raises(ConfigError, match="one answer for each rate"):
        bracket(Line("x", lambda ds: ds.up > 0.5, "first above"), made([[0, 0, 1, 1]]))


DESCENT = Experiment(
    name="toy_lines",
    problem=Quadratic(eigenvalues=(1.0, 3.0), mean=(1.0, 1.0), std=(0.1, 0.1)),
    dynamics=GD(),
    schedule=Constant(rate=0.1),
    probes=(Directions(),),
    n_steps=2000,
    n_records=2,
    axes={"rate": Axis("schedule.rate", (0.1, 0.3, 1.0))},
    seeds=3,
)


def grows(ds):
    """Tell whether descent has left the minimum: its largest coordinate is not below 1."""
    return ~(np.abs(ds.w).isel(record=-1).max("direction").median("seed", skipna=False) < 1.0)


def test_the_search_finds_the_edge_of_stability_and_resumes(tmp_path):
    line = Line("stable|unstable", grows, "first above")
    (found,), ds = find_thresholds(DESCENT, [line], tolerance=0.01, results=tmp_path)
    assert found.low < 2 / 3 <= found.high and np.log10(found.high / found.low) <= 0.01
    assert (np.diff(ds.rate.values) > 0).all() and ds.sizes["rate"] > 8
    (again,), same = find_thresholds(DESCENT, [line], tolerance=0.01, results=tmp_path)
    assert again == found and same.identical(ds)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"points": 0}, "points"), ({"tolerance": 0.0}, "tolerance"), ({"axis": "rat"}, "axis")],
)
def test_bad_searches_are_refused_before_anything_runs(options, message):
    with pytest.raises(ConfigError, match=message):
        find_thresholds(DESCENT, [Line("x", grows, "first above")], **options)


SIM = '''
from lrtheory.thresholds import Line
from tests.test_thresholds import DESCENT as experiment, grows

lines = [Line("stable|unstable", grows, "first above", 0.7)]
'''


def test_the_command_shows_lines_of_results_and_refines_them(tmp_path, capsys):
    (tmp_path / "own.py").write_text(SIM)
    sim, results = str(tmp_path / "own.py"), ["--results", str(tmp_path / "results")]
    for arguments, status in (
        (["lines", "quadratic_sde", *results], 2),  # it has none
        (["lines", sim, *results], 2),  # no results yet
        (["lines", sim, *results, "--refine", "--tolerance", "0.2"], 0),
        (["lines", sim, *results], 0),
    ):
        with pytest.raises(SystemExit) as stop:
            cli.main(arguments)
        out, err = capsys.readouterr()
        assert stop.value.code == status, err
        if status:
            assert out == "" and err.startswith("lrtheory: ") and err.count("\n") == 1
        else:
            header, _, row = out.strip().split("\n")
            assert header.split() == ["line", "rate", "between", "interval", "published"]
            assert row.startswith("stable|unstable") and row.endswith("0.7")
