"""What is kept of a party that left goes ten years later: people, names, alerts, accounts, and what officers wrote of it."""

import json
from typing import Any

from migrations.guard import APP, AUDITOR, OFFICER, append_only, grant, run

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(*_TABLE)
    append_only("party_erasure")
    grant("party_erasure", app="SELECT, INSERT", officer="SELECT")
    append_only("staff_erasure")
    grant("staff_erasure", app="SELECT", officer="SELECT")
    run(
        *_ROWS,
        *_TIME,
        *_WHAT_GOES,
        *(statement for each in _GUARDS for statement in _let_go(*each)),
        *_ERASURE,
        *_STAFF,
    )


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


_DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp"
_NO = "USING ERRCODE = 'insufficient_privilege'"
_ERASED = "erased by rule"
# The form of a password's hash, of no password.
_NO_PASSWORD = f"$argon2id$v=19$m=8,t=1,p=1${'A' * 22}${'A' * 43}"

_YEARS = """CASE WHEN type IN ('reg_f_policy', 'complaints_and_litigation', 'data_security_programme', 'insurance',
    'surety_bond', 'rmai_certificate', 'chain_of_title', 'sample_media', 'financial_statement') THEN 3 ELSE 10 END"""

_TABLE = (
    """CREATE TABLE party_erasure (
        org_id uuid NOT NULL CONSTRAINT pk_party_erasure PRIMARY KEY
            CONSTRAINT fk_party_erasure_org_id_organisation REFERENCES organisation (org_id),
        due_at timestamptz NOT NULL,
        erased_at timestamptz NOT NULL
    )""",
    """CREATE TABLE staff_erasure (
        user_id uuid NOT NULL CONSTRAINT pk_staff_erasure PRIMARY KEY,
        org_id uuid NOT NULL,
        erased_at timestamptz NOT NULL,
        CONSTRAINT fk_staff_erasure_user_id_org_id_person FOREIGN KEY (user_id, org_id) REFERENCES person (user_id, org_id)
    )""",
    "CREATE INDEX ix_staff_erasure_user_id_org_id ON staff_erasure (user_id, org_id)",
    "ALTER TABLE bank_account ALTER COLUMN sealed_number DROP NOT NULL",
)

_ROWS = (
    "ALTER TABLE party_erasure ENABLE ROW LEVEL SECURITY",
    f"""CREATE POLICY party_erasure_app ON party_erasure TO {APP}
        USING (app_is_platform()) WITH CHECK (coalesce(current_setting('app.role', true), '') = 'system')""",
    f"CREATE POLICY party_erasure_officer ON party_erasure FOR SELECT TO {OFFICER} USING (true)",
    f"CREATE POLICY party_erasure_auditor ON party_erasure FOR SELECT TO {AUDITOR} USING (true)",
    "ALTER TABLE staff_erasure ENABLE ROW LEVEL SECURITY",
    f"CREATE POLICY staff_erasure_app ON staff_erasure FOR SELECT TO {APP} USING (app_is_platform())",
    f"CREATE POLICY staff_erasure_officer ON staff_erasure FOR SELECT TO {OFFICER} USING (true)",
    f"CREATE POLICY staff_erasure_auditor ON staff_erasure FOR SELECT TO {AUDITOR} USING (true)",
)

