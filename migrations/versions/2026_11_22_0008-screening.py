"""Sanctions screening: list versions and their checks, runs, alerts, decisions; bids end when the lists are old.

What must hold whatever the application does: no clearance is granted to an organisation that was not screened after it
submitted its case, or that has an alert which nobody dismissed; no bid is kept while a list is past its age; a match is
confirmed by two officers; nothing of it is ever changed, and no party sees any of it.
"""

from migrations.guard import APP, AUDITOR, OFFICER, append_only, grant, run

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(*_LISTS, *_SCREENINGS)
    grant("screening_list", app="SELECT, INSERT", officer="SELECT")
    grant("screening_check", app="SELECT, INSERT", officer="SELECT")
    grant("screening_horizon", app="SELECT", officer="SELECT")
    grant("screening_order", app="SELECT, INSERT", officer="SELECT, INSERT")
    grant("screening_run", app="SELECT, INSERT", officer="SELECT")
    grant("screening_alert", app="SELECT, INSERT", officer="SELECT")
    grant("screening_decision", app="SELECT", officer="SELECT, INSERT")
    grant("disclosed_name", app="SELECT", officer="SELECT, INSERT")
    run(f"GRANT UPDATE (done_at) ON screening_order TO {APP}")
    for table in _TABLES:
        _officers_only(table)
    for table in _TABLES:
        if table not in ("screening_order", "screening_horizon"):
            append_only(table)
    run(*_FUNCTIONS)


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


_TABLES = (
    "screening_list", "screening_check", "screening_horizon", "screening_order", "screening_run", "screening_alert",
    "screening_decision", "disclosed_name",
)  # fmt: skip


def _officers_only(table: str) -> None:
    """No party sees or writes these rows, nor an operator: the worker, officers and the auditor do."""
    trusted = "coalesce(current_setting('app.role', true), '') IN ('system', 'officer')"
    run(
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"CREATE POLICY {table}_app ON {table} TO {APP} USING ({trusted}) WITH CHECK ({trusted})",
        f"CREATE POLICY {table}_officer ON {table} TO {OFFICER} USING (true) WITH CHECK (true)",
        f"CREATE POLICY {table}_auditor ON {table} FOR SELECT TO {AUDITOR} USING (true)",
    )


def _sha256(table: str, column: str) -> str:
    return f"{column} text NOT NULL CONSTRAINT ck_{table}_{column} CHECK ({column} ~ '^[0-9a-f]{{64}}$')"


_LIST_ID = "list_id text NOT NULL CONSTRAINT ck_{0}_list_id CHECK (list_id ~ '^[a-z0-9-]{{1,40}}$')"
_ROLES = "'entity', 'trade_name', 'owner', 'director', 'signatory', 'user', 'bank'"
_OCCASIONS = "'submission', 'listing', 'registration', 'award', 'release', 'change', 'delta', 'full', 'asked'"

_LISTS = (
    f"""CREATE TABLE screening_list (
        version_id uuid NOT NULL,
        {_LIST_ID.format("screening_list")},
        published_on date,
        {_sha256("screening_list", "content_hash")},
        entry_count bigint NOT NULL CONSTRAINT ck_screening_list_entry_count CHECK (entry_count > 0),
        entries bytea NOT NULL,
        added_at timestamptz NOT NULL,
        CONSTRAINT pk_screening_list PRIMARY KEY (version_id),
        CONSTRAINT uq_screening_list_list_id_content_hash UNIQUE (list_id, content_hash),
        CONSTRAINT uq_screening_list_version_id_list_id UNIQUE (version_id, list_id)
    )""",
    """CREATE TABLE screening_check (
        check_id uuid NOT NULL,
        list_id text NOT NULL,
        version_id uuid NOT NULL,
        checked_at timestamptz NOT NULL,
        good_until timestamptz NOT NULL CONSTRAINT ck_screening_check_good_until CHECK (good_until > checked_at),
        CONSTRAINT pk_screening_check PRIMARY KEY (check_id),
        CONSTRAINT fk_screening_check_version_id_list_id_screening_list
            FOREIGN KEY (version_id, list_id) REFERENCES screening_list (version_id, list_id)
    )""",
    "CREATE INDEX ix_screening_check_version_id_list_id ON screening_check (version_id, list_id)",
    "CREATE INDEX ix_screening_check_list_id_checked_at ON screening_check (list_id, checked_at)",
    # One row a list, kept by a trigger: what the gate of every batch of bids reads.
    """CREATE TABLE screening_horizon (
        list_id text NOT NULL,
        version_id uuid NOT NULL,
        checked_at timestamptz NOT NULL,
        good_until timestamptz NOT NULL,
        CONSTRAINT pk_screening_horizon PRIMARY KEY (list_id),
        CONSTRAINT fk_screening_horizon_version_id_list_id_screening_list
            FOREIGN KEY (version_id, list_id) REFERENCES screening_list (version_id, list_id)
    )""",
    "CREATE INDEX ix_screening_horizon_version_id_list_id ON screening_horizon (version_id, list_id)",
)

