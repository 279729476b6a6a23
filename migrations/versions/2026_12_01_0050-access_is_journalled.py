"""Who may come in, and what stands in whose way, changes only with a line in the journal that names it.

The login of the app writes these rows, because signing in, screening and settlement do. Each change needs an entry of the
same transaction, of one of the kinds that say it, about the very row; and what ended does not begin again.
"""

from migrations.guard import run

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(*_FUNCTIONS)
    for table, stream, changes in _TOLD:
        for name, when, said in changes:
            kinds = ", ".join(f"'{each}'" for each in said)
            run(
                f"CREATE CONSTRAINT TRIGGER {table}_{name}_is_told AFTER {when.format(table)} EXECUTE FUNCTION"
                f" change_is_told({stream}, {kinds})"
            )
    for table, columns in _ENDS.items():
        run(
            f"CREATE TRIGGER {table}_end_stays BEFORE UPDATE OF {', '.join(columns)} ON {table} FOR EACH ROW"
            f" EXECUTE FUNCTION end_stays({', '.join(repr(column) for column in columns)})"
        )


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


_FUNCTIONS = (
    # Arguments: the stream's noun and the column with its id, then the kinds that will do: `kind column` where the entry names
    # the row by that column (a person also by acting), `kind` alone where its stream says enough.
    """CREATE FUNCTION change_is_told() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public AS $$
    DECLARE
        kept jsonb := to_jsonb(NEW);
    BEGIN
        IF NOT EXISTS (
            SELECT FROM journal j, (
                SELECT split_part(said, ' ', 1) AS kind, split_part(said, ' ', 2) AS named FROM unnest(TG_ARGV[2:]) AS said
            ) AS told
            WHERE j.tx = pg_current_xact_id()::text::bigint AND j.at >= transaction_timestamp()
                AND j.stream = TG_ARGV[0] || ':' || (kept ->> TG_ARGV[1]) AND j.kind = told.kind
                AND (told.named = '' OR kept ->> told.named = j.body::jsonb ->> told.named
                    OR told.named = 'user_id' AND kept ->> 'user_id' = j.actor_user_id::text)
        ) THEN
            RAISE EXCEPTION 'this change (%) is not in the journal', TG_NAME
                USING ERRCODE = 'check_violation', CONSTRAINT = 'change_is_told';
        END IF;
        RETURN NULL;
    END $$""",
    """CREATE FUNCTION end_stays() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
    BEGIN
        IF EXISTS (SELECT FROM unnest(TG_ARGV) AS ended
            WHERE to_jsonb(OLD) ->> ended IS NOT NULL AND to_jsonb(NEW) ->> ended IS NULL) THEN
            RAISE EXCEPTION 'what ended does not begin again' USING ERRCODE = 'insufficient_privilege';
        END IF;
        RETURN NEW;
    END $$""",
    "REVOKE ALL ON FUNCTION change_is_told(), end_stays() FROM PUBLIC",
)

_EACH = "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
_NEW = f"INSERT ON {{}} {_EACH}"
_ORG, _SCREENING = "'org', 'org_id'", "'screening', 'org_id'"
_SALE, _PORTFOLIO = "'settlement', 'settlement_id'", "'portfolio', 'portfolio_id'"
_GONE = ("staff.erased user_id", "party.erased")
_REMOVED = ("factor.removed factor_id", "factors.forgotten user_id")


def _changed(column: str, condition: str) -> str:
    return f"UPDATE OF {column} ON {{}} {_EACH} WHEN ({condition})"


_PASSWORD = (
    "person.password_changed user_id",
    "person.password_reset user_id",
    "organisation.registered_again user_id",
)
_PROOF = ("session.proved session_id", "factor.enrolled user_id", "person.password_changed user_id")
_REVOKED = ("api_key.revoked key_id", "staff.disabled user_id", *_GONE)
_PROVED = "OLD.token_sha256 <> NEW.token_sha256 OR OLD.proved_at < NEW.proved_at OR OLD.lacks IS NOT NULL AND NEW.lacks IS NULL"

