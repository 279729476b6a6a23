"""A bidder places its deposit, and is registered for the auction in the same transaction."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.bidding import service as bidding
from market.journal import service as journal
from market.kit.actor import Actor, Role
from market.kit.errors import Malformed
from market.kit.money import show
from market.parties.rules import require
from market.settlement import moves
from market.settlement.rules import DepositHeld, InsufficientFunds, derived_id, reference
from market.settlement.store import ledger


@dataclass(frozen=True, slots=True)
class Deposit:
    """`transfer_id` is None where the auction asks for no deposit."""

    auction_id: UUID
    transfer_id: UUID | None
    amount_cents: int
    currency: str


async def place_deposit(tx: AsyncSession, actor: Actor, auction_id: UUID, key: str, *, now: datetime) -> Deposit:
    """Reserve the auction's deposit in the bidder's cash and register the bidder: both or neither.

    The same key again answers the same. Raises `InsufficientFunds` with the amounts and the payment reference,
    `DepositHeld` if another deposit is held, and whatever refuses the registration. Locks the auction, then the
    bidder's cash account; bids wait for it from there on.
    """
    require(actor, role=Role.MEMBER, scope="bids:write")
    if actor.org_id is None:
        raise AssertionError("a member belongs to an organisation")
    if not 1 <= len(key) <= 64 or not key.isascii() or not key.isprintable():
        raise Malformed("send a header Idempotency-Key with 1 to 64 printable characters", field="Idempotency-Key")
    needs = await bidding.find_auction(tx, auction_id)
    if not needs.deposit_cents:
        await bidding.register_bidder(tx, actor, auction_id, None, now)
        return Deposit(auction_id, None, 0, needs.currency)
    transfer_id = derived_id("deposit", auction_id, actor.org_id, key)
    deposit = Deposit(auction_id, transfer_id, needs.deposit_cents, needs.currency)
    if await ledger.find_entry(tx, transfer_id) is not None:
        return deposit
    # Nobody is sent to the bank for an auction that would not have it anyway, and nobody who is refused holds up a bid.
    await bidding.require_registrable(tx, actor.org_id, needs, now)
    await _require_money(tx, actor.org_id, deposit)
    needs = await bidding.registration_requirements(tx, auction_id)
    await bidding.require_registrable(tx, actor.org_id, needs, now)
    await _reserve(tx, actor.org_id, deposit, transfer_id)
    await bidding.register_bidder(tx, actor, auction_id, transfer_id, now)
    body = {"auction_id": auction_id, "transfer_id": transfer_id, "amount_cents": deposit.amount_cents}
    await journal.append(tx, actor, f"org:{actor.org_id}", "deposit.reserved", body)
    return deposit


async def _require_money(tx: AsyncSession, org_id: UUID, deposit: Deposit) -> None:
    account = await ledger.find_account(tx, moves.cash(org_id), deposit.currency)
    available_cents = account.available_cents if account else 0
    if await ledger.held_deposits(tx, deposit.auction_id, org_id=org_id):
        raise DepositHeld("your organisation's deposit for this auction is held already")
    if available_cents < deposit.amount_cents:
        pay_with = reference("DEP", org_id)
        raise InsufficientFunds(
            f"the deposit is {show(deposit.amount_cents, deposit.currency)} and "
            f"{show(available_cents, deposit.currency)} are free; wire the rest with the reference {pay_with}",
            required_cents=deposit.amount_cents,
            available_cents=available_cents,
            currency=deposit.currency,
            payment_reference=pay_with,
        )


async def _reserve(tx: AsyncSession, org_id: UUID, deposit: Deposit, transfer_id: UUID) -> None:
    await ledger.apply(
        tx,
        moves.deposit_pending(
            transfer_id,
            org_id=org_id,
            auction_id=deposit.auction_id,
            currency=deposit.currency,
            amount_cents=deposit.amount_cents,
        ),
    )
    # Only now, with the account locked, is it certain that no other deposit of this bidder came in between.
    if len(await ledger.held_deposits(tx, deposit.auction_id, org_id=org_id)) > 1:
        raise DepositHeld("your organisation's deposit for this auction is held already")
