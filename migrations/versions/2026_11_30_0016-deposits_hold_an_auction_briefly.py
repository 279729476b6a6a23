"""Whoever holds an auction's row holds up its bids: for a second behind another lock, or five while its node says nothing.

A deposit takes the row first and the ledger's accounts later, so it could wait there for as long as anybody books money;
and a node that froze in the midst of one would have kept the row until somebody noticed.
"""

from migrations.guard import run

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(
        """CREATE OR REPLACE FUNCTION auction_hold(a_auction_id uuid) RETURNS void
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
        BEGIN
            PERFORM FROM auction WHERE auction_id = a_auction_id FOR NO KEY UPDATE;
            PERFORM set_config('lock_timeout', '1s', true),
                set_config('idle_in_transaction_session_timeout', '5s', true);
        END $$"""
    )


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")
