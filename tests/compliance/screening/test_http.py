"""Officers see and decide through the front door; nobody else comes in."""

from contextlib import asynccontextmanager

import httpx

from market.db.context import Context
from tests import factories
from tests.factories import Party

DOORS = ("/v1/screening", "/v1/screening/alerts", "/v1/organisations/{org}/screenings")


@asynccontextmanager
async def signed_in(client: httpx.AsyncClient, party: Party):
    answer = await client.post("/v1/session", json=party.credentials)
    assert answer.status_code in (200, 201), answer.text
    yield client
    client.cookies.clear()


async def test_nobody_but_officers_comes_in(context: Context, client: httpx.AsyncClient) -> None:
    party, operator = await factories.buyer(context), await factories.operator(context)
    for door in DOORS:
        assert (await client.get(door.format(org=party.org_id))).status_code == 401
    for other in (party, operator):
        async with signed_in(client, other):
            for door in DOORS:
                assert (await client.get(door.format(org=party.org_id))).status_code == 403
            name = {"role": "director", "name": "Bora Zlatarovic", "is_person": True}
            posts = {
                f"/v1/organisations/{party.org_id}/disclosed-names": name,
                f"/v1/organisations/{party.org_id}/screenings": {},
                f"/v1/screening/alerts/{party.org_id}/decisions": {
                    "verdict": "false_positive",
                    "reason": "no such thing",
                },
            }
            for path, body in posts.items():
                assert (await client.post(path, json=body)).status_code == 403


async def test_an_alert_is_raised_shown_and_decided_through_the_front_door(
    context: Context, client: httpx.AsyncClient
) -> None:
    officers = await factories.two_officers(context)
    party = await factories.buyer(context, officers)
    async with signed_in(client, officers[0]):
        name = {"role": "director", "name": "ZLATAROVIC, Borivoje", "is_person": True, "birth_date": "1961-03-12"}
        added = await client.post(f"/v1/organisations/{party.org_id}/disclosed-names", json=name)
        assert added.status_code == 201, added.text
        assert (await client.post(f"/v1/organisations/{party.org_id}/screenings")).status_code == 202
        assert (await client.get("/v1/screening")).json()["waiting_count"] == 1
        await factories.screen(context)
        [alert] = (await client.get("/v1/screening/alerts", params={"state": "open"})).json()["items"]
        assert (alert["org_id"], alert["entry_id"], alert["role"]) == (str(party.org_id), "1", "director")
        assert alert["org_name"] == await factories.name_of(context, party)
        assert alert["rank_bps"] > alert["score_bps"] >= 7_500
        path = f"/v1/screening/alerts/{alert['alert_id']}/decisions"
        assert (await client.post(path, json={"verdict": "true_positive", "reason": "short"})).status_code == 422
        decided = await client.post(path, json={"verdict": "true_positive", "reason": "same name, same birthday"})
        assert decided.json()["state"] == "proposed"
        [made] = (await client.get("/v1/proposals")).json()["items"]
        assert (made["kind"], made["subject_id"], made["carried"]) == ("block", alert["alert_id"], None)
        again = await client.post(path, json={"verdict": "true_positive", "reason": "same name, same birthday"})
        assert (again.status_code, again.json()["type"]) == (409, "/problems/wrong-alert-state")
    async with signed_in(client, officers[1]):
        decided = await client.post(path, json={"verdict": "true_positive", "reason": "I see the same as well"})
        assert decided.json()["state"] == "confirmed"
        assert (await client.get("/v1/proposals")).json()["items"][0]["carried"] is True
        runs = (await client.get(f"/v1/organisations/{party.org_id}/screenings")).json()["items"]
        assert runs[0]["alert_ids"] == [alert["alert_id"]]
        assert runs[0]["algorithm"] == "names-4"
        assert (await client.get("/v1/screening")).json()["open_alert_count"] == 0
