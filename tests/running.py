"""The real server as a child process, which tests may stop, kill and start again."""

import asyncio
import os
import signal
import socket
import sys

import httpx

from market.db.cluster import RoleUrls
from market.settings import Settings


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RunningServer:
    """`market serve` on 127.0.0.1 with the given database; keeps its port over restarts."""

    def __init__(self, settings: Settings, urls: RoleUrls, *, worker: bool = True, **overrides: object) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.live_url = f"ws://127.0.0.1:{self.port}/v1/live"
        self._worker = worker
        self._environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("MARKET_")},
            "MARKET_DATABASE_URL": urls.app,
            "MARKET_OFFICER_DATABASE_URL": urls.officer,
            "MARKET_DATA_DIR": str(settings.data_dir),
            "MARKET_PORT": str(self.port),
            "MARKET_PUBLIC_URL": self.url,
            "MARKET_REQUESTS_PER_MINUTE": "1000000",
            "MARKET_SIGNINS_PER_MINUTE": "1000000",
            "MARKET_SECOND_FACTOR": "nobody",
            "MARKET_WORKER_POLL_MS": "50",
            "MARKET_LOG_LEVEL": "warning",
            **{f"MARKET_{name.upper()}": str(value) for name, value in overrides.items()},
        }
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start and wait until /health/ready answers."""
        options = [] if self._worker else ["--without-worker"]
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "market", "serve", *options, env=self._environment, start_new_session=True
        )
        async with httpx.AsyncClient(base_url=self.url) as client:
            for _ in range(300):
                if self.process.returncode is not None:
                    raise AssertionError(f"the server ended with {self.process.returncode}")
                try:
                    if (await client.get("/health/ready")).status_code == 200:
                        return
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.1)
        raise AssertionError("the server did not become ready in 30 s")

    async def kill(self) -> None:
        """SIGKILL to the server and everything it started, as a power cut would."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        await self.process.wait()

    async def stop(self) -> None:
        """SIGTERM, and wait for the clean end."""
        if self.process is not None and self.process.returncode is None:
            self.process.terminate()
            try:
                await asyncio.wait_for(self.process.wait(), 15)
            except TimeoutError:
                await self.kill()
                raise AssertionError("the server did not stop on SIGTERM within 15 s") from None