_TIME = (
    # When a party was last here. Null: it is still bound, by a case or an alert that officers have to decide, a block, an auction,
    # a sale, a forward flow or money. A draft, and a question to a party, bind nobody: it may have walked away from them.
    f"""CREATE FUNCTION party_left_at(a_org_id uuid) RETURNS timestamptz LANGUAGE sql STABLE {_DEFINER} AS $$
        SELECT CASE WHEN o.kind = 'trading' AND NOT org_is_blocked(o.org_id)
            AND NOT EXISTS (SELECT FROM verification_case c WHERE c.org_id = o.org_id
                AND c.state NOT IN ('draft', 'info_requested', 'cleared', 'declined'))
            AND NOT EXISTS (SELECT FROM screening_alert s WHERE s.org_id = o.org_id
                AND NOT EXISTS (SELECT FROM screening_decision d WHERE d.alert_id = s.alert_id AND d.verdict = 'false_positive')
                AND 2 > (SELECT count(*) FROM screening_decision d WHERE d.alert_id = s.alert_id))
            AND NOT EXISTS (SELECT FROM auction a WHERE a.org_id = o.org_id AND a.phase NOT IN ('awarded', 'failed', 'cancelled'))
            AND NOT EXISTS (SELECT FROM settlement s WHERE o.org_id IN (s.seller_org_id, s.buyer_org_id) AND s.ended_at IS NULL)
            AND NOT EXISTS (SELECT FROM forward_flow f WHERE o.org_id IN (f.seller_org_id, f.buyer_org_id)
                AND f.ended_at IS NULL)
            AND NOT EXISTS (SELECT FROM ledger_account l WHERE l.org_id = o.org_id AND
                (l.debits_posted_cents, l.debits_pending_cents + l.credits_pending_cents) <> (l.credits_posted_cents, 0))
        THEN greatest(o.created_at,
            (SELECT max(coalesce(x.ended_at, g.valid_until)) FROM clearance g LEFT JOIN clearance_end x USING (clearance_id)
                WHERE g.org_id = o.org_id),
            (SELECT max(greatest(c.created_at, c.submitted_at, c.decided_at)) FROM verification_case c WHERE c.org_id = o.org_id),
            (SELECT max(n.added_at) FROM disclosed_name n WHERE n.org_id = o.org_id),
            (SELECT max(greatest(s.raised_at, d.decided_at)) FROM screening_alert s LEFT JOIN screening_decision d USING (alert_id)
                WHERE s.org_id = o.org_id),
            (SELECT max(p.created_at) FROM person p WHERE p.org_id = o.org_id),
            (SELECT max(u.last_used_at) FROM user_session u WHERE u.org_id = o.org_id),
            (SELECT max(greatest(k.created_at, k.last_used_at)) FROM api_key k WHERE k.org_id = o.org_id),
            (SELECT max(s.ended_at) FROM settlement s WHERE o.org_id IN (s.seller_org_id, s.buyer_org_id)),
            (SELECT max(f.ended_at) FROM forward_flow f WHERE o.org_id IN (f.seller_org_id, f.buyer_org_id))) END
        FROM organisation o WHERE o.org_id = a_org_id $$""",
    # 31 CFR 501.601 (10 years since 2025-03-12). Its papers go first, by their own rules.
    f"""CREATE FUNCTION party_retention() RETURNS TABLE (org_id uuid, due_at timestamptz, held boolean)
    LANGUAGE sql STABLE {_DEFINER} AS $$
        SELECT o.org_id, party_left_at(o.org_id) + interval '10 years', org_is_held(o.org_id) FROM organisation o
        WHERE (app_is_platform() OR session_user = '{AUDITOR}') AND o.created_at <= clock_timestamp() - interval '9 years'
            AND NOT EXISTS (SELECT FROM party_erasure r WHERE r.org_id = o.org_id) $$""",
    # Papers of a case that its party walked away from are counted from when it did; they had no end.
    f"""CREATE OR REPLACE FUNCTION evidence_retention() RETURNS TABLE (
        evidence_id uuid, case_id uuid, org_id uuid, type text, rule text, due_at timestamptz, held boolean
    ) LANGUAGE sql STABLE {_DEFINER} AS $$
        SELECT e.evidence_id, e.case_id, e.org_id, e.type,
            CASE {_YEARS} WHEN 3 THEN '12 CFR 1006.100 (3 years)' ELSE '31 CFR 501.601 (10 years)' END,
            CASE WHEN c.state IN ('cleared', 'declined') THEN greatest(c.decided_at, (
                    SELECT max(coalesce(x.ended_at, g.valid_until)) FROM clearance g LEFT JOIN clearance_end x USING (clearance_id)
                    WHERE g.org_id = e.org_id)) + make_interval(years => {_YEARS})
                WHEN c.state IN ('draft', 'info_requested') THEN party_left_at(e.org_id) + make_interval(years => {_YEARS}) END,
            org_is_held(e.org_id)
        FROM evidence e JOIN verification_case c USING (case_id)
        WHERE (app_is_platform() OR session_user = '{AUDITOR}')
            AND NOT EXISTS (SELECT FROM evidence_erasure r WHERE r.evidence_id = e.evidence_id) $$""",
    "REVOKE ALL ON FUNCTION party_left_at(uuid), party_retention() FROM PUBLIC",
    f"GRANT EXECUTE ON FUNCTION party_retention() TO {APP}, {OFFICER}, {AUDITOR}",
)

