"""Files of payment orders for the bank."""

from uuid import UUID

from litestar import Response, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.types import ControllerRouterHandler

from market.kit.pages import PageRequest
from market.parties.routes import STEP_UP
from market.settlement import schemas, service
from market.settlement.routes.doors import MONEY, Here, Who
from market.settlement.routes.once import once

_FILE = {
    200: ResponseSpec(data_container=bytes, media_type="application/octet-stream", description="pain.001 or NACHA")
}


@post(
    "/v1/bank-files",
    tags=MONEY,
    summary="Make a file of payouts for the bank",
    operation_id="makeBankFile",
    opt=STEP_UP,
)
@once
async def make_bank_file(context: Here, actor: Who, data: JSONBody[schemas.BankFileIn]) -> schemas.BankFileView:
    """For operators: pain.001.001.09 or NACHA CCD. The payouts in it are marked as sent in the same transaction, so
    that none is in two files. Only the bank's statement confirms them.
    """
    asked = data.asked()
    originator = service.originator_of(context.settings, asked.format)
    async with context.db.begin(actor) as tx:
        file, _ = await service.make_bank_file(
            tx, actor, asked, originator, now=context.clock.now(), chance=context.chance, vault=context.vault
        )
    return schemas.BankFileView.from_file(file)


@get("/v1/bank-files", tags=MONEY, summary="Files of payouts", operation_id="listBankFiles")
async def list_bank_files(
    context: Here, actor: Who, limit: FromQuery[int] = 50, cursor: FromQuery[str | None] = None
) -> schemas.BankFilePage:
    """For the platform's people, newest first."""
    async with context.db.begin(actor) as tx:
        page = await service.list_bank_files(tx, actor, PageRequest.parse(limit, cursor))
    return schemas.BankFilePage.from_page(page)


@get(
    "/v1/bank-files/{bank_file_id:uuid}/content",
    tags=MONEY,
    summary="A file of payouts",
    operation_id="downloadBankFile",
    opt=STEP_UP,
    responses=_FILE,
)
async def download_bank_file(context: Here, actor: Who, bank_file_id: FromPath[UUID]) -> Response[bytes]:
    """For operators: the same bytes every time (the ETag is their SHA-256). Who takes it is recorded."""
    async with context.db.begin(actor) as tx:
        file, made = await service.remake_bank_file(tx, actor, bank_file_id, vault=context.vault)
    headers = {
        "Content-Disposition": f'attachment; filename="{file.file_ref}.{made.suffix}"',
        "ETag": f'"{made.sha256}"',
    }
    return Response(made.content, media_type=made.media_type, headers=headers)


HANDLERS: list[ControllerRouterHandler] = [make_bank_file, list_bank_files, download_bank_file]
