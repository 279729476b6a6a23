"""Sessions seen and ended by their owner, other passwords, and the end of a staff member's access."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import httpx

from market.db.context import Context
from market.kit.actor import SYSTEM
from market.kit.errors import MarketError
from market.parties import service
from tests import factories
from tests.factories import CHEAP, PASSWORD, Mailbox, Party, deliver_codes
from tests.parties.test_factors import House, enrol_app, house, prove, slug
from tests.parties.test_registration import SetClock, ask

__all__ = ["house"]
NEW = "another horse, another battery"


async def test_a_person_sees_where_it_is_signed_in_and_ends_what_it_does_not_know(house: House) -> None:
    party, other = [await factories.register_member(house.context) for _ in range(2)]
    first = house.door()
    await first.post("/v1/session", json=party.credentials, headers={"User-Agent": "Browser/1 (somewhere)"})
    second, stranger = await house.signed_in(party), await house.signed_in(other)
    seen = (await second.get("/v1/sessions")).json()["items"]
    assert [each["is_current"] for each in seen] == [False, False, True]  # the first is that of the factory
    assert seen[1]["agent"] == "Browser/1 (somewhere)"
    path = f"/v1/sessions/{seen[1]['session_id']}"
    assert (await stranger.delete(path)).status_code == 404
    assert (await second.delete(path)).status_code == 204
    assert (await second.delete(path)).status_code == 404
    assert (await first.get("/v1/session")).status_code == 401
    assert (await second.get("/v1/session")).status_code == 200


async def test_a_list_of_sessions_leaves_out_what_lay_unused_and_turns_pages(house: House) -> None:
    party = await factories.register_member(house.context)
    for _ in range(3):
        house.clock.at += timedelta(seconds=1)
        await house.signed_in(party)
    client = await house.signed_in(party)
    page = (await client.get("/v1/sessions?limit=2")).json()
    rest = (await client.get("/v1/sessions", params={"limit": 10, "cursor": page["next_cursor"]})).json()
    assert (len(page["items"]), len(rest["items"]), rest["next_cursor"]) == (2, 3, None)
    house.clock.at += timedelta(minutes=61)
    client = await house.signed_in(party)
    assert len((await client.get("/v1/sessions")).json()["items"]) == 1


async def test_another_password_needs_the_old_one_and_ends_the_other_sessions(house: House) -> None:
    party = await factories.register_member(house.context)
    elsewhere, client = await house.signed_in(party), await house.signed_in(party)
    body = {"old_password": PASSWORD, "new_password": NEW}
    former = client.cookies["market_session"]
    assert slug(await client.put("/v1/password", json={**body, "old_password": "wrong"})) == "proof-refused"
    assert slug(await client.put("/v1/password", json={**body, "new_password": "short"})) == "weak-password"
    assert (await client.put("/v1/password", json=body)).status_code == 200
    assert client.cookies["market_session"] != former
    assert (await client.get("/v1/session")).status_code == 200
    assert (await elsewhere.get("/v1/session")).status_code == 401
    assert (await house.door().post("/v1/session", json=party.credentials)).status_code == 401
    signed_in = await house.door().post("/v1/session", json={"email": party.email, "password": NEW})
    assert signed_in.status_code == 201
    house.clock.at += timedelta(minutes=5)
    assert slug(await client.put("/v1/password", json=body)) == "step-up-required"


async def mailed_reset(house: House, party: Party) -> str:
    client, mailbox = house.door(), Mailbox()
    assert (await client.post("/v1/password/codes", json={"email": party.email})).status_code == 202
    await deliver_codes(house.context, mailbox)
    return mailbox.code_for(party.email)


async def test_who_reads_the_mail_chooses_a_new_password_and_keeps_the_second_factor(house: House) -> None:
    party = await factories.register_member(house.context)
    elsewhere = await house.signed_in(party)
    secret, _ = await enrol_app(house, elsewhere)
    code = await mailed_reset(house, party)
    client, body = house.door(), {"email": party.email, "code": code, "new_password": NEW}
    wrong = {**body, "code": "00000000" if code != "00000000" else "11111111"}
    assert slug(await client.post("/v1/password/reset", json=wrong)) == "code-refused"
    done = await client.post("/v1/password/reset", json=body)
    assert (done.status_code, "market_device=" in done.headers["set-cookie"]) == (204, True)
    assert slug(await client.post("/v1/password/reset", json=body)) == "code-refused"
    assert (await elsewhere.get("/v1/session")).status_code == 401
    half = await client.post("/v1/session", json={"email": party.email, "password": NEW})
    assert half.json()["lacks"] == "proof"
    assert (await prove(client, "totp", house.code(secret))).status_code == 200


async def test_a_code_for_a_new_password_tells_nobody_who_is_known_and_goes_to_no_unproved_address(
    house: House,
) -> None:
    known, stated = await factories.register_member(house.context), factories.a_registration()
    await service.register(house.context, stated, hasher=CHEAP)
    client, mailbox = house.door(), Mailbox()
    answers = [
        await client.post("/v1/password/codes", json={"email": email})
        for email in (known.email, stated.email, "nobody@x.example")
    ]
    assert len({(answer.status_code, answer.text) for answer in answers}) == 1
    await deliver_codes(house.context, mailbox)
    assert sum("choose a new password" in body for _, _, body in mailbox.messages) == 1
    code = mailbox.code_for(stated.email)  # of the registration: it proves the address and sets no password
    body = {"email": stated.email, "code": code, "new_password": NEW}
    assert slug(await client.post("/v1/password/reset", json=body)) == "code-refused"


async def test_a_stranger_who_registers_the_address_again_does_not_stop_the_reset(house: House) -> None:
    party, client = await factories.register_member(house.context), house.door()
    mailbox = Mailbox()
    await client.post("/v1/password/codes", json={"email": party.email})
    again = factories.a_registration(email=party.email)
    await service.register(house.context, again, hasher=CHEAP)
    await deliver_codes(house.context, mailbox)
    body = {"email": party.email, "code": mailbox.code_for(party.email), "new_password": NEW}
    assert (await client.post("/v1/password/reset", json=body)).status_code == 204


# Staff.


async def test_an_operator_ends_a_staff_members_access_at_once_and_for_good(house: House) -> None:
    boss, gone, officer = (
        await factories.operator(house.context),
        await factories.operator(house.context),
        await factories.officer(house.context),
    )
    client, theirs, judge = [await house.signed_in(party) for party in (boss, gone, officer)]
    made = await theirs.post("/v1/api-keys", json={"name": "bot", "scopes": ["parties:read"]})
    by_key = house.door()
    by_key.headers["Authorization"] = f"Bearer {made.json()['token']}"
    assert (await by_key.get("/v1/organisation")).status_code == 200

    path, body = f"/v1/staff/{gone.user_id}/disabling", {"reason": "left the company"}
    assert (await judge.post(path, json=body)).status_code == 403
    assert (await client.post(f"/v1/staff/{boss.user_id}/disabling", json=body)).status_code == 403
    member = await factories.register_member(house.context)
    assert (await client.post(f"/v1/staff/{member.user_id}/disabling", json=body)).status_code == 404
    assert (await client.post(path, json=body)).status_code == 204
    assert (await client.post(path, json=body)).status_code == 409

    assert (await theirs.get("/v1/session")).status_code == 401
    assert (await by_key.get("/v1/organisation")).status_code == 401
    refused = await house.door().post("/v1/session", json=gone.credentials)
    assert (refused.status_code, slug(refused)) == (401, "sign-in-refused")
    await house.door().post("/v1/password/codes", json={"email": gone.email})
    mailbox = Mailbox()
    await deliver_codes(house.context, mailbox)
    assert mailbox.messages == []
    listed = {each["email"]: each["disabled_at"] for each in (await client.get("/v1/staff")).json()["items"]}
    assert (listed[gone.email] is not None, listed[officer.email]) == (True, None)


async def test_whoever_runs_the_machine_helps_who_lost_every_factor(house: House) -> None:
    party = await factories.register_member(house.context)
    client = await house.signed_in(party)
    await enrol_app(house, client)
    async with house.context.db.begin(SYSTEM) as tx:
        assert await service.forget_factors(tx, SYSTEM, party.email, house.clock.now()) == 1
    assert (await client.get("/v1/session")).status_code == 401
    assert (await house.door().post("/v1/session", json=party.credentials)).json()["lacks"] is None
    assert await ask(house.context, "SELECT count(*) FROM recovery_code") == 0


# Keys.


async def test_a_key_works_from_its_networks_only(house: House) -> None:
    party = await factories.register_member(house.context)
    client = await house.signed_in(party)
    body = {"name": "bot", "scopes": ["parties:read"], "networks": ["192.0.2.0/24", "2001:db8::/32"]}
    made = (await client.post("/v1/api-keys", json=body)).json()
    assert made["key"]["networks"] == ["192.0.2.0/24", "2001:db8::/32"]
    for address, status in (
        ("192.0.2.77", 200), ("::ffff:192.0.2.77", 200), ("2001:db8:9::1", 200), ("192.0.3.1", 403), ("testclient", 403),
    ):  # fmt: skip
        transport = httpx.ASGITransport(app=client._transport.app, client=(address, 1))  # type: ignore[attr-defined]
        headers = {"Authorization": f"Bearer {made['token']}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://market.test", headers=headers) as bot:
            answer = await bot.get("/v1/organisation")
        assert answer.status_code == status
        assert status == 200 or slug(answer) == "network-refused"
    (kept,) = (await client.get("/v1/api-keys")).json()["items"]
    assert kept["last_used_at"] is not None
    for networks in (["192.0.2.1/24"], ["anywhere"], [f"10.0.{n}.0/24" for n in range(21)]):
        assert (await client.post("/v1/api-keys", json={**body, "networks": networks})).status_code == 422


async def test_a_key_bids_within_its_limits(context: Context, client: httpx.AsyncClient) -> None:
    room = await factories.open_auction(context, buyer_count=1)
    await client.post("/v1/session", json=room.buyers[0].credentials)
    body = {
        "name": "bot",
        "scopes": ["bids:write", "auctions:read"],
        "max_bid_cents": 500_000,
        "day_bid_cents": 900_000,
    }
    token = (await client.post("/v1/api-keys", json=body)).json()["token"]
    client.cookies.clear()
    client.headers["Authorization"] = f"Bearer {token}"
    path = f"/v1/auctions/{room.auction_id}"

    async def bid(cents: int, key: str) -> httpx.Response:
        return await client.post(
            f"{path}/bids", json={"kind": "manual", "amount_cents": cents}, headers={"Idempotency-Key": key}
        )

    above = await bid(500_001, "1")
    assert (above.status_code, slug(above), above.json()["max_bid_cents"]) == (403, "key-limit", 500_000)
    assert (await bid(400_000, "2")).status_code in {201, 409}
    assert (await bid(500_000, "3")).status_code in {201, 409}
    spent = await bid(1, "4")
    assert (slug(spent), spent.json()["day_bid_cents"]) == ("key-limit", 900_000)
    blind = await client.post(f"{path}/buy-now", headers={"Idempotency-Key": "5"})
    assert slug(blind) == "key-limit"
    assert await ask(context, "SELECT bid_cents FROM api_key_day") == 900_000


# Throttling that locks nobody out.


async def test_a_known_browser_is_not_held_up_by_strangers_and_has_a_patience_of_its_own(house: House) -> None:
    party = await factories.register_member(house.context)
    client = await house.signed_in(party)  # makes the browser a known one

    async def strangers_guess(n: int) -> str | None:
        attempt = service.SignIn(party.email, "wrong password", f"198.51.100.{n}")
        try:
            await service.sign_in(house.context, attempt, hasher=CHEAP)
        except MarketError as error:
            return type(error).__name__
        return None

    said = [await strangers_guess(n % 250) for n in range(40)]
    assert said[:20] == ["SignInRefused"] * 20
    assert said[-1] == "RateLimited"  # every unknown browser waits now, from whatever address
    unknown = await house.door().post("/v1/session", json=party.credentials)
    assert slug(unknown) == "rate-limited"
    assert float(unknown.headers["retry-after"]) <= 60
    assert (await client.post("/v1/session", json=party.credentials)).status_code == 201

    wrong = {**party.credentials, "password": "wrong password"}
    said = [slug(await client.post("/v1/session", json=wrong)) for _ in range(7)]
    assert said == ["sign-in-refused"] * 5 + ["rate-limited"] * 2


async def test_one_address_that_tries_many_accounts_is_slowed_down(house: House) -> None:
    async def guess(n: int) -> str:
        attempt = service.SignIn(f"person{n}@x.example", "wrong password", "198.51.100.9")
        try:
            await service.sign_in(house.context, attempt, hasher=CHEAP)
        except MarketError as error:
            return type(error).__name__
        return "in"

    said = [await guess(n) for n in range(55)]
    assert said[:51] == ["SignInRefused"] * 51
    assert said[-1] == "RateLimited"


async def test_a_reset_by_mail_makes_the_browser_known_while_strangers_guess(house: House) -> None:
    party = await factories.register_member(house.context)
    for n in range(40):
        attempt = service.SignIn(party.email, "wrong password", f"198.51.100.{n}")
        with suppress(MarketError):
            await service.sign_in(house.context, attempt, hasher=CHEAP)
    code, client = await mailed_reset(house, party), house.door()
    assert slug(await client.post("/v1/session", json=party.credentials)) == "rate-limited"
    body = {"email": party.email, "code": code, "new_password": NEW}
    assert (await client.post("/v1/password/reset", json=body)).status_code == 204
    signed_in = await client.post("/v1/session", json={"email": party.email, "password": NEW})
    assert signed_in.status_code == 201


async def test_an_office_signs_in_together(house: House) -> None:
    people = [await factories.register_member(house.context) for _ in range(6)]

    async def come(party: Party, late: int) -> bool:
        context = replace(house.context, clock=SetClock(house.context))
        context.clock.at -= timedelta(milliseconds=late)  # type: ignore[attr-defined]
        await service.sign_in(context, service.SignIn(party.email, PASSWORD, "192.0.2.200"), hasher=CHEAP)
        return True

    assert all(await asyncio.gather(*(come(party, 50 * n) for n, party in enumerate(people))))
