"""What a sale may do after the award, who moves it on, and how its sums, references and deadlines are made. Pure."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import assert_never
from uuid import UUID

from market.kit.errors import Conflict, Forbidden, Malformed, MarketError

SIGN_BUSINESS_DAYS = 2
PAY_BUSINESS_DAYS = 3
PAYOUT_BUSINESS_DAYS = 3
"""An order to the bank without an answer after so many days is `unknown`; only a statement decides it."""
BANK_CHANGE_COOLING = timedelta(hours=48)
PUTBACK_ANSWER_BUSINESS_DAYS = 10
"""A seller who does not answer a put-back in so many days has accepted it."""


class State(StrEnum):
    AWARDED = "awarded"
    SIGNING = "signing"
    AWAITING_FUNDS = "awaiting_funds"
    FUNDED = "funded"
    RELEASE_REVIEW = "release_review"
    RELEASED = "released"
    PAYOUT_SENT = "payout_sent"
    PAYOUT_CONFIRMED = "payout_confirmed"
    PUTBACK_WINDOW = "putback_window"
    CLOSED = "closed"
    SIGN_DEFAULT = "sign_default"
    BUYER_DEFAULT = "buyer_default"
    SELLER_DEFAULT = "seller_default"
    CANCELLED = "cancelled"


CANCELLABLE = (State.SIGNING, State.AWAITING_FUNDS, State.FUNDED, State.RELEASE_REVIEW)
"""Until the release the parties may undo the sale together."""


HOLDABLE = (State.AWARDED, State.SIGNING, State.AWAITING_FUNDS, State.FUNDED, State.RELEASE_REVIEW)
"""Compliance, or a party with a dispute, can stop a sale until its release."""


class Step(StrEnum):
    """The commands; each is journalled as `settlement.<value>`."""

    ISSUE_AGREEMENT = "agreement_issued"
    COMPLETE_SIGNATURES = "signed"
    LAPSE_UNSIGNED = "sign_defaulted"
    APPLY_FUNDS = "funded"
    LAPSE_UNPAID = "buyer_defaulted"
    FAIL_SELLER = "seller_defaulted"
    PREPARE_RELEASE = "release_prepared"
    APPROVE_RELEASE = "released"
    SEND_PAYOUT = "payout_sent"
    CONFIRM_PAYOUT = "payout_confirmed"
    OPEN_PUTBACK_WINDOW = "putback_opened"
    CLOSE = "closed"
    CANCEL = "cancelled"


class Outcome(StrEnum):
    """How a hold or a dispute ends: the sale goes on, is undone, or is undone through the seller's fault."""

    CONTINUE = "continue"
    UNDO = "undo"
    SELLER_DEFAULT = "seller_default"


class Party(StrEnum):
    SELLER = "seller"
    BUYER = "buyer"


class Origin(StrEnum):
    """What made the sale: an award, or a delivery under an agreement that was made once."""

    AUCTION = "auction"
    FORWARD_FLOW = "forward_flow"


class PayoutState(StrEnum):
    ORDERED = "ordered"
    SENT = "sent"
    UNKNOWN = "unknown"
    CONFIRMED = "confirmed"
    RETURNED = "returned"


class WrongState(Conflict):
    slug, title = "settlement-state", "The settlement is not at that step"


class InsufficientFunds(Conflict):
    slug, title = "insufficient-funds", "Not enough money in the account"


class DepositHeld(Conflict):
    slug, title = "deposit-held", "A deposit is held already"


class TransferConflict(Conflict):
    slug, title = "transfer-conflict", "The same key was used for something else"


class AlreadySigned(Conflict):
    slug, title = "already-signed", "Signed already"


class OtherAgreement(Conflict):
    slug, title = "other-agreement", "That is not the agreement"


class NoBankAccount(Conflict):
    slug, title = "no-bank-account", "There is no bank account to pay to"


class UnmatchedDebit(Conflict):
    slug, title = "unmatched-debit", "Money left the bank account that nobody has accounted for"


class TwoPeople(Forbidden):
    slug, title = "two-people", "Two different people are needed"


