"""`market serve --with-demo`: the server of this installation, with parties and an open auction in it."""

import asyncio
import json
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx

from market import process
from market.client.portfolios import Pool
from market.db.cluster import keep_passwords
from market.db.ready import make_data_dir
from market.demo.bank import Bank
from market.demo.cast import BUYER_A, BUYER_B, BUYER_C, BUYERS, EVERYBODY, SELLER, STAFF, TRADERS, Character
from market.demo.chapters.arrival import WANTED
from market.demo.checks import Checks
from market.demo.options import Options
from market.demo.server import wait_until_ready
from market.demo.steps import joining, money, offer, portfolio, vetting
from market.demo.steps.offer import Figures
from market.demo.teller import Teller
from market.demo.world import World
from market.kit import log
from market.kit.actor import SYSTEM, Role
from market.kit.clock import SystemClock
from market.kit.errors import Conflict
from market.kit.ids import SystemChance
from market.kit.money import show
from market.parties import service as parties
from market.settings import Settings, SettingsError

_OPEN_FOR = timedelta(hours=6)
_WINDOW_S = 180
_POLL_S = 0.2
_LOGINS = "demo-logins.json"
_APPS = "demo-apps.json"
_READY = "demo-ready"
"""Exists once the parties are there, so that later starts need no invitations."""


async def serve(settings: Settings) -> int:
    """Run the server until Ctrl-C; on the first start make the demo's parties, on every start an open auction.

    Raises `SettingsError` if mail goes to a relay (the demo's people read theirs in the folder), or the port is taken.
    """
    if settings.smtp_url is not None:
        raise SettingsError("--with-demo reads its people's mail in data_dir/mail: unset MARKET_SMTP_URL")
    settings = _for_demo(settings)
    process.check_port(settings)
    log.configure(settings.log_level, as_json=False)
    make_data_dir(settings)
    clock = SystemClock()
    chance = SystemChance(clock)
    passwords = keep_passwords(
        settings.data_dir / "keys" / _LOGINS, [who.email for who in EVERYBODY], lambda: chance.token(12)
    )
    bank, now = Bank("000123456789", "USD"), clock.now()
    world = World(settings, Options(out=Path()), clock, chance, Teller(clock), Checks(), bank, begun_at=now)
    world.passwords = {who: passwords[who.email] for who in EVERYBODY}
    _remember_apps(world, settings.data_dir / "keys" / _APPS)
    first = not (settings.data_dir / _READY).exists()
    if first:
        world.teller.say("Setting up the demo's parties, a portfolio and an auction; once, about half a minute …")
    invitations = await _invite(settings) if first else {}
    preparing = asyncio.create_task(_prepare(world, invitations))
    try:
        await process.serve(settings)
    finally:
        preparing.cancel()
        with suppress(asyncio.CancelledError):
            await preparing
        await world.close()
    return 0


def _remember_apps(world: World, path: Path) -> None:
    """The secrets of the staff's authenticator apps, kept beside their passwords (mode 0600)."""
    kept = json.loads(path.read_text("utf-8")) if path.exists() else {}
    world.apps = {who: kept[who.email] for who in EVERYBODY if who.email in kept}

    def keep() -> None:
        draft = path.with_suffix(".new")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps({who.email: secret for who, secret in world.apps.items()}, indent=2) + "\n")
        draft.replace(path)

    world.keep_apps = keep


def _for_demo(settings: Settings) -> Settings:
    """Limits for seven people behind one address, an address that fits the port, and a log that leaves room to read."""
    return replace(
        settings,
        screening_lists=settings.screening_lists or "specimen",
        log_level="warning" if settings.log_level == "info" else settings.log_level,
        public_url=settings.public_url
        if settings.port == Settings().port
        else f"http://{settings.host}:{settings.port}",
        requests_per_minute=max(settings.requests_per_minute, 6_000),
        signins_per_minute=max(settings.signins_per_minute, 240),
    )


async def _invite(settings: Settings) -> dict[Character, str]:
    """Invitations for the staff who are not there yet, as `market staff invite` gives them, before the server runs."""
    found = {}
    async with process.opened(settings) as (context, _):
        for who in STAFF:
            now, role = context.clock.now(), Role(who.part.value)
            with suppress(Conflict):
                async with context.db.begin(SYSTEM) as tx:
                    invited = await parties.invite_staff(tx, SYSTEM, who.email, role, now=now, chance=context.chance)
                found[who] = invited.token
    return found


