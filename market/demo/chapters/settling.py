"""Chapter 5: agreement, money, release, and the sale file in the winner's hands."""

import hashlib

from market.client.portfolios import Pool
from market.client.settlement import Settlement
from market.demo.cast import BUYERS, OFFICER_A, SELLER, Character
from market.demo.steps import money, settling
from market.demo.steps.settling import Received
from market.demo.world import World, refusal, slug_of
from market.kit.money import show


async def tell(world: World, pool: Pool) -> tuple[Character, Received]:
    """The winner, and what it received."""
    world.teller.chapter(5, "Agreement, escrow, release, sale file")
    winner = await settling.winner(world)
    await _sign(world, winner)
    await _fund(world, winner)
    await _release(world, winner)
    await _pay_out(world)
    return winner, await _hand_over(world, pool, winner)


async def _sign(world: World, winner: Character) -> None:
    teller, checks, currency = world.teller, world.checks, world.bank.currency
    sale = await settling.find(world, lambda found: found.state == "signing")
    teller.say(f"awarded to {winner.organisation} for {show(sale.hammer_cents, currency)}", who="market")
    await settling.name_bank_account(world)
    world.agreement = await settling.sign(world, winner, is_buyer=True)
    digest = hashlib.sha256(world.agreement).hexdigest()
    teller.say(f"signs the agreement (PDF, SHA-256 {digest[:16]}…) and names its public key", who=winner.label)
    document = await settling.sign(world, SELLER, is_buyer=False)
    teller.say("signs the same agreement", who="seller")
    checks.equal(
        "both parties signed the very same PDF",
        expected=(b"%PDF", digest),
        seen=(world.agreement[:4], hashlib.sha256(document).hexdigest()),
    )
    sale = await settling.find(world, lambda found: found.state != "signing")
    checks.equal("with both signatures the payment is due", expected="awaiting_funds", seen=sale.state)


async def _fund(world: World, winner: Character) -> None:
    teller, currency = world.teller, world.bank.currency
    sale = await settling.find(world, lambda _: True)
    await money.wire_in(world, winner, sale.due_cents, sale.payment_reference)
    teller.say(
        f"wires {show(sale.due_cents, currency)} (price {show(sale.price_cents, currency)}, deposit"
        f" {show(sale.deposit_cents, currency)} counted) with reference {sale.payment_reference}",
        who=winner.label,
    )
    imported = await money.import_statement(world)
    teller.say("imports the bank's statement", who="operator")
    world.checks.equal(
        "the statement funds the escrow", expected=(sale.settlement_id,), seen=tuple(imported.funded_settlement_ids)
    )


async def _release(world: World, winner: Character) -> None:
    teller, checks = world.teller, world.checks
    await settling.prepare_release(world)
    teller.say("finds money, parties and bank account in order and prepares the release", who=OFFICER_A.label)
    no = await refusal(settling.approve_release(world, OFFICER_A))
    teller.refusal(OFFICER_A.label, "approves its own preparation:", no.detail if no else "(nothing)")
    checks.refused("the approval of a release by who prepared it", expected="two-people", seen=slug_of(no))
    early = await refusal(world[winner].sale_key(world.sale.settlement_id))
    checks.refused("the winner's request for the keys before the release", expected="not-released", seen=slug_of(early))
    before = {each.transfer_id for each in await money.transfers(world)}
    await settling.approve_release(world)
    sale = await settling.find(world, lambda _: True)
    booked = [each for each in await money.transfers(world) if each.transfer_id not in before]
    world.teller.table(
        "Released by officer B in one transaction, together with the keys of the sale file",
        ("What", "From", "To", "Amount#"),
        [(each.kind, _name(each.debit), _name(each.credit), show(each.amount_cents, each.currency)) for each in booked],
    )
    checks.equal(
        "the release books the commission and the seller's proceeds, and orders the payout",
        expected={("commission", _fee(sale)), ("proceeds", sale.proceeds_cents), ("payout", sale.proceeds_cents)},
        seen={(each.kind, each.amount_cents) for each in booked},
    )


async def _pay_out(world: World) -> None:
    order = await settling.pay_out(world)
    sale = await settling.find(world, lambda found: found.state in {"payout_confirmed", "putback_window"})
    world.teller.say(
        f"the bank pays the seller {show(order.amount_cents, order.currency)} ({order.reference}); its statement confirms it",
        who="operator",
    )
    world.checks.equal("the payout is what the seller is owed", expected=sale.proceeds_cents, seen=order.amount_cents)


async def _hand_over(world: World, pool: Pool, winner: Character) -> Received:
    teller, checks = world.teller, world.checks
    received = await settling.receive(world, winner, pool.commitment_root or "")
    teller.say(f"decrypts the sale file with its own private key: {len(received.content):,} bytes", who=winner.label)
    checks.equal(
        "every row of the sale file is the row that was masked and committed to",
        expected=(True, pool.account_count),
        seen=(received.check.ok, received.check.rows_count),
    )
    for who in (each for each in BUYERS if each is not winner):
        for what, asked in (
            ("the keys", world[who].sale_key(world.sale.settlement_id)),
            ("the sale file", world[who].sale_file(world.sale.settlement_id)),
        ):
            no = await refusal(asked)
            checks.refused(f"the request of {who.label}, who lost, for {what}", expected="not-found", seen=slug_of(no))
        teller.refusal(who.label, "asks for the sale file:", no.detail if no else "(nothing)")
    return received


def _fee(sale: Settlement) -> int:
    return sale.buyer_fee_cents + sale.seller_fee_cents


def _name(account: str) -> str:
    """An account's name without its id: `org:0190…:cash` is an organisation's cash."""
    kind, _, rest = account.partition(":")
    return f"{kind} cash" if kind == "org" else kind if kind in {"escrow", "deposit"} else f"{kind}:{rest}"
