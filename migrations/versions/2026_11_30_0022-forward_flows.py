"""Forward flows: one agreement, and a sale for every period that is delivered into it.

A delivery is to a settlement what an award is, so a settlement is of an auction or of a delivery, never of both. A pool is on
offer in an auction or delivered into a flow, never both, and no pool has two sales that live. What a flow asks of accounts is
checked account by account, on the traits that are put on record when the pool is cut.
"""

from migrations.guard import APP, AUDITOR, append_only, grant, run

revision = "0022"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(*_TABLES, *_POOL, *_SETTLEMENT, *_CLEARED, *_FUNCTIONS, *_TRIGGERS)
    for table, (reads, writes) in _ROWS.items():
        run(
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"CREATE POLICY {table}_read ON {table} FOR SELECT TO {APP} USING (app_is_platform() OR {reads})",
            f"CREATE POLICY {table}_insert ON {table} FOR INSERT TO {APP} WITH CHECK ({writes})",
            f"CREATE POLICY {table}_auditor ON {table} FOR SELECT TO {AUDITOR} USING (true)",
        )
    for table in ("pool_trait", "forward_flow_signature", "forward_flow_delivery"):
        grant(table, app="SELECT, INSERT")
        append_only(table)
    for table, columns in _MOVES.items():
        grant(table, app=f"SELECT, INSERT, UPDATE ({columns})")
        run(
            f"CREATE POLICY {table}_update ON {table} FOR UPDATE TO {APP} USING (app_is_platform() OR {_ROWS[table][0]})"
        )
    run(
        f"""CREATE POLICY pool_read_flow ON pool FOR SELECT TO {APP} USING (flow_id IS NOT NULL AND EXISTS (
            SELECT FROM forward_flow f WHERE f.flow_id = pool.flow_id AND f.buyer_org_id = app_org_id()))"""
    )


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


_DEFINER = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp"
_NO = "USING ERRCODE = 'insufficient_privilege'"
_PARTY = "app_org_id() IN (seller_org_id, buyer_org_id)"
_OF_FLOW = "EXISTS (SELECT FROM forward_flow f WHERE f.flow_id = {0}.flow_id)"
_ROWS = {
    "forward_flow": (_PARTY, "proposed_by_org_id = app_org_id()"),
    "forward_flow_signature": (_OF_FLOW.format("forward_flow_signature"), "org_id = app_org_id()"),
    "forward_flow_period": (_OF_FLOW.format("forward_flow_period"), _OF_FLOW.format("forward_flow_period")),
    "forward_flow_delivery": (_PARTY, "seller_org_id = app_org_id()"),
    "pool_trait": ("false", "app_is_platform()"),
}
_MOVES = {
    "forward_flow": "state, accepted_at, noticed_at, noticed_by_org_id, ends_on, ended_at, end_reason",
    "forward_flow_period": "missed_at, voided_at",
}
_CENTS = "BETWEEN 1 AND 1000000000000000"


def _org(table: str, column: str) -> str:
    return f"{column} uuid NOT NULL CONSTRAINT fk_{table}_{column}_organisation REFERENCES organisation (org_id)"


def _person(table: str, column: str) -> str:
    return f"{column} uuid NOT NULL CONSTRAINT fk_{table}_{column}_person REFERENCES person (user_id)"


