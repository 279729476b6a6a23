from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from market.db.base import WRAP, Base


class OrganisationRow(Base):
    """A company that trades here, or the one that runs the marketplace (`kind` platform)."""

    __tablename__ = "organisation"

    org_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    country: Mapped[str]
    registration_number: Mapped[str]
    kind: Mapped[str]
    created_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("org_id", "kind"),
        CheckConstraint("kind IN ('trading', 'platform')", name="kind"),
        Index("uq_organisation_platform", "kind", unique=True, postgresql_where=text("kind = 'platform'")),
    )


class PersonRow(Base):
    """`org_kind` repeats the organisation's kind, so that keys alone hold officers and traders apart."""

    __tablename__ = "person"

    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID]
    org_kind: Mapped[str]
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    password_hash: Mapped[str]
    role: Mapped[str]
    invitation_id: Mapped[UUID | None]
    contact_verified_at: Mapped[datetime | None]
    created_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("user_id", "org_id"),
        UniqueConstraint("invitation_id", "role", "email"),
        ForeignKeyConstraint(["org_id", "org_kind"], ["organisation.org_id", "organisation.kind"]),
        ForeignKeyConstraint(
            ["invitation_id", "role", "email"],
            ["staff_invitation.invitation_id", "staff_invitation.role", "staff_invitation.email"],
        ),
        Index("ix_person_org_id_org_kind", "org_id", "org_kind"),
    )


class StaffInvitationRow(Base):
    """The right to become one officer or operator; only the token's SHA-256 is kept."""

    __tablename__ = "staff_invitation"

    invitation_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.org_id"), index=True)
    email: Mapped[str]
    role: Mapped[str]
    token_sha256: Mapped[bytes] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("invitation_id", "role", "email"),)


class UserSessionRow(Base):
    """A sign-in. It counts until it is ended, `expires_at` comes, or it lies unused for `idle_s`.

    `lacks` is what stands between the right password and everything else: a proof by a second factor, or its enrolment.
    """

    __tablename__ = "user_session"

    session_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID]
    org_id: Mapped[UUID]
    token_sha256: Mapped[bytes] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime]
    idle_s: Mapped[int]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    proved_at: Mapped[datetime]
    proved_by: Mapped[str]
    lacks: Mapped[str | None]
    agent: Mapped[str]

    __table_args__ = (
        ForeignKeyConstraint(["user_id", "org_id"], ["person.user_id", "person.org_id"]),
        Index("ix_user_session_user_id_org_id", "user_id", "org_id"),
    )


class ApiKeyRow(Base):
    """A program's way in, limited to scopes; only the secret's SHA-256 is kept."""

    __tablename__ = "api_key"

    key_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID]
    org_id: Mapped[UUID]
    name: Mapped[str]
    scopes: Mapped[list[str]]
    secret_sha256: Mapped[bytes]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    networks: Mapped[list[str]]
    max_bid_cents: Mapped[int | None]
    day_bid_cents: Mapped[int | None]
    last_used_at: Mapped[datetime | None]

    __table_args__ = (
        ForeignKeyConstraint(["user_id", "org_id"], ["person.user_id", "person.org_id"]),
        Index("ix_api_key_user_id_org_id", "user_id", "org_id"),
        Index("ix_api_key_org_id", "org_id"),
    )


