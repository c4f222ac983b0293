"""What laws of motion share unless they say otherwise: the state is the parameters, and a step takes ``lr`` of time."""

from __future__ import annotations

from typing import Any, ClassVar

from lrtheory.errors import ConfigError
from lrtheory.gaussian import fold_in


class Law:
    """A law of motion whose state is the parameters themselves.

    ``requires`` names the methods that the law asks of a problem, beyond ``loss``. ``stays_in_span`` says that every
    update is a combination of the start, earlier updates and gradients (noise made of gradients included), with
    coefficients that know inner products only: a problem may then be reduced to the coordinates of that span. It holds
    for the ``step`` of the class that says it, not for that of a subclass which does not repeat it.

    ``shares_draws`` says that what a step draws is costly, and is to be drawn once for all members of a group: they see
    the same draws in any case, but are then batched in another way, in which the last bits depend on their number.
    """

    stays_in_span: ClassVar[bool] = False
    shares_draws: ClassVar[bool] = False
    requires: ClassVar[tuple[str, ...]] = ()

    def init(self, problem: Any, data: Any, params: Any) -> Any:
        """Return the state, which is the parameters.

        Raises:
            ConfigError: when the problem lacks a method that the law requires.
        """
        for name in self.requires:
            if not callable(getattr(problem, name, None)):
                law, kind = type(self).__name__, type(problem).__name__
                raise ConfigError(f"dynamics = {law} needs a problem with the method {name!r}, which {kind} lacks")
        return params

    def params(self, state: Any) -> Any:
        """Return the parameters."""
        return state

    def draws(self, noise_key: Any, step: Any) -> Any:
        """Return what a step draws from, given the key of all noise of a path: a key of its own."""
        return fold_in(noise_key, step)

    def dt(self, lr: Any) -> Any:
        """Return the time advanced by a step: ``lr``."""
        return lr
