"""Checkpoints by the minute and at the close, and receipts that bidders check without the server."""

import asyncio
import json
from datetime import timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from auctions.messages import Cancel
from auctions.receipts import Checkpoint
from market.bidding import service as bidding
from market.bidding.jobs import take_checkpoints
from market.bidding.rules import NoSuchReceipt, NotCheckpointed
from market.bidding.service.proving import take_checkpoint
from market.bidding.signatures import Signer
from market.cli import cli
from market.kit.actor import SYSTEM
from market.kit.signing import is_signed_by
from tests.bidding.conftest import bid, say
from tests.bidding.test_http import web  # noqa: F401  # the application in this process


def signer_of(hall):
    return Signer.of(hall.context)


async def checkpointed(hall, room):
    async with hall.context.db.begin(SYSTEM) as tx:
        return await take_checkpoint(tx, signer_of(hall), room.auction_id, hall.context.clock.now())


async def test_a_receipt_and_the_log_are_checked_offline_and_a_rewritten_log_does_not_fit(hall, lane, web, tmp_path):  # noqa: F811
    room = await hall.brief_room(2.0)
    one, other = room.buyers[:2]
    seq = (await lane.submit(bid(hall.context, one, room.auction_id, 100_000))).seq
    await lane.submit(bid(hall.context, other, room.auction_id, 200_000))
    early = await web(one, "GET", f"/auctions/{room.auction_id}/receipt?seq={seq}")
    assert (early.status_code, early.json()["type"].rsplit("/", 1)[-1]) == (409, "not-checkpointed")
    await checkpointed(hall, room)
    got = await web(one, "GET", f"/auctions/{room.auction_id}/receipt?seq={seq}")
    assert got.status_code == 200
    stolen = await web(other, "GET", f"/auctions/{room.auction_id}/receipt?seq={seq}")
    assert stolen.status_code == 404
    async with asyncio.timeout(20):
        while (await web(one, "GET", f"/auctions/{room.auction_id}")).json()["phase"] != "awarded":
            await asyncio.sleep(0.1)
    receipt, log = tmp_path / "receipt.json", tmp_path / "log.jsonl"
    receipt.write_text(got.text)
    log.write_bytes((await web(one, "GET", f"/auctions/{room.auction_id}/log")).content)
    key = signer_of(hall).public_key.hex()
    assert verify(log, receipt, key) == (0, True)
    assert verify(log, receipt, "00" * 32) == (1, False)
    told = json.loads(got.text)
    receipt.write_text(json.dumps(told | {"seq": told["seq"] + 1}))
    assert verify(log, receipt, key) == (1, False)


def verify(log, receipt, key):
    done = CliRunner().invoke(
        cli, ["auction", "verify", str(log), "--receipt", str(receipt), "--public-key", key], standalone_mode=True
    )
    return done.exit_code, "the receipt holds" in done.output


async def test_checkpoints_come_when_the_log_moved_and_are_the_platforms_to_write(hall, make_lane):
    lane = await make_lane(closer=False)
    room = await hall.room()
    first = await checkpointed(hall, room)
    assert await checkpointed(hall, room) is None
    await lane.submit(bid(hall.context, room.buyers[0], room.auction_id, 100_000))
    second = await checkpointed(hall, room)
    assert (first.size, second.size) == (1, 4)  # opened, bid, reserve met
    async with hall.context.db.begin(room.buyers[0].actor) as tx:
        shown = await bidding.checkpoints_of(tx, room.buyers[0].actor, room.auction_id)
    assert shown == [second, first]
    for found in shown:
        assert is_signed_by(signer_of(hall).public_key, found.statement, found.signature)
        forged = Checkpoint(
            auction_id=found.auction_id, size=found.size + 1, root=found.root, at=found.at, public_key=found.public_key
        )
        assert not is_signed_by(signer_of(hall).public_key, forged.statement, found.signature)


async def test_what_moved_is_signed_a_minute_after_the_checkpoint_before_and_at_the_end_at_once(hall, make_lane):
    lane = await make_lane(closer=False)
    room, signer = await hall.room(), signer_of(hall)

    async def sizes():
        while await bidding.take_due_checkpoints(hall.context, signer):
            pass
        async with hall.context.db.begin(SYSTEM) as tx:
            return [found.size for found in await bidding.checkpoints_of(tx, SYSTEM, room.auction_id)]

    assert await sizes() == [1]
    await lane.submit(bid(hall.context, room.buyers[0], room.auction_id, 100_000))
    assert await sizes() == [1]
    with pytest.raises(NotCheckpointed):
        await bidding.receipt_for(hall.context, room.buyers[0].actor, room.auction_id, 3, signer)
    with pytest.raises(NoSuchReceipt):
        await bidding.receipt_for(hall.context, room.buyers[0].actor, room.auction_id, 1, signer)
    await say(lane, hall.context, hall.seller.actor, room.auction_id, Cancel(reason="a doubt"))
    assert await sizes() == [5, 1]


async def test_the_worker_signs_what_moved_and_then_lets_some_seconds_pass(hall, make_lane):
    await make_lane(closer=False)
    room = await hall.room()
    began_at = hall.context.clock.now()
    assert not await take_checkpoints(hall.context)
    async with hall.context.db.begin(SYSTEM) as tx:
        (found,) = await bidding.checkpoints_of(tx, SYSTEM, room.auction_id)
        due_at = await tx.scalar(text("SELECT due_at FROM duty WHERE name = 'bidding.checkpoints'"))
    assert found.size == 1
    assert due_at >= began_at + timedelta(seconds=5)


def test_the_key_is_drawn_once_and_lies_wrapped(hall):
    one, other = signer_of(hall), signer_of(hall)
    assert one.public_key == other.public_key
    kept = (hall.context.settings.data_dir / "keys" / "auction-checkpoint").read_bytes()
    assert one.sign(b"x") == other.sign(b"x")
    assert len(kept) > 32 + 12
    assert one.blinds("a", 3)[:2] == other.blinds("a", 2)
    assert len(set(one.blinds("a", 50) + one.blinds("b", 50))) == 100
