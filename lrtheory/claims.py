"""Claims: a statement of a paper (or yours), the quantity that decides it, and the verdict of the data.

A claim *holds* or is *refuted* when the data say so, and is *undecided* otherwise. The chance that a report, of however
many claims, gives one wrong verdict or more is at most ``alpha``: Holm's correction at ``alpha/2`` over the false
"holds" and at ``alpha/2`` over the false "refuted", whatever the claims have in common.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lrtheory.errors import ConfigError
from lrtheory.evidence import Evidence, Reading, Relation
from lrtheory.inference import ANYTIME, FIXED, Inference, holm
from lrtheory.samples import sample

if TYPE_CHECKING:
    import xarray as xr

#: What stands behind a claim: read in the paper; known from memory or second hand; worked out here; the user's own.
STATUSES = ("paper", "recalled", "derived", "yours")


class Regime(NamedTuple):
    """Where a statement applies: in words, and as a test of results. Outside it a claim is undecided.

    Example:
        >>> long_enough = Regime("t >= 3/lambda", lambda ds: float(ds.time.max()) >= 3e4)
    """

    text: str
    contains: Callable[[xr.Dataset], bool]


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What the data say of a claim.

    Attributes:
        verdict: "holds", "refuted" or "undecided".
        estimate, low, high: the number that decides, and its interval.
        level: confidence level of that interval, the one at which this claim was decided in its report.
        where: which point or step of an axis decided; empty for a claim on one number.
        n: independent replicates: seeds, or data seeds where the results have them.
        n_seeds: all runs a cell of the grid had: seeds times data seeds.
        n_missing: replicates without a value (a diverged cell, a level that was not reached); they decide nothing.
        p_holds, p_refuted: p-values of "the claim is false" and "the claim is true", before Holm's correction.
        method: "fixed" or "any-time", see :mod:`lrtheory.inference`.
        note: why the claim is undecided, where the data alone do not say it.
    """

    verdict: str
    estimate: float
    low: float
    high: float
    level: float
    where: str
    n: int
    n_seeds: int
    n_missing: int
    p_holds: float
    p_refuted: float
    method: str
    note: str = ""

    def __str__(self) -> str:
        """Return the verdict as one line."""
        where = f" ({self.where})" if self.where else ""
        level = f"{100 * self.level:.4g} % {'any-time ' if self.method == 'any-time' else ''}interval"
        missing = f", {self.n_missing} without a value" if self.n_missing else ""
        note = f"; {self.note}" if self.note else ""
        return (
            f"{self.verdict}: {self.estimate:.4g} [{self.low:.4g}, {self.high:.4g}]{where}, {level}, "
            f"{self.n_seeds} seeds{missing}{note}"
        )

    @property
    def more_seeds_may_decide(self) -> bool:
        """Tell whether this is undecided for want of seeds."""
        return self.verdict == "undecided" and not self.note and not self.n_missing


