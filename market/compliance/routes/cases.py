"""The doors of compliance: the party's case, the officers' queue and decisions, clearances."""

from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from litestar import MediaType, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.types import ControllerRouterHandler

from market.compliance import service, upload
from market.compliance.deadlines import Promise
from market.compliance.requirements import EvidenceType
from market.compliance.rules import CaseState
from market.compliance.schemas import cases as schemas
from market.compliance.sealed import sealing
from market.db.context import Context
from market.kit.actor import Actor, Role
from market.kit.pages import PageRequest
from market.kit.places import Places
from market.parties import service as parties
from market.parties.routes import STEP_UP
from market.parties.rules import require

_TAGS = ["Compliance"]
_PLACES = "evidence_places"


@dataclass
class _EvidenceOperation(Operation):
    """The form is read as it comes in, so its schema is said here."""

    def __post_init__(self) -> None:
        text, day = Schema(type=OpenAPIType.STRING), Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.DATE)
        form = Schema(
            type=OpenAPIType.OBJECT,
            properties={
                "file": Schema(type=OpenAPIType.STRING, content_media_type="application/octet-stream"),
                "type": Schema(type=OpenAPIType.STRING, enum=[found.value for found in EvidenceType]),
                "issuer": text,
                "number": text,
                "jurisdiction": Schema(type=OpenAPIType.STRING, description="US, or a state as US-CA (ISO 3166)"),
                "issued_on": day,
                "expires_on": day,
                "owner_id": Schema(
                    type=OpenAPIType.STRING, format=OpenAPIFormat.UUID, description="whose identity it proves"
                ),
                "covered_states": Schema(type=OpenAPIType.STRING, description="of a licence: CA,NY if more than one"),
                "held_by": Schema(type=OpenAPIType.STRING, description="the servicer who holds it, if not yourself"),
                "portfolio_id": Schema(
                    type=OpenAPIType.STRING, format=OpenAPIFormat.UUID, description="of a listing's paper: whose it is"
                ),
                "amount_cents": Schema(type=OpenAPIType.INTEGER, description="of a financial statement: the net worth"),
            },
            required=["file", "type", "issuer", "jurisdiction", "issued_on"],
        )
        self.request_body = RequestBody(content={"multipart/form-data": OpenAPIMediaType(schema=form)}, required=True)


@post("/v1/cases", tags=_TAGS, summary="Open a verification case", operation_id="openCase")
async def open_case(
    context: NamedDependency[Context], actor: NamedDependency[Actor], data: JSONBody[schemas.CaseBody]
) -> schemas.CaseFileView:
    """Ask to be cleared to list, to bid, or both. The case is a draft until it is submitted."""
    async with context.db.begin(actor) as tx:
        found = await service.open_case(
            tx, actor, data.asked(), data.owners(), resells=data.resells, now=context.clock.now(), chance=context.chance
        )
    return schemas.CaseFileView.of(found)


@get("/v1/cases", tags=_TAGS, summary="List cases", operation_id="listCases")
async def list_cases(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    in_state: Annotated[CaseState | None, QueryParameter(name="state")] = None,
    limit: FromQuery[int] = 50,
    cursor: FromQuery[str | None] = None,
) -> schemas.CasePage:
    """The own cases; for officers everybody's: `state=submitted` is what waits to be taken up."""
    async with context.db.begin(actor) as tx:
        page = await service.list_cases(tx, actor, PageRequest.parse(limit, cursor), state=in_state)
        names = await parties.names_for(tx, actor, {case.org_id for case in page.items})
    return schemas.CasePage([schemas.CaseView.of(case, names) for case in page.items], page.next_cursor)


@get("/v1/cases/{case_id:uuid}", tags=_TAGS, summary="One case", operation_id="getCase")
async def get_case(
    context: NamedDependency[Context], actor: NamedDependency[Actor], case_id: FromPath[UUID]
) -> schemas.CaseFileView:
    """The case with its owners, papers, messages, appeal, and what it still lacks; for officers with who the party is."""
    async with context.db.begin(actor) as tx:
        return schemas.CaseFileView.of(await service.read_case(tx, actor, case_id, now=context.clock.now()))


