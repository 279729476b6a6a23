"""A sale whose server is killed again and again: nothing that was acknowledged is lost, and nothing happens twice."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest_asyncio

from market.client.portfolios import Pool
from market.db.cluster import RoleUrls
from market.db.context import Context
from market.demo import results
from market.demo.bank import Bank
from market.demo.cast import BUYERS, EVERYBODY, OFFICER_A, OFFICER_B, OPERATOR, SELLER, STAFF, TRADERS, Character
from market.demo.chapters.arrival import WANTED
from market.demo.checks import Checks
from market.demo.options import Options
from market.demo.steps import joining, money, offer, portfolio, settling, vetting
from market.demo.steps.hall import Hall
from market.demo.steps.offer import Figures
from market.demo.teller import Teller
from market.demo.world import World
from tests.running import RunningServer


@dataclass
class Stage:
    """A world with a server that can be killed."""

    world: World
    server: RunningServer
    acked: dict[str, tuple[Character, int, int | None]] = field(default_factory=dict)

    async def kill(self) -> None:
        """kill -9 to server, worker and masking processes; then the same data and port again."""
        await self.server.kill()
        await self.server.start()

    async def books_hold(self) -> bool:
        return (await self.world[OPERATOR].trial_balance()).holds


@pytest_asyncio.fixture
async def stage(context: Context, urls: RoleUrls) -> AsyncIterator[Stage]:
    server = RunningServer(context.settings, urls, commands_per_second=10_000, commands_burst=10_000)
    settings = replace(
        context.settings,
        database_url=urls.app,
        officer_database_url=urls.officer,
        port=server.port,
        public_url=server.url,
    )
    clock = context.clock
    bank, now = Bank("0001", "USD"), clock.now()
    world = World(settings, Options(out=Path()), clock, context.chance, Teller(clock), Checks(), bank, begun_at=now)
    await server.start()
    yield Stage(world, server)
    await world.close()
    await server.stop()


async def test_a_sale_survives_kill_9_at_every_step(stage: Stage, tmp_path: Path) -> None:
    world = stage.world
    await _come_in(world)
    await _killed_while_masking(stage)
    pool, figures = await _publish(world)
    await _pay_deposits(stage, figures)
    await _killed_while_bidding(stage)
    await _settled_once(stage)
    await _killed_around_the_release(stage)
    await _told_the_truth(stage, pool, tmp_path)


async def _come_in(world: World) -> None:
    world.seat(*EVERYBODY)
    invited = {
        **await joining.invite(world, OFFICER_A, OFFICER_B),
        **await joining.invite(world, OPERATOR),
    }
    await asyncio.gather(*(joining.register(world, who) for who in TRADERS))
    await asyncio.gather(*(joining.join(world, who, invited[who]) for who in STAFF))
    assert all(await asyncio.gather(*(joining.sign_in(world, who) for who in EVERYBODY)))
    await asyncio.gather(*(vetting.clear(world, who, *WANTED[who]) for who in TRADERS))


async def _killed_while_masking(stage: Stage) -> None:
    """Once right after the upload was acknowledged, once while a child process masks."""
    world = stage.world
    tape = portfolio.choose_tape(world)
    assert tape.generated is not None
    await portfolio.upload(world, tape, name="killed")
    await stage.kill()
    found = await portfolio.read_columns(world)
    assert found.state == "mapping_needed"
    await world[SELLER].put_mapping(found.portfolio_id, tape.corrections)
    await world[SELLER].wait_for_portfolio(found.portfolio_id, lambda seen: seen.state == "masking", poll_s=0.01)
    await stage.kill()
    found = await portfolio.correct_mapping(world, tape.corrections)
    assert (found.state, found.totals and found.totals["accepted_cents"]) == ("ready", tape.generated.face_value_cents)
    assert {row.row_number for row in await portfolio.read_refused(world)} == set(tape.generated.refused)
    assert len((await world[SELLER].portfolios()).items) == 1


async def _publish(world: World) -> tuple[Pool, Figures]:
    found = await world[SELLER].portfolio(world.sale.portfolio_id)
    pool = (await portfolio.cut_pools(world, portfolio.plan_pools(found)))[0]
    assert pool.state == "ready"
    figures = Figures(opening_cents=10_000_00, increment_cents=100, reserve_cents=10_001_00, deposit_cents=5_000_00)
    opens_at = world.clock.now() + timedelta(seconds=1)
    await vetting.bring_listing_papers(world, SELLER, pool.portfolio_id)
    await vetting.verify_listing_papers(world)
    await offer.publish(world, pool, figures, opens_at=opens_at, open_for=timedelta(seconds=30), window_s=1)
    return pool, figures


async def _pay_deposits(stage: Stage, figures: Figures) -> None:
    world = stage.world
    for who in BUYERS:
        await offer.accept_nda(world, who)
        await money.wire_in(world, who, figures.deposit_cents)
    await money.import_statement(world)
    await asyncio.gather(*(offer.place_deposit(world, who) for who in BUYERS))
    assert await stage.books_hold()


async def _killed_while_bidding(stage: Stage) -> None:
    """Three bidders overbid each other without pause; the server dies among their bids, and again at the close."""
    world = stage.world
    async with Hall(world, SELLER, *BUYERS) as hall:
        await hall.until_open()
        bidding = [asyncio.create_task(_overbid(hall, who)) for who in BUYERS]
        await asyncio.sleep(1)
        assert hall.acked
        await stage.server.kill()
        before = len(hall.acked)
        await stage.server.start()
        async with asyncio.timeout_at(_loop_time(hall)):
            while len(hall.acked) == before:
                await asyncio.sleep(0.05)
        await hall.sleep_until(hall.closes_at - timedelta(milliseconds=200))
        await stage.server.kill()
        await hall.sleep_until(hall.closes_at + timedelta(milliseconds=200))
        stage.server._worker = False  # so that nobody opens the settlement before the next kill
        await stage.server.start()
        assert (await hall.until_over()).kind == "awarded"
        await asyncio.gather(*bidding)
        await stage.server.kill()
        stage.server._worker = True
        stage.acked = {ack.cid: (who, cents, ack.seq) for who, cents, ack in hall.acked}
    await stage.server.start()


def _loop_time(hall: Hall) -> float:
    """The close, by the event loop's clock."""
    return asyncio.get_running_loop().time() + (hall.closes_at - datetime.now(UTC)).total_seconds()


