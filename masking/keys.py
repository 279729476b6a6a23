"""Keys at rest and in transit: wrapping under a key-encryption key, and release to the winner with HPKE.

HPKE is RFC 9180 (February 2022), base mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. The library's one-shot
call takes no associated data, so the deal is bound in `info`: a released key opens only for the same deal.
"""

from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
INFO = b"release/v1|"


class EnvelopeError(Exception):
    """A sealed file, wrapped key or released key that does not open: altered, cut, reordered, or another key or deal."""


def wrap_key(kek: bytes, data_key: bytes, nonce: bytes, context: bytes) -> bytes:
    """`data_key` under `kek` (32 bytes each): AES-256-GCM with the caller's fresh 12-byte nonce, bound to `context`."""
    if len(kek) != 32 or len(data_key) != 32 or len(nonce) != 12:
        raise ValueError("keys have 32 bytes and a nonce 12")
    return nonce + AESGCM(kek).encrypt(nonce, data_key, b"wrap/v1|" + context)


def unwrap_key(kek: bytes, wrapped: bytes, context: bytes) -> bytes:
    """The data key; raises EnvelopeError for another key, another context or altered bytes."""
    try:
        return AESGCM(kek).decrypt(wrapped[:12], wrapped[12:], b"wrap/v1|" + context)
    except (InvalidTag, ValueError):
        raise EnvelopeError("the wrapped key does not open") from None


def release_key(data_key: bytes, recipient_public_key: X25519PublicKey, info: bytes) -> bytes:
    """`data_key` for the winner alone. `info` names the deal. The sender's ephemeral key is drawn by the library."""
    return SUITE.encrypt(data_key, recipient_public_key, INFO + info)


def receive_key(released: bytes, private_key: X25519PrivateKey, info: bytes) -> bytes:
    """The data key that was released for this deal; raises EnvelopeError for another deal or another recipient."""
    try:
        return SUITE.decrypt(released, private_key, INFO + info)
    except (InvalidTag, ValueError):
        raise EnvelopeError("the released key does not open for this deal and recipient") from None


def generate_private_key() -> X25519PrivateKey:
    """A new key pair. The one place where chance is not an argument: the library draws from the operating system."""
    return X25519PrivateKey.generate()


def private_key_from_seed(seed: bytes) -> X25519PrivateKey:
    """The key pair of 32 bytes that the caller drew."""
    return X25519PrivateKey.from_private_bytes(seed)


def save_private_key(key: X25519PrivateKey, path: Path, *, passphrase: bytes | None = None) -> None:
    """Write PKCS#8 PEM that only its owner can read; encrypted if a passphrase is given. Raises FileExistsError."""
    how = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    path.touch(0o600, exist_ok=False)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how))


def load_private_key(pem: bytes, *, passphrase: bytes | None = None) -> X25519PrivateKey:
    """The key in a PEM; raises EnvelopeError if it is another kind or the passphrase is wrong."""
    try:
        key = load_pem_private_key(pem, passphrase)
    except (ValueError, TypeError):
        raise EnvelopeError("the private key cannot be read") from None
    if not isinstance(key, X25519PrivateKey):
        raise EnvelopeError("the private key is not an X25519 key")
    return key


def public_pem(key: X25519PrivateKey | X25519PublicKey) -> bytes:
    """The public half as SubjectPublicKeyInfo PEM."""
    public = key.public_key() if isinstance(key, X25519PrivateKey) else key
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def load_public_key(pem: bytes) -> X25519PublicKey:
    """The key in a PEM; raises EnvelopeError if it is another kind."""
    try:
        key = load_pem_public_key(pem)
    except ValueError:
        raise EnvelopeError("the public key cannot be read") from None
    if not isinstance(key, X25519PublicKey):
        raise EnvelopeError("the public key is not an X25519 key")
    return key
