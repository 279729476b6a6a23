"""Trying out terms: the command line shows what each format does, and says what is wrong with a script."""

import json
import random

import pytest

from auctions.__main__ import main
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
