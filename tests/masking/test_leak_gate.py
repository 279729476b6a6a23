"""The gate reads a finished masked file as a stranger would, and finds what must not be in it."""

import io
import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from masking import detect, gate, intake, leaks, tape
from masking.policy import Mapping, Stage, default_policy
from masking.risk import leak_gate

TAPE = Path(__file__).parents[1] / "data" / "sba_chargeoffs_ca.csv"


class Case:
    def __init__(self, stage: Stage) -> None:
        info = intake.inspect(TAPE)
        self.chunks = list(intake.read_chunks(TAPE, info))
        sample = intake.sample(TAPE, info)
        self.mapping: Mapping = detect.suggest(detect.detect(info.columns, sample), sample)
        self.masked = tape.mask(
            self.chunks,
            self.mapping,
            default_policy(),
            stage=stage,
            token_key=b"t" * 32,
            cut_off_on=date(2015, 1, 1),
            currency="USD",
        )

    def failed(self, table: pa.Table | None = None, token_key: bytes = b"t" * 32, **changes: object) -> set[str]:
        out = io.BytesIO()
        tape.write_csv(self.masked.table if table is None else table, out)
        report = replace(self.masked.report, **changes)
        checks = leak_gate(self.chunks, out, self.mapping, report, currency="USD", token_key=token_key)
        return {check.name for check in checks if not check.passed}

    def with_cell(self, column: str, cell: str) -> pa.Table:
        table = self.masked.table
        cells = table.column(column).to_pylist()
        cells[17] = cell
        return table.set_column(table.column_names.index(column), column, pa.array(cells))


def publish(folder: Path, mapping: Mapping, source: Path = TAPE) -> tape.PublishedPool:
    keys = tape.PoolKeys(token_key=b"t" * 32, data_key=b"d" * 32, commit_key=b"c" * 32, nonce_prefix=b"prefix7")
    return tape.publish_pool(
        source,
        mapping,
        tape.ALL_ACCOUNTS,
        keys,
        folder,
        portfolio="p",
        seller="s",
        cut_off_on=date(2015, 1, 1),
        currency="USD",
    )


@pytest.fixture(scope="module", params=[Stage.PREVIEW, Stage.VETTED])
def case(request) -> Case:
    return Case(request.param)


def test_an_honest_masked_file_passes_every_check(case):
    assert case.failed() == set()


@pytest.mark.parametrize(
    "written", ["1015066002", "see 1015066002 pls", "101-506-6002", "10150 66002", "re:1015066002;x"]
)
def test_one_loan_number_in_any_written_form_is_found(case, written):
    assert "identifiers" in case.failed(case.with_cell("original_creditor", written))


@pytest.mark.parametrize(
    "written", ["SUPERIOR BROKERS REALTY", "c/o superior brokers realty", "Superior_Brokers-Realty"]
)
def test_one_debtor_name_in_any_written_form_is_found(case, written):
    assert "identifiers" in case.failed(case.with_cell("original_creditor", written))


@pytest.mark.parametrize("written", [b"", b"PK\x03\x04 no workbook", b"current_balance,\x00\n1.00,x\n", b"a,a\n1,2\n"])
def test_a_masked_file_that_cannot_be_read_again_is_found(case, written):
    checks = leak_gate(case.chunks, io.BytesIO(written), case.mapping, case.masked.report, currency="USD")
    assert [(check.name, check.passed) for check in checks] == [("readable", False)]


def test_an_identifier_in_a_header_is_found(case):
    names = [*case.masked.table.column_names[:-1], "loan 1015066002"]
    assert "identifiers" in case.failed(case.masked.table.rename_columns(names))


def test_an_original_account_number_in_the_token_column_has_not_the_form_of_a_token(case):
    assert "form" in case.failed(case.with_cell("account_number", "1015066002"))


@pytest.mark.parametrize("cell", ["=1+1", "+cmd|' /C calc'!A0", "@SUM(A1)", "-2+3", "\t=1"])
def test_a_formula_is_found(case, cell):
    assert "form" in case.failed(case.with_cell("original_creditor", cell))


def test_a_class_below_k_is_found(case):
    assert "k" in case.failed(case.with_cell("state", "WY"))


def test_a_lost_row_is_found(case):
    assert "totals" in case.failed(case.masked.table.slice(1))


