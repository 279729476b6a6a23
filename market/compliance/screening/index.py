"""All listed names in memory: which of them a name may be, found without comparing it with every one."""

import gc
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Final

import numpy as np
import numpy.typing as npt
from rapidfuzz import fuzz, process
from rapidfuzz.distance import Indel

from market.compliance.screening import words
from market.compliance.screening.lists import ListEntry, ListVersion
from market.compliance.screening.names import (
    Name,
    Part,
    Token,
    read,
    skeleton,
    skeletons_of,
    sounds,
    sounds_of,
    unvowelled,
)

CANDIDATE_COUNT: Final = 120
"""Names that the scan by tokens hands to the scorer; the two scans over whole names come on top."""
_WHOLE_ALIKE: Final = 78.0
_RUN_ALIKE: Final = 0.8
_LONG_WORD: Final = 9
_LONG_NAME: Final = 12
_SEARCHED: Final = (Part.NAME, Part.GENERIC, Part.FILLER, Part.NUMBER, Part.PARTICLE)
_LIGHT: Final = {Part.PARTICLE: 0.2, Part.GENERIC: 0.6, Part.FILLER: 0.4, Part.NUMBER: 0.5, Part.INITIAL: 0.5}
_Rows = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Listed:
    """One name of one entry, ready to be compared."""

    entry: ListEntry
    name: Name
    weak: bool


