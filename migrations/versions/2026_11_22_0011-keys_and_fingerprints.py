"""Keys that turn and are destroyed, every buyer's own copy, fingerprints against double sale, saleability, resumable uploads."""

from migrations.guard import APP, append_only, grant, own_rows_only, run

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(*_COPIES, *_FINGERPRINTS, *_SALEABILITY, *_SHREDDING, *_UPLOADS)
    for table in ("buyer_copy", "double_sale_flag", "double_sale_resolution", "held_pool", "shred_order", "shredding"):
        append_only(table)
    grant("buyer_copy", app="SELECT, INSERT", officer="SELECT")
    own_rows_only(
        "buyer_copy",
        also="EXISTS (SELECT FROM pool p WHERE p.pool_id = buyer_copy.pool_id AND p.org_id = app_org_id())",
    )
    grant("platform_key", app="SELECT, INSERT")
    grant("account_fingerprint", app="SELECT, INSERT, DELETE")
    for table in ("platform_key", "account_fingerprint"):
        _platform_only(table)
    grant("double_sale_flag", app="SELECT, INSERT", officer="SELECT")
    grant("double_sale_resolution", app="SELECT", officer="SELECT, INSERT")
    grant("carve_out", app="SELECT, INSERT, DELETE", officer="SELECT")
    grant("held_pool", app="SELECT, INSERT")
    grant("shred_order", app="SELECT", officer="SELECT, INSERT")
    grant("shredding", app="SELECT, INSERT", officer="SELECT, INSERT")
    grant("upload", app="SELECT, INSERT, DELETE")
    grant("upload_part", app="SELECT, INSERT, DELETE")
    for table in (
        "double_sale_flag", "double_sale_resolution", "carve_out", "held_pool", "shred_order", "shredding",
        "upload", "upload_part",
    ):  # fmt: skip
        own_rows_only(table)
    for table in ("buyer_copy", "double_sale_flag", "carve_out", "shredding"):
        run(f"ALTER POLICY {table}_insert ON {table} WITH CHECK (app_is_platform())")
    run(*_REWRAP)


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


def _platform_only(table: str) -> None:
    """No organisation sees or writes a row, its own included."""
    run(
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"CREATE POLICY {table}_app ON {table} TO {APP} USING (app_is_platform()) WITH CHECK (app_is_platform())",
        f"CREATE POLICY {table}_auditor ON {table} FOR SELECT TO market_auditor USING (true)",
    )


_SHA256 = "text NOT NULL CHECK ({0} ~ '^[0-9a-f]{{64}}$')"
_PORTFOLIO = "portfolio_id uuid NOT NULL CONSTRAINT fk_{0}_portfolio_id_portfolio REFERENCES portfolio"
_ORG = "org_id uuid NOT NULL CONSTRAINT fk_{0}_org_id_organisation REFERENCES organisation"

# The vetted masked file under one buyer's own tokens: made once, so that its digest in the records names its buyer.
_COPIES = (
    f"""CREATE TABLE buyer_copy (
        pool_id uuid NOT NULL CONSTRAINT fk_buyer_copy_pool_id_pool REFERENCES pool,
        {_ORG.format("buyer_copy")},
        file_sha256 {_SHA256.format("file_sha256")},
        file_size_bytes bigint NOT NULL CHECK (file_size_bytes >= 0),
        made_at timestamptz NOT NULL,
        CONSTRAINT pk_buyer_copy PRIMARY KEY (pool_id, org_id)
    )""",
    "CREATE INDEX ix_buyer_copy_org_id ON buyer_copy (org_id)",
    "CREATE INDEX ix_buyer_copy_file_sha256 ON buyer_copy (file_sha256)",
)

