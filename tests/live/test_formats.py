"""Every format from publication to settlement, over real sockets: two bidders and the seller, each with a live client.

What people do here must be done within a second or two; where a busy machine is too slow for that, `at_any_pace` holds the same auction again with
all its times longer.
"""

import asyncio
import functools
import random
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import timedelta

import pytest_asyncio

from auctions.proof import verify
from market.bidding import jobs as bidding_jobs
from market.bidding import service as bidding
from market.client.live import LiveClient
from market.kit.actor import SYSTEM
from market.kit.pages import PageRequest
from market.portfolios import service as portfolios
from market.portfolios.nda import NDA_VERSION
from market.settlement import jobs as settlement_jobs
from market.settlement import service as settlements
from tests import factories
from tests.live.conftest import checked, key_of

DRAIN_MS = 100


class CheckedClient(LiveClient):
    """Compares every frame with the published schema of its kind."""

    async def heard(self, frame):
        await super().heard(checked(frame))


@dataclass
class Stage:
    """One node, one seller and two buyers with their live clients; `hold` puts an auction on it."""

    node: object
    people: dict
    live: dict
    pace: int = 1
    """All times of an auction are multiplied by this."""

    @property
    def context(self):
        return self.node.context

    async def hold(self, kind, *, opens_in_s=-1.0, closes_in_s=None, pool_count=1, **terms):
        context, seller = self.context, self.people["seller"]
        now = context.clock.now()
        pool_ids = [await factories.bare_pool(context, seller) for _ in range(pool_count)]
        opens_at = now + timedelta(seconds=opens_in_s * self.pace)
        terms = {name: value * self.pace if name.endswith("_s") else value for name, value in terms.items()}
        given = {"opens_at": opens_at.isoformat(), **terms}
        if closes_in_s is not None:
            given["closes_at"] = (now + timedelta(seconds=closes_in_s * self.pace)).isoformat()
        if kind == "english":
            given["latest_close_at"] = given["closes_at"]
        if pool_count > 1:
            given["pools"] = [{"pool": str(pool_id), "least_cents": 1_000} for pool_id in pool_ids]
        order = bidding.PublishOrder(pool_id=pool_ids[0], format=kind, terms=given, deposit_cents=0)
        async with context.db.begin(seller.actor) as tx:
            auction = await bidding.publish(tx, seller.actor, order, now=now, chance=context.chance)
        for name in ("ada", "bob"):
            await self._register(self.people[name], auction, pool_ids)
        for client in self.live.values():
            await client.watch(auction.auction_id)
        self.pool_ids = pool_ids
        return auction.auction_id

    async def _register(self, party, auction, pool_ids):
        async with self.context.db.begin(party.actor) as tx:
            now = self.context.clock.now()
            for pool_id in pool_ids:
                await portfolios.accept_nda(tx, party.actor, pool_id, NDA_VERSION, now=now)
            await bidding.register_bidder(tx, party.actor, auction.auction_id, None, now)

    async def until(self, auction_id, accept, who="ada"):
        """The state as `who` sees it, once it is accepted."""
        async with asyncio.timeout(60 * self.pace):
            while not accept(state := self.live[who].state(auction_id)):
                await asyncio.sleep(0.01)
        return state

    async def ended(self, auction_id):
        return await self.until(auction_id, lambda s: s["phase"] in {"awarded", "failed", "cancelled"})

    async def sales(self, auction_id):
        """(buyer's name, hammer) of every settlement that the auction led to; its log must verify, too."""
        seller = self.people["seller"]
        async with self.context.db.begin(seller.actor) as tx:
            auction = await bidding.find_auction(tx, auction_id)
        lines = await bidding.log_lines(self.context, seller.actor, auction)
        assert verify([line async for line in lines]).problem is None
        while await settlement_jobs.follow_journal(self.context):
            pass
        async with self.context.db.begin(SYSTEM) as tx:
            page = await settlements.list_settlements(tx, SYSTEM, PageRequest(50))
        names = {party.org_id: name for name, party in self.people.items()}
        mine = [one for one in page.items if one.auction_id == auction_id]
        assert all(one.pool_id in self.pool_ids for one in mine)
        return sorted((names[one.buyer_org_id], one.hammer_cents) for one in mine)


