"""What may be said on a live socket, and how every wrong frame is answered."""

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from auctions import messages, moves
from auctions.shape import flaw_in
from market.live.commands import engine_command
from market.live.outlet import texts_of
from market.live.protocol import (
    MAX_FRAME_BYTES,
    Auth,
    Bid,
    BuyNow,
    Heartbeat,
    Ping,
    Proxy,
    ProxyCancel,
    Refuse,
    Sub,
    micros,
    write,
    write_snapshot,
)
from market.live.reading import BadFrame, read

AUCTION = "01920000-0000-7000-8000-000000000001"
BID = {"op": "bid", "id": "7", "auction": AUCTION, "cid": "c-1", "amount_cents": 1_100}


def refusal(frame):
    with pytest.raises(BadFrame) as caught:
        read(frame if isinstance(frame, str | bytes) else json.dumps(frame))
    return json.loads(texts_of(write(caught.value.error))[0])


@pytest.mark.parametrize(
    ("frame", "request_type"),
    [
        ({"op": "auth", "id": "1", "token": "mk_x"}, Auth),
        ({"op": "sub", "id": "1", "auction": AUCTION}, Sub),
        ({"op": "sub", "id": "1", "auction": AUCTION, "from_seq": 0, "epoch": "1-x-observer"}, Sub),
        ({"op": "ping", "id": "1", "t0": 1}, Ping),
        (BID, Bid),
        (BID | {"confirmed": True}, Bid),
        ({"op": "proxy", "id": "1", "auction": AUCTION, "cid": "c", "ceiling_cents": 10**15}, Proxy),
        ({"op": "proxy_cancel", "id": "1", "auction": AUCTION, "cid": "c"}, ProxyCancel),
        ({"op": "buy_now", "id": "1", "auction": AUCTION, "cid": "c"}, BuyNow),
        ({"op": "refuse", "id": "1", "auction": AUCTION, "cid": "c", "seq": 3, "reason": "a doubt"}, Refuse),
    ],
)
def test_every_op_is_read_as_its_request(frame, request_type):
    assert type(read(json.dumps(frame))) is request_type


CID = {"id": "1", "auction": AUCTION, "cid": "c"}
MOVES = [
    ({"op": "accept", "step": 0, "price_cents": 5}, moves.AcceptStep),
    ({"op": "arm", "step": 10_000}, moves.ArmStep),
    ({"op": "withdraw"}, moves.Withdraw),
    ({"op": "seal", "sealed": "x" * 3_000, "commitment": "0" * 64}, moves.SealBid),
    ({"op": "accept_counter", "counter_seq": 7}, moves.AcceptCounter),
    ({"op": "indicate", "low_cents": 1, "high_cents": 2, "conditions": "é"}, moves.Indicate),
    ({"op": "binding", "amount_cents": 1}, moves.PlaceBinding),
    ({"op": "package", "pools": [AUCTION], "amount_cents": 1}, moves.PlacePackageBid),
    (
        {"op": "package", "pools": [str(UUID(int=n)) for n in range(60)], "amount_cents": 10**15},
        moves.PlacePackageBid,
    ),
    ({"op": "award", "bid_seq": 3, "seq_seen": 4}, moves.AwardOffer),
    ({"op": "take_highest", "seq_seen": 4}, messages.TakeHighest),
    ({"op": "decline_highest", "seq_seen": 4}, messages.DeclineHighest),
    ({"op": "counter", "bid_seq": 3, "price_cents": 4, "valid_until": "2026-11-22T10:00:00Z"}, moves.CounterOffer),
    ({"op": "shortlist", "chosen": [AUCTION], "declined": [{"bidder": AUCTION, "reason": "r"}]}, moves.Shortlist),
    ({"op": "revise_tape", "tape_version": "v2"}, moves.ReviseTape),
]


@pytest.mark.parametrize(("said", "asked"), MOVES)
def test_what_is_said_in_the_other_formats_asks_the_engine_for_a_well_formed_command(said, asked):
    command = engine_command(read(json.dumps(CID | said)), AUCTION)
    assert type(command) is asked
    assert (flaw_in(command) is None) is (said["op"] != "shortlist")  # that one is chosen and declined at once


def test_a_bid_is_read_to_the_last_field():
    assert read(json.dumps(BID)) == Bid(id="7", auction=UUID(AUCTION), cid="c-1", amount_cents=1_100, confirmed=False)


@pytest.mark.parametrize("amount", ["1100", 1100.0, 1.5, 1e3, -1, 0, True, None, [], {}, 10**15 + 1, 10**30, -(10**30)])
def test_an_amount_that_is_no_whole_number_within_bounds_is_refused_by_name(amount):
    error = refusal(BID | {"amount_cents": amount})
    assert (error["t"], error["id"], error["code"], error["field"]) == ("error", "7", "MALFORMED", "amount_cents")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"auction": "not-a-uuid"}, "auction"),
        ({"auction": 5}, "auction"),
        ({"cid": ""}, "cid"),
        ({"cid": "x" * 65}, "cid"),
        ({"cid": "line\n"}, "cid"),
        ({"cid": "naïve"}, "cid"),
        ({"cid": 5}, "cid"),
        ({"confirmed": "yes"}, "confirmed"),
        ({"confirmed": 1}, "confirmed"),
        ({"surprise": 1}, "surprise"),
        ({"op": "tender"}, "op"),
        ({"op": 5}, "op"),
    ],
)
def test_a_wrong_field_is_named(change, field):
    assert refusal(BID | change)["field"] == field


