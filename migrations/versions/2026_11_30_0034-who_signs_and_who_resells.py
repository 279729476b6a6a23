"""A case names who signs and who directs, and says whether its seller resells debts that others originated."""

from migrations.guard import run

revision = "0034_people"
down_revision = "0031_strikes"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(
        "ALTER TABLE verification_case ADD COLUMN resells boolean NOT NULL DEFAULT false",
        """ALTER TABLE beneficial_owner ADD COLUMN signs boolean NOT NULL DEFAULT false,
            ADD COLUMN directs boolean NOT NULL DEFAULT false""",
        # Who signs is identified like who owns or controls.
        """DO $amend$
        DECLARE
            before text := pg_get_functiondef('clearance_is_granted'::regproc);
            after text := replace(replace(before, '(o.controls OR o.share_bps', '(o.controls OR o.signs OR o.share_bps'),
                'somebody who owns or controls the', 'somebody who owns, controls or signs for the');
        BEGIN
            IF position('o.signs' in after) = 0 THEN RAISE EXCEPTION 'clearance_is_granted has no such place'; END IF;
            EXECUTE after;
        END $amend$""",
    )


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")
