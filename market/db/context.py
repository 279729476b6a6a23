"""What acting code is handed: the database, time, chance, keys, files and settings. Made once per process."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from market.db.session import Database
from market.kit.clock import Clock
from market.kit.files import FileStore
from market.kit.ids import Chance
from market.kit.vault import Vault
from market.settings import Settings


@dataclass(frozen=True, slots=True)
class Context:
    settings: Settings
    db: Database
    clock: Clock
    chance: Chance
    files: FileStore
    vault: Vault


Opened = Callable[[], AbstractAsyncContextManager[Context]]
"""Opens the market of the settings; the command line hands it to each command that needs the database."""
