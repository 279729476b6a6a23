"""What the platform bears passes through `loss:writeoff`, and two people agree on it: bank's charges, and payments that came short.

The account keeps its turnover and no balance: the same transaction covers a loss out of earned commission, so that none ever
stands against the clients' money. And a reservation ends by what happened, never by time: none that the marketplace makes expires.
"""

from migrations.guard import APP, AUDITOR, append_only, grant, run

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(*_TABLES, *_FUNCTIONS)
    for table in ("write_off", "write_off_decision"):
        append_only(table)
        grant(table, app="SELECT, INSERT")
        run(
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"CREATE POLICY {table}_read ON {table} FOR SELECT TO {APP} USING (app_is_platform())",
            f"CREATE POLICY {table}_insert ON {table} FOR INSERT TO {APP} WITH CHECK (app_is_platform())",
            f"CREATE POLICY {table}_auditor ON {table} FOR SELECT TO {AUDITOR} USING (true)",
        )
    run(*_TRIGGERS, *map(_extended, _EXTENSIONS))


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


_DEFINER = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp"

_TABLES = (
    """CREATE TABLE write_off (
        write_off_id uuid NOT NULL CONSTRAINT pk_write_off PRIMARY KEY,
        settlement_id uuid NOT NULL CONSTRAINT fk_write_off_settlement_id_settlement REFERENCES settlement (settlement_id),
        amount_cents bigint NOT NULL CONSTRAINT ck_write_off_amount CHECK (amount_cents BETWEEN 1 AND 1000000000000000),
        reason text NOT NULL CONSTRAINT ck_write_off_reason CHECK (length(reason) BETWEEN 1 AND 500),
        proposed_by uuid NOT NULL CONSTRAINT fk_write_off_proposed_by_person REFERENCES person (user_id),
        proposed_at timestamptz NOT NULL
    )""",
    "CREATE INDEX ix_write_off_settlement_id ON write_off (settlement_id)",
    "CREATE INDEX ix_write_off_proposed_by ON write_off (proposed_by)",
    """CREATE TABLE write_off_decision (
        write_off_id uuid NOT NULL CONSTRAINT pk_write_off_decision PRIMARY KEY
            CONSTRAINT fk_write_off_decision_write_off_id_write_off REFERENCES write_off (write_off_id),
        outcome text NOT NULL CONSTRAINT ck_write_off_decision_outcome CHECK (outcome IN ('confirmed', 'rejected')),
        decided_by uuid NOT NULL CONSTRAINT fk_write_off_decision_decided_by_person REFERENCES person (user_id),
        decided_at timestamptz NOT NULL
    )""",
    "CREATE INDEX ix_write_off_decision_decided_by ON write_off_decision (decided_by)",
)

_FUNCTIONS = (
    f"""CREATE FUNCTION write_off_decision_by_another() RETURNS trigger {_DEFINER} AS $$
    BEGIN
        IF NEW.outcome = 'confirmed' AND EXISTS (
            SELECT FROM write_off WHERE write_off_id = NEW.write_off_id AND proposed_by = NEW.decided_by) THEN
            PERFORM refuse_step('who proposed a write-off does not confirm it');
        END IF;
        RETURN NEW;
    END $$""",
    # Whether two people have agreed that so much of the sale's price is not asked for, and it is no more than the sale earns.
    f"""CREATE FUNCTION write_off_is_agreed(a_settlement_id uuid, a_cents bigint) RETURNS boolean {_DEFINER} AS $$
    BEGIN
        RETURN EXISTS (SELECT FROM write_off w JOIN write_off_decision d USING (write_off_id)
                JOIN settlement s USING (settlement_id)
            WHERE w.settlement_id = a_settlement_id AND d.outcome = 'confirmed' AND d.decided_by <> w.proposed_by
                AND w.amount_cents = a_cents AND a_cents <= s.buyer_fee_cents + s.seller_fee_cents);
    END $$""",
    "REVOKE ALL ON FUNCTION write_off_decision_by_another, write_off_is_agreed FROM PUBLIC",
)

_TRIGGERS = (
    """CREATE TRIGGER write_off_decision_by_another BEFORE INSERT ON write_off_decision
        FOR EACH ROW EXECUTE FUNCTION write_off_decision_by_another()""",
    *(
        f"CREATE TRIGGER {table}_in_own_name BEFORE INSERT ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION in_own_name('{column}', 'true')"
        for table, column in (("write_off", "proposed_by"), ("write_off_decision", "decided_by"))
    ),
)

# (function, what it says, what it says instead).
_EXTENSIONS = (
    (
        "ledger_transfer_is_of_event",
        "WHEN 'charge_borne' THEN move.debit = 'rev:commission' AND move.credit = 'bank:fbo' AND entry.direction = 'debit'",
        """WHEN 'charge_borne' THEN move.debit = 'loss:writeoff' AND move.credit = 'bank:fbo' AND entry.direction = 'debit'
        AND entry.org_id IS NULL AND agreed.proposal_id IS NOT NULL AND agreed.org_id IS NULL
    WHEN 'charge_covered' THEN move.debit = 'rev:commission' AND move.credit = 'loss:writeoff' AND entry.direction = 'debit'""",
    ),
    (
        "ledger_transfer_is_of_event",
        "WHEN 'commission' THEN released",
        """WHEN 'write_off' THEN sale.state = 'awaiting_funds' AND move.debit = 'loss:writeoff' AND move.credit = buyer
        AND write_off_is_agreed(sale.settlement_id, move.cents)
    WHEN 'write_off_covered' THEN sale.state = 'awaiting_funds' AND move.debit = 'rev:commission'
        AND move.credit = 'loss:writeoff' AND write_off_is_agreed(sale.settlement_id, move.cents)
    WHEN 'commission' THEN released""",
    ),
    (
        "ledger_transfer_is_of_event",
        "SELECT m.transfer_id, m.kind,",
        "SELECT m.expires_at IS NULL AS lasts, m.transfer_id, m.kind,",
    ),
    (
        "ledger_transfer_is_of_event",
        "SELECT move.kind, CASE move.about",
        "SELECT move.kind, move.lasts AND CASE move.about",
    ),
    ("ledger_resolution_is_of_event", "ELSE NEW.outcome = 'expired' END", "ELSE false END"),
)


def _extended(extension: tuple[str, str, str]) -> str:
    function, known, new = extension
    return f"""DO $extend$
    DECLARE
        body text := pg_get_functiondef('{function}'::regproc);
    BEGIN
        IF position($known${known}$known$ IN body) = 0 THEN
            RAISE EXCEPTION '{function} is not what this migration extends';
        END IF;
        EXECUTE replace(body, $known${known}$known$, $new${new}$new$);
    END $extend$"""
