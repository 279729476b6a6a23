"""Accounts that are not sold, or not sold twice: flags, their resolution, held pools, and every reason for a no."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from market.kit.errors import Conflict, Malformed


class Outcome(StrEnum):
    """`allowed`: these accounts may be listed although they were on offer or sold there; `upheld`: they may not."""

    ALLOWED = "allowed"
    UPHELD = "upheld"


@dataclass(frozen=True, slots=True)
class Resolution:
    """What an officer decided, and why."""

    outcome: Outcome
    reason: str
    resolved_by: UUID
    resolved_at: datetime


@dataclass(frozen=True, slots=True)
class Flag:
    """Accounts of a portfolio are on offer or sold in `other_pool_id`; `pool_id` if that showed when a pool was published."""

    flag_id: UUID
    org_id: UUID
    portfolio_id: UUID
    pool_id: UUID | None
    other_pool_id: UUID
    account_count: int
    raised_at: datetime
    resolution: Resolution | None


@dataclass(frozen=True, slots=True)
class HeldPool:
    """Carved-out accounts that their seller keeps together; `row_numbers` are the tape's (the header is row 1)."""

    held_pool_id: UUID
    portfolio_id: UUID
    org_id: UUID
    name: str
    rule_ids: tuple[str, ...]
    account_count: int
    face_value_cents: int
    row_numbers: tuple[int, ...]
    created_at: datetime


class ResaleLimit(Conflict):
    slug, title = "resale-limit", "The accounts may not be sold on"


class AccountsOnOffer(Conflict):
    slug, title, status = "accounts-on-offer", "Accounts of this pool are on offer or sold elsewhere", 409


class FlagResolved(Conflict):
    slug, title, status = "flag-resolved", "The flag was resolved before", 409


class NothingToHold(Malformed):
    slug, title, status = "nothing-to-hold", "No carved-out account meets these rules", 422
