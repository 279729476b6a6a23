"""SQL of what an examiner is shown of an organisation's screenings: that they were, against what, and what officers said."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from market.db.tables.screening import ScreeningAlertRow, ScreeningDecisionRow, ScreeningListRow, ScreeningRunRow

_RUN_COUNT, _DECISION_COUNT = 50_000, 20_000


@dataclass(frozen=True, slots=True)
class Run:
    """A screening without its traces; `lists` are the content hashes of what it was made against."""

    run_id: UUID
    occasion: str
    screened_at: datetime
    algorithm: str
    config_hash: str
    party_hash: str
    lists: tuple[str, ...]
    is_full: bool
    subject_count: int
    alert_ids: tuple[UUID, ...]
    suspect_share_bps: int


@dataclass(frozen=True, slots=True)
class Word:
    """An officer's word on an alert, without the names."""

    alert_id: UUID
    list_id: str
    entry_id: str
    score_bps: int
    verdict: str
    reason: str
    decided_by: UUID
    decided_at: datetime


async def runs_of(tx: AsyncSession, org_id: UUID) -> list[Run]:
    """Every screening of the organisation, the oldest first; at most 50,000."""
    row = ScreeningRunRow
    found = await tx.execute(
        select(
            row.run_id, row.occasion, row.screened_at, row.algorithm, row.config_hash, row.party_hash, row.version_ids,
            row.is_full, row.subject_count, row.alert_ids, row.suspect_share_bps,
        )
        .where(row.org_id == org_id)
        .order_by(row.screened_at, row.run_id)
        .limit(_RUN_COUNT)
    )  # fmt: skip
    runs = found.all()
    wanted = {version_id for run in runs for version_id in run.version_ids}
    versions = await tx.execute(
        select(ScreeningListRow.version_id, ScreeningListRow.content_hash).where(
            ScreeningListRow.version_id.in_(wanted)
        )
    )
    hashes = {version.version_id: version.content_hash for version in versions}
    return [
        Run(
            run.run_id, run.occasion, run.screened_at, run.algorithm, run.config_hash, run.party_hash,
            tuple(hashes[version_id] for version_id in run.version_ids), run.is_full, run.subject_count,
            tuple(run.alert_ids), run.suspect_share_bps,
        )
        for run in runs
    ]  # fmt: skip


async def words_of(tx: AsyncSession, org_id: UUID) -> list[Word]:
    """Every decision on the organisation's alerts, the oldest first; at most 20,000."""
    said, alert = ScreeningDecisionRow, ScreeningAlertRow
    found = await tx.execute(
        select(
            alert.alert_id, alert.list_id, alert.entry_id, alert.score_bps, said.verdict, said.reason, said.decided_by,
            said.decided_at,
        )
        .join(alert, alert.alert_id == said.alert_id)
        .where(said.org_id == org_id)
        .order_by(said.decided_at, said.decision_id)
        .limit(_DECISION_COUNT)
    )  # fmt: skip
    return [Word(*each) for each in found]
