"""The live protocol as an AsyncAPI 3.0 document (December 2023), made from the messages themselves."""

from collections.abc import Mapping
from functools import cache
from typing import Any, get_args

import msgspec

from auctions.messages import Event
from auctions.views import VISIBILITY
from market.live import protocol

_REF = "#/components/schemas/{name}"
_STAMP = {
    "auction": {"type": "string"},
    "seq": {"type": "integer", "minimum": 1},
    "prev": {"type": "integer", "minimum": 0},
    "at": {"type": "string", "format": "date-time"},
}


@cache
def document() -> Mapping[str, Any]:
    """The whole document. `receive` is what a client says, `send` what it hears."""
    said, heard = get_args(protocol.Request), get_args(protocol.Message)
    roots, schemas = msgspec.json.schema_components((*said, *heard), ref_template=_REF)
    del roots
    schemas |= {"Event": _event(), "Snapshot": _snapshot()}
    said_names = [message.__name__ for message in said]
    heard_names = [*(message.__name__ for message in heard), "Event", "Snapshot"]
    channel = {"$ref": "#/channels/live"}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "debtmarket live",
            "version": str(protocol.VERSION),
            "description": "One socket for any number of auctions: docs/live-protocol.md says how to speak it.",
        },
        "defaultContentType": "application/json",
        "channels": {
            "live": {
                "address": "/v1/live",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in said_names + heard_names},
                "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
            }
        },
        "operations": {
            "say": {"action": "receive", "channel": channel, "messages": _of_channel(said_names)},
            "hear": {"action": "send", "channel": channel, "messages": _of_channel(heard_names)},
        },
        "components": {
            "messages": {name: {"payload": {"$ref": _REF.format(name=name)}} for name in said_names + heard_names},
            "schemas": schemas,
        },
    }


def _of_channel(names: list[str]) -> list[dict[str, str]]:
    return [{"$ref": f"#/channels/live/messages/{name}"} for name in names]


def _event() -> dict[str, Any]:
    """One event as an audience may see it: its stamp, its kind, and new values under their names in the snapshot."""
    kinds = sorted(event.kind for event in get_args(Event))
    told = {"t": {"const": "event"}, **_STAMP, "kind": {"enum": [*kinds, "redacted"]}}
    return _object(_shown() | told, required=["t", "auction", "seq", "prev", "at", "kind"])


def _snapshot() -> dict[str, Any]:
    """A whole state as an audience may see it."""
    told = {"t": {"const": "snapshot"}, "epoch": {"type": "string"}, **_STAMP}
    return _object(_shown() | told, required=["t", "epoch", "auction", "seq", "phase", "terms"])


def _shown() -> dict[str, Any]:
    """Every name that anybody may see; amounts are whole minor units, instants ISO 8601."""
    shapes: dict[str, Any] = {}
    for name in VISIBILITY:
        if name.endswith("_cents"):
            shapes[name] = {"type": ["integer", "null"]}
        elif name.endswith("_at"):
            shapes[name] = {"type": "string", "format": "date-time"}
        else:
            shapes[name] = {}
    return shapes


def _object(properties: dict[str, Any], *, required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
