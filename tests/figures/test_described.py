"""Every figure says in words what it shows, and the PNG carries it, so that a page can show it to everybody."""

from __future__ import annotations

import pytest
from PIL import Image

import figures.__main__ as program
import lrtheory
from tests.figures.test_li2019 import inputs


@pytest.mark.parametrize("name", program.known())
def test_a_figure_says_what_it_shows(name):
    assert program.inputs(name)
    assert 80 < len(program.alt(name)) < 500
    assert program.title(name) != name and not program.title(name).endswith(".")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a folder of figures of its own, with an empty one in it."""
    monkeypatch.setattr(program, "HERE", tmp_path)
    (tmp_path / "own_one.py").write_text('"""One."""\nINPUTS = ("sim",)\n')
    return tmp_path


@pytest.mark.parametrize("line", ["", "ALT = ''", "ALT = f'{1}'", "ALT = 3", "ALT: str"])
def test_a_figure_without_words_is_refused_in_a_line(folder, line, capsys):
    with (folder / "own_one.py").open("a") as file:
        file.write(line + "\n")
    assert program.main(["own_one"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("figures: figures/own_one.py: ALT must say") and said.count("\n") == 1


def test_a_figure_without_inputs_is_refused_in_a_line(folder, capsys):
    (folder / "own_one.py").write_text("ALT = 'a line'\n")
    assert program.main(["own_one", "--deps"]) == 2
    assert capsys.readouterr().err.startswith("figures: figures/own_one.py: INPUTS must name")


def test_the_png_carries_title_words_and_sims_and_the_same_results_give_the_same_bytes(tmp_path, monkeypatch):
    name = "li2019_kappa"
    made = tmp_path / "results" / "smoke" / name
    made.mkdir(parents=True)
    (made / "manifest.json").touch()
    monkeypatch.setattr(lrtheory, "open_results", lambda path: inputs(path.name)[0], raising=False)
    files = [program.draw(name, "smoke", tmp_path / "results", tmp_path / build) for build in ("one", "two")]
    pdf, png = files[0]
    with Image.open(png) as image:
        text = image.text
    assert (text["Description"], text["Source"]) == (program.alt(name), "li2019_kappa")
    assert text["Title"] == "More samples per dimension: L-S turns them into accuracy on P, S hardly does"
    assert [png.read_bytes(), pdf.read_bytes()] == [files[1][1].read_bytes(), files[1][0].read_bytes()]
