"""Forward flows: one side proposes, the other accepts, either ends it; the clock misses periods and closes what has run out."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.compliance import service as compliance
from market.journal import service as journal
from market.kit.actor import SYSTEM, Actor, Role
from market.kit.errors import Forbidden, Malformed, NotFound
from market.kit.pages import Page, PageRequest
from market.parties import service as parties
from market.parties.rules import require, require_person
from market.settlement.agreement import Document
from market.settlement.calendar import deadline
from market.settlement.flow_agreement import Parties, state_flow_facts
from market.settlement.flows import (
    ANSWER_BUSINESS_DAYS,
    MAX_OPEN_COUNT,
    RUNNING,
    CounterpartyNotCleared,
    Flow,
    FlowNotOpen,
    FlowPeriod,
    FlowSignature,
    FlowState,
    FlowTerms,
    OwnProposal,
    periods_of,
)
from market.settlement.rules import OtherAgreement, Party, reference
from market.settlement.service.agreements import signatory
from market.settlement.service.books import READ
from market.settlement.service.sale import WRITE
from market.settlement.store import flows as store

_CAPABILITY = {Party.SELLER: "list", Party.BUYER: "bid"}
_OTHER = {Party.SELLER: Party.BUYER, Party.BUYER: Party.SELLER}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What one side proposes to the other, and the name that its signatory types."""

    flow_id: UUID
    party: Party
    other_org_id: UUID
    terms: FlowTerms
    typed_name: str


async def require_may_propose(tx: AsyncSession, actor: Actor, proposal: Proposal, *, now: datetime) -> None:
    """Raises `NotCleared` without the clearance that the proposer's side needs, `Malformed` for what cannot be agreed."""
    require(actor, role=Role.MEMBER, scope=WRITE)
    require_person(actor)
    if actor.org_id is None:
        raise AssertionError("a member has an organisation")
    await compliance.require_clearance(tx, actor.org_id, _CAPABILITY[proposal.party], now)
    if proposal.other_org_id == actor.org_id:
        raise Malformed("an organisation does not agree with itself", field="other_org_id")
    if not await parties.display_names(tx, [proposal.other_org_id]):
        raise Malformed("there is no such organisation", field="other_org_id")
    if proposal.terms.first_on < now.astimezone(UTC).date():
        raise Malformed("the first day must not be past", field="first_on")
    if await store.open_count(tx, actor.org_id) >= MAX_OPEN_COUNT:
        raise FlowNotOpen(f"{MAX_OPEN_COUNT} proposals of yours wait for an answer; withdraw one first")
    _name(proposal.typed_name)


async def flow_facts(tx: AsyncSession, actor: Actor, proposal: Proposal, *, now: datetime) -> str:
    """The facts of the agreement that is proposed. A transaction of the platform: the caller has asked whether it may be."""
    if actor.org_id is None:
        raise AssertionError("a member has an organisation")
    own, other = await signatory(tx, actor.org_id), await signatory(tx, proposal.other_org_id)
    seller, buyer = (own, other) if proposal.party is Party.SELLER else (other, own)
    return state_flow_facts(
        proposal.terms,
        Parties(seller=seller, buyer=buyer, proposed_by=proposal.party),
        reference=reference("FLOW", proposal.flow_id),
        dated_at=now,
        answer_by_at=_answer_by(proposal, now),
    )


async def propose_flow(
    tx: AsyncSession, actor: Actor, proposal: Proposal, document: Document, *, now: datetime
) -> Flow:
    """One side proposes and signs; the other has ten business days to accept."""
    await require_may_propose(tx, actor, proposal, now=now)
    if actor.org_id is None or actor.user_id is None:
        raise AssertionError("a member has an organisation")
    is_seller = proposal.party is Party.SELLER
    flow = Flow(
        flow_id=proposal.flow_id,
        reference=reference("FLOW", proposal.flow_id),
        seller_org_id=actor.org_id if is_seller else proposal.other_org_id,
        buyer_org_id=proposal.other_org_id if is_seller else actor.org_id,
        proposed_by_org_id=actor.org_id,
        proposed_by=actor.user_id,
        terms=proposal.terms,
        agreement_sha256=document.sha256,
        state=FlowState.PROPOSED,
        proposed_at=now,
        answer_by_at=_answer_by(proposal, now),
    )
    await store.add(tx, flow, document)
    await store.add_signature(tx, flow.flow_id, _signature(flow, actor, proposal.typed_name, now))
    await _note(tx, actor, flow, "proposed", {"agreement_sha256": document.sha256, "answer_by_at": flow.answer_by_at})
    return flow


