"""The officers' work: proposals by two, appeals, messages, rule packs, holds, erasure, notices, checkpoints.

What must hold whatever the application does: a decision has a person, a reason and a line in the journal; what two
officers must agree on is agreed by two; a blocked organisation gets no clearance and no payout; evidence loses its key
by rule and in no other way; nobody of the platform sees bids before the auction has ended.
"""

from migrations.guard import APP, AUDITOR, OFFICER, append_only, grant, own_rows_only, run

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(*_CASE, *_EVIDENCE, *_CLEARANCE, *_TALK, *_PROPOSAL, *_RULES, *_RETENTION, *_NOTICE, *_SALE, *_CHECKPOINT)
    _grants()
    for table in (
        "case_message", "case_appeal", "appeal_decision", "proposal", "proposal_decision", "rule_pack", "rule",
        "legal_hold", "evidence_erasure", "sale_qualification", "journal_checkpoint", "checkpoint_head",
    ):  # fmt: skip
        if table != "case_message":
            append_only(table)
    run(*_FUNCTIONS, *_KEEPING, *_JOURNALLED, *_SEALED_BIDS, *_GATE)


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


def _grants() -> None:
    for table in ("case_message", "case_appeal"):
        grant(table, app="SELECT, INSERT", officer="SELECT, INSERT")
    grant("appeal_decision", app="SELECT", officer="SELECT, INSERT")
    grant("clearance_notice", app="SELECT, INSERT, UPDATE (mail_due_at, mailed_at)", officer="SELECT")
    grant("evidence_erasure", app="SELECT, INSERT", officer="SELECT")
    grant("sale_qualification", app="SELECT, INSERT", officer="SELECT")
    for table in ("case_message", "case_appeal", "appeal_decision", "clearance_notice", "evidence_erasure"):
        own_rows_only(table)
        run(
            f"CREATE POLICY {table}_no_operator ON {table} AS RESTRICTIVE TO {APP}"
            " USING (coalesce(current_setting('app.role', true), '') <> 'operator')"
        )
    own_rows_only("sale_qualification", also="EXISTS (SELECT FROM auction a WHERE a.auction_id = auction_id)")
    for table in ("clearance_notice", "evidence_erasure"):
        run(f"ALTER POLICY {table}_insert ON {table} WITH CHECK (app_is_platform())")
    # What officers propose and hold is theirs alone: a party that could read it would be tipped off.
    for table in ("proposal", "proposal_decision", "legal_hold"):
        grant(table, officer="SELECT, INSERT")
        run(
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"CREATE POLICY {table}_officer ON {table} TO {OFFICER} USING (true) WITH CHECK (true)",
            f"CREATE POLICY {table}_auditor ON {table} FOR SELECT TO {AUDITOR} USING (true)",
        )
    for table in ("rule_pack", "rule"):
        grant(table, app="SELECT", officer="SELECT, INSERT")
    for table in ("duty", "journal_checkpoint", "checkpoint_head"):
        grant(table, app="SELECT, INSERT" + (", UPDATE" if table == "duty" else ""), officer="SELECT")
        run(
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"CREATE POLICY {table}_app ON {table} TO {APP} USING (app_is_platform()) WITH CHECK (app_is_platform())",
            f"CREATE POLICY {table}_officer ON {table} FOR SELECT TO {OFFICER} USING (true)",
            f"CREATE POLICY {table}_auditor ON {table} FOR SELECT TO {AUDITOR} USING (true)",
        )
    run(
        f"GRANT UPDATE (due_at) ON verification_case TO {APP}",
        f"GRANT UPDATE (due_at, assigned_to, prepared_risk, decision_reason, submitted_at) ON verification_case TO {OFFICER}",
        f"GRANT UPDATE (wrapped_key, number) ON evidence TO {APP}",
        f"GRANT UPDATE (extracted) ON evidence_verification TO {APP}",
        f"GRANT UPDATE (name, birth_date) ON beneficial_owner TO {APP}",
        f"GRANT UPDATE (text) ON case_message TO {APP}",
    )


_NO = "USING ERRCODE = 'insufficient_privilege'"
_DEFINER = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public"
_INVOKER = "LANGUAGE plpgsql SET search_path = pg_catalog, public"
_PLAN = (
    "prepared_by, prepared_at, prepared_capabilities, prepared_states, prepared_max_bid_cents, prepared_currency,"
    " prepared_valid_until, prepared_risk, evidence_digest"
)


def _person(table: str, column: str) -> str:
    return f"CONSTRAINT fk_{table}_{column}_person FOREIGN KEY ({column}) REFERENCES person (user_id)"


def _case_key(table: str) -> str:
    return (
        f"CONSTRAINT fk_{table}_case_id_org_id_verification_case"
        " FOREIGN KEY (case_id, org_id) REFERENCES verification_case (case_id, org_id)"
    )


def _text(table: str, column: str, longest: int = 2000) -> str:
    return f"{column} text NOT NULL CONSTRAINT ck_{table}_{column} CHECK (length({column}) BETWEEN 1 AND {longest})"


def _plan_as(prefix: str) -> str:
    return ", ".join(f"{prefix}.{column.strip()}" for column in _PLAN.split(","))


