from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from market.db.base import WRAP, Base


class VerificationCaseRow(Base):
    """What an organisation asks for, where its case stands, and what officer A prepared for officer B."""

    __tablename__ = "verification_case"

    case_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.org_id"))
    opened_by: Mapped[UUID]
    state: Mapped[str]
    capabilities: Mapped[list[str]]
    states: Mapped[list[str]]
    max_bid_cents: Mapped[int]
    currency: Mapped[str]
    created_at: Mapped[datetime]
    submitted_at: Mapped[datetime | None]
    message: Mapped[str | None]
    prepared_by: Mapped[UUID | None] = mapped_column(ForeignKey("person.user_id"), index=True)
    prepared_at: Mapped[datetime | None]
    prepared_capabilities: Mapped[list[str] | None]
    prepared_states: Mapped[list[str] | None]
    prepared_max_bid_cents: Mapped[int | None]
    prepared_currency: Mapped[str | None]
    prepared_valid_until: Mapped[datetime | None]
    evidence_digest: Mapped[str | None]
    approved_by: Mapped[UUID | None] = mapped_column(ForeignKey("person.user_id"), index=True)
    declined_by: Mapped[UUID | None] = mapped_column(ForeignKey("person.user_id"), index=True)
    decided_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None] = mapped_column(index=True)
    assigned_to: Mapped[UUID | None] = mapped_column(ForeignKey("person.user_id"), index=True)
    prepared_risk: Mapped[str | None]
    decision_reason: Mapped[str | None]
    resells: Mapped[bool]

    __table_args__ = (
        UniqueConstraint("case_id", "org_id"),
        ForeignKeyConstraint(["opened_by", "org_id"], ["person.user_id", "person.org_id"]),
        Index("ix_verification_case_opened_by_org_id", "opened_by", "org_id"),
        Index("ix_verification_case_org_id", "org_id"),
        Index("ix_verification_case_state_case_id", "state", "case_id"),
        Index(
            "uq_verification_case_open",
            "org_id",
            unique=True,
            postgresql_where=text("state <> ALL (ARRAY['cleared'::text, 'declined'::text])"),
        ),
    )


class BeneficialOwnerRow(Base):
    """A person who owns part of the organisation, or controls, directs or signs for it (`share_bps` may be 0 then).

    Append-only until erased.
    """

    __tablename__ = "beneficial_owner"

    owner_id: Mapped[UUID] = mapped_column(primary_key=True)
    case_id: Mapped[UUID]
    org_id: Mapped[UUID]
    name: Mapped[str]
    birth_date: Mapped[date | None]
    country: Mapped[str]
    share_bps: Mapped[int]
    controls: Mapped[bool]
    signs: Mapped[bool]
    directs: Mapped[bool]

    __table_args__ = (
        UniqueConstraint("owner_id", "case_id"),
        ForeignKeyConstraint(["case_id", "org_id"], ["verification_case.case_id", "verification_case.org_id"]),
        Index("ix_beneficial_owner_case_id_org_id", "case_id", "org_id"),
    )


class EvidenceRow(Base):
    """One document: `file_sha256` is of the clear file, `sealed_sha256` names the sealed one. Append-only.

    Its key (`wrapped_key`) and number go when its time is over; digests and dates stay.
    """

    __tablename__ = "evidence"

    evidence_id: Mapped[UUID] = mapped_column(primary_key=True)
    case_id: Mapped[UUID]
    org_id: Mapped[UUID]
    type: Mapped[str]
    file_sha256: Mapped[str]
    size_bytes: Mapped[int]
    sealed_sha256: Mapped[str]
    wrapped_key: Mapped[bytes | None] = mapped_column(info={WRAP: "evidence:{evidence_id}"})
    issuer: Mapped[str]
    number: Mapped[str]
    jurisdiction: Mapped[str]
    issued_on: Mapped[date]
    expires_on: Mapped[date | None]
    uploaded_by: Mapped[UUID]
    uploaded_at: Mapped[datetime]
    owner_id: Mapped[UUID | None]
    covered_states: Mapped[list[str] | None]
    held_by: Mapped[str | None]
    amount_cents: Mapped[int | None]
    portfolio_id: Mapped[UUID | None]

    __table_args__ = (
        ForeignKeyConstraint(["portfolio_id", "org_id"], ["portfolio.portfolio_id", "portfolio.org_id"]),
        Index("ix_evidence_portfolio_id_org_id", "portfolio_id", "org_id"),
        ForeignKeyConstraint(["owner_id", "case_id"], ["beneficial_owner.owner_id", "beneficial_owner.case_id"]),
        Index("ix_evidence_owner_id_case_id", "owner_id", "case_id"),
        ForeignKeyConstraint(["case_id", "org_id"], ["verification_case.case_id", "verification_case.org_id"]),
        ForeignKeyConstraint(["uploaded_by", "org_id"], ["person.user_id", "person.org_id"]),
        UniqueConstraint("evidence_id", "case_id", "org_id", "uploaded_by"),
        Index("ix_evidence_uploaded_by_org_id", "uploaded_by", "org_id"),
        Index("ix_evidence_case_id_org_id", "case_id", "org_id"),
    )


