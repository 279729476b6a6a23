"""Every format: what is due when, the commands of all formats as bids, several pools in one auction.

`due_at` is when the clock next has something to do: open, carry out an armed step, end a part, close. An auction of
packages sells several pools, so an award names its pool, and there may be several of one auction.
"""

from migrations.guard import APP, AUDITOR, OFFICER, append_only, grant, own_rows_only, run

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(*_DUE, *_COMMANDS, *_POOLS)
    grant("auction_pool", app="SELECT, INSERT", officer="SELECT")
    own_rows_only(
        "auction_pool",
        column="seller_org_id",
        also="EXISTS (SELECT FROM auction a WHERE a.auction_id = auction_pool.auction_id)",
    )
    append_only("auction_pool")
    run(*_CHECKPOINTS)
    grant("auction_checkpoint", app="SELECT, INSERT", officer="SELECT")
    append_only("auction_checkpoint")
    for function, old, new in _AMENDED:
        run(_amend(function, old, new))


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


def _amend(function: str, old: str, new: str) -> str:
    """Change one place of a function as it stands after all earlier revisions. Fails if the place is not there."""
    return f"""DO $amend$
    DECLARE
        before text := pg_get_functiondef('{function}'::regproc);
        after text := replace(before, $old${old}$old$, $new${new}$new$);
    BEGIN
        IF after = before THEN RAISE EXCEPTION '% has no such place', '{function}'; END IF;
        EXECUTE after;
    END $amend$"""


_FORMATS = "'english', 'dutch', 'sealed', 'fixed_price', 'best_offer', 'hybrid', 'two_stage', 'packages'"
_KINDS = (
    "'manual', 'proxy', 'proxy_cancel', 'buy_now', 'accept', 'arm', 'withdraw', 'seal', 'accept_counter', 'indicate',"
    " 'binding', 'package'"
)

_DUE = (
    f"""ALTER TABLE auction DROP CONSTRAINT ck_auction_format,
        ADD CONSTRAINT ck_auction_format CHECK (format IN ({_FORMATS})),
        ADD COLUMN due_at timestamptz""",
    "UPDATE auction SET due_at = CASE phase WHEN 'scheduled' THEN opens_at WHEN 'open' THEN closes_at END",
    "DROP INDEX ix_auction_opens_at",
    "DROP INDEX ix_auction_closes_at",
    "CREATE INDEX ix_auction_due_at ON auction (due_at) WHERE due_at IS NOT NULL",
    "CREATE INDEX ix_auction_opens_at_auction_id ON auction (opens_at, auction_id)",
    f"GRANT UPDATE (due_at) ON auction TO {APP}",
)

# `asked` is what a command asks for besides the amount; withdrawals and indications put no amount at stake.
_COMMANDS = (
    f"""ALTER TABLE bid DROP CONSTRAINT ck_bid_kind,
        ADD CONSTRAINT ck_bid_kind CHECK (kind IN ({_KINDS})),
        ALTER COLUMN amount_cents DROP NOT NULL,
        ADD CONSTRAINT ck_bid_stake CHECK ((amount_cents IS NULL) = (kind IN ('withdraw', 'indicate'))),
        ADD COLUMN asked text NOT NULL DEFAULT ''
            CONSTRAINT ck_bid_asked CHECK (length(asked) <= 64)""",
    f"GRANT INSERT (asked) ON bid TO {APP}",
    f"""ALTER TABLE bid_refusal DROP CONSTRAINT ck_bid_refusal_kind,
        ADD CONSTRAINT ck_bid_refusal_kind CHECK (kind IN ({_KINDS})),
        ADD COLUMN asked text NOT NULL DEFAULT ''
            CONSTRAINT ck_bid_refusal_asked CHECK (length(asked) <= 64)""",
    """ALTER TABLE registration ADD COLUMN refusal_count bigint NOT NULL DEFAULT 0
        CONSTRAINT ck_registration_refusal_count CHECK (refusal_count >= 0)""",
    f"GRANT UPDATE (refusal_count) ON registration TO {APP}",
    # An opening tells of all bids at once, a shortlist of all reasons.
    """ALTER TABLE auction_event DROP CONSTRAINT ck_auction_event_body,
        ADD CONSTRAINT ck_auction_event_body CHECK (octet_length(body) <= 4194304)""",
    # Must be empty, always.
    """CREATE OR REPLACE VIEW bid_against_the_rules AS
        SELECT b.auction_id, b.seq, b.org_id, b.clearance_id, b.placed_at
        FROM bid b
        JOIN auction a USING (auction_id)
        LEFT JOIN clearance c ON c.clearance_id = b.clearance_id AND c.org_id = b.org_id AND c.capability = 'bid'
        LEFT JOIN clearance_end x ON x.clearance_id = b.clearance_id
        LEFT JOIN registration r ON r.auction_id = b.auction_id AND r.org_id = b.org_id
        LEFT JOIN auction_event e ON e.auction_id = b.auction_id AND e.seq = b.seq
        WHERE (c.valid_from <= b.placed_at AND b.placed_at < c.valid_until
            AND (b.amount_cents IS NULL OR b.amount_cents <= c.max_bid_cents)
            AND c.currency = a.currency AND (c.states @> a.debtor_states OR '*' = ANY (c.states))
            AND (x.ended_at IS NULL OR b.placed_at < x.ended_at) AND a.org_id <> b.org_id
            AND r.auction_id IS NOT NULL AND e.seq IS NOT NULL) IS NOT TRUE""",
)

