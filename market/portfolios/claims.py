"""A worker's hold on one row: renewed while a child process computes, given back when that fails."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.db.context import Context
from market.kit.actor import SYSTEM
from market.kit.children import Crew, TookTooLong
from market.portfolios.rules import TOO_MUCH_MEMORY, TOO_MUCH_TIME, Refusal

TAPE_READERS = Crew(2)
"""The processes that read, mask and copy tapes."""
LEASE = timedelta(seconds=30)
_RENEW_S = 10.0
_LEFTOVER_AGE = timedelta(days=1)

Job = TypeVar("Job")
Result = TypeVar("Result")
Renew = Callable[[AsyncSession, UUID, datetime, datetime], Awaitable[bool]]


class ClaimLost(Exception):
    """Another worker took over; whatever was computed here is not written."""


class Claim:
    """The hold on one row, renewed while its work is under way."""

    def __init__(self, context: Context, row_id: UUID, until: datetime | None, renew: Renew) -> None:
        if until is None:
            raise AssertionError("a claimed row says until when")
        self.context, self.row_id, self.until, self._renew = context, row_id, until, renew

    async def renew(self, lease: timedelta = LEASE) -> None:
        """Hold on for another lease; none gives the row back. Raises `ClaimLost`."""
        until = self.context.clock.now() + lease
        async with self.context.db.begin(SYSTEM) as tx:
            if not await self._renew(tx, self.row_id, self.until, until):
                raise ClaimLost
        self.until = until


async def compute(claim: Claim, task: Callable[[Job], Result], job: Job) -> Result | Refusal | None:
    """The result of `task` in a child process; None when another worker took over meanwhile.

    A file that takes more memory than a new child may have, or more time than the settings give, is refused at once: it
    would take as much the next time. When the task fails the row is given back at once, to be tried again, and the error
    goes to the worker's log.
    """
    await asyncio.to_thread(_sweep, claim.context)
    try:
        try:
            return await _computed(claim, task, job)
        except MemoryError:  # perhaps what the child did before took the room
            TAPE_READERS.renew(claim.context.settings.mask_memory_mib)
            return await _computed(claim, task, job)
    except ClaimLost:
        return None
    except MemoryError:
        return TOO_MUCH_MEMORY
    except TookTooLong:
        return TOO_MUCH_TIME
    except BaseException:
        with suppress(ClaimLost):
            await claim.renew(timedelta(0))
        raise


async def _computed(claim: Claim, task: Callable[[Job], Result], job: Job) -> Result:
    settings = claim.context.settings
    future = TAPE_READERS.submit(settings.mask_memory_mib, task, job, within_s=settings.mask_limit_s)
    while not (await asyncio.wait({future}, timeout=_RENEW_S))[0]:
        await claim.renew()
    return future.result()


def _sweep(context: Context) -> None:
    """Remove drafts that a killed process left behind: they are sealed or masked, and nobody refers to them."""
    oldest = (context.clock.now() - _LEFTOVER_AGE).timestamp()
    for draft in context.files.root.glob(".draft-*"):
        with suppress(FileNotFoundError):
            if draft.stat().st_mtime > oldest:
                continue
            if draft.is_dir():
                shutil.rmtree(draft)
            else:
                draft.unlink()
