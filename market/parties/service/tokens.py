"""Secrets that are shown once: only their digest is kept."""

import hashlib


def digest(text: str) -> bytes:
    """SHA-256 of an unguessable text; a digest suffices where there is nothing to guess."""
    return hashlib.sha256(text.encode()).digest()
