"""What a sale's guards left to the service: write-offs count together, a release is on a screening of its day, and the
documents behind put-backs come while something is undecided, up to 500 MB a sale, and no claim is disputed after its time.
"""

from migrations.guard import run

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(*_WRITE_OFFS, *_RELEASE, *_EVIDENCE, _SILENCE)


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


_DEFINER = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp"
_KNOWN = "write_off_is_agreed(sale.settlement_id, move.cents)"
_NEW = "write_off_is_agreed(sale.settlement_id, move.kind, move.cents)"

_WRITE_OFFS = (
    # What was agreed on for a sale, in all; no more than its commission, as the trigger below holds.
    f"""CREATE FUNCTION agreed_write_off_cents(a_settlement_id uuid) RETURNS numeric {_DEFINER} AS $$
    BEGIN
        RETURN (SELECT coalesce(sum(w.amount_cents), 0) FROM write_off w JOIN write_off_decision d USING (write_off_id)
            WHERE w.settlement_id = a_settlement_id AND d.outcome = 'confirmed' AND d.decided_by <> w.proposed_by);
    END $$""",
    # Asked after the transfer was written: all of its kind, this one among them, are no more than what was agreed on.
    f"""CREATE FUNCTION write_off_is_agreed(a_settlement_id uuid, a_kind text, a_cents bigint) RETURNS boolean {_DEFINER} AS $$
    DECLARE
        agreed numeric := agreed_write_off_cents(a_settlement_id);
    BEGIN
        RETURN a_cents <= agreed
            AND agreed <= (SELECT s.buyer_fee_cents + s.seller_fee_cents FROM settlement s
                WHERE s.settlement_id = a_settlement_id)
            AND agreed >= (SELECT sum(t.amount_cents) FROM ledger_transfer t WHERE t.kind = a_kind
                AND t.kind IN ('write_off', 'write_off_covered') AND t.subject = 'settlement:' || a_settlement_id);
    END $$""",
    f"""DO $extend$
    DECLARE
        body text := pg_get_functiondef('sale_moves'::regproc);
    BEGIN
        IF position('{_KNOWN}' IN body) = 0 THEN
            RAISE EXCEPTION 'sale_moves is not what this migration extends';
        END IF;
        EXECUTE replace(body, '{_KNOWN}', '{_NEW}');
    END $extend$""",
    "DROP FUNCTION write_off_is_agreed(uuid, bigint)",
    "CREATE INDEX ix_ledger_transfer_write_off ON ledger_transfer (subject) WHERE kind IN ('write_off', 'write_off_covered')",
    f"""CREATE FUNCTION write_offs_are_within_the_commission() RETURNS trigger {_DEFINER} AS $$
    DECLARE
        sale settlement;
    BEGIN
        SELECT s.* INTO sale FROM settlement s JOIN write_off w USING (settlement_id)
            WHERE w.write_off_id = NEW.write_off_id FOR UPDATE OF s;
        IF agreed_write_off_cents(sale.settlement_id) > sale.buyer_fee_cents + sale.seller_fee_cents THEN
            PERFORM refuse_step('the write-offs of a sale are no more than its commission');
        END IF;
        RETURN NULL;
    END $$""",
    "REVOKE ALL ON FUNCTION agreed_write_off_cents, write_off_is_agreed, write_offs_are_within_the_commission FROM PUBLIC",
    """CREATE TRIGGER write_offs_are_within_the_commission AFTER INSERT ON write_off_decision
        FOR EACH ROW WHEN (NEW.outcome = 'confirmed') EXECUTE FUNCTION write_offs_are_within_the_commission()""",
)

_RELEASE = (
    f"""CREATE FUNCTION release_is_on_a_screening() RETURNS trigger {_DEFINER} AS $$
    DECLARE
        since timestamptz := greatest(clock_timestamp() - interval '1 day', (SELECT p.at FROM release_preparation p
            WHERE p.settlement_id = NEW.settlement_id));
    BEGIN
        IF EXISTS (SELECT FROM settlement s, unnest(ARRAY[s.seller_org_id, s.buyer_org_id]) AS party (org_id)
            WHERE s.settlement_id = NEW.settlement_id AND screening_gap_of(party.org_id, since) IS NOT NULL) THEN
            PERFORM refuse_step('both sides are screened since the preparation, and within a day');
        END IF;
        RETURN NEW;
    END $$""",
    "REVOKE ALL ON FUNCTION release_is_on_a_screening FROM PUBLIC",
    """CREATE TRIGGER release_is_on_a_screening BEFORE INSERT ON release_approval
        FOR EACH ROW EXECUTE FUNCTION release_is_on_a_screening()""",
)

_EVIDENCE = (
    f"""CREATE OR REPLACE FUNCTION evidence_is_of_a_claim() RETURNS trigger {_DEFINER} AS $$
    BEGIN
        PERFORM FROM settlement WHERE settlement_id = NEW.settlement_id FOR UPDATE;
        IF NOT EXISTS (SELECT FROM put_back p WHERE p.settlement_id = NEW.settlement_id
            AND p.evidence_sha256 = NEW.file_sha256 AND p.state IN ('claimed', 'disputed')) THEN
            PERFORM refuse_step('no undecided claim of this sale names this document');
        ELSIF octet_length(NEW.sealed) + (SELECT coalesce(sum(octet_length(e.sealed)), 0) FROM put_back_evidence e
            WHERE e.settlement_id = NEW.settlement_id) > 500000000 THEN
            PERFORM refuse_step('the documents of a sale are no more than 500 MB');
        END IF;
        RETURN NEW;
    END $$""",
)

_IN_TIME = "WHEN 'claimed disputed' THEN mine = sale.seller_org_id"
_SILENCE = f"""DO $extend$
    DECLARE
        body text := pg_get_functiondef('put_back_moves_on'::regproc);
    BEGIN
        IF position($known${_IN_TIME}$known$ IN body) = 0 THEN
            RAISE EXCEPTION 'put_back_moves_on is not what this migration extends';
        END IF;
        EXECUTE replace(body, $known${_IN_TIME}$known$, $new${_IN_TIME} AND clock_timestamp() < OLD.answer_by_at$new$);
    END $extend$"""
