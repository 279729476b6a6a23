"""Ledger, agreement and statement import: `python -m bench.settlement`.

* Transfers a second as production makes them, every guard on: withdrawals, one to a transaction, from 16 connections, out of the
  cash of 1,000 organisations (into the one account of what leaves) and out of that of one; and the wires of whole statements, 1,000 to a transaction.
  Beside each what one writes first: a journal with two postings and a deferred trigger that checks at COMMIT that they sum
  to zero, balances kept by UPDATE, which looks up no reason. Both on the same PostgreSQL (fsync on), in alternated runs.
* The agreement as PDF, made and sealed.
* A camt.053 statement of 100,000 entries: read, and imported (matched, booked, kept), with the peak of memory in a process of
  its own.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import uvloop
from sqlalchemy.engine import make_url

from market.bidding.commission import Payer, Schedule
from market.bidding.sale_terms import SaleTerms
from market.db.cluster import RolePasswords, RoleUrls, prepare
from market.db.context import Context
from market.db.embedded import EmbeddedPostgres
from market.db.migrate import migrate
from market.db.ready import make_data_dir
from market.db.session import Database
from market.kit.actor import SYSTEM, Actor, Role
from market.kit.clock import SystemClock
from market.kit.files import FileStore
from market.kit.ids import SystemChance
from market.kit.vault import KeyFileVault
from market.settings import Settings
from market.settlement import moves, service
from market.settlement.agreement import Deal, Goods, Signatory, render, state_facts
from market.settlement.documents import sealing
from market.settlement.documents.authority import local
from market.settlement.rules import reference
from market.settlement.statement import digest, read_statements
from tests import factories
from tests.settlement.books import organisation
from tests.settlement.wires import Wire, statement

_CONNECTIONS = 16
_ORGS = 1_000
_WIRES, _STATEMENTS = 1_000, 5
_FIRST = 8
_RUNS = 3

_BASELINE = """
    CREATE SCHEMA bench;
    GRANT USAGE ON SCHEMA bench TO market_app;
    CREATE TABLE bench.account (account_id integer PRIMARY KEY, balance_cents bigint NOT NULL DEFAULT 0);
    CREATE TABLE bench.journal (journal_id uuid PRIMARY KEY, kind text NOT NULL, at timestamptz NOT NULL DEFAULT now());
    CREATE TABLE bench.posting (
        journal_id uuid NOT NULL REFERENCES bench.journal, account_id integer NOT NULL REFERENCES bench.account,
        amount_cents bigint NOT NULL, PRIMARY KEY (journal_id, account_id));
    CREATE FUNCTION bench.balanced() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF (SELECT sum(amount_cents) FROM bench.posting WHERE journal_id = NEW.journal_id) <> 0 THEN
            RAISE EXCEPTION 'journal % does not balance', NEW.journal_id;
        END IF;
        RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER balanced AFTER INSERT ON bench.posting DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION bench.balanced();
    GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA bench TO market_app;
