"""Which account is debited and which is credited for every event of a sale. Pure; applied by `store.ledger.apply`.

An id of an operation is derived from what it is for, so that doing a step twice moves the money once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from market.settlement.rules import Settlement, derived_id, forfeit_split

FBO = "bank:fbo"
"""The bank account held for the benefit of the clients: an asset, so a wire received debits it."""
CLEARING_IN, CLEARING_OUT = "clearing:in", "clearing:out"
COMMISSION, DEFAULT_INCOME, TAX = "rev:commission", "rev:default", "tax:payable"
LOSS = "loss:writeoff"
"""What the platform bears passes through: covered out of earned commission at once, so that its balance is always zero."""


class Outcome(StrEnum):
    POSTED = "posted"
    VOIDED = "voided"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """`amount_cents` (> 0) from `debit` to `credit`: at once, or reserved until it is resolved if `pending`.

    The same `transfer_id` again with the same content does nothing; with other content it is refused.
    """

    transfer_id: UUID
    debit: str
    credit: str
    currency: str
    amount_cents: int
    kind: str
    subject: str
    pending: bool = False

    def to_json(self) -> dict[str, Any]:
        return {
            "op": "pend" if self.pending else "post",
            "id": str(self.transfer_id),
            "debit": self.debit,
            "credit": self.credit,
            "currency": self.currency,
            "amount_cents": self.amount_cents,
            "kind": self.kind,
            "subject": self.subject,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolve:
    """Ends a reservation, once: posts all of it or `amount_cents` of it (the rest is free again), or none."""

    resolution_id: UUID
    pending_id: UUID
    outcome: Outcome
    amount_cents: int | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "op": "resolve",
            "id": str(self.resolution_id),
            "pending_id": str(self.pending_id),
            "outcome": self.outcome.value,
            "amount_cents": self.amount_cents,
        }


Move = Transfer | Resolve


@dataclass(frozen=True, slots=True)
class HeldDeposit:
    """A bidder's reservation in favour of an auction."""

    transfer_id: UUID
    org_id: UUID
    amount_cents: int


def cash(org_id: UUID) -> str:
    return f"org:{org_id}:cash"


def deposits(auction_id: UUID) -> str:
    return f"deposit:{auction_id}"


def escrow(settlement_id: UUID) -> str:
    return f"escrow:{settlement_id}"


def holdback(settlement_id: UUID) -> str:
    return f"holdback:{settlement_id}"


def deposit_pending(
    transfer_id: UUID, *, org_id: UUID, auction_id: UUID, currency: str, amount_cents: int
) -> list[Move]:
    """A bidder registers: its money is reserved, and stays its own until the auction ends."""
    return [
        Transfer(
            transfer_id=transfer_id,
            debit=cash(org_id),
            credit=deposits(auction_id),
            currency=currency,
            amount_cents=amount_cents,
            kind="deposit",
            subject=f"auction:{auction_id}",
            pending=True,
        )
    ]


def deposits_freed(held: Sequence[HeldDeposit]) -> list[Move]:
    """The auction is over for these bidders."""
    return [
        Resolve(
            resolution_id=derived_id("deposit freed", each.transfer_id),
            pending_id=each.transfer_id,
            outcome=Outcome.VOIDED,
        )
        for each in held
    ]


def deposit_applied(settlement: Settlement, held: HeldDeposit) -> list[Move]:
    """The winner's deposit passes into escrow, as far as the price needs it."""
    if settlement.auction_id is None:
        raise AssertionError("only a bidder has a deposit")
    return [
        Resolve(
            resolution_id=derived_id("deposit applied", held.transfer_id),
            pending_id=held.transfer_id,
            outcome=Outcome.POSTED,
            amount_cents=settlement.deposit_cents,
        ),
        _of(
            settlement,
            "deposit_to_escrow",
            deposits(settlement.auction_id),
            _escrow(settlement),
            settlement.deposit_cents,
        ),
    ]


