"""CSV files of the two commands: read as they come, written whole or not at all."""

import csv
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

_LARGEST_CELL: Final = 8 * 1024**2


class TableUnreadable(ValueError):
    """The file is no table that the command can use; the message says where, what and how to mend it."""


class Table:
    """A CSV file with a header row: `columns` as they stand there, rows one by one."""

    def __init__(self, path: Path, needed: Sequence[str]) -> None:
        """Raises `TableUnreadable` if the file is empty or a needed column is missing."""
        self.path = path
        csv.field_size_limit(_LARGEST_CELL)
        with self._opened() as source:
            first = next((line for line in source if line.strip()), "")
        self._separator = next((sign for sign in ",;\t|" if sign in first), ",")
        self.columns = [cell.strip() for cell in self._header(self._cells())]
        self._places = {column.lower(): at for at, column in reversed(list(enumerate(self.columns)))}
        missing = [column for column in needed if column not in self._places]
        if missing:
            there = f"it has: {', '.join(self.columns)}" if self.columns else "it has no header row"
            raise TableUnreadable(
                f"{path.name}: {_columns(missing)} {'is' if len(missing) == 1 else 'are'} missing ({there}); "
                f"the first line must name the {_columns(needed)}"
            )

    def rows(self) -> Iterator[list[str]]:
        """Each row as many cells as the header; a row of empty cells is one, a blank line is none. Raises `TableUnreadable` at a row with more."""
        return (row for _, row in self.numbered_rows())

    def numbered_rows(self) -> Iterator[tuple[int, list[str]]]:
        """The same rows, each after the number of its line."""
        cells = self._cells()
        self._header(cells)
        for line, row in cells:
            if any(cell.strip() for cell in row[len(self.columns) :]):
                raise TableUnreadable(
                    f"{self.path.name}, line {line}: {len(row)} cells, but {len(self.columns)} columns; "
                    "put cells that contain the separator in double quotes"
                )
            yield line, (row + [""] * len(self.columns))[: len(self.columns)]

    @staticmethod
    def _header(cells: Iterator[tuple[int, list[str]]]) -> list[str]:
        """The first row that says something."""
        return next((row for _, row in cells if any(cell.strip() for cell in row)), [])

    def cell(self, row: Sequence[str], column: str) -> str:
        """The cell under this column (lower case), empty if the file has no such column."""
        at = self._places.get(column)
        return "" if at is None else row[at].strip()

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        try:
            with self.path.open(encoding="utf-8-sig", newline="") as source:
                yield source
        except UnicodeDecodeError:
            raise TableUnreadable(f"{self.path.name} is not UTF-8; save it as CSV UTF-8") from None
        except OSError as error:
            raise TableUnreadable(f"{self.path.name} cannot be read: {error.strerror}") from None

    def _cells(self) -> Iterator[tuple[int, list[str]]]:
        with self._opened() as source:
            reader = csv.reader(source, delimiter=self._separator)
            try:
                for row in reader:
                    if row:
                        yield reader.line_num, row
            except csv.Error as error:
                raise TableUnreadable(f"{self.path.name}, line {reader.line_num}: {error}") from None


def _columns(names: Sequence[str]) -> str:
    return f"column{'s' if len(names) > 1 else ''} {', '.join(names)}"


@contextmanager
def written_whole(path: Path) -> Iterator[Any]:
    """A `csv.writer` on a file that appears under `path` when everything is written, and not at all after an error."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    except OSError as error:
        raise TableUnreadable(f"{path} cannot be written: {error.strerror}") from None
    draft = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as sink:
            yield csv.writer(sink, lineterminator="\n")
            sink.flush()
            os.fsync(sink.fileno())
        draft.chmod(0o644)
        draft.replace(path)
    except OSError as error:
        raise TableUnreadable(f"{path} cannot be written: {error.strerror}") from None
    finally:
        draft.unlink(missing_ok=True)
