"""What every problem, law of motion, schedule and probe gets for free by being one.

A class is found by being a pytree dataclass of one of the packages below; nobody has to list it here.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil

import pytest

from lrtheory.lazy import jax
from lrtheory.pytree import is_static
from lrtheory.schedules import Schedule

PACKAGES = ("lrtheory.problems", "lrtheory.dynamics", "lrtheory.schedules", "lrtheory.probes")

#: Arguments of classes that have no defaults.
GIVEN = {
    "AutoDecay": {"rates": (1.0, 0.1), "window": 5.0},
    "Constant": {"rate": 0.1},
    "Piecewise": {"rates": (1.0, 0.1), "boundaries": (10,)},
    "Cosine": {"peak": 1.0, "steps": 10},
    "FromFunction": {"function": abs},
    "Stages": {"rates": (1.0, 0.1), "levels": (0.5, 0.1), "caps": (9.0, 9.0), "observe": ("loss", "loss")},
}

#: What problems are made of, which are none by themselves: a subclass brings the data.
SHARED = {"Classifier"}


def modules():
    for name in PACKAGES:
        package = importlib.import_module(name)
        yield package
        for found in pkgutil.iter_modules(getattr(package, "__path__", ())):
            yield importlib.import_module(f"{name}.{found.name}")


def classes():
    found = {}
    for module in modules():
        for name, cls in vars(module).items():
            own = inspect.isclass(cls) and cls.__module__ == module.__name__
            if own and dataclasses.is_dataclass(cls) and not name.startswith("_"):
                found[f"{module.__name__}.{name}"] = cls
    return found


CLASSES = classes()
HERE = {name: cls for name, cls in CLASSES.items() if cls.__name__ in GIVEN or all(
    f.default is not dataclasses.MISSING or f.default_factory is not dataclasses.MISSING
    for f in dataclasses.fields(cls) if f.init
)}  # fmt: skip


def make(cls):
    return cls(**GIVEN.get(cls.__name__, {}))


def methods(cls):
    return {n: m for n, m in inspect.getmembers(cls, inspect.isfunction) if not n.startswith("_") or n == "__call__"}


def test_there_are_some_of_every_kind():
    for package in PACKAGES:
        assert any(name.startswith(package) for name in CLASSES), package


@pytest.mark.parametrize("name", CLASSES)
def test_is_documented(name):
    cls = CLASSES[name]
    assert cls.__doc__ and not cls.__doc__.startswith(f"{cls.__name__}("), "dataclass made up a docstring"
    assert len(cls.__doc__.strip().splitlines()[0]) < 115
    for method, function in methods(cls).items():
        assert function.__doc__, f"{name}.{method} has no docstring"


@pytest.mark.parametrize("name", CLASSES)
def test_is_frozen_and_keyword_only(name):
    cls = CLASSES[name]
    assert cls.__dataclass_params__.frozen
    assert all(f.kw_only for f in dataclasses.fields(cls) if f.init)


@pytest.mark.parametrize("name", HERE)
def test_is_a_pytree_that_round_trips(name):
    part = make(HERE[name])
    leaves, tree = jax.tree.flatten(part)
    assert all(isinstance(leaf, int | float) or hasattr(leaf, "shape") for leaf in leaves), "a leaf is a number"
    again = jax.tree.unflatten(tree, leaves)
    assert type(again) is type(part)
    for field in dataclasses.fields(part):
        a, b = getattr(part, field.name), getattr(again, field.name)
        assert a is b or jax.tree.leaves(a) == jax.tree.leaves(b), field.name
    # Placeholders of any kind pass through: no work and no checks at construction.
    jax.tree.unflatten(tree, [object()] * len(leaves))


@pytest.mark.parametrize("name", HERE)
def test_static_fields_are_hashable_and_part_of_the_structure(name):
    part = make(HERE[name])
    for field in dataclasses.fields(part):
        if is_static(field):
            hash(getattr(part, field.name))
    assert hash(jax.tree.structure(part)) == hash(jax.tree.structure(make(HERE[name])))
    assert jax.tree.structure(part) == jax.tree.structure(make(HERE[name]))


@pytest.mark.parametrize("name", HERE)
def test_passes_its_own_check_as_it_is_made(name):
    check = getattr(make(HERE[name]), "check", None)
    if check is not None:
        check()


@pytest.mark.parametrize(
    "name", [n for n in CLASSES if n.startswith("lrtheory.dynamics") and hasattr(CLASSES[n], "step")]
)
def test_laws_of_motion_have_the_interface_and_say_what_they_are(name):
    cls = CLASSES[name]
    assert isinstance(cls.is_stochastic, bool) and isinstance(cls.requires, tuple)
    for method, arguments in {
        "init": ["self", "problem", "data", "params"],
        "step": ["self", "problem", "data", "state", "lr", "key"],
        "params": ["self", "state"],
        "dt": ["self", "lr"],
    }.items():
        assert list(inspect.signature(getattr(cls, method)).parameters) == arguments, method


@pytest.mark.parametrize("name", [n for n in CLASSES if n.startswith("lrtheory.schedules")])
def test_schedules_have_the_interface(name):
    cls = CLASSES[name]
    assert issubclass(cls, Schedule)
    assert list(inspect.signature(cls.__call__).parameters) == ["self", "step", "time", "phase"]


@pytest.mark.parametrize(
    "name", [n for n in CLASSES if n.startswith("lrtheory.problems") and hasattr(CLASSES[n], "loss")]
)
def test_problems_have_the_interface(name):
    cls = CLASSES[name]
    if cls.__name__ in SHARED:
        assert any(issubclass(other, cls) and hasattr(other, "data") for other in CLASSES.values())
        return
    assert len(inspect.signature(cls.data).parameters) == 2
    assert len(inspect.signature(cls.init).parameters) == 2
    assert len(inspect.signature(cls.loss).parameters) == 3


@pytest.mark.parametrize(
    "name", [n for n in CLASSES if n.startswith("lrtheory.probes") and hasattr(CLASSES[n], "name")]
)
def test_probes_have_the_interface(name):
    cls = CLASSES[name]
    assert isinstance(cls.name, str)
    assert list(inspect.signature(cls.__call__).parameters) == ["self", "problem", "data", "params", "aux"]
    assert all(isinstance(d, tuple) for d in getattr(cls, "dims", {}).values())
    assert all(isinstance(u, str) for u in getattr(cls, "units", {}).values())


@pytest.mark.parametrize("package", ["lrtheory", "lrtheory.dynamics", "lrtheory.schedules"])
def test_what_a_package_exports_exists(package):
    module = importlib.import_module(package)
    for name in module.__all__:
        assert getattr(module, name) is not None
    with pytest.raises(AttributeError):
        module.no_such_name  # noqa: B018
