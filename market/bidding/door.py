"""How a command gets from HTTP to the lane: the idempotency key, the role, and what a refusal becomes."""

from typing import Annotated, Any
from uuid import UUID

from litestar.params import HeaderParameter

from auctions.messages import Command, Move, Reason
from market.bidding import schemas, service
from market.bidding.allowance import refuse_beyond_key
from market.bidding.content import BidderOrder
from market.bidding.lane import BidOrder, Lane
from market.bidding.orders import Answer
from market.bidding.rules import PROBLEMS
from market.db.context import Context
from market.kit.actor import Actor, Role
from market.parties.rules import require

Key = Annotated[
    str,
    HeaderParameter(
        name="Idempotency-Key",
        pattern=r"^[ -~]{1,64}$",
        description="your own key of this command, unique per organisation and auction for ever; a repeat is answered"
        " with what was decided the first time",
    ),
]

StrikeKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        pattern=r"^[ -~]{1,64}$",
        description="your own key of this strike, unique per seller (or person of the platform) and auction for ever; a"
        " repeat is answered with what was decided the first time, also if that was no",
    ),
]


async def bid(context: Context, lane: Lane, actor: Actor, auction_id: UUID, command: BidderOrder) -> schemas.AnswerView:
    """A bidder's command, received now; raises the problem of its refusal."""
    received_at = context.clock.now()
    require(actor, role=Role.MEMBER, scope="bids:write")
    await refuse_beyond_key(context, actor, command)
    return await _say(context, lane, BidOrder(actor, auction_id, command, received_at))


async def rule(
    context: Context,
    lane: Lane,
    actor: Actor,
    auction_id: UUID,
    command: Command | Move,
    *,
    role: Role | tuple[Role, ...] = (Role.MEMBER, Role.OPERATOR),
    key: str | None = None,
) -> schemas.AnswerView:
    """A command of the seller or the platform, received now; raises the problem of its refusal. A strike may have a `key`."""
    received_at = context.clock.now()
    require(actor, role=role, scope="auctions:write")
    return await _say(context, lane, BidOrder(actor, auction_id, command, received_at, key))


async def _say(context: Context, lane: Lane, order: BidOrder) -> schemas.AnswerView:
    """Through the lane like every command; a refusal becomes the problem of its reason. Raises `NoSuchAuction`."""
    async with context.db.begin(order.actor) as tx:
        await service.find_auction(tx, order.auction_id)
    answer = await lane.submit(order)
    if answer.holds:
        return schemas.AnswerView.from_answer(answer)
    raise _refusal(answer)


def _refusal(answer: Answer) -> Exception:
    code = answer.code
    assert code is not None
    members: dict[str, Any] = {"code": code.value, "decided_at": answer.decided_at.isoformat()}
    if answer.min_next_cents is not None:
        members["min_next_cents"] = answer.min_next_cents
    if answer.retry_after_s is not None:
        members["retry_after_s"] = round(answer.retry_after_s, 3)
    problem = PROBLEMS[code]
    return problem(answer.detail or _WORDS.get(code, problem.title), **members)


_WORDS = {
    Reason.BID_TOO_LOW: "bid at least min_next_cents",
    Reason.TOO_LATE: "it arrived at or after the close",
    Reason.NOT_OPEN: "it arrived before opens_at",
    Reason.CONFIRM_NEEDED: "the amount is many times the least bid: send it again with confirmed, under a new key",
    Reason.NO_SUCH_BID: "the seq is no bid of this auction, or the bid was struck out before",
    Reason.NO_CEILING: "you do not lead by a ceiling above the price",
    Reason.NO_BUY_NOW: "the terms have no buy-now amount, or the price has reached it",
    Reason.PAUSED: "the operator stopped the clock",
}
