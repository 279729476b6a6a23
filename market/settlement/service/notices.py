"""Who paid the parts of a batch that the bank booked as one: one person imports what was told, another confirms it."""

import re
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from market.journal import service as journal
from market.kit.actor import Actor
from market.kit.errors import Malformed, NotFound
from market.parties.rules import require
from market.settlement.rails.lines import Notice
from market.settlement.rules import TwoPeople
from market.settlement.service.banking import require_importer
from market.settlement.service.books import READ, STAFF
from market.settlement.service.suspense import ProposalDecided, matcher
from market.settlement.store import bank
from market.settlement.store import notices as store
from market.settlement.store.notices import KeptNotice

_DIGEST = re.compile(r"[0-9a-f]{64}")


async def keep_notices(
    tx: AsyncSession, actor: Actor, notices: Sequence[Notice], file_sha256: str, *, now: datetime
) -> int:
    """Remember what a camt.054 told of batch bookings, for the statement that books them; returns how many are new.

    Nothing of it is believed before another person confirms the file. Raises `Malformed` for more than 200.
    """
    imported_by = require_importer(actor)
    if len(notices) > store.MOST:
        raise Malformed(
            f"the file tells of {len(notices)} batches, and who confirms it has to see them all; ask for files of {store.MOST} at most",
            field="file",
        )
    return await store.add_notices(tx, notices, file_sha256, imported_by=imported_by, now=now)


async def list_notices_undecided(tx: AsyncSession, actor: Actor) -> list[KeptNotice]:
    """Notices that await a second person, file by file, the first imported first, 200 at most and no file in part. For the platform's people."""
    require(actor, role=STAFF, scope=READ)
    return await store.undecided(tx)


async def confirm_notices(tx: AsyncSession, actor: Actor, file_sha256: str, *, now: datetime) -> KeptNotice:
    """The second person found a file of notices to be the bank's: statements that book its batches are read with it.

    Raises `NotFound`, `TwoPeople` for who imported it, `ProposalDecided`. Locks out imports.
    """
    return await _decide(tx, actor, file_sha256, "confirmed", now)


async def reject_notices(tx: AsyncSession, actor: Actor, file_sha256: str, *, now: datetime) -> KeptNotice:
    """A file of notices is not to be believed; also by who imported it. Its batches are booked as what they are. Locks out imports."""
    return await _decide(tx, actor, file_sha256, "rejected", now)


async def _decide(tx: AsyncSession, actor: Actor, file_sha256: str, outcome: str, now: datetime) -> KeptNotice:
    user_id = matcher(actor)
    if not _DIGEST.fullmatch(file_sha256):
        raise NotFound("no notices came with such a file")
    await bank.lock_imports(tx)
    found = await store.of_file(tx, file_sha256)
    if found is None:
        raise NotFound("no notices came with such a file")
    if found.outcome is not None:
        raise ProposalDecided(f"the notices of this file were {found.outcome}")
    if outcome == "confirmed" and await store.was_imported_by(tx, file_sha256, user_id):
        raise TwoPeople("who imported notices does not confirm them")
    await store.add_decision(tx, file_sha256, outcome=outcome, decided_by=user_id, now=now)
    body = {"file_sha256": file_sha256}
    await journal.append(tx, actor, "notices:decided", f"notices.{outcome}", body)
    return await store.of_file(tx, file_sha256) or found
