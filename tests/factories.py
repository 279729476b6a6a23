"""Parties, pools, auctions and settlements for tests, made through the real services. One section a feature."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from email import message_from_bytes, policy
from itertools import count
from typing import Any
from uuid import UUID

from argon2.profiles import CHEAPEST
from sqlalchemy import text

from auctions.messages import BuyNow, PlaceBid
from market.bidding import service as bidding
from market.bidding.commission import Payer, Schedule
from market.bidding.lane import BidOrder, Lane
from market.bidding.rules import Auction
from market.compliance import packs
from market.compliance import service as compliance
from market.compliance.papers import Description
from market.compliance.proposals import Kind, Proposal
from market.compliance.qualifications import Qualifications
from market.compliance.requirements import (
    LISTING_TYPES,
    REQUIREMENTS,
    Capability,
    EvidenceType,
    Method,
    needed_types,
)
from market.compliance.rules import Grant, Owner
from market.compliance.screening import jobs as screening_jobs
from market.compliance.screening import service as screening
from market.db.context import Context
from market.journal import service as journal
from market.kit.actor import SYSTEM, Actor, Role
from market.kit.pages import PageRequest
from market.parties import jobs as parties_jobs
from market.parties import service as parties
from market.parties.passwords import Hasher
from market.parties.rules import Registration
from market.portfolios import jobs as portfolio_jobs
from market.portfolios import service as portfolios
from market.portfolios.nda import NDA_VERSION
from market.portfolios.rules import Circle, KeyPurpose, MappingOrder, Pool, PoolOrder, Portfolio, Selection, key_context
from market.portfolios.store import pools as pool_store
from market.portfolios.traits import Traits
from market.portfolios.upload import seal_upload
from market.settlement import jobs as settlement_jobs
from market.settlement import service as settlements
from market.settlement.rules import Settlement
from market.settlement.statement import digest, read_statements
from tests.portfolios import tapes
from tests.settlement import wires

# Parties.

CHEAP = Hasher(CHEAPEST)
"""Hashes in microseconds; the profile of production takes a tenth of a second."""
PASSWORD = "correct horse battery staple"
_numbers = count(1)


@dataclass(frozen=True)
class Party:
    """A person with a verified address, and the organisation; `clearances` by capability."""

    org_id: UUID
    user_id: UUID
    actor: Actor
    email: str
    password: str = PASSWORD
    clearances: dict[str, UUID] = field(default_factory=dict)

    @property
    def credentials(self) -> dict[str, str]:
        return {"email": self.email, "password": self.password}


class Mailbox:
    """A mailer that keeps what it is given: (recipient, subject, body)."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, str, str]] = []

    async def send(self, recipient: str, subject: str, body: str) -> None:
        self.messages.append((recipient, subject, body))

    def code_for(self, email: str) -> str:
        """The newest code mailed to this address."""
        bodies = [body for recipient, _, body in self.messages if recipient == email and "code is" in body]
        found = re.search(r"code is (\d+)", bodies[-1])
        assert found is not None
        return found[1]


def mailed_code(context: Context, email: str) -> str:
    """The newest code in the mail folder for this address."""
    for path in sorted((context.settings.data_dir / "mail").glob("*.eml"), reverse=True):
        message = message_from_bytes(path.read_bytes(), policy=policy.default)
        found = re.search(r"code is (\d+)", message.get_content()) if message["To"] == email else None
        if found is not None:
            return found[1]
    raise AssertionError(f"no code was mailed to {email}")


async def deliver_codes(context: Context, mailbox: Mailbox) -> None:
    await journal_readable(context)
    while await parties_jobs.send_contact_codes(context, mailer=mailbox, hasher=CHEAP):
        pass


async def _code_for(context: Context, email: str) -> str:
    """The code, mailed by this process or by the worker of a server that runs beside it."""
    mailbox = Mailbox()
    for _ in range(200):
        await deliver_codes(context, mailbox)
        if any(recipient == email for recipient, _, _ in mailbox.messages):
            return mailbox.code_for(email)
        with suppress(AssertionError):
            return mailed_code(context, email)
        await asyncio.sleep(0.05)
    raise AssertionError(f"no code was mailed to {email}")


