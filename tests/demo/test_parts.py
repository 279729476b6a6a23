"""The demo's own parts: tape, bank, checks, search, results."""

import csv
import io
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from click.testing import CliRunner

from market.cli import cli
from market.client.http import Upload
from market.client.settlement import LedgerTransfer
from market.demo import results, secrecy, tape
from market.demo.bank import Bank, Wire
from market.demo.checks import Check, Checks, StoryEnds
from market.demo.options import read_corrections
from market.demo.pdf import page_of
from market.demo.steps.offer import Figures, rounded
from market.demo.world import stretched
from market.portfolios.rules import PoolState
from market.settings import SettingsError
from market.settlement.statement import read_statements
from masking import intake
from masking.accounts import validate
from masking.detect import detect, suggest
from masking.policy import Mapping

CUT_OFF_ON = date(2026, 10, 31)


def test_the_auction_is_open_longer_where_everything_takes_longer() -> None:
    begun = datetime(2026, 1, 5, tzinfo=UTC)
    spans = [stretched(10, since=begun, now=begun + timedelta(seconds=s)) for s in (0, 30, 45, 100_000)]
    assert spans == [10, 10, 15, 80]


def test_the_generated_tape_is_the_same_for_the_same_seed_and_day() -> None:
    assert tape.generate(CUT_OFF_ON) == tape.generate(CUT_OFF_ON)
    assert tape.generate(CUT_OFF_ON, seed=2).content != tape.generate(CUT_OFF_ON).content


def test_the_generated_tape_holds_what_it_claims() -> None:
    made = tape.generate(CUT_OFF_ON)
    source = io.BytesIO(made.content)
    info = intake.inspect(source)
    proposed = suggest(detect(info.columns, intake.sample(source, info)), intake.sample(source, info))
    mapping = Mapping({**proposed.columns, **tape.CORRECTIONS}, proposed.decimal_mark, proposed.date_order)
    found = validate(intake.read_chunks(source, info), mapping, cut_off_on=CUT_OFF_ON, currency="USD")
    assert (found.totals.accepted_count, found.totals.accepted_cents) == (made.account_count, made.face_value_cents)
    assert {row.row for row in found.refused} == set(made.refused)


def test_nobody_in_the_generated_tape_can_be_a_real_person() -> None:
    lines = tape.generate(CUT_OFF_ON).content.decode().splitlines()[1:]
    rows = [dict(zip(tape.HEADERS, cells, strict=True)) for cells in csv.reader(lines)]
    assert all(row["SSN/TIN"][0] == "9" and int(row["SSN/TIN"][4:6]) < 50 for row in rows)
    assert all("555-01" in row["Home Ph"] for row in rows)
    assert all(row["Email"] in {""} or row["Email"].endswith("@example.com") for row in rows)


def test_a_tape_too_short_for_its_flaws_is_not_made() -> None:
    with pytest.raises(ValueError, match="at least 100"):
        tape.generate(CUT_OFF_ON, count=99)


def test_statements_tie_out_and_each_opens_where_the_last_one_closed() -> None:
    bank = Bank("1234", "USD")
    bank.book(Wire(500_00, "DEP-A", "A"))
    bank.book(Wire(70_05, "DEP-B", "B"))
    (first,) = read_statements(bank.statement(CUT_OFF_ON))
    bank.book(Wire(-20_05, "PAYOUT-C", "C"))
    (second,) = read_statements(bank.statement(CUT_OFF_ON))
    assert [(line.amount_cents, line.credit) for line in (*first.lines, *second.lines)] == [
        (500_00, True),
        (70_05, True),
        (20_05, False),
    ]
    assert (first.opening_cents, first.closing_cents) == (0, 570_05)
    assert (second.opening_cents, second.closing_cents) == (570_05, 550_00)
    assert len({line.entry_ref for line in (*first.lines, *second.lines)}) == 3


