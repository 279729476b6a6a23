"""The published document of the live protocol: whole, served, and exact about what is taken and what is not."""

import json
import re
from pathlib import Path

import httpx
import msgspec
import pytest
from jsonschema import Draft202012Validator

from auctions.messages import Reason
from market.bidding.rules import NoSuchAuction
from market.kit.errors import Forbidden, Malformed, Transient
from market.kit.spelling import in_words
from market.live.asyncapi import document
from market.live.connection import problem_code
from market.live.protocol import ErrorCode
from market.live.reading import BadFrame, read
from market.parties.rules import KeyLimit
from tests.live.conftest import checked
from tests.live.test_protocol import AUCTION, BID, CID, MOVES

ROOT = Path(__file__).resolve().parents[2]
WHOLE = json.loads(msgspec.json.encode(document()))


def resolve(reference):
    found = WHOLE
    for name in reference.removeprefix("#/").split("/"):
        found = found[name]
    return found


def references(value):
    if isinstance(value, dict):
        yield from (value["$ref"],) if isinstance(value.get("$ref"), str) else ()
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_every_reference_leads_somewhere_and_every_message_is_said_or_heard():
    assert WHOLE["asyncapi"] == "3.0.0"
    found = list(references(WHOLE))
    assert all(resolve(reference) for reference in found)
    used = {ref["$ref"] for operation in WHOLE["operations"].values() for ref in operation["messages"]}
    assert used == {f"#/channels/live/messages/{name}" for name in WHOLE["channels"]["live"]["messages"]}
    assert len(used) > 25


def every_pattern(value):
    if isinstance(value, dict):
        yield from (value["pattern"],) if isinstance(value.get("pattern"), str) else ()
        for inner in value.values():
            yield from every_pattern(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from every_pattern(inner)


async def test_every_pattern_of_the_wire_can_be_said_in_words(client):
    shown = set(every_pattern(WHOLE)) | set(every_pattern((await client.get("/schema/openapi.json")).json()))
    assert len(shown) > 5
    assert [pattern for pattern in shown if in_words(pattern) is None] == []


def test_the_codes_of_errors_and_acks_are_closed_lists_that_the_page_names():
    page = (ROOT / "docs" / "live-protocol.md").read_text("utf-8")
    frames = page.partition("## Wrong frames")[2].partition("| limit |")[0]
    assert set(re.findall(r"`([A-Z_]{4,})`", frames)) == set(ErrorCode)
    acks = page.partition("Codes, in order of precedence:")[2].partition("\n\n")[0]
    assert re.findall(r"[A-Z_]{4,}", acks) == list(Reason)
    of_errors, of_acks = (WHOLE["components"]["schemas"][name]["properties"]["code"] for name in ("Error", "Ack"))
    assert set(resolve(of_errors["$ref"])["enum"]) == set(ErrorCode)
    assert set(resolve(of_acks["$ref"])["enum"]) == set(Reason)


@pytest.mark.parametrize("refusal", [Forbidden, KeyLimit, Malformed, NoSuchAuction, Transient])
def test_what_a_command_can_be_refused_with_at_the_door_has_a_code_of_its_own(refusal):
    assert problem_code(refusal("no")).lower().replace("_", "-") == refusal.slug


def schema_takes(frame):
    named = {
        schema["properties"]["op"]["enum"][0]: name
        for name, schema in WHOLE["components"]["schemas"].items()
        if "op" in schema.get("properties", {})
    }
    schema = {"$ref": f"#/components/schemas/{named[frame['op']]}", "components": WHOLE["components"]}
    return Draft202012Validator(schema).is_valid(frame)


def server_takes(frame):
    try:
        read(json.dumps(frame))
    except BadFrame:
        return False
    return True


GOOD = [
    BID,
    BID | {"confirmed": True},
    *(CID | said for said, _ in MOVES),
    {"op": "sub", "id": "1", "auction": AUCTION},
]
SPOILS = [{"surprise": 1}, {"id": ""}, {"id": 5}, {"auction": 5}, {"cid": ""}, {"amount_cents": 0}, {"step": -1}]


@pytest.mark.parametrize("good", GOOD)
def test_the_document_takes_what_the_server_takes(good):
    assert schema_takes(good)
    assert server_takes(good)
    for spoil in SPOILS:
        assert schema_takes(good | spoil) is server_takes(good | spoil) is False, spoil
    for name in good:
        if name != "op":
            less = {key: value for key, value in good.items() if key != name}
            assert schema_takes(less) is server_takes(less), name


def test_a_frame_with_what_nobody_may_see_does_not_pass():
    event = {"t": "event", "auction": AUCTION, "seq": 2, "prev": 1, "at": "2026-11-22T08:00:00Z", "kind": "redacted"}
    assert checked(event) == event
    with pytest.raises(AssertionError):
        checked(event | {"secret": 1})


async def test_the_document_is_served(node):
    async with httpx.AsyncClient() as client:
        found = await client.get(f"http://127.0.0.1:{node.port}/schema/asyncapi.json")
    assert found.json() == WHOLE
