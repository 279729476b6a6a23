"""SQL of carve-outs, held pools, fingerprints and flags of double sale."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np
from sqlalchemy import ARRAY, BigInteger, bindparam, delete, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from market.db.tables.keys import (
    AccountFingerprintRow,
    CarveOutRow,
    DoubleSaleFlagRow,
    DoubleSaleResolutionRow,
    HeldPoolRow,
)
from market.kit.pages import PageRequest
from market.portfolios.doubles import Flag, HeldPool, Outcome, Resolution
from market.portfolios.fingerprints import Prints
from market.portfolios.rules import Pool, Portfolio
from market.portfolios.saleability import RULE_IDS, CarveOut
from market.portfolios.store.rows import before

_LONG = ARRAY(BigInteger)


@dataclass(frozen=True, slots=True)
class Overlap:
    """Accounts that are on offer or sold in another pool; `rows` are the tape's, where they are asked for."""

    pool_id: UUID
    account_count: int
    rows: tuple[int, ...] = ()


async def replace_carve_outs(tx: AsyncSession, portfolio: Portfolio, found: Sequence[CarveOut]) -> None:
    """Set what the saleability rules found in a portfolio."""
    await tx.execute(delete(CarveOutRow).where(CarveOutRow.portfolio_id == portfolio.portfolio_id))
    for each in found:
        await tx.execute(
            insert(CarveOutRow).values(
                portfolio_id=portfolio.portfolio_id,
                rule_id=each.rule_id,
                org_id=portfolio.org_id,
                carved=each.carved,
                met_count=each.met_count,
                account_count=each.account_count,
                face_value_cents=each.face_value_cents,
                row_numbers=each.row_numbers.tolist(),
            )
        )


async def carve_outs(tx: AsyncSession, portfolio_id: UUID) -> list[CarveOut]:
    """What the rules found, in their order of precedence."""
    rows = await tx.scalars(select(CarveOutRow).where(CarveOutRow.portfolio_id == portfolio_id).limit(len(RULE_IDS)))
    found = [
        CarveOut(
            rule_id=row.rule_id,
            carved=row.carved,
            met_count=row.met_count,
            account_count=row.account_count,
            face_value_cents=row.face_value_cents,
            row_numbers=np.array(row.row_numbers, np.int64),
        )
        for row in rows
    ]
    return sorted(found, key=lambda each: RULE_IDS.index(each.rule_id))


async def add_held_pool(tx: AsyncSession, held: HeldPool, created_by: UUID) -> None:
    await tx.execute(
        insert(HeldPoolRow).values(
            held_pool_id=held.held_pool_id,
            portfolio_id=held.portfolio_id,
            org_id=held.org_id,
            name=held.name,
            rule_ids=list(held.rule_ids),
            account_count=held.account_count,
            face_value_cents=held.face_value_cents,
            row_numbers=list(held.row_numbers),
            created_by=created_by,
            created_at=held.created_at,
        )
    )


async def held_pools(tx: AsyncSession, portfolio_id: UUID, limit: int = 200) -> list[HeldPool]:
    """A portfolio's held pools, oldest first."""
    found = await tx.scalars(
        select(HeldPoolRow)
        .where(HeldPoolRow.portfolio_id == portfolio_id)
        .order_by(HeldPoolRow.held_pool_id)
        .limit(limit)
    )
    return [
        HeldPool(
            held_pool_id=row.held_pool_id,
            portfolio_id=row.portfolio_id,
            org_id=row.org_id,
            name=row.name,
            rule_ids=tuple(row.rule_ids),
            account_count=row.account_count,
            face_value_cents=row.face_value_cents,
            row_numbers=tuple(row.row_numbers),
            created_at=row.created_at,
        )
        for row in found
    ]


_ADD_PRINTS = text(
    """INSERT INTO account_fingerprint (pool_id, fingerprint, row_number)
    SELECT :pool_id, p.fingerprint, p.row_number FROM unnest(:prints, :rows) AS p (fingerprint, row_number)"""
).bindparams(bindparam("prints", type_=_LONG), bindparam("rows", type_=_LONG))


async def replace_prints(tx: AsyncSession, pool_id: UUID, prints: Prints) -> None:
    """Set a pool's fingerprints."""
    await tx.execute(delete(AccountFingerprintRow).where(AccountFingerprintRow.pool_id == pool_id))
    values = {"pool_id": pool_id, "prints": prints.values.tolist(), "rows": prints.rows.tolist()}
    await tx.execute(_ADD_PRINTS, values)


_ELSEWHERE = text(
    """SELECT o.pool_id, array_agg(DISTINCT mine.row_number)
    FROM unnest(:prints, :rows) AS mine (fingerprint, row_number)
    JOIN account_fingerprint other ON other.fingerprint = mine.fingerprint
    JOIN pool o ON o.pool_id = other.pool_id AND o.state IN ('offered', 'sold') AND o.portfolio_id <> :portfolio_id
    WHERE NOT EXISTS (SELECT FROM double_sale_flag f JOIN double_sale_resolution r USING (flag_id)
        WHERE f.portfolio_id = :portfolio_id AND f.other_pool_id = o.pool_id AND r.outcome = 'allowed')
    GROUP BY o.pool_id ORDER BY o.pool_id"""
).bindparams(bindparam("prints", type_=_LONG), bindparam("rows", type_=_LONG))


