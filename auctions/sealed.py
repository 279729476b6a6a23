"""Sealed bids: only the last of each bidder counts, until the deadline; then all are opened at once, once.

ranking      by amount, of equal amounts the earlier seq first (a replaced bid stands where its replacement was made)
price        first price, or second price (Vickrey), never below the reserve
final round  the finalists may better their opened bids, sealed again; who does not keeps its bid
sealed by    the server (simple mode: `Close` opens), or the clients: `OpenBids` brings amounts and salts, every
the clients  commitment is checked, and a bid that cannot be read or does not fit is reported with its flaw, never dropped;
             nobody is believed what they say, since the market opens the bids itself with the key that is brought, and the
             log shows each round's key with its opening (under the first rules: the officer was believed; under the second one
             key opened both rounds, and was shown with the last)
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256

from auctions.auction import Auction
from auctions.messages import (
    Accepted,
    AuctionClosed,
    AuctionFailed,
    Awarded,
    Decision,
    Event,
    FailureReason,
    PlaceBid,
    Reason,
    Refused,
)
from auctions.moves import (
    BidSealed,
    BidsOpened,
    OfferWithdrawn,
    OpenBids,
    Opened,
    OpenedBid,
    SealBid,
    Stage,
    StageBegan,
    Withdraw,
)
from auctions.terms import Pricing, SealedTerms, Sealing
from auctions.terms.sealed import WHOLE_BPS, FinalRound

OpenAll = Callable[[str, str, str, Sequence[BidSealed]], tuple[Opened, ...] | None]
"""Opens sealed bids: (private key, sealing key, auction, bids) -> their contents; None if the two keys are no pair."""

_OPENINGS = (Stage.OPENING, Stage.FINAL_OPENING)
_FIRST = (Stage.BIDDING, Stage.OPENING)


def commitment_of(auction_id: str, bidder: str, amount_cents: int, salt: str) -> str:
    """What a bidder commits to beside the sealed bytes: SHA-256 (64 hexadecimal digits) over auction, bidder, amount, salt."""
    return sha256("\n".join([auction_id, bidder, str(amount_cents), salt]).encode()).hexdigest()


def ranking(opened: Iterable[OpenedBid]) -> list[OpenedBid]:
    """The bids without a flaw, best first."""
    sound = [bid for bid in opened if bid.flaw is None and bid.amount_cents is not None]
    return sorted(sound, key=lambda bid: (-(bid.amount_cents or 0), bid.bid_seq))


def sealing_key_of(auction: Auction) -> str:
    """The public key to which the bids of the present part are sealed; empty if the server keeps the amounts."""
    terms, is_final = _terms(auction), auction.the_book.stage not in _FIRST
    return (terms.final_sealing_key if is_final and terms.final_sealing_key else terms.sealing_key) or ""


def takes(terms: SealedTerms) -> tuple[type, ...]:
    """The commands of the format."""
    return (PlaceBid, Withdraw) if terms.sealing is Sealing.SIMPLE else (SealBid, Withdraw, OpenBids)


def decide(auction: Auction, command: object, now: datetime) -> Decision:
    """The answer to a well-formed command while bids are taken or being opened."""
    terms, book = _terms(auction), auction.the_book
    if isinstance(command, OpenBids):
        return _open_envelopes(auction, terms, command, now)
    assert isinstance(command, PlaceBid | SealBid | Withdraw)
    if book.stage in _OPENINGS:
        return Refused(Reason.TOO_LATE, None, "the bids are being opened")
    if book.admitted is not None and command.bidder not in book.admitted:
        return Refused(Reason.NOT_ELIGIBLE, None, "not among the finalists")
    if isinstance(command, Withdraw):
        return withdraw(auction, command, now)
    if isinstance(command, SealBid):
        limit = command.standing.limit_cents
        if limit is not None and terms.most_cents is not None and terms.most_cents > limit:
            return Refused(Reason.LIMIT, None, command.standing.detail)
        return Accepted((seal(auction, command, now),))
    own = next((bid.amount_cents for bid in book.opened_first if bid.bidder == command.bidder), None)
    least_cents = terms.opening_cents if own is None else own + 1
    return _too_low_or_high(terms, command, least_cents) or Accepted((seal(auction, command, now),))


def _too_low_or_high(terms: SealedTerms, command: PlaceBid, least_cents: int) -> Refused | None:
    if command.amount_cents < least_cents:
        return Refused(Reason.BID_TOO_LOW, least_cents)
    if terms.most_cents is not None and command.amount_cents > terms.most_cents:
        return Refused(Reason.LIMIT, least_cents, "above the most that may be bid here")
    return above_limit(command, least_cents)


def above_limit(command: PlaceBid, least_cents: int) -> Refused | None:
    """The refusal of an amount above the bidder's own limit."""
    limit = command.standing.limit_cents
    if limit is not None and command.amount_cents > limit:
        return Refused(Reason.LIMIT, least_cents, command.standing.detail)
    return None


