"""One step of the finite block network, with noise, against the machine's own float32 matrix products.

What is compared, all in this process and interleaved, so that a busy machine slows every row alike:

* *square GEMM*: one 2048 x 2048 x 2048 float32 product, the rate the machine is good for;
* *same-shape GEMMs*: nothing but the two products of a step, (m x d)(d x N) and (m x N)(N x d), batched over the cells;
* *bare scan*: ``lax.scan`` of ``NoisyGD.step`` over the same cells, without schedule, records, or stopping;
* *lrtheory*: ``lrtheory.simulate.simulate``, the path of every sweep, with all of the cells in one batch, and cut into
  chunks of two cells dealt to the devices: weights, activations and data of a chunk then stay in the cache of one core
  from one product to the next. ``python -m benchmarks`` makes one host device a core.

A step is counted as the 4 N d m operations of the two products of the W branch: noise, activations, the V branch (three
points), updates and bookkeeping count as nothing, so the ratio says what they cost. Rates are given by wall time and by
CPU time; the ratio by CPU time does not suffer from other processes, but charges a thread that waits.
"""

from __future__ import annotations

import concurrent.futures
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lrtheory.dynamics import NoisyGD
from lrtheory.problems.li2019 import BlockNetwork
from lrtheory.schedules import Constant
from lrtheory.simulate import Keys, cell_keys, simulate

CELLS, N, D, M = 64, 512, 128, 128
CHUNKS = (64, 2)
LONG, SHORT = 44, 4  # the difference of two runs leaves out drawing the data and the start
NET = BlockNetwork(d=D, kappa=(D / N) ** 0.5, m_w=M, m_v=M)
LAW = NoisyGD(weight_decay=1e-4, reference_rate=0.5)
RATE = 0.5


class Timing(NamedTuple):
    """Seconds, the least of several runs: on the wall, and of CPU time over all threads."""

    wall: float
    cpu: float


class Row(NamedTuple):
    """One line of the table: what, GFLOP/s by wall time, GFLOP per CPU second."""

    name: str
    wall: float
    cpu: float


def measure(jobs: dict[str, Callable[[], Any]], repeats: int = 7) -> dict[str, Timing]:
    """Run every job in turn, ``repeats`` times over, after once to compile; keep the least times of each."""
    for job in jobs.values():
        jax.block_until_ready(job())
    least = dict.fromkeys(jobs, Timing(np.inf, np.inf))
    for _ in range(repeats):
        for name, job in jobs.items():
            wall, cpu = time.perf_counter(), time.process_time()
            jax.block_until_ready(job())
            spent = Timing(time.perf_counter() - wall, time.process_time() - cpu)
            least[name] = Timing(*map(min, least[name], spent))
    return least


def library(keys: Keys, n_steps: int) -> Any:
    """Return the results of lrtheory's own path for a batch of cells of distinct seeds."""
    one = jax.tree.map(lambda v: jnp.asarray(v, float), (NET, LAW, Constant(rate=RATE)))
    net, law, schedule = (
        jax.tree.map(lambda v, n=n: jnp.broadcast_to(v, (n,)), part)
        for part, n in zip(one, (keys.data.shape[0], 1, 1), strict=True)
    )
    steps = np.array([0, n_steps])
    return simulate(net, law, schedule, (), keys, steps, over_groups=jax.vmap, over_members=jax.vmap)


def bare(keys: Keys, n_steps: int) -> Any:
    """Return the final states of a plain scan of the same steps."""
    data = jax.vmap(NET.data)(keys.data)
    state = jax.vmap(lambda d, k: LAW.init(NET, d, NET.init(k)))(data, keys.init)

    def cell(data: Any, state: Any, key: Any, i: Any) -> tuple[Any, Any]:
        return LAW.step(NET, data, state, RATE, jax.random.fold_in(key, i))

    def step(state: Any, i: Any) -> tuple[Any, Any]:
        return jax.vmap(cell, (0, 0, 0, None))(data, state, keys.noise, i)

    return jax.lax.scan(step, state, jnp.arange(n_steps))


