"""One login's view of the marketplace: plain requests, and refusals as exceptions."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx

from market.demo.cast import Character

_TIMEOUT_S = 30
_POLL_S = 0.1


class Refused(Exception):
    """The server said no: status, slug of the problem, and what it says to do."""

    def __init__(self, status: int, slug: str, detail: str, code: str | None = None) -> None:
        super().__init__(f"{status} {slug}: {detail}")
        self.status, self.slug, self.detail, self.code = status, slug, detail, code


class Late(Exception):
    """Something that was to happen on the server did not happen in time."""


class Party:
    """A person with a cookie jar of its own."""

    def __init__(self, who: Character, url: str, password: str) -> None:
        self.who, self.password, self.url = who, password, url
        self._http = httpx.AsyncClient(base_url=url, timeout=_TIMEOUT_S, trust_env=False, headers={"Origin": url})

    async def close(self) -> None:
        await self._http.aclose()

    async def get(self, path: str, **query: object) -> Any:
        """The JSON at an address."""
        return (await self._request("GET", path, params=query or None)).json()

    async def fetch(self, path: str, **query: object) -> bytes:
        """The bytes at an address."""
        return (await self._request("GET", path, params=query or None)).content

    async def post(self, path: str, body: object = None, *, key: str | None = None) -> Any:
        """Send JSON; the answer's JSON, or None. `key` is the Idempotency-Key."""
        headers = {"Idempotency-Key": key} if key else None
        answer = await self._request("POST", path, json={} if body is None else body, headers=headers)
        return answer.json() if answer.content else None

    async def put(self, path: str, body: object) -> Any:
        answer = await self._request("PUT", path, json=body)
        return answer.json() if answer.content else None

    async def send(self, path: str, content: bytes, media_type: str) -> Any:
        """Post bytes as they are."""
        return (await self._request("POST", path, content=content, headers={"Content-Type": media_type})).json()

    async def upload(self, path: str, fields: dict[str, str], part: str, name: str, content: bytes, kind: str) -> Any:
        """Post a form with one file."""
        return (await self._request("POST", path, data=fields, files={part: (name, content, kind)})).json()

    async def wait_for(self, path: str, done: Callable[[Any], bool], *, timeout_s: float = 60) -> Any:
        """Poll an address until what it says is `done`; returns that. Raises `Late`."""
        try:
            async with asyncio.timeout(timeout_s):
                while not done(found := await self.get(path)):  # noqa: ASYNC110 - the server tells only who asks
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            raise Late(f"{path} was not there after {timeout_s:.0f} s") from None
        return found

    async def _request(self, method: str, path: str, **what: Any) -> httpx.Response:
        answer = await self._http.request(method, f"/v1{path}", **what)
        if answer.is_success:
            return answer
        try:
            problem = answer.json()
        except ValueError:
            problem = {}
        slug = str(problem.get("type", "")).rpartition("/")[2]
        raise Refused(answer.status_code, slug, str(problem.get("detail", answer.text[:200])), problem.get("code"))


async def refusal(asked: Any) -> Refused | None:
    """Await something that ought to be refused: the refusal, or None if it was allowed."""
    try:
        await asked
    except Refused as no:
        return no
    return None
