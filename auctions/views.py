"""Who sees what: the only door by which anything about an auction leaves for a reader.

`snapshot` shows the state, `project` one event, both to one audience. A frame carries new values under the names that
they have in the snapshot, so `apply` is a merge, and for every audience: old snapshot + events = fresh snapshot.
Every event reaches every audience: one that it may not see comes as `{"kind": "redacted"}` with its seq.
"""

from collections.abc import Mapping
from typing import Any

from auctions.auction import Auction, Phase
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
    BidKind,
    BidRefusedBySeller,
    BidVoided,
    BoughtNow,
    CeilingLowered,
    CloseExtended,
    Event,
    HighestDeclined,
    HighestTaken,
    Outcome,
    ReserveMet,
)
from auctions.moves import BidsOpened, PoolsAwarded, Shortlisted, StageBegan
from auctions.seats import (
    OBSERVER,
    OFFICER,
    OTHER_BIDDER,
    OWN,
    PUBLIC,
    SELLER,
    VISIBILITY,
    Audience,
    Role,
    party,
)
from auctions.showing import KEYED, facts_of_book, facts_of_move, is_secret, merge
from auctions.terms import EnglishTerms, Terms, TwoStageTerms, instant

__all__ = [
    "OBSERVER",
    "OFFICER",
    "OTHER_BIDDER",
    "OWN",
    "PUBLIC",
    "SELLER",
    "VISIBILITY",
    "Audience",
    "Role",
    "apply",
    "concerned",
    "project",
    "snapshot",
]

_REDACTED = "redacted"


def snapshot(auction: Auction, audience: Audience) -> dict[str, Any]:
    """The whole state as `audience` may see it: a dict of JSON types. Instants are ISO 8601 with Z."""
    facts: dict[str, Any] = {
        "auction": auction.auction_id,
        "seq": auction.seq,
        "phase": auction.phase.value,
        "phase_reason": auction.phase_reason,
        "closes_at": instant(auction.closes_at),
        "latest_close_at": instant(auction.latest_close_at),
        "terms": _terms(auction.terms, audience),
        "price_cents": auction.price_cents,
        "min_next_cents": auction.min_next_cents,
        "leader": party(auction.leader, auction.paddles.get(auction.leader or ""), audience),
        "winner": party(auction.winner, auction.paddles.get(auction.winner or ""), audience),
        "hammer_cents": auction.hammer_cents,
        **({} if auction.book is None else facts_of_book(auction, audience)),
        **(_facts_of_ascent(auction, audience) if _rises(auction.terms) else {}),
    }
    return _visible(facts, audience, own=False)


def _rises(terms: Terms) -> bool:
    """Whether there is a part in which the price rises."""
    return isinstance(terms, EnglishTerms) or (isinstance(terms, TwoStageTerms) and terms.ascent is not None)


def _facts_of_ascent(auction: Auction, audience: Audience) -> dict[str, Any]:
    until = auction.answer_until and instant(auction.answer_until)
    facts = {"reserve_met": auction.reserve_met, "bid_count": auction.bid_count, "answer_until": until}
    return facts | _ceilings(auction.leader, auction.leader_ceiling_cents, audience)


def project(event: Event, audience: Audience) -> dict[str, Any]:
    """One event as `audience` may see it, a dict of JSON types; `prev` is always seq - 1, so that gaps show."""
    stamp = {"auction": event.auction_id, "seq": event.seq, "prev": event.seq - 1, "at": instant(event.at)}
    own = audience.bidder is not None and audience.bidder == getattr(event, "bidder", None)
    if not own and (is_secret(event, audience) or (_moves_a_ceiling(event) and audience.role is not Role.OFFICER)):
        return stamp | {"kind": _REDACTED}
    shown = _visible(_facts(event, audience), audience, own=own)
    if not shown:
        return stamp | {"kind": _REDACTED}
    return stamp | {"kind": event.kind} | shown


def apply(before: Mapping[str, Any], frame: Mapping[str, Any]) -> dict[str, Any]:
    """The snapshot after a projected event for the same audience. Raises ValueError unless it is the next one."""
    if frame["prev"] != before["seq"]:
        raise ValueError(f"event {before['seq'] + 1} was due, found {frame['seq']}")
    after = {name: value if name in KEYED else frame.get(name, value) for name, value in before.items()}
    merge(after, frame)
    if frame["kind"] == BidAccepted.kind and "bid_count" in after and frame.get("outcome") != Outcome.RAISED:
        after["bid_count"] += 1
    return after


def concerned(event: Event) -> frozenset[str]:
    """The bidders who get a frame of their own; every other bidder gets the frame of OTHER_BIDDER."""
    match event:
        case BidAccepted() | BidRefusedBySeller() | BidVoided():
            return frozenset(name for name in (event.bidder, event.leader) if name is not None)
        case CeilingLowered() | BoughtNow():
            return frozenset({event.bidder})
        case Awarded():
            return frozenset({event.winner})
        case BidsOpened():
            return frozenset(bid.bidder for bid in event.opened)
        case PoolsAwarded():
            return frozenset(award.bidder for award in event.awards)
        case Shortlisted():
            return frozenset(one.bidder for one in event.declined)
        case StageBegan():
            leader = () if event.leader is None else (event.leader,)
            return frozenset([*(event.admitted or ()), *leader])
        case _:
            bidder = getattr(event, "bidder", None)
            return frozenset() if bidder is None else frozenset({bidder})


