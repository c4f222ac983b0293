"""The source files in which claims are declared, as they are shown on the page."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import NamedTuple


class Source(NamedTuple):
    """A sim file: an anchor for links to its lines, how it is called, its lines, and what its docstring says first."""

    anchor: str
    name: str
    lines: list[str]
    about: str


class Sources:
    """Files by path, each read once."""

    def __init__(self) -> None:
        """Begin with none."""
        self._files: dict[Path, Source | None] = {}

    def get(self, path: str | Path) -> Source | None:
        """Return a source; None where there is no such file (a claim typed into an interpreter)."""
        path = Path(path).resolve()
        if path not in self._files:
            try:
                text = path.read_text("utf-8")
            except (OSError, UnicodeDecodeError):
                self._files[path] = None
            else:
                taken = {s.anchor for s in self._files.values() if s is not None}
                anchor, again = f"source-{path.stem}", 2
                while anchor in taken:  # two folders may hold files of one name
                    anchor, again = f"source-{path.stem}-{again}", again + 1
                # Not the whole path: the page is for other people's machines.
                name = f"{path.parent.name}/{path.name}"
                self._files[path] = Source(anchor, name, text.splitlines(), _about(text))
        return self._files[path]


def _about(text: str) -> str:
    """Return the first paragraph of the docstring, as prose."""
    try:
        doc = ast.get_docstring(ast.parse(text)) or ""
    except (SyntaxError, ValueError):
        return ""
    return " ".join(doc.partition("\n\n")[0].split()).replace("``", "")
