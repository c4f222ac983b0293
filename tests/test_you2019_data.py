"""The data law of pattern separation after You et al. (2019), against counts and moments of what is drawn.

A statistical test compares one p-value with 1e-4, or the least of n with 1e-4/n (Bonferroni): a false-alarm rate of at
most 1e-4 each. Keys are fixed, so a failure after a change of code is news.
"""

from __future__ import annotations

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from lrtheory.errors import ConfigError
from lrtheory.problems.you2019 import PatternNetwork
from lrtheory.problems.you2019_data import (
    PATTERNS,
    Blocks,
    Gaussian,
    Inputs,
    PatternLaw,
    Pixels,
    RandomInputs,
    WrongLabels,
)  # fmt: skip

ALARM = 1e-4
KEY = jax.random.key(7)
#: Three classes of 2 + 5 patterns; rows of which every pattern of a kind has 4, and five noisy rows.
LAW = PatternNetwork(d=12, classes=3, simple=2, complex=5, n_simple=24, n_complex=60, n_noisy=5, batch=1)
FORMS = (Gaussian(), Pixels(), Blocks(size=4))


@pytest.fixture(autouse=True)
def in_float64(x64):
    """Numbers are compared in float64, but where a test says otherwise."""


def changed(**fields):
    return dataclasses.replace(LAW, **fields)


#: A draw here is nearly all compiling, which takes a fifth of the time without optimisation.
compiled = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})


def set_and_patterns(law, key):
    """Return the training set and its patterns."""
    data = law.data(key)
    return data, law.patterns(data.key)


drawn = compiled(set_and_patterns)
drawn_each = compiled(jax.vmap(set_and_patterns, (None, 0)))


@functools.partial(compiled, static_argnums=2)
def fresh(law, data, n, key):
    return law.test_inputs(data, key, n)


@functools.partial(compiled, static_argnums=2)
def fresh_each(law, data, n, keys):
    return jax.vmap(lambda d, k: law.test_inputs(d, k, n))(data, keys)


def many(law, key, n):
    """Return n training sets and their patterns."""
    return drawn_each(law, jax.random.split(key, n))


def nearest(x, patterns):
    """Return the nearest pattern of each input, and how far it is."""
    apart = np.linalg.norm(np.asarray(x)[:, None] - np.asarray(patterns)[None], axis=-1)
    return apart.argmin(1), apart.min(1)


def parts(law, data):
    """Return the training rows of each kind, cut by hand."""
    ends = np.cumsum([law.n_simple, law.n_complex])
    xs, ys = (np.split(np.asarray(a), ends) for a in (data.x, data.y))
    return dict(zip(("simple", "complex", "noisy"), zip(xs, ys, strict=True), strict=True))


def decided(p):
    """Ask of all p-values together that none is an alarm."""
    p = np.ravel(p)
    assert p.min() > ALARM / p.size, (p.min(), p.argmin())


def standard(values, variance):
    """Return p-values that all values are independent and N(0, variance): means and squares by column, KS of all."""
    z = np.asarray(values).reshape(len(values), -1) / np.sqrt(variance)
    n, total = len(z), (z**2).sum(0)
    tails = 2 * np.minimum(scipy.stats.chi2.cdf(total, n), scipy.stats.chi2.sf(total, n))
    means = 2 * scipy.stats.norm.sf(np.abs(z.sum(0)) / np.sqrt(n))
    return np.concatenate([tails, means, [scipy.stats.kstest(z.ravel(), "norm").pvalue]])


def uncorrelated(a, b):
    """Return the p-value that the products of independent pairs along axis 0 have mean 0."""
    products = (np.asarray(a) * np.asarray(b)).reshape(len(a), -1).mean(1)
    return scipy.stats.ttest_1samp(products, 0.0).pvalue


