"""The doors of uploads in parts, and of a portfolio's progress as events."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import FromPath, FromQuery, HeaderParameter, JSONBody
from litestar.response import Stream
from litestar.types import ControllerRouterHandler
from msgspec import Meta, Struct

from market.db.context import Context
from market.journal import service as journal
from market.kit.actor import SYSTEM, Actor, Role
from market.kit.errors import Malformed
from market.kit.places import Places, in_time
from market.parties.rules import require
from market.portfolios import schemas, service
from market.portfolios.uploads import PART_MAX_BYTES, PartTooLarge, Upload

_TAGS = ["Portfolios"]
_EVENTS_POLL_S = 0.3
_EVENTS_S = 300.0
_STREAMS_COUNT, _STREAMS_EACH_COUNT = 1000, 5
_TAPES_COUNT = 32
_PART_S = 600.0
"""The longest that one part may take to come."""
Digest = Annotated[str, Meta(pattern="^[0-9a-fA-F]{64}$")]


@dataclass
class _PartOperation(Operation):
    """The body is the next bytes of the tape."""

    def __post_init__(self) -> None:
        part = Schema(type=OpenAPIType.STRING, content_media_type="application/octet-stream")
        self.request_body = RequestBody(
            content={"application/octet-stream": OpenAPIMediaType(schema=part)}, required=True
        )


class UploadPost(Struct, frozen=True, forbid_unknown_fields=True):
    """`length_bytes` is the size of the whole tape."""

    name: Annotated[str, Meta(min_length=1, max_length=120)]
    currency: Annotated[str, Meta(max_length=3)]
    cut_off_on: Annotated[str, Meta(max_length=10)]
    length_bytes: Annotated[int, Meta(ge=1, le=1 << 50)]


class UploadView(Struct, frozen=True):
    """Send the bytes from `offset_bytes` on, at most `part_max_bytes` a request, before `expires_at`."""

    upload_id: UUID
    name: str
    offset_bytes: int
    length_bytes: int
    part_max_bytes: int
    expires_at: datetime

    @classmethod
    def of(cls, found: Upload) -> "UploadView":
        return cls(
            found.upload_id, found.name, found.offset_bytes, found.length_bytes, PART_MAX_BYTES, found.expires_at
        )


class UploadList(Struct, frozen=True):
    items: list[UploadView]


class CompletionPost(Struct, frozen=True, forbid_unknown_fields=True):
    """SHA-256 of the whole tape, hexadecimal."""

    sha256: Digest


def tape_places(request: Request[Any, Any, Any]) -> Places:
    """For whole tapes that are sealed now: each is a file on its way and little memory."""
    found: Places = request.app.state.setdefault("tape_places", Places(count=_TAPES_COUNT))
    return found


@post("/v1/uploads", tags=_TAGS, summary="Begin an upload in parts", operation_id="beginUpload")
async def begin(
    context: NamedDependency[Context], actor: NamedDependency[Actor], data: JSONBody[UploadPost]
) -> UploadView:
    """For large tapes and lines that break: the parts already sent survive both, and a restart of the server."""
    order = service.UploadOrder(data.name, data.currency, data.cut_off_on, data.length_bytes)
    return UploadView.of(await service.begin_upload(context, actor, order))


@get("/v1/uploads", tags=_TAGS, summary="Unfinished uploads", operation_id="listUploads")
async def list_uploads(context: NamedDependency[Context], actor: NamedDependency[Actor]) -> UploadList:
    async with context.db.begin(actor) as tx:
        found = await service.list_uploads(tx, actor)
    return UploadList([UploadView.of(each) for each in found])


@get("/v1/uploads/{upload_id:uuid}", tags=_TAGS, summary="Where an upload stands", operation_id="getUpload")
async def get_upload(
    context: NamedDependency[Context], actor: NamedDependency[Actor], upload_id: FromPath[UUID]
) -> UploadView:
    """After a broken line: go on at `offset_bytes`."""
    async with context.db.begin(actor) as tx:
        return UploadView.of(await service.find_upload(tx, actor, upload_id, now=context.clock.now()))


@patch(
    "/v1/uploads/{upload_id:uuid}",
    tags=_TAGS,
    summary="Send the next bytes",
    operation_id="sendPart",
    request_max_body_size=None,
    operation_class=_PartOperation,
)
async def send_part(
    request: Request[Any, Any, Any],
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    upload_id: FromPath[UUID],
    offset_bytes: FromQuery[int],
    sha256: FromQuery[Digest | None] = None,
) -> UploadView:
    """A part is kept whole or not at all; one for another place is answered `upload-offset` with the right one."""
    require(actor, role=Role.MEMBER, scope="portfolios:write")
    async with context.db.begin(actor) as tx:
        upload = await service.find_upload(tx, actor, upload_id, now=context.clock.now())
    places: Places = request.app.state.setdefault("part_places", Places())
    with places.taken(upload.org_id):
        part = bytearray()
        async for chunk in in_time(request.stream(), _PART_S):
            part += chunk
            if len(part) > PART_MAX_BYTES:
                raise PartTooLarge(f"a part has up to {PART_MAX_BYTES} bytes; send several")
        after = await service.add_part(context, actor, upload_id, offset_bytes, bytes(part), sha256=sha256)
    return UploadView.of(after)


@post(
    "/v1/uploads/{upload_id:uuid}/completion",
    status_code=202,
    tags=_TAGS,
    summary="Finish an upload",
    operation_id="completeUpload",
)
async def complete(
    request: Request[Any, Any, Any],
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    upload_id: FromPath[UUID],
    data: JSONBody[CompletionPost],
) -> schemas.PortfolioView:
    """The tape becomes the portfolio of the upload's id; a repetition answers the same."""
    require(actor, role=Role.MEMBER, scope="portfolios:write")
    with tape_places(request).taken(service.own_org(actor)):
        portfolio = await service.complete_upload(context, actor, upload_id, data.sha256)
    return schemas.PortfolioView.from_portfolio(portfolio)


