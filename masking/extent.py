"""How large a sheet claims to be: a parser lays out every cell between the first and the last, empty ones too."""

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from masking.columns import Bytes, Whole, byte_table
from masking.limits import IntakeError, Limits

_PLACE = re.compile(rb"\b(?:r|ref)\s*=\s*[\"'](?:[A-Z]{1,3}[0-9]{1,7}:)?([A-Z]{0,3})([0-9]{1,7})[\"']")
_EQUALS, _QUOTE, _COLON = b'=":'
_SPACED = byte_table(b" \t\n\r\f\v'")
_WORD = byte_table(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")
_MOST_LETTERS, _MOST_DIGITS = 3, 7
_REACH = _MOST_LETTERS + _MOST_DIGITS + 3  # bytes past a place that may be looked at
_SPARE_CELLS = 1_000_000
_SPARSITY = 8


@dataclass(slots=True)
class Extent:
    """Of one part of a workbook, fed piece by piece: the outermost place that is named, the cells that are there, and whether
    the last piece may have a formula.

    Whatever begins like a cell counts as one: it costs as many bytes as a cell, so that a false one buys no space.
    """

    rows: int = 0
    columns: int = 1
    cells: int = 0
    may_reckon: bool = False

    def feed(self, window: bytes) -> None:
        """Count the cells of a window, and widen the extent to its places."""
        data = np.frombuffer(b"\0" + window + bytes(_REACH), np.uint8)
        opens, after = data[:-1] == ord("<"), data[1:]
        has_prefix = b":" in window
        self.cells += int(np.count_nonzero(opens & (after == ord("c")))) + (window.count(b":c") if has_prefix else 0)
        self.may_reckon = bool((opens & (after == ord("f"))).any()) or (has_prefix and b":f" in window)
        named = _plain_places(data)
        if named is None:
            self.feed_any(window)
        else:
            self.columns, self.rows = max(self.columns, named[0]), max(self.rows, named[1])

    def feed_any(self, window: bytes) -> None:
        """Widen the extent to all places of a window, however they are written."""
        if places := _PLACE.findall(window):
            letters, digits = map(set, zip(*places, strict=True))  # a window has few rows and columns and many cells
            self.rows = max(self.rows, *map(int, digits))
            self.columns = max(self.columns, *map(_column_number, letters))

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


def _plain_places(data: Bytes) -> tuple[int, int] | None:
    """(greatest column, greatest row) of a window, which has zeros at both ends, if it has none but `r="B2"` and `r="2"`; else None.

    What it finds is what the pattern finds, all places at once: most bytes of a sheet are in such windows.
    """
    at = np.flatnonzero(data == _EQUALS)
    before, after = data[at - 1], data[at + 1]
    if (_SPACED[before] | _SPACED[after] | (before == ord("f"))).any():
        return None
    at = at[(before == ord("r")) & (after == _QUOTE)]
    at = at[~_WORD[data[at - 2]]]
    letters, columns = _number(data, at + 2, _MOST_LETTERS, b"AZ")
    digits, rows = _number(data, at + 2 + letters, _MOST_DIGITS, b"09")
    end = data[at + 2 + letters + digits]
    if ((end == _COLON) & (digits > 0)).any():
        return None
    fits = (digits > 0) & ((end == _QUOTE) | (end == ord("'")))
    return int(columns[fits].max(initial=1)), int(rows[fits].max(initial=0))


def _number(data: Bytes, starts: Whole, most: int, ends: bytes) -> tuple[Whole, npt.NDArray[np.int32]]:
    """(how many characters are written, the number that they write) from each start: letters count from 1, digits from 0; `most` are read."""
    first, last = ends
    base, zero = (26, 64) if first == ord("A") else (10, 48)
    count, number = np.zeros(len(starts), np.int64), np.zeros(len(starts), np.int32)
    going = np.ones(len(starts), np.bool_)
    for place in range(most):
        characters = data[starts + place]
        going &= (characters >= first) & (characters <= last)
        if not going.any():
            break
        number = np.where(going, number * base + characters - zero, number)
        count += going
    return count, number
