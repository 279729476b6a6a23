"""What happened in an auction, in words: one line for each event or refusal, amounts as `show` writes them."""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from auctions.auction import Auction, Phase
from auctions.crowd import Sample
from auctions.messages import (
    AnswerAwaited,
    AuctionCancelled,
    AuctionClosed,
    AuctionFailed,
    AuctionOpened,
    AuctionPaused,
    AuctionResumed,
    AuctionScheduled,
    Awarded,
    BidAccepted,
    BidKind,
    BidRefusedBySeller,
    BidVoided,
    BoughtNow,
    CeilingLowered,
    CloseExtended,
    Event,
    HighestDeclined,
    HighestTaken,
    Outcome,
    ReserveMet,
)
from auctions.moves import (
    BidSealed,
    BidsOpened,
    BindingExplained,
    BindingSealed,
    BoardChanged,
    CounterAccepted,
    Countered,
    IndicationPlaced,
    MoveEvent,
    OfferPlaced,
    OfferTaken,
    OfferWithdrawn,
    PackageBid,
    PoolsAwarded,
    Shortlisted,
    StageBegan,
    StepAccepted,
    StepArmed,
    StepDisarmed,
    TapeRevised,
)
from auctions.simulate import Trial, Turned

Show = Callable[[int], str]


def tell(trial: Trial, samples: Sequence[Sample], show: Show) -> Iterator[str]:
    """Who values what, what happened and when, and how it ended; only officers ever see all of it."""
    for one in sorted(samples, key=lambda sample: sample.name):
        pools = "" if set(one.worth) == {""} else f" ({', '.join(f'{p} {show(c)}' for p, c in one.worth.items())})"
        yield f"{one.name} values it at {show(one.worth_cents)}{pools}"
    yield ""
    for told in trial.told:
        said = _turned(told, show) if isinstance(told, Turned) else _event(told, show)
        yield f"{_clock(told.at)}  {said}"
    yield ""
    yield from _end(trial.auction, show)


