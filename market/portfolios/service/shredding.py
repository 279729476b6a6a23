"""A portfolio's keys are destroyed: nothing of its tape or sale files can ever be opened again, and the record stays."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from market.journal import service as journal
from market.kit.actor import SYSTEM, Actor, Role
from market.kit.errors import Forbidden, Malformed, NotFound
from market.kit.ids import Chance
from market.kit.pages import Page, PageRequest
from market.parties.rules import require
from market.portfolios.rules import Portfolio
from market.portfolios.shreds import Cause, Expired, NotToBeShredded, Shredded, Shredding, ShredOrder
from market.portfolios.store import keys as store
from market.portfolios.store import portfolios as portfolio_store

_REASON_CHARS = 1000


async def ask_shredding(
    tx: AsyncSession, actor: Actor, portfolio_id: UUID, reason: str, *, now: datetime, chance: Chance
) -> ShredOrder:
    """An officer asks that a portfolio be shredded; another officer has to approve. Raises `NotFound`, `Shredded`, `Malformed`."""
    require(actor, role=Role.OFFICER)
    words = " ".join(reason.split())
    if not 1 <= len(words) <= _REASON_CHARS:
        raise Malformed(f"give a reason of 1 to {_REASON_CHARS} characters", field="reason")
    portfolio = await _to_shred(tx, portfolio_id)
    if actor.user_id is None:
        raise AssertionError("an officer is a person")
    order = ShredOrder(chance.new_id(), portfolio_id, portfolio.org_id, words, actor.user_id, now)
    await store.add_order(tx, order)
    body = {"order_id": order.order_id}
    await journal.append(tx, actor, f"portfolio:{portfolio_id}", "portfolio.shredding_asked", body)
    return order


async def approve_shredding(tx: AsyncSession, actor: Actor, order_id: UUID) -> Shredding:
    """Another officer approves, and every wrapped key of the portfolio is deleted in this transaction.

    Raises `Forbidden` for who asked, `NotFound`, `Shredded`, and `NotToBeShredded` while a pool is on offer or the seller is
    on legal hold. Locks the portfolio.
    """
    require(actor, role=Role.OFFICER)
    order = await store.find_order(tx, order_id)
    if order is None:
        raise NotFound("there is no such order")
    if order.asked_by == actor.user_id:
        raise Forbidden("who asks for a shredding does not approve it: let another officer look")
    portfolio = await _to_shred(tx, order.portfolio_id)
    return await _shred(tx, actor, portfolio, Cause.ORDER, order_id=order_id, approved_by=actor.user_id)


async def list_shreddings(
    tx: AsyncSession, actor: Actor, request: PageRequest
) -> Page[tuple[ShredOrder, Shredding | None]]:
    """For officers: what was asked for, newest first, and what became of it."""
    require(actor, role=Role.OFFICER)
    found = await store.list_orders(tx, request)
    return Page.cut(found, request, lambda each: each[0].order_id)


async def shred(tx: AsyncSession, portfolio_id: UUID, cause: Cause) -> Shredding:
    """The platform destroys a portfolio's keys, by its retention rule or by command of whoever runs the machine.

    Raises `NotFound`, `Shredded`, `NotToBeShredded`. Locks the portfolio.
    """
    return await _shred(tx, SYSTEM, await _to_shred(tx, portfolio_id), cause)


async def past_retention(tx: AsyncSession, *, now: datetime, days: int, limit: int = 100) -> list[Expired]:
    """Portfolios that sold nothing in `days` since their upload and may be shredded; none if `days` is 0."""
    return await store.past_retention(tx, now - timedelta(days=days), limit) if days else []


async def _to_shred(tx: AsyncSession, portfolio_id: UUID) -> Portfolio:
    portfolio = await portfolio_store.find_portfolio(tx, portfolio_id)
    if portfolio is None:
        raise NotFound("there is no such portfolio")
    if await store.shredding_of(tx, portfolio_id) is not None:
        raise Shredded("its keys were destroyed before")
    return portfolio


async def _shred(tx: AsyncSession, actor: Actor, portfolio: Portfolio, cause: Cause, **order: Any) -> Shredding:
    try:
        await store.shred(tx, portfolio.portfolio_id, portfolio.org_id, cause, **order)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", "") != "42501":  # insufficient_privilege, raised by the guard
            raise
        raise NotToBeShredded("a pool of it is on offer or was sold, or its seller is on legal hold") from None
    done = await store.shredding_of(tx, portfolio.portfolio_id)
    if done is None:
        raise AssertionError("the shredding was just written")
    body = {"cause": cause.value, "wrap_count": done.wrap_count}
    await journal.append(tx, actor, f"portfolio:{portfolio.portfolio_id}", "portfolio.shredded", body)
    return done
