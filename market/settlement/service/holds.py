"""Compliance stops a sale before its release: one officer places a hold, two lift it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.kit.actor import Actor, Role
from market.kit.errors import Malformed
from market.kit.ids import Chance
from market.parties.rules import require, require_person
from market.settlement.rules import HOLDABLE, Settlement, TwoPeople, WrongState
from market.settlement.service.sale import WRITE
from market.settlement.service.steps import locked, note
from market.settlement.store import afterwards as store
from market.settlement.store.afterwards import Hold


async def place_hold(
    tx: AsyncSession, actor: Actor, settlement_id: UUID, reason: str, *, now: datetime, chance: Chance
) -> Settlement:
    """No step is taken and no deadline passes until the hold is lifted. Locks the settlement.

    Raises `WrongState` once the sale is released or over, or if it is held already.
    """
    user_id = _officer(actor)
    settlement = await locked(tx, settlement_id)
    if settlement.state not in HOLDABLE or settlement.held_since_at is not None:
        raise WrongState("a sale can be held once, before its release", state=settlement.state.value)
    await store.add_hold(tx, Hold(chance.new_id(), settlement_id, user_id, _reason(reason), now))
    await note(tx, actor, settlement, "held", {"state": settlement.state})
    return await locked(tx, settlement_id)


async def prepare_lift(tx: AsyncSession, actor: Actor, settlement_id: UUID, reason: str) -> Settlement:
    """The first of two officers finds that the sale may go on. Locks the settlement."""
    user_id = _officer(actor)
    settlement = await locked(tx, settlement_id)
    hold = await _open(tx, settlement_id)
    await store.prepare_lift(tx, hold.hold_id, by=user_id, reason=_reason(reason))
    await note(tx, actor, settlement, "lift_prepared", {"hold_id": hold.hold_id})
    return settlement


async def approve_lift(tx: AsyncSession, actor: Actor, settlement_id: UUID, *, now: datetime) -> Settlement:
    """The second officer lifts the hold; deadlines move by the time that they stood still. Locks the settlement.

    Raises `TwoPeople` for the one who prepared it, `WrongState` if nobody did.
    """
    user_id = _officer(actor)
    settlement = await locked(tx, settlement_id)
    hold = await _open(tx, settlement_id)
    if hold.lift_prepared_by is None:
        raise WrongState("another officer prepares the lifting first")
    if hold.lift_prepared_by == user_id:
        raise TwoPeople("who prepared the lifting does not approve it")
    await store.lift(tx, hold, by=user_id, now=now)
    await note(
        tx,
        actor,
        settlement,
        "hold_lifted",
        {"hold_id": hold.hold_id, "held_s": int((now - hold.placed_at).total_seconds())},
    )
    return await locked(tx, settlement_id)


async def _open(tx: AsyncSession, settlement_id: UUID) -> Hold:
    found = await store.open_hold(tx, settlement_id)
    if found is None:
        raise WrongState("the sale is not held")
    return found


def _officer(actor: Actor) -> UUID:
    require(actor, role=Role.OFFICER, scope=WRITE)
    require_person(actor)
    if actor.user_id is None:
        raise AssertionError("an officer is a person")
    return actor.user_id


def _reason(given: str) -> str:
    if not 1 <= len(given.strip()) <= 500:
        raise Malformed("a reason has 1 to 500 characters", field="reason")
    return given.strip()
