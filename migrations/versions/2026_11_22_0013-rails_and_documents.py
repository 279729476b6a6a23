"""Sealed documents, files for the bank, matching by two people, and what payment providers told."""

from migrations.guard import APP, AUDITOR, append_only, grant, run

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(*_TABLES, *_FUNCTIONS)
    for table, sees in _SEEN.items():
        append_only(table)
        grant(table, app="SELECT, INSERT")
        run(
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"CREATE POLICY {table}_read ON {table} FOR SELECT TO {APP} USING (app_is_platform() OR {sees})",
            f"CREATE POLICY {table}_insert ON {table} FOR INSERT TO {APP} WITH CHECK (app_is_platform())",
            f"CREATE POLICY {table}_auditor ON {table} FOR SELECT TO {AUDITOR} USING (true)",
        )


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


_SEEN = {
    "sealed_document": "EXISTS (SELECT FROM settlement s WHERE s.settlement_id = sealed_document.settlement_id)",
    "bank_file": "false",
    "bank_file_payout": "false",
    "suspense_proposal": "false",
    "suspense_decision": "false",
    "provider_event": "false",
    "bank_notice": "false",
}

_TABLES = (
    # The first bytes of a sealed agreement are the agreement that both signed.
    """CREATE TABLE sealed_document (
        settlement_id uuid NOT NULL,
        kind text NOT NULL,
        facts text NOT NULL,
        base_sha256 text NOT NULL,
        sha256 text NOT NULL,
        level text NOT NULL,
        pdf bytea NOT NULL,
        sealed_at timestamptz NOT NULL,
        CONSTRAINT pk_sealed_document PRIMARY KEY (settlement_id, kind),
        CONSTRAINT fk_sealed_document_settlement_id_settlement
            FOREIGN KEY (settlement_id) REFERENCES settlement (settlement_id),
        CONSTRAINT ck_sealed_document_kind CHECK (kind IN ('agreement', 'bill_of_sale', 'affidavit')),
        CONSTRAINT ck_sealed_document_level CHECK (level IN ('B-B', 'B-T')),
        CONSTRAINT ck_sealed_document_base CHECK (base_sha256 ~ '^[0-9a-f]{64}$'),
        CONSTRAINT ck_sealed_document_sha256 CHECK (sha256 = encode(sha256(pdf), 'hex'))
    )""",
    # A file is made again from this row and its payouts; `sha256` says that it is the same.
    """CREATE TABLE bank_file (
        bank_file_id uuid NOT NULL,
        format text NOT NULL,
        currency text NOT NULL,
        file_ref text NOT NULL,
        originator jsonb NOT NULL,
        execute_on date NOT NULL,
        payout_count bigint NOT NULL,
        total_cents bigint NOT NULL,
        sha256 text NOT NULL,
        created_by uuid NOT NULL,
        created_at timestamptz NOT NULL,
        CONSTRAINT pk_bank_file PRIMARY KEY (bank_file_id),
        CONSTRAINT uq_bank_file_file_ref UNIQUE (file_ref),
        CONSTRAINT uq_bank_file_sha256 UNIQUE (sha256),
        CONSTRAINT fk_bank_file_created_by_person FOREIGN KEY (created_by) REFERENCES person (user_id),
        CONSTRAINT ck_bank_file_format CHECK (format IN ('pain.001', 'nacha')),
        CONSTRAINT ck_bank_file_counts CHECK (payout_count > 0 AND total_cents > 0)
    )""",
    "CREATE INDEX ix_bank_file_created_by ON bank_file (created_by)",
    """CREATE TABLE bank_file_payout (
        bank_file_id uuid NOT NULL,
        payout_id uuid NOT NULL,
        position bigint NOT NULL,
        CONSTRAINT pk_bank_file_payout PRIMARY KEY (bank_file_id, payout_id),
        CONSTRAINT uq_bank_file_payout_bank_file_id_position UNIQUE (bank_file_id, position),
        CONSTRAINT fk_bank_file_payout_bank_file_id_bank_file
            FOREIGN KEY (bank_file_id) REFERENCES bank_file (bank_file_id),
        CONSTRAINT fk_bank_file_payout_payout_id_payout FOREIGN KEY (payout_id) REFERENCES payout (payout_id)
    )""",
    "CREATE INDEX ix_bank_file_payout_payout_id ON bank_file_payout (payout_id)",
    # `org_id` null: the platform's own, out of its commission.
    """CREATE TABLE suspense_proposal (
        proposal_id uuid NOT NULL,
        entry_id uuid NOT NULL,
        org_id uuid,
        reason text NOT NULL,
        proposed_by uuid NOT NULL,
        at timestamptz NOT NULL,
        CONSTRAINT pk_suspense_proposal PRIMARY KEY (proposal_id),
        CONSTRAINT uq_suspense_proposal_proposal_id_entry_id UNIQUE (proposal_id, entry_id),
        CONSTRAINT fk_suspense_proposal_entry_id_bank_entry FOREIGN KEY (entry_id) REFERENCES bank_entry (entry_id),
        CONSTRAINT fk_suspense_proposal_org_id_organisation FOREIGN KEY (org_id) REFERENCES organisation (org_id),
        CONSTRAINT fk_suspense_proposal_proposed_by_person FOREIGN KEY (proposed_by) REFERENCES person (user_id),
        CONSTRAINT ck_suspense_proposal_reason CHECK (length(reason) BETWEEN 1 AND 500)
    )""",
    "CREATE INDEX ix_suspense_proposal_entry_id ON suspense_proposal (entry_id)",
    "CREATE INDEX ix_suspense_proposal_org_id ON suspense_proposal (org_id)",
    "CREATE INDEX ix_suspense_proposal_proposed_by ON suspense_proposal (proposed_by)",
    """CREATE TABLE suspense_decision (
        proposal_id uuid NOT NULL,
        entry_id uuid NOT NULL,
        outcome text NOT NULL,
        decided_by uuid NOT NULL,
        at timestamptz NOT NULL,
        CONSTRAINT pk_suspense_decision PRIMARY KEY (proposal_id),
        CONSTRAINT fk_suspense_decision_suspense_proposal
            FOREIGN KEY (proposal_id, entry_id) REFERENCES suspense_proposal (proposal_id, entry_id),
        CONSTRAINT fk_suspense_decision_decided_by_person FOREIGN KEY (decided_by) REFERENCES person (user_id),
        CONSTRAINT ck_suspense_decision_outcome CHECK (outcome IN ('confirmed', 'rejected'))
    )""",
    "CREATE INDEX ix_suspense_decision_proposal_id_entry_id ON suspense_decision (proposal_id, entry_id)",
    "CREATE INDEX ix_suspense_decision_decided_by ON suspense_decision (decided_by)",
    "CREATE UNIQUE INDEX uq_suspense_decision_confirmed ON suspense_decision (entry_id) WHERE outcome = 'confirmed'",
    # What a camt.054 told about a batch booking; the statement that books it is read with it.
    """CREATE TABLE bank_notice (
        bank_account text NOT NULL,
        entry_ref text NOT NULL,
        notice_ref text NOT NULL,
        currency text NOT NULL,
        direction text NOT NULL,
        amount_cents bigint NOT NULL,
        parts jsonb NOT NULL,
        file_sha256 text NOT NULL,
        imported_by uuid NOT NULL,
        imported_at timestamptz NOT NULL,
        CONSTRAINT pk_bank_notice PRIMARY KEY (bank_account, entry_ref),
        CONSTRAINT fk_bank_notice_imported_by_person FOREIGN KEY (imported_by) REFERENCES person (user_id),
        CONSTRAINT ck_bank_notice_direction CHECK (direction IN ('credit', 'debit')),
        CONSTRAINT ck_bank_notice_amount CHECK (amount_cents > 0)
    )""",
    "CREATE INDEX ix_bank_notice_imported_by ON bank_notice (imported_by)",
    """CREATE TABLE provider_event (
        provider text NOT NULL,
        event_id text NOT NULL,
        kind text NOT NULL,
        reference text,
        body_sha256 text NOT NULL,
        received_at timestamptz NOT NULL,
        CONSTRAINT pk_provider_event PRIMARY KEY (provider, event_id),
        CONSTRAINT ck_provider_event_provider CHECK (provider IN ('stripe')),
        CONSTRAINT ck_provider_event_lengths CHECK (length(event_id) BETWEEN 1 AND 255 AND length(kind) BETWEEN 1 AND 100)
    )""",
)

