"""The doors of portfolios, pools and the data room."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from litestar import Request, delete, get, post, put
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from market.db.context import Context
from market.kit.actor import Actor
from market.kit.pages import MAX_LIMIT, PageRequest
from market.parties import service as parties
from market.portfolios import saleability_routes, schemas, service, shred_routes, upload, upload_routes
from market.portfolios.nda import NDA_SHA256, NDA_TEXT, NDA_VERSION
from market.portfolios.rules import Disclosure, KeptFile

_FILE_CHUNK_BYTES = 256 * 1024
_PORTFOLIOS, _DATA_ROOM = ["Portfolios"], ["Data room"]


@dataclass
class _UploadOperation(Operation):
    """The upload reads its body as a stream, so its schema is said here."""

    def __post_init__(self) -> None:
        text = Schema(type=OpenAPIType.STRING)
        form = Schema(
            type=OpenAPIType.OBJECT,
            properties={
                "name": text,
                "currency": Schema(type=OpenAPIType.STRING, description="ISO 4217 code"),
                "cut_off_on": Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.DATE),
                "tape": Schema(
                    type=OpenAPIType.STRING,
                    content_media_type="application/octet-stream",
                    description="CSV, XLSX or Parquet",
                ),
            },
            required=["name", "currency", "cut_off_on", "tape"],
        )
        self.request_body = RequestBody(content={"multipart/form-data": OpenAPIMediaType(schema=form)}, required=True)


_CSV = {200: ResponseSpec(data_container=bytes, media_type="text/csv", description="The file, as an attachment")}


@post(
    "/v1/portfolios",
    status_code=202,
    tags=_PORTFOLIOS,
    summary="Upload a tape",
    operation_id="uploadTape",
    request_max_body_size=None,
    operation_class=_UploadOperation,
)
async def upload_tape(
    request: Request[Any, Any, Any], context: NamedDependency[Context], actor: NamedDependency[Actor]
) -> schemas.PortfolioView:
    """Needs a clearance to list. The tape is sealed while it comes in; the worker then reads its columns."""
    async with context.db.begin(actor) as tx:
        org_id = await service.require_may_list(tx, actor, context.clock.now())
        settings, announced_bytes = context.settings, request.content_length or 0
        tape_bytes = min(announced_bytes, settings.upload_max_bytes)  # more is too large, whatever room there is
        await service.require_room(tx, org_id, tape_bytes, quota_bytes=settings.tape_quota_bytes)
    with upload_routes.tape_places(request).taken(org_id):
        tape = await upload.seal_upload(
            context, actor, request.headers.get("content-type", ""), request.content_length, request.stream()
        )
        portfolio = await service.keep_tape(context, actor, tape)
    return schemas.PortfolioView.from_portfolio(portfolio)


@get("/v1/portfolios", tags=_PORTFOLIOS, summary="Own portfolios", operation_id="listPortfolios")
async def list_portfolios(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    limit: FromQuery[int] = 50,
    cursor: FromQuery[str | None] = None,
) -> schemas.PortfolioPage:
    async with context.db.begin(actor) as tx:
        page = await service.list_portfolios(tx, actor, PageRequest.parse(limit, cursor))
    return schemas.PortfolioPage.from_page(page)


@get("/v1/portfolios/{portfolio_id:uuid}", tags=_PORTFOLIOS, summary="One portfolio", operation_id="getPortfolio")
async def get_portfolio(
    context: NamedDependency[Context], actor: NamedDependency[Actor], portfolio_id: FromPath[UUID]
) -> schemas.PortfolioView:
    """Its state, the findings and mapping of its columns, totals, strata and risk report."""
    async with context.db.begin(actor) as tx:
        return schemas.PortfolioView.from_portfolio(await service.find_portfolio(tx, actor, portfolio_id))


@put(
    "/v1/portfolios/{portfolio_id:uuid}/mapping",
    status_code=202,
    tags=_PORTFOLIOS,
    summary="Confirm or correct the mapping",
    operation_id="putMapping",
)
async def put_mapping(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    portfolio_id: FromPath[UUID],
    data: JSONBody[schemas.MappingPut],
) -> schemas.PortfolioView:
    """The worker then masks the tape; a column that is mapped to nothing is dropped."""
    async with context.db.begin(actor) as tx:
        portfolio = await service.put_mapping(
            tx,
            actor,
            portfolio_id,
            data.to_order(),
            template_id=context.chance.new_id(),
            now=context.clock.now(),
        )
    return schemas.PortfolioView.from_portfolio(portfolio)


@get(
    "/v1/portfolios/{portfolio_id:uuid}/refused-accounts",
    tags=_PORTFOLIOS,
    summary="Refused rows of a tape",
    operation_id="listRefusedAccounts",
)
async def list_refused(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    portfolio_id: FromPath[UUID],
    limit: FromQuery[int] = 50,
    cursor: FromQuery[str | None] = None,
) -> schemas.RefusedPage:
    """In the tape's order; the header is row 1."""
    async with context.db.begin(actor) as tx:
        page = await service.refused_accounts(tx, actor, portfolio_id, PageRequest.parse(limit, cursor))
    return schemas.RefusedPage.from_page(page)


