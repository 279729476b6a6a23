"""Random lives of a sale, from a seed: every command by everybody in any order, time that passes, a bank that repeats itself,
sends statements out of order, takes wires back and returns payouts; and a process that dies before or after any commit.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from sqlalchemy import text

from market.db.session import Database
from market.kit.actor import SYSTEM, Actor
from market.kit.errors import MarketError
from market.kit.pages import PageRequest
from market.settlement import jobs, moves, service
from market.settlement.refunds import Ground, PutBackState
from market.settlement.rules import Outcome, PayoutState, Settlement, State
from market.settlement.statement import digest, read_statements
from tests import factories
from tests.settlement import wires
from tests.settlement.books import balance, books_hold
from tests.settlement.test_life import public_key
from tests.settlement.wires import Wire

TICKS = (
    jobs.follow_journal, jobs.issue_agreements, jobs.apply_funds, jobs.pay_put_backs, jobs.pass_deadlines, jobs.doubt_payouts,
)  # fmt: skip
_MOST_TRIES = 60
BALANCES = (1_00, 77_77, 500_00, 4_000_00, 245_421_23)


class Died(Exception):
    """The process is gone: before the commit nothing happened, after it nobody was told."""


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


@dataclass
class Life:
    """One sale and everybody around it. `took` counts what was done and what was refused, by name."""

    bank: Any
    chance: random.Random
    sale: Settlement
    buyer: factories.Party
    seller: factories.Party
    runner_up: factories.Party
    days: int = 0
    last_statement: bytes = b""
    took: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    mortal: Mortal | None = None

    @property
    def context(self) -> Any:
        alive = self.bank.later(days=self.days)
        return replace(alive, db=self.mortal) if self.mortal else alive

    @property
    def now(self) -> Any:
        return self.context.clock.now()

    async def act(self, name: str, action: Callable[[], Awaitable[object]]) -> None:
        """Do it until the process lives through it; a refusal is an answer too."""
        for _ in range(_MOST_TRIES):
            try:
                await action()
            except Died:
                continue
            except MarketError:
                self.refused[name] = self.refused.get(name, 0) + 1
            else:
                self.took[name] = self.took.get(name, 0) + 1
            return
        raise AssertionError(f"{name} never came to an end")

    async def seen(self) -> Settlement:
        async with self.bank.context.db.begin(SYSTEM) as tx:
            return await service.find_settlement(tx, SYSTEM, self.sale.settlement_id)

    async def as_(self, party: factories.Party, what: Callable[..., Awaitable[Any]], *args: Any, **more: Any) -> Any:
        async with self.context.db.begin(party.actor) as tx:
            return await what(tx, party.actor, *args, **more)

    # What may happen.

    async def tick(self) -> None:
        for one in TICKS:
            await one(self.context)

    async def sleep(self) -> None:
        self.days += self.chance.choice([1, 1, 2, 5, 40])

    async def sign(self) -> None:
        party = self.chance.choice([self.buyer, self.seller])
        key = public_key(9) if party is self.buyer else None
        await factories.sign_agreement(self.context, party, self.sale.settlement_id, key)

    async def wire(self) -> None:
        due = self.sale.due_cents
        cents = self.chance.choice([due, due, due // 2 or 1, due + 777])
        await self._import(Wire(cents, self.sale.reference))

    async def _import(self, *movements: Wire) -> None:
        async with self.bank.context.db.begin(SYSTEM) as tx:
            page = await service.list_statements(tx, SYSTEM, PageRequest(1))
        self.last_statement = wires.statement(movements, opening_cents=page.items[0].closing_cents if page.items else 0)
        await self._bring(self.last_statement)

    async def _bring(self, content: bytes) -> None:
        await self.as_(
            self.bank.operator, service.import_statements, read_statements(content), digest(content), now=self.now,
            chance=self.context.chance,
        )  # fmt: skip

    async def statement_again(self) -> None:
        if self.last_statement:
            await self._bring(self.last_statement)

    async def statement_out_of_order(self) -> None:
        await self._bring(wires.statement([Wire(5, self.sale.reference)], opening_cents=123_456_789_00))

    async def bank_takes_back(self) -> None:
        """A debit without an order: out of free cash if the reference is known, else unmatched until it is made good."""
        ref = f"BACK-{self.sale.settlement_id}-{self.days}"
        await self._import(Wire(333, "chargeback", credit=False, ref=ref))
        await self._import(Wire(333, ref))

    async def ask_cancellation(self) -> None:
        party = self.chance.choice([self.buyer, self.seller])
        await self.as_(party, service.ask_cancellation, self.sale.settlement_id, "we agreed", now=self.now)

    async def dispute(self) -> None:
        party = self.chance.choice([self.buyer, self.seller])
        args = {"now": self.now, "chance": self.context.chance}
        await self.as_(party, service.raise_dispute, self.sale.settlement_id, "a reason", **args)

    async def hold(self) -> None:
        args = {"now": self.now, "chance": self.context.chance}
        await self.as_(self.bank.officers[0], service.place_hold, self.sale.settlement_id, "a match", **args)

    async def end_hold(self) -> None:
        outcome = self.chance.choice([*Outcome, *[Outcome.CONTINUE] * 5])
        first, second = self.bank.officers
        await self.as_(first, service.prepare_lift, self.sale.settlement_id, "we looked", outcome)
        await self.as_(second, service.approve_lift, self.sale.settlement_id, now=self.now)

    async def prepare(self) -> None:
        await self.as_(self.bank.officers[0], service.prepare_release, self.sale.settlement_id, now=self.now)

    async def approve_alone(self) -> None:
        await self._approve(self.bank.officers[0])

    async def approve(self) -> None:
        """Twice at once: two screens, two workers; one of them is late."""
        done = await asyncio.gather(*(self._approve(self.bank.officers[1]) for _ in range(2)), return_exceptions=True)
        for each in done:
            if isinstance(each, Exception) and not isinstance(each, (MarketError, Died)):
                raise each
        if all(isinstance(each, Exception) for each in done):
            raise next(each for each in done if isinstance(each, Exception))

    async def _approve(self, officer: factories.Party) -> None:
        more = {"now": self.now, "chance": self.context.chance, "vault": self.context.vault}
        await self.as_(officer, service.approve_release, self.sale.settlement_id, **more)

    async def _payout(self) -> Any:
        async with self.bank.context.db.begin(SYSTEM) as tx:
            found = await tx.execute(
                text("SELECT payout_id, reference, amount_cents, state FROM payout WHERE settlement_id = :id"),
                {"id": self.sale.settlement_id},
            )
        return found.one_or_none()

    async def send(self) -> None:
        if payout := await self._payout():
            await self.as_(self.bank.operator, service.send_payout, payout.payout_id, now=self.now)

    async def bank_pays(self) -> None:
        payout = await self._payout()
        if payout and payout.state != PayoutState.CONFIRMED and payout.state != PayoutState.RETURNED:
            await self._import(Wire(payout.amount_cents, payout.reference, credit=False))

    async def bank_returns(self) -> None:
        payout = await self._payout()
        if payout and payout.state == PayoutState.CONFIRMED:
            await self._import(Wire(payout.amount_cents, payout.reference))

    async def put_back(self) -> None:
        row = self.chance.randint(1, len(BALANCES))
        face = BALANCES[row - 1] if self.chance.random() < 0.9 else self.sale.face_value_cents
        claim = service.Claim(row, face, self.chance.choice([*Ground]), "ab" * 32)
        args = {"now": self.now, "chance": self.context.chance}
        await self.as_(self.buyer, service.claim_put_backs, self.sale.settlement_id, [claim], **args)

    async def answer(self) -> None:
        for each in await self._put_backs(PutBackState.CLAIMED):
            accept = self.chance.random() < 0.6
            await self.as_(self.seller, service.answer_put_back, each, accept=accept, reason="no", now=self.now)

    async def decide(self) -> None:
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

    async def withdraw(self) -> None:
        party = self.chance.choice([self.seller, self.buyer])
        free = (await balance(self.bank.context, moves.cash(party.org_id)))[1]
        await self.as_(party, service.withdraw, "USD", max(1, free // 2), f"{self.days}", now=self.now)

    async def offer_second(self) -> None:
        offer = await self.as_(
            self.seller, service.offer_second, self.sale.settlement_id, now=self.now, chance=self.context.chance
        )
        await self.as_(self.runner_up, service.answer_second, offer.offer_id, accept=True, now=self.now)


# What usually comes next, so that most lives get far; everything else happens in between.
NEXT = {
    State.SIGNING: ("sign",),
    State.AWAITING_FUNDS: ("wire",),
    State.FUNDED: ("prepare",),
    State.RELEASE_REVIEW: ("approve",),
    State.RELEASED: ("send", "bank_pays"),
    State.PAYOUT_SENT: ("bank_pays", "sleep"),
    State.PUTBACK_WINDOW: ("put_back", "answer", "decide", "bank_returns"),
}
RARE = (
    "sleep", "statement_again", "statement_out_of_order", "bank_takes_back", "ask_cancellation", "dispute", "hold", "wire",
    "approve_alone", "approve", "prepare", "bank_pays", "bank_returns", "put_back", "keep", "withdraw", "offer_second", "sign",
)  # fmt: skip


def drawn(life: "Life", sale: Settlement) -> str:
    """What happens next: the worker's turn, what is to be expected, or anything."""
    fate = life.chance.random()
    if fate < 0.25:
        return "tick"
    if fate > 0.9:
        return life.chance.choice(RARE)
    if sale.held_since_at is not None:
        return "end_hold"
    return life.chance.choice(NEXT.get(sale.state, ("tick", "offer_second", "withdraw", "sleep")))


