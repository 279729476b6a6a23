"""What follows from an officer's word on an alert: to call it a match suspends at once, to confirm it blocks."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.compliance.deadlines import Promise
from market.compliance.proposals import Kind, is_blocked_by
from market.compliance.screening import service as screening
from market.compliance.screening.rules import Alert, Verdict, check_decision
from market.compliance.service.proposing import decide, propose_block
from market.compliance.service.steps import own_user
from market.compliance.store import officers
from market.kit.actor import Actor, Role
from market.kit.ids import Chance
from market.parties.rules import require


async def decide_alert(
    tx: AsyncSession,
    actor: Actor,
    alert_id: UUID,
    verdict: Verdict,
    reason: str,
    *,
    now: datetime,
    chance: Chance,
    promise: Promise = Promise(),  # noqa: B008 - frozen
) -> Alert:
    """An officer's word. One dismisses, for as long as party and entry stay what they are; two confirm a match.

    Who first calls it a match ends every clearance of the organisation at once and proposes to block it; who confirms
    it blocks it; who dismisses it after all rejects that, and two officers may then clear the organisation again. In a
    transaction of the officer role. Raises `NotFound`, `WrongAlertState`, `Malformed`. Locks the alert, then the proposal.
    """
    require(actor, role=Role.OFFICER)
    alert = await screening.locked_alert(tx, alert_id)
    said = check_decision(alert, own_user(actor), reason)
    waiting = await officers.open_proposal(tx, Kind.BLOCK, alert_id)
    if waiting is not None:
        carried = verdict is Verdict.TRUE_POSITIVE
        await decide(tx, actor, waiting.proposal_id, said, carried=carried, now=now, promise=promise)
    elif verdict is Verdict.TRUE_POSITIVE and not await _is_blocked(tx, alert.org_id):
        await propose_block(tx, actor, alert.org_id, said, alert_id=alert_id, now=now, chance=chance)
    return await screening.decide(tx, actor, alert_id, verdict, said, now=now, chance=chance)


async def _is_blocked(tx: AsyncSession, org_id: UUID) -> bool:
    return is_blocked_by(await officers.carried(tx, [Kind.BLOCK, Kind.UNBLOCK], org_id=org_id))
