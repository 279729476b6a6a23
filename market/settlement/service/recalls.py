"""An account is recalled: whoever bought it, then or later, is told and confirms. Resales keep to their limit."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.journal import service as journal
from market.kit.actor import SYSTEM, Actor, Role
from market.kit.errors import Malformed, NotFound
from market.kit.ids import Chance
from market.kit.pages import Page, PageRequest
from market.parties.rules import require, require_person
from market.portfolios.doubles import ResaleLimit
from market.settlement.onward import Notice, Recall, Resale
from market.settlement.refunds import Ground
from market.settlement.rules import Party, Settlement, WrongState
from market.settlement.service.books import READ
from market.settlement.service.listings import listing_of
from market.settlement.service.sale import WRITE, find_settlement
from market.settlement.service.steps import locked, note
from market.settlement.store import onward as store
from market.settlement.store import settlements


async def recall(
    tx: AsyncSession, actor: Actor, settlement_id: UUID, row_number: int, *, ground: Ground, reason: str,
    now: datetime, chance: Chance,
) -> Recall:  # fmt: skip
    """The seller, or the platform, recalls one account of a released sale; the worker tells every owner since.

    Raises `WrongState` before the release, `Malformed` for a row that is none. Locks the settlement.
    """
    require(actor, role=(Role.MEMBER, Role.OFFICER), scope=WRITE)
    require_person(actor)
    settlement = await _released(tx, settlement_id)
    if actor.user_id is None or (actor.role is Role.MEMBER and settlement.party(actor.org_id) is not Party.SELLER):
        raise NotFound("there is no such sale, or you are not its seller")
    _require_rows(settlement, row_number, row_number, field="row_number")
    if not 1 <= len(reason.strip()) <= 500:
        raise Malformed("a reason has 1 to 500 characters", field="reason")
    made = Recall(chance.new_id(), settlement_id, row_number, ground, reason.strip(), actor.user_id, now)
    await store.add_recall(tx, made)
    await note(tx, actor, settlement, "recalled", {"recall_id": made.recall_id, "ground": ground})
    return made


async def send_notices(tx: AsyncSession, recall_id: UUID, *, now: datetime, chance: Chance) -> list[Notice]:
    """Tell the buyer and, by the accounts' fingerprints, every later buyer on the market. Again: nobody is told twice."""
    found = await store.find_recall(tx, recall_id)
    settlement = await settlements.find(tx, found.settlement_id) if found else None
    if found is None or settlement is None:
        raise AssertionError("what was recalled was sold")
    receivers = [(settlement.settlement_id, settlement.buyer_org_id, None), *await store.later_sales(tx, found)]
    notices = [
        Notice(
            chance.new_id(), recall_id, org_id, sale_id, found.ground, found.row_number if tape_row is None else None,
            tape_row, await _names(tx, sale_id, found.row_number if tape_row is None else None), now,
        )
        for sale_id, org_id, tape_row in receivers
    ]  # fmt: skip
    await store.add_notices(tx, notices)
    body = {"recall_id": recall_id, "receiver_count": len(notices)}
    await note(tx, SYSTEM, settlement, "recall_sent", body)
    for each in notices:
        about = {"notice_id": each.notice_id, "settlement_id": each.settlement_id, "ground": each.ground}
        await journal.append(tx, SYSTEM, f"org:{each.org_id}", "recall.received", about)
    return notices


async def list_notices(tx: AsyncSession, actor: Actor, request: PageRequest) -> Page[Notice]:
    """Recalls sent to one's organisation, oldest first; all of them for the platform's people."""
    require(actor, scope=READ)
    return Page.cut(await store.list_notices(tx, request), request, lambda each: each.notice_id)


async def confirm_notice(tx: AsyncSession, actor: Actor, notice_id: UUID, *, now: datetime) -> Notice:
    """The receiver has stopped all activity on the account, and has told those to whom it sold it outside the market."""
    require(actor, role=Role.MEMBER, scope=WRITE)
    require_person(actor)
    found = await store.lock_notice(tx, notice_id)
    if found is None or found.org_id != actor.org_id or actor.user_id is None:
        raise NotFound("there is no such notice, or it was not sent to you")
    if found.confirmed_at is None:
        await store.confirm_notice(tx, notice_id, by=actor.user_id, now=now)
        body = {"notice_id": notice_id, "recall_id": found.recall_id}
        await journal.append(tx, actor, f"org:{found.org_id}", "recall.confirmed", body)
    return await store.lock_notice(tx, notice_id) or found


async def declare_resale(
    tx: AsyncSession, actor: Actor, settlement_id: UUID, rows: tuple[int, int], *, to_name: str, sold_on: date,
    now: datetime, chance: Chance,
) -> Resale:  # fmt: skip
    """The buyer says to whom it sold accounts outside the market, so that a recall reaches them. Locks the settlement.

    Raises `ResaleLimit` once the listing's number of resales is used up for one of the rows.
    """
    require(actor, role=Role.MEMBER, scope=WRITE)
    require_person(actor)
    settlement = await _released(tx, settlement_id)
    if settlement.party(actor.org_id) is not Party.BUYER or actor.user_id is None:
        raise NotFound("there is no such sale, or you are not its buyer")
    _require_rows(settlement, *rows, field="last_row")
    if not 1 <= len(to_name.strip()) <= 200 or not to_name.isprintable():
        raise Malformed("must have 1 to 200 printable characters", field="to_name")
    most = (await listing_of(tx, settlement)).sale_terms.most_resales
    before = await store.resales_of(tx, settlement_id)
    if sum(each.first_row <= rows[1] and rows[0] <= each.last_row for each in before) >= most:
        raise ResaleLimit(f"by the listing these accounts may be sold on {most} times", most_resales=most)
    made = Resale(chance.new_id(), settlement_id, *rows, to_name.strip(), sold_on, actor.user_id, now)
    await store.add_resale(tx, made)
    await note(tx, actor, settlement, "resale_declared", {"resale_id": made.resale_id, "count": 1 + rows[1] - rows[0]})
    return made


async def list_resales(tx: AsyncSession, actor: Actor, settlement_id: UUID) -> list[Resale]:
    """What was declared, for the parties and the platform."""
    await find_settlement(tx, actor, settlement_id)
    return await store.resales_of(tx, settlement_id)


async def _names(tx: AsyncSession, settlement_id: UUID, row_number: int | None) -> tuple[str, ...]:
    """To whom the account went outside the market; all that its buyer named, if the row is not known there."""
    found = await store.resales_of(tx, settlement_id)
    mine = [each for each in found if row_number is None or each.first_row <= row_number <= each.last_row]
    return tuple(dict.fromkeys(each.to_name for each in mine))


async def _released(tx: AsyncSession, settlement_id: UUID) -> Settlement:
    settlement = await locked(tx, settlement_id)
    if settlement.putback_until_at is None:
        raise WrongState("the accounts are sold with the release, not before", state=settlement.state.value)
    return settlement


def _require_rows(settlement: Settlement, first: int, last: int, *, field: str) -> None:
    if not 1 <= first <= last <= settlement.account_count:
        raise Malformed(f"must be rows of the sale file, 1 to {settlement.account_count}", field=field)
