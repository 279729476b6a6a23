"""The gate reads a finished masked file as a stranger would, and finds what must not be in it."""

import io
from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from masking import detect, intake, tape
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

    def failed(self, table: pa.Table | None = None, **changes: object) -> set[str]:
        out = io.BytesIO()
        tape.write_csv(self.masked.table if table is None else table, out)
        report = replace(self.masked.report, **changes)
        checks = leak_gate(self.chunks, out, self.mapping, report, currency="USD")
        return {check.name for check in checks if not check.passed}

    def with_cell(self, column: str, cell: str) -> pa.Table:
        table = self.masked.table
        cells = table.column(column).to_pylist()
        cells[17] = cell
        return table.set_column(table.column_names.index(column), column, pa.array(cells))


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
