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


class _Queue:
    """Stands in for the wire of a server that has none to give: keeps what is written until somebody sends it."""

    def __init__(self) -> None:
        self.frames: deque[Frame] = deque()
        self.waiting_bytes = 0
        self.ready = asyncio.Event()

    def write(self, frames: bytes) -> None:
        self.frames.append(frames)
        self.waiting_bytes += len(frames)
        self.ready.set()

    def forget(self) -> None:
        self.frames.clear()
        self.waiting_bytes = 0


class Outlet:
    """`push` never waits. Frames go straight to the wire, or, if the server has none to give, into a queue that `run` sends."""

    __slots__ = ("_pushed_bytes", "_queue", "_wire", "code", "is_over", "on_over")

    def __init__(self, wire: Wire | None = None) -> None:
        self._queue = _Queue() if wire is None else None
        self._wire: Wire = wire or self._queue  # type: ignore[assignment]  # one of the two is there
        self._pushed_bytes = 0
        self.code: CloseCode | None = None
        """Why the socket is to be closed; None while it is not."""
        self.is_over = False
        """Whether nothing more is taken."""
        self.on_over: Callable[[], object] | None = None
        """Called at that moment."""

    @property
    def waiting_bytes(self) -> int:
        """What the other side has not taken yet."""
        return self._wire.waiting_bytes

    @property
    def taken_bytes(self) -> int:
        """What it has taken so far."""
        return self._pushed_bytes - self.waiting_bytes

    def push(self, frames: Frame) -> None:
        """Send a frame, or several in one. A reader that falls too far behind is cut off (4413); after the end all is dropped."""
        if self.is_over:
            return
        self._pushed_bytes += len(frames)
        self._wire.write(frames)
        if self._wire.waiting_bytes > MAX_WAITING_BYTES:
            self.cut(CloseCode.SLOW)

    def finish(self, code: CloseCode | None) -> None:
        """Take no more; what is queued is still sent, then the socket closes with `code`. The first code counts."""
        if self.is_over:
            return
        self.code, self.is_over = code, True
        if self._queue is not None:
            self._queue.ready.set()
        if self.on_over is not None:
            self.on_over()

    def cut(self, code: CloseCode) -> None:
        """Take no more and forget what is queued."""
        if self._queue is not None:
            self._queue.forget()
        self.finish(code)

    async def run(self, send: Callable[[Frame], Awaitable[object]]) -> None:
        """Send what is queued until the end; returns when everything is sent."""
        queue = self._queue
        assert queue is not None, "what goes to a wire is sent"
        while True:
            while queue.frames:
                frames = queue.frames.popleft()
                await send(frames)
                queue.waiting_bytes = max(0, queue.waiting_bytes - len(frames))
            if self.is_over:
                return
            queue.ready.clear()
            await queue.ready.wait()


def texts_of(frames: Frame) -> list[str]:
    """The JSON texts that one frame, or several in one, carry."""
    texts, start = [], 0
    while start < len(frames):
        size, head = frames[start + 1], {126: 4, 127: 10}.get(frames[start + 1], 2)
        if head > 2:
            size = int.from_bytes(frames[start + 2 : start + head], "big")
        start += head + size
        texts.append(frames[start - size : start].decode())
    return texts
