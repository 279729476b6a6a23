"""The worker's pace: it sleeps while nothing is written, wakes for what is, and never sleeps through a wake."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

from sqlalchemy import text

from market import worker
from market.kit.actor import SYSTEM
from market.kit.errors import Transient
from tests import factories

_AN_HOUR = 3600.0


class Watched:
    """The database, and how often somebody began a transaction on it."""

    def __init__(self, db):
        self._db, self.began = db, asyncio.Queue()

    @asynccontextmanager
    async def begin(self, actor):
        self.began.put_nowait(actor)
        async with self._db.begin(actor) as tx:
            yield tx


@asynccontextmanager
async def working(context, *ticks):
    stop = asyncio.Event()
    running = asyncio.create_task(worker.run(context, stop, ticks=ticks))
    try:
        yield
    finally:
        stop.set()
        await running


async def write(context):
    async with context.db.begin(SYSTEM) as tx:
        await tx.execute(text("SELECT pg_current_xact_id()"))


async def entries(tx):
    return await tx.scalar(text("SELECT count(*) FROM journal"))


def counted():
    looks = asyncio.Queue()

    async def look(_context):
        looks.put_nowait(None)
        return False

    return looks, look


async def test_ticks_sleep_while_nothing_is_written_and_wake_when_something_is(context, monkeypatch):
    monkeypatch.setattr(worker, "_STILL_S", _AN_HOUR)
    monkeypatch.setattr(worker, "writing_mark", entries)  # others write on this server too
    looks, look = counted()
    db = Watched(context.db)
    async with working(replace(context, db=db), look):
        for _ in range(5):  # the first look, and what else the start of the worker wakes
            await db.began.get()
        while not looks.empty():
            looks.get_nowait()
        for _ in range(10):
            await db.began.get()
        assert looks.empty()
        await factories.seller(context)
        await asyncio.wait_for(looks.get(), 60)


async def test_ticks_look_now_and_then_without_a_write(context, monkeypatch):
    monkeypatch.setattr(worker, "_STILL_S", 0.05)
    looks, look = counted()
    async with working(context, look):
        for _ in range(5):
            await asyncio.wait_for(looks.get(), 60)


async def test_a_write_while_a_tick_looks_is_not_slept_through(context, monkeypatch):
    monkeypatch.setattr(worker, "_STILL_S", _AN_HOUR)
    looks, looking, go = asyncio.Queue(), asyncio.Event(), asyncio.Event()
    db = Watched(context.db)

    async def look(_context):
        looks.put_nowait(None)
        looking.set()
        await go.wait()
        return False

    async with working(replace(context, db=db), look):
        await looking.wait()
        await write(context)
        for _ in range(5):  # the watch has seen it, and woken whoever slept
            await db.began.get()
        go.set()
        for _ in range(2):
            await asyncio.wait_for(looks.get(), 60)


async def test_one_ticks_fault_leaves_the_others_at_work(context, caplog):
    looks, look = counted()
    tries = asyncio.Queue()

    async def broken(_context):
        tries.put_nowait(None)
        raise ValueError("broken")

    async def unlucky(_context):
        tries.put_nowait(None)
        raise Transient

    async with working(context, broken, look, unlucky):
        for _ in range(4):
            await asyncio.wait_for(tries.get(), 60)
        await write(context)
        await asyncio.wait_for(looks.get(), 60)


async def test_a_tick_that_found_work_looks_again_at_once(context, monkeypatch):
    monkeypatch.setattr(worker, "_STILL_S", _AN_HOUR)
    looks = []
    empty = asyncio.Event()

    async def look(_context):
        looks.append(None)
        if len(looks) < 50:
            return True
        empty.set()
        return False

    async with working(context, look):
        await asyncio.wait_for(empty.wait(), 60)
