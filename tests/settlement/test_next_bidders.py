"""Who is next after a default, in every format: logs of the real core, read by the database as it reads those of the market."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid5

import asyncpg
import pytest
import pytest_asyncio

from auctions.auction import Phase
from auctions.messages import PlaceBid
from auctions.moves import Withdraw
from auctions.record import encode
from auctions.terms import DutchTerms, Packaging, Pricing
from market.bidding import service as bidding
from market.bidding.content import BID_EVENTS, stake_of
from market.bidding.lane import BidOrder, Lane
from market.kit.actor import SYSTEM
from market.settlement import jobs
from market.settlement.service.second_offers import NoRunnerUp
from market.settlement.store import second_offers as store
from tests import factories
from tests.auctions.formats import COMMON
from tests.auctions.samples import CLOSES_AT, OPENS_AT, US, Hall, terms
from tests.auctions.test_asking import FIXED, OFFERS, Table
from tests.auctions.test_binding import ENGLISH, FINAL
from tests.auctions.test_dutch import Clock
from tests.auctions.test_hybrid import BEST_FROM, BEST_TO, SEALED_FROM, SEALED_TO, accepted, challenged
from tests.auctions.test_packages import board
from tests.auctions.test_sealed import BY_CLIENTS, Envelopes, sealed
from tests.auctions.test_two_stage import binding
from tests.settlement.test_second_offers import offer, reply

DUTCH = DutchTerms(**COMMON, start_cents=10_000, floor_cents=7_000, step_cents=1_000, interval_s=60)
_NAMES = UUID("0192f000-0000-7000-8000-000000000000")


def english():
    """bob is outbid at 1,500; cy's bid was struck out; dee never reached bob's."""
    hall = Hall()
    hall.bid("dee", 1_100)
    hall.bid("bob", 1_500)
    hall.bid("cy", 2_000)
    hall.void(hall.auction.seq)
    hall.bid("ada", 3_000)
    hall.close()
    return hall


def bought():
    """ada buys at once: bob's ceiling of 5,000 was never beaten, and all saw 1,100 only."""
    hall = Hall(terms(buy_now_cents=9_000))
    hall.bid("cy", 1_000)
    hall.ceiling("bob", 5_000)
    hall.buy("ada")
    return hall


def envelopes(*bids, **terms):
    """Bids one after the other; an amount of None takes back what its bidder said."""
    hall = Envelopes(sealed(**terms))
    for bidder, cents in bids:
        hall.withdraw(bidder) if cents is None else hall.bid(bidder, cents)
    hall.close()
    return hall


def final_round(*bettered):
    hall = envelopes(("ada", 5_000), ("bob", 4_900), ("cy", 3_000), final_s=3_600, final_top=2)
    for bidder, cents in bettered:
        hall.bid(bidder, cents, at=hall.auction.closes_at - US)
    hall.close()
    return hall


def by_clients():
    """The most that a bid may be is published: 50,000; nobody knows more of them before the opening. bob's cannot be read."""
    hall = Envelopes(sealed(**BY_CLIENTS))
    for bidder, cents in (("ada", 9_000), ("bob", 8_000), ("cy", 7_000)):
        hall.seal(bidder, cents)
    hall.close(CLOSES_AT)
    hall.open(9_000, None, 7_000)
    return hall


def dutch(*armed, disarmed=()):
    hall = Clock(DUTCH)
    for bidder, step in armed:
        hall.arm(bidder, step)
    for bidder in disarmed:
        hall.say(Withdraw(bidder=bidder, cid=hall._cid()), OPENS_AT)
    hall.accept("ada", 0, 10_000, OPENS_AT)
    return hall


def hybrid_best(cents):
    """ada accepted at 9,000, bob and cy sealed 9,500 and 9,300; ada answers, or does not."""
    hall = challenged()
    if cents:
        hall.bid("ada", cents, at=BEST_FROM)
    hall.close(BEST_TO)
    return hall


def hybrid_one():
    hall = accepted()
    hall.bid("bob", 9_500, at=SEALED_FROM)
    hall.close(SEALED_TO)
    hall.close(BEST_TO)
    return hall


def hybrid_alone():
    hall = accepted()
    hall.close(SEALED_TO)
    return hall


def offers():
    """bob lowered its offer, cy took its own back, dee's was refused by the seller."""
    hall = Table(OFFERS)
    for bidder, cents in (("ada", 4_000), ("bob", 9_000), ("cy", 8_000), ("dee", 7_000)):
        hall.bid(bidder, cents)
    hall.refuse(hall.auction.seq)
    hall.withdraw("cy")
    hall.bid("bob", 2_000)
    hall.award(next(event.seq for event in hall.log if getattr(event, "bidder", None) == "ada"))
    return hall


