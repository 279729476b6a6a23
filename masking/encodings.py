"""Which legacy encoding a text is in: the one in which the words look like words; and the words that a person can tell it by."""

import codecs
import re
from collections.abc import Iterable
from contextlib import suppress

from charset_normalizer import from_bytes

WESTERN = "cp1252"
EAST_ASIAN = ["cp932", "gb18030", "big5", "euc_kr"]
ENCODINGS = (
    "utf-8", "utf-8-sig", "utf-16", WESTERN, "iso8859_1", "iso8859_15", "mac_roman", "cp850", "cp1250", "iso8859_2", "cp852", "cp1251", "koi8_r",
    "cp1253", "cp1254", "cp1257", *EAST_ASIAN,
)  # fmt: skip
"""What a seller may say a file is in."""

EVIDENCE_BYTES = 8  # with fewer foreign bytes every guess is as good as another: Western European or nothing
CLEAR_LEAD = 0.15
"""By so much more of the words must another encoding explain before Windows-1252 is given up."""
CLEAR_SHARE = 0.7
"""An encoding that explains fewer of the words than this is no explanation."""

SHOWN_WORDS = 12

_LETTERS_OF = {
    WESTERN: ("äöüß", "àâçéèêëîïôùûüÿœæ", "áéíóúñü", "àèéìíòóù", "áâãàçéêíóôõúü", "åäöé", "åæøéö", "ëïéèöü", "çöüëéèà"),
    "cp1254": ("äöüß", "çğ\u0131iöşüâîû"),
    "cp1250": (
        "äöüß", "ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "ăâîşţșț", "čćđšž", "éáíóúç", "öüëéç",
    ),
    "cp1251": ("абвгдеёжзийклмнопрстуфхцчшщъыьэюяіїєґђљњћџјў",),
    "cp1253": ("αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐΰ",),
}  # fmt: skip
"""Encoding -> for each language, its letters beyond a to z."""

_ICELANDIC = "áðéíóúýþæö"
_OTHER_SCRIPT = frozenset({"cp1251", "cp1253"})
_RUN = re.compile(r"[^\W\d_]+")
_TOKEN = re.compile(r"[^\s;,|\"<>()\[\]/@._+&:-]+")
_QUOTING = frozenset(
    "\u2018\u2019\u201a\u201c\u201d\u201e\u2013\u2014\u2026\xb4\xa0\xad«»·•`€£¥$§°%!?'*#~^=©®™¿¡0123456789"
)
_POSITIONS = {"õ": re.compile("õe"), "ã": re.compile("ã(?:[oe]|$)"), "ì": re.compile("ì$"), "ò": re.compile("ò$")}
"""Letters of the West that stand in few places, and letters of other encodings everywhere."""


def likely(telling: bytes) -> str:
    """The likeliest legacy encoding of lines that are not ASCII: Windows-1252 unless it does not decode or words speak against it."""
    if sum(byte > 127 for byte in telling) < EVIDENCE_BYTES:
        return WESTERN
    shares = {encoding: _share(telling, encoding) for encoding in _LETTERS_OF}
    western = shares.pop(WESTERN)
    other = max(shares, key=lambda encoding: shares[encoding])
    if western >= max(shares[other] - CLEAR_LEAD, CLEAR_SHARE / 2):
        return WESTERN
    if shares[other] >= CLEAR_SHARE:
        return other
    return _asian(telling) or (WESTERN if western >= 0 else other)


def _asian(telling: bytes) -> str | None:
    best = from_bytes(telling, cp_isolation=[*EAST_ASIAN, WESTERN, "iso8859_15"]).best()
    return best.encoding if best is not None and best.encoding in EAST_ASIAN else None


def _share(telling: bytes, encoding: str) -> float:
    """Of the words with a letter beyond a to z, the share that a language of this encoding could write; -1 if it does not decode."""
    try:
        text = telling.decode(encoding)
    except UnicodeDecodeError:
        return -1.0
    words = [token for token in _TOKEN.findall(text) if _foreign(token)]
    if not words:
        return 1.0 if encoding == WESTERN else 0.0
    alphabets = [frozenset(letters) for letters in _LETTERS_OF[encoding]]
    if encoding == WESTERN:
        lowered = [set(_foreign(word.lower())) for word in words]
        if sum(letters <= set(_ICELANDIC) for letters in lowered) >= 0.9 * len(words):
            alphabets.append(frozenset(_ICELANDIC))
    fits = sum(_is_word(word, alphabets, other_script=encoding in _OTHER_SCRIPT) for word in words)
    return fits / len(words)


def _foreign(token: str) -> str:
    """The characters beyond ASCII that are part of a word, not signs beside it."""
    return "".join(char for char in token if not char.isascii() and char not in _QUOTING)


def _is_word(token: str, alphabets: list[frozenset[str]], *, other_script: bool) -> bool:
    """Whether one language has all the letters of a token, in places and in cases as words have them."""
    word = "".join(char for char in token if char not in _QUOTING)
    foreign = _foreign(token)
    if not word.isalpha() or not any(set(foreign.lower()) <= alphabet for alphabet in alphabets):
        return False
    if word not in {word.lower(), word.upper()} and any(char.isupper() for char in foreign if char != word[0]):
        return False
    if other_script:
        return len(foreign) == len(word)
    if len(foreign) > 2 and len(foreign) * 2 > len(word):
        return False
    lowered = word.lower()
    return all(place.search(lowered) for letter, place in _POSITIONS.items() if letter in lowered)


def telling_words(lines: Iterable[str]) -> tuple[str, ...]:
    """Up to twelve words with letters beyond ASCII: such as show together as many different ones as can be, without what stands beside them."""
    found: dict[str, None] = {}
    seen: set[str] = set()
    spare: dict[str, None] = {}
    for line in lines:
        for word in _RUN.findall(line):
            letters = {char for char in word if not char.isascii()}
            if letters - seen:
                found.setdefault(word)
                seen |= letters
            elif letters:
                spare.setdefault(word)
        if len(found) >= SHOWN_WORDS:
            break
    return tuple(sorted([*found, *(word for word in spare if word not in found)][:SHOWN_WORDS]))


def is_guessed(encoding: str) -> bool:
    """Whether nothing but the looks of the words tells the encoding: UTF-8 and what a byte order mark announces are certain."""
    return not encoding.startswith("utf")


def known(encoding: str) -> str | None:
    """The name that we use for an encoding, however it is written; None for one that is not read."""
    with suppress(LookupError):
        name = codecs.lookup(encoding).name
        return next((each for each in ENCODINGS if codecs.lookup(each).name == name), None)
    return None
