"""Documents behind an account, asked for by the buyer, delivered by the seller; and files that losers destroy."""

import hashlib
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.journal import service as journal
from market.kit.actor import Actor, Role
from market.kit.errors import Conflict, Malformed, NotFound
from market.kit.ids import Chance
from market.kit.pages import Page, PageRequest
from market.kit.sealed import seal, unseal
from market.kit.vault import Vault
from market.parties.rules import require, require_person
from market.settlement.onward import MediaKind, MediaRequest, Owed
from market.settlement.rules import Party, WrongState
from market.settlement.service.books import READ
from market.settlement.service.listings import listing_of
from market.settlement.service.sale import WRITE, find_settlement
from market.settlement.service.steps import locked, note
from market.settlement.store import onward as store

MAX_MEDIA_BYTES = 10_000_000
_MOST_OPEN = 1_000


class MediaAnswered(Conflict):
    slug, title = "media-answered", "The request was answered before"


async def ask_media(
    tx: AsyncSession,
    actor: Actor,
    settlement_id: UUID,
    row_number: int,
    kind: MediaKind,
    *,
    now: datetime,
    chance: Chance,
) -> MediaRequest:
    """The buyer asks for a document, due within the listing's `media_days`. Locks the settlement.

    Raises `WrongState` before the release, `Conflict` past 1,000 open requests.
    """
    require(actor, role=Role.MEMBER, scope=WRITE)
    require_person(actor)
    settlement = await locked(tx, settlement_id)
    if settlement.party(actor.org_id) is not Party.BUYER or actor.user_id is None:
        raise NotFound("there is no such sale, or you are not its buyer")
    if settlement.putback_until_at is None:
        raise WrongState("documents are asked for after the release", state=settlement.state.value)
    if not 1 <= row_number <= settlement.account_count:
        raise Malformed(f"must be a row of the sale file, 1 to {settlement.account_count}", field="row_number")
    if await store.open_request_count(tx, settlement_id) >= _MOST_OPEN:
        raise Conflict(f"at most {_MOST_OPEN} requests of a sale wait at once")
    terms = (await listing_of(tx, settlement)).sale_terms
    made = MediaRequest(
        chance.new_id(), settlement_id, settlement.seller_org_id, row_number, kind, actor.user_id, now,
        now + timedelta(days=terms.media_days),
    )  # fmt: skip
    await store.add_request(tx, made)
    await note(tx, actor, settlement, "media_asked", {"request_id": made.request_id, "kind": kind})
    return made


async def list_media(tx: AsyncSession, actor: Actor, settlement_id: UUID, page: PageRequest) -> Page[MediaRequest]:
    """A sale's requests with their answers, oldest first, for its parties and the platform."""
    await find_settlement(tx, actor, settlement_id)
    return Page.cut(await store.list_requests(tx, settlement_id, page), page, lambda each: each.request_id)


async def deliver_media(
    tx: AsyncSession, actor: Actor, request_id: UUID, clear: bytes, *, now: datetime, chance: Chance, vault: Vault
) -> MediaRequest:
    """The seller's document, sealed under a key of its own. Raises `Malformed` for none or too much, `MediaAnswered`."""
    request, user_id = await _asked_of(tx, actor, request_id)
    if not 1 <= len(clear) <= MAX_MEDIA_BYTES:
        raise Malformed(f"send the document as body, 1 to {MAX_MEDIA_BYTES} bytes", field="body")
    sealed = await seal(clear, _purpose(request_id), vault=vault, chance=chance)
    digest = hashlib.sha256(clear).hexdigest()
    answer = {"file_sha256": digest, "sealed": sealed.content, "wrapped_key": sealed.wrapped_key}
    return await _answered(tx, actor, request, {"answered_by": user_id, "answered_at": now} | answer)


async def refuse_media(tx: AsyncSession, actor: Actor, request_id: UUID, reason: str, *, now: datetime) -> MediaRequest:
    """The seller does not have the document: with the put-back window open, the buyer may give the account back."""
    request, user_id = await _asked_of(tx, actor, request_id)
    if not 1 <= len(reason.strip()) <= 500:
        raise Malformed("a reason has 1 to 500 characters", field="reason")
    return await _answered(tx, actor, request, {"reason": reason.strip(), "answered_by": user_id, "answered_at": now})


async def take_media(tx: AsyncSession, actor: Actor, request_id: UUID, *, vault: Vault) -> bytes:
    """The document, for the parties of the sale; each time is recorded. Raises `NotFound` before it is delivered."""
    require(actor, role=Role.MEMBER, scope=READ)
    request = await store.find_request(tx, request_id)
    kept = await store.sealed_media(tx, request_id)
    if request is None or kept is None:
        raise NotFound("there is no such document, or it is not yours")
    settlement = await find_settlement(tx, actor, request.settlement_id)
    await note(tx, actor, settlement, "media_taken", {"request_id": request_id})
    return await unseal(kept, _purpose(request_id), vault=vault)


async def destructions_owed(tx: AsyncSession, actor: Actor) -> list[Owed]:
    """Pools sold to others whose masked files one's organisation took, with what it has attested."""
    require(actor, role=Role.MEMBER, scope=READ)
    if actor.org_id is None:
        raise AssertionError("a member belongs to an organisation")
    return await store.destructions_owed(tx, actor.org_id)


async def attest_destruction(tx: AsyncSession, actor: Actor, pool_id: UUID, typed_name: str, *, now: datetime) -> Owed:
    """A person of a bidder that did not win states by name that its masked files of the pool are destroyed, once.

    Raises `NotFound` if nothing is owed for that pool.
    """
    require(actor, role=Role.MEMBER, scope=WRITE)
    require_person(actor)
    name = " ".join(typed_name.split())
    if not 2 <= len(name) <= 140 or not name.isprintable():
        raise Malformed("type your name: 2 to 140 printable characters", field="typed_name")
    if actor.org_id is None or actor.user_id is None:
        raise AssertionError("a member is a person of an organisation")
    owed = {each.pool_id: each for each in await store.destructions_owed(tx, actor.org_id)}
    if pool_id not in owed:
        raise NotFound(
            "nothing of that pool is yours to destroy: it is not sold, or you took no file, or you bought it"
        )
    if owed[pool_id].attested_at is None:
        await store.add_destruction(tx, pool_id, actor.org_id, typed_name=name, attested_by=actor.user_id, now=now)
        await journal.append(tx, actor, f"org:{actor.org_id}", "masked_file.destroyed", {"pool_id": pool_id})
    return Owed(pool_id, owed[pool_id].sold_at, owed[pool_id].attested_at or now)


async def _asked_of(tx: AsyncSession, actor: Actor, request_id: UUID) -> tuple[MediaRequest, UUID]:
    require(actor, role=Role.MEMBER, scope=WRITE)
    require_person(actor)
    request = await store.find_request(tx, request_id)
    if request is None or request.seller_org_id != actor.org_id or actor.user_id is None:
        raise NotFound("there is no such request, or it was not made to you")
    return request, actor.user_id


async def _answered(tx: AsyncSession, actor: Actor, request: MediaRequest, answer: dict[str, object]) -> MediaRequest:
    if not await store.add_answer(tx, request.request_id, **answer):
        raise MediaAnswered("the request was answered before")
    settlement = await find_settlement(tx, actor, request.settlement_id)
    await note(tx, actor, settlement, "media_answered", {"request_id": request.request_id})
    return await store.find_request(tx, request.request_id) or request


def _purpose(request_id: UUID) -> str:
    return f"media/{request_id}"
