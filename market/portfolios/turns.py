"""Pools are disjoint by construction: they choose their accounts in turn, and nobody chooses what was taken."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from market.portfolios.rules import Pool, Selection


@dataclass(frozen=True, slots=True)
class Turn:
    """One pool's turn to choose: it takes what its selection meets and none of the turns `after` (places in a list) took."""

    selection: Selection
    after: tuple[int, ...] = ()


def turns_of(pool: Pool, pools: Mapping[UUID, Pool]) -> tuple[Turn, ...]:
    """The turns that decide what `pool` holds, in the order in which they choose; the last one is its own.

    `pools` are the portfolio's pools by id. A pool excludes only pools that were asked for before it.
    """
    needed, open_ids = {pool.pool_id}, [pool.pool_id]
    while open_ids:
        found = {other for other in pools[open_ids.pop()].excluded_pool_ids if other not in needed}
        needed |= found
        open_ids += found
    order = sorted(needed)
    place = {pool_id: number for number, pool_id in enumerate(order)}
    return tuple(
        Turn(pools[pool_id].selection, tuple(place[other] for other in pools[pool_id].excluded_pool_ids))
        for pool_id in order
    )
