"""An evidence form: one file and what is said about it, read into memory, so that clear bytes never touch the disk."""

from collections.abc import AsyncIterator

from multipart import (  # type: ignore[import-untyped]
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
    parse_options_header,
)

from market.compliance.rules import EvidenceTooLarge, NoPaper
from market.kit.errors import Malformed
from market.kit.places import in_time

_OPTIONAL = frozenset({"number", "expires_on", "owner_id", "covered_states", "held_by", "amount_cents", "portfolio_id"})
FIELDS = frozenset({"type", "issuer", "jurisdiction", "issued_on"}) | _OPTIONAL
_FILE = "file"
_TYPES = {
    "PDF": (b"%PDF-",),
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "JPEG": (b"\xff\xd8\xff",),
    "TIFF": (b"II*\0", b"MM\0*"),
}
"""What papers come in, each by how its bytes begin; what the sender calls it does not count."""
_FORM_BYTES = 16 * 1024
_FIELD_BYTES = 1024
_LONGEST_S = 600.0
"""Of a whole upload."""


async def receive(content_type: str, body: AsyncIterator[bytes], *, max_bytes: int) -> tuple[dict[str, str], bytes]:
    """(fields, file). Stops reading as soon as there is too much.

    Raises `Malformed` for a form that is cut, repeats a part, lacks one or has one too many; `EvidenceTooLarge`; `NoPaper`;
    `Transient` if it takes longer than ten minutes.
    """
    return await _receive(content_type, in_time(body, _LONGEST_S), max_bytes)


async def _receive(content_type: str, body: AsyncIterator[bytes], max_bytes: int) -> tuple[dict[str, str], bytes]:
    kind, options = parse_options_header(content_type)
    if kind != "multipart/form-data" or not options.get("boundary"):
        raise Malformed(f"send multipart/form-data with the parts {_FILE}, {', '.join(sorted(FIELDS))}")
    # Not strict: that refuses the line end after the last boundary when it comes in a chunk of its own.
    parser = PushMultipartParser(options["boundary"], max_segment_count=len(FIELDS) + 1)
    parts: dict[str, bytearray] = {}
    current = bytearray()
    total_bytes = 0
    try:
        async for chunk in body:
            if not chunk:
                break
            total_bytes += len(chunk)
            if total_bytes > max_bytes + _FORM_BYTES:
                raise _too_large(max_bytes)
            for event in parser.parse(chunk):
                if isinstance(event, MultipartSegment):
                    current = _begin(parts, event.name)
                elif event is not None:
                    current += event
        parser.close()
    except MultipartError:
        raise Malformed("the form is cut short or not well-formed multipart/form-data; send it again") from None
    return _finished(parts, max_bytes)


def _begin(parts: dict[str, bytearray], name: str) -> bytearray:
    if name != _FILE and name not in FIELDS:
        raise Malformed(f"the parts are {_FILE}, {', '.join(sorted(FIELDS))}; there is another one")
    if name in parts:
        raise Malformed("comes twice", field=name)
    return parts.setdefault(name, bytearray())


def _finished(parts: dict[str, bytearray], max_bytes: int) -> tuple[dict[str, str], bytes]:
    missing = sorted(({_FILE} | FIELDS - _OPTIONAL) - parts.keys())
    if missing:
        raise Malformed("is missing", field=missing[0])
    file = bytes(parts.pop(_FILE))
    if len(file) > max_bytes:
        raise _too_large(max_bytes)
    if not file.startswith(tuple(begun for of_type in _TYPES.values() for begun in of_type)):
        raise NoPaper(f"send a scan or a print: {', '.join(_TYPES)}", field=_FILE)
    for name, value in parts.items():
        if len(value) > _FIELD_BYTES:
            raise Malformed(f"is longer than {_FIELD_BYTES} bytes", field=name)
    try:
        return {name: value.decode() for name, value in parts.items()}, file
    except UnicodeDecodeError:
        raise Malformed("the parts beside the file must be UTF-8 text") from None


def _too_large(max_bytes: int) -> EvidenceTooLarge:
    return EvidenceTooLarge(f"a file may have up to {max_bytes} bytes", field=_FILE)
