"""MT940 customer statements (SWIFT Standards MT, category 9, November 2023), with or without the SWIFT envelope.

Each message is one statement; a statement of several pages (:28C: n/1, n/2 …) ties out page by page.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from decimal import Decimal

from market.settlement.rails.lines import (
    MAX_STATEMENTS,
    Line,
    Statement,
    cents,
    day,
    decoded,
    joined,
    line_of,
    tied_out,
)
from market.settlement.rules import StatementUnreadable

_TAG = re.compile(r"^:(\d\d[A-Z]?):", re.MULTILINE)
_BALANCE = re.compile(r"([CD])(\d{6})([A-Z]{3})(\d{1,12},\d{0,3})")
_ENTRY = re.compile(
    r"(?P<valued>\d{6})(?P<booked>\d{4})?(?P<mark>R?[CD])(?:[A-Z])?(?P<amount>\d{1,12},\d{0,3})"
    r"[NFS][A-Z0-9]{3}(?P<customer>[^\n]{0,16}?)(?://(?P<bank>[^\n]{1,16}))?(?:\n(?P<more>[^\n]{0,34}))?"
)
_STRUCTURED = re.compile(r"\d{3}\?")
_SUBFIELD = re.compile(r"\?(\d\d)")


def is_mt940(content: bytes) -> bool:
    """Whether the file begins as such messages do."""
    start = content[:200].lstrip(b"\xef\xbb\xbf \r\n\t")
    return start.startswith((b"{1:", b":20:"))


def read(content: bytes) -> list[Statement]:
    """The statements of a file, in its order. Raises `StatementUnreadable` naming the statement and the line."""
    text = decoded(content).replace("\r\n", "\n").replace("\r", "\n")
    messages = re.split(r"^(?=:20:)", text, flags=re.MULTILINE)[1:]
    if not 1 <= len(messages) <= MAX_STATEMENTS:
        raise StatementUnreadable(f"the file must hold 1 to {MAX_STATEMENTS} statements")
    return [_statement(message, f"statement {number}") for number, message in enumerate(messages, 1)]


def _statement(message: str, place: str) -> Statement:
    fields = list(_fields(message))
    account = _one(fields, place, "25", "25P").split("\n")[0].replace(" ", "")
    number = _one(fields, place, "28C", "28")
    opening, currency, _ = _balance(_one(fields, place, "60F", "60M"), f"{place}, :60:")
    closing, closing_currency, closed = _balance(_one(fields, place, "62F", "62M"), f"{place}, :62:")
    if currency != closing_currency:
        raise StatementUnreadable(f"{place} opens in {currency} and closes in {closing_currency}")
    # Numbers begin again every year, so the day of the closing balance is a part of the name.
    ref = f"{number} {closed}"
    return tied_out(
        place,
        bank_account=account,
        statement_ref=ref,
        currency=currency,
        opening_cents=opening,
        closing_cents=closing,
        lines=_lines(fields, currency, ref, place),
    )


def _fields(message: str) -> Iterator[tuple[str, str]]:
    """(tag, value) in order; what follows the last field's end (`-` or `-}`) is left out."""
    found = list(_TAG.finditer(message))
    for here, following in zip(found, [*found[1:], None], strict=True):
        value = message[here.end() : following.start() if following else len(message)]
        if following is None:
            value = re.split(r"^-\}?", value, maxsplit=1, flags=re.MULTILINE)[0]
        yield here[1], value.strip("\n")


def _one(fields: list[tuple[str, str]], place: str, *tags: str) -> str:
    found = [value for tag, value in fields if tag in tags]
    if len(found) != 1 or not found[0].strip():
        raise StatementUnreadable(f"{place} needs exactly one field :{tags[0]}:")
    return found[0].strip()


def _balance(text: str, place: str) -> tuple[int, str, str]:
    """(amount, currency, day as written)."""
    found = _BALANCE.fullmatch(text)
    if found is None:
        raise StatementUnreadable(f"{place} is no balance")
    day(found[2], place)
    amount = cents(_decimal(found[4]), found[3], place)
    return amount if found[1] == "C" else -amount, found[3], found[2]


def _lines(fields: list[tuple[str, str]], currency: str, statement_ref: str, place: str) -> Iterator[Line]:
    number = 0
    for (tag, value), (next_tag, next_value) in zip(fields, [*fields[1:], ("", "")], strict=True):
        if tag == "61":
            number += 1
            told = next_value if next_tag == "86" else ""
            yield _line(value, told, currency, f"{statement_ref}#{number}", f"{place}, entry {number}")


def _line(value: str, told: str, currency: str, own_ref: str, place: str) -> Line:
    found = _ENTRY.fullmatch(value)
    if found is None:
        raise StatementUnreadable(f"{place} is no statement line (:61:)")
    valued = day(found["valued"], place)
    booked_on = _booked(found["booked"], valued, place) if found["booked"] else valued
    customer = "" if found["customer"] in {"", "NONREF"} else found["customer"]
    return line_of(
        place,
        entry_ref=(found["bank"] or "").strip() or own_ref,
        credit=found["mark"] in {"C", "RD"},
        amount_cents=cents(_decimal(found["amount"]), currency, place),
        booked_on=booked_on,
        texts=" | ".join(part for part in (customer, _text(told), found["more"] or "") if part),
        reversal=found["mark"].startswith("R"),
    )


def _booked(mmdd: str, valued: date, place: str) -> date:
    """The day that four digits mean: across New Year it is of the year in which it is closest to the value date."""
    near = []
    for year in (valued.year - 1, valued.year, valued.year + 1):
        with suppress(StatementUnreadable):
            near.append(day(f"{year % 100:02d}{mmdd}", place))
    if not near:
        raise StatementUnreadable(f"{place} has no readable date")
    return min(near, key=lambda each: abs(each - valued))


def _text(told: str) -> str:
    """What :86: says; of the structured form (three digits, then ?20 … ) the remittance and the names."""
    if not _STRUCTURED.match(told):
        return joined(told.split("\n"))
    parts = _SUBFIELD.split(told.replace("\n", ""))[1:]
    pairs = list(zip(parts[::2], parts[1::2], strict=True))
    remittance = [text for code, text in pairs if "20" <= code <= "29" or "60" <= code <= "63"]
    names = [text for code, text in pairs if code in {"32", "33"}]
    return " | ".join(part for part in (joined(remittance), joined(names)) if part)


def _decimal(text: str) -> Decimal:
    return Decimal(text.replace(",", ".") + "0")
