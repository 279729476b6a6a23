"""What random lives must have seen: each seed's round is led through some of it first, and asked for all of that in the end.

Leading is no more than choosing what is done next: the process dies, the bank repeats itself, and everything is looked at after
each step as ever. What a round has seen is read from the journal and from what was done and refused.
"""

from collections.abc import Awaitable, Callable

from market.settlement.rules import State, Step
from tests.settlement.lives import Life, Round, step

_MOST_TRIES = 30
_ON = {
    State.AWARDED: ("tick", "tick", "sleep"),  # who died with the agreement in hand keeps it for a while
    State.SIGNING: ("sign_both", "sign", "tick"),
    State.AWAITING_FUNDS: ("wire_due", "tick"),
    State.FUNDED: ("prepare",),
    State.RELEASE_REVIEW: ("approve",),
    State.RELEASED: ("send",),
    State.PAYOUT_SENT: ("bank_pays",),
}
"""What brings a sale on, from each state until its payout has arrived."""


async def seen_by(of: Round) -> set[str]:
    """Kinds of the journal in the streams of the round, and the faults that it met."""
    streams = [f"settlement:{life.sale.settlement_id}" for life in of.lives]
    streams += [f"org:{party.org_id}" for party in (of.seller, *of.buyers)]
    flows = await of.query("SELECT flow_id FROM forward_flow WHERE seller_org_id = :seller", seller=of.seller.org_id)
    streams += [f"flow:{flow.flow_id}" for flow in flows]
    kinds = await of.query("SELECT DISTINCT kind FROM journal WHERE stream = ANY(:streams)", streams=streams)
    swept = await of.query(
        "SELECT 1 FROM sweep JOIN payout ON payout_id = sweep_id WHERE sweep.org_id = :org", org=of.buyers[0].org_id
    )
    met = {row.kind for row in kinds} | {f"{name} refused" for name in of.refused}
    return met | of.met | ({"a process dies"} if of.mortal.deaths else set()) | ({"swept"} if swept else set())


async def bring_to(life: Life, state: State) -> None:
    """Through all states until this one."""
    tried = []
    for number in range(_MOST_TRIES):
        now = (await life.seen()).state
        if now is state:
            return
        tried.append(_ON[now][number % len(_ON[now])])
        await step(life, tried[-1])
    raise AssertionError(f"the sale does not get from {now} to {state} by {tried}")


async def take_steps(life: Life, *names: str) -> None:
    for name in names:
        await step(life, name)


