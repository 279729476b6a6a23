"""A name as it is compared: script, tokens, their sound and their part in the name. Pure, and the same every time."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import Final

from anyascii import anyascii
from rapidfuzz.distance import OSA

from market.compliance.screening import words
from market.compliance.screening.writing import LONGEST_NAME, clean

TOKEN_COUNT: Final = 24
_SHORTEST_BARE, _FEWEST_BARE = 3, 6
_LONG_FORM, _VERY_LONG_FORM = 7, 15
_LONG_FORMS: Final = {
    start: [form for form in words.LEGAL_FORMS if start in (form[:3], form[1:4]) and len(form) >= _LONG_FORM]
    for start in {part for form in words.LEGAL_FORMS if len(form) >= _LONG_FORM for part in (form[:3], form[1:4])}
}
"""Legal forms by their first three letters, and by the three after the first, which may be the one that is misspelt."""

_FORM_STARTS: Final = frozenset(form.split()[0] for form in words.LEGAL_FORMS)

_ABJAD = re.compile(r"[\u0590-\u05ff\u0600-\u06ff\u0750-\u077f\ufb1d-\ufdff\ufe70-\ufeff]")
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff]+")
_KANA = re.compile(r"[\u3040-\u30ff]")
_MARKS = re.compile("['`\"\u00b4\u2018-\u201f\u02b0-\u02bf\u00ab\u00bb]")
_DOTTED = re.compile(r"\b(?:\w\.\s?){2,}(?:\w\b)?")
_SLASHED = re.compile(r"\b[A-Za-z](?:/[A-Za-z])+\b")
_HYPHEN = re.compile(r"(?<=\w)[-\u2010-\u2013](?=\w)")
_VOWELS: Final = str.maketrans("", "", "aeiou")
_TIE = "qxjz"
_TIED = re.compile(rf"\b{_TIE}(\w+)")
_ARTICLE = re.compile(r"\b\u0627\u0644(?=\w{2})")
_SPACED_ORDINAL = re.compile(r"\b(\d+) (st|nd|rd|th)\b")
_ORDINAL = re.compile(r"^(\d+)(?:st|nd|rd|th)$")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WORD = re.compile(r"[a-z0-9]+")
_NATIVE_WORD = re.compile(r"[^\W_]+")


class Kind(StrEnum):
    PERSON = "person"
    ORGANISATION = "organisation"
    OBJECT = "object"
    ANY = "any"


class Script(StrEnum):
    LATIN = "latin"
    ABJAD = "abjad"
    HAN = "han"
    OTHER = "other"


class Part(StrEnum):
    """What a token does in its name; decides how much it weighs."""

    NAME = "name"
    INITIAL = "initial"
    PARTICLE = "particle"
    TITLE = "title"
    FORM = "form"
    GENERIC = "generic"
    FILLER = "filler"
    NUMBER = "number"


_SCHEMAS = {
    "person": Kind.PERSON,
    "individual": Kind.PERSON,
    "organization": Kind.ORGANISATION,
    "organisation": Kind.ORGANISATION,
    "company": Kind.ORGANISATION,
    "entity": Kind.ORGANISATION,
    "publicbody": Kind.ORGANISATION,
    "legalentity": Kind.ANY,
    "thing": Kind.ANY,
    "": Kind.ANY,
    "vessel": Kind.OBJECT,
    "airplane": Kind.OBJECT,
    "aircraft": Kind.OBJECT,
    "vehicle": Kind.OBJECT,
}


def kind_of(schema: str) -> Kind:
    """The kind that a schema's name (Person, Company, Vessel …, any case) stands for; `ANY` if it is not known."""
    return _SCHEMAS.get(schema.strip().lower(), Kind.ANY)


@dataclass(frozen=True, slots=True)
class Token:
    """`text` is lower-case ASCII, or as written if it is not `heard`; `tied` to the token before it by a hyphen.

    A person is called by the `head` names, the first given and the first family name; others are often left out.
    """

    text: str
    part: Part
    tied: bool = False
    heard: bool = True
    head: bool = False

    @property
    def sounds(self) -> tuple[str, ...]:
        """The folds of the text, one or two; none of a text that is not heard."""
        return sounds(self.text) if self.heard else ()


