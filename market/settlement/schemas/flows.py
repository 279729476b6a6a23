"""Forward flows on the wire."""

from datetime import date, datetime
from typing import Annotated, Any, Self
from uuid import UUID

from msgspec import Meta, Struct, field

from market.bidding.commission import Schedule
from market.bidding.sale_terms import SaleTerms
from market.kit.errors import Malformed
from market.kit.money import MAX_CENTS
from market.kit.pages import Page
from market.portfolios.rules import BadSelection, Selection, require_sound
from market.settlement.flows import (
    Delivery,
    Finding,
    Flow,
    FlowPeriod,
    FlowSignature,
    FlowState,
    FlowTerms,
    PeriodState,
    Rhythm,
    count_until,
)
from market.settlement.rules import Party
from market.settlement.service import Proposal
from market.settlement.store.flow_seals import SealedFlow

_Cents = Annotated[int, Meta(ge=1, le=MAX_CENTS)]
_Days = Annotated[int, Meta(ge=0, le=100_000)]
_Words = Annotated[list[Annotated[str, Meta(min_length=1, max_length=60)]], Meta(max_length=100)]
_Name = Annotated[str, Meta(min_length=2, max_length=140)]
_Reason = Annotated[str, Meta(min_length=1, max_length=500)]
_Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class FlowAccounts(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which accounts are bought: all conditions together, bounds inclusive; without any, all.

    A seller can send it as a pool's `selection`. Ages are days from charge-off (else first delinquency, else due date) to the
    cut-off date of the tape; an account of which something asked for is not known is not bought.
    """

    states: _Words = field(default_factory=list)
    min_face_value_cents: _Cents | None = None
    max_face_value_cents: _Cents | None = None
    min_age_days: _Days | None = None
    max_age_days: _Days | None = None
    debt_types: _Words = field(default_factory=list)
    debtor_types: _Words = field(default_factory=list)

    def to_selection(self) -> Selection:
        """Raises `Malformed` for bounds that no account can meet."""
        found = Selection(
            _capitals(self.states),
            self.min_face_value_cents,
            self.max_face_value_cents,
            self.min_age_days,
            self.max_age_days,
            _capitals(self.debt_types),
            _capitals(self.debtor_types),
        )
        try:
            require_sound(found)
        except BadSelection as error:
            name = (error.field or "").removeprefix("selection.")
            raise Malformed(error.detail, field=f"accounts.{name}") from None
        return found

    @classmethod
    def from_selection(cls, found: Selection) -> Self:
        return cls(
            list(found.states), found.min_face_value_cents, found.max_face_value_cents, found.min_age_days,
            found.max_age_days, list(found.debt_types), list(found.debtor_types),
        )  # fmt: skip


def _capitals(words: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word.strip().upper() for word in words))


class FlowIn(Struct, frozen=True, forbid_unknown_fields=True):
    """`as_party` is your side. Say `period_count`, or `last_on`, by which the last period has ended.

    `price_bps` is the price in basis points of face value. `commission` and `sale_terms` are as in an auction, and the
    house's where they are left out.
    """

    as_party: Party
    other_org_id: UUID
    typed_name: _Name
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")]
    price_bps: Annotated[int, Meta(ge=1, le=10_000)]
    min_volume_cents: _Cents
    max_volume_cents: _Cents
    rhythm: Rhythm
    first_on: date
    accounts: FlowAccounts | None = None
    period_count: Annotated[int, Meta(ge=1, le=120)] | None = None
    last_on: date | None = None
    delivery_days: Annotated[int, Meta(ge=1, le=20)] = 5
    notice_days: Annotated[int, Meta(ge=0, le=365)] = 30
    commission: dict[str, Any] | None = None
    sale_terms: dict[str, Any] | None = None

    def to_proposal(self, flow_id: UUID) -> Proposal:
        """Raises `Malformed` naming the field."""
        terms = FlowTerms(
            currency=self.currency,
            price_bps=self.price_bps,
            accounts=Selection() if self.accounts is None else self.accounts.to_selection(),
            min_volume_cents=self.min_volume_cents,
            max_volume_cents=self.max_volume_cents,
            rhythm=self.rhythm,
            first_on=self.first_on,
            period_count=self._period_count(),
            delivery_days=self.delivery_days,
            notice_days=self.notice_days,
            commission=Schedule.stated(self.commission, self.currency),
            sale_terms=SaleTerms.from_json(self.sale_terms or {}),
        )
        return Proposal(
            flow_id=flow_id,
            party=self.as_party,
            other_org_id=self.other_org_id,
            terms=terms,
            typed_name=self.typed_name,
        )

    def _period_count(self) -> int:
        if (self.period_count is None) == (self.last_on is None):
            raise Malformed("say either period_count or last_on", field="period_count")
        if self.period_count is not None or self.last_on is None:
            return self.period_count or 0
        count = count_until(self.rhythm, self.first_on, self.last_on)
        if not count:
            raise Malformed("not even the first period ends by that day", field="last_on")
        return count


class FlowSignatureView(Struct, frozen=True, forbid_unknown_fields=True):
    party: Party
    typed_name: str
    agreement_sha256: str
    signed_at: datetime

    @classmethod
    def from_signature(cls, found: FlowSignature) -> Self:
        return cls(found.party, found.typed_name, found.agreement_sha256, found.signed_at)


class FlowDeliveryView(Struct, frozen=True, forbid_unknown_fields=True):
    """`settlement_id` is null until the worker has opened the sale, moments later."""

    delivery_id: UUID
    pool_id: UUID
    account_count: int
    face_value_cents: int
    hammer_cents: int
    currency: str
    delivered_at: datetime
    settlement_id: UUID | None

    @classmethod
    def from_delivery(cls, found: Delivery, settlement_id: UUID | None) -> Self:
        return cls(
            found.delivery_id, found.pool_id, found.account_count, found.face_value_cents, found.hammer_cents,
            found.currency, found.delivered_at, settlement_id,
        )  # fmt: skip


class FlowPeriodView(Struct, frozen=True, forbid_unknown_fields=True):
    """Both days belong to the period; a delivery is on time before `due_at`."""

    number: int
    state: PeriodState
    first_on: date
    last_on: date
    due_at: datetime
    missed_at: datetime | None
    voided_at: datetime | None
    delivery: FlowDeliveryView | None

    @classmethod
    def from_period(cls, found: FlowPeriod) -> Self:
        span, made = found.span, None
        if found.delivery is not None:
            made = FlowDeliveryView.from_delivery(found.delivery, found.settlement_id)
        return cls(
            span.number, found.state, span.first_on, span.last_on, span.due_at, found.missed_at, found.voided_at, made
        )


class FlowSealView(Struct, frozen=True, forbid_unknown_fields=True):
    """`sha256` is of the sealed document; `level` is the one of PAdES: B-B, or B-T with times of an authority."""

    sha256: str
    level: str
    sealed_at: datetime

    @classmethod
    def from_sealed(cls, found: SealedFlow) -> Self:
        return cls(found.sha256, found.level, found.sealed_at)


class FlowView(Struct, frozen=True, forbid_unknown_fields=True):
    """An agreement; `agreement_sha256` is of the document that both sides sign.

    `seal` is null until the worker has sealed it for both, moments after the acceptance. `signatures`, `periods` and `seal` are
    null in lists.
    """

    flow_id: UUID
    reference: str
    state: FlowState
    seller_org_id: UUID
    buyer_org_id: UUID
    proposed_by: Party
    currency: str
    price_bps: int
    accounts: FlowAccounts
    min_volume_cents: int
    max_volume_cents: int
    rhythm: Rhythm
    first_on: date
    period_count: int
    delivery_days: int
    notice_days: int
    commission: dict[str, Any]
    sale_terms: dict[str, int]
    agreement_sha256: str
    proposed_at: datetime
    answer_by_at: datetime
    accepted_at: datetime | None
    noticed_at: datetime | None
    ends_on: date | None
    ended_at: datetime | None
    end_reason: str | None
    signatures: list[FlowSignatureView] | None = None
    periods: list[FlowPeriodView] | None = None
    seal: FlowSealView | None = None

    @classmethod
    def from_flow(
        cls,
        found: Flow,
        signed: list[FlowSignature] | None = None,
        periods: list[FlowPeriod] | None = None,
        sealed: SealedFlow | None = None,
    ) -> Self:
        terms = found.terms
        return cls(
            found.flow_id, found.reference, found.state, found.seller_org_id, found.buyer_org_id,
            Party.SELLER if found.proposed_by_org_id == found.seller_org_id else Party.BUYER,
            terms.currency, terms.price_bps, FlowAccounts.from_selection(terms.accounts), terms.min_volume_cents,
            terms.max_volume_cents, terms.rhythm, terms.first_on, terms.period_count, terms.delivery_days,
            terms.notice_days, terms.commission.to_json(), terms.sale_terms.to_json(), found.agreement_sha256,
            found.proposed_at, found.answer_by_at, found.accepted_at, found.noticed_at, found.ends_on, found.ended_at,
            found.end_reason,
            None if signed is None else [FlowSignatureView.from_signature(each) for each in signed],
            None if periods is None else [FlowPeriodView.from_period(each) for each in periods],
            None if sealed is None else FlowSealView.from_sealed(sealed),
        )  # fmt: skip


class FlowPage(Struct, frozen=True, forbid_unknown_fields=True):
    items: list[FlowView]
    next_cursor: str | None

    @classmethod
    def from_page(cls, page: Page[Flow]) -> Self:
        return cls([FlowView.from_flow(found) for found in page.items], page.next_cursor)


class FlowAcceptanceIn(Struct, frozen=True, forbid_unknown_fields=True):
    agreement_sha256: _Sha256
    typed_name: _Name


class FlowEndIn(Struct, frozen=True, forbid_unknown_fields=True):
    reason: _Reason


class FlowDeliveryIn(Struct, frozen=True, forbid_unknown_fields=True):
    """`number` is the period's, from 1."""

    number: Annotated[int, Meta(ge=1, le=120)]
    pool_id: UUID


class FlowFindingView(Struct, frozen=True, forbid_unknown_fields=True):
    """`field` names the term; `row_numbers` are the first twenty accounts that miss it, counted in the sale file from 1."""

    code: str
    field: str
    detail: str
    remedy: str
    account_count: int | None
    row_numbers: list[int]

    @classmethod
    def from_finding(cls, found: Finding) -> Self:
        return cls(
            found.code, found.field, found.detail, found.remedy, found.account_count, list(found.row_numbers)
        )  # fmt: skip


class FlowFindingList(Struct, frozen=True, forbid_unknown_fields=True):
    """Empty if the pool can be delivered as it is."""

    items: list[FlowFindingView]
