"""The one source of chance and identity. Everything that needs either is handed a `Chance`."""

import os
import secrets
from typing import Protocol
from uuid import UUID

from market.kit.clock import Clock


class Chance(Protocol):
    def new_id(self) -> UUID:
        """A UUID version 7 (RFC 9562): unique, and after every one that was drawn here before."""
        ...

    def entropy(self, size_bytes: int) -> bytes:
        """`size_bytes` unpredictable bytes, fit for keys."""
        ...

    def token(self, size_bytes: int = 32) -> str:
        """An unpredictable URL-safe text with `size_bytes` bytes of entropy."""
        ...

    def digits(self, count: int) -> str:
        """An unpredictable decimal code of `count` digits."""
        ...


class SystemChance:
    """A counter of 1/4096 ms in front of 62 random bits (RFC 9562, section 6.2, method 3): ids sort as they were drawn."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = 0

    def new_id(self) -> UUID:
        self._last = max(self._last + 1, int(self._clock.now().timestamp() * 1000 * 4096))
        millis, fraction = divmod(self._last, 4096)
        tail = int.from_bytes(os.urandom(8), "big") >> 2
        return UUID(int=(millis & (1 << 48) - 1) << 80 | 7 << 76 | fraction << 64 | 2 << 62 | tail)

    def entropy(self, size_bytes: int) -> bytes:
        return os.urandom(size_bytes)

    def token(self, size_bytes: int = 32) -> str:
        return secrets.token_urlsafe(size_bytes)

    def digits(self, count: int) -> str:
        return f"{secrets.randbelow(10**count):0{count}d}"
