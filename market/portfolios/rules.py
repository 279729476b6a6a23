"""Portfolios and pools: their states, what they hold, and every reason for a no."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, assert_never
from uuid import UUID

from market.kit.errors import Conflict, Forbidden, Malformed, MarketError, TooLarge
from market.kit.money import is_currency

MAX_ATTEMPT_COUNT = 3
"""A step that ended without an answer this many times is refused for good: the file itself is then the likely cause."""
_NAME_CHARS = 120
_EARLIEST_ON = date(1990, 1, 1)
MAX_POOL_COUNT = 200
"""Of one portfolio, refused ones included."""


class PortfolioState(StrEnum):
    """received → inspecting → mapping_needed → masking → ready, or refused from a step of the worker."""

    RECEIVED = "received"
    INSPECTING = "inspecting"
    MAPPING_NEEDED = "mapping_needed"
    MASKING = "masking"
    READY = "ready"
    REFUSED = "refused"


class PoolState(StrEnum):
    """cutting → ready ⇄ offered → sold, or refused when it is cut."""

    CUTTING = "cutting"
    READY = "ready"
    REFUSED = "refused"
    OFFERED = "offered"
    SOLD = "sold"


class Circle(StrEnum):
    """To whom a pool is offered: to everyone signed in, or to the invited."""

    OPEN = "open"
    INVITED = "invited"


class Disclosure(StrEnum):
    """The two stages that have a masked file."""

    PREVIEW = "preview"
    VETTED = "vetted"


class KeyPurpose(StrEnum):
    """What a key is for: one key, one purpose, one wrap."""

    TAPE = "tape"
    """Of a portfolio: opens the sealed tape."""
    TOKEN = "token"  # noqa: S105 - the purpose of a key, not a key
    """Of a portfolio: makes its tokens; it never leaves."""
    SALE = "sale"
    """Of a pool: opens its sale file."""
    COMMIT = "commit"
    """Of a pool: salts its commitment. One for each pool, as it is shown to the pool's winner."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a tape or a pool is refused; `row` (the header is row 1) and `column` where they are known, never a value."""

    code: str
    message: str
    row: int | None = None
    column: str | None = None


TOO_MUCH_MEMORY = Refusal("too_much_memory", "The file takes more memory than it may: split it, or save it as CSV.")
TOO_MUCH_TIME = Refusal(
    "too_much_time", "The file takes longer to work through than it may: split it, or save it as CSV."
)


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file of the store."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Tape:
    """The seller's file: digest and size of what was uploaded, and where its sealed form lies."""

    original: KeptFile
    sealed: KeptFile


@dataclass(frozen=True, slots=True)
class Portfolio:
    """`findings`, `source`, `totals`, `strata` and `report` hold headers, field names, counts and sums, never values."""

    portfolio_id: UUID
    org_id: UUID
    name: str
    currency: str
    cut_off_on: date
    state: PortfolioState
    created_by: UUID
    created_at: datetime
    attempt_count: int = 0
    claimed_until: datetime | None = None
    refusal: Refusal | None = None
    source: dict[str, Any] | None = None
    header_digest: str | None = None
    findings: list[dict[str, Any]] | None = None
    mapping: dict[str, Any] | None = None
    time_barred: str = "carve_out"
    totals: dict[str, Any] | None = None
    strata: dict[str, Any] | None = None
    report: dict[str, Any] | None = None
    saleability: dict[str, Any] | None = None
    preview: KeptFile | None = None
    vetted: KeptFile | None = None


