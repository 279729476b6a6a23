"""The gate in the database: no bid gets in that it has not checked, whoever writes it, as the server's own role."""

import asyncio
import json
from contextlib import asynccontextmanager
from hashlib import sha256

import asyncpg
import pytest

from auctions.engine import decide, evolve, replay
from auctions.messages import AuctionClosed, Awarded, PlaceBid, Reason
from auctions.record import decode, encode
from market.bidding.lane import BidOrder
from market.compliance import service as compliance
from market.journal import service as journal
from market.kit.actor import SYSTEM
from market.portfolios import service as portfolios
from market.portfolios.nda import NDA_VERSION
from tests import factories
from tests.bidding.conftest import bid, count_of, events_of, new_cid

_BID = """INSERT INTO bid (auction_id, org_id, cid, seq, kind, amount_cents, confirmed, clearance_id, placed_by, notice,
    min_next_cents, received_at, decided_at)
    VALUES ($1, $2, $3, $4, 'manual', $5, false, $6, $7, NULL, 1, now(), now())"""
_EVENT = "INSERT INTO auction_event (auction_id, seq, at, kind, body, hash) VALUES ($1, $2, now(), $3, $4, $5)"
_BOTH = """WITH b AS (INSERT INTO bid (auction_id, org_id, cid, seq, kind, amount_cents, confirmed, clearance_id,
        placed_by, notice, min_next_cents, received_at, decided_at)
        VALUES ($1, $2, $3, $4, 'manual', $5, false, $6, $7, NULL, 1, now(), now()))
    INSERT INTO auction_event (auction_id, seq, at, kind, body, hash)
    SELECT $1, seq, now(), kind, body, hash
    FROM unnest($8::bigint[], $9::text[], $10::text[], $11::bytea[]) AS e (seq, kind, body, hash)"""


@asynccontextmanager
async def as_app(hall, *, role="system", org_id=""):
    """The server's own login, in a transaction of this scope, without any of its code."""
    connection = await hall.context.db.raw_connection()
    try:
        async with connection.transaction():
            await connection.execute("SELECT set_config('app.role', $1, true)", role)
            await connection.execute("SELECT set_config('app.org_id', $1, true)", str(org_id))
            yield connection
    finally:
        await connection.close()


async def forge(hall, room, party, **changes):
    """Write a bid and its events as the engine would, past all code; `changes` say what is wrong with it."""
    given = {"amount_cents": 100_000, "clearance_id": party.clearances.get("bid"), "org_id": party.org_id} | changes
    auction = replay(decode(row["body"]) for row in await events_of(hall, room.auction_id))
    command = PlaceBid(bidder=str(given["org_id"]), cid=new_cid(), amount_cents=given["amount_cents"], confirmed=True)
    decision = decide(auction, command, hall.context.clock.now())
    lines = []
    for event in decision.events:
        auction = evolve(auction, event)
        lines.append((room.auction_id, event.seq, event.kind, encode(event).decode(), auction.head))
    placed = next(event.seq for event in decision.events if event.kind == "bid_accepted")
    async with as_app(hall, role=given.get("role", "system"), org_id=given.get("scope", "")) as app:
        await app.execute(
            _BOTH, room.auction_id, given["org_id"], command.cid, placed, given["amount_cents"],
            given["clearance_id"] or hall.context.chance.new_id(), party.user_id,
            *([line[place] for line in lines] for place in range(1, 5)),
        )  # fmt: skip
        if given.get("role", "system") == "system":
            await app.execute(
                "UPDATE auction SET seq = $2, head = $3, phase = 'open' WHERE auction_id = $1",
                room.auction_id, auction.seq, auction.head,
            )  # fmt: skip


async def refuses(attempt, word):
    with pytest.raises(asyncpg.PostgresError, match=word):
        await attempt


async def test_a_forged_bid_that_is_right_in_everything_gets_in(hall):
    """The other attacks fail for what is wrong with them, and not because all do."""
    room = await hall.room()
    await forge(hall, room, room.buyers[0])
    assert await count_of(hall, "bid", room.auction_id) == 1


