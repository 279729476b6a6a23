"""The door of the live sockets: `WS /v1/live`."""

import asyncio
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec
from litestar import Response, WebSocket, get, websocket
from litestar.exceptions import WebSocketDisconnect, WebSocketException
from litestar.types import ControllerRouterHandler

from market.live.asyncapi import document
from market.live.connection import Connection
from market.live.gate import Gate
from market.live.hub import Live
from market.live.outlet import Outlet, texts_of
from market.live.protocol import CloseCode, Frame
from market.live.wire import EXTENSION, Wire
from market.parties.routes import COOKIE, address_of, count_attempt, host_of, refuse_other_sites
from market.parties.rules import CrossSite

STATE_KEY = "live"
"""Where the application keeps its `Live`: `app.state.live`."""
_GATE = "live_gate"
_FAREWELL_S = 2.0
_LINGER_S = 5.0
"""How long the kernel may still try to bring the last frames to somebody who does not read."""


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
    wire = _wire(socket)
    connection = Connection(live.context.chance.token(9), host_of(socket), Outlet(wire))
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


def _wire(socket: WebSocket[Any, Any, Any]) -> Wire | None:
    """The server's shortcut to the socket; None behind another server, where frames go by `send_text`."""
    wire = (socket.scope.get("extensions") or {}).get(EXTENSION)
    return wire if isinstance(wire, Wire) else None


async def _converse(live: Live, socket: WebSocket[Any, Any, Any], connection: Connection) -> None:
    outlet, wire = connection.outlet, _wire(socket)
    # Behind another server frames are queued, and sent by `send_text`.
    sender = None if wire else asyncio.create_task(outlet.run(partial(_send, socket)))
    if sender is not None:
        sender.add_done_callback(lambda _: outlet.finish(None))
    try:
        await _read_until_over(live, socket, connection)
        if outlet.is_over:  # else the other side has gone
            await _say_good_bye(socket, outlet, sender)
            if wire is not None:
                asyncio.get_running_loop().call_later(_LINGER_S, wire.abort)
    finally:
        if sender is not None:
            sender.cancel()
            with suppress(asyncio.CancelledError):
                await sender  # a fault is logged by the application


async def _send(socket: WebSocket[Any, Any, Any], frames: Frame) -> None:
    """Whoever has gone meanwhile is found out by who reads."""
    with suppress(WebSocketDisconnect, OSError):
        for text in texts_of(frames):
            await socket.send_text(text)


async def _say_good_bye(socket: WebSocket[Any, Any, Any], outlet: Outlet, sender: asyncio.Task[None] | None) -> None:
    """Close once everything pushed is sent; who does not take it in 2 s is left without a good-bye."""
    with suppress(TimeoutError, WebSocketDisconnect, OSError):
        async with asyncio.timeout(_FAREWELL_S):
            if sender is not None:
                await asyncio.shield(sender)
            await socket.close(outlet.code or CloseCode.BAD, outlet.code.name.lower() if outlet.code else None)


async def _read_until_over(live: Live, socket: WebSocket[Any, Any, Any], connection: Connection) -> None:
    """Returns when the other side has gone, or the outlet takes no more. Thousands of sockets wait here: without a task of their own."""
    outlet, loop = connection.outlet, asyncio.get_running_loop()
    try:
        async with asyncio.timeout(None) as reading:
            outlet.on_over = lambda: reading.reschedule(loop.time())
            await _read(live, socket, connection)
    except TimeoutError:
        if not reading.expired():
            raise
    finally:
        outlet.on_over = None


async def _read(live: Live, socket: WebSocket[Any, Any, Any], connection: Connection) -> None:
    """Hear frame after frame; returns when the other side has gone."""
    token = _token(socket)
    if token is not None:
        await live.sign_in(connection, token)
        _note_sign_in(live, socket, connection)
    wire = _wire(socket)
    if wire is not None:
        wire.hear = partial(live.hear_at_once, connection)
    sign_in_by = asyncio.get_running_loop().call_later(live.limits.auth_s, _hang_up_stranger, connection)
    try:
        while not connection.outlet.is_over:
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
        if wire is not None:
            wire.hear = None


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
