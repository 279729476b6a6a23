"""camt.053 statements and camt.054 notices (ISO 20022): exact amounts, and only what ties out.

Accepted are the versions 001.02 to 001.13, whose parts used here differ only in how a status and an amount are nested. A document
is read entry by entry, so that a large one takes no more memory than its entries.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from io import BytesIO
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from market.kit.money import is_currency
from market.settlement.rails.lines import (
    MAX_ENTRIES,
    MAX_REF,
    MAX_STATEMENTS,
    Line,
    Notice,
    Statement,
    cents,
    line_of,
    tied_out,
)
from market.settlement.rules import StatementUnreadable

_NAMESPACE = re.compile(r"\{urn:iso:std:iso:20022:tech:xsd:camt\.05([34])\.001\.(0[2-9]|1[0-3])\}")
_AMOUNT = re.compile(r"[0-9]{1,15}(\.[0-9]{1,5})?")
_OPENING, _CLOSING = ("OPBD", "PRCD"), ("CLBD",)


def read(xml: bytes) -> list[Statement] | list[Notice]:
    """What a camt.053 or camt.054 document holds, in its order.

    Raises `StatementUnreadable` saying which statement and entry is wrong, and never gives half a document. Documents with a
    DTD or entities are refused unread.
    """
    try:
        return _read(xml)
    except DefusedXmlException:
        raise StatementUnreadable("the file holds a DTD or entities; no bank's statement does") from None
    except ParseError as error:
        raise StatementUnreadable(f"line {error.position[0]}: the file is not well-formed XML") from None
    except (ValueError, LookupError):
        raise StatementUnreadable(
            "the file is not well-formed XML: it is in no encoding that it could be read in"
        ) from None


def _read(xml: bytes) -> list[Statement] | list[Notice]:
    events = iterparse(BytesIO(xml), events=("start", "end"), forbid_dtd=True)
    _, root = next(events)
    found = _NAMESPACE.match(root.tag)
    if found is None:
        raise StatementUnreadable("the file is not a camt.053 or camt.054 document (versions 001.02 to 001.13)")
    holder = "Stmt" if found[1] == "3" else "Ntfctn"
    readings: list[_Reading] = []
    path: list[str] = [root.tag]
    for event, element in events:
        if event == "start":
            path.append(element.tag.removeprefix(found.group()))
            if len(path) == 3 and path[2] == holder:
                readings.append(_Reading(element, len(readings) + 1, is_notice=holder == "Ntfctn"))
            continue
        element.tag = path.pop()
        if len(path) == 3 and path[2] == holder and element.tag == "Ntry":
            readings[-1].add(element)
            element.clear()
            readings[-1].given.remove(element)
    if not 1 <= len(readings) <= MAX_STATEMENTS:
        raise StatementUnreadable(f"the document must hold 1 to {MAX_STATEMENTS} statements or notices")
    if holder == "Stmt":
        return [each.statement() for each in readings]
    return [notice for each in readings for notice in each.notices()]


class _Reading:
    """One statement or notice under way: what stands before its entries is read when the first of them comes."""

    def __init__(self, given: Element, number: int, *, is_notice: bool) -> None:
        self.given = given
        self._is_notice = is_notice
        self._number = number
        self._lines: list[Line] = []
        self._batches: list[tuple[str, str, Line, tuple[Line, ...]]] = []
        self._entry_count = 0
        self._head: tuple[str, str, str] | None = None

    @property
    def _place(self) -> str:
        return f"statement {self._number}"

    def add(self, entry: Element) -> None:
        self._entry_count += 1
        if self._entry_count > MAX_ENTRIES:
            raise StatementUnreadable(f"{self._place} has more than {MAX_ENTRIES} entries")
        currency = self._headed()[2] or _amount(entry, None, self._place)[1]
        place = f"{self._place}, entry {self._entry_count}"
        booked = _booked(entry, currency, place)
        if booked is not None:
            whole, parts = booked
            self._lines += parts or [whole]
            if self._is_notice:
                self._batches.append((whole.entry_ref, currency, whole, tuple(parts)))

    def statement(self) -> Statement:
        account, ref, currency = self._headed()
        opening, _ = _balance(self.given, _OPENING, self._place)
        closing, closing_currency = _balance(self.given, _CLOSING, self._place)
        if currency != closing_currency:
            raise StatementUnreadable(f"{self._place} opens in {currency} and closes in {closing_currency}")
        return tied_out(
            self._place,
            bank_account=account,
            statement_ref=ref,
            currency=currency,
            opening_cents=opening,
            closing_cents=closing,
            lines=self._lines,
        )

    def notices(self) -> list[Notice]:
        account, ref, _ = self._headed()
        return [
            Notice(account, ref, entry_ref, currency, whole.credit, whole.amount_cents, parts or (whole,))
            for entry_ref, currency, whole, parts in self._batches
        ]

    def _headed(self) -> tuple[str, str, str]:
        """(account, reference, currency), which stand before the entries; a notice may leave its currency to them."""
        if self._head is None:
            given = self.given
            account = (_text(given, "Acct/Id/IBAN") or _text(given, "Acct/Id/Othr/Id")).replace(" ", "")
            ref = _text(given, "Id")
            if not (0 < len(account) <= MAX_REF and 0 < len(ref) <= MAX_REF):
                raise StatementUnreadable(f"{self._place} lacks its id or its account's number")
            currency = _text(given, "Acct/Ccy") if self._is_notice else _balance(given, _OPENING, self._place)[1]
            self._head = (account, ref, currency)
        return self._head


def _balance(given: Element, codes: tuple[str, ...], place: str) -> tuple[int, str]:
    """The first balance with the most preferred code, signed, and its currency."""
    for code in codes:
        for balance in given.findall("Bal"):
            if _text(balance, "Tp/CdOrPrtry/Cd") == code:
                amount, currency = _amount(balance, None, f"{place}, balance {code}")
                return amount if _is_credit(balance, place) else -amount, currency
    raise StatementUnreadable(f"{place} has no balance {' or '.join(codes)}")


def _booked(entry: Element, currency: str, place: str) -> tuple[Line, list[Line]] | None:
    """An entry, and the parts of a batch whose details tie out with it; None if it is not booked."""
    status = _text(entry, "Sts/Cd") or _text(entry, "Sts")
    if status != "BOOK":
        return None
    ref = _text(entry, "AcctSvcrRef") or _text(entry, "NtryRef")
    if not 0 < len(ref) <= MAX_REF - 6:
        raise StatementUnreadable(f"{place} has no reference of the bank")
    amount, _ = _amount(entry, currency, place)
    credit, reversal = _is_credit(entry, place), _text(entry, "RvslInd") in {"true", "1"}
    booked_on = _day(entry, place)
    details = entry.findall("NtryDtls/TxDtls")
    texts = _texts(details) if len(details) <= 1 else ""
    whole = line_of(
        place, entry_ref=ref, credit=credit, amount_cents=amount, booked_on=booked_on, texts=texts, reversal=reversal
    )
    sizes = [_part_cents(detail, currency, place) for detail in details] if len(details) > 1 else [0]
    if not (all(sizes) and sum(sizes) == amount):
        return replace(whole, name=_payer(details[0]) if len(details) == 1 else ""), []
    return whole, [
        Line(f"{ref}#{n}", credit, size, booked_on, _texts([detail])[:500], reversal, _payer(detail))
        for n, (detail, size) in enumerate(zip(details, sizes, strict=True), 1)
    ]


def _part_cents(detail: Element, currency: str, place: str) -> int:
    """A batch detail's own amount; 0 if it has none in the account's currency."""
    holder = detail if detail.find("Amt") is not None else detail.find("AmtDtls/TxAmt")
    amount = None if holder is None else holder.find("Amt")
    if holder is None or amount is None or amount.get("Ccy") != currency:
        return 0
    return _amount(holder, currency, place)[0]


def _payer(detail: Element) -> str:
    """Who paid: `Dbtr/Nm`, since version 08 `Dbtr/Pty/Nm`."""
    name = _text(detail, "RltdPties/Dbtr/Pty/Nm") or _text(detail, "RltdPties/Dbtr/Nm")
    return name[:140]


def _texts(details: list[Element]) -> str:
    """What the payer wrote, in one text: end-to-end id, creditor's reference and remittance lines."""

    def found() -> Iterator[str]:
        for detail in details:
            for path in ("Refs/EndToEndId", "RmtInf/Strd/CdtrRefInf/Ref", "RmtInf/Ustrd"):
                yield from (each.text.strip() for each in detail.findall(path) if each.text)

    return " | ".join(found())


def _amount(holder: Element, currency: str | None, place: str) -> tuple[int, str]:
    """`Amt` in minor units, exactly, and its currency (which must be `currency` if that is given)."""
    amount = holder.find("Amt")
    text = "" if amount is None else (amount.text or "").strip()
    code = "" if amount is None else amount.get("Ccy", "")
    if not is_currency(code) or (currency is not None and code != currency):
        raise StatementUnreadable(f"{place} is not in {currency or 'a currency traded here'}")
    return cents(Decimal(text) if _AMOUNT.fullmatch(text) else None, code, place), code


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
