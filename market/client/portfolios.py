"""Tapes, portfolios, pools and the data room."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from market.client.http import Upload
from market.client.saleability import SaleabilityClient
from market.client.uploads import UploadsClient


class TapeRefusal(Struct, frozen=True):
    """Why a whole tape or pool was refused, and where."""

    code: str
    message: str
    row: int | None = None
    column: str | None = None


class ColumnMapping(Struct, frozen=True):
    """Header → field, or None to drop the column."""

    columns: dict[str, str | None]
    decimal_mark: str = "."
    date_order: str = "mdy"
    encoding: str = ""


class Portfolio(Struct, frozen=True):
    """`findings`: per column the detected field, how sure and why. `totals`, `strata`, `report`: once it is masked."""

    portfolio_id: UUID
    name: str
    currency: str
    cut_off_on: date
    state: str
    refusal: TapeRefusal | None = None
    source: dict[str, Any] | None = None
    findings: tuple[dict[str, Any], ...] | None = None
    mapping: ColumnMapping | None = None
    totals: dict[str, Any] | None = None
    strata: dict[str, Any] | None = None
    report: dict[str, Any] | None = None
    time_barred: str = "carve_out"
    saleability: dict[str, Any] | None = None
    preview_sha256: str | None = None
    vetted_sha256: str | None = None
    created_at: datetime | None = None


class PortfolioPage(Struct, frozen=True):
    items: tuple[Portfolio, ...]
    next_cursor: str | None = None


class RefusedAccount(Struct, frozen=True):
    row_number: int
    column_name: str
    reason: str


class RefusedPage(Struct, frozen=True):
    items: tuple[RefusedAccount, ...]
    next_cursor: str | None = None


class Pool(Struct, frozen=True):
    """What one auction sells. `selection`, `refusal` and `report` are the seller's alone."""

    pool_id: UUID
    portfolio_id: UUID
    org_id: UUID
    name: str
    state: str
    currency: str
    account_count: int | None = None
    face_value_cents: int | None = None
    debtor_states: tuple[str, ...] | None = None
    strata: dict[str, Any] | None = None
    tape_version: str | None = None
    commitment_root: str | None = None
    preview_sha256: str | None = None
    vetted_sha256: str | None = None
    left_out: dict[str, dict[str, int]] | None = None
    time_barred: dict[str, int] | None = None
    auction_id: UUID | None = None
    offered_at: datetime | None = None
    sold_at: datetime | None = None
    selection: dict[str, Any] | None = None
    refusal: TapeRefusal | None = None
    report: dict[str, Any] | None = None


class PoolList(Struct, frozen=True):
    items: tuple[Pool, ...]
    next_cursor: str | None = None


class Nda(Struct, frozen=True):
    nda_version: str
    text: str
    text_sha256: str
    accepted_at: datetime | None = None


class NdaAcceptance(Struct, frozen=True):
    pool_id: UUID
    nda_version: str
    accepted_at: datetime


class Download(Struct, frozen=True):
    organisation: str
    stage: str
    file_sha256: str
    downloaded_at: datetime


class DownloadPage(Struct, frozen=True):
    items: tuple[Download, ...]
    next_cursor: str | None = None


class Template(Struct, frozen=True):
    template_id: UUID
    name: str
    columns: dict[str, str | None]
    decimal_mark: str = "."
    date_order: str = "mdy"


class TemplatePage(Struct, frozen=True):
    items: tuple[Template, ...]
    next_cursor: str | None = None


