"""A sale stops before its release: an officer holds it, a clearance ends, or a party disputes it; two officers end it."""

from datetime import datetime
from typing import assert_never
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.compliance import service as compliance
from market.kit.actor import SYSTEM, Actor, Role
from market.kit.errors import Malformed, NotFound
from market.kit.ids import Chance
from market.parties.rules import require, require_person
from market.settlement.rules import HOLDABLE, Outcome, Settlement, Step, TwoPeople, WrongState
from market.settlement.service.sale import WRITE, find_settlement
from market.settlement.service.steps import locked, note
from market.settlement.service.undoing import fail_seller, undo
from market.settlement.store import afterwards as store
from market.settlement.store import settlements
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


async def suspended_sales(tx: AsyncSession, *, now: datetime) -> list[tuple[UUID, UUID]]:
    """(settlement, clearance) of sales that run although an officer ended the clearance under which a party trades.

    Once two officers have lifted what was held for an end, it is held for that end no more.
    """
    running = await settlements.running(tx)
    ended = await compliance.ended_clearances(tx, {org_id for sale in running for org_id in sale[1:]}, now)
    found = []
    for settlement_id, buyer_org_id, seller_org_id in running:
        ends = (ended.get((buyer_org_id, "bid")), ended.get((seller_org_id, "list")))
        found += [(settlement_id, clearance_id) for clearance_id in ends if clearance_id is not None]
    before = await store.held_for(tx, [settlement_id for settlement_id, _ in found])
    return [each for each in found if each not in before]


async def hold_suspended(
    tx: AsyncSession, settlement_id: UUID, clearance_id: UUID, *, now: datetime, chance: Chance
) -> bool:
    """The sale stands still: nobody signs, pays, defaults or forfeits until two officers lift it. Locks the settlement."""
    settlement = await locked(tx, settlement_id)
    if settlement.state not in HOLDABLE or settlement.held_since_at is not None:
        return False
    reason = "a party's clearance was ended"
    await store.add_hold(tx, Hold(chance.new_id(), settlement_id, None, reason, now, clearance_id=clearance_id))
    await note(tx, SYSTEM, settlement, "held", {"state": settlement.state, "clearance_id": clearance_id})
    return True


async def raise_dispute(
    tx: AsyncSession, actor: Actor, settlement_id: UUID, reason: str, *, now: datetime, chance: Chance
) -> Settlement:
    """A party disputes the sale: it stands still as if held, until two officers decide. Locks the settlement.

    Raises `WrongState` once the sale is released or over, or if it stands still already.
    """
    require(actor, role=Role.MEMBER, scope=WRITE)
    require_person(actor)
    settlement = await locked(tx, settlement_id)
    party = settlement.party(actor.org_id)
    if party is None or actor.user_id is None:
        raise NotFound("there is no such settlement, or it is not yours")
    if settlement.state not in HOLDABLE or settlement.held_since_at is not None:
        raise WrongState("a sale is disputed before its release, and once at a time", state=settlement.state.value)
    hold = Hold(chance.new_id(), settlement_id, actor.user_id, _reason(reason), now, org_id=actor.org_id)
    await store.add_hold(tx, hold)
    await note(tx, actor, settlement, "disputed", {"state": settlement.state, "party": party})
    return await locked(tx, settlement_id)


async def list_disputes(tx: AsyncSession, actor: Actor, settlement_id: UUID) -> list[Hold]:
    """A sale's disputes with what was decided, oldest first, for its parties and the platform."""
    await find_settlement(tx, actor, settlement_id)
    return await store.list_disputes(tx, settlement_id)


async def prepare_lift(
    tx: AsyncSession, actor: Actor, settlement_id: UUID, reason: str, outcome: Outcome = Outcome.CONTINUE
) -> Settlement:
    """The first of two officers says how the hold or the dispute is to end. Locks the settlement.

    Raises `Malformed` for a hold of compliance that should do more than end: only a dispute undoes a sale.
    """
    user_id = _officer(actor)
    settlement = await locked(tx, settlement_id)
    hold = await _open(tx, settlement_id)
    if hold.org_id is None and outcome is not Outcome.CONTINUE:
        raise Malformed("a hold ends and the sale goes on; only a dispute can undo it", field="outcome")
    await store.prepare_lift(tx, hold.hold_id, by=user_id, reason=_reason(reason), outcome=outcome)
    await note(tx, actor, settlement, "lift_prepared", {"hold_id": hold.hold_id, "outcome": outcome})
    return settlement


async def approve_lift(tx: AsyncSession, actor: Actor, settlement_id: UUID, *, now: datetime) -> Settlement:
    """The second officer agrees: deadlines move by the time that they stood still, or the sale is undone. Locks the settlement.

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
        {"hold_id": hold.hold_id, "held_s": int((now - hold.placed_at).total_seconds()), "outcome": hold.outcome},
    )
    settlement = await locked(tx, settlement_id)
    match hold.outcome:
        case Outcome.CONTINUE:
            return settlement
        case Outcome.UNDO:
            return await undo(tx, actor, settlement, Step.CANCEL, now=now)
        case Outcome.SELLER_DEFAULT:
            return await fail_seller(tx, actor, settlement, now=now)
        case _:
            assert_never(hold.outcome)


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
