"""Pools are cut, offered, sold."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.journal import service as journal
from market.kit.actor import Actor, Role
from market.kit.errors import Malformed, NotFound
from market.kit.ids import Chance
from market.kit.pages import Page, PageRequest
from market.parties.rules import require
from market.portfolios.doubles import AccountsOnOffer
from market.portfolios.rules import (
    BadSelection,
    Circle,
    KeyPurpose,
    Pool,
    PoolNotThere,
    PoolOrder,
    PoolState,
    SalePackage,
    TapeOnOffer,
    checked_name,
    key_context,
    require_cuttable,
    require_sound,
)
from market.portfolios.service.portfolios import existing, own_org, own_user, require_may_list
from market.portfolios.shreds import Shredded
from market.portfolios.store import keys as keys_store
from market.portfolios.store import pools as store
from market.portfolios.store import portfolios as portfolio_store
from market.portfolios.store import saleability as saleability_store

_READ = "portfolios:read"


async def cut_pools(
    tx: AsyncSession, actor: Actor, portfolio_id: UUID, orders: Sequence[PoolOrder], *, now: datetime, chance: Chance
) -> list[Pool]:
    """The seller asks for pools; the first rule that an account meets takes it, so that no account is in two.

    Accounts of a pool that is refused when it is cut are free for pools that are asked for afterwards.
    Raises `NotCleared`, `NotFound`, `PortfolioNotThere`, `BadSelection`.
    """
    await require_may_list(tx, actor, now)
    portfolio = existing(await portfolio_store.lock_portfolio(tx, portfolio_id))
    before = await store.pools_of(tx, portfolio_id)
    require_cuttable(portfolio, pool_count=len(before), ordered_count=len(orders))
    tape = await portfolio_store.tape_of(tx, portfolio_id)
    taken = [pool.pool_id for pool in before if pool.state is not PoolState.REFUSED]
    ids = sorted(chance.new_id() for _ in orders)
    pools = [
        Pool(
            pool_id=pool_id,
            portfolio_id=portfolio_id,
            org_id=portfolio.org_id,
            name=_name(order, place),
            selection=order.selection,
            excluded_pool_ids=(*taken, *ids[:place]),
            state=PoolState.CUTTING,
            currency=portfolio.currency,
            tape_version=tape.original.sha256,
            created_by=own_user(actor),
            created_at=now,
        )
        for place, (pool_id, order) in enumerate(zip(ids, orders, strict=True))
    ]
    await store.add_pools(tx, pools)
    for pool in pools:
        await journal.append(tx, actor, f"pool:{pool.pool_id}", "pool.ordered", {"portfolio_id": portfolio_id})
    return pools


async def find_pool(tx: AsyncSession, actor: Actor, pool_id: UUID) -> Pool:
    """A pool of one's own, or one that is or was on offer to the actor's organisation. Raises `NotFound`."""
    require(actor, scope=_READ)
    return _existing(await store.find_pool(tx, pool_id))


async def find_pools(tx: AsyncSession, pool_ids: Collection[UUID]) -> dict[UUID, Pool]:
    """By id, those of a few pools that the transaction's actor may see."""
    return {pool.pool_id: pool for pool in await store.find_pools(tx, pool_ids)}


async def state_sums(tx: AsyncSession, pool_id: UUID) -> dict[str, dict[str, int]]:
    """Accounts and face value by debtor state of a pool on offer, to be told in part only. Raises `NotFound`."""
    return _existing(await store.find_pool(tx, pool_id)).state_sums or {}


async def list_pools(
    tx: AsyncSession, actor: Actor, request: PageRequest, *, portfolio_id: UUID | None, own: bool
) -> Page[Pool]:
    """Newest first: one's own pools (of one portfolio), or else all pools that are or were on offer."""
    require(actor, scope=_READ)
    org_id = own_org(actor) if own and actor.role is Role.MEMBER else None
    found = await store.list_pools(tx, request, portfolio_id=portfolio_id, org_id=org_id)
    return Page.cut(found, request, lambda pool: pool.pool_id)


async def offerable_pool(tx: AsyncSession, pool_id: UUID) -> Pool:
    """A pool of one's own that is ready to be offered. Locks its row, and its tape against being offered elsewhere.

    Raises `NotFound`, `PoolNotThere`, and `TapeOnOffer` when the same file is on offer or sold in another portfolio.
    """
    pool = _existing(await store.lock_pool(tx, pool_id))
    if pool.state is not PoolState.READY:
        raise PoolNotThere(f"the pool is {pool.state.value}; only a ready pool can be offered")
    if await keys_store.shredding_of(tx, pool.portfolio_id) is not None:
        raise Shredded("the portfolio's keys were destroyed; nothing of it can be sold")
    if await store.lock_tape_offered_elsewhere(tx, pool):
        raise TapeOnOffer("the same tape is on offer or sold in another portfolio; an account is sold once")
    return pool


