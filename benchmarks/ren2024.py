"""One step of the nonlinear model of Ren, Ma, Ying (2024) on its reference problem, and the run behind its figure.

What is compared, all in this process, on one core, in float64 and interleaved, so that a busy machine slows every row
alike:

* *lrtheory*: ``lrtheory.simulate.simulate``, the path of every sweep, in the n + 1 coordinates in which SGD moves;
* *all d coordinates*: the same of the form that keeps all d of them;
* *bare scan*: ``lax.scan`` of ``MinibatchSGD.step`` over the same cells in n + 1 coordinates, without schedule,
  records, or stopping; the numbers of problem, law and schedule are arguments of the program, as in a sweep, or fixed
  in it, so that the power gamma = 1 is compiled to a square root;
* *NumPy, one run*: the loop that one would write for a single run in all d coordinates: plain, as the formulas say, or
  tuned (random numbers drawn ahead, every product computed once).

A row runs 1,024 seeds, each with a training set of its own (128 in a thousand dimensions), in chunks of the size that a
sweep would choose, one after another. Training sets and starts are made before. Rates count the steps of a cell, by
wall time and by CPU time; the ratio by CPU time does not suffer from other processes.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import lrtheory
from benchmarks.step import measure
from lrtheory import program, sweep
from lrtheory.dynamics import MinibatchSGD
from lrtheory.experiment import Experiment
from lrtheory.probes.ren2024 import Manifold
from lrtheory.problems.ren2024 import FullNormScaledRegression, NormScaledRegression
from lrtheory.pytree import pytree
from lrtheory.schedules import Constant
from lrtheory.simulate import Keys, begin, cell_keys, simulate
from lrtheory.sub_paths import SubPaths

CELLS, STEPS = 1024, 4000
HIGH, LOW = 1e-3, 1e-4
LAW = MinibatchSGD()
P0 = NormScaledRegression(n=20, d=100, gamma=1.0, label_noise=1.0, static_noise=0.1, alpha_star=1.0, radius=3.0)
FIELDS = {field.name: getattr(P0, field.name) for field in dataclasses.fields(P0)}
SEEDS = 64
DECAY_STEPS = (0, 2000, 4000, 8000, 12000, 16000, 24000, 32000, 44000, 60000)


class Row(NamedTuple):
    """One line of the table: what, how many cells at a time, steps of a cell a second by wall time and by CPU time."""

    name: str
    chunk: int
    wall: float
    cpu: float


def chunk_size(problem: Any) -> int:
    """Return how many cells of a problem a sweep would run at a time on one core."""
    experiment = Experiment(
        name="bench", problem=problem, dynamics=LAW, schedule=Constant(rate=HIGH), probes=(), n_steps=1, seeds=CELLS,
        precision="f64",
    )  # fmt: skip
    devices = jax.devices()[:1]
    with program.precision(experiment):
        return sweep.plan(experiment, sweep.Programs(experiment, devices), None, None)[0].chunk["seed"]


@pytree
class Given(FullNormScaledRegression):
    """The same regression on a training set and from a start that are given, in whichever coordinates."""

    sample: Any = None
    start: Any = None

    def data(self, key: Any) -> Any:
        """Return the training set."""
        return self.sample

    def init(self, key: Any) -> Any:
        """Return the weights of the start."""
        return self.start


def library(problem: Any, keys: Keys, n_steps: int) -> Any:
    """Return the results of lrtheory's own path for a batch of cells."""
    law, schedule = (jax.tree.map(lambda v: jnp.full(1, v, float), part) for part in (LAW, Constant(rate=HIGH)))
    steps = np.array([0, n_steps])
    return simulate(problem, law, schedule, (), keys, steps, over_groups=jax.vmap, over_members=jax.vmap)


def bare(problem: Any, keys: Keys, n_steps: int) -> Any:
    """Return the final states of a plain scan of the same steps."""
    state = jax.vmap(lambda p: LAW.init(p, p.sample, p.start))(problem)

    def cell(problem: Any, state: Any, key: Any, i: Any) -> Any:
        return LAW.step(problem, problem.sample, state, HIGH, jax.random.fold_in(key, i))[0]

    def step(state: Any, i: Any) -> tuple[Any, None]:
        return jax.vmap(cell, (0, 0, 0, None))(problem, state, keys.noise, i), None

    return jax.lax.scan(step, state, jnp.arange(n_steps))[0]


def bare_fixed(problem: Any, keys: Keys, n_steps: int) -> Any:
    """Return the same, with numbers of the problem that are fixed in the program."""
    state = jax.vmap(lambda p: LAW.init(p, p.sample, p.start))(problem)

    def cell(sample: Any, state: Any, key: Any, i: Any) -> Any:
        return LAW.step(P0, sample, state, HIGH, jax.random.fold_in(key, i))[0]

    def step(state: Any, i: Any) -> tuple[Any, None]:
        return jax.vmap(cell, (0, 0, 0, None))(problem.sample, state, keys.noise, i), None

    return jax.lax.scan(step, state, jnp.arange(n_steps))[0]