@delete("/v1/uploads/{upload_id:uuid}", tags=_TAGS, summary="Give an upload up", operation_id="dropUpload")
async def drop(context: NamedDependency[Context], actor: NamedDependency[Actor], upload_id: FromPath[UUID]) -> None:
    await service.drop_upload(context, actor, upload_id)


@get(
    "/v1/portfolios/{portfolio_id:uuid}/events",
    tags=_TAGS,
    summary="Progress of a portfolio",
    operation_id="followPortfolio",
    responses={
        200: ResponseSpec(
            data_container=schemas.ServerEvent,
            generate_examples=False,
            media_type="text/event-stream",
            description="Server-sent events, each of this shape",
        )
    },
)
async def follow(
    request: Request[Any, Any, Any],
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    portfolio_id: FromPath[UUID],
    last_event_id: Annotated[
        str, HeaderParameter(name="Last-Event-ID", description="what came last; the stream goes on after it")
    ] = "0",
) -> Stream:
    """Each step as it happens (received, inspected, mapped, scrubbed, masked, refused …): `event` is its kind, `id` its number.

    The stream ends after five minutes; come again with `Last-Event-ID` and nothing is missed. A person has up to five at once.
    """
    if not last_event_id.isascii() or not last_event_id.isdigit() or len(last_event_id) > 18:
        raise Malformed("Last-Event-ID is the number of an event", field="Last-Event-ID")
    async with context.db.begin(actor) as tx:
        await service.find_portfolio(tx, actor, portfolio_id)
    streams: Places = request.app.state.setdefault(
        "event_places", Places("streams of yours", count=_STREAMS_COUNT, each_count=_STREAMS_EACH_COUNT)
    )
    place = streams.taken(service.own_user(actor))
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    events = _events(context, f"portfolio:{portfolio_id}", int(last_event_id), place)
    await anext(events)
    return Stream(events, media_type="text/event-stream", headers=headers)


async def _events(
    context: Context, stream: str, after_seq: int, place: AbstractContextManager[None]
) -> AsyncGenerator[bytes]:
    """The journal's entries of one stream as server-sent events (WHATWG HTML § 9.2), with a comment when nothing happens.

    The first chunk is empty and means that the place is taken: a generator that has begun gives it back, read or not.
    """
    loop = asyncio.get_running_loop()
    end, quiet_since = loop.time() + _EVENTS_S, loop.time()
    with place:
        yield b""
        yield b": here\n\n"
        while loop.time() < end:
            async with context.db.begin(SYSTEM) as tx:
                found = await journal.history(tx, stream, after_seq=after_seq)
            for entry in found:
                after_seq, quiet_since = entry.seq, loop.time()
                data = json.dumps({"at": entry.at.isoformat(), **entry.body}, default=str)
                yield f"id: {entry.seq}\nevent: {entry.kind}\ndata: {data}\n\n".encode()
            if loop.time() - quiet_since > 15:
                quiet_since = loop.time()
                yield b": still here\n\n"
            await asyncio.sleep(_EVENTS_POLL_S)


HANDLERS: list[ControllerRouterHandler] = [begin, list_uploads, get_upload, send_part, complete, drop, follow]
