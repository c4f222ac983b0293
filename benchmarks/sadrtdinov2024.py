"""Training the tick network of Sadrtdinov et al. (2024) on a sphere: lrtheory against PyTorch, and what reading costs.

What is compared, all in this process, on one core and with one thread, in float32 and interleaved, so that a busy
machine slows every row alike. A sweep is 23 rates x 10 training seeds of one data seed; a model-step is one iteration
of one model on a minibatch of 16, and counts as the 2 + 3 products of 16 x 32 x 32 of forward and backward (none for
the gradient of the inputs):

* *lrtheory*: ``lrtheory.simulate.simulate_paths``, the path of every sweep, in chunks of the size that a sweep chooses;
* *law scan*: ``lax.scan`` of ``SphereSGD.step`` in the same chunks, without schedule, records, or stopping;
* *bare scan*: ``lax.scan`` of the problem's gradient and the projection, without statistics and averages of
  checkpoints: of one model alone (what compiling the loop gives), of the rates of a seed, and of all models at once
  (what batching gives);
* *PyTorch loop*: the same training written for one model, eager, as one would write it;
* *torch.func*: ``vmap`` of ``grad`` over all models at once; it was faster than any smaller batch, and than nested
  ``vmap`` with the minibatch shared;
* *PyTorch, bmm*: all models at once by batched products, written out, with one backward pass for all.

Training sets and starts are made before; shuffles are drawn by every row as it goes. The step that lrtheory looks at
after the last record is counted, as it is simulated. Rates by wall time and by CPU time; the ratio by CPU time does not
suffer from other processes. That all of them train the same network is checked first: losses on one start and one order
of inputs, and the most by which they differ.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.rivals import Row, batching_line, gemm_rates, on_one_core, products, stacked, table_lines
from benchmarks.step import Timing, measure
from lrtheory import program, sweep
from lrtheory.dynamics import SphereSGD
from lrtheory.dynamics.sphere import on_sphere
from lrtheory.experiment import Axis, Experiment
from lrtheory.probes.sadrtdinov2024 import Basin, Curves, Features
from lrtheory.problems.sadrtdinov2024 import TickNetwork
from lrtheory.pytree import pytree
from lrtheory.schedules import Constant
from lrtheory.simulate import Keys, begin, cell_keys, simulate_paths
from lrtheory.sub_paths import Branches, SubPaths

#: Those of the paper.
RATES = tuple(10 ** np.r_[-4.5 + 0.25 * np.arange(9), -2.25 + 0.125 * np.arange(8), -1.25 + 0.25 * np.arange(6)])
SEEDS = 10
NET, LAW = TickNetwork(), SphereSGD()
PER_EPOCH = NET.n // NET.batch
#: Steps of the clock, epochs of many models and of one: about as long as each other.
STEPS, EPOCHS, EPOCHS_OF_ONE = 2, 8, 32
#: Steps of the clock between two readings, and how many readings; steps of the run that the ends are the end of.
BETWEEN, READINGS, WHOLE_RUN = 4, 10, 200
CHECK_RATE = 1e-2
FLOPS = 2 * (2 + 3) * NET.batch * NET.width**2
GOALS = {"PyTorch loop": 60, "torch.func": 3}


@pytree
class Given(TickNetwork):
    """The network on a training set and from a start that are given."""

    sample: Any = None
    start: Any = None

    def data(self, key: Any) -> Any:
        """Return the training set."""
        return self.sample

    def init(self, key: Any) -> Any:
        """Return the start."""
        return self.start


def experiment(**changes: Any) -> Experiment:
    """Return the sweep, as it would be declared."""
    declared: dict[str, Any] = {
        "name": "bench", "problem": NET, "dynamics": LAW, "schedule": Constant(rate=RATES[0]), "probes": (),
        "n_steps": STEPS, "axes": {"rate": Axis("schedule.rate", RATES)}, "seeds": SEEDS, "data_seeds": 1,
        "precision": "f32",
    }  # fmt: skip
    return Experiment(**{**declared, **changes})


def library(problem: Any, keys: Keys, n_steps: int) -> Any:
    """Return the results of lrtheory's own path for the rates of some seeds."""
    schedule = Constant(rate=jnp.asarray(RATES))
    steps = np.array([0, n_steps])
    law = stacked(LAW, len(RATES))
    return simulate_paths(problem, law, schedule, None, (), keys, steps, jax.vmap, jax.vmap)


