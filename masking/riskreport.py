"""The risk report: how unique rows are before and after masking, what attacks would find, what each column costs.

Counts, shares and names of columns; never a value of a row.
"""

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import pyarrow as pa

from masking import intake
from masking.attacks import Attack, attacked
from masking.columns import pc
from masking.drafting import Drafting
from masking.fields import AGE_FIELDS, FACE_FIELDS
from masking.granularity import LINKAGE_LIMIT, QUASI_COLUMNS
from masking.leaks import token_columns
from masking.limits import ROW
from masking.policy import Mapping, Stage, default_policy
from masking.report import plain

PERSON_FIELDS = ("date_of_birth", "state", "postal_code", "city", "country", "gender")
NO_KEY = bytes(32)  # tokens are made and thrown away: only other columns are looked at
FORMAT = "market-mask-risk/1"


@dataclass(frozen=True, slots=True)
class View:
    """One file as an attacker sees it: the attacks by what is known, and the masking's own report if there is one."""

    name: str
    attacks: dict[str, Attack]
    report: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class RiskReport:
    """Every view of one tape, in the order of disclosure; `exponent` is the currency's digits after the point."""

    source: str
    k: int
    exponent: int
    views: tuple[View, ...]
    totals: dict[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        body: dict[str, Any] = plain(asdict(self))
        return {"format": FORMAT, "linkage_limit": LINKAGE_LIMIT, **body}


def of_masked(
    source: intake.Source, *, name: str, k: int, report: dict[str, Any] | None = None, exponent: int = 2
) -> RiskReport:
    """The report of one finished masked file; `report` is what was said while it was made."""
    return RiskReport(name, k, exponent, (view_of_masked(source, name=name, report=report),))


def view_of_masked(source: intake.Source, *, name: str, report: dict[str, Any] | None = None) -> View:
    """One finished masked file. Raises IntakeError if it cannot be read."""
    info = intake.inspect(source)
    return View(name, _attack(_texts(source, info), _known(info.columns)), report)


def of_tape(
    source: intake.Source,
    info: intake.TapeInfo,
    mapping: Mapping,
    *,
    name: str,
    cut_off_on: date,
    currency: str,
    k: int,
) -> RiskReport:
    """The report of an unmasked tape: as it came, and as each stage would show it. Raises what `tape.mask` raises."""
    before = View("original", _attack(_texts(source, info), _known_of_tape(mapping)))
    made = Drafting(mapping, default_policy(), token_key=NO_KEY, cut_off_on=cut_off_on, currency=currency)
    with closing(made):
        made.read(intake.read_chunks(source, info, on_ragged=made.validator.refuse_ragged))
        views = [before]
        for stage in (Stage.PREVIEW, Stage.VETTED):
            masker = made.masker(stage=stage, k=k)
            first, *rest = list(masker.mask_all(made.spool))
            attacks = _attack([first, *rest], _known(first.column_names))
            views.append(View(stage.name.lower(), attacks, plain(asdict(masker.report()))))
        return RiskReport(name, k, made.validator.exponent, tuple(views), plain(asdict(made.validator.totals)))


def _texts(source: intake.Source, info: intake.TapeInfo) -> Iterator[pa.Table]:
    for chunk in intake.read_chunks(source, info, on_ragged=lambda _: None):
        rows = chunk.drop_columns([ROW])
        yield pa.table([pc.utf8_trim_whitespace(column) for column in rows.columns], names=rows.column_names)


def _attack(chunks: Iterable[pa.Table], knowledge: dict[str, tuple[str, ...]]) -> dict[str, Attack]:
    return dict(zip(knowledge, attacked(chunks, list(knowledge.values())), strict=True))


def _known(columns: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """What three attackers know of a masked file: the person, the person and the debt, everything but tokens."""
    shown = tuple(columns)
    person = tuple(name for name in shown if name in QUASI_COLUMNS)
    debt = tuple(name for name in shown if name in (*AGE_FIELDS, *FACE_FIELDS))
    tokens = token_columns(shown)
    return {
        "person": person,
        "person and debt": (*person, *debt),
        "everything shown": tuple(name for name in shown if name not in tokens),
    }


def _known_of_tape(mapping: Mapping) -> dict[str, tuple[str, ...]]:
    """The same of the tape: who somebody is in full detail, and the debt to the day and cent."""
    person = tuple(header for name in PERSON_FIELDS for header in mapping.columns_of(name))
    debt = tuple(header for name in (*AGE_FIELDS, *FACE_FIELDS) for header in mapping.columns_of(name))
    return {"person": person, "person and debt": (*person, *debt)}
