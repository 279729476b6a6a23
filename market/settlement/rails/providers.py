"""Seams to who holds the money and who moves it. In use: files that a bank sends and takes.

The ledger mirrors a licensed escrow agent's or a bank's account; whoever stands behind these protocols holds the money.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

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


class PaymentProvider(Protocol):
    """Who pays out on our order. An order that is not answered is unknown, never failed."""

    def order(self, orders: Sequence[Order], batch: Batch) -> OrderFile:
        """The orders in the form that the provider takes. Raises `Malformed` for what it does not pay."""
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

    def order(self, orders: Sequence[Order], batch: Batch) -> OrderFile:
        """The same bytes for the same orders and batch."""
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
