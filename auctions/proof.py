"""Proof: the hash chain of an auction's events, and the check of a whole log with nothing but the log.

A log is one line per event: `{"event":…,"hash":"…"}` and a line feed, where `event` holds the canonical bytes and
`hash` the head of the chain after it, in hexadecimal. `verify` rebuilds every line from its own content, so any byte
changed shows; and it decides every command again under the terms, so a log that hangs together but was not made by
the rules shows too. What no log can show by itself is that its end was cut off while the auction ran: that takes a
head from elsewhere.

A head commits to secrets that are easily guessed (a reserve, a ceiling): heads are for officers until the auction ended.
"""

import json
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from auctions import engine
from auctions.auction import Auction
from auctions.behind import move_behind
from auctions.messages import (
    Accepted,
    AnswerAwaited,
    AuctionCancelled,
    AuctionClosed,
    AuctionFailed,
    AuctionOpened,
    AuctionPaused,
    AuctionResumed,
    AuctionScheduled,
    Awarded,
    BidAccepted,
    BidKind,
    BidRefusedBySeller,
    BidVoided,
    BoughtNow,
    BuyNow,
    Cancel,
    CancelCeiling,
    CeilingLowered,
    Close,
    CloseExtended,
    Command,
    DeclineHighest,
    Event,
    HighestDeclined,
    HighestTaken,
    LaterEvent,
    Open,
    Pause,
    PlaceBid,
    RefuseBid,
    ReserveMet,
    Resume,
    SetCeiling,
    TakeHighest,
    VoidBid,
)
from auctions.moves import BidSealed, BidsOpened, Move
from auctions.record import GENESIS, chain, decode, encode
from auctions.sealed import OpenAll, sealing_key_of
from auctions.terms import SealedTerms, Sealing

__all__ = ["GENESIS", "CutOffError", "LogError", "Verdict", "chain", "decode", "encode", "line", "read", "verify"]


_BEGINNING = b'{"event":{'
NO_EVENT = "the line holds no event"
_ONE_KEY = 2
"""The version of the rules under which one key opened both rounds."""
_OUT_OF_RANGE = "an instant that follows from it is out of range"


class LogError(ValueError):
    """A log that does not hold: `seq` is the first event that is wrong or missing."""

    def __init__(self, seq: int, problem: str) -> None:
        super().__init__(f"event {seq}: {problem}")
        self.seq = seq
        self.problem = problem


class CutOffError(LogError):
    """A log whose end is missing: all events before `seq` are whole and hold."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `verify` found: the state that the sound part of the log adds up to, and the first thing wrong with it.

    `problem` is None for a sound log. `wrong_seq` is the first event that is wrong or missing; None if none is.
    `is_cut_off`: nothing is wrong with what there is, but the log goes no further.
    """

    auction: Auction | None
    wrong_seq: int | None = None
    problem: str | None = None
    is_cut_off: bool = False

    @property
    def holds(self) -> bool:
        return self.problem is None


def line(event_bytes: bytes, head: bytes) -> bytes:
    """One line of a log, without the line feed: the event's canonical bytes and the head after it (32 bytes)."""
    return b'{"event":%b,"hash":"%b"}' % (event_bytes, head.hex().encode("ascii"))


def read(log_line: bytes, seq: int, head: bytes) -> tuple[Event, bytes]:
    """The event on the line that should hold event `seq` after `head`, with its canonical bytes. Raises LogError."""
    text = log_line.rstrip(b"\r\n")
    try:
        event = decode(json.dumps(json.loads(text)["event"]))
        event_bytes = encode(event)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        if _breaks_off(log_line):
            raise CutOffError(seq, "the line of the next one breaks off") from None
        raise LogError(seq, NO_EVENT) from None
    if event.seq != seq:
        raise LogError(seq, f"the line holds event {event.seq} instead")
    if text != line(event_bytes, chain(head, event_bytes)):
        raise LogError(seq, "the line was changed, or the one before it: its hash does not follow")
    return event, event_bytes


def _breaks_off(log_line: bytes) -> bool:
    """Whether the line begins as one does and has no end: of a file only the last line can be so."""
    if log_line.endswith(b"\n") or not _BEGINNING.startswith(log_line[: len(_BEGINNING)]):
        return False
    try:
        json.loads(log_line)
    except ValueError:
        return True
    return False


