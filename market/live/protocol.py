"""The messages of `/v1/live`, as pure values: what a client may say, what it hears, and how a bad frame is answered.

Every frame is one JSON object. A client's frame is told apart by `op`, a server's by `t`. The protocol is described
in docs/live-protocol.md.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Annotated, Any, get_args
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from auctions.allocation import MAX_POOL_COUNT
from auctions.messages import Outcome, Reason
from market.kit.money import MAX_CENTS

VERSION = 1
"""Told in `ok`. It changes when a client of the version before would misunderstand a frame."""
MAX_FRAME_BYTES = 4096
"""The longest frame that a client may send."""

Frame = bytes
"""An encoded message as it goes over the wire: one frame of text (RFC 6455 § 5.2, unmasked), shared by all who are sent it."""

MessageId = Annotated[
    str, Meta(min_length=1, max_length=64, description="chosen by the client, returned in the answer")
]
Cid = Annotated[
    str, Meta(pattern=r"^[ -~]{1,64}$(?!\n)", description="command id: unique for ever per bidder and auction")
]
Cents = Annotated[int, Meta(ge=1, le=MAX_CENTS, description="minor units of the auction's currency")]
Seq = Annotated[int, Meta(ge=0, le=2**53, description="number of an event in its auction, from 1")]
EventSeq = Annotated[int, Meta(ge=1, le=2**53, description="number of an event in its auction, from 1")]
Step = Annotated[int, Meta(ge=0, le=10_000, description="step of a falling price, from 0")]
Micros = Annotated[int, Meta(ge=0, le=2**62, description="microseconds since 1970-01-01T00:00:00Z")]
ReasonText = Annotated[str, Meta(min_length=1, max_length=500)]


class CloseCode(IntEnum):
    """Why the server, or the client, hung up (RFC 6455 § 7.4.2: 4000-4999 are an application's own)."""

    BAD = 4400
    AUTH = 4401
    FORBIDDEN = 4403
    HEARTBEAT = 4408
    REPLACED = 4409
    SLOW = 4413
    RATE = 4429
    RESTART = 1012


class ErrorCode(StrEnum):
    """Why a frame led to nothing: every code that an `error` can have."""

    BAD_FRAME = "BAD_FRAME"
    TOO_LARGE = "TOO_LARGE"
    MALFORMED = "MALFORMED"
    UNKNOWN_OP = "UNKNOWN_OP"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    KEY_LIMIT = "KEY_LIMIT"
    NO_SUCH_AUCTION = "NO_SUCH_AUCTION"
    LIMIT = "LIMIT"
    RATE_LIMITED = "RATE_LIMITED"
    TRY_AGAIN = "TRY_AGAIN"
    FAULT = "FAULT"


# What a client may say.


class _Request(Struct, frozen=True, forbid_unknown_fields=True, tag_field="op", kw_only=True):
    id: MessageId


class Auth(_Request, frozen=True, tag="auth", kw_only=True):
    """Sign in by API key; not needed when the handshake carried a session cookie."""

    token: Annotated[str, Meta(min_length=1, max_length=256)]


class Sub(_Request, frozen=True, tag="sub", kw_only=True):
    """Watch an auction: from a snapshot, or from the event after `from_seq` if `epoch` is still the same."""

    auction: UUID
    from_seq: Seq | None = None
    epoch: Annotated[str, Meta(max_length=64)] | None = None


class Ping(_Request, frozen=True, tag="ping", kw_only=True):
    """Measure the clocks' difference; `t0` is the client's, returned as it came."""

    t0: Micros


class _Command(_Request, frozen=True, kw_only=True):
    auction: UUID
    cid: Cid


class Bid(_Command, frozen=True, tag="bid", kw_only=True):
    """Bid exactly `amount_cents`; `confirmed` repeats one that was refused as CONFIRM_NEEDED."""

    amount_cents: Cents
    confirmed: bool = False


class Proxy(_Command, frozen=True, tag="proxy", kw_only=True):
    """Have the engine bid as little as needed, up to `ceiling_cents`, which stays secret."""

    ceiling_cents: Cents
    confirmed: bool = False


class ProxyCancel(_Command, frozen=True, tag="proxy_cancel", kw_only=True):
    """Lower the own ceiling to the current price."""


class BuyNow(_Command, frozen=True, tag="buy_now", kw_only=True):
    """Buy at the terms' buy-now amount and end the auction."""


class Refuse(_Command, frozen=True, tag="refuse", kw_only=True):
    """The seller strikes out the bid accepted as event `seq`; all are told the reason."""

    seq: EventSeq
    reason: ReasonText


class Accept(_Command, frozen=True, tag="accept", kw_only=True):
    """Buy at the falling price, seen as `price_cents` in step `step`."""

    step: Step
    price_cents: Cents


class Arm(_Command, frozen=True, tag="arm", kw_only=True):
    """Accept as soon as step `step` begins; replaces the own armed step."""

    step: Step


class Withdraw(_Command, frozen=True, tag="withdraw", kw_only=True):
    """Take back the own standing offer, sealed bid, indication or armed step."""


class Seal(_Command, frozen=True, tag="seal", kw_only=True):
    """Hand in a bid that only the officers together can open, with a commitment to its content."""

    sealed: Annotated[str, Meta(pattern=r"^[!-~]{1,3000}$(?!\n)")]
    commitment: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]


