"""Second factors, fresh proofs, known devices, limits of keys, and the end of a staff member's access.

What a factor is (whose, which secret, which public key) is in no UPDATE grant: a factor is replaced, never changed.
"""

from migrations.guard import APP, AUDITOR, append_only, grant, own_rows_only, run

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(*_SESSIONS, *_FACTORS, *_DEVICES, *_KEYS, *_CODES, *_STAFF)
    for table in ("totp_factor", "passkey", "recovery_code", "known_device"):
        grant(table, app="SELECT, INSERT")
        run(f"REVOKE SELECT ON {table} FROM {AUDITOR}")
        own_rows_only(table)
    grant("passkey_challenge", app="SELECT, INSERT, UPDATE, DELETE")
    run(f"REVOKE SELECT ON passkey_challenge FROM {AUDITOR}")
    own_rows_only("passkey_challenge")
    grant("staff_disabling", app="SELECT, INSERT", officer="SELECT")
    append_only("staff_disabling")
    own_rows_only("staff_disabling")
    run(
        f"GRANT UPDATE (token_sha256, proved_at, proved_by, lacks) ON user_session TO {APP}",
        f"GRANT SELECT (proved_at, proved_by, lacks) ON user_session TO {AUDITOR}",
        f"GRANT UPDATE (confirmed_at, last_step, last_used_at, removed_at) ON totp_factor TO {APP}",
        f"GRANT SELECT (factor_id, user_id, org_id, name, created_at, confirmed_at, last_used_at, removed_at)"
        f" ON totp_factor TO {AUDITOR}",
        f"GRANT UPDATE (sign_count, last_used_at, removed_at, cloned_at) ON passkey TO {APP}",
        f"GRANT SELECT (factor_id, user_id, org_id, name, sign_count, created_at, last_used_at, removed_at, cloned_at)"
        f" ON passkey TO {AUDITOR}",
        f"GRANT UPDATE (used_at), DELETE ON recovery_code TO {APP}",
        f"GRANT SELECT (user_id, org_id, created_at, used_at) ON recovery_code TO {AUDITOR}",
        f"GRANT UPDATE (last_used_at), DELETE ON known_device TO {APP}",
        f"GRANT SELECT (user_id, org_id, created_at, last_used_at) ON known_device TO {AUDITOR}",
        f"GRANT UPDATE (last_used_at) ON api_key TO {APP}",
        f"GRANT SELECT (networks, max_bid_cents, day_bid_cents, last_used_at) ON api_key TO {AUDITOR}",
        f"GRANT SELECT (purpose) ON contact_code TO {AUDITOR}",
    )
    grant("api_key_day", app="SELECT, INSERT, UPDATE")
    own_rows_only("api_key_day")


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


_SESSIONS = (
    "ALTER TABLE user_session ADD COLUMN proved_at timestamptz",
    (
        "ALTER TABLE user_session ADD COLUMN proved_by text NOT NULL DEFAULT 'password'"
        " CONSTRAINT ck_user_session_proved_by CHECK (proved_by IN ('password', 'totp', 'passkey', 'recovery'))"
    ),
    (
        "ALTER TABLE user_session ADD COLUMN lacks text"
        " CONSTRAINT ck_user_session_lacks CHECK (lacks IN ('proof', 'enrolment'))"
    ),
    (
        "ALTER TABLE user_session ADD COLUMN agent text NOT NULL DEFAULT ''"
        " CONSTRAINT ck_user_session_agent CHECK (length(agent) <= 200)"
    ),
    "UPDATE user_session SET proved_at = created_at",
    "ALTER TABLE user_session ALTER COLUMN proved_at SET NOT NULL, ALTER COLUMN proved_at SET DEFAULT now()",
)

_PERSON = "FOREIGN KEY (user_id, org_id) REFERENCES person (user_id, org_id)"