@pytest_asyncio.fixture
async def stage(start_node):
    node = await start_node(heartbeat_s=1, close_drain_ms=DRAIN_MS)
    officers = await factories.two_officers(node.context)
    people = {"seller": await factories.seller(node.context, officers)}
    people |= {name: await factories.buyer(node.context, officers) for name in ("ada", "bob")}
    scopes = ("auctions:read", "auctions:write", "bids:write")
    async with AsyncExitStack() as stack:
        live = {}
        for name, party in people.items():
            key = await key_of(node.context, party, *scopes)
            client = CheckedClient(
                node.url,
                clock=node.context.clock,
                jitter=random.Random(1).random,
                new_name=lambda: node.context.chance.token(9),
                api_key=key,
            )
            live[name] = await stack.enter_async_context(client)
        yield Stage(node, people, live)


SLOWER = 1, 5, 30


def at_any_pace(test):
    """Holds the same with all times longer if it failed; what fails at the last pace, too, is wrong."""

    @functools.wraps(test)
    async def paced(stage):
        *quick, last = SLOWER
        for pace in quick:
            stage.pace = pace
            with suppress(Exception):
                await test(stage)
                return
        stage.pace = last
        await test(stage)

    return paced


def said(ack):
    return ack.status, ack.code


YES = ("accepted", None)


async def test_a_falling_price_is_taken_by_hand_at_the_price_of_now_and_only_once(stage):
    auction = await stage.hold("dutch", start_cents=500_000, floor_cents=100_000, step_cents=50_000, interval_s=3_600)
    ada, bob = stage.live["ada"], stage.live["bob"]
    assert said(await ada.accept(auction, step=0, price_cents=400_000)) == ("rejected", "STEP_MOVED")
    both = await asyncio.gather(*(who.accept(auction, step=0, price_cents=500_000) for who in (ada, bob)))
    assert sorted(map(said, both)) == [YES, ("rejected", "TOO_LATE")]
    winner = "ada" if both[0].status == "accepted" else "bob"
    assert (await stage.ended(auction))["hammer_cents"] == 500_000
    assert await stage.sales(auction) == [(winner, 500_000)]


@at_any_pace
async def test_a_step_armed_ahead_buys_at_its_tick_and_the_earlier_arming_is_first(stage):
    auction = await stage.hold(
        "dutch", opens_in_s=-0.2, start_cents=500_000, floor_cents=100_000, step_cents=50_000, interval_s=2
    )
    ada, bob = stage.live["ada"], stage.live["bob"]
    assert said(await bob.arm(auction, 1)) == YES
    assert said(await ada.arm(auction, 1)) == YES
    assert stage.live["ada"].state(auction).get("armed") is None
    assert stage.live["bob"].state(auction)["your_offer"]["price_cents"] == 450_000
    assert (await stage.ended(auction))["hammer_cents"] == 450_000
    assert await stage.sales(auction) == [("bob", 450_000)]


@at_any_pace
async def test_a_disarmed_step_buys_nothing_and_the_floor_fails(stage):
    auction = await stage.hold(
        "dutch", opens_in_s=-0.2, start_cents=500_000, floor_cents=450_000, step_cents=50_000, interval_s=1
    )
    assert said(await stage.live["ada"].arm(auction, 1)) == YES
    assert said(await stage.live["ada"].withdraw(auction)) == YES
    state = await stage.ended(auction)
    assert (state["phase"], state["phase_reason"]) == ("failed", "NO_BIDS")
    assert await stage.sales(auction) == []


