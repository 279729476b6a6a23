"""The terms of an ascending auction."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, ClassVar, Self

from auctions.increments import MAX_CENTS, IncrementStep, flaw_in, is_amount
from auctions.terms.base import (
    LATEST_RULES,
    MAX_ANSWER_S,
    MAX_SPAN_S,
    TermsError,
    check_known,
    check_names,
    check_whole,
    in_utc,
    instant,
    parse_instant,
)

MAX_CONFIRM_MULTIPLE = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class EnglishTerms:
    """Terms of an ascending auction with proxy ceilings and a soft close.

    Amounts are whole minor units of `currency`. `opening_cents` is public, `reserve_cents` secret (None: the seller
    sells to the first bid). `increments` start at 0 and never shrink as the price rises. A bid that changes price or leader in the last `soft_close_window_s` seconds leaves at
    least `soft_close_extension_s` seconds to answer, but never moves the close past `latest_close_at`. An amount of
    `confirm_multiple` times the least next bid or more must be confirmed. If bidding ends below the reserve, the seller
    has `below_reserve_answer_s` seconds to take the highest bid all the same (None: no such time, and the auction
    fails). Everybody sees this term, and it may stand without a reserve, so that it gives none away. `rules` is the version of
    the rules that the auction runs under. Building bad terms raises TermsError.
    """

    format: ClassVar[str] = "english"
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
    below_reserve_answer_s: int | None = None
    tape_version: str
    face_value_cents: int
    rules: int = 1

    def __post_init__(self) -> None:
        check_names(self.currency, self.tape_version)
        self._check_amounts()
        self._check_times()

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
        check_whole("rules", self.rules, 1, LATEST_RULES)
        check_whole("confirm_multiple", self.confirm_multiple, 2, MAX_CONFIRM_MULTIPLE)
        if self.below_reserve_answer_s is not None:
            check_whole("below_reserve_answer_s", self.below_reserve_answer_s, 1, MAX_ANSWER_S)

    def _check_times(self) -> None:
        for name in ("opens_at", "closes_at", "latest_close_at"):
            object.__setattr__(self, name, in_utc(name, getattr(self, name)))
        if self.closes_at <= self.opens_at:
            raise TermsError("closes_at", "must be after opens_at")
        if self.latest_close_at < self.closes_at:
            raise TermsError("latest_close_at", "must not be before closes_at")
        check_whole("soft_close_window_s", self.soft_close_window_s, 0, MAX_SPAN_S)
        check_whole("soft_close_extension_s", self.soft_close_extension_s, 0, MAX_SPAN_S)

    def to_json(self) -> dict[str, Any]:
        """A dict of JSON types, instants as ISO 8601 with Z; `from_json` gives the same terms back.

        `below_reserve_answer_s` is left out if there is none, `rules` if they are the first: terms of before they existed stay,
        byte for byte, what they were.
        """
        data: dict[str, Any] = {"format": "english"} | {f.name: getattr(self, f.name) for f in fields(self)}
        data["increments"] = [
            {"from_cents": s.from_cents, "increment_cents": s.increment_cents} for s in self.increments
        ]
        for name in ("opens_at", "closes_at", "latest_close_at"):
            data[name] = instant(data[name])
        if self.below_reserve_answer_s is None:
            del data["below_reserve_answer_s"]
        if self.rules == 1:
            del data["rules"]
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The terms that `to_json` wrote; a term with a default may be left out.

        Raises TermsError naming the first field that is missing, unknown or bad.
        """
        values = {name: value for name, value in data.items() if name != "format"}
        check_known(cls, values)
        for name in ("opens_at", "closes_at", "latest_close_at"):
            values[name] = parse_instant(name, values[name])
        try:
            values["increments"] = tuple(IncrementStep(**step) for step in values["increments"])
        except TypeError:
            raise TermsError("increments", "must be a list of {from_cents, increment_cents}") from None
        return cls(**values)
