"""Statements and payouts on the wire."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from msgspec import Meta, Struct

from market.kit.pages import Page
from market.parties.rules import Known
from market.parties.schemas import PartyView
from market.settlement.rails.providers import Format
from market.settlement.rules import PayoutState
from market.settlement.service import FileOrder, Imported
from market.settlement.store.bank import BankAccount, BankEntry, KeptStatement, Payout
from market.settlement.store.bankfiles import BankFile
from market.settlement.store.notices import KeptNotice
from market.settlement.store.suspense import Proposal


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
    """`suspense` lists the first 200 entries that nobody was found for; their credits wait in `clearing:in`."""

    statement: StatementView
    matched_count: int
    suspense_count: int
    suspense: list[BankEntryView]
    funded_settlement_ids: list[UUID]
    paid_out_settlement_ids: list[UUID]

    @classmethod
    def from_import(cls, imported: Imported) -> Self:
        return cls(
            StatementView.from_statement(imported.statement),
            imported.matched_count,
            len(imported.suspense),
            [BankEntryView.from_entry(entry) for entry in imported.suspense[:200]],
            [each.settlement_id for each in imported.funded],
            [each.settlement_id for each in imported.confirmed],
        )


class ImportsView(Struct, frozen=True, forbid_unknown_fields=True):
    """`notice_count` is how many notices of batch bookings were new."""

    statements: list[ImportView]
    notice_count: int


class MatchIn(Struct, frozen=True, forbid_unknown_fields=True):
    """`org_id` null: the platform's own, for debits alone."""

    org_id: UUID | None
    reason: Annotated[str, Meta(min_length=1, max_length=500)]


class MatchView(Struct, frozen=True, forbid_unknown_fields=True):
    proposal_id: UUID
    entry_id: UUID
    org_id: UUID | None
    reason: str
    proposed_by: UUID
    at: datetime

    @classmethod
    def from_proposal(cls, found: Proposal) -> Self:
        return cls(found.proposal_id, found.entry_id, found.org_id, found.reason, found.proposed_by, found.at)


class MatchPage(Struct, frozen=True, forbid_unknown_fields=True):
    items: list[MatchView]
    next_cursor: str | None

    @classmethod
    def from_page(cls, page: Page[Proposal]) -> Self:
        return cls([MatchView.from_proposal(found) for found in page.items], page.next_cursor)


class NoticePart(Struct, frozen=True, forbid_unknown_fields=True):
    amount_cents: int
    texts: str
    name: str


class NoticeView(Struct, frozen=True, forbid_unknown_fields=True):
    """What a camt.054 told of one batch booking. The word of a second person is about its whole file, by `file_sha256`.

    `outcome` is confirmed or rejected; null while it awaits that word.
    """

    file_sha256: str
    bank_account: str
    entry_ref: str
    notice_ref: str
    currency: str
    direction: str
    amount_cents: int
    parts: list[NoticePart]
    imported_by: UUID
    imported_at: datetime
    outcome: str | None

    @classmethod
    def from_kept(cls, found: KeptNotice) -> Self:
        told = found.notice
        return cls(
            found.file_sha256, told.bank_account, told.entry_ref, told.notice_ref, told.currency,
            "credit" if told.credit else "debit", told.amount_cents,
            [NoticePart(each.amount_cents, each.texts, each.name) for each in told.parts],
            found.imported_by, found.imported_at, found.outcome,
        )  # fmt: skip


class NoticeList(Struct, frozen=True, forbid_unknown_fields=True):
    """File by file, the first imported first, 200 at most and no file in part."""

    items: list[NoticeView]


class PayoutView(Struct, frozen=True, forbid_unknown_fields=True):
    """An order to the bank: pay `amount_cents` to the account, with `reference` as end-to-end identification.

    `account_number` is null once its party was erased by rule.
    """

    payout_id: UUID
    settlement_id: UUID | None
    org_id: UUID
    reference: str
    amount_cents: int
    currency: str
    state: PayoutState
    holder_name: str
    scheme: str
    account_number: str | None
    ordered_at: datetime
    sent_at: datetime | None
    confirmed_at: datetime | None

    @classmethod
    def from_payout(cls, payout: Payout, account: BankAccount, number: str | None) -> Self:
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


