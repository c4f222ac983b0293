"""lrtheory: does a large initial learning rate really do that, and why?

Declare an :class:`Experiment` (problem x dynamics x schedule x probes, and the axes it is swept over), :func:`run` it
over thousands of cells in one compiled program, and hold a :class:`Claim` against what comes out.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lrtheory import claims, dynamics, probes, problems, relations, schedules, statistics, theory
    from lrtheory.claims import Claim
    from lrtheory.errors import ConfigError, StoreError
    from lrtheory.experiment import Axis, Experiment
    from lrtheory.store import open_results
    from lrtheory.sub_paths import Branches, SubPaths
    from lrtheory.sweep import run

__version__ = "0.1.0"

# Public names and where they live; read on first use, so that `lrtheory --help` does not wait for JAX.
_HOME = {
    "Axis": "lrtheory.experiment",
    "Branches": "lrtheory.sub_paths",
    "Claim": "lrtheory.claims",
    "ConfigError": "lrtheory.errors",
    "Experiment": "lrtheory.experiment",
    "StoreError": "lrtheory.errors",
    "SubPaths": "lrtheory.sub_paths",
    "open_results": "lrtheory.store",
    "run": "lrtheory.sweep",
}
_MODULES = ("claims", "dynamics", "problems", "probes", "relations", "schedules", "statistics", "theory")

__all__ = [
    "Axis", "Branches", "Claim", "ConfigError", "Experiment", "StoreError", "SubPaths", "claims", "dynamics",
    "open_results", "probes", "problems", "relations", "run", "schedules", "statistics", "theory",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    if name in _MODULES:
        return importlib.import_module(f"lrtheory.{name}")
    raise AttributeError(f"module 'lrtheory' has no attribute {name!r}")
