"""What the tables against PyTorch share: one core, the rate of a square product, and a row a program."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from benchmarks.step import Timing

#: Of the square product whose rate is that of the core.
SQUARE = 2048


class Row(NamedTuple):
    """One line of the table: what, how many models at a time, model-steps a second by wall time and by CPU time."""

    name: str
    models: int
    wall: float
    cpu: float


def on_one_core() -> None:
    """Keep this process to one core, before JAX starts its threads.

    It makes one for each core, or for each device if these are more, and cuts products up among them; on one core two
    of them are a third slower than one.
    """
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=1"


def stacked(tree: Any, n: int) -> Any:
    """Return a tree of numbers with n copies of each in front."""
    return jax.tree.map(lambda v: jnp.broadcast_to(jnp.asarray(v, float), (n, *jnp.shape(v))), tree)


def products(rivals: Any) -> dict[str, Any]:
    """Return the jobs of the square product, by JAX and by PyTorch."""
    square, multiply = jnp.ones((SQUARE, SQUARE)), jax.jit(lambda a: a @ a)
    return {"XLA": lambda: multiply(square), "PyTorch": rivals.square()}


def gemm_rates(spent: Mapping[str, Timing]) -> dict[str, float]:
    """Return the rates of the square product, in GFLOP/s of CPU time."""
    return {k: 2 * SQUARE**3 / spent[k].cpu / 1e9 for k in ("XLA", "PyTorch")}


def table_lines(what: str, table: Mapping[str, Row], gemm: Mapping[str, float], flops: int) -> list[str]:
    """Return the lines of the table; ``flops`` are those of a model-step, ``what`` heads it."""
    ours, best = table["lrtheory"], max(gemm.values())
    out = [
        f"{what}, one core; square GEMM {', '.join(f'{v:.0f} GFLOP/s by {k}' for k, v in gemm.items())}",
        f"{'':28s}{'models':>7s}{'steps/s':>10s}{'lrtheory/':>11s}{'steps/cpu-s':>13s}{'lrtheory/':>11s}{'/GEMM':>8s}",
    ]
    for row in table.values():
        out.append(
            f"{row.name:28s}{row.models:7d}{row.wall:10.3g}{ours.wall / row.wall:11.2f}"
            f"{row.cpu:13.3g}{ours.cpu / row.cpu:11.2f}{row.cpu * flops / 1e9 / best:8.1%}"
        )
    return out


def batching_line(table: Mapping[str, Row], n_rates: int) -> str:
    """Return what the compiled loop, and the rates of a seed together, give over the PyTorch loop."""
    loop, one, many = (table[k] for k in ("PyTorch loop", "bare scan, one model", "bare scan, rates of a seed"))
    return (
        f"bare scan over PyTorch loop: {one.cpu / loop.cpu:.1f} x from the compiled loop, "
        f"{many.cpu / one.cpu:.1f} x from the {n_rates} rates of a seed together"
    )
