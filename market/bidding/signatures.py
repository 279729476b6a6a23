"""Who signs checkpoints: an Ed25519 key (RFC 8032) in the data folder, wrapped by the vault, one for all nodes."""

import hmac
import os
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from market.db.context import Context

_KEY_BYTES = 32
_CONTEXT = "auction-checkpoint-key"


def is_signed_by(public_key: bytes, statement: bytes, signature: bytes) -> bool:
    """Whether the signature over the statement is the key's."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, statement)
    except (InvalidSignature, ValueError):
        return False
    return True


class Signer:
    """`public_key` has 32 bytes."""

    def __init__(self, key: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(key)
        self.public_key = self._key.public_key().public_bytes_raw()

    @classmethod
    def of(cls, context: Context) -> "Signer":
        """The market's signer; the key is drawn on first use. Blocks. Raises `WrongKey` under another vault."""
        path = context.settings.data_dir / "keys" / "auction-checkpoint"
        if not path.exists():
            _keep(path, context.vault.wrap(context.chance.entropy(_KEY_BYTES), _CONTEXT))
        return cls(context.vault.unwrap(path.read_bytes(), _CONTEXT))

    def sign(self, statement: bytes) -> bytes:
        """64 bytes, always the same for the same statement."""
        return self._key.sign(statement)

    def blinds(self, auction_id: str, count: int) -> list[bytes]:
        """The blinds of an auction's first leaves: unpredictable to all others, and always the same."""
        seed = sha256(self.sign(f"auction-blinds/1\n{auction_id}".encode())).digest()
        return [hmac.digest(seed, str(seq).encode(), "sha256") for seq in range(1, count + 1)]


def _keep(path: Path, wrapped: bytes) -> None:
    """The file appears whole; of two processes that draw a key, the first wins."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_bytes(wrapped)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
