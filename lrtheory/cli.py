"""The command line: ``lrtheory run | status | check | doctor``."""

from __future__ import annotations

import contextlib
import functools
import io
import itertools
import os
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from lrtheory.errors import ConfigError, StoreError
from lrtheory.experiment import at_scale, parse_value, with_values
from lrtheory.pytree import defer
from lrtheory.sims import Sim, load_sim, sim_names

Positional = tyro.conf.Positional


def _bytes(text: str) -> int:
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([KMGT]?)(i?)B?\s*", text, re.IGNORECASE)
    if match is None or float(match[1]) <= 0:
        raise ConfigError(f"--memory {text!r} is not allowed: it must be a size like 512MiB or 1.5GB")
    power = " KMGT".index(match[2].upper() or " ")
    return int(float(match[1]) * (1024 if match[3] else 1000) ** power)


def _folder(results: Path, scale: str, sim: Sim) -> Path:
    return results / scale / sim.experiment.name


def run(
    sim: Positional[str],
    scale: str = "laptop",
    set: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = (),
    seeds: int | None = None,
    results: Path = Path("results"),
    memory: str | None = None,
    chunks: int | None = None,
    precision: str | None = None,
) -> int:
    """Run a sim and keep its results; a run that was cut off is resumed.

    Args:
        sim: name of a sim in sims/, or the path of your own sim file.
        scale: one of the sim's scales (smoke, laptop, paper).
        set: FIELD=VALUE, for any field of the experiment by its dotted path; may be given several times.
        seeds: number of seeds.
        results: where results are kept: RESULTS/SCALE/NAME.
        memory: what one chunk may need on a device, like 1GiB.
        chunks: cut the sweep into about this many chunks.
        precision: f32 or f64.
    """
    budget = None if memory is None else _bytes(memory)
    if chunks is not None and chunks < 1:
        raise ConfigError(f"--chunks = {chunks} is not allowed: it must be >= 1")
    defer()
    loaded = load_sim(sim)
    experiment = at_scale(loaded.experiment, scale)
    for assignment in set:
        path, equals, text = assignment.partition("=")
        if not equals:
            raise ConfigError(f"--set {assignment!r} is not allowed: it must be FIELD=VALUE")
        experiment = with_values(experiment, {path: parse_value(experiment, path, text)})
    if seeds is not None:
        experiment = with_values(experiment, {"seeds": seeds})
    if precision is not None:
        experiment = with_values(experiment, {"precision": precision})
    experiment.check()
    folder = _folder(results, scale, loaded)

    from lrtheory.store import Store
    from lrtheory.sweep import run as run_experiment

    # On a CPU one device a core: chunks side by side leave no core waiting for a small operation of another.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    os.environ.setdefault("XLA_FLAGS", f"--xla_force_host_platform_device_count={cores}")

    if Store(folder, experiment).complete:
        print(f"{folder}: complete, nothing to do")
        return 0
    try:
        ds = run_experiment(experiment, results=folder, memory=budget, chunks=chunks)
    except KeyboardInterrupt:
        again = shlex.join(["lrtheory", *sys.argv[1:]])
        print(f"\nstopped; the chunks that were finished are kept. To go on: {again}", file=sys.stderr, flush=True)
        os._exit(130)  # a chunk that was dropped may still be running in a thread, for minutes
    diverged = ds.attrs["diverged_share"]
    note = f", {diverged:.1%} of the cells diverged" if diverged else ""
    print(f"{folder}: {ds.attrs['cells']} cells in {ds.attrs['seconds']:.1f} s{note}")
    return 0


def status(results: Path = Path("results")) -> int:
    """Show which results are there, and how far unfinished ones are.

    Args:
        results: the folder that `lrtheory run` was given.
    """
    from lrtheory.store import status as store_status

    folders = sorted(p.parent for p in results.glob("*/*/config.json"))
    if not folders:
        raise StoreError(f"{results} holds no results: lrtheory run SIM makes some")
    width = max(len(str(f)) for f in folders)
    for folder in folders:
        s = store_status(folder)
        share = s["done"] / s["total"]
        bar = "█" * round(20 * share) + "·" * (20 - round(20 * share))
        more = f"complete, {s['manifest']['seconds']:.0f} s" if s["manifest"] else "unfinished: run it again to resume"
        print(f"{folder!s:{width}}  {bar}  {s['done']:>4}/{s['total']} chunks  {more}")
    return 0


