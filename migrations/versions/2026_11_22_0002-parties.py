"""Organisations, people, sign-ins and keys.

Keys, not code, hold traders and staff apart: a person's role fixes the kind of organisation, and the role of staff
comes from an invitation that names it. What a person is (organisation, role, e-mail) is in no UPDATE grant.
"""

from migrations.guard import APP, AUDITOR, OFFICER, grant, own_rows_only, run

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_PERSON_READ = "user_id, org_id, org_kind, email, name, role, invitation_id, contact_verified_at, created_at"


def upgrade() -> None:
    run(*_TABLES)
    grant("organisation", app="SELECT, INSERT", officer="SELECT")
    grant("person", app="SELECT, INSERT")
    grant("staff_invitation", app="SELECT, INSERT")
    grant("user_session", app="SELECT, INSERT, DELETE")
    grant("api_key", app="SELECT, INSERT")
    grant("contact_code", app="SELECT, INSERT, UPDATE, DELETE")
    grant("signin_delay", app="SELECT, INSERT, UPDATE, DELETE")
    run(
        f"GRANT UPDATE (name, country, registration_number) ON organisation TO {APP}",
        f"GRANT UPDATE (name, password_hash, contact_verified_at) ON person TO {APP}",
        f"GRANT UPDATE (last_used_at, ended_at) ON user_session TO {APP}",
        f"GRANT UPDATE (revoked_at) ON api_key TO {APP}",
        f"GRANT SELECT ({_PERSON_READ}) ON person TO {OFFICER}",
        # The auditor reads everything but what could be guessed offline.
        *(f"REVOKE SELECT ON {table} FROM {AUDITOR}" for table in ("person", "user_session", "api_key")),
        *(f"REVOKE SELECT ON {table} FROM {AUDITOR}" for table in ("staff_invitation", "contact_code")),
        f"GRANT SELECT ({_PERSON_READ}) ON person TO {AUDITOR}",
        f"GRANT SELECT (session_id, user_id, org_id, created_at, last_used_at, expires_at, ended_at)"
        f" ON user_session TO {AUDITOR}",
        f"GRANT SELECT (key_id, user_id, org_id, name, scopes, created_at, expires_at, revoked_at)"
        f" ON api_key TO {AUDITOR}",
        f"GRANT SELECT (invitation_id, org_id, email, role, created_at, expires_at) ON staff_invitation TO {AUDITOR}",
        f"GRANT SELECT (user_id, org_id, last_sent_at, expires_at, attempt_count) ON contact_code TO {AUDITOR}",
    )
    for table in ("organisation", "person", "staff_invitation", "user_session", "api_key", "contact_code"):
        own_rows_only(table)
    run(*_FUNCTIONS)
    run("INSERT INTO organisation VALUES (gen_random_uuid(), 'Marketplace', 'US', '', 'platform', now())")


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


