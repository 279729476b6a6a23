"""One chain of title for an account, over all its sales on this market."""

from migrations.guard import APP, run

revision = "0024"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(*_FUNCTIONS)


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


_DEFINER = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp"

_FUNCTIONS = (
    # The row of the sale file behind a row of the tape: what `tape_row` turns round; null as there.
    f"""CREATE FUNCTION sale_row(a_pool_id uuid, a_tape_row bigint) RETURNS bigint {_DEFINER} AS $$
    BEGIN
        RETURN (SELECT count(DISTINCT f.row_number) FILTER (WHERE f.row_number <= a_tape_row)
            FROM account_fingerprint f WHERE f.pool_id = a_pool_id
            HAVING count(DISTINCT f.row_number) = (SELECT p.account_count FROM pool p WHERE p.pool_id = a_pool_id));
    END $$""",
    # Every assignment of the account of that row, in any sale on this market, first to last. The platform's people see
    # all; a party of the sale what came before, up to the last sale that it was a party of. Of a sale in which the row
    # cannot be told (an account without a fingerprint) the assignment of all its rows stands for it.
    f"""CREATE FUNCTION title_of_account(a_settlement_id uuid, a_row bigint)
    RETURNS TABLE (settlement_id uuid, row_number bigint, seq bigint, from_org_id uuid, from_name text, to_org_id uuid,
        to_name text, cause text, put_back_id uuid, document_sha256 text, at timestamptz) {_DEFINER} AS $$
    DECLARE
        asked settlement;
        of_tape bigint;
    BEGIN
        SELECT * INTO asked FROM settlement s WHERE s.settlement_id = a_settlement_id
            AND (app_is_platform() OR app_org_id() IN (s.seller_org_id, s.buyer_org_id));
        of_tape := tape_row(asked.pool_id, a_row);
        RETURN QUERY WITH sale AS (
            SELECT asked.settlement_id AS sale_id, a_row AS place
            UNION SELECT s.settlement_id, sale_row(s.pool_id, min(other.row_number))
                FROM account_fingerprint mine
                JOIN account_fingerprint other ON other.fingerprint = mine.fingerprint AND other.pool_id <> mine.pool_id
                JOIN settlement s ON s.pool_id = other.pool_id
                WHERE mine.pool_id = asked.pool_id AND mine.row_number = of_tape
                GROUP BY s.settlement_id, s.pool_id
        ), link AS (
            SELECT t.*, sale.place, max(t.at) FILTER (WHERE app_is_platform() OR app_org_id() IN (t.from_org_id, t.to_org_id))
                OVER () AS last_at
            FROM sale JOIN title_link t ON t.settlement_id = sale.sale_id
                AND CASE WHEN sale.place IS NULL THEN t.seq = 1 ELSE sale.place BETWEEN t.first_row AND t.last_row END
        )
        SELECT l.settlement_id, l.place, l.seq, l.from_org_id, giver.name, l.to_org_id, taker.name, l.cause,
            l.put_back_id, l.document_sha256, l.at
        FROM link l JOIN organisation giver ON giver.org_id = l.from_org_id
            JOIN organisation taker ON taker.org_id = l.to_org_id
        WHERE l.at <= l.last_at ORDER BY l.at, l.settlement_id, l.seq LIMIT 200;
    END $$""",
    # As before, with the row of the tape looked up once and not for every account of the pool.
    f"""CREATE OR REPLACE FUNCTION later_sales(a_settlement_id uuid, a_row bigint)
    RETURNS TABLE (settlement_id uuid, buyer_org_id uuid, tape_row bigint) {_DEFINER} AS $$
    DECLARE
        of_tape bigint;
    BEGIN
        SELECT tape_row(s.pool_id, a_row) INTO of_tape FROM settlement s WHERE s.settlement_id = a_settlement_id;
        RETURN QUERY SELECT s.settlement_id, s.buyer_org_id, min(other.row_number) FROM settlement origin
            JOIN release_approval since ON since.settlement_id = origin.settlement_id
            JOIN account_fingerprint mine ON mine.pool_id = origin.pool_id AND mine.row_number = of_tape
            JOIN account_fingerprint other ON other.fingerprint = mine.fingerprint AND other.pool_id <> mine.pool_id
            JOIN settlement s ON s.pool_id = other.pool_id
            JOIN release_approval a ON a.settlement_id = s.settlement_id AND a.at > since.at
            WHERE origin.settlement_id = a_settlement_id GROUP BY s.settlement_id, s.buyer_org_id LIMIT 1000;
    END $$""",
    "REVOKE ALL ON FUNCTION sale_row, title_of_account FROM PUBLIC",
    f"GRANT EXECUTE ON FUNCTION title_of_account TO {APP}",
)
