"""Organisations, people, sessions and keys on the wire."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import Meta, Struct

from market.kit.money import MAX_CENTS
from market.parties.factors import Factor, ProofKind
from market.parties.rules import (
    FRESH_LIFE,
    ApiKey,
    KeyOrder,
    Known,
    Organisation,
    Person,
    Registration,
    Session,
    SignedIn,
    StaffMember,
)
from market.parties.service import Proof

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


class PartyView(_Private, frozen=True):
    """Who stands behind an `org_id`; `contact_emails` are the verified addresses of its people. For the platform's people."""

    org_id: UUID
    name: str
    country: str
    registration_number: str
    contact_emails: list[str]

    @classmethod
    def of(cls, known: Known) -> "PartyView":
        stated = known.organisation
        return cls(stated.org_id, stated.name, stated.country, stated.registration_number, list(known.emails))


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


class CodeSent(Struct, frozen=True):
    """The same for every address: whether it is known is told to its owner only, by mail."""

    next: str = "if the address is known, a code is on its way; send it with a new password to POST /v1/password/reset"


class NewPasswordBody(_Private, forbid_unknown_fields=True, frozen=True):
    old_password: _Secret
    new_password: _Secret


class ResetBody(_Private, forbid_unknown_fields=True, frozen=True):
    email: _Line
    code: Annotated[str, Meta(min_length=1, max_length=20)]
    new_password: _Secret


class SessionView(Struct, frozen=True):
    """Who is signed in, and until when at the latest (null for an API key).

    `lacks` is what has to be done before anything else: `proof` of a second factor, or its `enrolment`. `fresh_until`
    is until when the session may do what needs a fresh proof.
    """

    user_id: UUID
    org_id: UUID
    name: str
    email: str
    role: str
    expires_at: datetime | None = None
    lacks: Literal["proof", "enrolment"] | None = None
    fresh_until: datetime | None = None

    @classmethod
    def of(
        cls,
        person: Person,
        expires_at: datetime | None = None,
        *,
        lacks: str | None = None,
        proved_at: datetime | None = None,
    ) -> "SessionView":
        return cls(
            person.user_id, person.org_id, person.name, person.email, person.role.value, expires_at,
            lacks,  # type: ignore[arg-type]  # the database's check allows no other
            None if proved_at is None or lacks else proved_at + FRESH_LIFE,
        )  # fmt: skip

    @classmethod
    def from_sign_in(cls, signed_in: SignedIn) -> "SessionView":
        return cls.of(signed_in.person, signed_in.expires_at, lacks=signed_in.lacks, proved_at=signed_in.proved_at)


class ProofOptions(Struct, frozen=True):
    """`kinds` is what `POST /v1/session/proof` takes; `passkey` what `navigator.credentials.get` takes (publicKey)."""

    kinds: list[str]
    passkey: dict[str, Any] | None


class ProofBody(_Private, forbid_unknown_fields=True, frozen=True):
    """`text` is the password, the app's code or the recovery code; `credential` a passkey's answer as JSON."""

    kind: ProofKind
    text: Annotated[str, Meta(max_length=1024)] = ""
    credential: dict[str, Any] | None = None

    def proof(self, device_token: str | None) -> Proof:
        return Proof(self.kind, self.text, self.credential, device_token)


class OwnSessionView(Struct, frozen=True):
    """`is_current` is the session that asks. `agent` is the browser's own word (User-Agent)."""

    session_id: UUID
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    proved_at: datetime
    proved_by: str
    agent: str
    is_current: bool

    @classmethod
    def of(cls, session: Session, current: UUID | None) -> "OwnSessionView":
        return cls(
            session.session_id, session.created_at, session.last_used_at, session.expires_at, session.proved_at,
            session.proved_by, session.agent, session.session_id == current,
        )  # fmt: skip


class OwnSessionPage(Struct, frozen=True):
    items: list[OwnSessionView]
    next_cursor: str | None


