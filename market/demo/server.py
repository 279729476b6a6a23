"""The real server as a child process with a data folder of its own; it is stopped whatever happens."""

import asyncio
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx

from market.settings import Settings

_READY_TRIES = 600
_READY_PAUSE_S = 0.1
_GRACE_S = 15


class ServerError(Exception):
    """The server did not come up; the message says where its words are."""


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def demo_settings(settings: Settings, folder: Path, *, database_name: str) -> Settings:
    """The caller's settings for a server of its own: another folder, database and port, and limits for one address.

    All parties of the demo come from 127.0.0.1, so that the limits per address are those of seven people.
    """
    port = free_port()
    return replace(
        settings,
        data_dir=folder,
        database_name=database_name,
        host="127.0.0.1",
        port=port,
        public_url=f"http://127.0.0.1:{port}",
        key_file=None,
        smtp_url=None,
        requests_per_minute=max(settings.requests_per_minute, 6_000),
        signins_per_minute=max(settings.signins_per_minute, 240),
        worker_poll_ms=150,
        screening_lists="specimen",
        log_level="warning",
    )


class Server:
    """`python -m market serve` with the given settings; its log is `server.log` in the data folder."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.log = settings.data_dir / "server.log"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start and wait until it is ready. Raises `ServerError`."""
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "market", "serve"),
                env=self.settings.environment(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the demo, which then stops the server in order
            )
        await wait_until_ready(self.settings.public_url, self._has_ended, log=self.log)

    async def stop(self) -> None:
        """SIGTERM and wait; SIGKILL if it does not end."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _GRACE_S)
        except TimeoutError:
            process.kill()
            await process.wait()

    def _has_ended(self) -> bool:
        return self._process is None or self._process.returncode is not None


async def wait_until_ready(url: str, has_ended: Callable[[], bool], *, log: Path | None = None) -> None:
    """Poll /health/ready for up to a minute. Raises `ServerError`."""
    where = f"; see {log}" if log else ""
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=5) as client:
        for _ in range(_READY_TRIES):
            if has_ended():
                raise ServerError(f"the server ended before it was ready{where}")
            try:
                if (await client.get("/health/ready")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(_READY_PAUSE_S)
    raise ServerError(f"the server was not ready after a minute{where}")
