"""Sanctions screening, as officers see it."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from market.client.http import Caller


class ScreeningList(Struct, frozen=True):
    list_id: str
    content_hash: str
    entry_count: int
    checked_at: datetime
    good_until: datetime
    published_on: date | None = None


class ScreeningStatus(Struct, frozen=True):
    """Bids and clearances are refused unless the lists `are_fresh`."""

    lists: tuple[ScreeningList, ...]
    are_fresh: bool
    waiting_count: int
    open_alert_count: int
    overdue_org_ids: tuple[UUID, ...]


class Alert(Struct, frozen=True):
    """A disclosed name that may be a listed one, and what made it so."""

    alert_id: UUID
    org_id: UUID
    state: str
    role: str
    name: str
    list_id: str
    entry_id: str
    listed_name: str
    score_bps: int
    trace: dict[str, Any]
    org_name: str | None = None


class AlertPage(Struct, frozen=True):
    items: tuple[Alert, ...]
    next_cursor: str | None = None


class NameAdded(Struct, frozen=True):
    name_id: UUID


class Screening(Struct, frozen=True):
    """One run over an organisation's names."""

    run_id: UUID
    occasion: str
    screened_at: datetime
    algorithm: str
    config_hash: str
    subject_count: int
    alert_ids: tuple[UUID, ...]
    suspect_share_bps: int


class Screenings(Struct, frozen=True):
    items: tuple[Screening, ...]


class ScreeningClient(Caller):
    async def screening(self) -> ScreeningStatus:
        """The lists in force, what waits, who was not screened in time."""
        return await self._call("GET", "/v1/screening", ScreeningStatus)

    async def screening_alerts(
        self, *, state: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> AlertPage:
        """Names that may be listed ones, oldest first."""
        query = {"state": state, "limit": limit, "cursor": cursor}
        return await self._call("GET", "/v1/screening/alerts", AlertPage, query=query)

    async def decide_alert(self, alert_id: UUID, *, verdict: str, reason: str) -> Alert:
        """Say whether it is the listed one: the first word of a match suspends the organisation, a second officer's blocks it."""
        body = {"verdict": verdict, "reason": reason}
        return await self._call("POST", f"/v1/screening/alerts/{alert_id}/decisions", Alert, body=body)

    async def ask_for_screening(self, org_id: UUID) -> None:
        """Have every disclosed name of an organisation screened now."""
        await self._call("POST", f"/v1/organisations/{org_id}/screenings", type(None))

    async def screenings(self, org_id: UUID, *, limit: int = 10) -> Screenings:
        """An organisation's screenings, newest first."""
        query = {"limit": limit}
        return await self._call("GET", f"/v1/organisations/{org_id}/screenings", Screenings, query=query)

    async def add_disclosed_name(self, org_id: UUID, *, role: str, name: str, is_person: bool) -> NameAdded:
        """A name that an organisation has disclosed besides those of its case."""
        body = {"role": role, "name": name, "is_person": is_person}
        return await self._call("POST", f"/v1/organisations/{org_id}/disclosed-names", NameAdded, body=body)
