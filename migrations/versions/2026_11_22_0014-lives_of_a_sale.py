"""What else may happen to a sale and its money: withdrawals and payouts that come back."""

from migrations.guard import APP, run

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(*_PAYOUT, *_FUNCTIONS)


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


_DEFINER = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp"

# A payout without a settlement is an organisation's withdrawal of its own free cash.
_PAYOUT = (
    "ALTER TABLE payout ALTER COLUMN settlement_id DROP NOT NULL",
    """ALTER TABLE payout ADD COLUMN returned_entry_id uuid
        CONSTRAINT uq_payout_returned_entry_id UNIQUE
        CONSTRAINT fk_payout_returned_entry_id_bank_entry REFERENCES bank_entry (entry_id)""",
    "ALTER TABLE payout DROP CONSTRAINT ck_payout_state",
    """ALTER TABLE payout ADD CONSTRAINT ck_payout_state CHECK (
        (state = 'returned') = (returned_entry_id IS NOT NULL) AND CASE state
            WHEN 'ordered' THEN sent_at IS NULL AND confirmed_entry_id IS NULL
            WHEN 'sent' THEN sent_at IS NOT NULL AND confirmed_entry_id IS NULL
            WHEN 'unknown' THEN sent_at IS NOT NULL AND confirmed_entry_id IS NULL
            WHEN 'confirmed' THEN confirmed_at IS NOT NULL AND confirmed_entry_id IS NOT NULL
            WHEN 'returned' THEN confirmed_at IS NOT NULL AND confirmed_entry_id IS NOT NULL
            ELSE false END)""",
    f"GRANT UPDATE (returned_entry_id) ON payout TO {APP}",
    "DROP POLICY payout_insert ON payout",
    f"""CREATE POLICY payout_insert ON payout FOR INSERT TO {APP}
        WITH CHECK (app_is_platform() OR (org_id = app_org_id() AND settlement_id IS NULL))""",
)

_FUNCTIONS = (
    # A sale's proceeds with its release, or cash that its owner has set aside under the payout's own id; to the account
    # that the organisation named last, once it may be used.
    f"""CREATE OR REPLACE FUNCTION payout_is_due() RETURNS trigger {_DEFINER} AS $$
    BEGIN
        IF NEW.settlement_id IS NOT NULL THEN
            PERFORM FROM settlement s WHERE settlement_id = NEW.settlement_id AND state = 'release_review'
                AND seller_org_id = NEW.org_id AND currency = NEW.currency
                AND hammer_cents - seller_fee_cents = NEW.amount_cents FOR SHARE;
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
    # Only the bank's own entries confirm a payout or bring it back; until there is one, it may be sent or unknown.
    f"""CREATE OR REPLACE FUNCTION payout_moves_on() RETURNS trigger {_DEFINER} AS $$
    BEGIN
        IF NEW.state = OLD.state THEN
            IF NEW.* IS DISTINCT FROM OLD.* THEN PERFORM refuse_step('a payout stays what it is'); END IF;
        ELSIF (OLD.state || ' ' || NEW.state) NOT IN ('ordered sent', 'ordered confirmed', 'sent unknown', 'sent confirmed',
            'unknown confirmed', 'confirmed returned') THEN
            PERFORM refuse_step('a payout does not go from ' || OLD.state || ' to ' || NEW.state);
        ELSIF NEW.state IN ('confirmed', 'returned') AND NOT EXISTS (
            SELECT FROM bank_entry WHERE amount_cents = NEW.amount_cents AND currency = NEW.currency
                AND reference = NEW.reference AND (entry_id, direction) = (
                    CASE NEW.state WHEN 'confirmed' THEN NEW.confirmed_entry_id ELSE NEW.returned_entry_id END,
                    CASE NEW.state WHEN 'confirmed' THEN 'debit' ELSE 'credit' END)) THEN
            PERFORM refuse_step('the bank has no such entry');
        END IF;
        RETURN NEW;
    END $$""",
    # A member may reserve money of its own organisation, as a deposit or to be paid out; the rest is the platform's to move.
    f"""CREATE FUNCTION require_own_move(a_op jsonb) RETURNS void {_DEFINER} AS $$
    BEGIN
        IF NOT app_is_platform() AND NOT coalesce(a_op ->> 'op' = 'pend'
            AND a_op ->> 'debit' = 'org:' || app_org_id() || ':cash'
            AND (a_op ->> 'credit' LIKE 'deposit:%' OR a_op ->> 'credit' = 'clearing:out'), false) THEN
            RAISE EXCEPTION 'not this organisation''s to move' USING ERRCODE = 'LG005';
        END IF;
    END $$""",
    "REVOKE ALL ON FUNCTION require_own_move FROM PUBLIC",
    f"""CREATE OR REPLACE FUNCTION ledger_apply(a_ops jsonb) RETURNS integer {_DEFINER} AS $$
    DECLARE
        account record;
        op jsonb;
        applied integer := 0;
    BEGIN
        IF jsonb_typeof(a_ops) IS DISTINCT FROM 'array' OR jsonb_array_length(a_ops) NOT BETWEEN 1 AND 10000 THEN
            RAISE EXCEPTION 'a batch is a list of 1 to 10000 operations' USING ERRCODE = 'LG004';
        END IF;
        FOR op IN SELECT jsonb_array_elements(a_ops) LOOP
            PERFORM require_own_move(op);
        END LOOP;
        FOR account IN
            SELECT name, currency FROM (
                SELECT item ->> 'debit' AS name, item ->> 'currency' AS currency FROM jsonb_array_elements(a_ops) item
                UNION SELECT item ->> 'credit', item ->> 'currency' FROM jsonb_array_elements(a_ops) item
                UNION SELECT a.name, a.currency FROM jsonb_array_elements(a_ops) item
                    JOIN ledger_transfer t ON t.transfer_id = (item ->> 'pending_id')::uuid
                    JOIN ledger_account a ON a.account_id IN (t.debit_account_id, t.credit_account_id)
            ) touched WHERE name IS NOT NULL ORDER BY ledger_account_id(name, currency)
        LOOP
            PERFORM ledger_lock_account(account.name, account.currency);
        END LOOP;
        FOR op IN SELECT jsonb_array_elements(a_ops) LOOP
            CASE op ->> 'op'
                WHEN 'post' THEN applied := applied + ledger_transfer_make(op, 'posted');
                WHEN 'pend' THEN applied := applied + ledger_transfer_make(op, 'pending');
                WHEN 'resolve' THEN applied := applied + ledger_transfer_resolve(op);
            END CASE;
        END LOOP;
        RETURN applied;
    END $$""",
)
