"""The SQL of the bid lane, on its own connection: raw, because it is the hot path; a batch costs a few round trips.

Lock order: auctions by id (`lock_auctions`), then clearances by id (`bidder_facts`), then journal heads (`report`).
"""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from auctions.engine import due_at
from auctions.messages import Outcome, Reason
from market.bidding.batch import Decided, Draft, Key
from market.bidding.content import Content
from market.bidding.orders import CHANNEL, PUBLISHED_CHANNEL
from market.bidding.rules import BidderFacts, LockedAuction
from market.kit.actor import Actor

Connection = Any
"""An asyncpg connection; the library is untyped."""

_EVENTS_AT_ONCE = 1000
_REFUSALS_KEPT = 5_000
"""So many refusals of one bidder in one auction are kept, at least; the repeat of a later one is decided anew. So are strikes."""
_AUCTIONS_A_NOTE = 100
"""An id and a seq are at most 60 bytes, and a notification holds less than 8000."""


_LOCK_WAIT_MS = 250
"""About as long as other nodes' batches may take; what takes longer is put aside by the lane."""


async def prepare(connection: Connection) -> None:
    """Make a fresh connection the lane's: its scope, its patience, and plans that go by index whatever the statistics."""
    await connection.execute(
        f"SET app.role = 'system'; SET lock_timeout = {_LOCK_WAIT_MS}; SET statement_timeout = '10s';"
        " SET idle_in_transaction_session_timeout = '10s'; SET jit = off; SET enable_seqscan = off;"
        " SET enable_hashjoin = off; SET enable_mergejoin = off; SET plan_cache_mode = force_generic_plan"
    )


async def lock_auctions(connection: Connection, auction_ids: Collection[UUID]) -> dict[UUID, tuple[LockedAuction, int]]:
    """The auctions and their last seq. Locks their rows in order of id until the transaction ends.

    NO KEY UPDATE: lanes shut each other out, but a registration, whose foreign key shares the row, holds up no bid.
    """
    rows = await connection.fetch(
        "SELECT auction_id, pool_id, org_id, currency, deposit_cents, seq FROM auction"
        " WHERE auction_id = ANY ($1::uuid[]) ORDER BY auction_id FOR NO KEY UPDATE",
        list(auction_ids),
    )
    return {row[0]: (LockedAuction(row[0], row[1], row[2], row[3], row[4]), row[5]) for row in rows}


async def free_auctions(connection: Connection, auction_ids: Collection[UUID]) -> set[UUID]:
    """Those whose rows nobody holds. Locks them for the moment of the statement, and waits for none."""
    rows = await connection.fetch(
        "SELECT auction_id FROM auction WHERE auction_id = ANY ($1::uuid[]) FOR NO KEY UPDATE SKIP LOCKED",
        list(auction_ids),
    )
    return {row[0] for row in rows}


async def read_events(connection: Connection, auction_id: UUID, after_seq: int) -> list[str]:
    """The canonical texts of the next events, 1000 at most."""
    rows = await connection.fetch(
        "SELECT body FROM auction_event WHERE auction_id = $1 AND seq > $2 ORDER BY seq LIMIT $3",
        auction_id,
        after_seq,
        _EVENTS_AT_ONCE,
    )
    return [row[0] for row in rows]


async def read_clock(connection: Connection) -> datetime:
    at: datetime = await connection.fetchval("SELECT clock_timestamp()")
    return at


async def bidder_facts(
    connection: Connection, bidders: Collection[tuple[UUID, UUID]]
) -> tuple[dict[tuple[UUID, UUID], BidderFacts], datetime]:
    """What is known of (auction, organisation) pairs, and the database's clock after the locks.

    Locks the organisations' clearances to bid FOR KEY SHARE in order of id, so that none ends before the commit.
    """
    rows = await connection.fetch(
        "SELECT auction_id, org_id, registered, deposited, clearance_id, max_bid_cents, right_currency,"
        " uncovered_states, clock_at FROM bidder_facts($1, $2)",
        [auction_id for auction_id, _ in bidders],
        [org_id for _, org_id in bidders],
    )
    if not rows:
        return {}, await read_clock(connection)
    facts = {(r[0], r[1]): BidderFacts(r[2], r[3], r[4], r[5], r[6] is not False, tuple(r[7] or ())) for r in rows}
    return facts, rows[0][8]


