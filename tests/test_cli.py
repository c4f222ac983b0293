"""The command line: what it answers, and that bad input gets one line, exit status 2, and nothing written."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest
import xarray as xr

import lrtheory
from lrtheory import cli
from lrtheory.store import open_results
from tests.toys import USER_SIM, cached_compiles

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module", autouse=True)
def compile_once(tmp_path_factory):
    with cached_compiles(tmp_path_factory.mktemp("compiled")):
        yield


@pytest.fixture
def sim(tmp_path):
    """A user's own sim file, somewhere on disk."""
    path = tmp_path / "somewhere else" / "mine.py"
    path.parent.mkdir()
    path.write_text(USER_SIM.replace("STEPS", "100"))
    return path


@pytest.fixture
def call(capsys):
    """Call the command line in this process; return exit status, standard output and standard error."""

    def run(*arguments):
        with pytest.raises(SystemExit) as stop:
            cli.main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return stop.value.code, out, err

    return run


def program(*arguments, code="from lrtheory.cli import main; main()", **options):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


# --- it works ---------------------------------------------------------------------------------------------------------


def test_a_users_own_sim_anywhere_on_disk_runs_is_shown_and_is_checked(sim, call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert call("run", sim, "--scale", "smoke", "--seeds", "4")[0] == 0
    ds = open_results(tmp_path / "results" / "smoke" / "mine")
    assert ds.sizes["seed"] == 4 and ds.step.values[-1] == 50

    code, out, _ = call("run", sim, "--scale", "smoke", "--seeds", "4")
    assert code == 0 and "complete, nothing to do" in out

    code, out, _ = call("status")
    assert code == 0 and re.search(r"results/smoke/mine .*(\d+)/\1 chunks  complete", out)

    code, out, err = call("check", sim, "--scale", "smoke")
    assert code == 0 and re.search(r"mine-1 +holds", out) and re.search(r"mine-2 +refuted", out)
    assert "1 holds, 1 refuted, 0 undecided; the chance that any of these verdicts is wrong is at most 5 %" in out
    assert err == ""  # the results have 4 seeds and the sim asks for 20: the claims are the same


def test_results_of_another_configuration_are_not_judged_as_the_sims(sim, call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert call("run", sim, "--scale", "smoke", "--seeds", "4", "--set", "axes.rate=0.2,0.3")[0] == 0
    code, out, err = call("check", sim, "--scale", "smoke")
    assert code == 2 and out == "" and "axes.rate" in err and err.count("\n") == 1


def test_sims_without_results_are_named_and_the_others_checked(sim, call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    other = tmp_path / "other.py"
    other.write_text(sim.read_text().replace('name="mine"', 'name="other"').replace('id="mine', 'id="other'))
    assert call("run", sim, "--scale", "smoke", "--seeds", "4")[0] == 0
    code, out, err = call("check", sim, other, "--scale", "smoke")
    assert code == 2 and "mine-1" in out and err == "lrtheory: no results yet of other: run them first\n"


RECORD = "Recorded at scale `{}`\n\n| mine-1 | **holds** |\n| mine-2 | **{}** |\n"


@pytest.mark.parametrize(
    ("scale", "second", "code", "said"),
    [
        ("smoke", "refuted", 0, "against the record: 2 compared, 0 changed\n"),
        ("smoke", "holds", 1, "against the record: 2 compared, 1 changed mine-2\n"),
        ("smoke", "undecided", 1, "against the record: 2 compared, 1 changed mine-2\n"),
        ("laptop", "holds", 0, "no verdicts are recorded at scale smoke (the record is of laptop)\n"),
    ],
)
def test_the_exit_status_says_whether_a_verdict_is_the_recorded_one(scale, second, code, said, sim, call, tmp_path):
    call("run", sim, "--scale", "smoke", "--seeds", "4", "--results", tmp_path)
    record = tmp_path / "claims.md"
    record.write_text(RECORD.format(scale, second))
    got, out, _ = call("check", sim, "--scale", "smoke", "--results", tmp_path, "--recorded", record)
    assert got == code and out.endswith(said) and ("(was" in out) == (code == 1)


@pytest.mark.parametrize("form", ["json", "junit", "markdown"])
def test_output_for_programs_has_nothing_else_on_it(form, sim, call, tmp_path):
    call("run", sim, "--scale", "smoke", "--seeds", "4", "--results", tmp_path)
    code, out, err = call("check", sim, "--scale", "smoke", "--results", tmp_path, "--format", form)
    assert code == 0 and "1 holds, 1 refuted" in err
    if form == "json":
        assert [row["verdict"] for row in json.loads(out)] == ["holds", "refuted"]
    elif form == "junit":
        assert len(list(ElementTree.fromstring(out).iter("testcase"))) == 2
    else:
        (tmp_path / "claims.md").write_text(out)
        code, _, _ = call("check", sim, "--scale", "smoke", "--results", tmp_path, "--recorded", tmp_path / "claims.md")
        assert code == 0


def test_results_of_the_command_are_those_of_python(sim, call, tmp_path):
    code, out, err = call(
        "run", sim, "--scale", "smoke", "--results", tmp_path / "r", "--set", "seeds=3", "--chunks", "2"
    )
    assert code == 0 and "6 cells" in out and err == ""
    experiment = lrtheory.experiment.with_value(cli.load_sim(sim).experiment, "seeds", 3)
    xr.testing.assert_equal(open_results(tmp_path / "r" / "smoke" / "mine"), lrtheory.run(experiment, scale="smoke"))


def test_every_kind_of_field_can_be_set(sim, call, tmp_path):
    settings = {
        "problem.eigenvalues": "1,0.3", "problem.noise": "0.2", "axes.rate": "0.2,0.4,0.6", "n_records": "5",
        "record_spacing": "log", "seeds": "2", "root_seed": "7", "data_seeds": "none",
    }  # fmt: skip
    given = [part for name, text in settings.items() for part in ("--set", f"{name}={text}")]
    code, _, err = call("run", sim, "--scale", "smoke", "--results", tmp_path, "--precision", "f32", *given)
    assert (code, err) == (0, "")
    ds = open_results(tmp_path / "smoke" / "mine")
    assert ds.rate.values.tolist() == [0.2, 0.4, 0.6] and ds.loss.dtype == "float32"
    assert ds.attrs["experiment"]["problem"]["eigenvalues"] == [1.0, 0.3] and ds.attrs["experiment"]["root_seed"] == 7


def test_the_share_of_diverged_cells_is_said(sim, call, tmp_path):
    code, out, _ = call("run", sim, "--scale", "smoke", "--results", tmp_path, "--set", "axes.rate=0.1,9")
    assert code == 0 and "50.0% of the cells diverged" in out


def test_doctor_says_versions_devices_and_that_the_numbers_are_right(call):
    code, out, _ = call("doctor")
    assert code == 0 and re.search(r"^jax +\d", out, re.M) and "device     " in out and out.rstrip().endswith("right")


def test_status_of_unfinished_results(sim, call, tmp_path):
    call("run", sim, "--scale", "smoke", "--results", tmp_path, "--chunks", "4", "--seeds", "4")
    folder = tmp_path / "smoke" / "mine"
    (folder / "manifest.json").unlink()
    (folder / "done" / "000000.json").unlink()
    code, out, _ = call("status", "--results", tmp_path)
    assert code == 0 and "unfinished: run it again to resume" in out
    code, _, err = call("check", sim, "--scale", "smoke", "--results", tmp_path)
    assert code == 2 and "unfinished results" in err and err.count("\n") == 1


# --- bad input --------------------------------------------------------------------------------------------------------

MINE = "SIM"

BAD = {
    "unknown sim": (["run", "quadratic_plateu"], "unknown sim 'quadratic_plateu'; did you mean 'quadratic_plateau'?"),
    "unknown file": (["run", "nowhere/mine.py"], "unknown sim file 'nowhere/mine.py'"),
    "unknown scale": (["run", MINE, "--scale", "smokey"], "unknown scale 'smokey'; did you mean 'smoke'?"),
    "unknown field": (["run", MINE, "--set", "problem.nose=1"], "unknown field 'nose'; did you mean 'noise'?"),
    "unknown part": (["run", MINE, "--set", "shedule.rate=1"], "unknown field 'shedule'; did you mean 'schedule'?"),
    "unknown axis": (["run", MINE, "--set", "axes.rates=1"], "unknown field 'rates'; did you mean 'rate'?"),
    "no value": (["run", MINE, "--set", "seeds"], "--set 'seeds' is not allowed: it must be FIELD=VALUE"),
    "negative rate": (["run", MINE, "--set", "axes.rate=-0.1"], "schedule.rate = -0.1 is not allowed"),
    "rate not a number": (["run", MINE, "--set", "axes.rate=0.1,nan"], "schedule.rate = nan is not allowed"),
    "rate infinite": (["run", MINE, "--set", "axes.rate=inf"], "schedule.rate = inf is not allowed"),
    "rate of none": (["run", MINE, "--set", "axes.rate=none"], "axes.rate"),
    "rate a word": (["run", MINE, "--set", "axes.rate=fast"], "axes.rate = 'fast' is not allowed: it must be a number"),
    "no rates": (["run", MINE, "--set", "axes.rate="], "at least one value"),
    "swept field": (["run", MINE, "--set", "schedule.rate=0.3"], "axes.rate"),
    "field of a scale": (["run", MINE, "--set", "scales.smoke.n_steps=3"], "scales"),
    "noise negative": (["run", MINE, "--set", "problem.noise=-1"], "problem.noise = -1.0 is not allowed"),
    "noise nan": (["run", MINE, "--set", "problem.noise=nan"], "problem.noise = nan is not allowed"),
    "curvature 0": (["run", MINE, "--set", "problem.eigenvalues=1,0"], "problem.eigenvalues"),
    "no seeds": (["run", MINE, "--seeds", "0"], "seeds = 0 is not allowed"),
    "half a seed": (["run", MINE, "--set", "seeds=1.5"], "seeds = '1.5' is not allowed: it must be a whole number"),
    "no steps": (["run", MINE, "--set", "n_steps=0"], "n_steps = 0 is not allowed"),
    "precision": (["run", MINE, "--precision", "f16"], "precision = 'f16' is not allowed: it must be 'f32' or 'f64'"),
    "chunks": (["run", MINE, "--chunks", "0"], "--chunks = 0 is not allowed"),
    "memory a word": (["run", MINE, "--memory", "lots"], "--memory 'lots' is not allowed"),
    "memory misread": (["run", MINE, "--memory", "1.2.3GB"], "--memory '1.2.3GB' is not allowed"),
    "memory 0": (["run", MINE, "--memory", "0GB"], "--memory '0GB' is not allowed"),
    "memory small": (["run", MINE, "--memory", "10B"], "need of one cell"),
    "a part": (["run", MINE, "--set", "problem=3"], "problem is a Quadratic, not a number"),
    "the axes": (["run", MINE, "--set", "axes=3"], "axes"),
    "alpha": (["check", MINE, "--alpha", "1.5"], "--alpha = 1.5 is not allowed: it must be in (0, 1)"),
    "no results": (["check", MINE], "no results to check"),
    "no results to report": (["report", MINE], "no results to report"),
    "report alpha": (["report", MINE, "--alpha", "0"], "--alpha = 0.0 is not allowed"),
    "no record": (["check", MINE, "--recorded", "nowhere.md"], "--recorded nowhere.md is not allowed"),
    "seeds of a look": (["check", MINE, "--seeds", "8"], "--seeds 8 is not allowed without --until-decided"),
    "one seed": (["check", MINE, "--until-decided", "--seeds", "1"], "--seeds = 1 is not allowed: it must be >= 8"),
    "max seeds": (["check", MINE, "--until-decided", "--max-seeds", "0"], "--max-seeds = 0 is not allowed"),
    "unknown format": (["check", MINE, "--format", "csv"], "csv"),
    "check unknown scale": (["check", MINE, "--scale", "smokey"], "did you mean 'smoke'?"),
    "nothing to show": (["status"], "holds no results"),
    "unknown option": (["run", MINE, "--sede", "3"], "--sede"),
    "seeds a word": (["run", MINE, "--seeds", "many"], "many"),
    "unknown command": (["rnu"], "rnu"),
    "no command": ([], "run"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gets_one_line_status_2_and_writes_nothing(name, sim, call, tmp_path):
    arguments, message = BAD[name]
    arguments = [sim if a == MINE else a for a in arguments]
    if arguments and arguments[0] in ("run", "check", "report", "status"):
        arguments += ["--results", tmp_path / "r"]
    code, out, err = call(*arguments)
    assert code == 2, err
    assert message in err and err.startswith("lrtheory: ") and err.count("\n") == 1 and err.endswith("\n")
    assert out == "" and not (tmp_path / "r").exists()


LI2019 = """
from lrtheory import Axis, Experiment
from lrtheory.dynamics.li2019_modes import ModeFlow
from lrtheory.problems.li2019_infinite import InfiniteWidth
from lrtheory.schedules import Constant
experiment = Experiment(name="x", problem=InfiniteWidth(d=10), dynamics=ModeFlow(), schedule=Constant(rate=1.0),
                        probes=(), n_steps=3)
"""


@pytest.mark.parametrize(
    "setting", ["kappa=0", "kappa=-1", "kappa=nan", "kappa=99", "q0=1.2", "q0=-0.1", "q0=nan", "p_only_ratio=-1",
                "p_only_ratio=99", "d=0", "d=-3", "d=2.5", "gamma0=nan", "alpha_low=2", "r=-1", "s=0", "presence=maybe"]
)  # fmt: skip
def test_numbers_of_li2019_out_of_range(setting, call, tmp_path):
    path = tmp_path / "li.py"
    path.write_text(LI2019)
    code, _, err = call("run", path, "--scale", "smoke", "--set", f"problem.{setting}", "--results", tmp_path / "r")
    assert code == 2 and err.count("\n") == 1 and setting.split("=")[0] in err and not (tmp_path / "r").exists(), err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", "defines no `experiment"),
        ("experiment = 3", "defines no `experiment"),
        ("import no_such_module", "no_such_module"),
        ("from lrtheory.schedules import Constant\nConstant(rate=-1.0).check()", "schedule.rate = -1.0"),
    ],
)
def test_a_file_that_is_no_sim(text, message, call, tmp_path):
    path = tmp_path / "not_mine.py"
    path.write_text(text)
    code, _, err = call("run", path, "--results", tmp_path / "r")
    assert code == 2 and message in err and err.count("\n") == 1 and not (tmp_path / "r").exists()


def test_results_of_another_configuration_are_refused_with_the_fields(sim, call, tmp_path):
    assert call("run", sim, "--scale", "smoke", "--seeds", "2", "--results", tmp_path)[0] == 0
    code, _, err = call(
        "run", sim, "--scale", "smoke", "--seeds", "2", "--results", tmp_path, "--set", "problem.noise=0.5"
    )
    assert code == 2 and "problem.noise: 0.1 -> 0.5" in err and err.count("\n") == 1


def test_a_folder_that_cannot_be_written_is_one_line(sim, call, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = call("run", sim, "--scale", "smoke", "--seeds", "2", "--results", tmp_path / "file")
    assert code == 2 and "cannot write results" in err and err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1GiB", 2**30),
        ("1.5GB", 1.5e9),
        ("512MiB", 2**29),
        ("100", 100),
        (" 2 kb ", 2000),
        (".5KiB", 512),
        ("1T", 1e12),
    ],
)
def test_sizes_are_read(text, size):
    assert cli._bytes(text) == size


# --- without JAX, and fast --------------------------------------------------------------------------------------------

HEAVY = """
import sys
from lrtheory.cli import main
try:
    main()
finally:
    print(*({"jax", "jaxlib", "scipy", "xarray", "zarr", "matplotlib"} & set(sys.modules)), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["run", "--help"],
        ["run", "quadratic_plateau", "--set", "problem.nose=1"],
        ["run", "quadratic_plateau", "--scale", "smoke", "--set", "schedule.rates.1=-1"],
        ["run", "quadratic_plateau", "--scale", "smokey"],
        ["status", "--results", "/nonexistent"],
    ],
)
def test_help_and_configuration_errors_do_not_import_jax(arguments):
    process = program(*arguments, code=HEAVY)
    out, err = process.communicate(timeout=60)
    assert process.returncode == (0 if "--help" in arguments else 2)
    assert err.splitlines()[-1] == "", err
    if "--help" in arguments:
        assert "lrtheory" in out


def test_every_sim_that_is_shipped_is_declared_without_jax():
    code = """
import sys
from lrtheory.pytree import defer
from lrtheory.experiment import at_scale
from lrtheory.sims import load_sim, sim_names
defer()
for name in sim_names():
    sim = load_sim(name)
    for scale in sim.experiment.scales:
        at_scale(sim.experiment, scale).check()
assert "jax" not in sys.modules
"""
    process = program(code=code, cwd=ROOT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err


# --- Ctrl-C -----------------------------------------------------------------------------------------------------------


def test_ctrl_c_keeps_whole_chunks_and_says_how_to_go_on(tmp_path):
    path = tmp_path / "my own.py"
    path.write_text(USER_SIM.replace("STEPS", "200_000"))
    arguments = [
        "run",
        path,
        "--results",
        tmp_path / "r",
        "--chunks",
        "20",
        "--precision",
        "f32",
        "--set",
        "axes.rate=0.2,0.4",
    ]
    folder = tmp_path / "r" / "laptop" / "mine"
    process = program(*arguments)
    end = time.monotonic() + 60
    while not list(folder.glob("done/*.json")):
        assert process.poll() is None and time.monotonic() < end, process.communicate()
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in err
    done = list(folder.glob("done/*.json"))
    assert 1 <= len(done) < 20 and not list(folder.rglob("*.partial")) and not (folder / "manifest.json").exists()
    command = shlex.split(err.split("To go on: ")[1])
    assert command[0] == "lrtheory"
    before = {p.name: p.stat().st_mtime_ns for p in done}
    again = program(*command[1:])
    _, err = again.communicate(timeout=120)
    assert again.returncode == 0, err
    after = {p.name: p.stat().st_mtime_ns for p in folder.glob("done/*.json")}
    assert {n: after[n] for n in before} == before
    assert open_results(folder).sizes["seed"] == 20
