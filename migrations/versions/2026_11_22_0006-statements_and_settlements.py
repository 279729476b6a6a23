"""The bank's statements, and what happens to a sale after the award."""

from migrations.guard import APP, AUDITOR, append_only, grant, run

revision = "0006"
down_revision = "0006_ledger"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(*_BANK, *_SETTLEMENT, *_RELEASE)
    for table in _ROWS:
        if table not in {"settlement", "payout"}:
            append_only(table)
            grant(table, app="SELECT, INSERT")
    grant("settlement", app=f"SELECT, INSERT, UPDATE ({_SETTLEMENT_MOVES})")
    grant("payout", app="SELECT, INSERT, UPDATE (state, sent_at, confirmed_at, confirmed_entry_id)")
    for table, (sees, writes) in _ROWS.items():
        _guard_rows(table, sees, writes)
    run(f"CREATE POLICY settlement_update ON settlement FOR UPDATE TO {APP} USING (app_is_platform() OR {_PARTY})")
    run(f"CREATE POLICY payout_update ON payout FOR UPDATE TO {APP} USING (app_is_platform())")


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


def _guard_rows(table: str, sees: str, writes: str) -> None:
    """Row-level security with one condition for reading and one for inserting; the platform's roles pass both."""
    run(
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"CREATE POLICY {table}_read ON {table} FOR SELECT TO {APP} USING (app_is_platform() OR {sees})",
        f"CREATE POLICY {table}_insert ON {table} FOR INSERT TO {APP} WITH CHECK (app_is_platform() OR {writes})",
        f"CREATE POLICY {table}_auditor ON {table} FOR SELECT TO {AUDITOR} USING (true)",
    )


_SETTLEMENT_MOVES = (
    "state, deposit_cents, sign_by_at, pay_by_at, putback_until_at, attempt_count, claimed_until, ended_at"
)
_OWN = "org_id = app_org_id()"
_PARTY = "app_org_id() IN (seller_org_id, buyer_org_id)"
_OF_PARTY = "EXISTS (SELECT FROM settlement s WHERE s.settlement_id = {0}.settlement_id)"
_ROWS = {
    "payment_reference": (_OWN, _OWN),
    "bank_account": (_OWN, _OWN),
    "bank_statement": ("false", "false"),
    "bank_entry": ("false", "false"),
    "settlement": (_PARTY, "false"),
    "agreement": (_OF_PARTY.format("agreement"), "false"),
    "settlement_signature": (_OF_PARTY.format("settlement_signature"), _OWN),
    "settlement_cancellation": (_OF_PARTY.format("settlement_cancellation"), _OWN),
    "release_preparation": ("false", "false"),
    "release_approval": ("false", "false"),
    "sale_key_grant": (_OWN, "false"),
    "payout": (_OWN, "false"),
}

