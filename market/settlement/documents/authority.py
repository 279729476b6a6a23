"""Who seals: a certificate and key of the platform's own, or a local authority for trials that makes them."""

import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pyhanko.sign.signers import SimpleSigner

_ROOT_LIFE, _SEAL_LIFE = timedelta(days=3650), timedelta(days=1825)


class SealUnusable(Exception):
    """The seal's file cannot be used; the message says why and what would do."""


@dataclass(frozen=True, slots=True, repr=False)
class Authority:
    """`signer` seals; who trusts `certificate_pem`, the root of the seal's chain (or the seal itself), trusts the seal."""

    signer: SimpleSigner
    certificate_pem: bytes


def from_pkcs12(path: Path, password: str | None) -> Authority:
    """The seal that a certification service issued, with its chain. Raises `SealUnusable`."""
    word = password.encode() if password else None
    try:
        found = serialization.pkcs12.load_pkcs12(path.read_bytes(), word)
    except (OSError, ValueError):
        raise SealUnusable(f"{path.name} cannot be read, is no PKCS #12 file, or its password is wrong") from None
    signer = SimpleSigner.load_pkcs12(str(path), passphrase=word)  # type: ignore[no-untyped-call]
    if found.cert is None or signer is None:
        raise SealUnusable(f"{path.name} holds no key with a certificate")
    chain = [found.cert, *found.additional_certs]
    root = next((each for each in chain if each.certificate.issuer == each.certificate.subject), chain[-1])
    return Authority(signer, root.certificate.public_bytes(serialization.Encoding.PEM))


def local(folder: Path, now: datetime) -> Authority:
    """The local authority in `folder`, made there on first use. Nobody else trusts it: it is for trials.

    `seal.p12` holds the seal's key and may be read by its owner alone; the root's key is thrown away at once.
    """
    path = folder / "seal.p12"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _put(path, _found(now))
    if path.stat().st_mode & 0o077:
        raise SealUnusable(f"{path.name} can be read by others; run: chmod 600 on it")
    return from_pkcs12(path, None)


def _found(now: datetime) -> bytes:
    """A root that vouches for one seal, as PKCS #12 without a password."""
    root_key, seal_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Local test authority of this marketplace")])
    seal_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Seal of this marketplace (local test authority)")])
    root = (
        _certificate(root_name, root_name, root_key.public_key(), now, _ROOT_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    seal = (
        _certificate(seal_name, root_name, seal_key.public_key(), now, _SEAL_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    return serialization.pkcs12.serialize_key_and_certificates(
        b"seal", seal_key, seal, [root], serialization.NoEncryption()
    )


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=not signs_certificates,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _put(path: Path, content: bytes) -> None:
    """Write a file whole, once: whoever comes second finds the first one's."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_bytes(content)
    with suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()
