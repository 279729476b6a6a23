"""The typed client against the real server in its own process."""

import asyncio

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from market.client.http import ProblemError
from market.client.market import MarketClient
from market.client.messages import LiveClosed
from tests import factories


async def until(holds, timeout_s=15):
    async with asyncio.timeout(timeout_s):
        while not holds():
            await asyncio.sleep(0.05)


async def test_a_person_signs_in_makes_a_key_and_signs_out(context, server):
    ada = await factories.register_member(context)
    async with MarketClient(server.url) as client:
        with pytest.raises(ProblemError) as refused:
            await client.session()
        assert (refused.value.status, refused.value.slug) == (401, "unauthenticated")
        session = await client.sign_in(**ada.credentials)
        assert (session.org_id, session.role) == (ada.org_id, "member")
        made = await client.create_api_key(name="bot", scopes=["parties:read"])
        assert made.token not in repr(made)
        async with MarketClient(server.url, api_key=made.token) as bot:
            assert (await bot.organisation()).org_id == ada.org_id
            with pytest.raises(ProblemError) as refused:
                await bot.auctions()
            assert (refused.value.status, refused.value.slug) == (403, "forbidden")
        assert [key.key_id for key in (await client.api_keys()).items] == [made.key.key_id]
        await client.revoke_api_key(made.key.key_id)
        await client.sign_out()
        with pytest.raises(ProblemError):
            await client.session()


async def test_a_refusal_names_status_slug_and_field(server):
    async with MarketClient(server.url) as client:
        with pytest.raises(ProblemError) as refused:
            await client.register_organisation(
                name="A", country="XX", registration_number="1", email="a@b.example", person_name="A", password="x" * 20
            )
        assert refused.value.status == 422
        assert refused.value.slug == "malformed"
        assert refused.value.field == "organisation.country"


async def test_a_killed_server_loses_no_acked_bid_and_the_client_finds_it_again(context, server, hold):
    floor = await hold()
    async with MarketClient(server.url) as ada, MarketClient(server.url) as bob:
        await ada.sign_in(**floor.ada.credentials)
        await bob.sign_in(**floor.bob.credentials)
        async with ada.live() as live, bob.live() as watching:
            await watching.watch(floor.auction_id)
            first = await live.bid(floor.auction_id, 110_000, cid="a-1")
            assert first.status == "accepted"
            await server.kill()
            bidding = asyncio.create_task(live.bid(floor.auction_id, 120_000, cid="a-2", timeout_s=60))
            await server.start()
            second = await bidding
            repeated = await live.bid(floor.auction_id, 110_000, cid="a-1")
            assert (repeated.status, repeated.seq) == ("duplicate", first.seq)
            await until(lambda: watching.state(floor.auction_id)["seq"] == second.seq)
            shown = await bob.auction(floor.auction_id)
            assert shown.state == watching.state(floor.auction_id)
            events = (await bob.auction_events(floor.auction_id)).items
            assert [event["seq"] for event in events] == list(range(1, second.seq + 1))


async def test_http_and_socket_show_the_same_and_share_the_key_of_a_command(context, server, hold):
    floor = await hold()
    async with MarketClient(server.url) as ada:
        await ada.sign_in(**floor.ada.credentials)
        answer = await ada.place_bid(floor.auction_id, 110_000, key="once")
        assert answer.status == "accepted"
        async with ada.live() as live:
            repeated = await live.bid(floor.auction_id, 110_000, cid="once")
            assert (repeated.status, repeated.seq) == ("duplicate", answer.seq)
            assert await live.watch(floor.auction_id) == (await ada.auction(floor.auction_id)).state
        with pytest.raises(ProblemError) as refused:
            await ada.place_bid(floor.auction_id, 100_000, key="low")
        assert (refused.value.status, refused.value.code) == (409, "BID_TOO_LOW")


async def test_another_sites_page_cannot_use_the_cookie(context, server):
    ada = await factories.register_member(context)
    async with MarketClient(server.url) as client:
        await client.sign_in(**ada.credentials)
        cookie = "; ".join(f"{name}={value}" for name, value in client._http.cookies.items())
        with pytest.raises(InvalidStatus) as refused:
            async with connect(
                server.live_url, additional_headers={"Cookie": cookie}, origin="https://evil.example", proxy=None
            ):
                pass
        assert refused.value.response.status_code == 403
        await client.sign_out()
    with pytest.raises(LiveClosed) as closed:
        async with MarketClient(server.url) as client:
            client._http.cookies.set("market_session", "stolen")
            async with client.live():
                pass
    assert closed.value.code == 4401
