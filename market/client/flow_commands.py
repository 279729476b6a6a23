"""`market flow …`: forward flows from one's own machine, over HTTP with the typed client."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec
from uuid import UUID

import click
import httpx
from msgspec import DecodeError
from msgspec.json import decode

from market.client.flows import Flow, FlowFinding, FlowPeriod
from market.client.http import ProblemError
from market.client.market import MarketClient
from market.kit.money import show as money

P = ParamSpec("P")

_FILE = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)
_NEW = click.Path(dir_okay=False, path_type=Path)
_PAGE = 200


@dataclass(frozen=True, slots=True)
class Login:
    """Where, and as whom: a key for programs, or a person whose password (and code) is asked for."""

    server: str
    api_key_file: Path | None
    email: str | None
    password: str = ""

    def __repr__(self) -> str:
        return f"Login({self.server})"


@click.group()
def flow() -> None:
    """Forward flows: agree once, then deliver a pool for every period.

    An API key does for looking and delivering; what binds (propose, agree, end) is done by a person who signs in, with a fresh proof.
    """


def _over_http(
    work: Callable[Concatenate[MarketClient, P], Awaitable[None]],
) -> Callable[..., None]:
    """A command that gets a signed-in client first; the server's no is one line and exit status 1."""

    @click.option("--server", default="http://127.0.0.1:8000", show_default=True, help="Address of the marketplace.")
    @click.option("--api-key-file", type=_FILE, help="File that holds an API key and nothing else.")
    @click.option("--email", help="Sign in as this person; password and code are asked for.")
    @wraps(work)
    def command(server: str, api_key_file: Path | None, email: str | None, **given: Any) -> None:
        if (api_key_file is None) == (email is None):
            raise click.UsageError("say who calls: either --api-key-file or --email")
        password = click.prompt("Password", hide_input=True) if email else ""
        login = Login(server, api_key_file, email, password)
        try:
            asyncio.run(_as(login, work, given))
        except ProblemError as no:
            findings = no.members.get("findings") or ()
            lines = [f"  {each.get('detail')}: {each.get('remedy')}" for each in findings]
            raise click.ClickException("\n".join([no.detail, *lines])) from None
        except httpx.HTTPError as trouble:
            raise click.ClickException(f"{server} cannot be reached: {type(trouble).__name__}") from None

    return command


async def _as(login: Login, work: Callable[..., Awaitable[None]], given: dict[str, Any]) -> None:
    key = None if login.api_key_file is None else _key(login.api_key_file)
    async with MarketClient(login.server, api_key=key) as client:
        if login.email is None:
            await work(client, **given)
            return
        session = await client.sign_in(email=login.email, password=login.password)
        if session.lacks == "enrolment":
            raise click.ClickException("this person must enrol a second factor first: POST /v1/factors/totp")
        if session.lacks == "proof":
            await client.prove("totp", click.prompt("Code of the authenticator app"))
        try:
            await work(client, **given)
        finally:
            await client.sign_out()


def _key(path: Path) -> str:
    """The API key in a file that holds nothing else."""
    try:
        key = path.read_text("utf-8-sig", errors="replace").strip()
    except OSError as trouble:
        raise click.ClickException(f"{path} cannot be read: {trouble.strerror}") from None
    wrong = (
        "is empty" if not key
        else "has more than one line" if len(key.splitlines()) > 1
        else "has characters that no key has" if not (key.isascii() and key.isprintable())
        else None
    )  # fmt: skip
    if wrong is not None:
        raise click.ClickException(f"{path} {wrong}: it holds an API key and nothing else")
    return key


@flow.command("list")
@_over_http
async def list_(client: MarketClient) -> None:
    """Our forward flows, newest first: id, state, price, face value of a period, seller and buyer."""
    cursor = None
    while True:
        page = await client.flows(limit=_PAGE, cursor=cursor)
        for each in page.items:
            click.echo(_line(each))
        cursor = page.next_cursor
        if cursor is None:
            return


@flow.command("show")
@click.argument("flow_id", type=click.UUID)
@click.option(
    "--agreement", type=_NEW, help="Write the agreement here (PDF): sealed if it is, else as it is to be signed."
)
@_over_http
async def show(client: MarketClient, flow_id: UUID, agreement: Path | None) -> None:
    """One forward flow: its terms, who signed, every period and what was delivered."""
    found = await client.flow(flow_id)
    for line in _lines(found):
        click.echo(line)
    if agreement is not None:
        fetch = client.flow_agreement if found.seal is None else client.sealed_flow_agreement
        _write(agreement, await fetch(flow_id))
        click.echo(f"agreement  {'as it is to be signed' if found.seal is None else 'sealed'}: {agreement}")


