"""Deposits, bank statements, the ledger, settlements, and the sale file."""

import asyncio
import base64
from collections.abc import Callable
from datetime import date, datetime
from uuid import UUID

from msgspec import Struct

from market.client.http import Caller


class Deposit(Struct, frozen=True):
    auction_id: UUID
    amount_cents: int
    currency: str
    transfer_id: UUID | None = None


class EscrowAccount(Struct, frozen=True):
    holder: str
    iban: str | None = None
    bic: str | None = None
    bank_name: str | None = None
    routing_number: str | None = None
    account_number: str | None = None


class BankAccount(Struct, frozen=True):
    """`payment_reference` belongs on every wire to the escrow account `pay_to`; the rest says where we are paid to."""

    payment_reference: str
    pay_to: EscrowAccount | None = None
    holder_name: str | None = None
    scheme: str | None = None
    last_four: str | None = None
    usable_from_at: datetime | None = None
    awaits_call_back: bool = False


class BankEntry(Struct, frozen=True):
    entry_id: UUID
    statement_id: UUID
    entry_ref: str
    direction: str
    amount_cents: int
    currency: str
    booked_on: date | None = None
    remittance: str = ""


class BankEntryPage(Struct, frozen=True):
    items: tuple[BankEntry, ...]
    next_cursor: str | None = None


class Statement(Struct, frozen=True):
    statement_id: UUID
    bank_account: str
    statement_ref: str
    currency: str
    opening_cents: int
    closing_cents: int
    entry_count: int
    file_sha256: str
    imported_at: datetime


class StatementPage(Struct, frozen=True):
    items: tuple[Statement, ...]
    next_cursor: str | None = None


class Import(Struct, frozen=True):
    """What one statement changed; `suspense` are entries that nobody was found for."""

    statement: Statement
    matched_count: int
    suspense: tuple[BankEntry, ...] = ()
    funded_settlement_ids: tuple[UUID, ...] = ()
    paid_out_settlement_ids: tuple[UUID, ...] = ()


class Imports(Struct, frozen=True):
    statements: tuple[Import, ...]


class LedgerAccount(Struct, frozen=True):
    account_id: UUID
    name: str
    currency: str
    balance_cents: int
    available_cents: int


class LedgerAccountPage(Struct, frozen=True):
    items: tuple[LedgerAccount, ...]
    next_cursor: str | None = None


class LedgerTransfer(Struct, frozen=True):
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
    resolved_at: datetime | None = None


class LedgerTransferPage(Struct, frozen=True):
    items: tuple[LedgerTransfer, ...]
    next_cursor: str | None = None


class CurrencyBooks(Struct, frozen=True):
    currency: str
    debits_cents: int
    credits_cents: int
    difference_cents: int
    bank_cents: int
    claims_cents: int
    income_cents: int
    bank_difference_cents: int
    holds: bool
    statement_cents: int = 0
    unmatched_debits_cents: int = 0
    statement_difference_cents: int = 0
    drifted_account_count: int = 0


class TrialBalance(Struct, frozen=True):
    """`holds` if every difference is 0."""

    holds: bool
    currencies: tuple[CurrencyBooks, ...]


class Signature(Struct, frozen=True):
    party: str
    typed_name: str
    agreement_sha256: str
    signed_at: datetime


class Settlement(Struct, frozen=True, kw_only=True):
    """`due_cents` is what the buyer pays beyond its deposit, with `payment_reference` on the wire.

    Its `origin` is an auction (`auction_id`) or a forward flow (`delivery_id`).
    """

    settlement_id: UUID
    payment_reference: str
    auction_id: UUID | None
    pool_id: UUID
    seller_org_id: UUID
    buyer_org_id: UUID
    currency: str
    state: str
    hammer_cents: int
    buyer_fee_cents: int
    seller_fee_cents: int
    price_cents: int
    deposit_cents: int
    due_cents: int
    proceeds_cents: int
    awarded_at: datetime
    sign_by_at: datetime | None = None
    pay_by_at: datetime | None = None
    putback_until_at: datetime | None = None
    ended_at: datetime | None = None
    buyer_tax_cents: int = 0
    seller_tax_cents: int = 0
    penalty_cents: int = 0
    penalty_paid_cents: int = 0
    account_count: int = 0
    face_value_cents: int = 0
    holdback_cents: int = 0
    refunded_cents: int = 0
    held: bool = False
    origin: str = "auction"
    delivery_id: UUID | None = None
    signatures: tuple[Signature, ...] | None = None
    seller_name: str | None = None
    buyer_name: str | None = None


