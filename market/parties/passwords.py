"""Password hashing that neither holds up the loop nor tells by its time whether an account exists."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import Parameters, PasswordHasher
from argon2.exceptions import VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from market.kit.errors import Transient

T = TypeVar("T")

_THREAD_COUNT = 2
_WAITING_COUNT = 64
SALT_BYTES = 16


class Hasher:
    """Argon2id in threads of its own: at most two at a time (64 MiB each), at most 64 more waiting.

    The profile is RFC 9106 § 4, second recommended option: 64 MiB, 3 passes, 4 lanes.
    """

    def __init__(self, profile: Parameters = RFC_9106_LOW_MEMORY) -> None:
        self._argon2 = PasswordHasher.from_parameters(profile)
        self._pool = ThreadPoolExecutor(_THREAD_COUNT, thread_name_prefix="argon2")
        self._busy_count = 0
        # Well formed and of the same cost, but the hash of nothing: there is no password behind it.
        self._nobody = (
            f"$argon2id$v={profile.version}$m={profile.memory_cost},t={profile.time_cost},p={profile.parallelism}"
            f"${'A' * -(-profile.salt_len * 8 // 6)}${'A' * -(-profile.hash_len * 8 // 6)}"
        )

    async def hash(self, text: str, salt: bytes) -> str:
        """The hash to keep. Raises `Transient` when too many are waiting."""
        return await self._run(lambda: self._argon2.hash(text, salt=salt))

    async def matches(self, kept: str | None, text: str) -> bool:
        """Whether `text` is what `kept` was made of; with None the same work is done and the answer is no."""
        right = await self._run(lambda: self._verified(kept or self._nobody, text))
        return right and kept is not None

    def _verified(self, kept: str, text: str) -> bool:
        try:
            return self._argon2.verify(kept, text)
        except VerificationError:
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        if self._busy_count >= _THREAD_COUNT + _WAITING_COUNT:
            raise Transient("too many sign-ins at once; try again in a moment", retry_after_s=2)
        self._busy_count += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._busy_count -= 1


STANDARD = Hasher()
