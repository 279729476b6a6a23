"""Trying out terms: the command line shows what each format does, and says what is wrong with a script."""

import json
import random

import pytest

from auctions.__main__ import main
from auctions.presets import FORMATS as KNOWN_FORMATS
from tests.auctions.formats import FORMATS
from tests.auctions.samples import OPENS_AT, TERMS
from tests.auctions.test_dutch import dutch


def run(tmp_path, capsys, terms, script=None):
    paths = [tmp_path / "terms.json"]
    paths[0].write_text(json.dumps(terms.to_json()))
    if script is not None:
        paths.append(tmp_path / "script.json")
        paths[1].write_text(json.dumps(script))
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


@pytest.mark.parametrize(
    ("kind", "preset"), [(known.name, preset.name) for known in KNOWN_FORMATS for preset in known.presets]
)
def test_every_preset_is_tried_out_with_what_a_seller_would_say(kind, preset, tmp_path, capsys):
    path = tmp_path / "terms.json"
    said = {"format": kind, "preset": preset, "opens_at": OPENS_AT.isoformat(), **AMOUNTS[kind]}
    path.write_text(json.dumps(said | (CEREMONY if preset == "ceremony" else {})))
    assert main(["simulate", str(path)]) == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (last["terms"]["format"], last["phase_reason"]) == (kind, "NO_BIDS")


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
