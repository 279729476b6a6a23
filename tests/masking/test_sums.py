"""What secures a loan of an EU template and what was repaid on it is summed exactly, or not at all and counted."""

import csv
import json
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from masking import detect, intake
from masking.__main__ import main
from masking.joining import flat


def table(**columns: list[str]) -> pa.Table:
    return pa.table({name: pa.array(cells, pa.string()) for name, cells in columns.items()})


def loans(*keys: str, currency: str = "EUR", balance: str = "100.00") -> pa.Table:
    return table(loan_identifier=list(keys), legal_balance=[balance] * len(keys), loan_currency=[currency] * len(keys))


def collateral(*rows: tuple[str, str, str, str]) -> pa.Table:
    names = ("protection_identifier", "loan_identifier", "latest_valuation_amount", "currency_of_collateral")
    return table(**{name: [row[place] for row in rows] for place, name in enumerate(names)})


def repayments(*rows: tuple[str, str]) -> pa.Table:
    return table(loan_identifier=[loan for loan, _ in rows], history_of_total_repayments=[paid for _, paid in rows])


def cells(made, name: str) -> list[str]:
    return made.rows.column(name).to_pylist()


def test_what_secures_a_loan_and_what_was_repaid_stand_in_its_row_as_sums():
    links = table(
        counterparty_identifier=["P1", "P2", "P2", "P1"],
        loan_identifier=["L1", "L1", "L1", "L2"],
        property_collateral_identifier=["C1", "C1", "C2", ""],
    )
    valued = collateral(("C1", "", "250,000.50", "EUR"), ("C2", "", "1000", "eur"))
    paid = repayments(("L2", "10.10"), ("L2", "20.20"), ("L1", "5"))
    made = flat([loans("L1", "L2"), links, valued, paid])
    assert cells(made, "sum_of_collateral_values") == ["251000.50", "0"]
    assert cells(made, "sum_of_repayments") == ["5", "30.30"]
    assert made.joined_count == 3
    assert [told for told in made.told if "sum_of" in told] == []


def test_amounts_that_do_not_tell_their_decimal_mark_are_written_as_those_of_the_loans():
    valued = collateral(("C1", "L1", "250.000", "EUR"), ("C2", "L1", "180.500", "EUR"))
    made = flat([loans("L1", balance="1.234,56"), valued, repayments(("L1", "1.500"))])
    assert cells(made, "sum_of_collateral_values") == ["430500"]
    assert cells(made, "sum_of_repayments") == ["1500"]


def test_a_loan_or_a_collateral_without_an_identifier_has_no_sum():
    valued = collateral(("C1", "L1", "5", "EUR"), ("", "L1", "7", "EUR"), ("", "L2", "", ""))
    made = flat([loans("L1", "L2", ""), valued, repayments(("", "9"))])
    assert cells(made, "sum_of_collateral_values") == ["", "0", ""]
    assert cells(made, "sum_of_repayments") == ["", "", ""]
    assert (
        "sum_of_collateral_values is empty for 2 loans: the loan or its collateral has no identifier (2)." in made.told
    )


def test_a_loan_of_several_rows_has_no_sum_that_each_would_hold_in_full():
    made = flat([loans("L1", "L1", "L2"), collateral(("C1", "L1", "5", "EUR")), repayments(("L1", "9"), ("L2", "1"))])
    assert cells(made, "sum_of_collateral_values") == ["", "", "0"]
    assert cells(made, "sum_of_repayments") == ["", "", "1"]


GAPS = {
    "collateral is not in its table (1)": [("C1", "L1", "5", "EUR")],
    "rows of one collateral contradict each other (1)": [("C1", "L1", "5", "EUR"), ("C1", "L1", "6", "EUR")],
    "collateral secures another loan too (1)": [("C1", "L1", "5", "EUR"), ("C1", "L9", "5", "EUR")],
    "collateral is in another currency than the loan, or in none that is named (1)": [("C1", "L1", "5", "USD")],
    "an amount is missing or cannot be read (1)": [("C1", "L1", "about 5", "EUR")],
}


@pytest.mark.parametrize(("reason", "rows"), GAPS.items())
def test_a_loan_whose_collateral_is_not_wholly_known_has_no_sum_and_is_counted(reason, rows):
    links = table(counterparty_identifier=["P"], loan_identifier=["L1"], property_collateral_identifier=["CX"])
    valued = collateral(*rows, ("C2", "L2", "7", "EUR"))
    made = flat([loans("L1", "L2"), valued, *([links] if "not in its table" in reason else [])])
    assert cells(made, "sum_of_collateral_values") == ["", "7"]
    assert f"sum_of_collateral_values is empty for 1 loans: {reason}." in made.told


def test_rows_that_say_the_same_of_one_collateral_count_once():
    made = flat([loans("L1"), collateral(("C1", "L1", "5", "EUR"), ("C1", "L1", "5", "EUR"))])
    assert cells(made, "sum_of_collateral_values") == ["5"]


def test_repayments_that_are_not_said_or_not_readable_leave_the_sum_empty_and_are_counted():
    paid = repayments(("L1", "1"), ("L1", ""), ("LX", "5"), ("L3", "-2.50"))
    made = flat([loans("L1", "L2", "L3"), paid])
    assert cells(made, "sum_of_repayments") == ["", "", "-2.50"]
    assert made.told == (
        "1 rows of repayments name a loan that the table of loans does not hold.",
        "sum_of_repayments is empty for 2 loans: an amount is missing or cannot be read (1); no row of repayments (1).",
    )


