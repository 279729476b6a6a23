"""Organisations, people, sessions and keys."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from market.client.http import Caller


class Session(Struct, frozen=True):
    """Who is signed in; `expires_at` is None for an API key."""

    user_id: UUID
    org_id: UUID
    role: str
    name: str = ""
    email: str = ""
    expires_at: datetime | None = None


class Organisation(Struct, frozen=True):
    org_id: UUID
    name: str
    country: str = ""
    registration_number: str = ""
    kind: str = ""


class ApiKey(Struct, frozen=True):
    key_id: UUID
    name: str
    scopes: tuple[str, ...]
    expires_at: datetime
    revoked_at: datetime | None = None


class NewApiKey(Struct, frozen=True):
    """`token` is shown this once."""

    key: ApiKey
    token: str

    def __repr__(self) -> str:
        return f"NewApiKey({self.key.key_id})"


class ApiKeyPage(Struct, frozen=True):
    items: tuple[ApiKey, ...]
    next_cursor: str | None = None


class PartiesClient(Caller):
    async def register_organisation(
        self, *, name: str, country: str, registration_number: str, email: str, person_name: str, password: str
    ) -> None:
        """Register an organisation with its first person; a code goes to the address."""
        organisation = {"name": name, "country": country, "registration_number": registration_number}
        person = {"email": email, "name": person_name, "password": password}
        await self._call("POST", "/v1/organisations", Any, body={"organisation": organisation, "person": person})

    async def join_staff(self, *, invitation: str, email: str, name: str, password: str) -> None:
        """Become an officer or operator with an invitation; a code goes to the address."""
        body = {"invitation": invitation, "email": email, "name": name, "password": password}
        await self._call("POST", "/v1/staff", Any, body=body)

    async def request_code(self, email: str) -> None:
        """Have another code mailed."""
        await self._call("POST", "/v1/contact/codes", Any, body={"email": email})

    async def verify_contact(self, *, email: str, code: str, password: str) -> None:
        """Prove the address with the mailed code; the password is the one registered with."""
        body = {"email": email, "code": code, "password": password}
        await self._call("POST", "/v1/contact/verification", type(None), body=body)

    async def sign_in(self, *, email: str, password: str) -> Session:
        """Start a session, which this client keeps as a cookie."""
        return await self._call("POST", "/v1/session", Session, body={"email": email, "password": password})

    async def session(self) -> Session:
        """Who we are."""
        return await self._call("GET", "/v1/session", Session)

    async def sign_out(self) -> None:
        """End the session at once."""
        await self._call("DELETE", "/v1/session", type(None))

    async def organisation(self) -> Organisation:
        """The own organisation."""
        return await self._call("GET", "/v1/organisation", Organisation)

    async def create_api_key(self, *, name: str, scopes: Sequence[str], days: int = 90) -> NewApiKey:
        """A key for programs."""
        body = {"name": name, "scopes": list(scopes), "days": days}
        return await self._call("POST", "/v1/api-keys", NewApiKey, body=body)

    async def api_keys(self, *, limit: int = 50, cursor: str | None = None) -> ApiKeyPage:
        """The organisation's keys."""
        return await self._call("GET", "/v1/api-keys", ApiKeyPage, query={"limit": limit, "cursor": cursor})

    async def revoke_api_key(self, key_id: UUID) -> None:
        """End a key at once."""
        await self._call("DELETE", f"/v1/api-keys/{key_id}", type(None))
