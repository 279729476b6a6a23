"""The one source of chance and identity. Everything that needs either is handed a `Chance`."""

import os
import secrets
from typing import Protocol
from uuid import UUID

from market.kit.clock import Clock


class Chance(Protocol):
    def new_id(self) -> UUID:
        """A UUID version 7 (RFC 9562): unique, and ordered by the time it was drawn."""
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
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def new_id(self) -> UUID:
        millis = int(self._clock.now().timestamp() * 1000)
        tail = int.from_bytes(os.urandom(10), "big")
        value = (millis & (1 << 48) - 1) << 80 | tail
        value = value & ~(0xF << 76) | 7 << 76
        value = value & ~(0x3 << 62) | 2 << 62
        return UUID(int=value)

    def entropy(self, size_bytes: int) -> bytes:
        return os.urandom(size_bytes)

    def token(self, size_bytes: int = 32) -> str:
        return secrets.token_urlsafe(size_bytes)

    def digits(self, count: int) -> str:
        return f"{secrets.randbelow(10**count):0{count}d}"
