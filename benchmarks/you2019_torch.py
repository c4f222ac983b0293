"""The training of :mod:`benchmarks.you2019` in PyTorch, four ways, and whether it is the same training."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.rivals import SQUARE
from benchmarks.you2019 import CHECK_RATE, LAW, NET, PAIRS, PAIRS_OF_ONE, PER_PAIR, RATES, WIDTHS, prepared
from lrtheory.dynamics import EpochSGD
from lrtheory.pytree import pytree

#: Iterations in which the losses of all rivals are compared.
CHECKED = 50
#: That of flax; the default of PyTorch is ten times larger.
EPS = 1e-6


@pytree
class Ordered(EpochSGD):
    """The law on an order of inputs that is given."""

    order: Any = None

    def _inputs(self, problem: Any, draws: Any) -> Any:
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
        problem, _ = jax.tree.map(lambda v: v[0], prepared())
        self.x = torch.from_numpy(np.array(problem.sample.x))
        self.y = torch.from_numpy(np.array(problem.sample.y)).long()
        # (inputs, outputs) of each layer, the first layer first.
        self.start = [torch.from_numpy(np.array(leaf)) for leaf in jax.tree.leaves(problem.start)]

    def batches(self, n_pairs: int) -> Iterable[Any]:
        """Draw the rows of the batches of pairs of epochs."""
        for _ in range(n_pairs):
            yield from self.torch.cat([self.torch.randperm(NET.n) for _ in range(2)]).split(NET.batch)

    def model(self, rate: float) -> tuple[Any, Any]:
        """Return a network at the start, and its optimiser."""
        nn = self.torch.nn
        layers: list[Any] = []
        for before, after in itertools.pairwise(WIDTHS[:-1]):
            norm = nn.LayerNorm(after, eps=EPS, elementwise_affine=False)
            layers += [nn.Linear(before, after, bias=False), norm, nn.ReLU()]
        net = nn.Sequential(*layers, nn.Linear(*WIDTHS[-2:], bias=False))
        with self.torch.no_grad():
            for own, given in zip(net.parameters(), self.start, strict=True):
                own.copy_(given.T)
        return net, self.torch.optim.SGD(net.parameters(), lr=rate, weight_decay=LAW.weight_decay)

    def loop(self, batches: Iterable[Any], rate: float = CHECK_RATE) -> list[Any]:
        """Train one model on batches of rows."""
        net, optimiser = self.model(rate)
        losses = []
        for rows in batches:
            loss = self.torch.nn.functional.cross_entropy(net(self.x[rows]), self.y[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.detach())
        return losses

    def loader(self, n_epochs: int, rate: float = CHECK_RATE, **order: Any) -> list[float]:
        """Train one model on what a ``DataLoader`` hands out."""
        net, optimiser = self.model(rate)
        data = self.torch.utils.data
        loader = data.DataLoader(data.TensorDataset(self.x, self.y), batch_size=NET.batch, **order)
        losses = []
        for _ in range(n_epochs):
            for x, y in loader:
                optimiser.zero_grad()
                loss = self.torch.nn.functional.cross_entropy(net(x), y)
                loss.backward()
                optimiser.step()
                losses.append(loss.item())
        return losses

    def all_rates(self, batches: Iterable[Any], gradients: Callable[..., Any]) -> list[Any]:
        """Train the rates of a seed at once: losses (rates,)."""
        weights = [w.expand(len(RATES), -1, -1).clone() for w in self.start]
        rate = self.torch.tensor(RATES)[:, None, None]
        losses = []
        for rows in batches:
            gradient, loss = gradients(weights, self.x[rows], self.y[rows])
            for w, g in zip(weights, gradient, strict=True):
                w.sub_(g.add_(w, alpha=LAW.weight_decay).mul_(rate))
            losses.append(loss)
        return losses

    def func(self, batches: Iterable[Any]) -> list[Any]:
        """Train the rates of a seed by vmap of grad."""
        f = self.torch.nn.functional

        def loss(weights: Any, x: Any, y: Any) -> Any:
            *hidden, last = weights
            for w in hidden:
                x = f.relu(f.layer_norm(x @ w, w.shape[-1:], eps=EPS))
            return f.cross_entropy(x @ last, y)

        graded = self.torch.func.grad_and_value(loss)
        return self.all_rates(batches, self.torch.func.vmap(graded, in_dims=(0, None, None)))

    def bmm(self, batches: Iterable[Any]) -> list[Any]:
        """Train the rates of a seed by batched products."""
        torch, f = self.torch, self.torch.nn.functional

        def gradients(weights: Any, x: Any, y: Any) -> Any:
            *hidden, last = leaves = [w.requires_grad_() for w in weights]
            with torch.enable_grad():
                h = x.expand(len(RATES), -1, -1)
                for w in hidden:
                    h = f.relu(f.layer_norm(torch.bmm(h, w), w.shape[-1:], eps=EPS))
                logits = torch.bmm(h, last).flatten(0, 1)
                each = f.cross_entropy(logits, y.repeat(len(RATES)), reduction="none")
                loss = each.view(len(RATES), -1).mean(-1)
                return torch.autograd.grad(loss.sum(), leaves), loss.detach()

        with torch.no_grad():
            return self.all_rates(batches, gradients)

    def jobs(self) -> dict[str, tuple[Callable[[], Any], int, int]]:
        """Return, for every row of PyTorch: the job, models at a time, model-steps."""
        models = len(RATES)
        # A DataLoader ends each epoch with half a batch, which counts as half a step.
        of_one, steps = PAIRS_OF_ONE * PER_PAIR, PAIRS * PER_PAIR * models
        return {
            "PyTorch loop": (lambda: self.loop(self.batches(PAIRS_OF_ONE)), 1, of_one),
            "PyTorch DataLoader": (lambda: self.loader(2 * PAIRS_OF_ONE, shuffle=True), 1, of_one),
            "torch.func": (lambda: self.func(self.batches(PAIRS)), models, steps),
            "PyTorch, bmm": (lambda: self.bmm(self.batches(PAIRS)), models, steps),
        }

    def square(self) -> Callable[[], Any]:
        """Return a job that is one square product."""
        a = self.torch.ones(SQUARE, SQUARE)
        return lambda: a @ a

    def check(self) -> str:
        """Compare the losses of all of them with those of the library, from one start and on one order of inputs."""
        order = self.torch.randperm(NET.n)[: CHECKED * NET.batch]
        batches = order.split(NET.batch)
        problem, keys = jax.tree.map(lambda v: v[0], prepared())

        def step(state: Any, rows: Any) -> tuple[Any, Any]:
            law = Ordered(weight_decay=LAW.weight_decay, iterations=1, order=rows)
            state, observed = law.step(problem, problem.sample, state, jnp.asarray(CHECK_RATE), keys.noise)
            return state, observed["loss"]

        state = LAW.init(problem, problem.sample, problem.start)
        inputs = jnp.asarray(order.numpy()).reshape(CHECKED, NET.batch)
        ours = np.asarray(jax.jit(lambda state: jax.lax.scan(step, state, inputs)[1])(state))
        at = RATES.index(CHECK_RATE)
        theirs = {
            "PyTorch loop": self.torch.stack(self.loop(batches)),
            "PyTorch DataLoader": self.torch.tensor(self.loader(1, sampler=order.tolist())),
            "torch.func": self.torch.stack(self.func(batches))[:, at],
            "PyTorch, bmm": self.torch.stack(self.bmm(batches))[:, at],
        }
        apart = {k: float(np.abs(v.numpy() - ours).max()) for k, v in theirs.items()}
        return (
            f"same training: {CHECKED} iterations at rate {CHECK_RATE:g}, loss {ours[0]:.3f} to {ours[-1]:.3f}, "
            f"at most apart from lrtheory: {', '.join(f'{k} {v:.0e}' for k, v in apart.items())}"
        )
