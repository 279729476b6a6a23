import asyncio
from dataclasses import replace
from datetime import timedelta
from statistics import median
from time import perf_counter

import httpx
import pytest
from litestar.connection import WebSocket
from litestar.types.asgi_types import WebSocketScope
from sqlalchemy import text

from market.db.context import Context
from market.kit.actor import SYSTEM, Actor, Role
from market.kit.errors import Conflict, Forbidden, Malformed, MarketError, NotFound, RateLimited, Unauthenticated
from market.parties import routes, service
from market.parties.routes import who as who_routes
from market.parties.rules import CrossSite, KeyOrder, SignInRefused
from market.parties.service import SignIn
from tests import factories
from tests.factories import CHEAP, PASSWORD, Party
from tests.parties.test_registration import SetClock, ask

HOME = "192.0.2.1"


async def signed_in(context: Context, party: Party, *, former: str | None = None) -> str:
    attempt = SignIn(party.email, PASSWORD, HOME, former)
    return (await service.sign_in(context, attempt, hasher=CHEAP)).token


async def who(context: Context, token: str) -> Actor:
    async with context.db.begin(SYSTEM) as tx:
        return await service.authenticate(tx, token, context.clock.now())


async def gone(context: Context, token: str) -> bool:
    try:
        await who(context, token)
    except Unauthenticated:
        return True
    return False


# Sessions.


async def test_a_sign_in_takes_a_new_token_and_ends_the_one_before(context: Context) -> None:
    party = await factories.register_member(context)
    first = await signed_in(context, party)
    second = await signed_in(context, party, former=first)
    elsewhere = await signed_in(context, party)
    assert len({first, second, elsewhere}) == 3
    assert await gone(context, first)
    assert await who(context, second) == party.actor
    assert await who(context, elsewhere) == party.actor


async def test_a_session_ends_on_sign_out_when_unused_and_when_too_old(context: Context) -> None:
    party = await factories.register_member(context)
    clock = SetClock(context)
    context = replace(context, clock=clock)
    token, unused, used = [await signed_in(context, party) for _ in range(3)]
    async with context.db.begin(SYSTEM) as tx:
        await service.sign_out(tx, token, clock.now())
    assert await gone(context, token)

    for _ in range(12):
        clock.at += timedelta(minutes=59)
        await who(context, used)
    assert await gone(context, unused)
    clock.at += timedelta(minutes=13)
    assert await gone(context, used)


async def test_a_session_is_idle_from_its_last_use_to_the_second(context: Context) -> None:
    party = await factories.register_member(context)
    clock = SetClock(context)
    context = replace(context, clock=clock)
    token = await signed_in(context, party)
    clock.at += timedelta(minutes=60) - timedelta(seconds=1)
    assert await who(context, token) == party.actor
    clock.at += timedelta(minutes=60)
    assert await gone(context, token)


async def test_only_a_digest_of_the_token_is_kept_and_old_sessions_do_not_pile_up(context: Context) -> None:
    party = await factories.register_member(context)
    tokens = [await signed_in(context, party) for _ in range(25)]
    kept = await ask(context, "SELECT string_agg(row_to_json(s)::text, '') FROM user_session s")
    assert not any(token in kept for token in tokens)
    assert await ask(context, "SELECT count(*) FROM user_session") == 20
    assert await gone(context, tokens[0])
    assert await who(context, tokens[-1]) == party.actor


async def test_a_made_up_token_is_nobodys(context: Context) -> None:
    for token in ("", "x", "mk_", "mk_1_2", "mk_" + "0" * 32 + "_x", "mk_" + "é" * 32 + "_x", "\0"):
        assert await gone(context, token)


async def test_the_cookie_is_for_this_site_only_and_out_of_reach_of_scripts(
    client: httpx.AsyncClient, context: Context
) -> None:
    party = await factories.register_member(context)
    answer = await client.post("/v1/session", json=party.credentials)
    cookie, device = answer.headers.get_list("set-cookie")
    assert device.startswith("market_device=")
    assert "HttpOnly" in device
    assert cookie.startswith("market_session=")
    for part in ("HttpOnly", "SameSite=strict", "Path=/", "Max-Age=43200"):
        assert part in cookie
    assert "Secure" not in cookie

    secure = replace(context, settings=replace(context.settings, public_url="https://market.test"))
    assert who_routes._cookie(secure, "c", "t", max_age_s=1).secure

    first = client.cookies["market_session"]
    await client.post("/v1/session", json=party.credentials)
    assert client.cookies["market_session"] != first
    stolen = await client.get("/v1/session", headers={"Cookie": f"market_session={first}"})
    assert stolen.status_code == 401

    assert (await client.get("/v1/session")).json()["email"] == party.email
    token = client.cookies["market_session"]
    assert (await client.delete("/v1/session")).status_code == 204
    assert (await client.get("/v1/session", headers={"Cookie": f"market_session={token}"})).status_code == 401


# Wrong passwords.