_TABLES = (
    f"""CREATE TABLE forward_flow (
        flow_id uuid NOT NULL CONSTRAINT pk_forward_flow PRIMARY KEY,
        reference text NOT NULL CONSTRAINT uq_forward_flow_reference UNIQUE
            CONSTRAINT ck_forward_flow_reference CHECK (reference ~ '^FLOW-[0-9A-Z]{{10}}-[0-9]{{2}}$'),
        {_org("forward_flow", "seller_org_id")},
        {_org("forward_flow", "buyer_org_id")},
        {_org("forward_flow", "proposed_by_org_id")},
        {_person("forward_flow", "proposed_by")},
        currency text NOT NULL CONSTRAINT ck_forward_flow_currency CHECK (currency ~ '^[A-Z]{{3}}$'),
        price_bps bigint NOT NULL CONSTRAINT ck_forward_flow_price_bps CHECK (price_bps BETWEEN 1 AND 10000),
        states text[] NOT NULL,
        debt_types text[] NOT NULL,
        debtor_types text[] NOT NULL,
        min_face_value_cents bigint,
        max_face_value_cents bigint,
        min_age_days bigint,
        max_age_days bigint,
        min_volume_cents bigint NOT NULL,
        max_volume_cents bigint NOT NULL,
        rhythm text NOT NULL CONSTRAINT ck_forward_flow_rhythm CHECK (rhythm IN ('weekly', 'monthly')),
        first_on date NOT NULL,
        period_count bigint NOT NULL CONSTRAINT ck_forward_flow_period_count CHECK (period_count BETWEEN 1 AND 120),
        delivery_days bigint NOT NULL CONSTRAINT ck_forward_flow_delivery_days CHECK (delivery_days BETWEEN 1 AND 20),
        notice_days bigint NOT NULL CONSTRAINT ck_forward_flow_notice_days CHECK (notice_days BETWEEN 0 AND 365),
        commission jsonb NOT NULL CONSTRAINT ck_forward_flow_commission CHECK (jsonb_typeof(commission) = 'object'),
        sale_terms jsonb NOT NULL CONSTRAINT ck_forward_flow_sale_terms CHECK (jsonb_typeof(sale_terms) = 'object'),
        facts text NOT NULL,
        pdf bytea NOT NULL,
        agreement_sha256 text NOT NULL
            CONSTRAINT ck_forward_flow_sha256 CHECK (agreement_sha256 = encode(sha256(pdf), 'hex')),
        state text NOT NULL CONSTRAINT ck_forward_flow_state CHECK (
            state IN ('proposed', 'active', 'ending', 'ended', 'declined', 'withdrawn', 'lapsed')),
        proposed_at timestamptz NOT NULL,
        answer_by_at timestamptz NOT NULL,
        accepted_at timestamptz,
        noticed_at timestamptz,
        noticed_by_org_id uuid
            CONSTRAINT fk_forward_flow_noticed_by_org_id_organisation REFERENCES organisation (org_id),
        ends_on date,
        ended_at timestamptz,
        end_reason text CONSTRAINT ck_forward_flow_end_reason CHECK (length(end_reason) BETWEEN 1 AND 500),
        CONSTRAINT uq_forward_flow_flow_id_agreement_sha256 UNIQUE (flow_id, agreement_sha256),
        CONSTRAINT ck_forward_flow_parties CHECK (
            seller_org_id <> buyer_org_id AND proposed_by_org_id IN (seller_org_id, buyer_org_id)),
        CONSTRAINT ck_forward_flow_bounds CHECK (
            min_volume_cents {_CENTS} AND max_volume_cents {_CENTS} AND min_volume_cents <= max_volume_cents
            AND coalesce(min_face_value_cents <= max_face_value_cents, true)
            AND coalesce(min_age_days <= max_age_days, true)),
        CONSTRAINT ck_forward_flow_notice CHECK (num_nulls(noticed_at, noticed_by_org_id, ends_on) IN (0, 3)
            AND (state <> 'ending' OR ends_on IS NOT NULL)),
        CONSTRAINT ck_forward_flow_accepted CHECK ((accepted_at IS NOT NULL) = (state IN ('active', 'ending', 'ended'))),
        CONSTRAINT ck_forward_flow_over CHECK (
            (ended_at IS NOT NULL) = (state IN ('ended', 'declined', 'withdrawn', 'lapsed')))
    )""",
    *(
        f"CREATE INDEX ix_forward_flow_{column} ON forward_flow ({column})"
        for column in (
            "seller_org_id",
            "buyer_org_id",
            "proposed_by_org_id",
            "proposed_by",
            "noticed_by_org_id",
            "state",
        )
    ),
    # Who signed which bytes, when; the proposal is the first signature, the acceptance the second.
    f"""CREATE TABLE forward_flow_signature (
        flow_id uuid NOT NULL,
        {_org("forward_flow_signature", "org_id")},
        party text NOT NULL CONSTRAINT ck_forward_flow_signature_party CHECK (party IN ('seller', 'buyer')),
        {_person("forward_flow_signature", "user_id")},
        typed_name text NOT NULL CONSTRAINT ck_forward_flow_signature_name CHECK (length(typed_name) BETWEEN 2 AND 140),
        agreement_sha256 text NOT NULL,
        signed_at timestamptz NOT NULL,
        CONSTRAINT pk_forward_flow_signature PRIMARY KEY (flow_id, org_id),
        CONSTRAINT uq_forward_flow_signature_flow_id_party UNIQUE (flow_id, party),
        CONSTRAINT fk_forward_flow_signature_agreement
            FOREIGN KEY (flow_id, agreement_sha256) REFERENCES forward_flow (flow_id, agreement_sha256)
    )""",
    (
        "CREATE INDEX ix_forward_flow_signature_flow_id_agreement_sha256 "
        "ON forward_flow_signature (flow_id, agreement_sha256)"
    ),
    "CREATE INDEX ix_forward_flow_signature_org_id ON forward_flow_signature (org_id)",
    "CREATE INDEX ix_forward_flow_signature_user_id ON forward_flow_signature (user_id)",
    # A period is delivered if it has a delivery, missed or void if it says so, and open otherwise.
    """CREATE TABLE forward_flow_period (
        flow_id uuid NOT NULL CONSTRAINT fk_forward_flow_period_flow_id_forward_flow REFERENCES forward_flow (flow_id),
        number bigint NOT NULL,
        first_on date NOT NULL,
        last_on date NOT NULL,
        due_at timestamptz NOT NULL,
        missed_at timestamptz,
        voided_at timestamptz,
        CONSTRAINT pk_forward_flow_period PRIMARY KEY (flow_id, number),
        CONSTRAINT ck_forward_flow_period_one_end CHECK (num_nonnulls(missed_at, voided_at) <= 1)
    )""",
    """CREATE INDEX ix_forward_flow_period_due_at ON forward_flow_period (due_at)
        WHERE missed_at IS NULL AND voided_at IS NULL""",
    f"""CREATE TABLE forward_flow_delivery (
        delivery_id uuid NOT NULL CONSTRAINT pk_forward_flow_delivery PRIMARY KEY,
        flow_id uuid NOT NULL,
        number bigint NOT NULL,
        pool_id uuid NOT NULL CONSTRAINT fk_forward_flow_delivery_pool_id_pool REFERENCES pool (pool_id),
        {_org("forward_flow_delivery", "seller_org_id")},
        {_org("forward_flow_delivery", "buyer_org_id")},
        account_count bigint NOT NULL,
        face_value_cents bigint NOT NULL,
        hammer_cents bigint NOT NULL CONSTRAINT ck_forward_flow_delivery_hammer CHECK (hammer_cents {_CENTS}),
        currency text NOT NULL,
        {_person("forward_flow_delivery", "delivered_by")},
        delivered_at timestamptz NOT NULL,
        CONSTRAINT uq_forward_flow_delivery_flow_id_number UNIQUE (flow_id, number),
        CONSTRAINT fk_forward_flow_delivery_period
            FOREIGN KEY (flow_id, number) REFERENCES forward_flow_period (flow_id, number)
    )""",
    *(
        f"CREATE INDEX ix_forward_flow_delivery_{column} ON forward_flow_delivery ({column})"
        for column in ("pool_id", "seller_org_id", "buyer_org_id", "delivered_by")
    ),
    # What a flow may ask of accounts, in the order of the sale file, a thousand to a row as in pool_balance. Null: not known.
    """CREATE TABLE pool_trait (
        pool_id uuid NOT NULL CONSTRAINT fk_pool_trait_pool_id_pool REFERENCES pool,
        first_row bigint NOT NULL CONSTRAINT ck_pool_trait_first_row CHECK (first_row % 1000 = 1),
        states text[] NOT NULL,
        debt_types text[] NOT NULL,
        debtor_types text[] NOT NULL,
        ages_days bigint[] NOT NULL,
        CONSTRAINT pk_pool_trait PRIMARY KEY (pool_id, first_row),
        CONSTRAINT ck_pool_trait_count CHECK (cardinality(states) BETWEEN 1 AND 1000
            AND cardinality(debt_types) = cardinality(states) AND cardinality(debtor_types) = cardinality(states)
            AND cardinality(ages_days) = cardinality(states))
    )""",
)

