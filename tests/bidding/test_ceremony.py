"""Sealed bids that the market cannot read: the ceremony from key to transcript, and what thieves find before it."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from click.testing import CliRunner

from auctions.auction import Phase
from auctions.moves import BidSealed, OpenBids, Opened, SealBid, Stage
from auctions.proof import verify
from auctions.record import decode
from auctions.sealed import sealing_key_of
from auctions.terms import SealedTerms, Sealing
from market.bidding import service as bidding
from market.bidding import shares
from market.bidding.ceremony import ceremony
from market.bidding.envelopes import open_all, public_key_of, seal, unseal
from market.bidding.move_schemas import OpeningBody, SealedBids
from market.bidding.rules import BadTerms, NotSealed
from tests import factories
from tests.auctions.formats import COMMON
from tests.auctions.samples import CLOSES_AT, US, Hall
from tests.auctions.test_proof import log_of
from tests.bidding.conftest import events_of, new_cid, say

AMOUNTS = (7_771_313, 6_543_217)
SECRETS = (7_913_579, 6_864_209)  # occur nowhere by accident, and are never opened


def run(*arguments):
    done = CliRunner().invoke(ceremony, [str(argument) for argument in arguments])
    return done.exit_code, done.output


@pytest.fixture
def keys(tmp_path):
    assert run("make-key", "--out", tmp_path / "keys")[0] == 0
    return tmp_path / "keys"


def sealing_key(keys):
    return json.loads((keys / "public.json").read_text())["sealing_key"]


async def sealed_auction(hall, keys, *, closes_in_s=3.0, **changes):
    now = hall.context.clock.now()
    pool_id = await factories.bare_pool(hall.context, hall.seller)
    terms = {
        "opens_at": (now - timedelta(seconds=1)).isoformat(),
        "closes_at": (now + timedelta(seconds=closes_in_s)).isoformat(),
        "opening_cents": 100_000,
        "sealing": "client",
        "sealing_key": sealing_key(keys),
        "most_cents": 9_000_000,
    } | changes
    order = bidding.PublishOrder(pool_id=pool_id, format="sealed", terms=terms, deposit_cents=0)
    async with hall.context.db.begin(hall.seller.actor) as tx:
        auction = await bidding.publish(tx, hall.seller.actor, order, now=now, chance=hall.context.chance)
    for party in hall.buyers[:3]:
        await factories.register_for(hall.context, party, auction)
    return auction


async def hand_in(hall, lane, keys, auction, party, amount_cents, *, sealed=None):
    code, made = run(
        "seal", "--key", sealing_key(keys), "--auction", auction.auction_id, "--bidder", party.org_id,
        "--amount-cents", amount_cents,
    )  # fmt: skip
    assert code == 0
    bid = json.loads(made) | ({"sealed": sealed} if sealed else {})
    command = SealBid(bidder=str(party.org_id), cid=new_cid(), **bid)
    return await say(lane, hall.context, party.actor, auction.auction_id, command)


async def until_opening(hall, lane, auction):
    async with asyncio.timeout(15):
        while (found := lane.states.peek(auction.auction_id)) is None or found.auction.book.stage is not Stage.OPENING:
            await asyncio.sleep(0.01)


async def taken_out(hall, lane, auction):
    """The file that an officer carries to the ceremony."""
    found = await bidding.sealed_bids(hall.context, lane.states, hall.officers[0].actor, auction.auction_id)
    return msgspec.json.encode(SealedBids.build(found))


async def test_two_of_three_officers_open_what_the_market_could_not_read_and_the_transcript_fits_the_log(
    hall, lane, keys, tmp_path
):
    auction = await sealed_auction(hall, keys, closes_in_s=6.0)
    for party, amount_cents in zip(hall.buyers, AMOUNTS, strict=False):
        assert (await hand_in(hall, lane, keys, auction, party, amount_cents)).holds
    spoilt = await hand_in(hall, lane, keys, auction, hall.buyers[2], 8_888_888, sealed="bm90aGluZw==")
    assert spoilt.holds
    with pytest.raises(NotSealed):
        await taken_out(hall, lane, auction)
    await until_opening(hall, lane, auction)
    bids, transcript = tmp_path / "bids.json", tmp_path / "transcript.json"
    bids.write_bytes(await taken_out(hall, lane, auction))
    code, words = run("open", bids, "--share", keys / "share-1.json", "--out", transcript)
    assert (code, "do not make up" in words) == (1, True)
    code, words = run(
        "open", bids, "--share", keys / "share-3.json", "--share", keys / "share-1.json", "--out", transcript
    )
    assert (code, words) == (0, "3 bids opened, 1 of them cannot be read\n")
    made = json.loads(transcript.read_text())
    opened = msgspec.convert({"opened": made["opened"]}, OpeningBody).to_opened()
    officer = hall.officers[0].actor
    for stranger in (hall.seller.actor, hall.buyers[0].actor, hall.operator.actor):
        command = OpenBids(opened=opened, key=made["key"])
        refused = await say(lane, hall.context, stranger, auction.auction_id, command)
        assert refused.code == "NOT_ELIGIBLE"
    for key in (None, "0" * 63 + "1"):
        refused = await say(lane, hall.context, officer, auction.auction_id, OpenBids(opened=opened, key=key))
        assert refused.code == "MALFORMED"
    lied = (Opened(bid_seq=opened[0].bid_seq, amount_cents=None), *opened[1:])
    assert (await say(lane, hall.context, officer, auction.auction_id, OpenBids(opened=lied, key=made["key"]))).holds
    ended = lane.states.peek(auction.auction_id).auction
    assert (ended.phase, ended.hammer_cents) == (Phase.AWARDED, AMOUNTS[0])
    assert [bid.flaw for bid in ended.book.opened] == [None, None, "UNREADABLE"]
    await compared(hall, auction, transcript, tmp_path)


async def test_a_key_serves_one_round_of_one_auction_whoever_publishes_with_it(hall, keys, tmp_path):
    await sealed_auction(hall, keys)
    assert run("make-key", "--out", tmp_path / "other")[0] == 0
    used, fresh = sealing_key(keys), sealing_key(tmp_path / "other")
    for field, first, final in (("sealing_key", used, fresh), ("final_sealing_key", fresh, used)):
        terms = {"final_s": 60, "final_top": 2, "sealing_key": first, "final_sealing_key": final}
        with pytest.raises(BadTerms) as refused:
            await sealed_auction(hall, keys, **terms)
        assert refused.value.field == f"terms.{field}"


async def test_a_key_has_one_spelling_and_hides_what_is_sealed_to_it(hall, keys, tmp_path):
    assert run("make-key", "--out", tmp_path / "other")[0] == 0
    used, fresh = sealing_key(keys), sealing_key(tmp_path / "other")
    same = used[:-2] + f"{int(used[-2:], 16) | 0x80:02x}"  # X25519 looks away from the highest bit
    everybodys = "00" * 32  # what is agreed with it is nothing but zeros
    for field, first, final in (
        ("final_sealing_key", used, same),
        ("sealing_key", same, fresh),
        ("final_sealing_key", used, everybodys),
        ("sealing_key", "ec" + "ff" * 30 + "7f", fresh),
        ("sealing_key", "ee" + "ff" * 30 + "7f", fresh),
    ):
        terms = {"final_s": 60, "final_top": 2, "sealing_key": first, "final_sealing_key": final}
        with pytest.raises(BadTerms, match="make-key") as refused:
            await sealed_auction(hall, keys, **terms)
        assert refused.value.field == f"terms.{field}"


async def test_of_two_who_publish_one_key_at_the_same_time_one_does(hall, keys):
    ended = await asyncio.gather(*(sealed_auction(hall, keys) for _ in range(4)), return_exceptions=True)
    assert sorted(type(one).__name__ for one in ended) == ["Auction", "BadTerms", "BadTerms", "BadTerms"]


async def compared(hall, auction, transcript, tmp_path):
    """Anybody compares the transcript with the log; one changed amount shows."""
    log = tmp_path / "log.jsonl"
    async with hall.context.db.begin(hall.seller.actor) as tx:
        found = await bidding.find_auction(tx, auction.auction_id)
    lines = await bidding.log_lines(hall.context, hall.seller.actor, found)
    log.write_bytes(b"".join([line async for line in lines]))
    assert run("check", transcript, log)[0] == 0
    told = json.loads(transcript.read_text())
    for spoil in (
        lambda: told["opened"][0].update(amount_cents=1),
        lambda: told["bids"][0].update(commitment="0" * 64),
        lambda: told.update(head="0" * 64),
    ):
        spoil()
        spoilt = tmp_path / "spoilt.json"
        spoilt.write_text(json.dumps(told))
        assert run("check", spoilt, log)[0] == 1


async def test_one_officer_without_the_key_decides_nothing_and_an_outrageous_amount_stops_nothing(hall, lane, keys):
    auction = await sealed_auction(hall, keys)
    assert (await hand_in(hall, lane, keys, auction, hall.buyers[0], AMOUNTS[0])).holds
    # The command refuses such an amount; who writes its own client seals what it likes.
    bidder = str(hall.buyers[1].org_id)
    bid = seal(
        sealing_key(keys), auction_id=str(auction.auction_id), bidder=bidder, amount_cents=2**62, salt=bytes(range(16))
    )
    command = SealBid(bidder=bidder, cid=new_cid(), sealed=bid.sealed, commitment=bid.commitment)
    assert (await say(lane, hall.context, hall.buyers[1].actor, auction.auction_id, command)).holds
    await until_opening(hall, lane, auction)
    seqs = sorted(lane.states.peek(auction.auction_id).auction.book.offers)
    lie = tuple(Opened(bid_seq=seq, amount_cents=None) for seq in seqs)
    refused = await say(lane, hall.context, hall.officers[0].actor, auction.auction_id, OpenBids(opened=lie))
    assert refused.code == "MALFORMED"
    parts = [json.loads((keys / f"share-{number}.json").read_text()) for number in (1, 2)]
    key = shares.join({part["number"]: bytes.fromhex(part["share"]) for part in parts}).hex()
    command = OpenBids(opened=lie, key=key)
    assert (await say(lane, hall.context, hall.officers[0].actor, auction.auction_id, command)).holds
    ended = lane.states.peek(auction.auction_id).auction
    assert (ended.hammer_cents, [bid.flaw for bid in ended.book.opened]) == (AMOUNTS[0], [None, "UNREADABLE"])


async def test_who_steals_the_database_and_all_that_the_server_knows_finds_no_amount(hall, lane, keys, tmp_path):
    auction = await sealed_auction(hall, keys, closes_in_s=3_600)
    for party, amount_cents in zip(hall.buyers, SECRETS, strict=False):
        assert (await hand_in(hall, lane, keys, auction, party, amount_cents)).holds
    loot = await everything(hall) + everything_on_disk(hall) + repr(hall.context.settings)
    loot += repr(lane.states.peek(auction.auction_id))
    assert str(auction.auction_id) in loot
    for amount_cents in SECRETS:
        assert str(amount_cents) not in loot
    shares = [json.loads((keys / f"share-{number}.json").read_text())["share"] for number in (1, 2, 3)]
    assert all(share not in loot for share in shares)
    events = [decode(row["body"]) for row in await events_of(hall, auction.auction_id)]
    bids = [event for event in events if isinstance(event, BidSealed)]
    assert len({len(bid.sealed) for bid in bids}) == 1  # the length says nothing either
    for bid in bids:  # the server's own keys open nothing
        for stolen in (bytes(32), bytes.fromhex(shares[0])):
            assert unseal(stolen, bid.sealed, auction_id=bid.auction_id, bidder=bid.bidder) is None


async def everything(hall):
    """Every row of every table, as text."""
    owner = await hall.admin()
    try:
        tables = await owner.fetch(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
        rows = [await owner.fetch(f'SELECT t::text FROM "{name}" AS t') for (name,) in tables]
    finally:
        await owner.close()
    return "\n".join(row[0] for found in rows for row in found)


def everything_on_disk(hall):
    files = [path for path in hall.context.settings.data_dir.rglob("*") if path.is_file()]
    return "\n".join(path.read_bytes().decode("latin-1") for path in files)


def test_what_one_bidder_sealed_opens_for_no_other_bidder_and_in_no_other_auction():
    private = bytes(range(32))
    bid = seal(public_key_of(private), auction_id="a", bidder="ada", amount_cents=5, salt=bytes(16))
    assert unseal(private, bid.sealed, auction_id="a", bidder="ada").amount_cents == 5
    assert unseal(private, bid.sealed, auction_id="a", bidder="bob") is None
    assert unseal(private, bid.sealed, auction_id="b", bidder="ada") is None
    assert unseal(bytes(32), bid.sealed, auction_id="a", bidder="ada") is None


def test_a_key_is_never_written_over_another(keys):
    assert run("make-key", "--out", keys)[0] == 1


def test_the_whole_key_is_in_none_of_the_files(keys):
    assert sorted(path.name for path in keys.iterdir()) == [
        "public.json",
        "share-1.json",
        "share-2.json",
        "share-3.json",
    ]
    for path in keys.iterdir():
        facts = json.loads(path.read_text())
        assert all(
            public_key_of(bytes.fromhex(value)) != facts["sealing_key"] for value in facts.values() if is_key(value)
        )


def is_key(value):
    return isinstance(value, str) and len(value) == 64


def test_the_joined_key_of_the_first_round_opens_no_final_bid():
    """Whoever joined the shares to open the first bids could read the final ones as they came; so they have their own key."""
    first, final = bytes(range(32)), bytes(range(1, 33))
    hall = Hall(
        SealedTerms(
            **COMMON, closes_at=CLOSES_AT, opening_cents=1_000, sealing=Sealing.CLIENT, most_cents=50_000, final_s=60,
            final_top=2, sealing_key=public_key_of(first), final_sealing_key=public_key_of(final),
        )
    )  # fmt: skip

    def hand_in_all(*amounts):
        public = sealing_key_of(hall.auction)
        for bidder, cents in zip(("ada", "bob"), amounts, strict=True):
            salt = cents.to_bytes(16, "big")
            bid = seal(public, auction_id="auction-1", bidder=bidder, amount_cents=cents, salt=salt)
            hall.say(SealBid(bidder=bidder, cid=f"c{cents}", sealed=bid.sealed, commitment=bid.commitment), hall.now)
        hall.close()

    def opened_with(key):
        bids = [offer for _, offer in sorted(hall.auction.book.offers.items())]
        return open_all(key.hex(), sealing_key_of(hall.auction), "auction-1", bids)

    hand_in_all(2_000, 3_000)
    hall.say(OpenBids(opened=opened_with(first), key=first.hex()), hall.auction.closes_at - US)
    hall.now = hall.auction.closes_at - US
    hand_in_all(4_000, 5_000)
    final_bids = [offer for _, offer in sorted(hall.auction.book.offers.items())]
    assert all(unseal(first, bid.sealed, auction_id="auction-1", bidder=bid.bidder) is None for bid in final_bids)
    assert opened_with(first) is None
    hall.say(OpenBids(opened=opened_with(final), key=final.hex()), hall.auction.closes_at - US)
    assert (hall.auction.winner, hall.auction.hammer_cents) == ("bob", 5_000)
    assert verify(log_of(hall.log), open_all=open_all).holds
    forged = [replace(event, key=final.hex()) if event.kind == "bids_opened" else event for event in hall.log]
    assert "not the one" in verify(log_of(forged), open_all=open_all).problem
