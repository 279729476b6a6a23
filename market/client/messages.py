"""What a program hears of an auction through the live client."""

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct


class Event(Struct, frozen=True, kw_only=True):
    """One event as this audience may see it. `data` is the whole frame, `kind` and new values included."""

    auction: UUID
    seq: int
    at: datetime
    kind: str
    data: dict[str, Any]


class Snapshot(Struct, frozen=True, kw_only=True):
    """The whole state as this audience may see it; it replaces whatever was known before."""

    auction: UUID
    seq: int
    epoch: str
    state: dict[str, Any]


Update = Event | Snapshot


class Ack(Struct, frozen=True, kw_only=True):
    """The stored answer to a command.

    `status` is accepted, rejected or duplicate (the decision on this cid was made before; `seq` and `code` are that
    decision's). `code` says why not, or notes something (OUTBID_TIE); `min_next_cents` comes with BID_TOO_LOW.
    `outcome` is what a bid for a rising price did when it was decided: leading, raised, outbid or outbid_tie.
    """

    cid: str
    status: str
    received_at: datetime
    seq: int | None = None
    code: str | None = None
    outcome: str | None = None
    min_next_cents: int | None = None
    detail: str | None = None
    retry_after_ms: int | None = None
    decided_at: datetime | None = None


class ClockSync(Struct, frozen=True, kw_only=True):
    """How far the server's clock is ahead of ours, and how long the message travelled, in seconds."""

    offset_s: float
    round_trip_s: float


class LiveError(Exception):
    """The server could not take a frame of ours: `code`, the `field` to mend, and how."""

    def __init__(self, code: str, detail: str, field: str | None = None) -> None:
        super().__init__(f"{code}: {detail}" + (f" ({field})" if field else ""))
        self.code = code
        self.detail = detail
        self.field = field


class LiveClosed(Exception):
    """The socket is closed for good; trying again would not help. `code` is the WebSocket close code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"closed with {code}: {reason}")
        self.code = code
        self.reason = reason


class OutcomeUnknown(Exception):
    """No answer came in time. The command may or may not hold: send it again with the same `cid` to learn which."""

    def __init__(self, cid: str) -> None:
        super().__init__(f"no answer yet to {cid}; ask again with the same cid")
        self.cid = cid