class AcceptCounter(_Command, frozen=True, tag="accept_counter", kw_only=True):
    """Buy at the counter-offer that the seller made as event `counter_seq`."""

    counter_seq: EventSeq


class Indicate(_Command, frozen=True, tag="indicate", kw_only=True):
    """Say roughly what one would pay, and on what conditions."""

    low_cents: Cents
    high_cents: Cents
    conditions: Annotated[str, Meta(max_length=2000)] = ""


class Binding(_Command, frozen=True, tag="binding", kw_only=True):
    """Bid after due diligence; `reason` explains an amount far below the own indication."""

    amount_cents: Cents
    reason: Annotated[str, Meta(max_length=500)] = ""


class Package(_Command, frozen=True, tag="package", kw_only=True):
    """Bid for all the named pools or none."""

    pools: Annotated[tuple[UUID, ...], Meta(min_length=1, max_length=MAX_POOL_COUNT)]
    amount_cents: Cents


class Award(_Command, frozen=True, tag="award", kw_only=True):
    """The seller takes the offer `bid_seq`, having seen everything up to event `seq_seen`."""

    bid_seq: EventSeq
    seq_seen: EventSeq


class TakeHighest(_Command, frozen=True, tag="take_highest", kw_only=True):
    """The seller takes the highest bid although it is below the reserve, having seen everything up to `seq_seen`."""

    seq_seen: EventSeq


class DeclineHighest(_Command, frozen=True, tag="decline_highest", kw_only=True):
    """The seller does not sell below the reserve, having seen everything up to `seq_seen`."""

    seq_seen: EventSeq


class Counter(_Command, frozen=True, tag="counter", kw_only=True):
    """The seller would sell to the bidder of the offer `bid_seq` at `price_cents`, until `valid_until`."""

    bid_seq: EventSeq
    price_cents: Cents
    valid_until: Annotated[datetime, Meta(tz=True)]


class Decline(Struct, frozen=True, forbid_unknown_fields=True):
    """Who is not on the shortlist, and why."""

    bidder: UUID
    reason: ReasonText


class Shortlist(_Command, frozen=True, tag="shortlist", kw_only=True):
    """The seller lets the `chosen` go on and tells every other one why not."""

    chosen: Annotated[tuple[UUID, ...], Meta(min_length=1, max_length=100)]
    declined: Annotated[tuple[Decline, ...], Meta(max_length=100)] = ()


class ReviseTape(_Command, frozen=True, tag="revise_tape", kw_only=True):
    """The seller says that the tape has changed: indications made before are stale."""

    tape_version: Annotated[str, Meta(pattern=r"^[ -~]{1,128}$(?!\n)")]


