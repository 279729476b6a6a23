"""From the award to the decrypted sale file."""

import asyncio
import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from market.client import opening
from market.client.settlement import Payout, Settlement
from market.demo.bank import Wire
from market.demo.cast import OFFICER_A, OFFICER_B, OPERATOR, SELLER, TRADERS, Character
from market.demo.checks import StoryEnds
from market.demo.steps import joining, money, vetting
from market.demo.world import World
from masking.commitment import SaleFileCheck

_POLL_S = 0.2
# A usual specimen: its check digit is right, the account is invented.
_ROUTING, _ACCOUNT = "123456780", "000000123456"


async def find(world: World, until: Callable[[Settlement], bool], *, timeout_s: float = 60) -> Settlement:
    """The settlement of the auction, once the worker has opened it and `until` holds."""
    found = await world[SELLER].wait_for_settlement(world.sale.auction_id, until, timeout_s=timeout_s, poll_s=0.1)
    world.sale.settlement_id = found.settlement_id
    return found


async def winner(world: World) -> Character:
    """Which of the traders the auction was awarded to."""
    sale = await find(world, lambda _: True)
    for who in TRADERS:
        if (await world[who].organisation()).org_id == sale.buyer_org_id:
            return who
    raise LookupError("the buyer is none of the traders")


def own_key(world: World) -> bytes:
    """The winner's private X25519 key, 32 bytes, drawn once; it never leaves the winner's machine."""
    if not world.private_key:
        world.private_key = world.chance.entropy(opening.KEY_BYTES)
    return world.private_key


async def sign(world: World, who: Character, *, is_buyer: bool) -> bytes:
    """A party reads the agreement and signs its digest; the agreement (PDF)."""
    document = await world[who].agreement(world.sale.settlement_id)
    await joining.prove_again(world, who)
    await world[who].sign_agreement(
        world.sale.settlement_id,
        agreement_sha256=hashlib.sha256(document).hexdigest(),
        typed_name=who.person,
        recipient_public_key=opening.public_key(own_key(world)) if is_buyer else None,
    )
    return document


async def name_bank_account(world: World) -> None:
    """The seller says where it is paid to, unless it did before."""
    if (await world[SELLER].bank_account()).holder_name is None:
        await joining.prove_again(world, SELLER)
        await world[SELLER].put_bank_account(
            holder_name=SELLER.organisation, routing_number=_ROUTING, account_number=_ACCOUNT
        )


async def prepare_release(world: World, officer: Character = OFFICER_A) -> None:
    """Officer A finds money, parties and bank account in order."""
    await world[officer].prepare_release(world.sale.settlement_id)


async def approve_release(world: World, officer: Character = OFFICER_B) -> None:
    """Officer B releases money and file in one transaction, once both sides were screened for it."""
    await joining.prove_again(world, officer)
    await vetting.once_screened(lambda: world[officer].approve_release(world.sale.settlement_id))


async def pay_out(world: World) -> Payout:
    """The operator gives the order to the bank, the bank pays, its statement is imported; the order."""
    await joining.prove_again(world, OPERATOR)
    orders = (await world[OPERATOR].payouts(limit=200)).items
    order = next(each for each in orders if each.settlement_id == world.sale.settlement_id)
    if order.state == "ordered":
        await world[OPERATOR].dispatch_payout(order.payout_id)
    if order.confirmed_at is None:
        world.bank.book(Wire(-order.amount_cents, order.reference, order.holder_name))
        await money.import_statement(world)
    return order


@dataclass(frozen=True, slots=True)
class Received:
    """What the winner holds in the end: the sale file in clear, and the verdict of its commitment."""

    content: bytes
    check: SaleFileCheck


async def receive(world: World, who: Character, commitment_root: str) -> Received:
    """Fetch the sealed file, open it with the own private key, and check every row against what was published."""
    client, settlement_id = world[who], world.sale.settlement_id
    keys = await client.sale_key(settlement_id)
    sealed = await client.sale_file(settlement_id)
    leaves = await client.leaves_file(settlement_id)
    opened, clear = opening.open_keys(keys, own_key(world)), io.BytesIO()
    opening.open_sale_file(keys, opened, io.BytesIO(sealed), clear)
    clear.seek(0)
    return Received(clear.getvalue(), opening.check_rows(clear, opened, leaves, commitment_root))


async def sealed_agreement(world: World, who: Character, *, timeout_s: float = 60) -> bytes:
    """The agreement as delivered, with the seals of both, once the worker has sealed it. Raises `StoryEnds`."""
    client, settlement_id = world[who], world.sale.settlement_id
    for _ in range(ceil(timeout_s / _POLL_S)):
        if any(each.kind == "agreement" for each in (await client.documents(settlement_id)).items):
            return await client.document(settlement_id, "agreement")
        await asyncio.sleep(_POLL_S)
    raise StoryEnds(f"the agreement was not sealed within {timeout_s:g} s")
