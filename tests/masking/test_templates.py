"""The EU data templates are read by their names and codes, joined to one row per loan, and masked like every tape."""

import csv
import io
import json
import shutil
from pathlib import Path

import openpyxl
import pyarrow as pa
import pytest

from masking import detect, intake, npl
from masking.__main__ import main
from masking.fields import FIELDS

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "in").mkdir()
    for name in ("loan", "counterparty"):
        shutil.copy(DATA / f"opennpl_{name}.csv", tmp_path / "in" / f"{name}.csv")
    return tmp_path


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_dictionary_names_known_fields_and_classes_only():
    for entry in npl.dictionary():
        assert entry.cls in {"I", "Q", "S", "F", "A"}
        assert entry.field is None or FIELDS[entry.field].cls.value == entry.cls
    assert len(npl.dictionary()) == 133


@pytest.mark.parametrize(
    "header",
    ["name_of_counterparty", "Name of Counterparty", "1.03", "1.03 Name of Counterparty", "1.03_name_of_counterparty"],
)
def test_a_header_is_a_name_or_a_code_of_the_regulation(header):
    entry = npl.entry_of(header)
    assert entry is not None
    assert (entry.name, entry.field, entry.cls) == ("name_of_counterparty", "debtor_name", "I")


@pytest.mark.parametrize("header", ["9.99", "Name", "1.03 Principal balance", ""])
def test_other_headers_are_none_of_the_regulation(header):
    assert npl.entry_of(header) is None


def test_loans_are_joined_with_their_counterparty(folder):
    assert main(["template", str(folder / "in"), str(folder / "tape.csv")]) == 0
    made, loans = rows(folder / "tape.csv"), rows(folder / "in" / "loan.csv")
    people = {row["counterparty_identifier"]: row for row in rows(folder / "in" / "counterparty.csv")}
    assert len(made) == len(loans)
    for row, loan in zip(made, loans, strict=True):
        assert row["legal_balance"] == loan["legal_balance"]
        person = people.get(loan["counterparty_identifier"])
        assert row["name_of_counterparty"] == (person["name_of_counterparty"] if person else "")
    assert sum(1 for row in made if row["name_of_counterparty"]) >= 90


def test_a_template_becomes_masked_files_that_pass_the_gate(folder, capsys):
    assert main(["template", str(folder / "in"), str(folder / "tape.csv")]) == 0
    (folder / "keys").write_bytes(bytes(range(103)))
    command = [str(folder / "tape.csv"), str(folder / "pool"), "--cut-off", "2024-01-01", "--currency", "EUR"]
    assert main(["apply", *command, "--key-file", str(folder / "keys")]) == 0
    report = json.loads((folder / "pool" / "report.json").read_text())
    assert {check["passed"] for checks in report["checks"].values() for check in checks} == {True}
    shown = set(report["masks"]["preview"]["columns"])
    assert {"account_number", "current_balance", "delinquent_on", "product", "currency"} <= shown
    names = [row["name_of_counterparty"] for row in rows(folder / "in" / "counterparty.csv")]
    text = (folder / "pool" / "vetted.csv").read_text()
    assert not [name for name in names if len(name) > 4 and name in text]


