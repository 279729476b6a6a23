"""What a header says: known as a whole, or by its words; what is personal shows in one word, what is analytic in all of them."""

import re
from functools import cache

from masking.fields import ALIASES, reduce
from masking.people import plain
from masking.vocabulary import ANALYTIC_WORDS, CONCEPTS, PERSONAL, RULES, table

SURE, LIKELY = 0.95, 0.8
NOTHING: tuple[str | None, float, str] = (None, 0.0, "")
PREFIXES = frozenset(
    "debtor primary customer cust borrower consumer account acct client current curr the res home mailing billing 1 2 3 01 02 field col "
    "buyer loan orig original obligor cardholder".split()
)
BESIDE = frozenset({"current", "debt", "debtor", "off", "original"})
"""Concepts that may stand in a header beside those that a rule needs."""

SUFFIXES = frozenset("usd eur gbp code text value field nm nbr cd tx txt".split())
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


@cache
def _tables() -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]], list[tuple[str, frozenset[str]]]]:
    rules = [(line.split("|")[0].strip(), line.split("|")[1]) for line in RULES.strip().splitlines()]
    return table(PERSONAL), table(CONCEPTS), [(name, frozenset(words.split())) for name, words in rules]


def by_header(column: str) -> tuple[str | None, float, str]:
    """(field or None, how sure, why): whole headers first, then with common first and last words off, then by words."""
    if name := ALIASES.get(_reduced(column)):
        return name, SURE, "known header"
    words = WORD.findall(_latin(column))
    while len(words) > 1 and words[0].casefold() in PREFIXES:
        words = words[1:]
        if name := ALIASES.get(reduce("".join(words))):
            return name, LIKELY, "known header after a common first word"
    while len(words) > 1 and (words[-1].isdigit() or words[-1].casefold() in SUFFIXES):
        words = words[:-1]
        if name := ALIASES.get(reduce("".join(words))):
            return name, LIKELY, "known header before a common last word"
    return _by_words([reduce(word) for word in WORD.findall(_latin(column)) if not word.isdigit()])


def _latin(column: str) -> str:
    """Other scripts in Latin letters, case kept; accents off, so that words are not cut at them."""
    return column if column.isascii() else "".join(_letter(char) for char in column)


def _letter(char: str) -> str:
    if char.isascii():
        return char
    found = plain(char)
    return found.upper() if char.isupper() and len(found) == 1 else found


def _reduced(column: str) -> str:
    return reduce(column) or reduce(_latin(column))


def _by_words(words: list[str]) -> tuple[str | None, float, str]:
    personal, concepts, rules = _tables()
    held = {name for name, stems in concepts.items() if any(_meets(word, stems) for word in words)}
    met = [name for name, stems in personal.items() if any(_meets(word, stems) for word in words)]
    analytic = {word for word in words if _meets(word, ANALYTIC_WORDS)}
    measured = any(
        len(word) > 1 and _meets(word, concepts[name]) for word in words for name in ("balance", "date", "rate")
    )
    if met and not analytic and not (measured and met[0] != "date_of_birth"):
        return met[0], LIKELY, "a word of the header"
    for name, needed in rules if "rate" not in held else ():
        if needed <= held and held - needed <= BESIDE:
            return name, LIKELY, "the words of the header"
    return NOTHING


def _meets(word: str, stems: tuple[str, ...]) -> bool:
    """Whether a word is one of the stems that end in `=`, ends with one that begins with `-`, or begins with another."""
    return any(_fits(word, stem) for stem in stems)


def _fits(word: str, stem: str) -> bool:
    if stem.endswith("="):
        return word == stem[:-1]
    return word.endswith(stem[1:]) and len(word) >= len(stem) if stem.startswith("-") else word.startswith(stem)
