"""The doors of auctions, and of bids for those who do not keep a socket open."""

import hashlib
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from auctions.messages import (
    BuyNow,
    Cancel,
    CancelCeiling,
    Pause,
    PlaceBid,
    RefuseBid,
    Resume,
    SetCeiling,
    VoidBid,
)
from auctions.presets import FORMATS
from market.bidding import schemas, service
from market.bidding.admission_routes import HANDLERS as ADMISSION
from market.bidding.commission import refuse_own_rates
from market.bidding.content import BidderOrder
from market.bidding.door import Key, StrikeKey, bid, rule
from market.bidding.lane import Lane
from market.bidding.move_routes import HANDLERS as MOVES
from market.db.context import Context
from market.kit.actor import SYSTEM, Actor
from market.kit.errors import Malformed
from market.kit.pages import MAX_LIMIT, PageRequest
from market.parties.rules import require
from market.portfolios import service as portfolios
from market.portfolios.doubles import AccountsOnOffer

_AUCTIONS, _BIDS = ["Auctions"], ["Bids"]
_MAX_SEQ = 2**63 - 1
Web = Request[Any, Any, Any]


@post("/v1/auctions", tags=_AUCTIONS, summary="Put a pool up for auction", operation_id="publish_auction")
async def publish(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    lane: NamedDependency[Lane],
    data: JSONBody[schemas.PublishBody],
) -> schemas.AuctionView:
    """Needs a clearance to list and an own, ready pool. The terms never change afterwards.

    When an account of it is on offer or sold elsewhere nothing is published, and compliance is told.
    """
    require(actor, scope="auctions:read")  # the answer shows the auction: refuse before anything is done
    if context.settings.has_house_commission:
        refuse_own_rates(data.commission)
    now = context.clock.now()
    try:
        async with context.db.begin(actor) as tx:
            found = await service.publish(tx, actor, data.to_order(), now=now, chance=context.chance)
    except AccountsOnOffer:
        async with context.db.begin(SYSTEM) as tx:
            await portfolios.flag_pool(tx, data.pool_id, now=now, chance=context.chance)
        raise
    return await _view(context, lane, actor, found.auction_id)


@get("/v1/formats", tags=_AUCTIONS, summary="Formats to choose from", operation_id="list_formats")
async def list_formats(actor: NamedDependency[Actor]) -> schemas.FormatList:
    """Every format in plain words, with presets and the schema of its terms; the most usual first."""
    require(actor, scope="auctions:read")
    return schemas.FormatList([schemas.FormatView.build(known) for known in FORMATS])


@get("/v1/auctions", tags=_AUCTIONS, summary="Auctions, newest first", operation_id="list_auctions")
async def list_auctions(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    phase: FromQuery[schemas.Phase | None] = None,
    *,
    own: FromQuery[bool] = False,
    limit: FromQuery[int] = 50,
    cursor: FromQuery[str | None] = None,
) -> schemas.AuctionPage:
    """All that you may see; `own` keeps to those of your own pools."""
    async with context.db.begin(actor) as tx:
        page = await service.list_auctions(
            tx, actor, PageRequest.parse(limit, cursor), phase=phase and phase.value, own=own
        )
        pools = await service.pools_shown(tx, page.items)
    return schemas.AuctionPage.from_page(page, pools)


@get(
    "/v1/auctions/{auction_id:uuid}",
    tags=_AUCTIONS,
    summary="One auction",
    operation_id="get_auction",
    responses={304: ResponseSpec(None, description="Nothing changed since the ETag in If-None-Match")},
)
async def get_auction(
    request: Web,
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    lane: NamedDependency[Lane],
    auction_id: FromPath[UUID],
) -> Response[schemas.AuctionView]:
    """Terms, present state, your own standing and what you still need before you may bid. Has an ETag."""
    view = await _view(context, lane, actor, auction_id)
    tag = f'"{hashlib.sha256(msgspec.json.encode(view)).hexdigest()[:32]}"'
    headers = {"ETag": tag}
    if tag in request.headers.get("if-none-match", ""):
        return Response(None, status_code=304, headers=headers)  # type: ignore[arg-type]  # 304 has no body
    return Response(view, headers=headers)


