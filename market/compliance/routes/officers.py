"""The doors of officers: queue, appeals, what takes two, holds, rule packs, clearances."""

from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.types import ControllerRouterHandler

from market.compliance import packs, service
from market.compliance.deadlines import Promise
from market.compliance.schemas import cases as schemas
from market.compliance.schemas import officers as own
from market.db.context import Context
from market.kit.actor import Actor, Role
from market.kit.pages import PageRequest
from market.parties import service as parties
from market.parties.routes import STEP_UP
from market.parties.rules import require

_TAGS = ["Compliance"]


@get("/v1/queue", tags=_TAGS, summary="What waits for officers", operation_id="getQueue")
async def get_queue(
    context: NamedDependency[Context], actor: NamedDependency[Actor], assigned_to: FromQuery[UUID | None] = None
) -> own.QueueView:
    """Cases, the overdue first, then the soonest due; of one officer with `assigned_to`. Appeals, and papers of listings."""
    require(actor, role=Role.OFFICER)
    async with context.db.begin_as_officer(actor) as tx:
        found = await service.queue(tx, actor, assigned_to=assigned_to)
        names = await parties.names_for(tx, actor, found.org_ids)
    return own.QueueView.of(found, names, context.clock.now())


@post("/v1/cases/{case_id:uuid}/assignment", tags=_TAGS, summary="Assign a case", operation_id="assignCase")
async def assign_case(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    case_id: FromPath[UUID],
    data: JSONBody[own.AssignmentBody],
) -> schemas.CaseView:
    """Say which officer looks after a case."""
    require(actor, role=Role.OFFICER)
    async with context.db.begin_as_officer(actor) as tx:
        return schemas.CaseView.of(await service.assign(tx, actor, case_id, data.officer_id))


@post("/v1/cases/{case_id:uuid}/return", tags=_TAGS, summary="Send a proposal back", operation_id="returnCase")
async def return_case(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    case_id: FromPath[UUID],
    data: JSONBody[schemas.ReasonBody],
) -> schemas.CaseView:
    """Officer B's «not like this»: what was prepared is dropped, and the case is in review again."""
    require(actor, role=Role.OFFICER)
    promise = Promise.of(context.settings)
    async with context.db.begin_as_officer(actor) as tx:
        found = await service.send_back(tx, actor, case_id, data.reason, now=context.clock.now(), promise=promise)
    return schemas.CaseView.of(found)


@post("/v1/cases/{case_id:uuid}/review", tags=_TAGS, summary="Review again", operation_id="reviewCaseAgain")
async def review_case_again(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    case_id: FromPath[UUID],
    data: JSONBody[schemas.ReasonBody],
) -> schemas.CaseView:
    """Take up a cleared case whose clearance was suspended or has expired; two officers then grant anew."""
    require(actor, role=Role.OFFICER)
    promise = Promise.of(context.settings)
    async with context.db.begin_as_officer(actor) as tx:
        found = await service.review_again(tx, actor, case_id, data.reason, now=context.clock.now(), promise=promise)
    return schemas.CaseView.of(found)


@post("/v1/cases/{case_id:uuid}/appeal-decision", tags=_TAGS, summary="Decide an appeal",
      operation_id="decideAppeal")  # fmt: skip
async def decide_appeal(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    case_id: FromPath[UUID],
    data: JSONBody[own.AppealDecisionBody],
) -> schemas.CaseView:
    """Another officer than the one who declined: upheld, the case is in review again."""
    require(actor, role=Role.OFFICER)
    promise = Promise.of(context.settings)
    async with context.db.begin_as_officer(actor) as tx:
        found = await service.decide_appeal(
            tx, actor, case_id, data.reason, upheld=data.upheld, now=context.clock.now(), promise=promise
        )
    return schemas.CaseView.of(found)


@post("/v1/proposals", tags=_TAGS, summary="Propose what takes two", operation_id="propose")
async def propose(
    context: NamedDependency[Context], actor: NamedDependency[Actor], data: JSONBody[own.ProposalBody]
) -> own.ProposalView:
    """To block an organisation (which suspends it at once) or unblock it, break the glass, adopt rules, release a hold."""
    require(actor, role=Role.OFFICER)
    async with context.db.begin_as_officer(actor) as tx:
        found = await service.propose(
            tx, actor, data.kind, data.reason, org_id=data.org_id, subject_id=data.subject_id,
            now=context.clock.now(), chance=context.chance,
        )  # fmt: skip
    return own.ProposalView.of(found)


@get("/v1/proposals", tags=_TAGS, summary="List proposals", operation_id="listProposals")
async def list_proposals(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    limit: FromQuery[int] = 50,
    cursor: FromQuery[str | None] = None,
) -> own.ProposalPage:
    """Newest first, decided ones too; officers only."""
    require(actor, role=Role.OFFICER)
    async with context.db.begin_as_officer(actor) as tx:
        page = await service.list_proposals(tx, actor, PageRequest.parse(limit, cursor))
    return own.ProposalPage([own.ProposalView.of(found) for found in page.items], page.next_cursor)


