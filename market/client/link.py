"""The connection under the live client: made again whenever it breaks, given up only when turned away."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Protocol

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Origin

from market.client.messages import LiveClosed

_FATAL = {
    4400: "the server does not understand us",
    4401: "not signed in, or no longer",
    4403: "not allowed",
    4409: "another socket of this user took this one's place",
}
_SLOW_DOWN_S = {4413: 1.0, 4429: 2.0}
"""Close codes after which to stay away for a while."""
_HEARTBEAT_LOST = 4408
_BACKOFF_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_MISSED_HEARTBEATS = 3
_FIRST_HEARTBEAT_S = 5.0
_MAX_FRAME_BYTES = 4 * 1024 * 1024
_CLOSE_S = 2.0


class Listener(Protocol):
    """What the link tells of."""

    async def signed_in(self) -> None: ...
    async def heard(self, frame: dict[str, Any]) -> None: ...
    def ended(self, closed: LiveClosed) -> None: ...


class Link:
    """`run` keeps a signed-in connection until `end`; `send` says nothing while there is none."""

    def __init__(
        self,
        url: str,
        listener: Listener,
        *,
        jitter: Callable[[], float],
        api_key: str | None,
        headers: Mapping[str, str],
        origin: str | None,
    ) -> None:
        self._url = url
        self._listener = listener
        self._jitter = jitter
        self._api_key = api_key
        self._headers = dict(headers)
        self._origin = None if origin is None else Origin(origin)
        self._socket: ClientConnection | None = None
        self._heartbeat_s = _FIRST_HEARTBEAT_S
        self._least_pause_s = 0.0
        self.is_signed_in = asyncio.Event()
        self.closed: LiveClosed | None = None
        self.connected_count = 0

    async def run(self) -> None:
        try:
            await self._stay_connected()
        finally:  # whatever ends this, nobody is left waiting
            self.end(LiveClosed(1006, "the live client ended"))

    async def send(self, frame: str) -> None:
        """Nothing happens while not signed in: `Listener.signed_in` sends everything again."""
        if self._socket is not None and self.is_signed_in.is_set():
            with suppress(ConnectionClosed):
                await self._socket.send(frame)

    def end(self, closed: LiveClosed) -> None:
        """For good; the first reason counts."""
        if self.closed is None:
            self.closed = closed
            self._listener.ended(closed)

    async def _stay_connected(self) -> None:
        """Connect again and again, each time a little later, until told to stop or turned away."""
        tries = 0
        while self.closed is None:
            before = self.connected_count
            await self._connect_once()
            self._socket = None
            self.is_signed_in.clear()
            tries = 0 if self.connected_count > before else tries + 1
            if self.closed is None:
                await self._pause(tries)

    async def _connect_once(self) -> None:
        try:
            async with connect(
                self._url,
                additional_headers=self._headers,
                origin=self._origin,
                compression=None,
                max_size=_MAX_FRAME_BYTES,
                close_timeout=_CLOSE_S,
                proxy=None,
            ) as socket:
                await self._converse(socket)
        except InvalidStatus as refusal:
            if refusal.response.status_code in {401, 403}:
                self.end(LiveClosed(4403, "the handshake was refused"))
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd is not None else 1006
            if code in _FATAL:
                self.end(LiveClosed(code, _FATAL[code]))
            self._least_pause_s = max(self._least_pause_s, _SLOW_DOWN_S.get(code, 0.0))
        except (OSError, TimeoutError, InvalidHandshake):
            pass  # weather: the next try tells

    async def _pause(self, tries: int) -> None:
        longest_s = _BACKOFF_S[min(tries, len(_BACKOFF_S) - 1)]
        pause_s = max(self._least_pause_s, longest_s * (0.5 + self._jitter() / 2))
        self._least_pause_s = 0.0
        await asyncio.sleep(pause_s)

    async def _converse(self, socket: ClientConnection) -> None:
        self._socket = socket
        if self._api_key is not None:
            await socket.send(text({"op": "auth", "id": "auth", "token": self._api_key}))
        while True:
            try:
                async with asyncio.timeout(_MISSED_HEARTBEATS * self._heartbeat_s):
                    frame = msgspec.json.decode(await socket.recv())
            except TimeoutError:
                await socket.close(_HEARTBEAT_LOST)
                return
            await self._take(frame)

    async def _take(self, frame: dict[str, Any]) -> None:
        if frame["t"] == "ok" and not self.is_signed_in.is_set():
            self._heartbeat_s = float(frame.get("heartbeat_s", self._heartbeat_s))
            self.is_signed_in.set()
            self.connected_count += 1
            await self._listener.signed_in()
        elif frame["t"] == "shutdown":
            self._least_pause_s = frame["retry_after_ms"] / 1000
        else:
            await self._listener.heard(frame)


def text(message: Mapping[str, Any]) -> str:
    """The frame of a message."""
    return msgspec.json.encode(message).decode()
