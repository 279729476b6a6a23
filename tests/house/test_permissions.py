"""Who may do what: every door and every socket command, knocked on by everybody, is what docs/permissions.md says."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio
from sqlalchemy import text

from market.app import create_app
from market.db.cluster import drop_database
from market.db.context import Context
from market.db.ready import make_data_dir
from market.db.session import Database
from market.kit.actor import SYSTEM
from market.kit.clock import SystemClock
from market.kit.files import FileStore
from market.kit.ids import SystemChance
from market.kit.vault import KeyFileVault
from market.live import protocol
from market.live.connection import Connection
from market.live.outlet import texts_of
from market.settings import Settings
from tests.conftest import Cluster
from tests.house.market_day import (
    NOBODY,
    PEOPLE,
    Doors,
    MarketDay,
    Operation,
    as_row,
    frame,
    open_market,
    operations,
    read_table,
    running,
    sample,
)

TABLE = Path(__file__).resolve().parents[2] / "docs" / "permissions.md"
WITH_KEYS = ("seller", "buyer", "operator", "stranger")


@pytest_asyncio.fixture(scope="module")
async def day(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[MarketDay]:
    """One market for all tests here, on a database of its own."""
    name, urls = await cluster.fresh_database()
    clock = SystemClock()
    chance = SystemChance(clock)
    limits = {"requests_per_minute": 1_000_000, "signins_per_minute": 1_000_000}
    settings = Settings.from_environment(
        {},
        data_dir=tmp_path_factory.mktemp("day"),
        public_url="http://market.test",
        second_factor="nobody",
        **limits,
    )
    make_data_dir(settings)
    db = Database(urls.app, urls.officer, pool_count=5)
    vault = KeyFileVault(settings.data_dir / "keys" / "kek", chance)
    yield await open_market(Context(settings, db, clock, chance, FileStore(settings.data_dir / "files"), vault))
    await db.close()
    await drop_database(cluster.admin_url, name)


@pytest_asyncio.fixture(scope="module")
async def app(day: MarketDay) -> AsyncIterator[Any]:
    found = create_app(day.context)
    ready, over = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        async with running(found):
            ready.set()
            await over.wait()

    task = asyncio.create_task(live())
    await ready.wait()
    yield found
    over.set()
    await task


async def _row(doors: Doors, operation: Operation, *, step_up: bool) -> list[str]:
    told = {who: (await doors.knock(operation, who))[0] for who in (NOBODY, *PEOPLE)}
    if {"no", "404"} & set(told.values()):
        told = {who: "yes" if word == "422" else word for who, word in told.items()}
    holder = next((who for who in WITH_KEYS if told[who] == "yes"), None)
    holder = holder or next((who for who in WITH_KEYS if told[who] in {"404", "422"}), None)
    key, scopes = ("–", [])
    if holder is not None and told[NOBODY] == "sign in":
        key, scopes = await doors.scopes_of(operation, holder)
        key = told[holder] if key == "422" else key
    cells = [told[who] for who in (NOBODY, "stranger", "buyer", "seller", "officer", "operator")]
    return [*cells, key, ", ".join(scopes) or "–", "fresh" if step_up else "–"]


async def test_every_door_opens_to_whom_the_table_says(day: MarketDay, app: Any) -> None:
    doors = Doors(day, app)
    fresh = {
        handler.operation_id for route in app.routes for handler in getattr(route, "route_handlers", [])
        if handler.opt.get("step_up")
    }  # fmt: skip
    found = {
        operation.name: await _row(doors, operation, step_up=operation.operation_id in fresh)
        for operation in operations(app.openapi_schema.to_schema())
    }
    _compare(found, read_table(TABLE.read_text(), "Doors"))


def _compare(found: dict[str, list[str]], said: dict[str, Any]) -> None:
    differing = [as_row(name, cells) for name, cells in found.items() if list(said.get(name, ())) != cells]
    gone = sorted(set(said) - set(found))
    assert not differing, "docs/permissions.md must say (check that it is meant to be so):\n" + "\n".join(differing)
    assert gone == [], "docs/permissions.md speaks of what is gone"


def test_what_the_table_leaves_out_is_open_to_everybody_and_asks_for_nobody(app: Any) -> None:
    """A door that the published document does not show is not walked: so it may know nobody, and is named beside the table."""
    beside = (line for line in TABLE.read_text().splitlines() if line.startswith("Outside this table"))
    named = set(re.findall(r"`(/[^`]*)`", next(beside)))
    for route in app.routes:
        for handler in getattr(route, "route_handlers", []):
            answers_options = handler.http_methods == {
                "OPTIONS"
            }  # made for each path by the framework: which methods it has
            if handler.resolve_include_in_schema() or answers_options or route.path.startswith("/schema"):
                continue
            path = re.sub(r"\{(\w+):\w+\}", r"{\1}", route.path)
            assert path in named, f"{path} is in neither the document nor docs/permissions.md"
            assert "actor" not in handler.parsed_fn_signature.parameters, path


# The live socket.


async def _tell(app: Any, day: MarketDay, who: str, command: str, body: dict[str, Any]) -> str:
    """What one command of a socket is answered: `yes`, `no`, `404` or `sign in`."""
    live = app.state["live"]
    connection, frames = Connection("test"), asyncio.Queue[bytes]()
    live.arrive(connection)
    sender = asyncio.create_task(connection.outlet.run(frames.put))
    try:
        if who != NOBODY:
            await live.sign_in(connection, await day.session(who, again=True))
            async with asyncio.timeout(60):
                await frames.get()
        await live.hear(connection, frame(command, body))
        async with asyncio.timeout(60):
            answer = msgspec.json.decode(texts_of(await frames.get())[0])
        return _verdict(answer)
    finally:
        sender.cancel()
        with suppress(asyncio.CancelledError):
            await sender
        live.depart(connection)


def _verdict(answer: dict[str, Any]) -> str:
    match answer.get("code"):
        case "UNAUTHENTICATED":
            return "sign in"
        case "FORBIDDEN" | "NOT_ELIGIBLE":
            return "no"
        case "NO_SUCH_AUCTION":
            return "404"
        case "MALFORMED" if answer.get("t") == "ack":
            return "yes"  # decided: the auction's format has no such command
        case "MALFORMED" | "BAD_FRAME" | "FAULT" as broken:
            return f"{broken} {answer.get('field')}"
    return "yes"


def _commands() -> dict[str, dict[str, Any]]:
    """Every command of the protocol but `auth`, with its schema."""
    waiting, found = [protocol._Request], {}
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        tag = kind.__struct_config__.tag
        if tag not in (None, "auth") and not kind.__name__.startswith("_"):
            found[str(tag)] = msgspec.json.schema(kind)
    return found


async def test_every_socket_command_is_taken_from_whom_the_table_says(day: MarketDay, app: Any) -> None:
    found = {}
    for command, schema in sorted(_commands().items()):
        told = []
        for who in (NOBODY, "stranger", "buyer", "seller", "officer", "operator"):
            body = sample(schema, schema["$defs"], {"auction": day.ids["auction_id"]})
            body = {name: value for name, value in body.items() if name not in {"op", "id"}}
            if "cid" in body:
                body["cid"] = day.context.chance.token(9)
            told.append(await _tell(app, day, who, command, body))
        found[command] = told
    _compare(found, read_table(TABLE.read_text(), "Commands of the live socket"))


# Sessions that are not complete or not fresh, and what lists hold.

DESPITE = {
    "readSession": ("proof", "enrolment"), "signOut": ("proof", "enrolment"),
    "proofOptions": ("proof",), "proveSession": ("proof",),
    "beginTotp": ("enrolment",), "confirmTotp": ("enrolment",),
    "beginPasskey": ("enrolment",), "addPasskey": ("enrolment",),
}  # fmt: skip
STEP_UP = {
    "approveCase", "approveRelease", "putBankAccount", "listPayouts", "createKey", "changePassword", "disableStaff",
    "beginTotp", "confirmTotp", "beginPasskey", "addPasskey", "drawRecoveryCodes", "removeFactor", "decideProposal",
    "decideScreeningAlert",
}  # fmt: skip


def _options(app: Any, name: str) -> dict[str, Any]:
    return {
        handler.operation_id: handler.opt[name]
        for route in app.routes
        for handler in getattr(route, "route_handlers", [])
        if handler.opt.get(name)
    }


def _asking(app: Any) -> set[str]:
    """The operations that ask who is there; the table's second column shows the others."""
    return {
        handler.operation_id
        for route in app.routes
        for handler in getattr(route, "route_handlers", [])
        if "actor" in handler.parsed_fn_signature.parameters
    }


