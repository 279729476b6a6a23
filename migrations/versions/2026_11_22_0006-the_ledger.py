"""The ledger: one row moves one amount from one account to another, so that the books balance by construction.

Money moves only through `ledger_apply`, which runs with the owner's rights: the app may read the ledger, never write it.
"""

from migrations.guard import APP, AUDITOR, append_only, grant, run

revision = "0006_ledger"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(*_TABLES, *_FUNCTIONS)
    for table in ("ledger_transfer", "ledger_resolution"):
        append_only(table)
    for table, sees in _SEEN.items():
        grant(table, app="SELECT")
        run(
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"CREATE POLICY {table}_read ON {table} FOR SELECT TO {APP} USING (app_is_platform() OR {sees})",
            f"CREATE POLICY {table}_auditor ON {table} FOR SELECT TO {AUDITOR} USING (true)",
        )


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


_SEEN = {
    "ledger_account": "org_id = app_org_id()",
    "ledger_transfer": "EXISTS (SELECT FROM ledger_account a WHERE a.account_id IN (debit_account_id, credit_account_id))",
    "ledger_resolution": "EXISTS (SELECT FROM ledger_transfer t WHERE t.transfer_id = ledger_resolution.transfer_id)",
}

_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"

_TABLES = (
    # `side` is the side that gives an account its balance: pending amounts count against it at once, and it never
    # goes below zero.
    f"""CREATE TABLE ledger_account (
        account_id uuid NOT NULL,
        name text NOT NULL,
        currency text NOT NULL,
        side text NOT NULL,
        org_id uuid,
        debits_posted_cents bigint NOT NULL DEFAULT 0,
        credits_posted_cents bigint NOT NULL DEFAULT 0,
        debits_pending_cents bigint NOT NULL DEFAULT 0,
        credits_pending_cents bigint NOT NULL DEFAULT 0,
        opened_at timestamptz NOT NULL,
        CONSTRAINT pk_ledger_account PRIMARY KEY (account_id),
        CONSTRAINT uq_ledger_account_name_currency UNIQUE (name, currency),
        CONSTRAINT uq_ledger_account_account_id_currency UNIQUE (account_id, currency),
        CONSTRAINT fk_ledger_account_org_id_organisation FOREIGN KEY (org_id) REFERENCES organisation (org_id),
        CONSTRAINT ck_ledger_account_name CHECK (name ~ ('^(bank:(fbo|op)|clearing:(in|out)|tax:payable'
            || '|rev:(commission|default)|loss:writeoff|fx:clearing:[A-Z]{{3}}-[A-Z]{{3}}'
            || '|org:{_UUID}:cash|(deposit|escrow|holdback):{_UUID})$')),
        CONSTRAINT ck_ledger_account_currency CHECK (currency ~ '^[A-Z]{{3}}$'),
        CONSTRAINT ck_ledger_account_side CHECK (side = CASE
            WHEN name ~ '^(bank|loss):' THEN 'debit' WHEN name ~ '^fx:' THEN 'either' ELSE 'credit' END),
        CONSTRAINT ck_ledger_account_owner CHECK (
            CASE WHEN name LIKE 'org:%' THEN name = 'org:' || org_id || ':cash' AND org_id IS NOT NULL
            ELSE org_id IS NULL END),
        CONSTRAINT ck_ledger_account_counters CHECK (least(
            debits_posted_cents, credits_posted_cents, debits_pending_cents, credits_pending_cents) >= 0),
        CONSTRAINT ck_ledger_account_covered CHECK (CASE side
            WHEN 'credit' THEN debits_posted_cents + debits_pending_cents <= credits_posted_cents
            WHEN 'debit' THEN credits_posted_cents + credits_pending_cents <= debits_posted_cents
            ELSE true END)
    )""",
    "CREATE INDEX ix_ledger_account_org_id ON ledger_account (org_id)",
    """CREATE TABLE ledger_transfer (
        transfer_id uuid NOT NULL,
        position bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
        debit_account_id uuid NOT NULL,
        credit_account_id uuid NOT NULL,
        currency text NOT NULL,
        amount_cents bigint NOT NULL,
        phase text NOT NULL,
        kind text NOT NULL,
        subject text NOT NULL,
        expires_at timestamptz,
        digest bytea NOT NULL,
        at timestamptz NOT NULL,
        CONSTRAINT pk_ledger_transfer PRIMARY KEY (transfer_id),
        CONSTRAINT fk_ledger_transfer_debit_account
            FOREIGN KEY (debit_account_id, currency) REFERENCES ledger_account (account_id, currency),
        CONSTRAINT fk_ledger_transfer_credit_account
            FOREIGN KEY (credit_account_id, currency) REFERENCES ledger_account (account_id, currency),
        CONSTRAINT ck_ledger_transfer_pair CHECK (debit_account_id <> credit_account_id),
        CONSTRAINT ck_ledger_transfer_amount CHECK (amount_cents BETWEEN 1 AND 1000000000000000),
        CONSTRAINT ck_ledger_transfer_phase CHECK (phase IN ('posted', 'pending')),
        CONSTRAINT ck_ledger_transfer_kind CHECK (kind ~ '^[a-z_]{1,40}$'),
        CONSTRAINT ck_ledger_transfer_subject CHECK (subject ~ '^[a-z_]+:[0-9a-zA-Z-]{1,80}$'),
        CONSTRAINT ck_ledger_transfer_expiry CHECK (expires_at IS NULL OR phase = 'pending'),
        CONSTRAINT ck_ledger_transfer_digest CHECK (octet_length(digest) = 32)
    )""",
    "CREATE UNIQUE INDEX uq_ledger_transfer_position ON ledger_transfer (position)",
    "CREATE INDEX ix_ledger_transfer_debit_account_id_currency ON ledger_transfer (debit_account_id, currency)",
    "CREATE INDEX ix_ledger_transfer_credit_account_id_currency ON ledger_transfer (credit_account_id, currency)",
    """CREATE TABLE ledger_resolution (
        transfer_id uuid NOT NULL,
        resolution_id uuid NOT NULL,
        outcome text NOT NULL,
        posted_cents bigint NOT NULL,
        at timestamptz NOT NULL,
        CONSTRAINT pk_ledger_resolution PRIMARY KEY (transfer_id),
        CONSTRAINT uq_ledger_resolution_resolution_id UNIQUE (resolution_id),
        CONSTRAINT fk_ledger_resolution_transfer_id_ledger_transfer
            FOREIGN KEY (transfer_id) REFERENCES ledger_transfer (transfer_id),
        CONSTRAINT ck_ledger_resolution_outcome CHECK (outcome IN ('posted', 'voided', 'expired')),
        CONSTRAINT ck_ledger_resolution_posted CHECK (
            CASE outcome WHEN 'posted' THEN posted_cents > 0 ELSE posted_cents = 0 END)
    )""",
)