def a_registration(**changes: str) -> Registration:
    number = next(_numbers)
    stated = {
        "organisation_name": f"Trader {number} LLC",
        "country": "US",
        "registration_number": f"REG-{number}",
        "email": f"person{number}@trader{number}.example",
        "person_name": f"Person {number}",
        "password": PASSWORD,
    }
    return Registration(**{**stated, **changes})


async def verify(context: Context, email: str) -> Party:
    """Let the worker mail the code, enter it, and tell who that is."""
    await parties.verify_contact(context, email, await _code_for(context, email), PASSWORD, hasher=CHEAP)
    signed_in = await parties.sign_in(context, parties.SignIn(email, PASSWORD, "192.0.2.1"), hasher=CHEAP)
    actor = signed_in.actor
    assert actor.org_id is not None
    assert actor.user_id is not None
    return Party(actor.org_id, actor.user_id, actor, email)


async def register_member(context: Context, **changes: str) -> Party:
    """A person of a new trading organisation, address verified, cleared for nothing."""
    stated = a_registration(**changes)
    await parties.register(context, stated, hasher=CHEAP)
    return await verify(context, stated.email)


async def name_of(context: Context, party: Party) -> str:
    """What its organisation is called."""
    async with context.db.begin(SYSTEM) as tx:
        return (await parties.display_names(tx, [party.org_id]))[party.org_id]


async def staff(context: Context, role: Role) -> Party:
    number = next(_numbers)
    email = f"{role}{number}@market.example"
    async with context.db.begin(SYSTEM) as tx:
        invitation = await parties.invite_staff(tx, SYSTEM, email, role, now=context.clock.now(), chance=context.chance)
    joining = parties.Joining(invitation.token, email, f"Staff {number}", PASSWORD)
    await parties.join_staff(context, joining, hasher=CHEAP)
    return await verify(context, email)


async def officer(context: Context) -> Party:
    """A compliance officer; each call is another person."""
    return await staff(context, Role.OFFICER)


async def operator(context: Context) -> Party:
    return await staff(context, Role.OPERATOR)


# Compliance.


def a_paper(of: EvidenceType, today: date, **changes: Any) -> Description:
    """A fresh paper that holds for two years, or as long as its type counts."""
    said: dict[str, Any] = {
        "type": of,
        "issuer": "Secretary of State",
        "number": "A-1",
        "jurisdiction": "US-DE",
        "issued_on": today - timedelta(days=10),
        "expires_on": today + timedelta(days=730) if REQUIREMENTS[of].has_term else None,
    }
    if of is EvidenceType.DEBT_LICENCE:
        said["covered_states"] = tuple(packs.shipped(packs.LICENCES).licensed_states(today))
    if REQUIREMENTS[of].has_amount:
        said["amount_cents"] = 100_000_000
    return Description(**{**said, **changes})


def a_grant(
    capabilities: Iterable[str] = ("list", "bid"),
    states: Sequence[str] = ("*",),
    max_bid_cents: int = 10_000_000_00,
    currency: str = "USD",
) -> Grant:
    return Grant(frozenset(map(Capability, capabilities)), tuple(states), max_bid_cents, currency)


AN_OWNER = Owner("Olivia Owner", date(1970, 1, 1), "US", 6000, controls=True)


async def draft_case(context: Context, party: Party, asked: Grant | None = None) -> UUID:
    async with context.db.begin(party.actor) as tx:
        found = await compliance.open_case(
            tx, party.actor, asked or a_grant(), [AN_OWNER], now=context.clock.now(), chance=context.chance
        )
    return found.case.case_id


async def bring_papers(context: Context, party: Party, case_id: UUID, types: Iterable[EvidenceType]) -> None:
    """One paper of each type; a government ID for every owner."""
    today = context.clock.now().date()
    async with context.db.begin(party.actor) as tx:
        owners = (await compliance.read_case(tx, party.actor, case_id)).owners
    for of in types:
        for owner in owners if of is EvidenceType.GOVERNMENT_ID else [None]:
            described = a_paper(of, today, owner_id=None if owner is None else owner.owner_id)
            await compliance.add_evidence(context, party.actor, case_id, described, f"{of} paper".encode())


async def submitted_case(context: Context, party: Party, asked: Grant | None = None) -> UUID:
    """A case with all papers that it needs, screened, waiting for an officer."""
    asked = asked or a_grant()
    case_id = await draft_case(context, party, asked)
    await bring_papers(context, party, case_id, needed_types(asked.capabilities))
    async with context.db.begin(party.actor) as tx:
        await compliance.submit(tx, party.actor, case_id, context.clock.now())
    await screen(context)
    return case_id