class EvidenceVerificationRow(Base):
    """An officer's word that one document is genuine, and where it was checked. Append-only.

    `extracted` is what the officer read off it, sealed under the document's own key.
    """

    __tablename__ = "evidence_verification"

    evidence_id: Mapped[UUID] = mapped_column(primary_key=True)
    case_id: Mapped[UUID]
    org_id: Mapped[UUID]
    uploaded_by: Mapped[UUID]
    verified_by: Mapped[UUID] = mapped_column(ForeignKey("person.user_id"), index=True)
    verified_at: Mapped[datetime]
    source: Mapped[str]
    method: Mapped[str]
    extracted: Mapped[bytes | None]

    __table_args__ = (
        ForeignKeyConstraint(
            ["evidence_id", "case_id", "org_id", "uploaded_by"],
            ["evidence.evidence_id", "evidence.case_id", "evidence.org_id", "evidence.uploaded_by"],
            name="fk_evidence_verification_evidence",
        ),
        UniqueConstraint("evidence_id", "case_id", "org_id", "uploaded_by"),
        Index("ix_evidence_verification_case_id", "case_id"),
    )


class ClearanceRow(Base):
    """A dated grant of one capability. Append-only; a `clearance_end` row ends it early."""

    __tablename__ = "clearance"

    clearance_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID]
    capability: Mapped[str]
    states: Mapped[list[str]]
    max_bid_cents: Mapped[int]
    currency: Mapped[str]
    valid_from: Mapped[datetime]
    valid_until: Mapped[datetime]
    case_id: Mapped[UUID]
    prepared_by: Mapped[UUID] = mapped_column(ForeignKey("person.user_id"), index=True)
    approved_by: Mapped[UUID] = mapped_column(ForeignKey("person.user_id"), index=True)
    evidence_digest: Mapped[str]
    decided_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("org_id", "capability", "clearance_id"),
        UniqueConstraint("case_id", "capability", "decided_at"),
        Index("ix_clearance_valid_until", "valid_until"),
        Index("ix_clearance_case_id_org_id", "case_id", "org_id"),
        ForeignKeyConstraint(["case_id", "org_id"], ["verification_case.case_id", "verification_case.org_id"]),
    )


class ClearanceEndRow(Base):
    """The early end of a clearance, by one officer, at once. Append-only."""

    __tablename__ = "clearance_end"

    clearance_id: Mapped[UUID] = mapped_column(ForeignKey("clearance.clearance_id"), primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.org_id"), index=True)
    ended_at: Mapped[datetime]
    ended_by: Mapped[UUID] = mapped_column(ForeignKey("person.user_id"), index=True)
    reason: Mapped[str]


class CaseMessageRow(Base):
    """What officers ask the party of a case and what it answers. Append-only until erased."""

    __tablename__ = "case_message"

    message_id: Mapped[UUID] = mapped_column(primary_key=True)
    case_id: Mapped[UUID]
    org_id: Mapped[UUID]
    author_id: Mapped[UUID] = mapped_column(ForeignKey("person.user_id"), index=True)
    side: Mapped[str]
    text: Mapped[str]
    at: Mapped[datetime]

    __table_args__ = (
        ForeignKeyConstraint(["case_id", "org_id"], ["verification_case.case_id", "verification_case.org_id"]),
        Index("ix_case_message_case_id_org_id", "case_id", "org_id"),
    )


class CaseAppealRow(Base):
    """A party's word against a no. Append-only."""

    __tablename__ = "case_appeal"

    appeal_id: Mapped[UUID] = mapped_column(primary_key=True)
    case_id: Mapped[UUID] = mapped_column(unique=True)
    org_id: Mapped[UUID]
    declined_by: Mapped[UUID] = mapped_column(ForeignKey("person.user_id"), index=True)
    appealed_by: Mapped[UUID]
    grounds: Mapped[str]
    appealed_at: Mapped[datetime]
    due_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("appeal_id", "case_id", "org_id", "declined_by"),
        ForeignKeyConstraint(["appealed_by", "org_id"], ["person.user_id", "person.org_id"]),
        ForeignKeyConstraint(["case_id", "org_id"], ["verification_case.case_id", "verification_case.org_id"]),
        Index("ix_case_appeal_case_id_org_id", "case_id", "org_id"),
        Index("ix_case_appeal_appealed_by_org_id", "appealed_by", "org_id"),
    )


