"""settlement guards."""

revision = "0007"
down_revision = "0006_ledger"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")
