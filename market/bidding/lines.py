"""The rows that a batch writes, in the order of their columns."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID


class EventLine(NamedTuple):
    auction_id: UUID
    seq: int
    at: datetime
    kind: str
    body: str
    hash: bytes


class BidLine(NamedTuple):
    auction_id: UUID
    org_id: UUID
    cid: str
    seq: int
    kind: str
    amount_cents: int | None
    confirmed: bool
    asked: str
    clearance_id: UUID
    placed_by: UUID
    notice: str | None
    min_next_cents: int
    received_at: datetime
    decided_at: datetime


class RefusalLine(NamedTuple):
    auction_id: UUID
    org_id: UUID
    cid: str
    kind: str
    amount_cents: int | None
    confirmed: bool
    asked: str
    placed_by: UUID
    code: str
    detail: str
    min_next_cents: int | None
    received_at: datetime
    decided_at: datetime


class StrikeLine(NamedTuple):
    auction_id: UUID
    by_id: UUID
    cid: str
    kind: str
    asked: str
    placed_by: UUID
    seq: int | None
    code: str | None
    detail: str
    received_at: datetime
    decided_at: datetime
