"""What goes over the wire. Amounts are minor units of the `currency` beside them."""

import base64
import binascii
from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from msgspec import Meta, Struct

from market.kit.errors import Malformed
from market.kit.pages import Page
from market.settlement.rules import Party, PayoutState, Settlement, State
from market.settlement.service import BankDetails, Deposit, Imported, Proof, Signing
from market.settlement.store.bank import BankAccount, BankEntry, KeptStatement, Payout
from market.settlement.store.ledger import Account, Entry
from market.settlement.store.settlements import KeyGrant, Signature

_Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


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


class BankAccountView(Struct, frozen=True, forbid_unknown_fields=True):
    """An organisation states `payment_reference` on every wire to the escrow account. It is paid to the account shown,
    from `usable_from_at` on; all null until it has named one.
    """

    payment_reference: str
    holder_name: str | None = None
    scheme: str | None = None
    last_four: str | None = None
    usable_from_at: datetime | None = None

    @classmethod
    def from_account(cls, payment_reference: str, account: BankAccount | None) -> Self:
        if account is None:
            return cls(payment_reference)
        return cls(payment_reference, account.holder_name, account.scheme, account.last_four, account.usable_from_at)


class BankEntryView(Struct, frozen=True, forbid_unknown_fields=True):
    entry_id: UUID
    statement_id: UUID
    entry_ref: str
    direction: str
    amount_cents: int
    currency: str
    booked_on: date | None
    remittance: str

    @classmethod
    def from_entry(cls, entry: BankEntry) -> Self:
        return cls(
            entry.entry_id, entry.statement_id, entry.entry_ref, entry.direction,
            entry.amount_cents, entry.currency, entry.booked_on, entry.remittance,
        )  # fmt: skip


class BankEntryPage(Struct, frozen=True, forbid_unknown_fields=True):
    items: list[BankEntryView]
    next_cursor: str | None

    @classmethod
    def from_page(cls, page: Page[BankEntry]) -> Self:
        return cls([BankEntryView.from_entry(entry) for entry in page.items], page.next_cursor)


class StatementView(Struct, frozen=True, forbid_unknown_fields=True):
    statement_id: UUID
    bank_account: str
    statement_ref: str
    currency: str
    opening_cents: int
    closing_cents: int
    entry_count: int
    file_sha256: str
    imported_at: datetime

    @classmethod
    def from_statement(cls, kept: KeptStatement) -> Self:
        return cls(
            kept.statement_id, kept.bank_account, kept.statement_ref, kept.currency, kept.opening_cents,
            kept.closing_cents, kept.entry_count, kept.file_sha256, kept.imported_at,
        )  # fmt: skip


class StatementPage(Struct, frozen=True, forbid_unknown_fields=True):
    items: list[StatementView]
    next_cursor: str | None

    @classmethod
    def from_page(cls, page: Page[KeptStatement]) -> Self:
        return cls([StatementView.from_statement(kept) for kept in page.items], page.next_cursor)


class ImportView(Struct, frozen=True, forbid_unknown_fields=True):
    """`suspense` lists the entries that nobody was found for; their credits wait in `clearing:in`."""

    statement: StatementView
    matched_count: int
    suspense: list[BankEntryView]
    funded_settlement_ids: list[UUID]
    paid_out_settlement_ids: list[UUID]

    @classmethod
    def from_import(cls, imported: Imported) -> Self:
        return cls(
            StatementView.from_statement(imported.statement),
            imported.matched_count,
            [BankEntryView.from_entry(entry) for entry in imported.suspense],
            [each.settlement_id for each in imported.funded],
            [each.settlement_id for each in imported.confirmed],
        )


class ImportsView(Struct, frozen=True, forbid_unknown_fields=True):
    statements: list[ImportView]


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


class SignatureView(Struct, frozen=True, forbid_unknown_fields=True):
    party: Party
    typed_name: str
    agreement_sha256: str
    signed_at: datetime


