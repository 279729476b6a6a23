"""Organisations, people, sessions and keys on the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from market.parties.rules import ApiKey, Organisation, Person, Registration, SignedIn

_Line = Annotated[str, Meta(min_length=1, max_length=400)]
_Secret = Annotated[str, Meta(min_length=1, max_length=1024)]


class _Private(Struct, frozen=True):
    """A body with something in it that no log may show."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"


class OrganisationStated(Struct, forbid_unknown_fields=True, frozen=True):
    name: _Line
    country: Annotated[str, Meta(pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2")]
    registration_number: _Line


class PersonStated(_Private, forbid_unknown_fields=True, frozen=True):
    email: _Line
    name: _Line
    password: _Secret


class RegistrationBody(_Private, forbid_unknown_fields=True, frozen=True):
    organisation: OrganisationStated
    person: PersonStated

    def stated(self) -> Registration:
        return Registration(
            organisation_name=self.organisation.name,
            country=self.organisation.country,
            registration_number=self.organisation.registration_number,
            email=self.person.email,
            person_name=self.person.name,
            password=self.person.password,
        )


class StaffBody(_Private, forbid_unknown_fields=True, frozen=True):
    invitation: _Secret
    email: _Line
    name: _Line
    password: _Secret


class Registered(Struct, frozen=True):
    """The same for every address: whether it was known is told to its owner only, by mail."""

    next: str = "a code is on its way to the address; send it with your password to POST /v1/contact/verification"


class CodeBody(_Private, forbid_unknown_fields=True, frozen=True):
    email: _Line
    code: Annotated[str, Meta(min_length=1, max_length=20)]
    password: _Secret


class EmailBody(_Private, forbid_unknown_fields=True, frozen=True):
    email: _Line


class SignInBody(_Private, forbid_unknown_fields=True, frozen=True):
    email: _Line
    password: _Secret


class SessionView(Struct, frozen=True):
    """Who is signed in, and until when at the latest (null for an API key)."""

    user_id: UUID
    org_id: UUID
    name: str
    email: str
    role: str
    expires_at: datetime | None = None

    @classmethod
    def of(cls, person: Person, expires_at: datetime | None = None) -> "SessionView":
        return cls(person.user_id, person.org_id, person.name, person.email, person.role.value, expires_at)

    @classmethod
    def from_sign_in(cls, signed_in: SignedIn) -> "SessionView":
        return cls.of(signed_in.person, signed_in.expires_at)


class OrganisationView(Struct, frozen=True):
    org_id: UUID
    name: str
    country: str
    registration_number: str
    kind: str
    created_at: datetime

    @classmethod
    def of(cls, organisation: Organisation) -> "OrganisationView":
        return cls(
            organisation.org_id,
            organisation.name,
            organisation.country,
            organisation.registration_number,
            organisation.kind.value,
            organisation.created_at,
        )


class KeyBody(Struct, forbid_unknown_fields=True, frozen=True):
    name: Annotated[str, Meta(min_length=1, max_length=100)]
    scopes: Annotated[list[str], Meta(min_length=1, max_length=20)]
    days: Annotated[int, Meta(ge=1, le=366)] = 90


class KeyView(Struct, frozen=True):
    key_id: UUID
    name: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None

    @classmethod
    def of(cls, key: ApiKey) -> "KeyView":
        return cls(key.key_id, key.name, list(key.scopes), key.created_at, key.expires_at, key.revoked_at)


class NewKeyView(_Private, frozen=True):
    """`token` goes into `Authorization: Bearer`; it is shown this once."""

    key: KeyView
    token: str


class KeyPage(Struct, frozen=True):
    items: list[KeyView]
    next_cursor: str | None