class AppealDecisionRow(Base):
    """Another officer's answer to an appeal. Append-only."""

    __tablename__ = "appeal_decision"

    appeal_id: Mapped[UUID] = mapped_column(primary_key=True)
    case_id: Mapped[UUID] = mapped_column(index=True)
    org_id: Mapped[UUID]
    declined_by: Mapped[UUID]
    decided_by: Mapped[UUID] = mapped_column(ForeignKey("person.user_id"), index=True)
    upheld: Mapped[bool]
    reason: Mapped[str]
    decided_at: Mapped[datetime]

    __table_args__ = (
        ForeignKeyConstraint(
            ["appeal_id", "case_id", "org_id", "declined_by"],
            ["case_appeal.appeal_id", "case_appeal.case_id", "case_appeal.org_id", "case_appeal.declined_by"],
            name="fk_appeal_decision_case_appeal",
        ),
        UniqueConstraint("appeal_id", "case_id", "org_id", "declined_by"),
    )


class ProposalRow(Base):
    """What one officer proposes and another decides: a block, its lifting, break-glass, rules, the end of a hold."""

    __tablename__ = "proposal"

    proposal_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    org_id: Mapped[UUID | None] = mapped_column(ForeignKey("organisation.org_id"))
    subject_id: Mapped[UUID | None] = mapped_column(index=True)
    reason: Mapped[str]
    proposed_by: Mapped[UUID] = mapped_column(ForeignKey("person.user_id"), index=True)
    proposed_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("proposal_id", "proposed_by"),
        Index("ix_proposal_org_id_kind", "org_id", "kind"),
    )


class ProposalDecisionRow(Base):
    """The other officer's yes or no. Append-only."""

    __tablename__ = "proposal_decision"

    proposal_id: Mapped[UUID] = mapped_column(primary_key=True)
    proposed_by: Mapped[UUID]
    decided_by: Mapped[UUID] = mapped_column(ForeignKey("person.user_id"), index=True)
    carried: Mapped[bool]
    reason: Mapped[str]
    decided_at: Mapped[datetime]

    __table_args__ = (
        ForeignKeyConstraint(
            ["proposal_id", "proposed_by"],
            ["proposal.proposal_id", "proposal.proposed_by"],
            name="fk_proposal_decision_proposal",
        ),
        UniqueConstraint("proposal_id", "proposed_by"),
    )


class RulePackRow(Base):
    """A dated set of rules as an officer loaded it; it is in force once another has it adopted. Append-only."""

    __tablename__ = "rule_pack"

    pack_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    version: Mapped[str]
    sha256: Mapped[str]
    source: Mapped[str]
    loaded_by: Mapped[UUID] = mapped_column(ForeignKey("person.user_id"), index=True)
    loaded_at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("name", "sha256"),)


class RuleRow(Base):
    """One rule of a pack: what holds in a state, from when, and who says so. Append-only."""

    __tablename__ = "rule"

    pack_id: Mapped[UUID] = mapped_column(
        ForeignKey("rule_pack.pack_id", name="fk_rule_pack_id_rule_pack"), primary_key=True
    )
    class_: Mapped[str] = mapped_column("class", primary_key=True)
    state: Mapped[str] = mapped_column(primary_key=True)
    effective_from: Mapped[date] = mapped_column(primary_key=True)
    value: Mapped[str]
    citation: Mapped[str]
    source: Mapped[str]
    conflict: Mapped[bool]
    why: Mapped[str]


class LegalHoldRow(Base):
    """While it stands, nothing of the organisation is erased. One officer places it, two release it. Append-only."""

    __tablename__ = "legal_hold"

    hold_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.org_id"), index=True)
    reason: Mapped[str]
    placed_by: Mapped[UUID] = mapped_column(ForeignKey("person.user_id"), index=True)
    placed_at: Mapped[datetime]


class ClearanceNoticeRow(Base):
    """That a clearance ends in so many days, and when its holder was told."""

    __tablename__ = "clearance_notice"

    clearance_id: Mapped[UUID] = mapped_column(ForeignKey("clearance.clearance_id"), primary_key=True)
    days: Mapped[int] = mapped_column(primary_key=True)
    org_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.org_id"), index=True)
    noted_at: Mapped[datetime]
    mail_due_at: Mapped[datetime | None]
    mailed_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_clearance_notice_mail_due_at", "mail_due_at", postgresql_where=text("mail_due_at IS NOT NULL")),
    )


class SaleQualificationRow(Base):
    """What a seller asks of the bidders of one sale, beyond their clearance. Append-only."""

    __tablename__ = "sale_qualification"

    auction_id: Mapped[UUID] = mapped_column(primary_key=True)
    org_id: Mapped[UUID]
    needs_rmai: Mapped[bool]
    min_net_worth_cents: Mapped[int]

    __table_args__ = (
        ForeignKeyConstraint(["auction_id", "org_id"], ["auction.auction_id", "auction.org_id"]),
        Index("ix_sale_qualification_auction_id_org_id", "auction_id", "org_id"),
    )
