"""The line of a change may be filed under a later transaction, when that one wrote to its stream before (see 0015).

Two people of one organisation who signed in at once, or anybody in a copy whose transactions are counted anew, were refused.
"""

from migrations.guard import run

revision = "0052"
down_revision = "0051"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(_AMENDED)


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


_AMENDED = """DO $amend$
    DECLARE
        before text := pg_get_functiondef('change_is_told'::regproc);
        after text := replace(before, 'j.tx = pg_current_xact_id()', 'j.tx >= pg_current_xact_id()');
    BEGIN
        IF after = before THEN RAISE EXCEPTION 'change_is_told has no such place'; END IF;
        EXECUTE after;
    END $amend$"""
