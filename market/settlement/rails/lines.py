"""What every format of a bank statement is read into, and what must hold of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from market.kit.money import MAX_CENTS, exponent, is_currency, show
from market.settlement.rules import StatementUnreadable, find_references

MAX_BYTES = 100_000_000
MAX_ENTRIES = 100_000
MAX_STATEMENTS = 100
MAX_REF = 80
_MAX_REMITTANCE = 500


@dataclass(frozen=True, slots=True)
class Line:
    """One booked movement. `texts` hold what the payer wrote; `reversal` undoes an earlier movement.

    `name` is who paid, as the payer's bank has it; empty where the format or the bank does not say. `told_by` is the SHA-256 of
    the notice that told of this part of a batch; None for what the statement itself says.
    """

    entry_ref: str
    credit: bool
    amount_cents: int
    booked_on: date | None
    texts: str
    reversal: bool
    name: str = ""
    told_by: str | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """Ties out: `opening_cents` + credits - debits = `closing_cents`; refs are unique. Balances may be negative."""

    bank_account: str
    statement_ref: str
    currency: str
    opening_cents: int
    closing_cents: int
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Notice:
    """The parts of one batch booking (`entry_ref`), told apart from the statement that books it; they sum to it."""

    bank_account: str
    notice_ref: str
    entry_ref: str
    currency: str
    credit: bool
    amount_cents: int
    parts: tuple[Line, ...]


def tied_out(
    place: str,
    *,
    bank_account: str,
    statement_ref: str,
    currency: str,
    opening_cents: int,
    closing_cents: int,
    lines: Iterable[Line],
) -> Statement:
    """The statement, if it may be used. Raises `StatementUnreadable` naming `place` and what is wrong."""
    if not (0 < len(bank_account) <= MAX_REF and 0 < len(statement_ref) <= MAX_REF):
        raise StatementUnreadable(f"{place} lacks its id or its account's number")
    kept = tuple(lines)
    if len(kept) > MAX_ENTRIES:
        raise StatementUnreadable(f"{place} has more than {MAX_ENTRIES} entries")
    seen: set[str] = set()
    for line in kept:
        if line.entry_ref in seen:
            raise StatementUnreadable(f"{place} names two entries by the same reference, {line.entry_ref}")
        seen.add(line.entry_ref)
    total = opening_cents + sum(line.amount_cents if line.credit else -line.amount_cents for line in kept)
    if total != closing_cents:
        raise StatementUnreadable(
            f"{place} does not tie out: opening and entries make {show(total, currency)}, "
            f"it closes with {show(closing_cents, currency)}"
        )
    return Statement(bank_account, statement_ref, currency, opening_cents, closing_cents, kept)


def line_of(
    place: str, *, entry_ref: str, credit: bool, amount_cents: int, booked_on: date | None, texts: str, reversal: bool
) -> Line:
    """A line, if it may be used; the text is cut, so that no more than 500 characters are kept."""
    if not 0 < len(entry_ref) <= MAX_REF:
        raise StatementUnreadable(f"{place} has no reference of the bank")
    if amount_cents <= 0:
        raise StatementUnreadable(f"{place} is of no amount")
    return Line(entry_ref, credit, amount_cents, booked_on, texts[:_MAX_REMITTANCE], reversal)


def cents(amount: Decimal | None, currency: str, place: str) -> int:
    """An amount in minor units, exactly. Raises `StatementUnreadable` if it has a part of one, or is none."""
    if not is_currency(currency):
        raise StatementUnreadable(f"{place} is not in a currency traded here")
    scaled = None if amount is None else amount.scaleb(exponent(currency))
    if scaled is None or scaled != int(scaled) or abs(scaled) > MAX_CENTS:
        raise StatementUnreadable(f"{place} has no amount in whole minor units")
    return int(scaled)


def day(yymmdd: str, place: str) -> date:
    """The day that six digits mean, in this century."""
    try:
        return datetime.strptime(f"20{yymmdd} +0000", "%Y%m%d %z").date()
    except ValueError:
        raise StatementUnreadable(f"{place} has no readable date") from None


def joined(parts: list[str]) -> str:
    """Lines of a text that the bank broke at a fixed width, also where that cut a reference in two."""
    spaced = " ".join(part.strip() for part in parts if part.strip())
    cut = find_references("".join(parts)) - find_references(spaced)
    return " | ".join([*sorted(cut), spaced])


def decoded(content: bytes) -> str:
    """Bytes of a line-based format as text: UTF-8, else Latin-1. Raises `StatementUnreadable` for NUL, which no text is kept with."""
    if b"\0" in content:
        raise StatementUnreadable("the file holds NUL characters; no bank's statement does")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")
