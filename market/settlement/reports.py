"""Statements for people: what it is about, its lines, its sums; as data, as CSV, and as facts of a PDF. Pure."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from market.kit.money import exponent, show
from market.settlement.documents.rendering import canonical
from market.settlement.rules import Party, Settlement, State
from market.settlement.store.ledger import Entry

_AGES = ((3, "0-3 days"), (7, "4-7 days"), (30, "8-30 days"), (90, "31-90 days"))
_OLDER = "over 90 days"
_WORDS = {
    "deposit_to_escrow": "Deposit counted towards the price",
    "funding": "Paid out of cash into escrow",
    "proceeds": "Proceeds credited",
    "payout": "Paid out",
    "holdback": "Held back for put-backs",
    "holdback_freed": "Hold-back freed",
    "refund": "Refund",
    "forfeit_to_seller": "Forfeited deposit",
    "forfeit_to_platform": "Forfeited deposit, the platform's part",
    "commission": "Commission",
    "tax": "Tax on the commission",
    "sweep": "Commission paid out to the platform",
    "remittance": "Tax remitted",
    "putback_price": "Price of a returned account",
    "putback_price_seller": "Price of a returned account, beyond the hold-back",
    "putback_buyer_fee": "Commission on a returned account, the buyer's part",
    "putback_seller_fee": "Commission on a returned account, the seller's part",
    "putback_buyer_tax": "Tax on that commission, the buyer's part",
    "putback_seller_tax": "Tax on that commission, the seller's part",
    "penalty": "Penalty of the seller in default",
    "write_off": "Missing of the payment, borne by the platform",
    "write_off_covered": "Missing of a payment, borne by the platform",
    "charge_covered": "Charge of the bank, borne by the platform",
}


@dataclass(frozen=True, slots=True)
class ReportLine:
    """One line; `amount_cents` is signed as its reader sees it."""

    on: date | None
    what: str
    of: str
    amount_cents: int
    currency: str


@dataclass(frozen=True, slots=True)
class Sum:
    what: str
    amount_cents: int
    currency: str


@dataclass(frozen=True, slots=True)
class Report:
    """`about` are pairs of label and text."""

    title: str
    about: tuple[tuple[str, str], ...]
    lines: tuple[ReportLine, ...]
    sums: tuple[Sum, ...]
    made_at: datetime

    def csv(self) -> str:
        """One row a line, amounts in decimals without grouping; text that a spreadsheet would calculate is quoted."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\r\n")
        writer.writerow(("on", "what", "of", "amount", "currency"))
        for line in self.lines:
            amount = _decimal(line.amount_cents, line.currency)
            writer.writerow((line.on or "", _inert(line.what), _inert(line.of), amount, line.currency))
        for each in self.sums:
            writer.writerow(
                ("", _inert(f"sum: {each.what}"), "", _decimal(each.amount_cents, each.currency), each.currency)
            )
        return out.getvalue()

    def facts(self) -> str:
        """Canonical facts for the template `statement_v1`."""
        return canonical(
            {
                "template": "statement_v1",
                "title": self.title,
                "about": self.about,
                "lines": [
                    [f"{line.on or ''}", line.what, line.of, show(line.amount_cents, line.currency)]
                    for line in self.lines
                ],
                "sums": [[each.what, show(each.amount_cents, each.currency)] for each in self.sums],
                "made_at": f"{self.made_at:%Y-%m-%d %H:%M} UTC",
            }
        )


def proceeds(sale: Settlement, pool: str, cash_name: str, entries: Sequence[Entry], now: datetime) -> Report:
    """The seller's: price, what was deducted, and every movement of its cash that belongs to the sale."""
    money = sale.currency
    sums = (
        Sum("Hammer price", sale.hammer_cents, money),
        Sum("Commission borne by the seller", -sale.seller_fee_cents, money),
        *_tax(sale, Party.SELLER, -sale.seller_tax_cents),
        Sum("Held back for put-backs", -sale.holdback_cents, money),
        Sum("Proceeds", sale.proceeds_cents, money),
        *_refunds(sale, sale.refunded_seller_fee_cents, sale.refunded_seller_tax_cents, sign=-1),
    )
    lines = _movements(entries, cash_name, {**_WORDS, "payout": _payout(sale.state)})
    return Report("Statement of proceeds", _about(sale, pool), lines, sums, now)


def closing(sale: Settlement, pool: str, cash_name: str, entries: Sequence[Entry], now: datetime) -> Report:
    """The buyer's: price and commission, the deposit, and every movement of its cash that belongs to the sale."""
    money = sale.currency
    sums = (
        Sum("Hammer price", sale.hammer_cents, money),
        Sum("Commission borne by the buyer", sale.buyer_fee_cents, money),
        *_tax(sale, Party.BUYER, sale.buyer_tax_cents),
        Sum("Total price", sale.price_cents, money),
        Sum("Deposit counted towards it", -sale.deposit_cents, money),
        Sum("Due at closing", sale.due_cents, money),
        *_refunds(sale, sale.refunded_buyer_fee_cents, sale.refunded_buyer_tax_cents, sign=1),
    )
    return Report("Closing statement", _about(sale, pool), _movements(entries, cash_name), sums, now)


@dataclass(frozen=True, slots=True)
class Earned:
    """One change of the platform's income: positive earned, negative given back."""

    at: datetime
    kind: str
    subject: str
    amount_cents: int
    currency: str