async def _change_session(day: MarketDay, who: str, change: str) -> str:
    """A session of this person, changed by SQL, as the cookie header."""
    token = await day.session(who, again=True)
    async with day.context.db.begin(SYSTEM) as tx:
        change_it = text(f"UPDATE user_session SET {change} WHERE token_sha256 = sha256(convert_to(:token, 'UTF8'))")
        await tx.execute(change_it, {"token": token})
    return f"market_session={token}"


async def _refusals(app: Any, day: MarketDay, cookie: str, wanted: Any) -> dict[str, str]:
    """The problem of each operation for which `wanted` holds, of those that ask who is there."""
    asking, found = _asking(app), {}
    transport = httpx.ASGITransport(app=app)
    headers = {"Origin": "http://market.test", "Cookie": cookie}
    async with httpx.AsyncClient(transport=transport, base_url="http://market.test") as client:
        for operation in operations(app.openapi_schema.to_schema()):
            if operation.operation_id in asking and wanted(operation.operation_id):
                asked = operation.request(day.ids, day.context.chance)
                answer = await client.request(**{**asked, "headers": {**asked["headers"], **headers}})
                found[operation.operation_id] = answer.json().get("type", "") if answer.content else ""
    return found


async def test_half_a_sign_in_opens_only_what_completes_it(day: MarketDay, app: Any) -> None:
    assert {name: tuple(lacks) for name, lacks in _options(app, "despite").items()} == DESPITE
    for lacks in ("proof", "enrolment"):
        cookie = await _change_session(day, "officer", f"lacks = '{lacks}'")
        found = await _refusals(app, day, cookie, lambda name, lacks=lacks: lacks not in DESPITE.get(name, ()))
        assert len(found) > 100
        assert {name for name, slug in found.items() if slug != "/problems/second-factor-required"} == set()


