"""Tapes come in, columns are mapped, refused rows are shown."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from market.compliance import service as compliance
from market.journal import service as journal
from market.kit.actor import Actor, Role
from market.kit.errors import NotFound
from market.kit.pages import Page, PageRequest
from market.parties.rules import require
from market.portfolios.rules import (
    BadMapping,
    Disclosure,
    KeptFile,
    MappingOrder,
    Portfolio,
    PortfolioNotThere,
    PortfolioState,
    ReceivedTape,
    RefusedAccount,
    Template,
    checked_name,
    header_digest,
    require_mappable,
)
from market.portfolios.store import pools as pool_store
from market.portfolios.store import portfolios as store
from market.portfolios.uploads import TapeQuota
from masking.encodings import ENCODINGS, known
from masking.policy import Mapping, PolicyError

_READ, _WRITE = "portfolios:read", "portfolios:write"


async def require_may_list(tx: AsyncSession, actor: Actor, now: datetime) -> UUID:
    """The organisation that may upload and cut. Raises `Forbidden`, or `NotCleared` without a clearance to list."""
    require(actor, role=Role.MEMBER, scope=_WRITE)
    org_id = own_org(actor)
    await compliance.require_clearance(tx, org_id, "list", now)
    return org_id


async def require_room(tx: AsyncSession, org_id: UUID, size_bytes: int, *, quota_bytes: int) -> None:
    """Raises `TapeQuota` if a tape of that size does not fit beside the organisation's unsold ones.

    Locks nothing: of tapes that come at once each may still fit alone.
    """
    kept_bytes = await store.unsold_bytes(tx, org_id)
    if kept_bytes + size_bytes > quota_bytes:
        raise TapeQuota(
            f"your unsold tapes have {kept_bytes} of {quota_bytes} bytes: "
            "sell, or ask the marketplace to shred portfolios that you will not sell",
            kept_bytes=kept_bytes,
            quota_bytes=quota_bytes,
        )


async def receive_tape(
    tx: AsyncSession, actor: Actor, tape: ReceivedTape, *, quota_bytes: int, now: datetime
) -> Portfolio:
    """A sealed tape becomes a portfolio that waits for the worker. Raises `NotCleared` and `TapeQuota`."""
    org_id = await require_may_list(tx, actor, now)
    await require_room(tx, org_id, tape.tape.sealed.size_bytes, quota_bytes=quota_bytes)
    portfolio = Portfolio(
        portfolio_id=tape.portfolio_id,
        org_id=org_id,
        name=tape.name,
        currency=tape.currency,
        cut_off_on=tape.cut_off_on,
        state=PortfolioState.RECEIVED,
        created_by=own_user(actor),
        created_at=now,
    )
    await store.add_portfolio(tx, portfolio, tape.tape, tape.wrapped_keys)
    body = {"original_sha256": tape.tape.original.sha256, "size_bytes": tape.tape.original.size_bytes}
    await journal.append(tx, actor, f"portfolio:{portfolio.portfolio_id}", "portfolio.received", body)
    return portfolio


async def list_portfolios(tx: AsyncSession, actor: Actor, request: PageRequest) -> Page[Portfolio]:
    """The organisation's own portfolios, newest first."""
    require(actor, role=Role.MEMBER, scope=_READ)
    found = await store.list_portfolios(tx, own_org(actor), request)
    return Page.cut(found, request, lambda portfolio: portfolio.portfolio_id)


async def find_portfolio(tx: AsyncSession, actor: Actor, portfolio_id: UUID) -> Portfolio:
    """One of the organisation's own portfolios. Raises `NotFound`."""
    require(actor, role=Role.MEMBER, scope=_READ)
    return existing(await store.find_portfolio(tx, portfolio_id))