@flow.command("propose")
@click.argument("terms", type=_FILE)
@click.option("--to", "other_org_id", type=click.UUID, required=True, help="Organisation to agree with.")
@click.option("--as", "as_party", type=click.Choice(["seller", "buyer"]), required=True, help="Our side.")
@click.option("--name", required=True, help="Name of who signs.")
@_over_http
async def propose(client: MarketClient, terms: Path, other_org_id: UUID, as_party: str, name: str) -> None:
    """Propose the TERMS (JSON, as `FlowIn` of the contract, without parties and name), and sign them by that."""
    try:
        asked = decode(terms.read_bytes(), type=dict[str, Any])
    except DecodeError:
        raise click.ClickException(f"{terms} is not a JSON object") from None
    made = await client.propose_flow(other_org_id, as_party=as_party, typed_name=name, terms=asked)
    click.echo(_line(made))
    click.echo(f"to be accepted before {made.answer_by_at:%Y-%m-%d %H:%M} UTC")


@flow.command("agree")
@click.argument("flow_id", type=click.UUID)
@click.option("--agreement", type=_FILE, required=True, help="What you have read, as `show --agreement` wrote it.")
@click.option("--name", required=True, help="Name of who signs.")
@_over_http
async def agree(client: MarketClient, flow_id: UUID, agreement: Path, name: str) -> None:
    """Accept what the other side proposed, and sign it: the document that you have read, by its digest."""
    digest = hashlib.sha256(agreement.read_bytes()).hexdigest()
    click.echo(_line(await client.accept_flow(flow_id, agreement_sha256=digest, typed_name=name)))


@flow.command("refuse")
@click.argument("flow_id", type=click.UUID)
@click.option("--reason", required=True)
@_over_http
async def refuse(client: MarketClient, flow_id: UUID, reason: str) -> None:
    """Decline what was proposed to us, or take our own proposal back."""
    click.echo(_line(await client.refuse_flow(flow_id, reason)))


@flow.command("look")
@click.argument("flow_id", type=click.UUID)
@click.option("--pool", "pool_id", type=click.UUID, required=True)
@_over_http
async def look(client: MarketClient, flow_id: UUID, pool_id: UUID) -> None:
    """What keeps a pool from being delivered; nothing is delivered. Exit status 1 if anything does."""
    found = (await client.flow_findings(flow_id, pool_id)).items
    if found:
        raise click.ClickException("\n".join(["the pool does not fit:", *map(_finding, found)]))
    click.echo("the pool can be delivered")


@flow.command("deliver")
@click.argument("flow_id", type=click.UUID)
@click.option("--period", "number", type=click.IntRange(1), required=True, help="Number of the period.")
@click.option("--pool", "pool_id", type=click.UUID, required=True)
@_over_http
async def deliver(client: MarketClient, flow_id: UUID, number: int, pool_id: UUID) -> None:
    """Deliver a pool for a period, as the seller; the same delivery again changes nothing."""
    click.echo(_period(await client.deliver_pool(flow_id, number, pool_id)))


@flow.command("end")
@click.argument("flow_id", type=click.UUID)
@click.option("--reason", required=True)
@_over_http
async def end(client: MarketClient, flow_id: UUID, reason: str) -> None:
    """Give notice; periods that begin after its time are void. At once after a default of the other side."""
    ended = await client.terminate_flow(flow_id, reason)
    click.echo(_line(ended))
    click.echo(f"the last period begins by {ended.ends_on}")


def _line(found: Flow) -> str:
    least, most = (money(cents, found.currency) for cents in (found.min_volume_cents, found.max_volume_cents))
    price = f"{found.price_bps / 100:.2f} %"
    between = f"{found.seller_org_id} -> {found.buyer_org_id}"
    return f"{found.flow_id}  {found.state:<9}  {found.rhythm}  {price}  {least} to {most}  {between}"


def _lines(found: Flow) -> list[str]:
    """What `show` prints."""
    lines = [_line(found), f"agreement  SHA-256 {found.agreement_sha256}"]
    lines += [
        f"signed     {each.signed_at:%Y-%m-%d %H:%M:%S} UTC for the {each.party}: {each.typed_name}"
        for each in found.signatures or ()
    ]
    if found.seal is not None:
        lines.append(f"sealed     {found.seal.sealed_at:%Y-%m-%d %H:%M:%S} UTC  SHA-256 {found.seal.sha256}")
    return [*lines, *map(_period, found.periods or ())]


def _period(found: FlowPeriod) -> str:
    head = f"period {found.number:>3}  {found.state:<9}  {found.first_on} to {found.last_on}"
    made = found.delivery
    if made is None:
        return f"{head}  due before {found.due_at:%Y-%m-%d %H:%M} UTC"
    sale = made.settlement_id or "opened in a moment"
    return f"{head}  pool {made.pool_id}  {money(made.hammer_cents, made.currency)}  sale {sale}"


def _finding(found: FlowFinding) -> str:
    rows = f" (rows {', '.join(map(str, found.row_numbers))})" if found.row_numbers else ""
    return f"  {found.field}: {found.detail}{rows}: {found.remedy}"


def _write(path: Path, content: bytes) -> None:
    """Never in the place of another file."""
    try:
        with path.open("xb") as target:
            target.write(content)
    except OSError as no:
        raise click.ClickException(f"{path}: {no.strerror}") from None
