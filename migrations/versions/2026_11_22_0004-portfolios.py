"""Tapes, portfolios, pools and the data room."""

from migrations.guard import APP, append_only, grant, own_rows_only, run

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(*_PORTFOLIO, *_POOL, *_DATA_ROOM)
    grant("portfolio", app="SELECT, INSERT, UPDATE", officer="SELECT")
    grant("tape", app="SELECT, INSERT", officer="SELECT")
    grant("portfolio_key", app="SELECT, INSERT")
    grant("refused_account", app="SELECT, INSERT, DELETE")
    grant("mapping_template", app="SELECT, INSERT, UPDATE, DELETE")
    grant("pool", app="SELECT, INSERT, UPDATE", officer="SELECT")
    grant("pool_key", app="SELECT, INSERT", officer="SELECT")
    grant("nda_acceptance", app="SELECT, INSERT", officer="SELECT")
    grant("masked_download", app="SELECT, INSERT", officer="SELECT")
    for table in ("portfolio", "tape", "portfolio_key", "refused_account", "mapping_template", "pool_key"):
        own_rows_only(table)
    # Pools offered to an invited circle are shown by a policy that comes with the invitations.
    own_rows_only("pool", also="offered_at IS NOT NULL AND circle = 'open' AND app_org_id() IS NOT NULL")
    for table in ("nda_acceptance", "masked_download"):
        own_rows_only(
            table,
            also=f"EXISTS (SELECT FROM pool p WHERE p.pool_id = {table}.pool_id AND p.org_id = app_org_id())",
        )
        append_only(table)
        # Nobody accepts terms for, or takes a file of, a pool that it may not see.
        run(
            f"CREATE POLICY {table}_of_seen_pool ON {table} AS RESTRICTIVE FOR INSERT TO {APP}"
            f" WITH CHECK (EXISTS (SELECT FROM pool p WHERE p.pool_id = {table}.pool_id))"
        )
    append_only("tape")
    run(*_OFFERED_ELSEWHERE, *_POOL_GUARD)


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


_SHA256 = "text CHECK ({0} ~ '^[0-9a-f]{{64}}$')"


def _sha256(column: str) -> str:
    return f"{column} {_SHA256.format(column)}"


_FILES = ", ".join(
    f"{_sha256(f'{stage}_sha256')}, {stage}_size_bytes bigint CHECK ({stage}_size_bytes >= 0)"
    for stage in ("preview", "vetted")
)

