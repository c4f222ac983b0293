"""Find and read sim files: the ones in ``sims/``, or a user's own anywhere on disk."""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lrtheory.errors import ConfigError, unknown
from lrtheory.experiment import Experiment


@dataclasses.dataclass(frozen=True)
class Sim:
    """A sim file: its experiment, its claims, and the lines (:mod:`lrtheory.thresholds`) between its regimes."""

    path: Path
    experiment: Experiment
    claims: Sequence[Any]
    lines: Sequence[Any] = ()


def sim_folders() -> list[Path]:
    """Return the folders in which a sim is looked up by name: ``sims/`` here, and that of the checkout."""
    folders = [Path("sims"), Path(__file__).resolve().parents[1] / "sims"]
    return [f for f in folders if f.is_dir()]


def sim_names() -> dict[str, Path]:
    """Return name -> file of every sim that can be named without a path."""
    found: dict[str, Path] = {}
    for folder in reversed(sim_folders()):
        found.update({p.stem: p for p in sorted(folder.glob("*.py")) if not p.stem.startswith("_")})
    return found


def load_sim(name: str | Path) -> Sim:
    """Read a sim by name (``li2019_separation``) or by path (``my/own.py``).

    As a script does, it may import modules that lie beside it.

    Raises:
        ConfigError: no such sim (with the nearest name), or a file that defines no ``experiment``.
    """
    path = Path(name)
    if path.suffix != ".py":
        names = sim_names()
        if str(name) not in names:
            raise unknown("sim", str(name), names)
        path = names[str(name)]
    elif not path.is_file():
        known = sim_names()
        raise unknown("sim file", str(name), [str(p) for p in known.values()] if known else [])
    # The name must not hide an installed module, and pickling is never needed.
    module_name = f"_lrtheory_sim_{path.stem}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{path} cannot be read as Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    beside, before = path.resolve().parent, set(sys.modules)
    sys.path.insert(0, str(beside))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(beside))
        # A sim of another folder may have a module of the same name beside it.
        for imported in set(sys.modules) - before - {module_name}:
            file = getattr(sys.modules[imported], "__file__", None)
            if file is not None and Path(file).resolve().parent == beside:
                del sys.modules[imported]
    experiment = getattr(module, "experiment", None)
    if not isinstance(experiment, Experiment):
        raise ConfigError(f"{path} defines no `experiment = Experiment(...)`")
    return Sim(path, experiment, tuple(getattr(module, "claims", ())), tuple(getattr(module, "lines", ())))