_DECIDED = """
WITH wanted AS (SELECT * FROM unnest($1::text::uuid[], $2::text::uuid[], $3::text[]) AS w (auction_id, org_id, cid))
SELECT w.*, b.kind, CASE WHEN b.kind IN ('manual', 'proxy', 'binding', 'package') THEN b.amount_cents END, b.confirmed,
    b.asked, b.seq, b.notice, '', b.min_next_cents, b.received_at, b.decided_at, e.body::json ->> 'outcome'
FROM wanted w JOIN bid b USING (auction_id, org_id, cid) JOIN auction_event e USING (auction_id, seq)
UNION ALL
SELECT w.*, r.kind, r.amount_cents, r.confirmed, r.asked, NULL, r.code, r.detail, r.min_next_cents, r.received_at,
    r.decided_at, NULL
FROM wanted w JOIN bid_refusal r USING (auction_id, org_id, cid)
"""


async def decided_before(connection: Connection, keys: Collection[Key]) -> dict[Key, Decided]:
    """The decisions kept under these keys."""
    rows = await connection.fetch(_DECIDED, *_columns(list(keys), "__t"))
    return {
        (r[0], r[1], r[2]): Decided(
            Content(*r[3:7]), r[7], r[8] and Reason(r[8]), r[9], r[10], r[11], r[12], r[13] and Outcome(r[13])
        )
        for r in rows
    }


async def struck_before(connection: Connection, keys: Collection[Key]) -> dict[Key, Decided]:
    """The decisions on strikes that are kept under these keys."""
    rows = await connection.fetch(
        """SELECT w.*, s.kind, s.asked, s.seq, s.code, s.detail, s.received_at, s.decided_at
            FROM unnest($1::text::uuid[], $2::text::uuid[], $3::text[]) AS w (auction_id, by_id, cid)
            JOIN strike s USING (auction_id, by_id, cid)""",
        *_columns(list(keys), "__t"),
    )
    return {
        (r[0], r[1], r[2]): Decided(
            Content(r[3], None, confirmed=False, asked=r[4]), r[5], r[6] and Reason(r[6]), r[7], None, r[8], r[9]
        )
        for r in rows
    }


