"""What happened is written here in the same transaction; who wants to know reads it after the commit."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from market.db.context import Context
from market.journal import store
from market.journal.rules import Entry, first_broken
from market.kit.actor import SYSTEM, Actor

_MAX_BODY_BYTES = 16_384
_BATCH_COUNT = 100


async def append(tx: AsyncSession, actor: Actor, stream: str, kind: str, body: dict[str, Any]) -> int:
    """Write one fact to `stream` (`<noun>:<id>`); `kind` is `<noun>.<past tense>`. Returns its seq in the stream.

    `body` holds ids, counts, amounts and digests, never personal data; 16 KiB at most.
    """
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    if len(text.encode()) > _MAX_BODY_BYTES:
        raise AssertionError(f"a journal entry of {kind} is larger than {_MAX_BODY_BYTES} bytes")
    return await store.append(tx, stream, kind, actor.role.value, actor.user_id, actor.org_id, text)


async def follow(context: Context, reader: str, act: Callable[[AsyncSession, Entry], Awaitable[None]]) -> int:
    """Hand the next entries to `act`, each once, in order; returns how many there were (0: nothing new).

    `act` and the reader's progress share one transaction: a crash repeats an entry, a success never does. When
    `act` fails, nothing of the batch is kept and the error goes to the caller.
    """
    async with context.db.begin(SYSTEM) as tx:
        after = await store.lock_reader(tx, reader)
        if after is None:
            return 0
        entries = await store.read_settled(tx, after=after, limit=_BATCH_COUNT)
        for entry in entries:
            await act(tx, entry)
        if entries:
            await store.move_reader(tx, reader, (entries[-1].tx, entries[-1].position))
        return len(entries)


async def history(tx: AsyncSession, stream: str, *, after_seq: int = 0, limit: int = 200) -> list[Entry]:
    """A stream's entries in order, from `after_seq` on."""
    return await store.read_stream(tx, stream, after_seq=after_seq, limit=limit)


async def verify_stream(tx: AsyncSession, stream: str) -> int | None:
    """The seq at which the stream's chain is broken, or None."""
    entries: list[Entry] = []
    while batch := await store.read_stream(tx, stream, after_seq=len(entries), limit=1000):
        entries += batch
    return first_broken(entries)
