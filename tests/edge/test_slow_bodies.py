"""Nobody's bytes are kept for long, and a stranger's not at all."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from market.db.context import Context
from market.edge import bodies
from tests import factories

JSON = {"Content-Type": "application/json"}


class Held:
    """A body whose first piece comes at once and whose rest never does."""

    def __init__(self, first: bytes = b"{") -> None:
        self.first = first
        self.asked_count = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self.asked_count += 1
        yield self.first
        await asyncio.Event().wait()


async def test_a_strangers_body_is_not_read(client: httpx.AsyncClient) -> None:
    body = Held()
    async with asyncio.timeout(60):
        answer = await client.post("/v1/api-keys", content=body, headers=JSON)
    assert (answer.status_code, body.asked_count) == (401, 0)


@pytest.mark.parametrize("limit", ["_JSON_S", "_IDLE_S"])
async def test_a_json_body_that_never_ends_is_given_up(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(bodies, limit, 0.1)
    async with asyncio.timeout(60):
        answer = await client.post("/v1/session", content=Held(), headers=JSON)
    assert answer.status_code == 408
    assert answer.json()["type"] == "/problems/body-too-slow"
    assert answer.headers["connection"] == "close"


async def test_an_upload_that_stops_is_given_up(
    client: httpx.AsyncClient, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "_IDLE_S", 0.1)
    party = await factories.register_member(context)
    case_id = await factories.draft_case(context, party)
    await client.post("/v1/session", json=party.credentials)
    async with asyncio.timeout(60):
        answer = await client.post(
            f"/v1/cases/{case_id}/evidence",
            content=Held(b"--b\r\n"),
            headers={"Content-Type": "multipart/form-data; boundary=b"},
        )
    assert answer.status_code == 408
