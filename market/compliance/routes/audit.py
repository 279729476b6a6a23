"""The doors of audit: checkpoints, the examiner's archive, retention."""

from uuid import UUID

from litestar import MediaType, Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery
from litestar.types import ControllerRouterHandler

from market.compliance import service
from market.compliance.schemas import audit as schemas
from market.db.context import Context
from market.journal import service as journal
from market.kit.actor import SYSTEM, Actor, Role
from market.kit.errors import Malformed
from market.parties.routes import STEP_UP
from market.parties.rules import require

_TAGS = ["Audit"]
_PAGE_COUNT = 200
_LAST_NUMBER = 2**63 - 1
_ARCHIVE = {200: ResponseSpec(data_container=bytes, media_type="application/x-ndjson", description="The archive")}


@get("/v1/audit/checkpoints", tags=_TAGS, summary="Signed checkpoints", operation_id="listCheckpoints")
async def list_checkpoints(
    context: NamedDependency[Context], actor: NamedDependency[Actor], after: FromQuery[int] = 0
) -> schemas.CheckpointPage:
    """Up to 200 from the one after number `after`: where all streams of the journal stood, signed each minute.

    Keep one: it proves later that nothing before it was rewritten.
    """
    require(actor, scope="compliance:read")
    if not 0 <= after <= _LAST_NUMBER:
        raise Malformed("a number of a checkpoint, or 0", field="after")
    async with context.db.begin(SYSTEM) as tx:
        found = await journal.list_checkpoints(tx, after=after, limit=_PAGE_COUNT)
    return schemas.CheckpointPage([schemas.CheckpointView.of(checkpoint) for checkpoint in found])


@get("/v1/cases/{case_id:uuid}/archive", tags=_TAGS, summary="The examiner's archive", operation_id="getCaseArchive",
     media_type=MediaType.TEXT, responses=_ARCHIVE, opt=STEP_UP)  # fmt: skip
async def get_case_archive(
    context: NamedDependency[Context], actor: NamedDependency[Actor], case_id: FromPath[UUID]
) -> Response[bytes]:
    """For officers: the case, its papers' digests, its decisions and the proof; `market audit verify` checks it offline."""
    archive = await service.export_case(context, actor, case_id)
    return Response(
        archive,
        media_type="application/x-ndjson",
        headers={"Content-Disposition": f'attachment; filename="case-{case_id}.archive"'},
    )


@get("/v1/retention", tags=_TAGS, summary="What is due to be erased", operation_id="getRetention")
async def get_retention(context: NamedDependency[Context], actor: NamedDependency[Actor]) -> schemas.RetentionReport:
    """For officers, a dry run: what will be erased now and in the next 30 days, and what only a legal hold keeps."""
    require(actor, role=Role.OFFICER)
    now = context.clock.now()
    async with context.db.begin_as_officer(actor) as tx:
        found = await service.retention_report(tx, actor, now)
        parties = await service.parties_report(tx, actor, now)
    return schemas.RetentionReport(
        [schemas.KeptView.of(kept, now) for kept in found],
        [schemas.PartyKeptView.of(kept, now) for kept in parties],
    )


HANDLERS: list[ControllerRouterHandler] = [list_checkpoints, get_case_archive, get_retention]
