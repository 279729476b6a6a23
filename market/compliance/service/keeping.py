"""Retention: what is due to be erased, and the erasure by rule."""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from market.compliance.retention import Kept, PartyKept
from market.compliance.store import keeping as store
from market.journal import service as journal
from market.kit.actor import SYSTEM, Actor, Role
from market.parties.rules import require

_AHEAD = timedelta(days=30)
_REPORT_COUNT = 500
_BATCH_COUNT = 50
_PARTY_COUNT = 10


async def retention_report(tx: AsyncSession, actor: Actor, now: datetime) -> list[Kept]:
    """For officers, a dry run: what will be erased now and in the next 30 days, and what only a hold keeps; 500 at most."""
    require(actor, role=Role.OFFICER)
    return await store.due_by(tx, now + _AHEAD, _REPORT_COUNT)


async def parties_report(tx: AsyncSession, actor: Actor, now: datetime) -> list[PartyKept]:
    """For officers, the same of parties that left: 500 at most."""
    require(actor, role=Role.OFFICER)
    return await store.parties_due_by(tx, now + _AHEAD, _REPORT_COUNT)


async def erase_due(tx: AsyncSession, now: datetime) -> int:
    """Destroy the keys of up to 50 papers whose time is over; how many there were.

    The files stay as they are and open no more; digests, dates, decisions and the journal stay and verify. When the last
    paper of a case is gone, so are its owners' names and the talk.
    """
    due = await store.unheld_due_by(tx, now, _BATCH_COUNT)
    for kept in due:
        await store.erase(tx, kept, now)
        body = {"case_id": kept.case_id, "evidence_id": kept.evidence_id, "type": kept.type, "rule": kept.rule}
        await journal.append(tx, SYSTEM, f"case:{kept.case_id}", "evidence.erased", body)
    if due:
        await store.erase_people(tx, sorted({kept.case_id for kept in due}))
    return len(due)


async def forget_parties(tx: AsyncSession, now: datetime) -> int:
    """Of up to 10 parties that left ten years ago nothing stays but ids, dates, sums, deeds and the journal; how many there were."""
    due = await store.unheld_parties_due_by(tx, now, _PARTY_COUNT)
    for kept in due:
        await store.forget_party(tx, kept, now)
        await journal.append(tx, SYSTEM, f"org:{kept.org_id}", "party.erased", {"due_at": kept.due_at})
    return len(due)


async def forget_staff(tx: AsyncSession) -> int:
    """Up to 50 of the staff whose access ended ten years ago, while no hold is open; how many there were."""
    gone = await store.forget_staff(tx)
    for user_id, org_id in gone:
        await journal.append(tx, SYSTEM, f"org:{org_id}", "staff.erased", {"user_id": user_id})
    return len(gone)
