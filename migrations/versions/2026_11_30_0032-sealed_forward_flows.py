"""The forward flow agreement is delivered with its seals, like the agreement of a sale."""

from migrations.guard import APP, AUDITOR, append_only, grant, run

revision = "0032"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(*_TABLE, *_FUNCTION)
    grant("sealed_flow", app="SELECT, INSERT")
    append_only("sealed_flow")


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


_TABLE = (
    # The first bytes are the document that both sides signed.
    """CREATE TABLE sealed_flow (
        flow_id uuid NOT NULL CONSTRAINT pk_sealed_flow PRIMARY KEY
            CONSTRAINT fk_sealed_flow_flow_id_forward_flow REFERENCES forward_flow (flow_id),
        base_sha256 text NOT NULL CONSTRAINT ck_sealed_flow_base CHECK (base_sha256 ~ '^[0-9a-f]{64}$'),
        sha256 text NOT NULL CONSTRAINT ck_sealed_flow_sha256 CHECK (sha256 = encode(sha256(pdf), 'hex')),
        level text NOT NULL CONSTRAINT ck_sealed_flow_level CHECK (level IN ('B-B', 'B-T')),
        pdf bytea NOT NULL,
        sealed_at timestamptz NOT NULL
    )""",
    "ALTER TABLE sealed_flow ENABLE ROW LEVEL SECURITY",
    f"""CREATE POLICY sealed_flow_read ON sealed_flow FOR SELECT TO {APP} USING (
        app_is_platform() OR EXISTS (SELECT FROM forward_flow f WHERE f.flow_id = sealed_flow.flow_id))""",
    f"CREATE POLICY sealed_flow_insert ON sealed_flow FOR INSERT TO {APP} WITH CHECK (app_is_platform())",
    f"CREATE POLICY sealed_flow_auditor ON sealed_flow FOR SELECT TO {AUDITOR} USING (true)",
)

_FUNCTION = (
    """CREATE FUNCTION sealed_flow_is_due() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    BEGIN
        IF NOT EXISTS (
            SELECT FROM forward_flow f WHERE f.flow_id = NEW.flow_id AND f.agreement_sha256 = NEW.base_sha256
                AND f.accepted_at IS NOT NULL AND substring(NEW.pdf FROM 1 FOR octet_length(f.pdf)) = f.pdf
                AND 2 = (SELECT count(*) FROM forward_flow_signature s WHERE s.flow_id = NEW.flow_id)) THEN
            PERFORM refuse_step('that is not the forward flow agreement that both signed');
        END IF;
        RETURN NEW;
    END $$""",
    """CREATE TRIGGER sealed_flow_is_due BEFORE INSERT ON sealed_flow
        FOR EACH ROW EXECUTE FUNCTION sealed_flow_is_due()""",
    "REVOKE ALL ON FUNCTION sealed_flow_is_due FROM PUBLIC",
)