"""


async def ours(connection: asyncpg.Connection, number: int) -> int:
    """One withdrawal through `ledger_apply`, as the application makes it."""
    withdrawal = uuid4()
    (move,) = moves.withdrawal_pending(withdrawal, org_id=_org(number), currency="USD", amount_cents=1)
    async with connection.transaction():
        await connection.execute("SELECT set_config('app.role', 'system', true)")
        await connection.execute("SELECT ledger_apply($1::jsonb)", json.dumps([move.to_json()]))
    return 1


async def baseline(connection: asyncpg.Connection, number: int) -> int:
    """The same as a journal entry of two postings; accounts in order of id, so that nobody waits for ever."""
    journal_id = uuid4()
    async with connection.transaction():
        await connection.execute("SELECT set_config('app.role', 'system', true)")
        await connection.execute("INSERT INTO bench.journal VALUES ($1, 'withdrawal')", journal_id)
        for account_id, cents in ((number, -1), (_ORGS, 1)):
            await connection.execute("INSERT INTO bench.posting VALUES ($1, $2, $3)", journal_id, account_id, cents)
            await connection.execute(
                "UPDATE bench.account SET balance_cents = balance_cents + $2 WHERE account_id = $1", account_id, cents
            )
    return 1


async def our_statement(connection: asyncpg.Connection, wires: list[tuple[UUID, int]]) -> None:
    """Wires through `ledger_post_all`, as an import books them: into the bank account, then to whose they are."""
    legs = [
        leg.to_json() for entry_id, number in wires
        for leg in moves.wire_received(entry_id, currency="USD", amount_cents=1, org_id=_org(number))
    ]  # fmt: skip
    async with connection.transaction():
        await connection.execute("SELECT set_config('app.role', 'system', true)")
        await connection.execute("SELECT ledger_post_all($1::jsonb)", json.dumps(legs))


async def baseline_statement(connection: asyncpg.Connection, wires: list[tuple[UUID, int]]) -> None:
    """The same as journal entries, in as few statements: each account changes once, by the sum."""
    legs = [(uuid4(), *pair) for _, number in wires for pair in ((_ORGS + 1, _ORGS + 2), (_ORGS + 2, number))]
    rows = [(leg, *side) for leg, debit, credit in legs for side in ((debit, -1), (credit, 1))]
    async with connection.transaction():
        await connection.execute("SELECT set_config('app.role', 'system', true)")
        await connection.execute(
            "INSERT INTO bench.journal SELECT unnest($1::uuid[]), 'wire'", [leg for leg, _, _ in legs]
        )
        columns = [list(column) for column in zip(*rows, strict=True)]
        await connection.execute(
            "INSERT INTO bench.posting SELECT * FROM unnest($1::uuid[], $2::integer[], $3::bigint[])", *columns
        )
        await connection.execute(
            """UPDATE bench.account a SET balance_cents = balance_cents + moved FROM (
                SELECT account_id, sum(cents) AS moved FROM unnest($1::integer[], $2::bigint[]) AS n (account_id, cents)
                GROUP BY account_id) n WHERE a.account_id = n.account_id""",
            *columns[1:],
        )


def _org(number: int) -> UUID:
    return UUID(int=1 + number)


async def rate(url: str, transfer, *, hot: bool, seconds: float) -> float:
    """Committed transfers a second. The clock starts once every connection has made some: a pool's have long made their plans."""
    connections = [await asyncpg.connect(url) for _ in range(_CONNECTIONS)]
    for _ in range(_FIRST):
        await asyncio.gather(*(transfer(each, number) for number, each in enumerate(connections)))
    counts = [0] * _CONNECTIONS

    async def work(number: int) -> None:
        end, turn = time.perf_counter() + seconds, number
        while time.perf_counter() < end:
            counts[number] += await transfer(connections[number], 0 if hot else turn % _ORGS)
            turn += _CONNECTIONS

    begun = time.perf_counter()
    await asyncio.gather(*(work(number) for number in range(_CONNECTIONS)))
    spent = time.perf_counter() - begun
    for connection in connections:
        await connection.close()
    return sum(counts) / spent


async def statement_rate(url: str, book, wires: list[tuple[UUID, int]]) -> float:
    """Transfers a second, two to a wire; the statements come one after the other, as imports do."""
    connection = await asyncpg.connect(url)
    await book(connection, wires[:_WIRES])
    begun = time.perf_counter()
    for first in range(_WIRES, len(wires), _WIRES):
        await book(connection, wires[first : first + _WIRES])
    spent = time.perf_counter() - begun
    await connection.close()
    return 2 * (len(wires) - _WIRES) / spent


async def fund(admin: asyncpg.Connection) -> None:
    """Every organisation has cash that came in by a wire which a statement shows."""
    await admin.execute(_BASELINE)
    await admin.execute("INSERT INTO bench.account SELECT n FROM generate_series(0, $1) n", _ORGS + 2)
    await admin.executemany(
        "INSERT INTO organisation VALUES ($1, 'An Organisation', 'DE', 'HRB 1', 'trading', now())",
        [(_org(number),) for number in range(_ORGS)],
    )
    wires = [(uuid4(), number) for number in range(_ORGS)]
    await show(admin, wires, cents=10**9)
    legs = [
        leg.to_json() for entry_id, number in wires
        for leg in moves.wire_received(entry_id, currency="USD", amount_cents=10**9, org_id=_org(number))
    ]  # fmt: skip
    async with admin.transaction():
        await admin.execute("SET LOCAL app.role = 'system'")
        await admin.execute("SELECT ledger_post_all($1::jsonb)", json.dumps(legs))


