"""Chapter 2: a tape becomes a masked file; what cannot be sold is refused with a reason."""

import csv
import io
from collections.abc import Sequence
from itertools import islice
from typing import Any

from market.client.portfolios import Portfolio, RefusedAccount
from market.demo import secrecy
from market.demo.cast import SELLER
from market.demo.checks import StoryEnds
from market.demo.steps import portfolio as steps
from market.demo.steps.portfolio import TapeFile
from market.demo.world import World
from market.kit.money import show

_SHOWN_REFUSED = 12
_SHOWN_ROWS = 5
_SHOWN_COLUMNS = (
    "account_number",
    "age_band",
    "state",
    "debt_type",
    "original_creditor",
    "charged_off_on",
    "opened_on",
)
_BALANCES = ("current_balance", "charge_off_balance", "invoice_amount")
_STRATA = (("age", "Age"), ("state", "State"), ("debtor_type", "Debtor"), ("debt_type", "Debt"), ("balance", "Balance"))


async def tell(world: World) -> None:
    """Upload, mapping, refused rows, strata, masked file, and the proof that the original is nowhere in clear."""
    teller = world.teller
    teller.chapter(2, "The seller uploads a tape, and sees what the market made of it")
    tape = steps.choose_tape(world)
    await steps.upload(world, tape, name=f"Portfolio of {tape.cut_off_on}")
    teller.say(
        f"uploads {tape.upload.name} ({len(tape.upload.content):,} bytes); it is sealed while it comes in", who="seller"
    )
    found = await steps.read_columns(world)
    _require(found, "mapping_needed")
    _show_mapping(world, found, tape)
    _require_a_balance(found, tape)
    _tell_choice(world)
    found = await steps.correct_mapping(world, tape.corrections)
    _require(found, "ready")
    refused = await steps.read_refused(world)
    _show_refused(world, found, refused)
    _check_rows(world, found, refused, tape)
    _show_carved_out(world, found)
    _show_strata(world, found)
    await _show_masked(world, found)
    await _check_secrecy(world, found, tape)


def _tell_choice(world: World) -> None:
    choice = steps.time_barred_choice(world)
    if choice is not None:
        world.teller.say(
            f"maps with time_barred: {choice}, since a tape from outside may be mostly old debts: they stay in, and every buyer"
            " sees how many there are; without it they are carved out",
            who="seller",
        )


def _require(found: Portfolio, state: str) -> None:
    if found.state != state:
        why = f"{found.refusal.code}: {found.refusal.message}" if found.refusal else "no reason given"
        raise StoryEnds(f"the portfolio is {found.state}, not {state} ({why})")


def _show_mapping(world: World, found: Portfolio, tape: TapeFile) -> None:
    rows = []
    for finding in found.findings or ():
        column = finding["column"]
        corrected = f"-> {tape.corrections[column] or 'drop'}" if column in tape.corrections else ""
        rows.append(
            (column, finding["field"] or "(dropped)", f"{finding['confidence']:.2f}", finding["why"], corrected)
        )
    source = found.source or {}
    if source.get("encoding_guessed"):
        world.teller.say(
            f"the file does not say its encoding; it was read as {source['encoding']}. Are these spelt right?"
        )
        world.teller.say(f'{", ".join(source["words"])}  (if not: `"encoding": …` in the --mapping file)')
    world.teller.table("Which column holds what", ("Column", "Detected", "Sure#", "Why", "The seller corrects"), rows)
    if tape.generated is not None:
        seen = {finding["column"]: finding["field"] for finding in found.findings or ()}
        world.checks.equal(
            "columns whose header lies or says nothing are not taken for what they are not, or are corrected",
            expected={"Customer": "debtor_name", "Due": None, "Ref 1": None, "Score Band": None},
            seen={name: seen.get(name) for name in ("Customer", "Due", "Ref 1", "Score Band")},
        )


def _require_a_balance(found: Portfolio, tape: TapeFile) -> None:
    """A user's own tape is not sold by a column that was only taken for the balance."""
    for finding in found.findings or ():
        asked = {finding["column"], *finding.get("rivals", ())}
        if finding.get("rivals") and not asked & tape.corrections.keys():
            rivals = ", ".join(map(repr, finding["rivals"]))
            raise StoryEnds(
                f"which column is the balance? {finding['column']!r} was taken for {finding['field']}, and {rivals} hold amounts "
                "too: say it with --mapping FILE (`market mask detect TAPE --save FILE` writes one to be corrected)"
            )


def _show_refused(world: World, found: Portfolio, refused: Sequence[RefusedAccount]) -> None:
    totals = found.totals or {}
    if refused:
        rows = [(str(each.row_number), each.column_name, each.reason) for each in refused[:_SHOWN_REFUSED]]
        world.teller.table(
            f"Refused rows ({totals['refused_count']}); the header is row 1", ("Row#", "Column", "Reason"), rows
        )
    else:
        world.teller.say("no row of this tape is refused")


