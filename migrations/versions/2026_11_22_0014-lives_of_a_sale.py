"""What else may happen to a sale: withdrawals, returned payouts, hold-back, put-backs with title, compliance holds."""

from migrations.guard import APP, AUDITOR, append_only, grant, run

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(*_PAYOUT, *_SALE, *_TABLES, *_FUNCTIONS, *_SECOND_OFFER)
    grant("second_offer", app="SELECT, INSERT, UPDATE (state, answered_at)")
    append_only("title_link")
    grant("title_link", app="SELECT, INSERT")
    grant("put_back", app=f"SELECT, INSERT, UPDATE ({_PUT_BACK_MOVES})")
    grant("settlement_hold", app="SELECT, INSERT, UPDATE (lift_prepared_by, lift_reason, lifted_by, lifted_at)")
    run(f"GRANT UPDATE ({_SETTLEMENT_MOVES}) ON settlement TO {APP}")
    for table, (reads, writes) in _ROWS.items():
        run(
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"CREATE POLICY {table}_read ON {table} FOR SELECT TO {APP} USING (app_is_platform() OR {reads})",
            f"CREATE POLICY {table}_insert ON {table} FOR INSERT TO {APP} WITH CHECK (app_is_platform() OR {writes})",
            f"CREATE POLICY {table}_update ON {table} FOR UPDATE TO {APP} USING (app_is_platform() OR {writes})",
            f"CREATE POLICY {table}_auditor ON {table} FOR SELECT TO {AUDITOR} USING (true)",
        )
    for table, column, of_staff in (("put_back", "claimed_by", False), ("settlement_hold", "placed_by", True)):
        run(
            f"CREATE TRIGGER {table}_in_own_name BEFORE INSERT ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION in_own_name('{column}', '{of_staff}')"
        )


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

_SETTLEMENT_MOVES = (
    "refunded_face_cents, refunded_price_cents, refunded_buyer_fee_cents, refunded_seller_fee_cents, held_since_at"
)
_PUT_BACK_MOVES = "state, reason, answered_by, answered_at, decided_by, decided_at, refund_cents, refunded_at"
_OF_PARTY = "EXISTS (SELECT FROM settlement s WHERE s.settlement_id = {0}.settlement_id)"
_ROWS = {
    "put_back": (_OF_PARTY.format("put_back"), _OF_PARTY.format("put_back")),
    "title_link": (_OF_PARTY.format("title_link"), "false"),
    "settlement_hold": ("false", "false"),
    "second_offer": ("app_org_id() IN (seller_org_id, org_id)", "app_org_id() IN (seller_org_id, org_id)"),
}

_SALE = (
    """ALTER TABLE settlement
        ADD COLUMN account_count bigint NOT NULL DEFAULT 0,
        ADD COLUMN face_value_cents bigint NOT NULL DEFAULT 0,
        ADD COLUMN holdback_cents bigint NOT NULL DEFAULT 0,
        ADD COLUMN putback_days bigint NOT NULL DEFAULT 120,
        ADD COLUMN forfeit_seller_bps bigint NOT NULL DEFAULT 8000,
        ADD COLUMN refunded_face_cents bigint NOT NULL DEFAULT 0,
        ADD COLUMN refunded_price_cents bigint NOT NULL DEFAULT 0,
        ADD COLUMN refunded_buyer_fee_cents bigint NOT NULL DEFAULT 0,
        ADD COLUMN refunded_seller_fee_cents bigint NOT NULL DEFAULT 0,
        ADD COLUMN held_since_at timestamptz,
        ADD CONSTRAINT ck_settlement_terms CHECK (holdback_cents BETWEEN 0 AND hammer_cents - seller_fee_cents
            AND putback_days BETWEEN 0 AND 365 AND forfeit_seller_bps BETWEEN 0 AND 10000),
        ADD CONSTRAINT ck_settlement_refunds CHECK (refunded_face_cents BETWEEN 0 AND face_value_cents
            AND refunded_price_cents BETWEEN 0 AND hammer_cents AND refunded_buyer_fee_cents BETWEEN 0 AND buyer_fee_cents
            AND refunded_seller_fee_cents BETWEEN 0 AND seller_fee_cents)""",
    # What is promised for the time after the award is part of the listing.
    """ALTER TABLE auction ADD COLUMN sale_terms jsonb NOT NULL DEFAULT '{}'
        CONSTRAINT ck_auction_sale_terms CHECK (jsonb_typeof(sale_terms) = 'object')""",
)

