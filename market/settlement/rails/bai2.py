"""BAI2 cash management balance reporting (Bank Administration Institute, version 2; ANSI X9.121-2016's predecessor).

Read are the prior-day records with an opening (010) and a closing (015) ledger balance. Control totals and record counts of
accounts, groups and the file must be right.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
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

_OPENING, _CLOSING = "010", "015"
_RETURNS = frozenset({"257", "258", "555", "557", "558"})
"""Returned items and reversals, of credits and debits."""
_AMOUNT = re.compile(r"[+-]?\d{1,17}")
_COUNT = re.compile("[0-9]{1,3}")
_TYPE_CODE = re.compile("[1-6][0-9]{2}")


def is_bai2(content: bytes) -> bool:
    """Whether the file begins with a file header record."""
    return content[:100].lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"01,")


@dataclass(slots=True)
class _Record:
    """One logical record: its fields, the lines that its text came in, and how many physical lines it took."""

    line: int
    fields: list[str]
    texts: list[str]
    line_count: int = 1


@dataclass(slots=True)
class _Account:
    number: str
    currency: str
    balances: dict[str, int]
    control: int
    entries: list[_Record] = field(default_factory=list)
    line_count: int = 0


def read(content: bytes) -> list[Statement]:
    """The statements of a file, in its order. Raises `StatementUnreadable` naming the line."""
    records = list(_records(decoded(content)))
    if not records or records[0].fields[0] != "01" or records[-1].fields[0] != "99":
        raise StatementUnreadable("the file does not begin with a record 01 and end with a record 99")
    file_id = _field(records[0], 5)
    statements: list[Statement] = []
    group_controls: list[int] = []
    at = 1
    while records[at].fields[0] == "02":
        control, at = _group(records, at, file_id, statements)
        group_controls.append(control)
    last = records[at]
    if last.fields[0] != "99":
        raise StatementUnreadable(f"line {last.line}: a record {last.fields[0]} has no place here")
    _require_total(last, sum(group_controls), len(group_controls), sum(each.line_count for each in records))
    if not 1 <= len(statements) <= MAX_STATEMENTS:
        raise StatementUnreadable(f"the file must hold 1 to {MAX_STATEMENTS} accounts")
    return statements


def _records(text: str) -> Iterator[_Record]:
    """Logical records: a line that begins with 88 goes on with the one before."""
    found: _Record | None = None
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.rstrip()
        if not line:
            continue
        if line.startswith("88,"):
            if found is None:
                raise StatementUnreadable(f"line {number}: a continuation of nothing")
            _go_on(found, line[3:])
            continue
        if found is not None:
            yield found
        found = _begin(number, line)
    if found is not None:
        yield found


def _begin(number: int, line: str) -> _Record:
    if line[:3] not in {"01,", "02,", "03,", "16,", "49,", "98,", "99,"}:
        raise StatementUnreadable(f"line {number} is no record of this format")
    if line.startswith("16,"):
        head, texts = _split_entry(line)
        return _Record(number, head, texts)
    return _Record(number, line.removesuffix("/").split(","), [])


def _go_on(record: _Record, more: str) -> None:
    record.line_count += 1
    if record.fields[0] != "16":
        record.fields += more.removesuffix("/").split(",")
    elif record.texts:
        record.texts.append(more.removesuffix("/"))
    else:
        record.fields, record.texts = _split_entry(",".join([*record.fields, more]))


def _split_entry(line: str) -> tuple[list[str], list[str]]:
    """Fields of an entry up to the customer's reference, and its text, which may hold commas and slashes."""
    words = line.split(",")
    size = _entry_size(words)
    head = words[:size]
    head[-1] = head[-1].removesuffix("/")
    return head, [",".join(words[size:]).removesuffix("/")] if len(words) > size else []


def _entry_size(words: list[str]) -> int:
    """How many fields an entry has before its text; what follows the funds type depends on it."""
    return 6 + _extra(words, 3)


def _extra(words: list[str], at: int) -> int:
    """How many fields the funds type at `at` brings with it."""
    funds = words[at].removesuffix("/") if at < len(words) else ""
    if funds == "D" and at + 1 < len(words) and _COUNT.fullmatch(words[at + 1]):
        return 1 + 2 * int(words[at + 1])
    return {"V": 2, "S": 3}.get(funds, 0)


