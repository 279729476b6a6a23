"""The officers' own login reads no bid: the log of an auction holds them all, with reserves, ceilings and names."""

from migrations.guard import OFFICER, run

revision = "0034_sealed"
down_revision = "0034_listing"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(f"REVOKE ALL ON auction_event FROM {OFFICER}")


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")
