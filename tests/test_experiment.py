"""Experiments: dotted paths, scales, what the command line may set, and what is refused. None of it may need JAX."""

from __future__ import annotations

import dataclasses
import math
import subprocess
import sys

import numpy as np
import pytest

from lrtheory.errors import ConfigError, finite, unknown
from lrtheory.experiment import (
    Axis,
    Experiment,
    at_scale,
    get_value,
    parse_value,
    static_axes,
    with_value,
    with_values,
)
from lrtheory.problems.li2019_infinite import InfiniteWidth
from lrtheory.problems.quadratic import Quadratic
from lrtheory.schedules import Constant, Piecewise, Stages
from tests.toys import Toy, toy

TWO = Stages(rates=(1.0, 0.1), levels=(0.5, 0.1), caps=(9.0, 9.0), observe=("loss", "loss"))


# --- paths ------------------------------------------------------------------------------------------------------------


def test_every_number_has_a_path():
    e = toy(schedule=TWO)
    assert get_value(e, "schedule.rates.1") == 0.1
    assert get_value(e, "problem.curvature") == 1.0
    assert get_value(e, "axes.rate.unit") == ""
    assert get_value(e, "probes.0.n_test") == 4


def test_with_value_changes_one_number_and_leaves_the_original():
    e = toy(schedule=TWO)
    changed = with_value(e, "schedule.rates.1", 0.7)
    assert changed.schedule.rates == (1.0, 0.7) and e.schedule.rates == (1.0, 0.1)
    assert changed.schedule.levels == TWO.levels and changed.problem is e.problem
    assert with_value(e, "probes.0.n_test", 9).probes[0].n_test == 9


def test_with_value_keeps_the_type_of_what_it_passes_through():
    assert with_value([1, 2], "1", 5) == [1, 5]
    assert with_value((1, 2), "0", 5) == (5, 2)
    assert with_value({"a": {"b": 1}}, "a.b", 2) == {"a": {"b": 2}}


def test_values_of_an_axis_are_set_by_its_name():
    e = with_value(toy(), "axes.rate", (0.5, 0.6))
    assert e.axes["rate"] == Axis("schedule.rate", (0.5, 0.6))
    assert with_value(toy(), "axes.rate", 0.5).axes["rate"].values == (0.5,)
    replaced = Axis("problem.curvature", (1.0, 2.0))
    assert with_value(toy(), "axes.rate", replaced).axes["rate"] is replaced


def test_values_of_a_labelled_axis_cannot_be_set():
    e = toy(axes={"way": Axis("schedule", (Constant(rate=1.0), Constant(rate=2.0)), labels=("slow", "fast"))})
    with pytest.raises(ConfigError, match="'way' is labelled"):
        with_value(e, "axes.way", (1.0,))


@pytest.mark.parametrize(
    ("path", "near"),
    [
        ("probelm.curvature", "'problem'"),
        ("problem.curvatur", "'curvature'"),
        ("schedule.rat", "'rate'"),
        ("axes.rates", "'rate'"),
        ("sedes", "'seeds'"),
        ("dynamics.nose", "'noise'"),
    ],
)
def test_a_misspelt_path_names_the_nearest_field(path, near):
    for use in (
        lambda: get_value(toy(), path),
        lambda: with_value(toy(), path, 1),
        lambda: parse_value(toy(), path, "1"),
    ):
        with pytest.raises(ConfigError, match="unknown field") as e:
            use()
        assert near in str(e.value) and "did you mean" in str(e.value) and "\n" not in str(e.value)


def test_an_index_beyond_a_list_and_a_path_below_a_number_are_refused():
    e = toy(schedule=TWO)
    for path in ("schedule.rates.2", "schedule.rates.-1", "schedule.rates.x", "problem.curvature.0", ""):
        with pytest.raises(ConfigError, match="unknown field"):
            with_value(e, path, 1.0)


# --- reading text -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        ("seeds", "8", 8),
        ("n_steps", "1e3", 1000),
        ("data_seeds", "3", 3),
        ("data_seeds", "none", None),
        ("precision", "f32", "f32"),
        ("problem.d", "7", 7),
        ("problem.curvature", "2", 2.0),
        ("problem.curvature", " 1e-3 ", 1e-3),
        ("problem.curvature", "inf", math.inf),
        ("axes.rate", "0.1,0.2", (0.1, 0.2)),
        ("axes.rate", "(0.1, 0.2)", (0.1, 0.2)),
        ("axes.rate", "0.5", (0.5,)),
        ("schedule.rates", "[1, 0.5]", (1.0, 0.5)),
        ("schedule.rates.0", "0.25", 0.25),
        ("schedule.caps.1", "inf", math.inf),
        ("record_at", "1,3", (1, 3)),
        ("schedule.observe", "half_loss,loss", ("half_loss", "loss")),
    ],
)
def test_text_is_read_as_what_stands_there(path, text, value):
    read = parse_value(toy(schedule=TWO), path, text)
    assert read == value and (not isinstance(value, int) or isinstance(read, int))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("seeds", "1.5"),
        ("seeds", "many"),
        ("seeds", "nan"),
        ("seeds", "inf"),
        ("seeds", ""),
        ("problem.d", "2.5"),
        ("problem.d", "nan"),
        ("record_at", "1,2.5"),
        ("problem.curvature", "steep"),
        ("problem.curvature", "none"),
        ("problem.curvature", "1,2"),
        ("axes.rate", "0.1,x"),
        ("axes.rate", "0.1,none"),
        ("problem", "3"),
        ("schedule", "constant"),
        ("axes", "3"),
        ("scales", "3"),
    ],
)
def test_text_of_another_kind_is_refused_in_one_line(path, text):
    with pytest.raises(ConfigError) as e:
        parse_value(toy(schedule=TWO), path, text)
    assert path in str(e.value) and "\n" not in str(e.value)


