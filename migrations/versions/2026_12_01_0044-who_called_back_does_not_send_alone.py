"""Who called back about a bank account does not send a withdrawal to it alone: two of the platform's people stand behind it."""

from migrations.guard import run

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run(
        """DO $amend$
        DECLARE
            before text := pg_get_functiondef('withdrawal_flaw'::regproc);
            after text := replace(before, 'WHEN brought_money(', 'WHEN EXISTS (SELECT FROM bank_account_call_back k
                WHERE k.bank_account_id = asked.bank_account_id AND k.called_by = a_user_id)
                THEN ''who sends it called back about its bank account: another person must send or approve it''
            WHEN brought_money(');
        BEGIN
            IF after = before THEN RAISE EXCEPTION 'withdrawal_flaw has no such place'; END IF;
            EXECUTE after;
        END $amend$"""
    )


def downgrade() -> None:
    raise RuntimeError("the history only goes forward; restore a backup instead")
