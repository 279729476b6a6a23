"""What is wrong with a query is said by the caller's own name for it, with the values that would do."""

from uuid import UUID

import httpx
import pytest

from market.compliance.rules import CaseState
from market.db.context import Context
from market.settlement.rules import PayoutState
from tests import factories


@pytest.mark.parametrize(
    ("path", "field", "said"),
    [
        ("/v1/cases?state=Jane", "state", ": " + ", ".join(CaseState)),
        (f"/v1/settlements/{UUID(int=7)}/title?row=Jane", "row", "whole number"),
        (f"/v1/settlements/{UUID(int=7)}/title", "row", "is required"),
        ("/v1/cases?limit=Jane", "limit", "whole number"),
    ],
)
async def test_a_parameter_of_the_query_is_named_with_what_it_takes(
    client: httpx.AsyncClient, context: Context, path: str, field: str, said: str
) -> None:
    party = await factories.register_member(context)
    await client.post("/v1/session", json=party.credentials)
    answer = await client.get(path)
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert said in answer.json()["detail"]
    assert "Jane" not in answer.text


async def test_a_state_of_payouts_that_is_none_is_answered_with_all(
    client: httpx.AsyncClient, context: Context
) -> None:
    operator = await factories.operator(context)
    await client.post("/v1/session", json=operator.credentials)
    answer = await client.get("/v1/payouts?state=Jane")
    assert answer.json()["field"] == "state"
    assert answer.json()["detail"].endswith(": " + ", ".join(PayoutState))