async def test_the_gate_refuses_each_flaw_by_itself(hall):
    room = await hall.room(buyer_count=2)
    one, other = room.buyers
    stranger = await factories.register_member(hall.context)
    narrow = await factories.cleared_organisation(hall.context, ("bid",), states=("CA",), officers=hall.officers)
    euro = await factories.cleared_organisation(hall.context, ("bid",), currency="EUR", officers=hall.officers)
    await refuses(forge(hall, room, stranger), "clearance")
    await refuses(forge(hall, room, one, clearance_id=other.clearances["bid"]), "clearance|fk_bid")
    await refuses(forge(hall, room, hall.seller, clearance_id=hall.seller.clearances["list"]), "clearance|fk_bid")
    await refuses(forge(hall, room, hall.seller), "own pool")
    await refuses(forge(hall, room, one, amount_cents=10_000_000_01), "above the limit")
    await refuses(forge(hall, room, hall.buyers[3]), "not registered")
    await refuses(forge(hall, room, narrow), "not registered")
    for party, word in ((narrow, "debtor state"), (euro, "currency")):
        await register_past_all_code(hall, room, party)
        await refuses(forge(hall, room, party), word)
    assert await count_of(hall, "bid", room.auction_id) == 0
    assert "bid_accepted" not in {row["kind"] for row in await events_of(hall, room.auction_id)}


async def register_past_all_code(hall, room, party):
    async with as_app(hall) as app:
        await app.execute(
            "INSERT INTO registration (auction_id, org_id, seller_org_id, clearance_id, registered_by, at)"
            " VALUES ($1, $2, $3, $4, $5, now())",
            room.auction_id, party.org_id, hall.seller.org_id, party.clearances["bid"], party.user_id,
        )  # fmt: skip


async def test_a_deposit_that_is_asked_for_is_asked_for_by_the_gate_too(hall):
    room = await hall.room(buyer_count=0, deposit_cents=1_000)
    await register_past_all_code(hall, room, hall.buyers[0])
    await refuses(forge(hall, room, hall.buyers[0]), "no deposit")


async def test_a_seller_cannot_even_be_registered_for_its_own_pool(hall):
    room = await hall.room(buyer_count=0)
    await refuses(register_past_all_code(hall, room, hall.seller), "ck_registration_own_pool")


async def test_an_ended_or_expired_clearance_lets_no_bid_in(hall, lane):
    room = await hall.room(buyer_count=0)
    party = await factories.buyer(hall.context, hall.officers)
    await factories.register_for(hall.context, party, room.auction)
    await end(hall, party)
    await refuses(forge(hall, room, party), "ended")
    answer = await lane.submit(bid(hall.context, party, room.auction_id, 100_000))
    assert answer.code is Reason.NOT_CLEARED


async def end(hall, party):
    officer = hall.officers[0].actor
    async with hall.context.db.begin_as_officer(officer) as tx:
        now = hall.context.clock.now()
        await compliance.end_clearance(tx, officer, party.clearances["bid"], "a sanctions hit", now)


async def test_an_event_of_a_bid_that_was_not_placed_is_refused(hall):
    room = await hall.room()
    last = (await events_of(hall, room.auction_id))[-1]
    said = {
        "auction_id": str(room.auction_id),
        "seq": 2,
        "kind": "bid_accepted",
        "bidder": "x",
        "cid": "c",
        "amount_cents": 1,
    }
    body = json.dumps(said)
    async with as_app(hall) as app:
        await refuses(
            app.execute(
                _EVENT, room.auction_id, 2, "bid_accepted", body, sha256(last["hash"] + body.encode()).digest()
            ),
            "not placed",
        )


