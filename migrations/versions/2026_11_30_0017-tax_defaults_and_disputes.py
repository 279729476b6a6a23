"""Tax on the commission by stored rule, sellers who default with their penalty, disputes that two officers decide."""

from migrations.guard import APP, AUDITOR, append_only, grant, run

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(*_SALE, *_TAX, *_DISPUTE, *_FUNCTIONS)
    append_only("tax_rule")
    grant("tax_rule", app="SELECT, INSERT")
    run(
        "ALTER TABLE tax_rule ENABLE ROW LEVEL SECURITY",
        f"CREATE POLICY tax_rule_read ON tax_rule FOR SELECT TO {APP} USING (true)",
        f"CREATE POLICY tax_rule_insert ON tax_rule FOR INSERT TO {APP} WITH CHECK (app_is_platform())",
        f"CREATE POLICY tax_rule_auditor ON tax_rule FOR SELECT TO {AUDITOR} USING (true)",
        "CREATE TRIGGER tax_rule_in_own_name BEFORE INSERT ON tax_rule "
        "FOR EACH ROW EXECUTE FUNCTION in_own_name('created_by', 'true')",
    )


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


_DEFINER = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp"

_SALE = (
    """ALTER TABLE settlement
        ADD COLUMN buyer_tax_cents bigint NOT NULL DEFAULT 0,
        ADD COLUMN seller_tax_cents bigint NOT NULL DEFAULT 0,
        ADD COLUMN tax jsonb NOT NULL DEFAULT '[]',
        ADD COLUMN refunded_buyer_tax_cents bigint NOT NULL DEFAULT 0,
        ADD COLUMN refunded_seller_tax_cents bigint NOT NULL DEFAULT 0,
        ADD COLUMN penalty_bps bigint NOT NULL DEFAULT 0,
        ADD COLUMN penalty_cents bigint NOT NULL DEFAULT 0,
        ADD COLUMN penalty_paid_cents bigint NOT NULL DEFAULT 0,
        DROP CONSTRAINT ck_settlement_amounts,
        DROP CONSTRAINT ck_settlement_terms,
        DROP CONSTRAINT ck_settlement_state,
        ADD CONSTRAINT ck_settlement_amounts CHECK (hammer_cents BETWEEN 1 AND 1000000000000000
            AND buyer_fee_cents >= 0 AND seller_fee_cents >= 0 AND buyer_tax_cents >= 0 AND seller_tax_cents >= 0
            AND seller_fee_cents + seller_tax_cents <= hammer_cents
            AND deposit_cents BETWEEN 0 AND hammer_cents + buyer_fee_cents + buyer_tax_cents),
        ADD CONSTRAINT ck_settlement_terms CHECK (
            holdback_cents BETWEEN 0 AND hammer_cents - seller_fee_cents - seller_tax_cents
            AND putback_days BETWEEN 0 AND 365 AND forfeit_seller_bps BETWEEN 0 AND 10000
            AND penalty_bps BETWEEN 0 AND 2000),
        ADD CONSTRAINT ck_settlement_tax CHECK (jsonb_typeof(tax) = 'array'
            AND refunded_buyer_tax_cents BETWEEN 0 AND buyer_tax_cents
            AND refunded_seller_tax_cents BETWEEN 0 AND seller_tax_cents),
        ADD CONSTRAINT ck_settlement_penalty CHECK (penalty_paid_cents BETWEEN 0 AND penalty_cents
            AND penalty_cents = CASE state WHEN 'seller_default' THEN hammer_cents * penalty_bps / 10000 ELSE 0 END),
        ADD CONSTRAINT ck_settlement_state CHECK (state IN (
            'awarded', 'signing', 'awaiting_funds', 'funded', 'release_review', 'released', 'payout_sent',
            'payout_confirmed', 'putback_window', 'closed', 'sign_default', 'buyer_default', 'seller_default',
            'cancelled'))""",
    f"""GRANT UPDATE (refunded_buyer_tax_cents, refunded_seller_tax_cents, penalty_cents, penalty_paid_cents)
        ON settlement TO {APP}""",
    "DROP INDEX uq_settlement_auction_id_pool_id",
    """CREATE UNIQUE INDEX uq_settlement_auction_id_pool_id ON settlement (auction_id, pool_id)
        WHERE state NOT IN ('sign_default', 'buyer_default', 'seller_default', 'cancelled')""",
)

