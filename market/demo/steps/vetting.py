"""Compliance: a party brings evidence, officer A prepares, officer B approves, and a clearance is a dated grant."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeVar
from uuid import UUID

from market.client.compliance import CaseFile
from market.client.http import ProblemError, Upload
from market.compliance.requirements import LISTING_TYPES, REQUIREMENTS, Capability, EvidenceType, needed_types
from market.demo.cast import OFFICER_A, OFFICER_B, Character
from market.demo.pdf import page_of
from market.demo.steps import joining
from market.demo.world import World

_SCREENING_TRIES, _SCREENING_PAUSE_S = 240, 0.25
"""A minute: the first screening waits until the lists are read and indexed."""
_Answer = TypeVar("_Answer")
_EVERY_STATE = ("*",)
_LIMIT_CENTS = 10**12
_ISSUED_DAYS_AGO = 30
_TERM = timedelta(days=330)


@dataclass(frozen=True, slots=True)
class Paper:
    """A piece of evidence as the demo makes it: a page that says what it is."""

    kind: EvidenceType
    issued_on: date

    @property
    def expires_on(self) -> date | None:
        return self.issued_on + _TERM if REQUIREMENTS[self.kind].has_term else None

    def page(self, who: Character) -> Upload:
        title = self.kind.value.replace("_", " ").upper()
        lines = ("SPECIMEN", title, f"{who.organisation}, {who.registration_number}", f"Issued {self.issued_on}.")
        return Upload(f"{self.kind.value}.pdf", page_of(lines), "application/pdf")


async def submit(world: World, who: Character, *capabilities: Capability) -> UUID:
    """The party opens a case, brings every paper that its capabilities need, and submits; the case's id.

    A case that is open already is gone on with.
    """
    found = await _open_case(world, who, capabilities)
    case_id = found.case.case_id
    issued_on = world.clock.now().date() - timedelta(days=_ISSUED_DAYS_AGO)
    brought = {paper.type for paper in found.evidence}
    licences = [
        each for pack in (await world[who].rule_packs()).items for each in pack.rules if each.value == "required"
    ]
    for kind in needed_types(frozenset(capabilities)):
        if kind.value not in brought:
            paper = Paper(kind, issued_on)
            is_id, is_licence = kind is EvidenceType.GOVERNMENT_ID, kind is EvidenceType.DEBT_LICENCE
            await world[who].add_evidence(
                case_id,
                paper.page(who),
                type=kind.value,
                issuer="Specimen Registry",
                number=f"S-{who.registration_number}",
                jurisdiction="US-DE",
                issued_on=paper.issued_on,
                expires_on=paper.expires_on,
                owner_id=found.beneficial_owners[0].owner_id if is_id else None,
                covered_states=sorted({each.state for each in licences}) if is_licence else (),
            )
    if found.case.state == "draft":
        await world[who].submit_case(case_id)
    return case_id


async def _open_case(world: World, who: Character, capabilities: Sequence[Capability]) -> CaseFile:
    for case in (await world[who].cases()).items:
        if case.state not in {"cleared", "declined"}:
            return await world[who].case(case.case_id)
    return await world[who].open_case(
        capabilities=[each.value for each in capabilities],
        states=_EVERY_STATE,
        max_bid_cents=_LIMIT_CENTS,
        currency=world.bank.currency,
        beneficial_owners=[{"name": who.person, "country": who.country, "share_bps": 10_000, "controls": True}],
    )


async def prepare(world: World, case_id: UUID) -> int:
    """Officer A opens and verifies every paper and prepares what was asked for; how many papers there were."""
    officer = world[OFFICER_A]
    found = await officer.case(case_id)
    for paper in found.evidence:
        if paper.verified_at is None:
            await officer.evidence_file(case_id, paper.evidence_id)
            await officer.verify_evidence(case_id, paper.evidence_id, source="issuer's public register")
    case = found.case
    if case.state != "prepared":
        await officer.prepare_case(
            case_id,
            capabilities=case.capabilities,
            states=case.states,
            max_bid_cents=case.max_bid_cents,
            currency=case.currency,
        )
    return len(found.evidence)


async def bring_listing_papers(world: World, who: Character, portfolio_id: UUID) -> None:
    """The seller brings the portfolio's chain of title and sample media to the case that cleared it, those not there yet."""
    case_id = await _clearing_case(world, who)
    brought = {paper.type for paper in (await world[who].case(case_id)).evidence if paper.portfolio_id == portfolio_id}
    for kind in LISTING_TYPES:
        if kind.value not in brought:
            paper = Paper(kind, world.clock.now().date())
            await world[who].add_evidence(
                case_id,
                paper.page(who),
                type=kind.value,
                issuer=who.organisation,
                number="",
                jurisdiction="US-DE",
                issued_on=paper.issued_on,
                portfolio_id=portfolio_id,
            )


async def verify_listing_papers(world: World) -> int:
    """Officer A opens and verifies every paper of a listing in the queue; how many there were."""
    officer = world[OFFICER_A]
    waiting = (await officer.officers_queue()).listing_papers
    for each in waiting:
        await officer.evidence_file(each.case_id, each.paper.evidence_id)
        await officer.verify_evidence(each.case_id, each.paper.evidence_id, source="the originator's bill of sale")
    return len(waiting)


async def _clearing_case(world: World, who: Character) -> UUID:
    return next(each.case_id for each in (await world[who].cases(state="cleared")).items if "list" in each.capabilities)


async def once_screened(call: Callable[[], Awaitable[_Answer]]) -> _Answer:
    """Ask until the worker has screened whoever the answer is about."""
    for _ in range(_SCREENING_TRIES - 1):
        try:
            return await call()
        except ProblemError as no:
            if no.slug != "checks-pending":
                raise
        await asyncio.sleep(_SCREENING_PAUSE_S)
    return await call()


async def approve(world: World, case_id: UUID, officer: Character = OFFICER_B) -> None:
    """An officer says yes to what was prepared, once the worker has screened the party."""
    await joining.prove_again(world, officer)
    reason = "Every paper was checked at its source, and nothing speaks against it."
    await once_screened(lambda: world[officer].approve_case(case_id, reason=reason))


async def clear(world: World, who: Character, *capabilities: Capability) -> None:
    """The whole way in one step, for whoever is not cleared yet."""
    held = {each.capability for each in (await world[who].clearances()).items if each.standing == "valid"}
    if {each.value for each in capabilities} <= held:
        return
    case_id = await submit(world, who, *capabilities)
    await prepare(world, case_id)
    await approve(world, case_id)