_FUNCTIONS = (
    """CREATE FUNCTION ledger_account_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
    BEGIN
        IF TG_OP = 'UPDATE' AND (OLD.account_id, OLD.name, OLD.currency, OLD.side, OLD.org_id, OLD.opened_at)
            IS NOT DISTINCT FROM (NEW.account_id, NEW.name, NEW.currency, NEW.side, NEW.org_id, NEW.opened_at)
        THEN RETURN NEW; END IF;
        RAISE EXCEPTION 'a ledger account stays what it is' USING ERRCODE = 'insufficient_privilege';
    END $$""",
    ("CREATE TRIGGER ledger_account_guard BEFORE UPDATE OR DELETE ON ledger_account "
    "FOR EACH ROW EXECUTE FUNCTION ledger_account_guard()"),
    ("CREATE TRIGGER ledger_account_no_truncate BEFORE TRUNCATE ON ledger_account "
    "FOR EACH STATEMENT EXECUTE FUNCTION raise_append_only()"),
    # The id follows from the name, so that everybody locks accounts in the same order, existing or not.
    """CREATE FUNCTION ledger_account_id(a_name text, a_currency text) RETURNS uuid LANGUAGE sql IMMUTABLE STRICT
    RETURN encode(substring(sha256(convert_to(a_currency || ' ' || a_name, 'UTF8')) FROM 1 FOR 16), 'hex')::uuid""",
    """CREATE FUNCTION ledger_lock_account(a_name text, a_currency text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
    BEGIN
        INSERT INTO ledger_account (account_id, name, currency, side, org_id, opened_at) VALUES (
            ledger_account_id(a_name, a_currency), a_name, a_currency,
            CASE WHEN a_name ~ '^(bank|loss):' THEN 'debit' WHEN a_name ~ '^fx:' THEN 'either' ELSE 'credit' END,
            CASE WHEN a_name LIKE 'org:%' THEN split_part(a_name, ':', 2)::uuid END, clock_timestamp())
        ON CONFLICT DO NOTHING;
        PERFORM FROM ledger_account WHERE account_id = ledger_account_id(a_name, a_currency) FOR NO KEY UPDATE;
    END $$""",
    # LG001: the same id with other content. LG002: resolved before, otherwise. LG003: cannot be resolved like this.
    # LG004: not a batch. LG005: not this actor's to move.
    """CREATE FUNCTION ledger_transfer_make(a_op jsonb, a_phase text) RETURNS integer
    LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
    DECLARE
        id uuid := (a_op ->> 'id')::uuid;
        debit uuid := ledger_account_id(a_op ->> 'debit', a_op ->> 'currency');
        credit uuid := ledger_account_id(a_op ->> 'credit', a_op ->> 'currency');
        cents bigint := (a_op ->> 'amount_cents')::bigint;
        content bytea := sha256(convert_to(concat_ws(E'\\x1f', a_phase, debit, credit, a_op ->> 'currency', cents,
            a_op ->> 'kind', a_op ->> 'subject', coalesce(a_op ->> 'expires_at', '')), 'UTF8'));
        before bytea;
    BEGIN
        SELECT digest INTO before FROM ledger_transfer WHERE transfer_id = id;
        IF FOUND THEN
            IF before = content THEN RETURN 0; END IF;
            RAISE EXCEPTION 'transfer % exists with other content', id USING ERRCODE = 'LG001';
        END IF;
        INSERT INTO ledger_transfer (transfer_id, debit_account_id, credit_account_id, currency, amount_cents,
            phase, kind, subject, expires_at, digest, at)
        VALUES (id, debit, credit, a_op ->> 'currency', cents, a_phase, a_op ->> 'kind', a_op ->> 'subject',
            (a_op ->> 'expires_at')::timestamptz, content, clock_timestamp());
        IF a_phase = 'pending' THEN
            UPDATE ledger_account SET debits_pending_cents = debits_pending_cents + cents WHERE account_id = debit;
            UPDATE ledger_account SET credits_pending_cents = credits_pending_cents + cents WHERE account_id = credit;
        ELSE
            UPDATE ledger_account SET debits_posted_cents = debits_posted_cents + cents WHERE account_id = debit;
            UPDATE ledger_account SET credits_posted_cents = credits_posted_cents + cents WHERE account_id = credit;
        END IF;
        RETURN 1;
    END $$""",
    """CREATE FUNCTION ledger_transfer_resolve(a_op jsonb) RETURNS integer
    LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
    DECLARE
        id uuid := (a_op ->> 'id')::uuid;
        pending ledger_transfer;
        before ledger_resolution;
        ends text := a_op ->> 'outcome';
        cents bigint;
    BEGIN
        SELECT * INTO pending FROM ledger_transfer WHERE transfer_id = (a_op ->> 'pending_id')::uuid;
        IF NOT FOUND OR pending.phase <> 'pending' THEN
            RAISE EXCEPTION 'there is no such pending transfer' USING ERRCODE = 'LG003';
        END IF;
        cents := CASE ends WHEN 'posted' THEN coalesce((a_op ->> 'amount_cents')::bigint, pending.amount_cents) ELSE 0 END;
        SELECT * INTO before FROM ledger_resolution WHERE transfer_id = pending.transfer_id;
        IF FOUND THEN
            IF (before.resolution_id, before.outcome, before.posted_cents) = (id, ends, cents) THEN RETURN 0; END IF;
            RAISE EXCEPTION 'transfer % is % already', pending.transfer_id, before.outcome USING ERRCODE = 'LG002';
        END IF;
        IF cents > pending.amount_cents THEN
            RAISE EXCEPTION 'more than was pending' USING ERRCODE = 'LG003';
        ELSIF ends <> 'voided' AND (ends = 'expired') IS DISTINCT FROM
            coalesce(pending.expires_at <= clock_timestamp(), false) THEN
            RAISE EXCEPTION 'the pending transfer expires at %', pending.expires_at USING ERRCODE = 'LG003';
        END IF;
        INSERT INTO ledger_resolution VALUES (pending.transfer_id, id, ends, cents, clock_timestamp());
        UPDATE ledger_account SET debits_pending_cents = debits_pending_cents - pending.amount_cents,
            debits_posted_cents = debits_posted_cents + cents WHERE account_id = pending.debit_account_id;
        UPDATE ledger_account SET credits_pending_cents = credits_pending_cents - pending.amount_cents,
            credits_posted_cents = credits_posted_cents + cents WHERE account_id = pending.credit_account_id;
        RETURN 1;
    END $$""",
    # A member may only reserve money of its own organisation as a deposit; everything else is the platform's to move.
    """CREATE FUNCTION ledger_apply(a_ops jsonb) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    DECLARE
        account record;
        op jsonb;
        applied integer := 0;
    BEGIN
        IF jsonb_typeof(a_ops) IS DISTINCT FROM 'array' OR jsonb_array_length(a_ops) NOT BETWEEN 1 AND 10000 THEN
            RAISE EXCEPTION 'a batch is a list of 1 to 10000 operations' USING ERRCODE = 'LG004';
        END IF;
        FOR op IN SELECT jsonb_array_elements(a_ops) LOOP
            IF NOT app_is_platform() AND NOT coalesce(op ->> 'op' = 'pend'
                AND op ->> 'debit' = 'org:' || app_org_id() || ':cash' AND op ->> 'credit' LIKE 'deposit:%', false) THEN
                RAISE EXCEPTION 'not this organisation''s to move' USING ERRCODE = 'LG005';
            END IF;
        END LOOP;
        FOR account IN
            SELECT name, currency FROM (
                SELECT item ->> 'debit' AS name, item ->> 'currency' AS currency FROM jsonb_array_elements(a_ops) item
                UNION SELECT item ->> 'credit', item ->> 'currency' FROM jsonb_array_elements(a_ops) item
                UNION SELECT a.name, a.currency FROM jsonb_array_elements(a_ops) item
                    JOIN ledger_transfer t ON t.transfer_id = (item ->> 'pending_id')::uuid
                    JOIN ledger_account a ON a.account_id IN (t.debit_account_id, t.credit_account_id)
            ) touched WHERE name IS NOT NULL ORDER BY ledger_account_id(name, currency)
        LOOP
            PERFORM ledger_lock_account(account.name, account.currency);
        END LOOP;
        FOR op IN SELECT jsonb_array_elements(a_ops) LOOP
            CASE op ->> 'op'
                WHEN 'post' THEN applied := applied + ledger_transfer_make(op, 'posted');
                WHEN 'pend' THEN applied := applied + ledger_transfer_make(op, 'pending');
                WHEN 'resolve' THEN applied := applied + ledger_transfer_resolve(op);
            END CASE;
        END LOOP;
        RETURN applied;
    END $$""",
    # A deposit either precedes the award or is refused: it shuts out the bid lane while it is placed.
    """CREATE FUNCTION auction_hold(a_auction_id uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    BEGIN
        PERFORM FROM auction WHERE auction_id = a_auction_id FOR NO KEY UPDATE;
    END $$""",
    *(
        f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC"
        for function in (
            "auction_hold", "ledger_apply", "ledger_lock_account", "ledger_transfer_make", "ledger_transfer_resolve",
        )
    ),
    f"GRANT EXECUTE ON FUNCTION auction_hold, ledger_apply TO {APP}",
)  # fmt: skip
