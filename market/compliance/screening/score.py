"""How alike two names are, from 0 to 1, and why. Pure and symmetric; from `MATCH` on they count as the same."""

import hashlib
import json
import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Final

from rapidfuzz import fuzz
from rapidfuzz.distance import OSA

from market.compliance.screening.align import WEIGHT, Alignment, Pair, align
from market.compliance.screening.bundled import common_names, frequent_names, known_names
from market.compliance.screening.names import Kind, Name, Part, Script, Token, read
from market.compliance.screening.writing import names_in

ALGORITHM: Final = "names-4"
MATCH: Final = 0.75
TOKEN_SORT_MATCH: Final = 92.0
_FEW_VOWELS: Final = frozenset({"KHMER", "THAI", "LAO", "MYANMAR", "DEVANAGARI", "BENGALI", "ETHIOPIC"})
_RUN_TOGETHER: Final = 0.95
_RARE: Final = 5
_MOST_RUN_TOGETHER: Final = 6
_SHORTEST_RUN: Final = 8
_REVERSED: Final = 0.8
_ACRONYM: Final = 0.78
_SHORT_LETTERS: Final = 14
_SYLLABLE = re.compile(r"[^aeiouy]{0,2}[aeiouy]{1,3}[^aeiouy]{0,2}")
_CUT_OFF, _SHORTEST_CUT, _LEAST_LEFT = 0.85, 12, 0.7


@dataclass(frozen=True, slots=True)
class Config:
    """What was tuned: amounts taken off 1. Its digest is stored with each screening."""

    edit: float = 1.25
    second_edit: float = 0.35
    replaced: float = 0.18
    extra_person: float = 0.42
    extra_organisation: float = 1.1
    form: float = 0.06
    single: float = 0.35
    no_full_word: float = 0.2
    common: float = 0.7
    headless: float = 0.9
    torn: float = 0.42

    @property
    def digest(self) -> str:
        """SHA-256 in hex of the algorithm and these numbers."""
        return hashlib.sha256(json.dumps([ALGORITHM, asdict(self)], sort_keys=True).encode()).hexdigest()


TUNED: Final = Config()


@dataclass(frozen=True, slots=True)
class Compared:
    """`score` from 0 to 1, `token_sort` from 0 to 100; `features` are the amounts taken off 1, by their names."""

    score: float
    token_sort: float
    pairs: tuple[Pair, ...]
    features: dict[str, float]

    @property
    def is_match(self) -> bool:
        """The rule for an alert: the scorer, or token-sort after transliteration."""
        return self.score >= MATCH or self.token_sort >= TOKEN_SORT_MATCH

    def trace(self) -> dict[str, object]:
        """The same as plain values: what was compared with what, and what that cost."""
        return {
            "score": round(self.score, 4),
            "token_sort": round(self.token_sort, 1),
            "features": {name: round(value, 4) for name, value in self.features.items()},
            "pairs": [f"{pair.left}~{pair.right}: {pair.why} ({pair.edits:g}/{pair.chars:g})" for pair in self.pairs],
        }


def compare_texts(left: str, right: str, kind: Kind, config: Config = TUNED) -> Compared:
    """`compare` of two names as written; of what gives several (`A t/a B`) the best."""
    pairs = [(read(one, kind), read(other, kind)) for one in names_in(left) for other in names_in(right)]
    return max((compare(one, other, config) for one, other in pairs), key=lambda found: (found.score, found.token_sort))


def compare(left: Name, right: Name, config: Config = TUNED) -> Compared:
    """How alike two names are; the order of the two makes no difference. A name without letters matches nothing."""
    if not left.tokens or not right.tokens:
        return Compared(0.0, 0.0, (), {"empty": 1.0})
    if (right.plain, right.native) < (left.plain, left.native):
        left, right = right, left
    token_sort = fuzz.token_sort_ratio(left.plain, right.plain)
    if left.script is right.script is Script.HAN:
        return _by_characters(left, right, token_sort)
    if (left.plain, left.native) == (right.plain, right.native):
        return Compared(1.0, token_sort, (), {})
    one, other = _comparable(left, right)
    known = known_names() if left.kind is Kind.PERSON else frozenset[str]()
    aligned = align(one, other, by_consonants=_without_vowels(left) is not _without_vowels(right), known=known)
    features = _features(aligned, left, right, config)
    score = min(1.0, max(0.0, 1.0 - sum(features.values())))
    special = _special(left, right)
    if special is not None and special[1] > score:
        return Compared(special[1], token_sort, aligned.pairs, {special[0]: 1.0 - special[1]})
    return Compared(score, token_sort, (*aligned.pairs, *aligned.replaced), features)


