"""How an event is written down: canonical JSON, and the hash chain over it.

Canonical means: ASCII, keys sorted, no spaces, whole numbers, instants as ISO 8601 with microseconds and Z. The same
event gives the same bytes for ever. The bytes hold auction id, seq, instant and body, so the hash covers them all.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, fields
from datetime import UTC, datetime
from hashlib import sha256
from operator import attrgetter
from typing import Any, cast, get_args

from auctions.messages import AuctionFailed, BidKind, Event, FailureReason, Outcome
from auctions.moves import BidsOpened, Declined, OpenedBid, PoolAward, Stage
from auctions.terms import instant, terms_from_json
from auctions.terms.base import CommonTerms
from auctions.terms.english import EnglishTerms

GENESIS = bytes(32)
"""The head of an auction without events."""


def chain(head: bytes, event_bytes: bytes) -> bytes:
    """The head after an event: SHA-256 (32 bytes) over the head before it and the event's canonical bytes."""
    return sha256(head + event_bytes).digest()


def encode(event: Event) -> bytes:
    """The canonical bytes of an event."""
    names, values = _SHAPES[type(event)]
    data: dict[str, Any] = dict(zip(names, values(event), strict=True))
    if isinstance(event, BidsOpened) and event.key is None:
        del data["key"]  # it came later: without one, the event stays what it was
    return _to_text(data).encode("ascii")


def decode(event_bytes: bytes | str) -> Event:
    """The event that `encode` wrote. Raises ValueError for anything that is not one."""
    data = json.loads(event_bytes)
    kind = data.pop("kind", None) if isinstance(data, dict) else None
    if not isinstance(kind, str) or kind not in _TYPES:
        raise ValueError("not an event of a known kind")
    cls = _TYPES[kind]
    if data.keys() | ({"key"} if cls is BidsOpened else set()) != {field.name for field in fields(cls)}:
        raise ValueError(f"not the fields of {kind}")
    if not isinstance(data["auction_id"], str) or type(data["seq"]) is not int:
        raise ValueError("not the stamp of an event")
    try:
        if cls is AuctionFailed:
            data["reason"] = FailureReason(data["reason"])
        for name in data.keys() & _READERS.keys():
            data[name] = _READERS[name](data[name])
        return cast("Event", cls(**data))
    except (TypeError, AttributeError) as error:
        raise ValueError(f"not the values of {kind}") from error


def _plain(value: object) -> Any:
    match value:
        case datetime():
            return instant(value)
        case EnglishTerms() | CommonTerms():
            return value.to_json()
        case OpenedBid() | Declined() | PoolAward():
            return asdict(value)
        case _:
            raise TypeError(f"{type(value).__name__} has no place in an event")


_to_text = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False, default=_plain).encode

_TYPES: dict[str, type[Any]] = {cls.kind: cls for cls in get_args(Event)}


def _shape(cls: type[Any]) -> tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]:
    names = tuple(sorted(["kind", *(field.name for field in fields(cls))]))
    return names, attrgetter(*names)


_SHAPES = {cls: _shape(cls) for cls in _TYPES.values()}


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return at.astimezone(UTC)


def _tuple(values: list[Any] | None) -> tuple[Any, ...] | None:
    return None if values is None else tuple(values)


def _declined(values: list[dict[str, Any]]) -> tuple[Declined, ...]:
    return tuple(Declined(**value) for value in values)


def _awards(values: list[dict[str, Any]]) -> tuple[PoolAward, ...]:
    return tuple(PoolAward(**{**value, "pools": tuple(value["pools"])}) for value in values)


def _opened(values: list[dict[str, Any]]) -> tuple[OpenedBid, ...]:
    return tuple(OpenedBid(**value) for value in values)


_READERS: dict[str, Callable[[Any], Any]] = {
    "at": _instant,
    "closes_at": _instant,
    "latest_close_at": _instant,
    "terms": terms_from_json,
    "bid_kind": BidKind,
    "outcome": Outcome,
    "begins_at": _instant,
    "answer_until": _instant,
    "expires_at": _instant,
    "stage": Stage,
    "admitted": _tuple,
    "opened": _opened,
    "chosen": _tuple,
    "pools": _tuple,
    "winning": _tuple,
    "awards": _awards,
    "declined": _declined,
}
