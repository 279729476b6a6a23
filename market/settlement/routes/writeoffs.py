"""What the platform bears of a payment that came short."""

from uuid import UUID

from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.types import ControllerRouterHandler

from market.kit.pages import PageRequest
from market.parties.routes import STEP_UP
from market.settlement import schemas, service
from market.settlement.routes.doors import MONEY, Here, Who
from market.settlement.routes.once import once


@post(
    "/v1/settlements/{settlement_id:uuid}/write-offs",
    tags=MONEY,
    summary="Ask that the platform bears what a payment came short",
    operation_id="proposeWriteOff",
)
@once
async def propose_write_off(
    context: Here, actor: Who, settlement_id: FromPath[UUID], data: JSONBody[schemas.WriteOffIn]
) -> schemas.WriteOffView:
    """For operators. Nothing moves until another person confirms; no more than the sale's commission."""
    async with context.db.begin(actor) as tx:
        asked = await service.propose_write_off(
            tx,
            actor,
            settlement_id,
            data.amount_cents,
            reason=data.reason,
            now=context.clock.now(),
            chance=context.chance,
        )
    return schemas.WriteOffView.from_write_off(asked)


@get("/v1/write-offs", tags=MONEY, summary="Write-offs", operation_id="listWriteOffs")
async def list_write_offs(
    context: Here, actor: Who, limit: FromQuery[int] = 50, cursor: FromQuery[str | None] = None
) -> schemas.WriteOffPage:
    """For the platform's people, newest first."""
    async with context.db.begin(actor) as tx:
        page = await service.list_write_offs(tx, actor, PageRequest.parse(limit, cursor))
    return schemas.WriteOffPage.from_page(page)


@post(
    "/v1/write-offs/{write_off_id:uuid}/confirmation",
    status_code=200,
    tags=MONEY,
    summary="Confirm a write-off",
    operation_id="confirmWriteOff",
    opt=STEP_UP,
)
@once
async def confirm_write_off(context: Here, actor: Who, write_off_id: FromPath[UUID]) -> schemas.WriteOffView:
    """By another person than the proposer: earned commission pays what is missing, and the sale is funded."""
    async with context.db.begin(actor) as tx:
        done = await service.confirm_write_off(tx, actor, write_off_id, now=context.clock.now())
    return schemas.WriteOffView.from_write_off(done)


@post(
    "/v1/write-offs/{write_off_id:uuid}/rejection",
    status_code=200,
    tags=MONEY,
    summary="Reject a write-off",
    operation_id="rejectWriteOff",
)
@once
async def reject_write_off(context: Here, actor: Who, write_off_id: FromPath[UUID]) -> schemas.WriteOffView:
    """The buyer still owes what is missing. Who proposed may reject as well."""
    async with context.db.begin(actor) as tx:
        done = await service.reject_write_off(tx, actor, write_off_id, now=context.clock.now())
    return schemas.WriteOffView.from_write_off(done)


HANDLERS: list[ControllerRouterHandler] = [propose_write_off, list_write_offs, confirm_write_off, reject_write_off]
