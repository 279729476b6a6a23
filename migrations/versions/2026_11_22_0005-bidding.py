"""Auctions, their events, bids, registrations, awards, and the gate that every bid passes in the database.

The tables that every bid touches (auction_event, bid, bid_refusal) carry their auction's id in every key. Checks that
would run once per row are made once per statement there, by triggers that see all its rows: a batch costs little.
"""

from migrations.guard import APP, AUDITOR, append_only, grant, own_rows_only, run

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(*_AUCTION, *_BID, *_TAKING_PART)
    grant("auction", app="SELECT, INSERT", officer="SELECT")
    grant("auction_event", app="SELECT, INSERT", officer="SELECT")
    grant("bid", app="SELECT", officer="SELECT")
    grant("bid_refusal", app="SELECT, INSERT")
    grant("registration", app="SELECT", officer="SELECT")
    grant("invitation", app="SELECT, INSERT", officer="SELECT")
    grant("award", app="SELECT, INSERT", officer="SELECT")
    run(
        f"GRANT UPDATE (phase, seq, head, price_cents, leader_org_id, bid_count, closes_at) ON auction TO {APP}",
        # placed_at and capability are the database's own to fill in.
        f"""GRANT INSERT (auction_id, org_id, cid, seq, kind, amount_cents, confirmed, clearance_id, placed_by,
            notice, min_next_cents, received_at, decided_at) ON bid TO {APP}""",
        f"""GRANT INSERT (auction_id, org_id, seller_org_id, clearance_id, deposit_transfer_id, registered_by, at)
            ON registration TO {APP}""",
        f"GRANT UPDATE (clearance_id, deposit_transfer_id, registered_by, at, ended_at) ON registration TO {APP}",
    )
    _row_level_security()
    for table in ("auction_event", "bid", "bid_refusal", "invitation", "award"):
        append_only(table)
    run(*_FUNCTIONS, *_WRITERS, *_AUDIT)


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


def _row_level_security() -> None:
    invited = "EXISTS (SELECT FROM invitation i WHERE i.auction_id = auction.auction_id AND i.org_id = app_org_id())"
    own_rows_only("auction", also=f"app_org_id() IS NOT NULL AND (circle = 'open' OR {invited})")
    own_rows_only("bid")
    own_rows_only("bid_refusal")
    own_rows_only("registration", also="seller_org_id = app_org_id()")
    own_rows_only("invitation", column="seller_org_id", also="org_id = app_org_id()")
    own_rows_only("award", column="seller_org_id", also="winner_org_id = app_org_id()")
    run(
        f"""CREATE POLICY pool_read_invited ON pool FOR SELECT TO {APP} USING (circle = 'invited' AND EXISTS (
            SELECT FROM invitation i WHERE i.auction_id = pool.auction_id AND i.org_id = app_org_id()))"""
    )
    # Events hold ceilings and the reserve: only the platform reads them, and shows each what is for him to see. A
    # seller writes the first event of its own auction; all others come from the lane.
    run(
        "ALTER TABLE auction_event ENABLE ROW LEVEL SECURITY",
        f"CREATE POLICY auction_event_read ON auction_event FOR SELECT TO {APP} USING (app_is_platform())",
        f"""CREATE POLICY auction_event_insert ON auction_event FOR INSERT TO {APP} WITH CHECK (app_is_platform() OR (
            seq = 1 AND EXISTS (SELECT FROM auction a
                WHERE a.auction_id = auction_event.auction_id AND a.org_id = app_org_id())))""",
        f"CREATE POLICY auction_event_auditor ON auction_event FOR SELECT TO {AUDITOR} USING (true)",
    )


_AMOUNT = "BETWEEN 1 AND 1000000000000000"
_CID = "cid ~ '^[ -~]{1,64}$'"
_KINDS = "'manual', 'proxy', 'proxy_cancel', 'buy_now'"

