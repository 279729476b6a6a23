"""CSV as it leaves: masked files, and the clear sale file in a form that spreadsheets do not run."""

import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv

from masking import intake
from masking.columns import one, pc
from masking.limits import ROW
from masking.treatments import neutralise, restore

NEGATIVE = r"^-[0-9][0-9.,' ]*$"


def write_csv(tables: pa.Table | Iterable[pa.Table], sink: BinaryIO) -> None:
    """UTF-8 CSV with a header; cells and headers must be neutralised already, as those of `mask` are."""
    writer: pa.csv.CSVWriter | None = None
    for table in [tables] if isinstance(tables, pa.Table) else tables:
        writer = writer or pa.csv.CSVWriter(sink, table.schema)
        writer.write_table(table)
    if writer:
        writer.close()


def neutralised(rows: pa.Table) -> pa.Table:
    """The same columns in a form that spreadsheets do not run, headers too."""
    cells = [neutralise(one(column)) for column in rows.columns]
    return pa.table(cells, names=neutralise(pa.array(rows.column_names)).to_pylist())


def tape_of(rows: pa.Table) -> pa.Table:
    """The same, but that negative amounts stay amounts: this is read as a tape, and nothing restores its cells."""
    columns = [one(column) for column in rows.columns]
    safe = neutralised(rows)
    cells = [
        pc.if_else(pc.match_substring_regex(column, NEGATIVE), column, safe.column(place))
        for place, column in enumerate(columns)
    ]
    return pa.table(cells, names=safe.column_names)


def clear_csv(rows: pa.Table, *, header: bool) -> bytes:
    """Original columns as CSV, neutralised; `original_rows` gives back exactly what was committed to."""
    out = io.BytesIO()
    pa.csv.write_csv(neutralised(rows), out, pa.csv.WriteOptions(include_header=header))
    return out.getvalue()


def original_rows(source: BinaryIO | Path) -> Iterator[pa.Table]:
    """The original columns of an opened sale file as text, in chunks, for `commitment.verify_sale_file`."""
    info = intake.inspect(source)
    for chunk in intake.read_chunks(source, info):
        rows = chunk.drop_columns([ROW])
        names = restore(pa.array(rows.column_names)).to_pylist()
        yield pa.table([restore(one(column)) for column in rows.columns], names=names)
