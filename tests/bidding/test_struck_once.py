"""A strike under a key is decided once, whether it held or not; its repeat is told the same."""

from auctions.messages import Reason, RefuseBid, VoidBid
from market.bidding.lane import BidOrder
from market.bidding.store import batch as batch_store
from tests.bidding.conftest import bid, count_of, submit_all


def strike(hall, room, seq, *, key, by=None, reason="not a buyer I sell to"):
    party = by or room.seller
    kind = VoidBid if party is hall.operator else RefuseBid
    return BidOrder(party.actor, room.auction_id, kind(seq=seq, reason=reason), hall.context.clock.now(), key)


async def placed(hall, lane, room, party, cents):
    answer = await lane.submit(bid(hall.context, party, room.auction_id, cents))
    assert answer.status == "accepted", answer
    return answer.seq


async def test_a_strike_that_is_repeated_answers_the_stored_decision(hall, lane):
    room = await hall.room(buyer_count=2)
    seq = await placed(hall, lane, room, room.buyers[0], 200_000)
    first, again = await submit_all(lane, [strike(hall, room, seq, key="k") for _ in range(2)])
    later = await lane.submit(strike(hall, room, seq, key="k"))
    assert first.status == "accepted"
    assert {(one.status, one.seq, one.decided_at) for one in (again, later)} == {
        ("duplicate", first.seq, first.decided_at)
    }
    assert (await lane.submit(strike(hall, room, seq, key="another"))).code is Reason.NO_SUCH_BID


async def test_a_refused_strike_that_is_repeated_answers_the_stored_refusal(hall, lane):
    """Also when the bid that it names has come in the meantime: the seller meant what it saw."""
    room = await hall.room(buyer_count=1)
    orders = [strike(hall, room, 3, key="k", by=by) for by in (room.seller, hall.operator)]
    assert {(one.status, one.code) for one in await submit_all(lane, orders)} == {("rejected", Reason.NO_SUCH_BID)}
    assert await placed(hall, lane, room, room.buyers[0], 200_000) == 3
    repeated = await submit_all(lane, orders)
    assert {(one.status, one.code) for one in repeated} == {("duplicate", Reason.NO_SUCH_BID)}
    assert lane.states.peek(room.auction_id).auction.struck == frozenset()


async def test_a_key_of_a_strike_with_other_content_is_refused(hall, lane):
    room = await hall.room(buyer_count=1)
    seq = await placed(hall, lane, room, room.buyers[0], 200_000)
    assert (await lane.submit(strike(hall, room, seq + 9, key="k"))).code is Reason.NO_SUCH_BID
    for other in (strike(hall, room, seq, key="k"), strike(hall, room, seq + 9, key="k", reason="another")):
        assert (await lane.submit(other)).code is Reason.DUPLICATE_CID
    assert (await lane.submit(strike(hall, room, seq, key="k", by=hall.operator))).status == "accepted"


async def test_a_strike_without_a_key_or_by_a_stranger_is_not_kept(hall, lane):
    room = await hall.room(buyer_count=1)
    await lane.submit(strike(hall, room, 9, key=None))
    stranger = strike(hall, room, 9, key="k", by=room.buyers[0])
    assert (await lane.submit(stranger)).code is Reason.NOT_ELIGIBLE
    assert await count_of(hall, "strike", room.auction_id) == 0


async def test_of_one_seller_so_many_strikes_are_kept_and_no_more(hall, lane, monkeypatch):
    monkeypatch.setattr(batch_store, "_REFUSALS_KEPT", 2)
    room = await hall.room(buyer_count=1)
    for number in range(4):
        assert (await lane.submit(strike(hall, room, 9, key=str(number)))).code is Reason.NO_SUCH_BID
    assert await count_of(hall, "strike", room.auction_id) == 2


async def test_another_node_answers_the_strike_that_this_one_decided(hall, make_lane):
    one, other = await make_lane(), await make_lane()
    room = await hall.room(buyer_count=1)
    first = await one.submit(strike(hall, room, 9, key="k"))
    again = await other.submit(strike(hall, room, 9, key="k"))
    assert (first.status, again.status, again.decided_at) == ("rejected", "duplicate", first.decided_at)