_POOL = (
    """ALTER TABLE pool ADD COLUMN flow_id uuid
        CONSTRAINT fk_pool_flow_id_forward_flow REFERENCES forward_flow (flow_id)""",
    "CREATE INDEX ix_pool_flow_id ON pool (flow_id)",
    "ALTER TABLE pool DROP CONSTRAINT ck_pool_offered",
    """ALTER TABLE pool ADD CONSTRAINT ck_pool_offered CHECK (num_nonnulls(auction_id, flow_id) <= 1
        AND (state NOT IN ('offered', 'sold')
            OR num_nulls(offered_at, circle) = 0 AND num_nonnulls(auction_id, flow_id) = 1))""",
    """CREATE OR REPLACE FUNCTION pool_guard() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
    DECLARE
        moving text[] := ARRAY['state', 'attempt_count', 'claimed_until', 'offered_at', 'auction_id', 'flow_id', 'circle'];
    BEGIN
        IF app_is_platform() AND (TG_OP = 'INSERT' OR OLD.state = 'cutting') THEN
            RETURN NEW;
        ELSIF app_is_platform() AND to_jsonb(NEW) - moving - 'sold_at' = to_jsonb(OLD) - moving - 'sold_at' THEN
            RETURN NEW;
        ELSIF TG_OP = 'INSERT' AND NEW.state = 'cutting' AND num_nonnulls(
            NEW.account_count, NEW.face_value_cents, NEW.debtor_states, NEW.strata, NEW.report, NEW.commitment_root,
            NEW.preview_sha256, NEW.vetted_sha256, NEW.sale_sha256, NEW.leaves_sha256, NEW.offered_at, NEW.auction_id,
            NEW.flow_id, NEW.circle) = 0 THEN
            RETURN NEW;
        ELSIF TG_OP = 'UPDATE' AND OLD.state = 'ready' AND NEW.state = 'offered'
            AND to_jsonb(NEW) - moving = to_jsonb(OLD) - moving THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION 'a pool stays as it was cut' USING ERRCODE = 'insufficient_privilege';
    END $$""",
)

