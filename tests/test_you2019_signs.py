"""Products of signs: labels are what they say, kinds are counted alike, and only the functions differ."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from lrtheory.errors import ConfigError
from lrtheory.lazy import jax
from lrtheory.problems.you2019_signs import SIGNS, SignNetwork

PROBLEM = SignNetwork(n_kind=3000, n_noisy=3000)


@pytest.fixture(scope="module")
def rows():
    data = PROBLEM.data(jax.random.key(0))
    return {kind: [np.asarray(part) for part in rows] for kind, rows in PROBLEM.train_inputs(data, 10**6).items()}


BLOCKS = {"one": [0], "two": [1, 2], "three": [3, 4, 5]}


@pytest.mark.parametrize("kind", SIGNS)
def test_the_label_is_the_product_of_the_signs_of_the_kind_and_of_no_other(rows, kind):
    x, y = rows[kind]
    for other, block in BLOCKS.items():
        agree = np.mean((np.prod(np.sign(x[:, block]), axis=1) > 0) == y)
        # 3,000 fair coins: 5 standard deviations are .046.
        assert agree == 1 if other == kind else abs(agree - 0.5) < 0.046


def test_no_factor_of_a_product_tells_the_label(rows):
    """Twenty-six correlations of 3,000 rows each, all within 5 standard errors of 0: a false alarm in 1e-5."""
    for kind in ("two", "three"):
        x, y = rows[kind]
        correlations = (x[:, :13] * (2 * y[:, None] - 1)).mean(0)
        assert np.abs(correlations).max() < 5 / np.sqrt(len(y))
    x, y = rows["one"]
    assert (x[:, 0] * (2 * y - 1)).mean() == pytest.approx(np.sqrt(2 / np.pi), abs=0.06)


def test_marks_tell_the_kind_and_noisy_rows_have_the_inputs_of_all(rows):
    for which, kind in enumerate(SIGNS):
        np.testing.assert_array_equal(rows[kind][0][:, 16:], 2.0 * np.eye(3)[which] * np.ones((3000, 1)))
    x, y = rows["noisy"]
    shares = x[:, 16:].mean(0) / 2
    # Shares of a third, labels of a half: 5 standard deviations.
    assert np.abs(shares - 1 / 3).max() < 0.044 and abs(y.mean() - 0.5) < 0.046
    for which, kind in enumerate(SIGNS):
        own = x[:, 16 + which] > 0
        agree = np.mean((np.prod(np.sign(x[own][:, BLOCKS[kind]]), axis=1) > 0) == y[own])
        assert abs(agree - 0.5) < 5 * 0.5 / np.sqrt(own.sum())


def test_kinds_are_as_frequent_as_each_other_and_test_inputs_are_new(rows):
    assert {len(y) for _, y in rows.values()} == {3000}
    data = PROBLEM.data(jax.random.key(0))
    test = PROBLEM.test_inputs(data, jax.random.key(1), 200)
    assert list(test) == list(SIGNS)
    seen = {row.tobytes() for x, _ in rows.values() for row in x}
    assert not any(row.tobytes() in seen for part in test.values() for row in np.asarray(part.x))


def test_without_noise_there_are_no_noisy_rows():
    problem = dataclasses.replace(PROBLEM, n_kind=10, n_noisy=0, batch=4)
    problem.check()
    assert list(problem.train_inputs(problem.data(jax.random.key(0)), 5)) == list(SIGNS)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"n_coordinates": 5}, "problem.n_coordinates"), ({"n_kind": 0}, "problem.n_kind"),
        ({"n_noisy": -1}, "problem.n_noisy"), ({"mark": float("nan")}, "problem.mark"),
        ({"batch": 10**6}, "problem.batch"), ({"network": 3}, "problem.network"),
    ],
)  # fmt: skip
def test_bad_numbers_are_refused_by_name(changes, field):
    with pytest.raises(ConfigError, match=field):
        dataclasses.replace(SignNetwork(), **changes).check()