_PORTFOLIO = (
    f"""CREATE TABLE portfolio (
        portfolio_id uuid NOT NULL CONSTRAINT pk_portfolio PRIMARY KEY,
        org_id uuid NOT NULL CONSTRAINT fk_portfolio_org_id_organisation REFERENCES organisation,
        name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 120),
        currency text NOT NULL CHECK (currency ~ '^[A-Z]{{3}}$'),
        cut_off_on date NOT NULL,
        state text NOT NULL CHECK (state IN ('received', 'inspecting', 'mapping_needed', 'masking', 'ready', 'refused')),
        attempt_count bigint NOT NULL CHECK (attempt_count >= 0),
        claimed_until timestamptz,
        refusal jsonb CHECK (jsonb_typeof(refusal) = 'object'),
        source jsonb CHECK (jsonb_typeof(source) = 'object'),
        {_sha256("header_digest")},
        findings jsonb CHECK (jsonb_typeof(findings) = 'array'),
        mapping jsonb CHECK (jsonb_typeof(mapping) = 'object'),
        totals jsonb CHECK (jsonb_typeof(totals) = 'object'),
        strata jsonb CHECK (jsonb_typeof(strata) = 'object'),
        report jsonb CHECK (jsonb_typeof(report) = 'object'),
        {_FILES},
        created_by uuid NOT NULL CONSTRAINT fk_portfolio_created_by_person REFERENCES person,
        created_at timestamptz NOT NULL,
        CONSTRAINT ck_portfolio_refused CHECK ((state = 'refused') = (refusal IS NOT NULL)),
        CONSTRAINT ck_portfolio_masking CHECK (state NOT IN ('masking', 'ready') OR mapping IS NOT NULL),
        CONSTRAINT ck_portfolio_ready CHECK (state <> 'ready' OR (
            totals IS NOT NULL AND strata IS NOT NULL AND preview_sha256 IS NOT NULL AND vetted_sha256 IS NOT NULL))
    )""",
    "CREATE INDEX ix_portfolio_org_id ON portfolio (org_id)",
    "CREATE INDEX ix_portfolio_created_by ON portfolio (created_by)",
    "CREATE INDEX ix_portfolio_state_claimed_until ON portfolio (state, claimed_until)",
    f"""CREATE TABLE tape (
        portfolio_id uuid NOT NULL CONSTRAINT pk_tape PRIMARY KEY
            CONSTRAINT fk_tape_portfolio_id_portfolio REFERENCES portfolio,
        org_id uuid NOT NULL CONSTRAINT fk_tape_org_id_organisation REFERENCES organisation,
        {_sha256("original_sha256")} NOT NULL,
        original_size_bytes bigint NOT NULL CHECK (original_size_bytes >= 0),
        {_sha256("sealed_sha256")} NOT NULL,
        sealed_size_bytes bigint NOT NULL CHECK (sealed_size_bytes > 0),
        received_at timestamptz NOT NULL
    )""",
    "CREATE INDEX ix_tape_org_id ON tape (org_id)",
    """CREATE TABLE portfolio_key (
        portfolio_id uuid NOT NULL CONSTRAINT fk_portfolio_key_portfolio_id_portfolio REFERENCES portfolio,
        purpose text NOT NULL CHECK (purpose IN ('tape', 'token')),
        org_id uuid NOT NULL CONSTRAINT fk_portfolio_key_org_id_organisation REFERENCES organisation,
        wrapped bytea NOT NULL CHECK (octet_length(wrapped) > 32),
        CONSTRAINT pk_portfolio_key PRIMARY KEY (portfolio_id, purpose)
    )""",
    "CREATE INDEX ix_portfolio_key_org_id ON portfolio_key (org_id)",
    """CREATE TABLE refused_account (
        portfolio_id uuid NOT NULL CONSTRAINT fk_refused_account_portfolio_id_portfolio REFERENCES portfolio,
        refusal_id uuid NOT NULL,
        org_id uuid NOT NULL CONSTRAINT fk_refused_account_org_id_organisation REFERENCES organisation,
        row_number bigint NOT NULL CHECK (row_number >= 1),
        column_name text NOT NULL,
        reason text NOT NULL,
        CONSTRAINT pk_refused_account PRIMARY KEY (portfolio_id, refusal_id)
    )""",
    "CREATE INDEX ix_refused_account_org_id ON refused_account (org_id)",
    f"""CREATE TABLE mapping_template (
        template_id uuid NOT NULL CONSTRAINT pk_mapping_template PRIMARY KEY,
        org_id uuid NOT NULL CONSTRAINT fk_mapping_template_org_id_organisation REFERENCES organisation,
        name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 120),
        {_sha256("header_digest")} NOT NULL,
        columns jsonb NOT NULL CHECK (jsonb_typeof(columns) = 'object'),
        created_by uuid NOT NULL CONSTRAINT fk_mapping_template_created_by_person REFERENCES person,
        created_at timestamptz NOT NULL,
        CONSTRAINT uq_mapping_template_org_id_name UNIQUE (org_id, name)
    )""",
    "CREATE INDEX ix_mapping_template_org_id_header_digest ON mapping_template (org_id, header_digest)",
    "CREATE INDEX ix_mapping_template_created_by ON mapping_template (created_by)",
)