_POOLS = (
    # The pools of an auction of packages; an auction of one pool has no rows here.
    """CREATE TABLE auction_pool (
        auction_id uuid NOT NULL,
        pool_id uuid NOT NULL CONSTRAINT fk_auction_pool_pool_id_pool REFERENCES pool,
        seller_org_id uuid NOT NULL,
        CONSTRAINT pk_auction_pool PRIMARY KEY (auction_id, pool_id),
        CONSTRAINT fk_auction_pool_auction_id_seller_org_id_auction
            FOREIGN KEY (auction_id, seller_org_id) REFERENCES auction (auction_id, org_id)
    )""",
    "CREATE INDEX ix_auction_pool_pool_id ON auction_pool (pool_id)",
    "CREATE INDEX ix_auction_pool_auction_id_seller_org_id ON auction_pool (auction_id, seller_org_id)",
    "ALTER TABLE award ADD COLUMN pool_id uuid CONSTRAINT fk_award_pool_id_pool REFERENCES pool",
    "ALTER TABLE award DISABLE TRIGGER award_append_only",
    "UPDATE award w SET pool_id = a.pool_id FROM auction a WHERE a.auction_id = w.auction_id",
    "ALTER TABLE award ENABLE TRIGGER award_append_only",
    """ALTER TABLE award ALTER COLUMN pool_id SET NOT NULL, DROP CONSTRAINT pk_award,
        ADD CONSTRAINT pk_award PRIMARY KEY (auction_id, pool_id)""",
    "CREATE INDEX ix_award_pool_id ON award (pool_id)",
    """ALTER TABLE settlement DROP CONSTRAINT uq_settlement_auction_id_buyer_org_id,
        ADD CONSTRAINT uq_settlement_auction_id_pool_id UNIQUE (auction_id, pool_id)""",
    # What a hammer price of several pools comes to for one of them: in proportion to their least amounts, rounded down
    # so that the sums before and after this pool are; the shares add up to the price.
    """CREATE FUNCTION share_of_package(a_terms jsonb, a_award jsonb, a_pool_id text) RETURNS bigint
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
        WITH pool AS (
            SELECT named.pool, (o ->> 'least_cents')::numeric AS least, named.place
            FROM jsonb_array_elements_text(a_award -> 'pools') WITH ORDINALITY AS named (pool, place)
            JOIN jsonb_array_elements(a_terms -> 'pools') AS o ON o ->> 'pool' = named.pool
        ), summed AS (
            SELECT pool, sum(least) OVER (ORDER BY place) AS upto, sum(least) OVER () AS whole, least FROM pool
        )
        SELECT (div((a_award ->> 'hammer_cents')::numeric * upto, whole)
            - div((a_award ->> 'hammer_cents')::numeric * (upto - least), whole))::bigint
        FROM summed WHERE pool = a_pool_id
    $$""",
)

# A root says nothing of the log but its length: every leaf is blinded.
_CHECKPOINTS = (
    """CREATE TABLE auction_checkpoint (
        auction_id uuid NOT NULL CONSTRAINT fk_auction_checkpoint_auction_id_auction REFERENCES auction,
        size bigint NOT NULL CONSTRAINT ck_auction_checkpoint_size CHECK (size >= 1),
        root bytea NOT NULL CONSTRAINT ck_auction_checkpoint_root CHECK (octet_length(root) = 32),
        at timestamptz NOT NULL,
        public_key bytea NOT NULL CONSTRAINT ck_auction_checkpoint_public_key CHECK (octet_length(public_key) = 32),
        signature bytea NOT NULL CONSTRAINT ck_auction_checkpoint_signature CHECK (octet_length(signature) = 64),
        CONSTRAINT pk_auction_checkpoint PRIMARY KEY (auction_id, size)
    )""",
    "ALTER TABLE auction_checkpoint ENABLE ROW LEVEL SECURITY",
    f"""CREATE POLICY auction_checkpoint_read ON auction_checkpoint FOR SELECT TO {APP} USING (app_is_platform()
        OR EXISTS (SELECT FROM auction a WHERE a.auction_id = auction_checkpoint.auction_id))""",
    f"CREATE POLICY auction_checkpoint_insert ON auction_checkpoint FOR INSERT TO {APP} WITH CHECK (app_is_platform())",
    f"CREATE POLICY auction_checkpoint_officer ON auction_checkpoint FOR SELECT TO {OFFICER} USING (true)",
    f"CREATE POLICY auction_checkpoint_auditor ON auction_checkpoint FOR SELECT TO {AUDITOR} USING (true)",
)

