"""A document sealed under a key of its own, which the vault wraps: AES-256-GCM, the nonce in front, bound to what it is for."""

import asyncio
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from market.kit.ids import Chance
from market.kit.vault import Vault

_NONCE_BYTES, _KEY_BYTES = 12, 32


@dataclass(frozen=True, slots=True)
class Sealed:
    content: bytes
    wrapped_key: bytes


async def seal(clear: bytes, purpose: str, *, vault: Vault, chance: Chance) -> Sealed:
    """Seal a document; it opens only for the same `purpose`. Raises `Transient` for passing trouble of the vault."""
    key, nonce = chance.entropy(_KEY_BYTES), chance.entropy(_NONCE_BYTES)
    content = nonce + AESGCM(key).encrypt(nonce, clear, _bound_to(purpose))
    return Sealed(content, await asyncio.to_thread(vault.wrap, key, purpose))


async def unseal(sealed: Sealed, purpose: str, *, vault: Vault) -> bytes:
    """The document. Raises `WrongKey` under another vault or purpose, `Transient` for passing trouble of the vault."""
    key = await asyncio.to_thread(vault.unwrap, sealed.wrapped_key, purpose)
    nonce, content = sealed.content[:_NONCE_BYTES], sealed.content[_NONCE_BYTES:]
    return AESGCM(key).decrypt(nonce, content, _bound_to(purpose))


def _bound_to(purpose: str) -> bytes:
    kind, _, about = purpose.partition("/")
    return f"{kind}/v1|{about}".encode()
