"""What the demo promises, one named check each: what was expected, what was seen, and whether it held."""

import json
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any


class StoryEnds(Exception):
    """There is nothing to go on with; the message says why."""


@dataclass(frozen=True, slots=True)
class Check:
    """`expected` and `seen` are texts for people; neither holds personal data."""

    name: str
    expected: str
    seen: str
    held: bool


@dataclass
class Checks:
    """Collects checks as they are made; `told` hears of each at once."""

    told: Callable[[Check], None] = lambda _: None
    made: list[Check] = field(default_factory=list)

    def equal(self, name: str, *, expected: object, seen: object) -> bool:
        """Both are the same value."""
        return self._record(Check(name, _text(expected), _text(seen), expected == seen))

    def holds(self, name: str, *, expected: str, seen: object, held: bool) -> bool:
        """A condition other than equality; `expected` says it in words."""
        return self._record(Check(name, expected, _text(seen), held))

    def refused(self, name: str, *, expected: str, seen: str | None) -> bool:
        """What `name` says (a noun: "a bid without a deposit") was refused, with this code; `seen` is None if it was not."""
        return self._record(
            Check(
                f"{name} is refused",
                f"refused: {expected}",
                f"refused: {seen}" if seen else "allowed",
                seen == expected,
            )
        )

    def broke(self, name: str, error: BaseException) -> None:
        """The demo could not go on."""
        seen = str(error) if isinstance(error, StoryEnds) else f"{type(error).__name__}: {error}"
        self._record(Check(name, "no error", seen, held=False))

    @property
    def failed(self) -> list[Check]:
        return [check for check in self.made if not check.held]

    def as_json(self) -> list[dict[str, Any]]:
        return [asdict(check) for check in self.made]

    def _record(self, check: Check) -> bool:
        self.made.append(check)
        self.told(check)
        return check.held


def _text(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(_plain(value), default=str)
    return text if len(text) <= 500 else text[:497] + "..."


def _plain(value: object) -> object:
    """The value as JSON has it; sets in order, bytes as text."""
    match value:
        case Enum():
            return value.value
        case bytes():
            return value.decode("ascii", "backslashreplace")
        case Mapping():
            return {str(key): _plain(each) for key, each in value.items()}
        case AbstractSet():
            return sorted((_plain(each) for each in value), key=str)
        case list() | tuple():
            return [_plain(each) for each in value]
        case _:
            return value