# A fingerprint is 64 bits of a keyed function of an account's identity: nobody without the platform's key can make one.
_FINGERPRINTS = (
    """CREATE TABLE platform_key (
        name text NOT NULL CONSTRAINT pk_platform_key PRIMARY KEY,
        wrapped bytea NOT NULL CHECK (octet_length(wrapped) > 32),
        made_at timestamptz NOT NULL
    )""",
    """CREATE TABLE account_fingerprint (
        pool_id uuid NOT NULL CONSTRAINT fk_account_fingerprint_pool_id_pool REFERENCES pool,
        fingerprint bigint NOT NULL,
        row_number bigint NOT NULL,
        CONSTRAINT pk_account_fingerprint PRIMARY KEY (pool_id, fingerprint)
    )""",
    "CREATE INDEX ix_account_fingerprint_fingerprint ON account_fingerprint (fingerprint)",
    f"""CREATE TABLE double_sale_flag (
        flag_id uuid NOT NULL CONSTRAINT pk_double_sale_flag PRIMARY KEY,
        {_ORG.format("double_sale_flag")},
        {_PORTFOLIO.format("double_sale_flag")},
        pool_id uuid CONSTRAINT fk_double_sale_flag_pool_id_pool REFERENCES pool,
        other_pool_id uuid NOT NULL CONSTRAINT fk_double_sale_flag_other_pool_id_pool REFERENCES pool,
        account_count bigint NOT NULL CHECK (account_count > 0),
        raised_at timestamptz NOT NULL
    )""",
    "CREATE INDEX ix_double_sale_flag_org_id ON double_sale_flag (org_id)",
    "CREATE INDEX ix_double_sale_flag_portfolio_id ON double_sale_flag (portfolio_id)",
    "CREATE INDEX ix_double_sale_flag_pool_id ON double_sale_flag (pool_id)",
    "CREATE INDEX ix_double_sale_flag_other_pool_id ON double_sale_flag (other_pool_id)",
    f"""CREATE TABLE double_sale_resolution (
        flag_id uuid NOT NULL CONSTRAINT pk_double_sale_resolution PRIMARY KEY
            CONSTRAINT fk_double_sale_resolution_flag_id_double_sale_flag REFERENCES double_sale_flag,
        {_ORG.format("double_sale_resolution")},
        outcome text NOT NULL CHECK (outcome IN ('allowed', 'upheld')),
        reason text NOT NULL CHECK (char_length(reason) BETWEEN 1 AND 1000),
        resolved_by uuid NOT NULL CONSTRAINT fk_double_sale_resolution_resolved_by_person REFERENCES person,
        resolved_at timestamptz NOT NULL
    )""",
    "CREATE INDEX ix_double_sale_resolution_org_id ON double_sale_resolution (org_id)",
    "CREATE INDEX ix_double_sale_resolution_resolved_by ON double_sale_resolution (resolved_by)",
    # A seller must not see other sellers' pools, and yet must be told that an account is on offer there. What an officer
    # allowed for this portfolio against that pool counts no more.
    """CREATE FUNCTION accounts_offered_elsewhere(a_pool_id uuid)
    RETURNS TABLE (other_pool_id uuid, account_count bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
        SELECT other.pool_id, count(DISTINCT mine.row_number)
        FROM pool p
        JOIN account_fingerprint mine ON mine.pool_id = p.pool_id
        JOIN account_fingerprint other ON other.fingerprint = mine.fingerprint AND other.pool_id <> mine.pool_id
        JOIN pool o ON o.pool_id = other.pool_id AND o.state IN ('offered', 'sold')
        WHERE p.pool_id = a_pool_id AND (p.org_id = app_org_id() OR app_is_platform()) AND NOT EXISTS (
            SELECT FROM double_sale_flag f JOIN double_sale_resolution r USING (flag_id)
            WHERE f.portfolio_id = p.portfolio_id AND f.other_pool_id = o.pool_id AND r.outcome = 'allowed')
        GROUP BY other.pool_id
    $$""",
    "REVOKE ALL ON FUNCTION accounts_offered_elsewhere FROM PUBLIC",
    f"GRANT EXECUTE ON FUNCTION accounts_offered_elsewhere TO {APP}",
)

# One row a rule: which rows of the tape met it, and the accounts and money that it took (an account counts once, under
# the first rule that it meets).
_SALEABILITY = (
    (
        "ALTER TABLE portfolio ADD COLUMN time_barred text NOT NULL DEFAULT 'carve_out'"
        " CHECK (time_barred IN ('carve_out', 'disclose'))"
    ),
    "ALTER TABLE portfolio ADD COLUMN saleability jsonb CHECK (jsonb_typeof(saleability) = 'object')",
    "ALTER TABLE pool ADD COLUMN saleability jsonb CHECK (jsonb_typeof(saleability) = 'object')",
    f"""CREATE TABLE carve_out (
        {_PORTFOLIO.format("carve_out")},
        rule_id text NOT NULL,
        {_ORG.format("carve_out")},
        carved boolean NOT NULL,
        met_count bigint NOT NULL CHECK (met_count > 0),
        account_count bigint NOT NULL CHECK (account_count >= 0),
        face_value_cents bigint NOT NULL CHECK (face_value_cents >= 0),
        row_numbers bigint[] NOT NULL,
        CONSTRAINT pk_carve_out PRIMARY KEY (portfolio_id, rule_id)
    )""",
    "CREATE INDEX ix_carve_out_org_id ON carve_out (org_id)",
    f"""CREATE TABLE held_pool (
        held_pool_id uuid NOT NULL CONSTRAINT pk_held_pool PRIMARY KEY,
        {_PORTFOLIO.format("held_pool")},
        {_ORG.format("held_pool")},
        name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 120),
        rule_ids text[] NOT NULL,
        account_count bigint NOT NULL CHECK (account_count > 0),
        face_value_cents bigint NOT NULL CHECK (face_value_cents >= 0),
        row_numbers bigint[] NOT NULL,
        created_by uuid NOT NULL CONSTRAINT fk_held_pool_created_by_person REFERENCES person,
        created_at timestamptz NOT NULL
    )""",
    "CREATE INDEX ix_held_pool_portfolio_id ON held_pool (portfolio_id)",
    "CREATE INDEX ix_held_pool_org_id ON held_pool (org_id)",
    "CREATE INDEX ix_held_pool_created_by ON held_pool (created_by)",
)

