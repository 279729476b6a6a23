"""What follows a sale, as values: recalls and their notices, resales, requests for documents, owed destructions. Pure."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from market.settlement.refunds import Ground


class MediaKind(StrEnum):
    """What a buyer may ask for: the documents that prove a debt, or its owner."""

    STATEMENT = "statement"
    APPLICATION = "application"
    CONTRACT = "contract"
    PAYMENT_HISTORY = "payment_history"
    JUDGMENT = "judgment"
    ASSIGNMENT = "assignment"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Recall:
    """The account of `row_number` (of the sale file, from 1) must be left alone, by whoever owns it now."""

    recall_id: UUID
    settlement_id: UUID
    row_number: int
    ground: Ground
    reason: str
    recalled_by: UUID
    recalled_at: datetime


@dataclass(frozen=True, slots=True)
class Notice:
    """To one that bought the account. It names the row of the sale file (first sale) or of the tape (later ones).

    `forward_to` are those outside the market to whom the receiver says it sold the account on.
    """

    notice_id: UUID
    recall_id: UUID
    org_id: UUID
    settlement_id: UUID
    ground: Ground
    row_number: int | None
    tape_row: int | None
    forward_to: tuple[str, ...]
    sent_at: datetime
    confirmed_by: UUID | None = None
    confirmed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Resale:
    """Rows `first_row` to `last_row` of the sale file were sold outside the market."""

    resale_id: UUID
    settlement_id: UUID
    first_row: int
    last_row: int
    to_name: str
    sold_on: date
    declared_by: UUID
    declared_at: datetime


@dataclass(frozen=True, slots=True)
class MediaRequest:
    """`answered_at` with `file_sha256` is a delivery, with `reason` a refusal; past `due_at` without either the ground
    `missing_media` is there.
    """

    request_id: UUID
    settlement_id: UUID
    seller_org_id: UUID
    row_number: int
    kind: MediaKind
    asked_by: UUID
    asked_at: datetime
    due_at: datetime
    file_sha256: str | None = None
    reason: str | None = None
    answered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Owed:
    """A pool whose masked file an organisation took and did not buy; `attested_at` is when it said that it is destroyed."""

    pool_id: UUID
    sold_at: datetime
    attested_at: datetime | None
