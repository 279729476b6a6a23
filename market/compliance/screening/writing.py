# ruff: noqa: RUF001 - letters of other scripts are the point here
"""How a name is written down, before its words are read: what files and forms do to it is taken back. Pure."""

import html
import re
import unicodedata
from typing import Final

LONGEST_NAME: Final = 400
"""Characters of a name that are compared; what follows is cut off, and the trace says so."""
# Letters of Cyrillic and Greek that look like a Latin one, https://www.unicode.org/reports/tr39/ (confusables, 16.0).
_LOOK_ALIKE: Final = str.maketrans(
    "аеорсхуіјѕһԁԛԝАВЕКМНОРСТХУІЈЅαοριυνΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "aeopcxyijshdqwABEKMHOPCTXYIJSaopiuvABEZHIKMNOPTYX"
)
_LATIN = re.compile("[A-Za-z]")
_WORD = re.compile(r"\S+")
_ALIAS = re.compile(
    r"[\s,;(]+(?:t/a|d/b/a|dba|a/k/a|aka|f/k/a|fka|n/k/a|[adfnt]\.(?:[kb]\.)?a\.|trading as|doing business as"
    r"|(?:also|formerly|now|better) known as|formerly)[\s:.,]+",
    re.IGNORECASE,
)


def clean(text: str) -> str:
    """The text as it was meant: no codes of HTML, one width of letters, no look-alikes of Latin letters among Latin ones."""
    found = text[:LONGEST_NAME].strip()
    if "&" in found and ";" in found:
        found = html.unescape(found)
    if found.isascii():
        return found
    found = unicodedata.normalize("NFKC", found).strip()
    if any(_LATIN.search(word) and word.translate(_LOOK_ALIKE) != word for word in _WORD.findall(found)):
        found = _WORD.sub(_latinised, found)
    return found


def _latinised(word: re.Match[str]) -> str:
    latin = word.group().translate(_LOOK_ALIKE)
    return latin if latin.isascii() else word.group()


def names_in(text: str) -> tuple[str, ...]:
    """The names that a text gives: `A t/a B` gives A and B; else the text itself."""
    parts = [part.strip(" ,;()") for part in _ALIAS.split(clean(text))]
    return tuple(dict.fromkeys(part for part in parts if any(map(str.isalpha, part)))) or (text,)