@at_any_pace
async def test_sealed_bids_are_replaced_and_withdrawn_unseen_and_opened_at_the_deadline(stage):
    auction = await stage.hold(
        "sealed", closes_in_s=4, opening_cents=1_000, reserve_cents=2_000, pricing="second_price"
    )
    ada, bob = stage.live["ada"], stage.live["bob"]
    assert said(await ada.bid(auction, 999)) == ("rejected", "BID_TOO_LOW")
    assert said(await ada.bid(auction, 9_000)) == YES
    assert said(await ada.bid(auction, 7_000)) == YES
    assert said(await bob.bid(auction, 8_000)) == YES
    assert said(await bob.withdraw(auction)) == YES
    assert said(await bob.bid(auction, 5_000)) == YES
    await stage.until(auction, lambda s: s["seq"] >= 7, "seller")
    assert "7000" not in str(stage.live["bob"].state(auction)) + str(stage.live["seller"].state(auction))
    state = await stage.ended(auction)
    assert [bid["amount_cents"] for bid in state["opened"]] == [7_000, 5_000]
    assert await stage.sales(auction) == [("ada", 5_000)]


@at_any_pace
async def test_the_best_sealed_bidders_better_their_bids_in_a_final_round(stage):
    auction = await stage.hold("sealed", closes_in_s=2, opening_cents=1_000, final_s=2, final_top=2)
    ada, bob = stage.live["ada"], stage.live["bob"]
    assert said(await ada.bid(auction, 7_000)) == YES
    assert said(await bob.bid(auction, 5_000)) == YES
    await stage.until(auction, lambda s: s["stage"] == "final", "bob")
    assert said(await bob.bid(auction, 5_000)) == ("rejected", "BID_TOO_LOW")
    assert said(await bob.bid(auction, 8_000)) == YES
    assert (await stage.ended(auction))["hammer_cents"] == 8_000
    assert await stage.sales(auction) == [("bob", 8_000)]


async def test_the_first_to_pay_the_fixed_price_buys(stage):
    auction = await stage.hold("fixed_price", closes_in_s=3_600, price_cents=123_400)
    both = await asyncio.gather(*(stage.live[who].buy_now(auction) for who in ("ada", "bob")))
    assert sorted(map(said, both)) == [YES, ("rejected", "TOO_LATE")]
    assert [cents for _, cents in await stage.sales(auction)] == [123_400]


@at_any_pace
async def test_a_pool_that_failed_in_an_auction_is_offered_again_at_a_fixed_price(stage):
    first = await stage.hold("sealed", closes_in_s=1.5, opening_cents=1_000, reserve_cents=9_000)
    assert said(await stage.live["ada"].bid(first, 5_000)) == YES
    assert (await stage.ended(first))["phase_reason"] == "RESERVE_NOT_MET"
    await factories.until(stage.context, _returned(stage))
    seller, now = stage.people["seller"], stage.context.clock.now()
    terms = {
        "opens_at": now.isoformat(),
        "closes_at": (now + timedelta(hours=1)).isoformat(),
        "price_cents": 8_000,
    }
    order = bidding.PublishOrder(pool_id=stage.pool_ids[0], format="fixed_price", terms=terms, deposit_cents=0)
    async with stage.context.db.begin(seller.actor) as tx:
        second = await bidding.publish(tx, seller.actor, order, now=now, chance=stage.context.chance)
    await stage._register(stage.people["ada"], second, [])
    assert said(await stage.live["ada"].buy_now(second.auction_id)) == YES
    assert await stage.sales(second.auction_id) == [("ada", 8_000)]


def _returned(stage):
    async def returned():
        await bidding_jobs.return_unsold_pools(stage.context)
        async with stage.context.db.begin(SYSTEM) as tx:
            pool = await portfolios.find_pool(tx, SYSTEM, stage.pool_ids[0])
        return pool.state.value == "ready"

    return returned


