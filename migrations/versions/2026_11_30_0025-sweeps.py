"""What the platform earned and what it owes the tax office leave through the rails that everybody's money takes."""

from migrations.guard import APP, AUDITOR, append_only, grant, run

revision = "0025"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(*_TABLES, *_FUNCTIONS)
    for table in ("sweep", "sweep_decision"):
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
    """CREATE TABLE sweep (
        sweep_id uuid NOT NULL CONSTRAINT pk_sweep PRIMARY KEY,
        source text NOT NULL CONSTRAINT ck_sweep_source CHECK (source IN ('commission', 'tax')),
        currency text NOT NULL,
        amount_cents bigint NOT NULL CONSTRAINT ck_sweep_amount CHECK (amount_cents BETWEEN 1 AND 1000000000000000),
        org_id uuid NOT NULL CONSTRAINT fk_sweep_org_id_organisation REFERENCES organisation (org_id),
        reason text NOT NULL CONSTRAINT ck_sweep_reason CHECK (length(reason) BETWEEN 1 AND 500),
        proposed_by uuid NOT NULL CONSTRAINT fk_sweep_proposed_by_person REFERENCES person (user_id),
        proposed_at timestamptz NOT NULL
    )""",
    "CREATE INDEX ix_sweep_org_id ON sweep (org_id)",
    "CREATE INDEX ix_sweep_proposed_by ON sweep (proposed_by)",
    """CREATE TABLE sweep_decision (
        sweep_id uuid NOT NULL CONSTRAINT pk_sweep_decision PRIMARY KEY
            CONSTRAINT fk_sweep_decision_sweep_id_sweep REFERENCES sweep (sweep_id),
        outcome text NOT NULL CONSTRAINT ck_sweep_decision_outcome CHECK (outcome IN ('confirmed', 'rejected')),
        decided_by uuid NOT NULL CONSTRAINT fk_sweep_decision_decided_by_person REFERENCES person (user_id),
        decided_at timestamptz NOT NULL
    )""",
    "CREATE INDEX ix_sweep_decision_decided_by ON sweep_decision (decided_by)",
)

_FUNCTIONS = (
    f"""CREATE FUNCTION sweep_decision_by_another() RETURNS trigger {_DEFINER} AS $$
    BEGIN
        IF NEW.outcome = 'confirmed' AND EXISTS (
            SELECT FROM sweep WHERE sweep_id = NEW.sweep_id AND proposed_by = NEW.decided_by) THEN
            PERFORM refuse_step('who proposed a sweep does not confirm it');
        END IF;
        RETURN NEW;
    END $$""",
    # Whether two people have agreed on just this sum out of that account.
    f"""CREATE FUNCTION sweep_is_agreed(a_sweep_id uuid, a_debit text, a_cents bigint, a_currency text)
    RETURNS boolean {_DEFINER} AS $$
    BEGIN
        RETURN EXISTS (SELECT FROM sweep s JOIN sweep_decision d USING (sweep_id)
            WHERE s.sweep_id = a_sweep_id AND d.outcome = 'confirmed' AND d.decided_by <> s.proposed_by
                AND (s.amount_cents, s.currency) = (a_cents, a_currency)
                AND a_debit = CASE s.source WHEN 'commission' THEN 'rev:commission' ELSE 'tax:payable' END);
    END $$""",
    "REVOKE ALL ON FUNCTION sweep_decision_by_another, sweep_is_agreed FROM PUBLIC",
)

_TRIGGERS = (
    """CREATE TRIGGER sweep_decision_by_another BEFORE INSERT ON sweep_decision
        FOR EACH ROW EXECUTE FUNCTION sweep_decision_by_another()""",
    *(
        f"CREATE TRIGGER {table}_in_own_name BEFORE INSERT ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION in_own_name('{column}', 'true')"
        for table, column in (("sweep", "proposed_by"), ("sweep_decision", "decided_by"))
    ),
)

# (function, what it says, what it says instead): a sweep is one more kind beside those that the guards know. They are
# extended where they stand, so that whatever else was added to them stays.
_AGREED = """move.phase = 'pending' AND move.transfer_id = move.id AND move.credit = 'clearing:out'
            AND sweep_is_agreed(move.id, move.debit, move.cents, move.currency)"""
_LEFT = """NEW.posted_cents = move.amount_cents AND EXISTS (SELECT FROM payout p JOIN bank_entry e
                ON e.reference = p.reference AND e.direction = 'debit' AND e.amount_cents = p.amount_cents
                AND e.currency = p.currency WHERE p.payout_id = NEW.transfer_id)"""
_EXTENSIONS = (
    (
        "ledger_transfer_is_of_event",
        "WHEN 'withdrawal' THEN",
        f"""WHEN 'sweep' THEN move.debit = 'rev:commission' AND {_AGREED}
                    WHEN 'remittance' THEN move.debit = 'tax:payable' AND {_AGREED}
                    WHEN 'withdrawal' THEN""",
    ),
    (
        "ledger_resolution_is_of_event",
        "WHEN 'withdrawal posted' THEN",
        f"""WHEN 'sweep posted' THEN {_LEFT}
            WHEN 'remittance posted' THEN {_LEFT}
            WHEN 'withdrawal posted' THEN""",
    ),
    (
        "payout_is_due",
        "a.org_id = NEW.org_id",
        """(a.org_id = NEW.org_id OR t.kind IN ('sweep', 'remittance') AND EXISTS (
                    SELECT FROM sweep s WHERE s.sweep_id = NEW.payout_id AND s.org_id = NEW.org_id))""",
    ),
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
