"""What the user of the demo may choose."""

import json
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from market.settings import SettingsError


class Pace(Enum):
    """Fast for a machine or an impatient person, slow for reading along."""

    FAST = "fast"
    SLOW = "slow"

    @property
    def opens_in_s(self) -> int:
        """From publication to opening: time for buyers to look."""
        return 6 if self is Pace.FAST else 15

    @property
    def bidding_s(self) -> int:
        """How long the auction is open, before any extension."""
        return 10 if self is Pace.FAST else 40

    @property
    def window_s(self) -> int:
        """The soft-close window and its extension."""
        return 3 if self is Pace.FAST else 8

    @property
    def pause_s(self) -> float:
        """Between two bids, so that people can follow."""
        return 0.2 if self is Pace.FAST else 2.5


@dataclass(frozen=True, slots=True)
class Options:
    """`tape` and `mapping` are the user's own files; `currency` is the tape's; `out` is the folder for the results."""

    out: Path
    tape: Path | None = None
    mapping: Path | None = None
    currency: str = "USD"
    pace: Pace = Pace.FAST


def read_corrections(path: Path) -> dict[str, str | None]:
    """A mapping file: a JSON object of column header to field name, or to null to drop the column.

    Raises `SettingsError` naming the file and what is wrong with it.
    """
    try:
        found = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise SettingsError(f"{path} is not JSON in UTF-8") from error
    if not isinstance(found, dict) or not all(value is None or isinstance(value, str) for value in found.values()):
        raise SettingsError(f"{path} must be a JSON object: column header to field name, or null to drop the column")
    return found
