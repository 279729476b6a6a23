# ruff: noqa: RUF001 - letters of other scripts are the point here
"""What people and systems do to a name before it is screened: one function per harm, drawn from a seeded `Random`."""

import random
import unicodedata
from collections.abc import Callable

from market.compliance.screening.lists import ListEntry
from market.compliance.screening.names import Kind, Part, read
from market.compliance.screening.words import LEGAL_FORMS, NICKNAMES

LETTERS = "abcdefghijklmnopqrstuvwxyz"
_EXTRA = {
    Kind.PERSON: "Karim Peter Nikolai Ahmad Luis Chen Joseph Hamid".split(),
    Kind.ORGANISATION: "International Group Trading General".split(),
    Kind.OBJECT: ["MV", "Star"],
}
_CYRILLIC = {
    "shch": "щ", "sh": "ш", "ch": "ч", "zh": "ж", "kh": "х", "ts": "ц", "yu": "ю", "ya": "я", "ye": "е", "yo": "ё", "iy": "ий",
    "a": "а", "b": "б", "v": "в", "g": "г", "d": "д", "e": "е", "z": "з", "i": "и", "y": "ы", "k": "к", "l": "л", "m": "м",
    "n": "н", "o": "о", "p": "п", "r": "р", "s": "с", "t": "т", "u": "у", "f": "ф", "h": "х", "c": "к", "j": "дж", "w": "в",
    "q": "к", "x": "кс",
}  # fmt: skip
_GERMAN = (("zh", "sch"), ("v", "w"), ("y", "j"), ("ts", "z"), ("kh", "ch"))
_FRENCH = (("u", "ou"), ("sh", "ch"), ("y", "i"), ("kh", "kh"))
_ARABIC = (
    ("mohammed", "muhamad"),
    ("ou", "u"),
    ("oo", "u"),
    ("ee", "i"),
    ("q", "k"),
    ("dh", "d"),
    ("o", "u"),
    ("ei", "ai"),
    ("ah", "a"),
)
_FIGURES = {"o": "0", "i": "1", "l": "1", "e": "3", "s": "5", "b": "8", "g": "9"}
_SHORT = {
    "international": "Intl", "trading": "Trdg", "management": "Mgmt", "development": "Dev.", "engineering": "Eng.",
    "technology": "Tech", "services": "Svcs", "general": "Gen.", "group": "Grp", "industries": "Inds", "national": "Natl",
}  # fmt: skip
_MARKED = {
    "a": "áàâäā",
    "e": "éèêëē",
    "i": "íìîïī",
    "o": "óòôöō",
    "u": "úùûüū",
    "n": "ñń",
    "c": "çć",
    "s": "šś",
    "z": "žź",
}


def words_of(name: str) -> list[str]:
    """The words of a listed name, given names first if it is written `FAMILY, Given`."""
    family, comma, given = name.partition(", ")
    return (f"{given} {family}" if comma and given else family).split()


def _harm_word(rng: random.Random, name: str, harm: Callable[[str], str], shortest: int = 4) -> str | None:
    found = words_of(name)
    long = [at for at, word in enumerate(found) if len(word) >= shortest and word.isalpha()]
    if not long:
        return None
    at = rng.choice(long)
    found[at] = harm(found[at])
    return " ".join(found)


def typo(rng: random.Random, name: str, _: ListEntry) -> str | None:
    def harm(word: str) -> str:
        at, letter = rng.randrange(len(word)), rng.choice(LETTERS)
        return rng.choice(
            [word[:at] + word[at + 1 :], word[:at] + letter + word[at + 1 :], word[:at] + letter + word[at:]]
        )

    return _harm_word(rng, name, harm, 5)


def two_typos(rng: random.Random, name: str, entry: ListEntry) -> str | None:
    """In names of 14 letters or more, in two different places."""
    if sum(char.isalpha() for char in name) < 14:
        return None
    first = typo(rng, name, entry)
    return None if first is None else typo(rng, first, entry)


def transposed(rng: random.Random, name: str, _: ListEntry) -> str | None:
    def harm(word: str) -> str:
        at = rng.randrange(len(word) - 1)
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]

    return _harm_word(rng, name, harm, 5)


