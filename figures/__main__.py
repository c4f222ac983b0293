"""Draw figures from result files: ``python -m figures --scale laptop [name ...]``.

A figure is a module ``figures/<paper>_<what>.py`` that holds ``INPUTS``, the names of the sims it reads, ``ALT``, what
it shows in a sentence or two, and ``draw(*datasets)``, which returns a matplotlib figure. Each is saved as PDF and PNG,
in one move, so that a figure that exists is whole. The PNG carries its title, ``ALT`` and ``INPUTS`` as text, so that
whoever shows it (``lrtheory report``) needs nothing else to describe it.

``--deps`` prints, for Make, which results each figure needs. It reads ``INPUTS`` from the source text, so it
imports neither the figures nor the library.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import importlib
import os
import sys
import traceback
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
FORMATS = ("pdf", "png")
NOT_FIGURES = {"__init__", "__main__", "style"}


class FigureError(Exception):
    """A figure cannot be drawn; the message is one line."""


def known() -> list[str]:
    """Return the names of all figures."""
    return sorted(p.stem for p in HERE.glob("*.py") if p.stem not in NOT_FIGURES and p.stem[0] != "_")


def constant(name: str, variable: str) -> Any:
    """Return the value that a figure's source text gives to a variable: None where it gives none, or computes it."""
    path = HERE / f"{name}.py"
    for node in ast.parse(path.read_text("utf-8"), str(path)).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(t, ast.Name) and t.id == variable for t in targets):
            try:
                return ast.literal_eval(node.value)
            except ValueError:
                return None
    return None


def inputs(name: str) -> tuple[str, ...]:
    """Return the sims that a figure reads, from its source text."""
    value = constant(name, "INPUTS")
    if not isinstance(value, tuple) or not value or not all(isinstance(v, str) for v in value):
        raise FigureError(f"figures/{name}.py: INPUTS must name the sims that it reads: a tuple of names, written out")
    return value


def alt(name: str) -> str:
    """Return what a figure shows, for whoever cannot see it, from its source text."""
    value = constant(name, "ALT")
    if not isinstance(value, str) or not value.strip():
        raise FigureError(
            f"figures/{name}.py: ALT must say what is shown, on which axes, and what to see: a string, written out"
        )
    return " ".join(value.split())


def title(name: str) -> str:
    """Return the first sentence of a figure's docstring, without its full stop; the name where there is none."""
    text = ast.get_docstring(ast.parse((HERE / f"{name}.py").read_text("utf-8"))) or name
    return " ".join(text.partition("\n\n")[0].split()).removesuffix(".")


def nearest(kind: str, name: str, names: list[str]) -> str:
    """Return the message for an unknown name."""
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"unknown {kind} {name!r}{hint} (known: {', '.join(names) or 'none'})"


def outputs(name: str, folder: Path) -> list[Path]:
    """Return the files that a figure is saved to."""
    return [folder / f"{name}.{suffix}" for suffix in FORMATS]


def make_fragment(names: list[str], scale: str, results: Path, folder: Path) -> str:
    """Return Make's variable FIGURES and one line of prerequisites a figure."""
    sims = sorted(p.stem for p in (HERE.parent / "sims").glob("*.py"))
    files, rules = [], []
    for name in names:
        for sim in inputs(name):
            if sim not in sims:
                raise FigureError(f"figures/{name}.py: INPUTS: {nearest('sim', sim, sims)}")
        targets = [path.as_posix() for path in outputs(name, folder)]
        manifests = [(results / scale / sim / "manifest.json").as_posix() for sim in inputs(name)]
        files += targets
        rules.append(f"{' '.join(targets)}: {' '.join(manifests)}\n")
    return f"FIGURES := {' '.join(files)}\n" + "".join(rules)


def draw(name: str, scale: str, results: Path, folder: Path) -> list[Path]:
    """Draw one figure and save it; return the files made."""
    described = {"Title": title(name), "Description": alt(name), "Source": ",".join(inputs(name))}
    folders = [results / scale / sim for sim in inputs(name)]
    for sim, path in zip(inputs(name), folders, strict=True):
        if not (path / "manifest.json").exists():
            raise FigureError(
                f"{name} needs {path}, which is missing or incomplete: run  "
                f"lrtheory run sims/{sim}.py --scale {scale} --results {results}"
            )

    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    import lrtheory
    from figures import style

    module = importlib.import_module(f"figures.{name}")
    folder.mkdir(parents=True, exist_ok=True)
    made = outputs(name, folder)
    with style.context():
        figure = module.draw(*[lrtheory.open_results(path) for path in folders])
        parts = [path.with_name(f".{path.name}.part") for path in made]
        try:
            for path, part in zip(made, parts, strict=True):
                # No date, so that the same results give the same bytes.
                metadata = {"CreationDate": None} if path.suffix == ".pdf" else described
                figure.savefig(part, format=path.suffix[1:], metadata=metadata)
            for path, part in zip(made, parts, strict=True):
                os.replace(part, path)
        finally:
            for part in parts:
                part.unlink(missing_ok=True)
            plt.close(figure)
    return made


def where(error: BaseException) -> str:
    """Return the file and line of this repository in which an error was raised."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).parent == HERE]
    return f"figures/{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "figures"


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m figures", description="Draw figures from result files.")
    parser.add_argument("names", nargs="*", metavar="name", help="figures to draw; default: all")
    parser.add_argument("--scale", default="laptop", choices=("smoke", "laptop", "paper"))
    parser.add_argument("--results", type=Path, default=Path("results"), help="what `lrtheory run` wrote")
    parser.add_argument("--build", type=Path, default=Path("build"), help="folder to write under")
    parser.add_argument("--deps", action="store_true", help="print the dependencies for Make; draw nothing")
    parser.add_argument("--debug", action="store_true", help="show the whole traceback of an error")
    options = parser.parse_args(arguments)
    folder = options.build / options.scale / "figures"
    name = "figures"
    try:
        for name in options.names:
            if name not in known():
                raise FigureError(nearest("figure", name, known()))
        names = options.names or known()
        if options.deps:
            print(make_fragment(names, options.scale, options.results, folder), end="")
            return 0
        for name in names:
            print(*draw(name, options.scale, options.results, folder), flush=True)
    except KeyboardInterrupt:
        print("figures: interrupted", file=sys.stderr)
        return 130
    except Exception as error:  # the boundary: one line for the reader, everything with --debug
        if options.debug:
            raise
        text = " ".join(str(error).split())
        if not isinstance(error, FigureError):
            text = f"{name}: {type(error).__name__}: {text} (at {where(error)}; --debug shows more)"
        print(f"figures: {text}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
