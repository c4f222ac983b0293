"""Results on disk: nothing computed is lost, nothing damaged is believed, nothing foreign is touched."""

from __future__ import annotations

import errno
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from typing import ClassVar

import numpy as np
import pytest
import xarray as xr

from lrtheory import part as part_module
from lrtheory.description import describe, differences
from lrtheory.errors import StoreError
from lrtheory.experiment import Axis
from lrtheory.lazy import jnp
from lrtheory.part import Store, checksum
from lrtheory.pytree import pytree
from lrtheory.schedules import Constant
from lrtheory.store import open_results, status
from lrtheory.sweep import run
from tests.toys import USER_SIM, Loss, Toy, cached_compiles, toy

SMALL = toy(probes=(Loss(),), seeds=5, axes={"rate": Axis("schedule.rate", (0.1, 0.3))})


def files(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def chunk_files(folder, variable="loss"):
    return sorted(p for p in (folder / "data.zarr" / variable / "c").rglob("*") if p.is_file())


@pytest.fixture(scope="module", autouse=True)
def compile_once(tmp_path_factory):
    with cached_compiles(tmp_path_factory.mktemp("compiled")):
        yield


@pytest.fixture(scope="module")
def reference():
    return run(SMALL)


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    folder = tmp_path_factory.mktemp("original") / "results"
    run(SMALL, results=folder, chunks=4)
    return folder


@pytest.fixture
def finished(original, tmp_path):
    return shutil.copytree(original, tmp_path / "results")


@pytest.fixture
def unfinished(finished):
    """All chunks are there, the manifest is not: a run that was cut off at its very end."""
    (finished / "manifest.json").unlink()
    return finished


def counted(monkeypatch):
    """Return the list of chunk numbers that are written from now on."""
    written = []
    write = Store.write

    def note(self, index, *rest, **more):
        written.append(index)
        return write(self, index, *rest, **more)

    monkeypatch.setattr(Store, "write", note)
    return written


# --- writing and reading ----------------------------------------------------------------------------------------------


def test_a_folder_holds_what_it_says(finished, reference):
    assert {p.name for p in finished.iterdir()} == {"config.json", "data.zarr", "done", "manifest.json"}
    assert len(list((finished / "done").glob("*.json"))) == status(finished)["total"] >= 4
    xr.testing.assert_equal(open_results(finished), reference)
    manifest = json.loads((finished / "manifest.json").read_text())
    assert manifest["experiment"] == json.loads(json.dumps(describe(SMALL))) and manifest["cells"] == 10
    s = status(finished)
    assert s["manifest"] == manifest and s["done"] == s["total"] and s["name"] == "toy"


def test_a_complete_folder_is_read_and_not_run_again(finished, reference, monkeypatch):
    written, before = counted(monkeypatch), files(finished)
    xr.testing.assert_equal(run(SMALL, results=finished), reference)
    assert written == [] and files(finished) == before


def test_scales_are_not_part_of_the_configuration(finished, reference):
    xr.testing.assert_equal(run(toy(**{**vars(SMALL), "scales": {"x": {}}}), results=finished), reference)


def test_zarr_chunks_are_the_chunks_of_the_sweep(finished):
    import zarr

    chunk = open_results(finished).attrs["chunk"]
    array = zarr.open_group(finished / "data.zarr", mode="r")["loss"]
    assert array.chunks[:2] == (chunk["rate"], chunk["seed"]) != array.shape[:2]


# --- resuming ---------------------------------------------------------------------------------------------------------


def test_a_missing_manifest_is_written_without_running_anything(unfinished, reference, monkeypatch):
    with pytest.raises(StoreError, match="unfinished results"):
        open_results(unfinished)
    assert status(unfinished)["manifest"] is None
    written = counted(monkeypatch)
    xr.testing.assert_equal(run(SMALL, results=unfinished), reference)
    assert written == [] and (unfinished / "manifest.json").exists()


def delete(path):
    path.unlink()


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path):
    path.write_bytes(b"")


