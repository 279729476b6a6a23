"""`python -m bench.fuzz_api`: schemathesis against the published contract of a real server, as each kind of person.

Every answer must have a documented status, the right media type and a body that its schema allows; nothing may be our
fault; what the contract forbids must be refused. It runs in a process of its own, over a real socket. The server is one
of its own on a database of its own, with an auction in it.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from market.db.cluster import RolePasswords, prepare
from market.db.context import Context
from market.db.embedded import EmbeddedPostgres
from market.db.migrate import migrate
from market.db.ready import make_data_dir
from market.db.session import Database
from market.kit.clock import SystemClock
from market.kit.files import FileStore
from market.kit.ids import SystemChance
from market.kit.vault import KeyFileVault
from market.parties import service as parties
from market.settings import Settings
from tests import factories
from tests.conftest import load_a_list
from tests.running import RunningServer

CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance", "negative_data_rejection", "unsupported_method", "ignored_auth",
)  # fmt: skip
"""Not `positive_data_acceptance`: a schema cannot say that an auction must be open to be bid in."""
# They end the session that asks, or the access of who runs the server.
_LEAVE_OUT = ("signOut", "endSession", "signIn", "changePassword", "proveSession", "confirmTotp", "disableStaff")


@dataclass(frozen=True)
class Report:
    """What schemathesis said; `is_clean` if nothing failed and every operation was tried."""

    who: str
    is_clean: bool
    said: str


async def fuzz(
    url: str, who: str, cookie: str, *, max_examples: int, seed: int, max_time_s: int, phases: str = "fuzzing"
) -> Report:
    """Let schemathesis ask every operation as the holder of this session token."""
    arguments = [
        *("run", f"{url}/schema/openapi.json", "--url", url, "-H", f"Cookie: market_session={cookie}"),
        *("-H", f"Origin: {url}", "--checks", ",".join(CHECKS), "--phases", phases, "--warnings", "off"),
        *("-n", str(max_examples), "--seed", str(seed), "--max-time", str(max_time_s), "--continue-on-failure"),
        *("--no-color", "--no-shrink", "--suppress-health-check", "all", "--generation-database", "none"),
        *(part for name in _LEAVE_OUT for part in ("--exclude-operation-id", name)),
    ]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "schemathesis.cli", *arguments,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    return Report(who, process.returncode == 0, said.decode(errors="replace"))


async def as_everybody(
    context: Context, url: str, *, max_examples: int, seed: int, max_time_s: int, phases: str = "fuzzing"
) -> list[Report]:
    """A seller with an open auction, its buyer, an operator and an officer, one after the other."""
    officers = await factories.two_officers(context)
    seller, buyer = await factories.seller(context, officers), await factories.buyer(context, officers)
    pool = await factories.ready_pool(context, seller, account_count=40)
    auction = await factories.published_auction(context, seller, pool_id=pool.pool_id)
    await factories.register_for(context, buyer, auction)
    people = {
        "seller": seller,
        "buyer": buyer,
        "operator": await factories.operator(context),
        "officer": officers[0],
    }
    reports = []
    for who, party in people.items():
        attempt = parties.SignIn(party.email, party.password, "192.0.2.1")
        token = (await parties.sign_in(context, attempt, hasher=factories.CHEAP)).token
        reports.append(
            await fuzz(url, who, token, max_examples=max_examples, seed=seed, max_time_s=max_time_s, phases=phases)
        )
    return reports


async def _main(arguments: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="market-fuzz-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)
        clock = SystemClock()
        chance = SystemChance(clock)
        with EmbeddedPostgres(folder / "postgres", superuser_password=chance.token()) as postgres:
            words = RolePasswords.load_or_create(folder / "roles.json", chance.token)
            urls = await prepare(postgres.admin_url, database="market_fuzz", passwords=words)
            await migrate(urls.migrator)
            settings = replace(Settings.from_environment({}), data_dir=folder / "data", second_factor="nobody")
            make_data_dir(settings)
            await load_a_list(urls)
            context = Context(
                settings, Database(urls.app, urls.officer), clock, chance,
                FileStore(settings.data_dir / "files"), KeyFileVault(settings.data_dir / "keys" / "kek", chance),
            )  # fmt: skip
            server = RunningServer(settings, urls, worker=False)  # the parties are made here, by the same ticks
            await server.start()
            try:
                reports = await as_everybody(
                    context, server.url, max_examples=arguments.examples, seed=arguments.seed,
                    max_time_s=arguments.seconds, phases="examples,coverage,fuzzing",
                )  # fmt: skip
            finally:
                await server.stop()
                await context.db.close()
    return _told(reports)


def _told(reports: Sequence[Report]) -> int:
    for report in reports:
        print(f"--- as {report.who}: {'clean' if report.is_clean else 'NOT CLEAN'}")
        print(report.said[-200_000:] if not report.is_clean else report.said[-600:])
    return 0 if all(report.is_clean for report in reports) else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=20, help="per operation")
    parser.add_argument("--seconds", type=int, default=120, help="per kind of person")
    parser.add_argument("--seed", type=int, default=1)
    sys.exit(asyncio.run(_main(parser.parse_args())))
