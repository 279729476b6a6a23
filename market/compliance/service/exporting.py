"""The examiner's archive of one case: see `market.journal.archive`."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.compliance.papers import Evidence
from market.compliance.rules import Case, Clearance, Owner
from market.compliance.service.steps import find_case, note
from market.compliance.store import cases, clearances, screenings
from market.db.context import Context
from market.journal import archive
from market.journal import service as journal
from market.journal.checkpoints import Checkpoint, Signer
from market.journal.rules import Entry
from market.kit.actor import SYSTEM, Actor, Role
from market.parties.rules import require

_CHECKPOINT_COUNT = 1_000
_LISTING_PAPERS = 10_000

Row = tuple[str, dict[str, Any]]


async def export_case(context: Context, actor: Actor, case_id: UUID) -> bytes:
    """Everything that was decided about a case, and the proof; no file and no name is in it. The export is journalled.

    For officers, and for the system (the command line of whoever runs the machine). Raises `NotFound`.
    """
    if actor is not SYSTEM:
        require(actor, role=Role.OFFICER)
    async with context.db.begin(actor) as tx:
        await note(tx, actor, await find_case(tx, case_id), "case.exported", {})
    await journal.take_checkpoint(context)
    async with context.db.begin(SYSTEM) as tx:
        found = await gathered(tx, context, case_id)
    signer = await asyncio.to_thread(Signer.of, context)
    return await asyncio.to_thread(archive.write, found, signer)


async def gathered(tx: AsyncSession, context: Context, case_id: UUID) -> archive.Archive:
    """What stood at the last checkpoint; what came after it is left out, row and entry alike."""
    case = await find_case(tx, case_id)
    last = await journal.last_checkpoint(tx)
    if last is None:
        raise AssertionError("a checkpoint was just taken")
    heads = await journal.heads_at(tx, last.number)
    seen = {head.stream: head.seq for head in heads}
    streams = [
        [entry for entry in await journal.read_whole(tx, stream) if entry.seq <= seen[stream]]
        for stream in (f"case:{case_id}", f"org:{case.org_id}", f"screening:{case.org_id}")
        if stream in seen
    ]
    return archive.Archive(
        case_id=case_id,
        made_at=context.clock.now(),
        rows=await _rows(tx, case, streams),
        streams=streams,
        checkpoints=await _checkpoints(tx, last),
        heads=heads,
    )


async def _checkpoints(tx: AsyncSession, last: Checkpoint) -> list[Checkpoint]:
    """The last thousand: each names the one before it."""
    first = max(0, last.number - _CHECKPOINT_COUNT)
    found: list[Checkpoint] = []
    while batch := await journal.list_checkpoints(tx, after=found[-1].number if found else first):
        found += batch
    return [checkpoint for checkpoint in found if checkpoint.number <= last.number]


async def _rows(tx: AsyncSession, case: Case, streams: list[list[Entry]]) -> list[Row]:
    """The rows as far as the journal's entries of the archive tell of them: what came later is left to the next one."""
    owners, papers = await cases.list_owners(tx, case.case_id), await cases.list_evidence(tx, case.case_id)
    papers += await cases.listing_papers_of(tx, case.case_id, _LISTING_PAPERS)
    granted = await clearances.all_of(tx, case.org_id)
    history = [entry.kind for entries in streams for entry in entries if entry.kind.startswith("case.")]
    rows = [
        ("case", _case(case) | {"history": history}),
        *(("owner", _owner(owner)) for owner in owners),
        *(row for paper in papers for row in _paper(paper)),
        *(row for found in granted for row in _clearance(found)),
        *(("screening", _run(run)) for run in await screenings.runs_of(tx, case.org_id)),
        *_words(await screenings.words_of(tx, case.org_id)),
    ]
    return archive.tells_of((entry for entries in streams for entry in entries), rows)


def _run(run: screenings.Run) -> dict[str, Any]:
    return {
        "run_id": str(run.run_id), "occasion": run.occasion, "screened_at": _text(run.screened_at),
        "algorithm": run.algorithm, "config_hash": run.config_hash, "party_hash": run.party_hash,
        "lists": list(run.lists), "is_full": run.is_full, "subject_count": run.subject_count,
        "alert_ids": [str(alert_id) for alert_id in run.alert_ids], "suspect_share_bps": run.suspect_share_bps,
    }  # fmt: skip


