"""An upload in motion: multipart comes in, sealed bytes go out; the clear tape never touches the disk."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol, cast

from multipart import (  # type: ignore[import-untyped]
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
    parse_options_header,
)

from market.db.context import Context
from market.kit.actor import Actor
from market.kit.errors import Malformed
from market.kit.places import in_time
from market.portfolios.rules import (
    KeptFile,
    KeyPurpose,
    NotATape,
    ReceivedTape,
    Tape,
    TapeTooLarge,
    checked_currency,
    checked_cut_off,
    checked_name,
    key_context,
)
from market.portfolios.tapes import tape_header
from masking.envelope import PREFIX_BYTES, Sealer

_FORM_BYTES = 64 * 1024
"""All that is not the tape: names, boundaries, part headers."""
_FIELD_BYTES = 1024
_BATCH_BYTES = 1 << 20
_KEY_BYTES = 32
_LONGEST_S = 3600.0
"""Of a whole upload in one request."""
_FIELDS = frozenset({"name", "currency", "cut_off_on"})


class Sink(Protocol):
    def write(self, data: bytes, /) -> int:
        """Take the next bytes of the tape; called in a thread, one call at a time."""
        ...


@dataclass(slots=True)
class _Form:
    """The parts read so far; `tape_count` tells one tape from none and from two."""

    values: dict[str, bytearray] = field(default_factory=dict)
    tape_count: int = 0
    part: str = ""


async def receive(
    content_type: str, content_length: int | None, body: AsyncIterator[bytes], sink: Sink, *, max_bytes: int
) -> dict[str, str]:
    """Read one multipart form: its part `tape` goes to `sink` as it comes, the other parts are returned.

    Memory is bounded by a few MiB whatever the size. Raises `NotATape` for another media type, `TapeTooLarge` as soon
    as the announced or the received size passes `max_bytes`, `Malformed` for a form that is cut, repeats a part or
    has a part that is not asked for.
    """
    if content_length is not None and content_length > max_bytes + _FORM_BYTES:
        raise _too_large(max_bytes)
    # Not strict: that refuses the line end after the last boundary when it comes in a chunk of its own.
    parser = PushMultipartParser(_boundary(content_type), max_segment_count=8)
    form, pending, total_bytes, tape_bytes = _Form(), bytearray(), 0, 0
    try:
        async for chunk in body:
            if not chunk:
                break
            for event in parser.parse(chunk):
                pending += _take(form, event)
            total_bytes += len(chunk)
            if tape_bytes + len(pending) > max_bytes or total_bytes > max_bytes + _FORM_BYTES:
                raise _too_large(max_bytes)
            if len(pending) >= _BATCH_BYTES:
                tape_bytes += len(pending)
                await asyncio.to_thread(sink.write, bytes(pending))
                pending.clear()
        parser.close()
    except MultipartError:
        raise Malformed("the upload is cut short or is not well-formed multipart/form-data; send it again") from None
    if pending:
        await asyncio.to_thread(sink.write, bytes(pending))
    return _finished(form)


def _boundary(content_type: str) -> str:
    kind, options = parse_options_header(content_type)
    boundary = options.get("boundary", "")
    if kind != "multipart/form-data" or not boundary:
        raise NotATape("the body must be multipart/form-data with the parts name, currency, cut_off_on and tape")
    return str(boundary)


def _take(form: _Form, event: MultipartSegment | bytes | bytearray | None) -> bytes:
    """What of this event belongs to the tape; everything else is kept in `form`."""
    if isinstance(event, MultipartSegment):
        _begin(form, event.name)
    elif event is not None and form.part == "tape":
        return bytes(event)
    elif event is not None:
        value = form.values[form.part]
        value += event
        if len(value) > _FIELD_BYTES:
            raise Malformed(f"{form.part} is longer than {_FIELD_BYTES} bytes", field=form.part)
    return b""


def _begin(form: _Form, name: str) -> None:
    if name == "tape":
        form.tape_count += 1
    elif name not in _FIELDS:
        raise Malformed("the parts are name, currency, cut_off_on and tape; there is another one")
    if name in form.values or form.tape_count > 1:
        raise Malformed(f"the part {name} comes twice", field=name)
    form.part = name
    if name != "tape":
        form.values[name] = bytearray()


def _finished(form: _Form) -> dict[str, str]:
    missing = sorted(_FIELDS - form.values.keys()) + ([] if form.tape_count else ["tape"])
    if missing:
        raise Malformed(f"the part {missing[0]} is missing", field=missing[0])
    try:
        return {name: value.decode() for name, value in form.values.items()}
    except UnicodeDecodeError:
        raise Malformed("name, currency and cut_off_on must be UTF-8 text") from None


def _too_large(max_bytes: int) -> TapeTooLarge:
    return TapeTooLarge(f"a tape may have up to {max_bytes} bytes; split it into several tapes", field="tape")


async def seal_upload(
    context: Context, actor: Actor, content_type: str, content_length: int | None, body: AsyncIterator[bytes]
) -> ReceivedTape:
    """Seal the tape of an upload into the store while it comes in.

    The tape's data key and the portfolio's token key are drawn here and leave wrapped. Raises what `receive` raises,
    `UnknownCurrency`, `Malformed` for a name or date that cannot be taken, and `Transient` if it takes longer than an
    hour; then nothing is kept.
    """
    if actor.org_id is None:
        raise AssertionError("a member belongs to an organisation")
    portfolio_id, draw = context.chance.new_id(), context.chance.entropy
    keys = {KeyPurpose.TAPE: draw(_KEY_BYTES), KeyPurpose.TOKEN: draw(_KEY_BYTES)}
    wrapped = {  # first: a vault that is away refuses the upload before it begins
        purpose: await asyncio.to_thread(context.vault.wrap, key, key_context(purpose, portfolio_id))
        for purpose, key in keys.items()
    }
    with context.files.draft() as draft:
        sealer = Sealer(
            cast("BinaryIO", draft.sink),
            data_key=keys[KeyPurpose.TAPE],
            nonce_prefix=draw(PREFIX_BYTES),
            aad=tape_header(str(portfolio_id), str(actor.org_id)),
        )
        form = await receive(
            content_type,
            content_length,
            in_time(body, _LONGEST_S),
            sealer,
            max_bytes=context.settings.upload_max_bytes,
        )
        name, currency = checked_name(form["name"]), checked_currency(form["currency"])
        cut_off_on = checked_cut_off(form["cut_off_on"], context.clock.now())
        sealed = sealer.finish()
        stored = await asyncio.to_thread(draft.keep)
    tape = Tape(KeptFile(sealed.plain_sha256, sealed.plain_bytes), KeptFile(stored.sha256, stored.size_bytes))
    return ReceivedTape(portfolio_id, name, currency, cut_off_on, tape, wrapped)
