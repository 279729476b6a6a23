"""The journal: chained, append-only, and read in an order in which nothing can appear behind."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from market.db.context import Context
from market.journal import service
from market.journal.rules import Entry, first_broken
from market.kit.actor import SYSTEM, Actor, Role

Act = Callable[[AsyncSession, Entry], Awaitable[None]]


async def _append(context: Context, stream: str, count: int = 1) -> None:
    async with context.db.begin(SYSTEM) as tx:
        for number in range(count):
            await service.append(tx, SYSTEM, stream, "thing.happened", {"number": number, "word": "Grüße"})


async def _entries(context: Context, stream: str) -> list[Entry]:
    async with context.db.begin(SYSTEM) as tx:
        return await service.history(tx, stream)


async def _read_until(context: Context, act: Act, done: Callable[[], bool]) -> None:
    """Read on until `done`; any transaction of the whole server may hold the reader back for a moment."""
    async with asyncio.timeout(20):
        while not done():
            if not await service.follow(context, "test", act):
                await asyncio.sleep(0.02)


async def test_a_stream_is_numbered_from_one_and_its_chain_holds(context: Context) -> None:
    await _append(context, "org:a", 3)
    await _append(context, "org:b", 2)
    assert [entry.seq for entry in await _entries(context, "org:a")] == [1, 2, 3]
    async with context.db.begin(SYSTEM) as tx:
        assert await service.verify_stream(tx, "org:a") is None


@pytest.mark.parametrize("hurt", ["body", "kind", "order", "gap", "actor"])
async def test_a_changed_dropped_or_reordered_entry_is_found(context: Context, hurt: str) -> None:
    await _append(context, "org:a", 4)
    entries = await _entries(context, "org:a")
    if hurt == "body":
        entries[1] = replace(entries[1], body_text='{"number":9}')
    elif hurt == "kind":
        entries[1] = replace(entries[1], kind="thing.undone")
    elif hurt == "actor":
        entries[1] = replace(entries[1], actor_user_id=uuid4())
    elif hurt == "order":
        entries[1], entries[2] = entries[2], entries[1]
    else:
        del entries[1]
    assert first_broken(entries) == 2


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE journal SET body = '{}'",
        "DELETE FROM journal",
        "TRUNCATE journal",
        "INSERT INTO journal_head VALUES ('org:a', 9, '')",
        "UPDATE journal_head SET seq = 0",
        "INSERT INTO journal (stream, seq, tx, kind, at, actor_role, body, prev_hash, hash)"
        " VALUES ('org:a', 9, 1, 'a.b', now(), 'system', '{}', '', '')",
    ],
)
async def test_the_app_role_cannot_write_the_journal_past_its_function(context: Context, attack: str) -> None:
    await _append(context, "org:a")
    with pytest.raises(DBAPIError, match="permission denied|append-only"):
        async with context.db.begin(SYSTEM) as tx:
            await tx.execute(text(attack))
    assert len(await _entries(context, "org:a")) == 1


async def test_an_entry_of_a_person_names_the_person(context: Context) -> None:
    with pytest.raises(DBAPIError, match="ck_journal_actor"):
        async with context.db.begin(SYSTEM) as tx:
            await service.append(tx, Actor(Role.MEMBER), "org:a", "thing.happened", {})


async def test_what_a_rolled_back_transaction_said_was_never_said(context: Context) -> None:
    with pytest.raises(RuntimeError):
        async with context.db.begin(SYSTEM) as tx:
            await service.append(tx, SYSTEM, "org:a", "thing.happened", {})
            raise RuntimeError
    await _append(context, "org:a")
    assert [entry.seq for entry in await _entries(context, "org:a")] == [1]


async def test_many_writers_of_one_stream_leave_no_gap(context: Context) -> None:
    await asyncio.gather(*(_append(context, "org:a", 3) for _ in range(20)))
    entries = await _entries(context, "org:a")
    assert [entry.seq for entry in entries] == list(range(1, 61))
    assert first_broken(entries) is None


async def test_a_reader_sees_every_entry_once_and_in_order(context: Context) -> None:
    seen: list[tuple[str, int]] = []

    async def act(_tx: object, entry: Entry) -> None:
        if entry.stream.startswith("org:"):
            seen.append((entry.stream, entry.seq))

    await asyncio.gather(*(_append(context, f"org:{n % 3}", 5) for n in range(12)))
    await _read_until(context, act, lambda: len(seen) >= 60)
    await _append(context, "org:0")
    await _read_until(context, act, lambda: len(seen) >= 61)
    assert len(seen) == len(set(seen)) == 61
    for stream in ("org:0", "org:1", "org:2"):
        numbers = [seq for name, seq in seen if name == stream]
        assert numbers == sorted(numbers)


async def test_a_stream_is_read_in_its_order_also_when_an_older_transaction_came_to_it_late(context: Context) -> None:
    seen: list[tuple[str, int]] = []

    async def act(_tx: object, entry: Entry) -> None:
        if entry.stream.startswith("org:"):
            seen.append((entry.stream, entry.seq))

    async with context.db.begin(SYSTEM) as older:
        await service.append(older, SYSTEM, "org:first", "thing.happened", {})
        await _append(context, "org:both", 2)
        await service.append(older, SYSTEM, "org:both", "thing.happened", {})
    await _read_until(context, act, lambda: len(seen) >= 4)
    assert [seq for stream, seq in seen if stream == "org:both"] == [1, 2, 3]


async def test_a_reader_waits_for_a_transaction_that_may_still_write_behind_it(context: Context) -> None:
    seen: list[str] = []

    async def act(_tx: object, entry: Entry) -> None:
        if entry.stream.startswith("org:"):
            seen.append(entry.stream)

    async with context.db.begin(SYSTEM) as slow:
        await service.append(slow, SYSTEM, "org:slow", "thing.happened", {})
        await _append(context, "org:fast")
        await service.follow(context, "test", act)
        assert "org:slow" not in seen
    await _read_until(context, act, lambda: len(seen) >= 2)
    assert sorted(seen) == ["org:fast", "org:slow"]


async def test_a_reader_that_fails_keeps_its_place(context: Context) -> None:
    await _append(context, "org:a", 2)

    async def fail(_tx: object, entry: Entry) -> None:
        if entry.stream.startswith("org:") and entry.seq == 2:
            raise RuntimeError

    seen = []

    async def act(_tx: object, entry: Entry) -> None:
        if entry.stream.startswith("org:"):
            seen.append(entry.seq)

    with pytest.raises(RuntimeError):
        await _read_until(context, fail, lambda: False)
    await _read_until(context, act, lambda: len(seen) >= 2)
    assert seen == [1, 2]


async def test_two_readers_of_one_name_do_not_both_act(context: Context) -> None:
    await _append(context, "org:a", 10)
    seen = []

    async def act(_tx: object, entry: Entry) -> None:
        if entry.stream.startswith("org:"):
            await asyncio.sleep(0.005)
            seen.append(entry.seq)

    await asyncio.gather(*(service.follow(context, "test", act) for _ in range(3)))
    await _read_until(context, act, lambda: len(seen) >= 10)
    assert seen == list(range(1, 11))


_BUYER = Actor(Role.MEMBER, UUID(int=1), UUID(int=2))


@pytest.mark.parametrize(
    "claimed",
    [
        SYSTEM,
        Actor(Role.OFFICER, _BUYER.user_id, _BUYER.org_id),
        Actor(Role.MEMBER, UUID(int=9), _BUYER.org_id),
        Actor(Role.MEMBER, _BUYER.user_id, UUID(int=9)),
        Actor(Role.MEMBER, _BUYER.user_id, None),
    ],
)
@pytest.mark.parametrize("acting", [_BUYER, Actor(Role.OPERATOR, UUID(int=3), UUID(int=4))])
async def test_nobody_writes_in_anothers_name(context: Context, acting: Actor, claimed: Actor) -> None:
    with pytest.raises(DBAPIError, match="in another's name"):
        async with context.db.begin(acting) as tx:
            await service.append(tx, claimed, "org:a", "thing.happened", {})
    async with context.db.begin(acting) as tx:
        assert await service.append(tx, acting, "org:a", "thing.happened", {}) == 1


async def test_an_organisation_reads_its_own_entries_and_moves_no_reader(context: Context) -> None:
    other = Actor(Role.MEMBER, UUID(int=5), UUID(int=6))
    for actor in (_BUYER, other, SYSTEM):
        async with context.db.begin(actor) as tx:
            await service.append(tx, actor, "org:a", "thing.happened", {})
    await service.follow(context, "test", _ignore)
    async with context.db.begin(_BUYER) as tx:
        assert [entry.seq for entry in await service.history(tx, "org:a")] == [1]
        moved = await tx.execute(text("UPDATE journal_reader SET tx = 0, position = 0"))
        assert moved.rowcount == 0  # type: ignore[attr-defined]
        assert await tx.scalar(text("SELECT count(*) FROM journal_reader")) == 0
    with pytest.raises(DBAPIError, match="row-level security"):
        async with context.db.begin(_BUYER) as tx:
            await tx.execute(text("INSERT INTO journal_reader VALUES ('settlement', 9, 9)"))


async def _ignore(_tx: object, _entry: Entry) -> None: ...
