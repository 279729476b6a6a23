"""Verification cases, evidence, clearances.

What must hold whatever the application does: uploader, preparer and approver are three people; a clearance repeats
what officer A prepared and officer B approved on verified evidence; only the officer role inserts grants and ends.
There is no exemption for anybody.
"""

from migrations.guard import APP, OFFICER, append_only, grant, own_rows_only, run

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(*_CASE, *_EVIDENCE, *_CLEARANCE)
    grant("verification_case", app="SELECT, INSERT", officer="SELECT")
    grant("beneficial_owner", app="SELECT, INSERT", officer="SELECT")
    grant("evidence", app="SELECT, INSERT", officer="SELECT")
    grant("evidence_verification", app="SELECT", officer="SELECT, INSERT")
    grant("clearance", app="SELECT", officer="SELECT, INSERT")
    grant("clearance_end", app="SELECT", officer="SELECT, INSERT")
    run(
        f"GRANT UPDATE (state, submitted_at) ON verification_case TO {APP}",
        f"""GRANT UPDATE (state, message, prepared_by, prepared_at, prepared_capabilities, prepared_states,
            prepared_max_bid_cents, prepared_currency, prepared_valid_until, evidence_digest, approved_by, declined_by,
            decided_at) ON verification_case TO {OFFICER}""",
    )
    files = ("verification_case", "beneficial_owner", "evidence", "evidence_verification")
    for table in (*files, "clearance", "clearance_end"):
        own_rows_only(table)
    for table in files:
        # Operators are of the platform, but evidence is none of their business.
        run(
            f"CREATE POLICY {table}_no_operator ON {table} AS RESTRICTIVE TO {APP}"
            " USING (coalesce(current_setting('app.role', true), '') <> 'operator')"
        )
    run(*_FUNCTIONS)
    for table in ("beneficial_owner", "evidence", "evidence_verification", "clearance", "clearance_end"):
        append_only(table)
    run(
        "CREATE TRIGGER verification_case_kept BEFORE DELETE ON verification_case"
        " FOR EACH ROW EXECUTE FUNCTION raise_append_only()"
    )


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


_CAPABILITIES = "cardinality({0}) > 0 AND {0} <@ ARRAY['list', 'bid']"
_STATES = "cardinality({0}) BETWEEN 1 AND 60 AND array_to_string({0}, ',', '?') ~ '^([*]|[A-Z]{{2}}(,[A-Z]{{2}})*)$'"
_AMOUNT = "{0} BETWEEN 0 AND 1000000000000000"
_SHA256 = "{0} ~ '^[0-9a-f]{{64}}$'"
_TYPES = (
    "'formation_document', 'good_standing', 'tax_form', 'ownership_declaration', 'government_id', 'sanctions_screening',"
    " 'debt_licence', 'surety_bond', 'insurance', 'rmai_certificate', 'reg_f_policy', 'data_security_programme',"
    " 'complaints_and_litigation', 'bank_account_ownership', 'signing_authority', 'chain_of_title'"
)


def _check(table: str, column: str, condition: str) -> str:
    return f"CONSTRAINT ck_{table}_{column} CHECK ({condition.format(column)})"


def _person(table: str, column: str) -> str:
    return f"CONSTRAINT fk_{table}_{column}_person FOREIGN KEY ({column}) REFERENCES person (user_id)"


def _case_key(table: str) -> str:
    return (
        f"CONSTRAINT fk_{table}_case_id_org_id_verification_case"
        " FOREIGN KEY (case_id, org_id) REFERENCES verification_case (case_id, org_id)"
    )


