"""Which accounts may not be sold, and by what rule: pure functions over columns.

Rules stand in order of precedence: an account that meets several is counted once, under the first, and reported under all.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from market.portfolios.limitation import standing
from masking.columns import Flags, Whole, by_word, flags, one, pc
from masking.fields import AGE_FIELDS, reduce
from masking.policy import Mapping
from masking.values import column, yes_no

REG_F_ON = date(2021, 11, 30)
"""When Regulation F (12 CFR 1006) took effect."""
_HOUSE_ON = date(2026, 11, 22)


@dataclass(frozen=True, slots=True)
class Rule:
    """One ground on which an account is not sold, and where it is written."""

    rule_id: str
    title: str
    citation: str
    effective_from: date


RULES = (
    Rule("missing-field", "A mandatory fact is missing", "12 CFR 1006.34(c)(2); rule of this market", REG_F_ON),
    Rule("duplicate", "The account stands in the tape before", "rule of this market", _HOUSE_ON),
    Rule("zero-balance", "The balance is zero or negative", "rule of this market", _HOUSE_ON),
    Rule("paid-or-settled", "Paid or settled", "12 CFR 1006.30(b)(1)(i)", REG_F_ON),
    Rule("bankruptcy-discharged", "Discharged in bankruptcy", "12 CFR 1006.30(b)(1)(ii); 11 USC 524(a)", REG_F_ON),
    Rule("bankruptcy", "In bankruptcy, discharge not excluded", "11 USC 362(a); 12 CFR 1006.30(b)(1)(ii)", REG_F_ON),
    Rule("identity-theft", "Fraud or identity theft", "15 USC 1681m(f)(1)", date(2004, 12, 1)),
    Rule("deceased", "The debtor is deceased", "12 CFR 1006.2(e), 1006.6(a)(4); rule of this market", REG_F_ON),
    Rule("disputed", "An open dispute", "12 CFR 1006.38(d)(2)", REG_F_ON),
    Rule("attorney", "Represented by an attorney", "12 CFR 1006.6(b)(2)", REG_F_ON),
    Rule("litigation", "In litigation or reduced to judgment", "rule of this market", _HOUSE_ON),
    Rule("scra", "On active military duty", "50 USC 3931, 3937", date(2003, 12, 19)),
    Rule("cease-and-desist", "Asked that communication cease", "12 CFR 1006.6(c)", REG_F_ON),
    Rule("on-offer-elsewhere", "On offer or sold in another pool", "rule of this market", _HOUSE_ON),
    Rule("time-barred", "Past its limitation period", "12 CFR 1006.26(b); limitation pack", REG_F_ON),
    Rule(
        "time-bar-near", "Within 180 days of its limitation period", "limitation pack; rule of this market", _HOUSE_ON
    ),
)
RULE_IDS = tuple(rule.rule_id for rule in RULES)
TIME_RULES = frozenset({"time-barred", "time-bar-near"})
"""A seller may have these disclosed instead of carved out: to sue on such a debt is forbidden, to sell it is not."""


@dataclass(frozen=True, slots=True)
class CarveOut:
    """One rule's outcome: rows that met it; accounts and money that it took (each account under one rule); whether it takes."""

    rule_id: str
    carved: bool
    met_count: int
    account_count: int
    face_value_cents: int
    row_numbers: Whole


_FLAG_FIELDS = {
    "bankrupt": "bankruptcy",
    "deceased": "deceased",
    "disputed": "disputed",
    "litigation": "litigation",
    "scra": "scra",
    "cease_and_desist": "cease-and-desist",
}
_HEADER_RULES = (("fraud", "identity-theft"), ("idtheft", "identity-theft"), ("identitytheft", "identity-theft"),
                 ("attorney", "attorney"))  # fmt: skip
"""A column whose reduced header holds the word tells of that rule, whatever the column is mapped to."""
_STATUS_HEADERS = frozenset(
    "status accountstatus acctstatus accountstatuscode statuscode statusdescription debtstatus loanstatus disposition".split()
)
_NO_STATUS = re.compile(r"\b(UN|NOT |NON-?|NEVER )PAID\b|\bPART|\bBROKEN\b|\bPENDING\b|PAYMENT PLAN")
_STATUS_WORDS = (
    (re.compile(r"\bDISCHARG"), "bankruptcy-discharged"),
    (re.compile(r"\b(BANKRUPT|BK|BKY|CH(APTER)? ?(7|11|13))"), "bankruptcy"),
    (re.compile(r"\bFRAUD|IDENTITY THEFT|\bID THEFT"), "identity-theft"),
    (re.compile(r"\bDECEASED"), "deceased"),
    (re.compile(r"\bDISPUTE"), "disputed"),
    (re.compile(r"\bATTORNEY|\bATTY"), "attorney"),
    (re.compile(r"\b(LITIGATION|JUDGE?MENT|LAWSUIT|SUIT)\b"), "litigation"),
    (re.compile(r"\bSCRA\b|ACTIVE DUTY"), "scra"),
    (re.compile(r"\bCEASE|C&D"), "cease-and-desist"),
    (re.compile(r"\b(PAID|PIF|SETTLED|SIF|SATISFIED)\b"), "paid-or-settled"),
)
_INTAKE_RULES = (
    ("occurs before", "duplicate"),
    ("zero or negative", "zero-balance"),
    ("is missing", "missing-field"),
)


