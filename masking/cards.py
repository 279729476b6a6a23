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
LIKE = r"[0-9](?:[ -]?[0-9]){14}"
# As cards are printed: no separators, or the groups of the networks. What goes on before or after, as the groups of an IBAN do, is none.
WRITTEN = re.compile(
    r"(?<![\w.,+/#-])(?<!\d )(?<![A-Z]{2}\d\d )"
    r"(?:\d{15,16}|\d{19}|\d{4}([ -])\d{4}\1\d{4}\1\d{4}(?:\1\d{3})?|\d{4}([ -])\d{6}\2\d{5})"
    r"(?![\w/+]|[ .,-]?\d)"
)


def quoted(text: str) -> list[str]:
    """The digits of every card number in a text."""
    found = (match[0] for match in WRITTEN.finditer(text))
    return [re.sub(r"\D", "", written) for written in found if is_card_number(written)]


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
