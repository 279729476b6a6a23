"""After the release: recalls reach every later owner, resales keep to their limit, documents are delivered, losers destroy."""

from itertools import pairwise
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from market.kit.actor import SYSTEM
from market.kit.errors import Malformed, NotFound
from market.kit.pages import PageRequest
from market.portfolios import service as portfolios
from market.portfolios.doubles import Outcome as FlagOutcome
from market.portfolios.doubles import ResaleLimit
from market.settlement import jobs, service
from market.settlement.onward import MediaKind
from market.settlement.refunds import Ground
from market.settlement.rules import WrongState
from market.settlement.service.media import MAX_MEDIA_BYTES, MediaAnswered
from market.settlement.store import bank as bank_store
from tests import factories
from tests.settlement.test_defaults import awarded
from tests.settlement.test_guards import forge
from tests.settlement.test_http import doors  # noqa: F401 - a fixture
from tests.settlement.test_life import approve, prepare, public_key
from tests.settlement.wires import Wire


async def released(bank, seller, buyer, **terms):
    """A sale just released, of a pool without files."""
    context = bank.context
    auction = await factories.sold_auction(context, seller, [buyer], hammer_cents=20_000_00, sale_terms=terms or None)
    signing = await factories.settlement_in(context, "signing", auction)
    await factories.sign_agreement(context, seller, signing.settlement_id)
    await factories.sign_agreement(context, buyer, signing.settlement_id, public_key(9))
    await factories.import_wires(context, bank.operator, Wire(signing.due_cents, signing.reference))
    await prepare(context, bank.officers[0], signing.settlement_id)
    return await approve(context, bank.officers[1], signing.settlement_id)


async def trader(bank):
    """Cleared to buy and to sell on."""
    party = await factories.cleared_organisation(bank.context, ("list", "bid"), officers=bank.officers)
    await factories.name_bank_account(bank.context, party)
    return party


async def print_accounts(bank, settlement, first_print, *, first_row=2):
    """Every account of the sale gets a fingerprint, from `first_print` up, in the tape's order from `first_row` on."""
    add = text("""INSERT INTO account_fingerprint (pool_id, fingerprint, row_number)
        SELECT :pool, :print + n, :row + n FROM generate_series(0, CAST(:count AS bigint) - 1) n""")
    async with bank.context.db.begin(SYSTEM) as tx:
        await tx.execute(add, {
            "pool": settlement.pool_id, "print": first_print, "row": first_row, "count": settlement.account_count,
        })  # fmt: skip


async def as_(bank, party, what, *args, **more):
    async with bank.context.db.begin(party.actor) as tx:
        return await what(tx, party.actor, *args, **more)


def now_and_chance(bank):
    return {"now": bank.context.clock.now(), "chance": bank.context.chance}


async def recall(bank, party, settlement, row, ground=Ground.FRAUD):
    return await as_(
        bank, party, service.recall, settlement.settlement_id, row, ground=ground, reason="stolen identity",
        **now_and_chance(bank),
    )  # fmt: skip


async def notices(bank, party, made):
    page = await as_(bank, party, service.list_notices, PageRequest(200))
    return [each for each in page.items if each.recall_id == made.recall_id]


async def declare(bank, party, settlement, rows, to_name="Outside Capital"):
    on = bank.context.clock.now().date()
    more = now_and_chance(bank)
    return await as_(
        bank, party, service.declare_resale, settlement.settlement_id, rows, to_name=to_name, sold_on=on, **more
    )


async def test_a_recall_reaches_the_buyer_every_later_owner_and_those_outside_by_name(bank):
    """Account 3 of the first sale is row 17 of the tape that its buyer sold on; nobody else hears of it."""
    middle, last, stranger = await trader(bank), await factories.buyer(bank.context, bank.officers), bank.buyers[0]
    first = await released(bank, bank.seller, middle)
    onward = await released(bank, middle, last)
    unrelated = await released(bank, bank.seller, stranger)
    mark = uuid4().int % 10**15
    await print_accounts(bank, first, mark)
    await print_accounts(bank, onward, mark + 2, first_row=17)
    await print_accounts(bank, unrelated, mark + 10**6)
    await declare(bank, last, onward, (1, 2))
    made = await recall(bank, bank.seller, first, 3)
    while await jobs.follow_journal(bank.context):
        pass
    (to_middle,) = await notices(bank, middle, made)
    (to_last,) = await notices(bank, last, made)
    assert (to_middle.settlement_id, to_middle.row_number, to_middle.tape_row) == (first.settlement_id, 3, None)
    assert (to_last.settlement_id, to_last.row_number, to_last.tape_row) == (onward.settlement_id, None, 17)
    assert to_last.forward_to == ("Outside Capital",)
    assert await notices(bank, stranger, made) == []
    now = bank.context.clock.now()
    confirmed = await as_(bank, last, service.confirm_notice, to_last.notice_id, now=now)
    assert confirmed.confirmed_at is not None
    with pytest.raises(NotFound):
        await as_(bank, stranger, service.confirm_notice, to_last.notice_id, now=now)
    async with bank.context.db.begin(SYSTEM) as tx:
        again = await service.send_notices(tx, made.recall_id, now=now, chance=bank.context.chance)
    assert len(again) == 2
    assert len(await notices(bank, bank.officers[0], made)) == 2


