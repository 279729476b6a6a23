"""All SQL of settlements, their agreements, signatures and releases."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, exists, func, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncSession

from market.db.tables.afterwards import PutBackRow
from market.db.tables.settlement import (
    AgreementRow,
    LedgerAccountRow,
    ReleaseApprovalRow,
    ReleasePreparationRow,
    SaleKeyGrantRow,
    SettlementCancellationRow,
    SettlementRow,
    SettlementSignatureRow,
)
from market.kit.pages import PageRequest
from market.settlement.agreement import Document
from market.settlement.refunds import OPEN
from market.settlement.rules import CANCELLABLE, HOLDABLE, Party, Settlement, State

_BATCH = 1000
_FIELDS = tuple(name for name in Settlement.__slots__ if name != "state")


@dataclass(frozen=True, slots=True)
class Signature:
    org_id: UUID
    party: Party
    user_id: UUID
    typed_name: str
    agreement_sha256: str
    recipient_public_key: bytes | None
    signed_at: datetime


@dataclass(frozen=True, slots=True)
class Preparation:
    prepared_by: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class KeyGrant:
    """What the winner needs to open the sale file: both keys sealed (HPKE) to its public key, bound to `info`."""

    settlement_id: UUID
    org_id: UUID
    file_sha256: str
    leaves_sha256: str
    released_key: bytes
    released_commit_key: bytes
    info: str
    at: datetime


async def add(tx: AsyncSession, settlement: Settlement) -> None:
    values = {name: getattr(settlement, name) for name in _FIELDS}
    tx.add(SettlementRow(**values, state=settlement.state.value, attempt_count=0))
    await tx.flush()


async def find(tx: AsyncSession, settlement_id: UUID) -> Settlement | None:
    row = await tx.scalar(select(SettlementRow).where(SettlementRow.settlement_id == settlement_id))
    return None if row is None else _settlement(row)


async def of_auction(tx: AsyncSession, auction_id: UUID) -> list[Settlement]:
    """One for every pool that the auction sold."""
    query = (
        select(SettlementRow).where(SettlementRow.auction_id == auction_id).order_by(SettlementRow.pool_id).limit(100)
    )
    return [_settlement(row) for row in await tx.scalars(query)]


async def lock(tx: AsyncSession, settlement_id: UUID) -> Settlement | None:
    """A settlement as of now; locks its row."""
    found = await lock_all(tx, [settlement_id])
    return found[0] if found else None


async def lock_all(tx: AsyncSession, ids: Collection[UUID]) -> list[Settlement]:
    """Settlements as of now; locks their rows in order of id."""
    found = await tx.scalars(
        select(SettlementRow)
        .where(SettlementRow.settlement_id.in_(ids))
        .order_by(SettlementRow.settlement_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return [_settlement(row) for row in found]


async def by_reference(tx: AsyncSession, references: Collection[str]) -> dict[str, Settlement]:
    found = await tx.scalars(select(SettlementRow).where(SettlementRow.reference == func.any(list(references))))
    return {row.reference: _settlement(row) for row in found}


async def list_all(tx: AsyncSession, request: PageRequest) -> list[Settlement]:
    """Those that the actor may see, newest first, and one more than the page holds if there is one."""
    query = select(SettlementRow).order_by(SettlementRow.settlement_id.desc()).limit(request.limit + 1)
    if request.after is not None:
        query = query.where(SettlementRow.settlement_id < request.after)
    return [_settlement(row) for row in await tx.scalars(query)]


async def move(tx: AsyncSession, settlement_id: UUID, state: State, **columns: datetime | int | None) -> None:
    """Write the state that a step led to, with the deadlines that come with it. The caller holds the row's lock."""
    await tx.execute(
        update(SettlementRow)
        .where(SettlementRow.settlement_id == settlement_id)
        .values(state=state.value, claimed_until=None, **columns)
    )


