"""The sending end of a socket: in order, bounded, and never in anybody's way."""

import asyncio

from market.live.outlet import MAX_QUEUED_CHARS, MAX_QUEUED_FRAMES, Outlet
from market.live.protocol import CloseCode


async def send_all(outlet):
    sent = []

    async def send(frame):
        sent.append(frame)

    await asyncio.wait_for(outlet.run(send), 2)
    return sent


async def test_frames_leave_in_the_order_in_which_they_were_pushed():
    outlet = Outlet()
    for number in range(100):
        outlet.push(str(number))
    outlet.finish(CloseCode.RESTART)
    assert await send_all(outlet) == [str(number) for number in range(100)]
    assert outlet.sent_count == 100


async def test_what_is_pushed_while_sending_is_sent_too():
    outlet = Outlet()
    sent = []

    async def send(frame):
        sent.append(frame)
        if frame == "1":
            outlet.push("2")
        else:
            outlet.finish(None)

    outlet.push("1")
    await asyncio.wait_for(outlet.run(send), 2)
    assert sent == ["1", "2"]


async def test_a_reader_behind_by_too_many_frames_is_cut_off_as_slow():
    outlet = Outlet()
    for _ in range(MAX_QUEUED_FRAMES):
        outlet.push("x")
    assert not outlet.over.is_set()
    outlet.push("x")
    assert outlet.code is CloseCode.SLOW
    assert outlet.waiting_count == 0


async def test_a_reader_behind_by_too_many_characters_is_cut_off_as_slow():
    outlet = Outlet()
    outlet.push("x" * (MAX_QUEUED_CHARS + 1))
    assert outlet.code is CloseCode.SLOW


async def test_after_the_end_nothing_more_is_taken_and_the_first_code_counts():
    outlet = Outlet()
    outlet.push("last words")
    outlet.finish(CloseCode.AUTH)
    outlet.finish(CloseCode.RATE)
    outlet.push("too late")
    assert await send_all(outlet) == ["last words"]
    assert outlet.code is CloseCode.AUTH
