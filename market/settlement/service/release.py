"""The release: two people, one transaction. Money, key, payout order and journal come together or not at all."""

import json
from datetime import datetime, timedelta
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from sqlalchemy.ext.asyncio import AsyncSession

from market.compliance import service as compliance
from market.compliance.screening import service as screening
from market.kit.actor import Actor, Role
from market.kit.errors import Conflict, NotFound
from market.kit.ids import Chance
from market.kit.money import show
from market.kit.vault import Vault
from market.parties.rules import require, require_person
from market.portfolios import service as portfolios
from market.portfolios.rules import SalePackage
from market.settlement import moves
from market.settlement.rules import (
    NotReleased,
    Party,
    PayoutState,
    Settlement,
    Step,
    TwoPeople,
    UnmatchedDebit,
    WrongState,
    reference,
)
from market.settlement.service import title
from market.settlement.service.books import READ, require_books_hold
from market.settlement.service.payouts import usable_bank_account
from market.settlement.service.sale import WRITE, require_step
from market.settlement.service.steps import locked, note, take
from market.settlement.store import bank, ledger
from market.settlement.store import settlements as store
from market.settlement.store.bank import BankAccount, Payout
from market.settlement.store.settlements import KeyGrant, Preparation
from masking.envelope import release_key

_RELEASERS = (Role.OFFICER, Role.OPERATOR)
_SCREENED_WITHIN = timedelta(days=1)
"""However long the second person takes: what was found on an earlier day does not release."""


class SaleFileDiffers(Conflict):
    slug, title = "sale-file-differs", "The sale file is not the one in the agreement"


async def prepare_release(tx: AsyncSession, actor: Actor, settlement_id: UUID, *, now: datetime) -> Settlement:
    """The first of two people finds that money, parties and bank account are in order."""
    settlement, user_id = await _releasable(tx, actor, settlement_id, Step.PREPARE_RELEASE, now=now)
    await _agreed_package(tx, settlement)
    await store.add_preparation(tx, settlement_id, Preparation(user_id, now))
    return await take(tx, actor, settlement, Step.PREPARE_RELEASE)


async def approve_release(
    tx: AsyncSession, actor: Actor, settlement_id: UUID, *, now: datetime, chance: Chance, vault: Vault
) -> Settlement:
    """The second person releases: commission and proceeds are booked, the payout is ordered, the buyer gets the keys.

    Raises `TwoPeople` for the one who prepared, `ChecksPending` until both sides were screened since the preparation and
    within a day, and whatever is not in order any more. Locks settlement, pool, accounts.
    """
    settlement, user_id = await _releasable(tx, actor, settlement_id, Step.APPROVE_RELEASE, now=now)
    prepared = await store.find_preparation(tx, settlement_id)
    if prepared is None or prepared.prepared_by == user_id:
        raise TwoPeople("who prepared a release does not approve it")
    for org_id in (settlement.seller_org_id, settlement.buyer_org_id):
        await screening.require_screened(tx, org_id, since=max(prepared.at, now - _SCREENED_WITHIN))
    account = await usable_bank_account(tx, settlement.seller_org_id, now)
    package = await _agreed_package(tx, settlement)
    await store.add_approval(tx, settlement_id, prepared_by=prepared.prepared_by, approved_by=user_id, now=now)
    await ledger.apply(tx, moves.released(settlement))
    await store.add_grant(tx, await _grant(tx, settlement, package, vault=vault, now=now))
    payout = _payout(settlement, account, chance.new_id(), now)
    await bank.add_payout(tx, payout)
    await title.assign(tx, settlement, now)
    await portfolios.mark_sold(tx, actor, settlement.pool_id)
    body = {
        "fee_cents": settlement.fee_cents,
        "proceeds_cents": settlement.proceeds_cents,
        "payout_id": payout.payout_id,
        "file_sha256": package.file.sha256,
    }
    return await take(
        tx,
        actor,
        settlement,
        Step.APPROVE_RELEASE,
        body=body,
        putback_until_at=now + timedelta(days=settlement.putback_days),
    )


async def sale_key(tx: AsyncSession, actor: Actor, settlement_id: UUID) -> KeyGrant:
    """The keys sealed to the winner, for the winner alone. Raises `NotFound` for others, `NotReleased` before."""
    require(actor, role=Role.MEMBER, scope=READ)
    settlement = await store.find(tx, settlement_id)
    if settlement is None or settlement.party(actor.org_id) is not Party.BUYER:
        raise NotFound("there is no such sale, or you are not its buyer")
    grant = await store.find_grant(tx, settlement_id)
    if grant is None:
        raise NotReleased("the sale file is handed over with the release")
    return grant