async def _overbid(hall: Hall, who: Character) -> None:
    """Bid the least acceptable amount again and again until it is too late."""
    while True:
        ack = await hall.bid(who, hall.state(who)["min_next_cents"])
        if ack.code == "TOO_LATE":
            return
        await asyncio.sleep(0.01)


async def _settled_once(stage: Stage) -> None:
    await settling.find(stage.world, lambda sale: sale.state == "signing")
    assert len((await stage.world[OPERATOR].settlements()).items) == 1
    assert await stage.books_hold()


async def _killed_around_the_release(stage: Stage) -> None:
    world = stage.world
    winner = await settling.winner(world)
    await settling.name_bank_account(world)
    await settling.sign(world, winner, is_buyer=True)
    await settling.sign(world, SELLER, is_buyer=False)
    sale = await settling.find(world, lambda found: found.state == "awaiting_funds")
    await money.wire_in(world, winner, sale.due_cents, sale.payment_reference)
    await money.import_statement(world)
    await settling.prepare_release(world)
    await stage.kill()
    assert (await settling.find(world, lambda _: True)).state == "release_review"
    await settling.approve_release(world)
    await stage.kill()
    assert (await settling.find(world, lambda _: True)).state == "released"
    assert await stage.books_hold()
    await settling.pay_out(world)
    await settling.find(world, lambda found: found.state in {"payout_confirmed", "putback_window"})


async def _told_the_truth(stage: Stage, pool: Pool, tmp_path: Path) -> None:
    """Every acknowledged bid is in the log once, at its place; it closed once; money sums to zero; the file is whole."""
    world = stage.world
    log = await world[SELLER].auction_log(world.sale.auction_id)
    (tmp_path / "auction.jsonl").write_bytes(log)
    assert (await results.run_market("auction", "verify", str(tmp_path / "auction.jsonl")))[0] == 0
    events = [json.loads(line)["event"] for line in log.splitlines()]
    events = [json.loads(event) if isinstance(event, str) else event for event in events]
    stored = {
        event["cid"]: (event["amount_cents"], event["seq"]) for event in events if event["kind"] == "bid_accepted"
    }
    lost = [cid for cid, (_, cents, seq) in stage.acked.items() if stored.get(cid) != (cents, seq)]
    assert lost == []
    kinds = Counter(event["kind"] for event in events)
    assert (kinds["auction_closed"], kinds["awarded"], kinds["auction_opened"]) == (1, 1, 1)
    assert kinds["bid_accepted"] == len(stored), "no command counted twice"
    assert await stage.books_hold()
    moved = results.balances(results.ledger_lines(await money.transfers(world)))
    assert sum(moved.values()) == 0
    received = await settling.receive(world, await settling.winner(world), pool.commitment_root or "")
    assert (received.check.ok, received.check.rows_count) == (True, pool.account_count)
