"""Money leaves: ordered with a release or by its owner, sent by an operator, confirmed by the bank's statement alone."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.compliance import service as compliance
from market.journal import service as journal
from market.kit.actor import SYSTEM, Actor, Role
from market.kit.errors import Malformed, NotFound
from market.kit.money import MAX_CENTS, is_currency, show
from market.kit.pages import Page, PageRequest
from market.parties.rules import require, require_person
from market.settlement import moves
from market.settlement.calendar import deadline
from market.settlement.rules import (
    PAYOUT_BUSINESS_DAYS,
    InsufficientFunds,
    NoBankAccount,
    PayoutState,
    Settlement,
    State,
    Step,
    TransferConflict,
    TwoPeople,
    WrongState,
    derived_id,
    reference,
)
from market.settlement.service.books import READ
from market.settlement.service.sale import WRITE
from market.settlement.service.steps import locked, take
from market.settlement.store import bank as store
from market.settlement.store import call_backs, ledger, withdrawals
from market.settlement.store.bank import BankAccount, BankEntry, Payout


async def list_payouts(
    tx: AsyncSession, actor: Actor, request: PageRequest, state: PayoutState | None
) -> tuple[Page[Payout], dict[UUID, BankAccount]]:
    """Orders to the bank, oldest first, and the accounts they go to. For operators, each look being journalled."""
    require(actor, role=Role.OPERATOR, scope=READ)
    page = Page.cut(await store.list_payouts(tx, request, state), request, lambda payout: payout.payout_id)
    if page.items:  # whoever lists them sees bank numbers in clear: each look is recorded, before it is granted
        body = {"payout_ids": [payout.payout_id for payout in page.items]}
        await journal.append(tx, actor, "payouts:listed", "payouts.listed", body)
    return page, await store.find_bank_accounts(tx, {payout.bank_account_id for payout in page.items})


async def send_payout(tx: AsyncSession, actor: Actor, payout_id: UUID, *, now: datetime) -> Payout:
    """An operator has given the order to the bank. Doing it again changes nothing. Locks settlement, then payout.

    Raises `NotFound`; `TwoPeople` for a withdrawal that another person must send or approve first.
    """
    require(actor, role=Role.OPERATOR, scope=WRITE)
    require_person(actor)
    if actor.user_id is None:
        raise AssertionError("an operator is a person")
    found = await store.find_payout(tx, payout_id)
    if found is None:
        raise NotFound("there is no such payout")
    settlement = await locked(tx, found.settlement_id) if found.settlement_id else None
    payout = await store.lock_payout(tx, payout_id)
    if payout is None:
        raise AssertionError("payouts are never deleted")
    if payout.state is PayoutState.ORDERED:
        if flaw := (await withdrawals.flaws(tx, [payout_id], actor.user_id)).get(payout_id):
            raise TwoPeople(flaw)
        await store.move_payout(tx, payout_id, PayoutState.SENT, sent_at=now)
        if settlement is not None:
            await take(tx, actor, settlement, Step.SEND_PAYOUT, body={"payout_id": payout_id})
        else:
            await _note(tx, actor, payout, "sent", {})
    return await store.lock_payout(tx, payout_id) or payout


async def withdraw(
    tx: AsyncSession, actor: Actor, currency: str, amount_cents: int, key: str, *, now: datetime
) -> Payout:
    """An organisation has free cash paid out to its bank account. The same key again answers the same.

    Raises `Malformed` for a key or an amount that is none, `NotCleared` for who never was, `NoBankAccount`,
    `InsufficientFunds` with what is free. Locks the cash account.
    """
    require(actor, role=Role.MEMBER, scope=WRITE)
    require_person(actor)
    if actor.org_id is None:
        raise AssertionError("a member belongs to an organisation")
    if not 1 <= len(key) <= 64 or not key.isascii() or not key.isprintable():
        raise Malformed("send a header Idempotency-Key with 1 to 64 printable characters", field="Idempotency-Key")
    payout_id = derived_id("withdrawal", actor.org_id, key)
    before = await store.find_payout(tx, payout_id)
    if before is not None:
        if (before.currency, before.amount_cents) != (currency, amount_cents):
            raise TransferConflict("this key was used for another withdrawal")
        return before
    await compliance.require_ever_cleared(tx, actor.org_id, "withdraw money")
    account = await usable_bank_account(tx, actor.org_id, now)
    await _require_free(tx, actor.org_id, currency, amount_cents)
    payout = Payout(
        payout_id=payout_id, settlement_id=None, org_id=actor.org_id, bank_account_id=account.bank_account_id,
        reference=reference("PAYOUT", payout_id), amount_cents=amount_cents, currency=currency,
        state=PayoutState.ORDERED, ordered_at=now, sent_at=None, confirmed_at=None, confirmed_entry_id=None,
    )  # fmt: skip
    await ledger.apply(
        tx, moves.withdrawal_pending(payout_id, org_id=actor.org_id, currency=currency, amount_cents=amount_cents)
    )
    await store.add_payout(tx, payout)
    await _note(tx, actor, payout, "ordered", {"amount_cents": amount_cents, "currency": currency})
    return payout


async def list_withdrawals(tx: AsyncSession, actor: Actor, request: PageRequest) -> Page[Payout]:
    """What an organisation had paid out, proceeds included, oldest first."""
    require(actor, role=Role.MEMBER, scope=READ)
    return Page.cut(await store.list_payouts(tx, request, None), request, lambda payout: payout.payout_id)


async def _require_free(tx: AsyncSession, org_id: UUID, currency: str, amount_cents: int) -> None:
    if not is_currency(currency):
        raise Malformed("not a currency traded here", field="currency")
    if not 1 <= amount_cents <= MAX_CENTS:
        raise Malformed("must be at least 1 minor unit", field="amount_cents")
    account = await ledger.find_account(tx, moves.cash(org_id), currency)
    available_cents = account.available_cents if account else 0
    if available_cents < amount_cents:
        raise InsufficientFunds(
            f"{show(available_cents, currency)} are free",
            required_cents=amount_cents,
            available_cents=available_cents,
            currency=currency,
        )


async def usable_bank_account(tx: AsyncSession, org_id: UUID, now: datetime, *, side: str | None = None) -> BankAccount:
    """The account that an organisation named last. `side` is what staff know it as, who are told what staff can do.

    Raises `NoBankAccount` without one, while a change cools off, or until somebody called back about it.
    """
    whose = side or "your organisation"
    account = await store.newest_bank_account(tx, org_id)
    if account is None:
        raise NoBankAccount(f"{whose} has not said where to pay to: PUT /v1/bank-account")
    if now < account.usable_from_at:
        raise NoBankAccount(
            f"the bank account of {whose} was changed; it can be used from {account.usable_from_at:%Y-%m-%dT%H:%M:%SZ}"
        )
    if not await call_backs.is_confirmed(tx, account.bank_account_id):
        remedy = "the market calls you back about it before it pays there"
        if side is not None:
            remedy = f"call back, and say so: POST /v1/bank-accounts/{account.bank_account_id}/call-back"
        raise NoBankAccount(f"the bank account of {whose} was changed, or is in another name than its own; {remedy}")
    return account


async def confirm(
    tx: AsyncSession,
    actor: Actor,
    sales: Mapping[UUID, Settlement],
    payout: Payout,
    entry: BankEntry,
    *,
    now: datetime,
) -> Settlement | None:
    """The statement shows that the bank has paid, whether or not the order was marked as sent.

    For a sale's proceeds the window for put-backs opens: its settlement (of the locked `sales`) is returned as it is then.
    The caller holds the locks of all rows.
    """
    if payout.confirmed_at is not None:
        raise WrongState("the payout is not the one that this entry would confirm")
    settlement = sales[payout.settlement_id] if payout.settlement_id else None
    if settlement is None:
        how = moves.withdrawal_confirmed(payout.payout_id, currency=payout.currency, amount_cents=payout.amount_cents)
    elif payout.amount_cents == settlement.proceeds_cents:
        how = moves.payout_confirmed(settlement)
    else:
        raise AssertionError("a payout is of its sale's proceeds")
    await ledger.apply(tx, how)
    await store.move_payout(
        tx,
        payout.payout_id,
        PayoutState.CONFIRMED,
        sent_at=payout.sent_at or now,
        confirmed_at=now,
        entry_id=entry.entry_id,
    )
    body = {"payout_id": payout.payout_id, "entry_id": entry.entry_id}
    if settlement is None:
        await _note(tx, actor, payout, "confirmed", body)
        return None
    if settlement.state is State.RELEASED:
        settlement = await take(tx, actor, settlement, Step.SEND_PAYOUT, body=body)
    settlement = await take(tx, actor, settlement, Step.CONFIRM_PAYOUT, body=body)
    return await take(tx, actor, settlement, Step.OPEN_PUTBACK_WINDOW)


async def take_back(tx: AsyncSession, actor: Actor, payout: Payout, entry: BankEntry) -> None:
    """The receiving bank sent the money back: it is the organisation's cash again, to be withdrawn to another account.

    The caller has booked the entry as received and holds the payout's lock.
    """
    await store.mark_returned(tx, payout.payout_id, entry.entry_id)
    await _note(tx, actor, payout, "returned", {"entry_id": entry.entry_id, "settlement_id": payout.settlement_id})


async def unanswered_payouts(tx: AsyncSession, *, now: datetime) -> list[UUID]:
    """Payouts whose order the bank has not answered in three business days, the longest first; nothing moves yet."""
    long_ago = now - timedelta(days=PAYOUT_BUSINESS_DAYS - 1)  # so many business days take longer than that
    return [payout.payout_id async for payout in store.sent_payouts(tx, long_ago) if _is_unanswered(payout, now)]


async def doubt_payout(tx: AsyncSession, payout_id: UUID, *, now: datetime) -> bool:
    """This payout becomes `unknown`; False if the bank has answered meanwhile. Locks its row."""
    payout = await store.lock_payout(tx, payout_id)
    if payout is None or payout.state is not PayoutState.SENT or not _is_unanswered(payout, now):
        return False
    await store.move_payout(tx, payout_id, PayoutState.UNKNOWN, sent_at=payout.sent_at)
    await _note(tx, SYSTEM, payout, "unanswered", {"settlement_id": payout.settlement_id})
    return True


def _is_unanswered(payout: Payout, now: datetime) -> bool:
    return payout.sent_at is not None and deadline(payout.sent_at, PAYOUT_BUSINESS_DAYS, payout.currency) <= now


async def _note(tx: AsyncSession, actor: Actor, payout: Payout, what: str, body: dict[str, Any]) -> None:
    """Write to the stream of whose money it is; locks its head."""
    await journal.append(tx, actor, f"org:{payout.org_id}", f"payout.{what}", {"payout_id": payout.payout_id} | body)
