"""How much one person, one address and one node may ask for."""

from dataclasses import replace

import httpx

from market.app import create_app
from market.db.cluster import RoleUrls
from market.db.context import Context
from market.kit.clock import SystemClock
from market.parties import service as parties
from market.parties.rules import KeyOrder
from market.process import server_config
from tests import factories
from tests.running import RunningServer


class StoppedWatch(SystemClock):
    """No token comes back, however slow the machine is."""

    def monotonic_s(self) -> float:
        return 0.0


async def test_requests_are_counted_by_person_and_not_by_the_office_they_sit_in(context: Context) -> None:
    slow = replace(context, settings=replace(context.settings, requests_per_minute=10))
    parties = [await factories.register_member(context) for _ in range(2)]
    transport = httpx.ASGITransport(app=create_app(slow))
    async with httpx.AsyncClient(transport=transport, base_url="http://market.test") as client:

        async def asked(count: int) -> list[int]:
            return [(await client.get("/v1/organisation")).status_code for _ in range(count)]

        for party in parties:
            assert (await client.post("/v1/session", json=party.credentials)).status_code == 201
            assert await asked(20) == [200] * 20
            assert set(await asked(2)) == {429}
            client.cookies.clear()
        assert 429 in await asked(80)  # the address as a whole has an end too


async def test_the_keys_of_an_organisation_share_twice_what_one_may_ask_for(context: Context) -> None:
    settings = replace(context.settings, requests_per_minute=10)
    slow = replace(context, settings=settings, clock=StoppedWatch())
    ours, theirs = [await factories.register_member(context) for _ in range(2)]
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=create_app(slow)), base_url="http://market.test"
    ) as client:

        async def asked(party: factories.Party, count: int) -> list[int]:
            """With a new key."""
            wanted = KeyOrder("bot", ("parties:read",), 1)
            async with context.db.begin(party.actor) as tx:
                _, token = await parties.create_key(
                    tx, party.actor, wanted, now=context.clock.now(), chance=context.chance
                )
            key = {"Authorization": f"Bearer {token}"}
            return [(await client.get("/v1/organisation", headers=key)).status_code for _ in range(count)]

        assert await asked(ours, 21) == [200] * 20 + [429], "one key has its own end"
        assert await asked(ours, 20) == [200] * 20
        assert await asked(ours, 5) == [429] * 5
        assert await asked(theirs, 5) == [200] * 5


async def test_a_forwarded_address_counts_only_from_a_trusted_proxy(context: Context, urls: RoleUrls) -> None:
    for trusted, second in (("", 429), ("127.0.0.1", 202)):
        server = RunningServer(context.settings, urls, worker=False, trusted_proxies=trusted, signins_per_minute=1)
        server._environment["FORWARDED_ALLOW_IPS"] = "*"
        await server.start()
        try:
            async with httpx.AsyncClient(base_url=server.url) as client:
                answers = [
                    await client.post(
                        "/v1/contact/codes", json={"email": "a@b.example"}, headers={"X-Forwarded-For": address}
                    )
                    for address in ("192.0.2.1", "192.0.2.2")
                ]
            assert [answer.status_code for answer in answers] == [202, second]
        finally:
            await server.stop()


def test_a_node_has_so_many_connections_as_are_set(context: Context) -> None:
    few = replace(context, settings=replace(context.settings, connection_count=64))
    assert server_config(few).limit_concurrency == 64
