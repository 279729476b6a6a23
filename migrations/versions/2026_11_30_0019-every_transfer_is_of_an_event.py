"""No money moves but for something that happened, and a settlement's sums follow from its listing.

`ledger_apply` kept the books balanced, yet whoever spoke as the app's role could move one client's cash to another. Now each
transfer names its kind and its subject, and the row that it is about must say so: the bank's entry, the sale in the right
state with that very amount, the accepted put-back, the payout. The same for what ends a reservation. And the books are
checked every day, and the finding kept.
"""

from migrations.guard import APP, AUDITOR, append_only, grant, run

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(*_FUNCTIONS, *_TRIGGERS, _CHECKS)
    append_only("ledger_check")
    grant("ledger_check", app="SELECT, INSERT")
    run(
        "ALTER TABLE ledger_check ENABLE ROW LEVEL SECURITY",
        f"CREATE POLICY ledger_check_read ON ledger_check FOR SELECT TO {APP} USING (app_is_platform())",
        f"CREATE POLICY ledger_check_insert ON ledger_check FOR INSERT TO {APP} WITH CHECK (app_is_platform())",
        f"CREATE POLICY ledger_check_auditor ON ledger_check FOR SELECT TO {AUDITOR} USING (true)",
    )


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


_DEFINER = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp"
_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"

_CHECKS = """CREATE TABLE ledger_check (
        check_id uuid NOT NULL CONSTRAINT pk_ledger_check PRIMARY KEY,
        checked_at timestamptz NOT NULL,
        divergence_count bigint NOT NULL CONSTRAINT ck_ledger_check_count CHECK (divergence_count >= 0),
        lines jsonb NOT NULL CONSTRAINT ck_ledger_check_lines CHECK (jsonb_typeof(lines) = 'array')
    )"""

_TRIGGERS = (
    """CREATE TRIGGER ledger_transfer_is_of_event AFTER INSERT ON ledger_transfer REFERENCING NEW TABLE AS made
        FOR EACH STATEMENT EXECUTE FUNCTION ledger_transfer_is_of_event()""",
    """CREATE TRIGGER ledger_resolution_is_of_event BEFORE INSERT ON ledger_resolution
        FOR EACH ROW EXECUTE FUNCTION ledger_resolution_is_of_event()""",
    # Only what is reserved can be a deposit; a statement's 100,000 wires need not be asked.
    "DROP TRIGGER deposit_is_asked_for ON ledger_transfer",
    """CREATE TRIGGER deposit_is_asked_for BEFORE INSERT ON ledger_transfer FOR EACH ROW WHEN (NEW.phase = 'pending')
        EXECUTE FUNCTION deposit_is_asked_for()""",
)

# What is booked of a bank's entry, by kind: between which accounts, in which direction the bank moved, and whose it is.
_OF_ENTRY = """
    WHEN 'wire_received' THEN move.debit = 'bank:fbo' AND move.credit = 'clearing:in' AND entry.direction = 'credit'
        AND entry.outcome <> 'correction'
    WHEN 'wire_matched' THEN move.debit = 'clearing:in' AND entry.direction = 'credit'
        AND move.credit = 'org:' || coalesce(entry.org_id, agreed.org_id) || ':cash'
    WHEN 'wire_returned' THEN move.credit = 'bank:fbo' AND entry.direction = 'debit'
        AND move.debit = 'org:' || coalesce(entry.org_id, agreed.org_id) || ':cash'
    WHEN 'charge_borne' THEN move.debit = 'rev:commission' AND move.credit = 'bank:fbo' AND entry.direction = 'debit'
        AND entry.org_id IS NULL AND agreed.proposal_id IS NOT NULL AND agreed.org_id IS NULL"""

