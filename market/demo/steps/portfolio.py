"""The seller's side before the auction: upload, mapping, what was refused, pools."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from market.client.http import Upload
from market.client.portfolios import Pool, Portfolio, RefusedAccount
from market.demo import tape as own_tape
from market.demo.cast import SELLER
from market.demo.options import read_corrections
from market.demo.world import World
from masking.mappingfile import SavedMapping

_MASK_S = 120
_MANY = 50
"""A pool smaller than this is not cut off for its own sake."""
_EVERYTHING: Mapping[str, Any] = {"everything": True}
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

PoolPlan = tuple[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class TapeFile:
    """The file to upload, what its seller knows about its headers, and what must be found in it if we made it."""

    upload: Upload
    corrections: dict[str, str | None]
    cut_off_on: date
    generated: own_tape.GeneratedTape | None = None


def choose_tape(world: World) -> TapeFile:
    """The user's tape, or a generated one."""
    given, cut_off_on = world.options.tape, world.clock.now().date()
    corrections = _saved(world).columns
    if given is None:
        made = own_tape.generate(cut_off_on)
        known = {**own_tape.CORRECTIONS, **corrections}
        return TapeFile(Upload("tape.csv", made.content, "text/csv"), known, cut_off_on, made)
    media_type = _XLSX if given.suffix.lower() == ".xlsx" else "text/csv"
    return TapeFile(Upload(given.name, given.read_bytes(), media_type), corrections, cut_off_on)


async def upload(world: World, tape: TapeFile, *, name: str) -> None:
    """The seller uploads the tape, unless it did so before under this name."""
    seller = world[SELLER]
    for found in (await seller.portfolios()).items:
        if found.name == name and found.state != "refused":
            world.sale.portfolio_id = found.portfolio_id
            return
    made = await seller.upload_portfolio(
        name=name, currency=world.bank.currency, cut_off_on=tape.cut_off_on, tape=tape.upload
    )
    world.sale.portfolio_id = made.portfolio_id


async def read_columns(world: World) -> Portfolio:
    """The portfolio once its columns are known (or the tape is refused)."""
    return await _wait(world, {"mapping_needed", "masking", "ready", "refused"})


async def correct_mapping(world: World, corrections: dict[str, str | None]) -> Portfolio:
    """The seller confirms the mapping with its corrections; the portfolio once it is masked (or refused)."""
    found = await read_columns(world)
    if found.state == "mapping_needed":
        saved = _saved(world)
        await world[SELLER].put_mapping(
            found.portfolio_id,
            corrections,
            decimal_mark=saved.decimal_mark,
            date_order=saved.date_order,
            encoding=saved.encoding or (found.source or {}).get("encoding"),
            save_as="monthly export",
            time_barred=time_barred_choice(world),
        )
    return await _wait(world, {"ready", "refused"})


def time_barred_choice(world: World) -> str | None:
    """`disclose` for a tape from outside, which may be mostly old debts; None, which carves them out, for the generated one."""
    return None if world.options.tape is None else "disclose"


def _saved(world: World) -> SavedMapping:
    return read_corrections(world.options.mapping) if world.options.mapping else SavedMapping({})


async def _wait(world: World, states: set[str]) -> Portfolio:
    return await world[SELLER].wait_for_portfolio(
        world.sale.portfolio_id, lambda found: found.state in states, timeout_s=_MASK_S, poll_s=0.1
    )


async def read_refused(world: World) -> Sequence[RefusedAccount]:
    """The refused rows, up to 200."""
    return (await world[SELLER].refused_accounts(world.sale.portfolio_id, limit=200)).items


def plan_pools(portfolio: Portfolio) -> list[PoolPlan]:
    """How this portfolio is cut: by debtor type, else by state, else by balance; the pool to be sold comes first."""
    assert portfolio.strata is not None
    strata, count = portfolio.strata, portfolio.strata["count"]
    for name, condition in (("debtor_type", "debtor_types"), ("state", "states")):
        groups = [each for each in strata["by"].get(name, []) if each["label"] not in {"OTHER", "unknown"}]
        largest = max(groups, key=lambda each: each["count"], default=None)
        if largest and _MANY <= largest["count"] <= count - _MANY:
            return [(f"{largest['label']} accounts", {condition: [largest["label"]]}), ("All others", _EVERYTHING)]
    if count < 4 * _MANY:
        return [("The whole portfolio", _EVERYTHING)]
    middle_cents = strata["face_value_cents"] // count
    return [("Smaller balances", {"max_face_value_cents": middle_cents}), ("Larger balances", _EVERYTHING)]


async def cut_pools(world: World, plans: list[PoolPlan]) -> list[Pool]:
    """The pools, cut and ready (or refused); the first is the one to be sold."""
    seller, portfolio_id = world[SELLER], world.sale.portfolio_id
    pools = (await seller.pools(portfolio_id=portfolio_id)).items or await seller.cut_pools(portfolio_id, plans)
    names = [name for name, _ in plans]
    made = [
        await seller.wait_for_pool(pool.pool_id, lambda found: found.state != "cutting", timeout_s=_MASK_S, poll_s=0.1)
        for pool in sorted(pools, key=lambda pool: names.index(pool.name))
    ]
    world.sale.pool_id = made[0].pool_id
    return made