def chunks(problem: Any, cells: int, size: int) -> list[tuple[Any, Keys]]:
    """Return problems and keys of all cells, ``size`` of them at a time; the last chunk is filled up, as in a sweep."""
    made = jax.jit(jax.vmap(lambda key: begin(problem, LAW, key)))
    parts = []
    for i in range(0, cells, size):
        keys = jax.vmap(lambda s: cell_keys(0, s))(jnp.minimum(jnp.arange(i, i + size), cells - 1))
        sample, start = made(keys)
        numbers = jax.tree.map(lambda v: jnp.full(size, v, float), problem)
        fields = {field.name: getattr(numbers, field.name) for field in dataclasses.fields(numbers)}
        parts.append((Given(**fields, sample=sample, start=start), keys))
    return parts


def chunked(function: Callable[..., Any], parts: list[tuple[Any, Keys]], n_steps: int) -> Callable[[], Any]:
    """Return a job that runs one chunk after another."""
    compiled = jax.jit(lambda problem, keys: function(problem, keys, n_steps))
    return lambda: [jax.block_until_ready(compiled(*part)) for part in parts]


def numpy_loops(n_steps: int) -> dict[str, Callable[[], Any]]:
    """Return jobs that do ``n_steps`` of one run, written for that run alone."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((P0.n, P0.d))
    y = x[:, 0] + P0.static_noise * rng.standard_normal(P0.n)
    start = rng.standard_normal(P0.d)
    start *= P0.radius**0.5 / np.linalg.norm(start)

    def plain() -> Any:
        w = start
        for _ in range(n_steps):
            i = rng.integers(P0.n)
            norm = np.linalg.norm(w)
            residual = norm**P0.gamma * (x[i] @ w) - y[i] - P0.label_noise * rng.standard_normal()
            gradient = norm**P0.gamma * (x[i] + P0.gamma * (w @ x[i]) * w / norm**2)
            w = w - HIGH * residual * gradient
        return w

    def tuned() -> Any:
        w = start
        inputs = rng.integers(0, P0.n, n_steps)
        labels = y[inputs] + P0.label_noise * rng.standard_normal(n_steps)
        for i, label in zip(inputs.tolist(), labels.tolist(), strict=True):
            row = x[i]
            overlap, norm = float(row @ w), float(w @ w) ** 0.5
            step = HIGH * (norm * overlap - label)
            w = (1.0 - step * overlap / norm) * w - step * norm * row
        return w

    return {f"NumPy, one run, d = {P0.d}, plain": plain, f"NumPy, one run, d = {P0.d}, tuned": tuned}


def rates() -> list[Row]:
    """Measure every row of the table."""
    size = chunk_size(P0)
    parts = chunks(P0, CELLS, size)
    rows: dict[str, tuple[Callable[..., Any], list[Any], int, int]] = {
        "lrtheory, n + 1 coordinates": (library, parts, size, STEPS),
        "bare scan, numbers as arguments": (bare, parts, size, STEPS),
        "bare scan, numbers fixed": (bare_fixed, parts, size, STEPS),
    }
    for d, cells in ((100, CELLS), (1000, CELLS // 8)):
        full = FullNormScaledRegression(**{**FIELDS, "d": d})
        size = chunk_size(full)
        rows[f"lrtheory, all d = {d} coordinates"] = (library, chunks(full, cells, size), size, STEPS // 4)
    jobs = {name: chunked(function, parts, n_steps) for name, (function, parts, _, n_steps) in rows.items()}
    loops = numpy_loops(STEPS)
    spent = measure({**jobs, **loops}, repeats=5)
    # What fills up the last chunk is simulated too.
    steps = {name: len(parts) * size * n_steps for name, (_, parts, size, n_steps) in rows.items()}
    table = [Row(name, rows[name][2], *(steps[name] / t for t in spent[name])) for name in rows]
    return [*table, *(Row(name, 1, *(STEPS / t for t in spent[name])) for name in loops)]


def run() -> list[str]:
    """Time the run behind the figure of late decay, from experiment to Dataset, compilation included."""
    experiment = Experiment(
        name="bench",
        problem=P0,
        dynamics=LAW,
        schedule=Constant(rate=HIGH),
        probes=(Manifold(),),
        n_steps=DECAY_STEPS[-1],
        n_records=300,
        sub_paths=SubPaths(decay_steps=DECAY_STEPS, schedule=Constant(rate=LOW), n_steps=20000, n_records=100),
        seeds=SEEDS,
        precision="f64",
    )
    wall, cpu = time.perf_counter(), time.process_time()
    lrtheory.run(experiment, progress=False)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return [
        f"late decay, {len(DECAY_STEPS)} decay steps x {SEEDS} seeds, 60,000 + 20,000 steps, one rate, "
        f"{len(jax.devices())} devices: {wall:.1f} s, {cpu:.1f} CPU s, compilation included"
    ]


def main() -> list[str]:
    """Return the lines of the table."""
    if hasattr(os, "sched_setaffinity"):
        # Before JAX starts its threads: else a program of one device may use several cores, and not alike in each row.
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with jax.enable_x64(True):
        rows = rates()
    first = rows[0]
    lines = [
        f"step of label-noise SGD: float64, n={P0.n}, B={P0.batch}, {CELLS:,} cells of distinct data, one core",
        f"{'':36s}{'chunk':>6s}{'cell-steps/s':>14s}{'lrtheory/':>11s}{'cell-steps/cpu-s':>18s}{'lrtheory/':>11s}",
    ]
    for row in rows:
        lines.append(
            f"{row.name:36s}{row.chunk:6d}{row.wall:14.3g}{first.wall / row.wall:11.2f}"
            f"{row.cpu:18.3g}{first.cpu / row.cpu:11.2f}"
        )
    return lines
