"""A sealed tape in a child process: opened in place, never clear on a disk; and why one cannot be read."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from market.kit.files import FileStore
from market.portfolios.rules import Refusal
from masking.envelope import Header, open_for_reading
from masking.limits import IntakeError


@dataclass(frozen=True, slots=True)
class SealedTape:
    """Where a sealed tape lies, and what opens it."""

    files_root: Path
    portfolio_id: str
    org_id: str
    sealed_sha256: str
    data_key: bytes = field(repr=False)
    max_bytes: int


def tape_header(portfolio_id: str, org_id: str) -> Header:
    """What a sealed tape says about itself. Its digest is not known while it streams in; the database keeps it."""
    return Header(portfolio=portfolio_id, seller=org_id, digest="upload", format="tape")


@contextmanager
def opened(tape: SealedTape) -> Iterator[BinaryIO]:
    """The clear tape, opened in place: a piece of it is in memory while that piece is read, and none is ever on a disk."""
    path = FileStore(tape.files_root).path(tape.sealed_sha256)
    header = tape_header(tape.portfolio_id, tape.org_id)
    with path.open("rb") as sealed, open_for_reading(sealed, data_key=tape.data_key, expected=header) as clear:
        yield clear


_VALUE = re.compile(
    r"[^@\s]+@[^@\s]+\.\w+|\d{3}-\d{2}-\d{4}|\d{4}-\d{2}-\d{2}|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}|.*\d{5}.*|-?[$€£]?[\d,]{3,}[.]\d{2}"
)


def is_value(header: str) -> bool:
    """Whether a heading looks like somebody's data: an address, a number of five digits or more, a date, an amount."""
    return _VALUE.fullmatch(header) is not None


def refusal_of(error: IntakeError) -> Refusal:
    """Why a tape cannot be read, without a heading that looks like a value."""
    shown = error.column if error.column and not is_value(error.column) else None
    return Refusal(error.code, str(error), error.row, shown)