class OnHold(Conflict):
    slug, title = "on-hold", "The sale is under review"


class PutBackRefused(Conflict):
    slug, title = "put-back-refused", "The put-back cannot be taken"


class StatementUnreadable(Malformed):
    slug, title = "statement-unreadable", "The bank statement cannot be used"


class NoticeUndecided(Conflict):
    slug, title = "notice-undecided", "A notice of a batch awaits a second person"


class StatementOutOfOrder(Conflict):
    slug, title = "statement-out-of-order", "The bank statement does not follow the last one"


class StatementRepeated(Conflict):
    slug, title = "statement-repeated", "The bank statement was imported before"


class NotReleased(MarketError):
    slug, title, status = "not-released", "The sale is not released", 403


def advance(state: State, step: Step) -> State:
    """Where `step` leads from `state`. Raises `WrongState` naming both."""
    sources, target = arrow(step)
    if state not in sources:
        wanted = " or ".join(sorted(sources))
        raise WrongState(f"the settlement is {state}; this needs {wanted}", state=state.value)
    return target


def arrow(step: Step) -> tuple[frozenset[State], State]:  # noqa: C901, PLR0912 - one arm a step
    """The states that a step leaves, and the one it leads to."""
    match step:
        case Step.ISSUE_AGREEMENT:
            return frozenset({State.AWARDED}), State.SIGNING
        case Step.COMPLETE_SIGNATURES:
            return frozenset({State.SIGNING}), State.AWAITING_FUNDS
        case Step.LAPSE_UNSIGNED:
            return frozenset({State.SIGNING}), State.SIGN_DEFAULT
        case Step.APPLY_FUNDS:
            return frozenset({State.AWAITING_FUNDS}), State.FUNDED
        case Step.LAPSE_UNPAID:
            return frozenset({State.AWAITING_FUNDS}), State.BUYER_DEFAULT
        case Step.PREPARE_RELEASE:
            return frozenset({State.FUNDED}), State.RELEASE_REVIEW
        case Step.APPROVE_RELEASE:
            return frozenset({State.RELEASE_REVIEW}), State.RELEASED
        case Step.SEND_PAYOUT:
            return frozenset({State.RELEASED}), State.PAYOUT_SENT
        case Step.CONFIRM_PAYOUT:
            return frozenset({State.PAYOUT_SENT}), State.PAYOUT_CONFIRMED
        case Step.OPEN_PUTBACK_WINDOW:
            return frozenset({State.PAYOUT_CONFIRMED}), State.PUTBACK_WINDOW
        case Step.CLOSE:
            return frozenset({State.PUTBACK_WINDOW}), State.CLOSED
        case Step.CANCEL:
            return frozenset(CANCELLABLE), State.CANCELLED
        case Step.FAIL_SELLER:
            return frozenset(CANCELLABLE), State.SELLER_DEFAULT
        case _:
            assert_never(step)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """One sale on its way from award to title. Amounts in minor units of `currency`; `deposit_cents` lie in escrow.

    It comes from an auction's award, or from a delivery into a forward flow: one of `auction_id` and `delivery_id` is set.
    """

    settlement_id: UUID
    reference: str
    auction_id: UUID | None
    pool_id: UUID
    seller_org_id: UUID
    buyer_org_id: UUID
    currency: str
    hammer_cents: int
    buyer_fee_cents: int
    seller_fee_cents: int
    commission: dict[str, object]
    deposit_cents: int
    state: State
    awarded_at: datetime
    """When the auction was awarded, or the pool delivered."""
    sign_by_at: datetime | None
    pay_by_at: datetime | None
    putback_until_at: datetime | None
    ended_at: datetime | None
    account_count: int = 0
    face_value_cents: int = 0
    holdback_cents: int = 0
    putback_days: int = 0
    forfeit_seller_bps: int = 0
    refunded_face_cents: int = 0
    refunded_price_cents: int = 0
    refunded_buyer_fee_cents: int = 0
    refunded_seller_fee_cents: int = 0
    buyer_tax_cents: int = 0
    seller_tax_cents: int = 0
    tax: Sequence[Mapping[str, object]] = ()
    """The stored rules that made the tax, as they were at the award; see `tax.Taxed`."""
    refunded_buyer_tax_cents: int = 0
    refunded_seller_tax_cents: int = 0
    penalty_bps: int = 0
    penalty_cents: int = 0
    penalty_paid_cents: int = 0
    """What of the penalty of a seller in default has reached the buyer."""
    delivery_id: UUID | None = None
    held_since_at: datetime | None = None
    """Since when compliance holds the sale; no step is taken and no deadline passes meanwhile."""

    @property
    def price_cents(self) -> int:
        """What the buyer pays in all: the hammer price and its part of the commission with the tax on it."""
        return self.hammer_cents + self.buyer_fee_cents + self.buyer_tax_cents

    @property
    def due_cents(self) -> int:
        """What the buyer still has to pay once the deposit is counted."""
        return self.price_cents - self.deposit_cents

    @property
    def fee_cents(self) -> int:
        return self.buyer_fee_cents + self.seller_fee_cents

    @property
    def tax_cents(self) -> int:
        return self.buyer_tax_cents + self.seller_tax_cents

    @property
    def refunded_cents(self) -> int:
        """What put-backs have brought the buyer so far: of the price, of its part of the commission, of the tax on it."""
        return self.refunded_price_cents + self.refunded_buyer_fee_cents + self.refunded_buyer_tax_cents

    @property
    def proceeds_cents(self) -> int:
        """What the seller receives with the release; what is held back comes when the window closes."""
        return self.hammer_cents - self.seller_fee_cents - self.seller_tax_cents - self.holdback_cents

    @property
    def origin(self) -> Origin:
        return Origin.AUCTION if self.delivery_id is None else Origin.FORWARD_FLOW

    def party(self, org_id: UUID | None) -> Party | None:
        """Which side an organisation is on; None for everybody else."""
        return {self.seller_org_id: Party.SELLER, self.buyer_org_id: Party.BUYER}.get(org_id) if org_id else None


