"""What the book of an auction and the events of the formats that keep one look like to an audience.

Maps whose keys are seqs (KEYED) come in frames as changes: a value replaces, null removes. A `bid_seq` in a frame
names what no longer stands, wherever it is shown.
"""

from collections.abc import Mapping
from typing import Any

from auctions.auction import Auction, Phase
from auctions.moves import (
    BidSealed,
    BidsOpened,
    BindingExplained,
    BindingSealed,
    BoardChanged,
    CounterAccepted,
    Countered,
    Declined,
    IndicationPlaced,
    MoveEvent,
    Offer,
    OfferPlaced,
    OfferTaken,
    OfferWithdrawn,
    OfOneBidder,
    OpenedBid,
    PackageBid,
    PoolAward,
    PoolsAwarded,
    Shortlisted,
    StageBegan,
    StepAccepted,
    StepArmed,
    StepDisarmed,
    TapeRevised,
)  # fmt: skip
from auctions.seats import OFFICE, OFFICER_ONLY, Audience, party
from auctions.terms import BestOfferTerms, DutchTerms, HybridTerms, PackageTerms, SealedTerms, TwoStageTerms, instant

KEYED = ("armed", "envelopes", "offers", "counters", "board")

_MAP_OF: Mapping[type[Any], str] = {
    DutchTerms: "armed",
    StepArmed: "armed",
    SealedTerms: "envelopes",
    HybridTerms: "envelopes",
    BidSealed: "envelopes",
    BestOfferTerms: "offers",
    OfferPlaced: "offers",
    TwoStageTerms: "offers",
    PackageTerms: "board",
    PackageBid: "board",
    IndicationPlaced: "offers",
    BindingSealed: "offers",
}
"""Under which name the office sees what stands, by format and by event."""

_TOLD_TO: Mapping[type[Any], frozenset[Any]] = {
    StepArmed: OFFICER_ONLY,
    StepDisarmed: OFFICER_ONLY,
    BidSealed: OFFICE,
    OfferWithdrawn: OFFICE,
    OfferPlaced: OFFICE,
    IndicationPlaced: OFFICE,
    BindingSealed: OFFICE,
    BindingExplained: OFFICE,
    Countered: OFFICE,
}
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
    if isinstance(auction.terms, PackageTerms):
        del facts["your_offer"]
        facts |= {"winning": list(book.winning), "revenue_cents": book.revenue_cents}
        facts["awards"] = _awards(book.awards, audience)
    if isinstance(auction.terms, BestOfferTerms):
        counters = book.counters.values()
        facts["counters"] = {str(counter.offer_seq): _of_counter(counter, audience) for counter in counters}
        yours = (_of_counter(counter, audience) for counter in counters if counter.bidder == audience.bidder)
        facts["your_counter"] = next(yours, None)
    if isinstance(auction.terms, TwoStageTerms):
        facts["tape_version"] = book.tape_version
        facts |= _declined(book.declined, audience)
    if isinstance(auction.terms, SealedTerms | HybridTerms | TwoStageTerms):
        facts["stage"] = book.stage.value
        facts |= _admission(book.admitted, audience)
        facts["opened"] = _opened(book.opened, audience)
        facts["opened_first"] = _opened(book.opened_first, audience)
    return facts


def _declined(declined: tuple[Declined, ...], audience: Audience) -> dict[str, Any]:
    reasons = (one.reason for one in declined if one.bidder == audience.bidder)
    shown = [{"bidder": party(one.bidder, one.paddle, audience), "reason": one.reason} for one in declined]
    return {"declined": shown, "your_refusal": next(reasons, None)}


def _awards(awards: tuple[PoolAward, ...], audience: Audience) -> list[dict[str, Any]]:
    return [
        {
            "bid_seq": award.bid_seq,
            "winner": party(award.bidder, award.paddle, audience),
            "pools": list(award.pools),
            "hammer_cents": award.hammer_cents,
        }
        for award in awards
    ]


def _of_counter(counter: Countered, audience: Audience) -> dict[str, Any]:
    return {
        "bidder": _bidder(counter, audience),
        "bid_seq": counter.offer_seq,
        "counter_seq": counter.seq,
        "price_cents": counter.price_cents,
        "expires_at": instant(counter.expires_at),
    }


def _admission(admitted: tuple[str, ...] | None, audience: Audience) -> dict[str, Any]:
    return {"admitted": admitted is None or audience.bidder in admitted, "invited": admitted and list(admitted)}


def _opened(opened: tuple[OpenedBid, ...], audience: Audience) -> list[dict[str, Any]]:
    return [
        {
            "bid_seq": bid.bid_seq,
            "bidder": party(bid.bidder, bid.paddle, audience),
            "amount_cents": bid.amount_cents,
            "flaw": bid.flaw,
        }
        for bid in opened
    ]


