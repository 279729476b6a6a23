"""A first bank account in another name than the organisation's waits for a call back too, and its note goes when its time is over."""

from migrations.guard import APP, run

revision = "0038_bank"
down_revision = "0037_papers"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(*_NAMES, *_NOTES)


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")


_DEFINER = "SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp"
_ERASED = "'erased by rule'"

_NAMES = (
    # Letters and figures are compared, case and signs are not. Whatever else differs, a person asks about.
    f"""CREATE OR REPLACE FUNCTION bank_account_is_confirmed(a_bank_account_id uuid) RETURNS boolean
    LANGUAGE sql STABLE {_DEFINER} AS $$
        SELECT EXISTS (SELECT FROM bank_account b JOIN organisation o USING (org_id) WHERE b.bank_account_id = a_bank_account_id AND (
            lower(regexp_replace(b.holder_name, '[^[:alnum:]]', '', 'g')) = lower(regexp_replace(o.name, '[^[:alnum:]]', '', 'g'))
                AND NOT EXISTS (SELECT FROM bank_account c WHERE c.org_id = b.org_id
                    AND (c.created_at, c.bank_account_id) < (b.created_at, b.bank_account_id))
            OR EXISTS (SELECT FROM bank_account_call_back k WHERE k.bank_account_id = b.bank_account_id)))
    $$""",
)

_NOTES = (
    # Kept like the papers of the organisation: ten years (31 CFR 501.601) from the end of all that it was cleared for, longer under
    # a hold and while a case of it is not decided. Null: not to be erased yet.
    f"""CREATE FUNCTION call_back_note_due_at(a_org_id uuid, a_at timestamptz) RETURNS timestamptz LANGUAGE sql STABLE {_DEFINER} AS $$
        SELECT CASE WHEN NOT org_is_held(a_org_id) AND NOT EXISTS (SELECT FROM verification_case c
                WHERE c.org_id = a_org_id AND c.state NOT IN ('cleared', 'declined'))
            THEN greatest(a_at, (SELECT max(coalesce(x.ended_at, g.valid_until)) FROM clearance g
                LEFT JOIN clearance_end x USING (clearance_id) WHERE g.org_id = a_org_id)) + interval '10 years' END
    $$""",
    "DROP TRIGGER bank_account_call_back_append_only ON bank_account_call_back",
    f"""CREATE FUNCTION call_back_is_kept() RETURNS trigger LANGUAGE plpgsql {_DEFINER} AS $$
    BEGIN
        IF TG_OP = 'UPDATE' AND to_jsonb(NEW) = to_jsonb(OLD) || jsonb_build_object('note', {_ERASED})
            AND call_back_note_due_at(OLD.org_id, OLD.at) <= clock_timestamp() THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION 'the note of a call back is kept until its time is over' USING ERRCODE = 'insufficient_privilege';
    END $$""",
    """CREATE TRIGGER call_back_is_kept BEFORE UPDATE OR DELETE ON bank_account_call_back
        FOR EACH ROW EXECUTE FUNCTION call_back_is_kept()""",
    f"GRANT UPDATE (note) ON bank_account_call_back TO {APP}",
    f"""CREATE POLICY bank_account_call_back_update ON bank_account_call_back FOR UPDATE TO {APP} USING (
        coalesce(current_setting('app.role', true), '') = 'system')""",
    "REVOKE ALL ON FUNCTION call_back_note_due_at(uuid, timestamptz), call_back_is_kept() FROM PUBLIC",
    f"GRANT EXECUTE ON FUNCTION call_back_note_due_at(uuid, timestamptz) TO {APP}",
)
