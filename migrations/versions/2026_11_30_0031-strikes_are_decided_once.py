"""A strike of the seller or the operator is decided once under its key: the decision is kept and answered again."""

from migrations.guard import append_only, grant, own_rows_only, run

revision = "0031_strikes"
down_revision = "0033_notices"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(
        # `by_id` is the organisation that sells, or the person of the platform.
        """CREATE TABLE strike (
            auction_id uuid NOT NULL,
            by_id uuid NOT NULL,
            cid text NOT NULL CONSTRAINT ck_strike_cid CHECK (cid ~ '^[ -~]{1,64}$'),
            kind text NOT NULL CONSTRAINT ck_strike_kind CHECK (kind IN ('refuse', 'void')),
            asked text NOT NULL CONSTRAINT ck_strike_asked CHECK (length(asked) = 64),
            placed_by uuid NOT NULL,
            seq bigint,
            code text CONSTRAINT ck_strike_code CHECK (code ~ '^[A-Z_]{1,40}$'),
            detail text NOT NULL CONSTRAINT ck_strike_detail CHECK (length(detail) <= 1000),
            received_at timestamptz NOT NULL,
            decided_at timestamptz NOT NULL,
            CONSTRAINT pk_strike PRIMARY KEY (auction_id, by_id, cid),
            CONSTRAINT ck_strike_decision CHECK ((seq IS NULL) <> (code IS NULL))
        )"""
    )
    grant("strike", app="SELECT, INSERT")
    append_only("strike")
    own_rows_only("strike", column="by_id")
    run("ALTER POLICY strike_insert ON strike WITH CHECK (app_is_platform())")


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")
