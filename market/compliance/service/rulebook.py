"""Rule packs: which one holds, and how officers bring another."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.compliance import packs
from market.compliance.packs import Pack
from market.compliance.service.steps import READ, existing, own_user
from market.compliance.store import rulebook as store
from market.journal import service as journal
from market.kit.actor import Actor, Role
from market.kit.errors import Conflict
from market.kit.ids import Chance
from market.parties.rules import require


async def pack_in_force(tx: AsyncSession, name: str) -> Pack:
    """The pack that two officers adopted last; until then the unreviewed one that came with the software."""
    return await store.adopted(tx, name) or packs.shipped(name)


async def list_packs(tx: AsyncSession, actor: Actor) -> list[Pack]:
    """The pack in force of each name (with its rules) first, then all that were loaded (without)."""
    require(actor, scope=READ)
    holding = [await pack_in_force(tx, name) for name in packs.NAMES]
    known = {pack.pack_id for pack in holding}
    return [*holding, *(pack for pack in await store.list_packs(tx) if pack.pack_id not in known)]


async def read_pack(tx: AsyncSession, actor: Actor, pack_id: UUID) -> Pack:
    """A loaded pack with its rules. Raises `NotFound`."""
    require(actor, scope=READ)
    return existing(await store.find_pack(tx, pack_id), "rule pack")


async def load_pack(tx: AsyncSession, actor: Actor, pack: Pack, *, now: datetime, chance: Chance) -> Pack:
    """Keep a pack; it holds once a proposal to adopt it is carried. Raises `Conflict` if it was loaded before."""
    require(actor, role=Role.OFFICER)
    loaded = replace(pack, pack_id=chance.new_id())
    if loaded.pack_id is None or not await store.add_pack(tx, loaded, loaded_by=own_user(actor), now=now):
        raise Conflict("the very same rules were loaded before")
    body = {"name": pack.name, "version": pack.version, "sha256": pack.sha256, "rule_count": len(pack.rules)}
    await journal.append(tx, actor, f"rules:{loaded.pack_id}", "rules.loaded", body)
    return loaded
