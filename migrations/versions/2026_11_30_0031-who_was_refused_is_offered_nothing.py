"""Whom the seller refused wins nothing and is offered nothing, and a ceiling that a strike spent is not offered again."""

from migrations.guard import run

revision = "0031"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(_WINNERS, _RUNNER_UP)


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


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

# As before, but a ceiling is also what a strike made of it, and nothing stands of whom the seller refused while the price rose.
_RUNNER_UP = """CREATE OR REPLACE FUNCTION runner_up(a_auction_id uuid, a_but_org_id uuid)
    RETURNS TABLE (org_id uuid, amount_cents bigint)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    BEGIN
        IF NOT app_is_platform() AND NOT EXISTS (
            SELECT FROM auction a WHERE a.auction_id = a_auction_id AND a.org_id = app_org_id() AND a.phase = 'awarded') THEN
            RETURN;
        END IF;
        RETURN QUERY WITH said AS MATERIALIZED (
            SELECT e.seq, e.kind, e.body::jsonb AS body FROM auction_event e
            WHERE e.auction_id = a_auction_id AND e.kind IN (
                'bid_accepted', 'ceiling_lowered', 'step_armed', 'step_disarmed', 'step_accepted', 'offer_placed',
                'offer_withdrawn', 'bids_opened', 'bid_voided', 'bid_refused_by_seller')
        ), struck AS (
            SELECT (body ->> 'bid_seq')::bigint AS seq FROM said WHERE kind IN ('bid_voided', 'bid_refused_by_seller')
        ), refused AS (
            SELECT x.body ->> 'bidder' AS bidder FROM said x
                JOIN said y ON y.seq = (x.body ->> 'bid_seq')::bigint AND y.kind = 'bid_accepted'
            WHERE x.kind = 'bid_refused_by_seller' AND 3 <= (SELECT coalesce((e.body::jsonb #>> '{terms,rules}')::integer, 1)
                FROM auction_event e WHERE e.auction_id = a_auction_id AND e.seq = 1)
        ), gone AS (
            SELECT (body ->> 'bid_seq')::bigint AS seq FROM said WHERE kind IN ('step_disarmed', 'offer_withdrawn')
            UNION ALL SELECT (body ->> 'replaces')::bigint FROM said
                WHERE kind IN ('step_armed', 'offer_placed') AND body ->> 'replaces' IS NOT NULL
        ), stands AS (
            SELECT s.seq, (s.body ->> 'amends')::bigint AS amends, least((s.body ->> 'amount_cents')::bigint, (
                SELECT min((c.body ->> 'leader_ceiling_cents')::bigint) FROM said c WHERE c.kind = 'ceiling_lowered'
                    AND c.seq > s.seq AND c.body ->> 'bidder' = s.body ->> 'bidder'), (
                SELECT min((x.body ->> 'leader_ceiling_cents')::bigint) FROM said x WHERE x.kind IN ('bid_voided', 'bid_refused_by_seller')
                    AND x.seq > s.seq AND x.body ->> 'leader' = s.body ->> 'bidder')) AS cents
            FROM said s WHERE s.kind = 'bid_accepted'
            UNION ALL SELECT s.seq, NULL, coalesce(s.body ->> 'price_cents', s.body ->> 'amount_cents')::bigint
            FROM said s WHERE s.kind IN ('step_armed', 'step_accepted', 'offer_placed')
                AND NOT EXISTS (SELECT FROM gone g WHERE g.seq = s.seq)
            UNION ALL SELECT (one ->> 'bid_seq')::bigint, NULL, (one ->> 'amount_cents')::bigint
            FROM said s, jsonb_array_elements(s.body -> 'opened') AS one
            WHERE s.kind = 'bids_opened' AND one ->> 'flaw' IS NULL AND one ->> 'amount_cents' IS NOT NULL
        )
        SELECT b.org_id, s.cents FROM stands s JOIN bid b ON b.auction_id = a_auction_id AND b.seq = s.seq
        WHERE b.org_id <> a_but_org_id AND NOT EXISTS (SELECT FROM struck x WHERE x.seq IN (s.seq, s.amends))
            AND NOT EXISTS (SELECT FROM refused r WHERE r.bidder = b.org_id::text)
            AND NOT EXISTS (SELECT FROM settlement t WHERE t.auction_id = a_auction_id AND t.buyer_org_id = b.org_id)
        ORDER BY s.cents DESC, s.seq LIMIT 1;
    END $$"""
