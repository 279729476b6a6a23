"""What follows a sale, on the wire."""

from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from msgspec import Meta, Struct

from market.kit.pages import Page
from market.settlement.onward import MediaKind, MediaRequest, Notice, Owed, Recall, Resale
from market.settlement.refunds import Ground
from market.settlement.schemas.afterwards import ROW_COUNTED

_Row = Annotated[int, Meta(ge=1, description=ROW_COUNTED)]
_Reason = Annotated[str, Meta(min_length=1, max_length=500)]


class RecallIn(Struct, frozen=True, forbid_unknown_fields=True):
    """`row_number` counts the accounts of the sale file from 1."""

    row_number: _Row
    ground: Ground
    reason: _Reason


class RecallView(Struct, frozen=True, forbid_unknown_fields=True):
    recall_id: UUID
    settlement_id: UUID
    row_number: int
    ground: Ground
    recalled_at: datetime

    @classmethod
    def from_recall(cls, found: Recall) -> Self:
        return cls(found.recall_id, found.settlement_id, found.row_number, found.ground, found.recalled_at)


class RecallNoticeView(Struct, frozen=True, forbid_unknown_fields=True):
    """Stop all activity on the account, tell those in `forward_to`, and confirm.

    `settlement_id` is the sale that you bought the account by: `row_number` counts the accounts of its sale file, or `tape_row`
    the rows of its tape (the header is row 1). Both are null if the account could not be found there by itself.
    """

    notice_id: UUID
    recall_id: UUID
    settlement_id: UUID
    ground: Ground
    row_number: int | None
    tape_row: int | None
    forward_to: list[str]
    sent_at: datetime
    confirmed_at: datetime | None

    @classmethod
    def from_notice(cls, found: Notice) -> Self:
        return cls(
            found.notice_id, found.recall_id, found.settlement_id, found.ground, found.row_number, found.tape_row,
            list(found.forward_to), found.sent_at, found.confirmed_at,
        )  # fmt: skip


class RecallNoticePage(Struct, frozen=True, forbid_unknown_fields=True):
    items: list[RecallNoticeView]
    next_cursor: str | None

    @classmethod
    def from_page(cls, page: Page[Notice]) -> Self:
        return cls([RecallNoticeView.from_notice(each) for each in page.items], page.next_cursor)


class ResaleIn(Struct, frozen=True, forbid_unknown_fields=True):
    """Rows of the sale file, both included, that were sold outside the market."""

    first_row: _Row
    last_row: _Row
    to_name: Annotated[str, Meta(min_length=1, max_length=200)]
    sold_on: date


class ResaleView(Struct, frozen=True, forbid_unknown_fields=True):
    resale_id: UUID
    settlement_id: UUID
    first_row: int
    last_row: int
    to_name: str
    sold_on: date
    declared_at: datetime

    @classmethod
    def from_resale(cls, found: Resale) -> Self:
        return cls(
            found.resale_id, found.settlement_id, found.first_row, found.last_row, found.to_name, found.sold_on,
            found.declared_at,
        )  # fmt: skip


class ResaleList(Struct, frozen=True, forbid_unknown_fields=True):
    items: list[ResaleView]


class MediaRequestIn(Struct, frozen=True, forbid_unknown_fields=True):
    row_number: _Row
    kind: MediaKind


class MediaRefusalIn(Struct, frozen=True, forbid_unknown_fields=True):
    reason: _Reason


class MediaRequestView(Struct, frozen=True, forbid_unknown_fields=True):
    """With `file_sha256` it was delivered, with `reason` refused; with neither it waits, until `due_at`."""

    request_id: UUID
    settlement_id: UUID
    row_number: int
    kind: MediaKind
    asked_at: datetime
    due_at: datetime
    file_sha256: str | None
    reason: str | None
    answered_at: datetime | None

    @classmethod
    def from_request(cls, found: MediaRequest) -> Self:
        return cls(
            found.request_id, found.settlement_id, found.row_number, found.kind, found.asked_at, found.due_at,
            found.file_sha256, found.reason, found.answered_at,
        )  # fmt: skip


class MediaRequestPage(Struct, frozen=True, forbid_unknown_fields=True):
    items: list[MediaRequestView]
    next_cursor: str | None

    @classmethod
    def from_page(cls, page: Page[MediaRequest]) -> Self:
        return cls([MediaRequestView.from_request(each) for each in page.items], page.next_cursor)


class DestructionIn(Struct, frozen=True, forbid_unknown_fields=True):
    typed_name: Annotated[str, Meta(min_length=2, max_length=140)]


class DestructionView(Struct, frozen=True, forbid_unknown_fields=True):
    """`attested_at` is null while the attestation is owed."""

    pool_id: UUID
    sold_at: datetime
    attested_at: datetime | None

    @classmethod
    def from_owed(cls, found: Owed) -> Self:
        return cls(found.pool_id, found.sold_at, found.attested_at)


class DestructionList(Struct, frozen=True, forbid_unknown_fields=True):
    items: list[DestructionView]
