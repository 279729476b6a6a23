"""A sale begins with the award, is paid, lapses, is cancelled, is closed."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.bidding import service as bidding
from market.journal import service as journal
from market.kit.actor import SYSTEM, Actor, Role
from market.kit.errors import Malformed, NotFound
from market.kit.ids import Chance
from market.kit.pages import Page, PageRequest
from market.parties.rules import require, require_person
from market.portfolios import service as portfolios
from market.settlement import moves
from market.settlement.calendar import statement_due_at
from market.settlement.rules import Party, Settlement, State, Step, advance, reference
from market.settlement.service.books import READ
from market.settlement.service.listings import Listing, of_auction
from market.settlement.service.steps import locked, note, require_free, take
from market.settlement.service.taxes import tax_of
from market.settlement.service.undoing import fail_seller, undo
from market.settlement.store import afterwards, ledger
from market.settlement.store import settlements as store

WRITE = "settlements:write"
"""A payment of the last day shows on a statement read the day after: nobody is in default before that."""


async def find_settlement(tx: AsyncSession, actor: Actor, settlement_id: UUID) -> Settlement:
    """A settlement as its parties and the platform may see it. Raises `NotFound`."""
    require(actor, scope=READ)
    found = await store.find(tx, settlement_id)
    if found is None:
        raise NotFound("there is no such settlement, or it is not yours")
    return found


async def list_settlements(tx: AsyncSession, actor: Actor, request: PageRequest) -> Page[Settlement]:
    """One's own settlements, newest first; all of them for the platform's people."""
    require(actor, scope=READ)
    return Page.cut(await store.list_all(tx, request), request, lambda found: found.settlement_id)


async def open_settlements(tx: AsyncSession, auction_id: UUID, *, chance: Chance) -> list[Settlement]:
    """Every award of an auction becomes a settlement: deposits of winners pass into escrow, the others' are freed.

    Who won several pools has its deposit applied to the first. Doing it again returns what there is. Locks the
    deposits' accounts.
    """
    awards = await bidding.awards_of(tx, auction_id)
    listing = of_auction(await bidding.find_auction(tx, auction_id))
    if not awards:
        raise AssertionError("an auction that was awarded has an award")
    if before := await store.of_auction(tx, auction_id):
        return before
    held = {each.org_id: each for each in await ledger.held_deposits(tx, auction_id)}
    opened, money = [], []
    for award in awards:
        sold = (award.pool_id, award.winner_org_id, award.hammer_cents, award.at)
        settlement = await begin(tx, listing, sold, chance.new_id())
        if mine := held.pop(award.winner_org_id, None):
            settlement = replace(settlement, deposit_cents=min(mine.amount_cents, settlement.price_cents))
            money += moves.deposit_applied(settlement, mine)
        await store.add(tx, settlement)
        opened.append(settlement)
    await ledger.apply(tx, [*money, *moves.deposits_freed(list(held.values()))])
    for settlement in opened:
        facts = {"hammer_cents": settlement.hammer_cents, "deposit_cents": settlement.deposit_cents}
        body = {"auction_id": auction_id, "freed_deposit_count": len(held)} | facts
        await note(tx, SYSTEM, settlement, "opened", body)
    return opened


async def begin(
    tx: AsyncSession, listing: Listing, sold: tuple[UUID, UUID, int, datetime], settlement_id: UUID
) -> Settlement:
    """A settlement as it begins; `sold` is which pool, to whom, at how many minor units, and when."""
    pool_id, buyer_org_id, hammer_cents, at = sold
    pool = await portfolios.find_pool(tx, SYSTEM, pool_id)
    terms, schedule = listing.sale_terms, listing.commission
    shares = schedule.shares(schedule.fee_cents(hammer_cents))
    on = at.astimezone(UTC).date()
    buyer_tax = await tax_of(tx, Party.BUYER, buyer_org_id, shares.buyer_cents, on)
    seller_tax = await tax_of(tx, Party.SELLER, listing.seller_org_id, shares.seller_cents, on)
    return Settlement(
        settlement_id=settlement_id,
        reference=reference("PSA", settlement_id),
        auction_id=listing.auction_id,
        delivery_id=listing.delivery_id,
        pool_id=pool_id,
        seller_org_id=listing.seller_org_id,
        buyer_org_id=buyer_org_id,
        currency=listing.currency,
        hammer_cents=hammer_cents,
        buyer_fee_cents=shares.buyer_cents,
        seller_fee_cents=shares.seller_cents,
        commission=schedule.to_json(),
        deposit_cents=0,
        state=State.AWARDED,
        awarded_at=at,
        sign_by_at=None,
        pay_by_at=None,
        putback_until_at=None,
        ended_at=None,
        account_count=pool.account_count or 0,
        face_value_cents=pool.face_value_cents or 0,
        holdback_cents=hammer_cents * terms.holdback_bps // 10_000,
        putback_days=terms.putback_days,
        forfeit_seller_bps=terms.forfeit_seller_bps,
        penalty_bps=terms.penalty_bps,
        buyer_tax_cents=buyer_tax.tax_cents if buyer_tax else 0,
        seller_tax_cents=seller_tax.tax_cents if seller_tax else 0,
        tax=[taxed.to_json() for taxed in (buyer_tax, seller_tax) if taxed],
    )


async def free_deposits(tx: AsyncSession, auction_id: UUID) -> int:
    """An auction ended without a sale: every deposit is its bidder's again. Returns how many there were."""
    held = await ledger.held_deposits(tx, auction_id)
    await ledger.apply(tx, moves.deposits_freed(held))
    for each in held:
        body = {"auction_id": auction_id, "transfer_id": each.transfer_id, "amount_cents": each.amount_cents}
        await journal.append(tx, SYSTEM, f"org:{each.org_id}", "deposit.freed", body)
    return len(held)


