"""All SQL of statements for people."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from market.settlement.reports import Earned, Held

_MOST_LINES = 10_000

_EARNED = text("""
    SELECT t.at, t.kind, coalesce(s.reference, t.subject),
        CASE WHEN c.name LIKE 'rev:%' THEN t.amount_cents ELSE -t.amount_cents END, t.currency
    FROM ledger_transfer t
    JOIN ledger_account d ON d.account_id = t.debit_account_id
    JOIN ledger_account c ON c.account_id = t.credit_account_id
    LEFT JOIN settlement s ON t.subject = 'settlement:' || s.settlement_id
    WHERE t.phase = 'posted' AND t.at >= :since AND t.at < :until
        AND (c.name LIKE 'rev:%') <> (d.name LIKE 'rev:%')
    UNION ALL
    SELECT r.at, t.kind, p.reference, -r.posted_cents, t.currency
    FROM ledger_resolution r JOIN ledger_transfer t USING (transfer_id) JOIN payout p ON p.payout_id = t.transfer_id
    WHERE r.at >= :since AND r.at < :until AND t.kind IN ('sweep', 'remittance') AND r.posted_cents > 0
    ORDER BY 1, 2, 3 LIMIT :most
""")

# An account's money counts as old as its first credit; a wire in suspense as its import.
_HELD = text("""
    SELECT a.name, a.currency, a.credits_posted_cents - a.debits_posted_cents + a.credits_pending_cents,
        (SELECT min(at) FROM ledger_transfer t WHERE t.credit_account_id = a.account_id AND t.currency = a.currency)
    FROM ledger_account a
    WHERE a.name ~ '^(escrow|deposit|holdback):'
        AND a.credits_posted_cents - a.debits_posted_cents + a.credits_pending_cents > 0
    UNION ALL
    SELECT 'suspense:' || e.entry_ref, e.currency, e.amount_cents, s.imported_at
    FROM bank_entry e JOIN bank_statement s USING (statement_id)
    WHERE e.outcome = 'suspense' AND e.direction = 'credit' AND NOT EXISTS (
        SELECT FROM suspense_decision d WHERE d.entry_id = e.entry_id AND d.outcome = 'confirmed')
    LIMIT :most
""")

_POOL_NAME = text("SELECT name FROM pool WHERE pool_id = :pool_id")


async def earned(tx: AsyncSession, since: datetime, until: datetime) -> list[Earned]:
    """Changes of the platform's income, and what it swept or remitted, from `since` until before `until`, 10,000 at most, in order."""
    found = await tx.execute(_EARNED, {"since": since, "until": until, "most": _MOST_LINES})
    return [Earned(*row) for row in found]


async def held(tx: AsyncSession) -> list[Held]:
    """Money that is held, account by account, 10,000 at most."""
    return [Held(*row) for row in await tx.execute(_HELD, {"most": _MOST_LINES})]


async def pool_name(tx: AsyncSession, pool_id: UUID) -> str:
    return str(await tx.scalar(_POOL_NAME, {"pool_id": pool_id}) or "")
