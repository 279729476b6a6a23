"""What the stores share: conditions, and how values lie in columns."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, null, or_

from market.kit.pages import PageRequest
from market.portfolios.rules import KeptFile, Refusal


def before(column: Any, request: PageRequest) -> list[ColumnElement[bool]]:
    """The next page of a list that shows the newest first."""
    return [column < request.after] if request.after else []


def free(query: Select[Any], row: Any, states: list[str], now: datetime) -> Select[Any]:
    """In one of `states` and held by no worker."""
    return query.where(row.state.in_(states), or_(row.claimed_until.is_(None), row.claimed_until < now))


def stored(changed: dict[str, Any]) -> dict[str, Any]:
    """Files become two columns, refusals an object, and None is SQL's NULL (never JSON's)."""
    result: dict[str, Any] = {}
    for name, value in changed.items():
        if isinstance(value, KeptFile):
            result |= {f"{name}_sha256": value.sha256, f"{name}_size_bytes": value.size_bytes}
        elif isinstance(value, Refusal):
            result[name] = asdict(value)
        elif value is None:
            result[name] = null()
        else:
            result[name] = value
    return result


def kept_file(sha256: str | None, size_bytes: int | None) -> KeptFile | None:
    return None if sha256 is None or size_bytes is None else KeptFile(sha256, size_bytes)


def refusal_of(stored: dict[str, Any] | None) -> Refusal | None:
    return None if stored is None else Refusal(**stored)
