"""Which tokens of two names stand for each other. Best pairs first; words split or run together are one pair."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

from rapidfuzz.distance import OSA

from market.compliance.screening import words
from market.compliance.screening.names import Part, Token, skeleton, sounds, unvowelled

SOUND_COST: Final = 0.35
"""Edits that a difference of spelling costs when the sound is the same."""
SKELETON_COST: Final = 0.5
NICKNAME_COST: Final = 0.7
INITIAL_COST: Final = 0.8
OTHER_NAME_COST: Final = 1.2
_SHORT_NAME: Final = 4
_LEAST_ALIKE: Final = 0.5
_LONGEST_RUN: Final = 3
_SHORTEST_JOINED: Final = 5
_FEWEST_CONSONANTS: Final = 2
_LETTERS_PER_SOUND: Final = 8
_SPELT_SHARE, _SPELT_APART, _SHORT_APART, _LONG_WORD = 0.6, 0.6, 0.5, 6
_OTHER_WORD: Final = 3
_LONG_ALIKE: Final = 0.67
_NOBODY: Final[frozenset[str]] = frozenset()

WEIGHT: Final = {
    Part.NAME: 1.0,
    Part.INITIAL: 0.5,
    Part.PARTICLE: 0.15,
    Part.TITLE: 0.05,
    Part.FORM: 0.05,
    Part.GENERIC: 0.55,
    Part.FILLER: 0.28,
    Part.NUMBER: 0.6,
}
_ADDED: Final = (Part.PARTICLE, Part.TITLE, Part.FORM)


@dataclass(frozen=True, slots=True)
class Pair:
    """Tokens of both names that stand for each other: `edits` between them, of `chars` letters."""

    left: str
    right: str
    edits: float
    chars: float
    weight: float
    why: str


@dataclass(frozen=True, slots=True)
class Alignment:
    """`pairs`, the `replaced` (each side has something else there), and what only one side has."""

    pairs: tuple[Pair, ...]
    replaced: tuple[Pair, ...]
    left_only: tuple[Token, ...]
    right_only: tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class _Unit:
    """A token, or a run of neighbours read as one word."""

    at: int
    length: int
    text: str
    sounds: tuple[str, ...]
    part: Part
    weight: float


def align(left: Sequence[Token], right: Sequence[Token], *, by_consonants: bool, known: Collection[str]) -> Alignment:
    """Pair the tokens, greedily from the most alike.

    `by_consonants`: one side is of a script without vowels. `known`: names that many people carry; two of them that
    differ by a letter are rather two names than a slip.
    """
    found = []
    for one in _units(left):
        for other in _units(right):
            if one.length == 1 or other.length == 1:
                pair = _pair(one, other, by_consonants=by_consonants, known=known)
                if pair is not None:
                    joined = one.length + other.length > 2
                    found.append(
                        (
                            pair.edits / max(pair.chars, 1.0) + 0.02 * joined,
                            -pair.weight,
                            one.at,
                            other.at,
                            pair,
                            one,
                            other,
                        )
                    )
    found.sort(key=lambda entry: entry[:4])
    free_left, free_right = set(range(len(left))), set(range(len(right)))
    pairs = []
    for *_, pair, one, other in found:
        mine, theirs = set(range(one.at, one.at + one.length)), set(range(other.at, other.at + other.length))
        if mine <= free_left and theirs <= free_right:
            free_left -= mine
            free_right -= theirs
            pairs.append(pair)
    said = {pair.left for pair in pairs} | {pair.right for pair in pairs}
    free_left -= _behind_initials(left, free_left, pairs)
    free_right -= _behind_initials(right, free_right, pairs)
    replaced = _replaced(left, right, free_left, free_right)
    return Alignment(
        tuple(pairs),
        tuple(replaced),
        tuple(left[at] for at in sorted(free_left) if left[at].text not in said),
        tuple(right[at] for at in sorted(free_right) if right[at].text not in said),
    )


def _behind_initials(tokens: Sequence[Token], free: set[int], pairs: Sequence[Pair]) -> set[int]:
    """Tokens that hang by a hyphen on one that stands for an initial: K. Tsang is Kwok-wai Tsang."""
    full = {max(pair.left, pair.right, key=len) for pair in pairs if pair.why == "initial"}
    found: set[int] = set()
    for at, token in enumerate(tokens):
        if token.tied and at in free and (tokens[at - 1].text in full or at - 1 in found):
            found.add(at)
    return found


def _units(tokens: Sequence[Token]) -> list[_Unit]:
    singles = [_Unit(at, 1, t.text, t.sounds, t.part, WEIGHT[t.part]) for at, t in enumerate(tokens)]
    runs = []
    for length in range(2, min(_LONGEST_RUN, len(tokens)) + 1):
        for at in range(len(tokens) - length + 1):
            run = tokens[at : at + length]
            text = "".join(token.text for token in run)
            if len(text) >= _SHORTEST_JOINED and any(t.part in (Part.NAME, Part.GENERIC, Part.FILLER) for t in run):
                runs.append(_Unit(at, length, text, sounds(text), Part.NAME, sum(WEIGHT[t.part] for t in run)))
    return singles + runs


def _pair(one: _Unit, other: _Unit, *, by_consonants: bool, known: Collection[str]) -> Pair | None:
    """How these two stand for each other, or None if they are too unlike."""
    chars = (len(one.text) + len(other.text)) / 2
    joined = one.length + other.length > 2
    weight = (min if joined else max)(one.weight, other.weight)
    if one.text == other.text:
        return Pair(one.text, other.text, 0.0, chars, weight, "same")
    if joined:
        return _joined_pair(one, other, chars, weight)
    if Part.NUMBER in (one.part, other.part):
        return None
    if Part.INITIAL in (one.part, other.part):
        short, full = sorted((one, other), key=lambda unit: len(unit.text))
        if full.part is Part.INITIAL or full.part in _ADDED or not full.text.startswith(short.text):
            return None
        return Pair(one.text, other.text, INITIAL_COST, float(len(full.text)), WEIGHT[Part.INITIAL], "initial")
    pair = _spelling_pair(one, other, chars, weight, by_consonants=by_consonants)
    if pair is not None and pair.why == "spelling" and known and _are_two_names(one.text, other.text, known):
        return replace(pair, edits=pair.edits + OTHER_NAME_COST, why="other name")
    return pair


def _are_two_names(one: str, other: str, known: Collection[str]) -> bool:
    """Whether both are names that people carry, or too short for a letter to be a slip: Min and Bin, Mark and Mary."""
    return max(len(one), len(other)) <= _SHORT_NAME or (one in known and other in known)


def _joined_pair(one: _Unit, other: _Unit, chars: float, weight: float) -> Pair | None:
    """A run of tokens against one word: nearly the same letters or the same sound, or it is a coincidence."""
    longest = max(len(one.text), len(other.text))
    most = max(1, longest // 7)
    edits = float(OSA.distance(one.text, other.text, score_cutoff=most))
    if edits > most and min(len(one.text), len(other.text)) >= _SHORTEST_JOINED and _heard(one, other) == 0:
        edits = SOUND_COST
    return None if edits > most else Pair(one.text, other.text, edits + 0.2, chars, weight, "joined")


def _spelling_pair(one: _Unit, other: _Unit, chars: float, weight: float, *, by_consonants: bool) -> Pair | None:
    longest = max(len(one.text), len(other.text))
    edits, why = float(OSA.distance(one.text, other.text)), "spelling"
    heard = _heard(one, other)
    as_heard = max(heard + SOUND_COST, edits * _SPELT_SHARE if heard else 0.0)
    spelt_apart = edits > longest * (_SPELT_APART if longest >= _LONG_WORD else _SHORT_APART)
    if heard <= longest // _LETTERS_PER_SOUND and as_heard < edits and not spelt_apart:
        edits, why = as_heard, "sound"
    if edits > NICKNAME_COST and words.NICKNAMES.get(one.text, _NOBODY) & words.NICKNAMES.get(other.text, _NOBODY):
        edits, why = NICKNAME_COST, "nickname"
    if by_consonants:
        bare = _bare_edits(one.text, other.text, longest)
        if bare <= edits:
            edits, why = bare, "consonants"
    if 1 - edits / longest < _LEAST_ALIKE or (edits >= _OTHER_WORD and 1 - edits / longest < _LONG_ALIKE):
        return None
    return Pair(one.text, other.text, edits, chars, weight, why)


def _heard(one: _Unit, other: _Unit) -> int:
    """Edits between the sounds, the least of all readings."""
    readings = [OSA.distance(mine, theirs) for mine in one.sounds for theirs in other.sounds]
    return min(readings, default=len(one.text) + len(other.text))


def _bare_edits(one: str, other: str, longest: int) -> float:
    """Edits between the consonants, stretched to the length of the words."""
    if unvowelled(one) == unvowelled(other):
        return SKELETON_COST
    mine, theirs = skeleton(one), skeleton(other)
    if min(len(mine), len(theirs)) < _FEWEST_CONSONANTS:
        return float(longest)
    unsure = SKELETON_COST if min(len(mine), len(theirs)) > _FEWEST_CONSONANTS else 2 * SKELETON_COST
    return OSA.distance(mine, theirs) * longest / max(len(mine), len(theirs)) + unsure


def _replaced(left: Sequence[Token], right: Sequence[Token], free_left: set[int], free_right: set[int]) -> list[Pair]:
    """Where each side has something else: the most alike of what is left, each once; both sets lose them."""
    options = sorted(
        (
            OSA.distance(left[i].text, right[j].text) / max(len(left[i].text), len(right[j].text)),
            -WEIGHT[left[i].part],
            i,
            j,
        )
        for i in free_left
        for j in free_right
        if left[i].part not in _ADDED and right[j].part not in _ADDED
    )
    found = []
    for _, _, i, j in options:
        if i in free_left and j in free_right:
            free_left.discard(i)
            free_right.discard(j)
            mine, theirs = left[i], right[j]
            edits = float(OSA.distance(mine.text, theirs.text))
            chars = (len(mine.text) + len(theirs.text)) / 2
            weight = max(WEIGHT[mine.part], WEIGHT[theirs.part])
            found.append(Pair(mine.text, theirs.text, edits, chars, weight, "replaced"))
    return found
