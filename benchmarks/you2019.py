"""Training the pattern network after You et al. (2019): lrtheory against PyTorch, and against what the core can do.

What is compared, all in this process, on one core and with one thread, in float32 and interleaved, so that a busy
machine slows every row alike. A sweep is four constant rates x ten seeds; a model-step is one iteration of one model
on a minibatch of 32, and counts as the 3 + 5 products of forward and backward (none for the gradient of the inputs):

* *lrtheory*: ``lrtheory.simulate.simulate_paths``, the path of every sweep, one chunk of the size that a sweep chooses;
* *law scan*: ``lax.scan`` of ``EpochSGD.step`` in the same chunk, without schedule, records, or stopping;
* *bare scan*: ``lax.scan`` of the problem's gradient and the step, without averages of checkpoints: of one model alone
  (what compiling the loop gives), and of the rates of a seed (what batching gives);
* *PyTorch loop*: ``nn.Sequential`` and ``torch.optim.SGD`` for one model, eager, on batches of permuted rows;
* *PyTorch DataLoader*: the same with a ``DataLoader`` that shuffles, and the loss read at every iteration;
* *torch.func*: ``vmap`` of ``grad`` over the rates of a seed, which share the minibatch;
* *PyTorch, bmm*: the same by batched products, written out, with one backward pass for all.

Training sets and starts are made before; shuffles are drawn by every row as it goes. The step that lrtheory looks at
after the last record is counted, as it is simulated. Rates by wall time and by CPU time; the ratio by CPU time does not
suffer from other processes. An iteration is nearly all products, so the rate of a large square product bounds what any
program can gain over the PyTorch loop on this core: the table says by how much. That all of them train the same network
is checked first: losses on one start and one order of inputs, and the most by which they differ.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.rivals import Row, batching_line, gemm_rates, on_one_core, products, stacked, table_lines
from benchmarks.step import measure
from lrtheory import program, sweep
from lrtheory.dynamics import EpochSGD
from lrtheory.experiment import Axis, Experiment
from lrtheory.problems.you2019 import PatternNetwork
from lrtheory.pytree import pytree
from lrtheory.schedules import Constant
from lrtheory.simulate import Keys, begin, cell_keys, simulate_paths

RATES = (2.0, 0.1, 0.03, 1.0)
SEEDS = 10
NET, LAW = PatternNetwork(), EpochSGD(weight_decay=2e-3, iterations=25)
#: An epoch is 137.5 batches, so epochs come in pairs, in the bare scan and in PyTorch.
PER_PAIR = 2 * NET.n // NET.batch
#: Steps of the clock (eleven are two epochs); pairs of epochs of the rates of a seed, and of one model.
STEPS, PAIRS, PAIRS_OF_ONE = 11, 1, 1
CHECK_RATE = 0.1
WIDTHS = (NET.d, *NET.network.hidden, NET.classes)
LAYERS = tuple(a * b for a, b in itertools.pairwise(WIDTHS))
FLOPS = 2 * NET.batch * (3 * sum(LAYERS) - LAYERS[0])
GOAL = 20


@pytree
class Given(PatternNetwork):
    """The network on a training set and from a start that are given."""

    sample: Any = None
    start: Any = None

    def data(self, key: Any) -> Any:
        """Return the training set."""
        return self.sample

    def init(self, key: Any) -> Any:
        """Return the start."""
        return self.start


def experiment() -> Experiment:
    """Return the sweep, as it would be declared."""
    return Experiment(
        name="bench", problem=NET, dynamics=LAW, schedule=Constant(rate=RATES[0]), probes=(), n_steps=STEPS,
        axes={"rate": Axis("schedule.rate", RATES)}, seeds=SEEDS, precision="f32",
    )  # fmt: skip


def library(problem: Any, keys: Keys) -> Any:
    """Return the results of lrtheory's own path for the rates of some seeds."""
    law, schedule = stacked(LAW, len(RATES)), Constant(rate=jnp.asarray(RATES))
    return simulate_paths(problem, law, schedule, None, (), keys, np.array([0, STEPS]), jax.vmap, jax.vmap)


def law_scan(problem: Any, keys: Keys) -> Any:
    """Return the final states of a plain scan of the law's steps."""

    def cell(problem: Any, state: Any, rate: Any, key: Any, i: Any) -> Any:
        return LAW.step(problem, problem.sample, state, rate, LAW.draws(key, i))[0]

    def step(state: Any, i: Any) -> tuple[Any, None]:
        # Members draw together: only the rate and the state are theirs.
        members = jax.vmap(cell, (None, 0, 0, None, None))
        return jax.vmap(members, (0, 0, None, 0, None))(problem, state, jnp.asarray(RATES), keys.noise, i), None

    state = jax.vmap(lambda p: stacked(LAW.init(p, p.sample, p.start), len(RATES)))(problem)
    return jax.lax.scan(step, state, jnp.arange(STEPS))[0]