@pytest.mark.parametrize("text", ["nan", "inf", "-inf"])
def test_a_number_declared_as_an_integer_may_be_asked_to_be_anything(text):
    # `noise=0` is a leaf like `noise=0.0`: what is allowed is said by check(), not by a crash of the reader.
    e = toy(problem=Quadratic(noise=0, mean=1), schedule=Piecewise(rates=(1, 2), boundaries=(10,)))
    for path in ("problem.noise", "problem.mean", "schedule.rates.0", "schedule.boundaries"):
        with pytest.raises(ConfigError):
            with_value(e, path, parse_value(e, path, text)).check()


def test_a_static_float_written_as_an_integer_takes_fractions():
    e = toy(problem=InfiniteWidth(kappa=1))
    assert parse_value(e, "problem.kappa", "0.25") == 0.25
    with pytest.raises(ConfigError, match="whole number"):
        parse_value(e, "problem.d", "0.25")


# --- scales -----------------------------------------------------------------------------------------------------------


def test_a_scale_sets_its_values():
    e = toy(scales={"smoke": {"seeds": 2, "axes.rate": (0.5,), "problem.d": 1}, "laptop": {}})
    small = at_scale(e, "smoke")
    assert small.seeds == 2 and small.axes["rate"].values == (0.5,) and small.problem.d == 1
    assert at_scale(e, "laptop") == e


def test_an_unknown_scale_and_a_misspelt_field_of_a_scale_are_refused():
    with pytest.raises(ConfigError, match=r"unknown scale 'smok'; did you mean 'smoke'\?"):
        at_scale(toy(), "smok")
    with pytest.raises(ConfigError, match="unknown field 'sedes'"):
        at_scale(toy(scales={"smoke": {"sedes": 3}}), "smoke")


# --- what is static ---------------------------------------------------------------------------------------------------


def test_axes_over_shapes_are_recognised():
    e = toy(
        axes={
            "d": Axis("problem.d", (2, 3)),
            "curvature": Axis("problem.curvature", (1.0, 2.0)),
            "rate": Axis("schedule.rate", (0.1,)),
        }
    )
    assert static_axes(e) == ("d",)
    assert static_axes(toy(schedule=TWO, axes={"x": Axis("schedule.observe.0", ("loss", "half_loss"))})) == ("x",)


# --- check ------------------------------------------------------------------------------------------------------------


def test_the_toy_passes():
    toy().check()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": 0}, "seeds = 0"),
        ({"seeds": -3}, "seeds = -3"),
        ({"seeds": 2.5}, "seeds = 2.5"),
        ({"seeds": None}, "seeds = None"),
        ({"n_steps": 0}, "n_steps = 0"),
        ({"n_records": 0}, "n_records = 0"),
        ({"data_seeds": 0}, "data_seeds = 0"),
        ({"precision": "f16"}, "precision = 'f16'"),
        ({"record_at": (3, 10**6)}, "record_at = "),
        ({"record_at": (-1,)}, "record_at = "),
        ({"record_at": (1.5,)}, "record_at = "),
        ({"record_at": 3}, "record_at = 3"),
        ({"record_spacing": "square"}, "record_spacing = 'square'"),
        ({"problem": Toy(d=0)}, "problem.d = 0"),
        ({"problem": Toy(curvature=-1.0)}, "problem.curvature = -1.0"),
        ({"schedule": Constant(rate=-1.0)}, "schedule.rate = -1.0"),
        ({"axes": {"rate": Axis("schedule.rate", (0.1, -0.2))}}, "schedule.rate = -0.2"),
        ({"axes": {"rate": Axis("schedule.rate", (0.1, math.nan))}}, "schedule.rate = nan"),
        ({"axes": {"d": Axis("problem.d", (3, 0))}}, "problem.d = 0"),
        ({"axes": {"seed": Axis("schedule.rate", (0.1,))}}, "axes = .*seed"),
        ({"axes": {"record": Axis("schedule.rate", (0.1,))}}, "axes = .*record"),
        ({"axes": {"n": Axis("n_steps", (1, 2))}}, "axis path = 'n_steps'"),
        ({"axes": {"n": Axis("probes.0.n_test", (1, 2))}}, "axis path = 'probes.0.n_test'"),
        ({"axes": {"rate": Axis("schedule.rat", (0.1,))}}, "unknown field 'rat'; did you mean 'rate'"),
    ],
)
def test_bad_experiments_are_refused_in_one_line(changes, message):
    with pytest.raises(ConfigError, match=message) as e:
        toy(**changes).check()
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("name", ["lr", "time", "diverged_at", "stop_step", "stage_step", "stage_time", "stage_reason"])
def test_an_axis_may_not_be_called_like_a_variable_of_every_result(name):
    with pytest.raises(ConfigError, match=name):
        toy(axes={name: Axis("schedule.rate", (0.1, 0.2))}).check()


