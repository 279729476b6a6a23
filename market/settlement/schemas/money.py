"""Deposits, bank accounts and the books on the wire."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from msgspec import Meta, Struct

from market.kit.pages import Page
from market.settings import Settings
from market.settlement.proof import Checked, KeptCheck
from market.settlement.rules import PayoutState
from market.settlement.service import BankDetails, Deposit, Proof
from market.settlement.store.bank import BankAccount, Payout
from market.settlement.store.ledger import Account, Entry


class DepositView(Struct, frozen=True, forbid_unknown_fields=True):
    auction_id: UUID
    transfer_id: UUID | None
    amount_cents: int
    currency: str

    @classmethod
    def from_deposit(cls, deposit: Deposit) -> Self:
        return cls(deposit.auction_id, deposit.transfer_id, deposit.amount_cents, deposit.currency)


class BankAccountIn(Struct, frozen=True, forbid_unknown_fields=True):
    """Either an iban, or a routing_number with an account_number."""

    holder_name: Annotated[str, Meta(min_length=1, max_length=140)]
    iban: Annotated[str, Meta(max_length=42)] | None = None
    routing_number: Annotated[str, Meta(max_length=9)] | None = None
    account_number: Annotated[str, Meta(max_length=17)] | None = None

    def details(self) -> BankDetails:
        return BankDetails(self.holder_name, self.iban, self.routing_number, self.account_number)


class EscrowAccountView(Struct, frozen=True, forbid_unknown_fields=True):
    """Where wires go: the account that a licensed agent or bank holds for the clients. Call back before the first payment."""

    holder: str
    iban: str | None
    bic: str | None
    bank_name: str | None
    routing_number: str | None
    account_number: str | None

    @classmethod
    def from_settings(cls, settings: Settings) -> Self | None:
        """None as long as the settings do not name it."""
        if not settings.escrow_holder or not (settings.escrow_iban or settings.escrow_account_number):
            return None
        return cls(
            settings.escrow_holder, settings.escrow_iban, settings.escrow_bic, settings.escrow_bank_name,
            settings.escrow_routing_number, settings.escrow_account_number,
        )  # fmt: skip


class BankAccountView(Struct, frozen=True, forbid_unknown_fields=True):
    """An organisation states `payment_reference` on every wire to the account `pay_to` (null: not set up yet). It is paid
    to the account shown, from `usable_from_at` on; all null until it has named one. While it `awaits_call_back` (it was
    changed, or is in another name than the organisation's) nothing is paid there, and `usable_from_at` is null: the market
    calls first.
    """

    payment_reference: str
    pay_to: EscrowAccountView | None
    holder_name: str | None = None
    scheme: str | None = None
    last_four: str | None = None
    usable_from_at: datetime | None = None
    awaits_call_back: bool = False

    @classmethod
    def from_account(
        cls, payment_reference: str, account: BankAccount | None, settings: Settings, *, awaits_call_back: bool
    ) -> Self:
        pay_to = EscrowAccountView.from_settings(settings)
        if account is None:
            return cls(payment_reference, pay_to)
        return cls(
            payment_reference, pay_to, account.holder_name, account.scheme, account.last_four,
            None if awaits_call_back else account.usable_from_at, awaits_call_back,
        )  # fmt: skip


class WithdrawalIn(Struct, frozen=True, forbid_unknown_fields=True):
    amount_cents: Annotated[int, Meta(ge=1)]
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")]


class WithdrawalView(Struct, frozen=True, forbid_unknown_fields=True):
    """`settlement_id` is null for a withdrawal of free cash. Only the bank's statement makes it confirmed or returned."""

    payout_id: UUID
    settlement_id: UUID | None
    reference: str
    amount_cents: int
    currency: str
    state: PayoutState
    ordered_at: datetime
    sent_at: datetime | None
    confirmed_at: datetime | None

    @classmethod
    def from_payout(cls, payout: Payout) -> Self:
        return cls(
            payout.payout_id, payout.settlement_id, payout.reference, payout.amount_cents, payout.currency, payout.state,
            payout.ordered_at, payout.sent_at, payout.confirmed_at,
        )  # fmt: skip


class WithdrawalPage(Struct, frozen=True, forbid_unknown_fields=True):
    items: list[WithdrawalView]
    next_cursor: str | None

    @classmethod
    def from_page(cls, page: Page[Payout]) -> Self:
        return cls([WithdrawalView.from_payout(payout) for payout in page.items], page.next_cursor)


class LedgerAccountView(Struct, frozen=True, forbid_unknown_fields=True):
    """`available_cents` is the balance without what is reserved."""

    account_id: UUID
    name: str
    currency: str
    balance_cents: int
    available_cents: int

    @classmethod
    def from_account(cls, account: Account) -> Self:
        return cls(account.account_id, account.name, account.currency, account.balance_cents, account.available_cents)


class LedgerAccountPage(Struct, frozen=True, forbid_unknown_fields=True):
    items: list[LedgerAccountView]
    next_cursor: str | None

    @classmethod
    def from_page(cls, page: Page[Account]) -> Self:
        return cls([LedgerAccountView.from_account(account) for account in page.items], page.next_cursor)


class LedgerTransferView(Struct, frozen=True, forbid_unknown_fields=True):
    """`state` is posted, pending, voided or expired; `posted_cents` of `amount_cents` have moved."""

    transfer_id: UUID
    at: datetime
    kind: str
    subject: str
    debit: str
    credit: str
    currency: str
    amount_cents: int
    posted_cents: int
    state: str
    resolved_at: datetime | None

    @classmethod
    def from_entry(cls, entry: Entry) -> Self:
        return cls(
            entry.transfer_id, entry.at, entry.kind, entry.subject, entry.debit, entry.credit, entry.currency,
            entry.amount_cents, entry.posted_cents, entry.state, entry.resolved_at,
        )  # fmt: skip


class LedgerTransferPage(Struct, frozen=True, forbid_unknown_fields=True):
    items: list[LedgerTransferView]
    next_cursor: str | None

    @classmethod
    def from_page(cls, page: Page[Entry]) -> Self:
        return cls([LedgerTransferView.from_entry(entry) for entry in page.items], page.next_cursor)


class CurrencyBooks(Struct, frozen=True, forbid_unknown_fields=True):
    """`holds` if all differences are 0 and every account's counters equal the sums of its transfers."""

    currency: str
    debits_cents: int
    credits_cents: int
    difference_cents: int
    bank_cents: int
    claims_cents: int
    income_cents: int
    bank_difference_cents: int
    statement_cents: int
    unmatched_debits_cents: int
    statement_difference_cents: int
    drifted_account_count: int
    holds: bool

    @classmethod
    def from_proof(cls, proof: Proof) -> Self:
        books = proof.books
        return cls(
            books.currency, books.debits_cents, books.credits_cents, proof.difference_cents, books.bank_cents,
            books.claims_cents, books.income_cents, proof.bank_difference_cents, proof.statement_cents,
            proof.unmatched_debits_cents, proof.statement_difference_cents, books.drifted_account_count, proof.holds,
        )  # fmt: skip


class TrialBalanceView(Struct, frozen=True, forbid_unknown_fields=True):
    holds: bool
    currencies: list[CurrencyBooks]

    @classmethod
    def from_proofs(cls, proofs: list[Proof]) -> Self:
        return cls(all(proof.holds for proof in proofs), [CurrencyBooks.from_proof(proof) for proof in proofs])


class DivergenceView(Struct, frozen=True, forbid_unknown_fields=True):
    kind: str
    currency: str
    subject: str
    expected_cents: int
    found_cents: int
    words: str


class CheckedCurrency(Struct, frozen=True, forbid_unknown_fields=True):
    """Recomputed from the log; in order `statement_cents` = `bank_cents` = `claims_cents` + `income_cents`."""

    currency: str
    account_count: int
    transfer_count: int
    statement_count: int
    statement_cents: int
    bank_cents: int
    claims_cents: int
    income_cents: int


class LedgerCheckView(Struct, frozen=True, forbid_unknown_fields=True):
    """`holds` if there is no divergence; at most 1,000 are listed."""

    holds: bool
    currencies: list[CheckedCurrency]
    divergences: list[DivergenceView]

    @classmethod
    def from_checked(cls, checked: Checked) -> Self:
        return cls(
            checked.holds,
            [CheckedCurrency(**asdict(each)) for each in checked.totals],
            [
                DivergenceView(d.kind, d.currency, d.subject, d.expected_cents, d.found_cents, d.words)
                for d in checked.divergences
            ],
        )


class KeptCheckView(Struct, frozen=True, forbid_unknown_fields=True):
    """A daily check; `lines` is its report for people, at most 100 of them."""

    check_id: UUID
    checked_at: datetime
    holds: bool
    divergence_count: int
    lines: list[str]

    @classmethod
    def from_check(cls, found: KeptCheck) -> Self:
        holds = not found.divergence_count
        return cls(found.check_id, found.checked_at, holds, found.divergence_count, list(found.lines))


class KeptCheckPage(Struct, frozen=True, forbid_unknown_fields=True):
    items: list[KeptCheckView]
    next_cursor: str | None

    @classmethod
    def from_page(cls, page: Page[KeptCheck]) -> Self:
        return cls([KeptCheckView.from_check(each) for each in page.items], page.next_cursor)