# What is left of the columns that go. What was empty stays empty.
_COLUMNS: dict[str, dict[str, Any]] = {
    "disclosed_name": {"name": _ERASED, "birth_date": None, "id_number": None, "holds_in": _ERASED},
    "screening_alert": {"name": _ERASED, "listed_name": _ERASED, "trace": {}},
    "screening_run": {"results": []},
    "screening_decision": {"reason": _ERASED},
    "verification_case": {"message": _ERASED, "decision_reason": _ERASED},
    "case_appeal": {"grounds": _ERASED},
    "appeal_decision": {"reason": _ERASED},
    "clearance_end": {"reason": _ERASED},
    "proposal": {"reason": _ERASED},
    "proposal_decision": {"reason": _ERASED},
    "legal_hold": {"reason": _ERASED},
    "bank_account": {"holder_name": _ERASED, "last_four": "0000", "sealed_number": None},
    "shred_order": {"reason": _ERASED},
    "double_sale_resolution": {"reason": _ERASED},
    "settlement_cancellation": {"reason": _ERASED},
    "settlement_hold": {"reason": _ERASED, "lift_reason": _ERASED},
    "write_off": {"reason": _ERASED},
    "put_back": {"reason": _ERASED},
    "recall": {"reason": _ERASED},
    "forward_flow": {"end_reason": _ERASED},
    "staff_disabling": {"reason": _ERASED},
}

# The triggers that let nothing change: (table, trigger, function, what else it stood before).
_GUARDS = (
    *((table, f"{table}_append_only", "raise_append_only", "DELETE") for table in _COLUMNS if table not in (
        "verification_case", "settlement_hold", "put_back", "forward_flow")),
    ("verification_case", "case_moves", "case_moves", ""),
    ("settlement_hold", "settlement_hold_ends", "settlement_hold_ends", ""),
    ("put_back", "put_back_moves_on", "put_back_moves_on", "INSERT"),
    ("forward_flow", "forward_flow_moves", "forward_flow_moves", "INSERT"),
)  # fmt: skip

# Everywhere a hash of a name and a birth date stays, it goes with them.
_NO_SUBJECT = "encode(sha256(convert_to({}alert_id::text, 'UTF8')), 'hex')"

_WHAT_GOES = (
    # Whether a change does nothing but empty these columns, of a party (of a sale: of both) whose erasure is on record.
    f"""CREATE FUNCTION goes_by_rule(a_old jsonb, a_new jsonb, a_left jsonb) RETURNS boolean LANGUAGE plpgsql STABLE {_DEFINER} AS $$
    DECLARE
        gone jsonb := coalesce((SELECT jsonb_object_agg(key, value) FROM jsonb_each(a_left) WHERE a_old -> key <> 'null'), '{{}}');
        parties uuid[];
    BEGIN
        IF a_new IS DISTINCT FROM a_old || gone THEN
            RETURN false;
        ELSIF a_old ? 'disabled_at' THEN
            RETURN EXISTS (SELECT FROM staff_erasure r WHERE r.user_id = (a_old ->> 'user_id')::uuid);
        ELSIF a_old ? 'seller_org_id' THEN
            parties := ARRAY[(a_old ->> 'seller_org_id')::uuid, (a_old ->> 'buyer_org_id')::uuid];
        ELSIF a_old ? 'settlement_id' THEN
            SELECT ARRAY[s.seller_org_id, s.buyer_org_id] INTO parties FROM settlement s
                WHERE s.settlement_id = (a_old ->> 'settlement_id')::uuid;
        ELSIF a_old ? 'org_id' THEN
            parties := ARRAY[(a_old ->> 'org_id')::uuid];
        ELSE
            SELECT ARRAY[p.org_id] INTO parties FROM proposal p WHERE p.proposal_id = (a_old ->> 'proposal_id')::uuid;
        END IF;
        RETURN NOT EXISTS (SELECT FROM unnest(parties) AS each (org_id)
            WHERE NOT EXISTS (SELECT FROM party_erasure r WHERE r.org_id = each.org_id));
    END $$""",
    """CREATE FUNCTION erased_address(a_user_id uuid) RETURNS text LANGUAGE sql IMMUTABLE SET search_path = pg_catalog
        AS $$ SELECT 'erased-' || a_user_id || '@erased.invalid' $$""",
    "REVOKE ALL ON FUNCTION goes_by_rule(jsonb, jsonb, jsonb), erased_address(uuid) FROM PUBLIC",
    f"GRANT EXECUTE ON FUNCTION goes_by_rule(jsonb, jsonb, jsonb) TO {APP}, {OFFICER}",
)