# --- patterns and rows ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS, ids=lambda form: type(form).__name__)
@pytest.mark.parametrize(("n_simple", "n_complex"), [(24, 60), (25, 61), (5, 7), (1, 16), (11, 14)])
def test_every_pattern_is_drawn_as_often_as_any_other_up_to_one(form, n_simple, n_complex):
    law = changed(n_simple=n_simple, n_complex=n_complex, sigma=0.0, form=dataclasses.replace(form, clutter=0.0)
                  if isinstance(form, Blocks) else form)  # fmt: skip
    data, patterns = drawn(law, KEY)
    assert data.x.shape == (law.n, 12) and data.y.shape == (law.n,) and np.issubdtype(data.y.dtype, np.integer)
    for kind, a_class in (("simple", 2), ("complex", 5)):
        x, y = parts(law, data)[kind]
        which, apart = nearest(x, patterns[kind].x)
        assert apart.max() == 0  # with sigma = 0 an input is its pattern
        counts = np.bincount(which, minlength=3 * a_class)
        assert counts.sum() == len(x) and np.ptp(counts) <= 1
        np.testing.assert_array_equal(np.bincount(patterns[kind].y), [a_class] * 3)
        np.testing.assert_array_equal(y, np.asarray(patterns[kind].y)[which])
        assert np.ptp(np.bincount(y, minlength=3)) <= 1