async def accept_flow(
    tx: AsyncSession, actor: Actor, flow_id: UUID, agreement_sha256: str, typed_name: str, *, now: datetime
) -> Flow:
    """The other side signs what was proposed; its periods begin. Locks the flow. The same acceptance again changes nothing.

    Raises `OwnProposal`, `OtherAgreement`, `FlowNotOpen` (also past its time), `NotCleared`, `CounterpartyNotCleared`.
    """
    flow, party = await _own(tx, actor, flow_id)
    signature = _signature(flow, actor, typed_name, now)
    if agreement_sha256 != flow.agreement_sha256:
        raise OtherAgreement("that is not the digest of what was proposed; read it again", field="agreement_sha256")
    if flow.proposed_by_org_id == actor.org_id:
        raise OwnProposal("who proposed a forward flow does not accept it; the other side does")
    if flow.state is FlowState.ACTIVE:
        return flow
    _require_proposed(flow, now)
    await _require_both_cleared(tx, flow, party, now)
    await store.add_signature(tx, flow_id, signature)
    await store.move(tx, flow_id, FlowState.ACTIVE, accepted_at=now)
    await store.add_periods(tx, flow_id, periods_of(flow.terms))
    return await _moved(tx, actor, flow, "accepted", {"period_count": flow.terms.period_count})


async def refuse_flow(tx: AsyncSession, actor: Actor, flow_id: UUID, reason: str, *, now: datetime) -> Flow:
    """Who proposed takes the proposal back, or the other side declines it. Locks the flow. Raises `FlowNotOpen`."""
    flow, _ = await _own(tx, actor, flow_id)
    _require_proposed(flow, now)
    state = FlowState.WITHDRAWN if flow.proposed_by_org_id == actor.org_id else FlowState.DECLINED
    await store.move(tx, flow_id, state, ended_at=now, end_reason=_reason(reason))
    return await _moved(tx, actor, flow, state.value, {})


async def terminate_flow(tx: AsyncSession, actor: Actor, flow_id: UUID, reason: str, *, now: datetime) -> Flow:
    """Either side gives notice; periods that begin after its time are void. Locks the flow.

    After a default of the other side in a sale under it, it ends at once: every open period is void. Raises `FlowNotOpen`.
    """
    flow, party = await _own(tx, actor, flow_id)
    if flow.state is not FlowState.ACTIVE:
        raise FlowNotOpen(
            f"the forward flow is {flow.state}; only an active one is ended by notice", state=flow.state.value
        )
    other = flow.buyer_org_id if party is Party.SELLER else flow.seller_org_id
    at_once = await store.in_default(tx, flow_id, other)
    today = now.astimezone(UTC).date()
    ends_on = today if at_once else today + timedelta(days=flow.terms.notice_days)
    await store.move(
        tx, flow_id, FlowState.ENDING,
        noticed_at=now, noticed_by_org_id=actor.org_id, ends_on=ends_on, end_reason=_reason(reason),
    )  # fmt: skip
    voided = await store.void_periods(tx, flow_id, after_on=None if at_once else ends_on, now=now)
    body = {"ends_on": ends_on, "at_once": at_once, "voided_count": voided}
    return await _moved(tx, actor, flow, "notice_given", body)


async def find_flow(tx: AsyncSession, actor: Actor, flow_id: UUID) -> Flow:
    """A forward flow as its two sides and the platform may see it. Raises `NotFound`."""
    require(actor, scope=READ)
    found = await store.find(tx, flow_id)
    if found is None:
        raise NotFound("there is no such forward flow, or it is not yours")
    return found


async def list_flows(tx: AsyncSession, actor: Actor, request: PageRequest) -> Page[Flow]:
    """One's own forward flows, newest first; all of them for the platform's people."""
    require(actor, scope=READ)
    return Page.cut(await store.list_all(tx, request), request, lambda flow: flow.flow_id)


async def flow_periods(tx: AsyncSession, flow_id: UUID) -> list[FlowPeriod]:
    """Its periods in order, with what became of them; none before it is accepted."""
    return await store.periods(tx, flow_id)


async def flow_signatures(tx: AsyncSession, flow_id: UUID) -> list[FlowSignature]:
    """Who signed so far, in the order of signing."""
    return await store.signatures(tx, flow_id)


async def flow_document(tx: AsyncSession, actor: Actor, flow_id: UUID) -> Document:
    """The agreement as it was proposed. Raises `NotFound`."""
    require(actor, scope=READ)
    found = await store.document_of(tx, flow_id)
    if found is None:
        raise NotFound("there is no such forward flow, or it is not yours")
    return found


async def due_periods(tx: AsyncSession, *, now: datetime) -> list[tuple[UUID, int]]:
    """Periods whose time is over; nothing moves yet."""
    return await store.overdue_periods(tx, now)