async def begin(bank: Any, seed: int, buyer: factories.Party, runner_up: factories.Party) -> Life:
    """A sale just awarded, on terms drawn from the seed."""
    chance = random.Random(seed)
    deposit = chance.choice([0, 1_000_00])
    await bank.pay_in(buyer, deposit + 1)
    auction = await factories.sold_auction(
        bank.context, bank.seller, [buyer], hammer_cents=chance.choice([7_777_77, 50_000_00, 120_000_01]),
        deposit_cents=deposit, payer=chance.choice(["buyer", "seller", "split"]),
        sale_terms={"holdback_bps": chance.choice([0, 1_000]), "putback_days": 60},
        pool_id=await factories.keyed_pool(bank.context, bank.seller, BALANCES),
    )  # fmt: skip
    sale = await factories.settlement_in(bank.context, "signing", auction)
    life = Life(bank, chance, sale, buyer, bank.seller, runner_up)
    life.mortal = Mortal(bank.context.db, chance, risk=0.08)
    return life


async def lived(life: Life, steps: int) -> Life:
    """So many things happen; after each, everything that must always be so is so."""
    for _ in range(steps):
        before = await life.seen()
        name = drawn(life, before)
        await life.act(name, getattr(life, name))
        await must_hold(life, before, name)
    return life