_POOL = (
    f"""CREATE TABLE pool (
        pool_id uuid NOT NULL CONSTRAINT pk_pool PRIMARY KEY,
        portfolio_id uuid NOT NULL CONSTRAINT fk_pool_portfolio_id_portfolio REFERENCES portfolio,
        org_id uuid NOT NULL CONSTRAINT fk_pool_org_id_organisation REFERENCES organisation,
        name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 120),
        selection jsonb NOT NULL CHECK (jsonb_typeof(selection) = 'object'),
        excluded_pool_ids uuid[] NOT NULL,
        state text NOT NULL CHECK (state IN ('cutting', 'ready', 'refused', 'offered', 'sold')),
        attempt_count bigint NOT NULL CHECK (attempt_count >= 0),
        claimed_until timestamptz,
        refusal jsonb CHECK (jsonb_typeof(refusal) = 'object'),
        account_count bigint CHECK (account_count > 0),
        face_value_cents bigint CHECK (face_value_cents > 0),
        currency text NOT NULL CHECK (currency ~ '^[A-Z]{{3}}$'),
        debtor_states text[],
        strata jsonb CHECK (jsonb_typeof(strata) = 'object'),
        report jsonb CHECK (jsonb_typeof(report) = 'object'),
        {_sha256("tape_version")} NOT NULL,
        {_sha256("commitment_root")},
        {_FILES},
        {_sha256("sale_sha256")},
        sale_size_bytes bigint CHECK (sale_size_bytes > 0),
        {_sha256("leaves_sha256")},
        leaves_size_bytes bigint CHECK (leaves_size_bytes > 0),
        offered_at timestamptz,
        auction_id uuid,
        circle text CHECK (circle IN ('open', 'invited')),
        sold_at timestamptz,
        created_by uuid NOT NULL CONSTRAINT fk_pool_created_by_person REFERENCES person,
        created_at timestamptz NOT NULL,
        CONSTRAINT ck_pool_refused CHECK ((state = 'refused') = (refusal IS NOT NULL)),
        CONSTRAINT ck_pool_cut CHECK (state IN ('cutting', 'refused') OR num_nulls(
            account_count, face_value_cents, debtor_states, strata, report, commitment_root,
            preview_sha256, preview_size_bytes, vetted_sha256, vetted_size_bytes,
            sale_sha256, sale_size_bytes, leaves_sha256, leaves_size_bytes) = 0),
        CONSTRAINT ck_pool_offered CHECK (state NOT IN ('offered', 'sold') OR num_nulls(offered_at, auction_id, circle) = 0),
        CONSTRAINT ck_pool_sold CHECK ((state = 'sold') = (sold_at IS NOT NULL))
    )""",
    "CREATE INDEX ix_pool_portfolio_id ON pool (portfolio_id)",
    "CREATE INDEX ix_pool_org_id ON pool (org_id)",
    "CREATE INDEX ix_pool_created_by ON pool (created_by)",
    "CREATE INDEX ix_pool_state_claimed_until ON pool (state, claimed_until)",
    "CREATE INDEX ix_pool_offered_at ON pool (offered_at)",
    """CREATE TABLE pool_key (
        pool_id uuid NOT NULL CONSTRAINT fk_pool_key_pool_id_pool REFERENCES pool,
        purpose text NOT NULL CHECK (purpose IN ('sale', 'commit')),
        org_id uuid NOT NULL CONSTRAINT fk_pool_key_org_id_organisation REFERENCES organisation,
        wrapped bytea NOT NULL CHECK (octet_length(wrapped) > 32),
        CONSTRAINT pk_pool_key PRIMARY KEY (pool_id, purpose)
    )""",
    "CREATE INDEX ix_pool_key_org_id ON pool_key (org_id)",
)

