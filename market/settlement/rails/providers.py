"""Seams to who holds the money and who moves it. In use: files that a bank sends and takes.

The ledger mirrors a licensed escrow agent's or a bank's account; whoever stands behind these protocols holds the money.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from market.kit.errors import Malformed
from market.settlement.rails import nacha, pain001
from market.settlement.rails.lines import Notice, Statement
from market.settlement.rails.orders import Batch, Order, Originator
from market.settlement.statement import read_file


@dataclass(frozen=True, slots=True, repr=False)
class OrderFile:
    """Payment orders as one file; `sha256` is its digest in hex."""

    content: bytes
    media_type: str
    suffix: str
    sha256: str


class EscrowProvider(Protocol):
    """Who holds the clients' money, and says what came and went."""

    def statements(self, content: bytes) -> list[Statement] | list[Notice]:
        """What the holder sent, tied out. Raises `StatementUnreadable`."""
        ...


class Outcome(StrEnum):
    """What is known of an order. Without a clear answer it is unknown, never failed: only a statement decides."""

    GIVEN = "given"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Submission:
    """What became of each order, by payout; and the file to hand over, where orders go by file."""

    outcomes: Mapping[UUID, Outcome]
    file: OrderFile | None = None


class PaymentProvider(Protocol):
    """Who pays out on our order."""

    async def submit(self, orders: Sequence[Order], batch: Batch) -> Submission:
        """Give the orders; the same orders again pay nobody twice. Raises `Malformed` for what is never paid."""
        ...


class Format(StrEnum):
    PAIN_001 = "pain.001"
    NACHA = "nacha"

    @property
    def scheme(self) -> str:
        """The scheme of the accounts that this format pays to."""
        return "iban" if self is Format.PAIN_001 else "ach"


@dataclass(frozen=True, slots=True)
class BankFiles:
    """Both seams by files: camt, MT940 and BAI2 in, pain.001 and NACHA out."""

    format: Format
    originator: Originator

    def statements(self, content: bytes) -> list[Statement] | list[Notice]:
        return read_file(content)

    async def submit(self, orders: Sequence[Order], batch: Batch) -> Submission:
        return Submission({order.payout_id: Outcome.GIVEN for order in orders}, self.order(orders, batch))

    def order(self, orders: Sequence[Order], batch: Batch) -> OrderFile:
        """The same bytes for the same orders and batch. Raises `Malformed` for what the format cannot pay."""
        write: Callable[[Sequence[Order], Originator, Batch], bytes]
        if self.format is Format.PAIN_001:
            write, media_type, suffix = pain001.write, "application/xml", "xml"
        else:
            _require_ach(orders, batch)
            write, media_type, suffix = nacha.write, "text/plain", "ach"
        content = write(orders, self.originator, batch)
        return OrderFile(content, media_type, suffix, hashlib.sha256(content).hexdigest())


def _require_ach(orders: Sequence[Order], batch: Batch) -> None:
    if batch.currency != "USD":
        raise Malformed("NACHA files are in USD", field="currency")
    if any(order.amount_cents > nacha.MAX_AMOUNT_CENTS for order in orders):
        raise Malformed("a NACHA entry is of 99,999,999.99 USD at most; pay that one by wire", field="payout_ids")
    if sum(order.amount_cents for order in orders) > nacha.MAX_TOTAL_CENTS:
        raise Malformed("a NACHA batch is of 9,999,999,999.99 USD at most", field="payout_ids")
