"""Money that nobody was found for: one person says whose it is, another confirms, and only then it moves."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.journal import service as journal
from market.kit.actor import Actor, Role
from market.kit.errors import Conflict, Malformed, NotFound
from market.kit.ids import Chance
from market.kit.pages import Page, PageRequest
from market.parties import service as parties
from market.parties.rules import require, require_person
from market.settlement import moves
from market.settlement.rules import TwoPeople
from market.settlement.service.books import READ, STAFF
from market.settlement.service.sale import WRITE
from market.settlement.store import bank, ledger
from market.settlement.store import suspense as store
from market.settlement.store.bank import BankEntry
from market.settlement.store.suspense import Proposal

_MATCHERS = (Role.OFFICER, Role.OPERATOR)


class EntryMatched(Conflict):
    slug, title = "entry-matched", "The bank's entry is accounted for already"


class ProposalDecided(Conflict):
    slug, title = "proposal-decided", "The proposal was decided before"


async def propose_match(
    tx: AsyncSession,
    actor: Actor,
    entry_id: UUID,
    *,
    org_id: UUID | None,
    reason: str,
    now: datetime,
    chance: Chance,
) -> Proposal:
    """Say whose an entry in suspense is; nothing moves until another person confirms.

    `org_id` None means the platform's own, for debits such as a bank's charge. Raises `NotFound`, `EntryMatched`, `Malformed`.
    """
    user_id = matcher(actor)
    if not 1 <= len(reason.strip()) <= 500 or "\0" in reason:
        raise Malformed("a reason has 1 to 500 characters", field="reason")
    entry = await _open_entry(tx, entry_id)
    if org_id is None and entry.direction == "credit":
        raise Malformed("a credit is some organisation's", field="org_id")
    if org_id is not None and await parties.find_organisation(tx, org_id) is None:
        raise Malformed("there is no such organisation", field="org_id")
    proposal = Proposal(chance.new_id(), entry_id, org_id, reason.strip(), user_id, now)
    await store.add_proposal(tx, proposal)
    body = {"entry_id": entry_id, "proposal_id": proposal.proposal_id, "org_id": org_id}
    await journal.append(tx, actor, f"statement:{entry.statement_id}", "entry.match_proposed", body)
    return proposal


async def list_proposals(tx: AsyncSession, actor: Actor, request: PageRequest) -> Page[Proposal]:
    """Proposals that await a second person, oldest first."""
    require(actor, role=STAFF, scope=READ)
    return Page.cut(await store.list_open(tx, request), request, lambda each: each.proposal_id)


async def confirm_match(tx: AsyncSession, actor: Actor, proposal_id: UUID, *, now: datetime) -> Proposal:
    """The second person agrees: the money is the organisation's, or the debit is borne by it (or by the platform).

    A sale that this pays is funded by the worker. Raises `TwoPeople`, `EntryMatched`, `ProposalDecided`, `InsufficientFunds`.
    Locks out imports, then the ledger's accounts.
    """
    user_id = matcher(actor)
    await bank.lock_imports(tx)
    proposal = await _open_proposal(tx, proposal_id)
    if proposal.proposed_by == user_id:
        raise TwoPeople("who proposed a match does not confirm it")
    entry = await _open_entry(tx, proposal.entry_id)
    await store.add_decision(tx, proposal, outcome="confirmed", decided_by=user_id, now=now)
    await ledger.apply(tx, _moves(entry, proposal.org_id))
    body = {"entry_id": entry.entry_id, "proposal_id": proposal_id, "org_id": proposal.org_id}
    await journal.append(tx, actor, f"statement:{entry.statement_id}", "entry.matched", body)
    return proposal


async def reject_match(tx: AsyncSession, actor: Actor, proposal_id: UUID, *, now: datetime) -> Proposal:
    """It is somebody else's, or the proposer thinks better of it; the entry waits on."""
    user_id = matcher(actor)
    await bank.lock_imports(tx)
    proposal = await _open_proposal(tx, proposal_id)
    await store.add_decision(tx, proposal, outcome="rejected", decided_by=user_id, now=now)
    entry = await _existing_entry(tx, proposal.entry_id)
    body = {"entry_id": entry.entry_id, "proposal_id": proposal_id}
    await journal.append(tx, actor, f"statement:{entry.statement_id}", "entry.match_rejected", body)
    return proposal


def matcher(actor: Actor) -> UUID:
    """Which of the platform's people it is that says whose money is. Raises `Forbidden` for everybody else."""
    require(actor, role=_MATCHERS, scope=WRITE)
    require_person(actor)
    if actor.user_id is None:
        raise AssertionError("the platform's people have names")
    return actor.user_id


async def _existing_entry(tx: AsyncSession, entry_id: UUID) -> BankEntry:
    entry = await store.find_entry(tx, entry_id)
    if entry is None or entry.outcome != "suspense":
        raise NotFound("no such entry waits in suspense")
    return entry


async def _open_entry(tx: AsyncSession, entry_id: UUID) -> BankEntry:
    entry = await _existing_entry(tx, entry_id)
    if await store.is_matched(tx, entry_id) or await store.is_corrected(tx, entry_id):
        raise EntryMatched("this entry was matched, or made good by a later one")
    return entry


async def _open_proposal(tx: AsyncSession, proposal_id: UUID) -> Proposal:
    found = await store.find_proposal(tx, proposal_id)
    if found is None:
        raise NotFound("there is no such proposal")
    proposal, outcome = found
    if outcome is not None:
        raise ProposalDecided(f"the proposal was {outcome}")
    return proposal


def _moves(entry: BankEntry, org_id: UUID | None) -> list[moves.Transfer]:
    entry_id, currency, cents = entry.entry_id, entry.currency, entry.amount_cents
    if org_id is None:
        return moves.charge_borne(entry_id, currency=currency, amount_cents=cents)
    if entry.direction == "debit":
        return moves.wire_returned(entry_id, currency=currency, amount_cents=cents, org_id=org_id)
    # The first leg was booked when the statement came; the second is what was missing.
    return moves.wire_received(entry_id, currency=currency, amount_cents=cents, org_id=org_id)[1:]