class ApiKeyDayRow(Base):
    """What a key with a daily limit has bid on one day (UTC)."""

    __tablename__ = "api_key_day"

    key_id: Mapped[UUID] = mapped_column(ForeignKey("api_key.key_id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    org_id: Mapped[UUID]
    bid_cents: Mapped[int]


class ContactCodeRow(Base):
    """The code that proves a person's e-mail address, or lets its owner choose a new password, and its way there.

    `send_due_at` is when the worker sends next (again), NULL when there is nothing to send. `revision` moves when the
    registration behind it is replaced, so that no code drawn for the former proves the latter.
    """

    __tablename__ = "contact_code"

    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID]
    revision: Mapped[int]
    last_sent_at: Mapped[datetime | None]
    code_hash: Mapped[str | None]
    expires_at: Mapped[datetime | None]
    attempt_count: Mapped[int]
    send_due_at: Mapped[datetime | None]
    send_attempt_count: Mapped[int]
    purpose: Mapped[str]

    __table_args__ = (
        ForeignKeyConstraint(["user_id", "org_id"], ["person.user_id", "person.org_id"]),
        UniqueConstraint("user_id", "org_id"),
        Index("ix_contact_code_send_due_at", "send_due_at", postgresql_where=text("send_due_at IS NOT NULL")),
    )


class SigninDelayRow(Base):
    """Failed sign-ins of one account from one address, both as digests; the next try counts from `next_at` on."""

    __tablename__ = "signin_delay"

    account_sha256: Mapped[bytes] = mapped_column(primary_key=True)
    address_sha256: Mapped[bytes] = mapped_column(primary_key=True)
    failure_count: Mapped[int]
    next_at: Mapped[datetime]

    __table_args__ = (Index("ix_signin_delay_next_at", "next_at"),)


class TotpFactorRow(Base):
    """An authenticator app: its secret sealed by the vault, and the newest time step whose code was used."""

    __tablename__ = "totp_factor"

    factor_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID]
    org_id: Mapped[UUID]
    name: Mapped[str]
    sealed_secret: Mapped[bytes] = mapped_column(info={WRAP: "totp/{factor_id}"})
    last_step: Mapped[int]
    created_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    removed_at: Mapped[datetime | None]

    __table_args__ = (
        ForeignKeyConstraint(["user_id", "org_id"], ["person.user_id", "person.org_id"]),
        Index("ix_totp_factor_user_id_org_id", "user_id", "org_id"),
    )


class PasskeyRow(Base):
    """A WebAuthn credential: its public key (COSE) and how often it has signed, as it said last."""

    __tablename__ = "passkey"

    factor_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID]
    org_id: Mapped[UUID]
    name: Mapped[str]
    credential_id: Mapped[bytes] = mapped_column(unique=True)
    public_key: Mapped[bytes]
    sign_count: Mapped[int]
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    removed_at: Mapped[datetime | None]
    cloned_at: Mapped[datetime | None]

    __table_args__ = (
        ForeignKeyConstraint(["user_id", "org_id"], ["person.user_id", "person.org_id"]),
        Index("ix_passkey_user_id_org_id", "user_id", "org_id"),
    )


class RecoveryCodeRow(Base):
    """A code for the day on which every other factor is lost; only its digest is kept."""

    __tablename__ = "recovery_code"

    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    code_sha256: Mapped[bytes] = mapped_column(primary_key=True)
    org_id: Mapped[UUID]
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]

    __table_args__ = (
        ForeignKeyConstraint(["user_id", "org_id"], ["person.user_id", "person.org_id"]),
        Index("ix_recovery_code_user_id_org_id", "user_id", "org_id"),
    )


class PasskeyChallengeRow(Base):
    """The challenge of a ceremony under way; it ends with its answer, right or wrong."""

    __tablename__ = "passkey_challenge"

    session_id: Mapped[UUID] = mapped_column(
        ForeignKey("user_session.session_id", ondelete="CASCADE"), primary_key=True
    )
    purpose: Mapped[str] = mapped_column(primary_key=True)
    org_id: Mapped[UUID]
    challenge: Mapped[bytes]
    expires_at: Mapped[datetime]


class KnownDeviceRow(Base):
    """A browser that its person has signed in with before; strangers' failures do not hold it up."""

    __tablename__ = "known_device"

    device_sha256: Mapped[bytes] = mapped_column(primary_key=True)
    user_id: Mapped[UUID]
    org_id: Mapped[UUID]
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime]

    __table_args__ = (
        ForeignKeyConstraint(["user_id", "org_id"], ["person.user_id", "person.org_id"]),
        Index("ix_known_device_user_id_org_id", "user_id", "org_id"),
    )


class StaffDisablingRow(Base):
    """The end of a staff member's access, for good; `disabled_by` is None for whoever runs the machine."""

    __tablename__ = "staff_disabling"

    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID]
    disabled_by: Mapped[UUID | None]
    reason: Mapped[str]
    disabled_at: Mapped[datetime]

    __table_args__ = (
        ForeignKeyConstraint(["user_id", "org_id"], ["person.user_id", "person.org_id"]),
        ForeignKeyConstraint(["disabled_by", "org_id"], ["person.user_id", "person.org_id"]),
        Index("ix_staff_disabling_user_id_org_id", "user_id", "org_id"),
        Index("ix_staff_disabling_disabled_by_org_id", "disabled_by", "org_id"),
    )