_CASE = (
    f"""CREATE TABLE verification_case (
        case_id uuid NOT NULL,
        org_id uuid NOT NULL,
        opened_by uuid NOT NULL,
        state text NOT NULL CONSTRAINT ck_verification_case_state CHECK (state IN
            ('draft', 'submitted', 'in_review', 'info_requested', 'prepared', 'cleared', 'declined')),
        capabilities text[] NOT NULL {_check("verification_case", "capabilities", _CAPABILITIES)},
        states text[] NOT NULL {_check("verification_case", "states", _STATES)},
        max_bid_cents bigint NOT NULL {_check("verification_case", "max_bid_cents", _AMOUNT)},
        currency text NOT NULL CONSTRAINT ck_verification_case_currency CHECK (currency ~ '^[A-Z]{{3}}$'),
        created_at timestamptz NOT NULL,
        submitted_at timestamptz,
        message text CONSTRAINT ck_verification_case_message CHECK (length(message) BETWEEN 1 AND 2000),
        prepared_by uuid,
        prepared_at timestamptz,
        prepared_capabilities text[] {_check("verification_case", "prepared_capabilities", _CAPABILITIES)},
        prepared_states text[] {_check("verification_case", "prepared_states", _STATES)},
        prepared_max_bid_cents bigint {_check("verification_case", "prepared_max_bid_cents", _AMOUNT)},
        prepared_currency text CONSTRAINT ck_verification_case_prepared_currency
            CHECK (prepared_currency ~ '^[A-Z]{{3}}$'),
        prepared_valid_until timestamptz,
        evidence_digest text {_check("verification_case", "evidence_digest", _SHA256)},
        approved_by uuid,
        declined_by uuid,
        decided_at timestamptz,
        CONSTRAINT pk_verification_case PRIMARY KEY (case_id),
        CONSTRAINT uq_verification_case_case_id_org_id UNIQUE (case_id, org_id),
        CONSTRAINT ck_verification_case_four_eyes CHECK (
            prepared_by <> approved_by AND prepared_by <> opened_by AND approved_by <> opened_by),
        CONSTRAINT ck_verification_case_submitted CHECK ((state = 'draft') = (submitted_at IS NULL)),
        CONSTRAINT ck_verification_case_prepared CHECK (CASE
            WHEN state IN ('prepared', 'cleared') THEN num_nulls(prepared_by, prepared_at, prepared_capabilities,
                prepared_states, prepared_max_bid_cents, prepared_currency, prepared_valid_until, evidence_digest) = 0
            WHEN state = 'declined' THEN true
            ELSE num_nonnulls(prepared_by, prepared_at, prepared_capabilities,
                prepared_states, prepared_max_bid_cents, prepared_currency, prepared_valid_until, evidence_digest) = 0
            END),
        CONSTRAINT ck_verification_case_asked CHECK (
            prepared_capabilities <@ capabilities AND (prepared_states <@ states OR '*' = ANY (states))),
        CONSTRAINT ck_verification_case_decided CHECK (
            (state = 'cleared') = (approved_by IS NOT NULL) AND (state = 'declined') = (declined_by IS NOT NULL)
            AND (state IN ('cleared', 'declined')) = (decided_at IS NOT NULL)),
        CONSTRAINT fk_verification_case_org_id_organisation FOREIGN KEY (org_id) REFERENCES organisation (org_id),
        CONSTRAINT fk_verification_case_opened_by_org_id_person
            FOREIGN KEY (opened_by, org_id) REFERENCES person (user_id, org_id),
        {_person("verification_case", "prepared_by")},
        {_person("verification_case", "approved_by")},
        {_person("verification_case", "declined_by")}
    )""",
    "CREATE INDEX ix_verification_case_opened_by_org_id ON verification_case (opened_by, org_id)",
    "CREATE INDEX ix_verification_case_org_id ON verification_case (org_id)",
    "CREATE INDEX ix_verification_case_state_case_id ON verification_case (state, case_id)",
    (
        "CREATE UNIQUE INDEX uq_verification_case_open ON verification_case (org_id)"
        " WHERE state NOT IN ('cleared', 'declined')"
    ),
    *(
        f"CREATE INDEX ix_verification_case_{column} ON verification_case ({column})"
        for column in ("prepared_by", "approved_by", "declined_by")
    ),
    f"""CREATE TABLE beneficial_owner (
        owner_id uuid NOT NULL,
        case_id uuid NOT NULL,
        org_id uuid NOT NULL,
        name text NOT NULL CONSTRAINT ck_beneficial_owner_name CHECK (length(name) BETWEEN 1 AND 200),
        birth_date date,
        country text NOT NULL CONSTRAINT ck_beneficial_owner_country CHECK (country ~ '^[A-Z]{{2}}$'),
        share_bps bigint NOT NULL CONSTRAINT ck_beneficial_owner_share_bps CHECK (share_bps BETWEEN 0 AND 10000),
        CONSTRAINT pk_beneficial_owner PRIMARY KEY (owner_id),
        {_case_key("beneficial_owner")}
    )""",
    "CREATE INDEX ix_beneficial_owner_case_id_org_id ON beneficial_owner (case_id, org_id)",
)

