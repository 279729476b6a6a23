"""Reading a bank's camt.053 statement (ISO 20022): exact amounts, and only what ties out.

Accepted are the versions 001.02 to 001.13, whose parts used here differ only in how a status and an amount are nested.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from market.kit.money import MAX_CENTS, exponent, is_currency, show
from market.settlement.rules import StatementUnreadable

MAX_BYTES = 10_000_000
MAX_ENTRIES = 20_000
_MAX_STATEMENTS = 100
_MAX_REF = 80
_MAX_REMITTANCE = 500
_NAMESPACE = re.compile(r"\{urn:iso:std:iso:20022:tech:xsd:camt\.053\.001\.(0[2-9]|1[0-3])\}")
_AMOUNT = re.compile(r"[0-9]{1,15}(\.[0-9]{1,5})?")
_OPENING, _CLOSING = ("OPBD", "PRCD"), ("CLBD",)


@dataclass(frozen=True, slots=True)
class Line:
    """One booked movement. `texts` hold what the payer wrote; `reversal` undoes an earlier movement."""

    entry_ref: str
    credit: bool
    amount_cents: int
    booked_on: date | None
    texts: str
    reversal: bool


@dataclass(frozen=True, slots=True)
class Statement:
    """Ties out: `opening_cents` + credits - debits = `closing_cents`; refs are unique. Balances may be negative."""

    bank_account: str
    statement_ref: str
    currency: str
    opening_cents: int
    closing_cents: int
    lines: tuple[Line, ...]


def read_statements(xml: bytes) -> list[Statement]:
    """The statements of a camt.053 document, in its order.

    Raises `StatementUnreadable` saying which statement and entry is wrong, and never applies half a document. Documents
    with a DTD or entities are refused unread.
    """
    if len(xml) > MAX_BYTES:
        raise StatementUnreadable(f"the file is larger than {MAX_BYTES} bytes")
    try:
        root = fromstring(xml, forbid_dtd=True)
    except DefusedXmlException:
        raise StatementUnreadable("the file holds a DTD or entities; no bank's statement does") from None
    except (ParseError, ValueError, LookupError):
        raise StatementUnreadable("the file is not well-formed XML") from None
    found = _NAMESPACE.match(root.tag)
    if found is None:
        raise StatementUnreadable("the file is not a camt.053 document (versions 001.02 to 001.13)")
    _strip(root, found.group())
    statements = [_statement(each, number) for number, each in enumerate(root.findall("BkToCstmrStmt/Stmt"), 1)]
    if not 1 <= len(statements) <= _MAX_STATEMENTS:
        raise StatementUnreadable(f"the document must hold 1 to {_MAX_STATEMENTS} statements")
    return statements


def _strip(root: Element, namespace: str) -> None:
    for element in root.iter():
        if isinstance(element.tag, str):
            element.tag = element.tag.removeprefix(namespace)


def _statement(given: Element, number: int) -> Statement:
    place = f"statement {number}"
    bank_account = (_text(given, "Acct/Id/IBAN") or _text(given, "Acct/Id/Othr/Id")).replace(" ", "")
    statement_ref = _text(given, "Id")
    if not (0 < len(bank_account) <= _MAX_REF and 0 < len(statement_ref) <= _MAX_REF):
        raise StatementUnreadable(f"{place} lacks its id or its account's number")
    opening, currency = _balance(given, _OPENING, place)
    closing, closing_currency = _balance(given, _CLOSING, place)
    if currency != closing_currency:
        raise StatementUnreadable(f"{place} opens in {currency} and closes in {closing_currency}")
    lines = tuple(
        line for n, entry in enumerate(given.findall("Ntry"), 1) for line in _lines(entry, currency, place, n)
    )
    if len(lines) > MAX_ENTRIES:
        raise StatementUnreadable(f"{place} has more than {MAX_ENTRIES} entries")
    if len({line.entry_ref for line in lines}) != len(lines):
        raise StatementUnreadable(f"{place} names two entries by the same reference")
    total = opening + sum(line.amount_cents if line.credit else -line.amount_cents for line in lines)
    if total != closing:
        raise StatementUnreadable(
            f"{place} does not tie out: opening and entries make {show(total, currency)}, "
            f"it closes with {show(closing, currency)}"
        )
    return Statement(bank_account, statement_ref, currency, opening, closing, lines)


def _balance(given: Element, codes: tuple[str, ...], place: str) -> tuple[int, str]:
    """The first balance with the most preferred code, signed, and its currency."""
    for code in codes:
        for balance in given.findall("Bal"):
            if _text(balance, "Tp/CdOrPrtry/Cd") == code:
                amount, currency = _amount(balance, None, f"{place}, balance {code}")
                return amount if _is_credit(balance, place) else -amount, currency
    raise StatementUnreadable(f"{place} has no balance {' or '.join(codes)}")


def _lines(entry: Element, currency: str, place: str, number: int) -> Iterator[Line]:
    """An entry, or the parts of a batch whose details tie out with it. Entries that are not booked are left out."""
    place = f"{place}, entry {number}"
    status = _text(entry, "Sts/Cd") or _text(entry, "Sts")
    if status != "BOOK":
        return
    ref = _text(entry, "AcctSvcrRef") or _text(entry, "NtryRef")
    if not 0 < len(ref) <= _MAX_REF - 6:
        raise StatementUnreadable(f"{place} has no reference of the bank")
    amount, _ = _amount(entry, currency, place)
    if amount == 0:
        raise StatementUnreadable(f"{place} is of no amount")
    credit, reversal = _is_credit(entry, place), _text(entry, "RvslInd") in {"true", "1"}
    booked_on = _day(entry, place)
    details = entry.findall("NtryDtls/TxDtls")
    parts = [_part_cents(detail, currency, place) for detail in details] if len(details) > 1 else [0]
    if all(parts) and sum(parts) == amount:
        for n, (detail, part) in enumerate(zip(details, parts, strict=True), 1):
            yield Line(f"{ref}#{n}", credit, part, booked_on, _texts([detail]), reversal)
    else:
        yield Line(ref, credit, amount, booked_on, _texts(details) if len(details) <= 1 else "", reversal)


def _part_cents(detail: Element, currency: str, place: str) -> int:
    """A batch detail's own amount; 0 if it has none in the account's currency."""
    holder = detail if detail.find("Amt") is not None else detail.find("AmtDtls/TxAmt")
    amount = None if holder is None else holder.find("Amt")
    if holder is None or amount is None or amount.get("Ccy") != currency:
        return 0
    return _amount(holder, currency, place)[0]


def _texts(details: list[Element]) -> str:
    """What the payer wrote, in one bounded text: end-to-end id, creditor's reference and remittance lines."""
    paths = ("Refs/EndToEndId", "RmtInf/Strd/CdtrRefInf/Ref", "RmtInf/Ustrd")
    found = [each.text.strip() for detail in details for path in paths for each in detail.findall(path) if each.text]
    return " | ".join(found)[:_MAX_REMITTANCE]