async def apply_funds(tx: AsyncSession, actor: Actor, waiting: Sequence[Settlement]) -> list[Settlement]:
    """Pay those settlements, oldest first, whose buyer's cash covers all that is due. The caller holds their locks."""
    paid = []
    for settlement in waiting:
        account = await ledger.find_account(tx, moves.cash(settlement.buyer_org_id), settlement.currency)
        if settlement.due_cents and (account is None or account.available_cents < settlement.due_cents):
            continue
        await ledger.apply(tx, moves.funded(settlement))
        body = {"paid_cents": settlement.due_cents, "price_cents": settlement.price_cents}
        paid.append(await take(tx, actor, settlement, Step.APPLY_FUNDS, body=body))
    return paid


async def payable_sales(tx: AsyncSession, *, now: datetime) -> list[UUID]:  # noqa: ARG001 - as all that finds work
    """Sales whose buyer has the money by now, oldest first; nothing moves yet."""
    return await store.payable(tx)


async def pay_sale(tx: AsyncSession, settlement_id: UUID, *, now: datetime) -> bool:  # noqa: ARG001 - as all that acts
    """Pay this sale; False if it is not awaited any more, or the money went to another. Locks its row."""
    settlement = await locked(tx, settlement_id)
    if settlement.state is not State.AWAITING_FUNDS or settlement.held_since_at is not None:
        return False
    return bool(await apply_funds(tx, SYSTEM, [settlement]))


async def lapse_due(tx: AsyncSession, *, now: datetime, only: UUID | None = None) -> list[Settlement]:
    """Sales whose time to sign or to pay is over end in default; a payment of the last day is waited for."""
    unsigned = [await _lapse_unsigned(tx, each, now) for each in await store.overdue(tx, State.SIGNING, now, only)]
    return unsigned + [await _lapse_unpaid(tx, each, now) for each in await unpaid_overdue(tx, now, only)]


async def unpaid_overdue(tx: AsyncSession, now: datetime, only: UUID | None = None) -> list[Settlement]:
    """Sales that were not paid, and no statement can say otherwise any more. Locks their rows."""
    found = await store.overdue(tx, State.AWAITING_FUNDS, now, only)
    return [each for each in found if _may_lapse_unpaid(each, now)]


