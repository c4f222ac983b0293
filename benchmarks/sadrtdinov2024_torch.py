"""The training of :mod:`benchmarks.sadrtdinov2024` in PyTorch, three ways, and whether it is the same training."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.rivals import SQUARE
from benchmarks.sadrtdinov2024 import (
    CHECK_RATE,
    EPOCHS,
    EPOCHS_OF_ONE,
    LAW,
    NET,
    PER_EPOCH,
    RATES,
    SEEDS,
    prepared,
)
from lrtheory.dynamics import SphereSGD
from lrtheory.pytree import pytree

#: Iterations in which the losses of all rivals are compared.
CHECKED = 50


@pytree
class Ordered(SphereSGD):
    """The law on an order of inputs that is given."""

    order: Any = None

    def _orders(self, problem: Any, key: Any) -> Any:
        """Return the order."""
        return self.order


class Rivals:
    """The same training in PyTorch; every method returns the losses of the minibatches, on the way."""

    def __init__(self) -> None:
        """Raise ``ImportError`` where there is no PyTorch."""
        import torch

        self.torch = torch
        torch.set_num_threads(1)
        torch.manual_seed(0)
        problem, _ = prepared()
        self.x, self.y, self.head = (torch.from_numpy(np.array(v)) for v in problem.sample)
        self.w1, self.w2 = (torch.from_numpy(np.array(problem.start[k])) for k in ("w1", "w2"))
        self.rates = torch.tensor(RATES, dtype=torch.float32)

    def output(self, w1: Any, w2: Any, x: Any, head: Any) -> Any:
        """Return the output of the network."""
        f = self.torch.nn.functional
        hidden = f.relu(f.layer_norm(f.linear(x, w1), (NET.width,), eps=NET.eps))
        hidden = f.relu(f.layer_norm(f.linear(hidden, w2), (NET.width,), eps=NET.eps))
        return hidden @ head

    def loss(self, w1: Any, w2: Any, x: Any, y: Any, head: Any) -> Any:
        """Return the logistic loss."""
        return self.torch.nn.functional.softplus(-y * self.output(w1, w2, x, head)).mean()

    def orders(self, n_epochs: int, seeds: int) -> Iterable[Any]:
        """Draw the order of the inputs of each epoch, (seeds, n)."""
        return (self.torch.stack([self.torch.randperm(NET.n) for _ in range(seeds)]) for _ in range(n_epochs))

    def batches(self, orders: Iterable[Any], seeds: slice) -> Iterable[tuple[Any, Any]]:
        """Return the minibatches of the epochs, x (seeds, batch, .) and y (seeds, batch)."""
        for order in orders:
            x = self.torch.take_along_dim(self.x[seeds], order[..., None], 1)
            y = self.torch.take_along_dim(self.y[seeds], order, 1)
            yield from zip(x.split(NET.batch, 1), y.split(NET.batch, 1), strict=True)

    def loop(self, orders: Iterable[Any], rate: float = CHECK_RATE) -> list[Any]:
        """Train one model."""
        torch = self.torch
        w1, w2 = (w[0].clone().requires_grad_() for w in (self.w1, self.w2))
        head, losses = self.head[0], []
        for order in orders:
            x, y = self.x[0][order[0]], self.y[0][order[0]]
            for x_b, y_b in zip(x.split(NET.batch), y.split(NET.batch), strict=True):
                loss = self.loss(w1, w2, x_b, y_b, head)
                g1, g2 = torch.autograd.grad(loss, (w1, w2))
                with torch.no_grad():
                    w1.sub_(g1, alpha=rate)
                    w2.sub_(g2, alpha=rate)
                    norm = torch.hypot(w1.norm(), w2.norm())
                    w1.div_(norm)
                    w2.div_(norm)
                losses.append(loss.detach())
        return losses

    def all_models(self, orders: Iterable[Any], gradients: Callable[..., Any]) -> list[Any]:
        """Train all models at once, seed by seed and rate by rate: losses (models,)."""
        torch, n = self.torch, len(RATES)
        w1, w2 = (w.repeat_interleave(n, 0) for w in (self.w1, self.w2))
        rate = self.rates.repeat(SEEDS)[:, None, None]
        losses = []
        for x, y in self.batches(orders, slice(None)):
            (g1, g2), loss = gradients(w1, w2, x, y)
            w1.sub_(g1.mul_(rate))
            w2.sub_(g2.mul_(rate))
            norm = torch.hypot(*(torch.linalg.vector_norm(w, dim=(1, 2), keepdim=True) for w in (w1, w2)))
            w1.div_(norm)
            w2.div_(norm)
            losses.append(loss)
        return losses

    def func(self, orders: Iterable[Any]) -> list[Any]:
        """Train all models at once by vmap of grad."""
        vmapped = self.torch.func.vmap(self.torch.func.grad_and_value(self.loss, argnums=(0, 1)))
        n = len(RATES)
        head = self.head.repeat_interleave(n, 0)
        return self.all_models(
            orders, lambda w1, w2, x, y: vmapped(w1, w2, x.repeat_interleave(n, 0), y.repeat_interleave(n, 0), head)
        )

    def bmm(self, orders: Iterable[Any]) -> list[Any]:
        """Train all models at once by batched products: one of the first layer a seed, one of the second a model."""
        torch, f, n = self.torch, self.torch.nn.functional, len(RATES)
        head = self.head.repeat_interleave(n, 0)[..., None]

        def normalised(h: Any) -> Any:
            return f.relu(f.layer_norm(h, (NET.width,), eps=NET.eps))

        def gradients(w1: Any, w2: Any, x: Any, y: Any) -> Any:
            w1, w2 = w1.requires_grad_(), w2.requires_grad_()
            with torch.enable_grad():
                h = torch.bmm(x, w1.view(SEEDS, n * NET.width, -1).mT).view(SEEDS, NET.batch, n, NET.width)
                h = normalised(h).transpose(1, 2).reshape(SEEDS * n, NET.batch, NET.width)
                out = torch.bmm(normalised(torch.bmm(h, w2.mT)), head).view(SEEDS, n, NET.batch)
                loss = f.softplus(-y[:, None] * out).mean(-1).flatten()
                return torch.autograd.grad(loss.sum(), (w1, w2)), loss.detach()

        with torch.no_grad():
            return self.all_models(orders, gradients)

    def jobs(self) -> dict[str, tuple[Callable[[], Any], int, int]]:
        """Return, for every row of PyTorch: the job, models at a time, model-steps."""
        models = len(RATES) * SEEDS
        steps, of_one = EPOCHS * PER_EPOCH * models, EPOCHS_OF_ONE * PER_EPOCH
        return {
            "PyTorch loop": (lambda: self.loop(self.orders(EPOCHS_OF_ONE, 1)), 1, of_one),
            "torch.func": (lambda: self.func(self.orders(EPOCHS, SEEDS)), models, steps),
            "PyTorch, bmm": (lambda: self.bmm(self.orders(EPOCHS, SEEDS)), models, steps),
        }

    def square(self) -> Callable[[], Any]:
        """Return a job that is one square product."""
        a = self.torch.ones(SQUARE, SQUARE)
        return lambda: a @ a

    def check(self) -> str:
        """Compare the losses of all of them with those of the library, from one start and on one order of inputs."""
        n_epochs = -(-CHECKED // PER_EPOCH)
        orders = [self.torch.randperm(NET.n).expand(SEEDS, -1) for _ in range(n_epochs)]
        problem, keys = jax.tree.map(lambda v: v[0], prepared())
        inputs = jnp.concatenate([jnp.asarray(o[0].numpy()) for o in orders]).reshape(-1, NET.batch)[:CHECKED]

        def step(state: Any, order: Any) -> tuple[Any, Any]:
            law = Ordered(iterations=1, order=order)
            state, observed = law.step(problem, problem.sample, state, jnp.asarray(CHECK_RATE), keys.noise)
            return state, observed["loss"]

        state = LAW.init(problem, problem.sample, problem.start)
        ours = np.asarray(jax.jit(lambda state: jax.lax.scan(step, state, inputs)[1])(state))
        at = int(np.argmin(np.abs(np.array(RATES) - CHECK_RATE)))
        theirs = {
            "PyTorch loop": self.torch.stack(self.loop(orders)),
            "torch.func": self.torch.stack(self.func(orders))[:, at],
            "PyTorch, bmm": self.torch.stack(self.bmm(orders))[:, at],
        }
        apart = {k: float(np.abs(v.numpy()[:CHECKED] - ours).max()) for k, v in theirs.items()}
        return (
            f"same training: {CHECKED} iterations at rate {CHECK_RATE:g}, loss {ours[0]:.3f} to {ours[-1]:.3f}, "
            f"at most apart from lrtheory: {', '.join(f'{k} {v:.0e}' for k, v in apart.items())}"
        )