_AUCTION = (
    # Room on each page for the new versions of a row that moves with every batch.
    f"""CREATE TABLE auction (
        auction_id uuid NOT NULL CONSTRAINT pk_auction PRIMARY KEY,
        pool_id uuid NOT NULL CONSTRAINT fk_auction_pool_id_pool REFERENCES pool,
        org_id uuid NOT NULL CONSTRAINT fk_auction_org_id_organisation REFERENCES organisation,
        format text NOT NULL CONSTRAINT ck_auction_format CHECK (format IN ('english')),
        terms jsonb NOT NULL CONSTRAINT ck_auction_terms
            CHECK (jsonb_typeof(terms) = 'object' AND NOT terms ? 'reserve_cents'),
        currency text NOT NULL CONSTRAINT ck_auction_currency CHECK (currency ~ '^[A-Z]{{3}}$'),
        debtor_states text[] NOT NULL,
        deposit_cents bigint NOT NULL
            CONSTRAINT ck_auction_deposit_cents CHECK (deposit_cents BETWEEN 0 AND 1000000000000000),
        commission jsonb NOT NULL CONSTRAINT ck_auction_commission CHECK (jsonb_typeof(commission) = 'object'),
        psa_version text NOT NULL,
        circle text NOT NULL CONSTRAINT ck_auction_circle CHECK (circle IN ('open', 'invited')),
        opens_at timestamptz NOT NULL,
        published_by uuid NOT NULL CONSTRAINT fk_auction_published_by_person REFERENCES person,
        published_at timestamptz NOT NULL,
        phase text NOT NULL CONSTRAINT ck_auction_phase CHECK (
            phase IN ('scheduled', 'open', 'paused', 'closed', 'awarded', 'failed', 'cancelled')),
        seq bigint NOT NULL CONSTRAINT ck_auction_seq CHECK (seq >= 1),
        head bytea NOT NULL CONSTRAINT ck_auction_head CHECK (octet_length(head) = 32),
        price_cents bigint CONSTRAINT ck_auction_price_cents CHECK (price_cents {_AMOUNT}),
        leader_org_id uuid,
        bid_count bigint NOT NULL CONSTRAINT ck_auction_bid_count CHECK (bid_count >= 0),
        closes_at timestamptz NOT NULL,
        CONSTRAINT uq_auction_auction_id_org_id UNIQUE (auction_id, org_id),
        CONSTRAINT ck_auction_leader CHECK ((leader_org_id IS NULL) = (price_cents IS NULL)),
        CONSTRAINT ck_auction_own_pool CHECK (leader_org_id <> org_id)
    ) WITH (fillfactor = 50)""",
    "CREATE INDEX ix_auction_pool_id ON auction (pool_id)",
    "CREATE INDEX ix_auction_org_id ON auction (org_id)",
    "CREATE INDEX ix_auction_published_by ON auction (published_by)",
    "CREATE INDEX ix_auction_phase_auction_id ON auction (phase, auction_id)",
    "CREATE INDEX ix_auction_opens_at ON auction (opens_at) WHERE phase = 'scheduled'",
    "CREATE INDEX ix_auction_closes_at ON auction (closes_at) WHERE phase IN ('scheduled', 'open')",
    # Its auction exists and its predecessor too: the trigger below sees to both, once per statement.
    """CREATE TABLE auction_event (
        auction_id uuid NOT NULL,
        seq bigint NOT NULL CONSTRAINT ck_auction_event_seq CHECK (seq >= 1),
        at timestamptz NOT NULL,
        kind text NOT NULL,
        body text NOT NULL CONSTRAINT ck_auction_event_body CHECK (octet_length(body) <= 65536),
        hash bytea NOT NULL CONSTRAINT ck_auction_event_hash CHECK (octet_length(hash) = 32),
        CONSTRAINT pk_auction_event PRIMARY KEY (auction_id, seq)
    )""",
)