def seal(auction: Auction, command: PlaceBid | SealBid, now: datetime) -> BidSealed:
    """The bid as the next event; it replaces what the bidder had sealed before."""
    before = auction.the_book.offer_of(command.bidder)
    return BidSealed(
        auction_id=auction.auction_id,
        seq=auction.seq + 1,
        at=now,
        bidder=command.bidder,
        paddle=auction.paddle_of(command.bidder),
        cid=command.cid,
        replaces=None if before is None else before.seq,
        amount_cents=command.amount_cents if isinstance(command, PlaceBid) else None,
        sealed=command.sealed if isinstance(command, SealBid) else None,
        commitment=command.commitment if isinstance(command, SealBid) else None,
    )


def withdraw(auction: Auction, command: Withdraw, now: datetime) -> Decision:
    """Take back what the bidder has standing."""
    before = auction.the_book.offer_of(command.bidder)
    if before is None:
        return Refused(Reason.NO_SUCH_BID)
    withdrawn = OfferWithdrawn(
        auction_id=auction.auction_id,
        seq=auction.seq + 1,
        at=now,
        bidder=command.bidder,
        paddle=auction.paddle_of(command.bidder),
        cid=command.cid,
        bid_seq=before.seq,
    )
    return Accepted((withdrawn,))


def close(auction: Auction, now: datetime) -> tuple[Event, ...]:
    """What the deadline of the present stage leads to: the opening, or the end."""
    terms, book = _terms(auction), auction.the_book
    if not book.offers:
        return _after_opening(auction, terms, (), auction.seq + 1, now)
    if book.stage in _OPENINGS:
        return _failed(auction.auction_id, auction.seq + 1, now, FailureReason.NOT_OPENED)
    if terms.sealing is Sealing.CLIENT:
        stage = Stage.OPENING if book.stage is Stage.BIDDING else Stage.FINAL_OPENING
        return (_begin(auction, terms, stage, auction.seq + 1, now),)
    return _with_opened(auction, terms, open_all(auction), now)


def open_all(auction: Auction) -> tuple[OpenedBid, ...]:
    """Every bid that the server sealed, opened, in the order of the seqs."""
    offers = [offer for _, offer in sorted(auction.the_book.offers.items()) if isinstance(offer, BidSealed)]
    return tuple(
        OpenedBid(bid_seq=o.seq, bidder=o.bidder, paddle=o.paddle, amount_cents=o.amount_cents) for o in offers
    )


def _open_envelopes(auction: Auction, terms: SealedTerms, command: OpenBids, now: datetime) -> Decision:
    book = auction.the_book
    if book.stage not in _OPENINGS:
        return Refused(Reason.NOT_OPEN, None, "bids are opened after the deadline")
    if [one.bid_seq for one in command.opened] != sorted(book.offers):
        return Refused(Reason.STALE, None, "every standing bid must be opened, in order, and no other")
    opened = tuple(_examined(auction, terms, one) for one in command.opened)
    events = _with_opened(auction, terms, opened, now)
    if terms.rules == 1:
        return Accepted(events)
    first = events[0]
    assert isinstance(first, BidsOpened)
    is_shown = first.ends or terms.rules > 2
    if is_shown and command.key is None:
        return Refused(Reason.MALFORMED, None, "the key must be shown with the opening")
    return Accepted((replace(first, key=command.key if is_shown else None), *events[1:]))


def _examined(auction: Auction, terms: SealedTerms, one: Opened) -> OpenedBid:
    offer = auction.the_book.offers[one.bid_seq]
    assert isinstance(offer, BidSealed)
    assert terms.most_cents is not None
    cents, flaw = one.amount_cents, None
    if cents is None:
        flaw = "UNREADABLE"
    elif commitment_of(auction.auction_id, offer.bidder, cents, one.salt) != offer.commitment:
        flaw = "COMMITMENT_BROKEN"
    elif not terms.opening_cents <= cents <= terms.most_cents:
        flaw = "OUT_OF_BOUNDS"
    return OpenedBid(
        bid_seq=one.bid_seq,
        bidder=offer.bidder,
        paddle=offer.paddle,
        amount_cents=cents,
        salt=one.salt,
        flaw=flaw,
    )