@dataclass(frozen=True, slots=True)
class Name:
    """`tokens` in order without legal forms; `forms` the families of those; `plain` what token-sort compares."""

    given: str
    kind: Kind
    script: Script
    native: str
    tokens: tuple[Token, ...]
    forms: frozenset[str]
    plain: str

    @property
    def joined(self) -> str:
        return "".join(token.text for token in self.tokens)

    @property
    def is_bare(self) -> bool:
        """Whether it is written in Latin letters without vowels: `Vldmr Ptn`. Two words and six letters are the least."""
        found = [token.text for token in self.tokens if token.part is Part.NAME and len(token.text) >= _SHORTEST_BARE]
        return (
            len(found) > 1
            and sum(map(len, found)) >= _FEWEST_BARE
            and not any(char in "aeiou" for text in found for char in text[1:])
            and any("y" not in text for text in found)  # Lynn Smyth has her vowels
            and not any(char.isdigit() for text in found for char in text)
        )


def script_of(text: str) -> Script:
    """The script that decides how the text is compared: the first of Han, abjad, other that occurs, else Latin."""
    if text.isascii():
        return Script.LATIN
    if _HAN.search(text) and not _KANA.search(text):
        return Script.HAN
    if _ABJAD.search(text):
        return Script.ABJAD
    letters = [char for char in text if char.isalpha() and ord(char) > 0x24F]
    return Script.OTHER if any("LATIN" not in unicodedata.name(char, "") for char in letters) else Script.LATIN


@lru_cache(maxsize=20_000)
def sounds(text: str) -> tuple[str, ...]:
    """One or two keys that spellings of the same sound share; j is read as in Sergej and as in Najib."""
    return sounds_of([text])[0]


def sounds_of(texts: Sequence[str]) -> list[tuple[str, ...]]:
    """`sounds` of each: of many texts at once it takes a fraction of the time."""
    found = _fold(texts)
    other = iter(_fold([text.replace("dj", "zh").replace("j", "zh") for text in texts if "j" in text]))
    return [
        (one,) if "j" not in text or (two := next(other)) == one else (one, two)
        for text, one in zip(texts, found, strict=True)
    ]


@lru_cache(maxsize=20_000)
def skeleton(text: str) -> str:
    """The consonants alone, for comparison with scripts that write no vowels."""
    return skeletons_of([text])[0]


def skeletons_of(texts: Sequence[str]) -> list[str]:
    """`skeleton` of each."""
    found = _fold([text.replace("w", "").replace("y", "") for text in texts])
    return _NO_CONSONANT.sub("", "\n".join(found).replace("v", "p")).split("\n") if found else []


def unvowelled(text: str) -> str:
    """The first letter and the consonants, as whoever leaves out vowels writes them."""
    return text[:1] + text[1:].translate(_VOWELS)


def plain(text: str) -> str:
    """Lower-case ASCII words, one blank between them: transliterated, without marks. Idempotent."""
    if text.isascii():
        return " ".join(_WORD.findall(_MARKS.sub("", text[:LONGEST_NAME]).lower()))
    whole = _unmarked(_spaced(unicodedata.normalize("NFKC", text[:LONGEST_NAME])))
    latin = anyascii(_ARTICLE.sub("al ", whole))
    return " ".join(_WORD.findall(_MARKS.sub("", latin).lower()))


@lru_cache(maxsize=4_000)
def read(text: str, kind: Kind) -> Name:
    """The name, ready to be compared. Empty input and signs alone give a name without tokens, which matches nothing.

    A person's `FAMILY, Given` is put into the order of speech.
    """
    given = clean(text)
    script = script_of(given)
    family, comma, first = given.partition(",")
    spoken = f"{first} {family}" if comma and kind is Kind.PERSON and "," not in first else given
    tokens, forms = _tokens(_joined_initials(spoken, kind), kind)
    if kind is Kind.PERSON:
        tokens = _headed(tokens, len(plain(first).split()) if spoken is not given else 0)
    native = " ".join(_NATIVE_WORD.findall(_unmarked(given).lower())) if script is not Script.LATIN else ""
    return Name(given, kind, script, native, tokens, forms, plain(given))


