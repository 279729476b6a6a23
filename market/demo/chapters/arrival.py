"""Chapter 1: everybody comes in; nobody may trade until two officers have agreed."""

import asyncio

from market.compliance.requirements import Capability, needed_types
from market.demo.cast import BUYERS, EVERYBODY, OFFICER_A, OFFICER_B, OPERATOR, SELLER, STAFF, TRADERS, Character
from market.demo.steps import joining, portfolio, vetting
from market.demo.world import World, refusal, slug_of

WANTED: dict[Character, tuple[Capability, ...]] = {
    SELLER: (Capability.LIST, Capability.BID),
    **dict.fromkeys(BUYERS, (Capability.BID,)),
}
"""The seller is cleared to bid too, so that its bid on its own pool is refused for that very reason."""


async def tell(world: World) -> None:
    """Seven people with logins of their own; then four organisations with clearances."""
    world.teller.chapter(1, "Everybody comes in, and nobody may trade yet")
    await _everybody_joins(world)
    await _nobody_may_trade(world)
    await _two_officers_agree(world)


async def _everybody_joins(world: World) -> None:
    teller = world.teller
    world.seat(*EVERYBODY)
    inviting = asyncio.gather(joining.invite(world, OFFICER_A, OFFICER_B), joining.invite(world, OPERATOR))
    await asyncio.gather(*(joining.register(world, who) for who in TRADERS))
    for who in TRADERS:
        teller.say(f"registers {who.organisation}; the code from the mail proves the address", who=who.label)
    officers, operators = await inviting
    await asyncio.gather(*(joining.join(world, who, {**officers, **operators}[who]) for who in STAFF))
    teller.say("two officers and an operator join by invitation of whoever runs the machine", who="staff")
    signed_in = await asyncio.gather(*(joining.sign_in(world, who) for who in EVERYBODY))
    world.checks.equal("seven people sign in, each with a password of its own", expected=[True] * 7, seen=signed_in)


async def _nobody_may_trade(world: World) -> None:
    """Listing is refused to the seller, and the buyers have no clearance to bid."""
    tape = portfolio.choose_tape(world)
    no = await refusal(portfolio.upload(world, tape, name="Too early"))
    world.teller.refusal("seller", "uploads a tape:", no.detail if no else "(nothing)")
    world.checks.refused("listing without clearance", expected="not-cleared", seen=slug_of(no))
    held = [each for who in TRADERS for each in (await world[who].clearances()).items]
    world.checks.equal("nobody holds a clearance", expected=[], seen=held)


async def _two_officers_agree(world: World) -> None:
    teller, checks = world.teller, world.checks
    cases = await asyncio.gather(*(vetting.submit(world, who, *WANTED[who]) for who in TRADERS))
    for who in TRADERS:
        count = len(needed_types(frozenset(WANTED[who])))
        teller.say(f"brings {count} papers and asks to be cleared to {' and '.join(WANTED[who])}", who=who.label)
    papers = await asyncio.gather(*(vetting.prepare(world, case) for case in cases))
    teller.say(f"opens and verifies {sum(papers)} papers and prepares four clearances", who=OFFICER_A.label)
    no = await refusal(vetting.approve(world, cases[0], OFFICER_A))
    teller.refusal(OFFICER_A.label, "approves its own preparation:", no.detail if no else "(nothing)")
    checks.refused("the approval of a clearance by who prepared it", expected="four-eyes", seen=slug_of(no))
    await asyncio.gather(*(vetting.approve(world, case) for case in cases[:-1]))
    world.sale.waiting_case_id = cases[-1]
    for who in TRADERS[:-1]:
        held = (await world[who].clearances()).items
        until = min((each.valid_until for each in held if each.standing == "valid"), default="never")
        granted = sorted(each.capability for each in held if each.standing == "valid")
        teller.say(f"{who.organisation} may {' and '.join(granted)} until {str(until)[:10]}", who=OFFICER_B.label)
        checks.equal(
            f"{who.label} is cleared for what it asked, until a day", expected=sorted(WANTED[who]), seen=granted
        )