_CASE = (
    "ALTER TABLE verification_case DISABLE TRIGGER USER",
    """ALTER TABLE verification_case
        ADD COLUMN due_at timestamptz,
        ADD COLUMN assigned_to uuid,
        ADD COLUMN prepared_risk text CONSTRAINT ck_verification_case_prepared_risk
            CHECK (prepared_risk IN ('standard', 'high')),
        ADD COLUMN decision_reason text CONSTRAINT ck_verification_case_decision_reason
            CHECK (length(decision_reason) BETWEEN 1 AND 2000),
        ADD CONSTRAINT fk_verification_case_assigned_to_person
            FOREIGN KEY (assigned_to) REFERENCES person (user_id),
        DROP CONSTRAINT ck_verification_case_state,
        DROP CONSTRAINT ck_verification_case_submitted,
        DROP CONSTRAINT ck_verification_case_prepared,
        DROP CONSTRAINT ck_verification_case_decided""",
    """UPDATE verification_case SET prepared_risk = CASE WHEN prepared_by IS NOT NULL THEN 'standard' END,
        decision_reason = CASE WHEN decided_at IS NOT NULL THEN coalesce(message, 'Decided as it was prepared.') END""",
    "ALTER TABLE verification_case ENABLE TRIGGER USER",
    f"""ALTER TABLE verification_case
        ADD CONSTRAINT ck_verification_case_state CHECK (state IN ('draft', 'submitted', 'screening', 'in_review',
            'info_requested', 'prepared', 'cleared', 'declined', 'blocked')),
        ADD CONSTRAINT ck_verification_case_submitted CHECK (
            state = 'blocked' OR (state = 'draft') = (submitted_at IS NULL)),
        ADD CONSTRAINT ck_verification_case_prepared CHECK (CASE
            WHEN state IN ('prepared', 'cleared') THEN num_nulls({_PLAN}) = 0
            WHEN state IN ('declined', 'blocked') THEN true
            ELSE num_nonnulls({_PLAN}) = 0 END),
        ADD CONSTRAINT ck_verification_case_decided CHECK (CASE
            WHEN state = 'blocked' THEN true
            ELSE (state = 'cleared') = (approved_by IS NOT NULL) AND (state = 'declined') = (declined_by IS NOT NULL)
                AND (state IN ('cleared', 'declined')) = (decided_at IS NOT NULL)
                AND (state IN ('cleared', 'declined')) = (decision_reason IS NOT NULL) END)""",
    "CREATE INDEX ix_verification_case_assigned_to ON verification_case (assigned_to)",
    "CREATE INDEX ix_verification_case_due_at ON verification_case (due_at)",
)

_EVIDENCE = (
    """ALTER TABLE beneficial_owner
        ADD COLUMN controls boolean NOT NULL DEFAULT false,
        ADD CONSTRAINT uq_beneficial_owner_owner_id_case_id UNIQUE (owner_id, case_id)""",
    """ALTER TABLE evidence
        ADD COLUMN owner_id uuid,
        ADD COLUMN covered_states text[] CONSTRAINT ck_evidence_covered_states CHECK (
            cardinality(covered_states) BETWEEN 1 AND 60
            AND array_to_string(covered_states, ',', '?') ~ '^[A-Z]{2}(,[A-Z]{2})*$'),
        ADD COLUMN held_by text CONSTRAINT ck_evidence_held_by CHECK (length(held_by) BETWEEN 1 AND 200),
        ADD COLUMN amount_cents bigint
            CONSTRAINT ck_evidence_amount_cents CHECK (amount_cents BETWEEN 0 AND 1000000000000000),
        ADD CONSTRAINT fk_evidence_owner_id_case_id_beneficial_owner
            FOREIGN KEY (owner_id, case_id) REFERENCES beneficial_owner (owner_id, case_id),
        ALTER COLUMN wrapped_key DROP NOT NULL,
        DROP CONSTRAINT ck_evidence_type,
        ADD CONSTRAINT ck_evidence_type CHECK (type IN ('formation_document', 'good_standing', 'tax_form',
            'ownership_declaration', 'government_id', 'sanctions_screening', 'debt_licence', 'surety_bond',
            'insurance', 'rmai_certificate', 'reg_f_policy', 'data_security_programme', 'complaints_and_litigation',
            'bank_account_ownership', 'signing_authority', 'chain_of_title', 'servicing_agreement',
            'financial_statement'))""",
    "CREATE INDEX ix_evidence_owner_id_case_id ON evidence (owner_id, case_id)",
    """ALTER TABLE evidence_verification
        ADD COLUMN method text NOT NULL DEFAULT 'inspection' CONSTRAINT ck_evidence_verification_method
            CHECK (method IN ('register', 'issuer', 'call_back', 'screening', 'inspection')),
        ADD COLUMN extracted bytea
            CONSTRAINT ck_evidence_verification_extracted CHECK (octet_length(extracted) <= 16384)""",
)

_CLEARANCE = (
    """ALTER TABLE clearance
        ADD COLUMN decided_at timestamptz,
        DROP CONSTRAINT uq_clearance_case_id_capability,
        ADD CONSTRAINT uq_clearance_case_id_capability_decided_at UNIQUE (case_id, capability, decided_at)""",
    # The list of what ends within days, and what ended, is read by the hour.
    "CREATE INDEX ix_clearance_valid_until ON clearance (valid_until)",
)

_TALK = (
    f"""CREATE TABLE case_message (
        message_id uuid NOT NULL CONSTRAINT pk_case_message PRIMARY KEY,
        case_id uuid NOT NULL,
        org_id uuid NOT NULL,
        author_id uuid NOT NULL,
        side text NOT NULL CONSTRAINT ck_case_message_side CHECK (side IN ('officer', 'party')),
        {_text("case_message", "text")},
        at timestamptz NOT NULL,
        {_case_key("case_message")},
        {_person("case_message", "author_id")}
    )""",
    "CREATE INDEX ix_case_message_case_id_org_id ON case_message (case_id, org_id)",
    "CREATE INDEX ix_case_message_author_id ON case_message (author_id)",
    f"""CREATE TABLE case_appeal (
        appeal_id uuid NOT NULL CONSTRAINT pk_case_appeal PRIMARY KEY,
        case_id uuid NOT NULL CONSTRAINT uq_case_appeal_case_id UNIQUE,
        org_id uuid NOT NULL,
        declined_by uuid NOT NULL,
        appealed_by uuid NOT NULL,
        {_text("case_appeal", "grounds")},
        appealed_at timestamptz NOT NULL,
        due_at timestamptz NOT NULL,
        CONSTRAINT uq_case_appeal_appeal_id_case_id_org_id_declined_by UNIQUE (appeal_id, case_id, org_id, declined_by),
        CONSTRAINT fk_case_appeal_appealed_by_org_id_person
            FOREIGN KEY (appealed_by, org_id) REFERENCES person (user_id, org_id),
        {_case_key("case_appeal")},
        {_person("case_appeal", "declined_by")}
    )""",
    "CREATE INDEX ix_case_appeal_case_id_org_id ON case_appeal (case_id, org_id)",
    "CREATE INDEX ix_case_appeal_appealed_by_org_id ON case_appeal (appealed_by, org_id)",
    "CREATE INDEX ix_case_appeal_declined_by ON case_appeal (declined_by)",
    f"""CREATE TABLE appeal_decision (
        appeal_id uuid NOT NULL CONSTRAINT pk_appeal_decision PRIMARY KEY,
        case_id uuid NOT NULL,
        org_id uuid NOT NULL,
        declined_by uuid NOT NULL,
        decided_by uuid NOT NULL,
        upheld boolean NOT NULL,
        {_text("appeal_decision", "reason")},
        decided_at timestamptz NOT NULL,
        CONSTRAINT ck_appeal_decision_another_officer CHECK (decided_by <> declined_by),
        CONSTRAINT fk_appeal_decision_case_appeal FOREIGN KEY (appeal_id, case_id, org_id, declined_by)
            REFERENCES case_appeal (appeal_id, case_id, org_id, declined_by),
        CONSTRAINT uq_appeal_decision_appeal_id_case_id_org_id_declined_by
            UNIQUE (appeal_id, case_id, org_id, declined_by),
        {_person("appeal_decision", "decided_by")}
    )""",
    "CREATE INDEX ix_appeal_decision_case_id ON appeal_decision (case_id)",
    "CREATE INDEX ix_appeal_decision_decided_by ON appeal_decision (decided_by)",
)

