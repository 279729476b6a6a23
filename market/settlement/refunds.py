"""What a put-back is, on which grounds, and what it gives back. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from market.bidding.commission import refund_cents
from market.settlement.moves import Refund
from market.settlement.rules import Settlement


class Ground(StrEnum):
    """Why an account may go back: the agreement's list, no other."""

    BANKRUPTCY = "bankruptcy"
    DECEASED = "deceased"
    PAID_OR_SETTLED = "paid_or_settled"
    FRAUD = "fraud"
    WRONG_AMOUNT = "wrong_amount"
    NOT_OWNED = "not_owned"
    OUT_OF_STATUTE = "out_of_statute"
    MISSING_MEDIA = "missing_media"


class PutBackState(StrEnum):
    CLAIMED = "claimed"
    ACCEPTED = "accepted"
    DISPUTED = "disputed"
    REFUNDED = "refunded"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


class WaitsFor(StrEnum):
    """Who or what has the next word on a put-back that is open."""

    SELLER_ANSWER = "seller_answer"
    OFFICER = "officer"
    HOLD = "hold"
    SELLER_MONEY = "seller_money"
    REFUND_RUN = "refund_run"


OPEN = (PutBackState.CLAIMED, PutBackState.ACCEPTED, PutBackState.DISPUTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class PutBack:
    """One row of the sale file (1 is the first account) that the buyer wants to give back.

    `face_value_cents` is the row's balance in the sale file, as it was put on record when the pool was cut.
    """

    put_back_id: UUID
    settlement_id: UUID
    row_number: int
    face_value_cents: int
    ground: Ground
    evidence_sha256: str
    claimed_by: UUID
    claimed_at: datetime
    answer_by_at: datetime
    state: PutBackState
    reason: str | None = None
    answered_by: UUID | None = None
    answered_at: datetime | None = None
    decided_by: UUID | None = None
    decided_at: datetime | None = None
    refund_cents: int = 0
    refunded_at: datetime | None = None


def refund(settlement: Settlement, face_value_cents: int, holdback_cents: int) -> Refund:
    """What one more account of `face_value_cents` brings back; telescoping, so that giving back all gives back all.

    `holdback_cents` is what is left of the hold-back; what it does not cover is the seller's to pay.
    """
    returned_cents = settlement.refunded_face_cents + face_value_cents

    def part(whole_cents: int, already_cents: int) -> int:
        return refund_cents(
            whole_cents,
            returned_cents=returned_cents,
            total_cents=settlement.face_value_cents,
            already_refunded_cents=already_cents,
        )

    price_cents = part(settlement.hammer_cents, settlement.refunded_price_cents)
    from_holdback_cents = min(price_cents, holdback_cents)
    return Refund(
        from_holdback_cents,
        price_cents - from_holdback_cents,
        part(settlement.buyer_fee_cents, settlement.refunded_buyer_fee_cents),
        part(settlement.seller_fee_cents, settlement.refunded_seller_fee_cents),
        part(settlement.buyer_tax_cents, settlement.refunded_buyer_tax_cents),
        part(settlement.seller_tax_cents, settlement.refunded_seller_tax_cents),
    )


def waits_for(settlement: Settlement, put_back: PutBack, now: datetime) -> tuple[WaitsFor | None, int]:
    """What a put-back waits for, and the minor units of it that must be free on the seller's cash account; None and 0 if it is over.

    A claim that nobody answered in time waits as an accepted one does. The hold-back is spent first, so what is left of it follows
    from the refunds that were paid.
    """
    if put_back.state not in OPEN:
        return None, 0
    left_cents = max(0, settlement.holdback_cents - settlement.refunded_price_cents)
    due = refund(settlement, put_back.face_value_cents, left_cents)
    wanted_cents = max(0, due.from_seller_cents - due.seller_fee_cents - due.seller_tax_cents)
    if put_back.state is PutBackState.DISPUTED:
        return WaitsFor.OFFICER, wanted_cents
    if put_back.state is PutBackState.CLAIMED and now < put_back.answer_by_at:
        return WaitsFor.SELLER_ANSWER, wanted_cents
    if settlement.held_since_at is not None:
        return WaitsFor.HOLD, wanted_cents
    return (WaitsFor.SELLER_MONEY if wanted_cents else WaitsFor.REFUND_RUN), wanted_cents