class FactorView(Struct, frozen=True):
    """`cloned_at` tells that another device signs with this passkey: it opens nothing, remove it."""

    factor_id: UUID
    kind: str
    name: str
    created_at: datetime
    last_used_at: datetime | None
    cloned_at: datetime | None

    @classmethod
    def of(cls, factor: Factor) -> "FactorView":
        return cls(
            factor.factor_id, factor.kind.value, factor.name, factor.created_at, factor.last_used_at, factor.cloned_at
        )


class FactorsView(Struct, frozen=True):
    items: list[FactorView]
    recovery_code_count: int


class FactorBody(Struct, forbid_unknown_fields=True, frozen=True):
    name: Annotated[str, Meta(min_length=1, max_length=100, description="how you tell it from others")]


class FactorCodeBody(_Private, forbid_unknown_fields=True, frozen=True):
    code: Annotated[str, Meta(min_length=6, max_length=10)]


class NewTotpView(_Private, frozen=True):
    """`secret` (base32) and `uri` (the content of a QR code) are shown this once."""

    factor_id: UUID
    secret: str
    uri: str


class PasskeyOptions(Struct, frozen=True):
    """`options` goes into `navigator.credentials.create` as `publicKey` (parseCreationOptionsFromJSON)."""

    options: dict[str, Any]


class PasskeyBody(_Private, forbid_unknown_fields=True, frozen=True):
    """`credential` is what the browser answered, as its `toJSON` writes it."""

    name: Annotated[str, Meta(min_length=1, max_length=100)]
    credential: dict[str, Any]


class EnrolledView(_Private, frozen=True):
    """`recovery_codes` come with the first factor and are shown this once; otherwise the list is empty."""

    session: SessionView
    recovery_codes: list[str]


class RecoveryCodesView(_Private, frozen=True):
    recovery_codes: list[str]


class StaffView(Struct, frozen=True):
    user_id: UUID
    name: str
    email: str
    role: str
    has_second_factor: bool
    disabled_at: datetime | None

    @classmethod
    def of(cls, member: StaffMember) -> "StaffView":
        return cls(
            member.user_id, member.name, member.email, member.role.value, member.has_second_factor, member.disabled_at
        )


class StaffPage(Struct, frozen=True):
    items: list[StaffView]
    next_cursor: str | None


class StaffReasonBody(Struct, forbid_unknown_fields=True, frozen=True):
    reason: Annotated[str, Meta(min_length=1, max_length=500)]


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


_Limit = Annotated[int, Meta(ge=1, le=MAX_CENTS)]


class KeyBody(Struct, forbid_unknown_fields=True, frozen=True):
    """`networks` (CIDR; none: anywhere) is from where the key works. The limits are in the auction's currency.

    `max_bid_cents` is the most that one bid, ceiling or buy-now may be; `day_bid_cents` the most that all of them on
    one day (UTC) may add up to, whether or not they became bids.
    """

    name: Annotated[str, Meta(min_length=1, max_length=100)]
    scopes: Annotated[list[str], Meta(min_length=1, max_length=20)]
    days: Annotated[int, Meta(ge=1, le=366)] = 90
    networks: Annotated[list[Annotated[str, Meta(max_length=50)]], Meta(max_length=20)] = []
    max_bid_cents: _Limit | None = None
    day_bid_cents: _Limit | None = None

    def asked(self) -> KeyOrder:
        return KeyOrder(
            self.name, tuple(self.scopes), self.days, tuple(self.networks), self.max_bid_cents, self.day_bid_cents
        )


class KeyView(Struct, frozen=True):
    """`last_used_at` is exact to a minute."""

    key_id: UUID
    name: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    networks: list[str]
    max_bid_cents: int | None
    day_bid_cents: int | None
    last_used_at: datetime | None

    @classmethod
    def of(cls, key: ApiKey) -> "KeyView":
        return cls(
            key.key_id, key.name, list(key.scopes), key.created_at, key.expires_at, key.revoked_at,
            list(key.networks), key.max_bid_cents, key.day_bid_cents, key.last_used_at,
        )  # fmt: skip


class NewKeyView(_Private, frozen=True):
    """`token` goes into `Authorization: Bearer`; it is shown this once."""

    key: KeyView
    token: str


class KeyPage(Struct, frozen=True):
    items: list[KeyView]
    next_cursor: str | None
