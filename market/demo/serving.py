"""`market serve --with-demo`: the server of this installation, with parties and an open auction in it."""

import asyncio
import json
from collections.abc import Awaitable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import httpx

from market import process
from market.client.http import ProblemError
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
from market.demo.world import World, refusal
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
_ESCROW_NUMBER, _ESCROW_ROUTING = "000123456789", "123456780"
"""Nobody's: the routing number has a good check digit and belongs to no bank."""
_ACH_COMPANY = "0000000000"
_SOON = timedelta(seconds=30)
_REGISTERED = (BUYER_A, BUYER_B)
_Found = TypeVar("_Found")
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
    bank, now = Bank(_ESCROW_NUMBER, "USD"), clock.now()
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
    """Limits for seven people behind one address, an address that fits the port, an escrow account to pay to, and a log that
    leaves room to read.
    """
    if settings.escrow_holder is None:
        settings = replace(
            settings,
            escrow_holder="Demo escrow agent, for clients",
            escrow_bank_name="Specimen Bank",
            escrow_routing_number=_ESCROW_ROUTING,
            escrow_account_number=_ESCROW_NUMBER,
            ach_company_id=settings.ach_company_id or _ACH_COMPANY,
        )
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


@dataclass
class _Setup:
    """The steps that set the demo up. Somebody may have changed what earlier starts made: what cannot be done is said, and left."""

    world: World
    is_whole: bool = True

    async def step(self, what: str, doing: Awaitable[_Found]) -> _Found | None:
        """What the step gives; None, and a line with the reason after `what`, if it cannot be done."""
        try:
            return await doing
        except httpx.TransportError:
            raise
        except Exception as error:  # noqa: BLE001 - the server stays up; its user learns what is not there, and why
            self.is_whole = False
            why = str(error) if isinstance(error, ProblemError) else f"{type(error).__name__}: {error}"
            self.world.teller.say(f"{what}: {why}", who="left out")
            return None


async def _prepare(world: World, invitations: dict[Character, str]) -> None:
    """Everything through the front door, each step only if it was not taken before; then the logins are printed."""
    setup = _Setup(world)
    try:
        await wait_until_ready(world.settings.public_url, lambda: False)
        await _come_in(setup, invitations)
        pool = await setup.step("nothing can be put on offer", _offer(world))
        if pool is not None:
            await _let_buyers_in(setup)
            await setup.step("the auction does not open", _until_open(world))
        await setup.step("the bank does not answer", money.resume_bank(world))
    except httpx.TransportError:
        world.teller.say("The server stopped before the demo's parties were set up; the next start goes on with it.")
        return
    _print_logins(setup, pool)


async def _come_in(setup: _Setup, invitations: dict[Character, str]) -> None:
    world = setup.world
    world.seat(*EVERYBODY)
    for who in EVERYBODY:
        await setup.step(f"{who.label} cannot come in", _enter(world, who, invitations.get(who, "")))
    if setup.is_whole:
        (world.settings.data_dir / _READY).touch(mode=0o600)
    for who in TRADERS:
        await setup.step(f"{who.label} is not cleared", vetting.clear(world, who, *WANTED[who]))


async def _enter(world: World, who: Character, invitation: str) -> None:
    if await joining.sign_in(world, who):
        return
    if who.is_staff:
        await joining.join(world, who, invitation)
    else:
        await joining.register(world, who)
    await joining.sign_in(world, who)


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


async def _let_buyers_in(setup: _Setup) -> None:
    """Two buyers are registered with a deposit; the third has the money and may try it by hand."""
    world = setup.world
    short = [who for who in _REGISTERED if await setup.step(f"{who.label} has no deposit", _lacks_money(world, who))]
    if not short:
        return
    await setup.step("no money came in", _pay_in(world, BUYERS if len(short) == len(_REGISTERED) else short))
    for who in short:
        await setup.step(f"{who.label} has no deposit", offer.place_deposit(world, who))


async def _lacks_money(world: World, who: Character) -> bool:
    """Register the buyer with what it has; true if that is too little for the deposit."""
    await offer.accept_nda(world, who)
    standing = (await world[who].auction(world.sale.auction_id)).you
    if standing is not None and standing.is_registered:
        return False
    no = await refusal(offer.place_deposit(world, who))
    if no is not None and no.slug != "insufficient-funds":
        raise no
    return no is not None


async def _pay_in(world: World, payers: Iterable[Character]) -> None:
    deposit_cents = (await world[SELLER].auction(world.sale.auction_id)).deposit_cents
    await money.resume_bank(world)
    for who in payers:
        await offer.accept_nda(world, who)
        await money.wire_in(world, who, deposit_cents)
    await money.import_statement(world)


async def _until_open(world: World) -> None:
    """Wait for an auction that begins in a moment, as that of a first start does."""
    while (found := await world[SELLER].auction(world.sale.auction_id)).phase == "scheduled":
        if found.opens_at > world.clock.now() + _SOON:
            return
        await asyncio.sleep(_POLL_S)


def _print_logins(setup: _Setup, pool: Pool | None) -> None:
    world = setup.world
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
        f"statement {world.bank.statement_count + 1} is next, and opens with {world.bank.balance_cents} cents: see "
        "market statement --help, and docs/guide-operator.md",
        who="bank",
    )
    if pool is not None:
        value = show(pool.face_value_cents or 0, pool.currency)
        teller.say(
            f"{pool.name}, {pool.account_count:,} accounts, face value {value}: auction {world.sale.auction_id} is open "
            f"for hours; {BUYER_C.label} has yet to place its deposit",
            who="on offer",
        )
    if not setup.is_whole:
        folder = world.settings.data_dir.resolve()
        database = "" if world.settings.database_url is None else ", name an empty database in MARKET_DATABASE_URL"
        teller.say(
            f"What was left out differs from what the demo once set up. To begin anew: stop the server, remove {folder}"
            f"{database} and start again."
        )
    teller.say("Ctrl-C stops the server; the next start finds everything as it was.")