def test_two_axes_may_not_set_one_field():
    with pytest.raises(ConfigError, match=r"schedule\.rate"):
        toy(axes={"a": Axis("schedule.rate", (0.1, 0.2)), "b": Axis("schedule.rate", (0.3,))}).check()
    # A number of a labelled whole may be swept by an axis after it, and not before: the whole would override it.
    whole, part = Axis("schedule", (TWO, TWO), labels=("a", "b")), Axis("schedule.rates.0", (0.3,))
    toy(schedule=TWO, axes={"a": whole, "b": part}).check()
    with pytest.raises(ConfigError, match="put 'a' before 'b'"):
        toy(schedule=TWO, axes={"b": part, "a": whole}).check()


def test_an_axis_has_values_and_as_many_labels():
    with pytest.raises(ConfigError, match="at least one value"):
        Axis("schedule.rate", ())
    with pytest.raises(ConfigError, match="2 labels"):
        Axis("schedule.rate", (0.1, 0.2), labels=("a",))


def test_the_coordinate_of_an_axis():
    assert Axis("schedule.rate", (0.1, 1.0)).coordinate == [0.1, 1.0]
    assert Axis("schedule", (TWO, TWO), labels=("a", "b")).coordinate == ["a", "b"]
    assert Axis("schedule", (TWO, TWO)).coordinate == [0, 1]


def test_dims_are_the_axes_then_the_seeds():
    assert toy().dims == ("rate", "seed")
    assert toy(data_seeds=2).dims == ("rate", "seed", "data_seed")


# --- errors -----------------------------------------------------------------------------------------------------------


def test_unknown_names_the_nearest_and_the_known():
    assert str(unknown("sim", "quadratik", ["quadratic", "li2019"])) == (
        "unknown sim 'quadratik'; did you mean 'quadratic'? (known: li2019, quadratic)"
    )
    assert "did you mean" not in str(unknown("sim", "zzz", ["quadratic"]))
    assert str(unknown("sim", "x", [])).endswith("(known: none)")


@pytest.mark.parametrize("value", [1, 1.0, np.ones((2, 2)), [1.0, (2, 3)], np.float32(1)])
def test_finite_numbers_are_finite(value):
    assert finite(value)


@pytest.mark.parametrize(
    "value", [math.nan, -math.inf, np.array([1.0, np.nan]), [1.0, (2, math.inf)], None, "1", [None]]
)
def test_what_is_not_a_finite_number_is_not_finite(value):
    assert not finite(value)


# --- no JAX -----------------------------------------------------------------------------------------------------------


def test_declaring_changing_and_checking_an_experiment_does_not_import_jax():
    program = """
import sys
from lrtheory.pytree import defer
defer()
import lrtheory
from lrtheory import Axis, Claim, Experiment
from lrtheory.experiment import at_scale, parse_value, with_value
from lrtheory.dynamics import GD, SDE, SGD, GradientFlow, Momentum, NoisyGD, Optax
from lrtheory.probes.quadratic import Directions
from lrtheory.problems.quadratic import LabelNoise, Quadratic
from lrtheory.problems.li2019_infinite import InfiniteWidth
from lrtheory.schedules import Constant, Cosine, Piecewise, Stages
from tests.toys import toy
e = at_scale(toy(), "smoke")
e = with_value(e, "dynamics.noise", parse_value(e, "dynamics.noise", "0.5"))
e.check()
for part in (InfiniteWidth(), LabelNoise(), Optax(rule=Momentum()), NoisyGD()):
    part.check()
import lrtheory.sims, lrtheory.store, lrtheory.cli
heavy = {"jax", "jaxlib", "scipy", "xarray", "zarr", "matplotlib", "optax", "flax"} & set(sys.modules)
assert not heavy, heavy
from lrtheory.pytree import register_pending
register_pending()
import jax
leaves, tree = jax.tree.flatten(e.problem)
assert leaves == [1.0, 1.0], leaves
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_experiments_are_compared_and_replaced_like_values():
    assert dataclasses.replace(toy(), seeds=4) == toy()
    assert with_values(toy(), {"seeds": 2, "n_steps": 7}) == toy(seeds=2, n_steps=7)
    assert isinstance(toy(), Experiment)