@get(
    "/v1/portfolios/{portfolio_id:uuid}/refused-accounts.csv",
    tags=_PORTFOLIOS,
    summary="Refused rows as a file",
    operation_id="downloadRefusedAccounts",
    responses=_CSV,
)
async def download_refused(
    context: NamedDependency[Context], actor: NamedDependency[Actor], portfolio_id: FromPath[UUID]
) -> Stream:
    async with context.db.begin(actor) as tx:
        await service.find_portfolio(tx, actor, portfolio_id)
    return Stream(
        _refused_lines(context, actor, portfolio_id),
        media_type="text/csv",
        headers=_attachment(f"refused-accounts-{portfolio_id}.csv"),
    )


@get(
    "/v1/portfolios/{portfolio_id:uuid}/masked-file",
    tags=_PORTFOLIOS,
    summary="Own masked file",
    operation_id="downloadOwnMaskedFile",
    responses=_CSV,
)
async def download_own(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    portfolio_id: FromPath[UUID],
    stage: FromQuery[Disclosure],
) -> Stream:
    """The whole portfolio as bidders would see it at that stage."""
    async with context.db.begin(actor) as tx:
        file = await service.own_masked_file(tx, actor, portfolio_id, stage)
    return _masked(context, file, f"portfolio-{portfolio_id}-{stage.value}.csv")


@get("/v1/mapping-templates", tags=_PORTFOLIOS, summary="Own mapping templates", operation_id="listMappingTemplates")
async def list_templates(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    limit: FromQuery[int] = 50,
    cursor: FromQuery[str | None] = None,
) -> schemas.TemplatePage:
    async with context.db.begin(actor) as tx:
        page = await service.list_templates(tx, actor, PageRequest.parse(limit, cursor))
    return schemas.TemplatePage.from_page(page)


@post(
    "/v1/mapping-templates",
    tags=_PORTFOLIOS,
    summary="Save a mapping template",
    operation_id="saveMappingTemplate",
)
async def save_template(
    context: NamedDependency[Context], actor: NamedDependency[Actor], data: JSONBody[schemas.TemplatePost]
) -> schemas.TemplateView:
    """A template of that name is replaced. It proposes the mapping of the next tape with the same headers."""
    async with context.db.begin(actor) as tx:
        template = await service.save_template(
            tx, actor, data.name, data.to_order(), template_id=context.chance.new_id(), now=context.clock.now()
        )
    return schemas.TemplateView.from_template(template)


@delete(
    "/v1/mapping-templates/{template_id:uuid}",
    tags=_PORTFOLIOS,
    summary="Delete a mapping template",
    operation_id="deleteMappingTemplate",
)
async def delete_template(
    context: NamedDependency[Context], actor: NamedDependency[Actor], template_id: FromPath[UUID]
) -> None:
    async with context.db.begin(actor) as tx:
        await service.delete_template(tx, actor, template_id)


@post(
    "/v1/portfolios/{portfolio_id:uuid}/pools",
    status_code=202,
    tags=_PORTFOLIOS,
    summary="Cut pools",
    operation_id="cutPools",
)
async def cut_pools(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    portfolio_id: FromPath[UUID],
    data: JSONBody[schemas.PoolsPost],
) -> schemas.PoolList:
    """The first selection that an account meets takes it; the worker then cuts each pool, or refuses it with a reason."""
    orders = data.to_orders()
    async with context.db.begin(actor) as tx:
        pools = await service.cut_pools(tx, actor, portfolio_id, orders, now=context.clock.now(), chance=context.chance)
    return schemas.PoolList([schemas.PoolView.from_pool(pool, actor.org_id) for pool in pools])


@get("/v1/pools", tags=_DATA_ROOM, summary="Pools on offer, or own pools", operation_id="listPools")
async def list_pools(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    portfolio_id: FromQuery[UUID | None] = None,
    own: FromQuery[bool] = False,  # noqa: FBT002 - a query parameter
    limit: FromQuery[int] = 50,
    cursor: FromQuery[str | None] = None,
) -> schemas.PoolPage:
    """Newest first; with `own` or `portfolio_id` those of the caller's organisation, else all that are or were on offer."""
    async with context.db.begin(actor) as tx:
        page = await service.list_pools(tx, actor, PageRequest.parse(limit, cursor), portfolio_id=portfolio_id, own=own)
    return schemas.PoolPage.from_page(page, actor.org_id)


@get("/v1/pools/{pool_id:uuid}", tags=_DATA_ROOM, summary="One pool", operation_id="getPool")
async def get_pool(
    context: NamedDependency[Context], actor: NamedDependency[Actor], pool_id: FromPath[UUID]
) -> schemas.PoolView:
    async with context.db.begin(actor) as tx:
        return schemas.PoolView.from_pool(await service.find_pool(tx, actor, pool_id), actor.org_id)


