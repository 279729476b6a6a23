"""What the buyer does with the sale file on its own machine: makes a key, opens the file, checks its rows. No network."""

import base64
import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from market.client.settlement import SaleKey
from masking.commitment import SaleFileCheck, verify_sale_file
from masking.csvout import original_rows
from masking.envelope import EnvelopeError, open_sealed, private_key_from_seed, read_header, receive_key

KEY_BYTES = 32
_LEAF_BYTES = 32
_SHOWN_BYTES = 64


@dataclass(frozen=True, slots=True)
class OpenedKeys:
    """`data` opens the sealed sale file, `commitment` gives the salts of its commitment."""

    data: bytes = field(repr=False)
    commitment: bytes = field(repr=False)


def public_key(private_key: bytes) -> bytes:
    """The X25519 public key (32 raw bytes) of 32 private ones."""
    return private_key_from_seed(private_key).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def key_text(key: bytes) -> str:
    """A key as the API wants it and as a key file holds it: 32 raw bytes in base64."""
    return base64.b64encode(key).decode()


def read_key(path: Path) -> bytes:
    """The private key of a key file. Raises `ValueError` if it holds none."""
    with path.open("rb") as source:
        key = base64.b64decode(source.read(_SHOWN_BYTES).strip(), validate=True)
    if len(key) != KEY_BYTES:
        raise ValueError(f"{path} does not hold {KEY_BYTES} bytes in base64")
    return key


def open_keys(keys: SaleKey, private_key: bytes) -> OpenedKeys:
    """The keys that the market sealed to the buyer. Raises `EnvelopeError` for another key or another sale."""
    key = private_key_from_seed(private_key)
    return OpenedKeys(
        *(
            receive_key(base64.b64decode(each.sealed_key), key, each.info.encode())
            for each in (keys.sale, keys.commitment)
        )
    )


def open_sale_file(keys: SaleKey, opened: OpenedKeys, sealed: BinaryIO, sink: BinaryIO) -> int:
    """Open the sealed sale file into `sink`; bytes written. Raises `EnvelopeError`: discard what `sink` holds then."""
    if hashlib.file_digest(sealed, "sha256").hexdigest() != keys.file_sha256:  # type: ignore[arg-type]
        raise EnvelopeError("the sealed file is not the one that these keys are for (its SHA-256 differs)")
    sealed.seek(0)
    header = read_header(sealed)
    sealed.seek(0)
    return open_sealed(sealed, sink, data_key=opened.data, expected=header)


def check_rows(clear: BinaryIO, opened: OpenedKeys, leaves: bytes, commitment_root: str) -> SaleFileCheck:
    """Whether every row of an opened sale file is the row that was masked and committed to before the auction."""
    return verify_sale_file(
        original_rows(clear),
        commit_key=opened.commitment,
        expected_root=bytes.fromhex(commitment_root),
        published=[leaves[at : at + _LEAF_BYTES] for at in range(0, len(leaves), _LEAF_BYTES)],
    )
