"""The doors of crypto-shredding: two officers, one after the other."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.types import ControllerRouterHandler
from msgspec import Meta, Struct

from market.db.context import Context
from market.kit.actor import Actor, Role
from market.kit.pages import PageRequest
from market.parties.rules import require
from market.portfolios import service
from market.portfolios.shreds import Shredding, ShredOrder

_TAGS = ["Compliance"]


class ShredPost(Struct, frozen=True, forbid_unknown_fields=True):
    reason: Annotated[str, Meta(min_length=1, max_length=1000)]


class ShredOrderView(Struct, frozen=True):
    """`shredded_at` and `wrap_count` (wrapped keys destroyed) once another officer approved."""

    order_id: UUID
    portfolio_id: UUID
    org_id: UUID
    reason: str
    asked_by: UUID
    asked_at: datetime
    shredded_at: datetime | None
    wrap_count: int | None

    @classmethod
    def of(cls, order: ShredOrder, done: Shredding | None) -> "ShredOrderView":
        return cls(
            order.order_id,
            order.portfolio_id,
            order.org_id,
            order.reason,
            order.asked_by,
            order.asked_at,
            None if done is None else done.shredded_at,
            None if done is None else done.wrap_count,
        )


class ShredOrderPage(Struct, frozen=True):
    items: list[ShredOrderView]
    next_cursor: str | None


class ShreddingView(Struct, frozen=True):
    portfolio_id: UUID
    wrap_count: int
    shredded_at: datetime


@post(
    "/v1/portfolios/{portfolio_id:uuid}/shred-orders",
    tags=_TAGS,
    summary="Ask for a shredding",
    operation_id="askShredding",
)
async def ask(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    portfolio_id: FromPath[UUID],
    data: JSONBody[ShredPost],
) -> ShredOrderView:
    """For officers. Nothing is destroyed until another officer approves."""
    require(actor, role=Role.OFFICER)
    async with context.db.begin_as_officer(actor) as tx:
        order = await service.ask_shredding(
            tx, actor, portfolio_id, data.reason, now=context.clock.now(), chance=context.chance
        )
    return ShredOrderView.of(order, None)


@post(
    "/v1/shred-orders/{order_id:uuid}/approval",
    tags=_TAGS,
    summary="Approve a shredding",
    operation_id="approveShredding",
)
async def approve(
    context: NamedDependency[Context], actor: NamedDependency[Actor], order_id: FromPath[UUID]
) -> ShreddingView:
    """For another officer than the one who asked: every wrapped key of the portfolio is destroyed. There is no way back."""
    require(actor, role=Role.OFFICER)
    async with context.db.begin_as_officer(actor) as tx:
        done = await service.approve_shredding(tx, actor, order_id)
    return ShreddingView(done.portfolio_id, done.wrap_count, done.shredded_at)


@get("/v1/shred-orders", tags=_TAGS, summary="Shreddings asked for", operation_id="listShredOrders")
async def list_orders(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    limit: FromQuery[int] = 50,
    cursor: FromQuery[str | None] = None,
) -> ShredOrderPage:
    """For officers, newest first."""
    require(actor, role=Role.OFFICER)
    async with context.db.begin_as_officer(actor) as tx:
        page = await service.list_shreddings(tx, actor, PageRequest.parse(limit, cursor))
    return ShredOrderPage([ShredOrderView.of(*each) for each in page.items], page.next_cursor)


HANDLERS: list[ControllerRouterHandler] = [ask, approve, list_orders]
