"""How often are verdicts wrong? Truths known exactly, samples drawn by the thousand, and the stated rate counted.

A truth on the border of a claim is the worst one: there, "holds" and "refuted" are each wrong (for truths as near to
the border as one likes), and each may come with probability alpha/2. Unless a test says otherwise a count fails if it,
or one further off, has a probability below 3e-5 (4 standard errors) at the stated rate: a right program fails a
comparison ``at_most`` with probability 3e-5 or less, ``exactly`` with 6e-5. There are about 150 comparisons, so that at
most 1 % of all choices of seeds would fail; the generators are seeded, so that a failure repeats.

What non-normal seeds do is measured too, in ``test_how_far_normality_matters``: read it before claiming a mean.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy import integrate, stats

from lrtheory.claims import Claim, Weighed, decide, judge
from lrtheory.evidence import Evidence, Reading
from lrtheory.inference import ANYTIME, FIXED
from lrtheory.relations import (
    between,
    decreasing,
    equal,
    follows,
    greater,
    increasing,
    less,
    ratio,
    share,
    slope,
    unimodal,
)  # fmt: skip

ALPHA, TAIL = 0.05, 0.025
RATES = np.array([0.1, 0.2, 0.4, 0.8])
BOTH = pytest.mark.parametrize("inference", [FIXED, ANYTIME], ids=["fixed", "any-time"])


def at_most(count, n, rate):
    assert stats.binom.sf(count - 1, n, rate) > 3e-5, f"{count} of {n} is more than {rate}"


def exactly(count, n, rate):
    at_most(count, n, rate)
    assert stats.binom.cdf(count, n, rate) > 3e-5, f"{count} of {n} is less than {rate}"


def numbers(mean, spread=1.0):
    return lambda rng, n: rng.normal(mean, spread, n)


def points(*means):
    """Draw a curve: what a seed shares over the axis, and noise of its own at every point."""
    return lambda rng, n: np.asarray(means, float) + 3 * rng.normal(size=(n, 1)) + rng.normal(size=(n, len(means)))


def pairs(x, y, spread=0.2):
    """Draw a pair whose errors are correlated."""

    def draw(rng, n):
        shared = rng.normal(size=n)
        return np.stack([x + spread * (shared + rng.normal(size=n)), y + spread * (shared - rng.normal(size=n))], 1)

    return draw


def power(exponent):
    """Draw y = c x^(exponent + what is the seed's own)."""

    def draw(rng, n):
        exponents = exponent + 0.3 * rng.normal(size=(n, 1))
        return np.exp(rng.normal(size=(n, 1)) + exponents * np.log(RATES) + 0.2 * rng.normal(size=(n, 4)))

    return draw


def band(*wanted):
    return lambda ds: np.asarray(wanted, float)


@dataclasses.dataclass(frozen=True)
class Null:
    """A relation and seeds whose truth is on its border.

    ``holds`` and ``refuted`` are the rates of these verdicts where they are known exactly, and None where only "at most
    alpha/2" is.
    """

    relation: Any
    draw: Callable[..., np.ndarray]
    holds: float | None = None
    refuted: float | None = None
    x: Any = None

    def evidence(self, values, inference):
        return self.relation.weigh(self.relation.numbers(values, self.x), self.x, None, inference)


BIG = 30.0
NULLS = {
    "greater": Null(greater(1.0), numbers(1.0), TAIL, TAIL),
    "less": Null(less(1.0), numbers(1.0), TAIL, TAIL),
    # Two sides to be refuted on cost a factor of two, which a truth on one of them does not use ...
    "between, on the low side": Null(between(0.0, BIG), numbers(0.0), TAIL, TAIL / 2),
    "equal, on the high side": Null(equal(0.0, BIG), numbers(BIG), TAIL, TAIL / 2),
    # ... but one between two sides that are close does.
    "equal within next to nothing": Null(equal(0.0, 1e-6), numbers(0.0), 0.0, TAIL),
    "equal within a little": Null(equal(0.0, 0.3), numbers(0.3)),
    "ratio, low": Null(ratio(low=2.0), pairs(4.0, 2.0), TAIL, TAIL),
    "ratio, high": Null(ratio(high=2.0), pairs(4.0, 2.0), TAIL, TAIL),
    "ratio, both": Null(ratio(-BIG, 2.0), pairs(4.0, 2.0), TAIL, TAIL / 2),
    "ratio within next to nothing": Null(ratio(2.0 - 1e-6, 2.0 + 1e-6), pairs(4.0, 2.0), 0.0, TAIL),
    "ratio below 0": Null(ratio(high=-2.0), pairs(-4.0, 2.0), TAIL, TAIL),
    # To a number that is 0 there is no ratio: either verdict is wrong, however far x is from 0.
    "ratio to 0, inside": Null(ratio(-1e6, 1e6), pairs(4.0, 0.0), TAIL, 0.0),
    "ratio to 0, one bound": Null(ratio(low=-2.0), pairs(BIG, 0.0), TAIL, 0.0),
    "ratio to 0, outside": Null(ratio(-2.0, 2.0), pairs(BIG, 0.0), 0.0, None),
    "ratio to 0, both 0": Null(ratio(-2.0, 2.0), pairs(0.0, 0.0)),
    "slope, low": Null(slope("rate", 1.0, BIG), power(1.0), TAIL, TAIL / 2, RATES),
    "slope, high": Null(slope("rate", -BIG, 1.0), power(1.0), TAIL, TAIL / 2, RATES),
    "increasing, but for one step": Null(increasing("rate"), points(0, BIG, BIG, 2 * BIG), TAIL, TAIL / 6, RATES),
    "increasing, all the same": Null(increasing("rate"), points(0, 0, 0, 0), x=RATES),
    "increasing, back by the tolerance": Null(increasing("rate", BIG), points(0, 90, 60, 99), TAIL, TAIL / 6, RATES),
    "increasing, a saw of the tolerance": Null(increasing("rate", 1.0), points(1, 0, 1, 0), x=RATES),
    "decreasing, but for one step": Null(decreasing("rate"), points(90, 60, 30, 30), TAIL, TAIL / 6, RATES),
    "unimodal, last step flat": Null(unimodal("rate"), points(0, BIG, 60, 60), TAIL / 2, None, RATES),
    # Either place of the peak is half a wrong "holds".
    "unimodal, plateau": Null(unimodal("rate"), points(0, BIG, BIG, 0), TAIL, None, RATES),
    "unimodal, all the same": Null(unimodal("rate"), points(0, 0, 0), x=RATES[:3]),
    "unimodal, three points": Null(unimodal("rate"), points(0, 0, -BIG), TAIL, TAIL / 2, RATES[:3]),
    "follows, one point on its band": Null(
        follows(band(0, 0, 0, 0), "rate", margin=BIG), points(0, 0, BIG, 0), TAIL, TAIL / 8, RATES
    ),
    "follows, relative": Null(
        follows(band(-50, 100, 50, 100), "rate", relative=0.5), points(-75, 100, 50, 100), TAIL, TAIL / 8, RATES
    ),
    "follows, all points on their bands": Null(
        follows(band(0, 0, 0, 0), "rate", margin=BIG), points(BIG, -BIG, BIG, -BIG), x=RATES
    ),
    "follows within next to nothing": Null(
        follows(band(0, 0, 0, 0), "rate", margin=1e-6), points(0, 0, 0, 0), 0.0, None, RATES
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", NULLS)
def test_wrong_verdicts_are_as_rare_as_stated(kind):
    """3000 samples of 8 seeds; each wrong verdict at most alpha/2, and the exact rate where that is known.

    The any-time p-values of the same samples are never smaller, so they decide wrongly no more often.
    """
    null, n = NULLS[kind], 3000
    rng = np.random.default_rng(list(NULLS).index(kind))
    wrong = np.zeros(2, int)
    for i in range(n):
        values = null.draw(rng, 8)
        e = null.evidence(values, FIXED)
        wrong += (e.holds <= TAIL, e.refuted <= TAIL)
        if i < 100:
            slow = null.evidence(values, ANYTIME)
            assert slow.holds >= min(1.0, e.holds) - 1e-12 and slow.refuted >= min(1.0, e.refuted) - 1e-12
    for count, rate in zip(wrong, (null.holds, null.refuted), strict=True):
        at_most(count, n, TAIL)
        if rate is not None:
            exactly(count, n, rate)


def test_a_fixed_level_is_met_not_only_kept():
    """200000 samples of 6 seeds: the rate of wrong verdicts is alpha/2 exactly. A careless n - 1 would show."""
    n = 200_000
    x = np.random.default_rng(1).normal(size=(n, 6))
    p = FIXED.p(math.sqrt(6) * x.mean(1) / x.std(1, ddof=1), 6)
    exactly((p <= TAIL).sum(), n, TAIL)
    exactly((p >= 1 - TAIL).sum(), n, TAIL)


@BOTH
@pytest.mark.parametrize("n", [5, 20, 73, 300])
@pytest.mark.parametrize("at_least", [0.5, 0.7, 0.95])
def test_wrong_verdicts_on_a_share_are_as_rare_as_stated(inference, n, at_least):
    # Summed over all numbers of hits, not drawn: exact, up to rounding.
    hits = np.arange(n + 1)
    chance = stats.binom.pmf(hits, n, at_least)
    evidence = [share(at_least).weigh(np.arange(n) < k, None, None, inference) for k in hits]
    holds, refuted = (chance[[getattr(e, side) <= TAIL for e in evidence]].sum() for side in ("holds", "refuted"))
    assert holds <= TAIL and refuted <= TAIL
    if inference is FIXED and n == 300:
        assert holds > TAIL / 3 and refuted > TAIL / 3  # the test is not so careful that it never decides


def test_a_share_looked_at_after_every_seed_is_wrong_as_rarely_as_stated():
    """Up to 300 looks, stopped at the first verdict; exact probabilities by walking over all numbers of hits.

    The binomial test of a fixed number of seeds is wrong more than four times as often as stated when used so.
    """
    at_least = 0.7
    for inference, allowed in ((ANYTIME, lambda p: p <= TAIL), (FIXED, lambda p: p > 4 * TAIL)):
        for side in (0, 1):
            undecided, wrong = np.array([1.0]), 0.0
            for n in range(1, 301):
                undecided = np.append(undecided * (1 - at_least), 0) + np.append(0, undecided * at_least)
                p = np.array([inference.share_p(k, n, at_least)[side] for k in range(n + 1)])
                wrong += undecided[p <= TAIL].sum()
                undecided[p <= TAIL] = 0
            assert allowed(wrong), (inference.name, side, wrong)


def running_t(x):
    """Return the t-statistics of the first 2, 3, ... seeds, shape (replications, n - 1); 0 where there is no spread."""
    n = np.arange(1, x.shape[1] + 1)
    mean = x.cumsum(1) / n
    squares = ((x - x[:, :1]) ** 2).cumsum(1) - n * (mean - x[:, :1]) ** 2
    std = np.sqrt(np.maximum(squares[:, 1:], 0) / (n[1:] - 1))
    spread = squares[:, 1:] > 1e-9
    return np.divide(np.sqrt(n[1:]) * mean[:, 1:], std, out=np.zeros_like(std), where=spread)


def ever(t, inference, looks):
    """Return whether the first finding, in looks after so many seeds, is that the mean is above 0, or below."""
    limits = np.array([inference.threshold(n, TAIL) for n in looks])
    t = t[:, np.asarray(looks) - 2]
    above, below = t >= limits, t <= -limits
    first = (above | below).argmax(1)[:, None]
    return np.take_along_axis(above, first, 1)[:, 0], np.take_along_axis(below, first, 1)[:, 0]


def test_a_mean_looked_at_after_every_seed_is_wrong_as_rarely_as_stated():
    """8000 samples, looked at from 2 to 300 seeds and stopped at the first verdict: any-time is wrong at most alpha.

    The t-test of a fixed number of seeds, used so, is wrong in four cases of ten (more than 0.35 is asserted).
    Measured: any-time 0.030 (300 looks do not use up what is allowed for ever), fixed 0.46.
    """
    n = 8000
    t = running_t(np.random.default_rng(2).normal(size=(n, 300)))
    above, below = ever(t, ANYTIME, range(2, 301))
    for side in (above, below):
        at_most(side.sum(), n, TAIL)
    assert (above | below).mean() > 0.015  # not so careful that it never decides
    assert np.mean(np.logical_or(*ever(t, FIXED, range(2, 301)))) > 0.35
    assert np.mean(np.logical_or(*ever(t, FIXED, range(5, 301, 5)))) > 0.25
    # The interval at level 1 - 2 a misses the truth at any look at all with probability 2 a at most.
    missed = np.abs(t) > [ANYTIME.threshold(k, 0.1) for k in range(2, 301)]
    at_most(missed.any(1).sum(), n, 0.2)


def test_seeds_added_after_a_fixed_look_cost_little():
    """A first look by the fixed test, then any-time looks after every seed up to 300, stopped at the first verdict.

    Nothing states alpha for both together: 2 alpha is a bound. Measured, at alpha = 0.05: 0.05 to 0.06.
    """
    n = 8000
    t = running_t(np.random.default_rng(3).normal(size=(n, 300)))
    first = np.logical_or(*ever(t, FIXED, [20]))
    later = np.logical_or(*ever(t, ANYTIME, range(21, 301)))
    at_most((first | later).sum(), n, 0.06)


LOOKS = (2, 5, 10, 25, 80, 300)


@pytest.mark.parametrize(
    "kind",
    [
        "equal within next to nothing", "ratio, both", "ratio to 0, outside", "slope, low",
        "increasing, all the same", "increasing, but for one step", "unimodal, plateau",
        "follows, all points on their bands",
    ],
)  # fmt: skip
def test_every_relation_may_be_looked_at_at_any_time(kind):
    """2000 samples, six looks from 2 to 300 seeds, each wrong verdict at most alpha/2 ever."""
    null, n = NULLS[kind], 2000
    rng = np.random.default_rng(100 + list(NULLS).index(kind))
    wrong = np.zeros(2, int)
    for _ in range(n):
        values = null.draw(rng, LOOKS[-1])
        for look in LOOKS:
            e = null.evidence(values[:look], ANYTIME)
            verdict = (e.holds <= TAIL, e.refuted <= TAIL)
            if any(verdict):
                wrong += verdict
                break
    for count in wrong:
        at_most(count, n, TAIL)


def claims(kinds):
    return [Claim(id=f"toy-{i}", statement="-", quantity=q, relation=r) for i, (r, q) in enumerate(kinds)]


#: A report of 20 on five rates and two further quantities of the same seeds. Means along rate: 0, 1, 1, 2, 2. Where a
#: verdict is wrong on one side only, that side is named; on the border both are.
REPORT = [
    *[(greater(m), lambda ds, i=i: ds.c[:, i], "both") for i, m in enumerate((0.0, 1.0, 1.0, 2.0, 2.0))],
    *[(equal(m, 1e-3), lambda ds, i=i: ds.c[:, i], "refuted") for i, m in enumerate((0.0, 1.0, 1.0))],
    *[(between(m, m + 9), lambda ds, i=i: ds.c[:, i] - ds.c[:, 0], "both") for i, m in ((1, 1.0), (3, 2.0), (4, 2.0))],
    (greater(0.5), lambda ds: ds.c[:, 3] - ds.c[:, 0], "refuted"),
    (less(0.5), lambda ds: ds.c[:, 3] - ds.c[:, 0], "holds"),
    (increasing("rate"), lambda ds: ds.curve, "both"),
    (increasing("rate", 0.5), lambda ds: ds.curve, "refuted"),
    (decreasing("rate"), lambda ds: ds.curve, "holds"),
    (unimodal("rate"), lambda ds: ds.curve, "both"),
    (ratio(1.0, 9.0), lambda ds: (ds.c[:, 1] + 4, ds.c[:, 2] + 4), "both"),
    (follows(lambda ds: np.array([0, 1, 1, 2, 3.0]), "rate", margin=1.0), lambda ds: ds.curve, "both"),
    (share(0.5), lambda ds: ds.c[:, 0] > 0, "both"),
]


class Results:
    """What :func:`judge` asks of results, without the time an xarray.Dataset takes to make."""

    def __init__(self, c, data_seeds=False):
        self.c, self.curve = c, c
        self.sizes = {"seed": c.shape[0], "rate": c.shape[1]}
        self.attrs = {}

    def __getitem__(self, name):
        return _RATE


_RATE = xr.DataArray([0.1, 0.2, 0.3, 0.4, 0.5], dims="rate")


def test_a_report_of_twenty_claims_is_wrong_anywhere_as_rarely_as_stated():
    """2000 reports of 20 claims, true, false and on their border, on the same 10 seeds: wrong anywhere at most alpha.

    Some are decided rightly in most reports, so that Holm's correction does step down. Without the correction more than
    one report of five has a wrong verdict (measured: 0.26).
    """
    n, rng = 2000, np.random.default_rng(8)
    report = claims([(r, q) for r, q, _ in REPORT])
    forbidden = [{"holds", "refuted"} if side == "both" else {side} for _, _, side in REPORT]
    wrong = uncorrected = decided = 0
    for _ in range(n):
        shared = 0.6 * rng.normal(size=(10, 1))
        ds: Any = Results(np.array([0, 1, 1, 2, 2.0]) + shared + 0.4 * rng.normal(size=(10, 5)))
        verdicts = judge([(c, ds) for c in report], ALPHA)
        wrong += any(v.verdict in bad for v, bad in zip(verdicts, forbidden, strict=True))
        for v, bad in zip(verdicts, forbidden, strict=True):
            fooled = {word for word, p in (("holds", v.p_holds), ("refuted", v.p_refuted)) if p <= TAIL}
            if fooled & bad:
                uncorrected += 1
                break
        decided += sum(v.verdict != "undecided" for v in verdicts)
    at_most(wrong, n, ALPHA)
    assert uncorrected / n > 0.2 and decided / n > 2.5


@pytest.mark.parametrize("m", [1, 20])
def test_the_level_of_a_report_is_met_not_only_kept(m):
    """4000 reports of m independent claims on their borders: wrong in 1 - (1 - alpha/2m)^m of them on each side."""
    n = 4000
    x = np.random.default_rng(m).normal(size=(n, 6, m))
    p = FIXED.p(math.sqrt(6) * x.mean(1) / x.std(1, ddof=1), 6)

    def weighed(p):
        return Weighed(Evidence(p, 1 - p, lambda a: Reading(0.0, 0.0, 0.0)), FIXED, 6, 6, 0)

    words = [{v.verdict for v in decide([weighed(float(q)) for q in row])} for row in p]
    each = 1 - (1 - TAIL / m) ** m
    for word in ("holds", "refuted"):
        exactly(sum(word in w for w in words), n, each)
    at_most(sum(w != {"undecided"} for w in words), n, ALPHA)


def test_a_report_may_be_looked_at_at_any_time():
    """2000 reports of one true claim and three on their border, five looks: a wrong verdict ever at most alpha.

    The true one is decided early, which leaves the others an easier step of Holm's.
    """
    n, rng = 2000, np.random.default_rng(10)
    report = [greater(0.0), less(2.0), greater(2.0), increasing("rate")]
    wrong = right = 0
    for _ in range(n):
        x = rng.normal(size=(250, 1)) + rng.normal(size=(250, 2)) + 2
        for look in (3, 8, 25, 80, 250):
            samples = [x[:look, 0], x[:look, 0], x[:look, 1], x[:look]]
            evidence = [r.weigh(v, RATES[:2], None, ANYTIME) for r, v in zip(report, samples, strict=True)]
            evidence = [e._replace(read=lambda a: Reading(0.0, 0.0, 0.0)) for e in evidence]  # intervals take long
            words = [v.verdict for v in decide([Weighed(e, ANYTIME, look, look, 0) for e in evidence], ALPHA)]
            if words[1:] != ["undecided"] * 3:
                wrong += 1
                break
        right += words[0] == "holds"
    at_most(wrong, n, ALPHA)
    assert right / n > 0.95


@BOTH
def test_clusters_are_judged_as_rarely_wrong_as_stated(inference):
    """2000 results of 6 data seeds x 5 seeds, 9/10 of the variance between data seeds: each wrong verdict <= alpha/2.

    The same numbers taken for 30 seeds would be wrong in more than one case of three.
    """
    n, rng = 2000, np.random.default_rng(9)
    values = 0.9**0.5 * rng.normal(size=(n, 6, 1)) + 0.1**0.5 * rng.normal(size=(n, 6, 5))
    claim = claims([(greater(0.0), lambda ds: ds.x)])[0]
    words = [
        judge([(claim, xr.Dataset({"x": (("data_seed", "seed"), v)}))], inference=inference)[0].verdict for v in values
    ]
    for word in ("holds", "refuted"):
        at_most(words.count(word), n, TAIL)
        if inference is FIXED:
            exactly(words.count(word), n, TAIL)
    flat = values.reshape(n, 30)
    p = FIXED.p(math.sqrt(30) * flat.mean(1) / flat.std(1, ddof=1), 30)
    assert np.mean((p <= TAIL) | (p >= 1 - TAIL)) > 0.35


# --- Power: a test that never decides is never wrong. ---


def decisions(relation, draw, n, reps, inference, seed):
    null = Null(relation, draw)
    rng = np.random.default_rng(seed)
    evidence = [null.evidence(draw(rng, n), inference) for _ in range(reps)]
    return sum(e.holds <= TAIL for e in evidence), sum(e.refuted <= TAIL for e in evidence)


@pytest.mark.parametrize(("effect", "n"), [(0.5, 20), (1.0, 8), (2.0, 4)])
def test_power_of_a_fixed_comparison(effect, n):
    """3000 samples: claims "greater" hold, "less" are refuted, as often as the noncentral t says (two-sided).

    0.56 for half a standard deviation and 20 seeds, 0.68 for one and 8, 0.76 for two and 4.
    """
    power = stats.nct.sf(stats.t.isf(TAIL, n - 1), n - 1, math.sqrt(n) * effect)
    assert power > 0.5
    holds, _ = decisions(greater(1.0), numbers(1.0 + effect), n, 3000, FIXED, 1)
    exactly(holds, 3000, power)
    _, refuted = decisions(less(1.0), numbers(1.0 + effect), n, 3000, FIXED, 2)
    exactly(refuted, 3000, power)


@pytest.mark.parametrize(("margin", "n"), [(1.0, 12), (0.5, 40)])
def test_power_of_a_fixed_equivalence(margin, n):
    """3000 samples: "equal" holds as often as the error of the mean, given the standard deviation, allows."""
    t = stats.t.isf(TAIL, n - 1)

    def given(s):
        room = np.maximum(margin * math.sqrt(n) - t * s, 0)
        return (2 * stats.norm.cdf(room) - 1) * stats.chi.pdf(s * math.sqrt(n - 1), n - 1) * math.sqrt(n - 1)

    power = integrate.quad(given, 0, margin * math.sqrt(n) / t)[0]
    assert power > 0.5
    exactly(decisions(equal(2.0, margin), numbers(2.0), n, 3000, FIXED, 3)[0], 3000, power)


def test_power_at_any_time():
    """2000 samples; the levels asserted are 4 standard errors below what is measured.

    At one look: half a standard deviation with 80 seeds 0.82, one with 20 0.78 and with 30 0.96, two with 8 0.86. One
    needs about twice the seeds of the fixed test (9 of them give 0.75) for the freedom to look at any time.
    """
    for effect, n, power in ((0.5, 80, 0.78), (1.0, 20, 0.74), (1.0, 30, 0.94), (2.0, 8, 0.82)):
        holds, refuted = decisions(greater(0.0), numbers(effect), n, 2000, ANYTIME, n)
        assert holds / 2000 > power and refuted == 0


def test_looking_ends_early():
    """4000 samples of effect 1, half as many seeds again at every look, as `check --until-decided` does.

    More than nine of ten are decided with 32 seeds, with 20 on average, and all rightly.
    """
    n = 4000
    t = running_t(np.random.default_rng(4).normal(1.0, 1.0, (n, 160)))
    looks = np.array([4, 6, 9, 14, 21, 32, 48, 72, 108])
    limits = np.array([ANYTIME.threshold(k, TAIL) for k in looks])
    above = t[:, looks - 2] >= limits
    assert above.any(1).all() and not (t[:, looks - 2] <= -limits).any()
    used = looks[above.argmax(1)]
    assert used.mean() < 22 and np.mean(used <= 32) > 0.9


# --- What is not normal. ---

SKEWED = {
    "uniform": lambda rng, shape: rng.random(shape) - 0.5,
    "t with 3 degrees": lambda rng, shape: rng.standard_t(3, shape),
    "exponential": lambda rng, shape: rng.exponential(size=shape) - 1,
    "log-normal, sigma 1": lambda rng, shape: rng.lognormal(0, 1, shape) - math.exp(0.5),
    "log-normal, sigma 1.5": lambda rng, shape: rng.lognormal(0, 1.5, shape) - math.exp(1.125),
    "one of five": lambda rng, shape: (rng.random(shape) < 0.2) - 0.2,
    "one of twenty": lambda rng, shape: (rng.random(shape) < 0.05) - 0.05,
    "one of twenty far off": lambda rng, shape: rng.normal(size=shape) + 20 * (rng.random(shape) < 0.05) - 1,
}
#: Rates of a wrong "the mean is below", measured with 20000 samples: t-test of 8, 20, 100, 300 seeds; any-time, ever
#: from 2 to 300; any-time, ever from 20 to 300. Normal seeds give 0.025 and, at any time, less.
MEASURED = {
    "uniform": (0.029, 0.024, 0.026, 0.025, 0.025, 0.006),
    "t with 3 degrees": (0.020, 0.022, 0.022, 0.024, 0.009, 0.003),
    "exponential": (0.103, 0.076, 0.046, 0.035, 0.136, 0.052),
    "log-normal, sigma 1": (0.169, 0.131, 0.075, 0.057, 0.252, 0.118),
    "log-normal, sigma 1.5": (0.296, 0.238, 0.148, 0.107, 0.505, 0.292),
    "one of five": (0.000, 0.057, 0.047, 0.032, 0.051, 0.051),
    "one of twenty": (0.000, 0.000, 0.110, 0.065, 0.070, 0.070),
    "one of twenty far off": (0.450, 0.356, 0.079, 0.052, 0.531, 0.354),
}


@pytest.mark.parametrize("kind", SKEWED)
def test_how_far_normality_matters(kind):
    """Wrong verdicts on the means of skewed seeds, 4000 samples, within 5 se of ``MEASURED`` (false alarm 6e-7 each).

    Not bounds that the theory gives but what is: alpha/2 = 0.025 is stated, and the truth is on the border.

    * Symmetric seeds, bounded or with heavy tails: as stated.
    * Seeds with a long tail to the right: "the mean is smaller" is wrong too often, since the few large seeds that make
      the mean are not among those drawn: 0.08 at 20 exponential seeds, 0.13 at log-normal ones of sigma 1, 0.36 where
      one seed in twenty is 20 standard deviations off (a run that nearly diverges). "The mean is larger" is wrong less
      often than stated (at most 0.029 is asserted, which uniform seeds need). More seeds help slowly.
    * Looking from two seeds on makes it worse, looking from 20 on less so: the first looks are where few seeds look
      alike. Any-time is no remedy for skew.

    So: claim the mean of a logarithm, or a share of seeds (exact whatever the seeds are), of a quantity like these.
    """
    n, rng = 4000, np.random.default_rng(list(SKEWED).index(kind))
    t = running_t(SKEWED[kind](rng, (n, 300)).astype(float))
    seen = [ever(t, FIXED, [k]) for k in (8, 20, 100, 300)]
    seen += [ever(t, ANYTIME, range(first, 301)) for first in (2, 20)]
    for (above, below), rate in zip(seen, MEASURED[kind], strict=True):
        wide = max(rate, 0.001)
        allowed = 5 * math.sqrt(wide * (1 - wide) * (1 / n + 1 / 20_000))
        assert abs(below.mean() - rate) <= allowed, (below.mean(), rate)
        at_most(above.sum(), n, TAIL + 0.004)


def test_a_share_does_not_mind_skew():
    """3000 samples of 100 log-normal seeds of sigma 1.5: whether half lie below the median is judged as stated.

    The claim on their mean of the same seeds is wrong six times as often as stated.
    """
    n, rng = 3000, np.random.default_rng(6)
    x = rng.lognormal(0, 1.5, (n, 100))
    evidence = [share(0.5).weigh(row < 1.0, None, None, FIXED) for row in x]
    at_most(sum(e.holds <= TAIL for e in evidence), n, TAIL)
    at_most(sum(e.refuted <= TAIL for e in evidence), n, TAIL)
    logs = [greater(0.0).weigh(np.log(row), None, None, FIXED) for row in x]
    exactly(sum(e.holds <= TAIL for e in logs), n, TAIL)
    means = [greater(math.exp(1.125)).weigh(row, None, None, FIXED) for row in x]
    assert sum(e.refuted <= TAIL for e in means) / n > 4 * TAIL


def test_the_constant_sample_of_a_rare_event_decides_nothing():
    """One seed in 50 is 1, the others 0, 20 seeds; "the mean is below 0.01" (it is 0.02) must not hold from zeros.

    0.67 of the samples are all zeros and so without spread: a t-test would call each infinitely sure.
    """
    n, rng = 2000, np.random.default_rng(7)
    x = (rng.random((n, 20)) < 0.02).astype(float)
    evidence = [less(0.01).weigh(row, None, None, FIXED) for row in x]
    assert np.mean(x.max(1) == 0) > 0.6
    at_most(sum(e.holds <= TAIL for e in evidence), n, TAIL)


def test_a_quantity_that_uses_other_seeds_is_judged_wrongly():
    """20000 samples of 20 seeds; why a quantity may use what is one seed's alone, or one number for all that is known.

    Divided by the mean of y over seeds, whose error is then forgotten, a ratio of 1 is found wrong three times as often
    as stated (measured: 0.16; :func:`ratio` is exact, see above). And of ten rates without any difference, the one with
    the least mean over the same seeds is found better than the first five times as often as stated (measured: 0.13).
    """
    n, rng = 20_000, np.random.default_rng(11)
    x, y = rng.normal(5.0, 1.0, (2, n, 20))
    quotient = x / y.mean(1, keepdims=True) - 1
    p = FIXED.p(math.sqrt(20) * quotient.mean(1) / quotient.std(1, ddof=1), 20)
    assert 0.14 < np.mean((p <= TAIL) | (p >= 1 - TAIL)) < 0.18
    losses = rng.normal(size=(n, 20, 10))
    best = losses.mean(1).argmin(1)
    gain = losses[:, :, 0] - np.take_along_axis(losses, best[:, None, None], 2)[:, :, 0]
    spread = np.where(best > 0, gain.std(1, ddof=1), np.inf)
    p = FIXED.p(math.sqrt(20) * gain.mean(1) / spread, 20)
    assert 0.115 < np.mean(p <= TAIL) < 0.145
