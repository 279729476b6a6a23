"""Put-backs, title and holds on the wire."""

from collections.abc import Collection
from dataclasses import astuple
from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from msgspec import Meta, Struct

from market.kit.money import MAX_CENTS
from market.kit.pages import Page
from market.settlement.refunds import Ground, PutBack, PutBackState, WaitsFor, waits_for
from market.settlement.rules import Outcome, Settlement
from market.settlement.service import Claim
from market.settlement.store.afterwards import Assignment, Hold
from market.settlement.store.second_offers import OfferState, SecondOffer

ROW_COUNTED = "Counts the accounts of the sale file: the first account is row 1, one less than a spreadsheet shows."

_Reason = Annotated[str, Meta(min_length=1, max_length=500)]


class ClaimIn(Struct, frozen=True, forbid_unknown_fields=True):
    """A row of the sale file, its balance there, the ground, and the digest of the evidence."""

    row_number: Annotated[int, Meta(ge=1, description=ROW_COUNTED)]
    face_value_cents: Annotated[int, Meta(ge=1, le=MAX_CENTS, description="The account's balance in the sale file.")]
    ground: Ground
    evidence_sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]

    def claim(self) -> Claim:
        return Claim(self.row_number, self.face_value_cents, self.ground, self.evidence_sha256)


class PutBacksIn(Struct, frozen=True, forbid_unknown_fields=True):
    claims: Annotated[list[ClaimIn], Meta(min_length=1, max_length=500)]


class PutBackAnswerIn(Struct, frozen=True, forbid_unknown_fields=True):
    """A seller who disputes says why; an officer decides then."""

    accept: bool
    reason: _Reason | None = None


class PutBackDecisionIn(Struct, frozen=True, forbid_unknown_fields=True):
    uphold: bool
    reason: _Reason


class PutBackView(Struct, frozen=True, forbid_unknown_fields=True):
    """`refund_cents` is what the buyer got back: its part of the price and of its commission; 0 until it is booked.

    `evidence_handed_in`: whether there is a document to see behind the claim, at `GET /v1/put-backs/{id}/evidence`.

    `waits_for` says whose turn it is, null once it is over: `seller_answer` (until `answer_by_at`), `officer` (disputed), `hold`
    (compliance holds the sale), `seller_money` (the refund is made once `seller_due_cents`, which the hold-back does not cover, are
    free on the seller's cash account) or `refund_run` (made with the next run of the worker).
    """

    put_back_id: UUID
    settlement_id: UUID
    row_number: int
    face_value_cents: int
    ground: Ground
    evidence_sha256: str
    evidence_handed_in: bool
    claimed_at: datetime
    answer_by_at: datetime
    state: PutBackState
    reason: str | None
    refund_cents: int
    refunded_at: datetime | None
    waits_for: WaitsFor | None
    seller_due_cents: int

    @classmethod
    def from_put_back(cls, found: PutBack, settlement: Settlement, handed_in: Collection[str], now: datetime) -> Self:
        return cls(
            found.put_back_id, found.settlement_id, found.row_number, found.face_value_cents, found.ground,
            found.evidence_sha256, found.evidence_sha256 in handed_in, found.claimed_at, found.answer_by_at, found.state, found.reason, found.refund_cents,
            found.refunded_at, *waits_for(settlement, found, now),
        )  # fmt: skip


class PutBackList(Struct, frozen=True, forbid_unknown_fields=True):
    items: list[PutBackView]


class PutBackPage(Struct, frozen=True, forbid_unknown_fields=True):
    items: list[PutBackView]
    next_cursor: str | None

    @classmethod
    def from_page(cls, page: Page[PutBack], settlement: Settlement, handed_in: Collection[str], now: datetime) -> Self:
        items = [PutBackView.from_put_back(each, settlement, handed_in, now) for each in page.items]
        return cls(items, page.next_cursor)


class PutBackEvidence(Struct, frozen=True, forbid_unknown_fields=True):
    """A document that was handed in, by its SHA-256."""

    file_sha256: str


class TitleLinkView(Struct, frozen=True, forbid_unknown_fields=True):
    """`cause` is assignment or reassignment; `document_sha256` is the digest of the agreement that it follows from.

    `row_number` is the account's row in the sale file of that sale, null where it cannot be told.
    """

    settlement_id: UUID
    row_number: int | None
    seq: int
    from_org_id: UUID
    from_name: str
    to_org_id: UUID
    to_name: str
    cause: str
    put_back_id: UUID | None
    document_sha256: str
    at: datetime


class TitleChain(Struct, frozen=True, forbid_unknown_fields=True):
    """The owners of one account over all its sales on this market, first to last; empty before the first release.

    A party sees the links up to the last sale that it was a party of.
    """

    row_number: int
    links: list[TitleLinkView]

    @classmethod
    def from_links(cls, row_number: int, links: list[Assignment]) -> Self:
        return cls(row_number, [TitleLinkView(*astuple(each)) for each in links])


class SecondOfferView(Struct, frozen=True, forbid_unknown_fields=True):
    """The pool of a defaulted sale at the next bidder's own bid (hammer price, commission as published)."""

    offer_id: UUID
    settlement_id: UUID
    auction_id: UUID
    pool_id: UUID
    amount_cents: int
    expires_at: datetime
    state: OfferState

    @classmethod
    def from_offer(cls, offer: SecondOffer) -> Self:
        return cls(
            offer.offer_id, offer.settlement_id, offer.auction_id, offer.pool_id, offer.amount_cents, offer.expires_at,
            offer.state,
        )  # fmt: skip


class SecondOfferPage(Struct, frozen=True, forbid_unknown_fields=True):
    items: list[SecondOfferView]
    next_cursor: str | None

    @classmethod
    def from_page(cls, page: Page[SecondOffer]) -> Self:
        return cls([SecondOfferView.from_offer(each) for each in page.items], page.next_cursor)


class SecondAnswerIn(Struct, frozen=True, forbid_unknown_fields=True):
    accept: bool


class HoldIn(Struct, frozen=True, forbid_unknown_fields=True):
    reason: _Reason


class LiftIn(Struct, frozen=True, forbid_unknown_fields=True):
    """`outcome` other than `continue` is for disputes: the sale is undone, or undone through the seller's fault."""

    reason: _Reason
    outcome: Outcome = Outcome.CONTINUE


class DisputeView(Struct, frozen=True, forbid_unknown_fields=True):
    """`outcome` and `decision` are null until two officers have decided."""

    dispute_id: UUID
    settlement_id: UUID
    org_id: UUID
    reason: str
    raised_at: datetime
    outcome: Outcome | None
    decision: str | None
    decided_at: datetime | None

    @classmethod
    def from_hold(cls, found: Hold) -> Self:
        if found.org_id is None:
            raise AssertionError("a dispute is a party's")
        over = found.lifted_at is not None
        return cls(
            found.hold_id, found.settlement_id, found.org_id, found.reason, found.placed_at,
            found.outcome if over else None, found.lift_reason if over else None, found.lifted_at,
        )  # fmt: skip


class DisputeList(Struct, frozen=True, forbid_unknown_fields=True):
    items: list[DisputeView]
