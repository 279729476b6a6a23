"""`market serve --with-demo`: parties and an open auction on the first start, the same ones on the second."""

import asyncio
import json
import re
import signal
import stat
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from market.cli import cli
from market.client.market import MarketClient
from market.demo.bank import Bank
from market.demo.cast import BUYER_A, OFFICER_A, OFFICER_B, OPERATOR, Character
from market.demo.checks import Checks
from market.demo.options import Options
from market.demo.steps import joining
from market.demo.teller import Teller
from market.demo.world import World
from market.kit.clock import SystemClock
from market.kit.ids import SystemChance
from market.settings import Settings
from tests.demo.conftest import environment
from tests.running import free_port

_READY_S = 600


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="market-serving-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o711)
        yield Path(name)


@asynccontextmanager
async def _served(home: Path, port: int, sign: signal.Signals) -> AsyncIterator[str]:
    """What the server printed until it was ready; ended by `sign`, which it must obey with status 0."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "market", "serve", "--with-demo"),
        env={**environment(home / "data"), "MARKET_PORT": str(port)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    said = ""
    try:
        async with asyncio.timeout(_READY_S):
            while "Ctrl-C stops" not in said:
                line = (await process.stdout.readline()).decode()
                assert line, f"the server ended: {said}"
                said += line
        yield said
    finally:
        process.send_signal(sign)
        assert await asyncio.wait_for(process.wait(), 30) == 0


async def test_the_second_start_finds_the_parties_and_the_auction_of_the_first(home: Path) -> None:
    port = free_port()
    async with _served(home, port, signal.SIGINT) as first:
        await _can_be_tried(first, port)
    async with _served(home, port, signal.SIGTERM) as second:
        await _can_be_tried(second, port)
        async with _as_the_demo(home, port, BUYER_A, OPERATOR) as world:
            await _is_funded_by_hand(second, home, world)
    assert _logins(first) == _logins(second)
    assert re.findall(r"auction ([0-9a-f-]{36})", first) == re.findall(r"auction ([0-9a-f-]{36})", second)
    kept = next((home / "data" / "keys").glob("demo-logins.json"))
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


async def test_a_start_after_somebody_blocked_a_buyer_finds_what_is_there_and_says_what_is_not(home: Path) -> None:
    port = free_port()
    async with _served(home, port, signal.SIGINT) as first, _as_the_demo(home, port, BUYER_A, *_OFFICERS) as world:
        org_id = (await world[BUYER_A].session()).org_id
        said = await world[OFFICER_A].propose(kind="block", reason="A list names it.", org_id=org_id)
        await world[OFFICER_B].decide_proposal(said.proposal_id, carried=True, reason="The list names it indeed.")
    async with _served(home, port, signal.SIGINT) as second:
        assert _logins(first) == _logins(second)
        assert re.findall(r"auction ([0-9a-f-]{36})", first) == re.findall(r"auction ([0-9a-f-]{36})", second)
    assert re.search(r"left out\s+buyer A is not cleared: 409 wrong-case-state", second)
    assert f"remove {(home / 'data').resolve()} and start again" in " ".join(second.split())
    assert "left out" not in first


_OFFICERS = (OFFICER_A, OFFICER_B)


@asynccontextmanager
async def _as_the_demo(home: Path, port: int, *people: Character) -> AsyncIterator[World]:
    """Clients of these people, signed in with the passwords and apps that the server keeps for them."""
    clock = SystemClock()
    settings = Settings(data_dir=home / "data", public_url=f"http://127.0.0.1:{port}")
    chance, teller, bank = SystemChance(clock), Teller(clock), Bank("1", "USD")
    world = World(settings, Options(out=home), clock, chance, teller, Checks(), bank, begun_at=clock.now())
    passwords, apps = (json.loads((home / "data" / "keys" / name).read_text()) for name in _KEPT)
    world.passwords = {who: passwords[who.email] for who in people}
    world.apps = {who: apps[who.email] for who in people if who.email in apps}
    world.seat(*people)
    try:
        for who in people:
            assert await joining.sign_in(world, who)
        yield world
    finally:
        await world.close()


_KEPT = ("demo-logins.json", "demo-apps.json")


async def _is_funded_by_hand(said: str, home: Path, world: World) -> None:
    """The printed number and balance make a statement that the operator imports, and the buyer's wire finds its owner."""
    stated = await world[BUYER_A].bank_account()
    assert stated.pay_to is not None
    number, opening_cents = re.findall(r"statement (\d+) is next, and opens with (\d+) cents", said)[0]
    out, wire = home / "statement.xml", ("--wire", stated.payment_reference, "12345", "Alfa Debt Buyers LLC")
    made = CliRunner().invoke(
        cli, ["statement", "--number", number, "--opening-cents", opening_cents, *wire, "--out", str(out)]
    )
    assert made.exit_code == 0, made.output
    (imported,) = (await world[OPERATOR].import_statement(out.read_bytes())).statements
    assert (imported.matched_count, imported.suspense) == (1, ())


def _logins(said: str) -> list[tuple[str, str]]:
    return re.findall(r"(\S+@\S+\.example)\s+(\S+)", said)


async def _can_be_tried(said: str, port: int) -> None:
    """The printed login of a buyer works, an auction is open to it, and the documents are where they are said to be."""
    email, password = next(login for login in _logins(said) if login[0].startswith("alma"))
    assert f"http://127.0.0.1:{port}/schema" in said
    async with MarketClient(f"http://127.0.0.1:{port}") as client:
        await client.sign_in(email=email, password=password)
        (open_now,) = (await client.auctions()).items
        found = await client.auction(open_now.auction_id)
        assert (found.phase, found.you and found.you.is_registered) == ("open", True)