async def until(life: Life, kind: str, *names: str) -> None:
    """These steps again and again, until the round has seen that."""
    for _ in range(_MOST_TRIES // 3):
        await take_steps(life, *names)
        if kind in await seen_by(life.around):
            return


async def paid_out(life: Life) -> None:
    """To the end of the window, with an order that the bank does not answer for days, and a statement that comes twice."""
    await bring_to(life, State.RELEASE_REVIEW)
    await take_steps(life, "approve_alone", "approve_and_die")
    await bring_to(life, State.PAYOUT_SENT)
    await take_steps(life, "provider_tells", "bring_out_of_order", "oversleep", "tick", "bring_again")
    await bring_to(life, State.PUTBACK_WINDOW)
    await take_steps(life, "bank_returns", "sit_out", "tick")


async def bought_by_the_next(life: Life) -> None:
    """The buyer signs and does not pay; the next bidder takes the pool, and pays."""
    await bring_to(life, State.AWAITING_FUNDS)
    await take_steps(life, "oversleep", "tick", "second_taken", "tick")
    (second,) = [each for each in life.around.lives if each.sale.pool_id == life.sale.pool_id and each is not life]
    await bring_to(second, State.RELEASE_REVIEW)
    await take_steps(life, "wire")  # late: it is the buyer's cash, and revives nothing
    await take_steps(second, "tick_twice", "approve")


async def declined_by_the_next(life: Life) -> None:
    await take_steps(life, "oversleep", "tick", "second_declined", "tick")


async def flowed(life: Life) -> None:
    """One period delivered, one missed, the rest void after a notice; what was delivered is paid for."""
    await take_steps(life, "flow_agree", "flow_deliver", "tick")
    delivered = next(each for each in life.around.lives if each.sale.delivery_id is not None)
    await bring_to(delivered, State.FUNDED)
    await take_steps(life, "oversleep", "oversleep", "flow_end", "tick", "oversleep", "tick")


async def swept(life: Life) -> None:
    """What no put-back can ask back any more leaves: commission, or tax."""
    await bring_to(life, State.PUTBACK_WINDOW)
    await take_steps(life, "sit_out", "tick")
    await until(life, "swept", "sweep")


async def paid_over_a_holiday(life: Life) -> None:
    """The bank is closed for a day of the time to pay; the sale is held until the eve of it."""
    await bring_to(life, State.SIGNING)
    await take_steps(life, "hold", "sleep_till_the_eve", "go_on")
    await bring_to(life, State.AWAITING_FUNDS)
    await take_steps(life, "wire_after_holiday")


async def paid_as_time_ends(life: Life) -> None:
    await bring_to(life, State.AWAITING_FUNDS)
    await take_steps(life, "wire_as_time_ends")


async def borne(life: Life) -> None:
    """Once commission is earned, the bank's charge comes out of it."""
    await bring_to(life, State.PUTBACK_WINDOW)
    await take_steps(life, "sit_out", "tick", "bank_charges")


async def paid_short(life: Life) -> None:
    """A unit is missing, and the commission of another sale bears it."""
    await bring_to(life, State.AWAITING_FUNDS)
    await take_steps(life, "wire_short")


async def put_back(life: Life) -> None:
    await bring_to(life, State.PUTBACK_WINDOW)
    await until(life, "settlement.putback_withdrawn", "put_back", "answer_no", "keep")
    await until(life, "settlement.putback_refunded", "put_back", "answer_yes", "pay_seller", "tick")


async def failed_by_the_seller(life: Life) -> None:
    await take_steps(life, "sign_buyer", "sign_buyer", "oversleep", "tick", "pay_seller", "tick")


async def undone(life: Life) -> None:
    await take_steps(life, "hold", "go_on", "dispute", "go_on", "cancel_both", "cancel_both", "tick")


Leading = Callable[[Life], Awaitable[None]]
_ARROWS = {f"settlement.{each}" for each in Step}
_OF_FLOWS = {"flow.accepted", "flow.delivered", "flow.period_missed", "flow.notice_given", "flow.ended"}
_FAULTS = {
    "duplicate webhook": "duplicate webhook",
    "two workers releasing": "two release",
    "two workers at anything else": "two workers",
    "crash between ledger and file": "a process dies releasing",
    "crash at any commit": "a process dies",
    "statement twice": "bring_again refused",
    "statement out of order": "bring_out_of_order refused",
    "payout response lost": "payout.unanswered",
    "payout comes back": "payout.returned",
    "time to pay runs out while funding posts": "time ends while funding posts",
    "bank holiday": "bank holiday",
    "late wire": "late wire",
    "one person approves what it prepared": "approve_alone refused",
}
"""What a settlement must survive, and by which trace of a round one sees that it was met."""
ALL = _ARROWS | _OF_FLOWS | set(_FAULTS.values()) | {
    "settlement.offered_on", "second_offer.accepted", "second_offer.declined", "settlement.held", "settlement.disputed",
    "settlement.cancellation_asked", "settlement.penalty_paid", "settlement.putback_claimed", "settlement.putback_refunded",
    "settlement.putback_withdrawn", "swept", "charge of the bank", "settlement.write_off_confirmed",
}  # fmt: skip
"""Every arrow of a sale, all that becomes of a forward flow, second offers, and the faults that are brought about here."""

PROMISED: dict[int, tuple[tuple[Leading, ...], set[str]]] = {
    0: ((paid_out,), {
        "a process dies", "a process dies releasing", "bring_again refused", "bring_out_of_order refused",
        "approve_alone refused", "payout.unanswered", "duplicate webhook",
        "settlement.agreement_issued", "settlement.signed", "settlement.funded", "settlement.release_prepared",
        "settlement.released", "settlement.payout_sent", "settlement.payout_confirmed", "settlement.putback_opened",
        "settlement.closed", "payout.returned",
    }),
    1: ((bought_by_the_next,), {
        "settlement.buyer_defaulted", "settlement.offered_on", "second_offer.accepted", "late wire", "two workers", "two release",
    }),
    2: ((flowed, paid_over_a_holiday), _OF_FLOWS | {"bank holiday"}),
    3: ((paid_as_time_ends, put_back), {"time ends while funding posts", "settlement.putback_claimed", "settlement.putback_refunded", "settlement.putback_withdrawn"}),
    4: ((failed_by_the_seller, undone), {
        "settlement.seller_defaulted", "settlement.penalty_paid", "settlement.held", "settlement.disputed",
        "settlement.cancellation_asked", "settlement.cancelled",
    }),
    5: ((declined_by_the_next, swept), {"settlement.sign_defaulted", "second_offer.declined", "swept"}),
    6: ((borne, paid_short), {"charge of the bank", "settlement.write_off_confirmed"}),
}  # fmt: skip
"""By seed: what its round is led through, one sale each, and what it must have seen then."""


async def lead(of: Round, ways: tuple[Leading, ...]) -> None:
    """Each way with a sale of its own, the others being held meanwhile: a hold stops their time."""
    waiting = of.lives[: len(ways)]
    for number, way in enumerate(ways):
        others = [each for each in of.lives if each is not waiting[number] and (await each.seen()).ended_at is None]
        for each in others:
            await step(each, "hold")
        await way(waiting[number])
        for each in others:
            await step(each, "go_on")