def test_a_workbook_with_a_sheet_per_table_gives_the_same_tape(folder):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name in ("counterparty", "loan"):
        sheet = book.create_sheet(name)
        with (folder / "in" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.reader(file):
                sheet.append([cell if cell else None for cell in row])
    book.save(folder / "book.xlsx")
    (folder / "keys").write_bytes(bytes(range(103)))
    for tape in ("book.xlsx", "a.csv"):
        options = ["--cut-off", "2024-01-01", "--currency", "EUR", "--key-file", str(folder / "keys")]
        if tape == "a.csv":
            assert main(["template", str(folder / "book.xlsx"), str(folder / "a.csv")]) == 0
        assert main(["apply", str(folder / tape), str(folder / tape[0]), *options]) == 0
    for name in ("preview.csv", "leaves.bin"):
        assert (folder / "a" / name).read_bytes() == (folder / "b" / name).read_bytes()
    assert main(["template", str(folder / "in"), str(folder / "b.csv")]) == 0
    assert (folder / "a.csv").read_bytes() == (folder / "b.csv").read_bytes()


def test_codes_instead_of_names_are_understood(folder):
    index = {entry.name: entry.index for entry in reversed(npl.dictionary())}
    for name in ("loan", "counterparty"):
        path = folder / "in" / f"{name}.csv"
        header, *rest = path.read_text().splitlines(keepends=True)
        header = header.replace(",loan_identifier", ",old_identifier")
        coded = [
            index.get("loan_identifier" if cell == "instrument_identifier" else cell, cell)
            for cell in header.strip().split(",")
        ]
        path.write_text(",".join(coded) + "\n" + "".join(rest))
    assert main(["template", str(folder / "in"), str(folder / "tape.csv")]) == 0
    assert "name_of_counterparty" in (folder / "tape.csv").read_text().splitlines()[0]


def test_a_negative_amount_stays_one_and_a_formula_does_not(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "loans.csv").write_text('2.01,3.12,3.10,3.06\nL1,"1.234,50","-1.234,50",=1+1\n')
    assert main(["template", str(tmp_path / "in"), str(tmp_path / "tape.csv")]) == 0
    (made,) = rows(tmp_path / "tape.csv")
    assert (made["accrued_interest_balance_on_book"], made["product_type"]) == ("-1.234,50", "'=1+1")


def test_tables_that_are_no_template_are_refused_and_nothing_is_written(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text("a,b\n1,2\n")
    assert main(["template", str(tmp_path / "in"), str(tmp_path / "tape.csv")]) == 1
    assert "not_a_template" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_fields_of_the_regulation_without_one_of_ours_keep_their_class_and_are_dropped():
    info = intake.inspect(DATA / "opennpl_loan.csv")
    findings = {f.column: f for f in detect.detect(info.columns, intake.sample(DATA / "opennpl_loan.csv", info))}
    assert (findings["syndicated_portion"].field, findings["syndicated_portion"].cls) == (None, "A")
    assert findings["syndicated_portion"].why.startswith("field 3.31 of Regulation (EU) 2023/2083")


def test_the_rows_of_a_template_count_as_in_its_sheet_of_loans_and_strange_ones_are_refused():
    book = openpyxl.Workbook()
    book.active.append(["Read me"])
    people, loans = book.create_sheet("Counterparties"), book.create_sheet("Loans")
    people.append(["1.02", "1.03"])
    loans.append(["2.01", "1.02", "3.12"])
    for number in range(12):
        people.append([f"P{number}", f"Person {number}"])
        loans.append([f"L{number}", f"P{11 - number}", number + 1])
    loans.cell(5, 4, "beyond")
    info, cells, ragged = read_book(book)
    assert info.columns == ("loan_identifier", "counterparty_identifier", "legal_balance", "name_of_counterparty")
    assert "rows count as in the sheet of loans" in info.warnings[0]
    assert info.warnings[1].startswith("1 tables hold nothing that a row per loan can hold")
    assert [row.row for row in ragged] == [5]
    assert cells[intake.ROW] == [2, 3, 4, *range(6, 14)]
    assert cells["name_of_counterparty"][:3] == ["Person 11", "Person 10", "Person 9"]
    people.cell(3, 4, "beyond")
    with pytest.raises(intake.IntakeError, match="In the sheet of counterparties") as refused:
        read_book(book)
    assert (refused.value.code, refused.value.row) == ("ragged_row", 3)


def loans_and_people(owing, tables=()):
    """A workbook of two loans, its people, who owes which, and further tables."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    people = [["1.02", "1.03", "1.07", "1.29"]]
    people += [[f"P{n}", f"Person {n}", "1970-01-01", "100" if n < 2 else None] for n in range(20)]
    loans = [["2.01", "3.12"], ["L1", 100], ["L2", 200]]
    for rows in (people, loans, [["2.00", "2.01"], *owing], *tables):
        sheet = book.create_sheet()
        for row in rows:
            sheet.append(row)
    return book


def test_every_counterparty_of_a_loan_is_in_its_row_and_what_is_not_is_counted():
    collateral = [["4.00", "4.03"], ["C1", "1 Sample St"], ["C2", "2 Sample St"]]
    book = loans_and_people([["P1", "L1"], ["P2", "L1"], ["P1", "L1"], ["P3", "L2"], ["PX", "L2"]], [collateral])
    info, cells, _ = read_book(book)
    assert cells["name_of_counterparty"] == ["Person 1", "Person 3"]
    assert cells["name_of_counterparty_2"] == ["Person 2", ""]
    assert cells["counterparty_identifier_2"] == ["P2", "PX"]
    assert cells["number_of_counterparties"] == ["2", "2"]
    assert "annual_turnover_2" not in cells
    assert "3 sheets were joined" in info.warnings[0]
    assert info.warnings[1].endswith("their 2 rows are not in the tape.")
    assert info.warnings[2].startswith("17 counterparties belong to no loan")
    assert info.warnings[3].startswith("1 loans name a counterparty that")
    table = pa.table({name: cells[name] for name in info.columns})
    found = {each.column: (each.field, each.cls) for each in detect.detect(info.columns, table)}
    assert found["name_of_counterparty_2"] == ("debtor_name", "I")
    assert found["number_of_counterparties"] == ("debtors_count", "A")
    assert found["date_of_birth_2"][1] == "Q"
    assert npl.canonical("name_of_counterparty_2") == "name_of_counterparty_2"


@pytest.mark.parametrize(
    ("owing", "tables", "said"),
    [
        ([[f"P{n}", "L1"] for n in range(13)], (), "A loan has 13 counterparties; 12 are read at most."),
        ([["P1", "L1"]], ([["2.01", "3.12"], ["L3", 300]],), "2 tables hold loans: put them into one."),
        ([["P1", "L1"]], ([["1.02", "1.03"], ["P1", "Nobody"]],), "2 tables hold counterparties: put them into one."),
    ],
)
def test_a_template_of_which_a_part_would_be_lost_is_refused(owing, tables, said):
    with pytest.raises(intake.IntakeError, match=said) as refused:
        read_book(loans_and_people(owing, tables))
    assert refused.value.code == "not_a_template"


@pytest.mark.parametrize("name", ["number_of_counterparties", "name_of_counterparty_2", "counterparty_identifier_2"])
@pytest.mark.parametrize("sheet", [0, 1])
def test_a_column_named_as_one_that_the_joining_makes_is_refused_by_name(name, sheet):
    book = loans_and_people([["P1", "L1"], ["P2", "L1"]])
    table = book.worksheets[sheet]
    table.cell(1, table.max_column + 1, name)
    with pytest.raises(intake.IntakeError, match=f"a column {name}, which") as refused:
        read_book(book)
    assert refused.value.code == "not_a_template"


def test_such_a_column_is_taken_where_no_loan_has_a_second_counterparty():
    book = loans_and_people([["P1", "L1"], ["P2", "L2"]])
    for row, text in enumerate(("number_of_counterparties", "4", "5"), start=1):
        book.worksheets[1].cell(row, 3, text)
    assert read_book(book)[1]["number_of_counterparties"] == ["4", "5"]


def test_repeated_counterparties_and_relationships_to_no_loan_are_counted():
    book = loans_and_people([["P1", "L1"], ["P2", "L2"], ["P3", "L3"], ["P4", "L4"]])
    people = book.worksheets[0]
    people.append(["P1", "Somebody else"])
    people.append([None, "Nobody"])
    info, cells, _ = read_book(book)
    assert cells["name_of_counterparty"] == ["Person 1", "Person 2"]
    assert info.warnings[1:] == (
        "19 counterparties belong to no loan; they are not in the tape.",
        "1 rows repeat the counterparty_identifier of a row above; they are not in the tape: the first counts.",
        "2 relationships name a loan that the table of loans does not hold.",
    )


def read_book(book):
    out = io.BytesIO()
    book.save(out)
    info = intake.inspect(out)
    first, again = [], []
    table = pa.concat_tables(intake.read_chunks(out, info, chunk_rows=5, on_ragged=first.append))
    assert pa.concat_tables(intake.read_chunks(out, info, on_ragged=again.append)).equals(table)
    assert first == again
    return info, table.to_pydict(), first
