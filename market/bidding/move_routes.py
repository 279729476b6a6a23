"""The doors of the formats other than the ascending one: what bidders, the seller and the officers may do there."""

import asyncio
from typing import Annotated
from uuid import UUID

from litestar import Response, delete, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.types import ControllerRouterHandler
from msgspec import Meta

from auctions import messages, moves
from auctions.allocation import MAX_POOL_COUNT
from market.bidding import move_schemas as schemas
from market.bidding import service
from market.bidding.calendar import feed
from market.bidding.door import Key, bid, rule
from market.bidding.lane import Lane
from market.bidding.schemas import AnswerView, Calendar
from market.bidding.signatures import Signer
from market.db.context import Context
from market.kit.actor import Actor, Role

_AUCTIONS, _BIDS = ["Auctions"], ["Bids"]
Here = NamedDependency[Context]
Who = NamedDependency[Actor]
TheLane = NamedDependency[Lane]


@post(
    "/v1/auctions/{auction_id:uuid}/acceptances",
    tags=_BIDS,
    summary="Accept the price",
    operation_id="accept_step",
)
async def accept_step(
    context: Here,
    actor: Who,
    lane: TheLane,
    auction_id: FromPath[UUID],
    data: JSONBody[schemas.AcceptBody],
    idempotency_key: Key,
) -> AnswerView:
    """Buy at the falling price, never above what you saw; it may have moved on (`STEP_MOVED`)."""
    command = moves.AcceptStep(
        bidder=str(actor.org_id), cid=idempotency_key, step=data.step, price_cents=data.price_cents
    )
    return await bid(context, lane, actor, auction_id, command)


@post(
    "/v1/auctions/{auction_id:uuid}/armed-step",
    tags=_BIDS,
    summary="Accept a later step",
    operation_id="arm_step",
)
async def arm_step(
    context: Here,
    actor: Who,
    lane: TheLane,
    auction_id: FromPath[UUID],
    data: JSONBody[schemas.ArmBody],
    idempotency_key: Key,
) -> AnswerView:
    """Buy as soon as the step begins, unless somebody was first; replaces your armed step."""
    command = moves.ArmStep(bidder=str(actor.org_id), cid=idempotency_key, step=data.step)
    return await bid(context, lane, actor, auction_id, command)


@delete(
    "/v1/auctions/{auction_id:uuid}/offer",
    status_code=200,
    tags=_BIDS,
    summary="Take back your offer",
    operation_id="withdraw_offer",
)
async def withdraw_offer(
    context: Here, actor: Who, lane: TheLane, auction_id: FromPath[UUID], idempotency_key: Key
) -> AnswerView:
    """Withdraw your sealed bid, offer, indication or armed step, where the format allows it."""
    command = moves.Withdraw(bidder=str(actor.org_id), cid=idempotency_key)
    return await bid(context, lane, actor, auction_id, command)


@post(
    "/v1/auctions/{auction_id:uuid}/sealed-bids",
    tags=_BIDS,
    summary="Hand in a sealed bid",
    operation_id="seal_bid",
)
async def seal_bid(
    context: Here,
    actor: Who,
    lane: TheLane,
    auction_id: FromPath[UUID],
    data: JSONBody[schemas.SealBody],
    idempotency_key: Key,
) -> AnswerView:
    """The market keeps bytes that it cannot read, and a commitment to what they say; replaces your sealed bid."""
    command = moves.SealBid(
        bidder=str(actor.org_id), cid=idempotency_key, sealed=data.sealed, commitment=data.commitment
    )
    return await bid(context, lane, actor, auction_id, command)


@post(
    "/v1/auctions/{auction_id:uuid}/indications",
    tags=_BIDS,
    summary="Indicate a price",
    operation_id="indicate",
)
async def indicate(
    context: Here,
    actor: Who,
    lane: TheLane,
    auction_id: FromPath[UUID],
    data: JSONBody[schemas.IndicateBody],
    idempotency_key: Key,
) -> AnswerView:
    """Say roughly what you would pay, and on what conditions; binds nobody, and replaces your indication."""
    command = moves.Indicate(
        bidder=str(actor.org_id),
        cid=idempotency_key,
        low_cents=data.low_cents,
        high_cents=data.high_cents,
        conditions=data.conditions,
    )
    return await bid(context, lane, actor, auction_id, command)


@post(
    "/v1/auctions/{auction_id:uuid}/binding-bids",
    tags=_BIDS,
    summary="Bid after due diligence",
    operation_id="place_binding_bid",
)
async def place_binding_bid(
    context: Here,
    actor: Who,
    lane: TheLane,
    auction_id: FromPath[UUID],
    data: JSONBody[schemas.BindingBody],
    idempotency_key: Key,
) -> AnswerView:
    """For the shortlisted; far below your own indication only with a reason. Replaces your binding bid."""
    command = moves.PlaceBinding(
        bidder=str(actor.org_id), cid=idempotency_key, amount_cents=data.amount_cents, reason=data.reason
    )
    return await bid(context, lane, actor, auction_id, command)


