"""The terms of a descending auction."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from auctions.terms.base import MAX_SPAN_S, CommonTerms, TermsError, check_amount, check_whole, check_yes_or_no

WHOLE_BPS = 10_000
MAX_STEP_COUNT = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DutchTerms(CommonTerms):
    """The price begins at `start_cents` and falls every `interval_s` seconds by one step, down to `floor_cents`.

    A step is `step_cents`, or `step_bps` basis points of the start (exactly one of the two; the price after k steps
    is rounded up to a whole cent). Who is first to accept buys. `strict`: an acceptance must name the step that is
    current at the server; otherwise an earlier step will do, and the buyer pays the lower price of now.
    """

    format: ClassVar[str] = "dutch"

    start_cents: int
    floor_cents: int
    step_cents: int | None = None
    step_bps: int | None = None
    interval_s: int
    strict: bool = False

    def _check(self) -> None:
        check_amount("start_cents", self.start_cents)
        check_amount("floor_cents", self.floor_cents)
        check_whole("interval_s", self.interval_s, 1, MAX_SPAN_S)
        check_yes_or_no("strict", self.strict)
        if self.floor_cents >= self.start_cents:
            raise TermsError("floor_cents", "must be below the start")
        if (self.step_cents is None) == (self.step_bps is None):
            raise TermsError("step_cents", "or step_bps must be given, and not both")
        if self.step_cents is not None:
            check_amount("step_cents", self.step_cents)
        if self.step_bps is not None:
            check_whole("step_bps", self.step_bps, 1, WHOLE_BPS)
        if self.last_step > MAX_STEP_COUNT:
            field = "step_bps" if self.step_cents is None else "step_cents"
            raise TermsError(field, f"must reach the floor within {MAX_STEP_COUNT} steps")

    @property
    def last_step(self) -> int:
        """The first step at the floor; steps count from 0."""
        fall_cents = self.start_cents - self.floor_cents
        if self.step_cents is not None:
            return -(-fall_cents // self.step_cents)
        assert self.step_bps is not None
        return -(-fall_cents * WHOLE_BPS // (self.start_cents * self.step_bps))

    def price_at(self, step: int) -> int:
        """The price in cents during a step."""
        if self.step_cents is not None:
            fallen_cents = step * self.step_cents
        else:
            assert self.step_bps is not None
            fallen_cents = step * self.start_cents * self.step_bps // WHOLE_BPS
        return max(self.floor_cents, self.start_cents - fallen_cents)

    @property
    def closes_at(self) -> datetime:
        """When the step at the floor ends, if the clock is never paused."""
        return self.opens_at + timedelta(seconds=(self.last_step + 1) * self.interval_s)

    @property
    def latest_close_at(self) -> datetime:
        return self.closes_at

    @property
    def least_cents(self) -> int:
        """The least amount at which the pool may be sold."""
        return self.floor_cents
