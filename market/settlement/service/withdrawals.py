"""Who brought money in does not let it out alone: a second person approves withdrawals."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.journal import service as journal
from market.kit.actor import Actor, Role
from market.kit.errors import NotFound
from market.kit.pages import Page, PageRequest
from market.parties.rules import require, require_person
from market.settlement.rules import PayoutState, TwoPeople, WrongState
from market.settlement.service.books import READ, STAFF
from market.settlement.service.sale import WRITE
from market.settlement.store import bank
from market.settlement.store import withdrawals as store
from market.settlement.store.bank import Payout


async def list_unapproved(tx: AsyncSession, actor: Actor, request: PageRequest) -> Page[Payout]:
    """Withdrawals that no second person has approved, oldest first. For the platform's people."""
    require(actor, role=STAFF, scope=READ)
    page = Page.cut(await store.unapproved(tx, request), request, lambda payout_id: payout_id)
    found = [await bank.find_payout(tx, payout_id) for payout_id in page.items]
    return Page([payout for payout in found if payout is not None], page.next_cursor)


async def approve_withdrawal(tx: AsyncSession, actor: Actor, payout_id: UUID, *, now: datetime) -> Payout:
    """A second person finds an ordered withdrawal in order: somebody else may send it. Doing it again changes nothing.

    For officers and operators who imported none of the organisation's money in that currency. Raises `NotFound`,
    `WrongState`, `TwoPeople`. Locks out imports, then the payout.
    """
    require(actor, role=(Role.OFFICER, Role.OPERATOR), scope=WRITE)
    require_person(actor)
    if actor.user_id is None:
        raise AssertionError("the platform's people have names")
    await bank.lock_imports(tx)
    payout = await bank.lock_payout(tx, payout_id)
    if payout is None or payout.settlement_id is not None:
        raise NotFound("there is no such withdrawal")
    if await store.is_approved(tx, payout_id):
        return payout
    if payout.state is not PayoutState.ORDERED:
        raise WrongState(f"the withdrawal is {payout.state} already")
    if await store.brought_money(tx, actor.user_id, payout.org_id, payout.currency):
        raise TwoPeople("who imported money of an organisation does not approve its withdrawals")
    await store.add_approval(tx, payout_id, approved_by=actor.user_id, now=now)
    await journal.append(tx, actor, f"org:{payout.org_id}", "payout.approved", {"payout_id": payout_id})
    return payout