class SettlementView(Struct, frozen=True, forbid_unknown_fields=True):
    """`due_cents` is what the buyer pays beyond its deposit; `payment_reference` belongs on that wire."""

    settlement_id: UUID
    payment_reference: str
    auction_id: UUID
    pool_id: UUID
    seller_org_id: UUID
    buyer_org_id: UUID
    currency: str
    state: State
    hammer_cents: int
    buyer_fee_cents: int
    seller_fee_cents: int
    price_cents: int
    deposit_cents: int
    due_cents: int
    proceeds_cents: int
    awarded_at: datetime
    sign_by_at: datetime | None
    pay_by_at: datetime | None
    putback_until_at: datetime | None
    ended_at: datetime | None
    signatures: list[SignatureView] | None = None
    """Null in lists."""

    @classmethod
    def from_settlement(cls, sale: Settlement, signed: Mapping[Party, Signature] | None = None) -> Self:
        given = None if signed is None else sorted(signed.values(), key=lambda each: each.signed_at)
        return cls(
            sale.settlement_id, sale.reference, sale.auction_id, sale.pool_id, sale.seller_org_id, sale.buyer_org_id,
            sale.currency, sale.state, sale.hammer_cents, sale.buyer_fee_cents, sale.seller_fee_cents,
            sale.price_cents, sale.deposit_cents, sale.due_cents, sale.proceeds_cents, sale.awarded_at,
            sale.sign_by_at, sale.pay_by_at, sale.putback_until_at, sale.ended_at,
            None if given is None else [
                SignatureView(each.party, each.typed_name, each.agreement_sha256, each.signed_at) for each in given
            ],
        )  # fmt: skip


class SettlementPage(Struct, frozen=True, forbid_unknown_fields=True):
    items: list[SettlementView]
    next_cursor: str | None

    @classmethod
    def from_page(cls, page: Page[Settlement]) -> Self:
        return cls([SettlementView.from_settlement(found) for found in page.items], page.next_cursor)


class SignatureIn(Struct, frozen=True, forbid_unknown_fields=True):
    """The buyer adds its X25519 public key (32 bytes, base64), to which the sale file's key is sealed."""

    agreement_sha256: _Sha256
    typed_name: Annotated[str, Meta(min_length=2, max_length=140)]
    recipient_public_key: Annotated[str, Meta(max_length=64)] | None = None

    def signing(self) -> Signing:
        """Raises `Malformed` for a key that is not base64."""
        try:
            key = (
                None
                if self.recipient_public_key is None
                else base64.b64decode(self.recipient_public_key, validate=True)
            )
        except (ValueError, binascii.Error):
            raise Malformed("must be an X25519 public key, 32 bytes in base64", field="recipient_public_key") from None
        return Signing(self.agreement_sha256, self.typed_name, key)


class CancellationIn(Struct, frozen=True, forbid_unknown_fields=True):
    reason: Annotated[str, Meta(min_length=1, max_length=500)]


class ReleasedKey(Struct, frozen=True, forbid_unknown_fields=True):
    """HPKE (RFC 9180: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM): encapsulated key and ciphertext, base64.

    It opens with the buyer's private key and exactly this `info`, after the prefix `release/v1|`.
    """

    sealed_key: str
    info: str


class SaleKeyView(Struct, frozen=True, forbid_unknown_fields=True):
    """`sale` opens the sale file; `commitment` opens the commitment's salts, to check every row against its root."""

    settlement_id: UUID
    file_sha256: str
    leaves_sha256: str
    sale: ReleasedKey
    commitment: ReleasedKey

    @classmethod
    def from_grant(cls, grant: KeyGrant) -> Self:
        return cls(
            grant.settlement_id,
            grant.file_sha256,
            grant.leaves_sha256,
            ReleasedKey(base64.b64encode(grant.released_key).decode(), f"{grant.info}|sale"),
            ReleasedKey(base64.b64encode(grant.released_commit_key).decode(), f"{grant.info}|commit"),
        )


class PayoutView(Struct, frozen=True, forbid_unknown_fields=True):
    """An order to the bank: pay `amount_cents` to the account, with `reference` as end-to-end identification."""

    payout_id: UUID
    settlement_id: UUID
    org_id: UUID
    reference: str
    amount_cents: int
    currency: str
    state: PayoutState
    holder_name: str
    scheme: str
    account_number: str
    ordered_at: datetime
    sent_at: datetime | None
    confirmed_at: datetime | None

    @classmethod
    def from_payout(cls, payout: Payout, account: BankAccount, number: str) -> Self:
        return cls(
            payout.payout_id, payout.settlement_id, payout.org_id, payout.reference, payout.amount_cents,
            payout.currency, payout.state, account.holder_name, account.scheme, number,
            payout.ordered_at, payout.sent_at, payout.confirmed_at,
        )  # fmt: skip


class PayoutPage(Struct, frozen=True, forbid_unknown_fields=True):
    items: list[PayoutView]
    next_cursor: str | None


class PayoutStateView(Struct, frozen=True, forbid_unknown_fields=True):
    payout_id: UUID
    state: PayoutState
    sent_at: datetime | None
