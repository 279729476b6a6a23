"""API keys."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from market.db.tables.parties import ApiKeyRow, PersonRow
from market.kit.actor import Actor, Role
from market.kit.pages import PageRequest
from market.parties.rules import ApiKey


async def add_key(tx: AsyncSession, actor: Actor, key: ApiKey, digest: bytes) -> None:
    await tx.execute(
        insert(ApiKeyRow).values(
            key_id=key.key_id,
            user_id=actor.user_id,
            org_id=actor.org_id,
            name=key.name,
            scopes=list(key.scopes),
            secret_sha256=digest,
            created_at=key.created_at,
            expires_at=key.expires_at,
        )
    )


async def count_live_keys(tx: AsyncSession, org_id: UUID, now: datetime) -> int:
    count = await tx.scalar(
        select(func.count())
        .select_from(ApiKeyRow)
        .where(ApiKeyRow.org_id == org_id, ApiKeyRow.revoked_at.is_(None), ApiKeyRow.expires_at > now)
    )
    return int(count or 0)


async def list_keys(tx: AsyncSession, org_id: UUID, page: PageRequest) -> list[ApiKey]:
    """Up to one more than asked for, in order of creation."""
    query = select(ApiKeyRow).where(ApiKeyRow.org_id == org_id).order_by(ApiKeyRow.key_id).limit(page.limit + 1)
    if page.after is not None:
        query = query.where(ApiKeyRow.key_id > page.after)
    return [_key(row) for row in await tx.scalars(query)]


async def find_key(tx: AsyncSession, key_id: UUID, now: datetime) -> tuple[bytes, Actor] | None:
    """(digest of the secret, who) of a key that is neither revoked nor expired."""
    found = await tx.execute(
        select(ApiKeyRow.secret_sha256, ApiKeyRow.scopes, PersonRow.role, PersonRow.user_id, PersonRow.org_id)
        .join(PersonRow, PersonRow.user_id == ApiKeyRow.user_id)
        .where(ApiKeyRow.key_id == key_id, ApiKeyRow.revoked_at.is_(None), ApiKeyRow.expires_at > now)
    )
    row = found.first()
    if row is None:
        return None
    return row.secret_sha256, Actor(Role(row.role), row.user_id, row.org_id, key_id, frozenset(row.scopes))


async def revoke_key(tx: AsyncSession, org_id: UUID, key_id: UUID, now: datetime) -> bool:
    """Whether there was such a key and it was not revoked before."""
    revoked = await tx.execute(
        update(ApiKeyRow)
        .where(ApiKeyRow.key_id == key_id, ApiKeyRow.org_id == org_id, ApiKeyRow.revoked_at.is_(None))
        .values(revoked_at=now)
        .returning(ApiKeyRow.key_id)
    )
    return revoked.first() is not None


def _key(row: ApiKeyRow) -> ApiKey:
    return ApiKey(row.key_id, row.name, tuple(row.scopes), row.created_at, row.expires_at, row.revoked_at)