async def put_mapping(
    tx: AsyncSession, actor: Actor, portfolio_id: UUID, order: MappingOrder, *, template_id: UUID, now: datetime
) -> Portfolio:
    """The seller confirms or corrects which column holds what; the worker masks with it.

    Columns that `order` does not name stay as proposed; what nobody mapped stays dropped. With `save_as` the mapping is
    kept as a template under that name. Raises `PortfolioNotThere` and `BadMapping`.
    """
    require(actor, role=Role.MEMBER, scope=_WRITE)
    portfolio = existing(await store.lock_portfolio(tx, portfolio_id))
    require_mappable(portfolio, pool_count=len(await pool_store.pools_of(tx, portfolio_id)))
    mapping = _merged(portfolio, order)
    choice = order.time_barred or portfolio.time_barred
    await store.save_portfolio(
        tx,
        portfolio_id,
        PortfolioState.MASKING,
        mapping=mapping,
        refusal=None,
        time_barred=choice,
        source=(portfolio.source or {}) | {"words": []},  # words of a tape are kept no longer than the question is open
    )
    if order.save_as is not None:
        kept = {name: value for name, value in mapping.items() if name != "encoding"}  # each file has its own
        await _save(tx, actor, order.save_as, kept, template_id=template_id, now=now)
    body = {
        "mapped_count": sum(1 for name in mapping["columns"].values() if name),
        "column_count": len(mapping["columns"]),
    }
    await journal.append(tx, actor, f"portfolio:{portfolio_id}", "portfolio.mapped", body)
    return existing(await store.find_portfolio(tx, portfolio_id))


async def save_template(
    tx: AsyncSession, actor: Actor, name: str, order: MappingOrder, *, template_id: UUID, now: datetime
) -> Template:
    """Keep a mapping for tapes with exactly these headers; a template of that name is replaced. Raises `BadMapping`."""
    require(actor, role=Role.MEMBER, scope=_WRITE)
    if not order.columns:
        raise BadMapping("name at least one column", field="columns")
    mapping = {
        "columns": dict(order.columns),
        "decimal_mark": order.decimal_mark or ".",
        "date_order": order.date_order or "mdy",
    }
    _require_applicable(mapping)
    return await _save(tx, actor, name, mapping, template_id=template_id, now=now)


async def list_templates(tx: AsyncSession, actor: Actor, request: PageRequest) -> Page[Template]:
    """The organisation's mapping templates, newest first."""
    require(actor, role=Role.MEMBER, scope=_READ)
    found = await store.list_templates(tx, own_org(actor), request)
    return Page.cut(found, request, lambda template: template.template_id)


async def delete_template(tx: AsyncSession, actor: Actor, template_id: UUID) -> None:
    """Forget one of the organisation's mapping templates. Raises `NotFound`."""
    require(actor, role=Role.MEMBER, scope=_WRITE)
    if not await store.delete_template(tx, template_id):
        raise NotFound("no mapping template of yours has this id")


async def refused_accounts(
    tx: AsyncSession, actor: Actor, portfolio_id: UUID, request: PageRequest
) -> Page[RefusedAccount]:
    """The tape's rows that are left out, in its order, each with its reason. Raises `NotFound`."""
    await find_portfolio(tx, actor, portfolio_id)
    found = await store.list_refused(tx, portfolio_id, request)
    return Page.cut(found, request, lambda refused: refused.refusal_id)


async def own_masked_file(tx: AsyncSession, actor: Actor, portfolio_id: UUID, stage: Disclosure) -> KeptFile:
    """The whole portfolio as bidders would see it, for its seller. Raises `NotFound` and `PortfolioNotThere`."""
    portfolio = await find_portfolio(tx, actor, portfolio_id)
    file = portfolio.preview if stage is Disclosure.PREVIEW else portfolio.vetted
    if portfolio.state is not PortfolioState.READY or file is None:
        raise PortfolioNotThere(f"the portfolio is {portfolio.state.value}; its masked files exist once it is ready")
    body = {"stage": stage.value, "file_sha256": file.sha256}
    await journal.append(tx, actor, f"portfolio:{portfolio_id}", "portfolio.masked_file_taken", body)
    return file


def existing(portfolio: Portfolio | None) -> Portfolio:
    """Row-level security hides other organisations' portfolios, so theirs do not exist either."""
    if portfolio is None:
        raise NotFound("no portfolio of yours has this id")
    return portfolio


