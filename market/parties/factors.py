"""Second factors as rules: codes of authenticator apps (RFC 6238), recovery codes, and who must have one."""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import quote, urlencode
from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from market.kit.actor import Role
from market.kit.ids import Chance

STEP_S = 30
CODE_DIGITS = 6
SECRET_BYTES = 20
"""160 bits, as RFC 4226 § 4 R6 recommends."""
ENROLMENT_LIFE = timedelta(minutes=15)
CHALLENGE_LIFE = timedelta(minutes=5)
FACTOR_COUNT = 10
RECOVERY_CODE_COUNT = 10
_RECOVERY_BYTES = 10
_DRIFT_STEPS = 1
"""RFC 6238 § 5.2 recommends to accept at most one step of delay."""
_ISSUER = "debtmarket"


class FactorKind(StrEnum):
    TOTP = "totp"
    PASSKEY = "passkey"


class ProofKind(StrEnum):
    PASSWORD = "password"  # noqa: S105 - a kind of proof, no password
    TOTP = "totp"
    PASSKEY = "passkey"
    RECOVERY = "recovery"


@dataclass(frozen=True, slots=True)
class Factor:
    """A factor as its owner sees it. `cloned_at` is set when a passkey signed with a count that was used before."""

    factor_id: UUID
    kind: FactorKind
    name: str
    created_at: datetime
    last_used_at: datetime | None
    cloned_at: datetime | None = None


def must_have_factor(policy: str, role: Role) -> bool:
    """Whether the setting `second_factor` asks a second factor of this role."""
    return policy == "everybody" or (policy == "staff" and role is not Role.MEMBER)


def step_of(now: datetime) -> int:
    """The number of the present 30 s step since 1970 (RFC 6238 § 4.2)."""
    return int(now.timestamp()) // STEP_S


def code_at(secret: bytes, step: int) -> str:
    """The six digits that an authenticator app shows during that step."""
    return TOTP(secret, CODE_DIGITS, SHA1(), STEP_S).generate(step * STEP_S).decode()  # noqa: S303 - HMAC, as apps do


def matching_step(secret: bytes, code: str, now: datetime, *, after_step: int) -> int | None:
    """The step whose code this is, within one step of now and later than the newest used one; None if there is none."""
    present = step_of(now)
    for step in range(present - _DRIFT_STEPS, present + _DRIFT_STEPS + 1):
        if step > after_step and hmac.compare_digest(code_at(secret, step).encode(), code.encode()):
            return step
    return None


def secret_text(secret: bytes) -> str:
    """The secret as people type it into an app (base32, RFC 4648)."""
    return base64.b32encode(secret).decode()


def key_uri(secret: bytes, email: str) -> str:
    """`otpauth://totp/…`, the content of the QR code that authenticator apps read."""
    asked = urlencode({"secret": secret_text(secret), "issuer": _ISSUER, "digits": CODE_DIGITS, "period": STEP_S})
    return f"otpauth://totp/{_ISSUER}:{quote(email)}?{asked}"


def new_recovery_codes(chance: Chance) -> list[str]:
    """Ten codes of 80 bits as `abcd-efgh-ijkl-mnop`: too many to guess, so a plain digest of them may be kept."""
    texts = [base64.b32encode(chance.entropy(_RECOVERY_BYTES)).decode().lower() for _ in range(RECOVERY_CODE_COUNT)]
    return ["-".join(text[at : at + 4] for at in range(0, len(text), 4)) for text in texts]


def recovery_digest(user_id: UUID, code: str) -> bytes:
    """What is kept of a recovery code; blanks, dashes and capitals make no difference."""
    plain = "".join(code.split()).replace("-", "").lower()
    return hashlib.sha256(user_id.bytes + plain.encode()).digest()