class SettlementPage(Struct, frozen=True):
    items: tuple[Settlement, ...]
    next_cursor: str | None = None


class ReleasedKey(Struct, frozen=True):
    """An HPKE encapsulated key and ciphertext (base64), and the info it was sealed under."""

    sealed_key: str
    info: str


class SaleKey(Struct, frozen=True):
    """`sale` opens the sale file, `commitment` the commitment's salts; both with the buyer's private key."""

    settlement_id: UUID
    file_sha256: str
    leaves_sha256: str
    sale: ReleasedKey
    commitment: ReleasedKey


class Payout(Struct, frozen=True):
    payout_id: UUID
    state: str
    settlement_id: UUID | None = None
    org_id: UUID | None = None
    reference: str = ""
    amount_cents: int = 0
    currency: str = ""
    holder_name: str = ""
    scheme: str = ""
    account_number: str | None = ""
    ordered_at: datetime | None = None
    sent_at: datetime | None = None
    confirmed_at: datetime | None = None


class PayoutPage(Struct, frozen=True):
    items: tuple[Payout, ...]
    next_cursor: str | None = None


class SettlementClient(Caller):
    async def place_deposit(self, auction_id: UUID, *, key: str) -> Deposit:
        """Reserve the deposit out of the own escrow balance, and be registered as a bidder."""
        headers = {"Idempotency-Key": key}
        return await self._call("POST", f"/v1/auctions/{auction_id}/deposit", Deposit, headers=headers)

    async def bank_account(self) -> BankAccount:
        """How to pay in, and where we are paid to."""
        return await self._call("GET", "/v1/bank-account", BankAccount)

    async def put_bank_account(
        self,
        *,
        holder_name: str,
        iban: str | None = None,
        routing_number: str | None = None,
        account_number: str | None = None,
    ) -> BankAccount:
        """Say where to be paid to: an iban, or a routing number with an account number."""
        body = {
            "holder_name": holder_name,
            "iban": iban,
            "routing_number": routing_number,
            "account_number": account_number,
        }
        return await self._call("PUT", "/v1/bank-account", BankAccount, body=body)

    async def import_statement(self, statement: bytes) -> Imports:
        """As the operator, import a file of the bank: camt.053, camt.054, MT940 or BAI2."""
        return await self._send("/v1/bank-statements", Imports, content=statement, media_type="application/xml")

    async def statements(self, *, limit: int = 50, cursor: str | None = None) -> StatementPage:
        """Imported statements."""
        query = {"limit": limit, "cursor": cursor}
        return await self._call("GET", "/v1/bank-statements", StatementPage, query=query)

    async def suspense(self, *, limit: int = 50, cursor: str | None = None) -> BankEntryPage:
        """Bank entries that nobody was found for."""
        query = {"limit": limit, "cursor": cursor}
        return await self._call("GET", "/v1/bank-entries/suspense", BankEntryPage, query=query)

    async def ledger_accounts(self, *, limit: int = 50, cursor: str | None = None) -> LedgerAccountPage:
        """The own ledger accounts; for the operator, all."""
        query = {"limit": limit, "cursor": cursor}
        return await self._call("GET", "/v1/ledger/accounts", LedgerAccountPage, query=query)

    async def ledger_transfers(self, *, limit: int = 50, cursor: str | None = None) -> LedgerTransferPage:
        """The own ledger transfers; for the operator, all."""
        query = {"limit": limit, "cursor": cursor}
        return await self._call("GET", "/v1/ledger/transfers", LedgerTransferPage, query=query)

    async def trial_balance(self) -> TrialBalance:
        """As the operator, prove the books."""
        return await self._call("GET", "/v1/ledger/trial-balance", TrialBalance)

    async def withdraw(self, *, amount_cents: int, currency: str, key: str) -> Payout:
        """Have free cash paid out to our bank account."""
        body, headers = {"amount_cents": amount_cents, "currency": currency}, {"Idempotency-Key": key}
        return await self._call("POST", "/v1/withdrawals", Payout, body=body, headers=headers)

    async def withdrawals(self, *, limit: int = 50, cursor: str | None = None) -> PayoutPage:
        """What was paid out to us."""
        return await self._call("GET", "/v1/withdrawals", PayoutPage, query={"limit": limit, "cursor": cursor})

    async def payouts(self, *, state: str | None = None, limit: int = 50, cursor: str | None = None) -> PayoutPage:
        """As the operator, orders to the bank."""
        query = {"state": state, "limit": limit, "cursor": cursor}
        return await self._call("GET", "/v1/payouts", PayoutPage, query=query)

    async def dispatch_payout(self, payout_id: UUID) -> Payout:
        """As the operator, note that the bank has the order."""
        return await self._call("POST", f"/v1/payouts/{payout_id}/dispatch", Payout)

    async def specimen_agreement(self, auction_id: UUID) -> bytes:
        """The agreement that the winner will sign, as a PDF without parties."""
        return await self._download(f"/v1/auctions/{auction_id}/agreement")

    async def settlements(self, *, limit: int = 50, cursor: str | None = None) -> SettlementPage:
        """The own settlements; for the platform, all."""
        query = {"limit": limit, "cursor": cursor}
        return await self._call("GET", "/v1/settlements", SettlementPage, query=query)

    async def settlement(self, settlement_id: UUID) -> Settlement:
        """One settlement with its signatures."""
        return await self._call("GET", f"/v1/settlements/{settlement_id}", Settlement)

    async def wait_for_settlement(
        self, auction_id: UUID, until: Callable[[Settlement], bool], *, timeout_s: float = 60, poll_s: float = 0.2
    ) -> Settlement:
        """The settlement of an auction, once it is there and `until` holds. Raises `TimeoutError`."""
        async with asyncio.timeout(timeout_s):
            while True:
                found = await self._settlement_of(auction_id)
                if found is not None and until(found):
                    return found
                await asyncio.sleep(poll_s)

    async def _settlement_of(self, auction_id: UUID) -> Settlement | None:
        cursor: str | None = None
        while True:
            page = await self.settlements(limit=200, cursor=cursor)
            for found in page.items:
                if found.auction_id == auction_id:
                    return found
            cursor = page.next_cursor
            if cursor is None:
                return None

    async def agreement(self, settlement_id: UUID) -> bytes:
        """The purchase and sale agreement (PDF); its SHA-256 is what is signed."""
        return await self._download(f"/v1/settlements/{settlement_id}/agreement")

    async def sign_agreement(
        self,
        settlement_id: UUID,
        *,
        agreement_sha256: str,
        typed_name: str,
        recipient_public_key: bytes | None = None,
    ) -> Settlement:
        """Sign. The buyer adds its X25519 public key (32 bytes), to which the sale file's key is sealed."""
        key = None if recipient_public_key is None else base64.b64encode(recipient_public_key).decode()
        body = {"agreement_sha256": agreement_sha256, "typed_name": typed_name, "recipient_public_key": key}
        return await self._call("POST", f"/v1/settlements/{settlement_id}/signature", Settlement, body=body)

    async def ask_cancellation(self, settlement_id: UUID, *, reason: str) -> Settlement:
        """Ask for the sale to be undone."""
        path = f"/v1/settlements/{settlement_id}/cancellation"
        return await self._call("POST", path, Settlement, body={"reason": reason})

    async def prepare_release(self, settlement_id: UUID) -> Settlement:
        """As officer A, prepare the release of money and file."""
        return await self._call("POST", f"/v1/settlements/{settlement_id}/release-preparation", Settlement)

    async def approve_release(self, settlement_id: UUID) -> Settlement:
        """As officer B, release what another officer prepared."""
        return await self._call("POST", f"/v1/settlements/{settlement_id}/release-approval", Settlement)

    async def sale_key(self, settlement_id: UUID) -> SaleKey:
        """As the buyer, the keys of the sale file, sealed to our public key."""
        return await self._call("GET", f"/v1/settlements/{settlement_id}/sale-key", SaleKey)

    async def sale_file(self, settlement_id: UUID) -> bytes:
        """As the buyer, the sealed sale file."""
        return await self._download(f"/v1/settlements/{settlement_id}/sale-file")

    async def leaves_file(self, settlement_id: UUID) -> bytes:
        """As the buyer, the sealed leaves of the pool's commitment."""
        return await self._download(f"/v1/settlements/{settlement_id}/leaves-file")
