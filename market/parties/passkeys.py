"""Passkeys (W3C Web Authentication, level 2): what a browser is asked, and whether its answer holds."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from market.parties.rules import Person, ProofRefused

CHALLENGE_BYTES = 32
_NAME = "debtmarket"


@dataclass(frozen=True, slots=True)
class Site:
    """Whom a passkey belongs to: the host of `public_url`, and its origin, which the browser signs."""

    rp_id: str
    origin: str

    @classmethod
    def of(cls, public_url: str) -> "Site":
        parts = urlsplit(public_url)
        return cls(parts.hostname or "", f"{parts.scheme}://{parts.netloc}".lower())


@dataclass(frozen=True, slots=True)
class Passkey:
    """What is kept of a new credential: its id, its public key (COSE), how often it has signed."""

    credential_id: bytes
    public_key: bytes
    sign_count: int


def creation_options(site: Site, person: Person, challenge: bytes, known: Sequence[bytes]) -> dict[str, Any]:
    """The JSON for `navigator.credentials.create`; passkeys that the person has (`known`) are not made again."""
    options = generate_registration_options(
        rp_id=site.rp_id,
        rp_name=_NAME,
        user_id=person.user_id.bytes,
        user_name=person.email,
        user_display_name=person.name,
        challenge=challenge,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.DISCOURAGED, user_verification=UserVerificationRequirement.PREFERRED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(each) for each in known],
    )
    found: dict[str, Any] = json.loads(options_to_json(options))
    return found


def request_options(site: Site, challenge: bytes, known: Sequence[bytes]) -> dict[str, Any]:
    """The JSON for `navigator.credentials.get`."""
    options = generate_authentication_options(
        rp_id=site.rp_id, challenge=challenge, allow_credentials=[PublicKeyCredentialDescriptor(each) for each in known]
    )
    found: dict[str, Any] = json.loads(options_to_json(options))
    return found


def registered(site: Site, challenge: bytes, credential: dict[str, Any]) -> Passkey:
    """The new credential, its challenge, origin, site and signature checked. Raises `ProofRefused`."""
    try:
        found = verify_registration_response(
            credential=credential, expected_challenge=challenge, expected_rp_id=site.rp_id, expected_origin=site.origin
        )
    except (WebAuthnException, ValueError, TypeError, KeyError) as error:
        raise refusal() from error
    return Passkey(found.credential_id, found.credential_public_key, found.sign_count)


def credential_id_of(credential: dict[str, Any]) -> bytes:
    """Which credential an answer says it comes from. Raises `ProofRefused`."""
    try:
        return base64url_to_bytes(str(credential["rawId"]))
    except (ValueError, KeyError) as error:
        raise refusal() from error


def signed_count(site: Site, challenge: bytes, credential: dict[str, Any], public_key: bytes) -> int:
    """How often the authenticator says it has signed, its answer being checked. Raises `ProofRefused`.

    Whether that count moved on is for the caller, who knows the kept one (§ 6.1.1): see `is_clone`.
    """
    try:
        found = verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            credential_public_key=public_key,
            credential_current_sign_count=0,
        )
    except (WebAuthnException, ValueError, TypeError, KeyError) as error:
        raise refusal() from error
    return found.new_sign_count


def is_clone(kept_count: int, new_count: int) -> bool:
    """Whether two authenticators sign with one key: the count stands still or goes back (§ 6.1.1; 0: it has none)."""
    return (kept_count > 0 or new_count > 0) and new_count <= kept_count


def refusal() -> ProofRefused:
    """The same words whatever did not hold."""
    return ProofRefused("the passkey's answer does not hold for this site and this ceremony; start it again")
