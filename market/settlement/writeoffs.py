"""A payment that came short and that the platform makes good out of what it has earned, as values. Pure."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class WriteOff:
    """`amount_cents` of a sale's price that are not asked for; `outcome` is confirmed, rejected, or None while it is open."""

    write_off_id: UUID
    settlement_id: UUID
    amount_cents: int
    reason: str
    proposed_by: UUID
    proposed_at: datetime
    outcome: str | None = None
    decided_by: UUID | None = None
    decided_at: datetime | None = None
