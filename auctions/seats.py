"""Who looks at an auction, and which field reaches whom."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


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
OFFICE = frozenset({Role.SELLER, Role.OFFICER})
OFFICER_ONLY = frozenset({Role.OFFICER})

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
    "answer_until": _ALL,
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
    "leader_ceiling_cents": OFFICER_ONLY,
    "ceiling_cents": OFFICER_ONLY | {OWN},
    "cid": OFFICER_ONLY | {OWN},
    "outcome": OFFICER_ONLY | {OWN},
    "reserve_cents": OFFICE,
    "step": _IN_THE_ROOM,
    "your_offer": frozenset({Role.BIDDER}),
    "armed": OFFICER_ONLY,
    "stage": _ALL,
    "begins_at": _ALL,
    "clears": _ALL,
    "admitted": frozenset({Role.BIDDER}),
    "invited": OFFICE,
    "envelopes": OFFICE,
    "offers": OFFICE,
    "counters": OFFICE,
    "your_counter": frozenset({Role.BIDDER}),
    "seq_seen": OFFICE,
    "tape_version": _ALL,
    "declined": OFFICE,
    "board": _IN_THE_ROOM,
    "winning": _IN_THE_ROOM,
    "revenue_cents": _IN_THE_ROOM,
    "awards": _ALL,
    "your_refusal": frozenset({Role.BIDDER}),
    "opened": _IN_THE_ROOM,
    "opened_first": OFFICE,
}
"""Which field reaches whom. A field that is not listed here reaches nobody."""


def party(name: str | None, paddle: int | None, audience: Audience) -> dict[str, Any] | None:
    """A bidder as others see it: a paddle; its name only for the office, and `you` for itself."""
    if name is None:
        return None
    shown: dict[str, Any] = {"paddle": f"B{paddle}"}
    if audience.role in OFFICE:
        shown["bidder"] = name
    if audience.bidder == name:
        shown["you"] = True
    return shown
