"""docs/claims.md: written from verdicts, read back, and in step with the sims."""

from __future__ import annotations

from pathlib import Path

import pytest

from lrtheory.errors import ConfigError
from lrtheory.record import find_record, markdown
from lrtheory.sims import load_sim, sim_names
from lrtheory.thresholds import Line, Threshold
from tests.judged import entries

ROOT = Path(__file__).resolve().parents[1]


def test_what_is_written_is_read_back(tmp_path):
    judged = entries()
    path = tmp_path / "claims.md"
    path.write_text(markdown(judged, "smoke", 0.05), "utf-8")
    record = find_record(path)
    assert record.scale == "smoke" and record.verdicts == {e.claim.id: e.verdict.verdict for e in judged}
    assert record.at("smoke") == record.verdicts and record.at("laptop") == {}


def test_a_row_is_one_line_with_its_cells_whatever_the_statement(tmp_path):
    lines = markdown(entries(), "smoke", 0.05).splitlines()
    header = next(line for line in lines if line.startswith("| claim"))
    row = next(line for line in lines if line.startswith("| toy-1 "))
    assert row.replace("\\|", "").count("|") == header.count("|") and "for all" in row
    assert "1. the toy was chosen" in lines and sum("the toy was chosen" in line for line in lines) == 1


def test_lines_of_a_sim_are_written_below_and_are_no_verdicts(tmp_path):
    found = [Threshold(Line("1|2", len, "last below", 0.5), 0.4, 0.4, 0.6, (0.2, 0.4))]
    text = markdown(entries(), "smoke", 0.05, {"toy": found})
    assert "## Lines between the regimes of `toy`" in text
    assert "| 1\\|2 | 0.4 | 0.4 and 0.6 | [0.2, 0.4] | 0.5 |" in text
    path = tmp_path / "claims.md"
    path.write_text(text, "utf-8")
    assert find_record(path).verdicts == {e.claim.id: e.verdict.verdict for e in entries()}


def test_each_scale_has_a_record_of_its_own_beside_that_of_the_laptop(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    for name, scale in (("claims.md", "laptop"), ("claims-paper.md", "paper")):
        (tmp_path / "docs" / name).write_text(markdown(entries(), scale, 0.05), "utf-8")
    assert [find_record(scale=s).scale for s in ("laptop", "paper", "smoke")] == ["laptop", "paper", "laptop"]


def test_a_named_file_that_is_no_record_is_refused_and_none_at_all_is_empty(tmp_path, monkeypatch):
    (tmp_path / "other.md").write_text("# hello")
    for name in ("other.md", "absent.md"):
        with pytest.raises(ConfigError, match="--recorded"):
            find_record(tmp_path / name)


def test_the_record_of_the_project_has_every_claim_once_as_it_is_stated():
    text = (ROOT / "docs" / "claims.md").read_text("utf-8")
    record = find_record(ROOT / "docs" / "claims.md")
    assert record.scale == "laptop"
    claims = [claim for name in sim_names() for claim in load_sim(name).claims]
    assert sorted(record.verdicts) == sorted(c.id for c in claims)
    for claim in claims:
        row = next(line for line in text.splitlines() if line.startswith(f"| {claim.id} |"))
        assert claim.statement.replace("|", "\\|") in row and f" {claim.status} " in row, claim.id
        assert claim.relation.predicted.replace("|", "\\|") in row, claim.id
