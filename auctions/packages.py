"""Pools and packages: open bids for sets of pools, and the set of bids that brings the most wins.

Bids stand: they are bettered, never withdrawn. Which of them win is decided anew after every bid (`auctions.allocation`)
and written into its event; a bid that changes it extends the whole board.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from auctions.allocation import MAX_STEP_COUNT, PRICING_STEPS, Allocation, Package, TooHardError, allocate, needed_cents
from auctions.auction import Auction
from auctions.messages import (
    Accepted,
    AuctionClosed,
    AuctionFailed,
    CloseExtended,
    Decision,
    Event,
    FailureReason,
    Reason,
    Refused,
)  # fmt: skip
from auctions.moves import BoardChanged, PackageBid, PlacePackageBid, PoolAward, PoolsAwarded
from auctions.terms import PackageTerms, Packaging

MAX_STANDING_COUNT = 200
"""On a board so full a bidder has no more exclusive bids than its sure ones. Under the first rules, nobody has more."""
MAX_STANDING_OF_BIDDER_COUNT = 20
"""Of exclusive bids. Of bids for single pools, or all of them, every bidder has one for each."""
SURE_STANDING_COUNT = 4
"""So many exclusive bids everybody may have, however full others made the board."""
MOST_STEPS = MAX_STEP_COUNT
MOST_STEPS_OF_A_STRIKE = 20 * MAX_STEP_COUNT
"""Under the first rules. Later a strike has as much work as a bid; and a bid that does not win is struck out with none."""


def decide(auction: Auction, command: object, now: datetime) -> Decision:
    """The answer to a well-formed bid of a bidder in good standing."""
    assert isinstance(command, PlacePackageBid)
    terms = _terms(auction)
    if refused := _refuse(auction, terms, command):
        return refused
    own_before = _own(auction, terms, command.bidder, command.pools)
    stand = [bid for bid in _bids(auction) if bid is not own_before]
    seq, pools = auction.seq + 1, tuple(sorted(command.pools))
    new = Package(seq, command.bidder, terms.numbers_of(pools), command.amount_cents)
    try:
        found = _allocate(terms, [*(_package_of(terms, bid) for bid in stand), new], MOST_STEPS)
    except TooHardError:
        return Refused(Reason.LIMIT, None, "with this bid nobody could prove in time which bids win; name other pools")
    bid = PackageBid(
        auction_id=auction.auction_id,
        seq=seq,
        at=now,
        bidder=command.bidder,
        paddle=auction.paddle_of(command.bidder),
        cid=command.cid,
        replaces=None if own_before is None else own_before.seq,
        pools=pools,
        amount_cents=command.amount_cents,
        winning=found.winning,
        revenue_cents=found.worth.revenue_cents,
    )
    changed = found.winning != auction.the_book.winning
    return Accepted((bid, *_extension(auction, terms, now)) if changed else (bid,))


def flaw_in_pools(terms: PackageTerms, pools: Sequence[str]) -> str | None:
    """Why this set of pools cannot be bid for; None if it can."""
    count = len(pools)
    if not pools or len(terms.numbers_of(pools)) != count:
        return "one of the pools is not on the board"
    sizes = {Packaging.POOLS_ONLY: {1}, Packaging.ENTIRETY_VS_POOLS: {1, len(terms.pools)}}
    return None if count in sizes.get(terms.packaging, {count}) else "this set of pools cannot be bid for here"


def _refuse(auction: Auction, terms: PackageTerms, command: PlacePackageBid) -> Refused | None:
    if flaw := flaw_in_pools(terms, command.pools):
        return Refused(Reason.NO_SUCH_BID, None, flaw)
    before = _same(auction, terms, command.bidder, command.pools)
    least_cents = terms.least_for(command.pools)
    if before is not None:
        least_cents = max(least_cents, before.amount_cents + terms.increment_cents)
    if command.amount_cents < least_cents:
        return Refused(Reason.BID_TOO_LOW, least_cents)
    limit_cents = command.standing.limit_cents
    if limit_cents is not None and command.amount_cents > limit_cents:
        return Refused(Reason.LIMIT, least_cents, command.standing.detail)
    return _refuse_another(auction, terms, command)


def _refuse_another(auction: Auction, terms: PackageTerms, command: PlacePackageBid) -> Refused | None:
    """One bidder's bids never keep out another's, and a bid that replaces one's own adds nothing."""
    if terms.rules == 1:
        is_full = len(auction.the_book.offers) >= MAX_STANDING_COUNT
        return Refused(Reason.LIMIT, None, "the board is full") if is_full else None
    if terms.packaging is not Packaging.XOR_PACKAGES or _own(auction, terms, command.bidder, command.pools) is not None:
        return None
    most = SURE_STANDING_COUNT if len(auction.the_book.offers) >= MAX_STANDING_COUNT else MAX_STANDING_OF_BIDDER_COUNT
    if sum(bid.bidder == command.bidder for bid in _bids(auction)) >= most:
        return Refused(Reason.LIMIT, None, f"you have {most} bids or more standing; better one of them")
    return None


