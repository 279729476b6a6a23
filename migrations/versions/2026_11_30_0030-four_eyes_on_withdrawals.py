"""Money that was paid in for its owner leaves with two people: who imported it, and another who sends or approves it."""

from migrations.guard import APP, AUDITOR, append_only, grant, run

revision = "0030"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(*_TABLE, *_FUNCTIONS)
    grant("withdrawal_approval", app="SELECT, INSERT")
    append_only("withdrawal_approval")


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


_DEFINER = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp"

_TABLE = (
    """CREATE TABLE withdrawal_approval (
        payout_id uuid NOT NULL CONSTRAINT pk_withdrawal_approval PRIMARY KEY
            CONSTRAINT fk_withdrawal_approval_payout_id_payout REFERENCES payout (payout_id),
        approved_by uuid NOT NULL CONSTRAINT fk_withdrawal_approval_approved_by_person REFERENCES person (user_id),
        at timestamptz NOT NULL
    )""",
    "CREATE INDEX ix_withdrawal_approval_approved_by ON withdrawal_approval (approved_by)",
    "ALTER TABLE withdrawal_approval ENABLE ROW LEVEL SECURITY",
    f"CREATE POLICY withdrawal_approval_read ON withdrawal_approval FOR SELECT TO {APP} USING (app_is_platform())",
    f"""CREATE POLICY withdrawal_approval_insert ON withdrawal_approval FOR INSERT TO {APP}
        WITH CHECK (app_is_platform())""",
    f"CREATE POLICY withdrawal_approval_auditor ON withdrawal_approval FOR SELECT TO {AUDITOR} USING (true)",
)

_FUNCTIONS = (
    # Whether somebody imported a statement, or a notice of its batches, with money that became this organisation's. What
    # two people matched counts for neither: it took two already.
    f"""CREATE FUNCTION brought_money(a_user_id uuid, a_org_id uuid, a_currency text) RETURNS boolean {_DEFINER} AS $$
    BEGIN
        RETURN EXISTS (
            SELECT FROM bank_entry e JOIN bank_statement s USING (statement_id)
            WHERE e.org_id = a_org_id AND e.currency = a_currency AND e.direction = 'credit' AND (
                s.imported_by = a_user_id OR EXISTS (SELECT FROM bank_notice n WHERE n.bank_account = e.bank_account
                    AND n.entry_ref IN (e.entry_ref, regexp_replace(e.entry_ref, '#[0-9]+$', ''))
                    AND n.imported_by = a_user_id)));
    END $$""",
    # Why this person may not send this withdrawal; null if it may. What is none was let go by two people before: a sale's
    # proceeds by its release, a sweep by its confirmation.
    f"""CREATE FUNCTION withdrawal_flaw(a_payout_id uuid, a_user_id uuid) RETURNS text {_DEFINER} AS $$
    DECLARE
        asked payout;
    BEGIN
        SELECT * INTO asked FROM payout p WHERE p.payout_id = a_payout_id;
        RETURN CASE
            WHEN asked.settlement_id IS NOT NULL OR EXISTS (SELECT FROM sweep s WHERE s.sweep_id = a_payout_id) THEN NULL
            WHEN a_user_id IS NULL THEN 'a withdrawal is sent by somebody'
            WHEN EXISTS (SELECT FROM withdrawal_approval w
                WHERE w.payout_id = a_payout_id AND w.approved_by <> a_user_id) THEN NULL
            WHEN NOT EXISTS (SELECT FROM clearance c WHERE c.org_id = asked.org_id)
                THEN 'its organisation was never cleared: another person must approve it'
            WHEN brought_money(a_user_id, asked.org_id, asked.currency)
                THEN 'who sends it imported money of its organisation: another person must send or approve it'
        END;
    END $$""",
    f"""CREATE FUNCTION withdrawal_has_four_eyes() RETURNS trigger {_DEFINER} AS $$
    DECLARE
        flaw text := withdrawal_flaw(NEW.payout_id, app_user_id());
    BEGIN
        IF flaw IS NOT NULL THEN
            PERFORM refuse_step(flaw);
        END IF;
        RETURN NEW;
    END $$""",
    f"""CREATE FUNCTION withdrawal_approval_by_another() RETURNS trigger {_DEFINER} AS $$
    DECLARE
        asked payout;
    BEGIN
        SELECT * INTO asked FROM payout p WHERE p.payout_id = NEW.payout_id FOR SHARE;
        IF asked.settlement_id IS NOT NULL OR asked.state IS DISTINCT FROM 'ordered'
            OR EXISTS (SELECT FROM sweep s WHERE s.sweep_id = NEW.payout_id) THEN
            PERFORM refuse_step('no such withdrawal waits');
        ELSIF brought_money(NEW.approved_by, asked.org_id, asked.currency) THEN
            PERFORM refuse_step('who imported the money does not approve its withdrawal');
        END IF;
        RETURN NEW;
    END $$""",
    """CREATE TRIGGER withdrawal_has_four_eyes BEFORE UPDATE ON payout FOR EACH ROW
        WHEN (OLD.state = 'ordered' AND NEW.state = 'sent') EXECUTE FUNCTION withdrawal_has_four_eyes()""",
    """CREATE TRIGGER withdrawal_approval_by_another BEFORE INSERT ON withdrawal_approval
        FOR EACH ROW EXECUTE FUNCTION withdrawal_approval_by_another()""",
    """CREATE TRIGGER withdrawal_approval_in_own_name BEFORE INSERT ON withdrawal_approval
        FOR EACH ROW EXECUTE FUNCTION in_own_name('approved_by', 'true')""",
    "REVOKE ALL ON FUNCTION brought_money, withdrawal_flaw, withdrawal_has_four_eyes, withdrawal_approval_by_another FROM PUBLIC",
    f"GRANT EXECUTE ON FUNCTION brought_money, withdrawal_flaw TO {APP}",
)
