"""Results that grow: more replicates are further parts, and the whole is what one run would have made."""

from __future__ import annotations

import json
import os
import shutil

import numpy as np
import pytest
import xarray as xr

from lrtheory.errors import StoreError
from lrtheory.experiment import Axis, with_values
from lrtheory.part import Store
from lrtheory.schedules import Constant
from lrtheory.store import is_complete, open_results, parts_of, replicates, status, unfinished
from lrtheory.sweep import run
from tests.toys import Loss, Toy, Watch, cached_compiles, toy

AXES = {"rate": Axis("schedule.rate", (0.1, 0.3))}
SEEDS = toy(probes=(Loss(),), axes=AXES, seeds=9, n_steps=8, n_records=2)
DATA = toy(probes=(Watch(),), axes=AXES, seeds=2, data_seeds=7, first_seed=1, n_steps=8, n_records=2)


def seeds(n):
    return with_values(SEEDS, {"seeds": n})


def data_seeds(n):
    return with_values(DATA, {"data_seeds": n})


def files(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def kill(part, keep):
    """Leave what a run leaves that was killed after ``keep`` chunks."""
    (part / "manifest.json").unlink()
    for mark in sorted((part / "done").iterdir())[keep:]:
        mark.unlink()


def damage(part):
    path = min(p for p in (part / "data.zarr" / "loss" / "c").rglob("*") if p.is_file())
    path.write_bytes(path.read_bytes()[:-3])


@pytest.fixture(scope="module", autouse=True)
def compile_once(tmp_path_factory):
    with cached_compiles(tmp_path_factory.mktemp("compiled")):
        yield


@pytest.fixture(scope="module")
def whole():
    return run(SEEDS)


@pytest.fixture(scope="module")
def whole_data():
    return run(DATA)


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """Seeds 0 to 3, then 4 and 5, then 6 to 8."""
    folder = tmp_path_factory.mktemp("original") / "toy"
    for n, added in ((4, 4), (6, 2), (9, 3)):
        run(seeds(n), results=folder, chunks=added)  # chunks of one seed, so that they are compiled once
    return folder


@pytest.fixture
def grown(original, tmp_path):
    return shutil.copytree(original, tmp_path / "toy")


@pytest.fixture
def written(monkeypatch):
    """Collect (name of the part, number of the chunk) of everything that is written from now on."""
    out = []
    write = Store.write

    def note(self, index, *rest, **more):
        out.append((self.folder.name, index))
        return write(self, index, *rest, **more)

    monkeypatch.setattr(Store, "write", note)
    return out


# --- growing ----------------------------------------------------------------------------------------------------------


def test_topping_up_is_running_all_at_once_to_the_bit(grown, whole):
    assert {p.name for p in (grown / "added").iterdir()} == {"000004-000005", "000006-000008"}
    ds = open_results(grown)
    xr.testing.assert_equal(ds, whole)
    for name in whole.variables:
        assert ds[name].dtype == whole[name].dtype and ds[name].attrs == whole[name].attrs, name
        assert ds[name].dims == whole[name].dims, name


def test_what_is_there_is_not_touched_and_the_manifest_becomes_new(tmp_path):
    folder = tmp_path / "toy"
    run(seeds(4), results=folder, chunks=4)
    before = files(folder)
    times = {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()}
    os.utime(folder / "manifest.json", ns=(1, 1))
    ds = run(seeds(5), results=folder, chunks=1)
    assert ds.seed.values.tolist() == [0, 1, 2, 3, 4]
    after = files(folder)
    assert {n: after[n] for n in before} == before
    newer = {p for p, t in times.items() if p.stat().st_mtime_ns != t}
    assert newer == {folder / "manifest.json"}
    assert newer.pop().stat().st_mtime_ns >= (folder / "added" / "000004-000004" / "manifest.json").stat().st_mtime_ns


def test_attributes_are_those_of_all_parts(grown, whole):
    ds = open_results(grown)
    parts = [grown, *sorted((grown / "added").iterdir())]
    manifests = [json.loads((p / "manifest.json").read_text()) for p in parts]
    assert ds.attrs["seeds"] == 9 and ds.attrs["cells"] == 18 and ds.attrs["seeds_added"] == 5
    assert ds.attrs["seconds"] == pytest.approx(sum(m["seconds"] for m in manifests))
    own = {"seeds", "cells", "seconds", "diverged_share", "seeds_added", "looked"}
    assert {k: v for k, v in ds.attrs.items() if k not in own} == {
        k: v for k, v in manifests[0].items() if k not in own
    }
    assert whole.attrs["seeds_added"] == 0 and set(ds.attrs) == set(whole.attrs)
    assert open_results(parts[1]).attrs["seeds_added"] == 0


def test_the_diverged_share_is_of_all_cells(tmp_path):
    # The loss grows by about 1e15 in a step: whether a seed diverges depends on where it starts.
    e = toy(probes=(), axes={}, schedule=Constant(rate=9.5e7), n_steps=1, n_records=1, seeds=20)
    run(with_values(e, {"seeds": 3}), results=tmp_path / "toy")
    ds = run(e, results=tmp_path / "toy")
    assert ds.attrs["diverged_share"] == (ds.diverged_at >= 0).mean()
    assert ds.attrs["diverged_share"] != json.loads((tmp_path / "toy" / "manifest.json").read_text())["diverged_share"]
    assert 0 < ds.attrs["diverged_share"] < 1


@pytest.mark.parametrize("n", [1, 4, 5, 6, 8, 9])
def test_a_smaller_request_returns_the_first_and_runs_nothing(grown, whole, written, n):
    before = files(grown)
    ds = run(seeds(n), results=grown)
    xr.testing.assert_equal(ds, whole.isel(seed=slice(0, n)))
    assert written == [] and files(grown) == before
    assert (ds.attrs["seeds"], ds.attrs["cells"], ds.attrs["seeds_added"]) == (n, 2 * n, max(0, n - 4))


def test_data_seeds_are_the_replicates_where_there_are_any(tmp_path, whole_data):
    folder = tmp_path / "toy"
    run(data_seeds(3), results=folder, chunks=6)
    ds = run(DATA, results=folder, chunks=8)
    assert [p.name for p in (folder / "added").iterdir()] == ["000004-000007"]
    xr.testing.assert_equal(ds, whole_data)
    assert ds.loss.dims == ("rate", "seed", "data_seed", "record")
    assert ds.data_seed.values.tolist() == [1, 2, 3, 4, 5, 6, 7] and ds.seed.values.tolist() == [0, 1]
    expected = {"seeds": 2, "data_seeds": 7, "cells": 28, "seeds_added": 4}
    assert {k: ds.attrs[k] for k in expected} == expected
    assert replicates(folder) == 7 and set(ds.attrs) == set(whole_data.attrs)
    xr.testing.assert_equal(run(data_seeds(2), results=folder), whole_data.isel(data_seed=slice(0, 2)))
    with pytest.raises(StoreError, match=r"another configuration \(seeds: 2 -> 3\)"):
        run(with_values(DATA, {"seeds": 3}), results=folder)


def test_labels_and_first_seeds_are_kept(tmp_path):
    parts = tuple(Toy(curvature=c) for c in (1.0, 2.0))
    axes = {"kind": Axis("problem", parts, labels=("flat", "sharper"))}
    e = toy(axes=axes, seeds=5, first_seed=3, n_steps=8, n_records=2)
    run(with_values(e, {"seeds": 2}), results=tmp_path / "toy", chunks=2)
    ds = run(e, results=tmp_path / "toy", chunks=3)
    assert [p.name for p in (tmp_path / "toy" / "added").iterdir()] == ["000005-000007"]
    assert ds.seed.values.tolist() == [3, 4, 5, 6, 7] and ds.kind.values.tolist() == ["flat", "sharper"]
    last = run(with_values(e, {"first_seed": 7, "seeds": 1}))
    xr.testing.assert_equal(ds.isel(seed=[4]), last)


# --- what was cut off, what was damaged -------------------------------------------------------------------------------


def test_a_part_that_was_cut_off_is_finished_by_the_run_that_needs_it(grown, whole, written):
    kill(grown / "added" / "000006-000008", 1)
    assert replicates(grown) == 6 and not is_complete(grown, SEEDS)
    xr.testing.assert_equal(open_results(grown), whole.isel(seed=slice(0, 6)))
    xr.testing.assert_equal(run(seeds(5), results=grown), whole.isel(seed=slice(0, 5)))
    assert written == []
    # Asked for 7, its three seeds are finished: a part is never cut.
    xr.testing.assert_equal(run(seeds(7), results=grown), whole.isel(seed=slice(0, 7)))
    total = len(list((grown / "added" / "000006-000008" / "done").iterdir()))
    assert written == [("000006-000008", i) for i in range(1, total)] != []
    xr.testing.assert_equal(open_results(grown), whole)
    assert is_complete(grown, SEEDS) and replicates(grown) == 9


def test_a_base_that_was_cut_off_is_finished_before_anything_is_added(tmp_path, whole, written):
    folder = tmp_path / "toy"
    run(seeds(4), results=folder, chunks=4)
    kill(folder, 1)
    assert replicates(folder) == 0
    written.clear()
    xr.testing.assert_equal(run(seeds(6), results=folder, chunks=2), whole.isel(seed=slice(0, 6)))
    assert [name for name, _ in written] == sorted([name for name, _ in written], reverse=True)
    assert {p.name for p in (folder / "added").iterdir()} == {"000004-000005"} and ("toy", 0) not in written
    kill(folder, 0)
    xr.testing.assert_equal(run(seeds(2), results=folder), whole.isel(seed=slice(0, 2)))
    assert replicates(folder) == 6


def test_parts_that_were_cut_off_are_finished_before_another_is_added(grown, whole, written):
    shutil.rmtree(grown / "added" / "000006-000008")
    kill(grown / "added" / "000004-000005", 0)
    xr.testing.assert_equal(run(SEEDS, results=grown, chunks=3), whole)
    assert {p.name for p in (grown / "added").iterdir()} == {"000004-000005", "000006-000008"}
    assert [name for name, _ in written] == sorted(name for name, _ in written)


@pytest.mark.parametrize("part", [".", "added/000006-000008"])
def test_a_part_that_was_cut_off_while_it_was_begun_is_begun_again(grown, whole, part):
    (grown / part / "manifest.json").unlink()
    (grown / part / "config.json").unlink()
    assert replicates(grown) == (0 if part == "." else 6)
    xr.testing.assert_equal(run(seeds(7), results=grown, chunks=3), whole.isel(seed=slice(0, 7)))
    xr.testing.assert_equal(open_results(grown), whole)


@pytest.mark.parametrize("part", [".", "added/000004-000005", "added/000006-000008"])
def test_a_damaged_part_is_found_and_repaired_whatever_is_asked_for(grown, whole, written, part):
    damage(grown / part)
    assert replicates(grown) == 0 and not is_complete(grown, seeds(1))
    with pytest.raises(StoreError, match=r"is damaged \(chunk 0\): run its sim again") as error:
        open_results(grown)
    assert str((grown / part).resolve()) in str(error.value)
    xr.testing.assert_equal(run(seeds(1), results=grown), whole.isel(seed=slice(0, 1)))
    assert len(written) == 1
    xr.testing.assert_equal(open_results(grown), whole)


# --- what is refused --------------------------------------------------------------------------------------------------


def test_another_configuration_is_refused_whatever_its_number_of_seeds(grown):
    before = files(grown)
    for change, field in (
        ({"problem.curvature": 2.0}, "problem.curvature: 1.0 -> 2.0"),
        ({"first_seed": 1}, "first_seed: 0 -> 1"),
        ({"data_seeds": 3}, "data_seeds: None -> 3"),
    ):
        for n in (2, 9, 12):
            with pytest.raises(StoreError) as error:
                run(with_values(seeds(n), change), results=grown)
            message = str(error.value)
            assert field in message and "another configuration" in message and "\n" not in message
            with pytest.raises(StoreError):
                is_complete(grown, with_values(seeds(n), change))
    assert files(grown) == before


@pytest.mark.parametrize("field", ["root_seed", "first_seed", "seeds"])
def test_a_part_of_another_configuration_than_the_base_is_refused(grown, field):
    path = grown / "added" / "000004-000005" / "config.json"
    config = json.loads(path.read_text())
    old = config["experiment"][field]
    config["experiment"][field] = 7
    path.write_text(json.dumps(config))
    for act in (open_results, replicates, status):
        with pytest.raises(StoreError, match=rf"000004-000005 is of another configuration .*\({field}: {old} -> 7\)"):
            act(grown)
    with pytest.raises(StoreError, match=rf"000004-000005 holds results of another .*{field}: 7 -> {old}"):
        run(SEEDS, results=grown)


@pytest.mark.parametrize("name", ["000006-000010", "000003-000005", "000010-000012", "000009-000008"])
def test_parts_that_overlap_or_leave_seeds_out_are_refused(grown, name):
    (grown / "added" / name).mkdir()
    for act in (open_results, replicates, status, lambda folder: run(seeds(2), results=folder)):
        with pytest.raises(StoreError, match=r"do not follow one another: added/0000.* must begin with") as error:
            act(grown)
        assert "\n" not in str(error.value)


def test_parts_from_before_the_first_seed_are_refused(grown):
    (grown / "config.json").unlink()
    (grown / "manifest.json").unlink()
    with pytest.raises(StoreError, match="parts from replicate 4 on, but begins with 4"):
        run(with_values(SEEDS, {"first_seed": 4}), results=grown)


def test_other_things_beside_the_parts_are_left_alone(grown, whole):
    (grown / "added" / ".DS_Store").write_text("")
    (grown / "added" / "notes-of-mine").mkdir()
    (grown / "added" / "000009-000009").write_text("a file")
    xr.testing.assert_equal(run(SEEDS, results=grown), whole)


# --- how far it is ----------------------------------------------------------------------------------------------------


def test_status_is_over_all_parts(grown, tmp_path):
    s = status(grown)
    assert s["done"] == s["total"] >= 6 and s["replicates"] == s["begun"] == 9 and s["field"] == "seeds"
    assert s["manifest"]["seconds"] == open_results(grown).attrs["seconds"]
    kill(grown / "added" / "000006-000008", 1)
    cut = status(grown)
    assert cut["done"] < cut["total"] == s["total"] and cut["manifest"] is None
    assert cut["replicates"] == 6 and cut["begun"] == 9
    kill(grown, 0)
    assert status(grown)["replicates"] == 0


def test_the_command_line_says_how_far_it_is(grown, capsys):
    from lrtheory import cli

    results = grown.parent / "results"
    (results / "laptop").mkdir(parents=True)
    shutil.copytree(grown, results / "laptop" / "toy")
    cli.status(results)
    assert "complete, 9 seeds, " in capsys.readouterr().out
    kill(results / "laptop" / "toy" / "added" / "000006-000008", 1)
    cli.status(results)
    assert "6 of 9 seeds, unfinished: run it with --seeds 9 to resume" in capsys.readouterr().out


def test_what_is_left_to_do_is_told_without_writing(grown, tmp_path):
    assert unfinished(grown, SEEDS) == [] and not (tmp_path / "new").exists()
    assert [p.folder.name for p in unfinished(grown, seeds(12))] == ["000009-000011"]
    assert not (grown / "added" / "000009-000011").exists()
    (part,) = parts_of(tmp_path / "new", seeds(2))
    assert (
        part.folder == tmp_path / "new" and part.experiment == seeds(2) and not is_complete(tmp_path / "new", seeds(2))
    )
    assert replicates(tmp_path / "new") == 0 and not (tmp_path / "new").exists()


# --- independent replicates -------------------------------------------------------------------------------------------


def test_seeds_are_nested_in_data_seeds(whole_data):
    start = whole_data.w.isel(record=0, rate=0)
    kick = whole_data.kick.isel(record=1, rate=0)
    target = whole_data.target.isel(record=0, rate=0)
    for drawn in (start, kick):
        assert len(np.unique(drawn)) == drawn.size == 2 * 7 * 3
    assert (target.isel(seed=0) == target.isel(seed=1)).all() and len(np.unique(target)) == 7 * 3
    # Learning rates stay paired.
    assert (start == whole_data.w.isel(record=0, rate=1)).all()
