"""What the worker does for compliance: notices before clearances expire, and erasure by rule."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from market.compliance.service.keeping import erase_due, forget_parties, forget_staff
from market.compliance.service.noticing import mail_notice, note_expiries
from market.db.context import Context
from market.journal import service as journal
from market.kit.actor import SYSTEM
from market.parties.mail import Mailer, Undeliverable, mailer_of

_log = structlog.get_logger()
_NOTICES_EVERY = timedelta(hours=1)
_ERASURE_EVERY = timedelta(hours=24)


async def send_expiry_notices(context: Context, *, mailer: Mailer | None = None) -> bool:
    """Each hour note what expires soon; then mail one notice that is due. True if there was one."""
    now = context.clock.now()
    async with context.db.begin(SYSTEM) as tx:
        if await journal.on_duty(tx, "compliance.notices", now, _NOTICES_EVERY):
            await note_expiries(tx, now)
    try:
        return await mail_notice(context, mailer or mailer_of(context))
    except Undeliverable as error:
        _log.warning("mail refused", answer=str(error))
        return True


async def erase_what_is_due(context: Context) -> bool:
    """Each day destroy the keys of papers whose time is over, then forget parties and staff whose time is; never more to do at once."""
    now = context.clock.now()
    async with context.db.begin(SYSTEM) as tx:
        if not await journal.on_duty(tx, "compliance.erasure", now, _ERASURE_EVERY):
            return False
    paper_count = await _until_done(context, lambda tx: erase_due(tx, now))
    party_count = await _until_done(context, lambda tx: forget_parties(tx, now))
    staff_count = await _until_done(context, forget_staff)
    if paper_count or party_count or staff_count:
        _log.info("erased by rule", paper_count=paper_count, party_count=party_count, staff_count=staff_count)
    return False


async def _until_done(context: Context, erase: Callable[[AsyncSession], Awaitable[int]]) -> int:
    """Batch by batch, each in its own transaction, until there is none; how many there were."""
    total = 0
    while True:
        async with context.db.begin(SYSTEM) as tx:
            batch_count = await erase(tx)
        if not batch_count:
            return total
        total += batch_count


TICKS = (send_expiry_notices, erase_what_is_due)
"""Checkpoints of the journal are `market.journal.jobs`; screening has ticks of its own."""
