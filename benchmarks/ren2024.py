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

A row runs 1,024 seeds, each with a training set of its own, in chunks of the size that a sweep would choose, one after
another. Rates count the steps of a cell, by wall time and by CPU time; the difference of two runs leaves out drawing
the data and the start. The ratio by CPU time does not suffer from other processes.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import lrtheory
from benchmarks.step import Timing, measure
from lrtheory import program, sweep
from lrtheory.dynamics import MinibatchSGD
from lrtheory.experiment import Experiment
from lrtheory.probes.ren2024 import Manifold
from lrtheory.problems.ren2024 import FullNormScaledRegression, NormScaledRegression
from lrtheory.schedules import Constant
from lrtheory.simulate import Keys, begin, cell_keys, simulate
from lrtheory.sub_paths import SubPaths

CELLS = 1024
SHORT, LONG = 20, 4000
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


def library(problem: Any) -> Callable[[Keys, int], Any]:
    """Return lrtheory's own path for a batch of cells of distinct seeds."""

    def run(keys: Keys, n_steps: int) -> Any:
        one = jax.tree.map(lambda v: jnp.asarray(v, float), (problem, LAW, Constant(rate=HIGH)))
        parts = (
            jax.tree.map(lambda v, n=n: jnp.broadcast_to(v, (n, *v.shape)), part)
            for part, n in zip(one, (keys.data.shape[0], 1, 1), strict=True)
        )
        return simulate(*parts, (), keys, np.array([0, n_steps]), over_groups=jax.vmap, over_members=jax.vmap)

    return run


def bare(problem: Any, fixed: bool) -> Callable[[Keys, int], Any]:
    """Return a plain scan of the same steps, with numbers that are fixed in the program, or not."""
    numbers = problem, LAW, Constant(rate=HIGH)

    def run(keys: Keys, n_steps: int) -> Any:
        leaves = jax.tree.map(lambda v: jnp.asarray(v, float), numbers)
        problem, law, schedule = numbers if fixed else jax.lax.optimization_barrier(leaves)
        data, params = jax.vmap(lambda key: begin(problem, law, key))(keys)
        state = jax.vmap(lambda d, w: law.init(problem, d, w))(data, params)

        def cell(data: Any, state: Any, key: Any, i: Any) -> Any:
            return law.step(problem, data, state, schedule.rate, jax.random.fold_in(key, i))[0]

        def step(state: Any, i: Any) -> tuple[Any, None]:
            return jax.vmap(cell, (0, 0, 0, None))(data, state, keys.noise, i), None

        return jax.lax.scan(step, state, jnp.arange(n_steps))[0]

    return run


def chunked(function: Callable[[Keys, int], Any], n_steps: int, size: int) -> Callable[[], Any]:
    """Return a job that runs all cells, ``size`` of them at a time; the last chunk is filled up, as in a sweep."""
    seeds = [jnp.minimum(jnp.arange(i, i + size), CELLS - 1) for i in range(0, CELLS, size)]
    parts = [jax.vmap(lambda s: cell_keys(0, s))(s) for s in seeds]
    compiled = jax.jit(lambda keys: function(keys, n_steps))
    return lambda: [jax.block_until_ready(compiled(part)) for part in parts]


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
    forms: dict[str, tuple[Callable[[Keys, int], Any], Any, tuple[int, int]]] = {
        "lrtheory, n + 1 coordinates": (library(P0), P0, (SHORT, LONG)),
        "bare scan, numbers as arguments": (bare(P0, fixed=False), P0, (SHORT, LONG)),
        "bare scan, numbers fixed": (bare(P0, fixed=True), P0, (SHORT, LONG)),
    }
    for d, steps in ((100, (SHORT, LONG // 2)), (1000, (SHORT, LONG // 10))):
        full = FullNormScaledRegression(**{**FIELDS, "d": d})
        forms[f"lrtheory, all d = {d} coordinates"] = (library(full), full, steps)
    jobs: dict[tuple[str, int], Callable[[], Any]] = {}
    sizes = {name: chunk_size(problem) for name, (_, problem, _) in forms.items()}
    for name, (function, _, steps) in forms.items():
        for n_steps in steps:
            jobs[name, n_steps] = chunked(function, n_steps, sizes[name])
    loops = numpy_loops(LONG)
    jobs.update({(name, LONG): loop for name, loop in loops.items()})
    spent = measure(jobs, repeats=4)
    rows = []
    for name, (_, _, (short, long)) in forms.items():
        took = Timing(*(b - a for a, b in zip(spent[name, short], spent[name, long], strict=True)))
        # What fills up the last chunk is simulated too.
        cells = -(-CELLS // sizes[name]) * sizes[name]
        rows.append(Row(name, sizes[name], *(cells * (long - short) / t for t in took)))
    return [*rows, *(Row(name, 1, *(LONG / t for t in spent[name, LONG])) for name in loops)]


def figure() -> list[str]:
    """Time the run behind the figure of late decay, from experiment to Dataset, compilation included."""
    lines = []
    for fraction, note in ((1, ""), (100, ", a hundredth of the steps")):
        experiment = Experiment(
            name="bench",
            problem=P0,
            dynamics=LAW,
            schedule=Constant(rate=HIGH),
            probes=(Manifold(),),
            n_steps=DECAY_STEPS[-1] // fraction,
            n_records=300,
            sub_paths=SubPaths(
                decay_steps=tuple(s // fraction for s in DECAY_STEPS),
                schedule=Constant(rate=LOW),
                n_steps=20000 // fraction,
                n_records=100,
            ),
            seeds=SEEDS,
            precision="f64",
        )
        wall, cpu = time.perf_counter(), time.process_time()
        lrtheory.run(experiment, progress=False)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        lines.append(
            f"late decay, {len(DECAY_STEPS)} decay steps x {SEEDS} seeds, 60,000 + 20,000 steps{note}, one rate, "
            f"{len(jax.devices())} devices: {wall:.1f} s, {cpu:.1f} CPU s, compilation included"
        )
    return lines


def main() -> list[str]:
    """Return the lines of the table, and the time of the run behind the figure."""
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
    return [*lines, *figure()]
