"""What the user of the demo may choose."""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path


class Pace(Enum):
    """Fast for a machine or an impatient person, slow for reading along."""

    FAST = "fast"
    SLOW = "slow"

    @property
    def bidding_s(self) -> int:
        """How long the auction is open, before any extension."""
        return 9 if self is Pace.FAST else 40

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
    """`tape` and `mapping` are the user's own files; `out` is the folder that the results are left in."""

    out: Path
    tape: Path | None = None
    mapping: Path | None = None
    pace: Pace = Pace.FAST