def _with_opened(
    auction: Auction, terms: SealedTerms, opened: tuple[OpenedBid, ...], now: datetime
) -> tuple[Event, ...]:
    finalists = finalists_of(terms, ranking(opened)) if auction.the_book.stage in _FIRST else []
    goes_on = len(finalists) > 1
    event = BidsOpened(auction_id=auction.auction_id, seq=auction.seq + 1, at=now, opened=opened, ends=not goes_on)
    if not goes_on:
        return (event, *_after_opening(auction, terms, opened, auction.seq + 2, now))
    began = _begin(auction, terms, Stage.FINAL, auction.seq + 2, now)
    return (event, replace(began, admitted=tuple(sorted(bid.bidder for bid in finalists)), clears=True))


def finalists_of(terms: FinalRound, ranked: Sequence[OpenedBid]) -> Sequence[OpenedBid]:
    """Who may better its bid once more, best first; fewer than two if there is no best-and-final round."""
    if terms.final_s is None or not ranked:
        return []
    if terms.final_top is not None:
        return ranked[: terms.final_top]
    assert terms.final_within_bps is not None
    least = (ranked[0].amount_cents or 0) * (WHOLE_BPS - terms.final_within_bps)
    return [bid for bid in ranked if (bid.amount_cents or 0) * WHOLE_BPS >= least]


def _after_opening(
    auction: Auction, terms: SealedTerms, opened: Sequence[OpenedBid], seq: int, now: datetime
) -> tuple[Event, ...]:
    return settle(auction.auction_id, bettered(auction, opened), terms, seq, now)


def bettered(auction: Auction, opened: Sequence[OpenedBid]) -> list[OpenedBid]:
    """The last ranking: a finalist's first bid stands unless its last one is sound and better."""
    book = auction.the_book
    first = [bid for bid in book.opened_first if book.admitted is not None and bid.bidder in book.admitted]
    ranked: list[OpenedBid] = []
    for bid in ranking([*first, *opened]):
        if all(bid.bidder != better.bidder for better in ranked):
            ranked.append(bid)
    return ranked


def settle(
    auction_id: str, ranked: Sequence[OpenedBid], terms: SealedTerms, seq: int, now: datetime
) -> tuple[Event, ...]:
    """The award to the first in the ranking, or the failure, beginning with event `seq`."""
    if not ranked:
        return _failed(auction_id, seq, now, FailureReason.NO_BIDS)
    best, floor_cents = ranked[0], terms.reserve_cents or terms.opening_cents
    assert best.amount_cents is not None
    if best.amount_cents < floor_cents:
        return _failed(auction_id, seq, now, FailureReason.RESERVE_NOT_MET)
    hammer_cents = best.amount_cents
    if terms.pricing is Pricing.SECOND_PRICE:
        second = ranked[1].amount_cents if len(ranked) > 1 else None
        hammer_cents = max(second or 0, floor_cents)
    return awarded(auction_id, best.bidder, best.paddle, hammer_cents, seq, now)


def awarded(auction_id: str, winner: str, paddle: int, hammer_cents: int, seq: int, now: datetime) -> tuple[Event, ...]:
    """The end of an auction that somebody won, beginning with event `seq`."""
    won = Awarded(
        auction_id=auction_id, seq=seq + 1, at=now, winner=winner, winner_paddle=paddle, hammer_cents=hammer_cents
    )
    return (AuctionClosed(auction_id=auction_id, seq=seq, at=now), won)


def _failed(auction_id: str, seq: int, now: datetime, reason: FailureReason) -> tuple[Event, ...]:
    failed = AuctionFailed(auction_id=auction_id, seq=seq + 1, at=now, reason=reason)
    return (AuctionClosed(auction_id=auction_id, seq=seq, at=now), failed)


def _begin(auction: Auction, terms: SealedTerms, stage: Stage, seq: int, now: datetime) -> StageBegan:
    """The beginning of a stage; each lasts its full time, however late the one before was ended."""
    opening_s = terms.opening_s if terms.sealing is Sealing.CLIENT else 0
    final_s = terms.final_s or 0
    lasts_s = final_s if stage is Stage.FINAL else opening_s
    after_s = {Stage.OPENING: final_s + (opening_s if final_s else 0), Stage.FINAL: opening_s}.get(stage, 0)
    closes_at = now + timedelta(seconds=lasts_s)
    return StageBegan(
        auction_id=auction.auction_id,
        seq=seq,
        at=now,
        stage=stage,
        begins_at=now,
        closes_at=closes_at,
        latest_close_at=closes_at + timedelta(seconds=after_s),
        admitted=auction.the_book.admitted,
        least_cents=auction.min_next_cents,
        price_cents=None,
        leader=None,
        leader_paddle=None,
        clears=False,
    )


def _terms(auction: Auction) -> SealedTerms:
    assert isinstance(auction.terms, SealedTerms)
    return auction.terms