def _headed(tokens: tuple[Token, ...], family_at: int) -> tuple[Token, ...]:
    """With the first name marked, and the first one of the family, whose names begin at `family_at` if that is known."""
    names = [at for at, token in enumerate(tokens) if token.part is Part.NAME]
    heads = {*names[:1], *[at for at in names if at >= family_at > 0][:1]}
    return tuple(replace(token, head=True) if at in heads else token for at, token in enumerate(tokens))


def _spaced(text: str) -> str:
    """Han names get a blank after the family name and none in the given name; other scripts stay as they are."""

    def split(run: re.Match[str]) -> str:
        chars = run.group()
        syllables = [anyascii(char).strip() for char in chars]
        if 2 <= len(chars) <= 4:
            cut = 2 if len(chars) == 4 else 1
            return f" {''.join(syllables[:cut])} {''.join(syllables[cut:])} "
        return f" {' '.join(syllables)} "

    return text if _KANA.search(text) else _HAN.sub(split, text)


def _unmarked(text: str) -> str:
    """Without accents where accents are no letters of their own: Latin, Greek, Cyrillic, Arabic."""
    if text.isascii():
        return text
    split = unicodedata.normalize("NFD", text)
    kept = [
        char for char in split if not ("\u0300" <= char <= "\u036f" or "\u064b" <= char <= "\u0655" or char == "\u0640")
    ]
    return unicodedata.normalize("NFC", "".join(kept))


def _joined_initials(text: str, kind: Kind) -> str:
    """In names of organisations A.B.C. is one word, and so is A/S; a person's J.R. stays two initials."""
    if kind is Kind.PERSON:
        return text
    whole = _SLASHED.sub(lambda run: run.group().replace("/", ""), text)
    return _DOTTED.sub(lambda run: f" {run.group().replace('.', '').replace(' ', '')} ", whole.replace("&", " and "))


def _tokens(text: str, kind: Kind) -> tuple[tuple[Token, ...], frozenset[str]]:
    tied = set(_TIED.findall(plain(_HYPHEN.sub(f" {_TIE}", text)))) if _HYPHEN.search(text) else set()
    found = _SPACED_ORDINAL.sub(r"\1\2", plain(text)).split()[: TOKEN_COUNT * 2]
    forms: list[str] = []
    if kind is not Kind.PERSON:
        found, forms = _without_forms(found)
    elif len(found) > 2 and found[-1] in {"sa", "llc", "ltd"}:
        found = found[:-1]
    found = [word for raw in found for word in _spelt(raw, kind)]
    numbered = found if kind is Kind.PERSON else _joined_numbers(found)
    tokens = [
        Token(word, _part(word, kind, first=at == 0), tied=at > 0 and word in tied)
        for at, word in enumerate(numbered[:TOKEN_COUNT])
    ]
    return tuple(tokens), frozenset(forms)


def _without_forms(found: list[str]) -> tuple[list[str], list[str]]:
    """Words that are no legal form, and the families of those that are, longest phrases first."""
    kept: list[str] = []
    forms: list[str] = []
    at = 0
    while at < len(found):
        if found[at] not in _FORM_STARTS and len(found[at]) > 2 and not _begins_long_form(found[at]):
            kept.append(found[at])
            at += 1
            continue
        for length in range(min(words.LONGEST_FORM, len(found) - at), 0, -1):
            form = _form(" ".join(found[at : at + length]))
            if form is not None:
                forms.append(form)
                at += length
                break
        else:
            kept.append(found[at])
            at += 1
    return (kept, forms) if kept else (found, [])


def _begins_long_form(word: str) -> bool:
    word = _figures_as_letters(word)
    return word[:3] in _LONG_FORMS or word[1:4] in _LONG_FORMS


def _figures_as_letters(word: str) -> str:
    return word if word.isalpha() or word.isdigit() else word.translate(words.LEET)


@lru_cache(maxsize=4_000)
def _form(phrase: str) -> str | None:
    """The family of a legal form; a long one may be misspelt by a letter, a very long one by two."""
    found = words.LEGAL_FORMS.get(phrase)
    if found is None and len(phrase) >= _LONG_FORM - 1:
        meant = _figures_as_letters(phrase)
        most = 2 if len(phrase) >= _VERY_LONG_FORM else 1
        known = (form for start in (meant[:3], meant[1:4]) for form in _LONG_FORMS.get(start, ()))
        near = next((form for form in known if OSA.distance(form, meant, score_cutoff=most) <= most), None)
        return words.LEGAL_FORMS[near] if near else None
    return found


