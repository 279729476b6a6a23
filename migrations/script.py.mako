"""${message}

Before you commit: does it take a lock that readers or bidders wait for? Add columns without volatile defaults, indexes
CONCURRENTLY, constraints NOT VALID and validated later; guard every new table (grants, row-level security, append-only).
"""

from alembic import op

from migrations.guard import append_only, grant, own_rows_only, run

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")
