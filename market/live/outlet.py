"""The sending end of one socket: a bounded queue, so that whoever reads slowly holds up nobody else."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from market.live.protocol import CloseCode, Frame

MAX_QUEUED_FRAMES = 4096
MAX_QUEUED_CHARS = 1_000_000


class Outlet:
    """`push` never waits; `run` sends what was pushed, in order, as fast as the other side reads."""

    __slots__ = ("_frames", "_queued_chars", "_ready", "code", "over", "sent_count")

    def __init__(self) -> None:
        self._frames: deque[Frame] = deque()
        self._queued_chars = 0
        self._ready = asyncio.Event()
        self.code: CloseCode | None = None
        """Why the socket is to be closed; None while it is not."""
        self.over = asyncio.Event()
        """Set once nothing more is taken."""
        self.sent_count = 0

    @property
    def waiting_count(self) -> int:
        return len(self._frames)

    def push(self, frame: Frame) -> None:
        """Queue a frame. The reader of a full queue is cut off (4413); what is pushed after the end is dropped."""
        if self.over.is_set():
            return
        self._frames.append(frame)
        self._queued_chars += len(frame)
        if len(self._frames) > MAX_QUEUED_FRAMES or self._queued_chars > MAX_QUEUED_CHARS:
            self.cut(CloseCode.SLOW)
            return
        self._ready.set()

    def finish(self, code: CloseCode | None) -> None:
        """Take no more; what is queued is still sent, then the socket closes with `code`. The first code counts."""
        if not self.over.is_set():
            self.code = code
            self.over.set()
            self._ready.set()

    def cut(self, code: CloseCode) -> None:
        """Take no more and forget what is queued."""
        self._frames.clear()
        self._queued_chars = 0
        self.finish(code)

    async def run(self, send: Callable[[Frame], Awaitable[None]]) -> None:
        """Send until the end; returns when everything is sent."""
        while True:
            while self._frames:
                frame = self._frames.popleft()
                self._queued_chars -= len(frame)
                await send(frame)
                self.sent_count += 1
            if self.over.is_set():
                return
            self._ready.clear()
            await self._ready.wait()
