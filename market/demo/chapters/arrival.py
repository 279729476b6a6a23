"""Chapter 1: everybody comes in; nobody may trade until two officers have agreed."""

import asyncio

from market.demo.cast import BUYERS, EVERYBODY, OFFICER_A, OFFICER_B, OPERATOR, SELLER, STAFF, TRADERS
from market.demo.steps import joining
from market.demo.world import World


async def tell(world: World) -> None:
    """Seven people with logins of their own; then four organisations with clearances."""
    teller, checks = world.teller, world.checks
    teller.chapter(1, "Everybody comes in, and nobody may trade yet")
    world.seat(*EVERYBODY)
    inviting = asyncio.gather(joining.invite(world, OFFICER_A, OFFICER_B), joining.invite(world, OPERATOR))
    await asyncio.gather(*(joining.register(world, who) for who in TRADERS))
    teller.say(f"registers {SELLER.organisation}; the code from the mail proves the address", who="seller")
    for who in BUYERS:
        teller.say(f"registers {who.organisation}", who=who.label)
    officers, operators = await inviting
    await asyncio.gather(*(joining.join(world, who, {**officers, **operators}[who]) for who in STAFF))
    teller.say("join by invitation of whoever runs the machine (market staff invite)", who="staff")
    signed_in = await asyncio.gather(*(joining.sign_in(world, who) for who in EVERYBODY))
    checks.equal("seven people sign in, each with a password of its own", expected=[True] * 7, seen=signed_in)