@post(
    "/v1/auctions/{auction_id:uuid}/package-bids",
    tags=_BIDS,
    summary="Bid for several pools",
    operation_id="place_package_bid",
)
async def place_package_bid(
    context: Here,
    actor: Who,
    lane: TheLane,
    auction_id: FromPath[UUID],
    data: JSONBody[schemas.PackageBody],
    idempotency_key: Key,
) -> AnswerView:
    """One amount for all the named pools or none; replaces your lower bid for the same pools."""
    pools = tuple(map(str, data.pools))
    command = moves.PlacePackageBid(
        bidder=str(actor.org_id), cid=idempotency_key, pools=pools, amount_cents=data.amount_cents
    )
    return await bid(context, lane, actor, auction_id, command)


@get(
    "/v1/auctions/{auction_id:uuid}/needed",
    tags=_BIDS,
    summary="What you must bid for several pools",
    operation_id="get_needed",
)
async def get_needed(
    context: Here,
    actor: Who,
    lane: TheLane,
    auction_id: FromPath[UUID],
    pools: Annotated[list[UUID], QueryParameter(min_items=1, max_items=MAX_POOL_COUNT)],
) -> schemas.NeedView:
    """The least amount with which you would win all these pools now, all other bids unchanged."""
    return schemas.NeedView.build(await service.need(context, lane.states, actor, auction_id, pools))


@post(
    "/v1/auctions/{auction_id:uuid}/counter-acceptances",
    tags=_BIDS,
    summary="Accept the seller's price",
    operation_id="accept_counter",
)
async def accept_counter(
    context: Here,
    actor: Who,
    lane: TheLane,
    auction_id: FromPath[UUID],
    data: JSONBody[schemas.AcceptCounterBody],
    idempotency_key: Key,
) -> AnswerView:
    """Buy at the counter-offer that the seller made you."""
    command = moves.AcceptCounter(bidder=str(actor.org_id), cid=idempotency_key, counter_seq=data.counter_seq)
    return await bid(context, lane, actor, auction_id, command)


@post(
    "/v1/auctions/{auction_id:uuid}/award",
    tags=_AUCTIONS,
    summary="Take an offer",
    operation_id="award_offer",
)
async def award_offer(
    context: Here, actor: Who, lane: TheLane, auction_id: FromPath[UUID], data: JSONBody[schemas.AwardBody]
) -> AnswerView:
    """The seller sells to an offer, having seen everything up to `seq_seen`; `STALE` if a better one has come since."""
    command = moves.AwardOffer(bid_seq=data.bid_seq, seq_seen=data.seq_seen)
    return await rule(context, lane, actor, auction_id, command)


@post(
    "/v1/auctions/{auction_id:uuid}/highest-bid/award",
    tags=_AUCTIONS,
    summary="Take the highest bid below the reserve",
    operation_id="take_highest_bid",
)
async def take_highest_bid(
    context: Here, actor: Who, lane: TheLane, auction_id: FromPath[UUID], data: JSONBody[schemas.AnswerBody]
) -> AnswerView:
    """The seller sells all the same, at the price of the close, while the auction is `awarding`."""
    command = messages.TakeHighest(seq_seen=data.seq_seen)
    return await rule(context, lane, actor, auction_id, command, role=Role.MEMBER)


@post(
    "/v1/auctions/{auction_id:uuid}/highest-bid/refusal",
    tags=_AUCTIONS,
    summary="Do not sell below the reserve",
    operation_id="decline_highest_bid",
)
async def decline_highest_bid(
    context: Here, actor: Who, lane: TheLane, auction_id: FromPath[UUID], data: JSONBody[schemas.AnswerBody]
) -> AnswerView:
    """The seller ends an auction that is `awarding`: it fails, because the reserve was not met."""
    command = messages.DeclineHighest(seq_seen=data.seq_seen)
    return await rule(context, lane, actor, auction_id, command, role=Role.MEMBER)


@post(
    "/v1/auctions/{auction_id:uuid}/counter-offers",
    tags=_AUCTIONS,
    summary="Counter an offer",
    operation_id="counter_offer",
)
async def counter_offer(
    context: Here, actor: Who, lane: TheLane, auction_id: FromPath[UUID], data: JSONBody[schemas.CounterBody]
) -> AnswerView:
    """The seller's own price to one bidder, until `valid_until` or the close."""
    command = moves.CounterOffer(bid_seq=data.bid_seq, price_cents=data.price_cents, expires_at=data.valid_until)
    return await rule(context, lane, actor, auction_id, command)


@post(
    "/v1/auctions/{auction_id:uuid}/shortlist",
    tags=_AUCTIONS,
    summary="Choose who goes on",
    operation_id="shortlist",
)
async def shortlist(
    context: Here, actor: Who, lane: TheLane, auction_id: FromPath[UUID], data: JSONBody[schemas.ShortlistBody]
) -> AnswerView:
    """The seller chooses among those who indicated, and gives every other one a reason."""
    declined = tuple((str(one.bidder), one.reason) for one in data.declined)
    command = moves.Shortlist(chosen=tuple(map(str, data.chosen)), declined=declined)
    return await rule(context, lane, actor, auction_id, command)