async def must_hold(life: Life, before: Settlement, name: str) -> None:
    context, sale = life.bank.context, await life.seen()
    assert await books_hold(context), name
    async with context.db.begin(SYSTEM) as tx:
        below = await tx.scalar(
            text("""SELECT count(*) FROM ledger_account WHERE CASE side
                WHEN 'credit' THEN credits_posted_cents - debits_posted_cents - debits_pending_cents
                WHEN 'debit' THEN debits_posted_cents - credits_posted_cents - credits_pending_cents ELSE 0 END < 0""")
        )
        released = await tx.scalar(
            text("SELECT count(*) FROM journal WHERE stream = :stream AND kind = 'settlement.released'"),
            {"stream": f"settlement:{sale.settlement_id}"},
        )
        paid_out = await tx.scalar(
            text("""SELECT coalesce(sum(amount_cents), 0) FROM ledger_transfer
                WHERE kind = 'payout_confirmed' AND subject = :subject"""),
            {"subject": f"settlement:{sale.settlement_id}"},
        )
        links = [await service.chain_of_title(tx, SYSTEM, sale.settlement_id, row) for row in (1, 2, 5)]
    assert below == 0, name
    assert released == (sale.putback_until_at is not None), (name, released)
    assert int(paid_out) in {0, sale.proceeds_cents}, name
    assert sale.refunded_price_cents <= sale.hammer_cents
    assert sale.refunded_buyer_fee_cents <= sale.buyer_fee_cents
    assert sale.refunded_seller_fee_cents <= sale.seller_fee_cents
    assert sale.penalty_paid_cents <= sale.penalty_cents
    assert sale.price_cents + sale.seller_fee_cents == sale.hammer_cents + sale.fee_cents + sale.buyer_tax_cents
    for chain in links:
        assert all(one.to_org_id == two.from_org_id for one, two in pairwise(chain)), name
        assert bool(chain) == bool(released) or not sale.account_count, name
    assert State(before.state) is State(sale.state) or before.ended_at is None, f"{name} moved a sale that was over"
    lies = (await balance(context, moves.escrow(sale.settlement_id)))[0]
    in_escrow = sale.price_cents if sale.state in {State.FUNDED, State.RELEASE_REVIEW} else 0
    if sale.state in {State.SIGNING, State.AWAITING_FUNDS}:
        in_escrow = sale.deposit_cents
    assert lies == in_escrow, (name, sale.state)
