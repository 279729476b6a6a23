"""A tape comes in parts, over a line that breaks and through restarts; every part is sealed when it lies on the disk."""

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import BinaryIO, cast
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from market.db.context import Context
from market.kit.actor import SYSTEM, Actor, Role
from market.kit.errors import Malformed, MarketError, NotFound, Transient
from market.parties.rules import require
from market.portfolios.rules import (
    KeptFile,
    KeyPurpose,
    Portfolio,
    ReceivedTape,
    Tape,
    TapeTooLarge,
    checked_currency,
    checked_cut_off,
    checked_name,
    key_context,
)
from market.portfolios.service.portfolios import own_org, own_user, receive_tape, require_may_list, require_room
from market.portfolios.store import portfolios as portfolio_store
from market.portfolios.store import uploads as store
from market.portfolios.tapes import tape_header
from market.portfolios.uploads import Part, Upload, UploadDigest, UploadOffset, UploadQuota
from masking.envelope import PREFIX_BYTES, Header, Sealer, opened_segments

_READ, _WRITE = "portfolios:read", "portfolios:write"
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class UploadOrder:
    """What a seller says of a tape before its first byte."""

    name: str
    currency: str
    cut_off_on: str
    length_bytes: int


async def begin_upload(context: Context, actor: Actor, order: UploadOrder) -> Upload:
    """A place for a tape of so many bytes. Raises `NotCleared`, `TapeTooLarge`, `UploadQuota`, `TapeQuota` and what an upload raises."""
    now, settings = context.clock.now(), context.settings
    if order.length_bytes > settings.upload_max_bytes:
        raise TapeTooLarge(f"a tape may have up to {settings.upload_max_bytes} bytes; split it", field="length_bytes")
    upload_id = context.chance.new_id()
    wrapped = await asyncio.to_thread(context.vault.wrap, context.chance.entropy(_KEY_BYTES), _bound_to(upload_id))
    async with context.db.begin(actor) as tx:
        org_id = await require_may_list(tx, actor, now)
        unfinished = await store.list_uploads(tx, org_id)
        if len(unfinished) >= settings.upload_places_count:
            raise UploadQuota(f"{len(unfinished)} uploads are unfinished; finish or delete one")
        if sum(each.length_bytes for each in unfinished) + order.length_bytes > settings.upload_quota_bytes:
            raise UploadQuota(f"unfinished uploads may have {settings.upload_quota_bytes} bytes together; finish one")
        await require_room(tx, org_id, order.length_bytes, quota_bytes=settings.tape_quota_bytes)
        upload = Upload(
            upload_id=upload_id,
            org_id=org_id,
            name=checked_name(order.name),
            currency=checked_currency(order.currency),
            cut_off_on=checked_cut_off(order.cut_off_on, now),
            length_bytes=order.length_bytes,
            wrapped=wrapped,
            created_at=now,
            expires_at=now + timedelta(hours=settings.upload_hours),
        )
        await store.add_upload(tx, upload, own_user(actor))
    return upload


async def find_upload(tx: AsyncSession, actor: Actor, upload_id: UUID, *, now: datetime) -> Upload:
    """One's own unfinished upload. Raises `NotFound`, also once its time is over."""
    require(actor, role=Role.MEMBER, scope=_READ)
    found = await store.find_upload(tx, upload_id)
    if found is None or found.expires_at <= now:
        raise NotFound("there is no such upload, or its time is over: begin again")
    return found


async def list_uploads(tx: AsyncSession, actor: Actor) -> list[Upload]:
    """The organisation's unfinished uploads, newest first."""
    require(actor, role=Role.MEMBER, scope=_READ)
    return await store.list_uploads(tx, own_org(actor))


