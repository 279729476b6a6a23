"""All SQL of the check of the ledger: one statement, so that everything is of one instant."""

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from market.db.tables.rails import LedgerCheckRow
from market.kit.pages import PageRequest
from market.settlement.proof import Checked, Divergence, KeptCheck, Kind, Totals


async def check(tx: AsyncSession) -> Checked:
    """Every balance recomputed from transfers and resolutions, and compared. Reads all of the log, ten minutes at most."""
    totals, found = [], []
    for setting in _SETTINGS:
        await tx.execute(setting)
    for kind, currency, subject, *numbers in await tx.execute(_CHECK):
        if kind == "totals":
            totals.append(Totals(currency, *map(int, subject.split()), *map(int, numbers)))
        else:
            found.append(Divergence(Kind(kind), currency, subject, int(numbers[0]), int(numbers[1])))
    return Checked(totals, found)


async def keep(tx: AsyncSession, check: KeptCheck) -> None:
    tx.add(LedgerCheckRow(**{name: getattr(check, name) for name in KeptCheck.__slots__}))
    await tx.flush()


async def list_kept(tx: AsyncSession, request: PageRequest) -> list[KeptCheck]:
    """Newest first."""
    query = select(LedgerCheckRow).order_by(LedgerCheckRow.check_id.desc()).limit(request.limit + 1)
    if request.after is not None:
        query = query.where(LedgerCheckRow.check_id < request.after)
    return [KeptCheck(*(getattr(row, name) for name in KeptCheck.__slots__)) for row in await tx.scalars(query)]


