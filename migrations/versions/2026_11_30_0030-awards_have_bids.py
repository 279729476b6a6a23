"""Nobody wins without a bid that went through the gate and covers the price, and a lowered ceiling is not offered again."""

from migrations.guard import AUDITOR, run

revision = "0030_awards"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(*_AWARDS, _RUNNER_UP)


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


_DEFINER = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp"
# A bid that seller or platform struck out; a raised ceiling falls with the bid that it amends.
_STANDS = """NOT EXISTS (
        SELECT FROM auction_event x WHERE x.auction_id = b.auction_id AND x.kind IN ('bid_voided', 'bid_refused_by_seller')
            AND (x.body::jsonb ->> 'bid_seq')::bigint IN (b.seq, (SELECT (y.body::jsonb ->> 'amends')::bigint
                FROM auction_event y WHERE y.auction_id = b.auction_id AND y.seq = b.seq)))"""

_AWARDS = (
    # Must be empty, always. What a bid puts at stake is its amount: a ceiling, a sealed bid (or, while the operator cannot
    # read it, the published most), the price of the step, of the offer or of the counter-offer that was taken. The price
    # is at most that: less at a second price and below a ceiling. A pool of a package names its bid.
    f"""CREATE VIEW award_without_a_bid AS
        SELECT w.auction_id, w.pool_id, w.winner_org_id, w.hammer_cents
        FROM award w JOIN auction_event e ON e.auction_id = w.auction_id AND e.seq = w.seq
        WHERE NOT EXISTS (
            SELECT FROM bid b WHERE b.auction_id = w.auction_id AND b.org_id = w.winner_org_id
                AND CASE e.kind WHEN 'pools_awarded' THEN EXISTS (
                        SELECT FROM jsonb_array_elements(e.body::jsonb -> 'awards') AS one
                        WHERE one ->> 'bidder' = w.winner_org_id::text AND (one ->> 'bid_seq')::bigint = b.seq
                            AND one -> 'pools' ? w.pool_id::text AND b.amount_cents >= (one ->> 'hammer_cents')::bigint)
                    ELSE b.amount_cents >= w.hammer_cents END
                AND {_STANDS})""",
    "REVOKE ALL ON award_without_a_bid FROM PUBLIC",
    f"GRANT SELECT ON award_without_a_bid TO {AUDITOR}",
    """DO $amend$
    DECLARE
        before text := pg_get_functiondef('award_follows'::regproc);
        after text := replace(before, 'RETURN NEW;', $new$IF EXISTS (
            SELECT FROM award_without_a_bid w WHERE w.auction_id = NEW.auction_id AND w.pool_id = NEW.pool_id
        ) THEN
            RAISE EXCEPTION 'no bid of the winner covers this award'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'award_follows';
        END IF;
        RETURN NEW;$new$);
    BEGIN
        IF after = before THEN RAISE EXCEPTION 'award_follows has no such place'; END IF;
        EXECUTE after;
        EXECUTE 'CREATE OR REPLACE VIEW gate_breach AS ' || rtrim(pg_get_viewdef('gate_breach'::regclass), '; ')
            || ' UNION ALL SELECT ''award_without_a_bid'', count(*) FROM award_without_a_bid';
    END $amend$""",
)

# The highest bid of another bidder as it stands: nobody struck it out, and what its owner lowered is what it lowered it to.
_RUNNER_UP = f"""CREATE OR REPLACE FUNCTION runner_up(a_auction_id uuid, a_but_org_id uuid)
    RETURNS TABLE (org_id uuid, amount_cents bigint) {_DEFINER} AS $$
    BEGIN
        IF NOT app_is_platform() AND NOT EXISTS (
            SELECT FROM auction a WHERE a.auction_id = a_auction_id AND a.org_id = app_org_id() AND a.phase = 'awarded') THEN
            RETURN;
        END IF;
        RETURN QUERY SELECT b.org_id, least(b.amount_cents, (
                SELECT min(c.amount_cents) FROM bid c WHERE c.auction_id = b.auction_id AND c.org_id = b.org_id
                    AND c.kind = 'proxy_cancel' AND c.seq > b.seq)) AS stands_at
            FROM bid b
            WHERE b.auction_id = a_auction_id AND b.org_id <> a_but_org_id AND b.amount_cents IS NOT NULL
                AND b.kind IN ('manual', 'proxy', 'sealed') AND {_STANDS}
            ORDER BY stands_at DESC, b.seq LIMIT 1;
    END $$"""
