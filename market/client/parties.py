"""Organisations, people, sessions and keys."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from market.client.http import Caller


class Session(Struct, frozen=True):
    """Who is signed in; `expires_at` is None for an API key.

    `lacks` is what is to be done before anything else: `proof` of a second factor, or its `enrolment`. Until
    `fresh_until` the session may do what needs a fresh proof.
    """

    user_id: UUID
    org_id: UUID
    role: str
    name: str = ""
    email: str = ""
    expires_at: datetime | None = None
    lacks: str | None = None
    fresh_until: datetime | None = None


class OwnSession(Struct, frozen=True):
    session_id: UUID
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    proved_by: str
    agent: str = ""
    is_current: bool = False


class OwnSessionPage(Struct, frozen=True):
    items: tuple[OwnSession, ...]
    next_cursor: str | None = None


class ProofOptions(Struct, frozen=True):
    """`passkey` is what `navigator.credentials.get` takes, None without a passkey."""

    kinds: tuple[str, ...]
    passkey: dict[str, Any] | None = None


class Factor(Struct, frozen=True):
    factor_id: UUID
    kind: str
    name: str
    created_at: datetime
    last_used_at: datetime | None = None
    cloned_at: datetime | None = None


class Factors(Struct, frozen=True):
    items: tuple[Factor, ...]
    recovery_code_count: int


class NewTotp(Struct, frozen=True):
    """`secret` (base32) and `uri` are shown this once."""

    factor_id: UUID
    secret: str
    uri: str

    def __repr__(self) -> str:
        return f"NewTotp({self.factor_id})"


class PasskeyOptions(Struct, frozen=True):
    """What `navigator.credentials.create` takes."""

    options: dict[str, Any]


class Enrolled(Struct, frozen=True):
    """`recovery_codes` come with the first factor and are shown this once."""

    session: Session
    recovery_codes: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Enrolled({len(self.recovery_codes)} recovery codes)"


class RecoveryCodes(Struct, frozen=True):
    recovery_codes: tuple[str, ...]

    def __repr__(self) -> str:
        return f"RecoveryCodes({len(self.recovery_codes)})"


class StaffMember(Struct, frozen=True):
    user_id: UUID
    name: str
    email: str
    role: str
    has_second_factor: bool = False
    disabled_at: datetime | None = None


class StaffPage(Struct, frozen=True):
    items: tuple[StaffMember, ...]
    next_cursor: str | None = None


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
    networks: tuple[str, ...] = ()
    max_bid_cents: int | None = None
    day_bid_cents: int | None = None
    last_used_at: datetime | None = None


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
        """Start a session, which this client keeps as a cookie. See what it `lacks`."""
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

    async def proof_options(self) -> ProofOptions:
        """What `prove` takes from us now."""
        return await self._call("POST", "/v1/session/proof-options", ProofOptions)

    async def prove(self, kind: str, text: str = "", *, credential: dict[str, Any] | None = None) -> Session:
        """Complete a sign-in, or make the proof fresh: `totp`, `recovery` or `password` with its text, or `passkey`."""
        body = {"kind": kind, "text": text, "credential": credential}
        return await self._call("POST", "/v1/session/proof", Session, body=body)

    async def sessions(self, *, limit: int = 50, cursor: str | None = None) -> OwnSessionPage:
        """Where we are signed in."""
        return await self._call("GET", "/v1/sessions", OwnSessionPage, query={"limit": limit, "cursor": cursor})

    async def end_session(self, session_id: UUID) -> None:
        """Sign out elsewhere."""
        await self._call("DELETE", f"/v1/sessions/{session_id}", type(None))

    async def factors(self) -> Factors:
        """Our second factors."""
        return await self._call("GET", "/v1/factors", Factors)

    async def begin_totp(self, name: str) -> NewTotp:
        """The secret of a new authenticator app, to be confirmed with its first code. Needs a fresh proof."""
        return await self._call("POST", "/v1/factors/totp", NewTotp, body={"name": name})

    async def confirm_totp(self, factor_id: UUID, code: str) -> Enrolled:
        """Make the app a second factor with its first code."""
        path = f"/v1/factors/totp/{factor_id}/confirmation"
        return await self._call("POST", path, Enrolled, body={"code": code})

    async def begin_passkey(self) -> PasskeyOptions:
        """What the authenticator is asked for a new passkey. Needs a fresh proof."""
        return await self._call("POST", "/v1/factors/passkeys/options", PasskeyOptions)

    async def add_passkey(self, name: str, credential: dict[str, Any]) -> Enrolled:
        """Make the passkey a second factor with what the authenticator answered."""
        return await self._call("POST", "/v1/factors/passkeys", Enrolled, body={"name": name, "credential": credential})

    async def draw_recovery_codes(self) -> RecoveryCodes:
        """Ten new codes; the former are void. Needs a fresh proof."""
        return await self._call("POST", "/v1/factors/recovery-codes", RecoveryCodes)

    async def remove_factor(self, factor_id: UUID) -> None:
        """Remove a second factor. Needs a fresh proof."""
        await self._call("DELETE", f"/v1/factors/{factor_id}", type(None))

    async def change_password(self, *, old_password: str, new_password: str) -> Session:
        """Choose another password; every other session of ours ends. Needs a fresh proof."""
        body = {"old_password": old_password, "new_password": new_password}
        return await self._call("PUT", "/v1/password", Session, body=body)

    async def request_password_code(self, email: str) -> None:
        """Have a code mailed with which a new password may be chosen."""
        await self._call("POST", "/v1/password/codes", Any, body={"email": email})

    async def reset_password(self, *, email: str, code: str, new_password: str) -> None:
        """Choose a new password with the mailed code."""
        body = {"email": email, "code": code, "new_password": new_password}
        await self._call("POST", "/v1/password/reset", type(None), body=body)

    async def staff(self, *, limit: int = 50, cursor: str | None = None) -> StaffPage:
        """The platform's people. For operators."""
        return await self._call("GET", "/v1/staff", StaffPage, query={"limit": limit, "cursor": cursor})

    async def disable_staff(self, user_id: UUID, reason: str) -> None:
        """End a staff member's access for good. For operators; needs a fresh proof."""
        await self._call("POST", f"/v1/staff/{user_id}/disabling", type(None), body={"reason": reason})

    async def create_api_key(
        self,
        *,
        name: str,
        scopes: Sequence[str],
        days: int = 90,
        networks: Sequence[str] = (),
        max_bid_cents: int | None = None,
        day_bid_cents: int | None = None,
    ) -> NewApiKey:
        """A key for programs, limited to scopes, networks (CIDR) and amounts. Needs a fresh proof."""
        body = {"name": name, "scopes": list(scopes), "days": days, "networks": list(networks)}
        body |= {"max_bid_cents": max_bid_cents, "day_bid_cents": day_bid_cents}
        return await self._call("POST", "/v1/api-keys", NewApiKey, body=body)

    async def api_keys(self, *, limit: int = 50, cursor: str | None = None) -> ApiKeyPage:
        """The organisation's keys."""
        return await self._call("GET", "/v1/api-keys", ApiKeyPage, query={"limit": limit, "cursor": cursor})

    async def revoke_api_key(self, key_id: UUID) -> None:
        """End a key at once."""
        await self._call("DELETE", f"/v1/api-keys/{key_id}", type(None))