# The planner knows nothing of how many rows the parts below have, and would loop over a hundred thousand of them.
_SETTINGS = (text("SET LOCAL enable_nestloop = off"), text("SET LOCAL statement_timeout = '10min'"))
_CHECK = text("""
    WITH leg AS (
        SELECT debit_account_id AS account_id, 1 AS sign, amount_cents, phase, transfer_id FROM ledger_transfer
        UNION ALL SELECT credit_account_id, -1, amount_cents, phase, transfer_id FROM ledger_transfer
    ), amount AS (
        SELECT leg.account_id, leg.sign,
            CASE WHEN phase = 'posted' THEN amount_cents ELSE coalesce(r.posted_cents, 0) END AS posted,
            CASE WHEN phase = 'pending' AND r.transfer_id IS NULL THEN amount_cents ELSE 0 END AS pending
        FROM leg LEFT JOIN ledger_resolution r USING (transfer_id)
    ), account AS (
        SELECT a.*, sum(CASE WHEN sign = 1 THEN posted ELSE 0 END) AS debits,
            sum(CASE WHEN sign = -1 THEN posted ELSE 0 END) AS credits,
            sum(CASE WHEN sign = 1 THEN pending ELSE 0 END) AS debits_pending,
            sum(CASE WHEN sign = -1 THEN pending ELSE 0 END) AS credits_pending
        FROM ledger_account a LEFT JOIN amount USING (account_id) GROUP BY a.account_id
    ), counter AS (
        SELECT currency, name || ' ' || which AS subject, coalesce(recomputed, 0) AS recomputed, kept
        FROM account CROSS JOIN LATERAL (VALUES
            ('debits posted', debits, debits_posted_cents), ('credits posted', credits, credits_posted_cents),
            ('debits pending', debits_pending, debits_pending_cents),
            ('credits pending', credits_pending, credits_pending_cents)) AS each (which, recomputed, kept)
    ), entry AS (
        SELECT e.*, CASE direction WHEN 'credit' THEN amount_cents ELSE -amount_cents END AS signed,
            EXISTS (SELECT FROM bank_entry c WHERE c.corrects_entry_id = e.entry_id)
                OR EXISTS (SELECT FROM suspense_decision d WHERE d.entry_id = e.entry_id AND d.outcome = 'confirmed')
                AS settled
        FROM bank_entry e
    ), statement AS (
        SELECT s.*, s.opening_cents + coalesce(sum(entry.signed), 0) AS reckoned, count(entry.entry_id) AS counted,
            coalesce(lag(s.closing_cents) OVER chained, 0) AS before,
            s.chain = row_number() OVER chained AS in_turn,
            row_number() OVER (PARTITION BY s.currency ORDER BY s.chain DESC) AS from_last
        FROM bank_statement s LEFT JOIN entry USING (statement_id) GROUP BY s.statement_id
        WINDOW chained AS (PARTITION BY s.currency ORDER BY s.chain)
    ), wire AS (
        SELECT transfer_id, currency, amount_cents, subject FROM ledger_transfer
        WHERE phase = 'posted' AND kind = 'wire_received' AND subject LIKE 'bank_entry:%'
    ), money AS (
        SELECT currency FROM ledger_account UNION SELECT currency FROM bank_statement
    ), total AS (
        SELECT money.currency,
            (SELECT count(*) FROM account a WHERE a.currency = money.currency) AS accounts,
            (SELECT count(*) FROM ledger_transfer t WHERE t.currency = money.currency) AS transfers,
            (SELECT count(*) FROM bank_statement s WHERE s.currency = money.currency) AS statements,
            coalesce((SELECT closing_cents FROM statement s WHERE s.currency = money.currency AND from_last = 1), 0)
                AS statement_cents,
            coalesce((SELECT debits - credits FROM account a WHERE a.currency = money.currency AND name = 'bank:fbo'), 0)
                AS bank_cents,
            coalesce((SELECT sum(credits - debits) FROM account a WHERE a.currency = money.currency
                AND name <> 'bank:fbo' AND name !~ '^(rev:|loss:|fx:|bank:op$)'), 0) AS claims_cents,
            coalesce((SELECT sum(credits - debits) FROM account a WHERE a.currency = money.currency
                AND name ~ '^(rev:|loss:|fx:|bank:op$)'), 0) AS income_cents
        FROM money
    ), found AS (
        SELECT 'counter_drifted' AS kind, currency, subject, recomputed AS expected, kept AS found
            FROM counter WHERE recomputed <> kept
        UNION ALL SELECT 'overdrawn', currency, name, 0,
                CASE side WHEN 'credit' THEN credits - debits - debits_pending ELSE debits - credits - credits_pending END
            FROM account WHERE side <> 'either' AND
                CASE side WHEN 'credit' THEN credits - debits - debits_pending ELSE debits - credits - credits_pending END < 0
        UNION ALL SELECT 'transfer_changed', currency, transfer_id::text, 0, 0 FROM ledger_transfer
            WHERE expires_at IS NULL AND digest <> sha256(convert_to(concat_ws(E'\\x1f', phase, debit_account_id,
                credit_account_id, currency, amount_cents, kind, subject, ''), 'UTF8'))
        UNION ALL SELECT 'bank_is_not_claims', currency, 'bank:fbo', claims_cents + income_cents, bank_cents
            FROM total WHERE bank_cents <> claims_cents + income_cents
        UNION ALL SELECT 'statement_is_not_bank', currency, 'bank:fbo', statement_cents, bank_cents
            FROM total WHERE statement_cents <> bank_cents
        UNION ALL SELECT 'chain_broken', currency, statement_ref, before, opening_cents
            FROM statement WHERE opening_cents <> before OR NOT in_turn
        UNION ALL SELECT 'statement_does_not_tie_out', currency, statement_ref, closing_cents, reckoned
            FROM statement WHERE closing_cents <> reckoned OR counted <> entry_count
        UNION ALL SELECT 'entry_not_booked', e.currency, e.entry_ref, e.amount_cents, coalesce(w.amount_cents, 0)
            FROM entry e LEFT JOIN wire w ON w.subject = 'bank_entry:' || e.entry_id
            WHERE direction = 'credit' AND corrects_entry_id IS NULL
                AND (w.amount_cents, w.currency) IS DISTINCT FROM (e.amount_cents, e.currency)
        UNION ALL SELECT 'booked_without_entry', w.currency, w.transfer_id::text, 0, w.amount_cents
            FROM wire w LEFT JOIN entry e ON w.subject = 'bank_entry:' || e.entry_id WHERE e.entry_id IS NULL
        UNION ALL SELECT 'debit_unmatched', currency, entry_ref, 0, amount_cents FROM entry
            WHERE direction = 'debit' AND outcome = 'suspense' AND NOT settled
    )
    SELECT 'totals', currency, accounts || ' ' || transfers || ' ' || statements,
        statement_cents, bank_cents, claims_cents, income_cents FROM total
    UNION ALL (SELECT kind, currency, subject, expected, found, 0, 0 FROM found LIMIT 1000)
    ORDER BY 1, 2, 3
""")
