"""What the formats other than the ascending one remember: the offers that stand, and how far the auction has come."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from auctions.moves import Countered, Declined, IndicationPlaced, Offer, OpenedBid, PoolAward, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """`offers` stand, by their seq; each bidder has at most one. `least_cents` is the least amount to bid now.

    `admitted` may bid in this stage (None: everybody), from `begins_at` on. `opened` are the bids that ended the
    auction, `opened_first` those that a further round followed. `counters` are the seller's
    counter-offers by the seq of the offer that they answer. `tape_version` is the current one, `indications` what the
    shortlisted had said, by bidder, `explained` the events that say why some bid far less in the open, and `declined` who
    is not among them. Where pools are sold together, `winning` are the
    seqs that win now, `revenue_cents` what they bring, and `awards` how it ended; a bidder may have several bids.
    """

    least_cents: int
    offers: Mapping[int, Offer] = field(default_factory=dict)
    stage: Stage = Stage.BIDDING
    begins_at: datetime | None = None
    admitted: tuple[str, ...] | None = None
    winning: tuple[int, ...] = ()
    revenue_cents: int = 0
    awards: tuple[PoolAward, ...] = ()
    tape_version: str = ""
    indications: Mapping[str, IndicationPlaced] = field(default_factory=dict)
    declined: tuple[Declined, ...] = ()
    explained: Mapping[str, int] = field(default_factory=dict)
    counters: Mapping[int, Countered] = field(default_factory=dict)
    opened: tuple[OpenedBid, ...] = ()
    opened_first: tuple[OpenedBid, ...] = ()

    def offer_of(self, bidder: str) -> Offer | None:
        """What the bidder has standing."""
        return next((offer for offer in self.offers.values() if offer.bidder == bidder), None)

    def without_counter(self, seq: int | None) -> Mapping[int, Countered]:
        """The counter-offers but the one to this offer."""
        return {key: counter for key, counter in self.counters.items() if key != seq}

    def without(self, seq: int | None) -> Mapping[int, Offer]:
        """The offers but one."""
        return {key: offer for key, offer in self.offers.items() if key != seq}
