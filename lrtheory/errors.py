"""Errors of one clear line: what, value, allowed, nearest name."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from typing import Any


class ConfigError(ValueError):
    """The user asked for something that cannot be run; the message is one line."""


class StoreError(RuntimeError):
    """A results folder cannot be written, read, or does not belong to this experiment."""


def require(condition: bool, *, field: str, value: Any, allowed: str) -> None:
    """Raise :class:`ConfigError` naming the field, its value and what is allowed, unless ``condition`` holds."""
    if not condition:
        raise ConfigError(f"{field} = {value!r} is not allowed: it must be {allowed}")


def finite(value: Any) -> bool:
    """Tell whether every number in ``value`` (a number or nested sequence) is finite."""
    if hasattr(value, "ravel"):
        value = value.ravel().tolist()
    if isinstance(value, list | tuple):
        return all(finite(v) for v in value)
    return isinstance(value, int | float) and math.isfinite(value)


def is_length(value: Any) -> bool:
    """Tell whether a value is a whole number of 1 or more."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def unknown(kind: str, name: str, known: Iterable[str]) -> ConfigError:
    """Build the error for a misspelt name, with the nearest known one."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    listing = ", ".join(names) if names else "none"
    return ConfigError(f"unknown {kind} {name!r}{hint} (known: {listing})")