def _clock(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"


def _turned(turned: Turned, show: Show) -> str:
    refused, command = turned.refused, turned.command
    who = getattr(command, "bidder", "the seller")
    words = re.sub(r"(?<!^)(?=[A-Z])", " ", type(command).__name__).lower()
    cents = getattr(command, "amount_cents", None)
    least = "" if refused.min_next_cents is None else f", at least {show(refused.min_next_cents)}"
    detail = f" ({refused.detail})" if refused.detail else ""
    return (
        f"{who}: {words}{'' if cents is None else ' ' + show(cents)} is refused, {refused.reason.value}{least}{detail}"
    )


def _event(event: Event, show: Show) -> str:  # noqa: C901, PLR0912  # one flat match
    match event:
        case AuctionScheduled():
            return f"the auction is published, {event.terms.format}"
        case AuctionOpened():
            return "it opens"
        case BidAccepted():
            return _bid(event, show)
        case CeilingLowered():
            return f"{event.bidder} lowers its ceiling to {show(event.leader_ceiling_cents)}"
        case ReserveMet():
            return "the reserve is met: from now on the seller must sell"
        case CloseExtended():
            return f"the close moves to {_clock(event.closes_at)}"
        case BidRefusedBySeller() | BidVoided():
            return f"the bid of {event.bidder} is struck out: {event.reason}"
        case BoughtNow():
            return f"{event.bidder} buys now at {show(event.price_cents)}"
        case AuctionPaused():
            return f"it is paused: {event.reason}"
        case AuctionResumed():
            return f"it goes on until {_clock(event.closes_at)}"
        case AuctionCancelled():
            return f"it is cancelled: {event.reason}"
        case AuctionClosed():
            return "it closes"
        case AnswerAwaited():
            return f"below the reserve: the seller may take the highest bid until {_clock(event.answer_until)}"
        case HighestTaken():
            return f"the seller takes the bid of {event.bidder} at {show(event.price_cents)}"
        case HighestDeclined():
            return "the seller declines the highest bid"
        case Awarded():
            return f"awarded to {event.winner} at {show(event.hammer_cents)}"
        case AuctionFailed():
            return f"it fails: {event.reason.value}"
        case _:
            return _move(event, show)


def _move(event: MoveEvent, show: Show) -> str:  # noqa: C901, PLR0912  # one flat match
    match event:
        case StepArmed():
            return f"{event.bidder} will buy at step {event.step}, {show(event.price_cents)}, if nobody does before"
        case StepDisarmed():
            return f"{event.bidder} takes its armed step back"
        case StepAccepted():
            by = "as armed" if event.armed_seq is not None else "by hand"
            return f"{event.bidder} stops the price at step {event.step}, {show(event.price_cents)}, {by}"
        case BidSealed():
            amount = "an amount that only it can read" if event.amount_cents is None else show(event.amount_cents)
            return f"{event.bidder} seals {amount}{_again(event.replaces)}"
        case OfferWithdrawn():
            return f"{event.bidder} withdraws"
        case BidsOpened():
            return f"the bids are opened: {', '.join(_opened(event, show)) or 'none'}"
        case StageBegan():
            who = "" if event.admitted is None else f" for {', '.join(event.admitted)}"
            return f"{event.stage.value.replace('_', ' ')} begins{who}, until {_clock(event.closes_at)}"
        case OfferPlaced():
            return f"{event.bidder} offers {show(event.amount_cents)}{_again(event.replaces)}"
        case Countered():
            until = _clock(event.expires_at)
            return f"the seller would sell to {event.bidder} at {show(event.price_cents)}, until {until}"
        case CounterAccepted():
            return f"{event.bidder} accepts {show(event.price_cents)}"
        case OfferTaken():
            return f"the seller takes the offer of {event.bidder}, {show(event.price_cents)}"
        case IndicationPlaced():
            return (
                f"{event.bidder} indicates {show(event.low_cents)} to {show(event.high_cents)}{_again(event.replaces)}"
            )
        case BindingSealed():
            reason = f" ({event.reason})" if event.reason else ""
            return f"{event.bidder} binds itself at {show(event.amount_cents)}{reason}{_again(event.replaces)}"
        case BindingExplained():
            return f"{event.bidder} says why it bids less than it indicated: {event.reason}"
        case Shortlisted():
            others = "".join(f"; not {one.bidder}: {one.reason}" for one in event.declined)
            return f"shortlisted: {', '.join(event.chosen)}{others}"
        case TapeRevised():
            return f"the tape is revised: {event.tape_version}"
        case PackageBid():
            wins = "wins now" if event.seq in event.winning else "does not win now"
            return f"{event.bidder} bids {show(event.amount_cents)} for {_pools(event.pools)}; it {wins}, all bring {show(event.revenue_cents)}"
        case BoardChanged():
            return f"all that wins now brings {show(event.revenue_cents)}"
        case PoolsAwarded():
            sold = (f"{_pools(one.pools)} to {one.bidder} at {show(one.hammer_cents)}" for one in event.awards)
            return f"awarded: {'; '.join(sold)}"


def _bid(event: BidAccepted, show: Show) -> str:
    how = "bids" if event.bid_kind is BidKind.MANUAL else "has the market bid up to"
    said = f"{event.bidder} {how} {show(event.amount_cents)}"
    if event.outcome is Outcome.LEADING:
        return f"{said} and leads at {show(event.price_cents)}"
    if event.outcome is Outcome.RAISED:
        return f"{said}, more than before, and still leads at {show(event.price_cents)}"
    why = ", whose equal ceiling was there before" if event.outcome is Outcome.OUTBID_TIE else ""
    return f"{said} and is outbid at once by {event.leader}{why}, at {show(event.price_cents)}"


def _again(replaces: int | None) -> str:
    return "" if replaces is None else ", in place of what it had said"


def _pools(pools: Sequence[str]) -> str:
    return " + ".join(pools)


def _opened(event: BidsOpened, show: Show) -> Iterator[str]:
    for one in event.opened:
        amount = "unreadable" if one.amount_cents is None else show(one.amount_cents)
        yield f"{one.bidder} {amount}{'' if one.flaw is None else f' ({one.flaw})'}"


def _end(auction: Auction, show: Show) -> Iterator[str]:
    reserve = getattr(auction.terms, "reserve_cents", None)
    if auction.phase is not Phase.AWARDED or auction.hammer_cents is None:
        yield f"not sold: {auction.phase_reason}"
    else:
        yield f"sold for {show(auction.hammer_cents)}, before commission"
    if reserve is not None:
        yield f"the secret reserve was {show(reserve)}"
