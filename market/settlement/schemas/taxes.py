"""Rules of tax on the wire."""

from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from msgspec import Meta, Struct

from market.kit.pages import Page
from market.settlement.tax import MAX_RATE_BPS, TaxRule


class TaxRuleIn(Struct, frozen=True, forbid_unknown_fields=True):
    """`source` cites the law or the advice that the rate follows."""

    country: Annotated[str, Meta(pattern="^[A-Z]{2}$")]
    name: Annotated[str, Meta(min_length=1, max_length=60)]
    rate_bps: Annotated[int, Meta(ge=0, le=MAX_RATE_BPS)]
    source: Annotated[str, Meta(min_length=1, max_length=300)]
    valid_from_on: date


class TaxRuleView(Struct, frozen=True, forbid_unknown_fields=True):
    tax_rule_id: UUID
    country: str
    name: str
    rate_bps: int
    source: str
    valid_from_on: date
    created_at: datetime

    @classmethod
    def from_rule(cls, rule: TaxRule) -> Self:
        return cls(
            rule.tax_rule_id, rule.country, rule.name, rule.rate_bps, rule.source, rule.valid_from_on, rule.created_at
        )


class TaxRulePage(Struct, frozen=True, forbid_unknown_fields=True):
    items: list[TaxRuleView]
    next_cursor: str | None

    @classmethod
    def from_page(cls, page: Page[TaxRule]) -> Self:
        return cls([TaxRuleView.from_rule(each) for each in page.items], page.next_cursor)
