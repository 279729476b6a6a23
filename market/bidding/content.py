"""What a bidder's command asks for and puts at stake, in every format; which events tell of a bid. Pure."""

import json
from hashlib import sha256
from typing import NamedTuple, get_args

from auctions.messages import (
    BidAccepted,
    BidderCommand,
    BoughtNow,
    BuyNow,
    CancelCeiling,
    CeilingLowered,
    PlaceBid,
    RefuseBid,
    SetCeiling,
    StrikeCommand,
)
from auctions.moves import (
    AcceptCounter,
    AcceptStep,
    ArmStep,
    BidderMove,
    BidSealed,
    BindingSealed,
    CounterAccepted,
    Indicate,
    IndicationPlaced,
    OfferPlaced,
    OfferWithdrawn,
    PackageBid,
    PlaceBinding,
    PlacePackageBid,
    SealBid,
    StepAccepted,
    StepArmed,
    StepDisarmed,
    Withdraw,
)
from auctions.terms import SealedTerms, Terms

BidderOrder = BidderCommand | BidderMove
"""What bidders may say, in any format."""

BIDDER_ORDERS = (*get_args(BidderCommand), *get_args(BidderMove))


class Content(NamedTuple):
    """What a bidder asked for; the same cid must not ask for anything else.

    `asked` is what there is besides the amount, or its SHA-256 (64 characters at most).
    """

    kind: str
    amount_cents: int | None
    confirmed: bool
    asked: str = ""


def content_of(command: BidderOrder) -> Content:  # noqa: C901  # one flat match
    """What a bidder's command asks for."""
    match command:
        case PlaceBid():
            return Content("manual", command.amount_cents, command.confirmed)
        case SetCeiling():
            return Content("proxy", command.ceiling_cents, command.confirmed)
        case CancelCeiling():
            return Content("proxy_cancel", None, confirmed=False)
        case BuyNow():
            return Content("buy_now", None, confirmed=False)
        case AcceptStep():
            return Content("accept", None, confirmed=False, asked=f"{command.step} {command.price_cents}")
        case ArmStep():
            return Content("arm", None, confirmed=False, asked=str(command.step))
        case Withdraw():
            return Content("withdraw", None, confirmed=False)
        case SealBid():
            return Content("seal", None, confirmed=False, asked=_digest(command.sealed, command.commitment))
        case AcceptCounter():
            return Content("accept_counter", None, confirmed=False, asked=str(command.counter_seq))
        case Indicate():
            said = _digest(command.low_cents, command.high_cents, command.conditions)
            return Content("indicate", None, confirmed=False, asked=said)
        case PlaceBinding():
            return Content("binding", command.amount_cents, confirmed=False, asked=_digest(command.reason))
        case PlacePackageBid():
            pools = _digest(*sorted(command.pools))
            return Content("package", command.amount_cents, confirmed=False, asked=pools)


def content_of_strike(command: StrikeCommand) -> Content:
    """What a strike asks for."""
    kind = "refuse" if isinstance(command, RefuseBid) else "void"
    return Content(kind, None, confirmed=False, asked=_digest(command.seq, command.reason))


def _digest(*values: str | int) -> str:
    return sha256(json.dumps(values).encode()).hexdigest()


BidEvent = (
    BidAccepted | CeilingLowered | BoughtNow | StepArmed | StepDisarmed | StepAccepted | BidSealed | OfferWithdrawn
    | OfferPlaced | IndicationPlaced | BindingSealed | PackageBid | CounterAccepted
)  # fmt: skip
"""The events that bidders' commands lead to."""

BID_EVENTS = get_args(BidEvent)


def stake_of(event: BidEvent, terms: Terms) -> int | None:
    """The most that the bid may cost its bidder, in minor units; None if it puts nothing at stake.

    A bid that its bidder sealed is worth at most the published most.
    """
    match event:
        case CeilingLowered():
            return event.leader_ceiling_cents
        case BoughtNow() | StepArmed() | StepAccepted() | CounterAccepted():
            return event.price_cents
        case OfferWithdrawn() | StepDisarmed() | IndicationPlaced():
            return None
        case BidSealed(amount_cents=None):
            assert isinstance(terms, SealedTerms)
            return terms.most_cents
        case BidAccepted() | BidSealed() | OfferPlaced() | BindingSealed() | PackageBid():
            return event.amount_cents