@get(
    "/v1/auctions/{auction_id:uuid}/events",
    tags=_AUCTIONS,
    summary="What happened in an auction",
    operation_id="list_auction_events",
)
async def list_events(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    auction_id: FromPath[UUID],
    from_seq: FromQuery[int] = 0,
    limit: FromQuery[int] = 50,
) -> schemas.EventPage:
    """The events after `from_seq`, each as you may see it, the same as on the live socket."""
    if not 0 <= from_seq <= _MAX_SEQ:
        raise Malformed("from_seq is 0 or the seq of an event", field="from_seq")
    if not 1 <= limit <= MAX_LIMIT:
        raise Malformed(f"limit must be between 1 and {MAX_LIMIT}", field="limit")
    async with context.db.begin(actor) as tx:
        seat = await service.seat_of(tx, actor, await service.find_auction(tx, auction_id))
    return schemas.EventPage(await service.frames_after(context, auction_id, seat, from_seq=from_seq, limit=limit))


@get(
    "/v1/auctions/{auction_id:uuid}/log",
    tags=_AUCTIONS,
    summary="The log of an ended auction",
    operation_id="get_auction_log",
    responses={200: ResponseSpec(bytes, media_type="application/jsonl", description="One event a line, hash-chained")},
)
async def get_log(
    context: NamedDependency[Context], actor: NamedDependency[Actor], auction_id: FromPath[UUID]
) -> Stream:
    """Every event with its hash, for `market auction verify`; for the seller, the bidders and the platform."""
    require(actor, scope="auctions:read")
    async with context.db.begin(actor) as tx:
        found = await service.find_auction(tx, auction_id)
    lines = await service.log_lines(context, actor, found)
    name = f'attachment; filename="auction-{auction_id}.jsonl"'
    return Stream(lines, media_type="application/jsonl", headers={"Content-Disposition": name})


@post("/v1/auctions/{auction_id:uuid}/bids", tags=_BIDS, summary="Bid", operation_id="place_bid")
async def place_bid(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    lane: NamedDependency[Lane],
    auction_id: FromPath[UUID],
    data: JSONBody[schemas.BidBody],
    idempotency_key: Key,
) -> schemas.AnswerView:
    """`manual` bids are taken in the formats english, sealed, hybrid and best_offer, `proxy` in english alone.

    Answered after the bid is kept for good. Refusals carry `code`, the same as on the live socket.

    403 not cleared, own pool, no deposit, above your limit · 409 too low, too late, not open, to be confirmed, the
    key was used for another command · 429 too many commands · 503 busy.
    """
    bidder, cents = str(actor.org_id), data.amount_cents
    command: BidderOrder
    if data.kind == "manual":
        command = PlaceBid(bidder=bidder, cid=idempotency_key, amount_cents=cents, confirmed=data.confirmed)
    else:
        command = SetCeiling(bidder=bidder, cid=idempotency_key, ceiling_cents=cents, confirmed=data.confirmed)
    return await bid(context, lane, actor, auction_id, command)


@post("/v1/auctions/{auction_id:uuid}/buy-now", tags=_BIDS, summary="Buy now", operation_id="buy_now")
async def buy_now(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    lane: NamedDependency[Lane],
    auction_id: FromPath[UUID],
    idempotency_key: Key,
) -> schemas.AnswerView:
    """Buy at the terms' buy-now amount or fixed price, which ends the auction."""
    command = BuyNow(bidder=str(actor.org_id), cid=idempotency_key)
    return await bid(context, lane, actor, auction_id, command)