async def clear_submitted(
    context: Context, party: Party, case_id: UUID, officers: tuple[Party, Party], asked: Grant
) -> Party:
    """The party once two officers have verified, prepared and approved its submitted case."""
    preparer, approver = officers
    await screen(context)
    await verify_papers(context, preparer, case_id)
    async with context.db.begin_as_officer(preparer.actor) as tx:
        await compliance.prepare(tx, preparer.actor, case_id, asked, valid_until=None, now=context.clock.now())
    return replace(party, clearances=await approve(context, approver, case_id))


async def verified_case(context: Context, party: Party, preparer: Party, asked: Grant | None = None) -> UUID:
    """A case in review whose papers an officer has verified."""
    case_id = await submitted_case(context, party, asked)
    await verify_papers(context, preparer, case_id)
    return case_id


async def verify_papers(context: Context, preparer: Party, case_id: UUID) -> None:
    async with context.db.begin_as_officer(preparer.actor) as tx:
        for paper in (await compliance.read_case(tx, preparer.actor, case_id)).evidence:
            await compliance.verify_evidence(
                tx, preparer.actor, case_id, paper.evidence_id, "the register's website", context.clock.now(),
                method=Method.REGISTER,
            )  # fmt: skip


async def prepared_case(
    context: Context,
    party: Party,
    preparer: Party,
    asked: Grant | None = None,
    valid_until: datetime | None = None,
) -> UUID:
    """A case that officer A has prepared as asked."""
    case_id = await verified_case(context, party, preparer, asked)
    async with context.db.begin_as_officer(preparer.actor) as tx:
        await compliance.prepare(
            tx, preparer.actor, case_id, asked or a_grant(), valid_until=valid_until, now=context.clock.now()
        )
    return case_id


_READABLE = text("SELECT coalesce(max(tx), 0) < pg_snapshot_xmin(pg_current_snapshot())::text::bigint FROM journal")


async def journal_readable(context: Context) -> None:
    """Wait, 60 s at most, until followers can read every entry: any older transaction of the whole server holds them back."""
    async with asyncio.timeout(60):
        while True:
            async with context.db.begin(SYSTEM) as tx:
                if await tx.scalar(_READABLE):
                    return
            await asyncio.sleep(0.01)


async def screen(context: Context) -> None:
    """Let the worker take the lists that the settings name, follow the journal and run every screening ordered."""
    await journal_readable(context)
    screening_ticks = (screening_jobs.take_list_files, screening_jobs.order_by_journal, screening_jobs.screen_next)
    while any([await tick(context) for tick in screening_ticks]):
        pass


async def screen_again(context: Context, officer: Party, *org_ids: UUID) -> None:
    """An officer has these screened now, as the worker does with everybody each night."""
    async with context.db.begin(officer.actor) as tx:
        for org_id in org_ids:
            await screening.ask_for_screening(tx, officer.actor, org_id, now=context.clock.now(), chance=context.chance)
    await screen(context)


async def screenings_ordered(context: Context, party: Party) -> list[str]:
    """The occasions on which the party was to be screened, once the worker has followed the journal."""
    await journal_readable(context)
    while await screening_jobs.order_by_journal(context):
        pass
    async with context.db.begin(SYSTEM) as tx:
        asked = text("SELECT occasion FROM screening_order WHERE org_id = :org ORDER BY order_id")
        return list(await tx.scalars(asked, {"org": party.org_id}))


async def approve(context: Context, approver: Party, case_id: UUID) -> dict[str, UUID]:
    """Officer B's yes: clearance ids by capability."""
    await screen(context)
    async with context.db.begin_as_officer(approver.actor) as tx:
        _, granted = await compliance.approve(
            tx, approver.actor, case_id, reason="All papers checked", now=context.clock.now(), chance=context.chance
        )
    return {found.capability.value: found.clearance_id for found in granted}


async def agreed(context: Context, officers: tuple[Party, Party], kind: Kind, **about: UUID) -> Proposal:
    """What the first officer proposes and the second carries."""
    proposer, decider = officers
    async with context.db.begin_as_officer(proposer.actor) as tx:
        made = await compliance.propose(
            tx, proposer.actor, kind, "a reason", now=context.clock.now(), chance=context.chance, **about
        )
    async with context.db.begin_as_officer(decider.actor) as tx:
        return await compliance.decide(
            tx, decider.actor, made.proposal_id, "another reason", carried=True, now=context.clock.now()
        )


