"""What the user of the demo may choose."""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from market.settings import SettingsError
from masking import mappingfile
from masking.mappingfile import SavedMapping
from masking.policy import PolicyError


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


def read_corrections(path: Path) -> SavedMapping:
    """A mapping file, as `market mask detect --save` writes it.

    Raises `SettingsError` naming the file and what is wrong with it.
    """
    try:
        return mappingfile.load(path)
    except PolicyError as error:
        raise SettingsError(str(error)) from error
