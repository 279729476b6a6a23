"""The doors of sanctions screening. Officers alone come in; a party learns nothing here, not even that there are alerts."""

from typing import Annotated
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.types import ControllerRouterHandler

from market.compliance import service as compliance
from market.compliance.deadlines import Promise
from market.compliance.screening import schemas, service
from market.compliance.screening.rules import AlertState
from market.db.context import Context
from market.kit.actor import Actor, Role
from market.kit.errors import Malformed
from market.kit.pages import PageRequest
from market.parties import service as parties
from market.parties.routes import STEP_UP
from market.parties.rules import require

_TAGS = ["Screening"]
_RUN_COUNT = 50


@get("/v1/screening", tags=_TAGS, summary="How screening stands", operation_id="getScreening")
async def get_screening(context: NamedDependency[Context], actor: NamedDependency[Actor]) -> schemas.StatusView:
    """The lists in force, until when they count, what waits, and who was not screened for 26 hours."""
    require(actor, role=Role.OFFICER)
    async with context.db.begin(actor) as tx:
        return schemas.StatusView.of(await service.read_status(tx, actor, context.clock.now()))


@get("/v1/screening/alerts", tags=_TAGS, summary="List alerts", operation_id="listScreeningAlerts")
async def list_alerts(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    in_state: Annotated[AlertState | None, QueryParameter(name="state")] = None,
    limit: FromQuery[int] = 50,
    cursor: FromQuery[str | None] = None,
) -> schemas.AlertPage:
    """Names that may be listed ones, oldest first, with what made them so and what officers said."""
    require(actor, role=Role.OFFICER)
    async with context.db.begin(actor) as tx:
        page = await service.list_alerts(tx, actor, PageRequest.parse(limit, cursor), state=in_state)
        names = await parties.names_for(tx, actor, {alert.org_id for alert in page.items})
    return schemas.AlertPage([schemas.AlertView.of(alert, names) for alert in page.items], page.next_cursor)


@post(
    "/v1/screening/alerts/{alert_id:uuid}/decisions",
    tags=_TAGS,
    summary="Decide an alert",
    operation_id="decideScreeningAlert",
    opt=STEP_UP,
)
async def decide_alert(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    alert_id: FromPath[UUID],
    data: JSONBody[schemas.DecisionBody],
) -> schemas.AlertView:
    """Dismiss it, which lasts until the party or the entry changes; or call it a match: the first officer's word suspends
    the organisation at once, the second one's blocks it.
    """
    require(actor, role=Role.OFFICER)
    async with context.db.begin_as_officer(actor) as tx:
        decided = await compliance.decide_alert(
            tx, actor, alert_id, data.verdict, data.reason, now=context.clock.now(), chance=context.chance,
            promise=Promise.of(context.settings),
        )  # fmt: skip
        names = await parties.names_for(tx, actor, {decided.org_id})
    return schemas.AlertView.of(decided, names)


@post(
    "/v1/organisations/{org_id:uuid}/screenings",
    tags=_TAGS,
    summary="Screen an organisation now",
    operation_id="askForScreening",
    status_code=202,
)
async def ask_for_screening(
    context: NamedDependency[Context], actor: NamedDependency[Actor], org_id: FromPath[UUID]
) -> None:
    """The worker screens every disclosed name of it against the newest lists, within seconds."""
    require(actor, role=Role.OFFICER)
    async with context.db.begin_as_officer(actor) as tx:
        await service.ask_for_screening(tx, actor, org_id, now=context.clock.now(), chance=context.chance)


@get(
    "/v1/organisations/{org_id:uuid}/screenings",
    tags=_TAGS,
    summary="An organisation's screenings",
    operation_id="listScreenings",
)
async def list_screenings(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    org_id: FromPath[UUID],
    limit: FromQuery[int] = 10,
) -> schemas.RunList:
    """The newest first, each with algorithm, hashes, list versions and the trace of every name."""
    require(actor, role=Role.OFFICER)
    if not 1 <= limit <= _RUN_COUNT:
        raise Malformed(f"limit must be between 1 and {_RUN_COUNT}", field="limit")
    async with context.db.begin(actor) as tx:
        return schemas.RunList([schemas.RunView.of(run) for run in await service.list_runs(tx, actor, org_id, limit)])


@post(
    "/v1/organisations/{org_id:uuid}/disclosed-names",
    tags=_TAGS,
    summary="Add a disclosed name",
    operation_id="addDisclosedName",
)
async def add_disclosed_name(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    org_id: FromPath[UUID],
    data: JSONBody[schemas.DisclosedBody],
) -> schemas.NameAdded:
    """A director, signatory, trade name, bank or indirect owner that an officer read in the evidence."""
    require(actor, role=Role.OFFICER)
    async with context.db.begin_as_officer(actor) as tx:
        name_id = await service.disclose(
            tx, actor, org_id, data.disclosed(), now=context.clock.now(), chance=context.chance
        )
    return schemas.NameAdded(name_id)


HANDLERS: list[ControllerRouterHandler] = [
    get_screening, list_alerts, decide_alert, ask_for_screening, list_screenings, add_disclosed_name,
]  # fmt: skip
