"""A line tells of a change only if the same transaction wrote it, not another that ended meanwhile.

Whoever held a transaction open could wait for somebody's own line, as of a new password, and change the same row under it.
"""

from migrations.guard import run

revision = "0053"
down_revision = "0052"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(*_OWN_LINES)


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


_OWN_LINES = (
    # What is seen and of no ended transaction is one's own, also of a savepoint. Ids of 32 bits count on from our own.
    """CREATE FUNCTION wrote_it_now(writer xid) RETURNS boolean LANGUAGE sql VOLATILE SET search_path = pg_catalog AS $$
        SELECT CASE WHEN ahead < 2147483648 THEN pg_xact_status((own + ahead)::text::xid8) = 'in progress' ELSE false END
        FROM (SELECT pg_current_xact_id()::text::bigint AS own) AS us,
            LATERAL (SELECT ((writer::text::bigint - own) % 4294967296 + 4294967296) % 4294967296 AS ahead) AS it
    $$""",
    """DO $amend$
    DECLARE
        before text := pg_get_functiondef('change_is_told'::regproc);
        after text := replace(before, 'AND j.at >= transaction_timestamp()',
            'AND CASE WHEN j.at >= transaction_timestamp() THEN wrote_it_now(j.xmin) END');
    BEGIN
        IF after = before THEN RAISE EXCEPTION 'change_is_told has no such place'; END IF;
        EXECUTE after;
    END $amend$""",
    "REVOKE ALL ON FUNCTION wrote_it_now(xid) FROM PUBLIC",
)
