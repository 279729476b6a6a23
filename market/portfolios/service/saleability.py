"""What may not be sold is shown to its seller, and held together if the seller wants."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import numpy as np
from sqlalchemy.ext.asyncio import AsyncSession

from market.journal import service as journal
from market.kit.actor import Actor, Role
from market.kit.errors import NotFound
from market.parties.rules import require
from market.portfolios.doubles import HeldPool, NothingToHold
from market.portfolios.rules import checked_name
from market.portfolios.saleability import RULE_IDS, CarveOut
from market.portfolios.service.portfolios import find_portfolio, own_user
from market.portfolios.store import saleability as store

_WRITE = "portfolios:write"


async def carve_outs(tx: AsyncSession, actor: Actor, portfolio_id: UUID) -> list[CarveOut]:
    """What each rule found in one's own portfolio, in order of precedence. Raises `NotFound`."""
    await find_portfolio(tx, actor, portfolio_id)
    return await store.carve_outs(tx, portfolio_id)


async def hold(
    tx: AsyncSession,
    actor: Actor,
    portfolio_id: UUID,
    name: str,
    rule_ids: Sequence[str],
    *,
    held_pool_id: UUID,
    now: datetime,
) -> HeldPool:
    """Carved-out accounts become a held pool: those that these rules took, or all of them. Raises `NotFound`, `NothingToHold`.

    An account is in it under the rule that took it, so pools held by different rules have no account in common.
    """
    require(actor, role=Role.MEMBER, scope=_WRITE)
    portfolio = await find_portfolio(tx, actor, portfolio_id)
    if unknown := sorted(set(rule_ids) - set(RULE_IDS)):
        raise NothingToHold(f"no such rule: {unknown[0]}", field="rule_ids")
    found = await store.carve_outs(tx, portfolio_id)
    taken = [each for each in taken_by_first(found) if each.carved and (not rule_ids or each.rule_id in rule_ids)]
    if not sum(each.account_count for each in taken):
        raise NothingToHold("no account is carved out by these rules", field="rule_ids")
    held = HeldPool(
        held_pool_id=held_pool_id,
        portfolio_id=portfolio_id,
        org_id=portfolio.org_id,
        name=checked_name(name),
        rule_ids=tuple(each.rule_id for each in taken),
        account_count=sum(each.account_count for each in taken),
        face_value_cents=sum(each.face_value_cents for each in taken),
        row_numbers=tuple(np.sort(np.concatenate([each.row_numbers for each in taken])).tolist()),
        created_at=now,
    )
    await store.add_held_pool(tx, held, own_user(actor))
    body = {"held_pool_id": held_pool_id, "account_count": held.account_count, "rules": list(held.rule_ids)}
    await journal.append(tx, actor, f"portfolio:{portfolio_id}", "portfolio.accounts_held", body)
    return held


async def held_pools(tx: AsyncSession, actor: Actor, portfolio_id: UUID) -> list[HeldPool]:
    """The portfolio's held pools, oldest first. Raises `NotFound`."""
    await find_portfolio(tx, actor, portfolio_id)
    return await store.held_pools(tx, portfolio_id)


async def held_pool(tx: AsyncSession, actor: Actor, portfolio_id: UUID, held_pool_id: UUID) -> HeldPool:
    """One of them. Raises `NotFound`."""
    for found in await held_pools(tx, actor, portfolio_id):
        if found.held_pool_id == held_pool_id:
            return found
    raise NotFound("the portfolio has no such held pool")


def taken_by_first(found: Sequence[CarveOut]) -> list[CarveOut]:
    """The same with only the rows that each rule took: a row counts under the first rule that it met."""
    seen = np.zeros(0, np.int64)
    result = []
    for each in found:
        mine = np.setdiff1d(each.row_numbers, seen)
        seen = np.union1d(seen, mine)
        result.append(
            CarveOut(each.rule_id, each.carved, each.met_count, each.account_count, each.face_value_cents, mine)
        )
    return result