_BID = (
    f"""CREATE TABLE bid (
        auction_id uuid NOT NULL,
        org_id uuid NOT NULL,
        cid text NOT NULL CONSTRAINT ck_bid_cid CHECK ({_CID}),
        seq bigint NOT NULL,
        kind text NOT NULL CONSTRAINT ck_bid_kind CHECK (kind IN ({_KINDS})),
        amount_cents bigint NOT NULL CONSTRAINT ck_bid_amount_cents CHECK (amount_cents {_AMOUNT}),
        confirmed boolean NOT NULL,
        capability text NOT NULL DEFAULT 'bid' CONSTRAINT ck_bid_capability CHECK (capability = 'bid'),
        clearance_id uuid NOT NULL,
        placed_by uuid NOT NULL,
        notice text CONSTRAINT ck_bid_notice CHECK (notice IN ('OUTBID_TIE')),
        min_next_cents bigint NOT NULL,
        received_at timestamptz NOT NULL,
        decided_at timestamptz NOT NULL,
        placed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        CONSTRAINT pk_bid PRIMARY KEY (auction_id, org_id, cid),
        CONSTRAINT uq_bid_auction_id_seq UNIQUE (auction_id, seq),
        CONSTRAINT fk_bid_org_id_capability_clearance_id_clearance FOREIGN KEY (org_id, capability, clearance_id)
            REFERENCES clearance (org_id, capability, clearance_id)
    )""",
    # The bidder comes last: an index that began with it could be taken for the one that finds a bid by its key, while
    # the table is small, and would then be read from end to end for every bid.
    "CREATE INDEX ix_bid_capability_clearance_id_org_id ON bid (capability, clearance_id, org_id)",
    f"""CREATE TABLE bid_refusal (
        auction_id uuid NOT NULL,
        org_id uuid NOT NULL,
        cid text NOT NULL CONSTRAINT ck_bid_refusal_cid CHECK ({_CID}),
        kind text NOT NULL CONSTRAINT ck_bid_refusal_kind CHECK (kind IN ({_KINDS})),
        amount_cents bigint CONSTRAINT ck_bid_refusal_amount_cents CHECK (amount_cents {_AMOUNT}),
        confirmed boolean NOT NULL,
        placed_by uuid NOT NULL,
        code text NOT NULL CONSTRAINT ck_bid_refusal_code CHECK (code ~ '^[A-Z_]{{1,40}}$'),
        detail text NOT NULL CONSTRAINT ck_bid_refusal_detail CHECK (length(detail) <= 1000),
        min_next_cents bigint,
        received_at timestamptz NOT NULL,
        decided_at timestamptz NOT NULL,
        CONSTRAINT pk_bid_refusal PRIMARY KEY (auction_id, org_id, cid)
    )""",
)

_CLEARED = "FOREIGN KEY (org_id, capability, clearance_id) REFERENCES clearance (org_id, capability, clearance_id)"


def _of_seller(table: str) -> str:
    """The row names the auction's own seller, so that a CHECK on the row can keep the seller from its own pool."""
    return (
        f"CONSTRAINT fk_{table}_auction_id_seller_org_id_auction"
        " FOREIGN KEY (auction_id, seller_org_id) REFERENCES auction (auction_id, org_id)"
    )