_SETTLEMENT = (
    "ALTER TABLE settlement ALTER COLUMN auction_id DROP NOT NULL",
    """ALTER TABLE settlement
        ADD COLUMN delivery_id uuid CONSTRAINT uq_settlement_delivery_id UNIQUE
            CONSTRAINT fk_settlement_delivery_id_forward_flow_delivery REFERENCES forward_flow_delivery (delivery_id),
        ADD CONSTRAINT ck_settlement_origin CHECK (num_nonnulls(auction_id, delivery_id) = 1),
        ADD CONSTRAINT ck_settlement_deposit CHECK (auction_id IS NOT NULL OR deposit_cents = 0)""",
    # One sale of a pool lives at a time, whatever it came from.
    "DROP INDEX uq_settlement_auction_id_pool_id",
    "DROP INDEX ix_settlement_pool_id",
    "CREATE INDEX ix_settlement_auction_id_pool_id ON settlement (auction_id, pool_id)",
    "CREATE INDEX ix_settlement_pool_id ON settlement (pool_id)",
    """CREATE UNIQUE INDEX uq_settlement_pool_id ON settlement (pool_id)
        WHERE state NOT IN ('sign_default', 'buyer_default', 'seller_default', 'cancelled')""",
)

# As before, but what is found is a function of its own: a flow is about two organisations, and either may ask.
_CLEARED = (
    f"""CREATE FUNCTION screening_gap_of(org uuid, since timestamptz) RETURNS text {_DEFINER} AS $$
    DECLARE
        last_run screening_run;
    BEGIN
        IF NOT lists_are_fresh() THEN
            RETURN 'lists';
        END IF;
        SELECT * INTO last_run FROM screening_run r WHERE r.org_id = org ORDER BY screened_at DESC, run_id DESC LIMIT 1;
        IF last_run.run_id IS NULL OR (since IS NOT NULL AND (last_run.screened_at < since
            OR EXISTS (SELECT FROM screening_order o WHERE o.org_id = org AND o.done_at IS NULL)
            OR EXISTS (SELECT FROM screening_horizon h WHERE NOT h.version_id = ANY (last_run.version_ids))))
        THEN
            RETURN 'unscreened';
        END IF;
        IF EXISTS (
            SELECT FROM screening_alert a WHERE a.org_id = org
                AND (a.alert_id = ANY (last_run.alert_ids) AND NOT EXISTS (SELECT FROM screening_decision d
                        WHERE d.alert_id = a.alert_id AND d.verdict = 'false_positive')
                    OR 2 <= (SELECT count(*) FROM screening_decision d
                        WHERE d.alert_id = a.alert_id AND d.verdict = 'true_positive')))
        THEN
            RETURN 'alert';
        END IF;
        RETURN NULL;
    END $$""",
    """CREATE OR REPLACE FUNCTION screening_gap(org uuid, since timestamptz DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    BEGIN
        IF NOT app_is_platform() AND org IS DISTINCT FROM app_org_id() THEN
            RAISE EXCEPTION 'another organisation''s screening' USING ERRCODE = 'insufficient_privilege';
        END IF;
        RETURN screening_gap_of(org, since);
    END $$""",
    # The clearance that a party of a flow holds at that instant, the one that serves the flow best; no row if it has none, or
    # a check is pending. What it says of the other side is what the two agreed to be told: that, states, and the limit.
    f"""CREATE FUNCTION flow_clearance(a_flow_id uuid, a_party text, a_at timestamptz)
    RETURNS TABLE (clearance_id uuid, states text[], max_bid_cents bigint, currency text) {_DEFINER} AS $$
    #variable_conflict use_column
    DECLARE
        flow forward_flow;
        who uuid;
    BEGIN
        SELECT * INTO flow FROM forward_flow WHERE flow_id = a_flow_id;
        IF NOT app_is_platform() AND coalesce(app_org_id() NOT IN (flow.seller_org_id, flow.buyer_org_id), true) THEN
            RAISE EXCEPTION 'another organisation''s clearance' {_NO};
        END IF;
        who := CASE a_party WHEN 'seller' THEN flow.seller_org_id ELSE flow.buyer_org_id END;
        IF screening_gap_of(who, NULL) IS NOT NULL THEN RETURN; END IF;
        RETURN QUERY SELECT c.clearance_id, c.states, c.max_bid_cents, c.currency FROM clearance c
            WHERE c.org_id = who AND c.capability = CASE a_party WHEN 'seller' THEN 'list' ELSE 'bid' END
                AND c.valid_from <= a_at AND a_at < c.valid_until
                AND NOT EXISTS (SELECT FROM clearance_end e WHERE e.clearance_id = c.clearance_id)
            ORDER BY (c.currency = flow.currency) DESC, '*' = ANY (c.states) DESC, cardinality(c.states) DESC,
                c.max_bid_cents DESC, c.valid_until DESC
            LIMIT 1;
    END $$""",
)