_DEFINER = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp"

_FUNCTIONS = (
    f"""CREATE FUNCTION sealed_document_is_due() RETURNS trigger {_DEFINER} AS $$
    BEGIN
        IF NEW.kind = 'agreement' AND NOT EXISTS (
            SELECT FROM agreement a WHERE a.settlement_id = NEW.settlement_id AND a.sha256 = NEW.base_sha256
                AND substring(NEW.pdf FROM 1 FOR octet_length(a.pdf)) = a.pdf
                AND 2 = (SELECT count(*) FROM settlement_signature s WHERE s.settlement_id = NEW.settlement_id)) THEN
            PERFORM refuse_step('that is not the agreement that both signed');
        ELSIF NEW.kind <> 'agreement' AND NOT EXISTS (
            SELECT FROM release_approval WHERE settlement_id = NEW.settlement_id) THEN
            PERFORM refuse_step('the sale is not released');
        END IF;
        RETURN NEW;
    END $$""",
    # Not the one who proposed, and each in their own name.
    f"""CREATE FUNCTION suspense_decision_by_another() RETURNS trigger {_DEFINER} AS $$
    BEGIN
        IF EXISTS (SELECT FROM suspense_proposal WHERE proposal_id = NEW.proposal_id
            AND proposed_by = NEW.decided_by) AND NEW.outcome = 'confirmed' THEN
            PERFORM refuse_step('who proposed a match does not confirm it');
        END IF;
        RETURN NEW;
    END $$""",
    f"""CREATE FUNCTION suspense_proposal_is_of_suspense() RETURNS trigger {_DEFINER} AS $$
    BEGIN
        IF NOT EXISTS (SELECT FROM bank_entry WHERE entry_id = NEW.entry_id AND outcome = 'suspense'
            AND (direction = 'debit' OR NEW.org_id IS NOT NULL)) THEN
            PERFORM refuse_step('that entry does not wait in suspense');
        END IF;
        RETURN NEW;
    END $$""",
    # The wires of a whole statement at once: every account is locked in order and changed once, by the sum. One by one,
    # each change of a busy account would have to pass over all the versions that the ones before it left behind.
    f"""CREATE FUNCTION ledger_post_all(a_ops jsonb) RETURNS integer {_DEFINER} AS $$
    DECLARE
        account record;
        applied integer;
        clashes integer;
    BEGIN
        IF NOT app_is_platform() THEN
            RAISE EXCEPTION 'not this organisation''s to move' USING ERRCODE = 'LG005';
        ELSIF jsonb_typeof(a_ops) IS DISTINCT FROM 'array' OR jsonb_array_length(a_ops) NOT BETWEEN 1 AND 250000
            OR EXISTS (SELECT FROM jsonb_array_elements(a_ops) item WHERE item ->> 'op' IS DISTINCT FROM 'post') THEN
            RAISE EXCEPTION 'a batch is a list of 1 to 250000 transfers' USING ERRCODE = 'LG004';
        END IF;
        FOR account IN
            SELECT name, currency FROM (
                SELECT item ->> 'debit' AS name, item ->> 'currency' AS currency FROM jsonb_array_elements(a_ops) item
                UNION SELECT item ->> 'credit', item ->> 'currency' FROM jsonb_array_elements(a_ops) item
            ) touched ORDER BY ledger_account_id(name, currency)
        LOOP
            PERFORM ledger_lock_account(account.name, account.currency);
        END LOOP;
        WITH op AS MATERIALIZED (
            SELECT (item ->> 'id')::uuid AS id, ledger_account_id(item ->> 'debit', item ->> 'currency') AS debit,
                ledger_account_id(item ->> 'credit', item ->> 'currency') AS credit, item ->> 'currency' AS currency,
                (item ->> 'amount_cents')::bigint AS cents, item ->> 'kind' AS kind, item ->> 'subject' AS subject, number
            FROM jsonb_array_elements(a_ops) WITH ORDINALITY AS each (item, number)
        ), signed AS MATERIALIZED (
            SELECT op.*, sha256(convert_to(concat_ws(E'\\x1f', 'posted', debit, credit, op.currency, cents, op.kind,
                op.subject, ''),
                'UTF8')) AS content, t.digest
            FROM op LEFT JOIN ledger_transfer t ON t.transfer_id = op.id
        ), made AS (
            INSERT INTO ledger_transfer (transfer_id, debit_account_id, credit_account_id, currency, amount_cents,
                phase, kind, subject, expires_at, digest, at)
            SELECT id, debit, credit, currency, cents, 'posted', kind, subject, NULL, content, clock_timestamp()
            FROM signed WHERE digest IS NULL ORDER BY number
            RETURNING debit_account_id, credit_account_id, amount_cents
        ), summed AS (
            SELECT account_id, sum(debit) AS debits, sum(credit) AS credits FROM (
                SELECT debit_account_id AS account_id, amount_cents AS debit, 0 AS credit FROM made
                UNION ALL SELECT credit_account_id, 0, amount_cents FROM made
            ) leg GROUP BY account_id
        ), moved AS (
            UPDATE ledger_account a SET debits_posted_cents = a.debits_posted_cents + debits,
                credits_posted_cents = a.credits_posted_cents + credits
            FROM summed WHERE a.account_id = summed.account_id
        )
        SELECT (SELECT count(*) FROM made), (SELECT count(*) FROM signed WHERE digest <> content) INTO applied, clashes;
        IF clashes > 0 THEN
            RAISE EXCEPTION '% transfers exist with other content', clashes USING ERRCODE = 'LG001';
        END IF;
        RETURN applied;
    END $$""",
    *(
        f"CREATE TRIGGER {function} BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION {function}()"
        for table, function in (
            ("sealed_document", "sealed_document_is_due"),
            ("suspense_decision", "suspense_decision_by_another"),
            ("suspense_proposal", "suspense_proposal_is_of_suspense"),
        )
    ),
    *(
        f"CREATE TRIGGER {table}_in_own_name BEFORE INSERT ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION in_own_name('{column}', 'true')"
        for table, column in (
            ("bank_file", "created_by"), ("suspense_proposal", "proposed_by"), ("suspense_decision", "decided_by"),
            ("bank_notice", "imported_by"),
        )
    ),
    *(
        f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC"
        for function in (
            "sealed_document_is_due", "suspense_decision_by_another", "suspense_proposal_is_of_suspense", "ledger_post_all",
        )
    ),
    f"GRANT EXECUTE ON FUNCTION ledger_post_all TO {APP}",
)  # fmt: skip
