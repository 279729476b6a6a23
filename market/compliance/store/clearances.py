"""SQL of clearances: grants, ends, and notices that one is about to expire."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, Text, bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from market.compliance.requirements import Capability
from market.compliance.rules import Case, Clearance, FourEyes
from market.db.tables.compliance import ClearanceEndRow, ClearanceNoticeRow, ClearanceRow
from market.kit.actor import Actor
from market.kit.pages import PageRequest

_INSUFFICIENT_PRIVILEGE = "42501"


async def grant(tx: AsyncSession, case: Case, clearance_ids: dict[Capability, UUID], now: datetime) -> None:
    """Insert the clearances that a cleared case carries. Raises `FourEyes` when the database's own checks refuse."""
    if case.plan is None or case.approved_by is None:
        raise AssertionError("only an approved plan is granted")
    rows = [
        {
            "clearance_id": clearance_id,
            "org_id": case.org_id,
            "capability": capability.value,
            "states": list(case.plan.grant.states),
            "max_bid_cents": case.plan.grant.max_bid_cents,
            "currency": case.plan.grant.currency,
            "valid_from": now,
            "valid_until": case.plan.valid_until,
            "case_id": case.case_id,
            "prepared_by": case.plan.prepared_by,
            "approved_by": case.approved_by,
            "evidence_digest": case.plan.evidence_digest,
        }
        for capability, clearance_id in clearance_ids.items()
    ]
    try:
        await tx.execute(insert(ClearanceRow), rows)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == _INSUFFICIENT_PRIVILEGE:
            raise FourEyes("the case cannot be granted as it was prepared; prepare it again") from error
        raise


async def ended_since(tx: AsyncSession, org_id: UUID, since: datetime) -> bool:
    """Whether a clearance of the organisation was ended at or after this instant."""
    found = await tx.scalar(
        select(ClearanceEndRow.clearance_id)
        .where(ClearanceEndRow.org_id == org_id, ClearanceEndRow.ended_at >= since)
        .limit(1)
    )
    return found is not None


async def refusal(
    tx: AsyncSession, clearance: Clearance, states: Collection[str], amount_cents: int | None
) -> str | None:
    """Why the clearance does not carry these states, or a bid of this amount, in the gate's words. Locks it FOR KEY SHARE."""
    asked = text("SELECT clearance_refusal(:clearance, :org, :capability, :amount, :states)").bindparams(
        bindparam("states", sorted(states), ARRAY(Text)),
        clearance=clearance.clearance_id,
        org=clearance.org_id,
        capability=clearance.capability.value,
        amount=amount_cents,
    )
    found: str | None = await tx.scalar(asked)
    return found


async def find_clearance(tx: AsyncSession, clearance_id: UUID) -> Clearance | None:
    found = (await tx.execute(_CLEARANCE.where(ClearanceRow.clearance_id == clearance_id))).first()
    return None if found is None else _clearance(*found)


async def list_clearances(tx: AsyncSession, page: PageRequest) -> list[Clearance]:
    """Up to one more than asked for, oldest first, ended and expired ones too."""
    query = _CLEARANCE.order_by(ClearanceRow.clearance_id).limit(page.limit + 1)
    if page.after is not None:
        query = query.where(ClearanceRow.clearance_id > page.after)
    return [_clearance(row, end) for row, end in (await tx.execute(query))]


async def live_clearances(tx: AsyncSession, org_id: UUID, capability: Capability, now: datetime) -> list[Clearance]:
    """Not ended and not expired, the one that lasts longest first. More than one only around a renewal."""
    query = _CLEARANCE.where(
        ClearanceRow.org_id == org_id,
        ClearanceRow.capability == capability.value,
        ClearanceRow.valid_until > now,
        ClearanceEndRow.clearance_id.is_(None),
    )
    ordered = query.order_by(ClearanceRow.valid_until.desc(), ClearanceRow.clearance_id.desc()).limit(20)
    return [_clearance(row, end) for row, end in (await tx.execute(ordered))]


async def last_granted(tx: AsyncSession, org_ids: Collection[UUID]) -> list[Clearance]:
    """Of each organisation and capability the clearance that was granted last, whatever became of it."""
    query = (
        _CLEARANCE.where(ClearanceRow.org_id.in_(org_ids))
        .ext(distinct_on(ClearanceRow.org_id, ClearanceRow.capability))
        .order_by(
            ClearanceRow.org_id,
            ClearanceRow.capability,
            ClearanceRow.valid_from.desc(),
            ClearanceRow.clearance_id.desc(),
        )
    )
    return [_clearance(row, end) for row, end in (await tx.execute(query))]


async def had_clearance(tx: AsyncSession, org_id: UUID, capability: Capability | None = None) -> bool:
    """Whether it ever was cleared, for a capability or for any."""
    query = select(func.count()).select_from(ClearanceRow).where(ClearanceRow.org_id == org_id)
    if capability is not None:
        query = query.where(ClearanceRow.capability == capability.value)
    return bool(await tx.scalar(query))


