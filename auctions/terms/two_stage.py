"""The terms of an indicative round that a binding one follows."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from auctions.moves import Stage
from auctions.terms.base import MAX_STAGE_S, CommonTerms, check_amount, check_whole
from auctions.terms.dutch import WHOLE_BPS
from auctions.terms.sealed import MAX_FINALIST_COUNT


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoStageTerms(CommonTerms):
    """Indications for `indicative_s` seconds, a shortlist of at most `shortlist_most` within `shortlist_s`, then due
    diligence and sealed binding bids, first price. A binding bid more than `deviation_bps` basis points below what its
    bidder had indicated needs a reason. `reserve_cents` is secret (None: the seller sells to the best binding bid).
    """

    format: ClassVar[str] = "two_stage"
    first_stage: ClassVar[Stage] = Stage.INDICATIVE

    opening_cents: int
    reserve_cents: int | None = None
    indicative_s: int
    shortlist_s: int
    shortlist_most: int
    due_diligence_s: int
    binding_s: int
    deviation_bps: int = 1_000

    def _check(self) -> None:
        check_amount("opening_cents", self.opening_cents)
        if self.reserve_cents is not None:
            check_amount("reserve_cents", self.reserve_cents, self.opening_cents)
        for name in ("indicative_s", "shortlist_s", "due_diligence_s", "binding_s"):
            check_whole(name, getattr(self, name), 1, MAX_STAGE_S)
        check_whole("shortlist_most", self.shortlist_most, 1, MAX_FINALIST_COUNT)
        check_whole("deviation_bps", self.deviation_bps, 0, WHOLE_BPS)

    @property
    def closes_at(self) -> datetime:
        """When the indicative part ends."""
        return self.opens_at + timedelta(seconds=self.indicative_s)

    @property
    def latest_close_at(self) -> datetime:
        """When the binding part ends at the latest, if nothing is late or paused."""
        return self.closes_at + timedelta(seconds=self.shortlist_s + self.due_diligence_s + self.binding_s)

    @property
    def least_cents(self) -> int:
        """The least amount that may be bid."""
        return self.opening_cents