class PortfoliosClient(SaleabilityClient, UploadsClient):
    async def upload_portfolio(self, *, name: str, currency: str, cut_off_on: date, tape: Upload) -> Portfolio:
        """Upload a tape (CSV, XLSX or Parquet). Reading and masking happen afterwards: see `wait_for_portfolio`."""
        fields = {"name": name, "currency": currency, "cut_off_on": cut_off_on.isoformat()}
        return await self._upload("/v1/portfolios", Portfolio, file=("tape", tape), fields=fields)

    async def portfolios(self, *, limit: int = 50, cursor: str | None = None) -> PortfolioPage:
        """The own portfolios."""
        return await self._call("GET", "/v1/portfolios", PortfolioPage, query={"limit": limit, "cursor": cursor})

    async def portfolio(self, portfolio_id: UUID) -> Portfolio:
        """One portfolio as it stands."""
        return await self._call("GET", f"/v1/portfolios/{portfolio_id}", Portfolio)

    async def wait_for_portfolio(
        self, portfolio_id: UUID, until: Callable[[Portfolio], bool], *, timeout_s: float = 120, poll_s: float = 0.2
    ) -> Portfolio:
        """The portfolio once `until` holds. Raises `TimeoutError`."""
        return await self._wait(lambda: self.portfolio(portfolio_id), until, timeout_s=timeout_s, poll_s=poll_s)

    async def put_mapping(
        self,
        portfolio_id: UUID,
        columns: Mapping[str, str | None],
        *,
        decimal_mark: str | None = None,
        date_order: str | None = None,
        save_as: str | None = None,
        time_barred: str | None = None,
        encoding: str | None = None,
    ) -> Portfolio:
        """Confirm or correct which column holds what; columns not named stay as proposed.

        `time_barred`: `carve_out` (what stands if nothing is said), or `disclose` to sell such accounts as what they are.
        `encoding` must be said where the portfolio's `source["encoding_guessed"]`.
        """
        body = {"columns": dict(columns), "decimal_mark": decimal_mark, "date_order": date_order, "save_as": save_as}
        body |= {"time_barred": time_barred, "encoding": encoding}
        return await self._call("PUT", f"/v1/portfolios/{portfolio_id}/mapping", Portfolio, body=body)

    async def refused_accounts(self, portfolio_id: UUID, *, limit: int = 50, cursor: str | None = None) -> RefusedPage:
        """The tape's refused rows, each with its reason."""
        path = f"/v1/portfolios/{portfolio_id}/refused-accounts"
        return await self._call("GET", path, RefusedPage, query={"limit": limit, "cursor": cursor})

    async def download_refused_accounts(self, portfolio_id: UUID) -> bytes:
        """All refused rows as one CSV file."""
        return await self._download(f"/v1/portfolios/{portfolio_id}/refused-accounts.csv")

    async def download_own_masked_file(self, portfolio_id: UUID, *, stage: str) -> bytes:
        """The own portfolio as bidders may see it at `stage` (preview, vetted)."""
        return await self._download(f"/v1/portfolios/{portfolio_id}/masked-file", query={"stage": stage})

    async def mapping_templates(self, *, limit: int = 50, cursor: str | None = None) -> TemplatePage:
        """The own saved mappings."""
        return await self._call("GET", "/v1/mapping-templates", TemplatePage, query={"limit": limit, "cursor": cursor})

    async def save_mapping_template(
        self, *, name: str, columns: Mapping[str, str | None], decimal_mark: str = ".", date_order: str = "mdy"
    ) -> Template:
        """Keep a mapping for tapes with exactly these headers."""
        body = {"name": name, "columns": dict(columns), "decimal_mark": decimal_mark, "date_order": date_order}
        return await self._call("POST", "/v1/mapping-templates", Template, body=body)

    async def cut_pools(self, portfolio_id: UUID, pools: Sequence[tuple[str, Mapping[str, Any]]]) -> tuple[Pool, ...]:
        """Cut pools by (name, selection), e.g. `("Rest", {"everything": True})`; see `wait_for_pool`."""
        body = {"pools": [{"name": name, "selection": dict(selection)} for name, selection in pools]}
        return (await self._call("POST", f"/v1/portfolios/{portfolio_id}/pools", PoolList, body=body)).items

    async def pools(
        self, *, portfolio_id: UUID | None = None, own: bool = False, limit: int = 50, cursor: str | None = None
    ) -> PoolList:
        """Pools on offer, or the own ones."""
        query = {"portfolio_id": portfolio_id, "own": str(own).lower(), "limit": limit, "cursor": cursor}
        return await self._call("GET", "/v1/pools", PoolList, query=query)

    async def pool(self, pool_id: UUID) -> Pool:
        """One pool as it stands."""
        return await self._call("GET", f"/v1/pools/{pool_id}", Pool)

    async def wait_for_pool(
        self, pool_id: UUID, until: Callable[[Pool], bool], *, timeout_s: float = 120, poll_s: float = 0.2
    ) -> Pool:
        """The pool once `until` holds. Raises `TimeoutError`."""
        return await self._wait(lambda: self.pool(pool_id), until, timeout_s=timeout_s, poll_s=poll_s)

    async def nda(self, pool_id: UUID) -> Nda:
        """The non-disclosure terms, and whether we accepted them."""
        return await self._call("GET", f"/v1/pools/{pool_id}/nda", Nda)

    async def accept_nda(self, pool_id: UUID, nda_version: str) -> NdaAcceptance:
        """Accept the terms for this pool."""
        body = {"nda_version": nda_version}
        return await self._call("POST", f"/v1/pools/{pool_id}/nda", NdaAcceptance, body=body)

    async def download_masked_file(self, pool_id: UUID, *, stage: str) -> bytes:
        """The pool's masked file at `stage` (preview, vetted). The download is recorded."""
        return await self._download(f"/v1/pools/{pool_id}/masked-file", query={"stage": stage})

    async def downloads(self, pool_id: UUID, *, limit: int = 50, cursor: str | None = None) -> DownloadPage:
        """Who took which file of the own pool."""
        path = f"/v1/pools/{pool_id}/downloads"
        return await self._call("GET", path, DownloadPage, query={"limit": limit, "cursor": cursor})