def own_org(actor: Actor) -> UUID:
    """The organisation that a member acts for."""
    if actor.org_id is None:
        raise AssertionError("a member belongs to an organisation")
    return actor.org_id


def own_user(actor: Actor) -> UUID:
    """The person who acts, or whose API key does."""
    if actor.user_id is None:
        raise AssertionError("a member is a person")
    return actor.user_id


async def _save(
    tx: AsyncSession, actor: Actor, name: str, mapping: dict[str, Any], *, template_id: UUID, now: datetime
) -> Template:
    template = Template(
        template_id, own_org(actor), checked_name(name), header_digest(mapping["columns"]), mapping, now
    )
    return await store.save_template(tx, template, own_user(actor))


def _merged(portfolio: Portfolio, order: MappingOrder) -> dict[str, Any]:
    proposed = portfolio.mapping or {}
    columns: dict[str, str | None] = dict(proposed.get("columns", {}))
    encoding = _encoding(portfolio, order)
    said: dict[str, str | None] = dict(order.columns)
    if encoding:
        was = proposed.get("encoding") or (portfolio.source or {})["encoding"]
        said = {column: name for column, name in said.items() if column not in columns} | _respelt(
            {column: name for column, name in said.items() if column in columns}, was=was, now=encoding
        )
        columns = _respelt(columns, was=was, now=encoding)
    mapping = {
        "columns": columns | said,
        "decimal_mark": order.decimal_mark or proposed.get("decimal_mark", "."),
        "date_order": order.date_order or proposed.get("date_order", "mdy"),
        "encoding": encoding,
    }
    _require_applicable(mapping, unknown=[column for column in said if column not in columns])
    _require_no_doubt(portfolio, order, mapping)
    return mapping


def _require_no_doubt(portfolio: Portfolio, order: MappingOrder, mapping: dict[str, Any]) -> None:
    """A column that was only taken for the balance, while others hold amounts too, is named by the seller or is not sold by."""
    if (portfolio.source or {}).get("template") or portfolio.state is not PortfolioState.MAPPING_NEEDED:
        return
    made = Mapping(**mapping)
    face = made.columns_of(made.face_field)[0]
    for finding in portfolio.findings or ():
        if finding.get("rivals") and finding["column"] == face and face not in order.columns:
            rivals = ", ".join(map(repr, finding["rivals"]))
            raise BadMapping(
                f"which column is the balance? {face!r} was taken for {finding['field']}, and {rivals} hold amounts too: "
                "name the right one in columns",
                field=f"columns.{face}",
            )


def _respelt(columns: dict[str, str | None], *, was: str, now: str) -> dict[str, str | None]:
    """The same headers as the other encoding spells them."""
    try:
        return {header.encode(was).decode(now): name for header, name in columns.items()}
    except UnicodeError:
        raise BadMapping(f"the headers cannot be read as {now}", field="encoding") from None


def _encoding(portfolio: Portfolio, order: MappingOrder) -> str:
    """What the seller says, or said before, that the file is in; empty where the file itself tells."""
    source, said = portfolio.source or {}, (portfolio.mapping or {}).get("encoding", "")
    if not source.get("encoding_guessed"):
        return ""
    if order.encoding is None and not said:
        raise BadMapping(
            f"nothing in the file says its encoding; it was read as {source['encoding']}: "
            "look at source.words, and confirm that encoding or name another",
            field="encoding",
        )
    encoding = known(order.encoding or said)
    if encoding is None:
        raise BadMapping(f"no such encoding; those that are read: {', '.join(ENCODINGS)}", field="encoding")
    return encoding


def _require_applicable(mapping: dict[str, Any], *, unknown: Sequence[str] = ()) -> None:
    """Raises `BadMapping` with everything that is wrong; `unknown` are columns that the tape has not."""
    faults = ["the tape has no such column; compare with its findings"] if unknown else []
    try:
        Mapping(**mapping).require_mandatory()
    except PolicyError as error:
        faults.append(str(error))
    if faults:
        fields = [f"columns.{column}" for column in unknown] or ["columns"]
        raise BadMapping("; ".join(faults), field=fields[0], fields=fields)