async def block(context: Context, officers: tuple[Party, Party], org_id: UUID) -> Proposal:
    return await agreed(context, officers, Kind.BLOCK, org_id=org_id)


@dataclass
class People:
    """Two officers, and parties whom they have cleared, that the factories hand out before they make new ones."""

    officers: tuple[Party, Party]
    sellers: list[Party]
    buyers: list[Party]

    @classmethod
    async def moved_in(cls, context: Context) -> "People":
        officers = await two_officers(context)
        sellers = [await seller(context, officers) for _ in range(2)]
        return cls(officers, sellers, [await buyer(context, officers) for _ in range(3)])

    def live_in(self, context: Context) -> None:
        """They are in the context's database, which is a copy of the one that they have moved into."""
        _people[context.db.app_url] = People(self.officers, self.sellers[:], self.buyers[:])


_people: dict[str, People] = {}
"""By the address of the database, which no other test has."""


def _known(context: Context, officers: tuple[Party, Party] | None) -> People | None:
    """Who lives in the database, if these officers do."""
    found = _people.get(context.db.app_url)
    return found if found is not None and officers in (None, found.officers) else None


async def two_officers(context: Context) -> tuple[Party, Party]:
    """Always the same two where people live, else new ones."""
    known = _known(context, None)
    return known.officers if known is not None else (await officer(context), await officer(context))


async def cleared_organisation(
    context: Context,
    capabilities: Iterable[str] = ("list", "bid"),
    states: Sequence[str] = ("*",),
    max_bid_cents: int = 10_000_000_00,
    currency: str = "USD",
    officers: tuple[Party, Party] | None = None,
    country: str = "US",
) -> Party:
    """A new organisation that two officers have cleared; give `officers` to reuse them."""
    preparer, approver = officers or await two_officers(context)
    party = await register_member(context, country=country)
    asked = a_grant(capabilities, states, max_bid_cents, currency)
    case_id = await prepared_case(context, party, preparer, asked)
    return replace(party, clearances=await approve(context, approver, case_id))


async def seller(context: Context, officers: tuple[Party, Party] | None = None) -> Party:
    """Cleared to list; nobody had this one before."""
    known = _known(context, officers)
    if known is not None and known.sellers:
        return known.sellers.pop(0)
    return await cleared_organisation(context, capabilities=("list",), officers=officers)


async def buyer(context: Context, officers: tuple[Party, Party] | None = None) -> Party:
    """Cleared to bid up to 10,000,000.00 USD for all states; nobody had this one before."""
    known = _known(context, officers)
    if known is not None and known.buyers:
        return known.buyers.pop(0)
    return await cleared_organisation(context, capabilities=("bid",), officers=officers)


# Portfolios.


def upload_body(tape: bytes, **parts: str) -> tuple[str, bytes]:
    """(content type, body) of an upload form with this tape; `parts` change or add text parts."""
    stated = {"name": "Spring cards", "currency": "USD", "cut_off_on": "2026-01-31"} | parts
    boundary = "----tape-boundary-7d91"
    pieces = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in stated.items()
    ]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="tape"; filename="tape.csv"\r\n\r\n'.encode()
    return f"multipart/form-data; boundary={boundary}", b"".join(
        [*pieces, head, tape, f"\r\n--{boundary}--\r\n".encode()]
    )


async def work_off(context: Context) -> None:
    """Let the worker's ticks of the portfolios run until nothing is left to do."""
    await journal_readable(context)
    while any([await tick(context) for tick in portfolio_jobs.TICKS]):
        pass


async def received_portfolio(context: Context, seller: Party, tape: bytes, **parts: str) -> Portfolio:
    """A portfolio whose tape was uploaded; the worker has not looked at it yet. The seller is cleared to list."""
    content_type, body = upload_body(tape, **parts)

    async def stream() -> AsyncIterator[bytes]:
        for first in range(0, len(body), 65_536):
            yield body[first : first + 65_536]

    sealed = await seal_upload(context, seller.actor, content_type, len(body), stream())
    return await portfolios.keep_tape(context, seller.actor, sealed)