_OF_BIDS = (
    "'bid_accepted', 'ceiling_lowered', 'bought_now', 'step_armed', 'step_disarmed', 'step_accepted', 'bid_sealed',"
    " 'offer_withdrawn', 'offer_placed', 'indication_placed', 'binding_sealed', 'package_bid', 'counter_accepted'"
)

_AMENDED = (
    ("bid_gate", "e.kind NOT IN ('bid_accepted', 'ceiling_lowered', 'bought_now')", f"e.kind NOT IN ({_OF_BIDS})"),
    # A step that was armed is taken by the clock: the bid is the arming. A bid that its bidder sealed is at most the
    # published most.
    (
        "event_follows",
        """WHEN n.kind IN ('bid_accepted', 'ceiling_lowered', 'bought_now') AND""",
        f"""WHEN n.kind IN ({_OF_BIDS}) AND (said ->> 'armed_seq') IS NULL AND""",
    ),
    (
        "event_follows",
        """WHEN 'bid_accepted' THEN 'amount_cents' WHEN 'bought_now' THEN 'price_cents'
                    ELSE 'leader_ceiling_cents' END))::bigint)""",
        """WHEN 'ceiling_lowered' THEN 'leader_ceiling_cents'
                    WHEN 'bought_now' THEN 'price_cents' WHEN 'step_armed' THEN 'price_cents'
                    WHEN 'step_accepted' THEN 'price_cents' WHEN 'counter_accepted' THEN 'price_cents'
                    WHEN 'bid_sealed' THEN 'stake' ELSE 'amount_cents' END))::bigint)""",
    ),
    (
        "event_follows",
        "SELECT n.body::jsonb AS said OFFSET 0",
        """SELECT CASE n.kind WHEN 'bid_sealed' THEN n.body::jsonb || jsonb_build_object('stake', coalesce(
                n.body::jsonb ->> 'amount_cents',
                (SELECT w.terms ->> 'most_cents' FROM auction w WHERE w.auction_id = n.auction_id)))
            ELSE n.body::jsonb END AS said OFFSET 0""",
    ),
    (
        "event_follows",
        "p.kind IN ('awarded', 'auction_failed', 'auction_cancelled')",
        "p.kind IN ('awarded', 'pools_awarded', 'auction_failed', 'auction_cancelled')",
    ),
    (
        "award_follows",
        "WHERE e.auction_id = NEW.auction_id AND e.seq = NEW.seq AND e.kind = 'awarded' AND e.at = NEW.at",
        """WHERE e.auction_id = NEW.auction_id AND e.seq = NEW.seq AND e.kind = 'pools_awarded' AND e.at = NEW.at
                AND a.currency = NEW.currency AND EXISTS (
                    SELECT FROM jsonb_array_elements(e.body::jsonb -> 'awards') AS one
                    WHERE one ->> 'bidder' = NEW.winner_org_id::text
                        AND share_of_package(a.terms, one, NEW.pool_id::text) = NEW.hammer_cents)
        ) AND NOT EXISTS (
            SELECT FROM auction_event e JOIN auction a USING (auction_id)
            WHERE e.auction_id = NEW.auction_id AND e.seq = NEW.seq AND e.kind = 'awarded' AND e.at = NEW.at
                AND a.pool_id = NEW.pool_id""",
    ),
    (
        "registration_gate",
        """NOT EXISTS (SELECT FROM nda_acceptance n WHERE n.pool_id = a.pool_id AND n.org_id = NEW.org_id)""",
        """EXISTS (
                SELECT a.pool_id UNION SELECT p.pool_id FROM auction_pool p WHERE p.auction_id = a.auction_id
                EXCEPT SELECT n.pool_id FROM nda_acceptance n WHERE n.org_id = NEW.org_id)""",
    ),
    ("settlement_is_of_award", "AND a.pool_id = NEW.pool_id AND", "AND w.pool_id = NEW.pool_id AND"),
)