_PROPOSAL = (
    f"""CREATE TABLE proposal (
        proposal_id uuid NOT NULL CONSTRAINT pk_proposal PRIMARY KEY,
        kind text NOT NULL CONSTRAINT ck_proposal_kind
            CHECK (kind IN ('block', 'unblock', 'break_glass', 'adopt_rules', 'release_hold')),
        org_id uuid CONSTRAINT fk_proposal_org_id_organisation REFERENCES organisation,
        subject_id uuid,
        {_text("proposal", "reason")},
        proposed_by uuid NOT NULL,
        proposed_at timestamptz NOT NULL,
        CONSTRAINT uq_proposal_proposal_id_proposed_by UNIQUE (proposal_id, proposed_by),
        CONSTRAINT ck_proposal_subject CHECK (CASE
            WHEN kind = 'adopt_rules' THEN org_id IS NULL AND subject_id IS NOT NULL
            WHEN kind = 'release_hold' THEN org_id IS NOT NULL AND subject_id IS NOT NULL
            ELSE org_id IS NOT NULL AND subject_id IS NULL END),
        {_person("proposal", "proposed_by")}
    )""",
    "CREATE INDEX ix_proposal_org_id_kind ON proposal (org_id, kind)",
    "CREATE INDEX ix_proposal_subject_id ON proposal (subject_id)",
    "CREATE INDEX ix_proposal_proposed_by ON proposal (proposed_by)",
    f"""CREATE TABLE proposal_decision (
        proposal_id uuid NOT NULL CONSTRAINT pk_proposal_decision PRIMARY KEY,
        proposed_by uuid NOT NULL,
        decided_by uuid NOT NULL,
        carried boolean NOT NULL,
        {_text("proposal_decision", "reason")},
        decided_at timestamptz NOT NULL,
        CONSTRAINT ck_proposal_decision_four_eyes CHECK (decided_by <> proposed_by),
        CONSTRAINT fk_proposal_decision_proposal FOREIGN KEY (proposal_id, proposed_by)
            REFERENCES proposal (proposal_id, proposed_by),
        CONSTRAINT uq_proposal_decision_proposal_id_proposed_by UNIQUE (proposal_id, proposed_by),
        {_person("proposal_decision", "decided_by")}
    )""",
    "CREATE INDEX ix_proposal_decision_decided_by ON proposal_decision (decided_by)",
)

_RULES = (
    f"""CREATE TABLE rule_pack (
        pack_id uuid NOT NULL CONSTRAINT pk_rule_pack PRIMARY KEY,
        name text NOT NULL CONSTRAINT ck_rule_pack_name CHECK (name ~ '^[a-z_]{{1,40}}$'),
        version text NOT NULL CONSTRAINT ck_rule_pack_version CHECK (version ~ '^[0-9A-Za-z.-]{{1,40}}$'),
        sha256 text NOT NULL CONSTRAINT ck_rule_pack_sha256 CHECK (sha256 ~ '^[0-9a-f]{{64}}$'),
        {_text("rule_pack", "source")},
        loaded_by uuid NOT NULL,
        loaded_at timestamptz NOT NULL,
        CONSTRAINT uq_rule_pack_name_sha256 UNIQUE (name, sha256),
        {_person("rule_pack", "loaded_by")}
    )""",
    "CREATE INDEX ix_rule_pack_loaded_by ON rule_pack (loaded_by)",
    f"""CREATE TABLE rule (
        pack_id uuid NOT NULL CONSTRAINT fk_rule_pack_id_rule_pack REFERENCES rule_pack,
        state text NOT NULL CONSTRAINT ck_rule_state CHECK (state ~ '^[A-Z]{{2}}$'),
        class text NOT NULL CONSTRAINT ck_rule_class CHECK (class ~ '^[a-z_]{{1,40}}$'),
        effective_from date NOT NULL,
        value text NOT NULL CONSTRAINT ck_rule_value CHECK (length(value) BETWEEN 1 AND 200),
        {_text("rule", "citation", 500)},
        {_text("rule", "source", 500)},
        conflict boolean NOT NULL,
        why text NOT NULL CONSTRAINT ck_rule_why CHECK (length(why) <= 1000),
        CONSTRAINT pk_rule PRIMARY KEY (pack_id, class, state, effective_from)
    )""",
)