_EVIDENCE = (
    f"""CREATE TABLE evidence (
        evidence_id uuid NOT NULL,
        case_id uuid NOT NULL,
        org_id uuid NOT NULL,
        type text NOT NULL CONSTRAINT ck_evidence_type CHECK (type IN ({_TYPES})),
        file_sha256 text NOT NULL {_check("evidence", "file_sha256", _SHA256)},
        size_bytes bigint NOT NULL CONSTRAINT ck_evidence_size_bytes CHECK (size_bytes > 0),
        sealed_sha256 text NOT NULL {_check("evidence", "sealed_sha256", _SHA256)},
        wrapped_key bytea NOT NULL CONSTRAINT ck_evidence_wrapped_key CHECK (octet_length(wrapped_key) > 32),
        issuer text NOT NULL CONSTRAINT ck_evidence_issuer CHECK (length(issuer) BETWEEN 1 AND 200),
        number text NOT NULL CONSTRAINT ck_evidence_number CHECK (length(number) <= 100),
        jurisdiction text NOT NULL
            CONSTRAINT ck_evidence_jurisdiction CHECK (jurisdiction ~ '^[A-Z]{{2}}(-[A-Z0-9]{{1,3}})?$'),
        issued_on date NOT NULL,
        expires_on date CONSTRAINT ck_evidence_expires_on CHECK (expires_on > issued_on),
        uploaded_by uuid NOT NULL,
        uploaded_at timestamptz NOT NULL,
        CONSTRAINT pk_evidence PRIMARY KEY (evidence_id),
        CONSTRAINT uq_evidence_evidence_id_case_id_org_id_uploaded_by
            UNIQUE (evidence_id, case_id, org_id, uploaded_by),
        {_case_key("evidence")},
        CONSTRAINT fk_evidence_uploaded_by_org_id_person
            FOREIGN KEY (uploaded_by, org_id) REFERENCES person (user_id, org_id)
    )""",
    "CREATE INDEX ix_evidence_case_id_org_id ON evidence (case_id, org_id)",
    "CREATE INDEX ix_evidence_uploaded_by_org_id ON evidence (uploaded_by, org_id)",
    f"""CREATE TABLE evidence_verification (
        evidence_id uuid NOT NULL,
        case_id uuid NOT NULL,
        org_id uuid NOT NULL,
        uploaded_by uuid NOT NULL,
        verified_by uuid NOT NULL,
        verified_at timestamptz NOT NULL,
        source text NOT NULL CONSTRAINT ck_evidence_verification_source CHECK (length(source) BETWEEN 1 AND 500),
        CONSTRAINT pk_evidence_verification PRIMARY KEY (evidence_id),
        CONSTRAINT uq_evidence_verification_evidence_id_case_id_org_id_uploaded_by
            UNIQUE (evidence_id, case_id, org_id, uploaded_by),
        CONSTRAINT ck_evidence_verification_four_eyes CHECK (verified_by <> uploaded_by),
        CONSTRAINT fk_evidence_verification_evidence
            FOREIGN KEY (evidence_id, case_id, org_id, uploaded_by)
            REFERENCES evidence (evidence_id, case_id, org_id, uploaded_by),
        {_person("evidence_verification", "verified_by")}
    )""",
    "CREATE INDEX ix_evidence_verification_case_id ON evidence_verification (case_id)",
    "CREATE INDEX ix_evidence_verification_verified_by ON evidence_verification (verified_by)",
)