def _check_rows(world: World, found: Portfolio, refused: Sequence[RefusedAccount], tape: TapeFile) -> None:
    checks, totals = world.checks, found.totals or {}
    checks.equal(
        "accounts and face value read = accepted + refused",
        expected=(totals["read_count"], totals["read_cents"]),
        seen=(totals["accepted_count"] + totals["refused_count"], totals["accepted_cents"] + totals["refused_cents"]),
    )
    if tape.generated is not None:
        checks.equal(
            "exactly the flawed rows are refused, each for its flaw",
            expected=tape.generated.refused,
            seen={
                row.row_number: next((w for w in tape.generated.refused.values() if w in row.reason), row.reason)
                for row in refused
            },
        )
        checks.equal(
            "what remains is worth what the tape says, to the cent",
            expected=(tape.generated.account_count, tape.generated.face_value_cents),
            seen=(totals["accepted_count"], totals["accepted_cents"]),
        )


def _show_carved_out(world: World, found: Portfolio) -> None:
    told: dict[str, Any] = found.saleability or {}
    rows = [
        (
            each["title"],
            each["citation"],
            f"{each['account_count']:,}",
            show(each["face_value_cents"], found.currency),
            "carved out" if each["carved"] else "sold, and disclosed",
        )
        for each in told["rules"]
    ]
    if rows:
        headings = ("Rule", "Citation", "Accounts#", "Face value#", "Outcome")
        world.teller.table(
            "What may not be sold, or only disclosed (limitation periods: unreviewed, shortest of four tables)",
            headings,
            rows,
        )
    carved = [each for each in told["rules"] if each["carved"]]
    totals = found.totals or {}
    world.checks.equal(
        "accepted = saleable + carved out, account by account under one rule each",
        expected=(totals["accepted_count"], totals["accepted_cents"]),
        seen=(
            told["saleable_count"] + sum(each["account_count"] for each in carved),
            told["saleable_cents"] + sum(each["face_value_cents"] for each in carved),
        ),
    )


def _show_strata(world: World, found: Portfolio) -> None:
    strata: dict[str, Any] = found.strata or {}
    total_cents = strata["face_value_cents"]
    world.teller.say(f"{strata['count']:,} accounts, face value {show(total_cents, found.currency)}", who="strata")
    for name, title in _STRATA:
        groups = strata["by"].get(name)
        if groups:
            rows = [
                (
                    each["label"],
                    f"{each['count']:,}",
                    show(each["face_value_cents"], found.currency),
                    f"{100 * each['face_value_cents'] / max(1, total_cents):.1f} %",
                )
                for each in groups
            ]
            world.teller.table("", (title, "Accounts#", "Face value#", "Share#"), rows)
    if any(each["label"] == "OTHER" for groups in strata["by"].values() for each in groups):
        world.teller.say("OTHER gathers groups that are too small to be named", who="strata")
    sums = {name: sum(each["face_value_cents"] for each in groups) for name, groups in strata["by"].items()}
    world.checks.equal("each of the strata adds up", expected=dict.fromkeys(sums, total_cents), seen=sums)


async def _show_masked(world: World, found: Portfolio) -> None:
    preview = await world[SELLER].download_own_masked_file(found.portfolio_id, stage="preview")
    rows = csv.DictReader(io.StringIO(preview.decode()))
    there = rows.fieldnames or ()
    balance = next(name for name in _BALANCES if name in there)
    columns = [*(name for name in _SHOWN_COLUMNS if name in there), balance]
    shown = [[row[name] for name in columns] for row in islice(rows, _SHOWN_ROWS)]
    title = (
        "The masked file as bidders preview it (names, addresses, numbers gone; dates to the month, amounts rounded)"
    )
    world.teller.table(title, columns, shown)


async def _check_secrecy(world: World, found: Portfolio, tape: TapeFile) -> None:
    """No value of the original in a masked file, nor anywhere in the server's folder; and the search is able to find."""
    assert found.mapping is not None
    values = secrecy.known_values(tape.upload, found.mapping.columns)
    for stage in ("preview", "vetted"):
        masked = await world[SELLER].download_own_masked_file(found.portfolio_id, stage=stage)
        leaked = sum(value in masked for value in values)
        world.checks.equal(
            f"the masked file ({stage}) holds none of {len(values)} known values", expected=0, seen=leaked
        )
    folder = world.settings.data_dir
    world.checks.equal(
        "the original lies nowhere in clear on the server's disk", expected=[], seen=secrecy.occurrences(folder, values)
    )
    control = secrecy.occurrences(folder, [SELLER.email.encode()])
    world.checks.holds(
        "that search finds what is there (control: the seller's address, in the mail)",
        expected="some file",
        seen=control[:2],
        held=bool(control),
    )
