"""Claims: reports and their correction, independent replicates, pairing, what is undecided, and where claims are."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from lrtheory.claims import STATUSES, Claim, Regime, judge
from lrtheory.errors import ConfigError
from lrtheory.inference import ANYTIME, FIXED, holm
from lrtheory.relations import between, equal, greater, increasing, less, ratio, share, slope
from lrtheory.sims import load_sim
from lrtheory.statistics import mean_interval
from tests.toys import USER_SIM

ABOVE = greater(0.0)
SPREAD = np.linspace(-0.1, 0.1, 16)


def claim(relation=ABOVE, quantity=lambda ds: ds.x, **more):
    return Claim(**{"id": "toy-1", "statement": "-", "quantity": quantity, "relation": relation, **more})


def data(values, **attrs):
    return xr.Dataset({"x": ("seed", np.asarray(values, float))}, attrs=attrs)


def clustered(values, **attrs):
    """Return results with data seeds, from (data seeds, seeds)."""
    return xr.Dataset({"x": (("data_seed", "seed"), np.asarray(values, float))}, attrs=attrs)


def with_p(p, n=16):
    """Return seeds for which the p-value of "the mean is not positive" is p."""
    x = np.random.default_rng(0).normal(size=n)
    return data((x - x.mean()) / x.std(ddof=1) + FIXED.threshold(n, p) / math.sqrt(n))


def test_a_verdict_reports_its_number_interval_level_and_size():
    v = claim(between(0.0, 1.0)).verdict(data(0.5 + SPREAD), alpha=0.1)
    mean, low, high = mean_interval(0.5 + SPREAD, level=0.9)
    assert (v.verdict, v.estimate, v.n, v.n_seeds, v.n_missing, v.method) == ("holds", mean, 16, 16, 0, "fixed")
    assert (v.low, v.high, v.level) == (pytest.approx(low), pytest.approx(high), pytest.approx(0.9))
    wide = claim(between(0.0, 1.0)).verdict(data(0.5 + SPREAD), alpha=0.001)
    assert wide.low < v.low < v.high < wide.high and wide.level > v.level
    assert str(v) == f"holds: 0.5 [{v.low:.4g}, {v.high:.4g}], 90 % interval, 16 seeds"


@pytest.mark.parametrize("sign", [1, -1])
def test_alpha_is_split_between_the_two_errors(sign):
    ds, word = sign * with_p(0.02), "holds" if sign > 0 else "refuted"
    assert claim().verdict(ds, alpha=0.0401).verdict == word
    assert claim().verdict(ds, alpha=0.0399).verdict == "undecided"


def test_holm_runs_over_a_report():
    # 0.006 <= 0.025/3; 0.012 <= 0.025/2; 0.03 > 0.025: alone the second would need no more than 0.025.
    words = [v.verdict for v in judge([(claim(), with_p(p)) for p in (0.012, 0.03, 0.006)])]
    assert words == ["holds", "undecided", "holds"]
    # Were the first a little weaker, all would stay undecided, though each but one is decided alone.
    words = [v.verdict for v in judge([(claim(), with_p(p)) for p in (0.012, 0.03, 0.009)])]
    assert words == ["undecided", "undecided", "undecided"]
    # False "refuted" are another family, with its own alpha/2.
    pairs = [(claim(), with_p(0.012)), (claim(), with_p(0.012)), (claim(), -with_p(0.012)), (claim(), -with_p(0.012))]
    assert [v.verdict for v in judge(pairs)] == ["undecided"] * 4
    pairs = [(claim(), with_p(0.006)), (claim(), with_p(0.008)), (claim(), -with_p(0.006)), (claim(), -with_p(0.008))]
    assert [v.verdict for v in judge(pairs)] == ["holds", "holds", "refuted", "refuted"]


@pytest.mark.parametrize("inference", [FIXED, ANYTIME], ids=["fixed", "any-time"])
def test_reports_agree_with_holm_and_their_intervals_with_their_verdicts(inference):
    rng = np.random.default_rng(4)
    for _ in range(40):
        m = int(rng.integers(1, 9))
        pairs = [
            (claim(relation), data(rng.normal(rng.choice([-0.8, 0, 0.8]), 1.0, int(rng.integers(3, 40)))))
            for relation in rng.choice([greater(0.1), less(0.1), between(-0.6, 0.6), equal(0.5, 0.7)], m)
        ]
        report = judge(pairs, inference=inference)
        adjusted = np.stack([holm([v.p_holds for v in report]), holm([v.p_refuted for v in report])])
        for v, (holds, refuted), (c, _) in zip(report, adjusted.T <= 0.025, pairs, strict=True):
            assert v.verdict == ("holds" if holds else "refuted" if refuted else "undecided")
            low, high = c.relation.bounds
            assert (v.verdict == "holds") == (low < v.low and v.high < high)
            assert (v.verdict == "refuted") == (v.high < low or high < v.low)
        # Nothing is easier in company, and the order of claims says nothing.
        for v, (c, ds) in zip(report, pairs, strict=True):
            alone = judge([(c, ds)], inference=inference)[0]
            assert v.verdict in (alone.verdict, "undecided") and v.level >= alone.level - 1e-12
        assert judge(pairs[::-1], inference=inference)[::-1] == report


def test_adding_claims_never_makes_another_easier():
    rng = np.random.default_rng(7)
    pairs = [(claim(), data(rng.normal(rng.choice([-0.7, 0.7]), 1.0, 20))) for _ in range(14)]
    rank = {"undecided": 0, "holds": 1, "refuted": 1}
    before = judge(pairs[:1])
    for m in range(2, len(pairs) + 1):
        report = judge(pairs[:m])
        for v, more in zip(before, report[:-1], strict=True):
            assert rank[more.verdict] <= rank[v.verdict] and (more.p_holds, more.p_refuted) == (v.p_holds, v.p_refuted)
        before = report


def test_a_report_of_nothing():
    assert judge([]) == []


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1, 5.0, math.nan])
def test_alpha_is_a_probability(alpha):
    with pytest.raises(ConfigError, match="alpha"):
        claim().verdict(data(SPREAD), alpha)


def test_claims_without_a_value_count_in_the_correction():
    # What is claimed counts, not what can be read: else a diverging claim would make the others easier.
    lost = (claim(), data([math.nan, 1.0]))
    assert judge([(claim(), with_p(0.02))])[0].verdict == "holds"
    assert judge([(claim(), with_p(0.02)), lost])[0].verdict == "undecided"


def test_data_seeds_are_the_independent_replicates():
    values = np.random.default_rng(1).normal(1.0, 1.0, (6, 4))
    v = claim().verdict(clustered(values))
    assert (v.n, v.n_seeds) == (6, 24)
    mean, low, high = mean_interval(values.mean(1), level=0.95)
    np.testing.assert_allclose((v.estimate, v.low, v.high), (mean, low, high))
    # Dimensions have names, not places; an average of one's own is the same.
    assert claim().verdict(clustered(values).transpose("seed", "data_seed")) == v
    assert claim(quantity=lambda ds: ds.x.mean("seed")).verdict(clustered(values)) == v
    pair = claim(ratio(0.0, 5.0), quantity=lambda ds: (ds.x, ds.x * 0 + ds.x.mean("seed") * 0 + 1.0))
    assert pair.verdict(clustered(values)).n == 6


def test_clusters_keep_an_axis():
    values = np.array([0.0, 1.0, 2.0]) + 0.1 * np.random.default_rng(1).normal(size=(5, 4, 3))
    ds = xr.Dataset({"x": (("data_seed", "seed", "rate"), values)}, coords={"rate": [0.1, 0.2, 0.4]})
    for relation in (increasing("rate"), increasing("rate", 0.1)):
        v = claim(relation).verdict(ds)
        assert (v.verdict, v.n, v.n_seeds) == ("holds", 5, 20)
    v = claim(slope("rate", 0.5, 1.5), quantity=lambda ds: np.exp(np.log(ds.rate) + 0.1 * ds.x)).verdict(ds)
    assert (v.verdict, v.n) == ("holds", 5)


def test_one_missing_run_is_a_missing_data_seed():
    values = np.random.default_rng(1).normal(1.0, 0.1, (6, 4))
    values[2, 3] = values[2, 1] = math.nan
    v = claim().verdict(clustered(values))
    assert (v.verdict, v.n, v.n_missing) == ("undecided", 6, 1)


@pytest.mark.parametrize(
    ("quantity", "message"),
    [
        (lambda ds: ds.x.values, "DataArray"),
        (lambda ds: ds.x.values.mean(1), "DataArray"),
        (lambda ds: ds.x.stack(run=("data_seed", "seed")), "one number a data seed"),
        (lambda ds: ds.x.stack(seed_=("data_seed", "seed")).values, "DataArray"),
        (lambda ds: ds.x.mean("data_seed"), "one number a data seed"),
        (lambda ds: ds.x > 0, "true or false"),
    ],
)
def test_runs_of_one_data_seed_are_not_independent(quantity, message):
    # As many seeds as data seeds, so that no count gives the mistake away.
    with pytest.raises(ConfigError, match=f"toy-1.*{message}"):
        claim(quantity=quantity).verdict(clustered(np.random.default_rng(0).normal(size=(4, 4))))


def test_a_share_counts_data_seeds():
    ds = clustered(np.where(np.arange(160).reshape(40, 4) > 7, 1.0, -1.0))
    with pytest.raises(ConfigError, match=r"toy-1.*\.all\('seed'\)"):
        claim(share(0.5), quantity=lambda ds: ds.x > 0).verdict(ds)
    v = claim(share(0.5), quantity=lambda ds: (ds.x > 0).all("seed")).verdict(ds)
    assert (v.verdict, v.estimate, v.n, v.n_seeds) == ("holds", 38 / 40, 40, 160)


def test_intervals_of_clusters_cover_and_naive_ones_would_not():
    """10 data seeds of 8 runs, correlated 0.8 within: 95 % intervals over data seeds cover, |z| < 4 (false alarm 6e-5).

    Runs taken for independent would give intervals that cover in about half of the cases.
    """
    rng, reps = np.random.default_rng(12), 2000
    values = rng.normal(0, math.sqrt(0.8), (reps, 10, 1)) + rng.normal(0, math.sqrt(0.2), (reps, 10, 8))
    verdicts = [claim().verdict(clustered(v)) for v in values]
    covered = np.mean([v.low <= 0 <= v.high for v in verdicts])
    assert abs(covered - 0.95) < 4 * math.sqrt(0.95 * 0.05 / reps)
    _, low, high = mean_interval(values.reshape(reps, -1), level=0.95)
    assert ((low <= 0) & (0 <= high)).mean() < 0.65


def test_cells_of_one_seed_are_not_seeds():
    # Five rates and five seeds: what is left after a mean over seeds looks like seeds.
    values = np.random.default_rng(0).normal(5.0, 1.0, (5, 5))
    ds = xr.Dataset({"x": (("seed", "rate"), values)}, coords={"rate": np.arange(1.0, 6.0)})
    with pytest.raises(ConfigError, match=r"toy-1.*rate.*one number a seed"):
        claim(quantity=lambda ds: ds.x.mean("seed")).verdict(ds)
    ds = ds.assign(y=(("seed", "record"), values))
    with pytest.raises(ConfigError, match=r"toy-1.*record.*one number a seed and rate"):
        claim(increasing("rate"), quantity=lambda ds: ds.y).verdict(ds)


@pytest.mark.parametrize("shape", [(4, 5), (), (2, 2, 2), (5,)])
def test_a_quantity_is_one_number_a_seed(shape):
    with pytest.raises(ConfigError, match=r"toy-1.*one number a seed"):
        claim(quantity=lambda ds: np.zeros(shape)).verdict(data([1.0, 2.0, 3.0, 4.0]))


def test_what_a_seed_shares_cancels_in_a_difference():
    # Two rates of one seed share their noise of 100; their difference is known to 0.1, the means apart to 100.
    noise = np.random.default_rng(3)
    shared, a, b = 100 * noise.normal(size=16), 0.1 * noise.normal(size=16), 0.1 * noise.normal(size=16)
    ds = xr.Dataset({"small": ("seed", shared + a), "large": ("seed", shared + b + 1.0)})
    assert claim(quantity=lambda ds: ds.large - ds.small).verdict(ds).verdict == "holds"
    shuffled = ds.assign(small=("seed", np.roll(ds.small.values, 1)))
    assert claim(quantity=lambda ds: ds.large - ds.small).verdict(shuffled).verdict == "undecided"


def test_a_claim_is_undecided_outside_its_regime_and_its_quantity_is_not_read():
    regime = Regime("at least 20 seeds", lambda ds: ds.sizes["seed"] >= 20)

    def never(ds):
        raise AssertionError("read outside its regime")

    v = claim(quantity=never, regime=regime).verdict(data(5 + SPREAD))
    assert v.verdict == "undecided" and v.note == "outside its regime: at least 20 seeds" and v.n == 16
    assert np.isnan([v.estimate, v.low, v.high]).all() and not v.more_seeds_may_decide
    assert (v.p_holds, v.p_refuted) == (1.0, 1.0) and v.note in str(v)
    assert claim(regime=regime).verdict(data(np.tile(5 + SPREAD, 2))).verdict == "holds"


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_missing_seeds_are_counted_and_never_dropped(bad):
    values = 5 + SPREAD
    values[[2, 9, 11]] = bad
    v = claim().verdict(data(values))
    assert (v.verdict, v.n, v.n_missing, v.more_seeds_may_decide) == ("undecided", 16, 3, False)
    assert "3 without a value" in str(v)
    assert claim().verdict(data(np.full(8, bad))).n_missing == 8


@pytest.mark.parametrize(
    ("relation", "quantity", "estimate"),
    [
        (greater(0), lambda ds: ds.x, 0.5),
        (between(0, 1), lambda ds: ds.x.values, 0.5),
        (ratio(0, 1), lambda ds: (ds.x, ds.x), None),
        (increasing("rate"), lambda ds: ds.c, None),
        (slope("rate", 0, 1), lambda ds: ds.c, 1.0),
    ],
)
@pytest.mark.parametrize("inference", [FIXED, ANYTIME], ids=["fixed", "any-time"])
def test_one_seed_decides_nothing(relation, quantity, estimate, inference):
    ds = data([0.5]).assign_coords(rate=[1.0, 2.0, 4.0]).assign(c=(("seed", "rate"), [[1.0, 2.0, 4.0]]))
    v = judge([(claim(relation, quantity), ds)], inference=inference)[0]
    assert (v.verdict, v.n, v.n_missing, v.more_seeds_may_decide) == ("undecided", 1, 0, True)
    assert np.isnan(v.low) and np.isnan(v.high)
    assert np.isnan(v.estimate) if estimate is None else v.estimate == pytest.approx(estimate)


@pytest.mark.parametrize("n", [2, 3])
def test_two_seeds_decide_little(n):
    values = [5.0, 5.1, 5.05][:n]
    assert claim().verdict(data(values)).verdict == "holds"
    v = claim().verdict(data(values, seeds_added=1))
    assert (v.verdict, v.method) == ("undecided", "any-time") and v.low < 0 < v.high


def test_seeds_that_were_added_are_judged_at_any_time():
    ds = data(0.06 + SPREAD)
    first, grown, none = (
        claim().verdict(d) for d in (ds, ds.assign_attrs(seeds_added=4), ds.assign_attrs(seeds_added=0))
    )
    assert (first.method, grown.method) == ("fixed", "any-time") and none == first
    assert grown.p_holds > first.p_holds and grown.high - grown.low > first.high - first.low
    assert grown.level == pytest.approx(0.95) and "any-time interval" in str(grown)
    # One report may have both, and either may be asked for.
    assert [v.method for v in judge([(claim(), ds), (claim(), ds.assign_attrs(seeds_added=4))])] == [
        "fixed",
        "any-time",
    ]
    assert judge([(claim(), ds)], inference=ANYTIME)[0] == grown
    assert judge([(claim(), ds.assign_attrs(seeds_added=4))], inference=FIXED)[0] == first


def test_only_seeds_can_be_wanting():
    assert claim().verdict(data(SPREAD)).more_seeds_may_decide
    assert not claim().verdict(data(5 + SPREAD)).more_seeds_may_decide
    assert not claim().verdict(data(np.ones(8))).more_seeds_may_decide


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"status": "known"}, "claim toy-1: status 'known'.*" + STATUSES[0]),
        ({"relation": (0.0, 1.0)}, r"claim toy-1: relation = \(0.0, 1.0\).*greater"),
        ({"relation": greater}, "claim toy-1: relation = .*greater"),
    ],
)
def test_bad_claims_are_refused(change, message):
    with pytest.raises(ConfigError, match=message):
        claim(**change)


def broken(ds):
    raise KeyError("los")


@pytest.mark.parametrize(
    "quantity", [lambda ds: ds.los, lambda ds: ds["los"], lambda ds: 1 / 0, broken, lambda: 1, None, "x"]
)
def test_what_goes_wrong_in_a_quantity_names_the_claim(quantity):
    with pytest.raises(ConfigError, match="claim toy-1: ") as error:
        claim(quantity=quantity).verdict(data(SPREAD))
    assert "\n" not in str(error.value) and (quantity is not broken or "KeyError" in str(error.value))


def test_what_goes_wrong_in_a_regime_names_the_claim():
    with pytest.raises(ConfigError, match="claim toy-1: "):
        claim(regime=Regime("long enough", lambda ds: ds.time.max() > 3)).verdict(data(SPREAD))


def test_the_paper_is_the_stem_of_the_id():
    assert [claim(id=i).paper for i in ("li2019-1", "ren2024-width-2", "toy")] == ["li2019", "ren2024", "toy"]


def line_of(text, sign):
    return next(i for i, line in enumerate(text.splitlines(), 1) if sign in line)


def test_a_claim_knows_where_it_is_declared(tmp_path):
    text = (
        USER_SIM.replace("STEPS", "50")
        + """

