"""Processes: the server (HTTP, sockets, bid lane) and its worker, started, watched and stopped together."""

import asyncio
import errno
import gc
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import structlog
import uvicorn

from market import worker
from market.app import create_app
from market.db.cluster import RoleUrls
from market.db.context import Context
from market.db.ready import ready_database
from market.db.session import Database
from market.kit.clock import SystemClock
from market.kit.errors import MarketError
from market.kit.files import FileStore
from market.kit.ids import Chance, SystemChance
from market.kit.lulls import collect_in_lulls
from market.kit.transit import TransitVault
from market.kit.vault import KeyFileVault, Vault
from market.live import routes as live
from market.live.wire import Wire
from market.settings import Settings, SettingsError

_log = structlog.get_logger()
_WORKER_GRACE_S = 10
_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
"""Before a worker that ended is started again."""
_HEALTHY_S = 60.0
"""A worker that lived as long was not broken from the start."""
_ORPHAN_POLL_S = 0.5


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[tuple[Context, RoleUrls]]:
    """A ready database and the context of this process on it."""
    clock = SystemClock()
    chance = SystemChance(clock)
    async with ready_database(settings, chance) as urls:
        db = Database(urls.app, urls.officer, pool_count=settings.database_pool_count)
        try:
            yield (
                Context(
                    settings=settings,
                    db=db,
                    clock=clock,
                    chance=chance,
                    files=FileStore(settings.data_dir / "files"),
                    vault=vault_of(settings, chance),
                ),
                urls,
            )
        finally:
            await db.close()


def vault_of(settings: Settings, chance: Chance) -> Vault:
    """The key provider that the settings name."""
    if settings.key_provider == "vault" and settings.vault_url and settings.vault_token:
        return TransitVault(
            settings.vault_url,
            settings.vault_token,
            key=settings.vault_key,
            mount=settings.vault_mount,
            timeout_s=settings.vault_timeout_ms / 1000,
        )
    return KeyFileVault(settings.key_file or settings.data_dir / "keys" / "kek", chance)


def key_provider(settings: Settings) -> str:
    """Which provider wraps data keys, in words; its own trouble if it cannot be asked. Draws no key."""
    path = settings.key_file or settings.data_dir / "keys" / "kek"
    if settings.key_provider == "file" and not path.exists():
        return f"key file {path}, to be drawn on first use"
    try:
        return vault_of(settings, SystemChance(SystemClock())).describe()
    except (MarketError, OSError, ValueError) as trouble:
        return f"{settings.key_provider}, which cannot be used: {trouble}"


async def serve(settings: Settings, *, with_worker: bool = True) -> None:
    """Run the server until SIGINT or SIGTERM; the worker runs beside it as a child process.

    Raises `SettingsError` if somebody else listens where it would.
    """
    check_port(settings)
    async with opened(settings) as (context, urls):
        server = _Server(server_config(context))
        child = asyncio.create_task(_keep_worker(settings, urls)) if with_worker else None
        for sign in (signal.SIGINT, signal.SIGTERM):
            signal.signal(sign, _hear)
        try:
            await server.serve()
        finally:
            if child is not None:
                child.cancel()
                with suppress(asyncio.CancelledError):
                    await child


def check_port(settings: Settings) -> None:
    """Raises `SettingsError` if the address and port of the settings cannot be listened on now."""
    try:
        places = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, place in places:
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server: what just ended is free
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind(place)
    except OSError as trouble:
        where = f"port {settings.port} on {settings.host}"
        if trouble.errno == errno.EADDRINUSE:
            raise SettingsError(f"{where} is taken: set MARKET_PORT to another") from None
        raise SettingsError(f"{where} cannot be used ({trouble.strerror}): set MARKET_HOST or MARKET_PORT") from None


def _hear(_number: int, _frame: object) -> None:
    """Nothing more: uvicorn, once it has ended by a signal, raises it again, which would end us before we tidied up."""


class _Server(uvicorn.Server):
    """Tells every live socket before it hangs up: the application's own shutdown comes when they are closed already."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """What is there once it runs stays: the garbage collector no longer looks through it, 0.1 s at a time, amid bids."""
        await super().startup(sockets)
        gc.collect()
        gc.freeze()
        app: Any = self.config.app
        self._collecting = asyncio.create_task(collect_in_lulls(lambda: app.state.lane.taken_count))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._collecting.cancel()
        app: Any = self.config.app
        await app.state[live.STATE_KEY].announce_shutdown()
        await super().shutdown(sockets)


def server_config(context: Context) -> uvicorn.Config:
    """The HTTP and socket server as measured: see docs/decisions/ for why each of these."""
    settings = context.settings
    return uvicorn.Config(
        create_app(context),
        host=settings.host,
        port=settings.port,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies,  # never from the environment: it would tell whose word counts
        limit_concurrency=settings.connection_count,
        loop="uvloop",
        http="httptools",
        ws=Wire,
        ws_per_message_deflate=False,
        ws_max_size=65_536,
        ws_ping_interval=20.0,
        ws_ping_timeout=20.0,
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=True,
        timeout_keep_alive=75,  # longer than clients keep idle connections, or both would let go of one at the same moment
        timeout_graceful_shutdown=5,
        lifespan="on",
    )


async def work(settings: Settings, *, parent: int | None = None) -> None:
    """Run the worker until SIGINT or SIGTERM, or until `parent`, the process that started it, is gone."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, stop.set)
    orphaned = asyncio.create_task(_stop_with(parent, stop)) if parent else None
    async with opened(settings) as (context, _):
        await worker.run(context, stop)
    if orphaned is not None:
        orphaned.cancel()


async def _stop_with(parent: int, stop: asyncio.Event) -> None:
    while os.getppid() == parent:  # noqa: ASYNC110 - the kernel tells nobody
        await asyncio.sleep(_ORPHAN_POLL_S)
    stop.set()


async def _keep_worker(settings: Settings, urls: RoleUrls) -> None:
    """Run `market worker` as a child, again whenever it ends by itself, until cancelled."""
    environment = {
        **settings.environment(),
        "MARKET_DATABASE_URL": urls.app,
        "MARKET_OFFICER_DATABASE_URL": urls.officer,
    }
    await _keep((sys.executable, "-m", "market", "worker", "--parent", str(os.getpid())), environment)


async def _keep(words: Sequence[str], environment: Mapping[str, str]) -> None:
    """Run a child process again and again until cancelled; one that keeps ending is started ever more rarely."""
    clock, pause_s = SystemClock(), 0.0
    while True:
        began_s = clock.monotonic_s()
        process = await asyncio.create_subprocess_exec(*words, env=environment)
        try:
            code = await process.wait()
            pause_s = _pause_after(clock.monotonic_s() - began_s, pause_s)
            _log.error("the worker ended; starting it again", code=code, in_s=pause_s)
            await asyncio.sleep(pause_s)
        except asyncio.CancelledError:
            with suppress(ProcessLookupError):
                process.terminate()
            try:
                await asyncio.wait_for(process.wait(), _WORKER_GRACE_S)
            except TimeoutError:
                process.kill()
                await process.wait()
            raise


def _pause_after(lived_s: float, last_pause_s: float) -> float:
    """Seconds until a child that ended after `lived_s` is started again: twice the last pause, from the start after a healthy while."""
    if lived_s >= _HEALTHY_S:
        return _SHORTEST_PAUSE_S
    return min(_LONGEST_PAUSE_S, max(_SHORTEST_PAUSE_S, 2 * last_pause_s))
