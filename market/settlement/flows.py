"""Forward flows as values: what two organisations agree on once, the periods that follow, what a delivery lacks. Pure."""

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from market.bidding.commission import Schedule, divide_half_even
from market.bidding.sale_terms import SaleTerms
from market.compliance.papers import Shortfall
from market.kit.errors import Conflict, Forbidden, Malformed
from market.kit.money import MAX_CENTS, is_currency, show
from market.portfolios.rules import Selection
from market.settlement.calendar import deadline
from market.settlement.rules import Party

ANSWER_BUSINESS_DAYS = 10
"""A proposal that is not accepted in so many business days lapses."""
MAX_PERIOD_COUNT = 120
MAX_OPEN_COUNT = 100
"""So many proposals of one organisation may wait for an answer at once."""
_MAX_WORD_COUNT = 100
_NOON = time(12, tzinfo=UTC)


class Rhythm(StrEnum):
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class FlowState(StrEnum):
    PROPOSED = "proposed"
    ACTIVE = "active"
    ENDING = "ending"
    """Notice was given; periods that begin by `ends_on` are still delivered."""
    ENDED = "ended"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"


RUNNING = (FlowState.ACTIVE, FlowState.ENDING)


class PeriodState(StrEnum):
    OPEN = "open"
    DELIVERED = "delivered"
    MISSED = "missed"
    VOID = "void"


class FlowNotOpen(Conflict):
    slug, title = "flow-state", "The forward flow is not at that step"


class OwnProposal(Forbidden):
    slug, title = "own-proposal", "The other side accepts"


class CounterpartyNotCleared(Conflict):
    slug, title = "counterparty-not-cleared", "The other side is not cleared"


class PeriodClosed(Conflict):
    slug, title = "period-closed", "The period awaits no delivery"


class PeriodDelivered(Conflict):
    slug, title = "period-delivered", "Another pool was delivered for the period"


class DeliveryRefused(Conflict):
    slug, title = "delivery-refused", "The pool is not what the forward flow asks for"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowTerms:
    """What is agreed once. Raises `Malformed` naming the field, as it is called on the wire.

    `price_bps` of face value are paid for accounts that meet `accounts`; each period's delivery has `min_volume_cents` to
    `max_volume_cents` of face value, and is due `delivery_days` business days after the period's last day.
    """

    currency: str
    price_bps: int
    accounts: Selection
    min_volume_cents: int
    max_volume_cents: int
    rhythm: Rhythm
    first_on: date
    period_count: int
    delivery_days: int
    notice_days: int
    commission: Schedule
    sale_terms: SaleTerms

    def __post_init__(self) -> None:
        if not is_currency(self.currency):
            raise Malformed("must be a currency that is traded here", field="currency")
        for name, least, most in (
            ("price_bps", 1, 10_000),
            ("min_volume_cents", 1, MAX_CENTS),
            ("max_volume_cents", self.min_volume_cents, MAX_CENTS),
            ("period_count", 1, MAX_PERIOD_COUNT),
            ("delivery_days", 1, 20),
            ("notice_days", 0, 365),
        ):
            if not least <= getattr(self, name) <= most:
                raise Malformed(f"must be a whole number from {least} to {most}", field=name)
        for words, name in (
            (self.accounts.states, "states"),
            (self.accounts.debt_types, "debt_types"),
            (self.accounts.debtor_types, "debtor_types"),
        ):
            if len(words) > _MAX_WORD_COUNT or any(word != word.strip().upper() or not word for word in words):
                raise Malformed(
                    f"at most {_MAX_WORD_COUNT} values in capital letters, as the masked file has them",
                    field=f"accounts.{name}",
                )