_TAKING_PART = (
    f"""CREATE TABLE registration (
        auction_id uuid NOT NULL,
        org_id uuid NOT NULL,
        seller_org_id uuid NOT NULL,
        capability text NOT NULL DEFAULT 'bid' CONSTRAINT ck_registration_capability CHECK (capability = 'bid'),
        clearance_id uuid NOT NULL,
        deposit_transfer_id uuid,
        registered_by uuid NOT NULL CONSTRAINT fk_registration_registered_by_person REFERENCES person,
        at timestamptz NOT NULL,
        ended_at timestamptz,
        CONSTRAINT pk_registration PRIMARY KEY (auction_id, org_id),
        {_of_seller("registration")},
        CONSTRAINT fk_registration_org_id_capability_clearance_id_clearance {_CLEARED},
        CONSTRAINT ck_registration_own_pool CHECK (org_id <> seller_org_id)
    )""",
    "CREATE INDEX ix_registration_auction_id_seller_org_id ON registration (auction_id, seller_org_id)",
    "CREATE INDEX ix_registration_clearance_id_org_id_capability ON registration (clearance_id, org_id, capability)",
    "CREATE INDEX ix_registration_registered_by ON registration (registered_by)",
    f"""CREATE TABLE invitation (
        auction_id uuid NOT NULL,
        org_id uuid NOT NULL CONSTRAINT fk_invitation_org_id_organisation REFERENCES organisation,
        seller_org_id uuid NOT NULL,
        CONSTRAINT pk_invitation PRIMARY KEY (auction_id, org_id),
        {_of_seller("invitation")}
    )""",
    "CREATE INDEX ix_invitation_auction_id_seller_org_id ON invitation (auction_id, seller_org_id)",
    "CREATE INDEX ix_invitation_org_id ON invitation (org_id)",
    f"""CREATE TABLE award (
        auction_id uuid NOT NULL CONSTRAINT pk_award PRIMARY KEY,
        winner_org_id uuid NOT NULL CONSTRAINT fk_award_winner_org_id_organisation REFERENCES organisation,
        seller_org_id uuid NOT NULL,
        hammer_cents bigint NOT NULL CONSTRAINT ck_award_hammer_cents CHECK (hammer_cents {_AMOUNT}),
        currency text NOT NULL CONSTRAINT ck_award_currency CHECK (currency ~ '^[A-Z]{{3}}$'),
        seq bigint NOT NULL,
        at timestamptz NOT NULL,
        {_of_seller("award")},
        CONSTRAINT ck_award_parties CHECK (winner_org_id <> seller_org_id)
    )""",
    "CREATE INDEX ix_award_auction_id_seller_org_id ON award (auction_id, seller_org_id)",
    "CREATE INDEX ix_award_winner_org_id ON award (winner_org_id)",
)

# The plans of these functions are made once per connection, when tables may still be small: they must go by index for
# ever, whatever the statistics said then.
_BY_INDEX = "SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off"
_DEFINER = f"LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public {_BY_INDEX}"

