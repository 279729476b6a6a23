"""The verb that makes a tape of the EU data templates."""

import argparse
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from masking import intake, joining
from masking.commands.arguments import Verbs, add_verb, note
from masking.csvout import tape_of, write_csv
from masking.limits import ROW, IntakeError
from masking.outputs import written

TEMPLATE = """Make one tape of the EU data templates for non-performing loans (Regulation (EU) 2023/2083).

INPUT is a folder with one CSV, XLSX or Parquet file per table, or one workbook with a sheet per table. Columns have the
regulation's names or index codes, as headers of the first row. Loans are joined with all their counterparties; the result
has one row per loan, with the sums of its collateral's values and of its repayments, and is masked like every tape. What cannot
be in it is counted on stderr."""
SUFFIXES = {".csv", ".xlsx", ".parquet"}


def add_to(verbs: Verbs) -> None:
    verb = add_verb(verbs, template, TEMPLATE)
    verb.add_argument("input", type=Path, metavar="INPUT", help="a folder of tables, or a workbook")
    verb.add_argument("out", type=Path, help="the tape as CSV; there must be no such file yet")


def template(chosen: argparse.Namespace) -> None:
    made = joining.flat(_tables(chosen.input))
    with written(chosen.out) as sink:
        write_csv(tape_of(made.rows), sink)
    for told in made.told:
        note(told)
    note(f"{made.rows.num_rows} loans, {made.rows.num_columns} columns")


def _tables(path: Path) -> Iterator[pa.Table]:
    if path.is_dir():
        for file in sorted(path.iterdir()):
            if file.suffix.lower() in SUFFIXES:
                yield _read(file)
    elif path.suffix.lower() == ".xlsx":
        for sheet in intake.sheet_names(path):
            yield _read(path, sheet=sheet)
    else:
        yield _read(path)


def _read(path: Path, *, sheet: str = "") -> pa.Table:
    info = intake.inspect(path, sheet=sheet)
    chunks = [chunk.drop_columns([ROW]) for chunk in intake.read_chunks(path, info)]
    if not chunks:
        raise IntakeError("header_only")
    return pa.concat_tables(chunks).combine_chunks()
