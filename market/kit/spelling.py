"""How a text must be spelt, in words: what people are told instead of the regular expression that decides it."""

import re

_WORDS = {
    "^[A-Z]{2}$": "two capital letters (ISO 3166-1), as US",
    "^[A-Z]{3}$": "three capital letters (ISO 4217), as USD",
    "^[a-z_]{1,40}$": "1 to 40 small letters and underscores",
    "^[0-9A-Za-z.-]{1,40}$": "1 to 40 letters, digits, dots and hyphens",
    "^[0-9a-f]{64}$": "64 hexadecimal digits, small letters",
    "^[0-9a-fA-F]{64}$": "64 hexadecimal digits",
    "^[ -~]{1,64}$": "1 to 64 printable ASCII characters",
    "^[ -~]{0,128}$": "at most 128 printable ASCII characters",
    "^[ -~]{1,128}$": "1 to 128 printable ASCII characters",
    "^[!-~]+$": "printable ASCII characters without blanks",
    "^[!-~]{1,3000}$": "1 to 3,000 printable ASCII characters without blanks",
}
_COMPLAINT = re.compile(r"Expected `str`(?: \| `null`)? matching regex '(.*)'", re.DOTALL)
_NO_LINE_END = r"(?!\n)"
"""What follows a pattern whose `$` must not pass over a line's end."""


def in_words(pattern: str) -> str | None:
    """What a pattern of the wire asks for; None if nobody has said it."""
    return _WORDS.get(pattern.removesuffix(_NO_LINE_END))


def without_regex(complaint: str) -> str:
    """A decoder's complaint with the words for the pattern that it shows."""
    found = _COMPLAINT.match(complaint)
    if found is None:
        return complaint
    return f"must be {in_words(found[1].replace(chr(92) * 2, chr(92))) or 'spelt as /schema shows'}"
