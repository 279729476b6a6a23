"""What leaves for the platform itself or for the tax office, as values. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from market.settlement.moves import CLEARING_OUT, COMMISSION, TAX, Move, Transfer


class Source(StrEnum):
    """Out of which account: earned commission, or tax on it that is owed."""

    COMMISSION = "commission"
    TAX = "tax"

    @property
    def account(self) -> str:
        return COMMISSION if self is Source.COMMISSION else TAX


@dataclass(frozen=True, slots=True)
class Sweep:
    """`amount_cents` for the organisation that the money goes to; `outcome` is confirmed, rejected, or None while it is open.

    A confirmed one has a payout of the same id.
    """

    sweep_id: UUID
    source: Source
    currency: str
    amount_cents: int
    org_id: UUID
    reason: str
    proposed_by: UUID
    proposed_at: datetime
    outcome: str | None = None
    decided_by: UUID | None = None
    decided_at: datetime | None = None


def set_aside(sweep: Sweep) -> list[Move]:
    """Reserved until the bank's statement shows that it left, as a withdrawal is."""
    return [
        Transfer(
            transfer_id=sweep.sweep_id,
            debit=sweep.source.account,
            credit=CLEARING_OUT,
            currency=sweep.currency,
            amount_cents=sweep.amount_cents,
            kind="sweep" if sweep.source is Source.COMMISSION else "remittance",
            subject=f"payout:{sweep.sweep_id}",
            pending=True,
        )
    ]
