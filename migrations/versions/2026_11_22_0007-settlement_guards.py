"""What a settlement's state says must be so: the award, the signatures, the money and the order behind each arrow.

The services look before they step; these triggers look again, with the owner's rights, so that no mistake in a service and
no statement of the app's role can release a sale that is not paid, pay another amount, or hand the keys to anybody else.
"""

from migrations.guard import run

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(*_FUNCTIONS)
    for table, function, when in _TRIGGERS:
        run(f"CREATE TRIGGER {function} BEFORE {when} ON {table} FOR EACH ROW EXECUTE FUNCTION {function}()")
    for _, function, _ in _TRIGGERS:
        run(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
    run("REVOKE ALL ON FUNCTION escrow_cents, refuse_step, require_deposit FROM PUBLIC")


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


_TRIGGERS = (
    ("settlement", "settlement_is_of_award", "INSERT"),
    ("settlement", "settlement_holds", "UPDATE OF state"),
    ("release_preparation", "release_preparation_in_time", "INSERT"),
    ("release_approval", "release_approval_in_time", "INSERT"),
    ("sale_key_grant", "sale_key_grant_is_due", "INSERT"),
    ("payout", "payout_is_due", "INSERT"),
    ("payout", "payout_moves_on", "UPDATE"),
    ("ledger_transfer", "deposit_is_asked_for", "INSERT"),
)

_DEFINER = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp"

_FUNCTIONS = (
    """CREATE FUNCTION refuse_step(a_reason text) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS $$
    BEGIN
        RAISE EXCEPTION '%', a_reason USING ERRCODE = 'check_violation';
    END $$""",
    # What lies in a settlement's escrow and is not promised to anybody yet.
    f"""CREATE FUNCTION escrow_cents(a_settlement_id uuid, a_currency text) RETURNS bigint {_DEFINER} AS $$
    BEGIN
        RETURN coalesce((SELECT credits_posted_cents - debits_posted_cents - debits_pending_cents FROM ledger_account
            WHERE account_id = ledger_account_id('escrow:' || a_settlement_id, a_currency)), 0);
    END $$""",
    f"""CREATE FUNCTION settlement_is_of_award() RETURNS trigger {_DEFINER} AS $$
    BEGIN
        IF NEW.state <> 'awarded' THEN
            PERFORM refuse_step('a settlement begins with the award');
        ELSIF NOT EXISTS (
            SELECT FROM award w JOIN auction a USING (auction_id)
            WHERE w.auction_id = NEW.auction_id AND a.pool_id = NEW.pool_id AND w.winner_org_id = NEW.buyer_org_id
                AND w.seller_org_id = NEW.seller_org_id AND w.hammer_cents = NEW.hammer_cents
                AND w.currency = NEW.currency) THEN
            PERFORM refuse_step('there is no such award');
        END IF;
        RETURN NEW;
    END $$""",
    f"""CREATE FUNCTION settlement_holds() RETURNS trigger {_DEFINER} AS $$
    DECLARE
        id uuid := NEW.settlement_id;
        held bigint := escrow_cents(NEW.settlement_id, NEW.currency);
        price bigint := NEW.hammer_cents + NEW.buyer_fee_cents;
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
            WHEN 'sign_default', 'buyer_default', 'cancelled' THEN holds := held = 0;
            ELSE NULL;
        END CASE;
        IF NOT holds THEN PERFORM refuse_step('what ' || NEW.state || ' says is not so'); END IF;
        RETURN NEW;
    END $$""",
    *(
        f"""CREATE FUNCTION {table}_in_time() RETURNS trigger {_DEFINER} AS $$
        BEGIN
            PERFORM FROM settlement WHERE settlement_id = NEW.settlement_id AND state = '{state}' FOR SHARE;
            IF NOT FOUND THEN PERFORM refuse_step('the settlement is not {state}'); END IF;
            RETURN NEW;
        END $$"""
        for table, state in (("release_preparation", "funded"), ("release_approval", "release_review"))
    ),
    # The keys go to the buyer, for the very file that both signed for.
    f"""CREATE FUNCTION sale_key_grant_is_due() RETURNS trigger {_DEFINER} AS $$
    BEGIN
        PERFORM FROM settlement s JOIN agreement g USING (settlement_id)
            WHERE settlement_id = NEW.settlement_id AND s.state = 'release_review' AND s.buyer_org_id = NEW.org_id
                AND g.facts::jsonb #>> '{{schedule,sale_file_sha256}}' = NEW.file_sha256 FOR SHARE OF s;
        IF NOT FOUND THEN PERFORM refuse_step('these keys are not due to this organisation'); END IF;
        RETURN NEW;
    END $$""",
    # The seller's proceeds, to the account that the seller named last, once it may be used.
    f"""CREATE FUNCTION payout_is_due() RETURNS trigger {_DEFINER} AS $$
    BEGIN
        PERFORM FROM settlement s WHERE settlement_id = NEW.settlement_id AND state = 'release_review'
            AND seller_org_id = NEW.org_id AND currency = NEW.currency
            AND hammer_cents - seller_fee_cents = NEW.amount_cents FOR SHARE;
        IF NOT FOUND OR NEW.state <> 'ordered' OR NOT EXISTS (
            SELECT FROM bank_account b WHERE b.bank_account_id = NEW.bank_account_id AND b.org_id = NEW.org_id
                AND b.usable_from_at <= NEW.ordered_at AND NOT EXISTS (SELECT FROM bank_account c
                    WHERE c.org_id = b.org_id AND (c.created_at, c.bank_account_id) > (b.created_at, b.bank_account_id)))
        THEN
            PERFORM refuse_step('this payout is not due');
        END IF;
        RETURN NEW;
    END $$""",
    # Only the bank's own entry confirms a payout; until there is one, it may be sent or unknown.
    f"""CREATE FUNCTION payout_moves_on() RETURNS trigger {_DEFINER} AS $$
    BEGIN
        IF NEW.state <> OLD.state AND (OLD.state || ' ' || NEW.state) NOT IN (
            'ordered sent', 'ordered confirmed', 'sent unknown', 'sent confirmed', 'unknown confirmed') THEN
            PERFORM refuse_step('a payout does not go from ' || OLD.state || ' to ' || NEW.state);
        ELSIF NEW.state = 'confirmed' AND NOT EXISTS (
            SELECT FROM bank_entry WHERE entry_id = NEW.confirmed_entry_id AND direction = 'debit'
                AND amount_cents = NEW.amount_cents AND currency = NEW.currency AND reference = NEW.reference) THEN
            PERFORM refuse_step('the bank has no such entry');
        ELSIF OLD.state = 'confirmed' AND NEW.* IS DISTINCT FROM OLD.* THEN
            PERFORM refuse_step('a confirmed payout stays what it is');
        END IF;
        RETURN NEW;
    END $$""",
    # A member reserves before the auction's end, as much as it asks for, and under the auction's lock.
    f"""CREATE FUNCTION require_deposit(a_auction_id uuid, a_currency text, a_cents bigint) RETURNS void {_DEFINER} AS $$
    BEGIN
        PERFORM FROM auction WHERE auction_id = a_auction_id AND currency = a_currency AND deposit_cents = a_cents
            AND phase IN ('scheduled', 'open', 'paused') FOR NO KEY UPDATE;
        IF NOT FOUND THEN PERFORM refuse_step('no auction asks for this deposit'); END IF;
    END $$""",
    f"""CREATE FUNCTION deposit_is_asked_for() RETURNS trigger {_DEFINER} AS $$
    DECLARE
        into_account text := (SELECT name FROM ledger_account WHERE account_id = NEW.credit_account_id);
    BEGIN
        IF NOT app_is_platform() AND into_account LIKE 'deposit:%' THEN
            PERFORM require_deposit(substring(into_account FROM 9)::uuid, NEW.currency, NEW.amount_cents);
        END IF;
        RETURN NEW;
    END $$""",
)
