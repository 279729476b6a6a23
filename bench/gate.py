"""What the clearance gate costs, and that it holds: bids race against suspensions, with the locks and without.

`python -m bench.gate`. The race: every buyer bids in several auctions through two lanes while officers end their clearances one
after the other. A bid is late if it was placed at or after the end of its clearance. With the locks there must be none. The
control is the same race after the owner of the tables has taken the locks out of the gate's two functions (in a scratch
database): it shows that the race is one, and if it has no late bid either the exit status is 1. A bid that is refused may be for
any reason, most for an amount that another bid has passed. The cost is that of the same insertion of bids, with the gate's trigger and without.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg

from auctions.messages import PlaceBid
from market.bidding.lane import BidOrder, Lane
from market.compliance import service as compliance
from market.db.context import Context
from market.kit.log import configure
from market.process import opened
from market.settings import Settings
from tests import factories

_AUCTION_COUNT = 4
_BIDS_UNDER_WAY = 4
_ROW_COUNT = 2_000
_COMMIT_S = 0.03
"""How long an officer's transaction takes after the end is written: who bids in between is late, unless he waits."""


@dataclass(frozen=True)
class Place:
    context: Context
    owner: Any
    officers: tuple[factories.Party, factories.Party]
    seller: factories.Party


@asynccontextmanager
async def prepared(folder: Path) -> AsyncIterator[Place]:
    generous = {"commands_per_second": 10**6, "commands_burst": 10**6, "lane_queue_count": 10**5}
    settings = replace(
        Settings.from_environment({}),
        data_dir=folder / "data",
        log_level="error",
        screening_lists="specimen",
        **generous,
    )
    async with opened(settings) as (context, urls):
        officers = await factories.two_officers(context)
        owner = await asyncpg.connect(urls.migrator)
        yield Place(context, owner, officers, await factories.seller(context, officers))
        await owner.close()


async def race(place: Place, buyer_count: int, pause_s: float) -> tuple[int, int, int]:
    """(bids accepted, bids refused, bids that are late) of one race in which every clearance ends."""
    context = place.context
    terms = {"closes_at": context.clock.now() + timedelta(hours=2)}
    auctions = [await factories.published_auction(context, place.seller, terms=terms) for _ in range(_AUCTION_COUNT)]
    buyers = [await factories.buyer(context, place.officers) for _ in range(buyer_count)]
    for buyer in buyers:
        for auction in auctions:
            await factories.register_for(context, buyer, auction)
    lanes = [Lane(context), Lane(context)]
    for lane in lanes:
        await lane.start()
    amounts, numbers = count(100_000, 10_000), count(1)
    tally, stop = {True: 0, False: 0}, asyncio.Event()

    def command(buyer: factories.Party) -> PlaceBid:
        return PlaceBid(bidder=str(buyer.org_id), cid=f"r{next(numbers)}", amount_cents=next(amounts), confirmed=True)

    async def bid(buyer: factories.Party, lane: Lane) -> None:
        while not stop.is_set():
            orders = [
                BidOrder(buyer.actor, auction.auction_id, command(buyer), context.clock.now())
                for auction in auctions
                for _ in range(_BIDS_UNDER_WAY)
            ]
            for answer in await asyncio.gather(*(lane.submit(order) for order in orders)):
                tally[answer.holds] += 1

    racing = [asyncio.create_task(bid(buyer, lane)) for buyer in buyers for lane in lanes]
    for buyer in buyers:
        await asyncio.sleep(pause_s)
        async with context.db.begin_as_officer(place.officers[0].actor) as tx:
            now = context.clock.now()
            await compliance.end_clearance(tx, place.officers[0].actor, buyer.clearances["bid"], "race", now)
            await asyncio.sleep(_COMMIT_S)
    stop.set()
    await asyncio.gather(*racing)
    for lane in lanes:
        await lane.stop()
    late = await place.owner.fetchval(
        "SELECT count(*) FROM bid b JOIN clearance_end e USING (clearance_id)"
        " WHERE b.placed_at >= e.ended_at AND b.auction_id = ANY ($1)",
        [auction.auction_id for auction in auctions],
    )
    return tally[True], tally[False], late