def _visible(facts: Mapping[str, Any], audience: Audience, *, own: bool) -> dict[str, Any]:
    seats = {audience.role, OWN} if own else {audience.role}
    return {name: value for name, value in facts.items() if not seats.isdisjoint(VISIBILITY[name])}


def _moves_a_ceiling(event: Event) -> bool:
    """Whether the event changes nothing that others may see: a leader moved its own ceiling."""
    return isinstance(event, CeilingLowered) or (isinstance(event, BidAccepted) and event.outcome is Outcome.RAISED)


def _terms(terms: Terms, audience: Audience) -> dict[str, Any]:
    data = terms.to_json()
    if audience.role not in VISIBILITY["reserve_cents"]:
        data.pop("reserve_cents", None)
    return data


def _ceilings(leader: str | None, ceiling_cents: int | None, audience: Audience) -> dict[str, Any]:
    """Only the leader's ceiling is alive: every other one is at or below the price."""
    is_leader = leader is not None and leader == audience.bidder
    return {"leader_ceiling_cents": ceiling_cents, "your_ceiling_cents": ceiling_cents if is_leader else None}


def _facts(event: Event, audience: Audience) -> dict[str, Any]:  # noqa: C901, PLR0912  # one flat match
    match event:
        case AuctionScheduled():
            return {"phase": Phase.SCHEDULED.value, "terms": _terms(event.terms, audience)}
        case AuctionOpened():
            return {"phase": Phase.OPEN.value}
        case BidAccepted():
            return _facts_of_bid(event, audience)
        case CeilingLowered():
            bidder = party(event.bidder, event.paddle, audience)
            ceilings = _ceilings(event.bidder, event.leader_ceiling_cents, audience)
            return {"bidder": bidder, "cid": event.cid, **ceilings}
        case ReserveMet():
            return {"reserve_met": True}
        case CloseExtended():
            return {"closes_at": instant(event.closes_at)}
        case BidRefusedBySeller() | BidVoided():
            return _facts_of_strike(event, audience)
        case BoughtNow():
            return _facts_of_purchase(event, audience)
        case AuctionPaused():
            return {"phase": Phase.PAUSED.value, "phase_reason": event.reason}
        case AuctionResumed():
            latest, closes_at = instant(event.latest_close_at), instant(event.closes_at)
            return {"phase": Phase.OPEN.value, "phase_reason": None, "closes_at": closes_at, "latest_close_at": latest}
        case AuctionCancelled():
            return {"phase": Phase.CANCELLED.value, "phase_reason": event.reason}
        case AuctionClosed():
            return {"phase": Phase.CLOSED.value}
        case AnswerAwaited():
            return {"phase": Phase.AWARDING.value, "answer_until": instant(event.answer_until)}
        case HighestTaken():
            buyer = party(event.bidder, event.paddle, audience)
            return {"bidder": buyer, "price_cents": event.price_cents, "seq_seen": event.seq_seen}
        case HighestDeclined():
            return {"seq_seen": event.seq_seen}
        case Awarded():
            winner = party(event.winner, event.winner_paddle, audience)
            return {"phase": Phase.AWARDED.value, "winner": winner, "hammer_cents": event.hammer_cents}
        case AuctionFailed():
            return {"phase": Phase.FAILED.value, "phase_reason": event.reason.value}
        case _:
            return facts_of_move(event, audience)


def _facts_of_bid(event: BidAccepted, audience: Audience) -> dict[str, Any]:
    amount = "bid_cents" if event.bid_kind is BidKind.MANUAL else "ceiling_cents"
    return {
        "bidder": party(event.bidder, event.paddle, audience),
        "bid_kind": event.bid_kind.value,
        amount: event.amount_cents,
        "cid": event.cid,
        "outcome": event.outcome.value,
        "price_cents": event.price_cents,
        "min_next_cents": event.min_next_cents,
        "leader": party(event.leader, event.leader_paddle, audience),
        **_ceilings(event.leader, event.leader_ceiling_cents, audience),
    }


def _facts_of_strike(event: BidRefusedBySeller | BidVoided, audience: Audience) -> dict[str, Any]:
    return {
        "bid_seq": event.bid_seq,
        "reason": event.reason,
        "bidder": party(event.bidder, event.paddle, audience),
        "price_cents": event.price_cents,
        "min_next_cents": event.min_next_cents,
        "reserve_met": event.reserve_met,
        "leader": party(event.leader, event.leader_paddle, audience),
        **_ceilings(event.leader, event.leader_ceiling_cents, audience),
    }


def _facts_of_purchase(event: BoughtNow, audience: Audience) -> dict[str, Any]:
    buyer = party(event.bidder, event.paddle, audience)
    return {
        "bidder": buyer,
        "cid": event.cid,
        "price_cents": event.price_cents,
        "min_next_cents": event.min_next_cents,
        "reserve_met": True,
        "leader": buyer,
        **_ceilings(event.bidder, event.price_cents, audience),
    }