def _amount(holder: Element, currency: str | None, place: str) -> tuple[int, str]:
    """`Amt` in minor units, exactly, and its currency (which must be `currency` if that is given)."""
    amount = holder.find("Amt")
    text = "" if amount is None else (amount.text or "").strip()
    code = "" if amount is None else amount.get("Ccy", "")
    if not is_currency(code) or (currency is not None and code != currency):
        raise StatementUnreadable(f"{place} is not in {currency or 'a currency traded here'}")
    cents = Decimal(text).scaleb(exponent(code)) if _AMOUNT.fullmatch(text) else None
    if cents is None or cents != int(cents) or cents > MAX_CENTS:
        raise StatementUnreadable(f"{place} has no amount in whole minor units")
    return int(cents), code


def _is_credit(holder: Element, place: str) -> bool:
    indicator = _text(holder, "CdtDbtInd")
    if indicator not in {"CRDT", "DBIT"}:
        raise StatementUnreadable(f"{place} is neither credit nor debit")
    return indicator == "CRDT"


def _day(entry: Element, place: str) -> date | None:
    text = _text(entry, "BookgDt/Dt") or _text(entry, "BookgDt/DtTm")[:10]
    try:
        return date.fromisoformat(text[:10]) if text else None
    except ValueError:
        raise StatementUnreadable(f"{place} has no readable booking date") from None


def _text(within: Element, path: str) -> str:
    return (within.findtext(path) or "").strip()


def digest(xml: bytes) -> str:
    """SHA-256 of the file as received, in hex."""
    return hashlib.sha256(xml).hexdigest()
