"""Random lives of sales, from a seed: every command by everybody in any order, time that passes, a bank that repeats itself,
sends statements out of order, takes wires back and returns payouts, and closes on holidays; providers that tell everything twice,
workers that do the same at once; and a process that dies before or after any commit.

Several sales of the same parties go on at once, in a currency, under taxes, tiers and terms that are drawn too.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import partial
from hashlib import sha256
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text
from structlog.testing import capture_logs

from market.bidding.commission import Payer, Schedule, Tier
from market.db.session import Database
from market.kit.actor import SYSTEM, Actor
from market.kit.errors import MarketError
from market.kit.pages import PageRequest
from market.settlement import jobs, moves, service
from market.settlement.calendar import us_holidays
from market.settlement.rails.stripe import read_event
from market.settlement.refunds import Ground, PutBackState
from market.settlement.rules import InsufficientFunds, Outcome, PayoutState, Settlement, State
from market.settlement.statement import digest, read_statements
from market.settlement.sweeps import Source
from tests import factories
from tests.settlement import flowing, wires
from tests.settlement.banks import Bank
from tests.settlement.books import balance, books_hold
from tests.settlement.test_life import public_key
from tests.settlement.test_rails_stripe import SECRET, event, signed
from tests.settlement.wires import Wire

TICKS = (
    jobs.follow_journal, jobs.issue_agreements, jobs.apply_funds, jobs.pay_put_backs, jobs.pass_deadlines, jobs.pass_flows,
    jobs.doubt_payouts,
)  # fmt: skip
CURRENCIES = ("USD", "JPY", "KWD")
"""Two digits after the point, none, and three."""
COUNTRIES = ("IS", "LU", "MT", "PT")
"""Where no other test states a tax."""
BALANCES = (1_00, 77_77, 500_00, 4_000_00, 245_421_23)
_NEW_YORK = ZoneInfo("America/New_York")
_EVIDENCE = b"papers"
_MOST_TRIES = 60
_MOST_ROUNDS = 120
_ENOUGH_CENTS = 10**9


class Died(BaseException):
    """The process is gone: before the commit nothing happened, after it nobody was told. No handler of errors catches it."""


@dataclass
class Mortal:
    """A database whose user dies now and then, on either side of a commit."""

    db: Database
    chance: random.Random
    risk: float
    deaths: int = 0

    @asynccontextmanager
    async def begin(self, actor: Actor) -> AsyncIterator[Any]:
        fate = self.chance.random()
        async with self.db.begin(actor) as tx:
            yield tx
            if fate < self.risk / 2:
                self._die()
        if fate < self.risk:
            self._die()

    def _die(self) -> None:
        self.deaths += 1
        raise Died

    def __getattr__(self, name: str) -> Any:
        return getattr(self.db, name)


@dataclass(frozen=True)
class Sold:
    """What an auction left: who bought at what, and the bid behind it if there was one. `parties` index the buyers."""

    hammer_cents: int
    winner: int = 0
    next_cents: int | None = None
    next_bidder: int = 1


@dataclass
class Round:
    """Sales of the same parties in one currency, and what they share: the time, the bank, the process that dies.

    `took` counts what was done and `refused` what was not, by name; `met` are faults that leave no other trace.
    """

    bank: Bank
    chance: random.Random
    currency: str
    seller: factories.Party
    buyers: Sequence[factories.Party]
    days: int = 0
    last_statement: bytes = b""
    mortal: Mortal | None = None
    lives: list["Life"] = field(default_factory=list)
    took: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    met: set[str] = field(default_factory=set)
    holiday: date = date.min

    @property
    def context(self) -> Any:
        alive = self.bank.later(days=self.days)
        return replace(alive, db=self.mortal) if self.mortal else alive

    @property
    def now(self) -> Any:
        return self.context.clock.now()

    @property
    def today(self) -> date:
        """Where dollars are paid."""
        return self.now.astimezone(_NEW_YORK).date()

    async def act(self, name: str, action: Callable[[], Awaitable[object]]) -> None:
        """Do it until the process lives through it; a refusal is an answer too. What a worker logs as a fault is one here."""
        for _ in range(_MOST_TRIES):
            try:
                with capture_logs() as logged:
                    await action()
                assert not [each for each in logged if each["log_level"] == "error"], (name, logged)
            except Died:
                continue
            except MarketError:
                self.refused[name] += 1
            else:
                self.took[name] += 1
            return
        raise AssertionError(f"{name} never came to an end")

    async def as_(self, party: factories.Party, what: Callable[..., Awaitable[Any]], *args: Any, **more: Any) -> Any:
        async with self.context.db.begin(party.actor) as tx:
            return await what(tx, party.actor, *args, **more)

    async def query(self, words: str, **values: Any) -> Sequence[Any]:
        """Rows as they are, asked by a process that does not die."""
        async with self.bank.context.db.begin(SYSTEM) as tx:
            return (await tx.execute(text(words), values)).all()

    async def tick(self) -> None:
        for one in TICKS:
            await one(self.context)

    async def tick_twice(self) -> None:
        """The turns of two workers at once."""
        await both(self.tick, self.tick)
        self.met.add("two workers")

    async def bring(self, *movements: Wire) -> None:
        """The bank's next statement in the currency, with these movements."""
        last = await self.query(
            "SELECT closing_cents FROM bank_statement WHERE currency = :currency ORDER BY chain DESC LIMIT 1",
            currency=self.currency,
        )
        opening_cents = last[0].closing_cents if last else 0
        self.last_statement = wires.statement(movements, opening_cents=opening_cents, currency=self.currency)
        await self.bring_again()

    async def bring_again(self) -> None:
        if self.last_statement:
            await self._import(self.last_statement)

    async def bring_out_of_order(self) -> None:
        await self._import(wires.statement([Wire(5, "")], opening_cents=123_456_789_00, currency=self.currency))

    async def _import(self, content: bytes) -> None:
        await self.as_(
            self.bank.operator, service.import_statements, read_statements(content), digest(content), now=self.now,
            chance=self.context.chance,
        )  # fmt: skip

    async def make_good(self) -> None:
        """Somebody wires back what left the bank without an order, or is given that it was never theirs."""
        open_debits = await self.query(
            """SELECT entry_ref, amount_cents FROM bank_entry e WHERE direction = 'debit' AND outcome = 'suspense'
               AND currency = :currency AND NOT EXISTS (SELECT FROM bank_entry c WHERE c.corrects_entry_id = e.entry_id)""",
            currency=self.currency,
        )
        for entry in open_debits:
            await self.bring(Wire(entry.amount_cents, entry.entry_ref))

    async def withdraw(self) -> None:
        party = self.chance.choice([self.seller, *self.buyers])
        free = (await balance(self.bank.context, moves.cash(party.org_id), self.currency))[1]
        key = f"{self.days}-{self.took['withdraw']}"
        await self.as_(party, service.withdraw, self.currency, max(1, free // 2), key, now=self.now)

    async def bank_pays_withdrawal(self) -> None:
        orgs = [each.org_id for each in (self.seller, *self.buyers)]
        found = await self.query(
            """SELECT reference, amount_cents FROM payout WHERE settlement_id IS NULL AND confirmed_at IS NULL
               AND org_id = ANY(:orgs) AND currency = :currency ORDER BY payout_id LIMIT 1""",
            orgs=orgs, currency=self.currency,
        )  # fmt: skip
        for payout in found:
            await self.bring(Wire(payout.amount_cents, payout.reference, credit=False))

    async def sweep(self) -> None:
        """What may leave of commission or tax does, so that a put-back meets an account that holds just what it may ask."""
        source, operator = self.chance.choice([*Source]), self.bank.operator
        kept, officer = (await balance(self.bank.context, source.account, self.currency))[1], self.bank.officers[0]
        more = {"org_id": self.buyers[0].org_id, "reason": "due", "now": self.now, "chance": self.context.chance}
        cents = kept
        for _ in range(2):  # all of it, or what the refusal says
            try:
                asked = await self.as_(operator, service.propose_sweep, source, self.currency, max(1, cents), **more)
                break
            except InsufficientFunds as refusal:
                cents = refusal.members["available_cents"]
        else:
            return
        await self.as_(officer, service.confirm_sweep, asked.sweep_id, now=self.now)

    async def flow_agree(self) -> None:
        """Seller and buyer agree on three weeks of deliveries, unless they have a flow that runs."""
        if not await self._flows():
            buyer = self.chance.choice(self.buyers)
            terms = {"currency": self.currency, "period_count": 3, "notice_days": 0, "min_volume_cents": 1}
            await flowing.active(self.context, self.seller, buyer, **terms)

    async def flow_deliver(self) -> None:
        """A pool for the first period that has begun; whose pool was made in vain is the seller's to offer elsewhere."""
        for flow in await self._flows():
            found = await self.query(
                """SELECT p.number FROM forward_flow_period p WHERE p.flow_id = :flow AND p.missed_at IS NULL
                   AND p.voided_at IS NULL AND p.first_on <= :today AND NOT EXISTS (SELECT FROM forward_flow_delivery d
                   WHERE (d.flow_id, d.number) = (p.flow_id, p.number)) ORDER BY p.number LIMIT 1""",
                flow=flow.flow_id, today=self.now.date(),
            )  # fmt: skip
            for period in found:
                pool_id = await factories.keyed_pool(self.bank.context, self.seller, BALANCES, currency=self.currency)
                await flowing.deliver(self.context, self.seller, flow, pool_id, period.number)

    async def flow_end(self) -> None:
        for flow in await self._flows():
            await self.as_(self.seller, service.terminate_flow, flow.flow_id, "enough", now=self.now)

    async def _flows(self) -> Sequence[Any]:
        words = "SELECT flow_id FROM forward_flow WHERE seller_org_id = :seller AND state IN ('active', 'ending')"
        return await self.query(words, seller=self.seller.org_id)

    async def pay_seller(self) -> None:
        await self.bank.pay_in(self.seller, _ENOUGH_CENTS, currency=self.currency)

    async def sit_out(self) -> None:
        """Every window is over by then."""
        self.days += 70
        await self.tick()

    async def sleep_till_the_eve(self) -> None:
        """Of the next holiday of the banks in New York that is no Saturday or Sunday."""
        years = (self.today.year, self.today.year + 1)
        ahead = [day for year in years for day in us_holidays(year) if day > self.today and day.weekday() < 5]
        self.holiday = min(ahead)
        self.days += (self.holiday - self.today).days - 1

    async def sleep(self) -> None:
        self.days += self.chance.choice([1, 1, 2, 5, 40])

    async def oversleep(self) -> None:
        """Whatever had a deadline of days has passed it."""
        self.days += 9
        await self.tick()

    async def find_sales(self) -> None:
        """Whatever became a sale by now has a life: the awards, and second offers that were taken."""
        known = {life.sale.settlement_id for life in self.lives}
        async with self.bank.context.db.begin(self.seller.actor) as tx:
            page = await service.list_settlements(tx, self.seller.actor, PageRequest(200))
        for sale in page.items:
            if sale.settlement_id not in known:
                buyer = next(each for each in self.buyers if each.org_id == sale.buyer_org_id)
                self.lives.append(Life(self, sale, buyer))

    async def award(self, sold: Sold) -> None:
        """An auction ends like that; its terms, tiers and deposit are drawn."""
        chance, context, bank = self.chance, self.bank.context, self.bank
        deposit_cents = chance.choice([0, max(1, sold.hammer_cents // 10)])
        bidders = [self.buyers[sold.winner], self.buyers[sold.next_bidder]]
        for party in bidders:
            await bank.pay_in(party, deposit_cents + 1, currency=self.currency)
        auction = await factories.sold_auction(
            context, self.seller, bidders, hammer_cents=sold.hammer_cents, next_cents=sold.next_cents,
            deposit_cents=deposit_cents, commission=drawn_schedule(chance, sold.hammer_cents),
            sale_terms={
                "holdback_bps": chance.choice([0, 1_000]), "putback_days": 60, "forfeit_seller_bps": chance.choice([0, 8_000]),
            },
            pool_id=await factories.keyed_pool(context, self.seller, BALANCES, currency=self.currency),
        )  # fmt: skip
        sale = await factories.settlement_in(context, "signing", auction)
        self.lives.append(Life(self, sale, bidders[0]))


@dataclass
class Life:
    """One sale, and what may happen to it."""

    around: Round
    sale: Settlement
    buyer: factories.Party

    @property
    def context(self) -> Any:
        return self.around.context

    @property
    def seller(self) -> factories.Party:
        return self.around.seller

    def __post_init__(self) -> None:
        self.chance, self.bank, self.as_ = self.around.chance, self.around.bank, self.around.as_

    @property
    def now(self) -> Any:
        return self.around.now

    async def seen(self) -> Settlement:
        async with self.bank.context.db.begin(SYSTEM) as tx:
            return await service.find_settlement(tx, SYSTEM, self.sale.settlement_id)

    async def sign(self) -> None:
        await self._sign(self.chance.choice([self.buyer, self.seller]))

    async def sign_buyer(self) -> None:
        await self._sign(self.buyer)

    async def sign_both(self) -> None:
        for party in (self.seller, self.buyer):
            await self._sign(party)

    async def _sign(self, party: factories.Party) -> None:
        key = public_key(9) if party is self.buyer else None
        await factories.sign_agreement(self.context, party, self.sale.settlement_id, key)

    async def wire(self) -> None:
        """All that is due, a part of it, or too much; late or not, once or twice."""
        sale = await self.seen()
        cents = self.chance.choice([sale.due_cents, sale.due_cents, sale.due_cents // 2 or 1, sale.due_cents + 777])
        await self.around.bring(Wire(max(1, cents), self.sale.reference))
        if sale.state in {State.BUYER_DEFAULT, State.SIGN_DEFAULT}:
            self.around.met.add("late wire")

    async def wire_as_time_ends(self) -> None:
        """The wire is imported just as two workers find that it did not come in time: the sale is paid or lost, never both."""
        sale = await self.seen()
        if sale.state is not State.AWAITING_FUNDS or sale.held_since_at or sale.pay_by_at is None:
            return
        self.around.days += max(0, (sale.pay_by_at - self.now).days + 9)
        self.around.met.add("time ends while funding posts")
        await both(self.wire_due, self.around.tick, self.around.tick)
        after = (await self.seen()).state
        assert after in {State.FUNDED, State.BUYER_DEFAULT}, after

    async def wire_after_holiday(self) -> None:
        """Signed on the eve of a bank holiday: on the day that would be too late without it, the buyer is in time."""
        eve = self.around.holiday - timedelta(days=1)
        self.around.days += (_weekday_after(eve, 5) - self.around.today).days
        await self.around.tick()
        if (await self.seen()).state is State.AWAITING_FUNDS:
            await self.wire_due()
        assert (await self.seen()).state is State.FUNDED
        self.around.met.add("bank holiday")

    async def wire_due(self) -> None:
        await self.around.bring(Wire(max(1, (await self.seen()).due_cents), self.sale.reference))

    async def wire_short(self) -> None:
        """Banks on the way kept a unit, and two people agree that the platform bears it; else the buyer still owes it."""
        sale = await self.seen()
        account = await balance(self.bank.context, moves.cash(sale.buyer_org_id), sale.currency)
        missing = sale.due_cents - account[1]
        if sale.state is not State.AWAITING_FUNDS or missing < 1:
            return
        if missing > 1:
            await self.around.bring(Wire(missing - 1, sale.reference))
        more = {"reason": "kept on the way", "now": self.now, "chance": self.context.chance}
        asked = await self.as_(self.bank.operator, service.propose_write_off, sale.settlement_id, 1, **more)
        await self.as_(self.bank.officers[0], service.confirm_write_off, asked.write_off_id, now=self.now)

    async def bank_charges(self) -> None:
        """The bank takes a unit for itself; two people agree that it is the platform's, if it has earned that much."""
        ref, words = f"FEE-{self.sale.settlement_id}", "SELECT entry_id FROM bank_entry WHERE entry_ref = :ref"
        if not (found := await self.around.query(words, ref=ref)):
            await self.around.bring(Wire(1, "charge", credit=False, ref=ref))
            found = await self.around.query(words, ref=ref)
        more = {"org_id": None, "reason": "a charge", "now": self.now, "chance": self.context.chance}
        try:
            asked = await self.as_(self.bank.operator, service.propose_match, found[0].entry_id, **more)
            await self.as_(self.bank.officers[0], service.confirm_match, asked.proposal_id, now=self.now)
        except InsufficientFunds:
            await self.around.bring(Wire(1, ref))
            raise
        self.around.met.add("charge of the bank")

    async def bank_takes_back(self) -> None:
        """A debit without an order: out of free cash if the reference is known, else unmatched until it is made good."""
        ref = f"BACK-{self.sale.settlement_id}-{self.around.days}"
        await self.around.bring(Wire(333, "chargeback", credit=False, ref=ref))
        await self.around.bring(Wire(333, ref))

    async def ask_cancellation(self) -> None:
        party = self.chance.choice([self.buyer, self.seller])
        await self.as_(party, service.ask_cancellation, self.sale.settlement_id, "we agreed", now=self.now)

    async def cancel_both(self) -> None:
        for party in (self.buyer, self.seller):
            await self.as_(party, service.ask_cancellation, self.sale.settlement_id, "we agreed", now=self.now)

    async def dispute(self) -> None:
        party = self.chance.choice([self.buyer, self.seller])
        args = {"now": self.now, "chance": self.context.chance}
        await self.as_(party, service.raise_dispute, self.sale.settlement_id, "a reason", **args)

    async def hold(self) -> None:
        args = {"now": self.now, "chance": self.context.chance}
        await self.as_(self.bank.officers[0], service.place_hold, self.sale.settlement_id, "a match", **args)

    async def end_hold(self) -> None:
        await self._end_hold(self.chance.choice([*Outcome, *[Outcome.CONTINUE] * 5]))

    async def go_on(self) -> None:
        await self._end_hold(Outcome.CONTINUE)

    async def _end_hold(self, outcome: Outcome) -> None:
        first, second = self.bank.officers
        await self.as_(first, service.prepare_lift, self.sale.settlement_id, "we looked", outcome)
        await self.as_(second, service.approve_lift, self.sale.settlement_id, now=self.now)

    async def prepare(self) -> None:
        await self.as_(self.bank.officers[0], service.prepare_release, self.sale.settlement_id, now=self.now)

    async def approve_alone(self) -> None:
        await self._screened()
        await self._approve(self.bank.officers[0])

    async def approve(self) -> None:
        """Twice at once: two screens, two workers; one of them is late."""
        await self._screened()
        once = partial(self._approve, self.bank.officers[1])
        await both(once, once)
        self.around.met.add("two release")

    async def approve_and_die(self) -> None:
        """The process that releases dies at its commit: money and sale file are both there, or neither is."""
        await self._screened()
        sale, mortal = await self.seen(), self.around.mortal
        if sale.state is not State.RELEASE_REVIEW or sale.held_since_at or mortal is None:
            return
        mortal.risk, before = 1.0, mortal.risk
        try:
            await self._approve(self.bank.officers[1])
        except Died:
            self.around.met.add("a process dies releasing")
        finally:
            mortal.risk = before

    async def _screened(self) -> None:
        """Both sides, as the worker does each night and once a release is prepared."""
        sale, late = await self.seen(), self.around.bank.later(days=self.around.days)
        if sale.state is State.RELEASE_REVIEW:
            await factories.screen_again(late, self.bank.officers[0], sale.seller_org_id, sale.buyer_org_id)

    async def _approve(self, officer: factories.Party) -> None:
        more = {"now": self.now, "chance": self.context.chance, "vault": self.context.vault}
        await self.as_(officer, service.approve_release, self.sale.settlement_id, **more)

    async def _payout(self) -> Any:
        found = await self.around.query(
            "SELECT payout_id, reference, amount_cents, state FROM payout WHERE settlement_id = :id",
            id=self.sale.settlement_id,
        )
        return found[0] if found else None

    async def send(self) -> None:
        if payout := await self._payout():
            await self.as_(self.bank.operator, service.send_payout, payout.payout_id, now=self.now)

    async def bank_pays(self) -> None:
        payout = await self._payout()
        if payout and payout.state not in {PayoutState.CONFIRMED, PayoutState.RETURNED}:
            await self.around.bring(Wire(payout.amount_cents, payout.reference, credit=False))

    async def bank_returns(self) -> None:
        payout = await self._payout()
        if payout and payout.state == PayoutState.CONFIRMED:
            await self.around.bring(Wire(payout.amount_cents, payout.reference))

    async def provider_tells(self) -> None:
        """The provider's message about the payout comes twice at once, and once more: kept once, and nothing moves."""
        payout = await self._payout()
        if payout is None:
            return
        body = event(id=f"evt_{payout.payout_id}", data={"object": {"transfer_group": payout.reference}})
        told = read_event(body, signed(body, self.now), SECRET, self.now)
        for _ in range(2):
            await both(partial(self._tell, told, body), partial(self._tell, told, body))
        kept = await self.around.query(
            """SELECT 1 FROM provider_event WHERE event_id = :id UNION ALL
               SELECT 1 FROM journal WHERE kind = 'provider.told' AND CAST(body AS json) ->> 'event_id' = :id""",
            id=told.event_id,
        )
        assert len(kept) == 2, kept
        assert await self._payout() == payout
        self.around.met.add("duplicate webhook")

    async def _tell(self, told: Any, body: bytes) -> None:
        async with self.context.db.begin(SYSTEM) as tx:
            await service.keep_event(tx, "stripe", told, body, now=self.now)

    async def put_back(self) -> None:
        row = self.chance.randint(1, len(BALANCES))
        face = BALANCES[row - 1] if self.chance.random() < 0.9 else self.sale.face_value_cents
        claim = service.Claim(row, face, self.chance.choice([*Ground]), sha256(_EVIDENCE).hexdigest())
        args = {"now": self.now, "chance": self.context.chance}
        await self.as_(self.buyer, service.claim_put_backs, self.sale.settlement_id, [claim], **args)

    async def answer(self) -> None:
        await self._answer(accept=self.chance.random() < 0.6)

    async def answer_yes(self) -> None:
        await self._answer(accept=True)

    async def answer_no(self) -> None:
        await self._answer(accept=False)

    async def _answer(self, *, accept: bool) -> None:
        for each in await self._put_backs(PutBackState.CLAIMED):
            await self.as_(self.seller, service.answer_put_back, each, accept=accept, reason="no", now=self.now)

    async def decide(self) -> None:
        if self.chance.random() < 0.8:
            kept = {"now": self.now, "chance": self.context.chance, "vault": self.context.vault}
            await self.as_(self.buyer, service.hand_in_evidence, self.sale.settlement_id, _EVIDENCE, **kept)
        for each in await self._put_backs(PutBackState.DISPUTED):
            uphold = self.chance.random() < 0.5
            more = {"uphold": uphold, "reason": "papers", "now": self.now}
            await self.as_(self.bank.officers[0], service.decide_put_back, each, **more)

    async def keep(self) -> None:
        for each in await self._put_backs(PutBackState.DISPUTED):
            await self.as_(self.buyer, service.withdraw_put_back, each)

    async def _put_backs(self, state: PutBackState) -> list[Any]:
        async with self.bank.context.db.begin(SYSTEM) as tx:
            page = await service.list_put_backs(tx, SYSTEM, self.sale.settlement_id, PageRequest(200))
        return [each.put_back_id for each in page.items if each.state is state]

    async def offer_second(self) -> None:
        await self._offer_second(accept=self.chance.random() < 0.8)

    async def second_taken(self) -> None:
        await self._offer_second(accept=True)

    async def second_declined(self) -> None:
        await self._offer_second(accept=False)

    async def _offer_second(self, *, accept: bool) -> None:
        more = {"now": self.now, "chance": self.context.chance}
        offer = await self.as_(self.seller, service.offer_second, self.sale.settlement_id, **more)
        bidder = next(each for each in self.around.buyers if each.org_id == offer.org_id)
        await self.as_(bidder, service.answer_second, offer.offer_id, accept=accept, now=self.now)


async def both(*actions: Callable[[], Awaitable[object]]) -> None:
    """All at once; what the late ones are refused is no matter, unless nobody comes through."""
    done = await asyncio.gather(*(action() for action in actions), return_exceptions=True)
    failed = [each for each in done if isinstance(each, BaseException)]
    for each in failed:
        if not isinstance(each, (MarketError, Died)):
            raise each
    if len(failed) == len(done):
        raise failed[0]


def _weekday_after(day: date, number: int) -> date:
    """The `number`-th Monday to Friday after a day."""
    for _ in range(number):
        day += timedelta(days=3 if day.weekday() == 4 else 2 if day.weekday() == 5 else 1)
    return day


# What usually comes next, so that most lives get far; everything else happens in between.
NEXT = {
    State.SIGNING: ("sign", *["sign_both"] * 14, "oversleep"),
    State.AWAITING_FUNDS: (*["wire"] * 9, "oversleep", "wire_as_time_ends", "wire_short"),
    State.SIGN_DEFAULT: ("offer_second", "offer_second", "tick", "withdraw"),
    State.BUYER_DEFAULT: ("offer_second", "offer_second", "tick", "withdraw"),
    State.FUNDED: ("prepare",),
    State.RELEASE_REVIEW: ("approve", "approve_and_die"),
    State.RELEASED: ("send", "bank_pays", "provider_tells"),
    State.PAYOUT_SENT: ("bank_pays", "sleep"),
    State.PUTBACK_WINDOW: ("put_back", "answer", "decide", "bank_returns"),
}
RARE = (
    "sleep", "bring_again", "bring_out_of_order", "bank_takes_back", "ask_cancellation", "dispute", "hold", "wire",
    "approve_alone", "approve", "prepare", "bank_pays", "bank_returns", "put_back", "keep", "withdraw", "offer_second", "sign",
    "bank_pays_withdrawal", "make_good", "sweep", "sweep", "tick_twice", "provider_tells", "wire_short", "bank_charges", "flow_agree", "flow_agree", "flow_deliver", "flow_deliver", "flow_end",
)  # fmt: skip


def drawn_schedule(chance: random.Random, hammer_cents: int) -> Schedule:
    """Tiers whose steps lie on both sides of the hammer price, a minimum now and then, any payer."""
    steps = sorted({chance.randint(1, 2 * hammer_cents) for _ in range(chance.randint(0, 3))})
    tiers = tuple(Tier(from_cents, chance.randint(100, 500)) for from_cents in (0, *steps))
    return Schedule(tiers, chance.choice([0, 0, hammer_cents // 50]), chance.choice([*Payer]))


def drawn(life: Life, sale: Settlement) -> str:
    """What happens next: the worker's turn, what is to be expected, or anything."""
    fate = life.chance.random()
    if fate < 0.25:
        return "tick"
    if fate > 0.9:
        return life.chance.choice(RARE)
    if sale.held_since_at is not None:
        return "end_hold"
    return life.chance.choice(NEXT.get(sale.state, ("tick", "withdraw", "sleep")))


async def begin(bank: Bank, seed: int, awards: Sequence[Sold] = (), *, buyer_count: int = 2, least: int = 1) -> Round:
    """Sales just awarded, `awards` or drawn ones (`least` of them with a next bid), between new parties whose currency and taxes are drawn from the seed."""
    chance = random.Random(seed)
    currency, country = chance.choice(CURRENCIES), chance.choice(COUNTRIES)
    context, more = bank.context, {"currency": currency, "country": country, "officers": bank.officers}
    seller = await factories.cleared_organisation(context, ("list",), **more)
    buyers = [await factories.cleared_organisation(context, ("bid",), **more) for _ in range(buyer_count)]
    for party in (seller, *buyers):
        await factories.name_bank_account(context, party)
    async with context.db.begin(bank.operator.actor) as tx:
        await service.state_tax_rule(
            tx, bank.operator.actor, country=country, name="VAT", rate_bps=chance.choice([0, 700, 1_900, 2_125]),
            source="a law", valid_from_on=date(2026, 1, 1), now=context.clock.now(), chance=context.chance,
        )  # fmt: skip
    made = Round(bank, chance, currency, seller, buyers)
    for sold in awards or drawn_awards(chance, least):
        await made.award(sold)
    made.mortal = Mortal(context.db, chance, risk=0.08)
    return made


def drawn_awards(chance: random.Random, least: int) -> list[Sold]:
    """Some sales, of some minor units or of many, with or without a next bid; the first `least` of many and with one."""
    found = []
    for number in range(max(least, chance.choice([1, 2, 3]))):
        hammer_cents = chance.choice([2, 99, 7_777_77, 50_000_00, 120_000_01][2 if number < least else 0 :])
        winner = chance.randrange(2)
        next_cents = chance.choice([1, hammer_cents - 1] if number < least else [None, 1, hammer_cents - 1])
        found.append(Sold(hammer_cents, winner, next_cents, 1 - winner))
    return found


async def lived(of: Round, steps: int) -> Round:
    """So many things happen, each to one of the sales; after each, everything that must always be so is so."""
    for _ in range(steps):
        life = of.chance.choice(of.lives)
        await step(life, drawn(life, await life.seen()))
    return of


async def step(life: Life, name: str) -> None:
    of, before = life.around, await life.seen()
    await of.act(name, getattr(life, name, None) or getattr(of, name))
    if name == "tick":
        await of.find_sales()
    assert await books_hold(of.bank.context), name
    assert not await of.query(BELOW_ZERO), name
    await must_hold(life, before, name)


async def ended(of: Round) -> Round:
    """Everybody does what is left to do, until every sale is over and the bank has carried out what it was told."""
    for party in (of.seller, *of.buyers):
        await of.act("pay in", partial(of.bank.pay_in, party, _ENOUGH_CENTS, currency=of.currency))
    for _ in range(_MOST_ROUNDS):
        await of.act("make_good", of.make_good)
        await of.act("tick", of.tick)
        await of.find_sales()
        going = [(life, sale) for life in of.lives if (sale := await life.seen()).ended_at is None]
        if not going:
            break
        for life, sale in going:
            await step(life, "end_hold" if sale.held_since_at else of.chance.choice(NEXT.get(sale.state, ("tick",))))
        of.days += of.chance.choice([1, 2, 9, 20])
    else:
        raise AssertionError("the sales do not end")
    for life in of.lives:
        await must_hold(life, await life.seen(), "the end")
        await has_left_nothing(life)
    return of


BELOW_ZERO = """SELECT name FROM ledger_account WHERE CASE side
    WHEN 'credit' THEN credits_posted_cents - debits_posted_cents - debits_pending_cents
    WHEN 'debit' THEN debits_posted_cents - credits_posted_cents - credits_pending_cents ELSE 0 END < 0"""
_MONEY = """SELECT coalesce(sum(amount_cents) FILTER (WHERE kind = 'payout_confirmed'), 0) AS paid_out,
    coalesce(sum(amount_cents) FILTER (WHERE kind = 'commission'), 0) AS fee,
    coalesce(sum(amount_cents) FILTER (WHERE kind = 'tax'), 0) AS tax,
    coalesce(sum(amount_cents) FILTER (WHERE kind LIKE 'putback%'), 0) AS given_back
    FROM ledger_transfer WHERE subject = :subject"""


async def must_hold(life: Life, before: Settlement, name: str) -> None:
    """One release, refunds that are no more than was paid, a fee that is the sum of its parts, an unbroken title."""
    context, sale = life.bank.context, await life.seen()
    of_sale = {"subject": f"settlement:{sale.settlement_id}"}
    (money,) = await life.around.query(_MONEY, **of_sale)
    released = len(
        await life.around.query(
            "SELECT 1 FROM journal WHERE stream = :subject AND kind = 'settlement.released'", **of_sale
        )
    )
    assert released == (sale.putback_until_at is not None), (name, released)
    assert int(money.paid_out) in {0, sale.proceeds_cents}, name
    assert (money.fee, money.tax) == ((sale.fee_cents, sale.tax_cents) if released else (0, 0)), name
    assert sale.refunded_price_cents <= sale.hammer_cents
    assert sale.refunded_buyer_fee_cents <= sale.buyer_fee_cents
    assert sale.refunded_seller_fee_cents <= sale.seller_fee_cents
    assert sale.refunded_buyer_tax_cents <= sale.buyer_tax_cents
    assert sale.refunded_seller_tax_cents <= sale.seller_tax_cents
    assert money.given_back == (
        sale.refunded_price_cents + sale.refunded_buyer_fee_cents + sale.refunded_seller_fee_cents
        + sale.refunded_buyer_tax_cents + sale.refunded_seller_tax_cents
    ), name  # fmt: skip
    assert sale.penalty_paid_cents <= sale.penalty_cents
    schedule = Schedule.from_json(sale.commission)
    assert sale.fee_cents == schedule.fee_cents(sale.hammer_cents) <= max(1, sale.hammer_cents // 20 + 1)
    assert sale.price_cents == sale.hammer_cents + sale.buyer_fee_cents + sale.buyer_tax_cents
    assert sale.price_cents == sale.proceeds_cents + sale.holdback_cents + sale.fee_cents + sale.tax_cents
    await title_is_whole(life, sale, released=bool(released))
    granted = await life.around.query("SELECT 1 FROM sale_key_grant WHERE settlement_id = :id", id=sale.settlement_id)
    assert len(granted) == released, (name, granted, released)
    assert State(before.state) is State(sale.state) or before.ended_at is None, f"{name} moved a sale that was over"
    lies = (await balance(context, moves.escrow(sale.settlement_id), sale.currency))[0]
    in_escrow = sale.price_cents if sale.state in {State.FUNDED, State.RELEASE_REVIEW} else 0
    if sale.state in {State.SIGNING, State.AWAITING_FUNDS}:
        in_escrow = sale.deposit_cents
    assert lies == in_escrow, (name, sale.state)
    assert (await balance(context, moves.LOSS, sale.currency)) == (0, 0), name


async def title_is_whole(life: Life, sale: Settlement, *, released: bool) -> None:
    """Whoever an account goes to is who it goes on from; given back it is the seller's, else the buyer's."""
    async with life.bank.context.db.begin(SYSTEM) as tx:
        back = {
            each.row_number
            for each in (await service.list_put_backs(tx, SYSTEM, sale.settlement_id, PageRequest(200))).items
            if each.state is PutBackState.REFUNDED
        }
        for row in range(1, len(BALANCES) + 1):
            chain = await service.chain_of_title(tx, SYSTEM, sale.settlement_id, row)
            assert bool(chain) == released
            assert all(one.to_org_id == two.from_org_id for one, two in pairwise(chain))
            if released:
                assert chain[-1].to_org_id == (sale.seller_org_id if row in back else sale.buyer_org_id)


async def has_left_nothing(life: Life) -> None:
    """Of a sale that is over nothing lies in escrow or is held back."""
    context, sale = life.bank.context, await life.seen()
    for name in (moves.escrow(sale.settlement_id), moves.holdback(sale.settlement_id)):
        assert await balance(context, name, sale.currency) == (0, 0), (name, sale.state)
