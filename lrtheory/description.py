"""What an experiment is, as plain JSON data: two results are of one configuration when these are equal."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import inspect
import json
from collections.abc import Mapping
from typing import Any

import numpy as np


def _own_code(thing: Any) -> dict[str, str]:
    """Return a digest of the source of a user's class or function; nothing for those of the libraries.

    A user's physics is part of the configuration: results of another ``loss`` are other results.
    """
    if (thing.__module__ or "").split(".")[0] in ("lrtheory", "jax", "optax", "numpy", "builtins"):
        return {}
    try:
        return {"source": hashlib.sha256(inspect.getsource(thing).encode()).hexdigest()[:16]}
    except (OSError, TypeError):  # typed into an interpreter that keeps no source
        return {}


def _function(value: Any) -> dict[str, Any]:
    if isinstance(value, functools.partial):
        return {**_function(value.func), "arguments": describe([value.args, value.keywords])}
    closure = [describe(cell.cell_contents) for cell in getattr(value, "__closure__", None) or ()]
    return {"function": value.__qualname__, **_own_code(value), **({"closure": closure} if closure else {})}


def describe(value: Any) -> Any:
    """Return ``value`` as plain JSON data: dataclasses by class and fields, functions by code, arrays as lists."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: describe(getattr(value, f.name)) for f in dataclasses.fields(value) if f.name != "scales"}
        return {"class": type(value).__name__, **_own_code(type(value)), **fields}
    if isinstance(value, Mapping):
        return {str(k): describe(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [describe(v) for v in value]
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if inspect.isfunction(value) or isinstance(value, functools.partial):
        return _function(value)
    return getattr(value, "__qualname__", type(value).__name__)


def _flat(config: Any, path: str = "") -> dict[str, Any]:
    if isinstance(config, dict):
        items = config.items()
    elif isinstance(config, list):
        items = ((str(i), v) for i, v in enumerate(config))
    else:
        return {path: config}
    out: dict[str, Any] = {}
    for key, value in items:
        out.update(_flat(value, f"{path}.{key}" if path else str(key)))
    return out


def differences(old: Any, new: Any) -> list[str]:
    """Return ``field: old -> new`` for every field in which two descriptions differ."""
    a, b = _flat(old), _flat(new)
    keys = [k for k in {**a, **b} if json.dumps(a.get(k)) != json.dumps(b.get(k))]
    return [f"{k}: {a.get(k, 'absent')} -> {b.get(k, 'absent')}" for k in keys]
