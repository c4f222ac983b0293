"""README.md, CITATION.cff and PAPERS say the same."""

from __future__ import annotations

import re
from pathlib import Path

from lrtheory.papers import PAPERS

ROOT = Path(__file__).parents[2]


def test_the_table_of_the_readme_is_that_of_the_papers():
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \| .+ \|$", (ROOT / "README.md").read_text("utf-8"), re.M)
    ours = [(p.stem, f"[{p.short}]({p.url})" if p.url else p.short, p.question) for p in PAPERS.values()]
    assert rows == ours


def test_the_citation_names_title_surnames_and_number():
    text = (ROOT / "CITATION.cff").read_text("utf-8")
    for paper in PAPERS.values():
        if paper.url:
            assert paper.title in text and paper.url.rpartition("/")[2] in text
            assert all(f"family-names: {name.split()[-1]}" in text for name in paper.authors)


def test_a_stem_is_its_key_and_the_first_surname():
    for stem, paper in PAPERS.items():
        assert paper.stem == stem and "-" not in stem
        if paper.authors:
            assert stem == f"{paper.authors[0].split()[-1].lower()}{paper.year}"