def law_scan(problem: Any, keys: Keys, n_steps: int) -> Any:
    """Return the final states of a plain scan of the law's steps."""

    def cell(problem: Any, state: Any, rate: Any, key: Any) -> Any:
        return LAW.step(problem, problem.sample, state, rate, key)[0]

    def step(state: Any, i: Any) -> tuple[Any, None]:
        # Members draw together: only the rate and the state are theirs.
        members = jax.vmap(cell, (None, 0, 0, None))
        key = jax.vmap(jax.random.fold_in, (0, None))(keys.noise, i)
        return jax.vmap(members, (0, 0, None, 0))(problem, state, jnp.asarray(RATES), key), None

    state = jax.vmap(lambda p: stacked(LAW.init(p, p.sample, p.start), len(RATES)))(problem)
    return jax.lax.scan(step, state, jnp.arange(n_steps))[0]


def bare(problem: Any, key: Any, weights: Any, rates: Any, n_epochs: int) -> Any:
    """Return the weights after epochs of gradient and projection: of the rates of a seed, or of one model."""

    def moved(weights: Any, rate: Any, index: Any) -> Any:
        _, gradient = problem.batch_loss_and_gradient(weights, problem.sample, index)
        return on_sphere(jax.tree.map(lambda w, g: w - rate * g, weights, gradient), 1.0)

    def epoch(weights: Any, key: Any) -> tuple[Any, None]:
        move = jax.vmap(moved, (0, 0, None)) if rates.ndim else moved
        order = jax.random.permutation(key, problem.n).reshape(PER_EPOCH, problem.batch)
        return jax.lax.scan(lambda weights, index: (move(weights, rates, index), None), weights, order)[0], None

    return jax.lax.scan(epoch, weights, jax.random.split(key, n_epochs))[0]


def bare_scan(problem: Any, keys: Keys, n_epochs: int) -> Any:
    """Return the final weights of the rates of some seeds."""
    rates = jnp.asarray(RATES)
    start = jax.vmap(lambda p: stacked(p.start, len(RATES)))(problem)
    return jax.vmap(lambda p, k, w: bare(p, k, w, rates, n_epochs))(problem, keys.noise, start)


def bare_one(problem: Any, keys: Keys, n_epochs: int) -> Any:
    """Return the final weights of one model."""
    problem, keys = jax.tree.map(lambda v: v[0], (problem, keys))
    return bare(problem, keys.noise, problem.start, jnp.asarray(CHECK_RATE), n_epochs)


def prepared() -> tuple[Given, Keys]:
    """Return the network with training set and start, and the keys, of every seed."""
    keys = jax.vmap(lambda s: cell_keys(0, s, 0))(jnp.arange(SEEDS))
    sample, start = jax.jit(jax.vmap(lambda k: begin(NET, LAW, k)))(keys)
    fields = {field.name: getattr(stacked(NET, SEEDS), field.name) for field in dataclasses.fields(NET)}
    return Given(**fields, sample=sample, start=start), keys


def jax_jobs(chunk: int) -> dict[str, tuple[Callable[[], Any], int, int]]:
    """Return, for every row of JAX: the job, models at a time, model-steps."""
    everything = prepared()
    models, one_seed = len(RATES) * SEEDS, len(RATES)

    def job(function: Callable[..., Any], seeds: int, n: int, of: int = SEEDS) -> Callable[[], Any]:
        compiled = jax.jit(lambda problem, keys: function(problem, keys, n))
        parts = [jax.tree.map(lambda v, i=i: v[i : i + seeds], everything) for i in range(0, of, seeds)]
        return lambda: [jax.block_until_ready(compiled(*part)) for part in parts]

    long, epochs = STEPS * LAW.iterations, EPOCHS * PER_EPOCH
    return {
        "lrtheory": (job(library, chunk, STEPS), one_seed * chunk, models * (long + LAW.iterations)),
        "law scan": (job(law_scan, chunk, STEPS), one_seed * chunk, models * long),
        "bare scan, rates of a seed": (job(bare_scan, 1, EPOCHS), one_seed, models * epochs),
        "bare scan, all models": (job(bare_scan, SEEDS, EPOCHS), models, models * epochs),
        "bare scan, one model": (job(bare_one, 1, EPOCHS_OF_ONE, of=1), 1, EPOCHS_OF_ONE * PER_EPOCH),
    }


