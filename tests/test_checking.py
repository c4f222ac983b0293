"""Adding seeds until claims are decided: only where it is needed, in the same results, and no further than allowed."""

from __future__ import annotations

import json

import pytest

from lrtheory import cli
from lrtheory.store import open_results
from tests.toys import cached_compiles

#: Claims on numbers that depend on the seed alone, with a known mean of 0.6 or 0 standard deviations.
SIM = """\
import numpy as np
from lrtheory import Claim, Experiment
from lrtheory.claims import Regime
from lrtheory.dynamics import SGD
from lrtheory.probes.quadratic import Directions
from lrtheory.problems.quadratic import Quadratic
from lrtheory.relations import greater
from lrtheory.schedules import Constant

experiment = Experiment(
    name="NAME", problem=Quadratic(), dynamics=SGD(), schedule=Constant(rate=0.1), probes=(Directions(),),
    n_steps=2, n_records=1, seeds=20, scales={"smoke": {}},
)

def normal(effect):
    return lambda ds: effect + np.array([np.random.default_rng([7, s]).normal() for s in ds.seed.values])

claims = [CLAIMS]
"""
EASY = 'Claim(id="NAME-easy", statement="easy", quantity=normal(9.0), relation=greater(0.0)),'
HARD = 'Claim(id="NAME-hard", statement="hard", quantity=normal(0.6), relation=greater(0.0)),'
NULL = 'Claim(id="NAME-null", statement="null", quantity=normal(0.0), relation=greater(0.0)),'
GONE = 'Claim(id="NAME-gone", statement="gone", quantity=lambda ds: normal(1)(ds) * np.nan, relation=greater(0.0)),'
OUT = (
    'Claim(id="NAME-out", statement="out", quantity=normal(0.0), relation=greater(0.0), '
    'regime=Regime("many steps", lambda ds: ds.step.max() > 99)),'
)


@pytest.fixture(scope="module", autouse=True)
def compile_once(tmp_path_factory):
    with cached_compiles(tmp_path_factory.mktemp("compiled")):
        yield


@pytest.fixture
def check(tmp_path, capsys):
    """Write sims from their claims, check them, and return exit status, verdicts by id, and standard error."""

    def run(sims, *arguments):
        for name, claims in sims.items():
            (tmp_path / f"{name}.py").write_text(SIM.replace("CLAIMS", claims).replace("NAME", name))
        paths = [str(tmp_path / f"{name}.py") for name in sims]
        with pytest.raises(SystemExit) as stop:
            cli.main(["check", *paths, "--scale", "smoke", "--results", str(tmp_path / "r"), "--format", "json",
                      *map(str, arguments)])  # fmt: skip
        out, err = capsys.readouterr()
        return stop.value.code, {row["id"]: row for row in json.loads(out or "[]")}, err

    return run


def test_seeds_are_added_only_where_a_claim_is_undecided(check, tmp_path):
    code, rows, err = check({"a": EASY, "b": EASY + HARD}, "--until-decided", "--seeds", 8)
    assert code == 0 and {r["verdict"] for r in rows.values()} == {"holds"}
    assert rows["a-easy"]["n_seeds"] == 8 < rows["b-hard"]["n_seeds"] < 300
    assert rows["b-easy"]["n_seeds"] == rows["b-hard"]["n_seeds"]
    assert {r["method"] for r in rows.values()} == {"any-time"}
    # The same results hold them: a quarter more at every look, seeds 0, 1, 2, ... without a gap.
    assert "b: 8 -> 10 seeds" in err and "b: 10 -> 13 seeds" in err and "a: 8 ->" not in err
    ds = open_results(tmp_path / "r" / "smoke" / "b")
    assert ds.seed.values.tolist() == list(range(rows["b-hard"]["n_seeds"]))
    # And a later look at what was added after looking is judged by the same method.
    code, later, _ = check({"a": EASY, "b": EASY + HARD})
    assert later["b-hard"]["method"] == "any-time" and later["b-hard"]["verdict"] == "holds"
    assert later["b-hard"]["estimate"] == rows["b-hard"]["estimate"]
    assert later["a-easy"]["method"] == "any-time"  # none was added, but it was looked at to see


def test_it_stops_at_max_seeds(check):
    code, rows, err = check({"a": NULL}, "--until-decided", "--seeds", 8, "--max-seeds", 20)
    assert code == 0 and rows["a-null"]["verdict"] == "undecided" and rows["a-null"]["n_seeds"] == 20
    assert err.count("look") == 5 and "17 -> 20 seeds" in err


def test_what_more_seeds_cannot_decide_is_given_none(check):
    code, rows, _ = check({"a": GONE + OUT}, "--until-decided", "--seeds", 8)
    assert code == 0 and {r["verdict"] for r in rows.values()} == {"undecided"}
    assert {r["n_seeds"] for r in rows.values()} == {8} and "outside its regime: many steps" in rows["a-out"]["note"]


def test_a_second_call_goes_on_from_the_seeds_that_are_there(check):
    first = check({"a": NULL}, "--until-decided", "--seeds", 8, "--max-seeds", 12)[1]
    second = check({"a": NULL}, "--until-decided", "--seeds", 8, "--max-seeds", 18)[1]
    assert (first["a-null"]["n_seeds"], second["a-null"]["n_seeds"]) == (12, 18)


def test_two_files_may_have_claims_on_one_experiment(check, tmp_path):
    check({"a": EASY}, "--until-decided", "--seeds", 8)
    text = (tmp_path / "a.py").read_text().replace('id="a-easy"', 'id="a-other"')
    (tmp_path / "again.py").write_text(text)
    with pytest.raises(SystemExit) as stop:
        cli.main(["check", str(tmp_path / "a.py"), str(tmp_path / "again.py"), "--scale", "smoke", "--until-decided",
                  "--results", str(tmp_path / "r"), "--recorded", str(record(tmp_path))])  # fmt: skip
    assert stop.value.code == 0


def record(folder):
    path = folder / "claims.md"
    path.write_text("Recorded at scale `smoke`\n\n| a-easy | **holds** |\n| a-other | **holds** |\n")
    return path


def test_results_of_another_replicate_are_not_judged(check, tmp_path):
    check({"a": EASY}, "--until-decided", "--seeds", 8)
    path = tmp_path / "a.py"
    path.write_text(path.read_text().replace("seeds=20,", "seeds=8, data_seeds=4,"))
    with pytest.raises(SystemExit) as stop:
        cli.main(["check", str(path), "--scale", "smoke", "--results", str(tmp_path / "r")])
    assert stop.value.code == 2


def test_without_a_number_it_begins_with_what_the_sim_declares(check):
    assert check({"a": EASY}, "--until-decided")[1]["a-easy"]["n_seeds"] == 20


def test_a_plain_check_runs_nothing(check, tmp_path):
    code, rows, err = check({"a": EASY})
    assert code == 2 and not rows and "no results to check" in err and not (tmp_path / "r").exists()


def test_two_claims_of_one_id_are_refused(check):
    code, _, err = check({"a": EASY + EASY}, "--until-decided", "--seeds", 8)
    assert code == 2 and "'a-easy' is there 2 times" in err