async def test_only_what_was_released_is_recalled_by_its_seller_or_an_officer(bank):
    buyer = await factories.buyer(bank.context, bank.officers)
    sale = await released(bank, bank.seller, buyer)
    _, unsold, _ = await awarded(bank, deposit_cents=0)
    with pytest.raises(NotFound):
        await recall(bank, buyer, sale, 1)
    with pytest.raises(WrongState):
        await recall(bank, bank.seller, unsold, 1)
    with pytest.raises(Malformed):
        await recall(bank, bank.seller, sale, sale.account_count + 1)
    assert (await recall(bank, bank.officers[0], sale, 1)).row_number == 1
    for table in ("recall", "resale", "media_request"):
        row = {"recall": "1, 'fraud', 'r'", "resale": "1, 1, 'x', now()", "media_request": ":seller, 1, 'other'"}[table]
        more = ", now()" if table == "media_request" else ""
        told = await forge(
            bank.context, bank.seller.actor if table == "recall" else SYSTEM,
            f"INSERT INTO {table} SELECT gen_random_uuid(), :sale, {row}, :who, now(){more}",
            sale=unsold.settlement_id, who=bank.seller.user_id, **({"seller": bank.seller.org_id} if more else {}),
        )  # fmt: skip
        assert "after the release" in told or "own name" in told


async def test_a_resale_keeps_to_the_listings_limit(bank):
    buyer = await trader(bank)
    once = await released(bank, bank.seller, buyer, most_resales=1)
    never = await released(bank, bank.seller, buyer, most_resales=0)
    await declare(bank, buyer, once, (1, 5))
    with pytest.raises(ResaleLimit):
        await declare(bank, buyer, once, (5, 6))
    await declare(bank, buyer, once, (6, 7))
    with pytest.raises(ResaleLimit):
        await declare(bank, buyer, never, (1, 1))
    with pytest.raises(NotFound):
        await declare(bank, bank.seller, once, (8, 8))
    assert [each.to_name for each in await as_(bank, bank.seller, service.list_resales, once.settlement_id)] == [
        "Outside Capital"
    ] * 2
    # On the market an officer allows a resale, within the limit; the database says so even to an insider.
    async with bank.context.db.begin(SYSTEM) as tx:
        left = text("SELECT resales_left(:pool, :org)")
        assert await tx.scalar(left, {"pool": never.pool_id, "org": buyer.org_id}) == 0
        assert await tx.scalar(left, {"pool": never.pool_id, "org": bank.seller.org_id}) is None
    mine = await released(bank, buyer, bank.buyers[0])
    flag = {"flag": uuid4(), "org": buyer.org_id, "pool": mine.pool_id, "other": never.pool_id}
    async with bank.context.db.begin(SYSTEM) as tx:
        await tx.execute(
            text("""INSERT INTO double_sale_flag (flag_id, org_id, portfolio_id, pool_id, other_pool_id, account_count, raised_at)
                SELECT :flag, :org, portfolio_id, pool_id, :other, 1, now() FROM pool WHERE pool_id = :pool"""), flag
        )  # fmt: skip
    first = bank.officers[0]
    now, outcome = bank.context.clock.now(), FlagOutcome.ALLOWED
    async with bank.context.db.begin_as_officer(first.actor) as tx:
        with pytest.raises(ResaleLimit):
            await portfolios.resolve_flag(tx, first.actor, flag["flag"], outcome, "they say so", now=now)
    allow = text("INSERT INTO double_sale_resolution VALUES (:flag, :org, 'allowed', 'r', :who, now())")
    with pytest.raises(DBAPIError, match="may not be sold on"):
        async with bank.context.db.begin_as_officer(first.actor) as tx:
            await tx.execute(allow, {"flag": flag["flag"], "org": buyer.org_id, "who": first.user_id})