def flip(path):
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 0xFF
    path.write_bytes(bytes(raw))


@pytest.mark.parametrize("damage", [delete, truncate, empty, flip])
@pytest.mark.parametrize("which", [0, -1])
def test_a_damaged_chunk_is_run_again_and_only_that(unfinished, reference, monkeypatch, damage, which):
    # The last chunk is a ragged one: its Zarr chunk reaches beyond the array.
    damage(chunk_files(unfinished)[which])
    written = counted(monkeypatch)
    xr.testing.assert_equal(run(SMALL, results=unfinished), reference)
    assert len(written) == 1


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"chunk": 0}', '{"chunk": 0, "sha256": "0"}'])
def test_a_chunk_without_a_good_mark_is_run_again(unfinished, reference, monkeypatch, content):
    mark = sorted((unfinished / "done").iterdir())[1]
    mark.unlink() if content is None else mark.write_text(content)
    written = counted(monkeypatch)
    xr.testing.assert_equal(run(SMALL, results=unfinished), reference)
    assert written == [1]


@pytest.mark.parametrize("name", ["loss/zarr.json", "zarr.json", "seed/zarr.json"])
@pytest.mark.parametrize("damage", [delete, truncate])
def test_damaged_descriptions_are_made_anew(unfinished, reference, name, damage):
    damage(unfinished / "data.zarr" / name)
    xr.testing.assert_equal(run(SMALL, results=unfinished), reference)


def test_a_store_cut_off_while_it_was_begun_is_begun_again(unfinished, reference):
    shutil.rmtree(unfinished / "data.zarr")
    (unfinished / "data.zarr").mkdir()
    xr.testing.assert_equal(run(SMALL, results=unfinished), reference)


def test_a_partial_config_is_no_config(unfinished, reference):
    (unfinished / "config.json").rename(unfinished / "config.json.partial")
    xr.testing.assert_equal(run(SMALL, results=unfinished), reference)


@pytest.mark.parametrize("damage", [delete, truncate, flip])
def test_damage_to_complete_results_is_not_taken_for_numbers(finished, damage):
    damage(chunk_files(finished)[0])
    with pytest.raises(StoreError, match="run"):
        open_results(finished)


def test_complete_results_that_were_damaged_are_repaired_by_running_again(finished, reference, monkeypatch):
    delete(chunk_files(finished)[0])
    written = counted(monkeypatch)
    xr.testing.assert_equal(run(SMALL, results=finished), reference)
    assert len(written) == 1


def test_complete_results_without_data_are_an_error_of_one_line(finished):
    shutil.rmtree(finished / "data.zarr")
    with pytest.raises(StoreError) as error:
        open_results(finished)
    assert "\n" not in str(error.value)


def test_chunks_of_nan_are_kept(tmp_path, monkeypatch):
    """Zarr does not store a chunk of fill values, and the NaN of 0/0 need not have the bits of the fill value."""

    @pytree
    class Nothing:
        """0/0."""

        dims: ClassVar[dict] = {}

        def __call__(self, problem, data, params, aux):
            zero = jnp.sum(params.w) * 0.0
            return {"nan": zero / zero, "minus": -(zero / zero), "w": params.w[0]}

    e = toy(probes=(Nothing(),), axes={}, seeds=2)
    run(e, results=tmp_path / "r")
    (tmp_path / "r" / "manifest.json").unlink()
    written = counted(monkeypatch)
    run(e, results=tmp_path / "r")
    assert written == []