async def ending_before(tx: AsyncSession, now: datetime, until: datetime, limit: int) -> list[Clearance]:
    """Clearances that are valid now and expire before `until`, the first to expire first."""
    query = _CLEARANCE.where(
        ClearanceRow.valid_until > now, ClearanceRow.valid_until <= until, ClearanceEndRow.clearance_id.is_(None)
    )
    ordered = query.order_by(ClearanceRow.valid_until, ClearanceRow.clearance_id).limit(limit)
    return [_clearance(row, end) for row, end in (await tx.execute(ordered))]


async def live_of(tx: AsyncSession, org_id: UUID, now: datetime) -> list[Clearance]:
    """All clearances of an organisation that are not ended and not expired, by id."""
    query = _CLEARANCE.where(
        ClearanceRow.org_id == org_id, ClearanceRow.valid_until > now, ClearanceEndRow.clearance_id.is_(None)
    )
    return [
        _clearance(row, end) for row, end in (await tx.execute(query.order_by(ClearanceRow.clearance_id).limit(50)))
    ]


async def all_of(tx: AsyncSession, org_id: UUID) -> list[Clearance]:
    """Every clearance that an organisation ever had, the first 1,000, by id."""
    query = _CLEARANCE.where(ClearanceRow.org_id == org_id).order_by(ClearanceRow.clearance_id).limit(1000)
    return [_clearance(row, end) for row, end in (await tx.execute(query))]


async def has_lapsed(tx: AsyncSession, case_id: UUID) -> bool:
    """Whether a clearance was ended or has expired since the case was decided last, and none holds in its place."""
    return bool(await tx.scalar(select(func.case_has_lapsed(case_id))))


async def end(tx: AsyncSession, actor: Actor, clearance: Clearance, reason: str, now: datetime) -> bool:
    """False if it was ended before. Waits for bids that hold the clearance; later ones see the end."""
    added = await tx.execute(
        insert(ClearanceEndRow)
        .values(
            clearance_id=clearance.clearance_id,
            org_id=clearance.org_id,
            ended_at=now,
            ended_by=actor.user_id,
            reason=reason,
        )
        .on_conflict_do_nothing()
        .returning(ClearanceEndRow.clearance_id)
    )
    return added.first() is not None


async def add_notice(tx: AsyncSession, clearance: Clearance, days: int, now: datetime) -> bool:
    """Note once that a clearance ends within so many days; its mail is due now. False if it was noted before."""
    added = await tx.execute(
        insert(ClearanceNoticeRow)
        .values(clearance_id=clearance.clearance_id, days=days, org_id=clearance.org_id, noted_at=now, mail_due_at=now)
        .on_conflict_do_nothing()
        .returning(ClearanceNoticeRow.clearance_id)
    )
    return added.first() is not None


async def claim_notice(tx: AsyncSession, now: datetime, until: datetime) -> tuple[Clearance, int] | None:
    """A notice whose mail is due, claimed until then, with how many days it is about. Locks its row, skips locked ones."""
    row = await tx.scalar(
        select(ClearanceNoticeRow)
        .where(ClearanceNoticeRow.mail_due_at <= now)
        .order_by(ClearanceNoticeRow.mail_due_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if row is None:
        return None
    await _set_notice(tx, row.clearance_id, row.days, mail_due_at=until)
    found = await find_clearance(tx, row.clearance_id)
    if found is None:
        raise AssertionError("a notice is about a clearance")
    return found, row.days


async def mark_notified(tx: AsyncSession, clearance_id: UUID, days: int, now: datetime) -> None:
    await _set_notice(tx, clearance_id, days, mail_due_at=None, mailed_at=now)


async def _set_notice(tx: AsyncSession, clearance_id: UUID, days: int, **changes: datetime | None) -> None:
    await tx.execute(
        update(ClearanceNoticeRow)
        .where(ClearanceNoticeRow.clearance_id == clearance_id, ClearanceNoticeRow.days == days)
        .values(**changes)
        .execution_options(synchronize_session=False)
    )


_CLEARANCE = select(ClearanceRow, ClearanceEndRow).outerjoin(
    ClearanceEndRow, ClearanceEndRow.clearance_id == ClearanceRow.clearance_id
)


def _clearance(row: ClearanceRow, ended: ClearanceEndRow | None) -> Clearance:
    return Clearance(
        row.clearance_id, row.org_id, Capability(row.capability), tuple(row.states), row.max_bid_cents, row.currency,
        row.valid_from, row.valid_until, row.case_id, row.prepared_by, row.approved_by,
        None if ended is None else ended.ended_at, None if ended is None else ended.reason,
    )  # fmt: skip
