"""A payment came short, such as by what banks on the way kept: two people agree that the platform bears it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.kit.actor import Actor, Role
from market.kit.errors import Conflict, Malformed, NotFound
from market.kit.ids import Chance
from market.kit.money import show
from market.kit.pages import Page, PageRequest
from market.parties.rules import require
from market.settlement import moves
from market.settlement.rules import Settlement, Step, TwoPeople
from market.settlement.service.books import READ, STAFF, require_books_hold
from market.settlement.service.sale import apply_funds, find_settlement, require_step
from market.settlement.service.steps import locked, note
from market.settlement.service.suspense import ProposalDecided
from market.settlement.service.sweeps import require_free_income, staff_person
from market.settlement.store import bank, ledger
from market.settlement.store import writeoffs as store
from market.settlement.sweeps import Source
from market.settlement.writeoffs import WriteOff


class NotShort(Conflict):
    slug, title = "not-short", "The payment is not short by that"


async def propose_write_off(
    tx: AsyncSession,
    actor: Actor,
    settlement_id: UUID,
    amount_cents: int,
    *,
    reason: str,
    now: datetime,
    chance: Chance,
) -> WriteOff:
    """An operator would have the platform bear so much of a sale's price; nothing moves yet.

    No more than the commission of that sale. Raises `NotFound`, `WrongState` unless funds are awaited, `Malformed`.
    """
    user_id = staff_person(actor, Role.OPERATOR)
    settlement = await find_settlement(tx, actor, settlement_id)
    require_step(settlement, Step.APPLY_FUNDS)
    if not 1 <= len(reason.strip()) <= 500 or "\0" in reason:
        raise Malformed("a reason has 1 to 500 characters", field="reason")
    if not 1 <= amount_cents <= settlement.fee_cents:
        most = show(settlement.fee_cents, settlement.currency)
        raise Malformed(
            f"must be at least 1 minor unit and no more than the sale's commission, {most}", field="amount_cents"
        )
    asked = WriteOff(chance.new_id(), settlement_id, amount_cents, reason.strip(), user_id, now)
    await store.add(tx, asked)
    await _note(tx, actor, settlement, asked, "proposed")
    return asked


async def list_write_offs(tx: AsyncSession, actor: Actor, request: PageRequest) -> Page[WriteOff]:
    """Open and decided ones, newest first. For the platform's people."""
    require(actor, role=STAFF, scope=READ)
    return Page.cut(await store.list_all(tx, request), request, lambda each: each.write_off_id)


async def confirm_write_off(tx: AsyncSession, actor: Actor, write_off_id: UUID, *, now: datetime) -> WriteOff:
    """The second person agrees: the platform pays what is missing out of earned commission, and the sale is funded.

    Raises `NotShort` unless it is just what is missing now, `InsufficientFunds` if less was earned (what put-backs may ask
    back stays), `TwoPeople`, `ProposalDecided`. Locks out imports, then the settlement, then the ledger's accounts.
    """
    user_id = staff_person(actor, Role.OFFICER, Role.OPERATOR)
    await bank.lock_imports(tx)
    asked = await _open(tx, write_off_id)
    if asked.proposed_by == user_id:
        raise TwoPeople("who proposed a write-off does not confirm it")
    settlement = await locked(tx, asked.settlement_id)
    require_step(settlement, Step.APPLY_FUNDS)
    await require_books_hold(tx)
    account = await ledger.find_account(tx, moves.cash(settlement.buyer_org_id), settlement.currency)
    missing_cents = settlement.due_cents - (account.available_cents if account else 0)
    if missing_cents != asked.amount_cents:
        raise NotShort(
            f"{show(max(0, missing_cents), settlement.currency)} are missing now", missing_cents=missing_cents
        )
    await require_free_income(tx, Source.COMMISSION, settlement.currency, asked.amount_cents)
    await store.decide(tx, write_off_id, "confirmed", by=user_id, now=now)
    await ledger.apply(tx, moves.written_off(settlement, asked.amount_cents))
    await _note(tx, actor, settlement, asked, "confirmed")
    if not await apply_funds(tx, actor, [settlement]):
        raise NotShort("the buyer's money moved at this moment; look again")
    return await store.find(tx, write_off_id) or asked


async def reject_write_off(tx: AsyncSession, actor: Actor, write_off_id: UUID, *, now: datetime) -> WriteOff:
    """The buyer pays what is missing, or is in default; the proposer may think better of it as well."""
    user_id = staff_person(actor, Role.OFFICER, Role.OPERATOR)
    await bank.lock_imports(tx)
    asked = await _open(tx, write_off_id)
    await store.decide(tx, write_off_id, "rejected", by=user_id, now=now)
    await _note(tx, actor, await find_settlement(tx, actor, asked.settlement_id), asked, "rejected")
    return await store.find(tx, write_off_id) or asked


async def _open(tx: AsyncSession, write_off_id: UUID) -> WriteOff:
    found = await store.find(tx, write_off_id)
    if found is None:
        raise NotFound("there is no such write-off")
    if found.outcome is not None:
        raise ProposalDecided(f"the write-off was {found.outcome}")
    return found


async def _note(tx: AsyncSession, actor: Actor, settlement: Settlement, asked: WriteOff, what: str) -> None:
    body = {"write_off_id": asked.write_off_id, "amount_cents": asked.amount_cents}
    await note(tx, actor, settlement, f"write_off_{what}", body)
