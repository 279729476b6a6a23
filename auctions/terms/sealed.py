"""The terms of a sealed-bid auction."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, Protocol

from auctions.terms.base import MAX_STAGE_S, CommonTerms, TermsError, check_amount, check_whole, choice_of

WHOLE_BPS = 10_000
MAX_FINALIST_COUNT = 100


class Pricing(StrEnum):
    FIRST_PRICE = "first_price"
    """The winner pays its own amount."""
    SECOND_PRICE = "second_price"
    """Vickrey: the winner pays the next best amount, but at least the reserve or the opening bid."""


class Sealing(StrEnum):
    SIMPLE = "simple"
    """The server keeps the amounts and shows them to nobody before the opening: it is trusted with them."""
    CLIENT = "client"
    """Bidders send sealed bytes and a commitment; the amounts come with the opening."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedTerms(CommonTerms):
    """Of every bidder only the last bid counts, to be replaced or withdrawn until `closes_at`; then all are opened.

    `reserve_cents` is secret (None: the seller sells to the best bid). With `final_s` a best-and-final round of so many
    seconds follows among the best `final_top` bidders, or all within `final_within_bps` of the best bid (exactly one of
    the two). Sealed by the clients to the X25519 public key `sealing_key` (64 hexadecimal digits), a bid may not exceed
    the published `most_cents`, and the opening must come within `opening_s` seconds. A best-and-final round is sealed to a key of
    its own, `final_sealing_key`: by then the first is known to those who opened with it (under the first two rules it served twice).
    """

    format: ClassVar[str] = "sealed"
    later: ClassVar = frozenset({"rules", "final_sealing_key"})
    readers: ClassVar = {"pricing": choice_of(Pricing), "sealing": choice_of(Sealing)}

    closes_at: datetime
    opening_cents: int
    reserve_cents: int | None = None
    pricing: Pricing = Pricing.FIRST_PRICE
    sealing: Sealing = Sealing.SIMPLE
    sealing_key: str | None = None
    most_cents: int | None = None
    opening_s: int = 86_400
    final_s: int | None = None
    final_top: int | None = None
    final_within_bps: int | None = None
    final_sealing_key: str | None = None

    def _check(self) -> None:
        if self.closes_at <= self.opens_at:
            raise TermsError("closes_at", "must be after opens_at")
        check_amount("opening_cents", self.opening_cents)
        if self.reserve_cents is not None:
            check_amount("reserve_cents", self.reserve_cents, self.opening_cents)
        for name, kind in (("pricing", Pricing), ("sealing", Sealing)):
            if not isinstance(getattr(self, name), kind):
                raise TermsError(name, f"must be a {kind.__name__}")
        if self.most_cents is not None:
            check_amount("most_cents", self.most_cents, self.reserve_cents or self.opening_cents)
        elif self.sealing is Sealing.CLIENT:
            raise TermsError("most_cents", "must be given when the clients seal")
        self._check_key()
        check_whole("opening_s", self.opening_s, 60, MAX_STAGE_S)
        check_final_round(self)

    def _check_key(self) -> None:
        by_clients = self.sealing is Sealing.CLIENT
        if (self.sealing_key is None) == by_clients:
            raise TermsError("sealing_key", "must be given when the clients seal, and only then")
        if (self.final_sealing_key is not None) != (by_clients and self.final_s is not None and self.rules > 2):
            raise TermsError(
                "final_sealing_key", "must be given when the clients seal a best-and-final round, and only then"
            )
        _check_public_key("sealing_key", self.sealing_key)
        _check_public_key("final_sealing_key", self.final_sealing_key)
        if by_clients and self.final_sealing_key == self.sealing_key:
            raise TermsError("final_sealing_key", "must be another key than sealing_key, from a ceremony of its own")

    @property
    def latest_close_at(self) -> datetime:
        """When the last round and its opening end at the latest, if nothing is late or paused."""
        opening_s = self.opening_s if self.sealing is Sealing.CLIENT else 0
        rounds = 1 if self.final_s is None else 2
        return self.closes_at + timedelta(seconds=rounds * opening_s + (self.final_s or 0))

    @property
    def least_cents(self) -> int:
        """The least amount that may be bid."""
        return self.opening_cents


def _check_public_key(name: str, key: object) -> None:
    if key is not None and not (isinstance(key, str) and len(key) == 64 and set(key) <= set("0123456789abcdef")):
        raise TermsError(name, "must be 64 hexadecimal digits in lower case")


class FinalRound(Protocol):
    """Terms that may have a best-and-final round."""

    @property
    def final_s(self) -> int | None: ...
    @property
    def final_top(self) -> int | None: ...
    @property
    def final_within_bps(self) -> int | None: ...


def check_final_round(terms: FinalRound) -> None:
    """Raises TermsError unless there is no best-and-final round, or one among bidders who can be told."""
    if terms.final_s is None:
        if terms.final_top is not None or terms.final_within_bps is not None:
            raise TermsError("final_s", "must be given for a best-and-final round")
        return
    check_whole("final_s", terms.final_s, 1, MAX_STAGE_S)
    if (terms.final_top is None) == (terms.final_within_bps is None):
        raise TermsError("final_top", "or final_within_bps must be given, and not both")
    if terms.final_top is not None:
        check_whole("final_top", terms.final_top, 2, MAX_FINALIST_COUNT)
    if terms.final_within_bps is not None:
        check_whole("final_within_bps", terms.final_within_bps, 0, WHOLE_BPS)