class UnapprovedView(Struct, frozen=True, forbid_unknown_fields=True):
    """A withdrawal without the number that it goes to."""

    payout_id: UUID
    org_id: UUID
    reference: str
    amount_cents: int
    currency: str
    state: PayoutState
    ordered_at: datetime

    @classmethod
    def from_payout(cls, payout: Payout) -> Self:
        return cls(
            payout.payout_id, payout.org_id, payout.reference, payout.amount_cents, payout.currency, payout.state,
            payout.ordered_at,
        )  # fmt: skip


class CallBackIn(Struct, frozen=True, forbid_unknown_fields=True):
    note: Annotated[str, Meta(min_length=10, max_length=500, description="whom you spoke to, and at which number")]


class UnconfirmedView(Struct, frozen=True, forbid_unknown_fields=True):
    """A changed bank account, without its number. `organisation`, in the list: whose it is, and how it was reached before."""

    bank_account_id: UUID
    org_id: UUID
    holder_name: str
    scheme: str
    last_four: str
    usable_from_at: datetime
    created_at: datetime
    organisation: PartyView | None

    @classmethod
    def from_account(cls, account: BankAccount, known: Known | None = None) -> Self:
        return cls(
            account.bank_account_id, account.org_id, account.holder_name, account.scheme, account.last_four,
            account.usable_from_at, account.created_at, PartyView.of(known) if known else None,
        )  # fmt: skip


class UnconfirmedPage(Struct, frozen=True, forbid_unknown_fields=True):
    items: list[UnconfirmedView]
    next_cursor: str | None

    @classmethod
    def from_page(cls, page: Page[BankAccount], known: Mapping[UUID, Known]) -> Self:
        return cls(
            [UnconfirmedView.from_account(account, known[account.org_id]) for account in page.items], page.next_cursor
        )


class UnapprovedPage(Struct, frozen=True, forbid_unknown_fields=True):
    items: list[UnapprovedView]
    next_cursor: str | None

    @classmethod
    def from_page(cls, page: Page[Payout]) -> Self:
        return cls([UnapprovedView.from_payout(payout) for payout in page.items], page.next_cursor)


class BankFileIn(Struct, frozen=True, forbid_unknown_fields=True):
    """Without `payout_ids`: all ordered payouts of the currency that the format can pay, 1,000 at most."""

    format: Format
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")]
    execute_on: date
    payout_ids: Annotated[list[UUID], Meta(min_length=1, max_length=1000)] | None = None

    def asked(self) -> FileOrder:
        ids = None if self.payout_ids is None else tuple(self.payout_ids)
        return FileOrder(self.format, self.currency, self.execute_on, ids)


class BankFileView(Struct, frozen=True, forbid_unknown_fields=True):
    bank_file_id: UUID
    format: str
    currency: str
    file_ref: str
    execute_on: date
    payout_count: int
    total_cents: int
    sha256: str
    created_at: datetime

    @classmethod
    def from_file(cls, file: BankFile) -> Self:
        return cls(
            file.bank_file_id, file.format, file.currency, file.file_ref, file.execute_on, file.payout_count,
            file.total_cents, file.sha256, file.created_at,
        )  # fmt: skip


class BankFilePage(Struct, frozen=True, forbid_unknown_fields=True):
    items: list[BankFileView]
    next_cursor: str | None

    @classmethod
    def from_page(cls, page: Page[BankFile]) -> Self:
        return cls([BankFileView.from_file(file) for file in page.items], page.next_cursor)


class WebhookView(Struct, frozen=True, forbid_unknown_fields=True):
    """`duplicate`: it was told before, and nothing was done again."""

    event_id: str
    duplicate: bool