@dataclasses.dataclass(frozen=True, kw_only=True)
class Claim:
    """A statement that a simulation can hold or refute.

    Attributes:
        id: short name, unique in a report, starting with the stem of the paper and a hyphen.
        statement: one sentence of the field's language.
        quantity: function of the results that returns what the statement speaks of, for each seed: one number, or what
            ``relation`` asks for. Seeds share data, start and noise over rates: differences and ratios within a seed
            are paired. A number may use its own seed only: one that is divided by a mean over seeds, or read at a rate
            that was picked on the same seeds, is judged too surely (``ratio`` is for the first). Results with data
            seeds need a DataArray; its mean over ``seed`` is taken, and data seeds are the independent replicates.
        relation: what is claimed of the mean over seeds, see :mod:`lrtheory.relations`.
        reference: where it is stated, as exactly as is known.
        status: "paper", "recalled", "derived" or "yours".
        unit: unit of ``quantity``.
        choices: parameters that were chosen because they show the effect, if any.
        regime: where the statement applies; None: wherever the quantity can be read.
        headline: one of the few claims by which the paper is known.

    Example:
        >>> from lrtheory.relations import less
        >>> claim = Claim(
        ...     id="yours-1", statement="annealing halves the loss", relation=less(0.5),
        ...     quantity=lambda ds: ds.loss.isel(record=-1) / ds.loss.isel(record=0),
        ... )
    """

    id: str
    statement: str
    quantity: Callable[[xr.Dataset], Any]
    relation: Relation
    reference: str = "-"
    status: str = "yours"
    unit: str = ""
    choices: str = ""
    regime: Regime | None = None
    headline: bool = False
    #: (file, line) of the declaration
    source: tuple[str, int] = dataclasses.field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse an unknown status; remember where the claim was declared."""
        if not re.fullmatch(r"[\w.-]+", self.id):
            raise ConfigError(f"claim id {self.id!r} is not allowed: it must be of letters, digits, '-', '_' and '.'")
        if self.status not in STATUSES:
            raise ConfigError(f"claim {self.id}: status {self.status!r} is not one of {', '.join(STATUSES)}")
        if not isinstance(self.relation, Relation):
            raise ConfigError(
                f"claim {self.id}: relation = {self.relation!r} is not allowed: it must be made by lrtheory.relations, "
                "as greater(0) is"
            )
        object.__setattr__(self, "source", _declared())

    @property
    def paper(self) -> str:
        """Return the stem of the paper that the claim is on."""
        return self.id.partition("-")[0]

    def verdict(self, ds: xr.Dataset, alpha: float = 0.05) -> Verdict:
        """Return what ``ds`` says of the claim, as a report of one.

        Args:
            ds: results, as :func:`lrtheory.open_results` returns them.
            alpha: the chance that the verdict is wrong.
        """
        return judge([(self, ds)], alpha)[0]


def _declared() -> tuple[str, int]:
    """Return file and line of the declaration: the outermost call in the file that asks for the claim."""
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_code.co_filename in ("<string>", __file__, dataclasses.__file__):
        frame = frame.f_back
    file = frame.f_code.co_filename
    while frame.f_back is not None and frame.f_back.f_code.co_filename == file:
        frame = frame.f_back
    return file, frame.f_lineno


class Weighed(NamedTuple):
    """The evidence for one claim, before the correction for how many there are."""

    evidence: Evidence
    inference: Inference
    n: int
    n_seeds: int
    n_missing: int


def judge(
    pairs: Sequence[tuple[Claim, xr.Dataset]], alpha: float = 0.05, inference: Inference | None = None
) -> list[Verdict]:
    """Return the verdicts of one report: :func:`weigh` every claim, then :func:`decide`.

    A report is one look. A fixed one that was undecided, followed by an any-time one with more seeds, are two reports:
    that either is wrong has probability at most ``2 * alpha``.
    """
    return decide([weigh(claim, ds, inference) for claim, ds in pairs], alpha)


def weigh(claim: Claim, ds: xr.Dataset, inference: Inference | None = None) -> Weighed:
    """Return the evidence of ``ds`` for a claim.

    Args:
        claim: the claim.
        ds: its results.
        inference: :data:`~lrtheory.inference.FIXED` or :data:`~lrtheory.inference.ANYTIME`; by default the second where
            seeds were added to the results after they were first complete, or might have been (``--until-decided``).

    Raises:
        ConfigError: a quantity that is not what its relation asks for.
    """
    if inference is None:
        inference = ANYTIME if ds.attrs.get("seeds_added", 0) or ds.attrs.get("looked", False) else FIXED
    n = ds.sizes["data_seed" if "data_seed" in ds.sizes else "seed"]
    n_seeds = n * (ds.sizes["seed"] if "data_seed" in ds.sizes else 1)

    def nothing(note: str, estimate: float = np.nan, missing: int = 0) -> Weighed:
        reading = Reading(estimate, np.nan, np.nan)
        return Weighed(Evidence(1.0, 1.0, lambda a: reading, note), inference, n, n_seeds, missing)

    with _named(claim):
        if claim.regime is not None and not claim.regime.contains(ds):
            return nothing(f"outside its regime: {claim.regime.text}")
        values, x = sample(claim.relation, claim.quantity, ds)
        missing = int((~np.isfinite(values)).reshape(n, -1).any(1).sum())
        if missing:
            return nothing("", missing=missing)
        if n < 2:
            return nothing("", float(values[0]) if values.ndim == 1 else np.nan)
        return Weighed(claim.relation.weigh(values, x, ds, inference), inference, n, n_seeds, 0)


@contextlib.contextmanager
def _named(claim: Claim) -> Iterator[None]:
    """Say in any error which claim it is about, in one line."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"claim {claim.id}: {error}") from error
    except Exception as error:  # whatever a user's quantity or prediction raises
        line = str(error).strip().split("\n")[0]
        raise ConfigError(f"claim {claim.id}: {type(error).__name__} when it was judged: {line}") from error


def decide(weighed: Sequence[Weighed], alpha: float = 0.05) -> list[Verdict]:
    """Return the verdicts of one report.

    Args:
        weighed: the evidence for its claims.
        alpha: the chance that a verdict in the report is wrong, at most.
    """
    if not 0 < alpha < 1:
        raise ConfigError(f"alpha = {alpha} is not allowed: it must be in (0, 1)")
    m = len(weighed)
    p = np.array([(w.evidence.holds, w.evidence.refuted) for w in weighed]).reshape(m, 2)
    decided = np.stack([holm(p[:, side]) for side in (0, 1)], 1) <= alpha / 2
    out = []
    for w, own, (holds, refuted) in zip(weighed, p, decided, strict=True):
        side = int(own[1] < own[0])
        # Holm's step at which this claim was decided, or at which the procedure stopped: at the level of that step the
        # interval lies inside, or outside, of what is claimed exactly when the verdict says so.
        step = min(int((p[:, side] < own[side]).sum()), int(decided[:, side].sum()), m - 1)
        tail = alpha / 2 / (m - step) / w.evidence.factors[side]
        word = "holds" if holds else "refuted" if refuted else "undecided"
        estimate, low, high, where = w.evidence.read(tail)
        out.append(
            Verdict(
                verdict=word, estimate=estimate, low=low, high=high, level=1 - 2 * tail, where=where,
                n=w.n, n_seeds=w.n_seeds, n_missing=w.n_missing, p_holds=float(own[0]), p_refuted=float(own[1]),
                method=w.inference.name, note=w.evidence.note if word == "undecided" else "",
            )
        )  # fmt: skip
    return out