def test_who_sends_a_field_or_an_op_that_there_is_not_hears_those_that_there_are():
    unknown = refusal(BID | {"surprise": 1})["detail"]
    assert unknown == "there is a field that bid does not have; it takes id, auction, cid, amount_cents, confirmed"
    no_op = refusal(BID | {"op": "tender"})["detail"]
    assert {"bid", "proxy", "sub", "take_highest"} <= set(no_op.removeprefix("no such op; there are ").split(", "))
    assert "tender" not in no_op


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"cid": "line\n"}, "must be 1 to 64 printable ASCII characters"),
        ({"op": "seal", "sealed": "x", "commitment": "0"}, "must be 64 hexadecimal digits, small letters"),
    ],
)
def test_nobody_is_shown_a_regular_expression(change, said):
    assert refusal(CID | change | {"op": change.get("op", "buy_now")})["detail"] == said


@pytest.mark.parametrize("missing", ["op", "id", "auction", "cid", "amount_cents"])
def test_a_missing_field_is_named(missing):
    error = refusal({name: value for name, value in BID.items() if name != missing})
    assert (error["field"], error["detail"]) == (missing, "is missing")


@pytest.mark.parametrize("op", ["tender", "open", "tick", "close", "void", "open_bids", "unsub", ""])
def test_what_is_not_said_on_a_socket_is_an_unknown_op(op):
    assert refusal(BID | {"op": op})["code"] == "UNKNOWN_OP"


@pytest.mark.parametrize("name", [5, "", "x" * 65, None, {}])
def test_an_unusable_id_is_refused_and_not_repeated(name):
    error = refusal(BID | {"id": name})
    assert error["field"] == "id"
    assert "id" not in error


@pytest.mark.parametrize(
    "frame",
    [
        "",
        " ",
        "nope",
        "{",
        "[]",
        "5",
        "null",
        '"text"',
        '{"op":"ping","id":"1","t0":NaN}',
        '{"op":"ping"} {}',
        "[" * 4000,
    ],
)
def test_what_is_no_json_object_is_refused(frame):
    assert refusal(frame)["code"] in {"BAD_FRAME", "MALFORMED"}


def test_deep_nesting_does_no_harm():
    assert refusal('{"op":"ping","id":"1","x":' + "[" * 2000 + "]" * 2000 + "}")["code"] == "MALFORMED"


def test_a_lone_surrogate_is_refused_wherever_it_stands():
    assert refusal('{"op":"ping","id":"\\ud800","t0":1}')["code"] == "BAD_FRAME"
    assert refusal('{"op":"ping","id":"\ud800","t0":1}')["code"] == "BAD_FRAME"


def test_a_binary_frame_is_refused():
    assert refusal(json.dumps(BID).encode())["code"] == "BAD_FRAME"


def test_a_frame_over_the_limit_is_refused_unread():
    assert refusal(json.dumps(BID | {"cid": "x" * MAX_FRAME_BYTES}))["code"] == "TOO_LARGE"
    assert refusal(json.dumps(BID | {"cid": "€" * (MAX_FRAME_BYTES // 2)}, ensure_ascii=False))["code"] == "TOO_LARGE"


def test_an_error_repeats_nothing_that_was_sent():
    secret = "4111111111111111"
    for change in (
        {"cid": secret * 5},
        {"auction": secret},
        {secret + "!": 1},
        {"op": secret},
        {"amount_cents": secret},
    ):
        assert secret not in json.dumps(refusal(BID | change))


def test_a_message_is_one_json_object_told_apart_by_t():
    at = datetime(2026, 11, 22, 8, 0, 0, 250_000, tzinfo=UTC)
    shown = json.loads(texts_of(write(Heartbeat(at=at, heads={AUCTION: 3})))[0])
    assert shown == {"t": "hb", "at": "2026-11-22T08:00:00.250000Z", "heads": {AUCTION: 3}}


def test_micros_counts_microseconds_since_1970():
    assert micros(datetime(1970, 1, 2, 0, 0, 0, 7, tzinfo=UTC)) == 86_400_000_007


@pytest.mark.parametrize(("size", "header_count"), [(0, 2), (100, 4), (65_000, 4), (70_000, 10)])
def test_a_frame_goes_over_the_wire_as_one_text_frame_of_the_websocket_protocol(size, header_count):
    frame = write_snapshot({"filler": "x" * size}, "e")
    stream = StreamReader()
    stream.feed_data(frame)
    with pytest.raises(StopIteration) as parsed:
        next(Frame.parse(stream.read_exact, mask=False))
    heard = parsed.value.value
    assert (heard.opcode, heard.fin) == (Opcode.TEXT, True)
    assert texts_of(frame) == [heard.data.decode()]
    assert len(frame) == header_count + len(heard.data)


def test_the_texts_of_several_frames_in_one_are_told_apart():
    frames = [write_snapshot({"filler": "x" * size}, "e") for size in (0, 100, 70_000, 0)]
    assert texts_of(b"".join(frames)) == [text for frame in frames for text in texts_of(frame)]
