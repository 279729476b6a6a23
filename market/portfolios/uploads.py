"""Uploads in parts: what they are, and every reason for a no."""

from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from market.kit.errors import Conflict, Malformed, TooLarge

PART_MAX_BYTES = 32 * 1024 * 1024
"""One part is held in memory while it is sealed, so that it is kept whole or not at all."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A tape that comes in parts; it becomes the portfolio of the same id."""

    upload_id: UUID
    org_id: UUID
    name: str
    currency: str
    cut_off_on: date
    length_bytes: int
    wrapped: bytes = field(repr=False)
    created_at: datetime
    expires_at: datetime
    offset_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """Some bytes of an upload, sealed in the store."""

    start_bytes: int
    size_bytes: int
    sealed_sha256: str


class UploadOffset(Conflict):
    slug, title, status = "upload-offset", "The upload is at another place", 409


class UploadQuota(Conflict):
    slug, title, status = "upload-quota", "Too many unfinished uploads", 409


class UploadDigest(Malformed):
    slug, title, status = "upload-digest", "The bytes are not those that were announced", 422


class PartTooLarge(TooLarge):
    slug, title, status = "part-too-large", "The part is larger than one request may be", 413


class TapeQuota(Conflict):
    slug, title, status = "tape-quota", "Your unsold tapes take all the room you have", 409