async def test_a_document_is_asked_for_delivered_sealed_and_opened_by_the_parties_alone(bank):
    buyer = await factories.buyer(bank.context, bank.officers)
    sale = await released(bank, bank.seller, buyer, media_days=10)
    more = now_and_chance(bank)
    request = await as_(bank, buyer, service.ask_media, sale.settlement_id, 2, MediaKind.CONTRACT, **more)
    assert (request.due_at - request.asked_at).days == 10
    with pytest.raises(NotFound):
        await as_(bank, bank.seller, service.ask_media, sale.settlement_id, 2, MediaKind.CONTRACT, **more)
    given = {"vault": bank.context.vault} | more
    for wrong in (b"", b"x" * (MAX_MEDIA_BYTES + 1)):
        with pytest.raises(Malformed):
            await as_(bank, bank.seller, service.deliver_media, request.request_id, wrong, **given)
    with pytest.raises(NotFound):
        await as_(bank, buyer, service.deliver_media, request.request_id, b"mine", **given)
    await as_(bank, bank.seller, service.deliver_media, request.request_id, b"the contract", **given)
    with pytest.raises(MediaAnswered):
        await as_(bank, bank.seller, service.refuse_media, request.request_id, "lost", now=more["now"])
    vault = {"vault": bank.context.vault}
    assert await as_(bank, buyer, service.take_media, request.request_id, **vault) == b"the contract"
    with pytest.raises(NotFound):
        await as_(bank, bank.buyers[0], service.take_media, request.request_id, **vault)
    async with bank.context.db.begin(SYSTEM) as tx:
        kept = await tx.scalar(
            text("SELECT sealed FROM media_answer WHERE request_id = :id"), {"id": request.request_id}
        )
    assert b"contract" not in kept
    other = await as_(bank, buyer, service.ask_media, sale.settlement_id, 3, MediaKind.STATEMENT, **more)
    refused = await as_(bank, bank.seller, service.refuse_media, other.request_id, "lost in a fire", now=more["now"])
    assert (refused.file_sha256, refused.reason) == (None, "lost in a fire")


async def test_a_document_of_ten_megabytes_comes_in_through_the_door(bank, doors):  # noqa: F811
    buyer = await factories.buyer(bank.context, bank.officers)
    sale = await released(bank, bank.seller, buyer)
    more = now_and_chance(bank)
    request = await as_(bank, buyer, service.ask_media, sale.settlement_id, 2, MediaKind.CONTRACT, **more)
    seller = await doors.as_(bank.seller)
    door = f"/v1/media-requests/{request.request_id}/delivery"
    assert (await seller.post(door, content=bytes(MAX_MEDIA_BYTES + 1))).status_code == 413
    delivered = await seller.post(door, content=bytes(MAX_MEDIA_BYTES))
    assert delivered.status_code == 200, delivered.text


async def test_who_took_a_masked_file_and_did_not_win_attests_its_destruction_once(bank):
    winner, loser = (
        await factories.buyer(bank.context, bank.officers),
        await factories.buyer(bank.context, bank.officers),
    )
    sale = await released(bank, bank.seller, winner)
    took = text(
        """INSERT INTO masked_download VALUES (gen_random_uuid(), :pool, :org, :who, 'vetted', repeat('0', 64), now())"""
    )
    for party in (winner, loser):
        async with bank.context.db.begin(party.actor) as tx:
            await tx.execute(took, {"pool": sale.pool_id, "org": party.org_id, "who": party.user_id})
    assert await as_(bank, winner, service.destructions_owed) == []
    (owed,) = await as_(bank, loser, service.destructions_owed)
    assert (owed.pool_id, owed.attested_at) == (sale.pool_id, None)
    now = bank.context.clock.now()
    for nothing in (winner, bank.buyers[0]):
        with pytest.raises(NotFound):
            await as_(bank, nothing, service.attest_destruction, sale.pool_id, "Nobody Special", now=now)
    done = await as_(bank, loser, service.attest_destruction, sale.pool_id, "Lea Loser", now=now)
    assert done.attested_at == now
    again = await as_(
        bank, loser, service.attest_destruction, sale.pool_id, "Lea Loser", now=bank.later(days=1).clock.now()
    )
    assert again.attested_at == now