_RETENTION = (
    f"""CREATE TABLE legal_hold (
        hold_id uuid NOT NULL CONSTRAINT pk_legal_hold PRIMARY KEY,
        org_id uuid NOT NULL CONSTRAINT fk_legal_hold_org_id_organisation REFERENCES organisation,
        {_text("legal_hold", "reason")},
        placed_by uuid NOT NULL,
        placed_at timestamptz NOT NULL,
        {_person("legal_hold", "placed_by")}
    )""",
    "CREATE INDEX ix_legal_hold_org_id ON legal_hold (org_id)",
    "CREATE INDEX ix_legal_hold_placed_by ON legal_hold (placed_by)",
    f"""CREATE TABLE evidence_erasure (
        evidence_id uuid NOT NULL CONSTRAINT pk_evidence_erasure PRIMARY KEY
            CONSTRAINT fk_evidence_erasure_evidence_id_evidence REFERENCES evidence (evidence_id),
        case_id uuid NOT NULL,
        org_id uuid NOT NULL,
        rule text NOT NULL,
        due_at timestamptz NOT NULL,
        erased_at timestamptz NOT NULL,
        {_case_key("evidence_erasure")}
    )""",
    "CREATE INDEX ix_evidence_erasure_case_id_org_id ON evidence_erasure (case_id, org_id)",
)

_NOTICE = (
    """CREATE TABLE clearance_notice (
        clearance_id uuid NOT NULL CONSTRAINT fk_clearance_notice_clearance_id_clearance REFERENCES clearance (clearance_id),
        days bigint NOT NULL CONSTRAINT ck_clearance_notice_days CHECK (days IN (60, 30, 7)),
        org_id uuid NOT NULL CONSTRAINT fk_clearance_notice_org_id_organisation REFERENCES organisation,
        noted_at timestamptz NOT NULL,
        mail_due_at timestamptz,
        mailed_at timestamptz,
        CONSTRAINT pk_clearance_notice PRIMARY KEY (clearance_id, days)
    )""",
    "CREATE INDEX ix_clearance_notice_org_id ON clearance_notice (org_id)",
    "CREATE INDEX ix_clearance_notice_mail_due_at ON clearance_notice (mail_due_at) WHERE mail_due_at IS NOT NULL",
    """CREATE TABLE duty (
        name text NOT NULL CONSTRAINT pk_duty PRIMARY KEY,
        due_at timestamptz NOT NULL
    )""",
)

_SALE = (
    "ALTER TABLE pool ADD COLUMN state_sums jsonb",
    """CREATE TABLE sale_qualification (
        auction_id uuid NOT NULL CONSTRAINT pk_sale_qualification PRIMARY KEY,
        org_id uuid NOT NULL,
        needs_rmai boolean NOT NULL,
        min_net_worth_cents bigint NOT NULL CONSTRAINT ck_sale_qualification_min_net_worth_cents
            CHECK (min_net_worth_cents BETWEEN 0 AND 1000000000000000),
        CONSTRAINT fk_sale_qualification_auction_id_org_id_auction
            FOREIGN KEY (auction_id, org_id) REFERENCES auction (auction_id, org_id)
    )""",
    "CREATE INDEX ix_sale_qualification_auction_id_org_id ON sale_qualification (auction_id, org_id)",
)

_CHECKPOINT = (
    """CREATE TABLE journal_checkpoint (
        number bigint NOT NULL CONSTRAINT pk_journal_checkpoint PRIMARY KEY
            CONSTRAINT ck_journal_checkpoint_number CHECK (number >= 1),
        at timestamptz NOT NULL,
        stream_count bigint NOT NULL,
        root bytea NOT NULL CONSTRAINT ck_journal_checkpoint_root CHECK (octet_length(root) = 32),
        prev_hash bytea NOT NULL CONSTRAINT ck_journal_checkpoint_prev_hash CHECK (octet_length(prev_hash) = 32),
        public_key bytea NOT NULL CONSTRAINT ck_journal_checkpoint_public_key CHECK (octet_length(public_key) = 32),
        signature bytea NOT NULL CONSTRAINT ck_journal_checkpoint_signature CHECK (octet_length(signature) = 64)
    )""",
    # Only the heads that moved since the checkpoint before: together they are the heads of all streams.
    """CREATE TABLE checkpoint_head (
        number bigint NOT NULL CONSTRAINT fk_checkpoint_head_number_journal_checkpoint REFERENCES journal_checkpoint,
        stream text NOT NULL,
        seq bigint NOT NULL,
        hash bytea NOT NULL CONSTRAINT ck_checkpoint_head_hash CHECK (octet_length(hash) = 32),
        CONSTRAINT pk_checkpoint_head PRIMARY KEY (number, stream)
    )""",
    "CREATE INDEX ix_checkpoint_head_stream_number ON checkpoint_head (stream, number)",
)

_OFFICERS_OWN = (
    # table, column of the person, column of the instant
    ("case_message", "author_id", "at"),
    ("appeal_decision", "decided_by", "decided_at"),
    ("proposal", "proposed_by", "proposed_at"),
    ("proposal_decision", "decided_by", "decided_at"),
    ("rule_pack", "loaded_by", "loaded_at"),
    ("legal_hold", "placed_by", "placed_at"),
)

