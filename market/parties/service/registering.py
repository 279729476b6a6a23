"""Newcomers: registering an organisation, proving its address.

Hashing a password takes tenths of a second. It happens between two transactions, so that none is held meanwhile.
"""

from sqlalchemy.ext.asyncio import AsyncSession

from market.db.context import Context
from market.journal import service as journal
from market.kit.actor import SYSTEM, Role
from market.kit.errors import Transient
from market.parties import rules
from market.parties.passwords import SALT_BYTES, STANDARD, Hasher
from market.parties.rules import Person, Registration
from market.parties.store import codes, people

_RACE_COUNT = 3


async def register(context: Context, stated: Registration, *, hasher: Hasher = STANDARD) -> None:
    """Enter a trading organisation with its first person, and have a code mailed to prove the address.

    The answer is the same whether the address is new, known or expected to be a staff member's; only its owner
    learns more, by mail. As long as nobody has proved the address, a later registration replaces an earlier one and
    voids its code, so nobody can keep an address that is not theirs. Raises `Malformed` or `WeakPassword`.
    """
    stated = stated.checked()
    password_hash = await hasher.hash(stated.password, context.chance.entropy(SALT_BYTES))
    for _ in range(_RACE_COUNT):
        async with context.db.begin(SYSTEM) as tx:
            if await _enter_or_replace(tx, context, stated, password_hash):
                return
    raise Transient("this registration crosses with others; try again in a moment")


async def _enter_or_replace(tx: AsyncSession, context: Context, stated: Registration, password_hash: str) -> bool:
    """False if another transaction entered the same address meanwhile; it is there to be seen the next time."""
    now = context.clock.now()
    known = await people.lock_person(tx, stated.email)
    if known is None:
        if await people.is_invited(tx, stated.email, now):
            return True
        known = Person(
            context.chance.new_id(), context.chance.new_id(), stated.email, stated.person_name, password_hash,
            Role.MEMBER, None,
        )  # fmt: skip
        if not await people.add_newcomer(tx, known, stated, now):
            return False
        body = {"org_id": known.org_id, "user_id": known.user_id}
        await journal.append(tx, known.actor, f"org:{known.org_id}", "organisation.registered", body)
    elif known.contact_verified_at is None and known.role is Role.MEMBER:
        await people.replace_registration(tx, known, stated, password_hash)
        await codes.void_code(tx, known.user_id)
        await journal.append(tx, known.actor, f"org:{known.org_id}", "organisation.registered_again", {})
    await ask_for_code(tx, known)
    return True


async def request_code(context: Context, email: str) -> None:
    """Have a code mailed to a person whose address is not proved yet. Says nothing about who is known."""
    email = rules.checked_email(email)
    async with context.db.begin(SYSTEM) as tx:
        known = await people.find_person(tx, email)
        if known is not None and known.contact_verified_at is None:
            await ask_for_code(tx, known)


async def ask_for_code(tx: AsyncSession, person: Person) -> None:
    """Have the worker mail a code that proves the person's address."""
    await journal.append(
        tx, SYSTEM, f"org:{person.org_id}", "person.contact_code_requested", {"user_id": person.user_id}
    )


async def verify_contact(context: Context, email: str, code: str, password: str, *, hasher: Hasher = STANDARD) -> None:
    """Prove an address with the code mailed to it, and with the password that was registered for it.

    The code says who reads the mail, the password whose registration it is: without it, the owner's code would prove
    the registration of a stranger who replaced the owner's. Raises `CodeRefused`, the same for a wrong code, an old
    one, one tried too often, a wrong password and an unknown address.
    """
    email = rules.checked_email(email)
    async with context.db.begin(SYSTEM) as tx:
        kept = await codes.spend_attempt(tx, email, context.clock.now())
        stated = await people.find_person(tx, email)
    is_theirs = await hasher.matches(stated.password_hash if stated else None, rules.plain_password(password))
    right = await hasher.matches(kept, code)
    if is_theirs and right and kept is not None:
        async with context.db.begin(SYSTEM) as tx:
            person = await people.lock_person(tx, email)
            if person is not None and await codes.code_still_is(tx, person.user_id, kept):
                await people.mark_contact_verified(tx, person.user_id, context.clock.now())
                await journal.append(
                    tx, person.actor, f"org:{person.org_id}", "person.contact_verified", {"user_id": person.user_id}
                )
                return
    raise rules.CodeRefused(
        "the code or the password is wrong, or the code is more than 30 minutes old or was tried five times; "
        "POST /v1/contact/codes sends another, and who did not choose this password registers again",
        field="code",
    )
