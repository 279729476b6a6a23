"""Clearances: which one holds, and how one officer ends it at once."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.compliance import rules
from market.compliance.requirements import Capability
from market.compliance.rules import Clearance
from market.compliance.screening import service as screening
from market.compliance.service.steps import READ, find_clearance
from market.compliance.store import clearances as store
from market.journal import service as journal
from market.kit.actor import Actor, Role
from market.kit.errors import Conflict
from market.kit.pages import Page, PageRequest
from market.parties.rules import require


async def end_clearance(tx: AsyncSession, actor: Actor, clearance_id: UUID, reason: str, now: datetime) -> Clearance:
    """Suspend at once: this clearance ends, and every other live one of the same organisation and capability.

    One officer suffices; only a new grant by two lifts it. Raises `NotFound`, or `Conflict` if it was ended before.
    """
    require(actor, role=Role.OFFICER)
    reason = rules.checked_text(reason, field="reason", longest=2000)
    named = await find_clearance(tx, clearance_id)
    if named.ended_at is not None:
        raise Conflict("this clearance was ended before")
    alive = {
        found.clearance_id: found for found in await store.live_clearances(tx, named.org_id, named.capability, now)
    }
    for found in sorted({**alive, clearance_id: named}.values(), key=lambda clearance: clearance.clearance_id):
        if not await _end(tx, actor, found, reason, now):
            raise Conflict("another officer ends it at this moment")
    return await find_clearance(tx, clearance_id)


async def end_all(tx: AsyncSession, actor: Actor, org_id: UUID, reason: str, now: datetime) -> int:
    """Suspend an organisation altogether; how many clearances ended."""
    alive = await store.live_of(tx, org_id, now)
    return sum([await _end(tx, actor, found, reason, now) for found in alive])


async def _end(tx: AsyncSession, actor: Actor, found: Clearance, reason: str, now: datetime) -> bool:
    if not await store.end(tx, actor, found, reason, now):
        return False
    body = {"clearance_id": found.clearance_id, "org_id": found.org_id, "capability": found.capability}
    await journal.append(tx, actor, f"org:{found.org_id}", "clearance.ended", body)
    return True


async def list_clearances(tx: AsyncSession, actor: Actor, page: PageRequest) -> Page[Clearance]:
    """The own organisation's clearances, for the platform's roles everybody's, with the ended and expired ones."""
    require(actor, scope=READ)
    return Page.cut(await store.list_clearances(tx, page), page, lambda clearance: clearance.clearance_id)


async def current_clearance(
    tx: AsyncSession,
    org_id: UUID,
    capability: Capability | str,
    now: datetime,
    *,
    currency: str | None = None,
    states: Collection[str] = (),
) -> Clearance | None:
    """The clearance that holds now; time alone makes it expire.

    Of several, the one that fits best, as the gate of bids chooses: in `currency`, then lacking the fewest of `states`,
    then the one that lasts longest.
    """
    alive = await store.live_clearances(tx, org_id, Capability(capability), now)

    def lacks(found: Clearance) -> tuple[bool, int]:
        return currency not in {None, found.currency}, sum(not found.covers([state]) for state in states)

    return min((found for found in alive if found.valid_from <= now), key=lacks, default=None)


async def ended_clearances(tx: AsyncSession, org_ids: Collection[UUID], now: datetime) -> dict[tuple[UUID, str], UUID]:
    """By organisation and capability: the clearance that was granted last, where an officer ended it and none holds now.

    One that expired, or that another followed, is none of these.
    """
    last = await store.last_granted(tx, org_ids)
    ended = {(one.org_id, one.capability.value): one.clearance_id for one in last if one.ended_at is not None}
    return {key: one for key, one in ended.items() if await current_clearance(tx, *key, now) is None}


async def require_ever_cleared(tx: AsyncSession, org_id: UUID, what: str) -> None:
    """Raises `NotCleared` for an organisation that compliance has never cleared for anything; `what` is what it may not do."""
    if not await store.had_clearance(tx, org_id):
        raise rules.NotCleared(
            f"your organisation may not {what}: compliance has never cleared it for anything; open a case at POST /v1/cases"
        )


async def require_clearance(
    tx: AsyncSession,
    org_id: UUID,
    capability: Capability | str,
    now: datetime,
    *,
    currency: str | None = None,
    states: Collection[str] = (),
    side: str | None = None,
) -> Clearance:
    """The clearance that holds now, in `currency` if one is named. Raises `NotCleared`, saying what to do, or `ChecksPending`, which says no more.

    `side` is what the organisation is called to an officer (the seller, the buyer), who is told what an officer can do.
    """
    found = await current_clearance(tx, org_id, capability, now, currency=currency, states=states)
    if found is not None and currency in {None, found.currency}:
        await screening.require_standing(tx, org_id)
        return found
    if found is not None:
        why = f"it is cleared for {found.currency}, and this is in {currency}"
    elif await store.had_clearance(tx, org_id, Capability(capability)):
        why = "the clearance has expired or was ended"
    else:
        why = "compliance has not cleared it yet"
    remedy = "open a case at POST /v1/cases" if side is None else _FOR_OFFICERS
    raise rules.NotCleared(
        f"{side or 'your organisation'} may not {capability} now: {why}; {remedy}",
        capability=str(capability),
        **({} if side is None else {"org_id": str(org_id)}),
    )


_FOR_OFFICERS = "two officers clear it in a case that it opens (GET /v1/queue); until then nothing is released"


async def require_listing(tx: AsyncSession, org_id: UUID, states: Collection[str], now: datetime) -> Clearance:
    """The clearance to list that covers all these debtor states, held until the transaction ends: no end of it comes before.

    Raises `NotCleared` naming the states that it lacks, or `ChecksPending`.
    """
    found = await require_clearance(tx, org_id, "list", now, states=states)
    if lacking := [state for state in sorted(states) if not found.covers([state])]:
        raise rules.NotCleared(
            f"your organisation is not cleared to list accounts of debtors in {', '.join(lacking)} ({rules.UNKNOWN_STATE}: the "
            "tape names no state); open a case at POST /v1/cases",
            capability="list",
            states=lacking,
        )
    await hold_clearance(tx, found, states)
    return found


async def hold_clearance(
    tx: AsyncSession, found: Clearance, states: Collection[str], amount_cents: int | None = None
) -> None:
    """No end of the clearance comes before this transaction's. Raises `NotCleared` if one came just now."""
    if await store.refusal(tx, found, states, amount_cents) is not None:
        raise rules.NotCleared("the clearance was ended at this moment", capability=found.capability.value)
