"""All SQL of the rules of tax."""

from datetime import date

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from market.db.tables.afterwards import TaxRuleRow
from market.kit.pages import PageRequest
from market.settlement.tax import TaxRule


async def add(tx: AsyncSession, rule: TaxRule) -> None:
    tx.add(TaxRuleRow(**{name: getattr(rule, name) for name in TaxRule.__slots__}))
    await tx.flush()


async def in_force(tx: AsyncSession, country: str, on: date) -> TaxRule | None:
    """The rule of a country that began last, by that day; of two of one day the one that was written down last."""
    row = await tx.scalar(
        select(TaxRuleRow)
        .where(TaxRuleRow.country == country, TaxRuleRow.valid_from_on <= on)
        .order_by(TaxRuleRow.valid_from_on.desc(), TaxRuleRow.tax_rule_id.desc())
        .limit(1)
    )
    return None if row is None else _rule(row)


async def list_all(tx: AsyncSession, request: PageRequest) -> list[TaxRule]:
    """Newest first."""
    query = select(TaxRuleRow).order_by(TaxRuleRow.tax_rule_id.desc()).limit(request.limit + 1)
    if request.after is not None:
        query = query.where(TaxRuleRow.tax_rule_id < request.after)
    return [_rule(row) for row in await tx.scalars(query)]


def _rule(row: TaxRuleRow) -> TaxRule:
    return TaxRule(*(getattr(row, name) for name in TaxRule.__slots__))
