"""A command that comes again with its key happens once: what it was answered is kept, sealed, in its own transaction.

Only what was done is kept. A refusal does nothing, so it leaves the key free: the same command may be taken later.
"""

import hashlib
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from market.kit.actor import Actor
from market.kit.errors import Conflict
from market.kit.ids import Chance
from market.kit.sealed import seal, unseal
from market.kit.vault import Vault
from market.settlement.store import outcomes as store

KEPT = timedelta(days=30)
"""How long a key is known. A step of a sale happens once after that too, by the sale's own state."""
MAX_ANSWER_BYTES = 1_000_000
_FORGOTTEN_COUNT = 500
_LOOK_AGAIN_S = 1.0


class KeyReused(Conflict):
    slug, title = "key-reused", "The key belongs to another command"


class CommandUnderWay(Conflict):
    slug, title = "command-under-way", "The same command is being carried out just now"


class AnswerNotKept(Conflict):
    slug, title = "answer-not-kept", "Done before; its answer was too long to keep"


@dataclass(frozen=True, slots=True)
class Command:
    """`digest` is that of everything that was asked: address and content."""

    actor: Actor
    key: str
    digest: str

    @property
    def name(self) -> str:
        """Of this person (or API key) and its key; another's with the same key has another name."""
        of = f"{self.actor.user_id}/{self.actor.key_id}/{self.key}"
        return hashlib.sha256(of.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Outcome:
    status: int
    body: bytes


class _Kept(msgspec.Struct, frozen=True):
    """As it is sealed; `body` is None if it was too long."""

    digest: str
    status: int
    body: bytes | None


async def find_outcome(tx: AsyncSession, command: Command, *, now: datetime, vault: Vault) -> Outcome | None:
    """What the command was answered before, None if it is new: then it is locked until the transaction ends.

    Raises `CommandUnderWay` at once while it is locked, `KeyReused` if the key came with something else, `AnswerNotKept`.
    """
    if not await store.lock(tx, command.name):
        raise CommandUnderWay(
            "the same command is being carried out; send it again with the same key in a moment to be answered as it was",
            retry_after_s=_LOOK_AGAIN_S,
        )
    await store.forget_one(tx, command.name, now - KEPT)
    found = await store.find(tx, command.name)
    if found is None:
        return None
    clear = await unseal(found, _purpose(command), vault=vault)
    kept = msgspec.msgpack.decode(zlib.decompress(clear), type=_Kept)
    if kept.digest != command.digest:
        raise KeyReused(
            "you sent this key before with another command or other content; send a new one with every command",
            field="Idempotency-Key",
        )
    if kept.body is None:
        raise AnswerNotKept("the command was carried out before; read what became of it where it is listed")
    return Outcome(kept.status, kept.body)


async def keep_outcome(
    tx: AsyncSession, command: Command, outcome: Outcome, *, now: datetime, chance: Chance, vault: Vault
) -> None:
    """Keep what a new command was answered, for as long as its key is known."""
    if command.actor.user_id is None:
        raise AssertionError("whoever sends a key has a name")
    body = outcome.body if len(outcome.body) <= MAX_ANSWER_BYTES else None
    clear = zlib.compress(msgspec.msgpack.encode(_Kept(command.digest, outcome.status, body)))
    sealed = await seal(clear, _purpose(command), vault=vault, chance=chance)
    await store.add(tx, command.name, sealed, user_id=command.actor.user_id, now=now)


async def forget_outcomes(tx: AsyncSession, *, now: datetime) -> int:
    """Keys are forgotten when their time is over; how many of up to 500 were."""
    return await store.forget_old(tx, now - KEPT, _FORGOTTEN_COUNT)


def _purpose(command: Command) -> str:
    return f"command-outcome/{command.name}"
