"""Proxies for ``jax`` and its friends that import on first use.

Importing JAX takes longer than answering ``lrtheory --help`` or naming a misspelt field should take, so modules
that *declare* things (problems, dynamics, schedules, probes) write ``from lrtheory.lazy import jax, jnp`` and touch
the proxies only inside functions. The first touch also refuses the JAX releases known to compute wrong numbers.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp
    import optax
else:

    class _Lazy:
        """A module that is imported when one of its attributes is first read."""

        def __init__(self, name: str) -> None:
            self._name = name

        def __getattr__(self, attribute: str) -> Any:
            from lrtheory.versions import check_installed_jax

            check_installed_jax()
            value = getattr(importlib.import_module(self._name), attribute)
            # Later reads find the value in the instance and never come here again.
            setattr(self, attribute, value)
            return value

    jax = _Lazy("jax")
    jnp = _Lazy("jax.numpy")
    optax = _Lazy("optax")

__all__ = ["jax", "jnp", "optax"]