@pytest.mark.parametrize(
    ("seq", "kind", "spoil", "word"),
    [
        (3, "auction_opened", b"", "before it is missing"),
        (2, "auction_opened", b"x", "hash does not follow"),
        (2, "auction_scheduled", b"", "only once"),
    ],
)
async def test_events_follow_without_a_gap_and_in_the_chain(hall, seq, kind, spoil, word):
    room = await hall.room()
    last = (await events_of(hall, room.auction_id))[-1]
    body = json.dumps({"auction_id": str(room.auction_id), "seq": seq, "kind": kind})
    async with as_app(hall) as app:
        digest = sha256(last["hash"] + body.encode() + spoil).digest()
        await refuses(app.execute(_EVENT, room.auction_id, seq, kind, body, digest), word)


async def test_a_bid_without_its_event_is_refused(hall):
    room = await hall.room()
    party = room.buyers[0]
    async with as_app(hall) as app:
        await refuses(
            app.execute(_BID, room.auction_id, party.org_id, "c", 2, 100_000, party.clearances["bid"], party.user_id),
            "no event",
        )


async def test_the_server_cannot_change_or_take_back_what_was_written(hall, lane):
    room = await hall.room()
    await lane.submit(bid(hall.context, room.buyers[0], room.auction_id, 100_000))
    statements = [
        "UPDATE bid SET amount_cents = 1",
        "DELETE FROM bid",
        "TRUNCATE bid",
        "UPDATE auction_event SET body = ''",
        "DELETE FROM auction_event",
        "UPDATE bid_refusal SET code = 'X'",
        "DELETE FROM award",
        "UPDATE auction SET org_id = org_id",
        "UPDATE auction SET terms = terms",
        "UPDATE auction SET deposit_cents = 0",
        "DELETE FROM auction",
        "INSERT INTO bid (placed_at) VALUES (now())",
        "ALTER TABLE bid DISABLE TRIGGER ALL",
        "DROP TRIGGER bid_gate ON bid",
        "SET session_replication_role = replica",
        "UPDATE clearance SET max_bid_cents = max_bid_cents",
        "DELETE FROM clearance_end",
    ]
    for statement in statements:
        async with as_app(hall) as app:
            await refuses(app.execute(statement), "permission denied|must be owner|append-only")


async def test_even_the_owner_of_the_tables_cannot_rewrite_bids(hall, lane):
    room = await hall.room()
    await lane.submit(bid(hall.context, room.buyers[0], room.auction_id, 100_000))
    owner = await hall.migrator()
    for statement in ("UPDATE bid SET amount_cents = 1", "DELETE FROM auction_event", "TRUNCATE bid_refusal"):
        await refuses(owner.execute(statement), "append-only")
    await owner.close()


async def test_an_organisation_writes_and_reads_its_own_rows_only(hall, lane):
    room = await hall.room()
    one, other = room.buyers[:2]
    await lane.submit(bid(hall.context, one, room.auction_id, 100_000))
    for scope in (other.org_id, one.org_id):
        attempt = forge(hall, room, one, amount_cents=200_000, role="member", scope=scope)
        await refuses(attempt, "row-level security")
    async with as_app(hall, role="member", org_id=other.org_id) as app:
        for table in ("bid", "auction_event", "bid_refusal"):
            assert await app.fetchval(f"SELECT count(*) FROM {table} WHERE auction_id = $1", room.auction_id) == 0
        assert await app.fetchval("SELECT count(*) FROM registration WHERE org_id <> $1", other.org_id) == 0
        await refuses(app.fetch("SELECT * FROM bidder_facts($1, $2)", [room.auction_id], [one.org_id]), "lane's own")


async def test_officers_and_operators_read_no_bid_before_the_end(hall, lane):
    room = await hall.room(buyer_count=1)
    bidder = room.buyers[0]
    assert (await lane.submit(bid(hall.context, bidder, room.auction_id, 100_000))).holds
    assert not (await lane.submit(bid(hall.context, bidder, room.auction_id, 1))).holds

    async def counts(role):
        async with as_app(hall, role=role) as app:
            return [
                await app.fetchval(f"SELECT count(*) FROM {table} WHERE auction_id = $1", room.auction_id)
                for table in ("bid", "bid_refusal", "auction_event")
            ]

    assert min(await counts("system")) > 0
    for role in ("officer", "operator"):
        assert await counts(role) == [0, 0, 0]
    await award_past_all_code(hall, room, bidder, 100_000)
    for role in ("officer", "operator"):
        assert await counts(role) == await counts("system")


