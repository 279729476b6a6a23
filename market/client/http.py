"""Requests and answers: JSON both ways, and a problem document as an exception."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import httpx
import msgspec
from msgspec import Struct

T = TypeVar("T")
Fields = Mapping[str, Any]


class ProblemError(Exception):
    """The server said no (RFC 9457). `slug` names the kind of no, `field` the input to mend, `code` a bid's reason."""

    def __init__(
        self, status: int, slug: str, detail: str, *, code: str | None = None, field: str | None = None, members: Fields
    ) -> None:
        place = f" ({field})" if field else ""
        super().__init__(f"{status} {slug}: {detail}{place}")
        self.status = status
        self.slug = slug
        self.detail = detail
        self.code = code
        self.field = field
        self.members = members


class Upload(Struct, frozen=True):
    """A file to send: its name, its bytes, its media type."""

    name: str
    content: bytes
    media_type: str = "application/octet-stream"


class Caller:
    """Sends requests over one pool of connections and keeps the session cookie."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def _call(
        self,
        method: str,
        path: str,
        answer: type[T],
        *,
        body: Any = None,
        query: Fields | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> T:
        """The decoded answer. Fields that we do not know are passed over. Raises `ProblemError`."""
        content = None if body is None else msgspec.json.encode(body)
        sent = {"Content-Type": "application/json"} if content is not None else {}
        found = await self._http.request(
            method, path, content=content, params=_present(query), headers={**sent, **(headers or {})}
        )
        return _decoded(found, answer)

    async def _upload(self, path: str, answer: type[T], *, file: tuple[str, Upload], fields: Fields) -> T:
        """Send a file with its form fields. Raises `ProblemError`."""
        name, upload = file
        found = await self._http.post(
            path, data=_present(fields), files={name: (upload.name, upload.content, upload.media_type)}
        )
        return _decoded(found, answer)

    async def _send(self, path: str, answer: type[T], *, content: bytes, media_type: str) -> T:
        """Send a body that is not JSON. Raises `ProblemError`."""
        return _decoded(await self._http.post(path, content=content, headers={"Content-Type": media_type}), answer)

    async def _patch(self, path: str, answer: type[T], *, content: bytes, query: Fields) -> T:
        """Send the next bytes of something. Raises `ProblemError`."""
        headers = {"Content-Type": "application/octet-stream"}
        return _decoded(await self._http.patch(path, content=content, params=_present(query), headers=headers), answer)

    async def _download(self, path: str, *, query: Fields | None = None) -> bytes:
        """The bytes of a file. Raises `ProblemError`."""
        found = await self._http.get(path, params=_present(query))
        _raise_for_problem(found)
        return found.content

    @staticmethod
    async def _wait(
        read: Callable[[], Awaitable[T]], until: Callable[[T], bool], *, timeout_s: float, poll_s: float
    ) -> T:
        """Read again and again; the first answer for which `until` holds. Raises `TimeoutError`."""
        async with asyncio.timeout(timeout_s):
            while True:
                found = await read()
                if until(found):
                    return found
                await asyncio.sleep(poll_s)


def _present(fields: Fields | None) -> dict[str, Any] | None:
    return None if fields is None else {name: value for name, value in fields.items() if value is not None}


def _decoded(found: httpx.Response, answer: type[T]) -> T:
    _raise_for_problem(found)
    if answer is type(None):
        return None
    return msgspec.json.decode(found.content, type=answer)


def _raise_for_problem(found: httpx.Response) -> None:
    if found.is_success:
        return
    try:
        members = msgspec.json.decode(found.content, type=dict[str, Any])
    except msgspec.DecodeError:
        members = {}
    raise ProblemError(
        found.status_code,
        str(members.get("type", "")).rpartition("/")[2] or "unknown",
        str(members.get("detail", found.reason_phrase)),
        code=members.get("code"),
        field=members.get("field"),
        members=members,
    )
