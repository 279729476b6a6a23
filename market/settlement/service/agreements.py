"""The agreement: shown before bidding, issued after the award, signed by both."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from sqlalchemy.ext.asyncio import AsyncSession

from market.bidding import service as bidding
from market.kit.actor import SYSTEM, Actor, Role
from market.kit.errors import Malformed, NotFound
from market.parties import service as parties
from market.parties.rules import require, require_person
from market.portfolios import service as portfolios
from market.settlement.agreement import Deal, Document, Goods, Signatory, state_facts
from market.settlement.calendar import deadline
from market.settlement.rules import (
    PAY_BUSINESS_DAYS,
    SIGN_BUSINESS_DAYS,
    AlreadySigned,
    OtherAgreement,
    Party,
    Settlement,
    State,
    Step,
    WrongState,
)
from market.settlement.service.books import READ
from market.settlement.service.listings import Listing, listing_of, of_auction
from market.settlement.service.sale import WRITE, require_step
from market.settlement.service.steps import locked, note, take
from market.settlement.store import settlements as store
from market.settlement.store.settlements import Signature

_ISSUE_LEASE = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Signing:
    """What a party sends to sign: the digest of what it read, its name as typed, and (the buyer) its X25519 key."""

    agreement_sha256: str
    typed_name: str
    recipient_public_key: bytes | None = None


async def specimen_facts(tx: AsyncSession, auction_id: UUID) -> str:
    """The facts of the agreement that a winner of this auction will be asked to sign, with blanks.

    A transaction of the platform: the caller has checked that the reader may see the auction.
    """
    auction = await bidding.find_auction(tx, auction_id)
    return await _facts(tx, of_auction(auction), auction.pool_id, None)


async def claim_unissued(tx: AsyncSession, now: datetime) -> tuple[Settlement, str] | None:
    """A settlement that awaits its agreement, taken for two minutes, and the agreement's facts. Locks its row."""
    settlement = await store.claim_unissued(tx, now=now, until=now + _ISSUE_LEASE)
    if settlement is None:
        return None
    deal = Deal(
        reference=settlement.reference,
        dated_at=settlement.awarded_at,
        buyer=await signatory(tx, settlement.buyer_org_id),
        hammer_cents=settlement.hammer_cents,
        buyer_fee_cents=settlement.buyer_fee_cents,
        seller_fee_cents=settlement.seller_fee_cents,
        deposit_cents=settlement.deposit_cents,
        buyer_tax_cents=settlement.buyer_tax_cents,
        seller_tax_cents=settlement.seller_tax_cents,
    )
    return settlement, await _facts(tx, await listing_of(tx, settlement), settlement.pool_id, (deal, settlement))


async def issue(tx: AsyncSession, settlement_id: UUID, document: Document, now: datetime) -> Settlement:
    """The agreement goes out to be signed within two business days. A second worker's issue changes nothing."""
    settlement = await locked(tx, settlement_id)
    if settlement.state is not State.AWARDED:
        return settlement
    await store.add_agreement(tx, settlement_id, document, now)
    sign_by_at = deadline(now, SIGN_BUSINESS_DAYS, settlement.currency)
    body = {"agreement_sha256": document.sha256, "sign_by_at": sign_by_at}
    return await take(tx, SYSTEM, settlement, Step.ISSUE_AGREEMENT, body=body, sign_by_at=sign_by_at)


async def find_agreement(tx: AsyncSession, actor: Actor, settlement_id: UUID) -> Document:
    """The issued agreement, for its parties and the platform. Raises `NotFound` before it is issued."""
    require(actor, scope=READ)
    found = await store.find_agreement(tx, settlement_id)
    if found is None:
        raise NotFound("there is no such agreement yet, or it is not yours")
    return found


async def signatures(tx: AsyncSession, settlement_id: UUID) -> Mapping[Party, Signature]:
    """Who signed so far."""
    return await store.signatures(tx, settlement_id)