async def show(admin: asyncpg.Connection, wires: list[tuple[UUID, int]], *, cents: int) -> None:
    """Entries of a bank's statement, as an import keeps them; only their own guards are passed over, never the ledger's."""
    async with admin.transaction():
        await admin.execute("SET LOCAL session_replication_role = replica")
        await admin.executemany(
            """INSERT INTO bank_entry (entry_id, statement_id, bank_account, entry_ref, direction, amount_cents, currency,
               remittance, outcome, reference, org_id)
               VALUES ($1, gen_random_uuid(), 'bench', $2, 'credit', $3, 'USD', '', 'matched', 'bench', $4)""",
            [(entry_id, str(entry_id), cents, _org(number)) for entry_id, number in wires],
        )


async def transfers(urls: RoleUrls, admin_url: str, seconds: float) -> None:
    admin = await asyncpg.connect(_plain(admin_url, urls))
    await fund(admin)
    url = _plain(urls.app, urls)
    print(
        f"every guard on; {_CONNECTIONS} connections, one withdrawal to a transaction, {seconds:g} s; "
        f"statements of {_WIRES:,} wires; medians of {_RUNS} alternated runs"
    )
    for label, hot in ((f"{_ORGS:,} organisations", False), ("one organisation", True)):
        _tell(
            label,
            [[await rate(url, make, hot=hot, seconds=seconds) for make in (ours, baseline)] for _ in range(_RUNS)],
        )
    found = []
    for _ in range(_RUNS):
        wires = [(uuid4(), number % _ORGS) for number in range(_STATEMENTS * _WIRES)]
        await show(admin, wires, cents=1)
        found.append([await statement_rate(url, book, wires) for book in (our_statement, baseline_statement)])
    _tell("statements", found)
    await admin.close()


def _tell(label: str, found: list[list[float]]) -> None:
    """`found` are runs of (ledger, journal)."""
    middles = [statistics.median(column) for column in zip(*found, strict=True)]
    for name, middle in zip(("ledger", "journal with deferred trigger"), middles, strict=True):
        print(f"{label:20} {name:32} {middle:8,.0f} transfers/s  {middle / middles[1]:5.2f}x")


def _plain(url: str, urls: RoleUrls) -> str:
    database = make_url(urls.app).database
    return make_url(url).set(drivername="postgresql", database=database).render_as_string(hide_password=False)


def agreements(folder: Path) -> None:
    seller = Signatory("Seller GmbH", "DE", "HRB 1")
    goods = Goods(
        pool_id=UUID(int=7), name="Autumn pool", currency="USD", account_count=1234, face_value_cents=123_456_789,
        cut_off_on=date(2026, 10, 1), states=("CA", "NY"), sale_file_sha256="a" * 64, masked_sha256="b" * 64,
        tape_version="c" * 64, commitment_root="d" * 64,
    )  # fmt: skip
    now = datetime.now(UTC)
    by = local(folder / "authority", now)
    made, sealed = [], []
    for number in range(12):
        deal = Deal(
            reference=f"PSA-0000000000-{number:02d}", dated_at=now, buyer=Signatory("Buyer LLC", "US", "R-1"),
            hammer_cents=12_345_678, buyer_fee_cents=1, seller_fee_cents=2, deposit_cents=3,
        )  # fmt: skip
        facts = state_facts(seller, goods, Schedule.default("USD", Payer.SPLIT), deal, sale_terms=SaleTerms())
        begun = time.perf_counter()
        base = render(facts)
        made.append(time.perf_counter() - begun)
        seals = [sealing.Seal(side, "Sam Signatory", "X", base.sha256, now) for side in ("Buyer", "Seller")]
        begun = time.perf_counter()
        sealing.seal(base.pdf, seals, by, frames=sealing.SIGNATURE_PAGE)
        sealed.append(time.perf_counter() - begun)
    pages = base.pdf.count(b"/Type /Page\n") or base.pdf.count(b"/Type/Page/") or "?"
    print(
        f"agreement as PDF ({len(base.pdf) / 1000:,.0f} kB, pages {pages}), median of 12"
        f"    render {statistics.median(made) * 1000:5.0f} ms    two seals {statistics.median(sealed) * 1000:5.0f} ms"
    )


