"""The risk report: attacks count what they say, the page needs nothing from elsewhere and tells no value."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pyarrow as pa
import pytest

from masking.__main__ import main
from masking.attacks import attacked

TAPE = Path(__file__).parents[1] / "data" / "sba_chargeoffs_ca.csv"


def test_an_attack_is_right_once_per_class():
    rows = pa.table({"a": ["x"] * 6 + ["y"] * 3 + ["z"], "b": list("1112223334"), "c": ["same"] * 10})
    both, one = attacked([rows.slice(0, 4), rows.slice(4)], [("a", "b", "c"), ("a",)])
    assert (both.classes_count, both.unique_count, both.smallest_count) == (4, 1, 1)
    assert both.linkage_share == pytest.approx(0.4)
    assert both.share_without == pytest.approx({"a": 0.4, "b": 0.3, "c": 0.4})
    assert one.rows_by_class_size == {"1": 1, "2-4": 3, "5-10": 6, **dict.fromkeys(list(one.rows_by_class_size)[3:], 0)}


def test_the_simulated_share_comes_close_to_the_expected_one():
    rows = pa.table({"a": [str(i % 5_000) for i in range(20_000)]})
    made = attacked([rows], [("a",)])[0]
    assert made.linkage_share == 0.25
    assert made.simulated_share == pytest.approx(0.25, abs=0.02)


def test_equal_cells_of_two_columns_are_not_confused():
    rows = pa.table({"a": ["x", "y"], "b": ["y", "x"]})
    assert attacked([rows], [("a", "b")])[0].classes_count == 2


@pytest.fixture(scope="module")
def reports(tmp_path_factory) -> Path:
    here = tmp_path_factory.mktemp("risk")
    (here / "keys").write_bytes(bytes(range(103)))
    made = [str(TAPE), str(here / "pool"), "--cut-off", "2015-01-01", "--key-file", str(here / "keys")]
    assert main(["apply", *made]) == 0
    for out in ("tape.html", "tape.json"):
        assert main(["risk", str(TAPE), "--cut-off", "2015-01-01", "--out", str(here / out)]) == 0
    assert main(["risk", str(here / "pool"), "--out", str(here / "pool.html")]) == 0
    return here


def test_masking_makes_the_attack_on_the_tape_fail(reports):
    views = {view["name"]: view["attacks"] for view in json.loads((reports / "tape.json").read_text())["views"]}
    assert list(views) == ["original", "preview", "vetted"]
    assert views["original"]["person and debt"]["linkage_share"] > 0.9
    assert views["preview"]["person"]["linkage_share"] < 0.05
    assert views["preview"]["person and debt"]["linkage_share"] < views["vetted"]["person and debt"]["linkage_share"]


@pytest.mark.parametrize("name", ["tape.html", "pool.html"])
def test_the_page_is_one_well_formed_file_without_script_or_link(reports, name):
    text = (reports / name).read_text()
    assert not re.search(r"<script|<link|<img|href=|src=|url\(|https?://|@import", text)
    ET.fromstring(re.sub(r"<!doctype html>|<meta[^>]*>", "", text))
    assert "Totals before and after" in text
    assert "k distribution" in text
    assert "What each column costs" in text
    assert "shown as OTHER" in text


@pytest.mark.parametrize("name", ["tape.html", "pool.html"])
def test_the_page_says_who_attacks_in_full_what_a_high_share_means_and_draws_no_empty_costs(reports, name):
    text = (reports / name).read_text()
    assert "also knows the debt (its date and balance)</text>" in text
    assert "k is about age and place, which anybody may know." in text
    figures = re.findall(r"<figcaption>What each column costs[^<]*</figcaption>(.*?)</figure>", text)
    assert figures
    assert not [drawn for drawn in figures if ">0.00%</text>" in drawn]
    assert not re.search(r"<svg(?![^>]*viewBox)", text)


def test_no_report_tells_a_value_of_the_tape(reports):
    names = [line.split(",")[1] for line in TAPE.read_text().splitlines()[1:]]
    for path in ("tape.html", "tape.json", "pool.html"):
        text = (reports / path).read_text()
        assert not [name for name in names if len(name) > 4 and name in text]