_TABLES = (
    """CREATE TABLE organisation (
        org_id uuid NOT NULL,
        name text NOT NULL CONSTRAINT ck_organisation_name CHECK (length(name) BETWEEN 1 AND 200),
        country text NOT NULL CONSTRAINT ck_organisation_country CHECK (country ~ '^[A-Z]{2}$'),
        registration_number text NOT NULL
            CONSTRAINT ck_organisation_registration_number CHECK (length(registration_number) <= 64),
        kind text NOT NULL CONSTRAINT ck_organisation_kind CHECK (kind IN ('trading', 'platform')),
        created_at timestamptz NOT NULL,
        CONSTRAINT pk_organisation PRIMARY KEY (org_id),
        CONSTRAINT uq_organisation_org_id_kind UNIQUE (org_id, kind)
    )""",
    "CREATE UNIQUE INDEX uq_organisation_platform ON organisation (kind) WHERE kind = 'platform'",
    """CREATE TABLE staff_invitation (
        invitation_id uuid NOT NULL,
        org_id uuid NOT NULL,
        email text NOT NULL CONSTRAINT ck_staff_invitation_email CHECK (email = lower(email)),
        role text NOT NULL CONSTRAINT ck_staff_invitation_role CHECK (role IN ('officer', 'operator')),
        token_sha256 bytea NOT NULL
            CONSTRAINT ck_staff_invitation_token_sha256 CHECK (octet_length(token_sha256) = 32),
        created_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        CONSTRAINT pk_staff_invitation PRIMARY KEY (invitation_id),
        CONSTRAINT uq_staff_invitation_token_sha256 UNIQUE (token_sha256),
        CONSTRAINT uq_staff_invitation_invitation_id_role_email UNIQUE (invitation_id, role, email),
        CONSTRAINT fk_staff_invitation_org_id_organisation FOREIGN KEY (org_id) REFERENCES organisation
    )""",
    "CREATE INDEX ix_staff_invitation_org_id ON staff_invitation (org_id)",
    """CREATE TABLE person (
        user_id uuid NOT NULL,
        org_id uuid NOT NULL,
        org_kind text NOT NULL,
        email text NOT NULL CONSTRAINT ck_person_email
            CHECK (email = lower(email) AND length(email) <= 254 AND email LIKE '_%@_%'),
        name text NOT NULL CONSTRAINT ck_person_name CHECK (length(name) BETWEEN 1 AND 200),
        password_hash text NOT NULL CONSTRAINT ck_person_password_hash CHECK (password_hash LIKE '$argon2id$%'),
        role text NOT NULL CONSTRAINT ck_person_role CHECK (role IN ('member', 'officer', 'operator')),
        invitation_id uuid,
        contact_verified_at timestamptz,
        created_at timestamptz NOT NULL,
        CONSTRAINT pk_person PRIMARY KEY (user_id),
        CONSTRAINT uq_person_email UNIQUE (email),
        CONSTRAINT uq_person_invitation_id_role_email UNIQUE (invitation_id, role, email),
        CONSTRAINT uq_person_user_id_org_id UNIQUE (user_id, org_id),
        CONSTRAINT ck_person_side CHECK ((role = 'member') = (org_kind = 'trading')),
        CONSTRAINT ck_person_invited CHECK ((role = 'member') = (invitation_id IS NULL)),
        CONSTRAINT fk_person_org_id_org_kind_organisation
            FOREIGN KEY (org_id, org_kind) REFERENCES organisation (org_id, kind),
        CONSTRAINT fk_person_invitation_id_role_email_staff_invitation
            FOREIGN KEY (invitation_id, role, email) REFERENCES staff_invitation (invitation_id, role, email)
    )""",
    "CREATE INDEX ix_person_org_id_org_kind ON person (org_id, org_kind)",
    """CREATE TABLE user_session (
        session_id uuid NOT NULL,
        user_id uuid NOT NULL,
        org_id uuid NOT NULL,
        token_sha256 bytea NOT NULL CONSTRAINT ck_user_session_token_sha256 CHECK (octet_length(token_sha256) = 32),
        created_at timestamptz NOT NULL,
        last_used_at timestamptz NOT NULL,
        idle_s bigint NOT NULL CONSTRAINT ck_user_session_idle_s CHECK (idle_s > 0),
        expires_at timestamptz NOT NULL,
        ended_at timestamptz,
        CONSTRAINT pk_user_session PRIMARY KEY (session_id),
        CONSTRAINT uq_user_session_token_sha256 UNIQUE (token_sha256),
        CONSTRAINT ck_user_session_expires_at CHECK (expires_at > created_at),
        CONSTRAINT fk_user_session_user_id_org_id_person
            FOREIGN KEY (user_id, org_id) REFERENCES person (user_id, org_id)
    )""",
    "CREATE INDEX ix_user_session_user_id_org_id ON user_session (user_id, org_id)",
    """CREATE TABLE api_key (
        key_id uuid NOT NULL,
        user_id uuid NOT NULL,
        org_id uuid NOT NULL,
        name text NOT NULL CONSTRAINT ck_api_key_name CHECK (length(name) BETWEEN 1 AND 100),
        scopes text[] NOT NULL CONSTRAINT ck_api_key_scopes CHECK (cardinality(scopes) > 0 AND scopes <@ ARRAY[
            'parties:read', 'parties:write', 'compliance:read', 'compliance:write', 'portfolios:read',
            'portfolios:write', 'auctions:read', 'auctions:write', 'bids:read', 'bids:write',
            'settlements:read', 'settlements:write']),
        secret_sha256 bytea NOT NULL CONSTRAINT ck_api_key_secret_sha256 CHECK (octet_length(secret_sha256) = 32),
        created_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        revoked_at timestamptz,
        CONSTRAINT pk_api_key PRIMARY KEY (key_id),
        CONSTRAINT ck_api_key_expires_at CHECK (expires_at > created_at AND expires_at <= created_at + interval '366 days'),
        CONSTRAINT fk_api_key_user_id_org_id_person FOREIGN KEY (user_id, org_id) REFERENCES person (user_id, org_id)
    )""",
    "CREATE INDEX ix_api_key_user_id_org_id ON api_key (user_id, org_id)",
    "CREATE INDEX ix_api_key_org_id ON api_key (org_id)",
    """CREATE TABLE contact_code (
        user_id uuid NOT NULL,
        org_id uuid NOT NULL,
        revision bigint NOT NULL,
        last_sent_at timestamptz,
        code_hash text CONSTRAINT ck_contact_code_code_hash CHECK (code_hash LIKE '$argon2id$%'),
        expires_at timestamptz,
        attempt_count bigint NOT NULL
            CONSTRAINT ck_contact_code_attempt_count CHECK (attempt_count BETWEEN 0 AND 5),
        send_due_at timestamptz,
        send_attempt_count bigint NOT NULL CONSTRAINT ck_contact_code_send_attempt_count CHECK (send_attempt_count >= 0),
        CONSTRAINT pk_contact_code PRIMARY KEY (user_id),
        CONSTRAINT uq_contact_code_user_id_org_id UNIQUE (user_id, org_id),
        CONSTRAINT ck_contact_code_expires_at CHECK ((code_hash IS NULL) = (expires_at IS NULL)),
        CONSTRAINT fk_contact_code_user_id_org_id_person
            FOREIGN KEY (user_id, org_id) REFERENCES person (user_id, org_id)
    )""",
    "CREATE INDEX ix_contact_code_send_due_at ON contact_code (send_due_at) WHERE send_due_at IS NOT NULL",
    """CREATE TABLE signin_delay (
        account_sha256 bytea NOT NULL
            CONSTRAINT ck_signin_delay_account_sha256 CHECK (octet_length(account_sha256) = 32),
        address_sha256 bytea NOT NULL
            CONSTRAINT ck_signin_delay_address_sha256 CHECK (octet_length(address_sha256) = 32),
        failure_count bigint NOT NULL CONSTRAINT ck_signin_delay_failure_count CHECK (failure_count > 0),
        next_at timestamptz NOT NULL,
        CONSTRAINT pk_signin_delay PRIMARY KEY (account_sha256, address_sha256)
    )""",
    "CREATE INDEX ix_signin_delay_next_at ON signin_delay (next_at)",
)

_FUNCTIONS = (
    # A registration may be made again until somebody proved its address; afterwards the organisation stands.
    """CREATE FUNCTION organisation_stands() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    BEGIN
        IF EXISTS (SELECT FROM person WHERE org_id = OLD.org_id AND contact_verified_at IS NOT NULL) THEN
            RAISE EXCEPTION 'a verified organisation is not renamed' USING ERRCODE = 'insufficient_privilege';
        END IF;
        RETURN NEW;
    END $$""",
    (
        "CREATE TRIGGER organisation_stands BEFORE UPDATE ON organisation"
        " FOR EACH ROW EXECUTE FUNCTION organisation_stands()"
    ),
    # Names, and nothing else, of organisations are shown to others that sign in.
    """CREATE FUNCTION organisation_names(wanted uuid[]) RETURNS TABLE (org_id uuid, name text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    AS 'SELECT o.org_id, o.name FROM organisation o WHERE o.org_id = ANY(wanted)'""",
    "REVOKE ALL ON FUNCTION organisation_stands(), organisation_names(uuid[]) FROM PUBLIC",
    f"GRANT EXECUTE ON FUNCTION organisation_names(uuid[]) TO {APP}, {OFFICER}",
)