@post("/v1/proposals/{proposal_id:uuid}/decision", tags=_TAGS, summary="Decide a proposal",
      operation_id="decideProposal", opt=STEP_UP)  # fmt: skip
async def decide_proposal(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    proposal_id: FromPath[UUID],
    data: JSONBody[own.DecisionBody],
) -> own.ProposalView:
    """Another officer's yes or no; what is carried takes effect at once."""
    require(actor, role=Role.OFFICER)
    promise = Promise.of(context.settings)
    async with context.db.begin_as_officer(actor) as tx:
        found = await service.decide(
            tx, actor, proposal_id, data.reason, carried=data.carried, now=context.clock.now(), promise=promise
        )
    return own.ProposalView.of(found)


@post("/v1/holds", tags=_TAGS, summary="Place a legal hold", operation_id="placeLegalHold")
async def place_hold(
    context: NamedDependency[Context], actor: NamedDependency[Actor], data: JSONBody[own.HoldBody]
) -> own.HoldView:
    """From now nothing of the organisation is erased; a proposal `release_hold`, carried by another, ends it."""
    require(actor, role=Role.OFFICER)
    async with context.db.begin_as_officer(actor) as tx:
        found = await service.place_hold(
            tx, actor, data.org_id, data.reason, now=context.clock.now(), chance=context.chance
        )
    return own.HoldView.of(found)


@get("/v1/holds", tags=_TAGS, summary="List legal holds", operation_id="listLegalHolds")
async def list_holds(context: NamedDependency[Context], actor: NamedDependency[Actor]) -> own.HoldList:
    """Every hold, newest first; released ones say so."""
    require(actor, role=Role.OFFICER)
    async with context.db.begin_as_officer(actor) as tx:
        return own.HoldList([own.HoldView.of(found) for found in await service.list_holds(tx, actor)])


@get("/v1/rule-packs", tags=_TAGS, summary="List rule packs", operation_id="listRulePacks")
async def list_rule_packs(context: NamedDependency[Context], actor: NamedDependency[Actor]) -> own.RulePackList:
    """What is in force, reviewed or not, with its rules; and what was loaded."""
    async with context.db.begin(actor) as tx:
        return own.RulePackList([own.RulePackView.of(pack) for pack in await service.list_packs(tx, actor)])


@get("/v1/rule-packs/{pack_id:uuid}", tags=_TAGS, summary="One rule pack", operation_id="getRulePack")
async def get_rule_pack(
    context: NamedDependency[Context], actor: NamedDependency[Actor], pack_id: FromPath[UUID]
) -> own.RulePackView:
    """A loaded pack with its rules."""
    async with context.db.begin(actor) as tx:
        return own.RulePackView.of(await service.read_pack(tx, actor, pack_id))


@post("/v1/rule-packs", tags=_TAGS, summary="Load a rule pack", operation_id="loadRulePack")
async def load_rule_pack(
    context: NamedDependency[Context], actor: NamedDependency[Actor], data: JSONBody[own.RulePackBody]
) -> own.RulePackView:
    """Keep a pack of rules; it holds once a proposal `adopt_rules` was carried by another officer."""
    require(actor, role=Role.OFFICER)
    pack = packs.read_pack(data.name, data.version, data.csv, source=data.source)
    async with context.db.begin_as_officer(actor) as tx:
        found = await service.load_pack(tx, actor, pack, now=context.clock.now(), chance=context.chance)
    return own.RulePackView.of(found)


@get("/v1/clearances", tags=_TAGS, summary="List clearances", operation_id="listClearances")
async def list_clearances(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    limit: FromQuery[int] = 50,
    cursor: FromQuery[str | None] = None,
) -> schemas.ClearancePage:
    """The own clearances, for the platform's roles everybody's: valid, expired and ended."""
    async with context.db.begin(actor) as tx:
        page = await service.list_clearances(tx, actor, PageRequest.parse(limit, cursor))
        names = await parties.names_for(tx, actor, {found.org_id for found in page.items})
    now, for_officer = context.clock.now(), actor.role is Role.OFFICER
    views = [schemas.ClearanceView.of(found, now, with_reason=for_officer, names=names) for found in page.items]
    return schemas.ClearancePage(views, page.next_cursor)


@post("/v1/clearances/{clearance_id:uuid}/end", tags=_TAGS, summary="Suspend at once", operation_id="endClearance")
async def end_clearance(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    clearance_id: FromPath[UUID],
    data: JSONBody[schemas.ReasonBody],
) -> schemas.ClearanceView:
    """One officer ends the capability of the organisation; only a new case with two officers gives it back."""
    require(actor, role=Role.OFFICER)
    now = context.clock.now()
    async with context.db.begin_as_officer(actor) as tx:
        found = await service.end_clearance(tx, actor, clearance_id, data.reason, now)
    return schemas.ClearanceView.of(found, now, with_reason=True)


HANDLERS: list[ControllerRouterHandler] = [
    get_queue, assign_case, return_case, review_case_again, decide_appeal, propose, list_proposals, decide_proposal,
    place_hold, list_holds, list_rule_packs, get_rule_pack, load_rule_pack, list_clearances, end_clearance,
]  # fmt: skip
