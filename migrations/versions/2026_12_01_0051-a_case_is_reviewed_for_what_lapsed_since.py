"""A cleared case is reviewed again for what lapsed since it was decided last, not for what two officers have granted anew.

An end of long ago would let one officer bring the case back into review, whose papers then open without breaking the glass.
"""

from migrations.guard import OFFICER, run

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(*_LAPSES)


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


_LAPSES = (
    """CREATE FUNCTION case_has_lapsed(which uuid) RETURNS boolean LANGUAGE sql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, public AS $$
        SELECT EXISTS (
            SELECT FROM verification_case k JOIN clearance c USING (case_id) LEFT JOIN clearance_end e USING (clearance_id)
            WHERE k.case_id = which AND c.org_id = k.org_id AND least(e.ended_at, c.valid_until) <= clock_timestamp()
                AND least(e.ended_at, c.valid_until) >= k.decided_at
                AND NOT EXISTS (SELECT FROM clearance later WHERE later.org_id = c.org_id AND later.capability = c.capability
                    AND later.valid_until > clock_timestamp()
                    AND NOT EXISTS (SELECT FROM clearance_end f WHERE f.clearance_id = later.clearance_id)))
    $$""",
    """CREATE FUNCTION review_is_for_a_lapse() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public AS $$
    BEGIN
        IF NOT case_has_lapsed(NEW.case_id) THEN
            RAISE EXCEPTION 'what this case cleared still holds' USING ERRCODE = 'insufficient_privilege';
        END IF;
        RETURN NEW;
    END $$""",
    """CREATE TRIGGER review_is_for_a_lapse BEFORE UPDATE ON verification_case FOR EACH ROW
        WHEN (OLD.state = 'cleared' AND NEW.state = 'in_review') EXECUTE FUNCTION review_is_for_a_lapse()""",
    "REVOKE ALL ON FUNCTION case_has_lapsed(uuid), review_is_for_a_lapse() FROM PUBLIC",
    f"GRANT EXECUTE ON FUNCTION case_has_lapsed(uuid) TO {OFFICER}",
)
