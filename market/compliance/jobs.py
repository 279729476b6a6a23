"""What the worker does for compliance: notices before clearances expire, and erasure by rule."""

from datetime import timedelta

import structlog

from market.compliance.service.keeping import erase_due
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
    """Each day destroy the keys of papers whose time is over, 50 at a time. True while there may be more."""
    now = context.clock.now()
    async with context.db.begin(SYSTEM) as tx:
        if not await journal.on_duty(tx, "compliance.erasure", now, _ERASURE_EVERY):
            return False
    erased_count = 0
    while True:
        async with context.db.begin(SYSTEM) as tx:
            batch_count = await erase_due(tx, now)
        erased_count += batch_count
        if not batch_count:
            break
    if erased_count:
        _log.info("evidence erased by rule", erased_count=erased_count)
    return False


TICKS = (send_expiry_notices, erase_what_is_due)
"""Checkpoints of the journal are `market.journal.jobs`; screening has ticks of its own."""