_TOLD: tuple[tuple[str, str, tuple[tuple[str, str, tuple[str, ...]], ...]], ...] = (
    ("staff_disabling", _ORG, (("row", _NEW, ("staff.disabled user_id",)),)),
    ("staff_invitation", _ORG, (("row", _NEW, ("staff.invited invitation_id",)),)),
    (
        "person",
        _ORG,
        (
            ("row", _NEW, ("organisation.registered user_id", "staff.joined user_id")),
            ("password", _changed("password_hash", "OLD.password_hash <> NEW.password_hash"), (*_PASSWORD, *_GONE)),
            (
                "address",
                _changed(
                    "contact_verified_at", "OLD.contact_verified_at IS NULL AND NEW.contact_verified_at IS NOT NULL"
                ),
                ("person.contact_verified user_id",),
            ),
        ),
    ),
    (
        "user_session",
        _ORG,
        (
            ("row", _NEW, ("session.started session_id",)),
            ("proof", _changed("token_sha256, proved_at, lacks", _PROVED), _PROOF),
        ),
    ),
    (
        "totp_factor",
        _ORG,
        (
            ("row", f"{_NEW} WHEN (NEW.confirmed_at IS NOT NULL)", ("factor.enrolled factor_id",)),
            (
                "confirmation",
                _changed("confirmed_at", "OLD.confirmed_at IS NULL AND NEW.confirmed_at IS NOT NULL"),
                ("factor.enrolled factor_id",),
            ),
            ("removal", _changed("removed_at", "OLD.confirmed_at IS NOT NULL AND OLD.removed_at IS NULL"), _REMOVED),
        ),
    ),
    (
        "passkey",
        _ORG,
        (
            ("row", _NEW, ("factor.enrolled factor_id",)),
            ("removal", _changed("removed_at", "OLD.removed_at IS NULL"), _REMOVED),
            ("clone", _changed("cloned_at", "OLD.cloned_at IS NULL"), ("passkey.cloned factor_id",)),
        ),
    ),
    ("recovery_code", _ORG, (("row", _NEW, ("recovery_codes.drawn user_id",)),)),
    (
        "api_key",
        _ORG,
        (
            ("row", _NEW, ("api_key.created key_id",)),
            ("revocation", _changed("revoked_at", "OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL"), _REVOKED),
        ),
    ),
    ("screening_check", "'list', 'version_id'", (("row", _NEW, ("screening_list.checked",)),)),
    ("screening_run", _SCREENING, (("row", _NEW, ("screening.run run_id",)),)),
    ("screening_alert", _SCREENING, (("row", _NEW, ("screening.run run_id",)),)),
    ("disclosed_name", _SCREENING, (("row", _NEW, ("screening.name_disclosed name_id",)),)),
    ("bank_account", _ORG, (("row", _NEW, ("bank_account.changed bank_account_id",)),)),
    (
        "settlement_hold",
        _SALE,
        (
            ("row", _NEW, ("settlement.held", "settlement.disputed")),
            ("preparation", _changed("lift_prepared_by", "true"), ("settlement.lift_prepared hold_id",)),
            ("lifting", _changed("lifted_by", "true"), ("settlement.hold_lifted hold_id",)),
        ),
    ),
    ("shred_order", _PORTFOLIO, (("row", _NEW, ("portfolio.shredding_asked order_id",)),)),
    ("shredding", _PORTFOLIO, (("row", _NEW, ("portfolio.shredded",)),)),
)

_ENDS = {
    "user_session": ("ended_at",),
    "api_key": ("revoked_at",),
    "totp_factor": ("confirmed_at", "removed_at"),
    "passkey": ("removed_at", "cloned_at"),
    "recovery_code": ("used_at",),
    "person": ("contact_verified_at",),
}
