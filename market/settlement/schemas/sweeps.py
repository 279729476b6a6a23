"""Sweeps on the wire."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from msgspec import Meta, Struct

from market.kit.money import MAX_CENTS
from market.kit.pages import Page
from market.settlement.sweeps import Source, Sweep


class SweepIn(Struct, frozen=True, forbid_unknown_fields=True):
    """Pay `amount_cents` of earned commission, or of tax that is owed, to the organisation's bank account."""

    source: Source
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")]
    amount_cents: Annotated[int, Meta(ge=1, le=MAX_CENTS)]
    org_id: UUID
    reason: Annotated[str, Meta(min_length=1, max_length=500)]


class SweepView(Struct, frozen=True, forbid_unknown_fields=True):
    """`outcome` is confirmed, rejected, or null while it awaits a second person. A confirmed one has a payout of the same id."""

    sweep_id: UUID
    source: Source
    currency: str
    amount_cents: int
    org_id: UUID
    reason: str
    proposed_by: UUID
    proposed_at: datetime
    outcome: str | None
    decided_by: UUID | None
    decided_at: datetime | None

    @classmethod
    def from_sweep(cls, found: Sweep) -> Self:
        return cls(*(getattr(found, name) for name in Sweep.__slots__))


class SweepPage(Struct, frozen=True, forbid_unknown_fields=True):
    items: list[SweepView]
    next_cursor: str | None

    @classmethod
    def from_page(cls, page: Page[Sweep]) -> Self:
        return cls([SweepView.from_sweep(found) for found in page.items], page.next_cursor)
