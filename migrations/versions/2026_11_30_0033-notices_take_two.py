"""What a notice tells about the payers of a batch moves money only once another person than its importer has confirmed it."""

from migrations.guard import APP, AUDITOR, append_only, grant, run

revision = "0033_notices"
down_revision = "0033_cleared"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(*_TABLES, *_FUNCTIONS)
    grant("bank_notice_decision", app="SELECT, INSERT")
    append_only("bank_notice_decision")


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


_DEFINER = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp"

_TABLES = (
    """CREATE TABLE bank_notice_decision (
        file_sha256 text NOT NULL CONSTRAINT pk_bank_notice_decision PRIMARY KEY,
        outcome text NOT NULL CONSTRAINT ck_bank_notice_decision_outcome CHECK (outcome IN ('confirmed', 'rejected')),
        decided_by uuid NOT NULL CONSTRAINT fk_bank_notice_decision_decided_by_person REFERENCES person (user_id),
        at timestamptz NOT NULL
    )""",
    "CREATE INDEX ix_bank_notice_decision_decided_by ON bank_notice_decision (decided_by)",
    "CREATE INDEX ix_bank_notice_file_sha256 ON bank_notice (file_sha256)",
    "ALTER TABLE bank_notice_decision ENABLE ROW LEVEL SECURITY",
    f"CREATE POLICY bank_notice_decision_read ON bank_notice_decision FOR SELECT TO {APP} USING (app_is_platform())",
    f"""CREATE POLICY bank_notice_decision_insert ON bank_notice_decision FOR INSERT TO {APP}
        WITH CHECK (app_is_platform())""",
    f"CREATE POLICY bank_notice_decision_auditor ON bank_notice_decision FOR SELECT TO {AUDITOR} USING (true)",
    # What a notice told before this column stays as it was booked.
    "ALTER TABLE bank_entry ADD COLUMN told_by text",
)

_FUNCTIONS = (
    f"""CREATE FUNCTION bank_notice_decision_by_another() RETURNS trigger {_DEFINER} AS $$
    BEGIN
        IF NOT EXISTS (SELECT FROM bank_notice n WHERE n.file_sha256 = NEW.file_sha256) THEN
            PERFORM refuse_step('no notices came with such a file');
        ELSIF NEW.outcome = 'confirmed' AND EXISTS (SELECT FROM bank_notice n
            WHERE n.file_sha256 = NEW.file_sha256 AND n.imported_by = NEW.decided_by) THEN
            PERFORM refuse_step('who imported notices does not confirm them');
        END IF;
        RETURN NEW;
    END $$""",
    # What was decided about a file is about what was in it then.
    f"""CREATE FUNCTION bank_notice_before_decision() RETURNS trigger {_DEFINER} AS $$
    BEGIN
        IF EXISTS (SELECT FROM bank_notice_decision d WHERE d.file_sha256 = NEW.file_sha256) THEN
            PERFORM refuse_step('the notices of this file were decided');
        END IF;
        RETURN NEW;
    END $$""",
    f"""CREATE FUNCTION bank_entry_told_by_two() RETURNS trigger {_DEFINER} AS $$
    BEGIN
        IF NOT EXISTS (SELECT FROM bank_notice_decision d JOIN bank_notice n USING (file_sha256)
            WHERE d.file_sha256 = NEW.told_by AND d.outcome = 'confirmed' AND n.bank_account = NEW.bank_account
                AND n.currency = NEW.currency AND n.direction = NEW.direction
                AND EXISTS (SELECT FROM jsonb_array_elements(n.parts) AS part WHERE part ->> 'entry_ref' = NEW.entry_ref
                    AND (part ->> 'amount_cents')::bigint = NEW.amount_cents AND part ->> 'texts' = NEW.remittance)) THEN
            PERFORM refuse_step('no two people told of this part of a batch');
        END IF;
        RETURN NEW;
    END $$""",
    """CREATE TRIGGER bank_notice_decision_by_another BEFORE INSERT ON bank_notice_decision
        FOR EACH ROW EXECUTE FUNCTION bank_notice_decision_by_another()""",
    """CREATE TRIGGER bank_notice_decision_in_own_name BEFORE INSERT ON bank_notice_decision
        FOR EACH ROW EXECUTE FUNCTION in_own_name('decided_by', 'true')""",
    """CREATE TRIGGER bank_notice_before_decision BEFORE INSERT ON bank_notice
        FOR EACH ROW EXECUTE FUNCTION bank_notice_before_decision()""",
    """CREATE TRIGGER bank_entry_told_by_two BEFORE INSERT ON bank_entry FOR EACH ROW WHEN (NEW.told_by IS NOT NULL)
        EXECUTE FUNCTION bank_entry_told_by_two()""",
    """REVOKE ALL ON FUNCTION bank_notice_decision_by_another, bank_notice_before_decision, bank_entry_told_by_two
        FROM PUBLIC""",
)