_FUNCTIONS = (
    """CREATE FUNCTION org_is_blocked(org uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    AS 'SELECT coalesce((SELECT p.kind = ''block'' FROM proposal p JOIN proposal_decision d USING (proposal_id)
        WHERE p.org_id = org AND p.kind IN (''block'', ''unblock'') AND d.carried
        ORDER BY d.decided_at DESC LIMIT 1), false)'""",
    """CREATE FUNCTION org_is_held(org uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    AS 'SELECT EXISTS (SELECT FROM legal_hold h WHERE h.org_id = org AND NOT EXISTS (
        SELECT FROM proposal p JOIN proposal_decision d USING (proposal_id)
        WHERE p.kind = ''release_hold'' AND p.subject_id = h.hold_id AND d.carried))'""",
    # Which packs two officers adopted; why is theirs alone.
    """CREATE FUNCTION adopted_packs() RETURNS TABLE (pack_id uuid, decided_by uuid, decided_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    AS 'SELECT p.subject_id, d.decided_by, d.decided_at FROM proposal p JOIN proposal_decision d USING (proposal_id)
        WHERE p.kind = ''adopt_rules'' AND d.carried'""",
    # One's own name, an officer's, and the database's clock.
    f"""CREATE FUNCTION officer_signs() RETURNS trigger {_DEFINER} AS $$
    BEGIN
        IF NOT is_officer(app_user_id()) OR (to_jsonb(NEW) ->> TG_ARGV[0])::uuid IS DISTINCT FROM app_user_id() THEN
            RAISE EXCEPTION 'an officer does this in the own name' {_NO};
        END IF;
        RETURN jsonb_populate_record(NEW, jsonb_build_object(TG_ARGV[1], clock_timestamp()));
    END $$""",
    *(
        f"CREATE TRIGGER {table}_signed BEFORE INSERT ON {table}"
        f" FOR EACH ROW EXECUTE FUNCTION officer_signs('{person}', '{instant}')"
        for table, person, instant in _OFFICERS_OWN
        if table != "case_message"
    ),
    f"""CREATE FUNCTION message_enters() RETURNS trigger {_INVOKER} AS $$
    BEGIN
        IF NEW.author_id IS DISTINCT FROM app_user_id()
            OR NEW.side <> (CASE current_user WHEN '{OFFICER}' THEN 'officer' ELSE 'party' END)
            OR (NEW.side = 'party' AND NEW.org_id IS DISTINCT FROM app_org_id())
            OR (NEW.side = 'officer' AND NOT is_officer(app_user_id())) THEN
            RAISE EXCEPTION 'everybody writes in the own name' {_NO};
        END IF;
        NEW.at := clock_timestamp();
        RETURN NEW;
    END $$""",
    "CREATE TRIGGER message_enters BEFORE INSERT ON case_message FOR EACH ROW EXECUTE FUNCTION message_enters()",
    f"""CREATE FUNCTION appeal_enters() RETURNS trigger {_INVOKER} AS $$
    BEGIN
        IF NEW.appealed_by IS DISTINCT FROM app_user_id() OR NOT EXISTS (
            SELECT FROM verification_case c WHERE c.case_id = NEW.case_id AND c.state = 'declined'
                AND c.declined_by = NEW.declined_by AND c.decided_at > clock_timestamp() - interval '90 days') THEN
            RAISE EXCEPTION 'an appeal is against a recent no' {_NO};
        END IF;
        NEW.appealed_at := clock_timestamp();
        RETURN NEW;
    END $$""",
    "CREATE TRIGGER appeal_enters BEFORE INSERT ON case_appeal FOR EACH ROW EXECUTE FUNCTION appeal_enters()",
    # Which role may move a case where; with the caller's rights, so that current_user is the caller.
    f"""CREATE OR REPLACE FUNCTION case_moves() RETURNS trigger {_INVOKER} AS $$
    DECLARE
        move text := OLD.state || '>' || NEW.state;
        plan_changed boolean := ({_plan_as("OLD")}) IS DISTINCT FROM ({_plan_as("NEW")});
        in_the_queue text[] := ARRAY['due_at', 'assigned_to'];
        allowed boolean := false;
    BEGIN
        IF OLD.state = NEW.state THEN
            IF current_user <> '{OFFICER}' OR NOT is_officer(app_user_id())
                OR NOT (NEW.assigned_to IS NULL OR is_officer(NEW.assigned_to))
                OR to_jsonb(NEW) - in_the_queue <> to_jsonb(OLD) - in_the_queue THEN
                RAISE EXCEPTION 'a case that stays where it is stays as it is' {_NO};
            END IF;
            RETURN NEW;
        END IF;
        IF current_user = '{APP}' THEN
            allowed := move IN ('draft>submitted', 'info_requested>in_review') OR (
                current_setting('app.role', true) = 'system' AND move IN ('submitted>screening', 'screening>in_review'));
        ELSIF current_user = '{OFFICER}' AND is_officer(app_user_id()) THEN
            allowed := move IN ('submitted>screening', 'screening>in_review', 'in_review>info_requested', 'in_review>prepared',
                    'in_review>declined', 'prepared>in_review', 'prepared>info_requested', 'prepared>cleared',
                    'prepared>declined')
                OR (move = 'declined>in_review' AND EXISTS (SELECT FROM appeal_decision d
                    WHERE d.case_id = NEW.case_id AND d.upheld AND d.decided_by = app_user_id()))
                OR (move = 'cleared>in_review' AND EXISTS (SELECT FROM clearance c LEFT JOIN clearance_end e USING (clearance_id)
                    WHERE c.case_id = NEW.case_id AND (e.clearance_id IS NOT NULL OR c.valid_until <= clock_timestamp())))
                OR (NEW.state = 'blocked' AND org_is_blocked(NEW.org_id))
                OR (move = 'blocked>in_review' AND NOT org_is_blocked(NEW.org_id));
        END IF;
        IF NOT allowed
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
    # 90 days after a no, unless another officer upheld the appeal (then that case is in review again).
    f"""CREATE OR REPLACE FUNCTION case_begins() RETURNS trigger {_INVOKER} AS $$
    BEGIN
        IF NEW.state <> 'draft' THEN
            RAISE EXCEPTION 'a case begins as a draft' {_NO};
        END IF;
        IF EXISTS (SELECT FROM verification_case c WHERE c.org_id = NEW.org_id AND c.state = 'declined'
            AND c.decided_at > clock_timestamp() - interval '90 days') THEN
            RAISE EXCEPTION 'a declined party cools off for 90 days' {_NO};
        END IF;
        RETURN NEW;
    END $$""",
    # Grants and ends of one organisation queue at its row, so that none misses the other.
    f"""CREATE OR REPLACE FUNCTION clearance_is_granted() RETURNS trigger {_DEFINER} AS $$
    DECLARE
        asked verification_case;
        verified_count bigint;
        first_expiry date;
    BEGIN
        SELECT * INTO asked FROM verification_case WHERE case_id = NEW.case_id FOR SHARE;
        PERFORM FROM organisation WHERE org_id = NEW.org_id FOR NO KEY UPDATE;
        NEW.valid_from := clock_timestamp();
        NEW.decided_at := asked.decided_at;
        IF asked.state IS DISTINCT FROM 'cleared' OR NOT NEW.capability = ANY (asked.prepared_capabilities)
            OR (NEW.org_id, NEW.states, NEW.max_bid_cents, NEW.currency, NEW.valid_until, NEW.prepared_by,
                NEW.approved_by, NEW.evidence_digest)
            IS DISTINCT FROM (asked.org_id, asked.prepared_states, asked.prepared_max_bid_cents,
                asked.prepared_currency, asked.prepared_valid_until, asked.prepared_by, asked.approved_by,
                asked.evidence_digest)
        THEN
            RAISE EXCEPTION 'a clearance repeats a case as it was prepared and approved' {_NO};
        END IF;
        IF NEW.valid_until > NEW.valid_from
            + (CASE asked.prepared_risk WHEN 'high' THEN interval '6 months 2 days' ELSE interval '12 months 2 days' END)
        THEN
            RAISE EXCEPTION 'a clearance lasts 12 months at most, 6 at high risk' {_NO};
        END IF;
        IF NOT is_officer(NEW.prepared_by) OR NOT is_officer(NEW.approved_by)
            OR NEW.approved_by IS DISTINCT FROM app_user_id()
            OR EXISTS (SELECT FROM evidence e WHERE e.case_id = NEW.case_id
                AND e.uploaded_by IN (NEW.prepared_by, NEW.approved_by))
        THEN
            RAISE EXCEPTION 'uploader, preparer and approver are three people' {_NO};
        END IF;
        IF EXISTS (SELECT FROM rule_pack WHERE loaded_by = NEW.approved_by
                AND (loaded_at AT TIME ZONE 'UTC')::date = (NEW.valid_from AT TIME ZONE 'UTC')::date)
            OR EXISTS (SELECT FROM proposal p LEFT JOIN proposal_decision d USING (proposal_id)
                WHERE p.kind = 'adopt_rules' AND (
                    (p.proposed_by = NEW.approved_by
                        AND (p.proposed_at AT TIME ZONE 'UTC')::date = (NEW.valid_from AT TIME ZONE 'UTC')::date)
                    OR (d.decided_by = NEW.approved_by
                        AND (d.decided_at AT TIME ZONE 'UTC')::date = (NEW.valid_from AT TIME ZONE 'UTC')::date)))
        THEN
            RAISE EXCEPTION 'who changes rules does not approve on that day' {_NO};
        END IF;
        IF org_is_blocked(NEW.org_id) THEN
            RAISE EXCEPTION 'the organisation is blocked' {_NO};
        END IF;
        SELECT count(*), min(e.expires_on) INTO verified_count, first_expiry
            FROM evidence e JOIN evidence_verification v USING (evidence_id)
            WHERE e.case_id = NEW.case_id AND (e.expires_on IS NULL OR e.expires_on >= (NEW.valid_from AT TIME ZONE 'UTC')::date);
        IF verified_count = 0 OR NEW.valid_until > (first_expiry + 1)::timestamp AT TIME ZONE 'UTC' THEN
            RAISE EXCEPTION 'a clearance rests on verified evidence and ends with it' {_NO};
        END IF;
        IF EXISTS (SELECT FROM beneficial_owner o WHERE o.case_id = NEW.case_id AND (o.controls OR o.share_bps >= 2500)
            AND NOT EXISTS (SELECT FROM evidence e JOIN evidence_verification v USING (evidence_id)
                WHERE e.owner_id = o.owner_id AND e.type = 'government_id')) THEN
            RAISE EXCEPTION 'somebody who owns or controls the organisation is not identified' {_NO};
        END IF;
        IF EXISTS (SELECT FROM clearance_end WHERE org_id = NEW.org_id AND ended_at >= asked.prepared_at) THEN
            RAISE EXCEPTION 'a clearance was ended after this case was prepared' {_NO};
        END IF;
        RETURN NEW;
    END $$""",
    # Nothing is paid out to a blocked organisation, nor approved by who named the account it goes to.
    f"""CREATE FUNCTION payout_is_free() RETURNS trigger {_DEFINER} AS $$
    BEGIN
        IF org_is_blocked(NEW.org_id) THEN
            RAISE EXCEPTION 'the funds of this organisation are frozen' {_NO};
        END IF;
        IF EXISTS (SELECT FROM bank_account b JOIN release_approval a ON a.settlement_id = NEW.settlement_id
            WHERE b.org_id = NEW.org_id AND b.created_by IN (a.approved_by, a.prepared_by)) THEN
            RAISE EXCEPTION 'who changes a bank account does not approve a payout' {_NO};
        END IF;
        RETURN NEW;
    END $$""",
    "CREATE TRIGGER blocked_payout BEFORE INSERT ON payout FOR EACH ROW EXECUTE FUNCTION payout_is_free()",
    # What a seller asks of bidders beyond the clearance: papers that officers verified in a case that was cleared.
    f"""CREATE FUNCTION lacks_qualification(a_org uuid, a_auction uuid) RETURNS text[] {_DEFINER} STABLE AS $$
    DECLARE
        asked sale_qualification;
        today date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
    BEGIN
        SELECT * INTO asked FROM sale_qualification WHERE auction_id = a_auction;
        IF NOT FOUND THEN
            RETURN ARRAY[]::text[];
        END IF;
        RETURN array_remove(ARRAY[
            CASE WHEN asked.needs_rmai AND NOT EXISTS (
                SELECT FROM evidence e JOIN evidence_verification v USING (evidence_id)
                WHERE e.org_id = a_org AND e.type = 'rmai_certificate' AND e.expires_on >= today) THEN 'rmai' END,
            CASE WHEN asked.min_net_worth_cents > 0 AND NOT EXISTS (
                SELECT FROM evidence e JOIN evidence_verification v USING (evidence_id)
                WHERE e.org_id = a_org AND e.type = 'financial_statement' AND e.expires_on >= today
                    AND e.amount_cents >= asked.min_net_worth_cents) THEN 'net-worth' END
        ], NULL);
    END $$""",
    f"""CREATE FUNCTION registration_is_qualified() RETURNS trigger {_DEFINER} AS $$
    BEGIN
        IF NEW.ended_at IS NULL AND cardinality(lacks_qualification(NEW.org_id, NEW.auction_id)) > 0 THEN
            RAISE EXCEPTION 'the seller asks for more than this bidder has shown'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'registration_is_qualified';
        END IF;
        RETURN NEW;
    END $$""",
    (
        "CREATE TRIGGER registration_is_qualified BEFORE INSERT OR UPDATE ON registration"
        " FOR EACH ROW EXECUTE FUNCTION registration_is_qualified()"
    ),
    """CREATE FUNCTION journal_heads() RETURNS TABLE (stream text, seq bigint, hash bytea)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    AS 'SELECT h.stream, h.seq, h.hash FROM journal_head h WHERE app_is_platform() ORDER BY h.stream COLLATE "C"'""",
)

# OFAC: 31 CFR 501.601 (10 years since 2025-03-12). Regulation F: 12 CFR 1006.100 (3 years).
_YEARS = """CASE WHEN type IN ('reg_f_policy', 'complaints_and_litigation', 'data_security_programme', 'insurance',
    'surety_bond', 'rmai_certificate', 'chain_of_title', 'financial_statement') THEN 3 ELSE 10 END"""

_KEEPING = (
    # When each paper's time is over: counted from the end of all that the organisation was cleared for.
    f"""CREATE FUNCTION evidence_retention() RETURNS TABLE (
        evidence_id uuid, case_id uuid, org_id uuid, type text, rule text, due_at timestamptz, held boolean
    ) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
        SELECT e.evidence_id, e.case_id, e.org_id, e.type,
            CASE {_YEARS} WHEN 3 THEN '12 CFR 1006.100 (3 years)' ELSE '31 CFR 501.601 (10 years)' END,
            CASE WHEN c.state IN ('cleared', 'declined') THEN greatest(c.decided_at, (
                SELECT max(coalesce(x.ended_at, g.valid_until)) FROM clearance g LEFT JOIN clearance_end x USING (clearance_id)
                WHERE g.org_id = e.org_id)) + make_interval(years => {_YEARS}) END,
            org_is_held(e.org_id)
        FROM evidence e JOIN verification_case c USING (case_id)
        WHERE (app_is_platform() OR session_user = '{AUDITOR}')
            AND NOT EXISTS (SELECT FROM evidence_erasure r WHERE r.evidence_id = e.evidence_id) $$""",
    f"""CREATE FUNCTION erasure_is_due() RETURNS trigger {_DEFINER} AS $$
    DECLARE
        found record;
    BEGIN
        SELECT * INTO found FROM evidence_retention() r WHERE r.evidence_id = NEW.evidence_id;
        IF found.due_at IS NULL OR found.due_at > clock_timestamp() OR found.held THEN
            RAISE EXCEPTION 'evidence is kept until its time is over, and longer under a hold' {_NO};
        END IF;
        NEW.case_id := found.case_id;
        NEW.org_id := found.org_id;
        NEW.rule := found.rule;
        NEW.due_at := found.due_at;
        NEW.erased_at := clock_timestamp();
        RETURN NEW;
    END $$""",
    "CREATE TRIGGER erasure_is_due BEFORE INSERT ON evidence_erasure FOR EACH ROW EXECUTE FUNCTION erasure_is_due()",
    # Append-only as before, but for the key of a paper whose time is over: it may go, and nothing else may change. (The
    # owner's function that turns keys announces itself and changes the wrap alone.)
    f"""CREATE FUNCTION evidence_is_kept() RETURNS trigger {_INVOKER} AS $$
    DECLARE
        gone jsonb := to_jsonb(OLD);
        all_gone boolean;
    BEGIN
        all_gone := NOT EXISTS (SELECT FROM evidence e WHERE e.case_id = OLD.case_id
            AND NOT EXISTS (SELECT FROM evidence_erasure r WHERE r.evidence_id = e.evidence_id));
        IF TG_OP = 'UPDATE' THEN
            CASE TG_TABLE_NAME
                WHEN 'evidence' THEN
                    gone := gone || '{{"wrapped_key": null, "number": ""}}';
                    all_gone := EXISTS (SELECT FROM evidence_erasure r WHERE r.evidence_id = OLD.evidence_id);
                WHEN 'evidence_verification' THEN
                    gone := gone || '{{"extracted": null}}';
                    all_gone := EXISTS (SELECT FROM evidence_erasure r WHERE r.evidence_id = OLD.evidence_id);
                WHEN 'beneficial_owner' THEN gone := gone || '{{"name": "erased", "birth_date": null}}';
                WHEN 'case_message' THEN gone := gone || '{{"text": "erased"}}';
            END CASE;
            IF (all_gone AND to_jsonb(NEW) = gone) OR (TG_TABLE_NAME = 'evidence' AND to_jsonb(OLD) ->> 'wrapped_key' IS NOT NULL
                AND current_setting('app.rewrapping', true) = TG_TABLE_NAME AND current_user = (
                    SELECT tableowner FROM pg_tables WHERE schemaname = TG_TABLE_SCHEMA AND tablename = TG_TABLE_NAME)
                AND to_jsonb(NEW) - 'wrapped_key' = to_jsonb(OLD) - 'wrapped_key') THEN
                RETURN NEW;
            END IF;
        END IF;
        RAISE EXCEPTION '% is append-only until its time is over', TG_TABLE_NAME {_NO};
    END $$""",
    *(
        f"DROP TRIGGER {table}_append_only ON {table}"
        for table in ("evidence", "evidence_verification", "beneficial_owner")
    ),
    *(
        f"CREATE TRIGGER {table}_kept BEFORE UPDATE OR DELETE ON {table}"
        " FOR EACH ROW EXECUTE FUNCTION evidence_is_kept()"
        for table in ("evidence", "evidence_verification", "beneficial_owner", "case_message")
    ),
    (
        "CREATE TRIGGER case_message_no_truncate BEFORE TRUNCATE ON case_message"
        " FOR EACH STATEMENT EXECUTE FUNCTION raise_append_only()"
    ),
)

# A decision without a line in the journal, written by the same person in the same transaction, cannot commit.
_JOURNALLED = (
    f"""CREATE FUNCTION is_journalled() RETURNS trigger {_DEFINER} AS $$
    DECLARE
        written record;
    BEGIN
        SELECT j.tx, j.at, j.actor_user_id INTO written FROM journal j
            WHERE j.stream = TG_ARGV[0] || ':' || (to_jsonb(NEW) ->> TG_ARGV[1]) ORDER BY j.seq DESC LIMIT 1;
        IF written.tx IS NULL OR written.tx < pg_current_xact_id()::text::bigint OR written.at < transaction_timestamp()
            OR written.actor_user_id IS DISTINCT FROM app_user_id() THEN
            RAISE EXCEPTION 'a decision (%) is not in the journal in the name of who takes it', TG_TABLE_NAME
                USING ERRCODE = 'check_violation', CONSTRAINT = 'is_journalled';
        END IF;
        RETURN NULL;
    END $$""",
    *(
        f"CREATE CONSTRAINT TRIGGER {table}_is_journalled AFTER {when} ON {table} DEFERRABLE INITIALLY DEFERRED"
        f" FOR EACH ROW {condition} EXECUTE FUNCTION is_journalled('{noun}', '{column}')"
        for table, when, condition, noun, column in (
            ("verification_case", "UPDATE", "WHEN (OLD.state IS DISTINCT FROM NEW.state)", "case", "case_id"),
            ("evidence_verification", "INSERT", "", "case", "case_id"),
            ("case_appeal", "INSERT", "", "case", "case_id"),
            ("appeal_decision", "INSERT", "", "case", "case_id"),
            ("clearance", "INSERT", "", "org", "org_id"),
            ("clearance_end", "INSERT", "", "org", "org_id"),
            ("proposal", "INSERT", "", "proposal", "proposal_id"),
            ("proposal_decision", "INSERT", "", "proposal", "proposal_id"),
            ("rule_pack", "INSERT", "", "rules", "pack_id"),
            ("legal_hold", "INSERT", "", "org", "org_id"),
            ("evidence_erasure", "INSERT", "", "case", "case_id"),
        )
    ),
    """REVOKE ALL ON FUNCTION adopted_packs(), org_is_blocked(uuid), org_is_held(uuid), officer_signs(), message_enters(), appeal_enters(),
        payout_is_free(), lacks_qualification(uuid, uuid), registration_is_qualified(), journal_heads(),
        evidence_retention(), erasure_is_due(), evidence_is_kept(), is_journalled() FROM PUBLIC""",
    f"GRANT EXECUTE ON FUNCTION org_is_blocked(uuid) TO {OFFICER}",
    f"GRANT EXECUTE ON FUNCTION adopted_packs() TO {APP}, {OFFICER}",
    f"GRANT EXECUTE ON FUNCTION org_is_held(uuid) TO {APP}, {OFFICER}",
    f"GRANT EXECUTE ON FUNCTION lacks_qualification(uuid, uuid), journal_heads() TO {APP}",
    f"GRANT EXECUTE ON FUNCTION evidence_retention() TO {APP}, {OFFICER}, {AUDITOR}",
)

# Until an auction has ended its bids are the lane's and the bidder's own. Officers and operators are no exception.
_SEALED_BIDS = (
    f"REVOKE ALL ON bid FROM {OFFICER}",
    f"REVOKE ALL ON award FROM {OFFICER}",
    f"GRANT SELECT ON award TO {OFFICER}",
    *(
        f"""CREATE POLICY {table}_sealed ON {table} AS RESTRICTIVE FOR SELECT TO {APP} USING (
            coalesce(current_setting('app.role', true), '') NOT IN ('officer', 'operator')
            OR EXISTS (SELECT FROM auction a WHERE a.auction_id = {table}.auction_id
                AND a.phase IN ('closed', 'awarded', 'failed', 'cancelled')))"""
        for table in ("bid", "bid_refusal", "auction_event")
    ),
)

_GATE = (
    # Every line must be 0, always: the auditor's question.
    """CREATE VIEW gate_breach AS
        SELECT 'bid' AS what, count(*) AS breach_count FROM bid_against_the_rules
        UNION ALL SELECT 'clearance_of_a_blocked_organisation', count(*) FROM clearance c
            LEFT JOIN clearance_end x USING (clearance_id)
            WHERE x.clearance_id IS NULL AND c.valid_until > clock_timestamp() AND org_is_blocked(c.org_id)
        UNION ALL SELECT 'clearance_by_one_person', count(*) FROM clearance c
            WHERE c.prepared_by = c.approved_by OR EXISTS (SELECT FROM evidence e WHERE e.case_id = c.case_id
                AND e.uploaded_by IN (c.prepared_by, c.approved_by))
        UNION ALL SELECT 'auction_without_clearance_to_list', count(*) FROM auction a WHERE NOT EXISTS (
            SELECT FROM clearance c LEFT JOIN clearance_end x USING (clearance_id)
            WHERE c.org_id = a.org_id AND c.capability = 'list' AND c.valid_from <= a.published_at + interval '5 seconds'
                AND a.published_at < c.valid_until AND (x.ended_at IS NULL OR a.published_at < x.ended_at))
        UNION ALL SELECT 'proposal_decided_by_its_author', count(*) FROM proposal_decision WHERE proposed_by = decided_by
        UNION ALL SELECT 'officer_of_a_trading_organisation', count(*) FROM person p JOIN organisation o USING (org_id)
            WHERE p.role <> 'member' AND o.kind <> 'platform'
        UNION ALL SELECT 'decision_without_a_reason', count(*) FROM verification_case
            WHERE state IN ('cleared', 'declined') AND decision_reason IS NULL""",
    "REVOKE ALL ON gate_breach FROM PUBLIC",
    f"GRANT SELECT ON gate_breach TO {AUDITOR}",
    """CREATE FUNCTION gate_breaches() RETURNS TABLE (what text, breach_count bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    AS 'SELECT g.what, g.breach_count FROM gate_breach g WHERE app_is_platform()'""",
    "REVOKE ALL ON FUNCTION gate_breaches() FROM PUBLIC",
    f"GRANT EXECUTE ON FUNCTION gate_breaches() TO {APP}, {OFFICER}",
)