def fixed_price():
    hall = Table(FIXED)
    hall.buy("ada")
    return hall


def two_stage(*bids, **changes):
    hall = binding(**changes)
    for bidder, cents in bids:
        hall.bind(bidder, cents, "now we know more")
    hall.close()
    if hall.auction.phase is Phase.OPEN:
        hall.close()
    return hall


def two_stage_in_the_open():
    hall = binding(**ENGLISH)
    for bidder, cents in (("bob", 5_000), ("ada", 6_000)):
        hall.bid(bidder, cents, at=hall.clock - timedelta(seconds=5))
    hall.close()
    return hall


def packages(*, packaging):
    hall = board(packaging=packaging)
    hall.offer("bob", ("p",), 500)
    hall.offer("ada", ("p",), 900)
    hall.offer("ada", ("q",), 900)
    hall.close()
    return hall


# Name, log, and who is next at what; the winner is "ada" unless another is named.
CASES = [
    ("english", english, ("bob", 1_500)),
    ("english, bought at once: no more than all saw", bought, ("bob", 1_100)),
    ("sealed, first price", lambda: envelopes(("ada", 5_000), ("bob", 4_000), ("cy", 3_000)), ("bob", 4_000)),
    ("sealed, second price: at its own bid", lambda: envelopes(
        ("ada", 5_000), ("bob", 4_000), ("cy", 3_000), pricing=Pricing.SECOND_PRICE), ("bob", 4_000)),
    ("sealed, only the last bid counts", lambda: envelopes(
        ("ada", 5_000), ("bob", 4_900), ("cy", 3_000), ("bob", 2_000)), ("cy", 3_000)),
    ("sealed, a withdrawn bid does not", lambda: envelopes(("ada", 5_000), ("bob", 4_000), ("bob", None)), None),
    ("sealed, a final round that nobody bettered in", final_round, ("bob", 4_900)),
    ("sealed, a bid bettered in the final round", lambda: final_round(("ada", 7_000), ("bob", 6_000)), ("bob", 6_000)),
    ("sealed by the bidders, as opened", by_clients, ("cy", 7_000)),
    ("dutch, nobody else said anything", dutch, None),
    ("dutch, at the step that was armed", lambda: dutch(("bob", 3), ("cy", 2)), ("cy", 8_000)),
    ("dutch, armed anew and disarmed", lambda: dutch(("bob", 1), ("bob", 3), ("cy", 1), disarmed=("cy",)), ("bob", 7_000)),
    ("hybrid, who accepted answers best", lambda: hybrid_best(9_600), ("bob", 9_500)),
    ("hybrid, who accepted does not answer", lambda: hybrid_best(None), ("cy", 9_300)),
    ("hybrid, who accepted is next at what it accepted", hybrid_one, ("ada", 9_000)),
    ("hybrid, nobody challenges", hybrid_alone, None),
    ("best offer, what stands", offers, ("bob", 2_000)),
    ("fixed price: whoever comes first ends it", fixed_price, None),
    ("two stages, sealed", lambda: two_stage(("ada", 6_000), ("bob", 5_500)), ("bob", 5_500)),
    ("two stages, an indication binds nobody", lambda: two_stage(("ada", 6_000)), None),
    ("two stages, best and final", lambda: two_stage(("ada", 6_000), ("bob", 5_500), **FINAL), ("bob", 5_500)),
    ("two stages, in the open", two_stage_in_the_open, ("bob", 5_000)),
    ("packages: a bid for a set is none for one of its pools", lambda: packages(
        packaging=Packaging.XOR_PACKAGES), None),
    ("packages, single pools", lambda: packages(packaging=Packaging.POOLS_ONLY), None),
]  # fmt: skip


@pytest_asyncio.fixture(scope="module")
async def logs(bank, cluster):
    """Puts a played auction into the database, as its owner: the log, and what the gate let through. Returns its id."""
    url = f"{cluster.admin_url.rpartition('/')[0]}/{bank.urls.migrator.rpartition('/')[2]}"
    owner = await asyncpg.connect(url)
    await owner.execute("SET session_replication_role = replica")

    async def put(hall) -> UUID:
        auction_id = bank.context.chance.new_id()
        await owner.executemany(
            "INSERT INTO auction_event (auction_id, seq, at, kind, body, hash) VALUES ($1, $2, $3, $4, $5, $6)",
            [(auction_id, each.seq, each.at, each.kind, encode(each).decode(), b"\0" * 32) for each in hall.log],
        )
        told = [each for each in hall.log if isinstance(each, BID_EVENTS) and not getattr(each, "armed_seq", None)]
        await owner.executemany(
            """INSERT INTO bid (auction_id, org_id, cid, seq, kind, amount_cents, confirmed, clearance_id, placed_by,
                min_next_cents, received_at, decided_at) VALUES ($1, $2, $3, $4, $5, $6, false, $2, $2, 1, $7, $7)""",
            [
                (auction_id, uuid5(_NAMES, each.bidder), each.cid, each.seq,
                 "manual" if (stake := stake_of(each, hall.terms)) else "withdraw", stake, each.at)
                for each in told
            ],
        )  # fmt: skip
        return auction_id

    yield put
    await owner.close()


