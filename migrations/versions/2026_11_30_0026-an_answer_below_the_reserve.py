"""An answer below the reserve: an auction that awaits its seller's is neither open nor over."""

from migrations.guard import run

revision = "0026"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(
        """ALTER TABLE auction DROP CONSTRAINT ck_auction_phase,
            ADD CONSTRAINT ck_auction_phase CHECK (
                phase IN ('scheduled', 'open', 'paused', 'closed', 'awarding', 'awarded', 'failed', 'cancelled'))"""
    )


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")
