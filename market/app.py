"""Composition root of HTTP and sockets: which doors there are and who stands behind them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar, MediaType, Response, get
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException
from litestar.types import ControllerRouterHandler
from sqlalchemy import text

from market.bidding import routes as bidding
from market.bidding.lane import Lane
from market.compliance import routes as compliance
from market.compliance.screening import routes as screening
from market.db.context import Context
from market.db.migrate import newest_revision
from market.edge import problems
from market.edge.door import door, met
from market.edge.openapi import openapi, swagger_files, tell_the_truth
from market.kit.actor import SYSTEM
from market.kit.errors import MarketError
from market.live import routes as live_routes
from market.live.hub import Live
from market.parties import routes as parties
from market.portfolios import routes as portfolios
from market.settlement import routes as settlement
from market.web import routes as web

_MAX_BODY_BYTES = 1_000_000
"""Of a JSON body; the upload routes set their own."""


def create_app(context: Context) -> Litestar:
    """The whole market behind one ASGI application."""
    app = Litestar(
        route_handlers=[*HANDLERS, swagger_files()],
        dependencies={
            "context": Provide(_context, sync_to_thread=False),
            "actor": Provide(parties.provide_actor),
            "lane": Provide(_lane, sync_to_thread=False),
        },
        lifespan=[_running],
        exception_handlers={
            MarketError: problems.refusal,
            HTTPException: problems.http_refusal,
            Exception: problems.fault,
        },
        middleware=[door(context)],
        before_request=met(context),
        request_max_body_size=_MAX_BODY_BYTES,
        openapi_config=openapi(),
        logging_config=None,  # market/kit/log.py alone decides what is logged
        state=State({"context": context}),
        debug=False,
    )
    tell_the_truth(app)
    return app


def _context(state: State) -> Context:
    return state.context  # type: ignore[no-any-return]


def _lane(state: State) -> Lane:
    return state.lane  # type: ignore[no-any-return]


@asynccontextmanager
async def _running(app: Litestar) -> AsyncIterator[None]:
    """The node's one bid lane and its sockets, from start-up to shutdown."""
    context: Context = app.state.context
    lane = Lane(context)
    live = Live(context, lane)
    app.state.lane, app.state[live_routes.STATE_KEY] = lane, live
    await lane.start()
    await live.start()
    try:
        yield
    finally:
        await lane.stop()
        await live.stop()


@get("/health/live", include_in_schema=False, media_type=MediaType.JSON)
async def health_live() -> dict[str, str]:
    """The process answers."""
    return {"status": "live"}


@get("/health/ready", include_in_schema=False, media_type=MediaType.JSON)
async def health_ready(context: NamedDependency[Context]) -> Response[dict[str, str]]:
    """The database answers and is migrated to what this code expects."""
    async with context.db.begin(SYSTEM) as tx:
        found = await tx.scalar(text("SELECT version_num FROM alembic_version"))
    wanted = newest_revision()
    if found != wanted:
        return Response({"status": "migrating", "database": str(found), "code": wanted}, status_code=503)
    return Response({"status": "ready", "database": str(found)})


HANDLERS: list[ControllerRouterHandler] = [
    health_live,
    health_ready,
    *live_routes.HANDLERS,
    *parties.HANDLERS,
    *compliance.HANDLERS,
    *screening.HANDLERS,
    *portfolios.HANDLERS,
    *bidding.HANDLERS,
    *settlement.HANDLERS,
    *web.HANDLERS,
]
