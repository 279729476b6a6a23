"""What is wrong with an input, said so that the caller can mend it: the field by the caller's own name, and no value."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import inspect

from market.kit.spelling import without_regex

_MISSING_PART = re.compile(r"Missing required (\w+) parameter '([^']+)'")
_MISSING_MEMBER = re.compile(r"Object missing required field `([^`]+)`")
_UNKNOWN_MEMBER = re.compile(r"Object contains unknown field `([A-Za-z][A-Za-z0-9_]{0,31}`)?")
_QUOTED_ENUM = re.compile(r"Invalid enum value .*", re.DOTALL)
_EXPECTED_INT = re.compile(r"Expected `int`(?: \| `null`)?, got `\w+`|Expected `int`.*", re.DOTALL)
_FEW = 20
"""As many members of an object are listed in a refusal."""


def missing_part(detail: str) -> tuple[str, str] | None:
    """(name, what to do) if the framework's message says that a header or query parameter is missing."""
    found = _MISSING_PART.search(detail)
    if found is None:
        return None
    kind, name = found.groups()
    return name, f"the {kind} parameter {name} is required"


def explained(
    message: str, place: str = "", values: Sequence[str] = (), names: Sequence[str] = ()
) -> tuple[str | None, str]:
    """(field, detail) of a decoder's message about `place`, a dotted path; a missing or unknown member is the field itself.

    `values` are those that the field takes, if it is known that they are few; `names` the members of the object at
    `place`. An unknown member's name that is no plain word may be anything, a value too, and is not repeated.
    """
    found = _MISSING_MEMBER.search(message)
    if found is not None:
        return _joined(place, found[1]), f"{found[1]} is required"
    unknown = _UNKNOWN_MEMBER.match(message)
    if unknown is not None:
        known = f"it takes {', '.join(names)}" if 0 < len(names) <= _FEW else "/schema lists those that it has"
        name = (unknown[1] or "").removesuffix("`")
        said = f"this object has no member {name}" if name else "there is a member that this object does not have"
        return _joined(place, name), f"{said}; {known}"
    listed = f": {', '.join(values)}" if values else "; /schema lists them"
    detail = _QUOTED_ENUM.sub(f"is none of the values that this field takes{listed}", message)
    detail = without_regex(detail)
    detail = _EXPECTED_INT.sub(lambda said: f"{said[0]}: send a whole number, without quotes or a fraction", detail)
    return place or None, detail


def _joined(place: str, name: str) -> str | None:
    return ".".join(part for part in (place, name) if part) or None


def parameter(parameters: Mapping[str, Any], key: str) -> tuple[str, list[str]]:
    """(the caller's own name, the values that are taken if they are few) of a parameter that a route's function calls `key`."""
    found = parameters.get(key)
    if found is None:
        return key, []
    return getattr(found.kwarg_definition, "name", None) or key, values_at(found.annotation, "")


_STEP = re.compile(r"\.(\w+)|\[[^\]]*\]")


def values_at(annotation: Any, place: str) -> list[str]:
    """The values that a member of a body may have, if they are listed: `place` is a decoder's path such as `.owners[0].kind`."""
    return [str(value) for option in _reached(annotation, place) for value in _listed(option)]


def names_at(annotation: Any, place: str) -> list[str]:
    """The members that an object of a body may have, by a decoder's path to it; none if it may be one of several kinds."""
    found = [option for option in _reached(annotation, place) if isinstance(option, inspect.StructType)]
    return [each.encode_name for each in found[0].fields] if len(found) == 1 else []


def _reached(annotation: Any, place: str) -> Sequence[inspect.Type]:
    """What may stand at that place, each option of a union by itself."""
    reached = [inspect.type_info(annotation)]
    for step in _STEP.finditer(place):
        reached = [below for kind in reached for below in _below(kind, step[1])]
    return [option for kind in reached for option in _options(kind)]


def _options(kind: inspect.Type) -> Sequence[inspect.Type]:
    return kind.types if isinstance(kind, inspect.UnionType) else (kind,)


def _below(kind: inspect.Type, member: str | None) -> Iterator[inspect.Type]:
    """What stands one step further down: a named member, or what a list or an object of any names holds."""
    for option in _options(kind):
        match option:
            case inspect.StructType():
                yield from (each.type for each in option.fields if each.encode_name == member)
            case inspect.ListType() | inspect.VarTupleType():
                yield option.item_type
            case inspect.DictType():
                yield option.value_type


def _listed(kind: inspect.Type) -> Sequence[Any]:
    match kind:
        case inspect.LiteralType():
            return list(kind.values)
        case inspect.EnumType():
            return [member.value for member in kind.cls]
        case _:
            return []