@post("/v1/cases/{case_id:uuid}/evidence", tags=_TAGS, summary="Add a paper", operation_id="addEvidence",
      operation_class=_EvidenceOperation, request_max_body_size=None)  # fmt: skip
async def add_evidence(
    request: Request[Any, Any, Any],
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    case_id: FromPath[UUID],
) -> schemas.EvidenceView:
    """The file is kept sealed; only officers and the own organisation can open it again."""
    async with context.db.begin(actor) as tx:
        case = await service.case_for_evidence(tx, actor, case_id)
    places: Places = request.app.state.setdefault(_PLACES, Places())
    with places.taken(case.org_id):
        fields, clear = await upload.receive(
            request.headers.get("content-type", ""), request.stream(), max_bytes=context.settings.evidence_max_bytes
        )
        paper = await service.add_evidence(context, actor, case_id, schemas.described(fields), clear)
    return schemas.EvidenceView.of(paper)


@post("/v1/cases/{case_id:uuid}/submission", tags=_TAGS, summary="Submit a case", operation_id="submitCase")
async def submit_case(
    context: NamedDependency[Context], actor: NamedDependency[Actor], case_id: FromPath[UUID]
) -> schemas.CaseView:
    """Hand the case to the officers, the first time or with what they asked for."""
    async with context.db.begin(actor) as tx:
        promise = Promise.of(context.settings)
        return schemas.CaseView.of(await service.submit(tx, actor, case_id, context.clock.now(), promise=promise))


@post("/v1/cases/{case_id:uuid}/messages", tags=_TAGS, summary="Answer the officers", operation_id="answerOfficers")
async def answer_officers(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    case_id: FromPath[UUID],
    data: JSONBody[schemas.AnswerBody],
) -> schemas.MessageList:
    """Write to the officers about your open case; all messages of it in order."""
    now, chance = context.clock.now(), context.chance
    async with context.db.begin(actor) as tx:
        found = await service.answer(tx, actor, case_id, data.text, now=now, chance=chance)
    return schemas.MessageList([schemas.MessageView.of(message) for message in found])


@post("/v1/cases/{case_id:uuid}/appeal", tags=_TAGS, summary="Appeal a no", operation_id="appealCase")
async def appeal_case(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    case_id: FromPath[UUID],
    data: JSONBody[schemas.GroundsBody],
) -> schemas.AppealView:
    """Once for each declined case, within 90 days; another officer than the one who declined decides."""
    promise = Promise.of(context.settings)
    async with context.db.begin(actor) as tx:
        found = await service.appeal(
            tx, actor, case_id, data.grounds, now=context.clock.now(), chance=context.chance, promise=promise
        )
    return schemas.AppealView.of(found)


_FILE = {
    200: ResponseSpec(
        data_container=bytes, media_type="application/octet-stream", description="The file, an attachment"
    )
}


@get("/v1/cases/{case_id:uuid}/evidence/{evidence_id:uuid}/file", tags=_TAGS, summary="Open a paper",
     operation_id="getEvidenceFile", media_type=MediaType.TEXT, responses=_FILE)  # fmt: skip
async def get_evidence_file(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    case_id: FromPath[UUID],
    evidence_id: FromPath[UUID],
) -> Response[bytes]:
    """For officers, whose every look is recorded, and for the organisation that brought it."""
    paper, clear = await service.read_file(context, actor, case_id, evidence_id)
    name = f"{paper.described.type}-{paper.evidence_id}"
    return Response(
        clear,
        media_type="application/octet-stream",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "ETag": f'"{paper.file_sha256}"'},
    )


@get("/v1/cases/{case_id:uuid}/evidence/{evidence_id:uuid}/fields", tags=_TAGS, summary="What was read off a paper",
     operation_id="getEvidenceFields")  # fmt: skip
