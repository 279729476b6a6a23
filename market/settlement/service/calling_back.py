"""Whoever changes where an organisation is paid to is called back, at a number known from before."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.journal import service as journal
from market.kit.actor import SYSTEM, Actor, Role
from market.kit.errors import Malformed, NotFound
from market.kit.pages import Page, PageRequest
from market.parties.rules import require, require_person
from market.settlement.service.books import READ, STAFF
from market.settlement.service.sale import WRITE
from market.settlement.store import bank
from market.settlement.store import call_backs as store
from market.settlement.store.bank import BankAccount

_NOTE = (10, 500)


async def list_unconfirmed(tx: AsyncSession, actor: Actor, request: PageRequest) -> Page[BankAccount]:
    """Bank accounts that were changed, or are in another name than the organisation's, and that nobody has called back about.

    Oldest first. For the platform's people.
    """
    require(actor, role=STAFF, scope=READ)
    page = Page.cut(await store.unconfirmed(tx, request), request, lambda account_id: account_id)
    found = await bank.find_bank_accounts(tx, page.items)
    return Page([found[account_id] for account_id in page.items], page.next_cursor)


async def confirm_bank_account(
    tx: AsyncSession, actor: Actor, bank_account_id: UUID, note: str, *, now: datetime
) -> BankAccount:
    """Somebody of the platform called back and was told that the account is right; `note` says whom, and at which number.

    Doing it again changes nothing. Raises `NotFound`, `Malformed` for a note that says nothing.
    """
    require(actor, role=(Role.OFFICER, Role.OPERATOR), scope=WRITE)
    require_person(actor)
    if actor.user_id is None:
        raise AssertionError("the platform's people have names")
    said = " ".join(note.split())
    if not _NOTE[0] <= len(said) <= _NOTE[1] or not said.isprintable():
        raise Malformed("say whom you spoke to and at which number, in 10 to 500 characters", field="note")
    account = (await bank.find_bank_accounts(tx, [bank_account_id])).get(bank_account_id)
    if account is None:
        raise NotFound("there is no such bank account")
    if not await store.is_confirmed(tx, bank_account_id):
        await store.add(tx, bank_account_id, org_id=account.org_id, called_by=actor.user_id, note=said, now=now)
        body = {"bank_account_id": bank_account_id}
        await journal.append(tx, actor, f"org:{account.org_id}", "bank_account.confirmed", body)
    return account


async def erase_notes(tx: AsyncSession) -> int:
    """Notes of call backs go when the rule says so; how many of up to 50 went. That somebody called, who and when, stays."""
    gone = await store.erase_due_notes(tx)
    for bank_account_id, org_id in gone:
        await journal.append(
            tx, SYSTEM, f"org:{org_id}", "bank_account.note_erased", {"bank_account_id": bank_account_id}
        )
    return len(gone)