async def test_what_is_grave_asks_for_a_fresh_proof(day: MarketDay, app: Any) -> None:
    assert set(_options(app, "step_up")) >= STEP_UP
    for who in PEOPLE:
        cookie = await _change_session(day, who, "proved_at = now() - interval '5 minutes'")
        found = await _refusals(app, day, cookie, lambda name: name in _options(app, "step_up"))
        assert {name for name, slug in found.items() if slug != "/problems/step-up-required"} == set()


async def test_no_list_shows_a_stranger_what_is_the_sellers(day: MarketDay, app: Any) -> None:
    """The ids of the seller's case, papers, clearance, keys and settlement are in no list that a stranger reads."""
    secrets = [day.ids[name] for name in ("case_id", "evidence_id", "clearance_id", "key_id", "settlement_id")]
    headers = {"Cookie": f"market_session={await day.session('stranger')}"}
    transport, leaks, seen_count = httpx.ASGITransport(app=app), [], 0
    async with httpx.AsyncClient(transport=transport, base_url="http://market.test", headers=headers) as client:
        for operation in operations(app.openapi_schema.to_schema()):
            if operation.method == "get" and "{" not in operation.path:
                answer = await client.get(operation.path)
                seen_count += answer.status_code == 200
                leaks += [operation.name for secret in secrets if secret in answer.text]
    assert seen_count > 10
    assert leaks == []
