"""A sale stands still by itself when compliance ends the clearance under which one of its parties trades."""

from migrations.guard import run

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(*_TABLE, *_GUARD)


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


_TABLE = (
    """ALTER TABLE settlement_hold
        ALTER COLUMN placed_by DROP NOT NULL,
        ADD COLUMN clearance_id uuid
            CONSTRAINT fk_settlement_hold_clearance_id_clearance_end REFERENCES clearance_end (clearance_id),
        ADD CONSTRAINT ck_settlement_hold_origin CHECK (
            (placed_by IS NULL) = (clearance_id IS NOT NULL) AND (clearance_id IS NULL OR org_id IS NULL))""",
    "CREATE INDEX ix_settlement_hold_clearance_id ON settlement_hold (clearance_id)",
)

_GUARD = (
    # A hold is an officer's, a dispute a person's of one of the parties; each in their own name, and undecided. What follows
    # from a clearance's end is the platform's, and only in a sale of the very organisation,
    # once, while no other clearance followed.
    """CREATE OR REPLACE FUNCTION settlement_hold_begins() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
    BEGIN
        IF NEW.placed_by IS DISTINCT FROM app_user_id() OR NOT (CASE WHEN NEW.clearance_id IS NOT NULL THEN EXISTS (
            SELECT FROM clearance_end e JOIN clearance c USING (clearance_id) JOIN settlement s
                ON (c.org_id, c.capability) IN ((s.buyer_org_id, 'bid'), (s.seller_org_id, 'list'))
            WHERE e.clearance_id = NEW.clearance_id AND s.settlement_id = NEW.settlement_id
                AND NOT EXISTS (SELECT FROM settlement_hold h
                    WHERE h.settlement_id = NEW.settlement_id AND h.clearance_id = NEW.clearance_id)
                AND NOT EXISTS (SELECT FROM clearance later WHERE later.org_id = c.org_id
                    AND later.capability = c.capability AND later.valid_from > c.valid_from)) ELSE EXISTS (
            SELECT FROM person p JOIN settlement s ON s.settlement_id = NEW.settlement_id
            WHERE p.user_id = NEW.placed_by AND CASE WHEN NEW.org_id IS NULL THEN p.role <> 'member'
                ELSE p.role = 'member' AND p.org_id = NEW.org_id
                    AND NEW.org_id IN (s.seller_org_id, s.buyer_org_id) END) END) THEN
            RAISE EXCEPTION 'this is done in one''s own name' USING ERRCODE = 'insufficient_privilege';
        ELSIF (NEW.outcome, NEW.lift_prepared_by, NEW.lifted_by) IS DISTINCT FROM ('continue', NULL::uuid, NULL::uuid) THEN
            PERFORM refuse_step('nobody has decided it yet');
        END IF;
        RETURN NEW;
    END $$""",
)
