"""PostgreSQL is stopped at once, as by a power cut, while bids come in: what was acknowledged is stored."""

import asyncio
import os
import signal
from contextlib import suppress

from auctions.proof import line, verify
from market.bidding.lane import Lane, Status
from market.db.cluster import RolePasswords, prepare
from market.db.embedded import EmbeddedPostgres
from market.db.migrate import migrate
from market.kit.clock import SystemClock
from market.kit.errors import Transient
from market.kit.ids import SystemChance
from tests.bidding.conftest import bid, events_of, furnished
from tests.conftest import load_a_list


async def test_an_immediate_stop_of_postgresql_under_load_loses_no_acked_bid(folder, tmp_path):
    """Three stops without a checkpoint, with fsync on; `make prove` makes a hundred of them through real sockets."""
    server = EmbeddedPostgres(folder / "stopped", superuser_password="tests-only")
    try:
        admin_url = await asyncio.to_thread(server.start)
        passwords = RolePasswords.load_or_create(tmp_path / "roles.json", SystemChance(SystemClock()).token)
        urls = await prepare(admin_url, database="market_stopped", passwords=passwords)
        await migrate(urls.migrator)
        await load_a_list(urls)
        hall = await furnished(urls, admin_url, tmp_path / "data")
        room = await hall.room()
        lane = Lane(hall.context)
        await lane.start()
        try:
            acked = await bidden_through_stops(hall, room, lane, server, stop_count=3)
        finally:
            await lane.stop()
            await hall.context.db.close()
        await compare(hall, room, acked)
    finally:
        await asyncio.to_thread(server.stop)


async def bidden_through_stops(hall, room, lane, server, *, stop_count):
    """(organisation, cid) to the seq of what was acknowledged; the server went down between some of it and the next."""
    answers = {}

    async def bidder(party, first):
        number = 0
        while not stops.done() or number < 10:
            order = bid(hall.context, party, room.auction_id, 100_000 + (first + number * 3) * 10_000)
            number += 1
            while (party.org_id, order.cid) not in answers:
                with suppress(Transient):
                    answers[party.org_id, order.cid] = await lane.submit(order)

    async def stop():
        seen = 0
        for _ in range(stop_count):
            while len(answers) < seen + 20:
                await asyncio.sleep(0.001)
            os.kill(server.pid, signal.SIGQUIT)
            while server.pid is not None:
                await asyncio.sleep(0.001)
            seen = len(answers)
            await asyncio.to_thread(server.start)

    stops = asyncio.create_task(stop())
    async with asyncio.timeout(120):
        await asyncio.gather(stops, *(bidder(party, place) for place, party in enumerate(room.buyers)))
    assert {answer.status for answer in answers.values()} <= {Status.ACCEPTED, Status.REJECTED}
    return {key: answer.seq for key, answer in answers.items() if answer.holds}


async def compare(hall, room, acked):
    owner = await hall.migrator()
    rows = await owner.fetch("SELECT org_id, cid, seq FROM bid WHERE auction_id = $1", room.auction_id)
    await owner.close()
    assert {(row["org_id"], row["cid"]): row["seq"] for row in rows} == acked
    assert len(acked) > 20
    events = await events_of(hall, room.auction_id)
    assert verify([line(row["body"].encode(), row["hash"]) for row in events], bytes(events[-1]["hash"])).holds
