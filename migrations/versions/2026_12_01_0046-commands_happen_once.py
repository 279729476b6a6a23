"""What a command with an `Idempotency-Key` was answered is kept, sealed, until the key may be forgotten."""

from migrations.guard import APP, AUDITOR, grant, run

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(*_TABLE)
    grant("command_outcome", app="SELECT, INSERT, DELETE")
    run(*_ROWS)


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


_TABLE = (
    """CREATE TABLE command_outcome (
        name text NOT NULL CONSTRAINT pk_command_outcome PRIMARY KEY
            CONSTRAINT ck_command_outcome_name CHECK (name ~ '^[0-9a-f]{64}$'),
        user_id uuid NOT NULL CONSTRAINT fk_command_outcome_user_id_person REFERENCES person (user_id),
        sealed bytea NOT NULL CONSTRAINT ck_command_outcome_sealed CHECK (octet_length(sealed) BETWEEN 1 AND 1048576),
        wrapped_key bytea NOT NULL,
        made_at timestamptz NOT NULL
    )""",
    "CREATE INDEX ix_command_outcome_user_id ON command_outcome (user_id)",
    "CREATE INDEX ix_command_outcome_made_at ON command_outcome (made_at)",
    """CREATE TRIGGER command_outcome_unchanged BEFORE UPDATE ON command_outcome
        FOR EACH ROW EXECUTE FUNCTION raise_append_only()""",
    """CREATE TRIGGER command_outcome_no_truncate BEFORE TRUNCATE ON command_outcome
        FOR EACH STATEMENT EXECUTE FUNCTION raise_append_only()""",
)

_MINE = "user_id = app_user_id()"
_SYSTEM = "coalesce(current_setting('app.role', true), '') = 'system'"
_ROWS = (
    "ALTER TABLE command_outcome ENABLE ROW LEVEL SECURITY",
    f"CREATE POLICY command_outcome_read ON command_outcome FOR SELECT TO {APP} USING ({_MINE} OR {_SYSTEM})",
    f"CREATE POLICY command_outcome_insert ON command_outcome FOR INSERT TO {APP} WITH CHECK ({_MINE})",
    f"CREATE POLICY command_outcome_delete ON command_outcome FOR DELETE TO {APP} USING ({_MINE} OR {_SYSTEM})",
    f"CREATE POLICY command_outcome_auditor ON command_outcome FOR SELECT TO {AUDITOR} USING (true)",
)