def missing_token(rng: random.Random, name: str, entry: ListEntry) -> str | None:
    """One name of a person who has three or more; of an organisation, one of five or more words."""
    found = words_of(name)
    parts = [token.part for word in found for token in read(word, entry.kind).tokens[:1]]
    least = 3 if entry.kind is Kind.PERSON else 5
    if len(parts) != len(found) or sum(part in (Part.NAME, Part.GENERIC) for part in parts) < least:
        return None
    found.pop(rng.randrange(len(found)))
    return " ".join(found)


def extra_token(rng: random.Random, name: str, entry: ListEntry) -> str | None:
    found = words_of(name)
    if len(found) < (2 if entry.kind is Kind.PERSON else 4):
        return None
    found.insert(rng.randrange(1, len(found) + 1), rng.choice(_EXTRA[entry.kind]))
    return " ".join(found)


def swapped(rng: random.Random, name: str, entry: ListEntry) -> str | None:
    found = words_of(name)
    if len(found) < 2 or entry.kind is not Kind.PERSON:
        return None
    cut = rng.randrange(1, len(found))
    return " ".join(found[cut:] + found[:cut])


def initials(_: random.Random, name: str, entry: ListEntry) -> str | None:
    """The first of a person's names as its initial."""
    found = words_of(name)
    if entry.kind is not Kind.PERSON or len(found) < 2 or len(found[0]) < 3 or not any(len(w) > 3 for w in found[1:]):
        return None
    return " ".join([f"{found[0][0]}.", *found[1:]])


def no_spaces(rng: random.Random, name: str, entry: ListEntry) -> str | None:
    """Two neighbouring words, or the whole name of a person, run together."""
    found = words_of(name)
    if len(found) < 2:
        return None
    if entry.kind is Kind.PERSON and len(found) <= 3 and rng.random() < 0.5:
        return "".join(found)
    at = rng.randrange(len(found) - 1)
    return " ".join([*found[:at], found[at] + found[at + 1], *found[at + 2 :]])


def split_word(rng: random.Random, name: str, _: ListEntry) -> str | None:
    return _harm_word(rng, name, lambda word: f"{word[: len(word) // 2]} {word[len(word) // 2 :]}", 6)


def diacritics(rng: random.Random, name: str, _: ListEntry) -> str | None:
    found = "".join(
        rng.choice(_MARKED[c]) if c in _MARKED and rng.random() < 0.5 else c for c in " ".join(words_of(name)).lower()
    )
    return unicodedata.normalize("NFD" if rng.random() < 0.3 else "NFC", found)


def cyrillic(_: random.Random, name: str, entry: ListEntry) -> str | None:
    """A Russian name back in its own script."""
    lower = " ".join(words_of(name)).lower()
    if entry.kind is not Kind.PERSON or not any(
        lower.endswith(end) for end in ("ov", "ev", "in", "ova", "eva", "ina", "sky", "skiy", "vich")
    ):
        return None
    for latin, letter in _CYRILLIC.items():
        lower = lower.replace(latin, letter)
    return lower.title()


def romanised(rng: random.Random, name: str, entry: ListEntry) -> str | None:
    """Spelt as another country would: German, French, or another hand from the Arabic."""
    if entry.kind is not Kind.PERSON:
        return None
    lower = before = " ".join(words_of(name)).lower()
    for spelt, other in rng.choice((_GERMAN, _FRENCH, _ARABIC)):
        lower = lower.replace(spelt, other)
    return None if lower == before else lower.title()


def nickname(rng: random.Random, name: str, entry: ListEntry) -> str | None:
    found = words_of(name)
    at = [n for n, word in enumerate(found) if word.lower() in NICKNAMES]
    if entry.kind is not Kind.PERSON or len(found) < 2 or not at:
        return None
    chosen = rng.choice(at)
    groups = NICKNAMES[found[chosen].lower()]
    others = sorted(other for other, of in NICKNAMES.items() if of & groups and other != found[chosen].lower())
    found[chosen] = rng.choice(others).title()
    return " ".join(found)


def _has_phrase(name: str) -> bool:
    """A legal form of several words, which loses its sense when one of them goes."""
    return any(word in name.lower() for word in ("liability", "stock", "obshchestv", "sociedad", " s de "))


def form_dropped(_: random.Random, name: str, entry: ListEntry) -> str | None:
    if entry.kind is not Kind.ORGANISATION or _has_phrase(name):
        return None
    kept = [word for word in name.split() if word.strip(".,").replace(".", "").lower() not in LEGAL_FORMS]
    return " ".join(kept) if 2 <= len(kept) < len(name.split()) else None