async def add_part(
    context: Context, actor: Actor, upload_id: UUID, offset_bytes: int, part: bytes, *, sha256: str | None
) -> Upload:
    """The next bytes, kept whole or not at all. Raises `NotFound`, `UploadDigest`, and `UploadOffset` with the right place."""
    require(actor, role=Role.MEMBER, scope=_WRITE)
    async with context.db.begin(actor) as tx:
        upload = await find_upload(tx, actor, upload_id, now=context.clock.now())
    if offset_bytes != upload.offset_bytes:
        raise _elsewhere(upload)
    if not part or offset_bytes + len(part) > upload.length_bytes:
        raise Malformed(f"a part has 1 to {upload.length_bytes - offset_bytes} bytes here")
    if sha256 is not None and await asyncio.to_thread(_digest, part) != sha256.lower():
        raise UploadDigest("the part's SHA-256 is another: send it again")
    data_key = await asyncio.to_thread(context.vault.unwrap, upload.wrapped, _bound_to(upload_id))
    stored = await asyncio.to_thread(_seal_part, context, data_key, upload, offset_bytes, part)
    async with _kept_or_gone(context, stored), context.db.begin(actor) as tx:
        first = await store.add_part(tx, upload, Part(offset_bytes, len(part), stored))
        after = await find_upload(tx, actor, upload_id, now=context.clock.now())
    if not first:
        await asyncio.to_thread(_unlink, context, [stored])
        raise _elsewhere(after)
    return after


async def complete_upload(context: Context, actor: Actor, upload_id: UUID, sha256: str) -> Portfolio:
    """All bytes are there and have this SHA-256: the tape is sealed whole and waits for the worker. May be repeated.

    Raises `NotFound`, `UploadOffset` while bytes are missing, `UploadDigest`, `NotCleared`, `TapeQuota`.
    """
    require(actor, role=Role.MEMBER, scope=_WRITE)
    async with context.db.begin(actor) as tx:
        done = await portfolio_store.find_portfolio(tx, upload_id)
        if done is not None:
            return done
        await require_may_list(tx, actor, context.clock.now())
        upload = await find_upload(tx, actor, upload_id, now=context.clock.now())
        parts = await store.parts_of(tx, upload_id)
    if upload.offset_bytes != upload.length_bytes:
        raise _elsewhere(upload)
    tape = await _sealed(context, upload, parts, sha256.lower())
    async with _kept_or_gone(context, tape.tape.sealed.sha256), context.db.begin(actor) as tx:
        quota_bytes = context.settings.tape_quota_bytes
        portfolio = await receive_tape(tx, actor, tape, quota_bytes=quota_bytes, now=context.clock.now())
        await store.delete_upload(tx, upload_id)
    await asyncio.to_thread(_unlink, context, [part.sealed_sha256 for part in parts])
    return portfolio


async def keep_tape(context: Context, actor: Actor, tape: ReceivedTape) -> Portfolio:
    """`receive_tape` in a transaction of its own; of a tape that is refused nothing stays in the store."""
    async with _kept_or_gone(context, tape.tape.sealed.sha256), context.db.begin(actor) as tx:
        quota_bytes = context.settings.tape_quota_bytes
        return await receive_tape(tx, actor, tape, quota_bytes=quota_bytes, now=context.clock.now())


async def drop_upload(context: Context, actor: Actor, upload_id: UUID) -> None:
    """Forget an unfinished upload and its parts. Raises `NotFound`."""
    require(actor, role=Role.MEMBER, scope=_WRITE)
    async with context.db.begin(actor) as tx:
        await find_upload(tx, actor, upload_id, now=context.clock.now())
        parts = await store.parts_of(tx, upload_id)
        await store.delete_upload(tx, upload_id)
    await asyncio.to_thread(_unlink, context, [part.sealed_sha256 for part in parts])


async def expire_upload(context: Context) -> bool:
    """Forget one upload whose time is over; whether there was one."""
    async with context.db.begin(SYSTEM) as tx:
        found = await store.expired_upload(tx, context.clock.now())
        if found is None:
            return False
        parts = await store.parts_of(tx, found.upload_id)
        await store.delete_upload(tx, found.upload_id)
    await asyncio.to_thread(_unlink, context, [part.sealed_sha256 for part in parts])
    return True


