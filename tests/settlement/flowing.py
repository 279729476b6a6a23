"""Forward flows for tests, made through the services."""

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from market.bidding.commission import Payer, Schedule
from market.bidding.sale_terms import SaleTerms
from market.db.context import Context
from market.kit.actor import SYSTEM
from market.kit.clock import SystemClock
from market.portfolios.rules import Selection
from market.settlement import jobs, service
from market.settlement.agreement import render
from market.settlement.flows import Delivery, Flow, FlowTerms, Rhythm
from market.settlement.rules import Party as Side
from market.settlement.rules import Settlement
from tests import factories
from tests.factories import Party


def a_flow(first_on: date, **changes: Any) -> FlowTerms:
    """Twelve weeks of 100,000.00 to 500,000.00 face value at 8 %; any account."""
    stated: dict[str, Any] = {
        "currency": "USD",
        "price_bps": 800,
        "accounts": Selection(),
        "min_volume_cents": 100_000_00,
        "max_volume_cents": 500_000_00,
        "rhythm": Rhythm.WEEKLY,
        "first_on": first_on,
        "period_count": 12,
        "delivery_days": 2,
        "notice_days": 14,
        "commission": Schedule.default("USD", Payer.SPLIT),
        "sale_terms": SaleTerms(holdback_bps=500, putback_days=30),
    }
    return FlowTerms(**stated | changes)


async def proposed(
    context: Context, proposer: Party, other: Party, *, side: Side = Side.SELLER, **changes: Any
) -> Flow:
    """What one side proposes to the other, from today on unless `first_on` is given."""
    now = context.clock.now()
    terms = a_flow(changes.pop("first_on", now.astimezone(UTC).date()), **changes)
    proposal = service.Proposal(
        flow_id=context.chance.new_id(), party=side, other_org_id=other.org_id, terms=terms, typed_name="Pia Proposer"
    )
    async with context.db.begin(SYSTEM) as tx:
        facts = await service.flow_facts(tx, proposer.actor, proposal, now=now)
    document = await asyncio.to_thread(render, facts)
    async with context.db.begin(proposer.actor) as tx:
        return await service.propose_flow(tx, proposer.actor, proposal, document, now=now)


async def accept(context: Context, party: Party, flow: Flow, digest: str | None = None) -> Flow:
    async with context.db.begin(party.actor) as tx:
        sha256 = digest or flow.agreement_sha256
        return await service.accept_flow(tx, party.actor, flow.flow_id, sha256, "Ada Acceptor", now=context.clock.now())


async def active(context: Context, seller: Party, buyer: Party, **changes: Any) -> Flow:
    """Proposed by the seller, accepted by the buyer."""
    return await accept(context, buyer, await proposed(context, seller, buyer, **changes))


async def deliver(context: Context, seller: Party, flow: Flow, pool_id: UUID, number: int = 1) -> Delivery:
    async with context.db.begin(seller.actor) as tx:
        return await service.deliver(
            tx, seller.actor, flow.flow_id, number, pool_id, now=context.clock.now(), chance=context.chance
        )


async def settlement_in(context: Context, state: str, delivery: Delivery) -> Settlement:
    """The delivery's settlement, once the worker has brought it to `state`."""
    found: list[Settlement] = []

    async def there() -> bool:
        async with context.db.begin(SYSTEM) as tx:
            period = await service.period_of(tx, delivery)
            if period.settlement_id is not None:
                found[:] = [await service.find_settlement(tx, SYSTEM, period.settlement_id)]
        return bool(found) and found[0].state == state

    await factories.until(context, there)
    return found[0]


async def periods(context: Context, flow: Flow) -> list[str]:
    """The states of a flow's periods, in order."""
    async with context.db.begin(SYSTEM) as tx:
        return [each.state.value for each in await service.flow_periods(tx, flow.flow_id)]


async def state(context: Context, flow: Flow) -> str:
    async with context.db.begin(SYSTEM) as tx:
        return (await service.find_flow(tx, SYSTEM, flow.flow_id)).state.value


async def pass_flows(context: Context) -> None:
    while await jobs.pass_flows(context):
        pass


@dataclass
class Stopped(SystemClock):
    """A clock that stands still."""

    stands_at: datetime = datetime.max

    def now(self) -> datetime:
        return self.stands_at


def at(context: Context, instant: datetime) -> Context:
    """The same market at another instant."""
    return replace(context, clock=Stopped(instant))


DAY, MOMENT = timedelta(days=1), timedelta(microseconds=1)
