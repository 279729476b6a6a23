"""The doors of the platform's operators to its own people."""

from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.types import ControllerRouterHandler

from market.db.context import Context
from market.kit.actor import Actor
from market.kit.pages import PageRequest
from market.parties import schemas, service
from market.parties.routes.who import STEP_UP

_PEOPLE = ["People"]


@get("/v1/staff", tags=_PEOPLE, summary="The platform's people", operation_id="listStaff")
async def list_staff(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    limit: FromQuery[int] = 50,
    cursor: FromQuery[str | None] = None,
) -> schemas.StaffPage:
    """For operators: officers and operators, the disabled too."""
    async with context.db.begin(actor) as tx:
        page = await service.list_staff(tx, actor, PageRequest.parse(limit, cursor))
    return schemas.StaffPage([schemas.StaffView.of(each) for each in page.items], page.next_cursor)


@post("/v1/staff/{user_id:uuid}/disabling", tags=_PEOPLE, summary="End a staff member's access",
      operation_id="disableStaff", status_code=204, opt=STEP_UP)  # fmt: skip
async def disable_staff(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    user_id: FromPath[UUID],
    data: JSONBody[schemas.StaffReasonBody],
) -> None:
    """By an operator, for good: sessions and API keys end at once, live sockets within a heartbeat."""
    async with context.db.begin(actor) as tx:
        await service.disable_staff(tx, actor, user_id, data.reason, context.clock.now())


HANDLERS: list[ControllerRouterHandler] = [list_staff, disable_staff]