_BANK = (
    """CREATE TABLE payment_reference (
        org_id uuid NOT NULL,
        reference text NOT NULL,
        CONSTRAINT pk_payment_reference PRIMARY KEY (org_id),
        CONSTRAINT uq_payment_reference_reference UNIQUE (reference),
        CONSTRAINT fk_payment_reference_org_id_organisation FOREIGN KEY (org_id) REFERENCES organisation (org_id),
        CONSTRAINT ck_payment_reference_form CHECK (reference ~ '^DEP-[0-9A-Z]{10}-[0-9]{2}$')
    )""",
    # Where an organisation is paid to; each change is a new row. The number itself is sealed.
    """CREATE TABLE bank_account (
        bank_account_id uuid NOT NULL,
        org_id uuid NOT NULL,
        holder_name text NOT NULL,
        scheme text NOT NULL,
        last_four text NOT NULL,
        sealed_number bytea NOT NULL,
        usable_from_at timestamptz NOT NULL,
        created_by uuid NOT NULL,
        created_at timestamptz NOT NULL,
        CONSTRAINT pk_bank_account PRIMARY KEY (bank_account_id),
        CONSTRAINT fk_bank_account_org_id_organisation FOREIGN KEY (org_id) REFERENCES organisation (org_id),
        CONSTRAINT fk_bank_account_created_by_person FOREIGN KEY (created_by) REFERENCES person (user_id),
        CONSTRAINT ck_bank_account_scheme CHECK (scheme IN ('iban', 'ach')),
        CONSTRAINT ck_bank_account_last_four CHECK (last_four ~ '^[0-9A-Z]{4}$'),
        CONSTRAINT ck_bank_account_holder CHECK (length(holder_name) BETWEEN 1 AND 140)
    )""",
    "CREATE INDEX ix_bank_account_org_id ON bank_account (org_id)",
    "CREATE INDEX ix_bank_account_created_by ON bank_account (created_by)",
    # `chain` numbers a currency's statements: each opens with what the one before closed with.
    """CREATE TABLE bank_statement (
        statement_id uuid NOT NULL,
        bank_account text NOT NULL,
        statement_ref text NOT NULL,
        currency text NOT NULL,
        chain bigint NOT NULL,
        opening_cents bigint NOT NULL,
        closing_cents bigint NOT NULL,
        entry_count bigint NOT NULL,
        file_sha256 text NOT NULL,
        imported_by uuid NOT NULL,
        imported_at timestamptz NOT NULL,
        CONSTRAINT pk_bank_statement PRIMARY KEY (statement_id),
        CONSTRAINT uq_bank_statement_bank_account_statement_ref UNIQUE (bank_account, statement_ref),
        CONSTRAINT uq_bank_statement_currency_chain UNIQUE (currency, chain),
        CONSTRAINT fk_bank_statement_imported_by_person FOREIGN KEY (imported_by) REFERENCES person (user_id),
        CONSTRAINT ck_bank_statement_counts CHECK (chain > 0 AND entry_count >= 0)
    )""",
    "CREATE INDEX ix_bank_statement_imported_by ON bank_statement (imported_by)",
    """CREATE TABLE bank_entry (
        entry_id uuid NOT NULL,
        statement_id uuid NOT NULL,
        bank_account text NOT NULL,
        entry_ref text NOT NULL,
        direction text NOT NULL,
        amount_cents bigint NOT NULL,
        currency text NOT NULL,
        booked_on date,
        remittance text NOT NULL,
        outcome text NOT NULL,
        reference text,
        org_id uuid,
        corrects_entry_id uuid,
        CONSTRAINT pk_bank_entry PRIMARY KEY (entry_id),
        CONSTRAINT uq_bank_entry_bank_account_entry_ref UNIQUE (bank_account, entry_ref),
        CONSTRAINT uq_bank_entry_corrects_entry_id UNIQUE (corrects_entry_id),
        CONSTRAINT fk_bank_entry_corrects_entry_id_bank_entry
            FOREIGN KEY (corrects_entry_id) REFERENCES bank_entry (entry_id),
        CONSTRAINT fk_bank_entry_statement_id_bank_statement
            FOREIGN KEY (statement_id) REFERENCES bank_statement (statement_id),
        CONSTRAINT fk_bank_entry_org_id_organisation FOREIGN KEY (org_id) REFERENCES organisation (org_id),
        CONSTRAINT ck_bank_entry_direction CHECK (direction IN ('credit', 'debit')),
        CONSTRAINT ck_bank_entry_amount CHECK (amount_cents BETWEEN 1 AND 1000000000000000),
        CONSTRAINT ck_bank_entry_outcome CHECK (
            CASE outcome WHEN 'matched' THEN reference IS NOT NULL AND org_id IS NOT NULL
            ELSE outcome IN ('suspense', 'correction') AND reference IS NULL AND org_id IS NULL END),
        CONSTRAINT ck_bank_entry_corrects CHECK (
            (outcome = 'correction') = (corrects_entry_id IS NOT NULL)
            AND (outcome <> 'correction' OR direction = 'credit'))
    )""",
    "CREATE INDEX ix_bank_entry_statement_id ON bank_entry (statement_id)",
    "CREATE INDEX ix_bank_entry_org_id ON bank_entry (org_id)",
)