async def sign(tx: AsyncSession, actor: Actor, settlement_id: UUID, given: Signing, *, now: datetime) -> Settlement:
    """A party signs the issued agreement; with both signatures the buyer's payment is due in three business days.

    The same signature again changes nothing. Raises `OtherAgreement`, `AlreadySigned`, `WrongState` (also after the
    deadline), `Malformed`.
    """
    require(actor, role=Role.MEMBER, scope=WRITE)
    require_person(actor)
    settlement = await locked(tx, settlement_id)
    signature = _signature(settlement, actor, given, now)
    before = await store.signatures(tx, settlement_id)
    if signature.party in before:
        _require_same(before[signature.party], signature)
        return settlement
    require_step(settlement, Step.COMPLETE_SIGNATURES)
    if settlement.sign_by_at is None or now >= settlement.sign_by_at:
        raise WrongState("the time to sign is over")
    if await store.agreement_sha256(tx, settlement_id) != given.agreement_sha256:
        raise OtherAgreement("that is not the digest of the issued agreement; read it again", field="agreement_sha256")
    await store.add_signature(tx, settlement_id, signature)
    body = {"party": signature.party, "agreement_sha256": given.agreement_sha256}
    await note(tx, actor, settlement, "signature_given", body)
    if not before:
        return settlement
    pay_by_at = deadline(now, PAY_BUSINESS_DAYS, settlement.currency)
    due = {"due_cents": settlement.due_cents, "pay_by_at": pay_by_at}
    return await take(tx, actor, settlement, Step.COMPLETE_SIGNATURES, body=due, pay_by_at=pay_by_at)


def _signature(settlement: Settlement, actor: Actor, given: Signing, now: datetime) -> Signature:
    party = settlement.party(actor.org_id)
    if party is None or actor.org_id is None or actor.user_id is None:
        raise NotFound("there is no such settlement, or it is not yours")
    name = " ".join(given.typed_name.split())
    if not 2 <= len(name) <= 140 or not name.isprintable():
        raise Malformed("type your name: 2 to 140 printable characters", field="typed_name")
    _require_key(party, given.recipient_public_key)
    return Signature(actor.org_id, party, actor.user_id, name, given.agreement_sha256, given.recipient_public_key, now)


def _require_key(party: Party, key: bytes | None) -> None:
    """The buyer names a sound X25519 key: of small order, it would let anybody open what is sealed to it (RFC 7748 § 6.1)."""
    if party is Party.SELLER:
        if key is not None:
            raise Malformed("only the buyer names a key", field="recipient_public_key")
        return
    try:
        X25519PrivateKey.from_private_bytes(bytes(31) + b"\x01").exchange(X25519PublicKey.from_public_bytes(key or b""))
    except ValueError:
        raise Malformed("must be an X25519 public key, 32 bytes in base64", field="recipient_public_key") from None


def _require_same(before: Signature, again: Signature) -> None:
    said = (before.agreement_sha256, before.typed_name, before.recipient_public_key)
    if said != (again.agreement_sha256, again.typed_name, again.recipient_public_key):
        raise AlreadySigned("your organisation has signed already, with other content")


async def _facts(tx: AsyncSession, listing: Listing, pool_id: UUID, sold: tuple[Deal, Settlement] | None) -> str:
    """The masked file is named as the buyer has it: under its own tokens, if it took a copy."""
    deal, settlement = sold or (None, None)
    package = await portfolios.sale_package(tx, pool_id)
    pool = await portfolios.find_pool(tx, SYSTEM, pool_id)
    # A portfolio is its seller's to read, and this is the seller's own agreement.
    owner = Actor(Role.MEMBER, org_id=package.org_id)
    portfolio = await portfolios.find_portfolio(tx, owner, package.portfolio_id)
    copy = await portfolios.vetted_sha256(tx, pool_id, settlement.buyer_org_id) if settlement else None
    goods = Goods(
        pool_id=package.pool_id,
        name=pool.name,
        currency=package.currency,
        account_count=package.account_count,
        face_value_cents=package.face_value_cents,
        cut_off_on=portfolio.cut_off_on,
        states=package.debtor_states,
        sale_file_sha256=package.file.sha256,
        masked_sha256=copy or package.vetted.sha256,
        tape_version=package.tape_version,
        commitment_root=package.commitment_root,
    )
    seller = await signatory(tx, package.org_id)
    return state_facts(seller, goods, listing.commission, deal, sale_terms=listing.sale_terms, flow=listing.under)


async def signatory(tx: AsyncSession, org_id: UUID) -> Signatory:
    """An organisation as it signs; for a transaction of the platform."""
    found = await parties.find_organisation(tx, org_id)
    if found is None:
        raise AssertionError("a party of a sale exists")
    return Signatory(found.name, found.country, found.registration_number)