def products(n_steps: int) -> Callable[[], Any]:
    """Return a job that does the two matrix products of ``n_steps`` steps of all cells, and nothing else."""
    x_t = jnp.ones((CELLS, D, N))
    w = jnp.ones((CELLS, M, D))

    @jax.jit
    def scan(x_t: Any, w: Any) -> Any:
        def step(w: Any, _: Any) -> tuple[Any, None]:
            a = jnp.einsum("bmd,bdn->bmn", w, x_t)
            return jnp.einsum("bmn,bdn->bmd", a, x_t), None

        return jax.lax.scan(step, 1e-3 * w, None, length=n_steps)[0]

    return lambda: scan(x_t, w)


def chunked(function: Callable[[Keys, int], Any], n_steps: int, size: int) -> Callable[[], Any]:
    """Return a job that runs all cells in chunks of ``size``, dealt to the devices, one thread a device."""
    keys = jax.vmap(lambda s: cell_keys(0, s, s))(jnp.arange(CELLS))
    program = jax.jit(lambda keys: function(keys, n_steps))
    devices = jax.devices()
    parts: list[list[Any]] = [[] for _ in devices]
    for i in range(0, CELLS, size):
        lane = i // size % len(devices)
        part = jax.tree.map(lambda k, i=i: k[i : i + size], keys)
        parts[lane].append(jax.device_put(part, devices[lane]))
    pool = concurrent.futures.ThreadPoolExecutor(len(devices))
    return lambda: list(pool.map(lambda lane: [jax.block_until_ready(program(part)) for part in lane], parts))


def rates() -> list[Row]:
    """Measure every row of the table."""
    square = jnp.ones((2048, 2048))
    multiply = jax.jit(lambda a: a @ a)
    jobs: dict[str, Callable[[], Any]] = {"square GEMM": lambda: multiply(square)}
    for n_steps in (SHORT, LONG):
        jobs[f"same-shape GEMMs, chunk 64/{n_steps}"] = products(n_steps)
        for size in CHUNKS:
            jobs[f"bare scan, chunk {size}/{n_steps}"] = chunked(bare, n_steps, size)
            jobs[f"lrtheory, chunk {size}/{n_steps}"] = chunked(library, n_steps, size)
    spent = measure(jobs)
    operations = 4 * N * D * M * CELLS * (LONG - SHORT)
    rows = [Row("square GEMM", *(2 * 2048**3 / t / 1e9 for t in spent["square GEMM"]))]
    for name in jobs:
        label, _, n_steps = name.rpartition("/")
        if n_steps == str(LONG):
            took = [a - b for a, b in zip(spent[name], spent[f"{label}/{SHORT}"], strict=True)]
            rows.append(Row(label, *(operations / t / 1e9 for t in took)))
    return rows


def main() -> list[str]:
    """Return the lines of the table."""
    rows = rates()
    by_name = {row.name: row for row in rows}
    square, shaped = rows[:2]
    kind, n_devices = jax.devices()[0].device_kind, len(jax.devices())
    lines = [
        f"step with noise: float32, N={N} d={D} m={M}, {CELLS} cells of distinct data, paired; {n_devices} x {kind}",
        f"{'':28s}{'GFLOP/s':>9s}{'/square':>9s}{'/shaped':>9s}{'/bare':>7s}{'GFLOP/cpu-s':>13s}{'/square':>9s}",
    ]
    for row in rows:
        scan = by_name.get(row.name.replace("lrtheory", "bare scan"), row)
        lines.append(
            f"{row.name:28s}{row.wall:9.1f}{row.wall / square.wall:9.2f}{row.wall / shaped.wall:9.2f}"
            f"{row.wall / scan.wall:7.2f}{row.cpu:13.1f}{row.cpu / square.cpu:9.2f}"
        )
    return lines
