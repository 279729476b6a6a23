"""Bodies come in time, and JSON means what it says: the framework reads `"500"` as 500 and 5.0 as 5, the market neither."""

import asyncio
import re
from typing import Any

import msgspec
from litestar import Request
from litestar.enums import RequestEncodingType
from litestar.params import BodyKwarg
from litestar.types import Receive, ReceiveMessage

from market.edge.complaints import explained, names_at, values_at
from market.kit.errors import Malformed, MarketError

_IDLE_S = 60.0
"""The longest pause between two pieces of any body."""
_JSON_S = 10.0
"""The longest that a whole JSON body may take; it is small."""


_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""The one character that JSON has and PostgreSQL's texts have not (PostgreSQL 15, § 8.14)."""


class BodyTooSlow(MarketError):
    slug, title, status = "body-too-slow", "The body did not come in time", 408


def in_time(receive: Receive) -> Receive:
    """The same, raising `BodyTooSlow` when the next piece of a body that is not over keeps us waiting."""
    is_over = False

    async def receive_in_time() -> ReceiveMessage:
        nonlocal is_over
        if is_over:  # what comes now is the other side's leaving
            return await receive()
        try:
            async with asyncio.timeout(_IDLE_S):
                message = await receive()
        except TimeoutError:
            raise BodyTooSlow("nothing more of the body came for a while; send it again") from None
        is_over = message["type"] != "http.request" or not message["more_body"]
        return message

    return receive_in_time


async def refuse_lax(request: Request[Any, Any, Any]) -> None:
    """Decode a JSON body strictly against the route's type before the framework does so leniently.

    Raises `Malformed` naming the field as `terms.opening_cents` or `owners[0].share_bps`; the message names types and
    bounds, never values. Raises `BodyTooSlow`.
    """
    field = request.route_handler.parsed_fn_signature.parameters.get("data")
    if field is None or not isinstance(field.kwarg_definition, BodyKwarg):
        return
    if field.kwarg_definition.media_type != RequestEncodingType.JSON:
        return
    try:
        async with asyncio.timeout(_JSON_S):
            body = await request.body()
    except TimeoutError:
        raise BodyTooSlow("the body took too long to come; send it again") from None
    try:
        msgspec.json.decode(body, type=field.annotation)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `$")
        values, names = values_at(field.annotation, place), names_at(field.annotation, place)
        name, detail = explained(message, place.strip("`."), values, names)
        raise Malformed(detail, field=name) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Malformed("the body is not JSON in UTF-8") from None
    except RecursionError:
        raise Malformed("the body is nested too deeply") from None
    if _NUL.search(body):
        raise Malformed("a text may not hold the character NUL, which nothing here can keep", field=_field_of_nul(body))


def _field_of_nul(body: bytes) -> str | None:
    """Where the body has NUL; None if that stands nowhere or too deep to be named."""
    try:
        return _place_of_nul(msgspec.json.decode(body))
    except RecursionError:
        return None


def _place_of_nul(value: Any, place: str = "") -> str | None:
    """Where a text with NUL stands, as `owners[0].name`; None if there is none, or a member's own name holds it."""
    if isinstance(value, str):
        return place or None if "\0" in value else None
    if isinstance(value, list):
        return next(filter(None, (_place_of_nul(each, f"{place}[{at}]") for at, each in enumerate(value))), None)
    if isinstance(value, dict):
        named = ((f"{place}.{name}".removeprefix("."), each) for name, each in value.items() if "\0" not in name)
        return next(filter(None, (_place_of_nul(each, name) for name, each in named)), None)
    return None