@pytest.mark.parametrize(("n_simple", "n_complex"), [(24, 60), (25, 61), (5, 7), (1, 16), (11, 14)])
def test_complexity_is_the_entropy_of_the_rows_that_are_drawn(n_simple, n_complex):
    law = changed(n_simple=n_simple, n_complex=n_complex, sigma=0.0)
    data, _ = drawn(law, KEY)
    assert set(law.complexity()) == set(PATTERNS)
    for kind, bits in law.complexity().items():
        x, y = parts(law, data)[kind]
        entropy = 0.0
        for label in np.unique(y):
            _, counts = np.unique(x[y == label], axis=0, return_counts=True)
            entropy += np.mean(y == label) * scipy.stats.entropy(counts, base=2)
        np.testing.assert_allclose(bits, entropy, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(law.complexity()[kind], PatternLaw.complexity(law)[kind])


def test_complexity_is_the_logarithm_of_the_number_of_patterns_where_they_divide_the_rows():
    for law in (LAW, PatternLaw(), PatternLaw(simple=7, complex=64, n_simple=70, n_complex=1280, n_noisy=0)):
        for kind in PATTERNS:
            np.testing.assert_allclose(law.complexity()[kind], np.log2(getattr(law, kind)), rtol=1e-12)
    # One row a class is one pattern a class, however many there are.
    assert PatternLaw(n_simple=10).complexity()["simple"] == 0.0
    # Of 150 rows 50 patterns have two each and 50 have one: below log2(100), and not log2(150).
    uneven = PatternLaw(n_complex=1500).complexity()["complex"]
    np.testing.assert_allclose(uneven, -100 / 150 * np.log2(2 / 150) - 50 / 150 * np.log2(1 / 150), rtol=1e-12)
    assert uneven < np.log2(100)


@pytest.mark.parametrize("kind", PATTERNS)
def test_rows_of_either_kind_have_one_law_at_equal_frequency(kind):
    """Four copies of a pattern: N(0, 1 + sigma^2), their mean N(0, 1 + sigma^2/4), differences N(0, 2 sigma^2)."""
    sets, sigma = 600, 0.7
    law = changed(sigma=sigma)
    data, patterns = many(law, jax.random.key(1), sets)
    n = 3 * getattr(law, kind)
    start = 0 if kind == "simple" else law.n_simple
    x = np.asarray(data.x)[:, start : start + 4 * n].reshape(sets, 4, n, 12)
    own = np.asarray(patterns[kind].x)
    p = [
        standard(x[:, 0], 1 + sigma**2), standard(x.mean(1), 1 + sigma**2 / 4),
        standard(x[:, 0] - x[:, 1], 2 * sigma**2), standard(x[:, 2] - x[:, 3], 2 * sigma**2),
        standard(own, 1.0),
    ]  # fmt: skip
    # Patterns, coordinates, and noise of different rows have nothing in common; patterns and noise neither.
    noise = x - own[:, None]
    p.append([
        uncorrelated(own[:, :-1], own[:, 1:]), uncorrelated(own[..., :-1], own[..., 1:]),
        uncorrelated(own, noise[:, 0]), uncorrelated(noise[:, 0], noise[:, 1]),
        uncorrelated(noise[:, :, :-1], noise[:, :, 1:]), uncorrelated(noise[..., :-1], noise[..., 1:]),
    ])  # fmt: skip
    decided(np.concatenate(p))


def test_kinds_have_nothing_in_common():
    data, patterns = many(LAW, jax.random.key(2), 600)
    simple, rare = (np.asarray(patterns[kind].x) for kind in PATTERNS)
    x = np.asarray(data.x)
    noises = x[:, :6] - simple, x[:, 24:39] - rare
    p = [uncorrelated(simple, rare[:, :6]), uncorrelated(simple, rare[:, 9:])]
    p += [uncorrelated(noises[0], noises[1][:, :6])]
    p += [uncorrelated(noises[0][:, :5], x[:, -5:]), uncorrelated(noises[1][:, :5], x[:, -5:])]
    p += [uncorrelated(simple[:, :5], x[:, -5:]), uncorrelated(rare[:, :5], x[:, -5:])]
    p += [uncorrelated(simple, noises[0]), uncorrelated(simple, noises[1][:, :6])]
    decided(p)


def test_noisy_rows_do_not_change_the_others_and_sigma_scales_the_noise():
    data, patterns = drawn(LAW, KEY)
    for other in (changed(n_noisy=0), changed(n_noisy=40), changed(noisy=WrongLabels())):
        again, _ = drawn(other, KEY)
        np.testing.assert_array_equal(again.x[:84], data.x[:84])
        np.testing.assert_array_equal(again.y[:84], data.y[:84])
    own = np.concatenate([np.tile(patterns["simple"].x, (4, 1)), np.tile(patterns["complex"].x, (4, 1))])
    wide, _ = drawn(changed(sigma=1.5), KEY)
    np.testing.assert_allclose(np.asarray(wide.x)[:84] - own, 3.0 * (np.asarray(data.x)[:84] - own), atol=1e-12)


# --- forms ------------------------------------------------------------------------------------------------------------


def test_pixels_are_plus_or_minus_one():
    law = changed(form=Pixels(), sigma=0.0)
    data, patterns = many(law, jax.random.key(3), 500)
    for x in (data.x, patterns["simple"].x, patterns["complex"].x):
        assert x.dtype == np.float64
        np.testing.assert_array_equal(np.abs(x), 1.0)
    p = []
    for kind in PATTERNS:
        x = np.asarray(patterns[kind].x)
        plus = (x > 0).sum(0).ravel()
        p += [scipy.stats.binomtest(int(k), 500).pvalue for k in plus]
        p += [uncorrelated(x[:, :-1], x[:, 1:]), uncorrelated(x[..., :-1], x[..., 1:])]
    decided(p)
    # Noise is around them.
    noisy, patterns = many(dataclasses.replace(law, sigma=0.3), jax.random.key(4), 500)
    decided(standard(np.asarray(noisy.x)[:, :6] - patterns["simple"].x, 0.3**2))


def test_blocks_have_patterns_and_noise_in_their_own_coordinates_and_clutter_in_the_others():
    sigma, form = 0.4, Blocks(size=4, scale=1.5, clutter=0.6)
    law = changed(form=form, sigma=sigma)
    data, patterns = many(law, jax.random.key(5), 600)
    x, p = np.asarray(data.x), []
    own = {"simple": slice(0, 4), "complex": slice(4, 12)}
    for kind, start, scale in (("simple", 0, 1.5), ("complex", 24, 1.0)):
        mine, n = np.asarray(patterns[kind].x), 3 * getattr(law, kind)
        used, unused = own[kind], own["complex" if kind == "simple" else "simple"]
        assert (mine[..., unused] == 0).all()
        p.append(standard(mine[..., used], scale**2))
        first, second = x[:, start : start + n], x[:, start + n : start + 2 * n]
        for rows in (first, second):
            p.append(standard((rows - mine)[..., used], sigma**2))
            p.append(standard(rows[..., unused], 0.6**2))
        # Clutter is a new one in each copy.
        p.append([uncorrelated(first[..., unused], second[..., unused])])
    noisy = x[:, 84:]
    # Three noisy rows as simple ones, two as complex ones, of patterns that are their own.
    p.append(standard(noisy[:, :3, :4], 1.5**2 + sigma**2))
    p.append(standard(noisy[:, :3, 4:], 0.6**2))
    p.append(standard(noisy[:, 3:, :4], 0.6**2))
    p.append(standard(noisy[:, 3:, 4:], 1 + sigma**2))
    decided(np.concatenate(p))
    # With sigma = 0 clutter stays.
    data, patterns = drawn(dataclasses.replace(law, sigma=0.0), KEY)
    np.testing.assert_array_equal(data.x[:6, :4], patterns["simple"].x[:, :4])
    assert (np.abs(data.x[:6, 4:]) > 0).all()


# --- test inputs ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS, ids=lambda form: type(form).__name__)
def test_test_inputs_are_new_copies_of_the_patterns_of_the_training_rows(form):
    """The nearest training row of a test input is one of its class, always, where noise is small."""
    law = changed(form=dataclasses.replace(form, clutter=0.02) if isinstance(form, Blocks) else form, sigma=0.02)
    data, patterns = drawn(law, KEY)
    found = fresh(law, data, 31, jax.random.key(8))
    assert set(found) == set(PATTERNS) == set(law.test_kinds)
    rows = parts(law, data)
    for kind, (x, y) in found.items():
        assert x.shape == (31, 12)
        which, apart = nearest(x, rows[kind][0])
        np.testing.assert_array_equal(rows[kind][1][which], y)
        assert apart.min() > 1e-3, "a copy of a training row"
        # Not of the other kind; and each pattern as often as any other.
        other = "complex" if kind == "simple" else "simple"
        assert (nearest(x, rows[other][0])[1] > 5 * apart).all()
        assert np.ptp(np.bincount(nearest(x, patterns[kind].x)[0], minlength=3 * getattr(law, kind))) <= 1
    # Negative control: patterns of another data seed know nothing of them.
    other, _ = drawn(law, jax.random.key(9))
    guess = parts(law, other)["complex"]
    right = guess[1][nearest(found["complex"].x, guess[0])[0]] == np.asarray(found["complex"].y)
    assert right.mean() < 0.9


def test_noise_of_test_inputs_is_that_of_no_training_row():
    """Not even with the key that the training set was drawn with."""
    keys = jax.random.split(jax.random.key(10), 600)
    data, patterns = drawn_each(LAW, keys)
    rows = np.asarray(data.x)
    p = []
    for key in (keys, data.key, jax.random.split(jax.random.key(11), 600)):
        found = fresh_each(LAW, data, 6, key)
        for kind, start in (("simple", 0), ("complex", 24)):
            own = np.asarray(patterns[kind].x)[:, :6]
            noise = np.asarray(found[kind].x) - own
            p += [*standard(noise[:, 0], 0.25), uncorrelated(noise, rows[:, start : start + 6] - own)]
    decided(p)


def test_test_inputs_without_noise_are_the_patterns():
    law = changed(sigma=0.0)
    data, patterns = drawn(law, KEY)
    found = fresh(law, data, 15, KEY)
    for kind in PATTERNS:
        n = min(15, 3 * getattr(law, kind))
        np.testing.assert_array_equal(found[kind].x[:n], patterns[kind].x[:n])
        assert nearest(found[kind].x, parts(law, data)[kind][0])[1].max() == 0


def test_training_inputs_are_the_first_rows_of_each_kind():
    data, _ = drawn(LAW, KEY)
    want = parts(LAW, data)
    for n in (1, 5, 30, 1000):
        found = LAW.train_inputs(data, n)
        assert tuple(found) == LAW.kinds == ("simple", "complex", "noisy")
        for kind, (x, y) in found.items():
            np.testing.assert_array_equal(x, want[kind][0][:n])
            np.testing.assert_array_equal(y, want[kind][1][:n])
    pure = changed(n_noisy=0)
    assert tuple(pure.train_inputs(drawn(pure, KEY)[0], 1000)) == PATTERNS


# --- noisy rows -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [Gaussian(), Pixels()], ids=lambda form: type(form).__name__)
def test_random_inputs_have_the_law_of_the_rows_and_uniform_labels(form):
    """By coordinate: mean 0, variance 1 + sigma^2, the same fourth moment as rows; labels uniform, whatever the row."""
    sigma, sets = 0.5, 3000
    data, _ = many(changed(sigma=sigma, form=form), jax.random.key(12), sets)
    x, y = np.asarray(data.x), np.asarray(data.y)
    noisy, labels = x[:, 84:], y[:, 84:]
    z = np.sqrt(sets) * noisy.mean(0) / np.sqrt(1 + sigma**2)
    p = list(2 * scipy.stats.norm.sf(np.abs(z)).ravel())
    p += list(scipy.stats.ttest_1samp(noisy**2, 1 + sigma**2).pvalue.ravel())
    p += list(scipy.stats.ttest_ind(noisy**4, x[:, :5] ** 4).pvalue.ravel())
    p += [scipy.stats.ks_2samp(noisy[:, i, 0], x[:, 30, 0]).pvalue for i in range(5)]
    p += [uncorrelated(noisy[:, :-1], noisy[:, 1:]), uncorrelated(noisy[..., :-1], noisy[..., 1:])]
    p += [scipy.stats.chisquare(np.bincount(labels[:, i], minlength=3)).pvalue for i in range(5)]
    p.append(scipy.stats.chisquare(np.bincount(3 * labels[:, 0] + labels[:, 1], minlength=9)).pvalue)
    p.append(scipy.stats.f_oneway(*(noisy[:, 0, 0][labels[:, 0] == i] for i in range(3))).pvalue)
    decided(p)


def test_a_random_input_is_alone():
    """In 128 dimensions nothing of the training set is nearer to a noisy row than another pattern would be."""
    law = PatternNetwork(n_simple=200, n_complex=2000, n_noisy=101, sigma=0.0)
    data, patterns = drawn(law, KEY)
    x, y = parts(law, data)["noisy"]
    known = np.concatenate([patterns[kind].x for kind in PATTERNS])
    assert nearest(x, known)[1].min() > 8
    apart = np.linalg.norm(x[:, None] - x[None], axis=-1)[np.triu_indices(101, 1)]
    assert apart.min() > 8
    assert len(y) == 101 and set(np.unique(y)) == set(range(10))


@pytest.mark.parametrize("n_noisy", [1, 2, 40, 41])
def test_wrong_labels_are_never_right_and_their_inputs_are_new_copies(n_noisy):
    law = changed(noisy=WrongLabels(), n_noisy=n_noisy, sigma=0.02)
    data, patterns = drawn(law, KEY)
    x, y = parts(law, data)["noisy"]
    first = n_noisy - n_noisy // 2
    assert len(y) == n_noisy and ((y >= 0) & (y < 3)).all()
    for kind, rows in (("simple", slice(0, first)), ("complex", slice(first, None))):
        which, apart = nearest(x[rows], patterns[kind].x)
        assert apart.size == 0 or (apart.max() < 0.3 and apart.min() > 1e-3)
        assert (np.asarray(patterns[kind].y)[which] != y[rows]).all()
        assert np.ptp(np.bincount(which, minlength=3 * getattr(law, kind))) <= 1
    rows = np.concatenate([parts(law, data)[kind][0] for kind in PATTERNS])
    assert nearest(x, rows)[1].min() > 1e-3


def test_every_wrong_label_is_as_likely_as_any_other():
    law = changed(noisy=WrongLabels(), classes=5, n_noisy=4, n_simple=10, n_complex=25)
    data, patterns = many(law, jax.random.key(13), 4000)
    y = np.asarray(data.y)[:, -4:]
    own = np.concatenate([np.asarray(patterns[kind].y)[:, :2] for kind in PATTERNS], axis=1)
    shift = (y - own) % 5
    assert shift.min() == 1
    p = [scipy.stats.chisquare(np.bincount(shift[:, i] - 1, minlength=4)).pvalue for i in range(4)]
    p.append(scipy.stats.chisquare(np.bincount(4 * shift[:, 0] + shift[:, 3] - 5, minlength=16)).pvalue)
    decided(p)
    # Two classes have one wrong label.
    two = changed(classes=2, noisy=WrongLabels(), n_noisy=8)
    np.testing.assert_array_equal(drawn(two, KEY)[0].y[-8:], [1, 0] * 4)


# --- target tasks -----------------------------------------------------------------------------------------------------


def test_a_target_task_has_the_simple_patterns_with_permuted_labels_and_new_complex_ones():
    _, patterns = drawn(LAW, KEY)
    found = compiled(jax.vmap(lambda key: LAW.relabelled(key, patterns)))(jax.random.split(jax.random.key(14), 3000))
    assert set(found) == set(PATTERNS)
    np.testing.assert_array_equal(found["simple"].x, np.broadcast_to(patterns["simple"].x, (3000, 6, 12)))
    labels = np.asarray(found["simple"].y)
    np.testing.assert_array_equal(np.sort(labels, axis=1), np.broadcast_to([0, 0, 1, 1, 2, 2], (3000, 6)))
    # Every one of the 90 orders is as likely as any other.
    codes = labels @ 3 ** np.arange(6)
    counts = np.unique(codes, return_counts=True)[1]
    assert len(counts) == 90
    p = [scipy.stats.chisquare(counts).pvalue]
    np.testing.assert_array_equal(found["complex"].y, np.broadcast_to(patterns["complex"].y, (3000, 15)))
    new = np.asarray(found["complex"].x)
    p += [*standard(new[:, 0], 1.0), uncorrelated(new, np.broadcast_to(patterns["complex"].x, new.shape))]
    p += [uncorrelated(new[:, :6], np.broadcast_to(patterns["simple"].x, (3000, 6, 12)))]
    decided(p)


def test_rows_of_a_target_task_can_be_drawn():
    """The copies of a law take any patterns."""
    _, patterns = drawn(LAW, KEY)
    target = compiled(LAW.relabelled)(jax.random.key(15), patterns)
    x, y = compiled(changed(sigma=0.02).rows)(jax.random.key(16), target)
    which, _ = nearest(x[:24], patterns["simple"].x)
    np.testing.assert_array_equal(y[:24], np.asarray(target["simple"].y)[which])
    assert (np.asarray(y[:24]) != np.asarray(patterns["simple"].y)[which]).any()
    # New complex patterns are not the old ones.
    assert nearest(x[24:84], patterns["complex"].x)[1].min() > 0.5


# --- keys, precision, bad input ---------------------------------------------------------------------------------------


def test_data_follow_the_key_alone_and_a_batch_is_its_members():
    keys = jax.random.split(jax.random.key(17), 3)
    together, _ = drawn_each(LAW, keys)
    for i, key in enumerate(keys):
        one, _ = drawn(LAW, key)
        np.testing.assert_allclose(together.x[i], one.x, rtol=1e-14, atol=1e-14)
        np.testing.assert_array_equal(together.y[i], one.y)
    assert len({float(x) for x in np.asarray(together.x)[:, 0, 0]}) == 3


@pytest.mark.parametrize("form", FORMS, ids=lambda form: type(form).__name__)
def test_inputs_have_the_precision_of_the_run(form):
    for noisy in (RandomInputs(), WrongLabels()):
        law = changed(form=form, noisy=noisy)
        assert jax.eval_shape(law.data, KEY).x.dtype == np.float64
        with jax.enable_x64(False):
            data = jax.eval_shape(law.data, KEY)
            found = jax.eval_shape(lambda d, k, law=law: law.test_inputs(d, k, 4), data, KEY)
            assert {data.x.dtype, *(part.x.dtype for part in found.values())} == {np.dtype(np.float32)}
            assert data.y.dtype == np.int32


def test_a_law_as_it_is_made_is_the_literal_one():
    law = PatternLaw()
    law.check()
    assert (law.d, law.classes, law.n, law.sizes) == (128, 10, 4400, {"simple": 2000, "complex": 2000, "noisy": 400})
    assert isinstance(jax.eval_shape(law.patterns, KEY)["simple"], Inputs)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("d", 0), ("d", 1.5), ("d", None), ("classes", 1), ("classes", 10.0), ("simple", 0), ("complex", -1),
        ("n_simple", 0), ("n_complex", "2000"), ("n_noisy", -1), ("n_noisy", 0.5), ("sigma", -0.1),
        ("sigma", float("nan")), ("sigma", float("inf")), ("sigma", "x"), ("sigma", None),
    ],
)  # fmt: skip
def test_numbers_that_cannot_be_are_refused_in_one_line(field, value):
    for law in (PatternLaw(**{field: value}), changed(**{field: value})):
        with pytest.raises(ConfigError, match=rf"^problem\.{field} = .* is not allowed: it must be ") as error:
            law.check()
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [("size", 0), ("size", 2.5), ("size", 12), ("size", 13), ("scale", -1.0), ("clutter", -0.1), ("clutter", None),
     ("scale", float("nan"))],
)  # fmt: skip
def test_blocks_that_cannot_be_are_refused_in_one_line(field, value):
    with pytest.raises(ConfigError, match=rf"^problem\.form\.{field} = .* is not allowed: it must be ") as error:
        changed(form=Blocks(**{"size": 4, field: value})).check()
    assert "\n" not in str(error.value)


def test_laws_at_the_edge_are_allowed_and_can_be_drawn():
    tiny = changed(d=1, classes=2, simple=1, complex=1, n_simple=1, n_complex=1, n_noisy=1, sigma=0)
    one = changed(d=2, form=Blocks(size=1, scale=0.0, clutter=0.0), noisy=WrongLabels(), n_noisy=1)
    for law in (tiny, one):
        law.check()
        data, _ = drawn(law, KEY)
        assert data.x.shape == (law.n, law.d) and np.isfinite(data.x).all()
        assert jnp.all((data.y >= 0) & (data.y < law.classes))
