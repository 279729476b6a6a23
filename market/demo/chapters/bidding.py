"""Chapter 4: three buyers bid live; the auction closes by itself."""

import asyncio
from datetime import timedelta

from market.client.messages import Ack
from market.demo.cast import BUYER_A, BUYER_B, BUYER_C, OFFICER_B, SELLER, Character
from market.demo.steps import offer, vetting
from market.demo.steps.hall import Hall
from market.demo.steps.offer import Figures
from market.demo.world import World
from market.kit.money import show

_NO_AMOUNTS: tuple[object, ...] = ("one million", 1.5, -100, 10**30)


async def tell(world: World, figures: Figures) -> None:
    """From the first refused bid to the award."""
    world.teller.chapter(4, "Live bids over /v1/live")
    async with Hall(world, SELLER, BUYER_A, BUYER_B, BUYER_C) as hall:
        await hall.until_open()
        await _refusals(world, hall, figures)
        await _newcomer(world, hall, figures)
        await _duel(world, hall, figures)
        await _late_bid(world, hall, figures)
        last = await hall.until_over()
        await _afterwards(world, hall, figures)
        world.checks.equal("the auction ends in an award", expected="awarded", seen=last.kind)
        _same_for_all(world, hall)


async def _refusals(world: World, hall: Hall, figures: Figures) -> None:
    checks = world.checks
    before = hall.state(BUYER_A)["seq"]
    low = await _bid(world, hall, BUYER_B, figures.opening_cents - figures.increment_cents)
    checks.equal(
        "a bid below the opening is refused and told the least next bid",
        expected=("BID_TOO_LOW", figures.opening_cents),
        seen=(low.code, low.min_next_cents),
    )
    own = await _bid(world, hall, SELLER, figures.opening_cents)
    checks.refused("the seller's bid on its own pool", expected="OWN_POOL", seen=own.code)
    shown = ", ".join("10^30" if amount == 10**30 else repr(amount) for amount in _NO_AMOUNTS)
    codes = [await hall.nonsense(BUYER_A, amount) for amount in _NO_AMOUNTS]
    world.teller.refusal(BUYER_A.label, f"bids {shown}:", codes[0])
    checks.equal("what is no amount is turned away", expected={"MALFORMED amount_cents"}, seen=set(codes))
    checks.equal("no refused bid left an event", expected=before, seen=hall.state(BUYER_A)["seq"])


async def _newcomer(world: World, hall: Hall, figures: Figures) -> None:
    """Buyer C is cleared and registered while the auction runs."""
    teller, checks = world.teller, world.checks
    first = await _bid(world, hall, BUYER_A, figures.opening_cents)
    checks.equal("the opening bid is accepted", expected="accepted", seen=first.status)
    no = await _bid(world, hall, BUYER_C, figures.step(1))
    checks.refused("a bid without clearance", expected="NOT_CLEARED", seen=no.code)
    await vetting.approve(world, world.sale.waiting_case_id)
    teller.say(f"approves {BUYER_C.organisation}, now", who=OFFICER_B.label)
    no = await _bid(world, hall, BUYER_C, figures.step(1))
    checks.refused("a bid without a deposit", expected="NO_DEPOSIT", seen=no.code)
    await offer.place_deposit(world, BUYER_C)
    teller.say("places the deposit", who=BUYER_C.label)
    yes = await _bid(world, hall, BUYER_C, figures.step(1))
    checks.equal("the same bid with clearance and deposit is accepted", expected="accepted", seen=yes.status)


async def _duel(world: World, hall: Hall, figures: Figures) -> None:
    """A proxy answers for its bidder; the reserve is met."""
    teller, checks, currency = world.teller, world.checks, world.bank.currency
    teller.say(f"sets a secret ceiling of {show(figures.step(5), currency)}", who=BUYER_B.label)
    await hall.proxy(BUYER_B, figures.step(5))
    answered = await _bid(world, hall, BUYER_A, figures.step(3))
    seen = await hall.caught_up(BUYER_C, answered.seq)
    checks.equal("the proxy answers with one increment more", expected=figures.step(4), seen=seen["price_cents"])
    slip = await _bid(world, hall, BUYER_A, figures.step(4) * 20)
    checks.refused("an amount that looks like a slip of the finger", expected="CONFIRM_NEEDED", seen=slip.code)
    checks.equal("the reserve is not met yet", expected=False, seen=hall.state(BUYER_A)["reserve_met"])
    await _bid(world, hall, BUYER_A, figures.reserve_cents)
    mark = await hall.until_heard("reserve_met")
    seen = await hall.caught_up(BUYER_A, mark.seq)
    checks.equal("the mark «reserve met» appears to a bidder", expected=True, seen=seen["reserve_met"])


async def _late_bid(world: World, hall: Hall, figures: Figures) -> None:
    """In the last seconds a bid moves the close, so that the others can answer."""
    half_window = timedelta(seconds=world.sale.window_s / 2)
    closes_at = hall.closes_at
    await hall.sleep_until(closes_at - half_window)
    await _bid(world, hall, BUYER_C, figures.step(9))
    await hall.until_heard("close_extended")
    world.checks.holds(
        "a late bid moves the close",
        expected=f"later than {closes_at:%H:%M:%S.%f}",
        seen=f"{hall.closes_at:%H:%M:%S.%f}",
        held=hall.closes_at > closes_at,
    )
    await asyncio.sleep(world.options.pace.pause_s)
    answer = await _bid(world, hall, BUYER_A, figures.step(10))
    world.checks.equal("the answer in the extension is accepted", expected="accepted", seen=answer.status)


async def _afterwards(world: World, hall: Hall, figures: Figures) -> None:
    late = await _bid(world, hall, BUYER_B, figures.step(20))
    world.checks.refused("a bid after the close", expected="TOO_LATE", seen=late.code)
    closed = await hall.until_heard("auction_closed")
    world.checks.holds(
        "it closed by itself, at or after its time by the database's clock",
        expected=f"{hall.closes_at:%H:%M:%S.%f} or later",
        seen=f"{closed.at:%H:%M:%S.%f}",
        held=closed.at >= hall.closes_at,
    )


def _same_for_all(world: World, hall: Hall) -> None:
    """Everybody heard the same events in the same order; a buyer who joined late may begin with a summary."""
    told = {who: {seq: event.kind for seq, event in events.items()} for who, events in hall.heard.items()}
    full = told[SELLER]
    world.checks.equal("the feed has no gap", expected=list(range(min(full), max(full) + 1)), seen=sorted(full))
    for who in (BUYER_A, BUYER_B):
        world.checks.equal(f"{who.label} heard what the seller heard", expected=full, seen=told[who])
    late = told[BUYER_C]
    world.checks.equal(
        f"{BUYER_C.label} heard the same, as far as it was told events",
        expected=({seq: full.get(seq) for seq in late}, max(full)),
        seen=(late, hall.state(BUYER_C)["seq"]),
    )


async def _bid(world: World, hall: Hall, who: Character, cents: int) -> Ack:
    currency = world.bank.currency
    world.teller.say(f"bids {show(cents, currency)}", who=who.label)
    ack = await hall.bid(who, cents)
    if ack.status != "accepted":
        least = f", at least {show(ack.min_next_cents, currency)}" if ack.min_next_cents else ""
        world.teller.refusal("", "", f"{ack.code}{least}")
    await asyncio.sleep(world.options.pace.pause_s)
    return ack