async def test_the_seller_counters_refuses_and_takes_offers_with_open_eyes(stage):
    auction = await stage.hold("best_offer", closes_in_s=3_600, opening_cents=1_000)
    ada, bob, seller = (stage.live[who] for who in ("ada", "bob", "seller"))
    first = await ada.bid(auction, 5_000)
    await stage.until(auction, lambda s: s["seq"] >= first.seq, "seller")
    assert len(seller.state(auction)["offers"]) == 1
    assert bob.state(auction).get("offers") is None
    better = await bob.bid(auction, 6_000)
    stale = await seller.award(auction, bid_seq=first.seq, seq_seen=first.seq)
    assert said(stale) == ("rejected", "STALE")
    assert said(await seller.refuse(auction, better.seq, "not at this price", cid="no")) == YES
    assert said(await seller.refuse(auction, better.seq, "not at this price", cid="no")) == ("duplicate", None)
    assert said(await seller.refuse(auction, first.seq, "not at this price", cid="no")) == ("rejected", "DUPLICATE_CID")
    until = stage.context.clock.now() + timedelta(minutes=5)
    countered = await seller.counter(auction, bid_seq=first.seq, price_cents=5_500, valid_until=until)
    assert said(countered) == YES
    state = await stage.until(auction, lambda s: s.get("your_counter"), "ada")
    assert state["your_counter"]["price_cents"] == 5_500
    assert bob.state(auction).get("your_counter") is None
    assert said(await bob.accept_counter(auction, countered.seq)) == ("rejected", "NO_SUCH_BID")
    assert said(await ada.accept_counter(auction, countered.seq)) == YES
    assert await stage.sales(auction) == [("ada", 5_500)]


async def test_the_seller_takes_the_offer_that_it_has_seen_and_only_the_seller_may(stage):
    auction = await stage.hold("best_offer", closes_in_s=3_600, opening_cents=1_000)
    ada, bob, seller = (stage.live[who] for who in ("ada", "bob", "seller"))
    offer = await ada.bid(auction, 5_000)
    assert said(await bob.award(auction, bid_seq=offer.seq, seq_seen=offer.seq)) == ("rejected", "NOT_ELIGIBLE")
    taken = await asyncio.gather(
        seller.award(auction, bid_seq=offer.seq, seq_seen=offer.seq), ada.withdraw(auction), return_exceptions=True
    )
    assert sum(ack.status == "accepted" for ack in taken) == 1
    if taken[0].status == "accepted":
        assert await stage.sales(auction) == [("ada", 5_000)]
    else:
        assert said(taken[0]) == ("rejected", "NO_SUCH_BID")


HYBRID = {
    "start_cents": 500_000, "step_bps": 1_000, "last_step": 5, "interval_s": 60, "lead_s": 0, "pause_s": 0,
    "sealed_s": 2, "best_s": 2,
}  # fmt: skip


@at_any_pace
async def test_who_stops_the_falling_price_answers_the_best_sealed_bid_once(stage):
    auction = await stage.hold("hybrid", **HYBRID)
    ada, bob = stage.live["ada"], stage.live["bob"]
    assert said(await ada.accept(auction, step=0, price_cents=500_000)) == YES
    assert said(await bob.bid(auction, 500_000)) == ("rejected", "BID_TOO_LOW")
    assert said(await ada.bid(auction, 600_000)) == ("rejected", "NOT_ELIGIBLE")
    assert said(await bob.bid(auction, 510_000)) == YES
    await stage.until(auction, lambda s: s["stage"] == "best")
    assert said(await ada.bid(auction, 510_000)) == ("rejected", "BID_TOO_LOW")
    assert said(await ada.bid(auction, 520_000)) == YES
    assert await _sold(stage, auction) == [("ada", 520_000)]


@at_any_pace
async def test_a_falling_price_that_nobody_challenges_is_the_price(stage):
    auction = await stage.hold("hybrid", **{**HYBRID, "sealed_s": 1})
    assert said(await stage.live["bob"].accept(auction, step=0, price_cents=500_000)) == YES
    assert await _sold(stage, auction) == [("bob", 500_000)]


async def _sold(stage, auction):
    assert (await stage.ended(auction))["phase"] == "awarded"
    return await stage.sales(auction)


