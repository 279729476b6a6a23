"""Who owns which account: assigned with the release, re-assigned with every put-back."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.kit.actor import Actor
from market.kit.errors import Malformed
from market.settlement.refunds import PutBack
from market.settlement.rules import Settlement
from market.settlement.service.sale import find_settlement
from market.settlement.store import afterwards as store
from market.settlement.store import settlements
from market.settlement.store.afterwards import Assignment, TitleLink


async def assign(tx: AsyncSession, settlement: Settlement, now: datetime) -> None:
    """All rows of the sale file become the buyer's, under the signed agreement."""
    await _link(tx, settlement, (1, settlement.account_count), (settlement.seller_org_id, settlement.buyer_org_id), now)


async def reassign(tx: AsyncSession, settlement: Settlement, given_back: PutBack, now: datetime) -> None:
    """One row is the seller's again."""
    rows = (given_back.row_number, given_back.row_number)
    parties = (settlement.buyer_org_id, settlement.seller_org_id)
    await _link(tx, settlement, rows, parties, now, given_back.put_back_id)


async def chain_of_title(tx: AsyncSession, actor: Actor, settlement_id: UUID, row_number: int) -> list[Assignment]:
    """The owners of the account of one row of the sale file, over all its sales on this market, first to last.

    A party sees it up to the last sale that it was a party of; empty before the first release. Raises `NotFound`, `Malformed`.
    """
    settlement = await find_settlement(tx, actor, settlement_id)
    if not 1 <= row_number <= max(1, settlement.account_count):
        raise Malformed(f"must be a row of the sale file, 1 to {settlement.account_count}", field="row")
    return await store.assignments_of_account(tx, settlement_id, row_number)


async def _link(
    tx: AsyncSession,
    settlement: Settlement,
    rows: tuple[int, int],
    parties: tuple[UUID, UUID],
    now: datetime,
    put_back_id: UUID | None = None,
) -> None:
    agreed = await settlements.agreement_sha256(tx, settlement.settlement_id)
    if agreed is None:
        raise AssertionError("what was sold was agreed")
    seq = 1 + await store.link_count(tx, settlement.settlement_id)
    cause = "reassignment" if put_back_id else "assignment"
    await store.add_link(tx, TitleLink(settlement.settlement_id, seq, *rows, *parties, cause, put_back_id, agreed, now))
