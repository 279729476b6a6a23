"""How large a sheet claims to be: a parser lays out every cell between the first and the last, empty ones too."""

import re
from dataclasses import dataclass

from masking.limits import IntakeError, Limits

_PLACE = re.compile(rb"\b(?:r|ref)\s*=\s*[\"'](?:[A-Z]{1,3}[0-9]{1,7}:)?([A-Z]{0,3})([0-9]{1,7})[\"']")
_SPARE_CELLS = 1_000_000
_SPARSITY = 8


@dataclass(slots=True)
class Extent:
    """Of one part of a workbook, fed piece by piece: the outermost place that is named, and the cells that are there.

    Whatever begins like a cell counts as one: it costs as many bytes as a cell, so that a false one buys no space.
    """

    rows: int = 0
    columns: int = 1
    cells: int = 0

    def feed(self, window: bytes) -> None:
        if places := _PLACE.findall(window):
            letters, digits = map(set, zip(*places, strict=True))  # a window has few rows and columns and many cells
            self.rows = max(self.rows, *map(int, digits))
            self.columns = max(self.columns, *map(_column_number, letters))
        self.cells += window.count(b"<c") + window.count(b":c")

    def check(self, limits: Limits) -> None:
        """Raises `IntakeError` for a sheet whose few cells span a space that no memory should be asked for."""
        if self.rows * self.columns <= _SPARE_CELLS + _SPARSITY * self.cells:
            return
        if self.columns > limits.columns_count:
            raise IntakeError("too_many_columns", f"A cell stands in column {self.columns}.")
        raise IntakeError("archive_bomb", f"{self.cells} cells span {self.rows} rows and {self.columns} columns.")


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return max(1, number)
