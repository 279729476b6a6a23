"""After the sale: recalls that reach every later owner, resale within its limit, requests for documents, attested destruction."""

from migrations.guard import APP, AUDITOR, OFFICER, append_only, grant, run

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(*_TABLES, *_FUNCTIONS)
    for table, (reads, writes) in _ROWS.items():
        run(
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"CREATE POLICY {table}_read ON {table} FOR SELECT TO {APP} USING (app_is_platform() OR {reads})",
            f"CREATE POLICY {table}_insert ON {table} FOR INSERT TO {APP} WITH CHECK (app_is_platform() OR {writes})",
            f"CREATE POLICY {table}_auditor ON {table} FOR SELECT TO {AUDITOR} USING (true)",
        )
        if table == "recall_notice":
            grant(table, app="SELECT, INSERT, UPDATE (confirmed_by, confirmed_at)")
            run(f"CREATE POLICY {table}_update ON {table} FOR UPDATE TO {APP} USING (org_id = app_org_id())")
        else:
            grant(table, app="SELECT, INSERT")
            append_only(table)
    for table, column in (("resale", "declared_by"), ("media_request", "asked_by"), ("destruction", "attested_by")):
        run(
            f"CREATE TRIGGER {table}_in_own_name BEFORE INSERT ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION in_own_name('{column}', 'false')"
        )


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


_DEFINER = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp"
_OF_PARTY = "EXISTS (SELECT FROM settlement s WHERE s.settlement_id = {0}.settlement_id)"
_OF = "EXISTS (SELECT FROM settlement s WHERE s.settlement_id = {0}.settlement_id AND s.{1}_org_id = app_org_id())"
_OF_REQUEST = "EXISTS (SELECT FROM media_request r WHERE r.request_id = media_answer.request_id{0})"
_ROWS = {
    "recall": (_OF_PARTY.format("recall"), _OF.format("recall", "seller")),
    "recall_notice": ("org_id = app_org_id()", "false"),
    "resale": (_OF_PARTY.format("resale"), _OF.format("resale", "buyer")),
    "media_request": (_OF_PARTY.format("media_request"), _OF.format("media_request", "buyer")),
    "media_answer": (_OF_REQUEST.format(""), _OF_REQUEST.format(" AND r.seller_org_id = app_org_id()")),
    "destruction": ("org_id = app_org_id()", "org_id = app_org_id()"),
}
_SETTLEMENT = (
    "settlement_id uuid NOT NULL CONSTRAINT fk_{0}_settlement_id_settlement REFERENCES settlement (settlement_id)"
)
_PERSON = "{1} uuid NOT NULL CONSTRAINT fk_{0}_{1}_person REFERENCES person (user_id)"

