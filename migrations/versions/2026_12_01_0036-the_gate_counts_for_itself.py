"""What the gate goes by is what the accounts say, and words that must not pass each other wait for each other."""

from migrations.guard import run

revision = "0036_gate"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(*_STATES, *_LOCKS)


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


_DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp"
_CHECK = "USING ERRCODE = 'check_violation', CONSTRAINT"

_STATES = (
    # The debtor states of a pool, from what is on record of each of its accounts; null while that is not all of them.
    f"""CREATE FUNCTION states_of_accounts(a_pool_id uuid) RETURNS text[] LANGUAGE sql STABLE {_DEFINER} AS $$
        SELECT array_agg(DISTINCT coalesce(state, 'ZZ')) FROM pool_trait t, unnest(t.states) AS state
        WHERE t.pool_id = a_pool_id
        HAVING count(*) = (SELECT p.account_count FROM pool p WHERE p.pool_id = a_pool_id)
    $$""",
    # The first pool comes with the auction, the others of a package one by one after it. The pool's row stands still meanwhile.
    f"""CREATE FUNCTION states_are_of_accounts() RETURNS trigger LANGUAGE plpgsql {_DEFINER} AS $$
    DECLARE
        told text[] := CASE TG_TABLE_NAME WHEN 'auction' THEN ARRAY(SELECT jsonb_array_elements_text(to_jsonb(NEW) -> 'debtor_states'))
            ELSE (SELECT a.debtor_states FROM auction a WHERE a.auction_id = NEW.auction_id) END;
        seller uuid := coalesce(to_jsonb(NEW) ->> 'seller_org_id', to_jsonb(NEW) ->> 'org_id')::uuid;
    BEGIN
        PERFORM FROM pool p WHERE p.pool_id = NEW.pool_id FOR SHARE;
        IF NOT EXISTS (SELECT FROM pool p WHERE p.pool_id = NEW.pool_id AND p.org_id = seller) THEN
            RAISE EXCEPTION 'a seller lists its own pool' {_CHECK} = 'states_are_of_accounts';
        END IF;
        IF (told @> states_of_accounts(NEW.pool_id)) IS NOT TRUE THEN
            RAISE EXCEPTION 'an auction names the debtor states of all accounts of its pools' {_CHECK} = 'states_are_of_accounts';
        END IF;
        RETURN NEW;
    END $$""",
    *(
        f"CREATE TRIGGER states_are_of_accounts BEFORE INSERT ON {table} FOR EACH ROW"
        " EXECUTE FUNCTION states_are_of_accounts()"
        for table in ("auction", "auction_pool")
    ),
    "REVOKE ALL ON FUNCTION states_of_accounts(uuid), states_are_of_accounts() FROM PUBLIC",
)

_LOCKS = (
    # A grant holds the organisation's row while it looks for matches; the word waits for it here, and then sees the grant.
    f"""CREATE OR REPLACE FUNCTION match_suspends() RETURNS trigger LANGUAGE plpgsql {_DEFINER} AS $$
    BEGIN
        PERFORM FROM organisation WHERE org_id = NEW.org_id FOR NO KEY UPDATE;
        IF EXISTS (SELECT FROM clearance c LEFT JOIN clearance_end e USING (clearance_id)
            WHERE c.org_id = NEW.org_id AND e.clearance_id IS NULL AND c.valid_until > clock_timestamp()) THEN
            RAISE EXCEPTION 'whom an officer calls a listed party keeps no clearance'
                {_CHECK} = 'match_suspends';
        END IF;
        RETURN NULL;
    END $$""",
    # Two accounts of one organisation enter one after the other, so that only one of them is the first.
    f"""CREATE OR REPLACE FUNCTION bank_account_cools_off() RETURNS trigger LANGUAGE plpgsql {_DEFINER} AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock(hashtextextended('bank account ' || NEW.org_id, 0));
        IF EXISTS (SELECT FROM bank_account b WHERE b.org_id = NEW.org_id)
            AND (NEW.usable_from_at < NEW.created_at + interval '48 hours'
                OR NEW.created_at < clock_timestamp() - interval '5 minutes'
                OR EXISTS (SELECT FROM bank_account b WHERE b.org_id = NEW.org_id AND b.created_at >= NEW.created_at)) THEN
            RAISE EXCEPTION 'a changed bank account cools off for 48 hours'
                {_CHECK} = 'bank_account_cools_off';
        END IF;
        RETURN NEW;
    END $$""",
)