async def ready_portfolio(
    context: Context, seller: Party, tape: bytes, *, time_barred: str = "disclose", **parts: str
) -> Portfolio:
    """A masked portfolio: uploaded, inspected, the proposed mapping confirmed, masked. Its old debts are sold as such."""
    received = await received_portfolio(context, seller, tape, **parts)
    await work_off(context)
    async with context.db.begin(seller.actor) as tx:
        order, template_id = MappingOrder({}, time_barred=time_barred), context.chance.new_id()
        await portfolios.put_mapping(
            tx, seller.actor, received.portfolio_id, order, template_id=template_id, now=context.clock.now()
        )
    await work_off(context)
    await listing_papers(context, seller, received.portfolio_id)
    async with context.db.begin(seller.actor) as tx:
        return await portfolios.find_portfolio(tx, seller.actor, received.portfolio_id)


async def ready_pool(
    context: Context,
    seller: Party,
    *,
    account_count: int = 200,
    seed: int = 1,
    name: str = "Pool 1",
    selection: Selection = Selection(),  # noqa: B008 - frozen, so shared safely
    currency: str = "USD",
) -> Pool:
    """A pool of generated accounts that is ready to be offered; other seeds give other accounts."""
    portfolio = await ready_portfolio(context, seller, tapes.tape(account_count, seed=seed), currency=currency)
    async with context.db.begin(seller.actor) as tx:
        (pool,) = await portfolios.cut_pools(
            tx,
            seller.actor,
            portfolio.portfolio_id,
            [PoolOrder(name, selection)],
            now=context.clock.now(),
            chance=context.chance,
        )
    await work_off(context)
    async with context.db.begin(seller.actor) as tx:
        return await portfolios.find_pool(tx, seller.actor, pool.pool_id)


_CLEARED_BY = text("""SELECT case_id, approved_by FROM verification_case
    WHERE org_id = :org_id AND state = 'cleared' ORDER BY case_id DESC LIMIT 1""")
_LISTING_PAPER = text("""INSERT INTO evidence (evidence_id, case_id, org_id, type, file_sha256, size_bytes, sealed_sha256,
    wrapped_key, issuer, number, jurisdiction, issued_on, uploaded_by, uploaded_at, portfolio_id)
    VALUES (:evidence_id, :case_id, :org_id, :type, :digest, 1, :digest, :key, 'Originator', '', 'US', '2026-01-31',
    :user_id, :now, :portfolio_id)""")
_VERIFIED = text("""INSERT INTO evidence_verification (evidence_id, case_id, org_id, uploaded_by, verified_by, verified_at,
    source, method) VALUES (:evidence_id, :case_id, :org_id, :user_id, :officer_id, :now, 'seen', 'inspection')""")


async def listing_papers(
    context: Context, seller: Party, portfolio_id: UUID, types: Sequence[EvidenceType] = LISTING_TYPES
) -> None:
    """Chain of title and sample media of the portfolio, verified by the officer who cleared its seller, if one did.

    Rows without files behind them, in milliseconds.
    """
    async with context.db.begin(SYSTEM) as tx:
        cleared = (await tx.execute(_CLEARED_BY, {"org_id": seller.org_id})).first()
        if cleared is None or not types:
            return
        case_id, officer_id = cleared
        rows = [
            {
                "evidence_id": evidence_id, "case_id": case_id, "org_id": seller.org_id, "type": of.value,
                "digest": portfolio_id.hex * 2, "key": context.vault.wrap(bytes(32), f"evidence:{evidence_id}"),
                "user_id": seller.user_id, "now": context.clock.now(), "portfolio_id": portfolio_id,
                "officer_id": officer_id,
            }
            for of, evidence_id in [(of, context.chance.new_id()) for of in types]
        ]  # fmt: skip
        await tx.execute(_LISTING_PAPER, rows)
    actor = Actor(Role.OFFICER, officer_id, None)
    async with context.db.begin_as_officer(actor) as tx:
        await tx.execute(_VERIFIED, rows)
        await journal.append(tx, actor, f"case:{case_id}", "evidence.verified", {"case_id": case_id})


# Bidding.

_BARE_PORTFOLIO = text("""INSERT INTO portfolio
    (portfolio_id, org_id, name, currency, cut_off_on, state, attempt_count, created_by, created_at)
    VALUES (:portfolio_id, :org_id, 'Spring cards', :currency, '2026-01-31', 'mapping_needed', 0, :user_id, :now)""")
