"""The doors of compliance over HTTP: a party's case, two officers, a clearance, its end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from market.compliance.requirements import Capability, EvidenceType, needed_types
from market.db.context import Context
from tests import factories
from tests.factories import Party, a_paper

CASE = {
    "capabilities": ["bid"],
    "states": ["NY", "CA"],
    "max_bid_cents": 5_000_00,
    "currency": "USD",
    "beneficial_owners": [{"name": "Olivia Owner", "country": "US", "share_bps": 6000, "controls": True}],
}
GRANT = {name: CASE[name] for name in ("capabilities", "states", "max_bid_cents", "currency")}


@asynccontextmanager
async def session(client: httpx.AsyncClient, party: Party) -> AsyncIterator[httpx.AsyncClient]:
    """The same client with this person's cookie."""
    client.cookies.clear()
    assert (await client.post("/v1/session", json=party.credentials)).status_code == 201
    yield client
    client.cookies.clear()


def fields(context: Context, of: Any) -> dict[str, str]:
    paper = a_paper(of, context.clock.now().date())
    said = {
        "type": paper.type.value, "issuer": paper.issuer, "number": paper.number, "jurisdiction": paper.jurisdiction,
        "issued_on": paper.issued_on.isoformat(),
    }  # fmt: skip
    said |= {"covered_states": ",".join(paper.covered_states)} if paper.covered_states else {}
    return said | ({"expires_on": paper.expires_on.isoformat()} if paper.expires_on else {})


async def test_a_party_is_cleared_through_the_front_door(client: httpx.AsyncClient, context: Context) -> None:
    preparer, approver = await factories.two_officers(context)
    party, other = await factories.register_member(context), await factories.register_member(context)

    async with session(client, party):
        opened = await client.post("/v1/cases", json=CASE)
        assert opened.status_code == 201
        case = opened.json()["case"]
        assert (case["state"], case["states"]) == ("draft", ["CA", "NY"])
        url = f"/v1/cases/{case['case_id']}"
        assert opened.json()["lacking"] == (await client.get(url)).json()["lacking"] != []
        assert (await client.post("/v1/cases", json=CASE)).status_code == 409

        early = await client.post(f"{url}/submission")
        assert early.status_code == 409
        assert early.json()["type"] == "/problems/evidence-short"
        assert {"type": "debt_licence", "why": "missing"} in early.json()["evidence"]

        owner_id = opened.json()["beneficial_owners"][0]["owner_id"]
        for of in needed_types(frozenset({Capability.BID})):
            clear = f"%PDF-1.4 {of} paper".encode()
            said = fields(context, of) | ({"owner_id": owner_id} if of is EvidenceType.GOVERNMENT_ID else {})
            answer = await client.post(f"{url}/evidence", data=said, files={"file": ("p.pdf", clear)})
            assert answer.status_code == 201, answer.text
        paper = answer.json()
        assert (await client.post(f"{url}/submission")).json()["state"] == "submitted"

    async with session(client, other):
        for path in (url, f"{url}/evidence/{paper['evidence_id']}/file"):
            assert (await client.get(path)).status_code == 404
        assert (await client.get("/v1/cases")).json()["items"] == []

    async with session(client, preparer):
        [queued] = (await client.get("/v1/cases?state=submitted")).json()["items"]
        assert queued["case_id"] == case["case_id"]
        file = await client.get(f"{url}/evidence/{paper['evidence_id']}/file")
        assert file.content == clear
        assert file.headers["content-type"] == "application/octet-stream"
        assert file.headers["content-disposition"].startswith("attachment")
        too_early = await client.post(f"{url}/preparation", json=GRANT)
        assert {one["why"] for one in too_early.json()["evidence"]} == {"unverified"}
        for one in (await client.get(url)).json()["evidence"]:
            assert (await client.get(f"{url}/evidence/{one['evidence_id']}/file")).status_code == 200
            verified = await client.post(
                f"{url}/evidence/{one['evidence_id']}/verification", json={"source": "the register"}
            )
            assert verified.status_code == 201
        assert (await client.post(f"{url}/preparation", json=GRANT)).json()["prepared"]["states"] == ["CA", "NY"]
        own = await client.post(f"{url}/approval", json={"reason": "all checked"})
        assert own.status_code == 403
        assert own.json()["type"] == "/problems/four-eyes"

    await factories.screen(context)
    async with session(client, approver):
        approved = (await client.post(f"{url}/approval", json={"reason": "all checked"})).json()
        assert approved["case"]["state"] == "cleared"
        [clearance] = approved["clearances"]

    async with session(client, party):
        [mine] = (await client.get("/v1/clearances")).json()["items"]
        assert (mine["standing"], mine["capability"], mine["max_bid_cents"]) == ("valid", "bid", 5_000_00)

    async with session(client, preparer):
        ended = await client.post(f"/v1/clearances/{clearance['clearance_id']}/end", json={"reason": "order 17"})
        assert (ended.status_code, ended.json()["standing"]) == (201, "ended")
        [seen] = (await client.get("/v1/clearances")).json()["items"]
        assert seen["end_reason"] == "order 17"

    async with session(client, party):
        [mine] = (await client.get("/v1/clearances")).json()["items"]
        assert (mine["standing"], mine["end_reason"]) == ("ended", None)


