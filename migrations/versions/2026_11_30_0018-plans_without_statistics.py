"""A bid's key is looked up by its own index, also before PostgreSQL has counted the table's rows.

The lane's plans are made once, when the table may be empty. Then the planner held both indexes that begin with the
auction to be as good for finding one key, took the shorter one, and read through all bids of the auction for each new one.
"""

from migrations.guard import run

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(
        "ALTER TABLE bid DROP CONSTRAINT uq_bid_auction_id_seq",
        "ALTER TABLE bid ADD CONSTRAINT uq_bid_seq_auction_id UNIQUE (seq, auction_id)",
    )


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")
