import httpx
import pytest

from market.db.context import Context
from tests import factories

GOOD = '{"name": "bot", "scopes": ["bids:read"], "days": 30}'


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (GOOD.replace("30", '"30"'), "days"),
        (GOOD.replace("30", "30.0"), "days"),
        (GOOD.replace("30", "true"), "days"),
        (GOOD.replace("30", "1e400"), "days"),
        (GOOD.replace("30", "1" + "0" * 30), "days"),
        (GOOD.replace('["bids:read"]', '["bids:read", 1]'), "scopes[1]"),
        (GOOD.replace("name", "nom"), "nom"),
        (GOOD.replace("bot", "a\\u0000b"), "name"),
        (GOOD.replace('"bids:read"', '"bids:read", "\\\\\\u0000"'), "scopes[1]"),
        (GOOD[:-1], None),
        ("[]", None),
        ("", None),
        ('{"name": "\\ud800"}', None),
    ],
)
async def test_a_body_is_taken_at_its_word_or_not_at_all(
    client: httpx.AsyncClient, context: Context, body: str, field: str | None
) -> None:
    party = await factories.register_member(context)
    await client.post("/v1/session", json=party.credentials)
    headers = {"Content-Type": "application/json"}
    answer = await client.post("/v1/api-keys", content=body, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/malformed"
    assert answer.json().get("field") == field
    assert (await client.post("/v1/api-keys", content=GOOD, headers=headers)).status_code == 201


async def test_a_body_that_is_nested_too_deeply_is_refused(client: httpx.AsyncClient, context: Context) -> None:
    party = await factories.register_member(context)
    await client.post("/v1/session", json=party.credentials)
    body = f'{{"pool_id": "{party.org_id}", "terms": {{"opening_cents": {"[" * 100_000}'
    answer = await client.post("/v1/auctions", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/malformed")


async def test_a_nul_too_deep_to_be_named_is_refused(client: httpx.AsyncClient, context: Context) -> None:
    party = await factories.register_member(context)
    await client.post("/v1/session", json=party.credentials)
    terms = f'{"[" * 600}"\\u0000"{"]" * 600}'
    body = f'{{"pool_id": "{party.org_id}", "format": "english", "deposit_cents": 0, "terms": {{"a": {terms}}}}}'
    answer = await client.post("/v1/auctions", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/malformed")


async def test_a_backslash_before_u0000_is_no_nul(client: httpx.AsyncClient, context: Context) -> None:
    party = await factories.register_member(context)
    await client.post("/v1/session", json=party.credentials)
    body = GOOD.replace("bot", r"a\\u0000")
    answer = await client.post("/v1/api-keys", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 201
