"""Ordered payouts go to the bank as one file, once; the file can be made again, byte for byte."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.journal import service as journal
from market.kit.actor import Actor, Role
from market.kit.errors import Conflict, Malformed, NotFound
from market.kit.ids import Chance
from market.kit.pages import Page, PageRequest
from market.kit.vault import Vault
from market.parties.rules import require, require_person
from market.settings import Settings
from market.settlement.calendar import is_business_day
from market.settlement.rails.orders import Batch, Order, Originator
from market.settlement.rails.providers import BankFiles, Format, OrderFile
from market.settlement.rules import PayoutState
from market.settlement.service.banking import open_number
from market.settlement.service.books import READ
from market.settlement.service.payouts import send_payout
from market.settlement.service.sale import WRITE
from market.settlement.store import bank, withdrawals
from market.settlement.store import bankfiles as store
from market.settlement.store.bank import BankAccount, Payout
from market.settlement.store.bankfiles import BankFile

_MOST_ORDERS = 1_000
_MOST_DAYS_AHEAD = 30


class NoEscrowAccount(Conflict):
    slug, title = "no-escrow-account", "The settings do not say from which account to pay"


class NothingToPay(Conflict):
    slug, title = "nothing-to-pay", "No ordered payout fits this file"


class PayeeErased(Conflict):
    slug, title, status = "payee-erased", "A payee was erased by rule", 410


@dataclass(frozen=True, slots=True)
class FileOrder:
    """What an operator asks for; without `payout_ids` all ordered payouts of the currency that the format can pay."""

    format: Format
    currency: str
    execute_on: date
    payout_ids: tuple[UUID, ...] | None = None


def originator_of(settings: Settings, format_: Format) -> Originator:
    """Who pays, by the settings. Raises `NoEscrowAccount` naming what is missing."""
    needs = {
        Format.PAIN_001: ("escrow_holder", "escrow_iban"),
        Format.NACHA: (
            "escrow_holder", "escrow_bank_name", "escrow_routing_number", "escrow_account_number", "ach_company_id",
        ),
    }[format_]  # fmt: skip
    missing = [f"MARKET_{name.upper()}" for name in needs if not getattr(settings, name)]
    if missing:
        raise NoEscrowAccount(f"set {', '.join(missing)}")
    if format_ is Format.PAIN_001:
        return Originator(settings.escrow_holder or "", settings.escrow_iban or "", settings.escrow_bic or "")
    return Originator(
        settings.escrow_holder or "",
        bank_name=settings.escrow_bank_name or "",
        routing_number=settings.escrow_routing_number or "",
        account_number=settings.escrow_account_number or "",
        company_id=settings.ach_company_id or "",
    )


async def make_bank_file(
    tx: AsyncSession,
    actor: Actor,
    asked: FileOrder,
    originator: Originator,
    *,
    now: datetime,
    chance: Chance,
    vault: Vault,
) -> tuple[BankFile, OrderFile]:
    """A file of ordered payouts; in the same transaction they are marked as sent, so that none is in two files.

    For signed-in operators. Withdrawals that another person must send or approve first are left out, or refused if named
    (`TwoPeople`). Raises `NothingToPay`, `Malformed` for a day or a payout that does not fit. Locks out imports and other
    files, then each payout.
    """
    require(actor, role=Role.OPERATOR, scope=WRITE)
    require_person(actor)
    if actor.user_id is None:
        raise AssertionError("an operator is a person")
    _require_day(asked, now.date())
    await bank.lock_imports(tx)
    payouts, accounts = await _payable(tx, asked, actor.user_id)
    ids = [payout.payout_id for payout in payouts]
    batch = Batch(_file_ref(asked.format, ids, now), asked.currency, now.replace(microsecond=0), asked.execute_on)
    made = BankFiles(asked.format, originator).order(_orders(payouts, accounts, vault), batch)
    for payout_id in ids:
        await send_payout(tx, actor, payout_id, now=now)
    file = BankFile(
        chance.new_id(), asked.format.value, asked.currency, batch.file_ref, asdict(originator), asked.execute_on,
        len(payouts), sum(payout.amount_cents for payout in payouts), made.sha256, actor.user_id, batch.made_at,
    )  # fmt: skip
    await store.add_file(tx, file, ids)
    await _note(tx, actor, file, "made")
    return file, made


async def remake_bank_file(
    tx: AsyncSession, actor: Actor, bank_file_id: UUID, *, vault: Vault
) -> tuple[BankFile, OrderFile]:
    """The same file again, for whoever lost it; who takes it is recorded. Raises `NotFound`, and `PayeeErased`
    once the number of an account in it is gone.

    A file that came out otherwise than the first time would be a fault, and is never given out.
    """
    require(actor, role=(Role.OPERATOR, Role.SYSTEM), scope=READ)
    file = await store.find_file(tx, bank_file_id)
    if file is None:
        raise NotFound("there is no such file")
    payouts = await store.payouts_of(tx, bank_file_id)
    accounts = await bank.find_bank_accounts(tx, {payout.bank_account_id for payout in payouts})
    batch = Batch(file.file_ref, file.currency, file.created_at, file.execute_on)
    provider = BankFiles(Format(file.format), Originator(**file.originator))
    made = provider.order(_orders(payouts, accounts, vault), batch)
    if made.sha256 != file.sha256:
        raise AssertionError("a file of payouts comes out as it did the first time")
    await _note(tx, actor, file, "taken")
    return file, made


async def list_bank_files(tx: AsyncSession, actor: Actor, request: PageRequest) -> Page[BankFile]:
    """The files that were made, newest first. For the platform's people."""
    require(actor, role=(Role.OPERATOR, Role.OFFICER, Role.SYSTEM), scope=READ)
    return Page.cut(await store.list_files(tx, request), request, lambda file: file.bank_file_id)


