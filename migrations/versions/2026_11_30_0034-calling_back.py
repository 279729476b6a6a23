"""A changed bank account is used once somebody of the platform has called back, and not within two days, whoever writes it."""

from migrations.guard import APP, AUDITOR, append_only, grant, run

revision = "0034_call_back"
down_revision = "0034_sealed"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(*_TABLE)
    grant("bank_account_call_back", app="SELECT, INSERT")
    append_only("bank_account_call_back")
    run(*_GUARDS)


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


_DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp"

_TABLE = (
    """CREATE TABLE bank_account_call_back (
        bank_account_id uuid NOT NULL CONSTRAINT pk_bank_account_call_back PRIMARY KEY
            CONSTRAINT fk_bank_account_call_back_bank_account_id_bank_account REFERENCES bank_account (bank_account_id),
        org_id uuid NOT NULL CONSTRAINT fk_bank_account_call_back_org_id_organisation REFERENCES organisation (org_id),
        called_by uuid NOT NULL CONSTRAINT fk_bank_account_call_back_called_by_person REFERENCES person (user_id),
        note text NOT NULL CONSTRAINT ck_bank_account_call_back_note CHECK (length(note) BETWEEN 10 AND 500),
        at timestamptz NOT NULL
    )""",
    "CREATE INDEX ix_bank_account_call_back_org_id ON bank_account_call_back (org_id)",
    "CREATE INDEX ix_bank_account_call_back_called_by ON bank_account_call_back (called_by)",
    # Whom one spoke to is the platform's to know; that one did, the organisation learns from `bank_account_is_confirmed`.
    "ALTER TABLE bank_account_call_back ENABLE ROW LEVEL SECURITY",
    f"CREATE POLICY bank_account_call_back_read ON bank_account_call_back FOR SELECT TO {APP} USING (app_is_platform())",
    f"""CREATE POLICY bank_account_call_back_insert ON bank_account_call_back FOR INSERT TO {APP}
        WITH CHECK (app_is_platform())""",
    f"CREATE POLICY bank_account_call_back_auditor ON bank_account_call_back FOR SELECT TO {AUDITOR} USING (true)",
)

_GUARDS = (
    # The first account of an organisation is the one that its case was verified with.
    f"""CREATE FUNCTION bank_account_is_confirmed(a_bank_account_id uuid) RETURNS boolean LANGUAGE sql STABLE {_DEFINER} AS $$
        SELECT EXISTS (SELECT FROM bank_account b WHERE b.bank_account_id = a_bank_account_id AND (
            NOT EXISTS (SELECT FROM bank_account c WHERE c.org_id = b.org_id
                AND (c.created_at, c.bank_account_id) < (b.created_at, b.bank_account_id))
            OR EXISTS (SELECT FROM bank_account_call_back k WHERE k.bank_account_id = b.bank_account_id)))
    $$""",
    f"""CREATE FUNCTION bank_account_cools_off() RETURNS trigger LANGUAGE plpgsql {_DEFINER} AS $$
    BEGIN
        IF EXISTS (SELECT FROM bank_account b WHERE b.org_id = NEW.org_id)
            AND (NEW.usable_from_at < NEW.created_at + interval '48 hours'
                OR NEW.created_at < clock_timestamp() - interval '5 minutes'
                OR EXISTS (SELECT FROM bank_account b WHERE b.org_id = NEW.org_id AND b.created_at >= NEW.created_at)) THEN
            RAISE EXCEPTION 'a changed bank account cools off for 48 hours'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'bank_account_cools_off';
        END IF;
        RETURN NEW;
    END $$""",
    """CREATE TRIGGER changed_bank_account_cools_off BEFORE INSERT ON bank_account
        FOR EACH ROW EXECUTE FUNCTION bank_account_cools_off()""",
    """CREATE TRIGGER bank_account_call_back_in_own_name BEFORE INSERT ON bank_account_call_back
        FOR EACH ROW EXECUTE FUNCTION in_own_name('called_by', 'true')""",
    f"""CREATE FUNCTION call_back_is_told() RETURNS trigger LANGUAGE plpgsql {_DEFINER} AS $$
    BEGIN
        SELECT b.org_id INTO NEW.org_id FROM bank_account b WHERE b.bank_account_id = NEW.bank_account_id;
        NEW.at := clock_timestamp();
        RETURN NEW;
    END $$""",
    """CREATE TRIGGER call_back_is_told BEFORE INSERT ON bank_account_call_back
        FOR EACH ROW EXECUTE FUNCTION call_back_is_told()""",
    """CREATE CONSTRAINT TRIGGER bank_account_call_back_is_journalled AFTER INSERT ON bank_account_call_back
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION is_journalled('org', 'org_id')""",
    """DO $amend$
    DECLARE
        before text := pg_get_functiondef('payout_is_due'::regproc);
        after text := replace(before, 'AND b.usable_from_at <= NEW.ordered_at',
            'AND b.usable_from_at <= NEW.ordered_at AND bank_account_is_confirmed(b.bank_account_id)');
    BEGIN
        IF after = before THEN RAISE EXCEPTION 'payout_is_due has no such place'; END IF;
        EXECUTE after;
    END $amend$""",
    """REVOKE ALL ON FUNCTION bank_account_is_confirmed(uuid), bank_account_cools_off(), call_back_is_told()
        FROM PUBLIC""",
    f"GRANT EXECUTE ON FUNCTION bank_account_is_confirmed(uuid) TO {APP}",
)