def _words(words: Sequence[screenings.Word]) -> list[Row]:
    """What officers said of alerts, each as the journal's entry calls it: of two words of a match the second confirms."""
    found: list[Row] = []
    proposed: set[UUID] = set()
    for word in words:
        what = "alert_dismissed" if word.verdict == "false_positive" else "match_proposed"
        if what == "match_proposed" and word.alert_id in proposed:
            what = "match_confirmed"
        proposed |= {word.alert_id}
        facts = {
            "alert_id": str(word.alert_id), "entry": f"{word.list_id}:{word.entry_id}", "score_bps": word.score_bps,
            "decided_by": str(word.decided_by), "decided_at": _text(word.decided_at),
            "reason_sha256": _digest(word.reason),
        }  # fmt: skip
        found.append((what, facts))
    return found


def _case(case: Case) -> dict[str, Any]:
    plan = case.plan
    return {
        "case_id": str(case.case_id),
        "org_id": str(case.org_id),
        "opened_by": str(case.opened_by),
        "state": case.state.value,
        "capabilities": sorted(case.asked.capabilities),
        "states": list(case.asked.states),
        "max_bid_cents": case.asked.max_bid_cents,
        "currency": case.asked.currency,
        "resells": case.resells,
        "prepared_by": _text(plan.prepared_by if plan else None),
        "evidence_digest": plan.evidence_digest if plan else None,
        "risk": plan.risk.value if plan else None,
        "approved_by": _text(case.approved_by),
        "declined_by": _text(case.declined_by),
        "decided_at": _text(case.decided_at),
        "decision_reason_sha256": _digest(case.decision_reason),
    }


def _owner(owner: Owner) -> dict[str, Any]:
    return {
        "owner_id": _text(owner.owner_id), "share_bps": owner.share_bps, "controls": owner.controls,
        "signs": owner.signs, "directs": owner.directs, "country": owner.country,
    }  # fmt: skip


def _paper(paper: Evidence) -> list[Row]:
    said = paper.described
    rows: list[Row] = [
        (
            "evidence",
            {
                "evidence_id": str(paper.evidence_id), "type": said.type.value, "file_sha256": paper.file_sha256,
                "sealed_sha256": paper.sealed_sha256, "size_bytes": paper.size_bytes, "issuer": said.issuer,
                "jurisdiction": said.jurisdiction, "issued_on": str(said.issued_on),
                "expires_on": _text(said.expires_on), "portfolio_id": _text(said.portfolio_id),
                "uploaded_by": str(paper.uploaded_by),
                "uploaded_at": _text(paper.uploaded_at),
            },
        )
    ]  # fmt: skip
    if paper.verified_by is not None:
        facts = {
            "evidence_id": str(paper.evidence_id), "verified_by": str(paper.verified_by),
            "verified_at": _text(paper.verified_at), "method": paper.method, "source_sha256": _digest(paper.source),
        }  # fmt: skip
        rows.append(("verification", facts))
    if paper.wrapped_key is None:
        rows.append(("erasure", {"evidence_id": str(paper.evidence_id)}))
    return rows


def _clearance(found: Clearance) -> list[Row]:
    granted = replace(found, ended_at=None)
    rows: list[Row] = [
        (
            "clearance",
            {
                "clearance_id": str(granted.clearance_id), "case_id": str(granted.case_id),
                "capability": granted.capability.value, "states": list(granted.states),
                "max_bid_cents": granted.max_bid_cents, "currency": granted.currency,
                "valid_from": _text(granted.valid_from), "valid_until": _text(granted.valid_until),
                "prepared_by": str(granted.prepared_by), "approved_by": str(granted.approved_by),
            },
        )
    ]  # fmt: skip
    if found.ended_at is not None:
        rows.append(
            (
                "clearance_end",
                {
                    "clearance_id": str(found.clearance_id), "ended_at": _text(found.ended_at),
                    "reason_sha256": _digest(found.end_reason),
                },
            )
        )  # fmt: skip
    return rows


def _text(found: object) -> str | None:
    return None if found is None else str(found)


def _digest(found: str | None) -> str | None:
    return None if found is None else hashlib.sha256(found.encode()).hexdigest()