def doubled(name, bound):
    return Claim(
        id=name, statement="twice the loss falls", relation=less(bound),
        quantity=lambda ds: 2 * (ds.loss.isel(record=-1) / ds.loss.isel(record=0)).mean("rate"),
    )


claims += [
    doubled("mine-3", 1.0),
    doubled(
        "mine-4",
        bound=2.0,
    ),
]
for bound in (3.0, 4.0):
    claims.append(doubled(f"mine-loop-{bound:g}", bound))
claims += [doubled(f"mine-list-{bound:g}", bound) for bound in (5.0, 6.0)]
"""
    )
    path = tmp_path / "mine.py"
    path.write_text(text)
    lines = {c.id: c.source for c in load_sim(path).claims}
    assert {file for file, _ in lines.values()} == {str(path)}
    found = {name: line for name, (_, line) in lines.items()}
    # The call in the list, not the constructor in the helper.
    assert found == {
        "mine-1": line_of(text, "mine-1"), "mine-2": line_of(text, "mine-2"), "mine-3": line_of(text, "mine-3"),
        "mine-4": line_of(text, '"mine-4"') - 1, "mine-loop-3": line_of(text, "mine-loop"),
        "mine-loop-4": line_of(text, "mine-loop"), "mine-list-5": line_of(text, "mine-list"),
        "mine-list-6": line_of(text, "mine-list"),
    }  # fmt: skip


def test_every_claim_of_this_checkout_knows_its_sim_file():
    sim = load_sim("quadratic_plateau")
    assert sim.claims
    for c in sim.claims:
        file, line = c.source
        assert Path(file).samefile(sim.path) and 1 <= line <= len(sim.path.read_text().splitlines())


def test_a_changed_claim_is_declared_where_it_is_changed():
    first = claim()
    changed = dataclasses.replace(first, id="toy-2")
    assert changed.source[0] == __file__ and changed.id == "toy-2"
    assert copy.copy(first).source == first.source and dataclasses.replace(first) == first


def test_the_order_of_relations_in_a_report_is_free():
    pairs = [(claim(r, id=f"toy-{i}"), data(0.5 + SPREAD)) for i, r in enumerate((greater(0), less(0), between(0, 1)))]
    words = {c.id: v.verdict for c, v in zip((c for c, _ in pairs), judge(pairs), strict=True)}
    for order in itertools.permutations(pairs):
        assert {c.id: v.verdict for (c, _), v in zip(order, judge(order), strict=True)} == words
