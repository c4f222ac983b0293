"""The page as text: what must stand on it, and that it is one whole file."""

from __future__ import annotations

import itertools
import math
import re
from html.parser import HTMLParser

import pytest

from lrtheory.errors import StoreError
from lrtheory.report import words
from lrtheory.report.drawings import dots, strip
from lrtheory.report.pictures import pictures
from tests.report import made

VOID = {"meta", "link", "img", "input", "br"}


class Page(HTMLParser):
    """Elements with their attributes, headings with their text; refuses what is not closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.headings, self.words = [], [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append((int(tag[1]), ""))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag

    def handle_data(self, data):
        if self.open and re.fullmatch("h[1-6]", self.open[-1]):
            level, text = self.headings[-1]
            self.headings[-1] = (level, text + data)
        if not {"script", "style", "pre"} & set(self.open):
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def ids(self):
        return [a["id"] for _, a in self.elements if "id" in a]


@pytest.fixture(scope="module")
def html(tmp_path_factory):
    return made.page(tmp_path_factory.mktemp("page")).read_text("utf-8")


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def test_text_of_others_is_text(html, page):
    """A statement, an alt text or a source line with < & and quotes is shown, not obeyed."""
    assert 'a <b>bold</b> claim & its "quotes"' in page.text
    assert html.count("<b>") == 3  # the three counts of the summary
    (image,) = [a for tag, a in page.elements if tag == "img"]
    assert image["alt"] == made.ALT


def test_it_is_one_file(page, html):
    for tag, attributes in page.elements:
        for name in ("src", "href", "srcset", "poster", "data", "action"):
            value = attributes.get(name, "")
            if value.startswith("#") or value.startswith("data:") or not value:
                continue
            assert (tag, name) == ("a", "href") and value.startswith("https://"), (tag, name, value)
    assert not re.search(r"url\(|@import|fetch\(|XMLHttp", html)


def test_it_names_no_path_of_this_machine(html):
    assert str(made.SIMS["first"].parents[2]) not in html


def test_headings_are_in_order(page):
    levels = [level for level, _ in page.headings]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_every_link_within_the_page_arrives(page):
    ids = page.ids()
    assert len(ids) == len(set(ids))
    for tag, attributes in page.elements:
        if tag == "a" and attributes["href"].startswith("#"):
            assert attributes["href"][1:] in ids, attributes["href"]
        for name in ("aria-labelledby", "data-claims"):
            assert set(attributes.get(name, "").split()) <= set(ids)


def test_papers_stand_in_their_order_and_those_without_claims_are_left_out(page):
    chapters = [text for level, text in page.headings if level == 2][2:-1]
    assert chapters == ["The noisy quadratic", "Li, Wei, Ma 2019", "Your claims"]
    assert "you2019" not in page.ids()


def test_headline_claims_come_first(page):
    claims = [a["id"] for tag, a in page.elements if tag == "article"]
    assert claims == [f"claim-{i}" for i in ("quadratic-1", "quadratic-2", "li2019-1", "li2019-2", "li2019-3",
                                             "li2019-4", "mine-1")]  # fmt: skip
    assert [text for level, text in page.headings if text in ("Headline claims", "Further claims", "Claims")] == [
        "Headline claims", "Further claims", "Headline claims", "Further claims", "Claims",
    ]  # fmt: skip


def test_numbers_and_their_meaning_are_on_the_card(page):
    verdicts = made.verdicts()
    assert [verdicts[f"li2019-{i}"] for i in range(1, 5)] == ["holds", "refuted", "holds", "undecided"]
    for words_expected in (
        "claimed > 0 measured 0.5 nat",
        "stands on recalled a paper, Eq. 3 choices the toy was chosen",
        "1 of 16 seeds have no value",
        "outside its regime: t >= 3/lambda",
        "regime t >= 3/lambda",
        "rises along rate measured 1 (0.1 → 0.2)",
        "The chance that any verdict in this report is wrong is at most 5",
        "Only these may be held against the authors",
    ):
        assert words_expected in page.text, words_expected


def test_a_verdict_that_is_not_the_recorded_one_says_so(page):
    assert page.text.count("changed; recorded: refuted") == 1
    assert "1 verdict is not the recorded one: li2019-1" in page.text


def test_without_a_record_nothing_is_said_of_it(tmp_path):
    text = Page(made.page(tmp_path, recorded={}).read_text("utf-8")).text
    assert "recorded one" not in text and "changed" not in text


def test_without_replays_the_section_is_left_out(tmp_path):
    assert "seeds-used" not in made.page(tmp_path, replays=()).read_text("utf-8")


def test_the_same_results_give_the_same_bytes(tmp_path, html):
    assert made.page(tmp_path).read_text("utf-8") == html
    assert made.page(tmp_path).read_text("utf-8") == html  # over the old one
    assert [p.name for p in (tmp_path / "report").iterdir()] == ["index.html"]


def test_a_page_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    old = made.page(tmp_path).read_bytes()

    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="no space"):
        made.page(tmp_path, scale="paper")
    assert [p.read_bytes() for p in (tmp_path / "report").iterdir()] == [old]


def test_manifest_and_source_are_there_once_a_sim(html, page):
    for words_expected in (
        "lrtheory 0.1.0",
        "JAX 0.10.1",
        "2 x cpu",
        "wall time 83.2 s",
        "problem.d 100",
        "rates 0.1, 0.2",
    ):
        assert words_expected in page.text
    assert html.count('<details class="manifest">') == html.count('<details class="source"') == 2
    claim = made.CLAIMS["first"][1]
    text = made.SIMS["first"].read_text("utf-8").splitlines()[claim.source[1] - 1]
    (line,) = re.findall(rf'<span class="line" id="source-made-{claim.source[1]}">(.*?)\n', html)
    assert "li2019-2" in text and "li2019-2" in line
    assert f'href="#source-made-{claim.source[1]}">report/made.py, line {claim.source[1]}<' in html


def test_a_claim_typed_into_an_interpreter_has_no_source(tmp_path):
    entries = made.entries()
    object.__setattr__(entries[0].claim, "source", ("<stdin>", 1))
    try:
        assert "stdin" not in made.page(tmp_path, entries=entries).read_text("utf-8")
    finally:
        object.__setattr__(entries[0].claim, "source", entries[1].claim.source)


def test_pictures_say_what_they_show_or_are_refused(tmp_path):
    assert pictures(tmp_path / "none") == []
    made.picture(tmp_path / "a.png", Description="shown → here", Source="one, two")
    (found,) = pictures(tmp_path)
    assert found[:3] == ("a", "shown → here", ("one", "two")) and (found.width, found.height) == (140, 60)
    made.picture(tmp_path / "b.png", Source="one")
    with pytest.raises(StoreError, match=r"b\.png does not say what it shows"):
        pictures(tmp_path)
    (tmp_path / "b.png").write_bytes(b"not a picture")
    with pytest.raises(StoreError, match=r"b\.png cannot be read as PNG"):
        pictures(tmp_path)


def test_a_figure_stands_once_and_every_claim_on_its_sims_links_to_it(page, html):
    assert html.count("<figure") == 1
    assert page.text.count("Figure 1.") == 1
    assert html.count('href="#figure-1"') == len(made.verdicts())


def test_strips_are_drawn_where_they_make_sense():
    drawn = {e.claim.id: strip(e) for e in made.entries()}
    assert {name for name, s in drawn.items() if s is None} == {"li2019-3", "li2019-4", "quadratic-2"}
    for s in drawn.values():
        if s is not None:
            assert 0 <= s.low <= s.estimate <= s.high <= s.width and s.band[0] < s.band[1]
    right_of_zero = drawn["li2019-1"]
    assert right_of_zero.low > right_of_zero.band[0] and right_of_zero.band[1] == right_of_zero.width
    assert drawn["li2019-2"].low > drawn["li2019-2"].band[1]  # refuted: beside the range


def test_dots_are_on_a_logarithmic_axis():
    drawn = dots(made.replays())
    ticks = [t.x for t in drawn.ticks]
    assert [t.text for t in drawn.ticks] == ["4", "8", "16"]
    assert ticks[1] - ticks[0] == pytest.approx(ticks[2] - ticks[1], abs=0.02)
    row = drawn.rows[0]
    assert row.low == row.fixed == ticks[0] and row.planned == ticks[2] and row.low < row.mean < row.high
    assert dots([]) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"), (-1742.3, "−1742"), (10020.0, "10020"), (110.84, "110.8"), (0.0006735, "6.735×10⁻⁴"),
        (0.999961, "1"), (1e-12, "10⁻¹²"), (math.nan, "–"), (-math.inf, "−∞"), (123456.0, "123500"), (0.25, "0.25"),
    ],
)  # fmt: skip
def test_numbers(value, text):
    assert words.number(value) == text


@pytest.mark.parametrize(
    ("level", "text"), [(0.95, "95"), (0.99, "99"), (0.99962, "99.962"), (0.05, "5"), (1.0, "100")]
)
def test_levels_are_never_rounded_up_to_certainty(level, text):
    assert words.percent(level) == f"{text}\N{NARROW NO-BREAK SPACE}%"