async def _prepare(world: World, invitations: dict[Character, str]) -> None:
    """Everything through the front door, each step only if it was not taken before; then the logins are printed."""
    try:
        await wait_until_ready(world.settings.public_url, lambda: False)
        await _come_in(world, invitations)
        pool = await _offer(world)
        await _let_buyers_in(world)
        await _until_open(world)
    except httpx.TransportError:
        world.teller.say("The server stopped before the demo's parties were set up; the next start goes on with it.")
        return
    except Exception as error:  # noqa: BLE001 - the server stays up; its user learns why the demo is not
        world.teller.say(f"The demo's parties could not be set up: {type(error).__name__}: {error}")
        return
    _print_logins(world, pool)


async def _come_in(world: World, invitations: dict[Character, str]) -> None:
    world.seat(*EVERYBODY)
    for who in EVERYBODY:
        if await joining.sign_in(world, who):
            continue
        if who.is_staff:
            await joining.join(world, who, invitations.get(who, ""))
        else:
            await joining.register(world, who)
        await joining.sign_in(world, who)
    (world.settings.data_dir / _READY).touch(mode=0o600)
    for who in TRADERS:
        await vetting.clear(world, who, *WANTED[who])


async def _offer(world: World) -> Pool:
    """The pool that is on offer, put up now if none is."""
    running = {each.pool_id: each for each in (await world[SELLER].auctions(own=True)).items}
    pools = (await world[SELLER].pools(own=True)).items
    for pool in pools:
        auction = running.get(pool.pool_id)
        if auction is not None and auction.phase in {"scheduled", "open"}:
            world.sale.pool_id, world.sale.auction_id = pool.pool_id, auction.auction_id
            return pool
    pool = next((each for each in pools if each.state == "ready"), None) or await _new_pool(world)
    assert pool.face_value_cents is not None
    figures, opens_at = Figures.of(pool.face_value_cents), world.clock.now() + timedelta(seconds=2)
    await vetting.bring_listing_papers(world, SELLER, pool.portfolio_id)
    await vetting.verify_listing_papers(world)
    await offer.publish(world, pool, figures, opens_at=opens_at, open_for=_OPEN_FOR, window_s=_WINDOW_S)
    world.sale.pool_id = pool.pool_id
    return pool


async def _new_pool(world: World) -> Pool:
    tape = portfolio.choose_tape(world)
    await portfolio.upload(world, tape, name=f"Demo portfolio of {world.clock.now():%Y-%m-%d %H:%M}")
    found = await portfolio.correct_mapping(world, tape.corrections)
    return (await portfolio.cut_pools(world, portfolio.plan_pools(found)))[0]


async def _let_buyers_in(world: World) -> None:
    """Two buyers are registered with a deposit; the third has the money and may try it by hand."""
    auction = await world[BUYER_A].auction(world.sale.auction_id)
    if auction.you is not None and auction.you.is_registered:
        return
    await money.resume_bank(world)
    for who in BUYERS:
        await offer.accept_nda(world, who)
        await money.wire_in(world, who, auction.deposit_cents)
    await money.import_statement(world)
    for who in (BUYER_A, BUYER_B):
        await offer.place_deposit(world, who)


async def _until_open(world: World) -> None:
    while (await world[BUYER_A].auction(world.sale.auction_id)).phase == "scheduled":  # noqa: ASYNC110 - over HTTP
        await asyncio.sleep(_POLL_S)


def _print_logins(world: World, pool: Pool) -> None:
    teller, url = world.teller, world.settings.public_url
    rows = [(who.label, who.organisation or "(platform)", who.email, world.passwords[who]) for who in EVERYBODY]
    teller.table("Logins of this installation (POST /v1/session)", ("Who", "Organisation", "E-mail", "Password"), rows)
    apps = [(who.label, secret) for who, secret in world.apps.items()]
    teller.table(
        "Second factors: add the secret to an authenticator app", ("Who", "Secret (POST /v1/session/proof)"), apps
    )
    teller.say('its body: {"kind": "totp", "text": "123456"}, with the six digits that the app shows', who="proof")
    teller.say(f"{url}/schema", who="API")
    teller.say(f"{url.replace('http', 'ws', 1)}/v1/live", who="live")
    teller.say(
        f"{pool.name}, {pool.account_count:,} accounts, face value {show(pool.face_value_cents or 0, pool.currency)}:"
        f" auction {world.sale.auction_id} is open for hours; {BUYER_C.label} has yet to place its deposit",
        who="on offer",
    )
    teller.say("Ctrl-C stops the server; the next start finds everything as it was.")