def _require_day(asked: FileOrder, today: date) -> None:
    if not today <= asked.execute_on <= today + timedelta(days=_MOST_DAYS_AHEAD):
        raise Malformed(f"must be today or within {_MOST_DAYS_AHEAD} days", field="execute_on")
    if not is_business_day(asked.execute_on, asked.currency):
        raise Malformed("no payments are settled on that day", field="execute_on")


async def _payable(tx: AsyncSession, asked: FileOrder, user_id: UUID) -> tuple[list[Payout], dict[UUID, BankAccount]]:
    """Ordered payouts that the format can pay and this person may send; all of those that were named."""
    found = await store.ordered_payouts(tx, asked.currency, _MOST_ORDERS)
    accounts = await bank.find_bank_accounts(tx, {payout.bank_account_id for payout in found})
    fitting = [each for each in found if accounts[each.bank_account_id].scheme == asked.format.scheme]
    if asked.payout_ids is not None:
        fitting = [each for each in fitting if each.payout_id in asked.payout_ids]
        if len(fitting) != len(set(asked.payout_ids)):
            raise Malformed(
                "some are not ordered (any more), in another currency, or go to an account that this format cannot pay",
                field="payout_ids",
            )
    else:
        flaws = await withdrawals.flaws(tx, [each.payout_id for each in fitting], user_id)
        fitting = [each for each in fitting if each.payout_id not in flaws]
    if not fitting:
        raise NothingToPay(
            f"no ordered payout in {asked.currency} goes to an account that {asked.format} can pay, and may be sent by you"
        )
    if any(each.state is not PayoutState.ORDERED for each in fitting):
        raise AssertionError("only ordered payouts are sent")
    return fitting, accounts


def _orders(payouts: Sequence[Payout], accounts: dict[UUID, BankAccount], vault: Vault) -> list[Order]:
    return [_order(each, accounts[each.bank_account_id], vault) for each in payouts]


def _order(payout: Payout, account: BankAccount, vault: Vault) -> Order:
    number = open_number(account, vault)
    if number is None:
        raise PayeeErased(
            f"payee of {payout.reference} was erased by rule; the file cannot be made, its SHA-256 and totals stay listed"
        )
    return Order(
        payout.payout_id, payout.reference, payout.amount_cents, account.holder_name, account.scheme, number
    )  # fmt: skip


def _file_ref(format_: Format, payout_ids: Sequence[UUID], now: datetime) -> str:
    """A name within the 35 characters that a bank takes; the same payouts on the same day have the same."""
    content = " ".join([format_.value, *map(str, payout_ids)])
    return f"DM{now:%y%m%d}-{hashlib.sha256(content.encode()).hexdigest()[:12].upper()}"


async def _note(tx: AsyncSession, actor: Actor, file: BankFile, what: str) -> None:
    body = {
        "format": file.format,
        "payout_count": file.payout_count,
        "total_cents": file.total_cents,
        "sha256": file.sha256,
    }
    await journal.append(tx, actor, f"bank_file:{file.bank_file_id}", f"bank_file.{what}", body)
