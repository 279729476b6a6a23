"""What officers read and say, on the wire."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from market.compliance.packs import Pack, Rule, write_rules
from market.compliance.proposals import Hold, Kind, Proposal
from market.compliance.rules import Case
from market.compliance.schemas.cases import AppealView, CaseView, EvidenceView, Names
from market.compliance.service import Queue

_Text = Annotated[str, Meta(min_length=1, max_length=2000)]


class QueueItem(Struct, frozen=True):
    case: CaseView
    is_overdue: bool


class ListingPaper(Struct, frozen=True):
    """A chain of title or sample media of a portfolio, brought to the case that cleared its seller."""

    case_id: UUID
    org_id: UUID
    org_name: str | None
    paper: EvidenceView


class QueueView(Struct, frozen=True):
    """Cases that wait for officers, the overdue and soonest due first; appeals; and papers of listings to be verified."""

    cases: list[QueueItem]
    appeals: list[AppealView]
    listing_papers: list[ListingPaper]

    @classmethod
    def of(cls, queue: Queue, names: Names, now: datetime) -> "QueueView":
        def overdue(case: Case) -> bool:
            return case.due_at is not None and case.due_at < now

        items = [QueueItem(CaseView.of(case, names), overdue(case)) for case in queue.cases]
        waiting = [
            ListingPaper(paper.case_id, paper.org_id, names.get(paper.org_id), EvidenceView.of(paper))
            for paper in queue.listing_papers
        ]
        return cls(items, [AppealView.of(found, names) for found in queue.appeals], waiting)


class AssignmentBody(Struct, forbid_unknown_fields=True, frozen=True):
    """Null: nobody in particular."""

    officer_id: UUID | None


class AppealDecisionBody(Struct, forbid_unknown_fields=True, frozen=True):
    upheld: bool
    reason: _Text


class ProposalBody(Struct, forbid_unknown_fields=True, frozen=True):
    """`org_id` for all but `adopt_rules`; `subject_id` is the rule pack to adopt or the hold to release."""

    kind: Kind
    reason: _Text
    org_id: UUID | None = None
    subject_id: UUID | None = None


class DecisionBody(Struct, forbid_unknown_fields=True, frozen=True):
    carried: bool
    reason: _Text


class ProposalView(Struct, frozen=True):
    """`carried` is null until another officer has decided."""

    proposal_id: UUID
    kind: Kind
    org_id: UUID | None
    subject_id: UUID | None
    reason: str
    proposed_by: UUID
    proposed_at: datetime
    carried: bool | None
    decided_by: UUID | None
    decision_reason: str | None
    decided_at: datetime | None

    @classmethod
    def of(cls, found: Proposal) -> "ProposalView":
        return cls(
            found.proposal_id, found.kind, found.org_id, found.subject_id, found.reason, found.proposed_by,
            found.proposed_at, found.carried, found.decided_by, found.decision_reason, found.decided_at,
        )  # fmt: skip


class ProposalPage(Struct, frozen=True):
    items: list[ProposalView]
    next_cursor: str | None


class HoldBody(Struct, forbid_unknown_fields=True, frozen=True):
    org_id: UUID
    reason: _Text


class HoldView(Struct, frozen=True):
    hold_id: UUID
    org_id: UUID
    reason: str
    placed_by: UUID
    placed_at: datetime
    is_released: bool

    @classmethod
    def of(cls, found: Hold) -> "HoldView":
        return cls(found.hold_id, found.org_id, found.reason, found.placed_by, found.placed_at, found.is_released)


class HoldList(Struct, frozen=True):
    items: list[HoldView]


class RulePackBody(Struct, forbid_unknown_fields=True, frozen=True):
    """`csv` has the columns state,class,value,citation,effective_from,source,conflict,why."""

    name: Annotated[str, Meta(pattern="^[a-z_]{1,40}$")]
    version: Annotated[str, Meta(pattern="^[0-9A-Za-z.-]{1,40}$")]
    source: _Text
    csv: Annotated[str, Meta(min_length=1, max_length=900_000)]


class RuleView(Struct, frozen=True, rename={"rule_class": "class"}):
    """`conflict`: sources disagree, and `why` says about what; the stricter reading was taken."""

    state: str
    rule_class: str
    value: str
    citation: str
    effective_from: date
    source: str
    conflict: bool
    why: str

    @classmethod
    def of(cls, rule: Rule) -> "RuleView":
        return cls(
            rule.state, rule.rule_class, rule.value, rule.citation, rule.effective_from, rule.source, rule.conflict,
            rule.why,
        )  # fmt: skip


class RulePackView(Struct, frozen=True):
    """`review` is `unreviewed` until two officers adopted the pack. `pack_id` is null for the one that was shipped."""

    pack_id: UUID | None
    name: str
    version: str
    sha256: str
    source: str
    review: Literal["reviewed", "unreviewed"]
    reviewed_by: UUID | None
    reviewed_at: datetime | None
    rules: list[RuleView]
    csv: str

    @classmethod
    def of(cls, pack: Pack) -> "RulePackView":
        return cls(
            pack.pack_id, pack.name, pack.version, pack.sha256, pack.source,
            "reviewed" if pack.is_reviewed else "unreviewed", pack.reviewed_by, pack.reviewed_at,
            [RuleView.of(rule) for rule in pack.rules], write_rules(pack.rules) if pack.rules else "",
        )  # fmt: skip


class RulePackList(Struct, frozen=True):
    """The packs in force first, with their rules; then all that were loaded, without."""

    items: list[RulePackView]