_FUNCTIONS = (
    # Accounts of a pool that a flow does not ask for, by the term that they miss, with the first twenty rows of each.
    f"""CREATE FUNCTION flow_misfits(a_flow_id uuid, a_pool_id uuid)
    RETURNS TABLE (term text, account_count bigint, row_numbers bigint[]) {_DEFINER} AS $$
    #variable_conflict use_column
    DECLARE
        flow forward_flow;
        cut pool;
        known bigint;
    BEGIN
        SELECT * INTO flow FROM forward_flow WHERE flow_id = a_flow_id;
        SELECT * INTO cut FROM pool WHERE pool_id = a_pool_id;
        IF NOT app_is_platform() AND coalesce(app_org_id() <> cut.org_id OR cut.org_id <> flow.seller_org_id, true) THEN
            RAISE EXCEPTION 'another organisation''s pool' {_NO};
        END IF;
        SELECT coalesce(sum(cardinality(t.states)), 0) INTO known
            FROM pool_trait t JOIN pool_balance b USING (pool_id, first_row)
            WHERE t.pool_id = a_pool_id AND cardinality(t.states) = cardinality(b.balances_cents);
        IF known <> coalesce(cut.account_count, 0) OR known = 0 THEN
            RETURN QUERY SELECT 'unrecorded', coalesce(cut.account_count, 0) - known, ARRAY[]::bigint[];
            RETURN;
        END IF;
        RETURN QUERY SELECT missed.term, count(*), (array_agg(missed.row_number ORDER BY missed.row_number))[1:20]
            FROM (SELECT t.first_row + account.place - 1 AS row_number, unnest(array_remove(ARRAY[
                    CASE WHEN cardinality(flow.states) > 0 AND NOT coalesce(account.state = ANY (flow.states), false)
                        THEN 'states' END,
                    CASE WHEN cardinality(flow.debt_types) > 0
                        AND NOT coalesce(account.debt_type = ANY (flow.debt_types), false) THEN 'debt_types' END,
                    CASE WHEN cardinality(flow.debtor_types) > 0
                        AND NOT coalesce(account.debtor_type = ANY (flow.debtor_types), false) THEN 'debtor_types' END,
                    CASE WHEN b.balances_cents[account.place] < flow.min_face_value_cents THEN 'min_face_value_cents' END,
                    CASE WHEN b.balances_cents[account.place] > flow.max_face_value_cents THEN 'max_face_value_cents' END,
                    CASE WHEN flow.min_age_days IS NOT NULL AND NOT coalesce(account.age_days >= flow.min_age_days, false)
                        THEN 'min_age_days' END,
                    CASE WHEN flow.max_age_days IS NOT NULL AND NOT coalesce(account.age_days <= flow.max_age_days, false)
                        THEN 'max_age_days' END], NULL)) AS term
                FROM pool_trait t JOIN pool_balance b USING (pool_id, first_row),
                    LATERAL unnest(t.states, t.debt_types, t.debtor_types, t.ages_days) WITH ORDINALITY
                        AS account (state, debt_type, debtor_type, age_days, place)
                WHERE t.pool_id = a_pool_id) missed
            GROUP BY missed.term ORDER BY missed.term;
    END $$""",
    f"""CREATE FUNCTION in_default(a_flow_id uuid, a_org_id uuid) RETURNS boolean {_DEFINER} STABLE AS $$
    BEGIN
        RETURN EXISTS (SELECT FROM settlement s JOIN forward_flow_delivery d USING (delivery_id)
            WHERE d.flow_id = a_flow_id AND (s.state IN ('sign_default', 'buyer_default') AND s.buyer_org_id = a_org_id
                OR s.state = 'seller_default' AND s.seller_org_id = a_org_id));
    END $$""",
    f"""CREATE FUNCTION forward_flow_moves() RETURNS trigger {_DEFINER} AS $$
    DECLARE
        party boolean := coalesce(app_org_id() IN (NEW.seller_org_id, NEW.buyer_org_id), false);
        other uuid;
        holds boolean;
    BEGIN
        IF TG_OP = 'INSERT' THEN
            IF NEW.state <> 'proposed' OR NOT party THEN PERFORM refuse_step('a forward flow begins as a proposal'); END IF;
            RETURN NEW;
        END IF;
        PERFORM FROM clearance c WHERE NEW.state = 'active' AND c.org_id IN (NEW.seller_org_id, NEW.buyer_org_id)
            AND c.valid_until > NEW.accepted_at ORDER BY c.clearance_id FOR KEY SHARE;
        other := CASE app_org_id() WHEN OLD.seller_org_id THEN OLD.buyer_org_id ELSE OLD.seller_org_id END;
        holds := CASE OLD.state || ' ' || NEW.state
            WHEN 'proposed active' THEN party AND app_org_id() <> OLD.proposed_by_org_id
                AND NEW.accepted_at < OLD.answer_by_at
                AND 2 = (SELECT count(*) FROM forward_flow_signature s WHERE s.flow_id = OLD.flow_id
                    AND (s.org_id, s.party) IN ((OLD.seller_org_id, 'seller'), (OLD.buyer_org_id, 'buyer')))
                AND EXISTS (SELECT FROM flow_clearance(OLD.flow_id, 'seller', NEW.accepted_at))
                AND EXISTS (SELECT FROM flow_clearance(OLD.flow_id, 'buyer', NEW.accepted_at))
            WHEN 'proposed declined' THEN party AND app_org_id() <> OLD.proposed_by_org_id
            WHEN 'proposed withdrawn' THEN party AND app_org_id() = OLD.proposed_by_org_id
            WHEN 'proposed lapsed' THEN app_is_platform() AND OLD.answer_by_at <= NEW.ended_at
            WHEN 'active ending' THEN party AND NEW.noticed_by_org_id = app_org_id()
                AND (NEW.ends_on >= (NEW.noticed_at AT TIME ZONE 'UTC')::date + OLD.notice_days::integer
                    OR in_default(OLD.flow_id, other))
            ELSE OLD.state || ' ' || NEW.state IN ('active ended', 'ending ended') AND app_is_platform()
                AND NOT EXISTS (SELECT FROM forward_flow_period p WHERE p.flow_id = OLD.flow_id
                    AND num_nonnulls(p.missed_at, p.voided_at) = 0 AND NOT EXISTS (SELECT FROM forward_flow_delivery d
                        WHERE (d.flow_id, d.number) = (p.flow_id, p.number)))
            END;
        IF NOT coalesce(holds, false) THEN
            PERFORM refuse_step('a forward flow does not go from ' || OLD.state || ' to ' || NEW.state || ' like this');
        END IF;
        RETURN NEW;
    END $$""",
    # The periods follow from the flow; each ends once: delivered, missed after its time, or void after a notice.
    f"""CREATE FUNCTION forward_flow_period_moves() RETURNS trigger {_DEFINER} AS $$
    DECLARE
        flow forward_flow;
        each interval;
    BEGIN
        SELECT * INTO flow FROM forward_flow WHERE flow_id = NEW.flow_id;
        each := CASE flow.rhythm WHEN 'weekly' THEN interval '7 days' ELSE interval '1 month' END;
        IF TG_OP = 'INSERT' THEN
            IF flow.state <> 'active' OR num_nonnulls(NEW.missed_at, NEW.voided_at) > 0
                OR NEW.number NOT BETWEEN 1 AND flow.period_count
                OR NEW.first_on <> (flow.first_on + each * (NEW.number - 1)::integer)::date
                OR NEW.last_on <> (flow.first_on + each * NEW.number::integer)::date - 1
                OR NEW.due_at NOT BETWEEN NEW.last_on AND NEW.last_on + interval '60 days' THEN
                PERFORM refuse_step('the periods follow from the forward flow');
            END IF;
            RETURN NEW;
        END IF;
        IF num_nonnulls(OLD.missed_at, OLD.voided_at) > 0 OR EXISTS (SELECT FROM forward_flow_delivery d
            WHERE (d.flow_id, d.number) = (NEW.flow_id, NEW.number)) THEN
            PERFORM refuse_step('a period ends once');
        ELSIF NEW.missed_at IS NOT NULL AND NOT (app_is_platform() AND OLD.due_at <= NEW.missed_at) THEN
            PERFORM refuse_step('a period is missed when its time is over');
        ELSIF NEW.voided_at IS NOT NULL AND NOT (flow.state = 'ending' AND (OLD.first_on > flow.ends_on
            OR in_default(flow.flow_id, CASE flow.noticed_by_org_id WHEN flow.seller_org_id THEN flow.buyer_org_id
                ELSE flow.seller_org_id END))) THEN
            PERFORM refuse_step('a period is void once the forward flow ends before it');
        END IF;
        RETURN NEW;
    END $$""",
    f"""CREATE FUNCTION delivery_follows() RETURNS trigger {_DEFINER} AS $$
    DECLARE
        flow forward_flow;
        sold pool;
        buyer record;
    BEGIN
        SELECT * INTO flow FROM forward_flow WHERE flow_id = NEW.flow_id AND state IN ('active', 'ending') FOR SHARE;
        SELECT * INTO sold FROM pool WHERE pool_id = NEW.pool_id;
        PERFORM FROM forward_flow_period p WHERE (p.flow_id, p.number) = (NEW.flow_id, NEW.number)
            AND num_nonnulls(p.missed_at, p.voided_at) = 0 AND NEW.delivered_at < p.due_at
            AND p.first_on <= (NEW.delivered_at AT TIME ZONE 'UTC')::date FOR UPDATE;
        IF NOT FOUND OR flow.flow_id IS NULL THEN PERFORM refuse_step('this period awaits no delivery'); END IF;
        IF (NEW.seller_org_id, NEW.buyer_org_id, NEW.currency) IS DISTINCT FROM
            (flow.seller_org_id, flow.buyer_org_id, flow.currency)
            OR (sold.org_id, sold.state, sold.flow_id, sold.currency) IS DISTINCT FROM
            (flow.seller_org_id, 'offered', flow.flow_id, flow.currency)
            OR (NEW.account_count, NEW.face_value_cents) IS DISTINCT FROM (sold.account_count, sold.face_value_cents)
            OR NEW.hammer_cents <> half_even(sold.face_value_cents::numeric * flow.price_bps, 10000)
            OR sold.face_value_cents NOT BETWEEN flow.min_volume_cents AND flow.max_volume_cents
            OR EXISTS (SELECT FROM flow_misfits(NEW.flow_id, NEW.pool_id)) THEN
            PERFORM refuse_step('the delivery is not what the forward flow asks for');
        END IF;
        -- No delivery and no end of a clearance pass each other.
        PERFORM FROM clearance c WHERE c.org_id IN (NEW.seller_org_id, NEW.buyer_org_id)
            AND c.valid_until > NEW.delivered_at ORDER BY c.clearance_id FOR KEY SHARE;
        SELECT * INTO buyer FROM flow_clearance(NEW.flow_id, 'buyer', NEW.delivered_at);
        IF buyer.clearance_id IS NULL OR buyer.currency <> flow.currency OR buyer.max_bid_cents < NEW.hammer_cents
            OR NOT (buyer.states @> sold.debtor_states OR '*' = ANY (buyer.states))
            OR NOT EXISTS (SELECT FROM flow_clearance(NEW.flow_id, 'seller', NEW.delivered_at)) THEN
            PERFORM refuse_step('a party is not cleared for this delivery');
        END IF;
        RETURN NEW;
    END $$""",
    # Whatever says that a pool is up for auction, a delivered one is not.
    f"""CREATE FUNCTION pool_is_in_no_flow() RETURNS trigger {_DEFINER} AS $$
    BEGIN
        PERFORM FROM pool WHERE pool_id = NEW.pool_id FOR SHARE;
        IF EXISTS (SELECT FROM pool WHERE pool_id = NEW.pool_id AND flow_id IS NOT NULL AND state IN ('offered', 'sold')) THEN
            PERFORM refuse_step('this pool is delivered into a forward flow');
        END IF;
        RETURN NEW;
    END $$""",
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
                AND o.amount_cents = NEW.hammer_cents AND a.currency = NEW.currency AND o.state = 'accepted')
            AND NOT EXISTS (
            SELECT FROM forward_flow_delivery d WHERE d.delivery_id = NEW.delivery_id AND d.pool_id = NEW.pool_id
                AND d.buyer_org_id = NEW.buyer_org_id AND d.seller_org_id = NEW.seller_org_id
                AND d.hammer_cents = NEW.hammer_cents AND d.currency = NEW.currency
                AND d.delivered_at = NEW.awarded_at) THEN
            PERFORM refuse_step('there is no such award');
        END IF;
        RETURN NEW;
    END $$""",
    # The terms that a sale is made on: its listing's, or its forward flow's.
    f"""CREATE FUNCTION terms_of_sale(a_auction_id uuid, a_delivery_id uuid)
    RETURNS TABLE (commission jsonb, sale_terms jsonb) {_DEFINER} STABLE AS $$
    BEGIN
        RETURN QUERY SELECT a.commission, a.sale_terms FROM auction a WHERE a.auction_id = a_auction_id
            UNION ALL SELECT f.commission, f.sale_terms FROM forward_flow f JOIN forward_flow_delivery d USING (flow_id)
            WHERE d.delivery_id = a_delivery_id;
    END $$""",
    f"""CREATE OR REPLACE FUNCTION settlement_sums_follow() RETURNS trigger {_DEFINER} AS $$
    DECLARE
        listing record;
        sold pool;
        fee bigint;
        terms jsonb;
    BEGIN
        SELECT * INTO listing FROM terms_of_sale(NEW.auction_id, NEW.delivery_id);
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
    f"""CREATE OR REPLACE FUNCTION resales_left(a_pool_id uuid, a_org_id uuid) RETURNS bigint {_DEFINER} AS $$
    BEGIN
        RETURN (SELECT coalesce((agreed.sale_terms ->> 'most_resales')::bigint, 1)
                - (SELECT count(*) FROM resale r WHERE r.settlement_id = s.settlement_id)
                - (SELECT count(DISTINCT later.pool_id) FROM account_fingerprint mine
                    JOIN account_fingerprint later ON later.fingerprint = mine.fingerprint AND later.pool_id <> mine.pool_id
                    JOIN settlement t ON t.pool_id = later.pool_id
                    JOIN release_approval b ON b.settlement_id = t.settlement_id AND b.at > released.at
                    WHERE mine.pool_id = a_pool_id)
            FROM settlement s JOIN release_approval released USING (settlement_id),
                LATERAL terms_of_sale(s.auction_id, s.delivery_id) agreed
            WHERE s.pool_id = a_pool_id AND s.buyer_org_id = a_org_id LIMIT 1);
    END $$""",
    """REVOKE ALL ON FUNCTION screening_gap_of, flow_clearance, flow_misfits, in_default, forward_flow_moves,
        forward_flow_period_moves, delivery_follows, pool_is_in_no_flow, terms_of_sale FROM PUBLIC""",
    f"GRANT EXECUTE ON FUNCTION flow_clearance, flow_misfits TO {APP}",
)

_TRIGGERS = (
    *(
        f"CREATE TRIGGER {function} BEFORE {when} ON {table} FOR EACH ROW EXECUTE FUNCTION {function}()"
        for table, function, when in (
            ("forward_flow", "forward_flow_moves", "INSERT OR UPDATE"),
            ("forward_flow_period", "forward_flow_period_moves", "INSERT OR UPDATE"),
            ("forward_flow_delivery", "delivery_follows", "INSERT"),
            ("auction", "pool_is_in_no_flow", "INSERT"),
            ("auction_pool", "pool_is_in_no_flow", "INSERT"),
        )
    ),
    *(
        f"CREATE TRIGGER {table}_in_own_name BEFORE INSERT ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION in_own_name('{column}', 'false')"
        for table, column in (
            ("forward_flow", "proposed_by"),
            ("forward_flow_signature", "user_id"),
            ("forward_flow_delivery", "delivered_by"),
        )
    ),
)
