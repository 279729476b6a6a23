"""Where organisations are paid to, and what the bank says."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from stdnum import iban
from stdnum.exceptions import ValidationError
from stdnum.us import rtn

from market.journal import service as journal
from market.kit.actor import Actor, Role
from market.kit.errors import Forbidden, Malformed
from market.kit.ids import Chance
from market.kit.money import show
from market.kit.pages import Page, PageRequest
from market.kit.vault import Vault
from market.parties import service as parties
from market.parties.rules import require, require_person
from market.settlement import moves
from market.settlement.rules import (
    BANK_CHANGE_COOLING,
    NoticeUndecided,
    Settlement,
    StatementOutOfOrder,
    StatementRepeated,
    find_references,
    reference,
)
from market.settlement.service.books import READ, STAFF
from market.settlement.service.matching import Matching, expected_of
from market.settlement.service.payouts import confirm, take_back
from market.settlement.service.sale import WRITE, apply_funds
from market.settlement.statement import Line, Statement
from market.settlement.store import bank as store
from market.settlement.store import call_backs, ledger, notices, settlements
from market.settlement.store.bank import BankAccount, BankEntry, KeptStatement


@dataclass(frozen=True, slots=True, repr=False)
class BankDetails:
    """An account to be paid to: an IBAN, or an ABA routing number and an account number."""

    holder_name: str
    iban: str | None = None
    routing_number: str | None = None
    account_number: str | None = None

    def checked(self) -> tuple[str, str]:
        """(scheme, number) with check digits verified. Raises `Malformed` naming the field."""
        if not 1 <= len(self.holder_name.strip()) <= 140 or not self.holder_name.isprintable():
            raise Malformed("must have 1 to 140 printable characters", field="holder_name")
        if self.iban is not None and self.routing_number is None and self.account_number is None:
            try:
                return "iban", iban.validate(self.iban)
            except ValidationError:
                raise Malformed("not an IBAN: length or check digits are wrong", field="iban") from None
        if self.iban is not None or self.routing_number is None or self.account_number is None:
            raise Malformed("give either an iban, or a routing_number and an account_number", field="iban")
        try:
            routing = rtn.validate(self.routing_number)
        except ValidationError:
            raise Malformed("not an ABA routing number", field="routing_number") from None
        number = self.account_number
        if not (number.isascii() and number.isdigit() and 4 <= len(number) <= 17):
            raise Malformed("must have 4 to 17 digits", field="account_number")
        return "ach", f"{routing} {number}"


@dataclass(frozen=True, slots=True)
class Imported:
    """What one statement brought: how many entries were matched, and which were not."""

    statement: KeptStatement
    matched_count: int
    suspense: Sequence[BankEntry]
    funded: Sequence[Settlement]
    confirmed: Sequence[Settlement]


async def own_bank(tx: AsyncSession, actor: Actor) -> tuple[str, BankAccount | None]:
    """An organisation's payment reference for its wires, and where it is paid to (None until it has said so)."""
    require(actor, role=Role.MEMBER, scope=READ)
    if actor.org_id is None:
        raise AssertionError("a member belongs to an organisation")
    return await keep_reference(tx, actor.org_id), await store.newest_bank_account(tx, actor.org_id)


async def awaits_call_back(tx: AsyncSession, account: BankAccount | None) -> bool:
    """Whether nothing is paid to the account before somebody of the market called back about it."""
    return account is not None and not await call_backs.is_confirmed(tx, account.bank_account_id)


async def keep_reference(tx: AsyncSession, org_id: UUID) -> str:
    """An organisation's payment reference, remembered so that a wire with it finds its way."""
    pay_with = reference("DEP", org_id)
    await store.keep_reference(tx, org_id, pay_with)
    return pay_with


async def put_bank_account(
    tx: AsyncSession, actor: Actor, given: BankDetails, *, now: datetime, chance: Chance, vault: Vault
) -> BankAccount:
    """Say where to pay to. The first account counts at once if it is in the organisation's name, a changed one after 48 hours.

    Other accounts wait for a call back.
    """
    require(actor, role=Role.MEMBER, scope=WRITE)
    require_person(actor)
    if actor.org_id is None or actor.user_id is None:
        raise AssertionError("a member is a person of an organisation")
    scheme, number = given.checked()
    await store.lock_bank_account(tx, actor.org_id)
    before = await store.newest_bank_account(tx, actor.org_id)
    account_id = chance.new_id()
    account = BankAccount(
        bank_account_id=account_id,
        org_id=actor.org_id,
        holder_name=given.holder_name.strip(),
        scheme=scheme,
        last_four=number[-4:],
        sealed_number=vault.wrap(number.encode(), _seal(account_id)),
        usable_from_at=now + BANK_CHANGE_COOLING if before else now,
        created_by=actor.user_id,
        created_at=now,
    )
    await store.add_bank_account(tx, account)
    body = {"bank_account_id": account_id, "usable_from_at": account.usable_from_at}
    await journal.append(tx, actor, f"org:{actor.org_id}", "bank_account.changed", body)
    return account


