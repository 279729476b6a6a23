"""The doors of API keys."""

from uuid import UUID

from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.types import ControllerRouterHandler

from market.db.context import Context
from market.kit.actor import Actor
from market.kit.pages import PageRequest
from market.parties import schemas, service
from market.parties.routes.who import STEP_UP

_KEYS = ["API keys"]


@post("/v1/api-keys", tags=_KEYS, summary="Make an API key", operation_id="createKey", opt=STEP_UP)
async def create_key(
    context: NamedDependency[Context], actor: NamedDependency[Actor], data: JSONBody[schemas.KeyBody]
) -> schemas.NewKeyView:
    """A key for programs, limited to scopes, days, networks and amounts. Its token is shown this once.

    Needs a fresh proof. Officers have no keys.
    """
    async with context.db.begin(actor) as tx:
        key, token = await service.create_key(tx, actor, data.asked(), now=context.clock.now(), chance=context.chance)
    return schemas.NewKeyView(schemas.KeyView.of(key), token)


@get("/v1/api-keys", tags=_KEYS, summary="List API keys", operation_id="listKeys")
async def list_keys(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    limit: FromQuery[int] = 50,
    cursor: FromQuery[str | None] = None,
) -> schemas.KeyPage:
    """The organisation's keys, oldest first, the dead ones too."""
    async with context.db.begin(actor) as tx:
        page = await service.list_keys(tx, actor, PageRequest.parse(limit, cursor))
    return schemas.KeyPage([schemas.KeyView.of(key) for key in page.items], page.next_cursor)


@delete("/v1/api-keys/{key_id:uuid}", tags=_KEYS, summary="Revoke an API key", operation_id="revokeKey")
async def revoke_key(context: NamedDependency[Context], actor: NamedDependency[Actor], key_id: FromPath[UUID]) -> None:
    """The key stops working at once."""
    async with context.db.begin(actor) as tx:
        await service.revoke_key(tx, actor, key_id, context.clock.now())


HANDLERS: list[ControllerRouterHandler] = [create_key, list_keys, revoke_key]