@pytest.mark.parametrize("currency", ["", "XXX", "E"])
def test_a_loan_in_no_known_currency_has_no_sums(currency):
    made = flat([loans("L1", currency=currency), repayments(("L1", "1"))])
    assert cells(made, "sum_of_repayments") == [""]
    assert made.told == ("sum_of_repayments is empty for 1 loans: the loan's currency is none of ISO 4217 (1).",)


def test_a_currency_without_minor_units_takes_no_fraction():
    made = flat(
        [loans("L1", "L2", currency="JPY", balance="100"), repayments(("L1", "100"), ("L1", "7"), ("L2", "1.50"))]
    )
    assert cells(made, "sum_of_repayments") == ["107", ""]


def test_sums_are_written_as_the_loans_write_amounts_and_read_as_their_own_table_does():
    paid = repayments(("L1", "1,000.25"), ("L1", "0.50"))
    made = flat([loans("L1", balance="1.234,56"), paid])
    assert cells(made, "sum_of_repayments") == ["1000,75"]


def test_collateral_that_no_table_links_and_months_side_by_side_are_not_summed_and_said():
    valued = table(protection_identifier=["C1"], latest_valuation_amount=["5"], currency_of_collateral=["EUR"])
    paid = repayments(("L1", "1")).append_column("5.03 2024-02", pa.array(["2"]))
    made = flat([loans("L1"), valued, paid])
    assert made.rows.column_names == ["loan_identifier", "legal_balance", "loan_currency"]
    assert made.joined_count == 1
    assert made.told[0].startswith("No table says which loan a collateral secures")
    assert made.told[1].startswith("history_of_total_repayments stands in 2 columns: give one")


def test_collateral_of_loans_that_are_not_there_is_counted():
    made = flat([loans("L1"), collateral(("C1", "L1", "5", "EUR"), ("C2", "L2", "5", "EUR"))])
    assert made.told == ("1 collaterals secure no loan of the tape.",)


amounts = st.decimals(min_value=-(10**8), max_value=10**8, places=2)


@given(st.lists(st.tuples(st.sampled_from(["L1", "L2", "L3"]), amounts), min_size=1, max_size=30))
def test_every_sum_is_exact(rows):
    made = flat([loans("L1", "L2", "L3"), repayments(*((loan, str(paid)) for loan, paid in rows))])
    for loan, cell in zip(["L1", "L2", "L3"], cells(made, "sum_of_repayments"), strict=True):
        parts = [paid for key, paid in rows if key == loan]
        assert (Decimal(cell) if cell else None) == (sum(parts) if parts else None)


def test_sums_are_rounded_in_the_preview_exact_after_the_nda_and_pass_the_gate(tmp_path):
    (tmp_path / "in").mkdir()
    keys = [f"L{number:03}" for number in range(60)]
    files = {
        "loans": loans(*keys, balance="4321.99"),
        "collateral": collateral(*((f"C{n}", key, f"{123456 + 1000 * n}.78", "EUR") for n, key in enumerate(keys))),
        "repaid": repayments(*((key, f"{n}.25") for n, key in enumerate(keys, start=31) for _ in range(4))),
    }
    for name, made in files.items():
        with (tmp_path / "in" / f"{name}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(made.column_names)
            writer.writerows(zip(*made.to_pydict().values(), strict=True))
    assert main(["template", str(tmp_path / "in"), str(tmp_path / "tape.csv")]) == 0
    (tmp_path / "keys").write_bytes(bytes(range(103)))
    options = ["--cut-off", "2024-01-01", "--currency", "EUR", "--key-file", str(tmp_path / "keys")]
    assert main(["apply", str(tmp_path / "tape.csv"), str(tmp_path / "pool"), *options]) == 0
    report = json.loads((tmp_path / "pool" / "report.json").read_text())
    assert {check["passed"] for checks in report["checks"].values() for check in checks} == {True}
    shown = {}
    for stage in ("preview", "vetted"):
        with (tmp_path / "pool" / f"{stage}.csv").open(newline="") as file:
            shown[stage] = next(csv.DictReader(file))
    assert [shown["preview"][name] for name in ("collateral_value", "repaid_amount")] == ["120000.00", "130.00"]
    assert [shown["vetted"][name] for name in ("collateral_value", "repaid_amount")] == ["123456.78", "125.00"]


def test_the_columns_of_sums_are_told_by_their_names():
    made = flat([loans("L1"), collateral(("C1", "L1", "5", "EUR")), repayments(("L1", "1"))])
    found = {each.column: each.field for each in detect.detect(made.rows.column_names, made.rows)}
    assert found["sum_of_collateral_values"] == "collateral_value"
    assert found["sum_of_repayments"] == "repaid_amount"


def test_a_sum_that_no_tape_may_hold_is_none():
    made = flat([loans("L1"), repayments(("L1", "99999999999"), ("L1", "1"))])
    assert cells(made, "sum_of_repayments") == [""]
    assert intake.ROW not in made.rows.column_names
