"""The next bidder of every format, by what its log says stands; who defaulted in the auction before is not asked again."""

from migrations.guard import run

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(_RUNNER_UP)


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


# What stands is not what was said: an offer or an armed step that was replaced or taken back is gone, a sealed bid counts as it was
# opened (the gate knows of one that its bidder sealed only the published most), a ceiling is what its owner lowered it to,
# and nothing stands that was struck out. At a fixed price nobody else has bid; a bid for a set of pools is none for one of them.
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
        ), gone AS (
            SELECT (body ->> 'bid_seq')::bigint AS seq FROM said WHERE kind IN ('step_disarmed', 'offer_withdrawn')
            UNION ALL SELECT (body ->> 'replaces')::bigint FROM said
                WHERE kind IN ('step_armed', 'offer_placed') AND body ->> 'replaces' IS NOT NULL
        ), stands AS (
            SELECT s.seq, (s.body ->> 'amends')::bigint AS amends, least((s.body ->> 'amount_cents')::bigint, (
                SELECT min((c.body ->> 'leader_ceiling_cents')::bigint) FROM said c WHERE c.kind = 'ceiling_lowered'
                    AND c.seq > s.seq AND c.body ->> 'bidder' = s.body ->> 'bidder')) AS cents
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
            AND NOT EXISTS (SELECT FROM settlement t WHERE t.auction_id = a_auction_id AND t.buyer_org_id = b.org_id)
        ORDER BY s.cents DESC, s.seq LIMIT 1;
    END $$"""