def _spelt(word: str, kind: Kind) -> tuple[str, ...]:
    if not word.isalpha():
        ordinal = _ORDINAL.match(word)
        if ordinal:
            return (ordinal.group(1),)
        digits = sum(char.isdigit() for char in word)
        if digits < len(word) and (
            kind is Kind.PERSON or (kind is Kind.ORGANISATION and len(word) - digits > 2 * digits)
        ):
            word = word.translate(words.LEET)
    if kind is not Kind.PERSON:
        if word in words.ACRONYM_EXPANSIONS:
            return words.ACRONYM_EXPANSIONS[word]
        word = words.ABBREVIATIONS.get(word, word)
    return (words.SAME_PARTICLE.get(word, word),)


def _joined_numbers(found: list[str]) -> list[str]:
    """Number words as digits: forty four is 44, VII is 7."""
    out: list[str] = []
    for at, word in enumerate(found):
        digits = words.NUMBERS.get(word)
        if digits is None and at > 0:
            digits = words.ROMAN.get(word)
        tens_before = (
            bool(out)
            and at > 0
            and found[at - 1] in words.NUMBERS
            and out[-1] in {"20", "30", "40", "50", "60", "70", "80", "90"}
        )
        if digits and tens_before and len(digits) == 1 and digits != "0":
            out[-1] = str(int(out[-1]) + int(digits))
        else:
            out.append(digits or word)
    return out


def _part(word: str, kind: Kind, *, first: bool) -> Part:
    if word.isdigit():
        return Part.NUMBER
    if len(word) == 1 and (first or word not in words.PARTICLES):
        return Part.INITIAL
    if word in words.PARTICLES:
        return Part.PARTICLE
    if kind is Kind.PERSON:
        return Part.TITLE if word in words.TITLES else Part.NAME
    if word in words.FORM_WORDS:
        return Part.FORM
    if kind is Kind.OBJECT and word in words.VESSEL_PREFIXES:
        return Part.TITLE
    if word in words.FILLERS:
        return Part.FILLER
    return Part.GENERIC if word in words.GENERIC else Part.NAME


_DIGRAPHS: Final = (
    ("schtsch", "S"), ("shch", "S"), ("tsch", "C"), ("tch", "C"), ("sch", "S"), ("sh", "S"), ("ch", "C"), ("cz", "C"),
    ("sz", "S"), ("dzh", "Z"), ("zh", "Z"), ("kh", "h"), ("gh", "g"), ("ph", "f"), ("th", "t"), ("dh", "t"),
    ("ck", "k"), ("ts", "s"), ("tz", "s"), ("ou", "u"), ("oo", "u"), ("eo", "o"), ("eu", "u"), ("ae", "e"), ("oe", "o"),
    ("ue", "u"),
)  # fmt: skip
_SOFT_C = re.compile(r"c(?=[eiy])")
_CLASSES: Final = str.maketrans({
    "e": "i", "y": "i", "j": "i", "o": "u", "w": "v", "b": "p", "d": "t", "g": "k", "q": "k", "z": "s",
})  # fmt: skip
_FIRST_X = re.compile(r"^x", re.MULTILINE)
_LAST_F = re.compile(r"(?<=[aeiou])ff?$", re.MULTILINE)
_NO_CONSONANT = re.compile(r"[aiu]|(?<=[^\n])h$", re.MULTILINE)
_HS = re.compile(r"hs(?=[aeiouy])")
_MUTE_H = re.compile(r"([ae])h(?![aeiouy])")
_REPEATS = re.compile(r"([^\n])\1+")


def _fold(texts: Sequence[str]) -> list[str]:
    """All at once, as the lines of one text."""
    if not texts:
        return []
    found = _FIRST_X.sub("s", "\n".join(texts)).replace("x", "ks")
    for spelt, heard in _DIGRAPHS:
        if spelt in found:
            found = found.replace(spelt, heard)
    found = _HS.sub("s", found)
    found = _MUTE_H.sub(r"\1", _LAST_F.sub("v", found))
    found = _SOFT_C.sub("s", found).replace("c", "k")
    return _REPEATS.sub(r"\1", found.translate(_CLASSES)).split("\n")
