"""What the seller fixes for the time after the award: hold-back, put-backs, what a default costs, resale, documents."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from market.kit.errors import Malformed

_BOUNDS = {
    "holdback_bps": (0, 2_000),
    "putback_days": (0, 365),
    "forfeit_seller_bps": (0, 10_000),
    "penalty_bps": (0, 2_000),
    "most_resales": (0, 3),
    "media_days": (1, 90),
}


@dataclass(frozen=True, slots=True)
class SaleTerms:
    """Frozen into the published listing.

    `holdback_bps` of the hammer price stay with the marketplace until the window of `putback_days` calendar days after the
    release is over; of a defaulting buyer's deposit the seller gets `forfeit_seller_bps`. A seller in default owes the buyer `penalty_bps` of the
    hammer price. An account may be sold on `most_resales` times (0: never), and a document behind it is delivered within
    `media_days` calendar days. Raises `Malformed` naming the field.
    """

    holdback_bps: int = 0
    putback_days: int = 120
    forfeit_seller_bps: int = 8_000
    penalty_bps: int = 500
    most_resales: int = 1
    media_days: int = 30

    def __post_init__(self) -> None:
        for name, (least, most) in _BOUNDS.items():
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
                raise Malformed(f"must be a whole number from {least} to {most}", field=f"sale_terms.{name}")
        if self.holdback_bps and not self.putback_days:
            raise Malformed("nothing is held back without a window to put back in", field="sale_terms.holdback_bps")

    def to_json(self) -> dict[str, int]:
        return asdict(self)

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Self:
        """The terms in a parsed JSON object; what it leaves out is the house's default."""
        for name in given:
            if name not in _BOUNDS:
                raise Malformed("there is no such term", field=f"sale_terms.{name}")
        return cls(**given)
