"""Looking for what must not be there: values of the original tape in the files of the server."""

import mmap
from collections.abc import Iterable, Sequence
from io import BytesIO
from itertools import islice
from pathlib import Path

from market.client.http import Upload
from masking import intake

_VALUE_CHARACTERS = 8
"""Shorter values may turn up anywhere by chance."""
_VALUES_PER_COLUMN = 3
_RAW_BYTES = 48
_IDENTIFIERS = ("account_number", "client_id", "national_id", "email", "debtor_name", "street_address")


def known_values(tape: Upload, columns: dict[str, str | None]) -> list[bytes]:
    """Identifiers of the tape's first accounts, each at least 8 characters, and pieces of the file as it was sent."""
    source = BytesIO(tape.content)
    rows = intake.sample(source, intake.inspect(source))
    found = []
    for column, field in columns.items():
        if field in _IDENTIFIERS:
            cells = (cell.strip() for cell in rows.column(column).to_pylist())
            found += list(islice((cell for cell in cells if len(cell) >= _VALUE_CHARACTERS), _VALUES_PER_COLUMN))
    middle = len(tape.content) // 2
    pieces = [tape.content[at : at + _RAW_BYTES] for at in (middle, middle + middle // 2)]
    return [*(value.encode() for value in dict.fromkeys(found)), *(piece for piece in pieces if piece)]


def occurrences(folder: Path, values: Sequence[bytes]) -> list[str]:
    """Files under `folder` (paths relative to it) that hold one of the values in clear."""
    return [str(path.relative_to(folder)) for path in _files(folder) if _holds(path, values)]


def _files(folder: Path) -> Iterable[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())


def _holds(path: Path, values: Sequence[bytes]) -> bool:
    try:
        with path.open("rb") as file:
            if not path.stat().st_size:
                return False
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                return any(content.find(value) >= 0 for value in values)
    except FileNotFoundError:  # the server tidies up while we look
        return False