async def test_officers_read_whose_case_it_is_and_the_party_reads_no_more_than_before(
    client: httpx.AsyncClient, context: Context
) -> None:
    officer, approver = await factories.two_officers(context)
    stated = {"organisation_name": "Blue Door Recovery LLC", "country": "US", "registration_number": "DE-7654321"}
    party = await factories.register_member(context, **stated)
    case_id = await factories.submitted_case(context, party)
    async with session(client, officer):
        file = (await client.get(f"/v1/cases/{case_id}")).json()
        assert file["organisation"] == {
            "org_id": str(party.org_id),
            "name": "Blue Door Recovery LLC",
            "country": "US",
            "registration_number": "DE-7654321",
            "contact_emails": [party.email],
        }
        queued = (await client.get("/v1/queue")).json()["cases"]
        listed = (await client.get("/v1/cases?state=submitted")).json()["items"]
        for case in ([one["case"] for one in queued], listed):
            assert [one["org_name"] for one in case if one["case_id"] == str(case_id)] == ["Blue Door Recovery LLC"]
    await factories.clear_submitted(context, party, case_id, (officer, approver), factories.a_grant())
    async with session(client, officer):
        granted = (await client.get("/v1/clearances")).json()["items"]
        assert {one["org_name"] for one in granted if one["org_id"] == str(party.org_id)} == {"Blue Door Recovery LLC"}
    async with session(client, party):
        file = (await client.get(f"/v1/cases/{case_id}")).json()
        assert (file["organisation"], file["case"]["org_name"]) == (None, None)
        assert {one["org_name"] for one in (await client.get("/v1/clearances")).json()["items"]} == {None}
        assert {one["org_name"] for one in (await client.get("/v1/cases")).json()["items"]} == {None}


async def test_nonsense_and_strangers_are_refused_at_the_door(client: httpx.AsyncClient, context: Context) -> None:
    party = await factories.register_member(context)
    case_id = await factories.draft_case(context, party)
    url = f"/v1/cases/{case_id}"
    for path in ("/v1/cases", url, "/v1/clearances"):
        assert (await client.get(path)).status_code == 401

    async with session(client, party):
        for change in (
            {"max_bid_cents": "500000"},
            {"max_bid_cents": 5.5},
            {"max_bid_cents": -1},
            {"max_bid_cents": 10**30},
            {"capabilities": ["fly"]},
            {"capabilities": []},
            {"states": ["California"]},
            {"currency": "usd"},
            {"beneficial_owners": []},
            {"beneficial_owners": [{"name": "A", "country": "US", "share_bps": 10_001}]},
            {"surprise": 1},
        ):
            answer = await client.post("/v1/cases", json={**CASE, **change})
            assert answer.status_code == 422, change
            assert answer.headers["content-type"] == "application/problem+json"

        good = fields(context, next(iter(needed_types(frozenset(Capability)))))
        for change in ({"type": "poem"}, {"issued_on": "yesterday"}, {"jurisdiction": "nowhere"}, {"issuer": "\x01"}):
            answer = await client.post(f"{url}/evidence", data={**good, **change}, files={"file": ("p", b"%PDF-1.4")})
            assert (answer.status_code, answer.json()["field"]) == (422, next(iter(change)))
        assert (await client.post(f"{url}/evidence", data=good)).status_code == 422
        text = await client.post(f"{url}/evidence", data=good, files={"file": ("p.pdf", b"x")})
        assert (text.status_code, text.json()["type"], text.json()["field"]) == (415, "/problems/no-paper", "file")
        assert all(kind in text.json()["detail"] for kind in ("PDF", "PNG", "JPEG", "TIFF"))
        big = b"x" * (context.settings.evidence_max_bytes + 1)
        too_big = await client.post(f"{url}/evidence", data=good, files={"file": ("p", big)})
        assert too_big.status_code == 413
        assert (await client.get(url)).json()["evidence"] == []

        for path, body in (
            (f"{url}/preparation", GRANT),
            (f"{url}/approval", {"reason": "x"}),
            (f"{url}/decline", {"reason": "x"}),
            (f"{url}/information-request", {"message": "x"}),
            (f"/v1/clearances/{case_id}/end", {"reason": "x"}),
        ):
            assert (await client.post(path, json=body)).status_code == 403
        assert (await client.get("/v1/cases?state=flying")).status_code == 422
        assert (await client.get("/v1/cases?limit=0")).status_code == 422
        assert (await client.get(f"/v1/cases/{context.chance.new_id()}")).status_code == 404