# What is booked of a sale, by kind. `paid` is what the seller gets with the release.
_OF_SALE = """
    WHEN 'deposit_to_escrow' THEN sale.state = 'awarded' AND move.cents = sale.deposit_cents
        AND move.debit = 'deposit:' || sale.auction_id AND move.credit = escrow
    WHEN 'funding' THEN sale.state = 'awaiting_funds' AND move.debit = buyer AND move.credit = escrow
        AND move.cents = sale.hammer_cents + sale.buyer_fee_cents + sale.buyer_tax_cents - sale.deposit_cents
    WHEN 'commission' THEN released AND move.debit = escrow AND move.credit = 'rev:commission'
        AND move.cents = sale.buyer_fee_cents + sale.seller_fee_cents
    WHEN 'tax' THEN released AND move.debit = escrow AND move.credit = 'tax:payable'
        AND move.cents = sale.buyer_tax_cents + sale.seller_tax_cents
    WHEN 'holdback' THEN released AND move.debit = escrow AND move.credit = kept AND move.cents = sale.holdback_cents
    WHEN 'proceeds' THEN released AND move.debit = escrow AND move.credit = seller AND move.cents = paid
    WHEN 'payout' THEN released AND move.debit = seller AND move.credit = 'clearing:out' AND move.cents = paid
    WHEN 'payout_confirmed' THEN move.debit = 'clearing:out' AND move.credit = 'bank:fbo' AND move.cents = paid
        AND EXISTS (SELECT FROM payout p JOIN bank_entry e ON e.reference = p.reference AND e.direction = 'debit'
            AND e.amount_cents = p.amount_cents AND e.currency = p.currency
            WHERE p.settlement_id = sale.settlement_id AND p.amount_cents = paid)
    WHEN 'forfeit_to_seller' THEN sale.state IN ('signing', 'awaiting_funds') AND move.debit = escrow
        AND move.credit = seller AND move.cents = sale.deposit_cents * sale.forfeit_seller_bps / 10000
    WHEN 'forfeit_to_platform' THEN sale.state IN ('signing', 'awaiting_funds') AND move.debit = escrow
        AND move.credit = 'rev:default'
        AND move.cents = sale.deposit_cents - sale.deposit_cents * sale.forfeit_seller_bps / 10000
    WHEN 'refund' THEN sale.state IN ('signing', 'awaiting_funds', 'funded', 'release_review') AND move.debit = escrow
        AND move.credit = buyer AND (
            2 = (SELECT count(*) FROM settlement_cancellation WHERE settlement_id = sale.settlement_id)
            OR EXISTS (SELECT FROM settlement_hold WHERE settlement_id = sale.settlement_id AND outcome <> 'continue'
                AND lifted_at IS NOT NULL)
            OR sale.state = 'signing' AND ARRAY['buyer'] = (SELECT array_agg(party) FROM settlement_signature
                WHERE settlement_id = sale.settlement_id))
    WHEN 'penalty' THEN sale.state = 'seller_default' AND move.debit = seller AND move.credit = buyer
        AND move.cents <= sale.penalty_cents - sale.penalty_paid_cents
    WHEN 'putback_price' THEN going_back AND move.debit = kept AND move.credit = buyer
        AND move.cents <= sale.hammer_cents - sale.refunded_price_cents
    WHEN 'putback_price_seller' THEN going_back AND move.debit = seller AND move.credit = buyer
        AND move.cents <= sale.hammer_cents - sale.refunded_price_cents
    WHEN 'putback_buyer_fee' THEN going_back AND move.debit = 'rev:commission' AND move.credit = buyer
        AND move.cents <= sale.buyer_fee_cents - sale.refunded_buyer_fee_cents
    WHEN 'putback_seller_fee' THEN going_back AND move.debit = 'rev:commission' AND move.credit = seller
        AND move.cents <= sale.seller_fee_cents - sale.refunded_seller_fee_cents
    WHEN 'putback_buyer_tax' THEN going_back AND move.debit = 'tax:payable' AND move.credit = buyer
        AND move.cents <= sale.buyer_tax_cents - sale.refunded_buyer_tax_cents
    WHEN 'putback_seller_tax' THEN going_back AND move.debit = 'tax:payable' AND move.credit = seller
        AND move.cents <= sale.seller_tax_cents - sale.refunded_seller_tax_cents
    WHEN 'holdback_freed' THEN sale.state = 'putback_window' AND move.debit = kept AND move.credit = seller
        AND NOT EXISTS (SELECT FROM put_back WHERE settlement_id = sale.settlement_id
            AND state IN ('claimed', 'accepted', 'disputed'))"""