_TABLES = (
    f"""CREATE TABLE recall (
        recall_id uuid NOT NULL CONSTRAINT pk_recall PRIMARY KEY,
        {_SETTLEMENT.format("recall")},
        row_number bigint NOT NULL CONSTRAINT ck_recall_row CHECK (row_number > 0),
        ground text NOT NULL CONSTRAINT ck_recall_ground CHECK (ground IN ('bankruptcy', 'deceased', 'paid_or_settled',
            'fraud', 'wrong_amount', 'not_owned', 'out_of_statute', 'missing_media')),
        reason text NOT NULL CONSTRAINT ck_recall_reason CHECK (length(reason) BETWEEN 1 AND 500),
        {_PERSON.format("recall", "recalled_by")},
        recalled_at timestamptz NOT NULL
    )""",
    "CREATE INDEX ix_recall_settlement_id ON recall (settlement_id)",
    "CREATE INDEX ix_recall_recalled_by ON recall (recalled_by)",
    # One for every organisation that owns or owned the account since; `settlement_id` is the one that it bought by.
    f"""CREATE TABLE recall_notice (
        notice_id uuid NOT NULL CONSTRAINT pk_recall_notice PRIMARY KEY,
        recall_id uuid NOT NULL CONSTRAINT fk_recall_notice_recall_id_recall REFERENCES recall (recall_id),
        org_id uuid NOT NULL CONSTRAINT fk_recall_notice_org_id_organisation REFERENCES organisation (org_id),
        {_SETTLEMENT.format("recall_notice")},
        ground text NOT NULL,
        row_number bigint,
        tape_row bigint,
        forward_to text[] NOT NULL,
        sent_at timestamptz NOT NULL,
        confirmed_by uuid CONSTRAINT fk_recall_notice_confirmed_by_person REFERENCES person (user_id),
        confirmed_at timestamptz,
        CONSTRAINT uq_recall_notice_recall_id_settlement_id UNIQUE (recall_id, settlement_id),
        CONSTRAINT ck_recall_notice_confirmed CHECK ((confirmed_by IS NULL) = (confirmed_at IS NULL))
    )""",
    "CREATE INDEX ix_recall_notice_org_id ON recall_notice (org_id)",
    "CREATE INDEX ix_recall_notice_settlement_id ON recall_notice (settlement_id)",
    "CREATE INDEX ix_recall_notice_confirmed_by ON recall_notice (confirmed_by)",
    # A sale of accounts outside the market, as its buyer declares it.
    f"""CREATE TABLE resale (
        resale_id uuid NOT NULL CONSTRAINT pk_resale PRIMARY KEY,
        {_SETTLEMENT.format("resale")},
        first_row bigint NOT NULL,
        last_row bigint NOT NULL,
        to_name text NOT NULL CONSTRAINT ck_resale_to_name CHECK (length(to_name) BETWEEN 1 AND 200),
        sold_on date NOT NULL,
        {_PERSON.format("resale", "declared_by")},
        declared_at timestamptz NOT NULL,
        CONSTRAINT ck_resale_rows CHECK (1 <= first_row AND first_row <= last_row)
    )""",
    "CREATE INDEX ix_resale_settlement_id ON resale (settlement_id)",
    "CREATE INDEX ix_resale_declared_by ON resale (declared_by)",
    f"""CREATE TABLE media_request (
        request_id uuid NOT NULL CONSTRAINT pk_media_request PRIMARY KEY,
        {_SETTLEMENT.format("media_request")},
        seller_org_id uuid NOT NULL
            CONSTRAINT fk_media_request_seller_org_id_organisation REFERENCES organisation (org_id),
        row_number bigint NOT NULL CONSTRAINT ck_media_request_row CHECK (row_number > 0),
        kind text NOT NULL CONSTRAINT ck_media_request_kind CHECK (
            kind IN ('statement', 'application', 'contract', 'payment_history', 'judgment', 'assignment', 'other')),
        {_PERSON.format("media_request", "asked_by")},
        asked_at timestamptz NOT NULL,
        due_at timestamptz NOT NULL
    )""",
    "CREATE INDEX ix_media_request_settlement_id ON media_request (settlement_id)",
    "CREATE INDEX ix_media_request_seller_org_id ON media_request (seller_org_id)",
    "CREATE INDEX ix_media_request_asked_by ON media_request (asked_by)",
    # The document, sealed under a key of its own; or, without one, why there is none.
    f"""CREATE TABLE media_answer (
        request_id uuid NOT NULL CONSTRAINT pk_media_answer PRIMARY KEY
            CONSTRAINT fk_media_answer_request_id_media_request REFERENCES media_request (request_id),
        reason text CONSTRAINT ck_media_answer_reason CHECK (length(reason) BETWEEN 1 AND 500),
        file_sha256 text CONSTRAINT ck_media_answer_sha256 CHECK (file_sha256 ~ '^[0-9a-f]{{64}}$'),
        sealed bytea,
        wrapped_key bytea,
        {_PERSON.format("media_answer", "answered_by")},
        answered_at timestamptz NOT NULL,
        CONSTRAINT ck_media_answer_one CHECK (num_nonnulls(file_sha256, sealed, wrapped_key)
            = CASE WHEN reason IS NULL THEN 3 ELSE 0 END)
    )""",
    "CREATE INDEX ix_media_answer_answered_by ON media_answer (answered_by)",
    # Who took a masked file of a pool and did not win it has destroyed it, says this person.
    f"""CREATE TABLE destruction (
        pool_id uuid NOT NULL CONSTRAINT fk_destruction_pool_id_pool REFERENCES pool (pool_id),
        org_id uuid NOT NULL CONSTRAINT fk_destruction_org_id_organisation REFERENCES organisation (org_id),
        typed_name text NOT NULL CONSTRAINT ck_destruction_name CHECK (length(typed_name) BETWEEN 2 AND 140),
        {_PERSON.format("destruction", "attested_by")},
        attested_at timestamptz NOT NULL,
        CONSTRAINT pk_destruction PRIMARY KEY (pool_id, org_id)
    )""",
    "CREATE INDEX ix_destruction_org_id ON destruction (org_id)",
    "CREATE INDEX ix_destruction_attested_by ON destruction (attested_by)",
    "ALTER TABLE sealed_document DROP CONSTRAINT ck_sealed_document_kind",
    """ALTER TABLE sealed_document ADD CONSTRAINT ck_sealed_document_kind
        CHECK (kind IN ('agreement', 'bill_of_sale', 'affidavit', 'receipt'))""",
)

