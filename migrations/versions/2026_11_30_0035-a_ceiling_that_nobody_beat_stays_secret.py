"""After a purchase at the buy-now price the next bidder is offered the price that all saw, and auditors may read breaches."""

from migrations.guard import AUDITOR, run

revision = "0035"
down_revision = "0034_call_back"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(
        # Who buys at once beats no ceiling, so the ceiling stays its owner's secret if that buyer does not pay.
        """DO $do$
        DECLARE
            before text := pg_get_functiondef('runner_up(uuid, uuid)'::regprocedure);
            after text := replace(before, 'SELECT b.org_id, s.cents FROM stands s', 'SELECT b.org_id, least(s.cents, (
                SELECT (p.body::jsonb ->> ''price_cents'')::bigint FROM auction_event n
                    JOIN auction_event p ON p.auction_id = n.auction_id AND p.seq < n.seq
                        AND p.kind IN (''bid_accepted'', ''bid_voided'', ''bid_refused_by_seller'')
                WHERE n.auction_id = a_auction_id AND n.kind = ''bought_now'' ORDER BY p.seq DESC LIMIT 1)) FROM stands s');
        BEGIN
            IF after = before THEN
                RAISE EXCEPTION 'runner_up is not as this step expects it';
            END IF;
            EXECUTE after;
        END $do$""",
        f"GRANT EXECUTE ON FUNCTION org_is_blocked(uuid), org_is_matched(uuid) TO {AUDITOR}",
    )


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")
