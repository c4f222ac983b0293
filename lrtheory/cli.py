"""The command line: ``lrtheory run | status | check | lines | report | doctor``."""

from __future__ import annotations

import contextlib
import functools
import io
import itertools
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from lrtheory.errors import ConfigError, StoreError
from lrtheory.experiment import at_scale, parse_value, with_values
from lrtheory.pytree import defer
from lrtheory.sims import Sim, load_sim, sim_names

Positional = tyro.conf.Positional

#: Fewer seeds are not looked at while seeds are being added: means of so few are least like normal ones.
FEWEST = 8


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

    from lrtheory.store import is_complete
    from lrtheory.sweep import run as run_experiment

    _host_devices()
    if is_complete(folder, experiment):
        print(f"{folder}: complete, nothing to do")
        return 0
    with _resumable():
        ds = run_experiment(experiment, results=folder, memory=budget, chunks=chunks)
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
        share = s["done"] / max(s["total"], 1)
        bar = "█" * round(20 * share) + "·" * (20 - round(20 * share))
        what = s["field"].replace("_", " ")
        if s["manifest"]:
            more = f"complete, {s['replicates']} {what}, {s['manifest']['seconds']:.0f} s"
        elif s["replicates"]:
            again = f"--seeds {s['begun']}" if s["field"] == "seeds" else f"--set data_seeds={s['begun']}"
            more = f"{s['replicates']} of {s['begun']} {what}, unfinished: run it with {again} to resume"
        else:
            more = "unfinished: run it again to resume"
        print(f"{folder!s:{width}}  {bar}  {s['done']:>4}/{s['total']} chunks  {more}")
    return 0


def check(
    sims: Positional[tuple[str, ...]] = (),
    scale: str = "laptop",
    results: Path = Path("results"),
    alpha: float = 0.05,
    format: Literal["table", "json", "junit", "markdown"] = "table",
    recorded: Path | None = None,
    until_decided: bool = False,
    seeds: int | None = None,
    max_seeds: int = 4096,
) -> int:
    """Hold every claim of the sims against their results: holds, refuted, or undecided.

    The exit status is 0 when every verdict that is recorded is the recorded one, 1 when one changed, 2 when something
    is missing. Holm's correction is over the claims of this report: a part of the sims may decide more than all do.

    Args:
        sims: names or files; all of sims/ when none is given.
        scale: the scale that was run.
        results: the folder that `lrtheory run` was given.
        alpha: the chance that any verdict of this report is wrong, at most.
        format: table for the terminal, json or junit for programs, markdown for docs/claims.md.
        recorded: the file with recorded verdicts; docs/claims.md unless told otherwise.
        until_decided: run the sims, and add seeds wherever a claim is undecided.
        seeds: with --until-decided, how many seeds a sim without results begins with.
        max_seeds: with --until-decided, no seeds are added beyond this many.
    """
    _alpha(alpha)
    if seeds is not None and not until_decided:
        raise ConfigError(f"--seeds {seeds} is not allowed without --until-decided: results have the seeds they have")
    for name, value in (("--seeds", seeds), ("--max-seeds", max_seeds)):
        if value is not None and value < FEWEST:
            raise ConfigError(f"{name} = {value} is not allowed: it must be >= {FEWEST}, to be judged at all")
    if seeds is not None and seeds > max_seeds:
        raise ConfigError(f"--seeds = {seeds} is not allowed: it must be <= --max-seeds = {max_seeds}")
    defer()
    loaded = [load_sim(s) for s in (sims or sorted(sim_names()))]
    for sim in loaded:
        at_scale(sim.experiment, scale)
    if not any(sim.claims for sim in loaded):
        raise ConfigError(f"{', '.join(str(sim.path) for sim in loaded)}: no `claims = [...]` to check")
    from lrtheory import checking, tables
    from lrtheory.record import find_record, markdown

    before = find_record(recorded, scale)
    if until_decided:
        _host_devices()
        with _resumable():
            entries = checking.until_decided(
                loaded, scale, results, alpha, seeds=seeds, max_seeds=max_seeds,
                say=lambda line: print(line, file=sys.stderr, flush=True),
            )  # fmt: skip
        missing = []
    else:
        entries, missing = checking.assess(loaded, scale, results, alpha)
    if not entries:
        raise StoreError(f"no results to check in {results / scale}: run the sims first")
    then = before.at(scale)
    if format == "table":
        print(tables.table(entries, then))
    elif format == "markdown":
        print(markdown(entries, scale, alpha, _lines_of(loaded, scale, results)), end="")
    else:
        print((tables.as_json if format == "json" else tables.as_junit)(entries, then, scale))
    out = sys.stdout if format == "table" else sys.stderr
    counts = {w: sum(e.verdict.verdict == w for e in entries) for w in ("holds", "refuted", "undecided")}
    changed = [e.claim.id for e in entries if then.get(e.claim.id, e.verdict.verdict) != e.verdict.verdict]
    said = ", ".join(f"{n} {w}" for w, n in counts.items())
    print(f"\n{said}; the chance that any of these verdicts is wrong is at most {100 * alpha:g} %", file=out)
    compared = sum(e.claim.id in then for e in entries)
    if compared:
        print(f"against the record: {compared} compared, {len(changed)} changed {' '.join(changed)}".rstrip(), file=out)
        if len(entries) != len(then):
            print(f"(corrected for {len(entries)} claims; the record, for {len(then)})", file=out)
    elif before.verdicts:
        print(f"no verdicts are recorded at scale {scale} (the record is of {before.scale})", file=out)
    if missing:
        print(f"lrtheory: no results yet of {', '.join(missing)}: run them first", file=sys.stderr)
        return 2
    return 1 if changed and format != "markdown" else 0  # markdown is the next record, not a check against the last


