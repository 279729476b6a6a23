"""Commission and tax leave."""

from uuid import UUID

from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.types import ControllerRouterHandler

from market.kit.pages import PageRequest
from market.parties.routes import STEP_UP
from market.settlement import schemas, service
from market.settlement.routes.doors import MONEY, Here, Who
from market.settlement.routes.once import once


@post("/v1/sweeps", tags=MONEY, summary="Ask for commission or tax to be paid out", operation_id="proposeSweep")
@once
async def propose_sweep(context: Here, actor: Who, data: JSONBody[schemas.SweepIn]) -> schemas.SweepView:
    """For operators. Nothing moves until another person confirms; what put-backs may still ask back stays."""
    async with context.db.begin(actor) as tx:
        sweep = await service.propose_sweep(
            tx, actor, data.source, data.currency, data.amount_cents, org_id=data.org_id, reason=data.reason,
            now=context.clock.now(), chance=context.chance,
        )  # fmt: skip
    return schemas.SweepView.from_sweep(sweep)


@get("/v1/sweeps", tags=MONEY, summary="Sweeps of commission and tax", operation_id="listSweeps")
async def list_sweeps(
    context: Here, actor: Who, limit: FromQuery[int] = 50, cursor: FromQuery[str | None] = None
) -> schemas.SweepPage:
    """For the platform's people, newest first."""
    async with context.db.begin(actor) as tx:
        return schemas.SweepPage.from_page(await service.list_sweeps(tx, actor, PageRequest.parse(limit, cursor)))


@post(
    "/v1/sweeps/{sweep_id:uuid}/confirmation",
    status_code=200,
    tags=MONEY,
    summary="Confirm a sweep",
    operation_id="confirmSweep",
    opt=STEP_UP,
)
@once
async def confirm_sweep(context: Here, actor: Who, sweep_id: FromPath[UUID]) -> schemas.SweepView:
    """By another person than the proposer: the payout is ordered, and goes to the bank with the next file."""
    async with context.db.begin(actor) as tx:
        return schemas.SweepView.from_sweep(await service.confirm_sweep(tx, actor, sweep_id, now=context.clock.now()))


@post(
    "/v1/sweeps/{sweep_id:uuid}/rejection",
    status_code=200,
    tags=MONEY,
    summary="Reject a sweep",
    operation_id="rejectSweep",
)
@once
async def reject_sweep(context: Here, actor: Who, sweep_id: FromPath[UUID]) -> schemas.SweepView:
    """Nothing leaves. Who proposed may reject as well."""
    async with context.db.begin(actor) as tx:
        return schemas.SweepView.from_sweep(await service.reject_sweep(tx, actor, sweep_id, now=context.clock.now()))


HANDLERS: list[ControllerRouterHandler] = [propose_sweep, list_sweeps, confirm_sweep, reject_sweep]
