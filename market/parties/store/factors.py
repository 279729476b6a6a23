"""Second factors, ceremonies under way, and recovery codes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from market.db.tables.parties import PasskeyChallengeRow, PasskeyRow, RecoveryCodeRow, TotpFactorRow
from market.parties.factors import FACTOR_COUNT, Factor, FactorKind
from market.parties.passkeys import Passkey
from market.parties.rules import Person


@dataclass(frozen=True, slots=True, repr=False)
class KeptTotp:
    """An authenticator app's row: the secret as sealed, and the newest step whose code was used."""

    factor_id: UUID
    sealed_secret: bytes
    last_step: int
    created_at: datetime
    confirmed_at: datetime | None


async def list_factors(tx: AsyncSession, user_id: UUID) -> list[Factor]:
    """The confirmed factors that count, oldest first; a cloned passkey is shown, though it opens nothing."""
    apps = await tx.scalars(
        select(TotpFactorRow)
        .where(
            TotpFactorRow.user_id == user_id,
            TotpFactorRow.confirmed_at.is_not(None),
            TotpFactorRow.removed_at.is_(None),
        )
        .limit(FACTOR_COUNT)
    )
    found = [Factor(row.factor_id, FactorKind.TOTP, row.name, row.created_at, row.last_used_at) for row in apps]
    passkeys = await tx.scalars(
        select(PasskeyRow).where(PasskeyRow.user_id == user_id, PasskeyRow.removed_at.is_(None)).limit(FACTOR_COUNT)
    )
    found += [
        Factor(row.factor_id, FactorKind.PASSKEY, row.name, row.created_at, row.last_used_at, row.cloned_at)
        for row in passkeys
    ]
    return sorted(found, key=lambda factor: factor.factor_id)


async def kinds_of(tx: AsyncSession, user_id: UUID) -> list[FactorKind]:
    """What the person can prove with, besides recovery codes; a cloned passkey still asks for another factor."""
    return sorted({factor.kind for factor in await list_factors(tx, user_id)})


async def add_totp(
    tx: AsyncSession, person: Person, factor_id: UUID, *, name: str, sealed_secret: bytes, now: datetime
) -> None:
    """A factor to be confirmed; one that waited for it is dropped."""
    await tx.execute(
        update(TotpFactorRow)
        .where(
            TotpFactorRow.user_id == person.user_id,
            TotpFactorRow.confirmed_at.is_(None),
            TotpFactorRow.removed_at.is_(None),
        )
        .values(removed_at=now)
    )
    await tx.execute(
        insert(TotpFactorRow).values(
            factor_id=factor_id,
            user_id=person.user_id,
            org_id=person.org_id,
            name=name,
            sealed_secret=sealed_secret,
            last_step=0,
            created_at=now,
        )
    )


async def lock_totps(tx: AsyncSession, user_id: UUID) -> list[KeptTotp]:
    """The person's authenticator apps, confirmed or not. Locks their rows in order of id: a code works once."""
    rows = await tx.scalars(
        select(TotpFactorRow)
        .where(TotpFactorRow.user_id == user_id, TotpFactorRow.removed_at.is_(None))
        .order_by(TotpFactorRow.factor_id)
        .limit(FACTOR_COUNT + 1)
        .with_for_update()
    )
    return [KeptTotp(row.factor_id, row.sealed_secret, row.last_step, row.created_at, row.confirmed_at) for row in rows]


async def use_totp(tx: AsyncSession, factor_id: UUID, step: int, now: datetime) -> None:
    await tx.execute(
        update(TotpFactorRow)
        .where(TotpFactorRow.factor_id == factor_id)
        .values(last_step=step, last_used_at=now, confirmed_at=func.coalesce(TotpFactorRow.confirmed_at, now))
    )


async def add_passkey(
    tx: AsyncSession, person: Person, factor_id: UUID, passkey: Passkey, *, name: str, now: datetime
) -> bool:
    """False if the credential is somebody's already."""
    added = await tx.execute(
        insert(PasskeyRow)
        .values(
            factor_id=factor_id,
            user_id=person.user_id,
            org_id=person.org_id,
            name=name,
            credential_id=passkey.credential_id,
            public_key=passkey.public_key,
            sign_count=passkey.sign_count,
            created_at=now,
        )
        .on_conflict_do_nothing()
        .returning(PasskeyRow.factor_id)
    )
    return added.first() is not None