def reading_jobs() -> dict[str, Callable[[], Any]]:
    """Return what the rates of a seed take with the probes and without, on the path of a sweep."""
    n_steps = BETWEEN * READINGS
    branches = Branches(schedules=(Constant(rate=RATES[0]), Constant(rate=7.5e-3)), labels=("low", "high"))
    ends = {"n_steps": 1, "sub_paths": SubPaths(decay_steps=(1,), schedule=branches, n_steps=1, n_records=1)}
    kinds = {
        "read": {"n_steps": n_steps, "n_records": READINGS, "probes": (Curves(),)},
        "read twice": {"n_steps": n_steps, "n_records": 1, "probes": (Curves(),)},
        "ends": {**ends, "probes": (Basin(), Features())},
        "no ends": ends,
    }
    jobs = {}
    for name, changes in kinds.items():
        one = experiment(**changes)
        chunk = {"rate": len(RATES), "seed": 1, "data_seed": 1}
        run = sweep.Programs(one, jax.devices()[:1]).get({}, chunk).run
        region = {d: slice(0, n) for d, n in chunk.items()}
        jobs[name] = lambda run=run, region=region: run(region, jax.devices()[0])
    return jobs


def chunk_size() -> int:
    """Return how many seeds, of all rates, a sweep would run at a time on one core."""
    whole = experiment()
    chunk = sweep.plan(whole, sweep.Programs(whole, jax.devices()[:1]), None, None)[0].chunk
    assert chunk["rate"] == len(RATES), chunk
    return chunk["seed"]


def reading(spent: dict[str, Timing], a_step: float) -> list[str]:
    """Return what reading the probes costs, by CPU time; ``a_step`` is the time of one step of the clock."""
    cells = len(RATES)
    read = (spent["read"].cpu - spent["read twice"].cpu) / (READINGS - 1)
    share = read / (read + BETWEEN * a_step)
    ends = spent["ends"].cpu - spent["no ends"].cpu
    between = BETWEEN * LAW.iterations
    return [
        f"Curves every {between} iterations: {1e3 * read / cells:.2f} ms a model, {100 * share:.0f} % of the time "
        "(goal < 15 %)",
        f"Basin and Features, once at the end: {1e3 * ends / cells:.0f} ms a model, "
        f"{100 * ends / (ends + WHOLE_RUN * a_step):.1f} % of 10,000 + 2 x 5,000 iterations",
    ]


def main() -> list[str]:
    """Return the lines of the table."""
    on_one_core()
    with program.precision(experiment()):
        return lines()


def lines() -> list[str]:
    """Measure, and return the lines of the table."""
    # It takes the setting from here.
    from benchmarks.sadrtdinov2024_torch import Rivals

    try:
        rivals = Rivals()
    except ImportError as error:
        raise SystemExit(f"sadrtdinov2024: this part needs PyTorch: {error}") from None
    checked = rivals.check()
    rows = {**jax_jobs(chunk_size()), **rivals.jobs()}
    spent = measure({**{k: job for k, (job, _, _) in rows.items()}, **products(rivals), **reading_jobs()}, repeats=7)
    table = {k: Row(k, models, *(steps / t for t in spent[k])) for k, (_, models, steps) in rows.items()}
    ours = table["lrtheory"]
    what = f"tick network on a sphere: float32, n={NET.n} B={NET.batch}, {len(RATES)} rates x {SEEDS} seeds"
    out = table_lines(what, table, gemm_rates(spent), FLOPS)
    ratios = (f"{ours.cpu / table[k].cpu:.1f} x {k} (goal >= {goal})" for k, goal in GOALS.items())
    out.append(f"lrtheory: {', '.join(ratios)}")
    out.append(batching_line(table, len(RATES)))
    return [*out, *reading(spent, LAW.iterations * len(RATES) / ours.cpu), checked]
