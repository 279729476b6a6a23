"""The conversation over one socket: who it is, what it asks, what it is answered."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from msgspec import UNSET

from auctions.messages import Reason
from auctions.views import Audience
from market.bidding.lane import Answer
from market.kit.actor import Actor
from market.kit.errors import MarketError
from market.live.outlet import Outlet
from market.live.protocol import (
    Ack,
    CloseCode,
    Command,
    Error,
    ErrorCode,
    Heartbeat,
    Message,
    write,
)

MAX_BAD_FRAMES = 20
"""A socket that sends more of them is not speaking this protocol."""
MAX_STALLED_BEATS = 3
"""A socket that takes nothing for so many heartbeats is dead."""


@dataclass(eq=False, slots=True)
class Connection:
    """One socket. `seats` holds what it watches, and as whom; `address` is the network address it comes from."""

    name: str
    address: str = ""
    outlet: Outlet = field(default_factory=Outlet)
    actor: Actor | None = None
    seats: dict[UUID, Audience] = field(default_factory=dict)
    let_in: set[UUID] = field(default_factory=set)
    """Auctions of a closed circle that the user was found to be invited to."""
    deciding_count: int = 0
    is_admitting: bool = False
    """Whether an `auth` or `sub` is being seen to, behind which the next frame waits."""
    _bad_count: int = 0
    _stalled_count: int = 0
    _taken_before: int = -1

    def say(self, message: Message) -> None:
        self.outlet.push(write(message))

    def refuse(self, error: Error) -> None:
        """Answer a frame that cannot be taken; after too many, hang up (4400)."""
        self.say(error)
        self._bad_count += 1
        if self._bad_count > MAX_BAD_FRAMES:
            self.outlet.finish(CloseCode.BAD)

    def error(self, name: str, code: ErrorCode, detail: str, field_name: str | None = None) -> None:
        self.say(Error(id=name, code=code, field=field_name or UNSET, detail=detail))

    def beat(self, heartbeat: Heartbeat) -> None:
        """Send a heartbeat, unless nothing was taken since several of them (4408)."""
        outlet = self.outlet
        taken = outlet.taken_bytes
        stalled = outlet.waiting_bytes > 0 and taken == self._taken_before
        self._stalled_count = self._stalled_count + 1 if stalled else 0
        self._taken_before = taken
        if self._stalled_count >= MAX_STALLED_BEATS:
            outlet.cut(CloseCode.HEARTBEAT)
        else:
            self.say(heartbeat)


def ack(command: Command, answer: Answer) -> Ack:
    """How the lane's answer is told."""
    return Ack(
        id=command.id,
        cid=command.cid,
        status=answer.status.value,
        seq=UNSET if answer.seq is None else answer.seq,
        code=UNSET if answer.code is None else answer.code,
        outcome=UNSET if answer.outcome is None else answer.outcome,
        min_next_cents=UNSET if answer.min_next_cents is None else answer.min_next_cents,
        detail=answer.detail or UNSET,
        retry_after_ms=UNSET if answer.retry_after_s is None else round(answer.retry_after_s * 1000),
        received_at=answer.received_at,
        decided_at=answer.decided_at,
    )


def undecided(command: Command, code: Reason, received_at: datetime, retry_after_s: float) -> Ack:
    """Refused at the door: nothing was decided or stored about this cid."""
    return Ack(
        id=command.id,
        cid=command.cid,
        status="rejected",
        code=code,
        retry_after_ms=max(1, round(retry_after_s * 1000)),
        received_at=received_at,
    )


def problem_code(refusal: MarketError) -> ErrorCode:
    """The code that a problem has on sockets: its slug, in capitals; FAULT for one that sockets were not to meet."""
    name = refusal.slug.replace("-", "_").upper()
    return ErrorCode(name) if name in ErrorCode.__members__ else ErrorCode.FAULT
