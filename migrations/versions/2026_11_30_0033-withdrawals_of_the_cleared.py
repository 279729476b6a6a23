"""Who was never cleared orders no withdrawal; before, its order was taken and stopped when it was to be sent."""

from migrations.guard import run

revision = "0033_cleared"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(*_FUNCTION)


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


# A sweep pays a tax office, which nobody clears: two people confirmed it. What was ordered before this is looked at when it is sent.
_FUNCTION = (
    """CREATE FUNCTION withdrawal_of_cleared() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    BEGIN
        IF NOT EXISTS (SELECT FROM clearance c WHERE c.org_id = NEW.org_id)
            AND NOT EXISTS (SELECT FROM sweep s WHERE s.sweep_id = NEW.payout_id) THEN
            PERFORM refuse_step('who was never cleared orders no withdrawal');
        END IF;
        RETURN NEW;
    END $$""",
    """CREATE TRIGGER withdrawal_of_cleared BEFORE INSERT ON payout FOR EACH ROW WHEN (NEW.settlement_id IS NULL)
        EXECUTE FUNCTION withdrawal_of_cleared()""",
    "REVOKE ALL ON FUNCTION withdrawal_of_cleared FROM PUBLIC",
)
