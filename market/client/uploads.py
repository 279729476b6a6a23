"""Tapes sent in parts, and the progress of a portfolio as it happens."""

import hashlib
import json
from collections.abc import AsyncIterator
from datetime import date
from typing import Any
from uuid import UUID

from msgspec import Struct

from market.client.http import Caller

_PART_BYTES = 8 * 1024 * 1024


class PartialUpload(Struct, frozen=True):
    """Send the bytes from `offset_bytes` on."""

    upload_id: UUID
    name: str
    offset_bytes: int
    length_bytes: int
    part_max_bytes: int


class PartialUploadList(Struct, frozen=True):
    items: tuple[PartialUpload, ...]


class UploadedPortfolio(Struct, frozen=True):
    portfolio_id: UUID
    state: str


class PortfolioEvent(Struct, frozen=True):
    """One step of a portfolio: `seq` to go on after, `kind` such as portfolio.masked, its counts."""

    seq: int
    kind: str
    body: dict[str, Any]


class UploadsClient(Caller):
    async def begin_upload(self, *, name: str, currency: str, cut_off_on: date, length_bytes: int) -> PartialUpload:
        """A place for a tape of that size."""
        body = {"name": name, "currency": currency, "cut_off_on": cut_off_on.isoformat(), "length_bytes": length_bytes}
        return await self._call("POST", "/v1/uploads", PartialUpload, body=body)

    async def uploads(self) -> tuple[PartialUpload, ...]:
        """The own unfinished uploads."""
        return (await self._call("GET", "/v1/uploads", PartialUploadList)).items

    async def partial_upload(self, upload_id: UUID) -> PartialUpload:
        """Where it stands."""
        return await self._call("GET", f"/v1/uploads/{upload_id}", PartialUpload)

    async def send_rest(self, upload_id: UUID, tape: bytes, *, part_bytes: int = _PART_BYTES) -> UploadedPortfolio:
        """Send what the server does not have yet, and finish; after a broken line or a restart, call it again."""
        found = await self.partial_upload(upload_id)
        while found.offset_bytes < found.length_bytes:
            start = found.offset_bytes
            part = tape[start : start + min(part_bytes, found.part_max_bytes)]
            query = {"offset_bytes": str(start), "sha256": hashlib.sha256(part).hexdigest()}
            found = await self._patch(f"/v1/uploads/{upload_id}", PartialUpload, content=part, query=query)
        body = {"sha256": hashlib.sha256(tape).hexdigest()}
        return await self._call("POST", f"/v1/uploads/{upload_id}/completion", UploadedPortfolio, body=body)

    async def drop_upload(self, upload_id: UUID) -> None:
        """Give an unfinished upload up."""
        await self._call("DELETE", f"/v1/uploads/{upload_id}", type(None))

    async def portfolio_events(self, portfolio_id: UUID, *, after_seq: int = 0) -> AsyncIterator[PortfolioEvent]:
        """Each step as it happens, until the server ends the stream; go on with `after_seq`."""
        headers = {"Last-Event-ID": str(after_seq)}
        async with self._http.stream("GET", f"/v1/portfolios/{portfolio_id}/events", headers=headers) as answer:
            seen: dict[str, str] = {}
            async for line in answer.aiter_lines():
                name, _, value = line.partition(": ")
                seen[name] = value
                if not line and "data" in seen:
                    yield PortfolioEvent(int(seen["id"]), seen["event"], json.loads(seen["data"]))
                    seen = {}

    async def delete_mapping_template(self, template_id: UUID) -> None:
        """Forget a saved mapping."""
        await self._call("DELETE", f"/v1/mapping-templates/{template_id}", type(None))
