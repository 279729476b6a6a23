"""Who sees what: the only door by which anything about an auction leaves for a reader.

`snapshot` shows the state, `project` one event, both to one audience. A frame carries new values under the names that
they have in the snapshot, so `apply` is a merge, and for every audience: old snapshot + events = fresh snapshot.
Every event reaches every audience: one that it may not see comes as `{"kind": "redacted"}` with its seq.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, assert_never

from auctions.auction import Auction, Phase
from auctions.messages import (
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
    Outcome,
    ReserveMet,
)
from auctions.terms import Terms, instant


class Role(StrEnum):
    BIDDER = "bidder"
    """A bidder in this auction; sees what is its own besides what all bidders see."""
    OBSERVER = "observer"
    SELLER = "seller"
    OFFICER = "officer"
    PUBLIC = "public"
    """Anybody: terms and phases, and the result once there is one."""


@dataclass(frozen=True, slots=True)
class Audience:
    """For whom something is shown. `bidder` is who a BIDDER is; None stands for any bidder not concerned."""

    role: Role
    bidder: str | None = None


OBSERVER = Audience(Role.OBSERVER)
SELLER = Audience(Role.SELLER)
OFFICER = Audience(Role.OFFICER)
PUBLIC = Audience(Role.PUBLIC)
OTHER_BIDDER = Audience(Role.BIDDER)

OWN = "own"
"""Beside the roles: the bidder whose command it was."""

_ALL = frozenset(Role)
_IN_THE_ROOM = _ALL - {Role.PUBLIC}
_OFFICE = frozenset({Role.SELLER, Role.OFFICER})
_OFFICER = frozenset({Role.OFFICER})

VISIBILITY: Mapping[str, frozenset[str]] = {
    "auction": _ALL,
    "seq": _ALL,
    "prev": _ALL,
    "at": _ALL,
    "kind": _ALL,
    "phase": _ALL,
    "phase_reason": _ALL,
    "closes_at": _ALL,
    "latest_close_at": _ALL,
    "terms": _ALL,
    "winner": _ALL,
    "hammer_cents": _ALL,
    "price_cents": _IN_THE_ROOM,
    "min_next_cents": _IN_THE_ROOM,
    "reserve_met": _IN_THE_ROOM,
    "leader": _IN_THE_ROOM,
    "bid_count": _IN_THE_ROOM,
    "bidder": _IN_THE_ROOM,
    "bid_kind": _IN_THE_ROOM,
    "bid_cents": _IN_THE_ROOM,
    "bid_seq": _IN_THE_ROOM,
    "reason": _IN_THE_ROOM,
    "your_ceiling_cents": frozenset({Role.BIDDER}),
    "leader_ceiling_cents": _OFFICER,
    "ceiling_cents": _OFFICER | {OWN},
    "cid": _OFFICER | {OWN},
    "outcome": _OFFICER | {OWN},
    "reserve_cents": _OFFICE,
}
"""Which field reaches whom. A field that is not listed here reaches nobody."""

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
        "reserve_met": auction.reserve_met,
        "bid_count": auction.bid_count,
        "leader": _party(auction.leader, auction.paddles.get(auction.leader or ""), audience),
        "winner": _party(auction.winner, auction.paddles.get(auction.winner or ""), audience),
        "hammer_cents": auction.hammer_cents,
        **_ceilings(auction.leader, auction.leader_ceiling_cents, audience),
    }
    return _visible(facts, audience, own=False)


def project(event: Event, audience: Audience) -> dict[str, Any]:
    """One event as `audience` may see it, a dict of JSON types; `prev` is always seq - 1, so that gaps show."""
    stamp = {"auction": event.auction_id, "seq": event.seq, "prev": event.seq - 1, "at": instant(event.at)}
    own = audience.bidder is not None and audience.bidder == getattr(event, "bidder", None)
    if _is_secret(event) and not own and audience.role is not Role.OFFICER:
        return stamp | {"kind": _REDACTED}
    shown = _visible(_facts(event, audience), audience, own=own)
    if not shown:
        return stamp | {"kind": _REDACTED}
    return stamp | {"kind": event.kind} | shown


def apply(before: Mapping[str, Any], frame: Mapping[str, Any]) -> dict[str, Any]:
    """The snapshot after a projected event for the same audience. Raises ValueError unless it is the next one."""
    if frame["prev"] != before["seq"]:
        raise ValueError(f"event {before['seq'] + 1} was due, found {frame['seq']}")
    after = {name: frame.get(name, value) for name, value in before.items()}
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
        case _:
            return frozenset()


def _visible(facts: Mapping[str, Any], audience: Audience, *, own: bool) -> dict[str, Any]:
    seats = {audience.role, OWN} if own else {audience.role}
    return {name: value for name, value in facts.items() if not seats.isdisjoint(VISIBILITY[name])}


def _is_secret(event: Event) -> bool:
    """Whether the event changes nothing that others may see: a leader moved its own ceiling."""
    return isinstance(event, CeilingLowered) or (isinstance(event, BidAccepted) and event.outcome is Outcome.RAISED)


def _terms(terms: Terms, audience: Audience) -> dict[str, Any]:
    data = terms.to_json()
    if audience.role not in VISIBILITY["reserve_cents"]:
        del data["reserve_cents"]
    return data


def _party(name: str | None, paddle: int | None, audience: Audience) -> dict[str, Any] | None:
    """A bidder as others see it: a paddle; its name only for the office, and `you` for itself."""
    if name is None:
        return None
    party: dict[str, Any] = {"paddle": f"B{paddle}"}
    if audience.role in _OFFICE:
        party["bidder"] = name
    if audience.bidder == name:
        party["you"] = True
    return party


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
            bidder = _party(event.bidder, event.paddle, audience)
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
        case Awarded():
            winner = _party(event.winner, event.winner_paddle, audience)
            return {"phase": Phase.AWARDED.value, "winner": winner, "hammer_cents": event.hammer_cents}
        case AuctionFailed():
            return {"phase": Phase.FAILED.value, "phase_reason": event.reason.value}
        case _:
            assert_never(event)


def _facts_of_bid(event: BidAccepted, audience: Audience) -> dict[str, Any]:
    amount = "bid_cents" if event.bid_kind is BidKind.MANUAL else "ceiling_cents"
    return {
        "bidder": _party(event.bidder, event.paddle, audience),
        "bid_kind": event.bid_kind.value,
        amount: event.amount_cents,
        "cid": event.cid,
        "outcome": event.outcome.value,
        "price_cents": event.price_cents,
        "min_next_cents": event.min_next_cents,
        "leader": _party(event.leader, event.leader_paddle, audience),
        **_ceilings(event.leader, event.leader_ceiling_cents, audience),
    }


def _facts_of_strike(event: BidRefusedBySeller | BidVoided, audience: Audience) -> dict[str, Any]:
    return {
        "bid_seq": event.bid_seq,
        "reason": event.reason,
        "bidder": _party(event.bidder, event.paddle, audience),
        "price_cents": event.price_cents,
        "min_next_cents": event.min_next_cents,
        "reserve_met": event.reserve_met,
        "leader": _party(event.leader, event.leader_paddle, audience),
        **_ceilings(event.leader, event.leader_ceiling_cents, audience),
    }


def _facts_of_purchase(event: BoughtNow, audience: Audience) -> dict[str, Any]:
    buyer = _party(event.bidder, event.paddle, audience)
    return {
        "bidder": buyer,
        "cid": event.cid,
        "price_cents": event.price_cents,
        "min_next_cents": event.min_next_cents,
        "reserve_met": True,
        "leader": buyer,
        **_ceilings(event.bidder, event.price_cents, audience),
    }
