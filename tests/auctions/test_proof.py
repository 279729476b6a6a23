"""A log proves itself: any change to it is found, and the place is named."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from auctions.__main__ import main
from auctions.engine import OutOfSequenceError, evolve, replay
from auctions.messages import AuctionClosed
from auctions.proof import GENESIS, chain, decode, encode, line, verify
from tests.auctions.samples import Hall, terms
from tests.auctions.test_views import ALL_EVENTS, ALL_HALLS, a_full_auction


def log_of(events):
    head, lines = GENESIS, []
    for event in events:
        head = chain(head, encode(event))
        lines.append(line(encode(event), head) + b"\n")
    return lines


@pytest.fixture
def hall():
    return a_full_auction()


@pytest.fixture
def log(hall):
    return log_of(hall.log)


@pytest.mark.parametrize("event", ALL_EVENTS, ids=lambda event: event.kind)
def test_an_event_survives_being_written_down(event):
    assert decode(encode(event)) == event
    assert encode(decode(encode(event))) == encode(event)


def test_the_written_form_is_canonical_and_never_changes():
    hall = Hall()
    hall.bid("ada", 1_100)
    assert encode(hall.log[2]) == (
        b'{"amends":null,"amount_cents":1100,"at":"2026-03-02T15:00:00.000000Z","auction_id":"auction-1",'
        b'"bid_kind":"manual","bidder":"ada","cid":"c1","kind":"bid_accepted","leader":"ada",'
        b'"leader_ceiling_cents":1100,"leader_paddle":1,"min_next_cents":1200,"outcome":"leading","paddle":1,'
        b'"price_cents":1100,"seq":3}'
    )
    assert chain(GENESIS, b"x").hex() == "fdded6faced1af47fdaaac589602f58e0e040a882627806c42ddcc38da604cf0"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{}",
        b"null",
        b'{"kind":[]}',
        b'{"kind":"raffle"}',
        b'{"kind":"reserve_met"}',
        b'{"kind":"reserve_met","auction_id":1,"seq":1,"at":"2026-03-02T15:00:00.000000Z"}',
        b'{"kind":"reserve_met","auction_id":"a","seq":1.0,"at":"2026-03-02T15:00:00.000000Z"}',
        b'{"kind":"reserve_met","auction_id":"a","seq":1,"at":"2026-03-02T15:00:00"}',
        b'{"kind":"reserve_met","auction_id":"a","seq":1,"at":5}',
        b'{"kind":"reserve_met","auction_id":"a","seq":1,"at":"2026-03-02T15:00:00.000000Z","more":1}',
        b'{"kind":"auction_scheduled","auction_id":"a","seq":1,"at":"2026-03-02T15:00:00.000000Z","terms":[]}',
        b'{"kind":"auction_failed","auction_id":"a","seq":1,"at":"2026-03-02T15:00:00.000000Z","reason":"MOOD"}',
    ],
)
def test_what_is_no_event_is_not_read_as_one(text):
    with pytest.raises(ValueError):
        decode(text)


def test_a_sound_log_holds_and_leads_to_the_same_award(hall, log):
    verdict = verify(log)
    assert verdict.holds
    assert verdict.auction == hall.auction == replay(hall.log)
    assert verdict.auction.winner == hall.auction.winner is not None


@pytest.mark.parametrize("hall", ALL_HALLS)
def test_every_ending_can_be_verified(hall):
    assert verify(log_of(hall.log), hall.auction.head).auction == hall.auction


def test_each_changed_byte_is_found(log):
    whole = b"".join(log)
    for place in range(0, len(whole), 7):
        changed = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
        verdict = verify(changed.splitlines(keepends=True))
        assert not verdict.holds
        assert verdict.wrong_seq == whole[:place].count(b"\n") + 1


def test_a_dropped_event_is_found(log):
    for place in range(len(log)):
        assert verify(log[:place] + log[place + 1 :]).wrong_seq == place + 1


def test_an_inserted_event_is_found(log):
    for place in range(1, len(log) + 1):
        assert verify(log[:place] + log[place - 1 :]).wrong_seq == place + 1


def test_reordered_events_are_found(log):
    for place in range(len(log) - 1):
        swapped = [*log[:place], log[place + 1], log[place], *log[place + 2 :]]
        assert verify(swapped).wrong_seq == place + 1


def test_an_event_of_another_auction_is_found(hall, log):
    strangers = log_of([replace(event, auction_id="auction-2") for event in hall.log])
    for place in range(1, len(log)):
        assert verify([*log[:place], strangers[place], *log[place + 1 :]]).wrong_seq == place + 1


def test_a_log_cut_off_while_the_auction_ran_needs_a_head_to_compare_with(hall, log):
    for length in range(len(log)):
        assert verify(log[:length]).wrong_seq == length + 1
        assert verify(log[:length], hall.auction.head).wrong_seq == length + 1
    assert verify(log[:4], replay(hall.log[:4]).head).holds


def test_a_file_that_was_cut_off_anywhere_is_said_to_be_and_its_last_whole_event_named(log, tmp_path, capsys):
    whole, path = b"".join(log), tmp_path / "auction.jsonl"
    for place in range(len(whole) - 1):
        path.write_bytes(whole[:place])
        last = whole[:place].count(b"\n") + whole.startswith((b"\n"), place)  # without its line feed it is still whole
        assert main(["verify", str(path)]) == 1
        said = capsys.readouterr().err
        named = f"event {last} is the last whole one" if last else "it has no whole event"
        assert said.startswith(f"the log is cut off: {named}; "), (place, said)


def test_a_line_that_was_changed_is_not_taken_for_a_cut_off_log(log, tmp_path, capsys):
    path = tmp_path / "auction.jsonl"
    for place, wrong in (
        (2, b'{"event":{\n'),
        (len(log) - 1, b'{"event":{\n'),
        (len(log) - 1, b"x"),
        (len(log) - 1, b"{}"),
    ):
        path.write_bytes(b"".join([*log[:place], wrong, *log[place + 1 :]]))
        assert main(["verify", str(path)]) == 1
        assert capsys.readouterr().err == f"event {place + 1} is wrong: the line holds no event\n"


@pytest.mark.parametrize("content", [b"account,balance\n1,2\n", b"\x00\xff\n", b"{}\n"])
def test_a_file_that_is_no_log_is_said_to_be_none(content, tmp_path, capsys):
    path = tmp_path / "ledger.csv"
    path.write_bytes(content)
    for verb in ("verify", "replay"):
        assert main([verb, str(path)]) == 1
        assert capsys.readouterr().err == "this is no auction log: its first line holds no event\n"


def test_replaying_a_cut_off_file_shows_what_is_whole_and_says_so(log, tmp_path, capsys):
    path = tmp_path / "auction.jsonl"
    path.write_bytes(b"".join(log[:3]) + log[3][:40])
    assert main(["replay", str(path)]) == 1
    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == 3
    assert shown.err.startswith("the log is cut off: event 3 is the last whole one; ")


def test_a_log_cut_off_in_the_midst_of_what_one_command_led_to_does_not_hold(hall, log):
    place = next(place for place, event in enumerate(hall.log) if event.kind == "reserve_met")
    assert verify(log[:place], replay(hall.log[:place]).head).wrong_seq == place + 1


def test_a_log_with_the_right_hashes_that_breaks_the_rules_is_found():
    hall = Hall(terms(reserve_cents=5_000))
    hall.bid("ada", 2_000)
    hall.bid("bob", 9_000)
    hall.close()
    *before, awarded = hall.log
    forged = replace(awarded, winner="ada", winner_paddle=1, hammer_cents=2_000)
    assert verify(log_of([*before, forged])).wrong_seq == awarded.seq
    cheap = [replace(e, price_cents=1, amount_cents=1) if e.kind == "bid_accepted" else e for e in hall.log]
    assert verify(log_of(cheap)).wrong_seq == 3
    without_extra = [e for e in hall.log if e.kind != "reserve_met"]
    renumbered = [replace(e, seq=place) for place, e in enumerate(without_extra, start=1)]
    assert not verify(log_of(renumbered)).holds


@pytest.mark.parametrize(
    ("name", "value"), [("amount_cents", True), ("paddle", True), ("bidder", ["ada"]), ("price_cents", "1000")]
)
def test_a_forged_event_with_values_of_another_type_is_found(name, value):
    hall = Hall()
    hall.bid("ada", 1_000)
    forged = replace(hall.log[2], **{name: value})
    assert verify(log_of([*hall.log[:2], forged]), b"").wrong_seq == 3


def test_events_fold_only_in_their_order(hall):
    with pytest.raises(OutOfSequenceError):
        evolve(None, hall.log[1])
    with pytest.raises(OutOfSequenceError):
        replay([*hall.log[:4], *hall.log[5:]])
    with pytest.raises(OutOfSequenceError):
        evolve(replay(hall.log), hall.log[0])
    with pytest.raises(OutOfSequenceError):
        evolve(replay(hall.log[:4]), replace(hall.log[4], auction_id="auction-2"))
    with pytest.raises(ValueError, match="begins"):
        replay([])


def test_the_command_line_prints_the_award(hall, log, tmp_path):
    path = tmp_path / "auction.jsonl"
    path.write_bytes(b"".join(log))
    done = subprocess.run(
        [sys.executable, "-m", "auctions", "verify", str(path), "--head", hall.auction.head.hex()],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    assert f"awarded to {hall.auction.winner}" in done.stdout
    assert str(hall.auction.hammer_cents) in done.stdout


def test_the_command_line_names_the_wrong_event(log, tmp_path, capsys):
    path = tmp_path / "auction.jsonl"
    path.write_bytes(b"".join(log[:6] + log[7:]))
    assert main(["verify", str(path)]) == 1
    assert "event 7 is wrong" in capsys.readouterr().err
    assert main(["replay", str(path)]) == 1
    assert "event 7 is wrong" in capsys.readouterr().err


def test_the_command_line_replays_every_event_and_the_state(hall, log, tmp_path, capsys):
    path = tmp_path / "auction.jsonl"
    path.write_bytes(b"".join(log))
    assert main(["replay", str(path)]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == len(log) + 1
    assert '"phase": "awarded"' in printed[-1]


def test_the_command_line_says_how_a_failed_auction_ended(tmp_path, capsys):
    hall = Hall()
    hall.close()
    path = tmp_path / "auction.jsonl"
    path.write_bytes(b"".join(log_of(hall.log)))
    assert main(["verify", str(path)]) == 0
    assert "failed NO_BIDS" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["verify"], ["verify", "/does/not/exist"], ["verify", "x", "--head", "zz"]])
def test_wrong_usage_ends_with_status_2(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


def test_an_empty_log_does_not_hold(tmp_path, capsys):
    path = tmp_path / "auction.jsonl"
    path.write_bytes(b"")
    assert main(["verify", str(path)]) == 1
    assert main(["replay", str(path)]) == 1


def test_a_log_whose_instants_lead_out_of_range_is_answered_with_one_line(tmp_path, capsys):
    end = datetime(9999, 12, 31, 23, 59, tzinfo=UTC)
    hall = Hall(terms(below_reserve_answer_s=600, reserve_cents=9_000))
    hall.bid("ada", 1_500)
    closed = AuctionClosed(auction_id="auction-1", seq=hall.auction.seq + 1, at=end)
    path = tmp_path / "auction.jsonl"
    path.write_bytes(b"".join(log_of([*hall.log, closed])))
    assert main(["verify", str(path)]) == 1
    assert "out of range" in capsys.readouterr().err