_FACTORS = (
    f"""CREATE TABLE totp_factor (
        factor_id uuid NOT NULL,
        user_id uuid NOT NULL,
        org_id uuid NOT NULL,
        name text NOT NULL CONSTRAINT ck_totp_factor_name CHECK (length(name) BETWEEN 1 AND 100),
        sealed_secret bytea NOT NULL CONSTRAINT ck_totp_factor_sealed_secret CHECK (octet_length(sealed_secret) > 32),
        last_step bigint NOT NULL,
        created_at timestamptz NOT NULL,
        confirmed_at timestamptz,
        last_used_at timestamptz,
        removed_at timestamptz,
        CONSTRAINT pk_totp_factor PRIMARY KEY (factor_id),
        CONSTRAINT fk_totp_factor_user_id_org_id_person {_PERSON}
    )""",
    "CREATE INDEX ix_totp_factor_user_id_org_id ON totp_factor (user_id, org_id)",
    f"""CREATE TABLE passkey (
        factor_id uuid NOT NULL,
        user_id uuid NOT NULL,
        org_id uuid NOT NULL,
        name text NOT NULL CONSTRAINT ck_passkey_name CHECK (length(name) BETWEEN 1 AND 100),
        credential_id bytea NOT NULL
            CONSTRAINT ck_passkey_credential_id CHECK (octet_length(credential_id) BETWEEN 1 AND 1023),
        public_key bytea NOT NULL,
        sign_count bigint NOT NULL CONSTRAINT ck_passkey_sign_count CHECK (sign_count >= 0),
        created_at timestamptz NOT NULL,
        last_used_at timestamptz,
        removed_at timestamptz,
        cloned_at timestamptz,
        CONSTRAINT pk_passkey PRIMARY KEY (factor_id),
        CONSTRAINT uq_passkey_credential_id UNIQUE (credential_id),
        CONSTRAINT fk_passkey_user_id_org_id_person {_PERSON}
    )""",
    "CREATE INDEX ix_passkey_user_id_org_id ON passkey (user_id, org_id)",
    f"""CREATE TABLE recovery_code (
        user_id uuid NOT NULL,
        code_sha256 bytea NOT NULL CONSTRAINT ck_recovery_code_code_sha256 CHECK (octet_length(code_sha256) = 32),
        org_id uuid NOT NULL,
        created_at timestamptz NOT NULL,
        used_at timestamptz,
        CONSTRAINT pk_recovery_code PRIMARY KEY (user_id, code_sha256),
        CONSTRAINT fk_recovery_code_user_id_org_id_person {_PERSON}
    )""",
    "CREATE INDEX ix_recovery_code_user_id_org_id ON recovery_code (user_id, org_id)",
    # One ceremony of a kind at a time and session; it ends with its answer, right or wrong.
    """CREATE TABLE passkey_challenge (
        session_id uuid NOT NULL,
        purpose text NOT NULL CONSTRAINT ck_passkey_challenge_purpose CHECK (purpose IN ('enrol', 'prove')),
        org_id uuid NOT NULL,
        challenge bytea NOT NULL CONSTRAINT ck_passkey_challenge_challenge CHECK (octet_length(challenge) >= 32),
        expires_at timestamptz NOT NULL,
        CONSTRAINT pk_passkey_challenge PRIMARY KEY (session_id, purpose),
        CONSTRAINT fk_passkey_challenge_session_id_user_session
            FOREIGN KEY (session_id) REFERENCES user_session ON DELETE CASCADE
    )""",
)

_DEVICES = (
    f"""CREATE TABLE known_device (
        device_sha256 bytea NOT NULL
            CONSTRAINT ck_known_device_device_sha256 CHECK (octet_length(device_sha256) = 32),
        user_id uuid NOT NULL,
        org_id uuid NOT NULL,
        created_at timestamptz NOT NULL,
        last_used_at timestamptz NOT NULL,
        CONSTRAINT pk_known_device PRIMARY KEY (device_sha256),
        CONSTRAINT fk_known_device_user_id_org_id_person {_PERSON}
    )""",
    "CREATE INDEX ix_known_device_user_id_org_id ON known_device (user_id, org_id)",
)

_KEYS = (
    (
        "ALTER TABLE api_key ADD COLUMN networks text[] NOT NULL DEFAULT '{}'"
        " CONSTRAINT ck_api_key_networks CHECK (cardinality(networks) <= 20)"
    ),
    "ALTER TABLE api_key ADD COLUMN max_bid_cents bigint CONSTRAINT ck_api_key_max_bid_cents CHECK (max_bid_cents > 0)",
    "ALTER TABLE api_key ADD COLUMN day_bid_cents bigint CONSTRAINT ck_api_key_day_bid_cents CHECK (day_bid_cents > 0)",
    "ALTER TABLE api_key ADD COLUMN last_used_at timestamptz",
    """CREATE TABLE api_key_day (
        key_id uuid NOT NULL,
        day date NOT NULL,
        org_id uuid NOT NULL,
        bid_cents bigint NOT NULL CONSTRAINT ck_api_key_day_bid_cents CHECK (bid_cents >= 0),
        CONSTRAINT pk_api_key_day PRIMARY KEY (key_id, day),
        CONSTRAINT fk_api_key_day_key_id_api_key FOREIGN KEY (key_id) REFERENCES api_key
    )""",
)

_CODES = (
    (
        "ALTER TABLE contact_code ADD COLUMN purpose text NOT NULL DEFAULT 'contact'"
        " CONSTRAINT ck_contact_code_purpose CHECK (purpose IN ('contact', 'password'))"
    ),
)

_STAFF = (
    f"""CREATE TABLE staff_disabling (
        user_id uuid NOT NULL,
        org_id uuid NOT NULL,
        disabled_by uuid,
        reason text NOT NULL CONSTRAINT ck_staff_disabling_reason CHECK (length(reason) BETWEEN 1 AND 500),
        disabled_at timestamptz NOT NULL,
        CONSTRAINT pk_staff_disabling PRIMARY KEY (user_id),
        CONSTRAINT ck_staff_disabling_disabled_by CHECK (disabled_by <> user_id),
        CONSTRAINT fk_staff_disabling_user_id_org_id_person {_PERSON},
        CONSTRAINT fk_staff_disabling_disabled_by_org_id_person
            FOREIGN KEY (disabled_by, org_id) REFERENCES person (user_id, org_id)
    )""",
    "CREATE INDEX ix_staff_disabling_user_id_org_id ON staff_disabling (user_id, org_id)",
    "CREATE INDEX ix_staff_disabling_disabled_by_org_id ON staff_disabling (disabled_by, org_id)",
)
