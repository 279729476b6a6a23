"""Fixed price and best offer: the seller names a price, or picks among standing offers.

fixed price   the first to buy gets it
best offer    offers stand until replaced, withdrawn, refused or taken; the seller sees them all, the others none
award         only with the eyes open: STALE if a better offer has come that the seller has not seen
counter       the seller's price to one bidder, until an instant; a new offer, a refusal or a withdrawal ends it
"""

from datetime import UTC, datetime

from auctions.auction import Auction
from auctions.messages import (
    Accepted,
    AuctionClosed,
    AuctionFailed,
    BoughtNow,
    BuyNow,
    Decision,
    Event,
    FailureReason,
    PlaceBid,
    Reason,
    Refused,
)  # fmt: skip
from auctions.moves import (
    AcceptCounter,
    AwardOffer,
    CounterAccepted,
    Countered,
    CounterOffer,
    OfferPlaced,
    OfferTaken,
    Withdraw,
)  # fmt: skip
from auctions.sealed import above_limit, awarded, withdraw


def buy(auction: Auction, command: object, now: datetime) -> Decision:
    """The answer to the first who buys at the fixed price."""
    assert isinstance(command, BuyNow)
    price_cents, limit_cents = auction.min_next_cents, command.standing.limit_cents
    if limit_cents is not None and price_cents > limit_cents:
        return Refused(Reason.LIMIT, price_cents, command.standing.detail)
    name, seq, paddle = auction.auction_id, auction.seq + 1, auction.paddle_of(command.bidder)
    bought = BoughtNow(
        auction_id=name,
        seq=seq,
        at=now,
        bidder=command.bidder,
        paddle=paddle,
        cid=command.cid,
        price_cents=price_cents,
        min_next_cents=price_cents,
    )
    return Accepted((bought, *awarded(name, command.bidder, paddle, price_cents, seq + 1, now)))


def close(auction: Auction, now: datetime) -> tuple[Event, ...]:
    """The end of the time without a sale."""
    reason = FailureReason.NOT_AWARDED if auction.the_book.offers else FailureReason.NO_BIDS
    name, seq = auction.auction_id, auction.seq
    failed = AuctionFailed(auction_id=name, seq=seq + 2, at=now, reason=reason)
    return (AuctionClosed(auction_id=name, seq=seq + 1, at=now), failed)


def decide(auction: Auction, command: object, now: datetime) -> Decision:
    """The answer to a bidder or the seller while offers are taken."""
    match command:
        case PlaceBid():
            return _offer(auction, command, now)
        case Withdraw():
            return withdraw(auction, command, now)
        case AwardOffer():
            return _award(auction, command, now)
        case CounterOffer():
            return _counter(auction, command, now)
        case AcceptCounter():
            return _accept_counter(auction, command, now)
        case _:
            raise AssertionError("the engine hands on only what the format takes")


def _offer(auction: Auction, command: PlaceBid, now: datetime) -> Decision:
    least_cents = auction.min_next_cents
    if command.amount_cents < least_cents:
        return Refused(Reason.BID_TOO_LOW, least_cents)
    if refused := above_limit(command, least_cents):
        return refused
    before = auction.the_book.offer_of(command.bidder)
    placed = OfferPlaced(
        auction_id=auction.auction_id,
        seq=auction.seq + 1,
        at=now,
        bidder=command.bidder,
        paddle=auction.paddle_of(command.bidder),
        cid=command.cid,
        replaces=None if before is None else before.seq,
        amount_cents=command.amount_cents,
    )
    return Accepted((placed,))


def _award(auction: Auction, command: AwardOffer, now: datetime) -> Decision:
    offers = [offer for offer in auction.the_book.offers.values() if isinstance(offer, OfferPlaced)]
    chosen = next((offer for offer in offers if offer.seq == command.bid_seq), None)
    if chosen is None:
        return Refused(Reason.NO_SUCH_BID)
    unseen = [offer for offer in offers if offer.seq > command.seq_seen]
    if chosen in unseen or any(offer.amount_cents > chosen.amount_cents for offer in unseen):
        return Refused(Reason.STALE, None, "a better offer has come since")
    name, seq, cents = auction.auction_id, auction.seq + 1, chosen.amount_cents
    taken = OfferTaken(
        auction_id=name,
        seq=seq,
        at=now,
        bidder=chosen.bidder,
        paddle=chosen.paddle,
        taken_seq=chosen.seq,
        price_cents=cents,
        seq_seen=command.seq_seen,
    )
    return Accepted((taken, *awarded(name, chosen.bidder, chosen.paddle, cents, seq + 1, now)))


def _counter(auction: Auction, command: CounterOffer, now: datetime) -> Decision:
    offer = auction.the_book.offers.get(command.bid_seq)
    if not isinstance(offer, OfferPlaced):
        return Refused(Reason.NO_SUCH_BID)
    expires_at = min(command.expires_at.astimezone(UTC), auction.closes_at)
    if expires_at <= now:
        return Refused(Reason.STALE, None, "the counter-offer would have run out before it was made")
    if command.price_cents <= offer.amount_cents:
        return Refused(Reason.BID_TOO_LOW, offer.amount_cents + 1)
    countered = Countered(
        auction_id=auction.auction_id,
        seq=auction.seq + 1,
        at=now,
        bidder=offer.bidder,
        paddle=offer.paddle,
        offer_seq=offer.seq,
        price_cents=command.price_cents,
        expires_at=expires_at,
    )
    return Accepted((countered,))


def _accept_counter(auction: Auction, command: AcceptCounter, now: datetime) -> Decision:
    counters = auction.the_book.counters.values()
    counter = next((c for c in counters if (c.seq, c.bidder) == (command.counter_seq, command.bidder)), None)
    if counter is None:
        return Refused(Reason.NO_SUCH_BID)
    if now >= counter.expires_at:
        return Refused(Reason.STALE, None, "the counter-offer has run out")
    limit_cents = command.standing.limit_cents
    if limit_cents is not None and counter.price_cents > limit_cents:
        return Refused(Reason.LIMIT, None, command.standing.detail)
    name, seq, cents = auction.auction_id, auction.seq + 1, counter.price_cents
    accepted = CounterAccepted(
        auction_id=name,
        seq=seq,
        at=now,
        bidder=counter.bidder,
        paddle=counter.paddle,
        cid=command.cid,
        counter_seq=counter.seq,
        price_cents=cents,
    )
    return Accepted((accepted, *awarded(name, counter.bidder, counter.paddle, cents, seq + 1, now)))
