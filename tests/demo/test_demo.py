"""`market demo` as a user runs it: a process, its exit status, and the files that it leaves."""

import csv
import json
import os
import re
import subprocess
import sys
from collections import Counter
from hashlib import sha256
from pathlib import Path

import pytest

from market.kit.money import show
from market.settlement.documents.checking import facts_of
from tests.demo.conftest import PUBLIC_TAPE, ROOT, DemoRun

KINDS = ("csv", "xlsx")
FILES = {"masked.csv", "auction.jsonl", "PSA.pdf", "authority.pem", "ledger.csv", "sale-file.csv", "report.json"}


@pytest.fixture(params=KINDS)
def run(request: pytest.FixtureRequest, demos: dict[str, DemoRun]) -> DemoRun:
    return demos[request.param].finished()


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as source:
        return list(csv.DictReader(source))


def test_it_ends_with_0_after_every_check_held(run: DemoRun) -> None:
    assert run.process.returncode == 0, run.said[-4000:]
    assert re.search(r"all \d\d checks held in \d+ s", run.said)
    assert "FAILED" not in run.said


def test_it_tells_the_six_chapters_in_plain_text(run: DemoRun) -> None:
    assert re.findall(r"^(\d)\. ", run.said, re.MULTILINE) == list("123456")
    assert "\x1b" not in run.said


def test_it_leaves_its_results_readable_by_their_owner_only(run: DemoRun) -> None:
    found = {path.name: path for path in run.out.iterdir()}
    assert found.keys() == FILES
    assert all(path.stat().st_mode & 0o077 == 0 and path.stat().st_size > 0 for path in found.values())
    assert (run.out / "PSA.pdf").read_bytes().startswith(b"%PDF")


def test_the_ledger_sums_to_zero(run: DemoRun) -> None:
    rows = _rows(run.out / "ledger.csv")
    sums: Counter[str] = Counter()
    for row in rows:
        sums[row["account"]] += int(row["debit_cents"]) - int(row["credit_cents"])
    report = json.loads((run.out / "report.json").read_text())
    assert sum(sums.values()) == 0
    assert -sums["rev:commission"] == report["commission_cents"] > 0
    assert report["buyer_paid_cents"] == report["seller_received_cents"] + report["commission_cents"]


def test_the_auction_log_verifies_without_the_server(run: DemoRun) -> None:
    said = subprocess.run(
        [sys.executable, "-m", "market", "auction", "verify", str(run.out / "auction.jsonl")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    report = json.loads((run.out / "report.json").read_text())
    assert said.strip().endswith(f"at {show(report['hammer_cents'], 'USD')}")


def test_the_agreement_it_leaves_is_sealed_and_names_the_masked_file_beside_it(run: DemoRun) -> None:
    files = ("PSA.pdf", "--authority", "authority.pem")
    said = subprocess.run(
        [sys.executable, "-m", "market", "documents", "verify", *files],
        cwd=run.out, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "every seal is there" in said
    facts = facts_of((run.out / "PSA.pdf").read_bytes())
    assert facts is not None
    assert sha256((run.out / "masked.csv").read_bytes()).hexdigest() == facts["schedule"]["masked_sha256"]


def test_a_check_of_a_refusal_says_that_it_was_refused(run: DemoRun) -> None:
    report = json.loads((run.out / "report.json").read_text())
    refusals = [check["name"] for check in report["checks"] if check["expected"].startswith("refused: ")]
    assert "a bid before the opening is refused" in refusals
    assert all(name.endswith(" is refused") for name in refusals)
    assert re.search(r"^  ok +a bid before the opening is refused$", run.said, re.MULTILINE)


def test_the_sale_file_is_what_the_report_says(run: DemoRun) -> None:
    report = json.loads((run.out / "report.json").read_text())
    sold = _rows(run.out / "sale-file.csv")
    assert len(sold) == report["sale_file_row_count"] == report["account_count"]
    masked = (run.out / "masked.csv").read_text()
    key = next(iter(sold[0]))
    assert not any(row[key] in masked for row in sold if len(row[key]) >= 8)


def test_every_check_in_the_report_names_what_was_expected_and_seen(run: DemoRun) -> None:
    report = json.loads((run.out / "report.json").read_text())
    assert report["checks_held"] is True
    assert all(check.keys() == {"name", "expected", "seen", "held"} and check["held"] for check in report["checks"])


def test_the_public_tape_is_sold_to_the_row(demos: dict[str, DemoRun]) -> None:
    out = demos["csv"].finished().out
    numbers = {row["LoanNr_ChkDgt"] for row in _rows(PUBLIC_TAPE)}
    sold = {row["LoanNr_ChkDgt"] for row in _rows(out / "sale-file.csv")}
    assert sold <= numbers
    assert len(sold) == json.loads((out / "report.json").read_text())["account_count"]
