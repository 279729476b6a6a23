"""The same account offered twice: flagged to compliance, resolved by an officer."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.journal import service as journal
from market.kit.actor import SYSTEM, Actor, Role
from market.kit.errors import Malformed, NotFound
from market.kit.ids import Chance
from market.kit.pages import Page, PageRequest
from market.parties.rules import require
from market.portfolios.doubles import Flag, FlagResolved, Outcome, ResaleLimit, Resolution
from market.portfolios.rules import Pool, Portfolio
from market.portfolios.store import pools as pool_store
from market.portfolios.store import saleability as store
from market.portfolios.store.saleability import Overlap

_REASON_CHARS = 1000


async def flag_pool(tx: AsyncSession, pool_id: UUID, *, now: datetime, chance: Chance) -> None:
    """The platform notes for compliance in which pools the accounts of this one are on offer or sold."""
    pool = await pool_store.find_pool(tx, pool_id)
    if pool is None:
        raise AssertionError("a pool that was refused exists")
    await flag(tx, pool, await store.lock_and_find_overlaps(tx, pool_id), now=now, chance=chance)


async def flag(
    tx: AsyncSession, subject: Portfolio | Pool, overlaps: Sequence[Overlap], *, now: datetime, chance: Chance
) -> None:
    """Raise one flag for each other pool, unless the same one is open already."""
    pool_id = subject.pool_id if isinstance(subject, Pool) else None
    known = await store.open_flags_of(tx, subject.portfolio_id)
    fresh = [overlap for overlap in overlaps if (pool_id, overlap.pool_id) not in known]
    if not fresh:
        return
    await store.add_flags(tx, subject, [(chance.new_id(), overlap) for overlap in fresh], now=now)
    stream = f"pool:{pool_id}" if pool_id else f"portfolio:{subject.portfolio_id}"
    kind = "pool.double_sale_flagged" if pool_id else "portfolio.double_sale_flagged"
    body = {"account_count": sum(each.account_count for each in fresh), "other_pool_count": len(fresh)}
    await journal.append(tx, SYSTEM, stream, kind, body)


async def list_flags(tx: AsyncSession, actor: Actor, request: PageRequest, *, only_open: bool) -> Page[Flag]:
    """For officers: every account found in two listings, newest first. Raises `Forbidden`."""
    require(actor, role=Role.OFFICER)
    found = await store.list_flags(tx, request, only_open=only_open)
    return Page.cut(found, request, lambda each: each.flag_id)


async def resolve_flag(
    tx: AsyncSession, actor: Actor, flag_id: UUID, outcome: Outcome, reason: str, *, now: datetime
) -> Flag:
    """An officer decides, with a reason. `allowed` lets the portfolio's accounts be listed beside that other pool.

    Raises `Forbidden`, `NotFound`, `FlagResolved`, `Malformed`, and `ResaleLimit` if the seller bought them on other terms.
    """
    require(actor, role=Role.OFFICER)
    words = " ".join(reason.split())
    if not 1 <= len(words) <= _REASON_CHARS:
        raise Malformed(f"give a reason of 1 to {_REASON_CHARS} characters", field="reason")
    found = _existing(await store.find_flag(tx, flag_id))
    if found.resolution is not None:
        raise FlagResolved("an officer resolved this flag before; raise it again by publishing again")
    if actor.user_id is None:
        raise AssertionError("an officer is a person")
    left = await store.resales_left(tx, found.other_pool_id, found.org_id) if outcome is Outcome.ALLOWED else None
    if left is not None and left <= 0:
        raise ResaleLimit("by the terms that they were bought on, these accounts may not be sold on again")
    await store.add_resolution(tx, found, Resolution(outcome, words, actor.user_id, now))
    body = {"flag_id": flag_id, "outcome": outcome.value, "account_count": found.account_count}
    await journal.append(tx, actor, f"portfolio:{found.portfolio_id}", "portfolio.double_sale_resolved", body)
    return _existing(await store.find_flag(tx, flag_id))


def _existing(found: Flag | None) -> Flag:
    if found is None:
        raise NotFound("there is no such flag")
    return found
