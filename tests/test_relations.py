"""Every relation: what it holds, refutes and leaves undecided, what it does not depend on, and what it refuses."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
import xarray as xr

from lrtheory.claims import Claim, judge
from lrtheory.errors import ConfigError
from lrtheory.inference import ANYTIME, FIXED
from lrtheory.relations import (
    between,
    crosses,
    decreasing,
    equal,
    fieller,
    follows,
    greater,
    increasing,
    less,
    ratio,
    share,
    slope,
    unimodal,
)  # fmt: skip

#: Four columns of 16 seeds with mean 0, standard deviation 1 and no correlation, so that every t below is known.
_DRAWN = np.random.default_rng(5).normal(size=(16, 4))
NOISE = np.linalg.qr(_DRAWN - _DRAWN.mean(0))[0] * math.sqrt(15)
RATES = np.array([0.1, 0.2, 0.4, 0.8])
CURVE = np.array([1.0, 2.0, 4.0, 8.0])


def theory(ds):
    return CURVE


def judged(relation, values, alpha=0.05, inference=None, x=RATES, **attrs):
    """Return the verdict on seeds-first values; a pair for a ratio, (seeds, points) along rate."""
    if isinstance(values, tuple):
        parts = [np.asarray(v, float) for v in values]
        ds = xr.Dataset({"x": ("seed", parts[0]), "y": ("seed", parts[1])}, attrs=attrs)
        claim = Claim(id="toy-1", statement="-", quantity=lambda ds: (ds.x, ds.y), relation=relation)
    else:
        values = np.asarray(values)
        dims = ("seed", "rate")[: values.ndim]
        ds = xr.Dataset({"x": (dims, values)}, coords={"rate": x} if values.ndim == 2 else {}, attrs=attrs)
        claim = Claim(id="toy-1", statement="-", quantity=lambda ds: ds.x, relation=relation)
    return judge([(claim, ds)], alpha, inference)[0]


@dataclasses.dataclass(frozen=True)
class Case:
    """A relation, means for which it is true, means for which it is false, and how numbers with a spread are made."""

    relation: Any
    right: Any
    wrong: Any
    where: str = ""  # the step or point that makes the wrong one wrong
    noise: str = "sum"

    def values(self, means, spread):
        means = np.asarray(means, float)
        if self.noise == "pair":
            return means[0] + spread * NOISE[:, 0], means[1] + spread * NOISE[:, 1]
        if self.noise == "log":
            return np.exp(np.log(means) + spread * NOISE)
        return means + spread * (NOISE if means.ndim else NOISE[:, 0])


CASES = {
    "greater": Case(greater(1.0), 1.5, 0.5),
    "less": Case(less(1.0), 0.5, 1.5),
    "between, above": Case(between(-1.0, 1.0), 0.5, 1.5),
    "between, below": Case(between(-1.0, 1.0), -0.5, -1.5),
    "equal": Case(equal(3.0, 0.5), 3.2, 3.9),
    "ratio, both": Case(ratio(1.5, 2.5), (2.0, 1.0), (3.0, 1.0), noise="pair"),
    "ratio, low": Case(ratio(low=1.5), (2.0, 1.0), (1.0, 1.0), noise="pair"),
    "ratio, high": Case(ratio(high=-0.5), (-2.0, 1.0), (1.0, 1.0), noise="pair"),
    "slope": Case(slope("rate", 0.5, 1.5), RATES, RATES**2, noise="log"),
    "increasing": Case(increasing("rate"), (0, 1, 2, 3), (0, 2, 1, 3), "0.2 → 0.4"),
    "increasing, first to last": Case(increasing("rate"), (0, 1, 2, 3), (3, 2, 1, 0), "0.1 → 0.8"),
    "increasing, tolerance": Case(increasing("rate", 1.5), (0, 2, 1, 3), (0, 1, 3, 1), "0.4 → 0.8"),
    "decreasing": Case(decreasing("rate"), (3, 2, 1, 0), (3, 2, 0, 1), "0.4 → 0.8"),
    "decreasing, tolerance": Case(decreasing("rate", 1.5), (3, 1, 2, 0), (3, 0, 2, 0), "0.2 → 0.4"),
    "crosses, not yet": Case(crosses("rate", 1.5), (0, 5, -5, 3), (0, 5, 5, 1), "at rate = 0.8"),
    "crosses, already": Case(crosses("rate", 1.5), (1, 1, 1, 3), (2, 0, 0, 3), "at rate = 0.1"),
    "unimodal, peak second": Case(unimodal("rate"), (0, 3, 2, 1), (3, 2, 1, 0), "0.1 → 0.2"),
    "unimodal, peak third": Case(unimodal("rate"), (0, 1, 2, 1), (0, 1, 2, 3), "0.4 → 0.8"),
    "unimodal, valley": Case(unimodal("rate"), (0, 2, 3, 1), (2, 0, 1, 2)),
    "follows, relative": Case(follows(theory, "rate", relative=0.3), CURVE * 1.1, CURVE * [1, 1, 1.5, 1],
                              "at rate = 0.4"),
    "follows, margin": Case(follows(theory, "rate", margin=0.5), CURVE + 0.2, CURVE - [0, 0.9, 0, 0],
                            "at rate = 0.2"),
}  # fmt: skip
EACH = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
BOTH = pytest.mark.parametrize("inference", [FIXED, ANYTIME], ids=["fixed", "any-time"])


@EACH
@BOTH
def test_right_claims_hold_wrong_ones_are_refuted_and_noise_decides_neither(case, inference):
    right = judged(case.relation, case.values(case.right, 0.05), inference=inference)
    wrong = judged(case.relation, case.values(case.wrong, 0.05), inference=inference)
    assert (right.verdict, wrong.verdict) == ("holds", "refuted")
    assert wrong.where == case.where or not case.where
    assert right.p_holds < 0.025 < right.p_refuted and wrong.p_refuted < 0.025 < wrong.p_holds
    for means in (case.right, case.wrong):
        noisy = judged(case.relation, case.values(means, 50.0 if case.noise == "sum" else 4.0), inference=inference)
        assert noisy.verdict == "undecided" and noisy.note == "" and noisy.more_seeds_may_decide
    assert right.low <= right.estimate <= right.high


@pytest.mark.parametrize(
    ("hits", "word"), [(200, "holds"), (100, "refuted"), (0, "refuted"), (190, "undecided"), (185, "undecided")]
)
@BOTH
def test_a_share_of_seeds(hits, word, inference):
    v = judged(share(0.93), np.arange(200) < hits, inference=inference)
    assert v.verdict == word and v.estimate == hits / 200 and v.low <= v.estimate <= v.high


def test_a_share_may_lack_answers():
    x = np.where(np.arange(90) < 88, 1.0, 0.0)
    assert judged(share(0.9), x).verdict == "holds"
    v = judged(share(0.9), np.where(np.arange(90) == 3, np.nan, x))
    assert v.verdict == "undecided" and v.n_missing == 1


def test_all_of_few_seeds_is_not_yet_most_seeds():
    # 0.95^n <= 0.025 needs 72 seeds: no smaller number of them shows that 95 % of all do.
    assert judged(share(0.95), np.full(71, True)).verdict == "undecided"
    assert judged(share(0.95), np.full(72, True)).verdict == "holds"


@pytest.mark.parametrize(
    "relation",
    [equal(0.0, 0.1), between(-0.1, 0.1), greater(-0.1), follows(lambda ds: np.zeros(4), "rate", margin=0.1)],
)
def test_not_significant_is_not_equal(relation):
    # The sample mean is exactly what is claimed, but its error is larger than the margin: nothing is shown.
    values = NOISE if relation.along else NOISE[:, 0]
    assert judged(relation, values).verdict == "undecided"
    # With 100 times the seeds it is.
    assert judged(relation, np.tile(values, (100, 1) if relation.along else 100)).verdict == "holds"


def test_a_trend_too_small_to_see_is_neither_there_nor_not():
    assert judged(increasing("rate"), NOISE + 0.1 * np.arange(4)).verdict == "undecided"
    assert judged(unimodal("rate"), NOISE + 0.1 * np.array([0, 1, 2, 1])).verdict == "undecided"


@EACH
@BOTH
def test_the_order_of_seeds_says_nothing(case, inference):
    order = np.random.default_rng(2).permutation(16)
    values = case.values(case.right, 0.6)
    shuffled = tuple(v[order] for v in values) if isinstance(values, tuple) else values[order]
    a, b = (dataclasses.asdict(judged(case.relation, v, inference=inference)) for v in (values, shuffled))
    assert a == {k: pytest.approx(v, rel=1e-9, abs=1e-12) if isinstance(v, float) else v for k, v in b.items()}


def same(a, b):
    np.testing.assert_allclose((a.p_holds, a.p_refuted), (b.p_holds, b.p_refuted), rtol=1e-8)
    assert (a.verdict, a.where) == (b.verdict, b.where)


@pytest.mark.parametrize("scale", [1e-20, 3.0, 1e12])
@pytest.mark.parametrize("shift", [0.0, 7.0])
def test_units_say_nothing(scale, shift):
    x, grid = 1.2 + NOISE[:, 0], [0.0, 0.5, 0.7, 2.0] + 0.7 * NOISE

    def moved(v):
        return scale * (v + shift)

    same(judged(greater(1.0), x), judged(greater(moved(1.0)), moved(x)))
    same(judged(between(0.5, 1.9), x), judged(between(moved(0.5), moved(1.9)), moved(x)))
    same(judged(equal(1.0, 0.8), x), judged(equal(moved(1.0), scale * 0.8), moved(x)))
    same(judged(increasing("rate", 0.2), grid), judged(increasing("rate", scale * 0.2), moved(grid)))
    same(judged(unimodal("rate"), grid), judged(unimodal("rate"), moved(grid)))
    flat = follows(lambda ds: np.ones(4), "rate", margin=1.5)
    moved_flat = follows(lambda ds: np.full(4, moved(1.0)), "rate", margin=scale * 1.5)
    same(judged(flat, grid), judged(moved_flat, moved(grid)))
    relative = follows(lambda ds: np.full(4, scale), "rate", relative=1.5)
    same(judged(follows(lambda ds: np.ones(4), "rate", relative=1.5), grid), judged(relative, scale * grid))
    y = 2 + 0.4 * NOISE[:, 1]
    same(judged(ratio(0.4, 0.9), (x, y)), judged(ratio(0.4, 0.9), (scale * x, scale * y)))
    power = np.exp(np.log(RATES) + 0.6 * NOISE)
    same(judged(slope("rate", 0.5, 1.5), power), judged(slope("rate", 0.5, 1.5), scale * power, x=RATES * 1e3))


def test_mirror_images_are_judged_alike():
    x, grid = 0.4 + NOISE[:, 0], [0.0, 0.5, 0.7, 2.0] + 0.7 * NOISE
    same(judged(greater(0.1), x), judged(less(-0.1), -x))
    same(judged(between(-0.2, 1.0), x), judged(between(-1.0, 0.2), -x))
    same(judged(increasing("rate", 0.1), grid), judged(decreasing("rate", 0.1), -grid))
    a, b = judged(greater(0.1), x), judged(less(0.1), x)
    np.testing.assert_allclose((a.p_holds, a.p_refuted), (b.p_refuted, b.p_holds))
    a, b = judged(share(0.3), np.arange(16) < 9), judged(share(0.7), np.arange(16) >= 9)
    np.testing.assert_allclose((a.p_holds, a.p_refuted), (b.p_refuted, b.p_holds))


@pytest.mark.parametrize("relation", [increasing("rate"), increasing("rate", 0.1), unimodal("rate")])
def test_what_a_seed_shares_over_the_axis_cancels(relation):
    grid = [0.0, 1.0, 2.0, 1.0] + 0.2 * NOISE
    a, b = judged(relation, grid), judged(relation, grid + 100 * np.arange(16)[:, None])
    np.testing.assert_allclose((a.p_holds, a.p_refuted), (b.p_holds, b.p_refuted), rtol=1e-6)
    assert a.verdict != "undecided"


def test_a_ratio_is_paired_too():
    common = np.linspace(1.0, 9.0, 16)
    y = common + 0.01 * NOISE[:, 0]
    assert judged(ratio(1.9, 2.1), (2 * common, y)).verdict == "holds"
    assert judged(ratio(1.9, 2.1), (2 * common, y[::-1])).verdict == "undecided"


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("t", [0.5, 2.0, 4.0])
def test_fiellers_interval_is_what_the_t_test_does_not_reject(seed, t):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(rng.normal(0, 2), 1, 12), rng.normal(3, 1, 12)
    low, high = fieller(x, y, t)
    b = np.unique(np.concatenate([np.linspace(-8, 8, 3001), [low, high]]))
    residual = x[:, None] - b * y[:, None]
    accepted = np.abs(residual.mean(0)) <= t * residual.std(0, ddof=1) / math.sqrt(12)
    near = np.minimum(np.abs(b - low), np.abs(b - high)) < 1e-9
    assert (accepted == ((low <= b) & (b <= high)))[~near].all() and accepted.any()


def test_fiellers_interval_is_the_whole_line_where_the_denominator_may_vanish():
    x, y = 1 + NOISE[:, 0], 0.3 + NOISE[:, 1]
    assert fieller(x, y, 2.0) == (-math.inf, math.inf) == fieller(x, -y, 0.1) == fieller(x, y, math.inf)
    assert fieller(x, y, 1.0) != (-math.inf, math.inf)


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize(
    "y", [0.1 + NOISE[:, 1], -1 + 0.1 * NOISE[:, 1], np.zeros(16), np.tile([-1.0, 1.0], 8), np.full(16, -2.0)]
)
def test_a_ratio_to_what_is_not_surely_positive_is_undecided(y, inside):
    # x and the bounds are such that, were y positive, this would be decided.
    v = judged(ratio(*((-1e9, 1e9) if inside else (1e8, 1e9))), (50 + NOISE[:, 0], y))
    assert v.verdict == "undecided" and max(v.p_holds, v.p_refuted) > 0.025


@pytest.mark.parametrize("p", [0.009, 0.018, 0.03])
def test_a_refuted_ratio_has_an_interval_outside_the_range(p):
    # Whether y is positive is known about as well as the level asks for.
    y = FIXED.threshold(16, p) / 4 + NOISE[:, 1]
    v = judged(ratio(0.0, 1.0), (50 + 0.01 * NOISE[:, 0], y))
    assert (v.verdict == "refuted") == (v.low > 1.0)


def test_a_constant_denominator_is_fine_and_a_constant_pair_is_not():
    x = 2 + 0.1 * NOISE[:, 0]
    assert judged(ratio(1.5, 2.5), (x, np.ones(16))).verdict == "holds"
    v = judged(ratio(1.5, 2.5), (np.full(16, 2.0), np.ones(16)))
    assert v.verdict == "undecided" and "share" in v.note


@EACH
@BOTH
def test_a_quantity_without_spread_decides_nothing_and_says_why(case, inference):
    for means in (case.right, case.wrong):
        means = np.asarray(means, float)
        values = tuple(np.full(16, m) for m in means) if case.noise == "pair" else np.full((16, *means.shape), means)
        v = judged(case.relation, values, inference=inference)
        assert v.verdict == "undecided" and "no spread" in v.note and "share" in v.note
        assert not v.more_seeds_may_decide


def test_one_flat_step_does_not_hide_a_wrong_one():
    values = np.array([0.0, 0.0, 3.0, 1.0]) + 0.05 * NOISE * [0, 0, 1, 1]
    v = judged(increasing("rate"), values)
    assert v.verdict == "refuted" and v.where == "0.4 → 0.8" and v.note == ""


def test_the_step_is_named_by_its_coordinate():
    falls = np.array([0.0, 1.0, 0.5, 2.0]) + 0.01 * NOISE
    assert judged(increasing("rate"), falls, x=[1e-5, 1e-3, 0.1, 1.0]).where == "0.001 → 0.1"
    assert judged(increasing("rate"), falls, x=["low", "high", "mid", "last"]).where == "high → mid"
    assert judged(increasing("rate"), falls, x=[1, 2, 3, 4]).where == "2 → 3"
    # What holds is read at its weakest step, with the size of that step.
    holds = judged(increasing("rate"), np.array([0.0, 1.0, 1.2, 3.0]) + 0.01 * NOISE)
    assert holds.where == "0.2 → 0.4" and holds.estimate == pytest.approx(0.2)
    fall = judged(decreasing("rate"), np.array([3.0, 1.2, 1.0, 0.0]) + 0.01 * NOISE)
    assert fall.where == "0.2 → 0.4" and fall.estimate == pytest.approx(-0.2)


def test_a_trend_is_along_the_coordinate_not_along_its_order():
    # Rates are often declared from large to small; "rises along rate" means with the rate.
    rises = np.array([3.0, 2.0, 1.0, 0.0]) + 0.05 * NOISE
    assert judged(increasing("rate"), rises, x=RATES[::-1]).verdict == "holds"
    assert judged(decreasing("rate"), rises, x=RATES[::-1]).verdict == "refuted"
    assert judged(unimodal("rate"), rises[:, [0, 3, 1, 2]], x=[0.1, 0.8, 0.2, 0.4]).verdict == "refuted"
    ds = xr.Dataset({"x": (("seed", "rate"), rises[:, ::-1])}, coords={"rate": RATES})
    backwards = Claim(
        id="toy-1",
        statement="-",
        relation=increasing("rate"),
        quantity=lambda ds: ds.x.isel(rate=slice(None, None, -1)),
    )
    assert backwards.verdict(ds).verdict == "holds"


@pytest.mark.parametrize("relation", [decreasing("rate"), follows(lambda ds: ds.x.mean("seed"), "rate", margin=1.0)])
def test_a_quantity_sees_the_results_as_they_are_stored(relation):
    seen = []
    ds = xr.Dataset({"x": (("seed", "rate"), CURVE + 0.05 * NOISE)}, coords={"rate": RATES[::-1]})
    claim = Claim(id="toy-1", statement="-", relation=relation, quantity=lambda ds: seen.append(ds) or ds.x)
    assert claim.verdict(ds).verdict == "holds"
    assert seen[0].rate.values.tolist() == RATES[::-1].tolist()


def test_a_quantity_may_keep_part_of_the_axis():
    ds = xr.Dataset({"x": (("seed", "rate"), [0.0, 1.0, 2.0, -9.0] + 0.05 * NOISE)}, coords={"rate": RATES})
    claim = Claim(
        id="toy-1", statement="-", relation=increasing("rate"), quantity=lambda ds: ds.x.isel(rate=slice(0, 3))
    )
    v = claim.verdict(ds)
    assert v.verdict == "holds" and v.where in ("0.1 → 0.2", "0.2 → 0.4")
    whole = Claim(id="toy-2", statement="-", relation=increasing("rate"), quantity=lambda ds: ds.x).verdict(ds)
    assert whole.verdict == "refuted" and whole.where.endswith("→ 0.8")


def test_a_prediction_is_matched_by_its_coordinate():
    # The quantity comes in another order than the axis; the prediction names its points.
    ds = xr.Dataset({"x": (("seed", "rate"), CURVE + 0.05 * NOISE)}, coords={"rate": RATES})
    relation = follows(lambda ds: xr.DataArray(CURVE, coords={"rate": RATES}), "rate", margin=0.5)
    for take in (slice(None), slice(None, None, -1), [1, 3]):
        claim = Claim(id="toy-1", statement="-", relation=relation, quantity=lambda ds, t=take: ds.x.isel(rate=t))
        assert claim.verdict(ds).verdict == "holds"


def test_a_prediction_may_come_from_the_results():
    ds = xr.Dataset({"x": (("seed", "rate"), 3 * RATES + 0.01 * NOISE)}, coords={"rate": RATES}, attrs={"times": 3})
    relation = follows(lambda ds: ds.attrs["times"] * ds.rate, "rate", relative=0.5)
    assert Claim(id="toy-1", statement="-", relation=relation, quantity=lambda ds: ds.x).verdict(ds).verdict == "holds"


@pytest.mark.parametrize("name", ["size", "rank", "data", "T", "name"])
def test_an_axis_may_have_any_name(name):
    ds = xr.Dataset({"x": (("seed", name), [0.0, 1.0, 2.0, 1.0] + 0.05 * NOISE)}, coords={name: RATES})
    for quantity in (lambda ds: ds.x, lambda ds: ds.x.values):
        v = Claim(id="toy-1", statement="-", relation=increasing(name), quantity=quantity).verdict(ds)
        assert v.verdict == "refuted" and v.where == "0.4 → 0.8"


SCALAR = {
    "greater": (greater(0.3), 1), "less": (less(0.3), 1), "between": (between(-0.4, 0.4), 2),
    "equal": (equal(0.1, 0.4), 2), "slope": (slope("rate", -0.5, 0.5), 2), "ratio": (ratio(-0.4, 0.4), 2),
    "ratio, low": (ratio(low=0.1), 1), "ratio, high": (ratio(high=0.1), 1), "share": (share(0.7), 1),
}  # fmt: skip


@pytest.mark.parametrize("kind", SCALAR)
@BOTH
def test_verdict_and_interval_say_the_same(kind, inference):
    """The interval at the level of the verdict is inside what is claimed if it holds, outside if it is refuted."""
    relation, sides = SCALAR[kind]
    low, high = relation.bounds
    rng = np.random.default_rng(11)
    seen = set()
    for _ in range(250):
        n, mean, spread = int(rng.integers(6, 40)), rng.normal(0.1, 0.5), 10 ** rng.uniform(-1, 0.5)
        if kind == "share":
            values = rng.random(n) < rng.choice([0.1, 0.7, 1.0])
        elif kind == "slope":
            values = np.exp(mean * np.log(RATES) + spread * rng.normal(size=(n, 4)))
        elif kind.startswith("ratio"):
            values = rng.normal(mean, spread, n), rng.normal(1, rng.choice([0.3, 2.0]), n)
        else:
            values = rng.normal(mean, spread, n)
        v = judged(relation, values, inference=inference)
        below, above = v.high < low, v.low > high
        inside = v.low > low and (v.high < high or kind == "share")
        assert (v.verdict == "holds") == inside and (v.verdict == "refuted") == (below or above)
        # A band has two sides to be refuted on, so each is tested at half the tail.
        tail = 0.025 / (sides if v.p_refuted < v.p_holds else 1)
        assert v.level == pytest.approx(1 - 2 * tail)
        seen.add(v.verdict)
    assert seen == {"holds", "refuted", "undecided"}


@pytest.mark.parametrize(
    ("relation", "low", "high"),
    [
        (greater(1.0), 1.0, math.inf), (less(1.0), -math.inf, 1.0), (between(1, 2), 1, 2), (equal(1.0, 0.5), 0.5, 1.5),
        (ratio(high=2.0), -math.inf, 2.0), (slope("rate", 0, 1), 0, 1), (share(0.9), 0.9, 1.0),
    ],
)  # fmt: skip
def test_scalar_relations_know_their_range(relation, low, high):
    assert relation.bounds == (low, high)


def test_what_is_claimed_is_written_in_a_few_signs():
    texts = {
        greater(0.5): "> 0.5",
        less(0.5): "< 0.5",
        between(0, 1): "in [0, 1]",
        equal(1, 0.1): "1 ± 0.1",
        ratio(0.5, 2): "in [0.5, 2]",
        slope("rate", 0, 1): "slope in [0, 1]",
        share(0.9): "true for ≥ 90 % of seeds",
        increasing("rate"): "rises along rate",
        decreasing("rate", 0.1): "falls along rate (back by 0.1 at most)",
        unimodal("rate"): "rises, then falls along rate",
        crosses("rate", 0): "below 0 at the first rate, above at the last",
        follows(theory, "rate", relative=0.1): "measured/theory in 1 ± 0.1 at every rate",
        follows(theory, "rate", margin=2): "measured − theory in ± 2 at every rate",
    }
    for relation, text in texts.items():
        assert relation.predicted == text
    assert [r.along for r in (greater(0), unimodal("rate"), slope("rate", 0, 1), share(0.5))] == [
        None, "rate", "rate", None,
    ]  # fmt: skip


BAD = {
    "between, empty": lambda: between(1.0, 0.0),
    "between, a point": lambda: between(1.0, 1.0),
    "between, nan": lambda: between(math.nan, 1.0),
    "greater, nan": lambda: greater(math.nan),
    "greater, inf": lambda: greater(math.inf),
    "less, -inf": lambda: less(-math.inf),
    "equal, margin 0": lambda: equal(1.0, 0.0),
    "equal, margin -1": lambda: equal(1.0, -1.0),
    "equal, margin nan": lambda: equal(1.0, math.nan),
    "equal, margin inf": lambda: equal(1.0, math.inf),
    "equal, nan": lambda: equal(math.nan, 1.0),
    "ratio, nothing": lambda: ratio(),
    "ratio, nan": lambda: ratio(low=math.nan),
    "slope, empty": lambda: slope("rate", 2.0, 1.0),
    "increasing, tolerance nan": lambda: increasing("rate", math.nan),
    "increasing, tolerance -1": lambda: increasing("rate", -1.0),
    "decreasing, tolerance inf": lambda: decreasing("rate", math.inf),
    "follows, no band": lambda: follows(theory, "rate"),
    "follows, two bands": lambda: follows(theory, "rate", relative=0.1, margin=0.1),
    "follows, relative 0": lambda: follows(theory, "rate", relative=0.0),
    "follows, relative nan": lambda: follows(theory, "rate", relative=math.nan),
    "follows, relative inf": lambda: follows(theory, "rate", relative=math.inf),
    "follows, margin inf": lambda: follows(theory, "rate", margin=math.inf),
    "share, 0": lambda: share(0.0),
    "share, 1": lambda: share(1.0),
    "share, 90": lambda: share(90),
    "share, nan": lambda: share(math.nan),
}


@pytest.mark.parametrize("make", BAD.values(), ids=BAD)
def test_a_statement_without_sense_is_refused_in_one_line(make):
    with pytest.raises(ConfigError) as error:
        make()
    assert "\n" not in str(error.value) and "not allowed" in str(error.value)


GRID = np.abs(NOISE) + 1
MISUSE = {
    "true/false in a mean": (greater(0), NOISE[:, 0] > 0, "true or false"),
    "true/false along an axis": (increasing("rate"), NOISE > 0, "true or false"),
    "true/false in a ratio": (ratio(0, 1), (NOISE[:, 0] > 0, NOISE[:, 1]), "pair|true or false"),
    "numbers in a share": (share(0.5), NOISE[:, 0], "true or false"),
    "one number for a ratio": (ratio(0, 1), NOISE[:, 0], "pair"),
    "three for a ratio": (ratio(0, 1), (NOISE[:, 0],) * 3, "pair"),
    "a list for a ratio": (ratio(0, 1), [NOISE[:, 0]] * 2, "pair"),
    "a curve in a ratio": (ratio(0, 1), (NOISE, NOISE[:, 0]), "one number a seed"),
    "a pair for a mean": (greater(0), (NOISE[:, 0], NOISE[:, 1]), "a pair: claim a ratio"),
    "a ragged pair for a mean": (greater(0), (NOISE[:, 0], 1.0), "quantity"),
    "a curve for a mean": (greater(0), NOISE, "one number a seed"),
    "a mean for a curve": (increasing("rate"), NOISE[:, 0], "one number a seed and rate"),
    "points before seeds": (increasing("rate"), NOISE.T, "one number a seed and rate"),
    "a number": (greater(0), 1.0, "one number a seed"),
    "words": (greater(0), np.full(16, "a"), "number"),
    "complex numbers": (greater(0), NOISE[:, 0] + 1j, "number"),
    "an unknown axis": (increasing("ratee"), NOISE, "ratee.*did you mean 'rate'"),
    "two points for a peak": (unimodal("rate"), xr.DataArray(NOISE[:, :2], dims=("seed", "rate")), "3 points"),
    "one point for a trend": (increasing("rate"), xr.DataArray(NOISE[:, :1], dims=("seed", "rate")), "2 points"),
    "one point for a slope": (slope("rate", 0, 1), xr.DataArray(GRID[:, :1], dims=("seed", "rate")), "two positive"),
    "a prediction of another length": (follows(lambda ds: [1.0, 2.0], "rate", margin=1), NOISE, "4 finite numbers"),
    "a prediction with nan": (follows(lambda ds: [1, 2, 3, math.nan], "rate", margin=1), NOISE, "4 finite numbers"),
    "a share of a prediction of 0": (follows(lambda ds: [0, 1, 2, 3], "rate", relative=0.1), NOISE, "0"),
}


@pytest.mark.parametrize(("relation", "raw", "message"), MISUSE.values(), ids=MISUSE)
def test_a_quantity_of_another_kind_is_refused_in_one_line(relation, raw, message):
    ds = xr.Dataset({"x": (("seed", "rate"), NOISE)}, coords={"rate": RATES})
    with pytest.raises(ConfigError, match=message) as error:
        Claim(id="toy-1", statement="-", relation=relation, quantity=lambda ds: raw).verdict(ds)
    assert "\n" not in str(error.value) and "toy-1" in str(error.value)


@pytest.mark.parametrize("coordinate", [["a", "b", "c", "d"], [0.0, 1.0, 2.0, 3.0], [-1.0, 1.0, 2.0, 3.0]])
def test_a_slope_needs_a_positive_coordinate(coordinate):
    ds = xr.Dataset({"x": (("seed", "rate"), GRID)}, coords={"rate": coordinate})
    with pytest.raises(ConfigError, match=r"toy-1.*rate"):
        Claim(id="toy-1", statement="-", relation=slope("rate", 0, 1), quantity=lambda ds: ds.x).verdict(ds)


@EACH
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_seed_without_a_finite_number_leaves_a_claim_undecided(case, bad):
    values = case.values(case.right, 0.05)
    if isinstance(values, tuple):
        values[1][[3, 7]] = bad
    else:
        values[[3, 7], ...] = bad
    v = judged(case.relation, values)
    assert v.verdict == "undecided" and v.n_missing == 2 and v.n == 16 and not v.more_seeds_may_decide
    assert (v.p_holds, v.p_refuted) == (1.0, 1.0)


def test_a_slope_of_what_is_not_positive_counts_as_missing():
    values = CURVE * np.exp(0.05 * NOISE)
    values[4, 2] = 0.0
    values[9, 1] = -1.0
    v = judged(slope("rate", 0.5, 1.5), values)
    assert v.verdict == "undecided" and v.n_missing == 2 and "share" not in v.note


def test_whole_numbers_and_single_precision_are_numbers():
    assert judged(greater(0), np.arange(1, 9)).verdict == "holds"
    assert judged(greater(0), np.arange(1, 9, dtype=np.float32)).verdict == "holds"
