"""A sale from award to release."""

from uuid import UUID

from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.types import ControllerRouterHandler

from market.kit.pages import PageRequest
from market.parties import service as parties
from market.parties.routes import STEP_UP
from market.settlement import schemas, service
from market.settlement.routes.doors import SALES, Here, Who
from market.settlement.routes.once import once


@get("/v1/settlements", tags=SALES, summary="Settlements", operation_id="listSettlements")
async def list_settlements(
    context: Here, actor: Who, limit: FromQuery[int] = 50, cursor: FromQuery[str | None] = None
) -> schemas.SettlementPage:
    """One's own, newest first; all of them for the platform's people."""
    async with context.db.begin(actor) as tx:
        page = await service.list_settlements(tx, actor, PageRequest.parse(limit, cursor))
        sides = {org_id for sale in page.items for org_id in (sale.seller_org_id, sale.buyer_org_id)}
        return schemas.SettlementPage.from_page(page, await parties.names_for(tx, actor, sides))


@get("/v1/settlements/{settlement_id:uuid}", tags=SALES, summary="One settlement", operation_id="getSettlement")
async def get_settlement(context: Here, actor: Who, settlement_id: FromPath[UUID]) -> schemas.SettlementView:
    async with context.db.begin(actor) as tx:
        found = await service.find_settlement(tx, actor, settlement_id)
        names = await parties.names_for(tx, actor, {found.seller_org_id, found.buyer_org_id})
        return schemas.SettlementView.from_settlement(found, await service.signatures(tx, settlement_id), names)


@post(
    "/v1/settlements/{settlement_id:uuid}/cancellation",
    status_code=200,
    tags=SALES,
    summary="Ask for the sale to be undone",
    operation_id="askCancellation",
)
@once
async def ask_cancellation(
    context: Here,
    actor: Who,
    settlement_id: FromPath[UUID],
    data: JSONBody[schemas.CancellationIn],
) -> schemas.SettlementView:
    """Once both parties ask, before the release, it is undone and the buyer is refunded in full."""
    async with context.db.begin(actor) as tx:
        settlement = await service.ask_cancellation(tx, actor, settlement_id, data.reason, now=context.clock.now())
    return schemas.SettlementView.from_settlement(settlement)


@post(
    "/v1/settlements/{settlement_id:uuid}/release-preparation",
    tags=SALES,
    summary="Prepare the release",
    operation_id="prepareRelease",
)
@once
async def prepare_release(context: Here, actor: Who, settlement_id: FromPath[UUID]) -> schemas.SettlementView:
    """The first of two of the platform's people finds everything in order."""
    async with context.db.begin(actor) as tx:
        settlement = await service.prepare_release(tx, actor, settlement_id, now=context.clock.now())
    return schemas.SettlementView.from_settlement(settlement)


@post(
    "/v1/settlements/{settlement_id:uuid}/release-approval",
    tags=SALES,
    summary="Approve the release",
    operation_id="approveRelease",
    opt=STEP_UP,
)
@once
async def approve_release(context: Here, actor: Who, settlement_id: FromPath[UUID]) -> schemas.SettlementView:
    """By another person than the preparer: money, payout order and the buyer's keys, in one transaction."""
    async with context.db.begin(actor) as tx:
        settlement = await service.approve_release(
            tx, actor, settlement_id, now=context.clock.now(), chance=context.chance, vault=context.vault
        )
    return schemas.SettlementView.from_settlement(settlement)


HANDLERS: list[ControllerRouterHandler] = [
    list_settlements,
    get_settlement,
    ask_cancellation,
    prepare_release,
    approve_release,
]