_CLEARANCE = (
    f"""CREATE TABLE clearance (
        clearance_id uuid NOT NULL,
        org_id uuid NOT NULL,
        capability text NOT NULL CONSTRAINT ck_clearance_capability CHECK (capability IN ('list', 'bid')),
        states text[] NOT NULL {_check("clearance", "states", _STATES)},
        max_bid_cents bigint NOT NULL {_check("clearance", "max_bid_cents", _AMOUNT)},
        currency text NOT NULL CONSTRAINT ck_clearance_currency CHECK (currency ~ '^[A-Z]{{3}}$'),
        valid_from timestamptz NOT NULL,
        valid_until timestamptz NOT NULL,
        case_id uuid NOT NULL,
        prepared_by uuid NOT NULL,
        approved_by uuid NOT NULL,
        evidence_digest text NOT NULL {_check("clearance", "evidence_digest", _SHA256)},
        CONSTRAINT pk_clearance PRIMARY KEY (clearance_id),
        CONSTRAINT uq_clearance_org_id_capability_clearance_id UNIQUE (org_id, capability, clearance_id),
        CONSTRAINT uq_clearance_case_id_capability UNIQUE (case_id, capability),
        CONSTRAINT ck_clearance_four_eyes CHECK (prepared_by <> approved_by),
        CONSTRAINT ck_clearance_valid_until
            CHECK (valid_until > valid_from AND valid_until <= valid_from + interval '400 days'),
        {_case_key("clearance")},
        {_person("clearance", "prepared_by")},
        {_person("clearance", "approved_by")}
    )""",
    "CREATE INDEX ix_clearance_case_id_org_id ON clearance (case_id, org_id)",
    "CREATE INDEX ix_clearance_prepared_by ON clearance (prepared_by)",
    "CREATE INDEX ix_clearance_approved_by ON clearance (approved_by)",
    f"""CREATE TABLE clearance_end (
        clearance_id uuid NOT NULL,
        org_id uuid NOT NULL,
        ended_at timestamptz NOT NULL,
        ended_by uuid NOT NULL,
        reason text NOT NULL CONSTRAINT ck_clearance_end_reason CHECK (length(reason) BETWEEN 1 AND 2000),
        CONSTRAINT pk_clearance_end PRIMARY KEY (clearance_id),
        CONSTRAINT fk_clearance_end_clearance_id_clearance FOREIGN KEY (clearance_id) REFERENCES clearance,
        CONSTRAINT fk_clearance_end_org_id_organisation FOREIGN KEY (org_id) REFERENCES organisation,
        {_person("clearance_end", "ended_by")}
    )""",
    "CREATE INDEX ix_clearance_end_org_id ON clearance_end (org_id)",
    "CREATE INDEX ix_clearance_end_ended_by ON clearance_end (ended_by)",
)

_DEFINER = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public"
_NO = "USING ERRCODE = 'insufficient_privilege'"

