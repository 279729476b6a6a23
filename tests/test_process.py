"""`market serve` where it cannot listen: one line, and nothing is begun; and a worker that will not live."""

import asyncio
import gc
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from market import process
from market.db.context import Context
from tests.demo.conftest import environment
from tests.running import free_port


@pytest.mark.parametrize("options", [[], ["--with-demo"]])
def test_a_taken_port_is_one_line_that_names_the_setting(tmp_path: Path, options: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ended = _serve(tmp_path, *options, MARKET_PORT=str(port))
    assert ended.returncode == 1
    assert ended.stderr == f"market: port {port} on 127.0.0.1 is taken: set MARKET_PORT to another\n"
    assert not (tmp_path / "data").exists()


def test_an_address_of_somebody_else_is_one_line_too(tmp_path: Path) -> None:
    ended = _serve(tmp_path, MARKET_HOST="192.0.2.1")
    assert ended.returncode == 1
    assert ended.stderr.startswith("market: port 8000 on 192.0.2.1 cannot be used (")
    assert ended.stderr.count("\n") == 1


async def test_a_running_server_has_what_it_began_with_out_of_the_collectors_way(context: Context) -> None:
    settings = replace(context.settings, port=free_port())
    server = process._Server(process.server_config(replace(context, settings=settings)))
    tracked, running = len(gc.get_objects()), asyncio.create_task(server._serve())
    try:
        async with asyncio.timeout(60):
            while not server.started:
                await asyncio.sleep(0.01)
        assert gc.get_freeze_count() > tracked / 2
        assert len(gc.get_objects()) < tracked / 10
    finally:
        server.should_exit = True
        await running
        gc.unfreeze()


async def _restarts(count: int) -> list[float]:
    """After how many seconds each a child is started again that ends at once."""
    with capture_logs() as told:
        keeping = asyncio.create_task(process._keep((sys.executable, "-S", "-c", "raise SystemExit(3)"), os.environ))
        async with asyncio.timeout(60):
            while len(told) < count:
                await asyncio.sleep(0.01)
        keeping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await keeping
    assert {(line["event"], line["code"]) for line in told} == {("the worker ended; starting it again", 3)}
    return [line["in_s"] for line in told[:count]]


async def test_a_worker_that_keeps_ending_is_started_ever_more_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_SHORTEST_PAUSE_S", 0.01)
    monkeypatch.setattr(process, "_LONGEST_PAUSE_S", 0.05)
    assert await _restarts(5) == [0.01, 0.02, 0.04, 0.05, 0.05]


async def test_after_a_healthy_while_a_worker_is_started_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_SHORTEST_PAUSE_S", 0.01)
    monkeypatch.setattr(process, "_HEALTHY_S", 0.0)
    assert await _restarts(3) == [0.01, 0.01, 0.01]


def test_the_pause_goes_on_doubling_until_the_worker_lives_for_a_minute() -> None:
    assert [process._pause_after(59.9, last_s) for last_s in (0.0, 1.0, 32.0, 60.0)] == [1.0, 2.0, 60.0, 60.0]
    assert process._pause_after(60.0, 32.0) == 1.0


def _serve(folder: Path, *options: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "market", "serve", *options],
        env=environment(folder / "data") | settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
