"""The forward flow agreement: its facts as canonical JSON, from which the document follows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from market.kit.money import show
from market.settlement.agreement import LAW, RESALE, Signatory, commission_facts, per_cent, signatory_facts
from market.settlement.documents.rendering import canonical
from market.settlement.flows import FlowTerms, periods_of
from market.settlement.rules import Party

TEMPLATE = "forward_flow_v2"
"""A template is never edited once agreements were made from it; a change is a new version."""
_ANY = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parties:
    """Who agrees, and which of the two proposed it."""

    seller: Signatory
    buyer: Signatory
    proposed_by: Party


def state_flow_facts(
    terms: FlowTerms, between: Parties, *, reference: str, dated_at: datetime, answer_by_at: datetime
) -> str:
    """The facts of a forward flow agreement as it is proposed."""
    money, sale_terms = terms.currency, terms.sale_terms
    facts = {
        "template": TEMPLATE,
        "reference": reference,
        "dated": f"{dated_at:%Y-%m-%d}",
        "answer_by": f"{answer_by_at:%Y-%m-%d %H:%M}",
        "seller": signatory_facts(between.seller),
        "buyer": signatory_facts(between.buyer),
        "proposed_by": {Party.SELLER: "the Seller", Party.BUYER: "the Buyer"}[between.proposed_by],
        "currency": money,
        "price": per_cent(terms.price_bps),
        "volume": f"{show(terms.min_volume_cents, money)} to {show(terms.max_volume_cents, money)}",
        "rhythm": terms.rhythm.value,
        "first_on": f"{terms.first_on:%Y-%m-%d}",
        "last_on": f"{periods_of(terms)[-1].last_on:%Y-%m-%d}",
        "period_count": str(terms.period_count),
        "accounts": _accounts(terms),
        "commission": commission_facts(terms.commission, money),
        "terms": {
            "delivery_days": str(terms.delivery_days),
            "notice_days": str(terms.notice_days),
            "putback_days": str(sale_terms.putback_days),
            "holdback": per_cent(sale_terms.holdback_bps),
            "penalty": per_cent(sale_terms.penalty_bps),
            "media_days": str(sale_terms.media_days),
            "resale": RESALE[sale_terms.most_resales],
            "law": LAW,
        },
    }
    return canonical(facts)


def _accounts(terms: FlowTerms) -> dict[str, str]:
    asked, money = terms.accounts, terms.currency
    balances = [None if each is None else show(each, money) for each in _sizes(terms)]
    ages = [None if each is None else f"{each:,} days" for each in (asked.min_age_days, asked.max_age_days)]
    return {
        "states": _any_of(asked.states),
        "debt_types": _any_of(asked.debt_types),
        "debtor_types": _any_of(asked.debtor_types),
        "face_value": _between(*balances),
        "age": _between(*ages),
    }


def _sizes(terms: FlowTerms) -> tuple[int | None, int | None]:
    return terms.accounts.min_face_value_cents, terms.accounts.max_face_value_cents


def _any_of(words: Sequence[str]) -> str:
    return ", ".join(words) or _ANY


def _between(least: str | None, most: str | None) -> str:
    if least is None:
        return _ANY if most is None else f"at most {most}"
    return f"at least {least}" if most is None else f"{least} to {most}"