_FUNCTIONS = (
    # What the lane must know of the bidders of a batch, found out under locks: the clearances are locked first and
    # looked at by a later statement, which sees an end that the lock waited for; the clock is read in between.
    f"""CREATE FUNCTION bidder_facts(a_auction_ids uuid[], a_org_ids uuid[]) RETURNS TABLE (
        auction_id uuid, org_id uuid, registered boolean, deposited boolean, clearance_id uuid,
        max_bid_cents bigint, right_currency boolean, uncovered_states text[], clock_at timestamptz
    ) {_DEFINER} AS $$
    #variable_conflict use_column
    DECLARE
        instant timestamptz;
    BEGIN
        IF NOT app_is_platform() THEN
            RAISE EXCEPTION 'bidders'' facts are the lane''s own' USING ERRCODE = 'insufficient_privilege';
        END IF;
        PERFORM FROM clearance c
            WHERE c.org_id = ANY (a_org_ids) AND c.capability = 'bid' AND c.valid_until > clock_timestamp()
            ORDER BY c.clearance_id FOR KEY SHARE;
        instant := clock_timestamp();
        RETURN QUERY
            SELECT w.auction_id, w.org_id, r.auction_id IS NOT NULL, r.deposit_transfer_id IS NOT NULL,
                held.clearance_id, held.max_bid_cents, held.right_currency, held.uncovered_states, instant
            FROM unnest(a_auction_ids, a_org_ids) AS w (auction_id, org_id)
            JOIN auction a ON a.auction_id = w.auction_id
            LEFT JOIN registration r
                ON r.auction_id = w.auction_id AND r.org_id = w.org_id AND r.ended_at IS NULL
            LEFT JOIN LATERAL (
                SELECT c.clearance_id, c.max_bid_cents, c.currency = a.currency AS right_currency, u.uncovered_states
                FROM clearance c
                CROSS JOIN LATERAL (SELECT ARRAY(
                    SELECT s FROM unnest(a.debtor_states) AS s WHERE NOT c.states && ARRAY[s, '*'] ORDER BY s
                ) AS uncovered_states) u
                WHERE c.org_id = w.org_id AND c.capability = 'bid'
                    AND c.valid_from <= instant AND instant < c.valid_until
                    AND NOT EXISTS (SELECT FROM clearance_end e WHERE e.clearance_id = c.clearance_id)
                ORDER BY (c.currency = a.currency) DESC, cardinality(u.uncovered_states), c.valid_from DESC
                LIMIT 1
            ) held ON true;
    END $$""",
    # Lock, then look, each in its own statement; every row of the statement must pass.
    f"""CREATE FUNCTION bid_gate() RETURNS trigger {_DEFINER} AS $$
    DECLARE
        instant timestamptz;
        flaw text;
    BEGIN
        PERFORM FROM clearance c WHERE c.clearance_id IN (SELECT p.clearance_id FROM placed p)
            ORDER BY c.clearance_id FOR KEY SHARE;
        instant := clock_timestamp();
        SELECT found.flaw INTO flaw
        FROM placed p
        LEFT JOIN auction a ON a.auction_id = p.auction_id
        LEFT JOIN registration r ON r.auction_id = p.auction_id AND r.org_id = p.org_id AND r.ended_at IS NULL
        LEFT JOIN clearance c ON c.clearance_id = p.clearance_id
        LEFT JOIN clearance_end x ON x.clearance_id = p.clearance_id
        LEFT JOIN auction_event e ON e.auction_id = p.auction_id AND e.seq = p.seq
        CROSS JOIN LATERAL (SELECT CASE
            WHEN c.clearance_id IS NULL OR c.org_id <> p.org_id OR c.capability <> 'bid' THEN 'no clearance of the bidder'
            WHEN x.clearance_id IS NOT NULL THEN 'the clearance was ended'
            WHEN instant < c.valid_from OR instant >= c.valid_until THEN 'the clearance is not valid now'
            WHEN a.auction_id IS NULL THEN 'no such auction'
            WHEN a.org_id = p.org_id THEN 'the bidder''s own pool'
            WHEN r.auction_id IS NULL THEN 'the bidder is not registered'
            WHEN a.deposit_cents > 0 AND r.deposit_transfer_id IS NULL THEN 'no deposit'
            WHEN c.currency <> a.currency THEN 'the clearance is for another currency'
            WHEN p.amount_cents > c.max_bid_cents THEN 'above the limit'
            WHEN NOT (c.states @> a.debtor_states OR '*' = ANY (c.states)) THEN 'a debtor state is not covered'
            WHEN e.seq IS NULL OR e.kind NOT IN ('bid_accepted', 'ceiling_lowered', 'bought_now')
                THEN 'no event says so'
        END AS flaw) found
        WHERE found.flaw IS NOT NULL
        LIMIT 1;
        IF flaw IS NOT NULL THEN
            RAISE EXCEPTION 'the gate refuses a bid: %', flaw USING ERRCODE = 'check_violation', CONSTRAINT = 'bid_gate';
        END IF;
        RETURN NULL;
    END $$""",
    (
        "CREATE TRIGGER bid_gate AFTER INSERT ON bid REFERENCING NEW TABLE AS placed"
        " FOR EACH STATEMENT EXECUTE FUNCTION bid_gate()"
    ),
    # An event follows the one before it, in number and in hash, and a bid among the events has passed the gate.
    f"""CREATE FUNCTION event_follows() RETURNS trigger {_DEFINER} AS $$
    DECLARE
        flaw text;
    BEGIN
        SELECT found.flaw INTO flaw
        FROM added n
        CROSS JOIN LATERAL (SELECT n.body::jsonb AS said OFFSET 0) t
        LEFT JOIN auction a ON a.auction_id = n.auction_id
        LEFT JOIN auction_event p ON p.auction_id = n.auction_id AND p.seq = n.seq - 1
        LEFT JOIN bid b ON b.auction_id = n.auction_id AND b.seq = n.seq
        CROSS JOIN LATERAL (SELECT CASE
            WHEN a.auction_id IS NULL THEN 'its auction is missing'
            WHEN n.seq > 1 AND p.seq IS NULL THEN 'the event before it is missing'
            WHEN (n.seq = 1) <> (n.kind = 'auction_scheduled') THEN 'an auction begins with its terms, and only once'
            WHEN p.kind IN ('awarded', 'auction_failed', 'auction_cancelled') THEN 'the auction has ended'
            WHEN n.hash <> sha256(coalesce(p.hash, decode(repeat('00', 32), 'hex')) || convert_to(n.body, 'UTF8'))
                THEN 'its hash does not follow'
            WHEN (said ->> 'auction_id', said ->> 'seq', said ->> 'kind')
                IS DISTINCT FROM (n.auction_id::text, n.seq::text, n.kind) THEN 'its text is of another event'
            WHEN n.kind IN ('bid_accepted', 'ceiling_lowered', 'bought_now') AND (b.org_id::text, b.cid, b.amount_cents)
                IS DISTINCT FROM (said ->> 'bidder', said ->> 'cid', (said ->> (CASE n.kind
                    WHEN 'bid_accepted' THEN 'amount_cents' WHEN 'bought_now' THEN 'price_cents'
                    ELSE 'leader_ceiling_cents' END))::bigint)
                THEN 'it tells of a bid that was not placed'
        END AS flaw) found
        WHERE found.flaw IS NOT NULL
        LIMIT 1;
        IF flaw IS NOT NULL THEN
            RAISE EXCEPTION 'an event does not follow: %', flaw
                USING ERRCODE = 'check_violation', CONSTRAINT = 'event_follows';
        END IF;
        RETURN NULL;
    END $$""",
    (
        "CREATE TRIGGER event_follows AFTER INSERT ON auction_event REFERENCING NEW TABLE AS added"
        " FOR EACH STATEMENT EXECUTE FUNCTION event_follows()"
    ),
    "REVOKE ALL ON FUNCTION bidder_facts(uuid[], uuid[]), bid_gate(), event_follows() FROM PUBLIC",
    f"GRANT EXECUTE ON FUNCTION bidder_facts(uuid[], uuid[]) TO {APP}",
)

