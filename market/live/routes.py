"""The door of the live sockets: `WS /v1/live`."""

import asyncio
from contextlib import suppress
from typing import Any

import msgspec
from litestar import Response, WebSocket, get, websocket
from litestar.exceptions import WebSocketDisconnect, WebSocketException
from litestar.types import ControllerRouterHandler

from market.live.asyncapi import document
from market.live.connection import Connection
from market.live.gate import Gate
from market.live.hub import Live
from market.live.protocol import CloseCode
from market.parties.routes import COOKIE, address_of, count_attempt, host_of, refuse_other_sites
from market.parties.rules import CrossSite

STATE_KEY = "live"
"""Where the application keeps its `Live`: `app.state.live`."""
_GATE = "live_gate"
_FAREWELL_S = 2.0


@websocket("/v1/live", opt={"public": True})
async def live_socket(socket: WebSocket[Any, Any, Any]) -> None:
    """Watch auctions and bid. The protocol is described in docs/live-protocol.md.

    Signs in by the handshake's session cookie or API key, or by `auth` with an API key. A handshake from a page of
    another site is refused with status 403.
    """
    live: Live = socket.app.state[STATE_KEY]
    try:
        refuse_other_sites(socket, live.context)
    except CrossSite as refusal:
        raise WebSocketException(code=CloseCode.FORBIDDEN, detail=refusal.detail) from refusal
    await socket.accept()
    connection = Connection(live.context.chance.token(9), host_of(socket))
    gate = _gate(socket, live)
    if not gate.enter(connection, _address(socket), has_token=_token(socket) is not None):
        await socket.close(CloseCode.RATE, CloseCode.RATE.name.lower())
        return
    live.arrive(connection)
    try:
        await _converse(live, socket, connection)
    finally:
        live.depart(connection)
        gate.leave(connection)


def _gate(socket: WebSocket[Any, Any, Any], live: Live) -> Gate:
    if _GATE not in socket.app.state:
        socket.app.state[_GATE] = Gate(live.context)
    gate: Gate = socket.app.state[_GATE]
    return gate


def _address(socket: WebSocket[Any, Any, Any]) -> str:
    return address_of(host_of(socket))


async def _converse(live: Live, socket: WebSocket[Any, Any, Any], connection: Connection) -> None:
    outlet = connection.outlet
    sender = asyncio.create_task(outlet.run(socket.send_text))
    reader = asyncio.create_task(_read(live, socket, connection))
    over = asyncio.create_task(outlet.over.wait())
    tasks = (sender, reader, over)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if reader.done():
            reader.result()  # a fault is logged by the application
        if not outlet.over.is_set():  # the other side has gone
            return
        with suppress(TimeoutError, WebSocketDisconnect, OSError):
            async with asyncio.timeout(_FAREWELL_S):
                await asyncio.shield(sender)
                await socket.close(outlet.code or CloseCode.BAD, outlet.code.name.lower() if outlet.code else None)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _read(live: Live, socket: WebSocket[Any, Any, Any], connection: Connection) -> None:
    """Hear frame after frame; returns when the other side has gone."""
    token = _token(socket)
    if token is not None:
        await live.sign_in(connection, token)
        _note_sign_in(live, socket, connection)
    sign_in_by = asyncio.get_running_loop().call_later(live.limits.auth_s, _hang_up_stranger, connection)
    try:
        while not connection.outlet.over.is_set():
            message = await socket.receive()
            if message["type"] != "websocket.receive":
                return
            text, data = message.get("text"), message.get("bytes")
            is_stranger = connection.actor is None
            await live.hear(connection, text if text is not None else data or b"")
            if is_stranger:
                _note_sign_in(live, socket, connection)
    finally:
        sign_in_by.cancel()


def _note_sign_in(live: Live, socket: WebSocket[Any, Any, Any], connection: Connection) -> None:
    """A stranger is known from now on, or has tried in vain, which counts like a wrong password."""
    if connection.actor is not None:
        _gate(socket, live).recognise(connection)
    elif connection.outlet.code is CloseCode.AUTH:
        count_attempt(socket, live.context, _address(socket))


def _hang_up_stranger(connection: Connection) -> None:
    if connection.actor is None:
        connection.outlet.finish(CloseCode.AUTH)


def _token(socket: WebSocket[Any, Any, Any]) -> str | None:
    """The API key or session token that the handshake carries."""
    kind, _, key = socket.headers.get("authorization", "").partition(" ")
    return key.strip() if kind.lower() == "bearer" else socket.cookies.get(COOKIE)


@get("/schema/asyncapi.json", opt={"public": True}, include_in_schema=False, sync_to_thread=False)
def asyncapi() -> Response[bytes]:
    """The live protocol as an AsyncAPI 3.0 document."""
    return Response(msgspec.json.encode(document()), media_type="application/json")


HANDLERS: list[ControllerRouterHandler] = [live_socket, asyncapi]
