"""Bounds of intake, and the refusals that tell a seller what to do next."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

MIB = 1 << 20

ROW = "\x1frow"
"""The extra int64 column of every chunk: the row's number in the file; the name cannot occur in a tape."""

NO_ROW_FITS = "No row fits the header: if a title or other rows stand above it, delete them."

REMEDIES = {
    "empty_file": "The file is empty: export the tape again.",
    "header_only": "The file has a header and no accounts: export the tape with its rows.",
    "undecodable": "The text encoding cannot be recognised: save the file as CSV UTF-8.",
    "control_character": "The file holds NUL or unit-separator characters: save it as plain CSV UTF-8.",
    "line_too_long": "A line is longer than allowed: check for a missing closing quote or embedded documents.",
    "too_many_columns": "There are too many columns: remove those that describe no account.",
    "duplicate_header": "Two columns have the same header: give every column its own name.",
    "blank_header": "A column has no header: name it or delete it.",
    "ragged_row": "A row has more or fewer cells than the header: quote cells that hold the delimiter.",
    "malformed": "The file cannot be read as a table: open it, save it again and upload it.",
    "archive_bomb": "The workbook unpacks to far more than its size: save the sheet as CSV.",
    "active_content": "The workbook holds macros, external links or a DTD: save the sheet as plain .xlsx or CSV.",
    "unsupported_format": "Only CSV, XLSX and Parquet are read: save the tape in one of them.",
    "protected_workbook": "The workbook is protected by a password: save it without one.",
    "too_large": "The file is larger than allowed: split it into several tapes.",
    "too_many_rows": "There are more rows than allowed: split the tape.",
    "too_many_refused": "Too many rows are refused to list them: correct the mapping or the export.",
    "nothing_chosen": "No account was accepted and chosen: see the refused rows, or widen the rule that cuts the pool.",
    "not_a_template": "These are not the tables of an NPL data template: name loans and counterparties as the regulation does.",
    "forbidden_column": "Card numbers, card codes and passwords may not be uploaded: delete the column.",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds of what is read; whatever is larger is refused before it costs memory."""

    file_bytes: int = 8 << 30
    line_bytes: int = MIB
    columns_count: int = 512
    rows_count: int = 50_000_000
    sample_rows_count: int = 1_000
    refused_count: int = 100_000
    workbook_bytes: int = 128 * MIB
    unpacked_bytes: int = 512 * MIB
    unpacked_ratio: int = 150
    members_count: int = 512


class IntakeError(Exception):
    """A file that is not read. `code` is stable; `column` is a header, `row` a 1-based row with the header as row 1.

    The message never holds a cell's value.
    """

    def __init__(self, code: str, message: str = "", *, column: str | None = None, row: int | None = None) -> None:
        self.code = code
        self.column = column
        self.row = row
        self.remedy = REMEDIES[code]
        super().__init__(f"{message} {self.remedy}".strip())


@dataclass(frozen=True, slots=True, order=True)
class RefusedRow:
    """One row that is left out, and why: row number (the header is row 1), column header, reason; never a value."""

    row: int
    column: str
    reason: str


@dataclass(frozen=True, slots=True, weakref_slot=True)
class TapeInfo:
    """What a file is: enough to read it again, and to show the seller."""

    format: str
    encoding: str
    delimiter: str
    columns: tuple[str, ...]
    row_count_estimate: int
    warnings: tuple[str, ...] = ()
    quoted: bool = True
    sheet: str = ""
    headed: bool = True
    checked_sha256: str = ""
    encoding_guessed: bool = False
    words: tuple[str, ...] = field(default=(), repr=False)
    """Words beyond ASCII as they were read in a legacy encoding, for the seller's eyes alone: is it the right one?"""

    @property
    def first_row(self) -> int:
        """The number of the first row of values: 2, or 1 if the file has no headers."""
        return 2 if self.headed else 1


Headless = Callable[[Sequence[str]], bool]
"""Says of a file's first row whether it holds values instead of headers."""


def headed(_: Sequence[str]) -> bool:
    """The `Headless` of a file whose first row holds headers whatever it says."""
    return False


def numbered(count: int) -> tuple[str, ...]:
    """What the columns of a file without headers are called."""
    return tuple(f"Column {number}" for number in range(1, count + 1))


def check_headers(headers: Iterable[str], limits: Limits) -> tuple[str, ...]:
    """The headers without surrounding blanks; raises IntakeError if they cannot name columns."""
    columns = tuple(header.strip() for header in headers)
    if len(columns) > limits.columns_count:
        raise IntakeError("too_many_columns", f"{len(columns)} columns.")
    if any(len(column) > 256 for column in columns):
        raise IntakeError("malformed", "A header is longer than 256 characters.", row=1)
    seen: set[str] = set()
    for number, column in enumerate(columns, start=1):
        if not column:
            raise IntakeError("blank_header", f"Column {number}.", row=1)
        if column.casefold() in seen:
            raise IntakeError("duplicate_header", f"Column {number}.", column=column, row=1)
        seen.add(column.casefold())
    if any("\0" in column or "\x1f" in column for column in columns):
        raise IntakeError("control_character", row=1)
    return columns