def form_changed(rng: random.Random, name: str, entry: ListEntry) -> str | None:
    """Another way to write the same legal form."""
    found = name.split()
    at = [n for n, word in enumerate(found) if word.strip(".,").lower() in LEGAL_FORMS]
    if entry.kind is not Kind.ORGANISATION or not at or len(found) < 3 or _has_phrase(name):
        return None
    chosen = rng.choice(at)
    family = LEGAL_FORMS[found[chosen].strip(".,").lower()]
    found[chosen] = rng.choice(sorted(form for form, of in LEGAL_FORMS.items() if of == family))
    return " ".join(found)


def signs(rng: random.Random, name: str, _: ListEntry) -> str | None:
    return "  ".join(words_of(name)).lower().replace("-", rng.choice([" ", "-", ""])).replace(
        "'", rng.choice(["", "'", "’"])
    ) + rng.choice(["", ".", ","])


def cut_off(_: random.Random, name: str, entry: ListEntry) -> str | None:
    """A field that is too narrow: a fifth of a long name is missing, within a word; legal forms are left whole."""
    whole = " ".join(words_of(name))
    left = whole[: int(len(whole) * 0.8)]
    inside = whole[len(left) :][:1].isalpha() and left[-1:].isalpha()
    return left if len(left) >= 16 and inside and (entry.kind is Kind.PERSON or not _has_phrase(name)) else None


def digits(rng: random.Random, name: str, _: ListEntry) -> str | None:
    """A scanner that reads two letters of one long word as figures."""

    def harm(word: str) -> str:
        at = [n for n, char in enumerate(word.lower()) if char in _FIGURES]
        drawn = set(rng.sample(at, min(2, len(at))))
        return "".join(_FIGURES[char.lower()] if n in drawn else char for n, char in enumerate(word))

    found = _harm_word(rng, name, harm, 7)
    return None if found == " ".join(words_of(name)) else found


def honorific(rng: random.Random, name: str, entry: ListEntry) -> str | None:
    if entry.kind is not Kind.PERSON:
        return None
    before, after = rng.choice(
        [("Mr. ", ""), ("H.E. ", ""), ("Prof. Dr. ", ""), ("Sheikh ", ""), ("", ", Jr."), ("", " PhD")]
    )
    return f"{before}{' '.join(words_of(name))}{after}"


def no_vowels(_: random.Random, name: str, entry: ListEntry) -> str | None:
    """All vowels of a person's name but first letters."""
    found = words_of(name)
    if entry.kind is not Kind.PERSON or not any(len(word) > 4 for word in found):
        return None
    left = [word[0] + "".join(char for char in word[1:] if char.lower() not in "aeiou") for word in found]
    return " ".join(left) if sum(len(word) > 2 for word in left) > 1 else None


def look_alikes(_: random.Random, name: str, __: ListEntry) -> str:
    """Cyrillic letters that look the same in between the Latin ones."""
    return " ".join(words_of(name)).translate(str.maketrans("aeopc", "аеорс"))


def abbreviated(_: random.Random, name: str, entry: ListEntry) -> str | None:
    found = [_SHORT.get(word.lower(), word) for word in name.split()]
    return " ".join(found) if entry.kind is Kind.ORGANISATION and found != name.split() else None


def trading_as(rng: random.Random, name: str, entry: ListEntry) -> str | None:
    other = rng.choice(["Sunrise", "Blue Harbour Stores"])
    return f"{other} {rng.choice(['t/a', 'd/b/a', 'a.k.a.'])} {name}" if entry.kind is Kind.ORGANISATION else None


def branch(rng: random.Random, name: str, entry: ListEntry) -> str | None:
    return name + rng.choice([" (UK)", " - Dubai", " Syria Branch"]) if entry.kind is Kind.ORGANISATION else None


def vessel_prefix(rng: random.Random, name: str, entry: ListEntry) -> str | None:
    return rng.choice(["M/V ", "M.T. ", "VLCC "]) + name if entry.kind is Kind.OBJECT else None


HARMS = (
    typo, two_typos, transposed, missing_token, extra_token, swapped, initials, no_spaces, split_word, diacritics, cyrillic,
    romanised, nickname, form_dropped, form_changed, signs, cut_off, digits, honorific, no_vowels, look_alikes, abbreviated,
    trading_as, branch, vessel_prefix,
)  # fmt: skip
