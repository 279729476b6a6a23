"""Crypto-shredding: what it destroys, who may, and every reason for a no."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from market.kit.errors import Conflict


class Cause(StrEnum):
    """Two officers ordered it, the retention rule did, or whoever runs the machine."""

    ORDER = "order"
    RETENTION = "retention"
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class ShredOrder:
    """An officer asks that a portfolio's keys be destroyed; another one has to approve."""

    order_id: UUID
    portfolio_id: UUID
    org_id: UUID
    reason: str
    asked_by: UUID
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Shredding:
    """`wrap_count` wrapped keys of the portfolio were destroyed."""

    portfolio_id: UUID
    org_id: UUID
    cause: Cause
    wrap_count: int
    shredded_at: datetime


@dataclass(frozen=True, slots=True)
class Expired:
    """A portfolio that sold nothing and is past the retention of the settings."""

    portfolio_id: UUID
    org_id: UUID
    created_at: datetime


class Shredded(Conflict):
    slug, title, status = "portfolio-shredded", "The portfolio's keys were destroyed", 409


class NotToBeShredded(Conflict):
    slug, title, status = "not-to-be-shredded", "The portfolio must be kept", 409