def _let_go(table: str, trigger: str, function: str, also: str) -> tuple[str, ...]:
    """The trigger stands as before, but for a change that goes by rule."""
    left = f"'{json.dumps(_COLUMNS[table])}'::jsonb"
    if table == "screening_alert":
        left += f" || jsonb_build_object('subject_hash', {_NO_SUBJECT.format('OLD.')})"
    execute = f"FOR EACH ROW EXECUTE FUNCTION {function}()"
    return (
        f"DROP TRIGGER {trigger} ON {table}",
        f"""CREATE TRIGGER {trigger} BEFORE UPDATE ON {table} FOR EACH ROW
            WHEN (NOT goes_by_rule(to_jsonb(OLD), to_jsonb(NEW), {left})) EXECUTE FUNCTION {function}()""",
        *((f"CREATE TRIGGER {trigger}_{also.lower()} BEFORE {also} ON {table} {execute}",) if also else ()),
    )


_BOTH_GONE = """settlement_id IN (SELECT s.settlement_id FROM settlement s WHERE NEW.org_id IN (s.seller_org_id, s.buyer_org_id)
    AND EXISTS (SELECT FROM party_erasure r WHERE r.org_id = s.seller_org_id)
    AND EXISTS (SELECT FROM party_erasure r WHERE r.org_id = s.buyer_org_id))"""
_WHOSE = {
    "proposal_decision": "proposal_id IN (SELECT p.proposal_id FROM proposal p WHERE p.org_id = NEW.org_id)",
    "forward_flow": """NEW.org_id IN (seller_org_id, buyer_org_id)
        AND EXISTS (SELECT FROM party_erasure r WHERE r.org_id = seller_org_id)
        AND EXISTS (SELECT FROM party_erasure r WHERE r.org_id = buyer_org_id)""",
    **dict.fromkeys(("settlement_cancellation", "settlement_hold", "write_off", "put_back", "recall"), _BOTH_GONE),
}


def _empty(table: str) -> str:
    """The statement that empties a table's columns, for a party."""
    values = {
        column: "NULL" if left is None else f"'{left}'" if isinstance(left, str) else f"'{json.dumps(left)}'::jsonb"
        for column, left in _COLUMNS[table].items()
    }
    sets = [
        f"{column} = NULL" if value == "NULL" else f"{column} = CASE WHEN {column} IS NOT NULL THEN {value} END"
        for column, value in values.items()
    ]
    if table == "screening_alert":
        sets.append(f"subject_hash = {_NO_SUBJECT.format('')}")
    return f"UPDATE {table} SET {', '.join(sets)} WHERE {_WHOSE.get(table, 'org_id = NEW.org_id')};"


_FACTORS = ("user_session", "known_device", "contact_code", "recovery_code", "totp_factor", "passkey")

_ERASURE = (
    # A hold, and a grant, lock the organisation too: either they are seen here, or they come too late.
    f"""CREATE FUNCTION party_is_due() RETURNS trigger LANGUAGE plpgsql {_DEFINER} AS $$
    BEGIN
        PERFORM FROM organisation o WHERE o.org_id = NEW.org_id FOR UPDATE;
        NEW.due_at := party_left_at(NEW.org_id) + interval '10 years';
        NEW.erased_at := clock_timestamp();
        IF NEW.due_at IS NULL OR NEW.due_at > NEW.erased_at OR org_is_held(NEW.org_id) OR EXISTS (SELECT FROM evidence e
            WHERE e.org_id = NEW.org_id AND NOT EXISTS (SELECT FROM evidence_erasure r WHERE r.evidence_id = e.evidence_id)) THEN
            RAISE EXCEPTION 'a party is kept until its time is over, and longer under a hold' {_NO};
        END IF;
        RETURN NEW;
    END $$""",
    "CREATE TRIGGER party_is_due BEFORE INSERT ON party_erasure FOR EACH ROW EXECUTE FUNCTION party_is_due()",
    f"""CREATE FUNCTION party_is_forgotten() RETURNS trigger LANGUAGE plpgsql {_DEFINER} AS $$
    BEGIN
        {" ".join(_empty(table) for table in _COLUMNS if table != "staff_disabling")}
        UPDATE beneficial_owner SET name = 'erased', birth_date = NULL WHERE org_id = NEW.org_id;
        UPDATE case_message SET text = 'erased' WHERE org_id = NEW.org_id;
        UPDATE person SET email = erased_address(user_id), name = '{_ERASED}', password_hash = '{_NO_PASSWORD}'
            WHERE org_id = NEW.org_id;
        UPDATE api_key SET name = '{_ERASED}', networks = '{{}}', revoked_at = coalesce(revoked_at, NEW.erased_at)
            WHERE org_id = NEW.org_id;
        {" ".join(f"DELETE FROM {table} WHERE org_id = NEW.org_id;" for table in _FACTORS)}
        RETURN NULL;
    END $$""",
    "CREATE TRIGGER party_is_forgotten AFTER INSERT ON party_erasure FOR EACH ROW EXECUTE FUNCTION party_is_forgotten()",
    """CREATE CONSTRAINT TRIGGER party_erasure_is_journalled AFTER INSERT ON party_erasure
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION is_journalled('org', 'org_id')""",
    "REVOKE ALL ON FUNCTION party_is_due(), party_is_forgotten() FROM PUBLIC",
)

