import httpx
import pytest

from market.web.routes import known


async def test_the_front_door_leads_to_the_interface(client: httpx.AsyncClient) -> None:
    page = await client.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "script-src" not in page.headers["content-security-policy"]
    for link in ("/schema", "/problems", "/health/ready"):
        assert f'href="{link}"' in page.text
        assert (await client.get(link, follow_redirects=True)).status_code == 200


async def test_the_type_of_every_problem_is_a_page_with_its_remedy(client: httpx.AsyncClient) -> None:
    refused = await client.get("/v1/portfolios")
    page = await client.get(refused.json()["type"])
    assert page.status_code == 200
    assert "POST /v1/session" in page.text or "Sign in" in page.text
    listed = await client.get("/problems")
    assert all(f'href="/problems/{slug}"' in listed.text for slug in known())
    assert len(known()) > 50


@pytest.mark.parametrize("slug", ["no-such-problem", "..%2f..%2fetc", "<script>"])
async def test_what_is_no_problem_is_not_found(client: httpx.AsyncClient, slug: str) -> None:
    page = await client.get(f"/problems/{slug}")
    assert page.status_code == 404
    assert "<script>" not in page.text
