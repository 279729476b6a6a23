"""Balances on record: an account goes back at the balance that it was sold at, whatever its buyer says."""

from migrations.guard import APP, AUDITOR, append_only, grant, run

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(_TABLE)
    grant("pool_balance", app="SELECT, INSERT")
    append_only("pool_balance")
    run(
        "ALTER TABLE pool_balance ENABLE ROW LEVEL SECURITY",
        f"CREATE POLICY pool_balance_read ON pool_balance FOR SELECT TO {APP} USING (app_is_platform() OR {_RELEASED})",
        f"CREATE POLICY pool_balance_insert ON pool_balance FOR INSERT TO {APP} WITH CHECK (app_is_platform())",
        f"CREATE POLICY pool_balance_auditor ON pool_balance FOR SELECT TO {AUDITOR} USING (true)",
        *_FUNCTIONS,
    )


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


# The parties of a sale have the file that these balances are of, once it is released.
_RELEASED = """EXISTS (SELECT FROM settlement s
    WHERE s.pool_id = pool_balance.pool_id AND s.putback_until_at IS NOT NULL)"""

# A thousand accounts to a row, in the order of the sale file: `balances_cents[1]` is that of `first_row`.
_TABLE = """CREATE TABLE pool_balance (
    pool_id uuid NOT NULL CONSTRAINT fk_pool_balance_pool_id_pool REFERENCES pool,
    first_row bigint NOT NULL CONSTRAINT ck_pool_balance_first_row CHECK (first_row % 1000 = 1),
    balances_cents bigint[] NOT NULL CONSTRAINT ck_pool_balance_count CHECK (cardinality(balances_cents) BETWEEN 1 AND 1000),
    CONSTRAINT pk_pool_balance PRIMARY KEY (pool_id, first_row)
)"""

_FUNCTIONS = (
    """CREATE FUNCTION put_back_is_priced() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    BEGIN
        IF NOT EXISTS (SELECT FROM settlement s JOIN pool_balance b USING (pool_id)
            WHERE s.settlement_id = NEW.settlement_id AND b.first_row = NEW.row_number - (NEW.row_number - 1) % 1000
                AND b.balances_cents[NEW.row_number - b.first_row + 1] = NEW.face_value_cents) THEN
            PERFORM refuse_step('that is not the balance on record for this row');
        END IF;
        RETURN NEW;
    END $$""",
    "REVOKE ALL ON FUNCTION put_back_is_priced FROM PUBLIC",
    """CREATE TRIGGER put_back_is_priced BEFORE INSERT ON put_back
        FOR EACH ROW EXECUTE FUNCTION put_back_is_priced()""",
)
