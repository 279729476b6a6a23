"""No auction enters without a clearance to list that holds then and covers its debtor states, whoever writes it."""

from migrations.guard import run

revision = "0034_listing"
down_revision = "0034_people"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(
        # Each clearance is locked before it is looked at, as for bids: no listing and no end of its clearance pass each other.
        """CREATE FUNCTION listing_is_cleared() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = pg_catalog, public, pg_temp AS $$
        DECLARE
            held uuid;
        BEGIN
            FOR held IN SELECT c.clearance_id FROM clearance c WHERE c.org_id = NEW.org_id AND c.capability = 'list'
                AND c.valid_until > clock_timestamp() ORDER BY c.clearance_id LOOP
                IF clearance_refusal(held, NEW.org_id, 'list', NULL, NEW.debtor_states) IS NULL THEN
                    RETURN NEW;
                END IF;
            END LOOP;
            RAISE EXCEPTION 'nobody lists without a clearance to list in each debtor state'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'listing_is_cleared';
        END $$""",
        "CREATE TRIGGER listing_is_cleared BEFORE INSERT ON auction FOR EACH ROW EXECUTE FUNCTION listing_is_cleared()",
        "REVOKE ALL ON FUNCTION listing_is_cleared() FROM PUBLIC",
    )


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")
