"""Write-offs on the wire."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from msgspec import Meta, Struct

from market.kit.money import MAX_CENTS
from market.kit.pages import Page
from market.settlement.writeoffs import WriteOff


class WriteOffIn(Struct, frozen=True, forbid_unknown_fields=True):
    """What is missing of the price, at most the sale's commission, and why the platform should bear it."""

    amount_cents: Annotated[int, Meta(ge=1, le=MAX_CENTS)]
    reason: Annotated[str, Meta(min_length=1, max_length=500)]


class WriteOffView(Struct, frozen=True, forbid_unknown_fields=True):
    """`outcome` is confirmed, rejected, or null while it awaits a second person."""

    write_off_id: UUID
    settlement_id: UUID
    amount_cents: int
    reason: str
    proposed_by: UUID
    proposed_at: datetime
    outcome: str | None
    decided_by: UUID | None
    decided_at: datetime | None

    @classmethod
    def from_write_off(cls, found: WriteOff) -> Self:
        return cls(*(getattr(found, name) for name in WriteOff.__slots__))


class WriteOffPage(Struct, frozen=True, forbid_unknown_fields=True):
    items: list[WriteOffView]
    next_cursor: str | None

    @classmethod
    def from_page(cls, page: Page[WriteOff]) -> Self:
        return cls([WriteOffView.from_write_off(found) for found in page.items], page.next_cursor)
