"""What the worker does for people: mail the codes that prove their addresses or let them choose new passwords."""

from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from market.db.context import Context
from market.journal import service as journal
from market.journal.rules import Entry
from market.kit.actor import SYSTEM
from market.kit.errors import Transient
from market.parties.mail import Mailer, Undeliverable, mailer_of
from market.parties.passwords import SALT_BYTES, STANDARD, Hasher
from market.parties.rules import CODE_DIGITS, CODE_LIFE
from market.parties.store import codes, people

_log = structlog.get_logger()
_LEASE = timedelta(seconds=60)
_ATTEMPT_COUNT = 8


async def send_contact_codes(context: Context, *, mailer: Mailer | None = None, hasher: Hasher = STANDARD) -> bool:
    """Note the codes that the journal asks for, then mail one that is due. True if there was either.

    The code is drawn here and kept only as a hash, before it is mailed; a message that the relay does not take is
    tried again with another code after 1, 2, 3 … minutes, eight times.
    """
    noted = await journal.follow(context, "parties.contact_codes", lambda tx, entry: _note(tx, context, entry))
    async with context.db.begin(SYSTEM) as tx:
        claim = await codes.claim_code(tx, context.clock.now(), lease=_LEASE)
    if claim is None:
        return noted > 0
    try:
        await _send(context, mailer or mailer_of(context), hasher, claim)
    except Transient:
        if claim.attempt < _ATTEMPT_COUNT:
            _log.warning("mail waits", attempt=claim.attempt)
            return True
        _log.error("mail given up", user_id=str(claim.person.user_id))
    except Undeliverable as error:
        _log.warning("mail refused", user_id=str(claim.person.user_id), answer=str(error))
    async with context.db.begin(SYSTEM) as tx:
        await codes.mark_sent(tx, claim)
    return True


async def _note(tx: AsyncSession, context: Context, entry: Entry) -> None:
    purpose = _PURPOSES.get(entry.kind)
    if purpose is not None:
        await codes.want_code(tx, UUID(entry.body["user_id"]), context.clock.now(), purpose=purpose)


_PURPOSES = {"person.contact_code_requested": "contact", "person.password_code_requested": "password"}


async def _send(context: Context, mailer: Mailer, hasher: Hasher, claim: codes.Claim) -> None:
    person = claim.person
    is_reset = claim.purpose == "password"
    if person.contact_verified_at is not None and not is_reset:
        await mailer.send(person.email, "You are registered already", _KNOWN.format(url=context.settings.public_url))
        return
    code = context.chance.digits(CODE_DIGITS)
    code_hash = await hasher.hash(code, context.chance.entropy(SALT_BYTES))
    async with context.db.begin(SYSTEM) as tx:
        organisation = await people.find_organisation(tx, person.org_id)
        kept = await codes.keep_code(tx, claim, code_hash, context.clock.now() + CODE_LIFE)
    if organisation is not None and kept:
        text = (_RESET if is_reset else _CODE).format(
            code=code, organisation=organisation.name, url=context.settings.public_url
        )
        await mailer.send(person.email, f"Your code: {code}", text)


_CODE = """\
Your code is {code}

It proves that this address belongs to you, for the organisation

    {organisation}

at {url}. Enter it within 30 minutes.

If you did not register this organisation there, do not enter the code
and tell it to nobody: without it the registration has no effect.
"""

_RESET = """\
Your code is {code}

With it you may choose a new password for {url}, within 30 minutes. All
your sign-ins end then; a second factor stays as it is.

If you did not ask for it, do not enter the code and tell it to nobody:
without it nothing changes. ({organisation})
"""

_KNOWN = """\
Somebody, perhaps you, tried to register this address at {url}.

It is registered and verified already: simply sign in. Nothing was changed.
"""

TICKS = (send_contact_codes,)
