"""The order that readers follow must agree with the order of every stream.

A transaction may draw its id early and come to a stream late: behind an entry of a transaction with a higher id. So an entry
is filed under the higher of its own transaction and that of the entry before it in the stream.
"""

from migrations.guard import run

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(
        "ALTER TABLE journal_head ADD COLUMN tx bigint NOT NULL DEFAULT 0",
        """UPDATE journal_head h SET tx = j.tx
            FROM (SELECT stream, max(tx) AS tx FROM journal GROUP BY stream) j WHERE j.stream = h.stream""",
        _APPEND,
    )


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


_APPEND = """CREATE OR REPLACE FUNCTION journal_append(
        a_stream text, a_kind text, a_role text, a_user_id uuid, a_org_id uuid, a_body text
    ) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    DECLARE
        acting text := coalesce(current_setting('app.role', true), '');
        head journal_head;
        filed_under bigint;
        instant timestamptz;
        digest bytea;
    BEGIN
        IF acting <> 'system' AND (acting, app_user_id(), app_org_id())
            IS DISTINCT FROM (a_role, a_user_id, a_org_id) THEN
            RAISE EXCEPTION 'nobody writes the journal in another''s name' USING ERRCODE = 'insufficient_privilege';
        END IF;
        INSERT INTO journal_head (stream, seq, hash) VALUES (a_stream, 0, decode(repeat('00', 32), 'hex'))
            ON CONFLICT DO NOTHING;
        SELECT * INTO head FROM journal_head WHERE stream = a_stream FOR UPDATE;
        instant := clock_timestamp();
        filed_under := greatest(head.tx, pg_current_xact_id()::text::bigint);
        digest := sha256(head.hash || convert_to(concat_ws(E'\\x1f',
            a_stream, (head.seq + 1)::text, a_kind,
            to_char(instant AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            a_role, coalesce(a_user_id::text, ''), coalesce(a_org_id::text, ''), a_body), 'UTF8'));
        INSERT INTO journal (stream, seq, tx, kind, at, actor_role, actor_user_id, actor_org_id, body, prev_hash, hash)
        VALUES (a_stream, head.seq + 1, filed_under, a_kind, instant,
                a_role, a_user_id, a_org_id, a_body, head.hash, digest);
        UPDATE journal_head SET seq = head.seq + 1, hash = digest, tx = filed_under WHERE stream = a_stream;
        RETURN head.seq + 1;
    END $$"""
