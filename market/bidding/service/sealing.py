"""What officers take out of the market to open bids that it cannot read."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from auctions.moves import BidSealed, Stage
from auctions.sealed import sealing_key_of
from auctions.terms import SealedTerms
from market.bidding.rules import NotSealed
from market.bidding.service.looking import folded_now
from market.bidding.states import States
from market.db.context import Context
from market.kit.actor import Actor, Role
from market.parties.rules import require

_OPENINGS = frozenset({Stage.OPENING, Stage.FINAL_OPENING})


@dataclass(frozen=True, slots=True)
class Envelope:
    """One sealed bid as its bidder handed it in."""

    bid_seq: int
    bidder: str
    sealed: str
    commitment: str


@dataclass(frozen=True, slots=True)
class Envelopes:
    """All bids of an auction that wait to be opened, with the head of the log that holds them."""

    auction_id: str
    sealing_key: str
    opening_cents: int
    most_cents: int
    seq: int
    head: bytes
    bids: Sequence[Envelope]


async def sealed_bids(context: Context, states: States, actor: Actor, auction_id: UUID) -> Envelopes:
    """The standing sealed bids, for officers, from the deadline to the opening.

    Raises `NoSuchAuction`, and `NotSealed` when nothing waits to be opened.
    """
    require(actor, role=Role.OFFICER, scope="auctions:read")
    auction = await folded_now(context, states, auction_id)
    terms, book = auction.terms, auction.book
    if not isinstance(terms, SealedTerms) or book is None or book.stage not in _OPENINGS or auction.phase.has_ended:
        raise NotSealed("bids are opened after the deadline, in an auction whose bidders sealed them")
    assert terms.most_cents is not None
    sealed = [bid for _, bid in sorted(book.offers.items()) if isinstance(bid, BidSealed)]
    bids = [Envelope(bid.seq, bid.bidder, bid.sealed or "", bid.commitment or "") for bid in sealed]
    most_cents, name = terms.most_cents, auction.auction_id
    return Envelopes(name, sealing_key_of(auction), terms.opening_cents, most_cents, auction.seq, auction.head, bids)