TWO_STAGE = {
    "opening_cents": 1_000, "reserve_cents": 4_000, "indicative_s": 2, "shortlist_s": 60, "shortlist_most": 1,
    "due_diligence_s": 1, "binding_s": 2,
}  # fmt: skip


@at_any_pace
async def test_the_shortlisted_bind_themselves_after_due_diligence(stage):
    auction = await stage.hold("two_stage", opens_in_s=-0.1, **TWO_STAGE)
    ada, bob, seller = (stage.live[who] for who in ("ada", "bob", "seller"))
    orgs = {name: party.org_id for name, party in stage.people.items()}
    assert said(await ada.indicate(auction, low_cents=5_000, high_cents=8_000, conditions="media")) == YES
    assert said(await bob.indicate(auction, low_cents=3_000, high_cents=3_000)) == YES
    await stage.until(auction, lambda s: s["stage"] == "shortlisting", "seller")
    too_many = await seller.shortlist(auction, [orgs["ada"], orgs["bob"]], {})
    assert said(too_many) == ("rejected", "LIMIT")
    assert said(await seller.shortlist(auction, [orgs["ada"]], {orgs["bob"]: "too low"})) == YES
    state = await stage.until(auction, lambda s: s.get("your_refusal"), "bob")
    assert state["your_refusal"] == "too low"
    assert ada.state(auction).get("declined") is None
    await stage.until(auction, lambda s: s["stage"] == "binding")
    assert said(await bob.binding(auction, 9_000)) == ("rejected", "NOT_ELIGIBLE")
    assert said(await ada.binding(auction, 4_200)) == ("rejected", "CONFIRM_NEEDED")
    assert said(await ada.binding(auction, 4_200, reason="no media behind a third of it")) == YES
    assert await _sold(stage, auction) == [("ada", 4_200)]


@at_any_pace
async def test_the_shortlisted_outbid_each_other_in_the_open_and_late_bids_extend_it(stage):
    terms = TWO_STAGE | {"shortlist_most": 2, "binding_s": 4, "binding": "english", "binding_extends_s": 60}
    ladder = {"increments": [{"from_cents": 0, "increment_cents": 100}], "soft_close_extension_s": 5}
    auction = await stage.hold("two_stage", opens_in_s=-0.1, **terms, **ladder)
    ada, bob, seller = (stage.live[who] for who in ("ada", "bob", "seller"))
    orgs = {name: party.org_id for name, party in stage.people.items()}
    for who in (ada, bob):
        assert said(await who.indicate(auction, low_cents=5_000, high_cents=8_000)) == YES
    await stage.until(auction, lambda s: s["stage"] == "shortlisting", "seller")
    assert said(await ada.bid(auction, 5_000)) == ("rejected", "NOT_OPEN")
    assert said(await seller.shortlist(auction, [orgs["ada"], orgs["bob"]], {})) == YES
    began = await stage.until(auction, lambda s: s["stage"] == "binding", "seller")
    assert said(await ada.proxy(auction, 4_000)) == ("rejected", "CONFIRM_NEEDED")
    assert said(await ada.binding(auction, 1_000, reason="no media behind a third of it")) == YES
    assert said(await ada.proxy(auction, 4_000)) == YES
    assert said(await bob.bid(auction, 4_600)) == YES
    assert said(await bob.withdraw(auction)) == ("rejected", "NOT_OPEN")
    state = await stage.until(auction, lambda s: s["price_cents"] == 4_600)
    assert state["closes_at"] > began["closes_at"]
    assert await _sold(stage, auction) == [("bob", 4_600)]


