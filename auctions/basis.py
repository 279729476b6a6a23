"""What the commands, events and answers of all formats share: reasons, a bidder's standing, an event's stamp."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Reason(StrEnum):
    """Why a command was refused, in order of precedence: of several true reasons the first one listed is given.

    Shape first, then what the shell refuses before it asks the engine, then time, then who asks, then what is
    asked for, and the amount last: too low, then above the bidder's limit, then implausibly high.
    """

    MALFORMED = "MALFORMED"
    """Not a whole positive amount within bounds, no usable cid, no usable reason."""
    BUSY = "BUSY"
    """Shell: the queue is full; try again."""
    RATE_LIMITED = "RATE_LIMITED"
    """Shell: more commands per second than one bidder may send."""
    DUPLICATE_CID = "DUPLICATE_CID"
    """Shell: this cid was used before, with other content."""
    NOT_OPEN = "NOT_OPEN"
    """Before opens_at."""
    PAUSED = "PAUSED"
    """The operator stopped the clock."""
    TOO_LATE = "TOO_LATE"
    """At or after the effective close, or the auction ended otherwise."""
    NOT_DUE = "NOT_DUE"
    """A close before closes_at, or while paused."""
    NOT_ELIGIBLE = "NOT_ELIGIBLE"
    """Standing: may not bid here; the next three say why when that may be said."""
    NOT_CLEARED = "NOT_CLEARED"
    """Standing: compliance has not cleared the bidder."""
    OWN_POOL = "OWN_POOL"
    """Standing: sellers and those connected with them do not bid on their own pool."""
    NO_DEPOSIT = "NO_DEPOSIT"
    """Standing: the deposit that the seller asks for is missing."""
    NO_SUCH_BID = "NO_SUCH_BID"
    """The seq is no bid of this auction, or the bid was struck out before."""
    NO_CEILING = "NO_CEILING"
    """The bidder has no ceiling above the price that could be lowered."""
    NO_BUY_NOW = "NO_BUY_NOW"
    """The terms have no buy-now amount, or the price has reached it."""
    STALE = "STALE"
    """The command was based on a state that has changed since."""
    STEP_MOVED = "STEP_MOVED"
    """The price step that was accepted is no longer the current one."""
    POOL_SOLD = "POOL_SOLD"
    """The pool is already sold."""
    BID_TOO_LOW = "BID_TOO_LOW"
    """Below the least acceptable amount, which comes with the refusal as min_next_cents."""
    LIMIT = "LIMIT"
    """Above the most that this bidder may bid."""
    CONFIRM_NEEDED = "CONFIRM_NEEDED"
    """So high that it looks like a slip of the finger: send it again, confirmed."""
    OUTBID_TIE = "OUTBID_TIE"
    """No refusal: the bid counts, but an equal ceiling was there before it and keeps the lead."""


class FailureReason(StrEnum):
    """Why an auction ended without an award."""

    NO_BIDS = "NO_BIDS"
    RESERVE_NOT_MET = "RESERVE_NOT_MET"
    NOT_AWARDED = "NOT_AWARDED"
    """There were offers, and the seller took none."""
    NOT_OPENED = "NOT_OPENED"
    """Nobody brought the sealed bids' contents in time."""


class Stage(StrEnum):
    """Where an auction in several parts stands; most formats have one part only."""

    BIDDING = "bidding"
    OPENING = "opening"
    """Bids sealed by the clients are being opened."""
    FINAL = "final"
    """The best bidders better their bids, sealed again."""
    FINAL_OPENING = "final_opening"
    INDICATIVE = "indicative"
    SHORTLISTING = "shortlisting"
    DUE_DILIGENCE = "due_diligence"
    BINDING = "binding"
    DUTCH = "dutch"
    """The price falls."""
    SEALED = "sealed"
    """All but who stopped the price may seal higher bids."""
    BEST = "best"
    """Who stopped the price may exceed the best of them."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the shell found out about a bidder: `refusal` if it may not bid, the most it may bid, and a detail."""

    refusal: Reason | None = None
    limit_cents: int | None = None
    detail: str = ""


IN_GOOD_STANDING = Standing()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What every event carries: its auction, its place in the sequence (1, 2, 3 …) and the instant of decision."""

    auction_id: str
    seq: int
    at: datetime
