"""A small market in which everybody owns something, and a way to knock on every door as everybody."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx

from market.compliance import service as compliance
from market.compliance.requirements import Capability
from market.db.context import Context
from market.kit.actor import SYSTEM
from market.kit.pages import PageRequest
from market.parties import service as parties
from market.parties.rules import KeyOrder
from market.settlement import jobs as settlement_jobs
from market.settlement import service as settlements
from market.settlement.statement import read_file
from tests import factories
from tests.factories import CHEAP, Party
from tests.settlement import flowing
from tests.settlement.test_rails_in import notice

NOBODY = "nobody"
PEOPLE = ("stranger", "buyer", "seller", "operator", "officer")
"""In the order of knocking: those who may little come before those who change something."""
_PATIENCE_S = 4
NOT_YOURS = {"forbidden", "not-eligible"}


@dataclass
class MarketDay:
    """`ids` are the seller's things, by the name of the path's parameter."""

    context: Context
    people: dict[str, Party]
    ids: dict[str, str]
    _tokens: dict[str, str] = field(default_factory=dict)
    _keys: dict[tuple[str, frozenset[str]], str] = field(default_factory=dict)

    async def session(self, who: str, *, again: bool = False) -> str:
        """A session token of this person, complete and fresh."""
        if again or who not in self._tokens:
            attempt = parties.SignIn(self.people[who].email, self.people[who].password, "192.0.2.1")
            self._tokens[who] = (await parties.sign_in(self.context, attempt, hasher=CHEAP)).token
        return self._tokens[who]

    async def key(self, who: str, scopes: frozenset[str]) -> str:
        """An API key of this person with just these scopes."""
        kept = self._keys.get((who, scopes))
        if kept is None:
            actor, now, chance = self.people[who].actor, self.context.clock.now(), self.context.chance
            async with self.context.db.begin(actor) as tx:
                asked = KeyOrder("a program", tuple(scopes))
                _, kept = await parties.create_key(tx, actor, asked, now=now, chance=chance)
            self._keys[who, scopes] = kept
        return kept


async def open_market(context: Context) -> MarketDay:
    """Seller and buyer of a settled-for auction and of a forward flow, another open auction, a stranger that is cleared for nothing, staff."""
    officers = await factories.two_officers(context)
    operator, spare = await factories.operator(context), await factories.operator(context)
    seller, buyer = await factories.seller(context, officers), await factories.buyer(context, officers)
    stranger = await factories.register_member(context)
    pool = await factories.ready_pool(context, seller, account_count=60)
    auction = await factories.published_auction(context, seller, pool_id=pool.pool_id)
    await factories.register_for(context, buyer, auction)
    sold = await factories.sold_auction(context, seller, [buyer], hammer_cents=1_000_00)
    sale = await factories.settlement_in(context, "signing", sold)
    flow = await flowing.active(context, seller, buyer)
    await settlement_jobs.seal_flows(context)
    told = read_file(notice(300, 700))
    async with context.db.begin(spare.actor) as tx:
        await settlements.keep_notices(tx, spare.actor, told, "a" * 64, now=context.clock.now())
    async with context.db.begin(SYSTEM) as tx:
        cases = await compliance.list_cases(tx, officers[0].actor, PageRequest(200))
        own = next(case for case in cases.items if case.org_id == seller.org_id)
        paper = (await compliance.read_case(tx, officers[0].actor, own.case_id)).evidence[0]
    day = MarketDay(
        context,
        {"stranger": stranger, "buyer": buyer, "seller": seller, "operator": operator, "officer": officers[0]},
        {},
    )
    key = await day.key("seller", frozenset({"parties:read"}))
    ids: dict[str, Any] = {
        "user_id": spare.user_id, "key_id": UUID(key[3:35]), "case_id": own.case_id, "evidence_id": paper.evidence_id,
        "clearance_id": seller.clearances[Capability.LIST.value], "portfolio_id": pool.portfolio_id,
        "pool_id": pool.pool_id, "auction_id": auction.auction_id, "settlement_id": sale.settlement_id,
        "kind": "agreement", "org_id": seller.org_id, "flow_id": flow.flow_id, "file_sha256": "a" * 64,
    }  # fmt: skip
    day.ids = {name: str(value) for name, value in ids.items()}
    return day


@dataclass(frozen=True)
class Operation:
    """One published operation, with a body that its schema allows."""

    method: str
    path: str
    operation_id: str
    takes: dict[str, Any]
    components: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.method.upper()} {self.path}"

    def request(self, ids: dict[str, str], chance: Any) -> dict[str, Any]:
        """Arguments for httpx. An id that nobody was given is a fresh one."""
        path, headers, query = self.path, {}, {}
        for parameter in self.takes.get("parameters", []):
            name, schema = parameter["name"], parameter["schema"]
            match parameter["in"]:
                case "path":
                    value = ids.get(name) or str(chance.new_id())
                    path = path.replace(f"{{{name}}}", value)
                case "header" if parameter.get("required"):
                    headers[name] = chance.token(12)
                case "query" if parameter.get("required"):
                    query[name] = sample(schema, self.components, ids, name)
        return {"method": self.method, "url": path, "headers": headers, "params": query, **self._body(ids)}

    def _body(self, ids: dict[str, str]) -> dict[str, Any]:
        content = self.takes.get("requestBody", {}).get("content", {})
        if "application/json" in content:
            return {"json": sample(content["application/json"]["schema"], self.components, ids)}
        if "multipart/form-data" in content:
            fields = sample(content["multipart/form-data"]["schema"], self.components, ids)
            files = {name: ("file", b"account,balance\r\n1,5\r\n") for name in ("tape", "file") if name in fields}
            return {"data": {k: v for k, v in fields.items() if k not in files}, "files": files}
        if content:
            return {"content": b"<x/>"}
        return {}


def operations(document: dict[str, Any]) -> list[Operation]:
    """Every operation of an OpenAPI document, in its order."""
    components = document["components"]["schemas"]
    return [
        Operation(method, path, operation["operationId"], operation, components)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in {"get", "put", "post", "delete", "patch"}
    ]


_TEXTS = {
    "uuid": "00000000-0000-7000-8000-000000000000",
    "date": "2026-01-31",
    "date-time": "2026-12-31T12:00:00Z",
}
_NAMED = {
    "email": "somebody@x.example", "new_password": "another horse, another battery", "code": "12345678",
    "password": "correct horse battery staple", "name": "licences", "country": "US", "currency": "USD", "jurisdiction": "US-DE", "agreement_sha256": "0" * 64,
    "scopes": ["bids:read"], "states": ["CA"], "capabilities": ["bid"],
}  # fmt: skip


def sample(schema: dict[str, Any], components: dict[str, Any], ids: dict[str, str], name: str = "") -> Any:
    """A small value that the schema allows; ids are those of the seller's things."""
    if "$ref" in schema:
        return sample(components[schema["$ref"].rpartition("/")[2]], components, ids, name)
    if name in ids and schema.get("format") == "uuid":
        return ids[name]
    if name in _NAMED and not {"enum", "const"} & schema.keys():
        return _NAMED[name]
    for choice in ("oneOf", "anyOf"):
        if choice in schema:
            return sample(next(each for each in schema[choice] if each.get("type") != "null"), components, ids, name)
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    kinds = schema.get("type", "object")
    kind = next(each for each in kinds if each != "null") if isinstance(kinds, list) else kinds
    match kind:
        case "object":
            wanted = schema.get("required", [])
            known = schema.get("properties", {})
            return {each: sample(known[each], components, ids, each) for each in wanted}
        case "array":
            return [sample(schema["items"], components, ids, name) for _ in range(schema.get("minItems", 0))]
        case "integer" | "number":
            return int(max(schema.get("minimum", 1), 1))
        case "boolean":
            return True
    text = _TEXTS.get(schema.get("format", ""), "x" * max(1, schema.get("minLength", 1)))
    pattern = schema.get("pattern", "")
    return next((value for start, value in _PATTERNS.items() if pattern.startswith(start)), text)