def forfeit_split(deposit_cents: int, seller_bps: int) -> tuple[int, int]:
    """A forfeited deposit as (seller's part, platform's part); the platform bears the odd minor unit."""
    seller_cents = deposit_cents * seller_bps // 10_000
    return seller_cents, deposit_cents - seller_cents


# Names that others write down: derived from ids, so that repeating a step names the same thing again.

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CODE = re.compile(rf"(?<![0-9A-Z-])(DEP|PSA|PAYOUT)-([{_ALPHABET}]{{10}})-([0-9]{{2}})(?![0-9A-Z-])")


def derived_id(*parts: object) -> UUID:
    """The same UUID for the same parts, always: the idempotency key of a step that may be tried again."""
    return UUID(bytes=hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()[:16], version=5)


def reference(kind: str, of: UUID) -> str:
    """What people write on a wire, e.g. `PSA-7K3M9Q2X4T-58`: 50 bits of the id and two check digits."""
    number = int.from_bytes(hashlib.sha256(f"{kind} {of}".encode()).digest()[:8], "big")
    code = "".join(_ALPHABET[number >> shift & 31] for shift in range(0, 50, 5))
    return f"{kind}-{code}-{_check_digits(kind + code)}"


@lru_cache(maxsize=64)
def find_references(text: str) -> frozenset[str]:
    """The references with right check digits that a wire's texts hold, however the case was written."""
    found = _CODE.findall(text.upper())
    return frozenset(f"{kind}-{code}-{check}" for kind, code, check in found if check == _check_digits(kind + code))


def _check_digits(text: str) -> str:
    """Two digits that change with every single wrong character and with every swap of neighbours.

    The text is a number in base 36 and 97 is a prime above 35, so neither changes the number by a multiple of 97. (ISO/IEC
    7064 MOD 97-10 writes letters as two decimal digits, which lets one in 97 of letter-for-digit errors pass.)
    """
    return f"{98 - int(text, 36) * 100 % 97:02d}"
