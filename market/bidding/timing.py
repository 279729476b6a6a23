"""When a command arrived, on the database's clock; the one clock that all nodes agree on."""

from datetime import datetime, timedelta

MAX_CLOCK_ERROR = timedelta(milliseconds=100)
_SAME = timedelta(0)


class NodeClock:
    """What the node's clock must be moved by to show the database's time; learnt from every batch.

    A reading of the database's clock between two of the node's own bounds the difference. A node whose clock is off by
    hours is corrected; one whose clock jumps is not believed until it has been measured again.
    """

    def __init__(self) -> None:
        self._offset: timedelta | None = None

    def learn(self, before: datetime, database: datetime, after: datetime) -> bool:
        """Take a measurement; False if the clocks moved apart by more than 100 ms since the one before."""
        low, high = database - after, database - before
        held = self._offset
        if low > high:
            return False
        if held is None:
            self._offset = (low + high) / 2
            return high - low <= 2 * MAX_CLOCK_ERROR
        self._offset = min(max(held, low), high)
        return abs(self._offset - held) <= MAX_CLOCK_ERROR

    def at_database(self, at: datetime) -> datetime:
        """The database's clock when the node's own showed `at`."""
        return at + (self._offset or _SAME)


def instant_of(received_at: datetime, decided_at: datetime, last_at: datetime) -> datetime:
    """The instant a command is decided at: when it arrived, but never after now nor before the last event."""
    return max(min(received_at, decided_at), last_at)
