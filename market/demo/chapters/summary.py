"""Chapter 6: what it came to, and files that anybody can check."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from market.client.portfolios import Pool
from market.client.settlement import LedgerAccount, Settlement
from market.demo import results
from market.demo.cast import OPERATOR, SELLER, TRADERS, Character
from market.demo.steps import money, settling
from market.demo.steps.settling import Received
from market.demo.world import World
from market.kit.money import price_bps, show
from market.settlement.documents import checking


async def tell(world: World, pool: Pool, winner: Character, received: Received) -> None:
    """Sum up, prove the books, leave the files."""
    world.teller.chapter(6, "What it came to")
    sale = await settling.find(world, lambda _: True)
    auction = await world[SELLER].auction(world.sale.auction_id)
    _sums(world, pool, sale, winner, auction.commission)
    await _who_got_what(world)
    lines = await _prove_books(world, sale)
    log = await world[SELLER].auction_log(world.sale.auction_id)
    agreement = await settling.sealed_agreement(world, winner)
    out = world.options.out
    files = {
        "masked.csv": world.masked[winner],
        "auction.jsonl": log,
        "PSA.pdf": agreement,
        "authority.pem": await world[winner].document_authority(),
        "ledger.csv": results.as_csv(results.LEDGER_COLUMNS, lines),
        "sale-file.csv": received.content,
    }
    results.write(out, files)
    await _verify_log(world, sale)
    await _verify_agreement(world, winner, agreement)
    world.checks.equal(
        "the sale file has a row for every account",
        expected=pool.account_count,
        seen=results.count_rows(received.content),
    )
    facts = _facts(world, pool, sale, winner, received)
    results.write(out, {"report.json": results.report(facts)})
    world.teller.say(f"{out}/: {', '.join([*files, 'report.json'])}", who="files")


async def _verify_log(world: World, sale: Settlement) -> None:
    status, words = await results.run_market("auction", "verify", f"{world.options.out / 'auction.jsonl'}")
    price = show(sale.hammer_cents, sale.currency)
    world.teller.say(words.strip().splitlines()[-1], who="verify")
    world.checks.holds(
        "market auction verify replays the log to the same award",
        expected=f"status 0, awarded at {price}",
        seen=f"status {status}, {words.strip()[-200:]}",
        held=status == 0 and words.strip().endswith(f" at {price}"),
    )


async def _verify_agreement(world: World, winner: Character, sealed: bytes) -> None:
    """The agreement in the folder is the one that both signed, sealed, and names the masked file beside it."""
    out, checks = world.options.out, world.checks
    status, words = await results.run_market(
        "documents", "verify", f"{out / 'PSA.pdf'}", "--authority", f"{out / 'authority.pem'}"
    )
    wrong = [line for line in words.splitlines() if not line.startswith("ok ")]
    checks.equal("market documents verify finds the agreement sealed and whole", expected=(0, []), seen=(status, wrong))
    checks.holds(
        "it begins with the very PDF that both signed",
        expected=f"{len(world.agreement)} bytes or more",
        seen=f"{len(sealed)} bytes",
        held=sealed.startswith(world.agreement),
    )
    schedule = (checking.facts_of(sealed) or {}).get("schedule", {})
    checks.equal(
        "its Exhibit B names the SHA-256 of the winner's own masked file",
        expected=schedule.get("masked_sha256"),
        seen=hashlib.sha256(world.masked[winner]).hexdigest(),
    )


def _sums(world: World, pool: Pool, sale: Settlement, winner: Character, commission: Mapping[str, Any]) -> None:
    face, currency = pool.face_value_cents or 0, sale.currency
    bps = price_bps(sale.hammer_cents, face)
    rows = [
        ("Accounts", f"{pool.account_count:,}"),
        ("Face value", show(face, currency)),
        ("Price", show(sale.hammer_cents, currency)),
        ("Price per unit of face value", f"{bps / 100:.2f} cents on the dollar"),
        ("Buyer", winner.organisation),
        *_commission(sale, commission["tiers"]),
        ("The buyer paid", show(sale.price_cents, currency)),
        ("The seller received", show(sale.proceeds_cents, currency)),
    ]
    world.teller.table(f"Sold: {pool.name}", ("What", "Amount#"), rows)
    world.checks.equal(
        "what the buyer paid = what the seller received + commission",
        expected=sale.price_cents,
        seen=sale.proceeds_cents + sale.buyer_fee_cents + sale.seller_fee_cents,
    )


def _commission(sale: Settlement, tiers: Sequence[Mapping[str, int]]) -> list[tuple[str, str]]:
    """A line for each tier that the price reaches, and the fee that they come to."""
    ends = [*(tier["from_cents"] for tier in tiers[1:]), sale.hammer_cents]
    parts = [
        (tier["rate_bps"], min(end, sale.hammer_cents) - tier["from_cents"])
        for tier, end in zip(tiers, ends, strict=True)
        if tier["from_cents"] < sale.hammer_cents
    ]
    lines = [(f"  {bps / 100:g} % commission on", show(cents, sale.currency)) for bps, cents in parts]
    return [*lines, ("Commission", show(sale.buyer_fee_cents + sale.seller_fee_cents, sale.currency))]


async def _who_got_what(world: World) -> None:
    rows = []
    for who in TRADERS:
        held: tuple[LedgerAccount, ...] = (await world[who].ledger_accounts()).items
        cash = next((each for each in held if each.name.endswith(":cash")), None)
        free, total = (cash.available_cents, cash.balance_cents) if cash else (0, 0)
        rows.append((who.organisation, show(total, world.bank.currency), show(free, world.bank.currency)))
        world.checks.equal(f"nothing of {who.label}'s money is held any more", expected=total, seen=free)
    world.teller.table("Cash in the market's books", ("Organisation", "Balance#", "Free#"), rows)


async def _prove_books(world: World, sale: Settlement) -> list[dict[str, Any]]:
    """The server's own proof, and the same sums again from the transfers."""
    checks = world.checks
    proof = await world[OPERATOR].trial_balance()
    books = next(each for each in proof.currencies if each.currency == sale.currency)
    checks.equal(
        "trial balance: debits = credits, bank = claims + income, statement = bank",
        expected=(0, 0, 0, 0),
        seen=(
            books.difference_cents,
            books.bank_difference_cents,
            books.statement_difference_cents,
            books.drifted_account_count,
        ),
    )
    checks.equal("the bank's own balance is the market's", expected=world.bank.balance_cents, seen=books.bank_cents)
    lines = results.ledger_lines(await money.transfers(world))
    moved = results.balances(lines)
    checks.equal("all postings together come to zero", expected=0, seen=sum(moved.values()))
    known = {each.name: each.balance_cents for each in await money.accounts(world) if each.currency == sale.currency}
    checks.equal(
        "each account's balance is the sum of its transfers",
        expected={name: abs(cents) for name, cents in known.items() if cents},
        seen={name: abs(cents) for name, cents in moved.items()},
    )
    checks.equal(
        "the commission is the market's income",
        expected=-(sale.buyer_fee_cents + sale.seller_fee_cents),
        seen=moved["rev:commission"],
    )
    return lines


def _facts(world: World, pool: Pool, sale: Settlement, winner: Character, received: Received) -> dict[str, Any]:
    """For report.json; written before the last word, so it counts the checks up to here."""
    face = pool.face_value_cents or 0
    return {
        "pool": pool.name,
        "account_count": pool.account_count,
        "face_value_cents": face,
        "currency": sale.currency,
        "buyer": winner.organisation,
        "hammer_cents": sale.hammer_cents,
        "price_bps": price_bps(sale.hammer_cents, face),
        "commission_cents": sale.buyer_fee_cents + sale.seller_fee_cents,
        "buyer_paid_cents": sale.price_cents,
        "seller_received_cents": sale.proceeds_cents,
        "commitment_root": pool.commitment_root,
        "sale_file_row_count": results.count_rows(received.content),
        "auction_id": world.sale.auction_id,
        "settlement_id": world.sale.settlement_id,
        "elapsed_s": round(world.teller.elapsed_s, 1),
        "checks_held": not world.checks.failed,
        "checks": world.checks.as_json(),
    }