def fees(earned: Sequence[Earned], first_on: date, last_on: date, now: datetime) -> Report:
    """The operator's: what was earned and given back from `first_on` to `last_on`, both included."""
    lines = [
        ReportLine(
            each.at.date(),
            _WORDS.get(each.kind, each.kind.replace("_", " ")),
            each.subject,
            each.amount_cents,
            each.currency,
        )
        for each in earned
    ]
    about = (("Period", f"{first_on} to {last_on}"), ("Movements", f"{len(lines):,}"))
    return Report("Fee report", about, tuple(lines), _sums_by_kind(lines), now)


@dataclass(frozen=True, slots=True)
class Held:
    """Money that is held for somebody since an instant."""

    account: str
    currency: str
    amount_cents: int
    since_at: datetime


def ageing(held: Sequence[Held], now: datetime) -> Report:
    """How long money has been held in escrow, deposits, hold-backs and suspense; the oldest first."""
    lines = [
        ReportLine(each.since_at.date(), _age(each, now), each.account, each.amount_cents, each.currency)
        for each in sorted(held, key=lambda one: one.since_at)
    ]
    return Report(
        "Ageing of escrow", (("As of", f"{now:%Y-%m-%d %H:%M} UTC"),), tuple(lines), _sums_by_kind(lines), now
    )


def _age(held: Held, now: datetime) -> str:
    days = (now - held.since_at).days
    return next((words for most, words in _AGES if days <= most), _OLDER)


def _about(sale: Settlement, pool: str) -> tuple[tuple[str, str], ...]:
    return (
        ("Agreement", sale.reference),
        ("Pool", pool),
        ("State", sale.state.value.replace("_", " ")),
        ("Awarded", f"{sale.awarded_at:%Y-%m-%d}"),
    )


def _tax(sale: Settlement, party: Party, amount_cents: int) -> tuple[Sum, ...]:
    """The tax on a party's part of the commission, named as its rule names it; nothing without a rule."""
    rules = [rule for rule in sale.tax if rule["party"] == party.value]
    return tuple(
        Sum(f"{rule['name']} {rate(int(str(rule['rate_bps'])))} on the commission", amount_cents, sale.currency)
        for rule in rules
    )


def rate(bps: int) -> str:
    return f"{bps // 100}.{bps % 100:02d} %"


def _refunds(sale: Settlement, fee_cents: int, tax_cents: int, *, sign: int) -> tuple[Sum, ...]:
    """What accounts that went back to the seller changed; nothing if none did."""
    if not sale.refunded_price_cents:
        return ()
    return (
        Sum("Price of returned accounts", sign * sale.refunded_price_cents, sale.currency),
        Sum("Commission on returned accounts", fee_cents, sale.currency),
        *([Sum("Tax on that commission", tax_cents, sale.currency)] if tax_cents else ()),
    )


def _payout(state: State) -> str:
    """What may be said of the payout: the ledger takes it from cash when it is ordered, and only the bank's statement pays it."""
    match state:
        case State.RELEASED:
            return "Payout ordered, not paid yet"
        case State.PAYOUT_SENT:
            return "Payout sent to the bank, not confirmed yet"
        case _:
            return _WORDS["payout"]


def _movements(entries: Sequence[Entry], cash_name: str, words: Mapping[str, str] = _WORDS) -> tuple[ReportLine, ...]:
    return tuple(
        ReportLine(
            entry.at.date(),
            words.get(entry.kind, entry.kind.replace("_", " ").capitalize()),
            f"{entry.transfer_id}",
            entry.posted_cents if entry.credit == cash_name else -entry.posted_cents,
            entry.currency,
        )
        for entry in entries
        if cash_name in (entry.debit, entry.credit) and entry.posted_cents
    )


def _sums_by_kind(lines: Sequence[ReportLine]) -> tuple[Sum, ...]:
    """Of each kind of line and currency, then of each currency."""
    kinds = dict.fromkeys((line.what, line.currency) for line in lines)
    by_kind = [
        Sum(what, sum(line.amount_cents for line in lines if (line.what, line.currency) == (what, money)), money)
        for what, money in sorted(kinds)
    ]
    currencies = sorted({line.currency for line in lines})
    whole = [
        Sum("Total", sum(each.amount_cents for each in lines if each.currency == money), money) for money in currencies
    ]
    return (*by_kind, *whole)


def _inert(text: str) -> str:
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


def _decimal(cents: int, currency: str) -> str:
    digits = exponent(currency)
    return f"{Decimal(cents).scaleb(-digits):.{digits}f}"


# The books as a plain-text accounting journal, in the syntax of hledger (1.x) and Ledger.

_ROOTS = {
    "bank": "assets", "clearing": "liabilities", "org": "liabilities", "deposit": "liabilities", "escrow": "liabilities",
    "holdback": "liabilities", "tax": "liabilities", "rev": "income", "loss": "expenses", "fx": "equity",
}  # fmt: skip


def journal_entry(entry: Entry) -> str:
    """A posted transfer as one transaction of two postings that sum to zero; empty if nothing was posted."""
    if not entry.posted_cents:
        return ""
    on = (entry.resolved_at or entry.at).date()
    amount = _decimal(entry.posted_cents, entry.currency)
    return (
        f"{on} * {entry.kind} | {entry.subject}  ; transfer:{entry.transfer_id}\n"
        f"    {journal_account(entry.debit)}  {amount} {entry.currency}\n"
        f"    {journal_account(entry.credit)}  -{amount} {entry.currency}\n\n"
    )


def journal_account(name: str) -> str:
    """A ledger account's name in the accountant's tree, e.g. `liabilities:escrow:…`."""
    return f"{_ROOTS[name.split(':', 1)[0]]}:{name}"
