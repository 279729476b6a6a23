"""What the seller fixes before the auction opens. Terms refuse nonsense when they are built and never change."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, Self

from auctions.increments import MAX_CENTS, IncrementStep, flaw_in, is_amount

__all__ = ["MAX_CENTS", "EnglishTerms", "IncrementStep", "Terms", "TermsError", "instant", "terms_from_json"]

MAX_SPAN_S = 86_400
MAX_CONFIRM_MULTIPLE = 1_000_000
MAX_VERSION_CHARS = 128


class TermsError(ValueError):
    """Terms that cannot be auctioned under: `field` names the offending field, `message` says why."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field} {message}")
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class EnglishTerms:
    """Terms of an ascending auction with proxy ceilings and a soft close.

    Amounts are whole minor units of `currency`. `opening_cents` is public, `reserve_cents` secret (None: the seller
    sells to the first bid). `increments` start at 0 and never shrink as the price rises. A bid that changes price or leader in the last `soft_close_window_s` seconds leaves at
    least `soft_close_extension_s` seconds to answer, but never moves the close past `latest_close_at`. An amount of
    `confirm_multiple` times the least next bid or more must be confirmed. Building bad terms raises TermsError.
    """

    currency: str
    opening_cents: int
    reserve_cents: int | None = None
    increments: tuple[IncrementStep, ...]
    opens_at: datetime
    closes_at: datetime
    latest_close_at: datetime
    soft_close_window_s: int = 180
    soft_close_extension_s: int = 180
    buy_now_cents: int | None = None
    confirm_multiple: int = 10
    tape_version: str
    face_value_cents: int

    def __post_init__(self) -> None:
        self._check_names()
        self._check_amounts()
        self._check_times()

    def _check_names(self) -> None:
        currency, version = self.currency, self.tape_version
        if not (isinstance(currency, str) and len(currency) == 3 and currency.isascii() and currency.isupper()):
            raise TermsError("currency", "must be three capital letters (ISO 4217)")
        if not (isinstance(version, str) and 1 <= len(version) <= MAX_VERSION_CHARS and version.isprintable()):
            raise TermsError("tape_version", f"must be 1 to {MAX_VERSION_CHARS} printable characters")

    def _check_amounts(self) -> None:
        for name in ("opening_cents", "reserve_cents", "buy_now_cents", "face_value_cents"):
            value = getattr(self, name)
            optional = name in {"reserve_cents", "buy_now_cents"}
            if not (is_amount(value) or (optional and value is None)):
                raise TermsError(name, f"must be a whole number from 1 to {MAX_CENTS}")
        if self.reserve_cents is not None and self.reserve_cents < self.opening_cents:
            raise TermsError("reserve_cents", "must not be below the opening bid")
        if self.buy_now_cents is not None and self.buy_now_cents <= (self.reserve_cents or self.opening_cents):
            raise TermsError("buy_now_cents", "must be above the reserve and the opening bid")
        if flaw := flaw_in(self.increments):
            raise TermsError("increments", flaw)
        _check_whole("confirm_multiple", self.confirm_multiple, 2, MAX_CONFIRM_MULTIPLE)

    def _check_times(self) -> None:
        for name in ("opens_at", "closes_at", "latest_close_at"):
            value = getattr(self, name)
            if not isinstance(value, datetime) or value.utcoffset() is None:
                raise TermsError(name, "must be an instant with a time zone")
            object.__setattr__(self, name, value.astimezone(UTC))
        if self.closes_at <= self.opens_at:
            raise TermsError("closes_at", "must be after opens_at")
        if self.latest_close_at < self.closes_at:
            raise TermsError("latest_close_at", "must not be before closes_at")
        _check_whole("soft_close_window_s", self.soft_close_window_s, 0, MAX_SPAN_S)
        _check_whole("soft_close_extension_s", self.soft_close_extension_s, 0, MAX_SPAN_S)

    def to_json(self) -> dict[str, Any]:
        """A dict of JSON types, instants as ISO 8601 with Z; `from_json` gives the same terms back."""
        data: dict[str, Any] = {"format": "english"} | {f.name: getattr(self, f.name) for f in fields(self)}
        data["increments"] = [
            {"from_cents": s.from_cents, "increment_cents": s.increment_cents} for s in self.increments
        ]
        for name in ("opens_at", "closes_at", "latest_close_at"):
            data[name] = instant(data[name])
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The terms that `to_json` wrote. Raises TermsError naming the first field that is missing, unknown or bad."""
        values = {name: value for name, value in data.items() if name != "format"}
        known = {f.name for f in fields(cls)}
        for name in sorted(known.symmetric_difference(values)):
            if name not in known:
                raise TermsError(name, "is not a term of this format")
            if name not in {"reserve_cents", "buy_now_cents"}:
                raise TermsError(name, "is missing")
        for name in ("opens_at", "closes_at", "latest_close_at"):
            values[name] = _parse_instant(name, values[name])
        try:
            values["increments"] = tuple(IncrementStep(**step) for step in values["increments"])
        except TypeError:
            raise TermsError("increments", "must be a list of {from_cents, increment_cents}") from None
        return cls(**values)


_FORMATS: dict[str, type[EnglishTerms]] = {"english": EnglishTerms}

Terms = EnglishTerms
"""Every format's terms; a union once there is a second format. The engine dispatches on the type."""


def terms_from_json(data: Mapping[str, Any]) -> Terms:
    """Terms of whichever format the data names. Raises TermsError."""
    try:
        cls = _FORMATS[data["format"]]
    except (KeyError, TypeError):
        raise TermsError("format", f"must be one of: {', '.join(_FORMATS)}") from None
    return cls.from_json(data)


def instant(at: datetime) -> str:
    """An aware UTC instant as ISO 8601 with microseconds and Z, always 27 characters."""
    return at.isoformat(timespec="microseconds")[:26] + "Z"


def _parse_instant(name: str, text: object) -> datetime:
    try:
        return datetime.fromisoformat(text)  # type: ignore[arg-type]  # anything but a str raises TypeError
    except (TypeError, ValueError):
        raise TermsError(name, "must be an ISO 8601 instant") from None


def _check_whole(name: str, value: object, least: int, most: int) -> None:
    if type(value) is not int or not least <= value <= most:
        raise TermsError(name, f"must be a whole number from {least} to {most}")
