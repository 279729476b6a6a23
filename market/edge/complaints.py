"""What is wrong with an input, said so that the caller can mend it: the field by the caller's own name, and no value."""

import re

_MISSING_PART = re.compile(r"Missing required (\w+) parameter '([^']+)'")
_MISSING_MEMBER = re.compile(r"Object missing required field `([^`]+)`")
_QUOTED_ENUM = re.compile(r"Invalid enum value .*", re.DOTALL)
_EXPECTED_INT = re.compile(r"Expected `int`(?: \| `null`)?, got `\w+`|Expected `int`.*", re.DOTALL)


def missing_part(detail: str) -> tuple[str, str] | None:
    """(name, what to do) if the framework's message says that a header or query parameter is missing."""
    found = _MISSING_PART.search(detail)
    if found is None:
        return None
    kind, name = found.groups()
    return name, f"the {kind} parameter {name} is required"


def explained(message: str, place: str = "") -> tuple[str | None, str]:
    """(field, detail) of a decoder's message about `place`, a dotted path; a missing member is the field itself."""
    found = _MISSING_MEMBER.search(message)
    if found is not None:
        name = f"{place}.{found[1]}" if place else found[1]
        return name, f"{found[1]} is required"
    detail = _QUOTED_ENUM.sub("is none of the values that this field takes; /schema lists them", message)
    detail = _EXPECTED_INT.sub(lambda said: f"{said[0]}: send a whole number, without quotes or a fraction", detail)
    return place or None, detail
