"""What a refund is paid from, and whose turn it is when there is no money for some."""

from dataclasses import replace

from market.settlement import moves
from market.settlement.refunds import PutBackState
from tests import factories
from tests.settlement.books import balance, books_hold
from tests.settlement.test_putbacks import HAMMER, answer, claim, in_window, pay, seen


async def with_poor_seller(bank):
    """The same market, where a new seller sells, who has nothing once it was paid."""
    poor = replace(bank, seller=await factories.seller(bank.context, bank.officers))
    await factories.name_bank_account(bank.context, poor.seller)
    return poor


async def test_a_seller_pays_a_refund_from_the_commission_that_it_gets_back_itself(bank):
    context, poor = bank.context, await with_poor_seller(bank)
    pool_id = await factories.keyed_pool(context, poor.seller, [25_000_000])
    settlement, buyer = await in_window(poor, holdback_bps=0, pool_id=pool_id)
    assert settlement.seller_fee_cents > 1
    (given,) = await claim(context, buyer, settlement, 1, face=25_000_000)
    await answer(context, poor.seller, given, accept=True)
    await bank.pay_in(poor.seller, HAMMER - settlement.seller_fee_cents - 1)
    assert given.put_back_id not in {each.put_back_id for each in await pay(context)}
    await bank.pay_in(poor.seller, 1)
    refunded = {each.put_back_id: each for each in await pay(context)}[given.put_back_id]
    assert (refunded.state, refunded.refund_cents) == (PutBackState.REFUNDED, settlement.price_cents)
    assert await balance(context, moves.cash(poor.seller.org_id)) == (0, 0)
    assert await books_hold(context)


async def test_a_hundred_refunds_that_wait_for_money_keep_no_other_waiting(bank):
    """As many as are looked at in one turn: the next turn is for those that were not looked at yet."""
    context, poor = bank.context, await with_poor_seller(bank)
    stuck, its_buyer = await in_window(poor, holdback_bps=0)
    await claim(context, its_buyer, stuck, *range(1, 101))
    settlement, buyer = await in_window(bank)
    (given,) = await claim(context, buyer, settlement, 1)
    late = bank.later(days=20)
    paid = {each.put_back_id for _ in range(2) for each in await pay(late)}
    assert given.put_back_id in paid
    assert (await seen(context, its_buyer, stuck.settlement_id)).refunded_face_cents == 0
