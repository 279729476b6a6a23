"""What the buyer receives with the release."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

from litestar import get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from market.db.context import Context
from market.settlement import schemas, service
from market.settlement.routes.doors import SALES, Here, Who

_FILE_CHUNK_BYTES = 256 * 1024
_SEALED = {200: ResponseSpec(data_container=bytes, media_type="application/octet-stream", description="The file")}


@get(
    "/v1/settlements/{settlement_id:uuid}/sale-key",
    tags=SALES,
    summary="Keys of the sale file",
    operation_id="getSaleKey",
)
async def sale_key(context: Here, actor: Who, settlement_id: FromPath[UUID]) -> schemas.SaleKeyView:
    """For the buyer, after the release; they open with the private key of the public key named when signing."""
    async with context.db.begin(actor) as tx:
        return schemas.SaleKeyView.from_grant(await service.sale_key(tx, actor, settlement_id))


@get(
    "/v1/settlements/{settlement_id:uuid}/sale-file",
    tags=SALES,
    summary="The sealed sale file",
    operation_id="downloadSaleFile",
    responses=_SEALED,
)
async def sale_file(context: Here, actor: Who, settlement_id: FromPath[UUID]) -> Stream:
    """For the buyer, after the release; each download is recorded."""
    async with context.db.begin(actor) as tx:
        grant = await service.take_file(tx, actor, settlement_id, "sale_file")
    return _file(context, grant.file_sha256, f"sale-{settlement_id}.sealed")


@get(
    "/v1/settlements/{settlement_id:uuid}/leaves-file",
    tags=SALES,
    summary="Leaves of the commitment",
    operation_id="downloadLeavesFile",
    responses=_SEALED,
)
async def leaves_file(context: Here, actor: Who, settlement_id: FromPath[UUID]) -> Stream:
    """For the buyer, after the release: what every row of the sale file is checked against."""
    async with context.db.begin(actor) as tx:
        grant = await service.take_file(tx, actor, settlement_id, "leaves_file")
    return _file(context, grant.leaves_sha256, f"leaves-{settlement_id}")


def _file(context: Context, sha256: str, name: str) -> Stream:
    path = context.files.path(sha256)
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "ETag": f'"{sha256}"',
        "Content-Length": str(path.stat().st_size),
    }
    return Stream(_bytes_of(path), media_type="application/octet-stream", headers=headers)


async def _bytes_of(path: Path) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(path.open, "rb") as source:
        while chunk := await asyncio.to_thread(source.read, _FILE_CHUNK_BYTES):
            yield chunk


HANDLERS: list[ControllerRouterHandler] = [sale_key, sale_file, leaves_file]