_SETTLEMENT = (
    """CREATE TABLE settlement (
        settlement_id uuid NOT NULL,
        reference text NOT NULL,
        auction_id uuid NOT NULL,
        pool_id uuid NOT NULL,
        seller_org_id uuid NOT NULL,
        buyer_org_id uuid NOT NULL,
        currency text NOT NULL,
        hammer_cents bigint NOT NULL,
        buyer_fee_cents bigint NOT NULL,
        seller_fee_cents bigint NOT NULL,
        commission jsonb NOT NULL,
        deposit_cents bigint NOT NULL,
        state text NOT NULL,
        awarded_at timestamptz NOT NULL,
        sign_by_at timestamptz,
        pay_by_at timestamptz,
        putback_until_at timestamptz,
        ended_at timestamptz,
        attempt_count bigint NOT NULL DEFAULT 0,
        claimed_until timestamptz,
        CONSTRAINT pk_settlement PRIMARY KEY (settlement_id),
        CONSTRAINT uq_settlement_reference UNIQUE (reference),
        CONSTRAINT uq_settlement_auction_id_buyer_org_id UNIQUE (auction_id, buyer_org_id),
        CONSTRAINT fk_settlement_auction_id_auction FOREIGN KEY (auction_id) REFERENCES auction (auction_id),
        CONSTRAINT fk_settlement_pool_id_pool FOREIGN KEY (pool_id) REFERENCES pool (pool_id),
        CONSTRAINT fk_settlement_seller_org_id_organisation
            FOREIGN KEY (seller_org_id) REFERENCES organisation (org_id),
        CONSTRAINT fk_settlement_buyer_org_id_organisation FOREIGN KEY (buyer_org_id) REFERENCES organisation (org_id),
        CONSTRAINT ck_settlement_parties CHECK (seller_org_id <> buyer_org_id),
        CONSTRAINT ck_settlement_amounts CHECK (hammer_cents BETWEEN 1 AND 1000000000000000
            AND buyer_fee_cents >= 0 AND seller_fee_cents >= 0 AND seller_fee_cents <= hammer_cents
            AND deposit_cents BETWEEN 0 AND hammer_cents + buyer_fee_cents),
        CONSTRAINT ck_settlement_reference CHECK (reference ~ '^PSA-[0-9A-Z]{10}-[0-9]{2}$'),
        CONSTRAINT ck_settlement_state CHECK (state IN (
            'awarded', 'signing', 'awaiting_funds', 'funded', 'release_review', 'released', 'payout_sent',
            'payout_confirmed', 'putback_window', 'closed', 'sign_default', 'buyer_default', 'cancelled'))
    )""",
    "CREATE INDEX ix_settlement_pool_id ON settlement (pool_id)",
    "CREATE INDEX ix_settlement_seller_org_id ON settlement (seller_org_id)",
    "CREATE INDEX ix_settlement_buyer_org_id ON settlement (buyer_org_id)",
    "CREATE INDEX ix_settlement_state ON settlement (state)",
    # The arrows of market/settlement/rules.py once more, so that no mistake in the app can draw another one.
    """CREATE FUNCTION settlement_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
    DECLARE
        step text := OLD.state || ' ' || NEW.state;
    BEGIN
        IF NEW.state <> OLD.state AND step <> 'signing awaiting_funds' AND NOT (app_is_platform() AND step IN (
            'awarded signing', 'signing sign_default', 'awaiting_funds funded', 'awaiting_funds buyer_default',
            'signing cancelled', 'awaiting_funds cancelled', 'funded cancelled', 'release_review cancelled', 'funded release_review',
            'release_review released', 'released payout_sent', 'payout_sent payout_confirmed',
            'payout_confirmed putback_window', 'putback_window closed')) THEN
            RAISE EXCEPTION 'a settlement does not go from %', step USING ERRCODE = 'check_violation';
        END IF;
        IF NOT app_is_platform() AND (NEW.deposit_cents, NEW.putback_until_at) IS DISTINCT FROM
            (OLD.deposit_cents, OLD.putback_until_at) THEN
            RAISE EXCEPTION 'not a party''s to change' USING ERRCODE = 'insufficient_privilege';
        END IF;
        RETURN NEW;
    END $$""",
    "CREATE TRIGGER settlement_guard BEFORE UPDATE ON settlement FOR EACH ROW EXECUTE FUNCTION settlement_guard()",
    """CREATE TABLE agreement (
        settlement_id uuid NOT NULL,
        sha256 text NOT NULL,
        facts text NOT NULL,
        pdf bytea NOT NULL,
        created_at timestamptz NOT NULL,
        CONSTRAINT pk_agreement PRIMARY KEY (settlement_id),
        CONSTRAINT uq_agreement_settlement_id_sha256 UNIQUE (settlement_id, sha256),
        CONSTRAINT fk_agreement_settlement_id_settlement
            FOREIGN KEY (settlement_id) REFERENCES settlement (settlement_id),
        CONSTRAINT ck_agreement_sha256 CHECK (sha256 = encode(sha256(pdf), 'hex'))
    )""",
    """CREATE TABLE settlement_signature (
        settlement_id uuid NOT NULL,
        org_id uuid NOT NULL,
        party text NOT NULL,
        user_id uuid NOT NULL,
        typed_name text NOT NULL,
        agreement_sha256 text NOT NULL,
        recipient_public_key bytea,
        signed_at timestamptz NOT NULL,
        CONSTRAINT pk_settlement_signature PRIMARY KEY (settlement_id, org_id),
        CONSTRAINT uq_settlement_signature_settlement_id_party UNIQUE (settlement_id, party),
        CONSTRAINT fk_settlement_signature_agreement
            FOREIGN KEY (settlement_id, agreement_sha256) REFERENCES agreement (settlement_id, sha256),
        CONSTRAINT fk_settlement_signature_org_id_organisation FOREIGN KEY (org_id) REFERENCES organisation (org_id),
        CONSTRAINT fk_settlement_signature_user_id_person FOREIGN KEY (user_id) REFERENCES person (user_id),
        CONSTRAINT ck_settlement_signature_key CHECK (CASE party
            WHEN 'buyer' THEN recipient_public_key IS NOT NULL AND octet_length(recipient_public_key) = 32
            WHEN 'seller' THEN recipient_public_key IS NULL ELSE false END),
        CONSTRAINT ck_settlement_signature_name CHECK (length(typed_name) BETWEEN 2 AND 140)
    )""",
    (
        "CREATE INDEX ix_settlement_signature_settlement_id_agreement_sha256 "
        "ON settlement_signature (settlement_id, agreement_sha256)"
    ),
    "CREATE INDEX ix_settlement_signature_org_id ON settlement_signature (org_id)",
    "CREATE INDEX ix_settlement_signature_user_id ON settlement_signature (user_id)",
    """CREATE TABLE settlement_cancellation (
        settlement_id uuid NOT NULL,
        org_id uuid NOT NULL,
        user_id uuid NOT NULL,
        reason text NOT NULL,
        at timestamptz NOT NULL,
        CONSTRAINT pk_settlement_cancellation PRIMARY KEY (settlement_id, org_id),
        CONSTRAINT fk_settlement_cancellation_settlement_id_settlement
            FOREIGN KEY (settlement_id) REFERENCES settlement (settlement_id),
        CONSTRAINT fk_settlement_cancellation_org_id_organisation
            FOREIGN KEY (org_id) REFERENCES organisation (org_id),
        CONSTRAINT fk_settlement_cancellation_user_id_person FOREIGN KEY (user_id) REFERENCES person (user_id),
        CONSTRAINT ck_settlement_cancellation_reason CHECK (length(reason) BETWEEN 1 AND 500)
    )""",
    "CREATE INDEX ix_settlement_cancellation_org_id ON settlement_cancellation (org_id)",
    "CREATE INDEX ix_settlement_cancellation_user_id ON settlement_cancellation (user_id)",
)

