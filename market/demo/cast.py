"""Who plays in the demo. Names and addresses are invented; `.example` can never be anybody's (RFC 2606 § 2)."""

from dataclasses import dataclass
from enum import Enum


class Part(Enum):
    """What somebody does in the sale."""

    SELLER = "seller"
    BUYER = "buyer"
    OFFICER = "officer"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Character:
    """A person with a login; `label` is how the demo calls it. Staff have no organisation of their own."""

    label: str
    part: Part
    person: str
    email: str
    organisation: str = ""
    country: str = "US"
    registration_number: str = ""

    @property
    def is_staff(self) -> bool:
        return self.part in {Part.OFFICER, Part.OPERATOR}


SELLER = Character(
    "seller", Part.SELLER, "Sally Sample", "sally@receivables.example", "Sample Receivables Inc", "US", "DE-100001"
)
BUYER_A = Character("buyer A", Part.BUYER, "Alma Alfa", "alma@alfa.example", "Alfa Debt Buyers LLC", "US", "DE-200001")
BUYER_B = Character("buyer B", Part.BUYER, "Bert Bravo", "bert@bravo.example", "Bravo Recovery LLC", "US", "NV-200002")
BUYER_C = Character(
    "buyer C", Part.BUYER, "Cleo Charlie", "cleo@charlie.example", "Charlie Capital LP", "US", "TX-200003"
)
OFFICER_A = Character("officer A", Part.OFFICER, "Olga Officer", "olga@market.example")
OFFICER_B = Character("officer B", Part.OFFICER, "Omar Officer", "omar@market.example")
OPERATOR = Character("operator", Part.OPERATOR, "Otis Operator", "otis@market.example")

BUYERS = (BUYER_A, BUYER_B, BUYER_C)
TRADERS = (SELLER, *BUYERS)
STAFF = (OFFICER_A, OFFICER_B, OPERATOR)
EVERYBODY = (*TRADERS, *STAFF)