def rule_of_reason(reason: str) -> str | None:
    """The rule behind a row that was refused while the tape was read; None for rows that could not be read at all."""
    return next((rule_id for words, rule_id in _INTAKE_RULES if words in reason), None)


def rows_of(found: Sequence[CarveOut], *, carved: bool) -> Whole:
    """The rows of the rules that take accounts, or of those that only tell; ascending."""
    parts = [each.row_numbers for each in found if each.carved is carved]
    return np.unique(np.concatenate(parts)) if parts else np.zeros(0, np.int64)


def judge(rows: pa.Table, accounts: pa.Table, mapping: Mapping, *, as_of: date) -> dict[str, Flags]:
    """Which accounts of a chunk meet which rule, on the day `as_of`; rules that none meets may be left out.

    `rows` are the accepted rows as text with all columns of the tape, `accounts` the same rows typed. Whether an account
    is on offer elsewhere is not to be seen in a tape: see `fingerprints`.
    """
    found: dict[str, Flags] = {}
    for rule_id, met in _verdicts(rows, accounts, mapping, as_of):
        found[rule_id] = found[rule_id] | met if rule_id in found else met
    if "bankruptcy-discharged" in found and "bankruptcy" in found:
        found["bankruptcy"] = found["bankruptcy"] & ~found["bankruptcy-discharged"]
    return found


def _verdicts(rows: pa.Table, accounts: pa.Table, mapping: Mapping, as_of: date) -> Iterator[tuple[str, Flags]]:
    yield "missing-field", _missing(accounts)
    for field, rule_id in _FLAG_FIELDS.items():
        for header in mapping.columns_of(field):
            yield from _flagged(rows, header, rule_id)
    mapped = {header for field in _FLAG_FIELDS for header in mapping.columns_of(field)}
    for header in rows.column_names:
        reduced = reduce(header)
        if reduced in _STATUS_HEADERS:
            yield from _by_status(rows, header)
        elif header not in mapped and (rule := _header_rule(reduced)):
            yield rule, flags(yes_no(column(rows, header)))
    time = standing(accounts, as_of=as_of)
    yield "time-barred", time.barred
    yield "time-bar-near", time.near


def _flagged(rows: pa.Table, header: str, rule_id: str) -> Iterator[tuple[str, Flags]]:
    values = column(rows, header)
    met = flags(yes_no(values))
    if rule_id == "bankruptcy":
        yield "bankruptcy-discharged", met & flags(pc.match_substring_regex(values, "(?i)discharg"))
    yield _header_rule(reduce(header)) or rule_id, met


def _header_rule(reduced: str) -> str | None:
    return next((rule_id for word, rule_id in _HEADER_RULES if word in reduced), None)


def _by_status(rows: pa.Table, header: str) -> Iterator[tuple[str, Flags]]:
    said = by_word(column(rows, header), _status_rule)
    for rule_id in said.unique().to_pylist():
        if rule_id:
            yield rule_id, flags(pc.equal(said, rule_id))


def _status_rule(text: str) -> str:
    words = text.upper().replace("_", " ")
    if _NO_STATUS.search(words):
        return ""
    return next((rule_id for pattern, rule_id in _STATUS_WORDS if pattern.search(words)), "")


def _missing(accounts: pa.Table) -> Flags:
    """No creditor where the tape names creditors, or none of the dates that the tape has and an age counts from."""
    result = np.zeros(accounts.num_rows, np.bool_)
    if "original_creditor" in accounts.column_names:
        result |= flags(pc.equal(pc.fill_null(one(accounts.column("original_creditor")), ""), ""))
    names = [name for name in AGE_FIELDS if name in accounts.column_names]
    if names:
        result |= flags(pc.is_null(pc.coalesce(*(one(accounts.column(name)) for name in names))))
    return result