_FUNCTIONS = (
    "CREATE INDEX ix_bank_entry_reference ON bank_entry (reference) WHERE reference IS NOT NULL",
    f"""CREATE FUNCTION ledger_transfer_is_of_event() RETURNS trigger {_DEFINER} AS $$
    DECLARE
        wrong text;
    BEGIN
        WITH move AS (
            SELECT m.transfer_id, m.kind, m.amount_cents AS cents, m.currency, m.phase, d.name AS debit, c.name AS credit,
                split_part(m.subject, ':', 1) AS about,
                CASE WHEN m.subject ~ ':{_UUID}$' THEN split_part(m.subject, ':', 2)::uuid END AS id
            FROM made m JOIN ledger_account d ON d.account_id = m.debit_account_id
                JOIN ledger_account c ON c.account_id = m.credit_account_id
        ), judged AS (
            SELECT move.kind, CASE move.about
                WHEN 'bank_entry' THEN move.phase = 'posted' AND EXISTS (
                    SELECT FROM bank_entry entry LEFT JOIN suspense_decision said
                        ON said.entry_id = entry.entry_id AND said.outcome = 'confirmed'
                    LEFT JOIN suspense_proposal agreed ON agreed.proposal_id = said.proposal_id
                    WHERE entry.entry_id = move.id AND entry.amount_cents = move.cents AND entry.currency = move.currency
                        AND CASE move.kind {_OF_ENTRY} ELSE false END)
                WHEN 'settlement' THEN move.phase = 'posted' AND EXISTS (
                    SELECT FROM settlement sale,
                        LATERAL (SELECT 'escrow:' || sale.settlement_id AS escrow, 'holdback:' || sale.settlement_id AS kept,
                            'org:' || sale.buyer_org_id || ':cash' AS buyer, 'org:' || sale.seller_org_id || ':cash' AS seller,
                            sale.hammer_cents - sale.seller_fee_cents - sale.seller_tax_cents - sale.holdback_cents AS paid,
                            sale.state = 'release_review' AND EXISTS (SELECT FROM release_approval a
                                WHERE a.settlement_id = sale.settlement_id) AS released,
                            sale.state = 'putback_window' AND EXISTS (SELECT FROM put_back b
                                WHERE b.settlement_id = sale.settlement_id AND b.state = 'accepted') AS going_back) known
                    WHERE sale.settlement_id = move.id AND sale.currency = move.currency
                        AND CASE move.kind {_OF_SALE} ELSE false END)
                WHEN 'auction' THEN move.kind = 'deposit' AND move.phase = 'pending' AND move.debit LIKE 'org:%'
                    AND move.credit = 'deposit:' || move.id AND EXISTS (SELECT FROM auction a WHERE a.auction_id = move.id
                        AND a.currency = move.currency AND a.deposit_cents = move.cents)
                WHEN 'payout' THEN CASE move.kind
                    WHEN 'withdrawal' THEN move.phase = 'pending' AND move.transfer_id = move.id
                        AND move.debit LIKE 'org:%' AND move.credit = 'clearing:out'
                    WHEN 'withdrawal_confirmed' THEN move.phase = 'posted' AND move.debit = 'clearing:out'
                        AND move.credit = 'bank:fbo' AND EXISTS (SELECT FROM payout p JOIN bank_entry e
                            ON e.reference = p.reference AND e.direction = 'debit' AND e.currency = p.currency
                            AND e.amount_cents = p.amount_cents
                            WHERE p.payout_id = move.id AND (p.amount_cents, p.currency) = (move.cents, move.currency))
                    ELSE false END
                ELSE false END AS holds
            FROM move
        )
        SELECT kind INTO wrong FROM judged WHERE NOT coalesce(holds, false) LIMIT 1;
        IF FOUND THEN PERFORM refuse_step('nothing happened that would move this money: ' || wrong); END IF;
        RETURN NULL;
    END $$""",
    # A deposit is posted for its bidder's own sale and freed when the auction is over; cash set aside leaves with the
    # bank's own entry, and comes back in no other way.
    f"""CREATE FUNCTION ledger_resolution_is_of_event() RETURNS trigger {_DEFINER} AS $$
    DECLARE
        move ledger_transfer;
        bidder uuid;
        holds boolean;
    BEGIN
        SELECT * INTO move FROM ledger_transfer WHERE transfer_id = NEW.transfer_id;
        SELECT org_id INTO bidder FROM ledger_account WHERE account_id = move.debit_account_id;
        holds := CASE move.kind || ' ' || NEW.outcome
            WHEN 'deposit posted' THEN EXISTS (SELECT FROM settlement s WHERE s.state = 'awarded'
                AND 'auction:' || s.auction_id = move.subject AND s.buyer_org_id = bidder
                AND s.deposit_cents = NEW.posted_cents)
            WHEN 'deposit voided' THEN EXISTS (SELECT FROM auction a WHERE 'auction:' || a.auction_id = move.subject
                AND a.phase IN ('awarded', 'failed', 'cancelled'))
            WHEN 'withdrawal posted' THEN NEW.posted_cents = move.amount_cents AND EXISTS (
                SELECT FROM payout p JOIN bank_entry e ON e.reference = p.reference AND e.direction = 'debit'
                    AND e.amount_cents = p.amount_cents AND e.currency = p.currency
                WHERE p.payout_id = NEW.transfer_id)
            ELSE NEW.outcome = 'expired' END;
        IF NOT holds THEN
            PERFORM refuse_step('nothing happened that would end this reservation: ' || move.kind);
        END IF;
        RETURN NEW;
    END $$""",
    f"""CREATE FUNCTION half_even(a_numerator numeric, a_denominator numeric) RETURNS bigint {_DEFINER} IMMUTABLE AS $$
    DECLARE
        whole numeric := div(a_numerator, a_denominator);
        rest numeric := a_numerator - whole * a_denominator;
    BEGIN
        RETURN whole + CASE WHEN 2 * rest > a_denominator OR 2 * rest = a_denominator AND whole % 2 = 1 THEN 1 ELSE 0 END;
    END $$""",
    # market/bidding/commission.py once more: marginal tiers, the minimum below the cap of 5 %, rounded once.
    f"""CREATE FUNCTION commission_cents(a_schedule jsonb, a_hammer bigint) RETURNS bigint {_DEFINER} IMMUTABLE AS $$
    DECLARE
        marginal numeric := (SELECT sum(greatest(0, least(a_hammer::numeric, upper) - lower) * rate) FROM (
            SELECT (tier ->> 'from_cents')::numeric AS lower, (tier ->> 'rate_bps')::numeric AS rate,
                coalesce(lead((tier ->> 'from_cents')::numeric) OVER (ORDER BY number), 1e15) AS upper
            FROM jsonb_array_elements(a_schedule -> 'tiers') WITH ORDINALITY AS each (tier, number)) tiers);
    BEGIN
        RETURN half_even(greatest(marginal, least((a_schedule ->> 'minimum_cents')::numeric * 10000, a_hammer::numeric * 500)),
            10000);
    END $$""",
    f"""CREATE FUNCTION settlement_sums_follow() RETURNS trigger {_DEFINER} AS $$
    DECLARE
        listing auction;
        sold pool;
        fee bigint;
        terms jsonb;
    BEGIN
        SELECT * INTO listing FROM auction WHERE auction_id = NEW.auction_id;
        SELECT * INTO sold FROM pool WHERE pool_id = NEW.pool_id;
        fee := commission_cents(listing.commission, NEW.hammer_cents);
        terms := '{{"holdback_bps": 0, "putback_days": 120, "forfeit_seller_bps": 8000, "penalty_bps": 500}}'::jsonb
            || listing.sale_terms;
        IF NEW.commission IS DISTINCT FROM listing.commission OR (NEW.buyer_fee_cents, NEW.seller_fee_cents) IS DISTINCT FROM (
            CASE listing.commission ->> 'payer' WHEN 'buyer' THEN fee WHEN 'seller' THEN 0 ELSE fee / 2 END,
            CASE listing.commission ->> 'payer' WHEN 'buyer' THEN 0 WHEN 'seller' THEN fee ELSE fee - fee / 2 END) THEN
            PERFORM refuse_step('the commission is not the listing''s');
        ELSIF (NEW.holdback_cents, NEW.putback_days, NEW.forfeit_seller_bps, NEW.penalty_bps) IS DISTINCT FROM (
            div(NEW.hammer_cents::numeric * (terms ->> 'holdback_bps')::numeric, 10000)::bigint,
            (terms ->> 'putback_days')::bigint, (terms ->> 'forfeit_seller_bps')::bigint, (terms ->> 'penalty_bps')::bigint)
            OR (NEW.account_count, NEW.face_value_cents) IS DISTINCT FROM (
                coalesce(sold.account_count, 0), coalesce(sold.face_value_cents, 0)) THEN
            PERFORM refuse_step('the terms are not the listing''s');
        ELSIF (NEW.buyer_tax_cents, NEW.seller_tax_cents) IS DISTINCT FROM (
            tax_cents(NEW.tax, 'buyer', NEW.buyer_org_id, NEW.buyer_fee_cents),
            tax_cents(NEW.tax, 'seller', NEW.seller_org_id, NEW.seller_fee_cents)) THEN
            PERFORM refuse_step('the tax follows no stored rule');
        END IF;
        RETURN NEW;
    END $$""",
    # What a stored rule of the payer's own country makes of its part of the commission; 0 if the sale names none.
    f"""CREATE FUNCTION tax_cents(a_tax jsonb, a_party text, a_org_id uuid, a_fee bigint) RETURNS bigint {_DEFINER} STABLE AS $$
    BEGIN
        RETURN coalesce((SELECT half_even(a_fee::numeric * r.rate_bps, 10000) FROM jsonb_array_elements(a_tax) said
            JOIN tax_rule r ON r.tax_rule_id = (said ->> 'tax_rule_id')::uuid JOIN organisation o ON o.org_id = a_org_id
            WHERE said ->> 'party' = a_party AND r.country = o.country), 0);
    END $$""",
    """CREATE TRIGGER settlement_sums_follow BEFORE INSERT ON settlement
        FOR EACH ROW EXECUTE FUNCTION settlement_sums_follow()""",
    """REVOKE ALL ON FUNCTION ledger_transfer_is_of_event, ledger_resolution_is_of_event, half_even, commission_cents,
        settlement_sums_follow, tax_cents FROM PUBLIC""",
)
