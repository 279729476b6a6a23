"""Which bids win when bids are for sets of pools: exact winner determination.

Maximises revenue; every pool is sold at most once. Ties, in this order: fewer unsold pools, more winning bids, and
then the set whose latest bid is earliest (of two sets the one with the smaller sum of 2 ** seq). With `exclusive`
every bidder wins at most one of its bids; otherwise each bid stands for itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

MAX_POOL_COUNT = 20


class Package(NamedTuple):
    """A bid of `amount_cents` for all of `pools` (numbers of pools) or none."""

    seq: int
    bidder: str
    pools: frozenset[int]
    amount_cents: int


class Worth(NamedTuple):
    """How good a set of bids is; more is better."""

    revenue_cents: int
    sold_count: int
    winner_count: int
    earliness: int

    def plus(self, bid: Package) -> "Worth":
        """The worth with one more bid."""
        return Worth(
            self.revenue_cents + bid.amount_cents,
            self.sold_count + len(bid.pools),
            self.winner_count + 1,
            self.earliness - (1 << bid.seq),
        )


NOTHING = Worth(0, 0, 0, 0)


class Allocation(NamedTuple):
    """The winning seqs in order, and what they are worth."""

    winning: tuple[int, ...]
    worth: Worth


def allocate(bids: Iterable[Package], *, exclusive: bool) -> Allocation:
    """The best set of bids. Dynamic programming over the sets of sold pools, one bidder (or bid) after the other.

    A state that cannot catch up with a greedy solution, even if every pool left brought its best share of any bid to
    come, is dropped; the result stays exact. Raises ValueError beyond MAX_POOL_COUNT pools.
    """
    groups = _groups(list(bids), exclusive=exclusive)
    bound_cents = _greedy_revenue(groups)
    best: dict[int, tuple[Worth, tuple[int, ...]]] = {0: (NOTHING, ())}
    for place, group in enumerate(groups):
        after = dict(best)
        for mask, (worth, seqs) in best.items():
            for bid in group:
                pools = _mask(bid.pools)
                if mask & pools:
                    continue
                found = (worth.plus(bid), (*seqs, bid.seq))
                if (mask | pools) not in after or found[0] > after[mask | pools][0]:
                    after[mask | pools] = found
        shares = _best_shares(groups[place + 1 :])
        best = {
            mask: found for mask, found in after.items() if found[0].revenue_cents + _hope(mask, shares) >= bound_cents
        }
    worth, seqs = max(best.values())
    return Allocation(tuple(sorted(seqs)), worth)


def _groups(bids: Sequence[Package], *, exclusive: bool) -> list[list[Package]]:
    """Bids of which at most one can win, together. Of bids for the same pools only the best is kept."""
    if len(set[int]().union(*(bid.pools for bid in bids))) > MAX_POOL_COUNT:
        raise ValueError(f"more than {MAX_POOL_COUNT} pools cannot be allocated exactly here")
    kept: dict[tuple[str, frozenset[int]], Package] = {}
    for bid in bids:
        key = (bid.bidder if exclusive else "", bid.pools)
        if key not in kept or (bid.amount_cents, -bid.seq) > (kept[key].amount_cents, -kept[key].seq):
            kept[key] = bid
    groups: dict[object, list[Package]] = {}
    for (bidder, pools), bid in kept.items():
        groups.setdefault(bidder if exclusive else pools, []).append(bid)
    return sorted(groups.values(), key=lambda group: -max(bid.amount_cents for bid in group))


def _greedy_revenue(groups: Sequence[Sequence[Package]]) -> int:
    ranked = sorted(
        ((bid, place) for place, group in enumerate(groups) for bid in group),
        key=lambda pair: Fraction(-pair[0].amount_cents, len(pair[0].pools)),
    )
    sold: set[int] = set()
    done: set[int] = set()
    revenue_cents = 0
    for bid, place in ranked:
        if place not in done and sold.isdisjoint(bid.pools):
            revenue_cents += bid.amount_cents
            sold |= bid.pools
            done.add(place)
    return revenue_cents


def _best_shares(groups: Sequence[Sequence[Package]]) -> Mapping[int, int]:
    shares: dict[int, int] = {}
    for group in groups:
        for bid in group:
            share = -(-bid.amount_cents // len(bid.pools))
            for pool in bid.pools:
                shares[pool] = max(share, shares.get(pool, 0))
    return shares


def _hope(mask: int, shares: Mapping[int, int]) -> int:
    return sum(share for pool, share in shares.items() if not mask >> pool & 1)


def _mask(pools: Iterable[int]) -> int:
    return sum(1 << pool for pool in pools)


def needed_cents(bids: Sequence[Package], bidder: str, pools: frozenset[int], *, exclusive: bool) -> int:
    """The least amount with which a new bid of `bidder` for `pools` surely wins, all other bids unchanged."""
    now = allocate(bids, exclusive=exclusive).worth.revenue_cents
    rivals = [bid for bid in bids if not (exclusive and bid.bidder == bidder) and pools.isdisjoint(bid.pools)]
    return now - allocate(rivals, exclusive=exclusive).worth.revenue_cents + 1