@get("/v1/pools/{pool_id:uuid}/nda", tags=_DATA_ROOM, summary="The non-disclosure terms", operation_id="getNda")
async def get_nda(
    context: NamedDependency[Context], actor: NamedDependency[Actor], pool_id: FromPath[UUID]
) -> schemas.NdaView:
    async with context.db.begin(actor) as tx:
        accepted_at = await service.nda_accepted_at(tx, actor, pool_id)
    return schemas.NdaView(NDA_VERSION, NDA_TEXT, NDA_SHA256, accepted_at)


@post("/v1/pools/{pool_id:uuid}/nda", tags=_DATA_ROOM, summary="Accept the terms", operation_id="acceptNda")
async def accept_nda(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    pool_id: FromPath[UUID],
    data: JSONBody[schemas.NdaPost],
) -> schemas.NdaAcceptance:
    """For the caller's organisation; a repetition changes nothing."""
    async with context.db.begin(actor) as tx:
        accepted_at = await service.accept_nda(tx, actor, pool_id, data.nda_version, now=context.clock.now())
    return schemas.NdaAcceptance(pool_id, data.nda_version, accepted_at)


@get(
    "/v1/pools/{pool_id:uuid}/masked-file",
    tags=_DATA_ROOM,
    summary="Masked file of a pool",
    operation_id="downloadMaskedFile",
    responses=_CSV,
)
async def download_masked(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    pool_id: FromPath[UUID],
    stage: FromQuery[Disclosure],
) -> Stream:
    """While the pool is on offer: `preview` with a clearance to bid, `vetted` with the accepted terms too. It is recorded.

    A buyer's vetted file has tokens of that buyer's own: two buyers cannot join theirs, and a leaked one names whose it was.
    """
    async with context.db.begin(actor) as tx:
        wanted = await service.wants_copy(tx, actor, pool_id, stage, now=context.clock.now())
    if wanted and actor.org_id is not None:
        await service.make_copy_for(context, pool_id, actor.org_id)
    async with context.db.begin(actor) as tx:
        file = await service.masked_file(
            tx, actor, pool_id, stage, download_id=context.chance.new_id(), now=context.clock.now()
        )
    return _masked(context, file, f"pool-{pool_id}-{stage.value}.csv")


@get("/v1/pools/{pool_id:uuid}/downloads", tags=_DATA_ROOM, summary="Who took the files", operation_id="listDownloads")
async def list_downloads(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    pool_id: FromPath[UUID],
    limit: FromQuery[int] = 50,
    cursor: FromQuery[str | None] = None,
) -> schemas.DownloadPage:
    """For the pool's seller, newest first."""
    async with context.db.begin(actor) as tx:
        page = await service.downloads(tx, actor, pool_id, PageRequest.parse(limit, cursor))
        names = await parties.display_names(tx, sorted({item.org_id for item in page.items}))
    return schemas.DownloadPage.from_page(page, names)


def _masked(context: Context, file: KeptFile, name: str) -> Stream:
    headers = {**_attachment(name), "ETag": f'"{file.sha256}"', "Content-Length": str(file.size_bytes)}
    return Stream(_bytes_of(context.files.path(file.sha256)), media_type="text/csv", headers=headers)


def _attachment(name: str) -> Mapping[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}


async def _bytes_of(path: Path) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(path.open, "rb") as source:
        while chunk := await asyncio.to_thread(source.read, _FILE_CHUNK_BYTES):
            yield chunk


async def _refused_lines(context: Context, actor: Actor, portfolio_id: UUID) -> AsyncIterator[bytes]:
    """CSV in pieces, one page of rows each; a header that a spreadsheet would run is quoted with an apostrophe."""
    yield b"row_number,column_name,reason\r\n"
    cursor: str | None = ""
    while cursor is not None:
        async with context.db.begin(actor) as tx:
            request = PageRequest.parse(MAX_LIMIT, cursor or None)
            page = await service.refused_accounts(tx, actor, portfolio_id, request)
        text = io.StringIO()
        rows = csv.writer(text)
        for item in page.items:
            column = f"'{item.column_name}" if item.column_name[:1] in tuple("=+-@\t\r") else item.column_name
            rows.writerow([item.row_number, column, item.reason])
        yield text.getvalue().encode()
        cursor = page.next_cursor


HANDLERS: list[ControllerRouterHandler] = [
    upload_tape,
    list_portfolios,
    get_portfolio,
    put_mapping,
    list_refused,
    download_refused,
    download_own,
    list_templates,
    save_template,
    delete_template,
    cut_pools,
    list_pools,
    get_pool,
    get_nda,
    accept_nda,
    download_masked,
    list_downloads,
    *saleability_routes.HANDLERS,
    *shred_routes.HANDLERS,
    *upload_routes.HANDLERS,
]
