"""Statements for people: the seller's proceeds, the buyer's closing, the operator's fees, the ageing of escrow."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.kit.actor import Actor, Role
from market.kit.errors import Malformed, NotFound
from market.kit.pages import MAX_LIMIT, Page, PageRequest
from market.parties.rules import require
from market.settlement import reports
from market.settlement.moves import cash
from market.settlement.reports import Report
from market.settlement.rules import Party
from market.settlement.service.books import READ, STAFF
from market.settlement.store import ledger, settlements
from market.settlement.store import reports as store

_JOURNAL_HEAD = "; The ledger of this marketplace. Amounts are exact; liabilities are what clients are owed.\n\n"
_LONGEST_PERIOD = timedelta(days=400)


async def party_statement(tx: AsyncSession, actor: Actor, settlement_id: UUID, of: Party, *, now: datetime) -> Report:
    """The seller's statement of proceeds, or the buyer's closing statement; each party's own, all for the platform.

    Raises `NotFound` for the other party's and for strangers.
    """
    require(actor, scope=READ)
    sale = await settlements.find(tx, settlement_id)
    if sale is None or (actor.role is Role.MEMBER and sale.party(actor.org_id) is not of):
        raise NotFound("there is no such statement, or it is not yours")
    org_id = sale.seller_org_id if of is Party.SELLER else sale.buyer_org_id
    entries = await ledger.entries_of(tx, f"settlement:{settlement_id}")
    pool = await store.pool_name(tx, sale.pool_id) or f"{sale.pool_id}"
    make = reports.proceeds if of is Party.SELLER else reports.closing
    return make(sale, pool, cash(org_id), entries, now)


async def fee_report(tx: AsyncSession, actor: Actor, first_on: date, last_on: date, *, now: datetime) -> Report:
    """What the platform earned and gave back in a period of at most 400 days (UTC). For the platform's people."""
    require(actor, role=STAFF, scope=READ)
    if not timedelta(0) <= last_on - first_on <= _LONGEST_PERIOD:
        raise Malformed(f"the period is 1 to {_LONGEST_PERIOD.days} days, from its first to its last", field="last_on")
    since = datetime.combine(first_on, time(), UTC)
    earned = await store.earned(tx, since, datetime.combine(last_on, time(), UTC) + timedelta(days=1))
    return reports.fees(earned, first_on, last_on, now)


async def escrow_ageing(tx: AsyncSession, actor: Actor, *, now: datetime) -> Report:
    """What is held for whom, and since when. For the platform's people."""
    require(actor, role=STAFF, scope=READ)
    return reports.ageing(await store.held(tx), now)


async def journal_page(tx: AsyncSession, actor: Actor, after: UUID | None) -> tuple[str, UUID | None]:
    """A page of the ledger as a plain-text accounting journal (hledger), oldest first, and after which transfer the next
    begins (None: that was the last). For the platform's people: every account is named. Each transaction balances.
    """
    require(actor, role=STAFF, scope=READ)
    request = PageRequest(MAX_LIMIT, after)
    found = await ledger.list_entries(tx, request)
    page = Page.cut(found, request, lambda entry: entry.transfer_id)
    text = "".join(reports.journal_entry(entry) for entry in page.items)
    head = _JOURNAL_HEAD if after is None else ""
    return head + text, page.items[-1].transfer_id if page.next_cursor else None


async def accounting_journal(tx: AsyncSession, actor: Actor) -> AsyncIterator[str]:
    """The whole of it, in one transaction."""
    after: UUID | None = None
    while True:
        text, after = await journal_page(tx, actor, after)
        yield text
        if after is None:
            return