_SHREDDING = (
    f"""CREATE TABLE shred_order (
        order_id uuid NOT NULL CONSTRAINT pk_shred_order PRIMARY KEY,
        {_PORTFOLIO.format("shred_order")},
        {_ORG.format("shred_order")},
        reason text NOT NULL CHECK (char_length(reason) BETWEEN 1 AND 1000),
        asked_by uuid NOT NULL CONSTRAINT fk_shred_order_asked_by_person REFERENCES person,
        asked_at timestamptz NOT NULL
    )""",
    "CREATE INDEX ix_shred_order_portfolio_id ON shred_order (portfolio_id)",
    "CREATE INDEX ix_shred_order_org_id ON shred_order (org_id)",
    "CREATE INDEX ix_shred_order_asked_by ON shred_order (asked_by)",
    f"""CREATE TABLE shredding (
        portfolio_id uuid NOT NULL CONSTRAINT pk_shredding PRIMARY KEY
            CONSTRAINT fk_shredding_portfolio_id_portfolio REFERENCES portfolio,
        {_ORG.format("shredding")},
        cause text NOT NULL CHECK (cause IN ('order', 'retention', 'command')),
        order_id uuid CONSTRAINT fk_shredding_order_id_shred_order REFERENCES shred_order,
        approved_by uuid CONSTRAINT fk_shredding_approved_by_person REFERENCES person,
        wrap_count bigint NOT NULL CHECK (wrap_count >= 0),
        shredded_at timestamptz NOT NULL,
        CONSTRAINT ck_shredding_order CHECK ((cause = 'order') = (num_nonnulls(order_id, approved_by) = 2))
    )""",
    "CREATE INDEX ix_shredding_org_id ON shredding (org_id)",
    "CREATE INDEX ix_shredding_order_id ON shredding (order_id)",
    "CREATE INDEX ix_shredding_approved_by ON shredding (approved_by)",
    # The row is the deed: what it says is checked, and the keys go with it. Who approves is who acts, and did not ask.
    """CREATE FUNCTION shredding_is_due() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    BEGIN
        NEW.shredded_at := clock_timestamp();
        SELECT org_id INTO STRICT NEW.org_id FROM portfolio p WHERE p.portfolio_id = NEW.portfolio_id FOR UPDATE;
        IF org_is_held(NEW.org_id) THEN
            RAISE EXCEPTION 'the organisation is on legal hold' USING ERRCODE = 'insufficient_privilege';
        ELSIF EXISTS (SELECT FROM pool p WHERE p.portfolio_id = NEW.portfolio_id AND p.state = 'offered') THEN
            RAISE EXCEPTION 'a pool of the portfolio is on offer' USING ERRCODE = 'insufficient_privilege';
        ELSIF NEW.cause = 'order' AND NOT (NEW.approved_by IS NOT DISTINCT FROM app_user_id() AND EXISTS (
            SELECT FROM shred_order o WHERE o.order_id = NEW.order_id AND o.portfolio_id = NEW.portfolio_id
            AND o.asked_by <> NEW.approved_by)) THEN
            RAISE EXCEPTION 'who asks for a shredding does not approve it' USING ERRCODE = 'insufficient_privilege';
        ELSIF NEW.cause = 'retention' AND EXISTS (SELECT FROM pool p WHERE p.portfolio_id = NEW.portfolio_id
            AND p.state = 'sold') THEN
            RAISE EXCEPTION 'a pool of the portfolio was sold' USING ERRCODE = 'insufficient_privilege';
        ELSIF NEW.cause <> 'order' AND current_setting('app.role', true) IS DISTINCT FROM 'system' THEN
            RAISE EXCEPTION 'only the platform shreds by itself' USING ERRCODE = 'insufficient_privilege';
        END IF;
        SELECT count(*) INTO NEW.wrap_count FROM (
            SELECT wrapped FROM portfolio_key k WHERE k.portfolio_id = NEW.portfolio_id
            UNION ALL
            SELECT wrapped FROM pool_key k JOIN pool p USING (pool_id) WHERE p.portfolio_id = NEW.portfolio_id) AS wraps;
        RETURN NEW;
    END $$""",
    "CREATE TRIGGER shredding_is_due BEFORE INSERT ON shredding FOR EACH ROW EXECUTE FUNCTION shredding_is_due()",
    """CREATE FUNCTION shredding_destroys() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    BEGIN
        DELETE FROM portfolio_key k WHERE k.portfolio_id = NEW.portfolio_id;
        DELETE FROM pool_key k USING pool p WHERE p.pool_id = k.pool_id AND p.portfolio_id = NEW.portfolio_id;
        RETURN NULL;
    END $$""",
    "CREATE TRIGGER shredding_destroys AFTER INSERT ON shredding FOR EACH ROW EXECUTE FUNCTION shredding_destroys()",
    """CREATE FUNCTION portfolios_past_retention(a_before timestamptz, a_limit bigint)
    RETURNS TABLE (portfolio_id uuid, org_id uuid, created_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
        SELECT f.portfolio_id, f.org_id, f.created_at FROM portfolio f
        WHERE app_is_platform() AND f.created_at < a_before AND NOT org_is_held(f.org_id)
            AND NOT EXISTS (SELECT FROM shredding s WHERE s.portfolio_id = f.portfolio_id)
            AND NOT EXISTS (SELECT FROM pool p WHERE p.portfolio_id = f.portfolio_id AND p.state IN ('offered', 'sold'))
        ORDER BY f.portfolio_id LIMIT a_limit
    $$""",
    "REVOKE ALL ON FUNCTION portfolios_past_retention FROM PUBLIC",
    f"GRANT EXECUTE ON FUNCTION portfolios_past_retention TO {APP}",
)