@at_any_pace
async def test_the_best_binding_bidders_better_their_bids_once(stage):
    terms = TWO_STAGE | {"shortlist_most": 2, "binding_s": 1, "final_s": 2, "final_top": 2}
    auction = await stage.hold("two_stage", opens_in_s=-0.1, **terms)
    ada, bob, seller = (stage.live[who] for who in ("ada", "bob", "seller"))
    orgs = {name: party.org_id for name, party in stage.people.items()}
    for who in (ada, bob):
        assert said(await who.indicate(auction, low_cents=5_000, high_cents=8_000)) == YES
    await stage.until(auction, lambda s: s["stage"] == "shortlisting", "seller")
    assert said(await seller.shortlist(auction, [orgs["ada"], orgs["bob"]], {})) == YES
    await stage.until(auction, lambda s: s["stage"] == "binding", "bob")
    assert said(await ada.binding(auction, 5_100)) == YES
    assert said(await bob.binding(auction, 5_000)) == YES
    await stage.until(auction, lambda s: s["stage"] == "final", "bob")
    assert said(await bob.binding(auction, 5_000)) == ("rejected", "BID_TOO_LOW")
    assert said(await bob.binding(auction, 6_000)) == YES
    assert await _sold(stage, auction) == [("bob", 6_000)]


@at_any_pace
async def test_of_several_pools_the_set_of_bids_that_brings_most_wins_and_each_pool_is_settled(stage):
    auction = await stage.hold(
        "packages",
        pool_count=3,
        closes_in_s=3,
        latest_close_at=(stage.context.clock.now() + timedelta(hours=1)).isoformat(),
        packaging="xor_packages",
        increment_cents=100,
        soft_close_window_s=0,
        soft_close_extension_s=0,
    )
    one, two, three = stage.pool_ids
    ada, bob = stage.live["ada"], stage.live["bob"]
    assert said(await ada.package(auction, [one, two], 5_001)) == YES
    assert said(await bob.package(auction, [one], 4_000)) == YES
    assert said(await bob.package(auction, [three], 3_000)) == YES
    assert said(await bob.package(auction, [three], 3_050)) == ("rejected", "BID_TOO_LOW")
    state = await stage.until(auction, lambda s: s["revenue_cents"] == 8_001)
    assert len(state["winning"]) == 2
    assert (await stage.ended(auction))["phase"] == "awarded"
    assert await stage.sales(auction) == [("ada", 2_500), ("ada", 2_501), ("bob", 3_000)]


async def test_a_command_of_another_format_is_refused_and_its_repeat_answered_the_same(stage):
    auction = await stage.hold("fixed_price", closes_in_s=3_600, price_cents=123_400)
    ada = stage.live["ada"]
    assert said(await ada.bid(auction, 5_000, cid="again")) == ("rejected", "MALFORMED")
    assert said(await ada.bid(auction, 5_000, cid="again")) == ("duplicate", "MALFORMED")
    assert said(await ada.arm(auction, 3, cid="again")) == ("rejected", "DUPLICATE_CID")


@at_any_pace
async def test_a_seller_takes_the_highest_bid_below_the_reserve_in_time_and_it_is_sold(stage):
    ladder = [{"from_cents": 0, "increment_cents": 100}]
    auction = await stage.hold(
        "english", closes_in_s=2, opening_cents=1_000, reserve_cents=9_000, increments=ladder,
        soft_close_window_s=0, below_reserve_answer_s=3_600,
    )  # fmt: skip
    ada, seller = stage.live["ada"], stage.live["seller"]
    assert said(await ada.bid(auction, 5_000)) == YES
    assert said(await seller.take_highest(auction, seq_seen=3)) == ("rejected", "NOT_DUE")
    state = await stage.until(auction, lambda s: s["phase"] == "awarding", "seller")
    assert state["answer_until"] == stage.live["ada"].state(auction)["answer_until"]
    assert said(await ada.take_highest(auction, seq_seen=state["seq"])) == ("rejected", "NOT_ELIGIBLE")
    assert said(await seller.take_highest(auction, seq_seen=3)) == ("rejected", "STALE")
    assert said(await seller.take_highest(auction, seq_seen=state["seq"])) == YES
    assert said(await seller.decline_highest(auction, seq_seen=state["seq"])) == ("rejected", "TOO_LATE")
    assert (await stage.ended(auction))["hammer_cents"] == 5_000
    assert await stage.sales(auction) == [("ada", 5_000)]