_BARE_POOL = text("""INSERT INTO pool
    (pool_id, portfolio_id, org_id, name, selection, excluded_pool_ids, state, attempt_count, account_count,
     face_value_cents, currency, debtor_states, strata, report, tape_version, commitment_root, preview_sha256,
     preview_size_bytes, vetted_sha256, vetted_size_bytes, sale_sha256, sale_size_bytes, leaves_sha256,
     leaves_size_bytes, created_by, created_at)
    VALUES (:pool_id, :portfolio_id, :org_id, 'Pool', '{}', '{}', 'ready', 0, :count, :face_cents, :currency,
     CAST(:debtor_states AS text[]), '{}', '{}', :digest, :digest, :digest, 1, :digest, 1, :digest, 1, :digest, 1,
     :user_id, :now)""")
BALANCES = (*[1_000_00] * 199, 51_000_00)


def some_traits(account_count: int, states: Sequence[str | None] = ("CA", "NY")) -> Traits:
    """Credit cards of persons in these states in turn, charged off 400 days before the cut-off."""
    return Traits(
        [states[number % len(states)] for number in range(account_count)],
        ["CREDIT CARD"] * account_count,
        ["PERSON"] * account_count,
        [400] * account_count,
    )


async def bare_pool(
    context: Context,
    seller: Party,
    *,
    debtor_states: Sequence[str] = ("CA", "NY"),
    currency: str = "USD",
    balances: Sequence[int] = BALANCES,
    traits: Traits | None = None,
    papers: Sequence[EvidenceType] = LISTING_TYPES,
) -> UUID:
    """A ready pool of (usually) 250,000.00 face value without files behind it: enough to be auctioned, in milliseconds."""
    pool_id, portfolio_id = context.chance.new_id(), context.chance.new_id()
    shared = {"portfolio_id": portfolio_id, "org_id": seller.org_id, "user_id": seller.user_id, "currency": currency}
    shared["now"] = context.clock.now()
    of_pool = {"pool_id": pool_id, "debtor_states": list(debtor_states), "digest": pool_id.hex * 2}
    of_pool |= {"count": len(balances), "face_cents": sum(balances)}
    async with context.db.begin(SYSTEM) as tx:
        await tx.execute(_BARE_PORTFOLIO, shared)
        await tx.execute(_BARE_POOL, shared | of_pool)
        await pool_store.add_balances(tx, pool_id, balances)
        await pool_store.add_traits(tx, pool_id, traits or some_traits(len(balances), debtor_states))
    await listing_papers(context, seller, portfolio_id, papers)
    return pool_id


def some_terms(now: datetime, **changes: Any) -> dict[str, Any]:
    """Open since a second ago, for an hour; from 1,000.00 up in steps of 100.00. Instants may be given as datetime."""
    stated: dict[str, Any] = {
        "opening_cents": 100_000,
        "reserve_cents": None,
        "buy_now_cents": None,
        "increments": [{"from_cents": 0, "increment_cents": 10_000}],
        "opens_at": now - timedelta(seconds=1),
        "closes_at": now + timedelta(hours=1),
        "soft_close_window_s": 180,
        "soft_close_extension_s": 180,
        "confirm_multiple": 10,
        **changes,
    }
    if "latest_close_at" not in stated:
        stated["latest_close_at"] = stated["closes_at"] + timedelta(hours=1)
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in stated.items()}


async def published_auction(
    context: Context,
    seller: Party,
    *,
    pool_id: UUID | None = None,
    terms: dict[str, Any] | None = None,
    deposit_cents: int = 0,
    invited: Sequence[Party] = (),
    debtor_states: Sequence[str] = ("CA", "NY"),
    qualifications: Qualifications | None = None,
) -> Auction:
    """An auction of a bare pool unless one is given; `terms` change those of `some_terms`."""
    pool_id = pool_id or await bare_pool(context, seller, debtor_states=debtor_states)
    now = context.clock.now()
    order = bidding.PublishOrder(
        pool_id=pool_id,
        format="english",
        terms=some_terms(now, **(terms or {})),
        deposit_cents=deposit_cents,
        circle=Circle.INVITED if invited else Circle.OPEN,
        invited=[party.org_id for party in invited],
        qualifications=qualifications,
    )
    async with context.db.begin(seller.actor) as tx:
        return await bidding.publish(tx, seller.actor, order, now=now, chance=context.chance)


