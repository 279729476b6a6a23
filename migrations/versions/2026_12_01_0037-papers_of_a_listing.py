"""Nothing is listed or delivered without a chain of title and sample media that an officer has verified, whoever writes it.

They are evidence of the case that cleared the seller, and name the portfolio that they are about.
"""

from migrations.guard import run

revision = "0037_papers"
down_revision = "0036_gate"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(*_COLUMNS, *_ENTRY, *_LISTING)


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


_DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp"
_NO = "USING ERRCODE = 'insufficient_privilege'"

_COLUMNS = (
    "ALTER TABLE portfolio ADD CONSTRAINT uq_portfolio_portfolio_id_org_id UNIQUE (portfolio_id, org_id)",
    """ALTER TABLE evidence
        ADD COLUMN portfolio_id uuid,
        ADD CONSTRAINT fk_evidence_portfolio_id_org_id_portfolio
            FOREIGN KEY (portfolio_id, org_id) REFERENCES portfolio (portfolio_id, org_id),
        ADD CONSTRAINT ck_evidence_of_listing CHECK (CASE WHEN portfolio_id IS NULL THEN type <> 'sample_media'
            ELSE type IN ('chain_of_title', 'sample_media') AND expires_on IS NULL END),
        DROP CONSTRAINT ck_evidence_type,
        ADD CONSTRAINT ck_evidence_type CHECK (type IN ('formation_document', 'good_standing', 'tax_form',
            'ownership_declaration', 'government_id', 'sanctions_screening', 'debt_licence', 'surety_bond',
            'insurance', 'rmai_certificate', 'reg_f_policy', 'data_security_programme', 'complaints_and_litigation',
            'bank_account_ownership', 'signing_authority', 'chain_of_title', 'sample_media', 'servicing_agreement',
            'financial_statement'))""",
    "CREATE INDEX ix_evidence_portfolio_id_org_id ON evidence (portfolio_id, org_id)",
)

_ENTRY = (
    f"""CREATE OR REPLACE FUNCTION evidence_enters() RETURNS trigger LANGUAGE plpgsql {_DEFINER} AS $$
    BEGIN
        PERFORM FROM verification_case WHERE case_id = NEW.case_id
            AND CASE WHEN NEW.portfolio_id IS NULL THEN state IN ('draft', 'info_requested') ELSE state = 'cleared' END
            FOR SHARE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the case takes no papers now' {_NO};
        END IF;
        RETURN NEW;
    END $$""",
    f"""CREATE OR REPLACE FUNCTION evidence_is_verified() RETURNS trigger LANGUAGE plpgsql {_DEFINER} AS $$
    BEGIN
        PERFORM FROM verification_case c JOIN evidence e USING (case_id) WHERE e.evidence_id = NEW.evidence_id
            AND c.state = CASE WHEN e.portfolio_id IS NULL THEN 'in_review' ELSE 'cleared' END FOR SHARE OF c;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'evidence is verified while its case is in review, papers of a listing while it is cleared' {_NO};
        END IF;
        IF NOT is_officer(NEW.verified_by) OR NEW.verified_by IS DISTINCT FROM app_user_id() THEN
            RAISE EXCEPTION 'an officer verifies evidence in the own name' {_NO};
        END IF;
        NEW.verified_at := clock_timestamp();
        RETURN NEW;
    END $$""",
    # A clearance rests on the papers of the organisation, not on those of what it lists; what shows debtors is kept for three years.
    """DO $amend$
    DECLARE
        place record;
        before text;
    BEGIN
        FOR place IN SELECT * FROM (VALUES
            ('clearance_is_granted', 'WHERE e.case_id = NEW.case_id AND (e.expires_on',
                'WHERE e.case_id = NEW.case_id AND e.portfolio_id IS NULL AND (e.expires_on'),
            ('evidence_retention', '''chain_of_title'',', '''chain_of_title'', ''sample_media'',')) AS v (what, old, new)
        LOOP
            before := pg_get_functiondef(place.what::regproc);
            IF position(place.old in before) = 0 THEN
                RAISE EXCEPTION '% is not as this step expects it', place.what;
            END IF;
            EXECUTE replace(before, place.old, place.new);
        END LOOP;
    END $amend$""",
)

_LISTING = (
    f"""CREATE FUNCTION lacks_listing_papers(a_portfolio_id uuid) RETURNS boolean LANGUAGE sql STABLE {_DEFINER} AS $$
        SELECT EXISTS (SELECT FROM unnest(ARRAY['chain_of_title', 'sample_media']) AS needed (type) WHERE NOT EXISTS (
            SELECT FROM evidence e JOIN evidence_verification v USING (evidence_id)
            WHERE e.portfolio_id = a_portfolio_id AND e.type = needed.type AND e.wrapped_key IS NOT NULL))
    $$""",
    f"""CREATE FUNCTION listing_has_papers() RETURNS trigger LANGUAGE plpgsql {_DEFINER} AS $$
    BEGIN
        IF lacks_listing_papers((SELECT p.portfolio_id FROM pool p WHERE p.pool_id = NEW.pool_id)) THEN
            RAISE EXCEPTION 'nothing is sold without a verified chain of title and sample media'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'listing_has_papers';
        END IF;
        RETURN NEW;
    END $$""",
    *(
        f"CREATE TRIGGER listing_has_papers BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION listing_has_papers()"
        for table in ("auction", "auction_pool", "forward_flow_delivery")
    ),
    "REVOKE ALL ON FUNCTION lacks_listing_papers(uuid), listing_has_papers() FROM PUBLIC",
)
