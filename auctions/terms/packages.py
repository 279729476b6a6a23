"""The terms of an auction of several pools at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from auctions.allocation import MAX_POOL_COUNT
from auctions.terms.base import MAX_SPAN_S, CommonTerms, TermsError, check_amount, check_whole, choice_of

MAX_POOL_CHARS = 64


class Packaging(StrEnum):
    POOLS_ONLY = "pools_only"
    """Every bid is for one pool; a bidder may win several."""
    ENTIRETY_VS_POOLS = "entirety_vs_pools"
    """Every bid is for one pool or for all together."""
    XOR_PACKAGES = "xor_packages"
    """Every bid is for any set of pools, and a bidder wins at most one of its bids."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolOffer:
    """One pool on the board. A bid must reach the sum of the least amounts of its pools: that is the reserve here."""

    pool: str
    least_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageTerms(CommonTerms):
    """`pools` are sold together to whoever brings the most. A bidder betters its own bid by `increment_cents` or more.

    A bid that changes the winning allocation in the last `soft_close_window_s` seconds leaves at least
    `soft_close_extension_s` seconds to answer, for the whole board, but never past `latest_close_at`.
    """

    format: ClassVar[str] = "packages"

    closes_at: datetime
    latest_close_at: datetime
    packaging: Packaging
    pools: tuple[PoolOffer, ...]
    increment_cents: int
    soft_close_window_s: int = 180
    soft_close_extension_s: int = 180

    def _check(self) -> None:
        if self.closes_at <= self.opens_at:
            raise TermsError("closes_at", "must be after opens_at")
        if self.latest_close_at < self.closes_at:
            raise TermsError("latest_close_at", "must not be before closes_at")
        if not isinstance(self.packaging, Packaging):
            raise TermsError("packaging", "must be a Packaging")
        check_amount("increment_cents", self.increment_cents)
        check_whole("soft_close_window_s", self.soft_close_window_s, 0, MAX_SPAN_S)
        check_whole("soft_close_extension_s", self.soft_close_extension_s, 0, MAX_SPAN_S)
        self._check_pools()

    def _check_pools(self) -> None:
        pools: object = self.pools
        if not (isinstance(pools, tuple) and all(isinstance(one, PoolOffer) for one in pools)):
            raise TermsError("pools", "must be a tuple of PoolOffer")
        if not 2 <= len(self.pools) <= MAX_POOL_COUNT:
            raise TermsError("pools", f"must be 2 to {MAX_POOL_COUNT}")
        for one in self.pools:
            name: object = one.pool
            if not (
                isinstance(name, str) and 1 <= len(name) <= MAX_POOL_CHARS and name.isascii() and name.isprintable()
            ):
                raise TermsError("pools", f"must have names of 1 to {MAX_POOL_CHARS} printable ASCII characters")
            check_amount("pools", one.least_cents)
        if len({one.pool for one in self.pools}) != len(self.pools):
            raise TermsError("pools", "must not name a pool twice")

    def numbers_of(self, pools: Sequence[str]) -> frozenset[int]:
        """The places of the named pools on the board; a name that is not there is left out."""
        return frozenset(place for place, one in enumerate(self.pools) if one.pool in pools)

    def least_for(self, pools: Sequence[str]) -> int:
        """The least amount for a set of pools, in cents."""
        return sum(one.least_cents for one in self.pools if one.pool in pools)

    @property
    def least_cents(self) -> int:
        """The least amount for any single pool."""
        return min(one.least_cents for one in self.pools)


def _read_pools(name: str, value: object) -> Any:
    try:
        return tuple(PoolOffer(**one) for one in value)  # type: ignore[attr-defined]  # anything else raises TypeError
    except TypeError:
        raise TermsError(name, "must be a list of {pool, least_cents}") from None


PackageTerms.readers = {"packaging": choice_of(Packaging), "pools": _read_pools}