_UPLOADS = (
    f"""CREATE TABLE upload (
        upload_id uuid NOT NULL CONSTRAINT pk_upload PRIMARY KEY,
        {_ORG.format("upload")},
        created_by uuid NOT NULL CONSTRAINT fk_upload_created_by_person REFERENCES person,
        name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 120),
        currency text NOT NULL CHECK (currency ~ '^[A-Z]{{3}}$'),
        cut_off_on date NOT NULL,
        length_bytes bigint NOT NULL CHECK (length_bytes > 0),
        wrapped bytea NOT NULL CHECK (octet_length(wrapped) > 32),
        created_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL
    )""",
    "CREATE INDEX ix_upload_org_id ON upload (org_id)",
    "CREATE INDEX ix_upload_created_by ON upload (created_by)",
    "CREATE INDEX ix_upload_expires_at ON upload (expires_at)",
    f"""CREATE TABLE upload_part (
        upload_id uuid NOT NULL CONSTRAINT fk_upload_part_upload_id_upload REFERENCES upload ON DELETE CASCADE,
        start_bytes bigint NOT NULL CHECK (start_bytes >= 0),
        {_ORG.format("upload_part")},
        size_bytes bigint NOT NULL CHECK (size_bytes > 0),
        sealed_sha256 {_SHA256.format("sealed_sha256")},
        CONSTRAINT pk_upload_part PRIMARY KEY (upload_id, start_bytes)
    )""",
    "CREATE INDEX ix_upload_part_org_id ON upload_part (org_id)",
)

# A rotation replaces wraps and nothing else, in tables that are otherwise never changed. `old` must stand where `new` goes,
# so that a repetition, or a key that was shredded meanwhile, changes nothing.
_REWRAP = (
    """CREATE OR REPLACE FUNCTION raise_append_only() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
    DECLARE
        wraps text[] := ARRAY['wrapped', 'wrapped_key', 'sealed_number', 'sealed_secret'];
    BEGIN
        IF TG_OP = 'UPDATE' AND TG_LEVEL = 'ROW' AND current_setting('app.rewrapping', true) = TG_TABLE_NAME
            AND current_user = (SELECT tableowner FROM pg_tables WHERE schemaname = TG_TABLE_SCHEMA
                AND tablename = TG_TABLE_NAME)
            AND to_jsonb(NEW) - wraps = to_jsonb(OLD) - wraps THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
    END $$""",
    """CREATE FUNCTION rewrap(a_table text, a_column text, a_old bytea[], a_new bytea[]) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    DECLARE
        changed bigint;
    BEGIN
        IF NOT app_is_platform() OR a_column NOT IN ('wrapped', 'wrapped_key', 'sealed_number', 'sealed_secret') THEN
            RAISE EXCEPTION 'only the platform turns keys' USING ERRCODE = 'insufficient_privilege';
        END IF;
        PERFORM set_config('app.rewrapping', a_table, true);
        EXECUTE format('UPDATE public.%I t SET %I = n.new FROM unnest($1, $2) AS n (old, new) WHERE t.%I = n.old',
            a_table, a_column, a_column) USING a_old, a_new;
        GET DIAGNOSTICS changed = ROW_COUNT;
        PERFORM set_config('app.rewrapping', '', true);
        RETURN changed;
    END $$""",
    "REVOKE ALL ON FUNCTION rewrap FROM PUBLIC",
    f"GRANT EXECUTE ON FUNCTION rewrap TO {APP}",
)
