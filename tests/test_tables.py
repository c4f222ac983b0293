"""Verdicts as text: the table, JSON and JUnit say the same, and no number is lost on the way."""

from __future__ import annotations

import dataclasses
import json
import math
from xml.etree import ElementTree

import pytest

from lrtheory.tables import as_json, as_junit, strip, table
from tests.judged import entries

RECORDED = {"toy-1": "holds", "toy-2": "holds"}


@pytest.fixture(scope="module")
def judged():
    return entries()


def test_the_table_names_claim_verdict_numbers_and_what_is_missing(judged):
    lines = {line.split()[0]: line for line in table(judged, RECORDED).splitlines()}
    assert "holds " in lines["toy-1"] and "0.5 nat" in lines["toy-1"] and "x is above 0" in lines["toy-1"]
    assert "refuted (was holds)" in lines["toy-2"]
    assert "undecided" in lines["toy-3"] and "(was" not in lines["toy-3"]
    assert "16 (1 without a value)" in lines["toy-4"]
    assert "0.1 → 0.2" in lines["li2019-x"] and "rises along rate" in lines["li2019-x"]


def test_json_has_the_promised_fields_and_no_nan(judged):
    rows = json.loads(as_json(judged, RECORDED, "smoke"), parse_constant=lambda c: pytest.fail(c))
    promised = {"id", "paper", "statement", "reference", "status", "verdict", "recorded", "estimate", "interval",
                "n_seeds", "scale"}  # fmt: skip
    assert all(promised <= set(row) for row in rows) and [r["id"] for r in rows] == [e.claim.id for e in judged]
    first, gone = rows[0], rows[3]
    assert first["verdict"] == first["recorded"] == "holds" and first["n_seeds"] == 16 and first["scale"] == "smoke"
    assert first["estimate"] == pytest.approx(0.5) and first["interval"][0] < 0.5 < first["interval"][1]
    assert gone["estimate"] is None and gone["interval"] == [None, None] and gone["n_missing"] == 1
    assert rows[2]["recorded"] is None and rows[4]["paper"] == "li2019"


def test_junit_fails_the_case_whose_verdict_changed_and_no_other(judged):
    root = ElementTree.fromstring(as_junit(judged, RECORDED, "smoke"))
    assert (root.get("tests"), root.get("failures")) == ("5", "1")
    failed = [case.get("name") for case in root.iter("testcase") if case.find("failure") is not None]
    assert failed == ["toy-2"]
    assert root.find(".//failure").get("message") == "recorded holds, now refuted"


def test_the_strip_shows_the_interval_inside_the_claimed_range_exactly_when_it_is(judged):
    holds, refuted, undecided = (strip(e) for e in judged[:3])
    assert all(len(s) == 21 and s.count("●") == 1 for s in (holds, refuted, undecided))
    assert "·─" not in holds and "─·" not in holds
    assert "░─" not in refuted and "─░" not in refuted
    assert "·─" in undecided and "─░" in undecided
    assert strip(judged[3]) == strip(judged[4]) == ""  # no interval; no range


@pytest.mark.parametrize("numbers", [(0.5, 0.5, 0.5), (1e30, -1e30, 2e30), (0.0, -1e-300, 1e-300)])
def test_a_strip_of_extreme_numbers_can_be_drawn(judged, numbers):
    estimate, low, high = numbers
    v = dataclasses.replace(judged[0].verdict, estimate=estimate, low=low, high=high)
    assert len(strip(dataclasses.replace(judged[0], verdict=v))) == 21
    v = dataclasses.replace(v, low=-math.inf)
    assert strip(dataclasses.replace(judged[0], verdict=v)) == ""