def _own(auction: Auction, terms: PackageTerms, bidder: str, pools: Iterable[str]) -> PackageBid | None:
    """The bidder's bid for the same pools, which the next one replaces; under the first rules only if it is the best."""
    if terms.rules == 1:
        best = _same(auction, terms, bidder, pools)
        return best if best is not None and best.bidder == bidder else None
    wanted = set(pools)
    return next((bid for bid in _bids(auction) if bid.bidder == bidder and set(bid.pools) == wanted), None)


def _same(auction: Auction, terms: PackageTerms, bidder: str, pools: Iterable[str]) -> PackageBid | None:
    """The bid to better: the own one for the same pools, or anybody's best where bids for the same pools compete."""
    wanted = set(pools)
    rivals = [bid for bid in _bids(auction) if set(bid.pools) == wanted]
    if terms.packaging is Packaging.XOR_PACKAGES:
        rivals = [bid for bid in rivals if bid.bidder == bidder]
    return max(rivals, key=lambda bid: bid.amount_cents, default=None)


def needed(auction: Auction, bidder: str, pools: Iterable[str]) -> int:
    """What the board shows a bidder: the least amount in cents with which it would surely win these pools now.

    The bidder's own bid for the same pools makes room for the new one, which must better it. Raises TooHardError.
    """
    terms, names = _terms(auction), tuple(pools)
    before = _same(auction, terms, bidder, names)
    own = _own(auction, terms, bidder, names)
    bids = [_package_of(terms, bid) for bid in _bids(auction) if bid is not own]
    exclusive = terms.packaging is Packaging.XOR_PACKAGES
    numbers, pricing_steps = terms.numbers_of(names), _pricing_steps(terms)
    cents = needed_cents(bids, bidder, numbers, exclusive=exclusive, pricing_steps=pricing_steps)
    better_cents = 0 if before is None else before.amount_cents + terms.increment_cents
    return max(cents, better_cents, terms.least_for(names))


def after_strike(auction: Auction, struck_seq: int, seq: int, now: datetime) -> BoardChanged:
    """What wins without a bid that was struck out, as event `seq`."""
    terms, book = _terms(auction), auction.the_book
    winning, revenue_cents = book.winning, book.revenue_cents
    if struck_seq in winning or terms.rules == 1:
        stand = [_package_of(terms, bid) for bid in _bids(auction) if bid.seq != struck_seq]
        found = _allocate(terms, stand, MOST_STEPS_OF_A_STRIKE if terms.rules == 1 else MOST_STEPS)
        winning, revenue_cents = found.winning, found.worth.revenue_cents
    return BoardChanged(auction_id=auction.auction_id, seq=seq, at=now, winning=winning, revenue_cents=revenue_cents)


def close(auction: Auction, now: datetime) -> tuple[Event, ...]:
    """The award of every pool that a winning bid takes."""
    book, name, seq = auction.the_book, auction.auction_id, auction.seq
    closed = AuctionClosed(auction_id=name, seq=seq + 1, at=now)
    if not book.winning:
        return (closed, AuctionFailed(auction_id=name, seq=seq + 2, at=now, reason=FailureReason.NO_BIDS))
    won = [bid for bid in _bids(auction) if bid.seq in book.winning]
    awards = tuple(
        PoolAward(bid_seq=b.seq, bidder=b.bidder, paddle=b.paddle, pools=b.pools, hammer_cents=b.amount_cents)
        for b in won
    )
    total_cents = sum(award.hammer_cents for award in awards)
    return (closed, PoolsAwarded(auction_id=name, seq=seq + 2, at=now, awards=awards, hammer_cents=total_cents))


def _extension(auction: Auction, terms: PackageTerms, now: datetime) -> tuple[Event, ...]:
    if auction.closes_at - now > timedelta(seconds=terms.soft_close_window_s):
        return ()
    closes_at = min(now + timedelta(seconds=terms.soft_close_extension_s), auction.latest_close_at)
    if closes_at <= auction.closes_at:
        return ()
    return (CloseExtended(auction_id=auction.auction_id, seq=auction.seq + 2, at=now, closes_at=closes_at),)


def _allocate(terms: PackageTerms, bids: Iterable[Package], most_steps: int) -> Allocation:
    exclusive, pricing_steps = terms.packaging is Packaging.XOR_PACKAGES, _pricing_steps(terms)
    return allocate(bids, exclusive=exclusive, most_steps=most_steps, pricing_steps=pricing_steps)


def _pricing_steps(terms: PackageTerms) -> int:
    """Under the first two rules prices counted for nothing."""
    return PRICING_STEPS if terms.rules > 2 else 0


def _bids(auction: Auction) -> list[PackageBid]:
    return [offer for _, offer in sorted(auction.the_book.offers.items()) if isinstance(offer, PackageBid)]


def _package_of(terms: PackageTerms, bid: PackageBid) -> Package:
    return Package(bid.seq, bid.bidder, terms.numbers_of(bid.pools), bid.amount_cents)


def _terms(auction: Auction) -> PackageTerms:
    assert isinstance(auction.terms, PackageTerms)
    return auction.terms
