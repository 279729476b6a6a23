"""Chapter 3: the portfolio is cut into pools, one goes up for auction, buyers look at it and put money down."""

from datetime import datetime, timedelta

from market.client.portfolios import Pool
from market.demo.cast import BUYER_A, BUYER_B, BUYER_C, BUYERS, SELLER
from market.demo.checks import StoryEnds
from market.demo.steps import money, offer, portfolio, vetting
from market.demo.steps.offer import Figures
from market.demo.world import World, code_of, refusal, slug_of, stretched
from market.kit.money import show


async def tell(world: World) -> tuple[Pool, Figures]:
    """The pool that is sold, and the auction's amounts."""
    world.teller.chapter(3, "Pools, an auction, and buyers who look before they bid")
    pool = await _cut(world)
    assert pool.face_value_cents is not None
    figures = Figures.of(pool.face_value_cents)
    await _prove_title(world, pool, figures)
    await _publish(world, pool, figures)
    await _look(world)
    await _put_money_down(world, figures)
    return pool, figures


async def _cut(world: World) -> Pool:
    seller, currency = world[SELLER], world.bank.currency
    found = await seller.portfolio(world.sale.portfolio_id)
    pools = await portfolio.cut_pools(world, portfolio.plan_pools(found))
    rows = [
        (
            pool.name,
            pool.state,
            f"{pool.account_count or 0:,}",
            show(pool.face_value_cents or 0, currency),
            ", ".join((pool.debtor_states or ())[:8]),
            (pool.commitment_root or "")[:16],
        )
        for pool in pools
    ]
    world.teller.table(
        "Pools", ("Pool", "State", "Accounts#", "Face value#", "States", "Commitment (Merkle root)"), rows
    )
    for pool in pools:
        hidden = (pool.left_out or {}).get("vetted", {})
        if hidden.get("account_count"):
            world.teller.say(
                f"{hidden['account_count']} accounts ({show(hidden['face_value_cents'], currency)}) of {pool.name!r} are sold"
                " but shown in no masked row: too few look like them",
                who="pool",
            )
    told = found.saleability or {}
    world.checks.equal(
        "the pools together are all that may be sold of the portfolio",
        expected=(told["saleable_count"], told["saleable_cents"]),
        seen=(sum(pool.account_count or 0 for pool in pools), sum(pool.face_value_cents or 0 for pool in pools)),
    )
    if pools[0].state not in {"ready", "offered"}:
        why = pools[0].refusal.message if pools[0].refusal else "no reason given"
        raise StoryEnds(f"the pool that was to be sold is {pools[0].state}: {why}")
    return pools[0]


async def _prove_title(world: World, pool: Pool, figures: Figures) -> None:
    teller, hour = world.teller, timedelta(hours=1)
    no = await refusal(
        offer.publish(world, pool, figures, opens_at=world.clock.now() + hour, open_for=hour, window_s=1)
    )
    teller.refusal("seller", "publishes without papers of the portfolio:", no.detail if no else "(nothing)")
    world.checks.refused("a listing without chain of title", expected="evidence-short", seen=slug_of(no))
    await vetting.bring_listing_papers(world, SELLER, pool.portfolio_id)
    count = await vetting.verify_listing_papers(world)
    teller.say(f"opens and verifies the {count} papers of the portfolio: chain of title, sample media", who="officer A")


async def _publish(world: World, pool: Pool, figures: Figures) -> None:
    pace, currency = world.options.pace, world.bank.currency
    now = world.clock.now()
    opens_in_s, bidding_s, window_s = (
        stretched(span, since=world.begun_at, now=now) for span in (pace.opens_in_s, pace.bidding_s, pace.window_s)
    )
    opens_at, open_for = now + timedelta(seconds=opens_in_s), timedelta(seconds=bidding_s)
    await offer.publish(world, pool, figures, opens_at=opens_at, open_for=open_for, window_s=window_s)
    world.sale.window_s = window_s
    world.teller.say(
        f"publishes an English auction of {pool.name!r}: opening {show(figures.opening_cents, currency)}, increment"
        f" {show(figures.increment_cents, currency)}, a secret reserve, deposit {show(figures.deposit_cents, currency)},"
        f" open from {_time(opens_at)} for {bidding_s} s, soft close {window_s} s",
        who="seller",
    )
    seen = await world[BUYER_A].auction(world.sale.auction_id)
    world.checks.equal("buyers do not see the reserve", expected=False, seen="reserve_cents" in seen.terms)
    early = await refusal(
        world[BUYER_A].place_bid(world.sale.auction_id, figures.opening_cents, key="before the opening")
    )
    world.teller.refusal(BUYER_A.label, "bids before the opening (over HTTP):", early.detail if early else "(nothing)")
    world.checks.refused("a bid before the opening", expected="NOT_OPEN", seen=code_of(early))


async def _look(world: World) -> None:
    teller, checks, pool_id = world.teller, world.checks, world.sale.pool_id
    no = await refusal(world[BUYER_A].download_masked_file(pool_id, stage="vetted"))
    teller.refusal(BUYER_A.label, "takes the vetted file:", no.detail if no else "(nothing)")
    checks.refused("the vetted file without accepted terms", expected="nda-required", seen=slug_of(no))
    for who in (BUYER_A, BUYER_B):
        await offer.accept_nda(world, who)
        files = await offer.take_files(world, who)
        sizes = ", ".join(f"{stage} {len(content):,} bytes" for stage, content in files.items())
        teller.say(f"accepts the NDA and takes the masked file ({sizes})", who=who.label)
        world.masked[who] = files["vetted"]
    await offer.accept_nda(world, BUYER_C)
    taken = (await world[SELLER].downloads(pool_id, limit=50)).items
    checks.equal(
        "every download is recorded for the seller",
        expected=sorted((who.organisation, stage) for who in (BUYER_A, BUYER_B) for stage in ("preview", "vetted")),
        seen=sorted((each.organisation, each.stage) for each in taken),
    )


async def _put_money_down(world: World, figures: Figures) -> None:
    teller, checks, currency = world.teller, world.checks, world.bank.currency
    no = await refusal(offer.place_deposit(world, BUYER_A))
    teller.refusal(BUYER_A.label, "places the deposit:", no.detail if no else "(nothing)")
    checks.refused("a deposit without money", expected="insufficient-funds", seen=slug_of(no))
    for who in BUYERS:
        await money.wire_in(world, who, figures.deposit_cents)
    imported = await money.import_statement(world)
    teller.say(
        f"imports the bank's statement (camt.053): {imported.matched_count} wires, each found its buyer", who="operator"
    )
    checks.equal(
        "every wire of the statement is matched", expected=(3, 0), seen=(imported.matched_count, len(imported.suspense))
    )
    for who in (BUYER_A, BUYER_B):
        await offer.place_deposit(world, who)
        teller.say(f"places the deposit of {show(figures.deposit_cents, currency)} and is registered", who=who.label)
    no = await refusal(offer.place_deposit(world, BUYER_C))
    teller.refusal(BUYER_C.label, "places the deposit:", no.detail if no else "(nothing)")
    checks.refused(
        "the deposit of a buyer whose clearance is not approved", expected="registration-refused", seen=slug_of(no)
    )


def _time(at: datetime) -> str:
    return f"{at:%H:%M:%S} UTC"
