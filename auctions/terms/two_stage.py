"""The terms of an indicative round that a binding one follows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any, ClassVar

from auctions.increments import IncrementStep, flaw_in
from auctions.moves import Stage
from auctions.terms.base import MAX_SPAN_S, MAX_STAGE_S, CommonTerms, TermsError, check_amount, check_whole, choice_of
from auctions.terms.dutch import WHOLE_BPS
from auctions.terms.english import EnglishTerms
from auctions.terms.sealed import MAX_FINALIST_COUNT, check_final_round


class Binding(StrEnum):
    SEALED = "sealed"
    """Bids that nobody sees, opened together, perhaps bettered once by the best of them."""
    ENGLISH = "english"
    """The shortlisted outbid each other in the open, as in an ascending auction."""


def _ladder(_: str, value: Any) -> tuple[IncrementStep, ...]:
    try:
        return tuple(IncrementStep(**step) for step in value)
    except TypeError:
        raise TermsError("increments", "must be a list of {from_cents, increment_cents}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoStageTerms(CommonTerms):
    """Indications for `indicative_s` seconds, a shortlist of at most `shortlist_most` within `shortlist_s`, then due
    diligence and binding bids. A binding bid more than `deviation_bps` basis points below what its bidder had indicated
    needs a reason. `reserve_cents` is secret (None: the seller sells to the best binding bid).

    Sealed binding bids are first price; with `final_s` a best-and-final round follows, as in `SealedTerms`. An English
    binding part has `increments` and a soft close as in `EnglishTerms`, and may be extended by `binding_extends_s`
    seconds; what is open to the last needs no final round.
    """

    format: ClassVar[str] = "two_stage"
    first_stage: ClassVar[Stage] = Stage.INDICATIVE
    readers: ClassVar = {"binding": choice_of(Binding), "increments": _ladder}
    later: ClassVar = frozenset({
        "binding", "increments", "soft_close_window_s", "soft_close_extension_s", "binding_extends_s", "final_s",
        "final_top", "final_within_bps", "rules",
    })  # fmt: skip

    opening_cents: int
    reserve_cents: int | None = None
    indicative_s: int
    shortlist_s: int
    shortlist_most: int
    due_diligence_s: int
    binding_s: int
    deviation_bps: int = 1_000
    binding: Binding = Binding.SEALED
    increments: tuple[IncrementStep, ...] = ()
    soft_close_window_s: int = 180
    soft_close_extension_s: int = 180
    binding_extends_s: int = 0
    final_s: int | None = None
    final_top: int | None = None
    final_within_bps: int | None = None

    def _check(self) -> None:
        check_amount("opening_cents", self.opening_cents)
        if self.reserve_cents is not None:
            check_amount("reserve_cents", self.reserve_cents, self.opening_cents)
        for name in ("indicative_s", "shortlist_s", "due_diligence_s", "binding_s"):
            check_whole(name, getattr(self, name), 1, MAX_STAGE_S)
        check_whole("shortlist_most", self.shortlist_most, 1, MAX_FINALIST_COUNT)
        check_whole("deviation_bps", self.deviation_bps, 0, WHOLE_BPS)
        check_final_round(self)
        self._check_binding()

    def _check_binding(self) -> None:
        if not isinstance(self.binding, Binding):
            raise TermsError("binding", "must be a Binding")
        check_whole("soft_close_window_s", self.soft_close_window_s, 0, MAX_SPAN_S)
        check_whole("soft_close_extension_s", self.soft_close_extension_s, 0, MAX_SPAN_S)
        check_whole("binding_extends_s", self.binding_extends_s, 0, MAX_STAGE_S)
        if self.binding is Binding.ENGLISH:
            if flaw := flaw_in(self.increments):
                raise TermsError("increments", flaw)
            if self.final_s is not None:
                raise TermsError("final_s", "is for sealed binding bids: an open round is final when it ends")
        elif self.increments or self.binding_extends_s:
            name = "increments" if self.increments else "binding_extends_s"
            raise TermsError(name, "is for an English binding part")

    @property
    def closes_at(self) -> datetime:
        """When the indicative part ends."""
        return self.opens_at + timedelta(seconds=self.indicative_s)

    @property
    def latest_close_at(self) -> datetime:
        """When the last part ends at the latest, if nothing is late or paused."""
        return self.closes_at + timedelta(seconds=self.shortlist_s + self.due_diligence_s + self.binding_most_s)

    @property
    def binding_most_s(self) -> int:
        """How long the binding part lasts at most, with what may follow it."""
        return self.binding_s + self.binding_extends_s + (self.final_s or 0)

    @property
    def least_cents(self) -> int:
        """The least amount that may be bid."""
        return self.opening_cents

    @property
    def ascent(self) -> EnglishTerms | None:
        """The terms under which the price rises in an English binding part; its instants are the auction's own."""
        return _ascent(self) if self.binding is Binding.ENGLISH else None


@lru_cache(maxsize=256)
def _ascent(terms: TwoStageTerms) -> EnglishTerms:
    shared: Mapping[str, Any] = {
        name: getattr(terms, name)
        for name in (
            "currency", "opens_at", "closes_at", "latest_close_at", "tape_version", "face_value_cents", "opening_cents",
            "reserve_cents", "increments", "soft_close_window_s", "soft_close_extension_s", "rules",
        )
    }  # fmt: skip
    return EnglishTerms(**shared)