# A member's own transaction publishes an auction as it begins, invites to it, and registers its organisation where
# nothing is missing. All that is decided afterwards is the lane's to write.
_WRITERS = (
    """ALTER POLICY auction_insert ON auction WITH CHECK (app_is_platform() OR (
        org_id = app_org_id() AND phase = 'scheduled' AND seq = 1 AND bid_count = 0 AND price_cents IS NULL
        AND EXISTS (SELECT FROM pool p WHERE p.pool_id = auction.pool_id AND p.org_id = app_org_id())))""",
    "ALTER POLICY auction_update ON auction USING (app_is_platform()) WITH CHECK (app_is_platform())",
    *(
        f"ALTER POLICY {table}_insert ON {table} WITH CHECK (app_is_platform())"
        for table in ("bid", "bid_refusal", "award")
    ),
    f"""CREATE FUNCTION award_follows() RETURNS trigger {_DEFINER} AS $$
    BEGIN
        IF NOT EXISTS (
            SELECT FROM auction_event e JOIN auction a USING (auction_id)
            WHERE e.auction_id = NEW.auction_id AND e.seq = NEW.seq AND e.kind = 'awarded' AND e.at = NEW.at
                AND e.body::jsonb ->> 'winner' = NEW.winner_org_id::text
                AND (e.body::jsonb ->> 'hammer_cents')::bigint = NEW.hammer_cents AND a.currency = NEW.currency
        ) THEN
            RAISE EXCEPTION 'no event says that this was awarded'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'award_follows';
        END IF;
        RETURN NEW;
    END $$""",
    "CREATE TRIGGER award_follows AFTER INSERT ON award FOR EACH ROW EXECUTE FUNCTION award_follows()",
    # The ledger comes with a later migration; this function looks into it when it runs.
    f"""CREATE FUNCTION registration_gate() RETURNS trigger {_DEFINER} AS $$
    DECLARE
        a auction;
        flaw text;
    BEGIN
        IF app_is_platform() THEN
            RETURN NEW;
        ELSIF TG_OP = 'UPDATE' AND NEW.ended_at IS NOT NULL
            AND to_jsonb(NEW) - 'ended_at' = to_jsonb(OLD) - 'ended_at' THEN
            RETURN NEW;
        END IF;
        SELECT * INTO a FROM auction WHERE auction_id = NEW.auction_id;
        flaw := CASE
            WHEN NEW.ended_at IS NOT NULL THEN 'it has ended'
            WHEN NEW.registered_by IS DISTINCT FROM app_user_id() THEN 'it names somebody else'
            WHEN a.circle = 'invited' AND NOT EXISTS (
                SELECT FROM invitation i WHERE i.auction_id = a.auction_id AND i.org_id = NEW.org_id)
                THEN 'no invitation'
            WHEN NOT EXISTS (SELECT FROM nda_acceptance n WHERE n.pool_id = a.pool_id AND n.org_id = NEW.org_id)
                THEN 'the terms of the data room were not accepted'
            WHEN a.deposit_cents > 0 AND NOT EXISTS (
                SELECT FROM ledger_transfer t
                WHERE t.transfer_id = NEW.deposit_transfer_id AND t.phase = 'pending'
                    AND t.debit_account_id = ledger_account_id('org:' || NEW.org_id || ':cash', a.currency)
                    AND t.credit_account_id = ledger_account_id('deposit:' || a.auction_id, a.currency)
                    AND t.amount_cents >= a.deposit_cents
                    AND NOT EXISTS (SELECT FROM ledger_resolution r WHERE r.transfer_id = t.transfer_id))
                THEN 'no such deposit is held'
        END;
        IF flaw IS NOT NULL THEN
            RAISE EXCEPTION 'not admitted to bid: %', flaw
                USING ERRCODE = 'check_violation', CONSTRAINT = 'registration_gate';
        END IF;
        RETURN NEW;
    END $$""",
    (
        "CREATE TRIGGER registration_gate BEFORE INSERT OR UPDATE ON registration"
        " FOR EACH ROW EXECUTE FUNCTION registration_gate()"
    ),
    "REVOKE ALL ON FUNCTION award_follows(), registration_gate() FROM PUBLIC",
)

