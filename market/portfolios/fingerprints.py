"""Keyed fingerprints of accounts: the same account in two listings has a fingerprint in common, whoever lists it.

A fingerprint is the first 64 bits of AES-256-CMAC under a key that only the platform holds. An account has up to three:
its number with its creditor; its number with balance and date; the debtor's tax id with balance and date.
"""

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from masking.accounts import FACE
from masking.columns import Flags, Whole, by_word, flags, one, pc, whole
from masking.fields import AGE_FIELDS
from masking.policy import Mapping
from masking.tokens import normalise, prf, subkey
from masking.values import column

_LEGAL_FORMS = re.compile(
    r"\b(N\W?A|INC|LLC|LLP|LP|LTD|CORP|CORPORATION|CO|COMPANY|PLC|GMBH|AG|SA|USA|NATIONAL ASSOCIATION|BANK|THE)\b\W*"
)


@dataclass(frozen=True, slots=True)
class Prints:
    """Fingerprints, and beside each the tape's row that it belongs to (the header is row 1)."""

    values: Whole
    rows: Whole

    @classmethod
    def together(cls, found: list["Prints"]) -> "Prints":
        """All of them, each value once."""
        if not found:
            return cls(np.zeros(0, np.int64), np.zeros(0, np.int64))
        values, rows = (
            np.concatenate(part) for part in zip(*((each.values, each.rows) for each in found), strict=True)
        )
        values, first = np.unique(values, return_index=True)
        return cls(values, rows[first])


def prints(rows: pa.Table, accounts: pa.Table, row_numbers: Whole, mapping: Mapping, *, key: bytes) -> Prints:
    """The fingerprints of a chunk: `rows` as text, `accounts` the same rows typed. `key` has 32 bytes."""
    number = by_number(one(accounts.column("key")))
    money_and_day = _joined(pc.cast(one(accounts.column(FACE)), pa.string()), _day(accounts))
    variants = [("number|money", number, money_and_day)]
    if "original_creditor" in accounts.column_names:
        variants.append(("number|creditor", number, by_word(one(accounts.column("original_creditor")), creditor)))
    ids = [normalise(column(rows, header)) for header in mapping.columns_of("national_id")]
    variants += [("tax id|money", number, money_and_day) for number in ids]
    made = [_print(name, first, second, row_numbers, key) for name, first, second in variants]
    return Prints.together(made)


def by_number(numbers: pa.Array) -> pa.Array:
    """Account numbers as compared: letters and digits in capitals, without the zeros in front that spreadsheets lose."""
    return pc.ascii_ltrim(normalise(numbers), "0")


def creditor(name: str) -> str:
    """A creditor's name as compared: `First Meadow Bank, N.A.` and `FIRST MEADOW` are one."""
    bare = _LEGAL_FORMS.sub("", re.sub(r"\bN\.\s?A\.", "NA", (name or "").upper()))
    return re.sub(r"\W+", "", bare)


def _print(name: str, first: pa.Array, second: pa.Array, row_numbers: Whole, key: bytes) -> Prints:
    """Only of accounts that have both halves: half an identity is many people's."""
    both: Flags = flags(pc.and_(pc.not_equal(first, ""), pc.not_equal(second, "")))
    identity = _joined(first, second).filter(pa.array(both))
    digests = prf(subkey(key, f"fingerprint|{name}"), identity)
    values = np.ascontiguousarray(digests[:, :8]).view(np.int64).reshape(-1)
    return Prints(values, row_numbers[both])


def _day(accounts: pa.Table) -> pa.Array:
    names = [name for name in AGE_FIELDS if name in accounts.column_names]
    if not names:
        return pa.array([""] * accounts.num_rows, pa.string())
    found = pc.coalesce(*(one(accounts.column(name)) for name in names))
    days = whole(found.cast(pa.int32()).cast(pa.int64()))
    text = pa.array(days).cast(pa.string())
    return pc.if_else(pc.is_null(found), "", text)


def _joined(first: pa.Array, second: pa.Array) -> pa.Array:
    """Both halves; empty if one is."""
    both = pc.and_(pc.not_equal(first, ""), pc.not_equal(second, ""))
    text = pc.binary_join_element_wise(first, second, "\x1f", null_handling="replace", null_replacement="")
    return pc.if_else(both, text, "")
