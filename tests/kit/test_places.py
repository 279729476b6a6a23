import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from uuid import UUID

import pytest

from market.kit.errors import RateLimited, Transient
from market.kit.places import Places, in_time


def test_a_process_holds_eight_uploads_and_two_of_one_organisation() -> None:
    places, orgs = Places(), [UUID(int=number) for number in range(5)]
    with ExitStack() as held:
        for org_id in orgs[:4]:
            for _ in range(2):
                held.enter_context(places.taken(org_id))
            with pytest.raises(RateLimited):
                held.enter_context(places.taken(org_id))
        with pytest.raises(Transient):
            held.enter_context(places.taken(orgs[4]))
    with places.taken(orgs[4]), places.taken(orgs[0]):
        pass


async def test_bytes_that_come_in_time_pass_and_a_line_that_stalls_is_given_up() -> None:
    async def stalling() -> AsyncIterator[bytes]:
        yield b"first"
        await asyncio.Event().wait()

    async def brisk() -> AsyncIterator[bytes]:
        yield b"first"
        yield b"second"

    assert [chunk async for chunk in in_time(brisk(), 60)] == [b"first", b"second"]
    found = []
    with pytest.raises(Transient):
        async for chunk in in_time(stalling(), 0.2):
            found.append(chunk)
    assert found == [b"first"]
