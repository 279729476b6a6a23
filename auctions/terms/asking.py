"""The terms of the two formats in which the seller names a price or picks an offer."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from auctions.terms.base import CommonTerms, TermsError, check_amount


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedPriceTerms(CommonTerms):
    """Who is first to buy at `price_cents` gets the pool; what a seller may do after an auction has failed."""

    format: ClassVar[str] = "fixed_price"

    closes_at: datetime
    price_cents: int

    def _check(self) -> None:
        if self.closes_at <= self.opens_at:
            raise TermsError("closes_at", "must be after opens_at")
        check_amount("price_cents", self.price_cents)

    @property
    def latest_close_at(self) -> datetime:
        return self.closes_at

    @property
    def least_cents(self) -> int:
        """The one amount at which the pool is sold."""
        return self.price_cents


@dataclass(frozen=True, slots=True, kw_only=True)
class BestOfferTerms(CommonTerms):
    """Participant mode: buyers make offers from `opening_cents` up, and the seller awards, refuses or counters at will."""

    format: ClassVar[str] = "best_offer"

    closes_at: datetime
    opening_cents: int

    def _check(self) -> None:
        if self.closes_at <= self.opens_at:
            raise TermsError("closes_at", "must be after opens_at")
        check_amount("opening_cents", self.opening_cents)

    @property
    def latest_close_at(self) -> datetime:
        return self.closes_at

    @property
    def least_cents(self) -> int:
        """The least amount that may be offered."""
        return self.opening_cents
