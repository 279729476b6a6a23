"""The functions that guard every table, and the journal.

`journal_append` runs with the owner's rights, so that nobody else can write the journal at all.
"""

from migrations.guard import append_only, grant, run

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(*_SCOPE, *_JOURNAL)
    append_only("journal")
    grant("journal", app="SELECT", officer="SELECT")
    grant("journal_head")
    grant("journal_reader", app="SELECT, INSERT, UPDATE")
    grant("alembic_version", app="SELECT")
    run(*_READING)


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


_SCOPE = (
    """CREATE FUNCTION raise_append_only() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
    BEGIN
        RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
    END $$""",
    """CREATE FUNCTION app_org_id() RETURNS uuid LANGUAGE sql STABLE
    RETURN nullif(current_setting('app.org_id', true), '')::uuid""",
    """CREATE FUNCTION app_user_id() RETURNS uuid LANGUAGE sql STABLE
    RETURN nullif(current_setting('app.user_id', true), '')::uuid""",
    """CREATE FUNCTION app_is_platform() RETURNS boolean LANGUAGE sql STABLE
    RETURN coalesce(current_setting('app.role', true), '') IN ('system', 'operator', 'officer')""",
)

_JOURNAL = (
    """CREATE TABLE journal (
        stream text NOT NULL CHECK (stream ~ '^[a-z_]+:[0-9a-zA-Z_.:-]{1,80}$'),
        seq bigint NOT NULL,
        position bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
        tx bigint NOT NULL,
        kind text NOT NULL CHECK (kind ~ '^[a-z_]+[.][a-z_]+$'),
        at timestamptz NOT NULL,
        actor_role text NOT NULL CHECK (actor_role IN ('member', 'officer', 'operator', 'system')),
        actor_user_id uuid,
        actor_org_id uuid,
        body text NOT NULL CHECK (octet_length(body) <= 16384 AND jsonb_typeof(body::jsonb) = 'object'),
        prev_hash bytea NOT NULL,
        hash bytea NOT NULL,
        CONSTRAINT pk_journal PRIMARY KEY (stream, seq),
        CONSTRAINT ck_journal_actor CHECK (actor_role = 'system' OR actor_user_id IS NOT NULL)
    )""",
    "CREATE INDEX ix_journal_tx_position ON journal (tx, position)",
    """CREATE TABLE journal_head (
        stream text NOT NULL, seq bigint NOT NULL, hash bytea NOT NULL,
        CONSTRAINT pk_journal_head PRIMARY KEY (stream)
    )""",
    """CREATE TABLE journal_reader (
        name text NOT NULL, tx bigint NOT NULL, position bigint NOT NULL,
        CONSTRAINT pk_journal_reader PRIMARY KEY (name)
    )""",
    # The system speaks for whomever it acts for (the bid lane does); everybody else speaks for themselves.
    # The hash covers the fields joined by the unit separator; market/journal/rules.py computes the same offline.
    """CREATE FUNCTION journal_append(
        a_stream text, a_kind text, a_role text, a_user_id uuid, a_org_id uuid, a_body text
    ) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    DECLARE
        acting text := coalesce(current_setting('app.role', true), '');
        head journal_head;
        instant timestamptz;
        digest bytea;
    BEGIN
        IF acting <> 'system' AND (acting, app_user_id(), app_org_id())
            IS DISTINCT FROM (a_role, a_user_id, a_org_id) THEN
            RAISE EXCEPTION 'nobody writes the journal in another''s name' USING ERRCODE = 'insufficient_privilege';
        END IF;
        INSERT INTO journal_head VALUES (a_stream, 0, decode(repeat('00', 32), 'hex')) ON CONFLICT DO NOTHING;
        SELECT * INTO head FROM journal_head WHERE stream = a_stream FOR UPDATE;
        instant := clock_timestamp();
        digest := sha256(head.hash || convert_to(concat_ws(E'\\x1f',
            a_stream, (head.seq + 1)::text, a_kind,
            to_char(instant AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            a_role, coalesce(a_user_id::text, ''), coalesce(a_org_id::text, ''), a_body), 'UTF8'));
        INSERT INTO journal (stream, seq, tx, kind, at, actor_role, actor_user_id, actor_org_id, body, prev_hash, hash)
        VALUES (a_stream, head.seq + 1, pg_current_xact_id()::text::bigint, a_kind, instant,
                a_role, a_user_id, a_org_id, a_body, head.hash, digest);
        UPDATE journal_head SET seq = head.seq + 1, hash = digest WHERE stream = a_stream;
        RETURN head.seq + 1;
    END $$""",
    "REVOKE ALL ON FUNCTION journal_append FROM PUBLIC",
    "GRANT EXECUTE ON FUNCTION journal_append TO market_app, market_officer",
)

# An organisation reads what its own people did; what happened to it by others it hears of through the features.
_READING = (
    "ALTER TABLE journal ENABLE ROW LEVEL SECURITY",
    (
        "CREATE POLICY journal_read ON journal FOR SELECT TO market_app"
        " USING (app_is_platform() OR actor_org_id = app_org_id())"
    ),
    "CREATE POLICY journal_officer ON journal FOR SELECT TO market_officer USING (true)",
    "CREATE POLICY journal_auditor ON journal FOR SELECT TO market_auditor USING (true)",
    "ALTER TABLE journal_reader ENABLE ROW LEVEL SECURITY",
    (
        "CREATE POLICY journal_reader_app ON journal_reader TO market_app"
        " USING (app_is_platform()) WITH CHECK (app_is_platform())"
    ),
    "CREATE POLICY journal_reader_auditor ON journal_reader FOR SELECT TO market_auditor USING (true)",
)