async def register_for(context: Context, party: Party, auction: Auction) -> None:
    """The party accepts the NDA and is registered; with a deposit, under the id of a transfer that nobody made."""
    now = context.clock.now()
    async with context.db.begin(party.actor) as tx:
        await portfolios.accept_nda(tx, party.actor, auction.pool_id, NDA_VERSION, now=now)
    transfer_id = context.chance.new_id() if auction.deposit_cents else None
    async with context.db.begin(SYSTEM if transfer_id else party.actor) as tx:
        await bidding.register_bidder(tx, party.actor, auction.auction_id, transfer_id, now)


@dataclass(frozen=True)
class Room:
    """An open auction with everybody in it."""

    auction: Auction
    seller: Party
    buyers: list[Party]
    officers: tuple[Party, Party]

    @property
    def auction_id(self) -> UUID:
        return self.auction.auction_id


async def open_auction(
    context: Context, *, buyer_count: int = 3, officers: tuple[Party, Party] | None = None, **published: Any
) -> Room:
    """A seller's auction that is open, and cleared, registered buyers; `published` as for `published_auction`."""
    officers = officers or await two_officers(context)
    owner = await seller(context, officers)
    buyers = [await buyer(context, officers) for _ in range(buyer_count)]
    auction = await published_auction(context, owner, **published)
    for party in buyers:
        await register_for(context, party, auction)
    return Room(auction, owner, buyers, officers)


# Settlement.


async def until(context: Context, done: Callable[[], Awaitable[bool]]) -> None:
    """Let the worker's ticks of settlements run until something is so, at most 20 s."""
    for _ in range(400):
        for tick in settlement_jobs.TICKS:
            await tick(context)
        if await done():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the worker did not get there")


async def import_wires(
    context: Context, operator: Party, *movements: wires.Wire, currency: str = "USD"
) -> settlements.Imported:
    """A statement with these movements, following the last one of its currency, imported by the operator."""
    async with context.db.begin(SYSTEM) as tx:
        newest = text("SELECT closing_cents FROM bank_statement WHERE currency = :currency ORDER BY chain DESC LIMIT 1")
        last = await tx.scalar(newest, {"currency": currency})
    xml = wires.statement(movements, opening_cents=last or 0, currency=currency)
    async with context.db.begin(operator.actor) as tx:
        (imported,) = await settlements.import_statements(
            tx, operator.actor, read_statements(xml), digest(xml), now=context.clock.now(), chance=context.chance
        )
    return imported


async def pay_in(context: Context, operator: Party, party: Party, amount_cents: int, *, currency: str = "USD") -> None:
    """The party wires money with its payment reference."""
    async with context.db.begin(party.actor) as tx:
        reference, _ = await settlements.own_bank(tx, party.actor)
    imported = await import_wires(context, operator, wires.Wire(amount_cents, reference), currency=currency)
    assert not imported.suspense


async def accept_nda(context: Context, party: Party, auction: Auction) -> None:
    async with context.db.begin(party.actor) as tx:
        await portfolios.accept_nda(tx, party.actor, auction.pool_id, NDA_VERSION, now=context.clock.now())


async def deposit_for(context: Context, party: Party, auction: Auction, *, key: str = "1") -> settlements.Deposit:
    """The party accepts the NDA, and its deposit is reserved; it is registered then."""
    await accept_nda(context, party, auction)
    async with context.db.begin(party.actor) as tx:
        return await settlements.place_deposit(tx, party.actor, auction.auction_id, key, now=context.clock.now())


async def keyed_pool(context: Context, seller: Party, balances: Sequence[int] = BALANCES, **made: Any) -> UUID:
    """A bare pool whose keys exist, so that its sale can be released; the files they open do not."""
    pool_id = await bare_pool(context, seller, balances=balances, **made)
    add = text("INSERT INTO pool_key VALUES (:pool_id, :purpose, :org_id, :wrapped)")
    async with context.db.begin(SYSTEM) as tx:
        for purpose in KeyPurpose.SALE, KeyPurpose.COMMIT:
            wrapped = context.vault.wrap(context.chance.entropy(32), key_context(purpose, pool_id))
            row = {"pool_id": pool_id, "purpose": purpose.value, "org_id": seller.org_id, "wrapped": wrapped}
            await tx.execute(add, row)
    return pool_id


