"""Second factors through the front door: authenticator apps, passkeys, recovery codes, and who must have one."""

import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from market.db.context import Context
from market.kit.actor import Role
from market.parties.factors import code_at, matching_step, must_have_factor, step_of
from market.parties.rules import FRESH_LIFE
from tests import factories
from tests.application import application
from tests.factories import PASSWORD, Party
from tests.parties.authenticator import Authenticator
from tests.parties.test_registration import SetClock, ask

# RFC 6238, appendix B, the SHA-1 rows; the last six of its eight digits.
VECTORS = ((59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130"))
RFC_SECRET = b"12345678901234567890"


def test_codes_are_those_of_rfc_6238() -> None:
    assert [code_at(RFC_SECRET, at // 30) for at, _ in VECTORS] == [code for _, code in VECTORS]


def test_a_code_counts_one_step_early_or_late_and_never_before_the_last_used_one(context: Context) -> None:
    now = context.clock.now()
    present = step_of(now)
    for step, found in ((-2, False), (-1, True), (0, True), (1, True), (2, False)):
        code = code_at(RFC_SECRET, present + step)
        assert (matching_step(RFC_SECRET, code, now, after_step=0) is not None) is found
    code = code_at(RFC_SECRET, present)
    assert matching_step(RFC_SECRET, code, now, after_step=present) is None
    assert matching_step(RFC_SECRET, "", now, after_step=0) is None
    assert matching_step(RFC_SECRET, "é12345", now, after_step=0) is None


@pytest.mark.parametrize(
    ("policy", "member", "officer"),
    [("nobody", False, False), ("staff", False, True), ("everybody", True, True)],
)
def test_the_setting_says_who_must_have_a_second_factor(policy: str, member: bool, officer: bool) -> None:
    assert must_have_factor(policy, Role.MEMBER) is member
    assert must_have_factor(policy, Role.OFFICER) is officer
    assert must_have_factor(policy, Role.OPERATOR) is officer


class House:
    """The application with a clock that tests move, asking what a test wants of staff."""

    def __init__(self, context: Context) -> None:
        self.clock = SetClock(context)
        self.context = replace(context, clock=self.clock)
        self._open: list[httpx.AsyncClient] = []

    def door(self, policy: str = "nobody") -> httpx.AsyncClient:
        context = replace(self.context, settings=replace(self.context.settings, second_factor=policy))
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=application(context, beside=policy)), base_url="http://market.test",
            headers={"Origin": "http://market.test"},
        )  # fmt: skip
        self._open.append(client)
        return client

    async def signed_in(self, party: Party, policy: str = "nobody") -> httpx.AsyncClient:
        client = self.door(policy)
        assert (await client.post("/v1/session", json=party.credentials)).status_code == 201
        return client

    def code(self, secret: str, *, later: int = 0) -> str:
        return code_at(base64.b32decode(secret), step_of(self.clock.now()) + later)

    async def close(self) -> None:
        for client in self._open:
            await client.aclose()


@pytest_asyncio.fixture
async def house(context: Context) -> AsyncIterator[House]:
    found = House(context)
    yield found
    await found.close()


async def enrol_app(house: House, client: httpx.AsyncClient) -> tuple[str, list[str]]:
    """(secret, recovery codes)."""
    begun = (await client.post("/v1/factors/totp", json={"name": "phone"})).json()
    confirmed = await client.post(
        f"/v1/factors/totp/{begun['factor_id']}/confirmation", json={"code": house.code(begun["secret"])}
    )
    assert confirmed.status_code == 201, confirmed.text
    house.clock.at += timedelta(seconds=30)
    return begun["secret"], confirmed.json()["recovery_codes"]


async def enrol_passkey(client: httpx.AsyncClient, device: Authenticator) -> httpx.Response:
    options = (await client.post("/v1/factors/passkeys/options")).json()["options"]
    return await client.post("/v1/factors/passkeys", json={"name": "key", "credential": device.create(options)})


async def prove(client: httpx.AsyncClient, kind: str, text: str = "", **more: Any) -> httpx.Response:
    return await client.post("/v1/session/proof", json={"kind": kind, "text": text, **more})


def slug(answer: httpx.Response) -> str:
    return str(answer.json()["type"]).removeprefix("/problems/")


# Authenticator apps.


async def test_who_has_an_app_signs_in_with_its_code_and_a_code_works_once(house: House) -> None:
    party = await factories.register_member(house.context)
    secret, codes = await enrol_app(house, await house.signed_in(party))
    assert len(set(codes)) == 10

    client = house.door()
    half = await client.post("/v1/session", json=party.credentials)
    assert (half.json()["lacks"], half.json()["fresh_until"]) == ("proof", None)
    refused = await client.get("/v1/organisation")
    assert (refused.status_code, slug(refused)) == (401, "second-factor-required")
    assert (await client.get("/v1/session")).json()["lacks"] == "proof"

    code, former = house.code(secret), client.cookies["market_session"]
    assert slug(await prove(client, "totp", "000000" if code != "000000" else "111111")) == "proof-refused"
    proved = await prove(client, "totp", code)
    assert (proved.status_code, proved.json()["lacks"]) == (200, None)
    assert client.cookies["market_session"] != former
    assert (await client.get("/v1/organisation")).status_code == 200
    stolen = await house.door().get("/v1/session", headers={"Cookie": f"market_session={former}"})
    assert stolen.status_code == 401

    other = await house.signed_in(party)
    assert slug(await prove(other, "totp", code)) == "proof-refused"
    assert (await prove(other, "totp", house.code(secret, later=1))).status_code == 200


async def test_half_a_sign_in_cannot_enrol_a_factor_of_its_own(house: House) -> None:
    party = await factories.register_member(house.context)
    await enrol_app(house, await house.signed_in(party))
    thief = await house.signed_in(party)
    for path, body in (
        ("/v1/factors/totp", {"name": "mine"}),
        ("/v1/factors/passkeys/options", None),
        ("/v1/factors/recovery-codes", None),
    ):
        assert slug(await thief.post(path, json=body)) == "second-factor-required"
    assert slug(await prove(thief, "password", PASSWORD)) == "proof-refused"
    assert slug(await thief.get("/v1/factors")) == "second-factor-required"


async def test_an_unconfirmed_app_is_no_factor_and_waits_a_quarter_of_an_hour(house: House) -> None:
    party = await factories.register_member(house.context)
    client = await house.signed_in(party)
    begun = (await client.post("/v1/factors/totp", json={"name": "phone"})).json()
    assert begun["uri"].startswith("otpauth://totp/debtmarket:person")
    assert (await client.get("/v1/factors")).json() == {"items": [], "recovery_code_count": 0}
    assert (await house.door().post("/v1/session", json=party.credentials)).json()["lacks"] is None
    path = f"/v1/factors/totp/{begun['factor_id']}/confirmation"
    house.clock.at += timedelta(minutes=15)
    assert slug(await client.post(path, json={"code": house.code(begun["secret"])})) == "step-up-required"
    assert (await prove(client, "password", PASSWORD)).status_code == 200
    assert (await client.post(path, json={"code": house.code(begun["secret"])})).status_code == 404


async def test_the_secret_is_kept_sealed_and_recovery_codes_as_digests(house: House) -> None:
    party = await factories.register_member(house.context)
    secret, codes = await enrol_app(house, await house.signed_in(party))
    kept = await ask(house.context, "SELECT string_agg(row_to_json(f)::text, '') FROM totp_factor f")
    kept += await ask(house.context, "SELECT string_agg(row_to_json(c)::text, '') FROM recovery_code c")
    raw = base64.b32decode(secret)
    for plain in (secret, raw.hex(), *codes, *(code.replace("-", "") for code in codes)):
        assert plain not in kept


async def test_guessing_codes_is_slowed_down(house: House) -> None:
    party = await factories.register_member(house.context)
    secret, _ = await enrol_app(house, await house.signed_in(party))
    client = await house.signed_in(party)
    wrong = "000000" if house.code(secret) != "000000" else "111111"
    slugs = [slug(await prove(client, "totp", wrong)) for _ in range(7)]
    assert slugs == ["proof-refused"] * 5 + ["rate-limited"] * 2
    assert slug(await prove(client, "totp", house.code(secret))) == "rate-limited"
    house.clock.at += timedelta(seconds=30)
    assert (await prove(client, "totp", house.code(secret))).status_code == 200


async def test_a_recovery_code_stands_in_once(house: House) -> None:
    party = await factories.register_member(house.context)
    _, codes = await enrol_app(house, await house.signed_in(party))
    client = await house.signed_in(party)
    assert (await prove(client, "recovery", codes[3].upper().replace("-", " "))).status_code == 200
    assert (await client.get("/v1/factors")).json()["recovery_code_count"] == 9
    other = await house.signed_in(party)
    assert slug(await prove(other, "recovery", codes[3])) == "proof-refused"
    drawn = (await client.post("/v1/factors/recovery-codes")).json()["recovery_codes"]
    assert slug(await prove(other, "recovery", codes[4])) == "proof-refused"
    assert (await prove(other, "recovery", drawn[0])).status_code == 200


async def test_enrolling_and_removing_a_factor_end_the_other_sessions(house: House) -> None:
    party = await factories.register_member(house.context)
    elsewhere, client = await house.signed_in(party), await house.signed_in(party)
    secret, _ = await enrol_app(house, client)
    assert (await elsewhere.get("/v1/session")).status_code == 401
    elsewhere = await house.signed_in(party)
    assert (await prove(elsewhere, "totp", house.code(secret))).status_code == 200
    (factor,) = (await client.get("/v1/factors")).json()["items"]
    assert (factor["kind"], factor["name"]) == ("totp", "phone")
    assert (await client.delete(f"/v1/factors/{factor['factor_id']}")).status_code == 204
    assert (await elsewhere.get("/v1/session")).status_code == 401
    assert (await house.door().post("/v1/session", json=party.credentials)).json()["lacks"] is None
    assert await ask(house.context, "SELECT count(*) FROM recovery_code") == 0


async def test_nobody_touches_anothers_factor(house: House) -> None:
    owner, other = [await factories.register_member(house.context) for _ in range(2)]
    client = await house.signed_in(owner)
    await enrol_app(house, client)
    (factor,) = (await client.get("/v1/factors")).json()["items"]
    stranger = await house.signed_in(other)
    assert (await stranger.delete(f"/v1/factors/{factor['factor_id']}")).status_code == 404
    begun = (await client.post("/v1/factors/totp", json={"name": "second"})).json()
    path = f"/v1/factors/totp/{begun['factor_id']}/confirmation"
    assert (await stranger.post(path, json={"code": house.code(begun["secret"])})).status_code == 404


async def test_staff_enrol_before_anything_else_and_keep_their_last_factor(house: House) -> None:
    officer = await factories.officer(house.context)
    client = house.door("staff")
    answer = await client.post("/v1/session", json=officer.credentials)
    assert answer.json()["lacks"] == "enrolment"
    for path in ("/v1/cases", "/v1/factors", "/v1/sessions"):
        assert slug(await client.get(path)) == "second-factor-required"
    await enrol_app(house, client)
    assert (await client.get("/v1/cases")).status_code == 200
    (factor,) = (await client.get("/v1/factors")).json()["items"]
    assert (await client.delete(f"/v1/factors/{factor['factor_id']}")).status_code == 409
    member = await factories.register_member(house.context)
    assert (await house.door("staff").post("/v1/session", json=member.credentials)).json()["lacks"] is None


# Passkeys.


async def test_a_passkey_completes_a_sign_in(house: House) -> None:
    party, device = await factories.register_member(house.context), Authenticator()
    enrolled = await enrol_passkey(await house.signed_in(party), device)
    assert enrolled.status_code == 201, enrolled.text
    assert len(enrolled.json()["recovery_codes"]) == 10
    client = await house.signed_in(party)
    asked = (await client.post("/v1/session/proof-options")).json()
    assert asked["kinds"] == ["passkey", "recovery"]
    assert asked["passkey"]["rpId"] == "market.test"
    proved = await prove(client, "passkey", credential=device.get(asked["passkey"]))
    assert (proved.status_code, proved.json()["lacks"]) == (200, None)
    (factor,) = (await client.get("/v1/factors")).json()["items"]
    assert (factor["kind"], factor["cloned_at"]) == ("passkey", None)
    assert (await client.get("/v1/sessions")).json()["items"][-1]["proved_by"] == "passkey"


async def test_a_passkey_without_a_counter_works_again_and_again(house: House) -> None:
    party, device = await factories.register_member(house.context), Authenticator(counts=False)
    client = await house.signed_in(party)
    await enrol_passkey(client, device)
    for _ in range(3):
        options = (await client.post("/v1/session/proof-options")).json()["passkey"]
        assert (await prove(client, "passkey", credential=device.get(options))).status_code == 200


WRONG: tuple[dict[str, Any], ...] = (
    {"origin": "http://evil.test"},
    {"origin": "http://market.test.evil.test"},
    {"origin": "https://market.test"},
    {"rp_id": "evil.test"},
)


@pytest.mark.parametrize("wrong", WRONG, ids=str)
async def test_a_passkey_made_or_used_on_another_site_is_refused(house: House, wrong: dict[str, Any]) -> None:
    party, device = await factories.register_member(house.context), Authenticator()
    client = await house.signed_in(party)
    assert slug(await enrol_passkey(client, replace(device, **wrong))) == "proof-refused"
    await enrol_passkey(client, device)
    options = (await client.post("/v1/session/proof-options")).json()["passkey"]
    phished = replace(device, **wrong)
    assert slug(await prove(client, "passkey", credential=phished.get(options))) == "proof-refused"


async def test_a_challenge_is_answered_once_by_its_own_session_in_time(house: House) -> None:
    party, device = await factories.register_member(house.context), Authenticator()
    client = await house.signed_in(party)
    await enrol_passkey(client, device)

    options = (await client.post("/v1/session/proof-options")).json()["passkey"]
    answer = device.get(options)
    assert (await prove(client, "passkey", credential=answer)).status_code == 200
    assert slug(await prove(client, "passkey", credential=answer)) == "proof-refused"
    assert slug(await prove(client, "passkey", credential=device.get(options))) == "proof-refused"

    other = await house.signed_in(party)
    theirs = (await other.post("/v1/session/proof-options")).json()["passkey"]
    await client.post("/v1/session/proof-options")
    assert slug(await prove(client, "passkey", credential=device.get(theirs))) == "proof-refused"

    late = (await client.post("/v1/session/proof-options")).json()["passkey"]
    house.clock.at += timedelta(minutes=5)
    assert slug(await prove(client, "passkey", credential=device.get(late))) == "proof-refused"


async def test_a_cloned_passkey_is_found_out_and_opens_nothing_any_more(house: House) -> None:
    party, device = await factories.register_member(house.context), Authenticator()
    client = await house.signed_in(party)
    await enrol_passkey(client, device)
    clone = replace(device)
    for _ in range(2):
        options = (await client.post("/v1/session/proof-options")).json()["passkey"]
        assert (await prove(client, "passkey", credential=device.get(options))).status_code == 200
    options = (await client.post("/v1/session/proof-options")).json()["passkey"]
    assert slug(await prove(client, "passkey", credential=clone.get(options))) == "proof-refused"

    assert (await client.post("/v1/session/proof-options")).json() == {"kinds": ["recovery"], "passkey": None}
    (factor,) = (await client.get("/v1/factors")).json()["items"]
    assert factor["cloned_at"] is not None
    assert await ask(house.context, "SELECT count(*) FROM journal WHERE kind = 'passkey.cloned'") == 1
    assert (await house.door().post("/v1/session", json=party.credentials)).json()["lacks"] == "proof"


async def test_a_strangers_passkey_and_another_key_are_refused(house: House) -> None:
    party, other = [await factories.register_member(house.context) for _ in range(2)]
    device = Authenticator()
    client, stranger = await house.signed_in(party), await house.signed_in(other)
    await enrol_passkey(client, device)
    await enrol_passkey(stranger, Authenticator(credential_id=b"another passkey 0000000000000002"))
    assert (await enrol_passkey(stranger, Authenticator())).status_code == 409

    options = (await stranger.post("/v1/session/proof-options")).json()["passkey"]
    assert slug(await prove(stranger, "passkey", credential=device.get(options))) == "proof-refused"
    options = (await client.post("/v1/session/proof-options")).json()["passkey"]
    forged = Authenticator(count=9).get(options)
    assert slug(await prove(client, "passkey", credential=forged)) == "proof-refused"


@pytest.mark.parametrize(
    "credential",
    [None, {}, {"rawId": 7}, {"id": "a", "rawId": "a", "type": "public-key", "response": {}}, {"rawId": "é"}],
    ids=str,
)
async def test_nonsense_instead_of_an_answer_is_refused(house: House, credential: dict[str, Any] | None) -> None:
    party, device = await factories.register_member(house.context), Authenticator()
    client = await house.signed_in(party)
    await enrol_passkey(client, device)
    await client.post("/v1/session/proof-options")
    answer = await prove(client, "passkey", credential=credential)
    assert answer.status_code in {403, 422}
    await client.post("/v1/factors/passkeys/options")
    answer = await client.post("/v1/factors/passkeys", json={"name": "x", "credential": credential})
    assert answer.status_code in {403, 422}


# Fresh proofs.


async def test_a_proof_is_fresh_for_five_minutes(house: House) -> None:
    party = await factories.register_member(house.context)
    client = await house.signed_in(party)
    house.clock.at += FRESH_LIFE - timedelta(seconds=1)
    body = {"name": "bot", "scopes": ["bids:read"]}
    assert (await client.post("/v1/api-keys", json=body)).status_code == 201
    house.clock.at += timedelta(seconds=1)
    stale = await client.post("/v1/api-keys", json=body)
    assert (stale.status_code, slug(stale)) == (403, "step-up-required")
    assert "POST /v1/session/proof" in stale.json()["detail"]
    assert slug(await prove(client, "password", "not the password")) == "proof-refused"
    assert (await prove(client, "password", PASSWORD)).status_code == 200
    assert (await client.post("/v1/api-keys", json=body)).status_code == 201