def verify(
    log_lines: Iterable[bytes], expected_head: bytes | None = None, *, open_all: OpenAll | None = None
) -> Verdict:
    """Whether a log is whole, unchanged and made by the rules. With `expected_head`, also whether it ends there.

    Without `expected_head` a log must reach the end of the auction, since it could have been cut off anywhere.
    With `open_all`, which takes a library of ciphers, bids that the clients sealed are opened again with the key in the log.
    """
    auction: Auction | None = None
    openings: list[tuple[Auction, BidsOpened]] = []
    due: deque[Event] = deque()
    try:
        for seq, log_line in enumerate(log_lines, start=1):
            event, event_bytes = read(log_line, seq, GENESIS if auction is None else auction.head)
            if not due:
                due.extend(_expected(auction, event))
            if not due or encode(due.popleft()) != event_bytes:
                raise LogError(seq, "the rules lead to another event here")  # noqa: TRY301  # one way out for all
            if auction is not None and isinstance(event, BidsOpened):
                openings.append((auction, event))
                _check_opened(openings, open_all)
            auction = engine.evolve(auction, event, event_bytes)
        _check_end(auction, due, expected_head)
    except LogError as error:
        return Verdict(auction, error.seq, error.problem, isinstance(error, CutOffError))
    except OverflowError:
        return Verdict(auction, 1 if auction is None else auction.seq + 1, _OUT_OF_RANGE)
    return Verdict(auction)


def _check_opened(openings: list[tuple[Auction, BidsOpened]], open_all: OpenAll | None) -> None:
    """With its key each opening's bids open as the log says; under the second rules the last one's opened those before, too."""
    last, terms = openings[-1][1], openings[-1][0].terms
    if open_all is None or last.key is None or not isinstance(terms, SealedTerms) or terms.sealing is Sealing.SIMPLE:
        return
    for auction, event in openings if terms.rules == _ONE_KEY else openings[-1:]:
        sealed = [offer for _, offer in sorted(auction.the_book.offers.items()) if isinstance(offer, BidSealed)]
        contents = open_all(last.key, sealing_key_of(auction), auction.auction_id, sealed)
        if contents is None:
            raise LogError(last.seq, "the key is not the one to which the bids were sealed")
        told = [(bid.bid_seq, bid.amount_cents, bid.salt) for bid in event.opened]
        if told != [(one.bid_seq, one.amount_cents, one.salt) for one in contents]:
            raise LogError(event.seq, "with the key the bids open otherwise")


def _check_end(auction: Auction | None, due: deque[Event], expected_head: bytes | None) -> None:
    next_seq = 1 if auction is None else auction.seq + 1
    if auction is None or due:
        raise CutOffError(next_seq, "the next one is missing")
    if expected_head is not None and auction.head != expected_head:
        raise LogError(next_seq, "the log does not end at the expected head")
    if expected_head is None and not auction.phase.has_ended:
        raise CutOffError(next_seq, "the auction had not ended there, and no head was given to compare with")


def _expected(auction: Auction | None, event: Event) -> tuple[Event, ...]:
    """The events that the rules make of the command behind `event`; empty if they refuse it."""
    if isinstance(event, AuctionScheduled):
        return () if auction is not None else (engine.schedule(event.auction_id, event.terms, event.at),)
    command = _command_behind(event)
    if auction is None or command is None:
        return ()
    decision = engine.decide(auction, command, event.at)
    return decision.events if isinstance(decision, Accepted) else ()


def _command_behind(event: LaterEvent) -> Command | Move | None:  # noqa: C901, PLR0912  # one flat match
    """The command that must have led to `event`; None for events that only follow from others."""
    match event:
        case AuctionOpened():
            return Open()
        case BidAccepted(bid_kind=BidKind.MANUAL):
            return PlaceBid(bidder=event.bidder, cid=event.cid, amount_cents=event.amount_cents, confirmed=True)
        case BidAccepted():
            return SetCeiling(bidder=event.bidder, cid=event.cid, ceiling_cents=event.amount_cents, confirmed=True)
        case CeilingLowered():
            return CancelCeiling(bidder=event.bidder, cid=event.cid)
        case BoughtNow():
            return BuyNow(bidder=event.bidder, cid=event.cid)
        case BidRefusedBySeller():
            return RefuseBid(seq=event.bid_seq, reason=event.reason)
        case BidVoided():
            return VoidBid(seq=event.bid_seq, reason=event.reason)
        case AuctionPaused():
            return Pause(reason=event.reason)
        case AuctionResumed():
            return Resume()
        case AuctionCancelled():
            return Cancel(reason=event.reason)
        case AuctionClosed() | AuctionFailed():
            return Close()
        case HighestTaken():
            return TakeHighest(seq_seen=event.seq_seen)
        case HighestDeclined():
            return DeclineHighest(seq_seen=event.seq_seen)
        case ReserveMet() | CloseExtended() | AnswerAwaited() | Awarded():
            return None
        case _:
            return move_behind(event)
