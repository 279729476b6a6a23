"""Reading hostile files: every column arrives as text, or the file is refused with a remedy."""

import hashlib
import io
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from weakref import WeakKeyDictionary

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from masking import templates, workbook
from masking.delimited import first_rows, inspect_csv, read_csv
from masking.limits import (
    NO_ROW_FITS,
    ROW,
    Headless,
    IntakeError,
    Limits,
    RefusedRow,
    TapeInfo,
    check_headers,
    headed,
    numbered,
)
from masking.sheets import BATCH_ROWS, batches, chunk_of, header_of

__all__ = ["ROW", "IntakeError", "Limits", "RefusedRow", "Source", "TapeInfo", "inspect", "read_chunks", "sample"]

Source = Path | BinaryIO
"""A path, or a seekable binary stream such as an opened envelope."""


FOREIGN = {b"\xd0\xcf\x11\xe0": "a binary .xls or encrypted workbook", b"%PDF": "a PDF", b"\x1f\x8b": "a gzip file"}
MARKED_UP = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<(?:!doctype|!--|\?xml|html|head|body|table|meta)\b|\[\s*[\[{]|\{\s*\")", re.IGNORECASE
)
"""How pages and JSON begin that some programs save under the name of a workbook or a CSV."""


@contextmanager
def _opened(source: Source) -> Iterator[BinaryIO]:
    if isinstance(source, Path):
        with source.open("rb") as file:
            yield file
    else:
        source.seek(0)
        yield source


def inspect(
    path: Source,
    *,
    limits: Limits = Limits(),  # noqa: B008  # frozen, so shared safely
    sheet: str = "",
    headless: Headless = headed,
    encoding: str = "",
) -> TapeInfo:
    """Format, encoding, delimiter, columns and warnings of a tape; the whole file is scanned once.

    Of a workbook the first visible sheet is read, or the one that `sheet` names; of one whose sheets are the tables of an EU data
    template all of them, joined to one row per loan. If `headless` says of the first row that it
    holds values, the columns are called Column 1, Column 2 and so on, and that row is a row of the tape. `encoding` is what
    somebody says of a delimited file; a byte order mark says more, and without either it is told by the looks of the words.

    Raises IntakeError with the first of: empty_file, too_large, unsupported_format, archive_bomb, active_content,
    undecodable, control_character, line_too_long, too_many_columns, blank_header, duplicate_header, header_only.
    """
    with _opened(path) as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        start = file.read(64)
        magic = start[:4]
        if not magic:
            raise IntakeError("empty_file")
        if size > limits.file_bytes:
            raise IntakeError("too_large", f"{size} bytes.")
        if foreign := [what for start, what in FOREIGN.items() if magic.startswith(start)]:
            raise IntakeError("unsupported_format", f"This is {foreign[0]}.")
        if MARKED_UP.match(start):
            raise IntakeError("unsupported_format", "This is a web page, XML or JSON, whatever its name says.")
        if magic == b"PAR1":
            return _inspect_parquet(file, limits)
        if magic.startswith(b"PK"):
            return _inspect_workbook(file, limits, sheet, headless)
        return inspect_csv(file, limits, headless, encoding)


def read_chunks(
    path: Source,
    info: TapeInfo,
    *,
    chunk_rows: int = 50_000,
    on_ragged: Callable[[RefusedRow], None] | None = None,
    limits: Limits = Limits(),  # noqa: B008
    columns: Collection[str] | None = None,
) -> Iterator[pa.Table]:
    """Chunks of about `chunk_rows` rows: every column of the tape as text, or those of `columns`, and ROW with the row's number.

    A ragged row goes to `on_ragged` and is left out; without a handler it raises IntakeError("ragged_row").
    """
    report = on_ragged or _refuse_ragged
    wanted = [name for name in info.columns if columns is None or name in columns]
    with _opened(path) as file:
        match info.format:
            case "csv":
                chunks = read_csv(file, info, chunk_rows, report, limits, wanted)
            case "xlsx":
                chunks = _read_workbook(file, info, chunk_rows, report, limits)
            case "template":
                chunks = _read_template(file, info, chunk_rows, report, limits)
            case _:
                chunks = _read_parquet(file, info, chunk_rows)
        rows = 0
        for chunk in chunks:
            rows += chunk.num_rows
            if rows > limits.rows_count:
                raise IntakeError("too_many_rows")
            yield chunk.select([*wanted, ROW])
        if rows == 0 and on_ragged is None:
            raise IntakeError("header_only")


def sample(path: Source, info: TapeInfo, *, limits: Limits = Limits()) -> pa.Table:  # noqa: B008
    """The first rows of a tape as text, for detection; ragged rows are left out."""
    rows: pa.Table | None = None
    if info.format == "csv":
        with _opened(path) as file:
            rows = first_rows(file, info, lambda _: None, limits)
    else:
        rows = next(read_chunks(path, info, on_ragged=lambda _: None, limits=limits), None)
    if rows is None:
        raise IntakeError("ragged_row", NO_ROW_FITS)
    return rows.drop_columns([ROW]).slice(0, limits.sample_rows_count)


def _refuse_ragged(row: RefusedRow) -> None:
    raise IntakeError("ragged_row", row=row.row)


# --- XLSX

_parsed: WeakKeyDictionary[TapeInfo, workbook.Sheet] = WeakKeyDictionary()
_joined: WeakKeyDictionary[TapeInfo, templates.Template] = WeakKeyDictionary()
"""What `inspect` parsed: the first reading of the same bytes takes it, and it goes with its TapeInfo."""


def sheet_names(path: Source, *, limits: Limits = Limits()) -> list[str]:  # noqa: B008
    """The visible sheets of a workbook that have cells; raises IntakeError as `inspect` does."""
    with _opened(path) as file:
        workbook.check(file, limits)
        return workbook.sheet_names(file)


def _inspect_workbook(file: BinaryIO, limits: Limits, name: str, headless: Headless) -> TapeInfo:
    hidden = workbook.check(file, limits)
    sheet = workbook.open_sheet(file, name)
    if sheet.others and templates.is_template([sheet, *sheet.others]):
        return _template(file, templates.of_sheets([sheet, *sheet.others], limits), hidden)
    header = header_of(sheet)
    has_headers = not headless(header)
    columns = check_headers(header if has_headers else numbered(len(header)), limits)
    if has_headers and sheet.height < 2:
        raise IntakeError("header_only", row=2)
    info = TapeInfo(
        "xlsx",
        "utf-8",
        "",
        columns,
        max(sheet.height - 1, 1),
        (*hidden, *sheet.warnings),
        sheet=sheet.name,
        headed=has_headers,
        checked_sha256=_digest(file),
    )
    _parsed[info] = sheet.alone
    return info


def _template(file: BinaryIO, made: templates.Template, warnings: Sequence[str] = ()) -> TapeInfo:
    columns = tuple(name for name in made.rows.column_names if name != ROW)
    told = (*warnings, *made.warnings)
    info = TapeInfo("template", "utf-8", "", columns, max(made.rows.num_rows, 1), told, checked_sha256=_digest(file))
    _joined[info] = made
    return info


def _read_template(
    file: BinaryIO, info: TapeInfo, chunk_rows: int, report: Callable[[RefusedRow], None], limits: Limits
) -> Iterator[pa.Table]:
    made = _joined.pop(info, None)
    if made is None or info.checked_sha256 != _digest(file):
        workbook.check(file, limits)
        sheet = workbook.open_sheet(file)
        made = templates.of_sheets([sheet, *sheet.others], limits)
    for row in made.ragged:
        report(row)
    for first in range(0, made.rows.num_rows, chunk_rows):
        yield made.rows.slice(first, chunk_rows).combine_chunks()


def _digest(file: BinaryIO) -> str:
    file.seek(0)
    digest = hashlib.sha256()
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()


def _read_workbook(
    file: BinaryIO, info: TapeInfo, chunk_rows: int, report: Callable[[RefusedRow], None], limits: Limits
) -> Iterator[pa.Table]:
    sheet = _parsed.pop(info, None)
    if info.checked_sha256 != _digest(file):  # the very bytes that `inspect` searched need not be searched again
        workbook.check(file, limits)
        sheet = None
    kept: list[pa.Table] = []
    sheet = sheet or workbook.open_sheet(file, info.sheet)
    for batch in batches(sheet, info.columns, min(BATCH_ROWS, chunk_rows), report, headed=info.headed):
        if kept and sum(each.num_rows for each in kept) + batch.num_rows > chunk_rows:
            yield pa.concat_tables(kept).combine_chunks()
            kept = []
        kept.append(batch)
    if kept:
        yield pa.concat_tables(kept).combine_chunks()


# --- Parquet


def _inspect_parquet(file: BinaryIO, limits: Limits) -> TapeInfo:
    try:
        meta = pa.parquet.ParquetFile(file)
        schema = meta.schema_arrow
        rows = meta.metadata.num_rows
        unpacked = sum(meta.metadata.row_group(i).total_byte_size for i in range(meta.num_row_groups))
    except (pa.ArrowException, OSError, ValueError):
        raise IntakeError("malformed") from None
    columns = check_headers(schema.names, limits)
    if nested := [field.name for field in schema if pa.types.is_nested(field.type)]:
        raise IntakeError("malformed", "A column holds lists or records.", column=nested[0])
    if unpacked > limits.file_bytes or rows > limits.rows_count:
        raise IntakeError("too_large")
    if rows == 0:
        raise IntakeError("header_only", row=2)
    return TapeInfo("parquet", "utf-8", "", columns, rows)


def _read_parquet(file: BinaryIO, info: TapeInfo, chunk_rows: int) -> Iterator[pa.Table]:
    first = 2
    try:
        for batch in pa.parquet.ParquetFile(file).iter_batches(batch_size=chunk_rows):
            cells = [_as_text(column, name) for column, name in zip(batch.columns, info.columns, strict=True)]
            numbers = pa.array(np.arange(first, first + batch.num_rows))
            first += batch.num_rows
            yield chunk_of(info.columns, cells, numbers)
    except (pa.ArrowException, OSError):
        raise IntakeError("malformed") from None


def _as_text(column: pa.Array, name: str) -> pa.Array:
    try:
        text = column.cast(pa.string()).fill_null("")
        text.validate(full=True)  # the format says that texts are UTF-8, a file need not
    except pa.ArrowException:
        raise IntakeError("malformed", "Its cells are not text, numbers or days.", column=name) from None
    return text