async def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(
    client: httpx.AsyncClient, context: Context
) -> None:
    party = await factories.register_member(context)
    answers = [
        await client.post("/v1/session", json={"email": email, "password": "not the password"})
        for email in (party.email, "nobody@x.example", "not an address", "odd\u0001@x.example")
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1


async def test_an_unknown_address_takes_as_long_as_a_wrong_password(context: Context) -> None:
    stated = factories.a_registration()
    await service.register(context, stated)

    async def took(email: str, n: int) -> float:
        started = perf_counter()
        with pytest.raises(SignInRefused):
            await service.sign_in(context, SignIn(email, "not the password", f"192.0.2.{n}"))
        return perf_counter() - started

    pairs = [(await took(stated.email, n), await took("nobody@x.example", n)) for n in range(5)]
    assert 0.5 < median(a for a, _ in pairs) / median(b for _, b in pairs) < 2


async def test_guessing_is_slowed_down_for_the_guesser_and_for_nobody_else(context: Context) -> None:
    party = await factories.register_member(context)
    clock = SetClock(context)
    context = replace(context, clock=clock)

    async def guess(address: str, password: str = "wrong password") -> MarketError | None:
        try:
            await service.sign_in(context, SignIn(party.email, password, address), hasher=CHEAP)
        except MarketError as error:
            return error
        return None

    refusals = [await guess("198.51.100.7") for _ in range(8)]
    assert [type(refusal) for refusal in refusals] == [SignInRefused] * 5 + [RateLimited] * 3
    assert isinstance(await guess("198.51.100.7", PASSWORD), RateLimited)
    assert await guess(HOME, PASSWORD) is None

    clock.at += timedelta(seconds=2)
    assert isinstance(await guess("198.51.100.7"), SignInRefused)
    late = await guess("198.51.100.7")
    assert isinstance(late, RateLimited)
    assert late.members["retry_after_s"] == 4.0
    clock.at += timedelta(seconds=4)
    assert await guess("198.51.100.7", PASSWORD) is None
    assert await ask(context, "SELECT count(*) FROM signin_delay WHERE failure_count > 7") == 0


async def test_many_guesses_at_once_are_counted_one_by_one(context: Context) -> None:
    party = await factories.register_member(context)
    answers = await asyncio.gather(
        *(service.sign_in(context, SignIn(party.email, f"wrong {n}", HOME), hasher=CHEAP) for n in range(20)),
        return_exceptions=True,
    )
    assert sum(isinstance(answer, SignInRefused) for answer in answers) <= 5
    assert all(isinstance(answer, MarketError) for answer in answers)


async def test_what_failed_long_ago_is_forgotten(context: Context) -> None:
    clock = SetClock(context)
    context = replace(context, clock=clock)
    for n in range(6):
        with pytest.raises(MarketError):
            await service.sign_in(context, SignIn("a@x.example", "wrong", f"192.0.2.{n % 2}"), hasher=CHEAP)
    clock.at += timedelta(hours=25)
    with pytest.raises(SignInRefused):
        await service.sign_in(context, SignIn("b@x.example", "wrong", HOME), hasher=CHEAP)
    assert await ask(context, "SELECT max(failure_count) FROM signin_delay") == 1


async def test_one_network_address_has_so_many_tries_a_minute(context: Context) -> None:
    slow = replace(context, settings=replace(context.settings, signins_per_minute=3))
    from market.app import create_app

    transport = httpx.ASGITransport(app=create_app(slow))
    async with httpx.AsyncClient(transport=transport, base_url="http://market.test") as client:
        stated = {"email": "nobody@x.example"}
        codes = [(await client.post("/v1/contact/codes", json=stated)).status_code for _ in range(4)]
        answer = await client.post("/v1/session", json={**stated, "password": "x"})
    assert codes == [202, 202, 202, 429]
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1


def test_neighbours_on_one_line_share_a_bucket() -> None:
    assert routes.address_of("2001:db8:1:2::1") == routes.address_of("2001:db8:1:2:ffff::9")
    assert routes.address_of("2001:db8:1:2::1") != routes.address_of("2001:db8:1:3::1")
    assert routes.address_of("::ffff:192.0.2.1") == routes.address_of("192.0.2.1")
    assert routes.address_of("testclient") == "testclient"


# Other sites.


FROM_ELSEWHERE: tuple[dict[str, str], ...] = (
    {"Origin": "http://evil.test"},
    {"Origin": "null"},
    {"Origin": "http://market.test:81"},
    {"Origin": "http://market.test.evil.test"},
    {"Origin": "http://market.test", "Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site"},
)


async def test_another_site_cannot_use_the_cookie_of_a_signed_in_person(
    client: httpx.AsyncClient, context: Context
) -> None:
    party = await factories.register_member(context)
    cookie = {"Cookie": f"market_session={await signed_in(context, party)}"}
    key = {"Authorization": f"Bearer {await make_key(context, party.actor, ['parties:write'])}"}
    del client.headers["Origin"]
    body = {"name": "bot", "scopes": ["bids:write"]}
    for headers in FROM_ELSEWHERE:
        answer = await client.post("/v1/api-keys", json=body, headers={**headers, **cookie})
        assert answer.status_code == 403
        assert answer.json()["type"] == "/problems/cross-site"
        assert (await client.post("/v1/session", json=party.credentials, headers=headers)).status_code == 403
        by_key = await client.delete(f"/v1/api-keys/{context.chance.new_id()}", headers={**headers, **key})
        assert by_key.status_code == 404
    assert await ask(context, "SELECT count(*) FROM api_key") == 1
    assert (await client.post("/v1/api-keys", json=body, headers=cookie)).status_code == 201


async def test_a_socket_from_another_site_is_nobodys(context: Context) -> None:
    party = await factories.register_member(context)
    token = await signed_in(context, party)

    def handshake(**headers: str) -> WebSocket:
        raw = {"cookie": f"market_session={token}", **headers}
        scope = {"type": "websocket", "headers": [(k.encode(), v.encode()) for k, v in raw.items()], "state": {}}
        return WebSocket(WebSocketScope(**scope))  # type: ignore[typeddict-item]

    assert await routes.actor_of(handshake(origin="http://market.test"), context) == party.actor
    with pytest.raises(CrossSite):
        await routes.actor_of(handshake(origin="http://evil.test"), context)


# API keys.


async def make_key(context: Context, actor: Actor, scopes: list[str], days: int = 30) -> str:
    async with context.db.begin(actor) as tx:
        asked = KeyOrder("bot", tuple(scopes), days)
        _, token = await service.create_key(tx, actor, asked, now=context.clock.now(), chance=context.chance)
    return token


async def test_a_key_acts_for_its_person_within_its_scopes_until_it_ends(context: Context) -> None:
    party = await factories.register_member(context)
    clock = SetClock(context)
    context = replace(context, clock=clock)
    token = await make_key(context, party.actor, ["bids:write", "bids:read", "bids:read"])
    actor = await who(context, token)
    assert (actor.user_id, actor.org_id, actor.role) == (party.user_id, party.org_id, Role.MEMBER)
    assert actor.scopes == {"bids:read", "bids:write"}
    assert not actor.allows("parties:write")
    assert await gone(context, token[:-1] + ("x" if token[-1] != "x" else "y"))
    clock.at += timedelta(days=30)
    assert await gone(context, token)


async def test_a_revoked_key_is_dead_at_once_and_only_its_organisation_revokes_it(context: Context) -> None:
    party, other = await factories.register_member(context), await factories.register_member(context)
    token = await make_key(context, party.actor, ["bids:write"])
    key_id = (await who(context, token)).key_id
    assert key_id
    for actor, refusal in ((other.actor, NotFound), (await who(context, token), Forbidden)):
        async with context.db.begin(actor) as tx:
            with pytest.raises(refusal):
                await service.revoke_key(tx, actor, key_id, context.clock.now())
    async with context.db.begin(party.actor) as tx:
        await service.revoke_key(tx, party.actor, key_id, context.clock.now())
        with pytest.raises(NotFound):
            await service.revoke_key(tx, party.actor, key_id, context.clock.now())
    assert await gone(context, token)


async def test_keys_do_not_breed_and_officers_have_none(context: Context) -> None:
    party, officer = await factories.register_member(context), await factories.officer(context)
    by_key = await who(context, await make_key(context, party.actor, ["parties:write"]))
    for actor in (by_key, officer.actor):
        with pytest.raises(Forbidden):
            await make_key(context, actor, ["parties:write"])
    for scopes, days in ((["everything"], 30), ([], 30), (["bids:read"], 0), (["bids:read"], 367)):
        with pytest.raises(Malformed):
            await make_key(context, party.actor, scopes, days)


async def test_there_is_an_end_to_the_number_of_keys(context: Context) -> None:
    party = await factories.register_member(context)
    for _ in range(50):
        await make_key(context, party.actor, ["bids:read"])
    with pytest.raises(Conflict):
        await make_key(context, party.actor, ["bids:read"])


async def test_a_key_is_shown_once_and_listed_without_its_secret(client: httpx.AsyncClient, context: Context) -> None:
    party = await factories.register_member(context)
    await client.post("/v1/session", json=party.credentials)
    made = [
        (await client.post("/v1/api-keys", json={"name": f"bot {n}", "scopes": ["parties:read"]})).json()
        for n in range(3)
    ]
    client.cookies.clear()
    client.headers["Authorization"] = f"Bearer {made[0]['token']}"
    first = (await client.get("/v1/api-keys?limit=2")).json()
    second = (await client.get("/v1/api-keys", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [key["name"] for key in first["items"] + second["items"]] == ["bot 0", "bot 1", "bot 2"]
    assert second["next_cursor"] is None
    secrets = [one["token"][-20:] for one in made]
    assert not any(secret in str(first) + str(second) for secret in secrets)
    assert (await client.get("/v1/organisation")).status_code == 200

    client.headers["Authorization"] = "Bearer mk_wrong"
    wrong = await client.get("/v1/organisation")
    assert wrong.status_code == 401
    assert wrong.headers["www-authenticate"].startswith("Bearer")
    async with context.db.begin(SYSTEM) as tx:
        kept = (await tx.execute(text("SELECT string_agg(row_to_json(k)::text, '') FROM api_key k"))).scalar()
    assert kept
    assert not any(secret in kept for secret in secrets)
