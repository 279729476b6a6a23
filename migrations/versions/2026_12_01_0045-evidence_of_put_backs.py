"""The document behind a claim to give an account back is handed in and kept, not only its digest."""

from migrations.guard import APP, AUDITOR, append_only, grant, run

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(*_TABLE)
    append_only("put_back_evidence")
    grant("put_back_evidence", app="SELECT, INSERT")
    run(*_ROWS, *_GUARD)


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


_TABLE = (
    """CREATE TABLE put_back_evidence (
        settlement_id uuid NOT NULL
            CONSTRAINT fk_put_back_evidence_settlement_id_settlement REFERENCES settlement (settlement_id),
        file_sha256 text NOT NULL CONSTRAINT ck_put_back_evidence_sha256 CHECK (file_sha256 ~ '^[0-9a-f]{64}$'),
        sealed bytea NOT NULL,
        wrapped_key bytea NOT NULL,
        handed_in_by uuid NOT NULL CONSTRAINT fk_put_back_evidence_handed_in_by_person REFERENCES person (user_id),
        handed_in_at timestamptz NOT NULL,
        CONSTRAINT pk_put_back_evidence PRIMARY KEY (settlement_id, file_sha256)
    )""",
    "CREATE INDEX ix_put_back_evidence_handed_in_by ON put_back_evidence (handed_in_by)",
)

_SALE = "EXISTS (SELECT FROM settlement s WHERE s.settlement_id = put_back_evidence.settlement_id"
_ROWS = (
    "ALTER TABLE put_back_evidence ENABLE ROW LEVEL SECURITY",
    f"CREATE POLICY put_back_evidence_read ON put_back_evidence FOR SELECT TO {APP} USING ({_SALE}))",
    f"""CREATE POLICY put_back_evidence_insert ON put_back_evidence FOR INSERT TO {APP}
        WITH CHECK ({_SALE} AND s.buyer_org_id = app_org_id()))""",
    f"CREATE POLICY put_back_evidence_auditor ON put_back_evidence FOR SELECT TO {AUDITOR} USING (true)",
)

_GUARD = (
    """CREATE FUNCTION evidence_is_of_a_claim() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    BEGIN
        IF NOT EXISTS (SELECT FROM put_back p
            WHERE p.settlement_id = NEW.settlement_id AND p.evidence_sha256 = NEW.file_sha256) THEN
            PERFORM refuse_step('no claim of this sale names this document');
        END IF;
        RETURN NEW;
    END $$""",
    "REVOKE ALL ON FUNCTION evidence_is_of_a_claim FROM PUBLIC",
    """CREATE TRIGGER evidence_is_of_a_claim BEFORE INSERT ON put_back_evidence
        FOR EACH ROW EXECUTE FUNCTION evidence_is_of_a_claim()""",
    """CREATE TRIGGER put_back_evidence_in_own_name BEFORE INSERT ON put_back_evidence
        FOR EACH ROW EXECUTE FUNCTION in_own_name('handed_in_by', 'false')""",
)
