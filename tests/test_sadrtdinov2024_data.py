"""The tick data of Sadrtdinov et al. (2024), against drawing by rejection as the paper does.

Statistical tests compare one p-value with 1e-4, or all of n with 1e-4/n (Bonferroni), so each has a false-alarm rate of
at most 1e-4; keys are fixed, so a failure after a change of code is news. Each comes with a wrong law that it refuses.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from lrtheory.errors import ConfigError
from lrtheory.problems.sadrtdinov2024 import TickNetwork
from lrtheory.problems.sadrtdinov2024_data import TickLaw, informative_points, uninformative_points

ALARM = 1e-4
MARGIN = 0.1 * 2**0.5
N = 20_000

pytestmark = pytest.mark.usefixtures("x64")


def room(points, y):
    """Return how far points lie within the region of their class, in v; negative outside."""
    t, v = np.abs(points[..., 0]), points[..., 1]
    inside = np.minimum(v - (t - 2), t - v)
    return np.where(y < 0, inside, np.maximum(v - t, t - 2 - v))


def by_rejection(n, y, margin, seed):
    """Draw n points (u, v) of a class: uniform on the square, kept where the class is."""
    rng = np.random.default_rng(seed)
    drawn = rng.uniform(-2, 2, (8 * n if margin < 0.8 else 60 * n, 2))
    kept = drawn[room(drawn, y) >= margin][:n]
    assert len(kept) == n
    return kept


@jax.jit
def points_of(key, y, margin):
    return informative_points(key, y, (N,), margin)


@jax.jit
def inputs_of(law, key):
    return law.inputs(key, N)


def drawn(y, margin, seed=0):
    return np.asarray(points_of(jax.random.key(seed), y, margin))


def whole(seed, **fields):
    """Return N inputs of four features."""
    return jax.tree.map(np.asarray, inputs_of(TickLaw(n_features=4, **fields), jax.random.key(seed)))


def p_values(a, b):
    """Return p-values of five two-sample Kolmogorov-Smirnov tests, and of one of counts on a grid of 100 squares."""
    views = (
        lambda p: p[:, 0], lambda p: p[:, 1], lambda p: np.abs(p[:, 0]), lambda p: p[:, 1] - np.abs(p[:, 0]),
        lambda p: p[:, 0] * p[:, 1],
    )  # fmt: skip
    found = [scipy.stats.ks_2samp(view(a), view(b)).pvalue for view in views]
    grid = np.linspace(-2, 2, 11)
    counts = np.array([np.histogram2d(p[:, 0], p[:, 1], bins=(grid, grid))[0].ravel() for p in (a, b)])
    counts = counts[:, counts.sum(0) >= 20]
    return [*found, scipy.stats.chi2_contingency(counts).pvalue]


# --- one feature ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("y", [-1.0, 1.0])
@pytest.mark.parametrize("margin", [0.0, MARGIN, 0.5, 0.95])
def test_points_have_the_law_of_rejection(y, margin):
    p = p_values(drawn(y, margin), by_rejection(N, y, margin, 1))
    assert min(p) > ALARM / len(p), p


def test_laws_that_are_nearly_right_are_told_apart():
    """Without the triangles at the ends of |u|; with another margin; with v not uniform; classes exchanged."""
    truth = by_rejection(N, 1.0, 0.5, 1)
    rng = np.random.default_rng(2)
    flat = 2 * rng.uniform(size=N)
    above = np.maximum(1.5 - flat, 0)
    place = rng.uniform(size=N) * (above + np.maximum(flat - 0.5, 0))
    flat = np.stack([flat * rng.choice([-1, 1], N), np.where(place < above, flat + 0.5 + place, place - above - 2)], -1)
    assert (room(flat, 1.0) >= 0.5 - 1e-12).all()  # in the right region, with the wrong density
    halved = drawn(1.0, 0.5)
    halved = halved[(halved[:, 1] > 0) | (np.arange(N) % 10 > 0)]
    for wrong in (flat, drawn(1.0, 0.45), halved, drawn(-1.0, 0.5)):
        p = p_values(wrong, truth)
        assert min(p) < ALARM / len(p) / 10


@pytest.mark.parametrize("y", [-1.0, 1.0])
@pytest.mark.parametrize("margin", [0.0, MARGIN, 0.5, 0.95, 1 - 1e-6])
def test_points_keep_the_margin_and_stay_on_the_square(y, margin):
    points = drawn(y, margin, 3)
    # To the rounding of |u| - 2 + m, which is all that is asked of a boundary.
    assert room(points, y).min() >= margin - 1e-15 and np.abs(points).max() <= 2
    if margin < 0.9:
        assert room(points, y).min() < margin + 1e-3  # and come as near as they may
    with jax.enable_x64(False):
        points = drawn(y, margin, 3)
    assert points.dtype == np.float32
    assert room(points, y).min() >= margin - 5e-7 and np.abs(points).max() <= 2 + 5e-7


def test_every_extreme_number_stays_in_its_region(monkeypatch):
    """Corners of the cube of uniform numbers, which no sample would meet."""
    ends = np.array([0.0, 1 - 2**-53])
    corners = np.array(np.meshgrid(*[ends] * 5)).reshape(5, -1)
    for two in ends:
        monkeypatch.setattr(jax.random, "uniform", lambda key, shape, two=two: (
            jnp.asarray(corners) if len(shape) == 2 else jnp.full(shape, two)
        ))  # fmt: skip
        for y in (-1.0, 1.0):
            for margin in (0.0, MARGIN, 0.999):
                points = np.asarray(informative_points(jax.random.key(0), jnp.full(32, y), (32,), margin))
                assert np.isfinite(points).all() and np.abs(points).max() <= 2
                assert room(points, y).min() >= margin - 1e-12


def test_classes_have_no_mean_and_features_no_linear_use():
    """Means of both coordinates in both classes, and the F test of a linear fit to the labels on all eight of them."""
    means = [drawn(y, MARGIN, 5)[:, i] for y in (-1.0, 1.0) for i in (0, 1)]
    z = np.array([m.mean() / m.std(ddof=1) * np.sqrt(N) for m in means])
    assert scipy.stats.norm.sf(np.abs(z)).min() * 2 > ALARM / 4, z

    x, y = whole(6, informative=4.0)

    def linear_use(x):
        x = np.column_stack([np.ones(N), x])
        residual = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
        k, explained = x.shape[1] - 1, 1 - residual @ residual / ((y - y.mean()) @ (y - y.mean()))
        return scipy.stats.f.sf(explained / k / ((1 - explained) / (N - k - 1)), k, N - k - 1)

    assert linear_use(x) > ALARM
    # Of use to what is not linear: v - |u| tells half of one class; and a fit would see a mean of 0.1.
    assert linear_use(np.column_stack([x, np.abs(x[:, 0] * x[:, 1])])) < 1e-12
    assert linear_use(x + 0.1 * y[:, None]) < 1e-12


def test_uninformative_points_are_exactly_on_the_lines_and_as_likely_on_either():
    for x64 in (False, True):
        with jax.enable_x64(x64):
            u, v = np.asarray(uninformative_points(jax.random.key(7), (N,))).T
        upper, lower = v == np.abs(u), v == np.abs(u) - 2
        assert (upper ^ lower).all()
        p = scipy.stats.binomtest(int(upper.sum()), N).pvalue
        # Uniform in u on each line: neither depends on the other.
        p = [p, *(scipy.stats.kstest(u[line], "uniform", args=(-2, 4)).pvalue for line in (upper, lower))]
        assert min(p) > ALARM / 6, p


# --- whole inputs -----------------------------------------------------------------------------------------------------


def told(x, y):
    """Return which features tell the label, and which lie on the lines, shapes (n, features)."""
    points = x.reshape(len(x), -1, 2)
    off = np.abs(points[..., 1] - np.abs(points[..., 0]))
    on_lines = np.minimum(off, np.abs(off - 2)) < 1e-15
    return room(points, y[:, None]) >= MARGIN - 1e-12, on_lines


@pytest.mark.parametrize("informative", [0.0, 1.0, 3.0, 4.0])
def test_the_first_features_tell_and_the_others_lie_on_the_lines(informative):
    x, y = whole(8, informative=informative)
    assert x.shape == (N, 8) and y.shape == (N,) and set(y) == {-1.0, 1.0}
    tell, on_lines = told(x, y)
    first = np.arange(4) < informative
    assert (tell == first).all() and (on_lines == ~first).all()
    # With the labels exchanged, no feature tells anything.
    assert not told(x, -y)[0].any()


def test_features_are_independent_of_each_other_given_the_label():
    """Correlations between features of u, |u| and the side of the lines, in both classes."""
    x, y = whole(9, informative=3.0)
    p = []
    for label in (-1.0, 1.0):
        points = x[y == label].reshape(-1, 4, 2)
        u, v = points[..., 0], points[..., 1]
        views = [u, np.abs(u), v, v - np.abs(u)]
        # Within a feature v and |u| are of one law, by the test of rejection; here one feature against others.
        for a in views:
            for b in views:
                for i in range(4):
                    p += [scipy.stats.pearsonr(a[:, i], b[:, j]).pvalue for j in range(i)]
    assert min(p) > ALARM / len(p), min(p)


def test_labels_are_balanced_and_independent():
    _, y = whole(10, informative=4.0)
    p = [scipy.stats.binomtest(int((y > 0).sum()), N).pvalue]
    p += [scipy.stats.binomtest(int((y[k:] == y[:-k]).sum()), N - k).pvalue for k in (1, 2, 16)]
    assert min(p) > ALARM / len(p)


def test_sets_of_a_single_feature_tell_by_that_one_alone():
    law = TickLaw(n_features=4, informative=2.0)  # which ones tell otherwise does not matter here
    single = jax.jit(lambda law, key: law.single_feature_inputs(key, 3000))
    x, y = map(np.asarray, single(law, jax.random.key(11)))
    assert x.shape == (4, 3000, 8) and y.shape == (4, 3000)
    for j in range(4):
        tell, on_lines = told(x[j], y[j])
        only = np.arange(4) == j
        assert (tell == only).all() and (on_lines == ~only).all()
        p = p_values(x[j][y[j] > 0][:, 2 * j : 2 * j + 2], by_rejection(N, 1.0, MARGIN, j))
        p.append(scipy.stats.binomtest(int((y[j] > 0).sum()), 3000).pvalue)
        assert min(p) > ALARM / 4 / len(p), p
    # The sets of two features are of random numbers of their own.
    for i in range(4):
        for j in range(i):
            assert scipy.stats.binomtest(int((y[i] == y[j]).sum()), 3000).pvalue > ALARM / 6
    assert len(np.unique(x[..., 0])) == x[..., 0].size


def test_inputs_depend_on_their_key_alone_and_numbers_are_swept_without_a_new_shape():
    laws = [TickLaw(n_features=4, informative=k, margin=m) for k, m in ((0.0, 0.1), (2.0, 0.3), (4.0, 0.0))]
    stacked = jax.tree.map(lambda *v: jnp.stack([jnp.asarray(w) for w in v]), *laws)
    keys = jax.random.split(jax.random.key(12), 2)
    sweep = jax.jit(jax.vmap(jax.vmap(lambda law, key: law.inputs(key, N), (0, None)), (None, 0)))
    x, y = jax.tree.map(np.asarray, sweep(stacked, keys))
    for i, law in enumerate(laws):
        for j in range(2):
            alone = inputs_of(law, keys[j])
            np.testing.assert_array_equal(y[j, i], alone.y)
            np.testing.assert_allclose(x[j, i], alone.x, atol=1e-14)
    # Laws of one key share labels, and keys share nothing.
    assert (y == y[:, :1]).all() and len(np.unique(x[:, 0, :, 0])) == 2 * N
    points = x.reshape(2, 3, N, 4, 2)
    assert (room(points[:, 1, :, :2], y[:, 1, :, None]) >= 0.3 - 1e-12).all()
    assert (room(points[:, 2], y[:, 2, :, None]) >= -1e-12).all()


# --- bad numbers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [TickLaw, TickNetwork])
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("n", 0), ("n", -1), ("n", 2.5), ("n", 32.0), ("n", None), ("n_features", 0), ("n_features", 1.5),
        ("informative", -1.0), ("informative", 17.0), ("informative", float("nan")), ("informative", None),
        ("margin", 1.0), ("margin", -0.1), ("margin", float("nan")), ("margin", float("inf")), ("margin", "0.1"),
    ],
)  # fmt: skip
def test_bad_numbers_are_refused_in_one_line(kind, field, value):
    with pytest.raises(ConfigError, match=rf"^problem\.{field} = .* is not allowed: it must be ") as error:
        kind(**{field: value}).check()
    assert "\n" not in str(error.value)


def test_numbers_at_the_edge_are_allowed():
    for law in (TickLaw(n=1, n_features=1, informative=0.0, margin=0.0), TickLaw(n_features=2, informative=2)):
        law.check()
    with pytest.raises(ConfigError, match=r"problem\.informative = 16\.0 .* n_features = 2"):
        TickLaw(n_features=2).check()
