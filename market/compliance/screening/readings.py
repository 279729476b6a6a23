"""What to look for on a list when somebody writes more than a name."""

import re
from typing import Final

from market.compliance.screening.countries import names_of_countries
from market.compliance.screening.writing import names_in

READING_COUNT: Final = 6
_ASIDE = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_TAIL = re.compile(r"\s+[-\u2013\u2014|]\s+[^-\u2013\u2014|]+$")
_PLACE = re.compile(
    rf"[\s,]+(?:{'|'.join(names_of_countries())}|(?=branch|office))(?:\s*(?:branch|office|branch office))?\.?$",
    re.IGNORECASE,
)


def readings(text: str) -> tuple[str, ...]:
    """What to look for on a list: the text, the names it gives, and each without an aside, a tail or a place at its end.

    `Alfa (UK) - Dubai` is looked for as such, as `Alfa - Dubai`, and as `Alfa`.
    """
    found = [text, *names_in(text)]
    for pattern in (_ASIDE, _TAIL, _PLACE):
        found += [pattern.sub(" ", each).strip() for each in found]
    return tuple(dict.fromkeys(each for each in found if any(map(str.isalpha, each))))[:READING_COUNT] or (text,)
