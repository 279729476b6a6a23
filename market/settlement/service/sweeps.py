"""Commission and tax leave: one person asks, another confirms, and the payout goes the way of every other."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.journal import service as journal
from market.kit.actor import Actor, Role
from market.kit.errors import Malformed, NotFound
from market.kit.ids import Chance
from market.kit.money import MAX_CENTS, is_currency, show
from market.kit.pages import Page, PageRequest
from market.parties import service as parties
from market.parties.rules import require, require_person
from market.settlement.rules import InsufficientFunds, PayoutState, TwoPeople, reference
from market.settlement.service.books import READ, STAFF, require_books_hold
from market.settlement.service.payouts import usable_bank_account
from market.settlement.service.sale import WRITE
from market.settlement.service.suspense import ProposalDecided
from market.settlement.store import bank, ledger
from market.settlement.store import sweeps as store
from market.settlement.store.bank import Payout
from market.settlement.sweeps import Source, Sweep, set_aside


async def propose_sweep(
    tx: AsyncSession, actor: Actor, source: Source, currency: str, amount_cents: int, *, org_id: UUID, reason: str,
    now: datetime, chance: Chance,
) -> Sweep:  # fmt: skip
    """An operator wants commission, or tax that is owed, paid to an organisation's bank account; nothing moves yet.

    What put-backs may still ask back stays. Raises `Malformed`, `NoBankAccount`, `InsufficientFunds` with what may leave.
    """
    user_id = staff_person(actor, Role.OPERATOR)
    if not 1 <= len(reason.strip()) <= 500 or "\0" in reason:
        raise Malformed("a reason has 1 to 500 characters", field="reason")
    if not is_currency(currency):
        raise Malformed("not a currency traded here", field="currency")
    if not 1 <= amount_cents <= MAX_CENTS:
        raise Malformed("must be at least 1 minor unit", field="amount_cents")
    if await parties.find_organisation(tx, org_id) is None:
        raise Malformed("there is no such organisation", field="org_id")
    sweep = Sweep(chance.new_id(), source, currency, amount_cents, org_id, reason.strip(), user_id, now)
    await usable_bank_account(tx, org_id, now)
    await require_free_income(tx, source, currency, amount_cents)
    await store.add(tx, sweep)
    await _note(tx, actor, sweep, "proposed")
    return sweep


async def list_sweeps(tx: AsyncSession, actor: Actor, request: PageRequest) -> Page[Sweep]:
    """Open and decided ones, newest first. For the platform's people."""
    require(actor, role=STAFF, scope=READ)
    return Page.cut(await store.list_all(tx, request), request, lambda each: each.sweep_id)


async def confirm_sweep(tx: AsyncSession, actor: Actor, sweep_id: UUID, *, now: datetime) -> Sweep:
    """The second person agrees: the sum is set aside and its payout ordered; the bank's statement alone confirms it.

    Raises `TwoPeople`, `ProposalDecided`, and whatever is not in order any more. Locks out imports, then the
    ledger's accounts.
    """
    user_id = staff_person(actor, Role.OFFICER, Role.OPERATOR)
    await bank.lock_imports(tx)
    sweep = await _open(tx, sweep_id)
    if sweep.proposed_by == user_id:
        raise TwoPeople("who proposed a sweep does not confirm it")
    await require_books_hold(tx)
    account = await usable_bank_account(tx, sweep.org_id, now)
    await require_free_income(tx, sweep.source, sweep.currency, sweep.amount_cents)
    await store.decide(tx, sweep_id, "confirmed", by=user_id, now=now)
    await ledger.apply(tx, set_aside(sweep))
    await bank.add_payout(
        tx,
        Payout(
            payout_id=sweep_id, settlement_id=None, org_id=sweep.org_id, bank_account_id=account.bank_account_id,
            reference=reference("PAYOUT", sweep_id), amount_cents=sweep.amount_cents, currency=sweep.currency,
            state=PayoutState.ORDERED, ordered_at=now, sent_at=None, confirmed_at=None, confirmed_entry_id=None,
        ),
    )  # fmt: skip
    await _note(tx, actor, sweep, "confirmed")
    return await store.find(tx, sweep_id) or sweep


async def reject_sweep(tx: AsyncSession, actor: Actor, sweep_id: UUID, *, now: datetime) -> Sweep:
    """Nothing leaves; the proposer may think better of it as well. Locks out imports. Raises `ProposalDecided`."""
    user_id = staff_person(actor, Role.OFFICER, Role.OPERATOR)
    await bank.lock_imports(tx)
    sweep = await _open(tx, sweep_id)
    await store.decide(tx, sweep_id, "rejected", by=user_id, now=now)
    await _note(tx, actor, sweep, "rejected")
    return await store.find(tx, sweep_id) or sweep


def staff_person(actor: Actor, *roles: Role) -> UUID:
    """Which person of these roles it is. Raises `Forbidden` for everybody else."""
    require(actor, role=roles, scope=WRITE)
    require_person(actor)
    if actor.user_id is None:
        raise AssertionError("the platform's people have names")
    return actor.user_id


async def _open(tx: AsyncSession, sweep_id: UUID) -> Sweep:
    sweep = await store.find(tx, sweep_id)
    if sweep is None:
        raise NotFound("there is no such sweep")
    if sweep.outcome is not None:
        raise ProposalDecided(f"the sweep was {sweep.outcome}")
    return sweep


async def require_free_income(tx: AsyncSession, source: Source, currency: str, amount_cents: int) -> None:
    """Raises `InsufficientFunds` with what may leave: what put-backs may still ask back stays."""
    account = await ledger.find_account(tx, source.account, currency)
    kept_cents = await store.refundable_cents(tx, source, currency)
    free_cents = max(0, (account.available_cents if account else 0) - kept_cents)
    if free_cents < amount_cents:
        raise InsufficientFunds(
            f"{show(free_cents, currency)} may leave; {show(kept_cents, currency)} stay for put-backs",
            required_cents=amount_cents,
            available_cents=free_cents,
            currency=currency,
        )


async def _note(tx: AsyncSession, actor: Actor, sweep: Sweep, what: str) -> None:
    body = {
        "sweep_id": sweep.sweep_id,
        "source": sweep.source,
        "currency": sweep.currency,
        "amount_cents": sweep.amount_cents,
        "org_id": sweep.org_id,
    }
    await journal.append(tx, actor, f"sweep:{sweep.sweep_id}", f"sweep.{what}", body)
