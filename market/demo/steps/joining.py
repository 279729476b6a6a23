"""Everybody comes in: traders register and prove their address by mail, staff come by invitation."""

import asyncio
import base64
import sys
from datetime import timedelta

from market.client.http import ProblemError
from market.demo.cast import Character
from market.demo.mailbox import count_letters, read_code
from market.demo.world import World
from market.parties.factors import code_at, step_of

_SPARE = timedelta(seconds=30)


async def register(world: World, who: Character) -> None:
    """A trader registers its organisation, reads the code in the mail and enters it."""
    letters = count_letters(world.mail, who.email)
    await world[who].register_organisation(
        name=who.organisation,
        country=who.country,
        registration_number=who.registration_number,
        email=who.email,
        person_name=who.person,
        password=world.passwords[who],
    )
    await _prove_address(world, who, letters)


async def join(world: World, who: Character, invitation: str) -> None:
    """An invited person becomes an officer or operator, and proves the address likewise."""
    letters = count_letters(world.mail, who.email)
    await world[who].join_staff(invitation=invitation, email=who.email, name=who.person, password=world.passwords[who])
    await _prove_address(world, who, letters)


async def _prove_address(world: World, who: Character, letters: int) -> None:
    code = await read_code(world.mail, who.email, after=letters)
    await world[who].verify_contact(email=who.email, code=code, password=world.passwords[who])


async def sign_in(world: World, who: Character) -> bool:
    """A complete session for this person; False if the server does not know the address with this password.

    Who needs a second factor enrols an authenticator app the first time, and enters its code from then on.
    """
    try:
        session = await world[who].sign_in(email=who.email, password=world.passwords[who])
    except ProblemError as problem:
        if problem.status in {401, 403}:
            return False
        raise
    if session.lacks == "enrolment":
        await _enrol_app(world, who)
    elif session.lacks == "proof":
        await prove(world, who)
    return True


async def _enrol_app(world: World, who: Character) -> None:
    found = await world[who].begin_totp("demo app")
    world.apps[who] = found.secret
    world.keep_apps()
    await world[who].confirm_totp(found.factor_id, _code(world, who))


async def prove_again(world: World, who: Character) -> None:
    """What is grave needs a proof not older than five minutes: give one unless the last is fresh enough."""
    fresh_until = (await world[who].session()).fresh_until
    if fresh_until is None or fresh_until <= world.clock.now() + _SPARE:
        await prove(world, who)


async def prove(world: World, who: Character) -> None:
    """Enter the password, or the code of this person's app, or the next code if that one was used a moment ago."""
    if who not in world.apps:
        await world[who].prove("password", world.passwords[who])
        return
    try:
        await world[who].prove("totp", _code(world, who))
    except ProblemError as problem:
        if problem.slug != "proof-refused":
            raise
        await world[who].prove("totp", _code(world, who, later=1))


def _code(world: World, who: Character, *, later: int = 0) -> str:
    """What the app shows now, or so many steps of 30 s later (the server takes one step of drift)."""
    return code_at(base64.b32decode(world.apps[who]), step_of(world.clock.now()) + later)


async def invite(world: World, *people: Character) -> dict[Character, str]:
    """Invitations for people of one part, from whoever runs the machine: `market staff invite … --role …`.

    Raises `RuntimeError` with what the command said.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "market", "staff", "invite"),
        *(who.email for who in people),
        *("--role", people[0].part.value),
        env=world.settings.environment(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complaint = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"market staff invite ended with {process.returncode}: {complaint.decode()[-500:]}")
    tokens = dict(line.split() for line in said.decode().splitlines())
    return {who: tokens[who.email] for who in people}