def facts_of_move(event: MoveEvent, audience: Audience) -> dict[str, Any]:  # noqa: C901, PLR0912  # one flat match
    """What a frame may carry, before the visibility table is applied."""
    match event:
        case StepArmed() | BidSealed() | OfferPlaced() | IndicationPlaced() | BindingSealed():
            return _facts_of_offer(event, audience)
        case BindingExplained():
            said = {"bid_cents": event.amount_cents, "reason": event.reason}
            return {"bidder": _bidder(event, audience), "cid": event.cid, **said}
        case StepDisarmed() | OfferWithdrawn():
            return {"bidder": _bidder(event, audience), "cid": event.cid, "bid_seq": event.bid_seq}
        case StepAccepted():
            buyer = _bidder(event, audience)
            facts = {"bidder": buyer, "cid": event.cid, "step": event.step}
            return facts | {"price_cents": event.price_cents, "leader": buyer}
        case Countered():
            shown = _of_counter(event, audience)
            facts = {"bidder": _bidder(event, audience), "counters": {str(event.offer_seq): shown}}
            return facts | {"your_counter": shown} if audience.bidder == event.bidder else facts
        case CounterAccepted() | OfferTaken():
            buyer = _bidder(event, audience)
            facts = {"bidder": buyer, "price_cents": event.price_cents, "leader": buyer}
            return facts | ({"cid": event.cid} if isinstance(event, CounterAccepted) else {"seq_seen": event.seq_seen})
        case BidsOpened():
            return {"opened" if event.ends else "opened_first": _opened(event.opened, audience)}
        case PackageBid():
            facts = _facts_of_offer(event, audience)
            return facts | {"winning": list(event.winning), "revenue_cents": event.revenue_cents}
        case BoardChanged():
            return {"winning": list(event.winning), "revenue_cents": event.revenue_cents}
        case PoolsAwarded():
            awards = _awards(event.awards, audience)
            return {"phase": Phase.AWARDED.value, "hammer_cents": event.hammer_cents, "awards": awards}
        case StageBegan():
            return _facts_of_stage(event, audience)
        case Shortlisted():
            return _declined(event.declined, audience)
        case TapeRevised():
            return {"tape_version": event.tape_version}


def _facts_of_stage(event: StageBegan, audience: Audience) -> dict[str, Any]:
    return {
        "stage": event.stage.value,
        "begins_at": instant(event.begins_at),
        "closes_at": instant(event.closes_at),
        "latest_close_at": instant(event.latest_close_at),
        "min_next_cents": event.least_cents,
        "price_cents": event.price_cents,
        "leader": party(event.leader, event.leader_paddle, audience),
        "clears": event.clears,
        **_admission(event.admitted, audience),
    }


def merge(after: dict[str, Any], frame: Mapping[str, Any]) -> None:
    """Bring what stands in a snapshot up to date with a frame, in place."""
    gone = frame.get("bid_seq")
    if frame.get("clears"):
        after.update({name: {} for name in KEYED if name in after})
        after.update({"your_offer": None} if "your_offer" in after else {})
    for name in KEYED:
        if name in after:
            merged = {**after[name], **frame.get(name, {}), str(gone): None}
            after[name] = {key: value for key, value in merged.items() if value is not None}
    for name in ("your_offer", "your_counter"):
        if after.get(name) is not None and after[name]["bid_seq"] == gone:
            after[name] = None


def _facts_of_offer(event: Offer, audience: Audience) -> dict[str, Any]:
    changes: dict[str, Any] = {str(event.seq): _of_office(event, audience)}
    if event.replaces is not None:
        changes[str(event.replaces)] = None
    facts = {"bidder": _bidder(event, audience), "cid": event.cid, _MAP_OF[type(event)]: changes}
    if isinstance(event, OfferPlaced):
        facts |= {"counters": {str(event.replaces): None}, "your_counter": None}
    return facts | {"your_offer": _of_own(event)} if audience.bidder == event.bidder else facts


def _of_own(offer: Offer) -> dict[str, Any]:
    return {"bid_seq": offer.seq, **_content(offer)}


def _of_office(offer: Offer, audience: Audience) -> dict[str, Any]:
    shown = {"bidder": _bidder(offer, audience)}
    return shown if isinstance(offer, BidSealed | BindingSealed) else shown | _content(offer)


def _content(offer: Offer) -> dict[str, Any]:
    match offer:
        case StepArmed():
            return {"step": offer.step, "price_cents": offer.price_cents}
        case OfferPlaced():
            return {"amount_cents": offer.amount_cents}
        case PackageBid():
            return {"pools": list(offer.pools), "amount_cents": offer.amount_cents}
        case BindingSealed():
            return {"amount_cents": offer.amount_cents, "reason": offer.reason}
        case IndicationPlaced():
            said = {"low_cents": offer.low_cents, "high_cents": offer.high_cents, "conditions": offer.conditions}
            return said | {"tape_version": offer.tape_version}
        case BidSealed():
            return {"amount_cents": offer.amount_cents, "sealed": offer.sealed, "commitment": offer.commitment}


def _bidder(event: OfOneBidder, audience: Audience) -> dict[str, Any] | None:
    return party(event.bidder, event.paddle, audience)
