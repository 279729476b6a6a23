"""Auctions on the wire. Amounts are whole minor units of the auction's currency."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType, field, to_builtins

from auctions.auction import Phase
from auctions.increments import MAX_CENTS, MAX_STEPS
from market.bidding.orders import Answer
from market.bidding.rules import Auction, Award
from market.bidding.service import PublishOrder
from market.bidding.service.looking import OwnStanding
from market.kit.pages import Page
from market.portfolios.rules import Circle

Cents = Annotated[int, Meta(ge=1, le=MAX_CENTS)]
_Span = Annotated[int, Meta(ge=0, le=86_400)]
_Reason = Annotated[str, Meta(min_length=1, max_length=500)]
_Seq = Annotated[int, Meta(ge=1)]


__all__ = ["Phase"]


class Step(Struct, forbid_unknown_fields=True, frozen=True):
    """From `from_cents` on the price rises by at least `increment_cents`."""

    from_cents: Annotated[int, Meta(ge=0, le=MAX_CENTS)]
    increment_cents: Cents


class TermsBody(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True, omit_defaults=True):
    """Currency, face value and version of the tape are the pool's. Instants are ISO 8601 with a time zone."""

    opening_cents: Cents
    increments: Annotated[tuple[Step, ...], Meta(min_length=1, max_length=MAX_STEPS)]
    opens_at: Annotated[datetime, Meta(tz=True)]
    closes_at: Annotated[datetime, Meta(tz=True)]
    latest_close_at: Annotated[datetime, Meta(tz=True)]
    reserve_cents: Cents | None = None
    buy_now_cents: Cents | None = None
    soft_close_window_s: _Span | UnsetType = UNSET
    soft_close_extension_s: _Span | UnsetType = UNSET
    confirm_multiple: Annotated[int, Meta(ge=2, le=1_000_000)] | UnsetType = UNSET


class PublishBody(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    pool_id: UUID
    terms: TermsBody
    format: Literal["english"] = "english"
    deposit_cents: Annotated[int, Meta(ge=0, le=MAX_CENTS)] = 0
    circle: Circle = Circle.OPEN
    invited: Annotated[list[UUID], Meta(max_length=200)] = field(default_factory=list)
    commission: dict[str, Any] | None = None

    def to_order(self) -> PublishOrder:
        return PublishOrder(
            pool_id=self.pool_id,
            format=self.format,
            terms=_DEFAULTS | to_builtins(self.terms),
            deposit_cents=self.deposit_cents,
            circle=self.circle,
            invited=tuple(self.invited),
            commission=self.commission,
        )


_DEFAULTS = {"soft_close_window_s": 180, "soft_close_extension_s": 180, "confirm_multiple": 10}


class BidBody(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """`manual` bids exactly the amount; `proxy` is a secret ceiling up to which the market bids for you."""

    kind: Literal["manual", "proxy"]
    amount_cents: Cents
    confirmed: bool = False


class ReasonBody(Struct, forbid_unknown_fields=True, frozen=True):
    """All who watch are told the reason."""

    reason: _Reason


class StrikeBody(Struct, forbid_unknown_fields=True, frozen=True):
    """Which accepted bid is struck out, by its seq; all who watch are told the reason."""

    seq: _Seq
    reason: _Reason


class AuctionSummary(Struct, frozen=True, kw_only=True):
    auction_id: UUID
    pool_id: UUID
    seller_org_id: UUID
    format: str
    phase: str
    currency: str
    debtor_states: Sequence[str]
    deposit_cents: int
    circle: str
    opens_at: datetime
    closes_at: datetime
    published_at: datetime

    @classmethod
    def from_auction(cls, found: Auction) -> "AuctionSummary":
        return cls(**_shared(found))


class AuctionPage(Struct, frozen=True):
    items: Sequence[AuctionSummary]
    next_cursor: str | None

    @classmethod
    def from_page(cls, page: Page[Auction]) -> "AuctionPage":
        return cls([AuctionSummary.from_auction(found) for found in page.items], page.next_cursor)


class RequirementView(Struct, frozen=True):
    code: str
    detail: str


class StandingView(Struct, frozen=True):
    """How your organisation stands to this auction, and what it still needs before it may bid."""

    is_seller: bool
    is_registered: bool
    missing: Sequence[RequirementView]


class AwardView(Struct, frozen=True):
    winner_org_id: UUID
    hammer_cents: int
    currency: str
    at: datetime


class AuctionView(AuctionSummary, frozen=True, kw_only=True):
    """The auction and its present state. `state` is what the live feed's snapshot shows to you: the same fields."""

    terms: dict[str, Any]
    commission: dict[str, Any]
    psa_version: str
    state: dict[str, Any]
    you: StandingView | None
    award: AwardView | None

    @classmethod
    def build(
        cls, found: Auction, state: dict[str, Any], own: OwnStanding | None, award: Award | None
    ) -> "AuctionView":
        shared = _shared(found) | {"phase": state["phase"]}
        return cls(
            **shared,
            terms=state["terms"],
            commission=found.commission,
            psa_version=found.psa_version,
            state=state,
            you=None if own is None else _standing(own),
            award=None
            if award is None
            else AwardView(award.winner_org_id, award.hammer_cents, award.currency, award.at),
        )


class EventPage(Struct, frozen=True):
    """Events in order, as you may see them; ask again with the last `seq` for those that follow."""

    items: Sequence[dict[str, Any]]


class AnswerView(Struct, frozen=True, kw_only=True):
    """What became of a command. `status` is `duplicate` if the same key was decided before; the answer is that one."""

    status: str
    seq: int
    code: str | None
    min_next_cents: int | None
    received_at: datetime
    decided_at: datetime

    @classmethod
    def from_answer(cls, answer: Answer) -> "AnswerView":
        assert answer.seq is not None
        return cls(
            status=answer.status.value,
            seq=answer.seq,
            code=None if answer.code is None else answer.code.value,
            min_next_cents=answer.min_next_cents,
            received_at=answer.received_at,
            decided_at=answer.decided_at,
        )


def _shared(found: Auction) -> dict[str, Any]:
    return {
        "auction_id": found.auction_id,
        "pool_id": found.pool_id,
        "seller_org_id": found.seller_org_id,
        "format": found.format,
        "phase": found.phase,
        "currency": found.currency,
        "debtor_states": found.debtor_states,
        "deposit_cents": found.deposit_cents,
        "circle": found.circle.value,
        "opens_at": found.opens_at,
        "closes_at": found.closes_at,
        "published_at": found.published_at,
    }


def _standing(own: OwnStanding) -> StandingView:
    missing = [RequirementView(requirement.code, requirement.detail) for requirement in own.missing]
    return StandingView(own.is_seller, own.is_registered, missing)
