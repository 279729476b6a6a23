"""Payment-card numbers inside free text: certain enough to refuse a row, and never shown."""

import re

import numpy as np
import pyarrow as pa

from masking.columns import Flags, byte_table, pc, text_parts
from masking.fields import FieldClass
from masking.forms import is_card_number
from masking.limits import ROW
from masking.policy import Mapping
from masking.values import column

NOTED = "the text holds a payment-card number"
DIGITS = byte_table(b"0123456789")
LIKE = r"[0-9](?:[ .-]?[0-9]){14}"
# A card's number is noted with its expiry (or another day) and its security code beside it: 12/27, 12/2027, 1227, 123.
MONTH = r"(?:0[1-9]|1[0-2])[0-3]\d(?!\d)"
DAY = rf"(?: ?[ ,/] ?\d{{1,2}}(?:[/.-]\d{{1,2}})?[/.-]\d{{2,4}}| {{1,2}}{MONTH})"
# As cards are printed: no separators, or the groups of the networks. What goes on before or after, as the groups of an IBAN do, is none.
WRITTEN = re.compile(
    r"(?<![\w+/-])(?<!\d[.,])(?:(?<!\d )|(?<=/\d\d )|(?<=/\d{4} ))(?:(?i:cc|card)[#:.-]?)?"
    rf"(?P<number>\d{{15,16}}|\d{{19}}|\d{{4}}(?P<by>[ .-])\d{{4}}(?P=by)\d{{4}}(?P=by)\d{{4}}"
    rf"(?!(?P=by)(?!{MONTH})\d{{4}}|(?:(?P=by)\d{{4}}){{2}})"
    r"(?P<rest>(?P=by)\d{3}(?![/\d]))?|\d{4}([ .-])\d{6}\4\d{5})"
    rf"{DAY}?(?: {{1,2}}\d{{3,4}}(?![/\d]))?{DAY}?"
    r"(?![\w+]|/\w|[ .,-]?\d)"
)


def quoted(text: str) -> list[str]:
    """The digits of every card number in a text."""
    return [number for match in WRITTEN.finditer(text) if (number := _number(match))]


def _number(match: re.Match[str]) -> str | None:
    """The card number of what is written as one: a last group of three may be its end, or the security code."""
    whole = re.sub(r"\D", "", match["number"])
    readings = (whole, whole[:16]) if match["rest"] else (whole,)
    return next(filter(is_card_number, readings), None)


def noted(chunk: pa.Table, mapping: Mapping) -> list[tuple[str, str, Flags]]:
    """(header, reason, which rows) for every column of free text that quotes a card number which the row is not filed by itself."""
    texts = [
        header
        for entry in mapping.fields()
        if entry.cls is FieldClass.FREE_TEXT
        for header in mapping.columns_of(entry.name)
    ]
    return [(header, NOTED, found) for header in texts if (found := _rows(chunk, header, texts)).any()]


def _rows(chunk: pa.Table, header: str, texts: list[str]) -> Flags:
    cells = column(chunk, header)
    found = np.zeros(len(cells), np.bool_)
    if not DIGITS[text_parts(cells)[2]].any():
        return found
    suspects = np.flatnonzero(pc.fill_null(pc.match_substring_regex(cells, LIKE), False).to_numpy(zero_copy_only=False))
    others = [name for name in chunk.column_names if name not in {*texts, ROW}]
    for place in suspects.tolist():
        if cards := quoted(cells[place].as_py()):
            own = {re.sub(r"\D", "", chunk.column(name)[place].as_py() or "") for name in others}
            found[place] = not own.issuperset(cards)
    return found