async def credential_ids(tx: AsyncSession, user_id: UUID) -> list[bytes]:
    """The person's passkeys that count."""
    found = await tx.scalars(
        select(PasskeyRow.credential_id)
        .where(PasskeyRow.user_id == user_id, PasskeyRow.removed_at.is_(None), PasskeyRow.cloned_at.is_(None))
        .order_by(PasskeyRow.factor_id)
        .limit(FACTOR_COUNT)
    )
    return list(found)


async def lock_passkey(tx: AsyncSession, user_id: UUID, credential_id: bytes) -> tuple[UUID, bytes, int] | None:
    """(factor, public key, sign count) of the person's own passkey that counts. Locks its row."""
    row = await tx.scalar(
        select(PasskeyRow)
        .where(
            PasskeyRow.user_id == user_id,
            PasskeyRow.credential_id == credential_id,
            PasskeyRow.removed_at.is_(None),
            PasskeyRow.cloned_at.is_(None),
        )
        .with_for_update()
    )
    return None if row is None else (row.factor_id, row.public_key, row.sign_count)


async def use_passkey(tx: AsyncSession, factor_id: UUID, sign_count: int, now: datetime) -> None:
    await tx.execute(
        update(PasskeyRow).where(PasskeyRow.factor_id == factor_id).values(sign_count=sign_count, last_used_at=now)
    )


async def mark_cloned(tx: AsyncSession, factor_id: UUID, now: datetime) -> None:
    await tx.execute(update(PasskeyRow).where(PasskeyRow.factor_id == factor_id).values(cloned_at=now))


async def remove_factors(tx: AsyncSession, user_id: UUID, now: datetime, factor_id: UUID | None = None) -> int:
    """Remove one factor of the person, or all of them; how many there were."""
    count = 0
    for table in (TotpFactorRow, PasskeyRow):
        gone = update(table).where(table.user_id == user_id, table.removed_at.is_(None))
        if factor_id is not None:
            gone = gone.where(table.factor_id == factor_id)
        count += len((await tx.execute(gone.values(removed_at=now).returning(table.factor_id))).all())
    return count


async def keep_challenge(
    tx: AsyncSession, session_id: UUID, purpose: str, org_id: UUID, *, challenge: bytes, expires_at: datetime
) -> None:
    """Start a ceremony; one of the same kind that this session had under way is over."""
    values = {"challenge": challenge, "expires_at": expires_at}
    await tx.execute(
        insert(PasskeyChallengeRow)
        .values(session_id=session_id, purpose=purpose, org_id=org_id, **values)
        .on_conflict_do_update(index_elements=["session_id", "purpose"], set_=values)
    )


async def take_challenge(tx: AsyncSession, session_id: UUID, purpose: str, now: datetime) -> bytes | None:
    """The challenge of the ceremony under way, which ends with this."""
    taken = await tx.execute(
        delete(PasskeyChallengeRow)
        .where(PasskeyChallengeRow.session_id == session_id, PasskeyChallengeRow.purpose == purpose)
        .returning(PasskeyChallengeRow.challenge, PasskeyChallengeRow.expires_at)
    )
    row = taken.first()
    return None if row is None or row.expires_at <= now else row.challenge


async def replace_recovery_codes(
    tx: AsyncSession, user_id: UUID, org_id: UUID, digests: Sequence[bytes], now: datetime
) -> None:
    """These codes hold from now on, and no other."""
    await tx.execute(delete(RecoveryCodeRow).where(RecoveryCodeRow.user_id == user_id))
    if digests:
        await tx.execute(
            insert(RecoveryCodeRow).values(
                [{"user_id": user_id, "org_id": org_id, "code_sha256": digest, "created_at": now} for digest in digests]
            )
        )


async def use_recovery_code(tx: AsyncSession, user_id: UUID, digest: bytes, now: datetime) -> bool:
    """Whether this was a code of the person that was not used before; it is now."""
    used = await tx.execute(
        update(RecoveryCodeRow)
        .where(
            RecoveryCodeRow.user_id == user_id,
            RecoveryCodeRow.code_sha256 == digest,
            RecoveryCodeRow.used_at.is_(None),
        )
        .values(used_at=now)
        .returning(RecoveryCodeRow.user_id)
    )
    return used.first() is not None


async def count_recovery_codes(tx: AsyncSession, user_id: UUID) -> int:
    """How many are left."""
    count = await tx.scalar(
        select(func.count())
        .select_from(RecoveryCodeRow)
        .where(RecoveryCodeRow.user_id == user_id, RecoveryCodeRow.used_at.is_(None))
    )
    return int(count or 0)
