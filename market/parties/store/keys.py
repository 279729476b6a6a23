"""API keys."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from market.db.tables.parties import ApiKeyDayRow, ApiKeyRow, PersonRow, StaffDisablingRow
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
            networks=list(key.networks),
            max_bid_cents=key.max_bid_cents,
            day_bid_cents=key.day_bid_cents,
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


@dataclass(frozen=True, slots=True)
class KeptKey:
    """A key that counts: the digest of its secret, from where it works, and who comes with it."""

    secret_sha256: bytes
    networks: tuple[str, ...]
    last_used_at: datetime | None
    actor: Actor


async def find_key(tx: AsyncSession, key_id: UUID, now: datetime) -> KeptKey | None:
    """A key that is neither revoked nor expired, of a person whose access is not disabled."""
    found = await tx.execute(
        select(ApiKeyRow, PersonRow.role)
        .join(PersonRow, PersonRow.user_id == ApiKeyRow.user_id)
        .outerjoin(StaffDisablingRow, StaffDisablingRow.user_id == ApiKeyRow.user_id)
        .where(
            ApiKeyRow.key_id == key_id,
            ApiKeyRow.revoked_at.is_(None),
            ApiKeyRow.expires_at > now,
            StaffDisablingRow.user_id.is_(None),
        )
    )
    pair = found.first()
    if pair is None:
        return None
    row = pair.ApiKeyRow
    actor = Actor(
        Role(pair.role), row.user_id, row.org_id, key_id, frozenset(row.scopes),
        max_bid_cents=row.max_bid_cents, day_bid_cents=row.day_bid_cents,
    )  # fmt: skip
    return KeptKey(row.secret_sha256, tuple(row.networks), row.last_used_at, actor)


async def touch_key(tx: AsyncSession, key_id: UUID, now: datetime) -> None:
    await tx.execute(update(ApiKeyRow).where(ApiKeyRow.key_id == key_id).values(last_used_at=now))


async def spend(tx: AsyncSession, actor: Actor, day: date, cents: int, limit_cents: int) -> bool:
    """Count an amount to the key's day; False, and nothing counted, if that would be more than the limit."""
    if cents > limit_cents:
        return False
    total = ApiKeyDayRow.bid_cents + cents
    counted = await tx.execute(
        insert(ApiKeyDayRow)
        .values(key_id=actor.key_id, day=day, org_id=actor.org_id, bid_cents=cents)
        .on_conflict_do_update(index_elements=["key_id", "day"], set_={"bid_cents": total}, where=total <= limit_cents)
        .returning(ApiKeyDayRow.bid_cents)
    )
    return counted.first() is not None


async def revoke_keys_of(tx: AsyncSession, user_id: UUID, now: datetime) -> int:
    """Revoke all of a person's keys; how many that were."""
    revoked = await tx.execute(
        update(ApiKeyRow)
        .where(ApiKeyRow.user_id == user_id, ApiKeyRow.revoked_at.is_(None))
        .values(revoked_at=now)
        .returning(ApiKeyRow.key_id)
    )
    return len(revoked.all())


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
    return ApiKey(
        row.key_id, row.name, tuple(row.scopes), row.created_at, row.expires_at, row.revoked_at,
        tuple(row.networks), row.max_bid_cents, row.day_bid_cents, row.last_used_at,
    )  # fmt: skip
