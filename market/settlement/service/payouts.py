"""The seller is paid: ordered with the release, sent by an operator, confirmed by the bank's statement alone."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.kit.actor import SYSTEM, Actor, Role
from market.kit.errors import NotFound
from market.kit.pages import Page, PageRequest
from market.parties.rules import require, require_person
from market.settlement import moves
from market.settlement.calendar import deadline
from market.settlement.rules import PAYOUT_BUSINESS_DAYS, PayoutState, Settlement, State, Step, WrongState
from market.settlement.service.books import READ
from market.settlement.service.sale import WRITE
from market.settlement.service.steps import locked, note, take
from market.settlement.store import bank as store
from market.settlement.store import ledger
from market.settlement.store import settlements as store_settlements
from market.settlement.store.bank import BankAccount, BankEntry, Payout


async def list_payouts(
    tx: AsyncSession, actor: Actor, request: PageRequest, state: PayoutState | None
) -> tuple[Page[Payout], dict[UUID, BankAccount]]:
    """Orders to the bank, oldest first, and the accounts they go to. For operators."""
    require(actor, role=Role.OPERATOR, scope=READ)
    page = Page.cut(await store.list_payouts(tx, request, state), request, lambda payout: payout.payout_id)
    return page, await store.find_bank_accounts(tx, {payout.bank_account_id for payout in page.items})


async def send_payout(tx: AsyncSession, actor: Actor, payout_id: UUID, *, now: datetime) -> Payout:
    """An operator has given the order to the bank. Doing it again changes nothing. Locks settlement, then payout."""
    require(actor, role=Role.OPERATOR, scope=WRITE)
    require_person(actor)
    settlement_id = await store.settlement_of_payout(tx, payout_id)
    if settlement_id is None:
        raise NotFound("there is no such payout")
    settlement = await locked(tx, settlement_id)
    payout = await store.lock_payout(tx, payout_id)
    if payout is None:
        raise AssertionError("payouts are never deleted")
    if payout.state is PayoutState.ORDERED:
        await store.move_payout(tx, payout_id, PayoutState.SENT, sent_at=now)
        await take(tx, actor, settlement, Step.SEND_PAYOUT, body={"payout_id": payout_id})
    return await store.lock_payout(tx, payout_id) or payout


async def confirm(
    tx: AsyncSession, actor: Actor, settlement: Settlement, payout: Payout, entry: BankEntry, *, now: datetime
) -> Settlement:
    """The statement shows that the bank has paid, whether or not the order was marked as sent; the window for put-backs opens.

    The caller holds the locks of both rows.
    """
    if payout.amount_cents != settlement.proceeds_cents or payout.confirmed_at is not None:
        raise WrongState("the payout is not the one that this entry would confirm")
    await ledger.apply(tx, moves.payout_confirmed(settlement))
    await store.move_payout(
        tx,
        payout.payout_id,
        PayoutState.CONFIRMED,
        sent_at=payout.sent_at or now,
        confirmed_at=now,
        entry_id=entry.entry_id,
    )
    body = {"payout_id": payout.payout_id, "entry_id": entry.entry_id}
    if settlement.state is State.RELEASED:
        settlement = await take(tx, actor, settlement, Step.SEND_PAYOUT, body=body)
    settlement = await take(tx, actor, settlement, Step.CONFIRM_PAYOUT, body=body)
    return await take(tx, actor, settlement, Step.OPEN_PUTBACK_WINDOW)


async def doubt_unanswered(tx: AsyncSession, *, now: datetime) -> int:
    """Payouts whose order the bank has not answered in three business days become `unknown`. Returns how many."""
    doubtful = [
        payout
        for payout in await store.sent_payouts(tx)
        if payout.sent_at is not None and deadline(payout.sent_at, PAYOUT_BUSINESS_DAYS, payout.currency) <= now
    ]
    for payout in doubtful:
        await store.move_payout(tx, payout.payout_id, PayoutState.UNKNOWN, sent_at=payout.sent_at)
        settlement = await _of(tx, payout)
        await note(tx, SYSTEM, settlement, "payout_unanswered", {"payout_id": payout.payout_id})
    return len(doubtful)


async def _of(tx: AsyncSession, payout: Payout) -> Settlement:
    found = await store_settlements.find(tx, payout.settlement_id)
    if found is None:
        raise AssertionError("a payout belongs to a settlement")
    return found