def check(
    sims: Positional[tuple[str, ...]] = (),
    scale: str = "laptop",
    results: Path = Path("results"),
    alpha: float = 0.01,
    format: Literal["table", "markdown"] = "table",
) -> int:
    """Hold every claim of the sims against their results and print the verdicts.

    Args:
        sims: names or files; all of sims/ when none is given.
        scale: the scale that was run.
        results: the folder that `lrtheory run` was given.
        alpha: one minus the confidence level of the intervals.
        format: table for the terminal, markdown for a document.
    """
    if not 0 < alpha < 1:
        raise ConfigError(f"--alpha = {alpha} is not allowed: it must be in (0, 1)")
    defer()
    loaded = [load_sim(s) for s in (sims or sorted(sim_names()))]
    from lrtheory.claims import markdown, table
    from lrtheory.store import configuration, describe, differences, open_results

    claims, verdicts, missing = [], [], []
    for sim in loaded:
        if not sim.claims:
            continue
        folder = _folder(results, scale, sim)
        made_by = configuration(folder)
        if made_by is None:
            missing.append(sim.experiment.name)
            continue
        different = differences(made_by, describe(at_scale(sim.experiment, scale)))
        # More seeds decide more; any other difference would make the statement one about something else.
        if any(not d.startswith("seeds:") for d in different):
            raise StoreError(f"{folder} is not of this sim's configuration ({'; '.join(different[:3])}): run it anew")
        ds = open_results(folder)
        claims += sim.claims
        verdicts += [c.verdict(ds, alpha) for c in sim.claims]
    if not claims:
        raise StoreError(f"no results to check in {results / scale}: run the sims first")
    print({"table": table, "markdown": markdown}[format](claims, verdicts))
    counts = {w: sum(v.verdict == w for v in verdicts) for w in ("holds", "refuted", "undecided")}
    print("\n" + ", ".join(f"{n} {w}" for w, n in counts.items()) + f" ({100 * (1 - alpha):g} % intervals over seeds)")
    if missing:
        print(f"no results yet: {', '.join(missing)}", file=sys.stderr)
    return 1 if missing else 0


def doctor() -> int:
    """Show versions and devices, and check that the device computes right numbers at large batch."""
    import platform
    from importlib import metadata

    print(f"python     {platform.python_version()}")
    for package in ("lrtheory", "jax", "jaxlib", "flax", "optax", "numpy", "scipy", "xarray", "zarr", "matplotlib"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            print(f"{package:10s} {metadata.version(package)}")
    from lrtheory.lazy import jax
    from lrtheory.versions import LARGE_BATCH_TOLERANCE, large_batch_check

    for device in jax.devices():
        print(f"device     {device} ({device.device_kind})")
    error = large_batch_check()
    fine = error < LARGE_BATCH_TOLERANCE
    print(f"large-batch check: relative error {error:.1e}: {'right' if fine else 'WRONG NUMBERS on this device'}")
    return 0 if fine else 1


def _later(command: Callable[..., int]) -> Callable[..., Callable[[], int]]:
    """Return a function of the same signature that only remembers its arguments: parsing ends before work begins."""

    @functools.wraps(command)
    def remember(*args: Any, **kwargs: Any) -> Callable[[], int]:
        return functools.partial(command, *args, **kwargs)

    return remember


def _parse(arguments: list[str]) -> Callable[[], int]:
    commands = {f.__name__: _later(f) for f in (run, status, check, doctor)}
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return tyro.extras.subcommand_cli_from_dict(
                commands,
                prog="lrtheory",
                description="Does a large initial learning rate really do that, and why?",
                args=arguments,
            )
    except SystemExit as stop:
        if not stop.code:
            raise
        # tyro draws a box of several lines; the first sentence in it is the error.
        lines = [line.strip("│╭╮╰╯─ ") for line in said.getvalue().splitlines()]
        sentence = " ".join(itertools.takewhile(bool, (line for line in lines[1:])))
        raise ConfigError(f"{sentence or lines[0]} (lrtheory --help shows what is allowed)") from None


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 2 bad use (one line on stderr), 130 interrupted."""
    try:
        code = _parse(sys.argv[1:] if arguments is None else arguments)()
    except (ConfigError, StoreError, ImportError) as error:
        print(f"lrtheory: {error}", file=sys.stderr)
        code = 2
    except KeyboardInterrupt:
        print("\nlrtheory: stopped", file=sys.stderr)
        code = 130
    sys.exit(code)
