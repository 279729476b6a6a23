"""The guards that every table gets in the migration that makes it."""

from alembic import op

APP, OFFICER, AUDITOR = "market_app", "market_officer", "market_auditor"


def run(*statements: str) -> None:
    """Execute statements one by one (the driver takes one command at a time)."""
    for statement in statements:
        op.get_bind().exec_driver_sql(statement)


def grant(table: str, *, app: str = "", officer: str = "") -> None:
    """Give the roles just these privileges (e.g. `SELECT, INSERT`); the auditor may always read."""
    run(f"REVOKE ALL ON {table} FROM PUBLIC", f"GRANT SELECT ON {table} TO {AUDITOR}")
    for role, privileges in ((APP, app), (OFFICER, officer)):
        if privileges:
            run(f"GRANT {privileges} ON {table} TO {role}")


def append_only(table: str) -> None:
    """UPDATE, DELETE and TRUNCATE raise, whoever tries."""
    run(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION raise_append_only()",
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION raise_append_only()",
    )


def own_rows_only(table: str, *, column: str = "org_id", also: str = "false") -> None:
    """Row-level security: an organisation's transaction sees and writes its own rows; the platform's roles see all.

    `also` is an SQL condition under which others may *read* a row (e.g. a published listing).
    """
    mine = f"({column} = app_org_id() OR app_is_platform())"
    run(
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"CREATE POLICY {table}_read ON {table} FOR SELECT TO {APP} USING ({mine} OR ({also}))",
        f"CREATE POLICY {table}_insert ON {table} FOR INSERT TO {APP} WITH CHECK ({mine})",
        f"CREATE POLICY {table}_update ON {table} FOR UPDATE TO {APP} USING ({mine}) WITH CHECK ({mine})",
        f"CREATE POLICY {table}_delete ON {table} FOR DELETE TO {APP} USING ({mine})",
        f"CREATE POLICY {table}_officer ON {table} TO {OFFICER} USING (true) WITH CHECK (true)",
        f"CREATE POLICY {table}_auditor ON {table} FOR SELECT TO {AUDITOR} USING (true)",
    )
