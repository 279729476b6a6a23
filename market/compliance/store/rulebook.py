"""SQL of rule packs."""

from datetime import UTC, date, datetime
from uuid import UUID

from sqlalchemy import DateTime, Select, Uuid, column, func, insert, select, union_all
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from market.compliance.packs import Pack, Rule
from market.compliance.proposals import Kind
from market.db.tables.compliance import ProposalDecisionRow, ProposalRow, RulePackRow, RuleRow


async def add_pack(tx: AsyncSession, pack: Pack, *, loaded_by: UUID | None, now: datetime) -> bool:
    """False if the same rules were loaded before; then nothing was written."""
    added = await tx.execute(
        upsert(RulePackRow)
        .values(
            pack_id=pack.pack_id,
            name=pack.name,
            version=pack.version,
            sha256=pack.sha256,
            source=pack.source,
            loaded_by=loaded_by,
            loaded_at=now,
        )
        .on_conflict_do_nothing()
        .returning(RulePackRow.pack_id)
    )
    if added.first() is None:
        return False
    rows = [
        {
            "pack_id": pack.pack_id,
            "class_": rule.rule_class,
            "state": rule.state,
            "effective_from": rule.effective_from,
            "value": rule.value,
            "citation": rule.citation,
            "source": rule.source,
            "conflict": rule.conflict,
            "why": rule.why,
        }
        for rule in pack.rules
    ]
    await tx.execute(insert(RuleRow), rows)
    return True


async def list_packs(tx: AsyncSession) -> list[Pack]:
    """All loaded packs without their rules, newest first, at most 200."""
    found = await tx.execute(_PACK.order_by(None).order_by(RulePackRow.pack_id.desc()).limit(200))
    return [_pack(row, by, at, ()) for row, by, at in found]


async def find_pack(tx: AsyncSession, pack_id: UUID) -> Pack | None:
    return await _one(tx, _PACK.where(RulePackRow.pack_id == pack_id))


async def adopted(tx: AsyncSession, name: str) -> Pack | None:
    """The pack of this name that two officers adopted last."""
    return await _one(tx, _PACK.where(RulePackRow.name == name, _ADOPTED.c.decided_at.is_not(None)))


async def changed_rules_on(tx: AsyncSession, user_id: UUID | None, day: date) -> bool:
    """Whether this officer loaded, proposed or adopted rules on that day (UTC)."""
    instants = (
        select(RulePackRow.loaded_at).where(RulePackRow.loaded_by == user_id),
        select(ProposalRow.proposed_at).where(
            ProposalRow.proposed_by == user_id, ProposalRow.kind == Kind.ADOPT_RULES.value
        ),
        select(ProposalDecisionRow.decided_at)
        .join(ProposalRow, ProposalRow.proposal_id == ProposalDecisionRow.proposal_id)
        .where(ProposalDecisionRow.decided_by == user_id, ProposalRow.kind == Kind.ADOPT_RULES.value),
    )
    last = union_all(*instants).subquery()
    newest: datetime | None = await tx.scalar(select(func.max(last.c[0])))
    return newest is not None and newest.astimezone(UTC).date() == day


_ADOPTED = (
    func.adopted_packs()
    .table_valued(column("pack_id", Uuid), column("decided_by", Uuid), column("decided_at", DateTime(timezone=True)))
    .alias("adopted")
)
_PACK = (
    select(RulePackRow, _ADOPTED.c.decided_by, _ADOPTED.c.decided_at)
    .outerjoin(_ADOPTED, _ADOPTED.c.pack_id == RulePackRow.pack_id)
    .order_by(_ADOPTED.c.decided_at.desc())
)


async def _one(tx: AsyncSession, query: Select[RulePackRow, UUID, datetime]) -> Pack | None:
    found = (await tx.execute(query.limit(1))).first()
    return None if found is None else _pack(found[0], found[1], found[2], await _rules(tx, found[0].pack_id))


async def _rules(tx: AsyncSession, pack_id: UUID) -> tuple[Rule, ...]:
    query = select(RuleRow).where(RuleRow.pack_id == pack_id)
    found = await tx.scalars(query.order_by(RuleRow.class_, RuleRow.state, RuleRow.effective_from).limit(5_000))
    return tuple(
        Rule(r.state, r.class_, r.value, r.citation, r.effective_from, r.source, r.conflict, r.why) for r in found
    )


def _pack(row: RulePackRow, by: UUID | None, at: datetime | None, rules: tuple[Rule, ...]) -> Pack:
    return Pack(row.name, row.version, rules, row.sha256, row.source, row.pack_id, by, at)
