"""Trying out terms: the command line shows what each format does, and says what is wrong with a script."""

import json
import random
import re
from pathlib import Path

import pytest

from auctions.__main__ import main
from auctions.messages import SetCeiling
from auctions.presets import FORMATS as KNOWN_FORMATS
from auctions.proof import line, verify
from auctions.record import GENESIS, chain, encode
from auctions.sampling import play
from auctions.simulate import Trial, Turned, read_terms, simulate
from auctions.story import tell
from tests.auctions.formats import FORMATS
from tests.auctions.samples import OPENS_AT, TERMS
from tests.auctions.test_dutch import dutch


def run(tmp_path, capsys, terms, script=()):
    paths = [tmp_path / "terms.json", tmp_path / "script.json"]
    paths[0].write_text(json.dumps(terms.to_json()))
    paths[1].write_text(json.dumps(list(script) if isinstance(script, tuple) else script))
    assert main(["simulate", *map(str, paths)]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_commands_are_carried_out_at_their_instants_and_the_clock_does_the_rest(tmp_path, capsys):
    at = OPENS_AT.isoformat()
    script = [
        {"at": at, "command": "ArmStep", "bidder": "ada", "step": 2},
        {"at": at, "command": "AcceptStep", "bidder": "bob", "step": 1, "price_cents": 9_000},
    ]
    shown = run(tmp_path, capsys, dutch(), script)
    assert [frame.get("kind") or frame.get("reason") for frame in shown[:-1]] == [
        "auction_scheduled", "auction_opened", "step_armed", "STEP_MOVED", "step_accepted", "auction_closed", "awarded",
    ]  # fmt: skip
    assert (shown[-1]["winner"]["bidder"], shown[-1]["hammer_cents"]) == ("ada", 8_000)


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_terms_of_every_format_run_to_their_end_without_any_command(form, tmp_path, capsys):
    assert run(tmp_path, capsys, form.terms(random.Random(1)))[-1]["phase"] == "failed"


AMOUNTS = {
    "english": {"opening_cents": 100_000},
    "sealed": {"opening_cents": 100_000},
    "dutch": {"start_cents": 500_000, "floor_cents": 100_000},
    "hybrid": {"start_cents": 500_000},
    "best_offer": {"opening_cents": 100_000},
    "two_stage": {"opening_cents": 100_000},
    "fixed_price": {"price_cents": 100_000},
    "packages": {"pools": [{"pool": name, "least_cents": 1_000} for name in "pq"]},
}
CEREMONY = {"sealing_key": "ab" * 32, "most_cents": 9_000_000}


PRESETS = [(known.name, preset.name) for known in KNOWN_FORMATS for preset in known.presets]


def said_by_a_seller(kind, preset, **changes):
    said = {"format": kind, "preset": preset, "opens_at": OPENS_AT.isoformat(), **AMOUNTS[kind]}
    return said | (CEREMONY if preset == "ceremony" else {}) | changes


def tried(tmp_path, capsys, said, *options):
    """What the command prints, line by line."""
    path = tmp_path / "terms.json"
    path.write_text(json.dumps(said))
    assert main(["simulate", str(path), *options]) == 0
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(("kind", "preset"), PRESETS)
def test_sample_bidders_try_out_every_preset_to_its_end(kind, preset, tmp_path, capsys):
    ends = set()
    for seed in range(1, 6):
        story = tried(tmp_path, capsys, said_by_a_seller(kind, preset), "--seed", str(seed))
        frames = [
            json.loads(line)
            for line in tried(tmp_path, capsys, said_by_a_seller(kind, preset), "--json", "--seed", str(seed))
        ]
        last = frames[-1]
        assert last["terms"]["format"] == kind
        ends.add(last["phase"])
        sold = f"sold for {last['hammer_cents']} minor units of USD, before commission"
        assert story[-1] == (sold if last["phase"] == "awarded" else f"not sold: {last['phase_reason']}")
        shown = [line for line in story if line.startswith("20")]
        assert len(shown) == len(frames) - 1
    assert "awarded" in ends


@pytest.mark.parametrize(("kind", "preset"), PRESETS)
def test_what_samples_do_is_a_log_that_verifies_and_nobody_pays_more_than_it_values(kind, preset):
    terms = read_terms(said_by_a_seller(kind, preset))
    for seed in range(20):
        trial, samples = play(terms, 2 + seed % 11, seed)
        events = [one for one in trial.told if not isinstance(one, Turned)]
        head, lines = GENESIS, []
        for event in events:
            head = chain(head, encode(event))
            lines.append(line(encode(event), head))
        verdict = verify(lines, head)
        assert verdict.holds, (seed, verdict.problem)
        worth = {one.name: one.worth for one in samples}
        assert len(worth) == 2 + seed % 11
        if trial.auction.book is not None and trial.auction.book.awards:
            for award in trial.auction.book.awards:
                bundle = 110 if len(award.pools) > 1 else 100
                assert 100 * award.hammer_cents <= bundle * sum(worth[award.bidder][pool] for pool in award.pools)
        elif trial.auction.winner is not None:
            assert trial.auction.hammer_cents <= worth[trial.auction.winner][""]


def test_the_story_in_the_guide_is_what_the_command_prints(tmp_path, capsys):
    page = (Path(__file__).parents[2] / "docs" / "formats.md").read_text()
    said, story = re.search(r"```json\n(\{.*?\})\n```\n\n```text\n(.*?)```", page, re.DOTALL).groups()
    printed = tried(tmp_path, capsys, json.loads(said), "--seed", "2")
    plain = [
        re.sub(r"\b(\d+) minor units of USD", lambda cents: f"{int(cents[1]) / 100:,.2f} USD", text) for text in printed
    ]
    assert plain == story.splitlines()


def test_the_same_seed_tells_the_same_story_and_another_one_another(tmp_path, capsys):
    said = said_by_a_seller("english", "standard")
    first, again, other = (tried(tmp_path, capsys, said, "--seed", seed) for seed in ("7", "7", "8"))
    assert first == again != other
    assert first[0] == "4 sample bidders, seed 7; what they value and do is drawn, and no forecast"


def test_a_story_says_who_was_refused_and_why_what_moved_the_close_and_what_the_seller_did(tmp_path, capsys):
    said = said_by_a_seller("english", "accept-below-reserve", reserve_cents=900_000)
    stories = ["\n".join(tried(tmp_path, capsys, said, "--seed", str(seed))) for seed in range(40)]
    for words in (
        "place bid", "is refused, BID_TOO_LOW, at least", "the close moves to", "has the market bid up to",
        "is outbid at once by", "below the reserve: the seller may take the highest bid until",
        "the seller takes the bid of", "the seller declines the highest bid", "not sold: RESERVE_NOT_MET",
        "the secret reserve was 900000 minor units of USD", "the reserve is met: from now on the seller must sell",
    ):  # fmt: skip
        assert any(words in story for story in stories), words


def test_equal_ceilings_are_told_as_the_tie_they_are():
    bids = [(OPENS_AT, SetCeiling(bidder=who, cid=who, ceiling_cents=5_000, confirmed=True)) for who in ("ada", "bob")]
    story = list(tell(simulate(TERMS, bids), (), str))
    assert any(
        text.endswith("is outbid at once by ada, whose equal ceiling was there before, at 5000") for text in story
    )


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_whatever_happens_in_an_auction_can_be_told(form):
    """Drawn commands at the edges, so that every kind of event and refusal comes by."""
    for seed in range(30):
        trial, rng = Trial(form.terms(random.Random(seed))), random.Random(seed)
        trial.wait_until(OPENS_AT)
        for number in range(40):
            at = trial.now + rng.choice(form.waits)
            who = rng.choice(("ada", "bob", "cy", "dee"))
            trial.say(form.command(rng, trial.auction, who, f"c{number}", at), at)
        trial.wait_until(None)
        story = list(tell(trial, (), str))
        assert not any("None" in text for text in story[:-1]), story
        assert len([text for text in story if text[:2] == "20"]) == len(trial.told)


@pytest.mark.parametrize("count", ["1", "13", "-2", "x", "2.5"])
def test_too_few_or_too_many_bidders_are_refused_with_status_2(count, tmp_path, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["simulate", str(tmp_path / "terms.json"), "--bidders", count])
    assert caught.value.code == 2
    assert "--bidders: must be a whole number from 2 to 12" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ([], "terms must be a JSON object"),
        ({"format": "english", "preset": "nonsense"}, "preset must be one of: standard"),
        ({"format": "raffle"}, "format must be one of: english"),
        ({"format": "english", "preset": "standard", "opens_at": "2026-03-02T15:00:00Z"}, "opening_cents is missing"),
    ],
)
def test_terms_that_cannot_be_read_are_named_with_status_2(said, named, tmp_path, capsys):
    path = tmp_path / "terms.json"
    path.write_text(json.dumps(said))
    with pytest.raises(SystemExit) as caught:
        main(["simulate", str(path)])
    assert caught.value.code == 2
    assert named in capsys.readouterr().err


def test_an_ascending_auction_can_be_tried_out_too(tmp_path, capsys):
    bid = {"at": OPENS_AT.isoformat(), "command": "PlaceBid", "bidder": "ada", "amount_cents": 1_000}
    assert run(tmp_path, capsys, TERMS, [bid])[-1]["hammer_cents"] == 1_000


@pytest.mark.parametrize(
    "script",
    [{}, [1], [{"command": "Raffle"}], [{"command": "Open"}], [{"command": "Open", "at": "2026-01-01T00:00:00"}]],
)
def test_a_script_that_cannot_be_read_ends_with_status_2(script, tmp_path, capsys):
    with pytest.raises(SystemExit) as caught:
        run(tmp_path, capsys, dutch(), script)
    assert caught.value.code == 2
    assert "command 1" in capsys.readouterr().err


@pytest.mark.parametrize("head", ["12", "xy" * 32, "", "ab" * 33])
def test_a_head_that_is_none_is_told_so_with_status_2(head, tmp_path, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["verify", str(tmp_path / "log"), "--head", head])
    assert caught.value.code == 2
    assert "--head: must be 64 hexadecimal digits" in capsys.readouterr().err