def wait_for(condition, process, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "nothing was written"
        time.sleep(0.005)


def test_killed_and_resumed_is_uninterrupted_to_the_bit(tmp_path):
    sim = tmp_path / "mine.py"
    sim.write_text(USER_SIM.replace("STEPS", "200_000"))

    def command(results):
        program = "from lrtheory.cli import main; main()"
        return [sys.executable, "-c", program, "run", str(sim), "--results", str(results), "--chunks", "20"]

    root = os.getcwd()
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "PYTHONPATH": root}
    folder = tmp_path / "killed" / "laptop" / "mine"
    process = subprocess.Popen(
        command(tmp_path / "killed"), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_for(lambda: list(folder.glob("done/*.json")), process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL and not (folder / "manifest.json").exists()
    done = {p.name: p.stat().st_mtime_ns for p in folder.glob("done/*.json")}
    assert 1 <= len(done) < 20
    for results in ("killed", "whole"):
        again = subprocess.run(
            command(tmp_path / results), env=environment, capture_output=True, text=True, timeout=120
        )
        assert again.returncode == 0, again.stderr
    # What was done was not done again.
    assert {n: t for n, t in ((p.name, p.stat().st_mtime_ns) for p in folder.glob("done/*.json")) if n in done} == done
    a, b = open_results(folder), open_results(tmp_path / "whole" / "laptop" / "mine")
    xr.testing.assert_equal(a, b)
    kept, whole = files(folder), files(tmp_path / "whole" / "laptop" / "mine")
    assert kept.keys() == whole.keys()
    assert all(kept[n] == whole[n] for n in kept if n != "manifest.json")


# --- whose folder it is -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("complete", [True, False])
def test_another_configuration_is_refused_with_its_fields_and_nothing_changes(finished, complete):
    if not complete:
        (finished / "manifest.json").unlink()
    before = files(finished)
    other = toy(**{**vars(SMALL), "problem": Toy(curvature=2.0), "schedule": Constant(rate=0.4), "seeds": 3})
    with pytest.raises(StoreError) as error:
        run(other, results=finished)
    message = str(error.value)
    assert "problem.curvature: 1.0 -> 2.0" in message and "schedule.rate: 0.1 -> 0.4" in message
    # Fewer seeds are no other configuration.
    assert "seeds" not in message and "\n" not in message and files(finished) == before


def test_many_differences_are_not_all_listed(finished):
    other = toy(
        problem=Toy(d=4, curvature=2.0, spread=3.0),
        schedule=Constant(rate=0.4),
        seeds=3,
        n_steps=7,
        root_seed=1,
        name="x",
    )
    with pytest.raises(StoreError, match="more"):
        run(other, results=finished)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("thesis.tex", "years of work"),
        ("config.json", "{}"),
        ("config.json", "[1, 2]"),
        ("config.json", '{"experiment": 3}'),
        ("config.json", '{"debug": true}'),
        ("manifest.json", "{}"),
    ],
)
def test_a_folder_with_something_else_in_it_is_refused_and_left_alone(tmp_path, name, content):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / name).write_text(content)
    before = files(folder)
    with pytest.raises(StoreError) as error:
        run(SMALL, results=folder)
    assert str(folder) in str(error.value) and "\n" not in str(error.value) and files(folder) == before


def test_an_empty_folder_is_used(tmp_path, reference):
    (tmp_path / "r").mkdir()
    xr.testing.assert_equal(run(SMALL, results=tmp_path / "r"), reference)


@pytest.mark.parametrize("name", ["nothing", "empty"])
def test_a_folder_without_results_says_so(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(StoreError, match="has no results"):
        open_results(tmp_path / name)
    with pytest.raises(StoreError, match="has no results"):
        status(tmp_path / name)


# --- what cannot be written -------------------------------------------------------------------------------------------


def test_a_folder_that_cannot_be_made_is_an_error_of_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StoreError, match="cannot write results in") as error:
            run(SMALL, results=folder)
        assert "\n" not in str(error.value)
    assert files(tmp_path) == {"file": b""}