class Index:
    """Built once from list versions, then only read; safe to share."""

    def __init__(self, versions: Sequence[ListVersion]) -> None:
        with _uncollected():
            self._build(versions)

    def _build(self, versions: Sequence[ListVersion]) -> None:
        entries = [entry for version in versions for entry in version.entries]
        self.names = [
            Listed(entry, read(found.text, entry.kind), found.weak) for entry in entries for found in entry.names
        ]
        self._exact: dict[str, list[int]] = defaultdict(list)
        self._sorted: list[str] = []
        self._runs: list[str] = []
        self._run_rows: list[int] = []
        for row, listed in enumerate(self.names):
            ordered = " ".join(sorted(listed.name.plain.split()))
            self._exact[ordered].append(row)
            self._sorted.append("" if listed.weak else ordered)
            for run in () if listed.weak else {listed.name.joined, listed.name.plain.replace(" ", "")}:
                self._runs.append(run)
                self._run_rows.append(row)
        self._by_key, self._near = _postings(self.names)
        self._sizes = np.array([max(1.0, _size(listed.name.tokens)) for listed in self.names], dtype=np.float32)
        self._letters = np.array([_letters(listed.name.tokens) for listed in self.names], dtype=np.uint32)
        self._strong = np.array([not listed.weak for listed in self.names], dtype=bool)
        self._by_identifier: dict[str, list[ListEntry]] = defaultdict(list)
        for entry in entries:
            for number in entry.identifiers:
                self._by_identifier[number].append(entry)

    def by_identifier(self, number: str) -> list[ListEntry]:
        """Entries that carry this number (see `lists.identifier`)."""
        return self._by_identifier.get(number, [])

    def candidates(self, asked: Name) -> Iterable[Listed]:
        """The names that may be meant, each once. A weak alias is one only if it is the whole name."""
        if not asked.tokens:
            return []
        ordered = " ".join(sorted(asked.plain.split()))
        rows = set(self._exact.get(ordered, ()))
        whole = process.cdist([ordered], self._sorted, scorer=fuzz.ratio, score_cutoff=_WHOLE_ALIKE)[0]
        rows.update(np.flatnonzero(whole).tolist())
        if any(len(token.text) >= _LONG_WORD for token in asked.tokens) or len(asked.joined) >= _LONG_NAME:
            run = process.cdist(
                [asked.joined], self._runs, scorer=Indel.normalized_similarity, score_cutoff=_RUN_ALIKE
            )[0]
            rows.update(self._run_rows[at] for at in np.flatnonzero(run))
        rows.update(self._by_tokens(asked).tolist())
        return [self.names[row] for row in sorted(rows)]

    def _by_tokens(self, asked: Name) -> _Rows:
        """The names that share most with this one, by tokens of the same or nearly the same sound."""
        shared = np.zeros(len(self.names), dtype=np.float32)
        for token in asked.tokens:
            if token.part in _SEARCHED:
                shared[self._alike(token, asked)] += _weight(token)
        for one, other in pairwise(asked.tokens):
            shared[self._sounding(sounds(one.text + other.text))] += _weight(one) + _weight(other)
        if not shared.any():
            return np.empty(0, dtype=np.int32)
        for token in asked.tokens:
            if token.part is Part.INITIAL:
                shared[((self._letters & _bit(token.text)) > 0) & (shared > 0)] += 0.5
        size = max(1.0, _size(asked.tokens))
        share = np.where(
            self._strong, shared / np.maximum(self._sizes, size) + 0.5 * shared / np.minimum(self._sizes, size), 0
        )
        found = np.flatnonzero(share >= 0.4)
        if len(found) > CANDIDATE_COUNT:
            found = found[np.argpartition(share[found], -CANDIDATE_COUNT)[-CANDIDATE_COUNT:]]
        return found.astype(np.int32)

    def _sounding(self, keys: Iterable[str]) -> _Rows:
        rows = [self._by_key[key] for key in keys if key in self._by_key]
        return np.concatenate(rows) if rows else np.empty(0, dtype=np.int32)

    def _alike(self, token: Token, asked: Name) -> _Rows:
        keys = set(token.sounds) | {f"~{name}" for name in words.NICKNAMES.get(token.text, ())}
        for sound in token.sounds:
            for shorter in _shorter(sound):
                keys.update(self._near.get(shorter, ()))
        if asked.native or asked.is_bare:
            bare = skeleton(token.text)
            keys.update({f"#{bare}"} | {f"#{shorter}" for shorter in _shorter(bare) if len(shorter) > 2})
        if asked.is_bare:
            keys.add(f"%{unvowelled(token.text)}")
        return self._sounding(keys)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the search for cycles, which takes a third of the time where a million objects are made and none is lost."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _postings(names: Sequence[Listed]) -> tuple[dict[str, _Rows], dict[str, list[str]]]:
    """Key -> rows (a key is a sound, ~ and a nickname's name, # and consonants, or % and all but vowels), and a sound less a letter -> sounds."""
    tokens = [[token.text for token in listed.name.tokens if token.part in _SEARCHED] for listed in names]
    pairs = [[one.text + other.text for one, other in pairwise(listed.name.tokens)] for listed in names]
    heard, seen = _heard(tokens), _heard(pairs)
    keys = {
        text: (
            *heard[text],
            f"#{bare}",
            f"%{unvowelled(text)}",
            *(f"~{name}" for name in words.NICKNAMES.get(text, ())),
        )
        for text, bare in zip(heard, skeletons_of(list(heard)), strict=True)
    }
    rows: dict[str, list[int]] = defaultdict(list)
    for row, (single, joined) in enumerate(zip(tokens, pairs, strict=True)):
        for key in chain.from_iterable([keys[text] for text in single] + [seen[text] for text in joined]):
            rows[key].append(row)
    near: dict[str, list[str]] = defaultdict(list)
    for sound in sorted(set(chain.from_iterable(heard.values()))):
        for shorter in _shorter(sound):
            near[shorter].append(sound)
    return {key: np.array(found, dtype=np.int32) for key, found in rows.items()}, dict(near)


def _heard(texts: Iterable[Iterable[str]]) -> dict[str, tuple[str, ...]]:
    """Each text with its sounds."""
    distinct = list(dict.fromkeys(chain.from_iterable(texts)))
    return dict(zip(distinct, sounds_of(distinct), strict=True))


def _shorter(sound: str) -> set[str]:
    """The sound itself and, from four letters on, what is left of it without one letter."""
    return {sound} | ({sound[:at] + sound[at + 1 :] for at in range(len(sound))} if len(sound) >= 4 else set())


def _weight(token: Token) -> float:
    return _LIGHT.get(token.part, 1.0)


def _size(tokens: Sequence[Token]) -> float:
    return sum(_weight(token) for token in tokens if token.part is not Part.TITLE)


def _letters(tokens: Sequence[Token]) -> int:
    found = 0
    for token in tokens:
        found |= _bit(token.text)
    return found


def _bit(text: str) -> int:
    return 1 << (ord(text[0]) - ord("a")) if "a" <= text[0] <= "z" else 1 << 31