_AUDIT = (
    # Must be empty, always.
    """CREATE VIEW bid_against_the_rules AS
        SELECT b.auction_id, b.seq, b.org_id, b.clearance_id, b.placed_at
        FROM bid b
        JOIN auction a USING (auction_id)
        LEFT JOIN clearance c ON c.clearance_id = b.clearance_id AND c.org_id = b.org_id AND c.capability = 'bid'
        LEFT JOIN clearance_end x ON x.clearance_id = b.clearance_id
        LEFT JOIN registration r ON r.auction_id = b.auction_id AND r.org_id = b.org_id
        LEFT JOIN auction_event e ON e.auction_id = b.auction_id AND e.seq = b.seq
        WHERE (c.valid_from <= b.placed_at AND b.placed_at < c.valid_until AND b.amount_cents <= c.max_bid_cents
            AND c.currency = a.currency AND (c.states @> a.debtor_states OR '*' = ANY (c.states))
            AND (x.ended_at IS NULL OR b.placed_at < x.ended_at) AND a.org_id <> b.org_id
            AND r.auction_id IS NOT NULL AND e.seq IS NOT NULL) IS NOT TRUE""",
    "REVOKE ALL ON bid_against_the_rules FROM PUBLIC",
    f"GRANT SELECT ON bid_against_the_rules TO {AUDITOR}",
)
