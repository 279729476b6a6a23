"""What happened is written here in the same transaction; who wants to know reads it after the commit."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from market.db.context import Context
from market.journal import merkle, store
from market.journal.checkpoints import FIRST_HASH, Checkpoint, Head, Signer
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
        seen = await store.reader_at(tx, reader)
        if seen is not None and not await store.read_settled(tx, after=seen, limit=1):
            return 0  # without the lock: a look that finds nothing writes nothing
        after = await store.lock_reader(tx, reader)
        if after is None:
            return 0
        entries = await store.read_settled(tx, after=after, limit=_BATCH_COUNT)
        for entry in entries:
            await act(tx, entry)
        if entries:
            await store.move_reader(tx, reader, (entries[-1].tx, entries[-1].position))
        return len(entries)


async def writing_mark(tx: AsyncSession) -> str:
    """A mark that differs from an earlier one if anything was written since; it may differ without that, too."""
    return await store.writing_mark(tx)


async def history(tx: AsyncSession, stream: str, *, after_seq: int = 0, limit: int = 200) -> list[Entry]:
    """A stream's entries in order, from `after_seq` on."""
    return await store.read_stream(tx, stream, after_seq=after_seq, limit=limit)


async def has_done(tx: AsyncSession, actor: Actor, stream: str, kind: str, body: dict[str, Any]) -> bool:
    """Whether this person wrote an entry of `kind` to `stream` that says all that `body` says."""
    return await store.has_entry(tx, stream, kind, actor.user_id, json.dumps(body, default=str))


async def verify_stream(tx: AsyncSession, stream: str) -> int | None:
    """The seq at which the stream's chain is broken, or None."""
    return first_broken(await read_whole(tx, stream))


async def read_whole(tx: AsyncSession, stream: str) -> list[Entry]:
    """All entries of a stream in order."""
    entries: list[Entry] = []
    while batch := await store.read_stream(tx, stream, after_seq=len(entries), limit=1000):
        entries += batch
    return entries


async def take_checkpoint(context: Context) -> Checkpoint | None:
    """Sign where every stream stands now; None if nothing has moved since the last checkpoint."""
    signer = await asyncio.to_thread(Signer.of, context)
    async with context.db.begin(SYSTEM) as tx:
        await store.lock_checkpoints(tx)
        last = await store.last_checkpoint(tx)
        number = 1 if last is None else last.number + 1
        before = {head.stream: head for head in await store.heads_at(tx, number - 1)}
        heads = await store.heads(tx)
        moved = [head for head in heads if before.get(head.stream) != head]
        if not moved:
            return None
        found = _signed(
            signer,
            Checkpoint(
                number=number,
                at=context.clock.now(),
                stream_count=len(heads),
                root=merkle.root([merkle.leaf(head.stream, head.seq, head.hash) for head in heads]),
                prev_hash=FIRST_HASH if last is None else last.hash,
                public_key=signer.public_key,
                signature=b"",
            ),
        )
        await store.add_checkpoint(tx, found, moved)
        return found


def _signed(signer: Signer, draft: Checkpoint) -> Checkpoint:
    return replace(draft, signature=signer.sign(draft.statement))


async def list_checkpoints(tx: AsyncSession, *, after: int = 0, limit: int = 200) -> list[Checkpoint]:
    """Checkpoints by number, from the one after `after`."""
    return await store.list_checkpoints(tx, after=after, limit=limit)


async def last_checkpoint(tx: AsyncSession) -> Checkpoint | None:
    """The newest checkpoint; None before the first."""
    return await store.last_checkpoint(tx)


async def heads_at(tx: AsyncSession, number: int) -> list[Head]:
    """Where every stream stood at a checkpoint, in the order of the Merkle tree's leaves."""
    return await store.heads_at(tx, number)


async def breaches(tx: AsyncSession) -> list[tuple[str, int]]:
    """The auditor's questions about the gate, each with its count; every count is to be 0. The system alone asks."""
    return await store.breaches(tx)


async def on_duty(tx: AsyncSession, name: str, now: datetime, every: timedelta) -> bool:
    """Whether it is this process's turn to do what is done `every` so often; the next turn is noted."""
    return await store.take_duty(tx, name, now, now + every)
