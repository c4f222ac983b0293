"""The figures that ``make figures`` drew, described by the text that each PNG carries."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import NamedTuple

from lrtheory.errors import StoreError


class Picture(NamedTuple):
    """A figure: what it shows, which sims it read, and the file itself."""

    name: str
    alt: str
    sims: tuple[str, ...]
    width: int
    height: int
    data: str


def pictures(folder: Path) -> list[Picture]:
    """Return the PNG files of a folder that say which sims they read, by name; none where there is no folder.

    Raises:
        StoreError: a file that is no PNG, or that says which sims it read and not what it shows.
    """
    from PIL import Image

    found = []
    for path in sorted(folder.glob("*.png")):
        try:
            with Image.open(path, formats=["PNG"]) as image:
                image.load()  # text may stand behind the pixels
                text, (width, height) = dict(getattr(image, "text", {})), image.size
        except OSError as error:
            raise StoreError(f"{path} cannot be read as PNG ({error}): draw it anew with `make figures`") from None
        sims = tuple(s.strip() for s in str(text.get("Source", "")).split(",") if s.strip())
        if not sims:
            continue
        alt = " ".join(str(text.get("Description", "")).split())
        if not alt:
            raise StoreError(f"{path} does not say what it shows: draw it anew with `make figures`")
        data = "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode("ascii")
        found.append(Picture(path.stem, alt, sims, width, height, data))
    return found