@post(
    "/v1/auctions/{auction_id:uuid}/tape-revisions",
    tags=_AUCTIONS,
    summary="Say that the tape changed",
    operation_id="revise_tape",
)
async def revise_tape(
    context: Here, actor: Who, lane: TheLane, auction_id: FromPath[UUID], data: JSONBody[schemas.ReviseBody]
) -> AnswerView:
    """Indications made before are stale: they cannot be shortlisted until renewed."""
    command = moves.ReviseTape(tape_version=data.tape_version)
    return await rule(context, lane, actor, auction_id, command)


@post(
    "/v1/auctions/{auction_id:uuid}/opening",
    tags=_AUCTIONS,
    summary="Open sealed bids",
    operation_id="open_bids",
    opt={"step_up": True},
)
async def open_bids(
    context: Here, actor: Who, lane: TheLane, auction_id: FromPath[UUID], data: JSONBody[schemas.OpeningBody]
) -> AnswerView:
    """An officer brings the joined key; the market opens the sealed bids and checks each against its commitment, once.

    Nobody's word is taken for what a bid says: with the last opening the log shows the key.
    """
    command = moves.OpenBids(opened=data.to_opened(), key=data.key)
    return await rule(context, lane, actor, auction_id, command, role=Role.OFFICER)


@get(
    "/v1/auctions/{auction_id:uuid}/sealed-bids",
    tags=_AUCTIONS,
    summary="Sealed bids to be opened",
    operation_id="list_sealed_bids",
)
async def list_sealed_bids(context: Here, actor: Who, lane: TheLane, auction_id: FromPath[UUID]) -> schemas.SealedBids:
    """What officers take to the ceremony: after the deadline, the bytes of every standing bid and the log's head."""
    envelopes = await service.sealed_bids(context, lane.states, actor, auction_id)
    return schemas.SealedBids.build(envelopes)


@get(
    "/v1/auctions/{auction_id:uuid}/checkpoints",
    tags=_AUCTIONS,
    summary="Signed checkpoints of the log",
    operation_id="list_auction_checkpoints",
)
async def list_checkpoints(context: Here, actor: Who, auction_id: FromPath[UUID]) -> schemas.CheckpointList:
    """One a minute while the log moves, and one at the end, newest first, 100 at most. Keep some of them elsewhere."""
    async with context.db.begin(actor) as tx:
        found = await service.checkpoints_of(tx, actor, auction_id)
    return schemas.CheckpointList([schemas.CheckpointView.build(each) for each in found])


@get(
    "/v1/auctions/{auction_id:uuid}/receipt",
    tags=_BIDS,
    summary="Receipt for your bid",
    operation_id="get_receipt",
)
async def get_receipt(
    context: Here, actor: Who, auction_id: FromPath[UUID], seq: FromQuery[Annotated[int, Meta(ge=1, le=2**53)]]
) -> schemas.ReceiptView:
    """That your bid `seq` was in the log when a checkpoint was signed; at hand within a minute of the bid."""
    signer = await asyncio.to_thread(Signer.of, context)
    return schemas.ReceiptView.build(await service.receipt_for(context, actor, auction_id, seq, signer))


@get("/v1/calendar", tags=_AUCTIONS, summary="Auctions ahead", operation_id="get_calendar")
async def get_calendar(context: Here, actor: Who) -> Calendar:
    """All that you may see and that have not ended, by opening; closes are the present ones. 500 at most."""
    async with context.db.begin(actor) as tx:
        found = await service.calendar(tx, actor)
        return Calendar.build(found, await service.pools_shown(tx, found))


@get(
    "/v1/calendar.ics",
    tags=_AUCTIONS,
    summary="Auctions ahead, for your calendar",
    operation_id="get_calendar_feed",
    responses={200: ResponseSpec(bytes, media_type="text/calendar", description="iCalendar (RFC 5545)")},
)
async def get_calendar_feed(context: Here, actor: Who) -> Response[bytes]:
    """The same as a feed that calendar programs subscribe to, with an API key as bearer."""
    async with context.db.begin(actor) as tx:
        found = await service.calendar(tx, actor)
        pools = await service.pools_shown(tx, found)
    text = feed(found, pools, public_url=context.settings.public_url, now=context.clock.now())
    return Response(text, media_type="text/calendar")


HANDLERS: list[ControllerRouterHandler] = [
    accept_step,
    arm_step,
    withdraw_offer,
    seal_bid,
    indicate,
    place_binding_bid,
    place_package_bid,
    get_needed,
    accept_counter,
    award_offer,
    take_highest_bid,
    decline_highest_bid,
    counter_offer,
    shortlist,
    revise_tape,
    open_bids,
    list_sealed_bids,
    list_checkpoints,
    get_receipt,
    get_calendar,
    get_calendar_feed,
]