# Each step refers to the one before: no key without an approval, no approval by the person who prepared.
_RELEASE = (
    """CREATE TABLE release_preparation (
        settlement_id uuid NOT NULL,
        prepared_by uuid NOT NULL,
        at timestamptz NOT NULL,
        CONSTRAINT pk_release_preparation PRIMARY KEY (settlement_id),
        CONSTRAINT uq_release_preparation_settlement_id_prepared_by UNIQUE (settlement_id, prepared_by),
        CONSTRAINT fk_release_preparation_settlement_id_settlement
            FOREIGN KEY (settlement_id) REFERENCES settlement (settlement_id),
        CONSTRAINT fk_release_preparation_prepared_by_person FOREIGN KEY (prepared_by) REFERENCES person (user_id)
    )""",
    "CREATE INDEX ix_release_preparation_prepared_by ON release_preparation (prepared_by)",
    """CREATE TABLE release_approval (
        settlement_id uuid NOT NULL,
        prepared_by uuid NOT NULL,
        approved_by uuid NOT NULL,
        at timestamptz NOT NULL,
        CONSTRAINT pk_release_approval PRIMARY KEY (settlement_id),
        CONSTRAINT fk_release_approval_release_preparation
            FOREIGN KEY (settlement_id, prepared_by) REFERENCES release_preparation (settlement_id, prepared_by),
        CONSTRAINT fk_release_approval_approved_by_person FOREIGN KEY (approved_by) REFERENCES person (user_id),
        CONSTRAINT ck_release_approval_two_people CHECK (approved_by <> prepared_by)
    )""",
    "CREATE INDEX ix_release_approval_settlement_id_prepared_by ON release_approval (settlement_id, prepared_by)",
    "CREATE INDEX ix_release_approval_approved_by ON release_approval (approved_by)",
    # Nobody prepares, approves or signs in another's name, and only the platform's people release.
    """CREATE FUNCTION in_own_name() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp AS $$
    DECLARE
        who uuid := (to_jsonb(NEW) ->> TG_ARGV[0])::uuid;
    BEGIN
        IF who IS DISTINCT FROM app_user_id()
            OR NOT EXISTS (SELECT FROM person WHERE user_id = who AND (role <> 'member') = TG_ARGV[1]::boolean) THEN
            RAISE EXCEPTION 'this is done in one''s own name' USING ERRCODE = 'insufficient_privilege';
        END IF;
        RETURN NEW;
    END $$""",
    *(
        f"CREATE TRIGGER {table}_in_own_name BEFORE INSERT ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION in_own_name('{column}', '{of_staff}')"
        for table, column, of_staff in (
            ("settlement_signature", "user_id", False),
            ("settlement_cancellation", "user_id", False),
            ("release_preparation", "prepared_by", True),
            ("release_approval", "approved_by", True),
            ("bank_account", "created_by", False),
            ("bank_statement", "imported_by", True),
        )
    ),
    """CREATE TABLE sale_key_grant (
        settlement_id uuid NOT NULL,
        org_id uuid NOT NULL,
        file_sha256 text NOT NULL,
        leaves_sha256 text NOT NULL,
        released_key bytea NOT NULL,
        released_commit_key bytea NOT NULL,
        info text NOT NULL,
        at timestamptz NOT NULL,
        CONSTRAINT pk_sale_key_grant PRIMARY KEY (settlement_id),
        CONSTRAINT fk_sale_key_grant_settlement_id_release_approval
            FOREIGN KEY (settlement_id) REFERENCES release_approval (settlement_id),
        CONSTRAINT fk_sale_key_grant_settlement_signature
            FOREIGN KEY (settlement_id, org_id) REFERENCES settlement_signature (settlement_id, org_id),
        CONSTRAINT fk_sale_key_grant_org_id_organisation FOREIGN KEY (org_id) REFERENCES organisation (org_id)
    )""",
    "CREATE INDEX ix_sale_key_grant_settlement_id_org_id ON sale_key_grant (settlement_id, org_id)",
    "CREATE INDEX ix_sale_key_grant_org_id ON sale_key_grant (org_id)",
    """CREATE TABLE payout (
        payout_id uuid NOT NULL,
        settlement_id uuid NOT NULL,
        org_id uuid NOT NULL,
        bank_account_id uuid NOT NULL,
        reference text NOT NULL,
        amount_cents bigint NOT NULL,
        currency text NOT NULL,
        state text NOT NULL,
        ordered_at timestamptz NOT NULL,
        sent_at timestamptz,
        confirmed_at timestamptz,
        confirmed_entry_id uuid,
        CONSTRAINT pk_payout PRIMARY KEY (payout_id),
        CONSTRAINT uq_payout_settlement_id UNIQUE (settlement_id),
        CONSTRAINT uq_payout_reference UNIQUE (reference),
        CONSTRAINT uq_payout_confirmed_entry_id UNIQUE (confirmed_entry_id),
        CONSTRAINT fk_payout_settlement_id_release_approval
            FOREIGN KEY (settlement_id) REFERENCES release_approval (settlement_id),
        CONSTRAINT fk_payout_org_id_organisation FOREIGN KEY (org_id) REFERENCES organisation (org_id),
        CONSTRAINT fk_payout_bank_account_id_bank_account
            FOREIGN KEY (bank_account_id) REFERENCES bank_account (bank_account_id),
        CONSTRAINT fk_payout_confirmed_entry_id_bank_entry
            FOREIGN KEY (confirmed_entry_id) REFERENCES bank_entry (entry_id),
        CONSTRAINT ck_payout_amount CHECK (amount_cents BETWEEN 1 AND 1000000000000000),
        CONSTRAINT ck_payout_reference CHECK (reference ~ '^PAYOUT-[0-9A-Z]{10}-[0-9]{2}$'),
        CONSTRAINT ck_payout_state CHECK (CASE state
            WHEN 'ordered' THEN sent_at IS NULL AND confirmed_entry_id IS NULL
            WHEN 'sent' THEN sent_at IS NOT NULL AND confirmed_entry_id IS NULL
            WHEN 'unknown' THEN sent_at IS NOT NULL AND confirmed_entry_id IS NULL
            WHEN 'confirmed' THEN confirmed_at IS NOT NULL AND confirmed_entry_id IS NOT NULL
            ELSE false END)
    )""",
    "CREATE INDEX ix_payout_org_id ON payout (org_id)",
    "CREATE INDEX ix_payout_bank_account_id ON payout (bank_account_id)",
    "CREATE INDEX ix_payout_state ON payout (state)",
)
