"""Tax on the commission: a stored rule of the payer's country, applied to its part of the fee. Pure."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from market.bidding.commission import divide_half_even
from market.kit.errors import Malformed
from market.settlement.rules import Party

MAX_RATE_BPS = 3_000


@dataclass(frozen=True, slots=True)
class TaxRule:
    """From `valid_from_on` on, services to organisations of `country` bear `rate_bps`; `source` cites the law or the advice."""

    tax_rule_id: UUID
    country: str
    name: str
    rate_bps: int
    source: str
    valid_from_on: date
    created_by: UUID
    created_at: datetime

    def checked(self) -> "TaxRule":
        """The same. Raises `Malformed` naming the field."""
        if not (len(self.country) == 2 and self.country.isascii() and self.country.isupper()):
            raise Malformed("must be an ISO 3166 code of two capital letters", field="country")
        if not 0 <= self.rate_bps <= MAX_RATE_BPS:
            raise Malformed(f"must be 0 to {MAX_RATE_BPS} basis points", field="rate_bps")
        for field, text, most in (("name", self.name, 60), ("source", self.source, 300)):
            if not (1 <= len(text.strip()) <= most and text.isprintable()):
                raise Malformed(f"must have 1 to {most} printable characters", field=field)
        return self


@dataclass(frozen=True, slots=True)
class Taxed:
    """The tax on one party's part of the commission, with the rule that made it, as kept with the sale."""

    party: Party
    rule: TaxRule
    tax_cents: int

    def to_json(self) -> dict[str, object]:
        rule = self.rule
        return {
            "party": self.party.value,
            "tax_rule_id": f"{rule.tax_rule_id}",
            "country": rule.country,
            "name": rule.name,
            "rate_bps": rule.rate_bps,
            "tax_cents": self.tax_cents,
        }


def taxed(party: Party, rule: TaxRule, fee_cents: int) -> Taxed:
    """Rounded once, half-even, to the minor unit of the sale's currency."""
    return Taxed(party, rule, divide_half_even(fee_cents * rule.rate_bps, 10_000))
