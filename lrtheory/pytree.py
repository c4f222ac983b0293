"""Frozen dataclasses that are JAX pytrees, declarable before JAX is imported.

A field is a *leaf* (a number or array: traced, so it can be swept without a new compile) unless it is declared with
:func:`static` (a size or a name: part of the compiled program).

Example:
    >>> from lrtheory.pytree import pytree, static
    >>> @pytree
    ... class Ball:
    ...     d: int = static(3)
    ...     radius: float = 1.0
    >>> import jax
    >>> jax.tree.leaves(Ball(radius=2.0))
    [2.0]
"""

from __future__ import annotations

import dataclasses
import sys
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")

_pending: list[type] | None = None


def static(default: Any = dataclasses.MISSING, **kwargs: Any) -> Any:
    """Declare a field that is part of the compiled program: a size, a name, a choice of code."""
    return dataclasses.field(default=default, metadata={"static": True}, **kwargs)


def is_static(field: dataclasses.Field) -> bool:
    """Tell whether ``field`` was declared with :func:`static`."""
    return bool(field.metadata.get("static", False))


def _register(cls: type) -> None:
    import jax

    fields = [f for f in dataclasses.fields(cls) if f.init]
    jax.tree_util.register_dataclass(
        cls,
        data_fields=[f.name for f in fields if not is_static(f)],
        meta_fields=[f.name for f in fields if is_static(f)],
    )


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(static, dataclasses.field))
def pytree(cls: type[T]) -> type[T]:
    """Make ``cls`` a frozen keyword-only dataclass and a JAX pytree.

    Registration imports JAX at once, unless :func:`defer` was called before.
    """
    cls = dataclasses.dataclass(frozen=True, kw_only=True, eq=False)(cls)
    if _pending is not None and "jax" not in sys.modules:
        _pending.append(cls)
    else:
        _register(cls)
    return cls


def defer() -> None:
    """Hold back registration with JAX until :func:`register_pending` (used by the command line only)."""
    global _pending
    if _pending is None:
        _pending = []


def register_pending() -> None:
    """Register every class declared since :func:`defer`; from here on registration is immediate."""
    global _pending
    pending, _pending = _pending or [], None
    for cls in pending:
        _register(cls)