_WRITE = """
WITH event AS (
    INSERT INTO auction_event (auction_id, seq, at, kind, body, hash)
    SELECT * FROM unnest($1::text::uuid[], $2::text::bigint[], $3::text::timestamptz[], $4::text[], $5::text[],
        $6::bytea[])
), placed AS (
    INSERT INTO bid (auction_id, org_id, cid, seq, kind, amount_cents, confirmed, asked, clearance_id, placed_by, notice,
        min_next_cents, received_at, decided_at)
    SELECT * FROM unnest($7::text::uuid[], $8::text::uuid[], $9::text[], $10::text::bigint[], $11::text[],
        $12::text::bigint[], $13::text::boolean[], $14::text[], $15::text::uuid[], $16::text::uuid[], $17::text[],
        $18::text::bigint[], $19::text::timestamptz[], $20::text::timestamptz[])
), moved AS (
    UPDATE auction a
    SET phase = n.phase, seq = n.seq, head = n.head, price_cents = n.price_cents, leader_org_id = n.leader_org_id,
        bid_count = n.bid_count, closes_at = n.closes_at, due_at = n.due_at
    FROM unnest($21::text::uuid[], $22::text::bigint[], $23::text[], $24::text::bigint[], $25::bytea[],
        $26::text::bigint[], $27::text::uuid[], $28::text::bigint[], $29::text::timestamptz[],
        $30::text::timestamptz[])
        AS n (auction_id, before_seq, phase, seq, head, price_cents, leader_org_id, bid_count, closes_at, due_at)
    WHERE a.auction_id = n.auction_id AND a.seq = n.before_seq
    RETURNING 1
)
SELECT (SELECT count(*) FROM moved), (SELECT count(pg_notify($31, note)) FROM unnest($32::text[]) AS note)
"""
_REFUSE = """
WITH refused AS (
    INSERT INTO bid_refusal (auction_id, org_id, cid, kind, amount_cents, confirmed, asked, placed_by, code, detail,
        min_next_cents, received_at, decided_at)
    SELECT n.* FROM unnest($1::text::uuid[], $2::text::uuid[], $3::text[], $4::text[], $5::text::bigint[],
        $6::text::boolean[], $7::text[], $8::text::uuid[], $9::text[], $10::text[], $11::text::bigint[],
        $12::text::timestamptz[], $13::text::timestamptz[])
        AS n (auction_id, org_id, cid, kind, amount_cents, confirmed, asked, placed_by, code, detail, min_next_cents,
            received_at, decided_at)
    WHERE EXISTS (SELECT FROM registration r
        WHERE r.auction_id = n.auction_id AND r.org_id = n.org_id AND r.refusal_count < $14)
    RETURNING auction_id, org_id
)
UPDATE registration r SET refusal_count = refusal_count + k.count
FROM (SELECT auction_id, org_id, count(*) FROM refused GROUP BY 1, 2) AS k
WHERE r.auction_id = k.auction_id AND r.org_id = k.org_id
"""
_STRIKE = """
INSERT INTO strike (auction_id, by_id, cid, kind, asked, placed_by, seq, code, detail, received_at, decided_at)
SELECT n.* FROM unnest($1::text::uuid[], $2::text::uuid[], $3::text[], $4::text[], $5::text[], $6::text::uuid[],
    $7::text::bigint[], $8::text[], $9::text[], $10::text::timestamptz[], $11::text::timestamptz[])
    AS n (auction_id, by_id, cid, kind, asked, placed_by, seq, code, detail, received_at, decided_at)
WHERE (SELECT count(*) FROM strike s WHERE s.auction_id = n.auction_id AND s.by_id = n.by_id) < $12
"""
# One letter a column: `t` for texts and `b` for bytes, which the driver takes as arrays; `_` for all other types.
_EVENTS, _BIDS, _REFUSALS, _MOVES = "___ttb", "__t_t__t__t___", "__tt__t_tt___", "__t_b_____"
_STRIKES = "__ttt__tt__"


async def write(connection: Connection, draft: Draft, *, hint: bool) -> None:
    """Everything of a batch that others read: a statement for what was accepted, with one `hint`, and one for refusals.

    Two, because a statement's parts cost time even when there is nothing for them to do, and most batches refuse nothing.
    """
    if draft.refusals:
        await connection.execute(_REFUSE, *_columns(draft.refusals, _REFUSALS), _REFUSALS_KEPT)
    if draft.strikes:
        await connection.execute(_STRIKE, *_columns(draft.strikes, _STRIKES), _REFUSALS_KEPT)
    if not draft.committed:
        return
    moves = [_move(auction_id, committed.events[0][0].seq, draft) for auction_id, committed in draft.committed.items()]
    moved = await connection.fetchval(
        _WRITE,
        *_columns(draft.events, _EVENTS),
        *_columns(draft.bids, _BIDS),
        *_columns(moves, _MOVES),
        CHANNEL,
        _notes(draft) if hint else [],
    )
    if moved != len(moves):
        raise AssertionError(f"{len(moves)} auctions were to move and {moved} did: somebody wrote without the lock")


def _columns(lines: Sequence[Sequence[Any]], types: str) -> list[list[Any] | str]:
    """The lines turned on their side. Arrays of other than text and bytes go as one text, which PostgreSQL reads.

    The driver asks of every element of such arrays whether it is an array itself, which would take a fifth of the lane's time.
    """
    columns = zip(*lines, strict=True) if lines else ((),) * len(types)
    return [
        list(column) if letter in "tb" else f"{{{','.join(map(_word, column))}}}"
        for letter, column in zip(types, columns, strict=True)
    ]


