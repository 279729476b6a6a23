"""Two things that exclude each other, said at once through two nodes: one of them holds, and the log says which came first."""

import asyncio

import pytest

from auctions.auction import Phase
from auctions.messages import BuyNow, Cancel, Close, PlaceBid
from auctions.moves import AwardOffer, Withdraw
from auctions.proof import line, verify
from market.bidding import service as bidding
from market.bidding.lane import BidOrder
from market.kit.actor import SYSTEM
from tests import factories
from tests.bidding.conftest import bid, events_of, new_cid

ROUNDS = 6


async def at_once(hall, lanes, *said):
    """(actor, auction, command) through the nodes by turns, all under way before the first is answered."""
    now = hall.context.clock.now()
    orders = [BidOrder(actor, auction_id, command, now) for actor, auction_id, command in said]
    return await asyncio.gather(*(lanes[place % 2].submit(order) for place, order in enumerate(orders)))


async def ended_soundly(hall, auction_id):
    """The kinds of the log's events, after it was verified from its first line to its last."""
    rows = await events_of(hall, auction_id)
    verdict = verify([line(row["body"].encode(), bytes(row["hash"])) for row in rows])
    assert verdict.holds, (verdict.wrong_seq, verdict.problem)
    return [row["kind"] for row in rows]


@pytest.fixture
async def lanes(make_lane):
    return [await make_lane(), await make_lane()]


async def test_a_bid_meets_a_cancellation(hall, lanes):
    for number in range(ROUNDS):
        room = await hall.room(buyer_count=1)
        order = bid(hall.context, room.buyers[0], room.auction_id, 100_000)
        said = [
            (order.actor, room.auction_id, order.command),
            (hall.seller.actor, room.auction_id, Cancel(reason="x")),
        ]
        answers = await at_once(hall, lanes, *(said if number % 2 else reversed(said)))
        placed, cancelled = answers if number % 2 else reversed(answers)
        kinds = await ended_soundly(hall, room.auction_id)
        assert cancelled.holds
        assert kinds[-1] == "auction_cancelled"
        assert placed.holds == ("bid_accepted" in kinds)
        assert placed.holds or placed.code == "TOO_LATE"


async def test_a_bid_meets_two_who_buy_now(hall, lanes):
    for number in range(ROUNDS):
        room = await hall.room(buyer_count=3, terms={"buy_now_cents": 300_000})
        order = bid(hall.context, room.buyers[0], room.auction_id, 100_000)
        said = [(order.actor, room.auction_id, order.command)]
        for party in room.buyers[1:]:
            said.insert(number % 2, (party.actor, room.auction_id, BuyNow(bidder=str(party.org_id), cid=new_cid())))
        answers = await at_once(hall, lanes, *said)
        kinds = await ended_soundly(hall, room.auction_id)
        bought = [a.holds for a, (_, _, command) in zip(answers, said, strict=True) if isinstance(command, BuyNow)]
        assert sorted(bought) == [False, True]
        assert (kinds.count("bought_now"), kinds.count("awarded")) == (1, 1)


async def test_an_award_meets_a_withdrawal(hall, lanes):
    for number in range(ROUNDS):
        auction = await best_offer(hall)
        buyer = hall.buyers[0]
        offer = PlaceBid(bidder=str(buyer.org_id), cid=new_cid(), amount_cents=200_000)
        (placed,) = await at_once(hall, lanes, (buyer.actor, auction.auction_id, offer))
        said = [
            (hall.seller.actor, auction.auction_id, AwardOffer(bid_seq=placed.seq, seq_seen=placed.seq)),
            (buyer.actor, auction.auction_id, Withdraw(bidder=str(buyer.org_id), cid=new_cid())),
        ]
        answers = await at_once(hall, lanes, *(said if number % 2 else reversed(said)))
        assert sorted(answer.holds for answer in answers) == [False, True]
        await at_once(hall, lanes, (hall.seller.actor, auction.auction_id, Cancel(reason="over")))
        kinds = await ended_soundly(hall, auction.auction_id)
        assert ("awarded" in kinds) != ("offer_withdrawn" in kinds)


async def best_offer(hall):
    pool_id = await factories.bare_pool(hall.context, hall.seller)
    now = hall.context.clock.now()
    terms = {"opens_at": now.isoformat(), "opening_cents": 100_000}
    order = bidding.PublishOrder(pool_id=pool_id, format="best_offer", preset="standard", deposit_cents=0, terms=terms)
    async with hall.context.db.begin(hall.seller.actor) as tx:
        auction = await bidding.publish(tx, hall.seller.actor, order, now=now, chance=hall.context.chance)
    await factories.register_for(hall.context, hall.buyers[0], auction)
    return auction


async def test_two_closers_meet_at_the_end(hall, make_lane):
    lanes = [await make_lane(closer=False), await make_lane(closer=False)]
    room = await hall.brief_room(0.5)
    await lanes[0].submit(bid(hall.context, room.buyers[0], room.auction_id, 100_000))
    await hall.until(room.auction.closes_at)
    await at_once(hall, lanes, *[(SYSTEM, room.auction_id, Close()) for _ in range(6)])
    kinds = await ended_soundly(hall, room.auction_id)
    assert (kinds.count("auction_closed"), kinds.count("awarded")) == (1, 1)
    assert lanes[0].states.peek(room.auction_id).auction.phase is Phase.AWARDED