async def mark_offered(tx: AsyncSession, actor: Actor, pool_id: UUID, auction_id: UUID, circle: Circle) -> Pool:
    """A ready pool goes on offer in an auction; from now on everyone signed in, or who is invited, may see it.

    Locks its row, and everybody else's offers until the transaction ends. Raises `AccountsOnOffer` when one of its accounts
    is on offer or sold in another pool.
    """
    await _require_sold_once(tx, pool_id)
    await store.offer_pool(tx, pool_id, auction_id, circle)
    await journal.append(tx, actor, f"pool:{pool_id}", "pool.offered", {"auction_id": auction_id})
    return _existing(await store.find_pool(tx, pool_id))


async def mark_delivered(tx: AsyncSession, actor: Actor, pool_id: UUID, flow_id: UUID) -> Pool:
    """A ready pool is delivered into a forward flow; from now on the flow's buyer may see it, and nobody else.

    It locks and raises what `mark_offered` does.
    """
    await _require_sold_once(tx, pool_id)
    await store.deliver_pool(tx, pool_id, flow_id)
    await journal.append(tx, actor, f"pool:{pool_id}", "pool.delivered", {"flow_id": flow_id})
    return _existing(await store.find_pool(tx, pool_id))


async def _require_sold_once(tx: AsyncSession, pool_id: UUID) -> None:
    await offerable_pool(tx, pool_id)
    overlaps = await saleability_store.lock_and_find_overlaps(tx, pool_id)
    if overlaps:
        count = sum(each.account_count for each in overlaps)
        raise AccountsOnOffer(
            f"{count} accounts of this pool are on offer or sold in {len(overlaps)} other pools; compliance was told",
            account_count=count,
        )


async def mark_sold(tx: AsyncSession, actor: Actor, pool_id: UUID) -> Pool:
    """The pool on offer has a new owner: it can never be offered again. Locks its row. Raises `PoolNotThere`."""
    pool = await _on_offer(tx, pool_id)
    await store.sell_pool(tx, pool_id)
    await journal.append(tx, actor, f"pool:{pool_id}", "pool.sold", _where(pool))
    return _existing(await store.find_pool(tx, pool_id))


async def mark_unsold(tx: AsyncSession, actor: Actor, pool_id: UUID) -> Pool:
    """The pool on offer found no buyer: it is ready to be offered again. Locks its row. Raises `PoolNotThere`."""
    pool = await _on_offer(tx, pool_id)
    await store.save_pool(tx, pool_id, PoolState.READY, auction_id=None, flow_id=None)
    await journal.append(tx, actor, f"pool:{pool_id}", "pool.unsold", _where(pool))
    return _existing(await store.find_pool(tx, pool_id))


async def sale_package(tx: AsyncSession, pool_id: UUID) -> SalePackage:
    """What the settlement of a pool hands over. Raises `NotFound` for all but the seller and the platform, `PoolNotThere`."""
    pool = _existing(await store.find_pool(tx, pool_id))
    data_key = await store.pool_key(tx, pool_id, KeyPurpose.SALE)
    commit_key = await store.pool_key(tx, pool_id, KeyPurpose.COMMIT)
    cut = (pool.sale, pool.leaves, pool.preview, pool.vetted)
    if pool.state in {PoolState.CUTTING, PoolState.REFUSED} or None in cut:
        raise PoolNotThere(f"the pool is {pool.state.value}; it has no sale file")
    if data_key is None or commit_key is None:
        raise NotFound("the sale file of this pool is not yours")
    if pool.sale is None or pool.leaves is None or pool.preview is None or pool.vetted is None:
        raise AssertionError("a pool that was cut has all its files")
    return SalePackage(
        pool_id=pool_id,
        portfolio_id=pool.portfolio_id,
        org_id=pool.org_id,
        file=pool.sale,
        wrapped_key=data_key,
        key_context=key_context(KeyPurpose.SALE, pool_id),
        leaves=pool.leaves,
        wrapped_commit_key=commit_key,
        commit_key_context=key_context(KeyPurpose.COMMIT, pool_id),
        commitment_root=pool.commitment_root or "",
        account_count=pool.account_count or 0,
        face_value_cents=pool.face_value_cents or 0,
        currency=pool.currency,
        debtor_states=pool.debtor_states or (),
        preview=pool.preview,
        vetted=pool.vetted,
        tape_version=pool.tape_version,
    )


async def balances(tx: AsyncSession, pool_id: UUID, row_numbers: Sequence[int]) -> dict[int, int]:
    """Row of the sale file -> its balance there; for the platform, and for the parties once the sale is released."""
    return await store.balances(tx, pool_id, row_numbers)


async def _on_offer(tx: AsyncSession, pool_id: UUID) -> Pool:
    pool = _existing(await store.lock_pool(tx, pool_id))
    if pool.state is not PoolState.OFFERED:
        raise PoolNotThere(f"the pool is {pool.state.value}, not on offer")
    return pool


def _where(pool: Pool) -> dict[str, UUID | None]:
    return {"flow_id": pool.flow_id} if pool.flow_id else {"auction_id": pool.auction_id}


def _existing(pool: Pool | None) -> Pool:
    if pool is None:
        raise NotFound("there is no such pool, or it is not on offer")
    return pool


def _name(order: PoolOrder, place: int) -> str:
    require_sound(order.selection)
    try:
        return checked_name(order.name)
    except Malformed as error:
        raise BadSelection(error.detail, field=f"pools[{place}].name") from None
