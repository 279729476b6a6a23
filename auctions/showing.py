"""What the book of an auction and the events of the formats that keep one look like to an audience.

Maps whose keys are seqs (KEYED) come in frames as changes: a value replaces, null removes. A `bid_seq` in a frame
names what no longer stands, wherever it is shown.
"""

from collections.abc import Mapping
from typing import Any

from auctions.auction import Auction
from auctions.moves import MoveEvent, Offer, StepAccepted, StepArmed, StepDisarmed
from auctions.seats import OFFICER_ONLY, Audience, party
from auctions.terms import DutchTerms

KEYED = ("armed",)

_MAP_OF: Mapping[type[Any], str] = {DutchTerms: "armed", StepArmed: "armed"}
"""Under which name the office sees what stands, by format and by event."""

_TOLD_TO: Mapping[type[Any], frozenset[Any]] = {StepArmed: OFFICER_ONLY, StepDisarmed: OFFICER_ONLY}
"""Events that change nothing others may see: told only to the own bidder and these."""


def is_secret(event: object, audience: Audience) -> bool:
    """Whether the event comes as a blank to those who are not its own bidder."""
    told_to = _TOLD_TO.get(type(event))
    return told_to is not None and audience.role not in told_to


def facts_of_book(auction: Auction, audience: Audience) -> dict[str, Any]:
    """What a snapshot shows besides what all formats have in common."""
    book = auction.the_book
    facts: dict[str, Any] = {}
    if name := _MAP_OF.get(type(auction.terms)):
        facts[name] = {str(offer.seq): _of_office(offer, audience) for offer in book.offers.values()}
        own = None if audience.bidder is None else book.offer_of(audience.bidder)
        facts["your_offer"] = None if own is None else _of_own(own)
    return facts


def facts_of_move(event: MoveEvent, audience: Audience) -> dict[str, Any]:
    """What a frame may carry, before the visibility table is applied."""
    match event:
        case StepArmed():
            return _facts_of_offer(event, audience)
        case StepDisarmed():
            return {"bidder": _bidder(event, audience), "cid": event.cid, "bid_seq": event.bid_seq}
        case StepAccepted():
            buyer = _bidder(event, audience)
            facts = {"bidder": buyer, "cid": event.cid, "step": event.step}
            return facts | {"price_cents": event.price_cents, "leader": buyer}


def merge(after: dict[str, Any], frame: Mapping[str, Any]) -> None:
    """Bring what stands in a snapshot up to date with a frame, in place."""
    gone = frame.get("bid_seq")
    for name in KEYED:
        if name in after:
            merged = {**after[name], **frame.get(name, {}), str(gone): None}
            after[name] = {key: value for key, value in merged.items() if value is not None}
    own = after.get("your_offer")
    if own is not None and own["bid_seq"] == gone:
        after["your_offer"] = None


def _facts_of_offer(event: Offer, audience: Audience) -> dict[str, Any]:
    changes = {str(event.seq): _of_office(event, audience)}
    if event.replaces is not None:
        changes[str(event.replaces)] = None
    facts = {"bidder": _bidder(event, audience), "cid": event.cid, _MAP_OF[type(event)]: changes}
    return facts | {"your_offer": _of_own(event)} if audience.bidder == event.bidder else facts


def _of_own(offer: Offer) -> dict[str, Any]:
    return {"bid_seq": offer.seq, **_content(offer)}


def _of_office(offer: Offer, audience: Audience) -> dict[str, Any] | None:
    return {"bidder": _bidder(offer, audience), **_content(offer)}


def _content(offer: Offer) -> dict[str, Any]:
    match offer:
        case StepArmed():
            return {"step": offer.step, "price_cents": offer.price_cents}


def _bidder(event: MoveEvent, audience: Audience) -> dict[str, Any] | None:
    return party(event.bidder, event.paddle, audience)
