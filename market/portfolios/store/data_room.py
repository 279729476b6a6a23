"""SQL of the data room: acceptances and downloads."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from market.db.tables.keys import BuyerCopyRow
from market.db.tables.portfolios import MaskedDownloadRow, NdaAcceptanceRow
from market.kit.pages import PageRequest
from market.portfolios.rules import Disclosure, Download, KeptFile
from market.portfolios.store.rows import before


async def accept_nda(tx: AsyncSession, row: dict[str, Any]) -> bool:
    """Whether this is the organisation's first acceptance of this version for this pool."""
    result = await tx.execute(
        upsert(NdaAcceptanceRow).values(**row).on_conflict_do_nothing().returning(NdaAcceptanceRow.pool_id)
    )
    return result.scalar_one_or_none() is not None


async def nda_accepted_at(tx: AsyncSession, pool_id: UUID, org_id: UUID, nda_version: str) -> datetime | None:
    found: datetime | None = await tx.scalar(
        select(NdaAcceptanceRow.accepted_at).where(
            NdaAcceptanceRow.pool_id == pool_id,
            NdaAcceptanceRow.org_id == org_id,
            NdaAcceptanceRow.nda_version == nda_version,
        )
    )
    return found


async def add_download(tx: AsyncSession, download: Download, user_id: UUID) -> None:
    await tx.execute(
        insert(MaskedDownloadRow).values(
            download_id=download.download_id,
            pool_id=download.pool_id,
            org_id=download.org_id,
            user_id=user_id,
            stage=download.stage.value,
            file_sha256=download.file_sha256,
            downloaded_at=download.downloaded_at,
        )
    )


async def list_downloads(tx: AsyncSession, pool_id: UUID, request: PageRequest) -> list[Download]:
    """Up to `limit + 1` downloads, newest first."""
    found = await tx.scalars(
        select(MaskedDownloadRow)
        .where(MaskedDownloadRow.pool_id == pool_id, *before(MaskedDownloadRow.download_id, request))
        .order_by(MaskedDownloadRow.download_id.desc())
        .limit(request.limit + 1)
    )
    return [
        Download(row.download_id, row.pool_id, row.org_id, Disclosure(row.stage), row.file_sha256, row.downloaded_at)
        for row in found
    ]


async def buyer_copy(tx: AsyncSession, pool_id: UUID, org_id: UUID) -> KeptFile | None:
    """The vetted file under this buyer's own tokens; None before it was made."""
    row = await tx.get(BuyerCopyRow, (pool_id, org_id))
    return None if row is None else KeptFile(row.file_sha256, row.file_size_bytes)


async def add_buyer_copy(tx: AsyncSession, pool_id: UUID, org_id: UUID, file: KeptFile, now: datetime) -> bool:
    """Whether this is the first time that the copy was made."""
    values = {"file_sha256": file.sha256, "file_size_bytes": file.size_bytes, "made_at": now}
    result = await tx.execute(
        upsert(BuyerCopyRow)
        .values(pool_id=pool_id, org_id=org_id, **values)
        .on_conflict_do_nothing()
        .returning(BuyerCopyRow.org_id)
    )
    return result.scalar_one_or_none() is not None


async def copy_holders(tx: AsyncSession, pool_id: UUID, limit: int = 1000) -> list[UUID]:
    """Who has a copy of a pool's vetted file."""
    found = await tx.scalars(
        select(BuyerCopyRow.org_id).where(BuyerCopyRow.pool_id == pool_id).order_by(BuyerCopyRow.org_id).limit(limit)
    )
    return list(found)