@pytest.mark.parametrize(("make", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
async def test_the_next_bidder_is_the_best_of_the_others_by_what_stands(bank, logs, make, expected):
    hall = make()
    assert hall.auction.phase is Phase.AWARDED, hall.auction.phase
    winner = hall.auction.winner or hall.log[-1].awards[0].bidder
    auction_id = await logs(hall)
    async with bank.context.db.begin(SYSTEM) as tx:
        found = await store.runner_up(tx, auction_id, but_org_id=uuid5(_NAMES, winner))
    assert found == (expected and (uuid5(_NAMES, expected[0]), expected[1]))


def test_every_format_is_among_the_cases():
    assert {type(make().terms).__name__ for _, make, _ in CASES} == {
        "EnglishTerms", "SealedTerms", "DutchTerms", "HybridTerms", "BestOfferTerms", "FixedPriceTerms", "TwoStageTerms",
        "PackageTerms",
    }  # fmt: skip


async def sealed_sale(bank, *amounts):
    """(settlement in sign_default, the bidders): a sealed auction of the marketplace, won by the first of them."""
    context = bank.context
    bidders = [await factories.buyer(context, bank.officers) for _ in amounts]
    pool_id = await factories.keyed_pool(context, bank.seller)
    lane = Lane(context)
    await lane.start()
    try:
        now = context.clock.now()
        terms = {
            "opens_at": now - timedelta(seconds=1),
            "closes_at": now + timedelta(seconds=3),
            "opening_cents": 10_000_00,
        }
        said = {name: value.isoformat() if name.endswith("_at") else value for name, value in terms.items()}
        order = bidding.PublishOrder(pool_id=pool_id, format="sealed", terms=said, deposit_cents=0)
        async with context.db.begin(bank.seller.actor) as tx:
            auction = await bidding.publish(tx, bank.seller.actor, order, now=now, chance=context.chance)
        for party, cents in zip(bidders, amounts, strict=True):
            await factories.register_for(context, party, auction)
            bid = PlaceBid(bidder=str(party.org_id), cid="1", amount_cents=cents)
            answer = await lane.submit(BidOrder(party.actor, auction.auction_id, bid, context.clock.now()))
            assert answer.status == "accepted", answer
        async with asyncio.timeout(20):
            while (seen := lane.states.peek(auction.auction_id)) is None or seen.auction.phase is not Phase.AWARDED:
                await asyncio.sleep(0.02)
    finally:
        await lane.stop()
    await factories.settlement_in(context, "signing", auction)
    await jobs.pass_deadlines(bank.later(days=6))
    return await factories.settlement_in(context, "sign_default", auction), bidders


async def test_a_sealed_sale_goes_to_the_next_bidder_and_after_its_default_to_the_third_never_back(bank):
    first, (_, second, third) = await sealed_sale(bank, 30_000_00, 20_000_00, 15_000_00)
    made = await offer(bank.context, bank.seller, first)
    assert (made.org_id, made.amount_cents) == (second.org_id, 20_000_00)
    await reply(bank.context, second, made, accept=True)
    again = await defaulted_again(bank, second)
    made = await offer(bank.context, bank.seller, again)
    assert (made.org_id, made.amount_cents) == (third.org_id, 15_000_00)
    await reply(bank.context, third, made, accept=True)
    last = await defaulted_again(bank, third)
    with pytest.raises(NoRunnerUp):
        await offer(bank.context, bank.seller, last)


async def defaulted_again(bank, buyer):
    """The buyer's only sale, once it was not signed in time."""
    found = []

    async def there(state="signing"):
        async with bank.context.db.begin(buyer.actor) as tx:
            page = await factories.settlements.list_settlements(tx, buyer.actor, factories.PageRequest(10))
        found[:] = page.items
        return bool(found) and found[0].state == state

    await factories.until(bank.context, there)
    await jobs.pass_deadlines(bank.later(days=6))
    await there()
    return found[0]