async def test_a_closed_circle_is_hidden_from_everybody_else(hall, lane):
    invited, uninvited = hall.buyers[:2]
    auction = await factories.published_auction(hall.context, hall.seller, invited=[invited])
    for party, seen in ((invited, 1), (uninvited, 0), (hall.seller, 1)):
        async with as_app(hall, role="member", org_id=party.org_id) as app:
            found = await app.fetchval("SELECT count(*) FROM auction WHERE auction_id = $1", auction.auction_id)
        assert found == seen


async def test_no_bid_is_late_when_clearances_end_while_thousands_race(hall, make_lane):
    """0 bids may be placed at or after the end of their clearance, by the lane or by raw SQL beside it."""
    rooms = [await hall.room(buyer_count=0) for _ in range(2)]
    parties = [await factories.buyer(hall.context, hall.officers) for _ in range(4)]
    for room in rooms:
        for party in parties:
            await factories.register_for(hall.context, party, room.auction)
    lanes = [await make_lane(), await make_lane()]
    amounts = iter(range(100_000, 10_000_000_00, 10_000))
    answers, stop = [], asyncio.Event()

    async def race(party, lane):
        while not stop.is_set():
            orders = [racing_bid(hall, party, room, next(amounts)) for room in rooms for _ in range(4)]
            answers.extend(await asyncio.gather(*(lane.submit(order) for order in orders)))

    async def go_on():
        wanted = len(answers) + 250
        async with asyncio.timeout(120):
            while len(answers) < wanted:
                await asyncio.sleep(0.01)

    racing = [asyncio.create_task(race(party, lane)) for party in parties for lane in lanes]
    for party in parties:
        await go_on()
        await end(hall, party)
    await go_on()
    stop.set()
    await asyncio.gather(*racing)
    owner = await hall.migrator()
    late = await owner.fetchval(
        "SELECT count(*) FROM bid b JOIN clearance_end e USING (clearance_id) WHERE b.placed_at >= e.ended_at"
    )
    against = await owner.fetchval("SELECT count(*) FROM bid_against_the_rules")
    await owner.close()
    accepted = sum(answer.holds for answer in answers)
    refused = sum(answer.code is Reason.NOT_CLEARED for answer in answers)
    assert (late, against) == (0, 0)
    assert accepted > 100
    assert refused > 100
    assert len(answers) > 1_000


def racing_bid(hall, party, room, amount_cents):
    command = PlaceBid(bidder=str(party.org_id), cid=new_cid(), amount_cents=amount_cents, confirmed=True)
    return BidOrder(party.actor, room.auction_id, command, hall.context.clock.now())


async def award_past_all_code(hall, room, winner, hammer_cents):
    """Close the auction and award it, as the server's own login, with events that follow."""
    auction = replay(decode(row["body"]) for row in await events_of(hall, room.auction_id))
    name, now, org_id = str(room.auction_id), hall.context.clock.now(), str(winner.org_id)
    closed = AuctionClosed(auction_id=name, seq=auction.seq + 1, at=now)
    awarded = Awarded(
        auction_id=name, seq=auction.seq + 2, at=now, winner=org_id, winner_paddle=1, hammer_cents=hammer_cents
    )
    async with as_app(hall) as app:
        for event in (closed, awarded):
            auction = evolve(auction, event)
            await app.execute(
                "INSERT INTO auction_event (auction_id, seq, at, kind, body, hash) VALUES ($1, $2, $3, $4, $5, $6)",
                room.auction_id, event.seq, event.at, event.kind, encode(event).decode(), auction.head,
            )  # fmt: skip
        await app.execute(
            "UPDATE auction SET seq = $2, head = $3, phase = 'awarded' WHERE auction_id = $1",
            room.auction_id, auction.seq, auction.head,
        )  # fmt: skip
        await app.execute(
            "INSERT INTO award (auction_id, pool_id, winner_org_id, seller_org_id, hammer_cents, currency, seq, at)"
            " SELECT auction_id, pool_id, $2, org_id, $3, currency, $4, $5 FROM auction WHERE auction_id = $1",
            room.auction_id, winner.org_id, hammer_cents, auction.seq, now,
        )  # fmt: skip


