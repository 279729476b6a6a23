"""Payment providers' messages: each is kept once, however often it comes. The bank's statement alone confirms money."""

import hashlib
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from market.journal import service as journal
from market.kit.actor import SYSTEM
from market.settlement.rails.stripe import Event
from market.settlement.store import bankfiles as store


async def keep_event(tx: AsyncSession, provider: str, event: Event, body: bytes, *, now: datetime) -> bool:
    """Keep what a provider told and write it to the journal; False if it was told before. Moves no money."""
    digest = hashlib.sha256(body).hexdigest()
    if not await store.add_event(tx, provider, event, digest, now):
        return False
    told = {"event_id": event.event_id, "kind": event.kind, "reference": event.reference}
    await journal.append(tx, SYSTEM, f"provider:{provider}", "provider.told", told)
    return True
