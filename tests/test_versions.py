from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from lrtheory import versions

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
PINS = ("constraints.txt", "constraints-bench.txt")


def pins(name: str) -> dict[str, set[str]]:
    """Pinned versions by package; a package may have one a platform."""
    found: dict[str, set[str]] = {}
    for line in (ROOT / name).read_text("utf-8").splitlines():
        if not line.startswith("#"):
            package, version = line.partition(";")[0].strip().split("==")
            found.setdefault(package, set()).add(version)
    return found


@pytest.mark.parametrize("version", sorted(versions.REFUSED))
@pytest.mark.parametrize("build", ["", "+cuda12"])
def test_refused_release_is_an_import_error_of_one_line(version, build):
    with pytest.raises(ImportError, match=re.escape(version)) as caught:
        versions.check_jax(version + build)
    assert "\n" not in str(caught.value)
    assert "issues/" in str(caught.value)


@pytest.mark.parametrize("version", ["0.10.1", "0.10.20", "0.11.3", "0.12.0"])
def test_other_releases_are_accepted(version):
    versions.check_jax(version)


def test_installed_release_is_accepted():
    versions.check_installed_jax()


@pytest.mark.parametrize("package", ["jax", "jaxlib"])
def test_refused_release_installed_is_found_without_importing_it(monkeypatch, package):
    monkeypatch.setattr(versions.metadata, "version", lambda name: "0.10.2" if name == package else "0.10.1")
    with pytest.raises(ImportError, match=f"{package} 0.10.2 is refused"):
        versions.check_installed_jax()


def test_missing_jax_says_what_to_do(monkeypatch):
    def missing(name):
        raise versions.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(versions.metadata, "version", missing)
    with pytest.raises(ImportError, match="jax is not installed"):
        versions.check_installed_jax()


@pytest.mark.parametrize("package", ["jax", "jaxlib"])
def test_pyproject_excludes_what_is_refused(package):
    (requirement,) = [r for r in PROJECT["dependencies"] if re.match(rf"{package}\b", r)]
    assert set(re.findall(r"!=([\d.]+)", requirement)) == set(versions.REFUSED)


@pytest.mark.parametrize("name", PINS)
def test_constraints_pin_no_refused_release_and_name_no_host(name):
    text = (ROOT / name).read_text("utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*-", text, re.MULTILINE)
    for package in ("jax", "jaxlib"):
        assert len(pins(name)[package]) == 1
        assert not pins(name)[package] & set(versions.REFUSED)


def test_constraints_pin_every_dependency():
    wanted = list(PROJECT["dependencies"])
    for extra, requirements in PROJECT["optional-dependencies"].items():
        if extra != "bench":  # its own file
            wanted += requirements
    names = {re.match(r"[A-Za-z0-9-]+", requirement)[0] for requirement in wanted}
    assert names <= set(pins("constraints.txt"))


def test_both_constraint_files_agree_on_what_the_library_computes_with():
    one, other = (pins(name) for name in PINS)
    for package in ("jax", "jaxlib", "flax", "optax", "numpy", "scipy", "xarray", "zarr"):
        assert one[package] == other[package]


def test_large_batch_is_right_on_this_device():
    assert versions.large_batch_check() < versions.LARGE_BATCH_TOLERANCE