_TABLES = (
    """CREATE TABLE put_back (
        put_back_id uuid NOT NULL CONSTRAINT pk_put_back PRIMARY KEY,
        settlement_id uuid NOT NULL
            CONSTRAINT fk_put_back_settlement_id_settlement REFERENCES settlement (settlement_id),
        row_number bigint NOT NULL CONSTRAINT ck_put_back_row_number CHECK (row_number > 0),
        face_value_cents bigint NOT NULL
            CONSTRAINT ck_put_back_face_value_cents CHECK (face_value_cents BETWEEN 1 AND 1000000000000000),
        ground text NOT NULL CONSTRAINT ck_put_back_ground CHECK (ground IN ('bankruptcy', 'deceased', 'paid_or_settled',
            'fraud', 'wrong_amount', 'not_owned', 'out_of_statute', 'missing_media')),
        evidence_sha256 text NOT NULL CONSTRAINT ck_put_back_evidence CHECK (evidence_sha256 ~ '^[0-9a-f]{64}$'),
        claimed_by uuid NOT NULL CONSTRAINT fk_put_back_claimed_by_person REFERENCES person (user_id),
        claimed_at timestamptz NOT NULL,
        answer_by_at timestamptz NOT NULL,
        state text NOT NULL CONSTRAINT ck_put_back_state CHECK (
            state IN ('claimed', 'accepted', 'disputed', 'refunded', 'declined', 'withdrawn')),
        reason text CONSTRAINT ck_put_back_reason CHECK (length(reason) BETWEEN 1 AND 500),
        answered_by uuid CONSTRAINT fk_put_back_answered_by_person REFERENCES person (user_id),
        answered_at timestamptz,
        decided_by uuid CONSTRAINT fk_put_back_decided_by_person REFERENCES person (user_id),
        decided_at timestamptz,
        refund_cents bigint NOT NULL DEFAULT 0 CONSTRAINT ck_put_back_refund CHECK (refund_cents >= 0),
        refunded_at timestamptz,
        CONSTRAINT ck_put_back_refunded CHECK ((state = 'refunded') = (refunded_at IS NOT NULL)),
        CONSTRAINT ck_put_back_declined CHECK (state <> 'declined' OR decided_by IS NOT NULL)
    )""",
    # A row is given back once; what was declined or withdrawn may be claimed again.
    """CREATE UNIQUE INDEX uq_put_back_settlement_id_row_number ON put_back (settlement_id, row_number)
        WHERE state NOT IN ('declined', 'withdrawn')""",
    "CREATE INDEX ix_put_back_state_answer_by_at ON put_back (state, answer_by_at)",
    "CREATE INDEX ix_put_back_claimed_by ON put_back (claimed_by)",
    "CREATE INDEX ix_put_back_answered_by ON put_back (answered_by)",
    "CREATE INDEX ix_put_back_decided_by ON put_back (decided_by)",
    """CREATE TABLE title_link (
        settlement_id uuid NOT NULL
            CONSTRAINT fk_title_link_settlement_id_settlement REFERENCES settlement (settlement_id),
        seq bigint NOT NULL CONSTRAINT ck_title_link_seq CHECK (seq > 0),
        first_row bigint NOT NULL,
        last_row bigint NOT NULL,
        from_org_id uuid NOT NULL CONSTRAINT fk_title_link_from_org_id_organisation REFERENCES organisation (org_id),
        to_org_id uuid NOT NULL CONSTRAINT fk_title_link_to_org_id_organisation REFERENCES organisation (org_id),
        cause text NOT NULL CONSTRAINT ck_title_link_cause CHECK (cause IN ('assignment', 'reassignment')),
        put_back_id uuid CONSTRAINT uq_title_link_put_back_id UNIQUE
            CONSTRAINT fk_title_link_put_back_id_put_back REFERENCES put_back (put_back_id),
        document_sha256 text NOT NULL CONSTRAINT ck_title_link_document CHECK (document_sha256 ~ '^[0-9a-f]{64}$'),
        at timestamptz NOT NULL,
        CONSTRAINT pk_title_link PRIMARY KEY (settlement_id, seq),
        CONSTRAINT ck_title_link_rows CHECK (1 <= first_row AND first_row <= last_row),
        CONSTRAINT ck_title_link_parties CHECK (from_org_id <> to_org_id),
        CONSTRAINT ck_title_link_put_back CHECK ((cause = 'reassignment') = (put_back_id IS NOT NULL))
    )""",
    "CREATE INDEX ix_title_link_from_org_id ON title_link (from_org_id)",
    "CREATE INDEX ix_title_link_to_org_id ON title_link (to_org_id)",
    """CREATE TABLE settlement_hold (
        hold_id uuid NOT NULL CONSTRAINT pk_settlement_hold PRIMARY KEY,
        settlement_id uuid NOT NULL
            CONSTRAINT fk_settlement_hold_settlement_id_settlement REFERENCES settlement (settlement_id),
        placed_by uuid NOT NULL CONSTRAINT fk_settlement_hold_placed_by_person REFERENCES person (user_id),
        reason text NOT NULL CONSTRAINT ck_settlement_hold_reason CHECK (length(reason) BETWEEN 1 AND 500),
        placed_at timestamptz NOT NULL,
        lift_prepared_by uuid CONSTRAINT fk_settlement_hold_lift_prepared_by_person REFERENCES person (user_id),
        lift_reason text CONSTRAINT ck_settlement_hold_lift_reason CHECK (length(lift_reason) BETWEEN 1 AND 500),
        lifted_by uuid CONSTRAINT fk_settlement_hold_lifted_by_person REFERENCES person (user_id),
        lifted_at timestamptz,
        CONSTRAINT ck_settlement_hold_two_people CHECK (lifted_by <> lift_prepared_by),
        CONSTRAINT ck_settlement_hold_lift CHECK ((lifted_by IS NULL) = (lifted_at IS NULL)
            AND (lifted_by IS NULL OR lift_prepared_by IS NOT NULL)
            AND (lift_prepared_by IS NULL) = (lift_reason IS NULL))
    )""",
    "CREATE UNIQUE INDEX uq_settlement_hold_settlement_id ON settlement_hold (settlement_id) WHERE lifted_at IS NULL",
    "CREATE INDEX ix_settlement_hold_placed_by ON settlement_hold (placed_by)",
    "CREATE INDEX ix_settlement_hold_lift_prepared_by ON settlement_hold (lift_prepared_by)",
    "CREATE INDEX ix_settlement_hold_lifted_by ON settlement_hold (lifted_by)",
)