async def _sealed(context: Context, upload: Upload, parts: list[Part], sha256: str) -> ReceivedTape:
    draw = context.chance.entropy
    keys = {KeyPurpose.TAPE: draw(_KEY_BYTES), KeyPurpose.TOKEN: draw(_KEY_BYTES)}
    wrapped = {
        purpose: await asyncio.to_thread(context.vault.wrap, key, key_context(purpose, upload.upload_id))
        for purpose, key in keys.items()
    }
    part_key = await asyncio.to_thread(context.vault.unwrap, upload.wrapped, _bound_to(upload.upload_id))
    tape = await asyncio.to_thread(_join, context, upload, parts, part_key, keys[KeyPurpose.TAPE], sha256)
    return ReceivedTape(upload.upload_id, upload.name, upload.currency, upload.cut_off_on, tape, wrapped)


def _join(context: Context, upload: Upload, parts: list[Part], part_key: bytes, data_key: bytes, sha256: str) -> Tape:
    """The parts as one sealed tape of that digest; a piece of it is in memory at a time. Of another one nothing is kept."""
    with context.files.draft() as draft:
        sealer = Sealer(
            cast("BinaryIO", draft.sink),
            data_key=data_key,
            nonce_prefix=context.chance.entropy(PREFIX_BYTES),
            aad=tape_header(str(upload.upload_id), str(upload.org_id)),
        )
        for part in parts:
            with context.files.path(part.sealed_sha256).open("rb") as source:
                header = _part_header(upload, part.start_bytes)
                for piece in opened_segments(source, data_key=part_key, expected=header):
                    sealer.write(piece)
        sealed = sealer.finish()
        if sealed.plain_sha256 != sha256:
            raise UploadDigest("the whole tape's SHA-256 is another: delete the upload and begin again", field="sha256")
        stored = draft.keep()
    return Tape(KeptFile(sealed.plain_sha256, sealed.plain_bytes), KeptFile(stored.sha256, stored.size_bytes))


def _seal_part(context: Context, data_key: bytes, upload: Upload, start_bytes: int, part: bytes) -> str:
    with context.files.draft() as draft:
        sealer = Sealer(
            cast("BinaryIO", draft.sink),
            data_key=data_key,
            nonce_prefix=context.chance.entropy(PREFIX_BYTES),
            aad=_part_header(upload, start_bytes),
        )
        source = io.BytesIO(part)
        while piece := source.read(1 << 20):
            sealer.write(piece)
        sealer.finish()
        return draft.keep().sha256


def _part_header(upload: Upload, start_bytes: int) -> Header:
    """Bound to its place: parts cannot change places, nor belong to another upload."""
    digest = f"part:{start_bytes}"
    return Header(portfolio=str(upload.upload_id), seller=str(upload.org_id), digest=digest, format="part")


@asynccontextmanager
async def _kept_or_gone(context: Context, stored: str) -> AsyncIterator[None]:
    """Around the transaction that would refer to a stored file: it is removed if that was surely refused.

    After trouble whose outcome is not known, as a line that breaks during COMMIT, it stays.
    """
    try:
        yield
    except (MarketError, IntegrityError) as no:
        if not isinstance(no, Transient):
            await asyncio.to_thread(_unlink, context, [stored])
        raise


def _unlink(context: Context, names: list[str]) -> None:
    for name in names:
        with suppress(FileNotFoundError):
            context.files.path(name).unlink()


def _digest(part: bytes) -> str:
    return hashlib.sha256(part).hexdigest()


def _bound_to(upload_id: UUID) -> str:
    return f"upload/{upload_id}"


def _elsewhere(upload: Upload) -> UploadOffset:
    offset = upload.offset_bytes
    words = f"the next byte is {offset} of {upload.length_bytes}"
    return UploadOffset(words, offset_bytes=offset, length_bytes=upload.length_bytes)