def _by_characters(left: Name, right: Name, token_sort: float) -> Compared:
    """Two names in Han or Hangul: a character that differs is another name, unless the name is long."""
    mine, theirs = left.native.replace(" ", ""), right.native.replace(" ", "")
    share = OSA.distance(mine, theirs) / max(len(mine), len(theirs))
    return Compared(max(0.0, 1.0 - 1.25 * share), token_sort, (), {"characters": min(1.0, 1.25 * share)})


def _comparable(left: Name, right: Name) -> tuple[Sequence[Token], Sequence[Token]]:
    """The tokens to align: as written if both share a script whose transliteration loses letters, else in Latin."""
    block = _block(left.native)
    if not block or block != _block(right.native) or block in {"CYRILLIC", "GREEK"}:
        return left.tokens, right.tokens
    return _native_tokens(left), _native_tokens(right)


def _native_tokens(name: Name) -> list[Token]:
    return [Token(word, Part.INITIAL if len(word) == 1 else Part.NAME, heard=False) for word in name.native.split()]


def _block(native: str) -> str:
    return unicodedata.name(native[0], "").split(" ")[0] if native else ""


def _without_vowels(name: Name) -> bool:
    return name.script is Script.ABJAD or _block(name.native) in _FEW_VOWELS or name.is_bare


def _features(aligned: Alignment, left: Name, right: Name, config: Config) -> dict[str, float]:
    person = left.kind is Kind.PERSON
    everything = (*aligned.pairs, *aligned.replaced)
    letters = sum(pair.chars * min(pair.weight, 1.0) for pair in everything)
    edits = sum(pair.edits * min(pair.weight, 1.0) for pair in everything)
    if person and letters <= _SHORT_LETTERS:
        # One slip is soon made; two in a short name are rather another name.
        edits += config.second_edit * max(0.0, edits - 1)
    found = {"edits": config.edit * edits / max(letters, 1.0)}
    replaced = sum(pair.weight for pair in aligned.replaced if _is_other_word(pair, person=person))
    found["replaced"] = config.replaced * replaced
    mine, theirs = _weight(aligned.left_only), _weight(aligned.right_only)
    matched = sum(pair.weight for pair in everything)
    share = (mine + theirs) / max(matched + mine + theirs, 0.01)
    found["extra"] = share * config.extra_organisation
    if person:
        found["extra"], found["headless"] = (share * amount for amount in _extra_of_person(aligned, config))
        torn = _torn(left, aligned.left_only) + _torn(right, aligned.right_only)
        found["torn"] = config.torn * torn / max(matched + mine + theirs, 0.01)
    full = sum(pair.weight for pair in aligned.pairs if pair.why != "initial")
    if full < 0.5:
        found["no_full_word"] = config.no_full_word
    if person and full < 1.3 and mine + theirs >= 0.9:
        found["single"] = config.single
    if left.forms and right.forms and not left.forms & right.forms:
        found["form"] = config.form
    return {name: value for name, value in found.items() if value > 0}


def _extra_of_person(aligned: Alignment, config: Config) -> tuple[float, float]:
    """What names that only one side has cost, and what is added if those are what the person is called by.

    The first amount is the larger the more listed people share the names that both have. The second is of names that are all
    frequent, beside which the first given or family name is missing: they may be anybody's.
    """
    shared = [pair for pair in aligned.pairs if pair.weight >= 1]
    common = sum(min(_commonness(pair.left), _commonness(pair.right)) for pair in shared) / max(1, len(shared))
    frequent = bool(shared) and all({pair.left, pair.right} <= frequent_names() for pair in shared)
    headless = frequent and any(token.head for token in (*aligned.left_only, *aligned.right_only))
    more = max(0.0, config.headless - config.common * common) if headless else 0.0
    return config.extra_person * (1 + config.common * common), config.extra_person * more


