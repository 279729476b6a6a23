"""The typed client has a method for every route of the published contract."""

import re
from pathlib import Path

import market.client


async def test_every_published_address_is_called_by_a_method(client):
    contract = (await client.get("/schema/openapi.json")).json()
    published = {re.sub(r"\{[^}]*\}", "{}", path) for path in contract["paths"] if path.startswith("/v1/")}
    source = "".join(path.read_text("utf-8") for path in Path(market.client.__file__).parent.glob("*.py"))
    called = {re.sub(r"\{[^}]*\}", "{}", path) for path in re.findall(r'"(/v1/[^"]*)"', source)}
    assert sorted(published - called) == []
