"""Forward flows: propose, accept, deliver a period's pool, end."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.types import ControllerRouterHandler
from sqlalchemy.ext.asyncio import AsyncSession

from market.bidding.commission import refuse_own_rates
from market.db.context import Context
from market.kit.actor import SYSTEM, Role
from market.kit.pages import PageRequest
from market.parties.routes import STEP_UP
from market.parties.rules import require, require_person
from market.portfolios import service as portfolios
from market.portfolios.doubles import AccountsOnOffer
from market.settlement import schemas, service
from market.settlement.agreement import render
from market.settlement.flows import Flow
from market.settlement.routes.doors import Here, Who
from market.settlement.routes.once import once

_FLOWS = ["Forward flows"]
_FLOW = "/v1/forward-flows/{flow_id:uuid}"
_PDF = {200: ResponseSpec(data_container=bytes, media_type="application/pdf", description="The document")}


@post("/v1/forward-flows", tags=_FLOWS, summary="Propose a forward flow", operation_id="proposeFlow", opt=STEP_UP)
@once
async def propose(context: Here, actor: Who, data: JSONBody[schemas.FlowIn]) -> schemas.FlowView:
    """By a person of either side, cleared to list or to bid, who signs it by proposing; the other side accepts or declines."""
    require(actor, role=Role.MEMBER, scope="settlements:write")
    require_person(actor)
    if context.settings.has_house_commission:
        refuse_own_rates(data.commission)
    now = context.clock.now()
    proposal = data.to_proposal(context.chance.new_id())
    async with context.db.begin(actor) as tx:
        await service.require_may_propose(tx, actor, proposal, now=now)
    async with context.db.begin(SYSTEM) as tx:
        facts = await service.flow_facts(tx, actor, proposal, now=now)
    document = await asyncio.to_thread(render, facts)
    async with context.db.begin(actor) as tx:
        return await _view(tx, await service.propose_flow(tx, actor, proposal, document, now=now))


@get("/v1/forward-flows", tags=_FLOWS, summary="Your forward flows", operation_id="listFlows")
async def list_flows(
    context: Here, actor: Who, limit: FromQuery[int] = 50, cursor: FromQuery[str | None] = None
) -> schemas.FlowPage:
    """Newest first; all of them for the platform's people."""
    async with context.db.begin(actor) as tx:
        return schemas.FlowPage.from_page(await service.list_flows(tx, actor, PageRequest.parse(limit, cursor)))


@get(_FLOW, tags=_FLOWS, summary="A forward flow", operation_id="getFlow")
async def get_flow(context: Here, actor: Who, flow_id: FromPath[UUID]) -> schemas.FlowView:
    """With its signatures, and every period with what was delivered; for its two sides and the platform."""
    async with context.db.begin(actor) as tx:
        return await _view(tx, await service.find_flow(tx, actor, flow_id))


@get(
    f"{_FLOW}/agreement",
    tags=_FLOWS,
    summary="The forward flow agreement",
    operation_id="getFlowAgreement",
    responses=_PDF,
)
async def get_agreement(context: Here, actor: Who, flow_id: FromPath[UUID]) -> Response[bytes]:
    """The document to accept; the ETag is its SHA-256, which the acceptance names."""
    async with context.db.begin(actor) as tx:
        document = await service.flow_document(tx, actor, flow_id)
    return _pdf(document.pdf, document.sha256, f"forward-flow-{flow_id}.pdf")


@get(
    f"{_FLOW}/sealed-agreement",
    tags=_FLOWS,
    summary="The forward flow agreement with its seals",
    operation_id="getSealedFlowAgreement",
    responses=_PDF,
)
async def get_sealed(context: Here, actor: Who, flow_id: FromPath[UUID]) -> Response[bytes]:
    """Sealed for both sides (PAdES) moments after the acceptance; `market documents verify` checks it offline."""
    async with context.db.begin(actor) as tx:
        sealed, pdf = await service.sealed_flow(tx, actor, flow_id)
    return _pdf(pdf, sealed.sha256, f"forward-flow-{flow_id}-sealed.pdf")


@post(
    f"{_FLOW}/acceptance",
    status_code=200,
    tags=_FLOWS,
    summary="Accept a forward flow",
    operation_id="acceptFlow",
    opt=STEP_UP,
)
@once
async def accept(
    context: Here, actor: Who, flow_id: FromPath[UUID], data: JSONBody[schemas.FlowAcceptanceIn]
) -> schemas.FlowView:
    """By a person of the other side than proposed it, who signs it so. Both sides must be cleared now."""
    now = context.clock.now()
    async with context.db.begin(actor) as tx:
        found = await service.accept_flow(tx, actor, flow_id, data.agreement_sha256, data.typed_name, now=now)
        return await _view(tx, found)


