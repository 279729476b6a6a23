"""Accounts go back: claimed by the buyer, answered by the seller, decided by an officer if they differ, refunded.

The buyer owns an account until its refund is booked; then, and in the same transaction, the chain of title says so.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.kit.actor import SYSTEM, Actor, Role
from market.kit.errors import Conflict, Malformed, NotFound
from market.kit.ids import Chance
from market.kit.pages import Page, PageRequest
from market.parties.rules import require, require_person
from market.portfolios import service as portfolios
from market.settlement import moves
from market.settlement.calendar import deadline
from market.settlement.moves import Refund
from market.settlement.refunds import Ground, PutBack, PutBackState, refund
from market.settlement.rules import (
    PUTBACK_ANSWER_BUSINESS_DAYS,
    Party,
    PutBackRefused,
    Settlement,
    State,
    WrongState,
)
from market.settlement.service.sale import WRITE, find_settlement
from market.settlement.service.steps import locked, note
from market.settlement.service.title import reassign
from market.settlement.store import afterwards as store
from market.settlement.store import ledger

_MAX_CLAIM_COUNT = 500
_PAYING = frozenset({State.RELEASED, State.PAYOUT_SENT, State.PAYOUT_CONFIRMED})
_COUNTED = "rows count the accounts of the sale file: the first account is row 1, one less than a spreadsheet shows"
_SHA256 = re.compile(r"[0-9a-f]{64}")


class NoEvidence(Conflict):
    slug, title = "no-evidence", "There is nothing to see behind the claim"


@dataclass(frozen=True, slots=True)
class Claim:
    """A row of the sale file, its balance there, why it goes back, and the digest of the evidence."""

    row_number: int
    face_value_cents: int
    ground: Ground
    evidence_sha256: str


async def claim_put_backs(
    tx: AsyncSession, actor: Actor, settlement_id: UUID, claims: Sequence[Claim], *, now: datetime, chance: Chance
) -> list[PutBack]:
    """The buyer wants to give accounts back, all of them or none. Locks the settlement.

    Raises `WrongState` outside the window, `Malformed` naming the claim at fault (also for another balance than the
    sale file's), `PutBackRefused` for a row that is claimed already.
    """
    settlement, user_id = await _as(tx, actor, settlement_id, Party.BUYER)
    _require_window(settlement, now)
    _require_sound(claims, settlement)
    known = await store.claimed_rows(tx, settlement_id)
    if again := sorted(known & {claim.row_number for claim in claims}):
        raise PutBackRefused(f"row {again[0]} is claimed already", row_number=again[0])
    await _require_balances(tx, claims, settlement)
    made = [
        PutBack(
            put_back_id=chance.new_id(),
            settlement_id=settlement_id,
            row_number=claim.row_number,
            face_value_cents=claim.face_value_cents,
            ground=claim.ground,
            evidence_sha256=claim.evidence_sha256,
            claimed_by=user_id,
            claimed_at=now,
            answer_by_at=deadline(now, PUTBACK_ANSWER_BUSINESS_DAYS, settlement.currency),
            state=PutBackState.CLAIMED,
        )
        for claim in claims
    ]
    await store.add_put_backs(tx, made)
    body = {"count": len(made), "face_value_cents": sum(each.face_value_cents for each in made)}
    await note(tx, actor, settlement, "putback_claimed", body)
    return made


async def answer_put_back(
    tx: AsyncSession, actor: Actor, put_back_id: UUID, *, accept: bool, reason: str | None, now: datetime
) -> PutBack:
    """The seller accepts a claim, or disputes it in time with a reason for an officer to decide. Locks the settlement."""
    settlement, found, user_id = await _of(tx, actor, put_back_id, Party.SELLER)
    _require_state(found, PutBackState.CLAIMED)
    if not accept and now >= found.answer_by_at:
        raise WrongState(
            f"the claim was to be disputed until {found.answer_by_at:%Y-%m-%d %H:%M} UTC; silence has accepted it, also while"
            " its refund waits for your money",
            state=found.state.value,
        )
    if not accept and not reason:
        raise Malformed("say why: 1 to 500 characters", field="reason")
    state = PutBackState.ACCEPTED if accept else PutBackState.DISPUTED
    await store.move_put_back(tx, put_back_id, state, reason=_reason(reason), answered_by=user_id, answered_at=now)
    await note(tx, actor, settlement, f"putback_{state}", {"put_back_id": put_back_id})
    return await _again(tx, put_back_id)


async def withdraw_put_back(tx: AsyncSession, actor: Actor, put_back_id: UUID) -> PutBack:
    """The buyer keeps the account after all. Locks the settlement."""
    settlement, found, _ = await _of(tx, actor, put_back_id, Party.BUYER)
    _require_state(found, PutBackState.CLAIMED, PutBackState.DISPUTED)
    await store.move_put_back(tx, put_back_id, PutBackState.WITHDRAWN)
    await note(tx, actor, settlement, "putback_withdrawn", {"put_back_id": put_back_id})
    return await _again(tx, put_back_id)


async def decide_put_back(
    tx: AsyncSession, actor: Actor, put_back_id: UUID, *, uphold: bool, reason: str, now: datetime
) -> PutBack:
    """An officer decides a disputed claim. Locks the settlement. Raises `NoEvidence` for one upheld on nothing to see."""
    require(actor, role=Role.OFFICER, scope=WRITE)
    require_person(actor)
    found = await _known(tx, put_back_id)
    settlement = await locked(tx, found.settlement_id)
    _require_state(await _again(tx, put_back_id), PutBackState.DISPUTED)
    if uphold and found.evidence_sha256 not in await store.evidence_handed_in(tx, settlement.settlement_id):
        raise NoEvidence("the buyer has not handed in the document whose digest the claim names")
    state = PutBackState.ACCEPTED if uphold else PutBackState.DECLINED
    await store.move_put_back(tx, put_back_id, state, reason=_reason(reason), decided_by=actor.user_id, decided_at=now)
    await note(tx, actor, settlement, f"putback_{'upheld' if uphold else 'declined'}", {"put_back_id": put_back_id})
    return await _again(tx, put_back_id)


async def list_put_backs(tx: AsyncSession, actor: Actor, settlement_id: UUID, request: PageRequest) -> Page[PutBack]:
    """A sale's claims, oldest first, for its parties and the platform."""
    await find_settlement(tx, actor, settlement_id)
    found = await store.list_put_backs(tx, settlement_id, request)
    return Page.cut(found, request, lambda each: each.put_back_id)


async def payable_put_backs(tx: AsyncSession, *, now: datetime) -> list[UUID]:
    """What is accepted or was not answered in time; nothing moves yet."""
    return [each.put_back_id for each in await store.payable(tx, now)]


async def pay_put_back(tx: AsyncSession, put_back_id: UUID, *, now: datetime) -> bool:
    """One refund with its re-assignment, as far as hold-back and the seller's free cash reach; False if the money is not
    there yet, or it was paid meanwhile. Locks settlement, then accounts.
    """
    settlement = await locked(tx, (await _known(tx, put_back_id)).settlement_id)
    claimed = await _again(tx, put_back_id)
    if claimed.state not in {PutBackState.ACCEPTED, PutBackState.CLAIMED} or settlement.held_since_at is not None:
        return False
    due = await _affordable(tx, settlement, claimed)
    if due is None:
        await store.note_attempt(tx, claimed.put_back_id, now)
        return False
    if claimed.state is PutBackState.CLAIMED:
        await store.move_put_back(tx, claimed.put_back_id, PutBackState.ACCEPTED)
    await ledger.apply(tx, moves.put_back(settlement, claimed.put_back_id, due))
    await reassign(tx, settlement, claimed, now)
    price_cents = due.from_holdback_cents + due.from_seller_cents
    await store.add_refund(
        tx,
        settlement.settlement_id,
        refunded_face_cents=claimed.face_value_cents,
        refunded_price_cents=price_cents,
        refunded_buyer_fee_cents=due.buyer_fee_cents,
        refunded_seller_fee_cents=due.seller_fee_cents,
        refunded_buyer_tax_cents=due.buyer_tax_cents,
        refunded_seller_tax_cents=due.seller_tax_cents,
    )
    total_cents = price_cents + due.buyer_fee_cents + due.buyer_tax_cents
    await store.move_put_back(tx, claimed.put_back_id, PutBackState.REFUNDED, refund_cents=total_cents, refunded_at=now)
    body = {"put_back_id": claimed.put_back_id, "refund_cents": total_cents}
    await note(tx, SYSTEM, settlement, "putback_refunded", body)
    return True


async def _affordable(tx: AsyncSession, settlement: Settlement, claimed: PutBack) -> Refund | None:
    """What the refund gives back, if seller and platform have by now what the hold-back does not cover."""

    async def free_cents(name: str) -> int:
        account = await ledger.find_account(tx, name, settlement.currency)
        return account.available_cents if account else 0

    due = refund(settlement, claimed.face_value_cents, await free_cents(moves.holdback(settlement.settlement_id)))
    fee_cents, own_tax_cents = due.buyer_fee_cents + due.seller_fee_cents, due.seller_tax_cents
    seller_cents = await free_cents(moves.cash(settlement.seller_org_id)) + due.seller_fee_cents + own_tax_cents
    covered = due.from_seller_cents <= seller_cents and fee_cents <= await free_cents(moves.COMMISSION)
    return due if covered and due.buyer_tax_cents + own_tax_cents <= await free_cents(moves.TAX) else None


def _require_window(settlement: Settlement, now: datetime) -> None:
    """Raises `WrongState` naming the state, and when accounts can be put back instead."""
    state, until = settlement.state, settlement.putback_until_at
    if state is State.PUTBACK_WINDOW and until is not None and now < until:
        return
    if state in _PAYING and until is not None and now < until:
        why = (
            "the bank has not confirmed the seller's payout yet; accounts can be put back once its statement does (the"
            f" settlement is then {State.PUTBACK_WINDOW}) and until {until:%Y-%m-%d %H:%M} UTC: claim again then"
        )
    elif until is not None and now >= until:
        why = f"accounts could be put back until {until:%Y-%m-%d %H:%M} UTC; the window has closed"
    else:
        why = "accounts can be put back after the release, once the bank has confirmed the seller's payout"
    raise WrongState(f"the settlement is {state}: {why}", state=state.value)


def _require_sound(claims: Sequence[Claim], settlement: Settlement) -> None:
    if not 1 <= len(claims) <= _MAX_CLAIM_COUNT:
        raise Malformed(f"claim 1 to {_MAX_CLAIM_COUNT} rows at a time", field="claims")
    seen: set[int] = set()
    for index, claim in enumerate(claims):
        if not 1 <= claim.row_number <= settlement.account_count or claim.row_number in seen:
            raise Malformed(
                f"must be a row of the sale file, 1 to {settlement.account_count}, named once ({_COUNTED})",
                field=f"claims[{index}].row_number",
            )
        if not _SHA256.fullmatch(claim.evidence_sha256):
            raise Malformed("must be a SHA-256 in lower-case hex", field=f"claims[{index}].evidence_sha256")
        seen.add(claim.row_number)


async def _require_balances(tx: AsyncSession, claims: Sequence[Claim], settlement: Settlement) -> None:
    """What an account brings back follows from the balance that it was sold at, not from what its buyer says."""
    sold = await portfolios.balances(tx, settlement.pool_id, [claim.row_number for claim in claims])
    for index, claim in enumerate(claims):
        field = f"claims[{index}].face_value_cents"
        if (cents := sold.get(claim.row_number, 0)) < 1:
            raise Malformed(
                f"row {claim.row_number} was sold without a balance: it brings nothing back ({_COUNTED})", field=field
            )
        if claim.face_value_cents != cents:
            # Which balance the row has is not said: whoever miscounts would put back somebody else's account with it.
            raise Malformed(
                f"row {claim.row_number} was sold at another balance: see whether it is the row that you mean ({_COUNTED})",
                field=field,
            )


def _require_state(found: PutBack, *wanted: PutBackState) -> None:
    if found.state not in wanted:
        raise WrongState(f"the put-back is {found.state}; this needs {' or '.join(wanted)}", state=found.state.value)


def _reason(given: str | None) -> str | None:
    if given is None or not given.strip():
        return None
    if len(given.strip()) > 500:
        raise Malformed("a reason has 1 to 500 characters", field="reason")
    return given.strip()


async def _as(tx: AsyncSession, actor: Actor, settlement_id: UUID, party: Party) -> tuple[Settlement, UUID]:
    require(actor, role=Role.MEMBER, scope=WRITE)
    require_person(actor)
    settlement = await locked(tx, settlement_id)
    if settlement.party(actor.org_id) is not party or actor.user_id is None:
        raise NotFound(f"there is no such sale, or you are not its {party}")
    return settlement, actor.user_id


async def _of(tx: AsyncSession, actor: Actor, put_back_id: UUID, party: Party) -> tuple[Settlement, PutBack, UUID]:
    found = await _known(tx, put_back_id)
    settlement, user_id = await _as(tx, actor, found.settlement_id, party)
    return settlement, await _again(tx, put_back_id), user_id


async def _known(tx: AsyncSession, put_back_id: UUID) -> PutBack:
    found = await store.find_put_back(tx, put_back_id)
    if found is None:
        raise NotFound("there is no such put-back, or it is not yours")
    return found


async def _again(tx: AsyncSession, put_back_id: UUID) -> PutBack:
    """The put-back as it is now that its settlement is locked."""
    return await _known(tx, put_back_id)