_FUNCTIONS = (
    """CREATE FUNCTION is_officer(who uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    AS 'SELECT EXISTS (SELECT FROM person WHERE user_id = who AND role = ''officer'')'""",
    # Which role may move a case where; it runs with the caller's rights, so that current_user is the caller.
    f"""CREATE FUNCTION case_moves() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
    DECLARE
        move text := OLD.state || '>' || NEW.state;
        plan_changed boolean := (OLD.prepared_by, OLD.prepared_at, OLD.prepared_capabilities, OLD.prepared_states,
                OLD.prepared_max_bid_cents, OLD.prepared_currency, OLD.prepared_valid_until, OLD.evidence_digest)
            IS DISTINCT FROM (NEW.prepared_by, NEW.prepared_at, NEW.prepared_capabilities, NEW.prepared_states,
                NEW.prepared_max_bid_cents, NEW.prepared_currency, NEW.prepared_valid_until, NEW.evidence_digest);
    BEGIN
        IF NOT (CASE current_user
            WHEN '{APP}' THEN move IN ('draft>submitted', 'info_requested>in_review')
            WHEN '{OFFICER}' THEN is_officer(app_user_id()) AND move IN ('submitted>in_review',
                'in_review>info_requested', 'in_review>prepared', 'in_review>declined',
                'prepared>info_requested', 'prepared>cleared', 'prepared>declined')
            ELSE false END)
        THEN
            RAISE EXCEPTION 'a case does not go from % to % like this', OLD.state, NEW.state {_NO};
        END IF;
        CASE NEW.state
            WHEN 'prepared' THEN
                NEW.prepared_at := clock_timestamp();
                IF NEW.prepared_by IS DISTINCT FROM app_user_id() THEN
                    RAISE EXCEPTION 'a case is prepared in one''s own name' {_NO};
                END IF;
            WHEN 'cleared' THEN
                NEW.decided_at := clock_timestamp();
                IF NEW.approved_by IS DISTINCT FROM app_user_id() OR plan_changed THEN
                    RAISE EXCEPTION 'a case is approved in one''s own name, as it was prepared' {_NO};
                END IF;
            WHEN 'declined' THEN
                NEW.decided_at := clock_timestamp();
                IF NEW.declined_by IS DISTINCT FROM app_user_id() OR plan_changed THEN
                    RAISE EXCEPTION 'a case is declined in one''s own name' {_NO};
                END IF;
            ELSE NULL;
        END CASE;
        RETURN NEW;
    END $$""",
    "CREATE TRIGGER case_moves BEFORE UPDATE ON verification_case FOR EACH ROW EXECUTE FUNCTION case_moves()",
    f"""CREATE FUNCTION case_begins() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
    BEGIN
        IF NEW.state <> 'draft' THEN
            RAISE EXCEPTION 'a case begins as a draft' {_NO};
        END IF;
        RETURN NEW;
    END $$""",
    "CREATE TRIGGER case_begins BEFORE INSERT ON verification_case FOR EACH ROW EXECUTE FUNCTION case_begins()",
    # The lock keeps the case where it is until the document is in.
    f"""CREATE FUNCTION evidence_enters() RETURNS trigger {_DEFINER} AS $$
    BEGIN
        PERFORM FROM verification_case
            WHERE case_id = NEW.case_id AND state IN ('draft', 'info_requested') FOR SHARE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the case takes no papers now' {_NO};
        END IF;
        RETURN NEW;
    END $$""",
    "CREATE TRIGGER evidence_enters BEFORE INSERT ON evidence FOR EACH ROW EXECUTE FUNCTION evidence_enters()",
    f"""CREATE FUNCTION owner_enters() RETURNS trigger {_DEFINER} AS $$
    BEGIN
        PERFORM FROM verification_case WHERE case_id = NEW.case_id AND state = 'draft' FOR SHARE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'owners are named while the case is a draft' {_NO};
        END IF;
        RETURN NEW;
    END $$""",
    "CREATE TRIGGER owner_enters BEFORE INSERT ON beneficial_owner FOR EACH ROW EXECUTE FUNCTION owner_enters()",
    f"""CREATE FUNCTION evidence_is_verified() RETURNS trigger {_DEFINER} AS $$
    BEGIN
        PERFORM FROM verification_case WHERE case_id = NEW.case_id AND state = 'in_review' FOR SHARE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'evidence is verified while its case is in review' {_NO};
        END IF;
        IF NOT is_officer(NEW.verified_by) OR NEW.verified_by IS DISTINCT FROM app_user_id() THEN
            RAISE EXCEPTION 'an officer verifies evidence in the own name' {_NO};
        END IF;
        NEW.verified_at := clock_timestamp();
        RETURN NEW;
    END $$""",
    (
        "CREATE TRIGGER evidence_is_verified BEFORE INSERT ON evidence_verification"
        " FOR EACH ROW EXECUTE FUNCTION evidence_is_verified()"
    ),
    # Grants and ends of one organisation queue at its row, so that none misses the other.
    f"""CREATE FUNCTION clearance_is_granted() RETURNS trigger {_DEFINER} AS $$
    DECLARE
        asked verification_case;
        verified_count bigint;
        first_expiry date;
    BEGIN
        SELECT * INTO asked FROM verification_case WHERE case_id = NEW.case_id FOR SHARE;
        PERFORM FROM organisation WHERE org_id = NEW.org_id FOR NO KEY UPDATE;
        NEW.valid_from := clock_timestamp();
        IF asked.state IS DISTINCT FROM 'cleared' OR NOT NEW.capability = ANY (asked.prepared_capabilities)
            OR (NEW.org_id, NEW.states, NEW.max_bid_cents, NEW.currency, NEW.valid_until, NEW.prepared_by,
                NEW.approved_by, NEW.evidence_digest)
            IS DISTINCT FROM (asked.org_id, asked.prepared_states, asked.prepared_max_bid_cents,
                asked.prepared_currency, asked.prepared_valid_until, asked.prepared_by, asked.approved_by,
                asked.evidence_digest)
        THEN
            RAISE EXCEPTION 'a clearance repeats a case as it was prepared and approved' {_NO};
        END IF;
        IF NOT is_officer(NEW.prepared_by) OR NOT is_officer(NEW.approved_by)
            OR NEW.approved_by IS DISTINCT FROM app_user_id()
            OR EXISTS (SELECT FROM evidence e WHERE e.case_id = NEW.case_id
                AND e.uploaded_by IN (NEW.prepared_by, NEW.approved_by))
        THEN
            RAISE EXCEPTION 'uploader, preparer and approver are three people' {_NO};
        END IF;
        SELECT count(*), min(e.expires_on) INTO verified_count, first_expiry
            FROM evidence e JOIN evidence_verification v USING (evidence_id) WHERE e.case_id = NEW.case_id;
        IF verified_count = 0 OR NEW.valid_until > (first_expiry + 1)::timestamp AT TIME ZONE 'UTC' THEN
            RAISE EXCEPTION 'a clearance rests on verified evidence and ends with it' {_NO};
        END IF;
        IF EXISTS (SELECT FROM clearance_end WHERE org_id = NEW.org_id AND ended_at >= asked.prepared_at) THEN
            RAISE EXCEPTION 'a clearance was ended after this case was prepared' {_NO};
        END IF;
        RETURN NEW;
    END $$""",
    (
        "CREATE TRIGGER clearance_is_granted BEFORE INSERT ON clearance"
        " FOR EACH ROW EXECUTE FUNCTION clearance_is_granted()"
    ),
    # FOR UPDATE waits for every bid that holds the clearance FOR KEY SHARE, and every later bid sees the end.
    f"""CREATE FUNCTION clearance_ends() RETURNS trigger {_DEFINER} AS $$
    BEGIN
        SELECT org_id INTO NEW.org_id FROM clearance WHERE clearance_id = NEW.clearance_id FOR UPDATE;
        PERFORM FROM organisation WHERE org_id = NEW.org_id FOR NO KEY UPDATE;
        IF NOT is_officer(NEW.ended_by) OR NEW.ended_by IS DISTINCT FROM app_user_id() THEN
            RAISE EXCEPTION 'an officer ends a clearance in the own name' {_NO};
        END IF;
        NEW.ended_at := clock_timestamp();
        RETURN NEW;
    END $$""",
    "CREATE TRIGGER clearance_ends BEFORE INSERT ON clearance_end FOR EACH ROW EXECUTE FUNCTION clearance_ends()",
    # Lock first, then look, each in its own statement: so an end that was waited for is seen.
    f"""CREATE FUNCTION clearance_refusal(
        clearance uuid, org uuid, capability text, amount_cents bigint, states text[],
        at timestamptz DEFAULT NULL, currency text DEFAULT NULL
    ) RETURNS text {_DEFINER} AS $$
    #variable_conflict use_column
    DECLARE
        held public.clearance;
        instant timestamptz;
    BEGIN
        SELECT * INTO held FROM public.clearance c WHERE c.clearance_id = $1 FOR KEY SHARE;
        instant := coalesce($6, clock_timestamp());
        RETURN CASE
            WHEN held.clearance_id IS NULL OR held.org_id IS DISTINCT FROM $2 OR held.capability IS DISTINCT FROM $3
                THEN 'missing'
            WHEN EXISTS (SELECT FROM clearance_end e WHERE e.clearance_id = $1) THEN 'ended'
            WHEN instant < held.valid_from THEN 'not-yet-valid'
            WHEN instant >= held.valid_until THEN 'expired'
            WHEN $7 <> held.currency THEN 'wrong-currency'
            WHEN held.capability = 'bid' AND ($4 IS NULL OR $4 > held.max_bid_cents) THEN 'over-limit'
            WHEN NOT (held.states @> coalesce($5, ARRAY[]::text[]) OR '*' = ANY (held.states))
                THEN 'state-not-covered'
        END;
    END $$""",
    """REVOKE ALL ON FUNCTION is_officer(uuid), case_moves(), case_begins(), evidence_enters(), owner_enters(),
        evidence_is_verified(), clearance_is_granted(), clearance_ends(),
        clearance_refusal(uuid, uuid, text, bigint, text[], timestamptz, text) FROM PUBLIC""",
    f"GRANT EXECUTE ON FUNCTION is_officer(uuid) TO {APP}, {OFFICER}",
    f"""GRANT EXECUTE ON FUNCTION clearance_refusal(uuid, uuid, text, bigint, text[], timestamptz, text)
        TO {APP}, {OFFICER}""",
)