BidderCommand = (
    Bid | Proxy | ProxyCancel | BuyNow | Accept | Arm | Withdraw | Seal | AcceptCounter | Indicate | Binding | Package
)
SellerCommand = Refuse | Award | TakeHighest | DeclineHighest | Counter | Shortlist | ReviseTape
SELLER_COMMANDS = get_args(SellerCommand)
Command = BidderCommand | SellerCommand
Request = Auth | Sub | Ping | Command


# What a client hears.


class _Message(Struct, frozen=True, tag_field="t", omit_defaults=True):
    pass


class Ok(_Message, frozen=True, tag="ok", kw_only=True):
    """Yes to `auth` (no id: to the handshake's cookie), or to `sub`, after what had been missed."""

    id: str | UnsetType = UNSET
    conn: str
    server_time: datetime
    version: int
    heartbeat_s: int


class Error(_Message, frozen=True, tag="error", kw_only=True):
    """A frame that led to nothing: `field` is what to mend, `detail` how. It never repeats a value."""

    id: str | UnsetType = UNSET
    code: ErrorCode
    field: str | UnsetType = UNSET
    detail: str


class Ack(_Message, frozen=True, tag="ack", kw_only=True):
    """The answer to a command, after it was stored. `seq` is the event it led to.

    `outcome` is what a bid for a rising price did for its bidder when it was decided.
    """

    id: str
    cid: str
    status: str
    seq: int | UnsetType = UNSET
    code: Reason | UnsetType = UNSET
    outcome: Outcome | UnsetType = UNSET
    min_next_cents: int | UnsetType = UNSET
    detail: str | UnsetType = UNSET
    retry_after_ms: int | UnsetType = UNSET
    received_at: datetime
    decided_at: datetime | UnsetType = UNSET


class Heartbeat(_Message, frozen=True, tag="hb", kw_only=True):
    """Sent every `heartbeat_s`; `heads` is the newest event of each auction subscribed to, as the database has it."""

    at: datetime
    heads: Mapping[str, int]


class Pong(_Message, frozen=True, tag="pong", kw_only=True):
    """`t1` when the ping came, `t2` when this left; see docs/live-protocol.md for the arithmetic."""

    id: str
    t0: int
    t1: int
    t2: int


class Resync(_Message, frozen=True, tag="resync", kw_only=True):
    """What was sent of this auction no longer holds together: subscribe again."""

    auction: UUID
    reason: str


class Shutdown(_Message, frozen=True, tag="shutdown", kw_only=True):
    """The server goes down in `in_ms`; come back after `retry_after_ms`."""

    in_ms: int
    retry_after_ms: int


Message = Ok | Error | Ack | Heartbeat | Pong | Resync | Shutdown
_encoder = msgspec.json.Encoder()


def write(message: Message) -> Frame:
    """The frame of a message."""
    return _framed(_encoder.encode(message))


def write_event(projected: Mapping[str, Any]) -> Frame:
    """The frame of one event, as `auctions.views.project` shows it to an audience."""
    return _framed(_encoder.encode({"t": "event", **projected}))


def write_snapshot(shown: Mapping[str, Any], epoch: str) -> Frame:
    """The frame of a whole state, as `auctions.views.snapshot` shows it to an audience."""
    return _framed(_encoder.encode({"t": "snapshot", "epoch": epoch, **shown}))


def _framed(text: bytes) -> Frame:
    size = len(text)
    if size < 126:
        return b"\x81%c%b" % (size, text)
    if size < 1 << 16:
        return b"\x81\x7e%b%b" % (size.to_bytes(2, "big"), text)
    return b"\x81\x7f%b%b" % (size.to_bytes(8, "big"), text)


def micros(at: datetime) -> int:
    """An aware instant in microseconds since 1970-01-01T00:00:00Z."""
    return int(at.timestamp()) * 1_000_000 + at.microsecond