def _group(records: list[_Record], at: int, file_id: str, statements: list[Statement]) -> tuple[int, int]:
    """Read the group that begins at `at`; returns its control total and where the next begins."""
    head = records[at]
    as_of, currency = _field(head, 4), _field(head, 6) or "USD"
    begin, controls = at, []
    at += 1
    while records[at].fields[0] == "03":
        account, at = _account(records, at, currency)
        controls.append(account.control)
        statements.append(_statement(account, f"{as_of} {file_id}", as_of))
    last = records[at]
    if last.fields[0] != "98":
        raise StatementUnreadable(f"line {last.line}: a record {last.fields[0]} has no place here")
    _require_total(last, sum(controls), len(controls), sum(each.line_count for each in records[begin : at + 1]))
    return sum(controls), at + 1


def _account(records: list[_Record], at: int, group_currency: str) -> tuple[_Account, int]:
    head = records[at]
    number, currency = _field(head, 1), _field(head, 2) or group_currency
    balances = {code: _signed(amount, head) for code, amount in _summaries(head) if amount}
    account = _Account(number, currency, balances, sum(balances.values()))
    begin = at
    at += 1
    while records[at].fields[0] == "16":
        account.entries.append(records[at])
        account.control += _signed(_field(records[at], 2), records[at])
        at += 1
    last = records[at]
    if last.fields[0] != "49":
        raise StatementUnreadable(f"line {last.line}: a record {last.fields[0]} has no place here")
    _require_total(last, account.control, None, sum(each.line_count for each in records[begin : at + 1]))
    return account, at + 1


def _summaries(head: _Record) -> Iterator[tuple[str, str]]:
    """(type code, amount) of an account's record: groups of code, amount, item count, funds type and what that brings."""
    words = head.fields[3:]
    at = 0
    while at + 1 < len(words):
        yield words[at], words[at + 1]
        at += 4 + _extra(words, at + 3)


def _statement(account: _Account, ref: str, as_of: str) -> Statement:
    place = f"account {account.number[-4:]} of {as_of}"
    if not {_OPENING, _CLOSING} <= account.balances.keys():
        raise StatementUnreadable(f"{place} has no opening (010) and closing (015) ledger balance")
    # Amounts have the currency's decimals without a point, so they are minor units already.
    cents(Decimal(0), account.currency, place)
    return tied_out(
        place,
        bank_account=account.number,
        statement_ref=ref,
        currency=account.currency,
        opening_cents=account.balances[_OPENING],
        closing_cents=account.balances[_CLOSING],
        lines=(_line(record, ref, as_of, n) for n, record in enumerate(account.entries, 1)),
    )


def _line(record: _Record, statement_ref: str, as_of: str, number: int) -> Line:
    place = f"line {record.line}"
    code = _field(record, 1)
    if not _TYPE_CODE.fullmatch(code):
        raise StatementUnreadable(f"{place}: type code {code[:10]!r} is neither credit nor debit")
    bank_ref, customer_ref = record.fields[-2:] if len(record.fields) >= 6 else ("", "")
    return line_of(
        place,
        entry_ref=bank_ref.strip() or f"{statement_ref}#{number}",
        credit=int(code) < 400,
        amount_cents=_signed(_field(record, 2), record),
        booked_on=day(as_of, place),
        texts=" | ".join(part for part in (customer_ref.strip(), joined(record.texts)) if part),
        reversal=code in _RETURNS,
    )


def _require_total(trailer: _Record, total: int, child_count: int | None, record_count: int) -> None:
    """The control total and the counts of a trailer record. Raises `StatementUnreadable` with what they should be."""
    said = _signed(_field(trailer, 1), trailer)
    if said != total:
        raise StatementUnreadable(f"line {trailer.line}: the control total is {said}, the records make {total}")
    counts = [_field(trailer, 2)] if child_count is None else [_field(trailer, 2), _field(trailer, 3)]
    wanted = [record_count] if child_count is None else [child_count, record_count]
    if counts != [str(each) for each in wanted]:
        raise StatementUnreadable(f"line {trailer.line}: the counts are {counts}, there are {wanted}")


def _field(record: _Record, number: int) -> str:
    return record.fields[number].strip() if number < len(record.fields) else ""


def _signed(text: str, record: _Record) -> int:
    if not _AMOUNT.fullmatch(text):
        raise StatementUnreadable(f"line {record.line} has no amount in whole minor units")
    return int(text)