def test_a_full_disk_is_an_error_of_one_line_and_the_run_goes_on_later(tmp_path, reference, monkeypatch):
    real, calls = part_module.write_json, []

    def full(path, content):
        if path.parent.name == "done":
            calls.append(path)
            if len(calls) == 3:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(path, content)

    monkeypatch.setattr(part_module, "write_json", full)
    with pytest.raises(StoreError, match="No space left on device; the chunks written so far are kept"):
        run(SMALL, results=tmp_path / "r", chunks=4)
    monkeypatch.setattr(part_module, "write_json", real)
    assert status(tmp_path / "r")["done"] == 2
    written = counted(monkeypatch)
    xr.testing.assert_equal(run(SMALL, results=tmp_path / "r"), reference)
    assert len(written) == status(tmp_path / "r")["total"] - 2


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "x.json"
    part_module.write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        part_module.write_json(path, {"a": object()})
    assert json.loads(path.read_text()) == {"a": 1}


# --- descriptions -----------------------------------------------------------------------------------------------------


def test_descriptions_are_json_and_tell_classes_functions_and_arrays():
    e = toy(problem=Toy(curvature=np.float64(2.0)), schedule=Constant(rate=0.5))
    d = json.loads(json.dumps(describe(e)))
    # The toy is not the library's: its code belongs to the configuration.
    assert len(d["problem"].pop("source")) == 16 and "source" not in d["schedule"]
    assert d["problem"] == {"class": "Toy", "d": 3, "curvature": 2.0, "spread": 1.0} and "scales" not in d
    assert (
        describe(np.array([1.0, 2.0])) == [1.0, 2.0]
        and describe(describe) == {"function": "describe"}
        and describe((1, None)) == [1, None]
    )


def test_functions_are_told_apart_by_their_code_and_what_they_close_over():
    def schedule(peak):
        return lambda step: peak / (1 + step)

    assert describe(schedule(1.0)) == describe(schedule(1.0)) != describe(schedule(2.0))
    assert describe(functools.partial(schedule, 1.0)) != describe(functools.partial(schedule, 2.0))
    once = lambda step: step  # noqa: E731
    twice = lambda step: 2 * step  # noqa: E731
    assert describe(once) != describe(twice)


OWN_PROBLEM = """
from lrtheory import Experiment
from lrtheory.dynamics import GD
from lrtheory.pytree import pytree
from lrtheory.schedules import Constant

@pytree
class Mine:
    def data(self, key): return ()
    def init(self, key): return 1.0
    def loss(self, w, data): return w**2

experiment = Experiment(
    name="mine", problem=Mine(), dynamics=GD(), schedule=Constant(rate=0.1), probes=(), n_steps=2, seeds=2
)
"""


def test_a_changed_loss_in_a_users_sim_is_another_configuration(tmp_path):
    path = tmp_path / "own.py"
    path.write_text(OWN_PROBLEM)
    run(path, results=tmp_path / "r")
    run(path, results=tmp_path / "r")
    path.write_text(OWN_PROBLEM.replace("w**2", "w**4"))
    os.utime(path, ns=(1, 1))  # whatever the clock's resolution, Python must not take the old bytes
    with pytest.raises(StoreError, match=r"problem\.source"):
        run(path, results=tmp_path / "r")


def test_differences_name_what_was_and_what_is():
    old = {"a": 1, "b": [1, 2], "c": {"d": "x"}, "e": float("nan")}
    assert differences(old, old) == []
    assert differences(old, {**old, "a": 2, "b": [1]}) == ["a: 1 -> 2", "b.1: 2 -> absent"]
    assert differences({"a": 1}, {"a": True}) == ["a: 1 -> True"]


def test_the_checksum_sees_names_shapes_types_and_bits():
    a = {"x": np.arange(4.0)}
    assert checksum(a) == checksum({"x": np.arange(8.0)[:4]})
    others = [{"y": a["x"]}, {"x": a["x"].reshape(2, 2)}, {"x": a["x"].astype("f4")}, {"x": np.nextafter(a["x"], 9)}]
    assert len({checksum(o) for o in [a, *others]}) == 5