@post(
    f"{_FLOW}/refusal",
    status_code=200,
    tags=_FLOWS,
    summary="Decline or withdraw a proposal",
    operation_id="refuseFlow",
)
@once
async def refuse(
    context: Here, actor: Who, flow_id: FromPath[UUID], data: JSONBody[schemas.FlowEndIn]
) -> schemas.FlowView:
    """Who proposed it takes it back; the other side declines it."""
    async with context.db.begin(actor) as tx:
        return await _view(
            tx, await service.refuse_flow(tx, actor, flow_id, data.reason, now=context.clock.now())
        )  # fmt: skip


@post(
    f"{_FLOW}/termination",
    status_code=200,
    tags=_FLOWS,
    summary="End a forward flow by notice",
    operation_id="terminateFlow",
    opt=STEP_UP,
)
@once
async def terminate(
    context: Here, actor: Who, flow_id: FromPath[UUID], data: JSONBody[schemas.FlowEndIn]
) -> schemas.FlowView:
    """By either side, as many days ahead as was agreed; at once after a default of the other side."""
    async with context.db.begin(actor) as tx:
        found = await service.terminate_flow(tx, actor, flow_id, data.reason, now=context.clock.now())
        return await _view(tx, found)


@get(
    f"{_FLOW}/findings",
    tags=_FLOWS,
    summary="What keeps a pool from being delivered",
    operation_id="lookAtPoolForFlow",
)
async def look_at_pool(
    context: Here, actor: Who, flow_id: FromPath[UUID], pool_id: FromQuery[UUID]
) -> schemas.FlowFindingList:
    """For the seller: the terms that the pool misses, which accounts, and what to do. Nothing is delivered."""
    async with context.db.begin(actor) as tx:
        found = await service.look_at_pool(tx, actor, flow_id, pool_id, now=context.clock.now())
    return schemas.FlowFindingList([schemas.FlowFindingView.from_finding(each) for each in found])


def _told(handler: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Compliance is told of accounts that are on offer elsewhere, once the delivery is undone: else that would be undone too."""

    @wraps(handler)
    async def command(context: Context, data: schemas.FlowDeliveryIn, **given: Any) -> Any:
        try:
            return await handler(context=context, data=data, **given)
        except AccountsOnOffer:
            async with context.db.begin(SYSTEM) as tx:
                await portfolios.flag_pool(tx, data.pool_id, now=context.clock.now(), chance=context.chance)
            raise

    return command


@post(f"{_FLOW}/deliveries", tags=_FLOWS, summary="Deliver a pool for a period", operation_id="deliverPool")
@_told
@once
async def deliver(
    context: Here, actor: Who, flow_id: FromPath[UUID], data: JSONBody[schemas.FlowDeliveryIn]
) -> schemas.FlowPeriodView:
    """By the seller: an own, ready pool, of which every account is what was agreed. It becomes a settlement moments later.

    When an account of it is on offer or sold elsewhere nothing is delivered, and compliance is told.
    """
    require(actor, scope="settlements:read")  # the answer shows the period: refuse before anything is done
    now = context.clock.now()
    async with context.db.begin(actor) as tx:
        made = await service.deliver(
            tx, actor, flow_id, data.number, data.pool_id, now=now, chance=context.chance
        )  # fmt: skip
        return schemas.FlowPeriodView.from_period(await service.period_of(tx, made))


async def _view(tx: AsyncSession, flow: Flow) -> schemas.FlowView:
    signed, periods = await service.flow_signatures(tx, flow.flow_id), await service.flow_periods(tx, flow.flow_id)
    return schemas.FlowView.from_flow(flow, signed, periods, await service.flow_seal(tx, flow.flow_id))


def _pdf(content: bytes, sha256: str, name: str) -> Response[bytes]:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "ETag": f'"{sha256}"'}
    return Response(content, media_type="application/pdf", headers=headers)


HANDLERS: list[ControllerRouterHandler] = [
    propose,
    list_flows,
    get_flow,
    get_agreement,
    get_sealed,
    accept,
    refuse,
    terminate,
    look_at_pool,
    deliver,
]