@delete(
    "/v1/auctions/{auction_id:uuid}/ceiling",
    status_code=200,
    tags=_BIDS,
    summary="Lower your ceiling to the price",
    operation_id="cancel_ceiling",
)
async def cancel_ceiling(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    lane: NamedDependency[Lane],
    auction_id: FromPath[UUID],
    idempotency_key: Key,
) -> schemas.AnswerView:
    """The market stops bidding for you; the bid at the present price stands."""
    command = CancelCeiling(bidder=str(actor.org_id), cid=idempotency_key)
    return await bid(context, lane, actor, auction_id, command)


@post("/v1/auctions/{auction_id:uuid}/refusals", tags=_AUCTIONS, summary="Refuse a bid", operation_id="refuse_bid")
async def refuse_bid(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    lane: NamedDependency[Lane],
    auction_id: FromPath[UUID],
    data: JSONBody[schemas.StrikeBody],
    idempotency_key: StrikeKey = None,
) -> schemas.AnswerView:
    """The seller strikes out a bid with a reason, until the close; all who watch are told. Where the price rises, its bidder is out."""
    command = RefuseBid(seq=data.seq, reason=data.reason)
    return await rule(context, lane, actor, auction_id, command, key=idempotency_key)


@post("/v1/auctions/{auction_id:uuid}/voids", tags=_AUCTIONS, summary="Void a bid", operation_id="void_bid")
async def void_bid(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    lane: NamedDependency[Lane],
    auction_id: FromPath[UUID],
    data: JSONBody[schemas.StrikeBody],
    idempotency_key: StrikeKey = None,
) -> schemas.AnswerView:
    """The operator strikes out a bid with a reason, until the close; all who watch are told."""
    command = VoidBid(seq=data.seq, reason=data.reason)
    return await rule(context, lane, actor, auction_id, command, key=idempotency_key)


@post("/v1/auctions/{auction_id:uuid}/cancellation", tags=_AUCTIONS, summary="Cancel", operation_id="cancel_auction")
async def cancel_auction(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    lane: NamedDependency[Lane],
    auction_id: FromPath[UUID],
    data: JSONBody[schemas.ReasonBody],
) -> schemas.AnswerView:
    """The seller or the operator ends the auction without a winner, until the close."""
    return await rule(context, lane, actor, auction_id, Cancel(reason=data.reason))


@post("/v1/auctions/{auction_id:uuid}/pause", tags=_AUCTIONS, summary="Pause", operation_id="pause_auction")
async def pause_auction(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    lane: NamedDependency[Lane],
    auction_id: FromPath[UUID],
    data: JSONBody[schemas.ReasonBody],
) -> schemas.AnswerView:
    """The operator stops the clock; the close moves by as long as it stands still."""
    return await rule(context, lane, actor, auction_id, Pause(reason=data.reason))


@post("/v1/auctions/{auction_id:uuid}/resumption", tags=_AUCTIONS, summary="Resume", operation_id="resume_auction")
async def resume_auction(
    context: NamedDependency[Context],
    actor: NamedDependency[Actor],
    lane: NamedDependency[Lane],
    auction_id: FromPath[UUID],
) -> schemas.AnswerView:
    """The operator lets the clock of a paused auction run again."""
    return await rule(context, lane, actor, auction_id, Resume())


HANDLERS: list[ControllerRouterHandler] = [
    list_formats,
    publish,
    list_auctions,
    get_auction,
    list_events,
    get_log,
    place_bid,
    buy_now,
    cancel_ceiling,
    refuse_bid,
    void_bid,
    cancel_auction,
    pause_auction,
    resume_auction,
    *MOVES,
    *ADMISSION,
]


async def _view(context: Context, lane: Lane, actor: Actor, auction_id: UUID) -> schemas.AuctionView:
    async with context.db.begin(actor) as tx:
        found = await service.find_auction(tx, auction_id)
        seat = await service.seat_of(tx, actor, found)
        own = await service.own_standing(tx, actor, found, context.clock.now())
        awards = await service.awards_of(tx, auction_id)
        pools = await service.pools_shown(tx, [found])
    state = await service.snapshot(context, lane.states, auction_id, seat)
    return schemas.AuctionView.build(found, pools, state, own, awards)
