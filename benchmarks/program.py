"""What a sweep costs besides its steps: traces, the time to answer without computing, memory against the plan."""

from __future__ import annotations

import dataclasses
import resource
import subprocess
import sys
import time

import jax
import jax.numpy as jnp

from lrtheory import program, sweep
from lrtheory.dynamics import NoisyGD
from lrtheory.experiment import Axis, Experiment
from lrtheory.problems.li2019 import BlockNetwork
from lrtheory.schedules import Constant

SMALL = Experiment(
    name="bench",
    problem=BlockNetwork(d=16, kappa=0.5, m_w=16, m_v=16),
    dynamics=NoisyGD(weight_decay=1e-3, reference_rate=0.5),
    schedule=Constant(rate=0.5),
    probes=(),
    n_steps=20,
    n_records=2,
    axes={"rate": Axis("schedule.rate", (0.1, 0.2, 0.5)), "gamma0": Axis("problem.gamma0", (0.03, 0.1))},
    seeds=7,
    precision="f32",
)


def traces() -> list[str]:
    """Count the traces of one sweep cut into chunks, and of a larger one."""
    lines = []
    for seeds in (7, 14):
        before = program.trace_count
        sweep.run(dataclasses.replace(SMALL, seeds=seeds), chunks=3, progress=False)
        lines.append(f"traces of a sweep of 3 x 2 x {seeds} cells in 3 chunks: {program.trace_count - before}")
    return lines


def answers() -> list[str]:
    """Time ``lrtheory --help`` and a configuration error, each in a process of its own (least of 3)."""
    lines = []
    for arguments in (["--help"], ["run", "li2019_separation", "--set", "problem.kapa=1"]):
        least, status = float("inf"), 0
        for _ in range(3):
            start = time.perf_counter()
            command = [sys.executable, "-c", "from lrtheory.cli import main; main()", *arguments]
            status = subprocess.run(command, capture_output=True, check=False).returncode
            least = min(least, time.perf_counter() - start)
        lines.append(f"lrtheory {' '.join(arguments)}: {least:.2f} s, exit status {status}")
    return lines


def memory(budget: int = 2**30) -> list[str]:
    """Compare the peak of this process while a chunk runs with what the plan says, for a budget of 1 GiB.

    Run it in a fresh process: the peak of a process never falls.
    """
    big = dataclasses.replace(
        SMALL, problem=BlockNetwork(d=128, kappa=0.5, m_w=512, m_v=512), axes={}, seeds=4096, n_steps=4
    )
    device = jax.devices()[:1]
    with program.precision(big):
        programs = sweep.Programs(big, device)
        box, planned = sweep.plan(big, programs, budget, 1)
        chunk = programs.get({}, box.chunk)
        jax.block_until_ready(jnp.ones(()))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        chunk.run(next(iter(box.regions())), device[0])
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    return [
        f"--memory 1GiB: {len(box.regions())} chunks, planned {planned / 2**20:.0f} MiB, "
        f"peak of the process rose by {peak / 2**20:.0f} MiB ({peak / planned:.2f} of the plan)"
    ]