def wire_received(entry_id: UUID, *, currency: str, amount_cents: int, org_id: UUID | None) -> list[Transfer]:
    """Money reached the bank; with `org_id` known it is that organisation's, else it waits in `clearing:in`."""
    subject = f"bank_entry:{entry_id}"
    legs = [("wire_received", FBO, CLEARING_IN)]
    if org_id is not None:
        legs.append(("wire_matched", CLEARING_IN, cash(org_id)))
    return [
        Transfer(
            transfer_id=derived_id(kind, entry_id),
            debit=debit,
            credit=credit,
            currency=currency,
            amount_cents=amount_cents,
            kind=kind,
            subject=subject,
        )
        for kind, debit, credit in legs
    ]


def wire_returned(entry_id: UUID, *, currency: str, amount_cents: int, org_id: UUID) -> list[Transfer]:
    """The bank took an organisation's wire back."""
    return [
        Transfer(
            transfer_id=derived_id("wire_returned", entry_id),
            debit=cash(org_id),
            credit=FBO,
            currency=currency,
            amount_cents=amount_cents,
            kind="wire_returned",
            subject=f"bank_entry:{entry_id}",
        )
    ]


def charge_borne(entry_id: UUID, *, currency: str, amount_cents: int) -> list[Transfer]:
    """What the bank took for itself is borne by the platform, out of the commission that it has earned."""
    return [
        Transfer(
            transfer_id=derived_id(kind, entry_id),
            debit=debit,
            credit=credit,
            currency=currency,
            amount_cents=amount_cents,
            kind=kind,
            subject=f"bank_entry:{entry_id}",
        )
        for kind, debit, credit in (("charge_borne", LOSS, FBO), ("charge_covered", COMMISSION, LOSS))
    ]


def written_off(settlement: Settlement, amount_cents: int) -> list[Move]:
    """What a payment came short of the price is borne by the platform, out of the commission that it has earned."""
    return [
        _of(settlement, "write_off", LOSS, cash(settlement.buyer_org_id), amount_cents),
        _of(settlement, "write_off_covered", COMMISSION, LOSS, amount_cents),
    ]


def funded(settlement: Settlement) -> list[Move]:
    """The buyer's cash pays what the deposit left due."""
    return _some(
        _of(settlement, "funding", cash(settlement.buyer_org_id), _escrow(settlement), settlement.due_cents)
        if settlement.due_cents
        else None
    )


def released(settlement: Settlement) -> list[Move]:
    """Escrow is emptied: commission earned, its tax owed, hold-back kept; the rest is the seller's and ordered to be paid out."""
    seller = cash(settlement.seller_org_id)
    return _some(
        _of(settlement, "commission", _escrow(settlement), COMMISSION, settlement.fee_cents)
        if settlement.fee_cents
        else None,
        _of(settlement, "tax", _escrow(settlement), TAX, settlement.tax_cents) if settlement.tax_cents else None,
        _of(settlement, "holdback", _escrow(settlement), holdback(settlement.settlement_id), settlement.holdback_cents)
        if settlement.holdback_cents
        else None,
        _of(settlement, "proceeds", _escrow(settlement), seller, settlement.proceeds_cents),
        _of(settlement, "payout", seller, CLEARING_OUT, settlement.proceeds_cents),
    )


def withdrawal_pending(payout_id: UUID, *, org_id: UUID, currency: str, amount_cents: int) -> list[Move]:
    """An organisation wants its cash: reserved until the bank's statement shows that it left."""
    return [
        Transfer(
            transfer_id=payout_id,
            debit=cash(org_id),
            credit=CLEARING_OUT,
            currency=currency,
            amount_cents=amount_cents,
            kind="withdrawal",
            subject=f"payout:{payout_id}",
            pending=True,
        )
    ]


def withdrawal_confirmed(payout_id: UUID, *, currency: str, amount_cents: int) -> list[Move]:
    """The bank's statement shows that the cash left."""
    return [
        Resolve(resolution_id=derived_id("withdrawal posted", payout_id), pending_id=payout_id, outcome=Outcome.POSTED),
        Transfer(
            transfer_id=derived_id("withdrawal_confirmed", payout_id),
            debit=CLEARING_OUT,
            credit=FBO,
            currency=currency,
            amount_cents=amount_cents,
            kind="withdrawal_confirmed",
            subject=f"payout:{payout_id}",
        ),
    ]