@dataclass(frozen=True, slots=True)
class Span:
    """One period as it follows from the terms: both days belong to it; a delivery is on time before `due_at`."""

    number: int
    first_on: date
    last_on: date
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A forward flow and where it stands. `ends_on` is the last day on which a period may begin once notice was given."""

    flow_id: UUID
    reference: str
    seller_org_id: UUID
    buyer_org_id: UUID
    proposed_by_org_id: UUID
    proposed_by: UUID
    terms: FlowTerms
    agreement_sha256: str
    state: FlowState
    proposed_at: datetime
    answer_by_at: datetime
    accepted_at: datetime | None = None
    noticed_at: datetime | None = None
    noticed_by_org_id: UUID | None = None
    ends_on: date | None = None
    ended_at: datetime | None = None
    end_reason: str | None = None

    def party(self, org_id: UUID | None) -> Party | None:
        """Which side an organisation is on; None for everybody else."""
        return {self.seller_org_id: Party.SELLER, self.buyer_org_id: Party.BUYER}.get(org_id) if org_id else None


@dataclass(frozen=True, slots=True)
class FlowSignature:
    org_id: UUID
    party: Party
    user_id: UUID
    typed_name: str
    agreement_sha256: str
    signed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A pool delivered for a period: what an award is to an auction's settlement."""

    delivery_id: UUID
    flow_id: UUID
    number: int
    pool_id: UUID
    seller_org_id: UUID
    buyer_org_id: UUID
    account_count: int
    face_value_cents: int
    hammer_cents: int
    currency: str
    delivered_by: UUID
    delivered_at: datetime


@dataclass(frozen=True, slots=True)
class FlowPeriod:
    """A period with what became of it."""

    flow_id: UUID
    span: Span
    missed_at: datetime | None = None
    voided_at: datetime | None = None
    delivery: Delivery | None = None
    settlement_id: UUID | None = None

    @property
    def state(self) -> PeriodState:
        if self.delivery is not None:
            return PeriodState.DELIVERED
        if self.missed_at is not None:
            return PeriodState.MISSED
        return PeriodState.OPEN if self.voided_at is None else PeriodState.VOID


@dataclass(frozen=True, slots=True)
class Misfit:
    """Accounts of a pool that miss one term of a flow; `row_numbers` are the first of them, in the sale file's order."""

    term: str
    account_count: int
    row_numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Cleared:
    """What a party's clearance allows, as far as a delivery asks."""

    states: tuple[str, ...]
    max_bid_cents: int
    currency: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason why a pool cannot be delivered: the term that it misses, which accounts, and what to do."""

    code: str
    field: str
    detail: str
    remedy: str
    account_count: int | None = None
    row_numbers: tuple[int, ...] = ()


def periods_of(terms: FlowTerms) -> list[Span]:
    """All periods of an agreement, the first from its first day on."""
    spans = []
    for number in range(1, terms.period_count + 1):
        last_on = _begins_on(terms, number + 1) - timedelta(days=1)
        due_at = deadline(datetime.combine(last_on, _NOON), terms.delivery_days, terms.currency)
        spans.append(Span(number, _begins_on(terms, number), last_on, due_at))
    return spans


def count_until(rhythm: Rhythm, first_on: date, last_on: date) -> int:
    """How many whole periods end by `last_on`; 0 if not even the first does."""
    count = 0
    while count < MAX_PERIOD_COUNT and _after(rhythm, first_on, count + 1) - timedelta(days=1) <= last_on:
        count += 1
    return count


def _begins_on(terms: FlowTerms, number: int) -> date:
    return _after(terms.rhythm, terms.first_on, number - 1)


def _after(rhythm: Rhythm, first_on: date, count: int) -> date:
    """The day `count` periods after the first one; a day that a month lacks is that month's last."""
    match rhythm:
        case Rhythm.WEEKLY:
            return first_on + timedelta(days=7 * count)
        case Rhythm.MONTHLY:
            year, month = divmod(first_on.year * 12 + first_on.month - 1 + count, 12)
            return date(year, month + 1, min(first_on.day, monthrange(year, month + 1)[1]))
        case _:
            assert_never(rhythm)


def hammer_cents(face_value_cents: int, price_bps: int) -> int:
    """What a delivery costs, half-even."""
    return divide_half_even(face_value_cents * price_bps, 10_000)


