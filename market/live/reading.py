"""How a frame is read, and how a bad one is answered: the field is named, and what there is instead; no value is repeated."""

import re
from typing import get_args

import msgspec
from msgspec import UNSET, Struct

from market.kit.spelling import without_regex
from market.live.protocol import MAX_FRAME_BYTES, Error, ErrorCode, MessageId, Request

_decoder: msgspec.json.Decoder[Request] = msgspec.json.Decoder(Request)


class BadFrame(Exception):
    """A frame that cannot be taken; `error` is what to answer."""

    def __init__(self, error: Error) -> None:
        super().__init__(error.detail)
        self.error = error


def read(frame: str | bytes) -> Request:
    """The request that a frame holds.

    Raises:
        BadFrame: too long, binary, not JSON, an unknown op or field, a value of the wrong type or out of bounds.
    """
    if isinstance(frame, bytes):
        raise _bad(None, ErrorCode.BAD_FRAME, None, "frames are text, not binary")
    try:
        if len(frame) > MAX_FRAME_BYTES or len(frame.encode()) > MAX_FRAME_BYTES:
            raise _bad(None, ErrorCode.TOO_LARGE, None, f"a frame has at most {MAX_FRAME_BYTES} bytes")
        return _decoder.decode(frame)
    except msgspec.ValidationError as error:
        raise _invalid(frame, str(error)) from None
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        raise _bad(None, ErrorCode.BAD_FRAME, None, "not a JSON object") from None


_PLACE = re.compile(r" - at `\$\.?([A-Za-z0-9_.\[\]]*)`$")
_MISSING = re.compile(r"^Object missing required field `([A-Za-z0-9_]+)`")
_UNKNOWN = re.compile(r"^Object contains unknown field `(.*)`", re.DOTALL)


def _invalid(frame: str, complaint: str) -> BadFrame:
    """Names the field; a value, and a field's name that nobody knows, may be anything and is not repeated."""
    name = _id_of(frame)
    if missing := _MISSING.match(complaint):
        return _bad(name, ErrorCode.MALFORMED, missing[1], "is missing")
    if unknown := _UNKNOWN.match(complaint):
        known = unknown[1] if re.fullmatch(r"[a-z0-9_]{1,32}", unknown[1]) else None
        return _bad(name, ErrorCode.MALFORMED, known, f"there is a field that {_members_of(frame)}")
    place = _PLACE.search(complaint)
    field = place[1] if place else None
    if field == "op":
        return _bad(name, ErrorCode.UNKNOWN_OP, field, f"no such op; there are {', '.join(sorted(_MEMBERS))}")
    detail = without_regex(_PLACE.sub("", complaint))
    return _bad(name, ErrorCode.MALFORMED, field, detail[0].lower() + detail[1:])


def _members_of(frame: str) -> str:
    """What follows "a field that": the op does not have it, and these are those that it has."""
    try:
        op = _operation.decode(frame).op
    except (msgspec.DecodeError, RecursionError):
        op = ""
    return f"{op} does not have; it takes {', '.join(_MEMBERS[op])}" if op in _MEMBERS else "this op does not have"


def _bad(name: str | None, code: ErrorCode, field: str | None, detail: str) -> BadFrame:
    return BadFrame(Error(id=name or UNSET, code=code, field=field or UNSET, detail=detail))


class _Envelope(Struct):
    id: MessageId


class _Operation(Struct):
    op: str


_MEMBERS = {str(each.__struct_config__.tag): each.__struct_encode_fields__ for each in get_args(Request)}
"""The members of each op, beside `op` itself."""
_operation = msgspec.json.Decoder(_Operation)
_envelope = msgspec.json.Decoder(_Envelope)


def _id_of(frame: str) -> str | None:
    try:
        return _envelope.decode(frame).id
    except (msgspec.DecodeError, RecursionError):
        return None
