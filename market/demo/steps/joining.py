"""Everybody comes in: traders register and prove their address by mail, staff come by invitation."""

import asyncio
import sys

from market.client.http import ProblemError
from market.demo.cast import Character
from market.demo.mailbox import count_letters, read_code
from market.demo.world import World


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
    """A session for this person; False if the server does not know the address with this password."""
    try:
        await world[who].sign_in(email=who.email, password=world.passwords[who])
    except ProblemError as problem:
        if problem.status in {401, 403}:
            return False
        raise
    return True


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