async def _lapse_unsigned(tx: AsyncSession, settlement: Settlement, now: datetime) -> Settlement:
    """The buyer who did not sign forfeits its deposit; if it did, it is the seller who is in default."""
    if Party.BUYER in await store.signatures(tx, settlement.settlement_id):
        return await fail_seller(tx, SYSTEM, settlement, now=now)
    await ledger.apply(tx, moves.forfeited(settlement))
    await portfolios.mark_unsold(tx, SYSTEM, settlement.pool_id)
    body = {"deposit_cents": settlement.deposit_cents, "forfeited": True}
    return await take(tx, SYSTEM, settlement, Step.LAPSE_UNSIGNED, body=body, ended_at=now)


async def _lapse_unpaid(tx: AsyncSession, settlement: Settlement, now: datetime) -> Settlement:
    await ledger.apply(tx, moves.forfeited(settlement))
    await portfolios.mark_unsold(tx, SYSTEM, settlement.pool_id)
    body = {"deposit_cents": settlement.deposit_cents, "forfeited": True}
    return await take(tx, SYSTEM, settlement, Step.LAPSE_UNPAID, body=body, ended_at=now)


def _may_lapse_unpaid(settlement: Settlement, now: datetime) -> bool:
    due_at = settlement.pay_by_at
    return due_at is not None and statement_due_at(due_at, settlement.currency) <= now


async def ask_cancellation(
    tx: AsyncSession, actor: Actor, settlement_id: UUID, reason: str, *, now: datetime
) -> Settlement:
    """One party wants the sale undone; once both do, the worker undoes it and refunds the buyer in full.

    Asking again changes nothing. Raises `WrongState` once the sale is released or over.
    """
    require(actor, role=Role.MEMBER, scope=WRITE)
    require_person(actor)
    if not 1 <= len(reason.strip()) <= 500:
        raise Malformed("a reason has 1 to 500 characters", field="reason")
    settlement = await locked(tx, settlement_id)
    if actor.org_id is None or actor.user_id is None or settlement.party(actor.org_id) is None:
        raise NotFound("there is no such settlement, or it is not yours")
    require_step(settlement, Step.CANCEL)
    if actor.org_id not in await store.cancelling_orgs(tx, settlement_id):
        await store.add_cancellation(
            tx, settlement_id, org_id=actor.org_id, user_id=actor.user_id, reason=reason.strip(), now=now
        )
        await note(tx, actor, settlement, "cancellation_asked", {"party": settlement.party(actor.org_id)})
    return settlement


async def cancel_given_up(tx: AsyncSession, *, now: datetime, only: UUID | None = None) -> list[Settlement]:
    """Sales that both parties want undone: what lies in escrow is the buyer's again, the pool may be offered again."""
    return [await undo(tx, SYSTEM, settlement, Step.CANCEL, now=now) for settlement in await store.given_up(tx, only)]


async def close_due(tx: AsyncSession, *, now: datetime, only: UUID | None = None) -> list[Settlement]:
    """Sales whose put-back window is over are closed, once no put-back is open; what is still held back is the seller's."""
    due = await store.overdue(tx, State.PUTBACK_WINDOW, now, only)
    return [
        await _close(tx, each, now) for each in due if not await afterwards.open_put_back_count(tx, each.settlement_id)
    ]


async def _close(tx: AsyncSession, settlement: Settlement, now: datetime) -> Settlement:
    kept = await ledger.find_account(tx, moves.holdback(settlement.settlement_id), settlement.currency)
    holdback_cents = kept.balance_cents if kept else 0
    await ledger.apply(tx, moves.window_closed(settlement, holdback_cents))
    body = {"holdback_cents": holdback_cents, "refunded_face_cents": settlement.refunded_face_cents}
    return await take(tx, SYSTEM, settlement, Step.CLOSE, body=body, ended_at=now)


def require_step(settlement: Settlement, step: Step) -> None:
    """Raises `WrongState` unless `step` leaves the present state, `OnHold` while compliance holds the sale."""
    require_free(settlement)
    advance(settlement.state, step)