_TAX = (
    # A rule is never changed: the newest that began by the day of the award counts, and a sale keeps a copy.
    """CREATE TABLE tax_rule (
        tax_rule_id uuid NOT NULL CONSTRAINT pk_tax_rule PRIMARY KEY,
        country text NOT NULL CONSTRAINT ck_tax_rule_country CHECK (country ~ '^[A-Z]{2}$'),
        name text NOT NULL CONSTRAINT ck_tax_rule_name CHECK (length(name) BETWEEN 1 AND 60),
        rate_bps bigint NOT NULL CONSTRAINT ck_tax_rule_rate CHECK (rate_bps BETWEEN 0 AND 3000),
        source text NOT NULL CONSTRAINT ck_tax_rule_source CHECK (length(source) BETWEEN 1 AND 300),
        valid_from_on date NOT NULL,
        created_by uuid NOT NULL CONSTRAINT fk_tax_rule_created_by_person REFERENCES person (user_id),
        created_at timestamptz NOT NULL
    )""",
    "CREATE INDEX ix_tax_rule_country_valid_from_on ON tax_rule (country, valid_from_on)",
    "CREATE INDEX ix_tax_rule_created_by ON tax_rule (created_by)",
)

_DISPUTE = (
    # A dispute stops a sale as a hold does; a party raises it, two officers decide how it ends.
    """ALTER TABLE settlement_hold
        ADD COLUMN org_id uuid CONSTRAINT fk_settlement_hold_org_id_organisation REFERENCES organisation (org_id),
        ADD COLUMN outcome text NOT NULL DEFAULT 'continue'
            CONSTRAINT ck_settlement_hold_outcome CHECK (outcome IN ('continue', 'undo', 'seller_default')),
        ADD CONSTRAINT ck_settlement_hold_undo CHECK (outcome = 'continue' OR org_id IS NOT NULL)""",
    "CREATE INDEX ix_settlement_hold_org_id ON settlement_hold (org_id)",
    f"GRANT UPDATE (outcome) ON settlement_hold TO {APP}",
    "DROP TRIGGER settlement_hold_in_own_name ON settlement_hold",
    "DROP POLICY settlement_hold_read ON settlement_hold",
    "DROP POLICY settlement_hold_insert ON settlement_hold",
    # Of a hold by compliance the parties learn that there is one, never why.
    f"""CREATE POLICY settlement_hold_read ON settlement_hold FOR SELECT TO {APP} USING (app_is_platform()
        OR (org_id IS NOT NULL AND EXISTS (
            SELECT FROM settlement s WHERE s.settlement_id = settlement_hold.settlement_id)))""",
    f"""CREATE POLICY settlement_hold_insert ON settlement_hold FOR INSERT TO {APP} WITH CHECK (app_is_platform()
        OR (org_id = app_org_id() AND EXISTS (
            SELECT FROM settlement s WHERE s.settlement_id = settlement_hold.settlement_id)))""",
)