_STAFF = (
    # The ten years are counted by the database's clock, whatever the statement says.
    """CREATE FUNCTION disabling_is_now() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
    BEGIN
        NEW.disabled_at := clock_timestamp();
        RETURN NEW;
    END $$""",
    "CREATE TRIGGER disabling_is_now BEFORE INSERT ON staff_disabling FOR EACH ROW EXECUTE FUNCTION disabling_is_now()",
    # Each in its own line: one about somebody else, or about something else, does not do.
    f"""CREATE FUNCTION staff_erasure_is_journalled() RETURNS trigger LANGUAGE plpgsql {_DEFINER} AS $$
    BEGIN
        IF NOT EXISTS (SELECT FROM journal j WHERE j.stream = 'org:' || NEW.org_id AND j.kind = 'staff.erased'
            AND j.body::jsonb ->> 'user_id' = NEW.user_id::text
            AND j.tx >= pg_current_xact_id()::text::bigint AND j.at >= transaction_timestamp()) THEN
            RAISE EXCEPTION 'an erasure of staff is not in the journal'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'staff_erasure_is_journalled';
        END IF;
        RETURN NULL;
    END $$""",
    """CREATE CONSTRAINT TRIGGER staff_erasure_is_journalled AFTER INSERT ON staff_erasure
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION staff_erasure_is_journalled()""",
    # Ten years after the end of their access, unless a hold is open anywhere: what they decided is about every party. An invitation
    # that nobody took goes a year after its end.
    f"""CREATE FUNCTION forget_staff() RETURNS TABLE (gone_user_id uuid, gone_org_id uuid) LANGUAGE plpgsql {_DEFINER} AS $$
    DECLARE
        who record;
    BEGIN
        IF coalesce(current_setting('app.role', true), '') <> 'system' THEN
            RAISE EXCEPTION 'staff are forgotten by rule alone' {_NO};
        END IF;
        DELETE FROM staff_invitation i WHERE i.expires_at <= clock_timestamp() - interval '1 year'
            AND NOT EXISTS (SELECT FROM person p WHERE p.invitation_id = i.invitation_id);
        IF EXISTS (SELECT FROM legal_hold h WHERE org_is_held(h.org_id)) THEN
            RETURN;
        END IF;
        FOR who IN SELECT p.user_id, p.org_id, p.invitation_id FROM staff_disabling d JOIN person p USING (user_id)
            WHERE d.disabled_at <= clock_timestamp() - interval '10 years' AND p.org_kind = 'platform'
                AND NOT EXISTS (SELECT FROM staff_erasure r WHERE r.user_id = p.user_id)
            ORDER BY p.user_id LIMIT 50
        LOOP
            INSERT INTO staff_erasure VALUES (who.user_id, who.org_id, clock_timestamp());
            WITH invited AS (
                UPDATE staff_invitation SET email = erased_address(who.user_id) WHERE invitation_id = who.invitation_id
            ) UPDATE person SET email = erased_address(user_id), name = '{_ERASED}', password_hash = '{_NO_PASSWORD}'
                WHERE user_id = who.user_id;
            UPDATE staff_disabling SET reason = '{_ERASED}' WHERE user_id = who.user_id;
            UPDATE api_key SET name = '{_ERASED}', networks = '{{}}', revoked_at = coalesce(revoked_at, clock_timestamp())
                WHERE user_id = who.user_id;
            {" ".join(f"DELETE FROM {table} WHERE user_id = who.user_id;" for table in _FACTORS)}
            gone_user_id := who.user_id;
            gone_org_id := who.org_id;
            RETURN NEXT;
        END LOOP;
    END $$""",
    "REVOKE ALL ON FUNCTION disabling_is_now(), staff_erasure_is_journalled(), forget_staff() FROM PUBLIC",
    f"GRANT EXECUTE ON FUNCTION forget_staff() TO {APP}",
)
