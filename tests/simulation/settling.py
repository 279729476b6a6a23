"""What follows a simulated market day: its awards are settled on the real database, by a clock that is moved on.

Deaths at commit points, wires that are partial, late or repeated, defaults and next bidders, holds, put-backs and payouts that
come back are drawn from the day's seed (`tests.settlement.lives`). Ids and the real database's clock are not, so the same seed
gives the same draws but not the same bytes.
"""

import json
from collections import Counter
from collections.abc import Sequence

from market.kit.actor import SYSTEM
from market.settlement import service
from tests.settlement import lives, promises
from tests.settlement.banks import Bank
from tests.settlement.lives import Round, Sold
from tests.simulation.market_day import Day

_LEAST_HAMMER_CENTS = 2  # the real auction is bought at once, above an opening bid
_STEPS_A_SALE = 6


def awards_of(day: Day) -> list[Sold]:
    """What the day's auctions sold, one for every winner and price, with the best bid of another below it."""
    bidders = [str(person.actor.org_id) for person in day.bidders]
    found = []
    for name in day.names:
        events = [json.loads(text) for text in day.database.texts[name]]
        last = events[-1]
        won = last.get("awards") or ([last | {"bidder": last["winner"]}] if last["kind"] == "awarded" else [])
        found += [_sold(each["bidder"], each["hammer_cents"], events, bidders) for each in won]
    return found


def _sold(winner: str, hammer_cents: int, events: Sequence[dict], bidders: Sequence[str]) -> Sold:
    hammer_cents = max(_LEAST_HAMMER_CENTS, hammer_cents)
    below = [
        (event["amount_cents"], event["bidder"])
        for event in events
        if event.get("bidder") not in {None, winner} and 0 < (event.get("amount_cents") or 0) < hammer_cents
    ]
    next_cents, next_bidder = max(below, default=(None, next(each for each in bidders if each != winner)))
    return Sold(hammer_cents, bidders.index(winner), next_cents, bidders.index(next_bidder))


async def settle(bank: Bank, day: Day, *, most_sales: int | None = None) -> Counter[str]:
    """Settle what the day (which has run) sold, or some of it, to the end of every sale. Returns what happened, by name.

    One buyer of each day with a next bidder does not pay, and the next bidder takes the pool.

    AssertionError names the seed, as the day itself does.
    """
    try:
        awards = sorted(awards_of(day), key=lambda sold: sold.next_cents is None)[:most_sales]
        sold = await lives.begin(bank, day.seed, awards, buyer_count=len(day.bidders))
        if awards and awards[0].next_cents is not None:
            await promises.lead(sold, (promises.bought_by_the_next,))
        await lives.lived(sold, _STEPS_A_SALE * len(sold.lives))
        await lives.ended(sold)
        await _must_balance(bank)
    except Exception as error:
        raise AssertionError(f"a market day was not settled well: seed {day.seed}: {error!r}") from error
    return await _happened(sold)


async def _must_balance(bank: Bank) -> None:
    """Every balance from the log; bank statements, `bank:fbo` and claims; debits and credits; no counter adrift."""
    async with bank.context.db.begin(SYSTEM) as tx:
        checked = await service.check_ledger(tx, SYSTEM)
        proofs = await service.trial_balance(tx, SYSTEM)
    assert checked.holds, checked.lines()
    assert all(proof.holds for proof in proofs), proofs


async def _happened(sold: Round) -> Counter[str]:
    happened = Counter(
        {f"a sale in {sold.currency}": len(sold.lives), "a process dies at a commit": sold.mortal.deaths}
    )
    for life in sold.lives:
        sale = await life.seen()
        happened[f"a sale ends as {sale.state}"] += 1
        happened["a sale is released"] += sale.putback_until_at is not None
        happened["an account is put back"] += sale.refunded_face_cents > 0
    happened.update({f"somebody does {name}": count for name, count in sold.took.items()})
    happened.update({f"somebody is refused {name}": count for name, count in sold.refused.items()})
    return happened
