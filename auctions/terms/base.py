"""What the terms of all formats have in common, and how a term is checked and read."""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from datetime import MINYEAR, UTC, datetime
from enum import Enum
from typing import Any, ClassVar, Self

from auctions.increments import MAX_CENTS, is_amount
from auctions.moves import Stage

MAX_SPAN_S = 86_400
MAX_STAGE_S = 366 * 86_400
MAX_ANSWER_S = 30 * 86_400
MAX_VERSION_CHARS = 128
_TOO_LATE_YEAR = 9_000
"""Parts, extensions and pauses are added to the instants of terms: centuries are left before the calendar ends with year 9999."""
LATEST_RULES = 3
"""The version of the rules that new auctions run under. An auction keeps its own for ever, and so does its log."""


class TermsError(ValueError):
    """Terms that cannot be auctioned under: `field` names the offending field, `message` says why."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field} {message}")
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonTerms:
    """What every format fixes. Amounts are whole minor units of `currency`. Building bad terms raises TermsError.

    `rules` is the version of the rules that the auction runs under; what each version changed stands in docs/formats.md.
    """

    format: ClassVar[str]
    first_stage: ClassVar[Stage] = Stage.BIDDING
    readers: ClassVar[Mapping[str, Callable[[str, Any], Any]]] = {}
    """How a field that JSON cannot hold is read back; instants (names in _at) need no mention."""
    later: ClassVar[frozenset[str]] = frozenset({"rules"})
    """Terms that came later: written down only where they differ from their default, so that older logs stay what they are."""

    currency: str
    opens_at: datetime
    tape_version: str
    face_value_cents: int
    rules: int = 1

    def __post_init__(self) -> None:
        check_names(self.currency, self.tape_version)
        check_amount("face_value_cents", self.face_value_cents)
        check_whole("rules", self.rules, 1, LATEST_RULES)
        for field in fields(self):
            if field.name.endswith("_at"):
                object.__setattr__(self, field.name, in_utc(field.name, getattr(self, field.name)))
        self._check()

    def _check(self) -> None:
        """What the format adds."""

    def to_json(self) -> dict[str, Any]:
        """A dict of JSON types, instants as ISO 8601 with Z; `from_json` gives the same terms back."""
        told = [field for field in fields(self) if field.name not in self.later or self._is_set(field)]
        return {"format": self.format} | {field.name: _plain(getattr(self, field.name)) for field in told}

    def _is_set(self, field: Field[Any]) -> bool:
        return bool(getattr(self, field.name) != field.default)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The terms that `to_json` wrote; a term with a default may be left out. Raises TermsError naming the field."""
        return cls._read(data)

    @classmethod
    def _read(cls, data: Mapping[str, Any]) -> Self:
        values = {name: value for name, value in data.items() if name != "format"}
        check_known(cls, values)
        for name, value in values.items():
            if name.endswith("_at"):
                values[name] = parse_instant(name, value)
            elif name in cls.readers:
                values[name] = cls.readers[name](name, value)
        return cls(**values)


def _plain(value: object) -> Any:
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    return value


def check_known(cls: type[Any], values: Mapping[str, Any]) -> None:
    """Raises TermsError unless the values are terms of the class, and all that have no default are there."""
    known = {field.name: field for field in fields(cls)}
    if unknown := sorted(values.keys() - known.keys()):
        raise TermsError(unknown[0], "is not a term of this format")
    missing = sorted(name for name in known.keys() - values.keys() if known[name].default is MISSING)
    if missing:
        others = f", and so {'is' if len(missing) == 2 else 'are'} {', '.join(missing[1:])}" if missing[1:] else ""
        raise TermsError(missing[0], f"is missing{others}")


def instant(at: datetime) -> str:
    """An aware UTC instant as ISO 8601 with microseconds and Z, always 27 characters."""
    return at.isoformat(timespec="microseconds")[:26] + "Z"


def parse_instant(name: str, text: object) -> datetime:
    """The instant that a term's text says. Raises TermsError."""
    try:
        return datetime.fromisoformat(text)  # type: ignore[arg-type]  # anything but a str raises TypeError
    except (TypeError, ValueError):
        raise TermsError(name, "must be an ISO 8601 instant") from None


def in_utc(name: str, value: object) -> datetime:
    """The instant in UTC. Raises TermsError for anything but an aware datetime of which the calendar's end is far."""
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise TermsError(name, "must be an instant with a time zone")
    if not MINYEAR < value.year < _TOO_LATE_YEAR:
        raise TermsError(name, "is too far away")
    return value.astimezone(UTC)


def check_names(currency: object, version: object) -> None:
    """Raises TermsError unless the two are a currency's code and a version of a tape."""
    if not (isinstance(currency, str) and len(currency) == 3 and currency.isascii() and currency.isupper()):
        raise TermsError("currency", "must be three capital letters (ISO 4217)")
    if not (isinstance(version, str) and 1 <= len(version) <= MAX_VERSION_CHARS and version.isprintable()):
        raise TermsError("tape_version", f"must be 1 to {MAX_VERSION_CHARS} printable characters")


def check_amount(name: str, value: object, least: int = 1) -> None:
    """Raises TermsError unless the value is a whole amount from `least` up."""
    if not is_amount(value) or not isinstance(value, int) or value < least:
        raise TermsError(name, f"must be a whole number from {least} to {MAX_CENTS}")


def check_whole(name: str, value: object, least: int, most: int) -> None:
    """Raises TermsError unless the value is a whole number within bounds."""
    if type(value) is not int or not least <= value <= most:
        raise TermsError(name, f"must be a whole number from {least} to {most}")


def check_yes_or_no(name: str, value: object) -> None:
    """Raises TermsError unless the value is true or false."""
    if not isinstance(value, bool):
        raise TermsError(name, "must be true or false")


def choice_of(kind: type[Enum]) -> Callable[[str, Any], Any]:
    """A reader for a term that is one of the values of `kind`."""

    def read(name: str, value: object) -> Enum:
        try:
            return kind(value)
        except ValueError:
            raise TermsError(name, f"must be one of: {', '.join(str(one.value) for one in kind)}") from None

    return read