def test_a_check_that_fails_says_what_was_expected_and_seen() -> None:
    told: list[Check] = []
    checks = Checks(told=told.append)
    checks.equal("sum", expected=0, seen=1)
    checks.refused("bid", expected="TOO_LATE", seen=None)
    checks.refused("bid", expected="TOO_LATE", seen="TOO_LATE")
    assert [check.name for check in told] == ["sum", "bid is refused", "bid is refused"]
    assert [(check.expected, check.seen, check.held) for check in told] == [
        ("0", "1", False),
        ("refused: TOO_LATE", "allowed", False),
        ("refused: TOO_LATE", "refused: TOO_LATE", True),
    ]
    assert len(checks.failed) == 2


def test_a_check_shows_values_and_no_reprs() -> None:
    checks = Checks()
    checks.equal("sold", expected={PoolState.SOLD}, seen=(b"%PDF", None))
    checks.broke("the story goes on", StoryEnds("the portfolio is refused"))
    assert [(check.expected, check.seen) for check in checks.made] == [
        ('["sold"]', '["%PDF", null]'),
        ("no error", "the portfolio is refused"),
    ]


def test_the_search_finds_what_is_there_and_nothing_else(tmp_path: Path) -> None:
    upload = Upload("t.csv", b"Acct No,Name\r\n12345678901,Somebody Somewhere\r\n", "text/csv")
    values = secrecy.known_values(upload, {"Acct No": "account_number", "Name": "debtor_name"})
    assert b"12345678901" in values
    (tmp_path / "clean.bin").write_bytes(b"nothing of it")
    (tmp_path / "empty").touch()
    assert secrecy.occurrences(tmp_path, values) == []
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "leak.log").write_bytes(b"x" * 10_000 + b"12345678901")
    assert secrecy.occurrences(tmp_path, values) == ["deep/leak.log"]


def test_what_only_waits_is_not_in_the_ledger_file() -> None:
    at = datetime(2026, 11, 22, tzinfo=UTC)
    sums = {"kind": "deposit", "subject": "s", "debit": "a", "credit": "b", "currency": "USD", "amount_cents": 100}
    moved = LedgerTransfer(UUID(int=1), at, **sums, posted_cents=40, state="posted")
    waiting = LedgerTransfer(UUID(int=2), at, **sums, posted_cents=0, state="pending")
    lines = results.ledger_lines([moved, waiting])
    assert results.balances(lines) == {"a": 40, "b": -40}
    assert results.count_rows(results.as_csv(results.LEDGER_COLUMNS, lines)) == 2


@pytest.mark.parametrize(("cents", "expected"), [(0, 1), (7, 7), (123, 120), (987_654, 980_000)])
def test_amounts_are_rounded_down_to_two_digits(cents: int, expected: int) -> None:
    assert rounded(cents) == expected


def test_the_reserve_lies_above_the_opening() -> None:
    for face_cents in (10_000, 1_234_567, 10**12):
        figures = Figures.of(face_cents)
        assert 0 < figures.deposit_cents <= figures.opening_cents < figures.reserve_cents


@pytest.mark.parametrize("text", ["not json", "[1]", '{"a": 1}', '{"columns": {"a": "no such field"}}'])
def test_a_mapping_file_that_is_none_is_refused_with_its_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mapping.json"
    path.write_text(text)
    with pytest.raises(SettingsError, match=r"mapping\.json"):
        read_corrections(path)


@pytest.mark.parametrize(("given", "why"), [("XXX", "not a currency"), ("EUR", "own tape is in USD")])
def test_a_currency_that_cannot_be_sold_in_is_refused_before_anything_starts(given: str, why: str) -> None:
    said = CliRunner().invoke(cli, ["demo", "--currency", given])
    assert said.exit_code == 2
    assert why in said.output


def test_a_paper_of_the_demo_is_a_page_that_says_what_it_is() -> None:
    page = page_of(["A deed (specimen)", r"back\slash"])
    assert page.startswith(b"%PDF-")
    assert rb"(A deed \(specimen\)) Tj" in page
    assert rb"(back\\slash) Tj" in page
    table_at = int(page.rsplit(b"startxref\n", 1)[1].split(b"\n", 1)[0])
    assert page[table_at:].startswith(b"xref\n")
    for number, row in enumerate(page[table_at:].splitlines()[3:8], 1):
        assert page[int(row[:10]) :].startswith(b"%d 0 obj" % number)