_CUT_BY_RULE = "cut the pool with the agreement's `accounts` as its selection; others stay for another pool"
_TERMS = {
    "states": "are of debtor states that it does not buy",
    "debt_types": "are of debt types that it does not buy, or of none that is known",
    "debtor_types": "are of debtors that it does not buy, or of a kind that is not known",
    "min_face_value_cents": "are smaller than it buys",
    "max_face_value_cents": "are larger than it buys",
    "min_age_days": "are younger than it buys, or of an age that is not known",
    "max_age_days": "are older than it buys, or of an age that is not known",
}


def misfit_findings(misfits: Sequence[Misfit]) -> list[Finding]:
    """In words, which accounts the agreement does not ask for."""
    return [_misfit_finding(each) for each in misfits]


def _misfit_finding(found: Misfit) -> Finding:
    if found.term == "unrecorded":
        return Finding(
            "unrecorded",
            "pool_id",
            "the pool was cut before accounts were put on record for forward flows, or has none",
            "cut it again",
            found.account_count,
        )
    return Finding(
        "account",
        f"accounts.{found.term}",
        f"{found.account_count} accounts {_TERMS[found.term]}",
        _CUT_BY_RULE,
        found.account_count,
        found.row_numbers,
    )


def paper_findings(lacking: Sequence[Shortfall]) -> list[Finding]:
    """Which papers of the portfolio are missing or wait for an officer."""
    bring = "bring it with its portfolio_id to the case that cleared you (POST /v1/cases/{case_id}/evidence)"
    wait = "an officer has it in the queue"
    return [
        Finding("papers", "pool_id", f"the portfolio lacks {each.said}", wait if each.why == "unverified" else bring)
        for each in lacking
    ]


def volume_findings(terms: FlowTerms, *, currency: str, face_value_cents: int) -> list[Finding]:
    """Whether the whole is of the right currency and size."""
    if currency != terms.currency:
        detail = f"the pool is in {currency}, the agreement in {terms.currency}"
        return [Finding("currency", "currency", detail, "upload the period's tape in the agreement's currency")]
    face = show(face_value_cents, currency)
    if face_value_cents < terms.min_volume_cents:
        least = show(terms.min_volume_cents, currency)
        return [Finding("volume", "min_volume_cents", f"{face} is less than {least}", "cut a larger pool")]
    if face_value_cents > terms.max_volume_cents:
        most = show(terms.max_volume_cents, currency)
        return [Finding("volume", "max_volume_cents", f"{face} is more than {most}", "cut a smaller pool")]
    return []


def seller_findings(lacking: Sequence[str]) -> list[Finding]:
    """Whether the seller may sell accounts of these debtors; `lacking` are the states that its clearance leaves out."""
    if not lacking:
        return []
    detail = f"you are not cleared to list accounts of debtors in {', '.join(lacking)}"
    return [Finding("seller-states", "accounts.states", detail, "leave them out, or open a case at POST /v1/cases")]


def buyer_findings(cleared: Cleared | None, *, currency: str, price_cents: int, states: Sequence[str]) -> list[Finding]:
    """Whether the buyer may buy just this on that day."""
    ask = "the buyer has to open a case; the period stays open until it is due"
    if cleared is None:
        return [Finding("buyer-not-cleared", "buyer_org_id", "the buyer is not cleared to bid now", ask)]
    if cleared.currency != currency:
        return [Finding("buyer-currency", "currency", f"the buyer is not cleared for {currency}", ask)]
    found = []
    if lacking := sorted(set(states) - set(cleared.states)) if "*" not in cleared.states else []:
        detail = f"the buyer is not cleared for debtors in {', '.join(lacking)}"
        found.append(Finding("buyer-states", "accounts.states", detail, f"leave them out, or {ask}"))
    if price_cents > cleared.max_bid_cents:
        detail = f"{show(price_cents, currency)} is more than the buyer is cleared for"
        found.append(Finding("buyer-limit", "max_volume_cents", detail, f"cut a smaller pool, or {ask}"))
    return found