async def test_nobody_wins_without_a_bid_that_stands_and_covers_the_price(hall, lane):
    room, never_bid = await hall.room(buyer_count=1), await hall.room(buyer_count=0)
    stranger, bidder = await factories.register_member(hall.context), room.buyers[0]
    for nobody in (stranger, bidder):
        await refuses(award_past_all_code(hall, never_bid, nobody, 1), "no bid of the winner")
    answer = await lane.submit(racing_bid(hall, bidder, room, 7_000_00))
    assert answer.status == "accepted", answer
    await refuses(award_past_all_code(hall, room, bidder, 7_000_01), "no bid of the winner")
    await refuses(award_past_all_code(hall, room, stranger, 1), "no bid of the winner")
    await award_past_all_code(hall, room, bidder, 7_000_00)


async def test_the_auditor_counts_awards_without_a_bid(hall):
    async def count():
        async with hall.context.db.begin(SYSTEM) as tx:
            return dict(await journal.breaches(tx))["award_without_a_bid"]

    room, before = await hall.room(buyer_count=0), await count()
    owner = await hall.migrator()
    await owner.execute("ALTER TABLE award DISABLE TRIGGER award_follows")
    await award_past_all_code(hall, room, await factories.register_member(hall.context), 1)
    await owner.execute("ALTER TABLE award ENABLE TRIGGER award_follows")
    await owner.close()
    assert await count() == before + 1


async def test_a_member_writes_nothing_that_is_the_lanes(hall, lane):
    """With the server's own login and a member's scope, and no code of ours in between."""
    room = await hall.room(buyer_count=1, deposit_cents=1_000)
    buyer, lone = room.buyers[0], hall.buyers[3]
    async with as_app(hall, role="member", org_id=hall.seller.org_id) as app:
        moved = await app.execute("UPDATE auction SET phase = 'awarded' WHERE auction_id = $1", room.auction_id)
        assert moved == "UPDATE 0"
        award = "INSERT INTO award VALUES ($1, $2, $3, 5, 'USD', 1, now(), $4)"
        forged = (room.auction_id, buyer.org_id, hall.seller.org_id, room.auction.pool_id)
        await refuses(app.execute(award, *forged), "row-level security")
    async with as_app(hall) as app:
        await refuses(app.execute(award, *forged), "no event says")
    pool_id = await factories.bare_pool(hall.context, hall.seller)
    for change in ("face_value_cents = 1", "commitment_root = repeat('0', 64)", "debtor_states = '{}'"):
        async with as_app(hall, role="member", org_id=hall.seller.org_id) as app:
            await refuses(app.execute(f"UPDATE pool SET {change} WHERE pool_id = $1", pool_id), "stays as it was cut")
    await refuses(register_as(hall, room, lone), "not accepted")
    async with hall.context.db.begin(lone.actor) as tx:
        now = hall.context.clock.now()
        await portfolios.accept_nda(tx, lone.actor, room.auction.pool_id, NDA_VERSION, now=now)
    await refuses(register_as(hall, room, lone), "no such deposit")


async def register_as(hall, room, party):
    async with as_app(hall, role="member", org_id=party.org_id) as app:
        await app.execute("SELECT set_config('app.user_id', $1, true)", str(party.user_id))
        await app.execute(
            "INSERT INTO registration (auction_id, org_id, seller_org_id, clearance_id, deposit_transfer_id,"
            " registered_by, at) VALUES ($1, $2, $3, $4, $5, $6, now())",
            room.auction_id, party.org_id, hall.seller.org_id, party.clearances["bid"], hall.context.chance.new_id(),
            party.user_id,
        )  # fmt: skip
