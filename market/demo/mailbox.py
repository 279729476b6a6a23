"""The mail of an installation without a mail relay: files in a folder, read like a person reads mail."""

import asyncio
import email.policy
import re
from email import message_from_bytes
from pathlib import Path

_CODE = re.compile(r"(?<!\d)\d{8}(?!\d)")
_TRIES = 1_200
_PAUSE_S = 0.1


class NoMail(Exception):
    """Nothing came for this address within two minutes."""


async def read_code(folder: Path, address: str, *, after: int = 0) -> str:
    """The eight-digit code of the newest letter to `address`, waiting for it. Raises `NoMail`.

    `after` is how many letters to this address are old news (see `count_letters`).
    """
    for _ in range(_TRIES):
        letters = _letters(folder, address)
        found = _CODE.search(letters[-1]) if len(letters) > after else None
        if found:
            return found.group()
        await asyncio.sleep(_PAUSE_S)
    raise NoMail(f"no letter with a code came for {address}")


def count_letters(folder: Path, address: str) -> int:
    """How many letters to `address` there are."""
    return len(_letters(folder, address))


def _letters(folder: Path, address: str) -> list[str]:
    """Texts of the letters to `address`, oldest first: file names sort by time."""
    parsed = (
        message_from_bytes(path.read_bytes(), policy=email.policy.default) for path in sorted(folder.glob("*.eml"))
    )
    return [each.get_content() for each in parsed if each["To"] == address]