async def get_evidence_fields(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    case_id: FromPath[UUID],
    evidence_id: FromPath[UUID],
) -> dict[str, str]:
    """For officers, whose every look is recorded: what one of them read off the paper when verifying it."""
    return await service.read_fields(context, actor, case_id, evidence_id)


@post("/v1/cases/{case_id:uuid}/evidence/{evidence_id:uuid}/verification", tags=_TAGS, summary="Verify a paper",
      operation_id="verifyEvidence")  # fmt: skip
async def verify_evidence(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    case_id: FromPath[UUID],
    evidence_id: FromPath[UUID],
    data: JSONBody[schemas.SourceBody],
) -> schemas.EvidenceView:
    """An officer's word that the paper is genuine, and against what it was checked."""
    require(actor, role=Role.OFFICER)
    async with context.db.begin_as_officer(actor) as tx:
        return schemas.EvidenceView.of(
            await service.verify_evidence(
                tx, actor, case_id, evidence_id, data.source, context.clock.now(), method=data.method,
                seal=None if data.extracted is None else sealing(context, data.extracted),
            )
        )  # fmt: skip


@post("/v1/cases/{case_id:uuid}/information-request", tags=_TAGS, summary="Ask for more",
      operation_id="requestInformation")  # fmt: skip
async def request_information(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    case_id: FromPath[UUID],
    data: JSONBody[schemas.MessageBody],
) -> schemas.CaseView:
    """Send the case back to the party with a message; what was prepared is dropped. Who is said to resell is not unsaid."""
    require(actor, role=Role.OFFICER)
    async with context.db.begin_as_officer(actor) as tx:
        asked = await service.request_information(
            tx, actor, case_id, data.message, resells=data.resells, now=context.clock.now(), chance=context.chance
        )
    return schemas.CaseView.of(asked)


@post("/v1/cases/{case_id:uuid}/preparation", tags=_TAGS, summary="Prepare a clearance", operation_id="prepareCase")
async def prepare_case(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    case_id: FromPath[UUID],
    data: JSONBody[schemas.PlanBody],
) -> schemas.CaseView:
    """Officer A's proposal; refused while required evidence is missing, unverified or expired, and says which."""
    require(actor, role=Role.OFFICER)
    async with context.db.begin_as_officer(actor) as tx:
        return schemas.CaseView.of(
            await service.prepare(
                tx, actor, case_id, data.granted(), valid_until=data.valid_until, now=context.clock.now(),
                risk=data.risk, promise=Promise.of(context.settings),
            )
        )  # fmt: skip


@post("/v1/cases/{case_id:uuid}/approval", tags=_TAGS, summary="Approve a clearance", operation_id="approveCase",
      opt=STEP_UP)  # fmt: skip
async def approve_case(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    case_id: FromPath[UUID],
    data: JSONBody[schemas.ReasonBody],
) -> schemas.ApprovalView:
    """Officer B's yes, never A's, with a reason: from now the organisation is cleared as prepared."""
    require(actor, role=Role.OFFICER)
    now = context.clock.now()
    async with context.db.begin_as_officer(actor) as tx:
        case, granted = await service.approve(tx, actor, case_id, reason=data.reason, now=now, chance=context.chance)
    views = [schemas.ClearanceView.of(found, now, with_reason=True) for found in granted]
    return schemas.ApprovalView(schemas.CaseView.of(case), views)


@post("/v1/cases/{case_id:uuid}/decline", tags=_TAGS, summary="Decline a case", operation_id="declineCase")
async def decline_case(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    case_id: FromPath[UUID],
    data: JSONBody[schemas.ReasonBody],
) -> schemas.CaseView:
    """Close the case with a reason that the party reads."""
    require(actor, role=Role.OFFICER)
    async with context.db.begin_as_officer(actor) as tx:
        return schemas.CaseView.of(await service.decline(tx, actor, case_id, data.reason))


HANDLERS: list[ControllerRouterHandler] = [
    open_case, list_cases, get_case, add_evidence, submit_case, answer_officers, appeal_case, get_evidence_file,
    get_evidence_fields,    verify_evidence, request_information, prepare_case, approve_case, decline_case,
]  # fmt: skip