def payout_confirmed(settlement: Settlement) -> list[Move]:
    """The bank's statement shows that the seller was paid."""
    return [_of(settlement, "payout_confirmed", CLEARING_OUT, FBO, settlement.proceeds_cents)]


def forfeited(settlement: Settlement) -> list[Move]:
    """The buyer defaulted: its deposit goes to the seller and the platform."""
    to_seller, to_platform = forfeit_split(settlement.deposit_cents, settlement.forfeit_seller_bps)
    return _some(
        _of(settlement, "forfeit_to_seller", _escrow(settlement), cash(settlement.seller_org_id), to_seller)
        if to_seller
        else None,
        _of(settlement, "forfeit_to_platform", _escrow(settlement), DEFAULT_INCOME, to_platform)
        if to_platform
        else None,
    )


@dataclass(frozen=True, slots=True)
class Refund:
    """What a put-back gives back: the price from the hold-back as far as it reaches, and both parts of commission and tax."""

    from_holdback_cents: int
    from_seller_cents: int
    buyer_fee_cents: int
    seller_fee_cents: int
    buyer_tax_cents: int = 0
    seller_tax_cents: int = 0


def put_back(settlement: Settlement, put_back_id: UUID, refund: Refund) -> list[Move]:
    """An account goes back to the seller: the buyer gets its part of price and fee again, the seller of its fee."""
    buyer, seller = cash(settlement.buyer_org_id), cash(settlement.seller_org_id)
    # What the seller gets comes first: it may be what the seller pays with.
    legs = (
        ("putback_seller_fee", COMMISSION, seller, refund.seller_fee_cents),
        ("putback_seller_tax", TAX, seller, refund.seller_tax_cents),
        ("putback_price", holdback(settlement.settlement_id), buyer, refund.from_holdback_cents),
        ("putback_price_seller", seller, buyer, refund.from_seller_cents),
        ("putback_buyer_fee", COMMISSION, buyer, refund.buyer_fee_cents),
        ("putback_buyer_tax", TAX, buyer, refund.buyer_tax_cents),
    )
    return [
        Transfer(
            transfer_id=derived_id(kind, put_back_id),
            debit=debit,
            credit=credit,
            currency=settlement.currency,
            amount_cents=cents,
            kind=kind,
            subject=f"settlement:{settlement.settlement_id}",
        )
        for kind, debit, credit, cents in legs
        if cents
    ]


def window_closed(settlement: Settlement, holdback_cents: int) -> list[Move]:
    """What is left of the hold-back is the seller's."""
    kept, seller = holdback(settlement.settlement_id), cash(settlement.seller_org_id)
    return _some(_of(settlement, "holdback_freed", kept, seller, holdback_cents) if holdback_cents else None)


def refunded(settlement: Settlement, escrow_cents: int) -> list[Move]:
    """The sale is undone without the buyer's fault: all that lies in escrow is the buyer's again."""
    return _some(
        _of(settlement, "refund", _escrow(settlement), cash(settlement.buyer_org_id), escrow_cents)
        if escrow_cents
        else None
    )


def penalised(settlement: Settlement, amount_cents: int) -> list[Move]:
    """A seller in default pays the buyer so much of its penalty; each part follows the ones before."""
    return [
        Transfer(
            transfer_id=derived_id("penalty", settlement.settlement_id, settlement.penalty_paid_cents),
            debit=cash(settlement.seller_org_id),
            credit=cash(settlement.buyer_org_id),
            currency=settlement.currency,
            amount_cents=amount_cents,
            kind="penalty",
            subject=f"settlement:{settlement.settlement_id}",
        )
    ]


def _escrow(settlement: Settlement) -> str:
    return escrow(settlement.settlement_id)


def _of(settlement: Settlement, kind: str, debit: str, credit: str, amount_cents: int) -> Transfer:
    return Transfer(
        transfer_id=derived_id(kind, settlement.settlement_id),
        debit=debit,
        credit=credit,
        currency=settlement.currency,
        amount_cents=amount_cents,
        kind=kind,
        subject=f"settlement:{settlement.settlement_id}",
    )


def _some(*moves: Move | None) -> list[Move]:
    return [move for move in moves if move is not None]