async def chain(bank, party, settlement, row):
    """Who owned the account, first to last, as the party sees it; the chain is never broken."""
    links = await as_(bank, party, service.chain_of_title, settlement.settlement_id, row)
    assert all(one.to_org_id == two.from_org_id for one, two in pairwise(links))
    return [links[0].from_org_id, *(each.to_org_id for each in links)] if links else []


async def test_the_title_of_an_account_is_one_chain_over_all_its_sales(bank):
    """Sold, sold on, given back, sold on again. Each sees as far as its own last sale; a recall reaches whoever bought."""
    context = bank.context
    middle, last, other = await trader(bank), *[await factories.buyer(context, bank.officers) for _ in range(2)]
    first = await released(bank, bank.seller, middle, most_resales=2)
    onward = await released(bank, middle, last, holdback_bps=1_000, putback_days=30)
    mark = uuid4().int % 10**15
    await print_accounts(bank, first, mark)
    await print_accounts(bank, onward, mark + 2, first_row=17)
    owners = [bank.seller.org_id, middle.org_id, last.org_id]
    # Account 3 of the first sale is account 1 of the second.
    assert await chain(bank, bank.officers[0], first, 3) == await chain(bank, last, onward, 1) == owners
    assert await chain(bank, middle, first, 3) == await chain(bank, middle, onward, 1) == owners
    assert await chain(bank, bank.seller, first, 3) == owners[:2]
    assert await chain(bank, bank.seller, first, 2) == await chain(bank, bank.officers[0], first, 2) == owners[:2]
    with pytest.raises(NotFound):
        await chain(bank, bank.seller, onward, 1)

    payout = await as_(bank, bank.operator, list_payout, onward)
    await factories.import_wires(context, bank.operator, Wire(payout.amount_cents, payout.reference, credit=False))
    claimed = service.Claim(1, factories.BALANCES[0], Ground.FRAUD, "ab" * 32)
    (back,) = await as_(bank, last, service.claim_put_backs, onward.settlement_id, [claimed], **now_and_chance(bank))
    now = context.clock.now()
    await as_(bank, middle, service.answer_put_back, back.put_back_id, accept=True, reason=None, now=now)
    assert await jobs.pay_put_backs(context)
    owners.append(middle.org_id)
    assert await chain(bank, last, onward, 1) == await chain(bank, bank.officers[0], first, 3) == owners

    again = await released(bank, middle, other)
    await print_accounts(bank, again, mark + 2, first_row=5)
    links = await as_(bank, other, service.chain_of_title, again.settlement_id, 1)
    assert [(each.settlement_id, each.row_number, each.cause) for each in links] == [
        (first.settlement_id, 3, "assignment"),
        (onward.settlement_id, 1, "assignment"),
        (onward.settlement_id, 1, "reassignment"),
        (again.settlement_id, 1, "assignment"),
    ]
    assert links[2].put_back_id == back.put_back_id
    assert all(one.to_name == two.from_name for one, two in pairwise(links))
    assert await chain(bank, last, onward, 1) == owners
    assert await chain(bank, middle, onward, 1) == [*owners, other.org_id]
    made = await recall(bank, bank.seller, first, 3)
    while await jobs.follow_journal(context):
        pass
    assert {each.org_id for each in await notices(bank, bank.officers[0], made)} == {*owners[1:], other.org_id}


async def list_payout(tx, _actor, settlement):
    return await bank_store.payout_of(tx, settlement.settlement_id)


async def test_of_a_sale_whose_rows_cannot_be_told_the_chain_holds_the_assignment_of_all(bank):
    """The later pool holds an account without a fingerprint, so nobody knows which row of its file is which."""
    middle, last = await trader(bank), await factories.buyer(bank.context, bank.officers)
    first, onward = await released(bank, bank.seller, middle), await released(bank, middle, last)
    mark = uuid4().int % 10**15
    await print_accounts(bank, first, mark)
    async with bank.context.db.begin(SYSTEM) as tx:
        await tx.execute(
            text("INSERT INTO account_fingerprint (pool_id, fingerprint, row_number) VALUES (:pool, :print, 40)"),
            {"pool": onward.pool_id, "print": mark + 2},
        )
    links = await as_(bank, bank.officers[0], service.chain_of_title, first.settlement_id, 3)
    assert [(each.settlement_id, each.row_number) for each in links] == [
        (first.settlement_id, 3), (onward.settlement_id, None),
    ]  # fmt: skip