async def without_locks(place: Place) -> None:
    """Take the locks on clearances out of what the gate does, and the foreign key, which locks as well."""
    for name in ("bidder_facts", "bid_gate"):
        source = await place.owner.fetchval("SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname = $1", name)
        assert "FOR KEY SHARE" in source, name
        await place.owner.execute(source.replace("FOR KEY SHARE", ""))
    await place.owner.execute("ALTER TABLE bid DROP CONSTRAINT fk_bid_org_id_capability_clearance_id_clearance")


async def insertion_s(place: Place, *, gated: bool) -> float:
    """Seconds to insert as many bids in batches of a hundred, rolled back at the end."""
    context = place.context
    auction = await factories.published_auction(context, place.seller)
    buyer = await factories.buyer(context, place.officers)
    await factories.register_for(context, buyer, auction)
    transaction = place.owner.transaction()
    await transaction.start()
    await place.owner.execute("SELECT set_config('app.role', 'system', true)")
    await place.owner.execute("ALTER TABLE auction_event DISABLE TRIGGER USER")
    if not gated:
        await place.owner.execute("ALTER TABLE bid DISABLE TRIGGER USER")
    await place.owner.execute(
        "INSERT INTO auction_event SELECT $1, n, now(), 'bid_accepted', '{}', sha256('x') FROM generate_series(2, $2) n",
        auction.auction_id, _ROW_COUNT + 1,
    )  # fmt: skip
    started_s = time.perf_counter()
    for first in range(2, _ROW_COUNT + 2, 100):
        await place.owner.execute(
            "INSERT INTO bid (auction_id, org_id, cid, seq, kind, amount_cents, confirmed, clearance_id, placed_by,"
            " min_next_cents, received_at, decided_at)"
            " SELECT $1, $2, 'c' || n, n, 'manual', n, true, $3, $4, n, now(), now() FROM generate_series($5::int, $5 + 99) n",
            auction.auction_id, buyer.org_id, buyer.clearances["bid"], buyer.user_id, first,
        )  # fmt: skip
    took_s = time.perf_counter() - started_s
    await transaction.rollback()
    return took_s


async def run(options: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="market-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)
        async with prepared(folder) as place:
            gated, bare = [], []
            for _ in range(options.runs):  # in turns: what else the machine does meets both
                gated.append(await insertion_s(place, gated=True))
                bare.append(await insertion_s(place, gated=False))
            cost = statistics.median(gated) / statistics.median(bare) - 1
            print(
                f"insertion, {_ROW_COUNT} bids in batches of 100, medians of {options.runs}:"
                f" {_ROW_COUNT / statistics.median(bare):,.0f}/s without the gate,"
                f" {_ROW_COUNT / statistics.median(gated):,.0f}/s with it (+{cost:.0%} time)"
            )
            accepted, refused, late = await race(place, options.buyers, options.pause)
            print(f"race with locks:    {accepted + refused:>7,} bids, {accepted:,} accepted, late bids = {late}")
            await without_locks(place)
            control = await race(place, options.buyers, options.pause)
            print(
                f"race without locks: {control[0] + control[1]:>7,} bids, {control[0]:,} accepted, late bids = {control[2]}"
            )
    if not control[2]:
        print(
            "the race without locks had no late bid either, so the one with locks shows nothing: run it again, longer"
        )
    return late or int(not control[2])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.gate", description="The clearance gate: cost and race.")
    parser.add_argument("--buyers", type=int, default=40)
    parser.add_argument("--pause", type=float, default=0.2, help="seconds between two suspensions")
    parser.add_argument("--runs", type=int, default=5)
    configure("error", as_json=False)
    sys.exit(1 if asyncio.run(run(parser.parse_args())) else 0)


if __name__ == "__main__":
    main()