@dataclass(frozen=True, slots=True)
class ReceivedTape:
    """A tape that was sealed while it came in, what its seller says about it, and its portfolio's wrapped keys."""

    portfolio_id: UUID
    name: str
    currency: str
    cut_off_on: date
    tape: Tape
    wrapped_keys: dict[KeyPurpose, bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class MappingOrder:
    """What a seller says about a tape's columns: header → field, or None to drop it. What is None else stays as it was.

    `time_barred`: whether time-barred accounts are carved out, or sold and disclosed (`disclose`). `encoding`: what a delimited
    file is in, which must be said if nothing in the file says it.
    """

    columns: Mapping[str, str | None]
    decimal_mark: str | None = None
    date_order: str | None = None
    save_as: str | None = None
    time_barred: str | None = None
    encoding: str | None = None


@dataclass(frozen=True, slots=True)
class Template:
    template_id: UUID
    org_id: UUID
    name: str
    header_digest: str
    mapping: dict[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class RefusedAccount:
    refusal_id: UUID
    row_number: int
    column_name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Selection:
    """Which accounts a pool asks for: all conditions together; an empty one does not select. Bounds are inclusive.

    Amounts are minor units of face value; ages are days from charge-off (else from the first delinquency, else from
    the due date) to the portfolio's cut-off date.
    """

    states: tuple[str, ...] = ()
    min_face_value_cents: int | None = None
    max_face_value_cents: int | None = None
    min_age_days: int | None = None
    max_age_days: int | None = None
    debt_types: tuple[str, ...] = ()
    debtor_types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PoolOrder:
    """A pool that a seller asks for."""

    name: str
    selection: Selection


@dataclass(frozen=True, slots=True)
class Pool:
    """What one auction, or one period of a forward flow, sells. Everything from `account_count` on is None until the pool has been cut."""

    pool_id: UUID
    portfolio_id: UUID
    org_id: UUID
    name: str
    selection: Selection
    excluded_pool_ids: tuple[UUID, ...]
    state: PoolState
    currency: str
    tape_version: str
    created_by: UUID
    created_at: datetime
    attempt_count: int = 0
    claimed_until: datetime | None = None
    refusal: Refusal | None = None
    account_count: int | None = None
    face_value_cents: int | None = None
    debtor_states: tuple[str, ...] | None = None
    state_sums: dict[str, Any] | None = None
    strata: dict[str, Any] | None = None
    report: dict[str, Any] | None = None
    saleability: dict[str, Any] | None = None
    commitment_root: str | None = None
    preview: KeptFile | None = None
    vetted: KeptFile | None = None
    sale: KeptFile | None = None
    leaves: KeptFile | None = None
    offered_at: datetime | None = None
    auction_id: UUID | None = None
    flow_id: UUID | None = None
    sold_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SalePackage:
    """What the settlement hands over, and what agreement and file must tie to.

    `file` is the sealed sale file; it opens with the key wrapped in `wrapped_key`. With the key wrapped in
    `wrapped_commit_key`, and `leaves`, the winner checks every row against `commitment_root`. Each wrap opens only in its
    own context.
    """

    pool_id: UUID
    portfolio_id: UUID
    org_id: UUID
    file: KeptFile
    wrapped_key: bytes = field(repr=False)
    key_context: str
    leaves: KeptFile
    wrapped_commit_key: bytes = field(repr=False)
    commit_key_context: str
    commitment_root: str
    account_count: int
    face_value_cents: int
    currency: str
    debtor_states: tuple[str, ...]
    preview: KeptFile
    vetted: KeptFile
    tape_version: str


@dataclass(frozen=True, slots=True)
class Download:
    """One masked file taken by one person of an organisation."""

    download_id: UUID
    pool_id: UUID
    org_id: UUID
    stage: Disclosure
    file_sha256: str
    downloaded_at: datetime


class TapeTooLarge(TooLarge):
    slug, title, status = "tape-too-large", "The tape is larger than this marketplace takes", 413


class NotATape(MarketError):
    slug, title, status = "not-a-tape-upload", "Send the tape as multipart/form-data", 415


class UnknownCurrency(Malformed):
    slug, title, status = "unknown-currency", "Not a currency traded here", 422


class BadMapping(Malformed):
    slug, title, status = "bad-mapping", "The mapping cannot be applied", 422


class BadSelection(Malformed):
    slug, title, status = "bad-selection", "The pool's selection cannot be applied", 422


class PortfolioNotThere(Conflict):
    slug, title, status = "portfolio-state", "The portfolio is not at that step", 409


class PoolNotThere(Conflict):
    slug, title, status = "pool-state", "The pool is not at that step", 409


class TapeOnOffer(Conflict):
    slug, title, status = "tape-on-offer", "The same tape is on offer elsewhere", 409


class NdaRequired(Forbidden):
    slug, title, status = "nda-required", "Accept the non-disclosure terms first", 403


class NdaOutdated(Conflict):
    slug, title, status = "nda-version", "The non-disclosure terms have another version", 409


def while_claimed(state: PortfolioState) -> PortfolioState | None:
    """The state of a portfolio while a worker has it in hand; None where there is nothing for a worker to do."""
    match state:
        case PortfolioState.RECEIVED | PortfolioState.INSPECTING:
            return PortfolioState.INSPECTING
        case PortfolioState.MASKING:
            return PortfolioState.MASKING
        case PortfolioState.MAPPING_NEEDED | PortfolioState.READY | PortfolioState.REFUSED:
            return None
        case _:
            assert_never(state)


def require_mappable(portfolio: Portfolio, *, pool_count: int) -> None:
    """A mapping is taken once the columns are known and until the first pool is cut. Raises `PortfolioNotThere`."""
    match portfolio.state:
        case PortfolioState.RECEIVED | PortfolioState.INSPECTING:
            raise PortfolioNotThere("the tape is still being read; ask again in a moment")
        case PortfolioState.MASKING:
            raise PortfolioNotThere("the tape is being masked with the mapping given before; wait until that is done")
        case PortfolioState.REFUSED if portfolio.findings is None:
            raise PortfolioNotThere("the tape was refused before its columns were read; upload it again")
        case PortfolioState.READY if pool_count:
            raise PortfolioNotThere(
                "pools were cut with the present mapping; upload the tape again to map it otherwise"
            )
        case PortfolioState.MAPPING_NEEDED | PortfolioState.READY | PortfolioState.REFUSED:
            return
        case _:
            assert_never(portfolio.state)


def require_cuttable(portfolio: Portfolio, *, pool_count: int, ordered_count: int) -> None:
    """Pools are cut from a masked portfolio. Raises `PortfolioNotThere` or `BadSelection`."""
    if portfolio.state is not PortfolioState.READY:
        raise PortfolioNotThere(f"the portfolio is {portfolio.state.value}; pools can be cut once it is ready")
    if pool_count + ordered_count > MAX_POOL_COUNT:
        raise BadSelection(f"a portfolio has at most {MAX_POOL_COUNT} pools", field="pools")


def require_sound(selection: Selection) -> None:
    """Raises `BadSelection` for bounds that no account can meet."""
    for low, high, name in (
        (selection.min_face_value_cents, selection.max_face_value_cents, "face_value_cents"),
        (selection.min_age_days, selection.max_age_days, "age_days"),
    ):
        if low is not None and high is not None and low > high:
            raise BadSelection(f"min_{name} is above max_{name}; no account can be both", field=f"selection.min_{name}")


def header_digest(columns: Iterable[str]) -> str:
    """The same set of headers has the same digest, in whatever order and letter case."""
    return hashlib.sha256("\x1f".join(sorted(column.casefold() for column in columns)).encode()).hexdigest()


def key_context(purpose: KeyPurpose, owner_id: UUID) -> str:
    """What a key's wrap is bound to: it opens for no other owner and no other purpose."""
    return f"{purpose.value}/{owner_id}"


def checked_name(text: str) -> str:
    """The name with single blanks. Raises `Malformed`."""
    name = " ".join(text.split())
    if not 1 <= len(name) <= _NAME_CHARS or not name.isprintable():
        raise Malformed(f"a name has 1 to {_NAME_CHARS} printable characters", field="name")
    return name


def checked_currency(text: str) -> str:
    """An ISO 4217 code that is traded here. Raises `UnknownCurrency`."""
    if not is_currency(text):
        raise UnknownCurrency("give the ISO 4217 code of a currency that is traded here, such as USD", field="currency")
    return text


def checked_cut_off(text: str, now: datetime) -> date:
    """A day written YYYY-MM-DD, not in the future. Raises `Malformed`."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise Malformed("the cut-off date is written YYYY-MM-DD", field="cut_off_on") from None
    if not _EARLIEST_ON <= day <= now.date():
        raise Malformed(f"the cut-off date lies between {_EARLIEST_ON} and today", field="cut_off_on")
    return day
