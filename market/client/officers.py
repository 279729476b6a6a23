"""What officers do together: queue, proposals, holds, rule packs, audit."""

from datetime import date, datetime
from uuid import UUID

from msgspec import Struct

from market.client.compliance import Appeal, Case, Evidence
from market.client.http import Caller


class QueueItem(Struct, frozen=True):
    case: Case
    is_overdue: bool


class ListingPaper(Struct, frozen=True):
    """A chain of title or sample media of a portfolio, brought to the case that cleared its seller."""

    case_id: UUID
    org_id: UUID
    paper: Evidence
    org_name: str | None = None


class Queue(Struct, frozen=True):
    cases: tuple[QueueItem, ...]
    appeals: tuple[Appeal, ...]
    listing_papers: tuple[ListingPaper, ...] = ()


class Proposal(Struct, frozen=True):
    """What one officer proposes; `carried` is None until another has decided."""

    proposal_id: UUID
    kind: str
    reason: str
    proposed_by: UUID
    org_id: UUID | None = None
    subject_id: UUID | None = None
    carried: bool | None = None
    decided_by: UUID | None = None
    decided_at: datetime | None = None


class ProposalPage(Struct, frozen=True):
    items: tuple[Proposal, ...]
    next_cursor: str | None


class Hold(Struct, frozen=True):
    hold_id: UUID
    org_id: UUID
    reason: str
    is_released: bool = False


class HoldList(Struct, frozen=True):
    items: tuple[Hold, ...]


class Rule(Struct, frozen=True, rename={"rule_class": "class"}):
    state: str
    rule_class: str
    value: str
    citation: str
    effective_from: date
    source: str
    conflict: bool = False
    why: str = ""


class RulePack(Struct, frozen=True):
    """`review` is unreviewed until two officers adopted the pack; `pack_id` is None for the shipped one."""

    name: str
    version: str
    sha256: str
    source: str
    review: str
    pack_id: UUID | None = None
    reviewed_by: UUID | None = None
    rules: tuple[Rule, ...] = ()
    csv: str = ""


class RulePackList(Struct, frozen=True):
    items: tuple[RulePack, ...]


class Checkpoint(Struct, frozen=True):
    """Where all streams of the journal stood, signed; digests in hex."""

    number: int
    at: datetime
    stream_count: int
    root: str
    prev_hash: str
    public_key: str
    signature: str


class CheckpointPage(Struct, frozen=True):
    items: tuple[Checkpoint, ...]


class Kept(Struct, frozen=True):
    evidence_id: UUID
    case_id: UUID
    org_id: UUID
    type: str
    rule: str
    is_held: bool
    is_due: bool
    due_at: datetime | None = None


class KeptParty(Struct, frozen=True):
    """A party that left: when what is kept of it goes."""

    org_id: UUID
    due_at: datetime
    is_held: bool
    is_due: bool


class RetentionReport(Struct, frozen=True):
    items: tuple[Kept, ...]
    parties: tuple[KeptParty, ...] = ()


class OfficersClient(Caller):
    async def officers_queue(self, *, assigned_to: UUID | None = None) -> Queue:
        """As an officer, what waits: the overdue first."""
        return await self._call("GET", "/v1/queue", Queue, query={"assigned_to": assigned_to})

    async def assign_case(self, case_id: UUID, officer_id: UUID | None) -> Case:
        """As an officer, say who looks after a case."""
        return await self._call("POST", f"/v1/cases/{case_id}/assignment", Case, body={"officer_id": officer_id})

    async def propose(
        self, kind: str, *, reason: str, org_id: UUID | None = None, subject_id: UUID | None = None
    ) -> Proposal:
        """As an officer, propose to block, unblock, break_glass, adopt_rules or release_hold."""
        body = {"kind": kind, "reason": reason, "org_id": org_id, "subject_id": subject_id}
        return await self._call("POST", "/v1/proposals", Proposal, body=body)

    async def proposals(self, *, limit: int = 50, cursor: str | None = None) -> ProposalPage:
        """As an officer, all proposals, newest first."""
        return await self._call("GET", "/v1/proposals", ProposalPage, query={"limit": limit, "cursor": cursor})

    async def decide_proposal(self, proposal_id: UUID, *, carried: bool, reason: str) -> Proposal:
        """As another officer, say yes or no."""
        body = {"carried": carried, "reason": reason}
        return await self._call("POST", f"/v1/proposals/{proposal_id}/decision", Proposal, body=body)

    async def place_hold(self, org_id: UUID, *, reason: str) -> Hold:
        """As an officer, stop every erasure of an organisation's papers."""
        return await self._call("POST", "/v1/holds", Hold, body={"org_id": org_id, "reason": reason})

    async def holds(self) -> HoldList:
        """As an officer, every legal hold."""
        return await self._call("GET", "/v1/holds", HoldList)

    async def rule_packs(self) -> RulePackList:
        """The rule packs in force, with their rules, and those that were loaded."""
        return await self._call("GET", "/v1/rule-packs", RulePackList)

    async def rule_pack(self, pack_id: UUID) -> RulePack:
        """One loaded rule pack."""
        return await self._call("GET", f"/v1/rule-packs/{pack_id}", RulePack)

    async def load_rule_pack(self, *, name: str, version: str, source: str, csv: str) -> RulePack:
        """As an officer, load a rule pack; another adopts it by a proposal."""
        body = {"name": name, "version": version, "source": source, "csv": csv}
        return await self._call("POST", "/v1/rule-packs", RulePack, body=body)

    # Audit.

    async def checkpoints(self, *, after: int = 0) -> CheckpointPage:
        """Signed checkpoints of the journal, up to 200 from the one after number `after`."""
        return await self._call("GET", "/v1/audit/checkpoints", CheckpointPage, query={"after": after})

    async def case_archive(self, case_id: UUID) -> bytes:
        """As an officer, the examiner's archive of a case."""
        return await self._download(f"/v1/cases/{case_id}/archive")

    async def retention(self) -> RetentionReport:
        """As an officer, which papers and parties are due to be erased and what a hold keeps."""
        return await self._call("GET", "/v1/retention", RetentionReport)
