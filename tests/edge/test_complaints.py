"""Refusals of malformed input name the part at fault as the caller spelt it, and quote no value."""

from enum import Enum
from typing import Literal

import pytest
from msgspec import Struct

from market.edge.complaints import explained, missing_part, names_at, values_at
from tests import factories


@pytest.mark.parametrize(
    ("detail", "name"),
    [
        ("Missing required header parameter 'Idempotency-Key' for path /v1/x?stage=1", "Idempotency-Key"),
        ("Missing required query parameter 'stage' for path /v1/x", "stage"),
    ],
)
def test_a_missing_part_is_named(detail: str, name: str) -> None:
    found = missing_part(detail)
    assert found is not None
    assert found[0] == name
    assert name in found[1]
    assert missing_part("Validation failed for GET /v1/x") is None


def test_a_missing_member_is_the_field_itself() -> None:
    assert explained("Object missing required field `amount_cents`") == ("amount_cents", "amount_cents is required")
    assert explained("Object missing required field `name`", "owners[0]")[0] == "owners[0].name"


def test_no_value_of_the_caller_is_repeated() -> None:
    field, detail = explained("Invalid enum value 'Jane Roe, 078-05-1120'", "kind")
    assert field == "kind"
    assert "Jane" not in detail


def test_a_text_that_is_spelt_wrong_is_told_in_words_how_it_is_spelt() -> None:
    said = explained("Expected `str` matching regex '^[A-Z]{2}$'", "country")
    assert said == ("country", "must be two capital letters (ISO 3166-1), as US")
    assert explained("Expected `str` matching regex '^new$'", "x")[1] == "must be spelt as /schema shows"


class _Colour(Enum):
    RED = "red"
    BLUE = "blue"


class _Owner(Struct):
    kind: Literal["person", "firm"] | None = None


class _Body(Struct):
    owners: list[_Owner]
    colours: dict[str, _Colour]
    name: str = ""


@pytest.mark.parametrize(
    ("place", "values"),
    [(".owners[0].kind`", ["firm", "person"]), (".colours[...]`", ["blue", "red"]), (".name`", []), (".gone.far`", [])],
)
def test_the_values_that_a_member_takes_are_named(place: str, values: list[str]) -> None:
    assert sorted(values_at(_Body, place)) == values
    detail = explained("Invalid enum value 'Jane Roe'", "kind", values)[1]
    assert detail.endswith(": " + ", ".join(values) if values else "/schema lists them")


@pytest.mark.parametrize(
    ("place", "names"), [("", ["owners", "colours", "name"]), (".owners[0]`", ["kind"]), (".name`", [])]
)
def test_the_members_of_an_object_are_named(place: str, names: list[str]) -> None:
    assert names_at(_Body, place) == names
    field, detail = explained("Object contains unknown field `nmae`", place.strip("`."), names=names)
    assert field == f"{place}.nmae".strip(".").replace("`", "")
    assert detail.endswith(f"; it takes {', '.join(names)}" if names else "; /schema lists those that it has")


@pytest.mark.parametrize("name", ["Jane Roe, 078-05-1120", "078051120", "", "a` - at `$.Jane"])
def test_an_unknown_name_that_is_no_plain_word_is_not_repeated(name: str) -> None:
    field, detail = explained(f"Object contains unknown field `{name}`".partition(" - at `$")[0], "owners[0]")
    assert field in {"owners[0]", "owners[0].a"}
    assert "Jane" not in detail
    assert "078" not in detail


async def test_an_unknown_member_of_a_body_is_the_field_and_the_known_ones_are_told(client, context):
    party = await factories.register_member(context)
    await client.post("/v1/session", json=party.credentials)
    answer = await client.post("/v1/session/proof", json={"kind": "totp", "code": "123456"})
    problem = answer.json()
    assert (answer.status_code, problem["field"]) == (422, "code")
    assert "text" in problem["detail"].partition("it takes ")[2].split(", ")


def test_a_number_of_the_wrong_kind_is_told_what_would_do() -> None:
    field, detail = explained("Expected `int`, got `str`", "amount_cents")
    assert field == "amount_cents"
    assert "whole number" in detail


@pytest.mark.parametrize(
    ("method", "address", "headers", "field"),
    [
        ("GET", "/v1/settlements/0192f000-0000-7000-8000-000000000000/title?row=0", {}, "row"),
        ("GET", "/v1/settlements/0192f000-0000-7000-8000-000000000000/title?row=first", {}, "row"),
        ("GET", "/v1/settlements/0192f000-0000-7000-8000-000000000000/title", {}, "row"),
        ("GET", "/v1/payouts?state=gone", {}, "state"),
        ("GET", "/v1/payouts?limit=many", {}, "limit"),
        ("POST", "/v1/withdrawals", {"Idempotency-Key": "x" * 65}, "Idempotency-Key"),
    ],
)
async def test_what_is_wrong_in_a_query_or_a_header_is_named_as_the_caller_named_it(
    client, context, method, address, headers, field
):
    party = await factories.register_member(context)
    await client.post("/v1/session", json=party.credentials)
    body = {"json": {"currency": "USD", "amount_cents": 1}} if method == "POST" else {}
    answer = await client.request(method, address, headers=headers, **body)
    assert (answer.status_code, answer.json().get("field")) == (422, field), answer.text