def _peak_kb() -> int:
    """The most memory that this program has held. (What `getrusage` calls so begins with what its parent held.)"""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


def _context(folder: Path, urls: RoleUrls) -> Context:
    clock = SystemClock()
    chance = SystemChance(clock)
    settings = Settings.from_environment({}, data_dir=folder / "import", screening_lists="specimen")
    make_data_dir(settings)
    return Context(
        settings, Database(urls.app, urls.officer), clock, chance, FileStore(settings.data_dir / "files"),
        KeyFileVault(settings.data_dir / "keys" / "kek", chance),
    )  # fmt: skip


async def write_statement(folder: Path, urls: RoleUrls, entries: int) -> UUID:
    """The large statement as a file, nine entries in ten with a reference of one of 50 organisations; who is to import it."""
    context = _context(folder, urls)
    operator = await factories.operator(context)
    orgs = [await organisation(context) for _ in range(50)]
    async with context.db.begin(SYSTEM) as tx:
        for org_id in orgs:
            await service.keep_reference(tx, org_id)
    refs = [reference("DEP", org_id) for org_id in orgs]
    wires = [Wire(100 + n, refs[n % 50] if n % 10 else "no reference", ref=f"E{n}") for n in range(entries)]
    (folder / "statement.xml").write_bytes(statement(wires, currency="EUR"))
    await context.db.close()
    return operator.user_id


async def large_import(folder: Path, urls: RoleUrls, operator_id: UUID) -> None:
    """Runs in a process of its own, whose peak of memory is printed."""
    context, operator = _context(folder, urls), Actor(Role.OPERATOR, user_id=operator_id)
    content = (folder / "statement.xml").read_bytes()
    before_kb = _peak_kb()
    begun = time.perf_counter()
    statements = read_statements(content)
    read_s, read_kb = time.perf_counter() - begun, _peak_kb()
    begun, entries = time.perf_counter(), len(statements[0].lines)
    async with context.db.begin(operator) as tx:
        (done,) = await service.import_statements(
            tx, operator, statements, digest(content), now=context.clock.now(), chance=context.chance
        )
    import_s, peak_kb = time.perf_counter() - begun, _peak_kb()
    begun = time.perf_counter()
    async with context.db.begin(SYSTEM) as tx:
        checked = await service.check_ledger(tx, SYSTEM)
    if done.matched_count != entries - entries // 10 or any(each.currency == "EUR" for each in checked.divergences):
        raise AssertionError("the import is not what the statement says")
    print(
        f"camt.053 of {entries:,} entries ({len(content) / 1e6:,.0f} MB)    read {read_s:5.1f} s, +{(read_kb - before_kb) / 1024:,.0f} MB"
        f"    import {import_s:5.1f} s, {entries / import_s:,.0f} entries/s    peak {peak_kb / 1024:,.0f} MB, of which"
        f" {before_kb / 1024:,.0f} before    ledger check {time.perf_counter() - begun:.1f} s"
    )
    await context.db.close()


async def main(seconds: float, entries: int) -> None:
    with tempfile.TemporaryDirectory(prefix="market-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)
        chance = SystemChance(SystemClock())
        with EmbeddedPostgres(folder / "postgres", superuser_password=chance.token()) as postgres:
            words = RolePasswords.load_or_create(folder / "roles.json", chance.token)
            urls = await prepare(postgres.admin_url, database="market_bench", passwords=words)
            await migrate(urls.migrator)
            await transfers(urls, postgres.admin_url, seconds)
            await asyncio.to_thread(agreements, folder)
            sys.stdout.flush()
            operator_id = await write_statement(folder, urls, entries)
            command = [sys.executable, "-m", "bench.settlement", "--import", str(folder), urls.app, urls.officer]
            command += [str(operator_id)]
            await asyncio.to_thread(subprocess.run, command, check=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="length of one run of transfers")
    parser.add_argument("--entries", type=int, default=100_000, help="entries of the large statement")
    parser.add_argument("--import", dest="place", nargs=4, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    given = _arguments()
    if given.place:
        where, app_url, officer_url, who = given.place
        found_urls = RoleUrls(migrator="", app=app_url, officer=officer_url, auditor="")
        asyncio.run(large_import(Path(where), found_urls, UUID(who)))
    else:
        uvloop.run(main(given.seconds, given.entries))
