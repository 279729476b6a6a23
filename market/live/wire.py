"""The live sockets' way past the framework, for what comes by the thousand: text frames in, finished frames out.

Everything else of a socket (handshake, pings, fragments, closing) stays uvicorn's.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

EXTENSION = "market.wire"
"""Where a socket's scope holds its `Wire`: `scope["extensions"]`."""


class _Inbox:
    """What `asyncio.Queue` is to its one reader, in a tenth of the memory: thousands of sockets have one each."""

    __slots__ = ("_items", "_waiting")

    def __init__(self) -> None:
        self._items: list[Any] = []
        self._waiting: asyncio.Future[None] | None = None

    def empty(self) -> bool:
        return not self._items

    def put_nowait(self, item: Any) -> None:
        self._items.append(item)
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def get(self) -> Any:
        while not self._items:
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting
        self._waiting = None
        return self._items.pop(0)


class Wire(WebSocketsSansIOProtocol):
    """uvicorn's protocol of one socket, which also lets the application write finished frames and hear text at once."""

    hear: Callable[[str], bool] | None = None
    """Takes a text before it is queued for `receive`; False if it has to be queued."""

    def __init__(self, *options: Any, **more: Any) -> None:
        super().__init__(*options, **more)
        self.queue = _Inbox()  # type: ignore[assignment]  # of a queue's methods only these are used

    def write(self, frames: bytes) -> None:
        """Send whole frames as they are. Nothing happens once the socket closes."""
        if not (self.close_sent or self.transport.is_closing()):
            self.transport.write(frames)

    @property
    def waiting_bytes(self) -> int:
        """What the kernel has not taken yet, because the other side has not."""
        return self.transport.get_write_buffer_size()

    def abort(self) -> None:
        """Close at once and forget what was not taken."""
        self.transport.abort()

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        if not self.handshake_complete:
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[EXTENSION] = self

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.accept":  # nobody asks for the handshake any more
            del self.request, self.response

    def send_receive_event_to_app(self) -> None:
        hear = self.hear
        if hear is None or self.curr_msg_data_type != "text" or len(self.frames) != 1 or not self.queue.empty():
            super().send_receive_event_to_app()
            return
        try:
            taken = hear(str(self.frames[0], "utf-8"))
        except UnicodeDecodeError:
            taken = False  # uvicorn hangs up on it
        if not taken:
            super().send_receive_event_to_app()