def bare(problem: Any, key: Any, weights: Any, rates: Any, n_pairs: int) -> Any:
    """Return the weights after pairs of epochs of gradient and step: of the rates of a seed, or of one model."""

    def moved(weights: Any, rate: Any, index: Any) -> Any:
        _, gradient = problem.batch_loss_and_gradient(weights, problem.sample, index)
        return jax.tree.map(lambda w, g: w - rate * (g + LAW.weight_decay * w), weights, gradient)

    def pair(weights: Any, key: Any) -> tuple[Any, None]:
        move = jax.vmap(moved, (0, 0, None)) if rates.ndim else moved
        orders = jax.vmap(lambda k: jax.random.permutation(k, problem.n))(jax.random.split(key))
        inputs = orders.reshape(PER_PAIR, problem.batch)
        return jax.lax.scan(lambda weights, index: (move(weights, rates, index), None), weights, inputs)[0], None

    return jax.lax.scan(pair, weights, jax.random.split(key, n_pairs))[0]


def bare_scan(problem: Any, keys: Keys) -> Any:
    """Return the final weights of the rates of one seed."""
    problem, keys = jax.tree.map(lambda v: v[0], (problem, keys))
    return bare(problem, keys.noise, stacked(problem.start, len(RATES)), jnp.asarray(RATES), PAIRS)


def bare_one(problem: Any, keys: Keys) -> Any:
    """Return the final weights of one model."""
    problem, keys = jax.tree.map(lambda v: v[0], (problem, keys))
    return bare(problem, keys.noise, problem.start, jnp.asarray(CHECK_RATE), PAIRS_OF_ONE)


@functools.cache
def prepared() -> tuple[Given, Keys]:
    """Return the network with training set and start, and the keys, of every seed."""
    keys = jax.vmap(lambda s: cell_keys(0, s))(jnp.arange(SEEDS))
    sample, start = jax.jit(jax.vmap(lambda k: begin(NET, LAW, k)))(keys)
    fields = {field.name: getattr(stacked(NET, SEEDS), field.name) for field in dataclasses.fields(NET)}
    return Given(**fields, sample=sample, start=start), keys


def chunk_size() -> int:
    """Return how many seeds, of all rates, a sweep would run at a time on one core."""
    whole = experiment()
    chunk = sweep.plan(whole, sweep.Programs(whole, jax.devices()[:1]), None, None)[0].chunk
    assert chunk["rate"] == len(RATES), chunk
    return chunk["seed"]


def jax_jobs(chunk: int) -> dict[str, tuple[Callable[[], Any], int, int]]:
    """Return, for every row of JAX: the job, models at a time, model-steps."""
    everything = prepared()
    models, one_seed = len(RATES) * chunk, len(RATES)

    def job(function: Callable[..., Any], seeds: int) -> Callable[[], Any]:
        compiled = jax.jit(function)
        part = jax.tree.map(lambda v: v[:seeds], everything)
        return lambda: compiled(*part)

    # Chunks run one after another, so that one of them has the rate of all.
    return {
        "lrtheory": (job(library, chunk), models, models * (STEPS + 1) * LAW.iterations),
        "law scan": (job(law_scan, chunk), models, models * STEPS * LAW.iterations),
        "bare scan, rates of a seed": (job(bare_scan, 1), one_seed, one_seed * PAIRS * PER_PAIR),
        "bare scan, one model": (job(bare_one, 1), 1, PAIRS_OF_ONE * PER_PAIR),
    }


def main() -> list[str]:
    """Return the lines of the table."""
    on_one_core()
    with program.precision(experiment()):
        return lines()


def lines() -> list[str]:
    """Measure, and return the lines of the table."""
    # It takes the setting from here.
    from benchmarks.you2019_torch import Rivals

    try:
        rivals = Rivals()
    except ImportError as error:
        raise SystemExit(f"you2019: this part needs PyTorch: {error}") from None
    checked = rivals.check()
    rows = {**jax_jobs(chunk_size()), **rivals.jobs()}
    spent = measure({**{k: job for k, (job, _, _) in rows.items()}, **products(rivals)}, repeats=5)
    table = {k: Row(k, models, *(steps / t for t in spent[k])) for k, (_, models, steps) in rows.items()}
    ours, loop, gemm = table["lrtheory"], table["PyTorch loop"], gemm_rates(spent)
    what = f"pattern network: float32, n={NET.n} B={NET.batch}, {len(RATES)} rates x {SEEDS} seeds"
    out = table_lines(what, table, gemm, FLOPS)
    bound = max(gemm.values()) * 1e9 / FLOPS / loop.cpu
    out.append(
        f"lrtheory: {ours.cpu / loop.cpu:.1f} x PyTorch loop (goal >= {GOAL}). At the GEMM rate the products alone, "
        f"{FLOPS / 1e6:.1f} MFLOP a model-step, are {bound:.1f} x PyTorch loop: "
        + ("no program reaches the goal on this core" if bound < GOAL else "the goal is within this bound")
    )
    out.append(batching_line(table, len(RATES)))
    return [*out, checked]
