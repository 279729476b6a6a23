"""What a check of the ledger finds: the books recomputed from the log, against the counters, the claims and the bank."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from market.kit.money import show


class Kind(StrEnum):
    COUNTER_DRIFTED = "counter_drifted"
    OVERDRAWN = "overdrawn"
    TRANSFER_CHANGED = "transfer_changed"
    BANK_IS_NOT_CLAIMS = "bank_is_not_claims"
    STATEMENT_IS_NOT_BANK = "statement_is_not_bank"
    CHAIN_BROKEN = "chain_broken"
    STATEMENT_OPEN = "statement_does_not_tie_out"
    ENTRY_NOT_BOOKED = "entry_not_booked"
    BOOKED_WITHOUT_ENTRY = "booked_without_entry"
    DEBIT_UNMATCHED = "debit_unmatched"


@dataclass(frozen=True, slots=True)
class Divergence:
    """Two values of one thing that should be the same, in minor units; `subject` names the thing."""

    kind: Kind
    currency: str
    subject: str
    expected_cents: int
    found_cents: int

    @property
    def words(self) -> str:
        """What is wrong, in one sentence for people."""
        return f"{self.currency}: {_words(self)}"


@dataclass(frozen=True, slots=True)
class Totals:
    """One currency, recomputed from the log alone. In order `statement_cents` = `bank_cents` = claims + income."""

    currency: str
    account_count: int
    transfer_count: int
    statement_count: int
    statement_cents: int
    bank_cents: int
    claims_cents: int
    income_cents: int


@dataclass(frozen=True, slots=True)
class Checked:
    """A check of the whole ledger, of one instant. `divergences` are cut at 1,000."""

    totals: Sequence[Totals]
    divergences: Sequence[Divergence]

    @property
    def holds(self) -> bool:
        return not self.divergences

    def lines(self) -> list[str]:
        """The report for people."""
        told = [_totals_line(each) for each in self.totals] or ["the ledger is empty"]
        told += [f"DIVERGES  {each.words}" for each in self.divergences]
        count = len(self.divergences)
        return [*told, "the books hold" if self.holds else f"{count} divergence{'s' if count > 1 else ''}"]


@dataclass(frozen=True, slots=True)
class KeptCheck:
    """A daily check as it was kept; `lines` is its report for people, cut at 100 divergences."""

    check_id: UUID
    checked_at: datetime
    divergence_count: int
    lines: Sequence[str]


def _totals_line(each: Totals) -> str:
    money = each.currency
    return (
        f"{money}: statement {show(each.statement_cents, money)} | bank:fbo {show(each.bank_cents, money)} | "
        f"claims {show(each.claims_cents, money)} + income {show(each.income_cents, money)} "
        f"({each.account_count:,} accounts, {each.transfer_count:,} transfers, {each.statement_count:,} statements)"
    )


def _words(it: Divergence) -> str:  # noqa: C901 - one arm a kind
    expected, found = show(it.expected_cents, it.currency), show(it.found_cents, it.currency)
    match it.kind:
        case Kind.COUNTER_DRIFTED:
            return f"the counter {it.subject} says {found}, its transfers make {expected}"
        case Kind.OVERDRAWN:
            return f"the transfers of {it.subject} leave it below zero: {found}"
        case Kind.TRANSFER_CHANGED:
            return f"the transfer {it.subject} is not what its digest was made of"
        case Kind.BANK_IS_NOT_CLAIMS:
            return f"bank:fbo holds {found}, but claims and income make {expected}"
        case Kind.STATEMENT_IS_NOT_BANK:
            return f"the last statement closes with {expected}, but bank:fbo holds {found}"
        case Kind.CHAIN_BROKEN:
            return f"the statement {it.subject} opens with {found}, the one before it closed with {expected}"
        case Kind.STATEMENT_OPEN:
            return f"the statement {it.subject} closes with {expected}, but opening and entries make {found}"
        case Kind.ENTRY_NOT_BOOKED:
            return f"the bank's credit {it.subject} of {expected} is booked with {found}"
        case Kind.BOOKED_WITHOUT_ENTRY:
            return f"the transfer {it.subject} books {found} from the bank, whose statements show {expected}"
        case Kind.DEBIT_UNMATCHED:
            return f"{found} left the bank without an order (bank's reference {it.subject})"
        case _:
            assert_never(it.kind)
