"""An EU data template as a tape: the sheets of its tables joined to one row per loan."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from masking import joining, npl, workbook
from masking.limits import ROW, IntakeError, Limits, RefusedRow, check_headers
from masking.sheets import BATCH_ROWS, batches, header_of


@dataclass(frozen=True, slots=True)
class Template:
    """Rows of text with ROW, which counts as the sheet of loans does; the rows left out; what to tell the seller."""

    rows: pa.Table
    ragged: tuple[RefusedRow, ...]
    warnings: tuple[str, ...]


def is_template(sheets: Sequence[workbook.Sheet]) -> bool:
    """Whether one of the sheets holds loans and another what a template keeps beside them."""
    kinds = [npl.kind_of(header_of(sheet)) for sheet in sheets]
    return "loans" in kinds and len(set(kinds) - {None}) > 1


def of_sheets(sheets: Sequence[workbook.Sheet], limits: Limits) -> Template:
    """The tables joined. Raises IntakeError: "not_a_template", "ragged_row" in any table but that of loans, or as every workbook."""
    tables, ragged = [], list[RefusedRow]()
    for sheet in sheets:
        header = header_of(sheet)
        kind = npl.kind_of(header)
        if kind is None:
            tables += [pa.table({"rows": pa.nulls(max(sheet.height - 1, 0))})]
            continue
        refused: list[RefusedRow] = []
        columns = check_headers(header, limits)
        tables += [pa.concat_tables(batches(sheet, columns, BATCH_ROWS, refused.append, headed=True)).combine_chunks()]
        if refused and kind != "loans":
            raise IntakeError("ragged_row", f"In the sheet of {kind}.", row=refused[0].row)
        ragged += refused
    joined = joining.flat(tables)
    rows = joined.rows.select([*(name for name in joined.rows.column_names if name != ROW), ROW])
    check_headers(rows.column_names[:-1], limits)
    told = f"{joined.joined_count} sheets were joined to one row per loan ({npl.REGULATION}); rows count as in the sheet of loans."
    return Template(rows, tuple(ragged), (told, *joined.told))
