"""What an event makes of the state. Knows no rules: whatever follows from a command stands in its events."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, assert_never

from auctions.auction import Auction, Phase
from auctions.book import Book
from auctions.messages import (
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
    BidRefusedBySeller,
    BidVoided,
    BoughtNow,
    CeilingLowered,
    CloseExtended,
    HighestDeclined,
    HighestTaken,
    LaterEvent,
    MoveEvent,
    Outcome,
    PhaseEvent,
    ReserveMet,
)
from auctions.moves import (
    BidSealed,
    BidsOpened,
    BindingExplained,
    BindingSealed,
    BoardChanged,
    CounterAccepted,
    Countered,
    IndicationPlaced,
    OfferPlaced,
    OfferTaken,
    OfferWithdrawn,
    OfOneBidder,
    PackageBid,
    PoolsAwarded,
    Shortlisted,
    StageBegan,
    StepAccepted,
    StepArmed,
    StepDisarmed,
    TapeRevised,
)
from auctions.terms import EnglishTerms, OtherTerms


def scheduled(event: AuctionScheduled, head: bytes) -> Auction:
    return Auction(
        auction_id=event.auction_id,
        seq=event.seq,
        head=head,
        terms=event.terms,
        phase=Phase.SCHEDULED,
        closes_at=event.terms.closes_at,
        latest_close_at=event.terms.latest_close_at,
        paddles={},
        book=None if isinstance(event.terms, EnglishTerms) else first_book(event.terms),
    )


def fold(auction: Auction, event: LaterEvent, head: bytes) -> Auction:
    seq = event.seq
    match event:
        case BidAccepted():
            return _with_bid(auction, event, head)
        case CloseExtended():
            return replace(auction, seq=seq, head=head, closes_at=event.closes_at)
        case ReserveMet():
            return replace(auction, seq=seq, head=head, reserve_met=True)
        case CeilingLowered():
            ceiling_cents, bids = event.leader_ceiling_cents, auction.bids.append(event)
            return replace(auction, seq=seq, head=head, leader_ceiling_cents=ceiling_cents, bids=bids)
        case BidRefusedBySeller() | BidVoided():
            return _without_bid(auction, event, head)
        case HighestTaken() | HighestDeclined():
            return replace(auction, seq=seq, head=head)
        case BoughtNow():
            return _with_buyer(auction, event, head)
        case (
            AuctionOpened()
            | AuctionPaused()
            | AuctionResumed()
            | AuctionCancelled()
            | AuctionClosed()
            | AnswerAwaited()
            | Awarded()
            | AuctionFailed()
        ):
            return _in_phase(auction, event, head)
        case _:
            return _with_move(auction, event, head)


def _with_bid(auction: Auction, event: BidAccepted, head: bytes) -> Auction:
    amends_nothing = event.leader == event.bidder and event.amends is None
    return replace(
        auction,
        seq=event.seq,
        head=head,
        price_cents=event.price_cents,
        leader=event.leader,
        leader_ceiling_cents=event.leader_ceiling_cents,
        leader_bid_seq=event.seq if amends_nothing else auction.leader_bid_seq,
        bid_count=auction.bid_count + (event.outcome is not Outcome.RAISED),
        bids=auction.bids.append(event),
        paddles=_paddles_with(auction, event.bidder, event.paddle),
    )


def _without_bid(auction: Auction, event: BidRefusedBySeller | BidVoided, head: bytes) -> Auction:
    return replace(
        auction,
        seq=event.seq,
        head=head,
        price_cents=event.price_cents,
        leader=event.leader,
        leader_ceiling_cents=event.leader_ceiling_cents,
        leader_bid_seq=event.leader_bid_seq,
        reserve_met=event.reserve_met,
        struck=auction.struck | {event.bid_seq},
        book=auction.book and _without(auction.book, event.bid_seq),
        **({} if auction.ascent is None else _remembered(auction, event)),
    )


def _remembered(auction: Auction, event: BidRefusedBySeller | BidVoided) -> dict[str, Any]:
    """What a strike leaves behind where the price rises."""
    refused = frozenset({event.bidder}) if isinstance(event, BidRefusedBySeller) else frozenset()
    return {"bids": auction.bids.append(event), "refused": auction.refused | refused}


def _with_buyer(auction: Auction, event: BoughtNow, head: bytes) -> Auction:
    return replace(
        auction,
        seq=event.seq,
        head=head,
        price_cents=event.price_cents,
        leader=event.bidder,
        leader_ceiling_cents=event.price_cents,
        leader_bid_seq=event.seq,
        reserve_met=True,
        paddles=_paddles_with(auction, event.bidder, event.paddle),
    )


def _paddles_with(auction: Auction, bidder: str, paddle: int) -> Mapping[str, int]:
    return auction.paddles if bidder in auction.paddles else {**auction.paddles, bidder: paddle}


def _in_phase(auction: Auction, event: PhaseEvent, head: bytes) -> Auction:
    match event:
        case AuctionOpened():
            return replace(auction, seq=event.seq, head=head, phase=Phase.OPEN)
        case AuctionPaused():
            return replace(
                auction, seq=event.seq, head=head, phase=Phase.PAUSED, paused_at=event.at, phase_reason=event.reason
            )
        case AuctionResumed():
            running = replace(auction, phase=Phase.OPEN, paused_at=None, phase_reason=None)
            closes_at, latest_close_at = event.closes_at, event.latest_close_at
            book = auction.book and _moved(auction.book, closes_at - auction.closes_at)
            moved = replace(running, closes_at=closes_at, latest_close_at=latest_close_at, book=book)
            return replace(moved, seq=event.seq, head=head)
        case AuctionCancelled():
            return replace(auction, seq=event.seq, head=head, phase=Phase.CANCELLED, phase_reason=event.reason)
        case AuctionClosed():
            return replace(auction, seq=event.seq, head=head, phase=Phase.CLOSED)
        case AnswerAwaited():
            until = event.answer_until
            return replace(auction, seq=event.seq, head=head, phase=Phase.AWARDING, answer_until=until)
        case Awarded():
            won = replace(auction, phase=Phase.AWARDED, winner=event.winner, hammer_cents=event.hammer_cents)
            return replace(won, seq=event.seq, head=head)
        case AuctionFailed():
            return replace(auction, seq=event.seq, head=head, phase=Phase.FAILED, phase_reason=event.reason.value)
        case _:
            assert_never(event)


def first_book(terms: OtherTerms) -> Book:
    """What is remembered before anything was said."""
    return Book(least_cents=terms.least_cents, stage=terms.first_stage, tape_version=terms.tape_version)


def _without(book: Book, seq: int | None) -> Book:
    return replace(book, offers=book.without(seq), counters=book.without_counter(seq))


def _moved(book: Book, by: timedelta) -> Book:
    return book if book.begins_at is None else replace(book, begins_at=book.begins_at + by)


def _with_move(auction: Auction, event: MoveEvent, head: bytes) -> Auction:  # noqa: C901, PLR0912  # one flat match
    after, book = replace(auction, seq=event.seq, head=head), auction.the_book
    if isinstance(event, OfOneBidder):
        after = replace(after, paddles=_paddles_with(auction, event.bidder, event.paddle))
    match event:
        case StepArmed() | BidSealed() | OfferPlaced() | IndicationPlaced() | BindingSealed():
            rest = _without(book, event.replaces)
            return replace(after, book=replace(rest, offers={**rest.offers, event.seq: event}))
        case PackageBid():
            rest = _without(book, event.replaces)
            return replace(after, book=_won(replace(rest, offers={**rest.offers, event.seq: event}), event))
        case BoardChanged():
            return replace(after, book=_won(book, event))
        case PoolsAwarded():
            sold = replace(book, awards=event.awards)
            return replace(after, phase=Phase.AWARDED, hammer_cents=event.hammer_cents, book=sold)
        case StepDisarmed() | OfferWithdrawn():
            return replace(after, book=_without(book, event.bid_seq))
        case Countered():
            return replace(after, book=replace(book, counters={**book.counters, event.offer_seq: event}))
        case StepAccepted() | OfferTaken() | CounterAccepted():
            return replace(after, price_cents=event.price_cents, leader=event.bidder, leader_bid_seq=event.seq)
        case BidsOpened(ends=True):
            return replace(after, book=replace(book, opened=event.opened))
        case BidsOpened():
            return replace(after, book=replace(book, opened_first=event.opened))
        case StageBegan():
            return _in_stage(after, event)
        case BindingExplained():
            explained = {**book.explained, event.bidder: event.seq}
            return replace(after, book=replace(book, explained=explained))
        case TapeRevised():
            return replace(after, book=replace(book, tape_version=event.tape_version))
        case Shortlisted():
            return replace(after, book=_listed(book, event))
        case _:
            assert_never(event)


def _won(book: Book, event: PackageBid | BoardChanged) -> Book:
    return replace(book, winning=event.winning, revenue_cents=event.revenue_cents)


def _listed(book: Book, event: Shortlisted) -> Book:
    said = {offer.bidder: offer for offer in book.offers.values() if isinstance(offer, IndicationPlaced)}
    indications = {name: said[name] for name in event.chosen}
    return replace(book, indications=indications, declined=event.declined)


def _in_stage(auction: Auction, event: StageBegan) -> Auction:
    book = replace(
        auction.the_book,
        stage=event.stage,
        begins_at=event.begins_at,
        admitted=event.admitted,
        least_cents=event.least_cents,
        offers={} if event.clears else auction.the_book.offers,
    )
    return replace(
        auction,
        book=book,
        closes_at=event.closes_at,
        latest_close_at=event.latest_close_at,
        price_cents=event.price_cents,
        leader=event.leader,
    )
