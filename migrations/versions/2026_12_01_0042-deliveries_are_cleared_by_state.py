"""A flow is delivered under a clearance to list in each debtor state, and a pool is cut from its seller's own portfolio.

Whose name a bank account is in is told the same way on every server.
"""

from migrations.guard import run

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(*_DELIVERIES, *_POOLS, *_NAMES)


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


_DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp"

_DELIVERIES = (
    # As `listing_is_cleared`: each clearance is locked before it is looked at, so that its end and the delivery do not pass each other.
    f"""CREATE FUNCTION delivery_is_cleared() RETURNS trigger LANGUAGE plpgsql {_DEFINER} AS $$
    DECLARE
        held uuid;
        owing text[] := states_of_accounts(NEW.pool_id);
    BEGIN
        FOR held IN SELECT c.clearance_id FROM clearance c WHERE owing IS NOT NULL AND c.org_id = NEW.seller_org_id
            AND c.capability = 'list' AND c.valid_until > clock_timestamp() ORDER BY c.clearance_id LOOP
            IF clearance_refusal(held, NEW.seller_org_id, 'list', NULL, owing) IS NULL THEN
                RETURN NEW;
            END IF;
        END LOOP;
        RAISE EXCEPTION 'nobody delivers without a clearance to list in each debtor state'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'delivery_is_cleared';
    END $$""",
    """CREATE TRIGGER delivery_is_cleared BEFORE INSERT ON forward_flow_delivery
        FOR EACH ROW EXECUTE FUNCTION delivery_is_cleared()""",
    "REVOKE ALL ON FUNCTION delivery_is_cleared() FROM PUBLIC",
)

_POOLS = (
    """ALTER TABLE pool DROP CONSTRAINT fk_pool_portfolio_id_portfolio,
        ADD CONSTRAINT fk_pool_portfolio_id_org_id_portfolio
            FOREIGN KEY (portfolio_id, org_id) REFERENCES portfolio (portfolio_id, org_id)""",
    "DROP INDEX ix_pool_portfolio_id",
    "CREATE INDEX ix_pool_portfolio_id_org_id ON pool (portfolio_id, org_id)",
)

_PLAIN = """lower(regexp_replace({} COLLATE "C", '[\\x01-\\x2f\\x3a-\\x40\\x5b-\\x60\\x7b-\\x7f]', '', 'g'))"""
_NAMES = (
    # Blanks and signs of ASCII and the case of its letters are left out, whatever the server's locale takes for a letter; a name
    # that is nothing else is nobody's. Whatever else differs, a person asks about.
    f"""CREATE OR REPLACE FUNCTION bank_account_is_confirmed(a_bank_account_id uuid) RETURNS boolean
    LANGUAGE sql STABLE {_DEFINER} AS $$
        SELECT EXISTS (SELECT FROM bank_account b JOIN organisation o USING (org_id) WHERE b.bank_account_id = a_bank_account_id AND (
            {_PLAIN.format("b.holder_name")} = {_PLAIN.format("o.name")} AND {_PLAIN.format("o.name")} <> ''
                AND NOT EXISTS (SELECT FROM bank_account c WHERE c.org_id = b.org_id
                    AND (c.created_at, c.bank_account_id) < (b.created_at, b.bank_account_id))
            OR EXISTS (SELECT FROM bank_account_call_back k WHERE k.bank_account_id = b.bank_account_id)))
    $$""",
)
