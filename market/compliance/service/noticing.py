"""Notices that a clearance is about to expire: noted in the journal once for each threshold, and mailed."""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from market.compliance.rules import NOTICE_DAYS, Clearance
from market.compliance.store import clearances as store
from market.db.context import Context
from market.journal import service as journal
from market.kit.actor import SYSTEM
from market.parties import service as parties
from market.parties.mail import Mailer

_LEASE = timedelta(minutes=10)
_BATCH_COUNT = 200


async def note_expiries(tx: AsyncSession, now: datetime) -> int:
    """Note every clearance that ends within 60, 30 or 7 days, once each; how many notices are new.

    Who comes under several thresholds at once is told of the nearest only.
    """
    added = 0
    for found in await store.ending_before(tx, now, now + timedelta(days=max(NOTICE_DAYS)), _BATCH_COUNT):
        days = min(limit for limit in NOTICE_DAYS if found.valid_until - now <= timedelta(days=limit))
        if await store.add_notice(tx, found, days, now):
            body = {"clearance_id": found.clearance_id, "org_id": found.org_id, "days": days}
            await journal.append(tx, SYSTEM, f"org:{found.org_id}", "clearance.expiring", body)
            added += 1
    return added


async def mail_notice(context: Context, mailer: Mailer) -> bool:
    """Mail one notice that is due to everybody of the organisation; True if there was one.

    It is claimed first, so that a relay that is down delays it by ten minutes and nobody is mailed twice at once.
    """
    now = context.clock.now()
    async with context.db.begin(SYSTEM) as tx:
        claimed = await store.claim_notice(tx, now, now + _LEASE)
        recipients = [] if claimed is None else await parties.emails_of(tx, claimed[0].org_id)
    if claimed is None:
        return False
    clearance, days = claimed
    subject, text = _letter(clearance, days, context.settings.public_url)
    for recipient in recipients:
        await mailer.send(recipient, subject, text)
    async with context.db.begin(SYSTEM) as tx:
        await store.mark_notified(tx, clearance.clearance_id, days, context.clock.now())
    return True


def _letter(clearance: Clearance, days: int, url: str) -> tuple[str, str]:
    last = f"{clearance.valid_until:%Y-%m-%d %H:%M} UTC"
    subject = f"Your clearance to {clearance.capability} ends in less than {days} days"
    return subject, _LETTER.format(capability=clearance.capability, url=url, last=last)


_LETTER = """\
Your organisation's clearance to {capability} at {url}
holds until {last}. After that nothing needs to happen for it to end.

To go on without a break, open a new case with papers that are in date,
and leave the officers some days to look at them.
"""