def _torn(name: Name, only: Sequence[Token]) -> int:
    """How many syllables of which only this side has one hang by a hyphen on one that both have: Jin-woo is not Jin."""
    tied = (
        (one, other)
        for one, other in pairwise(name.tokens)
        if other.tied and one.part is other.part is Part.NAME and all(_SYLLABLE.fullmatch(t.text) for t in (one, other))
    )
    return sum((one in only) is not (other in only) for one, other in tied)


def _commonness(text: str) -> float:
    """0 for a name that five or fewer listed people carry, 1 from 80 on."""
    count = common_names().get(text, 0)
    return min(1.0, math.log2(count / _RARE) / 4) if count > _RARE else 0.0


def _is_other_word(pair: Pair, *, person: bool) -> bool:
    """Whether a replaced token is another word, not another spelling: 3 letters differ, or 2 of an acronym's."""
    if pair.left.isdigit() or pair.right.isdigit():
        return False
    return pair.edits >= 3 or (not person and pair.edits >= 2 and pair.chars <= 3.5)


def _weight(tokens: Sequence[Token]) -> float:
    return sum(WEIGHT[token.part] for token in tokens)


def _run_together(one: Name, many: Name) -> float:
    """How alike one long word is to the other name's tokens without blanks, from whichever of them one starts."""
    if len(one.tokens) != 1 or not 2 <= len(many.tokens) <= _MOST_RUN_TOGETHER or len(one.joined) < _SHORTEST_RUN:
        return 0.0
    texts = [token.text for token in many.tokens]
    turned = ("".join(texts[at:] + texts[:at]) for at in range(len(texts)))
    edits = min(OSA.distance(one.joined, text) for text in turned)
    return _RUN_TOGETHER * (1 - 1.25 * edits / len(one.joined)) if edits <= len(one.joined) // 6 else 0.0


def _is_cut_off(short: Name, whole: Name) -> bool:
    """Whether one name is the other without its end, as a form leaves it whose field is too narrow: cut within a word."""
    spoken = ([token.text for token in name.tokens] for name in (short, whole))
    written = (name.plain.split() for name in (short, whole))
    for mine, theirs in (spoken, written):
        last = len(mine) - 1
        if 1 <= last < len(theirs) and mine[:-1] == theirs[:last] and theirs[last].startswith(mine[-1]):
            left, all_of_it = sum(map(len, mine)), sum(map(len, theirs))
            if mine[-1] != theirs[last] and left >= _SHORTEST_CUT and left >= _LEAST_LEFT * all_of_it:
                return True
    return False


def _special(left: Name, right: Name) -> tuple[str, float] | None:
    """A name spelt backwards, and an organisation named by its first letters."""
    if left.plain != right.plain and left.plain.replace(" ", "") == right.plain.replace(" ", ""):
        return "run_together", _RUN_TOGETHER
    run = max(_run_together(left, right), _run_together(right, left))
    if run:
        return "run_together", run
    if _is_cut_off(left, right) or _is_cut_off(right, left):
        return "cut_off", _CUT_OFF
    joined, other = left.joined, right.joined
    if len(joined) >= 6 and joined != other and (joined[::-1] == other or left.plain[::-1] == right.plain):
        return "reversed", _REVERSED
    if left.kind is Kind.PERSON:
        return None
    for short, full in ((left, right), (right, left)):
        if len(short.tokens) == 1 and len(full.tokens) >= 3 and 3 <= len(short.joined) <= 6:
            whole = "".join(token.text[0] for token in full.tokens)
            if short.joined in {whole, "".join(t.text[0] for t in full.tokens if t.part is not Part.PARTICLE)}:
                return "acronym", _ACRONYM
    return None