_DATA_ROOM = (
    f"""CREATE TABLE nda_acceptance (
        pool_id uuid NOT NULL CONSTRAINT fk_nda_acceptance_pool_id_pool REFERENCES pool,
        org_id uuid NOT NULL CONSTRAINT fk_nda_acceptance_org_id_organisation REFERENCES organisation,
        nda_version text NOT NULL,
        {_sha256("text_sha256")} NOT NULL,
        accepted_by uuid NOT NULL CONSTRAINT fk_nda_acceptance_accepted_by_person REFERENCES person,
        accepted_at timestamptz NOT NULL,
        CONSTRAINT pk_nda_acceptance PRIMARY KEY (pool_id, org_id, nda_version)
    )""",
    "CREATE INDEX ix_nda_acceptance_org_id ON nda_acceptance (org_id)",
    "CREATE INDEX ix_nda_acceptance_accepted_by ON nda_acceptance (accepted_by)",
    f"""CREATE TABLE masked_download (
        download_id uuid NOT NULL CONSTRAINT pk_masked_download PRIMARY KEY,
        pool_id uuid NOT NULL CONSTRAINT fk_masked_download_pool_id_pool REFERENCES pool,
        org_id uuid NOT NULL CONSTRAINT fk_masked_download_org_id_organisation REFERENCES organisation,
        user_id uuid NOT NULL CONSTRAINT fk_masked_download_user_id_person REFERENCES person,
        stage text NOT NULL CHECK (stage IN ('preview', 'vetted')),
        {_sha256("file_sha256")} NOT NULL,
        downloaded_at timestamptz NOT NULL
    )""",
    "CREATE INDEX ix_masked_download_pool_id ON masked_download (pool_id)",
    "CREATE INDEX ix_masked_download_org_id ON masked_download (org_id)",
    "CREATE INDEX ix_masked_download_user_id ON masked_download (user_id)",
)

# A seller does not see all pools on offer, and yet must not offer a tape that is on offer elsewhere.
_OFFERED_ELSEWHERE = (
    """CREATE FUNCTION tape_offered_elsewhere(a_tape_version text, a_portfolio_id uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    RETURN EXISTS (SELECT FROM public.pool p WHERE p.tape_version = a_tape_version
        AND p.portfolio_id <> a_portfolio_id AND p.state IN ('offered', 'sold'))""",
    "REVOKE ALL ON FUNCTION tape_offered_elsewhere FROM PUBLIC",
    f"GRANT EXECUTE ON FUNCTION tape_offered_elsewhere TO {APP}",
)

# What a cut says of a pool is the worker's to state, once. A seller asks for a pool and offers it; no more.
_POOL_GUARD = (
    """CREATE FUNCTION pool_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
    DECLARE
        moving text[] := ARRAY['state', 'attempt_count', 'claimed_until', 'offered_at', 'auction_id', 'circle'];
    BEGIN
        IF app_is_platform() AND (TG_OP = 'INSERT' OR OLD.state = 'cutting') THEN
            RETURN NEW;
        ELSIF app_is_platform() AND to_jsonb(NEW) - moving - 'sold_at' = to_jsonb(OLD) - moving - 'sold_at' THEN
            RETURN NEW;
        ELSIF TG_OP = 'INSERT' AND NEW.state = 'cutting' AND num_nonnulls(
            NEW.account_count, NEW.face_value_cents, NEW.debtor_states, NEW.strata, NEW.report, NEW.commitment_root,
            NEW.preview_sha256, NEW.vetted_sha256, NEW.sale_sha256, NEW.leaves_sha256, NEW.offered_at, NEW.auction_id,
            NEW.circle) = 0 THEN
            RETURN NEW;
        ELSIF TG_OP = 'UPDATE' AND OLD.state = 'ready' AND NEW.state = 'offered'
            AND to_jsonb(NEW) - moving = to_jsonb(OLD) - moving THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION 'a pool stays as it was cut' USING ERRCODE = 'insufficient_privilege';
    END $$""",
    "CREATE TRIGGER pool_guard BEFORE INSERT OR UPDATE ON pool FOR EACH ROW EXECUTE FUNCTION pool_guard()",
    "ALTER POLICY pool_key_insert ON pool_key WITH CHECK (app_is_platform())",
)
