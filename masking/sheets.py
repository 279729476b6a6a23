"""A sheet's rows as chunks of text cells."""

from collections.abc import Callable, Iterator

import pyarrow as pa

from masking import workbook
from masking.columns import byte_table, pc, text_parts
from masking.limits import ROW, IntakeError, RefusedRow

BATCH_ROWS = 2_000
UNWANTED = byte_table(b"\0\x1f")


def header_of(sheet: workbook.Sheet) -> list[str]:
    """The texts of a sheet's first row, without empty ones at its end; none of a sheet without rows."""
    header = list(map(workbook.as_text, next(sheet.rows(), [])))
    while header and not header[-1].strip():
        header.pop()
    return header


def batches(
    sheet: workbook.Sheet, columns: tuple[str, ...], size: int, report: Callable[[RefusedRow], None], *, headed: bool
) -> Iterator[pa.Table]:
    """The sheet's rows, few at a time: cells are written as text while they lie in the processor's cache."""
    rows = enumerate(sheet.rows(), start=1)
    width = len(columns)
    if headed:
        next(rows, None)
    numbers: list[int] = []
    block: list[list[object]] = []
    for number, cells in rows:
        if not any(cells) and not any(map(workbook.as_text, cells)):
            continue
        if len(cells) > width and any(map(workbook.as_text, cells[width:])):
            report(RefusedRow(number, "", f"cells beyond the {width} columns of the header"))
            continue
        numbers.append(number)
        block.append(cells if len(cells) == width else [*cells[:width], *[""] * (width - len(cells))])
        if len(block) == size:
            yield _from_rows(columns, block, numbers)
            numbers, block = [], []
    if block:
        yield _from_rows(columns, block, numbers)


def _from_rows(columns: tuple[str, ...], rows: list[list[object]], numbers: list[int]) -> pa.Table:
    cells = [pa.array(workbook.as_texts(column), pa.string()) for column in zip(*rows, strict=True)]
    return chunk_of(columns, cells, pa.array(numbers, pa.int64()))


def chunk_of(columns: tuple[str, ...], cells: list[pa.Array], numbers: pa.Array) -> pa.Table:
    """A chunk of text cells; raises IntakeError("control_character") for what would part cells where none ends."""
    suspect = [column for column in cells if UNWANTED[text_parts(column)[2]].any()]
    marked = [pc.index(pc.match_substring_regex(column, r"[\x00\x1f]"), True).as_py() for column in suspect]
    if places := [place for place in marked if place >= 0]:
        raise IntakeError("control_character", row=numbers[min(places)].as_py())
    return pa.table([*cells, numbers], names=[*columns, ROW])