_FUNCTIONS = (
    # A refund that waits for money lets others have their turn.
    "ALTER TABLE put_back ADD COLUMN tried_at timestamptz",
    f"GRANT UPDATE (tried_at) ON put_back TO {APP}",
    # Each arrow of market/settlement/service/putbacks.py, and who may draw it.
    f"""CREATE OR REPLACE FUNCTION put_back_moves_on() RETURNS trigger {_DEFINER} AS $$
    DECLARE
        sale settlement;
        mine uuid := app_org_id();
    BEGIN
        SELECT * INTO sale FROM settlement WHERE settlement_id = NEW.settlement_id FOR SHARE;
        IF TG_OP = 'INSERT' THEN
            IF NEW.state <> 'claimed' OR sale.state <> 'putback_window' OR NEW.claimed_at >= sale.putback_until_at
                OR NEW.row_number > sale.account_count OR mine IS DISTINCT FROM sale.buyer_org_id THEN
                PERFORM refuse_step('this row cannot be put back');
            END IF;
        ELSIF NEW.state = OLD.state THEN
            IF NOT app_is_platform()
                OR to_jsonb(NEW) - 'tried_at' IS DISTINCT FROM to_jsonb(OLD) - 'tried_at' THEN
                PERFORM refuse_step('a put-back stays what it is');
            END IF;
        ELSIF NOT coalesce(CASE OLD.state || ' ' || NEW.state
            WHEN 'claimed accepted' THEN mine = sale.seller_org_id OR (app_is_platform() AND mine IS NULL)
            WHEN 'claimed disputed' THEN mine = sale.seller_org_id
            WHEN 'claimed withdrawn' THEN mine = sale.buyer_org_id
            WHEN 'disputed withdrawn' THEN mine = sale.buyer_org_id
            WHEN 'disputed accepted' THEN app_is_platform() AND NEW.decided_by = app_user_id()
            WHEN 'disputed declined' THEN app_is_platform() AND NEW.decided_by = app_user_id()
            WHEN 'accepted refunded' THEN app_is_platform() AND EXISTS (
                SELECT FROM title_link WHERE put_back_id = NEW.put_back_id)
            END, false) THEN
            PERFORM refuse_step('a put-back does not go from ' || OLD.state || ' to ' || NEW.state);
        END IF;
        RETURN NEW;
    END $$""",
    # A hold is an officer's, a dispute a person's of one of the parties; each in their own name, and undecided.
    f"""CREATE FUNCTION settlement_hold_begins() RETURNS trigger {_DEFINER} AS $$
    BEGIN
        IF NEW.placed_by IS DISTINCT FROM app_user_id() OR NOT EXISTS (
            SELECT FROM person p JOIN settlement s ON s.settlement_id = NEW.settlement_id
            WHERE p.user_id = NEW.placed_by AND CASE WHEN NEW.org_id IS NULL THEN p.role <> 'member'
                ELSE p.role = 'member' AND p.org_id = NEW.org_id
                    AND NEW.org_id IN (s.seller_org_id, s.buyer_org_id) END) THEN
            RAISE EXCEPTION 'this is done in one''s own name' USING ERRCODE = 'insufficient_privilege';
        ELSIF (NEW.outcome, NEW.lift_prepared_by, NEW.lifted_by) IS DISTINCT FROM ('continue', NULL::uuid, NULL::uuid) THEN
            PERFORM refuse_step('nobody has decided it yet');
        END IF;
        RETURN NEW;
    END $$""",
    "REVOKE ALL ON FUNCTION settlement_hold_begins FROM PUBLIC",
    """CREATE TRIGGER settlement_hold_begins BEFORE INSERT ON settlement_hold
        FOR EACH ROW EXECUTE FUNCTION settlement_hold_begins()""",
    # Each officer in their own name, and what one prepared is what the other approves.
    f"""CREATE FUNCTION settlement_hold_ends() RETURNS trigger {_DEFINER} AS $$
    BEGIN
        IF OLD.lifted_at IS NOT NULL THEN
            PERFORM refuse_step('a hold that was lifted stays what it was');
        ELSIF NEW.lifted_by IS NOT NULL AND (NEW.lifted_by IS DISTINCT FROM app_user_id()
            OR (NEW.lift_prepared_by, NEW.outcome, NEW.lift_reason)
                IS DISTINCT FROM (OLD.lift_prepared_by, OLD.outcome, OLD.lift_reason)) THEN
            PERFORM refuse_step('a hold ends as another officer prepared it');
        ELSIF NEW.lifted_by IS NULL AND NEW.lift_prepared_by IS DISTINCT FROM app_user_id() THEN
            PERFORM refuse_step('this is done in one''s own name');
        END IF;
        IF NOT EXISTS (SELECT FROM person WHERE user_id = app_user_id() AND role = 'officer') THEN
            PERFORM refuse_step('officers end a hold');
        END IF;
        RETURN NEW;
    END $$""",
    "REVOKE ALL ON FUNCTION settlement_hold_ends FROM PUBLIC",
    """CREATE TRIGGER settlement_hold_ends BEFORE UPDATE ON settlement_hold
        FOR EACH ROW EXECUTE FUNCTION settlement_hold_ends()""",
    # The arrows of market/settlement/rules.py once more, so that no mistake in the app can draw another one.
    """CREATE OR REPLACE FUNCTION settlement_guard() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
    DECLARE
        step text := OLD.state || ' ' || NEW.state;
    BEGIN
        IF NEW.state <> OLD.state AND step <> 'signing awaiting_funds' AND NOT (app_is_platform() AND step IN (
            'awarded signing', 'signing sign_default', 'awaiting_funds funded', 'awaiting_funds buyer_default',
            'signing seller_default', 'awaiting_funds seller_default', 'funded seller_default',
            'release_review seller_default',
            'signing cancelled', 'awaiting_funds cancelled', 'funded cancelled', 'release_review cancelled',
            'funded release_review', 'release_review released', 'released payout_sent', 'payout_sent payout_confirmed',
            'payout_confirmed putback_window', 'putback_window closed')) THEN
            RAISE EXCEPTION 'a settlement does not go from %', step USING ERRCODE = 'check_violation';
        END IF;
        IF NOT app_is_platform() AND (NEW.deposit_cents, NEW.putback_until_at, NEW.refunded_buyer_tax_cents,
            NEW.refunded_seller_tax_cents, NEW.penalty_cents, NEW.penalty_paid_cents) IS DISTINCT FROM
            (OLD.deposit_cents, OLD.putback_until_at, OLD.refunded_buyer_tax_cents,
            OLD.refunded_seller_tax_cents, OLD.penalty_cents, OLD.penalty_paid_cents) THEN
            RAISE EXCEPTION 'not a party''s to change' USING ERRCODE = 'insufficient_privilege';
        END IF;
        RETURN NEW;
    END $$""",
    f"""CREATE OR REPLACE FUNCTION settlement_holds() RETURNS trigger {_DEFINER} AS $$
    DECLARE
        id uuid := NEW.settlement_id;
        held bigint := escrow_cents(NEW.settlement_id, NEW.currency);
        price bigint := NEW.hammer_cents + NEW.buyer_fee_cents + NEW.buyer_tax_cents;
        holds boolean := true;
    BEGIN
        IF NEW.state = OLD.state THEN RETURN NEW; END IF;
        CASE NEW.state
            WHEN 'signing' THEN
                holds := held = NEW.deposit_cents AND EXISTS (SELECT FROM agreement WHERE settlement_id = id);
            WHEN 'awaiting_funds' THEN
                holds := 2 = (SELECT count(*) FROM settlement_signature WHERE settlement_id = id
                    AND (org_id, party) IN ((NEW.buyer_org_id, 'buyer'), (NEW.seller_org_id, 'seller')));
            WHEN 'funded' THEN holds := held = price;
            WHEN 'release_review' THEN
                holds := held = price AND EXISTS (SELECT FROM release_preparation WHERE settlement_id = id);
            WHEN 'released' THEN
                holds := held = 0 AND EXISTS (SELECT FROM release_approval WHERE settlement_id = id)
                    AND EXISTS (SELECT FROM sale_key_grant WHERE settlement_id = id)
                    AND EXISTS (SELECT FROM payout WHERE settlement_id = id)
                    AND (SELECT sum(t.amount_cents) FROM ledger_transfer t
                        JOIN ledger_account a ON a.account_id = t.debit_account_id
                        WHERE t.phase = 'posted' AND a.name = 'escrow:' || id AND a.currency = NEW.currency) = price;
            WHEN 'payout_sent' THEN
                holds := EXISTS (SELECT FROM payout WHERE settlement_id = id AND state <> 'ordered');
            WHEN 'payout_confirmed' THEN
                holds := EXISTS (SELECT FROM payout WHERE settlement_id = id AND state = 'confirmed');
            WHEN 'sign_default', 'buyer_default' THEN holds := held = 0;
            -- Not before the buyer signed and the seller did not, unless two officers found so.
            WHEN 'seller_default' THEN
                holds := held = 0 AND (OLD.state = 'signing' AND (SELECT array_agg(party) FROM settlement_signature
                        WHERE settlement_id = id) = ARRAY['buyer'] AND OLD.sign_by_at <= NEW.ended_at
                    OR EXISTS (SELECT FROM settlement_hold WHERE settlement_id = id AND outcome = 'seller_default'
                        AND lifted_at IS NOT NULL));
            -- Both parties' wish, or two officers' finding.
            WHEN 'cancelled' THEN
                holds := held = 0 AND (2 = (SELECT count(*) FROM settlement_cancellation WHERE settlement_id = id
                        AND org_id IN (NEW.buyer_org_id, NEW.seller_org_id))
                    OR EXISTS (SELECT FROM settlement_hold WHERE settlement_id = id AND outcome = 'undo'
                        AND lifted_at IS NOT NULL));
            ELSE NULL;
        END CASE;
        IF NOT holds THEN PERFORM refuse_step('what ' || NEW.state || ' says is not so'); END IF;
        RETURN NEW;
    END $$""",
    # A party's own dispute may stop the sale; everything else that is counted here is the platform's to change.
    f"""CREATE OR REPLACE FUNCTION settlement_is_not_held() RETURNS trigger {_DEFINER} AS $$
    BEGIN
        IF NEW.state <> OLD.state AND (OLD.held_since_at IS NOT NULL OR NEW.held_since_at IS NOT NULL) THEN
            PERFORM refuse_step('this settlement is held');
        ELSIF (NEW.held_since_at IS NULL) <> (NOT EXISTS (SELECT FROM settlement_hold
            WHERE settlement_id = NEW.settlement_id AND lifted_at IS NULL)) THEN
            PERFORM refuse_step('a hold is placed and lifted by its own record');
        ELSIF NOT app_is_platform() AND (NEW.refunded_face_cents, NEW.refunded_price_cents, NEW.refunded_buyer_fee_cents,
            NEW.refunded_seller_fee_cents) IS DISTINCT FROM (OLD.refunded_face_cents,
            OLD.refunded_price_cents, OLD.refunded_buyer_fee_cents, OLD.refunded_seller_fee_cents)
            OR NOT app_is_platform() AND NEW.held_since_at IS DISTINCT FROM OLD.held_since_at AND NOT EXISTS (
                SELECT FROM settlement_hold WHERE settlement_id = NEW.settlement_id AND lifted_at IS NULL
                    AND org_id = app_org_id() AND placed_at = NEW.held_since_at) THEN
            RAISE EXCEPTION 'not a party''s to change' USING ERRCODE = 'insufficient_privilege';
        ELSIF NEW.state = 'closed' AND OLD.state <> 'closed' AND (EXISTS (SELECT FROM put_back
            WHERE settlement_id = NEW.settlement_id AND state IN ('claimed', 'accepted', 'disputed')) OR 0 <> coalesce((
            SELECT credits_posted_cents - debits_posted_cents FROM ledger_account
            WHERE account_id = ledger_account_id('holdback:' || NEW.settlement_id, NEW.currency)), 0)) THEN
            PERFORM refuse_step('put-backs are open, or something is still held back');
        ELSIF NEW.state = 'released' AND OLD.state <> 'released' AND NOT EXISTS (
            SELECT FROM title_link WHERE settlement_id = NEW.settlement_id AND seq = 1) THEN
            PERFORM refuse_step('the release assigns the title');
        END IF;
        RETURN NEW;
    END $$""",
    # A sale's proceeds with its release, or cash that its owner has set aside under the payout's own id; to the account
    # that the organisation named last, once it may be used.
    f"""CREATE OR REPLACE FUNCTION payout_is_due() RETURNS trigger {_DEFINER} AS $$
    BEGIN
        IF NEW.settlement_id IS NOT NULL THEN
            PERFORM FROM settlement s WHERE settlement_id = NEW.settlement_id AND state = 'release_review'
                AND seller_org_id = NEW.org_id AND currency = NEW.currency
                AND hammer_cents - seller_fee_cents - seller_tax_cents - holdback_cents = NEW.amount_cents FOR SHARE;
        ELSE
            PERFORM FROM ledger_transfer t JOIN ledger_account a ON a.account_id = t.debit_account_id
                JOIN ledger_account b ON b.account_id = t.credit_account_id
                WHERE t.transfer_id = NEW.payout_id AND t.phase = 'pending' AND t.amount_cents = NEW.amount_cents
                AND t.currency = NEW.currency AND a.org_id = NEW.org_id AND b.name = 'clearing:out';
        END IF;
        IF NOT FOUND OR NEW.state <> 'ordered' OR NOT EXISTS (
            SELECT FROM bank_account b WHERE b.bank_account_id = NEW.bank_account_id AND b.org_id = NEW.org_id
                AND b.usable_from_at <= NEW.ordered_at AND NOT EXISTS (SELECT FROM bank_account c
                    WHERE c.org_id = b.org_id AND (c.created_at, c.bank_account_id) > (b.created_at, b.bank_account_id)))
        THEN
            PERFORM refuse_step('this payout is not due');
        END IF;
        RETURN NEW;
    END $$""",
)