def open_number(account: BankAccount, vault: Vault) -> str | None:
    """The account's number in clear, for the order to the bank; None once its party was erased by rule."""
    if account.sealed_number is None:
        return None
    return vault.unwrap(account.sealed_number, _seal(account.bank_account_id)).decode()


def _seal(account_id: UUID) -> str:
    return f"bank-account/{account_id}"


async def list_statements(tx: AsyncSession, actor: Actor, request: PageRequest) -> Page[KeptStatement]:
    """The statements that were applied, newest first."""
    require(actor, role=STAFF, scope=READ)
    return Page.cut(await store.list_statements(tx, request), request, lambda found: found.statement_id)


async def list_suspense(tx: AsyncSession, actor: Actor, request: PageRequest) -> Page[BankEntry]:
    """Entries that nobody was found for, oldest first."""
    require(actor, role=STAFF, scope=READ)
    return Page.cut(await store.list_suspense(tx, request), request, lambda entry: entry.entry_id)


def require_importer(actor: Actor) -> UUID:
    """Who imports; asked before a document is read. Raises `Forbidden` for all but signed-in operators."""
    require(actor, role=Role.OPERATOR, scope=WRITE)
    require_person(actor)
    if actor.user_id is None:
        raise Forbidden("an import is somebody's")
    return actor.user_id


async def import_statements(
    tx: AsyncSession,
    actor: Actor,
    statements: Sequence[Statement],
    file_sha256: str,
    *,
    now: datetime,
    chance: Chance,
) -> list[Imported]:
    """Apply a document's statements, all or none: wires become cash, payouts are confirmed, sales are funded.

    Each statement must open with what the last one of its currency closed with (the first with nothing). Raises
    `StatementRepeated`, `StatementOutOfOrder`. One import at a time (advisory lock), then settlements and payouts in order
    of id, then ledger accounts.
    """
    imported_by = require_importer(actor)
    await store.lock_imports(tx)
    imported = []
    for statement in statements:
        chain = await _next_in_chain(tx, statement)
        statement = await _with_notices(tx, statement)  # noqa: PLW2901 - the same statement, told in full
        kept = KeptStatement(
            chance.new_id(), statement.bank_account, statement.statement_ref, statement.currency, chain,
            statement.opening_cents, statement.closing_cents, len(statement.lines), file_sha256, imported_by, now,
        )  # fmt: skip
        imported.append(await _apply(tx, actor, statement, kept, chance=chance, now=now))
    return imported


async def _next_in_chain(tx: AsyncSession, statement: Statement) -> int:
    if await store.statement_exists(tx, statement.bank_account, statement.statement_ref):
        raise StatementRepeated(f"statement {statement.statement_ref} was imported before")
    refs = [line.entry_ref for line in statement.lines]
    if known := await store.known_entry_refs(tx, statement.bank_account, refs):
        raise StatementRepeated(f"entries of this statement were imported before: {', '.join(known)}")
    last = await store.last_statement(tx, statement.currency)
    if last is not None and last.bank_account != statement.bank_account:
        raise StatementOutOfOrder("the statement is of another bank account than the ones before it")
    opening_cents = last.closing_cents if last else 0
    if statement.opening_cents != opening_cents:
        raise StatementOutOfOrder(
            f"the statement opens with {show(statement.opening_cents, statement.currency)}, but the last one closed with "
            f"{show(opening_cents, statement.currency)}; import the statements between them first",
            expected_opening_cents=opening_cents,
        )
    return last.chain + 1 if last else 1


