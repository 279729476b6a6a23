"""The purchase and sale agreement: its facts as canonical JSON, and the document that follows from them alone."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from uuid import UUID

from market.bidding.commission import Schedule
from market.bidding.sale_terms import SaleTerms
from market.compliance.rules import UNKNOWN_STATE
from market.kit.money import price_bps, show
from market.settlement.documents.rendering import Document, canonical, render
from market.settlement.rules import PAY_BUSINESS_DAYS, SIGN_BUSINESS_DAYS

TEMPLATE, FLOW_TEMPLATE = "psa_v4", "psa_flow_v1"
"""The newest templates, of an award and of a delivery into a forward flow.

A template is never edited once agreements were made from it; a change is a new version.
"""
__all__ = ["Deal", "Document", "Goods", "Signatory", "UnderFlow", "render", "state_facts"]
_BLANK = "to be filled at the award"
RESALE = (
    "The Buyer does not resell an Account",
    "An Account may be resold once",
    "An Account may be resold twice",
    "An Account may be resold three times",
)
LAW = "the law of the Seller's seat, without its conflict rules"


@dataclass(frozen=True, slots=True)
class Signatory:
    """An organisation as it signs."""

    name: str
    country: str
    registration_number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Goods:
    """What is sold: control totals and the digests that tie agreement, masked file and sale file together."""

    pool_id: UUID
    name: str
    currency: str
    account_count: int
    face_value_cents: int
    cut_off_on: date
    states: Sequence[str]
    sale_file_sha256: str
    masked_sha256: str
    tape_version: str
    commitment_root: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deal:
    """Who bought at what price. Amounts in minor units of the goods' currency."""

    reference: str
    dated_at: datetime
    buyer: Signatory
    hammer_cents: int
    buyer_fee_cents: int
    seller_fee_cents: int
    deposit_cents: int
    buyer_tax_cents: int = 0
    seller_tax_cents: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderFlow:
    """The forward flow agreement that a delivery is made under, and the period that it is for."""

    reference: str
    dated_at: datetime
    agreement_sha256: str
    price_bps: int
    first_on: date
    last_on: date


def state_facts(
    seller: Signatory,
    goods: Goods,
    schedule: Schedule,
    deal: Deal | None,
    *,
    sale_terms: SaleTerms,
    flow: UnderFlow | None = None,
) -> str:
    """The agreement's facts as canonical JSON: of a deal, or with blanks (a specimen) if `deal` is None.

    With `flow` it is the agreement of a delivery, which names the forward flow.
    """
    money = goods.currency
    facts: dict[str, object] = {
        "template": TEMPLATE,
        "specimen": deal is None,
        "reference": deal.reference if deal else "PSA-SPECIMEN",
        "dated": f"{deal.dated_at:%Y-%m-%d}" if deal else _BLANK,
        "seller": signatory_facts(seller),
        "buyer": signatory_facts(deal.buyer) if deal else {"name": f"Buyer ({_BLANK})", "registration": _BLANK},
        "pool": {
            "id": str(goods.pool_id),
            "name": goods.name,
            "account_count": f"{goods.account_count:,}",
            "face_value": show(goods.face_value_cents, money),
            "cut_off_on": f"{goods.cut_off_on:%Y-%m-%d}",
            "states": _places(goods.states),
        },
        "price": _price(goods, deal),
        "commission": commission_facts(schedule, money),
        "schedule": {
            name: asdict(goods)[name]
            for name in ("sale_file_sha256", "masked_sha256", "tape_version", "commitment_root")
        },
        "terms": {
            "sign_days": str(SIGN_BUSINESS_DAYS),
            "pay_days": str(PAY_BUSINESS_DAYS),
            "putback_days": str(sale_terms.putback_days),
            "holdback": per_cent(sale_terms.holdback_bps),
            "forfeit_seller": per_cent(sale_terms.forfeit_seller_bps),
            "penalty": per_cent(sale_terms.penalty_bps),
            "media_days": str(sale_terms.media_days),
            "resale": RESALE[sale_terms.most_resales],
            "law": LAW,
        },
    }
    if flow is not None:
        facts |= {
            "template": FLOW_TEMPLATE,
            "flow": {
                "reference": flow.reference,
                "dated": f"{flow.dated_at:%Y-%m-%d}",
                "sha256": flow.agreement_sha256,
                "period": f"{flow.first_on:%Y-%m-%d} to {flow.last_on:%Y-%m-%d}",
                "price": per_cent(flow.price_bps),
            },
        }
    return canonical(facts)


def _places(states: Sequence[str]) -> str:
    named = [state for state in states if state != UNKNOWN_STATE]
    unnamed = ["places that the seller's tape does not name"] if len(named) < len(states) else []
    return ", ".join(named + unnamed) or "none named in the listing"


def commission_facts(schedule: Schedule, currency: str) -> dict[str, object]:
    """A schedule as documents show it."""
    return {
        "tiers": [[show(tier.from_cents, currency), per_cent(tier.rate_bps)] for tier in schedule.tiers],
        "minimum": show(schedule.minimum_cents, currency),
        "payer": {"buyer": "the Buyer", "seller": "the Seller", "split": "both in halves"}[schedule.payer],
    }


_PRICES = ("hammer", "per_cent", "buyer_fee", "seller_fee", "buyer_tax", "seller_tax", "total", "deposit")


def signatory_facts(party: Signatory) -> dict[str, str]:
    return {"name": party.name, "registration": f"{party.country} {party.registration_number}"}


def _price(goods: Goods, deal: Deal | None) -> dict[str, str]:
    if deal is None:
        return dict.fromkeys(_PRICES, _BLANK)
    money = goods.currency
    return {
        "hammer": show(deal.hammer_cents, money),
        "per_cent": per_cent(price_bps(deal.hammer_cents, goods.face_value_cents)),
        "buyer_fee": show(deal.buyer_fee_cents, money),
        "seller_fee": show(deal.seller_fee_cents, money),
        "buyer_tax": show(deal.buyer_tax_cents, money),
        "seller_tax": show(deal.seller_tax_cents, money),
        "total": show(deal.hammer_cents + deal.buyer_fee_cents + deal.buyer_tax_cents, money),
        "deposit": show(deal.deposit_cents, money),
    }


def per_cent(bps: int) -> str:
    return f"{bps // 100}.{bps % 100:02d} %"
