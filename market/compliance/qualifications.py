"""What a seller asks of the bidders of one sale beyond their clearance, shown by papers that officers verified."""

from dataclasses import dataclass

from market.kit.errors import Malformed
from market.kit.money import MAX_CENTS

SAID = {
    "rmai": "The seller asks for a certificate of RMAI: bring one with a case, and have it verified.",
    "net-worth": "The seller asks for a greater net worth than you have shown: bring a financial statement with a case.",
}


@dataclass(frozen=True, slots=True)
class Qualifications:
    """An RMAI certificate, a least net worth (0: none asked). Whom to invite is the circle's."""

    needs_rmai: bool = False
    min_net_worth_cents: int = 0

    def checked(self) -> "Qualifications":
        """Raises `Malformed` for an amount out of bounds."""
        if not 0 <= self.min_net_worth_cents <= MAX_CENTS:
            raise Malformed(f"must be from 0 to {MAX_CENTS}", field="qualifications.min_net_worth_cents")
        return self
