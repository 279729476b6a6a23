"""Rails, documents and statements of the settlement: what is imported, matched, ordered, sealed and reported."""

from datetime import date, datetime
from uuid import UUID

from msgspec import Raw, Struct

from market.client.compliance import Organisation
from market.client.http import Caller


class Match(Struct, frozen=True):
    """One person's word on whose an entry in suspense is; `org_id` None is the platform itself."""

    proposal_id: UUID
    entry_id: UUID
    org_id: UUID | None
    reason: str
    proposed_by: UUID
    at: datetime


class MatchPage(Struct, frozen=True):
    items: tuple[Match, ...]
    next_cursor: str | None = None


class Sweep(Struct, frozen=True):
    """Commission (`source` commission) or tax to be paid out; a confirmed one has a payout of the same id."""

    sweep_id: UUID
    source: str
    currency: str
    amount_cents: int
    org_id: UUID
    reason: str
    proposed_by: UUID
    proposed_at: datetime
    outcome: str | None = None
    decided_by: UUID | None = None
    decided_at: datetime | None = None


class SweepPage(Struct, frozen=True):
    items: tuple[Sweep, ...]
    next_cursor: str | None = None


class WriteOff(Struct, frozen=True):
    """What the platform bears, or would, of a payment that came short."""

    write_off_id: UUID
    settlement_id: UUID
    amount_cents: int
    reason: str
    proposed_by: UUID
    proposed_at: datetime
    outcome: str | None = None
    decided_by: UUID | None = None
    decided_at: datetime | None = None


class WriteOffPage(Struct, frozen=True):
    items: tuple[WriteOff, ...]
    next_cursor: str | None = None


class UnapprovedWithdrawal(Struct, frozen=True):
    """A withdrawal that a second person looks at."""

    payout_id: UUID
    org_id: UUID
    reference: str
    amount_cents: int
    currency: str
    state: str
    ordered_at: datetime


class UnapprovedWithdrawalPage(Struct, frozen=True):
    items: tuple[UnapprovedWithdrawal, ...]
    next_cursor: str | None = None


class UnconfirmedBankAccount(Struct, frozen=True):
    """A changed bank account, without its number, and whose it is."""

    bank_account_id: UUID
    org_id: UUID
    holder_name: str
    scheme: str
    last_four: str
    usable_from_at: datetime
    created_at: datetime
    organisation: Organisation | None = None


class UnconfirmedBankAccountPage(Struct, frozen=True):
    items: tuple[UnconfirmedBankAccount, ...]
    next_cursor: str | None = None


class BankFile(Struct, frozen=True):
    """A file of payouts for the bank, by its digest."""

    bank_file_id: UUID
    format: str
    currency: str
    file_ref: str
    execute_on: date
    payout_count: int
    total_cents: int
    sha256: str
    created_at: datetime


class BankFilePage(Struct, frozen=True):
    items: tuple[BankFile, ...]
    next_cursor: str | None = None


class Divergence(Struct, frozen=True):
    kind: str
    currency: str
    subject: str
    expected_cents: int
    found_cents: int
    words: str


class CheckedCurrency(Struct, frozen=True):
    """Recomputed from the log; in order, statement = bank = claims + income."""

    currency: str
    account_count: int
    transfer_count: int
    statement_count: int
    statement_cents: int
    bank_cents: int
    claims_cents: int
    income_cents: int


class LedgerCheck(Struct, frozen=True):
    holds: bool
    currencies: tuple[CheckedCurrency, ...]
    divergences: tuple[Divergence, ...]


class SealedDocument(Struct, frozen=True):
    """`sha256` is of the file as delivered; `level` its PAdES level."""

    kind: str
    sha256: str
    base_sha256: str
    level: str
    sealed_at: datetime


class SealedDocuments(Struct, frozen=True):
    items: tuple[SealedDocument, ...]


class NoticePart(Struct, frozen=True):
    amount_cents: int
    texts: str
    name: str


class Notice(Struct, frozen=True):
    """What a camt.054 told of a batch booking; `outcome` is None while its file awaits a second person."""

    file_sha256: str
    bank_account: str
    entry_ref: str
    currency: str
    direction: str
    amount_cents: int
    parts: tuple[NoticePart, ...]
    imported_by: UUID
    imported_at: datetime
    outcome: str | None = None


class NoticeList(Struct, frozen=True):
    items: tuple[Notice, ...]


