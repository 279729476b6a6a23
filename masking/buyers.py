"""Tokens of one's own for every buyer: two buyers cannot join their files, and a leaked file names who had it.

A buyer's token is the pool's token once more under a key of the buyer's label, so that nothing else in the file differs.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa

from masking import intake
from masking.columns import one, pc
from masking.csvout import write_csv
from masking.leaks import token_columns
from masking.limits import ROW, Headless, headed
from masking.tokens import subkey, tokenise

LEAKED_COUNT = 10_000
TOKEN_CELL = "^[A-Z2-7]{16}$"  # noqa: S105  # a form
QUOTED = re.compile("(?<![A-Z0-9])[A-Z2-7]{16}(?![A-Z0-9])")
BETWEEN = r"[\s'_-]+"
"""What somebody who types a token again may put into it or around it."""
TOKEN_OR_NOTHING = "^([A-Z2-7]{16})?$"  # noqa: S105  # a form
NOT_MASKED = "this is not a masked file: give preview.csv or vetted.csv of a pool, never a tape"


@dataclass(frozen=True, slots=True)
class Suspicion:
    """How many of the tokens looked for in a leaked file are those of one buyer; `count` is how many were looked for."""

    buyer: str
    matched_count: int
    count: int


def buyer_key(token_key: bytes, buyer: str) -> bytes:
    """The 32-byte key of one buyer of one pool; raises ValueError for a label without a letter or digit."""
    if not re.search(r"\w", buyer):
        raise ValueError("a buyer's label has letters or digits")
    return subkey(token_key, "buyer|" + buyer)


def rekey(masked: intake.Source, sink: BinaryIO, *, token_key: bytes, buyer: str) -> None:
    """The masked file with this buyer's tokens, chunk by chunk; every other cell stays as it is.

    Raises ValueError for a file without a column of tokens, or with another value in one: it was not masked, and a copy would show it.
    """
    key = buyer_key(token_key, buyer)
    write_csv((_rekeyed(chunk, key) for chunk in _chunks(masked)), sink)


def _rekeyed(chunk: pa.Table, key: bytes) -> pa.Table:
    names = token_columns(chunk.column_names)
    if not names:
        raise ValueError(NOT_MASKED)
    for name in names:
        tokens = one(chunk.column(name))
        if not pc.all(pc.match_substring_regex(tokens, TOKEN_OR_NOTHING)).as_py():
            raise ValueError(NOT_MASKED)
        chunk = chunk.set_column(chunk.column_names.index(name), name, _again(tokens, key))
    return chunk


def _again(tokens: pa.Array, key: bytes) -> pa.Array:
    return tokenise(tokens, pool_key=key, domain="token")


def _chunks(source: intake.Source, headless: Headless = headed) -> Iterator[pa.Table]:
    info = intake.inspect(source, headless=headless)
    for chunk in intake.read_chunks(source, info, on_ragged=lambda _: None):
        yield chunk.drop_columns([ROW])


def trace(
    leak: intake.Source, masked: intake.Source, *, token_key: bytes, candidates: Sequence[str]
) -> list[Suspicion]:
    """Whose file leaked, the likeliest first: `masked` is the file before any buyer's tokens, `leak` any part of a copy.

    Columns may be renamed, moved or lost, as long as one with tokens is left. A single match is no chance: tokens have
    80 bits. Raises IntakeError for files that cannot be read, ValueError for a bad label or a `masked` without a column of tokens.
    """
    wanted = _tokens_in(_chunks(leak, lambda _: True))  # its first row may hold headers, tokens or nothing of either
    keys = {buyer: buyer_key(token_key, buyer) for buyer in candidates}
    left = dict.fromkeys(candidates, wanted)
    for chunk in _chunks(masked) if len(wanted) else ():
        names = token_columns(chunk.column_names)
        if not names:
            raise ValueError(NOT_MASKED)
        for name in names:
            tokens = one(chunk.column(name)).unique()
            for buyer, key in keys.items():
                known = pc.is_in(left[buyer], value_set=_again(tokens, key))
                left[buyer] = left[buyer].filter(pc.invert(known))
    found = [Suspicion(buyer, len(wanted) - len(rest), len(wanted)) for buyer, rest in left.items()]
    return sorted(found, key=lambda suspicion: (-suspicion.matched_count, suspicion.buyer))


def _tokens_in(chunks: Iterable[pa.Table]) -> pa.Array:
    """Up to LEAKED_COUNT distinct tokens, from any column: whole cells, also in small letters or with blanks, and words of texts."""
    found = pa.array([], pa.string())
    for chunk in chunks:
        for column in chunk.columns:
            found = pa.concat_arrays([found, *_tokens_of(one(column).unique())]).unique().slice(0, LEAKED_COUNT)
        if len(found) == LEAKED_COUNT:
            break
    return found


def _tokens_of(cells: pa.Array) -> tuple[pa.Array, pa.Array]:
    """(the cells that are a token however it is spelt, the tokens that other cells quote)."""
    cells = pc.utf8_upper(cells)
    whole = pc.replace_substring_regex(cells, BETWEEN, "")
    texts = cells.filter(pc.match_substring_regex(cells, "[A-Z2-7]{16}")).to_pylist()
    quoted = [token for text in texts for token in QUOTED.findall(text)]
    return whole.filter(pc.match_substring_regex(whole, TOKEN_CELL)), pa.array(quoted, pa.string())
