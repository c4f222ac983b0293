import re
import runpy
from pathlib import Path

import numpy as np

import lrtheory
from lrtheory.sims import load_sim

README = (Path(__file__).parents[1] / "README.md").read_text()


def _example(tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.S)
    path = tmp_path / "own.py"
    path.write_text(code)
    return path


def test_the_example_runs_as_shown(tmp_path, capsys):
    runpy.run_path(str(_example(tmp_path)), run_name="__main__")
    assert capsys.readouterr().out.startswith("holds: ")


def test_the_example_claims_what_noise_does_and_its_control_fails(tmp_path):
    """Without label noise nothing drifts: the claim must be refuted."""
    sim = load_sim(_example(tmp_path))
    quiet = lrtheory.experiment.with_value(sim.experiment, "problem.sigma", 0.0)
    assert sim.claims[0].verdict(lrtheory.run(quiet)).verdict == "refuted"


def test_all_cells_of_the_example_are_one_program(tmp_path):
    from lrtheory import program

    before = program.trace_count
    ds = lrtheory.run(load_sim(_example(tmp_path)).experiment)
    assert program.trace_count == before + 1
    assert ds.sizes["rate"] * ds.sizes["seed"] == 192
    assert np.isfinite(ds.sharpness.values).all()
