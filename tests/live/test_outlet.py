"""The sending end of a socket: in order, bounded, and never in anybody's way."""

import asyncio
from datetime import UTC, datetime

from market.live.connection import MAX_STALLED_BEATS, Connection
from market.live.outlet import MAX_WAITING_BYTES, Outlet
from market.live.protocol import CloseCode, Heartbeat


class Wire:
    """What a server gives: takes frames at once; `stuck` like one whose other side does not read."""

    def __init__(self):
        self.frames, self.stuck = [], False

    def write(self, frames):
        self.frames.append(frames)

    @property
    def waiting_bytes(self):
        return sum(map(len, self.frames)) if self.stuck else 0


async def send_all(outlet):
    sent = []

    async def send(frame):
        sent.append(frame)

    await asyncio.wait_for(outlet.run(send), 2)
    return sent


async def test_frames_leave_in_the_order_in_which_they_were_pushed():
    outlet = Outlet()
    for number in range(100):
        outlet.push(b"%d" % number)
    assert outlet.waiting_bytes == 190
    outlet.finish(CloseCode.RESTART)
    assert await send_all(outlet) == [b"%d" % number for number in range(100)]
    assert (outlet.waiting_bytes, outlet.taken_bytes) == (0, 190)


async def test_what_is_pushed_while_sending_is_sent_too():
    outlet = Outlet()
    sent = []

    async def send(frame):
        sent.append(frame)
        if frame == b"1":
            outlet.push(b"2")
        else:
            outlet.finish(None)

    outlet.push(b"1")
    await asyncio.wait_for(outlet.run(send), 2)
    assert sent == [b"1", b"2"]


async def test_a_wire_gets_frames_without_a_queue_and_a_task():
    wire = Wire()
    outlet = Outlet(wire)
    outlet.push(b"1")
    outlet.push(b"23")
    assert wire.frames == [b"1", b"23"]
    assert (outlet.waiting_bytes, outlet.taken_bytes) == (0, 3)
    outlet.finish(CloseCode.RESTART)
    outlet.push(b"4")
    assert wire.frames == [b"1", b"23"]


async def test_a_reader_too_far_behind_is_cut_off_as_slow_whoever_sends():
    for outlet in (Outlet(), Outlet(stuck())):
        outlet.push(b"x" * MAX_WAITING_BYTES)
        assert not outlet.is_over
        outlet.push(b"x")
        assert outlet.code is CloseCode.SLOW


def stuck():
    wire = Wire()
    wire.stuck = True
    return wire


async def test_who_is_cut_off_gets_nothing_of_what_was_queued():
    outlet = Outlet()
    outlet.push(b"x")
    outlet.cut(CloseCode.HEARTBEAT)
    assert outlet.waiting_bytes == 0
    assert await send_all(outlet) == []


async def test_after_the_end_nothing_more_is_taken_and_the_first_code_counts():
    outlet = Outlet()
    outlet.push(b"last words")
    outlet.finish(CloseCode.AUTH)
    outlet.finish(CloseCode.RATE)
    outlet.push(b"too late")
    assert await send_all(outlet) == [b"last words"]
    assert outlet.code is CloseCode.AUTH


async def test_whoever_waits_is_told_once_that_it_is_over():
    outlet, told = Outlet(stuck()), []
    outlet.on_over = lambda: told.append(outlet.code)
    outlet.finish(CloseCode.RESTART)
    outlet.cut(CloseCode.SLOW)
    assert told == [CloseCode.RESTART]


async def test_who_takes_nothing_for_three_heartbeats_is_hung_up_on_and_who_reads_slowly_is_not():
    beat = Heartbeat(at=datetime(2026, 3, 2, tzinfo=UTC), heads={})
    dead, slow = Connection("dead"), Connection("slow")
    slow.outlet.push(b"what it is behind by")
    for _ in range(MAX_STALLED_BEATS + 2):
        slow.beat(beat)
        slow.outlet._queue.waiting_bytes -= len(
            slow.outlet._queue.frames.popleft()
        )  # one frame of those that wait is taken
        dead.beat(beat)
    assert (dead.outlet.code, dead.outlet.waiting_bytes) == (CloseCode.HEARTBEAT, 0)
    assert slow.outlet.code is None
    assert CloseCode.HEARTBEAT == 4408