async def due_flows(tx: AsyncSession, *, now: datetime) -> list[UUID]:
    """Proposals that nobody answered in time, and flows of which no period is open any more."""
    return [*await store.unanswered(tx, now), *await store.run_out(tx)]


async def pass_period(tx: AsyncSession, due: tuple[UUID, int], *, now: datetime) -> bool:
    """A period that was not delivered in time is missed, and both sides are told; False if it is not. Locks its row."""
    missed = await store.miss_period(tx, *due, now)
    flow = None if missed is None else await store.find(tx, due[0])
    if missed is None or flow is None:
        return False
    body = {"number": missed.span.number, "due_at": missed.span.due_at}
    await _note(tx, SYSTEM, flow, "period_missed", body)
    for org_id in sorted((flow.seller_org_id, flow.buyer_org_id)):
        await journal.append(tx, SYSTEM, f"org:{org_id}", "flow.period_missed", {"flow_id": flow.flow_id} | body)
    return True


async def pass_flow(tx: AsyncSession, flow_id: UUID, *, now: datetime) -> bool:
    """A proposal lapses, or a flow that has run out is over; False if neither is so. Locks its row."""
    flow = await store.lock(tx, flow_id)
    if flow is None:
        return False
    if flow.state is FlowState.PROPOSED and flow.answer_by_at <= now:
        await store.move(tx, flow_id, FlowState.LAPSED, ended_at=now)
        await _moved(tx, SYSTEM, flow, "lapsed", {})
        return True
    if flow.state in RUNNING and flow_id in await store.run_out(tx):
        await store.move(tx, flow_id, FlowState.ENDED, ended_at=now)
        await _moved(tx, SYSTEM, flow, "ended", {})
        return True
    return False


async def _own(tx: AsyncSession, actor: Actor, flow_id: UUID) -> tuple[Flow, Party]:
    """The locked flow, and the side that the person's organisation is on."""
    require(actor, role=Role.MEMBER, scope=WRITE)
    require_person(actor)
    flow = await store.lock(tx, flow_id)
    party = None if flow is None else flow.party(actor.org_id)
    if flow is None or party is None:
        raise NotFound("there is no such forward flow, or it is not yours")
    return flow, party


async def _require_both_cleared(tx: AsyncSession, flow: Flow, party: Party, now: datetime) -> None:
    own = flow.seller_org_id if party is Party.SELLER else flow.buyer_org_id
    await compliance.require_clearance(tx, own, _CAPABILITY[party], now)
    if await store.clearance_of(tx, flow.flow_id, _OTHER[party], now) is None:
        raise CounterpartyNotCleared(f"the {_OTHER[party]} is not cleared now; it has to open a case")


def _require_proposed(flow: Flow, now: datetime) -> None:
    if flow.state is not FlowState.PROPOSED:
        raise FlowNotOpen(f"the forward flow is {flow.state}; it was answered", state=flow.state.value)
    if now >= flow.answer_by_at:
        raise FlowNotOpen("the time to answer is over; propose it anew", state=flow.state.value)


async def _moved(tx: AsyncSession, actor: Actor, flow: Flow, what: str, body: dict[str, object]) -> Flow:
    """Say so to the flow's stream, and to whoever did not do it; the flow as it is now."""
    await _note(tx, actor, flow, what, body)
    told = sorted({flow.seller_org_id, flow.buyer_org_id} - {actor.org_id})
    for org_id in told:
        await journal.append(tx, actor, f"org:{org_id}", f"flow.{what}", {"flow_id": flow.flow_id})
    return await store.lock(tx, flow.flow_id) or flow


async def _note(tx: AsyncSession, actor: Actor, flow: Flow, what: str, body: dict[str, object]) -> None:
    await journal.append(tx, actor, f"flow:{flow.flow_id}", f"flow.{what}", body)


def _answer_by(proposal: Proposal, now: datetime) -> datetime:
    return deadline(now, ANSWER_BUSINESS_DAYS, proposal.terms.currency)


def _signature(flow: Flow, actor: Actor, typed_name: str, now: datetime) -> FlowSignature:
    party = flow.party(actor.org_id)
    if party is None or actor.org_id is None or actor.user_id is None:
        raise Forbidden("only the two sides sign")
    return FlowSignature(actor.org_id, party, actor.user_id, _name(typed_name), flow.agreement_sha256, now)


def _name(typed: str) -> str:
    name = " ".join(typed.split())
    if not 2 <= len(name) <= 140 or not name.isprintable():
        raise Malformed("type your name: 2 to 140 printable characters", field="typed_name")
    return name


def _reason(given: str) -> str:
    if not 1 <= len(given.strip()) <= 500:
        raise Malformed("a reason has 1 to 500 characters", field="reason")
    return given.strip()
