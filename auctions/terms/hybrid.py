"""The terms of a descending auction that a sealed bid and a best bid follow."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from auctions.moves import Stage
from auctions.terms.base import MAX_SPAN_S, CommonTerms, TermsError, check_amount, check_whole, check_yes_or_no
from auctions.terms.dutch import WHOLE_BPS

_STAGES: Mapping[str, int] = {"lead_s": 30, "pause_s": 20, "sealed_s": 600, "best_s": 300}
_STEPS: Mapping[str, int] = {"step_bps": 100, "interval_s": 300}

PRESETS: Mapping[str, Mapping[str, int]] = {
    "dgf-2018": {"last_step": 80, **_STEPS, **_STAGES},
    "privatization": {"last_step": 99, **_STEPS, **_STAGES},
}
"""Sales by Ukraine's deposit guarantee fund: 81 prices, 405 minutes, 30 s before the first, 20 s between the parts, 10
and 5 minutes (openprocurement.auction.insider, constants of 2018). Small-scale privatisation: at most 99 steps of 1 %
(openprocurement.auctions.tessel, overview); fewer may be given."""

MAX_LAST_STEP = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class HybridTerms(CommonTerms):
    """The price falls `last_step` times by `step_bps` basis points of the start, every `interval_s` seconds.

    It begins to fall `lead_s` seconds after the opening. Who accepts first sets the price; after `pause_s` seconds all
    others may seal higher bids for `sealed_s` seconds, and after another pause who accepted may exceed the best of
    them for `best_s` seconds. In JSON a `preset` stands for its numbers; those given beside it take precedence.
    """

    format: ClassVar[str] = "hybrid"
    first_stage: ClassVar[Stage] = Stage.DUTCH

    start_cents: int
    step_bps: int
    last_step: int
    interval_s: int
    lead_s: int
    pause_s: int
    sealed_s: int
    best_s: int
    strict: bool = False

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The terms that `to_json` wrote, or a preset and what it leaves open. Raises TermsError naming the field."""
        rest = {name: value for name, value in data.items() if name != "preset"}
        if "preset" not in data:
            return cls._read(rest)
        if not isinstance(data["preset"], str) or data["preset"] not in PRESETS:
            raise TermsError("preset", f"must be one of: {', '.join(PRESETS)}")
        return cls._read({**PRESETS[data["preset"]], **rest})

    def _check(self) -> None:
        check_amount("start_cents", self.start_cents)
        check_whole("step_bps", self.step_bps, 1, WHOLE_BPS)
        check_whole("last_step", self.last_step, 1, MAX_LAST_STEP)
        for name in ("interval_s", "sealed_s", "best_s"):
            check_whole(name, getattr(self, name), 1, MAX_SPAN_S)
        for name in ("lead_s", "pause_s"):
            check_whole(name, getattr(self, name), 0, MAX_SPAN_S)
        check_yes_or_no("strict", self.strict)
        if self.step_bps * self.last_step >= WHOLE_BPS:
            raise TermsError("last_step", "must leave something of the price")

    def price_at(self, step: int) -> int:
        """The price in cents during a step; steps count from 0."""
        return self.start_cents - step * self.start_cents * self.step_bps // WHOLE_BPS

    @property
    def closes_at(self) -> datetime:
        """When the last step ends, if nobody accepts and the clock is never paused."""
        return self.opens_at + timedelta(seconds=self.lead_s + (self.last_step + 1) * self.interval_s)

    @property
    def latest_close_at(self) -> datetime:
        """When the best bid ends, if the last step is accepted in its last instant."""
        return self.closes_at + timedelta(seconds=2 * self.pause_s + self.sealed_s + self.best_s)

    @property
    def least_cents(self) -> int:
        """The least amount at which the pool may be sold."""
        return self.price_at(self.last_step)