async def take_file(tx: AsyncSession, actor: Actor, settlement_id: UUID, what: str) -> KeyGrant:
    """The winner fetches a file of the sale (`sale_file` or `leaves_file`); each time is recorded."""
    grant = await sale_key(tx, actor, settlement_id)
    settlement = await store.find(tx, settlement_id)
    if settlement is None:
        raise AssertionError("what was granted is a settlement's")
    await note(tx, actor, settlement, f"{what}_taken", {"file_sha256": grant.file_sha256})
    return grant


async def _releasable(
    tx: AsyncSession, actor: Actor, settlement_id: UUID, step: Step, *, now: datetime
) -> tuple[Settlement, UUID]:
    """The locked settlement once everything that a release needs was looked at, and who looks.

    What both parties want undone is not released meanwhile, however long the worker takes.
    """
    require(actor, role=_RELEASERS, scope=WRITE)
    require_person(actor)
    settlement = await locked(tx, settlement_id)
    require_step(settlement, step)
    if len(await store.cancelling_orgs(tx, settlement_id)) == 2:
        raise WrongState("both parties want the sale undone; it is about to be, and the buyer refunded")
    await compliance.require_clearance(tx, settlement.seller_org_id, "list", now, side="the seller")
    await compliance.require_clearance(
        tx, settlement.buyer_org_id, "bid", now, currency=settlement.currency, side="the buyer"
    )
    await usable_bank_account(tx, settlement.seller_org_id, now, side="the seller")
    await _require_no_unmatched_debit(tx, settlement.currency)
    await require_books_hold(tx)
    account = await ledger.find_account(tx, moves.escrow(settlement_id), settlement.currency)
    if actor.user_id is None or account is None or account.balance_cents != settlement.price_cents:
        raise AssertionError("a funded sale has its whole price in escrow")
    return settlement, actor.user_id


async def _require_no_unmatched_debit(tx: AsyncSession, currency: str) -> None:
    """A wire that the bank took back is still in the ledger: nothing is paid out of money that may not be there."""
    if unmatched := await bank.unmatched_debits(tx, currency):
        oldest = unmatched[0]
        raise UnmatchedDebit(
            f"{show(oldest.amount_cents, currency)} left the bank account without an order (bank's reference "
            f"{oldest.entry_ref}); it is settled by a wire of the same amount that names this reference",
            unmatched_count=len(unmatched),
            entry_id=str(oldest.entry_id),
        )


async def _agreed_package(tx: AsyncSession, settlement: Settlement) -> SalePackage:
    """The pool's sale file, if it is the very one that both signed for. Raises `SaleFileDiffers`."""
    package = await portfolios.sale_package(tx, settlement.pool_id)
    agreement = await store.find_agreement(tx, settlement.settlement_id)
    agreed = json.loads(agreement.facts)["schedule"] if agreement else {}
    digests = tuple(agreed.get(name) for name in ("sale_file_sha256", "commitment_root", "tape_version"))
    totals = (settlement.account_count, settlement.face_value_cents)
    if (*digests, *totals) != (
        package.file.sha256,
        package.commitment_root,
        package.tape_version,
        package.account_count,
        package.face_value_cents,
    ):
        raise SaleFileDiffers(
            "rows, totals, digest, commitment or tape version differ from the signed agreement; dispute the sale, "
            "and two officers find the seller in default"
        )
    return package


async def _grant(
    tx: AsyncSession, settlement: Settlement, package: SalePackage, *, vault: Vault, now: datetime
) -> KeyGrant:
    signed = (await store.signatures(tx, settlement.settlement_id))[Party.BUYER]
    recipient = X25519PublicKey.from_public_bytes(signed.recipient_public_key or b"")
    info = f"settlement/v1|{settlement.settlement_id}|{settlement.pool_id}|{package.file.sha256}"
    data_key = vault.unwrap(package.wrapped_key, package.key_context)
    commit_key = vault.unwrap(package.wrapped_commit_key, package.commit_key_context)
    return KeyGrant(
        settlement_id=settlement.settlement_id,
        org_id=settlement.buyer_org_id,
        file_sha256=package.file.sha256,
        leaves_sha256=package.leaves.sha256,
        released_key=release_key(data_key, recipient, f"{info}|sale".encode()),
        released_commit_key=release_key(commit_key, recipient, f"{info}|commit".encode()),
        info=info,
        at=now,
    )


def _payout(settlement: Settlement, account: BankAccount, payout_id: UUID, now: datetime) -> Payout:
    return Payout(
        payout_id=payout_id,
        settlement_id=settlement.settlement_id,
        org_id=settlement.seller_org_id,
        bank_account_id=account.bank_account_id,
        reference=reference("PAYOUT", payout_id),
        amount_cents=settlement.proceeds_cents,
        currency=settlement.currency,
        state=PayoutState.ORDERED,
        ordered_at=now,
        sent_at=None,
        confirmed_at=None,
        confirmed_entry_id=None,
    )
