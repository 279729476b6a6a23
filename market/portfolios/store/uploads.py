"""SQL of uploads in parts."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, delete, func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from market.db.tables.keys import UploadPartRow, UploadRow
from market.portfolios.uploads import Part, Upload

_MANY = 10_000


async def add_upload(tx: AsyncSession, upload: Upload, created_by: UUID) -> None:
    await tx.execute(
        insert(UploadRow).values(
            upload_id=upload.upload_id,
            org_id=upload.org_id,
            created_by=created_by,
            name=upload.name,
            currency=upload.currency,
            cut_off_on=upload.cut_off_on,
            length_bytes=upload.length_bytes,
            wrapped=upload.wrapped,
            created_at=upload.created_at,
            expires_at=upload.expires_at,
        )
    )


async def find_upload(tx: AsyncSession, upload_id: UUID) -> Upload | None:
    found = (await tx.execute(_with_offset().where(UploadRow.upload_id == upload_id))).one_or_none()
    return None if found is None else _upload(*found)


async def list_uploads(tx: AsyncSession, org_id: UUID, limit: int = 200) -> list[Upload]:
    """An organisation's unfinished uploads, newest first."""
    query = _with_offset().where(UploadRow.org_id == org_id).order_by(UploadRow.upload_id.desc()).limit(limit)
    return [_upload(*row) for row in await tx.execute(query)]


async def expired_upload(tx: AsyncSession, now: datetime) -> Upload | None:
    """One upload whose time is over."""
    found = (await tx.execute(_with_offset().where(UploadRow.expires_at < now).limit(1))).one_or_none()
    return None if found is None else _upload(*found)


async def add_part(tx: AsyncSession, upload: Upload, part: Part) -> bool:
    """Whether nobody else brought bytes for this place meanwhile."""
    result = await tx.execute(
        upsert(UploadPartRow)
        .values(
            upload_id=upload.upload_id,
            start_bytes=part.start_bytes,
            org_id=upload.org_id,
            size_bytes=part.size_bytes,
            sealed_sha256=part.sealed_sha256,
        )
        .on_conflict_do_nothing()
        .returning(UploadPartRow.start_bytes)
    )
    return result.scalar_one_or_none() is not None


async def parts_of(tx: AsyncSession, upload_id: UUID) -> list[Part]:
    """In the file's order."""
    found = await tx.scalars(
        select(UploadPartRow)
        .where(UploadPartRow.upload_id == upload_id)
        .order_by(UploadPartRow.start_bytes)
        .limit(_MANY)
    )
    return [Part(row.start_bytes, row.size_bytes, row.sealed_sha256) for row in found]


async def delete_upload(tx: AsyncSession, upload_id: UUID) -> None:
    """With its parts."""
    await tx.execute(delete(UploadPartRow).where(UploadPartRow.upload_id == upload_id))
    await tx.execute(delete(UploadRow).where(UploadRow.upload_id == upload_id))


def _with_offset() -> Select[Any]:
    offset = (
        select(func.coalesce(func.sum(UploadPartRow.size_bytes), 0))
        .where(UploadPartRow.upload_id == UploadRow.upload_id)
        .scalar_subquery()
    )
    return select(UploadRow, offset)


def _upload(row: UploadRow, offset_bytes: int) -> Upload:
    return Upload(
        upload_id=row.upload_id,
        org_id=row.org_id,
        name=row.name,
        currency=row.currency,
        cut_off_on=row.cut_off_on,
        length_bytes=row.length_bytes,
        wrapped=row.wrapped,
        created_at=row.created_at,
        expires_at=row.expires_at,
        offset_bytes=int(offset_bytes),
    )