_FUNCTIONS = (
    # The row of the tape behind a row of the sale file, which keeps the tape's order; null if not every account of the
    # pool has a fingerprint.
    f"""CREATE FUNCTION tape_row(a_pool_id uuid, a_row bigint) RETURNS bigint {_DEFINER} AS $$
    BEGIN
        RETURN (SELECT r.row_number FROM (
            SELECT f.row_number, row_number() OVER (ORDER BY f.row_number) AS place, count(*) OVER () AS known
            FROM account_fingerprint f WHERE f.pool_id = a_pool_id GROUP BY f.row_number) r
            JOIN pool p ON p.pool_id = a_pool_id AND p.account_count = r.known
            WHERE r.place = a_row);
    END $$""",
    # Every released sale of the same account after this one, whoever listed it.
    f"""CREATE FUNCTION later_sales(a_settlement_id uuid, a_row bigint)
    RETURNS TABLE (settlement_id uuid, buyer_org_id uuid, tape_row bigint) {_DEFINER} AS $$
    BEGIN
        RETURN QUERY SELECT s.settlement_id, s.buyer_org_id, min(other.row_number) FROM settlement origin
            JOIN release_approval since ON since.settlement_id = origin.settlement_id
            JOIN account_fingerprint mine ON mine.pool_id = origin.pool_id
                AND mine.row_number = tape_row(origin.pool_id, a_row)
            JOIN account_fingerprint other ON other.fingerprint = mine.fingerprint AND other.pool_id <> mine.pool_id
            JOIN settlement s ON s.pool_id = other.pool_id
            JOIN release_approval a ON a.settlement_id = s.settlement_id AND a.at > since.at
            WHERE origin.settlement_id = a_settlement_id GROUP BY s.settlement_id, s.buyer_org_id LIMIT 1000;
    END $$""",
    # How many more times what `a_org_id` bought in a pool may be sold on, by the terms it was bought on; null if the
    # organisation did not buy it.
    f"""CREATE FUNCTION resales_left(a_pool_id uuid, a_org_id uuid) RETURNS bigint {_DEFINER} AS $$
    BEGIN
        RETURN (SELECT coalesce((a.sale_terms ->> 'most_resales')::bigint, 1)
                - (SELECT count(*) FROM resale r WHERE r.settlement_id = s.settlement_id)
                - (SELECT count(DISTINCT later.pool_id) FROM account_fingerprint mine
                    JOIN account_fingerprint later ON later.fingerprint = mine.fingerprint AND later.pool_id <> mine.pool_id
                    JOIN settlement t ON t.pool_id = later.pool_id
                    JOIN release_approval b ON b.settlement_id = t.settlement_id AND b.at > released.at
                    WHERE mine.pool_id = a_pool_id)
            FROM settlement s JOIN auction a USING (auction_id)
                JOIN release_approval released USING (settlement_id)
            WHERE s.pool_id = a_pool_id AND s.buyer_org_id = a_org_id LIMIT 1);
    END $$""",
    # An officer may allow a portfolio beside what its seller bought, within the limit that it was sold under.
    f"""CREATE FUNCTION resale_is_allowed() RETURNS trigger {_DEFINER} AS $$
    DECLARE
        flag double_sale_flag;
    BEGIN
        SELECT * INTO flag FROM double_sale_flag WHERE flag_id = NEW.flag_id;
        IF NEW.outcome = 'allowed' AND resales_left(flag.other_pool_id, flag.org_id) <= 0 THEN
            PERFORM refuse_step('these accounts may not be sold on');
        END IF;
        RETURN NEW;
    END $$""",
    """CREATE TRIGGER resale_is_allowed BEFORE INSERT ON double_sale_resolution
        FOR EACH ROW EXECUTE FUNCTION resale_is_allowed()""",
    f"""CREATE FUNCTION after_the_release() RETURNS trigger {_DEFINER} AS $$
    BEGIN
        IF NOT EXISTS (SELECT FROM settlement s JOIN release_approval a USING (settlement_id)
            WHERE s.settlement_id = NEW.settlement_id AND s.account_count
                >= (to_jsonb(NEW) ->> CASE TG_TABLE_NAME WHEN 'resale' THEN 'last_row' ELSE 'row_number' END)::bigint) THEN
            PERFORM refuse_step('this comes after the release, for a row of the sale file');
        END IF;
        RETURN NEW;
    END $$""",
    *(
        f"""CREATE TRIGGER {table}_after_the_release BEFORE INSERT ON {table}
            FOR EACH ROW EXECUTE FUNCTION after_the_release()"""
        for table in ("recall", "resale", "media_request")
    ),
    # Pools that were sold to somebody else after this organisation had taken a masked file of them.
    f"""CREATE FUNCTION destructions_owed(a_org_id uuid)
    RETURNS TABLE (pool_id uuid, sold_at timestamptz, attested_at timestamptz) {_DEFINER} AS $$
    BEGIN
        IF NOT app_is_platform() AND a_org_id IS DISTINCT FROM app_org_id() THEN RETURN; END IF;
        RETURN QUERY SELECT p.pool_id, p.sold_at, d.attested_at FROM pool p
            LEFT JOIN destruction d ON d.pool_id = p.pool_id AND d.org_id = a_org_id
            WHERE p.sold_at IS NOT NULL AND p.org_id <> a_org_id
                AND EXISTS (SELECT FROM masked_download m WHERE m.pool_id = p.pool_id AND m.org_id = a_org_id)
                AND NOT EXISTS (SELECT FROM settlement s JOIN release_approval r USING (settlement_id)
                    WHERE s.pool_id = p.pool_id AND s.buyer_org_id = a_org_id)
            ORDER BY p.sold_at, p.pool_id LIMIT 500;
    END $$""",
    """REVOKE ALL ON FUNCTION tape_row, later_sales, resales_left, resale_is_allowed, after_the_release, destructions_owed
        FROM PUBLIC""",
    f"GRANT EXECUTE ON FUNCTION tape_row, later_sales, resales_left, destructions_owed TO {APP}",
    f"GRANT EXECUTE ON FUNCTION resales_left TO {OFFICER}",
)
