"""API keys: made, listed, revoked, and what a bid may cost with one."""

import hmac
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.db.context import Context
from market.journal import service as journal
from market.kit.actor import Actor, Role
from market.kit.errors import Conflict, NotFound, Unauthenticated
from market.kit.ids import Chance
from market.kit.pages import Page, PageRequest
from market.parties import rules
from market.parties.rules import ApiKey, KeyOrder
from market.parties.service.tokens import digest
from market.parties.store import keys

PREFIX = "mk_"
_TOUCH_EVERY = timedelta(seconds=60)


async def holder_of_key(tx: AsyncSession, token: str, now: datetime, address: str) -> Actor:
    """Who holds this API key. Raises `Unauthenticated`, or `NetworkRefused` for an address outside its networks."""
    key_id, _, secret = token.removeprefix(PREFIX).partition("_")
    if len(key_id) == 32 and set(key_id) <= set("0123456789abcdef"):
        found = await keys.find_key(tx, UUID(hex=key_id), now)
        if found is not None and hmac.compare_digest(found.secret_sha256, digest(secret)):
            if not rules.is_inside(address, found.networks):
                raise rules.NetworkRefused("this API key does not work from this network address")
            if found.last_used_at is None or now - found.last_used_at >= _TOUCH_EVERY:
                await keys.touch_key(tx, UUID(hex=key_id), now)
            return found.actor
    raise Unauthenticated("the API key is wrong, expired or revoked")


async def key_holds(tx: AsyncSession, key_id: UUID, now: datetime) -> bool:
    """Whether a key that was let in still counts."""
    return await keys.find_key(tx, key_id, now) is not None


async def create_key(
    tx: AsyncSession, actor: Actor, asked: KeyOrder, *, now: datetime, chance: Chance
) -> tuple[ApiKey, str]:
    """A new API key of the actor, and its secret form, shown only now.

    Raises `Forbidden` for officers (who decide in person) and for API keys, `Malformed`, `Conflict` past 50 live keys.
    """
    rules.require(actor, role=(Role.MEMBER, Role.OPERATOR))
    rules.require_person(actor)
    asked = asked.checked()
    org_id = _org(actor)
    if await keys.count_live_keys(tx, org_id, now) >= rules.LIVE_KEY_COUNT:
        raise Conflict(f"there are {rules.LIVE_KEY_COUNT} live keys already; revoke one first")
    secret, key_id = chance.token(), chance.new_id()
    key = ApiKey(
        key_id, asked.name, asked.scopes, now, now + timedelta(days=asked.days), None,
        asked.networks, asked.max_bid_cents, asked.day_bid_cents,
    )  # fmt: skip
    await keys.add_key(tx, actor, key, digest(secret))
    body = {"key_id": key_id, "scopes": list(key.scopes), "network_count": len(key.networks)}
    limits = {"max_bid_cents": key.max_bid_cents, "day_bid_cents": key.day_bid_cents}
    await journal.append(tx, actor, f"org:{org_id}", "api_key.created", {**body, **limits})
    return key, f"{PREFIX}{key_id.hex}_{secret}"


async def list_keys(tx: AsyncSession, actor: Actor, page: PageRequest) -> Page[ApiKey]:
    """The organisation's keys, live and dead, without their secrets."""
    rules.require(actor, scope="parties:read")
    return Page.cut(await keys.list_keys(tx, _org(actor), page), page, lambda key: key.key_id)


async def revoke_key(tx: AsyncSession, actor: Actor, key_id: UUID, now: datetime) -> None:
    """End a key at once. Raises `NotFound` if the organisation has no such live key."""
    rules.require(actor, scope="parties:write")
    if not await keys.revoke_key(tx, _org(actor), key_id, now):
        raise NotFound("there is no such key, or it is revoked already")
    await journal.append(tx, actor, f"org:{actor.org_id}", "api_key.revoked", {"key_id": key_id})


async def refuse_beyond_key(context: Context, actor: Actor, bid_cents: int) -> None:
    """Raises `KeyLimit` for a bid above what the actor's API key may bid at once, or in all on one day (UTC).

    What is sent counts to the day, whether or not it becomes a bid: a program in a loop is stopped as well. People, and
    keys without limits, are not asked for anything.
    """
    if actor.max_bid_cents is not None and bid_cents > actor.max_bid_cents:
        raise rules.KeyLimit("this is more than the API key may bid at once", max_bid_cents=actor.max_bid_cents)
    if actor.day_bid_cents is None or bid_cents == 0:
        return
    today = context.clock.now().astimezone(UTC).date()
    async with context.db.begin(actor) as tx:
        if not await keys.spend(tx, actor, today, bid_cents, actor.day_bid_cents):
            raise rules.KeyLimit(
                "with this the API key would bid more than it may on one day (UTC)", day_bid_cents=actor.day_bid_cents
            )


def _org(actor: Actor) -> UUID:
    if actor.org_id is None:
        raise AssertionError("an actor who came through a door has an organisation")
    return actor.org_id