_FUNCTIONS = (
    # Nothing moves while compliance holds a sale, and a hold ends as it was agreed.
    f"""CREATE FUNCTION settlement_is_not_held() RETURNS trigger {_DEFINER} AS $$
    BEGIN
        IF NEW.state <> OLD.state AND (OLD.held_since_at IS NOT NULL OR NEW.held_since_at IS NOT NULL) THEN
            PERFORM refuse_step('compliance holds this settlement');
        ELSIF (NEW.held_since_at IS NULL) <> (NOT EXISTS (SELECT FROM settlement_hold
            WHERE settlement_id = NEW.settlement_id AND lifted_at IS NULL)) THEN
            PERFORM refuse_step('a hold is placed and lifted by its own record');
        ELSIF NOT app_is_platform() AND (NEW.refunded_face_cents, NEW.refunded_price_cents, NEW.refunded_buyer_fee_cents,
            NEW.refunded_seller_fee_cents, NEW.held_since_at) IS DISTINCT FROM (OLD.refunded_face_cents,
            OLD.refunded_price_cents, OLD.refunded_buyer_fee_cents, OLD.refunded_seller_fee_cents, OLD.held_since_at) THEN
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
    "REVOKE ALL ON FUNCTION settlement_is_not_held FROM PUBLIC",
    """CREATE TRIGGER settlement_is_not_held BEFORE UPDATE ON settlement
        FOR EACH ROW EXECUTE FUNCTION settlement_is_not_held()""",
    # Each arrow of market/settlement/putback_rules.py, and who may draw it.
    f"""CREATE FUNCTION put_back_moves_on() RETURNS trigger {_DEFINER} AS $$
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
    "REVOKE ALL ON FUNCTION put_back_moves_on FROM PUBLIC",
    """CREATE TRIGGER put_back_moves_on BEFORE INSERT OR UPDATE ON put_back
        FOR EACH ROW EXECUTE FUNCTION put_back_moves_on()""",
    # Only the owner of a row can assign it: the receiver in the newest link that covers it, at first the seller.
    f"""CREATE FUNCTION title_is_unbroken() RETURNS trigger {_DEFINER} AS $$
    DECLARE
        sale settlement;
        owner uuid;
    BEGIN
        SELECT * INTO sale FROM settlement WHERE settlement_id = NEW.settlement_id FOR SHARE;
        IF NEW.seq <> 1 + (SELECT count(*) FROM title_link WHERE settlement_id = NEW.settlement_id) THEN
            PERFORM refuse_step('the chain of title has no gap');
        ELSIF NEW.cause = 'assignment' THEN
            IF (NEW.seq, NEW.first_row, NEW.last_row, NEW.from_org_id, NEW.to_org_id)
                IS DISTINCT FROM (1, 1, sale.account_count, sale.seller_org_id, sale.buyer_org_id)
                OR sale.state <> 'release_review' THEN
                PERFORM refuse_step('a sale assigns all its rows, from seller to buyer, with the release');
            END IF;
        ELSE
            SELECT to_org_id INTO owner FROM title_link WHERE settlement_id = NEW.settlement_id
                AND NEW.first_row BETWEEN first_row AND last_row ORDER BY seq DESC LIMIT 1;
            IF owner IS DISTINCT FROM NEW.from_org_id OR NEW.to_org_id <> sale.seller_org_id OR NOT EXISTS (
                SELECT FROM put_back p WHERE p.put_back_id = NEW.put_back_id AND p.settlement_id = NEW.settlement_id
                    AND p.row_number = NEW.first_row AND NEW.last_row = NEW.first_row AND p.state = 'accepted') THEN
                PERFORM refuse_step('this row is not the giver''s to assign');
            END IF;
        END IF;
        RETURN NEW;
    END $$""",
    "REVOKE ALL ON FUNCTION title_is_unbroken FROM PUBLIC",
    "CREATE TRIGGER title_is_unbroken BEFORE INSERT ON title_link FOR EACH ROW EXECUTE FUNCTION title_is_unbroken()",
    # A sale's proceeds with its release, or cash that its owner has set aside under the payout's own id; to the account
    # that the organisation named last, once it may be used.
    f"""CREATE OR REPLACE FUNCTION payout_is_due() RETURNS trigger {_DEFINER} AS $$
    BEGIN
        IF NEW.settlement_id IS NOT NULL THEN
            PERFORM FROM settlement s WHERE settlement_id = NEW.settlement_id AND state = 'release_review'
                AND seller_org_id = NEW.org_id AND currency = NEW.currency
                AND hammer_cents - seller_fee_cents - holdback_cents = NEW.amount_cents FOR SHARE;
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

_SECOND_OFFER = (
    f"""CREATE FUNCTION runner_up(a_auction_id uuid, a_but_org_id uuid)
    RETURNS TABLE (org_id uuid, amount_cents bigint) {_DEFINER} AS $$
    BEGIN
        IF NOT app_is_platform() AND NOT EXISTS (
            SELECT FROM auction a WHERE a.auction_id = a_auction_id AND a.org_id = app_org_id() AND a.phase = 'awarded') THEN
            RETURN;
        END IF;
        RETURN QUERY SELECT b.org_id, b.amount_cents FROM bid b
            WHERE b.auction_id = a_auction_id AND b.org_id <> a_but_org_id AND b.amount_cents IS NOT NULL
                AND b.kind IN ('manual', 'proxy', 'sealed') AND NOT EXISTS (
                    SELECT FROM auction_event e WHERE e.auction_id = a_auction_id
                        AND e.kind IN ('bid_voided', 'bid_refused_by_seller')
                        AND (e.body::jsonb ->> 'bid_seq')::bigint = b.seq)
            ORDER BY b.amount_cents DESC, b.seq LIMIT 1;
    END $$""",
    "REVOKE ALL ON FUNCTION runner_up FROM PUBLIC",
    f"GRANT EXECUTE ON FUNCTION runner_up TO {APP}",
    # After a default the next bidder may have the pool at its own bid; who accepts in time has a settlement of its own.
    """CREATE TABLE second_offer (
        offer_id uuid NOT NULL CONSTRAINT pk_second_offer PRIMARY KEY,
        settlement_id uuid NOT NULL
            CONSTRAINT fk_second_offer_settlement_id_settlement REFERENCES settlement (settlement_id),
        auction_id uuid NOT NULL CONSTRAINT fk_second_offer_auction_id_auction REFERENCES auction (auction_id),
        pool_id uuid NOT NULL CONSTRAINT fk_second_offer_pool_id_pool REFERENCES pool (pool_id),
        seller_org_id uuid NOT NULL
            CONSTRAINT fk_second_offer_seller_org_id_organisation REFERENCES organisation (org_id),
        org_id uuid NOT NULL CONSTRAINT fk_second_offer_org_id_organisation REFERENCES organisation (org_id),
        amount_cents bigint NOT NULL
            CONSTRAINT ck_second_offer_amount CHECK (amount_cents BETWEEN 1 AND 1000000000000000),
        offered_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        state text NOT NULL CONSTRAINT ck_second_offer_state
            CHECK (state IN ('open', 'accepted', 'declined', 'expired')),
        answered_at timestamptz,
        CONSTRAINT uq_second_offer_settlement_id UNIQUE (settlement_id),
        CONSTRAINT ck_second_offer_answer CHECK ((state IN ('accepted', 'declined')) = (answered_at IS NOT NULL))
    )""",
    "CREATE INDEX ix_second_offer_auction_id ON second_offer (auction_id)",
    "CREATE INDEX ix_second_offer_pool_id ON second_offer (pool_id)",
    "CREATE INDEX ix_second_offer_seller_org_id ON second_offer (seller_org_id)",
    "CREATE INDEX ix_second_offer_org_id ON second_offer (org_id)",
    "CREATE INDEX ix_second_offer_state_expires_at ON second_offer (state, expires_at)",
    "ALTER TABLE settlement DROP CONSTRAINT uq_settlement_auction_id_pool_id",
    """CREATE UNIQUE INDEX uq_settlement_auction_id_pool_id ON settlement (auction_id, pool_id)
        WHERE state NOT IN ('sign_default', 'buyer_default', 'cancelled')""",
    # The runner-up's own bid, as the log has it: the highest of another bidder that nobody struck out.
    f"""CREATE FUNCTION second_offer_is_due() RETURNS trigger {_DEFINER} AS $$
    DECLARE
        sale settlement;
    BEGIN
        SELECT * INTO sale FROM settlement WHERE settlement_id = NEW.settlement_id FOR SHARE;
        IF TG_OP = 'INSERT' THEN
            IF NEW.state <> 'open' OR sale.state NOT IN ('sign_default', 'buyer_default')
                OR (NEW.auction_id, NEW.pool_id, NEW.seller_org_id)
                    IS DISTINCT FROM (sale.auction_id, sale.pool_id, sale.seller_org_id)
                OR NEW.org_id IN (sale.buyer_org_id, sale.seller_org_id)
                OR NOT EXISTS (SELECT FROM runner_up(sale.auction_id, sale.buyer_org_id) b
                    WHERE (b.org_id, b.amount_cents) = (NEW.org_id, NEW.amount_cents)) THEN
                PERFORM refuse_step('this is not the next bidder''s own bid');
            END IF;
        ELSIF NEW.state = OLD.state OR OLD.state <> 'open' OR NOT coalesce(CASE NEW.state
            WHEN 'expired' THEN app_is_platform() AND app_org_id() IS NULL
            ELSE app_org_id() = OLD.org_id END, false) THEN
            PERFORM refuse_step('an open offer is answered by whom it was made to, in time');
        END IF;
        RETURN NEW;
    END $$""",
    "REVOKE ALL ON FUNCTION second_offer_is_due FROM PUBLIC",
    """CREATE TRIGGER second_offer_is_due BEFORE INSERT OR UPDATE ON second_offer
        FOR EACH ROW EXECUTE FUNCTION second_offer_is_due()""",
    f"""CREATE OR REPLACE FUNCTION settlement_is_of_award() RETURNS trigger {_DEFINER} AS $$
    BEGIN
        IF NEW.state <> 'awarded' THEN
            PERFORM refuse_step('a settlement begins with the award');
        ELSIF NOT EXISTS (
            SELECT FROM award w WHERE w.auction_id = NEW.auction_id AND w.pool_id = NEW.pool_id
                AND w.winner_org_id = NEW.buyer_org_id AND w.seller_org_id = NEW.seller_org_id
                AND w.hammer_cents = NEW.hammer_cents AND w.currency = NEW.currency)
            AND NOT EXISTS (
            SELECT FROM second_offer o JOIN auction a USING (auction_id) WHERE o.auction_id = NEW.auction_id
                AND o.pool_id = NEW.pool_id AND o.org_id = NEW.buyer_org_id AND o.seller_org_id = NEW.seller_org_id
                AND o.amount_cents = NEW.hammer_cents AND a.currency = NEW.currency AND o.state = 'accepted') THEN
            PERFORM refuse_step('there is no such award');
        END IF;
        RETURN NEW;
    END $$""",
)