async def _with_notices(tx: AsyncSession, statement: Statement) -> Statement:
    """The statement with the parts of batch bookings that notices told, where they fit in direction and amount.

    A line that names its payer is no batch: no notice says otherwise than the bank's own statement. Raises `NoticeUndecided`
    while nobody but its importer has said that such a notice is the bank's.
    """
    told = await notices.notices_of(tx, statement.bank_account, [line.entry_ref for line in statement.lines])

    def parts(line: Line) -> Sequence[Line]:
        kept = None if find_references(line.texts) or line.name else told.get(line.entry_ref)
        if kept is None or kept.outcome == "rejected":
            return (line,)
        notice = kept.notice
        if (notice.currency, notice.credit, notice.amount_cents) != (
            statement.currency, line.credit, line.amount_cents,
        ):  # fmt: skip
            return (line,)
        if kept.outcome is None:
            raise NoticeUndecided(
                f"a notice says who paid the parts of {line.entry_ref}; another person than its importer must confirm or reject "
                "it first (GET /v1/bank-notices)",
                file_sha256=kept.file_sha256,
            )
        return tuple(replace(part, told_by=kept.file_sha256) for part in notice.parts)

    return replace(statement, lines=tuple(part for line in statement.lines for part in parts(line)))


async def _apply(
    tx: AsyncSession, actor: Actor, statement: Statement, kept: KeptStatement, *, chance: Chance, now: datetime
) -> Imported:
    references = {ref for line in statement.lines for ref in find_references(line.texts)}
    by_reference = await settlements.by_reference(tx, references)
    orgs = await store.orgs_by_reference(tx, references)
    orgs |= {ref: sale.buyer_org_id for ref, sale in by_reference.items()}
    by_amount = await _expected(tx, statement)
    # Settlements before payouts, both in order of id, here as everywhere.
    waiting = await settlements.unpaid_of(tx, {*orgs.values(), *(org_id for _, org_id in by_amount.values())})
    paid_out = await settlements.lock_all(tx, await store.settlements_of_payouts(tx, references))
    payouts = await store.payouts_by_reference(tx, references)
    returned = {ref for line in statement.lines if not line.credit for ref in find_references(line.texts)}
    matching = Matching(
        orgs,
        {ref: each for ref, each in payouts.items() if each.currency == kept.currency},
        {each.entry_ref: each for each in await store.unmatched_debits(tx, kept.currency)},
        await _free_cents(tx, kept.currency, {orgs[ref] for ref in returned & orgs.keys()}),
        by_amount,
    )
    for line in statement.lines:
        matching.add(kept, line, chance.new_id())
    await store.add_statement(tx, kept, matching.entries)
    await ledger.post_all(tx, matching.wires)
    sales = {sale.settlement_id: sale for sale in paid_out}
    confirmed = [await confirm(tx, actor, sales, payout, entry, now=now) for payout, entry in matching.paid.values()]
    for payout, entry in matching.returned.values():
        await take_back(tx, actor, payout, entry)
    funded = await apply_funds(tx, actor, waiting)
    suspense = [entry for entry in matching.entries if entry.outcome == "suspense"]
    done = [sale for sale in confirmed if sale is not None]
    result = Imported(kept, len(matching.entries) - len(suspense), suspense, funded, done)
    await _note_import(tx, actor, result)
    return result


async def _expected(tx: AsyncSession, statement: Statement) -> dict[tuple[int, str], tuple[str, UUID]]:
    """What is due of whom among the amounts that came with a payer's name and without a reference."""
    nameless = {
        line.amount_cents for line in statement.lines if line.credit and line.name and not find_references(line.texts)
    }
    due = await settlements.due_of(tx, statement.currency, nameless)
    payers = {org_id: await parties.find_organisation(tx, org_id) for org_id in {sale.buyer_org_id for sale in due}}
    return expected_of((sale, payer.name) for sale in due if (payer := payers[sale.buyer_org_id]) is not None)


async def _free_cents(tx: AsyncSession, currency: str, org_ids: set[UUID]) -> dict[UUID, int]:
    """What of their cash is not reserved. Should a deposit reserve it meanwhile, the ledger refuses the import."""
    accounts = {org_id: await ledger.find_account(tx, moves.cash(org_id), currency) for org_id in org_ids}
    return {org_id: account.available_cents for org_id, account in accounts.items() if account is not None}


async def _note_import(tx: AsyncSession, actor: Actor, result: Imported) -> None:
    kept = result.statement
    body = {
        "currency": kept.currency,
        "chain": kept.chain,
        "opening_cents": kept.opening_cents,
        "closing_cents": kept.closing_cents,
        "entry_count": kept.entry_count,
        "matched_count": result.matched_count,
        "file_sha256": kept.file_sha256,
    }
    await journal.append(tx, actor, f"statement:{kept.statement_id}", "statement.imported", body)
