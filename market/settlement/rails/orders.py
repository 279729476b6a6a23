"""What a file of payment orders is made from. The same orders and originator make the same bytes, always."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, repr=False)
class Order:
    """Pay `amount_cents` to an account; `reference` comes back on the bank's statement.

    `number` is an IBAN, or a nine-digit routing number, a space and an account number (scheme `ach`).
    """

    payout_id: UUID
    reference: str
    amount_cents: int
    holder_name: str
    scheme: str
    number: str


@dataclass(frozen=True, slots=True)
class Originator:
    """Who pays, as the bank knows it. For pain.001 the IBAN (and BIC), for NACHA the rest."""

    holder: str
    iban: str = ""
    bic: str = ""
    bank_name: str = ""
    routing_number: str = ""
    account_number: str = ""
    company_id: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """A file's name for the bank, when it was made, and the day on which the bank is to pay."""

    file_ref: str
    currency: str
    made_at: datetime
    execute_on: date