async def test_a_key_needs_the_scope_for_compliance(client: httpx.AsyncClient, context: Context) -> None:
    party = await factories.register_member(context)
    case_id = await factories.draft_case(context, party)
    async with session(client, party):
        keys = {
            scope: (await client.post("/v1/api-keys", json={"name": "bot", "scopes": [scope]})).json()["token"]
            for scope in ("compliance:read", "compliance:write")
        }
    for scope, path, status in (
        ("compliance:read", "/v1/cases", 200),
        ("compliance:read", "/v1/clearances", 200),
        ("compliance:write", "/v1/cases", 403),
        ("compliance:write", "/v1/clearances", 403),
    ):
        assert (await client.get(path, headers={"Authorization": f"Bearer {keys[scope]}"})).status_code == status
    submission = f"/v1/cases/{case_id}/submission"
    for scope, status in (("compliance:read", 403), ("compliance:write", 409)):
        answer = await client.post(submission, headers={"Authorization": f"Bearer {keys[scope]}"})
        assert answer.status_code == status


class Held:
    """A form that begins at once and goes on when it is let."""

    def __init__(self) -> None:
        self.begun, self.go_on = asyncio.Event(), asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self.begun.set()
        yield b"--b\r\n"
        await self.go_on.wait()


FORM = {"Content-Type": "multipart/form-data; boundary=b"}


async def test_a_file_for_no_case_of_ones_own_is_refused_before_it_is_read(
    client: httpx.AsyncClient, context: Context
) -> None:
    party, other = await factories.register_member(context), await factories.register_member(context)
    theirs = await factories.draft_case(context, other)
    sent = await factories.submitted_case(context, party)
    async with session(client, party), asyncio.timeout(60):
        for case_id, status in ((context.chance.new_id(), 404), (theirs, 404), (sent, 409)):
            body = Held()
            answer = await client.post(f"/v1/cases/{case_id}/evidence", content=body, headers=FORM)
            assert (answer.status_code, body.begun.is_set()) == (status, False)


async def test_an_organisation_brings_two_files_at_once(client: httpx.AsyncClient, context: Context) -> None:
    party = await factories.register_member(context)
    url = f"/v1/cases/{await factories.draft_case(context, party)}/evidence"
    async with session(client, party), asyncio.timeout(60):
        bodies = [Held(), Held()]
        under_way = [asyncio.create_task(client.post(url, content=body, headers=FORM)) for body in bodies]
        for body in bodies:
            await body.begun.wait()
        third = await client.post(url, content=Held(), headers=FORM)
        assert (third.status_code, third.headers["retry-after"]) == (429, "2")
        for body in bodies:
            body.go_on.set()
        assert {answer.status_code for answer in await asyncio.gather(*under_way)} == {422}
        good = fields(context, next(iter(needed_types(frozenset(Capability)))))
        assert (await client.post(url, data=good, files={"file": ("p", b"%PDF-1.4")})).status_code == 201


async def test_no_number_past_the_last_possible_checkpoint_is_asked_for(
    client: httpx.AsyncClient, context: Context
) -> None:
    async with session(client, await factories.register_member(context)):
        for outside in (-1, 2**63, 10**40):
            answer = await client.get(f"/v1/audit/checkpoints?after={outside}")
            assert (answer.status_code, answer.json()["field"]) == (422, "after")
        assert (await client.get(f"/v1/audit/checkpoints?after={2**63 - 1}")).json()["items"] == []
