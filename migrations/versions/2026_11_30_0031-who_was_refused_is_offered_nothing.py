"""Whom the seller refused wins nothing and is offered nothing, and a ceiling that a strike spent is not offered again."""

from migrations.guard import run

revision = "0031"
down_revision = "0030_awards"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(_WINNERS, _RUNNER_UP)


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


_DEFINER = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp"
# A bid that seller or platform struck out; a raised ceiling falls with the bid that it amends, and from the third rules on
# everything of a bidder one of whose open bids the seller refused.
_STANDS = """NOT EXISTS (
        SELECT FROM auction_event x WHERE x.auction_id = b.auction_id AND x.kind IN ('bid_voided', 'bid_refused_by_seller')
            AND (x.body::jsonb ->> 'bid_seq')::bigint IN (b.seq, (SELECT (y.body::jsonb ->> 'amends')::bigint
                FROM auction_event y WHERE y.auction_id = b.auction_id AND y.seq = b.seq)))
    AND NOT EXISTS (
        SELECT FROM auction_event x
            JOIN auction_event y ON y.auction_id = x.auction_id AND y.seq = (x.body::jsonb ->> 'bid_seq')::bigint
                AND y.kind = 'bid_accepted'
            JOIN auction_event s ON s.auction_id = x.auction_id AND s.seq = 1
                AND coalesce((s.body::jsonb #>> '{terms,rules}')::integer, 1) >= 3
        WHERE x.auction_id = b.auction_id AND x.kind = 'bid_refused_by_seller'
            AND x.body::jsonb ->> 'bidder' = b.org_id::text)"""

_WINNERS = f"""CREATE OR REPLACE VIEW award_without_a_bid AS
    SELECT w.auction_id, w.pool_id, w.winner_org_id, w.hammer_cents
    FROM award w JOIN auction_event e ON e.auction_id = w.auction_id AND e.seq = w.seq
    WHERE NOT EXISTS (
        SELECT FROM bid b WHERE b.auction_id = w.auction_id AND b.org_id = w.winner_org_id
            AND CASE e.kind WHEN 'pools_awarded' THEN EXISTS (
                    SELECT FROM jsonb_array_elements(e.body::jsonb -> 'awards') AS one
                    WHERE one ->> 'bidder' = w.winner_org_id::text AND (one ->> 'bid_seq')::bigint = b.seq
                        AND one -> 'pools' ? w.pool_id::text AND b.amount_cents >= (one ->> 'hammer_cents')::bigint)
                ELSE b.amount_cents >= w.hammer_cents END
            AND {_STANDS})"""

# The highest bid of another bidder as it stands: what its owner lowered is what it lowered it to, and of whom a strike made
# the leader its ceiling is what the strike left of it.
_RUNNER_UP = f"""CREATE OR REPLACE FUNCTION runner_up(a_auction_id uuid, a_but_org_id uuid)
    RETURNS TABLE (org_id uuid, amount_cents bigint) {_DEFINER} AS $$
    BEGIN
        IF NOT app_is_platform() AND NOT EXISTS (
            SELECT FROM auction a WHERE a.auction_id = a_auction_id AND a.org_id = app_org_id() AND a.phase = 'awarded') THEN
            RETURN;
        END IF;
        RETURN QUERY SELECT b.org_id, least(b.amount_cents, (
                SELECT min(c.amount_cents) FROM bid c WHERE c.auction_id = b.auction_id AND c.org_id = b.org_id
                    AND c.kind = 'proxy_cancel' AND c.seq > b.seq), (
                SELECT min((x.body::jsonb ->> 'leader_ceiling_cents')::bigint) FROM auction_event x
                    WHERE x.auction_id = b.auction_id AND x.seq > b.seq AND x.body::jsonb ->> 'leader' = b.org_id::text
                        AND x.kind IN ('bid_voided', 'bid_refused_by_seller'))) AS stands_at
            FROM bid b
            WHERE b.auction_id = a_auction_id AND b.org_id <> a_but_org_id AND b.amount_cents IS NOT NULL
                AND b.kind IN ('manual', 'proxy', 'sealed') AND {_STANDS}
            ORDER BY stands_at DESC, b.seq LIMIT 1;
    END $$"""
