"""Bids sealed by their bidders: HPKE (RFC 9180) to the public key of the auction, whose private key no server holds.

Suite: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. The plaintext always has 25 bytes: a version (1), the
amount in minor units (8 bytes, big-endian) and a salt (16 bytes), so that a ciphertext's length says nothing. `info`
names auction and bidder: what one bidder sealed opens for nobody else, nor in another auction.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from auctions.increments import is_amount
from auctions.moves import BidSealed, Opened
from auctions.sealed import commitment_of

KEY_BYTES = 32
SALT_BYTES = 16
_FIELD = 2**255 - 19
_VERSION = 1
_LENGTH = 1 + 8 + SALT_BYTES
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


@dataclass(frozen=True, slots=True)
class SealedBid:
    """What goes to the market: `sealed` (base64url) and `commitment` (64 hexadecimal digits)."""

    sealed: str
    commitment: str


@dataclass(frozen=True, slots=True)
class Content:
    """What a sealed bid says: `salt` is what its commitment was made with, in hexadecimal."""

    amount_cents: int
    salt: str


def public_key_of(private_key: bytes) -> str:
    """The public key, 64 hexadecimal digits, of a private one of 32 bytes."""
    return X25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw().hex()


def is_public_key(digits: str) -> bool:
    """Whether these 64 digits are a public key as `public_key_of` writes it, to which a secret can be sealed.

    X25519 takes more than one spelling for the same key (RFC 7748, 5), and with a few keys everybody agrees on zeros (7).
    """
    raw = bytes.fromhex(digits)
    if int.from_bytes(raw, "little") >= _FIELD:
        return False
    try:
        X25519PrivateKey.from_private_bytes(bytes(KEY_BYTES)).exchange(X25519PublicKey.from_public_bytes(raw))
    except ValueError:
        return False
    return True


def seal(sealing_key: str, *, auction_id: str, bidder: str, amount_cents: int, salt: bytes) -> SealedBid:
    """A bid that only the holder of the private key can read. `salt` is 16 unpredictable bytes, never used twice.

    Raises ValueError for a key, a salt or an amount that is none.
    """
    if len(salt) != SALT_BYTES or not 0 < amount_cents < 2**63:
        raise ValueError("an amount is positive, and a salt has 16 bytes")
    public = X25519PublicKey.from_public_bytes(bytes.fromhex(sealing_key))
    plain = bytes([_VERSION]) + amount_cents.to_bytes(8, "big") + salt
    sealed = _SUITE.encrypt(plain, public, info=_info(auction_id, bidder))
    commitment = commitment_of(auction_id, bidder, amount_cents, salt.hex())
    return SealedBid(base64.urlsafe_b64encode(sealed).decode("ascii"), commitment)


def unseal(private_key: bytes, sealed: str, *, auction_id: str, bidder: str) -> Content | None:
    """What a sealed bid says; None if it cannot be read: other key, other auction, other bidder, or no such bytes."""
    key = X25519PrivateKey.from_private_bytes(private_key)
    try:
        plain = _SUITE.decrypt(base64.urlsafe_b64decode(sealed), key, info=_info(auction_id, bidder))
    except (InvalidTag, ValueError, binascii.Error):
        return None
    if len(plain) != _LENGTH or plain[0] != _VERSION:
        return None
    amount_cents = int.from_bytes(plain[1:9], "big")
    return Content(amount_cents, plain[9:].hex()) if amount_cents else None


def open_all(
    private_key: str, sealing_key: str, auction_id: str, bids: Sequence[BidSealed]
) -> tuple[Opened, ...] | None:
    """The contents of sealed bids, in their order; without an amount what cannot be read or is none. None: another key."""
    key = bytes.fromhex(private_key)
    if public_key_of(key) != sealing_key:
        return None
    return tuple(_opened(key, auction_id, bid) for bid in bids)


def _opened(key: bytes, auction_id: str, bid: BidSealed) -> Opened:
    found = unseal(key, bid.sealed or "", auction_id=auction_id, bidder=bid.bidder)
    if found is None or not is_amount(found.amount_cents):
        return Opened(bid_seq=bid.seq, amount_cents=None)
    return Opened(bid_seq=bid.seq, amount_cents=found.amount_cents, salt=found.salt)


def _info(auction_id: str, bidder: str) -> bytes:
    return f"debtmarket sealed bid {_VERSION}\n{auction_id}\n{bidder}".encode()
