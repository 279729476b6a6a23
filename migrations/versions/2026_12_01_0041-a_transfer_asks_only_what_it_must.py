"""A transfer costs less: an account that is there is locked without trying to open it, and what it never changes is checked once.

Name, currency, side and owner of an account stay what they are, so they are looked at when it is opened; as CHECKs they were
compiled and looked at with each change of a counter. The counters' own CHECKs stay. The guard that looks up a transfer's reason
asked, for each, everything that might be asked of a sale; that is a function of its own now, which only what is booked of a sale
calls. What is held is the same.
"""

from alembic import op

from migrations.guard import run

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

_GUARD = "ledger_transfer_is_of_event"
_ASKED_OF_SALE = "EXISTS (\n                    SELECT FROM settlement sale,"
_NEXT = "ELSE false END)\n                WHEN 'auction' THEN"


def upgrade() -> None:
    run(_LOCK_ACCOUNT, *_OPENED)
    body = op.get_bind().exec_driver_sql(f"SELECT pg_get_functiondef('{_GUARD}'::regproc)").scalar_one()
    first, last = body.index(_ASKED_OF_SALE), body.index(_NEXT) + len("ELSE false END)")
    run(
        f"""CREATE FUNCTION sale_moves(a_id uuid, a_kind text, a_debit text, a_credit text, a_cents bigint, a_currency text)
        RETURNS boolean {_DEFINER} AS $$
        BEGIN
            RETURN (SELECT {body[first:last]}
                FROM (VALUES (a_id, a_kind, a_debit, a_credit, a_cents, a_currency))
                    AS move (id, kind, debit, credit, cents, currency));
        END $$""",
        "REVOKE ALL ON FUNCTION sale_moves FROM PUBLIC",
        body[:first]
        + "sale_moves(move.id, move.kind, move.debit, move.credit, move.cents, move.currency)"
        + body[last:],
    )


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


_DEFINER = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp"

_LOCK_ACCOUNT = """CREATE OR REPLACE FUNCTION ledger_lock_account(a_name text, a_currency text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
    DECLARE
        id uuid := ledger_account_id(a_name, a_currency);
    BEGIN
        PERFORM FROM ledger_account WHERE account_id = id FOR NO KEY UPDATE;
        IF FOUND THEN RETURN; END IF;
        INSERT INTO ledger_account (account_id, name, currency, side, org_id, opened_at) VALUES (
            id, a_name, a_currency,
            CASE WHEN a_name ~ '^(bank|loss):' THEN 'debit' WHEN a_name ~ '^fx:' THEN 'either' ELSE 'credit' END,
            CASE WHEN a_name LIKE 'org:%' THEN split_part(a_name, ':', 2)::uuid END, clock_timestamp())
        ON CONFLICT DO NOTHING;
        PERFORM FROM ledger_account WHERE account_id = id FOR NO KEY UPDATE;
    END $$"""

_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"

_OPENED = (
    f"""CREATE FUNCTION ledger_account_opens() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
    BEGIN
        IF coalesce(NEW.name ~ ('^(bank:(fbo|op)|clearing:(in|out)|tax:payable|rev:(commission|default)|loss:writeoff'
                || '|fx:clearing:[A-Z]{{3}}-[A-Z]{{3}}|org:{_UUID}:cash|(deposit|escrow|holdback):{_UUID})$')
            AND NEW.currency ~ '^[A-Z]{{3}}$'
            AND NEW.side = CASE WHEN NEW.name ~ '^(bank|loss):' THEN 'debit' WHEN NEW.name ~ '^fx:' THEN 'either' ELSE 'credit' END
            AND CASE WHEN NEW.name LIKE 'org:%' THEN NEW.name = 'org:' || NEW.org_id || ':cash' ELSE NEW.org_id IS NULL END, false)
        THEN RETURN NEW; END IF;
        RAISE EXCEPTION 'there is no such ledger account' USING ERRCODE = 'check_violation';
    END $$""",
    """CREATE TRIGGER ledger_account_opens BEFORE INSERT ON ledger_account
        FOR EACH ROW EXECUTE FUNCTION ledger_account_opens()""",
    """ALTER TABLE ledger_account DROP CONSTRAINT ck_ledger_account_name, DROP CONSTRAINT ck_ledger_account_currency,
        DROP CONSTRAINT ck_ledger_account_side, DROP CONSTRAINT ck_ledger_account_owner""",
)
