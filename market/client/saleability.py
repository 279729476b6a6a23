"""What may not be sold, accounts in two listings, and leaks."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from msgspec import Struct

from market.client.http import Caller


class HeldPool(Struct, frozen=True):
    held_pool_id: UUID
    name: str
    rule_ids: tuple[str, ...]
    account_count: int
    face_value_cents: int


class HeldPoolList(Struct, frozen=True):
    items: tuple[HeldPool, ...]


class SaleabilityRules(Struct, frozen=True):
    """`limitation_pack`: periods in years with their sources; `conflict` where these disagree."""

    rules: tuple[dict[str, Any], ...]
    limitation_pack: tuple[dict[str, Any], ...]


class DoubleSale(Struct, frozen=True):
    flag_id: UUID
    organisation: str
    portfolio_id: UUID
    other_pool_id: UUID
    account_count: int
    pool_id: UUID | None = None
    resolution: dict[str, Any] | None = None


class DoubleSalePage(Struct, frozen=True):
    items: tuple[DoubleSale, ...]
    next_cursor: str | None = None


class Suspicion(Struct, frozen=True):
    organisation: str
    org_id: UUID
    matched_count: int
    count: int


class Leak(Struct, frozen=True):
    """Who had a copy, the likeliest source first."""

    pool_id: UUID
    suspicions: tuple[Suspicion, ...]


class ShredOrder(Struct, frozen=True):
    """`wrap_count` keys were destroyed once another officer approved."""

    order_id: UUID
    portfolio_id: UUID
    reason: str
    wrap_count: int | None = None


class ShredOrderPage(Struct, frozen=True):
    items: tuple[ShredOrder, ...]
    next_cursor: str | None = None


class Shredding(Struct, frozen=True):
    portfolio_id: UUID
    wrap_count: int


class SaleabilityClient(Caller):
    async def saleability_rules(self) -> SaleabilityRules:
        """On what grounds accounts are not sold, and the limitation periods."""
        return await self._call("GET", "/v1/saleability-rules", SaleabilityRules)

    async def download_carve_out(self, portfolio_id: UUID) -> bytes:
        """Every account that is not sold, as CSV: row number, rule, citation."""
        return await self._download(f"/v1/portfolios/{portfolio_id}/carve-out.csv")

    async def hold_accounts(self, portfolio_id: UUID, *, name: str, rule_ids: Sequence[str] = ()) -> HeldPool:
        """Keep carved-out accounts together: those of these rules, or all."""
        body = {"name": name, "rule_ids": list(rule_ids)}
        return await self._call("POST", f"/v1/portfolios/{portfolio_id}/held-pools", HeldPool, body=body)

    async def held_pools(self, portfolio_id: UUID) -> tuple[HeldPool, ...]:
        """The portfolio's held pools."""
        return (await self._call("GET", f"/v1/portfolios/{portfolio_id}/held-pools", HeldPoolList)).items

    async def download_held_pool(self, portfolio_id: UUID, held_pool_id: UUID) -> bytes:
        """The row numbers of a held pool, as CSV."""
        return await self._download(f"/v1/portfolios/{portfolio_id}/held-pools/{held_pool_id}/rows.csv")

    async def double_sales(
        self, *, only_open: bool = False, limit: int = 50, cursor: str | None = None
    ) -> DoubleSalePage:
        """For officers: accounts found in two listings."""
        query = {"only_open": str(only_open).lower(), "limit": limit, "cursor": cursor}
        return await self._call("GET", "/v1/double-sales", DoubleSalePage, query=query)

    async def resolve_double_sale(self, flag_id: UUID, *, outcome: str, reason: str) -> DoubleSale:
        """For officers: `allowed` or `upheld`."""
        body = {"outcome": outcome, "reason": reason}
        return await self._call("POST", f"/v1/double-sales/{flag_id}/resolution", DoubleSale, body=body)

    async def trace_leak(self, pool_id: UUID, leak: bytes) -> Leak:
        """For officers: whose copy of the pool's vetted file a leaked file, or a part of it, came from."""
        return await self._send(f"/v1/pools/{pool_id}/leak-traces", Leak, content=leak, media_type="text/csv")

    async def ask_shredding(self, portfolio_id: UUID, *, reason: str) -> ShredOrder:
        """For officers: ask that a portfolio's keys be destroyed."""
        return await self._call(
            "POST", f"/v1/portfolios/{portfolio_id}/shred-orders", ShredOrder, body={"reason": reason}
        )

    async def approve_shredding(self, order_id: UUID) -> Shredding:
        """For another officer: destroy them. There is no way back."""
        return await self._call("POST", f"/v1/shred-orders/{order_id}/approval", Shredding)

    async def shred_orders(self, *, limit: int = 50, cursor: str | None = None) -> ShredOrderPage:
        """For officers: what was asked for."""
        return await self._call("GET", "/v1/shred-orders", ShredOrderPage, query={"limit": limit, "cursor": cursor})