def test_an_amount_that_moved_further_than_rounding_can_is_found(case):
    assert "totals" in case.failed(case.with_cell("charge_off_balance", "99000000.00"))


def test_tokens_that_were_not_made_with_the_pools_key_are_found(case):
    assert case.failed(token_key=b"u" * 32) == {"tokens"}


def test_one_token_that_no_original_gives_is_found(case):
    assert "tokens" in case.failed(case.with_cell("account_number", "ABCDEFGHIJKLMNOP"))


def test_tokens_that_a_new_key_does_not_change_are_found(case):
    tokens = gate._Tokens(b"t" * 32, case.mapping)
    tokens._other = tokens._key
    tokens.sample(case.masked.table)
    for chunk in case.chunks:
        tokens.meet(chunk)
    assert not tokens.check().passed


def test_a_preview_in_which_too_many_rows_can_be_linked_is_found(case):
    states = [chr(65 + i // 5 // 26 % 26) + chr(65 + i // 5 % 26) for i in range(case.masked.table.num_rows)]
    place = case.masked.table.column_names.index("state")
    small = case.masked.table.set_column(place, "state", pa.array(states))
    assert ("linkage" in case.failed(small)) == (case.masked.report.stage == "preview")


def test_a_gate_that_no_longer_finds_planted_leaks_fails_itself():
    assert leaks.missed_canaries() == 0
    assert leaks.missed_canaries(lambda cell: {cell}) > 0


def test_a_column_with_too_many_texts_to_search_is_not_published(case, monkeypatch):
    monkeypatch.setattr(leaks, "DISTINCT_LIMIT", 3)
    many = [f"Bank {i}" for i in range(case.masked.table.num_rows)]
    place = case.masked.table.column_names.index("original_creditor")
    table = case.masked.table.set_column(place, "original_creditor", pa.array(many))
    assert "identifiers" in case.failed(table)


def test_a_published_pool_says_that_it_passed_every_check_at_both_stages(tmp_path):
    made = publish(tmp_path, Case(Stage.PREVIEW).mapping)
    assert all(check.passed for checks in made.checks.values() for check in checks)
    names = [check["name"] for check in json.loads(made.pool.files.report.read_text())["checks"]["vetted"]]
    assert names == ["readable", "identifiers", "canaries", "tokens", "k", "linkage", "form", "totals"]


def test_a_pool_that_would_leak_is_refused_and_leaves_no_file(tmp_path):
    loan = TAPE.read_text().splitlines()[1].split(",")[0]
    leaking = tmp_path / "tape.csv"
    leaking.write_text(TAPE.read_text().replace("BANK OF AMERICA NATL ASSOC", f"file {loan}"))
    (tmp_path / "out").mkdir()
    with pytest.raises(tape.LeakGateRefused, match="identifiers") as caught:
        publish(tmp_path / "out", Case(Stage.PREVIEW).mapping, leaking)
    assert {check.name for _, check in caught.value.failed} == {"identifiers"}
    assert loan not in str(caught.value)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("written", ["call (555) 010-1234", "ann@example.org", "Mr. Abernathy", "Visa - John Smith"])
def test_one_identifier_that_no_column_of_the_tape_holds_is_found_by_its_form(case, written):
    assert "identifiers" in case.failed(case.with_cell("original_creditor", written))


def test_a_number_of_somebody_among_exact_amounts_is_found(case):
    assert "identifiers" in case.failed(case.with_cell("original_amount", "1015066002.00"))
    assert "identifiers" not in case.failed(case.with_cell("original_amount", "1015066000.00"))


def test_an_identifier_far_down_a_category_is_shown_as_other_and_counted(tmp_path):
    lines = TAPE.read_text().splitlines(keepends=True)
    assert "JPMORGAN CHASE BANK NATL ASSOC" in lines[-2]
    lines[-2] = lines[-2].replace("JPMORGAN CHASE BANK NATL ASSOC", "call 555-010-1234")
    tampered = tmp_path / "tape.csv"
    tampered.write_text("".join(lines))
    (tmp_path / "out").mkdir()
    made = publish(tmp_path / "out", Case(Stage.PREVIEW).mapping, tampered)
    assert "555" not in "".join(made.pool.files.vetted.read_text().splitlines()[-3:])
    assert made.pool.report.masks["vetted"].merged_values_counts["original_creditor"] == 1
