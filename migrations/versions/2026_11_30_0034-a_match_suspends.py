"""Whom an officer calls a listed party holds no clearance from that moment, whatever the application does."""

from migrations.guard import run

revision = "0034"
down_revision = "0030_awards"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(*_BLOCK, *_MATCH)


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


_DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp"

_BLOCK = (
    # A block may be about the alert that was called a match.
    """ALTER TABLE proposal DROP CONSTRAINT ck_proposal_subject, ADD CONSTRAINT ck_proposal_subject CHECK (CASE
        WHEN kind = 'adopt_rules' THEN org_id IS NULL AND subject_id IS NOT NULL
        WHEN kind = 'release_hold' THEN org_id IS NOT NULL AND subject_id IS NOT NULL
        WHEN kind = 'block' THEN org_id IS NOT NULL
        ELSE org_id IS NOT NULL AND subject_id IS NULL END)""",
)

_MATCH = (
    # Of an organisation that somebody called a match and nobody cleared of it.
    f"""CREATE FUNCTION org_is_matched(org uuid) RETURNS boolean LANGUAGE sql STABLE {_DEFINER} AS $$
        SELECT EXISTS (SELECT FROM screening_decision d WHERE d.org_id = org AND d.verdict = 'true_positive'
            AND NOT EXISTS (SELECT FROM screening_decision x
                WHERE x.alert_id = d.alert_id AND x.verdict = 'false_positive'))
    $$""",
    # What somebody called a match stands in the way until another officer dismisses it, whatever the party says its name is
    # now; until here it took two words for that.
    """DO $amend$
    DECLARE
        before text := pg_get_functiondef('screening_gap_of'::regproc);
        after text := replace(before, 'IF EXISTS (
            SELECT FROM screening_alert a', 'IF org_is_matched(org) OR EXISTS (
            SELECT FROM screening_alert a');
    BEGIN
        IF after = before THEN RAISE EXCEPTION 'screening_gap_of has no such place'; END IF;
        EXECUTE after;
    END $amend$""",
    f"""CREATE FUNCTION match_suspends() RETURNS trigger LANGUAGE plpgsql {_DEFINER} AS $$
    BEGIN
        IF EXISTS (SELECT FROM clearance c LEFT JOIN clearance_end e USING (clearance_id)
            WHERE c.org_id = NEW.org_id AND e.clearance_id IS NULL AND c.valid_until > clock_timestamp()) THEN
            RAISE EXCEPTION 'whom an officer calls a listed party keeps no clearance'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'match_suspends';
        END IF;
        RETURN NULL;
    END $$""",
    """CREATE CONSTRAINT TRIGGER match_suspends AFTER INSERT ON screening_decision DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW WHEN (NEW.verdict = 'true_positive') EXECUTE FUNCTION match_suspends()""",
    """CREATE CONSTRAINT TRIGGER screening_decision_is_journalled AFTER INSERT ON screening_decision
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION is_journalled('screening', 'org_id')""",
    """DO $amend$
    BEGIN
        EXECUTE 'CREATE OR REPLACE VIEW gate_breach AS ' || rtrim(pg_get_viewdef('gate_breach'::regclass), '; ')
            || ' UNION ALL SELECT ''clearance_of_a_match'', count(*) FROM clearance c LEFT JOIN clearance_end x'
            || ' USING (clearance_id) WHERE x.clearance_id IS NULL AND c.valid_until > clock_timestamp()'
            || ' AND org_is_matched(c.org_id)';
    END $amend$""",
    "REVOKE ALL ON FUNCTION org_is_matched(uuid), match_suspends() FROM PUBLIC",
)
