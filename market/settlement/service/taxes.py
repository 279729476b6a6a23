"""Which tax the commission bears: rules that an operator states, applied at the award, kept with the sale."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.journal import service as journal
from market.kit.actor import Actor, Role
from market.kit.ids import Chance
from market.kit.pages import Page, PageRequest
from market.parties import service as parties
from market.parties.rules import require, require_person
from market.settlement.rules import Party
from market.settlement.service.books import READ
from market.settlement.store import taxes as store
from market.settlement.tax import Taxed, TaxRule, taxed


async def state_tax_rule(
    tx: AsyncSession,
    actor: Actor,
    *,
    country: str,
    name: str,
    rate_bps: int,
    source: str,
    valid_from_on: date,
    now: datetime,
    chance: Chance,
) -> TaxRule:
    """An operator states a rate from a day on; sales that were awarded before keep theirs. Raises `Malformed`."""
    require(actor, role=Role.OPERATOR, scope="settlements:write")
    require_person(actor)
    if actor.user_id is None:
        raise AssertionError("an operator is a person")
    rule = TaxRule(
        chance.new_id(), country, name.strip(), rate_bps, source.strip(), valid_from_on, actor.user_id, now
    ).checked()
    await store.add(tx, rule)
    body = {"tax_rule_id": rule.tax_rule_id, "country": country, "rate_bps": rate_bps, "valid_from_on": valid_from_on}
    await journal.append(tx, actor, f"tax:{country}", "tax.stated", body)
    return rule


async def list_tax_rules(tx: AsyncSession, actor: Actor, request: PageRequest) -> Page[TaxRule]:
    """All rules that were ever stated, newest first; for everybody, since they decide what a commission costs."""
    require(actor, scope=READ)
    return Page.cut(await store.list_all(tx, request), request, lambda rule: rule.tax_rule_id)


async def tax_of(tx: AsyncSession, party: Party, org_id: UUID, fee_cents: int, on: date) -> Taxed | None:
    """The tax on a party's part of the commission of a sale awarded on that day; None without a fee or a rule."""
    payer = await parties.find_organisation(tx, org_id)
    if payer is None:
        raise AssertionError("a party of a sale exists")
    rule = await store.in_force(tx, payer.country, on)
    return taxed(party, rule, fee_cents) if rule is not None and fee_cents else None
