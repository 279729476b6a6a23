"""The data room: who may look how far, and the record of who looked."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.compliance import service as compliance
from market.journal import service as journal
from market.kit.actor import Actor, Role
from market.kit.errors import Forbidden
from market.kit.pages import Page, PageRequest
from market.parties.rules import require
from market.portfolios.nda import NDA_SHA256, NDA_VERSION
from market.portfolios.rules import (
    Disclosure,
    Download,
    KeptFile,
    NdaOutdated,
    NdaRequired,
    Pool,
    PoolNotThere,
    PoolState,
)
from market.portfolios.service.pools import find_pool
from market.portfolios.service.portfolios import own_org, own_user
from market.portfolios.store import data_room as store

_READ, _WRITE = "portfolios:read", "portfolios:write"


async def nda_accepted_at(tx: AsyncSession, actor: Actor, pool_id: UUID) -> datetime | None:
    """When the actor's organisation accepted the present terms for this pool. Raises `NotFound`."""
    require(actor, role=Role.MEMBER, scope=_READ)
    await find_pool(tx, actor, pool_id)
    return await store.nda_accepted_at(tx, pool_id, own_org(actor), NDA_VERSION)


async def has_accepted_nda(tx: AsyncSession, pool_id: UUID, org_id: UUID) -> bool:
    """Whether an organisation accepted the present terms; visible to itself, the pool's seller and the platform."""
    return await store.nda_accepted_at(tx, pool_id, org_id, NDA_VERSION) is not None


async def accept_nda(tx: AsyncSession, actor: Actor, pool_id: UUID, nda_version: str, *, now: datetime) -> datetime:
    """A person accepts the terms for its organisation; a second acceptance changes nothing. Returns when it was accepted.

    Raises `NdaOutdated` for another version than the present one, `PoolNotThere` for a pool that is not on offer.
    """
    require(actor, role=Role.MEMBER, scope=_WRITE)
    pool = await find_pool(tx, actor, pool_id)
    org_id = own_org(actor)
    if pool.org_id == org_id:
        raise Forbidden("the seller of a pool does not accept its non-disclosure terms")
    _require_on_offer(pool)
    if nda_version != NDA_VERSION:
        raise NdaOutdated(f"the present terms are version {NDA_VERSION}; read them and accept that version")
    row = {
        "pool_id": pool_id,
        "org_id": org_id,
        "nda_version": NDA_VERSION,
        "text_sha256": NDA_SHA256,
        "accepted_by": own_user(actor),
        "accepted_at": now,
    }
    if await store.accept_nda(tx, row):
        body = {"nda_version": NDA_VERSION, "text_sha256": NDA_SHA256}
        await journal.append(tx, actor, f"pool:{pool_id}", "pool.nda_accepted", body)
    return await store.nda_accepted_at(tx, pool_id, org_id, NDA_VERSION) or now


async def wants_copy(tx: AsyncSession, actor: Actor, pool_id: UUID, stage: Disclosure, *, now: datetime) -> bool:
    """Whether this download is one of a buyer's own copy that is still to be made. Raises what `masked_file` raises."""
    pool = await _admitted(tx, actor, pool_id, stage, now)
    if stage is Disclosure.PREVIEW or pool.org_id == own_org(actor):
        return False
    return await store.buyer_copy(tx, pool_id, own_org(actor)) is None


async def masked_file(
    tx: AsyncSession, actor: Actor, pool_id: UUID, stage: Disclosure, *, download_id: UUID, now: datetime
) -> KeptFile:
    """A masked file of a pool, for its seller or, while it is on offer, for a bidder; the download is recorded.

    Both stages have a row for each debtor, so both need a clearance to bid: the preview any, the vetted one in the pool's
    currency and the accepted terms. A bidder's vetted file is its organisation's own copy. Raises `NotCleared`,
    `ChecksPending`, `NdaRequired`. Also raises `NotFound` and `PoolNotThere`.
    """
    pool = await _admitted(tx, actor, pool_id, stage, now)
    org_id = own_org(actor)
    file = pool.preview if stage is Disclosure.PREVIEW else pool.vetted
    if stage is Disclosure.VETTED and pool.org_id != org_id:
        file = await store.buyer_copy(tx, pool_id, org_id)
    if file is None:
        raise PoolNotThere(f"the pool is {pool.state.value}; it has no masked file yet")
    download = Download(download_id, pool_id, org_id, stage, file.sha256, now)
    await store.add_download(tx, download, own_user(actor))
    body = {"org_id": org_id, "stage": stage.value, "file_sha256": file.sha256}
    await journal.append(tx, actor, f"pool:{pool_id}", "pool.masked_file_taken", body)
    return file


async def vetted_sha256(tx: AsyncSession, pool_id: UUID, org_id: UUID) -> str | None:
    """The digest of the vetted file as this buyer has it, by which a sale names it; None if it never took one."""
    found = await store.buyer_copy(tx, pool_id, org_id)
    return None if found is None else found.sha256


async def downloads(tx: AsyncSession, actor: Actor, pool_id: UUID, request: PageRequest) -> Page[Download]:
    """Who took which masked file of one's own pool, newest first. Raises `NotFound`, and `Forbidden` for others' pools."""
    require(actor, role=Role.MEMBER, scope=_READ)
    pool = await find_pool(tx, actor, pool_id)
    if pool.org_id != own_org(actor):
        raise Forbidden("only the seller of a pool sees who took its files")
    found = await store.list_downloads(tx, pool_id, request)
    return Page.cut(found, request, lambda download: download.download_id)


def _require_on_offer(pool: Pool) -> None:
    if pool.state is not PoolState.OFFERED:
        raise PoolNotThere("the pool is not on offer; its files are closed")


async def _admitted(tx: AsyncSession, actor: Actor, pool_id: UUID, stage: Disclosure, now: datetime) -> Pool:
    require(actor, role=Role.MEMBER, scope=_READ)
    pool = await find_pool(tx, actor, pool_id)
    org_id = own_org(actor)
    if pool.org_id != org_id:
        is_vetted = stage is Disclosure.VETTED
        await compliance.require_clearance(tx, org_id, "bid", now, currency=pool.currency if is_vetted else None)
        _require_on_offer(pool)
        if is_vetted and not await has_accepted_nda(tx, pool_id, org_id):
            raise NdaRequired("accept the non-disclosure terms of this pool first")
    return pool
