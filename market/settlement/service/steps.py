"""Taking a step: the arrow is checked, the row moves, the journal says so. Every service of this folder does it here."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.journal import service as journal
from market.kit.actor import Actor
from market.kit.errors import NotFound
from market.settlement.rules import OnHold, Settlement, Step, advance
from market.settlement.store import settlements as store


async def locked(tx: AsyncSession, settlement_id: UUID) -> Settlement:
    """A settlement that the actor may see; locks its row. Raises `NotFound`."""
    found = await store.lock(tx, settlement_id)
    if found is None:
        raise NotFound("there is no such settlement, or it is not yours")
    return found


async def take(
    tx: AsyncSession,
    actor: Actor,
    settlement: Settlement,
    step: Step,
    *,
    body: dict[str, Any] | None = None,
    **columns: datetime | int | None,
) -> Settlement:
    """The settlement after `step`; `columns` are deadlines and sums that come with it. The caller holds the row's lock.

    Raises `WrongState` when the step does not leave the present state, `OnHold` while compliance holds the sale.
    """
    require_free(settlement)
    moved = replace(settlement, state=advance(settlement.state, step), **columns)  # type: ignore[arg-type]
    await store.move(tx, settlement.settlement_id, moved.state, **columns)
    await note(tx, actor, moved, step.value, {"from": settlement.state, "to": moved.state, **(body or {})})
    return moved


def require_free(settlement: Settlement) -> None:
    """Raises `OnHold` while compliance holds the sale. The message tells nobody why."""
    if settlement.held_since_at is not None:
        raise OnHold("the sale is under review; its deadlines do not run meanwhile")


async def note(tx: AsyncSession, actor: Actor, settlement: Settlement, what: str, body: dict[str, Any]) -> None:
    """Write to the settlement's stream; locks its head."""
    await journal.append(tx, actor, f"settlement:{settlement.settlement_id}", f"settlement.{what}", body)
