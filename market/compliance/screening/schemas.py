"""Lists, alerts and screenings on the wire; for officers only."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct

from market.compliance.screening.rules import Alert, AlertState, Disclosed, ListState, Occasion, SubjectRole, Verdict
from market.compliance.screening.service import Status
from market.compliance.screening.store import Run

_Name = Annotated[str, Meta(min_length=1, max_length=400)]
_Reason = Annotated[str, Meta(min_length=10, max_length=2000)]
_Country = Annotated[str, Meta(pattern="^[A-Z]{2}$", description="ISO 3166-1 alpha-2")]


class ListView(Struct, frozen=True):
    list_id: str
    content_hash: str
    entry_count: int
    checked_at: Annotated[datetime, Meta(description="when the source was last confirmed to hand out this content")]
    good_until: Annotated[datetime, Meta(description="from then on the market refuses bids and clearances")]
    published_on: date | None

    @classmethod
    def of(cls, state: ListState) -> "ListView":
        return cls(
            state.list_id, state.content_hash, state.entry_count, state.checked_at, state.good_until, state.published_on
        )


class StatusView(Struct, frozen=True):
    lists: list[ListView]
    are_fresh: bool
    waiting_count: int
    open_alert_count: int
    overdue_org_ids: Annotated[list[UUID], Meta(description="not screened for 26 hours")]

    @classmethod
    def of(cls, status: Status) -> "StatusView":
        return cls(
            [ListView.of(state) for state in status.lists],
            status.are_fresh,
            status.waiting_count,
            status.open_alert_count,
            list(status.overdue),
        )


class DecisionView(Struct, frozen=True):
    verdict: Verdict
    reason: str
    decided_by: UUID
    decided_at: datetime


class AlertView(Struct, frozen=True):
    alert_id: UUID
    org_id: UUID
    state: AlertState
    role: SubjectRole
    name: str
    list_id: str
    entry_id: str
    listed_name: str
    score_bps: Annotated[int, Meta(description="of the names alone, 7500 and more mean a match")]
    rank_bps: Annotated[int, Meta(description="with date of birth and country; what officers see first")]
    trace: dict[str, Any]
    raised_at: datetime
    decisions: list[DecisionView]
    org_name: Annotated[str | None, Meta(description="of the organisation that disclosed the name")]

    @classmethod
    def of(cls, alert: Alert, names: Mapping[UUID, str]) -> "AlertView":
        said = [DecisionView(d.verdict, d.reason, d.decided_by, d.decided_at) for d in alert.decisions]
        return cls(
            alert.alert_id, alert.org_id, alert.state, alert.role, alert.name, alert.list_id, alert.entry_id,
            alert.listed_name, alert.score_bps, alert.rank_bps, dict(alert.trace), alert.raised_at, said, names.get(alert.org_id),
        )  # fmt: skip


class AlertPage(Struct, frozen=True):
    items: list[AlertView]
    next_cursor: str | None


class DecisionBody(Struct, forbid_unknown_fields=True, frozen=True):
    verdict: Verdict
    reason: _Reason


class DisclosedBody(Struct, forbid_unknown_fields=True, frozen=True):
    role: SubjectRole
    name: _Name
    is_person: bool
    birth_date: date | None = None
    country: _Country | None = None
    id_number: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    share_bps: Annotated[int, Meta(ge=0, le=10_000)] | None = None
    holds_in: Annotated[_Name, Meta(description="what the share is of, if not of the organisation itself")] | None = (
        None
    )

    def disclosed(self) -> Disclosed:
        return Disclosed(
            self.role, self.name, self.is_person, self.birth_date, self.country, self.id_number, self.share_bps,
            self.holds_in,
        )  # fmt: skip

    def __repr__(self) -> str:
        return "DisclosedBody(…)"


class NameAdded(Struct, frozen=True):
    name_id: UUID


class RunView(Struct, frozen=True):
    run_id: UUID
    occasion: Occasion
    screened_at: datetime
    algorithm: str
    config_hash: str
    party_hash: str
    version_ids: list[UUID]
    is_full: bool
    subject_count: int
    alert_ids: list[UUID]
    suspect_share_bps: Annotated[int, Meta(description="held together by owners with an alert; 5000 and more block")]
    results: Annotated[list[Any], Meta(description="each name by its hash, with its best matches and their traces")]

    @classmethod
    def of(cls, run: Run) -> "RunView":
        return cls(
            run.run_id, Occasion(run.occasion), run.screened_at, run.algorithm, run.config_hash, run.party_hash,
            run.version_ids, run.is_full, run.subject_count, run.alert_ids, run.suspect_share_bps, run.results,
        )  # fmt: skip


class RunList(Struct, frozen=True):
    items: list[RunView]
