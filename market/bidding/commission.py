"""What the marketplace earns on a sale: marginal tiers of the hammer price, frozen into the published listing.

Marginal, because with slab tiers the fee drops by 20-50 % one cent above each breakpoint. Everything is computed in
ten-thousandths of a minor unit and rounded once, half-even; refunds telescope, so that many partial ones sum to the whole.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any, Self

from market.kit.errors import Malformed
from market.kit.money import MAX_CENTS, exponent

LEAST_RATE_BPS, CAP_BPS = 100, 500
"""The marketplace charges 1 % to 5 % of a successful sale, never more and never less."""
_WHOLE_BPS = 10_000
_MAX_TIERS = 10
# 5 % to 100 k, 4 % to 500 k, 3 % to 2 M, 2 % to 10 M, 1 % above; in major units of the currency.
_DEFAULT_TIERS = ((0, 500), (100_000, 400), (500_000, 300), (2_000_000, 200), (10_000_000, 100))


class Payer(StrEnum):
    BUYER = "buyer"
    SELLER = "seller"
    SPLIT = "split"


@dataclass(frozen=True, slots=True)
class Tier:
    """`rate_bps` applies to the part of the hammer price above `from_cents`, up to where the next tier begins."""

    from_cents: int
    rate_bps: int


@dataclass(frozen=True, slots=True)
class Shares:
    """Who bears how much of one fee; the two sum to it."""

    buyer_cents: int
    seller_cents: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """Raises `Malformed`, naming the field (`commission.tiers[1].rate_bps`), for tiers that make no sense.

    `minimum_cents` lifts a small fee, but never above the cap of 5 % of the hammer price.
    """

    tiers: tuple[Tier, ...]
    minimum_cents: int = 0
    payer: Payer = Payer.SELLER

    def __post_init__(self) -> None:
        if not 1 <= len(self.tiers) <= _MAX_TIERS:
            raise Malformed(f"there must be 1 to {_MAX_TIERS} tiers", field="commission.tiers")
        if self.tiers[0].from_cents != 0:
            raise Malformed("the first tier begins at 0", field="commission.tiers[0].from_cents")
        for index, tier in enumerate(self.tiers):
            if not LEAST_RATE_BPS <= tier.rate_bps <= CAP_BPS:
                raise Malformed(
                    f"a rate is {LEAST_RATE_BPS} to {CAP_BPS} basis points", field=f"commission.tiers[{index}].rate_bps"
                )
        for index, (lower, upper) in enumerate(pairwise(self.tiers), 1):
            if not lower.from_cents < upper.from_cents <= MAX_CENTS:
                raise Malformed("each tier begins above the one before", field=f"commission.tiers[{index}].from_cents")
        if not 0 <= self.minimum_cents <= MAX_CENTS:
            raise Malformed(f"the minimum is 0 to {MAX_CENTS} minor units", field="commission.minimum_cents")

    @classmethod
    def default(cls, currency: str, payer: Payer = Payer.SELLER) -> Self:
        """The house's tiers in minor units of `currency` (JPY has none, KWD three digits)."""
        unit = 10 ** exponent(currency)
        return cls(tuple(Tier(major * unit, rate_bps) for major, rate_bps in _DEFAULT_TIERS), payer=payer)

    def fee_cents(self, hammer_cents: int) -> int:
        """The fee of a sale at `hammer_cents`: within half a minor unit of the exact 1-5 %, ties to even."""
        if not 0 <= hammer_cents <= MAX_CENTS:
            raise ValueError(f"a hammer price is 0 to {MAX_CENTS} minor units")
        ends = (*(tier.from_cents for tier in self.tiers[1:]), MAX_CENTS)
        marginal = sum(
            max(0, min(hammer_cents, end) - tier.from_cents) * tier.rate_bps
            for tier, end in zip(self.tiers, ends, strict=True)
        )
        least = min(self.minimum_cents * _WHOLE_BPS, hammer_cents * CAP_BPS)
        return divide_half_even(max(marginal, least), _WHOLE_BPS)

    def shares(self, fee_cents: int) -> Shares:
        """Who bears the fee. Of an odd fee that is split, the seller bears the odd minor unit."""
        match self.payer:
            case Payer.BUYER:
                return Shares(fee_cents, 0)
            case Payer.SELLER:
                return Shares(0, fee_cents)
            case Payer.SPLIT:
                return Shares(fee_cents // 2, fee_cents - fee_cents // 2)

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads back to an equal schedule; only integers, texts and lists."""
        return {
            "tiers": [{"from_cents": tier.from_cents, "rate_bps": tier.rate_bps} for tier in self.tiers],
            "minimum_cents": self.minimum_cents,
            "payer": self.payer.value,
        }

    @classmethod
    def stated(cls, given: object, currency: str) -> Self:
        """What a listing says of its commission, the house's where it says nothing. Raises `Malformed` naming the field."""
        said = _members({} if given is None else given, "commission", {"tiers", "minimum_cents", "payer"})
        return cls.from_json({"tiers": cls.default(currency).to_json()["tiers"], **said})

    @classmethod
    def from_json(cls, given: object) -> Self:
        """The schedule in a parsed JSON object. Raises `Malformed` naming the field."""
        members = _members(given, "commission", {"tiers", "minimum_cents", "payer"})
        tiers = members.get("tiers")
        if not isinstance(tiers, list) or len(tiers) > _MAX_TIERS:
            raise Malformed(f"must be a list of 1 to {_MAX_TIERS} tiers", field="commission.tiers")
        return cls(
            tuple(_tier(tier, f"commission.tiers[{index}]") for index, tier in enumerate(tiers)),
            _whole(members.get("minimum_cents", 0), "commission.minimum_cents"),
            _payer(members.get("payer", Payer.SELLER.value)),
        )


def refuse_own_rates(given: object) -> None:
    """Where the operator sets the commission a listing says no more of it than who pays. Raises `Malformed`."""
    own = sorted(
        _members({} if given is None else given, "commission", {"tiers", "minimum_cents", "payer"}).keys() - {"payer"}
    )
    if own:
        raise Malformed("the operator sets the commission here; say only who pays it", field=f"commission.{own[0]}")


def refund_cents(fee_cents: int, *, returned_cents: int, total_cents: int, already_refunded_cents: int) -> int:
    """What to give back of a fee now that `returned_cents` of `total_cents` have been undone altogether.

    Telescoping: after any sequence of partial returns the refunds sum to `round(fee x returned / total)`, so that a whole
    return refunds the whole fee to the minor unit. Raises `ValueError` for sums that cannot be.
    """
    if fee_cents < 0 or total_cents <= 0 or not 0 <= returned_cents <= total_cents:
        raise ValueError("a return is between nothing and the whole")
    due = divide_half_even(fee_cents * returned_cents, total_cents)
    if not 0 <= already_refunded_cents <= due:
        raise ValueError("more was refunded before than is due in all")
    return due - already_refunded_cents


def divide_half_even(numerator: int, denominator: int) -> int:
    """The nearest whole number to a fraction of two whole numbers (`denominator` > 0); ties to even."""
    quotient, rest = divmod(numerator, denominator)
    return quotient + (2 * rest > denominator or (2 * rest == denominator and quotient % 2 == 1))


def _tier(given: object, field: str) -> Tier:
    members = _members(given, field, {"from_cents", "rate_bps"})
    return Tier(
        _whole(members.get("from_cents"), f"{field}.from_cents"), _whole(members.get("rate_bps"), f"{field}.rate_bps")
    )


def _payer(given: object) -> Payer:
    if not isinstance(given, str) or given not in set(Payer):
        raise Malformed(f"must be one of {', '.join(Payer)}", field="commission.payer")
    return Payer(given)


def _whole(given: object, field: str) -> int:
    if not isinstance(given, int) or isinstance(given, bool):
        raise Malformed("must be a whole number", field=field)
    return given


def _members(given: object, field: str, known: set[str]) -> Mapping[str, Any]:
    if not isinstance(given, dict):
        raise Malformed("must be an object", field=field)
    if unknown := sorted(set(given) - known):
        raise Malformed("no such member", field=f"{field}.{unknown[0]}")
    return given
