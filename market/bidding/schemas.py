"""Auctions on the wire. Amounts are whole minor units of the auction's currency."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta, Struct, field

from auctions.auction import Phase
from auctions.increments import MAX_CENTS
from auctions.presets import Format
from market.bidding.orders import Answer
from market.bidding.rules import Auction, Award
from market.bidding.service import PublishOrder
from market.bidding.service.looking import OwnStanding
from market.compliance.qualifications import Qualifications
from market.kit.pages import Page
from market.portfolios.rules import Circle, Pool

Cents = Annotated[int, Meta(ge=1, le=MAX_CENTS)]
_Reason = Annotated[str, Meta(min_length=1, max_length=500)]
_Seq = Annotated[int, Meta(ge=1)]


__all__ = ["Phase"]


FormatName = Literal[
    "english", "sealed", "dutch", "hybrid", "best_offer", "two_stage", "fixed_price", "packages"
]  # fmt: skip


class QualificationsBody(Struct, forbid_unknown_fields=True, frozen=True):
    """What bidders must have shown to officers: an RMAI certificate, a net worth (0: none asked)."""

    needs_rmai: bool = False
    min_net_worth_cents: Annotated[int, Meta(ge=0, le=MAX_CENTS)] = 0


class BlockingView(Struct, frozen=True):
    """Debtor states for which you are not licensed, the small ones together; null where there are too few accounts."""

    states: Sequence[str]
    account_count: int | None
    face_value_cents: int | None


class AdmissionView(Struct, frozen=True, kw_only=True):
    """What stands between your organisation and its first bid."""

    is_registered: bool
    missing: Sequence["RequirementView"]
    blocking: Sequence[BlockingView]
    qualifications: QualificationsBody


class PublishBody(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """`terms` are those of the format, as `GET /v1/formats` describes them; a `preset` fills in what they leave open.

    Currency, face value and version of the tape are the pool's. Instants are ISO 8601 with a time zone. `commission` says who
    pays the house's commission; its own tiers it states only where the operator lets listings do so.
    """

    pool_id: UUID
    terms: dict[str, Any]
    format: FormatName = "english"
    preset: Annotated[str, Meta(max_length=64)] | None = None
    deposit_cents: Annotated[int, Meta(ge=0, le=MAX_CENTS)] = 0
    circle: Circle = Circle.OPEN
    invited: Annotated[list[UUID], Meta(max_length=200)] = field(default_factory=list)
    commission: dict[str, Any] | None = None
    sale_terms: dict[str, int] | None = None
    qualifications: QualificationsBody | None = None

    def to_order(self) -> PublishOrder:
        return PublishOrder(
            pool_id=self.pool_id,
            format=self.format,
            terms=self.terms,
            preset=self.preset,
            deposit_cents=self.deposit_cents,
            circle=self.circle,
            invited=tuple(self.invited),
            commission=self.commission,
            sale_terms=self.sale_terms,
            qualifications=None
            if self.qualifications is None
            else Qualifications(self.qualifications.needs_rmai, self.qualifications.min_net_worth_cents),
        )


class PresetView(Struct, frozen=True):
    """`terms` are filled in; the auction closes so long after it opens, and late bids may extend it so much further."""

    name: str
    title: str
    terms: dict[str, Any]
    closes_after_s: int | None
    extends_s: int | None


class FormatView(Struct, frozen=True):
    """`terms_schema` is the JSON Schema (2020-12) of the terms that the seller gives."""

    name: str
    title: str
    summary: str
    presets: Sequence[PresetView]
    terms_schema: dict[str, Any]

    @classmethod
    def build(cls, known: Format) -> "FormatView":
        presets = [
            PresetView(one.name, one.title, dict(one.terms), one.closes_after_s, one.extends_s) for one in known.presets
        ]
        return cls(known.name, known.title, known.summary, presets, _terms_schema(known.terms_type))


class FormatList(Struct, frozen=True):
    items: Sequence[FormatView]


def _terms_schema(terms_type: type[Any]) -> dict[str, Any]:
    """What the seller gives: all terms but those that the pool itself says."""
    root = msgspec.json.schema(terms_type, ref_template="#/$defs/{name}")
    shapes = root.pop("$defs")
    own = shapes.pop(terms_type.__name__)
    kept = {
        name: {**shape, "format": "date-time"} if name.endswith("_at") else shape
        for name, shape in own["properties"].items()
        if name not in _OF_POOL
    }
    required = [name for name in own["required"] if name not in _OF_POOL]
    schema = {"type": "object", "properties": kept, "required": required, "additionalProperties": False}
    return schema | ({"$defs": shapes} if shapes else {})


_OF_POOL = {"currency", "tape_version", "face_value_cents", "rules"}


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
    """Name, accounts and face value are those of the pool `pool_id`; null where you may not see the pool."""

    auction_id: UUID
    pool_id: UUID
    pool_name: str | None
    account_count: int | None
    face_value_cents: int | None
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
    def from_auction(cls, found: Auction, pools: Mapping[UUID, Pool]) -> "AuctionSummary":
        return cls(**_shared(found, pools))


class AuctionPage(Struct, frozen=True):
    items: Sequence[AuctionSummary]
    next_cursor: str | None

    @classmethod
    def from_page(cls, page: Page[Auction], pools: Mapping[UUID, Pool]) -> "AuctionPage":
        return cls([AuctionSummary.from_auction(found, pools) for found in page.items], page.next_cursor)


class Calendar(Struct, frozen=True):
    """What is ahead and under way, by opening."""

    items: Sequence[AuctionSummary]

    @classmethod
    def build(cls, found: Sequence[Auction], pools: Mapping[UUID, Pool]) -> "Calendar":
        return cls([AuctionSummary.from_auction(each, pools) for each in found])


class RequirementView(Struct, frozen=True):
    code: str
    detail: str


class StandingView(Struct, frozen=True):
    """How your organisation stands to this auction, and what it still needs before it may bid."""

    is_seller: bool
    is_registered: bool
    missing: Sequence[RequirementView]


class AwardView(Struct, frozen=True):
    """Who bought a pool, and at what amount."""

    pool_id: UUID
    winner_org_id: UUID
    hammer_cents: int
    currency: str
    at: datetime


class AuctionView(AuctionSummary, frozen=True, kw_only=True):
    """The auction and its present state. `state` is what the live feed's snapshot shows to you: the same fields.

    `awards` has one entry for each pool that was sold; `award` is the one of the auction's own pool.
    """

    terms: dict[str, Any]
    commission: dict[str, Any]
    sale_terms: dict[str, int]
    psa_version: str
    state: dict[str, Any]
    you: StandingView | None
    award: AwardView | None
    awards: Sequence[AwardView]

    @classmethod
    def build(
        cls,
        found: Auction,
        pools: Mapping[UUID, Pool],
        state: dict[str, Any],
        own: OwnStanding | None,
        awards: Sequence[Award],
    ) -> "AuctionView":
        shared = _shared(found, pools) | {"phase": state["phase"]}
        views = [AwardView(a.pool_id, a.winner_org_id, a.hammer_cents, a.currency, a.at) for a in awards]
        return cls(
            **shared,
            terms=state["terms"],
            commission=found.commission,
            sale_terms=found.sale_terms,
            psa_version=found.psa_version,
            state=state,
            you=None if own is None else _standing(own),
            award=next((view for view in views if view.pool_id == found.pool_id), None),
            awards=views,
        )


class EventPage(Struct, frozen=True):
    """Events in order, as you may see them; ask again with the last `seq` for those that follow."""

    items: Sequence[dict[str, Any]]


class RunningBid(Struct, frozen=True):
    """One accepted bid by its `seq` in the log of its auction; what it says stays secret as long as the format says so."""

    auction_id: UUID
    seq: int
    kind: str
    placed_at: datetime


class RunningBids(Struct, frozen=True):
    items: list[RunningBid]


class AnswerView(Struct, frozen=True, kw_only=True):
    """What became of a command. `status` is `duplicate` if the same key was decided before; the answer is that one.

    `outcome` is what a bid for a rising price did when it was decided: `leading`; `raised`, the own ceiling of who led;
    `outbid` by a higher ceiling, or `outbid_tie` by an equal and earlier one. It is null for every other command.
    """

    status: str
    seq: int
    code: str | None
    outcome: str | None
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
            outcome=None if answer.outcome is None else answer.outcome.value,
            min_next_cents=answer.min_next_cents,
            received_at=answer.received_at,
            decided_at=answer.decided_at,
        )


def _shared(found: Auction, pools: Mapping[UUID, Pool]) -> dict[str, Any]:
    pool = pools.get(found.pool_id)
    return {
        "auction_id": found.auction_id,
        "pool_id": found.pool_id,
        "pool_name": pool and pool.name,
        "account_count": pool and pool.account_count,
        "face_value_cents": pool and pool.face_value_cents,
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
