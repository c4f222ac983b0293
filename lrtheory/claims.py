"""Claims: a statement of a paper (or yours), the number per seed that decides it, and the verdict of the data.

A claim *holds* when the confidence interval of the mean over seeds lies in the allowed range, is *refuted* when it lies
outside, and is *undecided* otherwise. If the truth is on the border of the range, and the numbers of the seeds are
independent and normal, the chance that the interval misses it on the wrong side is at most ``alpha / 2``: that is the
false-alarm rate of either verdict of one claim. Several claims are not corrected for multiplicity.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from lrtheory.errors import ConfigError

if TYPE_CHECKING:
    import xarray as xr

#: What stands behind a claim: read in the paper; known from memory or second hand; worked out here; the user's own.
STATUSES = ("paper", "recalled", "derived", "yours")


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What the data say of a claim: ``verdict`` is "holds", "refuted" or "undecided"."""

    verdict: str
    estimate: float
    low: float
    high: float
    n_seeds: int
    n_missing: int
    alpha: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Claim:
    """A statement that a simulation can hold or refute.

    Attributes:
        id: short name, unique in a report, starting with the stem of the paper.
        statement: one sentence of the field's language, with the regime.
        reference: where it is stated, as exactly as is known.
        status: "paper", "recalled", "derived" or "yours".
        quantity: function of the results that returns one number a seed.
        allowed: (low, high): the claim is that the mean of ``quantity`` lies in this range.
        unit: unit of ``quantity``.
        choices: parameters that were chosen because they show the effect, if any.

    Example:
        >>> claim = Claim(
        ...     id="yours-1", statement="annealing halves the loss", reference="-", status="yours",
        ...     quantity=lambda ds: ds.loss.isel(record=-1) / ds.loss.isel(record=0), allowed=(0.0, 0.5),
        ... )
    """

    id: str
    statement: str
    reference: str
    status: str
    quantity: Callable[[xr.Dataset], Any]
    allowed: tuple[float, float]
    unit: str = ""
    choices: str = ""

    def __post_init__(self) -> None:
        """Refuse an unknown status or an empty range."""
        if self.status not in STATUSES:
            raise ConfigError(f"claim {self.id}: status {self.status!r} is not one of {', '.join(STATUSES)}")
        if not self.allowed[0] <= self.allowed[1]:
            raise ConfigError(
                f"claim {self.id}: allowed = {self.allowed} is not allowed: it must be (low, high), low <= high"
            )

    def verdict(self, ds: xr.Dataset, alpha: float = 0.01) -> Verdict:
        """Return what ``ds`` says of the claim.

        A seed without a value (a diverged cell, a level that was not reached) makes the claim undecided: leaving it out
        would change the statement. How many there are is reported.

        Args:
            ds: results, as :func:`lrtheory.open_results` returns them.
            alpha: one minus the confidence level.
        """
        import numpy as np

        from lrtheory.statistics import mean_interval

        values = np.asarray(self.quantity(ds), float)
        if values.shape != (ds.sizes["seed"],):
            raise ConfigError(
                f"claim {self.id}: its quantity has shape {values.shape}: it must be one number a seed, "
                f"({ds.sizes['seed']},), since cells of one seed are not independent"
            )
        missing = int(np.isnan(values).sum())
        mean, low, high = (float(v) for v in mean_interval(values, level=1 - alpha))
        if self.allowed[0] <= low and high <= self.allowed[1]:
            word = "holds"
        elif low > self.allowed[1] or high < self.allowed[0]:
            word = "refuted"
        else:
            word = "undecided"
        return Verdict(word, mean, low, high, values.size, missing, alpha)


def table(claims: Sequence[Claim], verdicts: Sequence[Verdict]) -> str:
    """Return claims and verdicts as an aligned text table."""
    rows = [("claim", "verdict", "estimate", "interval", "allowed", "seeds", "status", "statement")]
    for claim, v in zip(claims, verdicts, strict=True):
        seeds = f"{v.n_seeds}" + (f" ({v.n_missing} without a value)" if v.n_missing else "")
        low, high = claim.allowed
        rows.append((
            claim.id, v.verdict, f"{v.estimate:.4g}{' ' + claim.unit if claim.unit else ''}",
            f"[{v.low:.4g}, {v.high:.4g}]", f"[{low:g}, {high:g}]", seeds, claim.status, claim.statement,
        ))  # fmt: skip
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]) - 1)]
    lines = ["  ".join([*(c.ljust(w) for c, w in zip(r, widths, strict=False)), r[-1]]) for r in rows]
    return "\n".join([lines[0], "-" * min(len(lines[0]), 100), *lines[1:]])


def markdown(claims: Sequence[Claim], verdicts: Sequence[Verdict]) -> str:
    """Return claims and verdicts as a Markdown table, with the choices behind them as notes."""
    notes = list(dict.fromkeys(claim.choices for claim in claims if claim.choices))
    lines = [
        "| claim | statement | stands on | status | verdict | estimate | interval | allowed | seeds | note |",
        "|---" * 10 + "|",
    ]
    for claim, v in zip(claims, verdicts, strict=True):
        low, high = claim.allowed
        seeds = f"{v.n_seeds}" + (f" ({v.n_missing} without a value)" if v.n_missing else "")
        cells = (
            claim.id, claim.statement, claim.reference, claim.status, f"**{v.verdict}**",
            f"{v.estimate:.4g} {claim.unit}", f"[{v.low:.4g}, {v.high:.4g}]", f"[{low:g}, {high:g}]", seeds,
            f"({notes.index(claim.choices) + 1})" if claim.choices else "",
        )  # fmt: skip
        lines.append("| " + " | ".join(c.strip().replace("|", "\\|") for c in cells) + " |")
    return "\n".join([*lines, "", "Notes on choices:", "", *(f"{i}. {note}" for i, note in enumerate(notes, 1))])
