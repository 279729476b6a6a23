"""The sending end of one socket: bounded, so that whoever reads slowly holds up nobody else."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

from market.live.protocol import CloseCode, Frame

MAX_WAITING_BYTES = 1_000_000


class Wire(Protocol):
    """What takes finished frames without waiting, and knows how much of them the other side has not taken."""

    def write(self, frames: bytes) -> None: ...

    @property
    def waiting_bytes(self) -> int: ...


class Outlet:
    """`push` never waits. Frames go straight to the wire, or, if the server has none to give, into a queue that `run` sends."""

    __slots__ = ("_frames", "_pushed_bytes", "_queued_bytes", "_ready", "_wire", "code", "over")

    def __init__(self, wire: Wire | None = None) -> None:
        self._wire = wire
        self._frames: deque[Frame] = deque()
        self._queued_bytes = self._pushed_bytes = 0
        self._ready = asyncio.Event()
        self.code: CloseCode | None = None
        """Why the socket is to be closed; None while it is not."""
        self.over = asyncio.Event()
        """Set once nothing more is taken."""

    @property
    def waiting_bytes(self) -> int:
        """What the other side has not taken yet."""
        return self._queued_bytes if self._wire is None else self._wire.waiting_bytes

    @property
    def taken_bytes(self) -> int:
        """What it has taken so far."""
        return self._pushed_bytes - self.waiting_bytes

    def push(self, frames: Frame) -> None:
        """Send a frame, or several in one. A reader that falls too far behind is cut off (4413); after the end all is dropped."""
        if self.over.is_set():
            return
        self._pushed_bytes += len(frames)
        if self._wire is not None:
            self._wire.write(frames)
        else:
            self._frames.append(frames)
            self._queued_bytes += len(frames)
            self._ready.set()
        if self.waiting_bytes > MAX_WAITING_BYTES:
            self.cut(CloseCode.SLOW)

    def finish(self, code: CloseCode | None) -> None:
        """Take no more; what is queued is still sent, then the socket closes with `code`. The first code counts."""
        if not self.over.is_set():
            self.code = code
            self.over.set()
            self._ready.set()

    def cut(self, code: CloseCode) -> None:
        """Take no more and forget what is queued."""
        self._frames.clear()
        self._queued_bytes = 0
        self.finish(code)

    async def run(self, send: Callable[[Frame], Awaitable[None]]) -> None:
        """Send what is queued until the end; returns when everything is sent."""
        while True:
            while self._frames:
                frame = self._frames.popleft()
                await send(frame)
                self._queued_bytes = max(0, self._queued_bytes - len(frame))
            if self.over.is_set():
                return
            self._ready.clear()
            await self._ready.wait()