async def sold_auction(
    context: Context,
    seller: Party,
    buyers: Sequence[Party],
    *,
    hammer_cents: int,
    next_cents: int | None = None,
    deposit_cents: int = 0,
    pool_id: UUID | None = None,
    payer: str = "split",
    commission: Schedule | None = None,
    sale_terms: dict[str, int] | None = None,
) -> Auction:
    """An auction in which the first of `buyers` bought at `hammer_cents`; all have the money for their deposits.

    With `next_cents` (less than that) the second of them bid so much before.
    """
    pool_id = pool_id or await keyed_pool(context, seller)
    now = context.clock.now()
    terms = some_terms(now, opening_cents=next_cents or max(1, hammer_cents // 2), buy_now_cents=hammer_cents)
    order = bidding.PublishOrder(
        pool_id=pool_id,
        format="english",
        terms=terms,
        deposit_cents=deposit_cents,
        commission=(commission or Schedule.default("USD", Payer(payer))).to_json(),
        sale_terms=sale_terms,
    )
    async with context.db.begin(seller.actor) as tx:
        auction = await bidding.publish(tx, seller.actor, order, now=now, chance=context.chance)
    for party in buyers:
        await deposit_for(context, party, auction)
    winner = str(buyers[0].org_id)
    orders: list[tuple[Party, PlaceBid | BuyNow]] = [(buyers[0], BuyNow(bidder=winner, cid="buy-now"))]
    if next_cents is not None:
        bid = PlaceBid(bidder=str(buyers[1].org_id), cid="next", amount_cents=next_cents, confirmed=True)
        orders.insert(0, (buyers[1], bid))
    await command(context, auction, orders)
    return auction


async def buy_now(context: Context, party: Party, auction: Auction) -> None:
    """The party ends the auction by buying at the terms' amount."""
    await command(context, auction, [(party, BuyNow(bidder=str(party.org_id), cid="buy-now"))])


async def command(context: Context, auction: Auction, orders: Sequence[tuple[Party, PlaceBid | BuyNow]]) -> None:
    """The parties say so, one after the other, and all is accepted."""
    lane = Lane(context)
    await lane.start()
    try:
        for party, said in orders:
            answer = await lane.submit(BidOrder(party.actor, auction.auction_id, said, context.clock.now()))
            assert answer.status == "accepted", answer
    finally:
        await lane.stop()


async def settlement_in(context: Context, state: str, auction: Auction) -> Settlement:
    """The auction's settlement, once the worker has brought it to `state`."""
    found: list[Settlement] = []

    async def there() -> bool:
        async with context.db.begin(SYSTEM) as tx:
            page = await settlements.list_settlements(tx, SYSTEM, PageRequest(200))
        found[:] = [each for each in page.items if each.auction_id == auction.auction_id and each.state == state]
        return bool(found)

    await until(context, there)
    return found[0]


async def sign_agreement(
    context: Context, party: Party, settlement_id: UUID, public_key: bytes | None = None
) -> Settlement:
    """The party signs what was issued; a buyer gives its X25519 public key (32 bytes)."""
    async with context.db.begin(party.actor) as tx:
        document = await settlements.find_agreement(tx, party.actor, settlement_id)
        signing = settlements.Signing(document.sha256, "Sam Signatory", public_key)
        return await settlements.sign(tx, party.actor, settlement_id, signing, now=context.clock.now())


async def name_bank_account(context: Context, party: Party, iban: str = "GB29NWBK60161331926819") -> UUID:
    async with context.db.begin(party.actor) as tx:
        organisation = await parties.find_organisation(tx, party.org_id)
        assert organisation is not None
        account = await settlements.put_bank_account(
            tx,
            party.actor,
            settlements.BankDetails(organisation.name, iban=iban),
            now=context.clock.now(),
            chance=context.chance,
            vault=context.vault,
        )
    return account.bank_account_id


async def call_back(context: Context, caller: Party, bank_account_id: UUID) -> None:
    async with context.db.begin(caller.actor) as tx:
        note = "Sam Signatory, at the number of the signed case"
        await settlements.confirm_bank_account(tx, caller.actor, bank_account_id, note, now=context.clock.now())