def _word(value: UUID | datetime | int | None) -> str:
    if isinstance(value, UUID):
        return value.hex
    if isinstance(value, datetime):
        return value.isoformat()
    return "NULL" if value is None else str(value)


def _move(auction_id: UUID, first_seq: int, draft: Draft) -> tuple[Any, ...]:
    state = draft.folded[auction_id].auction
    leader = None if state.leader is None else UUID(state.leader)
    return (
        auction_id, first_seq - 1, state.phase.value, state.seq, state.head, state.price_cents, leader,
        state.bid_count, state.closes_at, due_at(state),
    )  # fmt: skip


def _notes(draft: Draft) -> list[str]:
    heads = [(str(auction_id), folded.auction.seq) for auction_id, folded in draft.folded.items()]
    return [json.dumps(dict(heads[at : at + _AUCTIONS_A_NOTE])) for at in range(0, len(heads), _AUCTIONS_A_NOTE)]


async def report(connection: Connection, actor: Actor, stream: str, kind: str, body: Mapping[str, Any]) -> None:
    """Append to the journal within the batch's transaction. Locks the head of the stream."""
    await connection.execute(
        "SELECT journal_append($1, $2, $3, $4, $5, $6)",
        stream,
        kind,
        actor.role.value,
        actor.user_id,
        actor.org_id,
        json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str),
    )


async def keep_award(connection: Connection, award: Sequence[Any]) -> None:
    """(auction, pool, winner, seller, hammer in cents, currency, seq, at)"""
    await connection.execute(
        "INSERT INTO award (auction_id, pool_id, winner_org_id, seller_org_id, hammer_cents, currency, seq, at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        *award,
    )


async def was_written(connection: Connection, draft: Draft) -> bool:
    """Whether a transaction with this draft was committed. Ask with its auctions locked: then it has ended either way."""
    if draft.events:
        line = draft.events[0]
        found = await connection.fetchval(
            "SELECT 1 FROM auction_event WHERE auction_id = $1 AND seq = $2 AND hash = $3",
            line.auction_id,
            line.seq,
            line.hash,
        )
    elif draft.refusals:
        refusal = draft.refusals[0]
        found = await connection.fetchval(
            "SELECT 1 FROM bid_refusal WHERE auction_id = $1 AND org_id = $2 AND cid = $3 AND decided_at = $4",
            refusal.auction_id,
            refusal.org_id,
            refusal.cid,
            refusal.decided_at,
        )
    elif draft.strikes:
        strike = draft.strikes[0]
        found = await connection.fetchval(
            "SELECT 1 FROM strike WHERE auction_id = $1 AND by_id = $2 AND cid = $3 AND decided_at = $4",
            strike.auction_id,
            strike.by_id,
            strike.cid,
            strike.decided_at,
        )
    else:
        return True
    return found is not None


def is_lost(connection: Connection, error: BaseException) -> bool:
    """Whether the connection went away, so that nobody here knows what the server made of the last statement."""
    if connection.is_closed() or isinstance(error, OSError | TimeoutError | asyncpg.InterfaceError):
        return True
    code = getattr(error, "sqlstate", None) or ""
    return code.startswith(("08", "57P")) or isinstance(error, asyncpg.InternalClientError)


def is_weather(error: BaseException) -> bool:
    """Lock or statement time-out, deadlock, serialisation: the same batch may succeed in a moment."""
    return getattr(error, "sqlstate", None) in {"55P03", "40P01", "40001", "57014"}


async def on_published(connection: Connection, act: Any) -> None:
    """Call `act()` whenever any node publishes an auction, for as long as the connection lasts."""
    await connection.add_listener(PUBLISHED_CHANNEL, lambda *_: act())