_PATTERNS = {"^[0-9a-f]{64}$": "0" * 64, "^[A-Z]{2}$": "US", "^[A-Z]{3}$": "USD"}


class Doors:
    """Knocks on doors as somebody, and tells what happened in one word."""

    def __init__(self, day: MarketDay, app: Any) -> None:
        self._day = day
        self._transport = httpx.ASGITransport(app=app)

    async def knock(self, operation: Operation, who: str, scopes: frozenset[str] | None = None) -> tuple[str, str]:
        """(`yes`, `no`, `404`, `sign in` or `422`; the answer's own words), with an API key if `scopes` are given.

        422 is a yes if others are told no or 404: the door is asked before the input's sense is.
        """
        for again in (False, True):
            headers = {"Origin": "http://market.test"}
            if scopes is not None:
                headers = {"Authorization": f"Bearer {await self._day.key(who, scopes)}"}
            elif who != NOBODY:
                headers["Cookie"] = f"market_session={await self._day.session(who, again=again)}"
            asked = operation.request(self._day.ids, self._day.context.chance)
            asked["headers"] |= headers
            async with httpx.AsyncClient(transport=self._transport, base_url="http://market.test") as client:
                try:
                    async with asyncio.timeout(_PATIENCE_S):
                        answer = await client.request(**asked)
                except TimeoutError:
                    return "yes", ""  # a stream of events: it goes on for as long as somebody listens
            if answer.status_code != 401 or who == NOBODY or scopes is not None:
                break
        return verdict(answer)

    async def scopes_of(self, operation: Operation, who: str) -> tuple[str, list[str]]:
        """(what a key with the needed scopes is told, those scopes): asked for one by one, beginning with none of use."""
        idle = "bids:read"
        scopes: list[str] = []
        while True:
            told, words = await self.knock(operation, who, frozenset(scopes or [idle]))
            lacking = words.partition("lacks the scope ")[2].strip('"} ,')
            if told != "no" or not lacking or lacking in scopes:
                return told, sorted(scopes)
            scopes.append(lacking)


def verdict(answer: httpx.Response) -> tuple[str, str]:
    words = ""
    if answer.headers.get("content-type", "").startswith("application/problem+json"):
        words = answer.json()["detail"]
        if answer.json()["type"].removeprefix("/problems/") in NOT_YOURS:
            return "no", words
    match answer.status_code:
        case 401:
            return "sign in", words
        case 404:
            return "404", words
        case 422:
            return "422", words
        case code if code >= 500 and code != 503:
            return str(code), answer.text
    return "yes", words


@asynccontextmanager
async def running(app: Any) -> AsyncIterator[None]:
    """The application's lifespan, in the task that asks."""
    async with app.lifespan():
        yield


def read_table(text: str, heading: str) -> dict[str, Sequence[str]]:
    """The rows of the first table after a heading: first cell (without back quotes) -> the others."""
    lines = text.partition(f"## {heading}\n")[2].partition("\n## ")[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return {row[0].strip("`"): row[1:] for row in rows[2:]}


def as_row(name: str, cells: Sequence[str]) -> str:
    return f"| `{name}` | " + " | ".join(cells) + " |"


def frame(command: str, body: dict[str, Any]) -> str:
    return json.dumps({"op": command, "id": "1", **body})