_ORG = "CONSTRAINT fk_{0}_org_id_organisation FOREIGN KEY (org_id) REFERENCES organisation (org_id)"

_SCREENINGS = (
    f"""CREATE TABLE disclosed_name (
        name_id uuid NOT NULL,
        org_id uuid NOT NULL,
        role text NOT NULL CONSTRAINT ck_disclosed_name_role CHECK (role IN ({_ROLES})),
        is_person boolean NOT NULL,
        name text NOT NULL CONSTRAINT ck_disclosed_name_name CHECK (length(name) BETWEEN 1 AND 400),
        birth_date date,
        country text CONSTRAINT ck_disclosed_name_country CHECK (country ~ '^[A-Z]{{2}}$'),
        id_number text CONSTRAINT ck_disclosed_name_id_number CHECK (length(id_number) BETWEEN 1 AND 100),
        share_bps bigint CONSTRAINT ck_disclosed_name_share_bps CHECK (share_bps BETWEEN 0 AND 10000),
        holds_in text CONSTRAINT ck_disclosed_name_holds_in CHECK (length(holds_in) BETWEEN 1 AND 400),
        added_by uuid NOT NULL,
        added_at timestamptz NOT NULL,
        CONSTRAINT pk_disclosed_name PRIMARY KEY (name_id),
        {_ORG.format("disclosed_name")},
        CONSTRAINT fk_disclosed_name_added_by_person FOREIGN KEY (added_by) REFERENCES person (user_id)
    )""",
    "CREATE INDEX ix_disclosed_name_org_id ON disclosed_name (org_id)",
    "CREATE INDEX ix_disclosed_name_added_by ON disclosed_name (added_by)",
    f"""CREATE TABLE screening_order (
        order_id uuid NOT NULL,
        org_id uuid NOT NULL,
        occasion text NOT NULL CONSTRAINT ck_screening_order_occasion CHECK (occasion IN ({_OCCASIONS})),
        ordered_at timestamptz NOT NULL,
        done_at timestamptz,
        CONSTRAINT pk_screening_order PRIMARY KEY (order_id),
        {_ORG.format("screening_order")}
    )""",
    "CREATE INDEX ix_screening_order_org_id ON screening_order (org_id)",
    "CREATE INDEX ix_screening_order_waiting ON screening_order (order_id) WHERE done_at IS NULL",
    f"""CREATE TABLE screening_run (
        run_id uuid NOT NULL,
        org_id uuid NOT NULL,
        occasion text NOT NULL CONSTRAINT ck_screening_run_occasion CHECK (occasion IN ({_OCCASIONS})),
        screened_at timestamptz NOT NULL,
        algorithm text NOT NULL,
        {_sha256("screening_run", "config_hash")},
        {_sha256("screening_run", "party_hash")},
        version_ids uuid[] NOT NULL CONSTRAINT ck_screening_run_version_ids CHECK (cardinality(version_ids) > 0),
        is_full boolean NOT NULL,
        subject_count bigint NOT NULL CONSTRAINT ck_screening_run_subject_count CHECK (subject_count > 0),
        alert_ids uuid[] NOT NULL,
        suspect_share_bps bigint NOT NULL,
        results jsonb NOT NULL,
        CONSTRAINT pk_screening_run PRIMARY KEY (run_id),
        {_ORG.format("screening_run")}
    )""",
    "CREATE INDEX ix_screening_run_org_id_screened_at ON screening_run (org_id, screened_at)",
    f"""CREATE TABLE screening_alert (
        alert_id uuid NOT NULL,
        org_id uuid NOT NULL,
        run_id uuid NOT NULL,
        role text NOT NULL CONSTRAINT ck_screening_alert_role CHECK (role IN ({_ROLES})),
        name text NOT NULL,
        {_sha256("screening_alert", "subject_hash")},
        list_id text NOT NULL,
        entry_id text NOT NULL,
        {_sha256("screening_alert", "entry_hash")},
        listed_name text NOT NULL,
        score_bps bigint NOT NULL CONSTRAINT ck_screening_alert_score_bps CHECK (score_bps BETWEEN 0 AND 10000),
        rank_bps bigint NOT NULL,
        trace jsonb NOT NULL,
        raised_at timestamptz NOT NULL,
        CONSTRAINT pk_screening_alert PRIMARY KEY (alert_id),
        CONSTRAINT uq_screening_alert_pair UNIQUE (org_id, subject_hash, list_id, entry_id, entry_hash),
        CONSTRAINT fk_screening_alert_run_id_screening_run FOREIGN KEY (run_id) REFERENCES screening_run (run_id),
        {_ORG.format("screening_alert")}
    )""",
    "CREATE INDEX ix_screening_alert_run_id ON screening_alert (run_id)",
    f"""CREATE TABLE screening_decision (
        decision_id uuid NOT NULL,
        alert_id uuid NOT NULL,
        org_id uuid NOT NULL,
        verdict text NOT NULL CONSTRAINT ck_screening_decision_verdict
            CHECK (verdict IN ('false_positive', 'true_positive')),
        reason text NOT NULL CONSTRAINT ck_screening_decision_reason CHECK (length(reason) BETWEEN 10 AND 2000),
        decided_by uuid NOT NULL,
        decided_at timestamptz NOT NULL,
        CONSTRAINT pk_screening_decision PRIMARY KEY (decision_id),
        CONSTRAINT uq_screening_decision_alert_id_decided_by UNIQUE (alert_id, decided_by),
        CONSTRAINT fk_screening_decision_alert_id_screening_alert
            FOREIGN KEY (alert_id) REFERENCES screening_alert (alert_id),
        {_ORG.format("screening_decision")},
        CONSTRAINT fk_screening_decision_decided_by_person FOREIGN KEY (decided_by) REFERENCES person (user_id)
    )""",
    "CREATE INDEX ix_screening_decision_org_id ON screening_decision (org_id)",
    "CREATE INDEX ix_screening_decision_decided_by ON screening_decision (decided_by)",
)

_DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, public"
_NO = "USING ERRCODE = 'insufficient_privilege'"

_FUNCTIONS = (
    f"""CREATE FUNCTION check_moves_horizon() RETURNS trigger LANGUAGE plpgsql {_DEFINER} AS $$
    BEGIN
        INSERT INTO screening_horizon AS h (list_id, version_id, checked_at, good_until)
            VALUES (NEW.list_id, NEW.version_id, NEW.checked_at, NEW.good_until)
            ON CONFLICT (list_id) DO UPDATE SET version_id = EXCLUDED.version_id, checked_at = EXCLUDED.checked_at,
                good_until = EXCLUDED.good_until
            WHERE h.checked_at <= EXCLUDED.checked_at;
        RETURN NULL;
    END $$""",
    (
        "CREATE TRIGGER check_moves_horizon AFTER INSERT ON screening_check"
        " FOR EACH ROW EXECUTE FUNCTION check_moves_horizon()"
    ),
    # Fail closed: without any list nothing is fresh.
    f"""CREATE FUNCTION lists_are_fresh() RETURNS boolean LANGUAGE sql VOLATILE {_DEFINER} AS $$
        SELECT coalesce(bool_and(good_until > clock_timestamp()), false) FROM screening_horizon
    $$""",
    # Once dismissed, an alert stands in nobody's way while the party and the entry are what they were.
    f"""CREATE FUNCTION screening_gap(org uuid, since timestamptz DEFAULT NULL) RETURNS text
    LANGUAGE plpgsql VOLATILE {_DEFINER} AS $$
    DECLARE
        last_run screening_run;
    BEGIN
        IF NOT app_is_platform() AND org IS DISTINCT FROM app_org_id() THEN
            RAISE EXCEPTION 'another organisation''s screening' {_NO};
        END IF;
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
    f"""CREATE FUNCTION alert_is_decided() RETURNS trigger LANGUAGE plpgsql {_DEFINER} AS $$
    BEGIN
        PERFORM FROM screening_alert a WHERE a.alert_id = NEW.alert_id AND a.org_id = NEW.org_id FOR UPDATE;
        IF NOT FOUND OR NOT is_officer(NEW.decided_by) OR NEW.decided_by IS DISTINCT FROM app_user_id() THEN
            RAISE EXCEPTION 'an officer decides an alert in the own name' {_NO};
        END IF;
        IF EXISTS (SELECT FROM screening_decision d WHERE d.alert_id = NEW.alert_id AND d.verdict = 'false_positive')
            OR 2 <= (SELECT count(*) FROM screening_decision d WHERE d.alert_id = NEW.alert_id)
        THEN
            RAISE EXCEPTION 'this alert is decided' {_NO};
        END IF;
        NEW.decided_at := clock_timestamp();
        RETURN NEW;
    END $$""",
    (
        "CREATE TRIGGER alert_is_decided BEFORE INSERT ON screening_decision"
        " FOR EACH ROW EXECUTE FUNCTION alert_is_decided()"
    ),
    f"""CREATE FUNCTION clearance_is_screened() RETURNS trigger LANGUAGE plpgsql {_DEFINER} AS $$
    BEGIN
        IF screening_gap(NEW.org_id, (SELECT submitted_at FROM verification_case WHERE case_id = NEW.case_id)) IS NOT NULL
        THEN
            RAISE EXCEPTION 'a clearance rests on a screening of today''s lists without an open alert' {_NO};
        END IF;
        RETURN NEW;
    END $$""",
    (
        "CREATE TRIGGER clearance_is_screened BEFORE INSERT ON clearance"
        " FOR EACH ROW EXECUTE FUNCTION clearance_is_screened()"
    ),
    f"""CREATE FUNCTION bids_need_lists() RETURNS trigger LANGUAGE plpgsql {_DEFINER} AS $$
    BEGIN
        IF NOT lists_are_fresh() THEN
            RAISE EXCEPTION 'the gate refuses a bid: a list is past its age'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'bid_gate';
        END IF;
        RETURN NULL;
    END $$""",
    "CREATE TRIGGER bids_need_lists BEFORE INSERT ON bid FOR EACH STATEMENT EXECUTE FUNCTION bids_need_lists()",
    # As before, but nobody holds a clearance to bid while the lists are old: the lane refuses such bids in words.
    f"""CREATE OR REPLACE FUNCTION bidder_facts(a_auction_ids uuid[], a_org_ids uuid[]) RETURNS TABLE (
        auction_id uuid, org_id uuid, registered boolean, deposited boolean, clearance_id uuid,
        max_bid_cents bigint, right_currency boolean, uncovered_states text[], clock_at timestamptz
    ) LANGUAGE plpgsql {_DEFINER} AS $$
    #variable_conflict use_column
    DECLARE
        instant timestamptz;
        fresh boolean;
    BEGIN
        IF NOT app_is_platform() THEN
            RAISE EXCEPTION 'bidders'' facts are the lane''s own' USING ERRCODE = 'insufficient_privilege';
        END IF;
        PERFORM FROM clearance c
            WHERE c.org_id = ANY (a_org_ids) AND c.capability = 'bid' AND c.valid_until > clock_timestamp()
            ORDER BY c.clearance_id FOR KEY SHARE;
        instant := clock_timestamp();
        fresh := lists_are_fresh();
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
                WHERE fresh AND c.org_id = w.org_id AND c.capability = 'bid'
                    AND c.valid_from <= instant AND instant < c.valid_until
                    AND NOT EXISTS (SELECT FROM clearance_end e WHERE e.clearance_id = c.clearance_id)
                ORDER BY (c.currency = a.currency) DESC, cardinality(u.uncovered_states), c.valid_from DESC
                LIMIT 1
            ) held ON true;
    END $$""",
    """REVOKE ALL ON FUNCTION check_moves_horizon(), lists_are_fresh(), screening_gap(uuid, timestamptz),
        alert_is_decided(), clearance_is_screened(), bids_need_lists() FROM PUBLIC""",
    f"GRANT EXECUTE ON FUNCTION lists_are_fresh(), screening_gap(uuid, timestamptz) TO {APP}, {OFFICER}",
)