async def overlaps_of_prints(tx: AsyncSession, portfolio_id: UUID, prints: Prints) -> list[Overlap]:
    """The pools of other portfolios, on offer or sold, that hold accounts with these fingerprints; the platform's to ask."""
    values = {"portfolio_id": portfolio_id, "prints": prints.values.tolist(), "rows": prints.rows.tolist()}
    found = await tx.execute(_ELSEWHERE, values)
    return [Overlap(pool_id, len(rows), tuple(rows)) for pool_id, rows in found]


async def lock_and_find_overlaps(tx: AsyncSession, pool_id: UUID) -> list[Overlap]:
    """The same for an own pool, while nobody else puts a pool on offer. Takes the advisory lock of double sale.

    The second statement sees what was committed before the lock was had.
    """
    await tx.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('double-sale', 0))"))
    found = await tx.execute(
        text("SELECT other_pool_id, account_count FROM accounts_offered_elsewhere(:pool_id)"), {"pool_id": pool_id}
    )
    return [Overlap(other, count) for other, count in found]


async def add_flags(
    tx: AsyncSession, portfolio: Portfolio | Pool, overlaps: Sequence[tuple[UUID, Overlap]], *, now: datetime
) -> None:
    """One flag for each (flag id, overlap); a pool's flag names the pool."""
    pool_id = portfolio.pool_id if isinstance(portfolio, Pool) else None
    await tx.execute(
        insert(DoubleSaleFlagRow),
        [
            {
                "flag_id": flag_id,
                "org_id": portfolio.org_id,
                "portfolio_id": portfolio.portfolio_id,
                "pool_id": pool_id,
                "other_pool_id": overlap.pool_id,
                "account_count": overlap.account_count,
                "raised_at": now,
            }
            for flag_id, overlap in overlaps
        ],
    )


async def open_flags_of(tx: AsyncSession, portfolio_id: UUID) -> set[tuple[UUID | None, UUID]]:
    """The (pool, other pool) of a portfolio's flags that nobody has resolved."""
    found = await tx.execute(
        select(DoubleSaleFlagRow.pool_id, DoubleSaleFlagRow.other_pool_id)
        .outerjoin(DoubleSaleResolutionRow, DoubleSaleResolutionRow.flag_id == DoubleSaleFlagRow.flag_id)
        .where(DoubleSaleFlagRow.portfolio_id == portfolio_id, DoubleSaleResolutionRow.flag_id.is_(None))
        .limit(10_000)
    )
    return {(pool_id, other) for pool_id, other in found}


async def list_flags(tx: AsyncSession, request: PageRequest, *, only_open: bool) -> list[Flag]:
    """Up to `limit + 1` flags, newest first."""
    query = (
        select(DoubleSaleFlagRow, DoubleSaleResolutionRow)
        .outerjoin(DoubleSaleResolutionRow, DoubleSaleResolutionRow.flag_id == DoubleSaleFlagRow.flag_id)
        .where(*before(DoubleSaleFlagRow.flag_id, request))
    )
    if only_open:
        query = query.where(DoubleSaleResolutionRow.flag_id.is_(None))
    found = await tx.execute(query.order_by(DoubleSaleFlagRow.flag_id.desc()).limit(request.limit + 1))
    return [_flag(*row) for row in found]


async def find_flag(tx: AsyncSession, flag_id: UUID) -> Flag | None:
    found = await tx.execute(
        select(DoubleSaleFlagRow, DoubleSaleResolutionRow)
        .outerjoin(DoubleSaleResolutionRow, DoubleSaleResolutionRow.flag_id == DoubleSaleFlagRow.flag_id)
        .where(DoubleSaleFlagRow.flag_id == flag_id)
    )
    row = found.one_or_none()
    return None if row is None else _flag(*row)


async def add_resolution(tx: AsyncSession, flag: Flag, resolution: Resolution) -> None:
    await tx.execute(
        insert(DoubleSaleResolutionRow).values(
            flag_id=flag.flag_id,
            org_id=flag.org_id,
            outcome=resolution.outcome.value,
            reason=resolution.reason,
            resolved_by=resolution.resolved_by,
            resolved_at=resolution.resolved_at,
        )
    )


def _flag(row: DoubleSaleFlagRow, resolved: DoubleSaleResolutionRow | None) -> Flag:
    resolution = (
        None
        if resolved is None
        else Resolution(Outcome(resolved.outcome), resolved.reason, resolved.resolved_by, resolved.resolved_at)
    )
    return Flag(
        flag_id=row.flag_id,
        org_id=row.org_id,
        portfolio_id=row.portfolio_id,
        pool_id=row.pool_id,
        other_pool_id=row.other_pool_id,
        account_count=row.account_count,
        raised_at=row.raised_at,
        resolution=resolution,
    )


_RESALES_LEFT = text("SELECT resales_left(:pool_id, :org_id)")


async def resales_left(tx: AsyncSession, pool_id: UUID, org_id: UUID) -> int | None:
    """How many more times an organisation may sell on what it bought in a pool; None if it bought nothing there."""
    left: int | None = await tx.scalar(_RESALES_LEFT, {"pool_id": pool_id, "org_id": org_id})
    return left
