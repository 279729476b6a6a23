"""`market serve --with-demo`: parties and an open auction on the first start, the same ones on the second."""

import asyncio
import re
import signal
import stat
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from market.client.market import MarketClient
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
    assert _logins(first) == _logins(second)
    assert re.findall(r"auction ([0-9a-f-]{36})", first) == re.findall(r"auction ([0-9a-f-]{36})", second)
    kept = next((home / "data" / "keys").glob("demo-logins.json"))
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


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
