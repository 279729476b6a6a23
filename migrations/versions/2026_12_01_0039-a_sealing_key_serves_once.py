"""A key to which bids are sealed serves one round of one auction: who opened that round could read the next."""

from migrations.guard import append_only, grant, run

revision = "0039"
down_revision = "0038_bank"
branch_labels = None
depends_on = None

_CLAIM = """CREATE FUNCTION claim_sealing_keys() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    DECLARE
        term text;
    BEGIN
        FOREACH term IN ARRAY ARRAY['sealing_key', 'final_sealing_key'] LOOP
            IF NEW.terms ->> term IS NOT NULL THEN
                INSERT INTO sealing_key VALUES (NEW.terms ->> term, NEW.auction_id) ON CONFLICT DO NOTHING;
                IF NOT FOUND THEN
                    RAISE EXCEPTION 'a sealing key serves once' USING ERRCODE = 'unique_violation',
                        TABLE = 'sealing_key', COLUMN = term;
                END IF;
            END IF;
        END LOOP;
        RETURN NULL;
    END $$"""


def upgrade() -> None:
    run(
        """CREATE TABLE sealing_key (
            sealing_key text NOT NULL,
            auction_id uuid NOT NULL,
            CONSTRAINT pk_sealing_key PRIMARY KEY (sealing_key),
            CONSTRAINT fk_sealing_key_auction_id_auction FOREIGN KEY (auction_id) REFERENCES auction (auction_id)
        )""",
        "CREATE INDEX ix_sealing_key_auction_id ON sealing_key (auction_id)",
    )
    grant("sealing_key")
    append_only("sealing_key")
    run(
        # What was published before counts from its first use.
        """INSERT INTO sealing_key SELECT DISTINCT ON (used.key) used.key, a.auction_id FROM auction a,
            LATERAL (VALUES (a.terms ->> 'sealing_key'), (a.terms ->> 'final_sealing_key')) AS used (key)
            WHERE used.key IS NOT NULL ORDER BY used.key, a.published_at, a.auction_id""",
        _CLAIM,
        "CREATE TRIGGER auction_sealing_keys AFTER INSERT ON auction FOR EACH ROW EXECUTE FUNCTION claim_sealing_keys()",
    )


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")
