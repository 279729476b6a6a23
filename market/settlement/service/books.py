"""Reading the books."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from market.journal import service as journal
from market.kit.actor import Actor, Role
from market.kit.errors import Conflict
from market.kit.ids import Chance
from market.kit.pages import MAX_LIMIT, Page, PageRequest
from market.parties.rules import require
from market.settlement.proof import Checked, KeptCheck
from market.settlement.store import bank, ledger
from market.settlement.store import proof as proof_store
from market.settlement.store.ledger import Account, Entry, TrialBalance

READ = "settlements:read"
_MOST_LINES = 100
STAFF = (Role.OFFICER, Role.OPERATOR, Role.SYSTEM)


class BooksDiverge(Conflict):
    slug, title = "books-diverge", "The books do not hold"


@dataclass(frozen=True, slots=True)
class Proof:
    """The books of one currency and what must hold: every difference is 0 and no counter has drifted.

    `bank_difference_cents` is the bank account against clients' claims and unswept income;
    `statement_difference_cents` the last statement against the bank account and what left it without an order
    (`unmatched_debits_cents`: money that the clients are owed and the bank does not have, so that must be 0 too).
    """

    books: TrialBalance
    statement_cents: int
    unmatched_debits_cents: int

    @property
    def difference_cents(self) -> int:
        return self.books.debits_cents - self.books.credits_cents

    @property
    def bank_difference_cents(self) -> int:
        return self.books.bank_cents - self.books.claims_cents - self.books.income_cents

    @property
    def statement_difference_cents(self) -> int:
        return self.statement_cents + self.unmatched_debits_cents - self.books.bank_cents

    @property
    def holds(self) -> bool:
        differences = (self.difference_cents, self.bank_difference_cents, self.statement_difference_cents)
        return not (any(differences) or self.unmatched_debits_cents or self.books.drifted_account_count)


async def list_accounts(tx: AsyncSession, actor: Actor, request: PageRequest) -> Page[Account]:
    """An organisation's own ledger accounts; all of them for the platform's people."""
    require(actor, scope=READ)
    return Page.cut(await ledger.list_accounts(tx, request), request, lambda account: account.account_id)


async def list_transfers(tx: AsyncSession, actor: Actor, request: PageRequest) -> Page[Entry]:
    """Transfers from or to one's own accounts, oldest first; all of them for the platform's people."""
    require(actor, scope=READ)
    return Page.cut(await ledger.list_entries(tx, request), request, lambda entry: entry.transfer_id)


async def trial_balance(tx: AsyncSession, actor: Actor) -> list[Proof]:
    """The books of every currency, proved against the transfers and the bank's last statement."""
    require(actor, role=STAFF, scope=READ)
    proofs = []
    for books in await ledger.trial_balances(tx):
        last = await bank.last_statement(tx, books.currency)
        unmatched = await bank.unmatched_debits(tx, books.currency)
        unmatched_cents = sum(entry.amount_cents for entry in unmatched)
        proofs.append(Proof(books, last.closing_cents if last else 0, unmatched_cents))
    return proofs


async def check_ledger(tx: AsyncSession, actor: Actor) -> Checked:
    """Every balance recomputed from the log; bank statement, `bank:fbo` and claims against one another.

    For the platform's people. Reads the whole log in one statement: seconds for millions of transfers.
    """
    require(actor, role=STAFF, scope=READ)
    return await proof_store.check(tx)


async def keep_check(tx: AsyncSession, actor: Actor, *, now: datetime, chance: Chance) -> KeptCheck:
    """The daily check: as `check_ledger`, kept and journalled. Until one holds again nothing is released."""
    checked = await check_ledger(tx, actor)
    kept = KeptCheck(chance.new_id(), now, len(checked.divergences), checked.lines()[:_MOST_LINES])
    await proof_store.keep(tx, kept)
    body = {"check_id": kept.check_id, "divergence_count": kept.divergence_count}
    await journal.append(tx, actor, "ledger:checks", "ledger.checked" if checked.holds else "ledger.diverged", body)
    return kept


async def list_checks(tx: AsyncSession, actor: Actor, request: PageRequest) -> Page[KeptCheck]:
    """The daily checks, newest first, for the platform's people."""
    require(actor, role=STAFF, scope=READ)
    return Page.cut(await proof_store.list_kept(tx, request), request, lambda check: check.check_id)


async def require_books_hold(tx: AsyncSession) -> None:
    """Raises `BooksDiverge` while the last daily check found something."""
    last = await proof_store.list_kept(tx, PageRequest(1))
    if last and last[0].divergence_count:
        raise BooksDiverge(
            f"the check of {last[0].checked_at:%Y-%m-%dT%H:%M:%SZ} found {last[0].divergence_count} divergences: see "
            "GET /v1/ledger/checks; it is made again every ten minutes until it finds none"
        )


async def ledger_rows(tx: AsyncSession, actor: Actor) -> AsyncIterator[Entry]:
    """Every transfer that the actor may see, oldest first: the rows of `ledger.csv`."""
    require(actor, scope=READ)
    request = PageRequest(MAX_LIMIT)
    while True:
        found = await ledger.list_entries(tx, request)
        for entry in found[: request.limit]:
            yield entry
        if len(found) <= request.limit:
            return
        request = PageRequest(MAX_LIMIT, found[request.limit - 1].transfer_id)
