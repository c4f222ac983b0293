"""Numbers as a reader writes them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
#: Stands for a number that is not there.
NONE = "–"


def number(value: float, digits: int = 4) -> str:
    """Return a number with a few digits, and a power of ten where that is shorter.

    Example:
        >>> number(-1742.3), number(2.345e-5), number(math.inf)
        ('−1742', '2.345×10⁻⁵', '∞')
    """
    value = float(value)
    if math.isnan(value):
        return NONE
    sign = "−" if value < 0 else ""
    if math.isinf(value):
        return f"{sign}∞"
    mantissa, exponent = f"{abs(value):.{digits - 1}e}".split("e")
    mantissa, power = f"{float(mantissa):.{digits}g}", int(exponent)
    if value == 0:
        return "0"
    if -4 < power < 6:
        shown = f"{float(f'{abs(value):.{digits}g}'):.{max(digits - 1 - power, 0)}f}"
        return sign + (shown.rstrip("0").rstrip(".") if "." in shown else shown)
    ten = "10" + str(power).translate(_SUPERSCRIPT)
    return sign + (ten if mantissa == "1" else f"{mantissa}×{ten}")


def interval(low: float, high: float) -> str:
    """Return an interval; a dash where there is none."""
    if math.isnan(low) or math.isnan(high):
        return NONE
    return f"[{number(low)}, {number(high)}]"


def percent(share: float) -> str:
    """Return a level of confidence in per cent, with enough digits to tell it from 100 %.

    Example:
        >>> percent(0.95), percent(0.99962)
        ('95\N{NARROW NO-BREAK SPACE}%', '99.962\N{NARROW NO-BREAK SPACE}%')
    """
    if math.isnan(share):
        return NONE
    rest = 1 - share
    digits = 0 if rest <= 0 else max(0, -1 - math.floor(math.log10(rest * (1 + 1e-9))))
    text = f"{100 * share:.{digits}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) + "\N{NARROW NO-BREAK SPACE}%"


def duration(seconds: float) -> str:
    """Return a wall time."""
    if seconds < 120:
        return f"{number(seconds, 3)} s"
    return f"{number(seconds / 60, 3)} min" if seconds < 7200 else f"{number(seconds / 3600, 3)} h"


def flat(config: Any, path: str = "") -> dict[str, str]:
    """Return a nested configuration as dotted path -> value; lists of plain values stay on one line."""
    plain = not isinstance(config, Mapping | list | tuple)
    if plain or (isinstance(config, list | tuple) and not any(isinstance(v, Mapping | list | tuple) for v in config)):
        return {path: str(config) if plain else ", ".join(map(str, config))}
    items = config.items() if isinstance(config, Mapping) else enumerate(config)
    out: dict[str, str] = {}
    for key, value in items:
        out.update(flat(value, f"{path}.{key}" if path else str(key)))
    return out