def report(
    sims: Positional[tuple[str, ...]] = (),
    scale: str = "laptop",
    results: Path = Path("results"),
    figures: Path | None = None,
    out: Path | None = None,
    alpha: float = 0.05,
    recorded: Path | None = None,
) -> int:
    """Write one self-contained page with every claim, its verdict, and the figures beside it.

    Args:
        sims: names or files; all of sims/ when none is given.
        scale: the scale that was run.
        results: the folder that `lrtheory run` was given.
        figures: the folder of the figures; build/SCALE/figures unless told otherwise.
        out: where index.html is written; build/SCALE/report unless told otherwise.
        alpha: the chance that any verdict of the report is wrong, at most.
        recorded: the file with recorded verdicts; docs/claims.md unless told otherwise.
    """
    _alpha(alpha)
    defer()
    loaded = [load_sim(s) for s in (sims or sorted(sim_names()))]
    from lrtheory import checking
    from lrtheory.record import find_record
    from lrtheory.replay import replay
    from lrtheory.report import write

    entries, missing = checking.assess(loaded, scale, results, alpha)
    if not entries:
        raise StoreError(f"no results to report in {results / scale}: run the sims first")
    replays = []
    for entry in entries:
        if entry.claim.headline and entry.verdict.verdict != "undecided":
            ds = checking.open_results_of(entry.sim, scale, results)
            if ds is not None and (one := replay(entry.claim, ds, alpha / 2 / len(entries))) is not None:
                replays.append(one)
    ids = {entry.claim.id for entry in entries}
    then = {k: v for k, v in find_record(recorded, scale).at(scale).items() if k in ids}
    page = write(
        entries, scale=scale, figures=figures or Path("build", scale, "figures"), alpha=alpha,
        out=out or Path("build", scale, "report"), recorded=then, replays=replays,
    )  # fmt: skip
    print(f"{page}: {len(entries)} claims")
    if missing:
        print(f"lrtheory: without {', '.join(missing)}, which have no results yet", file=sys.stderr)
    return 0


def lines(
    sim: Positional[str],
    scale: str = "laptop",
    results: Path = Path("results"),
    level: float = 0.95,
    refine: bool = False,
    tolerance: float = 0.02,
) -> int:
    """Show where the lines between the regimes of the learning rate lie.

    Args:
        sim: a sim that declares `lines = [...]`.
        scale: the scale that was run.
        results: the folder that `lrtheory run` was given.
        level: of the bootstrap intervals over seeds.
        refine: run more rates around every line until it is known to the tolerance; what is there is not run again.
        tolerance: with --refine, the width of a bracket in decades.
    """
    defer()
    loaded = load_sim(sim)
    if not loaded.lines:
        raise ConfigError(f"{loaded.path}: no `lines = [...]` to find")
    experiment = at_scale(loaded.experiment, scale)
    from lrtheory import tables, thresholds
    from lrtheory.checking import open_results_of

    if refine:
        _host_devices()
        with _resumable():
            found, _ = thresholds.find_thresholds(
                experiment, loaded.lines, tolerance=tolerance, level=level, results=results / scale
            )
    else:
        ds = open_results_of(loaded, scale, results)
        if ds is None:
            raise StoreError(f"no results of {experiment.name} in {results / scale}: run it first, or --refine")
        found = thresholds.thresholds(ds, loaded.lines, level=level)
    print(tables.line_table(found))
    return 0


def _lines_of(sims: list[Sim], scale: str, results: Path) -> dict[str, Any]:
    """Return name -> lines of every sim that has lines and results."""
    from lrtheory import checking, thresholds

    opened = {s.experiment.name: (s.lines, checking.open_results_of(s, scale, results)) for s in sims if s.lines}
    return {name: thresholds.thresholds(ds, lines) for name, (lines, ds) in opened.items() if ds is not None}


def _alpha(alpha: float) -> None:
    if not 0 < alpha < 1:
        raise ConfigError(f"--alpha = {alpha} is not allowed: it must be in (0, 1)")


def _host_devices() -> None:
    """On a CPU, make one device a core: chunks side by side leave no core waiting for a small operation of another."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    os.environ.setdefault("XLA_FLAGS", f"--xla_force_host_platform_device_count={cores}")


@contextlib.contextmanager
def _resumable() -> Iterator[None]:
    """Answer Ctrl-C by saying how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        again = shlex.join(["lrtheory", *sys.argv[1:]])
        print(f"\nstopped; the chunks that were finished are kept. To go on: {again}", file=sys.stderr, flush=True)
        os._exit(130)  # a chunk that was dropped may still be running in a thread, for minutes


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
    commands = {f.__name__: _later(f) for f in (run, status, check, lines, report, doctor)}
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
        box = [line.strip("│╭╮╰╯─ ") for line in said.getvalue().splitlines()]
        sentence = " ".join(itertools.takewhile(bool, box[1:]))
        raise ConfigError(f"{sentence or box[0]} (lrtheory --help shows what is allowed)") from None


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 a verdict changed, 2 bad use (one line on stderr), 130 interrupted."""
    try:
        code = _parse(sys.argv[1:] if arguments is None else arguments)()
    except (ConfigError, StoreError, ImportError) as error:
        print(f"lrtheory: {error}", file=sys.stderr)
        code = 2
    except KeyboardInterrupt:
        print("\nlrtheory: stopped", file=sys.stderr)
        code = 130
    sys.exit(code)
