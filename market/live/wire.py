"""The live sockets' way past the framework, for what comes by the thousand: text frames in, finished frames out.

Everything else of a socket (handshake, pings, fragments, closing) stays uvicorn's.
"""

from collections.abc import Callable
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

EXTENSION = "market.wire"
"""Where a socket's scope holds its `Wire`: `scope["extensions"]`."""
_UNREAD_COUNT = 64


class Wire(WebSocketsSansIOProtocol):
    """uvicorn's protocol of one socket, which also lets the application write finished frames and hear text at once."""

    hear: Callable[[str], bool] | None = None
    """Takes a text before it is queued for `receive`; False if it has to be queued."""

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