class ReportLine(Struct, frozen=True):
    on: date | None
    what: str
    of: str
    amount_cents: int
    currency: str


class ReportSum(Struct, frozen=True):
    what: str
    amount_cents: int
    currency: str


class Report(Struct, frozen=True):
    """Amounts are signed as the reader sees them."""

    title: str
    about: dict[str, str]
    lines: tuple[ReportLine, ...]
    sums: tuple[ReportSum, ...]
    made_at: datetime


class WebhookAnswer(Struct, frozen=True):
    event_id: str
    duplicate: bool


class RailsClient(Caller):
    """Beside `SettlementClient`: what operators do with the bank, and the papers that everybody takes home."""

    async def propose_match(self, entry_id: UUID, *, org_id: UUID | None, reason: str) -> Match:
        """As officer or operator, say whose an entry in suspense is; another person confirms."""
        body = {"org_id": org_id, "reason": reason}
        return await self._call("POST", f"/v1/bank-entries/{entry_id}/matches", Match, body=body)

    async def matches(self, *, limit: int = 50, cursor: str | None = None) -> MatchPage:
        """Matches that await a second person."""
        return await self._call("GET", "/v1/matches", MatchPage, query={"limit": limit, "cursor": cursor})

    async def confirm_match(self, proposal_id: UUID) -> Match:
        """As the second person, agree; the money moves."""
        return await self._call("POST", f"/v1/matches/{proposal_id}/confirmation", Match)

    async def reject_match(self, proposal_id: UUID) -> Match:
        """The entry waits on."""
        return await self._call("POST", f"/v1/matches/{proposal_id}/rejection", Match)

    async def bank_notices(self) -> NoticeList:
        """Notices that await a second person."""
        return await self._call("GET", "/v1/bank-notices", NoticeList)

    async def confirm_bank_notices(self, file_sha256: str) -> Notice:
        """As officer or operator who did not import the file, after a fresh proof: it is the bank's."""
        return await self._call("POST", f"/v1/bank-notices/{file_sha256}/confirmation", Notice)

    async def reject_bank_notices(self, file_sha256: str) -> Notice:
        """Its batches are booked as the statement has them."""
        return await self._call("POST", f"/v1/bank-notices/{file_sha256}/rejection", Notice)

    async def propose_sweep(self, source: str, *, currency: str, amount_cents: int, org_id: UUID, reason: str) -> Sweep:
        """As operator, ask for `commission` or `tax` to be paid to an organisation's bank account; another person confirms."""
        body = {
            "source": source,
            "currency": currency,
            "amount_cents": amount_cents,
            "org_id": org_id,
            "reason": reason,
        }
        return await self._call("POST", "/v1/sweeps", Sweep, body=body)

    async def sweeps(self, *, limit: int = 50, cursor: str | None = None) -> SweepPage:
        """Sweeps of commission and tax, newest first."""
        return await self._call("GET", "/v1/sweeps", SweepPage, query={"limit": limit, "cursor": cursor})

    async def confirm_sweep(self, sweep_id: UUID) -> Sweep:
        """As the second person, agree; the payout is ordered."""
        return await self._call("POST", f"/v1/sweeps/{sweep_id}/confirmation", Sweep)

    async def reject_sweep(self, sweep_id: UUID) -> Sweep:
        """Nothing leaves."""
        return await self._call("POST", f"/v1/sweeps/{sweep_id}/rejection", Sweep)

    async def propose_write_off(self, settlement_id: UUID, *, amount_cents: int, reason: str) -> WriteOff:
        """As operator, ask that the platform bears what a sale's payment came short; another person confirms."""
        body = {"amount_cents": amount_cents, "reason": reason}
        return await self._call("POST", f"/v1/settlements/{settlement_id}/write-offs", WriteOff, body=body)

    async def write_offs(self, *, limit: int = 50, cursor: str | None = None) -> WriteOffPage:
        """Open and decided ones, newest first."""
        return await self._call("GET", "/v1/write-offs", WriteOffPage, query={"limit": limit, "cursor": cursor})

    async def confirm_write_off(self, write_off_id: UUID) -> WriteOff:
        """As the second person, agree, after a fresh proof; the sale is funded."""
        return await self._call("POST", f"/v1/write-offs/{write_off_id}/confirmation", WriteOff)

    async def reject_write_off(self, write_off_id: UUID) -> WriteOff:
        """The buyer still owes what is missing."""
        return await self._call("POST", f"/v1/write-offs/{write_off_id}/rejection", WriteOff)

    async def unapproved_withdrawals(self, *, limit: int = 50, cursor: str | None = None) -> UnapprovedWithdrawalPage:
        """As officer or operator, withdrawals that no second person has approved."""
        query = {"limit": limit, "cursor": cursor}
        return await self._call("GET", "/v1/withdrawals/unapproved", UnapprovedWithdrawalPage, query=query)

    async def approve_withdrawal(self, payout_id: UUID) -> UnapprovedWithdrawal:
        """As officer or operator who imported none of its money, let another person send it."""
        return await self._call("POST", f"/v1/payouts/{payout_id}/approval", UnapprovedWithdrawal)

    async def unconfirmed_bank_accounts(
        self, *, limit: int = 50, cursor: str | None = None
    ) -> UnconfirmedBankAccountPage:
        """As officer or operator, changed bank accounts that nobody has called back about."""
        query = {"limit": limit, "cursor": cursor}
        return await self._call("GET", "/v1/bank-accounts/unconfirmed", UnconfirmedBankAccountPage, query=query)

    async def confirm_bank_account(self, bank_account_id: UUID, *, note: str) -> UnconfirmedBankAccount:
        """As officer or operator, say whom one called back, and at which number."""
        path = f"/v1/bank-accounts/{bank_account_id}/call-back"
        return await self._call("POST", path, UnconfirmedBankAccount, body={"note": note})

    async def make_bank_file(
        self, *, format_: str, currency: str, execute_on: date, payout_ids: list[UUID] | None = None
    ) -> BankFile:
        """As the operator, write ordered payouts into a file (`pain.001` or `nacha`) and mark them as sent."""
        body = {"format": format_, "currency": currency, "execute_on": execute_on, "payout_ids": payout_ids}
        return await self._call("POST", "/v1/bank-files", BankFile, body=body)

    async def bank_files(self, *, limit: int = 50, cursor: str | None = None) -> BankFilePage:
        """Files that were made, newest first."""
        return await self._call("GET", "/v1/bank-files", BankFilePage, query={"limit": limit, "cursor": cursor})

    async def download_bank_file(self, bank_file_id: UUID) -> bytes:
        """As the operator, the file itself: the same bytes every time."""
        return await self._download(f"/v1/bank-files/{bank_file_id}/content")

    async def check_ledger(self) -> LedgerCheck:
        """As the platform, every balance recomputed from the log."""
        return await self._call("GET", "/v1/ledger/check", LedgerCheck)

    async def accounting_journal(self) -> bytes:
        """As the platform, the books in the syntax of hledger."""
        return await self._download("/v1/ledger/journal")

    async def documents(self, settlement_id: UUID) -> SealedDocuments:
        """The delivered documents of a sale."""
        return await self._call("GET", f"/v1/settlements/{settlement_id}/documents", SealedDocuments)

    async def document(self, settlement_id: UUID, kind: str) -> bytes:
        """One delivered document with its seals: `agreement`, `bill_of_sale` or `affidavit`."""
        return await self._download(f"/v1/settlements/{settlement_id}/documents/{kind}")

    async def document_authority(self) -> bytes:
        """The certificate to trust when checking documents, as PEM."""
        return await self._download("/v1/document-authority")

    async def sale_statement(self, settlement_id: UUID, of: str) -> Report:
        """`seller`: the statement of proceeds; `buyer`: the closing statement."""
        return await self._call("GET", f"/v1/settlements/{settlement_id}/statements/{of}", Report)

    async def fee_report(self, *, first_on: date, last_on: date) -> Report:
        """As the platform, what was earned and given back in a period."""
        query = {"first_on": f"{first_on}", "last_on": f"{last_on}"}
        return await self._call("GET", "/v1/reports/fees", Report, query=query)

    async def escrow_ageing(self) -> Report:
        """As the platform, what is held for whom since when."""
        return await self._call("GET", "/v1/reports/escrow-ageing", Report)

    async def tell_stripe_event(self, event: bytes, signature: str) -> WebhookAnswer:
        """What Stripe itself sends; `signature` is the header `Stripe-Signature`. To try a set-up out."""
        headers = {"Stripe-Signature": signature}
        return await self._call("POST", "/v1/webhooks/stripe", WebhookAnswer, body=Raw(event), headers=headers)
