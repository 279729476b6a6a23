"""That an organisation resells is no longer its own word alone: an officer says so with a request for more, and it stays said."""

from migrations.guard import OFFICER, run

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(
        f"GRANT UPDATE (resells) ON verification_case TO {OFFICER}",
        """CREATE FUNCTION reseller_stays() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
        BEGIN
            IF NOT NEW.resells OR NEW.state <> 'info_requested' THEN
                RAISE EXCEPTION 'who resells is said with a request for more, and not taken back' USING ERRCODE = 'insufficient_privilege';
            END IF;
            RETURN NEW;
        END $$""",
        """CREATE TRIGGER reseller_stays BEFORE UPDATE ON verification_case FOR EACH ROW
            WHEN (OLD.resells IS DISTINCT FROM NEW.resells) EXECUTE FUNCTION reseller_stays()""",
        "REVOKE ALL ON FUNCTION reseller_stays() FROM PUBLIC",
    )


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")
