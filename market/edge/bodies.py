"""JSON bodies mean what they say: the framework reads `"500"` as 500 and 5.0 as 5, the market refuses both."""

from typing import Any

import msgspec
from litestar import Request
from litestar.enums import RequestEncodingType
from litestar.params import BodyKwarg

from market.kit.errors import Malformed


async def refuse_lax(request: Request[Any, Any, Any]) -> None:
    """Decode a JSON body strictly against the route's type before the framework does so leniently.

    Raises `Malformed` naming the field as `terms.opening_cents` or `owners[0].share_bps`; the message names types and
    bounds, never values.
    """
    field = request.route_handler.parsed_fn_signature.parameters.get("data")
    if field is None or not isinstance(field.kwarg_definition, BodyKwarg):
        return
    if field.kwarg_definition.media_type != RequestEncodingType.JSON:
        return
    try:
        msgspec.json.decode(await request.body(), type=field.annotation)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `$")
        raise Malformed(message, field=place.strip("`.") or None) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Malformed("the body is not JSON in UTF-8") from None