async def claim_unissued(tx: AsyncSession, *, now: datetime, until: datetime) -> Settlement | None:
    """A settlement that awaits its agreement and that nobody works on; taken until `until`. Locks its row."""
    row = await tx.scalar(
        select(SettlementRow)
        .where(
            SettlementRow.state == State.AWARDED.value,
            SettlementRow.held_since_at.is_(None),
            or_(SettlementRow.claimed_until.is_(None), SettlementRow.claimed_until < now),
        )
        .order_by(SettlementRow.settlement_id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if row is None:
        return None
    await tx.execute(
        update(SettlementRow)
        .where(SettlementRow.settlement_id == row.settlement_id)
        .values(claimed_until=until, attempt_count=SettlementRow.attempt_count + 1)
    )
    return _settlement(row)


async def unpaid_of(tx: AsyncSession, org_ids: Collection[UUID]) -> list[Settlement]:
    """What these buyers have to pay, oldest first. Locks the rows in order of id."""
    found = await tx.scalars(
        select(SettlementRow)
        .where(
            SettlementRow.state == State.AWAITING_FUNDS.value,
            SettlementRow.buyer_org_id.in_(org_ids),
            SettlementRow.held_since_at.is_(None),
        )
        .order_by(SettlementRow.settlement_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return [_settlement(row) for row in found]


async def running(tx: AsyncSession) -> list[tuple[UUID, UUID, UUID]]:
    """(settlement, buyer, seller) of all sales that can be held and are not."""
    query = (
        select(SettlementRow.settlement_id, SettlementRow.buyer_org_id, SettlementRow.seller_org_id)
        .where(SettlementRow.state.in_([state.value for state in HOLDABLE]), SettlementRow.held_since_at.is_(None))
        .order_by(SettlementRow.settlement_id)
    )
    return [(row[0], row[1], row[2]) for row in await tx.execute(query)]


def _due() -> ColumnElement[int]:
    return (
        SettlementRow.hammer_cents
        + SettlementRow.buyer_fee_cents
        + SettlementRow.buyer_tax_cents
        - SettlementRow.deposit_cents
    )


async def due_of(tx: AsyncSession, currency: str, amounts: Collection[int]) -> list[Settlement]:
    """Sales that await just such an amount, 1,000 at most."""
    if not amounts:
        return []
    due = _due()
    found = await tx.scalars(
        select(SettlementRow)
        .where(
            SettlementRow.state == State.AWAITING_FUNDS.value,
            SettlementRow.currency == currency,
            due == func.any(list(amounts)),
        )
        .order_by(SettlementRow.settlement_id)
        .limit(1000)
    )
    return [_settlement(row) for row in found]


async def payable(tx: AsyncSession) -> list[UUID]:
    """Sales whose buyer's free cash covers what is due, oldest first; of several of one buyer perhaps not all."""
    due = _due()
    free = LedgerAccountRow.credits_posted_cents - LedgerAccountRow.debits_posted_cents
    covered = exists().where(
        LedgerAccountRow.org_id == SettlementRow.buyer_org_id,
        LedgerAccountRow.currency == SettlementRow.currency,
        free - LedgerAccountRow.debits_pending_cents >= due,
    )
    found = await tx.scalars(
        select(SettlementRow.settlement_id)
        .where(
            SettlementRow.state == State.AWAITING_FUNDS.value,
            SettlementRow.held_since_at.is_(None),
            or_(due == 0, covered),
        )
        .order_by(SettlementRow.settlement_id)
        .limit(_BATCH)
    )
    return list(found)


async def overdue(tx: AsyncSession, state: State, now: datetime, only: UUID | None = None) -> list[Settlement]:
    """Settlements in `state` whose deadline for it has passed and that no open put-back keeps, or `only` this one. Locks their rows, leaving out those that others hold."""
    column = {
        State.SIGNING: SettlementRow.sign_by_at,
        State.AWAITING_FUNDS: SettlementRow.pay_by_at,
        State.PUTBACK_WINDOW: SettlementRow.putback_until_at,
    }[state]
    found = await tx.scalars(
        select(SettlementRow)
        .where(SettlementRow.state == state.value, column <= now, SettlementRow.held_since_at.is_(None))
        .where(_this(only), ~_put_back_open())
        .order_by(column, SettlementRow.settlement_id)
        .limit(_BATCH)
        .with_for_update(skip_locked=True)
    )
    return [_settlement(row) for row in found]


def _this(only: UUID | None) -> ColumnElement[bool]:
    return true() if only is None else SettlementRow.settlement_id == only


def _put_back_open() -> ColumnElement[bool]:
    open_states = [state.value for state in OPEN]
    return exists().where(PutBackRow.settlement_id == SettlementRow.settlement_id, PutBackRow.state.in_(open_states))


async def given_up(tx: AsyncSession, only: UUID | None = None) -> list[Settlement]:
    """Settlements that both parties want cancelled and that still can be, or `only` this one. Locks their rows, leaving out held ones."""
    wanted = (
        select(SettlementCancellationRow.settlement_id)
        .group_by(SettlementCancellationRow.settlement_id)
        .having(func.count() == 2)
    )
    found = await tx.scalars(
        select(SettlementRow)
        .where(
            SettlementRow.settlement_id.in_(wanted),
            SettlementRow.state.in_([state.value for state in CANCELLABLE]),
            SettlementRow.held_since_at.is_(None),
            _this(only),
        )
        .order_by(SettlementRow.settlement_id)
        .limit(_BATCH)
        .with_for_update(skip_locked=True)
    )
    return [_settlement(row) for row in found]


async def owing_penalty(tx: AsyncSession, only: UUID | None = None) -> list[Settlement]:
    """Sales whose seller is in default, owes of its penalty and has free cash, oldest first. Locks their rows."""
    found = await tx.scalars(
        select(SettlementRow)
        .where(
            SettlementRow.state == State.SELLER_DEFAULT.value,
            SettlementRow.penalty_paid_cents < SettlementRow.penalty_cents,
            _this(only),
            exists().where(
                LedgerAccountRow.org_id == SettlementRow.seller_org_id,
                LedgerAccountRow.currency == SettlementRow.currency,
                LedgerAccountRow.credits_posted_cents
                > LedgerAccountRow.debits_posted_cents + LedgerAccountRow.debits_pending_cents,
            ),
        )
        .order_by(SettlementRow.settlement_id)
        .limit(_BATCH)
        .with_for_update(skip_locked=True)
    )
    return [_settlement(row) for row in found]


async def add_cancellation(
    tx: AsyncSession, settlement_id: UUID, *, org_id: UUID, user_id: UUID, reason: str, now: datetime
) -> None:
    tx.add(
        SettlementCancellationRow(settlement_id=settlement_id, org_id=org_id, user_id=user_id, reason=reason, at=now)
    )
    await tx.flush()


async def cancelling_orgs(tx: AsyncSession, settlement_id: UUID) -> list[UUID]:
    """The parties that want the sale cancelled."""
    found = await tx.scalars(
        select(SettlementCancellationRow.org_id).where(SettlementCancellationRow.settlement_id == settlement_id)
    )
    return list(found)


async def add_agreement(tx: AsyncSession, settlement_id: UUID, document: Document, now: datetime) -> None:
    tx.add(
        AgreementRow(
            settlement_id=settlement_id, sha256=document.sha256, facts=document.facts, pdf=document.pdf, created_at=now
        )
    )
    await tx.flush()


async def find_agreement(tx: AsyncSession, settlement_id: UUID) -> Document | None:
    query = select(AgreementRow.facts, AgreementRow.pdf, AgreementRow.sha256)
    row = (await tx.execute(query.where(AgreementRow.settlement_id == settlement_id))).one_or_none()
    return None if row is None else Document(row.facts, row.pdf, row.sha256)


async def agreement_sha256(tx: AsyncSession, settlement_id: UUID) -> str | None:
    return await tx.scalar(select(AgreementRow.sha256).where(AgreementRow.settlement_id == settlement_id))


async def add_signature(tx: AsyncSession, settlement_id: UUID, signature: Signature) -> None:
    values = {name: getattr(signature, name) for name in Signature.__slots__}
    tx.add(SettlementSignatureRow(settlement_id=settlement_id, **values | {"party": signature.party.value}))
    await tx.flush()


async def signatures(tx: AsyncSession, settlement_id: UUID) -> dict[Party, Signature]:
    found = await tx.scalars(
        select(SettlementSignatureRow).where(SettlementSignatureRow.settlement_id == settlement_id)
    )
    return {
        Party(row.party): Signature(
            row.org_id, Party(row.party), row.user_id, row.typed_name, row.agreement_sha256,
            row.recipient_public_key, row.signed_at,
        )
        for row in found
    }  # fmt: skip


async def add_preparation(tx: AsyncSession, settlement_id: UUID, preparation: Preparation) -> None:
    tx.add(ReleasePreparationRow(settlement_id=settlement_id, prepared_by=preparation.prepared_by, at=preparation.at))
    await tx.flush()


async def find_preparation(tx: AsyncSession, settlement_id: UUID) -> Preparation | None:
    row = await tx.scalar(select(ReleasePreparationRow).where(ReleasePreparationRow.settlement_id == settlement_id))
    return None if row is None else Preparation(row.prepared_by, row.at)


async def add_approval(
    tx: AsyncSession, settlement_id: UUID, *, prepared_by: UUID, approved_by: UUID, now: datetime
) -> None:
    tx.add(ReleaseApprovalRow(settlement_id=settlement_id, prepared_by=prepared_by, approved_by=approved_by, at=now))
    await tx.flush()


async def add_grant(tx: AsyncSession, grant: KeyGrant) -> None:
    tx.add(SaleKeyGrantRow(**{name: getattr(grant, name) for name in KeyGrant.__slots__}))
    await tx.flush()


async def find_grant(tx: AsyncSession, settlement_id: UUID) -> KeyGrant | None:
    row = await tx.scalar(select(SaleKeyGrantRow).where(SaleKeyGrantRow.settlement_id == settlement_id))
    return None if row is None else KeyGrant(*(getattr(row, name) for name in KeyGrant.__slots__))


def _settlement(row: SettlementRow) -> Settlement:
    return Settlement(**{name: getattr(row, name) for name in _FIELDS}, state=State(row.state))
