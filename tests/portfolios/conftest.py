from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
import pytest_asyncio

from market.db.context import Context
from market.parties import service as parties
from market.parties.routes import COOKIE
from tests import factories

Visit = Callable[[factories.Party], Awaitable[httpx.AsyncClient]]


@pytest.fixture
def origin(inhabited):
    """People live in the databases of this room's tests."""
    return inhabited


@pytest_asyncio.fixture
async def visit(context: Context, client: httpx.AsyncClient) -> AsyncIterator[Visit]:
    """Sign a party in; the answer is its own client of the same application."""
    opened: list[httpx.AsyncClient] = []

    async def sign_in(party: factories.Party) -> httpx.AsyncClient:
        attempt = parties.SignIn(party.email, party.password, "192.0.2.1")
        signed_in = await parties.sign_in(context, attempt, hasher=factories.CHEAP)
        opened.append(
            httpx.AsyncClient(
                transport=client._transport,
                base_url=str(client.base_url),
                headers={"Origin": "http://market.test"},
                cookies={COOKIE: signed_in.token},
            )
        )
        return opened[-1]

    yield sign_in
    for one in opened:
        await one.aclose()
